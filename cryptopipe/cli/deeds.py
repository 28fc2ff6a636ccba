"""What a deed by hand is, and its journal: intents durable before anything is asked for, then every answer.

Enters: intents, answers. Leaves: `acts/` of the data directory, a journal for each deed. Never: a request before its
intent is on the disk.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import click

from cryptopipe.at_venues import answer_record
from cryptopipe.clock import Nanos, format_at
from cryptopipe.errors import CryptopipeError, UnknownOutcome
from cryptopipe.journal.log import Log
from cryptopipe.journal.records import Body
from cryptopipe.journal.runs import create
from cryptopipe.model.actions import Action
from cryptopipe.model.outcomes import Outcome

FOLDER = "acts"


@dataclass(frozen=True)
class Deeded:
    """What came of a deed: whether all of it was done, in words, and as facts."""

    done: bool
    words: Sequence[str]
    facts: dict[str, Any] = field(default_factory=dict)

    def lines(self) -> Sequence[str]:
        """For a person."""
        return self.words

    def document(self) -> dict[str, Any]:
        """For a program."""
        return {"done": self.done, **self.facts}


class Deed(Protocol):
    """A plan that can be carried out."""

    def lines(self) -> Sequence[str]:
        """The plan for a person."""

    def document(self) -> dict[str, Any]:
        """The plan for a program."""

    def do(self, data_dir: Path) -> Deeded:
        """Carry it out. Raises `VenueError`, `UnknownOutcome`."""


class Record:
    """The journal of one deed."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._number = 0

    def tell(self, body: Body) -> None:
        """Append a record."""
        self._number += 1
        self._log.append(self._number, time.time_ns(), body.kind, body)

    def intend(self, body: Body) -> None:
        """Append an intent, and return when it is durable."""
        self.tell(body)
        self._log.sync()

    def heard(self, action: Action, outcome: Outcome | CryptopipeError, took: Nanos) -> None:
        """An answer."""
        self.tell(answer_record(action, outcome, took))


@contextmanager
def asked_once(what: str, client_id: str) -> Iterator[None]:
    """While inside, one thing is asked for. Who is not told what came of it is told how to find that out: by our id.

    Raises `UnknownOutcome`, `KeyboardInterrupt`.
    """
    try:
        yield
    except KeyboardInterrupt:
        click.echo(f"whether the {what} was done is not known, its id is {client_id}: {_LOOK}", err=True)
        raise
    except UnknownOutcome as error:
        told = error.message if client_id in error.message else f"{error.message}; the {what}'s id is {client_id}"
        raise UnknownOutcome(told, where=error.where, fix=error.fix or _LOOK) from error


_LOOK = "look for it at the venue before you ask again"


@contextmanager
def recorded(data_dir: Path, what: str) -> Iterator[Record]:
    """The journal of a deed, in a directory of its own below `acts/`."""
    now = time.time_ns()
    run = create(data_dir / FOLDER, now)
    run.describe({"mode": "act", "what": what})
    with Log.open(run.journal) as log:
        yield Record(log)
        log.sync()
    run.end(time.time_ns(), {"what": what, "ended": format_at(time.time_ns())})
