"""The simulated market as a whole: the same whatever the slices, one price behind all books, edges on demand."""

from collections.abc import Iterator
from functools import cache
from math import log

import pytest

from cryptopipe.clock import MILLISECOND, SECOND, Nanos
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.facts import Asset, Kind, Side, VenueId
from cryptopipe.registry import Registry
from cryptopipe.sandbox.engine import Engine
from cryptopipe.sandbox.parameters import Parameters
from cryptopipe.sandbox.world import World

START: Nanos = 1_790_000_000 * SECOND
DEFAULT_RUN = ("binance", "bybit", "kraken", "coinbase")
CHEAP = ("binance", "bybit")
FEES = 0.0020  # two takers at 10 bp


@cache
def plugins(*venues: str) -> dict[VenueId, ExchangePlugin]:
    return {VenueId(one): Registry().exchange(one) for one in venues}


def world(*venues: str, seed: int = 1, assets: tuple[str, ...] = (), **changed: object) -> World:
    parameters = Parameters.load()
    for name, value in changed.items():
        parameters = _with(parameters, name, value)
    wanted = frozenset(map(Asset, assets)) if assets else None
    return World(plugins(*venues), parameters, seed, START, wanted)


def _with(parameters: Parameters, name: str, value: object) -> Parameters:
    import msgspec

    return msgspec.structs.replace(parameters, **{name: value})


def books(market: World) -> Iterator[Engine]:
    return (book for books in market.books.values() for book in books.values())


def history(market: World) -> dict[str, tuple[object, ...]]:
    return {book.instrument.id: (*book.changes(0), *book.trades(0)) for book in books(market)}


@pytest.mark.parametrize("slices", [(5 * MILLISECOND,), (1, 7 * MILLISECOND, 333 * MILLISECOND), (1700 * MILLISECOND,)])
def test_slices_of_time_do_not_matter(slices: tuple[Nanos, ...]) -> None:
    whole, sliced = (world("binance", "kraken", assets=("BTC", "ETH", "USDT", "USD")) for _ in range(2))
    end, at, turn = START + 3 * SECOND, START, 0
    begun = {book.instrument.id: book.number for book in books(whole)}
    whole.advance(end)
    while at < end:
        at, turn = min(end, at + slices[turn % len(slices)]), turn + 1
        sliced.advance(at)
    assert history(sliced) == history(whole)
    assert all(book.number > begun[book.instrument.id] + 100 for book in books(whole))


def test_instruments_do_not_disturb_each_other() -> None:
    alone, beside = world("kraken", assets=("BTC", "USD")), world(*DEFAULT_RUN)
    for market in (alone, beside):
        market.advance(START + 2 * SECOND)
    assert history(alone) == {"kraken:BTC/USD": history(beside)["kraken:BTC/USD"]}


def test_another_seed_is_another_market() -> None:
    one, other = (world("kraken", assets=("BTC", "USD"), seed=seed) for seed in (1, 2))
    assert history(one) != history(other)


def test_books_are_populated_before_the_first_advance() -> None:
    for book in books(world(*DEFAULT_RUN)):
        assert min(len(book.levels(side, 1000)) for side in Side) >= 80, book.instrument.id
        assert book.changed_at == START


def test_time_does_not_run_backwards() -> None:
    market = world("kraken", assets=("BTC", "USD"))
    market.advance(START + SECOND)
    with pytest.raises(ValueError, match=f"is at {START + SECOND} and cannot go back to {START}"):
        market.advance(START)


def test_perpetuals_where_there_is_nothing_else() -> None:
    kinds = {book.instrument.kind for book in books(world("binance_usdm"))}
    assert kinds == {Kind.LINEAR_PERPETUAL}
    assert {book.instrument.kind for book in books(world("bybit"))} == {Kind.SPOT}
    assert {book.instrument.kind for book in books(world("bybit", perpetuals="all"))} == set(Kind) - {
        Kind.INVERSE_PERPETUAL
    }


def mid(book: Engine) -> float:
    bid, ask = book.best(Side.BUY), book.best(Side.SELL)
    assert bid is not None and ask is not None
    assert bid < ask, f"{book.instrument.id} is crossed: {bid}, {ask}"
    assert book.instrument.rules is not None
    return (bid + ask) / 2 * float(book.instrument.rules.tick)


def test_the_books_of_a_venue_agree_about_an_asset() -> None:
    """BTC in USDT times ETH in BTC is ETH in USDT, up to spreads: nobody profits from a triangle of three fees."""
    market = world("binance", assets=("BTC", "ETH", "USDT"))
    for second in range(1, 21):
        market.advance(START + second * SECOND)
        of = market.books[VenueId("binance")]
        gap = log(mid(of["BTCUSDT"]) * mid(of["ETHBTC"]) / mid(of["ETHUSDT"]))
        assert abs(gap) < 5e-4, f"after {second} s: {gap * 1e4:.1f} bp"


def edge(buy: Engine, sell: Engine) -> float:
    """Of one unit bought here and sold there, before fees."""
    ask, bid = buy.best(Side.SELL), sell.best(Side.BUY)
    assert ask is not None and bid is not None
    assert buy.instrument.rules is not None and sell.instrument.rules is not None
    return bid * float(sell.instrument.rules.tick) / (ask * float(buy.instrument.rules.tick)) - 1


def greatest_edge(market: World, seconds: int, every: Nanos = 50 * MILLISECOND) -> float:
    """Of all pairs of books with one base and quote at two venues, at any sampled time from now on."""
    pairs = [
        (one, other)
        for one in books(market)
        for other in books(market)
        if one.instrument.venue != other.instrument.venue
        and (one.instrument.base, one.instrument.quote) == (other.instrument.base, other.instrument.quote)
    ]
    greatest, begin = -1.0, market.now
    for at in range(begin, begin + seconds * SECOND, every):
        market.advance(at)
        greatest = max(greatest, *(edge(one, other) for one, other in pairs))
    return greatest


ASSETS = ("BTC", "ETH", "SOL", "BNB", "USDT")
ASIDE = 3e-4  # of an edge, for restoring coins and for quotes that follow a moment later


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_without_dislocations_no_edge_pays_two_fees(seed: int) -> None:
    assert greatest_edge(world(*DEFAULT_RUN, seed=seed, dislocations="off"), 30) < FEES


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_an_edge_pays_two_fees_within_25_seconds_and_never_ten_times_as_much(seed: int) -> None:
    assert FEES + ASIDE < greatest_edge(world(*CHEAP, seed=seed, assets=ASSETS), 25) < 10 * FEES
