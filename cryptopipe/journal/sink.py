"""A run's records on their way to disk: durable in the right order, and one log line for those a person follows.

Enters: records. Leaves: the same in the log, after the capture up to their cause where it must be. Never: an intent
that is durable before its input, or a log line for a frame.
"""

from collections.abc import Callable
from typing import Any

import structlog

from cryptopipe.capture.writer import Writer
from cryptopipe.clock import Nanos, format_at
from cryptopipe.journal.log import Log
from cryptopipe.journal.records import (
    BookChanged,
    Decided,
    FeesTold,
    Filled,
    Halted,
    InstrumentChanged,
    Intended,
    OrderEnded,
    RunStarted,
)

_LOG = structlog.get_logger()


class DurableSink:
    """The journal's sink of a run on disk: before an intent is durable, the capture up to its input is."""

    def __init__(self, log: Log, capture: Writer) -> None:
        self._log, self._capture = log, capture
        self._seq = 0
        self.heard: Callable[[Any, Nanos], None] = lambda body, at: None
        """Called with each record's body and stamp, for who tells people; what it does is no part of the run."""

    @property
    def records(self) -> int:
        """Records so far."""
        return self._log.records

    @property
    def sha256(self) -> str:
        """Hex digest of all bytes so far."""
        return self._log.sha256

    def append(self, seq: int, at: Nanos, kind: str, body: Any) -> int:
        """The log writes in the background too, so an intent enters it only when its input is durable."""
        self._seq = seq
        if isinstance(body, Intended):
            self._capture.sync(seq)
        number = self._log.append(seq, at, kind, body)
        told = EVENTS.get(type(body))
        if told is not None:
            event, level, facts = told
            getattr(_LOG, level)(event, at=format_at(at), **facts(body))
        self.heard(body, at)
        return number

    def sync(self) -> None:
        """Return when everything appended, and the capture up to its cause, is durable."""
        self._capture.sync(self._seq)
        self._log.sync()

    def close(self) -> None:
        """Release the log."""
        self._log.close()


EVENTS: dict[type, tuple[str, str, Callable[[Any], dict[str, Any]]]] = {
    RunStarted: ("journal.started", "info", lambda b: {"strategy": b.strategy, "label": b.label}),
    BookChanged: ("feed.book", "info", lambda b: {"instrument": b.instrument, "state": b.state, "reason": b.reason}),
    InstrumentChanged: (
        "instrument.changed",
        "info",
        lambda b: {"instrument": b.instrument, "field": b.field, "old": b.old, "new": b.new, "reason": b.reason},
    ),
    FeesTold: (
        "fees.told",
        "info",
        lambda b: {
            "venue": b.venue,
            "maker": str(b.maker),
            "taker": str(b.taker),
            "maker_in_force": str(b.maker_in_force),
            "taker_in_force": str(b.taker_in_force),
            "source": b.source,
        },
    ),
    Decided: (
        "decision",
        "info",
        lambda b: {
            "phase": b.phase,
            "edge": b.edge,
            "accepted": b.accepted,
            "net_bps": str(b.net_bps),
            "refused_by": [reason.check for reason in b.reasons if not reason.passed],
        },
    ),
    Filled: ("order.filled", "info", lambda b: {"order": b.client_id, "price": str(b.price), "size": str(b.quantity)}),
    OrderEnded: ("order.ended", "info", lambda b: {"order": b.client_id, "unfilled": str(b.unfilled), "why": b.why}),
    Halted: ("run.halted", "warning", lambda b: {"reason": b.reason}),
}
"""For each record that is also a log line: its event, level and data."""
