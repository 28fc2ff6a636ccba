"""The tops of a collector, line by line on stdout.

Enters: lines. Leaves: those that stdout takes. Never: a collector that waits for whoever reads them, or ends with him.
"""

import select
import sys
from collections import deque

import click

from cryptopipe.cli.output import lead_nowhere

MOST = 10_000
"""Lines that wait for a slow reader; the oldest give way."""


class Tape:
    """Shows lines, without waiting unless `patient`. A reader that has gone, or a full disk, ends the showing alone."""

    def __init__(self, *, patient: bool = False) -> None:
        self.patient = patient
        self.left_out = 0
        self._waiting: deque[str] = deque()
        self._gone = False

    def __call__(self, line: str) -> None:
        if self._gone or len(self._waiting) == MOST:
            self.left_out += 1
            if self._gone:
                return
            self._waiting.popleft()
        self._waiting.append(line)
        self.flush()

    def flush(self) -> None:
        """Show what stdout takes."""
        try:
            while self._waiting and (self.patient or _takes_a_line()):
                click.echo(self._waiting[0])
                self._waiting.popleft()
        except OSError:
            self._gone = True
            self.left_out += len(self._waiting)
            self._waiting.clear()
            lead_nowhere(sys.stdout)

    def end(self) -> int:
        """How many lines were not shown."""
        self.flush()
        return self.left_out + len(self._waiting)


def _takes_a_line() -> bool:
    """Whether stdout takes at once what a pipe takes whole."""
    try:
        asked = select.poll()
        asked.register(sys.stdout.fileno(), select.POLLOUT)
    except (AttributeError, OSError):  # no descriptor, so nobody to wait for
        return True
    return bool(asked.poll(0))
