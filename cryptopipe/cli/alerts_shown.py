"""Alerts, deliveries and rules as rows and tables.

Enters: alerts, a courier, rules. Leaves: JSON objects, tables on stdout, a line of counts on stderr. Never: a channel's
URL.
"""

from typing import TYPE_CHECKING, Any

import click

from cryptopipe.cli.output import terminal

if TYPE_CHECKING:
    from cryptopipe.alerts import Alert
    from cryptopipe.alerts.courier import Courier
    from cryptopipe.alerts.rules import Rule, Rules
    from cryptopipe.alerts.spool import Line


def row(alert: "Alert") -> dict[str, Any]:
    """An alert as JSON."""
    from cryptopipe.clock import format_at

    told = {"severity": alert.severity, "kind": alert.kind, "where": alert.where, "text": alert.text}
    return {"at": format_at(alert.at), **told, "key": alert.sameness, "data": dict(alert.data)}


def show_alerts(chosen: "list[Alert]") -> None:
    """A table of alerts, one line each where the terminal is wide enough."""
    from rich.table import Table
    from rich.text import Text

    from cryptopipe.clock import format_at

    table = Table(box=None, pad_edge=False)
    for name in ("at", "severity", "kind", "where", "text"):
        table.add_column(name, overflow="fold", no_wrap=name in ("at", "severity"))
    for one in chosen:
        cells = (format_at(one.at)[:19] + "Z", one.severity, one.kind, one.where, one.text.replace("\n", " "))
        table.add_row(*(Text(cell) for cell in cells))
    if chosen:
        terminal().print(table)


def show_counts(found: int, shown: int, lines: "list[Line]", unread: int) -> None:
    """How many there are, are shown, were never looked at, cannot be read."""
    torn = sum(line.alert is None for line in lines)
    told = [f"{found} alerts" if shown == found else f"{shown} of {found} alerts"]
    told += [f"{unread} not read by `alerts run` yet"] if unread else []
    told += [f"{torn} lines unreadable"] if torn else []
    click.echo(", ".join(told), err=True)


def delivery(courier: "Courier") -> dict[str, Any]:
    """What a courier has done, and what waits, by channel, as JSON."""
    from cryptopipe.alerts.desk import waiting

    channels = {}
    for name, channel in courier.state.channels.items():
        unsent, repeats, held = waiting(channel)
        state = {"unsent": unsent, "repeats": repeats, "held": held, "failures": channel.failures}
        channels[name] = {"sent": channel.sent, **state, "reason": channel.why}
    return {"read": courier.read, "channels": channels}


_WAITING = (("unsent", "not sent yet"), ("repeats", "counted as repeats"), ("held", "held for a digest"))


def show_delivery(document: dict[str, Any]) -> None:
    """The same in lines."""
    for name, channel in document["channels"].items():
        told = [f"{channel['sent']} messages sent"]
        told += [f"{channel[what]} alerts {words}" for what, words in _WAITING if channel[what]]
        failed = f": failed, {channel['reason']}" if channel["failures"] else ""
        click.echo(f"{name}: {', '.join(told)}{failed}")


def rule_row(rules: "Rules", rule: "Rule") -> dict[str, Any]:
    """A rule as JSON."""
    told = {"name": rule.name, "kinds": list(rule.kinds), "severity": rule.severity, "where": rule.where}
    return {**told, "channels": list(rules.of(rule))}


def answer(rules: "Rules", alert: "Alert") -> dict[str, Any]:
    """The rules that an alert fits, and the channels that it goes to, as JSON."""
    asked = {"kind": alert.kind, "where": alert.where, "severity": alert.severity}
    return {**asked, "rules": [one.name for one in rules.fitting(alert)], "channels": rules.channels_of(alert)}


def show_answers(answers: list[dict[str, Any]]) -> None:
    """A row for each kind, a column for each severity, in the cells who is told."""
    from rich.table import Table

    severities = list(dict.fromkeys(one["severity"] for one in answers))
    told = {(one["kind"], one["severity"]): ", ".join(one["channels"]) or "-" for one in answers}
    table = Table("kind", *severities, box=None, pad_edge=False)
    for kind in dict.fromkeys(one["kind"] for one in answers):
        table.add_row(kind, *(told[kind, severity] for severity in severities))
    terminal().print(table)
