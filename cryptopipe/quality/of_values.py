"""Checks of single cells and of rows that come twice.

Enters: a subject. Leaves: the lines that offend. Never: a row judged by its neighbours in time.
"""

from collections.abc import Iterator

from cryptopipe.collect.schema import Cell, Column, Schema
from cryptopipe.quality.subject import RIGHT, Check, Found, Subject, query
from cryptopipe.quality.verdict import CRITICAL

_INT = r"^\d{1,18}$"
_MILLISECONDS = r"^\d{13}$"  # 2001 to 2286
_NUMBER = r"^-?\d{1,26}(\.\d{1,12})?$"
_SHORTEST = r"^-?\d{1,26}(\.\d{0,11}[1-9])?$"
_WORDS = {
    "side": "^[BA]$",
    "change": "^(add|set|reduce|remove|snapshot)$",
    "ts_iso": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$",
}
_WITHOUT_ZEROS = ("book", "top")

_NEVER_ZERO = {
    "trade": {"price": "> 0", "quantity": "> 0"},
    "book": {"price": "> 0", "quantity": "> 0"},
    "top": {"bid": "> 0", "ask": "> 0"},
    "l3": {"price": "> 0", "quantity": ">= 0"},
    "candle": {"open": "> 0", "high": "> 0", "low": "> 0", "close": "> 0", "volume": ">= 0", "trades": ">= 0"},
}

_MISSING = {
    "trade": ("trade_id = '' AND (SELECT max(trade_id) FROM r) <> ''", "'trade_id is empty'"),
    "top": (
        "(bid = '' OR ask = '') <> (spread = '') OR (bid = '' OR ask = '') <> (mid = '')",
        "'spread and mid go with both sides: ' || raw",
    ),
    "l3": (
        "change IN ('add', 'snapshot') AND (price = '' OR quantity = '')",
        "change || ' without price or quantity'",
    ),
    "candle": (
        "(open = '') <> (trades_v = 0) OR (high = '') <> (trades_v = 0) OR (low = '') <> (trades_v = 0) "
        "OR (close = '') <> (trades_v = 0)",
        "'prices go with trades: ' || raw",
    ),
}
"""What must be there, beyond the columns that may never be empty: when it is not, and the words for it."""


def pattern(schema: Schema, column: Column) -> str:
    """The regular expression of a cell that is not empty; empty where any text will do."""
    if column.cell is Cell.INT:
        return _MILLISECONDS if column.name.endswith("_ms") else _INT
    if column.cell is Cell.NUMBER:
        return _SHORTEST if schema.kind in _WITHOUT_ZEROS else _NUMBER
    return "^(True|False)$" if column.cell is Cell.FLAG else _WORDS.get(column.name, "")


def _first_of(*faults: tuple[str, str]) -> str:
    """A query of the lines with a fault, each a condition and the words for it; of each line the first."""
    cases = " ".join(f"WHEN {condition} THEN {words}" for condition, words in faults)
    return f"SELECT line, text FROM (SELECT line, CASE {cases} END AS text FROM r) WHERE text IS NOT NULL"


def _missing(subject: Subject) -> Found:
    faults = [
        (f"\"{one.name}\" = ''", f"'{one.name} is empty'")
        for one in subject.schema.columns if not one.optional and one.name != "trade_id"
    ]  # fmt: skip
    faults += [_MISSING[subject.kind]] if subject.kind in _MISSING else []
    return Found(*subject.rows.offenders(_first_of(*faults)))


def _format(subject: Subject) -> Found:
    return Found(*subject.rows.offenders(_first_of(*_ill_formatted(subject.schema))))


def _ill_formatted(schema: Schema) -> Iterator[tuple[str, str]]:
    for one in schema.columns:
        if wanted := pattern(schema, one):
            ill = f"\"{one.name}\" <> '' AND NOT regexp_matches(\"{one.name}\", '{wanted}')"
            yield ill, f"'{one.name} ' || \"{one.name}\""


def _names(subject: Subject) -> Found:
    """The symbol, and the venue where rows name it, are the manifest's in every row."""
    told = subject.manifest
    if told is None:
        return RIGHT
    faults = [("symbol <> $symbol", "'symbol ' || symbol")]
    if subject.kind == "top":
        faults.append(("provider <> $venue", "'provider ' || provider"))
    found = subject.rows.offenders(_first_of(*faults), symbol=told.symbol, venue=told.venue)
    return Found(*found, f"of {told.symbol}")


def _positive(subject: Subject) -> Found:
    faults = [
        (f'NOT "{name}_v" {wanted}', f"'{name} ' || \"{name}\"")
        for name, wanted in _NEVER_ZERO[subject.kind].items()
    ]  # fmt: skip
    return Found(*subject.rows.offenders(_first_of(*faults)))


_TWICE_BY_HASH = "(SELECT * FROM r WHERE hash(raw) IN (SELECT hash(raw) FROM r {where} GROUP BY 1 HAVING count(*) > 1))"
_ROWS_TWICE = (
    f"SELECT max(line) AS line, count(*) || ' times: ' || raw AS text FROM {_TWICE_BY_HASH} AS twice "
    "{where} GROUP BY raw HAVING count(*) > 1"
)


_SAME_AGAIN = (
    "SELECT line, raw AS text FROM (SELECT line, raw, lag(raw) OVER (ORDER BY line) AS before FROM r) "
    "WHERE raw = before"
)


def _rows_twice(subject: Subject) -> Found:
    """Where rows have an id that is checked by itself, or two alike may be true, they are not looked at; of tops, of
    which each is a change, only neighbours: in a microsecond a price may go and come back.
    """
    if subject.kind == "top":
        return Found(*subject.rows.offenders(_SAME_AGAIN))
    where = {"trade": "WHERE trade_id <> ''", "l3": "WHERE change = 'add'"}.get(subject.kind, "")
    return Found(*subject.rows.offenders(_ROWS_TWICE.format(where=where)))


_IDS_TWICE = (
    "SELECT max(line) AS line, 'trade ' || trade_id || ' ' || count(*) || ' times' AS text FROM r "
    "WHERE trade_id <> '' GROUP BY trade_id HAVING count(*) > 1"
)
_LEVELS_TWICE = (
    "SELECT max(line) AS line, side || level || ' ' || count(*) || ' times at ' || event_time_ms AS text FROM r "
    "GROUP BY event_time_ms, side, level HAVING count(*) > 1"
)

CHECKS = (
    Check("values.missing", CRITICAL, "no cell is empty that may not be", _missing),
    Check("values.format", CRITICAL, "every cell is written as its column is", _format),
    Check("values.names", CRITICAL, "every row is of the manifest's symbol and venue", _names),
    Check("values.positive", CRITICAL, "prices and sizes are above zero", _positive),
    Check("duplicates.row", CRITICAL, "no row comes twice", _rows_twice),
    Check("duplicates.id", CRITICAL, "no trade comes twice", query(_IDS_TWICE), frozenset({"trade"})),
    Check("duplicates.level", CRITICAL, "no level comes twice in a state", query(_LEVELS_TWICE), frozenset({"book"})),
)
