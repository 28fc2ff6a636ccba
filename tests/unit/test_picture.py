"""A picture says what the journal, the inputs and the venues' supervisors say, and taking it changes nothing."""

import json
import time
from collections.abc import Iterable, Sequence
from decimal import Decimal as D
from itertools import takewhile

import pytest

from cryptopipe.app import Wiring
from cryptopipe.camera import Camera, link_of
from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.cli.words import CHECKS
from cryptopipe.clock import SECOND, parse_at
from cryptopipe.drivers.replay import packaged_replay
from cryptopipe.gate.gate import Limits
from cryptopipe.journal.log import MemoryLog
from cryptopipe.market.line import Feed, Stream
from cryptopipe.market.supervisor import Closed, Opened, Supervisor, Tick, TimeAnswered
from cryptopipe.model.contracts import API_VERSION, ExchangePlugin
from cryptopipe.model.events import BookSnapshot, FeedEvent
from cryptopipe.model.facts import Asset, Fee, FeeSchedule, Instrument, Kind, Side, VenueId
from cryptopipe.model.naming import named
from cryptopipe.model.stream import Connect, Proof, Subscription, SyncRule, apply_always
from cryptopipe.model.trading import Leg, Opportunity
from cryptopipe.picture import Picture
from cryptopipe.pipe import Pipe, PipeSettings
from cryptopipe.registry import strategy
from cryptopipe.settings import load_settings
from cryptopipe_arbitrage.settings import ArbitrageSettings
from cryptopipe_arbitrage.strategy import Arbitrage

AT = parse_at("2026-11-21T08:00:00Z")


def replayed(every: int = 0) -> tuple[Pipe, MemoryLog, list[Input], list[Picture]]:
    """The packaged capture at no fees up to its end, with a picture after each so many inputs."""
    source, log = packaged_replay(), MemoryLog()
    free = ["arbitrage.restoring_bps=0", *(f"venues.{venue}.taker_fee_bps=0" for venue in source.venues)]
    strategies = {"arbitrage": strategy("arbitrage").settings}
    settings = load_settings(environment={}, sets=free, strategies=strategies).settings
    pipe = Wiring.of("arbitrage", settings, source.venues).pipe(log)
    inputs = list(takewhile(lambda entry: entry.direction is not Direction.CLOSE, source))
    camera, pictures = Camera(pipe, "replay", inputs[0].at, seed=7), []
    for number, entry in enumerate(inputs, start=1):
        pipe.receive(entry)
        pipe.market.take_commands()
        if every and number % every == 0:
            pictures.append(camera.take(entry.at))
    pipe.end_turn()
    return pipe, log, inputs, [*pictures, camera.take(inputs[-1].at)]


@pytest.mark.core
def test_taking_pictures_changes_no_record() -> None:
    watched, log, _, pictures = replayed(every=3)
    alone, other, _, _ = replayed()
    watched.finish("end"), alone.finish("end")
    assert len(pictures) > 200
    assert other.records > 20 and log.sha256 == other.sha256


@pytest.mark.core
def test_a_picture_agrees_with_the_journal() -> None:
    pipe, log, inputs, (now,) = replayed()
    records = [(line["kind"], line["body"]) for line in map(json.loads, log.lines)]
    decided = [body for kind, body in records if kind == "decided" and body["phase"] != "end"]

    def of_the_run(reason: dict[str, str]) -> bool:
        return reason["check"] in ("mode", "loss", "one_plan", "group")

    accepted = [body for body in decided if body["accepted"]]
    assert now.counts.fills == sum(kind == "filled" for kind, _ in records) > 0
    assert {reason["check"] for body in decided for reason in body["reasons"]} <= set(CHECKS)
    assert [one.edge for one in now.decisions if one.accepted] == [body["edge"] for body in accepted[:-7:-1]] != []
    refused = [body for body in decided if not body["accepted"]]
    refused = refused[::-1][: 12 - min(6, len(accepted))]
    first = [min((r for r in body["reasons"] if not r["passed"]), key=of_the_run) for body in refused]
    shown = [(one.check, one.limit, one.measured) for one in now.decisions if not one.accepted]
    assert shown == [(reason["check"], reason["limit"], reason["measured"]) for reason in first]
    for edge in now.edges:
        known = [body for body in decided if body["edge"] == edge.edge]
        assert edge.taken <= sum(body["accepted"] for body in known)
        assert not edge.open or (edge.verdict == "") == known[-1]["accepted"]
        assert not edge.open or (edge.taken > 0) >= (edge.verdict == "")
    assert now.pair_count == len({one.pair for venue in now.venues for one in venue.quotes})
    assert now.counts.frames == sum(entry.direction is Direction.RECV for entry in inputs)
    assert now.numeraire == "USDT" and now.trading is not None
    assert now.trading != 0 and max(D(0), -now.trading) == pipe.state.loss  # what the gate judges the run by
    summary = pipe.finish("end")
    assert now.best_net == summary.net and now.counts.accepted == summary.accepted


def test_frames_a_second_are_those_of_the_last_two_seconds() -> None:
    _, _, inputs, pictures = replayed(every=5)
    picture = pictures[-2]
    taken = [one.at for one in pictures if one.at <= picture.at - 2 * SECOND][-1]
    for venue in picture.venues:
        frames = sum(
            entry.venue == venue.venue and entry.direction is Direction.RECV and taken < entry.at <= picture.at
            for entry in inputs
        )
        assert venue.frames_per_s == pytest.approx(frames * SECOND / (picture.at - taken), rel=0.1)


def test_a_lost_venue_says_why_and_quotes_nothing() -> None:
    pipe, _, inputs, (before,) = replayed()
    last = inputs[-1]
    lost = before.venues[0]
    assert (lost.state, lost.live, lost.why) == ("live", lost.books, "") and lost.quotes
    for conn in {entry.conn for entry in inputs if entry.venue == lost.venue}:
        closing = Input(
            last.seq + 1, last.turn + 1, last.at + 1, Direction.CLOSE, lost.venue, conn, "", b"reset by peer"
        )
        pipe.receive(closing)
    after = Camera(pipe, "replay", last.at).take(last.at + 3 * SECOND)
    venue = after.venues[0]
    assert (venue.state, venue.live, venue.books, venue.quotes) == ("dead", 0, lost.books, ())
    assert venue.why.endswith(": reset by peer")
    assert venue.age is not None and 3 * SECOND <= venue.age < 5 * SECOND
    assert all(other.state == "live" and other.quotes for other in after.venues[1:])


def supervisor() -> Supervisor:
    feed = Feed("alpha", Connect("wss://alpha.example"), (Stream("A"),))
    return Supervisor([feed], lambda: 1.0, tells_time=True)


def test_a_connection_in_words() -> None:
    one = supervisor()
    assert link_of(one, AT) == "dialling"
    one.receive(Tick(), AT)
    assert link_of(one, AT) == "dialling"
    one.receive(Opened("alpha"), AT + 1)
    assert link_of(one, AT + 1) == ""
    one.receive(Closed("alpha"), AT + SECOND)
    assert link_of(one, AT + SECOND) == "back-off 1 s"  # half a second at full jitter, rounded up
    one.receive(Tick(), AT + 2 * SECOND)
    one.receive(Closed("alpha", 429, "30"), AT + 10 * SECOND)
    assert link_of(one, AT + 10 * SECOND) == "429: until 08:00:40"
    one.receive(TimeAnswered(None, status=418, retry_after="120"), AT + 11 * SECOND)
    assert link_of(one, AT + 11 * SECOND) == "418: until 08:02:11"


def test_the_budget_of_dials_is_not_called_a_back_off() -> None:
    """Five dials a minute: after the fifth the next one waits for the first to be a minute old."""
    one, at = supervisor(), AT
    for second in range(5):
        at = AT + 4 * second * SECOND
        one.receive(Tick(), at)
        one.receive(Closed("alpha"), at)
    assert one.lines["alpha"].due < AT + 60 * SECOND
    assert link_of(one, at) == "dial budget 44 s"


def leg(symbol: str, base: str, quote: str, side: Side, name: str = "alpha", kind: Kind = Kind.SPOT) -> Leg:
    instrument = Instrument(VenueId(name), symbol, Asset(base), Asset(quote), kind)
    return Leg(instrument, side, D(1), D(1), D(1), Fee(D(0), Asset(quote)))


@pytest.mark.parametrize(
    ("legs", "expected"),
    [
        (
            [leg("XY", "X", "Y", Side.SELL, "beta"), leg("XY", "X", "Y", Side.BUY)],
            ("X/Y", "alpha → beta"),
        ),
        (
            [leg("XY", "X", "Y", Side.BUY), leg("ZX", "Z", "X", Side.BUY), leg("ZY", "Z", "Y", Side.SELL)],
            ("Y→X→Z→Y", "alpha"),
        ),
        (
            [leg("XYP", "X", "Y", Side.BUY, kind=Kind.LINEAR_PERPETUAL), leg("XY", "X", "Y", Side.SELL, "beta")],
            ("Y→X→Y", "alpha → beta"),
        ),
    ],
)
def test_an_edge_by_what_and_where(legs: list[Leg], expected: tuple[str, str]) -> None:
    edge = Opportunity("edge", tuple(legs), D(1), D(1), (), {}, D(1), Asset("Y"), D(1), ())
    assert named(edge) == expected


class Snapshots:
    """Each frame is a symbol: its book has one level a side."""

    rule = SyncRule(Proof.NONE, apply_always, apply_always, snapshot_by_request=False)

    def connect(self, subscriptions: Sequence[Subscription], auth: object, at: int) -> Connect:
        return Connect("wss://test.example")

    def decode(self, frame: bytes, received_at: int) -> Iterable[FeedEvent]:
        yield BookSnapshot(frame.decode(), b'[["100.1","1"]]', b'[["100.2","1"]]', 1, 0)


class Pairs:
    def __init__(self, venue: str) -> None:
        self._venue = VenueId(venue)

    def listed(self) -> Sequence[Instrument]:
        return ()

    def find(self, symbol: str) -> Instrument:
        return Instrument(self._venue, symbol, Asset(symbol), Asset("USDT"))


def test_a_picture_of_forty_books_takes_less_than_a_millisecond() -> None:
    free = FeeSchedule.flat("0", "0", "test", "2026-11-21")
    plugins = {
        VenueId(name): ExchangePlugin(VenueId(name), API_VERSION, "https://test.example", Snapshots, Pairs(name), free)
        for name in ("alpha", "beta", "gamma", "delta")
    }
    limits = Limits(Asset("USDT"), SECOND, D(100), D(0), D(0), D(0), D(500), D(100), D(5))
    settings = PipeSettings(limits, SECOND, {}, lambda venue, asset: D(0), D(0))
    pipe = Pipe(plugins, Arbitrage(ArbitrageSettings(stake={})), settings, MemoryLog())
    for number in range(40):
        name = ("alpha", "beta", "gamma", "delta")[number % 4]
        pipe.receive(Input(number + 1, 1, AT + number, Direction.RECV, name, name, "", f"S{number // 4}".encode()))
    camera, costs = Camera(pipe, "sandbox", AT), []
    for number in range(30):
        began = time.perf_counter_ns()
        picture = camera.take(AT + number * SECOND // 4)
        costs.append(time.perf_counter_ns() - began)
    assert sum(venue.live for venue in picture.venues) == 40
    assert [len(venue.quotes) for venue in picture.venues] == [10] * 4
    assert min(costs) < 1_000_000, f"a picture takes {min(costs) / 1e6} ms"
