"""Facts and contracts: the values every layer shares, and what a plugin is."""
