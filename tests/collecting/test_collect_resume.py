"""A collector that is killed, spills, or ends: the rows are always those of one that was let alone."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import msgspec
import pytest
from collecting.collect_stage import (
    HOUR,
    PLAN,
    VENUE,
    Stage,
    files,
    inputs,
    manifests,
    moved,
    rows,
    told,
    trade,
    traded,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cryptopipe import registry
from cryptopipe.capture.inputs import Direction
from cryptopipe.capture.reader import read
from cryptopipe.clock import SECOND
from cryptopipe.collect.again import from_raw
from cryptopipe.collect.collector import SPILL_AT
from cryptopipe.collect.layout import manifest_of, part_of
from cryptopipe.collect.plan import Plan, Wanted
from cryptopipe.collect.sessions import Session, all_sessions

LATER = 200 * SECOND
"""From the beginning of one life to that of the next, which hears the same again."""


@contextmanager
def directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def begun() -> int:
    return inputs()[0].at - SECOND


def as_collected(was: Plan | None) -> Plan:
    assert was is not None, "a session of a collector"
    return was


def again(session: Session, data_dir: Path) -> None:
    from_raw([session.path], registry.exchange(VENUE), as_collected, data_dir, lambda: 1)


@cache
def uncut() -> dict[str, str]:
    """By kind the rows of a life that nothing cut short."""
    with directory() as data:
        stage = Stage(data, begun())
        stage.hear(inputs())
        stage.end()
        assert len({name.split("Z-")[0] for name in told(data)}) > len({name.split("-20")[0] for name in told(data)})
        return {folder: rows(data, folder) for folder in ("trade", "book-500ms", "top")}


def test_the_uncut_life_has_every_trade_once() -> None:
    for symbol in ("BTCUSDT", "ETHUSDT", "ETHBTC"):
        written = [line.split(",")[2] for line in uncut()["trade"].splitlines() if f",{symbol}," in line]
        assert written == traded(inputs(), symbol) and len(written) > 40


def test_a_capture_gives_the_same_bytes_again() -> None:
    with directory() as data, directory() as other:
        stage = Stage(data, begun())
        stage.hear(inputs())
        assert stage.end() > 500
        again(stage.session, other)
        assert [path.relative_to(data) for path in files(data)] == [path.relative_to(other) for path in files(other)]
        assert [path.read_bytes() for path in files(data)] == [path.read_bytes() for path in files(other)]
        assert manifests(data) == manifests(other)
        assert not list(data.rglob("*.part")) and not list(data.rglob("*.new"))


def bytes_and_times(data: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in files(data)}


@given(
    heard=st.integers(0, len(inputs())),
    lost=st.floats(0, 1),
    last=st.sampled_from(["sealed", "no manifest", "torn part", "gone"]),
)
@example(heard=len(inputs()) // 2, lost=1.0, last="torn part")
@example(heard=len(inputs()) * 2 // 3, lost=0.7, last="gone")
@settings(max_examples=2)
def test_a_killed_collector_is_made_whole(heard: int, lost: float, last: str) -> None:
    _killed(heard, lost, last)


@pytest.mark.long
@given(
    heard=st.integers(0, len(inputs())),
    lost=st.floats(0, 1),
    last=st.sampled_from(["sealed", "no manifest", "torn part", "gone"]),
)
@settings(max_examples=200, derandomize=True)
def test_a_killed_collector_is_made_whole_at_length(heard: int, lost: float, last: str) -> None:
    _killed(heard, lost, last)


def _killed(heard: int, lost: float, last: str) -> None:
    """What the next life hears again is not written again; together they have what one life has."""
    with directory() as data:
        stage = Stage(data, begun())
        stage.hear(inputs()[:heard])
        stage.kill(lost)
        _leave(data, last)
        kept = bytes_and_times(data) if last in ("sealed", "torn part") else {}
        captured = list(read(stage.session.path))
        assert captured == list(inputs()[: len(captured)])
        second = Stage(data, begun() + LATER)
        second.hear(moved(inputs(), LATER))
        second.end()
        assert {name: bytes_and_times(data)[name] for name in kept} == kept
        for folder in ("trade", "book-500ms"):
            assert rows(data, folder) == uncut()[folder], folder
        first = [one for one in manifests(data).values() if one["session"] == stage.session.id]
        for symbol in ("BTCUSDT", "ETHUSDT", "ETHBTC"):
            of_first = sum(one["rows"] for one in first if one["type"] == "trade" and one["symbol"] == symbol)
            assert of_first == len(traded(captured, symbol))
        assert all(session.sealed() is not None for session in all_sessions(data, VENUE))
        assert not list(data.rglob("*.part"))
        _hole_is_named(data, stage, second, len(captured))


def _hole_is_named(data: Path, stage: Stage, second: Stage, captured: int) -> None:
    """In a manifest of the second life, or for the third one where it wrote no file any more."""
    frames = [one for one in inputs()[:captured] if one.direction.value == "recv"]
    carried = json.loads((second.session.path / "rows.json").read_text())["carried"]
    for kind in ("trade", "top"):
        own = [one for one in manifests(data).values() if (one["session"], one["type"]) == (second.session.id, kind)]
        gaps = [gap for one in own for gap in one["gaps"]]
        gaps += [gap for key, one in carried.items() if key.startswith(kind) for gap in one["gaps"]]
        closed = [gap for gap in gaps if gap["kind"] == "closed"]
        if any(f"{kind}/" in key for key in _carried(stage)) and frames:
            assert {gap["from_ms"] for gap in closed} == {frames[-1].at // 1_000_000}, kind
        assert all(gap["to_ms"] >= gap["from_ms"] + 100_000 for gap in closed)
        assert {gap["kind"] for gap in gaps} <= {"closed", "spill"}


def _carried(stage: Stage) -> list[str]:
    return list(json.loads((stage.session.path / "rows.json").read_text())["carried"])


def test_no_sealed_row_outruns_the_capture() -> None:
    """Whatever a power loss takes of the capture, the inputs of sealed files are in what it leaves."""
    with directory() as data:
        stage = Stage(data, begun(), msgspec.structs.replace(PLAN, max_bytes=1000))
        stage.hear(inputs()[:200])
        stage.kill(1.0)
        captured = list(read(stage.session.path))
        assert 0 < len(captured) < 200
        assert max(one["last_seq"] for one in manifests(data).values()) <= captured[-1].seq


def _leave(data: Path, last: str) -> None:
    """How a crash may leave the file that was being sealed, or written."""
    found = files(data)
    for path in found[-1:] if last != "sealed" else []:
        if last == "torn part":
            torn = path.with_name(path.name.replace("Z-", "Z-9"))
            part_of(torn).write_bytes(b"1,2,3\n4,")
            path.with_name(f".{path.name}.new").write_bytes(path.read_bytes()[:10])
            part_of(torn).unlink()
        else:
            manifest_of(path).unlink()
            part_of(path).write_bytes(b"17672256,half a r")
            if last == "gone":
                path.unlink()


@given(st.data())
@settings(max_examples=2)
def test_spilling_changes_no_row(data: st.DataObject) -> None:
    """Some turns leave more waiting than one turn takes: the rows are the same, and later."""
    pressure = data.draw(st.lists(st.sampled_from([0, 0, 0, 63, SPILL_AT]), min_size=5, max_size=40))
    waits = [0]
    with directory() as place, directory() as other:
        stage = Stage(place, begun(), waiting=lambda: waits[0])
        step = len(inputs()) // len(pressure) + 1
        for number, wait in enumerate(pressure):
            waits[0] = wait
            stage.hear(inputs()[number * step : (number + 1) * step])
        waits[0] = 0
        stage.end()
        assert bool(stage.alarms) is (SPILL_AT in pressure)
        for folder, text in uncut().items():
            assert rows(place, folder) == text, folder
        spills = {gap["kind"] for one in manifests(place).values() for gap in one["gaps"]} & {"spill"}
        assert bool(spills) is bool(stage.alarms)
        again(stage.session, other)
        assert manifests(other) == manifests(place)


def test_what_is_late_is_made_while_other_inputs_come() -> None:
    """After a cut session the next one captures at once, and is in time when both are made."""
    with directory() as data:
        stage = Stage(data, begun())
        stage.hear(inputs()[:400])
        stage.kill(0)
        second = Stage(data, begun() + LATER)
        assert second.collector.is_late
        later = moved(inputs(), LATER)
        second.hear(later[:1])
        assert second.collector.is_late and second.collector.status(second.at)["spilling"] is True
        second.hear(later[1:200])
        assert not second.collector.is_late
        second.collector.looked(second.at + SECOND)
        status = second.session.status()
        assert status["spilling"] is False and {one["symbol"] for one in status["streams"]} >= {"BTCUSDT"}
        second.collector._thread.shutdown()


def test_a_session_without_an_input_is_sealed_too() -> None:
    with directory() as data:
        Stage(data, begun()).kill(1)
        stage = Stage(data, begun() + LATER)
        stage.hear(moved(inputs(), LATER)[:50])
        stage.end()
        first, second = all_sessions(data, VENUE)
        sealed = first.sealed()
        assert sealed is not None and sealed.rows == 0 and second.sealed() is not None


def test_files_are_complete_in_hours_that_nothing_cut() -> None:
    """It began within the first hour and ended within the last."""
    with directory() as data:
        stage = Stage(data, begun())
        frame = inputs()[-1]
        late = [
            msgspec.structs.replace(frame, payload=trade("BTCUSDT", 10**6 + n, frame.at // 10**6)) for n in range(3)
        ]
        stage.hear(moved([*inputs(), *(moved([one], n * HOUR)[0] for n, one in enumerate(late, 1))], 0))
        stage.end()
        complete = [(one["complete"], name) for name, one in manifests(data).items() if "-BTCUSDT-trade-" in name]
        by_hour: dict[str, set[bool]] = {}
        for whole, name in complete:
            by_hour.setdefault(name.split("-")[-2], set()).add(whole)
        assert [by_hour[hour] for hour in sorted(by_hour)] == [{False}, {True}, {True}, {True}, {False}]


def test_rows_json_is_what_the_next_life_reads() -> None:
    with directory() as data:
        stage = Stage(data, begun())
        stage.hear(inputs())
        stage.end()
        carried = json.loads((stage.session.path / "rows.json").read_text())["carried"]
        for symbol in ("BTCUSDT", "ETHUSDT"):
            assert carried[f"trade/{symbol}"]["ids"] == traded(inputs(), symbol)[-1000:]


@pytest.mark.parametrize("plan", [PLAN, msgspec.structs.replace(PLAN, wanted=(Wanted("top"),))])
def test_a_connection_that_was_lost_is_a_gap_of_every_stream(plan: Plan) -> None:
    """Trades: from its last frame to the first one of the next connection; a book: from its last update that was in
    order until it is proven again."""
    replace = msgspec.structs.replace
    half, opening = len(inputs()) // 2, [one for one in inputs()[:4] if one.direction.value != "recv"]
    pause = 7 * SECOND
    last = inputs()[half - 1]
    closing = replace(last, direction=Direction.CLOSE, payload=b"gone away", at=last.at + SECOND)
    again = [replace(one, at=last.at + pause + n) for n, one in enumerate([*opening, *inputs()[4 : half // 2]])]
    told_again = [*inputs()[:half], closing, *again]
    updates = {}
    for entry in inputs()[:half]:
        if b'"depthUpdate"' in entry.payload:
            update = json.loads(entry.payload)["data"]
            updates[update["s"]] = min(update["E"], entry.at // 1_000_000)
    with directory() as data:
        stage = Stage(data, begun(), plan)
        stage.hear(moved(told_again, 0))
        stage.end()
        for kind in (wanted.kind for wanted in plan.wanted):
            named = [gap for one in manifests(data).values() if one["type"] == kind for gap in one["gaps"]]
            carried = json.loads((stage.session.path / "rows.json").read_text())["carried"]
            named += [gap for key, one in carried.items() if key.startswith(kind) for gap in one["gaps"]]
            assert (
                named
                and {gap["kind"] for gap in named} == {"closed"}
                and {gap["text"] for gap in named} == {"gone away"}
            )
            since = {last.at // 1_000_000} if kind in ("trade", "candle") else set(updates.values())
            assert {gap["from_ms"] for gap in named} == since
            assert all(last.at + pause <= gap["to_ms"] * 1_000_000 + 999_999 for gap in named)


def test_the_newest_depth_is_beside() -> None:
    with directory() as data:
        stage = Stage(data, begun())
        stage.hear(inputs())
        stage.collector.looked(stage.at + 2 * SECOND)
        depth = json.loads((data / "collected" / VENUE / "depth" / "BTCUSDT.json").read_text())
        stage.end()
        last = [line for line in rows(data, "top").splitlines() if ",BTCUSDT," in line][-1].split(",")
        assert [depth["bids"][0][0], depth["asks"][0][0]] == last[3:5] and 5 < len(depth["bids"]) <= 40
        prices = [float(price) for price, _ in depth["bids"]]
        assert prices == sorted(prices, reverse=True) and prices[0] < float(depth["asks"][0][0])
