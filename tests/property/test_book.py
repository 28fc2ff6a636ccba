"""Laws of a book, whichever core is active.

Enters: sessions of snapshots, deltas and quotes. Leaves: a verdict. Never: an expected value that a core computed.
"""

from decimal import Decimal
from typing import Any

import pytest
from differential.sequences import Operation, lawful, sessions
from hypothesis import given

from cryptopipe.core import Book
from cryptopipe.errors import CryptopipeError, ProtocolError
from cryptopipe.model.events import LevelFormat

pytestmark = pytest.mark.core

Session = tuple[LevelFormat, int, list[Operation]]


def followed(session: Session) -> Any:
    """(book, operation, top) after each operation that the book accepted, until its first refusal."""
    form, depth, operations = session
    book = Book(form, depth=depth)
    for at, (name, *arguments) in enumerate(operations, start=1000):
        try:
            top = getattr(book, name)(*arguments, *([] if name == "clear" else [at]))
        except CryptopipeError:
            return
        yield book, (name, *arguments), top


@lawful
@given(sessions())
def test_a_live_book_is_never_crossed(session: Session) -> None:
    for book, _, _ in followed(session):
        bids, asks = list(book.levels(True)), list(book.levels(False))
        assert bids == sorted(bids, key=lambda level: -level[0])
        assert asks == sorted(asks, key=lambda level: level[0])
        assert all(price > 0 and size > 0 for price, size in bids + asks)
        if bids and asks:
            assert bids[0][0] < asks[0][0]
        if book.top is not None and book.top.bid is not None and book.top.ask is not None:
            assert book.top.bid < book.top.ask


@lawful
@given(sessions())
def test_the_top_is_the_best_level_unless_a_quote_is_newer(session: Session) -> None:
    depth_version, quote = 0, None
    for book, (name, *arguments), _ in followed(session):
        if name == "quote" and (quote is None or arguments[4] > quote[4]):
            quote = arguments
        if name == "clear":
            quote = None
        if name in ("load", "apply"):
            depth_version = arguments[2]
        if book.top is None:
            continue
        if quote is not None and quote[4] > depth_version:
            pairs = [tuple(map(Decimal, pair)) for pair in (quote[:2], quote[2:4])]
            best = [pair if pair[0] and pair[1] else (None, None) for pair in pairs]
        else:
            best = [next(iter(book.levels(bids)), (None, None)) for bids in (True, False)]
        assert [(book.top.bid, book.top.bid_size), (book.top.ask, book.top.ask_size)] == best


@lawful
@given(sessions())
def test_a_top_is_returned_exactly_when_it_changed(session: Session) -> None:
    last = None
    for book, (name, *_), top in followed(session):
        now = book.top and (book.top.bid, book.top.bid_size, book.top.ask, book.top.ask_size)
        if name != "clear":
            assert (top is not None) == (now != last)
        last = now


@lawful
@given(sessions())
def test_a_ladder_begins_with_the_top_and_shows_its_sizes(session: Session) -> None:
    for book, _, _ in followed(session):
        if book.top is None:
            continue
        for bids, best, size in ((True, book.top.bid, book.top.bid_size), (False, book.top.ask, book.top.ask_size)):
            ladder = list(book.ladder(bids))
            assert ladder[:1] == ([] if best is None else [(best, size)])
            prices = [price for price, _ in ladder]
            assert prices == sorted(set(prices), reverse=bids)
            for price, units in book.ladder(bids).units():
                assert book.size_at(bids, price) == units
            assert set(ladder[1:]) <= set(book.levels(bids))


@lawful
@given(sessions())
def test_depth_bounds_the_levels(session: Session) -> None:
    for book, _, _ in followed(session):
        counts = book.counts()
        assert counts == (len(book.levels(True)), len(book.levels(False)))
        assert session[1] == 0 or max(counts) <= session[1]


@lawful
@given(sessions())
def test_the_window_holds_every_top(session: Session) -> None:
    tops: list[Any] = []
    for book, _, top in followed(session):
        tops += [top] if top is not None else []
        for name in ("bid", "bid_size", "ask", "ask_size", "received_at", "event_time"):
            values, places = book.window.column(name, 0, 2**62)
            assert [Decimal(int(value)).scaleb(-places) for value in values] == [getattr(t, name) or 0 for t in tops]


def test_a_delta_without_a_snapshot_never_yields_a_book() -> None:
    book = Book(LevelFormat())
    for _ in range(2):
        with pytest.raises(ProtocolError, match="a delta without a snapshot never yields a book"):
            book.apply(b'[["1","1"]]', b"[]", 1, 1, 1)
        assert book.top is None
        book.load(b'[["1","1"]]', b"[]", 1, 1, 1)
        book.clear()


def test_a_bad_frame_changes_nothing() -> None:
    book = Book(LevelFormat())
    book.load(b'[["1","1"]]', b'[["3","1"]]', 1, 1, 1)
    for bids, asks in ((b'[["2","1"]]', b'[["x","1"]]'), (b'[["2","1"]', b"[]"), (b'[["2","1"]]', None)):
        with pytest.raises(ProtocolError):
            book.apply(bids, asks, 2, 2, 2)
        assert list(book.levels(True)) == [(Decimal(1), Decimal(1))]


def test_a_quote_of_the_connection_before_is_not_the_top_of_the_next() -> None:
    """Versions may begin anew: one venue's ids did after maintenance."""
    book = Book(LevelFormat())
    book.load(b'[["1","1"]]', b'[["5","1"]]', 10, 1, 1)
    book.quote("2", "1", "4", "1", 1000, 2, 2)
    book.clear()
    top = book.load(b'[["1.5","1"]]', b'[["4.5","1"]]', 5, 3, 3)
    assert top is not None
    assert (top.bid, top.ask, top.version) == (Decimal("1.5"), Decimal("4.5"), 5)
    assert book.quote("2", "1", "4", "1", 6, 4, 4) is not None
