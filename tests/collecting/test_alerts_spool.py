"""Of the spool: whatever was told is read again, in order, whole, by however many it was told."""

import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptopipe.alerts import SEVERITIES, Alert, Spool
from cryptopipe.alerts.alert import from_line, to_line
from cryptopipe.alerts.spool import START, Place
from cryptopipe.clock import LAST

texts = st.text(max_size=40)
alerts = st.builds(
    Alert,
    kind=st.sampled_from(["feed.dead", "quality.failed", "fill"]),
    where=texts,
    text=texts,
    severity=st.sampled_from(SEVERITIES),
    at=st.integers(0, LAST),
    key=texts,
    data=st.dictionaries(texts, texts, max_size=3),
)


def a(number: int, **more: Any) -> Alert:
    return Alert("feed.dead", f"alpha {number}", "silent", "warning", number, **more)


def told(spool: Spool, place: Place = START) -> list[Alert | None]:
    return [line.alert for line in spool.lines(place)]


@settings(max_examples=50)
@given(alerts)
def test_a_line_is_the_alert(alert: Alert) -> None:
    line = to_line(alert)
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    assert from_line(line) == alert


def test_a_line_has_a_bound_and_says_that_it_was_cut() -> None:
    line = to_line(a(1, key="k" * 9999, data={f"{n}": "v" * 9999 for n in range(999)}))
    assert len(line) < 64 << 10
    assert from_line(line).key.endswith("…") and from_line(line).data["3"].endswith("…")


@pytest.mark.parametrize("wrong", [{"kind": "Feed dead"}, {"kind": ""}, {"severity": "bad"}, {"at": -1}])
def test_what_is_no_alert_is_refused(wrong: dict[str, Any]) -> None:
    right: dict[str, Any] = {"kind": "feed.dead", "where": "", "text": "", "severity": "info", "at": 0}
    Alert(**right)
    with pytest.raises(ValueError, match=r"an alert's \w+ is"):
        Alert(**{**right, **wrong})


@settings(max_examples=20)
@given(st.lists(alerts, max_size=8), st.integers(1, 600))
def test_what_is_told_is_read_in_order_from_any_place(
    tmp_path_factory: pytest.TempPathFactory, some: list[Alert], file_bytes: int
) -> None:
    spool = Spool(tmp_path_factory.mktemp("spool"), file_bytes, files=99)
    assert all(spool.tell(one) for one in some)
    lines = list(spool.lines())
    assert [line.alert for line in lines] == some
    for at, line in enumerate(lines):
        assert told(spool, line.place) == some[at:]
        assert told(spool, line.after) == some[at + 1 :]
    assert spool.end() == (lines[-1].after if lines else START) or not told(spool, spool.end())


def test_a_torn_line_costs_itself_alone(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.tell(a(1))
    with spool.path.open("ab") as file:
        file.write(to_line(a(2))[:-9])
    assert told(spool) == [a(1)]  # it may still be written
    spool.tell(a(3))
    assert told(spool) == [a(1), None, a(3)]


def test_the_spool_has_a_bound(tmp_path: Path) -> None:
    spool = Spool(tmp_path, file_bytes=1000, files=3)
    some = [a(number) for number in range(60)]
    sizes = []
    for one in some:
        spool.tell(one)
        sizes.append(sum(path.stat().st_size for path in spool.directory.iterdir()))
    assert max(sizes) <= 4 * (1000 + len(to_line(some[-1])))
    kept = told(spool)
    assert kept == some[-len(kept) :] and len(kept) > 15
    assert told(spool, Place(99999, 5)) == kept, "a spool that was made anew is read from its first line"


def test_a_file_that_was_renamed_never_grows_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.tell(a(1))
    with spool.path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        teller = threading.Thread(target=spool.tell, args=(a(2),))
        teller.start()
        teller.join(0.05)  # it has the file open now, and waits for the lock
        renamed = spool.path.rename(spool.directory / "spool-000001.jsonl")
    teller.join()
    assert renamed.read_bytes() == to_line(a(1)) and spool.path.read_bytes() == to_line(a(2))
    assert told(spool) == [a(1), a(2)]


def test_a_full_disk_is_an_answer_and_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import structlog

    (tmp_path / "alerts").write_text("no directory")
    spool = Spool(tmp_path)
    with structlog.testing.capture_logs() as lines:
        assert [spool.tell(a(1)), spool.tell(a(2))] == [False, False]
        (tmp_path / "alerts").unlink()
        assert spool.tell(a(3))
    assert [line["event"] for line in lines] == ["alert.untold"]
    assert told(spool) == [a(3)]


_TELLER = """
import sys, pathlib
from cryptopipe.alerts import Alert, Spool
spool = Spool(pathlib.Path(sys.argv[1]), file_bytes=900, files=999)
for number in range(int(sys.argv[3])):
    assert spool.tell(Alert("fill", sys.argv[2], "x" * (number % 50), "info", number))
"""


@pytest.mark.parametrize("each", [40, pytest.param(2000, marks=pytest.mark.long)])
def test_several_processes_tell_at_once(tmp_path: Path, each: int) -> None:
    names = ["p0", "p1"]
    tellers = [
        subprocess.Popen([sys.executable, "-c", _TELLER, str(tmp_path), name, str(each)], env={**os.environ})
        for name in names
    ]
    spool, place, read = Spool(tmp_path, files=999), START, []
    while any(teller.poll() is None for teller in tellers):  # a reader follows while they write
        for line in spool.lines(place):
            read.append(line.alert)
            place = line.after
    assert [teller.wait() for teller in tellers] == [0, 0]
    read += [line.alert for line in spool.lines(place)]
    for name in names:
        assert [one.at for one in read if one and one.where == name] == list(range(each))
    assert len(read) == 2 * each
    assert len(list(spool.directory.glob("spool-*.jsonl"))) > 3
