"""Checks of books, tops, candles and prices.

Enters: a subject. Leaves: the lines that offend. Never: a money decision: deviations are in floating point, order and
sums are exact.
"""

from cryptopipe.quality.former import MAD_OF_NORMAL
from cryptopipe.quality.subject import RIGHT, Check, Found, Judge, Subject, query
from cryptopipe.quality.verdict import CRITICAL, WARNING

WINDOW = 50
"""Prices before, or on both sides of, one that is judged."""
_FEWEST = 5
AT_ONCE_US = 600_000_000
"""Over a longer time the prices of a window may differ by more, as the root of the time."""

_BOOK, _TOP, _CANDLE = frozenset({"book"}), frozenset({"top"}), frozenset({"candle"})

_CROSSED_BOOK = (
    "SELECT min(line) AS line, 'bid ' || max(price_v) FILTER (side = 'B') || ', ask ' || min(price_v) "
    "FILTER (side = 'A') || ' at ' || event_time_ms AS text FROM r GROUP BY event_time_ms "
    "HAVING max(price_v) FILTER (side = 'B') >= min(price_v) FILTER (side = 'A')"
)
_CROSSED_TOP = "SELECT line, 'bid ' || bid || ', ask ' || ask AS text FROM r WHERE bid_v >= ask_v"
_SUMS = "SELECT line, raw AS text FROM r WHERE spread_v <> ask_v - bid_v OR mid_v + mid_v <> bid_v + ask_v"
_LEVELS = """
SELECT line, CASE WHEN place <> level_v THEN 'level ' || level || ' in place ' || place
    WHEN key <= before THEN 'side ' || side || ', level ' || level || ' after the rows that come after it'
    ELSE 'price ' || price || ' beyond ' || better || ' of the level before' END AS text
FROM (
    SELECT line, side, level, level_v, price, price_v, level_v * 2 + (side = 'A')::INT AS key,
        lag(key) OVER (PARTITION BY event_time_ms ORDER BY line) AS before,
        row_number() OVER (PARTITION BY event_time_ms, side ORDER BY line) AS place,
        lag(price_v) OVER (PARTITION BY event_time_ms, side ORDER BY line) AS better
    FROM r)
WHERE place <> level_v OR key <= before OR (side = 'B' AND price_v >= better) OR (side = 'A' AND price_v <= better)
"""
_DEEPER = "SELECT line, 'level ' || level AS text FROM r WHERE level_v > $depth"
_GRID = (
    "SELECT max(line) AS line, count(DISTINCT event_time_ms) || ' states in ' || $interval || ' ms, at ' || "
    "max(event_time_ms) AS text FROM r GROUP BY us // 1000 // $interval HAVING count(DISTINCT event_time_ms) > 1"
)
_CANDLES = "SELECT line, raw AS text FROM r WHERE low_v > least(open_v, close_v) OR high_v < greatest(open_v, close_v)"
_STEPS = """
SELECT line, CASE WHEN us // 1000 % $interval <> 0 THEN open_time_ms || ' is no multiple of ' || $interval
    ELSE open_time_ms || ' comes ' || (us - before) // 1000 || ' ms after the one before' END AS text
FROM (SELECT line, open_time_ms, us, lag(us) OVER (ORDER BY line) AS before FROM r)
WHERE us // 1000 % $interval <> 0 OR (before IS NOT NULL AND us - before <> $interval * 1000)
"""

_PRICES = {
    "trade": "SELECT line, us, price_v AS lo, price_v AS hi FROM r WHERE price_v > 0",
    "top": "SELECT line, us, bid_v AS lo, ask_v AS hi FROM r WHERE bid_v > 0 AND ask_v > 0",
    "candle": "SELECT line, us, unnest([open_v, high_v, low_v, close_v]) AS lo, lo AS hi FROM r WHERE close_v > 0",
    "book": "SELECT min(line) AS line, min(us) AS us, min(price_v) AS lo, max(price_v) AS hi FROM r "
    "WHERE level = '1' AND price_v > 0 GROUP BY event_time_ms HAVING count(*) = 2",
}
"""Each price, or the bid and the ask between which it is."""

_JUMPS = f"""
WITH prices AS (SELECT line, us, lo::DOUBLE AS lo, hi::DOUBLE AS hi, (lo::DOUBLE + hi) / 2 AS p
    FROM ({{prices}})),
around AS (
    SELECT line, lo, hi, median(p) OVER near AS middle, mad(p) OVER near AS off, count(*) OVER near AS many,
        last_value(us) OVER near - first_value(us) OVER near AS span,
        median(p) OVER past AS former, mad(p) OVER past AS former_off, count(*) OVER past AS past,
        us - first_value(us) OVER past AS former_span
    FROM prices WINDOW near AS (ORDER BY line ROWS BETWEEN {WINDOW // 2} PRECEDING AND {WINDOW // 2} FOLLOWING),
        past AS (ORDER BY line ROWS BETWEEN {WINDOW} PRECEDING AND 1 PRECEDING)),
far AS (
    SELECT line, lo, middle AS beside, greatest(lo - middle, middle - hi) AS apart, off, span, many FROM around
    UNION ALL
    SELECT line, lo, former, greatest(lo - former, former - hi), former_off, former_span, past FROM around)
SELECT line, round(any_value(lo), 12) || ' beside ' || round(any_value(beside), 12) AS text FROM far
WHERE many > {_FEWEST} AND apart > $jump_mads * {MAD_OF_NORMAL} * off
    AND apart / beside * 10000 > $jump_bps * sqrt(greatest(1, span / {AT_ONCE_US}))
GROUP BY line
"""


def _depth(subject: Subject) -> Found:
    found = Found(*subject.rows.offenders(_LEVELS))
    depth = subject.manifest.depth if subject.manifest else None
    if found.count or depth is None:
        return found
    return Found(*subject.rows.offenders(_DEEPER, depth=depth), f"depth {depth}")


def _by_interval(sql: str) -> Judge:
    def judge(subject: Subject) -> Found:
        interval = subject.manifest.interval_ms if subject.manifest else None
        return RIGHT if interval is None else Found(*subject.rows.offenders(sql, interval=interval))

    return judge


def _jumps(subject: Subject) -> Found:
    limits = subject.limits
    return Found(
        *subject.rows.offenders(
            _JUMPS.replace("{prices}", _PRICES[subject.kind]),
            jump_bps=float(limits.jump_bps),
            jump_mads=float(limits.jump_mads),
        )
    )


CHECKS = (
    Check("book.crossed", CRITICAL, "every bid is below every ask", query(_CROSSED_BOOK), _BOOK),
    Check("book.levels", CRITICAL, "levels in their order, prices too, no more than the depth", _depth, _BOOK),
    Check("book.grid", CRITICAL, "one state in an interval", _by_interval(_GRID), _BOOK),
    Check("top.crossed", CRITICAL, "the bid is below the ask", query(_CROSSED_TOP), _TOP),
    Check("top.sums", CRITICAL, "spread and mid are those of bid and ask", query(_SUMS), _TOP),
    Check("candle.prices", CRITICAL, "low ≤ open and close ≤ high", query(_CANDLES), _CANDLE),
    Check("candle.grid", CRITICAL, "a row for every interval, gaps too", _by_interval(_STEPS), _CANDLE),
    Check("price.jump", WARNING, "no price far from those around it", _jumps, frozenset(_PRICES)),
)
