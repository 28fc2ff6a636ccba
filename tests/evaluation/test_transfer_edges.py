"""The strategy's edges in flight: which way, by which network, of which size; and every reason why not.

Books, networks and prices are made here; what the strategy says is compared with arithmetic done again from its legs.
"""

from collections.abc import Mapping
from decimal import Decimal as D
from math import exp, sqrt
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from cryptopipe.clock import SECOND, Nanos
from cryptopipe.market.market import Market
from cryptopipe.market.networks import Custody, Networks
from cryptopipe.market.sync import BookSync
from cryptopipe.market.view import View
from cryptopipe.model.custody import CustodyTerms
from cryptopipe.model.events import BookSnapshot
from cryptopipe.model.facts import Asset, Currency, FeeSchedule, Instrument, Kind, Network, TradingRules, VenueId
from cryptopipe.model.stream import Proof, SyncRule, apply_always
from cryptopipe.model.trading import Opportunity, Way
from cryptopipe_arbitrage import strategy

A, B, X, USDT = VenueId("a"), VenueId("b"), Asset("X"), Asset("USDT")
RULES = TradingRules(D("0.0001"), D("0.001"), D("0.01"), D(5))
RULE = SyncRule(Proof.SEQUENCE, apply_always, apply_always, snapshot_by_request=False)
BUY, SELL, PERPETUAL = (
    Instrument(venue, symbol, X, USDT, kind, RULES)
    for venue, symbol, kind in ((A, "X/USDT", Kind.SPOT), (B, "X/USDT", Kind.SPOT), (B, "X-P", Kind.LINEAR_PERPETUAL))
)
FEES = FeeSchedule.flat("0.001", "0.001", "made up", "2026-11-21")
TERMS = CustodyTerms("made up", "2026-11-21", False, D(0), D(10**6), "one", "one", "one", D(0))
FAST = Network("FAST", "solana", "", True, True, D("0.01"), precision=4, confirmations=1)
SLOW = Network("SLOW", "bitcoin", "", True, True, D("0.002"), precision=4, confirmations=3)
NOW: Nanos = 1_700_000_000 * SECOND
MINUTES = 20


def year(volatility: float) -> float:
    """Of the log price, per half a second."""
    return volatility / sqrt(365 * 24 * 3600 * 2)


def made(
    edge_bps: float,
    networks: tuple[Network, ...] = (FAST,),
    volatility: float = 0.3,
    stock: D = D(0),
    settings: Mapping[str, Any] | None = None,
    minutes: int = MINUTES,
    perpetual: bool = False,
    apart: float = 0.02,
    terms: CustodyTerms = TERMS,
) -> list[Opportunity]:
    """What is said of a market whose second venue has paid so much more for all of the window."""
    random, logs = Random(11), 0.0
    markets = [BUY, SELL, *([PERPETUAL] if perpetual else [])]
    world = Market({})
    syncs = [BookSync(one, RULE) for one in markets]
    for sync in syncs:
        world.books.setdefault(sync.instrument.venue, {})[sync.instrument.symbol] = sync
    for step in range(minutes * 120):
        logs += year(volatility) * random.gauss(0, 1)
        at = NOW - (minutes * 120 - 1 - step) * SECOND // 2
        for sync in syncs:
            price = 100 * exp(logs) * (1 if sync.instrument is BUY else 1 + edge_bps / 1e4)
            rows = [f'[["{price + way * (0.01 + n * apart):.4f}","{20 + n}"]]' for way in (-1, 1) for n in range(2)]
            bids, asks = (f"[{rows[k][1:-1]},{rows[k + 1][1:-1]}]".encode() for k in (0, 2))
            sync.snapshot(BookSnapshot(sync.instrument.symbol, bids, asks, step + 1, at), at)
    known = Networks(world.listings, Custody({A: terms, B: terms}, lambda *name: True))
    for venue in (A, B):
        known.tell(venue, (Currency(venue, "X", X, networks),), NOW)
    held = {(A, USDT): D(100_000), (B, X): stock, (B, USDT): D(100_000)}
    view = View(world, {A: FEES, B: FEES}, lambda venue, asset: held.get((venue, asset), D(0)), {}, known)
    view.now, view.turn = NOW, 1
    told = strategy.make(strategy.settings(**{"kinds": ("transfer",), **(settings or {})}))
    told.start(markets)
    return list(told.evaluate(view, SELL))


def failed(found: list[Opportunity]) -> dict[str, str]:
    (one,) = found
    return {reason.check: reason.measured for reason in one.obstacles if not reason.passed}


def test_an_edge_that_does_not_pay_its_trades_is_the_inventorys_to_tell() -> None:
    assert made(edge_bps=15) == []


def test_a_wide_edge_over_a_quick_network_is_sent() -> None:
    (found,) = made(edge_bps=150)
    transit = found.transit
    assert transit is not None and failed([found]) == {}
    assert (transit.way, transit.chain, transit.source, transit.target) == (Way.TRANSFER, "solana", A, B)
    assert found.value == transit.forecast.certainty > 0
    assert 0.9 < transit.forecast.probability <= 1
    assert transit.forecast.bound < transit.forecast.expected <= transit.forecast.edge


def test_amounts_chain_through_fees_rounding_and_dust_to_the_profit() -> None:
    (found,) = made(edge_bps=150)
    transit, (buy, sell) = found.transit, found.legs
    assert transit is not None
    assert transit.amount <= buy.quantity < transit.amount + D("0.0001") + RULES.step
    assert transit.amount % D("0.0001") == 0
    assert transit.arrives == transit.amount - D("0.01")
    assert sell.quantity <= transit.arrives < sell.quantity + RULES.step
    spent = buy.quantity * buy.vwap * D("1.001")
    received = sell.quantity * sell.vwap * D("0.999")
    assert abs(found.notional - spent) < D("1e-8")
    assert abs(found.profit[USDT] - (received - spent)) < D("1e-8")
    dust = buy.quantity - transit.amount + transit.arrives - sell.quantity
    assert found.profit.get(X, D(0)) == dust
    costs = sum((cost.bps for cost in found.costs), D(0))
    assert found.gross_bps - costs == found.net_bps


def test_what_moves_more_is_not_sent_for_the_same_edge() -> None:
    assert failed(made(edge_bps=150, volatility=8.0)).keys() & {"time_risk", "certainty"}


def test_the_bound_is_the_published_one() -> None:
    """For a law with mean m and variance v of what arrives, c·σ√… as in `settlement.py`; γ = 0 asks for nothing."""
    settings = {"transfer": {"bound_gamma": "0"}}
    (found,) = made(edge_bps=150, volatility=8.0, settings=settings)
    assert found.transit is not None and found.transit.forecast.bound == 0
    assert "time_risk" not in failed([found])


def test_a_short_window_sends_nothing_but_sells_from_stock() -> None:
    assert failed(made(edge_bps=150, minutes=3)).keys() == {"volatility", "network_fee"}
    (found,) = made(edge_bps=150, minutes=3, stock=D(500))
    assert found.transit is not None and found.transit.way is Way.STOCK
    assert found.value == found.profit[USDT]


def test_stock_that_is_at_hand_is_worth_more_than_waiting() -> None:
    (travels,), (stocked,) = made(edge_bps=150), made(edge_bps=150, stock=D(500))
    assert stocked.transit is not None and stocked.transit.way is Way.STOCK
    assert stocked.value > travels.value
    (only,) = made(edge_bps=150, stock=D(500), settings={"transfer": {"ways": ("transfer",)}})
    assert only.transit is not None and only.transit.way is Way.TRANSFER


def test_a_dearer_network_is_paid_for_its_speed_where_prices_move() -> None:
    """In quiet the cheap network is worth more; where prices move its hour of waiting is not paid."""
    both = (FAST, SLOW)
    (quiet,), (moving,) = made(150, both, volatility=0.02), made(150, both, volatility=1.5)
    assert quiet.transit is not None and quiet.transit.chain == "bitcoin"
    assert moving.transit is not None and moving.transit.chain == "solana"
    assert failed([moving]) == {} and failed(made(150, (SLOW,), volatility=1.5)).keys() & {"time_risk", "certainty"}


@pytest.mark.parametrize(
    ("network", "says"),
    [
        (replace(FAST, withdrawals=False), "custody premium: solana: withdrawals are suspended"),
        (replace(FAST, deposits=None), "solana: deposits are not told to be open"),
        (replace(FAST, withdrawal_fee=None), "solana: its fee is not told"),
        (replace(FAST, chain="nowhere"), ""),
    ],
)
def test_no_edge_goes_by_a_network_that_is_not_told_to_be_open(network: Network, says: str) -> None:
    told = failed(made(edge_bps=150, networks=(network,)))
    assert told.get("route", "") == says
    assert says or "transfer_time" in told


def test_a_network_that_takes_more_than_the_edge_is_named() -> None:
    assert "network_fee" in failed(made(edge_bps=30, networks=(replace(FAST, withdrawal_fee=D(2)),)))


def test_a_hedged_transit_is_judged_and_not_carried_out() -> None:
    careful = {"transfer": {"risk_tolerance": "100"}}
    (found,) = made(edge_bps=150, volatility=8.0, perpetual=True, settings=careful)
    ways = next(reason.measured for reason in found.obstacles if reason.check == "ways")
    assert "hedged over solana" in ways
    worth = {text.split(" ")[0]: float(text.split(" ")[-1]) for text in ways.split(", ")}
    assert worth["hedged"] > worth["transfer"]  # its perpetual moves with the coin
    assert found.transit is not None and found.transit.way is Way.TRANSFER


def test_a_smaller_tolerance_for_risk_sends_less() -> None:
    brave, careful = (
        made(150, volatility=3.0, settings={"transfer": {"bound_gamma": "0", "risk_tolerance": tolerance}})[0]
        for tolerance in ("100000", "20")
    )
    assert 0 < careful.notional < brave.notional
    assert careful.transit is not None and brave.transit is not None
    assert careful.value < brave.value


def test_of_a_ladder_that_thins_only_what_clears_the_bound_is_sent() -> None:
    """Its second level is 60 basis points worse: both together do not clear the bound, a part of them does."""
    settings = {"transfer": {"risk_tolerance": "1000000"}}
    (thin,) = made(150, volatility=2.0, apart=0.6, settings=settings)
    (whole,) = made(150, volatility=0.1, apart=0.6, settings=settings)
    assert failed([thin]) == {} == failed([whole])
    assert 20 < thin.legs[0].quantity < whole.legs[0].quantity
    assert thin.transit is not None and whole.transit is not None
    assert whole.transit.forecast.edge < thin.transit.forecast.bound < thin.transit.forecast.expected


def test_what_the_wait_takes_off_is_a_cost_of_its_own() -> None:
    (found,) = made(150, volatility=3.0, settings={"transfer": {"bound_gamma": "0", "risk_tolerance": "200"}})
    costs = {cost.name: cost.bps for cost in found.costs}
    assert costs["risk in flight"] > 0
    lost = (found.profit[USDT] - found.value) / found.notional * 10_000
    assert abs(costs["risk in flight"] - lost) < D("1e-6")


def test_a_deposit_that_is_held_is_a_longer_wait() -> None:
    (held,), (free,) = made(150, terms=replace(TERMS, hold_minutes=D(7))), made(150)
    assert held.transit is not None and free.transit is not None
    assert abs(held.transit.forecast.minutes - free.transit.forecast.minutes - 7) < D("0.05")
