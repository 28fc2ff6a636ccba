"""Kraken passes the kit, in both dialects; its instruments are read from its own answers."""

import gzip
from decimal import Decimal
from pathlib import Path

import pytest
from recordings import RECORDINGS, needs_recordings

import cryptopipe_kraken as plugins
from cryptopipe.api import USUAL_CHANNELS, ProtocolError, Subscription, TradingState
from cryptopipe.testing import ExchangeConformance, spot
from cryptopipe_kraken.metadata import instruments

CORPUS = Path(plugins.__file__).parent / "frames"
LISTED = plugins.kraken.instruments.listed()


class TestKraken(ExchangeConformance):
    plugin = plugins.kraken
    instruments = (
        *LISTED,
        # As recorded: decimals of the AssetPairs answer of the same day.
        spot("kraken", "BTC/CHF", symbol="BTC/CHF", tick="0.1", step="0.00000001"),
        spot("kraken", "ETH/CHF", symbol="ETH/CHF", tick="0.01", step="0.00000001"),
        spot("kraken", "XMR/USD", symbol="XMR/USD", tick="0.01", step="0.00000001"),
        spot("kraken", "OCEAN/BTC", symbol="OCEAN/BTC", tick="0.00000001", step="0.00000001"),
    )
    corpus = CORPUS
    recordings = (RECORDINGS / "kraken/DERIVED_v2_book1000_20210417.jsonl.gz",)


def test_a_pair_has_one_asset_under_both_of_its_names() -> None:
    old, new = (plugins.kraken.instruments.find(symbol) for symbol in ("XBT/USD", "BTC/USD"))
    assert (old.symbol, new.symbol) == ("XBT/USD", "BTC/USD")
    assert (old.base, old.quote, old.rules) == (new.base, new.quote, new.rules)
    assert plugins.kraken.instruments.find("XBT/CHF").base == "BTC"
    assert plugins.kraken.instruments.find("XDG/XBT").id == "kraken:XDG/XBT"
    assert plugins.kraken.instruments.find("XDG/XBT").base == "DOGE"


def test_what_is_no_pair_is_refused_by_name() -> None:
    with pytest.raises(ProtocolError, match=r"kraken:BTCUSD: not spelt as a pair such as BTC/USD"):
        plugins.kraken.instruments.find("BTCUSD")


def test_subscriptions_are_one_message_a_channel_and_name_the_depth_that_is_kept() -> None:
    wanted = [Subscription(i, channel) for i in LISTED[:2] for channel in USUAL_CHANNELS]
    (v1,) = (dialect for dialect in plugins.kraken.dialects if dialect.name == "v1")
    today, older = plugins.kraken.feed(), v1.feed()
    assert today.connect(wanted, None, 0).frames == (
        '{"method":"subscribe","params":{"channel":"book","depth":1000,"symbol":["BTC/USD","BTC/USDT"]}}',
        '{"method":"subscribe","params":{"channel":"ticker","event_trigger":"bbo","symbol":["BTC/USD","BTC/USDT"]}}',
        '{"method":"subscribe","params":{"channel":"trade","symbol":["BTC/USD","BTC/USDT"]}}',
    )
    assert older.connect(wanted, None, 0).frames[0] == (
        '{"event":"subscribe","pair":["XBT/USD","XBT/USDT"],"subscription":{"name":"book","depth":1000}}'
    )
    assert today.rule.depth == older.rule.depth == 1000


def test_a_pair_of_today_is_read_with_its_tick_and_state() -> None:
    """Written from the documentation, get-tradable-asset-pairs, 2026-11-21."""
    answer = (
        b'{"error":[],"result":{"XXBTZUSD":{"altname":"XBTUSD","wsname":"XBT/USD","base":"XXBT","quote":"ZUSD",'
        b'"pair_decimals":1,"lot_decimals":8,"ordermin":"0.00005","costmin":"0.5","tick_size":"0.1","status":"online"},'
        b'"ACAEUR":{"altname":"ACAEUR","wsname":"ACA/EUR","pair_decimals":5,"lot_decimals":8,"ordermin":"12000",'
        b'"costmin":"0.45","tick_size":"0.00001","status":"cancel_only"}}}'
    )
    bitcoin, other = instruments(answer)
    assert bitcoin == plugins.kraken.instruments.find("BTC/USD")
    assert other.state is TradingState.CANCEL_ONLY and other.rules is not None
    assert other.rules.min_notional == Decimal("0.45")
    with pytest.raises(ProtocolError, match="EGeneral:Temporary lockout"):
        instruments(b'{"error":["EGeneral:Temporary lockout"]}')


@needs_recordings
def test_the_recorded_answer_is_read_whole() -> None:
    answer = gzip.decompress((RECORDINGS / "kraken/asset_pairs_20210417.json.gz").read_bytes())
    found = {i.symbol: i for i in instruments(answer)}
    assert len(found) == answer.count(b'"wsname"')
    rules = found["BTC/CHF"].rules
    assert rules is not None and (rules.tick, rules.step) == (Decimal("0.1"), Decimal("0.00000001"))
