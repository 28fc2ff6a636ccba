"""Simulated custody: what venues would answer of addresses, withdrawals and deposits, with a time drawn for each.

Enters: actions, the transit that a withdrawal belongs to, a seed. Leaves: outcomes as venues give them. Never: a time
that depends on anything but the seed, the decision's number and its forecast; an amount beside the fee that is lost.

The time is drawn from the forecast: half its mean, and an exponential part with the other half as its mean; with the
probability `late`, instead, later than the time of giving up. So a replay has the same times, and another parameter of
the run does not change them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from math import log
from random import Random

from cryptopipe.clock import SECOND, Nanos
from cryptopipe.errors import VenueError
from cryptopipe.model.actions import Action, FetchAddress, FetchBalances, ListTransfers, MoveFunds, Withdraw, venue_of
from cryptopipe.model.facts import VenueId
from cryptopipe.model.money import exact, rounded
from cryptopipe.model.outcomes import Accepted, AddressReport, Outcome, Reports, TransferReport, TransferState
from cryptopipe.model.trading import Forecast, Transit

Known = Callable[[str], tuple[int, Transit, Decimal] | None]
"""By the client id of a withdrawal: the decision, its transit, and what the network takes of this withdrawal."""


def drawn_time(forecast: Forecast, number: int, seed: int) -> Nanos:
    """How long the transfer of a decision takes."""
    random = Random(f"{seed}/transfer/{number}")
    late, part = rounded(random.random()) < forecast.late, rounded(-log(1 - random.random()))
    minutes = forecast.abandon_minutes * (1 + part) if late else forecast.minutes * (1 + part) / 2
    if not late:
        minutes = min(minutes, forecast.abandon_minutes)
    return int(minutes * 60 * SECOND)


@dataclass(frozen=True)
class _Sent:
    action: Withdraw
    transit: Transit
    fee: Decimal
    at: Nanos
    due: Nanos


class PaperCustody:
    """Takes every withdrawal that it is told of once, and credits what the network leaves when its time is over."""

    def __init__(self, seed: int, known: Known) -> None:
        self._seed, self._known = seed, known
        self._sent: dict[str, _Sent] = {}

    def answer(self, action: Action, at: Nanos) -> Outcome | VenueError:
        """As the venue would answer at this time."""
        match action:
            case FetchAddress(venue=venue, code=code, network=network):
                asset = code
                return Reports(address=AddressReport(asset, network, f"paper:{venue}"))  # type: ignore[arg-type]
            case MoveFunds(client_id=client_id):
                return Accepted(client_id)
            case FetchBalances():  # of a wallet that nothing is kept in
                return Reports()
            case Withdraw():
                return self._withdraw(action, at)
            case ListTransfers(venue=venue, deposits=deposits):
                return Reports(transfers=tuple(self._listed(venue, deposits, at)))
        return VenueError(f"{type(action).__name__} is not simulated on paper", where=venue_of(action))

    def _withdraw(self, action: Withdraw, at: Nanos) -> Outcome | VenueError:
        known = self._known(action.client_id)
        if known is None or action.client_id in self._sent:
            return VenueError(f"no withdrawal {action.client_id!r}, or a second one", where=action.venue)
        number, transit, fee = known
        due = at + drawn_time(transit.forecast, number, self._seed)
        self._sent[action.client_id] = _Sent(action, transit, fee, at, due)
        return Accepted(action.client_id)

    def _listed(self, venue: VenueId, deposits: bool, at: Nanos) -> list[TransferReport]:
        found = []
        for one in self._sent.values():
            if venue != (one.transit.target if deposits else one.transit.source):
                continue
            with exact():
                arrives = one.action.amount - one.fee
            done = TransferState.DONE if at >= one.due else TransferState.PENDING
            network = one.transit.target_network if deposits else one.transit.network
            found.append(
                TransferReport(
                    venue, one.action.client_id, deposits, one.transit.asset, network, one.action.address,
                    arrives, None if deposits else one.fee, done, f"paper-{one.action.client_id}",
                    "" if deposits else one.action.client_id, one.at,
                )
            )  # fmt: skip
        return found
