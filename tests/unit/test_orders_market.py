"""Books of single orders in the market: apart from levels, by the same proof, and nobody is woken by them."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal as D

import msgspec
import pytest
from conformance.bitfoo import BitFooFeed, make

from cryptopipe import api
from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.clock import SECOND, Nanos, Stamper
from cryptopipe.drivers.intake import Arrival, Intake
from cryptopipe.gate.gate import Limits
from cryptopipe.journal.log import MemoryLog
from cryptopipe.market.feeds import Ask, Feeds, Task, subscriptions_of
from cryptopipe.market.market import Market
from cryptopipe.market.sync import BookState, BookSync
from cryptopipe.market.texts import texts_of
from cryptopipe.model.events import Close, Dial, Send
from cryptopipe.model.facts import Asset
from cryptopipe.pipe import Pipe, PipeSettings

pytestmark = [pytest.mark.core]

T: Nanos = 1_800_000_000 * SECOND
VENUE = api.VenueId("bitfoo")
COIN = make().instruments.find("btcusdt")
ACKNOWLEDGED = b'{"type":"subscribed","symbol":"btcusdt"}'
LEVELS, ORDERS = "bitfoo#1", "bitfoo#2/orders"


class Told(msgspec.Struct):
    """`{"l3":"told","symbol":"btcusdt","seq":8,"bids":[["add","b7","9.0","1"]],"asks":[]}`"""

    l3: str
    symbol: str
    seq: int
    bids: msgspec.Raw = msgspec.Raw(b"[]")
    asks: msgspec.Raw = msgspec.Raw(b"[]")


def events(raw: msgspec.Raw) -> tuple[api.OrderEvent, ...]:
    rows = msgspec.json.decode(raw, type=list[tuple[str, str, str, str]])
    return tuple(api.OrderEvent(api.OrderChange(change), *rest) for change, *rest in rows)


class Orders:
    """The stream of single orders: its snapshot comes in it."""

    rule = replace(BitFooFeed.rule, orders=api.OrderFormat(0, 1, 2))

    def connect(self, wanted: Sequence[api.Subscription], auth: api.StreamAuth | None, at: Nanos) -> api.Connect:
        return api.Connect("wss://bitfoo.example/v2", tuple(f"orders {one.instrument.symbol}" for one in wanted))

    def decode(self, frame: bytes, received_at: Nanos) -> Sequence[api.FeedEvent]:
        if frame == ACKNOWLEDGED:
            return (api.Notice("subscribed"),)
        try:
            f = msgspec.json.decode(frame, type=Told)
        except msgspec.MsgspecError as error:
            raise api.ProtocolError(f"unreadable frame: {error}") from error
        if f.l3 == "book":
            return (api.OrdersSnapshot(f.symbol, f.bids, f.asks, f.seq, 0),)
        return (api.OrdersDelta(f.symbol, events(f.bids), events(f.asks), f.seq, f.seq, 0, 0),)


class OrdersByRequest(Orders):
    rule = replace(Orders.rule, snapshot_by_request=True)


class Levels(BitFooFeed):
    rule = replace(BitFooFeed.rule, snapshot_by_request=True)


class Rest:
    """`GET /l3?s=btcusdt` or `/l2?…`"""

    def __init__(self, path: str) -> None:
        self._path = path

    def request(self, instrument: api.Instrument) -> api.HttpRequest:
        return api.HttpRequest("GET", f"https://bitfoo.example{self._path}?s={instrument.symbol}")

    def symbol_of(self, url: str) -> str | None:
        path, _, symbol = url.partition("?s=")
        return symbol if path.endswith(self._path) else None

    def snapshot(
        self, symbol: str, response: api.HttpResponse, received_at: Nanos
    ) -> api.BookSnapshot | api.OrdersSnapshot:
        if response.status != 200:
            raise api.VenueError(f"HTTP {response.status}")
        seq = int(response.body)
        if self._path == "/l3":
            return api.OrdersSnapshot(symbol, b'[["b1","9.0","1"]]', b'[["a1","10","2"]]', seq, 0)
        return api.BookSnapshot(symbol, b'[["9.0","1"]]', b'[["10","2"]]', seq, 0)


def plugin(orders: type[Orders] = Orders, feed: type[BitFooFeed] = BitFooFeed) -> api.ExchangePlugin:
    dialect = api.Dialect(
        "orders",
        "",
        orders,
        lambda url, frame: frame.startswith(b'{"l3"'),
        frozenset({api.Channel.ORDERS}),
        Rest("/l3"),
    )
    return replace(make(feed), dialects=(dialect,), snapshots=Rest("/l2"), split=by_channel)


def by_channel(wanted: Sequence[api.Subscription]) -> Sequence[Sequence[api.Subscription]]:
    single = [one for one in wanted if one.channel is api.Channel.ORDERS]
    return [[one for one in wanted if one not in single], single]


BOOK = (
    b'{"l3":"book","symbol":"btcusdt","seq":5,'
    b'"bids":[["b1","9.0","1"],["b2","9.0","2.50"],["b3","8","1"]],"asks":[["a1","10","2"]]}'
)


def change(seq: int, *bids: tuple[str, str, str, str]) -> bytes:
    return msgspec.json.encode({"l3": "told", "symbol": "btcusdt", "seq": seq, "bids": bids, "asks": ()})


def levels(seq: int) -> bytes:
    return b'{"type":"snapshot","symbol":"btcusdt","seq":%d,"bids":[["9","1"]],"asks":[["10","1"]]}' % seq


class Run:
    """One venue's feeds, of levels and of single orders, with a clock that the test moves."""

    def __init__(self, of: api.ExchangePlugin) -> None:
        self.now, self.inputs = T, list[Input]()
        self.market = Market({VENUE: of})
        wanted = [*subscriptions_of([COIN]), api.Subscription(COIN, api.Channel.ORDERS)]
        self.feeds = Feeds(self.market, {VENUE: of}, {VENUE: wanted}, lambda: 1.0, T)
        self.intake = Intake(self.feeds, self._take, Stamper(lambda: self.now, lambda: self.now))

    def _take(self, entry: Input) -> None:
        self.inputs.append(entry)
        self.market.receive(entry)

    def tick(self, after: Nanos = 0) -> list[Task]:
        self.now += after
        return [task for _, task in self.intake.tick()]

    def hear(self, conn: str, direction: Direction, payload: bytes = b"", **more: object) -> list[Task]:
        arrival = Arrival(direction, VENUE, conn, self.intake.life(conn), payload, **more)  # type: ignore[arg-type]
        return [task for _, task in self.intake.receive(arrival)]

    def opened(self) -> "Run":
        self.tick()
        for conn in self.feeds.supervisors[VENUE].lines:
            self.hear(conn, Direction.OPEN, url="wss://bitfoo.example/v2")
        return self

    @property
    def orders(self) -> BookSync:
        return self.market.orders[VENUE]["btcusdt"]

    @property
    def book(self) -> BookSync:
        return self.market.books[VENUE]["btcusdt"]


def test_single_orders_are_dialled_and_subscribed_by_their_own_dialect() -> None:
    run = Run(plugin())
    assert run.tick() == [Dial("wss://bitfoo.example/v2", LEVELS), Dial("wss://bitfoo.example/v2", ORDERS)]
    assert run.hear(ORDERS, Direction.OPEN) == [Send("orders btcusdt", ORDERS)]


def test_two_books_of_one_symbol_are_kept_apart_and_single_orders_wake_nobody() -> None:
    run = Run(plugin()).opened()
    run.hear(LEVELS, Direction.RECV, levels(5))
    run.market.take_changed(), run.market.appeared.clear()
    run.hear(ORDERS, Direction.RECV, BOOK)
    run.hear(ORDERS, Direction.RECV, change(6, ("add", "b4", "9.5", "3"), ("reduce", "b1", "", "0.4")))
    assert (run.market.changed, run.market.appeared) == ({}, [])
    assert (run.book.id, run.orders.id) == ("bitfoo:btcusdt", "bitfoo:btcusdt/orders")
    assert (run.book.book.top.bid, run.orders.book.top.bid) == (D(9), D("9.5"))  # type: ignore[union-attr]
    held = [("b4", D("9.5"), D(3)), ("b1", D("9.0"), D("0.6")), ("b2", D("9.0"), D("2.50")), ("b3", D(8), D(1))]
    assert run.orders.orders.orders(True) == held
    assert [(one.sync.id, one.state) for one in run.market.transitions] == [
        ("bitfoo:btcusdt", BookState.LIVE),
        ("bitfoo:btcusdt/orders", BookState.LIVE),
    ]
    with pytest.raises(TypeError, match="bitfoo:btcusdt is a book of levels"):
        run.book.orders  # noqa: B018


def test_a_connection_of_single_orders_is_one_whatever_its_first_frame_looks_like() -> None:
    run = Run(plugin()).opened()
    for frame in (ACKNOWLEDGED, BOOK):
        run.hear(ORDERS, Direction.RECV, frame)
    assert run.orders.state is BookState.LIVE


def test_a_gap_of_single_orders_costs_their_connection_and_no_level() -> None:
    run = Run(plugin()).opened()
    run.hear(LEVELS, Direction.RECV, levels(5))
    run.hear(ORDERS, Direction.RECV, BOOK)
    tasks = run.hear(ORDERS, Direction.RECV, change(8))
    assert tasks == [Close("sequence gap on bitfoo:btcusdt/orders: expected 6, got 8", ORDERS)]
    assert (run.orders.state, run.book.state, run.orders.gaps) == (BookState.DEAD, BookState.LIVE, 1)
    assert ORDERS in [task.conn for task in run.tick(SECOND) if isinstance(task, Dial)]
    run.hear(ORDERS, Direction.OPEN)
    run.hear(ORDERS, Direction.RECV, BOOK)
    assert run.orders.state is BookState.LIVE


def test_a_lost_connection_of_levels_leaves_single_orders_alone() -> None:
    run = Run(plugin()).opened()
    run.hear(LEVELS, Direction.RECV, levels(5))
    run.hear(ORDERS, Direction.RECV, BOOK)
    run.hear(LEVELS, Direction.CLOSE, b"reset")
    assert (run.orders.state, run.book.state) == (BookState.LIVE, BookState.DEAD)


def test_an_unreadable_frame_of_single_orders_loses_them() -> None:
    run = Run(plugin()).opened()
    run.hear(LEVELS, Direction.RECV, levels(5))
    run.hear(ORDERS, Direction.RECV, BOOK)
    (closed,) = run.hear(ORDERS, Direction.RECV, b"{")
    assert isinstance(closed, Close) and closed.reason.startswith("unreadable frame")
    assert (run.orders.state, run.book.state) == (BookState.DEAD, BookState.LIVE)


def test_a_silent_stream_of_single_orders_is_closed() -> None:
    run = Run(plugin()).opened()
    run.hear(ORDERS, Direction.RECV, BOOK)
    closed = [task for task in run.tick(3 * SECOND) if isinstance(task, Close)]
    assert [one.conn for one in closed] == [ORDERS]
    assert "silence of btcusdt" in closed[0].reason


def test_snapshots_of_levels_and_of_single_orders_of_one_symbol_are_two_requests() -> None:
    run = Run(plugin(OrdersByRequest, Levels)).opened()
    delta = b'{"type":"delta","symbol":"btcusdt","seq":6,"bids":[],"asks":[]}'
    assert run.hear(LEVELS, Direction.RECV, delta) == [
        Ask(api.HttpRequest("GET", "https://bitfoo.example/l2?s=btcusdt"), "btcusdt", LEVELS)
    ]
    assert run.hear(ORDERS, Direction.RECV, change(6, ("add", "b9", "9.5", "1"))) == [
        Ask(api.HttpRequest("GET", "https://bitfoo.example/l3?s=btcusdt"), "orders:btcusdt", ORDERS)
    ]
    run.hear(ORDERS, Direction.HTTP, b"5", status=200, request="orders:btcusdt")
    assert (run.orders.state, run.book.state) == (BookState.LIVE, BookState.SYNCING)
    assert [name for name, _, _ in run.orders.orders.orders(True)] == ["b9", "b1"]
    run.hear(LEVELS, Direction.HTTP, b"5", status=200, request="btcusdt")
    assert run.book.state is BookState.LIVE
    assert [task for task in run.tick(SECOND) if isinstance(task, Ask)] == []


def test_a_refused_snapshot_of_single_orders_is_asked_for_again() -> None:
    run = Run(plugin(OrdersByRequest)).opened()
    run.hear(ORDERS, Direction.RECV, change(6))
    run.hear(ORDERS, Direction.HTTP, b"", status=503, request="orders:btcusdt")
    assert run.market.counts[VENUE].refusals == ["HTTP 503"]
    assert [task.tag for task in run.tick(SECOND) if isinstance(task, Ask)] == ["orders:btcusdt"]


def test_a_recorded_answer_is_told_apart_by_its_url() -> None:
    market = Market({VENUE: plugin(OrdersByRequest, Levels)})
    frames = [("other#7", change(6)), ("other#8", b'{"type":"delta","symbol":"btcusdt","seq":6}')]
    for seq, (conn, frame) in enumerate(frames):
        market.receive(Input(seq, seq, T, Direction.RECV, VENUE, conn, "", frame))
    for seq, path in enumerate(("l3", "l2"), 2):
        url = f"https://bitfoo.example/{path}?s=btcusdt"
        market.receive(Input(seq, seq, T, Direction.HTTP, VENUE, "rest", url, b"5", 200))
    assert market.orders[VENUE]["btcusdt"].state is market.books[VENUE]["btcusdt"].state is BookState.LIVE
    assert market.counts[VENUE].refused == 0


def test_a_codec_of_levels_that_tells_single_orders_is_refused() -> None:
    class Mixed(BitFooFeed):
        def decode(self, frame: bytes, received_at: Nanos) -> Sequence[api.FeedEvent]:
            return Orders().decode(frame, received_at)

    run = Run(replace(plugin(), feed=Mixed, dialects=(), split=lambda wanted: [list(wanted)[:3]])).opened()
    run.hear(LEVELS, Direction.RECV, BOOK)
    assert run.market.counts[VENUE].refusals == ["btcusdt: its codec's rule is not of single orders"]
    assert run.market.orders[VENUE] == {}


def test_states_of_single_orders_are_journalled_though_nothing_else_changed() -> None:
    class Nothing:
        def start(self, instruments: Sequence[api.Instrument]) -> None:
            raise AssertionError("a strategy was woken")

        def evaluate(self, view: api.MarketView, changed: api.Instrument) -> Sequence[api.Opportunity]:
            raise AssertionError("a strategy was woken")

    journal, limits = MemoryLog(), Limits(Asset("USDT"), SECOND, *([D(1)] * 7))
    settings = PipeSettings(limits, 0, {}, lambda venue, asset: D(0), D(0))
    pipe = Pipe({VENUE: plugin()}, Nothing(), settings, journal)
    pipe.receive(Input(1, 1, T, Direction.RECV, VENUE, ORDERS, "", BOOK))
    pipe.receive(Input(2, 2, T, Direction.RECV, VENUE, ORDERS, "", change(9)))
    pipe.end_turn()
    assert [b'"live"' in line for line in journal.lines if b"bitfoo:btcusdt/orders" in line] == [True, False]


@pytest.mark.parametrize(
    ("form", "bids", "asks"),
    [
        (api.LevelFormat(), b'[["9.00","1.50"],["8","3"]]', b'[["10.1","0.00000074"]]'),
        (api.LevelFormat(1, 3), b'[["x","9.00","y","1.50"]]', b"[]"),
        (
            api.LevelFormat("p", "q", "s", "bid", "offer"),
            b'[{"p":"9.00","q":"1.50","s":"bid"},{"p":"10","q":"2","s":"offer"}]',
            None,
        ),
    ],
)
def test_a_books_text_makes_the_same_book(form: api.LevelFormat, bids: bytes, asks: bytes | None) -> None:
    rule = replace(BitFooFeed.rule, level_format=form)
    one, other = BookSync(COIN, rule), BookSync(COIN, rule)
    one.book.load(bids, asks, 1, 0, T)
    other.book.load(*texts_of(one.book, rule), 1, 0, T)
    for side in (True, False):
        assert [*map(str, one.book.levels(side))] == [*map(str, other.book.levels(side))]


def test_a_text_of_single_orders_keeps_their_queues() -> None:
    one, other = BookSync(COIN, Orders.rule), BookSync(COIN, Orders.rule)
    one.book.load(b'[["z","9.00","1"],["a","9.0","2"],["m","9","3"]]', b'[["b","10","1"]]', 1, 0, T)
    other.book.load(*texts_of(one.book, Orders.rule), 1, 0, T)
    for side in (True, False):
        assert [*map(str, one.orders.orders(side))] == [*map(str, other.orders.orders(side))] != []
