"""One transit of coins from venue to venue: what to do next, as a pure state machine.

Enters: what was bought, outcomes of what was asked, timers, what a weighing said, what was sold. Leaves: questions, one
withdrawal, pauses, facts to book, amounts to sell. Never: a second withdrawal, a lost answer taken for a refusal, coins
that are taken for gone or arrived before their venue says so.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal

from cryptopipe.act.pursuit import AskFor, Pause
from cryptopipe.act.transit_steps import (
    Back,
    Came,
    Go,
    Gone,
    Later,
    Left,
    Over,
    Sell,
    Send,
    Stage,
    Step,
    Verdict,
    Weigh,
)
from cryptopipe.clock import SECOND, Nanos
from cryptopipe.errors import CryptopipeError, UnknownOutcome
from cryptopipe.model.actions import FetchAddress, ListTransfers, Withdraw
from cryptopipe.model.money import exact
from cryptopipe.model.outcomes import Accepted, AddressReport, Outcome, Reports, TransferReport, TransferState
from cryptopipe.model.trading import Transit, Way

NEVER_MADE_AFTER: Nanos = 60 * SECOND
"""A withdrawal whose answer was lost, and that its venue does not list so long afterwards, was never made: requests are
taken for seconds, and lists are late by seconds.
"""
HELD_FOR: Nanos = 60 * SECOND
"""Coins that cannot be weighed so long, for want of a live book or an answer, are sold where they are."""
FIRST_SALE_PAUSE, LONGEST_SALE_PAUSE = SECOND // 5, 5 * SECOND
"""After an order that left something unsold, doubled each time up to the other."""
LEAST_LOOK, LONGEST_LOOK, LATE_LOOK = SECOND, 30 * SECOND, 60 * SECOND
"""Between two looks at a transfer: a thirtieth of its mean time within these bounds; the last where it is late."""
EARLIER: Nanos = 60 * SECOND
"""Transfers are listed from so long before they were asked for: venues' clocks differ."""

_ZERO = Decimal(0)


class TransitPlan:
    """`bought` once, then `told`, `woken`, `weighed`, `sold`, `unsold` or `too_little`, as each step asks for it.

    `claimed` says of a transfer in a venue's list whether it is another plan's.
    """

    def __init__(
        self,
        number: int,
        transit: Transit,
        client_id: str,
        claimed: Callable[[TransferReport], bool] = lambda transfer: False,
    ) -> None:
        self.number, self.transit, self.client_id, self._claimed = number, transit, client_id, claimed
        self.stage = Stage.BUYING
        self.reason = ""
        """Why it is where it is, if that is not where it was to go."""
        self.held, self.owed, self.arrived = _ZERO, _ZERO, _ZERO
        """At the source; sold at the target ahead, from stock; at the target and to be sold."""
        self.sent, self.fee, self.credited = _ZERO, _ZERO, _ZERO
        self.asked_at: Nanos = 0
        self.came_at: Nanos = 0
        self.txid = self.transfer_id = ""
        self.left = False
        """Whether the coins have left the source."""
        self._address: AddressReport | None = None
        self._hold: Nanos = 0
        self._since: Nanos = 0
        """Since when this stage has been waiting for what it needs."""
        self._tries = 0
        self._late = False

    @property
    def state(self) -> str:
        """The stage in a word; `stuck` for coins that are later than the forecast's time of giving up."""
        return "stuck" if self._late and self.stage in (Stage.LEAVING, Stage.TRAVELLING) else self.stage.value

    @property
    def looking(self) -> bool:
        """Whether it waits for what a venue says of a transfer."""
        return self.stage in (Stage.UNKNOWN, Stage.LEAVING, Stage.TRAVELLING)

    @property
    def undecided(self) -> bool:
        """Whether it is not known if a withdrawal was made."""
        return self.stage in (Stage.WITHDRAWING, Stage.UNKNOWN)

    @property
    def end(self) -> str:
        """What became of a transit that is over, as `TransitEnded` has it."""
        if self.stage is Stage.LOST:
            return "lost"
        if self.transit.way is Way.STOCK:
            return "restored" if self.came_at else "kept" if self.held else "nothing"
        return "sold" if self.came_at else "returned" if self.asked_at or self.reason else "nothing"

    def bought(self, held: Decimal, owed: Decimal, at: Nanos) -> tuple[Step, ...]:
        """The decision's own orders have ended: `held` more at the source, `owed` less at the target."""
        self.held, self.owed, self._since = held, owed, at
        if held <= 0:
            self.stage = Stage.DONE
            return (Over(),)
        self.stage = Stage.ADDRESSING
        return self._ask_address()

    def told(self, outcome: Outcome | CryptopipeError, at: Nanos) -> tuple[Step, ...]:
        """The outcome of what was asked for last."""
        self._late = self._late or (self.asked_at > 0 and at - self.asked_at > self._abandon)
        match self.stage:
            case Stage.ADDRESSING:
                return self._addressed(outcome, at)
            case Stage.WITHDRAWING:
                return self._asked(outcome, at)
            case Stage.UNKNOWN | Stage.LEAVING:
                return self._listed_at_source(outcome, at)
            case Stage.TRAVELLING:
                return self._listed_at_target(outcome, at)
        return ()

    def woken(self, at: Nanos) -> tuple[Step, ...]:
        """A pause is over."""
        match self.stage:
            case Stage.ADDRESSING:
                return self._ask_address()
            case Stage.WEIGHING:
                return (Weigh(),)
            case Stage.SELLING:
                return (Sell(False, self.arrived),)
            case Stage.RETURNING:
                return (Sell(True, self.held),)
        return (self._look(),) if self.looking else ()

    def weighed(self, verdict: Verdict, at: Nanos) -> tuple[Step, ...]:
        """Whether it is still worth going on."""
        match verdict:
            case Back(reason=reason):
                return self._go_back(reason)
            case Later(reason=reason):
                return self._go_back(reason) if at - self._since >= HELD_FOR else (Pause(SECOND),)
            case Go(amount=amount, fee=fee, hold=hold):
                assert 0 <= fee < amount <= self.held, f"{fee} of {amount}, of {self.held}"
                self.stage, self.asked_at = Stage.WITHDRAWING, at
                self.sent, self.fee, self._hold = amount, fee, hold
                return (Send(self._withdrawal()),)

    def sold(self, quantity: Decimal, at: Nanos) -> tuple[Step, ...]:
        """An order to sell has ended; the rest is tried again."""
        with exact():
            if self.stage is Stage.RETURNING:
                self.held -= quantity
                left = self.held
            else:
                self.arrived -= quantity
                left = self.arrived
        self._tries = 0 if quantity else self._tries + 1
        return (self._sale_pause(),) if left > 0 else self._end()

    def unsold(self) -> tuple[Step, ...]:
        """It could not be tried: the book is not live, or the instrument does not trade."""
        self._tries += 1
        return (self._sale_pause(),)

    def too_little(self) -> tuple[Step, ...]:
        """What is left is less than its market trades."""
        return self._end()

    @property
    def _abandon(self) -> Nanos:
        return int(self.transit.forecast.abandon_minutes * 60 * SECOND)

    def _withdrawal(self) -> Withdraw:
        assert self._address is not None, "an address is asked for first"
        one, to = self.transit, self._address
        return Withdraw(one.source, one.code, one.network, to.address, self.sent, self.client_id, to.memo)

    def _ask_address(self) -> tuple[Step, ...]:
        one = self.transit
        return (AskFor(FetchAddress(one.target, one.target_code, one.target_network)),)

    def _addressed(self, outcome: Outcome | CryptopipeError, at: Nanos) -> tuple[Step, ...]:
        if isinstance(outcome, Reports) and outcome.address is not None:
            self._address, self.stage, self._since = outcome.address, Stage.WEIGHING, at
            return (Weigh(),)
        if at - self._since >= HELD_FOR:
            return self._go_back(f"{self.transit.target} tells no address: {in_words(outcome)}")
        return (Pause(2 * SECOND),)

    def _asked(self, outcome: Outcome | CryptopipeError, at: Nanos) -> tuple[Step, ...]:
        """Of the withdrawal itself, which is asked for once whatever comes of it."""
        self._since = at
        if isinstance(outcome, Accepted):
            self.stage, self.transfer_id = Stage.LEAVING, outcome.venue_id
            return (self._pause(),)
        if isinstance(outcome, UnknownOutcome):
            self.stage, self.reason = Stage.UNKNOWN, outcome.message
            return (Pause(LEAST_LOOK),)
        return self._go_back(f"not withdrawn: {in_words(outcome)}")

    def _look(self) -> Step:
        one, since = self.transit, max(0, self.asked_at - EARLIER)
        if self.stage is Stage.TRAVELLING:
            return AskFor(ListTransfers(one.target, True, one.target_code, since))
        return AskFor(ListTransfers(one.source, False, one.code, since))

    def _listed_at_source(self, outcome: Outcome | CryptopipeError, at: Nanos) -> tuple[Step, ...]:
        if not isinstance(outcome, Reports):
            return (self._pause(),)
        own = self._ours_of(outcome.transfers)
        if own is None:
            return self._not_listed(at)
        self.transfer_id, self.stage = own.transfer_id, Stage.LEAVING
        if own.state in (TransferState.FAILED, TransferState.CANCELLED):
            return self._go_back(f"the withdrawal {own.state.value}")
        if not own.txid and own.state is not TransferState.DONE:
            return (self._pause(),)
        with exact():
            self.held -= self.sent
        self.stage, self.txid, self.reason, self.left = Stage.TRAVELLING, own.txid, "", True
        self.fee = self.fee if own.fee is None else own.fee
        return (Left(self.sent, self.fee, self.txid), self._look())

    def _not_listed(self, at: Nanos) -> tuple[Step, ...]:
        """Of one that its venue took it is a list that is late."""
        if self.stage is not Stage.UNKNOWN or at - self._since < NEVER_MADE_AFTER:
            return (self._pause(),)
        if not self._tries:  # once more, for the list may have been made before
            self._tries = 1
            return (Pause(LEAST_LOOK),)
        return self._go_back(f"never withdrawn ({self.reason}): its venue lists no such withdrawal")

    def _ours_of(self, told: Sequence[TransferReport]) -> TransferReport | None:
        """By the venue's id or ours; where the answer was lost, and the list tells another id than ours or none, by
        where it went, how much and when.
        """
        if self.transfer_id:
            return next((one for one in told if one.transfer_id == self.transfer_id), None)
        named = (one for one in told if bare(one.client_id) == bare(self.client_id))
        return next(named, None) or next((one for one in told if self._may_be_ours(one)), None)

    def _may_be_ours(self, report: TransferReport) -> bool:
        assert self._address is not None, "what was withdrawn had an address"
        with exact():
            amounts = {self.sent, self.sent - self.fee, self.sent - (report.fee or _ZERO)}
        recent = not report.at or report.at >= self.asked_at - EARLIER
        there = report.address == self._address.address
        return there and report.amount in amounts and recent and not self._claimed(report)

    def _listed_at_target(self, outcome: Outcome | CryptopipeError, at: Nanos) -> tuple[Step, ...]:
        told = outcome.transfers if isinstance(outcome, Reports) else ()
        credit = next((one for one in told if self.txid and one.txid == self.txid), None)
        if credit is None or credit.state is TransferState.PENDING:
            return (self._pause(),)
        self.came_at = at
        if credit.state is not TransferState.DONE:
            self.stage, self.reason = Stage.LOST, f"the deposit {credit.state.value}"
            return (Gone(), Over())
        with exact():
            self.credited, self.arrived = credit.amount, max(_ZERO, credit.amount - self.owed)
        self.stage, self._tries = Stage.SELLING, 0
        if not self.arrived:
            return (Came(self.credited), *self._end())
        return (Came(self.credited), Pause(self._hold) if self._hold else Sell(False, self.arrived))

    def _go_back(self, reason: str) -> tuple[Step, ...]:
        """What was bought ahead of a sale from stock stays; anything else is sold again where it is."""
        self.reason, self._tries = reason, 0
        if self.transit.way is Way.STOCK:
            return self._end()
        self.stage = Stage.RETURNING
        return (Sell(True, self.held),)

    def _end(self) -> tuple[Step, ...]:
        self.stage = Stage.DONE
        return (Over(),)

    def _pause(self) -> Step:
        usual = int(self.transit.forecast.minutes * 60 * SECOND) // 30
        return Pause(LATE_LOOK if self.state == "stuck" else min(max(LEAST_LOOK, usual), LONGEST_LOOK))

    def _sale_pause(self) -> Step:
        return Pause(min(FIRST_SALE_PAUSE << min(self._tries, 10), LONGEST_SALE_PAUSE))


def bare(client_id: str) -> str:
    """As venues that take letters and digits alone give it back."""
    return client_id.replace("-", "")


def in_words(outcome: Outcome | CryptopipeError) -> str:
    """Why it is not what was wanted."""
    if isinstance(outcome, CryptopipeError):
        return outcome.message
    code, reason = getattr(outcome, "code", ""), getattr(outcome, "reason", "")
    return f"{code} {reason}".strip() or "an answer without it"
