"""Bybit's simulated public side: the three public streams, and the REST answers beside them.

Enters: the engine's books by symbol, texts and requests of clients. Leaves: sessions whose frames are those of
`/v5/public/{spot,linear,inverse}`. Never: a frame before its subscription is acknowledged.

bybit-exchange.github.io/docs/v5, pages ws/connect and rate-limit (2026-11-21, in copies). The wording of refusals, and
that one topic which is unknown or already subscribed to fails its whole request, as measured on the venue in 2026:
github.com/ccxt/ccxt/issues/30284, and probes kept in public repositories (2026-11-21).
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from cryptopipe.api import (
    HttpRequest,
    HttpResponse,
    Nanos,
    Outgoing,
    SandboxSession,
    Say,
    SimulatedBook,
    SimulatedDesk,
)
from cryptopipe_bybit.market import MARKETS, MILLISECOND, SPOT, Market
from cryptopipe_bybit.sandbox_listing import INTERVALS, Listing
from cryptopipe_bybit.sandbox_rest import Answers
from cryptopipe_bybit.sandbox_topics import DEPTHS, CandleTopic, DepthTopic, TickerTopic, Topic, TradeTopic

ANSWERED_AFTER: Nanos = 25 * MILLISECOND
"""Between a request on a stream and its answer: tens of milliseconds less the way there and back."""
_ARGUMENTS = 10
""" "Spot can input up to 10 args for each subscription request" (ws/connect); the other markets take any number."""
_DIALS = 500
_DIALS_WITHIN: Nanos = 5 * 60_000 * MILLISECOND
""" "Do not establish more than 500 connections within a 5-minute window" (rate-limit)."""

_COUNTED_EVERY: Nanos = 1000 * MILLISECOND


class _Request(msgspec.Struct):
    op: str = ""
    args: Any = None
    req_id: str | int = ""


@dataclass(slots=True)
class _Line:
    topic: Topic
    seen: int


@dataclass(slots=True)
class _Due:
    """An answer, and what begins or ends with it."""

    at: Nanos
    text: str
    opens: dict[str, Topic] = field(default_factory=dict)
    ends: tuple[str, ...] = ()


class BybitSandbox:
    """The simulated venue: `SandboxVenue` over the engine's books.

    A topic is shared by the connections that carry it: `u` of a book goes on while nobody listens, without frames.
    """

    def __init__(self, books: Mapping[str, SimulatedBook], desk: SimulatedDesk | None = None) -> None:
        self.endpoints: Mapping[str, str] = {
            market.category: f"/v5/public/{market.category}" for market in MARKETS.values()
        }
        self._markets = {self.endpoints[market.category]: market for market in MARKETS.values()}
        listings = [Listing(book, desk) for book in books.values()]
        self.listings = {(listing.market.category, listing.spelling): listing for listing in listings}
        self._topics: dict[tuple[str, str], Topic] = {}
        self._dials: deque[Nanos] = deque()
        self._opened = 0
        self._counted_at: Nanos = 0
        self.watch: Callable[[Nanos], None] | None = None
        self._answers = Answers(self.listings, self._reference, self.book_of_rest)

    def open(self, path: str, at: Nanos) -> SandboxSession | HttpResponse:
        """A connection to one market. A path that is none gets the 404 of the handshake."""
        market = self._markets.get(path.partition("?")[0])
        if market is None:
            return HttpResponse(404, b"", path)
        refused = self.dialled(path, at)
        if refused is not None:
            return refused
        self._opened += 1
        return BybitSession(self, market, f"{at // MILLISECOND:x}-{self._opened:x}")

    def dialled(self, path: str, at: Nanos) -> HttpResponse | None:
        """One more dial, of whichever endpoint; the answer that refuses it where there were too many."""
        while self._dials and self._dials[0] <= at - _DIALS_WITHIN:
            self._dials.popleft()
        if len(self._dials) >= _DIALS:
            return HttpResponse(403, b"access too frequent", path)
        self._dials.append(at)
        return None

    def too_often(self, request: HttpRequest, at: Nanos) -> HttpResponse | None:
        """One more request that is answered elsewhere; the answer that refuses it where there were too many."""
        return self._answers.too_often(request, at)

    def count_trades(self, at: Nanos) -> None:
        """Once a second, whoever listens to whatever: candles and figures of the day miss nothing while one does.
        `watch`, where set, is called each time.
        """
        if self.watch is not None:
            self.watch(at)
        if at - self._counted_at >= _COUNTED_EVERY:
            self._counted_at = at
            for listing in self.listings.values():
                listing.tally.catch_up()

    def answer(self, request: HttpRequest, at: Nanos) -> HttpResponse:
        """As `SandboxVenue.answer`."""
        return self._answers.answer(request, at)

    def topic(self, market: Market, name: str) -> Topic | None:
        """The topic of this name, None if the market has none."""
        key = (market.category, name)
        topic = self._topics.get(key)
        if topic is None and (topic := self._made(market, name)) is not None:
            self._topics[key] = topic
        return topic

    def book_of_rest(self, listing: Listing, at: Nanos) -> DepthTopic:
        """What `/v5/market/orderbook` tells: `u` is that of the stream of 1000 levels."""
        topic = self.topic(listing.market, f"orderbook.1000.{listing.spelling}")
        assert isinstance(topic, DepthTopic), "every listing has its books"
        topic.advance(at)
        return topic

    def is_listed(self, market: Market, spelling: str) -> bool:
        """Whether this market trades it."""
        return (market.category, spelling) in self.listings

    def _made(self, market: Market, name: str) -> Topic | None:
        kind, _, rest = name.partition(".")
        depth, _, spelling = rest.rpartition(".")
        listing = self.listings.get((market.category, spelling))
        if listing is None:
            return None
        if kind == "orderbook" and depth in map(str, DEPTHS[market.category]):
            return DepthTopic(listing, int(depth))
        if kind == "publicTrade" and not depth:
            return TradeTopic(listing)
        if kind == "tickers" and not depth:
            return TickerTopic(listing, self._reference)
        if kind == "kline" and depth in INTERVALS:
            return CandleTopic(listing, depth)
        return None

    def _reference(self, asset: str) -> Listing | None:
        return self.listings.get((SPOT.category, f"{asset}USDT"))


class BybitSession:
    """One connection to one market."""

    def __init__(self, venue: BybitSandbox, market: Market, conn_id: str) -> None:
        self._venue, self._market, self._conn_id = venue, market, conn_id
        self._due: deque[_Due] = deque()
        self._wanted: set[str] = set()
        self._lines: dict[str, _Line] = {}

    def receive(self, message: str, at: Nanos) -> Iterable[Outgoing]:
        """Every request is answered a little later, in its turn; nothing is said at once."""
        self._due.append(self._judged(message, at + ANSWERED_AFTER))
        return ()

    def publish(self, at: Nanos) -> Iterable[Outgoing]:
        """The answers that are due with the snapshots they bring, then the frames since the last step."""
        self._venue.count_trades(at)
        out: list[Outgoing] = []
        while self._due and self._due[0].at <= at:
            self._carry_out(self._due.popleft(), at, out)
        for line in self._lines.values():
            topic = line.topic
            topic.advance(at)
            if topic.count != line.seen:
                frames = topic.since(line.seen)
                if frames is None:  # too far behind: "a snapshot will be re-sent"
                    snapshot = topic.snapshot(at)
                    frames = () if snapshot is None else (snapshot,)
                line.seen = topic.count
                out.extend([Say(frame) for frame in frames])
        return out

    def _carry_out(self, due: _Due, at: Nanos, out: list[Outgoing]) -> None:
        out.append(Say(due.text))
        for name in due.ends:
            self._lines.pop(name, None)
        for name, topic in due.opens.items():
            topic.advance(at)
            self._lines[name] = _Line(topic, topic.count)
            snapshot = topic.snapshot(at)
            if snapshot is not None:
                out.append(Say(snapshot))

    def _judged(self, message: str, due: Nanos) -> _Due:
        try:
            request = msgspec.json.decode(message, type=_Request | None) or _Request()
        except (msgspec.MsgspecError, RecursionError) as error:
            return _Due(due, self._text(False, _undecodable(message, error), _Request()))
        match request.op:
            case "ping":
                return _Due(due, self._text(True, "pong", request))
            case "subscribe" | "unsubscribe":
                names = request.args
                if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
                    return _Due(due, self._text(False, _undecodable(message, "args is no array of strings"), request))
                return self._subscribed(request, names, due) if request.op == "subscribe" else self._ended(request, due)
        return _Due(due, self._text(False, "error:invalid op", request))

    def _subscribed(self, request: _Request, names: list[str], due: Nanos) -> _Due:
        if self._market is SPOT and len(names) > _ARGUMENTS:
            return _Due(due, self._text(False, f"args size >{_ARGUMENTS}", request))
        opens: dict[str, Topic] = {}
        for name in names:
            topic = self._venue.topic(self._market, name)
            if topic is None:
                return _Due(due, self._text(False, self._unknown(name), request))
            if name in self._wanted or name in opens:
                return _Due(due, self._text(False, f"error:already subscribed,topic:{name}", request))
            opens[name] = topic
        self._wanted.update(opens)
        return _Due(due, self._text(True, self._done("subscribe"), request), opens)

    def _ended(self, request: _Request, due: Nanos) -> _Due:
        """A topic that is not subscribed to is passed over."""
        self._wanted.difference_update(request.args)
        return _Due(due, self._text(True, self._done("unsubscribe"), request), ends=tuple(request.args))

    def _done(self, op: str) -> str:
        return op if self._market is SPOT else ""

    def _unknown(self, name: str) -> str:
        """Spot tells a symbol that it does not know from a topic that it does not know."""
        if self._market is SPOT and "." in name and not self._venue.is_listed(SPOT, name.rpartition(".")[2]):
            return f"Invalid symbol :[{name}]"
        return f"error:handler not found,topic:{name}"

    def _text(self, success: bool, ret_msg: str, request: _Request) -> str:
        """`{"success":true,"ret_msg":"","conn_id":"…","req_id":"…","op":"subscribe"}`; spot leaves out a `req_id` that
        was not given."""
        answer: dict[str, object] = {"success": success, "ret_msg": ret_msg, "conn_id": self._conn_id}
        if request.req_id != "" or self._market is not SPOT:
            answer["req_id"] = str(request.req_id)
        return msgspec.json.encode({**answer, "op": request.op}).decode()


def _undecodable(message: str, error: object) -> str:
    """As jsoniter, which the venue reads with, says it: `Failed to decode incoming data:readObjectStart: expect { or n,
    but found h, …`. The connection stays open."""
    text = message.lstrip()
    if text[:1] == "{":
        return f"Failed to decode incoming data:{error}"
    return (
        f"Failed to decode incoming data:readObjectStart: expect {{ or n, but found {text[:1] or chr(0)}, error found "
        f"in #1 byte of ...|{text[:10]}|..., bigger context ...|{text[:50]}|..."
    )
