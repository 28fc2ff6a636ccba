"""What a strategy and the gate may read: live books at the stamp of the turn, net of what paper orders took.

Enters: the market's books, the account's fees, balances and experience. Leaves: tops, ladders, ages, proofs. Never: a
price of a book that is not live.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, overload

from cryptopipe.clock import Nanos
from cryptopipe.core import SCALE, Book, TopOfBook, Window
from cryptopipe.market.experience import Experience, Road
from cryptopipe.market.fees import FeesInForce
from cryptopipe.market.market import Market
from cryptopipe.market.networks import Networks
from cryptopipe.market.sync import BookState, BookSync
from cryptopipe.model.custody import Routes
from cryptopipe.model.facts import Asset, FeeSchedule, Instrument, Side, VenueId
from cryptopipe.model.strategies import Ladder
from cryptopipe.model.stream import Proof

_CHUNK = 2
Taken = Mapping[tuple[str, bool, int], int]
"""Units that paper orders took and that have not come back: by (instrument id, bids?, price units)."""


class DisplayedLadder(Sequence[tuple[Decimal, Decimal]]):
    """Levels of one side, best first, read from the book in growing chunks, without what was taken."""

    def __init__(self, book: Book, bids: bool, taken: Taken, instrument_id: str) -> None:
        self._book, self._bids, self._taken, self._id = book, bids, taken, instrument_id
        self._rows: list[tuple[Decimal, Decimal]] = []
        self._read = 0
        self._whole = False

    def _fill(self, wanted: int) -> None:
        while len(self._rows) < wanted and not self._whole:
            limit = max(_CHUNK, 2 * self._read)
            levels = self._book.ladder(self._bids, limit)
            self._whole = len(levels) < limit
            units = levels.units() if self._taken else ()
            for index in range(self._read, len(levels)):
                price, size = levels[index]
                gone = self._taken.get((self._id, self._bids, units[index][0]), 0) if units else 0
                if gone:
                    size = Decimal(max(0, units[index][1] - gone)).scaleb(-SCALE)
                if size:
                    self._rows.append((price, size))
            self._read = len(levels)

    def __len__(self) -> int:
        self._fill(1 << 30)
        return len(self._rows)

    def __bool__(self) -> bool:
        self._fill(1)
        return bool(self._rows)

    @overload
    def __getitem__(self, index: int) -> tuple[Decimal, Decimal]: ...
    @overload
    def __getitem__(self, index: slice) -> list[tuple[Decimal, Decimal]]: ...
    def __getitem__(self, index: int | slice) -> tuple[Decimal, Decimal] | list[tuple[Decimal, Decimal]]:
        if isinstance(index, slice):
            self._fill(1 << 30)
            return self._rows[index]
        self._fill(index + 1 if index >= 0 else 1 << 30)
        return self._rows[index]


class View:
    """The `MarketView` of a run. `now` and `turn` are set by who asks the strategy."""

    def __init__(
        self,
        market: Market,
        fees: Mapping[VenueId, FeeSchedule],
        balance: Callable[[VenueId, Asset], Decimal],
        taken: Taken,
        networks: Networks | None = None,
        experience: Experience | None = None,
    ) -> None:
        self._market = market
        self._networks = networks or Networks(market.listings)
        self._experience = experience or Experience()
        self._fees = fees if isinstance(fees, FeesInForce) else FeesInForce(fees)
        self._balance = balance
        self._taken = taken
        self.now: Nanos = 0
        self.turn = 0
        self.at_end = False
        """At the end of a run: closed books show the last top they had, for valuation only."""

    @property
    def instruments(self) -> Sequence[Instrument]:
        return [sync.instrument for books in self._market.books.values() for sync in books.values()]

    def _live(self, instrument: Instrument) -> BookSync | None:
        sync = self._market.books[instrument.venue].get(instrument.symbol)
        return sync if sync is not None and sync.state is BookState.LIVE else None

    def top(self, instrument: Instrument) -> TopOfBook | None:
        sync = self._live(instrument)
        top = sync.book.top if sync else self._last_top(instrument) if self.at_end else None
        return top if top is not None and top.bid_units is not None and top.ask_units is not None else None

    def _last_top(self, instrument: Instrument) -> TopOfBook | None:
        sync = self._market.books[instrument.venue].get(instrument.symbol)
        return sync.last_top if sync else None

    def ladder(self, instrument: Instrument, side: Side) -> Ladder:
        sync = self._live(instrument)
        return DisplayedLadder(sync.book, side is Side.SELL, self._taken, instrument.id) if sync else ()

    def state(self, instrument: Instrument) -> str:
        """`live`, or why the book cannot be read."""
        sync = self._market.books[instrument.venue].get(instrument.symbol)
        return "no book" if sync is None else sync.state.value

    def proof(self, instrument: Instrument) -> Proof:
        sync = self._market.books[instrument.venue].get(instrument.symbol)
        return Proof.NONE if sync is None else sync.rule.proof

    def age(self, instrument: Instrument) -> Nanos:
        sync = self._market.books[instrument.venue].get(instrument.symbol)
        return self.now - (0 if sync is None else sync.last_frame_at)

    def as_told(self, instrument: Instrument) -> Instrument:
        """The instrument as it is now, whatever who asks remembers of it."""
        sync = self._market.books[instrument.venue].get(instrument.symbol)
        return instrument if sync is None else sync.instrument

    def refused(self, instrument: Instrument) -> str:
        """Why its venue's word on it was not believed; empty if it was."""
        return self._market.listings.refused.get(instrument.id, "")

    def fees(self, instrument: Instrument) -> FeeSchedule | None:
        return self._fees.of(instrument)

    def balance(self, venue: VenueId, asset: Asset) -> Decimal:
        return self._balance(venue, asset)

    def column(self, instrument: Instrument, name: str, since: Nanos, until: Nanos) -> tuple[Any, int]:
        sync = self._market.books[instrument.venue].get(instrument.symbol)
        window = Window(0) if sync is None else sync.book.window
        return window.column(name, since, until)

    def routes(self, asset: Asset, source: VenueId, target: VenueId) -> Routes:
        return self._networks.routes(asset, source, target, self.now)

    def lives(self, kind: str) -> Sequence[tuple[Nanos, bool]]:
        return self._experience.lives(kind)

    def alive_since(self, edge: str) -> Nanos | None:
        return self._experience.alive_since(edge)

    def plans(self, kind: str) -> tuple[int, int]:
        return self._experience.plans(kind)

    def latency(self, venue: VenueId) -> Nanos | None:
        return self._experience.latency(venue)

    def transfers(self, source: VenueId, chain: str, target: VenueId) -> Sequence[tuple[float, bool]]:
        return self._experience.transfers(Road(source, chain, target), self.now)
