"""Streams of tops for windows: thousands of rows from a few drawn numbers, so that blocks are sealed and laws shrink.

Enters: hypothesis, or a seed. Leaves: rows of (received at, event time, bid, bid size, ask, ask size), prices and sizes
in units of 10⁻¹², and the same as the buffers that a window takes. Never: a stamp or a distance of two beyond 64 bits.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

Row = tuple[int, int, int, int, int, int]
EVERYTHING = (-(2**63), 2**63 - 1)
MOST = 2**127 - 1


@dataclass(frozen=True)
class Flow:
    """What a stream is like. Odds are one in so many rows, 0 for never."""

    seed: int
    rows: int
    step: int = 10**6
    late: int = 0
    event: int = 10**6
    places: int = 2
    dust: int = 0
    empty: int = 0
    wide: int = 0
    wild: int = 0

    def stream(self) -> list[Row]:
        """The rows; the same for the same numbers."""
        draw = random.Random(self.seed)
        at, bid, sizes = 1_700_000_000 * 10**9, 60_000, [1, 1]
        found: list[Row] = []
        for _ in range(self.rows):
            at += int(draw.expovariate(1) * self.step)
            bid = max(1, bid + draw.choice((0, 0, 0, 1, -1)))
            sizes[draw.randrange(2)] = draw.randrange(1, 5000)
            unit = 10 ** (12 - self.places)
            prices = [bid * unit, sizes[0] * 10**9, (bid + draw.randrange(1, 4)) * unit, sizes[1] * 10**9]
            if self._now(draw, self.dust):
                prices[draw.randrange(4)] += draw.choice((1, 10, 10**5))
            if self._now(draw, self.empty):
                side = 2 * draw.randrange(2)
                prices[side : side + 2] = [0, 0]
            if self._now(draw, self.wide):
                prices[draw.randrange(4)] = draw.choice((2**63 - 1, 2**63, 2**64, 10**32, MOST))
            event = (at - draw.randrange(5 * 10**6)) // self.event * self.event if self.event else 0
            received = at - draw.randrange(50 * self.step + 1) if self._now(draw, self.late) else at
            if self._now(draw, self.wild):
                received, event = (draw.choice((-(2**61), 2**61 - 1, 0, -1, at)) for _ in range(2))
            found.append((received, event, prices[0], prices[1], prices[2], prices[3]))
        return found

    @staticmethod
    def _now(draw: random.Random, odds: int) -> bool:
        return bool(odds) and draw.randrange(odds) == 0


_odds = st.sampled_from([0, 0, 0, 3, 50, 900])


def flows(most: int = 2600, wild: bool = False) -> st.SearchStrategy[Flow]:
    """Streams of some thousand rows: in order or not, with dust, empty sides and numbers beyond 64 bits or without."""
    return st.builds(
        Flow,
        seed=st.integers(0, 2**32),
        rows=st.integers(0, most).map(lambda fewer: most - fewer),  # a long one is the simplest
        step=st.sampled_from([0, 1_000, 10**6, 10**9]),
        late=_odds,
        event=st.sampled_from([0, 1, 10**3, 10**6, 10**9]),
        places=st.sampled_from([0, 2, 8, 12]),
        dust=_odds,
        empty=_odds,
        wide=_odds,
        wild=_odds if wild else st.just(0),
    )


def places_of(units: Sequence[int]) -> int:
    """Decimal places that the numbers need."""
    return next(places for places in range(13) if all(one % 10 ** (12 - places) == 0 for one in units))


def buffers(rows: Sequence[Row]) -> tuple[Any, ...]:
    """The arguments of `Window.extend`, prices and sizes at the fewest places."""
    columns = [[row[index] for row in rows] for index in range(6)]
    places = [places_of(column) for column in columns[2:]]
    units = [1, 1, *(10 ** (12 - most) for most in places)]
    written = [
        b"".join((value // unit).to_bytes(width, "little", signed=True) for value in column)
        for column, unit, width in zip(columns, units, (8, 8, 16, 16, 16, 16), strict=True)
    ]
    return (*written, places)


def units_of(told: tuple[Any, int], name: str) -> list[int]:
    """A column that a window gave, as stamps or as units of 10⁻¹²."""
    values, places = told
    unit = 1 if name in ("received_at", "event_time") else 10 ** (12 - places)
    return [int(value) * unit for value in values]
