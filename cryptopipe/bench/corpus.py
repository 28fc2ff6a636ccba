"""The frames of one measurement, the same for every side: snapshots to begin with, and the depth frames to time.

Enters: a recording and its venue's plugin. Leaves: a `Corpus`. Never: a frame that one side gets and another does not,
or a depth frame that the venue's rule calls older than its snapshot.
"""

import re
from hashlib import sha256

import msgspec

from cryptopipe.bench.recordings import Recording
from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.capture.reader import read
from cryptopipe.errors import CaptureError, ProtocolError
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.events import BookDelta, BookSnapshot
from cryptopipe.model.stream import FeedCodec, HttpResponse, Link

FRAMES_A_PASS = 4000
"""A recording with fewer depth frames is given to that many fresh books in turn."""


class Snapshot(msgspec.Struct):
    """The state to begin from: a frame of the stream, or (`request` not empty) the answer to that URL."""

    symbol: str
    raw: str
    request: str = ""


class Corpus(msgspec.Struct):
    """What every side gets. `symbols` maps to base, quote and kind; `frames` are (stamp, text), the timed ones.

    `opening` are frames without which the stream means nothing. `earlier` are for a side that asks what came before the
    first difference: of each symbol the last one that its snapshot, an answer to a request, holds already.
    """

    name: str
    venue: str
    symbols: dict[str, tuple[str, str, str]]
    snapshots: list[Snapshot]
    frames: list[tuple[int, str]]
    tiles: int
    proof: str
    opening: list[str] = []
    earlier: list[str] = []

    @property
    def sha256(self) -> str:
        """Of every text that is given, in order."""
        told = sha256()
        before = [*self.opening, *self.earlier, *(one.raw for one in self.snapshots)]
        for text in before + [raw for _, raw in self.frames]:
            told.update(text.encode() + b"\n")
        return told.hexdigest()


class _Reading:
    """One pass over a recording, sorted into snapshots and differences by the plugin's own codec."""

    def __init__(self, plugin: ExchangePlugin, opening: str) -> None:
        self.plugin = plugin
        self.opens = re.compile(opening or r"(?!)")
        self.opening: list[str] = []
        self.codec: FeedCodec | None = None
        self.snapshots: dict[str, tuple[int, BookSnapshot, Input]] = {}
        self.answers: list[Input] = []
        self.deltas: list[tuple[int, BookDelta, Input]] = []

    def take(self, number: int, entry: Input) -> None:
        if entry.direction is Direction.HTTP:
            self.answers.append(entry)
        elif entry.direction is Direction.RECV:
            if self.codec is None:
                spoken = next((d for d in self.plugin.dialects if d.speaks("", entry.payload)), None)
                self.codec = (spoken or self.plugin).feed()
            events = tuple(self.codec.decode(entry.payload, entry.at))
            if self.opens.search(text := entry.payload.decode(errors="replace")):
                self.opening.append(text)
            for event in events:
                if isinstance(event, BookSnapshot):
                    self.snapshots.setdefault(event.symbol, (number, event, entry))
                elif isinstance(event, BookDelta):
                    self.deltas.append((number, event, entry))

    def answered(self) -> dict[str, tuple[BookSnapshot, Input]]:
        """Each symbol's first REST snapshot. An answer without URL is that of the only symbol."""
        codec, found = self.plugin.snapshots, dict[str, tuple[BookSnapshot, Input]]()
        only = {event.symbol for _, event, _ in self.deltas}
        for entry in self.answers if codec else []:
            assert codec is not None
            symbol = codec.symbol_of(entry.url) if entry.url else next(iter(only)) if len(only) == 1 else None
            if symbol is not None:
                snapshot = codec.snapshot(symbol, HttpResponse(200, entry.payload, entry.url), entry.at)
                assert isinstance(snapshot, BookSnapshot)  # a recording of single orders is not measured here
                found.setdefault(symbol, (snapshot, entry))
        return found


def build(recording: Recording, plugin: ExchangePlugin) -> Corpus:
    """Read a recording. Raises `CaptureError` if it holds no depth frame that a snapshot makes a book of."""
    reading = _Reading(plugin, recording.opening)
    for number, entry in enumerate(read(recording.path, recording.venue)):
        reading.take(number, entry)
    codec = reading.codec
    snapshots, begin = _snapshots(reading)
    frames: list[tuple[int, str]] = []
    kept: dict[str, bool] = {}
    earlier: dict[str, str] = {}
    for number, delta, entry in reading.deltas:
        symbol = delta.symbol
        if symbol not in begin or (recording.only and symbol not in recording.only) or codec is None:
            continue
        after, version = begin[symbol]
        if number <= after or (not kept.get(symbol) and codec.rule.join(version, delta) is Link.SKIP):
            if codec.rule.snapshot_by_request:
                earlier[symbol] = entry.payload.decode()
            continue
        kept[symbol] = True
        frames.append((entry.at, entry.payload.decode()))
    if not frames or codec is None:
        raise CaptureError("no depth frame that belongs to a snapshot", where=str(recording.path))
    corpus = Corpus(
        name=recording.name,
        venue=recording.venue,
        symbols={symbol: _assets(plugin, symbol) for symbol in kept},
        snapshots=[one for one in snapshots if one.symbol in kept],
        frames=frames,
        tiles=-(-FRAMES_A_PASS // len(frames)),
        proof=codec.rule.proof.value,
        opening=[text for text in reading.opening if any(symbol in text for symbol in kept)],
        earlier=[text for symbol, text in earlier.items() if symbol in kept],
    )
    return _renumbered(corpus, recording) if recording.renumber else corpus


def _snapshots(reading: _Reading) -> tuple[list[Snapshot], dict[str, tuple[int, int]]]:
    """The snapshots, and of each symbol the line after which, and the version from which, differences count."""
    begin: dict[str, tuple[int, int]] = {}
    found: list[Snapshot] = []
    for symbol, (number, event, entry) in reading.snapshots.items():
        begin[symbol] = (number, event.version)
        found.append(Snapshot(symbol, entry.payload.decode()))
    codec = reading.plugin.snapshots
    for symbol, (snapshot, entry) in reading.answered().items():
        assert codec is not None
        begin[symbol] = (-1, snapshot.version)
        instrument = reading.plugin.instruments.find(symbol)
        found.append(Snapshot(symbol, entry.payload.decode(), entry.url or codec.request(instrument).url))
    return found, begin


def _assets(plugin: ExchangePlugin, symbol: str) -> tuple[str, str, str]:
    try:
        instrument = plugin.instruments.find(symbol)
    except ProtocolError as error:
        raise CaptureError(f"a symbol that {plugin.venue} cannot tell: {symbol}") from error
    base, quote = (asset.partition("@")[0] for asset in (instrument.base, instrument.quote))  # as the venue calls them
    return base, quote, instrument.kind.value


def _renumbered(corpus: Corpus, recording: Recording) -> Corpus:
    expression, number = recording.renumber, recording.renumber_from - 1

    def next_number(found: re.Match[str]) -> str:
        nonlocal number
        number += 1
        before, after = found.start(1) - found.start(), found.end(1) - found.start()
        return f"{found[0][:before]}{number}{found[0][after:]}"

    for snapshot in corpus.snapshots:
        snapshot.raw = re.sub(expression, next_number, snapshot.raw, count=1)
    corpus.frames = [(at, re.sub(expression, next_number, raw, count=1)) for at, raw in corpus.frames]
    return corpus
