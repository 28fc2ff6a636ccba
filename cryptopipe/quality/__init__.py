"""Checks of collected files, in a process of their own: reads what is sealed, and writes verdicts beside it."""
