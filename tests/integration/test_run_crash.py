"""A run is killed while it writes, or loses power: nothing acknowledged is lost, and the next one starts."""

import json
import random
import signal
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

import pytest
from longcapture import CHEAP, action, journal_bytes, linger, repeated, wait_until

from cryptopipe.app import act
from cryptopipe.capture.files import AppendFile, DiskFile
from cryptopipe.capture.reader import Capture
from cryptopipe.cli import main
from cryptopipe.clock import SECOND, Nanos, format_at
from cryptopipe.drivers.replay import packaged_replay
from cryptopipe.errors import CaptureError, JournalError
from cryptopipe.journal.log import RecordSink
from cryptopipe.journal.reader import Record, Records
from cryptopipe.journal.records import Filled, Intended
from cryptopipe.journal.runs import Run, create, find, list_runs
from cryptopipe.pipe import Pipe
from cryptopipe.postmortem.report import report
from cryptopipe.registry import strategy
from cryptopipe.result import RunResult
from cryptopipe.settings import load_settings
from cryptopipe.verify import verify
from cryptopipe.wiring import Wiring

REPETITIONS = 60
"""Several seconds of work for a run: it lives longer than it is let."""


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return repeated(tmp_path_factory.mktemp("long") / "recordings", REPETITIONS)


def kill_one(data_dir: Path, recordings: list[str], seconds: float) -> Run:
    before = len(list_runs(data_dir))
    with action(data_dir, recordings) as child:
        wait_until(
            child, lambda: len(list_runs(data_dir)) > before and b'"intended"' in b"".join(journal_bytes(data_dir))
        )
        assert linger(child, seconds), "the run ended before it was killed: give it more repetitions"
        child.kill()
        child.communicate()
        assert child.returncode == -signal.SIGKILL
    (run,) = find(data_dir, "last")
    return run


def intended(data_dir: Path) -> bool:
    return b'"intended"' in b"".join(journal_bytes(data_dir))


def judge(run: Run) -> list[Record]:
    """What must hold after any crash; the records that survived."""
    reader = Records(run.journal)
    records = list(reader)
    assert [record.n for record in records] == list(range(1, len(records) + 1))
    capture = Capture(run.capture)
    inputs = [entry.seq for entry in capture]
    assert inputs == list(range(1, len(inputs) + 1))
    intents = [record.seq for record in records if record.kind == Intended.kind]
    assert max(intents, default=0) <= len(inputs), "an intent whose input is not in the capture"
    outcome = verify(run)
    assert outcome.identical, outcome.first_difference
    assert outcome.compared.startswith("captured prefix")
    assert not intents or outcome.records > 0
    return records


def kills(data_dir: Path, recordings: list[str], trials: int, seed: int) -> None:
    chance = random.Random(seed)
    for trial in range(1, trials + 1):
        run = kill_one(data_dir, recordings, chance.uniform(0, 0.4))
        assert any(record.kind == Intended.kind for record in judge(run))
        made = report(data_dir, "arbitrage", "last")
        assert [(line.run_id, line.clean, line.ended_at) for line in made.runs] == [(run.id, False, None)]
        assert f"run {run.id} has no end" in " ".join(made.notes)
        assert len(list_runs(data_dir)) == trial, "every start made a run of its own"


def test_three_kills_and_the_next_start(
    tmp_path: Path, recordings: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    kills(tmp_path, recordings, trials=3, seed=20261121)
    assert main(["replay", "last", "--verify", f"--data-dir={tmp_path}"]) == 0
    assert "identical" in capsys.readouterr().out
    assert main(["action", "--replay=generated", f"--data-dir={tmp_path}", *CHEAP]) == 0
    assert main(["replay", "last", "--verify", f"--data-dir={tmp_path}"]) == 0
    assert "whole run" in capsys.readouterr().out
    made = report(tmp_path, "arbitrage")
    assert [line.clean for line in made.runs] == [False, False, False, True]


@pytest.mark.long
def test_fifty_kills(tmp_path: Path, recordings: list[str]) -> None:
    kills(tmp_path, recordings, trials=50, seed=50)
    made = report(tmp_path, "arbitrage")
    assert [line.clean for line in made.runs] == [False] * 50


@pytest.mark.parametrize("lost", [1, 2, 5, 40])
def test_a_run_cut_off_while_it_ended_is_a_prefix(tmp_path: Path, lost: int) -> None:
    """The capture already holds the command that ended the run, the journal not yet its last records."""
    whole = powered(tmp_path, Power(None, 0))
    assert whole is not None
    (segment,) = whole.run.journal.glob("*.jsonl")
    lines = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(b"".join(lines[:-lost]) + lines[-lost][:-1])
    outcome = verify(whole.run)
    assert outcome.identical, outcome.first_difference
    assert (outcome.records, outcome.compared[:17]) == (len(lines) - lost, "journalled prefix")


def test_runs_that_begin_within_one_second_sort_as_they_began(tmp_path: Path) -> None:
    second = 1_790_000_000 * SECOND
    begun = [second + offset for offset in (0, 0, 1, 60, 10**6, 10**6, SECOND - 1, SECOND)]
    made = [create(tmp_path, at) for at in begun]
    for run in made:
        run.journal.mkdir()
    assert list_runs(tmp_path) == made
    assert [run.description()["started_at"] for run in made] == [format_at(at) for at in begun]
    assert find(tmp_path, "last") == made[-1:]


class PowerCut(OSError):
    """There is no power: nothing can be written any more."""


class Power:
    """A `FileLayer` of which only synced bytes reach the disk; the cut comes at the n-th append or sync, and of the
    bytes not yet synced the given share is on the disk as well.
    """

    def __init__(self, cut_at: int | None, keep: float) -> None:
        self._cut_at, self._keep = cut_at, keep
        self._files: list[PoweredFile] = []
        self._lock = Lock()  # the journal writes in a thread of its own
        self.steps = 0
        self.folders: set[Path] = set()
        """Directories that the power loss leaves findable."""

    def step(self, action: Callable[[], None]) -> None:
        with self._lock:
            self.steps += 1
            if self._cut_at is not None and self.steps >= self._cut_at:
                if self.steps == self._cut_at:
                    for file in self._files:
                        file.lose(self._keep)
                raise PowerCut(5, "power cut")
            action()

    def create(self, path: Path) -> AppendFile:
        file = PoweredFile(self, path)
        self.step(lambda: self._files.append(file))
        return file

    def sync_directory(self, path: Path) -> None:
        """Entries of files are durable at once here; those of directories from now on."""
        self.folders.update(child for child in path.iterdir() if child.is_dir())

    def replace(self, path: Path, data: bytes) -> None:
        raise AssertionError("neither capture nor journal replaces a file")


class PoweredFile:
    def __init__(self, power: Power, path: Path) -> None:
        self._power, self._file = power, DiskFile(path)
        self._unsynced = b""

    def append(self, data: bytes) -> None:
        def keep() -> None:
            self._unsynced += data

        self._power.step(keep)

    def sync(self) -> None:
        self._power.step(lambda: self.lose(1.0))

    def lose(self, share: float) -> None:
        """Of what is not synced only the beginning reaches the disk."""
        self._file.append(self._unsynced[: round(len(self._unsynced) * share)])
        self._unsynced = b""

    def close(self) -> None:
        self._file.close()


class Witness:
    """Stands before the run's own sink and remembers what the run believed to be durable, and what it did then."""

    def __init__(self, sink: RecordSink) -> None:
        self._sink = sink
        self._told: dict[str, int] = {}
        self.acknowledged: dict[str, int] = {}
        """Intents whose `sync` returned, with the number of their input."""
        self.acted_upon: list[str] = []

    @property
    def records(self) -> int:
        return self._sink.records

    @property
    def sha256(self) -> str:
        return self._sink.sha256

    def append(self, seq: int, at: Nanos, kind: str, body: Any) -> int:
        if isinstance(body, Filled):
            self.acted_upon.append(body.client_id)
        number = self._sink.append(seq, at, kind, body)
        if isinstance(body, Intended):
            self._told[body.client_id] = seq
        return number

    def sync(self) -> None:
        self._sink.sync()
        self.acknowledged.update(self._told)

    def close(self) -> None:
        self._sink.close()


class Witnessed(Wiring):
    """A run's parts, with a witness at its sink."""

    witnesses: list[Witness] = []  # noqa: RUF012 -- the test's own list, emptied by it

    def pipe(self, sink: RecordSink) -> Pipe:
        self.witnesses.append(Witness(sink))
        return super().pipe(self.witnesses[-1])


def powered(data_dir: Path, power: Power) -> RunResult | None:
    """A run of the packaged capture; None if the power was cut."""
    Witnessed.witnesses.clear()
    sets = [f"data_dir={data_dir}", *(text.removeprefix("--set=") for text in CHEAP)]
    settings = load_settings(
        environment={}, sets=sets, strategies={"arbitrage": strategy("arbitrage").settings}
    ).settings
    source = packaged_replay()
    wiring = Witnessed.of("arbitrage", settings, source.venues)
    try:
        return act(wiring, source, source.label(), files=power)
    except (CaptureError, JournalError):
        return None


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> int:
    """How many appends and syncs a whole run needs (the journal's thread adds some as time goes)."""
    power = Power(None, 0)
    whole = powered(tmp_path_factory.mktemp("whole"), power)
    assert whole is not None and whole.summary.fills > 10
    (witness,) = Witnessed.witnesses
    assert set(witness.acted_upon) <= set(witness.acknowledged)
    assert verify(whole.run).compared == "whole run"
    return power.steps


@pytest.mark.parametrize("share", range(12))
def test_a_power_cut_loses_no_intent_that_was_acted_upon(tmp_path: Path, steps: int, share: int) -> None:
    cut_at, keep = 3 + (steps - 6) * share // 12, (0.0, 0.5, 1.0)[share % 3]
    power = Power(cut_at, keep)
    assert powered(tmp_path, power) is None
    (run,) = find(tmp_path, "last")
    records = judge(run)
    durable = {client_of(record): record.seq for record in records if record.kind == Intended.kind}
    for witness in Witnessed.witnesses:
        assert not witness.acknowledged or {run.journal, run.capture, run.path, run.path.parent} <= power.folders
        assert set(witness.acted_upon) <= set(witness.acknowledged)
        assert witness.acknowledged.items() <= durable.items()
        inputs = sum(1 for _ in Capture(run.capture))
        assert max(witness.acknowledged.values(), default=0) <= inputs
    assert [line.clean for line in report(tmp_path, "arbitrage").runs] in ([False], [])


def client_of(record: Record) -> str:
    name: str = json.loads(bytes(record.body))["client_id"]
    return name
