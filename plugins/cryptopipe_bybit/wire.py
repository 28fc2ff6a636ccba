"""What Bybit's frames look like, as far as they are read.

Enters: the bytes of one frame. Leaves: typed values, levels as text. Never: a guess where a field is missing.

bybit-exchange.github.io/docs/v5/websocket/public, pages orderbook, trade and ticker (2026-11-21, in copies).
"""

from typing import Literal

import msgspec

from cryptopipe_bybit.market import Id, Millis


class Depth(msgspec.Struct, gc=False):
    """`u` counts the messages of one topic, `seq` the states of the instrument."""

    symbol: str = msgspec.field(name="s")
    bids: msgspec.Raw = msgspec.field(name="b")
    asks: msgspec.Raw = msgspec.field(name="a")
    update: Id = msgspec.field(name="u")
    seq: Id


class DepthFrame(msgspec.Struct, gc=False):
    """`cts` is the matching engine's time, `ts` that of sending; frames of before 2024 have only that."""

    type: Literal["delta", "snapshot"]
    data: Depth
    ts: Millis
    cts: Millis = 0


class Top(msgspec.Struct, gc=False):
    """The same at level 1, read."""

    symbol: str = msgspec.field(name="s")
    bids: list[tuple[str, str]] = msgspec.field(name="b")
    asks: list[tuple[str, str]] = msgspec.field(name="a")
    seq: Id


class TopFrame(msgspec.Struct, gc=False):
    """Level 1 "has snapshot message only"."""

    type: Literal["snapshot"]
    data: Top
    ts: Millis
    cts: Millis = 0


class Print(msgspec.Struct, gc=False):
    """One trade; `S` is the taker's side."""

    time: Millis = msgspec.field(name="T")
    symbol: str = msgspec.field(name="s")
    side: Literal["Buy", "Sell"] = msgspec.field(name="S")
    size: str = msgspec.field(name="v")
    price: str = msgspec.field(name="p")
    trade_id: str = msgspec.field(name="i")
    is_block: bool = msgspec.field(name="BT", default=False)


class TradeFrame(msgspec.Struct, gc=False):
    """Up to 1024 trades."""

    ts: Millis
    data: list[Print]


class Ticker(msgspec.Struct, gc=False):
    """None where a delta leaves it out, empty where there is no such price."""

    symbol: str
    bid: str | None = msgspec.field(name="bid1Price", default=None)
    bid_size: str | None = msgspec.field(name="bid1Size", default=None)
    ask: str | None = msgspec.field(name="ask1Price", default=None)
    ask_size: str | None = msgspec.field(name="ask1Size", default=None)


class TickerFrame(msgspec.Struct, gc=False):
    """Contracts have deltas, spot has not."""

    type: Literal["snapshot", "delta"]
    data: Ticker
    ts: Millis


class Other(msgspec.Struct):
    """Whatever else arrives: a topic in another spelling, or the answer to a request."""

    topic: str = ""
    type: str = ""
    op: str = ""
    success: bool | None = None
    ret_msg: str = ""
    req_id: str = ""


depth_frame = msgspec.json.Decoder(DepthFrame).decode
top_frame = msgspec.json.Decoder(TopFrame).decode
trade_frame = msgspec.json.Decoder(TradeFrame).decode
ticker_frame = msgspec.json.Decoder(TickerFrame).decode
other = msgspec.json.Decoder(Other).decode
