"""`--replay`, `--shift`, `--align`: what the texts mean, what is refused, and the label of the run."""

import hashlib
import json
from pathlib import Path

import pytest

from cryptopipe.cli.root import main
from cryptopipe.clock import SECOND
from cryptopipe.drivers.replay import open_replay
from cryptopipe.errors import CaptureError, UsageError


def recording(place: Path, name: str, *stamps: int) -> Path:
    file = place / name
    file.write_text("".join(f'{{"ts":"{at}","dir":"recv","raw":"{name} {at}"}}\n' for at in stamps))
    return file


def received(replay: object) -> list[tuple[int, int, str]]:
    """Number, stamp in seconds and payload of the frames, without the closes at the end of each recording."""
    entries = [entry for entry in replay if entry.direction.value == "recv"]  # type: ignore[attr-defined]
    return [(entry.seq, entry.at // SECOND, entry.payload.decode()) for entry in entries]


def test_recordings_of_one_moment_are_merged_by_time_and_called_simultaneous(tmp_path: Path) -> None:
    a, b = recording(tmp_path, "a", 1, 3, 5), recording(tmp_path, "b", 2, 3, 4, 6)
    replay = open_replay([f"x={a}", f"y={b}"])
    assert [text for _, _, text in received(replay)] == ["a 1", "b 2", "a 3", "b 3", "b 4", "a 5", "b 6"]
    assert received(replay) == received(replay)
    label = replay.label()
    assert (label.simultaneous, label.why) == (True, "")
    assert label.files == tuple(
        (v, f.name, hashlib.sha256(f.read_bytes()).hexdigest()) for v, f in [("x", a), ("y", b)]
    )


def test_align_start_brings_each_recording_to_the_latest_first_stamp(tmp_path: Path) -> None:
    a, b = recording(tmp_path, "a", 10, 13), recording(tmp_path, "b", 100, 102)
    replay = open_replay([f"x={a}", f"y={b}"], align="start")
    assert [(at, text) for _, at, text in received(replay)] == [
        (100, "a 10"),
        (100, "b 100"),
        (102, "b 102"),
        (103, "a 13"),
    ]
    assert not replay.label().simultaneous
    assert "one origin" in replay.label().why


def test_a_shift_delays_one_venue_and_says_so(tmp_path: Path) -> None:
    a = recording(tmp_path, "a", 10, 200)
    replay = open_replay([f"x={a}", f"y={a}"], ["y=120s"])
    assert [at for _, at, _ in received(replay)] == [10, 130, 200, 320]
    assert [entry.venue for entry in replay if entry.direction.value == "recv"] == ["x", "y", "x", "y"]
    assert (replay.label().simultaneous, replay.label().why) == (False, "y was moved by +120 s")
    assert open_replay([f"x={a}", f"y={a}"], ["y=-5s"]).shifts == {"y": -5 * SECOND}


def test_stamps_that_run_backwards_are_raised(tmp_path: Path) -> None:
    replay = open_replay([f"x={recording(tmp_path, 'a', 5, 3, 7)}"])
    assert received(replay) == [(1, 5, "a 5"), (2, 5, "a 3"), (3, 7, "a 7")]


@pytest.mark.parametrize(
    ("replay", "shift", "align", "message"),
    [
        (["{a}"], [], None, "is not VENUE=FILE"),
        (["x={a}.gz"], [], None, "no such file or directory"),
        (["kraken={a}"], ["karken=5s"], None, "'karken' is not replayed; did you mean 'kraken'?"),
        (["x={a}"], ["x=soon"], None, "not a duration such as 30s, 50ms or 1.5h: 'soon'"),
        (["x={a}"], [], "end", "--align end is not known: expected start"),
    ],
)
def test_bad_texts_are_usage_errors(
    tmp_path: Path, replay: list[str], shift: list[str], align: str | None, message: str
) -> None:
    a = recording(tmp_path, "a", 1)
    with pytest.raises(UsageError) as caught:
        open_replay([text.format(a=a) for text in replay], shift, align)
    assert message in str(caught.value)
    assert caught.value.exit_code == 2
    assert caught.value.fix


def test_a_foreign_file_is_a_capture_error_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("time,price\n")
    with pytest.raises(CaptureError, match="not a capture: it begins with b'time,price"):
        open_replay([f"x={tmp_path / 'x.csv'}"])


def test_the_commands_import_describe_and_export(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = recording(tmp_path, "a", 1, 2)
    assert main(["capture", "import", str(a), str(tmp_path / "c"), "--venue", "x"]) == 0
    assert main(["capture", "export", str(tmp_path / "c"), str(tmp_path / "b.jsonl.gz")]) == 0
    capsys.readouterr()
    assert main(["capture", "info", str(tmp_path / "c"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["schema"], told["format"], told["complete"], told["count"]) == (1, "arrow", True, 2)
    assert told["inputs"] == [{"venue": "x", "conn": "x#1", "dir": "recv", "count": 2}]
    assert (told["first_at"], told["last_at"]) == ("1970-01-01T00:00:01.000000000Z", "1970-01-01T00:00:02.000000000Z")
    assert main(["capture", "info", str(tmp_path / "b.jsonl.gz")]) == 0
    assert "JSON lines, complete" in capsys.readouterr().out
    assert main(["capture", "info", str(tmp_path / "nowhere")]) == 1
    assert "nowhere: no such file or directory" in capsys.readouterr().err


def test_two_recordings_of_one_venue_have_connections_of_their_own(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_text('{"ts":"1.0","dir":"recv","url":"","raw":"{}"}\n')
    inputs = list(open_replay([f"a={tmp_path / 'one'}", f"a={tmp_path / 'two'}"]))
    assert [(entry.conn, entry.direction.value) for entry in inputs] == [
        ("a#1", "recv"),
        ("a#1", "close"),
        ("a#1@2", "recv"),
        ("a#1@2", "close"),
    ]
