"""Orders over a websocket: `/v5/trade` of the simulated venue.

Enters: a client's texts. Leaves: the answers that the same requests get over HTTP, in the stream's envelope. Never: an
order before the sign-in, or outside of its window; an amendment, which is not simulated.

bybit-exchange.github.io/docs/v5/websocket/trade/guideline (state of 2026-07-24, read 2026-11-21).
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from cryptopipe.api import Nanos, Outgoing, Say, SimulatedDesk, SimulatedKey
from cryptopipe_bybit.market import MILLISECOND
from cryptopipe_bybit.sandbox_private_asked import DEFAULT_WINDOW, Asked, Caller, in_time
from cryptopipe_bybit.sandbox_private_calls import MAINTAINED, Calls
from cryptopipe_bybit.sandbox_private_errors import Refused
from cryptopipe_bybit.sandbox_private_stream import ANSWERED_AFTER, signed_in

_PATHS = {"order.create": "/v5/order/create", "order.cancel": "/v5/order/cancel"}


class _Request(msgspec.Struct):
    op: str = ""
    args: Any = None
    header: dict[str, Any] = {}
    req_id: str = msgspec.field(name="reqId", default="")


class TradeSession:
    """One connection to `/v5/trade`."""

    def __init__(self, desk: SimulatedDesk, calls: Calls, conn_id: str) -> None:
        self._desk, self._calls, self._conn_id = desk, calls, conn_id
        self._key: SimulatedKey | None = None
        self._given: set[str] = set()

    def receive(self, message: str, at: Nanos) -> Iterable[Outgoing]:
        """Each request is answered once."""
        try:
            request = msgspec.json.decode(message, type=_Request)
        except (msgspec.MsgspecError, RecursionError):
            return [self._answer(_Request(), 10001, "param error", {}, {})]
        if request.op == "ping":
            return [self._answer(request, 0, "OK", [str(at // MILLISECOND)], {}, "pong")]
        if request.op == "auth":
            return [self._authorised(request, at)]
        if request.op not in _PATHS:
            return [self._answer(request, 10404, "op type is not found", {}, {})]
        if request.req_id and request.req_id in self._given:
            return [self._answer(request, 20006, "reqId is duplicated", {}, {})]
        self._given.add(request.req_id)
        code, text, result, header = self._done(request, at)
        return [self._answer(request, code, text, result, header)]

    def publish(self, at: Nanos) -> Iterable[Outgoing]:
        """Nothing by itself."""
        return ()

    def _authorised(self, request: _Request, at: Nanos) -> Say:
        if self._key is not None:
            return self._answer(request, 20001, "Repeat auth", None, {})
        try:
            self._key = signed_in(self._desk, request.args, at)
        except Refused as refused:
            return self._answer(request, refused.code, refused.text, None, {})
        return self._answer(request, 0, "OK", None, {})

    def _done(self, request: _Request, at: Nanos) -> tuple[int, str, object, dict[str, str]]:
        if self._desk.maintenance:
            return *MAINTAINED, {}, {}
        if self._key is None:
            return 10004, "Request not authorized", {}, {}
        args = request.args
        if not (isinstance(args, list) and len(args) == 1 and isinstance(args[0], dict)):
            return 10001, "param error", {}, {}
        path, asked = _PATHS[request.op], Asked(args[0])
        try:
            header = Asked(request.header)
            in_time(header.text("X-BAPI-TIMESTAMP"), header.text("X-BAPI-RECV-WINDOW") or DEFAULT_WINDOW, at)
        except Refused as refused:
            return refused.code, refused.text, {}, {}
        count = self._calls.counted(self._key, path, asked, at)
        if count.exceeded:
            return 10006, "Too many visits. Exceeded the API Rate Limit.", {}, count.headers()
        code, text, result = self._calls.act(Caller(self._key), "POST", path, asked, at)
        return code, text, result, {**count.headers(), "Timenow": str(at // MILLISECOND)}

    def _answer(
        self, request: _Request, code: int, text: str, data: object, header: dict[str, str], op: str = ""
    ) -> Say:
        answer: dict[str, object] = {"reqId": request.req_id} if request.req_id else {}
        answer |= {"retCode": code, "retMsg": text, "op": op or request.op}
        if data is not None:
            answer |= {"data": data, "retExtInfo": {}, "header": header}
        answer["connId"] = self._conn_id
        return Say(msgspec.json.encode(answer).decode(), ANSWERED_AFTER)
