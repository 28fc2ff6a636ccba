"""Coinbase Exchange's single orders: the full channel, joined to the level-3 book of its REST side.

Enters: frames `{"type":"open","order_id":…,"remaining_size":"1.00","price":"200.2","side":"sell","sequence":10,…}`.
Leaves: `OrdersDelta`s numbered by the product's sequence, empty for what changes no resting order. Never: an order that
rests before it is open, or a frame with a number that does not move the version on.

Read for it on 2026-11-21: docs.cdp.coinbase.com/exchange/websocket-feed, pages overview and channels (in a copy of
2025-04-02; frames carry `sequence`, "each new message being exactly one sequence number greater" in its product), and
docs.cdp.coinbase.com/api-reference/exchange-api/rest-api/products/get-product-book (level 3, public; polling it is
forbidden). The channel needs a key (signer.py). Not confirmed live: that `activate` has a sequence (the page's example
has none; with one it is counted, without one it is a notice), and which place a modified order gets: that of the
core's SET, the end of the queue unless it only shrank.

Self-trade prevention may change an order between `received` and `open` or `done`; such a change is no book's. The
engine works off one order after the other ("order lifecycle", matching-engine page), so the newest received is known.
"""

from collections.abc import Sequence
from typing import Annotated, Literal
from urllib.parse import quote, unquote, urlsplit

import msgspec

from cryptopipe.api import (
    Channel,
    Connect,
    FeedEvent,
    Frame,
    Heartbeat,
    HttpRequest,
    HttpResponse,
    Instrument,
    Link,
    Nanos,
    Notice,
    OrderChange,
    OrderEvent,
    OrderFormat,
    OrdersDelta,
    OrdersSnapshot,
    Proof,
    ProtocolError,
    RateLimited,
    StreamAuth,
    Subscription,
    SyncRule,
    Unknown,
    VenueError,
    VenueUnavailable,
)
from cryptopipe_coinbase.metadata import EXCHANGE
from cryptopipe_coinbase.wire import UNREADABLE, checked, nanos

URL = "wss://ws-feed.exchange.coinbase.com"
PRODUCTS = "https://api.exchange.coinbase.com/products/"

Number = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Side = Literal["buy", "sell"]
Events = tuple[FeedEvent, ...]


class _Told(msgspec.Struct, gc=False):
    product_id: str
    sequence: Number
    time: str
    side: Side


class _Received(_Told, tag_field="type", tag="received"):
    order_id: str


class _Open(_Told, tag_field="type", tag="open"):
    order_id: str
    price: str
    remaining_size: str


class _Done(_Told, tag_field="type", tag="done"):
    order_id: str


class _Match(_Told, tag_field="type", tag="match"):
    maker_order_id: str
    size: str


class _Change(_Told, tag_field="type", tag="change"):
    """Funds instead of sizes, and no price: of an order at market, which never rests."""

    order_id: str
    price: str | None = None
    new_size: str = ""
    new_price: str | None = None


class _Activate(msgspec.Struct, tag_field="type", tag="activate"):
    product_id: str
    order_id: str
    sequence: Number | None = None
    time: str = ""


class _Heartbeat(msgspec.Struct, tag_field="type", tag="heartbeat"):
    time: str


class _Channel(msgspec.Struct):
    name: str
    product_ids: list[str] = []


class _Subscriptions(msgspec.Struct, tag_field="type", tag="subscriptions"):
    channels: list[_Channel]


class _Error(msgspec.Struct, tag_field="type", tag="error"):
    message: str
    reason: str = ""


class _Any(msgspec.Struct):
    type: str = ""


class _Book(msgspec.Struct):
    """`{"sequence":13051505638,"bids":[["6247.58","6.35","d50ec984-…"]],"asks":[…],"time":"2021-02-12T01:09:23Z"}`"""

    bids: msgspec.Raw
    asks: msgspec.Raw
    sequence: Number
    time: str = ""


_Frame = _Received | _Open | _Done | _Match | _Change | _Activate | _Heartbeat | _Subscriptions | _Error
_frame = msgspec.json.Decoder(_Frame).decode
_any = msgspec.json.Decoder(_Any).decode
_book = msgspec.json.Decoder(_Book).decode
_KNOWN = frozenset(
    ("received", "open", "done", "match", "change", "activate", "heartbeat", "subscriptions", "error"))  # fmt: skip

_ADD, _SET, _REDUCE, _REMOVE = OrderChange.ADD, OrderChange.SET, OrderChange.REDUCE, OrderChange.REMOVE


def link(last: int, delta: OrdersDelta) -> Link:
    """Each frame of a product is one after the one before, whatever it tells."""
    version = delta.version
    return Link.APPLY if version == last + 1 else Link.SKIP if version <= last else Link.GAP


def _delta(f: _Told, event: OrderEvent | None) -> Events:
    told = () if event is None else (event,)
    bids, asks = (told, ()) if f.side == "buy" else ((), told)
    return (OrdersDelta(f.product_id, bids, asks, f.sequence, f.sequence, 0, nanos(f.time)),)


def _known(order_id: str) -> str:
    """An id as the venue writes it. A damaged one would leave an order in the book that nothing ever takes out. Raises
    `ValueError`.
    """
    if not order_id.isascii():
        raise ValueError(f"not an order's id: {order_id[:60]!r}")
    return order_id


def _changed(f: _Change) -> OrderEvent | None:
    """A modification sends a new price, self-trade prevention the one that the order has."""
    price = f.new_price if f.new_price is not None else f.price
    if price is None or (f.new_price is None and not f.new_size):
        return None
    return OrderEvent(_SET, _known(f.order_id), checked(price), checked(f.new_size))


def _rare(f: _Activate | _Heartbeat | _Subscriptions | _Error) -> Events:
    if isinstance(f, _Heartbeat):
        return (Heartbeat(nanos(f.time)),)
    if isinstance(f, _Activate):
        if f.sequence is None:
            return (Notice("activate", f"{f.product_id} {f.order_id}"),)
        at = nanos(f.time) if f.time else 0
        return (OrdersDelta(f.product_id, (), (), f.sequence, f.sequence, 0, at),)
    if isinstance(f, _Error):
        return (Notice("error", f"{f.message}: {f.reason}" if f.reason else f.message, ok=False),)
    return (Notice("subscriptions", "; ".join(f"{c.name} {' '.join(c.product_ids)}".strip() for c in f.channels)),)


def _unknown(frame: Frame) -> Events | None:
    """Of a kind that is not told here; None if the kind is known, and the frame is broken."""
    kind = _any(frame).type
    return None if kind in _KNOWN else (Unknown(kind),)


class CoinbaseOrdersFeed:
    """One connection of the full channel. Decoding keeps each product's newest received order, nothing else."""

    rule = SyncRule(
        proof=Proof.SEQUENCE,
        link=link,
        join=link,
        snapshot_by_request=True,
        orders=OrderFormat(2, 0, 1),
        note="one number per product counts every message of the full channel",
    )

    def __init__(self) -> None:
        self._received: dict[str, str] = {}

    def connect(self, subscriptions: Sequence[Subscription], auth: StreamAuth | None, at: Nanos) -> Connect:
        """One signed message for all; without a signature the venue refuses it."""
        self._received.clear()
        products = list(dict.fromkeys(s.instrument.symbol for s in subscriptions if s.channel is Channel.ORDERS))
        channels = [{"name": name, "product_ids": products} for name in ("full", "heartbeat")]
        message = {"type": "subscribe", "channels": channels, **(auth.headers if auth else {})}
        return Connect(URL, (msgspec.json.encode(message).decode(),))

    def decode(self, frame: Frame, received_at: Nanos) -> Events:
        """One frame, read once."""
        try:
            try:
                f = _frame(frame)
            except msgspec.ValidationError:
                events = _unknown(frame)
                if events is None:
                    raise
                return events
            return self._told(f)
        except UNREADABLE as error:
            raise ProtocolError(f"unreadable frame: {error}, in {bytes(frame[:120])!r}", where=EXCHANGE) from error

    def _told(self, f: _Frame) -> Events:
        if isinstance(f, _Open):
            self._received.pop(f.product_id, None)
            return _delta(f, OrderEvent(_ADD, _known(f.order_id), f.price, f.remaining_size))
        if isinstance(f, _Done):
            return _delta(f, OrderEvent(_REMOVE, _known(f.order_id)))
        if isinstance(f, _Received):
            events = _delta(f, None)
            self._received[f.product_id] = f.order_id
            return events
        if isinstance(f, _Match):
            return _delta(f, OrderEvent(_REDUCE, _known(f.maker_order_id), "", f.size))
        if isinstance(f, _Change):
            return _delta(f, None if self._received.get(f.product_id) == f.order_id else _changed(f))
        return _rare(f)


class CoinbaseOrderBooks:
    """The level-3 book of one product, asked for once the stream has begun."""

    def request(self, instrument: Instrument) -> HttpRequest:
        """`GET /products/BTC-USD/book?level=3`."""
        return HttpRequest("GET", f"{PRODUCTS}{quote(instrument.symbol)}/book?level=3")

    def symbol_of(self, url: str) -> str | None:
        """The product of such a request, None for another URL."""
        parts = urlsplit(url)
        match parts.path.split("/"), parts.query:
            case ["", "products", symbol, "book"], "level=3":
                return unquote(symbol)
        return None

    def snapshot(self, symbol: str, response: HttpResponse, received_at: Nanos) -> OrdersSnapshot:
        """Raises `RateLimited`, `VenueError` or `ProtocolError`."""
        body = response.body
        if response.status == 429:
            raise RateLimited(f"level-3 book of {symbol}: {body[:120]!r}", where=EXCHANGE)
        if response.status != 200:
            kind = VenueUnavailable if response.status >= 500 else VenueError
            raise kind(f"level-3 book of {symbol}: status {response.status}, {body[:120]!r}", where=EXCHANGE)
        try:
            book = _book(body)
            at = nanos(book.time) if book.time else 0
        except UNREADABLE as error:
            raise ProtocolError(f"unreadable book of {symbol}: {error}, in {body[:120]!r}", where=EXCHANGE) from error
        return OrdersSnapshot(symbol, book.bids, book.asks, book.sequence, at)


def speaks_orders(url: str, first: Frame) -> bool:
    """Whether a connection carries the full channel: what it is subscribed to stands in its first frame."""
    return b'"full"' in first[:2000] or first.startswith(
        (b'{"type":"received"', b'{"type":"open"', b'{"type":"done"', b'{"type":"change"', b'{"type":"activate"')
    )
