"""Bitfoo's private side, a sample: its signature and its errors are those of a page, so that the kit has truth to hold.

Enters: actions, answers. Leaves: requests signed by HMAC-SHA256 over the query, outcomes. Never: anything else; this is
the good sample that every bad one differs from in one line.

Signature: SIGNED endpoint example for POST /api/v3/order, HMAC keys, of binance-spot-api-docs, as many repositories
quote it and as recomputed here. Codes: errors.md of the same repository (2025-01-09), both read 2026-11-21.
"""

import hashlib
import hmac
from collections.abc import Sequence
from typing import ClassVar
from urllib.parse import urlencode

import msgspec

from cryptopipe import api

URL = "https://api.bitfoo.example/api/v3/order"
OPEN = frozenset({-1000, -1001, -1006, -1007})
LIMITED = frozenset({-1003, -1015})
DENIED = frozenset({-1002, -1021, -1022, -2014, -2015})


class Answer(msgspec.Struct):
    code: int = 0
    msg: str = ""
    order_id: int | None = msgspec.field(name="orderId", default=None)
    status: str = ""


class BitfooActions:
    """Orders and cancellations, one request each."""

    supports = frozenset[type[api.Action]]({api.PlaceOrder, api.CancelOrder})
    method: ClassVar[dict[type, str]] = {api.PlaceOrder: "POST", api.CancelOrder: "DELETE"}

    def build(
        self,
        action: api.Action,
        credentials: api.Credentials,
        at: api.Nanos,
        earlier: Sequence[api.HttpResponse] = (),
    ) -> api.HttpRequest:
        """Raises `VenueError` for an action that is not supported."""
        query = urlencode({**self.fields(action), "recvWindow": 5000, "timestamp": self.stamp(at)})
        url = f"{URL}?{query}&signature={self.sign(query, credentials)}"
        return api.HttpRequest(self.method[type(action)], url, {"X-MBX-APIKEY": credentials.key})

    def stamp(self, at: api.Nanos) -> int:
        return at // 1_000_000

    def sign(self, query: str, credentials: api.Credentials) -> str:
        return hmac.new(credentials.secret.encode(), query.encode(), hashlib.sha256).hexdigest()

    def fields(self, action: api.Action) -> dict[str, str]:
        if isinstance(action, api.CancelOrder):
            return {"symbol": action.instrument.symbol, "origClientOrderId": action.client_id}
        if not isinstance(action, api.PlaceOrder):
            raise api.VenueError(f"not supported: {type(action).__name__}", where="bitfoo")
        told = {"symbol": action.instrument.symbol, "side": action.side.name}
        if action.price is None:
            told |= {"type": "MARKET", "quantity": f"{action.size:f}"}
        else:
            told |= {"type": "LIMIT", "timeInForce": action.time_in_force.name}
            told |= {"quantity": f"{action.size:f}", "price": f"{action.price:f}"}
        return told | ({"newClientOrderId": action.client_id} if action.client_id else {})

    def parse(
        self, action: api.Action, response: api.HttpResponse, earlier: Sequence[api.HttpResponse] = ()
    ) -> api.Outcome:
        """Raises `UnknownOutcome`, `RateLimited`, `VenueError`."""
        told = self.read(response)
        if response.status == 200 and told.order_id is not None:
            return api.Accepted(str(told.order_id), told.status)
        if told.code in LIMITED and 400 <= response.status < 500:
            raise api.RateLimited(told.msg, where="bitfoo")
        if told.code in OPEN or not told.code or response.status >= 500 or response.status == 408:
            raise api.UnknownOutcome(f"HTTP {response.status}, code {told.code}: {told.msg}", where="bitfoo")
        if told.code in DENIED:
            raise api.VenueError(f"{told.code}: {told.msg}", where="bitfoo")
        return api.Refused(str(told.code), told.msg)

    def read(self, response: api.HttpResponse) -> Answer:
        try:
            return msgspec.json.decode(response.body, type=Answer)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise api.UnknownOutcome(f"unreadable answer: {error}", where="bitfoo") from error
