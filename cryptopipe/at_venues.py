"""A run whose orders go to the venues: balances told before, compared after, every answer journalled.

Enters: a run's codecs and books of account, answers, the word to settle. Leaves: opening balances, records of answers
and differences, how long each venue takes. Never: an order, or a plan that is started once the run settles.
"""

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from functools import partial

from cryptopipe.act.execution import Ends
from cryptopipe.act.ledger import Ledger
from cryptopipe.act.reckoning import Differences, Reckoning
from cryptopipe.act.transit_steps import Stage
from cryptopipe.act.venues import Answered, VenueExecution
from cryptopipe.clock import Nanos
from cryptopipe.errors import CryptopipeError
from cryptopipe.gate.gate import TradingMode
from cryptopipe.journal import told
from cryptopipe.journal.account_records import ActionAnswered, Reckoned
from cryptopipe.market.fees import FeesInForce
from cryptopipe.market.networks import Networks
from cryptopipe.model.actions import (
    Action,
    ActionCodec,
    CancelOrder,
    FetchAddress,
    FetchBalances,
    FetchCurrencies,
    FetchFees,
    FindOrder,
    ListFills,
    ListTransfers,
    MoveFunds,
    PlaceOrder,
    PrivateCodec,
    Withdraw,
    venue_of,
)
from cryptopipe.model.facts import Asset, VenueId
from cryptopipe.model.outcomes import Accepted, NotFound, Outcome, Refused, Reports
from cryptopipe.model.trading import Order, Transit
from cryptopipe.own_fees import OwnFees
from cryptopipe.private_streams import PrivateStreams
from cryptopipe.summary import Settled, Took
from cryptopipe.trading import Teller, Trading

WHOLE_ORDER = "order"
"""Beside the kinds of action: from an order's request to the knowledge of its last fill."""

UNDECIDED = (Stage.WITHDRAWING.value, Stage.UNKNOWN.value)
"""States of a transit of which nobody knows whether its withdrawal was made."""

Opened = Callable[[VenueId, Mapping[Asset, Decimal]], None]


class AtVenues:
    """The part of a pipe that exists only where orders go to the venues."""

    def __init__(
        self,
        codecs: Mapping[VenueId, ActionCodec],
        private: Mapping[VenueId, Callable[[], PrivateCodec]],
        trading: Trading,
        ledger: Ledger,
        ended: Ends,
        opened: Opened,
        tell: Teller,
        networks: Networks,
        fees: FeesInForce,
        number: Callable[[], int],
        withdrawals: frozenset[VenueId] = frozenset(),
    ) -> None:
        self._trading, self._tell, self._venues, self._codecs = trading, tell, tuple(codecs), codecs
        self._networks, self._withdrawals = networks, withdrawals
        self.execution = VenueExecution(codecs, ended, trading.halt, self._heard, self._finished)
        trading.state.room = self.execution.room
        may_tell = [venue for venue, codec in codecs.items() if FetchFees in codec.supports]
        self._own_fees = OwnFees(
            self.execution, fees, may_tell,
            lambda one, paid, now: tell(told.own_fees(one, paid, now, number())),
        )  # fmt: skip
        self.streams = PrivateStreams(private, self.execution, tell)
        self._reckoning = Reckoning(
            self.execution, ledger, opened, self._reckoned, trading.transits.look, trading.transits.wallets.before
        )
        trading.state.flights.withdraws = self._withdraws
        self.differences: dict[VenueId, Differences] = {}
        """By venue what it held at the end and our books did not say; empty for one whose balances are equal."""
        self.took: dict[tuple[VenueId, str], Took] = {}
        """By venue and kind of action."""
        self._settling = self._closing = False

    def begin(self, at: Nanos) -> None:
        """The run's first input: ask what we hold."""
        self._reckoning.begin(self._venues, at)

    def ask(self, at: Nanos) -> None:
        """What the strategy wanted to know: of moving coins, where the venue tells an account that; of fees, while
        plans may be started and no order is on its way.
        """
        self._ask_for_networks(at)
        if self._trading.state.mode is TradingMode.ACTIVE and not self._trading.busy:
            self._own_fees.ask(at)

    def _ask_for_networks(self, at: Nanos) -> None:
        for venue in self._networks.to_ask(at):
            if venue in self._codecs and FetchCurrencies in self._codecs[venue].supports:
                self.execution.ask(FetchCurrencies(venue), at, partial(self._networks_told, venue))

    def _networks_told(self, venue: VenueId, outcome: Outcome | CryptopipeError, at: Nanos) -> None:
        if isinstance(outcome, Reports):
            self._networks.tell(venue, outcome.currencies, at)

    def settle(self, at: Nanos) -> None:
        """Start nothing any more; compare as soon as no order is on its way."""
        self._settling = True
        self._trading.state.reduce()
        self._trading.transits.stop()
        self.proceed(at)

    def proceed(self, at: Nanos) -> None:
        """Something may have ended."""
        if self._settling and not self._closing and not self._trading.busy:
            self._closing = True
            self._reckoning.close(at)

    @property
    def settled(self) -> bool:
        """Whether every venue has told what we hold at the end."""
        return self._closing and not self._reckoning.outstanding

    def summary(self) -> Settled:
        """As it is now: at the end of the run."""
        orders = [f"order {one.client_id} on {one.instrument.id}" for one in self.execution.in_flight.values()]
        silent = [f"closing balances of {venue}" for venue in sorted(set(self._venues) - set(self.differences))]
        doubts = [
            f"transfer of plan {one.decision_id}: {one.amount} {one.asset} from {one.source} to {one.target}"
            for one in self._trading.transits.in_flight()
            if one.state in UNDECIDED
        ]
        return Settled(self.differences, (*orders, *doubts, *silent), self.took)

    def _withdraws(self, transit: Transit, moving: Collection[VenueId]) -> str:
        """Why nothing may be sent; empty if it may. What a run may withdraw from is no strategy's to say."""
        if transit.source not in self._withdrawals:
            return f"this run may not withdraw from {transit.source}"
        moves = [(venue, (MoveFunds, FetchBalances)) for venue in moving]
        ends = [(transit.source, (Withdraw, ListTransfers)), (transit.target, (FetchAddress, ListTransfers))]
        for venue, kinds in (*ends, *moves):
            missing = [kind.__name__ for kind in kinds if kind not in self._codecs[venue].supports]
            if missing:
                return f"{venue} cannot be asked to {' and '.join(missing)}"
        return ""

    def _heard(self, answered: Answered) -> None:
        action, kind = answered.action, type(answered.action).__name__
        self.took.setdefault((answered.venue, kind), Took()).note(answered.took)
        self._tell(answer_record(action, answered.outcome, answered.took))

    def _finished(self, order: Order, took: Nanos) -> None:
        self.took.setdefault((order.instrument.venue, WHOLE_ORDER), Took()).note(took)

    def _reckoned(self, venue: VenueId, differences: Differences) -> None:
        self.differences[venue] = differences
        self._tell(Reckoned(venue, {str(asset): pair for asset, pair in differences.items()}))


def answer_record(action: Action, outcome: Outcome | CryptopipeError, took: Nanos) -> ActionAnswered:
    """What the journal says of an answer."""
    kind = type(action).__name__
    return ActionAnswered(venue_of(action), kind, _client_id_of(action), *_in_words(outcome), took)


def _client_id_of(action: Action) -> str:
    """Our id of what it is about; of fills the order's id. Empty where there is none."""
    if isinstance(action, PlaceOrder | CancelOrder | FindOrder | Withdraw | MoveFunds):
        return action.client_id
    return action.order_id if isinstance(action, ListFills) else ""


def _in_words(outcome: Outcome | CryptopipeError) -> tuple[str, str]:
    """(outcome, detail), as `ActionAnswered` has them."""
    match outcome:
        case Accepted(venue_id=order_id, state=state):
            return "accepted", f"{order_id} {state}".strip()
        case Refused(code=code, reason=reason):
            return "refused", f"{code} {reason}".strip()
        case NotFound(code=code, reason=reason):
            return "not_found", f"{code} {reason}".strip()
        case CryptopipeError() as error:
            return error.code, error.message
        case _:
            return "told", ""
