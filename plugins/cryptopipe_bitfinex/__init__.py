"""Bitfinex, spot.

Enters: nothing. Leaves: `bitfinex`, as the entry point names it. Never: a request made at import.
"""

from collections.abc import Mapping, Sequence

from cryptopipe.api import (
    API_VERSION,
    Channel,
    Dialect,
    ExchangePlugin,
    FeeSchedule,
    Limit,
    SandboxVenue,
    SimulatedBook,
    Subscription,
)
from cryptopipe_bitfinex.feed import BitfinexFeed
from cryptopipe_bitfinex.feed_orders import BitfinexOrdersFeed, speaks_orders
from cryptopipe_bitfinex.listing import BitfinexListing
from cryptopipe_bitfinex.metadata import VENUE, BitfinexInstruments
from cryptopipe_bitfinex.tradehistory import BitfinexTradeHistory

_MINUTE = 60_000_000_000
CHANNELS = 25
"""Channels on one connection: docs/ws-public says 25, docs/ws-general and requirements-and-limitations 30."""


def _sandbox(books: Mapping[str, SimulatedBook]) -> SandboxVenue:
    from cryptopipe_bitfinex.sandbox import BitfinexSandbox  # only who simulates loads it

    return BitfinexSandbox(books)


def split(subscriptions: Sequence[Subscription]) -> Sequence[Sequence[Subscription]]:
    """Parts of at most 25 channels; an instrument's stay together, and single orders have parts of their own."""
    parts: list[list[Subscription]] = []
    for raw in (False, True):
        by_symbol: dict[str, list[Subscription]] = {}
        for one in dict.fromkeys(subscriptions):
            if (one.channel is Channel.ORDERS) is raw:
                by_symbol.setdefault(one.instrument.symbol, []).append(one)
        part: list[Subscription] = []
        for group in by_symbol.values():
            if len(part) + len(group) > CHANNELS:
                parts.append(part)
                part = []
            part = [*part, *group]
        parts += [part] if part else []
    return parts


bitfinex = ExchangePlugin(
    venue=VENUE,
    api_version=API_VERSION,
    docs="https://docs.bitfinex.com/docs/ws-public",
    feed=BitfinexFeed,
    instruments=BitfinexInstruments(),
    # The venue announced in December 2025 that it takes no trading fees any more, without an end (as quoted by
    # mexc.co/news/303430, read 2026-11-21; its own page was not read). Not confirmed by an account's answer: these are
    # the rates before, below 500,000 USD in 30 days, so that no fee is ever taken for less than it is.
    fees=FeeSchedule.flat(
        "0.0010",
        "0.0020",
        "bitfinex.com/fees, lowest tier before December 2025; since then none: both as quoted by others",
        "2026-11-21",
        "received",
    ),
    dialects=(Dialect("orders", "", BitfinexOrdersFeed, speaks_orders, channels=frozenset({Channel.ORDERS})),),
    split=split,
    metadata=BitfinexListing(),
    dial_limits=(Limit(20, _MINUTE, "docs.bitfinex.com/docs/ws-public, a stored copy read 2026-11-21"),),
    # The lowest of those that the requests made here have.
    fetch_limits=(Limit(15, _MINUTE, "rest-public-conf in github.com/f3rno64/bfx-oss-docs, read 2026-11-21"),),
    sandbox=_sandbox,
    trade_history=BitfinexTradeHistory(),
)
