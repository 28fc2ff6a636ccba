"""One client's connection to the simulated stream of today.

Enters: the client's requests; the streams, at each step. Leaves: answers in the venue's words, snapshots, frames and
pings. Never: a frame of a stream before its subscription is carried out.

developer.gemini.com/websocket/message-format and specs/asyncapi/websocket.yaml (2026-11-21 in stored copies); measured
by others in 2026-09: snapshots come before the answer to their subscription, one bad name refuses its whole request,
the server pings every 20 s, `conninfo` answers without `result`. Not confirmed: the answers to `time` and to what is no
request, and that a stream subscribed to twice stays as it is.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from cryptopipe.api import Beat, Nanos, Outgoing, Say, Side
from cryptopipe_gemini.sandbox_streams import Stream, Streams
from cryptopipe_gemini.sandbox_words import MILLISECOND, SECOND, event_id

ANSWERED_AFTER: Nanos = 30 * MILLISECOND
PINGED_EVERY: Nanos = 20 * SECOND
REQUESTS, REQUESTS_PER = 7000, 10 * SECOND
"""`REQUEST_WEIGHT` of `conninfo`."""

_PRIVATE_STREAMS = ("orders@", "balances@", "positions@", "requestForQuote@")
_PRIVATE_METHODS = ("order.", "rfq.")
_MOST_LEVELS, _USUAL_LEVELS = 5000, 100


class _Request(msgspec.Struct):
    method: str
    id: int | str | None = None
    params: Any = None


class _Refused(Exception):
    """An answer, and no error of ours."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.error = status, {"code": code, "msg": message}


class _Read:
    """What one subscription has read of its stream."""

    __slots__ = ("position", "stream")

    def __init__(self, stream: Stream) -> None:
        self.stream, self.position = stream, stream.tape.end


class Session:
    """`snapshot` is the connection's parameter: -1 the whole book, N its top levels, 0 none. `dials` is how many
    connections the address has tried; `stepped` is told of each step.
    """

    def __init__(
        self, streams: Streams, snapshot: int, dials: int, stepped: Callable[[Nanos], None], at: Nanos
    ) -> None:
        self._streams, self._snapshot, self._dials, self._stepped = streams, snapshot, dials, stepped
        self._pinged_at = at
        self._reads: dict[str, _Read] = {}
        self._due: deque[tuple[Nanos, str]] = deque()
        self._heard: deque[Nanos] = deque()

    def receive(self, message: str, at: Nanos) -> Iterator[Outgoing]:
        """Answered some tens of milliseconds later, in order."""
        self._due.append((at + ANSWERED_AFTER, message))
        return iter(())

    def publish(self, at: Nanos) -> Iterator[Outgoing]:
        """What the streams tell since the last step, then the answers that are due."""
        self._stepped(at)
        for read in self._reads.values():
            read.stream.step(at)
            yield from self._news(read)
        while self._due and self._due[0][0] <= at:
            for text in self._answered(self._due.popleft()[1], at):
                yield Say(text)
        if at - self._pinged_at >= PINGED_EVERY:
            self._pinged_at = at
            yield Beat()

    def _news(self, read: _Read) -> Iterator[Outgoing]:
        tape = read.stream.tape
        if tape.end != read.position:
            texts, read.position = tape.since(read.position), tape.end
            for text in texts:
                yield Say(text)

    def _answered(self, message: str, at: Nanos) -> Iterator[str]:
        try:
            request = msgspec.json.decode(message, type=_Request)
        except (msgspec.MsgspecError, RecursionError):
            yield _text({"id": None, "status": 400, "error": {"code": -1013, "msg": "Invalid request"}})
            return
        try:
            self._weigh(at)
            texts, result = self._carried_out(request, at)
        except _Refused as refused:
            yield _text({"id": request.id, "status": refused.status, "error": refused.error})
            return
        yield from texts
        yield _text({"id": request.id, "status": 200, **result})

    def _weigh(self, at: Nanos) -> None:
        heard = self._heard
        while heard and heard[0] <= at - REQUESTS_PER:
            heard.popleft()
        heard.append(at)
        if len(heard) > REQUESTS:
            raise _Refused(429, -1003, "Rate limit exceeded")

    def _carried_out(self, request: _Request, at: Nanos) -> tuple[list[str], dict[str, Any]]:
        """Snapshots to be sent before the answer, and what stands in the answer."""
        match request.method.lower():
            case "ping":
                return [], {}
            case "time":
                return [], {"serverTime": at // MILLISECOND}
            case "conninfo":
                return [], {"rateLimits": self._limits()}
            case "subscribe":
                return self._subscribed(_names(request.params), at), {}
            case "unsubscribe":
                for name in _names(request.params):
                    self._reads.pop(name.lower(), None)
                return [], {}
            case "list_subscriptions":
                return [], {"result": list(self._reads)}
            case "depth":
                return [], {"result": self._depth(request.params)}
            case method if method.startswith(_PRIVATE_METHODS):
                raise _Refused(401, -1002, "Authentication required")
        raise _Refused(400, -1020, "Unsupported operation")

    def _subscribed(self, names: list[str], at: Nanos) -> list[str]:
        found: dict[str, Stream] = {}
        for name in names:
            if name.startswith(_PRIVATE_STREAMS):
                raise _Refused(401, -1002, "Authentication required")
            stream = self._streams.find(name)
            if stream is None:
                raise _Refused(400, -1013, f"Invalid stream name: {name}")
            found[name.lower()] = stream
        texts = []
        for key, stream in found.items():
            if key not in self._reads:
                text = stream.opening(self._snapshot, at)
                self._reads[key] = _Read(stream)
                texts += [text] if text else []
        return texts

    def _depth(self, params: Any) -> object:
        asked = params if isinstance(params, dict) else {}
        words = self._streams.listed.get(str(asked.get("symbol", "")).lower())
        limit = asked.get("limit", _USUAL_LEVELS)
        if words is None or not isinstance(limit, int) or not 1 <= limit <= _MOST_LEVELS:
            raise _Refused(400, -1013, "Invalid parameters")
        sides = {"bids": Side.BUY, "asks": Side.SELL}
        book = words.book
        rows = {
            name: [(words.price(p), words.size(s)) for p, s in book.levels(side, limit)] for name, side in sides.items()
        }
        return {"lastUpdateId": event_id(book.number), **rows}

    def _limits(self) -> list[dict[str, object]]:
        heard = len(self._heard)
        return [
            _limit("REQUEST_WEIGHT", "SECOND", 10, REQUESTS, heard),
            _limit("ORDERS", "SECOND", 10, 3500, 0),
            _limit("ORDERS", "DAY", 1, 10_000_000, 0),
            _limit("CONNECTION_ATTEMPTS", "MINUTE", 5, 300, self._dials),
        ]


def _limit(kind: str, interval: str, number: int, limit: int, count: int) -> dict[str, object]:
    return {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit, "count": count}


def _names(params: Any) -> list[str]:
    """An array of texts; the form `{"streams":[…]}` is refused."""
    if not isinstance(params, list) or not all(isinstance(name, str) for name in params):
        raise _Refused(400, -1013, "Invalid parameters")
    return params


def _text(answer: dict[str, Any]) -> str:
    return msgspec.json.encode(answer).decode()
