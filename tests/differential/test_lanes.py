"""A frame that a lane takes means what its codec and the rule would have made of it, damaged frames included.

Enters: recordings of the venues, and frames written from the documentation where no recording is of today's form
(as the docstring of each plugin's feed quotes it, read 2026-11-21). Leaves: a verdict. Never: a frame that one side
alone gets.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import msgspec
import pytest
from recordings import RECORDINGS, needs_recordings

from cryptopipe import core, registry
from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.capture.reader import read
from cryptopipe.core.lane import Lane as NoLane
from cryptopipe.market.market import Market
from cryptopipe.market.names import twin
from cryptopipe.market.overlap import Switched
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.events import BookDelta
from cryptopipe.model.facts import VenueId
from cryptopipe.testing.mutations import mutations

pytestmark = pytest.mark.skipif(core.NAME != "native", reason="the reference core takes no frame straight")

OF_RECORDINGS = {
    "binance": ("binance/spot_depth_stream_20211012.jsonl.gz", 0.5),
    "binance_us": ("binance_us/spot_depth_stream_20211012.jsonl.gz", 0.5),
    "binance_usdm": ("binance_usdm/btcusdt_20240808.jsonl.gz", 0.05),
    "binance_coinm": ("binance_coinm/btcusd_perp_20240808.jsonl.gz", 0.05),
    "coinbase": ("coinbase/DERIVED_advanced_trade_l2_20210417.jsonl.gz", 0.5),
    "coinbase_exchange": ("coinbase/exchange_level2_ticker_matches_20210417.jsonl.gz", 0.5),
    "kraken": ("kraken/DERIVED_v2_book1000_20210417.jsonl.gz", 0.9),
    "kraken v1": ("kraken/v1_book1000_trade_ticker_20210417.jsonl.gz", 0.5),
    "bybit": ("bybit/DERIVED_v5_orderbook_trades_20210417.jsonl.gz", 0.5),
    "gemini": ("gemini/v2_l2_trades_20210624.jsonl.gz", 0.5),
    "okx": ("okx/v5_books_trades_tickers_20220513.jsonl.gz", 0.3),
    "bitstamp": ("bitstamp/diff_order_book_live_trades_20220105.jsonl.gz", 0.3),
    "bitfinex": ("bitfinex/P0_book_trades_ticker_seq_20210417.jsonl.gz", 0.5),
}
"""By venue (and dialect): a recording, and the least share of its frames that go straight."""


def codec_alone(plugin: ExchangePlugin) -> ExchangePlugin:
    """The plugin as if no codec of its had a lane."""

    def without(make: Any) -> Any:
        def feed() -> Any:
            codec = make()
            if hasattr(codec, "lane"):
                codec.lane = NoLane(codec.rule.level_format, ())
            return codec

        return feed

    dialects = tuple(replace(one, feed=without(one.feed)) for one in plugin.dialects)
    return replace(plugin, feed=without(plugin.feed), dialects=dialects)


class Pair:
    """Two markets with the same inputs, the second without lanes."""

    def __init__(self, venue: str) -> None:
        plugin = registry.exchange(venue.partition(" ")[0])
        self.venue = plugin.venue
        self.straight, self.plain = (Market({plugin.venue: one}) for one in (plugin, codec_alone(plugin)))
        self.taken = 0

    def receive(self, entry: Input) -> None:
        self.straight.receive(entry)
        self.plain.receive(entry)
        if entry.direction is Direction.RECV:
            self.taken += self.straight._lane is not None
            assert events(self.straight) == events(self.plain), entry.payload[:300]
        assert said(self.straight, self.venue) == said(self.plain, self.venue), entry.payload[:300]

    def compare_books(self) -> None:
        assert books(self.straight, self.venue) == books(self.plain, self.venue)


def said(market: Market, venue: VenueId) -> Any:
    """What the last input brought, and what everybody else may see of it."""
    changed = {name: top(sync.book.top) for name, sync in market.take_changed().items()}
    transitions = [(t.sync.id, t.state, t.reason) for t in market.transitions]
    market.transitions.clear()
    syncs = [
        (s.state, s.reason, s.last_frame_at, s.gaps, s.resyncs, s.book.version) for s in market.books[venue].values()
    ]
    commands = [vars(one) if isinstance(one, Switched) else one for one in market.take_commands()]
    return changed, transitions, syncs, commands, msgspec.structs.astuple(counted(market, venue))


def events(market: Market) -> list[Any]:
    """What the last frame meant, for who watches connections."""
    return [(e.symbol, e.version, e.event_time) if type(e) is BookDelta else e for e in market.events]


class Counted(msgspec.Struct):
    frames: int
    tops: int
    trades: int
    unknown: int
    refusals: list[str]


def counted(market: Market, venue: VenueId) -> Counted:
    counts = market.counts[venue]
    return Counted(counts.frames, counts.tops, counts.trades, counts.unknown, counts.refusals)


def top(found: Any) -> Any:
    if found is None:
        return None
    return (
        str(found.bid), str(found.bid_size), str(found.ask), str(found.ask_size),
        found.version, found.event_time, found.received_at,
    )  # fmt: skip


def books(market: Market, venue: VenueId) -> Any:
    return {
        symbol: [[(str(p), str(q)) for p, q in sync.book.levels(is_bid)] for is_bid in (True, False)]
        for symbol, sync in market.books[venue].items()
    }


def inputs(venue: str, most: int) -> Iterator[Input]:
    return islice(read(RECORDINGS / OF_RECORDINGS[venue][0], venue.partition(" ")[0]), most)


@needs_recordings
@pytest.mark.parametrize("venue", OF_RECORDINGS)
def test_a_recording_means_the_same(venue: str) -> None:
    pair, frames = Pair(venue), 0
    for number, entry in enumerate(inputs(venue, 1500), 1):
        pair.receive(entry)
        frames += entry.direction is Direction.RECV
        if number % 300 == 0:
            pair.compare_books()
    pair.compare_books()
    assert pair.taken >= OF_RECORDINGS[venue][1] * frames
    assert not any(c.lane is not None and c.lane.disproved for c in pair.straight._connections.values())


def before_a_taken_frame(venue: str) -> tuple[list[Input], Input]:
    """The inputs up to the tenth frame that a lane takes, and that frame."""
    pair = Pair(venue)
    seen: list[Input] = []
    for entry in inputs(venue, 1500):
        pair.receive(entry)
        if pair.taken == 10:
            return seen, entry
        seen.append(entry)
    raise AssertionError(f"no lane took ten frames of {venue}")


@needs_recordings
@pytest.mark.slow
@pytest.mark.parametrize("venue", OF_RECORDINGS)
def test_a_damaged_frame_means_the_same(venue: str) -> None:
    seen, entry = before_a_taken_frame(venue)
    judge(venue, seen, entry, 100)


def judge(venue: str, seen: Sequence[Input], entry: Input, many: int) -> None:
    taken = 0
    for damaged in mutations(entry.payload, many):
        pair = Pair(venue)
        for one in seen:
            pair.straight.receive(one)
            pair.plain.receive(one)
        said(pair.straight, pair.venue), said(pair.plain, pair.venue)
        pair.receive(msgspec.structs.replace(entry, payload=damaged))
        pair.compare_books()
        taken += pair.taken
        pair.receive(msgspec.structs.replace(entry, seq=entry.seq + 1))
        pair.compare_books()
    assert taken, "none of the damaged frames was one of the shape: nothing was compared"


OKX = '{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"%s","data":[{"asks":[["8476.98","%s","0","13"]],"bids":[["8476.97","256","0","12"]],"ts":"1597026383085","checksum":0,"seqId":%d,"prevSeqId":%d}]}'  # noqa: E501
GEMINI = '{"e":"depthUpdate","E":1751508260659505382,"s":"btcusd","U":%d,"u":%d,"b":[["45000.50","%d.25000000"]],"a":[["45001.00","0.75000000"]]}'  # noqa: E501
SUBSCRIBED = (
    '{"event":"subscribed","channel":"book","chanId":%d,"symbol":"%s","prec":"P0","freq":"F0","len":"250","pair":"x"}'
)
BYBIT = '{"topic":"orderbook.50.BTCUSDT","type":"%s","ts":1687940967466,"data":{"s":"BTCUSDT","b":[["30247.20","%d.5"]],"a":[["30248.70","2"]],"u":%d,"seq":%d},"cts":%d}'  # noqa: E501

IDS_OF_GEMINI = [(9, 9), (9, 12), (12, 14), (12, 14), (14, 20), (21, 22), (30, 30), (30, 31), (31, 40)]

WRITTEN: dict[str, tuple[str, list[str], int]] = {
    "okx: a step, nothing new, a reset, the steps after it, a gap": (
        "okx",
        [
            OKX % told
            for told in [
                ("snapshot", "1", 10, -1), ("update", "2", 15, 10), ("update", "3", 17, 15), ("update", "3", 17, 17),
                ("update", "4", 3, 17), ("update", "5", 9, 3), ("update", "6", 12, 9), ("update", "7", 20, 19),
                ("snapshot", "1", 30, -1), ("update", "2", 31, 30), ("update", "2", 32, 31),
            ]
        ],
        2,
    ),
    "gemini: a snapshot, steps, a repeated one, a gap, an answer, a snapshot": (
        "gemini",
        [
            text for n, ids in enumerate(IDS_OF_GEMINI, 1)
            for text in (['{"id":"btcusd","status":200}'] * (ids == (30, 30)) + [GEMINI % (*ids, n)])
        ],
        3,
    ),
    "bybit: steps, no engine's time, a repeated one, a gap, a restart": (
        "bybit",
        [
            BYBIT % told
            for told in [
                ("snapshot", 1, 5, 100, 7), ("delta", 2, 6, 101, 7), ("delta", 3, 7, 105, 7), ("delta", 4, 8, 106, 0),
                ("delta", 4, 8, 106, 8), ("delta", 4, 7, 105, 8), ("delta", 5, 10, 120, 8), ("snapshot", 1, 1, 130, 9),
                ("delta", 2, 2, 131, 9), ("delta", 3, 3, 140, 9),
            ]
        ],
        2,
    ),
    "bitfinex: a level, a small number, other frames between, the id of another channel, a gap": (
        "bitfinex",
        [
            SUBSCRIBED % (7, "tBTCUSD"), "[7,[[7254.7,3,3.3],[7255.5,1,-2]],1,1618677549379]",
            "[7,[7254.6,1,1.50],2,1618677549380]", "[7,[7255.6,2,-0.5],3,1618677549381]", '[7,"hb",4,1618677549381]',
            "[7,[7254.6,0,1],5,1618677549382]", "[7,[7255.5,1,-1e-7],6,1618677549383]", "[7,[7255.5,0,-1],7]",
            SUBSCRIBED % (7, "tETHUSD"), "[7,[[100,3,3.3],[101,1,-2]],8]", "[7,[100,1,1.50],9]", "[7,[101,1,-9],10]",
            "[7,[100,1,2.50],12]",
        ],
        4,
    ),
}  # fmt: skip


def written(venue: str, texts: Iterable[str]) -> list[Input]:
    at = 1_790_000_000_000_000_000
    return [
        Input(number, number, at + number, Direction.RECV, venue, f"{venue}#1", "", text.encode())
        for number, text in enumerate(texts, 1)
    ]


@pytest.mark.parametrize("name", WRITTEN)
def test_what_the_documentation_writes_means_the_same(name: str) -> None:
    venue, texts, least = WRITTEN[name]
    entries, pair = written(venue, texts), Pair(venue)
    for entry in entries:
        pair.receive(entry)
        pair.compare_books()
    assert pair.taken >= least
    for last in range(3, len(entries)):
        judge_all(venue, entries[:last], entries[last])


def judge_all(venue: str, seen: Sequence[Input], entry: Input) -> None:
    """Forty damaged copies, whether or not the lane takes one."""
    for damaged in mutations(entry.payload, 40):
        pair = Pair(venue)
        for one in [*seen, msgspec.structs.replace(entry, payload=damaged), entry]:
            pair.receive(one)
        pair.compare_books()


def test_a_lane_that_reads_otherwise_than_its_codec_takes_nothing() -> None:
    venue, texts, _ = WRITTEN["okx: a step, nothing new, a reset, the steps after it, a gap"]
    plugin = registry.exchange(venue)

    def feed() -> Any:
        codec: Any = plugin.feed()
        wrong = OKX.replace("%s", "update", 1).replace('"%s"', '"2"').replace("1597026383085", "<ms>")
        wrong = wrong.replace("BTC-USDT", "<symbol>").replace("%d", "<previous>", 1).replace("%d", "<version>", 1)
        wrong = wrong.replace('[["8476.98","2","0","13"]]', "<asks>").replace('[["8476.97","256","0","12"]]', "<bids>")
        codec.lane = core.Lane(codec.rule.level_format, [wrong])
        return codec

    market = Market({plugin.venue: replace(plugin, feed=feed, dialects=())})
    for entry in written(venue, texts[:4]):
        market.receive(entry)
        assert market._lane is None
    lane = next(iter(market._connections.values())).lane
    assert lane is not None and lane.disproved


def test_an_old_connection_goes_straight_no_more_once_another_is_to_replace_it() -> None:
    venue = "okx"
    told = [
        ("okx#1", "snapshot", "1", 10, -1), ("okx#1", "update", "2", 15, 10), ("okx#1", "update", "3", 17, 15),
        (twin("okx#1"), "", "", 0, 0), ("okx#1", "update", "4", 20, 17), (twin("okx#1"), "snapshot", "4", 20, -1),
        ("okx#1", "update", "9", 21, 20), (twin("okx#1"), "update", "5", 21, 20), ("okx#1", "update", "9", 22, 21),
        (twin("okx#1"), "update", "6", 22, 21), (twin("okx#1"), "update", "7", 23, 22),
    ]  # fmt: skip
    pair, at, straight = Pair(venue), 1_790_000_000_000_000_000, []
    pair.receive(Input(1, 1, at, Direction.OPEN, venue, "okx#1", "wss://ws.okx.com:8443/ws/v5/public", b""))
    for number, (conn, *rest) in enumerate(told, 2):
        text = (OKX % tuple(rest)).encode() if rest[0] else b""
        kind, url = (Direction.RECV, "") if rest[0] else (Direction.OPEN, "wss://ws.okx.com:8443/ws/v5/public")
        pair.receive(Input(number, number, at + number, kind, venue, conn, url, text))
        pair.compare_books()
        straight.append(pair.taken)
    assert straight == [0, 0, 1, 1, 1, 1, 1, 1, 1, 2, 3]
    assert str(pair.straight.books[pair.venue]["BTC-USDT"].book.top.ask_size) == "7"  # type: ignore[union-attr]
