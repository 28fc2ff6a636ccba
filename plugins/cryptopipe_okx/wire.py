"""What OKX's frames look like, as far as they are read.

Enters: the bytes of one frame. Leaves: typed values, levels as text. Never: a guess where a field is missing.

www.okx.com/docs-v5/en, sections order-book-trading-market-data-ws-* (order book: copy of 2026-07-07, the others of
2026-01-15, in public repositories, read 2026-11-21). Times and counts are texts; the decoders read them as numbers.
"""

from typing import Annotated, Literal

import msgspec

from cryptopipe_okx.market import Id, Millis

Previous = Annotated[int, msgspec.Meta(ge=-1, le=2**62 - 1)]
"""The sequence id of the message before, -1 in a snapshot."""
Crc = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**32 - 1)]
"""A CRC-32, as signed as the venue writes it."""


class Books(msgspec.Struct, gc=False):
    """`{"asks":[["8476.98","415","0","13"],…],"bids":[…],"ts":"1597026383085","checksum":0,"seqId":10,"prevSeqId":-1}`:
    a level has price, size, nothing any more, and the number of orders."""

    bids: msgspec.Raw
    asks: msgspec.Raw
    ts: Millis
    seq: Id = msgspec.field(name="seqId")
    previous: Previous = msgspec.field(name="prevSeqId")


class BooksArg(msgspec.Struct, gc=False):
    """Of the 400 levels."""

    symbol: str = msgspec.field(name="instId")
    channel: Literal["books"]


class BooksFrame(msgspec.Struct, gc=False):
    """`data` has one element in all frames seen."""

    arg: BooksArg
    action: Literal["snapshot", "update"]
    data: list[Books]


class OldBooks(msgspec.Struct, gc=False):
    """Of before 2026-06-23, when the checksum was one, and of before 2023, when there were no ids."""

    bids: msgspec.Raw
    asks: msgspec.Raw
    ts: Millis
    checksum: Crc
    seq: Id = msgspec.field(name="seqId", default=0)
    previous: Previous = msgspec.field(name="prevSeqId", default=-1)


class OldBooksFrame(msgspec.Struct, gc=False):
    """The same otherwise."""

    arg: BooksArg
    action: Literal["snapshot", "update"]
    data: list[OldBooks]


class Arg(msgspec.Struct, gc=False):
    """What was subscribed to."""

    channel: str
    symbol: str = msgspec.field(name="instId", default="")


class Levels(msgspec.Struct, gc=False):
    """Of `books5`, unread."""

    bids: msgspec.Raw
    asks: msgspec.Raw
    ts: Millis
    seq: Id = msgspec.field(name="seqId")


class LevelsFrame(msgspec.Struct, gc=False):
    """A snapshot each."""

    arg: Arg
    data: list[Levels]


Level = tuple[str, ...]


class Tops(msgspec.Struct, gc=False):
    """Of `bbo-tbt`, and of `books5` where only its best prices are wanted. Without ids before 2023."""

    bids: list[Level]
    asks: list[Level]
    ts: Millis
    seq: Id = msgspec.field(name="seqId", default=0)


class TopsFrame(msgspec.Struct, gc=False):
    """A snapshot each."""

    arg: Arg
    data: list[Tops]


class Print(msgspec.Struct, gc=False):
    """The matches of one taker order at one price: `tradeId` is that of the last one, `side` the taker's."""

    symbol: str = msgspec.field(name="instId")
    trade_id: str = msgspec.field(name="tradeId")
    price: str = msgspec.field(name="px")
    size: str = msgspec.field(name="sz")
    side: Literal["buy", "sell"]
    ts: Millis


class TradesFrame(msgspec.Struct, gc=False):
    """ "Every update may aggregate multiple trades"."""

    data: list[Print]


class Ticker(msgspec.Struct, gc=False):
    """Empty where there is no such price."""

    symbol: str = msgspec.field(name="instId")
    bid: str = msgspec.field(name="bidPx")
    bid_size: str = msgspec.field(name="bidSz")
    ask: str = msgspec.field(name="askPx")
    ask_size: str = msgspec.field(name="askSz")
    ts: Millis


class TickersFrame(msgspec.Struct, gc=False):
    """At most one in 100 ms."""

    data: list[Ticker]


class Other(msgspec.Struct):
    """Whatever else arrives: another channel, the answer to a request, an error, a notice."""

    event: str = ""
    arg: Arg | None = None
    code: str = ""
    msg: str = ""


books_frame = msgspec.json.Decoder(BooksFrame, strict=False).decode
old_books_frame = msgspec.json.Decoder(OldBooksFrame, strict=False).decode
levels_frame = msgspec.json.Decoder(LevelsFrame, strict=False).decode
tops_frame = msgspec.json.Decoder(TopsFrame, strict=False).decode
trades_frame = msgspec.json.Decoder(TradesFrame, strict=False).decode
tickers_frame = msgspec.json.Decoder(TickersFrame, strict=False).decode
other = msgspec.json.Decoder(Other).decode
