"""A run on the virtual clock is a function of its seed: the same trace every time, in slices or not, in any process;
and what it took in is enough to make all of it again.
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal as D
from pathlib import Path

import msgspec
import pytest
from simulation.arena import START, Arena, plain, top_of
from simulation.bitfoo_sandbox import bitfoo

from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.capture.reader import read
from cryptopipe.capture.writer import Writer
from cryptopipe.clock import MILLISECOND, SECOND, Nanos
from cryptopipe.journal.log import MemoryLog
from cryptopipe.market.market import Market
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.facts import Asset, Instrument, TradingRules, VenueId
from cryptopipe.registry import Registry, strategy
from cryptopipe.sandbox.faults import Fault
from cryptopipe.sandbox.parameters import Parameters
from cryptopipe.settings import load_settings
from cryptopipe.wiring import Wiring

DEFAULT_RUN = ("binance", "bybit", "coinbase", "kraken")
UNTIL = 3 * SECOND
TROUBLE = (
    Fault("reset", at=SECOND, lasts=300 * MILLISECOND, venue="bitfoo"),
    Fault("reset", at=SECOND, lasts=300 * MILLISECOND, venue="binance"),
    Fault("drop", at=1400 * MILLISECOND, lasts=SECOND // 2, probability=0.1),
    Fault("corrupt", at=2 * SECOND, lasts=SECOND // 2, probability=0.1),
    Fault("http_429", at=SECOND, lasts=300 * MILLISECOND, probability=0.5),
    Fault("clock_drift", values={"drift_ppm": 300}),
)


class Listed:
    """Four pairs of the sample venue."""

    def __init__(self) -> None:
        rules = TradingRules(D("0.01"), D("0.0001"), D("0.0001"), D(5))
        make, quote = Instrument, Asset("USDT")
        coins = ("BTC", "ETH", "SOL", "BNB")
        self._ones = [make(VenueId("bitfoo"), f"{c.lower()}usdt", Asset(c), quote, rules=rules) for c in coins]

    def listed(self) -> Sequence[Instrument]:
        return self._ones

    def find(self, symbol: str) -> Instrument:
        return next((one for one in self._ones if one.symbol == symbol), self._ones[0])


def venues(*names: str) -> dict[VenueId, ExchangePlugin]:
    if not names:
        return {bitfoo.venue: replace(bitfoo, instruments=Listed())}
    return {VenueId(one): Registry().exchange(one) for one in names}


def arena(*names: str, seed: int = 7, rate: float = 0.3) -> Arena:
    assets = ("BTC", "USDT", "USD") if names else None
    return Arena(venues(*names), plain(Parameters.load(), rate), seed, TROUBLE, assets, traced=True)


def trace(*names: str, seed: int = 7, slices: Iterable[Nanos] = ()) -> str:
    one = arena(*names, seed=seed)
    for piece in slices:
        one.run(min(UNTIL, one.now + piece))
    one.run(UNTIL)
    closed = sum(len(venue.closed) for venue in one.venues.values())
    assert closed and len(one.told) > 8, f"nothing went wrong: {one.told}"
    return one.trace()


@pytest.mark.parametrize("names", [(), DEFAULT_RUN], ids=["sample venue", "four venues"])
@pytest.mark.parametrize("times", [5, pytest.param(50, marks=pytest.mark.slow)])
def test_a_seed_gives_the_identical_trace_every_time(times: int, names: tuple[str, ...]) -> None:
    assert len({trace(*names) for _ in range(times)}) == 1
    assert trace(*names, seed=8) != trace(*names)


@pytest.mark.parametrize("names", [(), DEFAULT_RUN], ids=["sample venue", "four venues"])
@pytest.mark.parametrize("slices", [[7 * MILLISECOND] * 600, [1, 333 * MILLISECOND, 10 * MILLISECOND] * 12])
def test_slices_of_time_do_not_change_the_trace(slices: list[Nanos], names: tuple[str, ...]) -> None:
    assert trace(*names, slices=slices) == trace(*names)


def test_another_process_with_other_hashes_gives_the_identical_trace() -> None:
    script = "from simulation.test_simulate import DEFAULT_RUN, trace; print(trace(*DEFAULT_RUN))"
    path = os.pathsep.join(["tests", *sys.path])
    told = {
        subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            check=True,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path},
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert told == {trace(*DEFAULT_RUN)}


def tops_of(inputs: Iterable[Input], names: tuple[str, ...]) -> str:
    """Each change of a book, turn by turn, in a market that never heard of a connection's supervisor."""
    market, found, turn = Market(venues(*names)), hashlib.sha256(), 0
    for entry in inputs:
        if entry.turn != turn:
            turn = entry.turn
            market.take_changed()
        market.receive(entry)
        for name, sync in market.changed.items():
            found.update(msgspec.msgpack.encode((entry.seq, name, sync.state.value, top_of(sync))))
    return found.hexdigest()


def test_captured_inputs_give_the_same_tops_in_a_fresh_market(tmp_path: Path) -> None:
    one = arena(*DEFAULT_RUN)
    seen: list[object] = []
    found = hashlib.sha256()

    def watch() -> None:
        for name, sync in one.market.changed.items():
            found.update(msgspec.msgpack.encode((one.inputs[-1].seq, name, sync.state.value, top_of(sync))))
            seen.append(name)

    one.watchers.append(watch)
    one.run(UNTIL)
    with Writer(tmp_path / "capture") as capture:
        for entry in one.inputs:
            capture.append(entry)
    again = list(read(tmp_path / "capture"))
    assert again == one.inputs and len(seen) > 300
    assert {entry.direction for entry in again} >= {Direction.OPEN, Direction.CLOSE, Direction.RECV, Direction.HTTP}
    assert tops_of(again, DEFAULT_RUN) == found.hexdigest()


def test_a_run_is_made_again_by_its_inputs_alone() -> None:
    """The whole pipe with a strategy: the same journal, byte for byte, without houses, supervisors or a clock."""
    settings = load_settings(environment={}, sets=(), strategies={"arbitrage": strategy("arbitrage").settings}).settings
    wiring = Wiring.of("arbitrage", settings, DEFAULT_RUN)
    journal, again = MemoryLog(), MemoryLog()
    pipe = wiring.pipe(journal)

    def turn_ended(at: Nanos) -> None:
        pipe.end_turn()

    run = Arena(wiring.plugins, Parameters.load(), 3, TROUBLE, market=pipe.market, taker=pipe, turn_ended=turn_ended)
    run.run(8 * SECOND)
    first, second = pipe.finish("duration"), wiring.pipe(again)
    for entry in run.inputs:
        second.receive(entry)
    assert second.finish("duration") == first
    assert first.found > 0 and journal.records > 50
    assert again.sha256 == journal.sha256
    assert not run.lies()


def test_frames_come_in_order_and_after_their_way() -> None:
    """What was sent is heard `latency` later; no input has a stamp before that of the one before it."""
    one = Arena(venues(), plain(Parameters.load(), 1), 1, listening=True)
    one.run(2 * SECOND)
    assert [entry.seq for entry in one.inputs] == list(range(1, len(one.inputs) + 1))
    stamps = [entry.at for entry in one.inputs]
    assert stamps == sorted(set(stamps))
    said, heard = one.venues[bitfoo.venue].said, one.venues[bitfoo.venue].arrivals
    assert [text.encode() for _, text in said[: len(heard)]] == [text for _, text in heard] and len(heard) > 100
    late = [got - (at + 5 * MILLISECOND) for (at, _), (got, _) in zip(said, heard, strict=False)]
    assert min(late) == 0 and max(late) < 1_000  # together, they have stamps a nanosecond apart
    assert one.inputs[0].at == START
