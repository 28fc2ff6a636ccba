"""Bitfoo's public feed: one stream of snapshots, differences and trades, proven by its sequence numbers."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

import msgspec

from cryptopipe import api


class Wire(msgspec.Struct):
    """`{"type":"delta","symbol":"btcusdt","seq":8,"bids":[["61837.63","1.5"]],"asks":[]}`"""

    type: Literal["snapshot", "delta", "trade", "subscribed"]
    symbol: str
    seq: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] = 0
    bids: msgspec.Raw = msgspec.Raw(b"[]")  # left as text: the core reads it once, exactly
    asks: msgspec.Raw = msgspec.Raw(b"[]")
    price: str = ""
    size: str = ""
    taker: api.Side = api.Side.BUY


def link(last: int, delta: api.BookDelta) -> api.Link:
    """Each difference is one after the one before; older ones are skipped, anything else is a gap."""
    return api.Link.APPLY if delta.version == last + 1 else api.Link.SKIP if delta.version <= last else api.Link.GAP


class BitfooFeed:
    """The stream as a pure state machine; sockets, clocks and retries are the framework's."""

    rule = api.SyncRule(api.Proof.SEQUENCE, link, link, snapshot_by_request=False)

    def connect(
        self, subscriptions: Sequence[api.Subscription], auth: api.StreamAuth | None, at: api.Nanos
    ) -> api.Connect:
        asked = tuple(f'{{"op":"sub","s":"{one.instrument.symbol}"}}' for one in subscriptions)
        return api.Connect("wss://bitfoo.example/v2", asked)

    def decode(self, frame: api.Frame, received_at: api.Nanos) -> Iterable[api.FeedEvent]:
        try:
            f = msgspec.json.decode(frame, type=Wire)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise api.ProtocolError(f"unreadable frame: {error}", where="bitfoo") from error
        if f.type == "snapshot":
            return (api.BookSnapshot(f.symbol, f.bids, f.asks, f.seq, 0),)
        if f.type == "delta":
            return (api.BookDelta(f.symbol, f.bids, f.asks, f.seq, f.seq, 0, 0),)
        if f.type == "trade":
            return (api.Trade(f.symbol, str(f.seq), f.price, f.size, f.taker, 0),)
        return (api.Notice("subscribed", f.symbol),)


class BitfooInstruments:
    """What Bitfoo trades: pairs against USDT."""

    def listed(self) -> Sequence[api.Instrument]:
        return (self.find("btcusdt"),)

    def find(self, symbol: str) -> api.Instrument:
        if not symbol.endswith("usdt"):
            raise api.ProtocolError(f"not a pair against usdt: {symbol}", where="bitfoo")
        return api.Instrument(api.VenueId("bitfoo"), symbol, api.Asset(symbol[:-4].upper()), api.Asset("USDT"))


plugin = api.ExchangePlugin(
    venue=api.VenueId("bitfoo"),
    api_version=api.API_VERSION,
    docs="https://bitfoo.example/docs",
    feed=BitfooFeed,
    instruments=BitfooInstruments(),
    fees=api.FeeSchedule.flat("0.0010", "0.0010", "a sample, no venue", "2026-11-21"),
)
