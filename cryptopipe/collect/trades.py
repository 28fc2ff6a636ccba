"""Trades as rows: each once, whoever repeats it, and named where ids are skipped.

Enters: trades in order of arrival. Leaves: rows, gaps of ids, the trades that were new. Never: two rows of one id, as
far as `REMEMBERED` reaches; a trade without an id is what its venue says it is, each time.
"""

from cryptopipe.clock import MILLISECOND, SECOND, Nanos
from cryptopipe.collect.manifest import Gap
from cryptopipe.collect.plan import Carried
from cryptopipe.collect.rowfiles import RowFiles, milliseconds
from cryptopipe.model.events import Trade
from cryptopipe.model.facts import Side

REMEMBERED = 1 << 14
"""Ids of one stream; the longest repetition known, a venue's answer about its last trades, has a thousand."""
_CARRIED = 1000
"""Ids that the next session knows."""
_WAITS: Nanos = 120 * SECOND
"""So long after it was noticed, a hole may still be filled; then it goes into a manifest as it is."""
_STEPS = 20
"""So many ids one after the other, and at most one in `_RARE` that skips, are a venue that counts its trades."""
_RARE = 20


class Skipped:
    """Ids that a venue passed over, and what became of them since."""

    def __init__(self, first: int, last: int, from_ms: int, to_ms: int, at: Nanos) -> None:
        self.first, self.last, self.from_ms, self.to_ms, self.at = first, last, from_ms, to_ms, at
        self.missing, self.filled = last - first + 1, 0

    def gap(self) -> Gap | None:
        """None where all of them came after all, late and over the stream."""
        if not self.missing and not self.filled:
            return None
        text = f"ids {self.first} to {self.last} were not told by the stream"
        return Gap(self.from_ms, self.to_ms, "trade_ids", text, self.filled, self.missing)


class Trades:
    """The trades of one symbol. `files` None: they are told, for candles, and not written."""

    def __init__(self, symbol: str, files: RowFiles | None, carried: Carried, consecutive: bool | None = None) -> None:
        """`consecutive`: whether the venue counts its trades, as its plugin says; None: it does not say so."""
        self.symbol, self.files = symbol, files
        self._consecutive = consecutive
        self._since: Nanos | None = carried.last[1] * MILLISECOND if carried.last is not None else None
        """When the first trade was made that is known of."""
        self._ids: dict[str, None] = dict.fromkeys(carried.ids)
        self._last = carried.last
        self._newest: Nanos = 0
        """The latest event time that the stream told."""
        self._followed, self._jumped = carried.steps
        self.skipped: list[Skipped] = []

    def take(self, trade: Trade, at: Nanos, seq: int, from_history: bool = False) -> bool:
        """Whether it is new. What history tells of the time before the first trade is nothing that was missed."""
        identity = trade.trade_id
        if self._since is None:
            self._since = trade.matched_at
        if from_history and (not identity or trade.matched_at < self._since or not self._missed(identity)):
            return False
        if identity:
            if identity in self._ids:
                return False
            self._ids[identity] = None
            if len(self._ids) > REMEMBERED:
                del self._ids[next(iter(self._ids))]
            if identity.isdecimal():
                self._count(int(identity), milliseconds(trade.matched_at), at, from_history)
        is_late = from_history or trade.event_time < self._newest
        if not is_late:
            self._newest = trade.event_time
        files = self.files
        if files is not None:
            event_ms = milliseconds(trade.event_time)
            time_ms = milliseconds(trade.matched_at)
            files.add(
                at, seq, event_ms,
                f"{event_ms},{self.symbol},{identity},{trade.price},{trade.size},{time_ms},{trade.side is Side.SELL}\n",
            )  # fmt: skip
            if is_late:
                files.filled.append(identity)
        return True

    def settle(self, at: Nanos) -> None:
        """What was skipped long ago goes into the manifest of the open file: nothing more is expected of it."""
        old = [one for one in self.skipped if one.at + _WAITS <= at]
        if self.files is not None:
            self.files.gaps += [gap for one in old if (gap := one.gap()) is not None]
        self.skipped = [one for one in self.skipped if one not in old]

    def carry(self, carried: Carried) -> None:
        """What the next session must know."""
        carried.ids = list(self._ids)[-_CARRIED:]
        carried.last, carried.steps = self._last, (self._followed, self._jumped)

    @property
    def counts(self) -> bool:
        """Whether the venue's ids follow one another by one, as far as anybody can tell."""
        if self._consecutive is not None:
            return self._consecutive
        return self._followed >= _STEPS and self._jumped * _RARE <= self._followed

    def _missed(self, identity: str) -> bool:
        """Whether history tells of something that is missing, where ids tell that."""
        if not (self.counts and identity.isdecimal()):
            return True
        number = int(identity)
        return any(one.first <= number <= one.last for one in self.skipped)

    def _count(self, number: int, time_ms: int, at: Nanos, from_history: bool) -> None:
        last = self._last
        if last is None or number > last[0]:
            if last is not None and not from_history:
                if number == last[0] + 1:
                    self._followed += 1
                elif self.counts:
                    self.skipped.append(Skipped(last[0] + 1, number - 1, last[1], time_ms, at))
                else:
                    self._jumped += 1
            self._last = number, time_ms
            return
        for one in self.skipped:
            if one.first <= number <= one.last and one.missing:
                one.missing -= 1
                one.filled += from_history
