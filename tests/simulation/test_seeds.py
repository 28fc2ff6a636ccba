"""What a newcomer's run finds, by seed, on the virtual clock: default venues, instruments, fees and settings.

Costs decide: with ten times the fees nothing is accepted, nor where no venue's price ever departs from the others'.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import msgspec
import pytest
from simulation.arena import Arena

from cryptopipe.capture.inputs import Input
from cryptopipe.clock import SECOND, Nanos
from cryptopipe.journal.log import MemoryLog
from cryptopipe.pipe import Pipe
from cryptopipe.registry import Registry, strategy
from cryptopipe.sandbox.parameters import Parameters
from cryptopipe.settings import load_settings
from cryptopipe.summary import Summary
from cryptopipe.wiring import Wiring

SEEDS = range(1, 21)
UNTIL = 30 * SECOND
BPS = 10_000


@cache
def wiring(fees_times: int = 1) -> Wiring:
    plugins = {name: one for name, one in Registry().exchanges().items() if one.first_choice}
    fees = [f"venues.{name}.taker_fee_bps={one.fees.taker_rate * BPS * fees_times}" for name, one in plugins.items()]
    sets = ["risk.max_residual=20000", *(fees if fees_times != 1 else ())]
    schemas = {"arbitrage": strategy("arbitrage").settings}
    settings = load_settings(environment={}, sets=sets, strategies=schemas).settings
    return Wiring.of("arbitrage", settings, sorted(plugins))


@dataclass(frozen=True)
class Run:
    """One run, and the same inputs judged again."""

    summary: Summary
    journal: str
    inputs: list[Input]
    lies: list[str]


def run(seed: int, until: Nanos, dislocations: str = "on", watch_truth: bool = False) -> Run:
    parameters = msgspec.structs.replace(Parameters.load(), dislocations=dislocations)
    journal = MemoryLog()
    pipe = wiring().pipe(journal)

    def turn_ended(at: Nanos) -> None:
        pipe.end_turn()

    plugins = wiring().plugins
    arena = Arena(
        plugins, parameters, seed, market=pipe.market, taker=pipe, turn_ended=turn_ended, watch_truth=watch_truth
    )
    arena.run(until)
    summary = pipe.finish("duration")
    return Run(summary, journal.sha256, arena.inputs, arena.lies())


def again(inputs: Iterable[Input], fees_times: int = 1) -> tuple[Summary, str]:
    journal = MemoryLog()
    pipe: Pipe = wiring(fees_times).pipe(journal)
    for entry in inputs:
        pipe.receive(entry)
    return pipe.finish("duration"), journal.sha256


def nothing_pays(summary: Summary) -> None:
    assert summary.found > 0 and summary.refused == summary.found, "edges are found, each is refused"
    assert (summary.accepted, summary.fills) == (0, 0)
    assert summary.refusals["net_edge"] == summary.found


def test_a_short_run_trades_and_is_refused_for_higher_fees() -> None:
    one = run(1, 10 * SECOND, watch_truth=True)
    assert one.summary.accepted > 0 and one.summary.fills > 0 and one.summary.refusals
    assert set(one.summary.venues) == set(wiring().plugins) and len(one.summary.venues) == 4
    assert one.lies == []
    nothing_pays(again(one.inputs, fees_times=10)[0])


@pytest.mark.slow
def test_twenty_seeds_trade_replay_identically_and_are_refused_for_ten_times_the_fees() -> None:
    accepted = {}
    for seed in SEEDS:
        one = run(seed, UNTIL)
        accepted[seed] = one.summary.accepted
        if seed % 4 == 0:
            assert again(one.inputs) == (one.summary, one.journal)
        nothing_pays(again(one.inputs, fees_times=10)[0])
    assert sum(count > 0 for count in accepted.values()) >= 18, accepted


@pytest.mark.slow
def test_twenty_seeds_without_dislocations_trade_nothing() -> None:
    for seed in SEEDS:
        nothing_pays(run(seed, UNTIL, dislocations="off").summary)
