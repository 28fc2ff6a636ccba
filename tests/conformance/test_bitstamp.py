"""Bitstamp passes the kit on both its streams, and its metadata is read from the venue's own answers."""

import json
from decimal import Decimal as D
from pathlib import Path

import pytest
from conformance.history_samples import HISTORIES
from recordings import RECORDINGS, needs_recordings

import cryptopipe_bitstamp as plugins
from cryptopipe.api import (
    USUAL_CHANNELS,
    BookDelta,
    BookSnapshot,
    Channel,
    Heartbeat,
    HttpResponse,
    Kind,
    Link,
    Listing,
    Notice,
    OrdersDelta,
    OrdersSnapshot,
    ProtocolError,
    RateLimited,
    Resync,
    Subscription,
    TopUpdate,
    Trade,
    TradingRules,
    TradingState,
    Unknown,
)
from cryptopipe.testing import ExchangeConformance, ListingSample, spot
from cryptopipe_bitstamp.feed import follows
from cryptopipe_bitstamp.feed_orders import joins, links
from cryptopipe_bitstamp.metadata import instruments

PLUGIN = plugins.bitstamp
CORPUS = Path(plugins.__file__).parent / "frames"
FIND = PLUGIN.instruments.find
HOST = "https://www.bitstamp.net/api/v2/"
RECORDED = (("ethusd", "0.01", "8"), ("xrpeur", "0.00001", "8"), ("bateur", "0.00001", "8"), ("adaeur", "0.00001", "8"))
"""Ticks, and decimals of sizes, of the trading-pairs-info that was recorded with the frames."""

STREAM = ("diff", "snapshot_of_the_stream", "diff_next", "diff_third", "diff_fourth", "diff_fifth")
MARKET = """{"name":"BTC/USD","market_symbol":"btcusd","base_currency":"BTC","base_decimals":8,"counter_currency":"USD",
"counter_decimals":0,"minimum_order_value":"10","trading":"Enabled","instant_order_counter_decimals":2,
"instant_and_market_orders":"Enabled","description":"Bitcoin / U.S. dollar","market_type":"SPOT"}"""
CONTRACT = """{"name":"ETH/USD-PERP","market_symbol":"ethusd-perp","base_currency":"ETH","base_decimals":3,
"counter_currency":"USD","counter_decimals":1,"minimum_order_value":"10.0","maximum_order_value":"500000.00000000",
"minimum_order_amount":"0.00100000","maximum_order_amount":"1000.00000000","trading":"Enabled",
"instant_order_counter_decimals":2,"instant_and_market_orders":"Enabled",
"description":"Ethereum / U.S. dollar Perpetual",
"market_type":"PERPETUAL","payoff_type":"Linear","contract_size":"1.00000000","isin":"EZTS6C9N08Q8"}"""
"""Of the venue's answers, as ccxt's test data has them (github.com/ccxt/ccxt ts/src/test/static/markets/bitstamp.json,
looked up 2026-11-21)."""
CURRENCY = """{"name":"Bitcoin","currency":"BTC","decimals":8,"type":"crypto","symbol":"\u20bf","deposit":"Enabled",
"withdrawal":"Enabled","networks":[{"network":"bitcoin","deposit":"Enabled","withdrawal":"Enabled",
"withdrawal_decimals":8,"withdrawal_minimum_amount":"0.00006000"},{"network":"xrpl","deposit":"Disabled",
"withdrawal":"Disabled","withdrawal_decimals":8}]}"""
"""Of the venue's answer, as a public client's tests have it (looked up 2026-11-21)."""


class TestBitstamp(ExchangeConformance):
    plugin = PLUGIN
    histories = HISTORIES["bitstamp"]
    instruments = PLUGIN.instruments.listed()
    corpus = CORPUS
    recordings = (RECORDINGS / "bitstamp/diff_order_book_live_trades_20220105.jsonl.gz",)
    recorded_instruments = tuple(
        spot("bitstamp", f"{symbol[:3].upper()}/{symbol[3:].upper()}", symbol=symbol, tick=tick, step=f"1e-{places}")
        for symbol, tick, places in RECORDED
    )
    covers = (
        BookSnapshot, BookDelta, OrdersSnapshot, OrdersDelta, TopUpdate, Trade, Heartbeat, Notice, Unknown, Resync,
    )  # fmt: skip
    stream = STREAM
    listings = (
        ListingSample(
            f"{HOST}markets/",
            f"[{MARKET},{CONTRACT}]".encode(),
            "ccxt's test data, 2026-11-21",
            instruments={"btcusd": {"tick": D(1), "step": D("1e-8")}, "ethusd-perp": {"min_size": D("0.001")}},
        ),
        ListingSample(
            f"{HOST}currencies/",
            f"[{CURRENCY}]".encode(),
            "a public client's tests, 2026-11-21",
            currencies={"BTC": [{"code": "bitcoin", "withdrawals": True}, {"code": "xrpl", "withdrawals": False}]},
        ),
    )


def wanted(*symbols: str, channels: tuple[Channel, ...] = USUAL_CHANNELS) -> list[Subscription]:
    return [Subscription(FIND(symbol), channel) for symbol in symbols for channel in channels]


def test_each_channel_is_asked_for_in_a_text_of_its_own() -> None:
    """`{"event": "bts:subscribe", "data": {"channel": "[channel_name]"}}`; clients "keep them under 512 bytes"."""
    connect = PLUGIN.feed().connect(wanted("btcusd", "ethbtc"), None, 0)
    assert connect.url == "wss://ws.bitstamp.net"
    assert [json.loads(text) for text in connect.frames] == [
        {"event": "bts:subscribe", "data": {"channel": f"{channel}_{symbol}"}}
        for symbol in ("btcusd", "ethbtc")
        for channel in ("diff_order_book", "order_book", "live_trades")
    ]
    assert (connect.ping_every_s, connect.ping_text) == (20, '{"event":"bts:heartbeat"}')
    assert connect.resubscribe == {}
    long = PLUGIN.feed().connect(wanted("silverusd-perp"), None, 0)
    assert max(map(len, long.frames)) < 512


def test_single_orders_have_a_connection_of_their_own() -> None:
    (orders,) = (one for one in PLUGIN.dialects if Channel.ORDERS in one.channels)
    connect = orders.feed().connect(wanted("btcusd", channels=(Channel.ORDERS,)), None, 0)
    assert connect.frames == ('{"event":"bts:subscribe","data":{"channel":"live_orders_btcusd"}}',)
    assert (connect.url, connect.ping_text) == ("wss://ws.bitstamp.net", '{"event":"bts:heartbeat"}')
    with pytest.raises(ProtocolError, match="bitstamp:btcusd: orders has a connection of its own"):
        PLUGIN.feed().connect(wanted("btcusd", channels=(Channel.ORDERS,)), None, 0)
    assert orders.feed().connect(wanted("btcusd"), None, 0).frames == ()
    for name in ("order_deleted", "orders_subscribed"):
        assert orders.speaks("wss://ws.bitstamp.net/", (CORPUS / f"{name}.json").read_bytes())
    for name in ("diff", "subscribed", "heartbeat"):
        assert not orders.speaks("wss://ws.bitstamp.net/", (CORPUS / f"{name}.json").read_bytes())


def test_no_connection_carries_more_channels_than_the_venue_takes() -> None:
    """ "Attempting a 1025th subscription causes the connection to be silently closed"."""
    symbols = [f"tok{n}usd" for n in range(1100)]
    many = wanted(*symbols, channels=(Channel.DEPTH, Channel.ORDERS))
    parts = PLUGIN.split(many)
    assert sorted(s.instrument.symbol + s.channel.value for part in parts for s in part) == sorted(
        s.instrument.symbol + s.channel.value for s in many
    )
    for part in parts:
        assert len(part) <= 1024
        assert len({one.channel is Channel.ORDERS for one in part}) == 1
    assert PLUGIN.split([]) == []


def delta(version: int, previous: int) -> BookDelta:
    return BookDelta("btcusd", b"[]", b"[]", version, version, previous, 0)


@pytest.mark.parametrize(
    ("last", "version", "previous", "verdict"),
    [
        (100, 99, 0, Link.SKIP),
        (100, 100, 0, Link.SKIP),
        (100, 101, 100, Link.APPLY),
        (100, 101, 99, Link.APPLY),
        (100, 101, 0, Link.GAP),
        (100, 102, 101, Link.GAP),
    ],
)
def test_a_difference_joins_a_snapshot_only_if_none_can_lie_between(
    last: int, version: int, previous: int, verdict: Link
) -> None:
    """ "Drop buffered diffs whose microtimestamp is at or before the snapshot's"; before the first one heard, anything
    may have been."""
    assert follows(last, delta(version, previous)) is verdict


def orders(version: int, previous: int) -> OrdersDelta:
    return OrdersDelta("btcusd", (), (), version, version, previous, 0)


@pytest.mark.parametrize(
    ("last", "version", "previous", "verdict"),
    [
        (5_123, 4_000, 3_000, Link.SKIP),
        (5_123, 4_003, 4_002, Link.SKIP),  # the fourth event of the millisecond before
        (5_123, 5_000, 4_000, Link.APPLY),  # of the snapshot's millisecond: before or after it
        (5_123, 5_001, 5_000, Link.APPLY),
        (5_123, 9_000, 5_001, Link.APPLY),
        (5_123, 9_000, 5_200, Link.APPLY),  # the event before is of the snapshot's millisecond
        (5_123, 9_000, 6_000, Link.GAP),  # the event before is not in the snapshot
        (5_123, 9_000, 0, Link.GAP),  # nobody knows when the event before was
        (5_123, 5_000, 0, Link.APPLY),
        (5_123, 4_000, 0, Link.SKIP),
    ],
)
def test_events_of_whole_milliseconds_join_a_snapshot_of_a_microsecond(
    last: int, version: int, previous: int, verdict: Link
) -> None:
    assert joins(last, orders(version, previous)) is verdict


def test_after_the_first_each_event_goes_on_from_the_one_before() -> None:
    assert links(5_000, orders(5_001, 5_000)) is Link.APPLY
    assert links(5_000, orders(5_000, 4_000)) is Link.SKIP
    assert links(5_000, orders(7_000, 6_000)) is Link.GAP


def test_a_new_connection_starts_new_chains() -> None:
    frame = (CORPUS / "diff_next.json").read_bytes()
    codec = PLUGIN.feed()
    for _ in range(2):
        codec.connect(wanted("ethusd"), None, 0)
        (event,) = codec.decode(frame, 0)
        assert isinstance(event, BookDelta)
        assert event.previous == 0
    after_gap = (CORPUS / "order_after_gap.json").read_bytes()
    single = PLUGIN.dialects[0].feed()
    single.decode((CORPUS / "order_deleted.json").read_bytes(), 0)
    single.connect(wanted("btcusd", channels=(Channel.ORDERS,)), None, 0)
    assert [type(event) for event in single.decode(after_gap, 0)] == [OrdersDelta]


def test_the_codec_forgets_prices_of_orders_that_are_long_created() -> None:
    """A taker's changes come at once; a connection that lives for weeks may not grow."""
    codec, told = PLUGIN.dialects[0].feed(), json.loads((CORPUS / "order_created.json").read_text())
    for number in range(5_000):
        told["event_id"], told["pre_event_id"], told["data"]["id_str"] = f"{number + 1}", f"{number}", f"{number}"
        codec.decode(json.dumps(told, separators=(",", ":")).encode(), 0)
    (chain,) = vars(codec)["_chains"].values()
    assert len(chain.prices) <= 1024


def test_the_snapshot_requests_are_told_apart() -> None:
    levels, single = PLUGIN.snapshots, PLUGIN.dialects[0].snapshots
    assert levels is not None
    assert single is not None
    assert levels.request(FIND("btcusd")).url == f"{HOST}order_book/btcusd/?group=1"
    assert single.request(FIND("btcusd-perp")).url == f"{HOST}order_book/btcusd-perp/?group=2"
    for url, of_levels, of_orders in (
        (f"{HOST}order_book/btcusd/?group=1", "btcusd", None),
        (f"{HOST}order_book/sgbeur", "sgbeur", None),
        (f"{HOST}order_book/btcusd/?group=2", None, "btcusd"),
        (f"{HOST}order_book/btcusd/?group=0", None, None),
        (f"{HOST}ticker/btcusd/", None, None),
        ("", None, None),
    ):
        assert (levels.symbol_of(url), single.symbol_of(url)) == (of_levels, of_orders)


def test_a_refusal_for_asking_too_often_is_known_by_status_or_code() -> None:
    assert PLUGIN.snapshots is not None
    for status, body in ((429, b""), (400, b'{"response_code":"400.067"}'), (400, b'{"response_code":"400.068"}')):
        with pytest.raises(RateLimited, match=f"bitstamp:btcusd: HTTP {status}"):
            PLUGIN.snapshots.snapshot("btcusd", HttpResponse(status, body), 0)
    assert [(one.count, one.per) for one in PLUGIN.fetch_limits] == [(400, 10**9), (10_000, 600 * 10**9)]


def test_instruments_are_found_by_their_spelling() -> None:
    for symbol, base, quote, kind in (
        ("sgbeur", "SGB@bitstamp", "EUR", Kind.SPOT),
        ("btcusd-perp", "BTC", "USD", Kind.LINEAR_PERPETUAL),
        ("usdcgbp", "USDC", "GBP", Kind.SPOT),
        ("linkusdt", "LINK", "USDT", Kind.SPOT),
        ("ustusd", "USTC", "USD", Kind.SPOT),
        ("btcpyusd", "BTC", "PYUSD", Kind.SPOT),
    ):
        found = FIND(symbol)
        assert (found.symbol, found.base, found.quote, found.kind, found.rules) == (symbol, base, quote, kind, None)
    listed = PLUGIN.instruments.listed()
    assert len({one.symbol for one in listed}) == len(listed) > 10
    for one in listed:
        unlisted = FIND(f"{one.symbol}-perp")
        assert (unlisted.base, unlisted.quote) == (one.base, one.quote), "the table and the spelling agree"


@pytest.mark.parametrize(
    "symbol", ["", "usd", "btc", "BTCUSD", "btc/usd", "btcusd-", "btcusd-perps", "btcxyz", "b usd"]
)
def test_what_is_no_symbol_is_refused(symbol: str) -> None:
    with pytest.raises(ProtocolError, match=f"bitstamp:{symbol}"):
        FIND(symbol)


# Metadata.


def read(name: str, body: bytes) -> Listing:
    assert PLUGIN.metadata is not None
    return PLUGIN.metadata.read(HttpResponse(200, body, HOST + name + "/"))


@needs_recordings
def test_the_recorded_pairs_are_read() -> None:
    body = (RECORDINGS / "bitstamp/trading_pairs_info_20220105.json").read_bytes()
    found = {one.symbol: one for one in read("trading-pairs-info", body).instruments}
    assert len(found) == len(json.loads(body)) == 140
    assert found["btcusd"].rules == TradingRules(D("0.01"), D("1e-8"), D("1e-8"), D(20))
    assert found["usdcusdt"].rules == TradingRules(D("0.00001"), D("0.00001"), D("0.00001"), D(20))
    assert found["ethbtc"].rules == TradingRules(D("1e-8"), D("1e-8"), D("1e-8"), D("0.0002"))
    assert (found["usdcusdt"].base, found["usdcusdt"].quote) == ("USDC", "USDT")
    assert {one.state for one in found.values()} == {TradingState.TRADING}, "instant orders are disabled in some"
    for symbol, tick, places in RECORDED:
        rules = found[symbol].rules
        assert rules is not None
        assert (rules.tick, rules.step) == (D(tick), D(f"1e-{places}"))


def test_todays_markets_are_read() -> None:
    pair, contract, closed = read(
        "markets", f"[{MARKET},{CONTRACT},{MARKET.replace('Enabled', 'Disabled')}]".encode()
    ).instruments
    assert (pair.symbol, pair.base, pair.quote, pair.kind) == ("btcusd", "BTC", "USD", Kind.SPOT)
    assert pair.rules == TradingRules(D(1), D("1e-8"), D("1e-8"), D(10))
    assert (pair.state, closed.state) == (TradingState.TRADING, TradingState.HALTED)
    assert (contract.symbol, contract.base, contract.quote) == ("ethusd-perp", "ETH", "USD")
    assert (contract.kind, contract.contract_size) == (Kind.LINEAR_PERPETUAL, D(1))
    assert contract.rules == TradingRules(D("0.1"), D("0.001"), D("0.001"), D(10))
    (large,) = instruments(f"[{CONTRACT.replace('0.00100000', '0.00500000')}]".encode())
    assert large.rules == TradingRules(D("0.1"), D("0.001"), D("0.005"), D(10))
    inverse = CONTRACT.replace('"Linear"', '"Inverse"')
    assert instruments(f"[{inverse},{MARKET.replace('SPOT', 'OPTION')}]".encode()) == ()


def test_currencies_have_their_networks_as_stated() -> None:
    (coin,) = read("currencies", f"[{CURRENCY}]".encode()).currencies
    assert (coin.code, coin.asset) == ("BTC", "BTC")
    bitcoin, ledger = coin.networks
    assert (bitcoin.code, bitcoin.chain, bitcoin.contract) == ("bitcoin", "bitcoin", None)
    assert (bitcoin.deposits, bitcoin.withdrawals) == (True, True)
    assert (bitcoin.min_withdrawal, bitcoin.precision, bitcoin.withdrawal_fee) == (D("0.00006"), 8, None)
    assert (ledger.chain, ledger.deposits, ledger.withdrawals) == ("xrp_ledger", False, False)
    assert ledger.min_withdrawal is None


def test_a_network_is_open_only_where_it_is_said_to_be() -> None:
    told = json.loads(CURRENCY)
    del told["networks"][0]["deposit"]
    told["networks"][0]["withdrawal"] = "Soon"
    (coin,) = read("currencies", json.dumps([told]).encode()).currencies
    assert (coin.networks[0].deposits, coin.networks[0].withdrawals) == (None, None)
    told = json.loads(CURRENCY) | {"deposit": "Disabled"}
    (coin,) = read("currencies", json.dumps([told]).encode()).currencies
    assert (coin.networks[0].deposits, coin.networks[0].withdrawals) == (False, True)


@needs_recordings
def test_the_accounts_fees_are_its_dearest_markets() -> None:
    samples = json.loads((RECORDINGS / "bitstamp/rest_mock_gct.json").read_text())
    (told,) = (one["response"] for one in samples if one["path"] == "/api/v2/fees/trading/")
    told.append({"currency_pair": "x", "market": "x", "fees": {"maker": "0.10", "taker": "0.400"}})
    fees = read("fees/trading", json.dumps(told).encode()).fees
    assert fees is not None
    assert (fees.maker_rate, fees.taker_rate) == (D("0.003"), D("0.004"))
    assert (PLUGIN.fees.maker_rate, PLUGIN.fees.taker_rate, PLUGIN.fees.charged_in) == (D("0.003"), D("0.004"), "quote")


def test_what_the_venue_is_asked_is_what_can_be_read() -> None:
    assert PLUGIN.metadata is not None
    asked = PLUGIN.metadata.requests()
    assert [one.url for one in asked] == [f"{HOST}markets/", f"{HOST}currencies/"]
    assert [PLUGIN.metadata.read(HttpResponse(200, b"[]", one.url)) for one in asked] == [Listing(), Listing()]


@pytest.mark.parametrize(
    ("name", "body", "message"),
    [
        ("markets", b"{}", "Expected `array`"),
        ("markets", f"[{MARKET.replace('btcusd', '')}]".encode(), "a market without symbol: BTC/USD"),
        ("markets", f"[{MARKET.replace(':8', ':80')}]".encode(), "80 decimal places"),
        ("markets", b"[" + MARKET.replace('"10"', '"ten"').encode() + b"]", "unreadable markets"),
        ("currencies", CURRENCY.encode(), "Expected `array`"),
        ("currencies", f"[{CURRENCY.replace('0.00006000', '-1')}]".encode(), "not an amount at or above zero: '-1'"),
        ("fees/trading", b"[]", "no market"),
        ("ticker", b"[]", "no answer that is known"),
    ],
)
def test_what_cannot_be_read_is_refused(name: str, body: bytes, message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        read(name, body)


def test_a_refused_listing_says_why() -> None:
    assert PLUGIN.metadata is not None
    with pytest.raises(RateLimited, match="bitstamp markets: HTTP 400"):
        PLUGIN.metadata.read(HttpResponse(400, b'{"response_code":"400.002"}', f"{HOST}markets/"))
