"""What a person reads: one alert, its repeats, or a digest of what was held back.

Enters: alerts with their counts. Leaves: a title and a few lines of plain text. Never: more than `LINES` lines of a
digest, a count that leaves one out.
"""

from collections.abc import Sequence

import msgspec

from cryptopipe.alerts.alert import SEVERITIES, Alert
from cryptopipe.clock import SECOND, Nanos, format_at

LINES = 20
_BRIEF = 200


class Part(msgspec.Struct, gc=False):
    """The same alert, `count` times; `alert` is its last."""

    alert: Alert
    count: int


class Message(msgspec.Struct, frozen=True, gc=False):
    """One message of a channel. `count` alerts are told by it."""

    title: str
    body: str
    severity: str
    count: int


def single(alert: Alert, missed: Part | None = None) -> Message:
    """An alert; `missed` are those of its key that were not told since."""
    lines = [alert.text or alert.kind, *([f"Before that: {_counted(missed)}"] if missed else []), _stamp(alert.at)]
    return Message(title(alert), "\n".join(lines), alert.severity, 1 + (missed.count if missed else 0))


def repeated(part: Part, within: Nanos) -> Message:
    """What was told already and has happened again."""
    alert = part.alert
    times = "once more" if part.count == 1 else f"{part.count} times more"
    body = f"{times} in {_span(within)}, the last: {alert.text or alert.kind}\n{_stamp(alert.at)}"
    return Message(title(alert), body, alert.severity, part.count)


def digest(parts: Sequence[Part]) -> Message:
    """What was held back, in the order it came. Of one alert alone it is the alert."""
    if len(parts) == 1 and parts[0].count == 1:
        return single(parts[0].alert)
    count = sum(part.count for part in parts)
    worst = max((part.alert.severity for part in parts), key=SEVERITIES.index)
    shown, rest = parts[:LINES], parts[LINES:]
    lines = [f"[{part.alert.severity}] {_counted(part)}" for part in shown]
    if rest:
        more = sum(part.count for part in rest)
        lines.append(f"and {more} more of {len(rest)} others: `cryptopipe alerts list` shows them")
    return Message(f"[{worst}] {count} alerts were held back", "\n".join(lines), worst, count)


def title(alert: Alert) -> str:
    """`[critical] feed.dead alpha`."""
    return f"[{alert.severity}] {alert.kind} {alert.where}".rstrip()


def _counted(part: Part) -> str:
    alert = part.alert
    text = alert.text if len(alert.text) <= _BRIEF else alert.text[: _BRIEF - 1] + "…"
    told = f"{alert.kind} {alert.where}: {text}".replace("\n", " ")
    times = "" if part.count == 1 else f"{part.count} times, the last "
    return f"{told} ({times}{_stamp(alert.at)})"


def _stamp(at: Nanos) -> str:
    return format_at(at // SECOND * SECOND).replace("T", " ").replace(".000000000Z", " UTC")


def _span(duration: Nanos) -> str:
    minutes = max(1, duration // (60 * SECOND))
    return f"{minutes // 60} h" if minutes % 60 == 0 else f"{minutes} min"
