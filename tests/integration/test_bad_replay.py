"""Bad recordings and options of a replay, and a run that is stopped: designed exit code, one message, files closed."""

import gzip
import json
import os
import signal
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from longcapture import CHEAP, action, journal_bytes, repeated, wait_until

from cryptopipe.app import act
from cryptopipe.capture.inputs import Input
from cryptopipe.capture.reader import Capture
from cryptopipe.cli import main
from cryptopipe.drivers.replay import SUFFIX, Replay, packaged_files, packaged_replay
from cryptopipe.drivers.stop import stop_on_interrupt
from cryptopipe.journal.log import MemoryLog
from cryptopipe.journal.reader import Records
from cryptopipe.journal.runs import Run, find
from cryptopipe.postmortem.report import report
from cryptopipe.registry import strategy
from cryptopipe.settings import load_settings
from cryptopipe.verify import verify
from cryptopipe.wiring import Wiring

PACKAGED = packaged_files()[-1]
VENUE = PACKAGED.name.removesuffix(SUFFIX)
LINES = gzip.decompress(PACKAGED.read_bytes()).splitlines(keepends=True)


class Bad(NamedTuple):
    """What is typed, the exit code, what the message says."""

    arguments: str
    code: int
    message: str


FILES: dict[str, bytes] = {
    "good.jsonl.gz": PACKAGED.read_bytes(),
    "cut.jsonl.gz": PACKAGED.read_bytes()[: PACKAGED.stat().st_size // 2],
    "trailer.jsonl.gz": PACKAGED.read_bytes()[:-4],
    "picture.png": b"\x89PNG\r\n\x1a\n" + bytes(64),
    "array.json": b'[{"ts": "1.0", "dir": "recv"}]',
    "page.html": b"<!doctype html><html></html>",
    "empty.jsonl": b"",
    "object.json": b'{"price": 1}\n',
    "word.jsonl": b"".join([*LINES[:50], b"not json\n", *LINES[50:]]),
    "half.jsonl": b"".join(LINES[:30]) + LINES[30][:-20],
    "dir.jsonl": b"".join([*LINES[:5], LINES[5].replace(b'"recv"', b'"rcev"')]),
    "ts.jsonl": b"".join([*LINES[:5], LINES[5].replace(b'"ts":"', b'"ts":"x')]),
    "future.jsonl": b"".join([*LINES[:5], LINES[5].replace(b'"ts":"', b'"ts":"99')]),
}

V = f"--replay {VENUE}="
BAD: dict[str, Bad] = {
    "missing": Bad(f"{V}no.jsonl", 2, f"--replay {VENUE}=no.jsonl: no such file or directory"),
    "no file": Bad(f"--replay {VENUE}", 2, f"--replay {VENUE} is not VENUE=FILE"),
    "no venue": Bad("--replay =good.jsonl.gz", 2, "--replay =good.jsonl.gz is not VENUE=FILE"),
    "unknown venue": Bad(f"--replay {VENUE}x=good.jsonl.gz", 2, f"'{VENUE}x'; did you mean '{VENUE}'?"),
    "disabled venue": Bad(f"{V}good.jsonl.gz --set venues.{VENUE}.enabled=false", 78, f"venues.{VENUE}.enabled: false"),
    "gzip cut in the middle": Bad(f"{V}cut.jsonl.gz", 1, "the gzip file is truncated"),
    "gzip cut in its trailer": Bad(f"{V}trailer.jsonl.gz", 1, "the gzip file is truncated"),
    "picture": Bad(f"{V}picture.png", 1, "picture.png: not a capture: it begins with b'\\x89PNG"),
    "array": Bad(f"{V}array.json", 1, "array.json: not a capture: it begins with b'[{"),
    "page": Bad(f"{V}page.html", 1, "page.html: not a capture: it begins with b'<!doctype html"),
    "empty": Bad(f"{V}empty.jsonl", 1, "empty.jsonl: not a capture"),
    "foreign object": Bad(f"{V}object.json", 1, "object.json, line 1: Object missing required field `ts`"),
    "line that is not JSON": Bad(f"{V}word.jsonl", 1, "word.jsonl, line 51: JSON is malformed"),
    "line cut off": Bad(f"{V}half.jsonl", 1, "half.jsonl, line 31: Input data was truncated"),
    "unknown dir": Bad(f"{V}dir.jsonl", 1, "dir.jsonl, line 6: unknown dir 'rcev': expected one of"),
    "bad stamp": Bad(f"{V}ts.jsonl", 1, "ts.jsonl, line 6: not epoch seconds"),
    "stamp in another millennium": Bad(f"{V}future.jsonl", 1, "future.jsonl, line 6: after 2262-04-11"),
    "folder": Bad(f"{V}.", 1, "a directory without a capture: no 000001.arrows"),
    "shift without unit": Bad(f"{V}good.jsonl.gz --shift {VENUE}=soon", 2, "not a duration such as 30s"),
    "shift of another": Bad(f"{V}good.jsonl.gz --shift {VENUE}x=5s", 2, f"is not replayed; did you mean '{VENUE}'?"),
    "shift without end": Bad(f"{V}good.jsonl.gz --shift {VENUE}=99999999h", 2, "more than a hundred years"),
    "align": Bad(f"{V}good.jsonl.gz --align end", 2, "'--align': 'end' is not 'start'"),
    "for": Bad(f"{V}good.jsonl.gz --for soon", 2, "--for: not a duration such as 30s, 50ms or 1.5h: 'soon'"),
    "for before": Bad(f"{V}good.jsonl.gz --for=-5s", 2, "--for: not a duration"),
    "strategy": Bad(f"{V}good.jsonl.gz --strategy arbitrag", 2, "'arbitrag'; did you mean 'arbitrage'?"),
    "option": Bad(f"{V}good.jsonl.gz --shfit a=5s", 2, "no such option '--shfit'"),
}


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working directory with the bad files and no configuration."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("CRYPTOPIPE_") and name != "CRYPTOPIPE_USE_CORE"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    for name, data in FILES.items():
        (tmp_path / name).write_bytes(data)


@pytest.mark.parametrize("name", BAD)
def test_one_message_and_the_designed_code(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    case = BAD[name]
    for command in ("action", "watch"):
        assert main([command, *case.arguments.split()]) == case.code
        told = capsys.readouterr()
        first, *rest = told.err.splitlines()
        assert first.startswith("error: ") and case.message in first
        assert [line.split(":")[0] for line in rest] == ["fix"]
        if command == "action":
            assert told.out == "", "no result is shown of a run that failed"


@pytest.mark.parametrize("name", ["missing", "gzip cut in the middle", "unknown dir", "disabled venue", "strategy"])
def test_with_json_the_fault_is_one_object(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    case = BAD[name]
    assert main(["action", "--json", *case.arguments.split()]) == case.code
    document = json.loads(capsys.readouterr().out)
    assert set(document) == {"schema", "error"}
    assert set(document["error"]) == {"code", "message", "where", "fix"}
    assert document["error"]["code"] == {1: "capture", 2: "usage", 78: "config"}[case.code]
    assert document["error"]["fix"]


def test_the_line_of_a_cut_is_exact(capsys: pytest.CaptureFixture[str]) -> None:
    """As many lines as `gzip -dc` gives of the same bytes, and the one that broke."""
    whole = zlib.decompressobj(wbits=31).decompress(FILES["cut.jsonl.gz"]).count(b"\n")
    assert main(["action", f"--replay={VENUE}=cut.jsonl.gz"]) == 1
    assert f"cut.jsonl.gz, line {whole + 1}: " in capsys.readouterr().err


def test_a_disabled_venue_is_left_out_of_the_packaged_capture(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("action", "watch"):
        assert (
            main([command, "--json", "--replay=generated", f"--set=venues.{VENUE}.enabled=false", "--data-dir=d"]) == 0
        )
        out = capsys.readouterr().out
        assert VENUE not in out
        assert packaged_replay().venues[0] in out
    assert main(["replay", "last", "--data-dir=d"]) == 0


@pytest.mark.parametrize("arguments", ["replay", "replay last", "replay all", "replay 2026", "replay last --json"])
def test_no_run_to_replay(arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*arguments.split(), "--data-dir=nothing"]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def readable(run: Run) -> int:
    """How many inputs a stopped run has; what it wrote is whole, and the same again."""
    capture, reader = Capture(run.capture), Records(run.journal)
    records = list(reader)
    assert capture.complete and reader.torn_bytes == 0
    assert [record.n for record in records] == list(range(1, len(records) + 1))
    outcome = verify(run)
    assert outcome.identical, outcome.first_difference
    return sum(1 for _ in capture)


def test_a_run_that_fails_midway_leaves_what_it_had(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "late.jsonl"
    broken.write_bytes(b"".join([*LINES[:400], b"}\n", *LINES[400:]]))
    others = [f"--replay={path.name.removesuffix(SUFFIX)}={path}" for path in packaged_files() if path != PACKAGED]
    assert main(["action", f"--data-dir={tmp_path}/d", f"--replay={VENUE}={broken}", *others, *CHEAP]) == 1
    told = capsys.readouterr()
    assert told.out == "" and "late.jsonl, line 401: " in told.err
    (run,) = find(tmp_path / "d", "last")
    assert readable(run) > 400
    assert run.ending() == {}
    made = report(tmp_path / "d", "arbitrage")
    assert [line.clean for line in made.runs] == [False]
    assert made.fills > 0
    assert main(["replay", "last", "--verify", f"--data-dir={tmp_path}/d"]) == 0
    assert "captured prefix" in capsys.readouterr().out


@pytest.mark.parametrize(
    "broken", ['{"run_id": "x"}', '{"strategy": "arbitrage", "venues": [], "config": {"no": 1}}', "{"]
)
def test_a_run_whose_description_is_damaged(broken: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["action", "--replay=generated", f"--data-dir={tmp_path}/d", "--for=1s"]) == 0
    (run,) = find(tmp_path / "d", "last")
    (run.path / "run.json").write_text(broken)
    capsys.readouterr()
    assert main(["replay", "last", f"--data-dir={tmp_path}/d"]) == 1
    told = capsys.readouterr()
    assert told.err.startswith("error: ") and "run.json" in told.err.splitlines()[0]


def test_a_run_of_other_settings_is_told_in_words_and_never_called_identical(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a version recorded it that had no `risk.unwind_bps`."""
    place = f"--data-dir={tmp_path}/d"
    assert main(["action", "--replay=generated", place, "--for=1s"]) == 0
    (run,) = find(tmp_path / "d", "last")
    told = run.description()
    del told["config"]["risk"]["unwind_bps"]
    run.describe({"version": "0.0.9", "config": told["config"]})
    _without_setting(run, "unwind_bps")
    capsys.readouterr()
    assert main(["replay", "last", "--verify", place]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("note: recorded by version 0.0.9, this is ")
    assert lines[1] == "note: recorded with settings that this version reads differently: risk.unwind_bps"
    assert lines[2] == (
        'different at record 1, field body.settings.risk.unwind_bps: the run has nothing, the replay "50"'
    )
    assert lines[3].startswith("fix: replay the run with the version that recorded it")
    assert main(["replay", "last", "--json", place]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["identical"] is False and len(document["notes"]) == 2


def _without_setting(run: Run, name: str) -> None:
    """Its journal as it would be without the setting: checksums are chained anew."""
    log = MemoryLog()
    for record in Records(run.journal):
        body = json.loads(bytes(record.body))
        if record.kind == "run_started":
            del body["settings"]["risk"][name]
        log.append(record.seq, record.at, record.kind, body)
    (run.journal / "000001.jsonl").write_bytes(b"".join(log.lines))


def test_a_duration_ends_the_run_and_its_replay_alike(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["action", "--replay=generated", "--for=5s", "--json", f"--data-dir={tmp_path}/d"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["stopped_by"] == "duration"
    (run,) = find(tmp_path / "d", "last")
    stamps = [entry.at for entry in Capture(run.capture)]
    every = [entry.at for entry in packaged_replay()]
    assert stamps[:-1] == [at for at in every if at < every[0] + 5 * 10**9]
    outcome = verify(run)
    assert (outcome.identical, outcome.compared) == (True, "whole run")
    assert [line.clean for line in report(tmp_path / "d", "arbitrage").runs] == [True]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_tells_its_summary(number: signal.Signals, tmp_path: Path) -> None:
    data_dir, recordings = tmp_path / "d", repeated(tmp_path / "recordings", 60)
    with action(data_dir, recordings, "--json") as child:
        wait_until(child, lambda: b'"intended"' in b"".join(journal_bytes(data_dir)))
        child.send_signal(number)
        out, err = child.communicate(timeout=60)
    assert (child.returncode, err) == (130, "")
    document = json.loads(out)
    assert document["stopped_by"] == "interrupt"
    assert document["frames"] > 0 and document["opportunities"]["found"] > 0
    (run,) = find(data_dir, "last")
    assert readable(run) > document["frames"]
    assert verify(run).compared == "whole run"
    assert run.ending()["stopped_by"] == "interrupt"
    assert [line.clean for line in report(data_dir, "arbitrage").runs] == [True]


class Impatient(Replay):
    """A recording during whose hundredth input somebody presses Ctrl-C, as often as said."""

    times = 1

    def __iter__(self) -> Iterator[Input]:
        for number, entry in enumerate(super().__iter__(), 1):
            if number == 100:
                for _ in range(self.times):
                    signal.raise_signal(signal.SIGINT)
            yield entry


def impatient(data_dir: Path, times: int) -> None:
    sets = [f"data_dir={data_dir}"]
    sections = {"arbitrage": strategy("arbitrage").settings}
    settings = load_settings(environment={}, sets=sets, strategies=sections).settings
    packaged = packaged_replay()
    source = Impatient(packaged.sources, packaged.align, packaged.shifts)
    Impatient.times = times
    result = act(Wiring.of("arbitrage", settings, source.venues), source, source.label())
    assert result.summary.stopped_by == "interrupt"


def test_one_interrupt_ends_before_the_next_input(tmp_path: Path) -> None:
    impatient(tmp_path, 1)
    (run,) = find(tmp_path, "last")
    assert readable(run) == 99 + 1, "ninety-nine, and the command that ended them"


def test_a_second_interrupt_is_immediate_and_leaves_the_files_whole(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        impatient(tmp_path, 2)
    (run,) = find(tmp_path, "last")
    assert readable(run) == 99
    assert verify(run).compared.startswith("captured prefix")
    assert run.ending() == {}


def test_the_signals_are_given_back() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with stop_on_interrupt() as stop:
        stop.wait(0)
        assert not stop.requested
        signal.raise_signal(signal.SIGTERM)
        assert stop.requested
        stop.wait(3600)  # returns at once
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_recording_of_another_venue_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every frame unreadable: nobody should have to find that in a table of zeros."""
    frames = "".join(f'{{"ts":"{at}.0","dir":"recv","url":"","raw":"[1,2]"}}\n' for at in range(1, 5))
    (tmp_path / "foreign").write_text(frames)
    code = main(["action", "--data-dir", str(tmp_path / "data"), "--replay", f"kraken={tmp_path / 'foreign'}"])
    assert code == 1
    assert "none of its 4 frames can be read as one of kraken's" in capsys.readouterr().err
