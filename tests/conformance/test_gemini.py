"""Gemini passes the kit in both its forms, and says of itself what the venue's recorded answers say."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from conformance.history_samples import HISTORIES
from recordings import RECORDINGS, needs_recordings

import cryptopipe_gemini as plugins
from cryptopipe.api import (
    USUAL_CHANNELS,
    Asset,
    BookDelta,
    BookSnapshot,
    Channel,
    Heartbeat,
    HttpResponse,
    Instrument,
    Kind,
    Link,
    Notice,
    ProtocolError,
    RateLimited,
    Subscription,
    TopUpdate,
    Trade,
    TradingRules,
    TradingState,
    Unknown,
    VenueError,
    VenueId,
    VenueUnavailable,
)
from cryptopipe.market.sync import BookState, BookSync
from cryptopipe.testing import ExchangeConformance, ListingSample, spot
from cryptopipe_gemini.feed import follows
from cryptopipe_gemini.metadata import instruments

PLUGIN = plugins.gemini
CORPUS = Path(plugins.__file__).parent / "frames"
FIND = PLUGIN.instruments.find
REST = "https://api.gemini.com"

# As measured by others on 2026-09-15: quote_increment 0.001, tick_size 0.1.
AVAX = Instrument(
    VenueId("gemini"),
    "avaxgusdperp",
    Asset("AVAX"),
    Asset("GUSD"),
    Kind.LINEAR_PERPETUAL,
    TradingRules(Decimal("0.001"), Decimal("0.1"), Decimal("0.1"), Decimal(0)),
)


DETAILS = ListingSample(
    f"{REST}/v1/symbols/details/all",
    b'[{"symbol":"BTCUSD","base_currency":"BTC","quote_currency":"USD","tick_size":1E-8,"quote_increment":0.01,'
    b'"min_order_size":"0.00001","status":"open","wrap_enabled":false,"product_type":"spot","contract_type":"vanilla",'
    b'"contract_price_currency":"USD"},{"symbol":"BTCGUSDPERP","quote_currency":"GUSD","tick_size":0.0001,'
    b'"quote_increment":0.5,"min_order_size":"0.0001","status":"open","product_type":"swap","contract_type":"linear",'
    b'"contract_price_currency":"GUSD","base_currency":"BTC"}]',
    "the page's example of get-symbol-details, and a row that the venue sent in 2026 as others quote it; 2026-11-21",
    instruments={
        "btcusd": {"tick": Decimal("0.01"), "step": Decimal("0.00000001"), "base": "BTC", "quote": "USD"},
        "btcgusdperp": {"tick": Decimal("0.5"), "step": Decimal("0.0001"), "kind": Kind.LINEAR_PERPETUAL},
    },
)
NETWORKS = ListingSample(
    f"{REST}/v1/network/USDC",
    b'{"token":"USDC","network":["optimism","solana","base","arbitrum","monad","avalanche","ethereum"]}',
    "the page's example of get-network, 2026-11-21 in a stored copy",
    currencies={"USDC": [{"code": "avalanche", "chain": "avalanche_c", "deposits": None, "withdrawal_fee": None}]},
)


class TestGemini(ExchangeConformance):
    plugin = PLUGIN
    histories = HISTORIES["gemini"]
    instruments = (*PLUGIN.instruments.listed(), AVAX)
    corpus = CORPUS
    recordings = (RECORDINGS / "gemini/v2_l2_trades_20210624.jsonl.gz",)
    # The increments of the details answers of the same day.
    recorded_instruments = tuple(
        spot("gemini", f"{symbol[:-3]}/{symbol[-3:]}".upper(), symbol=symbol, tick=tick, step=step)
        for symbol, tick, step in (
            ("alcxusd", "0.01", "0.000001"),
            ("ankrusd", "0.00001", "0.000001"),
            ("ltceth", "0.0001", "0.00001"),
            ("etheur", "0.01", "0.000001"),
            ("zecltc", "0.001", "0.000001"),
            ("linketh", "0.0000001", "0.000001"),
        )
    )
    recorded_sizes_on_step = False  # etheur and zecltc show eight decimals where their details name six
    covers = (BookSnapshot, BookDelta, TopUpdate, Trade, Notice, Unknown, Heartbeat)
    listings = (DETAILS, NETWORKS)


def wanted(*symbols: str, channels: tuple[Channel, ...] = USUAL_CHANNELS) -> list[Subscription]:
    return [Subscription(FIND(symbol), channel) for symbol in symbols for channel in channels]


def test_a_connection_asks_for_the_whole_book_and_for_each_instrument_by_itself() -> None:
    """The parameter from developer.gemini.com/websocket/introduction, the request from message-format (2026-11-21)."""
    connect = PLUGIN.feed().connect(wanted("btcusd", "ethusd"), None, 0)
    assert connect.url == "wss://ws.gemini.com/?snapshot=-1"
    assert [json.loads(text) for text in connect.frames] == [
        {"id": "btcusd", "method": "subscribe", "params": ["btcusd@depth@100ms", "btcusd@bookTicker", "btcusd@trade"]},
        {"id": "ethusd", "method": "subscribe", "params": ["ethusd@depth@100ms", "ethusd@bookTicker", "ethusd@trade"]},
    ]
    assert (connect.ping_every_s, json.loads(connect.ping_text or "")) == (20, {"id": "ping", "method": "ping"})
    again = {symbol: [json.loads(text) for text in texts] for symbol, texts in connect.resubscribe.items()}
    assert again["ethusd"] == [
        {"id": "ethusd", "method": "unsubscribe", "params": ["ethusd@depth@100ms"]},
        {"id": "ethusd", "method": "subscribe", "params": ["ethusd@depth@100ms"]},
    ]
    assert not PLUGIN.feed().connect(wanted("btcusd", channels=(Channel.TRADES,)), None, 0).resubscribe


def test_the_former_stream_is_asked_in_upper_case_once_a_symbol() -> None:
    connect = PLUGIN.dialects[0].feed().connect(wanted("btcusd", "etheur"), None, 0)
    assert connect.url == "wss://api.gemini.com/v2/marketdata"
    (text,) = connect.frames
    asked = {"type": "subscribe", "subscriptions": [{"name": "l2", "symbols": ["BTCUSD", "ETHEUR"]}]}
    assert json.loads(text) == asked
    assert [json.loads(one)["type"] for one in connect.resubscribe["etheur"]] == ["unsubscribe", "subscribe"]
    assert PLUGIN.dialects[0].channels == frozenset(), "no live subscription takes the archived stream"


@pytest.mark.parametrize(
    ("first", "last", "link"),
    [(100, 120, Link.APPLY), (90, 101, Link.APPLY), (80, 100, Link.SKIP), (50, 60, Link.SKIP), (101, 120, Link.GAP)],
)
def test_a_delta_follows_by_the_rule_of_the_page(first: int, last: int, link: Link) -> None:
    """After an update with u = 100: "if a frame's U skips ahead of the last applied u, discard the book"."""
    assert follows(100, BookDelta("btcusd", b"[]", b"[]", first, last, 0, 0)) is link


def book_after(*frames: str) -> BookSync:
    codec = PLUGIN.feed()
    sync = BookSync(FIND("btcusd"), codec.rule)
    for number, frame in enumerate(frames, 1):
        for event in codec.decode(frame.encode(), number):
            assert isinstance(event, BookSnapshot | BookDelta | Notice)
            if not isinstance(event, Notice):
                _ = sync.snapshot(event, number) if isinstance(event, BookSnapshot) else sync.delta(event, number)
    return sync


def depth(first: int, last: int, bids: list[list[str]], asks: list[list[str]]) -> str:
    frame = {"e": "depthUpdate", "E": 1, "s": "btcusd", "U": first, "u": last, "b": bids, "a": asks}
    return json.dumps(frame, separators=(",", ":"))


def levels(sync: BookSync) -> tuple[list[Any], list[Any]]:
    return list(sync.book.levels(True)), list(sync.book.levels(False))


ANSWER = '{"id":"btcusd","status":200}'


def test_a_second_snapshot_replaces_the_book_whatever_its_id() -> None:
    first = depth(500, 500, [["10.00", "1"], ["9.00", "2"]], [["11.00", "3"]])
    for number in (900, 500, 20):
        sync = book_after(first, ANSWER, depth(number, number, [["9.50", "4"]], []))
        assert levels(sync) == ([(Decimal("9.50"), Decimal(4))], [])
        assert sync.state is BookState.LIVE


@pytest.mark.parametrize(("number", "state"), [(501, BookState.SYNCING), (500, BookState.LIVE), (499, BookState.LIVE)])
def test_what_looks_like_a_snapshot_and_was_not_asked_for_is_no_book(number: int, state: BookState) -> None:
    """ "The FIRST frame after subscribing is the snapshot": another one of a single id is a change, or came twice."""
    sync = book_after(depth(500, 500, [["10.00", "1"], ["9.00", "2"]], []), depth(number, number, [["9.00", "4"]], []))
    assert sync.state is state
    assert levels(sync)[0] in ([], [(Decimal("10.00"), Decimal(1)), (Decimal("9.00"), Decimal(2))])


def test_deletes_of_unknown_levels_one_side_and_an_empty_book() -> None:
    whole = depth(500, 500, [["10.00", "1"]], [["11.00", "3"]])
    unknown = depth(500, 510, [["8.00", "0.00"]], [["12.00", "0"]])
    sync = book_after(whole, unknown)
    assert levels(sync) == ([(Decimal("10.00"), Decimal(1))], [(Decimal("11.00"), Decimal(3))])
    sync = book_after(whole, unknown, depth(510, 520, [], [["11.00", "0.0000"]]))
    assert levels(sync) == ([(Decimal("10.00"), Decimal(1))], [])
    assert sync.book.top is not None
    assert (sync.book.top.bid, sync.book.top.ask) == (Decimal("10.00"), None)
    sync = book_after(whole, depth(500, 520, [["10.00", "0"]], [["11.00", "0"]]))
    assert levels(sync) == ([], [])
    assert sync.state is BookState.LIVE
    sync = book_after(depth(500, 500, [], []), depth(500, 501, [["10.00", "1"]], []))
    assert levels(sync) == ([(Decimal("10.00"), Decimal(1))], [])


def test_a_gap_loses_the_book_until_the_next_snapshot() -> None:
    whole, late = depth(500, 500, [["10.00", "1"]], []), depth(501, 510, [["10.50", "1"]], [])
    sync = book_after(whole, late, depth(510, 520, [["10.60", "1"]], []))
    assert (sync.state, sync.gaps) == (BookState.SYNCING, 1)
    assert sync.reason == "sequence gap on gemini:btcusd: expected 501, got 501"
    assert sync.book.top is None
    again = depth(520, 520, [["10.60", "1"]], [])
    sync = book_after(whole, late, ANSWER, again, depth(515, 521, [["10.70", "2"]], []))
    assert sync.state is BookState.LIVE
    assert levels(sync) == ([(Decimal("10.70"), Decimal(2)), (Decimal("10.60"), Decimal(1))], [])


def test_a_ticker_of_a_newer_id_is_the_top_and_one_of_an_older_is_not() -> None:
    ticker = '{"u":%d,"E":7,"s":"btcusd","b":"10.10","B":"5","a":"10.90","A":"6"}'
    for update, moves in ((499, False), (501, True)):
        sync = book_after(depth(500, 500, [["10.00", "1"]], [["11.00", "3"]]))
        (event,) = PLUGIN.feed().decode((ticker % update).encode(), 9)
        assert isinstance(event, TopUpdate)
        assert (sync.quote(event, 9) is not None) is moves


def test_symbols_are_read_off_their_spelling() -> None:
    for symbol, base, quote, kind in (
        ("dogeusd", "DOGE", "USD", Kind.SPOT),
        ("ltceth", "LTC", "ETH", Kind.SPOT),
        ("usdtusdc", "USDT", "USDC", Kind.SPOT),
        ("btcgusdperp", "BTC", "GUSD", Kind.LINEAR_PERPETUAL),
        ("btcusdcperp", "BTC", "USDC", Kind.LINEAR_PERPETUAL),
    ):
        found = FIND(symbol)
        assert (found.base.partition("@")[0], found.quote.partition("@")[0], found.kind) == (base, quote, kind)
        assert (found.rules, found.venue) == (None, "gemini")
    for symbol in ("BTCUSD", "GEMI-BTC05M2606011000-UP", "usd", "btcxyz", ""):
        with pytest.raises(ProtocolError, match="gemini:"):
            FIND(symbol)


def recorded_details() -> dict[str, dict[str, Any]]:
    lines = (RECORDINGS / "gemini/symbols_details_20210624.jsonl").read_text().splitlines()
    answers = {told["url"].rpartition("/")[2]: told["raw"] for told in map(json.loads, lines)}
    del answers["symbols"]
    return {symbol: {"raw": raw, "told": json.loads(raw, parse_float=str)} for symbol, raw in answers.items()}


@needs_recordings
def test_recorded_details_of_2021_are_read() -> None:
    details = recorded_details()
    states = dict.fromkeys(("open", "closed", "limit_only"), 0)
    for symbol, one in details.items():
        (found,) = instruments(one["raw"].encode())
        told = one["told"]
        assert found.symbol == symbol == told["symbol"].lower()
        assert found.rules is not None
        assert found.rules.tick == Decimal(told["quote_increment"])
        assert found.rules.step == Decimal(told["tick_size"]), "the venue's tick_size is of sizes"
        assert found.rules.min_size == Decimal(told["min_order_size"])
        states[told["status"]] += 1
        closed = told["status"] == "closed"
        assert found.state is (TradingState.HALTED if closed else TradingState.TRADING)
    assert states == {"open": 59, "closed": 3, "limit_only": 9}
    (btc,) = instruments(details["btcusd"]["raw"].encode())
    assert str(btc.rules) == str(TradingRules(Decimal("0.01"), Decimal("0.00000001"), Decimal("0.00001"), Decimal(0)))
    assert (btc.base, btc.quote, btc.kind) == ("BTC", "USD", Kind.SPOT)


@needs_recordings
def test_an_answer_of_all_symbols_is_read_and_the_table_is_taken_from_it() -> None:
    mock = json.loads((RECORDINGS / "gemini/rest_mock_gct.json").read_text(), parse_float=str)
    rows = next(entry["response"] for entry in mock if entry["path"] == "/v1/symbols/details/all")
    assert PLUGIN.metadata is not None
    answer = HttpResponse(200, json.dumps(rows).encode(), f"{REST}/v1/symbols/details/all")
    found = {one.symbol: one for one in PLUGIN.metadata.read(answer).instruments}
    assert len(found) == len(rows) == 111
    kinds = {row["symbol"].lower(): row["product_type"] for row in rows}
    assert {symbol for symbol, one in found.items() if one.kind is Kind.LINEAR_PERPETUAL} == {
        symbol for symbol, product in kinds.items() if product == "swap"
    }
    for listed in PLUGIN.instruments.listed():
        assert found[listed.symbol] == listed


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("open", TradingState.TRADING),
        ("limit_only", TradingState.TRADING),
        ("post_only", TradingState.POST_ONLY),
        ("cancel_only", TradingState.CANCEL_ONLY),
        ("auction", TradingState.AUCTION),
        ("closed", TradingState.HALTED),
        ("settling", TradingState.HALTED),
    ],
)
def test_a_status_gates_and_an_unknown_one_halts(status: str, state: TradingState) -> None:
    (found,) = instruments(details_of(status=status))
    assert found.state is state


def details_of(**changed: object) -> bytes:
    """The example of developer.gemini.com/trading/rest-api/market-data/get-symbol-details (2026-11-21, stored copy)."""
    told = {
        "symbol": "BTCUSD",
        "base_currency": "BTC",
        "quote_currency": "USD",
        "tick_size": 1e-8,
        "quote_increment": 0.01,
        "min_order_size": "0.00001",
        "status": "open",
        "wrap_enabled": False,
        "product_type": "spot",
        "contract_type": "vanilla",
        "contract_price_currency": "USD",
    }
    return json.dumps({**told, **changed}).encode()


def test_products_of_other_kinds_are_left_out_and_damaged_rows_refused() -> None:
    assert instruments(details_of(product_type="event")) == ()
    for damaged in (details_of(tick_size=0), details_of(quote_increment="x"), b"[]x", b"{}"):
        with pytest.raises(ProtocolError, match="unreadable symbols/details"):
            instruments(damaged)


def test_networks_are_read_with_their_chains() -> None:
    """Both examples of developer.gemini.com/trading/rest-api/market-data/get-network (2026-11-21, stored copy)."""
    assert PLUGIN.metadata is not None
    assert [request.url for request in PLUGIN.metadata.requests()][:2] == [
        f"{REST}/v1/symbols/details/all",
        f"{REST}/v1/network/BTC",
    ]
    answer = HttpResponse(200, b'{"token":"BTC","network":["bitcoin"]}', f"{REST}/v1/network/BTC")
    (btc,) = PLUGIN.metadata.read(answer).currencies
    assert (btc.code, btc.asset, [(n.code, n.chain) for n in btc.networks]) == ("BTC", "BTC", [("bitcoin", "bitcoin")])
    body = b'{"token":"USDC","network":["optimism","solana","base","arbitrum","monad","avalanche","ethereum"]}'
    (usdc,) = PLUGIN.metadata.read(HttpResponse(200, body, f"{REST}/v1/network/USDC")).currencies
    assert usdc.asset == "USDC"
    chains = {network.code: network.chain for network in usdc.networks}
    assert (chains["ethereum"], chains["avalanche"], chains["solana"]) == ("ethereum", "avalanche_c", "solana")
    for network in usdc.networks:
        assert (network.deposits, network.withdrawals, network.withdrawal_fee) == (None, None, None)


@pytest.mark.parametrize(
    ("status", "body", "error", "said"),
    [
        (429, b'{"result":"error","reason":"RateLimit","message":"Rate limit exceeded"}', RateLimited, "RateLimit"),
        (503, b"<html>", VenueUnavailable, "503"),
        (404, b'{"result":"error","reason":"EndpointNotFound","message":"x"}', VenueError, "EndpointNotFound x"),
        (200, b'{"token":"BTC"}', ProtocolError, "unreadable network"),
    ],
)
def test_refusals_are_told_by_their_kind(status: int, body: bytes, error: type[Exception], said: str) -> None:
    assert PLUGIN.metadata is not None
    with pytest.raises(error, match=said):
        PLUGIN.metadata.read(HttpResponse(status, body, f"{REST}/v1/network/BTC"))


def test_an_answer_that_nobody_asked_for_is_refused() -> None:
    assert PLUGIN.metadata is not None
    with pytest.raises(ProtocolError, match="not an answer that was asked for"):
        PLUGIN.metadata.read(HttpResponse(200, b"[]", f"{REST}/v1/pricefeed"))
