"""One edge from its opening to its closing: what the journal tells and the counts count.

Enters: each turn's decisions. Leaves: which of them to write (the first, a changed set of reasons, the end). Never: an
edge alive for two seconds told two hundred times.
"""

from collections import Counter, deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum

from cryptopipe.clock import Nanos
from cryptopipe.model.trading import Decision


class Phase(Enum):
    """Why a decision is written."""

    OPEN = "open"
    CHANGE = "change"
    END = "end"


@dataclass
class Episode:
    """An edge while its gross value is above zero."""

    episode_id: int
    opened_at: Nanos
    decision: Decision
    best_gross_bps: Decimal
    best_net_bps: Decimal
    evaluations: int = 0
    accepted: bool = False
    taken: int = 0
    """How often it was accepted."""
    refused_by: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Chapter:
    """One line of an episode for the journal."""

    phase: Phase
    episode: Episode
    decision: Decision
    at: Nanos


_LATELY = 16


class Lately:
    """The last chapters, for whoever looks at a running run; many of one sort do not push out those of another."""

    def __init__(self) -> None:
        self.accepted: deque[Chapter] = deque(maxlen=_LATELY)
        self.refused: deque[Chapter] = deque(maxlen=_LATELY)
        self.ended: deque[Chapter] = deque(maxlen=_LATELY)

    def note(self, chapter: Chapter) -> None:
        """Keep it until enough newer ones of its sort have come."""
        if chapter.phase is Phase.END:
            self.ended.append(chapter)
        else:
            (self.accepted if chapter.decision.accepted else self.refused).append(chapter)


class Episodes:
    """The open episodes by edge, and the counts over all."""

    def __init__(self) -> None:
        self._open: dict[str, Episode] = {}
        self._of_instrument: dict[str, set[str]] = {}
        self.found = 0
        self.accepted = 0
        self.refusals: Counter[str] = Counter()
        """For each check, the ended episodes in which it ever failed, accepted ones among them."""

    @property
    def refused(self) -> int:
        """Episodes in which nothing was accepted."""
        return self.found - self.accepted

    @property
    def alive(self) -> Collection[Episode]:
        """The open episodes, in order of their opening."""
        return self._open.values()

    def turn(self, asked: Iterable[str], decisions: Sequence[Decision], now: Nanos) -> list[Chapter]:
        """The chapters of a turn. `asked` are the ids of the instruments evaluated: an open edge through one of them
        that no decision names has closed.
        """
        named = {decision.opportunity.edge for decision in decisions}
        touched = {edge for instrument in asked for edge in self._of_instrument.get(instrument, ())}
        chapters = [self._end(edge, now) for edge in sorted(touched - named)]
        chapters += [chapter for decision in decisions if (chapter := self._told(decision, now)) is not None]
        return chapters

    def close(self, now: Nanos) -> list[Chapter]:
        """End every open episode, at the end of the run."""
        return [self._end(edge, now) for edge in sorted(self._open)]

    def _told(self, decision: Decision, now: Nanos) -> Chapter | None:
        opportunity = decision.opportunity
        episode = self._open.get(opportunity.edge)
        refused_by = {reason.check for reason in decision.reasons if not reason.passed}
        if episode is None:
            self.found += 1
            episode = Episode(self.found, now, decision, opportunity.gross_bps, opportunity.net_bps)
            self._open[opportunity.edge] = episode
            for leg in opportunity.legs:
                self._of_instrument.setdefault(leg.instrument.id, set()).add(opportunity.edge)
            phase: Phase | None = Phase.OPEN
        else:
            before = {reason.check for reason in episode.decision.reasons if not reason.passed}
            phase = Phase.CHANGE if decision.accepted or refused_by != before else None
        episode.best_gross_bps = max(episode.best_gross_bps, opportunity.gross_bps)
        episode.best_net_bps = max(episode.best_net_bps, opportunity.net_bps)
        episode.evaluations += 1
        episode.decision = decision
        episode.refused_by |= refused_by
        episode.taken += decision.accepted
        if decision.accepted and not episode.accepted:
            episode.accepted = True
            self.accepted += 1
        return None if phase is None else Chapter(phase, episode, decision, now)

    def _end(self, edge: str, now: Nanos) -> Chapter:
        episode = self._open.pop(edge)
        for leg in episode.decision.opportunity.legs:
            self._of_instrument[leg.instrument.id].discard(edge)
        self.refusals.update(episode.refused_by)
        return Chapter(Phase.END, episode, episode.decision, now)
