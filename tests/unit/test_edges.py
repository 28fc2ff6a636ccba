"""Which cycles exist: each once, in both directions, without aliases; and what the strategy says of them."""

from collections.abc import Iterable, Sequence
from decimal import Decimal as D
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from cryptopipe.market.market import Market
from cryptopipe.market.sync import BookSync
from cryptopipe.market.view import View
from cryptopipe.model.events import BookSnapshot
from cryptopipe.model.facts import Asset, FeeSchedule, Instrument, Kind, Side, TradingRules, VenueId
from cryptopipe.model.stream import Proof, SyncRule, apply_always
from cryptopipe.model.trading import Opportunity
from cryptopipe_arbitrage import strategy
from cryptopipe_arbitrage.edges import Cycle, by_instrument, pairs, triangles, without_aliases

pytestmark = pytest.mark.core

RULES = TradingRules(D("0.01"), D("0.001"), D("0.001"), D(0))
RULE = SyncRule(Proof.SEQUENCE, apply_always, apply_always, snapshot_by_request=False)
STARTS = {"USDT": D(1000), "USD": D(1000)}


def market(venue: str, pair: str, kind: Kind = Kind.SPOT, **more: str) -> Instrument:
    base, quote = pair.split("/")
    return Instrument(
        VenueId(venue), more.get("symbol", pair), Asset(base), Asset(quote), kind, RULES, book_of=more.get("book_of")
    )


def names(cycles: Iterable[Cycle]) -> list[str]:
    return sorted(cycle.name for cycle in cycles)


def test_two_venues_make_two_directions() -> None:
    assert names(pairs([market("a", "BTC/USDT"), market("b", "BTC/USDT")], STARTS)) == [
        "two_venue a:BTC/USDT b:BTC/USDT",
        "two_venue b:BTC/USDT a:BTC/USDT",
    ]


@pytest.mark.parametrize("other", ["BTC/USD", "BTC/USDC", "ETH/USDT"])
def test_dollars_and_their_tokens_are_different_assets(other: str) -> None:
    assert pairs([market("a", "BTC/USDT"), market("b", other)], STARTS) == []


def test_an_instrument_that_shows_anothers_book_is_never_beside_it() -> None:
    master = market("a", "BTC/USD")
    alias = market("a", "BTC/USD", symbol="BTC-USDC", book_of="BTC/USD")
    assert without_aliases([alias, master, market("b", "BTC/USD")]) == [master, market("b", "BTC/USD")]
    assert without_aliases([alias]) == [alias]


def test_a_triangle_has_two_directions_and_starts_where_the_stake_is() -> None:
    three = [market("a", "BTC/USDT"), market("a", "ETH/USDT"), market("a", "ETH/BTC")]
    assert names(triangles(three, STARTS)) == [
        "triangle buy a:BTC/USDT buy a:ETH/BTC sell a:ETH/USDT",
        "triangle buy a:ETH/USDT sell a:ETH/BTC sell a:BTC/USDT",
    ]
    assert {cycle.start for cycle in triangles(three, STARTS)} == {"USDT"}
    assert triangles(three, {"EUR": 1}) == []
    assert triangles([*three[:2], market("b", "ETH/BTC")], STARTS) == []
    assert triangles([*three[:2], market("a", "ETH/BTC", Kind.LINEAR_PERPETUAL)], STARTS) == []


ASSETS = ["USDT", "BTC", "ETH", "SOL"]
MARKETS = st.sets(st.tuples(st.sampled_from("ab"), st.permutations(ASSETS).map(lambda p: "/".join(p[:2]))), max_size=8)


@given(MARKETS)
def test_every_triangle_returns_to_its_start_and_none_is_missed(spelled: set[tuple[str, str]]) -> None:
    instruments = [market(venue, pair) for venue, pair in sorted(spelled)]
    found = triangles(instruments, {"USDT": 1})
    for cycle in found:
        held = cycle.start
        for instrument, side in cycle.steps:
            assert held == (instrument.quote if side is Side.BUY else instrument.base)
            held = instrument.base if side is Side.BUY else instrument.quote
        assert held == cycle.start
    # Independently: ordered triples of markets of one venue that one can walk from USDT through two other assets.
    walks = 0
    for three in permutations(instruments, 3):
        if len({i.venue for i in three}) == 1:
            walks += _walk(three, "USDT", ())
    assert len(found) == len({cycle.name for cycle in found}) == walks


def _walk(left: Sequence[Instrument], held: str, seen: tuple[str, ...]) -> int:
    if not left:
        return int(held == "USDT" and len(set(seen)) == 3)
    first = left[0]
    if held not in (first.base, first.quote):
        return 0
    return _walk(left[1:], first.quote if held == first.base else first.base, (*seen, held))


def test_each_instrument_knows_the_cycles_through_it() -> None:
    three = [market("a", "BTC/USDT"), market("a", "ETH/USDT"), market("a", "ETH/BTC")]
    index = by_instrument(triangles(three, STARTS))
    assert {key: len(cycles) for key, cycles in index.items()} == {i.id: 2 for i in three}


def seen(
    books: dict[Instrument, tuple[str, str]],
    settings: dict[str, object] | None = None,
    fees: FeeSchedule | bool = True,
) -> list[Opportunity]:
    """What the strategy says of these best bids and asks, one unit each."""
    world = Market({})
    for instrument, (bid, ask) in books.items():
        sync = BookSync(instrument, RULE)
        rows = [f'[["{price}","1"]]'.encode() for price in (bid, ask)]
        sync.snapshot(BookSnapshot(instrument.symbol, rows[0], rows[1], 1, 0), 1)
        world.books.setdefault(instrument.venue, {})[instrument.symbol] = sync
    schedule = fees if isinstance(fees, FeeSchedule) else FeeSchedule.flat("0", "0", "test", "2026-11-21")
    view = View(world, {i.venue: schedule for i in books} if fees else {}, lambda venue, asset: D(10**6), {})
    made = strategy.make(strategy.settings(**(settings or {"restoring_bps": D(0)})))
    made.start(view.instruments)
    return [o for instrument in books for o in made.evaluate(view, instrument)]


def test_only_an_edge_above_zero_is_told() -> None:
    a, b = market("a", "BTC/USDT"), market("b", "BTC/USDT")
    assert seen({a: ("99", "100"), b: ("100", "101")}) == []
    found = seen({a: ("99", "100"), b: ("101", "102")})
    assert {(o.edge, o.gross_bps) for o in found} == {
        (f"{kind} a:BTC/USDT b:BTC/USDT", D(100)) for kind in ("two_venue", "transfer")
    }


def test_unknown_rules_fees_and_other_kinds_are_obstacles_not_trades() -> None:
    a = market("a", "BTC/USDT")
    perpetual = market("b", "BTC/USDT", Kind.LINEAR_PERPETUAL)
    unruled = Instrument(VenueId("b"), "BTC/USDT", Asset("BTC"), Asset("USDT"))
    prices = ("99", "100"), ("101", "102")
    for other, check in ((perpetual, "kind"), (unruled, "rules")):
        for opportunity in seen({a: prices[0], other: prices[1]}):
            assert [reason.check for reason in opportunity.obstacles] == [check]
            assert all(leg.quantity == 0 for leg in opportunity.legs)
    assert {
        r.check for o in seen({a: prices[0], market("b", "BTC/USDT"): prices[1]}, fees=False) for r in o.obstacles
    } == {"fees"}
    compared = seen({a: prices[0], perpetual: prices[1]}, {"compare_kinds": True, "restoring_bps": D(0)})
    assert all(reason.passed for o in compared for reason in o.obstacles)
    assert all(o.legs[0].quantity == 1 for o in compared)


def test_an_inverse_contract_is_never_compared() -> None:
    a, inverse = market("a", "BTC/USDT"), market("b", "BTC/USDT", Kind.INVERSE_PERPETUAL)
    found = seen({a: ("99", "100"), inverse: ("101", "102")}, {"compare_kinds": True})
    assert found and all([r.check for r in o.obstacles] == ["kind"] for o in found)


def test_contracts_that_are_not_one_unit_of_base_are_never_sized() -> None:
    """Two dollar contracts of two venues are one kind, and their sizes are no bitcoins; nor are those of 0.01 BTC."""
    for kind, size in ((Kind.INVERSE_PERPETUAL, "1"), (Kind.INVERSE_PERPETUAL, "10"), (Kind.LINEAR_PERPETUAL, "0.01")):
        a, b = (replace(market(venue, "BTC/USDT", kind), contract_size=D(size)) for venue in "ab")
        found = seen({a: ("99", "100"), b: ("101", "102")}, {"compare_kinds": True})
        assert found and all([r.check for r in o.obstacles] == ["kind"] for o in found)
        assert all(leg.quantity == 0 for o in found for leg in o.legs)


def test_restoring_the_inventory_is_a_cost() -> None:
    a, b = market("a", "BTC/USDT"), market("b", "BTC/USDT")
    books = {a: ("99", "100"), b: ("101", "102")}
    (free, *_), (charged, *_) = seen(books), seen(books, {"restoring_bps": D(10)})
    assert free.value - charged.value == free.notional * D("0.001")
    assert free.profit == charged.profit
