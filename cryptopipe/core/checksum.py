"""The texts of which venues send the CRC-32, in plain Python.

Enters: levels or orders of each side, best first. Leaves: a text. Never: a number in another text
than the venue's.

- `crc_mantissas`: price and size without point and leading zeros, asks, then bids.
- `crc_interleaved`: `price:size` of a bid, of an ask, of the next bid, …, as written.
- `crc_interleaved_signed`: the same with an ask's size negative and numbers as JavaScript prints them.
- `crc_order_mantissas`: as `crc_mantissas`, order by order in the queues of the covered prices.
- `crc_order_ids_signed`: `id:size` of a bid, of an ask, …, sizes as in `crc_interleaved_signed`, at one price in
  the order of the ids as whole numbers; it covers so many orders a side, and not prices.

Which venue documents which, and where: docs/checksums.md.
"""

from collections.abc import Callable, Sequence
from itertools import chain, zip_longest

from cryptopipe.core.number import SCALE, Number

Level = tuple[Number, Number]
Order = tuple[str, Number, Number]


def as_javascript(number: Number) -> str:
    """The shortest text of a value, with an exponent below 10⁻⁶ (ECMA-262, Number::toString)."""
    whole, fraction = divmod(number.units, 10**SCALE)
    if 0 < number.units < 10 ** (SCALE - 6):
        digits = str(fraction).rstrip("0")
        point = f".{digits[1:]}" if digits[1:] else ""
        return f"{digits[0]}{point}e-{SCALE + 1 - len(str(fraction))}"
    return f"{whole}.{fraction:0{SCALE}}".rstrip("0").rstrip(".")


def _interleaved(bids: list[str], asks: list[str]) -> str:
    return ":".join(text for text in chain.from_iterable(zip_longest(bids, asks)) if text is not None)


def _mantissas(bids: Sequence[Level], asks: Sequence[Level]) -> str:
    return "".join([price.digits + size.digits for price, size in [*asks, *bids]])


def _pairs(bids: Sequence[Level], asks: Sequence[Level]) -> str:
    return _interleaved(*([f"{price.text}:{size.text}" for price, size in side] for side in (bids, asks)))


def _signed_pairs(bids: Sequence[Level], asks: Sequence[Level]) -> str:
    texts = [[(as_javascript(price), as_javascript(size)) for price, size in side] for side in (bids, asks)]
    return _interleaved(
        [f"{price}:{size}" for price, size in texts[0]], [f"{price}:-{size}" for price, size in texts[1]]
    )


def _order_mantissas(bids: Sequence[Order], asks: Sequence[Order]) -> str:
    return "".join([price.digits + size.digits for _, price, size in [*asks, *bids]])


def _signed_ids(bids: Sequence[Order], asks: Sequence[Order]) -> str:
    return _interleaved(
        [f"{order_id}:{as_javascript(size)}" for order_id, _, size in bids],
        [f"{order_id}:-{as_javascript(size)}" for order_id, _, size in asks],
    )


OF_LEVELS: dict[str, Callable[[Sequence[Level], Sequence[Level]], str]] = {
    "crc_mantissas": _mantissas,
    "crc_interleaved": _pairs,
    "crc_interleaved_signed": _signed_pairs,
}
OF_ORDERS: dict[str, Callable[[Sequence[Order], Sequence[Order]], str]] = {
    "crc_order_mantissas": _order_mantissas,
    "crc_order_ids_signed": _signed_ids,
}
AS_WRITTEN = frozenset({"crc_mantissas", "crc_interleaved", "crc_order_mantissas"})
"""Those that need each number's own text, which one written with an exponent does not have."""
