"""Bybit's markets: one account, three public endpoints, and one name for each instrument.

Enters: symbols as an endpoint spells them. Leaves: `Market` constants, and names that are unique in the venue. Never: a
spot pair and a contract under one name (`BTCUSDT` is the spelling of both).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec

from cryptopipe.api import Channel, Kind, Subscription, VenueId

VENUE = VenueId("bybit")
MILLISECOND = 1_000_000
Id = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 2)]
"""An update id or a cross sequence."""
Millis = Annotated[int, msgspec.Meta(ge=0, le=9_000_000_000_000)]
"""A time in milliseconds whose nanoseconds fit into 64 bits."""
UNREADABLE = (msgspec.MsgspecError, ValueError, IndexError, RecursionError)
"""What reading a frame that is no such frame may raise."""

TOPICS = {Channel.DEPTH: "orderbook.50", Channel.TOP: "orderbook.1", Channel.TRADES: "publicTrade"}
"""50 levels every 20 ms on every market, the best prices every 10 ms (docs/v5/websocket/public/orderbook, 2026-11-21).
200 levels come every 100 ms, 1000 every 200 ms; 500, which recordings have, is not offered any more."""

_TOPICS_A_CONNECTION = 450
"""At most 21,000 characters of topics a connection (docs/v5/ws/connect, 2026-11-21); the longest have 46."""


@dataclass(frozen=True, slots=True)
class Market:
    """One public endpoint. `category` is what REST calls it and what stands before the colon of a contract's name."""

    category: str
    kind: Kind
    url: str


SPOT = Market("spot", Kind.SPOT, "wss://stream.bybit.com/v5/public/spot")
LINEAR = Market("linear", Kind.LINEAR_PERPETUAL, "wss://stream.bybit.com/v5/public/linear")
INVERSE = Market("inverse", Kind.INVERSE_PERPETUAL, "wss://stream.bybit.com/v5/public/inverse")
MARKETS = {market.kind: market for market in (SPOT, LINEAR, INVERSE)}

Naming = Callable[[str], str]


def spot_name(spelling: str) -> str:
    """As spelt: `BTCUSDT`."""
    return spelling


def contract_name(spelling: str) -> str:
    """`linear:BTCUSDT`, `inverse:BTCUSD`. Of the two endpoints no symbol stands on both: inverse ones end in USD."""
    return f"inverse:{spelling}" if spelling.endswith("USD") else f"linear:{spelling}"


def spelling_of(name: str) -> str:
    """The venue's own spelling, for topics and requests; the category stands beside it there."""
    return name.rpartition(":")[2]


def speaks_spot(url: str, payload: bytes) -> bool:
    """Whether a connection is one of the spot endpoint. Without a URL it is not: a contract taken for the spot pair of
    the same spelling would show edges that do not exist, the reverse only hides some."""
    return "/public/spot" in url


def split(subscriptions: Sequence[Subscription]) -> Sequence[Sequence[Subscription]]:
    """One market a connection, and no more topics than it may carry."""
    by_kind: dict[Kind, list[Subscription]] = {}
    for subscription in subscriptions:
        by_kind.setdefault(subscription.instrument.kind, []).append(subscription)
    size = _TOPICS_A_CONNECTION
    return [wanted[at : at + size] for wanted in by_kind.values() for at in range(0, len(wanted), size)]
