"""Bybit's server time.

Enters: an answer of `/v5/market/time`. Leaves: nanoseconds, as fine as the venue tells them. Never: the time of an
answer that refuses.

bybit-exchange.github.io/docs/v5/market/time, docs/v5/error and docs/v5/rate-limit (2026-11-21, in copies).
"""

from typing import Annotated

import msgspec

from cryptopipe.api import HttpRequest, HttpResponse, Nanos, ProtocolError, RateLimited, VenueError, VenueUnavailable
from cryptopipe_bybit.market import UNREADABLE, VENUE

_TOO_OFTEN = (10006, 10018)
_Nanoseconds = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,19}$")]


class _Time(msgspec.Struct, rename="camel"):
    time_nano: _Nanoseconds


class _Answer(msgspec.Struct, rename="camel"):
    ret_code: int
    ret_msg: str = ""
    result: msgspec.Raw = msgspec.Raw(b"{}")


class BybitClock:
    """`{"retCode":0,"retMsg":"OK","result":{"timeSecond":"1688639403","timeNano":"1688639403423213947"},…}`"""

    resolution: Nanos = 1

    def request(self) -> HttpRequest:
        """Without parameters or key."""
        return HttpRequest("GET", "https://api.bybit.com/v5/market/time")

    def server_time(self, response: HttpResponse) -> Nanos:
        """Raises `RateLimited` ("403, access too frequent", or its codes), `VenueUnavailable` (5xx), `VenueError` for
        any other refusal, and `ProtocolError` where it cannot be read."""
        where = f"{VENUE} server time"
        if response.status in (403, 429):
            raise RateLimited(f"refused with status {response.status}", where=where)
        if response.status >= 500:
            raise VenueUnavailable(f"refused with status {response.status}", where=where)
        try:
            told = msgspec.json.decode(response.body, type=_Answer)
            if told.ret_code in _TOO_OFTEN:
                raise RateLimited(f"refused with {told.ret_code} {told.ret_msg}", where=where)
            if told.ret_code != 0 or response.status != 200:
                raise VenueError(f"refused with {response.status}, {told.ret_code} {told.ret_msg}", where=where)
            return int(msgspec.json.decode(told.result, type=_Time).time_nano)
        except UNREADABLE as error:
            raise ProtocolError(f"unreadable: {error}, in {response.body[:120]!r}", where=where) from error
