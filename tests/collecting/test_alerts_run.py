"""Of a run that tells alerts: what it decides and journals is what it would without, and people hear of it."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from cryptopipe.alerts import Alert, Spool
from cryptopipe.alerts.fields import LEARN, Fields
from cryptopipe.alerts.watchman import Watchman
from cryptopipe.app import Running, act
from cryptopipe.capture.inputs import PRIVATE, Direction, Input
from cryptopipe.clock import SECOND
from cryptopipe.drivers.replay import packaged_replay
from cryptopipe.drivers.stop import Stop, ended
from cryptopipe.market.connection import VenueCounts
from cryptopipe.market.market import Market
from cryptopipe.market.sentry import Sentry
from cryptopipe.model.facts import VenueId
from cryptopipe.model.stream import Channel, Subscription
from cryptopipe.registry import strategy
from cryptopipe.result import Origin
from cryptopipe.settings import load_settings
from cryptopipe.wiring import Wiring

KINDS = {"fill", "risk.state"}


def wiring(data_dir: Path, venues: Any) -> Wiring:
    sets = [
        f"data_dir={data_dir}",
        "risk.max_loss=0.01",
        "paper.latency=3s",
        "risk.max_residual=0",
        "alerts.fills=true",
    ]
    strategies = {"arbitrage": strategy("arbitrage").settings}
    return Wiring.of("arbitrage", load_settings(environment={}, sets=sets, strategies=strategies).settings, venues)


def depth(made: Wiring) -> dict[VenueId, list[Subscription]]:
    return {
        venue: [Subscription(next(iter(plugin.instruments.listed())), Channel.DEPTH)]
        for venue, plugin in made.plugins.items()
    }


def test_alerts_change_no_record_and_tell_fills_and_the_halt(tmp_path: Path) -> None:
    source = packaged_replay()
    plain = act(wiring(tmp_path / "plain", source.venues), source, source.label(), 20 * SECOND)
    with Running(wiring(tmp_path / "told", source.venues), Origin("live", source.label())) as running:
        running.watch(depth(running.wiring))
        for entry in ended(packaged_replay(), Stop(), 20 * SECOND):
            running.take(entry)
            running.pipe.market.take_commands()
            running.turn_ended(entry.at)
            if entry.ends:
                break
        result = running.finish(plain.summary.stopped_by)
    assert result.journal_hash == plain.journal_hash
    told = [line.alert for line in Spool(tmp_path / "told").lines() if line.alert is not None]
    assert {one.kind for one in told} >= KINDS
    assert sum(one.kind == "fill" for one in told) == result.summary.fills > 0
    (halt,) = [one for one in told if one.kind == "risk.state"]
    assert halt.severity == "critical" and str(result.summary.halted) in halt.text
    assert not (tmp_path / "plain" / "alerts").exists(), "a run over recordings tells nobody"


class Watched:
    """A market over one recorded venue with a sentry that looks after every input."""

    def __init__(self, data_dir: Path, fields: bool = False) -> None:
        source = packaged_replay()
        self.inputs = [entry for entry in source if entry.venue]
        self.venue = self.inputs[0].venue
        self.told: list[Alert] = []
        self.market = Market(wiring(data_dir, source.venues).plugins)
        watchman = Watchman([self.venue], 60 * SECOND, self.inputs[0].at, "test")
        self.sentry = Sentry(self.market, watchman, self.told.append, Fields(data_dir) if fields else None)

    def play(self) -> Input:
        """Everything but the end; the last input."""
        last = self.inputs[0]
        for entry in self.inputs:
            if entry.venue == self.venue and entry.direction is not Direction.CLOSE:
                self.receive(entry)
                last = entry
        return last

    def receive(self, entry: Input) -> None:
        self.market.receive(entry)
        if entry.direction is not Direction.RECV or entry.at >= self.sentry.sample_due:
            self.sentry.sample(entry)
        self.sentry.turned(entry.at)


def follow(last: Input, after: int, payload: bytes, direction: Direction = Direction.RECV) -> Input:
    return Input(last.seq + 1, last.turn + 1, last.at + after, direction, last.venue, last.conn, last.url, payload)


def test_a_market_that_lives_tells_nothing_and_one_that_closed_is_dead(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    last = watched.play()
    assert watched.told == []
    watched.receive(follow(last, SECOND, b"reset by peer", Direction.CLOSE))
    watched.sentry.look(last.at + 60 * SECOND)
    assert watched.told == []
    watched.sentry.look(last.at + 62 * SECOND)
    (dead,) = watched.told
    assert (dead.kind, dead.where) == ("feed.dead", watched.venue) and "reset by peer" in dead.text


def test_a_kind_that_no_codec_knows_and_a_frame_that_is_none_are_told(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    last = watched.play()
    watched.market.counts[last.venue].strange("auction")  # type: ignore[index]
    watched.receive(follow(last, SECOND, b'{"torn'))
    watched.receive(follow(last, 3 * SECOND, b'{"torn'))
    assert [one.kind for one in watched.told] == ["stream.unknown"] * 2
    assert "auction" in watched.told[0].text and "1 frames or answers could not be read" in watched.told[1].text


def test_a_venue_that_makes_up_kinds_fills_no_memory() -> None:
    counts = VenueCounts()
    for number in range(1000):
        counts.strange(f"kind {number}")
        counts.strange("kind 0")
    assert (counts.unknown, len(counts.kinds), counts.kinds["kind 0"]) == (2000, 100, 1001)


def test_a_new_field_of_a_frame_is_told_once_whatever_the_codec_does_with_it(tmp_path: Path) -> None:
    watched = Watched(tmp_path, fields=True)
    last = watched.play()
    frames = [entry for entry in watched.inputs if entry.venue == watched.venue and entry.direction is Direction.RECV]
    usual = frames[-1].payload
    for number in range(LEARN):
        watched.sentry.sample(follow(last, number, usual))
    assert watched.sentry.watchman.take() == []
    for number in range(3):
        watched.sentry.sample(follow(last, LEARN + number, usual.replace(b"{", b'{"brand_new":1,', 1)))
    private = msgspec.structs.replace(
        last, conn=f"{last.venue}{PRIVATE}", payload=usual.replace(b"{", b'{"new2":1,', 1)
    )
    watched.sentry.sample(private)
    (alert,) = watched.sentry.watchman.take()
    assert alert.kind == "stream.unknown" and alert.data["name"].endswith(": brand_new")


@pytest.mark.parametrize("set_", [True, False])
def test_a_simulated_market_tells_only_if_that_is_set(tmp_path: Path, set_: bool) -> None:
    source = packaged_replay()
    made = wiring(tmp_path, source.venues)
    alerts = made.settings.alerts.model_copy(update={"sandbox": set_, "fills": False})
    object.__setattr__(made, "settings", made.settings.model_copy(update={"alerts": alerts}))
    with Running(made, Origin("sandbox", source.label())) as running:
        running.watch(depth(made))
        assert running._sink.heard != running._tell_fill, "fills are told only if that is set"
        running.turn_ended(running.started_at + 3600 * SECOND)
        running.finish("end")
    assert [line.alert.kind for line in Spool(tmp_path).lines() if line.alert] == ["feed.dead"] * len(
        made.plugins
    ) * set_


@pytest.mark.parametrize("fields", [True, False])
def test_a_venue_without_books_lives_as_long_as_a_connection_is_open(tmp_path: Path, fields: bool) -> None:
    venue, told = "alpha", list[Alert]()
    watchman = Watchman([venue], 60 * SECOND, 0, "test")
    sentry = Sentry(Market({}), watchman, told.append, Fields(tmp_path) if fields else None, bookless={venue})

    def hear(seconds: int, direction: Direction, conn: str = "c") -> None:
        sentry.heard(Input(seconds, seconds, seconds * SECOND, direction, venue, conn, "", b"bye"))
        sentry.turned(seconds * SECOND)

    for seconds, direction in ((1, Direction.OPEN), (2, Direction.RECV), (90, Direction.RECV), (100, Direction.CLOSE)):
        hear(seconds, direction)
    sentry.turned(159 * SECOND)
    assert told == []
    sentry.turned(160 * SECOND)
    hear(170, Direction.OPEN)
    assert [(one.kind, one.at // SECOND) for one in told] == [("feed.dead", 160), ("feed.back", 170)]
    assert "bye" in told[0].text
