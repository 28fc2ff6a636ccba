"""Both of Coinbase's venues pass the kit; their instruments are read from their own answers."""

import json
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from recordings import RECORDINGS, needs_recordings

import cryptopipe_coinbase as plugins
from cryptopipe.api import (
    USUAL_CHANNELS,
    BookDelta,
    BookSnapshot,
    Channel,
    Heartbeat,
    ProtocolError,
    Resync,
    StreamAuth,
    Subscription,
    TradingState,
)
from cryptopipe.testing import ExchangeConformance, spot
from cryptopipe_coinbase.metadata import advanced_instruments, exchange_instruments

CORPUS = Path(plugins.__file__).parent / "frames"


class TestCoinbase(ExchangeConformance):
    plugin = plugins.coinbase
    instruments = (
        *plugins.coinbase.instruments.listed(),
        # As recorded: increments of the products answer of the same day.
        spot("coinbase", "SKL/BTC", symbol="SKL-BTC", tick="0.00000001", step="0.1"),
        spot("coinbase", "DASH/BTC", symbol="DASH-BTC", tick="0.00000001", step="0.001"),
        spot("coinbase", "NMR/EUR", symbol="NMR-EUR", tick="0.0001", step="0.001"),
    )
    corpus = CORPUS
    recordings = (RECORDINGS / "coinbase/DERIVED_advanced_trade_l2_20210417.jsonl.gz",)


class TestCoinbaseExchange(ExchangeConformance):
    """Snapshots are brought into the form of the updates: their numbers must still stand in the frame as written."""

    plugin = plugins.coinbase_exchange
    instruments = (
        *plugins.coinbase_exchange.instruments.listed(),
        # As recorded: increments of the products answer of the same day.
        spot("coinbase_exchange", "BAND/GBP", symbol="BAND-GBP", tick="0.0001", step="0.01"),
        spot("coinbase_exchange", "SKL/GBP", symbol="SKL-GBP", tick="0.0001", step="0.1"),
        spot("coinbase_exchange", "NU/GBP", symbol="NU-GBP", tick="0.0001", step="0.000001"),
        spot("coinbase_exchange", "SKL/BTC", symbol="SKL-BTC", tick="0.00000001", step="0.1"),
        spot("coinbase_exchange", "DASH/BTC", symbol="DASH-BTC", tick="0.00000001", step="0.001"),
        spot("coinbase_exchange", "NMR/EUR", symbol="NMR-EUR", tick="0.0001", step="0.001"),
    )
    corpus = CORPUS
    recordings = (RECORDINGS / "coinbase/exchange_level2_ticker_matches_20210417.jsonl.gz",)


def test_a_usdc_product_shares_the_book_of_usd() -> None:
    find = plugins.coinbase.instruments.find
    assert find("BTC-USDC").book_of == "BTC-USD"
    assert find("BTC-USDC").quote == "USDC"
    assert find("BTC-USD").book_of is None
    assert find("USDT-USDC").book_of is None
    assert find("NMR-USDC").book_of == "NMR-USD"
    assert plugins.coinbase_exchange.instruments.find("BTC-USDC").book_of is None


def test_a_book_that_two_products_share_is_subscribed_to_once() -> None:
    find = plugins.coinbase.instruments.find
    wanted = [Subscription(find(s), c) for c in (Channel.DEPTH, Channel.TRADES) for s in ("BTC-USDC", "BTC-USD")]
    assert plugins.coinbase.feed().connect(wanted, None, 0).frames == (
        '{"type":"subscribe","channel":"heartbeats"}',
        '{"type":"subscribe","channel":"level2","product_ids":["BTC-USD"]}',
        '{"type":"subscribe","channel":"market_trades","product_ids":["BTC-USD"]}',
    )
    with_key = plugins.coinbase.feed().connect(wanted[:1], StreamAuth(token="t"), 0)
    assert all(json.loads(frame)["jwt"] == "t" for frame in with_key.frames)


def test_the_exchange_feed_subscribes_to_what_needs_no_key() -> None:
    find = plugins.coinbase_exchange.instruments.find
    wanted = [Subscription(find("BTC-USD"), channel) for channel in USUAL_CHANNELS]
    (frame,) = plugins.coinbase_exchange.feed().connect(wanted, None, 0).frames
    assert [c["name"] for c in json.loads(frame)["channels"]] == ["level2_batch", "ticker", "matches", "heartbeat"]


def test_a_new_connection_starts_a_new_sequence() -> None:
    codec = plugins.coinbase.feed()
    told = '{"channel":"l2_data","timestamp":"2026-11-21T00:00:00Z","sequence_num":%d,"events":[]}'
    assert codec.decode((told % 5).encode(), 0) == ()
    codec.connect((), None, 0)
    assert codec.decode((told % 0).encode(), 0) == ()
    assert codec.decode((told % 2).encode(), 0) == (Resync(None, "sequence gap on coinbase: expected 1, got 2"),)


def test_every_channel_counts_in_one_sequence() -> None:
    """A gap is told once, with the frame's own events behind it; a number that was there yields nothing."""
    codec = plugins.coinbase.feed()
    depth, beat = ((CORPUS / f"{name}.json").read_bytes() for name in ("l2_update", "heartbeats"))
    (delta,) = codec.decode(depth, 0)
    assert isinstance(delta, BookDelta)
    assert codec.decode(depth, 0) == ()
    resync, heartbeat = codec.decode(beat, 0)
    assert resync == Resync(None, "sequence gap on coinbase: expected 2, got 7")
    assert isinstance(heartbeat, Heartbeat)
    assert codec.decode(depth, 0) == ()
    late = depth.replace(b'"sequence_num":1,', b'"sequence_num":8,')
    assert codec.decode(late, 0) == (msgspec.structs.replace(delta, first=8, version=8),)


def test_a_frame_that_cannot_be_read_leaves_a_gap_behind() -> None:
    codec = plugins.coinbase.feed()
    told = (CORPUS / "l2_update.json").read_bytes()
    codec.decode(told, 0)
    with pytest.raises(ProtocolError):
        codec.decode(told.replace(b'"sequence_num":1,', b'"sequence_num":2,').replace(b'"update"', b'"delta"'), 0)
    first, *_ = codec.decode(told.replace(b'"sequence_num":1,', b'"sequence_num":3,'), 0)
    assert first == Resync(None, "sequence gap on coinbase: expected 2, got 3")


def test_what_is_no_product_is_refused_by_name() -> None:
    with pytest.raises(ProtocolError, match="coinbase:BTC/USD: not spelt as a product such as BTC-USD"):
        plugins.coinbase.instruments.find("BTC/USD")


def test_a_product_of_today_is_read_with_its_grid_and_state() -> None:
    """Written from the documentation, Get all known trading pairs, 2026-11-21: no least size."""
    told = (
        '[{"id":"BTC-USD","base_currency":"BTC","quote_currency":"USD","quote_increment":"0.01","base_increment":'
        '"0.00000001","min_market_funds":"1","post_only":%s,"status":"online","trading_disabled":false}]'
    )
    (found,) = exchange_instruments((told % "false").encode())
    assert found == plugins.coinbase_exchange.instruments.find("BTC-USD")
    assert exchange_instruments((told % "true").encode())[0].state is TradingState.POST_ONLY


@needs_recordings
def test_the_recorded_answers_are_read_whole() -> None:
    exchange = (RECORDINGS / "coinbase/exchange_products_20210417.json").read_bytes()
    found = {i.symbol: i for i in exchange_instruments(exchange)}
    assert len(found) == 162
    rules = found["SKL-EUR"].rules
    assert rules is not None
    assert (rules.tick, rules.step, rules.min_size, rules.min_notional) == (
        Decimal("0.0001"),
        Decimal("0.1"),
        Decimal(5),
        Decimal(5),
    )
    samples = json.loads((RECORDINGS / "coinbase/rest_endpoints_jkorf.json").read_text())
    (advanced,) = [s["response"] for s in samples if s["path"] == "/api/v3/brokerage/market/products"]
    assert [i.id for i in advanced_instruments(json.dumps(advanced).encode())] == ["coinbase:BTC-USD"]


def test_a_snapshot_without_levels_is_an_empty_book() -> None:
    (event,) = plugins.coinbase_exchange.feed().decode(
        b'{"type":"snapshot","product_id":"BTC-USD","bids":[],"asks":[]}', 3
    )
    assert event == BookSnapshot("BTC-USD", b"[]", None, 3, 0)
