"""The risk gate: one synchronous function that accepts or refuses, and says why. It fails closed."""
