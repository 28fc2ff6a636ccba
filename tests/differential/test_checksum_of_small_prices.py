"""A checksum of Bitfinex over prices below 10⁻⁶, on both cores: the venue sums up `7e-7`, not `0.0000007`.

Enters: three frames of tXRPBTC as the venue's own Go library has them in its tests. Leaves: a verdict. Never: an
expected value that a core computed.

Two sources contradict each other, so the number decides. The venue's library for Node.js writes prices in fixed form
(bfx-api-node-models, lib/order_book.js of 2026-07-07); who compared it with the stream found that it does not match and
that the exponent does (its issue 70 of 2021-07-06, open). The libraries for Go and Python sum up the exponent.
"""

import zlib
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cryptopipe.errors import ChecksumMismatch
from cryptopipe.model.events import LevelFormat

TOLD = msgspec.json.decode((Path(__file__).parent / "bitfinex_price_checksum.json").read_bytes())
CORES = pytest.mark.parametrize("name", ["_rust", "reference"])


class Row(msgspec.Struct, array_like=True):
    price: msgspec.Raw
    count: int
    amount: msgspec.Raw


def rows_of(text: str, kind: Any) -> Any:
    return msgspec.json.decode(text, type=tuple[int, kind])[1]


def sides(rows: list[Row]) -> tuple[bytes, bytes]:
    told = [(bytes(row.price), bytes(row.amount)) for row in rows]
    bids = b",".join(b"[%b,%b]" % one for one in told if not one[1].startswith(b"-"))
    asks = b",".join(b"[%b,%b]" % (price, amount[1:]) for price, amount in told if amount.startswith(b"-"))
    return b"[%b]" % bids, b"[%b]" % asks


def book_of(name: str) -> Any:
    core = pytest.importorskip(f"cryptopipe.core.{name}", reason="the native core is not built", exc_type=ImportError)
    book = core.Book(LevelFormat(), checksum="crc_interleaved_signed", checksum_levels=25)
    book.load(*sides(rows_of(TOLD["snapshot"], list[Row])), 1, 1, 1)
    return book


def checksum() -> int:
    found: int = msgspec.json.decode(TOLD["checksum"])[2]
    return found


@CORES
def test_the_venues_own_checksum_is_accepted(name: str) -> None:
    book_of(name).apply(*sides([rows_of(TOLD["update"], Row)]), 2, 2, 2, checksum())


@CORES
def test_that_of_prices_in_fixed_form_is_refused(name: str) -> None:
    book = book_of(name)
    book.apply(*sides([rows_of(TOLD["update"], Row)]), 2, 2, 2)
    levels = [[(price, size if bids else -size) for price, size in book.levels(bids, 25)] for bids in (True, False)]
    fixed = []
    for rank in range(25):
        fixed += [f"{price:f}:{plain(size)}" for side in levels for price, size in side[rank : rank + 1]]
    assert "0.0000007:10000" in fixed
    with pytest.raises(ChecksumMismatch):
        book.apply(b"[]", b"[]", 3, 3, 3, zlib.crc32(":".join(fixed).encode()))
    assert zlib.crc32(":".join(fixed).encode()) != checksum() & 0xFFFFFFFF


def plain(size: Decimal) -> str:
    text = f"{size:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
