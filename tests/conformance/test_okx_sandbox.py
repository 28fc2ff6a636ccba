"""OKX's simulated side against our codec, the engine's own book, recorded frames and measured refusals."""

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import pairwise
from random import Random
from typing import Any

import msgspec
import pytest
from recordings import RECORDINGS, needs_recordings, read_lines

import cryptopipe_okx as plugins
from cryptopipe.api import (
    USUAL_CHANNELS,
    Channel,
    HangUp,
    HttpRequest,
    HttpResponse,
    Nanos,
    Outgoing,
    Resync,
    SandboxSession,
    SandboxVenue,
    Say,
    Side,
    Subscription,
    Trade,
    TradingState,
    Unknown,
)
from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.market.market import Market
from cryptopipe.market.sync import BookState, BookSync
from cryptopipe.model.simulated import SandboxVenue as Contract
from cryptopipe.sandbox.engine import Engine

PLUGIN = plugins.okx
MS = 1_000_000
SECOND = 1000 * MS
T: Nanos = 1_791_365_004_404 * MS
STEP = 5 * MS
MIDDLE = 600_000
FIND = PLUGIN.instruments.find

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
                for side, price in ((Side.BUY, MIDDLE - 2 * distance), (Side.SELL, MIDDLE + 2 * distance)):
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
                placed = engine.limit(side, MIDDLE + distance, random.randrange(1, 5000), self.at, post_only=True)
                if placed.order_id:
                    resting.append(placed.order_id)

    def _note(self, symbol: str) -> None:
        engine = self.engines[symbol]
        rules = engine.instrument.rules
        assert rules is not None
        sides = (engine.levels(side, 10**6) for side in Side)
        bids, asks = ([(price * rules.tick, size * rules.step) for price, size in rows] for rows in sides)
        self.truth[symbol, engine.number] = bids, asks

    def open(self, endpoint: str = "public") -> SandboxSession:
        session = self.venue.open(self.venue.endpoints[endpoint], self.at)
        assert not isinstance(session, HttpResponse)
        return session

    def get(self, url: str, status: int = 200) -> Any:
        answer = self.venue.answer(HttpRequest("GET", url), self.at)
        assert answer.status == status
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


def ask(exchange: Exchange, session: SandboxSession, *channels: str, op: str = "subscribe", symbol: str = "") -> None:
    symbol = symbol or next(iter(exchange.engines))
    args = [{"channel": channel, "instId": symbol} for channel in channels]
    assert not list(session.receive(json.dumps({"op": op, "args": args}), exchange.at))


def answer_to(text: str) -> str:
    """The first thing a fresh connection hears after this text."""
    exchange = Exchange("BTC-USDT")
    session = exchange.open()
    assert not list(session.receive(text, exchange.at))
    exchange.at += 40 * MS
    return said(list(session.publish(exchange.at)))[0]


class Follower:
    """Our own side of a connection: codec, sync and market, as in a run."""

    def __init__(self, exchange: Exchange, symbols: Sequence[str]) -> None:
        wanted = [Subscription(FIND(symbol), channel) for symbol in symbols for channel in USUAL_CHANNELS]
        self.connect = PLUGIN.feed().connect(wanted, None, T)
        self.exchange, self.session = exchange, exchange.open()
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
        self.market.receive(Input(self.seq, self.seq, at, direction, PLUGIN.venue, "okx#1", url, payload))

    def listen(self, lose: bool = False) -> Iterator[dict[str, Any]]:
        """Frame by frame, after each has been taken in and judged; `lose` loses the updates."""
        for text in said(list(self.session.publish(self.exchange.at))):
            if lose and '"update"' in text:
                continue
            self.frames += 1
            self._input(Direction.RECV, text.encode())
            frame = json.loads(text)
            self._compare(frame)
            yield frame

    def _compare(self, frame: dict[str, Any]) -> None:
        channel = frame.get("arg", {}).get("channel")
        if "data" not in frame or channel not in ("books", "bbo-tbt"):
            return
        sync, (data,) = self.books[frame["arg"]["instId"]], frame["data"]
        if sync.state is not BookState.LIVE:
            return
        bids, asks = self.exchange.truth[sync.instrument.symbol, data["seqId"]]
        if channel == "books":
            assert list(sync.book.levels(True)) == bids[:400]
            assert list(sync.book.levels(False)) == asks[:400]
        else:
            assert sync.book.top is not None
            assert (sync.book.top.bid, sync.book.top.bid_size) == bids[0]
            assert (sync.book.top.ask, sync.book.top.ask_size) == asks[0]

    @property
    def books(self) -> dict[str, BookSync]:
        return self.market.books[PLUGIN.venue]


def test_it_is_a_simulated_venue() -> None:
    venue: Contract = Exchange("BTC-USDT").venue
    assert venue.endpoints == {"public": "/ws/v5/public", "business": "/ws/v5/business"}


def test_our_side_holds_the_engines_book_after_every_frame() -> None:
    symbols = ("BTC-USDT", "ETH-BTC")
    exchange = Exchange(*symbols)
    follower = Follower(exchange, symbols)
    sizes: dict[str, Decimal] = dict.fromkeys(symbols, Decimal(0))
    for _ in range(400):
        exchange.step()
        for _frame in follower.listen():
            for event in follower.market.events:
                assert not isinstance(event, Unknown | Resync)
                if isinstance(event, Trade):
                    sizes[event.symbol] += Decimal(event.size)
    counts = follower.market.counts[PLUGIN.venue]
    assert (counts.unknown, counts.refused) == (0, 0)
    assert follower.frames > 500
    for symbol, sync in follower.books.items():
        assert (sync.state, sync.gaps) == (BookState.LIVE, 0)
        rules, printed = sync.instrument.rules, exchange.engines[symbol].trades(0)
        assert rules is not None
        earlier = sum(one.size for one in printed if one.at <= T + 4 * STEP)
        whole = sum(one.size for one in printed)
        assert rules.step * (whole - earlier) <= sizes[symbol] <= rules.step * whole
        assert len(printed) > 50


def test_a_lost_update_is_noticed_and_the_codecs_own_texts_bring_the_book_back() -> None:
    exchange = Exchange("BTC-USDT", "ETH-USDT")
    follower = Follower(exchange, ("BTC-USDT", "ETH-USDT"))
    for _ in range(60):
        exchange.step()
        list(follower.listen())
    assert {sync.state for sync in follower.books.values()} == {BookState.LIVE}
    for _ in range(20):
        exchange.step()
        list(follower.listen(lose=True))
    for _ in range(20):
        exchange.step()
        list(follower.listen())
    sync = follower.books["BTC-USDT"]
    assert (sync.gaps, sync.state, sync.book.top) == (1, BookState.SYNCING, None)
    assert sync.reason.startswith("sequence gap on okx:BTC-USDT: expected ")
    for text in follower.connect.resubscribe["BTC-USDT"]:
        follower.send(text)
    events = []
    for _ in range(60):
        exchange.step()
        events += [frame for frame in follower.listen() if frame.get("arg", {}).get("channel") == "books"]
    told = [frame.get("event") or frame["action"] for frame in events if frame["arg"]["instId"] == "BTC-USDT"]
    order = [word for word in told if word != "update"]
    assert order == ["unsubscribe", "subscribe", "snapshot"]
    assert "update" not in told[told.index("unsubscribe") : told.index("snapshot")]
    assert (sync.state, sync.gaps) == (BookState.LIVE, 1)


@pytest.mark.parametrize(("channel", "depth", "period"), [("books", 400, 100), ("books5", 5, 100), ("bbo-tbt", 1, 10)])
def test_a_client_that_keeps_the_documented_rule_holds_the_window(channel: str, depth: int, period: int) -> None:
    """ "If the size is 0, delete this depth data. If the size changes, replace the original data"; the book has never
    more levels than the channel, as recorded; a frame comes no sooner than the period allows."""
    exchange = Exchange("BTC-USDT", each_side=440 if depth > 100 else 70)
    session = exchange.open()
    ask(exchange, session, channel)
    kept: dict[str, dict[str, str]] = {}
    frames, slots, seq = 0, [], -1
    for _ in range(300):
        exchange.step()
        for text in said(list(session.publish(exchange.at))):
            frame = json.loads(text)
            if "event" in frame:
                continue
            (data,) = frame["data"]
            if frames:
                slots.append(exchange.at // (period * MS))
            if frame.get("action") == "update":
                assert data["prevSeqId"] == seq < data["seqId"]
            else:
                assert data.get("prevSeqId", -1) == -1
                kept = {"bids": {}, "asks": {}}
            frames, seq = frames + 1, data["seqId"]
            for side in kept:
                prices = [Decimal(price) for price, *_ in data[side]]
                assert prices == sorted(prices, reverse=side == "bids")
                kept[side] |= {price: size for price, size, *_ in data[side]}
                kept[side] = {price: size for price, size in kept[side].items() if size != "0"}
            truth = exchange.truth["BTC-USDT", seq]
            for side, rows in zip(("bids", "asks"), truth, strict=True):
                held = [(Decimal(price), Decimal(size)) for price, size in kept[side].items()]
                assert sorted(held, reverse=side == "bids") == rows[:depth]
    assert frames > 10
    assert len(set(slots)) == len(slots)


def test_ids_of_all_channels_are_of_one_kind_and_their_order_is_fixed() -> None:
    """ "bbo-tbt -> books-l2-tbt -> books50-l2-tbt -> books -> books-elp -> books5", however they were asked for."""
    exchange = Exchange("BTC-USDT")
    session = exchange.open()
    ask(exchange, session, "books5", "books", "bbo-tbt")
    run(exchange, session, 50)
    tops: dict[int, set[tuple[str, ...]]] = {}
    order = ["bbo-tbt", "books", "books5"]
    for _ in range(200):
        exchange.step()
        frames = [json.loads(text) for text in said(list(session.publish(exchange.at)))]
        ranks = [order.index(frame["arg"]["channel"]) for frame in frames]
        assert ranks == sorted(ranks)
        for frame in frames:
            (data,) = frame["data"]
            if frame["arg"]["channel"] != "books":
                top = (*data["bids"][0][:2], *data["asks"][0][:2])
                tops.setdefault(data["seqId"], set()).add(top)
    assert all(len(seen) == 1 for seen in tops.values())
    assert len(tops) > 50


def test_a_quiet_minute_is_told() -> None:
    """ "Around 60 seconds": the latest snapshot, or a message without levels whose ids are those of the last."""
    exchange = Exchange("BTC-USDT")
    session = exchange.open()
    ask(exchange, session, "books", "bbo-tbt")
    first = run(exchange, session, 1000)
    last = {f["arg"]["channel"]: f["data"][0] for f in first if "data" in f}
    codec = PLUGIN.feed()
    quiet: list[dict[str, Any]] = []
    for _ in range(130):
        exchange.at += SECOND
        list(session.receive("ping", exchange.at))
        for text in said(list(session.publish(exchange.at))):
            if text != "pong":
                quiet.append(json.loads(text))
                assert codec.decode(text.encode(), exchange.at)
    books = [f["data"][0] for f in quiet if f["arg"]["channel"] == "books"]
    tops = [f["data"][0] for f in quiet if f["arg"]["channel"] == "bbo-tbt"]
    changes = [b for b in books if b["asks"] or b["bids"]]
    silent = [b for b in books if not (b["asks"] or b["bids"])]
    assert len(changes) <= 1, "what the last period still had to tell"
    assert len(silent) == 2
    seq = (changes or [last["books"]])[-1]["seqId"]
    assert [(b["prevSeqId"], b["seqId"], b["checksum"]) for b in silent] == [(seq, seq, 0)] * 2
    assert tops[-1] == tops[-2]
    assert len(tops) in (2, 3)


def test_nothing_is_said_before_the_acknowledgement_and_that_takes_tens_of_milliseconds() -> None:
    exchange = Exchange("BTC-USDT")
    session = exchange.open()
    ask(exchange, session, "books")
    assert run(exchange, session, 20) == []
    first, second = run(exchange, session, 30)[:2]
    assert (first["event"], second["action"]) == ("subscribe", "snapshot")


def test_who_has_the_channel_already_gets_no_second_snapshot() -> None:
    """As measured on ws.okj.com on 2026-09-23: acknowledged again, and the updates go on."""
    exchange = Exchange("BTC-USDT")
    session = exchange.open()
    ask(exchange, session, "books")
    run(exchange, session, 200)
    ask(exchange, session, "books")
    frames = run(exchange, session, 1000)
    assert [f["event"] for f in frames if "event" in f] == ["subscribe"]
    assert {f["action"] for f in frames if "action" in f} == {"update"}


def test_two_connections_hear_the_same_frames() -> None:
    exchange = Exchange("BTC-USDT")
    first, second = exchange.open(), exchange.open()
    channels = ("books", "bbo-tbt", "trades", "tickers")
    ask(exchange, first, *channels)
    run(exchange, first, 200)
    ask(exchange, second, *channels)
    heard: tuple[list[str], list[str]] = ([], [])
    for _ in range(200):
        exchange.step()
        for session, frames in zip((first, second), heard, strict=True):
            frames += said(list(session.publish(exchange.at)))
    after = [text for text in heard[1] if '"update"' in text or '"tradeId"' in text][1:]
    assert len(after) > 20
    assert [text for text in heard[0] if text in set(after)] == after


def test_a_connection_that_was_not_stepped_for_long_gets_the_book_again() -> None:
    exchange = Exchange("BTC-USDT")
    slow, quick = exchange.open(), exchange.open()
    for session in (slow, quick):
        ask(exchange, session, "bbo-tbt")
        run(exchange, session, 50)
    run(exchange, quick, 5_000)
    (text,) = said(list(slow.publish(exchange.at)))
    assert json.loads(text)["arg"]["channel"] == "bbo-tbt"


# Shapes: keys in order, and types, as recorded or documented.


def shape(value: Any) -> Any:
    """Keys and types; of an array what its first element is."""
    if isinstance(value, dict):
        return [(key, shape(one)) for key, one in value.items()]
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


OKJ_SNAPSHOT = """{"arg":{"channel":"books","instId":"XRP-JPY"},"action":"snapshot","data":[{"asks":[["252.52",
"1909.156","0","2"]],"bids":[["251.87","601.749","0","1"]],"ts":"1790133750004","checksum":2077395788,"seqId":4588907,
"prevSeqId":-1}]}"""
"""A frame of 2026-09-23 of ws.okj.com, which speaks the same with live checksums (a public repository, 2026-11-21)."""
BBO = """{"arg":{"channel":"bbo-tbt","instId":"SOL-USDC"},"data":[{"asks":[["117.36","62.36109","0","3"]],"bids":[[
"117.31","4.41916","0","1"]],"ts":"1790071390505","seqId":4153112115}]}"""
"""Of the venue, 2026-09-22."""
BOOKS5 = """{"arg":{"channel":"books5","instId":"BCH-USDT-SWAP"},"data":[{"asks":[["111.06","55154","0","2"]],"bids":[[
"111.05","57745","0","2"]],"instId":"BCH-USDT-SWAP","ts":"1670324386802","seqId":363996337}]}"""
TRADE = """{"arg":{"channel":"trades","instId":"BTC-USDT"},"data":[{"instId":"BTC-USDT","tradeId":"130639474","px":
"42219.9","sz":"0.12060306","side":"buy","ts":"1630048897897","count":"3","source":"0","seqId":1234}]}"""
"""Of the documentation (copies of 2026)."""
TICKER = """{"arg":{"channel":"tickers","instId":"BTC-JPY"},"data":[{"instType":"SPOT","instId":"BTC-JPY","last":
"13615162","lastSz":"0.00372484","askPx":"13643522","askSz":"0.03682508","bidPx":"13615496","bidSz":"0.03452263",
"open24h":"13438187","high24h":"13658217","low24h":"13387950","sodUtc0":"13613684","sodUtc8":"13566076","volCcy24h":
"26728364.99010502","vol24h":"1.97197787","ts":"1790133523810"}]}"""
"""Of 2026-09-23, ws.okj.com."""


@pytest.mark.parametrize(
    ("channel", "recorded"),
    [("books", OKJ_SNAPSHOT), ("bbo-tbt", BBO), ("books5", BOOKS5), ("trades", TRADE), ("tickers", TICKER)],
)
def test_frames_have_the_shape_of_the_venues(channel: str, recorded: str) -> None:
    exchange = Exchange("BTC-USDT")
    session = exchange.open()
    ask(exchange, session, channel)
    frames = [f for f in run(exchange, session, 600) if "data" in f]
    assert shape(frames[0]) == shape(json.loads(recorded))
    assert shape(frames[-1]["arg"]) == shape(json.loads(recorded)["arg"])
    if channel == "books":
        assert {f["data"][0]["checksum"] for f in frames} == {0}


@needs_recordings
def test_numbers_are_written_as_recorded() -> None:
    """No trailing zeros, `0` and no order where a level is gone (2022-05-13)."""
    for line in read_lines("okx/v5_books_trades_tickers_20220513.jsonl.gz"):
        if '"action"' in line["raw"] and line["dir"] == "recv":
            (data,) = json.loads(line["raw"])["data"]
            for price, size, nothing, orders in data["asks"] + data["bids"]:
                assert nothing == "0"
                assert (size == "0") is (orders == "0")
                assert not ("." in price + size and (price[-2:] == ".0" or size[-2:] == ".0"))
    engine = Engine(FIND("BTC-USDT"))
    engine.limit(Side.BUY, 838_050, 119_340_000, T)
    assert PLUGIN.sandbox is not None
    answer = PLUGIN.sandbox({"BTC-USDT": engine}).answer(HttpRequest("GET", "/api/v5/market/books?instId=BTC-USDT"), T)
    assert json.loads(answer.body)["data"][0]["bids"] == [["83805", "1.1934", "0", "1"]]


# Answers to requests on the stream.


def request(*args: tuple[str, str], op: str = "subscribe", **more: str) -> str:
    return json.dumps({**more, "op": op, "args": [{"channel": c, "instId": s} for c, s in args]})


def test_a_ping_is_answered_by_pong() -> None:
    assert answer_to("ping") == "pong"


def test_each_argument_is_answered_for_itself() -> None:
    """The form of the venue's answers of 2026-08-22; one a channel, with the client's id if it gave one."""
    exchange = Exchange("BTC-USDT")
    session = exchange.open()
    both = request(("trades", "BTC-USDT"), ("nope", "BTC-USDT"), ("tickers", "BTC-USDT"), id="1512")
    list(session.receive(both, exchange.at))
    exchange.at += 40 * MS
    answers = [json.loads(text) for text in said(list(session.publish(exchange.at)))]
    told = [answer for answer in answers if "event" in answer]
    assert [(a["event"], a["id"]) for a in told] == [("subscribe", "1512"), ("error", "1512"), ("subscribe", "1512")]
    assert list(told[0]) == ["id", "event", "arg", "connId"]
    assert list(json.loads(answer_to(request(("trades", "BTC-USDT"))))) == ["event", "arg", "connId"]
    ended = json.loads(answer_to(request(("trades", "BTC-USDT"), op="unsubscribe")))
    assert (ended["event"], ended["arg"]) == ("unsubscribe", {"channel": "trades", "instId": "BTC-USDT"})


ADVICE = "doesn't exist. Please use the correct URL, channel and parameters referring to API document."


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        (request(("books", "NOPE-USDT")), "60018", f"Wrong URL or channel:books,instId:NOPE-USDT {ADVICE}"),
        (request(("candle1m", "BTC-USDT")), "60018", f"Wrong URL or channel:candle1m,instId:BTC-USDT {ADVICE}"),
        (request(("books-l2-tbt", "BTC-USDT")), "60011", "Please log in"),
        (request(("books50-l2-tbt", "BTC-USDT")), "60011", "Please log in"),
        ('{"op":"subscribe",', "60012", 'Illegal request: {"op":"subscribe",'),
        ('{"op":"subscribe","args":["x"]}', "60012", 'Illegal request: {"op":"subscribe","args":["x"]}'),
        ('{"op":"subscribe","argss":[]}', "60012", 'Illegal request: {"op":"subscribe","argss":[]}'),
        ("null", "60012", "Illegal request: null"),
        ('{"op":"shout","args":[]}', "60019", "Invalid op: shout"),
        ('{"op":"login","args":[{"channel":"x"}]}', "60009", "Login failure"),
    ],
)
def test_a_request_is_refused_in_the_venues_words(text: str, code: str, told: str) -> None:
    """Codes of docs-v5/en/#error-code-websocket-public; the texts of 60011, 60012 and 60018 as measured in 2026."""
    answer = json.loads(answer_to(text))
    assert (answer["event"], answer["code"], answer["msg"]) == ("error", code, told)
    assert list(answer) == ["event", "msg", "code", "connId"]
    (event,) = PLUGIN.feed().decode(msgspec.json.encode(answer), T)
    assert getattr(event, "ok", None) is False


def test_a_connection_survives_a_refusal() -> None:
    exchange = Exchange("BTC-USDT")
    session = exchange.open()
    list(session.receive("no json", exchange.at))
    ask(exchange, session, "books")
    assert [f.get("event") or f["action"] for f in run(exchange, session, 50)[:3]] == ["error", "subscribe", "snapshot"]


def test_the_481st_request_of_an_hour_is_refused() -> None:
    exchange = Exchange("BTC-USDT")
    session = exchange.open()
    for n in range(481):
        ask(exchange, session, "tickers", op="subscribe" if n % 2 == 0 else "unsubscribe")
    exchange.at += 40 * MS
    told = [json.loads(text) for text in said(list(session.publish(exchange.at)))]
    refused = [one for one in told if one.get("event") == "error"]
    assert [(one["code"], one["msg"]) for one in refused] == [("60014", "Requests too frequent")]
    exchange.at += 3600 * SECOND
    ask(exchange, session, "tickers")
    exchange.at += 40 * MS
    assert '"event":"subscribe"' in said(list(session.publish(exchange.at)))[0]


def test_a_request_longer_than_64_kilobytes_ends_the_connection() -> None:
    exchange = Exchange("BTC-USDT")
    (answer,) = exchange.open().receive(request(*[("books", f"TOKEN{n}-USDT") for n in range(1600)]), exchange.at)
    assert isinstance(answer, HangUp)
    assert answer.code == 1009


def test_half_a_minute_without_data_ends_the_connection_and_a_ping_prevents_it() -> None:
    """Close code 4004, at 30.0 s as measured; a connection that hears frames stays open."""
    exchange = Exchange("BTC-USDT")
    silent, pinging = exchange.open(), exchange.open()
    ended = []
    for second in range(1, 61):
        exchange.at = T + second * SECOND
        if second % 20 == 0:
            list(pinging.receive("ping", exchange.at))
        ended += [(second, one) for one in silent.publish(exchange.at) if isinstance(one, HangUp)]
        assert not any(isinstance(one, HangUp) for one in pinging.publish(exchange.at))
    second, hang_up = ended[0]
    assert (second, hang_up.code, hang_up.reason) == (30, 4004, "No data received in 30s.")


def test_a_connection_that_hears_frames_stays_open_without_a_word_of_its_client() -> None:
    """75 s in two runs, as measured on ws.okj.com."""
    exchange = Exchange("BTC-USDT")
    session = exchange.open()
    ask(exchange, session, "books")
    for _ in range(75):
        exchange.at += SECOND
        exchange.step()
        assert not any(isinstance(one, HangUp) for one in session.publish(exchange.at))


def test_a_ping_in_the_last_moment_keeps_the_connection() -> None:
    exchange = Exchange("BTC-USDT")
    session = exchange.open()
    list(session.receive("ping", T + 30 * SECOND - 5 * MS))
    assert list(session.publish(T + 30 * SECOND)) == []
    assert said(list(session.publish(T + 30 * SECOND + 25 * MS))) == ["pong"]


def test_what_changes_and_changes_back_within_a_period_is_not_told() -> None:
    """ "No update is sent if the depth changes from A -> B -> A during the interval"."""
    exchange = Exchange("BTC-USDT")
    engine, session = exchange.engines["BTC-USDT"], exchange.open()
    ask(exchange, session, "books", "bbo-tbt", "tickers")
    run(exchange, session, 300, orders=0)
    for _ in range(5):
        placed = engine.limit(Side.BUY, MIDDLE - 1, 5, exchange.at)
        engine.cancel(placed.order_id, exchange.at)
        assert run(exchange, session, 300, orders=0) == []


def test_a_ticker_is_told_of_trades_and_of_the_best_prices_only() -> None:
    """ "The events which can trigger update: trade, the change on best ask/bid"."""
    exchange = Exchange("BTC-USDT")
    engine, session = exchange.engines["BTC-USDT"], exchange.open()
    ask(exchange, session, "tickers", "books")
    run(exchange, session, 300, orders=0)
    engine.limit(Side.BUY, MIDDLE - 50, 5, exchange.at)
    assert {f["arg"]["channel"] for f in run(exchange, session, 300, orders=0)} == {"books"}
    engine.take(Side.BUY, 1, exchange.at)
    frames = run(exchange, session, 300, orders=0)
    assert [f["arg"]["channel"] for f in frames] == ["tickers", "books"]


def test_a_fourth_connection_in_a_second_is_refused() -> None:
    exchange = Exchange("BTC-USDT")
    for _ in range(3):
        exchange.open()
    refused = exchange.venue.open("/ws/v5/public", exchange.at + SECOND - 1)
    assert isinstance(refused, HttpResponse)
    assert refused.status == 429
    assert not isinstance(exchange.venue.open("/ws/v5/public", exchange.at + SECOND), HttpResponse)
    (limit,) = PLUGIN.dial_limits
    assert (limit.count, limit.per) == (3, SECOND)
    nowhere = exchange.venue.open("/ws/v5/private", exchange.at + 9 * SECOND)
    assert isinstance(nowhere, HttpResponse)
    assert nowhere.status == 404


# Trades and tickers.


def test_trades_are_gathered_by_taker_and_price() -> None:
    """ "if `tradeId` = 123 and `count` = 3, it means the message aggregates the trades of `tradeId` = 123, 122, and
    121"; who subscribes hears the last one first."""
    exchange = Exchange("BTC-USDT", each_side=3)
    engine, session = exchange.engines["BTC-USDT"], exchange.open()
    engine.take(Side.BUY, 1, exchange.at)
    ask(exchange, session, "trades")
    ack, last = run(exchange, session, 40, orders=0)
    assert (ack["event"], last["data"][0]["tradeId"]) == ("subscribe", "1")
    for size in (10, 20, 30):
        engine.limit(Side.SELL, MIDDLE + 1, size, exchange.at)
    engine.take(Side.BUY, 61, exchange.at)
    frames = [f["data"][0] for f in run(exchange, session, 10, orders=0)]
    assert [(f["tradeId"], f["count"], f["px"], f["sz"], f["side"]) for f in frames] == [
        ("4", "3", "60000.1", "0.0000006", "buy"),
        ("5", "1", "60000.2", "0.00000001", "buy"),
    ]
    assert frames[0]["seqId"] < frames[1]["seqId"] <= engine.number
    rows = exchange.get("/api/v5/market/trades?instId=BTC-USDT&limit=2")["data"]
    assert [row["tradeId"] for row in rows] == ["5", "4"]
    assert "count" not in rows[0]


@pytest.mark.parametrize("limit", [1, 100])
def test_prints_of_a_stream_are_the_engines(limit: int) -> None:
    exchange = Exchange("BTC-USDT")
    session = exchange.open()
    ask(exchange, session, "trades")
    frames = [f["data"][0] for f in run(exchange, session, 3000) if "data" in f]
    prints = exchange.engines["BTC-USDT"].trades(0)
    rules = FIND("BTC-USDT").rules
    assert rules is not None
    by_id = {one.trade_id: one for one in prints}
    for told in frames:
        last = int(told["tradeId"])
        parts = [by_id[n] for n in range(last - int(told["count"]) + 1, last + 1)]
        assert Decimal(told["sz"]) == sum(p.size for p in parts) * rules.step
        assert {p.price * rules.tick for p in parts} == {Decimal(told["px"])}
        assert {p.side.name.lower() for p in parts} == {told["side"]}
        assert {str(p.at // MS) for p in parts} == {told["ts"]}
    ids = [int(told["tradeId"]) for told in frames]
    assert ids == sorted(ids)
    assert all(int(b["tradeId"]) - int(b["count"]) == int(a["tradeId"]) for a, b in pairwise(frames))
    assert len(frames) > 50
    assert len(exchange.get(f"/api/v5/market/trades?instId=BTC-USDT&limit={limit}")["data"]) == min(limit, len(frames))


def test_a_tickers_figures_are_those_of_the_last_day() -> None:
    exchange = Exchange("BTC-USDT")
    engine, session = exchange.engines["BTC-USDT"], exchange.open()
    rules = engine.instrument.rules
    assert rules is not None
    prints = []
    for hours in (0, 1, 2, 26, 27, 27.5, 28):
        exchange.at = T + int(hours * 3600) * SECOND
        exchange.step(40)
        list(session.publish(exchange.at))
        prints += [one for one in engine.trades(0) if one.at == exchange.at]
    (row,) = exchange.get("/api/v5/market/ticker?instId=BTC-USDT")["data"]
    day = [one for one in prints if one.at > exchange.at - 86_400 * SECOND]
    prices = [one.price * rules.tick for one in day]
    assert len(prints) > len(day) > 10
    assert (Decimal(row["high24h"]), Decimal(row["low24h"])) == (max(prices), min(prices))
    assert (Decimal(row["open24h"]), Decimal(row["last"])) == (prices[0], prices[-1])
    assert Decimal(row["vol24h"]) == sum(one.size for one in day) * rules.step
    assert Decimal(row["volCcy24h"]) == sum(one.size * one.price for one in day) * rules.step * rules.tick
    bids, asks = exchange.truth["BTC-USDT", engine.number]
    assert [Decimal(row[key]) for key in ("bidPx", "bidSz", "askPx", "askSz")] == [*bids[0], *asks[0]]
    for key, ahead in (("sodUtc0", 0), ("sodUtc8", 8 * 3600 * SECOND)):
        begin = (exchange.at + ahead) // (86_400 * SECOND) * 86_400 * SECOND - ahead
        assert Decimal(row[key]) == next(one.price for one in day if one.at >= begin) * rules.tick
    assert exchange.get("/api/v5/market/tickers?instType=SPOT")["data"] == [row]
    assert exchange.get("/api/v5/market/tickers?instType=SWAP")["data"] == []


# Candles.


def expected_candle(prints: Sequence[Any]) -> list[Decimal]:
    """o, h, l, c, volume in base, turnover in quote, twice."""
    rules = FIND("BTC-USDT").rules
    assert rules is not None
    prices = [p.price * rules.tick for p in prints]
    turnover = sum(p.price * p.size for p in prints) * rules.tick * rules.step
    volume = sum(p.size for p in prints) * rules.step
    return [prices[0], max(prices), min(prices), prices[-1], volume, turnover, turnover]


def test_candles_are_what_the_engine_printed_and_have_no_gaps() -> None:
    exchange = Exchange("BTC-USDT")
    prints = []
    for minutes in (0, 1, 4, 5):
        exchange.at = T + minutes * 60 * SECOND
        exchange.step(60)
        prints += [one for one in exchange.engines["BTC-USDT"].trades(0) if one.at == exchange.at]
        list(exchange.open().publish(exchange.at))
    for bar, span in (("1m", 60_000), ("3m", 180_000), ("1H", 3_600_000), ("1Dutc", 86_400_000)):
        rows = exchange.get(f"/api/v5/market/candles?instId=BTC-USDT&bar={bar}")["data"]
        begins = [int(row[0]) for row in rows]
        assert begins == sorted(begins, reverse=True)
        assert all(later - earlier == span for later, earlier in pairwise(begins))
        assert {row[8] for row in rows[1:]} <= {"1"}
        assert rows[0][8] == "0"
        for begin, *figures, _ in rows:
            inside = [p for p in prints if p.at // MS // span * span == int(begin)]
            if inside:
                assert [Decimal(figure) for figure in figures] == expected_candle(inside)
            else:
                before = Decimal(next(row[4] for row in rows if int(row[0]) < int(begin)))
                assert [Decimal(figure) for figure in figures] == [before] * 4 + [0, 0, 0]
    minutes_told = exchange.get("/api/v5/market/candles?instId=BTC-USDT")["data"]
    assert len(minutes_told) == 6
    middle = minutes_told[3][0]
    assert exchange.get(f"/api/v5/market/candles?instId=BTC-USDT&after={middle}")["data"] == minutes_told[4:]
    assert exchange.get(f"/api/v5/market/candles?instId=BTC-USDT&before={middle}")["data"] == minutes_told[:3]
    assert exchange.get("/api/v5/market/candles?instId=BTC-USDT&limit=2")["data"] == minutes_told[:2]
    (day,) = exchange.get("/api/v5/market/candles?instId=BTC-USDT&bar=1D")["data"]
    assert int(day[0]) % 86_400_000 == 16 * 3_600_000, "a day of UTC+8 begins at 16:00 UTC"


def test_candles_of_a_stream_are_closed_once_and_stand_on_their_own_endpoint() -> None:
    exchange = Exchange("BTC-USDT")
    exchange.at += 20 * SECOND  # 44 s past the minute
    session = exchange.open("business")
    ask(exchange, session, "candle1m", "books")
    told = run(exchange, session, 20_000, orders=1)
    assert [f.get("code", "") for f in told if "event" in f] == ["", "60018"]
    frames = [f for f in told if "data" in f]
    assert {f["arg"]["channel"] for f in frames} == {"candle1m"}
    rows = [f["data"][0] for f in frames]
    assert [len(row) for row in rows] == [9] * len(rows)
    (closed,) = [row for row in rows if row[8] == "1"]
    begin = int(closed[0])
    assert len({row[0] for row in rows}) == 2
    inside = [p for p in exchange.engines["BTC-USDT"].trades(0) if begin <= p.at // MS < begin + 60_000]
    assert [Decimal(figure) for figure in closed[1:8]] == expected_candle(inside)
    assert 10 < len(rows) < 24


# REST.


def test_the_listed_instruments_come_back_from_the_answer_to_our_own_request() -> None:
    symbols = [one.symbol for one in PLUGIN.instruments.listed()]
    exchange = Exchange(*symbols, each_side=1)
    codec = PLUGIN.metadata
    assert codec is not None
    spot, swaps = (
        codec.read(exchange.venue.answer(HttpRequest("GET", r.url.removeprefix("https://www.okx.com")), T))
        for r in codec.requests()
    )
    assert list(spot.instruments) == list(PLUGIN.instruments.listed())
    assert swaps.instruments == ()


@pytest.mark.parametrize("state", [TradingState.AUCTION, TradingState.POST_ONLY, TradingState.HALTED])
def test_a_state_and_an_end_are_told(state: TradingState) -> None:
    found = msgspec.structs.replace(FIND("BTC-USDT"), state=state, delists_at=T + 3600 * SECOND)
    assert PLUGIN.sandbox is not None
    assert PLUGIN.metadata is not None
    venue = PLUGIN.sandbox({"BTC-USDT": Engine(found)})
    answer = venue.answer(HttpRequest("GET", "/api/v5/public/instruments?instType=SPOT&instId=BTC-USDT"), T)
    assert PLUGIN.metadata.read(answer).instruments == (found,)


@needs_recordings
def test_a_row_has_the_documented_fields() -> None:
    samples = json.loads((RECORDINGS / "okx/rest_endpoints_jkorf.json").read_text())
    sample = next(s["response"]["data"][0] for s in samples if s["path"] == "/api/v5/public/instruments")
    (row,) = Exchange("BTC-USDT").get("/api/v5/public/instruments?instType=SPOT")["data"]
    assert set(sample) <= set(row)
    assert {key: type(row[key]) for key in sample} == {key: type(value) for key, value in sample.items()}


def test_the_order_book_answer_is_the_engines_book() -> None:
    exchange = Exchange("BTC-USDT", each_side=440)
    run(exchange, exchange.open(), 100)
    (told,) = exchange.get("/api/v5/market/books?instId=BTC-USDT&sz=400")["data"]
    bids, asks = exchange.truth["BTC-USDT", told["seqId"]]
    for side, rows in (("bids", bids), ("asks", asks)):
        assert [(Decimal(price), Decimal(size)) for price, size, *_ in told[side]] == rows[:400]
    assert len(exchange.get("/api/v5/market/books?instId=BTC-USDT")["data"][0]["bids"]) == 1


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("market/ticker?instId=BTC-USDTT", "51001"),
        ("market/books?instId=NOPE-USDT", "51001"),
        ("public/instruments?instType=SPOT&instId=NOPE-USDT", "51001"),
        ("market/books?instId=BTC-USDT&sz=401", "51000"),
        ("market/trades?instId=BTC-USDT&limit=x", "51000"),
        ("public/instruments", "50014"),
        ("market/ticker", "50014"),
        ("market/candles?instId=BTC-USDT&bar=7m", "51000"),
        ("public/instruments?instType=NOPE", "51000"),
    ],
)
def test_a_question_is_refused_with_the_venues_code_and_status_200(path: str, code: str) -> None:
    """51001 as measured on 2026-08-22; the others in docs-v5/en/#error-code-rest-api."""
    answer = Exchange("BTC-USDT").get(f"/api/v5/{path}")
    assert (answer["code"], answer["data"]) == (code, [])
    assert answer["msg"]


def test_an_unknown_path_is_not_found_and_other_kinds_are_empty() -> None:
    exchange = Exchange("BTC-USDT")
    exchange.get("/api/v5/nope", 404)
    assert exchange.venue.answer(HttpRequest("POST", "/api/v5/public/time", body=b"{}"), T).status == 404
    for asked in ("FUTURES", "OPTION&uly=BTC-USD", "SWAP"):
        assert exchange.get(f"/api/v5/public/instruments?instType={asked}")["data"] == []


def test_who_asks_too_often_is_refused_for_two_seconds() -> None:
    """ "10 requests per 2 seconds"; instruments "IP + Instrument Type"."""
    exchange = Exchange("BTC-USDT")
    for _ in range(10):
        exchange.get("/api/v5/public/time")
    assert exchange.get("/api/v5/public/time", 429)["code"] == "50011"
    exchange.get("/api/v5/market/ticker?instId=BTC-USDT")
    exchange.at += 2 * SECOND
    exchange.get("/api/v5/public/time")
    for _ in range(20):
        exchange.get("/api/v5/public/instruments?instType=SPOT")
    exchange.get("/api/v5/public/instruments?instType=SPOT", 429)
    exchange.get("/api/v5/public/instruments?instType=SWAP")


def test_the_server_time_is_told_to_the_millisecond() -> None:
    clock = PLUGIN.clock
    assert clock is not None
    answer = Exchange("BTC-USDT").venue.answer(HttpRequest("GET", "/api/v5/public/time"), T + 123_456_789)
    assert clock.server_time(answer) == T + 123 * MS


def test_a_book_without_orders_is_published_empty_and_fills() -> None:
    engine = Engine(FIND("BTC-USDT"))
    assert PLUGIN.sandbox is not None
    session = PLUGIN.sandbox({"BTC-USDT": engine}).open("/ws/v5/public", T)
    assert not isinstance(session, HttpResponse)
    list(session.receive(request(("books", "BTC-USDT"), ("bbo-tbt", "BTC-USDT"), ("trades", "BTC-USDT")), T))
    frames = [json.loads(text) for text in said(list(session.publish(T + 40 * MS)))]
    empty = [f for f in frames if "data" in f]
    assert [(f["arg"]["channel"], f["data"][0]["bids"], f["data"][0]["asks"]) for f in empty] == [
        ("books", [], []),
        ("bbo-tbt", [], []),
    ]
    codec = PLUGIN.feed()
    codec.connect([Subscription(FIND("BTC-USDT"), Channel.DEPTH)], None, T)
    sync = BookSync(FIND("BTC-USDT"), codec.rule)
    (snapshot,) = codec.decode(json.dumps(empty[0]).encode(), T)
    sync.snapshot(snapshot, T)  # type: ignore[arg-type]
    engine.limit(Side.BUY, MIDDLE, 1, T + 50 * MS)
    engine.limit(Side.SELL, MIDDLE + 1, 1, T + 51 * MS)
    texts = [text for text in said(list(session.publish(T + 200 * MS))) if '"books"' in text]
    (delta,) = codec.decode(texts[0].encode(), T)
    sync.delta(delta, T)  # type: ignore[arg-type]
    assert sync.book.top is not None
    assert (sync.state, sync.book.top.bid, sync.book.top.ask) == (BookState.LIVE, 60_000, Decimal("60000.1"))
