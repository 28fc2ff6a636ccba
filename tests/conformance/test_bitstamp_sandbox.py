"""Bitstamp's simulated side against our codecs, the engine's own book, recorded frames and measured refusals."""

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from recordings import RECORDINGS, needs_recordings

import cryptopipe_bitstamp as plugins
from cryptopipe.api import (
    USUAL_CHANNELS,
    Beat,
    BookDelta,
    Channel,
    FeedCodec,
    HangUp,
    HttpRequest,
    HttpResponse,
    Instrument,
    Nanos,
    OrdersDelta,
    OrdersSnapshot,
    Outgoing,
    ProtocolError,
    RateLimited,
    Resync,
    SandboxSession,
    SandboxVenue,
    Say,
    Side,
    Subscription,
    TopUpdate,
    Trade,
    Unknown,
    VenueError,
)
from cryptopipe.market.sync import BookState, BookSync
from cryptopipe.sandbox.engine import Engine
from cryptopipe.testing import spot
from cryptopipe_bitstamp.metadata import instruments

PLUGIN = plugins.bitstamp
CORPUS = Path(plugins.__file__).parent / "frames"
US, MS, SECOND = 1_000, 1_000_000, 1_000_000_000
T: Nanos = 1_791_365_004_404 * MS
STEP = 5 * MS
FIND = PLUGIN.instruments.find
MIDDLE = 620_000

Levels = list[tuple[Decimal, Decimal]]
Frame = Any


class Exchange:
    """Books under random orders, the simulated venue over them, and what each book was after each instant."""

    def __init__(self, *symbols: str, each_side: int = 120, seed: int = 5) -> None:
        self.at = T
        self._random = Random(seed)
        self.engines = {symbol: Engine(FIND(symbol)) for symbol in symbols}
        assert PLUGIN.sandbox is not None
        self.venue: SandboxVenue = PLUGIN.sandbox(self.engines)
        self._truth: dict[tuple[str, int], tuple[Levels, Levels]] = {}
        self._orders: dict[str, list[int]] = {symbol: [] for symbol in symbols}
        for symbol, engine in self.engines.items():
            for distance in range(2, 2 * each_side + 1, 2):
                for side, price in ((Side.BUY, MIDDLE - distance), (Side.SELL, MIDDLE + distance)):
                    self._orders[symbol].append(engine.limit(side, price, 100_000 + distance, T).order_id)
            self._note(symbol)

    def step(self, orders: int = 4) -> None:
        """Some orders, each at its own microsecond, several of them in one millisecond."""
        self.at += STEP
        for symbol in self.engines:
            for number in range(orders):
                self._order(symbol, self.at - (orders - number) * 200 * US)
                self._note(symbol)

    def _order(self, symbol: str, at: Nanos) -> None:
        random, engine, resting = self._random, self.engines[symbol], self._orders[symbol]
        side = random.choice((Side.BUY, Side.SELL))
        match random.randrange(12):
            case 0 | 1:
                engine.take(side, random.randrange(1, 300_000), at)
            case 2 | 3 | 4 | 5 if len(resting) > 200:
                engine.cancel(resting.pop(random.randrange(len(resting))), at)
            case 6:
                engine.reduce(random.choice(resting), random.randrange(1, 30_000), at)
            case 7:
                engine.limit(side, MIDDLE + random.randrange(-8, 8), random.randrange(1, 400_000), at)
            case _:
                distance = random.randrange(1, 320) * (-1 if side is Side.BUY else 1)
                placed = engine.limit(side, MIDDLE + distance, random.randrange(1, 500_000), at, post_only=True)
                if placed.order_id:
                    resting.append(placed.order_id)

    def _note(self, symbol: str) -> None:
        self._truth[symbol, self.engines[symbol].changed_at // US] = self.now(symbol)

    def now(self, symbol: str) -> tuple[Levels, Levels]:
        engine = self.engines[symbol]
        rules = engine.instrument.rules
        assert rules is not None
        sides = (engine.levels(side, 10**6) for side in Side)
        bids, asks = ([(price * rules.tick, size * rules.step) for price, size in rows] for rows in sides)
        return bids, asks

    def truth(self, symbol: str, micros: int) -> tuple[Levels, Levels]:
        """The book as it was after all that happened in this microsecond."""
        return self._truth[symbol, micros]

    def open(self) -> SandboxSession:
        session = self.venue.open("/", self.at)
        assert not isinstance(session, HttpResponse)
        return session

    def answer(self, path: str) -> HttpResponse:
        return self.venue.answer(HttpRequest("GET", f"/api/v2/{path}"), self.at)

    def get(self, path: str) -> Any:
        answer = self.answer(path)
        assert answer.status == 200
        return json.loads(answer.body)


def said(outgoing: Sequence[Outgoing]) -> list[str]:
    return [one.text for one in outgoing if isinstance(one, Say)]


def run(exchange: Exchange, session: SandboxSession, ms: int, orders: int = 4) -> list[Frame]:
    """All that the session says in this time."""
    frames: list[Frame] = []
    for _ in range(ms * MS // STEP):
        exchange.step(orders)
        frames += [json.loads(text) for text in said(list(session.publish(exchange.at)))]
    return frames


def ask(exchange: Exchange, session: SandboxSession, *channels: str) -> None:
    for channel in channels:
        text = json.dumps({"event": "bts:subscribe", "data": {"channel": channel}})
        assert not list(session.receive(text, exchange.at))


class Follower:
    """Our own side of a connection: codec, snapshots and sync, as in a run."""

    def __init__(self, exchange: Exchange, codec: FeedCodec, channels: Sequence[Channel]) -> None:
        wanted = [Subscription(FIND(symbol), channel) for symbol in exchange.engines for channel in channels]
        self.exchange, self.codec = exchange, codec
        self.session = exchange.open()
        self.syncs = {symbol: BookSync(FIND(symbol), codec.rule) for symbol in exchange.engines}
        self.heard: dict[str, list[Any]] = {symbol: [] for symbol in exchange.engines}
        self.checked = 0
        self.resyncs: list[Resync] = []
        for text in codec.connect(wanted, None, T).frames:
            assert not list(self.session.receive(text, exchange.at))

    def texts(self) -> Iterator[str]:
        return iter(said(list(self.session.publish(self.exchange.at))))

    def take(self, text: str) -> None:
        for event in self.codec.decode(text.encode(), self.exchange.at):
            assert not isinstance(event, Unknown), text
            if isinstance(event, Resync):
                self.resyncs.append(event)
                self.syncs[event.symbol or ""].lose(event.reason)
            elif isinstance(event, BookDelta | OrdersDelta | TopUpdate | Trade):
                self.heard[event.symbol].append(event)
                self._book(event)

    def _book(self, event: Any) -> None:
        sync, outcome = self.syncs[event.symbol], None
        if isinstance(event, BookDelta | OrdersDelta):
            outcome = sync.delta(event, 0)
        elif isinstance(event, TopUpdate):
            outcome = sync.quote(event, 0)
        if isinstance(outcome, Resync):
            self.resyncs.append(outcome)

    def snapshot(self, symbol: str) -> None:
        """As the supervisor asks, once something was heard."""
        snapshots = PLUGIN.snapshots if self.codec.rule.orders is None else PLUGIN.dialects[0].snapshots
        assert snapshots is not None
        request = snapshots.request(FIND(symbol))
        assert snapshots.symbol_of(request.url) == symbol
        response = self.exchange.answer(request.url.removeprefix("https://www.bitstamp.net/api/v2/"))
        outcome = self.syncs[symbol].snapshot(snapshots.snapshot(symbol, response, 0), 0)
        if isinstance(outcome, Resync):
            self.resyncs.append(outcome)

    def sync_all(self, steps: int) -> None:
        """Until every book is live, then on for so many steps, judged after each frame."""
        for _ in range(steps):
            self.exchange.step()
            for text in self.texts():
                self.take(text)
                self.judge(json.loads(text))
            for symbol, heard in self.heard.items():
                if self.syncs[symbol].state is BookState.SYNCING and any(
                    isinstance(one, BookDelta | OrdersDelta) for one in heard
                ):
                    self.snapshot(symbol)

    def judge(self, frame: Frame) -> None:
        """After a book of levels: the engine's book of that microsecond."""
        kind, _, symbol = frame["channel"].rpartition("_")
        if kind not in ("diff_order_book", "order_book") or "microtimestamp" not in frame["data"]:
            return
        bids, asks = self.exchange.truth(symbol, int(frame["data"]["microtimestamp"]))
        sync = self.syncs[symbol]
        if sync.state is not BookState.LIVE:
            return
        self.checked += 1
        if kind == "diff_order_book":
            assert list(sync.book.levels(True)) == bids
            assert list(sync.book.levels(False)) == asks
        else:
            top = sync.book.top
            assert top is not None
            assert ((top.bid, top.bid_size), (top.ask, top.ask_size)) == (bids[0], asks[0])


def test_our_side_holds_the_engines_book_after_every_frame() -> None:
    exchange = Exchange("btcusd", "ethbtc")
    follower = Follower(exchange, PLUGIN.feed(), USUAL_CHANNELS)
    follower.sync_all(400)
    assert follower.checked > 2 * 400 * 5 / 100
    for symbol, sync in follower.syncs.items():
        assert (sync.state, sync.gaps) == (BookState.LIVE, 0)
        rules, printed = FIND(symbol).rules, exchange.engines[symbol].trades(0)
        assert rules is not None
        since = [one for one in printed if one.at > T + 8 * STEP]
        heard = [one for one in follower.heard[symbol] if isinstance(one, Trade)][-len(since) :]
        assert len(since) > 50
        assert [(Decimal(one.price), Decimal(one.size), one.side) for one in heard] == [
            (one.price * rules.tick, one.size * rules.step, one.side) for one in since
        ]


def orders_of(engine: Engine, side: Side) -> list[tuple[str, Decimal, Decimal]]:
    rules = engine.instrument.rules
    assert rules is not None
    return [
        (str(2_050_000_000_000_000 + one.order_id), one.price * rules.tick, one.size * rules.step)
        for one in engine.orders(side)
    ]


@pytest.mark.core
def test_our_side_holds_every_order_of_the_engine_in_its_place() -> None:
    exchange = Exchange("btcusd", "usdcusd", each_side=60)
    follower = Follower(exchange, PLUGIN.dialects[0].feed(), [Channel.ORDERS])
    checked = 0
    for _ in range(60):
        follower.sync_all(5)
        for symbol, sync in follower.syncs.items():
            if sync.state is BookState.LIVE:
                checked += 1
                for side in Side:
                    assert sync.orders.orders(side is Side.BUY) == orders_of(exchange.engines[symbol], side)
    assert checked > 100
    assert follower.resyncs == []
    assert {sync.gaps for sync in follower.syncs.values()} == {0}


def test_a_lost_order_is_noticed_and_a_new_snapshot_mends_the_book_on_the_same_connection() -> None:
    exchange = Exchange("btcusd", each_side=60)
    follower = Follower(exchange, PLUGIN.dialects[0].feed(), [Channel.ORDERS])
    follower.sync_all(60)
    sync = follower.syncs["btcusd"]
    assert sync.state is BookState.LIVE
    exchange.step()
    lost, *rest = follower.texts()
    for text in rest:
        follower.take(text)
    event_id = json.loads(lost)["pre_event_id"]
    (resync,) = follower.resyncs
    assert resync.symbol == "btcusd"
    assert resync.reason.startswith(f"sequence gap on bitstamp:btcusd: expected an event after {event_id}, got one")
    assert sync.state is BookState.SYNCING
    follower.sync_all(220)  # more than the second for which the venue's edge gives its former answer
    assert sync.state is BookState.LIVE
    for side in Side:
        assert sync.orders.orders(side is Side.BUY) == orders_of(exchange.engines["btcusd"], side)


def test_single_orders_aggregate_to_the_levels_of_the_other_stream() -> None:
    exchange = Exchange("btcusd")
    levels = Follower(exchange, PLUGIN.feed(), [Channel.DEPTH])
    single = Follower(exchange, PLUGIN.dialects[0].feed(), [Channel.ORDERS])
    same = 0
    for _ in range(400):
        exchange.step()
        for follower in (single, levels):
            for text in follower.texts():
                follower.take(text)
                if follower is levels and b"microtimestamp" in text.encode():
                    ours, theirs = single.syncs["btcusd"], levels.syncs["btcusd"]
                    if BookState.LIVE is ours.state is theirs.state:
                        same += 1
                        for bids in (True, False):
                            assert list(ours.orders.levels(bids)) == list(theirs.book.levels(bids))
            if follower.heard["btcusd"] and follower.syncs["btcusd"].state is BookState.SYNCING:
                follower.snapshot("btcusd")
    assert same >= 6


# Cadence and shape.


@pytest.mark.parametrize(
    ("channel", "period"), [("order_book", 100), ("detail_order_book", 100), ("diff_order_book", 250)]
)
def test_books_come_no_more_often_than_measured(channel: str, period: int) -> None:
    exchange = Exchange("btcusd")
    session = exchange.open()
    ask(exchange, session, f"{channel}_btcusd")
    stamps: list[Nanos] = []
    for _ in range(600):
        exchange.step()
        stamps += [exchange.at for text in said(list(session.publish(exchange.at))) if "microtimestamp" in text]
    assert min(b - a for a, b in pairwise(stamps)) >= period * MS - STEP
    assert len(stamps) > 3000 / period * 0.9


def test_a_book_that_does_not_change_is_not_told_and_there_is_no_snapshot() -> None:
    exchange = Exchange("btcusd")
    session = exchange.open()
    ask(exchange, session, "order_book_btcusd", "diff_order_book_btcusd", "live_orders_btcusd", "live_trades_btcusd")
    frames = run(exchange, session, 3000, orders=0)
    assert [frame["event"] for frame in frames] == ["bts:subscription_succeeded"] * 4


def test_times_of_books_rise_and_levels_stand_best_first() -> None:
    exchange = Exchange("btcusd")
    session = exchange.open()
    ask(exchange, session, "order_book_btcusd", "diff_order_book_btcusd")
    times: dict[str, list[int]] = {}
    for frame in run(exchange, session, 3000)[2:]:
        data = frame["data"]
        times.setdefault(frame["channel"], []).append(int(data["microtimestamp"]))
        assert data["timestamp"] == data["microtimestamp"][:10]
        for side, falling in (("bids", True), ("asks", False)):
            prices = [Decimal(price) for price, _ in data[side]]
            assert prices == sorted(set(prices), reverse=falling)
            assert len(prices) <= 100 or "diff" in frame["channel"]
    assert all(a < b for told in times.values() for a, b in pairwise(told))


def test_times_of_books_rise_even_where_the_engine_changes_twice_in_a_microsecond() -> None:
    engine = Engine(FIND("btcusd"))
    assert PLUGIN.sandbox is not None
    session = PLUGIN.sandbox({"btcusd": engine}).open("/", T)
    assert not isinstance(session, HttpResponse)
    list(session.receive('{"event":"bts:subscribe","data":{"channel":"diff_order_book_btcusd"}}', T))
    list(session.publish(T + 30 * MS))
    times = []
    for number in range(3):
        engine.limit(Side.BUY, 6_000_000 - number, 5_000, T + 40 * MS + number)
        (text,) = said(list(session.publish(T + (number + 1) * 300 * MS)))
        times.append(int(json.loads(text)["data"]["microtimestamp"]))
    assert times == [(T + 40 * MS) // US + number for number in range(3)]


def test_the_takers_order_is_the_newer_one() -> None:
    exchange = Exchange("btcusd")
    session = exchange.open()
    ask(exchange, session, "live_trades_btcusd")
    trades = [frame["data"] for frame in run(exchange, session, 1500)[1:]]
    assert {data["type"] for data in trades} == {0, 1}
    for data in trades:
        assert (data["buy_order_id"] > data["sell_order_id"]) is (data["type"] == 0)


def test_orders_are_told_in_whole_milliseconds_and_chained() -> None:
    """Captured frames: microtimestamps end in 000; each names the one before; an id begins with its own time."""
    exchange = Exchange("btcusd")
    session = exchange.open()
    ask(exchange, session, "live_orders_btcusd")
    frames = run(exchange, session, 1000)[1:]
    assert len(frames) > 500
    for before, after in pairwise(frames):
        assert after["pre_event_id"] == before["event_id"]
    for frame in frames:
        data = frame["data"]
        assert data["microtimestamp"].endswith("000")
        assert data["id_str"] == str(data["id"])
        assert int(frame["event_id"].replace("-", "")[:16], 16) == int(data["microtimestamp"])
        assert [len(part) for part in frame["event_id"].split("-")] == [8, 4, 4, 4, 12]


def test_a_taker_is_told_as_created_then_with_those_it_meets() -> None:
    engine = Engine(FIND("btcusd"))
    assert PLUGIN.sandbox is not None
    venue = PLUGIN.sandbox({"btcusd": engine})
    small = engine.limit(Side.SELL, 6_000_000, 5_000, T).order_id
    large = engine.limit(Side.SELL, 6_000_100, 9_000, T).order_id
    session = venue.open("/", T)
    assert not isinstance(session, HttpResponse)
    list(session.receive('{"event":"bts:subscribe","data":{"channel":"live_orders_btcusd"}}', T))
    list(session.publish(T + 30 * MS))
    taker = engine.limit(Side.BUY, 6_000_100, 8_000, T + 35 * MS).order_id
    resting = engine.limit(Side.BUY, 6_000_200, 7_000, T + 35 * MS).order_id
    told = [json.loads(text) for text in said(list(session.publish(T + 40 * MS)))]
    rows = [(f["event"], int(f["data"]["id_str"]) - 2_050_000_000_000_000, *(f["data"][key] for key in
            ("order_type", "price_str", "amount_str", "amount_traded"))) for f in told]  # fmt: skip
    assert rows == [
        ("order_created", taker, 0, "60001.00", "0.00008000", "0"),
        ("order_deleted", small, 1, "60000.00", "0.00000000", "0.00005000"),
        ("order_changed", taker, 0, "60000.00", "0.00003000", "0.00005000"),
        ("order_changed", large, 1, "60001.00", "0.00006000", "0.00003000"),
        ("order_deleted", taker, 0, "60001.00", "0.00000000", "0.00003000"),
        ("order_created", resting, 0, "60002.00", "0.00007000", "0"),
        ("order_deleted", large, 1, "60001.00", "0.00000000", "0.00006000"),
        ("order_changed", resting, 0, "60001.00", "0.00001000", "0.00006000"),
    ]
    created = {small: "0.00005000", large: "0.00009000", taker: "0.00008000", resting: "0.00007000"}
    assert [frame["data"]["amount_at_create"] for frame in told] == [created[row[1]] for row in rows]


def shape(value: Any) -> Any:
    """Keys and types; of an array what its first element is."""
    if isinstance(value, dict):
        return [(key, shape(one)) for key, one in value.items()]
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def corpus(name: str) -> Any:
    return json.loads((CORPUS / f"{name}.json").read_text())


@pytest.mark.parametrize(
    ("channel", "recorded"),
    [
        ("diff_order_book", corpus("diff")),
        ("order_book", corpus("top")),
        ("detail_order_book", corpus("detail")),
        ("live_trades", corpus("trade")),
        ("live_orders", corpus("order_deleted")),
    ],
)
def test_frames_have_the_shape_of_the_venues(channel: str, recorded: Frame) -> None:
    exchange = Exchange("btcusd")
    session = exchange.open()
    ask(exchange, session, f"{channel}_btcusd")
    frames = [frame for frame in run(exchange, session, 1500) if frame["event"] == recorded["event"]]
    whole = [frame for frame in frames if all(frame["data"].get(side, True) for side in ("bids", "asks"))]
    assert shape(whole[-1]) == shape(recorded)


def test_two_connections_hear_the_same_frames() -> None:
    exchange = Exchange("btcusd")
    first, second = exchange.open(), exchange.open()
    channels = ("diff_order_book_btcusd", "live_trades_btcusd", "live_orders_btcusd")
    ask(exchange, first, *channels)
    run(exchange, first, 300)
    ask(exchange, second, *channels)
    heard: tuple[list[str], list[str]] = ([], [])
    for _ in range(200):
        exchange.step()
        for session, frames in zip((first, second), heard, strict=True):
            frames += [text for text in said(list(session.publish(exchange.at))) if '"bts:' not in text]
    assert len(heard[1]) > 500
    assert heard[0][-len(heard[1]) :] == heard[1]


def test_who_unsubscribes_hears_no_more_and_who_comes_later_nothing_of_before() -> None:
    exchange = Exchange("btcusd")
    session = exchange.open()
    ask(exchange, session, "live_orders_btcusd", "diff_order_book_btcusd")
    run(exchange, session, 500)
    for channel in ("live_orders_btcusd", "diff_order_book_btcusd"):
        list(session.receive(json.dumps({"event": "bts:unsubscribe", "data": {"channel": channel}}), exchange.at))
    told = run(exchange, session, 50)
    ends = [at for at, frame in enumerate(told) if frame["event"] == "bts:unsubscription_succeeded"]
    assert len(ends) == 2
    assert told[ends[1] + 1 :] == []
    begun = len(told)
    for _ in range(3):  # longer than the tape reaches back
        exchange.at += 40 * SECOND
        exchange.step()
    ask(exchange, session, "live_orders_btcusd", "diff_order_book_btcusd")
    after = run(exchange, session, 500)
    assert begun < len(after)
    assert not [one for one in list(session.publish(exchange.at)) if isinstance(one, HangUp)]
    first = next(frame for frame in after if frame["channel"] == "diff_order_book_btcusd" and frame["event"] == "data")
    assert len(first["data"]["bids"]) + len(first["data"]["asks"]) < 250 / 5 * 4 + 10


def test_who_comes_after_a_connection_that_broke_hears_nothing_of_before() -> None:
    channels = [f"{name}_btcusd" for name in ("live_orders", "live_trades", "diff_order_book", "order_book")]
    for away in (SECOND, 120 * SECOND):  # within the tape and beyond it
        exchange = Exchange("btcusd")
        broken = exchange.open()
        ask(exchange, broken, *channels)
        run(exchange, broken, 200)
        for _ in range(40):
            exchange.at += away // 40
            exchange.step()
        session = exchange.open()
        ask(exchange, session, *channels)
        begun = exchange.at // US
        told = run(exchange, session, 1000)
        data = [one for one in told if one["event"] not in ("bts:subscription_succeeded", "data")]
        assert data and all(int(one["data"]["microtimestamp"]) >= begun // 1000 * 1000 for one in data)
        differences = [one["data"] for one in told if one["channel"] == channels[2] and one["event"] == "data"]
        assert differences and all(len(one["bids"]) + len(one["asks"]) <= 250 / 5 * 4 for one in differences)


def test_a_connection_that_was_not_stepped_for_long_is_ended() -> None:
    """Differences are never told again."""
    exchange = Exchange("btcusd")
    slow, quick = exchange.open(), exchange.open()
    for session in (slow, quick):
        ask(exchange, session, "live_orders_btcusd")
        run(exchange, session, 50)
    run(exchange, quick, 3_000)
    (last,) = slow.publish(exchange.at)
    assert last == HangUp(1001, "too far behind")


# Answers to requests on a stream.


def answer_to(text: str) -> Frame:
    exchange = Exchange("btcusd")
    session = exchange.open()
    assert not list(session.receive(text, exchange.at))
    assert run(exchange, session, 20, orders=0) == [], "an answer takes tens of milliseconds"
    (answer,) = run(exchange, session, 30, orders=0)
    return answer


def subscription(channel: str) -> str:
    return json.dumps({"event": "bts:subscribe", "data": {"channel": channel}})


def test_a_heartbeat_is_answered_as_captured() -> None:
    assert answer_to('{"event": "bts:heartbeat"}') == corpus("heartbeat")


def test_a_subscription_is_acknowledged_as_recorded() -> None:
    assert shape(answer_to(subscription("diff_order_book_btcusd"))) == shape(corpus("subscribed"))


def test_a_channel_that_does_not_exist_is_acknowledged_and_silent() -> None:
    """Measured 2026-09-15: `order_book_fooxyz-perp` got `bts:subscription_succeeded` and then silence for 201 s."""
    exchange = Exchange("btcusd")
    session = exchange.open()
    ask(exchange, session, "order_book_fooxyz-perp", "funding_rate_btcusd-perp")
    assert [frame["event"] for frame in run(exchange, session, 1000)] == ["bts:subscription_succeeded"] * 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hello", "Incorrect JSON format."),
        ("", "Incorrect JSON format."),
        (r'{"event":"\ud800"}', "Incorrect JSON format."),
        ('{"event":"bts:ping"}', "Bad subscription string."),
        ('{"event":"bts:subscribe"}', "Bad subscription string."),
        ('{"event":"bts:subscribe","data":{"channel":7}}', "Bad subscription string."),
        (subscription("order_book_BTCUSD-PERP"), "Invalid channel provided."),
        (subscription("order_book_BTC/USD-PERP"), "Invalid channel provided."),
        (subscription("nope_btcusd"), "Invalid channel provided."),
    ],
)
def test_a_request_is_refused_in_the_venues_words(text: str, message: str) -> None:
    """As measured on 2026-09-15."""
    assert answer_to(text) == {"event": "bts:error", "channel": "", "data": {"code": None, "message": message}}


def test_a_private_channel_needs_a_token() -> None:
    assert answer_to(subscription("private-my_orders_btcusd-314159")) == corpus("refused_with_code")


def test_a_long_text_costs_the_connection() -> None:
    """Measured 2026-09-15: code 1009, "read limited at 513 bytes"."""
    session = Exchange("btcusd").open()
    assert not list(session.receive(subscription("order_book_" + "a" * (512 - len(subscription("order_book_")))), T))
    assert list(session.receive(" " * 513, T)) == [HangUp(1009, "read limited at 513 bytes")]


def test_the_1025th_subscription_silently_closes_the_connection() -> None:
    session = Exchange("btcusd").open()
    for number in range(1024):
        assert not list(session.receive(subscription(f"order_book_tok{number}usd"), T))
    assert not list(session.receive(subscription("order_book_tok7usd"), T))
    assert list(session.receive(subscription("order_book_btcusd"), T)) == [HangUp(1000, "")]


def test_the_venue_pings_every_54_seconds() -> None:
    session = Exchange("btcusd").open()
    beats = [s for s in range(200) for one in session.publish(T + s * SECOND) if isinstance(one, Beat)]
    assert beats == [54, 108, 162]


def test_a_connection_is_asked_to_leave_before_it_is_90_days_old_and_ended_then() -> None:
    session, age = Exchange("btcusd").open(), 90 * 24 * 3600 * SECOND
    asked = '{"event":"bts:request_reconnect","channel":"","data":null}'
    told = [(s, one) for s in range(-8, 1) for one in session.publish(T + age + s * SECOND)]
    assert [one for one in told if one[1] != Beat()] == [(-5, Say(asked)), (0, HangUp(1000, ""))]


# REST.


def test_an_unknown_path_is_no_stream() -> None:
    exchange = Exchange("btcusd")
    answer = exchange.venue.open("/v2", T)
    assert isinstance(answer, HttpResponse)
    assert answer.status == 404
    assert dict(exchange.venue.endpoints) == {"spot": "/"}
    for path in (
        "ticker_hour/fooxyz/",
        "funding_rate/btcusd/",
        "nope/",
        "transactions/btcusd/?time=week",
        "order_book/",
    ):
        assert exchange.answer(path).status == 404
    assert exchange.venue.answer(HttpRequest("GET", "/api/ticker/"), T).status == 404
    assert exchange.venue.answer(HttpRequest("POST", "/api/v2/markets/"), T).status == 404


def test_a_market_that_is_not_known_is_refused_as_measured() -> None:
    """An order book with a page and status 404, a ticker with all tickers."""
    exchange = Exchange("btcusd", "ethusd")
    answer = exchange.answer("order_book/fooxyz-perp/?group=1")
    assert (answer.status, answer.body[:6]) == (404, b"<html>")
    assert PLUGIN.snapshots is not None
    with pytest.raises(VenueError, match="bitstamp:fooxyz: HTTP 404"):
        PLUGIN.snapshots.snapshot("fooxyz", answer, 0)
    assert [one["market"] for one in exchange.get("ticker/fooxyz-perp/")] == ["BTC/USD", "ETH/USD"]
    assert exchange.get("ticker/BTCUSD/")["market"] == "BTC/USD"


def test_the_order_book_is_the_engines_in_three_groupings() -> None:
    exchange = Exchange("btcusd")
    exchange.engines["btcusd"].limit(Side.BUY, MIDDLE - 2, 777, T + MS)
    bids, asks = exchange.now("btcusd")
    for path in ("order_book/btcusd", "order_book/btcusd/", "order_book/btcusd/?group=1", "order_book/btcusd/?group=3"):
        told = exchange.get(path)
        assert [(Decimal(price), Decimal(size)) for price, size in told["bids"]] == bids
        assert [(Decimal(price), Decimal(size)) for price, size in told["asks"]] == asks
        assert told["microtimestamp"] == str((T + MS) // US)
        assert told["timestamp"] == str((T + MS) // SECOND)
    single = exchange.get("order_book/btcusd/?group=0")
    by_id = exchange.get("order_book/btcusd/?group=2")
    assert single["bids"] == [row[:2] for row in by_id["bids"]]
    assert by_id["bids"][0][0] == by_id["bids"][1][0], "two orders at the best price"
    assert [(row[2], Decimal(row[0]), Decimal(row[1])) for row in by_id["bids"]] == orders_of(
        exchange.engines["btcusd"], Side.BUY
    )


def test_the_edge_answers_from_a_cache_for_a_second_and_a_nonce_gets_around_it() -> None:
    """Measured 2026-09-15: a second read 300 ms later had the same `microtimestamp`, one with a nonce a fresh one."""
    exchange = Exchange("btcusd")
    first = exchange.get("order_book/btcusd/?group=1")
    exchange.step()
    assert exchange.get("order_book/btcusd/?group=1") == first
    assert exchange.get("order_book/btcusd/?group=1&_=1")["microtimestamp"] > first["microtimestamp"]
    exchange.at += SECOND
    assert exchange.get("order_book/btcusd/?group=1")["microtimestamp"] > first["microtimestamp"]


def test_a_cached_answer_from_before_the_stream_is_refused_by_our_side() -> None:
    """Another client has asked just before: what the cache gives is older than the first difference heard."""
    exchange = Exchange("btcusd")
    exchange.get("order_book/btcusd/?group=1")
    follower = Follower(exchange, PLUGIN.feed(), [Channel.DEPTH])
    while not follower.heard["btcusd"]:
        exchange.step()
        for text in follower.texts():
            follower.take(text)
    follower.snapshot("btcusd")
    (resync,) = follower.resyncs
    assert "is older than the stream's" in resync.reason
    exchange.at += SECOND
    exchange.step()
    follower.snapshot("btcusd")
    assert follower.syncs["btcusd"].state is BookState.LIVE


def test_requests_are_limited_as_published() -> None:
    exchange = Exchange("btcusd")
    assert {exchange.answer("ticker/btcusd/").status for _ in range(400)} == {200}
    refused = exchange.answer("order_book/btcusd/?group=1")
    assert refused.status == 400
    assert PLUGIN.snapshots is not None
    with pytest.raises(RateLimited, match=r"400\.002"):
        PLUGIN.snapshots.snapshot("btcusd", refused, 0)
    exchange.at += SECOND
    assert exchange.answer("order_book/btcusd/?group=1").status == 200


def samples() -> dict[str, Any]:
    rows = json.loads((RECORDINGS / "bitstamp/rest_mock_gct.json").read_text())
    return {row["path"]: row["response"] for row in rows if row["method"] == "GET"}


@needs_recordings
def test_answers_have_the_shape_of_the_venues() -> None:
    exchange = Exchange("btcusd")
    for _ in range(100):
        exchange.step()
    told, sample = exchange.get("ticker/btcusd/"), samples()["/api/v2/ticker/btcusd/"]
    assert {key: shape(one) for key, one in told.items() if key in sample} == {
        key: shape(one) for key, one in sample.items()
    }
    transactions = exchange.get("transactions/btcusd/")
    assert dict(shape(transactions[0])) == dict(shape(samples()["/api/v2/transactions/btcusd/"][0]))
    pairs = json.loads((RECORDINGS / "bitstamp/trading_pairs_info_20220105.json").read_text())
    assert shape(exchange.get("trading-pairs-info/")[0]) == shape(pairs[0])


def test_the_instruments_are_those_of_the_table() -> None:
    listed = PLUGIN.instruments.listed()
    exchange = Exchange(*(one.symbol for one in listed), each_side=2)
    assert instruments(exchange.answer("markets/").body) == tuple(listed)
    assert instruments(exchange.answer("trading-pairs-info/").body) == tuple(listed)
    contract = FIND("btcusd-perp")
    rules = FIND("btcusd").rules
    perpetual = Engine(Instrument(contract.venue, contract.symbol, contract.base, contract.quote, contract.kind, rules))
    assert PLUGIN.sandbox is not None
    answer = PLUGIN.sandbox({contract.symbol: perpetual}).answer(HttpRequest("GET", "/api/v2/markets/"), T)
    assert instruments(answer.body) == (perpetual.instrument,)


def test_the_listing_is_read_by_our_side() -> None:
    exchange = Exchange("btcusd", "ethbtc")
    assert PLUGIN.metadata is not None
    for request in PLUGIN.metadata.requests():
        answer = exchange.answer(request.url.removeprefix("https://www.bitstamp.net/api/v2/"))
        listing = PLUGIN.metadata.read(HttpResponse(200, answer.body, request.url))
        assert listing.instruments or [one.code for one in listing.currencies] == ["BTC", "USD", "ETH"]


def test_a_ticker_tells_of_the_engines_trades() -> None:
    exchange = Exchange("btcusd")
    for _ in range(400):
        exchange.step()
    rules, printed = FIND("btcusd").rules, exchange.engines["btcusd"].trades(0)
    assert rules is not None
    told, newest = exchange.get("ticker/btcusd/"), printed[-1]
    bids, asks = exchange.now("btcusd")
    assert (Decimal(told["bid"]), Decimal(told["ask"])) == (bids[0][0], asks[0][0])
    assert Decimal(told["last"]) == newest.price * rules.tick
    assert Decimal(told["high"]) == max(one.price for one in printed) * rules.tick
    assert Decimal(told["low"]) == min(one.price for one in printed) * rules.tick
    assert Decimal(told["volume"]) == sum(one.size for one in printed) * rules.step
    transactions = exchange.get("transactions/btcusd/?time=minute")
    assert [Decimal(one["amount"]) for one in transactions] == [one.size * rules.step for one in reversed(printed)]
    assert transactions[0]["type"] == ("0" if newest.side is Side.BUY else "1")


def test_the_ticker_of_the_hour_forgets_what_the_day_still_tells() -> None:
    """Keys as glama.ai lists them of `ticker_hour` (2026-11-21); BitstampClient 2.2.10 asks for it."""
    exchange = Exchange("btcusd")
    for _ in range(100):
        exchange.step()
    rules, before = FIND("btcusd").rules, exchange.get("ticker_hour/btcusd/")
    assert rules is not None
    assert set(before) == {"timestamp", "open", "high", "low", "last", "volume", "vwap", "bid", "ask"}
    exchange.at += 3601 * SECOND
    quiet, day = exchange.get("ticker_hour/btcusd/"), exchange.get("ticker/btcusd/")
    assert (quiet["volume"], quiet["high"], quiet["last"]) == ("0.00000000", day["last"], before["last"])
    old = exchange.engines["btcusd"].trades(0)[-1].trade_id
    for _ in range(100):
        exchange.step()
    fresh = exchange.engines["btcusd"].trades(old)
    told, day = exchange.get("ticker_hour/btcusd/"), exchange.get("ticker/btcusd/")
    volume = sum(one.size for one in fresh)
    assert Decimal(told["volume"]) == volume * rules.step < Decimal(day["volume"])
    assert [Decimal(told[key]) for key in ("open", "high", "low", "last")] == [
        price * rules.tick
        for price in (fresh[0].price, max(f.price for f in fresh), min(f.price for f in fresh), fresh[-1].price)
    ]
    assert Decimal(told["vwap"]) == sum(f.price * f.size for f in fresh) // volume * rules.tick


def test_candles_are_those_of_the_engines_trades() -> None:
    """`{"data": {"ohlc": [{"close": "6250.02", "timestamp": "1548976800", …}], "pair": "BTC/USD"}}`, the form
    that ccxt's bitstamp.py quotes (2026-11-21)."""
    exchange = Exchange("btcusd")
    for _ in range(40):
        exchange.at += 3 * SECOND
        exchange.step()
    rules = FIND("btcusd").rules
    assert rules is not None
    told = exchange.get("ohlc/btcusd/?step=60&limit=1000")["data"]
    printed = list(exchange.engines["btcusd"].trades(0))
    assert told["pair"] == "BTC/USD"
    assert set(told["ohlc"][0]) == {"timestamp", "open", "high", "low", "close", "volume"}
    newest = told["ohlc"][-1]
    inside = [one for one in printed if one.at // (60 * SECOND) * 60 == int(newest["timestamp"])]
    assert [Decimal(newest[key]) for key in ("open", "high", "low", "close")] == [
        price * rules.tick
        for price in (inside[0].price, max(o.price for o in inside), min(o.price for o in inside), inside[-1].price)
    ]
    assert Decimal(newest["volume"]) == sum(one.size for one in inside) * rules.step
    assert exchange.get("ohlc/btcusd/?step=60&limit=1")["data"]["ohlc"] == [newest]
    assert exchange.answer("ohlc/btcusd/?step=61").status == 404


def test_a_market_whose_grid_nobody_stated_cannot_be_simulated() -> None:
    assert PLUGIN.sandbox is not None
    with pytest.raises(ValueError, match="bitstamp:sgbeur has no rules"):
        PLUGIN.sandbox({"sgbeur": Engine(FIND("sgbeur"))})


def test_numbers_are_written_as_the_venue_writes_them() -> None:
    """With all decimals, zero too: `3802.90`, `0.00000000` (recorded 2022-01-05)."""
    engine = Engine(spot("bitstamp", "ETH/USD", symbol="ethusd", tick="0.01", step="1e-8"))
    assert PLUGIN.sandbox is not None
    venue = PLUGIN.sandbox({"ethusd": engine})
    order = engine.limit(Side.BUY, 380_290, 60_000_000, T).order_id
    session = venue.open("/", T)
    assert not isinstance(session, HttpResponse)
    list(session.receive(subscription("diff_order_book_ethusd"), T))
    list(session.publish(T + 30 * MS))
    engine.limit(Side.BUY, 380_290, 40_000_000, T + 100 * MS)
    (first,) = said(list(session.publish(T + 300 * MS)))
    engine.cancel(order, T + 310 * MS)
    engine.cancel(order + 1, T + 310 * MS)
    (second,) = said(list(session.publish(T + 600 * MS)))
    assert json.loads(first)["data"]["bids"] == [["3802.90", "1.00000000"]]
    assert json.loads(second)["data"]["bids"] == [["3802.90", "0.00000000"]]


def test_an_answer_of_single_orders_is_no_book_of_levels() -> None:
    exchange = Exchange("btcusd")
    single = PLUGIN.dialects[0].snapshots
    assert single is not None
    told = single.snapshot("btcusd", exchange.answer("order_book/btcusd/?group=2"), 0)
    assert isinstance(told, OrdersSnapshot)
    with pytest.raises(ProtocolError):
        single.snapshot("btcusd", HttpResponse(200, b"[]"), 0)
