"""What former files of a stream were like, and the range that follows from it.

Enters: verdicts that lie beside them. Leaves: bounds by median and MAD of logarithms, slopes by Theil and Sen. Never: a
bound from fewer files than it needs, or one that a few bad files can move far.
"""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from cryptopipe.collect.layout import VERDICT, hour_ms, is_row_file
from cryptopipe.quality.verdict import FAIL, Verdict, read

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
DAYS = 42
"""So far back is learned from."""
MAD_OF_NORMAL = 1.4826
"""By this the MAD of a normal law is its standard deviation."""
LEAST_SPREAD = 0.01
"""Of a logarithm: rows that never vary may vary by this much times the spread."""


class Bounds(NamedTuple):
    """A range, both ends in it."""

    least: float
    most: float


def learned(values: Sequence[float], needs: int, spread: float) -> Bounds | None:
    """The range that these values suggest; None if there are fewer than `needs`. Values are from zero on.

    In logarithms (of one more, so that zero has one), since what varies is a rate: half is as far as twice. A minority
    of wild values moves neither median nor MAD far.
    """
    if len(values) < needs:
        return None
    logs = [math.log1p(value) for value in values]
    middle = median(logs)
    off = max(MAD_OF_NORMAL * median(abs(one - middle) for one in logs), LEAST_SPREAD) * spread
    return Bounds(max(0.0, math.expm1(middle - off)), math.expm1(min(middle + off, 700)))


def slope(points: Sequence[tuple[float, float]]) -> float:
    """The median of the slopes between any two points (Theil 1950, Sen 1968); zero for fewer than two."""
    rises = [
        (y - b) / (x - a) for at, (x, y) in enumerate(points) for a, b in points[:at] if x != a
    ]  # fmt: skip
    return median(rises) if rises else 0.0


class Former:
    """The verdicts of a stream's former files, those of one hour together."""

    def __init__(self, verdicts: Iterable[Verdict]) -> None:
        self.hours: dict[int, list[Verdict]] = {}
        for verdict in verdicts:
            self.hours.setdefault(verdict.hour_ms, []).append(verdict)

    def rows(self, hour: int) -> list[float]:
        """Rows of whole hours of the same hour of the day."""
        return [float(sum(one.rows for one in parts)) for parts in self._alike(hour)]

    def silences(self, hour: int) -> list[float]:
        """The longest silence of each of them, in milliseconds."""
        return [max(one.measured.get("silence_ms", 0.0) for one in parts) for parts in self._alike(hour)]

    def parts(self, hour: int) -> list[Verdict]:
        """Verdicts of the same hour."""
        return self.hours.get(hour, [])

    def offsets(self, hour: int) -> list[tuple[float, float]]:
        """Hours before this one, at most a day's, and the offset of the clocks in milliseconds."""
        day = [(at, parts) for at, parts in sorted(self.hours.items()) if hour - DAY_MS <= at < hour]
        return [
            ((at - hour) / HOUR_MS, one.measured["offset_ms"])
            for at, parts in day for one in parts if "offset_ms" in one.measured
        ]  # fmt: skip

    def _alike(self, hour: int) -> list[list[Verdict]]:
        return [
            parts for at, parts in sorted(self.hours.items())
            if at < hour and (hour - at) % DAY_MS == 0 and all(one.complete and one.verdict != FAIL for one in parts)
        ]  # fmt: skip


def former_of(file: Path) -> Former:
    """Of a row file, from what lies beside it: other files of its hour, of the day before, of its hour of the day."""
    own = hour_ms(file)
    near = []
    for path in file.parent.glob(f"*{VERDICT}"):
        other = path.with_name(path.name.removesuffix(VERDICT))
        if other.name == file.name or not is_row_file(other):
            continue
        ago = own - hour_ms(other)
        if 0 <= ago <= DAY_MS or (0 <= ago <= DAYS * DAY_MS and ago % DAY_MS == 0):
            near.append(path)
    return Former(found for path in sorted(near) if (found := read(path)) is not None)
