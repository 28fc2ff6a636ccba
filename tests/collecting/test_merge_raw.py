"""Captures of two collectors as one: what is derived of it is what is derived of an unbroken recording."""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from recordings import RECORDINGS, needs_recordings

from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.capture.reader import Capture
from cryptopipe.capture.writer import Writer
from cryptopipe.cli import main
from cryptopipe.collect.again import from_raw
from cryptopipe.collect.plan import Plan, Wanted
from cryptopipe.registry import exchange

MS, SECOND = 1_000_000, 1_000_000_000
KIND = {"O": Direction.OPEN, "C": Direction.CLOSE, "r": Direction.RECV, "t": Direction.TICK}


def inputs(text: str, said: str = "") -> list[Input]:
    """`O1 r2 r3 C9 t9`: what happened at which second, on one connection; `said` makes frames differ."""
    found = []
    for seq, word in enumerate(text.split(), 1):
        at, direction = int(word[1:]) * SECOND, KIND[word[0]]
        conn = "" if direction is Direction.TICK else "alpha#1"
        venue = "alpha" if conn else ""
        found.append(Input(seq, seq, at, direction, venue, conn, "", f"{said}{word}".encode() if conn else b""))
    return found


def written(directory: Path, entries: Sequence[Input]) -> Path:
    with Writer(directory) as writer:
        for entry in entries:
            writer.append(entry)
    return directory


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, Any]:
    code = main(["merge", *map(str, arguments), "--json"])
    return code, json.loads(capsys.readouterr().out)


def shown(path: Path) -> list[str]:
    return [f"{entry.conn.removeprefix('alpha')} {entry.payload.decode()}".strip() for entry in Capture(path)]


def test_with_itself_it_is_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Numbers and turns too: another collector that heard the very same adds nothing."""
    own = [msgspec.structs.replace(one, turn=(one.seq + 1) // 2) for one in inputs("O1 r2 t3 r4 C9 O12 r13 t14")]
    one, other = written(tmp_path / "a", own), written(tmp_path / "b", own)
    code, document = run(capsys, one, other, "--to", tmp_path / "to")
    assert code == 0 and list(Capture(tmp_path / "to")) == own
    assert sorted(document["taken"].values()) == [0, 8] and document["inputs"] == 8


def test_a_connection_is_relieved_by_one_that_opened_before_its_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of those that did, by the one that lasts longest; each whole, by the name of a replacement; in any order."""
    first = written(tmp_path / "a", inputs("O1 r2 r16 C17 O70 r71 C90", "a"))
    second = written(tmp_path / "b", inputs("O13 r14 C19", "b"))
    third = written(tmp_path / "c", inputs("O15 r18 r72 C75", "c"))
    expected = [
        "#1 aO1", "#1 ar2", "#1+ cO15", "#1 ar16", "#1 aC17", "#1+ cr18", "#1 aO70", "#1 ar71", "#1+ cr72", "#1+ cC75",
        "#1 aC90",
    ]  # fmt: skip
    for number, order in enumerate(((first, second, third), (third, second, first))):
        code, document = run(capsys, *order, "--to", tmp_path / f"to{number}")
        assert (code, document["missing"]) == (0, [])
        assert shown(tmp_path / f"to{number}") == expected
        assert [entry.seq for entry in Capture(tmp_path / f"to{number}")] == list(range(1, 12))


def test_a_hole_that_nobody_fills_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And the connection that its source did not see the end of is closed there: nobody knows it any more."""
    first = written(tmp_path / "a", inputs("O1 r2 r6", "a"))
    second = written(tmp_path / "b", inputs("O20 r22", "b"))
    _, document = run(capsys, first, second, "--to", tmp_path / "to")
    ((hole,),) = [document["missing"]]
    assert hole["conn"] == "alpha#1"
    assert (hole["from"][-13:], hole["to"][-13:]) == ("06.000000000Z", "20.000000000Z")
    assert shown(tmp_path / "to") == ["#1 aO1", "#1 ar2", "#1 ar6", "#1 end of recording", "#1 bO20", "#1 br22"]


def test_of_two_that_open_together_the_longer_one_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither has books yet that the other could take over; what only the shorter one heard is told to be missing."""
    first = written(tmp_path / "a", inputs("O1 r2 C30", "a"))
    second = written(tmp_path / "b", inputs("O5 r6 r31", "b"))
    _, document = run(capsys, first, second, "--to", tmp_path / "to")
    assert shown(tmp_path / "to") == ["#1 bO5", "#1 br6", "#1 br31"]
    assert [(one["from"][-13:-11], one["to"][-13:-11]) for one in document["missing"]] == [("01", "05")]


def test_one_that_cannot_be_relieved_in_time_is_passed_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The third opens four seconds after the second, which opened seven after the first and lasts longer than that: the
    first and the third have everything.
    """
    first = written(tmp_path / "a", inputs("O1 r2 C30", "a"))
    second = written(tmp_path / "b", inputs("O8 r9 C40", "b"))
    third = written(tmp_path / "c", inputs("O12 r13 C60", "c"))
    _, document = run(capsys, first, second, third, "--to", tmp_path / "to")
    assert shown(tmp_path / "to") == ["#1 aO1", "#1 ar2", "#1+ cO12", "#1+ cr13", "#1 aC30", "#1+ cC60"]
    assert document["missing"] == []


def test_a_quiet_connection_lasts_as_long_as_its_collector(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It has no end in its capture. One that opened without a word of it, in a recording, is opened in the result; a
    tick that two collectors have is one.
    """
    own = inputs("O1 r2 t3 r25", "a")
    own[-1] = msgspec.structs.replace(own[-1], conn="alpha#2")
    first, second = written(tmp_path / "a", own), written(tmp_path / "b", inputs("t3 r15 r26", "b"))
    _, document = run(capsys, first, second, "--to", tmp_path / "to")
    assert document["missing"] == []
    assert shown(tmp_path / "to") == [
        "#1 aO1", "#1 ar2", "", "#1+", "#1+ br15", "#2 ar25", "#1 end of recording", "#1+ br26"
    ]  # fmt: skip
    assert [entry.conn for entry in Capture(tmp_path / "to") if entry.direction is Direction.OPEN] == [
        "alpha#1", "alpha#1+"
    ]  # fmt: skip


def test_captures_and_rows_do_not_mix(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = written(tmp_path / "a", inputs("O1 r2"))
    (tmp_path / "rows.csv").write_text("1,S,1,1,1,1,True\n")
    for arguments, words in (
        ([first, tmp_path / "rows.csv", "--to", tmp_path / "x"], "is no capture"),
        ([first, first, "--to", tmp_path / "x"], "named twice"),
        ([first, written(tmp_path / "b", inputs("O1")), "--to", first], "not empty"),
        ([first, tmp_path / "b", "--to", tmp_path / "x", "--prefer", first], "nothing of captures"),
    ):
        code, document = run(capsys, *arguments)
        assert code == 2 and words in document["error"]["message"]


def rows(path: Path, venue: str, symbol: str, to: Path) -> dict[str, str]:
    """What a collector derives of a capture, by kind."""
    wanted = (Wanted("trade"), Wanted("book", 100, 5))
    plan = Plan(venue, (symbol,), wanted)
    from_raw([path], exchange(venue), lambda told: plan, to, lambda: 0)
    found: dict[str, str] = {}
    for file in sorted(to.rglob("*.csv.gz")):
        kind = file.relative_to(to / "collected" / venue).parts[0]
        found[kind] = found.get(kind, "") + gzip.decompress(file.read_bytes()).decode()
    return found


def joined_later(own: Sequence[Input], opens: int, snapshot_after: int) -> list[Input]:
    """What a collector would have that opened at an input and got its snapshot so many inputs later: a book kept by
    dictionaries from the recorded snapshot on, told as the venue tells one (`lastUpdateId`, `bids`, `asks`).
    """
    sides: dict[str, dict[str, str]] = {"b": {}, "a": {}}
    version, before = 0, list[dict[str, Any]]()
    for entry in own[: opens + snapshot_after]:
        told = json.loads(entry.payload)
        if entry.direction is Direction.HTTP:
            version = told["lastUpdateId"]
            sides = {"b": dict(told["bids"]), "a": dict(told["asks"])}
            deltas, before = before, []
        else:
            data = told.get("data", told)
            deltas = [data] if data.get("e") == "depthUpdate" else []
            if not version:
                before += deltas
                continue
        for delta in deltas:
            if delta["u"] > version:
                version = delta["u"]
                for side in "ba":
                    for price, size in delta[side]:
                        sides[side][price] = size
                        if not size.strip("0."):
                            del sides[side][price]
    at, conn = own[opens].at, own[opens].conn
    body = {"lastUpdateId": version, "bids": [*sides["b"].items()], "asks": [*sides["a"].items()]}
    opening = Input(0, 0, at, Direction.OPEN, own[0].venue, conn, "", b"")
    place = opens + snapshot_after
    answer = Input(0, 0, own[place].at, Direction.HTTP, own[0].venue, conn, "", json.dumps(body).encode(), 200)
    return [opening, *own[opens:place], answer, *own[place:]]


def check_relieved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], venue: str, name: str, count: int | None
) -> None:
    """One collector dies after two thirds. The other one opened when a third was over, elsewhere: three milliseconds
    later it hears the same. Neither a trade nor a state of the book is lost, repeated or changed.
    """
    own = list(Capture(RECORDINGS / name, venue))[:count]
    dies, opens = len(own) * 2 // 3, len(own) // 3
    end = Input(0, 0, own[dies].at, Direction.CLOSE, venue, own[0].conn, "", b"died")
    later = [msgspec.structs.replace(one, at=one.at + 3 * MS) for one in joined_later(own, opens, 40)]
    parts = {"a": [*own[:dies], end], "b": later, "w": own}
    for part, entries in parts.items():
        written(tmp_path / part, [msgspec.structs.replace(one, seq=n, turn=n) for n, one in enumerate(entries, 1)])
    code, document = run(capsys, tmp_path / "a", tmp_path / "b", "--to", tmp_path / "to")
    assert code == 0 and document["missing"] == []
    assert set(document["taken"].values()) == {len(parts["a"]), len(parts["b"])}
    expected = rows(tmp_path / "w", venue, "BTCUSDT", tmp_path / "x")
    assert len(expected) == 2 and all(text.count("\n") > 100 for text in expected.values())
    assert rows(tmp_path / "to", venue, "BTCUSDT", tmp_path / "y") == expected
    assert rows(tmp_path / "a", venue, "BTCUSDT", tmp_path / "z") != expected


@needs_recordings
def test_what_is_derived_of_relieved_connections_is_unbroken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check_relieved(tmp_path, capsys, "binance", "binance/spot_btcusdt_20240808.jsonl.gz", 3600)


@pytest.mark.long
@needs_recordings
@pytest.mark.parametrize(
    ("venue", "name"),
    [
        ("binance", "binance/spot_btcusdt_20240808.jsonl.gz"),
        ("binance_usdm", "binance_usdm/btcusdt_20240808.jsonl.gz"),
    ],
)
def test_so_it_is_of_whole_recordings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], venue: str, name: str
) -> None:
    check_relieved(tmp_path, capsys, venue, name, None)
