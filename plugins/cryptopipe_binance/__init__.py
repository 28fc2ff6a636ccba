"""Binance: four venues, one protocol.

Enters: nothing. Leaves: `binance` (spot), `binance_us`, `binance_usdm` and `binance_coinm`, as the entry points name
them. Never: a request made at import.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from cryptopipe.api import (
    API_VERSION,
    ActionCodec,
    Channel,
    Credentials,
    Currency,
    CustodyTerms,
    ExchangePlugin,
    FeeSchedule,
    HttpRequest,
    HttpResponse,
    Instrument,
    Kind,
    Limit,
    Nanos,
    PrivateCodec,
    PrivateStream,
    SandboxVenue,
    SimulatedBook,
    SimulatedDesk,
    StreamAuth,
    VenueId,
)
from cryptopipe_binance.feed import BinanceFeed
from cryptopipe_binance.listing import BinanceListing
from cryptopipe_binance.market import FUTURES_RULE, SPOT_RULE, Market
from cryptopipe_binance.metadata import BinanceInstruments
from cryptopipe_binance.servertime import BinanceClock
from cryptopipe_binance.snapshot import BinanceSnapshots
from cryptopipe_binance.tradehistory import BinanceTradeHistory

_STREAMS = {Channel.DEPTH: "depth@100ms", Channel.TOP: "bookTicker", Channel.TRADES: "trade"}

SPOT = Market(
    venue=VenueId("binance"),
    kind=Kind.SPOT,
    stream_url="wss://stream.binance.com:9443/stream",
    depth_url="https://api.binance.com/api/v3/depth",
    depth_limit=1000,
    exchange_info_url="https://api.binance.com/api/v3/exchangeInfo",
    rule=SPOT_RULE,
    streams=_STREAMS,
)
US = Market(
    venue=VenueId("binance_us"),
    kind=Kind.SPOT,
    stream_url="wss://stream.binance.us:9443/stream",
    depth_url="https://api.binance.us/api/v3/depth",
    depth_limit=1000,
    exchange_info_url="https://api.binance.us/api/v3/exchangeInfo",
    rule=SPOT_RULE,
    streams=_STREAMS,
)
# Since 2026-04-23 USD-M streams are routed by path: depth, bookTicker and trade are pushed on /public, aggTrade, klines
# and mark prices on /market only ("Important WebSocket Change Notice", as others quote it). `trade` is not in the
# documentation of futures but is pushed there; so one connection carries all three channels.
USDM = Market(
    venue=VenueId("binance_usdm"),
    kind=Kind.LINEAR_PERPETUAL,
    stream_url="wss://fstream.binance.com/public/stream",
    depth_url="https://fapi.binance.com/fapi/v1/depth",
    depth_limit=1000,
    exchange_info_url="https://fapi.binance.com/fapi/v1/exchangeInfo",
    rule=FUTURES_RULE,
    streams=_STREAMS,
)
COINM = Market(
    venue=VenueId("binance_coinm"),
    kind=Kind.INVERSE_PERPETUAL,
    stream_url="wss://dstream.binance.com/stream",
    depth_url="https://dapi.binance.com/dapi/v1/depth",
    depth_limit=1000,
    exchange_info_url="https://dapi.binance.com/dapi/v1/exchangeInfo",
    rule=FUTURES_RULE,
    streams=_STREAMS,
)


_MINUTE = 60_000_000_000
_DAY = 24 * 60 * _MINUTE
"""What a connection lives, on all four: "only valid for 24 hours; expect to be disconnected at the 24 hour mark" (USD-M
and COIN-M "Websocket Market Streams", 2026-11-21; spot and Binance.US say 24 hours on the pages named above)."""
# "300 connections per attempt every 5 minutes per IP". Futures document none; theirs is taken to be the same.
_DIALS = (Limit(300, 5 * _MINUTE, 'web-socket-streams.md, "Websocket Limits", 2026-07-21'),)
# Weight a minute over the weight of one snapshot of 1000 levels, less a sixth for other requests: rest-api.md "IP
# Limits", "Order book" (2026-07-21) 6000 and 50; Binance.US (2024-06-17) 1200 and 10; futures "Order Book" (2026-11-21)
# 2400 and 20. At 5000 levels, five times as dear, two lost connections of eight books would use up a minute.
_SPOT_FETCHES = (Limit(100, _MINUTE, 'rest-api.md "IP Limits", "Order book", 2026-07-21'),)
_US_FETCHES = (Limit(100, _MINUTE, 'binance-us rest-api.md "Order book", 2024-06-17'),)
_FUTURES_FETCHES = (Limit(100, _MINUTE, 'futures "Order Book", 2026-11-21'),)

Simulate = Callable[[Mapping[str, SimulatedBook]], SandboxVenue]


def _simulated_spot(books: Mapping[str, SimulatedBook]) -> SandboxVenue:
    from cryptopipe_binance.sandbox import SPOT, Sandbox  # only who simulates loads it

    return Sandbox(SPOT, books)


def _simulated_us(books: Mapping[str, SimulatedBook]) -> SandboxVenue:
    from cryptopipe_binance.sandbox import US, Sandbox

    return Sandbox(US, books)


def _simulated_usdm(books: Mapping[str, SimulatedBook]) -> SandboxVenue:
    from cryptopipe_binance.sandbox import USDM, Sandbox

    return Sandbox(USDM, books)


def _trading_spot(books: Mapping[str, SimulatedBook], desk: SimulatedDesk) -> SandboxVenue:
    from cryptopipe_binance.sandbox import SPOT
    from cryptopipe_binance.sandbox_private import TradingSandbox

    return TradingSandbox(SPOT, books, desk)


def _wallets_spot() -> Sequence[Currency]:
    from cryptopipe_binance.wallets import wallets

    return wallets(SPOT.venue)


def _actions_spot(instruments: Sequence[Instrument]) -> ActionCodec:
    from cryptopipe_binance.actions import actions  # ccxt's codec, and ccxt itself when it is first used

    return actions(instruments)


def _private_spot(instruments: Sequence[Instrument]) -> PrivateCodec:
    from cryptopipe_binance.private import BinancePrivate

    return BinancePrivate(instruments)


class _Signer:
    """The signer of the private stream, loaded when it is first asked."""

    good_for = 0

    def request(self, credentials: Credentials, at: Nanos) -> HttpRequest | None:
        return None

    def auth(self, credentials: Credentials, response: HttpResponse | None, at: Nanos) -> StreamAuth:
        from cryptopipe_binance.private import BinanceSigner

        return BinanceSigner().auth(credentials, response, at)


def _plugin(
    market: Market,
    docs: str,
    fees: FeeSchedule,
    fetches: tuple[Limit, ...],
    sandbox: Simulate | None = None,
    first_choice: bool = False,
) -> ExchangePlugin:
    return ExchangePlugin(
        venue=market.venue,
        api_version=API_VERSION,
        docs=docs,
        feed=lambda: BinanceFeed(market),
        instruments=BinanceInstruments(market.venue, market.kind),
        fees=fees,
        snapshots=BinanceSnapshots(market),
        clock=BinanceClock(market),
        metadata=BinanceListing(market),
        dial_limits=_DIALS,
        fetch_limits=fetches,
        sandbox=sandbox,
        first_choice=first_choice,
        lifetime=_DAY,
        trade_history=BinanceTradeHistory(market, by_id=market is SPOT),
    )


_spot = _plugin(
    SPOT,
    "https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams",
    FeeSchedule.flat(
        "0.0010",
        "0.0010",
        "binance.com/en/fee/schedule, regular user without BNB discount; page not read, as ccxt and others quote it",
        "2026-11-21",
        "received",
    ),
    _SPOT_FETCHES,
    _simulated_spot,
    first_choice=True,
)
binance = replace(
    _spot,
    trading_sandbox=_trading_spot,
    wallets=_wallets_spot,
    actions=_actions_spot,
    private=PrivateStream(_private_spot, _Signer()),
    # Withdrawals are paid from and deposits come to the spot wallet unless a request names the other (`walletType`).
    custody=CustodyTerms(
        "developers.binance.com wallet/capital/withdraw and deposite-address; limits are the account's own, not stated",
        "2026-11-21",
        trades_from="trading",
        withdraws_from="trading",
        credits_to="trading",
    ),
)
binance_us = _plugin(
    US,
    "https://github.com/binance-us/binance-us-api-docs/blob/master/web-socket-streams.md",
    # Others quote 10 bp and less; this is the highest ever heard of, so an edge is never found for want of a fee.
    FeeSchedule.flat(
        "0.0040",
        "0.0060",
        "binance.us/fees, page not read, not confirmed: the highest tier heard of",
        "2026-11-21",
        "received",
    ),
    _US_FETCHES,
    _simulated_us,
)
binance_usdm = _plugin(
    USDM,
    "https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams",
    FeeSchedule.flat(
        "0.0002",
        "0.0005",
        "binance.com/en/fee/futureFee, regular user without BNB discount; page not read, as others quote it",
        "2026-11-21",
    ),
    _FUTURES_FETCHES,
    _simulated_usdm,
)
binance_coinm = _plugin(
    COINM,
    "https://developers.binance.com/docs/derivatives/coin-margined-futures/websocket-market-streams",
    # Quoted differently: maker 1 bp (ccxt), 1.5 (an older example of the venue's own FAQ), 2 (others); taker 4 (that
    # example), 5 (ccxt). The highest of each.
    FeeSchedule.flat(
        "0.0002",
        "0.0005",
        "binance.com/en/fee/deliveryFee, regular user; page not read, not confirmed: the highest quoted",
        "2026-11-21",
    ),
    _FUTURES_FETCHES,
)
