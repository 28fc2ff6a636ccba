"""Kraken's single orders: the level3 channel of WebSocket v2, on a host of its own.

Enters: frames `{"channel":"level3","type":"update","data":[{"symbol":…,"checksum":…,"bids":[…],"asks":[…]}]}`. Leaves:
`OrdersSnapshot`s and `OrdersDelta`s whose numbers are the venue's text. Never: state between frames.

Read for it on 2026-11-21: docs.kraken.com/exchange/api-reference/spot-websocket-v2/level3 and
docs.kraken.com/exchange/guides/websockets/l3-checksum-v2 (in copies of 2026-05-27); a token is needed (signer.py).
"200 symbols per connection"; a subscription to 10, 100 or 1000 levels counts 5, 25 or 100 of the 200 that a standard
client has a second: 100 levels, and eight symbols a connection.

Of a `modify` the page says "the order quantity has been modified, i.e. a fill": the order keeps its place, which is
what the core's SET does unless it grew. Orders that come into view in one update are not listed in the order of their
queue: their `timestamp` ("the time the order was inserted or amended") tells it. So the venue's own client library
sorts them (github.com/krakenfx/api-go), and so did somebody who checked 6,362 checksums live on 2026-09-17 (notes in a
public repository): the additions of one side are put in the order of their stamps, in the places that additions have.
A snapshot is taken as it stands, as that check did: the page's example has each queue by its stamps.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from cryptopipe.api import (
    Channel,
    Connect,
    FeedEvent,
    Frame,
    Heartbeat,
    Nanos,
    Notice,
    OrderChange,
    OrderEvent,
    OrderFormat,
    OrdersDelta,
    OrdersSnapshot,
    Proof,
    ProtocolError,
    StreamAuth,
    Subscription,
    SyncRule,
    Unknown,
    apply_always,
)
from cryptopipe_kraken.wire import UNREADABLE, Crc, nanos

URL = "wss://ws-l3.kraken.com/v2"
DEPTH = 100
"""Levels a side, of 10, 100 and 1000; the book is cut to it after every update."""
TOGETHER = 8
"""Symbols a connection: 25 each of 200 a second."""

_ADD = OrderChange.ADD
_CHANGES = {"add": _ADD, "modify": OrderChange.SET, "delete": OrderChange.REMOVE}

Events = tuple[FeedEvent, ...]
Told = tuple[OrderEvent, ...]


class _Order(msgspec.Struct, gc=False):
    event: Literal["add", "modify", "delete"]
    order_id: str
    limit_price: msgspec.Raw
    order_qty: msgspec.Raw
    timestamp: str


class _Update(msgspec.Struct, gc=False):
    symbol: str
    bids: list[_Order]
    asks: list[_Order]
    checksum: Crc
    timestamp: str = ""


class _Snapshot(msgspec.Struct, gc=False):
    symbol: str
    bids: msgspec.Raw
    asks: msgspec.Raw
    checksum: Crc
    timestamp: str = ""


class _UpdateFrame(msgspec.Struct, gc=False, tag_field="type", tag="update"):
    channel: Literal["level3"]
    data: tuple[_Update]  # "The book element is always the first and only item in the data payload"


class _SnapshotFrame(msgspec.Struct, gc=False, tag_field="type", tag="snapshot"):
    channel: Literal["level3"]
    data: tuple[_Snapshot]


class _Status(msgspec.Struct):
    system: str


class _StatusFrame(msgspec.Struct):
    data: list[_Status]


class _Result(msgspec.Struct):
    channel: str = ""
    symbol: str = ""
    depth: int = DEPTH


class _Any(msgspec.Struct):
    channel: str = ""
    method: str = ""
    success: bool = True
    error: str = ""
    symbol: str = ""
    result: _Result | None = None


_book_frame = msgspec.json.Decoder(_UpdateFrame | _SnapshotFrame).decode
_status_frame = msgspec.json.Decoder(_StatusFrame).decode
_any = msgspec.json.Decoder(_Any).decode


def _told(orders: list[_Order]) -> Told:
    """One event is most frequent by far."""
    if len(orders) == 1:
        return (_event(orders[0]),)
    places = [place for place, one in enumerate(orders) if one.event == "add"]
    if len(places) > 1:
        added = sorted((orders[place] for place in places), key=_stamp)
        for place, one in zip(places, added, strict=True):
            orders[place] = one
    return tuple([_event(one) for one in orders])


def _stamp(one: _Order) -> Nanos:
    return nanos(one.timestamp)


def _event(one: _Order) -> OrderEvent:
    return OrderEvent(_CHANGES[one.event], one.order_id, str(one.limit_price, "utf-8"), str(one.order_qty, "utf-8"))


def _book(frame: Frame) -> Events:
    f = _book_frame(frame)
    d = f.data[0]
    at = nanos(d.timestamp) if d.timestamp else 0
    if isinstance(d, _Update):
        return (OrdersDelta(d.symbol, _told(d.bids), _told(d.asks), 0, at, 0, at, d.checksum),)
    return (OrdersSnapshot(d.symbol, d.bids, d.asks, at, at, d.checksum),)


def _other(frame: Frame) -> Events:
    found = _any(frame)
    channel, method = found.channel, found.method
    if channel == "level3":
        return _book(frame)
    if channel == "heartbeat" or method == "pong":
        return (Heartbeat(),)
    if channel == "status":
        return tuple(Notice("status", s.system) for s in _status_frame(frame).data)
    if channel:
        return (Unknown(channel),)
    if not found.success or found.error:
        return (Notice(method or "error", f"{found.error} {found.symbol}".strip(), ok=False),)
    if method:
        return (Notice(method, _acknowledged(found.result)),)
    return (Unknown(""),)


def _acknowledged(result: _Result | None) -> str:
    if result is None:
        return ""
    if result.channel == "level3" and result.depth != DEPTH:
        raise ValueError(f"level3 of {result.symbol} is sent {result.depth} levels deep, kept {DEPTH}")
    return f"{result.channel} {result.symbol}"


def _request(method: str, symbols: Sequence[str], auth: StreamAuth | None) -> str:
    params = {"channel": "level3", "depth": DEPTH, "symbol": list(symbols), "token": auth.token if auth else ""}
    return msgspec.json.encode({"method": method, "params": params}).decode()


class KrakenOrdersFeed:
    """One connection of the level3 channel. Decoding keeps nothing."""

    rule = SyncRule(
        proof=Proof.CHECKSUM,
        link=apply_always,
        join=apply_always,
        snapshot_by_request=False,
        depth=DEPTH,
        checksum="crc_order_mantissas",
        checksum_levels=10,
        orders=OrderFormat("order_id", "limit_price", "order_qty"),
        note="CRC32 of every order in the best 10 levels a side; deeper levels are proven when they enter them",
    )

    def connect(self, subscriptions: Sequence[Subscription], auth: StreamAuth | None, at: Nanos) -> Connect:
        """One subscription with the token; the same connection gives a lost book's snapshot anew."""
        symbols = list(dict.fromkeys(s.instrument.symbol for s in subscriptions if s.channel is Channel.ORDERS))
        anew = {
            name: tuple(_request(method, [name], auth) for method in ("unsubscribe", "subscribe")) for name in symbols
        }
        frames = (_request("subscribe", symbols, auth),) if symbols else ()
        return Connect(URL, frames, ping_every_s=30.0, ping_text='{"method":"ping"}', resubscribe=anew)

    def decode(self, frame: Frame, received_at: Nanos) -> Events:
        """One frame, read once: its first bytes tell whether it is of a book."""
        try:
            return _book(frame) if frame.startswith(b'{"channel":"level3"') else _other(frame)
        except UNREADABLE as error:
            raise ProtocolError(f"unreadable frame: {error}, in {bytes(frame[:120])!r}", where="kraken") from error


def speaks_level3(url: str, first: Frame) -> bool:
    """Whether a connection carries level3: by its host, else by what its first frame tells."""
    return url.startswith(URL) if url else b'"level3"' in first[:200]
