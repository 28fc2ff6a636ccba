"""`cryptopipe qa`: what it prints, keeps, tells and refuses; what it leaves alone."""

import fcntl
import json
import os
import re
import resource
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from collecting.quality_files import HOUR_MS, MS, Stream, iso, seal

from cryptopipe.alerts import Spool
from cryptopipe.cli import main
from cryptopipe.quality import examine as examining
from cryptopipe.quality.alone import scheduler
from cryptopipe.quality.checks import CHECKS
from cryptopipe.quality.examine import examine, found_files
from cryptopipe.quality.verdict import read
from cryptopipe.settings.quality import QualitySettings

DOCS = Path(__file__).parent.parent.parent / "docs"
BEGIN = 1_700_000_000_000  # 2023-11-14T22:13:20Z
LIMITS = QualitySettings(keep_free_mb=0)
AT = 1_800_000_000 * 10**9


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("CRYPTOPIPE_QUALITY__KEEP_FREE_MB", "0")


def tops(begin_ms: int = BEGIN, many: int = 30, wrong: bool = False, symbol: str = "XY-USD") -> Stream:
    """A price that rises a cent a second; with `wrong` a crossed row in the middle."""
    made = Stream("alpha", symbol, "top")
    for at in range(many):
        ms = begin_ms + at * 1000
        bid, ask = 100 + at / 100, 100 + at / 100 + (-1 if wrong and at == many // 2 else 1)
        cells = (iso(ms * MS), "alpha", symbol, f"{bid:g}", f"{ask:g}", f"{ask - bid:g}", f"{(bid + ask) / 2:g}")
        made.add(ms * MS, ms * MS, ",".join(cells))
    return made


def orders(*changed: tuple[int, str]) -> Stream:
    """Single orders: a snapshot of three, then what was buffered before it, then more; some rows written otherwise."""
    made = Stream("alpha", "XY-USD", "l3")
    rows = [
        (900, "B,snapshot,7,99.5,1"), (900, "B,snapshot,8,99.4,2"), (900, "A,snapshot,9,100.5,1"),
        (400, "A,set,9,100.5,0.75"), (500, "A,add,10,100.6,3"), (1000, "B,reduce,8,99.4,1"), (1500, "B,remove,7,,"),
        (1500, "A,add,11,100.7,3"), (1500, "A,add,12,100.7,3"),
    ]  # fmt: skip
    for at, row in {**dict(enumerate(rows)), **{at: (rows[at][0], row) for at, row in changed}}.values():
        made.add((BEGIN + at) * MS, (BEGIN + 2000) * MS, f"{BEGIN + at},XY-USD,{row}")
    return made


ORDERS = {
    "clean": ((), []),
    "price": (((4, "A,add,10,,3"),), ["values.missing"]),
    "change": (((4, "A,made,10,100.6,3"),), ["values.format"]),
    "twice": (((8, "A,add,11,100.7,3"),), ["duplicates.row"]),
    "size": (((5, "B,reduce,8,99.4,-1"),), ["values.positive"]),
}


def test_single_orders_are_checked(tmp_path: Path) -> None:
    files = [seal(tmp_path / name, orders(*changed)) for name, (changed, _) in ORDERS.items()]
    late = orders()
    late.rows[5], late.rows[6] = late.rows[6], late.rows[5]
    report = examine([*files, seal(tmp_path / "order", late)], LIMITS, AT)
    found = [[one.name for one in verdict.failed] for _, verdict in report.judged]
    assert found == [*(wanted for _, wanted in ORDERS.values()), ["time.order"]]


def printed(capsys: pytest.CaptureFixture[str], data_dir: Path, *arguments: str, code: int) -> dict[str, Any]:
    assert main(["qa", "--json", "--data-dir", str(data_dir), *arguments]) == code
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert document.pop("schema") == 1
    return document


def snapshot(folder: Path) -> dict[str, bytes]:
    return {
        str(one.relative_to(folder)): one.read_bytes()
        for one in sorted(folder.rglob("*")) if one.is_file() and ".verdict.json" not in one.name
    }  # fmt: skip


def documented(heading: str) -> set[str]:
    section = (DOCS / "json.md").read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`.+?`) \| (.+) \|$", section, re.MULTILINE)
    return {name for row in rows for cell in row for name in re.findall(r"`(\w+)`", cell)}


def test_a_failed_file_is_shown_kept_and_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seal(tmp_path, tops())
    bad = seal(tmp_path, tops(BEGIN + HOUR_MS, wrong=True))
    before = snapshot(tmp_path / "collected")
    document = printed(capsys, tmp_path, code=1)
    assert snapshot(tmp_path / "collected") == before, "what was collected is as it was"
    assert set(document) <= documented("qa")
    assert document["counts"] == {"pass": 1, "warn": 0, "fail": 1, "refused": 0}
    assert [one["verdict"] for one in document["files"]] == ["pass", "fail"]
    for one in document["files"]:
        assert set(one) <= documented("qa")
        for check in one["checks"]:
            assert set(check) <= documented("qa")
    kept = json.loads(bad.with_name(f"{bad.name}.verdict.json").read_text())
    wrong = [one for one in kept["checks"] if not one["ok"]]
    assert kept["verdict"] == "fail" and [one["name"] for one in wrong] == ["top.crossed"]
    assert wrong[0]["examples"] == [{"line": 17, "text": "bid 100.15, ask 99.15"}]
    (line,) = Spool(tmp_path).lines()
    assert line.alert is not None and line.alert.kind == "quality.failed" and line.alert.severity == "critical"
    assert line.alert.where == "alpha/top/XY-USD" and line.alert.data["checks"] == "top.crossed"
    again = printed(capsys, tmp_path, code=1)
    assert again["judged"] == 0 and [one["new"] for one in again["files"]] == [False, False]
    assert len(list(Spool(tmp_path).lines())) == 1, "told once"


def test_a_page_and_a_table_show_every_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seal(tmp_path, tops(wrong=True, symbol="<b>&"), symbol="XY-USD")
    assert main(["qa", "--data-dir", str(tmp_path), "--html", "page.html"]) == 1
    shown = capsys.readouterr().out
    assert "top.crossed" in shown and "1 fail" in shown
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "top.crossed" in page and "bid 100.15, ask 99.15" in page and "line 17" in page
    assert "<b>&" not in page and "&lt;b&gt;&amp;" in page
    assert not re.search(r"<script|https?://|<link|@import|url\(", page), "needs nothing beside it"


def test_the_digest_counts_the_day_and_names_missing_hours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    hours = [int((now - timedelta(hours=ago)).timestamp()) * 1000 for ago in (5, 4, 2)]
    for at in hours:
        seal(tmp_path, tops(at, wrong=at == hours[0]))
    before = now - timedelta(hours=25)
    old = seal(tmp_path, tops(int(before.timestamp()) * 1000, wrong=True))
    examine([old], LIMITS, int(before.timestamp()) * 10**9)  # judged then, so of no news today
    assert main(["qa", "--data-dir", str(tmp_path)]) == 1
    capsys.readouterr()
    told = printed(capsys, tmp_path, "--digest", code=0)
    assert set(told) <= documented("qa --digest")
    assert told["counts"] == {"pass": 2, "warn": 0, "fail": 1} and told["rows"] == 90
    assert told["checks"] == {"top.crossed": 1} and len(told["failed"]) == 1
    missing = [one["hour_at"] for one in told["missing_hours"]]
    assert f"{now - timedelta(hours=3):%Y-%m-%dT%H}:00:00.000000000Z" in missing
    assert f"{now - timedelta(hours=4):%Y-%m-%dT%H}:00:00.000000000Z" not in missing
    *_, line = Spool(tmp_path).lines()
    assert line.alert is not None and (line.alert.kind, line.alert.severity) == ("quality.digest", "warning")
    assert "1 failed" in line.alert.text and "alpha/top/XY-USD" in line.alert.text


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["absent"], 2, "no such file or folder"),
        (["--every", "soon"], 2, "--every"),
        (["--every", "0s"], 2, "--every"),
        (["--since", "yesterday"], 2, "--since"),
        (["--html", "no/where.html"], 2, "no such directory"),
        (["--set", "quality.rows=5"], 78, "quality.rows"),
        (["--set", "quality.needs=1"], 78, "quality.needs"),
    ],
)
def test_wrong_command_lines_say_what_to_do(
    arguments: list[str], code: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["qa", "--data-dir", str(tmp_path), *arguments]) == code
    told = capsys.readouterr().err
    assert said in told and "fix:" in told


def test_one_checker_at_a_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (tmp_path / "quality.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert main(["qa", "--data-dir", str(tmp_path)]) == 75
    assert "being checked" in capsys.readouterr().err
    assert main(["qa", "--data-dir", str(tmp_path)]) == 0


def test_only_hours_since_then_are_looked_at(tmp_path: Path) -> None:
    for hour in range(3):
        seal(tmp_path, tops(BEGIN + hour * HOUR_MS, many=3))
    begins = BEGIN // HOUR_MS * HOUR_MS
    assert [len(found_files([], tmp_path, begins + after, AT)) for after in (0, HOUR_MS - 1, HOUR_MS, 3 * HOUR_MS)] == [
        3, 3, 2, 0,
    ]  # fmt: skip


def test_a_file_that_is_gone_is_named_by_its_manifest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gone = seal(tmp_path, tops())
    seal(tmp_path, tops(BEGIN + HOUR_MS))
    assert printed(capsys, tmp_path, code=0)["counts"]["pass"] == 2
    gone.unlink()
    document = printed(capsys, tmp_path, code=1)
    assert document["counts"] == {"pass": 1, "warn": 0, "fail": 0, "refused": 1}
    assert [one["file"] for one in document["refused"]] == [str(gone)]


def test_a_verdict_holds_while_the_bytes_do(tmp_path: Path) -> None:
    file = seal(tmp_path, tops())
    files = found_files([], tmp_path, 0, AT)
    assert len(examine(files, LIMITS, AT).judged) == 1
    assert len(examine(files, LIMITS, AT).known) == 1
    for touched in (file, file.with_name(f"{file.name}.json")):
        os.utime(touched, ns=(AT, touched.stat().st_mtime_ns + 1_000_000))
        assert len(examine(files, LIMITS, AT).judged) == 1, "of the same size, but written again"
    seal(tmp_path, tops(wrong=True))
    os.utime(file, ns=(AT, AT))
    (judged,) = examine(files, LIMITS, AT).judged
    assert judged[1].verdict == "fail" and (kept := read(file.with_name(f"{file.name}.verdict.json"))) is not None
    assert (kept.sha256, kept.verdict) == (judged[1].sha256, "fail")


def test_a_torn_verdict_is_made_again(tmp_path: Path) -> None:
    file = seal(tmp_path, tops())
    examine([file], LIMITS, AT)
    verdict = file.with_name(f"{file.name}.verdict.json")
    verdict.write_bytes(verdict.read_bytes()[:99])
    assert len(examine([file], LIMITS, AT).judged) == 1 and read(verdict) is not None


class Growing(type(Path())):  # type: ignore[misc]
    """A file to which somebody adds while it is read."""

    def open(self, *given: Any, **more: Any) -> Any:
        if self.name.endswith(".csv.gz"):
            with Path(self).open("ab") as other:
                other.write(b"x")
        return super().open(*given, **more)


def test_files_that_vanish_or_change_are_named_and_the_others_judged(tmp_path: Path) -> None:
    gone, stays, grown = (seal(tmp_path, tops(BEGIN + hour * HOUR_MS)) for hour in range(3))
    gone.unlink()
    report = examine([gone, stays, Growing(grown)], LIMITS, AT)
    assert [(one.where, one.message.split()[0]) for one in report.refused] == [
        (str(gone), "vanished"), (str(grown), "changed"),
    ]  # fmt: skip
    assert [file for file, _ in report.judged] == [stays] and not report.ok
    assert not grown.with_name(f"{grown.name}.verdict.json").exists()


def test_a_verdict_that_cannot_be_written_is_named_and_the_old_one_stays(tmp_path: Path) -> None:
    """As on a full disk: files may not grow beyond four kilobytes, which the rows stay below."""
    file = seal(tmp_path, tops())
    examine([file], LIMITS, AT)
    verdict = file.with_name(f"{file.name}.verdict.json")
    before, (soft, hard) = verdict.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, hard))
    try:
        report = examine([file], LIMITS, AT + 1, again=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "cannot be kept: File too large" in report.refused[0].message and report.judged == []
    assert len(before) > 4000 and verdict.read_bytes() == before


def test_nothing_but_verdicts_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor in the scratch place, where what a killed run left is taken away."""
    scratch = tmp_path / "scratch"
    dead = scratch / f"{examining._SCRATCH}{2**22 + 5}-x"  # no process has this number: the kernel's limit is 2**22
    dead.mkdir(parents=True)
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    file = seal(tmp_path, tops())
    examine([file], LIMITS, AT)
    assert list(scratch.iterdir()) == []
    assert sorted(one.name for one in file.parent.iterdir()) == sorted(
        [file.name, f"{file.name}.json", f"{file.name}.verdict.json"]
    )


def test_a_stop_is_heard_between_two_files(tmp_path: Path) -> None:
    files = [seal(tmp_path, tops(BEGIN + hour * HOUR_MS, many=3)) for hour in range(3)]
    asked = iter([False, True])
    report = examine(files, LIMITS, AT, stopped=lambda: next(asked))
    assert report.stopped and len(report.judged) == 1


def test_the_schedule_is_that_of_the_options() -> None:
    """By the triggers, whose next time is a function of a given one."""
    first = datetime(2026, 11, 21, 5, 0, tzinfo=UTC)
    made = scheduler(30 * 60 * 10**9, "00:15", lambda: None, lambda: None, int(first.timestamp()) * 10**9)
    check, digest = made.get_job("check"), made.get_job("digest")
    assert check.next_run_time == first
    assert check.trigger.get_next_fire_time(first, first) == first + timedelta(minutes=30)
    fires = digest.trigger.get_next_fire_time(None, first)
    assert fires == datetime(2026, 11, 22, 0, 15, tzinfo=UTC)
    assert digest.trigger.get_next_fire_time(fires, fires + timedelta(seconds=1)) == fires + timedelta(days=1)
    for job in (check, digest):
        assert (job.coalesce, job.max_instances, job.misfire_grace_time) == (True, 1, None)


def test_the_page_lists_every_check_as_it_is() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \| (\w+) \| ([\w, ]+) \| (.+) \|$", (DOCS / "qa.md").read_text(), re.MULTILINE)
    assert rows == [(one.name, one.severity, ", ".join(sorted(one.kinds)) or "all", one.title) for one in CHECKS]
