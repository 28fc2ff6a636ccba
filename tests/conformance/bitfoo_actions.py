"""Bitfoo's private side, a sample: its signature and its errors are those of a page, so that the kit has truth to hold.

Enters: actions, answers. Leaves: requests signed by HMAC-SHA256 over the query, outcomes. Never: anything else; this is
the good sample that every bad one differs from in one line.

Signature: SIGNED endpoint example for POST /api/v3/order, HMAC keys, of binance-spot-api-docs, as many repositories
quote it and as recomputed here. Codes: errors.md of the same repository (2025-01-09), both read 2026-11-21.
"""

import hashlib
import hmac
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import ClassVar
from urllib.parse import urlencode

import msgspec

from cryptopipe import api

URL = "https://api.bitfoo.example/api/v3/order"
FILLS = "https://api.bitfoo.example/api/v3/myTrades"
OPEN = frozenset({-1000, -1001, -1006, -1007})
LIMITED = frozenset({-1003, -1015})
UNKNOWN = frozenset({-2011, -2013})
DENIED = frozenset({-1002, -1021, -1022, -2014, -2015})


PAGE = 2
"""Fills of one answer: bitfoo's own, so that two answers are enough to show a question of several requests."""


class Answer(msgspec.Struct):
    code: int = 0
    msg: str = ""
    order_id: int | None = msgspec.field(name="orderId", default=None)
    status: str = ""


class FillTold(msgspec.Struct, rename="camel"):
    id: int
    order_id: int
    price: str
    qty: str
    commission: str
    commission_asset: str
    time: int
    is_buyer: bool
    is_maker: bool


class BitfooActions:
    """Orders and cancellations, one request each; fills, page by page."""

    supports = frozenset[type[api.Action]]({api.PlaceOrder, api.CancelOrder, api.FindOrder, api.ListFills})
    method: ClassVar[dict[type, str]] = {api.PlaceOrder: "POST", api.CancelOrder: "DELETE"}

    def build(
        self,
        action: api.Action,
        credentials: api.Credentials,
        at: api.Nanos,
        earlier: Sequence[api.HttpResponse] = (),
    ) -> api.HttpRequest:
        """Raises `VenueError` for an action that is not supported."""
        fields = self.fields(action)
        if earlier:
            fields["fromId"] = str(self.fills(earlier[-1])[-1].id + 1)
        query = urlencode({**fields, "recvWindow": 5000, "timestamp": self.stamp(at)})
        url = f"{FILLS if isinstance(action, api.ListFills) else URL}?{query}"
        url += f"&signature={self.sign(query, credentials)}"
        return api.HttpRequest(self.method.get(type(action), "GET"), url, {"X-MBX-APIKEY": credentials.key})

    def stamp(self, at: api.Nanos) -> int:
        return at // 1_000_000

    def sign(self, query: str, credentials: api.Credentials) -> str:
        return hmac.new(credentials.secret.encode(), query.encode(), hashlib.sha256).hexdigest()

    def fields(self, action: api.Action) -> dict[str, str]:
        if isinstance(action, api.CancelOrder | api.FindOrder):
            return {"symbol": action.instrument.symbol, "origClientOrderId": action.client_id}
        if isinstance(action, api.ListFills):
            return {"symbol": action.instrument.symbol, "limit": str(PAGE)}
        if not isinstance(action, api.PlaceOrder):
            raise api.VenueError(f"not supported: {type(action).__name__}", where="bitfoo")
        told = {"symbol": action.instrument.symbol, "side": action.side.name}
        if action.price is None:
            told |= {"type": "MARKET", "quantity": self.amount(action.size)}
        else:
            told |= {"type": "LIMIT", "timeInForce": action.time_in_force.name}
            told |= {"quantity": self.amount(action.size), "price": self.amount(action.price)}
        return told | ({"newClientOrderId": action.client_id} if action.client_id else {})

    def amount(self, number: Decimal) -> str:
        return f"{number:f}"

    def parse(
        self, action: api.Action, response: api.HttpResponse, earlier: Sequence[api.HttpResponse] = ()
    ) -> api.Outcome:
        """Raises `UnknownOutcome`, `RateLimited`, `VenueError`, `ProtocolError`."""
        if isinstance(action, api.ListFills) and response.status == 200:
            return self.reports(action, [*earlier, response])
        told = self.read(action, response)
        changes = type(action) in api.MUTATING
        if changes and response.status == 200 and told.order_id is not None:
            return api.Accepted(str(told.order_id), told.status)
        if told.code in LIMITED and 400 <= response.status < 500:
            raise api.RateLimited(told.msg, where="bitfoo")
        if told.code in OPEN or not told.code or response.status >= 500 or response.status == 408:
            raise self.unclear(action, f"HTTP {response.status}, code {told.code}: {told.msg}")
        if told.code in UNKNOWN:
            return api.NotFound(str(told.code), told.msg)
        if told.code in DENIED or not changes:
            raise api.VenueError(f"{told.code}: {told.msg}", where="bitfoo")
        return api.Refused(str(told.code), told.msg)

    def unclear(self, action: api.Action, what: str) -> api.VenueError:
        """Of a question nothing is open."""
        kind = api.UnknownOutcome if type(action) in api.MUTATING else api.VenueUnavailable
        return kind(what, where="bitfoo")

    def read(self, action: api.Action, response: api.HttpResponse) -> Answer:
        try:
            return msgspec.json.decode(response.body, type=Answer)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise self.unclear(action, f"unreadable answer: {error}") from error

    def reports(self, action: api.ListFills, answers: Sequence[api.HttpResponse]) -> api.Outcome:
        pages = [self.fills(one) for one in answers]
        if len(pages[-1]) == PAGE:
            return api.More()
        return api.Reports(fills=tuple(self.report(action.instrument, one) for page in pages for one in page))

    def fills(self, response: api.HttpResponse) -> list[FillTold]:
        try:
            return msgspec.json.decode(response.body, type=list[FillTold])
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise api.ProtocolError(f"no fills: {error}", where="bitfoo") from error

    def report(self, instrument: api.Instrument, one: FillTold) -> api.FillReport:
        try:
            price, size, paid = Decimal(one.price), Decimal(one.qty), Decimal(one.commission)
        except InvalidOperation:
            raise api.ProtocolError(f"no number in fill {one.id}", where="bitfoo") from None
        side = api.Side.BUY if one.is_buyer else api.Side.SELL
        fee = api.Fee(paid, api.Asset(one.commission_asset))
        at = one.time * 1_000_000
        return api.FillReport(instrument, str(one.id), str(one.order_id), "", side, price, size, fee, one.is_maker, at)
