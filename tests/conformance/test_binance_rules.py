"""What the kit does not ask: Binance's sync rules, instruments, snapshot requests and connections."""

from decimal import Decimal

import pytest

import cryptopipe_binance as plugins
from cryptopipe.api import (
    BookDelta,
    Channel,
    Connect,
    ExchangePlugin,
    HttpRequest,
    Kind,
    Link,
    ProtocolError,
    Subscription,
    TradingRules,
    TradingState,
    VenueId,
)
from cryptopipe_binance.market import futures_join, futures_link, spot_link
from cryptopipe_binance.metadata import instruments

APPLY, SKIP, GAP = Link.APPLY, Link.SKIP, Link.GAP
D = Decimal


def delta(first: int, version: int, previous: int = 0) -> BookDelta:
    return BookDelta("BTCUSDT", b"[]", b"[]", first, version, previous, 0)


@pytest.mark.parametrize(
    ("first", "version", "expected"),
    [(90, 100, SKIP), (95, 101, APPLY), (101, 101, APPLY), (100, 120, APPLY), (102, 103, GAP)],
)
def test_spot_ids_continue_at_100(first: int, version: int, expected: Link) -> None:
    """ "Discard any event where u is <= lastUpdateId"; "U greater than the update ID + 1: you have missed some"."""
    assert spot_link(100, delta(first, version)) is expected


@pytest.mark.parametrize(
    ("first", "version", "previous", "expected"),
    [
        (90, 99, 80, SKIP),  # "drop any event where u is < lastUpdateId"
        (90, 100, 80, APPLY),  # "U <= lastUpdateId AND u >= lastUpdateId"
        (100, 110, 95, APPLY),
        (105, 110, 95, APPLY),  # follows 95 directly: nothing lies between 95 and 105
        (105, 110, 100, APPLY),
        (105, 110, 101, GAP),  # the event that ended at 101 is missing
    ],
)
def test_futures_join_a_snapshot_of_100(first: int, version: int, previous: int, expected: Link) -> None:
    assert futures_join(100, delta(first, version, previous)) is expected


@pytest.mark.parametrize(
    ("first", "version", "previous", "expected"),
    [
        (105, 110, 100, APPLY),  # "each new event's pu should be equal to the previous event's u"
        (90, 100, 80, SKIP),  # the same event again
        (105, 110, 104, GAP),
        (99, 110, 98, GAP),  # overlaps what was applied: not this stream
    ],
)
def test_futures_events_name_their_predecessor(first: int, version: int, previous: int, expected: Link) -> None:
    assert futures_link(100, delta(first, version, previous)) is expected


@pytest.mark.parametrize(
    ("plugin", "symbol", "url"),
    [
        (plugins.binance, "BTCUSDT", "https://api.binance.com/api/v3/depth?symbol=BTCUSDT&limit=1000"),
        (plugins.binance_us, "BTCUSDT", "https://api.binance.us/api/v3/depth?symbol=BTCUSDT&limit=1000"),
        (plugins.binance_usdm, "BTCUSDT", "https://fapi.binance.com/fapi/v1/depth?symbol=BTCUSDT&limit=1000"),
        (plugins.binance_coinm, "BTCUSD_PERP", "https://dapi.binance.com/dapi/v1/depth?symbol=BTCUSD_PERP&limit=1000"),
    ],
    ids=lambda value: getattr(value, "venue", None),
)
def test_snapshot_request_says_whose_it_is(plugin: ExchangePlugin, symbol: str, url: str) -> None:
    assert plugin.snapshots is not None
    assert plugin.snapshots.request(plugin.instruments.find(symbol)) == HttpRequest("GET", url)
    assert plugin.snapshots.symbol_of(url) == symbol
    assert plugin.snapshots.symbol_of("https://api.binance.com/api/v3/trades?symbol=BTCUSDT") is None


@pytest.mark.parametrize(
    ("plugin", "symbol", "start"),
    [
        (plugins.binance, "BTCUSDT", "wss://stream.binance.com:9443/stream?streams=btcusdt"),
        (plugins.binance_us, "BTCUSDT", "wss://stream.binance.us:9443/stream?streams=btcusdt"),
        (plugins.binance_usdm, "BTCUSDT", "wss://fstream.binance.com/public/stream?streams=btcusdt"),
        (plugins.binance_coinm, "BTCUSD_PERP", "wss://dstream.binance.com/stream?streams=btcusd_perp"),
    ],
    ids=lambda value: getattr(value, "venue", None),
)
def test_one_url_names_every_stream(plugin: ExchangePlugin, symbol: str, start: str) -> None:
    instrument = plugin.instruments.find(symbol)
    wanted = [Subscription(instrument, c) for c in (Channel.DEPTH, Channel.TOP, Channel.TRADES, Channel.DEPTH)]
    name = symbol.lower()
    expected = f"{start}@depth@100ms/{name}@bookTicker/{name}@trade"
    assert plugin.feed().connect(wanted, None, 0) == Connect(expected)


def test_symbols_are_read_off_their_spelling() -> None:
    nkn = plugins.binance.instruments.find("NKNUSDT")
    assert (nkn.base, nkn.quote, nkn.kind, nkn.rules) == ("NKN@binance", "USDT", Kind.SPOT, None)
    doge = plugins.binance_coinm.instruments.find("DOGEUSD_PERP")
    assert (doge.base, doge.quote, doge.kind) == ("DOGE", "USD", Kind.INVERSE_PERPETUAL)
    assert (doge.contract_size, plugins.binance_coinm.instruments.find("BTCUSD_PERP").contract_size) == (D(10), D(100))
    bat = plugins.binance_us.instruments.find("BATUSD")  # not BA against TUSD
    assert (bat.base, bat.quote) == ("BAT", "USD")


@pytest.mark.parametrize(
    ("plugin", "symbol", "message"),
    [
        (plugins.binance, "NONSENSE", "binance:NONSENSE: no known quote asset"),
        (plugins.binance, "USDT", "binance:USDT: no known quote asset"),
        (plugins.binance, "btcusdt", "binance:btcusdt: no known quote asset"),
        (plugins.binance_usdm, "BTCUSDT_261225", "binance_usdm:BTCUSDT_261225: a contract that is delivered at a date"),
        (plugins.binance_coinm, "BTCUSD_261225", "binance_coinm:BTCUSD_261225: a contract that is delivered at a date"),
        (plugins.binance_coinm, "BTCUSDT", "binance_coinm:BTCUSDT: not spelt as a coin-margined perpetual"),
    ],
)
def test_unreadable_symbol_is_refused(plugin: ExchangePlugin, symbol: str, message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        plugin.instruments.find(symbol)


SPOT_TODAY = b"""{"symbols": [{"symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT",
  "isSpotTradingAllowed": true, "filters": [
  {"filterType": "PRICE_FILTER", "minPrice": "0.01000000", "maxPrice": "1000000.00000000", "tickSize": "0.01000000"},
  {"filterType": "LOT_SIZE", "minQty": "0.00001000", "maxQty": "9000.00000000", "stepSize": "0.00001000"},
  {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": true, "maxNotional": "9000000.00000000",
   "applyMaxToMarket": false, "avgPriceMins": 5}]},
 {"symbol": "OLDUSDT", "status": "BREAK", "baseAsset": "OLD", "quoteAsset": "USDT", "filters": []}]}"""
"""Form of rest-api.md and filters.md (2026-07-21), values of BTCUSDT."""

USDM_TODAY = b"""{"symbols": [{"symbol": "ETHUSDT", "pair": "ETHUSDT", "contractType": "PERPETUAL", "status": "TRADING",
  "baseAsset": "ETH", "quoteAsset": "USDT", "filters": [
  {"minPrice": "39.86", "maxPrice": "306177", "filterType": "PRICE_FILTER", "tickSize": "0.01"},
  {"stepSize": "0.001", "filterType": "LOT_SIZE", "maxQty": "10000", "minQty": "0.001"},
  {"notional": "5", "filterType": "MIN_NOTIONAL"}]},
 {"symbol": "ETHUSDT_261225", "pair": "ETHUSDT", "contractType": "CURRENT_QUARTER", "status": "TRADING",
  "baseAsset": "ETH", "quoteAsset": "USDT", "filters": []}]}"""
"""Form of developers.binance.com, USDS-margined futures, Exchange Information (2026-11-21)."""

COINM_TODAY = b"""{"symbols": [{"symbol": "ETHUSD_PERP", "pair": "ETHUSD", "contractType": "PERPETUAL",
  "contractStatus": "TRADING", "contractSize": 10, "baseAsset": "ETH", "quoteAsset": "USD", "filters": [
  {"minPrice": "50", "maxPrice": "306159", "filterType": "PRICE_FILTER", "tickSize": "0.01"},
  {"stepSize": "1", "filterType": "LOT_SIZE", "maxQty": "1000000", "minQty": "1"}]}]}"""
"""Form of developers.binance.com, COIN-margined futures, Exchange Information (2026-11-21)."""


def test_exchange_info_of_today() -> None:
    btc, old = instruments(SPOT_TODAY, VenueId("binance"), Kind.SPOT)
    assert btc.rules == TradingRules(D("0.01"), D("0.00001"), D("0.00001"), D(5))
    assert str(btc.rules.step) == "0.00001"
    assert (btc.state, old.state, old.rules) == (TradingState.TRADING, TradingState.HALTED, None)
    (eth,) = instruments(USDM_TODAY, VenueId("binance_usdm"), Kind.LINEAR_PERPETUAL)
    assert eth.rules == TradingRules(D("0.01"), D("0.001"), D("0.001"), D(5))
    (coin,) = instruments(COINM_TODAY, VenueId("binance_coinm"), Kind.INVERSE_PERPETUAL)
    assert (coin.rules, coin.contract_size) == (TradingRules(D("0.01"), D(1), D(1), D(0)), D(10))


@pytest.mark.parametrize("answer", [b"", b"{}", b'{"symbols": 1}', SPOT_TODAY.replace(b'"0.01000000"', b'"x"')])
def test_unreadable_exchange_info_is_refused(answer: bytes) -> None:
    with pytest.raises(ProtocolError, match="binance: unreadable exchangeInfo"):
        instruments(answer, VenueId("binance"), Kind.SPOT)
