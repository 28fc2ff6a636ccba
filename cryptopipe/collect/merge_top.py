"""Rows of `top` from several collectors as one: the fullest source, its holes patched by the others.

Enters: each source's rows and the gaps that it knows of. Leaves: rows, which source filled which hole. Never: rows of
two collectors mixed where one of them heard everything: each has stamps of its own.

Two collectors hear one change at two times, so their rows have no key. Of what a source did not hear it knows: between
its first and last row what its manifests name, before and after everything.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from cryptopipe.clock import MICROSECOND, MILLISECOND, parse_at
from cryptopipe.collect.merge import Hole, Merged, Part, Unit

_FIRST, _LAST = -(1 << 62), 1 << 62
APART = 1_000_000
"""Microseconds: how far apart two collectors may have heard one change."""
_SAMPLE = 1000
"""Rows by which two collectors' clocks are compared."""
Span = tuple[int, int]
"""From and to, in microseconds, both included."""


def merge_top(parts: Sequence[Part]) -> Merged:
    """The rows of all parts. Of sources with as many rows the one whose text is first is patched."""
    of_source = [(part, _units(part)) for part in parts if part.lines]
    result = Merged()
    if not of_source:
        return result
    ranked = sorted(of_source, key=lambda one: (-len(one[1]), one[0].lines, one[0].source))
    (main, units), *others = ranked
    holes = silent(main, units)
    for part, its in others:
        ahead, left = _ahead(its, units), list[Span]()
        for hole in holes:
            place, filling = _within(its, units, hole, ahead)
            if filling:
                units = [*units[:place], *filling, *units[place:]]
                times = [unit.time_ms for unit in filling]
                result.holes.append(Hole(main.source, times[0], times[-1], len(filling), {part.source: len(filling)}))
            left += _without(hole, [(a - ahead, b - ahead) for a, b in silent(part, its)])
        holes = left
    result.units = units
    result.holes.sort(key=lambda one: (one.from_ms, one.source))
    return result


def silent(part: Part, units: Sequence[Unit]) -> list[Span]:
    """When a source heard nothing, in order."""
    stamps = [_stamp(unit) for unit in units]
    if not stamps:
        return [(_FIRST, _LAST)]
    named = [(gap.from_ms * 1000 + 999, gap.to_ms * 1000) for gap in part.gaps if gap.kind != "spill"]
    inside = [span for span in sorted(named) if span[0] < stamps[-1] and span[1] > stamps[0]]
    return [(_FIRST, stamps[0]), *inside, (stamps[-1], _LAST)]


def _units(part: Part) -> list[Unit]:
    units = []
    for place, (line, hour) in enumerate(zip(part.lines, part.hours, strict=True)):
        at = parse_at(line.partition(",")[0])
        units.append(Unit((line, place), at // MILLISECOND, (at // MICROSECOND, place), (line,), hour))
    return units


def _stamp(unit: Unit) -> int:
    stamp = unit.rank[0]
    assert isinstance(stamp, int)
    return stamp


def _within(its: Sequence[Unit], units: Sequence[Unit], hole: Span, ahead: int) -> tuple[int, list[Unit]]:
    """What another source has in a hole, and before which row that belongs: what it heard between the rows at the
    hole's edges, by its own clock.
    """
    stamps, other = [_stamp(unit) for unit in units], [_stamp(unit) for unit in its]
    before, behind = bisect_right(stamps, hole[0]) - 1, bisect_left(stamps, hole[1])
    low, high = 0, len(its)
    floor = stamps[before] if before >= 0 else _FIRST
    ceiling = stamps[behind] if behind < len(units) else _LAST
    if before >= 0:
        edge = _same(its, other, units[before])
        low = bisect_right(other, floor + ahead) if edge is None else edge + 1
    if behind < len(units):
        edge = _same(its, other, units[behind])
        high = bisect_left(other, ceiling + ahead) if edge is None else edge
    # their ranks stay between the edges', so that they rise; the rows keep the stamps that their collector gave
    return behind, [
        unit._replace(rank=(min(ceiling, max(floor, _stamp(unit) - ahead)), 0)) for unit in its[low:high]
    ]  # fmt: skip


def _ahead(its: Sequence[Unit], units: Sequence[Unit]) -> int:
    """How many microseconds later another source tells of a change: the median over those that both have."""
    stamps = [_stamp(unit) for unit in its]
    found = [(_same(its, stamps, unit), _stamp(unit)) for unit in units[:: max(1, len(units) // _SAMPLE)]]
    late = sorted(stamps[place] - at for place, at in found if place is not None)
    return late[len(late) // 2] if late else 0


def _same(its: Sequence[Unit], stamps: Sequence[int], edge: Unit) -> int | None:
    """Where another source has the change of an edge: the nearest row of the same prices within `APART`."""
    at = _stamp(edge)
    near = range(bisect_left(stamps, at - APART), bisect_right(stamps, at + APART))
    found = [(abs(stamps[place] - at), place) for place in near if _prices(its[place]) == _prices(edge)]
    return min(found)[1] if found else None


def _prices(unit: Unit) -> str:
    return unit.lines[0].split(",", 1)[1]


def _without(hole: Span, others: Sequence[Span]) -> list[Span]:
    """What is left of a hole where another source was silent too."""
    return [(max(hole[0], a), min(hole[1], b)) for a, b in others if max(hole[0], a) <= min(hole[1], b)]
