"""What is told to each channel: the state machine between the spool and the channels.

Enters: lines of the spool, rules, `now`, what became of a message. Leaves: messages in the channels' outboxes. Never:
an alert lost or told twice: it is in a message, counted as a repeat, or held for a digest; a look at a clock.

Everything that it knows is in `State`, which is kept with the place in the spool, so that a crash loses neither.
"""

from collections.abc import Iterable, Sequence

import msgspec

from cryptopipe.alerts.alert import SEVERITIES, Alert
from cryptopipe.alerts.message import Message, Part, digest, repeated, single
from cryptopipe.alerts.rules import Rules
from cryptopipe.alerts.spool import START, Line, Place
from cryptopipe.clock import SECOND, Nanos

HELD = 300
"""Different alerts held of a channel; beyond it they are counted by kind."""
RETRY_FIRST, RETRY_LAST = 5 * SECOND, 900 * SECOND


class Window(msgspec.Struct):
    """A key that was told: until when the same again is only counted, and how often it was. `worst` was told."""

    alert: Alert
    worst: str
    until: Nanos
    count: int = 0


class ChannelState(msgspec.Struct):
    """One channel: windows by key, what is held by kind and key, messages to send, oldest first.

    `free_at` is when its burst is whole again; `failures` in a row, for `why`, and when the next attempt is due.
    """

    windows: dict[str, Window] = {}
    held: dict[str, Part] = {}
    outbox: list[Message] = []
    free_at: Nanos = 0
    failures: int = 0
    retry_at: Nanos = 0
    why: str = ""
    sent: int = 0
    sent_at: Nanos = 0


class State(msgspec.Struct):
    """Everything: the place behind the last line taken, and the channels by name."""

    place: Place = START
    channels: dict[str, ChannelState] = {}


def step(state: State, rules: Rules, lines: Iterable[Line], now: Nanos) -> None:
    """Take these lines, which follow `state.place`, and whatever is due at `now`. Changes nothing but the state."""
    for name in rules.channels:
        _tick(state.channels.setdefault(name, ChannelState()), rules, now)
    for line in lines:
        state.place = line.after
        if line.alert is not None:
            for name in rules.channels_of(line.alert):
                _take(state.channels[name], rules, line.alert, now)


def next_message(channel: ChannelState, now: Nanos) -> Message | None:
    """What is to be sent now; None where nothing is, or the last failure was too recent."""
    return channel.outbox[0] if channel.outbox and now >= channel.retry_at else None


def delivered(channel: ChannelState, now: Nanos) -> None:
    """The oldest message of the outbox has arrived."""
    channel.outbox.pop(0)
    channel.failures, channel.retry_at, channel.why = 0, 0, ""
    channel.sent, channel.sent_at = channel.sent + 1, now


def failed(channel: ChannelState, why: str, now: Nanos) -> None:
    """It has not: again after a pause that doubles, from 5 s to 15 min."""
    channel.retry_at = now + min(RETRY_LAST, RETRY_FIRST << min(channel.failures, 20))
    channel.failures, channel.why = channel.failures + 1, why


def _tick(channel: ChannelState, rules: Rules, now: Nanos) -> None:
    """Windows that end, and what was held and may be told."""
    for key, window in sorted(channel.windows.items(), key=lambda item: item[1].until):
        if window.until > now:
            break
        part = Part(window.alert, window.count)
        if not window.count:
            del channel.windows[key]
        elif _may_tell(channel, rules, window.alert.severity, now):
            _tell(channel, rules, repeated(part, rules.repeat), now)
            _open(channel, rules, window.alert, now)
        else:
            del channel.windows[key]
            _hold(channel, part)
    ripe = [key for key, part in channel.held.items() if not rules.silenced(part.alert.severity, now)]
    if ripe and _has_room(channel, rules, now):
        parts = [channel.held.pop(key) for key in ripe]
        _tell(channel, rules, digest(parts), now)
        for part in parts:
            if part.alert.sameness not in channel.windows:  # what counts there already goes on
                _open(channel, rules, part.alert, now)


def _take(channel: ChannelState, rules: Rules, alert: Alert, now: Nanos) -> None:
    window = channel.windows.get(alert.sameness)
    if window is not None and window.alert.kind == alert.kind and _rank(alert.severity) <= _rank(window.worst):
        window.alert, window.count = alert, window.count + 1
        return
    missed = Part(window.alert, window.count) if window is not None and window.count else None
    if now - alert.at <= rules.old and _may_tell(channel, rules, alert.severity, now):
        _tell(channel, rules, single(alert, missed), now)
        _open(channel, rules, alert, now)
        return
    channel.windows.pop(alert.sameness, None)
    if missed is not None:
        _hold(channel, missed)
    _hold(channel, Part(alert, 1))


def _hold(channel: ChannelState, part: Part) -> None:
    key = f"{part.alert.kind} {part.alert.severity} {part.alert.sameness}"
    if key not in channel.held and len(channel.held) >= HELD:
        key = f"{part.alert.kind} {part.alert.severity}"
    held = channel.held.get(key)
    channel.held[key] = part if held is None else Part(part.alert, held.count + part.count)


def _open(channel: ChannelState, rules: Rules, alert: Alert, now: Nanos) -> None:
    channel.windows[alert.sameness] = Window(alert, alert.severity, now + rules.repeat)


def _may_tell(channel: ChannelState, rules: Rules, severity: str, now: Nanos) -> bool:
    return not rules.silenced(severity, now) and _has_room(channel, rules, now)


def _has_room(channel: ChannelState, rules: Rules, now: Nanos) -> bool:
    return len(channel.outbox) < rules.burst and channel.free_at - now <= (rules.burst - 1) * rules.pace


def _tell(channel: ChannelState, rules: Rules, message: Message, now: Nanos) -> None:
    channel.free_at = max(channel.free_at, now) + rules.pace
    channel.outbox.append(message)


def _rank(severity: str) -> int:
    return SEVERITIES.index(severity)


def waiting(channel: ChannelState) -> tuple[int, int, int]:
    """Alerts that are not told yet: in messages to send, counted as repeats, held for a digest."""
    return (
        sum(message.count for message in channel.outbox),
        sum(window.count for window in channel.windows.values()),
        _sum(list(channel.held.values())),
    )


def _sum(parts: Sequence[Part]) -> int:
    return sum(part.count for part in parts)
