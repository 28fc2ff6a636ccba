"""What a load was like, from what both ends wrote down.

Enters: when each frame was due, heard and decided, and the processor time of the turns. Leaves: rows. Never: a frame
that is timed from when it happened to be sent and not from when it was due.
"""

from array import array
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic_ns, process_time_ns

import numpy as np
from numpy.typing import NDArray

from cryptopipe.bench.report import Row, Spread
from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.clock import MILLISECOND, SECOND, Nanos
from cryptopipe.drivers.intake import Arrival
from cryptopipe.drivers.pace import Schedule

_RECV = Direction.RECV
GOAL = 25 * MILLISECOND
RECOVERS_WITHIN = 2 * SECOND
_QUANTILES = (50.0, 99.0, 99.9)
Times = NDArray[np.int64]


class Ready(deque[Arrival]):
    """Where arrivals wait for their turn, with the time at which each frame came; `most` is the longest it got."""

    def __init__(self) -> None:
        super().__init__()
        self.heard_at = array("q")
        self.most = 0

    def append(self, arrival: Arrival) -> None:
        """One more."""
        if arrival.direction is _RECV:
            self.heard_at.append(monotonic_ns())
        super().append(arrival)
        self.most = max(self.most, len(self))


class Meter:
    """Stands between the driver and the run, and writes down what passes. `conns` are numbered in this order."""

    def __init__(
        self, conns: list[str], take: Callable[[Input], object], turn_ended: Callable[[Nanos], object]
    ) -> None:
        self._numbers = {conn: number for number, conn in enumerate(conns)}
        self._take, self._turn_ended = take, turn_ended
        self.ready = Ready()
        self.came_on = bytearray()
        """Of each frame in the order of arrival, the number of its connection."""
        self.frames = array("q")
        self.ended_at = array("q")
        self.cpu = array("q")

    def take(self, entry: Input) -> None:
        """One input."""
        if entry.direction is _RECV:
            self.came_on.append(self._numbers[entry.conn])
        self._take(entry)

    def turn_ended(self, now: Nanos) -> None:
        """All that was ready has been decided."""
        self._turn_ended(now)
        self.frames.append(len(self.came_on))
        self.ended_at.append(monotonic_ns())
        self.cpu.append(process_time_ns())


@dataclass(frozen=True)
class Course:
    """Every frame of a load by its number: nanoseconds since the first was due. `turns` and `cpu` are, for each turn,
    how many frames there were at its end, and the processor time that had been used.
    """

    schedule: Schedule
    due: Times
    heard: Times
    decided: Times
    turns: Times
    cpu: Times
    most_ready: int

    @classmethod
    def of(cls, meter: Meter, order: bytes, schedule: Schedule, began_at: Nanos) -> "Course":
        """Match what was sent, `order` being each frame's connection, with what came. Raises `ValueError` if a
        connection brought another number of frames than was sent on it.
        """
        sent_on, came_on = (np.frombuffer(bytes(one), np.uint8) for one in (order, meter.came_on))
        number = np.empty(len(sent_on), np.int64)
        for conn in np.union1d(sent_on, came_on):
            sent, came = np.flatnonzero(sent_on == conn), np.flatnonzero(came_on == conn)
            if len(sent) != len(came):
                raise ValueError(f"connection {conn}: sent {len(sent)} frames, received {len(came)}")
            number[came] = sent
        turns, ended_at = np.array(meter.frames), np.array(meter.ended_at)
        decided_at = ended_at[np.searchsorted(turns, np.arange(len(came_on)), side="right")]
        heard, decided = np.empty_like(number), np.empty_like(number)
        heard[number] = np.array(meter.ready.heard_at) - began_at
        decided[number] = decided_at - began_at
        due = np.array([schedule.due_at(frame) for frame in range(schedule.frames)])
        return cls(schedule, due, heard, decided, turns, np.array(meter.cpu), meter.ready.most)

    def rows(self, warm: int) -> list[Row]:
        """The figures; of the steady part without its first `warm` frames."""
        steady = slice(warm, self.schedule.steady)
        due, heard, decided = self.due[steady], self.heard[steady], self.decided[steady]
        rows = _quantiles("receive to decision", decided - heard, due)
        rows += _quantiles("due to decision", decided - due, due)
        frames, turns, used = self._work(warm, self.schedule.steady)
        rows.append(_single("processor time", frames, "us/frame", used / frames / 1e3))
        rows.append(_single("share of the core", frames, "%", used / float(decided[-1] - decided[0]) * 100))
        rows.append(_single("frames a turn", turns, "frames", frames / turns))
        return rows + (self._burst() if self.schedule.burst else [])

    def _work(self, first: int, last: int) -> tuple[int, int, Nanos]:
        """Frames, turns and processor time between the turns that held these frames, in order of arrival."""
        one, other = np.searchsorted(self.turns, [first, last])
        frames, used = (int(column[other] - column[one]) for column in (self.turns, self.cpu))
        return frames, int(other - one), used

    def _burst(self) -> list[Row]:
        """Recovery: from its end until all of it is decided, and a later frame was decided within the goal."""
        schedule = self.schedule
        first, end = schedule.steady, schedule.steady + schedule.burst
        prompt = np.flatnonzero((self.decided - self.due)[end:] <= GOAL)
        back_at = self.decided[end + prompt[0]] if len(prompt) else self.decided.max()
        recovered = max(self.decided[first:end].max(), back_at) - schedule.burst_until
        longest = float((self.decided - self.due)[first:].max())
        at = np.arange(first, end)
        behind = at + 1 - np.searchsorted(np.sort(self.decided), self.due[first:end], side="right")
        frames, turns, used = self._work(first, end)
        return [
            _single("processor time in the burst", frames, "us/frame", used / frames / 1e3),
            _single("frames a turn in the burst", turns, "frames", frames / turns),
            _single("recovery after the burst", schedule.burst, "ms", max(0.0, float(recovered)) / 1e6),
            _single("longest wait because of the burst", schedule.burst, "ms", longest / 1e6),
            _single("frames due and not decided, at most", schedule.burst, "frames", float(behind.max())),
        ]


def _quantiles(name: str, took: Times, due: Times) -> list[Row]:
    """Over all frames; least and greatest are those of single seconds."""
    seconds = [took[due // SECOND == second] for second in np.unique(due // SECOND)]
    rows = []
    for share in _QUANTILES:
        each = [float(np.percentile(one, share)) / 1e6 for one in seconds]
        value = float(np.percentile(took, share)) / 1e6
        rows.append(Row(f"{name}, p{share:g}", len(took), "ms", Spread(value, min(each), max(each))))
    rows.append(_single(f"{name}, longest", len(took), "ms", float(took.max()) / 1e6))
    return rows


def _single(name: str, n: int, unit: str, value: float) -> Row:
    return Row(name, n, unit, Spread(value, value, value))


def lost(conns: list[str], sent: list[int], meter: Meter) -> dict[str, tuple[int, int]]:
    """Connections that did not bring what was sent on them: (sent, received)."""
    came = {conn: meter.came_on.count(number) for number, conn in enumerate(conns)}
    return {conn: (n, came[conn]) for conn, n in zip(conns, sent, strict=True) if came[conn] != n}


def found(rows: list[Row]) -> Mapping[str, float]:
    """The values by name."""
    return {row.name: row.spread.value for row in rows}
