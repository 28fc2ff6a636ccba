"""Exact arithmetic: what is rounded says so, and the direction has a name."""

from decimal import Decimal as D
from decimal import Inexact, InvalidOperation, getcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptopipe.model.facts import ceil_to, floor_to
from cryptopipe.model.money import amount_of, exact, in_bps, number_of, plain, ratio, rounded

pytestmark = pytest.mark.core

amounts = st.decimals(min_value=-(10**12), max_value=10**12, places=18)
steps = st.decimals(min_value=D("1e-12"), max_value=D(1000), places=12).filter(bool)


@given(steps, amounts)
def test_floor_is_the_greatest_multiple_at_or_below(step: D, value: D) -> None:
    floor = floor_to(step, value)
    assert Fraction(floor) / Fraction(step) == Fraction(value) // Fraction(step)
    assert Fraction(floor) <= Fraction(value) < Fraction(floor) + Fraction(step)


@given(steps, amounts)
def test_ceil_mirrors_floor_and_both_stay_on_the_grid(step: D, value: D) -> None:
    floor, ceil = floor_to(step, value), ceil_to(step, value)
    assert Fraction(ceil) - Fraction(step) < Fraction(value) <= Fraction(ceil)
    assert floor_to(step, floor) == floor == ceil_to(step, floor)
    assert Fraction(ceil) - Fraction(floor) in (0, Fraction(step))


@pytest.mark.parametrize(
    ("step", "value", "floor", "ceil"),
    [
        ("0.01", "1.005", "1.00", "1.01"),
        ("0.01", "-1.005", "-1.01", "-1.00"),
        ("0.5", "0.5", "0.5", "0.5"),
        ("3", "0", "0", "0"),
        ("0.00000001", "0.123456789012345678", "0.12345678", "0.12345679"),
        ("7", "1000000000000000000000000000000000", "999999999999999999999999999999994", None),
    ],
)
def test_rounding_by_hand(step: str, value: str, floor: str, ceil: str | None) -> None:
    assert floor_to(D(step), D(value)) == D(floor)
    if ceil is not None:
        assert ceil_to(D(step), D(value)) == D(ceil)


def test_rounding_up_is_exact_beyond_the_digits_of_the_context() -> None:
    """Tokens have 18 decimals: an amount with 35 digits is above its multiple by one unit in the last place."""
    value = D("12345678901234567.000000000000000001")
    assert ceil_to(D("0.001"), value) == D("12345678901234567.001")
    assert ceil_to(D("1e-18"), value) == value == floor_to(D("1e-18"), value)


@pytest.mark.parametrize("step", ["0", "-0.1"])
def test_a_step_is_above_zero(step: str) -> None:
    for rounding in (floor_to, ceil_to):
        with pytest.raises(ValueError, match="a step is above zero"):
            rounding(D(step), D(1))


@given(st.lists(amounts, max_size=20), amounts)
def test_exact_sums_and_products_are_exact(many: list[D], factor: D) -> None:
    with exact():
        total = sum(many, D(0)) * factor
    assert Fraction(total) == sum(map(Fraction, many), Fraction(0)) * Fraction(factor)


def test_what_would_be_rounded_raises() -> None:
    before = getcontext().prec
    with exact(), pytest.raises(Inexact):
        D(1) / D(3)
    with exact(), pytest.raises(InvalidOperation):
        D("nan") + D("snan")
    assert getcontext().prec == before, "outside, nothing has changed"


@given(amounts, amounts.filter(bool))
def test_a_ratio_has_twelve_digits_whatever_the_context(part: D, whole: D) -> None:
    got = ratio(part, whole)
    assert len(got.as_tuple().digits) <= 12
    want = Fraction(part) / Fraction(whole)
    assert abs(Fraction(got) - want) <= abs(want) * Fraction(1, 2 * 10**11)
    with exact():
        assert ratio(part, whole) == got
    assert abs(Fraction(in_bps(part, whole)) - want * 10_000) <= abs(want) * Fraction(10_000, 10**11)


def test_a_ratio_to_nothing_raises() -> None:
    with pytest.raises(ArithmeticError):
        ratio(D(1), D(0))


@given(amounts)
def test_plain_text_is_the_same_amount_at_its_shortest(amount: D) -> None:
    text = plain(amount)
    assert D(text) == amount
    assert "E" not in text.upper()
    assert "." not in text or text[-1] not in "0."
    assert plain(D(text)) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [("0E-8", "0"), ("-0.00", "0"), ("1E+3", "1000"), ("1.50", "1.5"), ("100", "100"), ("-0.10", "-0.1"),
     ("1E-18", "0.000000000000000001")],
)  # fmt: skip
def test_plain_by_hand(amount: str, text: str) -> None:
    assert plain(D(amount)) == text


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-inf", "much", " ", "1,5"])
def test_what_is_no_finite_number_is_not_read(text: str) -> None:
    for read in (number_of, amount_of):
        with pytest.raises((ValueError, InvalidOperation)):
            read(text)


def test_numbers_of_a_venue_by_hand() -> None:
    assert number_of("-0.00010") == D("-0.0001") and str(amount_of("0.00010")) == "0.00010"
    assert amount_of("") is None and amount_of("0") == 0
    with pytest.raises(ValueError, match="not an amount at or above zero: '-1'"):
        amount_of("-1")
    with pytest.raises(InvalidOperation):
        number_of("")


@pytest.mark.parametrize(
    ("value", "text"), [(0.1 + 0.2, "0.300000000000"), (1e15 + 0.3, "1.00000000000E+15"), (-2 / 3, "-0.666666666667")]
)
def test_a_float_that_decides_has_twelve_digits(value: float, text: str) -> None:
    assert str(rounded(value)) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_float_that_is_no_number_decides_nothing(value: float) -> None:
    with pytest.raises(ValueError, match="not a finite number"):
        rounded(value)
