"""What faults do to the transfers of simulated venues: wallets shut, withdrawals stuck, given back, in no block.

Enters: the word of a fault, by its call or when it is asked. Leaves: until when a step must wait, whether a withdrawal
fails. Never: a transfer that is moved here, randomness.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from cryptopipe.clock import LAST, Nanos
from cryptopipe.model.desk import DeskTransfer
from cryptopipe.model.facts import Asset, Network, VenueId
from cryptopipe.sandbox.transfers_venue import VenueWallets


class Hindrances(Protocol):
    """Faults that know their times: asked when a step of a transfer is due, and again at the time that they name."""

    def shut_until(self, asset: Asset, network: str, deposits: bool, at: Nanos) -> Nanos:
        """When deposits or withdrawals of a network (the venue's code) open again; 0 where they are open."""

    def stuck_until(self, transfer: DeskTransfer, at: Nanos) -> Nanos:
        """When a withdrawal may be sent that should be now; 0 for at once."""

    def fails(self, transfer: DeskTransfer, at: Nanos) -> bool:
        """Whether the venue gives it back in place of sending it."""


@dataclass
class _Trouble:
    stuck_in_review: bool = False
    stuck_on_chain: bool = False
    failing: bool = False
    others: Hindrances | None = None


class TransferFaults:
    """What is in force at each venue. Each call holds until the opposite one, which lets at once go on what waited."""

    def __init__(self, wallets: Mapping[VenueId, VenueWallets], go_on: Callable[[], None]) -> None:
        self._wallets = wallets
        self._go_on = go_on
        self._trouble = {venue: _Trouble() for venue in wallets}

    def suspend(
        self,
        venue: VenueId,
        asset: Asset | None = None,
        network: str | None = None,
        deposits: bool = True,
        withdrawals: bool = True,
    ) -> None:
        """Shuts wallets: of one asset or all, of one network (the venue's code) or all."""
        self._wallets[venue].suspend(asset, network, deposits, withdrawals)

    def resume(
        self,
        venue: VenueId,
        asset: Asset | None = None,
        network: str | None = None,
        deposits: bool = True,
        withdrawals: bool = True,
    ) -> None:
        """Opens what was shut."""
        self._wallets[venue].resume(asset, network, deposits, withdrawals)
        self._go_on()

    def stick(self, venue: VenueId, on_chain: bool = False) -> None:
        """Its withdrawals do not come out of review; or `on_chain`: they are sent, and no block takes them in."""
        trouble = self._trouble[venue]
        trouble.stuck_on_chain |= on_chain
        trouble.stuck_in_review |= not on_chain

    def unstick(self, venue: VenueId) -> None:
        """Of review and of the chain."""
        self._trouble[venue].stuck_in_review = self._trouble[venue].stuck_on_chain = False
        self._go_on()

    def fail(self, venue: VenueId) -> None:
        """Withdrawals are given back when they should be sent."""
        self._trouble[venue].failing = True

    def mend(self, venue: VenueId) -> None:
        """They are sent again."""
        self._trouble[venue].failing = False

    def hinder(self, venue: VenueId, hindrances: Hindrances) -> None:
        """Asks these about each of the venue's transfers, beside what else is in force."""
        self._trouble[venue].others = hindrances

    def shut_until(self, venue: VenueId, asset: Asset, network: Network, deposits: bool, at: Nanos) -> Nanos:
        """When a network, as it is now, lets in or out again: 0 for now, LAST where that is not known."""
        if not (network.deposits if deposits else network.withdrawals):
            return LAST
        others = self._trouble[venue].others
        return 0 if others is None else others.shut_until(asset, network.code, deposits, at)

    def unsent_until(self, venue: VenueId, transfer: DeskTransfer, at: Nanos) -> Nanos:
        """When a withdrawal may be sent, likewise."""
        trouble = self._trouble[venue]
        if trouble.stuck_in_review:
            return LAST
        stuck = 0 if trouble.others is None else trouble.others.stuck_until(transfer, at)
        network = self._wallets[venue].network(transfer.asset, transfer.network.code)
        return stuck or self.shut_until(venue, transfer.asset, network, False, at)

    def fails(self, venue: VenueId, transfer: DeskTransfer, at: Nanos) -> bool:
        """Whether a withdrawal is given back that may be sent."""
        trouble = self._trouble[venue]
        return trouble.failing or (trouble.others is not None and trouble.others.fails(transfer, at))

    def unmined(self, venue: VenueId) -> bool:
        """Whether no block takes in what the venue sends."""
        return self._trouble[venue].stuck_on_chain
