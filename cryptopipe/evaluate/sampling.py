"""Looks at a market every few seconds, and after each change, for the arbitrage indices.

Enters: inputs, in order. Leaves: what `Indices` and `States` count. Never: a book that is not live, a quote older than
allowed, an instrument that does not trade, or a clock: instants are a grid over the inputs' own stamps.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal

from cryptopipe.capture.inputs import ACTION, PRIVATE, Direction, Input
from cryptopipe.clock import Nanos
from cryptopipe.evaluate.indices import EVERY, Indices, States, VenueQuote
from cryptopipe.market.market import Market
from cryptopipe.market.sync import BookState, BookSync
from cryptopipe.model.events import TopUpdate
from cryptopipe.model.facts import Instrument, Kind, TradingState, VenueId
from cryptopipe.model.money import exact, ratio
from cryptopipe.model.stream import Proof


class Sampler:
    """A market that is looked at on a grid: at each multiple of `every`, what all inputs up to it have told.

    `max_age` is since the last frame of a book. Kinds are kept apart unless `compare_kinds`: then a pair is of all
    instruments between its assets, and each instrument is a place. `first_at` and `last_at` are the inputs' stamps.
    """

    def __init__(
        self, market: Market, indices: Indices, max_age: Nanos, every: Nanos = EVERY, compare_kinds: bool = False
    ) -> None:
        self.market, self.indices = market, indices
        self.states: dict[str, States] = {}
        self.first_at: Nanos = 0
        self.last_at: Nanos = 0
        self.max_age, self.every, self.compare_kinds = max_age, every, compare_kinds
        self._next: Nanos = 0
        self._books = 0
        self._pairs: dict[str, list[BookSync]] = {}

    def receive(self, entry: Input) -> None:
        """The next input; instants before it are looked at first. What concerns an account changes no book."""
        if not self.first_at:
            self.first_at, self._next = entry.at, -(-entry.at // self.every) * self.every
        self._look_before(entry.at)
        self.last_at = entry.at
        if entry.conn.endswith(PRIVATE) or entry.request.startswith(ACTION):
            return
        self.market.receive(entry)
        moved = self.market.take_changed()
        events = self.market.events if entry.direction is Direction.RECV else ()
        told = {event.symbol for event in events if type(event) is TopUpdate}
        if moved or told:
            self._see(entry, moved.values(), told)
        self.market.transitions.clear()
        self.market.listings.news.clear()
        self.market.appeared.clear()

    def finish(self) -> None:
        """The instants up to the last stamp, which is one of them if it is on the grid."""
        self._look_before(self.last_at + 1)

    @property
    def instants(self) -> int:
        """How many the grid has between the first stamp and the last."""
        return self.last_at // self.every - (self.first_at - 1) // self.every if self.first_at else 0

    @property
    def caveats(self) -> list[str]:
        """The instruments whose stream cannot show a gap, of pairs that several places quote."""
        found = {
            sync.instrument.id
            for syncs in self._grouped().values()
            for sync in syncs
            if len(syncs) > 1 and sync.rule.proof is Proof.NONE
        }
        return [f"streams that cannot show a gap: {', '.join(sorted(found))}"] if found else []

    def _look_before(self, until: Nanos) -> None:
        known_until = self.last_at + self.max_age
        while self._next < until and self._next <= known_until:
            for pair, syncs in self._grouped().items():
                self.indices.sample(self._next, pair, list(self._quotes(syncs, self._next)))
            self._next += self.every
        if self._next < until:  # no quote is that fresh
            self._next = -(-until // self.every) * self.every

    def _see(self, entry: Input, moved: Iterable[BookSync], told: set[str]) -> None:
        """One state of each pair that the frame concerns."""
        books = self.market.books.get(VenueId(entry.venue), {})
        by_move = {pair_of(sync.instrument, self.compare_kinds) for sync in moved}
        by_word = {pair_of(books[symbol].instrument, self.compare_kinds) for symbol in told if symbol in books}
        for pair in sorted(by_move | by_word):
            quotes = self._quotes(self._grouped()[pair], entry.at)
            self.states.setdefault(pair, States()).see(quotes, pair in by_word, pair in by_move)

    def _grouped(self) -> dict[str, list[BookSync]]:
        """The books by pair; books are never taken away."""
        books = sum(map(len, self.market.books.values()))
        if books != self._books:
            self._books, self._pairs = books, {}
            syncs = (sync for venue in self.market.books.values() for sync in venue.values())
            for sync in sorted(syncs, key=lambda sync: sync.id):
                self._pairs.setdefault(pair_of(sync.instrument, self.compare_kinds), []).append(sync)
        return self._pairs

    def _quotes(self, syncs: Iterable[BookSync], at: Nanos) -> Iterator[VenueQuote]:
        """What may be looked at of a pair's books."""
        for sync in syncs:
            one, top = sync.instrument, sync.book.top
            if sync.state is not BookState.LIVE or top is None or at - sync.last_frame_at > self.max_age:
                continue
            bid, bid_size, ask, ask_size = top.bid, top.bid_size, top.ask, top.ask_size
            if bid is None or bid_size is None or ask is None or ask_size is None or bid <= 0:
                continue
            if one.state is TradingState.TRADING:
                yield quote_of(one, self.compare_kinds, bid, bid_size, ask, ask_size)


def pair_of(instrument: Instrument, compare_kinds: bool) -> str:
    """What an instrument is compared under: `BTC/USDT`, or `BTC/USDT linear_perpetual` where kinds are apart."""
    apart = "" if instrument.kind is Kind.SPOT or compare_kinds else f" {instrument.kind.value}"
    return f"{instrument.base}/{instrument.quote}{apart}"


def quote_of(
    instrument: Instrument, compare_kinds: bool, bid: Decimal, bid_size: Decimal, ask: Decimal, ask_size: Decimal
) -> VenueQuote:
    """Best prices with sizes as the venue displays them, as the quote of a place."""
    place = instrument.id if compare_kinds else instrument.venue
    sizes = in_base(instrument, bid_size, bid), in_base(instrument, ask_size, ask)
    return VenueQuote(place, bid, sizes[0], ask, sizes[1])


def in_base(instrument: Instrument, size: Decimal, price: Decimal) -> Decimal:
    """A displayed size in units of the base; of inverse contracts to 12 significant digits."""
    if instrument.kind is Kind.SPOT:
        return size
    with exact():
        worth = size * instrument.contract_size
    return worth if instrument.kind is Kind.LINEAR_PERPETUAL else ratio(worth, price)
