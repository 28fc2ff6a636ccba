"""Ids, numbers and stamps of the simulated Coinbase Exchange's private side.

Enters: the desk's numbers, decimals and times. Leaves: the venue's texts, and an order's number back from its id.
Never: a random id: the same number has the same id in every run.

Forms are those of answers recorded from production in 2025-08 (github.com/c9s/bbgo, pkg/exchange/coinbase/testdata):
prices and sizes with eight places, amounts of money with sixteen, stamps of orders in microseconds without zeros at the
end. A transfer's stamps are `2022-12-21 00:48:45.477503+00` (ccxt 4.5.90's coinbaseexchange quotes an answer).
"""

import re
from decimal import ROUND_DOWN, Decimal
from hashlib import sha256

from cryptopipe.api import Nanos
from cryptopipe_coinbase.sandbox_shown import whole_stamp

_UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.ASCII)
_CLIENT = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.ASCII)
_ORDERS = "5a7d4c3e8f1b"


def uuid_of(*parts: object) -> str:
    """A UUID of version 4 in form, always the same for the same parts."""
    digits = sha256("/".join(map(str, parts)).encode()).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:32]}"


def hex_id(*parts: object) -> str:
    """24 hexadecimal digits, as users and transactions have."""
    return sha256("/".join(map(str, parts)).encode()).hexdigest()[:24]


def order_uuid(number: int) -> str:
    """The id of the desk's order of this number."""
    return f"{number & 0xFFFFFFFF:08x}-{_ORDERS[:4]}-4{_ORDERS[5:8]}-8{_ORDERS[9:]}-{number:012x}"


def order_number(text: str) -> int:
    """The number of an order's id, with or without dashes; 0 for a UUID that is none of ours. Raises `ValueError`."""
    if not is_uuid(text):
        raise ValueError(f"no UUID: {text[:50]!r}")
    number = int(text.replace("-", "")[-12:], 16)
    return number if order_uuid(number).replace("-", "") == text.replace("-", "") else 0


def is_uuid(text: str) -> bool:
    """Both forms are taken, with and without dashes (page exchange/rest-api/types)."""
    return _UUID.fullmatch(text) is not None


def client_oid(text: str) -> str:
    """What becomes of a `client_oid`: one that is no UUIDv4 "will be accepted via REST but NOT processed"
    (page create-a-new-order)."""
    return text if _CLIENT.fullmatch(text) else ""


def places(value: Decimal, count: int) -> str:
    """With so many decimal places, cut off beyond them."""
    return f"{value.quantize(Decimal(1).scaleb(-count), ROUND_DOWN):f}"


def eight(value: Decimal) -> str:
    """A price or a size: `0.01000000`."""
    return places(value, 8)


def sixteen(value: Decimal) -> str:
    """An amount of money: `0.4268171500000000`."""
    return places(value, 16)


def transfer_stamp(at: Nanos) -> str:
    """`2022-12-21 00:48:45.477503+00`."""
    return whole_stamp(at).replace("T", " ").replace("Z", "+00")
