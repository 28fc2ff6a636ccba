"""A second venue that does not exist, with what the first has not: REST snapshots, a checksum, single orders, a key.

Enters: frames of `bitbar`. Leaves: events. Never: anything else; this is the good sample that bad ones differ from.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Any

import msgspec

from cryptopipe import api

VENUE = api.VenueId("bitbar")
SOURCE = "a sample, no venue, 2026-11-21"
HOST = "https://api.bitbar.example"
MILLISECOND = 1_000_000
UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError, KeyError, TypeError)
Id = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
Millis = Annotated[int, msgspec.Meta(ge=0, le=2**42)]
SIDES = {"b": api.Side.BUY, "s": api.Side.SELL}
CHANGES = {"new": api.OrderChange.ADD, "match": api.OrderChange.REDUCE, "gone": api.OrderChange.REMOVE}


class Order(msgspec.Struct):
    do: str
    id: str
    side: str
    price: str = ""
    size: str = ""


class Wire(msgspec.Struct):
    """`{"e":"depth","s":"BTCUSDT","U":11,"u":12,"T":1700000000123,"b":[["50.1","2"]],"a":[]}`"""

    e: str = ""
    s: str = ""
    U: Id = 0
    u: Id = 0
    T: Millis = 0
    b: msgspec.Raw = msgspec.Raw(b"[]")
    a: msgspec.Raw = msgspec.Raw(b"[]")
    bid: tuple[str, str] = ("", "")
    ask: tuple[str, str] = ("", "")
    p: str = ""
    q: str = ""
    t: Id = 0
    maker: str = ""
    c: Annotated[int, msgspec.Meta(ge=0, lt=2**32)] | None = None
    orders: list[Order] = []
    msg: str = ""


class Market(msgspec.Struct):
    symbol: str
    base: str
    quote: str
    tick: str
    step: str
    state: str = "open"


class Chain(msgspec.Struct):
    chain: str
    fee: str | None = None
    out: bool | None = None


class Coin(msgspec.Struct):
    code: str
    chains: list[Chain] = []


class Told(msgspec.Struct):
    markets: list[Market] = []
    coins: list[Coin] = []


def link(last: int, delta: Any) -> api.Link:
    """A difference spans `first` to `version`; the next begins one after."""
    if delta.version <= last:
        return api.Link.SKIP
    return api.Link.APPLY if delta.first == last + 1 else api.Link.GAP


def join(last: int, delta: Any) -> api.Link:
    """The first one applied spans the snapshot's number plus one."""
    if delta.version <= last:
        return api.Link.SKIP
    return api.Link.APPLY if delta.first <= last + 1 else api.Link.GAP


class BitBarFeed:
    rule = api.SyncRule(api.Proof.SEQUENCE, link, join, snapshot_by_request=True)

    def connect(
        self, subscriptions: Sequence[api.Subscription], auth: api.StreamAuth | None, at: api.Nanos
    ) -> api.Connect:
        told = [{"on": s.channel.value, "s": s.instrument.symbol} for s in subscriptions]
        token = {"token": auth.token} if auth else {}
        return api.Connect(self.url(auth), tuple(msgspec.json.encode({**one, **token}).decode() for one in told))

    def url(self, auth: api.StreamAuth | None) -> str:
        return "wss://ws.bitbar.example"

    def decode(self, frame: api.Frame, received_at: api.Nanos) -> Iterable[Any]:
        try:
            return self.read(msgspec.json.decode(frame, type=Wire), frame)
        except UNREADABLE as error:
            raise api.ProtocolError(f"unreadable frame: {error}", where=VENUE) from error

    def read(self, f: Wire, frame: api.Frame) -> Sequence[Any]:
        match f.e:
            case "depth":
                return (self.depth(f),)
            case "top":
                return (self.top(f),)
            case "trade":
                return (self.trade(f),)
            case "beat":
                return (api.Heartbeat(f.T * MILLISECOND),)
            case "subscribed":
                return (api.Notice("subscribed", f.s),)
            case "error":
                return (api.Notice("error", f.msg, ok=False),)
        return self.other(f)

    def other(self, f: Wire) -> Sequence[Any]:
        return (api.Unknown(f.e),)

    def depth(self, f: Wire) -> Any:
        return api.BookDelta(f.s, f.b, f.a, f.U, f.u, 0, f.T * MILLISECOND)

    def top(self, f: Wire) -> Any:
        return api.TopUpdate(f.s, *f.bid, *f.ask, f.u, f.T * MILLISECOND)

    def trade(self, f: Wire) -> Any:
        """`maker` is the maker's side: the taker did the opposite."""
        taker = api.Side.BUY if SIDES[f.maker] is api.Side.SELL else api.Side.SELL
        return api.Trade(f.s, str(f.t), f.p, f.q, taker, f.T * MILLISECOND)


class BitBarChecked(BitBarFeed):
    """The stream with a checksum: its snapshots come in the stream, nothing is numbered."""

    rule = api.SyncRule(
        api.Proof.CHECKSUM, api.apply_always, api.apply_always, False, depth=5, checksum="crc_mantissas",
        checksum_levels=5,
    )  # fmt: skip

    def depth(self, f: Wire) -> Any:
        at = f.T * MILLISECOND
        if f.c is None:
            raise ValueError("no checksum")
        if f.u:
            return api.BookSnapshot(f.s, f.b, f.a, at, at, f.c)
        return api.BookDelta(f.s, f.b, f.a, 0, at, 0, at, f.c)


class BitBarOrders(BitBarFeed):
    """Single orders, numbered, their snapshot in the stream."""

    rule = api.SyncRule(api.Proof.SEQUENCE, link, link, False, orders=api.OrderFormat(0, 1, 2))

    def read(self, f: Wire, frame: api.Frame) -> Sequence[Any]:
        at = f.T * MILLISECOND
        if f.e == "orders":
            return (api.OrdersSnapshot(f.s, f.b, f.a, f.u, at),)
        if f.e == "change":
            sides = ([self.order(one) for one in f.orders if one.side == side] for side in ("b", "s"))
            return (api.OrdersDelta(f.s, *map(tuple, sides), f.U, f.u, 0, at),)
        return super().read(f, frame)

    def order(self, one: Order) -> api.OrderEvent:
        return api.OrderEvent(CHANGES[one.do], one.id, one.price, one.size)


class BitBarSnapshots:
    def request(self, instrument: api.Instrument) -> api.HttpRequest:
        return api.HttpRequest("GET", f"{HOST}/depth?s={instrument.symbol}")

    def symbol_of(self, url: str) -> str | None:
        return url.partition("/depth?s=")[2] or None

    def snapshot(self, symbol: str, response: api.HttpResponse, received_at: api.Nanos) -> Any:
        if response.status == 429:
            raise api.RateLimited("too often", where=VENUE)
        try:
            return self.read(symbol, msgspec.json.decode(response.body, type=Wire))
        except UNREADABLE as error:
            raise api.ProtocolError(f"unreadable snapshot: {error}", where=VENUE) from error

    def read(self, symbol: str, f: Wire) -> Any:
        if f.s != symbol or not f.u:
            raise ValueError(f"a snapshot of {f.s}")
        return api.BookSnapshot(symbol, f.b, f.a, f.u, f.T * MILLISECOND)


class BitBarSigner:
    channels = frozenset({api.Channel.ORDERS})

    def request(self, credentials: api.Credentials, at: api.Nanos) -> api.HttpRequest | None:
        headers = {"KEY": credentials.key, "SIGN": self.sign(credentials, at), "TIME": str(at)}
        return api.HttpRequest("POST", f"{HOST}/token", headers, b"{}")

    def sign(self, credentials: api.Credentials, at: api.Nanos) -> str:
        return hmac.new(credentials.secret.encode(), str(at).encode(), hashlib.sha256).hexdigest()

    def auth(self, credentials: api.Credentials, response: api.HttpResponse | None, at: api.Nanos) -> api.StreamAuth:
        try:
            token = msgspec.json.decode(response.body if response else b"", type=dict[str, str])["token"]
        except UNREADABLE as error:
            raise api.ProtocolError(f"no token: {error}", where=VENUE) from error
        if not token:
            raise api.ProtocolError("an empty token", where=VENUE)
        return api.StreamAuth(token)


class BitBarMetadata:
    refresh = 3_600_000_000_000
    states: Mapping[str, api.TradingState] = {
        "open": api.TradingState.TRADING, "cancel_only": api.TradingState.CANCEL_ONLY,
    }  # fmt: skip

    def requests(self) -> Sequence[api.HttpRequest]:
        return (api.HttpRequest("GET", f"{HOST}/listing"),)

    def read(self, response: api.HttpResponse) -> api.Listing:
        try:
            told = msgspec.json.decode(response.body, type=Told)
            return api.Listing([self.market(m) for m in told.markets], [self.coin(c) for c in told.coins])
        except (*UNREADABLE, ArithmeticError) as error:
            raise api.ProtocolError(f"unreadable listing: {error}", where=VENUE) from error

    def market(self, m: Market) -> api.Instrument:
        tick, step = finite(m.tick), finite(m.step)
        rules = api.TradingRules(tick, step, step, Decimal(0))
        base, quote = (api.asset_of(VENUE, code) for code in (m.base, m.quote))
        return api.Instrument(VENUE, m.symbol, base, quote, rules=rules, state=self.states[m.state])

    def coin(self, c: Coin) -> api.Currency:
        return api.Currency(VENUE, c.code, api.asset_of(VENUE, c.code), tuple(self.network(one) for one in c.chains))

    def network(self, one: Chain) -> api.Network:
        fee = None if one.fee is None else finite(one.fee)
        return api.Network(one.chain, withdrawals=one.out, withdrawal_fee=fee)


def finite(text: str) -> Decimal:
    value = Decimal(text)
    if not value.is_finite():
        raise ValueError(f"no amount: {text}")
    return value


RULES = api.TradingRules(Decimal("0.01"), Decimal("0.001"), Decimal("0.001"), Decimal(1))


class BitBarInstruments:
    def listed(self) -> Sequence[api.Instrument]:
        return tuple(
            api.Instrument(VENUE, f"{base}USDT", api.Asset(base), api.Asset("USDT"), rules=RULES)
            for base in ("BTC", "ETH")
        )

    def find(self, symbol: str) -> api.Instrument:
        for one in self.listed():
            if one.symbol == symbol:
                return one
        raise api.ProtocolError(f"not listed: {symbol}", where=VENUE)


def speaks_checked(url: str, first: api.Frame) -> bool:
    return url.endswith("/checked")


def split(subscriptions: Sequence[api.Subscription]) -> Sequence[Sequence[api.Subscription]]:
    parts = ([s for s in subscriptions if (s.channel is api.Channel.ORDERS) is orders] for orders in (False, True))
    return [part for part in parts if part]


PLUGIN = api.ExchangePlugin(
    VENUE,
    api.API_VERSION,
    "https://bitbar.example/docs",
    BitBarFeed,
    BitBarInstruments(),
    api.FeeSchedule.flat("0.0010", "0.0020", SOURCE, "2026-11-21"),
    snapshots=BitBarSnapshots(),
    dialects=(
        api.Dialect("checked", "", BitBarChecked, speaks_checked),
        api.Dialect("orders", "", BitBarOrders, lambda url, first: False, frozenset({api.Channel.ORDERS})),
    ),
    split=split,
    dial_limits=(api.Limit(5, 60_000_000_000, SOURCE),),
    fetch_limits=(api.Limit(20, 60_000_000_000, SOURCE),),
    signer=BitBarSigner(),
    metadata=BitBarMetadata(),
)


def make(feed: Callable[[], api.FeedCodec] = BitBarFeed, **other: Any) -> api.ExchangePlugin:
    """The good plugin with another part."""
    return replace(PLUGIN, feed=feed, **other)


def with_dialect(name: str, feed: Callable[[], api.FeedCodec]) -> api.ExchangePlugin:
    """The good plugin with another codec in one dialect."""
    return replace(PLUGIN, dialects=tuple(replace(d, feed=feed) if d.name == name else d for d in PLUGIN.dialects))
