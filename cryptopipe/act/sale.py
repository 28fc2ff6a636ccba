"""What coins bring where they are, and the order that sells them now.

Enters: an instrument, an amount, the view, fees, how much worse than the best bid is borne. Leaves: proceeds over the
ladder, an order's size and limit, or why there is none. Never: an order beyond that bound or off the venue's grid.
"""

from dataclasses import dataclass
from decimal import Decimal

from cryptopipe.market.view import View
from cryptopipe.model.facts import FeeSchedule, Instrument, Side, TradingState, ceil_to, floor_to
from cryptopipe.model.money import exact

_BP = Decimal("0.0001")


@dataclass(frozen=True)
class Sale:
    """An immediate order: `quantity` on the instrument's step, at `limit` or better."""

    instrument: Instrument
    quantity: Decimal
    limit: Decimal


@dataclass(frozen=True)
class NoSale:
    """Why there is none; `for_good`: the amount is less than the market trades at the prices of now."""

    why: str
    for_good: bool


def sale(instrument: Instrument, amount: Decimal, view: View, bound_bps: Decimal) -> Sale | NoSale:
    """The order that sells as much of `amount` as the grid lets, at the best bid or `bound_bps` worse."""
    instrument = view.as_told(instrument)
    top, rules = view.top(instrument), instrument.rules
    if top is None or top.bid is None:
        return NoSale(f"{instrument.id}: book {view.state(instrument)}", False)
    if rules is None or instrument.state is not TradingState.TRADING:
        return NoSale(f"{instrument.id}: {instrument.state.value}", False)
    with exact():
        limit = ceil_to(rules.tick, top.bid * (1 - bound_bps * _BP))
        quantity = floor_to(rules.step, amount)
        enough = quantity > 0 and quantity >= rules.min_size and quantity * limit >= rules.min_notional
    if not enough:
        return NoSale(f"{instrument.id} trades no {amount}", True)
    return Sale(instrument, quantity, limit)


def proceeds(instrument: Instrument, amount: Decimal, view: View, fees: FeeSchedule) -> Decimal | None:
    """Quote that `amount` brings now, sold into the bids of a live book after the taker's fee; what these do not take,
    or the step leaves, brings nothing. None where the book cannot be read.
    """
    instrument = view.as_told(instrument)
    if view.top(instrument) is None or instrument.rules is None:
        return None
    total, left = Decimal(0), floor_to(instrument.rules.step, amount)
    with exact():
        for price, size in view.ladder(instrument, Side.SELL):
            taken = min(size, left)
            total += price * taken
            left -= taken
            if left <= 0:
                break
        return total * (1 - fees.taker_rate)
