"""Every other venue of ccxt, read by ccxt itself: `ccxt_kucoin`, `ccxt_bitget`, …

Enters: a name. Leaves: a plugin whose frames come from ccxt's own client. Never: an import of ccxt before a connection
is made (it takes seconds), or a book that is called proven.
"""

import re

from cryptopipe.api import API_VERSION, ExchangeFamily, ExchangePlugin, FeeSchedule, UsageError, VenueId
from cryptopipe_ccxt.feed import CcxtFeed
from cryptopipe_ccxt.metadata import CcxtInstruments
from cryptopipe_ccxt.source import frames

_PREFIX = "ccxt_"


def _venue(name: str) -> ExchangePlugin:
    """Whether ccxt has it is asked when it is dialled: a capture is replayed where there is no ccxt, or another one."""
    exchange = name.removeprefix(_PREFIX)
    if not re.fullmatch(r"[a-z][a-z0-9_]*", exchange):
        raise UsageError(f"no exchange of ccxt is called {exchange!r}", where=name, fix="ccxt_NAME, as ccxt spells it")
    return ExchangePlugin(
        venue=VenueId(name),
        api_version=API_VERSION,
        docs="https://docs.ccxt.com",
        feed=lambda: CcxtFeed(exchange),
        instruments=CcxtInstruments(VenueId(name)),
        # What a venue takes is not known without asking it; this is the highest of the base tiers that ccxt 4.5.90
        # quotes for its venues' spot markets (0.6 % Coinbase), so that an edge is never found for want of a fee.
        fees=FeeSchedule.flat(
            "0.0060",
            "0.0060",
            "not this venue's own: a high guess, set venues.NAME.taker_fee_bps",
            "2026-11-21",
            "received",
        ),
        source=frames,
    )


family = ExchangeFamily(_PREFIX + "*", API_VERSION, "https://docs.ccxt.com", _venue)
