"""A signed request of the simulated Coinbase Exchange as its parts, and a list's pages.

Enters: path, query and body as they came. Leaves: texts, numbers, one page of a list with its cursors. Never: a float.

docs.cdp.coinbase.com/exchange/rest-api/pagination (read 2026-11-21 in a stored copy): `before` and `after` are cursors
of the first and the last item of a page, newest first, told in `CB-BEFORE` and `CB-AFTER`; at most 1000 a page.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Self, TypeVar
from urllib.parse import parse_qs, urlsplit

import msgspec

from cryptopipe.api import HttpRequest, Nanos
from cryptopipe_coinbase.sandbox_private_words import Refused

_MOST = 1000
_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_T = TypeVar("_T")


class Ask(msgspec.Struct, frozen=True):
    """One request; `place` are the parts of its path, `fields` what its JSON body says."""

    method: str
    place: tuple[str, ...]
    query: Mapping[str, Sequence[str]]
    fields: Mapping[str, Any]
    at: Nanos

    @classmethod
    def of(cls, request: HttpRequest, at: Nanos) -> Self:
        """Raises `Refused` for a body that is no JSON object."""
        parts = urlsplit(request.url)
        fields: Any = {}
        if request.body:
            try:
                fields = _decode(request.body)
            except (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError):
                raise Refused(400, "Unexpected token in JSON at position 0") from None
        if not isinstance(fields, dict):
            raise Refused(400, "Bad Request")
        place = tuple(parts.path.strip("/").split("/"))
        return cls(request.method, place, parse_qs(parts.query, keep_blank_values=True), fields, at)

    def first(self, name: str) -> str:
        """Of the query; empty where it is not there."""
        return self.query.get(name, ("",))[0]

    def text(self, name: str) -> str:
        """Of the body; numbers as they are written, empty where it is not there."""
        value = self.fields.get(name)
        return "" if value is None or isinstance(value, bool | dict | list) else str(value)

    def flag(self, name: str) -> bool:
        """Of the body; clients write `true` and `"true"`."""
        return self.fields.get(name) in (True, "true", "True")

    def within(self, at: Nanos) -> bool:
        """Whether a time is within `start_date` and `end_date`, both inclusive. Raises `Refused`."""
        return self._instant("start_date", 0) <= at <= self._instant("end_date", 1 << 63)

    def _instant(self, name: str, otherwise: Nanos) -> Nanos:
        text = self.first(name)
        if not text:
            return otherwise
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise Refused(400, f"Invalid {name}") from None
        since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
        return (since.days * 86_400_000_000 + since.seconds * 1_000_000 + since.microseconds) * 1000


class Page(msgspec.Struct, frozen=True):
    """What is told of a list, and its cursors."""

    rows: Sequence[object]
    headers: dict[str, str]

    @classmethod
    def of(cls, rows: Sequence[tuple[int, str, object]], ask: Ask, oldest_first: bool = False) -> Self:
        """Of (rank, cursor, row), newest first. Raises `Refused`."""
        limit = ask.first("limit") or str(_MOST)
        if not limit.isdecimal() or not 0 < int(limit) <= _MOST:
            raise Refused(400, "Invalid limit")
        ranks = {cursor: rank for rank, cursor, _ in rows}
        before, after = ask.first("before"), ask.first("after")
        kept = [one for one in rows if _beyond(one, before, ranks, 1) and _beyond(one, after, ranks, -1)]
        page = kept[-int(limit) :] if before and not after else kept[: int(limit)]
        shown = page[::-1] if oldest_first else page
        ends = {"CB-BEFORE": page[0][1], "CB-AFTER": page[-1][1]} if page else {}
        return cls([row for _, _, row in shown], ends)


def _beyond(one: tuple[int, str, object], cursor: str, ranks: Mapping[str, int], way: int) -> bool:
    """Whether it is newer (`way` 1) or older (-1) than the cursor; a cursor that names nothing is compared as text."""
    if not cursor:
        return True
    rank = ranks.get(cursor)
    if rank is not None:
        return (one[0] - rank) * way > 0
    own, other = (one[1].zfill(len(cursor)), cursor.zfill(len(one[1]))) if cursor.isdecimal() else (one[1], cursor)
    return own > other if way > 0 else own < other


def choice(text: str, known: Mapping[str, _T], name: str) -> _T:
    """One of the venue's words. Raises `Refused`: `Requires side`, `Invalid side buY`."""
    if not text:
        raise Refused(400, f"Requires {name}")
    if text not in known:
        raise Refused(400, f"Invalid {name} {text}")
    return known[text]


def decimal_of(ask: Ask, name: str) -> Decimal | None:
    """A number above zero of the body, None where it is not there. Raises `Refused`."""
    text = ask.text(name)
    if not text:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise Refused(400, f"{name} must be a number") from None
    if not value.is_finite() or abs(value.adjusted()) > 30:
        raise Refused(400, f"{name} must be a number")
    if value <= 0:
        raise Refused(400, f"{name} must be a positive number")
    return value
