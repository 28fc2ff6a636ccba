"""A price column of the window as a path on a grid, with its holes.

Enters: stamps and prices of rows as the window has them, and the stamp of now. Leaves: log prices at equal steps, each
the last one told before it, and the stretch it belongs to. Never: a difference across a hole, or a row of the future.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from cryptopipe.clock import SECOND, Nanos

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

MINUTE: Nanos = 60 * SECOND


class Column(NamedTuple):
    """One side of a window: `received_at`, and prices in units of 10⁻ᵖˡᵃᶜᵉˢ, 0 where the side was empty."""

    times: Any
    prices: Any
    places: int = 0


@dataclass(frozen=True)
class Ticks:
    """Rows of one price column, oldest first.

    `broken` says of each row but the first that nothing is known between it and the row before: one of them is an empty
    side, or they are further apart than the book may be silent.
    """

    times: "Ints"
    prices: "Floats"
    broken: "Flags"
    now: Nanos
    max_gap: Nanos

    @classmethod
    def of(cls, times: Any, prices: Any, now: Nanos, max_gap: Nanos) -> "Ticks":
        """Of the columns `received_at` and `bid` or `ask` of a window: equal lengths, prices at any one scale, 0 for an
        empty side. Raises `ValueError` for columns that do not belong together or know the future.
        """
        import numpy as np

        stamps, values = np.asarray(times, dtype=np.int64), np.asarray(prices).astype(np.float64)
        if stamps.shape != values.shape or stamps.ndim != 1:
            raise ValueError(f"columns of different shapes: {stamps.shape}, {values.shape}")
        gaps = np.diff(stamps)
        if len(stamps) and stamps[-1] > now:
            raise ValueError(f"a row at {stamps[-1]} is later than now, {now}")
        if (gaps < 0).any():
            raise ValueError("rows are not in the order of their stamps")
        broken = (gaps > max_gap) | (values[1:] <= 0) | (values[:-1] <= 0)
        return cls(stamps, values, broken, now, max_gap)

    @property
    def age(self) -> Nanos:
        """Since the last row."""
        return self.now - int(self.times[-1])

    @property
    def live(self) -> Nanos:
        """How long the price was known, until now; holes left out."""
        import numpy as np

        return int(np.diff(self.times)[~self.broken].sum()) + (self.age if self.prices[-1] > 0 else 0)

    @property
    def changes(self) -> int:
        """How often the price was another than in the row before; across holes nobody knows."""
        return int(((self.prices[1:] != self.prices[:-1]) & ~self.broken).sum())

    def at(self, grid: "Ints") -> tuple["Floats", "Ints"]:
        """(log of the last price told, number of its stretch) at each instant; -1 for the number where it is unknown:
        before the first row, in a hole from its last row on, and longer than `max_gap` after the last word.
        """
        import numpy as np

        row = np.searchsorted(self.times, grid, side="right") - 1
        stretch = np.concatenate(([0], np.cumsum(self.broken)))[row]
        price = self.prices[row]
        ends = np.append(self.broken, False)[row]
        known = (row >= 0) & (price > 0) & ~ends & (grid - self.times[row] <= self.max_gap)
        return np.log(np.where(known, price, 1.0)), np.where(known, stretch, -1)


@dataclass(frozen=True)
class Path:
    """Log prices at equal steps that end now, and the stretch without a hole that each is in (-1: no price)."""

    logs: "Floats"
    stretch: "Ints"
    step: Nanos

    @classmethod
    def of(cls, ticks: Ticks, step: Nanos) -> "Path":
        """The path of one price, from the first row on."""
        logs, stretch = ticks.at(grid(int(ticks.times[0]), ticks.now, step))
        return cls(logs, stretch, step)

    def moves(self, lag: int) -> "Floats":
        """Log returns over `lag` steps, one from each instant but the last; only those of `whole` mean anything."""
        return self.logs[lag:] - self.logs[:-lag]

    def whole(self, lag: int) -> "Flags":
        """Which returns over `lag` steps are within one stretch."""
        whole: Flags = (self.stretch[lag:] == self.stretch[:-lag]) & (self.stretch[lag:] >= 0)
        return whole


def grid(since: Nanos, until: Nanos, step: Nanos) -> "Ints":
    """Instants `step` apart, the last of them `until`, the first at `since` or less than a step after it."""
    import numpy as np

    return np.arange(until - (until - since) // step * step, until + 1, step, dtype=np.int64)
