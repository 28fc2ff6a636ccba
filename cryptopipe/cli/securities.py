"""`cryptopipe securities`: what each venue lists, by which rules, since when.

Enters: venues' answers of now or recorded. Leaves: the security master brought up to date; what changed. Never: a venue
that failed taken for one that lists nothing, or simulated instruments among real ones.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cryptopipe.cli.options import Common, common_options
from cryptopipe.cli.output import print_json
from cryptopipe.cli.securities_shown import diff_command, history_command, list_command, when
from cryptopipe.errors import CryptopipeError, UsageError, VenueError

if TYPE_CHECKING:
    from cryptopipe.model.contracts import ExchangePlugin
    from cryptopipe.model.facts import VenueId
    from cryptopipe.securities.syncing import Outcome, Told
    from cryptopipe.settings import Settings

_PATH = click.Path(path_type=Path)


class _ListByDefault(click.Group):
    """A group that lists where no command is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Options before any command are those of `list`."""
        named = bool(args) and (not args[0].startswith("-") or args[0] in ("-h", "--help"))
        return super().parse_args(ctx, args if named else [list_command.name or "list", *args])


@click.group(cls=_ListByDefault)
def securities() -> None:
    """What each venue lists, by which rules, since when; every change kept. Without a command: list.

    \b
    Examples:
      cryptopipe securities sync
      cryptopipe securities sync --venues A,B --every 1h
      cryptopipe securities list --symbol BTC/USDT --at 2026-11-01
      cryptopipe securities history BTC/USDT
      cryptopipe securities diff --since 24h
    """


@securities.command("sync")
@click.option(
    "--market",
    type=click.Choice(["live", "sandbox"]),
    default="live",
    help="Real venues, or simulated ones.  [default: live]",
)
@click.option("--venues", "venue_names", metavar="A,B", help="Only these venues.  [default: all that are enabled]")
@click.option("--from-raw", "raws", multiple=True, type=_PATH, metavar="CAPTURE", help="The answers in a capture.")
@click.option("--file", "files", multiple=True, metavar="VENUE=FILE", help="Answers in a file, all that it lists.")
@click.option("--at", "at_text", metavar="T", help="When an answer of --file was given, where it does not tell.")
@click.option("--every", metavar="T", help="Again and again, such as 1h, until Ctrl-C.")
@click.option("--accept", is_flag=True, help="Take answers that look short, or lack one, for all that is listed.")
@click.option("--user", metavar="NAME", help="Who changes rows.  [default: the system's user]")
@common_options
def sync_command(
    common: Common, market: str, venue_names: str | None, raws: Sequence[Path], files: Sequence[str],
    at_text: str | None, every: str | None, accept: bool, user: str | None,
) -> int:  # fmt: skip
    """Ask the venues, or read recorded answers, and keep what changed. A second sync of the same changes nothing.

    Exit code 1 if a venue failed: it is named, the others are synced, and its instruments stay as they were.
    """
    from cryptopipe.securities.syncing import take

    settings, recorded = common.load([]), bool(raws or files)
    if recorded and every:
        raise UsageError("recorded answers do not change", where="--every", fix="leave it out")
    names = _names(venue_names, settings, market)
    who = user or _user()

    def once() -> "Outcome":
        if recorded:
            told, origin = _recorded(raws, files, names if venue_names else None, at_text)
        else:
            told, origin = _asked(names, market, settings), market
        return take(settings.data_dir, market, told, origin, who, accept)

    if every is None:
        outcome = once()
        _show(common, market, outcome)
        return 1 if outcome.failed else 0
    _scheduled(every, once, lambda outcome: _show(common, market, outcome))
    return 0


securities.add_command(list_command)
securities.add_command(history_command)
securities.add_command(diff_command)


def _names(text: str | None, settings: "Settings", market: str) -> list[str]:
    from cryptopipe import registry

    if text is None:
        able = {name: one for name, one in registry.exchanges().items() if one.metadata}
        return [
            name
            for name, one in able.items()
            if settings.venue(name).enabled and (market == "live" or one.sandbox is not None)
        ]
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise UsageError(f"names nothing: {text!r}", where="--venues", fix="--venues A,B; leave it out for all")
    for name in names:
        registry.exchange(name)
    return names


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "unknown"


def _asked(names: Sequence[str], kind: str, settings: "Settings") -> "list[Told]":
    from cryptopipe import registry
    from cryptopipe.drivers.child import sandbox
    from cryptopipe.market.feeds import as_written
    from cryptopipe.model.facts import VenueId
    from cryptopipe.securities.syncing import ask

    plugins = {VenueId(name): registry.exchange(name) for name in names}
    if kind == "live":
        return ask(plugins, as_written)
    simulated = {venue: one for venue, one in plugins.items() if one.sandbox is not None}
    absent: list[Told] = [
        VenueError("has no simulated venue", where=venue, fix="leave it out, or --market live")
        for venue in plugins.keys() - simulated.keys()
    ]
    if not simulated:
        return absent
    with sandbox(list(simulated), assets=settings.assets) as child:
        return [*absent, *ask(simulated, child.rewrite, apart=0)]


def _recorded(
    raws: Sequence[Path], files: Sequence[str], only: Sequence[str] | None, at_text: str | None
) -> "tuple[list[Told], str]":
    from cryptopipe import registry
    from cryptopipe.clock import Stamper
    from cryptopipe.errors import ProtocolError
    from cryptopipe.model.facts import VenueId
    from cryptopipe.securities.answers import from_capture, from_files

    now = Stamper()()
    at, told = when(at_text, now, "--at") if at_text else now, list["Told"]()
    known = {VenueId(name): one for name, one in registry.exchanges().items() if only is None or name in only}
    for path in raws:
        told += from_capture(path, known)
    for plugin, paths in _by_venue(files).values():
        try:
            told.append(from_files(plugin, paths, at))
        except (VenueError, ProtocolError) as error:
            error.where = error.where or plugin.venue
            told.append(error)
    return told, ", ".join([*(str(path) for path in raws), *files])


def _by_venue(files: Sequence[str]) -> "Mapping[VenueId, tuple[ExchangePlugin, list[Path]]]":
    from cryptopipe import registry

    found: dict[VenueId, tuple[ExchangePlugin, list[Path]]] = {}
    for text in files:
        name, mark, path = text.partition("=")
        if not (name and mark and path):
            raise UsageError(f"expected VENUE=FILE, got {text!r}", where="--file", fix="--file VENUE=ANSWER.json")
        plugin = registry.exchange(name)
        found.setdefault(plugin.venue, (plugin, []))[1].append(Path(path))
    return found


def _scheduled(every: str, once: Any, show: Any) -> None:
    """Now, and every so often, until interrupted. A sync that fails as a whole is told, and the next one comes."""
    from cryptopipe.cli.output import print_error
    from cryptopipe.clock import SECOND, parse_duration

    try:
        period = parse_duration(every)
    except ValueError as error:
        raise UsageError(str(error), where="--every", fix="--every 1h") from None
    if period < 10 * SECOND:
        raise UsageError(f"every {every} is too often", where="--every", fix="10s or more; venues change hourly")

    def job() -> None:
        try:
            show(once())
        except CryptopipeError as error:
            print_error(error, as_json=False)

    from apscheduler.schedulers.blocking import BlockingScheduler

    job()
    scheduler = BlockingScheduler(timezone="UTC")
    scheduler.add_job(job, "interval", seconds=period / SECOND, coalesce=True, max_instances=1)
    scheduler.start()


def _show(common: Common, market: str, outcome: "Outcome") -> None:
    from cryptopipe.securities.telling import in_words

    if common.json:
        print_json(_document(market, outcome))
        return
    for snapshot, changes in outcome.taken:
        click.echo(f"{snapshot.exchange}: {len(snapshot.terms)} instruments; {_counted(changes.told)}")
        if len(changes.told) < len(snapshot.terms):  # a venue that is new here is not read out
            for one in changes.told[:20]:
                click.echo(f"  {one.symbol}: {in_words(one)}")
    for venue, why in outcome.failed.items():
        click.echo(f"{venue}: not synced: {why}", err=True)
        if outcome.fixes[venue]:
            click.echo(f"fix: {outcome.fixes[venue]}", err=True)


def _counted(changes: Sequence[Any]) -> str:
    from collections import Counter

    counts = Counter(one.kind for one in changes)
    return ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) or "nothing changed"


def _document(market: str, outcome: "Outcome") -> dict[str, Any]:
    from cryptopipe.clock import format_at

    taken = [
        {
            "exchange": snapshot.exchange,
            "at": format_at(snapshot.at),
            "instruments": len(snapshot.terms),
            **{
                name: sum(one.kind == kind for one in changes.told)
                for name, kind in (
                    ("new", "new"), ("changed", "changed"), ("delisted", "delisted"), ("listed_again", "listed again")
                )
            },
        }
        for snapshot, changes in outcome.taken
    ]  # fmt: skip
    return {"market": market, "taken": taken, "failed": outcome.failed, "alerts": outcome.alerts}
