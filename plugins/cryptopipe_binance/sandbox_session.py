"""One client's connection to simulated Binance streams.

Enters: the client's requests; the streams, at each step. Leaves: acknowledgements and errors in the venue's words, the
frames of what is subscribed to, pings. Never: a frame before the acknowledgement of its subscription, or twice.

github.com/binance/binance-spot-api-docs web-socket-streams.md "Live Subscribing/Unsubscribing to streams", "Error
Messages" and "Websocket Limits" (2026-07-21). An error comes as `{"error":{"code":2,"msg":"Invalid request: invalid
stream"},"id":2}` (github.com/ccxt/ccxt/pull/19833). A stream that does not exist is acknowledged, and stays silent.
"""

import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from cryptopipe.api import Beat, HangUp, Nanos, Outgoing, Say
from cryptopipe_binance.sandbox_streams import SECOND, Stream, Streams
from cryptopipe_binance.sandbox_wire import MILLISECOND

ACKNOWLEDGED_AFTER = 30 * MILLISECOND
LIFE = 24 * 3600 * SECOND
"""A connection "is only valid for 24 hours"."""

_METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
_STREAM = re.compile(r"[!\w][\w@.!-]*", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9_-]{1,36}", re.ASCII)
_PLACE = re.compile(r"\(byte (\d+)\)")


@dataclass(frozen=True, slots=True)
class Route:
    """Which streams a path leads to: those whose name `allows` finds something in, and those that `also` finds."""

    streams: Streams
    allows: re.Pattern[str]
    also: Callable[[str], Stream | None] = lambda name: None

    def find(self, name: str) -> Stream | None:
        """None if nothing will ever come of this name here."""
        return (self.streams.find(name) if self.allows.search(name) else None) or self.also(name)


@dataclass(frozen=True, slots=True)
class Manners:
    """How a venue treats its connections: pings every so often, at most so many texts of a client a second."""

    ping_every: Nanos
    texts_a_second: int
    names_as_ids: bool
    """Whether a request's id may be a text or null as well as a number."""


class _Refused(Exception):
    """An answer, not a failure."""

    def __init__(self, code: int, text: str, *identity: Any) -> None:
        self.answer: dict[str, Any] = {"error": {"code": code, "msg": text}}
        if identity:
            self.answer["id"] = identity[0]


class _Read:
    """What one subscription has read of its stream."""

    __slots__ = ("head", "position", "stream")

    def __init__(self, name: str, stream: Stream, at: Nanos) -> None:
        self.stream = stream
        self.position = stream.join(at)
        self.head = f'{{"stream":"{name}","data":'


class Session:
    """`combined`: payloads stand in an envelope that names their stream. `names` are subscribed to from the start."""

    def __init__(self, route: Route, manners: Manners, names: Sequence[str], combined: bool, at: Nanos) -> None:
        self._route, self._manners, self._combined = route, manners, combined
        self._opened_at = self._pinged_at = at
        self._reads: dict[str, _Read | None] = {}
        self._due: deque[tuple[Nanos, str]] = deque()
        self._heard: deque[Nanos] = deque()
        self._over = False
        self._subscribe(names, at)

    def receive(self, message: str, at: Nanos) -> Iterator[Outgoing]:
        """Answered some tens of milliseconds later, in order. Beyond the limit the venue hangs up."""
        heard = self._heard
        while heard and heard[0] <= at - SECOND:
            heard.popleft()
        heard.append(at)
        if len(heard) > self._manners.texts_a_second:
            self._over = True
            yield HangUp(1008, "Too many requests")
        elif not self._over:
            self._due.append((at + ACKNOWLEDGED_AFTER, message))

    def publish(self, at: Nanos) -> Iterator[Outgoing]:
        """Answers that are due, then what the streams tell since the last step."""
        if self._over:
            return
        while self._due and self._due[0][0] <= at:
            yield Say(self._answer(self._due.popleft()[1], at))
        self._route.streams.keep(at)
        combined = self._combined
        for read in self._reads.values():
            if read is None:
                continue
            stream = read.stream
            if stream.at != at:
                stream.step(at)
            if stream.end != read.position:
                for text in stream.since(read.position):
                    yield Say(f"{read.head}{text}}}" if combined else text)
                read.position = stream.end
        if at - self._pinged_at >= self._manners.ping_every:
            self._pinged_at = at
            yield Beat()
        if at - self._opened_at >= LIFE:
            self._over = True
            yield HangUp(1001, "")

    def _answer(self, text: str, at: Nanos) -> str:
        try:
            answer = self._carry_out(text, at)
        except _Refused as refused:
            answer = refused.answer
        return msgspec.json.encode(answer).decode()

    def _carry_out(self, text: str, at: Nanos) -> dict[str, Any]:
        method, params, identity = self._read(text)
        if method == "LIST_SUBSCRIPTIONS":
            if params is not None:
                raise _Refused(2, "Invalid request: too many parameters", identity)
            return {"result": list(self._reads), "id": identity}
        if method in ("SET_PROPERTY", "GET_PROPERTY"):
            return {"result": self._property(method, params, identity), "id": identity}
        names: list[Any] = params if isinstance(params, list) else [None]
        if not all(isinstance(name, str) and _STREAM.fullmatch(name) for name in names):
            raise _Refused(2, "Invalid request: invalid stream", identity)
        if method == "SUBSCRIBE":
            self._subscribe(names, at)
        else:
            for name in names:
                self._reads.pop(name, None)
        return {"result": None, "id": identity}

    def _subscribe(self, names: Sequence[str], at: Nanos) -> None:
        """What is subscribed to already stays as it is."""
        for name in names:
            if name not in self._reads:
                stream = self._route.find(name)
                self._reads[name] = None if stream is None else _Read(name, stream, at)

    def _read(self, text: str) -> tuple[str, Any, Any]:
        """Method, params and id of a request that has the form of one."""
        try:
            request = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            place = _PLACE.search(str(error))
            column = int(place[1]) + 1 if place else max(1, len(text))
            raise _Refused(3, f"Invalid JSON: expected value at line 1 column {column}") from error
        if not isinstance(request, dict) or "method" not in request:
            raise _Refused(2, f"Invalid request: missing field `method` at line 1 column {len(text)}")
        method = request["method"]
        if method not in _METHODS:
            known = ", ".join(f"`{name}`" for name in _METHODS)
            column = text.find(str(method)) + len(str(method)) + 1
            raise _Refused(
                2, f"Invalid request: unknown variant `{method}`, expected one of {known} at line 1 column {column}"
            )
        if "id" not in request or not self._is_identity(request["id"]):
            raise _Refused(2, "Invalid request: request ID must be an unsigned integer")
        return method, request.get("params"), request["id"]

    def _is_identity(self, value: Any) -> bool:
        if isinstance(value, bool | float):
            return False
        if isinstance(value, int):
            return (-(2**63) if self._manners.names_as_ids else 0) <= value < 2**63
        return self._manners.names_as_ids and (
            value is None or (isinstance(value, str) and _NAME.fullmatch(value) is not None)
        )

    def _property(self, method: str, params: Any, identity: Any) -> bool | None:
        """`combined` is the only one there is."""
        values = params if isinstance(params, list) else []
        if not values or not isinstance(values[0], str):
            raise _Refused(2, "Invalid request: property name must be a string", identity)
        if values[0] != "combined":
            raise _Refused(0, "Unknown property", identity)
        if method == "GET_PROPERTY":
            return self._combined
        if len(values) != 2 or not isinstance(values[1], bool):
            raise _Refused(1, "Invalid value type: expected Boolean", identity)
        self._combined = values[1]
        return None
