"""Orders at the venues themselves: each is pursued by signed requests until its last fill is known.

Enters: orders whose intents are durable, answers, timers. Leaves: instructions for the driver, the end of each order,
balances as the venues tell them. Never: a signature, a secret, an order that is sent twice.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from cryptopipe.act.action_rules import ActionRules
from cryptopipe.act.budget import Budget
from cryptopipe.act.ccxt_codec import CcxtActions
from cryptopipe.act.execution import NOT_SENT, Ends, Instruction, Then
from cryptopipe.act.pursuit import AskFor, Done, GaveUp, Pause, Pursuit, Step
from cryptopipe.act.strangers import read
from cryptopipe.capture.inputs import ACTION, Input
from cryptopipe.clock import LAST, SECOND, Agenda, Nanos
from cryptopipe.errors import CryptopipeError, PluginError, RateLimited, VenueError
from cryptopipe.model.actions import Action, ActionCodec, ListTransfers, PlaceOrder, venue_of
from cryptopipe.model.facts import Instrument, VenueId
from cryptopipe.model.money import exact
from cryptopipe.model.outcomes import FillReport, More, OrderReport, Outcome
from cryptopipe.model.stream import HttpResponse
from cryptopipe.model.trading import Fill, Order


class Answered(msgspec.Struct, frozen=True):
    """What a venue answered to an action, and how long that took, from the turn that asked."""

    venue: VenueId
    action: Action
    outcome: Outcome | CryptopipeError
    took: Nanos


@dataclass
class _Asked:
    instruction: Instruction
    at: Nanos
    """When the first request of a question was asked for."""
    then: Then


class VenueExecution:
    """`codecs` read the answers; `heard` is told every one of them, `finished` how long each order took until its last
    fill was known, `halt` why nobody may trade on.
    """

    def __init__(
        self,
        codecs: Mapping[VenueId, ActionCodec],
        ended: Ends,
        halt: Callable[[str], None],
        heard: Callable[[Answered], None],
        finished: Callable[[Order, Nanos], None] = lambda order, took: None,
    ) -> None:
        self._codecs, self._ended, self._halt, self._heard, self._finished = codecs, ended, halt, heard, finished
        self._agenda: Agenda[Callable[[Nanos], None]] = Agenda()
        self._budgets = {venue: Budget.of(rules_of(one)) for venue, one in codecs.items()}
        self._asked: dict[str, _Asked] = {}
        self._instructions: list[Instruction] = []
        self._numbered = 0
        self.in_flight: dict[str, Order] = {}
        """Orders that have not ended, by client id."""
        self._sent_at: dict[str, Nanos] = {}
        self._pursuits: dict[str, Pursuit] = {}
        self.streaming: set[VenueId] = set()
        """Venues whose private streams are open."""

    def send(self, orders: Iterable[Order], at: Nanos) -> None:
        """Each is placed at its venue."""
        for order in orders:
            self.in_flight[order.client_id] = order
            venue = order.instrument.venue
            window = rules_of(self._codecs[venue]).accepted_for
            pursuit = Pursuit(order, streamed=venue in self.streaming, accepted_for=window)
            self._pursuits[order.client_id] = pursuit
            self._sent_at[order.client_id] = at
            self._follow(pursuit, pursuit.begin(at), at)

    def ask(self, action: Action, at: Nanos, then: Then) -> None:
        """Carry out one action; `then` is told its outcome, or the error that it is."""
        self._ask(action, at, then, (), at)

    def _ask(self, action: Action, at: Nanos, then: Then, earlier: tuple[HttpResponse, ...], first_at: Nanos) -> None:
        self._numbered += 1
        instruction = Instruction(f"{ACTION}{self._numbered}", venue_of(action), action, earlier)
        self._asked[instruction.tag] = _Asked(instruction, first_at, then)
        self._let(instruction, at)

    def _let(self, one: Instruction, at: Nanos) -> None:
        """To the driver, as soon as the venue's limits let it. An order does not wait for long: it would meet another
        book, so it has never been sent.
        """
        due = self._budgets[one.venue].take(one.action, at)
        if not due:
            self._instructions.append(one)
        elif isinstance(one.action, PlaceOrder) and due > at + ORDER_WITHIN:
            then = self._asked.pop(one.tag).then
            why = VenueError(f"never sent: the limit of requests is used up for {_s(due - at)}", where=one.venue)
            self._agenda.wake_at(at, lambda now: then(why, now))
        else:
            self._agenda.wake_at(due, lambda now: self._let(one, now))

    def room(self, orders: Mapping[VenueId, int], at: Nanos) -> str:
        """Why so many orders at each venue, and one more to close what they leave, cannot be sent now; empty if they
        can.
        """
        asked = {one.instruction.venue for one in self._asked.values()}
        for venue, count in orders.items():
            if venue in asked and rules_of(self._codecs[venue]).in_order:  # one after the other: this leg would be late
                return f"{venue} has not answered yet to what it was asked last"
            due = self._budgets[venue].ready(PlaceOrder, count + 1, at) if venue in self._budgets else 0
            if due:
                return f"{venue}'s limit of requests is used up for {_s(due - at)}"
        return ""

    def wake_at(self, due: Nanos, what: Callable[[Nanos], None]) -> None:
        """Call `what` at `due`."""
        self._agenda.wake_at(due, what)

    def spacing(self, venue: VenueId, kind: type[Action] = ListTransfers) -> Nanos:
        """How far apart a venue may be asked such a question for ever, and leave a share of its limits to others."""
        return self._budgets[venue].spacing(kind)

    def next_due(self) -> Nanos:
        """When the first pause ends."""
        return self._agenda.next_due() if self._agenda else LAST

    def wake(self, at: Nanos) -> None:
        """A pause is over."""
        due = self._agenda.pop_due(at)
        assert due is not None, f"nothing is due at {at}"
        due[1](at)

    def answered(self, entry: Input) -> None:
        """The answer to an instruction; one that nobody waits for (of a run that was cut off) changes nothing."""
        asked = self._asked.pop(entry.request, None)
        if asked is None:
            return
        instruction = asked.instruction
        response = HttpResponse(entry.status, entry.payload, entry.url, dict(entry.headers))
        self._budgets[instruction.venue].hear(response, entry.at)
        outcome: Outcome | CryptopipeError
        if entry.status == NOT_SENT:
            outcome = VenueError(f"never sent: {entry.payload.decode(errors='replace')}", where=entry.venue)
        else:
            outcome = read(self._codecs[instruction.venue], instruction.action, response, instruction.earlier)
        if isinstance(outcome, More):
            self._ask(instruction.action, entry.at, asked.then, (*instruction.earlier, response), asked.at)
            return
        if isinstance(outcome, RateLimited) and response.status < 400:  # told by the body alone
            self._budgets[instruction.venue].hold(entry.at)
        self._heard(Answered(instruction.venue, instruction.action, outcome, entry.at - asked.at))
        asked.then(outcome, entry.at)

    def told(self, report: OrderReport | FillReport, at: Nanos) -> None:
        """A private stream tells of an order, by our id or the venue's."""
        pursuit = self._pursuits.get(report.client_id) or next(
            (one for one in self._pursuits.values() if one.is_of(report)), None
        )
        done = None if pursuit is None else pursuit.heard(report)
        if pursuit is not None and done is not None:
            self._follow(pursuit, done, at)

    def take_instructions(self) -> list[Instruction]:
        """What the driver has to do, since the last call."""
        taken, self._instructions = self._instructions, []
        return taken

    def _follow(self, pursuit: Pursuit, step: Step, at: Nanos) -> None:
        order = pursuit.order
        if self._pursuits.get(order.client_id) is not pursuit:
            return  # the private stream has told its end already
        match step:
            case AskFor(action=action):
                self.ask(action, at, lambda outcome, now: self._follow(pursuit, pursuit.told(outcome, now), now))
            case Pause(lasts=lasts):
                self._agenda.wake_at(at + lasts, lambda now: self._follow(pursuit, pursuit.woken(now), now))
            case Done(obstacle=obstacle):
                del self.in_flight[order.client_id], self._pursuits[order.client_id]
                self._finished(order, at - self._sent_at.pop(order.client_id))
                self._ended(order, fills_of(order, step, at), obstacle, at)
            case GaveUp(reason=reason):  # the plan never ends: nothing else is started
                self._halt(reason)


ORDER_WITHIN: Nanos = 2 * SECOND
"""An order that may not be sent by then is not sent."""


def _s(duration: Nanos) -> str:
    return f"{duration / SECOND:.1f} s"


_UNSTATED = ActionRules(frozenset(), in_order=True)
"""Of a codec that states none: no limits, and requests one after the other."""


def rules_of(codec: ActionCodec) -> ActionRules:
    """What the codec's venue states of limits, of the order of its requests and of how long it takes them."""
    return codec.rules if isinstance(codec, CcxtActions) else _UNSTATED


def codec_of(
    venue: VenueId, make: Callable[[Sequence[Instrument]], ActionCodec], instruments: Sequence[Instrument]
) -> ActionCodec:
    """A plugin's codec, with what it has to load: the first order must not wait for an import, nor the loop with it.
    Raises `PluginError` for one that cannot be made, or by whose own limits something could never be sent.
    """
    try:
        codec = make(instruments)
        getattr(codec, "load", lambda: None)()
        Budget.of(rules_of(codec))
        return _with_both_functions(codec)
    except CryptopipeError:
        raise
    except Exception as error:
        raise PluginError(f"its actions raised {type(error).__name__}: {error}", where=venue) from error


def _with_both_functions(codec: ActionCodec) -> ActionCodec:
    if not (callable(getattr(codec, "build", None)) and callable(getattr(codec, "parse", None))):
        raise TypeError(f"{type(codec).__name__} is no codec of actions")
    return codec


_LAST_PLACE = Decimal("0.0001")
"""No venue keeps fewer decimal places of a quote asset: what its own sum differs by more is no rounding."""


def fills_of(order: Order, done: Done, at: Nanos) -> list[Fill]:
    """The fills of an order that has ended; the last one carries by how much the venue rounded their sum."""
    fills: list[Fill] = []
    for told in done.fills:
        assert told.fee is not None, "a pursuit ends with fees"
        fills.append(
            Fill(order.client_id, order.instrument, order.side, told.price, told.size, told.fee, at)
        )  # fmt: skip
    if fills and done.spent is not None:
        with exact():
            rounding = done.spent - sum((fill.spent for fill in fills), Decimal(0))
        if abs(rounding) < _LAST_PLACE * len(fills):
            fills[-1] = msgspec.structs.replace(fills[-1], rounding=rounding)
    return fills
