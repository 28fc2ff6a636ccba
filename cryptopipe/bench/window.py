"""What keeping a day of tops costs: bytes a row, an append with its share of sealing, extents of hot and cold rows.

Enters: recordings, replayed to tops. Leaves: a report, beside what Python has at hand. Never: a figure of rows that the
window did not give back; the rows of every recording are compared before anything is timed.
"""

import gc
import platform
import time
import tracemalloc
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from cryptopipe import core, registry
from cryptopipe.bench.recordings import Recording
from cryptopipe.bench.report import Peer, Report, Row, Spread
from cryptopipe.bench.sides import BenchFailed, busy
from cryptopipe.capture.reader import read
from cryptopipe.clock import SECOND
from cryptopipe.core import TopOfBook, Window
from cryptopipe.market.market import Market
from cryptopipe.model.facts import VenueId

if TYPE_CHECKING:
    import numpy as np

HOT_ROWS = 25_000
LAPS = 20
"""How often the tops of the longest stream are played for one pass of appends; each lap comes after the one before."""
FULL = 4096
"""Shorter streams are repeated until they have about so many rows, since a block of few rows is mostly its head."""
_DAY, _SIX_MINUTES = 86_400 * SECOND, 360 * SECOND
_EVERYTHING, _PLACES = (-(2**63), 2**63 - 1), (core.SCALE,) * 4
Tops = list[TopOfBook]
Plain = tuple[int, int, int, int, int, int]


def tops_of(recording: Recording) -> dict[str, Tops]:
    """Every instrument's tops, in the order in which its frames came."""
    venue = VenueId(recording.venue)
    market, found = Market({venue: registry.exchange(venue)}), dict[str, Tops]()
    for entry in read(recording.path, recording.venue):
        market.receive(entry)
        for sync in market.take_changed().values():
            tops = found.setdefault(sync.id, [])
            if sync.book.top is not None and (not tops or sync.book.top is not tops[-1]):
                tops.append(sync.book.top)
    return {name: tops for name, tops in found.items() if len(tops) > 1}


class Stream:
    """The tops of one instrument as a window takes them, again and again: each lap begins where the last one ended.

    A lap is a whole number of seconds, so that stamps of milliseconds stay such.
    """

    def __init__(self, tops: Sequence[TopOfBook]) -> None:
        import numpy as np

        self.tops = list(tops)
        self.received = np.array([top.received_at for top in tops], dtype=np.int64)
        self.event = np.array([top.event_time for top in tops], dtype=np.int64)
        sides = ([one or 0 for one in (t.bid_units, t.bid_size_units, t.ask_units, t.ask_size_units)] for t in tops)
        self.units = list(zip(*sides, strict=True))
        self._written = [b"".join(value.to_bytes(16, "little") for value in column) for column in self.units]
        self.lap = int(self.received[-1] - self.received[0]) // SECOND * SECOND + SECOND

    def __len__(self) -> int:
        return len(self.tops)

    def append(self, window: Window, rows: int, timeless: bool = False) -> Window:
        """So many rows of it, if asked without event times; the same window."""
        for lap in range(-(-rows // len(self))):
            part = min(len(self), rows - lap * len(self))
            received, event = self._times(lap, timeless)
            bid, bid_size, ask, ask_size = (column[: 16 * part] for column in self._written)
            window.extend(received[:part].tobytes(), event[:part].tobytes(), bid, bid_size, ask, ask_size, _PLACES)
        return window

    def _times(self, lap: int, timeless: bool) -> "tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]":
        later = lap * self.lap
        return self.received + later, (self.event + later) * (self.event != 0) * (not timeless)

    def check(self, window: Window, name: str) -> Window:
        """Raises `BenchFailed` if a window of whole laps does not give back the last one."""
        laps = len(window) // len(self)
        received, event = self._times(laps - 1, False)
        expected = [received.tolist(), event.tolist(), *map(list, self.units)]
        for column, wanted in zip(window.COLUMNS, expected, strict=True):
            values, places = window.slice(column, (laps - 1) * len(self), laps * len(self))
            unit = 1 if column in window.COLUMNS[:2] else 10 ** (core.SCALE - places)
            if [value * unit for value in values.tolist()] != wanted:
                raise BenchFailed(f"the window gave back another {column} than was pushed", where=name)
        return window


def _sealed(stream: Stream, least: int, timeless: bool = False) -> Window:
    """A window of only blocks: whole laps, at least so many rows."""
    window = stream.append(Window(2**62, 0), -(-least // len(stream)) * len(stream), timeless)
    window.seal()
    return window


def _bytes_row(recording: Recording, streams: dict[str, Stream], least: int) -> Row:
    """Bytes a row over all instruments of a recording, from the least to the greatest of single ones."""
    each, timeless = dict[str, float](), dict[str, float]()
    for name, stream in streams.items():
        window = stream.check(_sealed(stream, max(least, len(stream))), f"{recording.name}, {name}")
        each[name] = window.nbytes / len(window)
        timeless[name] = _sealed(stream, len(window), timeless=True).nbytes / len(window)
    rows = sum(map(len, streams.values()))
    mean, without = (
        sum(one[name] * len(stream) for name, stream in streams.items()) / rows for one in (each, timeless)
    )
    told = ", ".join(f"{name} {each[name]:.1f}" for name in sorted(each, key=lambda one: each[one]))
    notes = [f"{recording.name}: {without:.2f} without event times; {told}"]
    return Row(
        f"{recording.name}, sealed", rows, "B/row", Spread(mean, min(each.values()), max(each.values())), notes=notes
    )


def _timed(passes: int, count: float, once: Callable[[], float]) -> Spread:
    once()
    return Spread.of([once() / count for _ in range(passes)])


def _clocked(work: Callable[[], object]) -> Callable[[], float]:
    """A pass of processor time in seconds."""

    def once() -> float:
        began = time.thread_time()
        work()
        return time.thread_time() - began

    return once


def _appends(stream: Stream, passes: int) -> Iterator[Row]:
    """Inside the core, as in a run and with all or no sealing; from Python, beside a deque and a ring."""
    tops = stream.tops
    if core.NAME == "native":
        from cryptopipe.core import _rust

        tape, count = _rust.TopTape(tops), len(tops) * LAPS

        def play(hot: int) -> None:
            window = _rust.Window(_DAY, hot)
            for lap in range(LAPS):
                tape.play(window, lap * stream.lap)

        for name, hot in (("sealed after six minutes", _SIX_MINUTES), ("sealed at once", 0), ("never sealed", _DAY)):
            spread = _timed(passes, count / 1e9, _clocked(lambda hot=hot: play(hot)))  # type: ignore[misc]
            yield Row(f"append inside the core, {name}", count, "ns", spread)

    def push() -> None:
        append = Window(_DAY, 0).push
        for top in tops:
            append(top)

    spread = _timed(passes, len(tops) / 1e9, _clocked(push))
    peers = _append_peers(_rows(stream, len(tops)), passes)
    yield Row("append from Python, sealed at once", len(tops), "ns", spread, peers=peers)


def _append_peers(rows: Sequence[Plain], passes: int) -> dict[str, Peer]:
    import numpy as np

    def to_deque() -> None:
        kept: deque[Plain] = deque(maxlen=HOT_ROWS)
        for one, two, three, four, five, six in rows:
            kept.append((one, two, three, four, five, six))

    def to_ring() -> None:
        kept = np.zeros((6, HOT_ROWS), dtype=np.int64)
        at = 0
        for row in rows:
            kept[:, at] = row
            at = (at + 1) % HOT_ROWS

    def spread(work: Callable[[], None]) -> Spread:
        return _timed(passes, len(rows) / 1e9, _clocked(work))

    note = f"keeps the last {HOT_ROWS:,} rows"
    return {
        "deque of tuples": Peer(spread(to_deque), "nothing", note),
        "numpy ring": Peer(spread(to_ring), "nothing", note),
    }


def _rows(stream: Stream, rows: int) -> list[Plain]:
    """So many of its rows as tuples; their stamps are those of the first lap."""
    columns = (stream.received.tolist(), stream.event.tolist(), *stream.units)
    lap = list(zip(*columns, strict=True))
    return (lap * -(-rows // len(lap)))[:rows]


def _hot(stream: Stream, passes: int) -> Iterator[Row]:
    """Least and greatest bid of the newest rows, beside a deque and a ring."""
    import numpy as np

    rows = _rows(stream, HOT_ROWS)
    window = stream.append(Window(2**62, 2**62), HOT_ROWS)
    many = 100 if core.NAME == "native" else 1

    def ours() -> None:
        for _ in range(many):
            values, _ = window.column("bid", *_EVERYTHING)
            values.min(), values.max()

    kept, ring = deque(rows), np.array(rows).T.copy()

    def of_deque() -> None:
        bids = [row[2] for row in kept]
        min(bids), max(bids)

    def of_ring() -> None:
        for _ in range(many):
            ring[2].min(), ring[2].max()

    peers = {
        "deque of tuples": Peer(_timed(passes, 1 / 1e6, _clocked(of_deque)), "nothing"),
        "numpy ring": Peer(_timed(passes, many / 1e6, _clocked(of_ring)), "nothing", "knows no stamps: takes all rows"),
    }
    spread = _timed(passes, many / 1e6, _clocked(ours))
    yield Row("least and greatest of a hot column", HOT_ROWS, "us", spread, peers=peers)

    def scan() -> None:
        for _ in range(many):
            window.scan("bid", *_EVERYTHING)

    yield Row("the same by scan, without empty sides", HOT_ROWS, "us", _timed(passes, many / 1e6, _clocked(scan)))


def _memory(stream: Stream) -> Row:
    """Of the longest stream, sealed, beside a deque of tuples and a ring of 64-bit columns."""
    window = _sealed(stream, 1)
    tracemalloc.start()
    kept = deque(_rows(Stream(stream.tops), len(stream)))
    deque_bytes = tracemalloc.get_traced_memory()[0] / len(kept)
    tracemalloc.stop()
    value = window.nbytes / len(window)
    peers = {
        "deque of tuples": Peer(Spread.of([deque_bytes]), "nothing", "by tracemalloc"),
        "numpy ring": Peer(Spread.of([48.0]), "nothing", "six columns of 8 bytes"),
    }
    return Row("bytes a row, the longest stream", len(stream), "B/row", Spread.of([value]), peers=peers)


def _cold(stream: Stream, passes: int, rows: int) -> Iterator[Row]:
    """Extents and arrays of sealed columns."""
    window = _sealed(stream, rows)
    count = len(window)
    for name in window.COLUMNS:
        spread = _timed(passes, 1, _clocked(lambda name=name: window.scan(name, *_EVERYTHING)))  # type: ignore[misc]
        yield Row(f"cold scan of {name}", count, "Mrows/s", _rate(spread, count))
    spread = _timed(passes, 1, _clocked(lambda: [window.column(name, *_EVERYTHING) for name in window.COLUMNS]))
    yield Row("all six cold columns to arrays", count, "Mrows/s", _rate(spread, count))


def _rate(seconds: Spread, rows: int) -> Spread:
    return Spread(rows / seconds.value / 1e6, rows / seconds.max / 1e6, rows / seconds.min / 1e6)


def measure(recordings: Sequence[Recording], passes: int, cold_rows: int, say: Callable[[str], None]) -> Report:
    """Every row, after one pass to warm up; the reference core gets fewer cold rows. Raises `BenchFailed`."""
    notes, rows, digest, longest = busy(), list[Row](), sha256(), list[Stream]()
    full = min(FULL, cold_rows)
    for recording in recordings:
        say(recording.name)
        streams = {name: Stream(tops) for name, tops in tops_of(recording).items()}
        for stream in streams.values():
            digest.update(repr(_rows(stream, len(stream))).encode())
            longest = [max([*longest, stream], key=len)]
        rows += [_bytes_row(recording, streams, full)] if streams else []
    if not longest:
        raise BenchFailed("no recording has an instrument with two tops")
    say("appends, hot and cold rows of the longest stream")
    gc.collect()
    [stream], many = longest, cold_rows if core.NAME == "native" else cold_rows // 100
    rows += [_memory(stream), *_appends(stream, passes), *_hot(stream, passes), *_cold(stream, passes, many)]
    notes.append(
        f"streams of fewer than {full:,} rows are repeated until they have as many; B/row is their mean by rows"
    )
    notes.append(f"the longest stream has {len(stream):,} rows; its rows are what all but B/row are measured on")
    return Report("window", core.NAME, {"python": platform.python_version()}, digest.hexdigest(), rows, notes)
