"""What both dialects of Kraken share: stamps, numbers as written, the sync rule.

Enters: text of one frame. Leaves: nanoseconds, checked number text, `sync_rule`. Never: a rounded number, or a stamp
that does not fit 64 bits.
"""

import re
from typing import Annotated

import msgspec

from cryptopipe.api import LevelFormat, Nanos, Proof, SyncRule, apply_always, parse_epoch, parse_instant

DEPTH = 1000
"""Levels a side that are subscribed to, of 10, 25, 100, 500, 1000; the book is cut to it after every update
(docs.kraken.com/exchange/api-reference/spot-websocket-v2/book and guides/websockets/book-checksum-v2, 2026-11-21)."""

UNREADABLE = (msgspec.MsgspecError, ValueError, IndexError, RecursionError)
"""What reading a frame that is no such frame may raise."""

Crc = Annotated[int, msgspec.Meta(ge=0, lt=2**32)]

nanos = parse_instant
"""`2021-04-17T16:48:53.365913Z` with none to nine digits of a fraction. Raises `ValueError`."""

_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_LATEST = 2**63


def sync_rule(level_format: LevelFormat) -> SyncRule:
    """No sequence numbers: each update carries a CRC32 of the book's best ten levels a side as it is afterwards."""
    return SyncRule(
        proof=Proof.CHECKSUM,
        link=apply_always,
        join=apply_always,
        snapshot_by_request=False,
        level_format=level_format,
        depth=DEPTH,
        checksum="crc_mantissas",
        checksum_levels=10,
        note="CRC32 of the best 10 levels a side; deeper levels are proven when they enter them",
    )


def epoch_nanos(text: str) -> Nanos:
    """`1618678135.960438`. Raises `ValueError`."""
    if len(text) == 17 and text[10] == "." and text < "9" and (digits := text[:10] + text[11:]).isdecimal():
        return int(digits) * 1000
    found = parse_epoch(text)
    if found >= _LATEST:
        raise ValueError(f"a stamp beyond 64 bits: {text!r}")
    return found


def number(raw: msgspec.Raw) -> str:
    """A bare JSON number as it was written. Raises `ValueError`."""
    return checked(bytes(raw).decode())


def checked(text: str) -> str:
    """The text, if it is a number at or above zero. Raises `ValueError`."""
    if _NUMBER.fullmatch(text) is None:
        raise ValueError(f"not a number at or above zero: {text[:40]!r}")
    return text
