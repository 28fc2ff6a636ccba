"""Bybit passes the kit on both its forms, and its instruments are read from the venue's own answers."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from conformance.history_samples import HISTORIES
from recordings import RECORDINGS, needs_recordings

import cryptopipe_bybit as plugins
from cryptopipe.api import (
    USUAL_CHANNELS,
    Asset,
    BookDelta,
    BookSnapshot,
    Channel,
    Heartbeat,
    Instrument,
    Kind,
    Notice,
    ProtocolError,
    Resync,
    Subscription,
    TopUpdate,
    Trade,
    TradingRules,
    TradingState,
    Unknown,
    VenueId,
)
from cryptopipe.testing import ExchangeConformance, ListingSample, spot
from cryptopipe_bybit.metadata import instruments

CORPUS = Path(plugins.__file__).parent / "frames"
LISTED = plugins.bybit.instruments.listed()
FIND = plugins.bybit.instruments.find
RULES = TradingRules(Decimal("0.0001"), Decimal(1), Decimal(1), Decimal(5))


INFO = "https://api.bybit.com/v5/market/instruments-info"
SOURCE = "github.com/JKorf/Bybit.Net's unit tests, an answer of the venue, shortened; looked up 2026-11-21"
LINEAR = b"""{"retCode":0,"retMsg":"OK","result":{"category":"linear","list":[{"symbol":"BTCUSDT","contractType":
"LinearPerpetual","status":"Trading","baseCoin":"BTC","quoteCoin":"USDT","launchTime":"1585526400000","deliveryTime":"0",
"priceFilter":{"minPrice":"0.10","maxPrice":"199999.80","tickSize":"0.10"},"lotSizeFilter":{"maxOrderQty":"100.000",
"maxMktOrderQty":"100.000","minOrderQty":"0.001","qtyStep":"0.001","minNotionalValue":"5"},"settleCoin":"USDT"}],
"nextPageCursor":""},"retExtInfo":{},"time":1707186451514}"""
SPOTS = b"""{"retCode":0,"retMsg":"OK","result":{"category":"spot","list":[{"symbol":"BTCUSDT","baseCoin":"BTC",
"quoteCoin":
"USDT","status":"Trading","lotSizeFilter":{"basePrecision":"0.000001","quotePrecision":"0.00000001","minOrderQty":
"0.000048","maxOrderQty":"71.73956243","minOrderAmt":"1","maxOrderAmt":"2000000"},"priceFilter":{"tickSize":"0.01"}}]},
"retExtInfo":{},"time":1672712468011}"""


class TestBybitContracts(ExchangeConformance):
    plugin = plugins.bybit
    histories = HISTORIES["bybit"]
    instruments = (
        *(i for i in LISTED if i.kind is Kind.LINEAR_PERPETUAL),
        # As recorded: the grid of the contract's answer of 2025 in ccxt's test data, which the recording keeps to.
        Instrument(VenueId("bybit"), "linear:XRPUSDT", Asset("XRP"), Asset("USDT"), Kind.LINEAR_PERPETUAL, rules=RULES),
    )
    corpus = CORPUS
    covers = (BookSnapshot, BookDelta, TopUpdate, Trade, Notice, Unknown, Heartbeat, Resync)
    listings = (
        ListingSample(
            f"{INFO}?category=linear",
            LINEAR,
            SOURCE,
            {"linear:BTCUSDT": {"tick": Decimal("0.1"), "step": Decimal("0.001"), "min_notional": Decimal(5)}},
        ),
    )
    recordings = (RECORDINGS / "bybit/v5_orderbook500_xrpusdt_20241201.jsonl.gz",)


class TestBybitSpot(ExchangeConformance):
    plugin = plugins.bybit
    instruments = tuple(i for i in LISTED if i.kind is Kind.SPOT)
    corpus = CORPUS
    listings = (
        ListingSample(
            f"{INFO}?category=spot",
            SPOTS,
            SOURCE,
            {"BTCUSDT": {"tick": Decimal("0.01"), "step": Decimal("0.000001"), "min_notional": Decimal(1)}},
        ),
    )
    # Derived of another venue's frames: in its grid, the finest of which is taken.
    recordings = ((RECORDINGS / "bybit/DERIVED_v5_orderbook_trades_20210417.jsonl.gz", "spot"),)
    recorded_instruments = tuple(
        spot("bybit", f"{base}/USDT", symbol=f"{base}USDT", tick=tick, step="0.000001")
        for base, tick in (("XTZ", "0.001"), ("LTC", "0.01"), ("LINK", "0.001"), ("ETH", "0.01"))
    )


def wanted(*symbols: str, channels: tuple[Channel, ...] = USUAL_CHANNELS) -> list[Subscription]:
    return [Subscription(FIND(symbol), channel) for symbol in symbols for channel in channels]


def test_a_connection_goes_to_the_endpoint_of_its_market() -> None:
    codec = plugins.bybit.feed()
    spot = codec.connect(wanted("BTCUSDT", "ETHBTC"), None, 0)
    assert spot.url == "wss://stream.bybit.com/v5/public/spot"
    assert spot.frames == (
        '{"req_id":"BTCUSDT","op":"subscribe","args":["orderbook.50.BTCUSDT","orderbook.1.BTCUSDT","publicTrade.BTCUSDT"]}',
        '{"req_id":"ETHBTC","op":"subscribe","args":["orderbook.50.ETHBTC","orderbook.1.ETHBTC","publicTrade.ETHBTC"]}',
    )
    assert (spot.ping_every_s, spot.ping_text) == (20, '{"op":"ping"}')
    linear = codec.connect(wanted("linear:BTCUSDT"), None, 0)
    assert linear.url == "wss://stream.bybit.com/v5/public/linear"
    assert json.loads(linear.frames[0])["args"][0] == "orderbook.50.BTCUSDT"
    assert codec.connect(wanted("inverse:BTCUSD"), None, 0).url == "wss://stream.bybit.com/v5/public/inverse"


def test_the_codec_that_connected_names_symbols_by_its_market() -> None:
    """And the connection's URL chooses the same form where another codec decodes it."""
    trade = (CORPUS / "linear_trade.json").read_bytes()
    for symbol in ("BTCUSDT", "linear:BTCUSDT", "BTCUSDT"):
        codec = plugins.bybit.feed()
        url = codec.connect(wanted(symbol), None, 0).url
        speaking = next((d for d in plugins.bybit.dialects if d.speaks(url, trade)), plugins.bybit)
        for each in (codec, speaking.feed()):
            (event,) = each.decode(trade, 0)
            assert isinstance(event, Trade)
            assert event.symbol == symbol


def test_a_connection_whose_url_is_not_told_is_read_as_contracts() -> None:
    assert not any(d.speaks("", b"{}") for d in plugins.bybit.dialects)
    assert any(d.speaks("ws://127.0.0.1:9000/v5/public/spot", b"{}") for d in plugins.bybit.dialects)


def test_subscriptions_of_two_markets_take_two_connections() -> None:
    both = wanted("BTCUSDT", "linear:BTCUSDT", "ETHUSDT", channels=(Channel.DEPTH,))
    with pytest.raises(ProtocolError, match="bybit: one connection carries one market, not linear and spot"):
        plugins.bybit.feed().connect(both, None, 0)
    parts = plugins.bybit.split(both)
    assert [[s.instrument.symbol for s in part] for part in parts] == [["BTCUSDT", "ETHUSDT"], ["linear:BTCUSDT"]]
    assert plugins.bybit.split([]) == []


def test_no_connection_carries_more_topics_than_the_venue_takes() -> None:
    """ "you cannot have length of args array over 21,000 characters" (docs/v5/ws/connect, 2026-11-21)."""
    many = [Subscription(FIND(f"linear:1000000TOKEN{n:04}USDT"), c) for n in range(700) for c in USUAL_CHANNELS]
    parts = plugins.bybit.split(many)
    assert [s for part in parts for s in part] == many
    for part in parts:
        topics = [a for f in plugins.bybit.feed().connect(part, None, 0).frames for a in json.loads(f)["args"]]
        assert len(json.dumps(topics, separators=(",", ":"))) <= 21_000


def test_a_new_connection_starts_a_new_count() -> None:
    codec = plugins.bybit.feed()
    snapshot, after = ((CORPUS / f"linear_{name}.json").read_bytes() for name in ("snapshot", "delta_after_gap"))
    codec.decode(snapshot, 0)
    codec.connect(wanted("linear:BTCUSDT"), None, 0)
    (event,) = codec.decode(after, 0)
    assert isinstance(event, BookDelta)


def test_a_gap_is_told_once_and_only_of_its_own_book() -> None:
    codec = plugins.bybit.feed()
    snapshot, after = ((CORPUS / f"linear_{name}.json").read_bytes() for name in ("snapshot", "delta_after_gap"))
    other = snapshot.replace(b"BTCUSDT", b"ETHUSDT")
    for frame in (snapshot, other):
        codec.decode(frame, 0)
    resync, _ = codec.decode(after, 0)
    assert isinstance(resync, Resync)
    assert resync.symbol == "linear:BTCUSDT"
    follow = after.replace(b'"u":18521290,"seq":7961638735', b'"u":18521291,"seq":7961638740')
    assert len(list(codec.decode(follow, 0))) == 1
    mine = after.replace(b"BTCUSDT", b"ETHUSDT").replace(b'"u":18521290', b'"u":18521289')
    assert len(list(codec.decode(mine, 0))) == 1


def test_instruments_are_found_by_their_names() -> None:
    spot, linear = FIND("BTCUSDT"), FIND("linear:BTCUSDT")
    assert (spot.kind, spot.id) == (Kind.SPOT, "bybit:BTCUSDT")
    assert (linear.kind, linear.id) == (Kind.LINEAR_PERPETUAL, "bybit:linear:BTCUSDT")
    assert spot.holding != linear.holding
    for name, base, quote, kind in (
        ("NKNUSDT", "NKN@bybit", "USDT", Kind.SPOT),
        ("USDCUSDT", "USDC", "USDT", Kind.SPOT),
        ("linear:1000BONKUSDT", "1000BONK@bybit", "USDT", Kind.LINEAR_PERPETUAL),
        ("linear:SOLPERP", "SOL", "USDC", Kind.LINEAR_PERPETUAL),
        ("inverse:BTCUSD", "BTC", "USD", Kind.INVERSE_PERPETUAL),
    ):
        found = FIND(name)
        assert (found.symbol, found.base, found.quote, found.kind, found.rules) == (name, base, quote, kind, None)


NO_NAMES = """
    BTC USDT btcusdt BTC/USDT BTC-USDT linear: linear:BTCUSD linear:BTC-26DEC25 linear:PERP inverse:USD inverse:BTCUSDT
    inverse:BTCUSDH25 spot:BTCUSDT option:BTCUSDT a:linear:BTCUSDT
"""


@pytest.mark.parametrize("symbol", ["", *NO_NAMES.split()])
def test_what_is_no_name_is_refused(symbol: str) -> None:
    with pytest.raises(ProtocolError, match=f"bybit:{symbol}"):
        FIND(symbol)


@needs_recordings
def test_the_recorded_answers_are_read() -> None:
    """The grids as they stand in the answers."""
    samples = json.loads((RECORDINGS / "bybit/rest_endpoints_jkorf.json").read_text())
    answers = [s["response"] for s in samples if s.get("path") == "/v5/market/instruments-info"]
    found = {i.symbol: i for answer in answers for i in instruments(json.dumps(answer).encode())}
    spot, linear = found["BTCUSDT"], found["linear:BTCUSDT"]
    assert spot.rules == TradingRules(Decimal("0.01"), Decimal("0.000001"), Decimal("0.000048"), Decimal(1))
    assert linear.rules == TradingRules(Decimal("0.1"), Decimal("0.001"), Decimal("0.001"), Decimal(5))
    assert (spot.kind, linear.kind) == (Kind.SPOT, Kind.LINEAR_PERPETUAL)
    assert {i.state for i in found.values()} == {TradingState.TRADING}


def test_of_contracts_only_perpetuals_are_read() -> None:
    told = (
        '{"symbol":"%s","contractType":"%s","status":"%s","baseCoin":"BTC","quoteCoin":"%s","priceFilter":{"tickSize":"0.10"},'
        '"lotSizeFilter":{"minOrderQty":"1","qtyStep":"1","minNotionalValue":""}}'
    )
    rows = [
        told % ("BTCUSD", "InversePerpetual", "Trading", "USD"),
        told % ("BTC-26DEC25", "LinearFutures", "Trading", "USDC"),
        told % ("BTCPERP", "LinearPerpetual", "PreLaunch", "USDC"),
    ]
    found = instruments(f'{{"retCode":0,"retMsg":"OK","result":{{"list":[{",".join(rows)}]}}}}'.encode())
    assert [(i.symbol, i.kind, i.state) for i in found] == [
        ("inverse:BTCUSD", Kind.INVERSE_PERPETUAL, TradingState.TRADING),
        ("linear:BTCPERP", Kind.LINEAR_PERPETUAL, TradingState.HALTED),
    ]
    assert found[0].rules == TradingRules(Decimal("0.1"), Decimal(1), Decimal(1), Decimal(0))


@pytest.mark.parametrize(
    "answer", [b"", b"{}", b'{"retCode":10006,"retMsg":"Too many visits","result":{}}', b'{"retCode":0,"result":{}}']
)
def test_an_answer_that_is_none_is_refused(answer: bytes) -> None:
    with pytest.raises(ProtocolError, match="unreadable instruments-info"):
        instruments(answer)
