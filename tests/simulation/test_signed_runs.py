"""Whole runs by signed orders at every installed venue that has accounts: what we booked is what the venues hold.

The venues' own books are read at their desks, not by any code of ours that parses answers.
"""

from decimal import Decimal as D

import pytest
from simulation.signed_runs import SignedRun, again, run

from cryptopipe.clock import SECOND
from cryptopipe.model.facts import Asset
from cryptopipe.sandbox.faults import Fault

SEEDS = range(1, 21)
LASTS = 10 * SECOND
AMID = {"at": 2 * SECOND, "lasts": 6 * SECOND, "probability": 0.3}
FAULTS = {
    "late_ack": [Fault("late_ack", **AMID)],
    "lost_response": [Fault("lost_response", **AMID, words={"of": "order"})],
    "lost_request": [Fault("lost_request", **AMID, words={"of": "order"})],
    "action_5xx": [Fault("action_5xx", **AMID)],
    "action_5xx done": [Fault("action_5xx", **AMID, values={"done": 1})],
    "reject": [Fault("reject", **AMID)],
    "partial": [Fault("partial", **AMID)],
    "drop_private": [Fault("drop_private", at=2 * SECOND)],
    "events": [Fault("duplicate_event", **AMID), Fault("reorder_event", **AMID)],
}


def held(one: SignedRun, venue: str) -> dict[Asset, D]:
    """By the venue itself."""
    desk = next(desk for name, desk in one.world.desks.items() if name == venue)
    return {asset: balance.free + balance.locked for asset, balance in desk.accounts[1].balances().items()}


def judge(one: SignedRun) -> None:
    """Opening and closing balances at the venues are the ledger's, to the last unit, and nothing is open."""
    settled = one.summary.settled
    assert one.settled and settled is not None and settled.unknown == ()
    assert set(settled.differences) == set(one.world.desks) and not any(settled.differences.values())
    assert not any(account.open_orders() for desk in one.world.desks.values() for account in desk.accounts.values())
    for venue, balances in one.summary.balances.items():
        true = held(one, venue)
        for asset, (_, closing) in balances.items():
            assert closing == true.get(asset, D(0)), f"{asset} at {venue}"


def test_a_run_by_signed_orders_books_what_the_venues_hold() -> None:
    one = run(1, 5 * SECOND)
    assert one.summary.accepted > 0 and one.summary.fills > 1
    judge(one)
    assert again(one.inputs) == one.journal


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_twenty_seeds_by_signed_orders(seed: int) -> None:
    one = run(seed, LASTS)
    assert one.summary.fills > 1
    judge(one)


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_a_run_under_faults_books_what_the_venues_hold(name: str) -> None:
    one = run(2, LASTS, *FAULTS[name])
    assert one.summary.fills > 1
    judge(one)
    assert again(one.inputs) == one.journal


@pytest.mark.slow
def test_a_signed_run_is_the_same_again() -> None:
    faults = [fault for name in ("late_ack", "partial", "events") for fault in FAULTS[name]]
    first, second = run(3, 5 * SECOND, *faults), run(3, 5 * SECOND, *faults)
    assert first.journal == second.journal and first.inputs == second.inputs
