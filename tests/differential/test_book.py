"""The native core answers as the reference core does, in values, errors and messages.

Enters: legal and illegal sessions, malformed bytes. Leaves: a verdict. Never: a comparison of a core with itself.
"""

import zlib
from types import ModuleType

import pytest
from differential.sequences import (
    FORMS,
    ODD_NUMBERS,
    Operation,
    Row,
    arrays,
    columns,
    frames,
    good_rows,
    lawful,
    levels_as_text,
    mutated,
    odd_rows,
    play,
    sessions,
    state,
    write,
)
from hypothesis import given
from hypothesis import strategies as st

from cryptopipe.core import reference
from cryptopipe.errors import CryptopipeError
from cryptopipe.model.events import LevelFormat

native: ModuleType = pytest.importorskip(
    "cryptopipe.core._rust",
    reason="the native core is not built (CRYPTOPIPE_CORE=require builds it)",
    exc_type=ImportError,
)
CORES = (native, reference)


def parsed(core: ModuleType, raw: bytes, form: LevelFormat, bids: bool | None) -> object:
    try:
        return levels_as_text(core.Levels.parse(raw, form, bids))
    except CryptopipeError as error:
        return type(error).__name__, str(error)


@lawful
@given(sessions())
def test_legal_sessions(session: tuple[LevelFormat, int, list[Operation]]) -> None:
    form, depth, operations = session
    native_book, plain_book = (core.Book(form, depth=depth, span=8) for core in CORES)
    for at, operation in enumerate(operations, start=1000):
        assert play(native_book, operation, at) == play(plain_book, operation, at), operation
        assert state(native_book, native) == state(plain_book, reference), operation


@lawful
@given(sessions(faults=True), st.sampled_from(["", "crc_mantissas"]), st.sampled_from([1, 2, 10]))
def test_faulty_sessions(session: tuple[LevelFormat, int, list[Operation]], checksum: str, covered: int) -> None:
    form, depth, operations = session
    native_book, plain_book = (
        core.Book(form, depth=depth, checksum=checksum, checksum_levels=covered) for core in CORES
    )
    for at, operation in enumerate(operations, start=1000):
        assert play(native_book, operation, at) == play(plain_book, operation, at), operation
        assert state(native_book, native) == state(plain_book, reference), operation


@lawful
@given(st.data(), st.sampled_from(FORMS), st.sampled_from([None, True, False]))
def test_malformed_levels(data: st.DataObject, form: LevelFormat, bids: bool | None) -> None:
    text = write(data.draw(st.lists(st.one_of(good_rows, odd_rows), max_size=4)), form, data.draw(st.booleans()))
    for _ in range(data.draw(st.integers(0, 3))):
        text = data.draw(mutated(text))
    assert parsed(native, text, form, bids) == parsed(reference, text, form, bids)


@pytest.mark.parametrize("number", ODD_NUMBERS)
@pytest.mark.parametrize("bare", [False, True])
def test_odd_numbers(number: str, bare: bool) -> None:
    for form in FORMS:
        for row in (Row(True, number, "1", bare), Row(True, "1", number, bare)):
            text = write([row], form)
            assert parsed(native, text, form, None) == parsed(reference, text, form, None)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "[", "]", "{}", "null", "[null]", "[[]]", "[{}]", '["12"]', "[[1]]", "[[1,2]", "[[1,2],]", "[[1,2]]x",
        "[[1,2]] ", "[[01,2]]", "[[1.,2]]", "[[true,2]]", "[[[1],2]]", '[["1","2"],[]]', '[["\\u0031","2"]]',
        '[["\\ud83d\\ude00","2"]]', '[["\\ud83d","2"]]', '[["\\x31","2"]]', '[["1\n","2"]]', '[["1","2",{"é":[{}]}]]',
        '[{"price":1,"price":2,"qty":3}]', '[{"pr\\u0069ce":1,"qty":3}]', '[{"qty":"x","price":"y"}]', "\ufeff[]",
        "[[NaN,2]]", "[[1,2,NaN,-Infinity]]", "[[1,2,nan]]", "[[-1,2]]", "[[1,2,[[[[[[1]]]]]]]]", '[["1","2"] ["1"]]',
        '[["0","2"],["x","1"]]', '[["x","1"],["1","2"]', '[{"price":"0.0000000000001"}]', '[[1,2,"\x7f"]]', "[[1,2,']]",
    ],
)  # fmt: skip
def test_texts_at_the_edge(text: str) -> None:
    for form in FORMS:
        for raw in (text.encode(), text.encode("utf-16"), text.encode() + b"\xff"):
            assert parsed(native, raw, form, None) == parsed(reference, raw, form, None)


@lawful
@given(st.lists(frames(LevelFormat(), faults=False), max_size=12), st.sampled_from([0, 2]), st.sampled_from([1, 3, 10]))
def test_checksums(operations: list[Operation], depth: int, covered: int) -> None:
    """Both cores accept the checksum computed here from the levels shown, and refuse its neighbour."""
    books = [core.Book(LevelFormat(), depth=depth, checksum="crc_mantissas", checksum_levels=covered) for core in CORES]
    for book in books:
        book.load(b'[["9.0","1"]]', b'[["12.50","1"]]', 1, 1, 1)
    for at, operation in enumerate(operations, start=1000):
        name, bids, asks, version, event_time = operation
        probe = reference.Book(LevelFormat(), depth=depth)
        play(probe, ("load", *arrays_of(books[1]), 1, 1), 1)  # may be crossed by the operation before
        play(probe, operation, at)
        expected = checksum_of(probe, covered)
        answers = []
        for book in books:
            try:
                top = getattr(book, name)(bids, asks, version, event_time, at, expected + at % 2)
                answers.append(("top", top and top.bid))
            except CryptopipeError as error:
                answers.append((type(error).__name__, str(error)))
        assert answers[0] == answers[1]
        assert (answers[0][0] == "ChecksumMismatch") == bool(at % 2)


def arrays_of(book: reference.Book) -> tuple[bytes, bytes | None]:
    rows = [Row(bids, f"{p:f}", f"{s:f}", False) for bids in (True, False) for p, s in book.levels(bids)]
    return arrays(rows, LevelFormat())


def checksum_of(book: reference.Book, covered: int) -> int:
    """Kraken's rule: per level price and size without point and leading zeros, ten asks, then ten bids."""
    levels = [*book.levels(False, covered), *book.levels(True, covered)]
    text = "".join(f"{number:f}".replace(".", "").lstrip("0") for level in levels for number in level)
    return zlib.crc32(text.encode())


@lawful
@given(
    st.lists(st.tuples(st.integers(995, 1015), st.sampled_from(["1", "2.5", "0.000000000001", "9" * 22])), max_size=30)
)
def test_windows(rows: list[tuple[int, str]]) -> None:
    """Rescaled, widened and evicted alike, whether or not stamps are in order."""
    books = [core.Book(LevelFormat(), span=10) for core in CORES]
    for version, (at, size) in enumerate(rows):
        for book in books:
            book.load(f'[["3","{size}"]]'.encode(), b"[]", version, at - 5, at)
        assert columns(books[0].window, native) == columns(books[1].window, reference)


def test_a_column_handed_out_never_changes() -> None:
    book = native.Book(LevelFormat(), span=50)
    book.load(b'[["3","1"]]', b"[]", 1, 1, 1)
    held, _ = book.window.column("bid_size", 0, 10)
    for at in range(2, 20_000):
        book.apply(f'[["3","{at}.25"]]'.encode(), b"[]", at, at, at)
    assert held.tolist() == [1]
    assert not held.flags.writeable
    part, places = book.window.column("bid_size", 19_990, 19_993)
    del book
    assert (part.tolist(), places) == ([1_999_025, 1_999_125, 1_999_225], 2)


def test_arguments_that_are_no_buffer_are_refused() -> None:
    book = native.Book(LevelFormat())
    with pytest.raises(TypeError):
        book.load("[]", b"[]", 1, 1, 1)
    with pytest.raises(ValueError, match="unknown checksum: 'okx'"):
        native.Book(LevelFormat(), checksum="okx")
    with pytest.raises(KeyError, match="last"):
        book.window.column("last", 0, 1)
