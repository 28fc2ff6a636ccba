"""Paper execution and the books of account: nothing is taken twice, nothing appears from nowhere."""

from decimal import Decimal as D
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cryptopipe.act.ledger import Ledger
from cryptopipe.act.paper import PaperVenue, TakenLiquidity
from cryptopipe.act.plan import Plan
from cryptopipe.errors import LedgerError
from cryptopipe.market.sync import BookSync
from cryptopipe.model.events import BookDelta, BookSnapshot
from cryptopipe.model.facts import Asset, Fee, FeeSchedule, Instrument, Side, TradingRules, VenueId
from cryptopipe.model.stream import Proof, SyncRule, apply_always
from cryptopipe.model.trading import Decision, Fill, Leg, Opportunity, Order

pytestmark = pytest.mark.core

RULE = SyncRule(Proof.NONE, apply_always, apply_always, snapshot_by_request=False)
RULES = TradingRules(D("0.1"), D("0.1"), D("0.1"), D(0))
XY = Instrument(VenueId("a"), "XY", Asset("X"), Asset("Y"), rules=RULES)
ZY = Instrument(VenueId("b"), "XY", Asset("X"), Asset("Y"), rules=RULES)
FREE = FeeSchedule.flat("0", "0", "test", "2026-11-21")


def book(asks: str, bids: str = "[]", instrument: Instrument = XY) -> BookSync:
    sync = BookSync(instrument, RULE)
    sync.snapshot(BookSnapshot("XY", bids.encode(), asks.encode(), 1, 0), 1)
    return sync


def change(sync: BookSync, liquidity: TakenLiquidity, asks: str) -> None:
    sync.delta(BookDelta("XY", b"[]", asks.encode(), 0, 2, 0, 0), 2)
    liquidity.observe(sync)


def buy(quantity: str, limit: str = "200", name: str = "d1-1") -> Order:
    return Order(name, 1, XY, Side.BUY, D(quantity), D(limit))


def taken(fills: list[Fill]) -> list[tuple[D, D]]:
    return [(fill.price, fill.quantity) for fill in fills]


def test_an_order_takes_what_is_displayed_up_to_its_limit() -> None:
    sync, liquidity = book('[["100","2"],["101","3"],["103","9"]]'), TakenLiquidity()
    fills = PaperVenue(liquidity).execute(buy("10", "102"), sync, FREE, 5)
    assert taken(fills) == [(D(100), D(2)), (D(101), D(3))]


def test_what_was_eaten_stays_gone_until_the_venue_changes_that_level() -> None:
    sync, liquidity = book('[["100","2"]]'), TakenLiquidity()
    venue = PaperVenue(liquidity)
    assert taken(venue.execute(buy("1.5"), sync, FREE, 5)) == [(D(100), D("1.5"))]
    assert taken(venue.execute(buy("5"), sync, FREE, 6)) == [(D(100), D("0.5"))]
    change(sync, liquidity, '[["105","1"]]')  # another level: nothing returns
    assert taken(venue.execute(buy("5"), sync, FREE, 7)) == [(D(105), D(1))]


@pytest.mark.parametrize(
    ("sizes", "left"),
    [
        (["12"], "4"),  # 10 shown, 8 eaten, 2 more shown: 2 + 2
        (["5"], "0"),  # a decrease may have been ours
        (["5", "9"], "4"),  # and only the increase after it returns
        (["0", "9"], "9"),  # the level went and came again: new
        (["9"], "1"),
    ],
)
def test_only_an_increase_returns(sizes: list[str], left: str) -> None:
    sync, liquidity = book('[["100","10"]]'), TakenLiquidity()
    venue = PaperVenue(liquidity)
    venue.execute(buy("8"), sync, FREE, 5)
    for size in sizes:
        change(sync, liquidity, f'[["100","{size}"]]')
    assert sum((q for _, q in taken(venue.execute(buy("99"), sync, FREE, 6))), D(0)) == D(left)


def test_a_book_that_is_not_live_fills_nothing() -> None:
    sync = book('[["100","2"]]')
    sync.lose("test")
    assert PaperVenue(TakenLiquidity()).execute(buy("1"), sync, FREE, 5) == []


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 30)), max_size=8))
def test_never_more_is_taken_than_was_ever_displayed(steps: list[tuple[int, int]]) -> None:
    """At one level: the sum of fills is at most the first size plus every increase."""
    sync, liquidity = book('[["100","10"]]'), TakenLiquidity()
    venue, displayed, shown, got = PaperVenue(liquidity), 10, 10, D(0)
    for order, size in steps:
        got += sum((q for _, q in taken(venue.execute(buy(str(order)), sync, FREE, 5))), D(0))
        change(sync, liquidity, f'[["100","{size}"]]')
        displayed += max(0, size - shown)
        shown = size
    assert got <= displayed


AMOUNTS = st.decimals(min_value=D("0.00000001"), max_value=D(10**6), places=8)


@given(st.lists(st.tuples(st.sampled_from([Side.BUY, Side.SELL]), AMOUNTS, AMOUNTS, AMOUNTS), max_size=6))
@example([(Side.BUY, D("999999.50000361"), D("999999.50000365"), D("999999.49000363"))])
def test_balances_are_the_sum_of_fills_and_fees(trades: list[tuple[Side, D, D, D]]) -> None:
    """Beyond the 28 digits of a sum of decimals too: fractions are exact."""
    ledger = Ledger()
    ledger.open(VenueId("a"), {Asset("X"): D(5), Asset("Y"): D(7)})
    x, y = Fraction(5), Fraction(7)
    for side, price, quantity, fee in trades:
        entries = ledger.fill(Fill("c", XY, side, price, quantity, Fee(fee, Asset("Y")), 1))
        for asset in {entry[1] for entry in entries}:
            assert sum(amount for _, a, amount in entries if a == asset) == 0
        sign = 1 if side is Side.BUY else -1
        cost = sign * Fraction(price) * Fraction(quantity)
        x, y = x + sign * Fraction(quantity), y - cost - Fraction(fee)
    assert (ledger.balance(VenueId("a"), Asset("X")), ledger.balance(VenueId("a"), Asset("Y"))) == (x, y)
    assert ledger.profit() == {a: v for a, v in {Asset("X"): x - 5, Asset("Y"): y - 7}.items() if v}


def test_a_transaction_that_does_not_balance_books_nothing() -> None:
    ledger = Ledger()
    with pytest.raises(LedgerError, match="does not sum to zero"):
        ledger.post([("wallet:a", Asset("X"), D(1)), ("market:a", Asset("X"), D("-0.9"))])
    assert ledger.balance(VenueId("a"), Asset("X")) == 0


def _plan(sold_on: Instrument = ZY) -> Plan:
    legs = (
        Leg(XY, Side.BUY, D("1.0"), D(100), D(100), Fee(D(0), Asset("X"))),
        Leg(sold_on, Side.SELL, D("1.0"), D(101), D(101), Fee(D(0), Asset("Y"))),
    )
    opportunity = Opportunity("e", legs, D(100), D(100), (), {}, D(1), Asset("Y"), D(100), ())
    return Plan.of(Decision(7, opportunity, True, (), 1))


def test_a_residual_below_a_lot_is_dust_and_one_above_is_exposure() -> None:
    plan = _plan()
    plan.fills.append(Fill("d7-1", XY, Side.BUY, D(100), D("1.0"), Fee(D("0.01"), Asset("X")), 1))
    plan.fills.append(Fill("d7-2", ZY, Side.SELL, D(101), D("0.9"), Fee(D(0), Asset("Y")), 1))
    assert plan.split() == ({Asset("X"): D("0.09")}, {})
    plan.fills.pop()
    assert plan.split() == ({}, {Asset("X"): D("0.99")})
    assert [order.client_id for order in plan.orders] == ["d7-1", "d7-2"]


def test_owing_is_exposure_however_small() -> None:
    plan = _plan()
    plan.fills.append(Fill("d7-2", ZY, Side.SELL, D(101), D("0.01"), Fee(D(0), Asset("Y")), 1))
    assert plan.split() == ({}, {Asset("X"): D("-0.01")})


def test_an_unfilled_rest_below_the_coarser_lot_is_exposure() -> None:
    """Bought in tenths, sold in halves: 0.4 left over by the market can be sold again where it was bought."""
    coarse = Instrument(
        VenueId("b"), "XY", Asset("X"), Asset("Y"), rules=TradingRules(D("0.1"), D("0.5"), D("0.5"), D(0))
    )
    plan = _plan(coarse)
    plan.fills.append(Fill("d7-1", XY, Side.BUY, D(100), D("1.0"), Fee(D(0), Asset("X")), 1))
    plan.fills.append(Fill("d7-2", coarse, Side.SELL, D(101), D("0.6"), Fee(D(0), Asset("Y")), 1))
    assert plan.split() == ({}, {Asset("X"): D("0.4")})
