"""What Bitfinex's REST side answers instead of data.

Enters: an answer. Leaves: nothing, where it may be read. Never: a refusal that is read as data.

`["error",11010,"ratelimit: error"]` (ccxt 4.5.90), `{"error":"ERR_RATE_LIMIT"}` (docs/requirements-and-limitations),
`["error",20060,"maintenance"]` (github.com/arthurk/bitfinex-ohlc-import, NOTES); read 2026-11-21.
"""

from cryptopipe.api import HttpResponse, ProtocolError, RateLimited, VenueUnavailable

_WHERE = "bitfinex"
_LIMITED = (b'"ERR_RATE_LIMIT"', b'["error",11010')
_MAINTENANCE = (b'["error",20060', b'["error", 20060', b'["error",20051')


def refuse(response: HttpResponse) -> None:
    """Raises `RateLimited`, `VenueUnavailable` or `ProtocolError` for what is no answer."""
    body = response.body[:200]
    if response.status == 429 or any(one in body for one in _LIMITED):
        raise RateLimited(f"status {response.status}: {body.decode(errors='replace')}", where=_WHERE)
    if any(body.startswith(one) for one in _MAINTENANCE) or response.status in (502, 503, 504):
        raise VenueUnavailable(f"status {response.status}: {body.decode(errors='replace')}", where=_WHERE)
    if response.status != 200 or body.startswith(b'["error"'):
        raise ProtocolError(f"status {response.status}: {body.decode(errors='replace')}", where=_WHERE)
