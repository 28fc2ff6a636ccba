"""OKX's simulated public side: the public stream, that of candles, and the REST answers beside them.

Enters: the engine's books by symbol, texts and requests of clients. Leaves: sessions whose frames are those of
`/ws/v5/public` and `/ws/v5/business`. Never: a frame before its subscription is acknowledged, or a snapshot for who has
the channel already.

www.okx.com/docs-v5/en/, sections overview-websocket-* and error-code-websocket-public (copies of 2026-07, read
2026-11-21). What those do not say as measured: the wording of 60012 and 60018, one answer an argument, and a second
subscription acknowledged without a snapshot, on ws.okj.com, which speaks the same, on 2026-09-23 (a public repository).
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from cryptopipe.api import HangUp, HttpRequest, HttpResponse, Nanos, Outgoing, SandboxSession, Say, SimulatedBook
from cryptopipe_okx.market import MILLISECOND
from cryptopipe_okx.sandbox_candles import BARS, CandleTopic
from cryptopipe_okx.sandbox_listing import Listing
from cryptopipe_okx.sandbox_rest import Answers
from cryptopipe_okx.sandbox_topics import RANKS, Topic, topic_of

ANSWERED_AFTER: Nanos = 25 * MILLISECOND
"""Between a request on the stream and its answer: tens of milliseconds less the way there and back."""
_SECOND: Nanos = 1000 * MILLISECOND
_DIALS = 3
""" "Connection limit: 3 requests per second (based on IP)"; all clients of a sandbox are one address."""
_REQUESTS, _HOUR = 480, 3600 * _SECOND
""" "The total number of 'subscribe'/'unsubscribe'/'login' requests per connection is limited to 480 times per hour"."""
_LONGEST = 64 * 1024
""" "The total length of multiple channels cannot exceed 64 KB"; close code 1009 "Request message exceeds the maximum
frame length"."""
_IDLE: Nanos = 30 * _SECOND
"""Close code 4004 "No data received in 30s": of either side, for a connection that hears frames stays open."""
_FOR_CUSTOMERS = ("books-l2-tbt", "books50-l2-tbt")
_CANDLE = "candle"
_ADVICE = "Please use the correct URL, channel and parameters referring to API document."


class _Arg(msgspec.Struct):
    channel: str
    inst_id: str = msgspec.field(name="instId", default="")


class _Request(msgspec.Struct):
    op: str
    args: list[_Arg] = []
    id: str = ""


@dataclass(slots=True)
class _Line:
    topic: Topic
    seen: int
    rank: int


@dataclass(slots=True)
class _Due:
    """An answer, and the channel that begins or ends with it."""

    at: Nanos
    text: str
    key: tuple[str, str] | None = None
    opens: bool = False


class OkxSandbox:
    """The simulated venue: `SandboxVenue` over the engine's books.

    A topic is shared by the connections that carry it: its frames are the same for all, as the ids are.
    """

    endpoints: Mapping[str, str] = {"public": "/ws/v5/public", "business": "/ws/v5/business"}

    def __init__(self, books: Mapping[str, SimulatedBook]) -> None:
        self._listings = {listing.symbol: listing for listing in (Listing(book) for book in books.values())}
        self._topics: dict[tuple[str, str], Topic] = {}
        self._dials: deque[Nanos] = deque()
        self._opened = 0
        self._counted_at: Nanos = 0
        self._answers = Answers(self._listings)

    def open(self, path: str, at: Nanos) -> SandboxSession | HttpResponse:
        """A connection. A path that is none gets the 404 of the handshake, a fourth in a second 429; how the venue
        itself refuses them is in no page."""
        name = next((name for name, own in self.endpoints.items() if own == path.partition("?")[0]), "")
        if not name:
            return HttpResponse(404, b"", path)
        while self._dials and self._dials[0] <= at - _SECOND:
            self._dials.popleft()
        if len(self._dials) >= _DIALS:
            return HttpResponse(429, b"", path)
        self._dials.append(at)
        self._opened += 1
        return OkxSession(self, name, f"{self._opened:08x}", at)

    def answer(self, request: HttpRequest, at: Nanos) -> HttpResponse:
        """As `SandboxVenue.answer`."""
        return self._answers.answer(request, at)

    def topic(self, endpoint: str, channel: str, symbol: str) -> Topic | None:
        """None if the endpoint has no such channel, or the venue no such instrument."""
        topic, listing = self._topics.get((channel, symbol)), self._listings.get(symbol)
        if listing is None or (endpoint == "business") is not channel.startswith(_CANDLE):
            return None
        if topic is None:
            bar = channel.removeprefix(_CANDLE)
            topic = CandleTopic(listing, bar) if bar in BARS else topic_of(listing, channel)
            if topic is not None:
                self._topics[channel, symbol] = topic
        return topic

    def count_trades(self, at: Nanos) -> None:
        """Once a second, whoever listens to whatever: the figures of the day miss nothing while one does."""
        if at - self._counted_at >= _SECOND:
            self._counted_at = at
            for listing in self._listings.values():
                listing.tally.catch_up()


class OkxSession:
    """One connection."""

    def __init__(self, venue: OkxSandbox, endpoint: str, conn_id: str, at: Nanos) -> None:
        self._venue, self._endpoint, self._conn_id = venue, endpoint, conn_id
        self._due: deque[_Due] = deque()
        self._lines: dict[tuple[str, str], _Line] = {}
        self._asked: deque[Nanos] = deque()
        self._heard_at = at

    def receive(self, message: str, at: Nanos) -> Iterable[Outgoing]:
        """Every request is answered a little later, in its turn."""
        self._heard_at = max(self._heard_at, at)
        if len(message.encode()) > _LONGEST:
            return (HangUp(1009, "Request message exceeds the maximum frame length"),)
        if message == "ping":
            self._due.append(_Due(at + ANSWERED_AFTER, "pong"))
        else:
            self._due.extend(self._judged(message, at))
        return ()

    def publish(self, at: Nanos) -> Iterable[Outgoing]:
        """The answers that are due with the first frames they bring, then the frames since the last step."""
        self._venue.count_trades(at)
        out: list[Outgoing] = []
        while self._due and self._due[0].at <= at:
            self._carry_out(self._due.popleft(), at, out)
        for line in self._lines.values():
            line.topic.advance(at)
            if line.topic.count != line.seen:
                self._frames(line, at, out)
        if out:
            self._heard_at = at
        elif at - self._heard_at >= _IDLE:
            out.append(HangUp(4004, "No data received in 30s."))
        return out

    def _frames(self, line: _Line, at: Nanos, out: list[Outgoing]) -> None:
        """Too far behind for what is kept: the whole book again, as on a new subscription."""
        frames = line.topic.since(line.seen)
        if frames is None:
            first = line.topic.first(at)
            frames = () if first is None else (first,)
        line.seen = line.topic.count
        out.extend([Say(frame) for frame in frames])

    def _carry_out(self, due: _Due, at: Nanos, out: list[Outgoing]) -> None:
        out.append(Say(due.text))
        if due.key is None:
            return
        if not due.opens:
            self._lines.pop(due.key, None)
        elif due.key not in self._lines:
            topic = self._venue.topic(self._endpoint, *due.key)
            assert topic is not None, "judged before"
            topic.advance(at)
            self._lines[due.key] = _Line(topic, topic.count, _rank(due.key[0]))
            self._lines = dict(sorted(self._lines.items(), key=lambda one: one[1].rank))
            if (first := topic.first(at)) is not None:
                out.append(Say(first))

    def _judged(self, message: str, at: Nanos) -> Iterable[_Due]:
        due = at + ANSWERED_AFTER
        try:
            request = msgspec.json.decode(message, type=_Request)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return (_Due(due, self._error("60012", f"Illegal request: {message}")),)
        if request.op not in ("subscribe", "unsubscribe"):
            code, told = ("60009", "Login failure") if request.op == "login" else ("60019", f"Invalid op: {request.op}")
            return (_Due(due, self._error(code, told, request.id)),)
        if self._is_too_often(at):
            return (_Due(due, self._error("60014", "Requests too frequent", request.id)),)
        if not request.args:
            return (_Due(due, self._error("60012", f"Illegal request: {message}", request.id)),)
        return [self._argument(request, arg, due) for arg in request.args]

    def _argument(self, request: _Request, arg: _Arg, due: Nanos) -> _Due:
        opens = request.op == "subscribe"
        if arg.channel in _FOR_CUSTOMERS:
            return _Due(due, self._error("60011", "Please log in", request.id))
        if self._venue.topic(self._endpoint, arg.channel, arg.inst_id) is None:
            told = f"Wrong URL or channel:{arg.channel},instId:{arg.inst_id} doesn't exist. {_ADVICE}"
            return _Due(due, self._error("60018", told, request.id))
        told_id = {"id": request.id} if request.id else {}
        answer = {**told_id, "event": request.op, "arg": arg, "connId": self._conn_id}
        return _Due(due, msgspec.json.encode(answer).decode(), (arg.channel, arg.inst_id), opens)

    def _is_too_often(self, at: Nanos) -> bool:
        while self._asked and self._asked[0] <= at - _HOUR:
            self._asked.popleft()
        if len(self._asked) >= _REQUESTS:
            return True
        self._asked.append(at)
        return False

    def _error(self, code: str, told: str, request_id: str = "") -> str:
        """`{"event":"error","msg":"Please log in","code":"60011","connId":"78d58071"}`"""
        told_id = {"id": request_id} if request_id else {}
        answer = {**told_id, "event": "error", "msg": told, "code": code, "connId": self._conn_id}
        return msgspec.json.encode(answer).decode()


def _rank(channel: str) -> int:
    return RANKS.index(channel) if channel in RANKS else len(RANKS)
