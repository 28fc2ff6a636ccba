"""What the engine's books truly were, and whether a client's books are them.

Enters: `truth.jsonl` of `market.py`, the moments that a client told. Leaves: for each moment the newest number of the
engine's book that looks like it, and how far behind that was. Never: a book of a client's to judge another by.
"""

import json
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

NANOS = 1_000_000_000
Levels = tuple[tuple[Decimal, Decimal], ...]
SIDES = ("bids", "asks")
Look = tuple[Levels, Levels]
"""The best bids and asks, best first."""


@dataclass(frozen=True)
class Moment:
    """A client's book when it was looked at: `at` in nanoseconds of the clock that the sandbox uses too."""

    at: int
    look: Look

    @classmethod
    def told(cls, line: Mapping[str, object], sides_shown: Sequence[str] = SIDES) -> "Moment":
        """From a line of a client."""
        sides = []
        for name in SIDES:
            rows = line[name] if name in sides_shown else []
            assert isinstance(rows, list)
            sides.append(tuple((Decimal(price), Decimal(size)) for price, size in rows))
        return cls(int(str(line["at"])), (sides[0], sides[1]))


@dataclass
class History:
    """One book at each of its numbers, as deep as `depth`: when each look began, and which looks there were.

    `sides`: those that a look shows; the other one is left empty.
    """

    depth: int
    sides: Sequence[str] = SIDES
    _levels: tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]] = field(default_factory=lambda: ({}, {}))
    _prices: tuple[list[Decimal], list[Decimal]] = field(default_factory=lambda: ([], []))
    _number: int = 0
    began: list[int] = field(default_factory=list)
    """When the n-th look began; it ended when the next one began."""
    numbers: list[int] = field(default_factory=list)
    """The number of the change that began it."""
    places: dict[Look, list[int]] = field(default_factory=dict)
    """Where a look stands in `began`: several times if the book came back to it."""

    def apply(self, side: str, number: int, at: int, price: str, size: str) -> None:
        """One change. Raises `ValueError` if it is not the next one."""
        if number != self._number + 1:
            raise ValueError(f"the truth has a gap: expected change {self._number + 1}, got {number}")
        self._number = number
        asks = side == "asks"
        levels, prices, key = self._levels[asks], self._prices[asks], Decimal(price) * (1 if asks else -1)
        if Decimal(size):
            if key not in levels:
                insort(prices, key)
            levels[key] = Decimal(size)
        else:
            levels.pop(key)
            prices.pop(bisect_left(prices, key))
        if bisect_left(prices, key) >= self.depth or side not in self.sides:
            return
        look = (self._best(0), self._best(1))
        self.places.setdefault(look, []).append(len(self.began))
        self.began.append(at)
        self.numbers.append(number)

    def _best(self, side: int) -> Levels:
        if SIDES[side] not in self.sides:
            return ()
        levels = self._levels[side]
        return tuple((abs(key), levels[key]) for key in self._prices[side][: self.depth])


@dataclass(frozen=True)
class Verdict:
    """Of the moments of one book."""

    compared: int
    agreed: int
    lags: Sequence[int]
    """Of those that agreed, in nanoseconds: since when the engine's book no longer looked so; 0 if it still did."""
    complaints: Sequence[str]


def histories(path: Path, depth: int, sides: Mapping[str, Sequence[str]] | None = None) -> dict[str, History]:
    """Each book that the market wrote down, by `venue:symbol`; `sides` by venue, where not both."""
    sides = sides or {}
    found: dict[str, History] = {}
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            name, side, number, at, price, size = json.loads(line)
            if side in SIDES:
                if name not in found:
                    found[name] = History(depth, sides.get(name.partition(":")[0], SIDES))
                found[name].apply(side, number, at, price, size)
    return found


def judge(history: History, moments: Iterable[Moment], within: int = 2 * NANOS) -> Verdict:
    """Each moment must look like the engine's book at a number that was current at most `within` before it, and the
    numbers must be able to be in order: for each one there is a number not below that of the moment before.
    """
    lags, complaints, compared, reached = [], [], 0, -1
    for moment in sorted(moments, key=lambda one: one.at):
        compared += 1
        seen = bisect_right(history.began, moment.at)
        places = [place for place in history.places.get(moment.look, ()) if place < seen]
        if not places:
            complaints.append(f"the engine's book never looked like the client's at {moment.at}: {_text(moment.look)}")
            continue
        newest = places[-1]
        lag = 0 if newest + 1 >= seen else moment.at - history.began[newest + 1]
        later = [place for place in places if place >= reached]
        if not later:
            complaints.append(
                f"the client's book ran backwards at {moment.at}: from number {history.numbers[reached]} or later "
                f"to {history.numbers[newest]}"
            )
        elif lag > within:
            complaints.append(f"the client's book was {lag / 1e9:.3f} s behind at {moment.at}")
            reached = later[0]
        else:
            lags.append(lag)
            reached = later[0]
    return Verdict(compared, len(lags), lags, complaints)


def _text(look: Look) -> str:
    bids, asks = ((f"{levels[0][1]} at {levels[0][0]}" if levels else "none") for levels in look)
    return f"best bid {bids}, best ask {asks}, {len(look[0])} and {len(look[1])} levels"
