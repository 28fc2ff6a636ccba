"""What judges the clients notices a book that never was, one that is late, and one that ran backwards."""

import json
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from foreign.market import OrderClerk
from foreign.truth import NANOS, History, Levels, Moment, histories, judge

from cryptopipe.api import Asset, Instrument, Side, TradingRules, VenueId
from cryptopipe.sandbox.engine import Engine

ASK: Levels = ((Decimal(101), Decimal(1)),)

RULES = TradingRules(Decimal("0.01"), Decimal("0.001"), Decimal("0.001"), Decimal(0))
COIN = Instrument(VenueId("a"), "B", Asset("BTC"), Asset("USDT"), rules=RULES)


def history() -> History:
    """The best bid is 100 at 1 s, 99 at 2 s, 98 at 3 s, 97 at 4 s; one ask at 101 all the time."""
    book = History(depth=1)
    book.apply("asks", 1, 0, "101", "1")
    book.apply("bids", 2, NANOS, "100.0", "2")
    number = 3
    for at, price in ((2, 99), (3, 98), (4, 97)):
        book.apply("bids", number, at * NANOS, str(price), "2")
        book.apply("bids", number + 1, at * NANOS, str(price + 1), "0")
        number += 2
    return book


def seen(at: float, bid: str, size: str = "2.00") -> Moment:
    return Moment(round(at * NANOS), (((Decimal(bid), Decimal(size)),), ASK))


def test_a_book_that_is_current_or_a_little_behind_agrees() -> None:
    verdict = judge(history(), [seen(1.5, "100"), seen(2.5, "100"), seen(4.5, "98")])
    assert (verdict.compared, verdict.agreed, list(verdict.complaints)) == (3, 3, [])
    assert list(verdict.lags) == [0, NANOS // 2, NANOS // 2]


@pytest.mark.parametrize(
    ("moments", "complaint"),
    [
        ([seen(1.5, "100", "3")], "never looked like"),
        ([seen(1.5, "99")], "never looked like"),  # it was to look so later
        ([seen(4.5, "100")], "was 2.500 s behind"),
        ([seen(3.1, "99"), seen(3.2, "100")], "ran backwards"),
    ],
)
def test_other_books_do_not(moments: list[Moment], complaint: str) -> None:
    verdict = judge(history(), moments)
    assert verdict.agreed == len(moments) - 1 and complaint in verdict.complaints[0]


def test_a_gap_in_the_truth_is_refused(tmp_path: Path) -> None:
    rows = [["a:B", "bids", 1, 5, "1", "1"], ["a:B", "buys", 1, 5, "1", "1"], ["a:B", "bids", 3, 6, "1", "2"]]
    (tmp_path / "truth.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    with pytest.raises(ValueError, match="expected change 2, got 3"):
        histories(tmp_path / "truth.jsonl", 5)


def test_single_orders_are_written_down_one_change_at_a_time() -> None:
    """They add up to the engine's levels; a taker of three orders at one price is three changes of that level."""
    engine, random, rules = Engine(COIN), Random(4), COIN.rules
    assert rules is not None
    for distance in range(1, 30):
        engine.limit(Side.BUY, 5_000 - distance, 40, 1)
        engine.limit(Side.SELL, 5_000 + distance, 40, 1)
    clerk, book = OrderClerk("a:B orders", engine), History(depth=10)
    for at in range(2, 300):
        side = random.choice(list(Side))
        price = 5_000 + random.randrange(1, 30) * (-1 if side is Side.BUY else 1)
        if random.random() < 0.3:
            engine.take(side, random.randrange(1, 90), at)
        else:
            engine.limit(side, price, random.randrange(1, 50), at, post_only=True)
        for _, name, number, written_at, told, size in clerk.rows():
            book.apply(str(name), int(str(number)), int(str(written_at)), str(told), str(size))
        levels = [
            tuple((ticks * rules.tick, lots * rules.step) for ticks, lots in engine.levels(side, 10)) for side in Side
        ]
        assert book.places[levels[0], levels[1]][-1] == len(book.began) - 1
    top, lots = engine.levels(Side.SELL, 1)[0]
    engine.limit(Side.SELL, top, 7, 300)
    engine.limit(Side.SELL, top, 8, 300)
    list(clerk.rows())
    engine.take(Side.BUY, lots + 10, 301)
    told = [(row[4], row[5]) for row in clerk.rows()]
    assert {price for price, _ in told} == {f"{top * rules.tick:.2f}"}
    sizes = [Decimal(str(size)) for _, size in told]
    assert sizes == sorted(sizes, reverse=True) and len(sizes) >= 3 and sizes[-1] == 5 * rules.step
