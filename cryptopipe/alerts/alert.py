"""One alert: what happened, where, how bad.

Enters: what somebody noticed, with its stamp. Leaves: a frozen value, and the one line of JSON that keeps it. Never: a
line longer than 64 KiB, a line break inside a line.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from cryptopipe.clock import LAST, Nanos, format_at, parse_at

KINDS: dict[str, str] = {
    "quality.failed": "a collected file failed its checks",
    "quality.digest": "what a day's checks found",
    "feed.dead": "a venue's stream or a book is without news for too long",
    "feed.back": "it is live again",
    "instrument.new": "a venue lists an instrument that was not known",
    "instrument.changed": "a venue changed an instrument's rules or state",
    "instrument.delisted": "a venue no longer lists an instrument",
    "stream.unknown": "a frame's kind, field or code that no codec knows: a venue changed its API",
    "risk.state": "the gate of a run changed its state",
    "fill": "an order of a run was filled",
    "collector.stopped": "a collector ended, or fails",
    "collector.spilling": "a collector cannot make rows as fast as frames come",
    "alerts.dropped": "the spool was full before its alerts were delivered",
    "alerts.test": "sent by hand to try a channel",
}
"""The kinds that the framework tells, each in a few words. A plugin or a user may tell others."""

SEVERITIES = ("info", "warning", "critical")
"""Ascending."""

TEXT, VALUE, VALUES = 4096, 512, 64
"""A line keeps at most this much: characters of a text, characters of one datum, data."""
_NAME = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*")


class Alert(msgspec.Struct, frozen=True, gc=False):
    """Something that a person should know.

    `kind` is a dotted noun, of `KINDS` or one's own; `where` the object: a venue, `venue instrument`, a file, a run.
    Alerts of one `key` are the same thing again and are told as a repeat; empty means kind and where. `data` is for
    programs. Raises `ValueError` for a kind that is no dotted noun, an unknown severity, a stamp outside the epoch.
    """

    kind: str
    where: str
    text: str
    severity: str
    at: Nanos
    key: str = ""
    data: Mapping[str, str] = {}

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.kind):
            raise ValueError(f"an alert's kind is a dotted noun such as feed.dead, not {self.kind!r}")
        if self.severity not in SEVERITIES:
            raise ValueError(f"an alert's severity is one of {', '.join(SEVERITIES)}, not {self.severity!r}")
        if not 0 <= self.at <= LAST:
            raise ValueError(f"an alert's stamp is in nanoseconds since the epoch, not {self.at}")

    @property
    def sameness(self) -> str:
        """What repeats of this alert share."""
        return self.key or f"{self.kind} {self.where}"


def to_line(alert: Alert) -> bytes:
    """The alert as it is kept, with its line end; what is too long is cut and ends in `…`."""
    data = {_cut(name, VALUE): _cut(str(value), VALUE) for name, value in list(alert.data.items())[:VALUES]}
    kept = {
        "at": format_at(alert.at),
        "severity": alert.severity,
        "kind": alert.kind,
        "where": _cut(alert.where, VALUE),
        "text": _cut(alert.text, TEXT),
        "key": _cut(alert.key, VALUE),
        "data": data,
    }
    return msgspec.json.encode(kept) + b"\n"


def _cut(text: str, limit: int) -> str:
    text = text.encode("utf-8", "replace").decode()  # a lone surrogate of a venue's bytes cannot be written
    return text if len(text) <= limit else text[: limit - 1] + "…"


def from_line(line: bytes) -> Alert:
    """The alert of a line; members that it does not know are left out. Raises `ValueError` where it is none."""
    try:
        told: dict[str, Any] = msgspec.json.decode(line, type=dict[str, Any])
        return msgspec.convert({**told, "at": parse_at(told["at"])}, Alert)
    except (msgspec.MsgspecError, KeyError, TypeError) as error:
        raise ValueError(f"not an alert: {type(error).__name__}: {error}") from None
