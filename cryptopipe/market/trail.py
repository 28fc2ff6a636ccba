"""Which public trades of one instrument were told, and where some are missing.

Enters: trades in the order in which a stream tells them, the losses of its connection, pages of the venue's history.
Leaves: whether a trade is new, and holes: named by the trades around them, filled, or left open with a reason. Never: a
request, a clock, a trade told twice, or a hole that is closed without an answer that covers it.

Where ids are consecutive a hole is a step above one. Else only a lost connection may have left one: between the last
trade told before and the first one after, unless that last one is told again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from cryptopipe.clock import Nanos
from cryptopipe.model.contracts import TradeSpan
from cryptopipe.model.events import Trade

MOST_KNOWN = 2_000
"""Ids kept of one instrument, to know a trade that is told again: venues tell up to a hundred upon a subscription."""
MOST_HOLES = 100
"""Open holes of one instrument; beyond, the oldest is given up."""


class Edge(msgspec.Struct, frozen=True, gc=False):
    """A trade at the border of a hole, told itself."""

    trade_id: str
    at: Nanos

    @classmethod
    def of(cls, trade: Trade) -> "Edge":
        """Of this trade."""
        return cls(trade.trade_id, trade.matched_at)


@dataclass(eq=False)
class Hole:
    """Trades between `after` and `before` that were not told, as it was found at `found_at` (receive time).

    `low` and `high` are the borders of what is still missing; `filled` counts what history told, `late` what the stream
    told late. `count` is how many there were, None where nobody knows. `ended` is empty while it is open.
    """

    symbol: str
    why: str
    found_at: Nanos
    after: Edge
    before: Edge
    count: int | None
    low: Edge
    high: Edge
    filled: int = 0
    late: int = 0
    ended: str = ""

    @property
    def missing(self) -> int | None:
        """How many nobody told; None where nobody knows how many there were and history did not cover them."""
        if self.count is not None:
            return self.count - self.filled - self.late
        return 0 if self.ended == COVERED else None

    @property
    def span(self) -> TradeSpan:
        """What is still missing."""
        return TradeSpan(self.symbol, self.low.trade_id, self.high.trade_id, self.low.at, self.high.at)


COVERED = "covered"
"""How a hole ends that history covers, or that late trades filled. With a count above zero in `missing` the venue
itself has no such trades."""


class _Part(NamedTuple):
    """What of a page is of a hole: its trades, whether they go on from the lower border and up to the upper one, and
    the first and last of them that surely lie between the borders."""

    trades: list[Trade]
    from_low: bool
    to_high: bool
    first: Edge | None
    last: Edge | None


def _by_moment(page: list[Trade], hole: Hole) -> _Part:
    """Where ids do not count. A page that tells one border reaches the other one only if it tells it too; one that
    tells none is known by its moments alone, and those of a border may be of either side."""
    at = {one.trade_id: number for number, one in enumerate(page)}
    begin, end = at.get(hole.low.trade_id), at.get(hole.high.trade_id)
    oldest, newest = page[0].matched_at, page[-1].matched_at
    from_low = begin is not None or (oldest < hole.low.at and newest >= hole.low.at)
    to_high = end is not None or (newest > hole.high.at and oldest <= hole.high.at)
    inside = page[0 if begin is None else begin + 1 : end]
    inside = [one for one in inside if begin is not None or one.matched_at >= hole.low.at]
    inside = [one for one in inside if end is not None or one.matched_at <= hole.high.at]
    told = begin is not None or end is not None
    surely = [one for one in inside if told or hole.low.at < one.matched_at < hole.high.at]
    ends = (Edge.of(surely[0]), Edge.of(surely[-1])) if surely else (None, None)
    return _Part(inside, from_low, to_high, *ends)


def _number(trade_id: str) -> int | None:
    return int(trade_id) if trade_id.isdecimal() and len(trade_id) < 20 else None


@dataclass
class Trail:
    """One instrument's. `consecutive` as the venue's history says it of its ids."""

    symbol: str
    consecutive: bool
    holes: list[Hole] = field(default_factory=list)
    """Open ones, oldest first."""
    ended: list[Hole] = field(default_factory=list)
    """Closed ones, in order; whoever reads them takes them out."""
    _last: Edge | None = None
    _interrupted: str = ""
    _known: dict[str, None] = field(default_factory=dict)

    def told(self, trade: Trade, at: Nanos) -> bool:
        """A trade of the stream, received at `at`: whether it is new. One without an id always is."""
        if not trade.trade_id:
            return True
        last, edge = self._last, Edge.of(trade)
        if trade.trade_id in self._known:
            if last is not None and trade.trade_id == last.trade_id:
                self._interrupted = ""  # the stream goes on from where it was
            return False
        self._remember(trade.trade_id)
        if last is None:
            self._last = edge
            return True
        one, other = _number(last.trade_id), _number(trade.trade_id)
        if self.consecutive and one is not None and other is not None:
            if other < one:
                self._late(other, edge)
                return True
            if other > one + 1:
                why = self._interrupted or f"ids step from {one} to {other}"
                self._open(Hole(self.symbol, why, at, last, edge, other - one - 1, last, edge))
        elif edge.at < last.at:
            return True  # of the past, as some venues tell after a subscription
        elif self._interrupted:
            self._open(Hole(self.symbol, self._interrupted, at, last, edge, None, last, edge))
        self._interrupted, self._last = "", edge
        return True

    def interrupted(self, why: str) -> None:
        """Trades may have been lost since the last one."""
        if self._last is not None:
            self._interrupted = self._interrupted or why

    def answered(self, page: Sequence[Trade]) -> list[Trade]:
        """A page of history, oldest first: the trades of it that fill open holes, in that order, each once. A trade is
        of a hole where it stands between its borders, and a page covers what lies between its own first and last."""
        new: list[Trade] = []
        ordered = self._ordered(page)
        for hole in list(self.holes) if ordered else []:
            part = self._part(ordered, hole)
            if not (part.from_low or part.to_high):
                continue
            found = [one for one in part.trades if one.trade_id not in self._known]
            for one in found:
                self._remember(one.trade_id)
            new += found
            hole.filled += len(found)
            if part.from_low and part.to_high:
                self._end(hole, COVERED)
            elif part.from_low:
                hole.low = part.last or hole.low
            else:
                hole.high = part.first or hole.high
        return new

    def give_up(self, hole: Hole, why: str) -> None:
        """What is still missing of this one stays missing."""
        if hole in self.holes:
            self._end(hole, why)

    def _ordered(self, page: Sequence[Trade]) -> list[Trade]:
        """Oldest first; trades of one moment by their ids where those count, else as the page has them."""
        with_ids = [one for one in {one.trade_id: one for one in page}.values() if one.trade_id]
        if self.consecutive and all(_number(one.trade_id) is not None for one in with_ids):
            return sorted(with_ids, key=lambda one: int(one.trade_id))
        return sorted(with_ids, key=lambda one: one.matched_at)

    def _part(self, page: list[Trade], hole: Hole) -> "_Part":
        low, high = _number(hole.low.trade_id), _number(hole.high.trade_id)
        numbers = [_number(one.trade_id) for one in page]
        if not self.consecutive or low is None or high is None or None in numbers:
            return _by_moment(page, hole)
        inside = [one for one in page if low < int(one.trade_id) < high]
        first, last = int(page[0].trade_id), int(page[-1].trade_id)
        if first >= high or last <= low:
            return _Part([], False, False, None, None)
        ends = (Edge.of(inside[0]), Edge.of(inside[-1])) if inside else (None, None)
        return _Part(inside, first <= low + 1, last >= high - 1, *ends)

    def _late(self, number: int, edge: Edge) -> None:
        """The stream told a trade after a later one."""
        for hole in self.holes:
            low, high = _number(hole.low.trade_id), _number(hole.high.trade_id)
            if low is not None and high is not None and low < number < high:
                hole.late += 1
                if number == low + 1:
                    hole.low, low = edge, number
                elif number == high - 1:
                    hole.high, high = edge, number
                if hole.missing == 0 or low + 1 == high:
                    self._end(hole, COVERED)
                return

    def _open(self, hole: Hole) -> None:
        self.holes.append(hole)
        if len(self.holes) > MOST_HOLES:
            self._end(self.holes[0], f"more than {MOST_HOLES} holes at once")

    def _end(self, hole: Hole, why: str) -> None:
        hole.ended = why
        self.holes.remove(hole)
        self.ended.append(hole)

    def _remember(self, trade_id: str) -> None:
        self._known[trade_id] = None
        if len(self._known) > MOST_KNOWN:
            del self._known[next(iter(self._known))]
