"""Gemini's simulated side against our codec, the engine's own book, the documented rule and recorded answers."""

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from recordings import RECORDINGS, needs_recordings

from cryptopipe.api import (
    USUAL_CHANNELS,
    Beat,
    Channel,
    FeedCodec,
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
    Unknown,
)
from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.market.market import Market
from cryptopipe.market.sync import BookState, BookSync
from cryptopipe.model.simulated import SandboxVenue as Contract
from cryptopipe.sandbox.engine import Engine
from cryptopipe_gemini import gemini
from cryptopipe_gemini.metadata import instruments

MS = 1_000_000
T: Nanos = 1_791_365_004_404 * MS
STEP = 5 * MS
FIND = gemini.instruments.find
MIDDLE = 7_784_579

Levels = list[tuple[Decimal, Decimal]]


class Exchange:
    """Books under random orders, the simulated venue over them, and what each book was at each of its numbers."""

    def __init__(self, *symbols: str, seed: int = 11, each_side: int = 40) -> None:
        self.at = T
        self._random = Random(seed)
        self.engines = {symbol: Engine(FIND(symbol)) for symbol in symbols}
        assert gemini.sandbox is not None
        self.venue: SandboxVenue = gemini.sandbox(self.engines)
        self.truth: dict[tuple[str, int], tuple[Levels, Levels]] = {}
        self.orders: dict[str, list[int]] = {symbol: [] for symbol in symbols}
        for symbol, engine in self.engines.items():
            for distance in range(1, each_side + 1):
                for side, price in ((Side.BUY, MIDDLE - 2 * distance), (Side.SELL, MIDDLE + 2 * distance)):
                    self.orders[symbol].append(engine.limit(side, price, 100_000 + distance, T).order_id)
            self._note(symbol)

    def step(self, orders: int = 6) -> None:
        """The next step's orders; the truth after it is noted."""
        self.at += STEP
        for symbol in self.engines:
            for _ in range(orders):
                self._order(symbol)
            self._note(symbol)

    def _order(self, symbol: str) -> None:
        random, engine, resting = self._random, self.engines[symbol], self.orders[symbol]
        side = random.choice((Side.BUY, Side.SELL))
        match random.randrange(10):
            case 0:
                engine.take(side, random.randrange(1, 300_000), self.at)
            case 1 | 2 | 3 | 4 if len(resting) > 60:
                engine.cancel(resting.pop(random.randrange(len(resting))), self.at)
            case _:
                price = MIDDLE + random.randrange(1, 120) * (-1 if side is Side.BUY else 1)
                placed = engine.limit(side, price, random.randrange(1, 500_000), self.at, post_only=True)
                if placed.order_id:
                    resting.append(placed.order_id)

    def _note(self, symbol: str) -> None:
        engine = self.engines[symbol]
        self.truth[symbol, engine.number] = self.book(symbol)

    def book(self, symbol: str) -> tuple[Levels, Levels]:
        """The engine's own levels now, in decimals."""
        engine = self.engines[symbol]
        rules = engine.instrument.rules
        assert rules is not None
        sides = (engine.levels(side, 10**6) for side in (Side.BUY, Side.SELL))
        bids, asks = ([(price * rules.tick, size * rules.step) for price, size in rows] for rows in sides)
        return bids, asks

    def open(self, path: str) -> SandboxSession:
        session = self.venue.open(path, self.at)
        assert not isinstance(session, HttpResponse)
        return session

    def get(self, url: str, status: int = 200) -> Any:
        answer = self.venue.answer(HttpRequest("GET", url), self.at)
        assert answer.status == status
        return json.loads(answer.body, parse_float=str)


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


def number_of(update: int) -> int:
    """The engine's number of an id of the simulated streams: they count by threes from a fixed one."""
    whole, rest = divmod(update - 1_764_527_605_000_000, 3)
    assert rest == 0
    return whole


class Follower:
    """Our own side of a connection: codec, sync and market, as in a run."""

    def __init__(
        self, exchange: Exchange, symbols: Sequence[str], channels: Sequence[Channel], codec: FeedCodec | None = None
    ) -> None:
        wanted = [Subscription(FIND(symbol), channel) for symbol in symbols for channel in channels]
        self.connect = (codec or gemini.feed()).connect(wanted, None, T)
        self.exchange = exchange
        self.path = "/" + self.connect.url.split("/", 3)[3]
        self.session = exchange.open(self.path)
        self.market = Market({gemini.venue: gemini})
        self.seq = 0
        self._input(Direction.OPEN, b"")
        for text in self.connect.frames:
            self.send(text)

    def send(self, text: str) -> None:
        assert not list(self.session.receive(text, self.exchange.at))

    def _input(self, direction: Direction, payload: bytes) -> None:
        self.seq += 1
        at, url = self.exchange.at, self.connect.url
        self.market.receive(Input(self.seq, self.seq, at, direction, gemini.venue, "gemini#1", url, payload))

    def listen(self, drop: str = "") -> Iterator[str]:
        """Frame by frame, after each has been taken in; those with this text in them never arrive."""
        for text in said(list(self.session.publish(self.exchange.at))):
            if not drop or drop not in text:
                self._input(Direction.RECV, text.encode())
            yield text

    @property
    def books(self) -> dict[str, BookSync]:
        return self.market.books[gemini.venue]


def equal(sync: BookSync, truth: tuple[Levels, Levels]) -> bool:
    return (list(sync.book.levels(True)), list(sync.book.levels(False))) == truth


def test_the_venue_keeps_the_contract() -> None:
    venue: Contract = Exchange("btcusd").venue
    assert set(venue.endpoints) == {"streams", "v2"}


def test_our_side_holds_the_engines_book_after_every_frame() -> None:
    symbols = ("btcusd", "ethusd")
    exchange = Exchange(*symbols)
    follower = Follower(exchange, symbols, USUAL_CHANNELS)
    checked = dict.fromkeys(("depthUpdate", "ticker"), 0)
    for _ in range(600):
        exchange.step()
        for text in follower.listen():
            assert not any(isinstance(event, Unknown | Resync) for event in follower.market.events), text
            frame = json.loads(text)
            if "u" not in frame:
                continue
            sync, truth = follower.books[frame["s"]], exchange.truth[frame["s"], number_of(frame["u"])]
            top = sync.book.top
            if frame.get("e") == "depthUpdate":
                checked["depthUpdate"] += 1
                assert equal(sync, truth)
            elif top is not None:
                checked["ticker"] += 1
                assert ((top.bid, top.bid_size), (top.ask, top.ask_size)) == (truth[0][0], truth[1][0])
    counts = follower.market.counts[gemini.venue]
    assert (counts.unknown, counts.refused) == (0, 0)
    assert checked["depthUpdate"] > 50
    assert checked["ticker"] > 300
    for sync in follower.books.values():
        assert (sync.state, sync.gaps, sync.resyncs) == (BookState.LIVE, 0, 0)


def test_every_trade_is_told_once_with_the_takers_side() -> None:
    exchange = Exchange("btcusd")
    follower = Follower(exchange, ("btcusd",), (Channel.TRADES,))
    told: list[Trade] = []
    for _ in range(400):
        exchange.step()
        for _text in follower.listen():
            told += [event for event in follower.market.events if isinstance(event, Trade)]
    rules = exchange.engines["btcusd"].instrument.rules
    assert rules is not None
    printed = exchange.engines["btcusd"].trades(0)[-len(told) :]
    assert len(told) > 50
    assert len({trade.trade_id for trade in told}) == len(told)
    expected = [(one.price * rules.tick, one.size * rules.step, one.side, one.at) for one in printed]
    assert [(Decimal(t.price), Decimal(t.size), t.side, t.event_time) for t in told] == expected


def test_a_client_that_keeps_the_documented_rule_holds_the_book() -> None:
    """ "The FIRST frame after subscribing is the snapshot …; every frame after it is an incremental diff", without a
    gap; every delta begins at the id before it (measured on the venue, 2026-09-15)."""
    exchange = Exchange("btcusd")
    session = exchange.open("/?snapshot=-1")
    ask(exchange, session, id=1, method="SUBSCRIBE", params=["BTCUSD@depth@100ms"])
    sides: dict[str, dict[Decimal, Decimal]] = {"b": {}, "a": {}}
    frames = run(exchange, session, 2500)
    answer = next(i for i, frame in enumerate(frames) if "id" in frame)
    assert (answer, frames[answer]) == (1, {"id": 1, "status": 200}), "the snapshot comes before the answer"
    frames.pop(answer)
    assert frames[0]["U"] == frames[0]["u"]
    for before, frame in pairwise(frames):
        assert frame["U"] == before["u"] < frame["u"]
    for frame in frames:
        assert frame["s"] == "btcusd"
        for side, levels in sides.items():
            for price, size in frame[side]:
                levels[Decimal(price)] = Decimal(size)
        held = [{p: s for p, s in levels.items() if s} for levels in sides.values()]
        assert held == [dict(levels) for levels in exchange.truth["btcusd", number_of(frame["u"])]]
    deleted = {price for frame in frames for price, size in frame["b"] if not Decimal(size)}
    assert deleted, "a quantity of zero removes"
    assert 20 <= len(frames) <= 30


def test_sizes_and_prices_are_written_as_the_venue_does() -> None:
    """`["77845.79000","0.0457361300"]` of btcusd, as sent on 2026-08-28."""
    exchange = Exchange("btcusd", each_side=0)
    exchange.engines["btcusd"].limit(Side.BUY, 7_784_579, 4_573_613, T)
    session = exchange.open("/?snapshot=-1")
    ask(exchange, session, id="1", method="subscribe", params=["btcusd@depth"])
    snapshot = run(exchange, session, 50, orders=0)[0]
    assert (snapshot["b"], snapshot["a"]) == ([["77845.79000", "0.0457361300"]], [])


@pytest.mark.parametrize(("query", "levels"), [("?snapshot=-1", 40), ("?snapshot=3", 3), ("", None), ("?x=1", None)])
def test_the_snapshot_parameter_says_how_much_comes_first(query: str, levels: int | None) -> None:
    exchange = Exchange("btcusd")
    session = exchange.open(f"/{query}")
    ask(exchange, session, id=1, method="subscribe", params=["btcusd@depth@100ms"])
    frames = run(exchange, session, 250)
    first = next(frame for frame in frames if "id" not in frame)
    if levels is None:
        assert "id" in frames[0], "the answer comes first"
        assert first["U"] < first["u"]
    else:
        assert first["U"] == first["u"]
        if levels < 40:
            assert (len(first["b"]), len(first["a"])) == (levels, levels)


def test_a_lost_delta_is_a_gap_and_the_books_own_request_mends_it() -> None:
    exchange = Exchange("btcusd", "ethusd")
    follower = Follower(exchange, ("btcusd", "ethusd"), (Channel.DEPTH,))

    def steps(count: int, orders: int = 6) -> None:
        for _ in range(count):
            exchange.step(orders)
            list(follower.listen())

    steps(60)
    lost: list[str] = []
    while not lost:
        exchange.step()
        lost = [text for text in follower.listen(drop='"s":"btcusd"') if '"s":"btcusd"' in text]
    assert follower.market.take_commands() == []
    steps(21)
    (command,) = follower.market.take_commands()
    assert isinstance(command, Resync)
    expected = json.loads(lost[0])["U"] + 1
    assert command.symbol == "btcusd"
    assert command.reason.startswith(f"sequence gap on gemini:btcusd: expected {expected}, got ")
    steps(40)
    assert follower.books["btcusd"].state is BookState.SYNCING, "differences alone mend nothing"
    for text in follower.connect.resubscribe["btcusd"]:
        follower.send(text)
    steps(40)
    steps(21, orders=0)
    for symbol, gaps in (("btcusd", 1), ("ethusd", 0)):
        sync = follower.books[symbol]
        assert (sync.state, sync.gaps) == (BookState.LIVE, gaps)
        assert equal(sync, exchange.book(symbol))
    counts = follower.market.counts[gemini.venue]
    assert (counts.unknown, counts.refused) == (0, 0)


def test_two_subscribers_get_the_same_frames_and_each_its_own_snapshot() -> None:
    exchange = Exchange("btcusd")
    one, two = exchange.open("/?snapshot=-1"), exchange.open("/?snapshot=-1")
    ask(exchange, one, id=1, method="subscribe", params=["btcusd@depth@100ms"])
    first: list[dict[str, Any]] = []
    second: list[dict[str, Any]] = []
    for number in range(300):
        if number == 130:
            ask(exchange, two, id=1, method="subscribe", params=["btcusd@depth@100ms"])
        exchange.step()
        for session, heard in ((one, first), (two, second)):
            heard += [json.loads(text) for text in said(list(session.publish(exchange.at)))]
    late = [frame for frame in second if "id" not in frame]
    assert late[0]["U"] == late[0]["u"]
    assert late[1:] == first[-len(late) + 1 :]
    assert len(late) > 5
    assert late[1]["U"] == late[0]["u"], "what was pending was told before the snapshot"
    shown = [[(Decimal(p), Decimal(s)) for p, s in late[0][side]] for side in "ba"]
    assert tuple(shown) == exchange.truth["btcusd", number_of(late[0]["u"])]


def test_the_ticker_speaks_when_the_top_moves_and_names_the_last_trade_once_there_is_one() -> None:
    """specs/asyncapi/websocket.yaml: `c` "Last trade price, present once the book has traded" (2026-11-21)."""
    exchange = Exchange("btcusd", each_side=0)
    engine, session = exchange.engines["btcusd"], exchange.open("/")
    ask(exchange, session, id=1, method="subscribe", params=["btcusd@bookTicker"])
    assert run(exchange, session, 50, orders=0) == [{"id": 1, "status": 200}]
    engine.limit(Side.BUY, 100, 5, exchange.at)
    (one,) = run(exchange, session, 50, orders=0)
    assert (one["s"], one["b"], one["B"]) == ("btcusd", "1.00000", "0.0000000500")
    assert not {"a", "A", "c", "C"} & set(one)
    engine.limit(Side.BUY, 99, 5, exchange.at)
    assert run(exchange, session, 50, orders=0) == [], "a level below the top"
    engine.take(Side.SELL, 2, exchange.at)
    (two,) = run(exchange, session, 50, orders=0)
    assert (two["B"], two["c"], two["C"]) == ("0.0000000300", "1.00000", "0.0000000200")
    assert two["u"] > one["u"]
    assert (two["E"], two["s"]) == (engine.changed_at, "btcusd")


def test_a_partial_book_comes_each_period_changed_or_not() -> None:
    """As measured on 2026-09-15: it repeats byte for byte, and carries `symbol`, which the page leaves out."""
    exchange = Exchange("btcusd")
    session = exchange.open("/")
    ask(exchange, session, id=1, method="subscribe", params=["btcusd@depth5@100ms"])
    frames = [frame for frame in run(exchange, session, 1000, orders=0) if "id" not in frame]
    assert 9 <= len(frames) <= 11
    assert all(frame == frames[0] for frame in frames)
    assert (list(frames[0]), frames[0]["symbol"]) == (["lastUpdateId", "symbol", "bids", "asks"], "btcusd")
    assert len(frames[0]["bids"]) == len(frames[0]["asks"]) == 5
    idle = exchange.open("/?snapshot=-1")
    ask(exchange, idle, id=1, method="subscribe", params=["btcusd@depth@100ms"])
    assert len(run(exchange, idle, 1000, orders=0)) == 2, "the differential stream of an idle book is silent"


@pytest.mark.parametrize(
    ("request_text", "answer"),
    [
        # As sent by the venue on 2026-09-15.
        (
            '{"id":4,"method":"subscribe","params":["btcusd@depth","nosuchperp@depth@100ms"]}',
            {
                "id": 4,
                "status": 400,
                "error": {"code": -1013, "msg": "Invalid stream name: nosuchperp@depth@100ms"},
            },
        ),
        (
            '{"id":10,"method":"subscribe","params":["btcusd@markPrice@1s"]}',
            {"id": 10, "status": 400, "error": {"code": -1013, "msg": "Invalid stream name: btcusd@markPrice@1s"}},
        ),
        (
            '{"id":11,"method":"bogus_method"}',
            {"id": 11, "status": 400, "error": {"code": -1020, "msg": "Unsupported operation"}},
        ),
        ('{"id":100,"method":"ping"}', {"id": 100, "status": 200}),
        # developer.gemini.com/websocket/message-format (2026-11-21, stored copy).
        (
            '{"id":"1","method":"subscribe","params":["orders@account"]}',
            {"id": "1", "status": 401, "error": {"code": -1002, "msg": "Authentication required"}},
        ),
    ],
)
def test_requests_are_answered_as_documented(request_text: str, answer: dict[str, Any]) -> None:
    exchange = Exchange("btcusd")
    session = exchange.open("/?snapshot=-1")
    assert not list(session.receive(request_text, exchange.at))
    assert run(exchange, session, 20, orders=0) == [], "an answer takes some tens of milliseconds"
    assert run(exchange, session, 400) == [answer], "and a refused request subscribes to nothing"


@pytest.mark.parametrize("text", ["", "no json", "[]", "7", '{"id":1}', '{"method":7}', "[" * 2000])
def test_what_is_no_request_is_refused(text: str) -> None:
    exchange = Exchange("btcusd")
    session = exchange.open("/")
    list(session.receive(text, exchange.at))
    (answer,) = run(exchange, session, 100)
    assert answer["status"] == 400


def test_one_is_told_the_limits_the_subscriptions_and_one_book() -> None:
    exchange = Exchange("btcusd")
    session = exchange.open("/")
    ask(exchange, session, id=1, method="subscribe", params=["btcusd@trade"])
    ask(exchange, session, id=2, method="list_subscriptions")
    ask(exchange, session, id=3, method="conninfo")
    ask(exchange, session, id=4, method="depth", params={"symbol": "btcusd", "limit": 2})
    ask(exchange, session, id=5, method="unsubscribe", params=["btcusd@trade"])
    ask(exchange, session, id=6, method="LIST_SUBSCRIPTIONS")
    ask(exchange, session, id=7, method="depth", params={"symbol": "nosuch"})
    answers = {frame["id"]: frame for frame in run(exchange, session, 100, orders=0)}
    assert [answers[2]["result"], answers[6]["result"]] == [["btcusd@trade"], []]
    limits = {(one["rateLimitType"], one["interval"]): one["limit"] for one in answers[3]["rateLimits"]}
    assert limits[("CONNECTION_ATTEMPTS", "MINUTE")] == 300
    book, truth = answers[4]["result"], exchange.book("btcusd")
    assert [(Decimal(p), Decimal(s)) for p, s in book["bids"]] == truth[0][:2]
    assert number_of(book["lastUpdateId"]) == exchange.engines["btcusd"].number
    assert answers[7]["error"]["code"] == -1013


def test_too_many_requests_and_connections_are_refused() -> None:
    exchange = Exchange("btcusd")
    session = exchange.open("/")
    for number in range(7001):
        ask(exchange, session, id=number, method="ping")
    answers = run(exchange, session, 50, orders=0)
    assert [answer["status"] for answer in answers[-2:]] == [200, 429]
    assert answers[-1]["error"] == {"code": -1003, "msg": "Rate limit exceeded"}
    for _ in range(299):
        exchange.open("/v2/marketdata")
    refused = exchange.venue.open("/", exchange.at)
    assert isinstance(refused, HttpResponse)
    assert refused.status == 429
    exchange.at += 300_000 * MS
    exchange.open("/")


def test_the_server_pings_every_twenty_seconds() -> None:
    exchange = Exchange("btcusd")
    session = exchange.open("/")
    beats = []
    for _ in range(500):
        exchange.at += 100 * MS
        beats += [exchange.at - T for one in session.publish(exchange.at) if isinstance(one, Beat)]
    assert beats == [20_000 * MS, 40_000 * MS]


def test_the_former_stream_gives_our_side_the_engines_book_after_every_step() -> None:
    symbols = ("btcusd", "etheur")
    exchange = Exchange(*symbols)
    follower = Follower(exchange, symbols, USUAL_CHANNELS, gemini.dialects[0].feed())
    assert follower.path == "/v2/marketdata"
    trades = 0
    for _ in range(500):
        exchange.step()
        for text in follower.listen():
            assert not any(isinstance(event, Unknown | Resync) for event in follower.market.events), text
            trades += sum(isinstance(event, Trade) for event in follower.market.events)
        for symbol, sync in follower.books.items():
            assert equal(sync, exchange.book(symbol))
    counts = follower.market.counts[gemini.venue]
    assert (counts.unknown, counts.refused) == (0, 0)
    assert {sync.state for sync in follower.books.values()} == {BookState.LIVE}
    assert trades > 100


def test_the_former_stream_has_the_keys_that_its_clients_read() -> None:
    """ccxt.pro takes a message with `changes`, `trades` and `auction_events` for the first one; cryptofeed reads
    `event_id`, `price`, `quantity`, `side`, `timestamp` (versions 4.5.90 and 2.4.1). The recorded keys are the same."""
    exchange = Exchange("btcusd")
    run(exchange, exchange.open("/"), 500)
    session = exchange.open("/v2/marketdata/")
    ask(exchange, session, type="subscribe", subscriptions=[{"name": "l2", "symbols": ["BTCUSD", "NOSUCH", "btcusd"]}])
    frames = run(exchange, session, 6000)
    first, rest = frames[0], frames[1:]
    assert set(first) == {"type", "symbol", "changes", "trades", "auction_events"}
    assert 0 < len(first["trades"]) <= 50
    assert [t["event_id"] for t in first["trades"]] == sorted((t["event_id"] for t in first["trades"]), reverse=True)
    assert [row[0] for row in first["changes"]] == sorted(row[0] for row in first["changes"])
    kinds = {frame["type"] for frame in rest}
    assert kinds == {"l2_updates", "trade", "heartbeat"}
    keys = {"type", "symbol", "event_id", "timestamp", "price", "quantity", "side"}
    assert {frozenset(frame) for frame in rest if frame["type"] == "trade"} == {frozenset(keys)}
    assert {frozenset(frame) for frame in rest if frame["type"] == "l2_updates"} == {
        frozenset({"type", "symbol", "changes"})
    }
    assert {frame["symbol"] for frame in rest if "symbol" in frame} == {"BTCUSD"}
    ask(exchange, session, type="unsubscribe", subscriptions=[{"name": "l2", "symbols": ["BTCUSD"]}])
    run(exchange, session, 50)
    assert {frame["type"] for frame in run(exchange, session, 1000)} <= {"heartbeat"}


def test_candles_of_the_former_stream_begin_with_the_day_and_follow_each_trade() -> None:
    """The first message has all rows, the newest first, each later one the current row alone, as others measured them
    on 2026-09-24 and 2026-07-29. Each row is counted here again from the trades of `l2`."""
    exchange = Exchange("btcusd")
    run(exchange, exchange.open("/"), 1100)
    exchange.at += 90_000 * MS
    session = exchange.open("/v2/marketdata")
    ask(exchange, session, type="subscribe", subscriptions=[{"name": "l2", "symbols": ["BTCUSD"]}])
    candles = [{"name": "candles_1m", "symbols": ["BTCUSD"]}, {"name": "candles_7m", "symbols": ["BTCUSD"]}]
    ask(exchange, session, type="subscribe", subscriptions=candles)
    frames = run(exchange, session, 200)
    first = next(frame for frame in frames if frame["type"] == "candles_1m_updates")
    assert set(first) == {"changes", "symbol", "type"} and first["symbol"] == "BTCUSD"
    starts = [row[0] for row in first["changes"]]
    assert len(starts) > 1 and starts == sorted(starts, reverse=True)
    assert {newer - older for older, newer in pairwise(starts[::-1])} == {60_000}
    exchange.at += 60_000 * MS
    frames = frames[frames.index(first) + 1 :] + run(exchange, session, 3000)
    told: dict[int, list[Decimal]] = {row[0]: [Decimal(str(n)) for n in row[1:]] for row in first["changes"]}
    count, current = 0, max(told)
    for frame in frames:
        if frame["type"] == "candles_1m_updates":
            ((start, *numbers),) = frame["changes"]
            assert start >= current
            told[start], current = [Decimal(str(n)) for n in numbers], start
            count += 1
    expected: dict[int, list[Decimal]] = {}
    for frame in frames:
        if frame["type"] == "trade":
            price, size = Decimal(frame["price"]), Decimal(frame["quantity"])
            start = frame["timestamp"] // 60_000 * 60_000
            row = expected.setdefault(start, told_before(first, start) or [price, price, price, price, Decimal(0)])
            row[:] = [row[0], max(row[1], price), min(row[2], price), price, row[4] + size]
    assert count > 20 and len(expected) == 2
    assert {start: told[start] for start in expected} == expected
    ask(exchange, session, type="unsubscribe", subscriptions=candles)
    run(exchange, session, 50)
    assert {frame["type"] for frame in run(exchange, session, 1000)} <= {"heartbeat", "l2_updates", "trade"}


def told_before(first: dict[str, Any], start: int) -> list[Decimal]:
    """The row of this minute in the first message, empty if it has none."""
    return [Decimal(str(number)) for row in first["changes"] if row[0] == start for number in row[1:]]


@pytest.mark.parametrize("symbols", [["btcusd"], ["NOSUCH"], []])
def test_the_former_stream_refuses_unknown_symbols_and_lower_case(symbols: list[str]) -> None:
    """As sent by the venue on 2026-09-15."""
    exchange = Exchange("btcusd")
    session = exchange.open("/v2/marketdata")
    ask(exchange, session, type="subscribe", subscriptions=[{"name": "l2", "symbols": symbols}])
    assert run(exchange, session, 300) == [{"reason": "NoValidTradingPairs", "result": "error"}]


@needs_recordings
def test_recorded_answers_have_the_keys_of_the_simulated_ones() -> None:
    mock = json.loads((RECORDINGS / "gemini/rest_mock_gct.json").read_text(), parse_float=str)
    recorded = {entry["path"]: entry["response"] for entry in mock if entry["method"] == "GET"}
    exchange = Exchange("btcusd")
    run(exchange, exchange.open("/"), 1000)
    for path in ("/v1/book/btcusd", "/v1/pubticker/BTCUSD", "/v2/ticker/BTCUSD", "/v1/symbols/details/btcusd"):
        assert set(exchange.get(path)) == set(recorded[path]), path
    assert set(exchange.get("/v1/book/btcusd")["bids"][0]) == set(recorded["/v1/book/btcusd"]["bids"][0])
    assert set(exchange.get("/v1/pubticker/BTCUSD")["volume"]) == set(recorded["/v1/pubticker/BTCUSD"]["volume"])
    refused, wanted = exchange.get("/v1/pubticker/bla", 400), recorded["/v1/pubticker/bla"]
    assert refused["message"].partition("[")[0] == wanted["message"].partition("[")[0]
    assert (refused["result"], refused["reason"]) == (wanted["result"], wanted["reason"])
    unknown = exchange.get("/v1/symbols/details", 404)
    assert (unknown["result"], unknown["reason"]) == ("error", "EndpointNotFound")


def test_details_are_read_back_as_the_instruments_they_are_of() -> None:
    exchange = Exchange("btcusd", "usdcusd", "ethbtc", "solusd")
    answer = exchange.venue.answer(HttpRequest("GET", "/v1/symbols/details/all"), exchange.at)
    assert list(instruments(answer.body)) == [FIND(symbol) for symbol in exchange.get("/v1/symbols")]
    one = exchange.venue.answer(HttpRequest("GET", "/v1/symbols/details/BTCUSD"), exchange.at)
    assert b'"tick_size":1E-8,"quote_increment":0.01,"min_order_size":"0.00001","status":"open"' in one.body


def test_our_metadata_reads_every_answer_that_it_asks_for() -> None:
    exchange = Exchange("btcusd")
    assert gemini.metadata is not None
    for request in gemini.metadata.requests():
        answer = exchange.venue.answer(
            HttpRequest("GET", request.url.removeprefix("https://api.gemini.com")), exchange.at
        )
        told = gemini.metadata.read(HttpResponse(answer.status, answer.body, request.url))
        assert told.instruments or told.currencies


def test_books_trades_and_tickers_are_the_engines() -> None:
    exchange = Exchange("btcusd")
    run(exchange, exchange.open("/"), 2000)
    engine, (bids, asks) = exchange.engines["btcusd"], exchange.book("btcusd")
    book = exchange.get("/v1/book/btcusd?limit_bids=0&limit_asks=3")
    assert [(Decimal(row["price"]), Decimal(row["amount"])) for row in book["bids"]] == bids
    assert [(Decimal(row["price"]), Decimal(row["amount"])) for row in book["asks"]] == asks[:3]
    assert len(exchange.get("/v1/book/BTCUSD")["bids"]) == min(50, len(bids))
    printed = engine.trades(0)
    trades = exchange.get("/v1/trades/btcusd?limit_trades=500")
    assert [(Decimal(t["price"]), t["type"], t["timestampms"]) for t in trades] == [
        (one.price * Decimal("0.01"), one.side.value, one.at // MS) for one in reversed(printed)
    ][:500]
    assert len(exchange.get("/v1/trades/btcusd")) == 50
    middle = trades[20]
    assert [t["tid"] for t in exchange.get(f"/v1/trades/btcusd?since_tid={middle['tid']}")] == [
        t["tid"] for t in trades[:20]
    ]
    newer = exchange.get(f"/v1/trades/btcusd?timestamp={middle['timestampms']}&limit_trades=500")
    assert [t["tid"] for t in newer] == [t["tid"] for t in trades if t["timestampms"] > middle["timestampms"]]
    ticker, stats = exchange.get("/v1/pubticker/btcusd"), engine.session_stats
    assert stats is not None
    assert (Decimal(ticker["bid"]), Decimal(ticker["ask"])) == (bids[0][0], asks[0][0])
    assert Decimal(ticker["last"]) == stats.last * Decimal("0.01")
    assert Decimal(ticker["volume"]["BTC"]) == stats.volume * Decimal("1E-8")
    assert Decimal(ticker["volume"]["USD"]) == stats.turnover * Decimal("1E-10")
    day = exchange.get("/v2/ticker/btcusd")
    assert [Decimal(day[key]) for key in ("open", "high", "low", "close")] == [
        price * Decimal("0.01") for price in (stats.first, stats.high, stats.low, stats.last)
    ]
    (price,) = exchange.get("/v1/pricefeed")
    assert (price["pair"], price["price"]) == ("BTCUSD", ticker["last"])


def test_a_day_is_counted_while_somebody_listens_and_forgotten_after_it() -> None:
    """The engine forgets within a minute; the venue tells of 24 hours."""
    exchange = Exchange("btcusd", each_side=0)
    engine, session = exchange.engines["btcusd"], exchange.open("/")
    for hour in range(30):
        exchange.at = T + hour * 3_600_000 * MS
        engine.limit(Side.SELL, 1000 + hour, 10, exchange.at)
        engine.take(Side.BUY, 10, exchange.at)
        list(session.publish(exchange.at))
    day = exchange.get("/v2/ticker/btcusd")
    assert (day["open"], day["close"], day["high"], day["low"]) == ("10.06", "10.29", "10.29", "10.06")
    assert day["changes"][:2] == ["10.29", "10.28"]
    assert len(day["changes"]) == 24
    assert exchange.get("/v1/pubticker/btcusd")["volume"]["BTC"] == "0.0000024"


def test_candles_are_the_trades_by_minute_and_still_where_nothing_traded() -> None:
    """`[time in ms, open, high, low, close, volume]`, developer.gemini.com's List Candles (2026-11-21, stored copy)."""
    exchange = Exchange("btcusd", each_side=0)
    engine, start = exchange.engines["btcusd"], T // (300_000 * MS) * 300_000 * MS + 300_000 * MS
    for minute, prices in ((0, (1000, 1030, 990)), (1, (1010,)), (5, (1100,))):
        exchange.at = start + minute * 60_000 * MS
        for price in prices:
            engine.limit(Side.SELL, price, 10, exchange.at)
            engine.take(Side.BUY, 10, exchange.at)
        exchange.get("/v1/symbols")
        exchange.get("/v1/pricefeed")
    ms = start // MS
    assert exchange.get("/v2/candles/btcusd/5m") == [
        [ms + 300_000, "11.00", "11.00", "11.00", "11.00", "0.0000001"],
        [ms, "10.00", "10.30", "9.90", "10.10", "0.0000004"],
    ]
    rows = exchange.get("/v2/candles/BTCUSD/1m")
    assert [row[0] for row in rows] == [ms + 60_000 * n for n in (5, 4, 3, 2, 1, 0)]
    assert rows[1] == [ms + 240_000, "10.10", "10.10", "10.10", "10.10", 0]
    assert exchange.get("/v2/candles/btcusd/7m", 404)["reason"] == "EndpointNotFound"
    assert exchange.get("/v2/candles/nosuch/1m", 400)["reason"] == "Bad Request"


def test_too_many_public_requests_are_refused_for_a_minute() -> None:
    """github.com/gemini/developer-platform conformance/http/errors/rate-limited-429-retry-after.json (2026-11-21)."""
    exchange = Exchange("btcusd")
    for _ in range(120):
        exchange.get("/v1/symbols")
    answer = exchange.venue.answer(HttpRequest("GET", "/v1/symbols"), exchange.at)
    assert json.loads(answer.body) == {"result": "error", "reason": "RateLimit", "message": "Rate limit exceeded"}
    assert (answer.status, "Retry-After" in answer.headers) == (429, True)
    exchange.at += 60_000 * MS
    exchange.get("/v1/symbols")


V1_CAPTURED = (
    '{"eventId":1764559146464275,"events":[{"delta":"0.06198727","price":"83948.71","reason":"initial","remaining":"0.0619'
    '8727","side":"ask","type":"change"},{"delta":"0.10350843","price":"83948.7","reason":"initial","remaining":"0.1035084'
    '3","side":"bid","type":"change"}],"socket_sequence":0,"type":"update"}',
    '{"eventId":1764559146470614,"events":[{"price":"83948.71","reason":"top-of-book","remaining":"0.06738727","side":"ask'
    '","type":"change"}],"socket_sequence":1,"timestamp":1790401258,"timestampms":1790401258816,"type":"update"}',
    '{"eventId":1764559146475721,"events":[{"amount":"0.0011912","makerSide":"ask","price":"83955.14","tid":28401410299404'
    '25,"type":"trade"}],"socket_sequence":5,"timestamp":1790401261,"timestampms":1790401261620,"type":"update"}',
    '{"socket_sequence":2,"type":"heartbeat"}',
)
"""Of `/v1/marketdata/btcusd` with tops, trades and heartbeats, captured by others on 2026-09-26: the first levels, a
new best ask, a trade, a heartbeat."""


def shape(message: dict[str, Any]) -> tuple[tuple[str, ...], ...]:
    """The keys of a message and of its events, in their order."""
    return tuple(message), *(tuple(event) for event in message.get("events", ()))


def test_the_stream_of_v1_has_the_keys_that_were_captured_and_tells_the_best_levels() -> None:
    exchange = Exchange("btcusd")
    session = exchange.open("/v1/marketdata/BTCUSD?top_of_book=true&heartbeat=true")
    frames = run(exchange, session, 11_000)
    assert {tuple(dict.fromkeys(shape(frame))) for frame in frames} == {
        tuple(dict.fromkeys(shape(json.loads(text)))) for text in V1_CAPTURED
    }
    assert [frame["socket_sequence"] for frame in frames] == list(range(len(frames)))
    assert sum(frame["type"] == "heartbeat" for frame in frames) == 2
    best = {event["side"]: event for frame in frames for event in frame.get("events", ()) if event["type"] == "change"}
    bids, asks = exchange.book("btcusd")
    assert {side: (Decimal(one["price"]), Decimal(one["remaining"])) for side, one in best.items()} == {
        "bid": bids[0],
        "ask": asks[0],
    }


def test_a_client_of_v1_holds_both_books_and_hears_why_each_level_changed() -> None:
    """`remaining` replaces a level and `delta` adds up to it; what trades take is `trade`, each trade told once."""
    exchange = Exchange("btcusd", "etheur")
    for _ in range(50):
        exchange.step()
    session = exchange.open("/v1/multimarketdata?symbols=btcusd,ETHEUR&heartbeat=true")
    books: dict[str, dict[str, dict[Decimal, Decimal]]] = {s: {"bid": {}, "ask": {}} for s in ("BTCUSD", "ETHEUR")}
    sequence, traded, taken, reasons = 0, Decimal(0), Decimal(0), set()
    for _ in range(400):
        exchange.step()
        for text in said(list(session.publish(exchange.at))):
            frame = json.loads(text)
            assert frame["socket_sequence"] == sequence
            sequence += 1
            for event in frame.get("events", ()):
                if event["type"] == "trade":
                    traded += Decimal(event["amount"])
                    continue
                side, price = books[event["symbol"]][event["side"]], Decimal(event["price"])
                size = side.pop(price, Decimal(0)) + Decimal(event["delta"])
                assert size == Decimal(event["remaining"])
                reasons.add((event["reason"], Decimal(event["delta"]) > 0))
                taken -= Decimal(event["delta"]) if event["reason"] == "trade" else 0
                if size:
                    side[price] = size
        for symbol, sides in books.items():
            bids, asks = exchange.book(symbol.lower())
            assert (sorted(sides["bid"].items(), reverse=True), sorted(sides["ask"].items())) == (bids, asks)
    assert reasons == {("initial", True), ("place", True), ("cancel", False), ("trade", False)}
    assert traded == taken > 0


@pytest.mark.parametrize(
    ("query", "kinds"),
    [
        ("", {"bid", "ask", "trade"}),
        ("top_of_book=true&offers=true", {"ask"}),
        ("trades=false&bids=true&offers=true", {"bid", "ask"}),
        ("trades=true&bids=false&offers=false", {"trade"}),
        ("trades=false", {"bid", "ask"}),
    ],
)
def test_a_client_of_v1_gets_what_its_query_asks_for(query: str, kinds: set[str]) -> None:
    """`offers=true` alone leaves out the bids, as a client's output of 2019 shows; the rest are ccxt's queries."""
    exchange = Exchange("btcusd")
    frames = run(exchange, exchange.open(f"/v1/marketdata/btcusd?{query}"), 1000)
    events = [event for frame in frames for event in frame["events"]]
    assert {event.get("side", "trade") for event in events} == kinds


def test_v1_refuses_a_symbol_that_there_is_not() -> None:
    venue = Exchange("btcusd").venue
    for path in ("/v1/marketdata/nosuch", "/v1/multimarketdata?symbols=btcusd,nosuch", "/v1/multimarketdata"):
        answer = venue.open(path, T)
        assert isinstance(answer, HttpResponse) and answer.status == 404


@pytest.mark.parametrize("path", ["/v1/nosuch", "/v2/marketdata/x", "/ws"])
def test_a_path_that_is_no_stream_refuses_the_upgrade(path: str) -> None:
    answer = Exchange("btcusd").venue.open(path, T)
    assert isinstance(answer, HttpResponse)
    assert answer.status == 404
    assert json.loads(answer.body)["reason"] == "EndpointNotFound"


def test_one_sided_and_empty_books_are_told_and_read() -> None:
    exchange = Exchange("btcusd", each_side=0)
    engine = exchange.engines["btcusd"]
    follower = Follower(exchange, ("btcusd",), USUAL_CHANNELS)

    def settle() -> None:
        for _ in range(30):
            exchange.step(0)
            list(follower.listen())
        assert equal(follower.books["btcusd"], exchange.book("btcusd"))
        assert follower.books["btcusd"].state is BookState.LIVE

    settle()
    assert follower.books["btcusd"].book.counts() == (0, 0)
    bid = engine.limit(Side.BUY, 100, 5, exchange.at).order_id
    settle()
    assert follower.books["btcusd"].book.counts() == (1, 0)
    engine.limit(Side.SELL, 110, 5, exchange.at)
    settle()
    engine.cancel(bid, exchange.at)
    settle()
    top = follower.books["btcusd"].book.top
    assert top is not None
    assert (top.bid, top.ask) == (None, Decimal("1.10"))
    counts = follower.market.counts[gemini.venue]
    assert (counts.unknown, counts.refused) == (0, 0)
