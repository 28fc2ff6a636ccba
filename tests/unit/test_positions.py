"""The arithmetic of a position, against sums done by hand and against the whole of its fills.

Enters: fills. Leaves: a verdict. Never: an expected value that the position computed.
"""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptopipe.model.facts import Side
from cryptopipe.sandbox.positions import GRAIN, Position, margin_for, share_of

D = Decimal
ONE = D(1)


def test_a_long_by_hand() -> None:
    """2 at 100 and 1 at 130: entry 110. 1.5 sold at 120 brings 15; the rest is worth 135 at 90, 30 less."""
    held = Position().opened(Side.BUY, D(2), D(200), D(20)).opened(Side.BUY, D(1), D(130), D(13))
    assert (held.size, held.entry(ONE), held.margin) == (3, 110, 33)
    held, closed = held.reduced(D("1.5"), D(180))
    assert (closed.profit, closed.margin) == (15, D("16.5"))
    assert (held.size, held.entry(ONE), held.margin, held.realised) == (D("1.5"), 110, D("16.5"), 15)
    assert held.unrealised(D(135)) == -30


def test_a_short_by_hand() -> None:
    """3 at 50, a third bought back at 60: a loss of 10; the rest is worth 2 x 40 = 80, which is 20 more."""
    held, closed = Position().opened(Side.SELL, D(3), D(150), D(15)).reduced(D(1), D(60))
    assert (held.size, closed.profit, closed.margin, held.margin) == (-2, -10, 5, 10)
    assert held.unrealised(D(80)) == 20


@pytest.mark.parametrize(
    ("side", "expected"),
    [
        # long 2 at 100 with a margin of 20, 1 % maintenance: at 90.90909… the loss is 18.18…, the margin left 1.81…,
        # 1 % of 181.81…
        (Side.BUY, Fraction(1000, 11)),
        # short: at 108.91089… the loss is 17.82…, left 2.17…, 1 % of 217.82…
        (Side.SELL, Fraction(11000, 101)),
    ],
)
def test_where_a_position_is_liquidated(side: Side, expected: Fraction) -> None:
    held = Position().opened(side, D(2), D(200), D(20))
    mark = held.liquidation(D("0.01"), ONE)
    assert mark is not None and abs(Fraction(mark) - expected) < Fraction(1, 10**8)
    safe, lost = (mark + D("0.01"), mark - D("0.01")) if side is Side.BUY else (mark - D("0.01"), mark + D("0.01"))
    assert not held.is_lost(2 * safe, held.margin, D("0.01"))
    assert held.is_lost(2 * lost, held.margin, D("0.01"))


def test_a_long_that_is_paid_in_full_is_never_liquidated() -> None:
    assert Position().opened(Side.BUY, D(2), D(200), D(200)).liquidation(D("0.01"), ONE) is None
    assert Position().liquidation(D("0.01"), ONE) is None


def test_one_contract_may_be_less_than_one_coin() -> None:
    """100 contracts of 0.01 at 500 are worth 500."""
    held = Position().opened(Side.BUY, D(100), D(500), D(50))
    assert held.entry(D("0.01")) == 500
    assert held.liquidation(D(0), D("0.01")) == 450


@pytest.mark.parametrize(
    ("value", "leverage", "margin"),
    [("100", "10", "10"), ("100", "3", "33.33333334"), ("0", "7", "0"), ("1", "1", "1")],
)
def test_the_first_margin_is_rounded_up(value: str, leverage: str, margin: str) -> None:
    assert margin_for(D(value), D(leverage)) == D(margin)


def test_a_share_is_rounded_down() -> None:
    assert share_of(D(100), D(1), D(3)) == D("33.33333333")
    assert share_of(D("0.000000001"), D(3), D(3)) == D("0.000000001")  # all of it is all of it


_fills = st.lists(
    st.tuples(st.sampled_from(list(Side)), st.integers(1, 50), st.integers(1, 10**6)), min_size=1, max_size=30
)


@given(_fills)
def test_profit_is_what_was_paid_and_got(fills: Sequence[tuple[Side, int, int]]) -> None:
    """At any time realised profit and the cost of what is open are the cash of all fills; no margin is lost."""
    held, cash, size, margins = Position(), D(0), D(0), D(0)
    for side, lots, ticks in fills:
        quantity, price, sign = lots * D("0.001"), ticks * D("0.1"), 1 if side is Side.BUY else -1
        closing = min(quantity, held.closable(side))
        if closing:
            held, closed = held.reduced(closing, closing * price)
            margins -= closed.margin
        if quantity > closing:
            value = (quantity - closing) * price
            held = held.opened(side, quantity - closing, value, margin_for(value, D(7)))
            margins += margin_for(value, D(7))
        cash, size = cash - sign * quantity * price, size + sign * quantity
        assert held.size == size
        assert held.realised == cash + (held.value if held.size > 0 else -held.value)
        assert held.margin == margins >= 0
        assert held.value >= 0 and (held.size != 0 or (held.value == 0 and held.margin == 0))


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=8), st.integers(1, 10**12), st.integers(1, 10**6))
def test_shares_never_come_to_more_than_the_whole(parts: Sequence[int], amount: int, rest: int) -> None:
    whole, total = sum(parts) + rest, amount * GRAIN / 7 if amount % 7 == 0 else amount * GRAIN
    given_out = [share_of(total, D(one), D(whole)) for one in parts]
    assert sum(given_out) <= total
    assert all(one <= total * part / whole < one + GRAIN for one, part in zip(given_out, parts, strict=True))
