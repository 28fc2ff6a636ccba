"""Kraken, spot.

Enters: nothing. Leaves: `kraken`, as the entry point names it. Never: a request made at import.
"""

from cryptopipe.api import API_VERSION, Dialect, ExchangePlugin, FeeSchedule
from cryptopipe_kraken.feed import KrakenFeed
from cryptopipe_kraken.feed_v1 import KrakenV1Feed, speaks_v1
from cryptopipe_kraken.metadata import VENUE, KrakenInstruments

kraken = ExchangePlugin(
    venue=VENUE,
    api_version=API_VERSION,
    docs="https://docs.kraken.com/exchange/api-reference/spot-websocket",
    feed=KrakenFeed,
    instruments=KrakenInstruments(),
    # Charged in the quote asset unless an order says otherwise ("Fee Currency", same page).
    fees=FeeSchedule.flat(
        "0.0025",
        "0.0040",
        "kraken.com/features/fee-schedule, lowest tier; table not read, AssetPairs answers in open-source tests say so",
        "2026-11-21",
    ),
    dialects=(Dialect("v1", "superseded by v2, frozen, still served (2026-11-21)", KrakenV1Feed, speaks_v1),),
    first_choice=True,
)
