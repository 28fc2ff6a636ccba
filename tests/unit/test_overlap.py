"""A connection is replaced before its lifetime ends: no book waits, no top goes back, nothing is asked for twice."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal as D
from functools import cache

import msgspec
import pytest
from conformance.bitfoo import BitFooFeed
from hypothesis import given, settings
from hypothesis import strategies as st
from simulation.arena import START, Arena, plain
from simulation.bitfoo_sandbox import bitfoo

from cryptopipe import api
from cryptopipe.capture.inputs import METADATA, Direction, Input
from cryptopipe.clock import SECOND, Nanos, Stamper
from cryptopipe.drivers.intake import Arrival, Intake
from cryptopipe.market.feeds import Ask, Feeds, Task
from cryptopipe.market.market import Market
from cryptopipe.market.overlap import Switched
from cryptopipe.market.sync import BookState
from cryptopipe.model.events import Close, Dial
from cryptopipe.registry import Registry
from cryptopipe.sandbox.faults import Fault
from cryptopipe.sandbox.parameters import Parameters

pytestmark = [pytest.mark.core]

VENUE = api.VenueId("bitfoo")
LIFE: Nanos = 12 * SECOND
COINS = ("BTC", "ETH", "SOL")


class Listed:
    def __init__(self, venue: api.VenueId) -> None:
        rules = api.TradingRules(D("0.01"), D("0.0001"), D("0.0001"), D(5))
        make, quote = api.Instrument, api.Asset("USDT")
        self._ones = [make(venue, f"{coin.lower()}usdt", api.Asset(coin), quote, rules=rules) for coin in COINS]

    def listed(self) -> Sequence[api.Instrument]:
        return self._ones

    def find(self, symbol: str) -> api.Instrument:
        return next(one for one in self._ones if one.symbol == symbol)


class Unnumbered(BitFooFeed):
    """The same frames, as if their numbers meant nothing to another connection."""

    rule = replace(BitFooFeed.rule, link=api.apply_always, join=api.apply_always)


def streamed(feed: type[BitFooFeed] = BitFooFeed) -> api.ExchangePlugin:
    return replace(bitfoo, feed=feed, instruments=Listed(VENUE), lifetime=LIFE)


def run(plugin: api.ExchangePlugin, until: Nanos, *faults: Fault) -> Arena:
    assets = ("BTC", "ETH", "USDT", "USD") if plugin.venue != VENUE else (*COINS, "USDT")
    arena = Arena({plugin.venue: plugin}, plain(Parameters.load(), 0.5), 3, faults, assets)
    arena.run(until)
    return arena


@cache
def renewed_twice(name: str) -> Arena:
    """A run of which each connection but the last was replaced."""
    return run(plugin_of(name), 2 * LIFE)


def plugin_of(name: str) -> api.ExchangePlugin:
    if name in ("numbered", "unnumbered"):
        return streamed(BitFooFeed if name == "numbered" else Unnumbered)
    venue, _, orders = name.partition("/")
    if venue not in Registry().exchanges():
        pytest.skip(f"{venue} is not installed")
    plugin = replace(Registry().exchange(venue), lifetime=LIFE)
    return with_orders(plugin) if orders else plugin


def with_orders(plugin: api.ExchangePlugin) -> api.ExchangePlugin:
    """Single orders of every instrument are subscribed to as well."""

    def split(wanted: Sequence[api.Subscription]) -> Sequence[Sequence[api.Subscription]]:
        single = [
            api.Subscription(one, api.Channel.ORDERS) for one in dict.fromkeys(each.instrument for each in wanted)
        ]
        return plugin.split([*wanted, *single])

    return replace(plugin, split=split)


def lost(arena: Arena) -> list[str]:
    """Books that left `live` after all had been."""
    first = max(one.at for one in arena.told if one.state is BookState.LIVE and one.at < 5 * SECOND)
    return [f"{one.book} {one.state.value} at {one.at}: {one.reason}" for one in arena.told if one.at > first]


def closed(arena: Arena) -> list[str]:
    return [entry.conn for entry in arena.inputs if entry.direction is Direction.CLOSE]


SOON = ["numbered", "unnumbered", "binance", "kraken", "bitstamp/orders"]
LATER = ["bybit", "coinbase", "coinbase_exchange", "okx", "gemini", "bitstamp", "bitfinex/orders"]
VENUES = pytest.mark.parametrize("name", [*SOON, *(pytest.param(name, marks=pytest.mark.slow) for name in LATER)])
"""With `/orders`: single orders beside, on connections of their own."""


@VENUES
def test_no_book_waits_and_no_top_goes_back(name: str) -> None:
    arena = renewed_twice(name)
    (venue,) = arena.venues.values()
    assert lost(arena) == []
    assert sum(truth.checked for truth in arena.truths.values()) > 100
    if "bitfinex" not in name:  # it tells of one change in two frames, so that its tops are not all the engine's
        assert arena.lies() == [] and [one.backwards for one in arena.truths.values() if one.backwards] == []
    conns = closed(arena)
    assert f"{next(iter(arena.venues))}#1" in conns and len(conns) >= 2
    assert len(venue.dials) == len(conns) + 1 + name.endswith("/orders"), "one dial each, and no more"
    books = [one for kind in (arena.market.books, arena.market.orders) for of in kind.values() for one in of.values()]
    assert {(one.state, one.gaps) for one in books} == {(BookState.LIVE, 0)}
    assert any(one.rule.orders for one in books) is name.endswith("/orders")


# Two connections that do not tell at the same moment


class Wire(msgspec.Struct):
    """`{"n":3,"bids":[["9","1"]],"asks":[],"time":0,"whole":false}`"""

    n: int
    bids: msgspec.Raw
    asks: msgspec.Raw
    time: int = 0
    whole: bool = False


def following(last: int, delta: api.BookDelta) -> api.Link:
    return api.Link.SKIP if delta.version <= last else api.Link.APPLY if delta.first <= last + 1 else api.Link.GAP


class Numbered:
    """The snapshot is asked for, and the numbers are the book's own."""

    rule = api.SyncRule(api.Proof.SEQUENCE, following, following, snapshot_by_request=True)

    def connect(self, wanted: Sequence[api.Subscription], auth: api.StreamAuth | None, at: Nanos) -> api.Connect:
        return api.Connect("wss://x")

    def decode(self, frame: bytes, received_at: Nanos) -> Sequence[api.FeedEvent]:
        f = msgspec.json.decode(frame, type=Wire)
        if f.whole:
            return (api.BookSnapshot("btcusdt", f.bids, f.asks, f.n, f.time),)
        return (api.BookDelta("btcusdt", f.bids, f.asks, f.n, f.n, f.n - 1, f.time),)


class Streamed(Numbered):
    """The snapshot comes in the stream, and numbers mean nothing to another connection."""

    rule = api.SyncRule(api.Proof.NONE, api.apply_always, api.apply_always, snapshot_by_request=False)


class Rest:
    def request(self, instrument: api.Instrument) -> api.HttpRequest:
        return api.HttpRequest("GET", "https://x/btcusdt")

    def symbol_of(self, url: str) -> str | None:
        return "btcusdt"

    def snapshot(self, symbol: str, response: api.HttpResponse, received_at: Nanos) -> api.BookSnapshot:
        f = msgspec.json.decode(response.body, type=Wire)
        return api.BookSnapshot(symbol, f.bids, f.asks, f.n, f.time)


Levels = dict[tuple[bool, int], int]


class Venue:
    """A book's history: after each change the whole book, and what tells of the change."""

    def __init__(self, changes: Sequence[tuple[bool, int, int]], timed: bool) -> None:
        self.timed = timed
        self.books: list[Levels] = [{(True, 90): 1, (False, 110): 1}]
        self.frames: list[bytes] = [b""]
        for number, (bid, step, size) in enumerate(changes, 1):
            key = (bid, 100 - step if bid else 100 + step)
            after = {**self.books[-1], key: size}
            self.books.append({level: lots for level, lots in after.items() if lots})
            self.frames.append(self._text(number, {key: size}, False))

    def whole(self, number: int) -> bytes:
        return self._text(number, self.books[number], True)

    def tops(self) -> list[tuple[int, int, int, int]]:
        return [best(book) for book in self.books]

    def _text(self, number: int, levels: Levels, whole: bool) -> bytes:
        sides = ([[str(p), str(size)] for (b, p), size in levels.items() if b is bid] for bid in (True, False))
        bids, asks = (msgspec.Raw(msgspec.json.encode(side)) for side in sides)
        return msgspec.json.encode(Wire(number, bids, asks, (START + number) * self.timed, whole))


def best(book: Levels) -> tuple[int, int, int, int]:
    bid = max((price for is_bid, price in book if is_bid), default=0)
    ask = min((price for is_bid, price in book if not is_bid), default=0)
    return bid, book.get((True, bid), 0), ask, book.get((False, ask), 0)


class Ears:
    """One market, and what its book is after each input."""

    def __init__(self, codec: type[Numbered]) -> None:
        plugin = replace(bitfoo, feed=codec, instruments=Listed(VENUE), snapshots=Rest())
        self.market, self.inputs = Market({VENUE: plugin}), list[Input]()
        self.shown: list[tuple[int, int, int, int]] = []

    def hear(self, conn: str, direction: Direction, payload: bytes = b"", **more: str) -> None:
        seq = len(self.inputs) + 1
        entry = Input(seq, seq, START + seq, direction, VENUE, conn, "wss://x", payload, **more)  # type: ignore[arg-type]
        self.inputs.append(entry)
        self.market.receive(entry)

    def look(self) -> Levels:
        """The whole book, which must be live."""
        sync = self.market.books[VENUE]["btcusdt"]
        assert sync.state is BookState.LIVE, sync.reason
        sides = [(bid, sync.book.levels(bid)) for bid in (True, False)]
        book = {(bid, int(price)): int(size) for bid, levels in sides for price, size in levels}
        if not self.shown or best(book) != self.shown[-1]:
            self.shown.append(best(book))
        return book

    @property
    def carried(self) -> bool:
        return any(isinstance(one, Switched) for one in self.market.commands)


changes = st.lists(st.tuples(st.booleans(), st.integers(1, 6), st.integers(0, 2)), min_size=12, max_size=40)


@pytest.mark.parametrize("codec", [Numbered, Streamed])
@pytest.mark.parametrize("timed", [True, False])
@settings(max_examples=40, deadline=None)
@given(
    changes=changes,
    told=st.lists(st.booleans(), min_size=10, max_size=120),
    start=st.integers(2, 8),
    skew=st.integers(-2, 2),
)
def test_whichever_connection_is_ahead_the_book_stays_live_and_true(
    codec: type[Numbered], timed: bool, changes: list[tuple[bool, int, int]], told: list[bool], start: int, skew: int
) -> None:
    venue, ears = Venue(changes, timed), Ears(codec)
    ears.hear("bitfoo#1", Direction.OPEN)
    if codec is Numbered:
        ears.hear("bitfoo#1", Direction.RECV, venue.frames[1])
        ears.hear("bitfoo#1", Direction.HTTP, venue.whole(1), request="btcusdt")
    else:
        ears.hear("bitfoo#1", Direction.RECV, venue.whole(1))
    at = {"bitfoo#1": 1, "bitfoo#1+": start + skew}
    for _ in range(start - 1):
        at["bitfoo#1"] += 1
        ears.hear("bitfoo#1", Direction.RECV, venue.frames[at["bitfoo#1"]])
        ears.look()
    ears.hear("bitfoo#1+", Direction.OPEN)
    if codec is Streamed:
        ears.hear("bitfoo#1+", Direction.RECV, venue.whole(at["bitfoo#1+"]))
    old = True
    for new in [*told, *[True, False] * len(changes)]:
        conn = "bitfoo#1+" if new else "bitfoo#1"
        if at[conn] < len(changes) and (old or new):
            at[conn] += 1
            ears.hear(conn, Direction.RECV, venue.frames[at[conn]])
            assert ears.look() in venue.books
        if old and ears.carried:
            ears.hear("bitfoo#1", Direction.CLOSE, b"replaced")
            old = False
            assert ears.look() in venue.books
    if old:
        ears.hear("bitfoo#1", Direction.CLOSE, b"ended by the venue")
    assert not old or not (timed or codec is Numbered)
    tops, found = venue.tops(), 0
    for top in ears.shown if timed or codec is Numbered else ():
        assert top in tops[found:], "a top that was older than the one before"
        found = tops.index(top, found)
    assert ears.look() == venue.books[-1]
    assert {one.state for one in ears.market.transitions} == {BookState.LIVE}
    again = Ears(codec)
    for entry in ears.inputs:
        again.hear(entry.conn, entry.direction, entry.payload, request=entry.request)
    assert again.look() == ears.look()


# When one of the two is lost


def two(codec: type[Numbered], venue: Venue, new_has: bool) -> Ears:
    """The old connection at change 3; the new one open, and at change 3 as well if it has its snapshot."""
    ears = Ears(codec)
    ears.hear("bitfoo#1", Direction.OPEN)
    ears.hear("bitfoo#1", Direction.RECV, venue.whole(1) if codec is not Numbered else venue.frames[1])
    if codec is not Streamed:
        ears.hear("bitfoo#1", Direction.HTTP, venue.whole(1), request="btcusdt")
    for number in (2, 3):
        ears.hear("bitfoo#1", Direction.RECV, venue.frames[number])
    ears.hear("bitfoo#1+", Direction.OPEN)
    if new_has:
        ears.hear("bitfoo#1+", Direction.RECV, venue.whole(2))
    ears.market.transitions.clear()
    return ears


HISTORY = [(True, 3, 1), (False, 3, 1), (True, 2, 1), (False, 2, 1), (True, 1, 1)]
"""Each change makes a new best price."""


def states(ears: Ears) -> list[tuple[BookState, str]]:
    return [(one.state, one.reason) for one in ears.market.transitions]


def test_the_new_connection_inherits_a_book_that_it_has() -> None:
    venue = Venue(HISTORY, timed=True)
    ears = two(Streamed, venue, new_has=True)
    ears.hear("bitfoo#1", Direction.CLOSE, b"reset")
    assert ears.look() == venue.books[2], "older than the last one shown, and better than none"
    ears.hear("bitfoo#1+", Direction.RECV, venue.frames[3])
    assert (ears.look(), states(ears)) == (venue.books[3], [])


def test_a_book_that_the_new_connection_has_not_yet_waits_for_its_snapshot() -> None:
    venue = Venue(HISTORY, timed=True)
    ears = two(Streamed, venue, new_has=False)
    ears.hear("bitfoo#1", Direction.CLOSE, b"reset")
    ears.hear("bitfoo#1+", Direction.RECV, venue.whole(4))
    assert ears.look() == venue.books[4]
    expected = [(BookState.DEAD, "reset"), (BookState.SYNCING, "connection opened"), (BookState.LIVE, "")]
    assert states(ears) == expected


def test_numbered_changes_need_no_snapshot_whichever_connection_brings_them() -> None:
    venue = Venue(HISTORY, timed=False)
    ears = two(Numbered, venue, new_has=False)
    ears.hear("bitfoo#1", Direction.CLOSE, b"reset")
    ears.hear("bitfoo#1+", Direction.RECV, venue.frames[4])
    assert (ears.look(), states(ears), ears.market.commands) == (venue.books[4], [], [])


def test_numbered_changes_after_a_hole_are_a_gap_and_the_snapshot_is_asked_for() -> None:
    venue = Venue(HISTORY, timed=False)
    ears = two(Numbered, venue, new_has=False)
    ears.hear("bitfoo#1+", Direction.RECV, venue.frames[5])
    assert ears.look() == venue.books[3], "the old one may still bring what is missing"
    ears.hear("bitfoo#1", Direction.CLOSE, b"reset")
    reason = "sequence gap on bitfoo:btcusdt: expected 4, got 5"
    assert states(ears) == [(BookState.SYNCING, reason)]
    assert ears.market.take_commands() == [api.Resync("btcusdt", reason)]
    ears.hear("bitfoo#1+", Direction.HTTP, venue.whole(4), request="btcusdt")
    assert ears.look() == venue.books[5]


@pytest.mark.parametrize("codec", [Numbered, Streamed])
def test_the_end_of_the_new_connection_leaves_the_old_one_alone(codec: type[Numbered]) -> None:
    venue = Venue(HISTORY, timed=True)
    ears = two(codec, venue, new_has=codec is Streamed)
    ears.hear("bitfoo#1+", Direction.CLOSE, b"refused")
    ears.hear("bitfoo#1", Direction.RECV, venue.frames[4])
    assert (ears.look(), states(ears)) == (venue.books[4], [])
    ears.hear("bitfoo#1", Direction.CLOSE, b"reset")
    assert states(ears) == [(BookState.DEAD, "reset")]


def test_what_the_old_connection_tells_late_changes_nothing() -> None:
    venue = Venue([*HISTORY[:3], (False, 2, 1), (False, 2, 2)], timed=True)
    ears = two(Streamed, venue, new_has=True)
    for number in (3, 4, 5):
        ears.hear("bitfoo#1+", Direction.RECV, venue.frames[number])
    ears.hear("bitfoo#1", Direction.RECV, venue.frames[4])
    assert ears.look() == venue.books[5]


def test_a_book_that_was_handed_over_returns_to_the_old_connection_by_a_snapshot() -> None:
    """Two books, of which one was handed over when the new connection broke."""
    venue = Venue(HISTORY, timed=True)
    ears = two(Streamed, venue, new_has=True)
    for number in (3, 4):
        ears.hear("bitfoo#1+", Direction.RECV, venue.frames[number])
    assert ears.look() == venue.books[4]
    ears.hear("bitfoo#1", Direction.RECV, venue.frames[4])
    ears.market.take_commands()
    ears.hear("bitfoo#1+", Direction.CLOSE, b"reset")
    assert states(ears) == [(BookState.SYNCING, "reset")]
    assert ears.market.take_commands() == [api.Resync("btcusdt", "reset")]
    ears.hear("bitfoo#1", Direction.RECV, venue.whole(5))
    assert ears.look() == venue.books[5]


def test_an_unreadable_frame_costs_the_stream_that_it_came_on_and_no_other() -> None:
    venue = Venue(HISTORY, timed=True)
    ears = two(Streamed, venue, new_has=True)
    ears.hear("bitfoo#1+", Direction.RECV, b"x")
    assert ears.look() == venue.books[3]
    (resync,) = ears.market.take_commands()
    assert isinstance(resync, api.Resync) and resync.symbol == "btcusdt"
    ears.hear("bitfoo#1", Direction.RECV, b"x")
    assert [state for state, _ in states(ears)] == [BookState.SYNCING]


def test_trades_told_by_both_count_once() -> None:
    class Trades(Streamed):
        def decode(self, frame: bytes, received_at: Nanos) -> Sequence[api.FeedEvent]:
            if frame == b"trade":
                return (api.Trade("btcusdt", "1", "9", "1", api.Side.BUY, 0),)
            return super().decode(frame, received_at)

    ears = two(Trades, Venue(HISTORY, timed=True), new_has=True)
    ears.hear("bitfoo#1", Direction.RECV, b"trade")
    ears.hear("bitfoo#1+", Direction.RECV, b"trade")
    assert ears.market.counts[VENUE].trades == 1


# What is dialled and asked for


@VENUES
def test_nothing_is_asked_for_again(name: str) -> None:
    """Snapshots of single books are asked for once, at the start; a server time once a minute, metadata for the run."""
    inputs = renewed_twice(name).inputs
    answers = [one for one in inputs if one.direction is Direction.HTTP and one.at > START + SECOND]
    assert [one.request for one in answers if one.request != METADATA] == []


def test_refused_dials_leave_the_old_connection_alone() -> None:
    arena = run(streamed(), 3 * LIFE, Fault("refuse", at=5 * SECOND, lasts=4 * LIFE))
    (venue,) = arena.venues.values()
    assert lost(arena) == []
    assert "bitfoo#1" not in closed(arena), "its venue lets it live, so it lives"
    assert venue.dials[0][1] == 200
    assert {status for _, status, _ in venue.dials[1:]} == {429}
    assert len(venue.dials) <= 1 + 3, "not a dial a second"


@VENUES
def test_a_replay_of_the_inputs_makes_the_same_books(name: str) -> None:
    arena = renewed_twice(name)
    (venue,) = arena.venues
    again = Market({venue: plugin_of(name)})
    states = []
    for entry in arena.inputs:
        again.receive(entry)
        states += [(one.sync.id, one.state, one.reason, entry.at - START) for one in again.transitions]
        again.transitions.clear()
    assert states == [(one.book, one.state, one.reason, one.at) for one in arena.told]
    for symbol, sync in arena.market.books[venue].items():
        other = again.books[venue][symbol]
        assert (sync.last_frame_at, list(sync.book.levels(True)), list(sync.book.levels(False))) == (
            other.last_frame_at,
            list(other.book.levels(True)),
            list(other.book.levels(False)),
        )
        assert len(sync.book.window) == len(other.book.window) > 10


# The commands of a run, on a clock that the test moves


class Unlinked(Numbered):
    """The snapshot is asked for, and changes tell no number that links."""

    rule = replace(Streamed.rule, snapshot_by_request=True)


class Signer:
    """Signs the time of the dial."""

    channels = frozenset({api.Channel.DEPTH})

    def request(self, credentials: api.Credentials, at: Nanos) -> api.HttpRequest | None:
        return None

    def auth(self, credentials: api.Credentials, response: api.HttpResponse | None, at: Nanos) -> api.StreamAuth:
        return api.StreamAuth(str((at - START) // SECOND))


class SignedStream(Streamed):
    def connect(self, wanted: Sequence[api.Subscription], auth: api.StreamAuth | None, at: Nanos) -> api.Connect:
        assert auth is not None
        return api.Connect("wss://x", (f"signed at {auth.token}",))


class Commanded:
    """One venue's feeds over one book, or more."""

    def __init__(self, codec: type[Numbered], *others: str, **more: object) -> None:
        plugin = replace(bitfoo, feed=codec, instruments=Listed(VENUE), snapshots=Rest(), lifetime=LIFE, **more)  # type: ignore[arg-type]
        self.now, self.market = START, Market({VENUE: plugin})
        wanted = [api.Subscription(plugin.instruments.find(one), api.Channel.DEPTH) for one in ("btcusdt", *others)]
        keys = {VENUE: api.SANDBOX_CREDENTIALS}
        self.feeds = Feeds(self.market, {VENUE: plugin}, {VENUE: wanted}, lambda: 1.0, START, credentials=keys)
        self.intake = Intake(self.feeds, self.market.receive, Stamper(lambda: self.now, lambda: self.now))

    def tick(self, at: Nanos) -> list[Task]:
        self.now = START + at
        return [task for _, task in self.intake.tick()]

    def hear(self, conn: str, direction: Direction, payload: bytes = b"", **more: object) -> list[Task]:
        arrival = Arrival(direction, VENUE, conn, self.intake.life(conn), payload, **more)  # type: ignore[arg-type]
        return [task for _, task in self.intake.receive(arrival)]

    def spoken(self, venue: Venue, conn: str, numbers: Sequence[int]) -> list[Task]:
        return [task for number in numbers for task in self.hear(conn, Direction.RECV, venue.frames[number])]

    @property
    def state(self) -> BookState:
        return self.market.books[VENUE]["btcusdt"].state


ASK = Ask(api.HttpRequest("GET", "https://x/btcusdt"), "btcusdt", "bitfoo#1+")


@pytest.mark.parametrize("budget", [1, 20])
def test_a_book_whose_changes_do_not_link_takes_one_request_within_the_budget(budget: int) -> None:
    limit = api.Limit(budget, LIFE)
    venue, run = Venue(HISTORY, timed=False), Commanded(Unlinked, fetch_limits=(limit,))
    run.tick(0)
    run.hear("bitfoo#1", Direction.OPEN)
    assert len(run.spoken(venue, "bitfoo#1", [1])) == 1
    run.hear("bitfoo#1", Direction.HTTP, venue.whole(1), status=200, request="btcusdt")
    for second in range(1, 11):
        run.tick(second * SECOND)
        run.spoken(venue, "bitfoo#1", [1])
    assert [type(one) for one in run.tick(11 * SECOND + SECOND // 10)] == [Dial]
    run.hear("bitfoo#1+", Direction.OPEN)
    run.spoken(venue, "bitfoo#1", [2])
    asked_for = run.spoken(venue, "bitfoo#1+", [2])
    if budget == 1:
        assert asked_for == [], "the one of these twelve seconds was the first"
        run.now = START + LIFE - SECOND // 4
        run.spoken(venue, "bitfoo#1", [2]), run.spoken(venue, "bitfoo#1+", [2])
        asked_for = [one for one in run.tick(LIFE + SECOND // 100) if isinstance(one, Ask)]
    assert asked_for == [ASK]
    tasks = run.hear("bitfoo#1+", Direction.HTTP, venue.whole(2), status=200, request="btcusdt")
    assert run.state is BookState.LIVE
    assert budget == 1 or tasks == [Close("bitfoo#1+ carries its books", "bitfoo#1")]


def test_the_new_connection_is_signed_when_it_is_dialled() -> None:
    venue, run = Venue(HISTORY, timed=False), Commanded(SignedStream, signer=Signer())
    run.tick(0)
    assert run.hear("bitfoo#1", Direction.OPEN) == [api.Send("signed at 0", "bitfoo#1")]
    run.hear("bitfoo#1", Direction.RECV, venue.whole(1))
    for second in range(1, 11):
        run.tick(second * SECOND)
        run.spoken(venue, "bitfoo#1", [1])
    assert [type(one) for one in run.tick(11 * SECOND + SECOND // 10)] == [Dial]
    assert run.hear("bitfoo#1+", Direction.OPEN) == [api.Send("signed at 11", "bitfoo#1+")]
    assert run.hear("bitfoo#1+", Direction.RECV, venue.whole(2)) == []
    assert run.spoken(venue, "bitfoo#1", [2, 3]) == []
    assert run.spoken(venue, "bitfoo#1+", [3]) == [Close("bitfoo#1+ carries its books", "bitfoo#1")]
    assert run.state is BookState.LIVE


class Both(Numbered):
    """`btcusdt 7`: a change of that book."""

    def decode(self, frame: bytes, received_at: Nanos) -> Sequence[api.FeedEvent]:
        symbol, number = frame.decode().split()
        n = int(number)
        return (api.BookDelta(symbol, b'[["90","1"]]', b"[]", n, n, n - 1, 0),)


def test_a_book_that_the_new_connection_never_speaks_of_does_not_stay_live() -> None:
    """Its venue took it off the list while both were open; what the other one says is no sign of its life."""
    venue, run, number, up = Venue([], timed=False), Commanded(Both, "ethusdt"), 1, set[str]()
    eth = run.market.books[VENUE]

    def carry_out(tasks: list[Task]) -> None:
        for task in tasks:
            if isinstance(task, Dial):
                up.add(task.conn)
                carry_out(run.hear(task.conn, Direction.OPEN))
            elif isinstance(task, Close):
                up.discard(task.conn)
            elif isinstance(task, Ask):
                whole = venue.whole(0).replace(b'"n":0', b'"n":%d' % number)
                carry_out(run.hear(task.conn, Direction.HTTP, whole, status=200, request=task.tag))

    for tenth in range(250):
        carry_out(run.tick(tenth * SECOND // 10))
        number += 1
        for conn in sorted(up):
            carry_out(run.hear(conn, Direction.RECV, b"btcusdt %d" % number))
            if conn == "bitfoo#1" and tenth < 121:
                carry_out(run.hear(conn, Direction.RECV, b"ethusdt %d" % number))
        assert tenth > 121 or not eth or eth["ethusdt"].state is BookState.LIVE
    assert (eth["btcusdt"].state, eth["ethusdt"].state) == (BookState.LIVE, BookState.SYNCING)
