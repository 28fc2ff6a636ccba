"""Signed requests outside a run: what a user asks of the venues by a command.

Enters: actions, orders whose intents are durable. Leaves: outcomes, or the error that one is. Never: a request that is
sent twice, a secret in an error.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ssl import SSLContext, create_default_context

import aiohttp

from cryptopipe.act.action_rules import WINDOW
from cryptopipe.act.budget import Budget
from cryptopipe.act.execution import NOT_SENT, Instruction
from cryptopipe.act.pursuit import AskFor, Done, GaveUp, Pause, Pursuit
from cryptopipe.act.strangers import read
from cryptopipe.act.venues import rules_of
from cryptopipe.clock import SECOND, Nanos, Stamper
from cryptopipe.drivers.fetching import Fetched, fetch, session
from cryptopipe.drivers.intake import Arrival
from cryptopipe.drivers.signatory import Signatory
from cryptopipe.errors import CryptopipeError, RateLimited, UnknownOutcome, VenueError, VenueUnavailable
from cryptopipe.market.feeds import Rewrite
from cryptopipe.market.supply import ANSWER_WITHIN
from cryptopipe.model.actions import MUTATING, Action, ActionCodec, venue_of
from cryptopipe.model.facts import VenueId
from cryptopipe.model.outcomes import More, NotFound, Outcome, Refused, Reports
from cryptopipe.model.stream import Credentials, HttpRequest, HttpResponse
from cryptopipe.model.trading import Order

PAUSES = 2
"""How often a question is asked again after too many requests."""

Heard = Callable[[Action, Outcome | CryptopipeError, Nanos], None]
"""Told of each answer, and how long it took."""


@dataclass
class Errand:
    """Asks, one request after the other for each venue."""

    codecs: Mapping[VenueId, ActionCodec]
    signatory: Signatory
    http: aiohttp.ClientSession
    heard: Heard = lambda action, outcome, took: None
    tls: SSLContext | None = None

    def __post_init__(self) -> None:
        self.stamp = Stamper()
        self._budgets = {venue: Budget.of(rules_of(codec)) for venue, codec in self.codecs.items()}
        self._numbered = 0

    async def ask(self, action: Action) -> Outcome:
        """The outcome. Raises `VenueError`, `RateLimited`, `UnknownOutcome`, for a question `ProtocolError`.

        A question for which there were too many requests (a command before this one may have used them up) is asked
        again after a pause, twice at most. What changes something never is.
        """
        asked_at, pauses = self.stamp(), 0 if type(action) in MUTATING else PAUSES
        while True:
            try:
                outcome = await self._answered(action)
            except CryptopipeError as error:
                self.heard(action, error, self.stamp() - asked_at)
                if not (pauses and isinstance(error, RateLimited)):
                    raise
                pauses -= 1
                self._budgets[venue_of(action)].hold(self.stamp())
            else:
                self.heard(action, outcome, self.stamp() - asked_at)
                return outcome

    async def pursue(self, order: Order, reduce_only: bool = False) -> Done:
        """Place an immediate order and follow it to its last fill. Raises `UnknownOutcome` if its end is not told."""
        codec = self.codecs.get(order.instrument.venue)
        pursuit = Pursuit(order, reduce_only, accepted_for=WINDOW if codec is None else rules_of(codec).accepted_for)
        step = pursuit.begin(self.stamp())
        while True:
            match step:
                case AskFor(action=action):
                    told: Outcome | CryptopipeError
                    try:
                        told = await self.ask(action)
                    except CryptopipeError as error:
                        told = error
                    step = pursuit.told(told, self.stamp())
                case Pause(lasts=lasts):
                    await asyncio.sleep(lasts / SECOND)
                    step = pursuit.woken(self.stamp())
                case Done():
                    return step
                case GaveUp(reason=reason):
                    raise UnknownOutcome(
                        reason, where=order.instrument.id, fix="look at the venue's own page; never send it again"
                    )

    async def _answered(self, action: Action) -> Outcome:
        venue, earlier = venue_of(action), tuple[HttpResponse, ...]()
        codec = self.codecs.get(venue)
        if codec is None or type(action) not in codec.supports:
            raise VenueError(f"its plugin cannot {type(action).__name__}", where=venue)
        while True:
            await self._room(venue, action)
            self._numbered += 1
            instruction = Instruction(f"errand:{self._numbered}", venue, action, earlier)
            arrival = await self.signatory.carry_out(instruction, self.stamp, self._fetch)
            if arrival.status == NOT_SENT:
                raise _unsent(venue, arrival)
            response = HttpResponse(arrival.status, arrival.payload, arrival.url, dict(arrival.headers))
            self._budgets[venue].hear(response, self.stamp())
            outcome = read(codec, action, response, earlier)
            if isinstance(outcome, CryptopipeError):
                raise outcome
            if not isinstance(outcome, More):
                return outcome
            earlier = (*earlier, response)

    async def _room(self, venue: VenueId, action: Action) -> None:
        """Until the venue's limits let it be asked."""
        due = self._budgets[venue].take(action, self.stamp())
        if due:
            await asyncio.sleep(max(0, due - self.stamp()) / SECOND)
            await self._room(venue, action)

    async def _fetch(self, request: HttpRequest) -> Fetched:
        return await fetch(self.http, request, self._secure)

    def _secure(self) -> SSLContext:
        self.tls = self.tls or create_default_context()
        return self.tls


def _unsent(venue: VenueId, arrival: Arrival) -> VenueError:
    """Where there was a request, nobody took it."""
    why = arrival.payload.decode(errors="replace")
    if not arrival.url:
        return VenueError(why, where=venue)
    return VenueUnavailable(why, where=venue, fix="check the network, or run on simulated venues: --market sandbox")


class Errands:
    """The same for who does not wait for others: each call returns with its answer."""

    def __init__(self, runner: asyncio.Runner, errand: Errand) -> None:
        self._runner, self._errand = runner, errand

    def ask(self, action: Action) -> Outcome:
        """The outcome. Raises as `Errand.ask`."""
        return self._runner.run(self._errand.ask(action))

    def told(self, question: Action) -> Reports:
        """The answer to a question. Raises `VenueError` if it is refused, else as `ask`."""
        return _reports(question, self.ask(question))

    def each(self, questions: Sequence[Action]) -> list[Reports | CryptopipeError]:
        """The answers, or why there is none: one venue's failure does not take away the others' answers."""

        async def one(question: Action) -> Reports | CryptopipeError:
            try:
                return _reports(question, await self._errand.ask(question))
            except CryptopipeError as error:
                return error

        async def together() -> list[Reports | CryptopipeError]:
            return list(await asyncio.gather(*(one(question) for question in questions)))

        return self._runner.run(together())

    def pursue(self, order: Order, reduce_only: bool = False) -> Done:
        """As `Errand.pursue`."""
        return self._runner.run(self._errand.pursue(order, reduce_only))


def _reports(question: Action, outcome: Outcome) -> Reports:
    if isinstance(outcome, Reports):
        return outcome
    where = venue_of(question)
    if isinstance(outcome, Refused | NotFound):
        raise VenueError(f"{outcome.code} {outcome.reason}".strip(), where=where)
    raise VenueError(f"answered {type(question).__name__} with {type(outcome).__name__}", where=where)


@contextmanager
def errands(
    codecs: Mapping[VenueId, ActionCodec],
    credentials: Mapping[VenueId, Credentials],
    rewrite: Rewrite,
    heard: Heard = lambda action, outcome, took: None,
) -> Iterator[Errands]:
    """While inside, requests can be made."""
    signatory = Signatory(codecs=codecs, credentials=credentials, rewrite=rewrite, withdrawing=credentials)

    async def opened() -> aiohttp.ClientSession:
        return session(ANSWER_WITHIN)

    with asyncio.Runner() as runner:
        http = runner.run(opened())
        try:
            yield Errands(runner, Errand(codecs, signatory, http, heard))
        finally:
            runner.run(http.close())
