"""A venue tells in the run that it has halted an instrument: the gate refuses it from the next evaluation on, until the
venue tells that it trades again; and the captured inputs alone make the same journal.

`status` of a symbol in exchangeInfo is TRADING, END_OF_DAY, HALT or BREAK (developers.binance.com, spot, "Enums",
section "Symbol status", as binance-connector and ccxt 4.5.90 quote it, 2026-11-21).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from random import Random

import msgspec
import pytest
from simulation.arena import START

from cryptopipe.capture.inputs import METADATA, Input
from cryptopipe.clock import SECOND, Nanos
from cryptopipe.drivers.simulate import Simulation
from cryptopipe.drivers.streams import all_subscriptions
from cryptopipe.journal.log import MemoryLog
from cryptopipe.journal.reader import Record
from cryptopipe.journal.records import Decided, InstrumentChanged, Intended
from cryptopipe.market.feeds import Feeds
from cryptopipe.model.facts import Asset, VenueId
from cryptopipe.model.simulated import SandboxSession, SandboxVenue, SimulatedBook
from cryptopipe.model.stream import HttpRequest, HttpResponse
from cryptopipe.registry import strategy
from cryptopipe.sandbox.house import House
from cryptopipe.sandbox.parameters import Parameters
from cryptopipe.sandbox.world import World
from cryptopipe.settings import load_settings
from cryptopipe.wiring import Wiring

HALTED = "binance:BTCUSDT"
SEED = 7
"""Of a market in which the instrument is traded before, would be meanwhile, and is again."""
FROM, TO, UNTIL = 6 * SECOND, 10 * SECOND, 14 * SECOND
ASSETS = ("BTC", "ETH", "USDT", "USD")


class Halting:
    """A simulated venue that tells another status of one symbol for a while."""

    def __init__(self, venue: SandboxVenue) -> None:
        self.endpoints, self._venue = venue.endpoints, venue

    def open(self, path: str, at: Nanos) -> SandboxSession | HttpResponse:
        return self._venue.open(path, at)

    def answer(self, request: HttpRequest, at: Nanos) -> HttpResponse:
        answer = self._venue.answer(request, at)
        if "/exchangeInfo" not in request.url or not FROM <= at - START < TO:
            return answer
        told = json.loads(answer.body)
        (symbol,) = [one for one in told["symbols"] if one["symbol"] == "BTCUSDT"]
        assert symbol["status"] == "TRADING"
        symbol["status"] = "BREAK"
        return msgspec.structs.replace(answer, body=json.dumps(told).encode())


@dataclass
class Ran:
    wiring: Wiring
    journal: MemoryLog
    inputs: list[Input]

    def told(self, *kinds: type) -> list[tuple[Record, object]]:
        """The records of these kinds, with their bodies."""
        names = {kind.kind: kind for kind in kinds}  # type: ignore[attr-defined]
        records = [msgspec.json.decode(line, type=Record) for line in self.journal.lines]
        return [(one, msgspec.json.decode(one.body, type=names[one.kind])) for one in records if one.kind in names]


@cache
def ran() -> Ran:
    loaded = load_settings(environment={}, sets=(), strategies={"arbitrage": strategy("arbitrage").settings})
    wiring = Wiring.of("arbitrage", loaded.settings, ("binance", "bybit"))
    plugins = wiring.plugins
    world = World(plugins, Parameters.load(), SEED, START, frozenset(map(Asset, ASSETS)))
    journal, inputs = MemoryLog(), list[Input]()
    pipe = wiring.pipe(journal)

    def take(entry: Input) -> None:
        inputs.append(entry)
        pipe.receive(entry)

    wanted = all_subscriptions(plugins, ASSETS)
    feeds = Feeds(pipe.market, plugins, wanted, Random(SEED).random, START, refresh=2 * SECOND)
    houses: Mapping[VenueId, House] = {
        venue: House(replace(plugin, sandbox=_halting(plugin.sandbox)), world.books[venue], (), SEED, START)
        for venue, plugin in plugins.items()
    }
    Simulation(world, houses, feeds, take, lambda at: pipe.end_turn(), START).run(START + UNTIL)
    pipe.finish("duration")
    return Ran(wiring, journal, inputs)


def _halting(simulate: object) -> object:
    def made(books: Mapping[str, SimulatedBook]) -> Halting:
        return Halting(simulate(books))  # type: ignore[operator]

    return made


def test_a_halt_told_live_and_its_end_are_journalled_with_the_answer_that_told_them() -> None:
    run = ran()
    changes = [body for _, body in run.told(InstrumentChanged)]
    assert [(c.instrument, c.field, c.old, c.new) for c in changes] == [
        (HALTED, "state", "trading", "halted"),
        (HALTED, "state", "halted", "trading"),
    ]
    answers = {one.seq: one for one in run.inputs if one.request == METADATA}
    first, last = (answers[c.told_by] for c in changes)
    assert b'"BREAK"' in first.payload and b'"BREAK"' not in last.payload
    assert FROM <= first.at - START < TO <= last.at - START
    before = [one for one in answers.values() if one.venue == "binance" and one.seq < first.seq]
    assert before and all(b"BREAK" not in one.payload for one in before)


def test_every_decision_on_it_is_refused_meanwhile_for_its_state() -> None:
    run = ran()
    halted, lifted = (record.at for record, _ in run.told(InstrumentChanged))
    accepted = {"before": 0, "meanwhile": 0, "after": 0}
    otherwise_fine = 0
    for record, body in run.told(Decided):
        assert isinstance(body, Decided)
        if not any(leg.instrument == HALTED for leg in body.legs) or body.phase == "end":
            continue  # the end of an episode repeats its last decision
        when = "before" if record.at < halted else "meanwhile" if record.at < lifted else "after"
        failed = {reason.check: reason.measured for reason in body.reasons if not reason.passed}
        assert failed.get("trading_state", "") == (f"{HALTED} halted" if when == "meanwhile" else "")
        accepted[when] += body.accepted
        otherwise_fine += failed.keys() == {"trading_state"}
    assert accepted["before"] and accepted["after"] and not accepted["meanwhile"]
    assert otherwise_fine, "nothing was refused that would have been traded"
    ordered = [one.at for one, body in run.told(Intended) if getattr(body, "instrument", "") == HALTED]
    assert ordered and not [at for at in ordered if halted <= at < lifted]


@pytest.mark.core
def test_the_inputs_alone_make_the_same_journal() -> None:
    run = ran()
    again = MemoryLog()
    pipe = run.wiring.pipe(again)
    for entry in run.inputs:
        pipe.receive(entry)
    pipe.finish("duration")
    assert again.sha256 == run.journal.sha256
