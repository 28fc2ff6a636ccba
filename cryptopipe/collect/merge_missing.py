"""What no source has: the holes that are left.

Enters: the sources' rows and gaps, the merged rows. Leaves: `Gap`s. Never: a hole that some source filled, or one that
nobody can know of.
"""

from collections.abc import Sequence
from itertools import pairwise

from cryptopipe.collect.manifest import Gap
from cryptopipe.collect.merge import Merged, Part, Unit

_STEPS, _RARE = 20, 20
"""So many ids one after the other, and at most one in so many that skips: a venue that counts its trades."""
Span = tuple[int, int]


def still_missing(kind: str, parts: Sequence[Part], merged: Merged) -> list[Gap]:
    """Of a venue that counts its trades the ids that are skipped; else when no source heard anything, as far as their
    manifests tell, between the first row of all and the last.
    """
    numbers = _counted(merged.units) if kind == "trade" else []
    if numbers:
        return [
            Gap(before[1], after[1], "trade_ids", f"ids {before[0] + 1} to {after[0] - 1} were told to no source",
                missing=after[0] - before[0] - 1)
            for before, after in pairwise(numbers)
            if after[0] != before[0] + 1
        ]  # fmt: skip
    if not merged.units:
        return []
    times = [unit.time_ms for unit in merged.units]
    left: list[Span] = [(min(times), max(times))]
    for part in parts:
        left = [
            (max(a, c), min(b, d)) for a, b in left for c, d in _silent(kind, part) if max(a, c) < min(b, d)
        ]  # fmt: skip
    return [Gap(a, b, "closed", "no source heard anything") for a, b in _joined(left)]


def _counted(units: Sequence[Unit]) -> list[tuple[int, int]]:
    """Ids and times in order, if they follow one another; else nothing."""
    found = sorted(
        (int(unit.key[-1]), unit.time_ms)
        for unit in units
        if isinstance(unit.key[-1], str) and unit.key[-1].isdecimal()
    )
    jumps = sum(after[0] != before[0] + 1 for before, after in pairwise(found))
    followed = len(found) - 1 - jumps
    return found if followed >= _STEPS and jumps * _RARE <= followed else []


def _silent(kind: str, part: Part) -> list[Span]:
    """When a source heard nothing."""
    from cryptopipe.clock import MILLISECOND, parse_at

    def time_of(line: str) -> int:
        text = line.partition(",")[0]
        return parse_at(text) // MILLISECOND if kind == "top" else int(text)

    if not part.lines:
        return [(-(1 << 62), 1 << 62)]
    named = [(gap.from_ms, gap.to_ms) for gap in part.gaps if gap.kind not in ("spill", "trade_ids")]
    return [(-(1 << 62), time_of(part.lines[0])), *named, (time_of(part.lines[-1]), 1 << 62)]


def _joined(spans: Sequence[Span]) -> list[Span]:
    found: list[Span] = []
    for a, b in sorted(spans):
        if found and a <= found[-1][1]:
            found[-1] = found[-1][0], max(b, found[-1][1])
        else:
            found.append((a, b))
    return found
