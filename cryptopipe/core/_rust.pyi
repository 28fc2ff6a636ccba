"""The native core's face; `reference.py` says what each name promises. Versions and stamps are 64-bit integers here."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, ClassVar, Final, final

from cryptopipe.model.events import BookDelta, LevelFormat, OrderEvent, OrderFormat, RawLevels

__all__ = [
    "NAME",
    "SCALE",
    "Book",
    "Column",
    "Count",
    "Lane",
    "LevelTape",
    "Levels",
    "OrderBook",
    "OrderTape",
    "TopOfBook",
    "Window",
    "build_info",
]

NAME: Final = "native"
SCALE: Final = 12

def build_info() -> str:
    """Version of the crate, binary interface, build profile."""

def parse_instant(text: str) -> int:
    """See `cryptopipe/core/instant.py`."""

@final
class Levels:
    @staticmethod
    def parse(raw: RawLevels, form: LevelFormat, bids: bool | None = None) -> Levels: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[tuple[Decimal, Decimal]]: ...
    def __getitem__(self, index: int, /) -> tuple[Decimal, Decimal]: ...
    def units(self) -> list[tuple[int, int]]: ...

@final
class TopOfBook:
    @property
    def bid(self) -> Decimal | None: ...
    @property
    def bid_size(self) -> Decimal | None: ...
    @property
    def ask(self) -> Decimal | None: ...
    @property
    def ask_size(self) -> Decimal | None: ...
    @property
    def bid_units(self) -> int | None: ...
    @property
    def bid_size_units(self) -> int | None: ...
    @property
    def ask_units(self) -> int | None: ...
    @property
    def ask_size_units(self) -> int | None: ...
    @property
    def version(self) -> int: ...
    @property
    def event_time(self) -> int: ...
    @property
    def received_at(self) -> int: ...

@final
class Column:
    def __len__(self) -> int: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...

@final
class Window:
    COLUMNS: ClassVar[tuple[str, ...]]
    def __new__(cls, span: int) -> Window: ...
    def push(self, top: TopOfBook) -> None: ...
    def __len__(self) -> int: ...
    def column(self, name: str, since: int, until: int) -> tuple[Any, int]: ...

@final
class Book:
    def __new__(
        cls,
        form: LevelFormat,
        depth: int = 0,
        checksum: str = "",
        checksum_levels: int = 10,
        span: int = 360_000_000_000,
    ) -> Book: ...
    @property
    def top(self) -> TopOfBook | None: ...
    @property
    def window(self) -> Window: ...
    @property
    def version(self) -> int: ...
    def clear(self) -> None: ...
    def load(
        self,
        bids: RawLevels,
        asks: RawLevels | None,
        version: int,
        event_time: int,
        received_at: int,
        checksum: int | None = None,
    ) -> TopOfBook | None: ...
    def apply(
        self,
        bids: RawLevels,
        asks: RawLevels | None,
        version: int,
        event_time: int,
        received_at: int,
        checksum: int | None = None,
    ) -> TopOfBook | None: ...
    def quote(
        self, bid: str, bid_size: str, ask: str, ask_size: str, version: int, event_time: int, received_at: int
    ) -> TopOfBook | None: ...
    def levels(self, bids: bool, limit: int = 0) -> Levels: ...
    def ladder(self, bids: bool, limit: int = 0) -> Levels: ...
    def size_at(self, bids: bool, price_units: int) -> int: ...
    def counts(self) -> tuple[int, int]: ...

@final
class OrderBook:
    def __new__(
        cls,
        form: OrderFormat,
        depth: int = 0,
        checksum: str = "",
        checksum_levels: int = 10,
        transient_cross: bool = False,
        span: int = 360_000_000_000,
    ) -> OrderBook: ...
    @property
    def top(self) -> TopOfBook | None: ...
    @property
    def window(self) -> Window: ...
    @property
    def version(self) -> int: ...
    def clear(self) -> None: ...
    def load(
        self,
        bids: RawLevels,
        asks: RawLevels,
        version: int,
        event_time: int,
        received_at: int,
        checksum: int | None = None,
    ) -> TopOfBook | None: ...
    def apply(
        self,
        bids: Sequence[OrderEvent],
        asks: Sequence[OrderEvent],
        version: int,
        event_time: int,
        received_at: int,
        checksum: int | None = None,
    ) -> TopOfBook | None: ...
    def levels(self, bids: bool, limit: int = 0) -> Levels: ...
    def ladder(self, bids: bool, limit: int = 0) -> Levels: ...
    def size_at(self, bids: bool, price_units: int) -> int: ...
    def counts(self) -> tuple[int, int]: ...
    def orders(self, bids: bool, limit: int = 0) -> list[tuple[str, Decimal, Decimal]]: ...
    def ahead(self, order_id: str) -> tuple[int, Decimal]: ...

@final
class Count:
    next: int
    version: int
    def __new__(cls, next: int = -1) -> Count: ...

@final
class Lane:
    count: Count | None
    @property
    def disproved(self) -> bool: ...
    def __new__(cls, form: LevelFormat, shapes: Sequence[str], link: str = "always", counted: bool = False) -> Lane: ...
    def told(self) -> tuple[str, int, int] | None: ...
    def disarm(self) -> None: ...
    def arm(self, sync: Any, book: Book, event: BookDelta) -> None: ...
    def take(self, frame: bytes, at: int) -> Any: ...

@final
class OrderTape:
    """Frames of one event each, (is a bid, change, id, price, size), for `cryptopipe bench book`."""

    def __new__(cls, events: list[tuple[bool, str, str, str, str]]) -> OrderTape: ...
    def play(self, book: OrderBook) -> int: ...

@final
class LevelTape:
    """Frames of raw levels, (bids, asks), for `cryptopipe bench book`."""

    def __new__(cls, frames: list[tuple[bytes, bytes]]) -> LevelTape: ...
    def play(self, book: Book) -> int: ...
