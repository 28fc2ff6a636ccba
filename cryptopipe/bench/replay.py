"""`bench replay`: how fast recorded inputs run again, from each form of a capture and through the whole pipe.

Enters: recordings. Leaves: a `Report` in frames a second. Never: a file read before its pass began, or a journal that
is kept in memory.
"""

import gc
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import msgspec
import pyarrow as pa

from cryptopipe import __version__, core, registry
from cryptopipe.bench.recordings import Recording
from cryptopipe.bench.report import Report, Row, Spread
from cryptopipe.bench.sides import busy, cpu
from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.capture.merge import Source, merge
from cryptopipe.capture.reader import read
from cryptopipe.capture.writer import Writer
from cryptopipe.journal.log import Log, RecordSink
from cryptopipe.market.market import Market
from cryptopipe.market.sync import BookSync
from cryptopipe.model.facts import VenueId
from cryptopipe.pipe import Pipe

UNIT = "frames/s"
MakePipe = Callable[[Sequence[str], RecordSink], Pipe]
Tell = Callable[[str], None]


class Counting:
    """A strategy that only counts: what asking one costs."""

    def __init__(self) -> None:
        self.asked = 0

    def evaluate(self, changed: BookSync) -> None:
        """Called for each changed top."""
        self.asked += 1


def drive(inputs: Iterable[Input], venue: str, strategy: Counting) -> None:
    """The timed part of the first two rows: every input to the books, every changed instrument to the strategy."""
    market = Market({VenueId(venue): registry.exchange(venue)})
    receive = market.receive
    for entry in inputs:
        receive(entry)
        if market.changed:
            for sync in market.take_changed().values():
                strategy.evaluate(sync)


class _Stock:
    """The recordings as files: as they are, as native captures, and those of the whole pipe as one native capture."""

    def __init__(self, directory: Path, recordings: Sequence[Recording]) -> None:
        self.directory = directory
        self.recordings = recordings
        self.frames = 0
        self.native = [self._write(f"native{n}", [one]) for n, one in enumerate(recordings)]
        self.joined = [one for one in recordings if one.whole_pipe]
        before, self.frames = self.frames, 0
        self.pipe_capture = self._write("joined", self.joined) if self.joined else None
        self.pipe_frames, self.frames = self.frames, before

    def _write(self, name: str, recordings: Sequence[Recording]) -> Path:
        with Writer(self.directory / name) as writer:
            for entry in merge([Source(one.venue, one.path) for one in recordings]):
                writer.append(entry)
                self.frames += entry.direction is Direction.RECV
        return self.directory / name

    @property
    def sha256(self) -> str:
        """Of the recordings' files, in order."""
        told = sha256()
        for path in dict.fromkeys(one.path for one in self.recordings):
            for file in sorted(path.glob("*.arrows")) if path.is_dir() else [path]:
                told.update(file.read_bytes())
        return told.hexdigest()


def measure(recordings: Sequence[Recording], runs: int, make_pipe: MakePipe, tell: Tell = lambda _: None) -> Report:
    """Measure; `make_pipe` gives a fresh pipe for these venues that journals into the sink."""
    notes = busy()
    with TemporaryDirectory(prefix="cryptopipe-bench-") as name, _pinned():
        tell("writing native captures")
        stock = _Stock(Path(name), recordings)
        strategy = Counting()
        passes = _passes(stock, strategy, make_pipe)
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in passes}
        for _ in range(runs + 1):
            for name, (_, one_pass) in passes.items():
                tell(name)
                gc.collect()
                began, began_work = time.perf_counter(), time.process_time()
                one_pass()
                times[name].append((time.perf_counter() - began, time.process_time() - began_work))
        rows = [_row(name, frames, times[name][1:]) for name, (frames, _) in passes.items()]
        hashed = stock.sha256
    notes.append(f"the strategy of the first two rows was asked {strategy.asked // (2 * runs + 2):,} times a pass")
    if stock.joined:
        notes.append(f"the last row runs {', '.join(one.name for one in stock.joined)} as one run")
    versions = {"cryptopipe": __version__, "msgspec": msgspec.__version__, "pyarrow": pa.__version__}
    return Report("replay", core.NAME, versions, hashed, rows, notes)


def _passes(stock: _Stock, strategy: Counting, make_pipe: MakePipe) -> dict[str, tuple[int, Callable[[], None]]]:
    """What is timed, by the name of its row, with the frames of one pass."""

    def native() -> None:
        for one, path in zip(stock.recordings, stock.native, strict=True):
            drive(read(path), one.venue, strategy)

    def lines() -> None:
        for one in stock.recordings:
            drive(read(one.path, one.venue), one.venue, strategy)

    packed = all(one.path.name.endswith(".gz") for one in stock.recordings)
    passes: dict[str, tuple[int, Callable[[], None]]] = {
        "native capture, counting strategy": (stock.frames, native),
        f"{'gzipped JSON lines' if packed else 'as they are'}, counting strategy": (stock.frames, lines),
    }
    if stock.pipe_capture is not None:
        venues = list(dict.fromkeys(one.venue for one in stock.joined))
        whole = _WholePipe(stock.pipe_capture, venues, make_pipe, stock.directory)
        passes["native capture, strategy, gate, journal on disk"] = (stock.pipe_frames, whole)
    return passes


def _row(name: str, frames: int, times: Sequence[tuple[float, float]]) -> Row:
    told = f"{name}: {frames / median(work for _, work in times):,.0f} by processor time alone"
    return Row(name, frames, UNIT, Spread.of([frames / taken for taken, _ in times]), notes=[told])


class _WholePipe:
    """A run without its capture: the whole pipe, with a journal on the disk that is made durable as in a run."""

    def __init__(self, capture: Path, venues: Sequence[str], make_pipe: MakePipe, directory: Path) -> None:
        self._capture, self._venues, self._make = capture, venues, make_pipe
        self._directory, self._runs = directory, 0

    def __call__(self) -> None:
        self._runs += 1
        log = Log.open(self._directory / f"journal{self._runs}")
        pipe = self._make(self._venues, log)
        for entry in read(self._capture):
            pipe.receive(entry)
        pipe.finish("end of recordings")
        log.close()


@contextmanager
def _pinned() -> Iterator[None]:
    """This process on one core for as long as it measures, where that is possible."""
    core_number = cpu()
    if core_number is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core_number})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
