"""The live driver on real sockets against simulated venues: it follows, it comes back, it gives up clearly."""

import asyncio
import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal as D
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from simulation.bitfoo_sandbox import bitfoo

from cryptopipe import api
from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.cli import main
from cryptopipe.clock import SECOND, Nanos, Stamper
from cryptopipe.drivers.intake import Intake
from cryptopipe.drivers.live import LARGEST_FRAME, Live
from cryptopipe.drivers.serve import Served, serving
from cryptopipe.drivers.stop import Stop
from cryptopipe.drivers.streams import Streams
from cryptopipe.errors import VenueUnavailable
from cryptopipe.journal.hold import DataDirBusy, only_run
from cryptopipe.market.feeds import Feeds, subscriptions_of
from cryptopipe.market.market import Market
from cryptopipe.market.sync import BookState
from cryptopipe.sandbox.engine import Engine
from cryptopipe.sandbox.house import House

RULES = api.TradingRules(D("0.01"), D("0.001"), D("0.001"), D(0))
VENUE = bitfoo.venue
LATER = 20
"""Steps until a session does the other thing: its books are live by then."""
COIN = api.Instrument(VENUE, "btcusdt", api.Asset("BTC"), api.Asset("USDT"), rules=RULES)


class Listed:
    def listed(self) -> list[api.Instrument]:
        return [COIN]

    def find(self, symbol: str) -> api.Instrument:
        return COIN


PLUGIN = replace(bitfoo, instruments=Listed())


class Venue:
    """One book that moves at each step; `wrong` may break the house's session from outside."""

    def __init__(self) -> None:
        self.book, self._order, self._steps = Engine(COIN), 0, 0

    def advance(self, until: Nanos) -> None:
        if not self._steps:
            self.book.limit(api.Side.SELL, 9_100, 7, until)
        self.book.cancel(self._order, until)
        self._order = self.book.limit(api.Side.BUY, 9_001 + self._steps % 5, 1_500, until).order_id
        self._steps += 1


class Breaking:
    """A session's venue of which each connection does something else: hangs up, says too much, or serves."""

    def __init__(self, books: Mapping[str, api.SimulatedBook], first: api.Outgoing) -> None:
        assert bitfoo.sandbox is not None
        self._venue, self._first, self.opened = bitfoo.sandbox(books), first, 0
        self.endpoints = self._venue.endpoints

    def open(self, path: str, at: Nanos) -> api.SandboxSession | api.HttpResponse:
        self.opened += 1
        session = self._venue.open(path, at)
        assert not isinstance(session, api.HttpResponse)
        return Says(session, self._first) if self.opened == 1 else session

    def answer(self, request: api.HttpRequest, at: Nanos) -> api.HttpResponse:
        return self._venue.answer(request, at)


class Says:
    def __init__(self, session: api.SandboxSession, first: api.Outgoing) -> None:
        self._session, self._first, self._published = session, first, 0

    def receive(self, message: str, at: Nanos) -> list[api.Outgoing]:
        return list(self._session.receive(message, at))

    def publish(self, at: Nanos) -> list[api.Outgoing]:
        self._published += 1
        return [*self._session.publish(at), *([self._first] if self._published == LATER else [])]


class Run:
    """The client's end: a market, its feeds and a live driver, until `done` says so."""

    def __init__(self, plugin: api.ExchangePlugin, served: Served) -> None:
        origin = urlsplit(served.origins[VENUE].rest)

        def there(venue: api.VenueId, url: str) -> str:
            real = urlsplit(url)
            return urlunsplit(("ws" if real.scheme == "wss" else "http", origin.netloc, real.path, real.query, ""))

        self.stamp, self.inputs = Stamper(), list[Input]()
        self.market = Market({VENUE: plugin})
        self.feeds = Feeds(
            self.market, {VENUE: plugin}, {VENUE: subscriptions_of([COIN])}, lambda: 0.0, self.stamp(), there
        )
        self.intake = Intake(self.feeds, self._take, self.stamp)
        self.live = Live(self.feeds, self.intake, lambda: None, self.stamp)

    def _take(self, entry: Input) -> None:
        self.inputs.append(entry)
        self.market.receive(entry)

    def heard(self, direction: Direction) -> list[Input]:
        return [entry for entry in self.inputs if entry.direction is direction]

    @property
    def state(self) -> BookState | None:
        sync = self.market.books[VENUE].get("btcusdt")
        return None if sync is None else sync.state

    async def until(self, done: Callable[[], bool]) -> None:
        began_at = self.stamp()

        def over(now: Nanos) -> str:
            assert now - began_at < 8 * SECOND, f"not done: {self.inputs[-1:]}"
            return "done" if done() else ""

        assert await self.live.run(over) == "done"


def served_run(first: api.Outgoing | None, done: Callable[[Run], bool]) -> Run:
    plugin = PLUGIN if first is None else replace(PLUGIN, sandbox=lambda books: Breaking(books, first))
    found: list[Run] = []

    async def steps() -> None:
        venue = Venue()
        async with serving([House(plugin, {"btcusdt": venue.book})], venue.advance) as served:
            found.append(run := Run(plugin, served))
            await run.until(lambda: done(run))

    asyncio.run(steps())
    return found[0]


def test_a_book_is_followed_without_a_gap() -> None:
    run = served_run(None, lambda run: len(run.heard(Direction.RECV)) > 300)
    sync = run.market.books[VENUE]["btcusdt"]
    assert (sync.state, sync.gaps, run.market.counts[VENUE].refused) == (BookState.LIVE, 0, 0)
    assert [entry.seq for entry in run.inputs] == list(range(1, len(run.inputs) + 1))
    assert all(a.at < b.at and a.turn <= b.turn for a, b in zip(run.inputs, run.inputs[1:], strict=False))


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        (api.HangUp(1012, "restart"), b"1012"),
        (api.Say("x" * (LARGEST_FRAME + 1)), b"1009"),
    ],
    ids=["hang up", "a frame above 16 MiB"],
)
def test_a_connection_that_ends_is_told_and_dialled_again(first: api.Outgoing, reason: bytes) -> None:
    run = served_run(first, lambda run: run.state is BookState.LIVE and len(run.heard(Direction.OPEN)) > 1)
    (closed,) = run.heard(Direction.CLOSE)
    assert reason in closed.payload
    opened = run.heard(Direction.OPEN)
    assert opened[0].seq < closed.seq < opened[1].seq


def test_an_unreadable_frame_costs_the_connection_and_nothing_of_it_is_heard_later() -> None:
    first = api.Say('{"type":"delta","symbol":"btcusdt","seq":"x"}')
    run = served_run(first, lambda run: run.state is BookState.LIVE and len(run.heard(Direction.OPEN)) > 1)
    (closed,) = run.heard(Direction.CLOSE)
    assert closed.payload.startswith(b"unreadable frame")
    between = [e for e in run.inputs if closed.seq < e.seq < run.heard(Direction.OPEN)[1].seq]
    assert [entry for entry in between if entry.direction is Direction.RECV] == []


def _nobody(stop: Stop, reached_within: Nanos) -> Streams:
    market = Market({VENUE: PLUGIN})
    wanted = {VENUE: subscriptions_of([COIN])}
    return Streams(
        {VENUE: PLUGIN}, market, wanted, market.receive, lambda at: None,
        lambda venue, url: "ws://127.0.0.1:9/v2", reached_within=reached_within,
    )  # fmt: skip


def test_venues_that_nobody_reaches_end_the_run_with_69() -> None:
    with pytest.raises(
        VenueUnavailable, match=r"no venue could be reached within 0\.300 s: bitfoo: cannot connect"
    ) as e:
        _nobody(Stop(), 3 * SECOND // 10).run(Stop(), None)
    assert e.value.exit_code == 69


def test_a_run_whose_own_time_ends_before_it_reached_anybody_ends_with_69() -> None:
    with pytest.raises(VenueUnavailable, match=r"no venue could be reached within 0\.200 s") as e:
        _nobody(Stop(), 60 * SECOND).run(Stop(), SECOND // 5)
    assert e.value.exit_code == 69


def test_a_run_that_reaches_nobody_tells_its_capture_why_it_ended() -> None:
    streams, inputs = _nobody(Stop(), SECOND // 10), list[Input]()
    streams.take = inputs.append
    with pytest.raises(VenueUnavailable):
        streams.run(Stop(), None)
    assert (inputs[-1].direction, inputs[-1].payload) == (Direction.COMMAND, b"no venue could be reached")


def test_a_stop_ends_a_run_that_reaches_nobody() -> None:
    stop = Stop()
    stop.ask()
    assert _nobody(stop, 60 * SECOND).run(stop, None) == "interrupt"


def test_one_run_at_a_time_on_a_data_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with only_run(tmp_path):
        with pytest.raises(DataDirBusy, match="another run is using this data directory"), only_run(tmp_path):
            pass
        for market in ("--replay=generated", "--seed=1"):
            assert main(["action", market, f"--data-dir={tmp_path}"]) == 75
            told = capsys.readouterr().err
            assert f"another run is using this data directory, process {os.getpid()}\n" in told
            assert "--data-dir DIR" in told
        assert not (tmp_path / "runs").exists()
    assert main(["action", "--replay=generated", f"--data-dir={tmp_path}", "--for=1s"]) == 0


def _started(data_dir: Path, *more: str, as_json: bool = True) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "cryptopipe", "action", f"--data-dir={data_dir}", "--seed=3", *more]
    command += ["--json"] if as_json else []
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _until_live(process: "subprocess.Popen[str]") -> None:
    assert process.stderr is not None
    assert any("venue.live" in line for line in process.stderr)


def _children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_signal_ends_a_run_within_five_seconds_with_its_summary(sent: signal.Signals, tmp_path: Path) -> None:
    with _started(tmp_path) as process:
        _until_live(process)
        (sandbox,) = _children(process.pid)
        process.send_signal(sent)
        out, _ = process.communicate(timeout=5)
    document: dict[str, Any] = json.loads(out)
    assert (process.returncode, document["stopped_by"], document["market"]) == (130, "interrupt", "sandbox")
    assert document["seed"] == 3 and document["frames"] > 0
    assert all(venue["books"]["live"] > 0 and venue["gaps"] == 0 for venue in document["venues"].values())
    assert main(["replay", "last", "--verify", f"--data-dir={tmp_path}"]) == 0
    with pytest.raises(ProcessLookupError):
        os.kill(sandbox, 0)


@pytest.mark.slow
def test_a_killed_run_leaves_no_sandbox_and_its_prefix_replays(tmp_path: Path) -> None:
    with _started(tmp_path) as process:
        _until_live(process)
        (sandbox,) = _children(process.pid)
        gone = os.pidfd_open(sandbox)
        process.kill()
    import select

    assert select.select([gone], [], [], 5)[0], "the sandbox outlived its run"
    os.close(gone)
    assert main(["replay", "last", "--verify", f"--data-dir={tmp_path}"]) == 0
    with (tmp_path / "run.lock").open("a") as lock, suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.mark.slow
def test_a_sandbox_that_dies_ends_the_run_with_its_summary(tmp_path: Path) -> None:
    with _started(tmp_path) as process:
        _until_live(process)
        (sandbox,) = _children(process.pid)
        os.kill(sandbox, signal.SIGKILL)
        out, _ = process.communicate(timeout=10)
    document = json.loads(out)
    assert (process.returncode, document["stopped_by"]) == (69, "the sandbox was ended by SIGKILL")
    assert main(["replay", "last", "--verify", f"--data-dir={tmp_path}"]) == 0


@pytest.mark.parametrize("place", ["/proc/nowhere", "file", "file/below"])
@pytest.mark.parametrize("market", ["--replay=generated", "--seed=1"])
def test_a_data_directory_that_cannot_be_written_is_refused_before_the_venues_start(
    place: str, market: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cryptopipe.drivers.child.subprocess.Popen", None)  # no sandbox is started
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    assert main(["action", market, f"--data-dir={place}"]) == 78
    first, *rest = capfd.readouterr().err.splitlines()
    assert first.startswith(f"error: data_dir {place}: no run can be kept here: ")
    assert len(rest) == 1 and rest[0].startswith("fix: ") and "--data-dir DIR" in rest[0]


def test_an_empty_data_directory_is_not_the_working_directory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["action", "--replay=generated", "--data-dir="]) == 78
    assert "error: --data-dir: data_dir: expected a directory, got nothing" in capsys.readouterr().err
    monkeypatch.setenv("CRYPTOPIPE_DATA_DIR", "")
    assert main(["action", "--replay=generated"]) == 78
    assert "error: environment CRYPTOPIPE_DATA_DIR: data_dir: expected a directory" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_no_secret_of_the_environment_reaches_the_sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_SECRET", "hush-hush")
    with _started(tmp_path) as process:
        _until_live(process)
        (sandbox,) = _children(process.pid)
        environment = Path(f"/proc/{sandbox}/environ").read_bytes()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
    assert b"PATH=" in environment and b"hush-hush" not in environment


@pytest.mark.slow
def test_a_sandbox_that_dies_is_one_error_with_its_fix_and_the_summary_says_why(tmp_path: Path) -> None:
    with _started(tmp_path, as_json=False) as process:
        _until_live(process)
        (sandbox,) = _children(process.pid)
        os.kill(sandbox, signal.SIGKILL)
        out, err = process.communicate(timeout=10)
    assert process.returncode == 69
    assert "stopped by: the sandbox was ended by SIGKILL, after " in out
    assert "seed 3: repeat this market with --seed 3" in out
    told = [line for line in err.splitlines() if line.startswith(("error: ", "fix: "))]
    assert told[0] == "error: the run ended early: the sandbox was ended by SIGKILL"
    assert [line.split(":")[0] for line in told] == ["error", "fix"]


@pytest.mark.slow
def test_a_sandbox_that_dies_ends_a_watch_with_69() -> None:
    command = [sys.executable, "-m", "cryptopipe", "watch", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None and json.loads(process.stdout.readline())["schema"] == 1
        (sandbox,) = _children(process.pid)
        os.kill(sandbox, signal.SIGKILL)
        *_, last = process.stdout
    assert process.returncode == 69
    assert "the sandbox was ended by SIGKILL" in json.loads(last)["error"]["message"]
