"""Carrying out an accepted decision: on paper here, by real orders later; and the books of account."""
