"""Kraken passes the kit, in both dialects; its instruments are read from its own answers."""

import gzip
import json
from decimal import Decimal
from pathlib import Path

import pytest
from conformance.history_samples import HISTORIES
from recordings import RECORDINGS, needs_recordings

import cryptopipe_kraken as plugins
from cryptopipe.api import (
    USUAL_CHANNELS,
    HttpRequest,
    HttpResponse,
    Listing,
    ProtocolError,
    RateLimited,
    Subscription,
    TradingState,
    VenueError,
    VenueUnavailable,
)
from cryptopipe.sandbox.engine import Engine
from cryptopipe.testing import ExchangeConformance, ListingSample, spot
from cryptopipe_kraken.metadata import instruments

CORPUS = Path(plugins.__file__).parent / "frames"
LISTED = plugins.kraken.instruments.listed()
LISTING = plugins.kraken.metadata
assert LISTING is not None
URL = "https://api.kraken.com"

# Written from the documentation, get-tradable-asset-pairs, 2026-11-21; fees as answers in open-source tests have them.
PAIRS = b"""{"error":[],"result":{"XXBTZUSD":{"altname":"XBTUSD","wsname":"XBT/USD","base":"XXBT","quote":"ZUSD",
"pair_decimals":1,"lot_decimals":8,"ordermin":"0.00005","costmin":"0.5","tick_size":"0.1","status":"online",
"fees":[[50000,0.35],[0,0.4]],"fees_maker":[[0,0.25],[50000,0.2]]},
"USDTZUSD":{"altname":"USDTUSD","wsname":"USDT/USD","pair_decimals":5,"lot_decimals":8,"ordermin":"5","costmin":"0.5",
"tick_size":"0.00001","status":"post_only","fees":[[0,0.2]],"fees_maker":[[0,0.2]]},
"XXBTZUSD.d":{"altname":"XBTUSD.d","pair_decimals":1,"lot_decimals":8,"fees":[[0,0.36]]},
"XDGXBT":{"altname":"XDGXBT","wsname":"XDG/XBT","pair_decimals":8,"lot_decimals":8,"ordermin":"25","costmin":"0.00002",
"tick_size":"0.00000001","status":"limit_only"},
"SCEUR":{"altname":"SCEUR","wsname":"SC/EUR","pair_decimals":5,"lot_decimals":5,"ordermin":"1250","costmin":"0.45",
"tick_size":"0.00001","status":"reduce_only"}}}"""
# The example of get-asset-info as github.com/JKorf/Kraken.Net's unit tests keep it, looked up 2026-11-21.
ASSETS = b"""{"error":[],"result":{"XXBT":{"aclass":"currency","altname":"XBT","decimals":10,"display_decimals":5,
"collateral_value":1,"status":"enabled"},"ZEUR":{"aclass":"currency","altname":"EUR","decimals":4,"display_decimals":2,
"collateral_value":1,"status":"enabled"},"ABCX":{"aclass":"currency","altname":"ABCX","decimals":10,
"display_decimals":5,"status":"funding_temporarily_disabled"}}}"""
# The example of get-withdrawal-methods as the same tests keep it.
WITHDRAWALS = b"""{"error":[],"result":[{"asset":"XXBT","method":"Bitcoin","network":"Bitcoin","minimum":"0.0004"},
{"asset":"XXBT","method":"Bitcoin Lightning","network":"Lightning","minimum":"0.00001"}]}"""


class TestKraken(ExchangeConformance):
    plugin = plugins.kraken
    histories = HISTORIES["kraken"]
    instruments = (
        *LISTED,
        # As recorded: decimals of the AssetPairs answer of the same day.
        spot("kraken", "BTC/CHF", symbol="BTC/CHF", tick="0.1", step="0.00000001"),
        spot("kraken", "ETH/CHF", symbol="ETH/CHF", tick="0.01", step="0.00000001"),
        spot("kraken", "XMR/USD", symbol="XMR/USD", tick="0.01", step="0.00000001"),
        spot("kraken", "OCEAN/BTC", symbol="OCEAN/BTC", tick="0.00000001", step="0.00000001"),
    )
    corpus = CORPUS
    recordings = (
        RECORDINGS / "kraken/DERIVED_v2_book1000_20210417.jsonl.gz",
        RECORDINGS / "kraken/v1_book1000_trade_ticker_20210417.jsonl.gz",
    )
    # Of the same answer, in the names of v1.
    recorded_instruments = tuple(
        spot("kraken", pair, symbol=pair, tick=tick, step="0.00000001")
        for pair, tick in (
            ("XBT/CHF", "0.1"),
            ("OCEAN/XBT", "0.00000001"),
            ("SC/EUR", "0.00001"),
            ("GRT/ETH", "0.0000001"),
        )
    )
    listings = (
        ListingSample(
            f"{URL}/0/public/AssetPairs",
            PAIRS,
            "get-tradable-asset-pairs, 2026-11-21",
            {
                "BTC/USD": {"base": "BTC", "quote": "USD", "tick": Decimal("0.1"), "state": TradingState.TRADING},
                "USDT/USD": {"min_size": Decimal(5), "state": TradingState.POST_ONLY},
                "DOGE/BTC": {"base": "DOGE", "quote": "BTC", "state": TradingState.TRADING},
                "SC/EUR": {"base": "SC@kraken", "min_notional": Decimal("0.45"), "state": TradingState.HALTED},
            },
        ),
        ListingSample(f"{URL}/0/public/Assets", ASSETS, "get-asset-info, 2026-11-21", None, {"XXBT": [], "ABCX": []}),
        ListingSample(
            f"{URL}/0/private/WithdrawMethods",
            WITHDRAWALS,
            "get-withdrawal-methods, 2026-11-21",
            None,
            {
                "XXBT": [
                    {"code": "Bitcoin", "chain": "bitcoin", "min_withdrawal": Decimal("0.0004"), "withdrawals": True},
                    {"code": "Lightning", "chain": "lightning", "deposits": None, "withdrawal_fee": None},
                ]
            },
        ),
    )


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


def read(path: str, body: bytes, status: int = 200) -> Listing:
    assert LISTING is not None
    return LISTING.read(HttpResponse(status, body, URL + path))


def test_assets_are_known_under_all_their_codes() -> None:
    assets = {one.code: one.asset for one in read("/0/public/Assets", ASSETS).currencies}
    assert assets == {"XXBT": "BTC", "ZEUR": "EUR", "ABCX": "ABCX@kraken"}
    find = plugins.kraken.instruments.find
    assert find("LUNA/USD").base == "LUNC"  # the old chain's coin kept its code (ccxt's commonCurrencies, 2026-11-21)
    assert find("LUNA2/USD").base == "LUNA"


def test_fees_are_the_lowest_tier_of_the_dearest_pair() -> None:
    fees = read("/0/public/AssetPairs", PAIRS).fees
    assert fees is not None
    assert (fees.maker_rate, fees.taker_rate) == (Decimal("0.0025"), Decimal("0.004"))
    assert fees.taker_rate == plugins.kraken.fees.taker_rate
    assert read("/0/public/AssetPairs", b'{"error":[],"result":{}}') == Listing()


def test_what_is_asked_for_is_answered_by_the_simulated_venue() -> None:
    assert LISTING is not None and plugins.kraken.sandbox is not None
    sandbox = plugins.kraken.sandbox({one.symbol: Engine(one) for one in LISTED})
    found = []
    for request in LISTING.requests():
        answer = sandbox.answer(HttpRequest(request.method, request.url.removeprefix(URL)), 1_800_000_000_000_000_000)
        found.append(LISTING.read(HttpResponse(answer.status, answer.body, request.url)))
    pairs, assets = found
    assert sorted(one.symbol for one in pairs.instruments) == sorted(one.symbol for one in LISTED)
    assert {one.symbol: one for one in pairs.instruments} == {one.symbol: one for one in LISTED}
    assert {one.asset for one in assets.currencies} == {asset for one in LISTED for asset in (one.base, one.quote)}
    assert pairs.fees is not None and pairs.fees.maker_rate == plugins.kraken.fees.maker_rate


@pytest.mark.parametrize(
    ("path", "status", "body", "kind"),
    [
        ("/0/public/AssetPairs", 200, b'{"error":["EGeneral:Too many requests"]}', RateLimited),
        ("/0/public/Assets", 200, b'{"error":["EService:Unavailable"]}', VenueError),
        ("/0/public/Assets", 520, b"<html>", VenueUnavailable),
        ("/0/public/Assets", 200, b'{"error":[]}', ProtocolError),
        ("/0/public/Time", 200, b'{"error":[],"result":{}}', ProtocolError),
        ("/0/private/WithdrawMethods", 200, WITHDRAWALS.replace(b'"0.0004"', b'"-1"'), ProtocolError),
        ("/0/private/WithdrawMethods", 200, WITHDRAWALS.replace(b'"0.0004"', b'"NaN"'), ProtocolError),
    ],
)
def test_other_answers_are_refused_by_their_kind(path: str, status: int, body: bytes, kind: type[Exception]) -> None:
    with pytest.raises(kind) as caught:
        read(path, body, status)
    assert type(caught.value) is kind


@needs_recordings
def test_the_kept_answers_of_others_are_read() -> None:
    kept = json.loads((RECORDINGS / "kraken/rest_endpoints_jkorf.json").read_text(), parse_float=str)
    for path in ("/0/public/AssetPairs", "/0/public/Assets", "/0/private/WithdrawMethods"):
        (answer,) = [one["response"] for one in kept if one["path"] == path]
        listing = read(path, json.dumps(answer).encode())
        assert len(listing.instruments) + len(listing.currencies) == len(answer["result"]) or path.endswith("Methods")
