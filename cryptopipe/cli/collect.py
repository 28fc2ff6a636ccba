"""`cryptopipe collect`: market data into files that can be trusted later.

Enters: venues, symbols, kinds of data; connections, or captures. Leaves: row files, the capture beside them, a line for
each top. Never: an order, a row that the capture does not have, a second collector of one stream.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cryptopipe.cli.action import duration_option, exit_as
from cryptopipe.cli.logs import keep_log, log_option
from cryptopipe.cli.options import Common, Seed, common_options
from cryptopipe.cli.output import print_json
from cryptopipe.errors import UsageError

if TYPE_CHECKING:
    from cryptopipe.collect.running import Order
    from cryptopipe.settings import Settings

_SEVERAL = ("--symbol", "--symbols", "--data_type", "--data-type", "--from-raw", "--from_raw", "--interval")
_FILE = click.Path(path_type=Path)


class SeveralWords(click.Command):
    """A command of which some options take every word that follows: `--symbol A B` is `--symbol A --symbol B`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The arguments, one option a word."""
        return super().parse_args(ctx, repeated(args))


def repeated(args: Sequence[str]) -> list[str]:
    """Each further word of such an option with the option before it."""
    written: list[str] = []
    option, words = "", 0
    for token in args:
        if token.startswith("-"):
            option, equals, _ = token.partition("=")
            option, words = (option if option in _SEVERAL else ""), int(bool(equals))
        elif option:
            words += 1
            if words > 1:
                written.append(option)
        written.append(token)
    return written


@click.command("collect", cls=SeveralWords)
@click.argument("action", required=False, metavar="[status]")
@click.option("--exchange", metavar="E", help="The venue; without it, the streams of collect.streams.")
@click.option("--symbol", "--symbols", "symbols", multiple=True, metavar="S [S …]", help="As it spells them, or A/B.")
@click.option("--all", "everything", is_flag=True, help="Every instrument that the venue lists.")
@click.option(
    "--data_type", "--data-type", "types", multiple=True, metavar="T [T …]", help="book, trade, top, l3, candle, raw."
)
@click.option("--depth", type=click.IntRange(1, 1000), metavar="N", help="Levels of a book row's sides.  [default: 5]")
@click.option(
    "--interval", "intervals", multiple=True, metavar="T", help="Of books and candles.  [default: 1000ms; 1m]"
)
@click.option("--format", "form", type=click.Choice(["csv", "parquet"]), help="Of sealed files.  [default: csv]")
@click.option("--header", is_flag=True, help="Begin CSV files with the names of the columns.")
@click.option("--for", "for_text", metavar="T", help="Stop after this much time: 30s, 8h.")
@click.option("--from-raw", "--from_raw", "raws", multiple=True, type=_FILE, metavar="FILE", help="Of these captures.")
@click.option("--replay", "replays", multiple=True, metavar="VENUE=FILE", help="The same, with the venue's name.")
@click.option(
    "--market",
    "market",
    type=click.Choice(["live", "sandbox"]),
    help="Real venues, or simulated ones.  [default: live]",
)
@click.option("--seed", type=Seed(), metavar="N", help="Of simulated venues; drawn if not given.")
@click.option("--faults", type=_FILE, metavar="FILE", help="Faults of simulated venues.")
@click.option("--parameters", type=_FILE, metavar="FILE", help="Order flow of simulated venues.")
@log_option
@common_options
def collect(common: Common, action: str | None, **given: Any) -> None:
    """Collect market data: a raw capture, and row files that are functions of it. Ctrl-C seals everything.

    `collect status` says who collects what here, and how late.

    \b
    Examples:
      cryptopipe collect --exchange A --symbol BTCUSDT ETHUSDT --data_type trade,book
      cryptopipe collect --exchange A --all --data_type top --market sandbox --for 30s
      cryptopipe collect --from-raw CAPTURE --data_type candle --interval 1m 5m
    """
    from cryptopipe.cli.collect_status import status

    if action == "status":
        status(common, [name for name, value in given.items() if value])
    elif action is not None:
        fix = "symbols follow --symbol; `collect status` asks who collects"
        raise UsageError(f"what is {action!r}?", where="collect", fix=fix)
    elif given["raws"] or given["replays"]:
        _from_captures(common, given)
    else:
        _from_connections(common, given)


def _from_connections(common: Common, given: dict[str, Any]) -> None:
    from cryptopipe.cli.collect_live import run
    from cryptopipe.cli.market import MarketOptions

    settings = common.load([])
    orders = _orders(settings, given)
    kind = given["market"] or ("sandbox" if any(given[one] is not None for one in _SIMULATED) else "live")
    if kind == "live" and any(given[one] is not None for one in _SIMULATED):
        raise UsageError(
            "only simulated venues have them", where="--seed, --faults and --parameters", fix="leave them out"
        )
    keep_log(settings.logs, given["log_dir"], kind == "live", common.verbose)
    market = MarketOptions(
        kind,
        tuple(one.plugin.venue for one in orders),
        given["seed"],
        given["faults"],
        given["parameters"],
        (),
        None,
        (),
    )
    stopped_by, document = run(common, settings, orders, market, duration_option(given["for_text"]))
    if common.json:
        print_json(document)
    else:
        _told(document)
    exit_as(stopped_by, common.json)


_SIMULATED = ("seed", "faults", "parameters")


def _orders(settings: "Settings", given: dict[str, Any]) -> "list[Order]":
    """What the command line asks for, or else the configuration. Raises `UsageError`."""
    from cryptopipe.collect.running import order, orders_of

    if given["exchange"] is not None:
        _refuse_both(given)
        return [
            order(
                given["exchange"], given["symbols"], given["everything"], given["types"], given["intervals"],
                given["depth"], given["form"] or "csv", given["header"], settings.collect.max_mb,
            )
        ]  # fmt: skip
    asked = [
        f"--{name}"
        for name in ("symbols", "types", "everything", "intervals", "depth", "form", "header")
        if given[name]
    ]
    if asked:
        said = asked[0].replace("--symbols", "--symbol").replace("--types", "--data_type").replace("everything", "all")
        raise UsageError("of which venue?", where=said, fix="add --exchange E: `cryptopipe plugins list` names them")
    if not settings.collect.streams:
        fix = "--exchange E --symbol S --data_type trade, or collect.streams in config.yaml"
        raise UsageError("nothing to collect is named", where="collect", fix=fix)
    return orders_of(settings.collect)


def _refuse_both(given: dict[str, Any]) -> None:
    if given["everything"] and given["symbols"]:
        raise UsageError("some symbols or all of them", where="--all and --symbol", fix="leave one out")
    if given["form"] == "parquet" and given["header"]:
        raise UsageError("parquet files have the names anyway", where="--header", fix="leave it out")


def _from_captures(common: Common, given: dict[str, Any]) -> None:
    from cryptopipe.cli.collect_again import again

    live = [name for name in (*_SIMULATED, "market") if given[name] is not None]
    if live or (given["raws"] and given["replays"]):
        where = f"--{live[0]}" if live else "--from-raw and --replay"
        raise UsageError("it says nothing of captures" if live else "one of them", where=where, fix="leave it out")
    _refuse_both(given)
    for_ns = duration_option(given["for_text"])
    settings = common.load([])
    keep_log(settings.logs, given["log_dir"], False, common.verbose)
    stopped_by, document = again(common, settings, given, for_ns)
    if common.json:
        print_json(document)
    else:
        _told(document)
    exit_as(stopped_by, common.json)


def _told(document: dict[str, Any]) -> None:
    """A closing line a venue, on stderr: stdout is for tops."""
    for venue, one in document["venues"].items():
        files = "no file" if not one["files"] else f"{one['files']} file{'s' if one['files'] > 1 else ''}"
        click.echo(f"{venue}: {one['rows']} rows in {files}, session {one['session']}", err=True)
    click.echo(f"in {document['data_dir']}", err=True)
