"""Checks of the file itself: bytes, lines, manifest.

Enters: a subject. Leaves: what is wrong. Never: a look at a price.
"""

import re

from cryptopipe.clock import MILLISECOND, parse_at
from cryptopipe.collect.layout import folder_kind, folder_symbol, hour_ms, is_row_file
from cryptopipe.quality.former import HOUR_MS
from cryptopipe.quality.subject import RIGHT, Check, Found, Subject, query, whole
from cryptopipe.quality.verdict import CRITICAL, EXAMPLES, WARNING

_HASH = re.compile(r"[0-9a-f]{64}")


def _packing(subject: Subject) -> Found:
    faults = [one.text for one in subject.copied.packing]
    return whole(*faults, *([subject.damage] if subject.damage and not faults else []))


def _characters(subject: Subject) -> Found:
    noted = subject.copied.characters
    return Found(len(noted), noted[:EXAMPLES])


def _torn(subject: Subject) -> Found:
    """Lines of another number of cells; and a last one without its end, whatever it holds."""
    width = len(subject.schema.columns)
    count, examples = subject.rows.offenders(
        f"SELECT line, n || ' cells: ' || raw AS text FROM every WHERE n <> {width} AND raw <> ''"
    )
    if subject.copied.torn_end:
        ((last, raw),) = subject.rows.all("SELECT line, raw FROM every ORDER BY line DESC LIMIT 1")
        if all(one.line != last for one in examples):
            count, examples = count + 1, [*examples, type(examples[0])(last, raw)] if examples else []
        return Found(count or 1, examples, f"line {last} has no end")
    return Found(count, examples)


def _header(subject: Subject) -> Found:
    """What a headed file begins with, and what no other line is."""
    if subject.file.suffix == ".parquet":
        return RIGHT
    headed = subject.schema.always_headed or bool(subject.manifest and subject.manifest.header)
    header = subject.schema.header
    beginning = [] if not headed else subject.rows.all("SELECT raw FROM every WHERE line = 1")
    if beginning and beginning[0][0] != header:
        return whole(f"begins with {beginning[0][0][:80]!r}, not with {header}")
    return Found(*subject.rows.offenders("SELECT line, raw AS text FROM r WHERE raw = $header", header=header))


def _none(subject: Subject) -> Found:
    return RIGHT if subject.many else whole("not one row")


def _there(subject: Subject) -> Found:
    return whole(subject.fault) if subject.manifest is None else RIGHT


def _hash(subject: Subject) -> Found:
    told, copied = subject.manifest, subject.copied
    if told is None:
        return RIGHT
    faults = []
    if told.size != copied.size:
        faults.append(f"{copied.size} bytes, its manifest says {told.size}")
    if told.sha256 != copied.sha256:
        said = told.sha256 if _HASH.fullmatch(told.sha256) else repr(told.sha256[:64])
        faults.append(f"SHA-256 {copied.sha256}, its manifest says {said}")
    return whole(*faults)


def _count(subject: Subject) -> Found:
    if subject.manifest is None or subject.many == subject.manifest.rows:
        return RIGHT
    return whole(f"{subject.many} rows, its manifest says {subject.manifest.rows}")


def _name(subject: Subject) -> Found:
    """Names and folders say what the manifest says."""
    told, file = subject.manifest, subject.file
    if told is None:
        return RIGHT
    faults = [] if told.file == file.name else [f"its manifest is of {told.file}"]
    folder = folder_kind(told.kind, told.interval_ms)
    wanted = (told.venue, folder, folder_symbol(told.symbol))
    if "/".join(wanted) != subject.stream:
        faults.append(f"lies in {subject.stream}, its manifest says {'/'.join(wanted)}")
    if not file.name.startswith("-".join((wanted[0], wanted[2], wanted[1])) + "-"):
        faults.append(f"is called {file.name}, its manifest says {told.venue}, {told.symbol}, {folder}")
    if told.first_received_at and is_row_file(file):
        into = _ms(told.first_received_at) - hour_ms(file)
        if not 0 <= into < HOUR_MS:
            faults.append(f"named after another hour than that of its first row, {told.first_received_at}")
    return whole(*faults)


def _times(subject: Subject) -> Found:
    """First and last times of the rows, where the rows have the times that the manifest tells."""
    told = subject.manifest
    if told is None or subject.kind in ("top", "candle"):
        return RIGHT
    least, first, most, last = subject.rows.one(
        "SELECT min(us) // 1000, arg_min(us, line) // 1000, max(us) // 1000, arg_max(us, line) // 1000 FROM r"
    )
    faults = []
    if told.first_event_ms not in (least, first):
        faults.append(f"the first row is of {first}, its manifest says {told.first_event_ms}")
    if told.last_event_ms not in (most, last):
        faults.append(f"the last row is of {last}, its manifest says {told.last_event_ms}")
    return whole(*faults)


def _ms(at: str) -> int:
    return parse_at(at) // MILLISECOND


CHECKS = (
    Check("file.packing", CRITICAL, "decompresses and reads to its end", _packing, of_rows=False),
    Check("file.text", CRITICAL, "no byte that no row has", _characters, of_rows=False),
    Check("file.columns", CRITICAL, "a Parquet file has these columns", lambda subject: whole(*subject.columns)),
    Check("manifest.there", CRITICAL, "there is a manifest, and it can be read", _there, of_rows=False),
    Check("manifest.hash", CRITICAL, "bytes and SHA-256 are those of the manifest", _hash, of_rows=False),
    Check("manifest.name", CRITICAL, "name and folders are those of the manifest", _name, of_rows=False),
    Check("manifest.rows", CRITICAL, "as many rows as the manifest says", _count),
    Check("manifest.times", WARNING, "first and last time are those of the manifest", _times),
    Check("rows.none", CRITICAL, "there are rows", _none),
    Check(
        "rows.blank", CRITICAL, "no empty line", query("SELECT line, 'empty line' AS text FROM every WHERE raw = ''")
    ),
    Check("rows.torn", CRITICAL, "every line has all its cells, and an end", _torn),
    Check("rows.header", CRITICAL, "a header where there is to be one, and nowhere else", _header),
)
