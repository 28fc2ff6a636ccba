"""What Gemini says of itself: instruments with their state, and the networks of its tokens.

Enters: answers of `/v1/symbols/details/all` and `/v1/network/{token}`. Leaves: listings. Never: a fee, a minimum or an
open gate that no public answer tells.

developer.gemini.com/trading/rest-api/market-data, pages get-symbol-details and get-network (2026-11-21 in stored
copies). The page knows `/v1/symbols/details/{symbol}` only; `all` in place of a symbol answers with every one (recorded
by gocryptotrader, measured by others in 2026 with 348 rows). What a network costs, and whether it is open, is told to
accounts only (`/v2/network/{token}`, withdrawal estimates). A maintenance comes with status 503, a rate limit with 429.
"""

from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec

from cryptopipe.api import (
    Currency,
    HttpRequest,
    HttpResponse,
    Listing,
    Nanos,
    Network,
    ProtocolError,
    RateLimited,
    VenueError,
    VenueUnavailable,
    chain_of,
    identified,
)
from cryptopipe_gemini.market import SECOND, UNREADABLE, VENUE
from cryptopipe_gemini.metadata import CODES, instruments

_REST = "https://api.gemini.com"
_DETAILS = "/v1/symbols/details/"
_NETWORK = "/v1/network/"
_TOKENS = ("BTC", "ETH", "SOL", "USDT", "USDC")


class _Error(msgspec.Struct):
    reason: str = ""
    message: str = ""


class _Networks(msgspec.Struct):
    token: str
    network: list[str]


class GeminiMetadata:
    """`{"token":"BTC","network":["bitcoin"]}`, and of each symbol `{"symbol":"BTCUSD","base_currency":"BTC",
    "quote_currency":"USD","tick_size":1E-8,"quote_increment":0.01,"min_order_size":"0.00001","status":"open",…}`."""

    refresh: Nanos = 3600 * SECOND

    def requests(self) -> Sequence[HttpRequest]:
        """Without key: every symbol, then the networks of the tokens in the plugin's table."""
        paths = [f"{_DETAILS}all", *(f"{_NETWORK}{token}" for token in _TOKENS)]
        return [HttpRequest("GET", f"{_REST}{path}") for path in paths]

    def read(self, response: HttpResponse) -> Listing:
        """Raises `RateLimited` (429), `VenueUnavailable` (5xx), `VenueError` for another refusal, `ProtocolError` for
        what cannot be read."""
        _admit(response)
        path = urlsplit(response.url).path
        if path.startswith(_DETAILS):
            return Listing(instruments=instruments(response.body))
        if path.startswith(_NETWORK):
            return Listing(currencies=(_currency(response.body),))
        raise ProtocolError(f"not an answer that was asked for: {response.url!r}", where=f"{VENUE} metadata")


def _admit(response: HttpResponse) -> None:
    """`{"result":"error","reason":"RateLimit","message":"…"}` with 4xx or 5xx."""
    if response.status == 200:
        return
    where = f"{VENUE} metadata"
    try:
        told = msgspec.json.decode(response.body, type=_Error)
        said = f"refused with {response.status} {told.reason} {told.message}".strip()
    except UNREADABLE:
        said = f"refused with {response.status}"
    if response.status == 429:
        raise RateLimited(said, where=where)
    if response.status >= 500:
        raise VenueUnavailable(said, where=where)
    raise VenueError(said, where=where)


def _currency(body: bytes) -> Currency:
    try:
        told = msgspec.json.decode(body, type=_Networks)
    except UNREADABLE as error:
        raise ProtocolError(f"unreadable network: {error}, in {body[:120]!r}", where=VENUE) from error
    networks = tuple(Network(code, chain_of(code, CODES.networks)) for code in told.network)
    asset = identified(VENUE, told.token, networks, CODES.aliases)
    return Currency(VENUE, told.token, asset, networks)
