"""Which files go, which stay and why; what is in a store is never changed. On obstore's memory and a directory."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import obstore
import pytest
from collecting.shipped import TRADES, judge, judged, place, seal
from hypothesis import given, settings
from hypothesis import strategies as st
from obstore.store import LocalStore, MemoryStore

from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.capture.writer import Writer
from cryptopipe.shipping.candidates import candidates
from cryptopipe.shipping.destination import Destination, NameTaken
from cryptopipe.shipping.seen import Seen
from cryptopipe.shipping.upload import Report, Upload

Open = Callable[[], Destination]


def send(data_dir: Path, destination: Destination, accept: str = "pass", **how: Any) -> Report:
    return Upload(destination, Seen(data_dir, destination.url), **how).run(candidates(data_dir, accept))


def states(report: Report) -> dict[str, str]:
    return {Path(one.key).name: one.state for one in report.outcomes}


def reasons(report: Report) -> str:
    return " | ".join(one.reason for one in report.outcomes)


def contents(destination: Destination) -> dict[str, bytes]:
    store = destination._store
    return {key: bytes(obstore.get(store, key).bytes()) for key in destination.listing()}


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(params=["memory", "directory"])
def destination(request: pytest.FixtureRequest, tmp_path: Path) -> Destination:
    if request.param == "memory":
        memory = MemoryStore()
        return Destination("memory:", lambda _: memory)
    folder = tmp_path / "copies"
    folder.mkdir()
    local = LocalStore(folder)
    return Destination(folder.as_uri(), lambda _: local, keeps_metadata=False)


VERDICTS = ("none", "pass", "warn", "fail", "of other bytes", "not JSON")
HARMS = ("", "", "", "part", "no manifest", "other bytes", "another name", "longer")


@given(
    st.lists(st.tuples(st.sampled_from(VERDICTS), st.sampled_from(HARMS), st.integers(0, 3)), max_size=8),
    st.sampled_from(["pass", "warn"]),
)
@settings(max_examples=15)
def test_what_goes_is_what_is_sealed_and_let_through(files: list[tuple[str, str, int]], accept: str) -> None:
    memory = MemoryStore()
    destination = Destination("memory:", lambda _: memory)
    with TemporaryDirectory() as made:
        data_dir = Path(made)
        expected: dict[str, bytes] = {}
        for number, (verdict, harm, rows) in enumerate(files, 1):
            path = _file(data_dir, number, verdict, harm, rows)
            if not harm and (verdict == "pass" or verdict == accept):
                for suffix in ("", ".verdict.json", ".json"):
                    own = path.with_name(path.name + suffix)
                    expected[own.relative_to(data_dir / "collected").as_posix()] = own.read_bytes()
        before = tree(data_dir)
        first = send(data_dir, destination, accept)
        assert contents(destination) == expected
        assert len(first.outcomes) == len(files), "a file that is not named"
        assert first.bytes == sum(map(len, expected.values()))
        second = send(data_dir, destination, accept)
        assert (second.bytes, second.counts["uploaded"]) == (0, 0)
        assert second.counts["there"] == len(expected) // 3
        after = {name: data for name, data in tree(data_dir).items() if not name.startswith("uploads/")}
        assert after == before, "a collected file was changed"


def _file(data_dir: Path, number: int, verdict: str, harm: str, rows: int) -> Path:
    path = seal(place(data_dir, number=number), f"{number}\n".encode() * rows)
    if verdict == "not JSON":
        path.with_name(path.name + ".verdict.json").write_text("{")
    elif verdict == "of other bytes":
        judge(path, "pass", "0" * 64)
    elif verdict != "none":
        judge(path, verdict)
    manifest = path.with_name(path.name + ".json")
    if harm == "part":
        path.rename(path.with_name(path.name + ".part"))
        manifest.unlink()
    elif harm == "no manifest":
        manifest.unlink()
    elif harm == "other bytes":
        path.write_bytes(bytes(len(path.read_bytes())))
    elif harm == "longer":
        path.write_bytes(path.read_bytes() + b"x")
    elif harm == "another name":
        manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"file": "other.csv.gz"}))
    return path


def test_a_dry_run_says_the_same_and_sends_nothing(tmp_path: Path, destination: Destination) -> None:
    judged(tmp_path, 1)
    judged(tmp_path, 2, verdict="warn")
    damaged = judged(tmp_path, 3, content="1\n")
    damaged.write_bytes(bytes(damaged.stat().st_size))
    seal(place(tmp_path, number=4), b"2\n")
    dry = send(tmp_path, destination, dry_run=True)
    assert destination.listing() == {}
    real = send(tmp_path, destination)
    assert list(states(dry).values()) == ["would_upload", "left_out", "refused", "left_out"]
    assert list(states(real).values()) == ["uploaded", "left_out", "refused", "left_out"]
    assert dry.bytes == real.bytes > 0
    for report in (dry, real):
        told = [one.reason for one in report.outcomes]
        assert "warn: row_count" in told[1] and "content" in told[2] and "no check" in told[3]


@pytest.mark.parametrize("suffix", ["", ".json"])
def test_another_content_of_a_name_is_refused_and_kept(tmp_path: Path, destination: Destination, suffix: str) -> None:
    path = judged(tmp_path)
    own = path.with_name(path.name + suffix)
    foreign = bytes(own.stat().st_size)  # as long as ours
    key = own.relative_to(tmp_path / "collected").as_posix()
    obstore.put(destination._store, key, foreign)
    before = contents(destination)
    report = send(tmp_path, destination)
    assert list(states(report).values()) == ["refused"]
    assert own.name in reasons(report) and "another content" in reasons(report)
    assert contents(destination)[key] == foreign
    assert contents(destination) == before, "part of a refused file went"


def test_a_file_that_is_there_without_our_mark_is_compared_by_its_bytes(
    tmp_path: Path, destination: Destination
) -> None:
    path = judged(tmp_path)
    key = path.relative_to(tmp_path / "collected").as_posix()
    obstore.put(destination._store, key, path.read_bytes())
    report = send(tmp_path, destination)
    assert list(states(report).values()) == ["uploaded"]
    assert report.bytes == sum(path.with_name(path.name + one).stat().st_size for one in (".json", ".verdict.json"))


def test_what_changed_in_the_store_since_the_last_time_is_seen(tmp_path: Path, destination: Destination) -> None:
    path = judged(tmp_path)
    key = path.relative_to(tmp_path / "collected").as_posix()
    send(tmp_path, destination)
    obstore.put(destination._store, key, bytes(path.stat().st_size))
    report = send(tmp_path, destination)
    assert list(states(report).values()) == ["refused"]


def test_a_store_without_conditions_is_looked_at_before(tmp_path: Path) -> None:
    memory = MemoryStore()
    destination = Destination("memory:", lambda _: memory, conditional=False)
    path = judged(tmp_path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    destination.put("key", path, sha256)
    with pytest.raises(NameTaken):
        destination.put("key", path, sha256)
    assert contents(destination) == {"key": path.read_bytes()}


def test_what_is_gone_from_the_store_goes_again(tmp_path: Path, destination: Destination) -> None:
    judged(tmp_path)
    send(tmp_path, destination)
    before = contents(destination)
    obstore.delete(destination._store, next(iter(before)))
    send(tmp_path, destination)
    assert contents(destination) == before


def test_an_object_written_between_the_look_and_the_copy_is_never_overwritten(
    tmp_path: Path, destination: Destination
) -> None:
    ours, theirs = judged(tmp_path, 1), judged(tmp_path, 2, content="1\n")
    keys = [one.relative_to(tmp_path / "collected").as_posix() for one in (ours, theirs)]

    def late() -> Iterator[Any]:  # it begins when the store was listed
        obstore.put(destination._store, keys[0], ours.read_bytes())
        obstore.put(destination._store, keys[1], b"somebody else's")
        yield from candidates(tmp_path)

    report = Upload(destination, Seen(tmp_path, destination.url)).run(late())
    assert list(states(report).values()) == ["uploaded", "refused"]
    assert contents(destination)[keys[1]] == b"somebody else's"


def test_a_verdict_that_is_newer_than_the_copy_is_no_conflict(tmp_path: Path, destination: Destination) -> None:
    path = judged(tmp_path)
    send(tmp_path, destination)
    before = contents(destination)
    judge(path, at="2021-05-21T00:00:00Z")
    assert list(states(send(tmp_path, destination)).values()) == ["there"]
    assert contents(destination) == before


def test_a_copied_file_that_fails_later_is_named(tmp_path: Path, destination: Destination) -> None:
    path = judged(tmp_path)
    send(tmp_path, destination)
    before = contents(destination)
    judge(path, "fail")
    report = send(tmp_path, destination)
    assert list(states(report).values()) == ["refused"]
    assert "copy from before" in reasons(report)
    assert contents(destination) == before


def test_the_manifest_goes_last(tmp_path: Path) -> None:
    """Where it is, the file and its verdict are: with one thread the store's own marks count the order."""
    path = judged(tmp_path)
    memory = MemoryStore()
    destination = Destination("memory:", lambda _: memory)
    send(tmp_path, destination)
    order = sorted(destination.listing().items(), key=lambda item: int(item[1].e_tag.strip('"')))
    assert [key.rsplit("/", 1)[1] for key, _ in order] == [
        path.name + suffix for suffix in ("", ".verdict.json", ".json")
    ]


def test_a_manifest_without_its_file_is_named(tmp_path: Path, destination: Destination) -> None:
    judged(tmp_path).unlink()
    report = send(tmp_path, destination)
    assert list(states(report).values()) == ["refused"]
    assert destination.listing() == {}


def test_closed_segments_of_a_capture_go_and_an_open_one_stays(tmp_path: Path, destination: Destination) -> None:
    folder = tmp_path / "collected" / "alpha" / "raw" / "20210520T041300Z-abcdef"
    writer = Writer(folder, segment_bytes=1)
    for number in range(1, 4):
        writer.append(Input(number, number, number, Direction.RECV, "alpha", "c", "", b"x"))
        writer.flush()
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["000001.arrows", "000002.arrows", "000003.arrows"]
    first = send(tmp_path, destination)
    assert states(first) == dict(zip(names, ["uploaded", "uploaded", "left_out"], strict=True))
    writer.close()
    second = send(tmp_path, destination)
    assert states(second) == dict(zip(names, ["there", "there", "uploaded"], strict=True))
    expected = {path.relative_to(tmp_path / "collected").as_posix(): path.read_bytes() for path in folder.iterdir()}
    assert contents(destination) == expected
    assert {one.sha256 for one in second.outcomes} == {hashlib.sha256(data).hexdigest() for data in expected.values()}


def test_a_segment_that_changed_after_it_went_is_refused(tmp_path: Path, destination: Destination) -> None:
    folder = tmp_path / "collected" / "alpha" / "raw" / "20210520T041300Z-abcdef"
    Writer(folder, {"meta": "one"}).close()
    (path,) = folder.iterdir()
    send(tmp_path, destination)
    before = contents(destination)
    path.write_bytes(path.read_bytes().replace(b"one", b"two"))
    report = send(tmp_path, destination)
    assert list(states(report).values()) == ["refused"]
    assert contents(destination) == before


def test_a_copied_file_that_was_cut_here_is_named(tmp_path: Path, destination: Destination) -> None:
    path = judged(tmp_path)
    send(tmp_path, destination)
    path.write_bytes(path.read_bytes()[:-1])
    report = send(tmp_path, destination)
    assert list(states(report).values()) == ["refused"]
    assert "were sealed" in reasons(report)


@pytest.mark.parametrize("folder", ["1000%20PEPE", "ü 日本", "a#1", "a*[x]?{y}", "a~b^c`d|e", "<x>'\"&=+$@;,!()"])
def test_a_symbol_of_any_characters_keeps_its_name(folder: str, tmp_path: Path, destination: Destination) -> None:
    made = place(tmp_path)
    judge(seal(made.parent.parent / folder / made.name, b"1\n"))
    assert send(tmp_path, destination).counts["uploaded"] == 1
    assert send(tmp_path, destination).counts["there"] == 1
    assert all(key.split("/")[2] == folder for key in contents(destination))


def test_captures_stay_where_they_are_not_wanted(tmp_path: Path) -> None:
    folder = tmp_path / "collected" / "alpha" / "raw" / "20210520T041300Z-abcdef"
    Writer(folder).close()
    assert [one.path.name for one in candidates(tmp_path)] == ["000001.arrows"]
    assert list(candidates(tmp_path, raw=False)) == []


def test_links_and_other_files_are_no_candidates(tmp_path: Path) -> None:
    path = judged(tmp_path)
    path.with_name("x-y-trade-20210520T05Z-001.csv.gz").symlink_to(path)
    path.with_name("notes.txt").write_text("mine")
    depth = tmp_path / "collected" / "alpha" / "depth" / "BTC-USDT.json"
    depth.parent.mkdir()
    depth.write_text("{}")
    assert [one.path for one in candidates(tmp_path)] == [path]


def test_an_upload_that_is_asked_to_stop_names_the_rest(tmp_path: Path, destination: Destination) -> None:
    for number in range(1, 5):
        judged(tmp_path, number, f"{number}\n")
    asked = iter([False, False])
    report = send(tmp_path, destination, stop=lambda: next(asked, True))
    assert list(states(report).values()) == ["uploaded", "uploaded", "not_tried", "not_tried"]
    assert report.stopped
    assert send(tmp_path, destination).counts["uploaded"] == 2
    assert len(contents(destination)) == 12


def test_a_torn_memory_of_what_was_seen_costs_nothing_but_questions(tmp_path: Path, destination: Destination) -> None:
    judged(tmp_path, content=TRADES)
    send(tmp_path, destination)
    (memory,) = (tmp_path / "uploads").iterdir()
    for damage in (memory.read_bytes()[:-7], b"\xff\n{}\n", b""):
        memory.write_bytes(damage)
        assert list(states(send(tmp_path, destination)).values()) == ["there"]
