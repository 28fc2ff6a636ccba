"""Kraken, spot.

Enters: nothing. Leaves: `kraken`, as the entry point names it. Never: a request made at import.
"""

from collections.abc import Mapping, Sequence

from cryptopipe.api import (
    API_VERSION,
    ActionCodec,
    Channel,
    Currency,
    CustodyTerms,
    Dialect,
    ExchangePlugin,
    FeeSchedule,
    Instrument,
    Limit,
    PrivateStream,
    SandboxVenue,
    SimulatedBook,
    SimulatedDesk,
    Subscription,
)
from cryptopipe_kraken.clock import KrakenClock
from cryptopipe_kraken.feed import KrakenFeed
from cryptopipe_kraken.feed_orders import TOGETHER, KrakenOrdersFeed, speaks_level3
from cryptopipe_kraken.feed_v1 import KrakenV1Feed, speaks_v1
from cryptopipe_kraken.listing import KrakenListing
from cryptopipe_kraken.metadata import VENUE, KrakenInstruments
from cryptopipe_kraken.private import KrakenPrivate, KrakenPrivateSigner
from cryptopipe_kraken.signer import KrakenSigner
from cryptopipe_kraken.tradehistory import KrakenTradeHistory

_SECOND = 1_000_000_000


def _sandbox(books: Mapping[str, SimulatedBook]) -> SandboxVenue:
    from cryptopipe_kraken.sandbox import KrakenSandbox  # only who simulates loads it

    return KrakenSandbox(books)


def _trading_sandbox(books: Mapping[str, SimulatedBook], desk: SimulatedDesk) -> SandboxVenue:
    from cryptopipe_kraken.sandbox import KrakenSandbox  # only who simulates loads it

    return KrakenSandbox(books, desk)


def _wallets() -> Sequence[Currency]:
    from cryptopipe_kraken.wallets import wallets  # only who moves or simulates coins reads the table

    return wallets()


def _actions(instruments: Sequence[Instrument]) -> ActionCodec:
    from cryptopipe_kraken.actions import actions  # only who acts loads what leads to ccxt

    return actions(instruments)


def _orders_apart(subscriptions: Sequence[Subscription]) -> Sequence[Sequence[Subscription]]:
    """Single orders have a host of their own, and a limit on what a client subscribes to in a second."""
    usual = [s for s in subscriptions if s.channel is not Channel.ORDERS]
    orders = [s for s in subscriptions if s.channel is Channel.ORDERS]
    parts = [orders[start : start + TOGETHER] for start in range(0, len(orders), TOGETHER)]
    return [usual, *parts] if usual else parts


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
    dialects=(
        Dialect("level3", "", KrakenOrdersFeed, speaks_level3, channels=frozenset({Channel.ORDERS})),
        Dialect("v1", "superseded by v2, frozen, still served (2026-11-21)", KrakenV1Feed, speaks_v1),
    ),
    split=_orders_apart,
    signer=KrakenSigner(),
    metadata=KrakenListing(),
    clock=KrakenClock(),
    # about 150 connections and reconnections of one address in a rolling 10 minutes, then it is banned for 10
    dial_limits=(Limit(150, 600 * _SECOND, "guides/websockets/introduction, as quoted by others, 2026-11-21"),),
    # public endpoints "at a frequency of 1 per second (or less)"
    fetch_limits=(Limit(1, _SECOND, "support.kraken.com/articles/206548367, 2026-11-21"),),
    sandbox=_sandbox,
    trade_history=KrakenTradeHistory(),
    trading_sandbox=_trading_sandbox,
    wallets=_wallets,
    actions=_actions,
    private=PrivateStream(KrakenPrivate, KrakenPrivateSigner()),
    custody=CustodyTerms(
        "docs.kraken.com get-withdrawal-addresses: withdrawals go to addresses that were set up before",
        "2026-11-21",
        address_book=True,
        trades_from="trading",
        withdraws_from="trading",
        credits_to="trading",
    ),
    first_choice=True,
)
