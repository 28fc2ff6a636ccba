"""The command line.

Enters: arguments. Leaves: results on stdout, logs and progress on stderr, one exit code. Never: a traceback for what a
user can mend; an import of a command that was not asked for.
"""

from cryptopipe.cli.root import main

__all__ = ["main"]
