"""Bybit: one unified account with spot pairs and perpetual contracts.

Enters: nothing. Leaves: `bybit`, as the entry point names it. Never: a request made at import.
"""

from cryptopipe.api import API_VERSION, Dialect, ExchangePlugin, FeeSchedule
from cryptopipe_bybit.feed import BybitFeed
from cryptopipe_bybit.market import VENUE, speaks_spot, split, spot_name
from cryptopipe_bybit.metadata import BybitInstruments

bybit = ExchangePlugin(
    venue=VENUE,
    api_version=API_VERSION,
    docs="https://bybit-exchange.github.io/docs/v5/websocket/public/orderbook",
    feed=BybitFeed,
    instruments=BybitInstruments(),
    # A schedule is one venue's: the dearer one is given. Contracts pay 0.0002 and 0.00055, in the quote asset.
    fees=FeeSchedule.flat(
        "0.0010",
        "0.0010",
        "bybit.com help center, Bybit Fees You Need to Know, VIP 0 spot as mirrored by others; of which coin it is "
        "taken: docs/v5/enum, Spot Fee Currency Instruction",
        "2026-11-21",
        "received",
    ),
    dialects=(Dialect("spot", "", lambda: BybitFeed(spot_name), speaks_spot),),
    split=split,
    first_choice=True,
)
