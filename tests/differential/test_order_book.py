"""The native L3 book answers as the reference one does, in values, errors and messages.

Enters: legal and illegal sessions, malformed bytes, checksums of the documentation. Leaves: a verdict. Never: a
comparison of a core with itself.
"""

import zlib
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from differential.order_sequences import FORMS, IDS, Operation, Order, sessions, shown, write
from differential.sequences import lawful, mutated, play
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptopipe.core import reference, reference_orders
from cryptopipe.errors import ChecksumMismatch, CryptopipeError, ProtocolError
from cryptopipe.model.events import OrderChange, OrderEvent, OrderFormat

native: ModuleType = pytest.importorskip(
    "cryptopipe.core._rust",
    reason="the native core is not built (CRYPTOPIPE_CORE=require builds it)",
    exc_type=ImportError,
)
MAKERS: tuple[Any, ...] = (native.OrderBook, reference_orders.OrderBook)
ROOT = Path(__file__).parent
FORM = OrderFormat(0, 1, 2)
lawful = settings(lawful, max_examples=60)


def agree(books: list[Any], operations: list[Operation]) -> None:
    for at, operation in enumerate(operations, start=1000):
        assert play(books[0], operation, at) == play(books[1], operation, at), operation
        assert shown(books[0], native) == shown(books[1], reference), operation


@lawful
@given(sessions(), st.sampled_from([0, 0, 1, 2]), st.booleans())
def test_legal_sessions(session: tuple[OrderFormat, list[Operation]], depth: int, transient: bool) -> None:
    form, operations = session
    agree([make(form, depth=depth, transient_cross=transient, span=8) for make in MAKERS], operations)


@lawful
@given(
    sessions(faults=True),
    st.sampled_from([0, 2]),
    st.sampled_from(["", "crc_order_mantissas", "crc_order_ids_signed"]),
    st.booleans(),
)
def test_faulty_sessions(
    session: tuple[OrderFormat, list[Operation]], depth: int, checksum: str, transient: bool
) -> None:
    form, operations = session
    books = [make(form, depth=depth, checksum=checksum, transient_cross=transient) for make in MAKERS]
    agree(books, operations)


def expected_checksum(book: Any, checksum: str, covered: int) -> int:
    """The rules of docs/checksums.md, spelled out from what a book shows."""
    if checksum == "crc_order_mantissas":
        text = ""
        for bids in (False, True):
            orders = book.orders(bids)
            best = list(dict.fromkeys(price for _, price, _ in orders))[:covered]
            for _, price, size in orders:
                if price in best:
                    text += f"{price:f}".replace(".", "").lstrip("0") + f"{size:f}".replace(".", "").lstrip("0")
        return zlib.crc32(text.encode())
    sides: list[list[str]] = []
    for bids in (True, False):
        rows = [((-price if bids else price), len(key), key, size) for key, price, size in book.orders(bids)]
        sides.append([f"{key}:{'' if bids else '-'}{javascript(size)}" for _, _, key, size in sorted(rows)[:covered]])
    longest = max(map(len, sides), default=0)
    return zlib.crc32(":".join(side[i] for i in range(longest) for side in sides if i < len(side)).encode())


def javascript(size: Any) -> str:
    """By way of the shortest text of a float, which JavaScript and Python share but for the form of the exponent."""
    text = f"{size.normalize():f}"
    if "0" < text < "0.000001" and size < 1:
        digits, exponent = f"{size.normalize():e}".split("e")
        return f"{digits}e{int(exponent)}"
    return text


@lawful
@given(
    sessions(),
    st.sampled_from(["crc_order_mantissas", "crc_order_ids_signed"]),
    st.sampled_from([1, 2, 10]),
    st.sampled_from([0, 2]),
)
def test_checksums(session: tuple[OrderFormat, list[Operation]], checksum: str, covered: int, depth: int) -> None:
    """Both cores accept the checksum computed here from the orders shown, signed or not, and refuse its neighbour."""
    form, operations = session
    books = [make(form, depth=depth, checksum=checksum, checksum_levels=covered) for make in MAKERS]
    for at, operation in enumerate(operations, start=1000):
        answers = [play(book, operation, at) for book in books]
        assert answers[0] == answers[1]
        if operation == ("clear",) or (isinstance(answers[0], tuple) and isinstance(answers[0][0], str)):
            continue
        expected = expected_checksum(books[1], checksum, covered)
        for book in books:
            book.apply((), (), 1, 1, at, expected)
            book.apply((), (), 1, 1, at, expected - 2**32 if expected >= 2**31 else expected)
            with pytest.raises(ChecksumMismatch):
                book.apply((), (), 1, 1, at, expected + 1)


@pytest.mark.parametrize("make", MAKERS)
def test_the_documented_example_of_kraken(make: Any) -> None:
    """Written from the documentation: Spot Websockets (v2) Level3 Checksum, read on 2026-11-21 (the file says how)."""
    data = msgspec.json.decode((ROOT / "kraken_level3_checksum.json").read_bytes())
    raw = [msgspec.json.encode(data["data"][0][side]) for side in ("bids", "asks")]
    book = make(OrderFormat("order_id", "limit_price", "order_qty"), depth=10, checksum="crc_order_mantissas")
    book.load(*raw, 1, 1, 1, data["data"][0]["checksum"])
    swapped = (OrderEvent(OrderChange.SET, "OFVLAA-HRSSP-BK75KB", "44939.5", "5"),)  # to the end of its queue
    with pytest.raises(ChecksumMismatch, match="expected 1063832831"):
        book.apply((), swapped, 2, 2, 2, 1063832831)


@lawful
@given(st.data(), st.sampled_from(FORMS))
def test_malformed_snapshots(data: st.DataObject, form: OrderFormat) -> None:
    orders = [Order("1", "1", "2", True), Order("é", "1.50", "0.5"), Order("10", "2", "1e-3")]
    text = write(orders, form, data.draw(st.booleans()))
    for _ in range(data.draw(st.integers(1, 3))):
        text = data.draw(mutated(text))
    books = [make(form) for make in MAKERS]
    agree(books, [("load", text, b"[]", 1, 1), ("load", b"[]", text, 2, 2)])


@pytest.mark.parametrize(
    "row",
    [
        '["a","1","2"]', "[1,1,2]", "[1.50,1,2]", "[-1,1,2]", "[null,1,2]", "[true,1,2]", "[[],1,2]", '["",1,2]',
        '["\\u0061","1","2"]', '["\\ud83d","1","2"]', "[NaN,1,2]", '["a",null,2]', '["a","1"]', '["a","0","1"]',
        '["a","1","0"]', '["a","1","79228162514264337593.543950336"]', '["a","1","79228162514264337593543950336"]',
        '["a","x","y"]', "{}", "7", '["a","1","2"],["a","1","2"]', '["a",1,79228162514264337.593543950335]',
        '["a",1,79228162514264337.593543950336]',
    ],
)  # fmt: skip
def test_rows_at_the_edge(row: str) -> None:
    for checksum in ("", "crc_order_mantissas"):
        books = [make(FORM, checksum=checksum) for make in MAKERS]
        agree(books, [("load", f"[{row}]".encode(), b"[]", 1, 1), ("load", b"[]", f"[{row}]".encode(), 1, 1)])


def test_a_frame_of_many_events_is_checked_as_a_whole() -> None:
    books = [make(FORM) for make in MAKERS]
    adds = [OrderEvent(OrderChange.ADD, f"n{i}", "5.00", "1.0") for i in range(80)]
    halves = [OrderEvent(OrderChange.REDUCE, f"n{i}", size="0.50") for i in range(80)]
    again = [OrderEvent(OrderChange.REMOVE, "n7"), adds[7], adds[7]]
    operations: list[Operation] = [
        ("load", b"[]", b"[]", 1, 1),
        ("apply", (*adds, *halves, *again), (), 2, 2),
        ("apply", (*adds, *halves, *again[:2]), (), 3, 3),
        ("apply", halves[:40], (), 4, 4),
    ]
    agree(books, operations)
    assert [f"{size:f}" for _, size in books[0].levels(True)] == ["20.50"]


@pytest.mark.parametrize("make", MAKERS)
def test_names_and_changes_that_do_not_exist(make: Any) -> None:
    with pytest.raises(ValueError, match="unknown checksum: 'crc_mantissas'"):
        make(FORM, checksum="crc_mantissas")
    with pytest.raises(ProtocolError, match="a delta without a snapshot"):
        make(FORM).apply((), (), 1, 1, 1)


@lawful
@given(st.lists(st.tuples(st.sampled_from(IDS), st.text("0123456789abcdef-", max_size=40)), max_size=20))
def test_ids_are_kept_as_their_text(pairs: list[tuple[str, str]]) -> None:
    books = [make(FORM) for make in MAKERS]
    for book in books:
        book.load(b"[]", b"[]", 1, 1, 1)
        for order_id in {text for pair in pairs for text in pair}:
            book.apply([OrderEvent(OrderChange.ADD, order_id, "1", "1")], (), 1, 1, 1)
    assert {key for key, _, _ in books[0].orders(True)} == {text for pair in pairs for text in pair}
    for text in {text for pair in pairs for text in pair}:
        for book in books:
            book.apply([OrderEvent(OrderChange.REMOVE, text)], (), 1, 1, 1)
    assert books[0].counts() == books[1].counts() == (0, 0)


def test_an_event_that_is_no_event_is_refused() -> None:
    book = native.OrderBook(FORM)
    book.load(b"[]", b"[]", 1, 1, 1)
    for wrong in (b"", 7, None):
        with pytest.raises(CryptopipeError):
            book.apply([OrderEvent(OrderChange.ADD, "a", wrong, "1")], (), 1, 1, 1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="not an order change"):
        book.apply([OrderEvent("add", "a", "1", "1")], (), 1, 1, 1)  # type: ignore[arg-type]
    assert book.counts() == (0, 0)
