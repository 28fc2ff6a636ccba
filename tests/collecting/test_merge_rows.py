"""Laws of merging rows: a recording with holes, and its copies with other holes, are the recording.

A recording is made by a seed: rows as a collector writes them, in the venue's order. Two copies lose random stretches.
What is expected is always the uncut recording, or plain set arithmetic on it.
"""

import gzip
import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from cryptopipe.cli import main
from cryptopipe.collect.layout import SUFFIXES, Place
from cryptopipe.collect.manifest import Gap
from cryptopipe.collect.merge import Merged, Part, merge_rows
from cryptopipe.collect.merge_missing import still_missing
from cryptopipe.collect.merge_top import merge_top

START = 1_700_000_000_000
KINDS = ("trade", "trade without numbers", "trade without ids", "book", "candle", "l3")
Unit = tuple[str, ...]
"""Rows that are lost or kept together: those of a book at one time."""


def recording(kind: str, seed: int, count: int = 60) -> list[Unit]:
    """Times rise; what has no rank of its own never shares a millisecond with what stands next to it."""
    random, time, units = Random(seed), START, list[Unit]()
    for number in range(count):
        tied = kind == "trade" and random.random() < 0.4
        time += 0 if tied else random.randrange(1, 900)
        price = f"{100 + random.random():.2f}"
        if kind.startswith("trade"):
            name = {"trade": str(5000 + number), "trade without ids": ""}.get(kind, f"{random.getrandbits(32):08x}-x")
            units.append((f"{time},S,{name},{price},0.10,{time - 1},{random.choice(('True', 'False'))}",))
        elif kind == "book":
            time = (time // 1000 + 1) * 1000 + random.randrange(900)
            levels = random.randrange(1, 4)
            units.append(tuple(f"{time},S,{side},{price},1,{n}" for n in range(1, levels + 1) for side in "BA"))
        elif kind == "candle":
            units.append((f"{START + 60_000 * number},S,{price},{price},{price},{price},3,{random.randrange(1, 9)}",))
        else:
            units.append((f"{time},S,B,add,{random.randrange(20)},{price},1",))
    return units


def holes(random: Random, count: int, number: int = 3) -> set[int]:
    """Places of some stretches; neither end is in one."""
    lost: set[int] = set()
    for _ in range(number):
        begin = random.randrange(1, count - 1)
        lost |= set(range(begin, min(count - 1, begin + random.randrange(1, 10))))
    return lost


def part(name: str, units: Sequence[Unit], lost: set[int] = frozenset()) -> Part:  # type: ignore[assignment]
    lines = [line for place, unit in enumerate(units) if place not in lost for line in unit]
    return Part(name, lines, [0] * len(lines))


def flat(units: Sequence[Unit]) -> list[str]:
    return [line for unit in units for line in unit]


def merged(kind: str, *parts: Part, prefer: str | None = None) -> Merged:
    return merge_rows(kind.split(" ")[0], parts, 1000 if kind == "book" else 0, prefer)


@pytest.mark.parametrize("kind", KINDS)
def test_with_itself_it_is_itself(kind: str) -> None:
    for seed in range(8):
        units = recording(kind, seed)
        result = merged(kind, part("a", units), part("b", units))
        assert result.lines == flat(units)
        assert (result.holes, result.conflicts, result.superseded, result.reordered) == ([], [], 0, False)


@pytest.mark.parametrize("kind", KINDS)
def test_holes_that_do_not_overlap_are_filled(kind: str) -> None:
    """Byte for byte; and each hole is told with its filler, as many rows as were cut."""
    for seed in range(15):
        random, units = Random(seed), recording(kind, seed)
        first = holes(random, len(units))
        second = holes(random, len(units)) - first
        result = merged(kind, part("a", units, first), part("b", units, second))
        assert result.lines == flat(units), f"seed {seed}"
        for source, other, lost in (("a", "b", first), ("b", "a", second)):
            told = [hole for hole in result.holes if hole.source == source]
            assert sum(hole.rows for hole in told) == sum(len(units[place]) for place in lost)
            assert all(hole.by == {other: hole.rows} for hole in told)
            assert len(told) == sum(place - 1 not in lost for place in lost)  # stretches


@pytest.mark.parametrize("kind", KINDS)
def test_what_no_source_has_is_missing_and_nothing_else(kind: str) -> None:
    """Of three copies; whatever order they are named in and whatever they are called; never less than one of them."""
    for seed in range(15):
        random, units = Random(seed), recording(kind, seed)
        lost = [holes(random, len(units), 5) for _ in range(3)]
        parts = [part(name, units, one) for name, one in zip("abc", lost, strict=True)]
        result = merged(kind, *parts)
        nobody = lost[0] & lost[1] & lost[2]
        assert result.lines == flat([unit for place, unit in enumerate(units) if place not in nobody])
        assert len(result.lines) >= max(len(one.lines) for one in parts)
        others = [Part(name, one.lines, one.hours) for name, one in zip("zxy", parts, strict=True)]
        random.shuffle(others)
        again = merged(kind, *others)
        assert (again.lines, again.reordered) == (result.lines, result.reordered)


@pytest.mark.parametrize("seed", range(20))
def test_the_ids_that_nobody_was_told_are_named(seed: int) -> None:
    random, units = Random(seed), recording("trade", seed, 200)
    lost = [holes(random, len(units)) for _ in range(2)]
    lost[1] |= set(list(lost[0])[:2])
    parts = [part(name, units, one) for name, one in zip("ab", lost, strict=True)]
    gaps = still_missing("trade", parts, merged("trade", *parts))
    nobody = sorted(lost[0] & lost[1])
    assert sum(gap.missing or 0 for gap in gaps) == len(nobody)
    ids = set()
    for gap in gaps:
        words = gap.text.split(" ")
        ids |= set(range(int(words[1]), int(words[3]) + 1))
        assert gap.kind == "trade_ids"
        assert [int(units[i][0].split(",")[0]) for i in (int(words[1]) - 5001, int(words[3]) - 4999)] == [
            gap.from_ms, gap.to_ms
        ]  # fmt: skip
    assert ids == {5000 + place for place in nobody}


def test_ids_that_do_not_count_are_no_holes() -> None:
    units = [(f"{START + n},S,{n * n},1,1,{START + n},True",) for n in range(1, 60)]
    parts = [part("a", units), part("b", units)]
    assert still_missing("trade", parts, merged("trade", *parts)) == []


def test_silence_of_all_sources_is_missing() -> None:
    units = recording("book", 1)
    time = [int(unit[0].split(",")[0]) for unit in units]
    first = Part("a", flat(units), [0] * len(flat(units)), (Gap(time[3], time[9], "closed", "x"),))
    second = Part("b", first.lines, first.hours, (Gap(time[7], time[12], "resync", "y"),))
    both = merged("book", first, second)
    assert [(gap.from_ms, gap.to_ms) for gap in still_missing("book", [first, second], both)] == [(time[7], time[9])]
    spilled = Part("c", first.lines, first.hours, (Gap(time[7], time[9], "spill", "late"),))
    assert still_missing("book", [first, spilled], both) == []
    early, late = part("a", units[:20]), part("b", units[30:])
    (gap,) = still_missing("book", [early, late], merged("book", early, late))
    assert (gap.from_ms, gap.to_ms) == (time[19], time[30])


def test_the_same_id_with_other_content_is_a_conflict() -> None:
    units = recording("trade", 3)
    forged = list(units)
    forged[7] = (units[7][0].replace(",0.10,", ",0.20,"),)
    for parts in ((part("a", units), part("b", forged)), (part("b", forged), part("a", units))):
        result = merged("trade", *parts)
        (conflict,) = result.conflicts
        assert conflict.key == "S 5007" and conflict.contents == {"a": units[7][0], "b": forged[7][0]}
        assert not result.stands
        chosen = merged("trade", *parts, prefer="b")
        assert chosen.stands and chosen.lines == flat(forged) and len(chosen.conflicts) == 1
    twice = part("a", [*units, forged[7]])
    assert [sorted(one.contents) for one in merged("trade", twice, part("b", units)).conflicts] == [["a", "a (again)"]]


def test_a_preferred_source_that_has_neither_content_settles_nothing() -> None:
    units = recording("trade", 3)
    forged = [*units[:7], (units[7][0].replace(",0.10,", ",0.20,"),), *units[8:]]
    result = merged("trade", part("a", units), part("b", forged), part("c", units, {7}), prefer="c")
    assert not result.stands and not result.conflicts[0].settled


def test_a_trade_of_history_gives_way_to_the_stream() -> None:
    """The same trade told again later by the venue's history has another time of telling, and is no other trade."""
    units = recording("trade", 4)
    identity = units[7][0].split(",")[2]
    late = f"{START + 10**9},{units[7][0].split(',', 1)[1]}"
    early = f"{START - 5},{units[7][0].split(',', 1)[1]}"
    for other in (late, early):
        lines = [*flat(units[:7]), other, *flat(units[8:])]
        history = Part("a", lines, [0] * len(lines), filled=frozenset({identity}))
        result = merged("trade", history, part("b", units))
        assert result.lines == flat(units) and result.retold == 1 and result.stands


def test_of_two_book_states_of_one_interval_the_earlier_is_the_first() -> None:
    """The update that the rule asks for was lost by one collector, which wrote the next one."""
    earlier, later = ("1000,S,B,1,1,1", "1000,S,A,2,1,1"), ("1250,S,B,1,2,1", "1250,S,A,2,1,1")
    after = ("2000,S,B,1,1,1",)
    result = merged("book", part("a", [later, after]), part("b", [earlier, after]))
    assert result.lines == [*earlier, *after] and (result.superseded, result.stands) == (1, True)
    forged = ("1000,S,B,1,9,1", "1000,S,A,2,1,1")
    assert not merged("book", part("a", [forged]), part("b", [earlier])).stands


def test_of_two_candles_the_one_of_more_trades_holds() -> None:
    full, less, other = (f"60000,S,1,2,1,2,{volume}" for volume in ("5,4", "4,3", "6,4"))
    assert merged("candle", part("a", [(less,)]), part("b", [(full,)])).lines == [full]
    assert not merged("candle", part("a", [(other,)]), part("b", [(full,)])).stands


def test_equal_rows_of_one_millisecond_stay_as_many_as_they_were() -> None:
    row = ("5,S,B,reduce,x,1,1",)
    assert merged("l3", part("a", [row, row]), part("b", [row])).lines == [*row, *row]


def test_a_row_is_in_the_file_of_the_hour_in_which_it_was_heard_first() -> None:
    units = recording("trade", 5, 4)
    one, other = Part("a", flat(units), [0, 0, 1, 1]), Part("b", flat(units), [0, 1, 1, 2])
    assert [unit.hour for unit in merged("trade", one, other).units] == [0, 0, 1, 1]
    assert [unit.hour for unit in merged("trade", other, one).units] == [0, 0, 1, 1]


def test_orders_that_contradict_each_other_are_told() -> None:
    one, other = ("5,S,x,1,1,5,True",), ("5,S,y,1,1,5,True",)
    result = merged("trade", part("a", [one, other]), part("b", [other, one]))
    assert result.reordered and sorted(result.lines) == [*one, *other]
    assert result.lines == merged("trade", part("a", [other, one]), part("b", [one, other])).lines


def tops(seed: int, count: int = 60) -> list[tuple[int, str]]:
    """(Microseconds, prices): each other than the one before."""
    random, at, found = Random(seed), START * 1000, list[tuple[int, str]]()
    for number in range(count):
        at += random.randrange(2_000, 900_000)
        found.append((at, f"alpha,S,{100 + number % 7},{101 + number % 5},x,y"))
    return found


def top_part(name: str, rows: Sequence[tuple[int, str]], lost: set[int] = frozenset(), by: int = 0) -> Part:  # type: ignore[assignment]
    """As a collector whose clock is `by` µs ahead has them, with the gaps that it knows of."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    kept = [(at + by, text) for place, (at, text) in enumerate(rows) if place not in lost]
    lines = [f"{(epoch + timedelta(microseconds=at)).isoformat(timespec='microseconds')},{text}" for at, text in kept]
    gaps = [
        Gap((rows[place - 1][0] + by) // 1000, (rows[end][0] + by) // 1000, "closed", "cut")
        for place in sorted(lost)
        if place - 1 not in lost
        for end in [next(n for n in range(place, len(rows)) if n not in lost)]
    ]
    return Part(name, lines, [0] * len(lines), tuple(gaps))


@pytest.mark.parametrize("seed", range(20))
def test_tops_are_patched_where_their_source_was_silent(seed: int) -> None:
    random, rows = Random(seed), tops(seed)
    first = holes(random, len(rows))
    second = holes(random, len(rows)) - first
    whole = top_part("w", rows)
    assert merge_top([whole, top_part("v", rows)]).lines == whole.lines
    one, other = top_part("a", rows, first), top_part("b", rows, second)
    result = merge_top([one, other])
    assert result.lines == whole.lines == merge_top([other, one]).lines
    early, late = top_part("a", rows[:25]), top_part("b", rows[25:])
    assert merge_top([early, late]).lines == whole.lines
    assert merge_top([one, top_part("b", rows, first | second)]).lines == one.lines


@pytest.mark.parametrize("by", [-300_000, -900, 900, 70_000])
@pytest.mark.parametrize("seed", range(6))
def test_tops_of_another_clock_are_neither_mixed_nor_repeated(seed: int, by: int) -> None:
    """Every change of prices once, in order, though no stamp is equal."""
    random, rows = Random(seed), tops(seed)
    first = holes(random, len(rows))
    second = holes(random, len(rows)) - first
    result = merge_top([top_part("a", rows, first), top_part("b", rows, second, by)])
    assert [line.split(",", 1)[1] for line in result.lines] == [text for _, text in rows]


@pytest.mark.parametrize("seed", range(6))
def test_tops_of_a_shaky_clock_are_patched_at_the_changes_of_the_edges(seed: int) -> None:
    """A row may be heard up to a fifth of a second later than its neighbours: no clock tells where a hole begins."""
    random, rows = Random(seed), tops(seed)
    late, shaken = 0, list[tuple[int, str]]()
    for at, text in rows:
        late = max(late + 1, at + random.randrange(200_000))
        shaken.append((late, text))
    result = merge_top([top_part("a", rows, set(range(20, 26))), top_part("b", shaken, set(range(30, 59)))])
    assert [line.split(",", 1)[1] for line in result.lines] == [text for _, text in rows]


def data_dir(
    path: Path, kind: str, units: Sequence[Unit], hours: Sequence[int], symbol: str = "S/T", filled: Sequence[str] = ()
) -> Path:
    """What a collector leaves: a file for each hour that has rows, with a manifest written by hand."""
    folder = {"book": "book-1000ms", "candle": "candle-1m"}.get(kind, kind)
    for hour in sorted(set(hours)):
        own = [unit for unit, of in zip(units, hours, strict=True) if of == hour]
        at = (START // 3_600_000 + hour) * 3_600_000_000_000
        file = Place(path, "alpha", folder, symbol).file(at, 1, "csv")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(gzip.compress("".join(f"{line}\n" for line in flat(own)).encode()))
        told: dict[str, Any] = {
            "schema": 1, "file": file.name, "venue": "alpha", "symbol": symbol, "instrument": "S/T", "type": kind,
            "depth": 5 if kind == "book" else None, "interval_ms": {"book": 1000, "candle": 60_000}.get(kind),
            "format": "csv", "header": False, "rows": len(flat(own)), "bytes": 1, "first_event_ms": 1,
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(), "last_event_ms": 1, "first_received_at": None,
            "last_received_at": None, "session": "x", "capture": "raw/x", "first_seq": 1, "last_seq": 1,
            "complete": hour > 0, "gaps": [], "filled": list(filled), "sealed_at": "x",
        }  # fmt: skip
        file.with_name(file.name + ".json").write_text(json.dumps(told))
    return path


def files_of(path: Path) -> dict[str, str]:
    found = sorted(path.rglob(f"*{SUFFIXES['csv']}"))
    return {one.name: gzip.decompress(one.read_bytes()).decode() for one in found}


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, Any]:
    code = main(["merge", *map(str, arguments), "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("kind", ["trade", "book", "candle", "l3"])
def test_directories_become_the_uncut_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    """File by file, for files begin at the hours of arrival; every file with a manifest that is true of it."""
    random, units = Random(5), recording(kind, 5)
    hours = [place // 25 for place in range(len(units))]
    first = holes(random, len(units))
    second = holes(random, len(units)) - first
    whole = data_dir(tmp_path / "whole", kind, units, hours)
    for name, lost in (("a", first), ("b", second)):
        kept = [place for place in range(len(units)) if place not in lost]
        data_dir(tmp_path / name, kind, [units[place] for place in kept], [hours[place] for place in kept])
    code, document = run(capsys, tmp_path / "a", tmp_path / "b", "--to", tmp_path / "to")
    (stream,) = document["streams"]
    assert code == 0 and stream["rows"] == len(flat(units)) and stream["missing"] == []
    assert files_of(tmp_path / "to") == files_of(whole)
    for file in (tmp_path / "to").rglob("*.csv.gz"):
        told = json.loads(file.with_name(file.name + ".json").read_text())
        data = file.read_bytes()
        assert (told["sha256"], told["bytes"]) == (hashlib.sha256(data).hexdigest(), len(data))
        assert told["rows"] == gzip.decompress(data).count(b"\n") and told["symbol"] == "S/T"
        assert told["complete"] is ("T22Z" not in file.name)  # both sources' first hour was cut by a start
    again = main(["merge", str(tmp_path / "a"), str(tmp_path / "to"), "--to", str(tmp_path / "third")])
    assert again == 0 and files_of(tmp_path / "third") == files_of(whole)
    assert "filled by" in capsys.readouterr().out


def test_disagreement_writes_nothing_of_that_stream(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    units = recording("trade", 3)
    forged = [*units[:7], (units[7][0].replace(",0.10,", ",0.20,"),), *units[8:]]
    one = data_dir(tmp_path / "a", "trade", units, [0] * len(units))
    other = data_dir(tmp_path / "b", "trade", forged, [0] * len(units))
    data_dir(one, "trade", units, [0] * len(units), symbol="OTHER")
    code, document = run(capsys, one, other, "--to", tmp_path / "to")
    assert code == 1 and [stream["written"] for stream in document["streams"]] == [True, False]
    assert document["streams"][1]["conflicts"][0]["contents"] == {str(one): units[7][0], str(other): forged[7][0]}
    assert all("OTHER" in name for name in files_of(tmp_path / "to"))
    code, document = run(capsys, one, other, "--to", tmp_path / "to2", "--prefer", other)
    assert code == 0 and "\n".join(flat(forged)) + "\n" in files_of(tmp_path / "to2").values()


def test_single_files_need_no_manifest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    units = recording("trade", 6)
    for name, own in (("a.csv", units[:40]), ("b.csv", units[20:])):
        (tmp_path / name).write_text("".join(f"{line}\n" for line in flat(own)))
    code, document = run(capsys, tmp_path / "a.csv", tmp_path / "b.csv", "--to", tmp_path / "to")
    (stream,) = document["streams"]
    assert (code, stream["type"], stream["symbol"], stream["rows"]) == (0, "trade", "S", 60)
    assert "".join(files_of(tmp_path / "to").values()) == "".join(f"{line}\n" for line in flat(units))


def test_no_row_is_lost_where_clocks_disagree_about_the_hour(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One collector's clock is behind: what it alone has is in an earlier hour than what comes before it. And what
    nobody has is in the manifest of its hour.
    """
    units = recording("trade", 8, 40)
    for name, places, hours in (("a", [*range(30), *range(33, 40)], 20), ("b", [*range(10), *range(28, 31)], 99)):
        data_dir(tmp_path / name, "trade", [units[n] for n in places], [int(n >= hours) for n in places])
    code, document = run(capsys, tmp_path / "a", tmp_path / "b", "--to", tmp_path / "to")
    (stream,) = document["streams"]
    assert (code, stream["rows"], stream["missing"][0]["missing"]) == (0, 38, 2)
    kept = flat([unit for place, unit in enumerate(units) if place not in (31, 32)])
    assert list(files_of(tmp_path / "to").values()) == [
        "".join(f"{line}\n" for line in lines) for lines in (kept[:20], kept[20:])
    ]
    gaps = [json.loads(one.read_text())["gaps"] for one in sorted((tmp_path / "to").rglob("*.json"))]
    assert [[gap["text"] for gap in one] for one in gaps] == [[], ["ids 5031 to 5032 were told to no source"]]


def test_a_header_is_no_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head = "ts_iso,provider,symbol,bid,ask,spread,mid"
    lines = top_part("x", tops(1, 6)).lines
    (tmp_path / "a.csv").write_text("\n".join([head, *lines[:4], ""]))
    (tmp_path / "b.csv").write_text("\n".join([head, *lines[3:], ""]))
    code, document = run(capsys, tmp_path / "a.csv", tmp_path / "b.csv", "--to", tmp_path / "to")
    assert (code, document["streams"][0]["rows"], document["streams"][0]["venue"]) == (0, 6, "alpha")
    assert list(files_of(tmp_path / "to").values()) == ["\n".join([head, *lines, ""])]


def test_wrong_command_lines_and_damaged_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    units = recording("trade", 6)
    one = data_dir(tmp_path / "a", "trade", units, [0] * len(units))
    other = data_dir(tmp_path / "b", "trade", units, [0] * len(units))
    (tmp_path / "empty").mkdir()
    (tmp_path / "strange.csv").write_text("a,b\n")
    (tmp_path / "torn.csv").write_text("1,S,1,1,1,1,True\n2,S")
    third = data_dir(tmp_path / "c", "trade", units, [0] * len(units))
    (file,) = third.rglob("*.csv.gz")
    file.write_bytes(gzip.compress(b"1,S,1,1,1,1,True\n"))
    for arguments, code, words in (
        ([one, "--to", "x"], 2, "at least two"),
        ([one, other], 2, "nowhere to write"),
        ([one, one, "--to", tmp_path / "x"], 2, "named twice"),
        ([one, tmp_path / "none", "--to", tmp_path / "x"], 2, "no such file"),
        ([one, tmp_path / "empty", "--to", tmp_path / "x"], 2, "no sealed row file"),
        ([one, tmp_path / "strange.csv", "--to", tmp_path / "x"], 2, "neither a manifest nor rows"),
        ([one, tmp_path / "torn.csv", "--to", tmp_path / "x"], 1, "ends within a row"),
        ([one, third, "--to", tmp_path / "x"], 1, "not what was sealed"),
        ([one, other, "--to", one], 2, "already"),
        ([one, other, "--to", tmp_path / "x", "--prefer", third], 2, "none of the sources"),
    ):
        found, document = run(capsys, *arguments)
        assert (found, words in document["error"]["message"]) == (code, True), document
        assert document["error"]["fix"]
    assert not (tmp_path / "x").exists()


@pytest.mark.long
@pytest.mark.parametrize("seed", range(200))
@pytest.mark.parametrize("kind", KINDS)
def test_many_long_recordings(kind: str, seed: int) -> None:
    """Ten times as long, four copies, twelve holes each."""
    random, units = Random(seed), recording(kind, seed, 600)
    lost = [holes(random, len(units), 12) for _ in range(4)]
    parts = [part(name, units, one) for name, one in zip("abcd", lost, strict=True)]
    nobody = set.intersection(*lost)
    assert merged(kind, *parts).lines == flat([unit for place, unit in enumerate(units) if place not in nobody])
