"""OKX: one unified account with spot pairs and perpetual swaps.

Enters: nothing. Leaves: `okx`, as the entry point names it. Never: a request made at import.
"""

from collections.abc import Mapping

from cryptopipe.api import API_VERSION, Dialect, ExchangePlugin, FeeSchedule, Limit, SandboxVenue, SimulatedBook
from cryptopipe_okx.feed import OkxFeed
from cryptopipe_okx.feed_checksum import OkxChecksumFeed
from cryptopipe_okx.listing import OkxListing
from cryptopipe_okx.market import VENUE, speaks_checksum, split
from cryptopipe_okx.metadata import OkxInstruments
from cryptopipe_okx.servertime import OkxClock

_SECOND = 1_000_000_000
_DOCS = "www.okx.com/docs-v5/en"


def _sandbox(books: Mapping[str, SimulatedBook]) -> SandboxVenue:
    from cryptopipe_okx.sandbox import OkxSandbox  # only who simulates loads it

    return OkxSandbox(books)


okx = ExchangePlugin(
    venue=VENUE,
    api_version=API_VERSION,
    docs="https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-order-book-channel",
    feed=OkxFeed,
    instruments=OkxInstruments(),
    # Taken of what is received: `feeCcy` of orders in public clients' test data is the quote coin of a sale and the
    # base of a purchase (2026-11-21).
    fees=FeeSchedule.flat(
        "0.0008",
        "0.0010",
        "example of docs-v5/en/#trading-account-rest-api-get-fee-rates (Lv1, group 1, copy of 2026-07-09), as "
        "www.okx.com/fees had it for pairs against USDT in an older copy; no copy of today's table at hand",
        "2026-11-21",
        "received",
    ),
    dialects=(Dialect("checksum", "2026-06-23, since when checksums are 0", OkxChecksumFeed, speaks_checksum),),
    split=split,
    clock=OkxClock(),
    metadata=OkxListing(),
    # "3 requests per second (based on IP)"
    dial_limits=(Limit(3, _SECOND, f"{_DOCS}/#overview-websocket-connect, copy of 2026-07-08, read 2026-11-21"),),
    # The scarcest of what is asked for here; public/instruments allows 20 of each kind.
    fetch_limits=(
        Limit(10, 2 * _SECOND, f"{_DOCS}/#public-data-rest-api-get-system-time, copy of 2026-07-18, read 2026-11-21"),
    ),
    sandbox=_sandbox,
)
