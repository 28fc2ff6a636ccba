"""Which kinds of faults there are, what is drawn for each, and their own keys.

Enters: nothing. Leaves: the tables `MARKET_KINDS` and `ACTION_KINDS`. Never: what a fault does, a key that has no
default.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import NamedTuple

from cryptopipe.clock import LAST, SECOND, Nanos, parse_duration

BILLION = 1_000_000_000
"""A share of one is a whole number of billionths."""
ANY = "any"
"""What a word says that leaves nothing out."""


class Scope(Enum):
    """What is drawn with the fault's probability."""

    DIAL = "dial"
    CONNECTION = "connection"  # once for each connection and fault
    FRAME = "frame"
    REQUEST = "request"
    ACTION = "action"  # an order, a cancel, a withdrawal, a move
    TRANSFER = "transfer"  # a withdrawal: once for each and fault
    EVENT = "event"  # of an account's tape
    VENUE = "venue"  # nothing: it is in force or not


class Key(NamedTuple):
    """A key of one kind: how its text is read (raises `ValueError` with what was expected), and its default."""

    read: Callable[[str], int]
    default: int


class Word(NamedTuple):
    """A key whose value is a text: what it may be (empty: anything), and its default."""

    choices: tuple[str, ...] = ()
    default: str = ANY


class Kind(NamedTuple):
    """A kind of fault: what is drawn, its own keys, how long it lasts where `for` is not given, its texts."""

    scope: Scope
    keys: Mapping[str, Key] = {}
    lasts: Nanos = LAST
    words: Mapping[str, Word] = {}


def duration(text: str) -> Nanos:
    """At or above zero. Raises `ValueError`."""
    return parse_duration(text)


def _signed(text: str) -> Nanos:
    return -parse_duration(text[1:]) if text.startswith("-") else parse_duration(text)


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise ValueError(f"expected a whole number from {least} to {most}, got {text!r}")
        return number

    return read


def _yes(text: str) -> int:
    if text not in ("true", "false"):
        raise ValueError(f"expected true or false, got {text!r}")
    return text == "true"


def share(text: str) -> int:
    """In billionths. Raises `ValueError`."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1:
        raise ValueError(f"expected a number above 0, at most 1, got {text!r}")
    return max(1, round(value * BILLION))


_RETRY_AFTER = {"retry_after": Key(duration, 5 * SECOND)}

MARKET_KINDS: Mapping[str, Kind] = {
    "reset": Kind(Scope.CONNECTION, lasts=SECOND),
    "accept_then_close": Kind(Scope.DIAL, {"code": Key(_whole(1000, 4999), 1013)}),
    "refuse": Kind(Scope.DIAL, _RETRY_AFTER),
    "stall": Kind(Scope.CONNECTION),
    "black_hole": Kind(Scope.CONNECTION),
    "drop": Kind(Scope.FRAME),
    "duplicate": Kind(Scope.FRAME),
    "reorder": Kind(Scope.FRAME),
    "truncate": Kind(Scope.FRAME),
    "corrupt": Kind(Scope.FRAME, {"digit": Key(_yes, 0)}),
    "delay": Kind(Scope.FRAME, {"delay": Key(duration, SECOND)}),
    "http_429": Kind(Scope.REQUEST, _RETRY_AFTER),
    "http_5xx": Kind(Scope.REQUEST, {"status": Key(_whole(500, 599), 503)}),
    "stale_snapshot": Kind(Scope.REQUEST, {"age": Key(duration, 5 * SECOND)}),
    "clock_offset": Kind(Scope.VENUE, {"offset": Key(_signed, SECOND)}),
    "clock_drift": Kind(Scope.VENUE, {"drift_ppm": Key(_whole(-100_000, 100_000), 200)}),
    "huge_frame": Kind(Scope.CONNECTION, {"size": Key(_whole(1, 60_000_000), 20_000_000)}, lasts=SECOND),
}
"""What happens to connections, frames, answers and clocks, whatever they are about."""

_OF = {"of": Word(("order", "cancel", "withdraw", "move", ANY))}
_COIN = {"asset": Word(), "network": Word()}
_WALLET = {**_COIN, "of": Word(("deposits", "withdrawals", ANY))}

ACTION_KINDS: Mapping[str, Kind] = {
    "lost_request": Kind(Scope.ACTION, words=_OF),
    "late_request": Kind(Scope.REQUEST, {"delay": Key(duration, 2 * SECOND)}),
    "lost_response": Kind(Scope.ACTION, words=_OF),
    "late_ack": Kind(Scope.ACTION, {"delay": Key(duration, 2 * SECOND)}, words=_OF),
    "action_5xx": Kind(Scope.ACTION, {"status": Key(_whole(500, 599), 503), "done": Key(_yes, 0)}, words=_OF),
    "reject": Kind(Scope.ACTION, words=_OF),
    "partial": Kind(Scope.ACTION, {"share": Key(share, BILLION // 2)}),
    "maintenance": Kind(Scope.VENUE),
    "suspended_wallet": Kind(Scope.VENUE, words=_WALLET),
    "stuck_transfer": Kind(Scope.TRANSFER, words=_COIN),
    "failed_transfer": Kind(Scope.TRANSFER, words=_COIN),
    "duplicate_event": Kind(Scope.EVENT),
    "reorder_event": Kind(Scope.EVENT),
    "drop_private": Kind(Scope.CONNECTION, lasts=SECOND),
}
"""What happens to orders, balances and transfers, and to what is told of them."""

KINDS: Mapping[str, Kind] = {**MARKET_KINDS, **ACTION_KINDS}
