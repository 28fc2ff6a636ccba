"""Rows of one stream from several collectors as one: nothing twice, nothing left out that anybody has.

Enters: each source's rows in its order. Leaves: the rows, which source filled which hole, what differs. Never: one of
two contents taken without a word, a result that depends on the order of the sources.

A row is what its key says, and two sources' rows of one key are one row:

    trade    the venue's trade id; without one the row's text
    book     the multiple of the interval: of two updates after it the earlier one is the first
    candle   when it opens: the one with more trades missed fewer
    l3       the row's text, and which of several equal ones within its millisecond

`top` has its collector's own stamps, and is patched instead (`merge_top`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from cryptopipe.collect.manifest import Gap
from cryptopipe.collect.merge_order import ordered


@dataclass(frozen=True)
class Part:
    """One source's rows of a stream: lines without their ends, the hour of the file that each was found in, the gaps
    that its manifests name, the ids that came from the venue's history, the hours that no start or stop has cut.
    """

    source: str
    lines: Sequence[str]
    hours: Sequence[int]
    gaps: Sequence[Gap] = ()
    filled: frozenset[str] = frozenset()
    whole: frozenset[int] = frozenset()


class Unit(NamedTuple):
    """What is merged as a whole: a row, or the rows of a book at one time. `rank` orders what no source tells apart."""

    key: tuple[object, ...]
    time_ms: int
    rank: tuple[object, ...]
    lines: tuple[str, ...]
    hour: int


class Conflict(NamedTuple):
    """Two contents under one key: by source the lines that differ. `settled`: the preferred source has one of them."""

    key: str
    time_ms: int
    contents: Mapping[str, str]
    settled: bool = False


class Hole(NamedTuple):
    """Rows next to each other that a source has not, and by which of the others they are there, each with how many."""

    source: str
    from_ms: int
    to_ms: int
    rows: int
    by: Mapping[str, int]


@dataclass
class Merged:
    """The result. `retold`: rows of which only the time of telling differs; `superseded`: later states of a book, and
    candles that missed trades, in whose place another one stands; `reordered`: the sources' orders contradict each
    other.
    """

    units: list[Unit] = field(default_factory=list)
    holes: list[Hole] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    retold: int = 0
    superseded: int = 0
    reordered: bool = False

    @property
    def stands(self) -> bool:
        """Whether the rows may be written: no conflict is open."""
        return all(one.settled for one in self.conflicts)

    @property
    def lines(self) -> list[str]:
        """All rows, without their ends."""
        return [line for unit in self.units for line in unit.lines]


class Kind(NamedTuple):
    """How rows of a kind become units, and which of two units of one key holds; None: neither, they conflict."""

    units: "Callable[[Part, int], list[Unit]]"
    choose: "Callable[[Unit, Unit], Unit | None]"


def merge_rows(kind: str, parts: Sequence[Part], interval_ms: int = 0, prefer: str | None = None) -> Merged:
    """The rows of all parts. `kind` is `trade`, `book`, `candle` or `l3`; `interval_ms` that of a book; `prefer` names
    the source whose content holds in a conflict, which is told all the same.
    """
    how, result = KINDS[kind], Merged()
    of_source = [
        (part, _once(result, how, part.source, how.units(part, interval_ms)))
        for part in sorted(parts, key=lambda one: one.source)
    ]
    held: dict[tuple[object, ...], dict[str, Unit]] = {}
    for part, units in of_source:
        for unit in units:
            held.setdefault(unit.key, {})[part.source] = unit
    chosen = {key: _agreed(result, how, units, prefer, of_source) for key, units in held.items()}
    keys, result.reordered = ordered(
        [[unit.key for unit in units] for _, units in of_source],
        {key: (unit.time_ms, unit.rank) for key, unit in chosen.items()},
        sort_by_rank=kind in ("book", "candle"),
    )
    result.units = [chosen[key] for key in keys]
    for part, units in of_source:
        result.holes += _holes(part.source, {unit.key for unit in units}, [(key, held[key]) for key in keys])
    result.holes.sort(key=lambda one: (one.from_ms, one.source))
    return result


def _once(result: Merged, how: Kind, source: str, units: Sequence[Unit]) -> list[Unit]:
    """The first of each key: a source may have told a row twice, and then in one content."""
    found: dict[tuple[object, ...], Unit] = {}
    for unit in units:
        first = found.setdefault(unit.key, unit)
        if first.lines != unit.lines and how.choose(first, unit) is None:
            contents = {source: "\n".join(first.lines), f"{source} (again)": "\n".join(unit.lines)}
            result.conflicts.append(Conflict(" ".join(str(one) for one in unit.key), unit.time_ms, contents))
    return list(found.values())


def _agreed(
    result: Merged,
    how: Kind,
    units: Mapping[str, Unit],
    prefer: str | None,
    of_source: Sequence[tuple[Part, Sequence[Unit]]],
) -> Unit:
    """The unit that all sources' units of a key are."""
    hour = min(unit.hour for unit in units.values())
    contents = {unit.lines for unit in units.values()}
    first, *others = sorted(units.values(), key=lambda unit: (unit.time_ms, unit.lines))
    if not others or len(contents) == 1:
        return first._replace(hour=hour)
    live = _live(units, of_source)
    best: Unit | None = live[0]
    for other in live[1:]:
        best = None if best is None else how.choose(best, other)
    if best is None:
        texts = {source: "\n".join(unit.lines) for source, unit in units.items()}
        name = " ".join(str(one) for one in first.key)
        result.conflicts.append(Conflict(name, first.time_ms, texts, prefer in units))
        best = units.get(prefer or "", first)
    elif how is KINDS["trade"]:
        result.retold += 1
    else:
        result.superseded += sum(unit.lines != best.lines for unit in units.values())
    return best._replace(hour=hour)


def _live(units: Mapping[str, Unit], of_source: Sequence[tuple[Part, Sequence[Unit]]]) -> list[Unit]:
    """In one order whatever the sources are called; those that came over the stream before those of history."""
    filled = {part.source: part.filled for part, _ in of_source}
    ranked = [(str(unit.key[-1]) in filled[source], unit.time_ms, unit.lines, unit) for source, unit in units.items()]
    return [unit for *_, unit in sorted(ranked, key=lambda one: one[:3])]


def _holes(
    source: str, own: set[tuple[object, ...]], held: Sequence[tuple[tuple[object, ...], Mapping[str, Unit]]]
) -> list[Hole]:
    found: list[Hole] = []
    absent: list[Mapping[str, Unit]] = []
    for key, units in [*held, ((), {})]:
        if key and key not in own:
            absent.append(units)
            continue
        if absent:
            found.append(_hole(source, absent))
        absent = []
    return found


def _hole(source: str, absent: Sequence[Mapping[str, Unit]]) -> Hole:
    by: dict[str, int] = {}
    for units in absent:
        for other, unit in units.items():
            by[other] = by.get(other, 0) + len(unit.lines)
    times = [unit.time_ms for units in absent for unit in units.values()]
    rows = sum(max(len(unit.lines) for unit in units.values()) for units in absent)
    return Hole(source, min(times), max(times), rows, dict(sorted(by.items())))


def _trades(part: Part, interval_ms: int) -> list[Unit]:
    """An id is of one symbol; a number is in order of its value."""
    units, seen = [], dict[str, int]()
    for line, hour in zip(part.lines, part.hours, strict=True):
        time, symbol, identity, *_ = line.split(",")
        if identity:
            key: tuple[object, ...] = (symbol, identity)
        else:
            seen[line] = seen.get(line, 0) + 1
            key = (symbol, line, seen[line])
        rank = (int(identity), "") if identity.isdecimal() else (0, line)
        units.append(Unit(key, int(time), rank, (line,), hour))
    return units


def _same_trade(one: Unit, other: Unit) -> Unit | None:
    """A trade may be told at two times, over the stream and by the venue's history; everything else is the trade."""
    return one if one.lines[0].split(",")[1:] == other.lines[0].split(",")[1:] else None


def _books(part: Part, interval_ms: int) -> list[Unit]:
    """The rows next to each other of one time are one state."""
    blocks: list[tuple[int, int, list[str]]] = []
    for line, hour in zip(part.lines, part.hours, strict=True):
        time = int(line.partition(",")[0])
        if not blocks or blocks[-1][0] != time:
            blocks.append((time, hour, []))
        blocks[-1][2].append(line)
    units: dict[int, Unit] = {}
    for time, hour, lines in blocks:
        slot = time // interval_ms if interval_ms else time
        units.setdefault(slot, Unit((slot,), time, (slot, ""), tuple(lines), hour))
    return list(units.values())


def _first_state(one: Unit, other: Unit) -> Unit | None:
    if one.time_ms == other.time_ms:
        return None
    return min(one, other, key=lambda unit: unit.time_ms)


def _candles(part: Part, interval_ms: int) -> list[Unit]:
    rows = zip(part.lines, part.hours, strict=True)
    return [Unit((time := int(line.partition(",")[0]),), time, (time, ""), (line,), hour) for line, hour in rows]


def _fuller_candle(one: Unit, other: Unit) -> Unit | None:
    mine, its = (int(unit.lines[0].rpartition(",")[2]) for unit in (one, other))
    return None if mine == its else one if mine > its else other


def _orders(part: Part, interval_ms: int) -> list[Unit]:
    seen: dict[str, int] = {}
    units = []
    for line, hour in zip(part.lines, part.hours, strict=True):
        seen[line] = seen.get(line, 0) + 1
        units.append(Unit((line, seen[line]), int(line.partition(",")[0]), (0, line), (line,), hour))
    return units


def _never(one: Unit, other: Unit) -> Unit | None:
    return None


KINDS: Mapping[str, Kind] = {
    "trade": Kind(_trades, _same_trade),
    "book": Kind(_books, _first_state),
    "candle": Kind(_candles, _fuller_candle),
    "l3": Kind(_orders, _never),
}
