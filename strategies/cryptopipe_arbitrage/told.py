"""Transfer edges as opportunities: costs that sum from gross to net, the way of the coins, the forecast.

Enters: a pair with its best candidate, or why there is none. Leaves: an opportunity. Never: a profit that its legs,
fees and dust do not give, at the prices of now.
"""

from decimal import Decimal

from cryptopipe.api import (
    Asset,
    Cost,
    CycleStep,
    Fee,
    Forecast,
    Leg,
    Opportunity,
    Reason,
    Transit,
    exact,
    in_bps,
    price_ratio,
    rounded,
)
from cryptopipe_arbitrage.ways import Candidate, Pair


def _name(pair: Pair) -> str:
    return f"transfer {pair.buy.instrument.id} {pair.sell.instrument.id}"


def _gross(pair: Pair) -> Decimal:
    gross = price_ratio((pair.buy, pair.sell)) - 1
    return in_bps(Decimal(gross.numerator), Decimal(gross.denominator))


def _fees(pair: Pair) -> tuple[Cost, Cost]:
    first, last = (Cost(f"fee {one.instrument.venue}", one.fees.taker_rate * 10_000) for one in (pair.buy, pair.sell))
    return first, last


def _group(pair: Pair) -> tuple[str, ...]:
    buy, sell = pair.buy.instrument, pair.sell.instrument
    return (
        f"ladder {buy.id} buy", f"balance {buy.venue} {buy.quote}", f"ladder {sell.id} sell",
        f"balance {sell.venue} {sell.base}",
    )  # fmt: skip


def refused(pair: Pair, *why: Reason) -> Opportunity:
    """An edge that pays its trades, and not its way."""
    gross, fees = _gross(pair), _fees(pair)
    with exact():
        net = gross - sum((one.bps for one in fees), Decimal(0))
    legs = tuple(_unsized(step) for step in (pair.buy, pair.sell))
    return Opportunity(
        _name(pair), legs, gross, net, fees, {}, Decimal(0), Asset(pair.buy.instrument.quote), Decimal(0),
        _group(pair), why,
    )  # fmt: skip


def proposed(pair: Pair, best: Candidate, checks: tuple[Reason, ...]) -> Opportunity:
    """The best candidate; `value` is what is certain, or worth as much."""
    outcome, route = best.outcome, best.route
    (passage,) = outcome.passages
    transit = Transit(
        best.way, Asset(route.asset), route.source, route.target, route.chain, route.code, route.out.code,
        route.target_code, route.into.code, passage.amount, passage.fee, passage.arrives, route.out.precision,
        forecast(best),
    )  # fmt: skip
    gross, net = _gross(pair), in_bps(best.value, outcome.spent)
    return Opportunity(
        _name(pair), outcome.legs, gross, net, _costs(pair, best, gross, net), dict(outcome.change), best.value,
        Asset(pair.buy.instrument.quote), outcome.spent, _group(pair), checks, transit,
    )  # fmt: skip


def forecast(best: Candidate) -> Forecast:
    """What is expected of it, to be compared with what comes."""
    flight, drift = best.flight, best.drift
    low, high = flight.interval
    return Forecast(
        minutes=rounded(flight.minutes), late=rounded(flight.stuck), abandon_minutes=rounded(best.abandon),
        sigma=rounded(drift.sigma), kappa=rounded(drift.kappa), edge=rounded(flight.edge),
        expected=rounded(flight.expected), bound=rounded(flight.bound), low=rounded(low), high=rounded(high),
        probability=rounded(flight.probability), certainty=best.value,
    )  # fmt: skip


def _costs(pair: Pair, best: Candidate, gross: Decimal, net: Decimal) -> tuple[Cost, ...]:
    """Lines from gross to net that sum exactly; the last takes depth, lots and compounding together."""
    outcome = best.outcome
    lines = [
        *_fees(pair),
        Cost(f"network {best.route.chain}", in_bps(outcome.passages[0].fee, outcome.legs[0].quantity)),
    ]
    if best.value != outcome.profit:
        with exact():
            risk = outcome.profit - best.value
        lines.append(Cost("risk in flight", in_bps(risk, outcome.spent)))
    with exact():
        rest = gross - net - sum((line.bps for line in lines), Decimal(0))
    return (*lines, Cost("depth and lots", rest))


def _unsized(step: CycleStep) -> Leg:
    price = step.ladder[0][0]
    return Leg(step.instrument, step.side, Decimal(0), price, price, Fee(Decimal(0), step.instrument.quote))
