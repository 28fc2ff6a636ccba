"""One transit of coins from venue to venue: what to do next, as a pure state machine.

Enters: what was bought, outcomes of what was asked, timers, what a weighing said, what was sold. Leaves: questions, one
withdrawal, pauses, facts to book, amounts to sell. Never: a second withdrawal, a lost answer taken for a refusal, coins
that are taken for gone or arrived before their venue says so.
"""

from collections.abc import Callable
from decimal import Decimal

from cryptopipe.act import transit_pauses as pauses
from cryptopipe.act.pursuit import AskFor, Pause
from cryptopipe.act.transit_match import Claimed, nobodys, ours_of
from cryptopipe.act.transit_moves import Move, in_words
from cryptopipe.act.transit_steps import Back, Came, Go, Gone, Later, Left, Over, Sell, Send, Stage, Step, Weigh
from cryptopipe.clock import SECOND, Nanos
from cryptopipe.errors import CryptopipeError, UnknownOutcome
from cryptopipe.model.actions import FetchAddress, ListTransfers, Withdraw
from cryptopipe.model.custody import WalletMove
from cryptopipe.model.money import exact
from cryptopipe.model.outcomes import Accepted, AddressReport, Outcome, Reports, TransferState
from cryptopipe.model.trading import Transit

_ZERO = Decimal(0)


class TransitPlan:
    """`bought` once, then `told`, `woken`, `weighed`, `sold`, `unsold` or `too_little`, as each step asks for it.

    `naming` makes the ids of its actions; `claimed` says of a transfer in a venue's list whether it is another plan's.
    """

    def __init__(self, number: int, transit: Transit, naming: Callable[[str], str], claimed: Claimed = nobodys) -> None:
        self.number, self.transit, self._naming, self._claimed = number, transit, naming, claimed
        self.client_id = naming(f"d{number}-w")
        """Of the withdrawal."""
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
        self._go = Go(_ZERO, _ZERO)
        self._move: Move | None = None
        """Between wallets, while that is what is done."""
        self._moves = 0
        self._moved_out = False
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
        """Whether it is not known if something was done that cannot be asked for twice."""
        return self.stage in (Stage.WITHDRAWING, Stage.UNKNOWN) or (self._move is not None and self._move.doubted)

    @property
    def end(self) -> str:
        """What became of a transit that is over, as `TransitEnded` has it."""
        if self.stage is Stage.LOST:
            return "lost"
        if self.came_at:
            return "restored" if self.owed else "sold"
        if self.owed:
            return "kept" if self.held else "nothing"
        return "returned" if self.asked_at or self.reason else "nothing"

    @property
    def _excess(self) -> Decimal:
        """What is held at the source beyond what was sold from stock."""
        with exact():
            return max(_ZERO, self.held - self.owed)

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
        abandon = int(self.transit.forecast.abandon_minutes * 60 * SECOND)
        self._late = self._late or (self.asked_at > 0 and at - self.asked_at > abandon)
        if self._move is not None:
            return self._moved(self._move, self._move.told(outcome), at)
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
        if self._move is not None:
            return (self._move.woken(),)
        match self.stage:
            case Stage.ADDRESSING:
                return self._ask_address()
            case Stage.WEIGHING:
                return (Weigh(),)
            case Stage.SELLING:
                return (Sell(False, self.arrived),)
            case Stage.RETURNING:
                return (Sell(True, self._excess),)
        return (self._look(),) if self.looking else ()

    def weighed(self, verdict: Go | Back | Later, at: Nanos) -> tuple[Step, ...]:
        """Whether it is still worth going on."""
        match verdict:
            case Back(reason=reason):
                return self._go_back(reason)
            case Later(reason=reason):
                return self._go_back(reason) if at - self._since >= pauses.HELD_FOR else (Pause(SECOND),)
            case Go(amount=amount, fee=fee):
                assert 0 <= fee < amount <= self.held, f"{fee} of {amount}, of {self.held}"
                self._go, self.sent, self.fee = verdict, amount, fee
                if verdict.move_out is None:
                    return self._ask_withdrawal(at)
                return self._begin_move(Stage.MOVING_OUT, verdict.move_out, amount)

    def unsent(self) -> None:
        """The run ends, and does not ask for what it was about to."""
        if self.stage is Stage.WITHDRAWING:
            self.stage, self.asked_at = Stage.WEIGHING, 0

    def sold(self, quantity: Decimal, at: Nanos) -> tuple[Step, ...]:
        """An order to sell has ended; the rest is tried again."""
        here = self.stage is Stage.RETURNING
        with exact():
            self.held, self.arrived = self.held - quantity * here, self.arrived - quantity * (not here)
        left = self._excess if here else self.arrived
        self._tries = 0 if quantity else self._tries + 1
        return (pauses.sale_pause(self._tries),) if left > 0 else self._end()

    def unsold(self) -> tuple[Step, ...]:
        """It could not be tried: the book is not live, or the instrument does not trade."""
        self._tries += 1
        return (pauses.sale_pause(self._tries),)

    def too_little(self) -> tuple[Step, ...]:
        """What is left is less than its market trades."""
        return self._end()

    def _ask_withdrawal(self, at: Nanos) -> tuple[Step, ...]:
        assert self._address is not None, "an address is asked for first"
        self.stage, self.asked_at = Stage.WITHDRAWING, at
        one, to = self.transit, self._address
        return (Send(Withdraw(one.source, one.code, one.network, to.address, self.sent, self.client_id, to.memo)),)

    def _begin_move(self, stage: Stage, way: WalletMove, amount: Decimal, after: Nanos = 0) -> tuple[Step, ...]:
        self.stage, one = stage, self.transit
        at_target, first = stage is Stage.MOVING_IN, self._moves
        venue, code = (one.target, one.target_code) if at_target else (one.source, one.code)
        self._move = Move(
            venue, one.asset, code, way, stage is Stage.MOVING_OUT,
            lambda attempt: self._naming(f"d{self.number}-m{first + attempt}"), amount,
        )  # fmt: skip
        self._moves += pauses.MOVES_AT_MOST
        return (Pause(after) if after else self._move.begin(),)

    def _moved(self, move: Move, found: Step | bool, at: Nanos) -> tuple[Step, ...]:
        """What became of a move between wallets, or what it wants next."""
        if not isinstance(found, bool):
            return (found,)
        if not found and self.stage is not Stage.MOVING_OUT and move.tries < pauses.MOVES_AT_MOST:
            return (Pause(pauses.MOVED_AGAIN),)
        self._move = None
        match self.stage:
            case Stage.MOVING_OUT:
                self._moved_out = found
                return self._ask_withdrawal(at) if found else self._go_back(f"not moved: {move.why}")
            case Stage.MOVING_IN:
                return self._sell_arrived()
        self._moved_out = False
        return self._go_back(self.reason)

    def _ask_address(self) -> tuple[Step, ...]:
        one = self.transit
        return (AskFor(FetchAddress(one.target, one.target_code, one.target_network)),)

    def _addressed(self, outcome: Outcome | CryptopipeError, at: Nanos) -> tuple[Step, ...]:
        if isinstance(outcome, Reports) and outcome.address is not None:
            self._address, self.stage, self._since = outcome.address, Stage.WEIGHING, at
            return (Weigh(),)
        if at - self._since >= pauses.HELD_FOR:
            return self._go_back(f"{self.transit.target} tells no address: {in_words(outcome)}")
        return (Pause(2 * SECOND),)

    def _asked(self, outcome: Outcome | CryptopipeError, at: Nanos) -> tuple[Step, ...]:
        """Of the withdrawal itself, which is asked for once whatever comes of it."""
        self._since = at
        if isinstance(outcome, Accepted):
            self.stage, self.transfer_id = Stage.LEAVING, outcome.venue_id
            return (pauses.look_pause(self.transit.forecast, self.state == "stuck"),)
        if isinstance(outcome, UnknownOutcome):
            self.stage, self.reason = Stage.UNKNOWN, outcome.message
            return (Pause(pauses.LEAST_LOOK),)
        return self._go_back(f"not withdrawn: {in_words(outcome)}")

    def _look(self) -> Step:
        one, since = self.transit, max(0, self.asked_at - pauses.EARLIER)
        if self.stage is Stage.TRAVELLING:
            return AskFor(ListTransfers(one.target, True, one.target_code, since))
        return AskFor(ListTransfers(one.source, False, one.code, since))

    def _listed_at_source(self, outcome: Outcome | CryptopipeError, at: Nanos) -> tuple[Step, ...]:
        if not isinstance(outcome, Reports):
            return (pauses.look_pause(self.transit.forecast, self.state == "stuck"),)
        assert self._address is not None, "what was withdrawn had an address"
        own = ours_of(
            outcome.transfers, self.transfer_id, self.client_id, self._address.address, self.sent, self.fee,
            self.asked_at - pauses.EARLIER, self._claimed,
        )  # fmt: skip
        if own is None:
            return self._not_listed(at)
        self.transfer_id, self.stage = own.transfer_id, Stage.LEAVING
        if own.state in (TransferState.FAILED, TransferState.CANCELLED):
            return self._go_back(f"the withdrawal {own.state.value}")
        if not own.txid and own.state is not TransferState.DONE:
            return (pauses.look_pause(self.transit.forecast, self.state == "stuck"),)
        with exact():
            self.held -= self.sent
        self.stage, self.txid, self.reason, self.left = Stage.TRAVELLING, own.txid, "", True
        self.fee = self.fee if own.fee is None else own.fee
        return (Left(self.sent, self.fee, self.txid), self._look())

    def _not_listed(self, at: Nanos) -> tuple[Step, ...]:
        """Of one that its venue took it is a list that is late."""
        if self.stage is not Stage.UNKNOWN or at - self._since < pauses.NEVER_MADE_AFTER:
            return (pauses.look_pause(self.transit.forecast, self.state == "stuck"),)
        if not self._tries:  # once more, for the list may have been made before
            self._tries = 1
            return (Pause(pauses.LEAST_LOOK),)
        return self._go_back(f"never withdrawn ({self.reason}): its venue lists no such withdrawal")

    def _listed_at_target(self, outcome: Outcome | CryptopipeError, at: Nanos) -> tuple[Step, ...]:
        told = outcome.transfers if isinstance(outcome, Reports) else ()
        credit = next((one for one in told if self.txid and one.txid == self.txid), None)
        if credit is None or credit.state is TransferState.PENDING:
            return (pauses.look_pause(self.transit.forecast, self.state == "stuck"),)
        self.came_at = at
        if credit.state is not TransferState.DONE:
            self.stage, self.reason = Stage.LOST, f"the deposit {credit.state.value}"
            return (Gone(), Over())
        with exact():
            self.credited, self.arrived = credit.amount, max(_ZERO, credit.amount - self.owed)
        came, hold = Came(self.credited), self._go.hold
        if self._go.move_in is not None:
            return (came, *self._begin_move(Stage.MOVING_IN, self._go.move_in, self.credited, hold))
        if hold and self.arrived:
            self.stage, self._tries = Stage.SELLING, 0
            return (came, Pause(hold))
        return (came, *self._sell_arrived())

    def _sell_arrived(self) -> tuple[Step, ...]:
        self.stage, self._tries = Stage.SELLING, 0
        return (Sell(False, self.arrived),) if self.arrived else self._end()

    def _go_back(self, reason: str) -> tuple[Step, ...]:
        """To the wallet of orders first. What stands for stock that was sold stays; the rest is sold where it is."""
        self.reason, self._tries = reason, 0
        if self._moved_out and self._go.move_out is not None:
            way = self._go.move_out
            return self._begin_move(Stage.MOVING_BACK, WalletMove(way.target, way.source), self.sent)
        if not self._excess:
            return self._end()
        self.stage = Stage.RETURNING
        return (Sell(True, self._excess),)

    def _end(self) -> tuple[Step, ...]:
        self.stage = Stage.DONE
        return (Over(),)
