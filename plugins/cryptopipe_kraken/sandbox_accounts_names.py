"""What the simulated Kraken calls its orders, executions, ledger lines and transfers, and how it writes amounts.

Enters: the desk's numbers, amounts, times. Leaves: ids of the venue's shapes, one for each number and back; decimals
with at least the digits of the venue. Never: an amount that is cut: the desk's finer digits are written as well, so
that every account can be proven to the last unit (the real venue cuts costs, fees and balances).

Shapes as in answers kept by public clients (JKorf/Kraken.Net and ccxt, 2026-11-21): `OQCLML-BW3P3-BUCMWZ` for orders,
`THVRQM-33VKH-UCI7BS` for executions, `L4UESK-KG3EQ-UFO4T5` for ledger lines, `AGBSO6T-UFMTTQ-I7KGS6` for transfers.
"""

from decimal import Context, Decimal

import msgspec

from cryptopipe.api import Nanos, exact, floor_to, plain
from cryptopipe_kraken.sandbox_text import SECOND

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SPREAD = 4_951_760_154_835_678_088_235_319_297  # shares no factor with 36
_LARGEST = 1 << 48
_MEAN = Context(prec=28)
_GRAIN = Decimal("0.00000001")


class Ids:
    """The ids of one kind: a letter and groups of digits in base 36, another for every number from 1."""

    def __init__(self, letter: str, *groups: int) -> None:
        """`groups` are the lengths of the parts after the letter; the first stands with it."""
        self._letter, self._groups = letter, groups
        self._size = sum(groups)
        self._whole: int = 36**self._size
        self._salt = _SPREAD * ord(letter) ** 3
        self._back = pow(_SPREAD, -1, self._whole)

    def text(self, number: int) -> str:
        """`OQCLML-BW3P3-BUCMWZ`."""
        rest, digits = (number * _SPREAD + self._salt) % self._whole, ""
        for _ in range(self._size):
            rest, digit = divmod(rest, 36)
            digits += _DIGITS[digit]
        parts = []
        for length in self._groups:
            parts.append(digits[:length])
            digits = digits[length:]
        return self._letter + "-".join(parts)

    def number(self, text: str) -> int:
        """The number of a text; 0 for one that the venue never made."""
        parts = text.split("-")
        if [len(part) for part in parts] != [self._groups[0] + 1, *self._groups[1:]] or parts[0][0] != self._letter:
            return 0
        value = 0
        for digit in reversed("".join(parts)[1:]):
            place = _DIGITS.find(digit)
            if place < 0:
                return 0
            value = value * 36 + place
        number = (value - self._salt) * self._back % self._whole
        return number if 0 < number < _LARGEST else 0


ORDERS = Ids("O", 5, 5, 6)
TRADES = Ids("T", 5, 5, 6)
LEDGER = Ids("L", 5, 5, 6)
WITHDRAWALS = Ids("A", 6, 6, 6)
DEPOSITS = Ids("Q", 6, 6, 6)
MOVES = Ids("B", 6, 6, 6)


def padded(amount: Decimal, places: int) -> str:
    """With at least so many decimals, and all that it has: `0.10000000`."""
    text = plain(amount)
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction.ljust(places, '0')}" if places else text


def mean(spent: Decimal, filled: Decimal, places: int) -> str:
    """The average price, rounded to so many decimals; zero before the first execution."""
    price = _MEAN.divide(spent, filled) if filled else Decimal(0)
    return f"{price:.{places}f}"


def decimals(value: Decimal) -> int:
    """Meaningful decimals: 2 of `80.4700`."""
    exponent = value.normalize().as_tuple().exponent
    assert isinstance(exponent, int), "an amount is finite"
    return max(0, -exponent)


def seconds(at: Nanos) -> msgspec.Raw:
    """A JSON number: `1688666559.897400`."""
    whole, rest = divmod(at, SECOND)
    return msgspec.Raw(f"{whole}.{rest // 1000:06d}".encode())


def cost_of(price: Decimal, size: Decimal) -> Decimal:
    """What an execution moved of the quote currency: to the eighth decimal, rounded down, as the desk keeps it."""
    with exact():
        return floor_to(_GRAIN, price * size)
