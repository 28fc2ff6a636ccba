"""How far the limits of a cycle's orders may give way, so that a tick's move does not leave one leg naked.

Enters: sized legs with what each may spend, the net edge. Leaves: the same legs with wider limits, on the tick. Never:
limits at which the cycle as a whole would lose, or an order that could spend more than is at hand.
"""

from collections.abc import Sequence
from decimal import ROUND_FLOOR, Decimal

import msgspec

from cryptopipe.api import CycleStep, Leg, Side, ceil_to, exact, floor_to, in_bps

_BP = Decimal("0.0001")
_FINEST = Decimal("0.000001")


def conceding(legs: Sequence[Leg], steps: Sequence[CycleStep], net_bps: Decimal, share: Decimal) -> tuple[Leg, ...]:
    """Each leg's limit gives way by an equal part of `share` of the net edge that is left with every order filled
    wholly at its limit; not at all where that is nothing.
    """
    # n steps of a share p each, of prices that differ by the edge e, cost (1-p)^n >= 1 - np: np may be e / (1 + e).
    impact = sum((in_bps(abs(leg.limit - leg.vwap), leg.vwap) for leg in legs), Decimal(0))
    bearable = net_bps / (1 + net_bps * _BP) if net_bps > 0 else Decimal(0)
    each = (share * max(Decimal(0), bearable - impact) / len(legs)).quantize(_FINEST, ROUND_FLOOR)
    return tuple(_given(leg, step, each * _BP) for leg, step in zip(legs, steps, strict=True))


def _given(leg: Leg, step: CycleStep, part: Decimal) -> Leg:
    rules = leg.instrument.rules
    if rules is None or not part:
        return leg
    with exact():
        if leg.side is Side.SELL:
            limit = min(leg.limit, ceil_to(rules.tick, leg.limit * (1 - part)))
        else:
            limit = max(leg.limit, floor_to(rules.tick, leg.limit * (1 + part)))
            cost = leg.quantity * limit * (1 + step.fees.taker_rate)
            if cost > step.at_hand:
                return leg
    return msgspec.structs.replace(leg, limit=limit)
