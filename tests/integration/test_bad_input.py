"""Bad input: designed exit code, one message that names the object and offers the nearest, no traceback."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from cryptopipe.cli import main

ROOT = Path(__file__).parents[2]


class Bad(NamedTuple):
    """What is typed, with which files and variables; the exit code; what the message says."""

    arguments: str
    code: int
    message: str
    config: str | None = None
    environment: Mapping[str, str] = {}


BAD: dict[str, Bad] = {
    "unknown command": Bad("actoin", 2, "cryptopipe: unknown command 'actoin'; did you mean 'action'?"),
    "unknown command, nothing near": Bad("zzz", 2, "cryptopipe: unknown command 'zzz'"),
    "unknown mode": Bad("--strategy s --mode acton", 2, "--mode: unknown mode 'acton'; did you mean 'action'?"),
    "unknown mode after equals": Bad("--mode=post-morten", 2, "did you mean 'post-mortem'?"),
    "mode without value": Bad("--mode", 2, "--mode needs a value"),
    "no command": Bad("--strategy arbitrage", 2, "missing command"),
    "unknown root option": Bad("--stratgy arbitrage", 2, "no such option '--stratgy'"),
    "unknown root option offers": Bad("--stratgy arbitrage", 2, "--strategy"),
    "unknown option": Bad("doctor --jsn", 2, "cryptopipe doctor: no such option '--jsn'"),
    "unknown option offers": Bad("doctor --jsn", 2, "--json"),
    "unknown sub-command": Bad("config shw", 2, "no such command 'shw'"),
    "unknown sub-command offers": Bad("config shw", 2, "'show'"),
    "a group alone": Bad("config", 2, "cryptopipe config: name a command: check, schema, show"),
    "another group alone": Bad("capture", 2, "cryptopipe capture: name a command: export, import, info"),
    "a third group alone": Bad("journal", 2, "cryptopipe journal: name a command: check, export, path, rebuild"),
    "replay with a setting": Bad(
        "replay last --set risk.max_loss=5", 2, "--set: not taken here: a run is replayed with its own configuration"
    ),
    "replay with a file": Bad(
        "replay last --config no.yaml", 2, "--config: not taken here: a run is replayed with its own configuration"
    ),
    "option without value": Bad("doctor --config", 2, "option '--config' requires an argument"),
    "argument too many": Bad("doctor now", 2, "got unexpected extra argument (now)"),
    "option of another command": Bad("--strategy arbitrage doctor", 2, "no such option '--strategy'"),
    "set without equals": Bad("config check --set risk.max_loss", 2, "--set: expected KEY=VALUE, got 'risk.max_loss'"),
    "set without key": Bad("config check --set =5", 2, "--set: expected KEY=VALUE, got ''"),
    "set unknown": Bad(
        "config check --set risk.max_los=5", 78, "--set: risk.max_los: unknown key; did you mean 'max_loss'?"
    ),
    "set no number": Bad("config check --set risk.max_loss=x", 78, "--set: risk.max_loss: input should be a valid"),
    "set negative": Bad("config check --set risk.max_loss=-5", 78, "greater than or equal to 0; got '-5'"),
    "set no duration": Bad("config check --set paper.latency=5parsecs", 78, "not a duration such as 30s"),
    "set a section": Bad("config check --set risk=5", 78, "--set: risk: expected keys below it; got '5'"),
    "set unknown venue": Bad("config check --set venues.bitfooo.enabled=1", 78, "venues.bitfooo: no such venue is"),
    "no such file": Bad("config check --config no.yaml", 78, "no.yaml: no such file"),
    "a folder as file": Bad("config check --config .", 78, ".: no such file"),
    "unknown key": Bad(
        "config check",
        78,
        "config.yaml:3: risk.max_notinal: unknown key; did you mean 'max_notional'?",
        "risk:\n  max_loss: 5\n  max_notinal: 1\n",
    ),
    "unknown section": Bad("config check", 78, "config.yaml:1: papr: unknown key; did you mean 'paper'?", "papr: {}\n"),
    "bad value": Bad("config show", 78, "config.yaml:2: risk.max_age: not a duration", "risk:\n  max_age: soon\n"),
    "duplicate key": Bad(
        "config show", 78, "config.yaml:3: risk.max_loss: duplicate key", "risk:\n  max_loss: 1\n  max_loss: 2\n"
    ),
    "broken YAML": Bad("config show", 78, "config.yaml:2: not YAML", "risk: {\n]\n"),
    "a list as file": Bad("config show", 78, "config.yaml:1: expected `section: …` lines", "- 1\n"),
    "a scalar as file": Bad("config show", 78, "config.yaml:1: expected `section: …` lines", "hello\n"),
    "no negative balance": Bad(
        "config check",
        78,
        "paper.opening.BTC: input should be greater than or equal to 0",
        "paper: {opening: {BTC: -1}}\n",
    ),
    "unknown variable": Bad(
        "config check",
        78,
        "environment CRYPTOPIPE_RISK__MAX_LOS: risk.max_los: unknown key; did you mean 'max_loss'?",
        environment={"CRYPTOPIPE_RISK__MAX_LOS": "1"},
    ),
    "unknown variable of no section": Bad(
        "config check", 78, "environment CRYPTOPIPE_STRATEGY", environment={"CRYPTOPIPE_STRATEGY": "x"}
    ),
    "variable with a bad value": Bad(
        "config check", 78, "environment CRYPTOPIPE_RISK__MAX_LOSS", environment={"CRYPTOPIPE_RISK__MAX_LOSS": "x"}
    ),
}


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration but what a case gives."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("CRYPTOPIPE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))


def lay_out(case: Bad) -> None:
    if case.config is not None:
        Path("config.yaml").write_text(case.config)


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_message(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    case = BAD[name]
    lay_out(case)
    for variable, value in case.environment.items():
        monkeypatch.setenv(variable, value)
    assert main(case.arguments.split()) == case.code
    told = capsys.readouterr()
    assert told.out == ""
    first, *rest = told.err.splitlines()
    assert first.startswith("error: ")
    assert case.message in first
    assert [line.split(":")[0] for line in rest] == ["fix"]


@pytest.mark.parametrize("name", ["unknown command", "unknown mode", "unknown option", "duplicate key", "set unknown"])
def test_with_json_the_fault_is_an_object(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    case = BAD[name]
    lay_out(case)
    assert main([*case.arguments.split(), "--json"]) == case.code
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == 1
    assert set(document["error"]) == {"code", "message", "where", "fix"}
    assert document["error"]["code"] == {2: "usage", 78: "config"}[case.code]
    told = f"{document['error']['where']}: {document['error']['message']}"
    assert case.message in told


SPAWNED = ["unknown command", "unknown option", "unknown key", "duplicate key", "broken YAML", "unknown variable"]


@pytest.mark.parametrize("name", SPAWNED)
def test_a_real_process_ends_with_the_designed_code_and_no_traceback(name: str) -> None:
    case = BAD[name]
    lay_out(case)
    ended = run(*case.arguments.split(), environment=case.environment)
    assert ended.returncode == case.code
    assert ended.stdout == ""
    assert case.message in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_reader_that_leaves_early_hears_no_traceback() -> None:
    """`cryptopipe config schema | head -c 1`, with the pipe closed before anything is written."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        ended = subprocess.run(
            [sys.executable, "-m", "cryptopipe", "config", "schema"],
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=False,
        )
    assert ended.stderr == ""
    assert ended.returncode == 0


FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")


@FULL
@pytest.mark.parametrize("arguments", ["config schema --json", "config schema", "config check --json", "--help"])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_stdout_is_one_message(arguments: str, unbuffered: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    ended = shell(f"{arguments} >/dev/full")
    where = "" if unbuffered and "--json" not in arguments else "stdout: "  # nothing held back shows whose fault it was
    assert ended.stderr == f"error: {where}No space left on device\n"
    assert ended.returncode == 1


@FULL
def test_a_fault_that_no_stream_takes_still_has_its_code() -> None:
    assert shell("config check --set risk.max_los=5 --json >/dev/full 2>/dev/full").returncode == 78


@pytest.mark.parametrize("arguments", ["config check", "config check --json", "config shw --json", "--help"])
def test_a_closed_stdout_is_one_message(arguments: str) -> None:
    ended = shell(f"{arguments} >&-")
    assert ended.stderr == "error: stdout: closed, nothing could be told\n"
    assert ended.returncode == 1


@pytest.mark.parametrize(("arguments", "code"), [("config check", 0), ("config check --set x=1", 78)])
def test_a_closed_stderr_changes_no_exit_code(arguments: str, code: int) -> None:
    assert shell(f"{arguments} 2>&-").returncode == code


def shell(line: str) -> subprocess.CompletedProcess[str]:
    """As typed, with its redirections."""
    return subprocess.run(
        ["sh", "-c", f'exec "{sys.executable}" -m cryptopipe {line}'],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )


def run(*arguments: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cryptopipe", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment, "PYTHONPATH": str(ROOT)},
        check=False,
    )


@pytest.mark.parametrize("command", ["action", "watch", "sandbox"])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "p.yaml: cannot be read: No such file"),
        ("rat: 2\n", "p.yaml:1: 'rat' is not known; did you mean 'rate'?"),
        ("rate: [\n", "p.yaml:2: not YAML: "),
        ("venues:\n  no_such_venue: {lag_ms: 3}\n", "p.yaml:2: 'venues.no_such_venue': no such venue is installed"),
    ],
)
def test_a_broken_parameters_file_is_one_message_and_no_unavailable_venue(
    command: str, text: str | None, message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    if text is not None:
        Path("p.yaml").write_text(text)
    assert main([command, "--parameters=p.yaml", "--for=1s", f"--data-dir={tmp_path / 'd'}"]) == 78
    told = capfd.readouterr()
    assert told.err.count("error: ") == 1 and message in told.err.splitlines()[0]


@pytest.mark.parametrize("command", ["action", "watch", "sandbox"])
@pytest.mark.parametrize("seed", ["x", "-1", "1.5", "٣"])
def test_a_seed_that_is_no_number_is_refused_in_plain_words(
    command: str, seed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, f"--seed={seed}"]) == 2
    assert f"expected a whole number from 0 on, of at most 18 digits, got {seed!r}" in capsys.readouterr().err


def test_a_sandbox_that_serves_for_a_while_does_not_say_until_stopped(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sandbox", "--for=100ms", "--seed=1"]) == 0
    assert capsys.readouterr().out.startswith("simulated venues, seed 1, for 100ms, or until Ctrl-C\n")


@pytest.mark.parametrize("command", ["action", "watch", "sandbox"])
def test_an_empty_list_of_venues_is_refused(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--venues="]) == 2
    assert "--venues: names nothing: ''" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["action", "watch"])
def test_assets_that_no_venue_trades_are_no_fault_of_the_network(
    command: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--set=assets=XYZ,ABC", "--for=1s", f"--data-dir={tmp_path / 'd'}"]) == 78
    first, *rest = capfd.readouterr().err.splitlines()
    assert first.startswith("error: assets: no instrument between any two of XYZ, ABC is listed on ")
    assert len(rest) == 1 and "--set assets=" in rest[0]
