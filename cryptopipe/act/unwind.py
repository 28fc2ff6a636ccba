"""Closes what a plan's unfilled legs have left, at once, at the best of the plan's own markets.

Enters: a plan that has ended with exposure, the view, fees, balances, how much worse than the best price is borne.
Leaves: orders that reduce the exposure. Never: an order that turns it round, spends more than is at hand, or is priced
beyond that bound.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal

from cryptopipe.act.plan import Plan
from cryptopipe.market.view import View
from cryptopipe.model.facts import Asset, FeeSchedule, Instrument, Kind, Side, TradingState, VenueId, ceil_to, floor_to
from cryptopipe.model.money import exact
from cryptopipe.model.trading import Order

_BP = Decimal("0.0001")


def closing_orders(
    plan: Plan,
    exposure: Mapping[Asset, Decimal],
    view: View,
    fees: Mapping[VenueId, FeeSchedule],
    balance: Callable[[VenueId, Asset], Decimal],
    bound_bps: Decimal,
) -> tuple[Order, ...]:
    """One order for each exposed asset that a market of the plan trades as its base: where it is sold dearest, or
    bought cheapest, after the fee. Where the plan has a market of it against the asset that it began in, only such:
    prices in different assets cannot be compared, and what is paid in another exposed asset makes an exposure of that.
    None for a bound of zero, or where no such book is live.
    """
    orders: list[Order] = []
    start = plan.decision.opportunity.numeraire
    markets = dict.fromkeys(leg.instrument for leg in plan.decision.opportunity.legs)
    for asset, amount in exposure.items() if bound_bps else ():
        against = {one.quote for one in markets if one.base == asset}
        found = [
            (price, order)
            for instrument in markets
            if instrument.base == asset and instrument.kind is Kind.SPOT
            if start not in against or instrument.quote == start
            for paid in (view.fees(instrument) or fees[instrument.venue],)
            for price, order in _order(plan, instrument, amount, view, paid, balance, bound_bps)
        ]
        if found:
            best = max(found, key=lambda one: one[0]) if amount > 0 else min(found, key=lambda one: one[0])
            orders.append(best[1])
    return tuple(orders)


def _order(
    plan: Plan,
    instrument: Instrument,
    amount: Decimal,
    view: View,
    fees: FeeSchedule,
    balance: Callable[[VenueId, Asset], Decimal],
    bound_bps: Decimal,
) -> list[tuple[Decimal, Order]]:
    """(price after fee, order), or nothing where it cannot be placed."""
    instrument = view.as_told(instrument)
    top, rules = view.top(instrument), instrument.rules
    price = None if top is None else top.bid if amount > 0 else top.ask
    if price is None or rules is None or instrument.state is not TradingState.TRADING:
        return []
    venue, rate = instrument.venue, fees.taker_rate
    with exact():
        if amount > 0:
            side, net = Side.SELL, price * (1 - rate)
            limit = ceil_to(rules.tick, price * (1 - bound_bps * _BP))
            quantity = floor_to(rules.step, min(amount, balance(venue, instrument.base)))
            affordable = True
        else:
            side, net = Side.BUY, price * (1 + rate)
            limit = floor_to(rules.tick, price * (1 + bound_bps * _BP))
            quantity = floor_to(rules.step, -amount)
            affordable = quantity * limit * (1 + rate) <= balance(venue, instrument.quote)
        feasible = quantity > 0 and quantity >= rules.min_size and quantity * limit >= rules.min_notional
    if not (feasible and affordable):
        return []
    client_id = plan.naming(f"d{plan.decision.decision_id}-{len(plan.orders) + 1}-{instrument.base}")
    return [(net, Order(client_id, plan.decision.decision_id, instrument, side, quantity, limit))]


def missing_order(
    client_id: str,
    number: int,
    instrument: Instrument,
    amount: Decimal,
    view: View,
    fees: FeeSchedule,
    balance: Callable[[VenueId, Asset], Decimal],
    bound_bps: Decimal,
) -> Order | None:
    """Buys `amount` of the base that a decision still needs, at the best ask or up to `bound_bps` worse; None where
    that is less than a lot, cannot be paid, or cannot be bought now.
    """
    instrument = view.as_told(instrument)
    top, rules = view.top(instrument), instrument.rules
    if top is None or top.ask is None or rules is None or instrument.state is not TradingState.TRADING or not bound_bps:
        return None
    with exact():
        limit = floor_to(rules.tick, top.ask * (1 + bound_bps * _BP))
        quantity = floor_to(rules.step, amount) if amount > 0 else Decimal(0)
        feasible = quantity > 0 and quantity >= rules.min_size and quantity * limit >= rules.min_notional
        paid = quantity * limit * (1 + fees.taker_rate) <= balance(instrument.venue, instrument.quote)
    if not (feasible and paid):
        return None
    return Order(client_id, number, instrument, Side.BUY, quantity, limit)
