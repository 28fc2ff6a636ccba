"""Of the log in files: every event is a whole line in its component's file, and nobody waits for it."""

import ast
import json
import os
import re
import stat
from pathlib import Path
from typing import Any

import click
import pytest
import structlog
from architecture.sources import FRAMEWORK, ROOT, sources
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptopipe.cli import main
from cryptopipe.cli.log_files import LogFile, LogFiles, component, json_line, text_line
from cryptopipe.cli.logs import configure, keep_log
from cryptopipe.cli.narrator import Narrator
from cryptopipe.model.stream import Credentials
from cryptopipe.settings.logs import LogsSettings

values = st.one_of(st.text(max_size=30), st.integers(), st.booleans(), st.lists(st.text(max_size=5), max_size=3))
events = st.dictionaries(st.from_regex(r"[a-z_]{1,9}", fullmatch=True), values, max_size=4).map(
    lambda data: {"timestamp": "T", "level": "info", **data, "event": "feed.closed"}
)


@pytest.fixture
def quiet() -> Any:
    yield
    configure()


@settings(max_examples=60)
@given(events)
def test_an_event_is_one_line_that_shows_all_of_it(event: dict[str, Any]) -> None:
    line = text_line(event)
    assert len(line.splitlines()) == 1 or not re.search(r"[\r\n]", line)
    assert json.loads(json_line(event)) == event
    for name, value in event.items():
        if name in ("timestamp", "level", "event"):
            continue
        text = line.partition(f" {name}=")[2]
        shown = json.JSONDecoder().raw_decode(text)[0] if text.startswith('"') else text.split(" ")[0]
        expected = ",".join(value) if isinstance(value, list) else str(value)
        assert str(shown) == expected


@pytest.mark.parametrize(
    ("event", "name"),
    [
        ("feed.closed", "feed"),
        ("decision", "gate"),
        ("order.filled", "execution"),
        ("instrument.changed", "market"),
        ("collect.spilling", "collect"),
        ("qa.judged", "qa"),
        ("../../etc/passwd", "other"),
        ("A b", "other"),
        ("", "other"),
    ],
)
def test_an_event_has_a_component(event: str, name: str) -> None:
    assert component(event) == name


def lines(directory: Path, name: str) -> list[str]:
    return (directory / f"{name}.log").read_text(encoding="utf-8").splitlines()


def test_files_get_what_stderr_does_not_show(tmp_path: Path, capsys: pytest.CaptureFixture[str], quiet: None) -> None:
    files = LogFiles(tmp_path, as_json=False, max_bytes=1 << 20, keep=2)
    configure(0, files)
    log = structlog.get_logger()
    log.info("feed.opened", conn="alpha#1", url="wss://u:pw@alpha.example/?token=hunter2&x=1")
    log.warning("feed.closed", conn="alpha#1", reason="reset\nby peer")
    log.debug("feed.frame", conn="alpha#1")
    log.info("decision", accepted=False, refused_by=["age", "size"], key=Credentials("k", "hunter2", ""))
    Narrator()._log.info("run.status", frames=3)
    files.close()
    shown = capsys.readouterr().err
    told = re.findall(r"feed\.\w+|decision|run\.status", shown)
    assert told == ["feed.closed", "run.status"]
    feed, gate, run = (lines(tmp_path, name) for name in ("feed", "gate", "run"))
    pid = f" pid={os.getpid()}"
    assert [line.partition("Z ")[2] for line in feed] == [
        f'info    feed.opened conn=alpha#1 url="wss://***@alpha.example/?token=***&x=1"{pid}',
        f'warning feed.closed conn=alpha#1 reason="reset\\nby peer"{pid}',
    ]
    assert gate[0].endswith(f"decision accepted=False refused_by=age,size key=Credentials(…){pid}")
    assert run[0].endswith(f"run.status frames=3{pid}")
    assert "\x1b" not in "".join(feed + gate + run) and "hunter2" not in "".join(feed + gate + run)


def test_stderr_may_show_more_than_files_keep(tmp_path: Path, capsys: pytest.CaptureFixture[str], quiet: None) -> None:
    files = LogFiles(tmp_path, as_json=False, max_bytes=1 << 20, keep=2)
    configure(2, files, "warning")
    structlog.get_logger().debug("feed.frame")
    structlog.get_logger().warning("feed.closed")
    files.close()
    assert re.findall(r"feed\.\w+", capsys.readouterr().err) == ["feed.frame", "feed.closed"]
    assert [line.split()[2] for line in lines(tmp_path, "feed")] == ["feed.closed"]


def test_an_exception_is_in_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], quiet: None) -> None:
    files = LogFiles(tmp_path, as_json=True, max_bytes=1 << 20, keep=2)
    configure(0, files)
    try:
        raise ValueError("why")
    except ValueError:
        structlog.get_logger().warning("qa.failed", exc_info=True)
    files.close()
    (line,) = map(json.loads, lines(tmp_path, "qa"))
    assert (line["event"], line["level"], line["pid"]) == ("qa.failed", "warning", os.getpid())
    assert "ValueError: why" in line["exception"]


@pytest.mark.parametrize("writers", [1, 3])
def test_a_full_file_is_renamed_and_no_line_is_lost(tmp_path: Path, writers: int) -> None:
    files = [LogFile(tmp_path / "feed.log", max_bytes=400, keep=3) for _ in range(writers)]
    told = [f"line {number:04d} " + "x" * 30 for number in range(200)]
    for number, line in enumerate(told):
        files[number % writers].write(line)
    for file in files:
        file.close()
    ordered = [tmp_path / f"feed.log.{number}" for number in (3, 2, 1)] + [tmp_path / "feed.log"]
    assert set(tmp_path.iterdir()) <= set(ordered)
    assert all(path.stat().st_size <= 400 + 42 for path in tmp_path.iterdir())
    found = [line for path in ordered if path.exists() for line in path.read_text().splitlines()]
    assert found == told[-len(found) :] and len(found) >= 27


def test_a_disk_that_hangs_holds_up_nobody_and_what_is_left_out_is_counted(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "feed.log")  # opening it to write waits for a reader
    files = LogFiles(tmp_path, as_json=True, max_bytes=1 << 20, keep=1, queued=10)
    for number in range(500):
        files.put({"event": "feed.closed", "number": number})
    with (tmp_path / "feed.log").open(encoding="utf-8") as reader:
        files.close()
        read = [json.loads(line) for line in reader]
    dropped = sum(json.loads(line)["events"] for line in lines(tmp_path, "log"))
    assert 489 <= dropped <= 490 and len(read) + dropped == 500
    assert [line["number"] for line in read] == list(range(len(read)))


def test_a_directory_that_cannot_be_written_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "log").write_text("a file")
    files = LogFiles(tmp_path / "log", as_json=False, max_bytes=1 << 20, keep=1)
    for event in ("feed.closed", "feed.closed", "run.ended"):
        files.put({"event": event})
    files.close()
    (told,) = capsys.readouterr().err.splitlines()
    assert told.startswith(f"the log is not written to {tmp_path / 'log'}: ")


@pytest.mark.parametrize(
    ("given", "named", "real", "where"),
    [
        ({}, None, False, None),
        ({}, None, True, "state/cryptopipe/log"),
        ({}, "named", False, "named"),
        ({"files": "off"}, None, True, None),
        ({"files": "off"}, "named", True, "named"),
        ({"files": "on"}, None, False, "state/cryptopipe/log"),
        ({"files": "on", "dir": "set"}, None, False, "set"),
        ({"dir": "set"}, "named", True, "named"),
    ],
)
def test_files_are_kept_of_real_venues_or_where_they_are_asked_for(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    given: dict[str, Any],
    named: str | None,
    real: bool,
    where: str | None,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with click.Context(click.Command("x")):
        keep_log(LogsSettings(**given), Path(named) if named else None, real, 0)
        structlog.get_logger().info("feed.opened", conn="alpha#1")
    structlog.get_logger().info("feed.opened", conn="after")
    found = [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.log")]
    assert found == ([f"{where}/feed.log"] if where else [])
    for path in found:
        (line,) = (tmp_path / path).read_text().splitlines()
        assert "alpha#1" in line and stat.S_IMODE((tmp_path / path).stat().st_mode) == 0o600


@pytest.mark.long
def test_a_run_keeps_its_log_where_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from cryptopipe.drivers.replay import SUFFIX, packaged_files

    path = packaged_files()[0].resolve()
    monkeypatch.chdir(tmp_path)
    source = f"{path.name.removesuffix(SUFFIX)}={path}"
    line = ["action", "--replay", source, "--for", "100ms", "--data-dir", "data", "--log-dir", "kept"]
    assert main(line) == 0
    capsys.readouterr()
    assert [line.split()[2] for line in lines(tmp_path / "kept", "run")] == ["run.started", "run.ended"]


PAGES = "\n".join((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("logs.md", "view.md"))
_LEVELS = ("debug", "info", "warning", "error")


def test_every_event_of_the_framework_is_on_a_page_with_its_level_and_data() -> None:
    rows = {
        event: (level, data)
        for events, levels, data in re.findall(r"^\| (`.+?`) \| ([\w, ]+) \| (.+) \|$", PAGES, re.MULTILINE)
        for event, level in zip(re.findall(r"`([\w.]+)`", events), levels.split(", "), strict=False)
    }
    seen = 0
    for source in sources(*FRAMEWORK):
        for node in ast.walk(source.tree) if "structlog" in source.text else ():
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _LEVELS):
                continue
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant) and re.fullmatch(r"[a-z_]+\.[a-z_]+", str(first.value)):
                where = f"{source.path}:{node.lineno} {first.value}"
                level, data = rows[str(first.value)]
                assert level == node.func.attr, where
                keys = {word.arg for word in node.keywords if word.arg and word.arg != "at"}
                assert keys <= set(re.findall(r"\w+", data)), where
                seen += 1
    assert seen > 20
