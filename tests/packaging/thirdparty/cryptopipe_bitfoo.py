"""Bitfoo's public feed: one stream of snapshots, differences, tops and trades, proven by its sequence numbers."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Annotated

import msgspec

from cryptopipe import api

VENUE = api.VenueId("bitfoo")
DOCS = "https://bitfoo.example/docs"
SOURCE = "made up, no venue, 2026-11-21"  # the page, and the day on which you read it
RULES = api.TradingRules(Decimal("0.01"), Decimal("0.0001"), min_size=Decimal("0.0001"), min_notional=Decimal("5"))
BTCUSDT = api.Instrument(VENUE, "btcusdt", api.Asset("BTC"), api.Asset("USDT"), rules=RULES)
FEES = api.FeeSchedule.flat("0.0010", "0.0010", SOURCE, "2026-11-21")  # maker, taker, of which page, of which day
MINUTE = 60_000_000_000


class Wire(msgspec.Struct):
    """`{"type":"delta","symbol":"btcusdt","seq":8,"bids":[["61837.63","1.5"]],"asks":[]}`"""

    type: str
    symbol: str = ""
    seq: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] = 0
    bids: msgspec.Raw = msgspec.Raw(b"[]")  # left as text: the core reads it once, exactly
    asks: msgspec.Raw = msgspec.Raw(b"[]")
    bid: tuple[str, str] = ("", "")
    ask: tuple[str, str] = ("", "")
    price: str = ""
    size: str = ""
    taker: api.Side = api.Side.BUY


def link(last: int, delta: api.BookDelta) -> api.Link:
    """Each difference is one after the one before; older ones are skipped, anything else is a gap."""
    return api.Link.APPLY if delta.version == last + 1 else api.Link.SKIP if delta.version <= last else api.Link.GAP


class BitfooFeed:
    """The stream as a pure state machine; sockets, clocks and retries are the framework's."""

    rule = api.SyncRule(api.Proof.SEQUENCE, link, link, snapshot_by_request=False)

    def connect(self, subscriptions: Sequence[api.Subscription], auth: object, at: api.Nanos) -> api.Connect:
        asked = (f'{{"op":"sub","channel":"{s.channel.value}","s":"{s.instrument.symbol}"}}' for s in subscriptions)
        return api.Connect("wss://bitfoo.example/v2", tuple(asked))

    def decode(self, frame: api.Frame, received_at: api.Nanos) -> Iterable[api.FeedEvent]:
        try:
            f = msgspec.json.decode(frame, type=Wire)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise api.ProtocolError(f"unreadable frame: {error}", where=VENUE) from error
        if f.type == "snapshot":
            return (api.BookSnapshot(f.symbol, f.bids, f.asks, f.seq, 0),)
        if f.type == "delta":
            return (api.BookDelta(f.symbol, f.bids, f.asks, f.seq, f.seq, 0, 0),)
        if f.type == "top":
            return (api.TopUpdate(f.symbol, *f.bid, *f.ask, f.seq, 0),)
        if f.type == "trade":
            return (api.Trade(f.symbol, str(f.seq), f.price, f.size, f.taker, 0),)
        if f.type == "subscribed":
            return (api.Notice("subscribed", f.symbol),)
        return (api.Unknown(f.type),)  # counted, so that a new kind is seen


class BitfooInstruments:
    def listed(self) -> Sequence[api.Instrument]:
        return (BTCUSDT,)

    def find(self, symbol: str) -> api.Instrument:
        if symbol != BTCUSDT.symbol:
            raise api.ProtocolError(f"not listed: {symbol}", where=VENUE)
        return BTCUSDT


plugin = api.ExchangePlugin(
    VENUE, api.API_VERSION, DOCS, BitfooFeed, BitfooInstruments(), FEES, dial_limits=(api.Limit(5, MINUTE, SOURCE),)
)
