"""One seed is one run: private side, chain and every kind of fault on, again and again, however time is sliced."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from simulation.script import STEPS_AT_MOST, act, desks, everything

from cryptopipe.model.desk import OrderStatus
from cryptopipe.sandbox.fault_kinds import ACTION_KINDS, MARKET_KINDS

TESTS = Path(__file__).parents[1]
TIMES = 50


def test_a_run_is_the_same_fifty_times() -> None:
    digests = {act(7, everything()).digest() for _ in range(TIMES)}
    assert len(digests) == 1


def test_another_seed_is_another_run() -> None:
    assert act(7, everything()).digest() != act(8, everything()).digest()


def test_the_run_that_is_repeated_has_all_of_it() -> None:
    """Else the other tests would compare nothing."""
    run = act(7, everything())
    accounts = [desk.accounts[1] for desk in run.world.desks.values()]
    orders = [order for account in accounts for order in account.orders()]
    assert {order.status for order in orders} == set(OrderStatus)
    assert any(transfer.confirmations for account in accounts for transfer in account.transfers(True))
    assert any(account.moves() for account in accounts) and run.broken
    assert {fault.kind for fault in everything()} == {*ACTION_KINDS, *MARKET_KINDS}
    struck = [act(7, [one for one in everything() if one.kind != kind]).digest() for kind in ACTION_KINDS]
    assert run.digest() not in struck, "a fault that changes nothing is not tried"


SAME_WHATEVER_THE_STEPS = [kind for kind in ACTION_KINDS if kind not in ("reorder_event", "drop_private")]
"""A line that is held is told by the first step after a second, a connection breaks at a step."""


@pytest.mark.parametrize("slices", [2, 7])
def test_what_is_told_is_the_same_however_the_market_is_advanced(slices: int) -> None:
    assert act(7, everything(), slices=slices).digest() == act(7, everything()).digest()


@pytest.mark.parametrize("step", [STEPS_AT_MOST // 10, STEPS_AT_MOST // 2])
def test_what_desks_know_is_the_same_whatever_the_steps(step: int) -> None:
    faults = everything(SAME_WHATEVER_THE_STEPS)
    assert desks(act(7, faults, step)) == desks(act(7, faults))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_a_run_is_the_same_in_another_process(seed: int) -> None:
    """Whose hashes of texts are others."""
    found = set()
    for hashes in ("0", "1", "4711"):
        environment = os.environ | {"PYTHONHASHSEED": hashes, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-m", "simulation.script", str(seed)]
        found.add(subprocess.run(command, env=environment, cwd=TESTS, capture_output=True, check=True).stdout)
    assert len(found) == 1 and len(found.pop()) == 64
