"""Each planted defect is found by the check that is for it; on clean files none finds anything."""

import gzip
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from collecting.quality_files import (
    HEADERS,
    HOUR_MS,
    MS,
    RECORDED,
    Stream,
    candles,
    edited,
    moved,
    recorded,
    seal,
    write_manifest,
)
from recordings import needs_recordings

from cryptopipe.quality.checks import CHECKS
from cryptopipe.quality.examine import Report, examine, found_files
from cryptopipe.quality.verdict import Verdict
from cryptopipe.settings.quality import QualitySettings, RowRange

AT = 2_000_000_000 * 10**9
LIMITS = QualitySettings(keep_free_mb=0)


def judged(data_dir: Path, limits: QualitySettings = LIMITS, at: int = AT) -> Report:
    return examine(found_files([], data_dir, 0, at), limits, at)


@pytest.fixture(scope="module")
def streams() -> dict[str, Stream]:
    """Of one symbol trades, books, tops and candles of ten seconds."""
    found = recorded("binance", 4000)
    kinds = {kind: stream for (_, kind), stream in found.items()}
    trades = kinds["trade"]
    kinds["trade"] = edited(trades, dict.fromkeys(range(300, len(trades.rows))))
    kinds["top"] = edited(kinds["top"], dict.fromkeys(range(150, len(kinds["top"].rows))))
    return {**kinds, "candle": candles(trades)}


def cells(stream: Stream, at: int, **new: str) -> Stream:
    """With some cells of a row written otherwise."""
    names = {
        "trade": ["event", "symbol", "id", "price", "size", "met", "maker"],
        "book": ["event", "symbol", "side", "price", "size", "level"],
        "top": ["ts", "provider", "symbol", "bid", "ask", "spread", "mid"],
        "candle": ["open_time", "symbol", "open", "high", "low", "close", "volume", "trades"],
    }[stream.kind]
    row = dict(zip(names, stream.rows[at].split(","), strict=True))
    return edited(stream, {at: ",".join({**row, **new}.values())})


def swapped(stream: Stream, a: int, b: int) -> Stream:
    return edited(stream, {a: stream.rows[b], b: stream.rows[a]})


def doubled(stream: Stream, begin: int, end: int) -> Stream:
    """With some rows a second time behind themselves."""
    more = list(stream.rows[:end]) + stream.rows[begin:]
    times = [one[:end] + one[begin:] for one in (stream.events, stream.received)]
    return replace(stream, rows=more, events=times[0], received=times[1])


def rewritten(file: Path, change: Callable[[bytes], bytes], truly: bool = True) -> Path:
    """The text of a file written otherwise, with a manifest that knows it."""
    file.write_bytes(gzip.compress(change(gzip.decompress(file.read_bytes())), 1, mtime=0))
    if truly:
        refreshed(file)
    return file


def refreshed(file: Path, **told: Any) -> Path:
    """A manifest that is true of its file's bytes, and says something else besides."""
    facts = json.loads(file.with_name(f"{file.name}.json").read_text())
    del facts["bytes"], facts["sha256"]
    write_manifest(file, {**facts, **told})
    return file


def of_bytes(file: Path, change: Callable[[bytes], bytes], truly: bool = True) -> Path:
    file.write_bytes(change(file.read_bytes()))
    return refreshed(file) if truly else file


def in_line(number: int, change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    def changed(text: bytes) -> bytes:
        lines = text.split(b"\n")
        lines[number] = change(lines[number])
        return b"\n".join(lines)

    return changed


def flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0x10]) + data[middle + 1 :]


def half(stream: Stream, factor: str) -> Stream:
    """With other prices in the second half."""
    rows = {}
    for at in range(len(stream.rows) // 2, len(stream.rows)):
        one = stream.rows[at].split(",")
        one[3] = f"{float(one[3]) * float(factor):.2f}"
        rows[at] = ",".join(one)
    return edited(stream, rows)


def forgotten(file: Path) -> Path:
    manifest = file.with_name(f"{file.name}.json")
    manifest.unlink()
    return file


def told(file: Path, text: str) -> Path:
    file.with_name(f"{file.name}.json").write_text(text)
    return file


def parquet_without(file: Path, column: str) -> Path:
    from pyarrow import parquet

    parquet.write_table(parquet.read_table(file).drop_columns([column]), file)
    return refreshed(file)


def late(stream: Stream, by_ms: int) -> Stream:
    return replace(stream, received=[at + by_ms * MS for at in stream.received])


def quiet(stream: Stream, from_row: int, ms: int) -> Stream:
    """With a pause that nobody tells: the ids go on."""
    after = moved(edited(stream, dict.fromkeys(range(from_row))), ms)
    before = edited(stream, dict.fromkeys(range(from_row, len(stream.rows))))
    return replace(
        stream, rows=before.rows + after.rows, events=before.events + after.events,
        received=before.received + after.received,
    )  # fmt: skip


def with_book(place: Path, streams: dict[str, Stream], trades: Stream, kind: str) -> Path:
    seal(place, streams[kind])
    return seal(place, trades)


GAP = {"from_ms": 1723161270000, "to_ms": 1723161280000, "kind": "closed", "text": "connection reset", "filled": 0}
Plant = Callable[[Path, dict[str, Stream]], object]

PLANTED: dict[str, tuple[str, Plant]] = {
    "cut off": ("file.packing", lambda p, s: of_bytes(seal(p, s["trade"]), lambda b: b[: len(b) // 2])),
    "flipped bit": ("file.packing", lambda p, s: of_bytes(seal(p, s["book"]), flipped)),
    "bytes behind the end": ("file.packing", lambda p, s: of_bytes(seal(p, s["top"]), lambda b: b + b"junk")),
    "not one byte": ("file.packing", lambda p, s: of_bytes(seal(p, s["top"]), lambda b: b"")),
    "damaged parquet": ("file.packing", lambda p, s: of_bytes(seal(p, s["trade"], form="parquet"), lambda b: b[:-9])),
    "NUL in a row": (
        "file.text", lambda p, s: rewritten(seal(p, s["trade"]), in_line(7, lambda line: line.replace(b".", b"\0", 1)))
    ),
    "no UTF-8": ("file.text", lambda p, s: rewritten(seal(p, s["book"]), in_line(9, lambda line: line + b"\xff"))),
    "CRLF": ("file.text", lambda p, s: rewritten(seal(p, s["top"]), lambda text: text.replace(b"\n", b"\r\n"))),
    "column lost": ("file.columns", lambda p, s: parquet_without(seal(p, s["book"], form="parquet"), "level")),
    "no manifest": ("manifest.there", lambda p, s: forgotten(seal(p, s["trade"]))),
    "torn manifest": ("manifest.there", lambda p, s: told(seal(p, s["trade"]), '{"schema":1,"file":"b')),
    "packed again": (
        "manifest.hash", lambda p, s: rewritten(seal(p, s["book"]), lambda text: text + text[-60:], truly=False)
    ),
    "another's manifest": ("manifest.name", lambda p, s: seal(p, s["book"], symbol="ETHUSDT")),
    "another hour": (
        "manifest.name", lambda p, s: seal(p, s["trade"], first_received_at="2024-08-08T22:54:14.000000000Z")
    ),
    "a row lost": ("manifest.rows", lambda p, s: seal(p, edited(s["book"], {40: None}), rows=len(s["book"].rows))),
    "other times": ("manifest.times", lambda p, s: seal(p, s["book"], last_event_ms=1723161999999)),
    "no row": ("rows.none", lambda p, s: seal(p, edited(s["book"], dict.fromkeys(range(len(s["book"].rows)))))),
    "empty line": ("rows.blank", lambda p, s: rewritten(seal(p, s["trade"]), in_line(5, lambda line: line + b"\n"))),
    "last row torn": ("rows.torn", lambda p, s: rewritten(seal(p, s["book"]), lambda text: text[:-9])),
    "last row whole, no end": ("rows.torn", lambda p, s: rewritten(seal(p, s["book"]), lambda text: text[:-1])),
    "a cell too few": (
        "rows.torn", lambda p, s: rewritten(seal(p, s["trade"]), in_line(30, lambda line: line.rpartition(b",")[0]))
    ),
    "a cell too many": ("rows.torn", lambda p, s: rewritten(seal(p, s["top"]), in_line(3, lambda line: line + b",1"))),
    "header lost": ("rows.header", lambda p, s: rewritten(seal(p, s["top"]), lambda text: text.split(b"\n", 1)[1])),
    "header again": (
        "rows.header",
        lambda p, s: rewritten(seal(p, s["top"]), in_line(9, lambda line: line + b"\n" + HEADERS["top"].encode())),
    ),
    "price missing": ("values.missing", lambda p, s: seal(p, cells(s["trade"], 11, price=""))),
    "id missing": ("values.missing", lambda p, s: seal(p, cells(s["trade"], 11, id=""))),
    "mid missing": ("values.missing", lambda p, s: seal(p, cells(s["top"], 11, mid=""))),
    "prices of no trade": ("values.missing", lambda p, s: seal(p, cells(s["candle"], 2, trades="0"))),
    "exponent": ("values.format", lambda p, s: seal(p, cells(s["trade"], 12, size="1e-5"))),
    "not a number": ("values.format", lambda p, s: seal(p, cells(s["book"], 12, price="nan"))),
    "flag in lower case": ("values.format", lambda p, s: seal(p, cells(s["trade"], 12, maker="true"))),
    "trailing zero": ("values.format", lambda p, s: seal(p, cells(s["book"], 12, size="1.50"))),
    "seconds for milliseconds": ("values.format", lambda p, s: seal(p, cells(s["trade"], 12, met="1723161254"))),
    "side in words": ("values.format", lambda p, s: seal(p, cells(s["book"], 12, side="bid"))),
    "another symbol": ("values.names", lambda p, s: seal(p, cells(s["book"], 13, symbol="ETHUSDT"))),
    "another venue": ("values.names", lambda p, s: seal(p, cells(s["top"], 13, provider="other"))),
    "no size": ("values.positive", lambda p, s: seal(p, cells(s["book"], 14, size="0"))),
    "price below zero": ("values.positive", lambda p, s: seal(p, cells(s["trade"], 14, price="-61837.63000000"))),
    "a trade twice": ("duplicates.id", lambda p, s: seal(p, doubled(s["trade"], 20, 21))),
    "a block of tops twice": ("duplicates.row", lambda p, s: seal(p, doubled(s["top"], 20, 21))),
    "a state twice": ("duplicates.level", lambda p, s: seal(p, doubled(s["book"], 20, 30))),
    "rows swapped": ("time.order", lambda p, s: seal(p, swapped(s["trade"], 50, 90))),
    "a time to come": (
        "time.range", lambda p, s: seal(p, cells(s["trade"], -1 % len(s["trade"].rows), event="1723165255343"))
    ),
    "told gap": ("gaps.told", lambda p, s: seal(p, s["trade"], gaps=[{**GAP, "missing": None}])),
    "gap filled in part": (
        "gaps.told", lambda p, s: seal(p, s["trade"], gaps=[{**GAP, "kind": "trade_ids", "filled": 5, "missing": 4}])
    ),
    "trades lost": ("gaps.ids", lambda p, s: seal(p, edited(s["trade"], dict.fromkeys(range(100, 103))))),
    "silence": ("gaps.silence", lambda p, s: seal(p, quiet(s["trade"], 150, 90_000))),
    "too few rows": ("rows.expected", lambda p, s: seal(p, s["top"], complete=True)),
    "too many rows": ("rows.expected", lambda p, s: seal(p, s["candle"])),
    "crossed book": ("book.crossed", lambda p, s: seal(p, cells(s["book"], 20, price="99999"))),
    "levels out of order": ("book.levels", lambda p, s: seal(p, swapped(s["book"], 22, 24))),
    "prices out of order": ("book.levels", lambda p, s: seal(p, cells(s["book"], 26, price="1.5"))),
    "a level left out": ("book.levels", lambda p, s: seal(p, edited(s["book"], {24: None}))),
    "too deep": ("book.levels", lambda p, s: seal(p, s["book"], depth=4)),
    "two states in a second": ("book.grid", lambda p, s: seal(p, s["book"], interval_ms=2000)),
    "crossed top": ("top.crossed", lambda p, s: seal(p, cells(s["top"], 30, bid="61999", ask="61998"))),
    "wrong spread": ("top.sums", lambda p, s: seal(p, cells(s["top"], 31, spread="0.02"))),
    "a wild price": ("price.jump", lambda p, s: seal(p, cells(s["trade"], 200, price="64000.00000000"))),
    "the first price wild": ("price.jump", lambda p, s: seal(p, cells(s["trade"], 0, price="64000.00000000"))),
    "prices of another scale": ("price.jump", lambda p, s: seal(p, half(s["trade"], "1.5"))),
    "clock behind": ("clock.offset", lambda p, s: seal(p, late(s["trade"], -9_000))),
    "clock ahead": ("clock.offset", lambda p, s: seal(p, late(s["book"], 9_000))),
    "trade outside the book": (
        "trades.book", lambda p, s: with_book(p, s, cells(s["trade"], 77, price="62800.00000000"), "book")
    ),
    "trade outside the tops": (
        "trades.book", lambda p, s: with_book(p, s, cells(s["trade"], 77, price="61000.00000000"), "top")
    ),
    "low above open": ("candle.prices", lambda p, s: seal(p, cells(s["candle"], 3, low="61900"))),
    "interval left out": ("candle.grid", lambda p, s: seal(p, edited(s["candle"], {3: None}))),
    "off the grid": ("candle.grid", lambda p, s: seal(p, cells(s["candle"], 0, open_time="1723161251000"))),
}  # fmt: skip
"""By its name the check that should find it, and how it is planted."""

GIVEN = QualitySettings.model_validate(
    {"keep_free_mb": 0, "rows": {"*/top/*": RowRange(least=1000), "*/candle-*/*": RowRange(most=3)},
     "silence": {"*/*/*": "1m"}}
)  # fmt: skip


FIRST = {check: name for name, (check, _) in reversed(PLANTED.items())}
"""Of each check the first defect; the others are planted in the long part."""
OTHERS = sorted(set(PLANTED) - set(FIRST.values()))


def judged_plants(names: Iterable[str], streams: dict[str, Stream], root: Path) -> dict[str, list[Verdict]]:
    """Of these defects, all judged in one run."""
    files: list[Path] = []
    for name in names:
        PLANTED[name][1](root / name, streams)
        files += found_files([root / name], root, 0, AT)
    report = examine(files, GIVEN, AT)
    assert not report.refused
    found: dict[str, list[Verdict]] = {}
    for file, verdict in report.judged:
        found.setdefault(file.relative_to(root).parts[0], []).append(verdict)
    return found


@pytest.fixture(scope="module")
def verdicts(streams: dict[str, Stream], tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Verdict]]:
    return judged_plants(FIRST.values(), streams, tmp_path_factory.mktemp("planted"))


@pytest.fixture(scope="module")
def other_verdicts(streams: dict[str, Stream], tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Verdict]]:
    return judged_plants(OTHERS, streams, tmp_path_factory.mktemp("others"))


def assert_found(name: str, verdicts: list[Verdict]) -> None:
    outcomes = [one for verdict in verdicts for one in verdict.failed]
    found = {one.name: one for one in outcomes}
    assert PLANTED[name][0] in found, sorted(found)
    assert found[PLANTED[name][0]].count >= 1
    assert not [one.detail for one in outcomes if one.detail.startswith("could not")]
    assert any(verdict.verdict != "pass" for verdict in verdicts)


@needs_recordings
@pytest.mark.parametrize("name", FIRST.values())
def test_a_planted_defect_is_found_by_its_check(name: str, verdicts: dict[str, list[Verdict]]) -> None:
    assert_found(name, verdicts[name])


@needs_recordings
@pytest.mark.long
@pytest.mark.parametrize("name", OTHERS)
def test_another_planted_defect_is_found_by_its_check(name: str, other_verdicts: dict[str, list[Verdict]]) -> None:
    assert_found(name, other_verdicts[name])


def test_every_check_has_a_planted_defect() -> None:
    elsewhere = {"clock.drift"}  # needs several files, below
    assert {one.name for one in CHECKS} - elsewhere == set(FIRST)
    assert len(FIRST) >= 30


def faults(report: Report) -> list[tuple[str, str, list[Any]]]:
    return [
        (file.name, one.name, [*one.examples, one.detail]) for file, verdict in report.judged for one in verdict.failed
    ]  # fmt: skip


def sealed(data_dir: Path, streams: Iterable[Stream]) -> None:
    for stream in streams:
        seal(data_dir, stream)
        if stream.kind == "trade":
            seal(data_dir, stream, form="parquet", number=2)
            old = {at: None for at, ms in enumerate(stream.events) if ms < stream.received[at] // MS - 60_000}
            if len(old) < len(stream.rows):
                seal(data_dir, candles(edited(stream, old)))


@needs_recordings
def test_nothing_is_found_in_clean_files(tmp_path: Path) -> None:
    """Of every venue the symbol of which most is told, in the first part of its recording: books and trades."""
    for place, venue in enumerate(RECORDED):
        found = recorded(venue, 700)
        symbols = {symbol for symbol, _ in found}
        most = max(symbols, key=lambda symbol: (sum(s == symbol for s, _ in found), symbol))
        seal(tmp_path, found[most, "book" if place % 2 else "trade" if (most, "trade") in found else "top"])
    report = judged(tmp_path)
    assert faults(report) == [] and not report.refused
    assert report.ok and report.counts()["pass"] == len(report.judged) == len(RECORDED)


@needs_recordings
@pytest.mark.long
def test_nothing_is_found_in_any_recording(tmp_path: Path) -> None:
    for venue in RECORDED:
        sealed(tmp_path, recorded(venue).values())
    report = judged(tmp_path)
    assert faults(report) == [] and not report.refused
    assert len(report.judged) >= 150


@needs_recordings
def test_the_example_of_a_defect_is_its_line(verdicts: dict[str, list[Verdict]]) -> None:
    """Counted from 1 as an editor does, with the header."""
    wanted = {"price missing": 12, "NUL in a row": 8, "empty line": 7, "wrong spread": 33, "a wild price": 201}
    for name, line in wanted.items():
        (outcome,) = [one for one in verdicts[name][0].failed if one.name == PLANTED[name][0]]
        assert outcome.examples[0].line == line, name
        assert outcome.count == 1


def days(stream: Stream, count: int, drift_ms: int = 0) -> list[Stream]:
    """The same rows on following days, each received later by so much."""
    return [late(moved(stream, at * 24 * HOUR_MS), at * drift_ms) for at in range(count)]


@needs_recordings
def test_rows_and_silence_are_learned_from_former_days(streams: dict[str, Stream], tmp_path: Path) -> None:
    book = edited(streams["book"], dict.fromkeys(range(100, len(streams["book"].rows))))
    limits = QualitySettings(keep_free_mb=0, needs=4)
    *former, last = days(book, 5)
    for stream in former:
        seal(tmp_path, stream, complete=True)
    assert faults(judged(tmp_path, limits)) == []
    few = edited(last, dict.fromkeys(range(60, 100)))
    seal(tmp_path, few, complete=True)
    found = faults(judged(tmp_path, limits))
    assert [name for _, name, _ in found] == ["rows.expected"]
    assert "60 rows in the hour" in str(found[0][2])


@needs_recordings
def test_a_whole_hour_that_ends_in_silence_is_found(streams: dict[str, Stream], tmp_path: Path) -> None:
    """Nothing came after the rows, and the manifest tells no gap: the end of the hour counts. If it tells one, not."""
    book = streams["book"]
    seal(tmp_path / "untold", book, complete=True)
    hour = book.events[0] // HOUR_MS * HOUR_MS
    gaps = [{**GAP, "from_ms": hour, "to_ms": hour + HOUR_MS, "filled": 1, "missing": 0}]
    seal(tmp_path / "told", book, complete=True, gaps=gaps)
    assert [name for _, name, _ in faults(judged(tmp_path / "untold", GIVEN))] == ["gaps.silence"]
    assert faults(judged(tmp_path / "told", GIVEN)) == []


@needs_recordings
def test_a_clock_that_drifts_is_found_by_its_trend(streams: dict[str, Stream], tmp_path: Path) -> None:
    book = edited(streams["book"], dict.fromkeys(range(20, len(streams["book"].rows))))
    for hour in range(7):
        seal(tmp_path, late(moved(book, (hour - 8) * HOUR_MS), hour * 100))
    found = faults(judged(tmp_path))
    assert {name for _, name, _ in found} == {"clock.drift"}
    assert "+2400 ms a day" in str(found[-1][2])
