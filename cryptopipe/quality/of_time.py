"""Checks of time: order, holes, silence, how many rows, clocks.

Enters: a subject, with what former files were like. Leaves: what is wrong, and what later files are compared with.
Never: a hole that the manifest tells counted twice.
"""

from dataclasses import replace

from cryptopipe.clock import MILLISECOND, parse_at
from cryptopipe.collect.layout import PART, hour_ms, is_row_file, number_of
from cryptopipe.quality.former import DAY_MS, HOUR_MS, Bounds, learned, slope
from cryptopipe.quality.subject import RIGHT, Check, Found, Subject, whole
from cryptopipe.quality.verdict import CRITICAL, EXAMPLES, WARNING, Example
from cryptopipe.settings.quality import of_stream

SHARE_OF_ONES = 0.9
"""A stream whose trade ids mostly follow one another counts them: a skipped one is a missing trade."""
FEWEST_IDS = 20
FEWEST_OFFSETS = 6
OLDEST_MS = DAY_MS
"""No row is of a time longer before the first stamp of receipt; but the trades that a venue tells at first may be."""

_BACK = """
SELECT line, us // 1000 || ' after ' || before // 1000 AS text FROM (
    SELECT line, us, lag(us) OVER (ORDER BY line) AS before FROM r {looked_at})
WHERE us < before
"""
_RANGE = "SELECT line, us // 1000 || ' (epoch ms)' AS text FROM r WHERE us < $least OR us > $most"
_STEPS = """
WITH ids AS (SELECT line, us, TRY_CAST(trade_id AS BIGINT) AS id FROM r),
steps AS (SELECT line, id, id - lag(id) OVER w AS step, us, lag(us) OVER w AS before FROM ids WHERE id IS NOT NULL
    WINDOW w AS (ORDER BY id))
"""
_SHARE = (
    f"{_STEPS} SELECT count(step), avg((step = 1)::INT), min(id), max(id) FROM steps WHERE step IS NULL OR step > 0"
)
_UNTOLD = """NOT EXISTS (
    SELECT 1 FROM (SELECT unnest($gaps) AS gap) WHERE gap[1] * 1000 <= us AND gap[2] * 1000 + 999 >= before)"""
_SKIPPED = (
    f"{_STEPS} SELECT line, step - 1 || ' missing before trade ' || id AS text FROM steps WHERE step > 1 AND {_UNTOLD}"
)
_LONGEST = f"""
WITH times AS (SELECT line, us, lag(us) OVER (ORDER BY us) AS before FROM (
    SELECT line, us FROM r WHERE us >= $from UNION ALL SELECT unnest($edge_lines), unnest($edges)))
SELECT line, us, before FROM times WHERE us > before AND {_UNTOLD} ORDER BY us - before DESC LIMIT 1
"""


def _order(subject: Subject) -> Found:
    """Trades of the venue's history stand where they were put; what was buffered until a snapshot of single orders came
    is older than that.
    """
    filled = list(subject.manifest.filled) if subject.manifest else []
    looked_at = "WHERE NOT list_contains($filled, trade_id)" if filled and subject.kind == "trade" else ""
    looked_at = "WHERE change <> 'snapshot'" if subject.kind == "l3" else looked_at
    return Found(*subject.rows.offenders(_BACK.format(looked_at=looked_at), filled=filled))


def _range(subject: Subject) -> Found:
    """Around the time in which the file was received; of a top, whose stamp that is, within it."""
    told = subject.manifest
    if told is None or told.first_received_at is None or told.last_received_at is None:
        return RIGHT
    first, last = parse_at(told.first_received_at), parse_at(told.last_received_at)
    early = first if subject.kind == "trade" else OLDEST_MS * MILLISECOND
    late = subject.limits.clock_offset
    if subject.kind == "top":
        early = late = 0
    least, most = (first - early) // 1000, (last + late) // 1000
    found = subject.rows.offenders(_RANGE, least=least, most=most)
    return Found(*found, f"received from {told.first_received_at} to {told.last_received_at}")


def _told_gaps(subject: Subject) -> Found:
    """What is late (`spill`) is there; what is filled, too."""
    gaps = [one for one in (subject.manifest.gaps if subject.manifest else ()) if one.kind != "spill"]
    open_ = [one for one in gaps if one.missing != 0]
    texts = [f"{one.kind} from {one.from_ms} to {one.to_ms}: {one.text}" for one in open_]
    return whole(*texts)


def _gaps(subject: Subject) -> list[list[int]]:
    told = [[one.from_ms, one.to_ms] for one in (subject.manifest.gaps if subject.manifest else ())]
    return told or [[0, -1]]  # a list without elements has no type


def _skipped(subject: Subject) -> Found:
    steps, share, first, last = subject.rows.one(_SHARE)
    if steps < FEWEST_IDS or share < SHARE_OF_ONES:
        return Found(detail=f"ids are not counted one by one ({steps} steps)")
    count, examples = subject.rows.offenders(_SKIPPED, gaps=_gaps(subject))
    found = [*examples]
    hour = hour_ms(subject.file) if is_row_file(subject.file) else 0
    ends = [
        one.measured["last_id"]
        for at in (hour, hour - HOUR_MS) for one in subject.former.parts(at)
        if one.measured.get("last_id", last) < first
    ]  # fmt: skip
    if ends and (missing := first - int(max(ends)) - 1) and not _begins_cut(subject):
        count, found = count + 1, [Example(1, f"{missing} missing since the file before"), *found][:EXAMPLES]
    return Found(count, found, f"ids {first} to {last}")


def _begins_cut(subject: Subject) -> bool:
    """Whether its collector began within the hour, or tells a hole: then what is missing before is no news."""
    told = subject.manifest
    return told is None or not told.complete or bool(told.gaps)


def longest_silence(subject: Subject) -> tuple[int, int, int]:
    """Line, end and length in milliseconds of the longest time without a row that no told gap explains."""
    if subject.silence is None:
        subject.silence = _longest_silence(subject)
    return subject.silence


def _longest_silence(subject: Subject) -> tuple[int, int, int]:
    told, edges = subject.manifest, _edges(subject)
    begin = parse_at(told.first_received_at) if told and told.first_received_at else 0
    given = {"from": (begin - subject.limits.clock_offset) // 1000, "edges": edges, "edge_lines": [0] * len(edges)}
    rows = subject.rows.all(_LONGEST, gaps=_gaps(subject), **given)
    if not rows:
        return 0, 0, 0
    line, at, before = rows[0]
    return line, at // 1000, (at - before) // 1000


def _edges(subject: Subject) -> list[int]:
    """The begin and the end of a whole hour, in microseconds, if this file is the first or the last of it."""
    told = subject.manifest
    if told is None or not told.complete or not is_row_file(subject.file) or subject.kind == "candle":
        return []
    hour = hour_ms(subject.file)
    edges = [hour * 1000] if number_of(subject.file) == 1 else []
    return edges if _followed(subject) else [*edges, (hour + HOUR_MS) * 1000]


def _followed(subject: Subject) -> bool:
    """Whether another file of the hour follows, be it one that is still written."""
    head = subject.file.name.rsplit("-", 1)[0]
    beside = [path.with_name(path.name.removesuffix(PART)) for path in subject.file.parent.glob(f"{head}-*")]
    return any(number_of(one) > number_of(subject.file) for one in beside if is_row_file(one))


def _silence(subject: Subject) -> Found:
    """Longer than given, or than learned from former hours."""
    line, until, length = longest_silence(subject)
    given = of_stream(subject.limits.silence, subject.stream)
    most, whence = (given / MILLISECOND, "given") if given is not None else _learned_silence(subject)
    if most is None or length <= most:
        return Found(detail=f"longest {length} ms" + (f", at most {most:.0f} {whence}" if most is not None else ""))
    return Found(1, [Example(line, f"{length} ms without a row, until {until}")], f"at most {most:.0f} ms, {whence}")


def _learned_silence(subject: Subject) -> tuple[float | None, str]:
    if not is_row_file(subject.file):
        return None, ""
    bounds = _learned(subject, subject.former.silences(hour_ms(subject.file)))
    return (bounds.most, "learned") if bounds else (None, "")


def _learned(subject: Subject, values: list[float]) -> Bounds | None:
    return learned(values, subject.limits.needs, float(subject.limits.spread))


def _expected(subject: Subject) -> Found:
    """Of an hour: the rows of its files together. Too few is said of the last one of a whole hour alone."""
    if not is_row_file(subject.file):
        return RIGHT
    hour = hour_ms(subject.file)
    rows = subject.many + sum(one.rows for one in subject.former.parts(hour))
    bounds, whence = _rows_bounds(subject, hour)
    if bounds is None:
        alike = len(subject.former.rows(hour))
        return Found(detail=f"{rows} rows in the hour; {alike} of {subject.limits.needs} former hours to learn from")
    over = subject.manifest is not None and subject.manifest.complete and subject.at >= hour + HOUR_MS
    said = f"{rows} rows in the hour, {bounds.least:.0f} to {bounds.most:.0f} {whence}"
    if rows > bounds.most or (rows < bounds.least and over and not _followed(subject)):
        return whole(said)
    return Found(detail=said)


def _rows_bounds(subject: Subject, hour: int) -> tuple[Bounds | None, str]:
    given = of_stream(subject.limits.rows, subject.stream)
    if given is not None:
        return Bounds(given.least, float("inf") if given.most is None else given.most), "given"
    return _learned(subject, subject.former.rows(hour)), "learned"


def offset_ms(subject: Subject) -> float | None:
    """Receipt minus event time of the last row, in milliseconds; None where the manifest does not tell, and where it is
    a trade so old that a venue told it as history.
    """
    told = subject.manifest
    if told is None or told.last_received_at is None or told.last_event_ms is None or subject.kind == "candle":
        return None
    offset = parse_at(told.last_received_at) / MILLISECOND - told.last_event_ms
    return None if subject.kind == "trade" and offset > subject.limits.clock_offset / MILLISECOND else offset


def _offset(subject: Subject) -> Found:
    """A row is not told before it happened, and the last one not long after."""
    told, limit = subject.manifest, subject.limits.clock_offset / MILLISECOND
    last = offset_ms(subject)
    if told is None or last is None or told.first_received_at is None or told.first_event_ms is None:
        return RIGHT
    first = parse_at(told.first_received_at) / MILLISECOND - told.first_event_ms
    texts = [f"first row received {-first:.0f} ms before its event time"] if first < -limit else []
    if abs(last) > limit:
        texts.append(f"last row received {abs(last):.0f} ms {'before' if last < 0 else 'after'} its event time")
    return replace(whole(*texts), detail=f"{first:.0f} ms at the first row, {last:.0f} ms at the last")


def _drift(subject: Subject) -> Found:
    """The trend of the offset over the files of a day: one late row moves it little."""
    own = offset_ms(subject)
    if own is None or not is_row_file(subject.file):
        return RIGHT
    points = [*subject.former.offsets(hour_ms(subject.file)), (0.0, own)]
    if len(points) <= FEWEST_OFFSETS:
        return Found(detail=f"{len(points)} of {FEWEST_OFFSETS + 1} files to see a trend in")
    daily = slope(points) * 24
    said = f"{daily:+.0f} ms a day, from {len(points)} files"
    return whole(said) if abs(daily) > subject.limits.clock_drift / MILLISECOND else Found(detail=said)


_TIMED = frozenset({"trade", "book"})

CHECKS = (
    Check("rows.expected", WARNING, "as many rows as given, or as former hours had", _expected),
    Check("time.order", CRITICAL, "no time before that of the row before", _order),
    Check("time.range", CRITICAL, "every time is near that of receipt", _range, _TIMED | {"top", "l3"}),
    Check("gaps.told", WARNING, "no gap that its collector told and could not fill", _told_gaps),
    Check("gaps.ids", CRITICAL, "no trade id skipped, where they are counted", _skipped, frozenset({"trade"})),
    Check("gaps.silence", WARNING, "no silence longer than given, or than former ones", _silence),
    Check(
        "clock.offset", WARNING, "event times agree with the stamps of receipt", _offset, frozenset({"trade", "book"})
    ),
    Check("clock.drift", WARNING, "their difference does not drift", _drift, _TIMED),
)
