"""The faults of one venue that concern its transfers: wallets suspended, withdrawals stuck or given back.

Enters: its part of the schedule, a seed, moments of the world. Leaves: networks shut and opened at their times, an
answer for each transfer. Never: a draw that depends on another transfer or on how often it was asked.
"""

from collections.abc import Collection, Iterator
from random import Random

from cryptopipe.clock import LAST, Nanos
from cryptopipe.model.desk import DeskTransfer
from cryptopipe.model.facts import Asset
from cryptopipe.sandbox.desk import Desk
from cryptopipe.sandbox.faults import Fault, of_venue

Way = tuple[Asset, str, str]
"""An asset, the venue's code of a network, `deposits` or `withdrawals`."""


class TransferTrouble:
    """`Hindrances` of a venue's withdrawals; what is suspended it shuts and opens itself, at the world's time."""

    def __init__(self, faults: Collection[Fault], desk: Desk, seed: int, start_at: Nanos) -> None:
        self._desk, self._start_at = desk, start_at
        self._numbered = [one for one in of_venue(faults, desk.venue) if one[1].kind in _KINDS]
        self._seed = f"{seed}/{desk.venue}"
        self._shut: set[Way] = set()
        if not self._numbered or desk.transfer_faults is None:
            return
        desk.transfer_faults.hinder(desk.venue, self)
        suspended = [fault for _, fault in self._numbered if fault.kind == "suspended_wallet"]
        for due in sorted({start_at + end for fault in suspended for end in (fault.at, fault.until) if end < LAST}):
            desk.timeline.schedule(max(due, desk.timeline.now), self._suspend)

    def shut_until(self, asset: Asset, network: str, deposits: bool, at: Nanos) -> Nanos:
        """0: what is shut is shut at the desk itself."""
        return 0

    def stuck_until(self, transfer: DeskTransfer, at: Nanos) -> Nanos:
        """When the last of the faults that hold a withdrawal ends; 0 where none does."""
        held = (min(LAST, self._start_at + one.until) for one in self._striking("stuck_transfer", transfer, at))
        return max(held, default=0)

    def fails(self, transfer: DeskTransfer, at: Nanos) -> bool:
        """Whether a fault gives it back."""
        return any(True for _ in self._striking("failed_transfer", transfer, at))

    def _striking(self, kind: str, transfer: DeskTransfer, at: Nanos) -> Iterator[Fault]:
        since = at - self._start_at
        for number, fault in self._numbered:
            if fault.kind != kind or not fault.at <= since < fault.until:
                continue
            if fault.allows("asset", transfer.asset) and fault.allows("network", transfer.network.code):
                draw = Random(f"{self._seed}/{number}/{transfer.transfer_id}").random()
                if draw < fault.probability:
                    yield fault

    def _suspend(self) -> None:
        """Shuts and opens what the faults in force now say."""
        since, faults = self._desk.timeline.now - self._start_at, self._desk.transfer_faults
        assert faults is not None, "asked at the beginning"
        before, self._shut = self._shut, set(self._wanted(since))
        for way in sorted(self._shut - before):
            faults.suspend(self._desk.venue, *_named(way))
        for way in sorted(before - self._shut):
            faults.resume(self._desk.venue, *_named(way))

    def _wanted(self, since: Nanos) -> Iterator[Way]:
        for currency in self._desk.currencies:
            for network in currency.networks:
                for way in ("deposits", "withdrawals"):
                    named = {"asset": currency.asset, "network": network.code, "of": way}
                    if any(_shuts(fault, since, named) for _, fault in self._numbered):
                        yield currency.asset, network.code, way


_KINDS = ("suspended_wallet", "stuck_transfer", "failed_transfer")


def _shuts(fault: Fault, since: Nanos, named: dict[str, str]) -> bool:
    in_force = fault.kind == "suspended_wallet" and fault.at <= since < fault.until
    return in_force and all(fault.allows(key, value) for key, value in named.items())


def _named(way: Way) -> tuple[Asset, str, bool, bool]:
    asset, network, of = way
    return asset, network, of == "deposits", of == "withdrawals"
