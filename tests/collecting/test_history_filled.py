"""Trades that a lost connection swallowed are asked for, and with the answers every trade of the engine is there, once.

The truth is the simulated venue's engine: prices in ticks, sizes in lots, the taker's side. What is compared is
everything between the first and the last trade that the stream told.
"""

from collections import Counter
from functools import cache
from itertools import pairwise

import pytest
from collecting.history_world import Printed, Ran, run

from cryptopipe.capture.inputs import TRADES_OF, Direction
from cryptopipe.clock import MILLISECOND, SECOND
from cryptopipe.market.history import trades_of
from cryptopipe.market.market import Market
from cryptopipe.market.trail import COVERED, Trail
from cryptopipe.model.events import Trade
from cryptopipe.sandbox.faults import Fault

pytestmark = [pytest.mark.core]

LOST = (Fault("reset", 2 * SECOND, SECOND), Fault("refuse", 2 * SECOND, SECOND))
"""All connections at once, and nobody gets in again for a second (and then for a back-off)."""
RATES = {"binance": 10.0, "binance_us": 10.0, "binance_usdm": 10.0, "coinbase": 30.0, "coinbase_exchange": 10.0,
         "kraken": 30.0, "bybit": 3.0, "bitstamp": 10.0, "gemini": 10.0, "bitfinex": 10.0}  # fmt: skip
"""Orders a second. Bybit tells the last sixty trades of a spot pair alone; Kraken and Advanced Trade tell some upon a
subscription."""


@cache
def lost(venue: str) -> Ran:
    return run(venue, LOST, 9.5, rate=RATES[venue])


QUICK = ("binance", "coinbase_exchange", "kraken", "bybit")
EVERY = pytest.mark.parametrize(
    "venue", [venue if venue in QUICK else pytest.param(venue, marks=pytest.mark.long) for venue in RATES]
)


@cache
def told_of(venue: str) -> dict[str, list[Trade]]:
    return collected(lost(venue))


def collected(ran: Ran) -> dict[str, list[Trade]]:
    """What a collector makes of the captured inputs alone: no feeds, no venue."""
    plugins, codec = {ran.plugin.venue: ran.plugin}, ran.plugin.trade_history
    assert codec is not None
    market, trails, told = Market(plugins), dict[str, Trail](), dict[str, list[Trade]]()
    for entry in ran.inputs:
        market.receive(entry)
        if entry.direction is Direction.CLOSE:
            for trail in trails.values():
                trail.interrupted("closed")
        elif (answer := trades_of(plugins, entry)) is not None:
            told[answer[0]] += trails[answer[0]].answered(answer[1])
        elif entry.direction is Direction.RECV:
            for one in market.events:
                if isinstance(one, Trade):
                    trail = trails.setdefault(one.symbol, Trail(one.symbol, codec.consecutive))
                    new = told.setdefault(one.symbol, [])
                    new += [one] if trail.told(one, entry.at) else []
    assert market.counts[ran.plugin.venue].refused == 0
    return told


def of_engine(ran: Ran, symbol: str) -> Counter[Printed]:
    """Between the first and the last trade that the stream told, both found by their moment and content."""
    truth = [((one.price, one.size, one.side), one.at // MILLISECOND) for one in ran.truth[symbol]]
    heard = {(ran.printed(one, symbol), one.matched_at // MILLISECOND) for one in ran.streamed[symbol]}
    found = [number for number, one in enumerate(truth) if one in heard]
    assert len(found) >= len(heard)
    return Counter(one for one, _ in truth[found[0] : found[-1] + 1])


@EVERY
def test_with_the_answers_every_trade_is_there_once(venue: str) -> None:
    ran, swallowed = lost(venue), 0
    for symbol, trades in told_of(venue).items():
        assert len({one.trade_id for one in trades}) == len(trades), "a trade twice"
        assert Counter(ran.printed(one, symbol) for one in trades) == of_engine(ran, symbol), symbol
        swallowed += len(trades) - len({one.trade_id for one in ran.streamed[symbol]})
    assert ran.asked and all(one.status == 200 for one in ran.asked)
    assert swallowed > 0, "no trade was lost, so nothing was proven"


@EVERY
def test_every_hole_ends_covered_and_names_the_trades_around_it(venue: str) -> None:
    ran = lost(venue)
    ended = [hole for _, hole in ran.feeds.history.ended]
    assert ended and not ran.feeds.history.holes(ran.plugin.venue)
    told = told_of(venue)
    for hole in ended:
        assert hole.ended == COVERED and hole.missing == 0
        ids = list(dict.fromkeys(one.trade_id for one in ran.streamed[hole.symbol]))
        assert ids.index(hole.before.trade_id) == ids.index(hole.after.trade_id) + 1 and hole.after.at < hole.before.at
    streamed = sum(len({one.trade_id for one in ran.streamed[symbol]}) for symbol in told)
    assert sum(hole.filled for hole in ended) == sum(map(len, told.values())) - streamed


def test_what_a_venue_does_not_tell_any_more_stays_missing_and_is_named() -> None:
    """Three hundred trades a minute, and the venue tells the last sixty."""
    ran = run("bybit", LOST, 11.5, rate=12.0)
    ((_, hole),) = ran.feeds.history.ended
    assert hole.ended == "the venue's history does not reach it" and hole.missing is None
    assert 0 < hole.filled < 60 and hole.low == hole.after and hole.high.at < hole.before.at
    (told,) = collected(ran).values()
    missing = of_engine(ran, hole.symbol) - Counter(ran.printed(one, hole.symbol) for one in told)
    low, high = hole.low.at // MILLISECOND, hole.high.at // MILLISECOND
    between = [one for one in ran.truth[hole.symbol] if low <= one.at // MILLISECOND <= high]
    assert missing and missing <= Counter((one.price, one.size, one.side) for one in between)


def test_a_run_that_does_not_want_it_asks_for_nothing() -> None:
    ran = run("binance", LOST, 8.5, rate=4.0, fill=False)
    assert not ran.asked and not ran.feeds.history.ended
    (trades,) = ran.streamed.values()
    assert any(int(after.trade_id) > int(before.trade_id) + 1 for before, after in pairwise(trades))


def test_an_answer_of_history_is_asked_once_a_second_at_most_and_refuses_no_book() -> None:
    ran = lost("binance")
    assert ran.market.counts[ran.plugin.venue].refused == 0
    assert all(after.at - before.at >= SECOND for before, after in pairwise(ran.asked))
    assert {one.request for one in ran.asked} == {TRADES_OF + "BTCUSDT"} and {one.conn for one in ran.asked} == {""}


@pytest.mark.parametrize("kind", ["http_5xx", pytest.param("http_429", marks=pytest.mark.long)])
def test_a_venue_that_refuses_is_asked_again_later(kind: str) -> None:
    ran = run("coinbase_exchange", (*LOST, Fault(kind, 6 * SECOND, 5 * SECOND)), 22, rate=2.0)
    assert any(one.status != 200 for one in ran.asked)
    assert all(after.at - one.at >= 5 * SECOND for one, after in pairwise(ran.asked) if one.status != 200)
    assert [hole.ended for _, hole in ran.feeds.history.ended] == [COVERED]
