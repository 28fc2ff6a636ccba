"""Figures of a market, real or simulated, by one piece of code.

Enters: recordings (CRYPTOPIPE_RECORDINGS) through our own codecs and books; the engines and the sessions of a simulated
market. Leaves: a `Tally` an instrument, and the sizes of `Frames`. Never: a figure taken from the parameters.
"""

import gzip
import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import log, sqrt
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from cryptopipe.clock import MILLISECOND, SECOND, Nanos, parse_epoch
from cryptopipe.market.sync import BookState, BookSync
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.events import BookDelta, BookSnapshot, Resync, TopUpdate, Trade
from cryptopipe.model.facts import Instrument, Kind
from cryptopipe.model.simulated import Outgoing, SandboxSession, SandboxVenue, Say
from cryptopipe.model.stream import USUAL_CHANNELS, FeedCodec, HttpResponse, Subscription
from cryptopipe.sandbox.world import World

ROOT = Path(__file__).parents[1]
RECORDINGS = Path(os.environ.get("CRYPTOPIPE_RECORDINGS", ROOT.parent / "shared" / "fixtures"))
YEAR_S = 365 * 24 * 3600
LOOK: Nanos = 100 * MILLISECOND
"""Tops are looked at this often on either side: venues send at different paces, and this is the slowest."""

DOLLARS = {"BTC": 61_000.0, "ETH": 2_300.0, "EUR": 1.2, "CHF": 1.09, "GBP": 1.38, "SOL": 145.0, "BNB": 500.0}
"""What a unit of a quote asset was worth when it was recorded, roughly; every other is taken as a dollar."""

Rows = list[tuple[float, float]]


@dataclass
class Tally:
    """What is seen of one instrument: tops and depths at each look, trades, frames."""

    id: str
    tick: float
    dollars: float
    in_dollars: bool = True
    contract: float = 1.0
    looks: int = 0
    spreads: list[float] = field(default_factory=list)
    widths: list[float] = field(default_factory=list)
    tops: list[float] = field(default_factory=list)
    within: list[float] = field(default_factory=list)
    mids: list[float] = field(default_factory=list)
    changed: int = 0
    moved: int = 0
    trades: list[float] = field(default_factory=list)
    _last: tuple[float, ...] = ()

    def look(self, bids: Rows, asks: Rows) -> None:
        """The book at the next look; best levels first, (price, size)."""
        if not bids or not asks:
            return
        self.looks += 1
        (bid, bid_size), (ask, ask_size) = bids[0], asks[0]
        mid = (bid + ask) / 2
        top = (bid, ask, bid_size, ask_size)
        if self._last:
            self.changed += top != self._last
            self.moved += top[:2] != self._last[:2]
        self._last = top
        self.spreads.append((ask - bid) / mid * 1e4)
        self.widths.append((ask - bid) / self.tick)
        self.mids.append(mid)
        worth = self.dollars * self.contract
        self.tops += [bid * bid_size * worth, ask * ask_size * worth]
        for rows, sign in ((bids, 1), (asks, -1)):
            self.within.append(sum(p * s for p, s in rows if sign * (mid - p) <= mid * 1e-3) * worth)

    def trade(self, price: float, size: float) -> None:
        """A trade print."""
        self.trades.append(price * size * self.dollars * self.contract)

    @property
    def seconds(self) -> float:
        """How long it was looked at."""
        return self.looks * LOOK / SECOND

    def volatility(self) -> float:
        """Of mids a second apart, a year, as a fraction."""
        every = SECOND // LOOK
        mids = self.mids[::every]
        squares = [log(b / a) ** 2 for a, b in pairwise(mids)]
        return sqrt(sum(squares) / len(squares) * YEAR_S) if squares else 0.0


@dataclass
class Frames:
    """Sizes of frames by what they carry."""

    sizes: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def frame(self, raw: bytes, kinds: Iterable[str]) -> None:
        """One frame and the kinds of its events."""
        kind = next(iter(kinds), None)
        if kind is not None:
            self.sizes[kind].append(len(raw))


KINDS = {BookSnapshot: "snapshot", BookDelta: "delta", TopUpdate: "top", Trade: "trades"}


class Reader:
    """One connection's frames through a codec and the framework's books."""

    def __init__(self, plugin: ExchangePlugin, codec: FeedCodec, frames: Frames) -> None:
        self.plugin, self.codec, self.frames = plugin, codec, frames
        self.books: dict[str, BookSync] = {}
        self.trades: list[Trade] = []

    def book(self, symbol: str) -> BookSync:
        """The book of a symbol, made when first asked for."""
        if symbol not in self.books:
            self.books[symbol] = BookSync(self.plugin.instruments.find(symbol), self.codec.rule)
        return self.books[symbol]

    def frame(self, raw: bytes, at: Nanos) -> None:
        """Decodes one frame and brings the books up to it."""
        events = list(self.codec.decode(raw, at))
        self.frames.frame(raw, (KINDS[type(e)] for e in events if type(e) in KINDS))
        for event in events:
            if isinstance(event, Trade):
                self.trades.append(event)
            elif isinstance(event, BookSnapshot):
                self.snapshot(event, at)
            elif isinstance(event, BookDelta):
                self._lives(self.book(event.symbol).delta(event, at))

    def snapshot(self, snapshot: BookSnapshot, at: Nanos) -> None:
        """A snapshot of the stream or of an answer."""
        self._lives(self.book(snapshot.symbol).snapshot(snapshot, at))

    def _lives(self, outcome: object) -> None:
        if isinstance(outcome, Resync):
            raise SystemExit(f"{self.plugin.venue}: {outcome.reason}")


def levels(sync: BookSync, bids: bool) -> Rows:
    """Of a live book, as floats."""
    return [(float(p), float(s)) for p, s in sync.book.levels(bids, 400)] if sync.state is BookState.LIVE else []


def spoken(plugin: ExchangePlugin, url: str, first: bytes) -> FeedCodec:
    """The codec of a connection, as the framework chooses it."""
    return next((d.feed() for d in plugin.dialects if d.speaks(url, first)), plugin.feed())


def read_lines(name: str) -> Iterator[dict[str, str]]:
    """The lines of a recording."""
    with gzip.open(RECORDINGS / name, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def codec_of(plugin: ExchangePlugin, name: str) -> FeedCodec:
    """The codec that speaks the dialect of a recording."""
    first = next(line for line in read_lines(name) if line["dir"] == "recv")
    url = next((line.get("url") or "" for line in read_lines(name) if line["dir"] == "connect"), "")
    return spoken(plugin, url, first["raw"].encode())


def tick_of(instrument: Instrument, sync: BookSync) -> float:
    """Stated by the rules, or the finest step between the levels that a book has."""
    if instrument.rules is not None:
        return float(instrument.rules.tick)
    prices = sorted(p for side in (True, False) for p, _ in sync.book.levels(side))
    return float(min(b - a for a, b in pairwise(prices)))


def recorded(name: str, plugin: ExchangePlugin, only: str) -> tuple[list[Tally], Frames]:
    """Figures of every instrument of a recording; `only` owns the answers without a URL."""
    frames = Frames()
    reader, tallies, due = Reader(plugin, codec_of(plugin, name), frames), dict[str, Tally](), 0
    for line in read_lines(name):
        at, raw = parse_epoch(line["ts"]), line.get("raw", "").encode()
        while due and due <= at:
            _look(reader, tallies)
            due += LOOK
        if line["dir"] == "http" and plugin.snapshots is not None:
            symbol = plugin.snapshots.symbol_of(line["url"]) if line.get("url") else only
            assert symbol is not None, f"{name}: whose snapshot is {line['url']}?"
            frames.sizes["snapshot"].append(len(raw))
            reader.snapshot(plugin.snapshots.snapshot(symbol, HttpResponse(200, raw), at), at)
        elif line["dir"] == "recv":
            reader.frame(raw, at)
        due = due or at + LOOK
        for trade in reader.trades:
            if trade.symbol in tallies:
                tallies[trade.symbol].trade(float(trade.price), float(trade.size))
        reader.trades.clear()
    return list(tallies.values()), frames


def _look(reader: Reader, tallies: dict[str, Tally]) -> None:
    for symbol, sync in reader.books.items():
        if sync.state is not BookState.LIVE:
            continue
        if symbol not in tallies:
            one = sync.instrument
            dollars, contract = DOLLARS.get(one.quote, 1.0), float(one.contract_size)
            if one.kind is Kind.INVERSE_PERPETUAL:
                continue
            tallies[symbol] = Tally(one.id, tick_of(one, sync), dollars, contract=contract)
        tallies[symbol].look(levels(sync, True), levels(sync, False))


STEP: Nanos = 5 * MILLISECOND


class Client:
    """One connection to a simulated venue, read as the framework would read it."""

    def __init__(self, plugin: ExchangePlugin, venue: SandboxVenue, wanted: Sequence[Subscription], at: Nanos) -> None:
        connect = plugin.feed().connect(wanted, None, at)
        parts = urlsplit(connect.url)
        opened = venue.open(f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/", at)
        assert not isinstance(opened, HttpResponse), f"{plugin.venue} refused {connect.url}: {opened}"
        self.frames = Frames()
        self._plugin, self._venue, self._url = plugin, venue, connect.url
        self._session: SandboxSession = opened
        self._reader: Reader | None = None
        self._instruments = {one.instrument.symbol: one.instrument for one in wanted}
        for text in connect.frames:
            self._read(opened.receive(text, at), at)

    def step(self, at: Nanos) -> None:
        """Reads what has been published by now."""
        self._read(self._session.publish(at), at)

    def _read(self, said: Iterable[Outgoing], at: Nanos) -> None:
        for one in said:
            if isinstance(one, Say):
                raw = one.text.encode()
                if self._reader is None:
                    self._reader = Reader(self._plugin, spoken(self._plugin, self._url, raw), self.frames)
                self._reader.frame(raw, at)
        if self._reader is not None:
            self._ask(self._reader, at)

    def _ask(self, reader: Reader, at: Nanos) -> None:
        """For the snapshots that come by request."""
        snapshots = self._plugin.snapshots
        for symbol, sync in reader.books.items() if snapshots is not None else ():
            if sync.state is BookState.SYNCING:
                assert snapshots is not None
                request = snapshots.request(self._instruments[symbol])
                parts = urlsplit(request.url)
                answer = self._venue.answer(msgspec.structs.replace(request, url=f"{parts.path}?{parts.query}"), at)
                reader.frames.sizes["snapshot"].append(len(answer.body))
                reader.snapshot(snapshots.snapshot(symbol, answer, at), at)


def frames_of(market: World, plugin: ExchangePlugin, seconds: int) -> Frames:
    """What a client of a simulated venue gets that follows its bitcoin markets, read and checked by our own books."""
    books = market.books[plugin.venue]
    assert plugin.sandbox is not None, f"{plugin.venue} brings no sandbox"
    venue = plugin.sandbox(books)
    wanted = [
        Subscription(b.instrument, c) for b in books.values() if b.instrument.base == "BTC" for c in USUAL_CHANNELS
    ]
    begin, frames = market.now, Frames()
    clients = [Client(plugin, venue, part, begin) for part in plugin.split(wanted)]
    for at in range(begin + STEP, begin + seconds * SECOND, STEP):
        market.advance(at)
        for client in clients:
            client.step(at)
    for client in clients:
        for kind, sizes in client.frames.sizes.items():
            frames.sizes[kind] += sizes
    return frames
