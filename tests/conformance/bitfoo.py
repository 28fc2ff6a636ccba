"""A venue that does not exist, as a stranger would write it: the whole plugin in one file.

Enters: frames of `bitfoo`. Leaves: events. Never: anything else; this is the good sample the kit must pass.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated

import msgspec

from cryptopipe import api


class Frames(msgspec.Struct):
    """`{"type":"delta","symbol":"btcusdt","seq":8,"bids":[["61837.63","1.5"]],"asks":[]}`"""

    type: str
    symbol: str = ""
    seq: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] = 0
    bids: msgspec.Raw = msgspec.Raw(b"[]")
    asks: msgspec.Raw = msgspec.Raw(b"[]")
    bid: tuple[str, str] = ("", "")
    ask: tuple[str, str] = ("", "")
    price: str = ""
    size: str = ""
    taker: api.Side = api.Side.BUY


def link(last: int, delta: api.BookDelta) -> api.Link:
    return api.Link.APPLY if delta.version == last + 1 else api.Link.SKIP if delta.version <= last else api.Link.GAP


class BitFooFeed:
    rule = api.SyncRule(api.Proof.SEQUENCE, link, link, snapshot_by_request=False)

    def connect(
        self, subscriptions: Sequence[api.Subscription], auth: api.StreamAuth | None, at: api.Nanos
    ) -> api.Connect:
        asked = (f'{{"op":"sub","c":"{s.channel.value}","s":"{s.instrument.symbol}"}}' for s in subscriptions)
        return api.Connect("wss://bitfoo.example/v2", tuple(asked))

    def decode(self, frame: api.Frame, received_at: api.Nanos) -> Iterable[api.FeedEvent]:
        try:
            f = msgspec.json.decode(frame, type=Frames)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise api.ProtocolError(f"unreadable frame: {error}", where="bitfoo") from error
        if f.type == "snapshot":
            return (api.BookSnapshot(f.symbol, f.bids, f.asks, f.seq, 0),)
        if f.type == "delta":
            return (api.BookDelta(f.symbol, f.bids, f.asks, f.seq, f.seq, 0, 0),)
        if f.type == "trade":
            return (api.Trade(f.symbol, str(f.seq), f.price, f.size, f.taker, 0),)
        if f.type == "top":
            return (api.TopUpdate(f.symbol, *f.bid, *f.ask, f.seq, 0),)
        if f.type == "subscribed":
            return (api.Notice("subscribed", f.symbol),)
        return (api.Unknown(f.type),)


class BitFooInstruments:
    def listed(self) -> Sequence[api.Instrument]:
        return ()

    def find(self, symbol: str) -> api.Instrument:
        if not symbol.endswith("usdt"):
            raise api.ProtocolError(f"not a pair against usdt: {symbol}", where="bitfoo")
        return api.Instrument(api.VenueId("bitfoo"), symbol, api.Asset(symbol[:-4].upper()), api.Asset("USDT"))


def make(feed: Callable[[], api.FeedCodec] = BitFooFeed) -> api.ExchangePlugin:
    source = "a sample, no venue, 2026-11-21"
    return api.ExchangePlugin(
        api.VenueId("bitfoo"),
        api.API_VERSION,
        "https://bitfoo.example/docs",
        feed,
        BitFooInstruments(),
        api.FeeSchedule.flat("0.0010", "0.0010", source, "2026-11-21"),
        dial_limits=(api.Limit(5, 60_000_000_000, source),),
    )
