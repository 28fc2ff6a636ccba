"""What one collector writes, as a value that is kept beside its capture.

Enters: the command line or the configuration, checked. Leaves: `Plan`, and what a session must know of the one before
it. Never: a default that a second reading of the same capture could take otherwise.
"""

from collections.abc import Mapping

import msgspec

from cryptopipe.clock import Nanos
from cryptopipe.collect.layout import folder_kind
from cryptopipe.collect.manifest import Gap

LIVE, SANDBOX, RECORDING = "live", "sandbox", "recording"
"""Whose market it is."""
DEPTH = 5
"""Levels of a book row's sides where nothing else was asked for."""
INTERVALS_MS = {"book": 1000, "candle": 60_000}
"""Where nothing else was asked for."""


class Wanted(msgspec.Struct, frozen=True):
    """One kind of rows. `interval_ms` of book and candle, `depth` of book."""

    kind: str
    interval_ms: int | None = None
    depth: int | None = None

    @property
    def folder(self) -> str:
        """Its folder: `trade`, `book-1000ms`."""
        return folder_kind(self.kind, self.interval_ms)


class Plan(msgspec.Struct, frozen=True):
    """The rows of one venue. `symbols` None: of everything that it tells; `max_bytes` of rows begin another file.
    `market`: `live`, `sandbox`, or `recording` where a capture does not say whose it is.
    """

    venue: str
    symbols: tuple[str, ...] | None
    wanted: tuple[Wanted, ...]
    form: str = "csv"
    header: bool = False
    max_bytes: int = 64 << 20
    market: str = LIVE

    def kind(self, kind: str) -> tuple[Wanted, ...]:
        """What is wanted of a kind."""
        return tuple(one for one in self.wanted if one.kind == kind)


class Carried(msgspec.Struct):
    """What the next session must know of a stream, so that it writes nothing twice and names what it did not see.

    `until`: the stamp of the last input that could have told of it; `ids`: of its last trades; `last`: their last id as
    a number and its time in ms, where ids are numbers; `steps`: how many followed one another by one, and how many not;
    `bucket`: of the last book row, or the candle that is written next; `candle`: those that are open; `lost`: since
    when a book was not proven, 0 if it was; `gaps`: those that no file's manifest has named yet.
    """

    until: Nanos = 0
    ids: list[str] = msgspec.field(default_factory=list)
    last: tuple[int, int] | None = None
    steps: tuple[int, int] = (0, 0)
    bucket: int | None = None
    candle: list[str] = msgspec.field(default_factory=list)
    lost: Nanos = 0
    gaps: list[Gap] = msgspec.field(default_factory=list)


def stream_key(folder: str, symbol: str) -> str:
    """By which `Carried` is found."""
    return f"{folder}/{symbol}"


NOTHING_CARRIED: Mapping[str, Carried] = {}
