"""Gemini, spot.

Enters: nothing. Leaves: `gemini`, as the entry point names it. Never: a request made at import.
"""

from collections.abc import Mapping

from cryptopipe.api import API_VERSION, Dialect, ExchangePlugin, FeeSchedule, Limit, SandboxVenue, SimulatedBook
from cryptopipe_gemini.feed import GeminiFeed
from cryptopipe_gemini.feed_v2 import GeminiV2Feed, speaks_v2
from cryptopipe_gemini.listing import GeminiMetadata
from cryptopipe_gemini.market import SECOND, VENUE
from cryptopipe_gemini.metadata import GeminiInstruments
from cryptopipe_gemini.tradehistory import GeminiTradeHistory


def _sandbox(books: Mapping[str, SimulatedBook]) -> SandboxVenue:
    from cryptopipe_gemini.sandbox import GeminiSandbox  # only who simulates loads it

    return GeminiSandbox(books)


gemini = ExchangePlugin(
    venue=VENUE,
    api_version=API_VERSION,
    docs="https://developer.gemini.com/websocket/streams",
    feed=GeminiFeed,
    instruments=GeminiInstruments(),
    # Of 30 days below $10,000. Charged in the quote asset: a buyer of BTC paid `"fee_currency":"USD"` (recorded).
    fees=FeeSchedule.flat(
        "0.0060",
        "0.0120",
        "gemini.com/fees/api-fee-schedule (API orders follow the ActiveTrader schedule, of 2026-09-01), lowest tier; "
        "not read, as two public repositories quote it",
        "2026-11-21",
    ),
    dialects=(Dialect("v2", "superseded in 2026 and archived, still served (2026-09-15)", GeminiV2Feed, speaks_v2),),
    dial_limits=(
        Limit(
            300,
            300 * SECOND,
            "CONNECTION_ATTEMPTS of the method conninfo of ws.gemini.com, measured by others, 2026-09-15",
        ),
    ),
    # 120 a minute are allowed, and one a second is recommended.
    fetch_limits=(Limit(1, SECOND, "developer.gemini.com/rate-limit, as others quote it, 2026-09-15"),),
    sandbox=_sandbox,
    trade_history=GeminiTradeHistory(),
    metadata=GeminiMetadata(),
)
