"""Coinbase: Advanced Trade and Exchange, two venues with two protocols.

Enters: nothing. Leaves: `coinbase` (Advanced Trade) and `coinbase_exchange`, as the entry points name them. Never: a
request made at import.
"""

from collections.abc import Mapping, Sequence

from cryptopipe.api import (
    API_VERSION,
    ActionCodec,
    Channel,
    Credentials,
    Currency,
    CustodyTerms,
    Dialect,
    ExchangePlugin,
    FeeSchedule,
    Instrument,
    Limit,
    SandboxVenue,
    SimulatedBook,
    SimulatedDesk,
    Subscription,
)
from cryptopipe_coinbase.feed import CoinbaseFeed
from cryptopipe_coinbase.feed_exchange import CoinbaseExchangeFeed
from cryptopipe_coinbase.feed_orders import CoinbaseOrderBooks, CoinbaseOrdersFeed, speaks_orders
from cryptopipe_coinbase.listing import AdvancedListing, ExchangeListing
from cryptopipe_coinbase.metadata import ADVANCED, EXCHANGE, CoinbaseInstruments
from cryptopipe_coinbase.private import private
from cryptopipe_coinbase.private_advanced import private as private_advanced
from cryptopipe_coinbase.servertime import AdvancedClock, ExchangeClock
from cryptopipe_coinbase.signer import CoinbaseExchangeSigner
from cryptopipe_coinbase.tradehistory import AdvancedTradeHistory, ExchangeTradeHistory

_SECOND = 1_000_000_000


def _advanced(books: Mapping[str, SimulatedBook]) -> SandboxVenue:
    from cryptopipe_coinbase.sandbox import advanced  # only who simulates loads it

    return advanced(books)


def _exchange(books: Mapping[str, SimulatedBook]) -> SandboxVenue:
    from cryptopipe_coinbase.sandbox import exchange  # only who simulates loads it

    return exchange(books)


def _trading_exchange(books: Mapping[str, SimulatedBook], desk: SimulatedDesk) -> SandboxVenue:
    from cryptopipe_coinbase.sandbox import trading_exchange  # only who simulates loads it

    return trading_exchange(books, desk)


def _trading_advanced(books: Mapping[str, SimulatedBook], desk: SimulatedDesk) -> SandboxVenue:
    from cryptopipe_coinbase.sandbox import trading_advanced  # only who simulates loads it

    return trading_advanced(books, desk)


def _advanced_key(own: Credentials) -> Credentials:
    from cryptopipe_coinbase.sandbox_keys_advanced import sandbox_key  # only who simulates loads it

    return sandbox_key(own)


def _advanced_wallets() -> Sequence[Currency]:
    from cryptopipe_coinbase.wallets import wallets  # only who simulates loads it

    return wallets(ADVANCED)


def _wallets() -> Sequence[Currency]:
    from cryptopipe_coinbase.wallets import wallets  # only who simulates loads it

    return wallets(EXCHANGE)


def _advanced_actions(instruments: Sequence[Instrument]) -> ActionCodec:
    from cryptopipe_coinbase.actions_advanced import actions  # only who asks with a key loads it

    return actions(instruments)


def _actions(instruments: Sequence[Instrument]) -> ActionCodec:
    from cryptopipe_coinbase.actions import actions  # only who asks with a key loads it

    return actions(instruments)


def _orders_apart(subscriptions: Sequence[Subscription]) -> Sequence[Sequence[Subscription]]:
    """Single orders come over a connection of their own, which is signed."""
    parts = ([s for s in subscriptions if (s.channel is Channel.ORDERS) is orders] for orders in (False, True))
    return [part for part in parts if part]


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
    metadata=AdvancedListing(),
    clock=AdvancedClock(),
    # "8 per second per IP address" for connections (coinbase-business has another number, 750). Requests: 10 a second
    # per address on public endpoints; the page itself was not found.
    dial_limits=(
        Limit(8, _SECOND, "docs.cdp.coinbase.com advanced-trade-apis/websocket/websocket-rate-limits, 2026-11-21"),
    ),
    fetch_limits=(Limit(10, _SECOND, "rest-api/rate-limits, as others quote it, 2026-11-21"),),
    sandbox=_advanced,
    trade_history=AdvancedTradeHistory(),
    actions=_advanced_actions,
    private=private_advanced(),
    trading_sandbox=_trading_advanced,
    wallets=_advanced_wallets,
    sandbox_key=_advanced_key,
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
    dialects=(
        Dialect(
            "full",
            "",
            CoinbaseOrdersFeed,
            speaks_orders,
            channels=frozenset({Channel.ORDERS}),
            snapshots=CoinbaseOrderBooks(),
        ),
    ),
    split=_orders_apart,
    signer=CoinbaseExchangeSigner(),
    metadata=ExchangeListing(),
    clock=ExchangeClock(),
    # "Requests per second per IP: 8" and "Requests per second per IP: 10", more in bursts
    dial_limits=(Limit(8, _SECOND, "docs.cdp.coinbase.com/exchange/websocket-feed/rate-limits, 2026-11-21"),),
    fetch_limits=(Limit(10, _SECOND, "docs.cdp.coinbase.com/exchange/rest-api/rate-limits, 2026-11-21"),),
    sandbox=_exchange,
    trade_history=ExchangeTradeHistory(),
    actions=_actions,
    private=private(),
    custody=CustodyTerms(
        "docs.cdp.coinbase.com exchange/travel-rule/withdrawals; from which amount on it does not say",
        "2026-11-21",
        address_book=False,
        trades_from="trading",
        withdraws_from="trading",
        credits_to="trading",
    ),
    trading_sandbox=_trading_exchange,
    wallets=_wallets,
)
