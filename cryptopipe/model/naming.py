"""What an edge is called wherever a person reads of it.

Enters: instruments, opportunities. Leaves: short names. Never: an identity: two instruments of a venue may be called
alike.
"""

from cryptopipe.model.facts import Instrument, Kind, Side
from cryptopipe.model.trading import Opportunity


def pair_of(instrument: Instrument) -> str:
    """`BTC/USDT`, the same on every venue; a contract on it is another thing: `BTC/USDT perp`."""
    return f"{instrument.base}/{instrument.quote}" + ("" if instrument.kind is Kind.SPOT else " perp")


def named(opportunity: Opportunity) -> tuple[str, str]:
    """What is traded and where: the pair and both venues, buying first, or the way of a cycle and its venues."""
    legs = opportunity.legs
    pairs, venues = {pair_of(leg.instrument) for leg in legs}, dict.fromkeys(leg.instrument.venue for leg in legs)
    if len(legs) == 2 and len(pairs) == 1:
        buy, sell = sorted(legs, key=lambda leg: leg.side is Side.SELL)
        return pairs.pop(), f"{buy.instrument.venue} → {sell.instrument.venue}"
    first = legs[0].instrument
    way = [first.quote if legs[0].side is Side.BUY else first.base]
    way += [leg.instrument.base if leg.side is Side.BUY else leg.instrument.quote for leg in legs]
    return "→".join(way), " → ".join(venues)
