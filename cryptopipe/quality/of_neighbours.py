"""Checks of trades against the book that was collected beside them.

Enters: a trade file, and the sealed book or top files of its symbol. Leaves: trades far outside the book of their time.
Never: a verdict on the book's file, or a failure where there is none.
"""

from pathlib import Path

from cryptopipe.collect.layout import hour_ms, is_row_file, manifest_of
from cryptopipe.collect.manifest import read_manifest
from cryptopipe.collect.schema import SCHEMAS
from cryptopipe.errors import CaptureError
from cryptopipe.quality.former import HOUR_MS
from cryptopipe.quality.rows import table_of
from cryptopipe.quality.subject import Check, Found, Subject
from cryptopipe.quality.verdict import WARNING

AROUND_S = 5
"""Seconds before and after a trade whose books count: clocks, and states between two rows, differ by less."""

_BOOK = (
    "SELECT us // 1000000 AS second, max(price_v) FILTER (side = 'B') AS bid, min(price_v) FILTER (side = 'A') AS ask "
    "FROM ({rows}) WHERE us IS NOT NULL GROUP BY us"
)
_TOP = "SELECT us // 1000000 AS second, bid_v AS bid, ask_v AS ask FROM ({rows}) WHERE us IS NOT NULL"
_SEEN = "CREATE OR REPLACE TABLE beside AS SELECT second, min(bid) AS low, max(ask) AS high FROM ({states}) GROUP BY 1"
_OUTSIDE = f"""
WITH traded AS (SELECT DISTINCT us // 1000000 AS second FROM r WHERE us IS NOT NULL),
near AS (SELECT t.second, min(b.low) AS low, max(b.high) AS high
    FROM (SELECT second, unnest(range(-{AROUND_S}, {AROUND_S + 1})) AS off FROM traded) AS t
    JOIN beside AS b ON b.second = t.second + t.off GROUP BY t.second),
held AS (SELECT t.second, b.low, b.high FROM traded AS t ASOF JOIN beside AS b ON t.second - {AROUND_S} > b.second),
seen AS (SELECT coalesce(near.second, held.second) AS second, least(near.low, held.low) AS low,
    greatest(near.high, held.high) AS high FROM near FULL JOIN held ON near.second = held.second)
SELECT line, price || ' beside ' || low || ' to ' || high AS text FROM r JOIN seen ON r.us // 1000000 = seen.second
WHERE price_v::DOUBLE > high::DOUBLE * (1 + $bps / 10000) OR price_v::DOUBLE < low::DOUBLE * (1 - $bps / 10000)
"""


def beside(subject: Subject) -> list[Path]:
    """The sealed books of its symbol, else its tops, of about its time; of books the folder with the most files."""
    symbol = subject.file.absolute().parent.name
    for pattern in ("book*", "top"):
        folders = [[*_near(folder / symbol, subject.file)] for folder in sorted(subject.folder.glob(pattern))]
        if any(folders):
            return max(folders, key=len)
    return []


def _near(folder: Path, file: Path) -> list[Path]:
    hour = hour_ms(file)
    found = [one for one in folder.glob("*") if is_row_file(one) and abs(hour_ms(one) - hour) <= HOUR_MS]
    return sorted(one for one in found if manifest_of(one).is_file())


def _against_book(subject: Subject) -> Found:
    import duckdb

    files = beside(subject) if is_row_file(subject.file) else []
    states = [one for one in map(_states, files) if one]
    if not states:
        return Found(detail="no book or top of this symbol and time")
    try:
        subject.rows.connection.execute(_SEEN.format(states=" UNION ALL ".join(states)))
    except duckdb.Error:  # its own verdict says why
        return Found(detail=f"a file of {files[0].parent.parent.name} beside it cannot be read")
    found = subject.rows.offenders(_OUTSIDE, bps=float(subject.limits.trade_bps))
    return Found(*found, f"beside {len(states)} files of {files[0].parent.parent.name}")


def _states(file: Path) -> str:
    """A query of its states; empty where its manifest cannot be read."""
    try:
        told = read_manifest(file)
    except CaptureError:
        return ""
    schema = SCHEMAS.get(told.kind)
    if schema is None or told.kind not in ("book", "top"):
        return ""
    return (_BOOK if told.kind == "book" else _TOP).format(rows=table_of(file, schema))


CHECKS = (
    Check("trades.book", WARNING, "no trade far outside the book of its time", _against_book, frozenset({"trade"})),
)
