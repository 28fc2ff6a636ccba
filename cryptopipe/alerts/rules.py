"""Which alert goes to which channel, and when nobody may be disturbed.

Enters: settings, alerts, an instant. Leaves: names of channels, yes or no. Never: a channel's URL, a look at a clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

from cryptopipe.alerts.alert import SEVERITIES, Alert
from cryptopipe.clock import SECOND, Nanos
from cryptopipe.settings.alerts import AlertsSettings

DEFAULT_RULE = "(default)"
"""The name of the rule that is in force where none is set."""


@dataclass(frozen=True)
class Rule:
    """One rule: an alert fits whose kind fits one of the patterns, whose place fits, and that is bad enough."""

    name: str
    kinds: tuple[str, ...] = ("*",)
    severity: str = "warning"
    where: str = "*"
    channels: tuple[str, ...] = ()

    def fits(self, alert: Alert) -> bool:
        """Whether the alert goes to the rule's channels."""
        return (
            SEVERITIES.index(alert.severity) >= SEVERITIES.index(self.severity)
            and any(fnmatchcase(alert.kind, kind) for kind in self.kinds)
            and fnmatchcase(alert.where, self.where)
        )


@dataclass(frozen=True)
class Quiet:
    """Hours in which only critical alerts are delivered, or none; minutes of the day of a time zone, `end` excluded.
    Where `start` is after `end` they go over midnight; of equal ones there are none.
    """

    start: int = 0
    end: int = 0
    zone: str = "UTC"
    critical: bool = True

    def reigns(self, now: Nanos) -> bool:
        """Whether it is quiet at an instant."""
        local = datetime.fromtimestamp(now // SECOND, UTC).astimezone(ZoneInfo(self.zone))
        minute = local.hour * 60 + local.minute
        if self.start <= self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end


@dataclass(frozen=True)
class Rules:
    """Everything that decides what is delivered. `repeat` and `pace` are durations: of the same alert, and between
    messages after `burst` of them at once. An alert that is older than `old` when it is read goes into a digest.
    """

    channels: tuple[str, ...]
    rules: tuple[Rule, ...] = (Rule(DEFAULT_RULE),)
    repeat: Nanos = 3600 * SECOND
    burst: int = 10
    pace: Nanos = 60 * SECOND
    quiet: Quiet = Quiet()
    old: Nanos = 24 * 3600 * SECOND

    def fitting(self, alert: Alert) -> list[Rule]:
        """The rules that the alert fits."""
        return [rule for rule in self.rules if rule.fits(alert)]

    def channels_of(self, alert: Alert) -> list[str]:
        """The channels that the alert goes to, each once, in the order of the settings."""
        named = {channel for rule in self.fitting(alert) for channel in self.of(rule)}
        return [channel for channel in self.channels if channel in named]

    def of(self, rule: Rule) -> Sequence[str]:
        """The channels of a rule; all where it names none."""
        return rule.channels or self.channels

    def silenced(self, severity: str, now: Nanos) -> bool:
        """Whether quiet hours hold back an alert so bad."""
        return self.quiet.reigns(now) and not (self.quiet.critical and severity == SEVERITIES[-1])


def rules_of(settings: AlertsSettings) -> Rules:
    """The rules that are set."""
    rules = tuple(Rule(name, one.kinds, one.severity, one.where, one.channels) for name, one in settings.rules.items())
    quiet = settings.quiet
    start, end = (_minute(part) for part in quiet.hours.split("-")) if quiet.hours else (0, 0)
    return Rules(
        tuple(settings.channels),
        rules or (Rule(DEFAULT_RULE),),
        settings.repeat,
        settings.burst,
        settings.pace,
        Quiet(start, end, quiet.zone, quiet.critical),
    )


def _minute(text: str) -> int:
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)
