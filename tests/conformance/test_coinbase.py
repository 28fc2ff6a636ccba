"""Both of Coinbase's venues pass the kit; their instruments are read from their own answers."""

import json
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from conformance.history_samples import HISTORIES
from recordings import RECORDINGS, needs_recordings

import cryptopipe_coinbase as plugins
from cryptopipe.api import (
    USUAL_CHANNELS,
    BookDelta,
    BookSnapshot,
    Channel,
    ExchangePlugin,
    Heartbeat,
    HttpRequest,
    HttpResponse,
    Listing,
    ProtocolError,
    RateLimited,
    Resync,
    StreamAuth,
    Subscription,
    TradingState,
    VenueError,
    VenueUnavailable,
)
from cryptopipe.sandbox.engine import Engine
from cryptopipe.testing import ExchangeConformance, ListingSample, spot
from cryptopipe_coinbase.metadata import advanced_instruments, exchange_instruments

CORPUS = Path(plugins.__file__).parent / "frames"
API, EXCHANGE_API = "https://api.coinbase.com", "https://api.exchange.coinbase.com"

# Written from the documentation, Get all known trading pairs, 2026-11-21; which flags are set is made up.
PRODUCT = """{"id":"%s","base_currency":"-","quote_currency":"-","quote_increment":"0.01","base_increment":"0.00000001",
"min_market_funds":"1","post_only":%s,"limit_only":%s,"cancel_only":%s,"status":"%s","trading_disabled":%s,
"auction_mode":%s}"""
FLAGS = {
    "BTC-USD": ("false", "false", "false", "online", "false", "false"),
    "ETH-USD": ("true", "false", "false", "online", "false", "false"),
    "SOL-USD": ("false", "true", "false", "online", "false", "false"),
    "BTC-EUR": ("false", "false", "true", "online", "false", "false"),
    "ETH-EUR": ("false", "false", "false", "online", "true", "false"),
    "CGLD-USD": ("false", "false", "false", "online", "false", "true"),
    "ZZZ-USD": ("false", "false", "false", "delisted", "false", "false"),
}
PRODUCTS = f"[{','.join(PRODUCT % (symbol, *flags) for symbol, flags in FLAGS.items())}]".encode()
# The answer that ccxt 4.5.90's coinbaseexchange.py quotes, looked up 2026-11-21; a closed network and an unknown token
# added, with the fields of the page Get all known currencies.
CURRENCIES = b"""[{"id":"USDT","name":"Tether","min_size":"0.000001","status":"online","message":"","max_precision":
"0.000001","convertible_to":[],"details":{"type":"crypto","symbol":null,"network_confirmations":14,"sort_order":0},
"default_network":"ethereum","supported_networks":[{"id":"ethereum","name":"Ethereum","status":"online",
"contract_address":"0xdac17f958d2ee523a2206206994597c13d831ec7","min_withdrawal_amount":0.000001,
"max_withdrawal_amount":20000000,"network_confirmations":14,"processing_time_seconds":null},
{"id":"avacchain","name":"Avalanche C-Chain","status":"offline","contract_address":"","min_withdrawal_amount":1,
"max_withdrawal_amount":null}],"display_name":"USDT"},
{"id":"BTC","name":"Bitcoin","min_size":"0.00000001","status":"online","max_precision":"0.00000001","supported_networks":
[{"id":"bitcoin","name":"Bitcoin","status":"online","contract_address":"","min_withdrawal_amount":0.0001,
"max_withdrawal_amount":2400,"network_confirmations":2}]},
{"id":"USDC","name":"A token of another contract","min_size":"1","status":"delisted","max_precision":"0.01",
"supported_networks":[{"id":"ethereum","name":"Ethereum","status":"online","contract_address":
"0x00000000000000000000000000000000000000ff","destination_tag_regex":"^[0-9]+$"}]},
{"id":"EUR","name":"Euro","min_size":"0.01","status":"online","max_precision":"0.01","supported_networks":[]}]"""
# github.com/JKorf/Coinbase.Net's unit tests, an account's answer of 2024 or later, shortened; looked up 2026-11-21.
SUMMARY = b"""{"total_volume":0,"total_fees":0,"fee_tier":{"pricing_tier":"Intro 1","usd_from":"","usd_to":"",
"taker_fee_rate":"0.012","maker_fee_rate":"0.006"},"total_balance":"468.35"}"""
CRYPTO = b"""{"data":[{"code":"BTC","name":"Bitcoin","exponent":8,"type":"crypto"},{"code":"ETH2","name":"Ethereum 2",
"exponent":8,"type":"crypto"}]}"""


class TestCoinbase(ExchangeConformance):
    plugin = plugins.coinbase
    histories = HISTORIES["coinbase"]
    instruments = (
        *plugins.coinbase.instruments.listed(),
        # As recorded: increments of the products answer of the same day.
        spot("coinbase", "SKL/BTC", symbol="SKL-BTC", tick="0.00000001", step="0.1"),
        spot("coinbase", "DASH/BTC", symbol="DASH-BTC", tick="0.00000001", step="0.001"),
        spot("coinbase", "NMR/EUR", symbol="NMR-EUR", tick="0.0001", step="0.001"),
    )
    corpus = CORPUS
    recordings = (RECORDINGS / "coinbase/DERIVED_advanced_trade_l2_20210417.jsonl.gz",)
    listings = (
        ListingSample(f"{API}/v2/currencies/crypto", CRYPTO, "Track API, 2026-11-21", None, {"BTC": [], "ETH2": []}),
        ListingSample(f"{API}/api/v3/brokerage/transaction_summary", SUMMARY, "Get transaction summary, 2026-11-21"),
    )


class TestCoinbaseExchange(ExchangeConformance):
    """Snapshots are brought into the form of the updates: their numbers must still stand in the frame as written."""

    plugin = plugins.coinbase_exchange
    histories = HISTORIES["coinbase_exchange"]
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
    listings = (
        ListingSample(
            f"{EXCHANGE_API}/products",
            PRODUCTS,
            "Get all known trading pairs, 2026-11-21",
            {
                "BTC-USD": {"tick": Decimal("0.01"), "min_notional": Decimal(1), "state": TradingState.TRADING},
                "ETH-USD": {"state": TradingState.POST_ONLY},
                "SOL-USD": {"state": TradingState.TRADING},
                "BTC-EUR": {"state": TradingState.CANCEL_ONLY},
                "ETH-EUR": {"state": TradingState.HALTED},
                "CGLD-USD": {"state": TradingState.AUCTION, "base": "CELO"},
                "ZZZ-USD": {"state": TradingState.HALTED, "base": "ZZZ@coinbase_exchange"},
            },
        ),
        ListingSample(
            f"{EXCHANGE_API}/currencies",
            CURRENCIES,
            "Get all known currencies, 2026-11-21",
            None,
            {
                "USDT": [
                    {
                        "code": "ethereum",
                        "chain": "ethereum",
                        "contract": "0xdac17f958d2ee523a2206206994597c13d831ec7",
                        "deposits": True,
                        "withdrawals": True,
                        "min_withdrawal": Decimal("0.000001"),
                        "max_withdrawal": Decimal(20_000_000),
                        "precision": 6,
                        "confirmations": 14,
                        "withdrawal_fee": None,
                    },
                    {"code": "avacchain", "chain": "avalanche_c", "deposits": False, "withdrawals": False},
                ],
                "BTC": [{"code": "bitcoin", "chain": "bitcoin", "contract": None, "precision": 8, "memo": None}],
                "USDC": [{"code": "ethereum", "deposits": False, "withdrawals": False, "memo": True}],
                "EUR": [],
            },
        ),
    )
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


def exchange_listing(path: str, body: bytes, status: int = 200) -> Listing:
    codec = plugins.coinbase_exchange.metadata
    assert codec is not None
    return codec.read(HttpResponse(status, body, EXCHANGE_API + path))


def test_a_token_is_known_by_its_contract_not_by_its_ticker() -> None:
    assets = {one.code: one.asset for one in exchange_listing("/currencies", CURRENCIES).currencies}
    assert assets == {
        "USDT": "USDT",
        "BTC": "BTC",
        "USDC": "USDC@ethereum:0x00000000000000000000000000000000000000ff",
        "EUR": "EUR",
    }


def test_the_accounts_own_fees_are_read() -> None:
    codec = plugins.coinbase.metadata
    assert codec is not None
    fees = codec.read(HttpResponse(200, SUMMARY, f"{API}/api/v3/brokerage/transaction_summary")).fees
    assert fees is not None and (fees.maker_rate, fees.taker_rate) == (Decimal("0.006"), Decimal("0.012"))
    fees = exchange_listing("/fees", b'{"taker_fee_rate":"0.0060","maker_fee_rate":"0.0040","usd_volume":"0"}').fees
    assert fees is not None and (fees.maker_rate, fees.taker_rate) == (Decimal("0.0040"), Decimal("0.0060"))
    assert codec.read(HttpResponse(200, CRYPTO, f"{API}/v2/currencies/crypto")).currencies[1].asset == "ETH2@coinbase"


@pytest.mark.parametrize("plugin", [plugins.coinbase, plugins.coinbase_exchange], ids=lambda one: str(one.venue))
def test_what_is_asked_for_is_answered_by_the_simulated_venue(plugin: ExchangePlugin) -> None:
    listed = [one for one in plugin.instruments.listed() if one.book_of is None]
    assert plugin.sandbox is not None and plugin.metadata is not None
    sandbox, found = plugin.sandbox({one.symbol: Engine(one) for one in listed}), []
    for request in plugin.metadata.requests():
        path = request.url.removeprefix(API).removeprefix(EXCHANGE_API)
        answer = sandbox.answer(HttpRequest(request.method, path), 1_800_000_000_000_000_000)
        found.append(plugin.metadata.read(HttpResponse(answer.status, answer.body, request.url)))
    products, currencies = found
    told = {one.symbol: one for one in products.instruments}
    assert {one.symbol: told[one.symbol] for one in listed} == {one.symbol: one for one in listed}
    assert {"BTC", "ETH"} <= {one.asset for one in currencies.currencies}


@pytest.mark.parametrize(
    ("path", "status", "body", "kind"),
    [
        ("/products", 429, b"{}", RateLimited),
        ("/products", 503, b"", VenueUnavailable),
        ("/fees", 401, b"{}", VenueError),
        ("/products", 200, b'{"message":"NotFound"}', ProtocolError),
        ("/time", 200, b"{}", ProtocolError),
        ("/currencies", 200, CURRENCIES.replace(b'"0.01"', b'"0"'), ProtocolError),
        ("/currencies", 200, CURRENCIES.replace(b":0.0001,", b":-1,"), ProtocolError),
    ],
)
def test_other_answers_are_refused_by_their_kind(path: str, status: int, body: bytes, kind: type[Exception]) -> None:
    with pytest.raises(kind) as caught:
        exchange_listing(path, body, status)
    assert type(caught.value) is kind
