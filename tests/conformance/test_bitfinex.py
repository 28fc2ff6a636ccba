"""Bitfinex passes the kit, levels and single orders; its metadata is read from its own answers."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from conformance.history_samples import HISTORIES
from recordings import RECORDINGS, needs_recordings

import cryptopipe_bitfinex as plugins
from cryptopipe.api import (
    USUAL_CHANNELS,
    BookDelta,
    BookSnapshot,
    Channel,
    FeedCodec,
    Heartbeat,
    HttpResponse,
    Notice,
    OrdersDelta,
    OrdersSnapshot,
    ProtocolError,
    RateLimited,
    Resync,
    Send,
    Subscription,
    TopUpdate,
    Trade,
    TradingState,
    Unknown,
    VenueUnavailable,
    Worded,
)
from cryptopipe.testing import ExchangeConformance, spot
from cryptopipe.testing.listings import ListingSample
from cryptopipe_bitfinex.feed_orders import BitfinexOrdersFeed, speaks_orders
from cryptopipe_bitfinex.listing import BitfinexListing
from cryptopipe_bitfinex.metadata import tick_at

PLUGIN = plugins.bitfinex
CORPUS = Path(plugins.__file__).parent / "frames"
LISTED = PLUGIN.instruments.listed()
FIND = PLUGIN.instruments.find
RECORDED = RECORDINGS / "bitfinex/P0_book_trades_ticker_seq_20210417.jsonl.gz"


PUBLIC = "https://api-pub.bitfinex.com/v2"
PAIRS = ListingSample(
    f"{PUBLIC}/conf/pub:info:pair",
    b'[[["BTCUSD",[null,null,null,"0.00004","2000.0",null,null,null,0.1,0.05,null,null]],'
    b'["USTUSD",[null,null,null,"2.0","5000000.0",null,null,null,0.1,0.05,null,null]],'
    b'["AAVE:UST",[null,null,null,"0.02","5000.0",null,null,null,null,null,null,null]]]]',
    "rows of pub:info:pair as github.com/JKorf/Bitfinex.Net's tests keep them, 2026-11-21",
    {"tBTCUSD": {"rules": None, "quote": "USD"}, "tAAVE:UST": {"base": "AAVE", "quote": "USDT"}},
)
PRICED = ListingSample(
    f"{PUBLIC}/tickers?symbols=ALL",
    b'[["tBTCUSD",10645,73.93854271,10647,75.22266119,731.60645389,0.0738,10644.00645389,14480.89849423,10766,10889],'
    b'["tUSTUSD",0.99987,1.5,1.0001,2.5,0,0,1,1000,1.0002,0.9998]]',
    "rest-public-tickers as quoted there, its low raised into its high's decade; the second row made up, 2026-11-21",
    {"tBTCUSD": {"tick": Decimal(1), "step": Decimal("0.00000001"), "min_size": Decimal("0.00004")}},
)
COINS = ListingSample(
    f"{PUBLIC}/conf/pub:list:currency,pub:map:currency:pool,pub:map:currency:tx:fee,pub:map:tx:method,pub:info:tx:status",
    b'[["BTC","UST","UDC","BTCF0"],[["UDC","ETH"]],[["BTC",[0,0.0004]],["UDC",[0,5.5038]],["UST",[0,3]]],'
    b'[["BITCOIN",["BTC"]],["TETHERUSE",["UST"]],["TETHERUSX",["UST"]],["UDC",["UDC"]]],'
    b'[["BITCOIN",1,1,null,null,null,null,0,0,null,null,3],["TETHERUSE",0,1]]]',
    "rows as quoted there and by ccxt 4.5.90; the fee of UST and the last row made up, 2026-11-21",
    currencies={
        "BTC": [{"code": "BITCOIN", "chain": "bitcoin", "deposits": True, "withdrawal_fee": Decimal("0.0004")}],
        "UST": [
            {"code": "TETHERUSE", "chain": "ethereum", "deposits": False, "withdrawals": True, "withdrawal_fee": None},
            {"code": "TETHERUSX", "chain": "tron", "deposits": None, "withdrawals": None},
        ],
        "UDC": [{"code": "UDC", "chain": "ethereum", "withdrawal_fee": Decimal("5.5038")}],
    },
)


class TestBitfinex(ExchangeConformance):
    plugin = PLUGIN
    histories = HISTORIES["bitfinex"]
    instruments = (
        *LISTED,
        # As recorded: the finest step of the decades that the books reach down to.
        spot("bitfinex", "DOG/USD", symbol="tDOGUSD", tick="0.1", step="0.00000001"),
        spot("bitfinex", "IOT/ETH", symbol="tIOTETH", tick="0.00000001", step="0.00000001"),
        spot("bitfinex", "MNA/BTC", symbol="tMNABTC", tick="0.00000001", step="0.00000001"),
        spot("bitfinex", "TESTBTC/TESTUSD", symbol="tTESTBTC:TESTUSD", tick="1", step="0.00000001"),
    )
    corpus = CORPUS
    recordings = (RECORDED,)
    listings = (PAIRS, PRICED, COINS)
    covers = (
        BookSnapshot, BookDelta, OrdersSnapshot, OrdersDelta, TopUpdate, Trade, Heartbeat, Notice, Unknown,
    )  # fmt: skip


def test_a_connection_asks_for_its_count_before_anything_else() -> None:
    wanted = [Subscription(FIND("tBTCUSD"), channel) for channel in USUAL_CHANNELS]
    connect = PLUGIN.feed().connect([*wanted, *wanted], None, 0)
    assert connect.url == "wss://api-pub.bitfinex.com/ws/2"
    assert connect.frames == (
        '{"event":"conf","flags":229376}',
        '{"event":"subscribe","channel":"book","prec":"P0","freq":"F0","len":"250","symbol":"tBTCUSD"}',
        '{"event":"subscribe","channel":"ticker","symbol":"tBTCUSD"}',
        '{"event":"subscribe","channel":"trades","symbol":"tBTCUSD"}',
    )
    book = '"channel":"book","prec":"P0","freq":"F0","len":"250","symbol":"tBTCUSD"}'
    again = (f'{{"event":"unsubscribe",{book}', f'{{"event":"subscribe",{book}')
    assert connect.resubscribe == {"tBTCUSD": again}


def told(channel: int, symbol: str = "tBTCUSD") -> bytes:
    return json.dumps(
        {"event": "subscribed", "channel": "book", "chanId": channel, "symbol": symbol, "prec": "P0"}
    ).encode()


def brought_again(codec: FeedCodec, symbol: str = "tBTCUSD") -> list[str]:
    """What is said to have a book again (docs/ws-general: `{"event":"unsubscribe","chanId":CHANNEL_ID}`)."""
    texts = PLUGIN.feed().connect([Subscription(FIND(symbol), Channel.DEPTH)], None, 0).resubscribe[symbol]
    assert isinstance(codec, Worded)
    return [text for text in map(codec.worded, texts) if text]


def test_a_lost_book_leaves_its_channel_by_the_id_that_was_told_last() -> None:
    codec = PLUGIN.feed()
    subscribe = '{"event":"subscribe","channel":"book","prec":"P0","freq":"F0","len":"250","symbol":"tBTCUSD"}'
    assert brought_again(codec) == [subscribe]
    for channel in (11, 12):
        assert [type(one) for one in codec.decode(told(channel), 0)] == [Notice]
    codec.decode(told(13, "tETHUSD"), 0)
    assert brought_again(codec) == ['{"event":"unsubscribe","chanId":12}', subscribe]
    codec.decode(b'{"event":"unsubscribed","status":"OK","chanId":12}', 0)
    assert brought_again(codec)[0] == '{"event":"unsubscribe","chanId":11}'
    assert isinstance(codec, Worded) and codec.worded('{"event":"ping","cid":1}') == '{"event":"ping","cid":1}'


def test_a_book_whose_channel_the_venue_ended_is_lost() -> None:
    """Else it would stay as it is, and the other channels of the connection would pass for its signs of life."""
    codec = PLUGIN.feed()
    codec.decode(told(11), 0)
    codec.decode(told(12, "tETHUSD"), 0)
    _, lost = codec.decode(b'{"event":"unsubscribed","status":"OK","chanId":11}', 0)
    assert lost == Resync("tBTCUSD", "bitfinex ended channel 11, book P0")
    codec.decode(told(13, "tETHUSD"), 0)
    assert len(tuple(codec.decode(b'{"event":"unsubscribed","status":"OK","chanId":12}', 0))) == 1, "13 brings it"


def test_an_awaited_book_on_a_channel_that_nobody_told_is_asked_for_once_more() -> None:
    codec = PLUGIN.feed()
    codec.decode(told(11), 0)
    (_, subscribe) = brought_again(codec)
    said = [one.text for frame in (b"[12,[[100,1,2],[101,1,-2]],1]", b"[12,[100,1,3],2]")
            for one in codec.decode(frame, 0) if isinstance(one, Send)]  # fmt: skip
    assert said == ['{"event":"unsubscribe","chanId":12}', subscribe]
    codec.decode(told(14), 0)
    (snapshot,) = codec.decode(b"[14,[[100,1,2],[101,1,-2]],3]", 0)
    assert isinstance(snapshot, BookSnapshot)
    assert not any(isinstance(one, Send) for one in codec.decode(b"[15,[100,1,3],4]", 0))


def test_a_book_that_is_not_told_beside_its_ticker_is_asked_for_once_more() -> None:
    """Else the connection would wait ten seconds for its first frame."""
    codec = PLUGIN.feed()
    snapshot, change = b"[11,[[100,1,2],[101,1,-2]],1]", b"[11,[100,1,3],2]"
    codec.decode(told(9, "tETHUSD"), 0)
    assert not any(isinstance(one, Send) for one in codec.decode(snapshot, 0)), "nobody knows whose it is"
    codec.decode(b'{"event":"subscribed","channel":"ticker","chanId":12,"symbol":"tBTCUSD","pair":"BTCUSD"}', 0)
    said = [one.text for frame in (change, change) for one in codec.decode(frame, 0) if isinstance(one, Send)]
    again = '{"event":"subscribe","channel":"book","prec":"P0","freq":"F0","len":"250","symbol":"tBTCUSD"}'
    assert said == ['{"event":"unsubscribe","chanId":11}', again]


def test_a_venue_in_maintenance_is_asked_for_nothing() -> None:
    codec = PLUGIN.feed()
    codec.decode(told(11), 0)
    for code, texts in ((20060, 0), (20061, 2)):
        with pytest.raises(VenueUnavailable):
            codec.decode(b'{"event":"info","code":%d,"msg":"maintenance"}' % code, 0)
        assert len(brought_again(codec)) == texts


def test_single_orders_have_a_connection_of_their_own() -> None:
    (dialect,) = PLUGIN.dialects
    assert dialect.channels == {Channel.ORDERS}
    wanted = [Subscription(FIND("tBTCUSD"), channel) for channel in (*USUAL_CHANNELS, Channel.ORDERS)]
    levels, orders = PLUGIN.split(wanted)
    assert [s.channel for s in orders] == [Channel.ORDERS] and len(levels) == 3
    connect = dialect.feed().connect(orders, None, 0)
    assert connect.frames[1:] == (
        '{"event":"subscribe","channel":"book","prec":"R0","freq":"F0","len":"250","symbol":"tBTCUSD"}',
    )
    assert connect.url == PLUGIN.feed().connect(levels, None, 0).url
    assert speaks_orders(connect.url, (CORPUS / "orders_subscribed.json").read_bytes())
    assert not speaks_orders(connect.url, (CORPUS / "subscribed_book.json").read_bytes())
    assert not speaks_orders(connect.url, (CORPUS / "info.json").read_bytes())


def test_no_connection_has_more_channels_than_the_venue_allows() -> None:
    wanted = [Subscription(i, channel) for channel in (*USUAL_CHANNELS, Channel.ORDERS) for i in LISTED]
    parts = PLUGIN.split(wanted)
    assert sorted(len(part) for part in parts) == [6, 10, 24]
    assert {(s.instrument.symbol, s.channel) for part in parts for s in part} == {
        (s.instrument.symbol, s.channel) for s in wanted
    }
    for part in parts[:-1]:
        assert all(sum(s.instrument is t.instrument for t in part) == 3 for s in part)
    assert PLUGIN.split([]) == []


@pytest.mark.parametrize(
    ("symbol", "base", "quote"),
    [
        ("tBTCUST", "BTC", "USDT"),
        ("tUDCUSD", "USDC", "USD"),
        ("tAVAX:UST", "AVAX", "USDT"),
        ("tDSHBTC", "DASH", "BTC"),
        ("tDOGUSD", "DOG@bitfinex", "USD"),  # a million DOGE, not DOGE
        ("tLUNA:USD", "LUNC", "USD"),
        ("tTERRAUST:USD", "TERRAUST@bitfinex", "USD"),
    ],
)
def test_the_venues_own_codes_are_read_as_the_assets_they_are(symbol: str, base: str, quote: str) -> None:
    found = FIND(symbol)
    assert (found.symbol, found.base, found.quote) == (symbol, base, quote)


@pytest.mark.parametrize("symbol", ["BTCUSD", "fUSD", "tBTCF0:USTF0", "tBTC", "tBTCUSDX", "t"])
def test_what_is_no_spot_pair_is_refused_by_name(symbol: str) -> None:
    with pytest.raises(ProtocolError, match=f"bitfinex:{symbol.removeprefix('t')}|bitfinex:{symbol}"):
        FIND(symbol)


@pytest.mark.parametrize(
    ("low", "high", "tick"),
    [
        # "1.0234, 10.234, 120.34, 1234.5, 0.012345, and 0.00012340" have five digits
        # (support.bitfinex.com article 115000371105, a stored copy read 2026-11-21).
        ("1.0234", "1.0234", "0.0001"),
        ("10.234", "10.235", "0.001"),
        ("120.34", "999.99", "0.01"),
        ("1234.5", "1234.5", "0.1"),
        ("0.012345", "0.012346", "0.000001"),
        ("0.00012340", "0.00012340", "0.00000001"),
        ("62000", "99999", "1"),
        ("100000", "126000", "10"),
        ("99999", "100010", None),
        ("0.9999", "1.0001", None),
        ("0", "1", None),
    ],
)
def test_the_step_of_prices_is_five_digits_within_a_decade_and_nothing_across_two(
    low: str, high: str, tick: str | None
) -> None:
    assert tick_at(Decimal(low), Decimal(high)) == (None if tick is None else Decimal(tick))


def test_the_tables_steps_are_those_of_their_prices() -> None:
    rows = json.loads((Path(plugins.__file__).parent / "instruments.json").read_text())["instruments"]
    for row in rows:
        listed = FIND(row["symbol"]).rules
        low, high = Decimal(row["price_from"]), Decimal(row["price_to"])
        assert listed is not None and listed.tick == tick_at(low, high - listed.tick)
    assert [FIND(symbol).rules for symbol in ("tUSTUSD", "tUDCUSD", "tUDCUST")] == [None] * 3


# Metadata.


def asked(listing: BitfinexListing, part: str) -> str:
    (url,) = [r.url for r in listing.requests() if part in r.url]
    return url


def samples() -> dict[str, Any]:
    told = json.loads((RECORDINGS / "bitfinex/rest_endpoints_jkorf.json").read_text())
    return {one["path"].removeprefix("/v2/conf/"): one["response"] for one in told}


# The example of rest-public-tickers as JKorf's tests quote it, its low within the decade of its high; further rows made
# up in its form, 2026-11-21.
TICKERS = (
    b'[["tBTCUSD",10645,73.93854271,10647,75.22266119,731.60645389,0.0738,10644.00645389,14480.89849423,10766,10889.1],'
    b'["tUSTUSD",0.99987,1.5,1.0001,2.5,0,0,1,1000,1.0002,0.9998],'
    b'["tETHUST",null,0,null,0,0,0,0,0,null,null],'
    b'["tNONE:USD",1,1,2,1,0,0,1,1,1,1],["fUSD",0.0003,0.0002,30,1,0.0003,2,1,0,0,0,0,0,0,0,0,0]]'
)


@needs_recordings
def test_pairs_have_rules_once_their_price_is_known() -> None:
    listing = BitfinexListing()
    pairs = json.dumps(samples()["pub:info:pair"]).encode()
    found = {i.symbol: i for i in listing.read(HttpResponse(200, pairs, asked(listing, "info:pair"))).instruments}
    assert len(found) == len(samples()["pub:info:pair"][0]) == 406
    assert all(i.rules is None for i in found.values())
    priced = listing.read(HttpResponse(200, TICKERS, asked(listing, "tickers"))).instruments
    assert [i.symbol for i in priced] == ["tBTCUSD", "tUSTUSD", "tETHUST"]
    bitcoin, tether, ether = priced
    assert bitcoin.rules is not None and tether.rules is None and ether.rules is None
    assert (bitcoin.rules.tick, bitcoin.rules.min_size) == (1, Decimal("0.00004"))
    assert (bitcoin.state, ether.state) == (TradingState.TRADING, TradingState.HALTED)


@needs_recordings
def test_coins_are_read_with_the_ways_they_move() -> None:
    told = samples()
    names = ["pub:list:currency", "pub:map:currency:pool", "pub:map:currency:tx:fee", "pub:map:tx:method"]
    listing = BitfinexListing()
    url = asked(listing, "list:currency")
    assert url.endswith(",".join([*names, "pub:info:tx:status"]))
    # The row that ccxt 4.5.90 quotes, and one of the same form that is shut.
    status = [["BITCOIN", 1, 1, None, None, None, None, 0, 0, None, None, 3], ["TETHERUSE", 0, 1]]
    body = json.dumps([*(told[name][0] for name in names), status]).encode()
    coins = {c.code: c for c in listing.read(HttpResponse(200, body, url)).currencies}
    assert "BTCF0" not in coins and "BTC" in coins
    chains = {code: [(n.code, n.chain) for n in coins[code].networks] for code in ("BTC", "UST", "SAN", "UDC")}
    assert chains["BTC"] == [("BITCOIN", "bitcoin")]
    assert chains["SAN"] == [("SANTIMENT", "")]  # its method is not called like itself, and nobody states its chain
    assert ("TETHERUSE", "ethereum") in chains["UST"] and ("TETHERUSX", "tron") in chains["UST"]
    assert chains["UDC"] == [("UDC", "ethereum")]  # called like itself, and its pool is ETH
    (bitcoin,) = coins["BTC"].networks
    assert (bitcoin.deposits, bitcoin.withdrawals, bitcoin.withdrawal_fee) == (True, True, Decimal("0.0004"))
    tether = {n.code: n for n in coins["UST"].networks}
    assert (tether["TETHERUSE"].deposits, tether["TETHERUSE"].withdrawals) == (False, True)
    assert (tether["TETHERUSX"].deposits, tether["TETHERUSX"].withdrawal_fee) == (None, None)
    assert (coins["UST"].asset, coins["UDC"].asset, coins["DSH"].asset) == ("USDT", "USDC", "DASH")


@needs_recordings
def test_every_recorded_pair_is_read_off_its_spelling() -> None:
    lines = (RECORDINGS / "bitfinex/conf_pairs_20210417.jsonl").read_text().splitlines()
    exchange, _, future = ([*json.loads(json.loads(line)["raw"])[0]] for line in lines)
    assert len({FIND(f"t{pair}").id for pair in exchange}) == len(exchange) > 200
    for pair in future:
        with pytest.raises(ProtocolError, match="a contract"):
            FIND(f"t{pair}")


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (500, b'["error",11010,"ratelimit: error"]', RateLimited),
        (429, b'{"error":"ERR_RATE_LIMIT"}', RateLimited),
        (500, b'["error", 20060, "maintenance"]', VenueUnavailable),
        (503, b"", VenueUnavailable),
        (500, b'["error",10020,"conf: invalid"]', ProtocolError),
        (200, b'{"message":"Not Found"}', ProtocolError),
        (200, b"[[[1]]]", ProtocolError),
        (200, b'[[["BTCUSD",[null,null,null,0.1]]]]', ProtocolError),
    ],
)
def test_a_refusal_is_never_read_as_data(status: int, body: bytes, error: type[Exception]) -> None:
    listing = BitfinexListing()
    with pytest.raises(error):
        listing.read(HttpResponse(status, body, asked(listing, "info:pair")))


def test_a_repeated_frame_does_not_move_an_order_again() -> None:
    """Id 5 is told, removed, and its first frame comes again: a later id must not be put behind what is gone."""
    codec = BitfinexOrdersFeed()
    codec.decode(b'{"event":"subscribed","channel":"book","chanId":7,"symbol":"tNEOUSD","prec":"R0"}', 1)
    told, again, gone = b"[7,[5,136.39,1],2]", b"[7,[[9,136.39,1]],1]", b"[7,[5,0,1],3]"
    for frame in (again, told, gone):
        codec.decode(frame, 1)
    for frame, text in ((told, "2 after 3"), (again, "1 after 3")):
        assert codec.decode(frame, 1) == (Notice("repeated frame", text),)
    (event,) = codec.decode(b"[7,[4,136.39,2],4]", 1)
    assert isinstance(event, OrdersDelta)
    assert [(one.order_id, one.size) for one in event.bids] == [("4", "2"), ("9", ""), ("9", "1")]


def test_a_book_of_more_orders_than_the_venue_tells_is_refused() -> None:
    codec = BitfinexOrdersFeed()
    codec.decode(b'{"event":"subscribed","channel":"book","chanId":7,"symbol":"tNEOUSD","prec":"R0"}', 1)
    rows = ",".join(f"[{number},{number},1]" for number in range(1, 20_002))
    with pytest.raises(ProtocolError, match="order 20001 beside 20000 others"):
        codec.decode(f"[7,[{rows}],1]".encode(), 1)


def test_a_raw_snapshot_stands_in_the_order_of_the_ids() -> None:
    """The snapshot that bitfinex-api-node's issue 230 quotes has its queues so; here it arrives shuffled."""
    codec = BitfinexOrdersFeed()
    codec.decode(b'{"event":"subscribed","channel":"book","chanId":7,"symbol":"tNEOUSD","prec":"R0"}', 1)
    frame = b"[7,[[8537694382,136.39,41.85120605],[8537681660,136.39,8.688],[8537665091,136.4,-0.657868]],1,5]"
    (event,) = codec.decode(frame, 1)
    assert isinstance(event, OrdersSnapshot)
    assert bytes(event.bids) == b"[[8537681660,136.39,8.688],[8537694382,136.39,41.85120605]]"
    assert bytes(event.asks) == b"[[8537665091,136.4,0.657868]]"
