"""The frames that our own source makes of ccxt's unified structures.

Enters: JSON lines of `source.py`. Leaves: snapshots, trades, notices, heartbeats. Never: a difference (ccxt has merged
them), or a proof: whether ccxt lost a frame is not known here.

`{"book":"BTC/USDT","bids":[[61837.63,1.5]],"asks":[[61837.64,0.2]],"at":1700000000000}`,
`{"trades":"BTC/USDT","rows":[{"id":"7","price":61837.63,"amount":0.1,"side":"buy","at":1700000000000}]}`,
`{"absent":["SOL/USDT"],"of":"kucoin"}`, `{"alive":"kucoin"}`. Prices and sizes are Python's shortest text of the
floats that ccxt keeps.
"""

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import urlencode

import msgspec

from cryptopipe.api import (
    BookSnapshot,
    Channel,
    Connect,
    FeedEvent,
    Frame,
    Heartbeat,
    Nanos,
    Notice,
    Proof,
    ProtocolError,
    Side,
    StreamAuth,
    Subscription,
    SyncRule,
    Trade,
    Unknown,
    apply_always,
)

_MILLISECOND = 1_000_000
Millis = Annotated[int, msgspec.Meta(ge=0, le=9_000_000_000_000)]


class _Row(msgspec.Struct):
    price: msgspec.Raw
    amount: msgspec.Raw
    side: Side
    id: str = ""
    at: Millis = 0


class _Any(msgspec.Struct):
    book: str = ""
    trades: str = ""
    bids: msgspec.Raw = msgspec.Raw(b"[]")
    asks: msgspec.Raw = msgspec.Raw(b"[]")
    rows: list[_Row] = []
    absent: list[str] = []
    alive: str = ""
    at: Millis = 0


_any = msgspec.json.Decoder(_Any).decode


def _number(raw: msgspec.Raw) -> str:
    text = bytes(raw).decode()
    if not text[:1].isdigit():
        raise ValueError(f"not a number at or above zero: {text[:40]!r}")
    return text


class CcxtFeed:
    """One venue as ccxt sees it."""

    rule = SyncRule(
        proof=Proof.NONE,
        link=apply_always,
        join=apply_always,
        snapshot_by_request=False,
        note="books as ccxt keeps them; numbers have passed through floats",
    )

    def __init__(self, exchange: str) -> None:
        self._exchange = exchange

    def connect(self, subscriptions: Sequence[Subscription], auth: StreamAuth | None, at: Nanos) -> Connect:
        """A URL for our own source: `source:kucoin?depth=BTC%2FUSDT&trades=BTC%2FUSDT`."""
        wanted = [(one.channel.value, one.instrument.symbol) for one in subscriptions if one.channel is not Channel.TOP]
        return Connect(f"source:{self._exchange}?{urlencode(wanted)}")

    def decode(self, frame: Frame, received_at: Nanos) -> tuple[FeedEvent, ...]:
        """One line."""
        try:
            told = _any(frame)
            if told.book:
                at = told.at * _MILLISECOND
                return (BookSnapshot(told.book, told.bids, told.asks, at, at),)
            if told.trades:
                return tuple(
                    Trade(told.trades, row.id, _number(row.price), _number(row.amount), row.side, row.at * _MILLISECOND)
                    for row in told.rows
                )
            if told.absent:
                return (Notice("absent", ", ".join(told.absent), ok=False),)
            if told.alive:
                return (Heartbeat(0),)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise ProtocolError(f"unreadable frame: {error}, in {bytes(frame[:120])!r}", where="ccxt") from error
        return (Unknown(""),)
