"""What can be set of alerts: where they go, which, when.

Enters: nothing. Leaves: `AlertsSettings`. Never: a channel's URL that is shown, or one on a command line; a rule for a
channel that does not exist.
"""

import re
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, SecretStr, model_validator

from cryptopipe.settings.kinds import STRICT, Duration, VenueName, names, setting

_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


def _hours(value: str | None) -> str | None:
    if value is not None and (not _HOURS.fullmatch(value) or value[:5] == value[6:]):
        raise ValueError("expected hours such as 22:00-07:00, or null")
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("expected a time zone such as Europe/Zurich or UTC") from None
    return value


Name = VenueName
"""Of a channel or a rule: lower-case letters, digits, underscores."""
Globs = Annotated[tuple[str, ...], BeforeValidator(names)]


class AlertRuleSettings(BaseModel):
    """One rule of `alerts.rules`: an alert that all its keys fit goes to its channels."""

    model_config = STRICT

    kinds: Globs = Field(("*",), min_length=1, description="patterns of kinds: feed.*,risk.state")
    severity: Literal["info", "warning", "critical"] = Field("warning", description="the least that is delivered")
    where: str = Field("*", min_length=1, description="pattern of where it happened: alpha:*")
    channels: Annotated[tuple[Name, ...], BeforeValidator(names)] = Field(
        (), description="names of alerts.channels; without any, all of them"
    )


class QuietSettings(BaseModel):
    """Hours in which nobody is disturbed; what came in them is told as one digest when they end."""

    model_config = STRICT

    hours: Annotated[str | None, AfterValidator(_hours)] = Field(None, description="such as 22:00-07:00; null: none")
    zone: Annotated[str, AfterValidator(_zone)] = Field("UTC", description="the time zone of the hours: Europe/Zurich")
    critical: bool = Field(True, description="whether critical alerts are delivered all the same")


class AlertsSettings(BaseModel):
    """Alerts: what is told to the spool, and what `cryptopipe alerts run` delivers of it."""

    model_config = STRICT

    channels: dict[Name, SecretStr] = Field(
        default_factory=dict, description="by name an apprise URL; shown by nothing; file or environment only"
    )
    rules: dict[Name, AlertRuleSettings] = Field(
        default_factory=dict,
        description="by name: kinds, severity, where, channels; without any: from warning up, to every channel",
    )
    repeat: Duration = setting(
        "1h", gt=0, description="the same alert within this time is counted, and told once at its end"
    )
    burst: int = Field(10, ge=1, le=1000, description="messages of a channel at once; the rest wait for a digest")
    pace: Duration = setting("1m", gt=0, description="after a burst, one message of a channel in each such time")
    quiet: QuietSettings = setting(QuietSettings, description="hours in which nobody is disturbed")
    dead_after: Duration = setting(
        "1m", gt=0, description="a venue or book without a live state for this long is told as feed.dead"
    )
    fills: bool = Field(False, description="whether each fill of a run is an alert")
    fields: bool = Field(True, description="look at samples of frames for fields that a venue never sent before")
    sandbox: bool = Field(False, description="whether runs on simulated venues tell alerts, too")

    @model_validator(mode="after")
    def _known_channels(self) -> "AlertsSettings":
        for name, rule in self.rules.items():
            for channel in rule.channels:
                if channel not in self.channels:
                    raise ValueError(f"rules.{name}.channels: no channel {channel!r} in channels")
        return self
