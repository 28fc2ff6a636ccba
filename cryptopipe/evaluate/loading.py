"""The libraries of the evaluation, imported ahead of its first use.

Enters: nothing. Leaves: nothing. Never: an import by whoever does not evaluate transfers.
"""


def load_libraries() -> None:
    """Import what the first evaluation of a transfer would import: a second in which a run reads no frame."""
    import scipy.optimize
    import scipy.special  # noqa: F401
