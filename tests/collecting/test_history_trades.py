"""What each venue's codec says of public trades, against a reader of the recordings that shares nothing with it.

The reader below knows only JSON and what the venues' pages say of the fields (a maker's side or a taker's, which
times): every trade of a recording must come out with the venue's own digits, its id, the taker's side and both times.
"""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import pytest
from collecting.history_world import installed
from recordings import needs_recordings, read_lines

from cryptopipe.api import ExchangePlugin, FeedCodec, ProtocolError, Trade

Row = tuple[str, str, str, str, str, int, int]
"""Symbol, id, price, size, taker's side, when it was told, when it was made (0: the same), in nanoseconds."""

MS, US = 10**6, 10**3
OTHER = {"buy": "sell", "sell": "buy"}
LINES = 8_000
"""Of a recording; two have more."""
# Counted with grep in as many lines: a trade of each has a text that nothing else has.
RECORDED: list[tuple[str, str, str, int]] = [
    ("binance/spot_btcusdt_20240808", "binance", "", 1_465),
    ("binance/spot_depth_stream_20211012", "binance", "", 2),
    ("binance_us/spot_depth_stream_20211012", "binance_us", "", 11),
    ("binance_usdm/btcusdt_20240808", "binance_usdm", "", 1_267),
    ("binance_coinm/btcusd_perp_20240808", "binance_coinm", "", 238),
    ("bybit/DERIVED_v5_orderbook_trades_20210417", "bybit", "", 199),
    ("coinbase/exchange_level2_ticker_matches_20210417", "coinbase_exchange", "", 43),
    ("coinbase/DERIVED_advanced_trade_l2_20210417", "coinbase", "", 34),
    ("kraken/v1_book1000_trade_ticker_20210417", "kraken", "v1", 10),
    ("gemini/v2_l2_trades_20210624", "gemini", "v2", 304),
    ("okx/v5_books_trades_tickers_20220513", "okx", "checksum", 70),
    ("bitstamp/diff_order_book_live_trades_20220105", "bitstamp", "", 10),
    ("bitfinex/P0_book_trades_ticker_seq_20210417", "bitfinex", "", 210),
]


def instant(text: str) -> int:
    whole, _, fraction = text.removesuffix("Z").partition(".")
    return int(datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp()) * 10**9 + int(fraction.ljust(9, "0"))


def epoch(text: str) -> int:
    whole, _, fraction = text.partition(".")
    return int(whole) * 10**9 + int(fraction.ljust(9, "0"))


def of_binance(told: Any) -> Iterator[Row]:
    """`m`: the buyer was the maker, so the taker sold."""
    d = told.get("data", told)
    if d.get("e") in ("trade", "aggTrade") and d.get("X", "MARKET") == "MARKET":
        side = "sell" if d["m"] else "buy"
        yield d["s"], d["t" if d["e"] == "trade" else "a"], d["p"], d["q"], side, int(d["E"]) * MS, int(d["T"]) * MS


def of_bybit(told: Any) -> Iterator[Row]:
    """`S` is the taker's side."""
    for d in told["data"] if told["topic"].startswith("publicTrade") else []:
        market = "linear" if d["s"].endswith("USDT") else "inverse"
        yield f"{market}:{d['s']}", d["i"], d["p"], d["v"], d["S"].lower(), int(told["ts"]) * MS, int(d["T"]) * MS


def of_coinbase_exchange(told: Any) -> Iterator[Row]:
    """`side` is the maker's."""
    if told["type"] in ("match", "last_match"):
        side, at = OTHER[told["side"]], instant(told["time"])
        yield told["product_id"], told["trade_id"], told["price"], told["size"], side, at, 0


def of_coinbase(told: Any) -> Iterator[Row]:
    """`side` is the maker's."""
    for event in told["events"] if told["channel"] == "market_trades" else []:
        for d in event["trades"]:
            side, at = OTHER[d["side"].lower()], instant(told["timestamp"])
            yield d["product_id"], d["trade_id"], d["price"], d["size"], side, at, instant(d["time"])


def of_kraken_v1(told: Any) -> Iterator[Row]:
    """`b` or `s` of the order that triggered it; no ids."""
    if isinstance(told, list) and told[-2] == "trade":
        for price, size, at, side, _, _ in told[1]:
            yield told[-1], "", price, size, {"b": "buy", "s": "sell"}[side], epoch(at), 0


def of_gemini_v2(told: Any) -> Iterator[Row]:
    """`side` is the taker's. The first message of a symbol brings past trades, in no order."""
    past = sorted(told.get("trades", []), key=lambda d: (int(d["timestamp"]), int(d["event_id"])))
    for d in [told] if told["type"] == "trade" else past:
        yield d["symbol"].lower(), d["event_id"], d["price"], d["quantity"], d["side"], int(d["timestamp"]) * MS, 0


def of_okx(told: Any) -> Iterator[Row]:
    """`side` is the taker's."""
    for d in told.get("data", []) if told["arg"]["channel"] == "trades" else []:
        yield d["instId"], d["tradeId"], d["px"], d["sz"], d["side"], int(d["ts"]) * MS, 0


def of_bitstamp(told: Any) -> Iterator[Row]:
    """The taker's order is the newer one."""
    if told["event"] == "trade":
        d = told["data"]
        side = "buy" if int(d["buy_order_id"]) > int(d["sell_order_id"]) else "sell"
        symbol = told["channel"].rpartition("_")[2]
        yield symbol, d["id"], d["price_str"], d["amount_str"], side, int(d["microtimestamp"]) * US, 0


class OfBitfinex:
    """The amount's sign is the taker's side; `tu` repeats a `te`; the first array tells past trades, newest first."""

    def __init__(self) -> None:
        self.symbols: dict[str, str] = {}

    def __call__(self, told: Any) -> Iterator[Row]:
        if isinstance(told, dict):
            if told.get("event") == "subscribed" and told["channel"] == "trades":
                self.symbols[told["chanId"]] = told["symbol"]
            return
        if told[0] in self.symbols and told[1] not in ("hb", "tu"):
            for number, at, amount, price in [told[2]] if told[1] == "te" else reversed(told[1]):
                side = "sell" if amount[0] == "-" else "buy"
                yield self.symbols[told[0]], number, price, amount.removeprefix("-"), side, int(at) * MS, 0


def read_independently(name: str, frame: bytes, bitfinex_reader: OfBitfinex) -> list[Row]:
    readers: dict[str, Callable[[Any], Iterator[Row]]] = {
        "binance": of_binance, "bybit": of_bybit, "coinbase/exchange": of_coinbase_exchange, "coinbase": of_coinbase,
        "kraken": of_kraken_v1, "gemini": of_gemini_v2, "okx": of_okx, "bitstamp": of_bitstamp,
        "bitfinex": bitfinex_reader,
    }  # fmt: skip
    reader = next(one for start, one in readers.items() if name.startswith(start))
    return list(reader(json.loads(frame, parse_float=str, parse_int=str)))


def codec_of(plugin: ExchangePlugin, dialect: str) -> FeedCodec:
    return next(one.feed() for one in plugin.dialects if one.name == dialect) if dialect else plugin.feed()


def frames(name: str) -> Iterator[bytes]:
    """Frames that are about trades, or that a reader of trades needs to have read."""
    for line in islice(read_lines(f"{name}.jsonl.gz"), LINES):
        raw = line["raw"]
        if line["dir"] == "recv" and ("depth" not in raw[:40] and "bookTicker" not in raw[:40]):
            yield raw.encode()


@needs_recordings
@pytest.mark.parametrize(("name", "venue", "dialect", "count"), RECORDED, ids=[one[0] for one in RECORDED])
def test_trades_are_those_of_an_independent_reader(name: str, venue: str, dialect: str, count: int) -> None:
    codec, reader = codec_of(installed(venue), dialect), OfBitfinex()
    told: list[Row] = []
    expected: list[Row] = []
    for frame in frames(name):
        events = [one for one in codec.decode(frame, 1) if isinstance(one, Trade)]
        told += [(t.symbol, t.trade_id, t.price, t.size, t.side.value, t.event_time, t.trade_time) for t in events]
        expected += read_independently(name, frame, reader)
    assert told == expected
    assert len(told) == count
    assert count < 12 or {row[4] for row in told} == {"buy", "sell"}


@pytest.mark.parametrize(
    ("venue", "frame"),
    [
        (
            "binance",
            b'{"stream":"btcusdt@trade","data":{"e":"trade","s":"BTCUSDT","t":1,"p":"1","q":"1","T":2,"m":true}}',
        ),
        ("bybit", b'{"topic":"publicTrade.X","data":[{"T":2,"s":"X","S":"Buy","v":"1","p":"1","i":"a"}]}'),
    ],
)
def test_a_trade_without_the_time_of_its_event_is_refused(venue: str, frame: bytes) -> None:
    """The frames are whole but for `E` and `ts`, which the pages have in every one."""
    with pytest.raises(ProtocolError):
        installed(venue).feed().decode(frame, 1)


def test_the_row_that_users_know_is_made_of_a_frame() -> None:
    """`1621484017026,BTCUSDT,851651093,39307.24000000,0.05838400,1621484017023,False`."""
    frame = (
        b'{"e":"trade","E":1621484017026,"s":"BTCUSDT","t":851651093,"p":"39307.24000000","q":"0.05838400",'
        b'"b":1,"a":2,"T":1621484017023,"m":false,"M":true}'
    )
    (trade,) = installed("binance").feed().decode(frame, 1)
    assert isinstance(trade, Trade)
    told = (trade.event_time // MS, trade.symbol, trade.trade_id, trade.price, trade.size, trade.trade_time // MS)
    assert told == (1621484017026, "BTCUSDT", "851651093", "39307.24000000", "0.05838400", 1621484017023)
    assert trade.side.value == "buy" and trade.matched_at == trade.trade_time
