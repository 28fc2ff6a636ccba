"""How long things took, by stage and venue: on the way from the venue, in a queue, in the books, until an answer.

Enters: inputs with what their frames meant, times that somebody measured, answers of a journal. Leaves: figures, and
their distribution. Never: the difference of two clocks taken for a latency: of a way between two clocks only what it
took longer than its fastest is told.
"""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from msgspec.json import decode

from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.clock import SECOND, Nanos
from cryptopipe.errors import UsageError
from cryptopipe.journal.account_records import ActionAnswered
from cryptopipe.journal.reader import Records
from cryptopipe.market.market import Market
from cryptopipe.plots.chart import Chart, Panel, Shape, Trace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

NETWORK = "network"
"""From the venue's event time to our stamp, beyond the fastest."""
QUEUE = "queue"
"""From a frame's arrival to its turn."""
MARKET = "market"
"""A frame decoded, proven and in its book."""
TURN = "turn"
"""From a frame's arrival to the end of its turn."""
MEANINGS = {
    NETWORK: "event time to our stamp; the fastest counts as 0 (offset and drift of the clocks removed)",
    QUEUE: "arrival to its turn",
    MARKET: "decoded, proven, in its book; measured on this machine, now",
    TURN: "arrival to the end of its turn",
}
_MOST = 1 << 20
_DRIFT = 200e-6
"""No clock is let run faster or slower than another by more: what looks so is the network."""
_BINS_PER_DECADE = 10


@dataclass(frozen=True)
class Figures:
    """Of one stage at one venue; times in nanoseconds. `rate` and `peak`: operations a second, on average from first to
    last and in the busiest second.
    """

    stage: str
    venue: str
    count: int
    mean: float
    median: float
    p99: float
    maximum: float
    rate: float
    peak: int


class _Series:
    """(when, how long), the latest 2²⁰ to twice as many."""

    __slots__ = ("at", "count", "took")

    def __init__(self) -> None:
        self.at, self.took, self.count = array("q"), array("q"), 0

    def add(self, at: Nanos, took: Nanos) -> None:
        self.at.append(at)
        self.took.append(took)
        self.count += 1
        if len(self.at) > 2 * _MOST:
            del self.at[:_MOST], self.took[:_MOST]


class Latencies:
    """What was measured so far."""

    def __init__(self) -> None:
        self._series: dict[tuple[str, str], _Series] = {}

    def add(self, stage: str, venue: str, at: Nanos, took: Nanos) -> None:
        """One measurement, `at` when it ended, by any clock that only goes on."""
        series = self._series.get((stage, venue))
        if series is None:
            series = self._series[stage, venue] = _Series()
        series.add(at, took)

    def receive(self, entry: Input, market: Market, steady: "Callable[[], int]") -> None:
        """An input, carried to the books; `steady` is a clock for what that takes."""
        if entry.direction is not Direction.RECV:
            market.receive(entry)
            return
        before = steady()
        market.receive(entry)
        self.add(MARKET, entry.venue, entry.at, steady() - before)
        event_time = max((getattr(event, "event_time", 0) for event in market.events), default=0)
        if event_time > 0:
            self.add(NETWORK, entry.venue, entry.at, entry.at - event_time)

    def replay(self, inputs: Iterable[Input], market: Market, steady: "Callable[[], int]") -> None:
        """All inputs of a capture."""
        for entry in inputs:
            self.receive(entry, market, steady)
            market.take_commands()
            market.take_changed()
            market.transitions.clear()

    def answers(self, journal: "Path") -> None:
        """What a run's journal says of signed requests: from the turn that asked to the answer, by kind of action."""
        for record in Records(journal):
            if record.kind == ActionAnswered.kind:
                body = decode(record.body, type=ActionAnswered)
                self.add(body.action, body.venue, record.at, body.took_ns)

    def figures(self) -> list[Figures]:
        """By stage and venue, in order of appearance of the stages, venues by name."""
        stages = list(dict.fromkeys(stage for stage, _ in self._series))
        stages.sort(key=lambda stage: list(MEANINGS).index(stage) if stage in MEANINGS else len(MEANINGS))
        return [
            _figures(stage, venue, self._series[stage, venue])
            for stage in stages
            for of, venue in sorted(self._series)
            if of == stage
        ]

    def chart(self, source: str, notes: tuple[str, ...] = ()) -> Chart:
        """A histogram for each stage. Raises `UsageError` if there is no frame."""
        self._refuse_none(source)
        panels = []
        for stage in dict.fromkeys(one.stage for one in self.figures()):
            of_stage = [(venue, series) for (of, venue), series in sorted(self._series.items()) if of == stage]
            traces = tuple(_histogram(venue, _times(stage, series)) for venue, series in of_stage)
            panels.append(Panel(f"{stage}: share, %", traces))
        told = tuple(f"{stage}: {MEANINGS[stage]}" for stage in MEANINGS if any(of == stage for of, _ in self._series))
        return Chart(f"latency, {source}", "milliseconds", tuple(panels), notes=(*notes, *told), x_log=True)

    def rates(self, source: str, notes: tuple[str, ...] = ()) -> Chart:
        """Frames a second over time, by venue. Raises `UsageError` if there is none."""
        self._refuse_none(source)
        traces = tuple(_rate(venue, series) for (of, venue), series in sorted(self._series.items()) if of == MARKET)
        return Chart(
            f"frames a second, {source}", "time, UTC", (Panel("frames/s", traces),), over_time=True, notes=notes
        )

    def _refuse_none(self, source: str) -> None:
        if not any(of == MARKET for of, _ in self._series):
            raise UsageError("no frame in it", where=source, fix="name captures with frames of feeds")


def _figures(stage: str, venue: str, series: _Series) -> Figures:
    import numpy as np

    took, at = _times(stage, series), np.frombuffer(series.at, dtype=np.int64)
    per_second = np.bincount((at - at.min()) // SECOND)
    lasted = int(at.max() - at.min()) / SECOND
    return Figures(
        stage, venue, series.count, took.mean().item(), np.median(took).item(),
        np.quantile(took, 0.99).item(), took.max().item(),
        len(at) / lasted if lasted else 0.0, per_second.max().item(),
    )  # fmt: skip


def _times(stage: str, series: _Series) -> "NDArray[Any]":
    import numpy as np

    took = np.array(series.took, dtype=np.int64)
    if stage != NETWORK:
        return took.astype(float)
    return beyond_fastest(np.array(series.at, dtype=np.int64), took)


def beyond_fastest(at: "NDArray[Any]", lag: "NDArray[Any]") -> "NDArray[Any]":
    """How much longer each way took than the fastest, where the two ends' clocks differ by an unknown offset and drift.

    The line below all lags that is nearest to them (the edge of their lower convex hull below the mean time: Moon,
    Skelly, Towsley, Estimation and removal of clock skew, INFOCOM 1999) is taken for the fastest way; one that is
    steeper than any clock drifts is refused for the least lag. Nanoseconds, none below zero.
    """
    import numpy as np

    if not len(at):
        return np.zeros(0)
    x, y = (at - at[0]).astype(float), (lag - lag.min()).astype(float)
    middle = x.mean()
    slope = offset = 0.0
    for (x0, y0), (x1, y1) in _edges(x, y):
        if x0 <= middle <= x1:
            found = (y1 - y0) / (x1 - x0)
            if abs(found) <= _DRIFT:
                slope, offset = found, y0 - found * x0
    beyond: NDArray[Any] = np.maximum(y - (offset + slope * x), 0.0)
    return beyond


def _edges(x: "NDArray[Any]", y: "NDArray[Any]") -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
    """Of the lower convex hull, from left to right."""
    import numpy as np

    order = np.lexsort((y, x))
    hull: list[tuple[float, float]] = []
    for point in zip(x[order].tolist(), y[order].tolist(), strict=True):
        if hull and point[0] == hull[-1][0]:
            continue
        while len(hull) > 1 and _turns_down(hull[-2], hull[-1], point):
            hull.pop()
        hull.append(point)
    yield from pairwise(hull)


def _turns_down(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    return (b[0] - a[0]) * (c[1] - a[1]) <= (b[1] - a[1]) * (c[0] - a[0])


def _histogram(venue: str, took: "NDArray[Any]") -> Trace:
    """Shares of bins that are even in the logarithm; what took less than 100 ns is in the first."""
    import numpy as np

    power = np.floor(np.log10(np.maximum(took, 100.0)) * _BINS_PER_DECADE).astype(int)
    first = power.min()
    shares = np.bincount(power - first) / len(took) * 100
    middles = 10 ** ((np.arange(len(shares)) + first + 0.5) / _BINS_PER_DECADE) / 1e6
    return Trace(venue, middles.tolist(), shares.tolist(), Shape.LINE, filled=True)


def _rate(venue: str, series: _Series) -> Trace:
    import numpy as np

    at = np.frombuffer(series.at, dtype=np.int64)
    counts = np.bincount((at - at.min()) // SECOND)
    return Trace(venue, [int(at.min()) + second * SECOND for second in range(len(counts))], counts.tolist(), Shape.LINE)
