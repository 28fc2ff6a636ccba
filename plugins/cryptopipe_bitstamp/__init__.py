"""Bitstamp: one venue with spot pairs and perpetual contracts, its books by level and by single order.

Enters: nothing. Leaves: `bitstamp`, as the entry point names it. Never: a request made at import.
"""

from collections.abc import Mapping

from cryptopipe.api import (
    API_VERSION,
    Channel,
    Dialect,
    ExchangePlugin,
    FeeSchedule,
    Frame,
    Limit,
    SandboxVenue,
    SimulatedBook,
)
from cryptopipe_bitstamp.feed import BitstampFeed
from cryptopipe_bitstamp.feed_orders import BitstampOrdersFeed
from cryptopipe_bitstamp.listing import BitstampListing
from cryptopipe_bitstamp.metadata import BitstampInstruments
from cryptopipe_bitstamp.snapshot import BitstampOrdersSnapshots, BitstampSnapshots
from cryptopipe_bitstamp.tradehistory import BitstampTradeHistory
from cryptopipe_bitstamp.wire import VENUE, split

_SECOND = 1_000_000_000


def _sandbox(books: Mapping[str, SimulatedBook]) -> SandboxVenue:
    from cryptopipe_bitstamp.sandbox import BitstampSandbox  # only who simulates loads it

    return BitstampSandbox(books)


def _speaks_of_orders(url: str, payload: Frame) -> bool:
    """All channels have one address: the first frame of a connection tells, be it the acknowledgement of a channel."""
    return b'"live_orders_' in payload


bitstamp = ExchangePlugin(
    venue=VENUE,
    api_version=API_VERSION,
    docs="https://www.bitstamp.net/websocket/v2/",
    feed=BitstampFeed,
    instruments=BitstampInstruments(),
    # Of 30 days up to 10,000 USD (up to 1,000 nothing is taken, which an account that trades soon leaves). Taken in the
    # quote: a user transaction of the documentation buys 0.94492494 BTC for 10555.01 USD at a fee of 26.39.
    fees=FeeSchedule.flat(
        "0.0030",
        "0.0040",
        "www.bitstamp.net/fee-schedule, spot, valid from 2026-09-01, as quoted by others who read it on 2026-09-05; "
        "the page itself could not be read",
        "2026-11-21",
    ),
    snapshots=BitstampSnapshots(),
    dialects=(
        Dialect(
            "orders",
            "",
            BitstampOrdersFeed,
            _speaks_of_orders,
            channels=frozenset({Channel.ORDERS}),
            snapshots=BitstampOrdersSnapshots(),
        ),
    ),
    split=split,
    metadata=BitstampListing(),
    dial_limits=(Limit(5, 60 * _SECOND, "ours: www.bitstamp.net/websocket/v2 names none, as quoted on 2026-09-15"),),
    fetch_limits=(
        Limit(400, _SECOND, 'www.bitstamp.net/api: "400 requests per second", as quoted by others on 2026-09-15'),
        Limit(10_000, 600 * _SECOND, 'ibid.: "10,000 requests per 10 minutes", as quoted by others on 2026-09-15'),
    ),
    lifetime=90 * 24 * 3600 * _SECOND,  # "Maximum connection age is 90 days"
    sandbox=_sandbox,
    trade_history=BitstampTradeHistory(),
)
