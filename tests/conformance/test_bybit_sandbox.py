"""Bybit's simulated side against our codec, the engine's own book, recorded frames and documented refusals."""

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from recordings import RECORDINGS, needs_recordings

import cryptopipe_bybit as plugins
from cryptopipe.api import (
    USUAL_CHANNELS,
    BookDelta,
    Channel,
    HttpRequest,
    HttpResponse,
    Kind,
    Nanos,
    Outgoing,
    ProtocolError,
    RateLimited,
    Resync,
    SandboxSession,
    SandboxVenue,
    Say,
    Side,
    Subscription,
    Trade,
    Unknown,
    VenueError,
    VenueUnavailable,
)
from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.market.market import Market
from cryptopipe.market.sync import BookState, BookSync
from cryptopipe.model.simulated import SandboxVenue as Contract
from cryptopipe.sandbox.engine import Engine
from cryptopipe_bybit.metadata import instruments

PLUGIN = plugins.bybit
CORPUS = Path(plugins.__file__).parent / "frames"
MS = 1_000_000
T: Nanos = 1_791_365_004_404 * MS
STEP = 5 * MS
FIND = PLUGIN.instruments.find
DEPTHS = (1, 50, 200, 1000)

Levels = list[tuple[Decimal, Decimal]]


class Exchange:
    """Books under random orders, the simulated venue over them, and what each book was at each of its numbers."""

    def __init__(self, *symbols: str, seed: int = 7, each_side: int = 70) -> None:
        self.at = T
        self._random = Random(seed)
        self.engines = {symbol: Engine(FIND(symbol)) for symbol in symbols}
        assert PLUGIN.sandbox is not None
        self.venue: SandboxVenue = PLUGIN.sandbox(self.engines)
        self.truth: dict[tuple[str, int], tuple[Levels, Levels]] = {}
        self._orders: dict[str, list[int]] = {symbol: [] for symbol in symbols}
        for symbol, engine in self.engines.items():
            for distance in range(1, each_side + 1):
                for side, price in ((Side.BUY, 838_050 - 2 * distance), (Side.SELL, 838_050 + 2 * distance)):
                    self._orders[symbol].append(engine.limit(side, price, 1000 + distance, T).order_id)
            self._note(symbol)

    def step(self, orders: int = 6) -> None:
        """The next step's orders; the truth after it is noted."""
        self.at += STEP
        for symbol in self.engines:
            for _ in range(orders):
                self._order(symbol)
            self._note(symbol)

    def _order(self, symbol: str) -> None:
        random, engine, resting = self._random, self.engines[symbol], self._orders[symbol]
        side = random.choice((Side.BUY, Side.SELL))
        match random.randrange(10):
            case 0:
                engine.take(side, random.randrange(1, 3000), self.at)
            case 1 | 2 | 3 | 4 if len(resting) > 80:
                engine.cancel(resting.pop(random.randrange(len(resting))), self.at)
            case _:
                distance = random.randrange(1, 160) * (-1 if side is Side.BUY else 1)
                placed = engine.limit(side, 838_050 + distance, random.randrange(1, 5000), self.at, post_only=True)
                if placed.order_id:
                    resting.append(placed.order_id)

    def _note(self, symbol: str) -> None:
        engine = self.engines[symbol]
        rules = engine.instrument.rules
        assert rules is not None
        sides = (engine.levels(side, 10**6) for side in Side)
        bids, asks = ([(price * rules.tick, size * rules.step) for price, size in rows] for rows in sides)
        self.truth[symbol, engine.number] = bids, asks

    def open(self, category: str) -> SandboxSession:
        session = self.venue.open(self.venue.endpoints[category], self.at)
        assert not isinstance(session, HttpResponse)
        return session

    def get(self, url: str) -> Any:
        answer = self.venue.answer(HttpRequest("GET", url), self.at)
        assert answer.status == 200
        return json.loads(answer.body)


def said(outgoing: Sequence[Outgoing]) -> list[str]:
    return [one.text for one in outgoing if isinstance(one, Say)]


def run(exchange: Exchange, session: SandboxSession, ms: int, orders: int = 6) -> list[dict[str, Any]]:
    """All that the session says in this time."""
    frames: list[dict[str, Any]] = []
    for _ in range(ms * MS // STEP):
        exchange.step(orders)
        frames += [json.loads(text) for text in said(list(session.publish(exchange.at)))]
    return frames


def ask(exchange: Exchange, session: SandboxSession, **request: object) -> None:
    assert not list(session.receive(json.dumps(request), exchange.at))


def answer_to(exchange: Exchange, category: str, text: str) -> dict[str, Any]:
    """The first thing a fresh connection hears after this text."""
    session = exchange.open(category)
    assert not list(session.receive(text, exchange.at))
    return run(exchange, session, 50, orders=0)[0]


class Follower:
    """Our own side of a connection: codec, sync and market, as in a run."""

    def __init__(self, exchange: Exchange, symbols: Sequence[str], channels: Sequence[Channel]) -> None:
        wanted = [Subscription(FIND(symbol), channel) for symbol in symbols for channel in channels]
        self.codec = PLUGIN.feed()
        self.connect = self.codec.connect(wanted, None, T)
        self.exchange = exchange
        path = "/" + self.connect.url.split("/", 3)[3]
        session = exchange.venue.open(path, exchange.at)
        assert not isinstance(session, HttpResponse)
        self.session = session
        self.market = Market({PLUGIN.venue: PLUGIN})
        self.seq = self.frames = 0
        self._input(Direction.OPEN, b"")
        for text in self.connect.frames:
            self.send(text)

    def send(self, text: str) -> None:
        list(self.session.receive(text, self.exchange.at))

    def _input(self, direction: Direction, payload: bytes) -> None:
        self.seq += 1
        at, url = self.exchange.at, self.connect.url
        self.market.receive(Input(self.seq, self.seq, at, direction, PLUGIN.venue, "bybit#1", url, payload))

    def listen(self) -> Iterator[str]:
        """Frame by frame, after each has been taken in and judged."""
        for text in said(list(self.session.publish(self.exchange.at))):
            self.frames += 1
            self._input(Direction.RECV, text.encode())
            assert not any(isinstance(event, Unknown | Resync) for event in self.market.events), text
            self._compare(json.loads(text))
            yield text

    def _compare(self, frame: dict[str, Any]) -> None:
        kind, _, rest = str(frame.get("topic", "")).partition(".")
        if kind != "orderbook":
            return
        depth, data = int(rest.split(".")[0]), frame["data"]
        for symbol, sync in self.books.items():
            if sync.instrument.symbol.endswith(data["s"]):
                bids, asks = self.exchange.truth[symbol, data["seq"]]
                if depth == 1:
                    assert sync.book.top is not None
                    assert (sync.book.top.bid, sync.book.top.bid_size) == bids[0]
                    assert (sync.book.top.ask, sync.book.top.ask_size) == asks[0]
                else:
                    assert list(sync.book.levels(True)) == bids[:depth]
                    assert list(sync.book.levels(False)) == asks[:depth]

    @property
    def books(self) -> dict[str, BookSync]:
        return self.market.books[PLUGIN.venue]


@pytest.mark.parametrize("symbols", [("BTCUSDT", "ETHUSDT"), ("linear:BTCUSDT", "linear:SOLUSDT")])
def test_our_side_holds_the_engines_book_after_every_frame(symbols: tuple[str, ...]) -> None:
    exchange = Exchange(*symbols)
    follower = Follower(exchange, symbols, USUAL_CHANNELS)
    trades: dict[str, list[str]] = {symbol: [] for symbol in symbols}
    for _ in range(500):
        exchange.step()
        for _frame in follower.listen():
            for event in follower.market.events:
                if isinstance(event, Trade):
                    trades[event.symbol].append(event.size)
    counts = follower.market.counts[PLUGIN.venue]
    assert (counts.unknown, counts.refused) == (0, 0)
    assert follower.frames > 500
    for symbol, sync in follower.books.items():
        assert (sync.state, sync.gaps) == (BookState.LIVE, 0)
        rules, printed = sync.instrument.rules, exchange.engines[symbol].trades(0)
        assert rules is not None
        since = [one for one in printed if one.at > T + 6 * STEP]
        assert len(since) > 50
        assert [Decimal(size) for size in trades[symbol][-len(since) :]] == [one.size * rules.step for one in since]


@pytest.mark.parametrize("category", ["spot", "linear"])
@pytest.mark.parametrize("depth", DEPTHS)
def test_a_client_that_keeps_the_documented_rule_holds_the_window(category: str, depth: int) -> None:
    """ "If you receive an amount that is 0, delete the entry"; the book never has more levels than were asked for, and
    `u` grows by one (docs/v5/websocket/public/orderbook; probes of 2026-09 in public repositories)."""
    symbol = "BTCUSDT" if category == "spot" else "linear:BTCUSDT"
    exchange = Exchange(symbol, each_side=max(70, min(depth + 60, 400)))
    session = exchange.open(category)
    ask(exchange, session, op="subscribe", args=[f"orderbook.{depth}.BTCUSDT"])
    kept: dict[str, dict[Decimal, Decimal]] = {}
    update, kinds = 0, []
    for frame in run(exchange, session, 2000)[1:]:
        data = frame["data"]
        kinds.append(frame["type"])
        if frame["type"] == "snapshot":
            kept = {"b": {}, "a": {}}
        else:
            assert data["u"] == update + 1
            assert data["b"] or data["a"]
        update = data["u"]
        for side, rows in ((side, data[side]) for side in "ba"):
            prices = [Decimal(price) for price, _ in rows]
            assert prices == sorted(prices, reverse=side == "b")
            kept[side] |= {Decimal(price): Decimal(size) for price, size in rows}
            kept[side] = {price: size for price, size in kept[side].items() if size}
        bids, asks = exchange.truth[symbol, data["seq"]]
        assert sorted(kept["b"].items(), reverse=True) == bids[:depth]
        assert sorted(kept["a"].items()) == asks[:depth]
    assert kinds[0] == "snapshot"
    assert len(kinds) > 8
    assert set(kinds[1:]) == ({"snapshot"} if depth == 1 else {"delta"})


def test_seq_is_shared_by_all_depths_and_u_is_each_ones_own() -> None:
    exchange = Exchange("BTCUSDT")
    session = exchange.open("spot")
    ask(exchange, session, op="subscribe", args=[f"orderbook.{depth}.BTCUSDT" for depth in DEPTHS])
    tops: dict[int, set[tuple[str, ...]]] = {}
    updates: dict[str, list[int]] = {}
    for frame in run(exchange, session, 1000)[1:]:
        updates.setdefault(frame["topic"], []).append(frame["data"]["u"])
        if frame["type"] == "snapshot":
            top = (*frame["data"]["b"][0], *frame["data"]["a"][0])
            tops.setdefault(frame["data"]["seq"], set()).add(top)
    assert all(len(seen) == 1 for seen in tops.values())
    assert max(len(each) for each in updates.values()) > 4 * min(len(each) for each in updates.values())


@pytest.mark.parametrize(
    ("category", "topic", "period"),
    [
        ("spot", "orderbook.1", 10),
        ("spot", "orderbook.50", 20),
        ("spot", "orderbook.200", 200),
        ("linear", "orderbook.200", 100),
        ("linear", "orderbook.1000", 200),
        ("spot", "tickers", 50),
        ("linear", "tickers", 100),
    ],
)
def test_a_topic_says_no_more_than_its_period_allows(category: str, topic: str, period: int) -> None:
    """The push frequencies of docs/v5/websocket/public/{orderbook,ticker} (2026-11-21)."""
    exchange = Exchange("BTCUSDT" if category == "spot" else "linear:BTCUSDT")
    session = exchange.open(category)
    ask(exchange, session, op="subscribe", args=[f"{topic}.BTCUSDT"])
    times = [frame["ts"] for frame in run(exchange, session, 2000) if frame.get("topic")][1:]
    slots = [at // period for at in times]
    assert len(set(slots)) == len(slots)
    assert len(slots) > 0.4 * 2000 / period


def test_level_1_comes_again_after_three_quiet_seconds_with_the_same_u() -> None:
    exchange = Exchange("BTCUSDT")
    session = exchange.open("spot")
    ask(exchange, session, op="subscribe", args=["orderbook.1.BTCUSDT", "orderbook.50.BTCUSDT"])
    frames = [
        frame for frame in run(exchange, session, 10_000, orders=0) if frame.get("topic") == "orderbook.1.BTCUSDT"
    ]
    assert len({frame["data"]["u"] for frame in frames}) == 1
    assert [later["ts"] - earlier["ts"] for earlier, later in pairwise(frames)] == [3000, 3000, 3000]


def test_level_1_comes_again_while_only_the_levels_below_change() -> None:
    exchange = Exchange("BTCUSDT")
    session = exchange.open("spot")
    ask(exchange, session, op="subscribe", args=["orderbook.1.BTCUSDT"])
    frames = run(exchange, session, 100, orders=0)
    for turn in range(1400):
        exchange.engines["BTCUSDT"].limit(Side.BUY, 800_000, 1 + turn, exchange.at)
        frames += run(exchange, session, 5, orders=0)
    assert len([frame for frame in frames if frame.get("topic")]) == 3


def test_nothing_is_said_before_the_acknowledgement_and_that_takes_tens_of_milliseconds() -> None:
    exchange = Exchange("BTCUSDT")
    session = exchange.open("spot")
    ask(exchange, session, op="subscribe", args=["orderbook.50.BTCUSDT"], req_id="a")
    assert run(exchange, session, 20) == []
    first, second = run(exchange, session, 30)[:2]
    assert (first["success"], first["req_id"], first["op"]) == (True, "a", "subscribe")
    assert (second["topic"], second["type"]) == ("orderbook.50.BTCUSDT", "snapshot")


def test_whoever_subscribes_again_gets_a_fresh_snapshot_and_the_next_u() -> None:
    exchange = Exchange("BTCUSDT")
    session, topic = exchange.open("spot"), "orderbook.50.BTCUSDT"
    ask(exchange, session, op="subscribe", args=[topic])
    before = run(exchange, session, 300)[-1]["data"]["u"]
    ask(exchange, session, op="unsubscribe", args=[topic], req_id="b")
    frames = run(exchange, session, 100)
    acknowledged = next(at for at, frame in enumerate(frames) if frame.get("op") == "unsubscribe")
    assert frames[acknowledged + 1 :] == []
    run(exchange, session, 500)
    ask(exchange, session, op="subscribe", args=[topic])
    ack, snapshot, *deltas = run(exchange, session, 300)
    assert ack["success"]
    assert snapshot["type"] == "snapshot"
    assert len(snapshot["data"]["b"]) == 50
    assert snapshot["data"]["u"] > before
    assert [frame["data"]["u"] for frame in deltas] == [snapshot["data"]["u"] + 1 + n for n in range(len(deltas))]
    assert deltas


def test_the_codecs_own_texts_bring_a_lost_book_back_on_the_same_connection() -> None:
    exchange = Exchange("BTCUSDT", "ETHUSDT")
    follower = Follower(exchange, ("BTCUSDT", "ETHUSDT"), USUAL_CHANNELS)
    for _ in range(40):
        exchange.step()
        list(follower.listen())
    sync = follower.books["BTCUSDT"]
    sync.lose("asked by the test")
    for text in follower.connect.resubscribe["BTCUSDT"]:
        follower.send(text)
    kinds = []
    for _ in range(100):
        exchange.step()
        for text in said(list(follower.session.publish(exchange.at))):
            follower._input(Direction.RECV, text.encode())
            frame = json.loads(text)
            if frame.get("topic") == "orderbook.50.BTCUSDT":
                kinds.append(frame["type"])
                if sync.state is BookState.LIVE:
                    follower._compare(frame)
            else:
                assert frame.get("success", True), text
    assert kinds.count("snapshot") == 1
    assert kinds[-1] == "delta"
    assert (sync.state, sync.gaps) == (BookState.LIVE, 0)
    assert all(one.resyncs <= 2 for one in follower.books.values())


def test_two_connections_hear_the_same_frames() -> None:
    exchange = Exchange("linear:BTCUSDT")
    first, second = exchange.open("linear"), exchange.open("linear")
    topics = ["orderbook.50.BTCUSDT", "publicTrade.BTCUSDT", "tickers.BTCUSDT"]
    ask(exchange, first, op="subscribe", args=topics)
    run(exchange, first, 200)
    ask(exchange, second, op="subscribe", args=topics)
    heard: tuple[list[str], list[str]] = ([], [])
    for _ in range(200):
        exchange.step()
        for session, frames in zip((first, second), heard, strict=True):
            frames += said(list(session.publish(exchange.at)))
    after = [text for text in heard[1] if '"type":"delta"' in text or '"topic":"publicTrade' in text]
    assert len(after) > 100
    assert [text for text in heard[0] if text in set(after)] == after


def test_a_connection_that_was_not_stepped_for_long_gets_a_snapshot() -> None:
    exchange = Exchange("BTCUSDT")
    slow, quick = exchange.open("spot"), exchange.open("spot")
    for session in (slow, quick):
        ask(exchange, session, op="subscribe", args=["orderbook.50.BTCUSDT"])
        run(exchange, session, 50)
    run(exchange, quick, 10_000)
    frame = json.loads(said(list(slow.publish(exchange.at)))[0])
    assert frame["type"] == "snapshot"
    bids, _ = exchange.truth["BTCUSDT", frame["data"]["seq"]]
    assert [(Decimal(price), Decimal(size)) for price, size in frame["data"]["b"]] == bids[:50]


# Shapes: keys in order, and types, as recorded or documented.


def shape(value: Any) -> Any:
    """Keys and types; of an array what its first element is."""
    if isinstance(value, dict):
        return [(key, shape(one)) for key, one in value.items()]
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def corpus(name: str) -> Any:
    return json.loads((CORPUS / f"{name}.json").read_text())


SPOT_TICKER = """{"topic":"tickers.BTCUSDT","ts":1788335008126,"type":"snapshot","cs":113508069165,"data":{"symbol":
"BTCUSDT","lastPrice":"77606.8","highPrice24h":"78685.3","lowPrice24h":"76412.6","prevPrice24h":"78605.2","volume24h":
"7654.575275","turnover24h":"594624551.61837538","price24hPcnt":"-0.0127","usdIndexPrice":"77561.956977"}}"""
SPOT_TRADE = """{"topic":"publicTrade.BTCUSDT","ts":1788335009483,"type":"snapshot","data":[{"i":"2290000001202469355",
"T":1788335009482,"p":"77606.8","v":"0.000712","S":"Buy","seq":113508069853,"s":"BTCUSDT","BT":false,"RPI":false}]}"""
CONTRACT_TRADE = """{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1791365008335,"data":[{"T":1791365008334,"s":
"BTCUSDT","S":"Buy","v":"0.001","p":"83766.30","L":"PlusTick","i":"68bc1c35-dcc0-58e8-a4c5-f59a6b790814","BT":false,
"RPI":false,"seq":821670598155}]}"""
"""Frames of stream.bybit.com of 2026-09 and 2026-10, as kept in public repositories (read 2026-11-21)."""


@pytest.mark.parametrize(
    ("category", "topic", "recorded"),
    [
        ("spot", "orderbook.50", corpus("spot_snapshot")),
        ("spot", "orderbook.50", corpus("spot_delta")),
        ("spot", "orderbook.1", corpus("spot_level_1")),
        ("spot", "publicTrade", json.loads(SPOT_TRADE)),
        ("spot", "tickers", json.loads(SPOT_TICKER)),
        ("linear", "orderbook.50", corpus("linear_snapshot")),
        ("linear", "orderbook.50", corpus("linear_delta")),
        ("linear", "publicTrade", json.loads(CONTRACT_TRADE)),
        ("linear", "tickers", corpus("linear_ticker")),
    ],
)
def test_frames_have_the_shape_of_the_venues(category: str, topic: str, recorded: dict[str, Any]) -> None:
    exchange = Exchange("BTCUSDT" if category == "spot" else "linear:BTCUSDT")
    session = exchange.open(category)
    ask(exchange, session, op="subscribe", args=[f"{topic}.BTCUSDT"])
    frames = [frame for frame in run(exchange, session, 1500) if frame.get("type") == recorded["type"]]
    whole = [frame for frame in frames if "data" in frame and all(frame["data"])]
    whole = [frame for frame in whole if "b" not in frame["data"] or (frame["data"]["b"] and frame["data"]["a"])]
    assert shape(whole[-1]) == shape(recorded)


def test_a_contracts_ticker_tells_what_changed() -> None:
    exchange = Exchange("linear:BTCUSDT")
    session = exchange.open("linear")
    ask(exchange, session, op="subscribe", args=["tickers.BTCUSDT", "orderbook.1.BTCUSDT"])
    ack, whole, *frames = [f for f in run(exchange, session, 2000) if f.get("topic") != "orderbook.1.BTCUSDT"]
    assert ack["success"]
    assert whole["type"] == "snapshot"
    kept = dict(whole["data"])
    for frame in frames:
        changed = {key: text for key, text in frame["data"].items() if kept[key] != text}
        assert {**changed, "symbol": "BTCUSDT"} == frame["data"]
        kept |= changed
        bids, asks = exchange.truth["linear:BTCUSDT", frame["cs"]]
        assert [Decimal(kept[f"{side}1{what}"]) for side in ("bid", "ask") for what in ("Price", "Size")] == [
            *bids[0],
            *asks[0],
        ]
    assert len(frames) > 10


def test_numbers_are_written_as_the_venue_writes_them() -> None:
    """Spot without trailing zeros, contracts with them (frames of 2026-10: `83805`, `0.11934`; `83769.90`, `3.380`)."""
    for symbol, category, price, size in (
        ("BTCUSDT", "spot", "83805", "0.11934"),
        ("linear:BTCUSDT", "linear", "83805.00", "119.340"),
    ):
        engine = Engine(FIND(symbol))
        engine.limit(Side.BUY, 838_050, 119_340, T)
        assert PLUGIN.sandbox is not None
        answer = PLUGIN.sandbox({symbol: engine}).answer(
            HttpRequest("GET", f"/v5/market/orderbook?category={category}&symbol=BTCUSDT"), T + MS
        )
        assert json.loads(answer.body)["result"]["b"] == [[price, size]]


# Answers to requests on a stream.


@pytest.mark.parametrize("category", ["spot", "linear"])
def test_a_ping_is_answered_as_documented(category: str) -> None:
    exchange = Exchange("BTCUSDT")
    pong = answer_to(exchange, category, '{"op":"ping"}')
    recorded = corpus(f"pong_{category}")
    assert shape(pong) == shape(recorded)
    assert {**pong, "conn_id": ""} == {**recorded, "conn_id": ""}
    assert answer_to(exchange, category, '{"req_id":"100001","op":"ping"}')["req_id"] == "100001"
    assert answer_to(exchange, category, '{"req_id":7,"op":"ping"}')["req_id"] == "7"


@pytest.mark.parametrize(("category", "told"), [("spot", "subscribe"), ("linear", "")])
def test_a_subscription_is_acknowledged_as_recorded(category: str, told: str) -> None:
    """On spot `ret_msg` repeats the request, on contracts it is empty (recorded 2026-09 and 2026-10)."""
    exchange = Exchange("BTCUSDT", "linear:BTCUSDT")
    session = exchange.open(category)
    ask(exchange, session, req_id="BTCUSDT", op="subscribe", args=["publicTrade.BTCUSDT"])
    ack = run(exchange, session, 50, orders=0)[0]
    assert shape(ack) == shape(corpus("subscribed"))
    assert (ack["success"], ack["ret_msg"], ack["req_id"], ack["op"]) == (True, told, "BTCUSDT", "subscribe")
    ask(exchange, session, op="unsubscribe", args=["publicTrade.BTCUSDT"])
    ended = run(exchange, session, 50, orders=0)[0]
    assert (ended["success"], ended["ret_msg"], ended["op"]) == (True, told.replace("sub", "unsub"), "unsubscribe")
    assert ended["conn_id"] == ack["conn_id"]
    assert ended.get("req_id") == (None if category == "spot" else "")


def subscription(*topics: str) -> str:
    return json.dumps({"req_id": "r", "op": "subscribe", "args": topics})


REFUSALS = [
    ("linear", subscription("orderbook.50.NOPEUSDT"), "error:handler not found,topic:orderbook.50.NOPEUSDT"),
    ("linear", subscription("orderbook.30.BTCUSDT"), "error:handler not found,topic:orderbook.30.BTCUSDT"),
    ("linear", subscription("orderbook.500.BTCUSDT"), "error:handler not found,topic:orderbook.500.BTCUSDT"),
    ("linear", subscription("orderbook.050.BTCUSDT"), "error:handler not found,topic:orderbook.050.BTCUSDT"),
    ("linear", subscription("nope.BTCUSDT"), "error:handler not found,topic:nope.BTCUSDT"),
    ("linear", subscription("orderbook.50.btcusdt"), "error:handler not found,topic:orderbook.50.btcusdt"),
    ("linear", subscription("orderbook.50.BTCUSD"), "error:handler not found,topic:orderbook.50.BTCUSD"),
    ("linear", subscription("publicTrade.50.BTCUSDT"), "error:handler not found,topic:publicTrade.50.BTCUSDT"),
    ("linear", subscription("order"), "error:handler not found,topic:order"),
    ("inverse", subscription("orderbook.50.BTCUSD"), "error:handler not found,topic:orderbook.50.BTCUSD"),
    ("spot", subscription("orderbook.50.NOPEUSDT"), "Invalid symbol :[orderbook.50.NOPEUSDT]"),
    ("spot", subscription("orderbook.500.BTCUSDT"), "error:handler not found,topic:orderbook.500.BTCUSDT"),
    ("spot", subscription(*(f"orderbook.{n}.BTCUSDT" for n in range(11))), "args size >10"),
    (
        "linear",
        subscription("orderbook.50.BTCUSDT", "orderbook.50.BTCUSDT"),
        "error:already subscribed,topic:orderbook.50.BTCUSDT",
    ),
    ("linear", '{"req_id":"r","op":"nope"}', "error:invalid op"),
    ("linear", '{"req_id":"r","op":""}', "error:invalid op"),
]
"""As measured on the venue and its relays in 2026-09, in public repositories (read 2026-11-21)."""


@pytest.mark.parametrize(("category", "text", "ret_msg"), REFUSALS)
def test_a_request_is_refused_in_the_venues_words(category: str, text: str, ret_msg: str) -> None:
    exchange = Exchange("BTCUSDT", "linear:BTCUSDT")
    refused = answer_to(exchange, category, text)
    assert shape(refused) == shape(corpus("refused"))
    assert (refused["success"], refused["ret_msg"], refused["req_id"]) == (False, ret_msg, "r")
    assert refused["op"] == json.loads(text)["op"]


@pytest.mark.parametrize(
    "text", ["hello", "", "[1]", "{", '{"op":1}', '{"op":"subscribe","args":"a"}', r'{"op":"\ud800"}']
)
def test_what_cannot_be_decoded_is_refused_and_the_connection_stays_open(text: str) -> None:
    exchange = Exchange("BTCUSDT")
    session = exchange.open("linear")
    list(session.receive(text, exchange.at))
    list(session.receive('{"op":"ping"}', exchange.at))
    refused, pong = run(exchange, session, 50, orders=0)
    assert not refused["success"]
    assert refused["ret_msg"].startswith("Failed to decode incoming data:")
    assert pong["ret_msg"] == "pong"


def test_text_that_is_no_object_is_refused_as_recorded() -> None:
    refused = answer_to(Exchange("BTCUSDT"), "linear", "hello")
    assert refused["ret_msg"].startswith(
        "Failed to decode incoming data:readObjectStart: expect { or n, but found h, error found in #1 byte of ...|hel"
    )


@pytest.mark.parametrize("bad", ["orderbook.50.NOPEUSDT", "publicTrade.BTCUSDT"])
def test_one_bad_topic_fails_its_whole_request_and_the_first_keeps_delivering(bad: str) -> None:
    """github.com/ccxt/ccxt/issues/30284, measured on the venue: what shares a request with a topic that is unknown or
    already subscribed to is silently not subscribed to."""
    exchange = Exchange("linear:BTCUSDT", "linear:ETHUSDT", "linear:SOLUSDT")
    session = exchange.open("linear")
    for topics in (["publicTrade.BTCUSDT"], ["publicTrade.ETHUSDT", bad], ["publicTrade.SOLUSDT"]):
        ask(exchange, session, op="subscribe", args=topics)
    frames = run(exchange, session, 1500)
    assert [frame["success"] for frame in frames if "success" in frame] == [True, False, True]
    assert {frame["topic"] for frame in frames if "topic" in frame} == {"publicTrade.BTCUSDT", "publicTrade.SOLUSDT"}
    ask(exchange, session, op="subscribe", args=["publicTrade.ETHUSDT"])
    assert run(exchange, session, 50)[-1]["topic"].startswith("publicTrade")


def test_contracts_take_more_than_ten_topics_a_request() -> None:
    """Measured 2026-09: 10, 11, 20 and 50 on linear, 10 and no more on spot."""
    symbols = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
    exchange = Exchange(*(f"linear:{symbol}" for symbol in symbols))
    topics = [f"{kind}.{s}" for kind in ("orderbook.1", "orderbook.50", "publicTrade", "tickers") for s in symbols]
    assert answer_to(exchange, "linear", subscription(*topics))["success"]


# Connections and REST.


def test_an_unknown_path_is_no_stream() -> None:
    exchange = Exchange("BTCUSDT")
    for path in ("/", "/v5/public", "/v5/public/spots", "/v5/private", "/v5/public/option"):
        answer = exchange.venue.open(path, T)
        assert isinstance(answer, HttpResponse)
        assert answer.status == 404
    assert not isinstance(exchange.venue.open("/v5/public/spot?max_active_time=1m", T), HttpResponse)
    assert set(exchange.venue.endpoints) == {"spot", "linear", "inverse"}
    contract: Contract = exchange.venue
    assert contract.endpoints["linear"] == "/v5/public/linear"


def test_connections_are_limited_as_documented() -> None:
    """ "Do not establish more than 500 connections within a 5-minute window" (docs/v5/rate-limit)."""
    exchange = Exchange("BTCUSDT")
    for _ in range(500):
        assert not isinstance(exchange.venue.open("/v5/public/spot", T), HttpResponse)
    refused = exchange.venue.open("/v5/public/spot", T + 299_000 * MS)
    assert isinstance(refused, HttpResponse)
    assert refused.status == 403
    assert not isinstance(exchange.venue.open("/v5/public/spot", T + 300_000 * MS), HttpResponse)


def test_requests_are_limited_as_documented() -> None:
    """ "600 requests within a 5-second window", then "403, access too frequent" for ten minutes (rate-limit)."""
    venue = Exchange("BTCUSDT").venue
    ask_time = HttpRequest("GET", "/v5/market/time")
    for window in range(3):
        statuses = {venue.answer(ask_time, T + window * 5_000 * MS).status for _ in range(600)}
        assert statuses == {200}
    last = T + 2 * 5_000 * MS
    refused = venue.answer(ask_time, last + MS)
    assert (refused.status, refused.body) == (403, b"access too frequent")
    assert venue.answer(ask_time, last + 599_000 * MS).status == 403
    assert venue.answer(ask_time, last + 601_000 * MS).status == 200
    assert [(limit.count, limit.per) for limit in PLUGIN.fetch_limits] == [(600, 5_000 * MS)]
    assert [(limit.count, limit.per) for limit in PLUGIN.dial_limits] == [(500, 300_000 * MS)]


def samples() -> dict[str, Any]:
    rows = json.loads((RECORDINGS / "bybit/rest_endpoints_jkorf.json").read_text())
    return {row["name"].rpartition("/")[2]: row["response"] for row in rows}


ANSWERS = [
    ("GetSpotSymbols", "instruments-info?category=spot&symbol=BTCUSDT"),
    ("GetLinearInverseSymbols", "instruments-info?category=linear&symbol=BTCUSDT"),
    ("GetSpotTickers", "tickers?category=spot&symbol=BTCUSDT"),
    ("GetLinearInverseTickers", "tickers?category=linear&symbol=BTCUSDT"),
]


@needs_recordings
@pytest.mark.parametrize(("name", "asked"), ANSWERS)
def test_answers_have_the_shape_of_the_venues(name: str, asked: str) -> None:
    exchange = Exchange("BTCUSDT", "linear:BTCUSDT")
    exchange.step(200)
    assert shape(exchange.get(f"/v5/market/{asked}")) == shape(samples()[name])


@needs_recordings
def test_answers_that_have_grown_since_have_at_least_the_keys_of_the_samples() -> None:
    """`cts`, `isRPITrade` and `seq` came later (docs/v5/market/{orderbook,recent-trade}, 2026-11-21)."""
    exchange = Exchange("BTCUSDT")
    exchange.step(200)
    for name, asked, more in (
        ("GetOrderbook", "orderbook", [("cts", "int")]),
        ("GetTradeHistory", "recent-trade", [("isRPITrade", "bool"), ("seq", "str")]),
    ):
        told = exchange.get(f"/v5/market/{asked}?category=spot&symbol=BTCUSDT")["result"]
        old = samples()[name]["result"]
        ours, theirs = (rows["list"][0] if "list" in rows else rows for rows in (told, old))
        assert shape(ours) == shape(theirs) + more


def test_the_instruments_are_those_of_the_table() -> None:
    listed = [one for one in PLUGIN.instruments.listed() if one.quote != "USDC"]
    exchange = Exchange(*(one.symbol for one in listed))
    for category, kind in (("spot", Kind.SPOT), ("linear", Kind.LINEAR_PERPETUAL)):
        answer = exchange.venue.answer(HttpRequest("GET", f"/v5/market/instruments-info?category={category}"), T)
        assert instruments(answer.body) == tuple(one for one in listed if one.kind is kind)
        late = exchange.get(f"/v5/market/instruments-info?category={category}&status=PreLaunch")
        assert late["result"]["list"] == []
    for category in ("inverse", "option"):
        for what in ("instruments-info", "tickers"):
            assert exchange.get(f"/v5/market/{what}?category={category}&baseCoin=BTC")["result"]["list"] == []


def test_the_orderbook_answer_is_the_engines_book_and_counts_as_the_deepest_stream_does() -> None:
    exchange = Exchange("linear:BTCUSDT")
    session = exchange.open("linear")
    ask(exchange, session, op="subscribe", args=["orderbook.1000.BTCUSDT"])
    updates = {f["data"]["u"]: f["data"]["seq"] for f in run(exchange, session, 1000) if "topic" in f}
    told = exchange.get("/v5/market/orderbook?category=linear&symbol=BTCUSDT&limit=1000")["result"]
    assert updates[told["u"]] == told["seq"]
    bids, asks = exchange.truth["linear:BTCUSDT", told["seq"]]
    for side, rows in (("b", bids), ("a", asks)):
        assert [(Decimal(price), Decimal(size)) for price, size in told[side]] == rows[:1000]
    assert len(exchange.get("/v5/market/orderbook?category=linear&symbol=BTCUSDT")["result"]["b"]) == 25
    assert len(exchange.get("/v5/market/orderbook?category=linear&symbol=BTCUSDT&limit=3")["result"]["a"]) == 3


def test_trades_and_candles_are_what_the_engine_printed() -> None:
    exchange = Exchange("BTCUSDT")
    for _ in range(400):
        exchange.step()
    prints = exchange.engines["BTCUSDT"].trades(0)
    rules = FIND("BTCUSDT").rules
    assert rules is not None
    rows = exchange.get("/v5/market/recent-trade?category=spot&symbol=BTCUSDT&limit=60")["result"]["list"]
    newest = prints[::-1][:60]
    assert [(Decimal(r["price"]), Decimal(r["size"]), r["side"], r["time"]) for r in rows] == [
        (p.price * rules.tick, p.size * rules.step, p.side.name.title(), str(p.at // MS)) for p in newest
    ]
    minutes = exchange.get("/v5/market/kline?category=spot&symbol=BTCUSDT&interval=1")["result"]["list"]
    days = exchange.get("/v5/market/kline?category=spot&symbol=BTCUSDT&interval=D")["result"]["list"]
    for candles, span in ((minutes, 60_000), (days, 86_400_000)):
        assert [int(row[0]) for row in candles] == sorted({p.at // MS // span * span for p in prints}, reverse=True)
        for begin, *figures in candles:
            inside = [p for p in prints if p.at // MS // span * span == int(begin)]
            prices = [p.price * rules.tick for p in inside]
            assert [Decimal(figure) for figure in figures] == [
                prices[0],
                max(prices),
                min(prices),
                prices[-1],
                sum(p.size for p in inside) * rules.step,
                sum(p.price * p.size for p in inside) * rules.tick * rules.step,
            ]


KLINE = """{"topic":"kline.5.BTCUSDT","data":[{"start":1672324800000,"end":1672325099999,"interval":"5","open":
"16649.5","close":"16677","high":"16677","low":"16608","volume":"2.081","turnover":"34666.4005","confirm":false,"timestamp":
1672324988882}],"ts":1672324988882,"type":"snapshot"}"""
"""docs/v5/websocket/public/kline (2026-11-21, in copies)."""


def test_candles_of_a_stream_are_the_engines_and_each_is_confirmed_once() -> None:
    exchange = Exchange("BTCUSDT")
    exchange.at += 20_000 * MS  # 44 s past the minute
    session = exchange.open("spot")
    ask(exchange, session, op="subscribe", args=["kline.1.BTCUSDT", "kline.M.BTCUSDT"])
    frames = run(exchange, session, 25_000, orders=1)[1:]
    rules = FIND("BTCUSDT").rules
    assert rules is not None
    minutes = [frame["data"][0] for frame in frames if frame["topic"] == "kline.1.BTCUSDT"]
    assert all(shape(frame) == shape(json.loads(KLINE)) for frame in frames)
    closed = [one for one in minutes if one["confirm"]]
    assert [one["start"] for one in closed] == sorted({one["start"] for one in minutes})[:-1]
    assert len(closed) == 1
    assert all(one["end"] - one["start"] == 59_999 for one in minutes)
    (minute,) = closed
    inside = [p for p in exchange.engines["BTCUSDT"].trades(0) if minute["start"] <= p.at // MS <= minute["end"]]
    assert Decimal(minute["volume"]) == sum(p.size for p in inside) * rules.step
    assert Decimal(minute["close"]) == inside[-1].price * rules.tick
    month = next(frame["data"][0] for frame in frames if frame["topic"] == "kline.M.BTCUSDT")
    assert (month["start"], month["end"]) == (1_790_812_800_000, 1_793_491_199_999)  # October 2026, by `date -u`


def test_prints_of_a_stream_are_the_engines_with_their_ids_and_directions() -> None:
    """`L`: "Direction of price change" (docs/v5/websocket/public/trade); an id is the one that REST tells."""
    exchange = Exchange("linear:BTCUSDT")
    session = exchange.open("linear")
    ask(exchange, session, op="subscribe", args=["publicTrade.BTCUSDT"])
    told = [one for frame in run(exchange, session, 3000)[1:] for one in frame["data"]]
    prints = exchange.engines["linear:BTCUSDT"].trades(0)[-len(told) :]
    assert [(one["T"], one["S"], one["seq"]) for one in told] == [
        (one.at // MS, one.side.name.title(), one.number) for one in prints
    ]
    before = ""
    for earlier, later in pairwise(told):
        move = Decimal(later["p"]) - Decimal(earlier["p"])
        before = "PlusTick" if move > 0 else "MinusTick" if move < 0 else before
        if before:
            assert later["L"] == (before if move else f"Zero{before}")
    listed = exchange.get("/v5/market/recent-trade?category=linear&symbol=BTCUSDT&limit=1000")["result"]["list"]
    assert [row["execId"] for row in listed[: len(told)]] == [one["i"] for one in told][::-1]
    assert len({one["i"] for one in told}) == len(told) > 100


@pytest.mark.parametrize("category", ["spot", "linear"])
def test_a_tickers_figures_are_those_of_the_last_day(category: str) -> None:
    symbol = "BTCUSDT" if category == "spot" else "linear:BTCUSDT"
    exchange = Exchange(symbol)
    engine, session = exchange.engines[symbol], exchange.open(category)
    rules = engine.instrument.rules
    assert rules is not None
    prints = []
    for hours in (0, 1, 2, 26, 27, 27.5, 28):
        exchange.at = T + int(hours * 3_600_000) * MS
        exchange.step(40)
        list(session.publish(exchange.at))
        prints += [one for one in engine.trades(0) if one.at == exchange.at]
    row = exchange.get(f"/v5/market/tickers?category={category}&symbol=BTCUSDT")["result"]["list"][0]
    day = [one for one in prints if one.at > exchange.at - 86_400_000 * MS]
    prices = [one.price * rules.tick for one in day]
    assert len(prints) > len(day) > 10
    assert Decimal(row["highPrice24h"]) == max(prices)
    assert Decimal(row["lowPrice24h"]) == min(prices)
    assert (Decimal(row["prevPrice24h"]), Decimal(row["lastPrice"])) == (prices[0], prices[-1])
    assert Decimal(row["volume24h"]) == sum(one.size for one in day) * rules.step
    turnover = sum(one.price * one.size for one in day) * rules.tick * rules.step
    assert abs(Decimal(row["turnover24h"]) - turnover) <= Decimal("0.00005")
    assert abs(Decimal(row["price24hPcnt"]) - (prices[-1] / prices[0] - 1)) <= Decimal("0.00005")
    assert (Decimal(row["bid1Price"]), Decimal(row["ask1Price"])) == tuple(
        rows[0][0] for rows in exchange.truth[symbol, engine.number]
    )
    if category == "linear":
        hour = [one for one in day if one.at <= exchange.at - 3_600_000 * MS + 60_000 * MS]
        minute = hour[-1].at // (60_000 * MS)
        first = next(one for one in day if one.at // (60_000 * MS) == minute)
        assert Decimal(row["prevPrice1h"]) == first.price * rules.tick


REFUSED_ANSWERS = [
    ("orderbook?category=spot&symbol=NOPEUSDT", "Not supported symbols", {}),
    ("recent-trade?category=spot&symbol=NOPEUSDT", "Not supported symbols", {}),
    (
        "instruments-info?category=linear&symbol=NOPEUSDT",
        "params error: symbol invalid",
        {"category": "", "list": [], "nextPageCursor": ""},
    ),
    ("tickers?category=nope", "Illegal category", {}),
    ("kline?category=option&symbol=BTCUSDT&interval=1", "params error: Category is invalid", {}),
]
"""As measured on the venue (public repositories, read 2026-11-21; the first stands in ccxt's table of errors)."""


@pytest.mark.parametrize(("asked", "message", "result"), REFUSED_ANSWERS)
def test_a_question_is_refused_in_the_venues_words(asked: str, message: str, result: object) -> None:
    answer = Exchange("BTCUSDT").get(f"/v5/market/{asked}")
    assert (answer["retCode"], answer["retMsg"], answer["result"]) == (10001, message, result)
    assert list(answer) == ["retCode", "retMsg", "result", "retExtInfo", "time"]


def test_an_unknown_spot_pair_is_an_empty_list_and_an_unknown_path_is_not_found() -> None:
    exchange = Exchange("BTCUSDT")
    asked = "/v5/market/instruments-info?category=spot&symbol=NOPEUSDT"
    assert exchange.get(asked)["result"] == {"category": "spot", "list": []}
    for request in (HttpRequest("GET", "/v5/nope"), HttpRequest("POST", "/v5/market/time", body=b"{}")):
        answer = exchange.venue.answer(request, T)
        assert (answer.status, json.loads(answer.body)["retCode"]) == (404, 10017)


def test_the_server_time_is_told_to_the_nanosecond() -> None:
    clock = PLUGIN.clock
    assert clock is not None
    request = clock.request()
    assert request.url == "https://api.bybit.com/v5/market/time"
    answer = Exchange("BTCUSDT").venue.answer(HttpRequest("GET", "/v5/market/time"), T + 123_456_789)
    assert clock.server_time(answer) == T + 123_456_789
    documented = b"""{"retCode":0,"retMsg":"OK","result":{"timeSecond":"1688639403","timeNano":"1688639403423213947"},
    "retExtInfo":{},"time":1688639403423}"""
    assert clock.server_time(HttpResponse(200, documented)) == 1_688_639_403_423_213_947


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (403, b"access too frequent", RateLimited),
        (200, b'{"retCode":10006,"retMsg":"Too many visits","result":{},"retExtInfo":{},"time":1}', RateLimited),
        (429, b"", RateLimited),
        (502, b"<html>", VenueUnavailable),
        (200, b'{"retCode":10016,"retMsg":"Server error","result":{}}', VenueError),
        (404, b'{"retCode":0,"result":{"timeNano":"1"}}', VenueError),
        (200, b"<html>", ProtocolError),
        (200, b'{"retCode":0,"retMsg":"OK","result":{"timeNano":"soon"}}', ProtocolError),
    ],
)
def test_a_server_time_that_is_none_is_refused(status: int, body: bytes, error: type[Exception]) -> None:
    clock = PLUGIN.clock
    assert clock is not None
    with pytest.raises(error) as caught:
        clock.server_time(HttpResponse(status, body))
    assert type(caught.value) is error


def test_a_book_without_orders_is_published_empty() -> None:
    engine = Engine(FIND("BTCUSDT"))
    assert PLUGIN.sandbox is not None
    venue = PLUGIN.sandbox({"BTCUSDT": engine})
    session = venue.open("/v5/public/spot", T)
    assert not isinstance(session, HttpResponse)
    list(session.receive(subscription("orderbook.50.BTCUSDT", "tickers.BTCUSDT", "publicTrade.BTCUSDT"), T))
    ack, book, ticker = (json.loads(text) for text in said(list(session.publish(T + 30 * MS))))
    assert ack["success"]
    assert (book["data"]["b"], book["data"]["a"], book["data"]["seq"]) == ([], [], 0)
    assert ticker["data"]["lastPrice"] == "0"
    engine.limit(Side.BUY, 838_050, 1, T + 40 * MS)
    codec = PLUGIN.feed()
    codec.connect([Subscription(FIND("BTCUSDT"), Channel.DEPTH)], None, T)
    list(codec.decode(json.dumps(book, separators=(",", ":")).encode(), T))
    first = next(text for text in said(list(session.publish(T + 60 * MS))) if "orderbook" in text)
    (event,) = codec.decode(first.encode(), T)
    assert isinstance(event, BookDelta)
    assert event.version == 1
