"""Looks at windows of tops every few seconds, for the arbitrage indices.

Enters: the windows of several instruments. Leaves: what `Indices` counts. Never: a state of a book, of which a window
tells nothing, or a clock: instants are a grid over the rows' own stamps.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from cryptopipe.clock import Nanos
from cryptopipe.core import Window
from cryptopipe.evaluate.indices import EVERY, Indices, States, VenueQuote
from cryptopipe.evaluate.sampling import pair_of, quote_of
from cryptopipe.model.facts import Instrument

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_NUMBERS = ("bid", "bid_size", "ask", "ask_size")
_OPEN = (-(1 << 63), (1 << 63) - 1)


@dataclass
class WindowSampler:
    """The windows of instruments, looked at by `sample` as `Sampler` looks at a market. `max_age` is since the last
    change of a top: a window does not tell of frames that changed none.
    """

    windows: Sequence[tuple[Instrument, Window]]
    indices: Indices
    max_age: Nanos
    every: Nanos = EVERY
    compare_kinds: bool = False
    first_at: Nanos = 0
    last_at: Nanos = 0
    states: dict[str, States] = field(default_factory=dict)
    """Of a window none are counted."""

    @property
    def instants(self) -> int:
        """How many the grid has between the first stamp and the last."""
        return self.last_at // self.every - (self.first_at - 1) // self.every if self.first_at else 0

    @property
    def caveats(self) -> list[str]:
        """What a window does not tell."""
        return ["of windows: whether a book was live is not told, and ages are since the last change of a top"]

    def sample(self) -> None:
        """Look at every instant of the grid at which two places have a quote that is fresh enough."""
        looks: dict[tuple[Nanos, str], list[VenueQuote]] = {}
        held = sorted(((one, window) for one, window in self.windows if len(window)), key=lambda one: one[0].id)
        extents = [extent for _, window in held if (extent := window.scan("received_at", *_OPEN)) is not None]
        self.first_at = min((first for first, _, _ in extents), default=0)
        self.last_at = max((last for _, last, _ in extents), default=0)
        for instrument, window in held:
            pair = pair_of(instrument, self.compare_kinds)
            for at, quote in self._quotes(instrument, window):
                looks.setdefault((at, pair), []).append(quote)
        for (at, pair), quotes in sorted(looks.items(), key=lambda look: look[0]):
            self.indices.sample(at, pair, quotes)

    def _quotes(self, instrument: Instrument, window: Window) -> list[tuple[Nanos, VenueQuote]]:
        """One instrument's quotes at the instants of the grid."""
        import numpy as np

        stamps = np.maximum.accumulate(window.column("received_at", *_OPEN)[0])
        begins, ends = stamps[0].item(), min(stamps[-1].item() + self.max_age, self.last_at)
        grid = np.arange(-(-begins // self.every) * self.every, ends + 1, self.every, dtype=np.int64)
        rows = np.searchsorted(stamps, grid, side="right") - 1
        fresh = grid - stamps[rows] <= self.max_age
        return self._read(instrument, window, grid[fresh], rows[fresh])

    def _read(
        self, instrument: Instrument, window: Window, grid: "NDArray[np.int64]", rows: "NDArray[np.int64]"
    ) -> list[tuple[Nanos, VenueQuote]]:
        columns = [window.column(name, *_OPEN) for name in _NUMBERS]
        found = []
        for at, row in zip(grid.tolist(), rows.tolist(), strict=True):
            bid, bid_size, ask, ask_size = (Decimal(int(values[row])).scaleb(-places) for values, places in columns)
            if bid > 0 and bid_size and ask_size:
                found.append((at, quote_of(instrument, self.compare_kinds, bid, bid_size, ask, ask_size)))
        return found
