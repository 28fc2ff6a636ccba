"""OKX's server time, and what an error of its REST side means.

Enters: an answer of `/api/v5/public/time`. Leaves: nanoseconds, as fine as the venue tells them. Never: the time of an
answer that refuses.

www.okx.com/docs-v5/en/#public-data-rest-api-get-system-time and #error-code-rest-api, in copies kept in public
repositories (2026-11-21): 50011 "Too Many Requests", 50001 "Service temporarily unavailable", 50013 "Systems are busy",
50026 "System error". Errors come with status 200 too.
"""

from typing import NoReturn

import msgspec

from cryptopipe.api import HttpRequest, HttpResponse, Nanos, ProtocolError, RateLimited, VenueError, VenueUnavailable
from cryptopipe_okx.market import MILLISECOND, REST, UNREADABLE, VENUE, Millis

_TOO_OFTEN = ("50011", "50061")
_DOWN = ("50001", "50004", "50013", "50026")


class _Time(msgspec.Struct):
    ts: Millis


class _Answer(msgspec.Struct):
    code: str
    msg: str = ""
    data: msgspec.Raw = msgspec.Raw(b"[]")


class OkxClock:
    """`{"code":"0","msg":"","data":[{"ts":"1597026383085"}]}`"""

    resolution: Nanos = MILLISECOND

    def request(self) -> HttpRequest:
        """Without parameters or key; ten in two seconds are allowed."""
        return HttpRequest("GET", f"{REST}/api/v5/public/time")

    def server_time(self, response: HttpResponse) -> Nanos:
        """Raises `RateLimited`, `VenueUnavailable`, `VenueError` for any other refusal, and `ProtocolError` where it
        cannot be read."""
        where = f"{VENUE} server time"
        data = data_of(response, where)
        try:
            (told,) = msgspec.json.decode(data, type=list[_Time], strict=False)
        except UNREADABLE as error:
            raise ProtocolError(f"unreadable: {error}, in {bytes(data)[:120]!r}", where=where) from error
        return told.ts * MILLISECOND


def data_of(response: HttpResponse, where: str) -> msgspec.Raw:
    """What an answer carries. Raises as `OkxClock.server_time`."""
    if response.status == 429:
        raise RateLimited("refused with status 429", where=where)
    if response.status >= 500:
        raise VenueUnavailable(f"refused with status {response.status}", where=where)
    try:
        told = msgspec.json.decode(response.body, type=_Answer)
    except UNREADABLE as error:
        raise ProtocolError(f"unreadable: {error}, in {response.body[:120]!r}", where=where) from error
    if told.code != "0" or response.status != 200:
        _refuse(told, response.status, where)
    return told.data


def _refuse(told: _Answer, status: int, where: str) -> NoReturn:
    kind = RateLimited if told.code in _TOO_OFTEN else VenueUnavailable if told.code in _DOWN else VenueError
    raise kind(f"refused with {status}, {told.code} {told.msg}", where=where)
