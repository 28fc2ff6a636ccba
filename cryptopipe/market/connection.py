"""One connection as the market sees it, and what its venue has sent.

Enters: frames' counts, codecs, books. Leaves: the books that end with the connection. Never: a book of another venue.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptopipe.clock import Nanos
from cryptopipe.core import Lane
from cryptopipe.errors import ProtocolError, VenueError
from cryptopipe.market.names import carries_orders, orders_dialect
from cryptopipe.market.sync import BookState, BookSync
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.events import BookDelta, FeedEvent, Resync, Send
from cryptopipe.model.facts import VenueId
from cryptopipe.model.stream import FeedCodec, Worded

if TYPE_CHECKING:
    from cryptopipe.market.overlap import Elder, Heir

Decode = Callable[[bytes, Nanos], Iterable[FeedEvent | Send | Resync]]
Take = Callable[[bytes, Nanos], "BookSync | tuple[BookSync, ProtocolError] | tuple[BookSync] | None"]

_STRANGE_KINDS = 100
_STRANGE_SYMBOLS = 1_000
"""Remembered of one connection; a venue that makes up symbols may not fill the memory."""


def left_out(frame: bytes, at: Nanos) -> Iterable[FeedEvent | Send | Resync]:
    """What decodes the frames of a venue that the run leaves out."""
    return ()


def taken_by(lane: Lane) -> tuple[BookDelta, ...]:
    """What the frame meant that a lane took: its levels, which are in the book, are not told."""
    if (told := lane.told()) is None:
        return ()
    symbol, version, event_time = told
    return (BookDelta(symbol, b"[]", None, version, version, 0, event_time),)


@dataclass
class VenueCounts:
    """What one venue sent."""

    frames: int = 0
    tops: int = 0
    trades: int = 0
    unknown: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    """What the unknown frames call themselves, with their numbers; no more than a hundred kinds."""
    refused: int = 0
    refusals: list[str] = field(default_factory=list)

    def strange(self, kind: str) -> None:
        """Count a frame of a kind that its codec does not know."""
        self.unknown += 1
        if kind in self.kinds or len(self.kinds) < _STRANGE_KINDS:
            self.kinds[kind] = self.kinds.get(kind, 0) + 1

    def refusal(self, error: ProtocolError | VenueError) -> None:
        """Count what could not be used, and keep the last five messages."""
        self.refused += 1
        self.refusals.append(error.message[:200])
        del self.refusals[:-5]


@dataclass(frozen=True)
class Transition:
    """A book's state changed; journalled with its reason."""

    sync: BookSync
    state: BookState
    reason: str


@dataclass
class Connection:
    """One connection of a venue: its codec, once the first frame told which dialect it speaks.

    `books` are those whose depth came over it, and `orders` those of single orders: they end with it, and a frame finds
    them without a look-up. `counts` are the venue's own.
    """

    name: str
    venue: VenueId
    counts: VenueCounts
    url: str = ""
    up: bool = True
    """Whether it may say something still."""
    joining: bool = False
    """It was opened to replace another one, which goes on until it carries its books."""
    codec: FeedCodec | None = None
    decode: Decode | None = None
    lane: Lane | None = None
    """Takes its commonest frames straight to their books, where the codec declares one."""
    take: Take | None = None
    books: dict[str, "BookSync | Elder | Heir"] = field(default_factory=dict)
    orders: dict[str, "BookSync | Elder | Heir"] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    """Symbols that the venue's plugin cannot tell."""

    def speak(self, codec: FeedCodec | None) -> None:
        """What decodes the frames from now on; None until the next frame tells."""
        self.codec, self.decode = codec, None if codec is None else codec.decode
        self.lane = getattr(codec, "lane", None)
        self.take = None if self.lane is None else self.lane.take

    def listen(self, plugin: ExchangePlugin, payload: bytes) -> Decode:
        """The codec of the dialect that the connection was opened for, or else that its first frame shows."""
        if carries_orders(self.name):
            dialect = orders_dialect(plugin)
        else:
            dialect = next((one for one in plugin.dialects if one.speaks(self.url, payload)), None)
        codec = (dialect or plugin).feed()
        self.speak(codec)
        return codec.decode

    def worded(self, text: str) -> str:
        """What is sent in place of a text that was given with the subscription; empty for nothing."""
        return self.codec.worded(text) if isinstance(self.codec, Worded) else text

    def syncs(self) -> "list[BookSync]":
        """The books that begin and end with it."""
        found = [*sorted(self.books.items()), *sorted(self.orders.items())]
        return [sync for _, sync in found if isinstance(sync, BookSync)]

    def cannot_tell(self, symbol: str, error: ProtocolError | VenueError) -> None:
        """The venue's plugin does not know this symbol; counted once."""
        if len(self.unknown) >= _STRANGE_SYMBOLS:
            self.unknown.clear()
        self.unknown.add(symbol)
        self.counts.refusal(error)
