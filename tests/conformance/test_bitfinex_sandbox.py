"""Bitfinex's simulated side against our codecs, the engine's own book, recorded frames and documented refusals."""

import json
import re
import zlib
from collections.abc import Sequence
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from recordings import needs_recordings, read_lines
from simulation.truth import Truth

import cryptopipe_bitfinex as plugins
from cryptopipe.api import (
    USUAL_CHANNELS,
    Channel,
    FeedCodec,
    HangUp,
    HttpRequest,
    HttpResponse,
    Nanos,
    Resync,
    SandboxSession,
    SandboxVenue,
    Say,
    Side,
    Subscription,
    Told,
    TopUpdate,
    Trade,
    Unknown,
)
from cryptopipe.market.sync import BookState, BookSync
from cryptopipe.sandbox.engine import Engine
from cryptopipe_bitfinex.listing import BitfinexListing
from cryptopipe_bitfinex.sandbox_text import script

PLUGIN = plugins.bitfinex
MS, SECOND = 1_000_000, 1_000_000_000
T: Nanos = 1_791_365_004_404 * MS
STEP = 5 * MS
FIND = PLUGIN.instruments.find
MIDDLE = 62_000
FIRST_ORDER = 180_000_000_000
ALL_FLAGS = 32768 + 65536 + 131072

Frame = Any


class Exchange:
    """Books under random orders, and the simulated venue over them."""

    def __init__(self, *symbols: str, each_side: int = 60, seed: int = 5) -> None:
        self.at = T
        self._random = Random(seed)
        self.engines = {symbol: Engine(FIND(symbol)) for symbol in symbols}
        assert PLUGIN.sandbox is not None
        self.venue: SandboxVenue = PLUGIN.sandbox(self.engines)
        self._resting: dict[str, list[int]] = {symbol: [] for symbol in symbols}
        for symbol, engine in self.engines.items():
            for distance in range(1, each_side + 1):
                for side, price in ((Side.BUY, MIDDLE - distance), (Side.SELL, MIDDLE + distance)):
                    self._resting[symbol].append(engine.limit(side, price, 10**7 + distance, T).order_id)

    def step(self, orders: int = 3) -> None:
        self.at += STEP
        for symbol in self.engines:
            for _ in range(orders):
                self._order(symbol)

    def _order(self, symbol: str) -> None:
        random, engine, resting = self._random, self.engines[symbol], self._resting[symbol]
        side = random.choice((Side.BUY, Side.SELL))
        match random.randrange(10):
            case 0:
                engine.take(side, random.randrange(1, 10**7), self.at)
            case 1 | 2 | 3 | 4 if len(resting) > 60:
                engine.cancel(resting.pop(random.randrange(len(resting))), self.at)
            case 5:
                engine.reduce(random.choice(resting), random.randrange(1, 1000), self.at)
            case _:
                distance = random.randrange(1, 80) * (-1 if side is Side.BUY else 1)
                placed = engine.limit(side, MIDDLE + distance, random.randrange(1, 10**8), self.at, post_only=True)
                if placed.order_id:
                    resting.append(placed.order_id)

    def truth(self, symbol: str, count: int = 10**6) -> list[list[tuple[Decimal, Decimal]]]:
        rules = self.engines[symbol].instrument.rules
        assert rules is not None
        return [
            [(p * rules.tick, n * rules.step) for p, n in self.engines[symbol].levels(side, count)] for side in Side
        ]

    def open(self, path: str = "/ws/2") -> SandboxSession:
        session = self.venue.open(path, self.at)
        assert not isinstance(session, HttpResponse)
        return session

    def get(self, path: str) -> Any:
        answer = self.venue.answer(HttpRequest("GET", path), self.at)
        assert answer.status == 200, answer.body
        return json.loads(answer.body)


def said(session: SandboxSession, at: Nanos) -> list[str]:
    return [one.text for one in session.publish(at) if isinstance(one, Say)]


def ask(exchange: Exchange, session: SandboxSession, **request: object) -> None:
    assert not list(session.receive(json.dumps(request), exchange.at))


def run(exchange: Exchange, session: SandboxSession, ms: int, orders: int = 3) -> list[Frame]:
    frames: list[Frame] = []
    for _ in range(ms * MS // STEP):
        exchange.step(orders)
        frames += [json.loads(text) for text in said(session, exchange.at)]
    return frames


class Follower:
    """Our codec and a sync for each book, fed by one connection."""

    def __init__(self, exchange: Exchange, codec: FeedCodec, channels: Sequence[Channel]) -> None:
        self.exchange, self.codec = exchange, codec
        wanted = [Subscription(one.instrument, c) for one in exchange.engines.values() for c in channels]
        connect = codec.connect(wanted, None, T)
        self.session = exchange.open(connect.url.removeprefix("wss://api-pub.bitfinex.com"))
        self.syncs = {symbol: BookSync(FIND(symbol), codec.rule) for symbol in exchange.engines}
        self.trades: list[Trade] = []
        self.tops: list[TopUpdate] = []
        self.resyncs: list[Resync] = []
        self.sums = self.changes = 0
        for sync in self.syncs.values():
            sync.open()
        for text in connect.frames:
            assert not list(self.session.receive(text, exchange.at))

    def listen(self) -> None:
        for text in said(self.session, self.exchange.at):
            self.read(text)

    def read(self, text: str) -> None:
        for event in self.codec.decode(text.encode(), self.exchange.at):
            assert not isinstance(event, Unknown), text
            if isinstance(event, Resync):
                self.resyncs.append(event)
            elif isinstance(event, Trade):
                self.trades.append(event)
            elif isinstance(event, TopUpdate):
                self.tops.append(event)
            elif hasattr(event, "bids"):
                sync = self.syncs[event.symbol]
                whole = "Snapshot" in type(event).__name__
                outcome = sync.snapshot(event, 0) if whole else sync.delta(event, 0)  # type: ignore[arg-type]
                self.resyncs += [outcome] if isinstance(outcome, Resync) else []
                self.sums += event.checksum is not None
                self.changes += not whole and event.checksum is None


def orders_codec() -> FeedCodec:
    (dialect,) = [d for d in PLUGIN.dialects if Channel.ORDERS in d.channels]
    return dialect.feed()


# Books.


@pytest.mark.core
def test_our_side_holds_the_engines_book_after_every_step() -> None:
    exchange = Exchange("tBTCUSD", "tETHBTC")
    follower = Follower(exchange, PLUGIN.feed(), USUAL_CHANNELS)
    for number in range(240):
        exchange.step()
        follower.listen()
        for symbol, sync in follower.syncs.items():
            assert number < 8 or sync.state is BookState.LIVE
            if sync.state is BookState.LIVE:
                assert [list(sync.book.levels(bids)) for bids in (True, False)] == exchange.truth(symbol)
    assert follower.resyncs == [] and follower.sums > 400 and follower.changes > 1000
    for symbol, engine in exchange.engines.items():
        rules = engine.instrument.rules
        assert rules is not None
        printed = engine.trades(0)
        heard = [one for one in follower.trades if one.symbol == symbol]
        assert len(heard) == len(printed) > 50
        assert [(Decimal(one.price), Decimal(one.size), one.side, one.matched_at) for one in heard] == [
            (one.price * rules.tick, one.size * rules.step, one.side, one.at // MS * MS) for one in printed
        ]
        assert [one for one in follower.tops if one.symbol == symbol]


def test_between_two_payloads_the_book_is_one_that_the_engine_had() -> None:
    exchange = Exchange("tBTCUSD", each_side=20)
    follower = Follower(exchange, PLUGIN.feed(), [Channel.DEPTH])
    (sync,) = follower.syncs.values()
    truth = Truth.of(exchange.engines["tBTCUSD"])
    for _ in range(200):
        exchange.step(12)
        for text in said(follower.session, exchange.at):
            follower.read(text)
            if sync.state is BookState.LIVE:
                truth.check(sync, exchange.at)
    assert follower.resyncs == truth.lies == truth.backwards == [] and truth.checked > 300


def test_single_orders_are_told_in_the_engines_order_one_change_a_payload() -> None:
    """So a taker that eats three orders is three payloads, best order first, and no book between them is made up."""
    exchange = Exchange("tBTCUSD", each_side=20)
    engine, session = exchange.engines["tBTCUSD"], exchange.open()
    ask(exchange, session, event="subscribe", channel="book", symbol="tBTCUSD", prec="R0", len=250)
    (*_, (_, snapshot)) = run(exchange, session, 60, 0)
    rules, number = engine.instrument.rules, engine.order_number
    assert rules is not None and len(snapshot) < 250
    orders = {row[0]: (Decimal(str(row[1])), abs(Decimal(str(row[2])))) for row in snapshot}
    expected = dict(orders)
    eaten = 0
    for _ in range(200):
        exchange.step(12)
        frames = [json.loads(text) for text in said(session, exchange.at)]
        for line in engine.order_tape(number):
            number, key = line.number, FIRST_ORDER + line.order_id
            price, size = line.price * rules.tick, line.size * rules.step
            before = expected.get(key, (price, Decimal(0)))[1]
            left = before + size if line.told is Told.OPENED else before - size if line.told is not Told.FILLED else 0
            if left:
                expected[key] = (price, left)
            else:
                expected.pop(key, None)
            if line.told is Told.MATCHED and not left:
                eaten += 1
                continue
            _, (order_id, told, amount) = frames.pop(0)
            if told:
                orders[order_id] = (Decimal(str(told)), abs(Decimal(str(amount))))
            else:
                del orders[order_id]
            assert orders == expected
        assert frames == []
    assert eaten > 20


def test_a_book_that_nobody_read_for_long_begins_anew() -> None:
    exchange = Exchange("tBTCUSD")
    sessions = [exchange.open(), exchange.open()]
    for session in sessions:
        ask(exchange, session, event="subscribe", channel="book", symbol="tBTCUSD", len=250)
        run(exchange, session, 60)
    for _ in range(70):
        exchange.at += SECOND
        exchange.step(20)
    left, other = (list(session.publish(exchange.at)) for session in sessions)
    assert [type(one) for one in (left[0], other[0])] == [HangUp, HangUp]
    follower = Follower(exchange, PLUGIN.feed(), [Channel.DEPTH])
    for _ in range(20):
        exchange.step()
        follower.listen()
    (sync,) = follower.syncs.values()
    assert [list(sync.book.levels(bids)) for bids in (True, False)] == exchange.truth("tBTCUSD")


@pytest.mark.core
def test_our_side_holds_every_single_order_of_the_engine() -> None:
    exchange = Exchange("tBTCUSD")
    follower = Follower(exchange, orders_codec(), [Channel.ORDERS])
    (sync,) = follower.syncs.values()
    engine = exchange.engines["tBTCUSD"]
    rules = engine.instrument.rules
    assert rules is not None
    for number in range(150):
        exchange.step()
        follower.listen()
        assert number < 8 or sync.state is BookState.LIVE
        if sync.state is BookState.LIVE:
            for bids, side in ((True, Side.BUY), (False, Side.SELL)):
                assert sync.book.orders(bids) == [  # type: ignore[attr-defined, unused-ignore]
                    (str(FIRST_ORDER + one.order_id), one.price * rules.tick, one.size * rules.step)
                    for one in engine.orders(side)
                ]
    assert follower.resyncs == [] and follower.sums > 100 and follower.changes > 300


def test_the_window_is_as_long_as_was_asked_for() -> None:
    exchange = Exchange("tBTCUSD", each_side=60)
    session = exchange.open()
    ask(exchange, session, event="subscribe", channel="book", symbol="tBTCUSD", len=25)
    book: list[dict[float, float]] = [{}, {}]
    for frame in run(exchange, session, 700):
        rows = frame[1] if isinstance(frame, list) else []
        for price, count, amount in rows if rows and isinstance(rows[0], list) else [rows] if rows else []:
            side = book[amount < 0]
            side[price] = abs(amount)
            if not count:
                del side[price]  # nothing is removed that was not there
        assert all(len(side) <= 25 for side in book) or len(frame) == 2
    best = exchange.truth("tBTCUSD", 25)
    assert [sorted(book[0], reverse=True), sorted(book[1])] == [[float(p) for p, _ in side] for side in best]


def test_a_changed_digit_or_a_lost_frame_is_noticed() -> None:
    for lost in (False, True):
        exchange = Exchange("tBTCUSD", "tETHBTC")
        follower = Follower(exchange, PLUGIN.feed(), [Channel.DEPTH])
        for _ in range(20):
            exchange.step()
            follower.listen()
        assert follower.resyncs == []
        done = ""
        while not done:
            exchange.step()
            for text in said(follower.session, exchange.at):
                if not done and (m := re.fullmatch(r"(\[\d+,\[(\d+),1,-?)([\d.]+)(\],.*)", text)):
                    near = abs(int(m[2]) - MIDDLE) < 5
                    done = text if near else ""
                    text = "" if near and lost else f"{m[1]}{m[3]}7{m[4]}" if near else text
                if text:
                    follower.read(text)
        if lost:
            assert follower.resyncs[0].symbol is None
            assert follower.resyncs[0].reason.startswith("sequence gap on bitfinex: expected")
        else:
            assert follower.resyncs[0].symbol in ("tBTCUSD",)
            assert "computed" in follower.resyncs[0].reason


@pytest.mark.parametrize(("precision", "raw"), [("P0", False), ("R0", True)])
def test_sums_are_the_documented_ones(precision: str, raw: bool) -> None:
    """docs/ws-websocket-checksum: bids[0], asks[0], bids[1], …, 25 a side; a client of its own keeps the book."""
    exchange = Exchange("tBTCUSD", each_side=12)
    session = exchange.open()
    ask(exchange, session, event="conf", flags=131072)
    ask(exchange, session, event="subscribe", channel="book", symbol="tBTCUSD", prec=precision, len="100")
    rows: dict[str, list[str]] = {}
    checked = 0
    for _ in range(150):
        exchange.step(1)
        for text in said(session, exchange.at):
            frame = json.loads(text, parse_float=str, parse_int=str)
            if isinstance(frame, dict):
                continue
            if frame[1] == "cs":
                price = 1 if raw else 0
                sides = ([r for r in rows.values() if (r[2][0] == "-") is asks] for asks in (False, True))
                bids, asks = (
                    sorted(side, key=lambda r, s=sign: (s * Decimal(r[price]), int(r[0]) if raw else 0))[:25]
                    for side, sign in zip(sides, (-1, 1), strict=True)
                )
                pairs: list[str] = []
                for at in range(25):
                    pairs += [f"{side[at][0]}:{side[at][2]}" for side in (bids, asks) if at < len(side)]
                crc = zlib.crc32(":".join(pairs).encode())
                assert int(frame[2]) == (crc - 2**32 if crc >= 2**31 else crc)
                checked += 1
                continue
            for row in frame[1] if isinstance(frame[1][0], list) else [frame[1]]:
                rows[row[0]] = row
                if row[1] == "0":
                    del rows[row[0]]
    assert checked > 100


# Words.


@needs_recordings
def test_greeting_and_acknowledgements_are_those_that_were_recorded() -> None:
    lines = list(read_lines("bitfinex/P0_book_trades_ticker_seq_20210417.jsonl.gz"))
    asked = [json.loads(line["raw"]) for line in lines if line["dir"] == "send" and "ETH" in line["raw"]]
    told = [line["raw"] for line in lines if line["dir"] == "recv" and line["raw"].startswith('{"event')]
    exchange = Exchange("tBTCUSD")
    session = exchange.open()
    ask(exchange, session, event="conf", flags=65536)
    for request in asked:
        assert request["symbol"] == "tIOTETH"
        ask(exchange, session, **{**request, "symbol": "tBTCUSD"})
    mine = [t for _ in range(8) for t in (exchange.step() or said(session, exchange.at)) if t.startswith("{")]

    def plain(text: str) -> str:
        text = re.sub(r'"(serverId|chanId)":("[^"]+"|\d+)', r'"\1":0', text)
        return text.replace("IOTETH", "BTCUSD")

    recorded = [plain(t) for t in told if "subscribed" not in t or "IOTETH" in t]
    assert sorted(plain(t) for t in mine) == sorted(recorded) and len(mine) == 5
    assert [plain(t) for t in mine[:2]] == recorded[:2]


def test_the_count_runs_over_every_array_and_the_time_is_last() -> None:
    exchange = Exchange("tBTCUSD", "tETHBTC")
    session = exchange.open()
    ask(exchange, session, event="conf", flags=ALL_FLAGS)
    for symbol in exchange.engines:
        for channel in ("book", "trades", "ticker"):
            ask(exchange, session, event="subscribe", channel=channel, symbol=symbol)
    frames = [f for f in run(exchange, session, 1500) if isinstance(f, list)]
    assert [f[-2] for f in frames] == list(range(1, len(frames) + 1))
    assert all(T - SECOND <= f[-1] * MS <= exchange.at for f in frames)
    kinds = {f[1] if isinstance(f[1], str) else "data" for f in frames}
    assert kinds == {"data", "cs", "te", "tu"}


def test_without_flags_an_array_ends_with_its_data() -> None:
    """What ccxt reads: a trades snapshot of two elements, an execution of three."""
    exchange = Exchange("tBTCUSD")
    run(exchange, exchange.open(), 200)
    session = exchange.open()
    ask(exchange, session, event="subscribe", channel="trades", symbol="tBTCUSD")
    frames = [f for f in run(exchange, session, 1500) if isinstance(f, list)]
    assert len(frames[0]) == 2 and 3 < len(frames[0][1]) <= 30
    ids = [row[0] for row in frames[0][1]]
    assert ids == sorted(ids, reverse=True)
    executed, written = ([f[2] for f in frames if f[1] == kind] for kind in ("te", "tu"))
    assert {len(f) for f in frames[1:]} == {3}
    assert written and executed[: len(written)] == written
    assert executed[0][0] == ids[0] + 1


def test_a_quiet_channel_gets_a_heartbeat_every_fifteen_seconds() -> None:
    exchange = Exchange("tBTCUSD")
    session = exchange.open()
    ask(exchange, session, event="conf", flags=65536)
    ask(exchange, session, event="subscribe", channel="book", symbol="tBTCUSD")
    first = run(exchange, session, 100, orders=0)
    (chan,) = [f["chanId"] for f in first if isinstance(f, dict) and f["event"] == "subscribed"]
    assert run(exchange, session, 14_000, orders=0) == []
    assert run(exchange, session, 2_000, orders=0) == [[chan, "hb", 2]]


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        # Codes: docs/ws-general and abbreviations-glossary, a copy read 2026-11-21.
        ({"event": "subscribe", "channel": "book", "symbol": "tNOUSD"}, 10300),
        ({"event": "subscribe", "channel": "book", "symbol": "tBTCUSD", "prec": "P9"}, 10300),
        ({"event": "subscribe", "channel": "book", "symbol": "tBTCUSD", "len": "26"}, 10300),
        ({"event": "subscribe", "channel": "book", "symbol": "tBTCUSD", "freq": "F7"}, 10300),
        ({"event": "subscribe", "channel": "trades", "symbol": "tBTCUSD"}, 10301),
        ({"event": "subscribe", "channel": "nothing", "symbol": "tBTCUSD"}, 10302),
        ({"event": "unsubscribe", "chanId": 1}, 10401),
        ({"event": "unsubscribe"}, 10401),
        ({"event": "dance"}, 10000),
        ({"event": "conf", "flags": "x"}, 10050),
    ],
)
def test_a_wrong_request_gets_its_code(request_: dict[str, object], code: int) -> None:
    exchange = Exchange("tBTCUSD")
    session = exchange.open()
    ask(exchange, session, event="subscribe", channel="trades", symbol="tBTCUSD")
    run(exchange, session, 50, orders=0)
    ask(exchange, session, **request_)
    (answer,) = run(exchange, session, 50, orders=0)
    assert (answer["event"], answer["code"]) == ("error", code)
    (event,) = PLUGIN.feed().decode(json.dumps(answer).encode(), 1)
    assert not getattr(event, "ok", True)


def test_damaged_texts_get_an_error_and_ping_a_pong() -> None:
    exchange = Exchange("tBTCUSD")
    session = exchange.open()
    for text in ("", "{", "[1]", '"x"', "[" * 5000):
        assert not list(session.receive(text, exchange.at))
    ask(exchange, session, event="ping", cid=1234)
    *errors, pong = run(exchange, session, 50, orders=0)[1:]
    assert [one["code"] for one in errors] == [10000] * 5
    assert pong == {"event": "pong", "ts": (T + 7 * STEP) // MS, "cid": 1234} or pong["cid"] == 1234


def test_thirty_channels_fit_a_connection_and_twenty_connections_a_minute() -> None:
    exchange = Exchange(*[i.symbol for i in PLUGIN.instruments.listed() if i.rules is not None], "tBTCUSD")
    session = exchange.open()
    for symbol in exchange.engines:
        for request in (
            {"channel": "trades"},
            {"channel": "ticker"},
            {"channel": "book"},
            {"channel": "book", "prec": "R0"},
        ):
            ask(exchange, session, event="subscribe", symbol=symbol, **request)
    answers = [f for f in run(exchange, session, 60, orders=0) if isinstance(f, dict)]
    assert sum(a["event"] == "subscribed" for a in answers) == 30
    assert {a["code"] for a in answers if a["event"] == "error"} == {10305}
    opened = [exchange.venue.open("/ws/2", exchange.at) for _ in range(20)]
    refused = [one for one in opened if isinstance(one, HttpResponse)]
    assert [one.status for one in refused] == [429]
    assert not isinstance(exchange.venue.open("/ws/2", exchange.at + 61 * SECOND), HttpResponse)
    assert isinstance(exchange.venue.open("/ws/1", exchange.at), HttpResponse)


def test_a_channel_that_was_left_says_nothing_more_and_may_be_entered_again() -> None:
    exchange = Exchange("tBTCUSD")
    session = exchange.open()
    ask(exchange, session, event="subscribe", channel="book", symbol="tBTCUSD")
    first = run(exchange, session, 60)
    (chan,) = [f["chanId"] for f in first if isinstance(f, dict) and f["event"] == "subscribed"]
    ask(exchange, session, event="unsubscribe", chanId=str(chan))
    run(exchange, session, 30)
    assert run(exchange, session, 100) == []
    ask(exchange, session, event="subscribe", channel="book", symbol="tBTCUSD")
    again = run(exchange, session, 60)
    assert [f["chanId"] for f in again if isinstance(f, dict)] == [chan + 1]
    assert not any(isinstance(one, HangUp) for one in session.publish(exchange.at))


@pytest.mark.parametrize(
    ("number", "text"),
    [
        # As the recorded frames have them, and ECMA-262's examples of small numbers.
        ("0.09383141", "0.09383141"), ("277530.0", "277530"), ("0.00000011", "1.1e-7"), ("0.00000002", "2e-8"),
        ("0.000001", "0.000001"), ("100", "100"), ("0", "0"), ("-0.0674", "-0.0674"),
    ],
)  # fmt: skip
def test_numbers_are_written_as_javascript_does(number: str, text: str) -> None:
    assert script(Decimal(number)) == text


# REST.


def test_the_rest_side_answers_what_clients_ask_for() -> None:
    exchange = Exchange("tBTCUSD", "tETHUST")
    run(exchange, exchange.open(), 300)
    assert exchange.get("/v2/platform/status") == [1]
    pairs, coins, none = exchange.get("/v2/conf/pub:list:pair:exchange,pub:list:currency,pub:list:pair:futures")
    assert (pairs, coins, none) == (["BTCUSD", "ETHUST"], ["BTC", "ETH", "USD", "UST"], [])
    assert exchange.get("/v2/conf/pub%3Amap%3Acurrency%3Asym") == [[["UST", "USDt"]]]
    book = exchange.get("/v2/book/tBTCUSD/P0?len=25")
    best = exchange.truth("tBTCUSD", 25)
    assert [(Decimal(str(p)), Decimal(str(a))) for p, _, a in book if a > 0] == best[0]
    assert [(Decimal(str(p)), -Decimal(str(a))) for p, _, a in book if a < 0] == best[1]
    assert len(exchange.get("/v2/book/tBTCUSD/R0?len=1")) == 2
    ticker = exchange.get("/v2/ticker/tBTCUSD")
    assert (ticker[0], ticker[2]) == (best[0][0][0], best[1][0][0])
    assert exchange.get("/v2/tickers?symbols=tBTCUSD,tNONE") == [["tBTCUSD", *ticker]]
    assert len(exchange.get("/v2/tickers?symbols=ALL")) == 2
    trades = exchange.get("/v2/trades/tBTCUSD/hist?limit=5")
    assert len(trades) == 5 and trades[0][0] > trades[4][0] and ticker[6] == trades[0][3]
    assert exchange.get("/v2/trades/tBTCUSD/hist?limit=1&sort=1")[0][0] == 1_700_000_001


def test_candles_are_those_of_the_trades() -> None:
    exchange = Exchange("tBTCUSD")
    session = exchange.open()
    ask(exchange, session, event="subscribe", channel="candles", key="trade:1m:tBTCUSD")
    frames = run(exchange, session, 500)
    (told,) = [f for f in frames if isinstance(f, dict) and f["event"] == "subscribed"]
    assert {**told, "chanId": 0} == {
        "event": "subscribed", "channel": "candles", "chanId": 0, "key": "trade:1m:tBTCUSD",
    }  # fmt: skip
    (whole,) = exchange.get("/v2/candles/trade:1m:tBTCUSD/hist?sort=1&limit=10")
    trades = exchange.engines["tBTCUSD"].trades(0)
    prices = [one.price for one in trades]
    minute = T // MS // 60_000 * 60_000
    assert whole[:5] == [minute, prices[0], prices[-1], max(prices), min(prices)]
    assert round(whole[5] * 10**8) == sum(one.size for one in trades)
    assert [f[1] for f in frames if isinstance(f, list)][-1] == whole
    assert exchange.get("/v2/candles/trade:1h:tBTCUSD/last")[1:] == whole[1:]
    ask(exchange, session, event="subscribe", channel="candles", key="trade:7m:tBTCUSD")
    assert [f["code"] for f in run(exchange, session, 50, orders=0) if isinstance(f, dict)] == [10300]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v2/book/tNONE/P0", 500),
        ("/v2/book/tBTCUSD/P7", 500),
        ("/v2/book/tBTCUSD/P0?len=7", 500),
        ("/v2/trades/tBTCUSD/hist?limit=0", 500),
        ("/v2/trades/tBTCUSD/hist?limit=x", 500),
        ("/v2/conf/what", 500),
        ("/v2/candles/trade:7m:tBTCUSD/hist", 500),
        ("/v2/candles", 500),
        ("/v2/what", 404),
        ("/v1/book/tBTCUSD", 404),
        ("/", 404),
    ],
)
def test_a_wrong_path_is_refused(path: str, status: int) -> None:
    assert Exchange("tBTCUSD").venue.answer(HttpRequest("GET", path), T).status == status


def test_our_metadata_reads_the_simulated_answers() -> None:
    exchange, listing = Exchange("tBTCUSD", "tETHUST"), BitfinexListing()
    pairs, tickers, coins = (
        listing.read(HttpResponse(200, exchange.venue.answer(HttpRequest("GET", r.url), T).body, r.url))
        for r in listing.requests()
    )
    assert [i.symbol for i in pairs.instruments] == ["tBTCUSD", "tETHUST"]
    assert [i.rules for i in tickers.instruments] == [None, None]  # nothing has traded: high and low are 0
    run(exchange, exchange.open(), 300)
    url = listing.requests()[1].url
    body = exchange.venue.answer(HttpRequest("GET", url), exchange.at).body
    (bitcoin, _) = listing.read(HttpResponse(200, body, url)).instruments
    assert bitcoin.rules == FIND("tBTCUSD").rules
    assert {c.code: (c.asset, c.networks[0].chain) for c in coins.currencies}["UST"] == ("USDT", "ethereum")
