"""Tells a running run in log lines, where there is no terminal to draw on.

Enters: pictures. Leaves: events on stderr: venues that come and go, the first decisions on an edge, and a status line
every ten seconds. Never: a line on stdout, or one edge told twice for one reason.
"""

import sys
from typing import Any

import structlog

from cryptopipe.cli.drawing import worth_of
from cryptopipe.cli.words import check_in_words, short
from cryptopipe.clock import SECOND, Nanos
from cryptopipe.picture import DecisionNow, Picture, VenueNow

STATUS_EVERY = 10 * SECOND
NEAR_BPS = 10
"""The refusal of an edge that loses more than this is not told, unless it was accepted before."""


class Narrator:
    """A `Painter` of lines. They are told whatever the level of the log: somebody asked for a run to look at."""

    def __init__(self) -> None:
        self._log: Any = structlog.wrap_logger(
            structlog.PrintLogger(sys.stderr), wrapper_class=structlog.make_filtering_bound_logger("info")
        )
        self._live: dict[str, bool] = {}
        self._told: set[tuple[str, str]] = set()
        self._faults: frozenset[str] = frozenset()
        self._halted = False
        self._status_due: Nanos | None = None
        self._last: Picture | None = None

    def begin(self) -> None:
        """Nothing is taken over."""

    def draw(self, picture: Picture) -> None:
        """Tell what is new since the picture before."""
        if picture is self._last:
            return
        self._last = picture
        for venue in picture.venues:
            self._venue(venue)
        faults = frozenset(fault.partition(", ")[0] for fault in picture.faults)  # without the time that is left
        for fault in sorted(faults - self._faults):
            self._log.warning("fault.begun", fault=fault)
        for fault in sorted(self._faults - faults):
            self._log.info("fault.ended", fault=fault)
        self._faults = faults
        for decision in reversed(picture.decisions):
            self._decision(decision)
        if picture.halted and not self._halted:
            self._halted = True
            self._log.warning("trading.halted", reason=picture.halted)
        if self._status_due is None:
            self._status_due = picture.began_at + STATUS_EVERY
        if picture.at >= self._status_due:
            self._status_due = picture.at + STATUS_EVERY
            self._status(picture)

    def leave(self) -> None:
        """Nothing was taken over."""

    def doubt(self) -> None:
        """A line stays where it was written."""

    def end(self) -> None:
        """Nothing to give back."""

    def _venue(self, venue: VenueNow) -> None:
        live, before = bool(venue.books) and venue.live == venue.books, self._live.get(venue.venue)
        if live and not before:
            self._log.info("venue.live", venue=venue.venue, books=venue.books, proof=venue.proof)
        elif before and not live:
            why = venue.link or venue.why
            self._log.warning("venue.lost", venue=venue.venue, live=venue.live, books=venue.books, why=why)
        self._live[venue.venue] = live

    def _decision(self, decision: DecisionNow) -> None:
        key = decision.edge, "" if decision.accepted else decision.check
        near = decision.net_bps >= -NEAR_BPS or (decision.edge, "") in self._told
        if key in self._told or not near:
            return
        self._told.add(key)
        facts: dict[str, Any] = {"what": decision.what, "where": decision.where, "net_bps": f"{decision.net_bps:.2f}"}
        if decision.accepted:
            self._log.info("edge.accepted", **facts, value=f"{worth_of(decision.value):f} {decision.unit}")
        else:
            check, limit, measured = check_in_words(decision.check), decision.limit, decision.measured
            self._log.info("edge.refused", **facts, check=check, measured=measured, limit=limit)

    def _status(self, picture: Picture) -> None:
        counts, trading = picture.counts, picture.trading
        live = sum(venue.live == venue.books > 0 for venue in picture.venues)
        self._log.info(
            "run.status",
            elapsed=short(picture.at - picture.began_at),
            venues_live=f"{live}/{len(picture.venues)}",
            frames=counts.frames,
            found=counts.found,
            accepted=counts.accepted,
            refused=counts.refused,
            fills=counts.fills,
            trading="no price" if trading is None else f"{trading:.2f} {picture.numeraire}",
        )
