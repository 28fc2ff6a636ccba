"""Which cycles exist among the instruments of a run: pairs of venues, and triangles.

Enters: instruments. Leaves: cycles as (instrument, side) steps, each found once, indexed by instrument. Never: an
instrument beside one whose book it shares. Longer ways round are the graph's to propose (`rounds.py`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

from cryptopipe.api import Asset, Instrument, Kind, Side


@dataclass(frozen=True)
class Cycle:
    """Trades that start and end in one asset. `name` is the edge's identity."""

    name: str
    steps: tuple[tuple[Instrument, Side], ...]
    start: Asset

    @property
    def restored(self) -> int:
        """How often value must be moved back: for two passages from venue to venue once."""
        venues = [instrument.venue for instrument, _ in self.steps]
        passages = sum(one != other for one, other in zip(venues, (*venues[1:], venues[0]), strict=True))
        return (passages + 1) // 2


def without_aliases(instruments: Iterable[Instrument]) -> list[Instrument]:
    """Instruments in order of id, without those whose book another one present already shows."""
    present = {(i.venue, i.symbol) for i in instruments}
    return sorted((i for i in instruments if (i.venue, i.book_of) not in present), key=lambda i: i.id)


def pairs(instruments: Sequence[Instrument], starts: Mapping[str, object]) -> list[Cycle]:
    """Buy on one market, sell on another, of the same base and quote. Of one venue and kind two such instruments are
    one market in two spellings, and no pair.
    """
    found = []
    for one, other in combinations(instruments, 2):
        if (one.venue, one.kind) == (other.venue, other.kind):
            continue
        if (one.base, one.quote) == (other.base, other.quote) and one.quote in starts:
            for buy, sell in ((one, other), (other, one)):
                name = f"two_venue {buy.id} {sell.id}"
                found.append(Cycle(name, ((buy, Side.BUY), (sell, Side.SELL)), one.quote))
    return found


def triangles(instruments: Sequence[Instrument], starts: Mapping[str, object]) -> list[Cycle]:
    """Three spot markets of one venue that lead back to the asset one started with, in both directions."""
    found = []
    for three in combinations([i for i in instruments if i.kind is Kind.SPOT], 3):
        assets = {asset for i in three for asset in (i.base, i.quote)}
        if len({i.venue for i in three}) > 1 or len(assets) != 3:
            continue
        start = next((Asset(asset) for asset in starts if asset in assets), None)
        if start is None:
            continue
        for order in permutations(three):
            steps = _follow(order, start)
            if steps is not None:
                name = "triangle " + " ".join(f"{side.value} {i.id}" for i, side in steps)
                found.append(Cycle(name, steps, start))
    return found


def _follow(order: Sequence[Instrument], start: Asset) -> tuple[tuple[Instrument, Side], ...] | None:
    held, steps = start, []
    for instrument in order:
        if held == instrument.quote:
            steps.append((instrument, Side.BUY))
            held = instrument.base
        elif held == instrument.base:
            steps.append((instrument, Side.SELL))
            held = instrument.quote
        else:
            return None
    return tuple(steps) if held == start else None


def by_instrument(cycles: Iterable[Cycle]) -> dict[str, list[Cycle]]:
    """The cycles that each instrument's change may open or close."""
    index: dict[str, list[Cycle]] = {}
    for cycle in cycles:
        for instrument, _ in cycle.steps:
            index.setdefault(instrument.id, []).append(cycle)
    return index
