"""Whole runs at simulated venues that learn of their own desk, and are the same again when they are told the same."""

import pytest
from simulation.carried import Carried, again, run, wiring

from cryptopipe.clock import SECOND
from cryptopipe.model.strategies import Strategy
from cryptopipe.registry import strategy
from cryptopipe.wiring import PAPER, VENUE, Wiring


def carried(wired: Wiring, seed: int, seconds: int) -> tuple[Carried, str]:
    def make() -> Strategy:
        return strategy("arbitrage").made(wired.settings.strategy("arbitrage"))

    one = run(wired, make, seed, seconds * SECOND)  # type: ignore[arg-type]
    return one, again(wired, make, one.inputs)  # type: ignore[arg-type]


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("execution", [PAPER, VENUE])
def test_a_run_learns_the_same_again(execution: str, seed: int) -> None:
    one, replayed = carried(wiring(execution), seed, 120)
    assert replayed == one.journal
    view, decisions = one.pipe.view, one.told("decided")
    opened = [told["edge"].split()[0] for told in decisions if told["phase"] == "open"]
    assert opened and all(len(view.lives(kind)) == opened.count(kind) for kind in set(opened))
    told = one.told("fees_told")
    if execution == PAPER:
        assert told == []
        return
    assert len({fee["instrument"] for fee in told}) == len(told) == 3
    assert all(fee["taker"] == fee["taker_in_force"] for fee in told)
    measured = {answer["venue"] for answer in one.told("action_answered") if answer["action"] == "PlaceOrder"}
    assert all(view.latency(venue) for venue in measured)
