"""Row files of simulated venues against the engines' own record.

Enters: a data directory, the record of one instrument. Leaves: which rows are wrong, and what is missing outside of
every gap that a manifest names. Never: a codec, a book of the framework's, or a word of the collector's but manifests.
"""

import gzip
import hashlib
import json
from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

from collecting.day_world import HOUR, Record

from cryptopipe.clock import MILLISECOND, SECOND, Nanos
from cryptopipe.model.facts import Side

DEPTH = 5
Levels = tuple[tuple[tuple[Decimal, Decimal], ...], tuple[tuple[Decimal, Decimal], ...]]
"""Bids and asks, best first: price, size."""
Gaps = Sequence[tuple[int, int]]


@dataclass
class Files:
    """The sealed files of one stream, in their order; each with its manifest."""

    paths: list[Path]
    manifests: list[dict[str, Any]]

    @classmethod
    def of(cls, data_dir: Path, venue: str, folder: str, symbol: str) -> "Files":
        paths = sorted((data_dir / "collected" / venue / folder / symbol.replace("/", "-")).glob("*.csv.gz"))
        return cls(paths, [json.loads(path.with_name(path.name + ".json").read_text()) for path in paths])

    def rows(self) -> Iterator[list[str]]:
        """The cells of every row. Each file is held against its manifest on the way."""
        for path, manifest in zip(self.paths, self.manifests, strict=True):
            data = path.read_bytes()
            assert (len(data), hashlib.sha256(data).hexdigest()) == (manifest["bytes"], manifest["sha256"]), path.name
            lines = gzip.decompress(data).decode().splitlines()
            assert len(lines) - manifest["header"] == manifest["rows"] > 0, path.name
            yield from (line.split(",") for line in lines[manifest["header"] :])

    @property
    def hours(self) -> set[str]:
        """`20270115T07`."""
        return {path.name.rsplit("-", 2)[1].removesuffix("Z") for path in self.paths}

    @property
    def gaps(self) -> Gaps:
        """Of which something is still missing: from, to."""
        told = [gap for manifest in self.manifests for gap in manifest["gaps"]]
        return [(gap["from_ms"], gap["to_ms"]) for gap in told if gap["missing"] != 0]

    @property
    def filled(self) -> set[str]:
        """Ids of trades that history told."""
        return {identity for manifest in self.manifests for identity in manifest["filled"]}


@dataclass
class Judged:
    """`wrong` are rows that the engine contradicts, `missing` what it did that no row tells (epoch ms), `unnamed` those
    of them that lie in no gap, `hidden` those that no proof of the stream covers; `right` counts rows.
    """

    right: int = 0
    wrong: list[str] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)
    unnamed: list[int] = field(default_factory=list)
    hidden: list[int] = field(default_factory=list)

    def miss(self, at_ms: int, gaps: Gaps) -> None:
        """Something at this time is in no row."""
        self.missing.append(at_ms)
        if not named(at_ms, gaps):
            self.unnamed.append(at_ms)


def named(at_ms: int, gaps: Gaps) -> bool:
    """Whether it lies in a gap."""
    return any(first <= at_ms <= last for first, last in gaps)


def judge_trades(files: Files, record: Record, until: Nanos) -> Judged:
    """From the first trade told to `until`: each once, as the engine made it, in the order in which it made them but
    for what history told.
    """
    rules, symbol = record.instrument.rules, record.instrument.symbol
    assert rules is not None
    judged, told, last = Judged(), set[int](), 0
    filled = files.filled
    for event_ms, name, identity, price, size, time_ms, buyer_is_maker in files.rows():
        number = int(identity)
        true = record.trades[number - 1]
        row = (name, Decimal(price), Decimal(size), int(time_ms), buyer_is_maker)
        engine = (symbol, true.price * rules.tick, true.size * rules.step, true.at // MILLISECOND)
        if row != (*engine, str(true.side is Side.SELL)):
            judged.wrong.append(f"trade {row} was {engine} {true.side}")
        if number in told:
            judged.wrong.append(f"trade {number} twice")
        if identity not in filled:
            if number < last:
                judged.wrong.append(f"trade {number} after {last}")
            if not 0 <= int(event_ms) - int(time_ms) <= 1000:
                judged.wrong.append(f"trade {number} of {time_ms} told at {event_ms}")
            last = number
        told.add(number)
        judged.right += 1
    for number in range(min(told), len(record.trades) + 1):
        true = record.trades[number - 1]
        if number not in told and true.at < until:
            judged.miss(true.at // MILLISECOND, files.gaps)
    return judged


class Ladder:
    """Both sides of a book by the changes of it; keys as the record has them."""

    def __init__(self) -> None:
        self._keys: list[int] = []
        self._sizes: dict[int, int] = {}

    def change(self, key: int, size: int) -> None:
        """A level has this size now."""
        if size and key not in self._sizes:
            insort(self._keys, key)
        if size:
            self._sizes[key] = size
        else:
            del self._sizes[key], self._keys[bisect_left(self._keys, key)]

    def best(self, tick: Decimal, step: Decimal, depth: int = DEPTH) -> Levels:
        """Keys of asks are below zero and those of bids above; of either the greatest is the best."""
        middle = bisect_left(self._keys, 0)
        bids, asks = self._keys[max(middle, len(self._keys) - depth) :], self._keys[max(0, middle - depth) : middle]
        sides = [tuple((abs(key) * tick, self._sizes[key] * step) for key in reversed(one)) for one in (bids, asks)]
        return sides[0], sides[1]


def by_period(record: Record, period: Nanos) -> Iterator[tuple[Nanos, range]]:
    """Of a venue that tells at each multiple of a period what changed: when, and which changes."""
    return _grouped(record, lambda at: -(-at // period) * period)


def by_event(record: Record) -> Iterator[tuple[Nanos, range]]:
    """Of a venue that tells each event with its time."""
    return _grouped(record, lambda at: at)


def _grouped(record: Record, told_at: Any) -> Iterator[tuple[Nanos, range]]:
    for at, numbers in groupby(range(len(record.times)), lambda number: told_at(record.times[number])):
        first, *rest = numbers
        yield at, range(first, (rest or [first])[-1] + 1)


def judge_book(
    files: Files, record: Record, told: Iterator[tuple[Nanos, range]], interval: Nanos, until: Nanos, proven: int = 0
) -> Judged:
    """Each row is the engine's book at its time, and from the first row to `until` there is one of what was told first
    in each interval. `proven`: the stream proves so many levels a side, so a lost change below them hides; 0: all.
    """
    rules = record.instrument.rules
    assert rules is not None
    judged, ladder, last, settled = Judged(), Ladder(), -1, True
    states = _states(files)
    row = next(states)
    for at, changes in told:
        settled, last = settled and at // interval == last, at // interval
        before = ladder.best(rules.tick, rules.step, proven) if proven and not settled else None
        for number in changes:
            ladder.change(record.keys[number], record.sizes[number])
        at_ms = at // MILLISECOND
        while row is not None and row[0] < at_ms:
            judged.wrong.append(f"book of {row[0]}: {row[1]}")
            row = next(states, None)
        if row is not None and row[0] == at_ms and row[1] == ladder.best(rules.tick, rules.step):
            judged.right, settled = judged.right + 1, True
            row = next(states, None)
        elif not settled and judged.right and at < until:
            unproven = before is not None and before == ladder.best(rules.tick, rules.step, proven)
            if unproven and not named(at_ms, files.gaps):
                judged.hidden.append(at_ms)
            else:
                judged.miss(at_ms, files.gaps)
                settled = True
    while row is not None:
        judged.wrong.append(f"book of {row[0]}: {row[1]}")
        row = next(states, None)
    return judged


def _states(files: Files) -> Iterator[tuple[int, Levels]]:
    for at_ms, rows in groupby(files.rows(), lambda cells: int(cells[0])):
        sides: dict[str, list[tuple[Decimal, Decimal]]] = {"B": [], "A": []}
        for _, _, side, price, size, level in rows:
            sides[side].append((Decimal(price), Decimal(size)))
            assert int(level) == len(sides[side]) <= DEPTH, f"{files.paths[0].parent}: level {level} at {at_ms}"
        yield at_ms, (tuple(sides["B"]), tuple(sides["A"]))


def hours_of(begins: Nanos, ends: Nanos) -> int:
    """How many clock hours there are in this time."""
    return int((ends - 1) // HOUR - begins // HOUR + 1)


__all__ = ["SECOND", "Files", "by_event", "by_period", "hours_of", "judge_book", "judge_trades"]
