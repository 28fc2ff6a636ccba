"""Which books `sell` and `buy` walk, why they leave others out, and what they say of those they walk."""

from decimal import Decimal as D

import msgspec
import pytest

from cryptopipe.cli.depletion_books import Book, Question, Seen, book_of, notes_of, pair_named
from cryptopipe.clock import SECOND
from cryptopipe.errors import UsageError
from cryptopipe.evaluate.depletion import Offer, depleted
from cryptopipe.market.sync import BookSync
from cryptopipe.model.events import BookDelta, BookSnapshot
from cryptopipe.model.facts import Asset, Instrument, Kind, Side, TradingRules, TradingState, VenueId
from cryptopipe.model.stream import Link, Proof, SyncRule, apply_always

XY = Instrument(VenueId("alpha"), "XY", Asset("X"), Asset("Y"), rules=TradingRules(D(1), D("0.5"), D(2), D(0)))
SELL = Question(Side.SELL, D(3), Asset("X"), Asset("Y"), False)
ALWAYS = SyncRule(Proof.NONE, apply_always, apply_always, snapshot_by_request=False)


def live(one: Instrument = XY, at: int = 5 * SECOND) -> BookSync:
    sync = BookSync(one, ALWAYS)
    sync.snapshot(BookSnapshot("XY", b'[["90","1"],["89","4"]]', b'[["100","2"]]', 1, 0), at)
    return sync


def test_a_live_book_is_walked_from_the_side_that_takes() -> None:
    book = book_of(SELL, [live()], 7 * SECOND)
    assert isinstance(book, Book) and list(book.levels) == [(D(90), D(1)), (D(89), D(4))]
    assert (book.age, book.proof, book.instrument) == (2 * SECOND, "none", XY)
    asks = book_of(on_side(SELL, Side.BUY), [live()], 7 * SECOND)
    assert isinstance(asks, Book) and list(asks.levels) == [(D(100), D(2))]


def on_side(question: Question, side: Side) -> Question:
    return Question(side, question.quantity, question.base, question.quote, question.fees)


def test_what_is_not_live_is_named_with_its_state() -> None:
    syncing = BookSync(XY, ALWAYS)
    assert book_of(SELL, [syncing], 1) == "XY is syncing: no snapshot yet"
    lost = live()
    lost.close("the line broke")
    assert book_of(SELL, [lost], 1) == "XY is dead: the line broke"

    def gap(last: int, delta: BookDelta) -> Link:
        return Link.APPLY if delta.first == last + 1 else Link.GAP

    sequenced = BookSync(XY, SyncRule(Proof.SEQUENCE, gap, gap, snapshot_by_request=False))
    sequenced.snapshot(BookSnapshot("XY", b'[["90","1"]]', b'[["100","2"]]', 1, 0), 1)
    sequenced.delta(BookDelta("XY", b"[]", b"[]", 4, 4, 3, 0), 2)
    told = book_of(SELL, [sequenced], 3)
    assert isinstance(told, str) and told.startswith("XY is syncing: sequence gap") and "expected 2, got 4" in told
    assert isinstance(book_of(SELL, [syncing, live()], 1), Book), "another market of the pair will do"


@pytest.mark.parametrize("state", [one for one in TradingState if one is not TradingState.TRADING])
def test_what_does_not_trade_is_named(state: TradingState) -> None:
    told = book_of(SELL, [live(msgspec.structs.replace(XY, state=state))], 1)
    assert told == f"XY does not trade now: {state.value}"


def test_a_contract_or_another_asset_is_not_the_pair() -> None:
    for other in ({"kind": Kind.LINEAR_PERPETUAL}, {"quote": Asset("YT")}, {"base": Asset("XX")}):
        assert book_of(SELL, [live(msgspec.structs.replace(XY, **other))], 1) == ""  # type: ignore[arg-type]


def seen(age: int, quantity: str = "3", proof: str = "sequence", one: Instrument = XY) -> Seen:
    levels = [(D(90), D(1)), (D(89), D(400))]
    books = {"alpha": Book(one, proof, age, levels)}
    return Seen(SELL, 0, books, {}, {}, depleted(Side.SELL, D(quantity), [Offer("alpha", levels)]))


def test_what_is_said_of_a_book() -> None:
    assert notes_of(seen(age=2 * SECOND), 2 * SECOND) == []
    assert notes_of(seen(age=2 * SECOND + 1), 2 * SECOND) == ["alpha: its last frame is 2.0 s old"]
    assert notes_of(seen(0, proof="none"), SECOND) == ["alpha: nothing proves its stream"]
    grid = ["alpha: orders are multiples of 0.5 from 2 on; its share of the merged is not"]
    for quantity, told in (("2", []), ("2.5", []), ("2.25", grid), ("1.5", grid)):
        assert notes_of(seen(0, quantity), SECOND) == told
    assert notes_of(seen(0, one=msgspec.structs.replace(XY, rules=None)), SECOND) == ["alpha: its lots are not known"]


def test_names_of_pairs() -> None:
    assert pair_named(" btc/usd ") == ("BTC", "USD")
    assert pair_named("skl@alpha/BTC") == ("SKL@alpha", "BTC"), "an asset that only one venue knows"
    with pytest.raises(UsageError, match="not a pair of assets: 'BTC-USD'"):
        pair_named("BTC-USD")
