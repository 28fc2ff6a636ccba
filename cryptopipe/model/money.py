"""Exact arithmetic, and the one place where a ratio is rounded.

Enters: decimals. Leaves: exact sums and products, ratios to 12 significant digits. Never: a silent rounding: inside
`exact()` an inexact result raises `decimal.Inexact`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow, localcontext
from math import isfinite

_EXACT = Context(prec=400, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])
_RATIO = Context(prec=12, traps=[InvalidOperation, DivisionByZero, Overflow])
BPS = Decimal(10_000)


@contextmanager
def exact() -> Iterator[None]:
    """Sums and products of money: whatever would be rounded raises `decimal.Inexact` instead."""
    with localcontext(_EXACT):
        yield


def ratio(numerator: Decimal, denominator: Decimal) -> Decimal:
    """Quotient to 12 significant digits: for reports and thresholds, never for an amount. Raises on zero."""
    return _RATIO.divide(numerator, denominator)


def in_bps(part: Decimal, whole: Decimal) -> Decimal:
    """`part` in basis points of `whole`, to 12 significant digits."""
    return _RATIO.multiply(_RATIO.divide(part, whole), BPS)


def rounded(value: float) -> Decimal:
    """A float that reaches a decision, to 12 significant digits: the last bits may differ between machines.
    Raises `ValueError` for one that is not finite.
    """
    if not isfinite(value):
        raise ValueError(f"not a finite number: {value}")
    return _RATIO.create_decimal_from_float(value)


def readable(amount: Decimal) -> str:
    """For a person's eyes: thousands apart; two decimals, below 10 five digits, never beyond the eighth decimal:
    `12,345.68`, `0.0012346`. Rounded, so never to be read again.
    """
    if amount and abs(amount) < Decimal("0.000000005"):
        return f"{amount:.1e}"
    places = 2 if abs(amount) >= 10 or not amount else min(8, 4 - amount.adjusted())
    text = f"{amount:,.{places}f}"
    return text if places == 2 else text[:-places] + text[-places:].rstrip("0").ljust(2, "0")


def plain(amount: Decimal) -> str:
    """The amount without exponent and without trailing zeros: `0.0001`, `61837.6`, `0`."""
    text = f"{amount:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def number_of(text: str) -> Decimal:
    """What a venue writes. Raises `ValueError` for one that is not finite, `decimal.InvalidOperation` for no number."""
    number = Decimal(text)
    if not number.is_finite():
        raise ValueError(f"not a finite number: {text!r}")
    return number


def amount_of(text: str) -> Decimal | None:
    """What a venue writes, None for nothing. Raises `ValueError` below zero, and as `number_of` does."""
    if not text:
        return None
    amount = number_of(text)
    if amount < 0:
        raise ValueError(f"not an amount at or above zero: {text!r}")
    return amount
