"""Simulated Binance: our feed holds the engine's book after every frame; frames, answers and errors are the venue's.

Expected forms are those of recordings (2021, 2024), of answers kept by other clients' tests, and of the documentation.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cache
from random import Random
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from recordings import RECORDINGS, needs_recordings, read_lines

import cryptopipe_binance as plugins
from cryptopipe.api import (
    USUAL_CHANNELS,
    Beat,
    BookDelta,
    ExchangePlugin,
    HangUp,
    HttpRequest,
    HttpResponse,
    Instrument,
    Outgoing,
    SandboxSession,
    SandboxVenue,
    Say,
    Side,
    Subscription,
    TopUpdate,
    Trade,
)
from cryptopipe.market.sync import BookState, BookSync
from cryptopipe.sandbox.engine import Engine
from cryptopipe_binance.metadata import instruments

SECOND, MILLISECOND = 1_000_000_000, 1_000_000
START = 1_763_700_000 * SECOND
STEP = 10 * MILLISECOND
BUY, SELL = Side.BUY, Side.SELL
VENUES = (plugins.binance, plugins.binance_us, plugins.binance_usdm)
SPOT_AND_FUTURES = (plugins.binance, plugins.binance_usdm)


class Town:
    """One venue over small engines of its listed instruments, moved by a seeded flow around 60,000 ticks."""

    def __init__(self, plugin: ExchangePlugin, seed: int = 7) -> None:
        assert plugin.sandbox is not None
        self.plugin, self.now = plugin, START
        self.engines = {one.symbol: Engine(one) for one in plugin.instruments.listed()}
        self._random = Random(seed)
        for engine in self.engines.values():
            for distance in range(1, 31):
                engine.limit(BUY, 60_000 - distance, distance, START)
                engine.limit(SELL, 60_000 + distance, 2 * distance, START)
        self.venue: SandboxVenue = plugin.sandbox(self.engines)

    def advance(self, engine: Engine) -> None:
        """One order: mostly far from the other side, every fourth one takes."""
        side = self._random.choice((BUY, SELL))
        if self._random.random() < 0.25:
            engine.take(side, self._random.randint(1, 40), self.now)
        sign = -1 if side is BUY else 1
        price = 60_000 + sign * self._random.randint(-3, 40)
        engine.limit(side, price, self._random.randint(1, 50), self.now)

    def step(self, sessions: Sequence[SandboxSession], quiet: bool = False) -> list[list[Outgoing]]:
        """Ten milliseconds on, with two orders in each book unless `quiet`: what each session says."""
        self.now += STEP
        for engine in () if quiet else self.engines.values():
            self.advance(engine)
            self.advance(engine)
        return [list(session.publish(self.now)) for session in sessions]

    def open(self, path: str) -> SandboxSession:
        """A connection that is not refused."""
        session = self.venue.open(path, self.now)
        assert not isinstance(session, HttpResponse), session
        return session

    def get(self, path: str, method: str = "GET") -> HttpResponse:
        """The answer to a request made now."""
        return self.venue.answer(HttpRequest(method, path), self.now)

    def run(self, session: SandboxSession, steps: int) -> list[str]:
        """The texts that this session says in so many steps."""
        return [text for _ in range(steps) for text in texts(self.step([session])[0])]


def texts(said: Iterable[Outgoing]) -> list[str]:
    return [one.text for one in said if isinstance(one, Say)]


def asked(town: Town, session: SandboxSession, *requests: str) -> list[Any]:
    """What each request is answered with, within 100 ms, while nothing is traded."""
    for request in requests:
        assert list(session.receive(request, town.now)) == []
    said = [text for _ in range(10) for text in texts(town.step([session], quiet=True)[0])]
    return [json.loads(text) for text in said if '"stream"' not in text]


def path_of(url: str) -> str:
    return url[url.index("/", len("https://")) :]


def as_decimals(instrument: Instrument, levels: Sequence[tuple[int, int]]) -> list[tuple[Decimal, Decimal]]:
    """Ticks and lots in quote and base."""
    assert instrument.rules is not None
    return [(price * instrument.rules.tick, size * instrument.rules.step) for price, size in levels]


def snapshot(town: Town, sync: BookSync) -> None:
    """Fetched, and given to the book as the supervisor does."""
    codec = town.plugin.snapshots
    assert codec is not None
    answer = town.get(path_of(codec.request(sync.instrument).url))
    told = codec.snapshot(sync.instrument.symbol, answer, town.now)
    assert told.version == town.engines[sync.instrument.symbol].number
    sync.snapshot(told, town.now)


@pytest.mark.parametrize("plugin", VENUES, ids=lambda plugin: plugin.venue)
@pytest.mark.parametrize("fetched_at", [0, 13, 19])
def test_our_feed_holds_the_engines_book_after_every_frame(plugin: ExchangePlugin, fetched_at: int) -> None:
    """Whole depth and top at the frame's own update number; the snapshot falls before, inside and after a frame."""
    town = Town(plugin)
    listed = plugin.instruments.listed()
    codec = plugin.feed()
    session = town.open(
        path_of(codec.connect([Subscription(i, c) for i in listed for c in USUAL_CHANNELS], None, START).url)
    )
    syncs = {one.symbol: BookSync(one, codec.rule) for one in listed}
    told = {"deltas": 0, "tops": 0, "trades": 0}
    for step in range(60):
        if step == fetched_at:
            for sync in syncs.values():
                snapshot(town, sync)
        for text in texts(town.step([session])[0]):
            for event in codec.decode(text.encode(), town.now):
                assert isinstance(event, BookDelta | TopUpdate | Trade), event
                follow(town, syncs[event.symbol], event, told)
    assert all(sync.state is BookState.LIVE and sync.gaps == sync.resyncs == 0 for sync in syncs.values())
    assert told["trades"] == sum(len(engine.trades(0)) for engine in town.engines.values())
    assert told["deltas"] >= (60 - fetched_at) // 10 * len(listed) - len(listed)
    assert told["tops"] > 5 * len(listed)


def follow(town: Town, sync: BookSync, event: BookDelta | TopUpdate | Trade, told: dict[str, int]) -> None:
    """Give one event to its book and compare with the engine."""
    engine = town.engines[event.symbol]
    if isinstance(event, Trade):
        told["trades"] += 1
        trade = engine.trades(int(event.trade_id) - 1)[0]
        stated = (Decimal(event.price), Decimal(event.size))
        assert as_decimals(sync.instrument, [(trade.price, trade.size)]) == [stated]
        assert (trade.side, trade.at // MILLISECOND * MILLISECOND) == (event.side, event.event_time)
        return
    assert event.version == engine.number
    best = [as_decimals(sync.instrument, engine.levels(side, 1))[0] for side in (BUY, SELL)]
    if isinstance(event, TopUpdate):
        told["tops"] += 1
        sizes = (event.bid_size or "", event.ask_size or "")
        assert [(Decimal(event.bid), Decimal(sizes[0])), (Decimal(event.ask), Decimal(sizes[1]))] == best
        sync.quote(event, town.now)
        return
    sync.delta(event, town.now)
    if sync.state is not BookState.LIVE:
        return
    told["deltas"] += 1
    for side in (BUY, SELL):
        whole = engine.levels(side, 10_000)
        held = [(price, size) for price, size in sync.book.levels(side is BUY, 10_000)]
        assert held == as_decimals(sync.instrument, whole)
    assert sync.book.top is not None and [sync.book.top.bid, sync.book.top.ask] == [best[0][0], best[1][0]]


@pytest.mark.parametrize("plugin", VENUES, ids=lambda plugin: plugin.venue)
def test_the_listing_of_the_simulated_venue_is_our_own(plugin: ExchangePlugin) -> None:
    town = Town(plugin)
    prefix = "/fapi/v1" if plugin is plugins.binance_usdm else "/api/v3"
    listed = tuple(plugin.instruments.listed())
    assert instruments(town.get(f"{prefix}/exchangeInfo").body, plugin.venue, listed[0].kind) == listed
    one = json.loads(town.get(f"{prefix}/exchangeInfo?symbol=ETHUSDT").body)["symbols"]
    if plugin is not plugins.binance_usdm:
        assert [symbol["symbol"] for symbol in one] == ["ETHUSDT"]
        two = json.loads(town.get(f"{prefix}/exchangeInfo?symbols=%5B%22ETHUSDT%22,%22BTCUSDT%22%5D").body)["symbols"]
        assert [symbol["symbol"] for symbol in two] == ["ETHUSDT", "BTCUSDT"]


@pytest.mark.parametrize("plugin", VENUES, ids=lambda plugin: plugin.venue)
def test_the_clock_reads_the_simulated_time(plugin: ExchangePlugin) -> None:
    town = Town(plugin)
    town.now += 1_234_567
    assert plugin.clock is not None
    answer = town.get(path_of(plugin.clock.request().url))
    assert plugin.clock.server_time(answer) == START + MILLISECOND
    assert town.now - plugin.clock.server_time(answer) < plugin.clock.resolution


# Forms: the keys in their order, and what kind of value each has.

Form = Any


def form(value: Any, digits: bool = True) -> Form:
    """Keys in order with the types of their values; of a decimal text its places; of an array its elements' forms."""
    if isinstance(value, dict):
        return [(key, form(one, digits)) for key, one in value.items()]
    if isinstance(value, list):
        return sorted({json.dumps(form(one, digits)) for one in value})
    if isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?", value):
        return f"{len(value.partition('.')[2])} places" if digits else "number"
    return type(value).__name__


@cache
def recorded(name: str, kind: str) -> Any:
    """The first recorded frame with levels on both sides, or trade, of this kind; `depth` of REST for an answer."""
    for line in read_lines(name):
        if line["dir"] == "http" and kind == "answer":
            return json.loads(line["raw"])
        if line["dir"] == "recv" and kind != "answer":
            frame = json.loads(line["raw"])
            payload = frame["data"]
            if frame["stream"].partition("@")[2].startswith(kind) and payload.get("b", "x") and payload.get("a", "x"):
                return frame
    raise AssertionError(f"no {kind} in {name}")


def simulated(town: Town, names: Sequence[str], base: str = "/stream") -> dict[str, Any]:
    """The first frame of each stream that has levels on both sides."""
    found: dict[str, Any] = {}
    for text in town.run(town.open(f"{base}?streams={'/'.join(names)}"), 450):
        frame = json.loads(text)
        if frame["data"].get("b", "x") and frame["data"].get("a", "x"):
            found.setdefault(frame["stream"], frame)
    return found


def kind_of(stream: str) -> str:
    return stream.partition("@")[2].partition("@")[0]


@needs_recordings
@pytest.mark.parametrize(
    ("plugin", "files"),
    [
        (plugins.binance, ("spot_btcusdt_20240808", "spot_depth_stream_20211012")),
        (plugins.binance_usdm, ("btcusdt_20240808", "depth_stream_20210722")),
    ],
    ids=("binance", "binance_usdm"),
)
def test_frames_have_the_form_of_recorded_ones(plugin: ExchangePlugin, files: tuple[str, str]) -> None:
    streams = ["btcusdt@depth@100ms", "btcusdt@bookTicker", "btcusdt@trade", "btcusdt@aggTrade", "btcusdt@kline_1m"]
    town = Town(plugin)
    found = simulated(town, streams)
    assert sorted(found) == sorted(streams)
    for name, frame in found.items():
        ours = name.endswith(("aggTrade", "kline_1m"))  # recorded of other symbols, which have other digits
        like = recorded(f"{plugin.venue}/{files[ours]}.jsonl.gz", kind_of(name))
        digits = not ours or plugin is plugins.binance
        assert form(frame["data"], digits) == form(like["data"], digits), name
        assert list(frame) == list(like)
    prefix = "/fapi/v1" if plugin is plugins.binance_usdm else "/api/v3"
    answer = json.loads(town.get(f"{prefix}/depth?symbol=BTCUSDT&limit=1000").body)
    assert form(answer) == form(recorded(f"{plugin.venue}/{files[0]}.jsonl.gz", "answer"))


DOCUMENTED = {
    "depth20@100ms": {"lastUpdateId": 160, "bids": [["0.0024", "10"]], "asks": [["0.0026", "100"]]},
    "depth5": {"lastUpdateId": 160, "bids": [["0.0024", "10"]], "asks": [["0.0026", "100"]]},
    "miniTicker": {
        "e": "24hrMiniTicker", "E": 1672515782136, "s": "BNBBTC", "c": "0.0025", "o": "0.0010", "h": "0.0025",
        "l": "0.0010", "v": "10000", "q": "18",
    },
    "ticker": {
        "e": "24hrTicker", "E": 1672515782136, "s": "BNBBTC", "p": "0.0015", "P": "250.00", "w": "0.0018",
        "x": "0.0009", "c": "0.0025", "Q": "10", "b": "0.0024", "B": "10", "a": "0.0026", "A": "100", "o": "0.0010",
        "h": "0.0025", "l": "0.0010", "v": "10000", "q": "18", "O": 0, "C": 86400000, "F": 0, "L": 18150, "n": 18151,
    },
}  # fmt: skip
"""web-socket-streams.md (2026-07-21)."""


def test_frames_have_the_form_of_documented_ones() -> None:
    found = simulated(Town(plugins.binance), [f"btcusdt@{kind}" for kind in DOCUMENTED])
    assert {name.partition("@")[2]: form(frame["data"], digits=False) for name, frame in found.items()} == {
        kind: form(payload, digits=False) for kind, payload in DOCUMENTED.items()
    }


def test_partial_books_are_the_best_levels() -> None:
    """Pushed each second or each 100 ms, whether or not they changed."""
    town = Town(plugins.binance)
    session = town.open("/stream?streams=btcusdt@depth20/btcusdt@depth20@100ms/btcusdt@depth5@100ms")
    counts = {"btcusdt@depth20": 0, "btcusdt@depth20@100ms": 0, "btcusdt@depth5@100ms": 0}
    engine = town.engines["BTCUSDT"]
    for step in range(300):
        for text in texts(town.step([session], quiet=step > 200)[0]):
            frame = json.loads(text)
            counts[frame["stream"]] += 1
            depth = 5 if "depth5" in frame["stream"] else 20
            for side, key in ((BUY, "bids"), (SELL, "asks")):
                held = [(Decimal(price), Decimal(size)) for price, size in frame["data"][key]]
                assert held == as_decimals(engine.instrument, engine.levels(side, depth))
            assert frame["data"]["lastUpdateId"] == engine.number
    assert counts == {"btcusdt@depth20": 3, "btcusdt@depth20@100ms": 30, "btcusdt@depth5@100ms": 30}


def test_partial_books_of_futures_had_the_worst_bid_first() -> None:
    """Best first, as in a frame of 2021-06-12 kept in a public repository: bids 35701.24, 35701.23, 35701.22, ..."""
    town = Town(plugins.binance_usdm)
    engine = town.engines["BTCUSDT"]
    for text in town.run(town.open("/ws/btcusdt@depth20@100ms"), 30):
        frame = json.loads(text)
        for side, key in ((BUY, "b"), (SELL, "a")):
            held = [(Decimal(price), Decimal(size)) for price, size in frame[key]]
            assert len(held) == 20 and held == sorted(held, reverse=side is BUY)
    assert held == as_decimals(engine.instrument, engine.levels(SELL, 20))


def test_average_price_is_turnover_by_volume() -> None:
    """rest-api.md (2026-07-21): `{"mins": 5, "price": "9.35751834", "closeTime": 1694061154503}`."""
    town = Town(plugins.binance)
    for _ in range(200):
        town.step([])
    engine = town.engines["BTCUSDT"]
    trades = engine.trades(0)
    told = json.loads(town.get("/api/v3/avgPrice?symbol=BTCUSDT").body)
    total = sum(one.size for one in trades)
    expected = as_decimals(engine.instrument, [(sum(one.price * one.size for one in trades) // total, 1)])[0][0]
    assert (told["mins"], Decimal(told["price"]), told["closeTime"]) == (5, expected, town.now // MILLISECOND)
    plain, chart = (town.get(f"/api/v3/{kind}?symbol=BTCUSDT&interval=1m") for kind in ("klines", "uiKlines"))
    assert plain.body == chart.body and json.loads(plain.body)
    assert Town(plugins.binance_usdm).get("/fapi/v1/avgPrice?symbol=BTCUSDT").status == 404


@pytest.mark.parametrize("plugin", SPOT_AND_FUTURES, ids=lambda plugin: plugin.venue)
def test_aggregates_are_all_trades_once(plugin: ExchangePlugin) -> None:
    """Ids follow each other, `f` to `l` covers every trade once, sizes add up, price and taker are those trades'."""
    town = Town(plugin)
    engine = town.engines["BTCUSDT"]
    frames = [json.loads(text) for text in town.run(town.open("/ws/btcusdt@aggTrade"), 110)]
    trades = {trade.trade_id: trade for trade in engine.trades(0)}
    frames = [frame for frame in frames if frame["l"] <= max(trades)]
    assert [frame["a"] for frame in frames] == list(range(frames[0]["a"], frames[0]["a"] + len(frames)))
    for before, frame in zip([{"l": 0}, *frames], frames, strict=False):
        assert frame["f"] == before["l"] + 1
        parts = [trades[number] for number in range(frame["f"], frame["l"] + 1)]
        total = as_decimals(engine.instrument, [(parts[0].price, sum(part.size for part in parts))])
        assert total == [(Decimal(frame["p"]), Decimal(frame["q"]))]
        assert {(part.price, part.side is SELL) for part in parts} == {(parts[0].price, frame["m"])}
    assert any(frame["l"] > frame["f"] for frame in frames)
    prefix = "/fapi/v1" if plugin is plugins.binance_usdm else "/api/v3"
    answer = json.loads(town.get(f"{prefix}/aggTrades?symbol=BTCUSDT&limit=3&fromId=2").body)
    assert [{key: one[key] for key in "apqflTm"} for one in answer] == [
        {key: frame[key] for key in "apqflTm"} for frame in frames[1:4]
    ]


def test_candles_are_what_was_traded() -> None:
    """Against the engine's own trades, grouped anew."""
    town = Town(plugins.binance)
    session = town.open("/ws/btcusdt@kline_1s")
    engine = town.engines["BTCUSDT"]
    town.run(session, 450)
    rows = json.loads(town.get("/api/v3/klines?symbol=BTCUSDT&interval=1s").body)
    seconds: dict[int, list[Any]] = {}
    for trade in engine.trades(0):
        seconds.setdefault(trade.at // SECOND * 1000, []).append(trade)
    assert [row[0] for row in rows] == sorted(seconds)
    for row in rows:
        within = seconds[row[0]]
        prices = [price for price, _ in as_decimals(engine.instrument, [(t.price, 1) for t in within])]
        assert [Decimal(cell) for cell in row[1:5]] == [prices[0], max(prices), min(prices), prices[-1]]
        sizes = as_decimals(engine.instrument, [(t.price, t.size) for t in within])
        assert Decimal(row[5]) == sum(size for _, size in sizes)
        assert Decimal(row[7]) == sum(price * size for price, size in sizes)
        assert (row[6], row[8]) == (row[0] + 999, len(within))
        bought = [one for one, trade in zip(sizes, within, strict=True) if trade.side is BUY]
        assert Decimal(row[9]) == sum(size for _, size in bought)
    minute = json.loads(town.get("/api/v3/klines?symbol=BTCUSDT&interval=1m").body)
    assert sum(row[8] for row in minute) == len(engine.trades(0))
    month = json.loads(town.get("/api/v3/klines?symbol=BTCUSDT&interval=1M").body)[0]
    assert (month[0], month[6]) == (1761955200000, 1764547199999)  # November 2025 (date -u +%s)


def test_each_candle_is_told_once_more_when_it_is_over() -> None:
    """`x` marks it; what it says then is what REST says of it."""
    town = Town(plugins.binance)
    told = [json.loads(text)["k"] for text in town.run(town.open("/ws/btcusdt@kline_1s"), 550)]
    over = [candle for candle in told if candle["x"]]
    rows = {row[0]: row for row in json.loads(town.get("/api/v3/klines?symbol=BTCUSDT&interval=1s").body)}
    assert [candle["t"] for candle in over] == list(rows)[:-1]
    for candle in over:
        row = rows[candle["t"]]
        assert [candle[key] for key in "ohlcvTqnVQB"] == row[1:]


@needs_recordings
def test_answers_have_the_form_of_kept_ones() -> None:
    """Their keys were sorted by whoever kept them, so order is not compared."""
    mocks = json.loads((RECORDINGS / "binance/rest_mock_gct.json").read_text())
    spot = [one for one in mocks if one["path"].startswith("/api")]
    kept = {(one["path"], "symbol=" in one["query"]): one["response"] for one in spot}
    town = Town(plugins.binance)
    town.run(town.open("/ws/btcusdt@trade"), 30)
    for path in ("/api/v3/ticker/24hr", "/api/v3/trades", "/api/v3/ticker/bookTicker", "/api/v3/depth"):
        ours = json.loads(town.get(f"{path}?symbol=BTCUSDT").body)
        theirs = kept[path, True]
        if isinstance(ours, list):
            ours, theirs = ours[0], theirs[0]
        assert sorted(form(ours, digits=False)) == sorted(form(theirs, digits=False)), path
    ours, theirs = json.loads(town.get("/api/v3/exchangeInfo").body), kept["/api/v3/exchangeInfo", False]
    bitcoin = [next(s for s in info["symbols"] if s["symbol"] == "BTCUSDT") for info in (ours, theirs)]
    assert set(bitcoin[0]) == set(bitcoin[1])
    assert set(ours) == set(theirs)
    assert [f["filterType"] for f in bitcoin[0]["filters"]] == [f["filterType"] for f in bitcoin[1]["filters"]]
    assert sorted(map(sorted, bitcoin[0]["filters"])) == sorted(map(sorted, bitcoin[1]["filters"]))
    assert [dict(sorted(one.items())) for one in ours["rateLimits"]] == theirs["rateLimits"]


def test_what_spot_clients_ask_for_at_their_start_is_there() -> None:
    town = Town(plugins.binance)
    assert json.loads(town.get("/api/v3/ping").body) == {}
    for path in ("/sapi/v1/margin/allPairs", "/sapi/v1/margin/isolated/allPairs"):
        assert (town.get(path).status, json.loads(town.get(path).body)) == (200, [])
    for path in ("/fapi/v1/exchangeInfo", "/dapi/v1/exchangeInfo"):
        assert json.loads(town.get(path).body)["symbols"] == []
    prices = json.loads(town.get("/api/v3/ticker/price").body)
    assert [one["symbol"] for one in prices] == list(town.engines)


# Errors, as documented or as seen.

VARIANTS = "`SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`"


@pytest.mark.parametrize(
    ("request_", "code", "message"),
    [
        ("{", 3, r"Invalid JSON: expected value at line 1 column \d+"),
        ("hello", 3, r"Invalid JSON: expected value at line 1 column 1"),
        ('{"params":["btcusdt@trade"],"id":1}', 2, r"Invalid request: missing field `method` at line 1 column 35"),
        ('{"method":"SUBSCRIBED","params":["btcusdt@trade"],"id":1}', 2,
         f"Invalid request: unknown variant `SUBSCRIBED`, expected one of {VARIANTS} at line 1 column 22"),
        ('{"method":"SUBSCRIBE","params":["btcusdt@trade"]}', 2,
         "Invalid request: request ID must be an unsigned integer"),
        ('{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":1.5}', 2,
         "Invalid request: request ID must be an unsigned integer"),
        ('{"method":"SUBSCRIBE","params":["not asdfads"],"id":1}', 2, "Invalid request: invalid stream"),
        ('{"method":"LIST_SUBSCRIPTIONS","params":["x"],"id":1}', 2, "Invalid request: too many parameters"),
        ('{"method":"SET_PROPERTY","params":[1],"id":1}', 2, "Invalid request: property name must be a string"),
        ('{"method":"GET_PROPERTY","params":["speed"],"id":1}', 0, "Unknown property"),
        ('{"method":"SET_PROPERTY","params":["combined",1],"id":1}', 1, "Invalid value type: expected Boolean"),
    ],
)  # fmt: skip
def test_a_wrong_request_is_refused_in_the_venues_words(request_: str, code: int, message: str) -> None:
    """web-socket-streams.md, "Error Messages" (2026-07-21)."""
    town = Town(plugins.binance)
    (answer,) = asked(town, town.open("/ws"), request_)
    assert answer["error"]["code"] == code
    assert re.fullmatch(re.escape(message) if "\\d" not in message else message, answer["error"]["msg"])


def test_ids_are_echoed_and_futures_take_numbers_only() -> None:
    """Spot: 64-bit signed integer, alphanumeric text, null; futures: "an unsigned INT"."""
    spot, futures = Town(plugins.binance), Town(plugins.binance_usdm)
    texts_ = [f'{{"method":"LIST_SUBSCRIPTIONS","id":{identity}}}' for identity in ("7", '"a7"', "null")]
    assert asked(spot, spot.open("/ws"), *texts_) == [{"result": [], "id": one} for one in (7, "a7", None)]
    answers = asked(futures, futures.open("/ws"), *texts_)
    assert [one.get("error", {}).get("code") for one in answers] == [None, 2, 2]


def test_a_client_may_subscribe_twice_leave_and_come_back() -> None:
    """Known twice: told once. An unknown symbol is acknowledged and silent. Back again: only what is new then."""
    town = Town(plugins.binance)
    session = town.open("/ws/0")
    ask = '{{"method":"{}","params":["btcusdt@depth@100ms","nosuch@trade"],"id":{}}}'
    assert asked(town, session, ask.format("SUBSCRIBE", 1), ask.format("SUBSCRIBE", 2)) == [
        {"result": None, "id": 1},
        {"result": None, "id": 2},
    ]
    first = [json.loads(text) for text in town.run(session, 50)]
    assert [one["U"] for one in first[1:]] == [one["u"] + 1 for one in first[:-1]]
    assert len(first) == 5
    (held,) = asked(town, session, '{"method":"LIST_SUBSCRIPTIONS","id":3}')
    assert held == {"result": ["0", "btcusdt@depth@100ms", "nosuch@trade"], "id": 3}
    (left,) = asked(town, session, ask.format("UNSUBSCRIBE", 4))
    assert left == {"result": None, "id": 4}
    assert town.run(session, 150) == []
    number = town.engines["BTCUSDT"].number
    assert asked(town, session, ask.format("SUBSCRIBE", 5)) == [{"result": None, "id": 5}]
    again = [json.loads(text) for text in town.run(session, 30)]
    assert again[0]["U"] == number + 1


def test_nothing_comes_before_the_acknowledgement_and_that_takes_a_while() -> None:
    town = Town(plugins.binance)
    session = town.open("/stream")
    assert list(session.receive('{"method":"SUBSCRIBE","params":["btcusdt@bookTicker"],"id":1}', town.now)) == []
    asked_at = town.now
    said: list[str] = []
    while not said:
        said = texts(town.step([session])[0])
    assert json.loads(said[0]) == {"result": None, "id": 1}
    assert 20 * MILLISECOND <= town.now - asked_at <= 80 * MILLISECOND
    assert '"stream":"btcusdt@bookTicker"' in town.run(session, 50)[0]


def test_every_client_gets_the_same_frames() -> None:
    """Raw or in an envelope; who comes later gets the rest."""
    town = Town(plugins.binance)
    names = "btcusdt@depth@100ms/btcusdt@trade/ethusdt@bookTicker"
    early, combined = town.open(f"/ws/{names}"), town.open(f"/stream?streams={names}")
    lists: list[list[str]] = [[], []]
    for _ in range(100):
        for told, said in zip(lists, town.step([early, combined]), strict=True):
            told.extend(texts(said))
    assert [json.dumps(json.loads(text)["data"]) for text in lists[1]] == [json.dumps(json.loads(t)) for t in lists[0]]
    late = town.open(f"/ws/{names}")
    ends: list[list[str]] = [[], []]
    for _ in range(100):
        for told, said in zip(ends, town.step([early, late]), strict=True):
            told.extend(texts(said))
    assert ends[0] == ends[1] != []


@pytest.mark.parametrize("plugin", SPOT_AND_FUTURES, ids=lambda plugin: plugin.venue)
def test_the_paced_stream_says_at_most_one_frame_a_period(plugin: ExchangePlugin) -> None:
    town = Town(plugin)
    paces = {"depth@100ms": 100, "depth": 250 if plugin is plugins.binance_usdm else 1000}
    for kind, pace in paces.items():
        session = town.open(f"/ws/btcusdt@{kind}")
        spans: list[int] = []
        for _ in range(220):
            spans += [town.now // (pace * MILLISECOND) for _ in texts(town.step([session])[0])]
        assert len(spans) == len(set(spans)) and len(spans) >= 2200 // pace - 1


def test_usdm_routes_streams_by_path() -> None:
    """Depth, tops and trades on /public, the rest on /market ("Important WebSocket Change Notice", 2026-04-23)."""
    names = ("btcusdt@depth@100ms", "btcusdt@bookTicker", "btcusdt@trade", "btcusdt@aggTrade", "btcusdt@miniTicker")
    town = Town(plugins.binance_usdm)
    assert sorted(simulated(town, names, "/public/stream")) == sorted(names[:3])
    assert sorted(simulated(town, names, "/market/stream")) == sorted(names[3:])
    assert sorted(simulated(town, names, "/stream")) == sorted(names)


def test_a_connection_is_pinged_and_ends_after_a_day() -> None:
    town = Town(plugins.binance)
    session = town.open("/ws/btcusdt@trade")
    assert list(session.publish(START + 19 * SECOND)) == []
    assert list(session.publish(START + 20 * SECOND)) == [Beat()]
    assert list(session.publish(START + 86_400 * SECOND))[-1] == HangUp(1001, "")
    assert list(session.publish(START + 86_401 * SECOND)) == []


@pytest.mark.parametrize(("plugin", "allowed"), [(plugins.binance, 5), (plugins.binance_usdm, 10)])
def test_who_talks_too_much_is_disconnected(plugin: ExchangePlugin, allowed: int) -> None:
    """ "WebSocket connections have a limit of 5 incoming messages per second", futures 10."""
    town = Town(plugin)
    session = town.open("/ws")
    request = '{"method":"LIST_SUBSCRIPTIONS","id":1}'
    for number in range(3 * allowed):
        assert list(session.receive(request, START + number * SECOND // allowed)) == []
    (end,) = session.receive(request, START + (3 * allowed - 1) * SECOND // allowed)
    assert isinstance(end, HangUp) and end.code == 1008
    assert list(session.publish(START + 60 * SECOND)) == []


SYMBOLS = "^[A-Z0-9-_.]{1,20}$"
MANDATORY = "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."


@pytest.mark.parametrize(
    ("plugin", "path", "status", "answer"),
    [
        (plugins.binance, "/api/v3/depth?symbol=NOSUCH", 400, {"code": -1121, "msg": "Invalid symbol."}),
        (plugins.binance, "/api/v3/depth", 400, {"code": -1102, "msg": MANDATORY}),
        (plugins.binance, "/api/v3/depth?symbol=btcusdt", 400,
         {"code": -1100, "msg": f"Illegal characters found in parameter 'symbol'; legal range is '{SYMBOLS}'."}),
        (plugins.binance, "/api/v3/klines?symbol=BTCUSDT&interval=7m", 400,
         {"code": -1120, "msg": "Invalid interval."}),
        (plugins.binance, "/api/v3/trades?symbol=BTCUSDT&limit=x", 400,
         {"code": -1100, "msg": "Illegal characters found in parameter 'limit'; legal range is '^[0-9]{1,20}$'."}),
        (plugins.binance_usdm, "/fapi/v1/depth?symbol=NOSUCH", 400, {"code": -1121, "msg": "Invalid symbol."}),
        (plugins.binance_usdm, "/fapi/v1/account", 404,
         {"code": -5000, "msg": "Path /fapi/v1/account, Method GET is invalid"}),
    ],
)  # fmt: skip
def test_a_wrong_query_is_refused_in_the_venues_words(
    plugin: ExchangePlugin, path: str, status: int, answer: Mapping[str, Any]
) -> None:
    """errors.md (2025-01-09); -5000 as clients of USD-M quote it."""
    got = Town(plugin).get(path)
    assert (got.status, json.loads(got.body)) == (status, answer)


def test_spot_answers_an_unknown_path_with_a_page() -> None:
    town = Town(plugins.binance)
    assert [town.get(path).status for path in ("/", "/api/v3/nosuch", "/api/v1/time")] == [404, 404, 404]
    assert b"<center><h1>404 Not Found</h1></center>" in town.get("/api/v3/nosuch").body
    refused = town.venue.open("/v5/public/spot", START)
    assert isinstance(refused, HttpResponse) and refused.status == 404


@pytest.mark.parametrize(
    ("plugin", "path", "allowed"),
    [
        (plugins.binance, "/api/v3/depth?symbol=BTCUSDT&limit=5000", 24),  # weight 250 of 6000 a minute
        (plugins.binance_usdm, "/fapi/v1/depth?symbol=BTCUSDT&limit=1000", 120),  # weight 20 of 2400
    ],
)
def test_too_many_requests_are_refused_until_the_next_minute_then_banned(
    plugin: ExchangePlugin, path: str, allowed: int
) -> None:
    """Our own snapshots, of 1000 levels, stay within the venue's weights: 50 of 6000 a minute, 20 of 2400."""
    town = Town(plugin)
    town.now = START + 15 * SECOND  # START is a whole minute
    assert plugin.fetch_limits[0].count <= 120
    assert {town.get(path).status for _ in range(allowed)} == {200}
    refused = town.get(path)
    assert (refused.status, refused.headers["Retry-After"]) == (429, "45")
    assert json.loads(refused.body)["code"] == -1003
    town.now = START + 60 * SECOND
    fine = town.get(path)
    assert (fine.status, int(fine.headers["X-MBX-USED-WEIGHT-1M"]) * allowed) == (200, 6000 if allowed == 24 else 2400)
    statuses = [town.get(path).status for _ in range(allowed + 20)]
    assert statuses[: allowed - 1] == [200] * (allowed - 1) and statuses[allowed] == 429 and statuses[-1] == 418
    banned = town.get(path)
    assert banned.headers["Retry-After"] == "120"
    assert json.loads(banned.body)["msg"].startswith(
        f"Way too much request weight used; IP banned until {(START + 180 * SECOND) // MILLISECOND}."
    )
    town.now = START + 180 * SECOND
    assert town.get(path).status == 200


def test_who_dials_too_often_is_refused() -> None:
    """ "300 connections per attempt every 5 minutes per IP"; our own limit is the same."""
    town = Town(plugins.binance)
    limit = plugins.binance.dial_limits[0]
    opened = [town.venue.open("/ws", START) for _ in range(limit.count + 1)]
    assert [isinstance(one, HttpResponse) for one in opened] == [False] * limit.count + [True]
    assert not isinstance(town.venue.open("/ws", START + limit.per), HttpResponse)


def test_trades_count_though_nobody_asked_for_them() -> None:
    """The engine forgets after half a minute; who follows the depth alone still finds the whole minute later."""
    town = Town(plugins.binance)
    engine = town.engines["BTCUSDT"]
    session = town.open("/ws/btcusdt@depth")
    town.run(session, 100)
    early = len(engine.trades(0))
    for _ in range(80):
        town.now += SECOND
        list(session.publish(town.now))
        engine.limit(BUY, 1, 1, town.now)
    assert early > 10 and engine.trades(0) == []
    rows = json.loads(town.get("/api/v3/klines?symbol=BTCUSDT&interval=1m").body)
    assert [row[8] for row in rows] == [early, 0]
    assert json.loads(town.get("/api/v3/ticker/24hr?symbol=BTCUSDT").body)["count"] == early


TEXTS = some.text() | some.recursive(
    some.none()
    | some.booleans()
    | some.integers()
    | some.floats()
    | some.sampled_from(["SUBSCRIBE", "combined", "a@b"]),
    lambda inner: some.lists(inner) | some.dictionaries(some.sampled_from(["method", "params", "id", "x"]), inner),
).map(json.dumps)


@pytest.mark.parametrize("plugin", SPOT_AND_FUTURES, ids=lambda plugin: plugin.venue)
@settings(max_examples=150, deadline=None)
@given(message=TEXTS)
def test_whatever_a_client_sends_is_answered_once(plugin: ExchangePlugin, message: str) -> None:
    town = _town(plugin)
    town.now += 2 * SECOND  # within the limit on connections
    session = town.open("/ws")
    assert list(session.receive(message, town.now)) == []
    (answer,) = texts(session.publish(town.now + SECOND))
    told = json.loads(answer)
    assert set(told) in ({"result", "id"}, {"error"}, {"error", "id"}), answer


@pytest.mark.parametrize("plugin", SPOT_AND_FUTURES, ids=lambda plugin: plugin.venue)
@settings(max_examples=150, deadline=None)
@given(
    path=some.sampled_from(["depth", "klines", "trades", "aggTrades", "ticker/24hr", "exchangeInfo", "nosuch"]),
    query=some.dictionaries(
        some.sampled_from(["symbol", "symbols", "limit", "interval", "fromId", "startTime", "endTime"]),
        some.sampled_from(["BTCUSDT", "btc", "", "1m", "5", "0", "-1", "999999999999999999999", '["BTCUSDT"]', "[1]"]),
    ),
)
def test_whatever_is_requested_is_answered(plugin: ExchangePlugin, path: str, query: dict[str, str]) -> None:
    town = _town(plugin)
    town.now += 60 * SECOND  # another window of the limit
    prefix = "/fapi/v1/" if plugin is plugins.binance_usdm else "/api/v3/"
    answer = town.get(f"{prefix}{path}?{urlencode(query)}")
    assert answer.status in (200, 400, 404)
    if answer.status == 400:
        assert set(json.loads(answer.body)) == {"code", "msg"}


@cache
def _town(plugin: ExchangePlugin) -> Town:
    town = Town(plugin)
    town.run(town.open("/ws/btcusdt@trade"), 20)
    return town
