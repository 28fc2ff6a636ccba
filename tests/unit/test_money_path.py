"""From frames to decisions and books of account: nothing is traded on a book whose stream is lost, nothing twice.

Two small venues speak a JSON of their own; every expected number is worked out by hand in the test.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest

from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.clock import MILLISECOND, SECOND
from cryptopipe.errors import ProtocolError
from cryptopipe.gate.gate import Limits, TradingMode
from cryptopipe.journal.log import MemoryLog
from cryptopipe.market.market import Market
from cryptopipe.market.sync import BookState
from cryptopipe.model.contracts import API_VERSION, ExchangePlugin
from cryptopipe.model.events import BookDelta, BookSnapshot, FeedEvent, TopUpdate
from cryptopipe.model.facts import Asset, FeeSchedule, Instrument, Kind, TradingRules, VenueId
from cryptopipe.model.stream import Connect, Link, Proof, Subscription, SyncRule
from cryptopipe.pipe import Pipe, PipeSettings
from cryptopipe_arbitrage.edges import pairs
from cryptopipe_arbitrage.settings import ArbitrageSettings
from cryptopipe_arbitrage.strategy import Arbitrage

pytestmark = pytest.mark.core

RULES = TradingRules(D("0.001"), D("0.1"), D("0.1"), D(0))
FREE = FeeSchedule.flat("0", "0", "test", "2026-11-21")


def link(last: int, delta: BookDelta) -> Link:
    return Link.APPLY if delta.version == last + 1 else Link.SKIP if delta.version <= last else Link.GAP


class Feed:
    """`["snapshot"|"delta"|"top"|"two", symbol, seq, bids, asks]`; a generator, as the contract allows."""

    rule = SyncRule(Proof.SEQUENCE, link, link, snapshot_by_request=False)

    def connect(self, subscriptions: Sequence[Subscription], auth: object, at: int) -> Connect:
        return Connect("wss://test.example")

    def decode(self, frame: bytes, received_at: int) -> Iterable[FeedEvent]:
        kind, symbol, seq, bids, asks = json.loads(frame)
        if kind == "bad":
            raise ProtocolError("unreadable")
        if kind == "top":
            (bid, bid_size), (ask, ask_size) = bids[0], asks[0]
            yield TopUpdate(symbol, bid, bid_size, ask, ask_size, seq, 0)
            return
        make = BookSnapshot if kind == "snapshot" else None
        texts = json.dumps(bids).encode(), json.dumps(asks).encode()
        yield make(symbol, *texts, seq, 0) if make else BookDelta(symbol, *texts, seq, seq, seq - 1, 0)


class Listed:
    """`X-Y` is X against Y; `X-Y.P` its perpetual; anything else is unknown."""

    def __init__(self, venue: VenueId) -> None:
        self._venue = venue

    def listed(self) -> Sequence[Instrument]:
        return ()

    def find(self, symbol: str) -> Instrument:
        base, mark, quote = symbol.removesuffix(".P").partition("-")
        if not mark:
            raise ProtocolError(f"not a pair: {symbol}")
        kind = Kind.LINEAR_PERPETUAL if symbol.endswith(".P") else Kind.SPOT
        return Instrument(self._venue, symbol, Asset(base), Asset(quote), kind, RULES)


def venue(name: str) -> ExchangePlugin:
    return ExchangePlugin(VenueId(name), API_VERSION, "https://test.example", Feed, Listed(VenueId(name)), FREE)


PLUGINS = {VenueId(name): venue(name) for name in ("a", "b")}
LIMITS = Limits(
    numeraire=Asset("USDT"),
    max_age=2 * SECOND,
    max_notional=D(100_000),
    max_unproven_notional=D(0),
    min_net_bps=D(0),
    min_profit=D("0.01"),
    max_edge_bps=D(5000),
    max_loss=D(500),
    max_residual=D(50),
)
SETTINGS = PipeSettings(LIMITS, 50 * MILLISECOND, dict.fromkeys(PLUGINS, FREE), lambda v, a: D(1_000_000), D(0))


class Run:
    """A pipe and the inputs given to it, one turn each, 10 ms apart."""

    def __init__(self, settings: PipeSettings = SETTINGS, log: MemoryLog | None = None, **strategy: Any) -> None:
        self.log = log or MemoryLog()
        plain = {"kinds": ("inventory", "cycle"), "skew_confidence": D("0.5")}
        strategy = {"restoring_bps": settings.restoring_bps, **plain, **strategy}
        self.pipe = Pipe(PLUGINS, Arbitrage(ArbitrageSettings(**strategy)), settings, self.log)
        self.seq, self.turn, self.at = 0, 0, SECOND
        self.one_turn = False

    def give(self, conn: str, payload: object, direction: Direction = Direction.RECV, after: int = 10) -> None:
        self.seq, self.at = self.seq + 1, self.at + after * MILLISECOND
        self.turn += not self.one_turn
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.pipe.receive(Input(self.seq, self.turn, self.at, direction, conn[0], conn, "", data))

    def book(self, conn: str, symbol: str, bid: object, ask: object, seq: int = 1, kind: str = "snapshot") -> None:
        self.give(conn, [kind, symbol, seq, [[str(bid), "10"]], [[str(ask), "10"]]])

    def state(self, name: str, symbol: str) -> BookState:
        return self.pipe.market.books[VenueId(name)][symbol].state

    def told(self, kind: str) -> list[dict[str, Any]]:
        records = [json.loads(line) for line in self.log.lines]
        return [record["body"] for record in records if record["kind"] == kind]


def test_what_was_eaten_does_not_return_by_a_resync() -> None:
    """10 X at 100 are bought; the stream breaks, and the venue, which knows nothing of us, shows the same 10 again."""
    run = Run()
    run.book("a1", "X-USDT", 99, 100)
    run.book("b1", "X-USDT", 110, 111)
    run.give("a1", ["delta", "X-USDT", 2, [["90", "1"]], []])
    run.give("b1", ["delta", "X-USDT", 2, [["91", "1"]], []], after=100)
    assert run.pipe.fills == 2
    for conn, bid, ask in (("a1", 99, 100), ("b1", 110, 111)):
        run.give(conn, ["delta", "X-USDT", 9, [], []])  # a gap
        run.book(conn, "X-USDT", bid, ask, 10)
    run.pipe.end_turn()
    run.give("a1", ["delta", "X-USDT", 11, [["90", "2"]], []], after=100)
    run.give("b1", ["delta", "X-USDT", 11, [["91", "2"]], []], after=100)
    run.give("a1", ["delta", "X-USDT", 12, [["90", "3"]], []], after=100)
    assert run.pipe.fills == 2


@pytest.mark.parametrize("first", ["top", "snapshot"])
def test_the_close_of_the_connection_that_feeds_a_book_ends_it_whoever_showed_it_first(first: str) -> None:
    run = Run()
    run.book("a1", "X-USDT", 99, 100, 1, first)
    run.give("a1", b"", Direction.CLOSE)
    run.book("a2", "X-USDT", 99, 100, 5)
    assert run.state("a", "X-USDT") is BookState.LIVE
    run.give("a2", b"", Direction.CLOSE)
    assert run.state("a", "X-USDT") is BookState.DEAD


def test_the_close_of_a_connection_that_only_quotes_leaves_the_depth_live() -> None:
    run = Run()
    run.book("a1", "X-USDT", 99, 100, 1, "top")
    run.book("a2", "X-USDT", 99, 100, 1)
    run.give("a1", b"", Direction.CLOSE)
    assert run.state("a", "X-USDT") is BookState.LIVE


def test_an_unreadable_frame_of_a_second_connection_unproves_its_books() -> None:
    run = Run()
    run.book("a1", "X-USDT", 99, 100)
    run.give("a1", b"", Direction.CLOSE)
    run.book("a2", "X-USDT", 99, 100, 5)
    run.give("a2", ["bad", "", 0, [], []])
    assert run.state("a", "X-USDT") is BookState.SYNCING


def test_a_frame_refused_while_its_events_are_read_ends_no_run() -> None:
    market = Market(PLUGINS)
    market.receive(Input(1, 1, 1, Direction.RECV, "a", "a1", "", b'["bad", "", 0, [], []]'))
    assert market.counts[VenueId("a")].refused == 1


def test_a_symbol_nobody_knows_leaves_the_other_books_of_its_connection_live() -> None:
    run = Run()
    run.book("a1", "X-USDT", 99, 100)
    run.book("a1", "WHAT", 99, 100)
    assert run.state("a", "X-USDT") is BookState.LIVE
    assert run.pipe.market.counts[VenueId("a")].refused == 1


def test_an_answer_that_no_book_asked_for_leaves_the_books_live() -> None:
    run = Run()
    run.book("a1", "X-USDT", 99, 100)
    run.book("a1", "Z-USDT", 99, 100)
    run.give("a1", b"{}", Direction.HTTP)
    assert run.state("a", "X-USDT") is BookState.LIVE


def test_a_book_opened_again_without_a_close_is_told_and_its_edge_ends() -> None:
    run = Run()
    run.book("a1", "X-USDT", 99, 100)
    run.book("b1", "X-USDT", 110, 111)
    run.pipe.end_turn()
    assert [record["phase"] for record in run.told("decided")] == ["open"]
    run.give("a1", b"", Direction.OPEN)
    run.pipe.end_turn()
    assert [record["state"] for record in run.told("book_changed")][-1] == "syncing"
    assert [record["phase"] for record in run.told("decided")] == ["open", "end"]


def test_of_edges_in_two_assets_the_more_valuable_is_taken() -> None:
    """2 USDT on one pair against 0.01 BTC, worth 490 USDT, on another: the greater number is the lesser value."""
    run = Run()
    run.book("a1", "BTC-USDT", 49_000, 49_001)
    run.pipe.end_turn()
    run.book("b1", "X-USDT", "100.2", 101)
    run.book("b1", "Z-BTC", "0.011", "0.012")
    run.pipe.end_turn()
    run.book("a1", "X-USDT", 99, 100)
    run.one_turn = True
    run.book("a1", "Z-BTC", "0.009", "0.01")
    run.pipe.end_turn()
    accepted = [record["edge"] for record in run.told("decided") if record["accepted"]]
    assert accepted == ["two_venue a:Z-BTC b:Z-BTC"]


def test_a_size_that_its_balance_pays_only_at_the_average_price_is_made_smaller_not_refused() -> None:
    """10 X at 100 and 10 at 102 are offered, 2020 USDT at hand. An order of 20 may cost up to 2040: 19.8 is sent."""
    settings = replace(SETTINGS, opening=lambda v, a: D(2020) if a == "USDT" else D(1_000_000))
    run = Run(settings, concede=D(0))
    run.give("a1", ["snapshot", "X-USDT", 1, [], [["100", "10"], ["102", "10"]]])
    run.give("a1", ["delta", "X-USDT", 2, [["99", "1"]], []])
    run.give("b1", ["snapshot", "X-USDT", 1, [["110", "100"]], [["111", "100"]]])
    run.pipe.end_turn()
    assert [(order["quantity"], order["limit"]) for order in run.told("intended")] == [("19.8", "102"), ("19.8", "110")]


def test_a_restoring_cost_is_never_taken_for_another_asset() -> None:
    """The edge is in BTC; the book that prices BTC closes before the orders arrive."""
    run = Run(replace(SETTINGS, restoring_bps=D(100)), stake={"BTC": D(10)})
    run.book("a1", "BTC-USDT", 50_000, 50_001)
    run.book("b1", "Z-BTC", "0.012", "0.023")
    run.book("a2", "Z-BTC", "0.009", "0.01")
    run.pipe.end_turn()
    run.give("a1", b"", Direction.CLOSE)
    run.pipe.end_turn()
    run.give("b1", ["delta", "Z-BTC", 2, [["0.001", "1"]], []], after=100)
    (ended,) = run.told("plan_ended")
    assert D(ended["restoring"]) == D(10) * D("0.01") * D("0.01") * 50_000  # 10 Z at 0.01 BTC, 1 %, the bid of then


def test_a_price_missing_when_a_plan_ends_stops_trading_only_until_it_is_back() -> None:
    run = Run()
    run.book("a1", "X-USDT", 99, 100)
    run.book("b1", "X-USDT", 110, 111)
    run.pipe.end_turn()
    run.pipe.state.loss = None  # what a plan's end leaves where something traded has no price
    run.give("a1", ["delta", "X-USDT", 2, [["90", "1"]], []], after=100)
    run.give("a1", ["delta", "X-USDT", 3, [], [["100", "12"]]], after=100)
    run.give("b1", ["delta", "X-USDT", 2, [["110", "12"]], []])
    run.pipe.end_turn()
    assert run.pipe.state.loss is not None and run.pipe.state.mode is TradingMode.ACTIVE


def test_a_venue_of_perpetuals_opens_no_inventory_of_their_base() -> None:
    run = Run()
    run.book("a1", "X-USDT.P", 99, 100)
    run.pipe.end_turn()
    assert run.pipe.ledger.balance(VenueId("a"), Asset("USDT")) == 1_000_000
    assert run.pipe.ledger.balance(VenueId("a"), Asset("X")) == 0


def test_the_inputs_of_a_venue_that_is_left_out_change_nothing() -> None:
    run = Run()
    run.book("c1", "X-USDT", 99, 100)
    for direction in (Direction.OPEN, Direction.HTTP, Direction.CLOSE):
        run.give("c1", b"", direction)
    run.book("a1", "X-USDT", 99, 100)
    run.pipe.end_turn()
    assert run.state("a", "X-USDT") is BookState.LIVE
    assert list(run.pipe.finish("test").venues) == ["a", "b"]


def test_one_market_in_two_spellings_is_no_pair_of_markets() -> None:
    xbt, btc = (Instrument(VenueId("a"), symbol, Asset("BTC"), Asset("USD")) for symbol in ("XBT/USD", "BTC/USD"))
    assert pairs([xbt, btc], {"USD": 1}) == []


def test_three_sales_have_a_largest_edge_too() -> None:
    """A/USDT, and so on round: every step of the cycle sells."""
    run = Run(stake={"USDT": D(100)})
    for symbol in ("USDT-A", "A-B", "B-USDT"):
        run.book("a1", symbol, "1.01", "1.02")
    summary = run.pipe.finish("test")
    assert summary.gross is not None and summary.gross.bps == (D("1.01") ** 3 - 1) * 10_000


def halts(run: Run) -> list[str]:
    return [record["reason"] for record in run.told("halted")]


def crossed(run: Run) -> Run:
    """10 X offered at 100 on a, asked for at 110 on b: both orders are on their way."""
    run.book("a1", "X-USDT", 99, 100)
    run.book("b1", "X-USDT", 110, 111)
    run.pipe.end_turn()
    return run


def test_orders_meet_the_book_of_when_they_arrive_and_a_leg_left_alone_halts_for_good() -> None:
    run = crossed(Run())
    run.give("a1", ["delta", "X-USDT", 2, [], [["100", "0"]]])  # gone before the 50 ms are over
    run.give("b1", ["delta", "X-USDT", 2, [["91", "1"]], []], after=100)
    assert [(fill["instrument"], fill["quantity"]) for fill in run.told("filled")] == [("b:X-USDT", "10")]
    assert [record["reason"] for record in run.told("halted")] == [
        "residual after plan 1: -10 X, worth 1110.00 USDT, above risk.max_residual (50 USDT)"
    ]
    run.book("a1", "X-USDT", 99, 100, 3)
    run.book("b1", "X-USDT", 120, 121, 3)
    run.pipe.end_turn()
    assert len(run.told("intended")) == 2
    assert "mode" in {r["check"] for r in run.told("decided")[-1]["reasons"] if not r["passed"]}


def test_a_leg_left_alone_without_a_price_halts() -> None:
    run = crossed(Run(replace(SETTINGS, limits=replace(LIMITS, max_residual=D(10**9)))))
    run.give("a1", ["delta", "X-USDT", 2, [], [["100", "0"]]])
    run.give("b1", ["delta", "X-USDT", 2, [], [["111", "0"]]])  # what is owed cannot be bought anywhere
    run.give("b1", ["delta", "X-USDT", 3, [["91", "1"]], []], after=100)
    assert [record["reason"] for record in run.told("halted")] == [
        "residual after plan 1: -10 X, has no price in USDT, so risk.max_residual (1000000000 USDT) cannot be kept"
    ]


def test_a_loss_is_measured_at_the_price_at_which_what_is_owed_can_be_bought() -> None:
    """10 X sold at 110 and to be bought back at 111 are a loss of 10."""
    run = crossed(Run(replace(SETTINGS, limits=replace(LIMITS, max_residual=D(10**9), max_loss=D(10)))))
    run.give("a1", ["delta", "X-USDT", 2, [], [["100", "0"]]])
    run.give("b1", ["delta", "X-USDT", 2, [["110", "20"]], []], after=30)
    run.give("b1", ["delta", "X-USDT", 3, [["91", "1"]], []], after=100)
    assert [record["reason"] for record in run.told("halted")] == [
        "loss 10.00 USDT at or above risk.max_loss (10 USDT)"
    ]


def test_intents_are_durable_before_an_order_is_on_its_way() -> None:
    class Noted(MemoryLog):
        durable = 0

        def sync(self) -> None:
            self.durable = len(self.lines)

    log = Noted()
    crossed(Run(log=log))
    assert [json.loads(line)["kind"] for line in log.lines[-2:]] == ["intended", "intended"]
    assert log.durable == len(log.lines)


def test_an_opening_balance_is_booked_once_however_many_markets_share_it() -> None:
    run = Run()
    for symbol in ("X-USDT", "Z-USDT"):
        run.book("a1", symbol, 99, 100)
        run.pipe.end_turn()
    assert run.pipe.ledger.balance(VenueId("a"), Asset("USDT")) == 1_000_000


def test_value_is_told_in_three_lines_and_dust_is_worth_nothing() -> None:
    """10 X cost 1000 on a, which keeps 0.03 of them; 9.9 bring 1089 on b; 0.07 are dust; 1 % of 1000 is restored."""
    kept = FeeSchedule.flat("0.003", "0.003", "test", "2026-11-21", "received")
    fees = {VenueId("a"): kept, VenueId("b"): FREE}
    run = crossed(Run(replace(SETTINGS, fees=fees, restoring_bps=D(100))))
    run.give("b1", ["delta", "X-USDT", 2, [["110", "0"], ["108", "1"]], []], after=100)  # the bid was 110 at first
    run.pipe.end_turn()
    assert run.pipe.ledger.profit() == {Asset("USDT"): D(89), Asset("X"): D("0.07")}
    assert run.pipe.ledger.balance(VenueId("a"), Asset("X")) == 1_000_000 + D("9.97")
    (ended,) = run.told("plan_ended")
    assert D(ended["dust"]["X"]) == D("0.07") and ended["exposure"] == {}
    value = run.pipe.finish("test").value
    assert (value.trading, value.restoring) == (D(89), D(-10))
    assert value.revaluation == 2_000_000 * (D(108) - D(99))  # a's bid was the first executable price


def test_a_quote_older_than_the_gate_allows_raises_no_best_edge() -> None:
    run = Run()
    run.book("a1", "X-USDT", 99, 100)
    run.give("b1", ["snapshot", "X-USDT", 1, [["110", "1"]], [["111", "1"]]], after=3_000)
    summary = run.pipe.finish("test")
    assert (summary.found, summary.accepted, summary.gross) == (1, 0, None)


def test_a_quote_that_cannot_be_compared_with_the_depth_is_not_the_top() -> None:
    run = Run()
    run.book("a1", "X-USDT", 99, 100)
    sync = run.pipe.market.books[VenueId("a")]["X-USDT"]
    fresh = sync.last_frame_at
    run.book("a1", "X-USDT", 105, 106, 0, "top")
    assert sync.book.top is not None and (sync.book.top.bid, sync.book.top.ask) == (D(99), D(100))
    assert sync.last_frame_at == fresh  # nor does it make the depth look younger


def test_exposure_of_several_plans_adds_up_to_a_halt() -> None:
    """-10 X owed at 111 twice: each plan's residual is below 1500, both together are not."""
    run = crossed(Run(replace(SETTINGS, limits=replace(LIMITS, max_residual=D(1500), max_loss=D(10**6)))))
    run.give("a1", ["delta", "X-USDT", 2, [], [["100", "0"]]])
    run.give("b1", ["delta", "X-USDT", 2, [["91", "1"]], []], after=100)
    assert run.told("halted") == []
    run.book("a1", "X-USDT", 99, 100, 3)
    run.book("b1", "X-USDT", 120, 121, 3)
    run.pipe.end_turn()
    run.give("a1", ["delta", "X-USDT", 4, [], [["100", "0"]]])
    run.give("b1", ["delta", "X-USDT", 4, [["91", "1"]], []], after=100)
    assert [record["reason"] for record in run.told("halted")] == [
        "residual after plan 2: -20 X, worth 2420.00 USDT, above risk.max_residual (1500 USDT)"
    ]
    assert run.pipe.finish("test").exposure == {"X": D(-20)}
