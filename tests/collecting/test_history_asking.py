"""How holes are asked for: which request each venue gets, how often, when it is given up. No venue, no socket."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, urlsplit

import pytest
from collecting.history_world import installed
from conformance.bitfoo import make

from cryptopipe.api import (
    ExchangePlugin,
    HttpRequest,
    HttpResponse,
    Instrument,
    Nanos,
    ProtocolError,
    Resync,
    Trade,
    TradeSpan,
    VenueUnavailable,
)
from cryptopipe.capture.inputs import TRADES_OF, Direction, Input
from cryptopipe.clock import LAST, SECOND
from cryptopipe.errors import VenueError
from cryptopipe.market.history import AGAIN_AFTER, MOST_FAILURES, MOST_PAGES, SETTLES_IN, History, trades_of
from cryptopipe.market.names import twin
from cryptopipe.market.pacing import Bucket
from cryptopipe.market.parts import part_of
from cryptopipe.market.trail import Hole
from cryptopipe.model.contracts import Limit
from cryptopipe.model.facts import Side
from cryptopipe.model.stream import Channel, Subscription
from cryptopipe.testing import HistorySample, spot
from cryptopipe.testing.histories import judge_history

CONN = "bitfoo#1"
COIN = spot("bitfoo", "BTC/USDT", symbol="btcusdt", tick="0.01", step="0.0001")
T: Nanos = 1_700_000_000 * SECOND
DAY = 86_400 * SECOND
SPAN = ("after", "before")
ASKED = [
    ("binance", "BTCUSDT", ("7", "9"), 60, "/api/v3/historicalTrades",
     {"symbol": "BTCUSDT", "limit": "1000", "fromId": "7"}),
    ("binance_us", "BTCUSDT", ("7", "9"), 60, "/api/v3/trades", {"symbol": "BTCUSDT", "limit": "1000"}),
    ("binance_usdm", "BTCUSDT", ("7", "9"), 60, "/fapi/v1/trades", {"symbol": "BTCUSDT", "limit": "1000"}),
    ("coinbase_exchange", "BTC-USD", ("7", "9"), 60, "/products/BTC-USD/trades", {"limit": "1000", "after": "10"}),
    ("coinbase", "BTC-USD", SPAN, 60, "/api/v3/brokerage/market/products/BTC-USD/ticker",
     {"limit": "1000", "start": "1700000000", "end": "1700000003"}),
    ("kraken", "BTC/USD", ("7", "9"), 60, "/0/public/Trades",
     {"pair": "XBTUSD", "since": "1699999999999999000", "count": "1000"}),
    ("bybit", "BTCUSDT", SPAN, 60, "/v5/market/recent-trade", {"category": "spot", "symbol": "BTCUSDT", "limit": "60"}),
    ("bybit", "linear:BTCUSDT", SPAN, 60, "/v5/market/recent-trade",
     {"category": "linear", "symbol": "BTCUSDT", "limit": "1000"}),
    ("bitstamp", "btcusd", SPAN, 30, "/api/v2/transactions/btcusd/", {"time": "minute"}),
    ("bitstamp", "btcusd", SPAN, 60, "/api/v2/transactions/btcusd/", {"time": "hour"}),
    ("bitstamp", "btcusd", SPAN, 3_600, "/api/v2/transactions/btcusd/", {"time": "day"}),
    ("gemini", "btcusd", SPAN, 60, "/v1/trades/btcusd", {"timestamp": "1699999999999", "limit_trades": "500"}),
    ("bitfinex", "tBTCUSD", SPAN, 60, "/v2/trades/tBTCUSD/hist",
     {"limit": "10000", "start": "1700000000000", "sort": "1"}),
]  # fmt: skip
"""Venue, symbol, the ids around the hole of two seconds, its age, and what the documentation says must be asked."""


@pytest.mark.parametrize(("venue", "symbol", "ids", "age", "path", "query"), ASKED)
def test_each_venue_is_asked_as_its_page_says(
    venue: str, symbol: str, ids: tuple[str, str], age: int, path: str, query: dict[str, str]
) -> None:
    plugin = installed(venue)
    assert plugin.trade_history is not None
    span = TradeSpan(symbol, *ids, T, T + 2 * SECOND)
    asked = plugin.trade_history.request(plugin.instruments.find(symbol), span, T + age * SECOND)
    assert asked is not None
    parts = urlsplit(asked.url)
    assert (asked.method, parts.path, dict(parse_qsl(parts.query))) == ("GET", path, query)


def test_a_day_is_as_old_as_a_hole_may_be_at_a_venue_that_says_so() -> None:
    history = installed("bitstamp").trade_history
    assert history is not None
    instrument = installed("bitstamp").instruments.find("btcusd")
    assert history.request(instrument, TradeSpan("btcusd", "1", "2", T, T), T + DAY) is None


@dataclass
class Told:
    """A stranger's history: what it answers is in the body, as ids with spaces between."""

    consecutive: bool = True
    asked: list[TradeSpan] = field(default_factory=list)
    reaches_back: bool = True

    def request(self, instrument: Instrument, span: TradeSpan, at: Nanos) -> HttpRequest | None:
        self.asked.append(span)
        return HttpRequest("GET", f"https://bitfoo.example/{span.after_id}") if self.reaches_back else None

    def trades(self, symbol: str, response: HttpResponse) -> Sequence[Trade]:
        if response.status != 200:
            raise VenueUnavailable(f"status {response.status}")
        try:
            numbers = sorted(int(one) for one in response.body.decode().split())
            if any(not 0 <= one < 10**6 for one in numbers):
                raise ValueError(f"no ids of ours: {numbers}")
            return [trade(one) for one in numbers]
        except ValueError as error:
            raise ProtocolError(str(error)) from error


def trade(number: int) -> Trade:
    return Trade("btcusdt", str(number), "1", "1", Side.BUY, T + number)


class Asking:
    """A history of one symbol in which trades 1 and 9 were told, at `T`."""

    def __init__(self, told: Told, limit: int = 1000, ids: tuple[int, int] = (1, 9)) -> None:
        self.plugin: ExchangePlugin = replace(make(), trade_history=told)
        self.bucket = Bucket((Limit(limit, 60 * SECOND),))
        plugins = {self.plugin.venue: self.plugin}
        wanted = [Subscription(COIN, Channel.TRADES)]
        parts = {conn: part_of(self.plugin, 1, wanted, lambda venue, url: url, None) for conn in (CONN, twin(CONN))}
        self.history = History(parts, plugins)
        self.history.add(self.plugin, wanted, self.bucket)
        self.history.arrived(self.entry(Direction.RECV, T), [trade(number) for number in ids], ())
        (self.hole,) = self.history.holes(self.plugin.venue) or [None]

    def entry(
        self, direction: Direction, at: Nanos, body: bytes = b"", status: int = 0, tag: str = "", conn: str = CONN
    ) -> Input:
        return Input(1, 1, at, direction, "bitfoo", conn, "", body, status, (), tag)

    def hears(self, events: Sequence[object], commands: Sequence[object] = ()) -> list[str]:
        """Why the holes are supposed that are open after a frame of these events."""
        self.history.arrived(self.entry(Direction.RECV, T), events, commands)  # type: ignore[arg-type]
        return [hole.why for hole in self.history.holes(self.plugin.venue)]

    def asks(self, at: Nanos) -> list[str]:
        """The URLs that are asked for at this time."""
        asked = self.history.tick(at)
        assert {tag for _, _, tag in asked} <= {f"{TRADES_OF}btcusdt"}
        return [request.url for _, request, _ in asked]

    def answers(self, at: Nanos, body: bytes = b"", status: int = 200) -> None:
        self.history.happened(self.entry(Direction.HTTP, at, body, status, f"{TRADES_OF}btcusdt"))

    @property
    def ended(self) -> Hole:
        ((_, hole),) = self.history.ended
        assert hole is self.hole and self.history.due == LAST
        return hole


def test_a_hole_is_asked_for_once_it_has_settled_and_then_for_its_rest() -> None:
    run = Asking(Told())
    assert run.history.due == T + SETTLES_IN and run.asks(T + SETTLES_IN - 1) == []
    assert run.asks(T + SETTLES_IN) == ["https://bitfoo.example/1"]
    assert run.asks(T + SECOND) == [], "an answer is out"
    run.answers(T + SECOND, b"1 2 3 4")
    assert run.asks(T + SECOND) == [] and run.history.due == T + 2 * SECOND
    assert run.asks(T + 2 * SECOND) == ["https://bitfoo.example/4"]
    run.answers(T + 3 * SECOND, b"4 5 6 7 8 9 10")
    assert (run.ended.ended, run.ended.filled, run.ended.missing) == ("covered", 7, 0)


def test_a_venue_that_fails_is_asked_later_each_time_and_not_for_ever() -> None:
    run, at, waits = Asking(Told()), T + SETTLES_IN, list[Nanos]()
    for failure in range(1, MOST_FAILURES + 1):
        assert run.asks(at), failure
        run.answers(at, b"", 503)
        if failure < MOST_FAILURES:
            waits.append(run.history.due - at)
            at = run.history.due
    assert waits == [AGAIN_AFTER * n for n in range(1, MOST_FAILURES)]
    assert run.ended.ended == f"asked {MOST_FAILURES} times: status 503" and run.ended.missing == 7


def test_an_answer_that_never_comes_is_a_failure() -> None:
    run = Asking(Told())
    assert run.asks(T + SETTLES_IN)
    waited = run.history.due
    assert waited > T + SETTLES_IN and run.asks(waited) == []
    assert run.history.due == waited + AGAIN_AFTER and run.asks(run.history.due)


def test_answers_are_bounded() -> None:
    run, at = Asking(Told(), ids=(1, 1000)), T + SETTLES_IN
    for number in range(1, MOST_PAGES + 1):
        assert run.asks(at), number
        run.answers(at, f"{number} {number + 1}".encode())
        at = run.history.due if run.history.due != LAST else at
    assert run.ended.ended == f"more than {MOST_PAGES} answers would be needed"
    assert (run.ended.filled, run.ended.missing) == (MOST_PAGES, 998 - MOST_PAGES)


def test_what_brings_nothing_on_or_is_too_old_is_given_up() -> None:
    run = Asking(Told())
    run.asks(T + SETTLES_IN)
    run.answers(T + SECOND, b"20 21")
    assert run.ended.ended == "the venue's history does not reach it"
    late = Asking(Told(reaches_back=False))
    assert late.asks(T + SETTLES_IN) == []
    late.history.tick(T + SECOND)
    assert late.ended.ended == "older than what the venue's history tells"


def test_the_last_quarter_of_the_budget_is_left_to_snapshots() -> None:
    run = Asking(Told(), limit=4)
    for taken in range(3):
        run.bucket.take(T + taken)
    assert run.asks(T + SETTLES_IN) == [] and run.asks(T + 60 * SECOND) == ["https://bitfoo.example/1"]


def test_each_request_is_one_of_the_venues_budget() -> None:
    run = Asking(Told(), limit=1)
    assert run.bucket.free_at() == 0 and run.asks(T + SETTLES_IN)
    assert run.bucket.free_at() == T + SETTLES_IN + 60 * SECOND


@pytest.mark.parametrize(
    ("events", "commands", "why"),
    [
        ([Resync(None, "a gap in its count")], [], "a gap in its count"),
        ([Resync("btcusdt", "a book's own")], [], ""),
        ([], [Resync("btcusdt", "unreadable frame")], "a frame could not be read"),
        ([], [], ""),
        ([trade(3)], [Resync("btcusdt", "a book's own")], ""),
    ],
)
def test_what_may_have_lost_trades_where_ids_do_not_count(
    events: Sequence[object], commands: Sequence[object], why: str
) -> None:
    run = Asking(Told(consecutive=False), ids=(1, 2))
    assert run.hears(events, commands) == []
    assert run.hears([trade(9)]) == ([why] if why else [])


def test_a_connection_that_another_one_replaces_loses_no_trades() -> None:
    for replaced, whys in ((False, [f"{CONN} was closed"]), (True, [])):
        run = Asking(Told(consecutive=False), ids=(1, 2))
        run.history.happened(run.entry(Direction.OPEN, T))
        if replaced:
            run.history.happened(run.entry(Direction.OPEN, T, conn=twin(CONN)))
        run.history.happened(run.entry(Direction.CLOSE, T))
        assert run.hears([trade(9)]) == whys


def test_what_a_stranger_tells_of_another_symbol_is_no_history() -> None:
    plugin = replace(make(), trade_history=Told())
    run = Asking(Told())

    class Other(Told):
        def trades(self, symbol: str, response: HttpResponse) -> Sequence[Trade]:
            return [Trade("ethusdt", "1", "1", "1", Side.BUY, T)]

    entry = run.entry(Direction.HTTP, T, b"1", 200, f"{TRADES_OF}btcusdt")
    assert trades_of({plugin.venue: plugin}, entry) == ("btcusdt", (trade(1),))
    other = replace(plugin, trade_history=Other())
    for plugins in ({other.venue: other}, {}, {plugin.venue: replace(plugin, trade_history=None)}):
        with pytest.raises((ProtocolError, VenueError)):
            trades_of(plugins, entry)
    assert trades_of({plugin.venue: plugin}, run.entry(Direction.RECV, T, b"1")) is None


@pytest.mark.parametrize(("place", "wrong"), [(0, "8"), (1, "1.0"), (2, "2"), (3, "sell"), (4, T + 1)])
def test_the_kit_rejects_a_history_that_reads_anything_else_than_its_page_says(place: int, wrong: object) -> None:
    right = ("0", "1", "1", "buy", T)
    body, told = b"0 1", (right, ("1", "1", "1", "buy", T + 1))
    assert judge_history(make(), Told(), [HistorySample("btcusdt", body, "made up", told)]) == "1 answers: 2 trades"
    other = (*right[:place], wrong, *right[place + 1 :])
    with pytest.raises(AssertionError, match="expected"):
        judge_history(make(), Told(), [HistorySample("btcusdt", body, "made up", (other, told[1]))])  # type: ignore[arg-type]
