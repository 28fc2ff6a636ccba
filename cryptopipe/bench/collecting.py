"""`bench collect`: collectors of eight simulated venues under frames at a given pace from another process.

Enters: a load, the interpreter of a peer. Leaves: processor time and bytes a frame, beside cryptofeed's raw writer on
the same frames in the same run; what was wrong. Never: a frame that counts and is not in a capture, byte by byte.
"""

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time_ns

from cryptopipe import __version__, core, registry
from cryptopipe.bench.load import Load, Outcome
from cryptopipe.bench.load_figures import Meter
from cryptopipe.bench.load_frames import dealt, parted
from cryptopipe.bench.load_generator import Listening, Order
from cryptopipe.bench.report import Peer, Report, Row, Spread
from cryptopipe.bench.sender import (
    MADE_WITHIN_S,
    TOLD_WITHIN_S,
    Receiving,
    cores_allowed,
    generator,
    lost_on,
    of_sender,
    on_last,
    told_by,
    uncaptured,
)
from cryptopipe.bench.sides import BenchFailed, busy
from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.capture.reader import read
from cryptopipe.capture.writer import Writer
from cryptopipe.clock import Stamper
from cryptopipe.collect.collector import SPILL_AT, Collector, Collectors, Means
from cryptopipe.collect.layout import sealed_files
from cryptopipe.collect.plan import Plan, Wanted
from cryptopipe.collect.sessions import begin
from cryptopipe.drivers.pace import Sent
from cryptopipe.drivers.stop import stop_on_interrupt
from cryptopipe.market.market import Market
from cryptopipe.market.sync import Kept
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.facts import Asset, VenueId
from cryptopipe.model.stream import Subscription
from cryptopipe.sandbox.world import simulated

VENUES = 8
_WANTED = (Wanted("trade"), Wanted("book", 1000, 5), Wanted("top"))
_PEER = "cryptofeed raw writer"
_WRITTEN = 200_000
"""Frames that each writer is given."""


def largest() -> dict[VenueId, ExchangePlugin]:
    """Of the installed venues that can be simulated those with the most instruments. Raises `BenchFailed`."""
    able = {one.venue: one for one in registry.exchanges().values() if one.sandbox}
    counts = {venue: len(simulated(one, _assets({venue: one}))) for venue, one in able.items()}
    if not able:
        raise BenchFailed("no installed exchange brings a simulated venue", where="plugins")
    chosen = sorted(able, key=lambda venue: (-counts[venue], venue))[:VENUES]
    return {venue: able[venue] for venue in chosen}


def _assets(plugins: Mapping[VenueId, ExchangePlugin]) -> frozenset[Asset]:
    listed = [one for plugin in plugins.values() for one in plugin.instruments.listed()]
    return frozenset(one.base for one in listed) | frozenset(one.quote for one in listed)


def measure(load: Load, peers_python: str, tell: Callable[[str], None] = lambda _: None) -> Outcome:
    """One load. Raises `BenchFailed` if the sender does not do its work, `KeyboardInterrupt` if the user stops it."""
    notes = busy()
    plugins = largest()
    assets = sorted(map(str, _assets(plugins)))
    parts = parted(plugins, assets, VENUES, trades=True)
    plugins = {venue: dealt(plugins[venue], ones) for venue, ones in parts.items()}
    conns = [f"{venue}#{n}" for venue, ones in parts.items() for n in range(1, len(ones) + 1)]
    with TemporaryDirectory(prefix="cryptopipe-collect-") as name:
        directory = Path(name)
        order = Order(list(plugins), assets, load.seed, load.schedule, str(directory / "order"),
                      min(cores_allowed(), default=None), load.lose, VENUES, True)  # fmt: skip
        wanted = {venue: [one for part in ones for one in part] for venue, ones in parts.items()}
        collecting = _Collecting(plugins, directory, wanted)
        tell(f"making {load.schedule.frames:,} frames for {len(conns)} connections")
        meter = Meter(conns, collecting.take, collecting.turn_ended)
        listening, sent = _under_load(order, collecting, meter, tell)
        problems = lost_on(conns, listening, meter) + uncaptured(collecting.captures, conns, listening)
        notes += of_sender(sent, listening, load.schedule) if sent is not None else []
        notes += collecting.told(meter)
        tell("writing the same frames again, without sockets")
        rows = [
            collecting.row(sum(listening.frames)),
            *_writers(collecting.captures, directory, peers_python, notes),
        ]
    hashed = sha256("".join(listening.sha256).encode()).hexdigest()
    versions = {"cryptopipe": __version__, "websockets": version("websockets"), "pyarrow": version("pyarrow")}
    return Outcome(Report("collect", core.NAME, versions, hashed, rows, notes), problems + collecting.gaps())


def _under_load(
    order: Order, collecting: "_Collecting", meter: Meter, tell: Callable[[str], None]
) -> tuple[Listening, Sent | None]:
    """Collect until everything has come; what the sender told, None where frames are missing."""
    with stop_on_interrupt() as stop, on_last(cores_allowed()), generator(order) as process:
        listening = told_by(process, Listening, MADE_WITHIN_S, stop)
        tell("sending")
        receiving = Receiving(order.schedule, meter, listening)
        streams = receiving.streams(
            collecting.plugins, collecting.books, collecting.wanted, collecting.collectors.looked
        )  # fmt: skip
        collecting.begin(lambda: len(meter.ready))
        why = streams.run(stop, None)
        if why == "interrupt":
            raise KeyboardInterrupt
        sent = told_by(process, Sent, TOLD_WITHIN_S, stop) if why == "all received" else None
        collecting.end()
    return listening, sent


class _Collecting:
    """Collectors of these venues, as `cryptopipe collect` makes them."""

    def __init__(
        self,
        plugins: Mapping[VenueId, ExchangePlugin],
        directory: Path,
        wanted: Mapping[VenueId, Sequence[Subscription]],
    ) -> None:
        self.plugins, self.data_dir, self.wanted = plugins, directory / "data", wanted
        self._stamp = Stamper()
        self.books, self.collectors = Market(plugins, Kept(0, 1 << 16)), Collectors()
        self.captures: list[Path] = []
        self._began = self._used = self._rows = 0

    def begin(self, waiting: Callable[[], int]) -> None:
        """Sessions and captures."""
        means = Means(self._stamp, waiting)
        for venue, plugin in self.plugins.items():
            session = begin(self.data_dir, venue, self._stamp())
            self.captures.append(session.path)
            made = Collector(self.data_dir, plugin, Plan(venue, None, _WANTED), session, means)
            self.collectors.by_venue[venue] = made
            made.begin()

    def take(self, entry: Input) -> None:
        """One input."""
        if not self._began and entry.direction is Direction.RECV:
            self._began = process_time_ns()
        self.collectors.take(entry)
        self.books.receive(entry)

    def turn_ended(self, at: int) -> None:
        """Between two turns."""
        for noted in (self.books.transitions, self.books.changed, self.books.appeared, self.books.listings.news):
            noted.clear()
        self.collectors.turn_ended(at)

    def end(self) -> None:
        """Seal everything."""
        self._rows = sum(self.collectors.end().values())
        self._used = process_time_ns() - self._began

    def gaps(self) -> list[str]:
        """Books that lost something, frames that could not be read."""
        problems = []
        for venue in self.plugins:
            counts = self.books.counts[venue]
            if counts.refused:
                problems.append(f"{venue}: {counts.refused} frames were refused: {counts.refusals[-1]}")
            lost = [one for one in self.books.books[venue].values() if one.gaps]
            problems += [f"{venue} {one.instrument.symbol}: {one.gaps} gaps" for one in lost]
        return problems

    def told(self, meter: Meter) -> list[str]:
        """What was written, and how long queues became."""
        files = [file for venue in self.plugins for file in sealed_files(self.data_dir, venue)]
        sizes = sum(file.stat().st_size for file in files)
        spills = sum(one.status(0)["spills"] for one in self.collectors.by_venue.values())
        instruments = sum(len({one.instrument.symbol for one in ones}) for ones in self.wanted.values())
        return [
            f"{self._rows:,} rows of {instruments} instruments at {len(self.plugins)} venues in {len(files)} files,"
            f" {sizes / max(1, self._rows):.1f} bytes a row",
            f"most arrivals that waited for a turn: {meter.ready.most:,}",
            f"rows were put off {spills} times: after a turn {SPILL_AT:,} arrivals or more waited",
        ]

    def row(self, frames: int) -> Row:
        """Processor time of the whole process a frame, until all is sealed."""
        each = self._used / frames / 1000
        return Row("collect over sockets: capture, trades, books, tops", frames, "us/frame", Spread(each, each, each))


def _writers(captures: Sequence[Path], directory: Path, peers_python: str, notes: list[str]) -> list[Row]:
    """Our capture alone and the peer's raw writer, the same frames: processor time and bytes a frame."""
    frames: list[Input] = []
    for capture in captures:
        of_capture = [entry for entry in read(capture) if entry.direction is Direction.RECV]
        frames += of_capture[: _WRITTEN // len(captures)]
    frames.sort(key=lambda entry: entry.at)
    began = process_time_ns()
    with Writer(directory / "alone") as writer:
        for seq, entry in enumerate(frames, 1):
            writer.append(numbered(entry, seq))
    ours = (process_time_ns() - began) / len(frames) / 1000
    size = sum(file.stat().st_size for file in (directory / "alone").iterdir()) / len(frames)
    times: dict[str, Peer] = {}
    sizes: dict[str, Peer] = {}
    found = _peer(frames, directory, peers_python)
    if "absent" in found:
        notes.append(f"{_PEER}: absent ({found['absent']})")
    else:
        took, held = (float(found[key]) / len(frames) for key in ("us", "bytes"))
        told = f"cryptofeed {found['version']}, AsyncFileCallback: text lines, no rows, no proof"
        times[_PEER] = Peer(Spread(took, took, took), "nothing", told)
        sizes[_PEER] = Peer(Spread(held, held, held), "nothing", told)
    text = sum(len(entry.payload) for entry in frames) / len(frames)
    notes.append(f"the frames have {text:.0f} bytes on average")
    return [
        Row("raw capture alone", len(frames), "us/frame", Spread(ours, ours, ours), peers=times),
        Row("raw capture on disk", len(frames), "bytes/frame", Spread(size, size, size), peers=sizes),
    ]


def numbered(entry: Input, seq: int) -> Input:
    """The same input under another number."""
    return Input(seq, seq, entry.at, entry.direction, entry.venue, entry.conn, entry.url, entry.payload)


def _peer(frames: Sequence[Input], directory: Path, python: str) -> dict[str, str]:
    script = Path(__file__).parents[2] / "bench" / "peers_raw.py"
    if not script.is_file():
        return {"absent": "bench/peers_raw.py is in the repository only"}
    corpus = directory / "frames.jsonl"
    with corpus.open("w", encoding="utf-8") as out:
        for entry in frames:
            out.write(json.dumps([entry.conn, entry.at / 1e9, entry.payload.decode(errors="replace")]) + "\n")
    target = directory / "peer"
    target.mkdir()
    done = subprocess.run(
        [python, str(script), str(corpus), str(target)], capture_output=True, text=True, timeout=600, check=False
    )
    if done.returncode:
        raise BenchFailed(f"ended with {done.returncode}: {done.stderr[-300:]}", where=_PEER)
    told: dict[str, str] = json.loads(done.stdout)
    return told
