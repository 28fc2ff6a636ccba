"""The law of truth: each top of a live book was the engine's own, and they follow in the engine's order.

Enters: an engine's tape of level changes, tops of a book. Leaves: the number at which the engine had that top. Never: a
word of a venue's wire or of a codec; only whole ticks and lots.
"""

from dataclasses import dataclass, field

from cryptopipe.clock import Nanos
from cryptopipe.market.sync import BookSync
from cryptopipe.model.facts import Side
from cryptopipe.sandbox.engine import Engine

UNIT = 10**12
Top = tuple[int | None, int, int | None, int]
"""Bid, its size, ask, its size, each in units of 10⁻¹²; None and 0 for an empty side."""


class EngineTops:
    """Every top that an engine has had since it was new, each with its change's number, by replaying its changes."""

    def __init__(self, engine: Engine) -> None:
        rules = engine.instrument.rules
        assert rules is not None
        self._engine = engine
        self._tick, self._step = int(rules.tick * UNIT), int(rules.step * UNIT)
        self._levels: dict[Side, dict[int, int]] = {side: {} for side in Side}
        self._best: dict[Side, int | None] = dict.fromkeys(Side)
        self._seen = 0
        self.tops: list[Top] = [(None, 0, None, 0)]
        self.numbers = [0]
        self.times: list[Nanos] = [0]
        self.follow()

    def follow(self) -> None:
        """Up to the engine's newest change; at least as often as its tape is long."""
        for change in self._engine.changes(self._seen):
            self._seen = change.number
            self._apply(change.side, change.price, change.size)
            top = self._top()
            if top != self.tops[-1]:
                self.tops.append(top)
                self.numbers.append(change.number)
                self.times.append(change.at)

    def _apply(self, side: Side, price: int, size: int) -> None:
        levels, best = self._levels[side], self._best[side]
        if size:
            levels[price] = size
            if best is None or (price > best if side is Side.BUY else price < best):
                self._best[side] = price
            return
        del levels[price]
        if price == best:
            self._best[side] = (max if side is Side.BUY else min)(levels, default=None)

    def _top(self) -> Top:
        return (*self._best_of(Side.BUY), *self._best_of(Side.SELL))

    def _best_of(self, side: Side) -> tuple[int | None, int]:
        best = self._best[side]
        return (None, 0) if best is None else (best * self._tick, self._levels[side][best] * self._step)


@dataclass
class Truth:
    """Judges the tops of one book. `lies` are those that the engine never had, `backwards` those that it had had before
    the one that the book showed last.
    """

    engine: EngineTops
    checked: int = 0
    matched: int = 0
    """Where in the engine's tops the book was last."""
    lies: list[tuple[Nanos, Top]] = field(default_factory=list)
    backwards: list[tuple[Nanos, Top]] = field(default_factory=list)
    _last: Top | None = None
    _wrong_since: Nanos = 0
    _spans: list[tuple[Nanos, Nanos]] = field(default_factory=list)

    @classmethod
    def of(cls, engine: Engine) -> "Truth":
        return cls(EngineTops(engine))

    def check(self, sync: BookSync, at: Nanos) -> None:
        """A live book's top as it is now."""
        shown = sync.book.top
        if shown is None:
            return
        top = (shown.bid_units, shown.bid_size_units or 0, shown.ask_units, shown.ask_size_units or 0)
        if top == self._last:
            return
        self._last = top
        self.checked += 1
        self.engine.follow()
        try:
            self.matched = self.engine.tops.index(top, self.matched)
        except ValueError:
            (self.backwards if top in self.engine.tops else self.lies).append((at, top))
            self._wrong_since = self._wrong_since or at
        else:
            self.ends(at)

    def ends(self, at: Nanos) -> None:
        """What the book shows is true again, or it shows nothing."""
        if self._wrong_since:
            self._spans.append((self._wrong_since, at))
            self._wrong_since = 0

    def wrong_for(self, now: Nanos) -> list[tuple[Nanos, Nanos]]:
        """From when to when the top was none of the engine's, or an earlier one than before."""
        return [*self._spans, *([(self._wrong_since, now)] if self._wrong_since else [])]
