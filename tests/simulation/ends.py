"""The wires that faults are tried on: venues, older dialects, streams of single orders.

Enters: the name of an end. Leaves: its plugin, codec, channels, instruments. Never: a venue's endpoints or limits by
hand; all that is the plugin's own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from cryptopipe.market.names import orders_dialect
from cryptopipe.model.contracts import ExchangePlugin, Instrument
from cryptopipe.model.facts import VenueId
from cryptopipe.model.stream import USUAL_CHANNELS, Channel, FeedCodec, SyncRule
from cryptopipe.registry import Registry
from cryptopipe_kraken.feed_v1 import KrakenV1Feed


@dataclass(frozen=True)
class End:
    """A venue's wire that is tried: `v1` is an older dialect of Kraken's, `orders` the stream of single orders."""

    venue: VenueId
    assets: tuple[str, ...]
    v1: bool = False
    orders: bool = False


_USD, _USDT = ("BTC", "USD"), ("BTC", "USDT")

LEVELS: Mapping[str, End] = {
    "binance": End(VenueId("binance"), _USDT),
    "binance_usdm": End(VenueId("binance_usdm"), _USDT),
    "bybit": End(VenueId("bybit"), _USDT),
    "coinbase": End(VenueId("coinbase"), _USD),
    "kraken": End(VenueId("kraken"), _USD),
    "kraken_v1": End(VenueId("kraken"), _USD, v1=True),
    "coinbase_exchange": End(VenueId("coinbase_exchange"), _USD),
    "gemini": End(VenueId("gemini"), _USD),
    "okx": End(VenueId("okx"), _USDT),
    "bitstamp": End(VenueId("bitstamp"), _USD),
    "bitfinex": End(VenueId("bitfinex"), _USD),
}
ORDERS: Mapping[str, End] = {
    "coinbase_exchange full": End(VenueId("coinbase_exchange"), _USD, orders=True),
    "kraken level3": End(VenueId("kraken"), _USD, orders=True),
    "bitstamp live_orders": End(VenueId("bitstamp"), _USD, orders=True),
    "bitfinex R0": End(VenueId("bitfinex"), _USD, orders=True),
}
ENDS: Mapping[str, End] = {**LEVELS, **ORDERS}

_ALL = ("BTC", "ETH", "SOL", "BNB", "USDT", "USD")
_NAMES = ("binance", "bybit", "coinbase", "kraken", "gemini", "okx", "bitstamp", "bitfinex")
WHOLE: Mapping[str, End] = {f"{name}*": End(VenueId(name), _ALL) for name in _NAMES}
"""Venues with all the instruments of the default run, for faults of connections."""

_BY_NAME = {**ENDS, **WHOLE}


def end_of(name: str) -> End:
    """Raises `KeyError`."""
    return _BY_NAME[name]


@cache
def plugin_of(name: str) -> ExchangePlugin:
    """What the run uses."""
    plugin = Registry().exchange(end_of(name).venue)
    return replace(plugin, feed=KrakenV1Feed) if end_of(name).v1 else plugin


def codec_of(name: str) -> FeedCodec:
    """A new one of the connection that is tried."""
    plugin = plugin_of(name)
    dialect = orders_dialect(plugin) if end_of(name).orders else None
    return plugin.feed() if dialect is None else dialect.feed()


@cache
def rule_of(name: str) -> SyncRule:
    """How its book is kept and proven."""
    return codec_of(name).rule


def channels_of(name: str) -> Sequence[Channel]:
    """What is subscribed to."""
    return (Channel.ORDERS,) if end_of(name).orders else USUAL_CHANNELS


def instruments_of(name: str) -> Mapping[VenueId, list[Instrument]] | None:
    """Those of an older dialect, which has other names for them."""
    if not end_of(name).v1:
        return None
    return {end_of(name).venue: [plugin_of(name).instruments.find("XBT/USD")]}
