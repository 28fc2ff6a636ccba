"""Whether coins that were bought are still worth sending.

Enters: a transit, what is held for it, the view, fees, perhaps the strategy's own opinion. Leaves: a verdict. Never: a
withdrawal by a network that is not told to be open now, of an amount it does not take, or for less than what the coins
bring where they are.

The rule, where the strategy has none of its own: what arrives, sold at the target at the prices of now, brings at
least what is held would bring at the source, both over the ladder and after the taker's fee. Where the source's book
cannot be read nothing could be sold there, and they go.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal

from cryptopipe.act.sale import proceeds
from cryptopipe.act.transit_steps import Back, Go, Later, Verdict
from cryptopipe.clock import SECOND
from cryptopipe.evaluate.value import executable_value
from cryptopipe.gate.transfers import route_of
from cryptopipe.market.view import View
from cryptopipe.model.custody import TransferRoute
from cryptopipe.model.facts import Asset, FeeSchedule, Instrument, VenueId
from cryptopipe.model.money import exact
from cryptopipe.model.trading import Opportunity, Transit

Reconsider = Callable[[View, Transit, Decimal], bool]
"""A strategy's own: whether to send what is held, which is asked right before the withdrawal."""


def weigh(
    opportunity: Opportunity,
    held: Decimal,
    owed: Decimal,
    view: View,
    fees: Mapping[VenueId, FeeSchedule],
    numeraire: Asset,
    reconsider: Reconsider | None = None,
    sent_today: Decimal = Decimal(0),
) -> Verdict:
    """Of `held` coins at the source of an opportunity's transit; `owed`: sold from stock at the target already;
    `sent_today`: what left the source in the last 24 hours, in the numeraire.
    """
    transit = opportunity.transit
    assert transit is not None, "only what travels is weighed"
    route = route_of(transit, view)
    if isinstance(route, str):
        return Back(route)
    amount = route.sendable(held)
    worth = executable_value(view, transit.asset, amount, numeraire)
    if worth is None:
        return Later(f"{transit.asset} has no price in {numeraire}")
    why = route.problem(amount, worth, sent_today)
    if why:
        return Back(why)
    hold = int(route.hold_minutes * 60 * SECOND)
    go = Go(amount, route.fee(amount), hold, route.move_out, route.move_in)
    if owed:  # the stock is restored; what is beyond it goes along
        return go
    if reconsider is not None:
        return go if reconsider(view, transit, held) else Back("the strategy sends it no more")
    return _compared(go, opportunity, held, route, view, fees, numeraire)


def _compared(
    go: Go,
    opportunity: Opportunity,
    held: Decimal,
    route: TransferRoute,
    view: View,
    fees: Mapping[VenueId, FeeSchedule],
    numeraire: Asset,
) -> Verdict:
    here, there = opportunity.legs[0].instrument, opportunity.legs[-1].instrument
    left = _worth(here, held, view, fees, numeraire)
    sent = _worth(there, route.arrives(go.amount), view, fees, numeraire)
    if sent is None:
        return Later(f"{there.id}: book {view.state(there)}")
    if left is None or sent >= left:
        return go
    with exact():
        less = left - sent
    return Back(f"worth {less:.4f} {numeraire} more at {here.venue} than at {there.venue}")


def _worth(
    instrument: Instrument, amount: Decimal, view: View, fees: Mapping[VenueId, FeeSchedule], numeraire: Asset
) -> Decimal | None:
    quote = proceeds(instrument, amount, view, fees[instrument.venue])
    return None if quote is None else executable_value(view, instrument.quote, quote, numeraire)
