"""A chart as a value, whatever draws it.

Enters: lines of numbers with their names and units. Leaves: `Chart`. Never: a line whose x and y differ in length, an
axis without its unit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class Shape(Enum):
    """How points are joined."""

    HOLD = "hold"  # a value holds until the next one
    LINE = "line"
    BARS = "bars"  # y is the height of a bar at x


@dataclass(frozen=True)
class Trace:
    """One line. On a panel over time x is nanoseconds since the epoch, UTC. A `y` of None is a break. Traces of one
    `group` have one colour; `faint` ones are drawn thinner, `filled` ones down to zero.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float | None]
    shape: Shape = Shape.HOLD
    group: str = ""
    faint: bool = False
    filled: bool = False

    def __post_init__(self) -> None:
        if len(self.x) != len(self.y):
            raise ValueError(f"{self.name}: {len(self.x)} places for {len(self.y)} values")


@dataclass(frozen=True)
class Panel:
    """Traces over one x axis. `share` is its part of the height; `log` counts y in powers of ten."""

    y_title: str
    traces: tuple[Trace, ...]
    share: float = 1.0
    log: bool = False

    def __post_init__(self) -> None:
        if not self.y_title:
            raise ValueError("an axis says what it counts, and in which unit")


@dataclass(frozen=True)
class Chart:
    """Panels one above the other. `over_time`: they share an x axis of instants, and `x_title` says in which zone.
    `x_log`: x counts in powers of ten. `notes` are shown beneath the title: what the figures are of, and what must be
    said of them.
    """

    title: str
    x_title: str
    panels: tuple[Panel, ...]
    over_time: bool = False
    notes: tuple[str, ...] = ()
    x_log: bool = False

    @property
    def groups(self) -> list[str]:
        """Every group, in order of appearance: each has a colour."""
        return list(dict.fromkeys(one.group or one.name for panel in self.panels for one in panel.traces))


COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22")
"""Of groups, in their order."""


def colour(chart: Chart, trace: Trace) -> str:
    """The colour of a trace's group."""
    return COLOURS[chart.groups.index(trace.group or trace.name) % len(COLOURS)]
