"""Row files of recordings, written here and not by the collector: what it writes is what is checked.

Enters: recordings. Leaves: rows of trades, books, tops and candles, and files with manifests where a collector would
put them. Never: a line of the collector's code.
"""

import gzip
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Any

from recordings import RECORDINGS

from cryptopipe.api import Side, Trade
from cryptopipe.capture.reader import read
from cryptopipe.clock import format_at
from cryptopipe.market.market import Market
from cryptopipe.market.sync import BookState
from cryptopipe.model.facts import VenueId
from cryptopipe.registry import exchange

MS = 1_000_000
HOUR_MS = 3_600_000

RECORDED = {
    "binance": "binance/spot_btcusdt_20240808.jsonl.gz",
    "binance_us": "binance_us/spot_depth_stream_20211012.jsonl.gz",
    "binance_usdm": "binance_usdm/btcusdt_20240808.jsonl.gz",
    "binance_coinm": "binance_coinm/btcusd_perp_20240808.jsonl.gz",
    "bybit": "bybit/DERIVED_v5_orderbook_trades_20210417.jsonl.gz",
    "coinbase_exchange": "coinbase/exchange_level2_ticker_matches_20210417.jsonl.gz",
    "coinbase": "coinbase/DERIVED_advanced_trade_l2_20210417.jsonl.gz",
    "kraken": "kraken/v1_book1000_trade_ticker_20210417.jsonl.gz",
    "gemini": "gemini/v2_l2_trades_20210624.jsonl.gz",
    "okx": "okx/v5_books_trades_tickers_20220513.jsonl.gz",
    "bitstamp": "bitstamp/diff_order_book_live_trades_20220105.jsonl.gz",
    "bitfinex": "bitfinex/P0_book_trades_ticker_seq_20210417.jsonl.gz",
}


@dataclass
class Stream:
    """The rows of one symbol and kind, each with its event and receive time in milliseconds and nanoseconds."""

    venue: str
    symbol: str
    kind: str
    interval_ms: int | None = None
    depth: int | None = None
    rows: list[str] = field(default_factory=list)
    events: list[int] = field(default_factory=list)
    received: list[int] = field(default_factory=list)

    def add(self, event_ns: int, received_at: int, *rows: str) -> None:
        self.rows += rows
        self.events += [event_ns // MS] * len(rows)
        self.received += [received_at] * len(rows)


def plain(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def iso(at: int) -> str:
    return f"{datetime.fromtimestamp(at // 10**9, UTC):%Y-%m-%dT%H:%M:%S}.{at % 10**9 // 1000:06d}+00:00"


@cache
def recorded(venue: str, entries: int = 10**9) -> dict[tuple[str, str], Stream]:
    """Trades, books (five levels a second) and tops of the first so many entries of a venue's recording."""
    streams: dict[tuple[str, str], Stream] = {}
    market = Market({VenueId(venue): exchange(venue)})
    bucket: dict[str, int] = {}
    shown: dict[str, Any] = {}
    for number, entry in enumerate(read(RECORDINGS / RECORDED[venue], venue)):
        if number >= entries:
            break
        market.touched = {}
        market.receive(entry)
        for event in market.events if entry.direction.value == "recv" else ():
            if isinstance(event, Trade):
                stream = streams.setdefault((event.symbol, "trade"), Stream(venue, event.symbol, "trade"))
                told, met = event.event_time // MS, (event.trade_time or event.event_time) // MS
                stream.add(event.event_time, entry.at, ",".join((
                    str(told), event.symbol, event.trade_id, event.price, event.size, str(met),
                    str(event.side is Side.SELL),
                )))  # fmt: skip
        changed = market.take_changed()
        market.take_commands()
        for sync in (market.touched or {}).values():
            if sync.state is not BookState.LIVE or sync.book.top is None:
                continue
            symbol, top = sync.instrument.symbol, sync.book.top
            at = top.event_time or entry.at
            book = streams.setdefault((symbol, "book"), Stream(venue, symbol, "book", 1000, 5))
            if at // MS // 1000 > bucket.get(symbol, 0):
                bucket[symbol] = at // MS // 1000
                book.add(at, entry.at, *_state(symbol, at // MS, sync.book))
            sides = (top.bid, top.ask)
            if sync.id in changed and sides != shown.get(symbol):
                shown[symbol] = sides
                stream = streams.setdefault((symbol, "top"), Stream(venue, symbol, "top"))
                stream.add(at, entry.at, _top(venue, symbol, entry.at, top))
    return streams


def _state(symbol: str, at: int, book: Any) -> Iterator[str]:
    sides = [[(p, s) for p, s in (levels[i] for i in range(min(5, len(levels))))] for levels in
             (book.levels(True, 5), book.levels(False, 5))]  # fmt: skip
    for level, pair in enumerate(zip_longest(*sides), 1):
        for side, found in zip("BA", pair, strict=True):
            if found is not None:
                yield f"{at},{symbol},{side},{plain(found[0])},{plain(found[1])},{level}"


def _top(venue: str, symbol: str, at: int, top: Any) -> str:
    bid, ask = top.bid, top.ask
    both = (plain(ask - bid), plain((bid + ask) / 2)) if bid is not None and ask is not None else ("", "")
    sides = ("" if one is None else plain(one) for one in (bid, ask))
    return ",".join((iso(at), venue, symbol, *sides, *both))


def candles(trades: Stream, interval_ms: int = 10_000) -> Stream:
    """Of trades by trade time; an interval without any is a row without prices."""
    by_start: dict[int, list[tuple[Decimal, Decimal]]] = {}
    for row in trades.rows:
        _, _, _, price, size, met, _ = row.split(",")
        by_start.setdefault(int(met) // interval_ms * interval_ms, []).append((Decimal(price), Decimal(size)))
    made = Stream(trades.venue, trades.symbol, "candle", interval_ms)
    for start in range(min(by_start), max(by_start) + 1, interval_ms):
        found = by_start.get(start, [])
        prices = [price for price, _ in found]
        told = [prices[0], max(prices), min(prices), prices[-1]] if prices else ["", "", "", ""]
        cells = [*told, sum((size for _, size in found), Decimal(0)), len(found)]
        made.add(start * MS, (start + interval_ms) * MS, ",".join(map(str, (start, trades.symbol, *cells))))
    return made


HEADERS = {
    "trade": "event_time_ms,symbol,trade_id,price,quantity,trade_time_ms,buyer_is_maker",
    "book": "event_time_ms,symbol,side,price,quantity,level",
    "top": "ts_iso,provider,symbol,bid,ask,spread,mid",
    "l3": "event_time_ms,symbol,side,change,order_id,price,quantity",
    "candle": "open_time_ms,symbol,open,high,low,close,volume,trades",
}


def folder_of(stream: Stream) -> str:
    if stream.kind == "book":
        return f"book-{stream.interval_ms}ms"
    return f"candle-{(stream.interval_ms or 0) // 1000}s" if stream.kind == "candle" else stream.kind


def seal(data_dir: Path, stream: Stream, *, form: str = "csv", number: int = 1, **told: Any) -> Path:
    """The file of a stream's rows, with a manifest that is true of it, but for what `told` says."""
    symbol = stream.symbol.replace("/", "-").replace(":", "-")
    begin = stream.received[0] if stream.received else 1_723_161_600 * 10**9
    hour = f"{datetime.fromtimestamp(begin // 10**9, UTC):%Y%m%dT%H}Z-{number:03d}"
    folder = data_dir / "collected" / stream.venue / folder_of(stream) / symbol
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{stream.venue}-{symbol}-{folder_of(stream)}-{hour}.{'csv.gz' if form == 'csv' else form}"
    header = stream.kind == "top" or told.get("header", False)
    if form == "csv":
        lines = [HEADERS[stream.kind]] * header + stream.rows
        file.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode(), 1, mtime=0))
    else:
        write_parquet(file, stream)
    facts: dict[str, Any] = {
        "schema": 1, "file": file.name, "venue": stream.venue, "symbol": stream.symbol, "instrument": "BTC/USDT",
        "type": stream.kind, "depth": stream.depth, "interval_ms": stream.interval_ms, "format": form, "header": header,
        "rows": len(stream.rows), "first_event_ms": stream.events[0] if stream.events else None,
        "last_event_ms": stream.events[-1] if stream.events else None,
        "first_received_at": format_at(stream.received[0]) if stream.received else None,
        "last_received_at": format_at(stream.received[-1]) if stream.received else None,
        "session": "20240808T235413-abcdef", "capture": "raw/20240808T235413-abcdef", "first_seq": 1, "last_seq": 2,
        "complete": False, "gaps": [], "filled": [], "sealed_at": "2024-08-09T00:00:01.000000000Z", **told,
    }  # fmt: skip
    write_manifest(file, facts)
    return file


def write_manifest(file: Path, facts: dict[str, Any]) -> None:
    """With the size and the hash of the file as it is, unless the facts say them."""
    data = file.read_bytes()
    true = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    file.with_name(f"{file.name}.json").write_text(json.dumps({**true, **facts}))


def write_parquet(file: Path, stream: Stream) -> None:
    import pyarrow
    from pyarrow import parquet

    names = HEADERS[stream.kind].split(",")
    whole = {"event_time_ms", "trade_time_ms", "open_time_ms", "level", "trades"}
    columns = zip(*(row.split(",") for row in stream.rows), strict=True)
    parquet.write_table(
        pyarrow.table({
            name: pyarrow.array([int(one) for one in cells], pyarrow.int64()) if name in whole else pyarrow.array(cells)
            for name, cells in zip(names, columns, strict=True)
        }),
        file,
    )  # fmt: skip


def edited(stream: Stream, rows: dict[int, str | None]) -> Stream:
    """The stream with some rows written otherwise, or without them."""
    kept = [at for at in range(len(stream.rows)) if rows.get(at, "") is not None]
    return Stream(
        stream.venue, stream.symbol, stream.kind, stream.interval_ms, stream.depth,
        [rows.get(at) or stream.rows[at] for at in kept],
        [stream.events[at] for at in kept], [stream.received[at] for at in kept],
    )  # fmt: skip


def moved(stream: Stream, by_ms: int) -> Stream:
    """The same rows at another time."""
    rows = []
    for row in stream.rows:
        cells = row.split(",")
        for at, cell in enumerate(cells):
            if len(cell) == 13 and cell.isdecimal():
                cells[at] = str(int(cell) + by_ms)
        rows.append(",".join(cells))
    events, received = [at + by_ms for at in stream.events], [at + by_ms * MS for at in stream.received]
    return Stream(stream.venue, stream.symbol, stream.kind, stream.interval_ms, stream.depth, rows, events, received)
