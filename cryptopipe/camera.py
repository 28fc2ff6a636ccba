"""Takes the pictures of a run.

Enters: the pipe, its venues' supervisors, the time. Leaves: a `Picture`. Never: a change of anything that a replay
depends on, an exact valuation, or more than a fraction of a millisecond of the decisions' thread.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from heapq import nlargest

from cryptopipe.clock import SECOND, Nanos
from cryptopipe.gate.episodes import Chapter, Episode
from cryptopipe.market.line import Stage
from cryptopipe.market.supervisor import Supervisor
from cryptopipe.market.sync import BookState, BookSync
from cryptopipe.model.facts import VenueId
from cryptopipe.model.naming import named, pair_of
from cryptopipe.model.trading import Decision, Opportunity
from cryptopipe.picture import Counts, DecisionNow, EdgeNow, Picture, Quote, VenueNow
from cryptopipe.pipe import Pipe

EDGES = 12
"""Open edges in a picture, and as many that have closed."""
DECISIONS = 12
PAIRS = 12
_RATE_OVER = 2 * SECOND
_OF_THE_RUN = frozenset({"mode", "loss", "one_plan", "group"})
"""Checks that fail for what the run does at the moment, whatever the edge is worth."""


class Camera:
    """Takes pictures of one run; keeps only what rates are made of, and names that do not change."""

    def __init__(
        self,
        pipe: Pipe,
        market: str,
        began_at: Nanos,
        seed: int | None = None,
        supervisors: Mapping[VenueId, Supervisor] | None = None,
    ) -> None:
        self._pipe, self._market, self._seed, self._began_at = pipe, market, seed, began_at
        self._supervisors = supervisors or {}
        self._frames: deque[tuple[Nanos, dict[VenueId, int]]] = deque()
        self._pair_of: dict[str, str] = {}
        self._pairs: tuple[str, ...] = ()
        self._names: dict[str, tuple[str, str]] = {}

    def take(self, at: Nanos, faults: Iterable[str] = ()) -> Picture:
        """The run now; to be called between two turns, at any pace."""
        pipe = self._pipe
        counts = pipe.market.counts
        self._learn_pairs()
        before = self._sample({venue: count.frames for venue, count in counts.items()}, at)
        trading, numeraire = pipe.trading
        return Picture(
            market=self._market,
            seed=self._seed,
            began_at=self._began_at,
            at=at,
            venues=tuple(self._venue(venue, before, at) for venue in counts),
            pairs=self._pairs,
            edges=self._edges(at),
            open_edges=len(pipe.episodes.alive),
            best_gross=pipe.best.gross,
            best_net=pipe.best.net,
            decisions=self._decisions(),
            counts=self._counts(),
            trading=trading,
            numeraire=numeraire,
            mode=pipe.state.mode.value,
            halted=pipe.state.halted_because,
            faults=tuple(faults),
            pair_count=len(set(self._pair_of.values())),
            on_paper=pipe.at_venues is None,
        )

    def _counts(self) -> Counts:
        pipe, episodes = self._pipe, self._pipe.episodes
        frames = sum(count.frames for count in pipe.market.counts.values())
        refusals = tuple(episodes.refusals.most_common(4))
        return Counts(frames, pipe.turns, episodes.found, episodes.accepted, episodes.refused, pipe.fills, refusals)

    def _learn_pairs(self) -> None:
        """Those of the most venues first, then in order of appearance."""
        books = self._pipe.market.books
        if sum(map(len, books.values())) == len(self._pair_of):
            return
        found: dict[str, int] = {}
        for venue in books.values():
            for sync in venue.values():
                self._pair_of[sync.id] = pair = pair_of(sync.instrument)
                found[pair] = found.get(pair, 0) + 1
        self._pairs = tuple(sorted(found, key=lambda pair: -found[pair])[:PAIRS])

    def _sample(self, frames: dict[VenueId, int], at: Nanos) -> tuple[Nanos, dict[VenueId, int]]:
        """The counts of about two seconds ago, or the oldest that there are."""
        samples = self._frames
        while len(samples) > 1 and samples[1][0] <= at - _RATE_OVER:
            samples.popleft()
        if not samples or at > samples[-1][0]:
            samples.append((at, frames))
        return samples[0]

    def _venue(self, venue: VenueId, before: tuple[Nanos, dict[VenueId, int]], at: Nanos) -> VenueNow:
        market, supervisor = self._pipe.market, self._supervisors.get(venue)
        syncs = market.books[venue].values()
        live = [sync for sync in syncs if sync.state is BookState.LIVE]
        wanted = sum(len(line.books) for line in supervisor.lines.values()) if supervisor else 0
        lost = next((sync for sync in syncs if sync.state is not BookState.LIVE), None)
        states = {sync.state.value for sync in syncs}
        last, frames = max((sync.last_frame_at for sync in syncs), default=0), market.counts[venue].frames
        since = at - before[0]
        error = supervisor.clock.error if supervisor else None
        return VenueNow(
            venue=venue,
            state=states.pop() if len(states) == 1 else "mixed" if states else "no book",
            proof="+".join(sorted({sync.rule.proof.value for sync in syncs})),
            live=len(live),
            books=max(wanted, len(syncs)),
            age=max(0, at - last) if last else None,
            frames=frames,
            frames_per_s=(frames - before[1].get(venue, 0)) * SECOND / since if since > 0 else None,
            gaps=sum(sync.gaps for sync in syncs),
            resyncs=sum(sync.resyncs for sync in syncs),
            link=link_of(supervisor, at) if supervisor else "",
            why=f"{lost.instrument.symbol}: {lost.reason}" if lost else "",
            clock=(supervisor.clock.offset, error) if supervisor and error is not None else None,
            quotes=tuple(quote for sync in live if (quote := self._quote(sync)) is not None),
        )

    def _quote(self, sync: BookSync) -> Quote | None:
        pair, top = self._pair_of[sync.id], sync.book.top
        if pair not in self._pairs or top is None or top.bid is None or top.ask is None:
            return None
        return Quote(pair, top.bid, top.ask)

    def _edges(self, at: Nanos) -> tuple[EdgeNow, ...]:
        alive = self._pipe.episodes.alive
        best = nlargest(EDGES, alive, key=lambda episode: episode.decision.opportunity.net_bps)
        shown = [self._edge(episode, True, at) for episode in best]
        names = {episode.decision.opportunity.edge for episode in alive}
        for chapter in reversed(self._pipe.lately.ended):
            edge = chapter.decision.opportunity.edge
            if edge not in names and len(names) < len(alive) + EDGES:
                names.add(edge)
                shown.append(self._edge(chapter.episode, False, chapter.at))
        return tuple(shown)

    def _edge(self, episode: Episode, is_open: bool, at: Nanos) -> EdgeNow:
        opportunity = episode.decision.opportunity
        gross = opportunity.gross_bps if is_open else episode.best_gross_bps
        net = opportunity.net_bps if is_open else episode.best_net_bps
        alive = max(0, at - episode.opened_at)
        verdict, name = first_reason(episode.decision)[0], self._name(opportunity)
        return EdgeNow(opportunity.edge, *name, is_open, gross, net, alive, verdict, episode.taken)

    def _decisions(self) -> tuple[DecisionNow, ...]:
        """Half of them kept for what was accepted, which refusals outnumber."""
        lately = self._pipe.lately
        accepted = list(lately.accepted)[-DECISIONS // 2 :]
        refused = list(lately.refused)[len(accepted) - DECISIONS :]
        told = sorted([*accepted, *refused], key=lambda chapter: (chapter.at, chapter.decision.decision_id))
        return tuple(self._decision(chapter) for chapter in reversed(told))

    def _decision(self, chapter: Chapter) -> DecisionNow:
        decision = chapter.decision
        opportunity = decision.opportunity
        name, value, unit = self._name(opportunity), opportunity.value, opportunity.numeraire
        facts = chapter.at, decision.decision_id, opportunity.edge, *name, decision.accepted, opportunity.net_bps
        return DecisionNow(*facts, value, unit, *first_reason(decision))

    def _name(self, opportunity: Opportunity) -> tuple[str, str]:
        name = self._names.get(opportunity.edge)
        if name is None:
            name = self._names[opportunity.edge] = named(opportunity)
        return name


def first_reason(decision: Decision) -> tuple[str, str, str]:
    """The failed check that says most about the edge, its limit and what was measured; empty if none failed.

    The first one, but what only says that something else is going on comes last: an edge that does not pay is refused
    for that, not for the plan in flight.
    """
    failed = [reason for reason in decision.reasons if not reason.passed]
    first = next((reason for reason in failed if reason.check not in _OF_THE_RUN), failed[0] if failed else None)
    return ("", "", "") if first is None else (first.check, first.limit, first.measured)


def link_of(supervisor: Supervisor, at: Nanos) -> str:
    """The venue's connections in words: `dialling`, `back-off 3 s`, `429: until 08:15:30`; empty when all are open."""
    if supervisor.stopped_until > at:
        return f"418: until {_clock_time(supervisor.stopped_until)}"
    stages = {line.stage for line in supervisor.lines.values()}
    status, until = supervisor.held
    waiting = [line for line in supervisor.lines.values() if line.stage is Stage.WAITING]
    if waiting and until > at:
        return f"{status}: until {_clock_time(until)}"
    if waiting:
        first = min(waiting, key=lambda line: line.next_due())
        left, what = max(0, first.next_due() - at), "dial budget" if first.budgeted else "back-off"
        return f"{what} {-(-left // SECOND)} s" if left else "dialling"
    if Stage.DIALING in stages:
        return "dialling"
    if supervisor.absent:
        return f"nothing of {', '.join(supervisor.absent)}"
    return "closing" if Stage.CLOSING in stages else ""


def _clock_time(at: Nanos) -> str:
    return f"{datetime.fromtimestamp(at // SECOND, UTC):%H:%M:%S}"
