"""The command line's own part: two spellings of one command, the table, exit codes, what the commands print."""

import errno
import io
import json
import os
import subprocess
import sys
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

import click
import pytest

from cryptopipe import registry
from cryptopipe.cli import main
from cryptopipe.cli.arguments import command_first
from cryptopipe.cli.commands import COMMANDS
from cryptopipe.cli.output import print_json
from cryptopipe.cli.root import root
from cryptopipe.errors import UsageError

ROOT = Path(__file__).parents[2]
NAMES = ("action", "post-mortem", "config", "replay")


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration but what a test gives."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("CRYPTOPIPE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


SPELLINGS = [
    ("--strategy s --mode action --replay b=F --json", "action --strategy s --replay b=F --json"),
    ("--mode=action --strategy=s", "action --strategy=s"),
    ("--strategy s action --json", "action --strategy s --json"),
    ("--replay b=F --mode action", "action --replay b=F"),
    ("--json --replay b=F --mode=action --for 3s", "action --json --replay b=F --for 3s"),
    ("--mode post_mortem", "post-mortem"),
    ("--config c.yaml --set a=1 config show --json", "config show --config c.yaml --set a=1 --json"),
    ("--json --mode config check", "config check --json"),
    ("--data_dir d -v replay last --verify", "replay last --data_dir d -v --verify"),
    ("--set a=action --mode replay", "replay --set a=action"),
    ("action --strategy s", "action --strategy s"),
    ("action --mode x", "action --mode x"),
    ("--help", "--help"),
    ("--json --version", "--json --version"),
    ("nonsense --mode action", "nonsense --mode action"),
    ("--unknown -- --mode action", "--unknown -- --mode action"),
    ("", ""),
]


@pytest.mark.parametrize(("typed", "ordered"), SPELLINGS)
def test_a_mode_is_the_command_of_its_name(typed: str, ordered: str) -> None:
    assert command_first(typed.split(), NAMES) == ordered.split()


@pytest.mark.parametrize(("typed", "_ordered"), SPELLINGS)
def test_ordering_twice_changes_nothing(typed: str, _ordered: str) -> None:
    once = command_first(typed.split(), NAMES)
    assert command_first(once, NAMES) == once


@pytest.mark.parametrize("typed", ["--mode", "--mode --json", "--mode actoin", "--mode="])
def test_a_mode_that_does_not_exist_is_refused(typed: str) -> None:
    with pytest.raises(UsageError, match="--mode"):
        command_first(typed.split(), NAMES)


def test_help_imports_no_command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for entry in COMMANDS.values():
        monkeypatch.delitem(sys.modules, entry.module, raising=False)
    assert main(["--help"]) == 0
    told = capsys.readouterr().out
    assert all(name in told and entry.summary in told for name, entry in COMMANDS.items())
    assert not [entry.module for entry in COMMANDS.values() if entry.module in sys.modules]


def test_help_pays_for_nothing_it_does_not_show() -> None:
    """The budget is 300 ms; what would break it is an import (bare interpreter and click take 90)."""
    heavy = ("pydantic", "yaml", "structlog", "numpy", "pyarrow", "duckdb", "sqlalchemy", "msgspec", "rich")
    program = (
        "import sys; from cryptopipe.cli import main; main(['--help']); "
        f"print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert ended.stderr == "[]\n"


def test_no_arguments_are_a_call_for_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "Commands:" in capsys.readouterr().out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    if find_spec(COMMANDS[name].module) is None:
        pytest.skip(f"{COMMANDS[name].module} is not there yet")
    assert main([name, "--help"]) == 0
    assert "Usage: cryptopipe " + name in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == "cryptopipe 0.1.0\n"


def raising(error: BaseException) -> click.Command:
    @click.command()
    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
        (click.exceptions.Exit(75), 75),
        (OSError(errno.ENOSPC, "No space left on device", "/data/j"), 1),
    ],
)
def test_what_ends_a_command_has_an_exit_code(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(root, "get_command", lambda _context, _name: raising(error))
    assert main(["action"]) == code
    if isinstance(error, OSError):
        assert capsys.readouterr().err == "error: /data/j: No space left on device\n"


def test_a_reader_that_left_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(root, "get_command", lambda _context, _name: raising(BrokenPipeError()))
    with (tmp_path / "out").open("w") as stand_in:
        monkeypatch.setattr(sys, "stdout", stand_in)
        assert main(["action"]) == 0


def test_config_show_says_who_set_what(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    Path("config.yaml").write_text("risk:\n  max_loss: 7\n")
    monkeypatch.setenv("CRYPTOPIPE_RISK__MAX_NOTIONAL", "8")
    assert main(["--data-dir", "d", "config", "show", "--set", "risk.min_profit=9", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == 1
    risk = document["settings"]["risk"]
    assert (risk["max_loss"], risk["max_notional"], risk["min_profit"]) == ("7", "8", "9")
    assert document["set_by"]["risk.max_loss"] == "config.yaml:2"
    assert document["set_by"]["risk.max_notional"] == "environment CRYPTOPIPE_RISK__MAX_NOTIONAL"
    assert document["set_by"]["risk.min_profit"] == "--set"
    assert document["set_by"]["data_dir"] == "--data-dir"
    assert document["set_by"]["risk.max_age"] == "default"
    assert (document["file"], len(document["config_hash"])) == ("config.yaml", 64)


def test_config_show_for_a_person(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "show"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split() == ["risk.max_loss=500", "#", "default"] for line in lines)


def test_config_schema_and_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "schema", "--json"]) == 0
    keys = {row["path"]: row for row in json.loads(capsys.readouterr().out)["keys"]}
    assert keys["paper.latency"]["default"] == "50ms"
    assert main(["config", "schema"]) == 0
    assert "paper.latency  (duration; default 50ms)" in capsys.readouterr().out
    assert main(["config", "check", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True
    assert main(["config", "check"]) == 0
    assert capsys.readouterr().out.startswith("ok: no config.yaml, the defaults, config_hash ")


@pytest.fixture
def one_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A distribution whose one exchange does not import, beside what is installed."""
    info = tmp_path / "site" / "broken_dist-2.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-dist\nVersion: 2.0\n")
    (info / "entry_points.txt").write_text("[cryptopipe.exchanges]\nbrokenfoo = no_such_module_at_all:plugin\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    fresh = registry.Registry()
    monkeypatch.setattr(registry, "installed", lambda: fresh)


@pytest.mark.usefixtures("one_broken")
def test_plugins_list_reports_a_broken_plugin(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins", "list", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["plugins"]}
    expected = {"kind": "exchange", "version": "2.0", "distribution": "broken-dist", "capabilities": []}
    assert rows["brokenfoo"].items() >= expected.items()
    assert "No module named 'no_such_module_at_all'" in rows["brokenfoo"]["error"]
    assert set(rows["brokenfoo"]) == {*expected, "name", "api_version", "tier", "error"}
    assert main(["plugins", "list"]) == 0
    assert "does not load: no_such_module_at_all:plugin does not import" in capsys.readouterr().out


@pytest.mark.usefixtures("one_broken")
def test_doctor_fails_for_a_broken_plugin_and_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    checks = {check["name"]: check for check in document["checks"]}
    assert (document["schema"], document["ok"]) == (1, False)
    assert document["core"] in ("native", "reference")
    assert checks["exchange brokenfoo"]["ok"] is False
    assert checks["exchange brokenfoo"]["fix"] == "mend or uninstall broken-dist"
    for name in ("python", "core", "pyarrow", "duckdb", "configuration", "data_dir writable", "disk space"):
        assert checks[name]["ok"], checks[name]


def test_doctor_reports_a_wrong_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    Path("config.yaml").write_text("rsk: 1\n")
    assert main(["doctor"]) == 1
    assert "FAIL configuration: config.yaml:1: rsk: unknown key; did you mean 'risk'?" in capsys.readouterr().out


def test_doctor_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    main(["doctor", "--data-dir", "d"])
    assert list((tmp_path / "d").iterdir()) == []


def test_doctor_reports_a_data_dir_that_is_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "f").write_text("")
    assert main(["doctor", "--data-dir", "f"]) == 1
    assert "FAIL data_dir writable: f: Not a directory" in capsys.readouterr().out


def test_json_has_no_floats_by_accident(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    print_json({"size": Decimal("1E-8"), "path": Path("a")})
    assert json.loads(out.getvalue()) == {"schema": 1, "size": "0.00000001", "path": "a"}
    with pytest.raises(TypeError, match="no JSON form for object"):
        print_json({"x": object()})


@pytest.mark.parametrize("command", ["action", "watch"])
def test_a_list_of_venues_that_names_none_does_not_mean_all(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--venues", " , ", "--market=live"]) == 2
    assert "--venues: names nothing: ' , '" in capsys.readouterr().err


def test_real_venues_are_not_followed_by_the_reference_core_unasked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("cryptopipe.core.NAME", "reference")
    assert main(["action", "--market=live", "--for=1s"]) == 1
    assert "the native core is not built, and the reference core is too slow" in capsys.readouterr().err
