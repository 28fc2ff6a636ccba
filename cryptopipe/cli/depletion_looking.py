"""How `sell` and `buy` come to their books: simulated as they open, recorded, or over connections.

Enters: a request, where it is shown. Leaves: what was seen last, and whether the user stopped it. Never: a capture, a
strategy, or a look between two inputs of a turn.
"""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from cryptopipe.capture.inputs import Input
from cryptopipe.cli.depletion_books import Question, Seen, listed, of_market, of_world, refuse_unrecorded
from cryptopipe.cli.depletion_shown import Screen
from cryptopipe.cli.market import MarketOptions
from cryptopipe.cli.moment import OPENS, WITHIN, opened_world, wiring_of
from cryptopipe.clock import Nanos
from cryptopipe.drivers.replay import paced, refuse_foreign
from cryptopipe.drivers.stop import stop_on_interrupt, watched
from cryptopipe.drivers.streams import Streams, credentials_for
from cryptopipe.errors import UsageError, VenueUnavailable
from cryptopipe.market.feeds import subscriptions_of
from cryptopipe.market.market import Market
from cryptopipe.settings import Settings
from cryptopipe.summary import venue_counts
from cryptopipe.wiring import Wiring, source_of


@dataclass(frozen=True)
class Request:
    """What was asked for, of which market, and how to look: `until` an instant of recordings, `for_ns` for so long."""

    question: Question
    market: MarketOptions
    settings: Settings
    watch: bool
    wait: bool
    until: Nanos | None
    for_ns: Nanos | None


def as_it_opens(request: Request, screen: Screen) -> Seen:
    """A simulated market when it opens: a seed has one answer. Raises `UsageError`."""
    options, question, settings = request.market, request.question, request.settings
    if options.faults is not None:
        raise UsageError("nothing goes wrong in one moment", where="--faults", fix="leave it out, or add --watch")
    wiring = wiring_of(options.venue_names(settings), settings, "sandbox")
    found, left_out = listed(question, wiring.plugins)
    plugins = {venue: wiring.plugins[venue] for venue in found}
    seed = time.time_ns() % 1_000_000 if options.seed is None else options.seed
    world = opened_world(options, plugins, [question.base, question.quote], seed)
    screen.of("sandbox", "simulated venues, not a market", seed)
    return of_world(question, world, wiring, left_out, OPENS)


class _Looking:
    """Looks whenever a turn has moved a book, if anybody wants to know; `enough` says when to stop."""

    def __init__(
        self,
        question: Question,
        market: Market,
        wiring: Wiring,
        left_out: Mapping[str, str],
        screen: Screen | None,
        enough: Callable[[Seen], bool] | None,
    ) -> None:
        self._question, self._market, self._wiring, self._left_out = question, market, wiring, left_out
        self._screen, self._enough = screen, enough
        market.touched = {}

    def look(self, at: Nanos) -> Seen:
        """Now."""
        return of_market(self._question, self._market, self._wiring, self._left_out, at)

    def turn_ended(self, at: Nanos) -> bool:
        """Whether enough was seen."""
        moved = bool(self._market.take_changed()) or bool(self._market.touched)
        self._market.touched = {}
        self._market.transitions.clear()
        due = self._screen is not None and self._screen.due
        if not moved or not (due or self._enough):
            return False
        seen = self.look(at)
        if self._screen is not None and due:
            self._screen.show(seen)
        return self._enough is not None and self._enough(seen)


def _all_there(seen: Seen) -> bool:
    return not seen.depletion.merged.missing


def of_recordings(request: Request, screen: Screen) -> tuple[Seen, bool]:
    """At their end, at an instant, or, waiting, where it is first all there. Raises `UsageError`, `CaptureError`."""
    options = request.market
    source = source_of(request.settings, options.replays, options.shifts, options.align)
    wiring = wiring_of(source.venues, request.settings, "replay")
    market = Market(wiring.plugins)
    screen.of("replay", source.label().why, None)
    looking = _Looking(request.question, market, wiring, {}, screen, _all_there if request.wait else None)
    with stop_on_interrupt() as stop:
        inputs = _before(watched(source, stop, request.for_ns), request.until)
        if request.watch and sys.stdout.isatty():
            inputs = paced(inputs, Decimal(1), stop.wait)
        at = _read(inputs, market, looking)
    if not at and not stop.requested:
        raise UsageError("nothing was recorded by then", where="--at", fix="look later, or leave it out")
    refuse_foreign({venue: venue_counts(market, venue) for venue in market.counts})
    if not stop.requested:
        refuse_unrecorded(request.question, market)
    return looking.look(at), stop.requested


def _before(inputs: Iterable[Input], until: Nanos | None) -> Iterator[Input]:
    for entry in inputs:
        if until is not None and entry.at > until:
            return
        yield entry


def _read(inputs: Iterable[Input], market: Market, looking: _Looking) -> Nanos:
    """Turn by turn; when the last input that was read came, 0 if there was none."""
    at = turn = 0
    for entry in inputs:
        if entry.turn != turn:
            if turn and looking.turn_ended(at):
                return at
            turn = entry.turn
        at = entry.at
        market.receive(entry)
        market.take_commands()
    looking.turn_ended(at)
    return at


def of_connections(request: Request, screen: Screen) -> tuple[Seen, bool]:
    """Until all books are live, the quantity is there, or the time is over. Raises `VenueUnavailable`, `UsageError`."""
    options, settings, question = request.market, request.settings, request.question
    wiring = wiring_of(options.venue_names(settings), settings, options.kind)
    found, left_out = listed(question, wiring.plugins)
    plugins = {venue: wiring.plugins[venue] for venue in found}
    market, last, once = Market(plugins), 0, not (request.watch or request.wait)

    def all_live(seen: Seen) -> bool:
        return len(seen.books) == len(plugins)

    enough = _all_there if request.wait else all_live if once else None
    with options.open(plugins, [question.base, question.quote]) as place, stop_on_interrupt() as stop:
        screen.of(place.kind, place.label, place.seed)
        looking = _Looking(question, market, wiring, left_out, None if once else screen, enough)
        asked = False

        def turn_ended(at: Nanos) -> None:
            nonlocal last, asked
            last = at
            if not asked and not stop.requested and looking.turn_ended(at):
                asked = True
                stop.ask()

        streams = Streams(
            plugins, market, {venue: subscriptions_of([one]) for venue, one in found.items()}, market.receive,
            turn_ended, place.rewrite, place.ended, refresh=0,
            credentials=credentials_for(plugins, settings, place.kind == "sandbox"),
        )  # fmt: skip
        why = streams.run(stop, request.for_ns or (WITHIN if once else None))
        seen = looking.look(last)
    _refuse(seen, why)
    return seen, why == "interrupt" and not asked


def _refuse(seen: Seen, why: str) -> None:
    """Raises `VenueUnavailable` where the market went away, or never had a live book."""
    if why not in ("interrupt", "duration"):
        raise VenueUnavailable(f"the market ended early: {why}", fix="start it again; `cryptopipe sandbox` tells why")
    if not seen.books and why != "interrupt":
        told = "; ".join(f"{venue}: {reason}" for venue, reason in seen.left_out.items())
        raise VenueUnavailable(
            f"no live book of {seen.question.symbol}: {told}", fix="try again, or see `cryptopipe watch`"
        )
