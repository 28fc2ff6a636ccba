"""Pure functions that say what an edge is worth. Floats propose, exact arithmetic decides."""
