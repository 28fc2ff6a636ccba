"""OKX's one public endpoint: its name, its limits, and what a symbol says of its instrument.

Enters: subscriptions, symbols as the venue spells them (`BTC-USDT`, `BTC-USDT-SWAP`). Leaves: constants, and parts of
subscriptions that fit a connection. Never: two instruments under one symbol, which the venue does not have either.

www.okx.com/docs-v5/en, sections overview-websocket-connect and overview-websocket-subscribe, in copies of 2026-07-08
and 2026-07-03 kept in public repositories (read 2026-11-21).
"""

from collections.abc import Sequence
from typing import Annotated

import msgspec

from cryptopipe.api import Channel, Subscription, VenueId

VENUE = VenueId("okx")
URL = "wss://ws.okx.com:8443/ws/v5/public"
REST = "https://www.okx.com"
MILLISECOND = 1_000_000

Millis = Annotated[int, msgspec.Meta(ge=0, le=9_000_000_000_000)]
"""A time in milliseconds whose nanoseconds fit into 64 bits; the venue writes it as text."""
Id = Annotated[int, msgspec.Meta(ge=0, le=2**62 - 1)]
"""A sequence id."""
UNREADABLE = (msgspec.MsgspecError, ValueError, IndexError, RecursionError)
"""What reading a frame that is no such frame may raise."""

CHANNELS = {Channel.DEPTH: "books", Channel.TOP: "bbo-tbt", Channel.TRADES: "trades"}
"""400 levels every 100 ms, the best prices every 10 ms, one print a taker order and price. `books5` (five levels every
100 ms) is read and not subscribed to; 400 levels every 10 ms are for customers of the highest tiers."""

_INSTRUMENTS_A_CONNECTION = 29
""" "If you need to subscribe to many 50 or 400 depth level channels, it is recommended to subscribe through multiple
websocket connections, with each of less than 30 channels". With a request for each, that also leaves room for 220
resubscriptions in an hour: "The total number of 'subscribe'/'unsubscribe'/'login' requests per connection is limited to
480 times per hour"; and for their length: "the total length of multiple channels cannot exceed 64 KB"."""


def split(subscriptions: Sequence[Subscription]) -> Sequence[Sequence[Subscription]]:
    """All channels of an instrument together, and few enough instruments a connection."""
    by_symbol: dict[str, list[Subscription]] = {}
    for one in subscriptions:
        by_symbol.setdefault(one.instrument.symbol, []).append(one)
    groups, size = list(by_symbol.values()), _INSTRUMENTS_A_CONNECTION
    parts = (groups[at : at + size] for at in range(0, len(groups), size))
    return [[one for group in part for one in group] for part in parts]


def speaks_checksum(url: str, payload: bytes) -> bool:
    """Whether a connection is of before sequence ids came: an answer without the `connId` that today's have, or a book
    without `prevSeqId`. (Of 2023 to 2026-06-23 such a connection may have ids too; then it has a checksum as well.)"""
    if b'"event"' in payload:
        return b'"connId"' not in payload
    return b'"checksum"' in payload and b'"prevSeqId"' not in payload
