"""Bybit: one unified account with spot pairs and perpetual contracts.

Enters: nothing. Leaves: `bybit`, as the entry point names it. Never: a request made at import.
"""

from collections.abc import Mapping, Sequence

from cryptopipe.api import (
    API_VERSION,
    ActionCodec,
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
)
from cryptopipe_bybit.feed import BybitFeed
from cryptopipe_bybit.listing import BybitListing
from cryptopipe_bybit.market import VENUE, speaks_spot, split, spot_name
from cryptopipe_bybit.metadata import BybitInstruments
from cryptopipe_bybit.private import STREAM
from cryptopipe_bybit.servertime import BybitClock
from cryptopipe_bybit.tradehistory import BybitTradeHistory

_SECOND = 1_000_000_000

_LIMITS = "docs/v5/rate-limit, read in copies, 2026-11-21"


def _sandbox(books: Mapping[str, SimulatedBook]) -> SandboxVenue:
    from cryptopipe_bybit.sandbox import BybitSandbox  # only who simulates loads it

    return BybitSandbox(books)


def _trading_sandbox(books: Mapping[str, SimulatedBook], desk: SimulatedDesk) -> SandboxVenue:
    from cryptopipe_bybit.sandbox_private import BybitTradingSandbox

    return BybitTradingSandbox(books, desk)


def _wallets() -> Sequence[Currency]:
    from cryptopipe_bybit.wallets import wallets

    return wallets()


def _actions(instruments: Sequence[Instrument]) -> ActionCodec:
    from cryptopipe_bybit.actions import actions

    return actions(instruments)


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
    clock=BybitClock(),
    metadata=BybitListing(),
    # "Do not establish more than 500 connections within a 5-minute window", "600 requests within a 5-second window per
    # IP".
    dial_limits=(Limit(500, 300 * _SECOND, _LIMITS),),
    fetch_limits=(Limit(600, 5 * _SECOND, _LIMITS),),
    sandbox=_sandbox,
    trade_history=BybitTradeHistory(),
    trading_sandbox=_trading_sandbox,
    wallets=_wallets,
    actions=_actions,
    private=STREAM,
    custody=CustodyTerms(
        "bybit-exchange.github.io/docs/v5/asset/withdraw (address book) and doc-v3-offline/account-asset (wallets)",
        "2026-11-21",
        address_book=True,
        trades_from="UNIFIED",
        withdraws_from="FUND",
        credits_to="FUND",
    ),
    first_choice=True,
)
