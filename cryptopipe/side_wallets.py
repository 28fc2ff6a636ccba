"""Wallets that coins go through beside the one that orders are paid from, and what was in them before.

Enters: transits that need them, balances as venues tell them. Leaves: verdicts that wait until these are known. Never:
a move of coins into or out of a wallet whose balance nobody told.
"""

from collections.abc import Mapping
from decimal import Decimal

from cryptopipe.act.execution import Execution
from cryptopipe.act.reckoning import held_of
from cryptopipe.act.transit_steps import Go, Later, Verdict
from cryptopipe.clock import Nanos
from cryptopipe.errors import CryptopipeError
from cryptopipe.model.actions import FetchBalances
from cryptopipe.model.facts import Asset, VenueId
from cryptopipe.model.outcomes import Outcome, Reports
from cryptopipe.model.trading import Transit


class SideWallets:
    """`before`: by venue and wallet what it held when it was first needed."""

    def __init__(self) -> None:
        self._before: dict[VenueId, dict[str, Mapping[Asset, Decimal]]] = {}
        self._asked: set[tuple[VenueId, str]] = set()

    def known(self, transit: Transit, go: Go, execution: Execution, at: Nanos) -> Verdict:
        """The same, or that it must wait until the balances of its wallets are told."""
        needed = [(transit.source, go.move_out.target)] if go.move_out else []
        needed += [(transit.target, go.move_in.source)] if go.move_in else []
        missing = [(venue, wallet) for venue, wallet in needed if wallet not in self._before.get(venue, {})]
        for venue, wallet in missing:
            self._ask(venue, wallet, execution, at)
        return Later("its wallets are not told") if missing else go

    def before(self, venue: VenueId) -> Mapping[str, Mapping[Asset, Decimal]]:
        """By wallet, of those that coins of this run go through."""
        return self._before.get(venue, {})

    def _ask(self, venue: VenueId, wallet: str, execution: Execution, at: Nanos) -> None:
        if (venue, wallet) in self._asked:
            return
        self._asked.add((venue, wallet))

        def told(outcome: Outcome | CryptopipeError, now: Nanos) -> None:
            self._asked.discard((venue, wallet))
            if isinstance(outcome, Reports):
                self._before.setdefault(venue, {})[wallet] = held_of(outcome)

        execution.ask(FetchBalances(venue, wallet), at, told)
