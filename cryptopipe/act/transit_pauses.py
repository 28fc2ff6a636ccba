"""How long a transit waits for what.

Enters: a forecast, how often something was tried. Leaves: pauses. Never: a pause of no length.
"""

from cryptopipe.act.pursuit import Pause
from cryptopipe.clock import SECOND, Nanos
from cryptopipe.model.trading import Forecast

NEVER_MADE_AFTER: Nanos = 60 * SECOND
"""A withdrawal whose answer was lost, and that its venue does not list so long afterwards, was never made: requests are
taken for seconds, and lists are late by seconds.
"""
HELD_FOR: Nanos = 60 * SECOND
"""Coins that cannot be weighed so long, for want of a live book or an answer, are sold where they are."""
FIRST_SALE_PAUSE, LONGEST_SALE_PAUSE = SECOND // 5, 5 * SECOND
"""After an order that left something unsold, doubled each time up to the other."""
LEAST_LOOK, LONGEST_LOOK, LATE_LOOK = SECOND, 30 * SECOND, 60 * SECOND
"""Between two looks at a transfer: a thirtieth of its mean time within these bounds; the last where it is late."""
EARLIER: Nanos = 60 * SECOND
"""Transfers are listed from so long before they were asked for: venues' clocks differ."""
MOVED_AGAIN, MOVES_AT_MOST = 5 * SECOND, 12
"""What is credited, or came back, and cannot be moved to the wallet of orders is tried again so often, and then sold as
if it were there.
"""


def look_pause(forecast: Forecast, late: bool) -> Pause:
    """Before the next look at a transfer."""
    usual = int(forecast.minutes * 60 * SECOND) // 30
    return Pause(LATE_LOOK if late else min(max(LEAST_LOOK, usual), LONGEST_LOOK))


def sale_pause(tries: int) -> Pause:
    """Before the next order to sell, after so many that sold nothing."""
    return Pause(min(FIRST_SALE_PAUSE << min(tries, 10), LONGEST_SALE_PAUSE))
