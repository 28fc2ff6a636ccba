"""Coinbase: Advanced Trade and Exchange, two venues with two protocols.

Enters: nothing. Leaves: `coinbase` (Advanced Trade) and `coinbase_exchange`, as the entry points name them. Never: a
request made at import.
"""

from cryptopipe.api import API_VERSION, ExchangePlugin, FeeSchedule
from cryptopipe_coinbase.feed import CoinbaseFeed
from cryptopipe_coinbase.feed_exchange import CoinbaseExchangeFeed
from cryptopipe_coinbase.metadata import ADVANCED, EXCHANGE, CoinbaseInstruments

coinbase = ExchangePlugin(
    venue=ADVANCED,
    api_version=API_VERSION,
    docs="https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-channels",
    feed=CoinbaseFeed,
    instruments=CoinbaseInstruments(ADVANCED),
    # The page (read in a stored copy) shows its table only to those signed in; two open-source projects quote this.
    fees=FeeSchedule.flat(
        "0.0060",
        "0.0120",
        "help.coinbase.com advanced-trade-fees, tier Intro 1 as quoted by third parties, not confirmed",
        "2026-11-21",
    ),
    first_choice=True,
)
coinbase_exchange = ExchangePlugin(
    venue=EXCHANGE,
    api_version=API_VERSION,
    docs="https://docs.cdp.coinbase.com/exchange/websocket-feed/channels",
    feed=CoinbaseExchangeFeed,
    instruments=CoinbaseInstruments(EXCHANGE),
    fees=FeeSchedule.flat(
        "0.0040", "0.0060", "help.coinbase.com exchange-fees, tier $0K-$10K, read in a stored copy", "2026-11-21"
    ),
)
