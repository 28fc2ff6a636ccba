"""Binance's recordings, replayed through codec and sync, meet every checkpoint of an independent reconstruction.

Also: a deleted depth line that would have been applied is noticed at the next depth line of that instrument.
"""

from collections.abc import Iterable, Iterator

import pytest
from recordings import expected_tops, needs_recordings, read_lines

import cryptopipe_binance as plugins
from cryptopipe.api import BookDelta, BookSnapshot, ExchangePlugin, HttpResponse, Link, Resync, TopUpdate, parse_epoch
from cryptopipe.market.sync import BookState, BookSync

pytestmark = pytest.mark.core

PLUGINS = {
    "binance/spot_depth_stream_20211012.jsonl.gz": plugins.binance,
    "binance/spot_btcusdt_20240808.jsonl.gz": plugins.binance,
    "binance_us/spot_depth_stream_20211012.jsonl.gz": plugins.binance_us,
    "binance_usdm/btcusdt_20240808.jsonl.gz": plugins.binance_usdm,
    "binance_usdm/depth_stream_20210722.jsonl.gz": plugins.binance_usdm,
    "binance_coinm/btcusd_perp_20240808.jsonl.gz": plugins.binance_coinm,
}

Lines = Iterable[tuple[int, dict[str, str]]]
Event = BookDelta | BookSnapshot


def depth_lines(plugin: ExchangePlugin, only: str, lines: Lines) -> Iterator[tuple[int, int, Event]]:
    """Line number, stamp and event of each snapshot and difference. `only` owns the answers without a URL."""
    codec, snapshots = plugin.feed(), plugin.snapshots
    assert snapshots is not None
    for number, line in lines:
        at, raw = parse_epoch(line["ts"]), line.get("raw", "").encode()
        if line["dir"] == "http":
            symbol = snapshots.symbol_of(line["url"]) if line.get("url") else only
            assert symbol is not None
            yield number, at, snapshots.snapshot(symbol, HttpResponse(200, raw), at)
        elif line["dir"] == "recv":
            for event in codec.decode(raw, at):
                if isinstance(event, BookDelta):
                    yield number, at, event


def book_of(plugin: ExchangePlugin, symbol: str) -> BookSync:
    return BookSync(plugin.instruments.find(symbol), plugin.feed().rule)


def given(book: BookSync, event: Event, at: int) -> object:
    return book.snapshot(event, at) if isinstance(event, BookSnapshot) else book.delta(event, at)


def shown(sync: BookSync) -> list[object]:
    """Best bid, best ask and the level counts, as the checkpoints have them."""
    bid, ask = sync.book.levels(True, 1)[0], sync.book.levels(False, 1)[0]
    return [[str(n) for n in bid], [str(n) for n in ask], *sync.book.counts()]


@needs_recordings
@pytest.mark.parametrize("name", PLUGINS)
def test_every_checkpoint(name: str) -> None:
    expected = expected_tops()[name]
    wanted = {(symbol, c["after_line"]): c for symbol, told in expected.items() for c in told["checkpoints"]}
    plugin, books, met = PLUGINS[name], dict[str, BookSync](), set()
    for number, at, event in depth_lines(plugin, next(iter(expected)), enumerate(read_lines(name))):
        sync = books.setdefault(event.symbol, book_of(plugin, event.symbol))
        outcome = given(sync, event, at)
        assert not isinstance(outcome, Resync), f"line {number}: {outcome}"
        checkpoint = wanted.get((event.symbol, number))
        if checkpoint is not None:
            if isinstance(event, BookSnapshot):  # noted before the differences that were held back for it
                sync = book_of(plugin, event.symbol)
                given(sync, event, at)
            assert sync.state is BookState.LIVE
            assert shown(sync) == [checkpoint[k] for k in ("bid", "ask", "bids", "asks")], f"after line {number}"
            met.add((event.symbol, number))
    assert met == set(wanted)


@needs_recordings
@pytest.mark.parametrize("name", [name for name in PLUGINS if "depth_stream" in name])
def test_deleted_line_is_noticed_at_the_next_of_its_instrument(name: str) -> None:
    plugin, lines = PLUGINS[name], list(enumerate(read_lines(name)))
    events = list(depth_lines(plugin, "", lines))
    tried = 0
    for symbol in {event.symbol for _, _, event in events}:
        own = [(number, at, event) for number, at, event in events if event.symbol == symbol]
        known = next(event.version for _, _, event in own if isinstance(event, BookSnapshot))
        applied = [i for i, (_, _, event) in enumerate(own) if isinstance(event, BookDelta) and event.version > known]
        if len(applied) < 2:
            continue
        deleted = applied[(len(applied) - 1) // 2]
        sync, noticed = book_of(plugin, symbol), []
        for number, at, event in own[:deleted] + own[deleted + 1 :]:
            if isinstance(given(sync, event, at), Resync):
                noticed.append(number)
        assert noticed[:1] == [own[deleted + 1][0]], symbol
        assert sync.state is not BookState.LIVE
        tried += 1
    assert tried >= 3


@needs_recordings
def test_futures_stream_at_rest_joins_by_its_predecessor() -> None:
    """AKRO, KEEP and CTK: the first event that brings news begins after the snapshot, and follows what it contains."""
    name, plugin = "binance_usdm/depth_stream_20210722.jsonl.gz", plugins.binance_usdm
    versions: dict[str, int] = {}
    begins_after: dict[str, bool] = {}
    for _, _, event in depth_lines(plugin, "", enumerate(read_lines(name))):
        if isinstance(event, BookSnapshot):
            versions[event.symbol] = event.version
        elif event.symbol not in begins_after and event.version > versions.get(event.symbol, event.version):
            assert plugin.feed().rule.join(versions[event.symbol], event) is Link.APPLY
            begins_after[event.symbol] = event.first > versions[event.symbol]
    assert begins_after == {"SUSHIUSDT": False, "AKROUSDT": True, "KEEPUSDT": True, "CTKUSDT": True}


@needs_recordings
@pytest.mark.parametrize("name", [name for name in PLUGINS if "2021" in name])
def test_faster_top_equals_the_depth_of_the_same_id(name: str) -> None:
    """`u` of bookTicker counts with the ids of the depth stream: at the same id both show the same top."""
    plugin, lines = PLUGINS[name], list(enumerate(read_lines(name)))
    codec = plugin.feed()
    received = (event for _, line in lines if line["dir"] == "recv" for event in codec.decode(line["raw"].encode(), 0))
    tops = {(top.symbol, top.version): top for top in received if isinstance(top, TopUpdate)}
    books, equal = dict[str, BookSync](), 0
    for number, at, event in depth_lines(plugin, "", lines):
        sync = books.setdefault(event.symbol, book_of(plugin, event.symbol))
        given(sync, event, at)
        same = tops.get((event.symbol, event.version))
        if same is not None and sync.state is BookState.LIVE:
            assert shown(sync)[:2] == [[same.bid, same.bid_size], [same.ask, same.ask_size]], f"line {number}"
            equal += 1
    assert equal >= sum(told["counters"].get("bookTicker_eq", 0) for told in expected_tops()[name].values())
