"""`cryptopipe action`, also `cryptopipe --mode action`: run a strategy.

Enters: sources to replay. Leaves: the run's summary on stdout. Never: a real order.
"""

from typing import TYPE_CHECKING, Any

import click

from cryptopipe.cli.options import Common, common_options
from cryptopipe.cli.output import print_json, terminal
from cryptopipe.errors import UsageError

if TYPE_CHECKING:
    from cryptopipe.app import RunResult


@click.command("action")
@click.option("--strategy", default="arbitrage", show_default=True, metavar="NAME", help="Which strategy to run.")
@click.option("--replay", "replays", multiple=True, metavar="VENUE=FILE", help="A capture to replay; repeatable.")
@click.option("--align", type=click.Choice(["start"]), help="Bring recordings of different days to one origin.")
@click.option("--shift", "shifts", multiple=True, metavar="VENUE=T", help="Delay one venue's recording: alpha=120s.")
@click.option("--for", "for_text", metavar="T", help="Stop after this much of the recordings' time: 30s.")
@click.option("--execution", type=click.Choice(["paper"]), default="paper", show_default=True, help="Who fills orders.")
@common_options
def action(
    common: Common,
    strategy: str,
    replays: tuple[str, ...],
    align: str | None,
    shifts: tuple[str, ...],
    for_text: str | None,
    execution: str,
) -> None:
    """Run a strategy over recorded market data: find, judge and simulate trades.

    \b
    Examples:
      cryptopipe --strategy arbitrage --mode action
      cryptopipe action --replay alpha=btcusdt.jsonl.gz --replay beta=book.jsonl.gz --align start
    """
    from cryptopipe import registry
    from cryptopipe.app import act
    from cryptopipe.wiring import Wiring, source_of

    registry.strategy(strategy)
    settings = common.load([strategy])
    source = source_of(settings, replays, shifts, align)
    wiring = Wiring.of(strategy, settings, source.venues)
    result = act(wiring, source, source.label(), duration_option(for_text))
    if common.json:
        print_json(result.document())
    else:
        _show(result)
    if result.summary.stopped_by == "interrupt":
        raise click.exceptions.Exit(130)


def duration_option(text: str | None) -> int | None:
    """Nanoseconds of `--for`. Raises `UsageError`."""
    from cryptopipe.clock import parse_duration

    if text is None:
        return None
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(str(error), where="--for", fix="write 30s, 5m or 1.5h") from error


def _show(result: "RunResult") -> None:
    from rich.table import Table

    console = terminal()
    document = result.document()
    title = f"{result.wiring.strategy} on recordings, paper, {document['core']} core"
    table = Table(title=title, title_justify="left")
    for column in ("venue", "state", "proof", "frames", "tops", "gaps", "books live"):
        table.add_column(column, justify="left" if column in ("venue", "state", "proof") else "right")
    for venue, counts in document["venues"].items():
        table.add_row(
            venue, counts["state"], counts["proof"], f"{counts['frames']:,}", f"{counts['tops']:,}",
            str(counts["gaps"]), str(counts["books"]["live"]),
        )  # fmt: skip
    console.print(table)
    if document["label"]:
        text = document["label"] if document["simultaneous"] else f"not simultaneous: {document['label']}"
        console.print(text, style="bold yellow")
    _show_edges(console, document)
    found = document["opportunities"]
    console.print(
        f"opportunities: {found['found']} found, {found['accepted']} accepted, {found['refused']} refused;"
        f" {document['fills']} fills"
    )
    for check, count in sorted(document["refusals"].items(), key=lambda item: -item[1]):
        console.print(f"  refused by {check}: {count}")
    if document["profit"]:
        changed = ", ".join(f"{amount} {asset}" for asset, amount in document["profit"].items())
        console.print(f"holdings changed by: {changed}")
    _show_value(console, document)
    if document["halted"]:
        console.print(f"[bold red]halted[/]: {document['halted']}")
    console.print(f"run {document['run_id']}, journal {document['journal']['records']} records", style="dim")
    console.print("next: cryptopipe --mode post-mortem, cryptopipe replay last --verify", style="dim")


def _show_value(console: Any, document: dict[str, Any]) -> None:
    for asset, amount in document["exposure"].items():
        console.print(f"left unhedged by unfilled legs: {amount} {asset}", style="bold red")
    value = document["value"]
    console.print(
        f"value in {value['numeraire']}: trading {_short(value['trading'])},"
        f" revaluation of inventory {_short(value['revaluation'])}, restoring {_short(value['restoring'])}"
    )
    if value["unpriced"]:
        console.print(f"no price in {value['numeraire']} for inventory in {', '.join(value['unpriced'])}: left out")


def _show_edges(console: Any, document: dict[str, Any]) -> None:
    for name in ("gross", "net"):
        edge = document["best_edges"][name]
        if edge:
            what = " / ".join(edge["instruments"])
            console.print(
                f"largest {name} edge: {_short(edge['bps'])} bps, buy on {edge['buy']}, sell on {edge['sell']} ({what})"
                f" at {edge['at']}"
            )
        else:
            console.print(f"largest {name} edge: none")


def _short(amount: str | None) -> str:
    from decimal import Decimal

    return "unknown (no price)" if amount is None else f"{Decimal(amount):.4f}"
