"""`cryptopipe alerts`: deliver what processes told, try the channels, look at the spool and the rules.

Enters: the spool of a data directory, the settings. Leaves: messages at channels, tables, JSON. Never: a channel's URL,
an alert changed.
"""

import threading
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import click

from cryptopipe.cli.action import duration_option
from cryptopipe.cli.alerts_shown import (
    answer,
    delivery,
    row,
    rule_row,
    show_alerts,
    show_answers,
    show_counts,
    show_delivery,
)
from cryptopipe.cli.options import Common, common_options
from cryptopipe.cli.output import print_json
from cryptopipe.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from cryptopipe.alerts.courier import Courier
    from cryptopipe.clock import Nanos

PATIENCE_S = 30.0
"""For a channel's answer, where somebody waits for it."""
_LOOK_S = 0.05


@click.group("alerts")
def alerts() -> None:
    """Deliver alerts to chats, mail or pagers; try channels; show what was told and which rule catches what."""


@alerts.command("run")
@click.option("--every", default="10s", show_default=True, metavar="T", help="Between two looks at the spool.")
@click.option("--once", is_flag=True, help="Deliver what there is, then end; 75 where something could not be.")
@common_options
def run(common: Common, every: str, once: bool) -> None:
    """Deliver alerts, in this process alone: nothing that collects or trades waits for a channel.

    \b
    Examples:
      cryptopipe alerts run
      cryptopipe alerts run --once --json
    """
    from cryptopipe.alerts import Spool
    from cryptopipe.alerts.courier import Courier, only_courier
    from cryptopipe.alerts.rules import rules_of
    from cryptopipe.alerts.sending import channels_of
    from cryptopipe.drivers.stop import stop_on_interrupt

    settings = common.load()
    pause = duration_option(every)
    if not pause:
        raise UsageError("expected a time above zero", where="--every", fix="--every 10s")
    channels = channels_of(settings.alerts.channels)
    spool = Spool(settings.data_dir)
    with only_courier(spool.directory), stop_on_interrupt() as stop:
        courier = Courier(spool, rules_of(settings.alerts), channels)
        if not common.json:
            click.echo(f"alerts of {settings.data_dir} go to {', '.join(channels)}", err=True)
        for wait in _waits(courier, once, pause / 1e9):
            if stop.requested:
                break
            stop.wait(wait)
    document = delivery(courier)
    if common.json:
        print_json(document)
    elif once:
        show_delivery(document)
    if stop.requested and once:
        raise click.exceptions.Exit(130)
    if once and courier.unsent:
        raise click.exceptions.Exit(75)


def _waits(courier: "Courier", once: bool, pause_s: float) -> Iterator[float]:
    """Seconds to wait between turns; with `once` it ends when nothing is left to do at once."""
    from cryptopipe.clock import SECOND, Stamper

    stamp = Stamper()
    began = stamp()
    while True:
        now = stamp()
        more = courier.turn(now)
        if once and not more and (not courier.busy or now - began > PATIENCE_S * SECOND):
            return
        yield 0.0 if more else _LOOK_S if courier.busy else pause_s


@alerts.command("test")
@click.option("--channel", "names", multiple=True, metavar="NAME", help="Only this one; repeatable.")
@common_options
def test(common: Common, names: tuple[str, ...]) -> None:
    """Send a marked message to each channel and say what happened; 1 where one did not take it.

    \b
    Example:
      cryptopipe alerts test --channel desk
    """
    from cryptopipe.alerts.sending import channels_of
    from cryptopipe.clock import Stamper

    settings = common.load().alerts
    unknown = next((name for name in names if name not in settings.channels), None)
    if unknown is not None:
        raise UsageError(
            f"no channel {unknown!r} is set{did_you_mean(unknown, settings.channels)}",
            where="--channel",
            fix=f"one of {', '.join(settings.channels) or 'alerts.channels in config.yaml'}",
        )
    channels = channels_of({name: url for name, url in settings.channels.items() if name in (names or (name,))})
    results = _tried(channels, Stamper()())
    if common.json:
        print_json({"channels": {name: {"ok": not why, "detail": why or "delivered"} for name, why in results.items()}})
    else:
        for name, why in results.items():
            click.echo(f"{name}: {f'failed: {why}' if why else 'delivered'}")
    if any(results.values()):
        raise click.exceptions.Exit(1)


def _tried(channels: dict[str, Any], now: "Nanos") -> dict[str, str]:
    """What became of the message by channel; they are tried at once, and none waits for another."""
    from cryptopipe.alerts import Alert
    from cryptopipe.alerts.message import single

    text = "This is a test of this channel, sent by `cryptopipe alerts test`. Nothing has happened."
    message = single(Alert("alerts.test", "", text, "info", now))
    results = dict.fromkeys(channels, f"no answer within {PATIENCE_S:.0f} s")
    threads = [
        threading.Thread(target=lambda name=name: results.update({name: channels[name].send(message)}), daemon=True)
        for name in channels
    ]
    for thread in threads:
        thread.start()
    deadline = threading.Event()
    timer = threading.Timer(PATIENCE_S, deadline.set)
    timer.daemon = True
    timer.start()
    for thread in threads:
        while thread.is_alive() and not deadline.is_set():
            thread.join(_LOOK_S)
    timer.cancel()
    return dict(results)


@alerts.command("list")
@click.option("--since", metavar="T", help="Younger than this, 6h, or from an instant on, 2026-11-22T00:00:00Z.")
@click.option("--kind", default="*", metavar="GLOB", help="Of these kinds: 'feed.*'.")
@click.option("--where", "place", default="*", metavar="GLOB", help="Of these places: 'alpha:*'.")
@click.option("--severity", type=click.Choice(["info", "warning", "critical"]), help="As bad as this, or worse.")
@click.option("--last", default=50, show_default=True, type=click.IntRange(1), help="At most so many, the newest.")
@common_options
def show(common: Common, since: str | None, kind: str, place: str, severity: str | None, last: int) -> None:
    """What was told, whether or not somebody is told of it: the spool, oldest first.

    \b
    Example:
      cryptopipe alerts list --since 24h --severity warning
    """
    from cryptopipe.alerts import SEVERITIES, Spool
    from cryptopipe.alerts.courier import load

    data_dir = common.load().data_dir
    spool = Spool(data_dir)
    after = _since(since)
    least = SEVERITIES.index(severity) if severity else 0
    lines = list(spool.lines(spool.first()))
    told = [line.alert for line in lines if line.alert is not None]
    chosen = [
        one
        for one in told
        if one.at >= after
        and fnmatchcase(one.kind, kind)
        and fnmatchcase(one.where, place)
        and SEVERITIES.index(one.severity) >= least
    ]
    place_read = load(spool.directory / "delivery.json").place
    unread = sum(line.place >= place_read for line in lines)
    if common.json:
        rows = [row(one) for one in chosen[-last:]]
        counts = {"found": len(chosen), "unreadable": len(lines) - len(told), "unread": unread}
        print_json({"file": spool.path, **counts, "alerts": rows})
        return
    show_alerts(chosen[-last:])
    show_counts(len(chosen), min(last, len(chosen)), lines, unread)


def _since(text: str | None) -> "Nanos":
    from cryptopipe.clock import Stamper, parse_at, parse_duration

    if text is None:
        return 0
    try:
        return parse_at(text) if "T" in text else Stamper()() - parse_duration(text)
    except ValueError as error:
        raise UsageError(str(error), where="--since", fix="write 90m, 24h or 2026-11-22T00:00:00Z") from None


@alerts.command("rules")
@click.option("--kind", metavar="KIND", help="Ask of one kind: feed.dead.")
@click.option("--where", "place", default="", metavar="PLACE", help="Of this place: alpha:XYUSD.")
@click.option("--severity", type=click.Choice(["info", "warning", "critical"]), help="And so bad.")
@common_options
def rules(common: Common, kind: str | None, place: str, severity: str | None) -> None:
    """Which rule would catch what, and who would be told.

    \b
    Examples:
      cryptopipe alerts rules
      cryptopipe alerts rules --kind feed.dead --where alpha --severity critical
    """
    from cryptopipe.alerts import KINDS, SEVERITIES, Alert
    from cryptopipe.alerts.rules import rules_of

    in_force = rules_of(common.load().alerts)
    kinds = [kind] if kind else list(KINDS)
    try:
        asked = [Alert(one, place, "", bad, 0) for one in kinds for bad in ([severity] if severity else SEVERITIES)]
    except ValueError as error:
        raise UsageError(str(error), where="--kind", fix=f"such as {', '.join(KINDS)}") from None
    answers = [answer(in_force, one) for one in asked]
    if common.json:
        shown = [rule_row(in_force, one) for one in in_force.rules]
        print_json({"channels": in_force.channels, "rules": shown, "answers": answers})
        return
    for rule in in_force.rules:
        told = rule_row(in_force, rule)
        names = ", ".join(told["channels"]) or "nobody: alerts.channels is empty"
        click.echo(f"{rule.name}: {' '.join(rule.kinds)} at {rule.where}, {rule.severity} or worse → {names}")
    show_answers(answers)
