"""What frames of today's stream look like, as far as they are read.

Enters: the bytes of one frame. Leaves: typed values, levels as text. Never: a guess where a field is missing.

github.com/gemini/developer-platform specs/asyncapi/websocket.yaml, version 0.10.7 (read 2026-11-21 in a stored copy).
"""

from typing import Annotated, Literal

import msgspec

Id = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 2)]
"""An update or trade id (measured in 2026: 16 digits)."""
Stamp = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 2)]
"""A time in nanoseconds."""


class Depth(msgspec.Struct, gc=False):
    """Levels `[price, quantity]` of both sides, absolute; a quantity of zero removes."""

    kind: Literal["depthUpdate"] = msgspec.field(name="e")
    time: Stamp = msgspec.field(name="E")
    symbol: str = msgspec.field(name="s")
    first: Id = msgspec.field(name="U")
    last: Id = msgspec.field(name="u")
    bids: msgspec.Raw = msgspec.field(name="b")
    asks: msgspec.Raw = msgspec.field(name="a")


class Ticker(msgspec.Struct, gc=False):
    """The best prices; an empty side is left out, or zero. `c` and `C`, the last trade's, are not read."""

    update: Id = msgspec.field(name="u")
    time: Stamp = msgspec.field(name="E")
    symbol: str = msgspec.field(name="s")
    bid: str = msgspec.field(name="b", default="")
    bid_size: str = msgspec.field(name="B", default="")
    ask: str = msgspec.field(name="a", default="")
    ask_size: str = msgspec.field(name="A", default="")


class Print(msgspec.Struct, gc=False):
    """A trade; `m` tells "whether the buyer is the maker"."""

    time: Stamp = msgspec.field(name="E")
    symbol: str = msgspec.field(name="s")
    trade_id: Id = msgspec.field(name="t")
    price: str = msgspec.field(name="p")
    size: str = msgspec.field(name="q")
    buyer_is_maker: bool = msgspec.field(name="m")


class Refusal(msgspec.Struct):
    """Why a request was refused: `{"code":-1013,"msg":"Invalid stream name: nosuch@depth"}`."""

    code: int
    msg: str = ""


class Other(msgspec.Struct):
    """Whatever arrives: an answer has `id` and `status`, an event its name or a field that only it has."""

    kind: str = msgspec.field(name="e", default="")
    id: int | str | None = None
    status: int | None = None
    error: Refusal | None = None
    trade_id: Id | None = msgspec.field(name="t", default=None)
    update: Id | None = msgspec.field(name="u", default=None)
    partial: Id | None = msgspec.field(name="lastUpdateId", default=None)


depth_frame = msgspec.json.Decoder(Depth).decode
ticker_frame = msgspec.json.Decoder(Ticker).decode
trade_frame = msgspec.json.Decoder(Print).decode
other = msgspec.json.Decoder(Other).decode
