"""`cryptopipe action`, also `cryptopipe --mode action`: run a strategy.

Enters: sources to replay. Leaves: the run's summary on stdout. Never: a real order.
"""

from typing import TYPE_CHECKING, Any

import click

from cryptopipe.cli.market import MarketOptions, market_options
from cryptopipe.cli.options import Common, common_options
from cryptopipe.cli.output import print_json, terminal
from cryptopipe.errors import UsageError, VenueUnavailable

if TYPE_CHECKING:
    from cryptopipe.app import RunResult
    from cryptopipe.settings import Settings


@click.command("action")
@click.option("--strategy", default="arbitrage", show_default=True, metavar="NAME", help="Which strategy to run.")
@market_options
@click.option("--for", "for_text", metavar="T", help="Stop after this much time (of the recordings, if any): 30s.")
@click.option("--execution", type=click.Choice(["paper"]), default="paper", show_default=True, help="Who fills orders.")
@common_options
def action(common: Common, strategy: str, market: MarketOptions, for_text: str | None, execution: str) -> None:
    """Run a strategy over live or recorded markets: find, judge and simulate trades.

    \b
    Examples:
      cryptopipe --strategy arbitrage --mode action
      cryptopipe action --market live --for 10m
      cryptopipe action --replay A=btcusdt.jsonl.gz --replay B=book.jsonl.gz --align start
    """
    from cryptopipe import registry

    registry.strategy(strategy)
    settings = common.load([strategy])
    for_ns = duration_option(for_text)
    if market.replays:
        from cryptopipe.app import act
        from cryptopipe.wiring import Wiring, source_of

        source = source_of(settings, market.replays, market.shifts, market.align)
        result = act(Wiring.of(strategy, settings, source.venues), source, source.label(), for_ns)
    else:
        result = _on_connections(common, market, strategy, settings, for_ns)
    if common.json:
        print_json(result.document())
    else:
        _show(result)
    stopped_by = result.summary.stopped_by
    if stopped_by not in ("end of recordings", "duration"):
        raise click.exceptions.Exit(130 if stopped_by == "interrupt" else VenueUnavailable.exit_code)


def _on_connections(
    common: Common, market: MarketOptions, strategy: str, settings: "Settings", for_ns: int | None
) -> "RunResult":
    from cryptopipe.app import Origin, Running, act_live
    from cryptopipe.camera import Camera
    from cryptopipe.cli.screen import viewer
    from cryptopipe.drivers.replay import ReplayLabel
    from cryptopipe.drivers.streams import Streams, all_subscriptions
    from cryptopipe.journal.hold import only_run
    from cryptopipe.wiring import Wiring

    wiring = Wiring.of(strategy, settings, market.venue_names(settings))
    with only_run(settings.data_dir):
        pass  # what cannot be kept is refused before the venues start
    with viewer(common.json) as view, market.open(wiring.plugins, settings.assets) as place:
        origin = Origin(place.kind, ReplayLabel(True, place.label, ()), place.seed)

        def streams(running: Running) -> Streams:
            made = Streams(
                wiring.plugins,
                running.pipe.market,
                all_subscriptions(wiring.plugins, settings.assets),
                running.take,
                running.turn_ended,
                place.rewrite,
                place.ended,
            )
            camera = Camera(running.pipe, place.kind, made.stamp(), place.seed, made.feeds.supervisors)
            made.looked = lambda at: view.show(camera.take(at, place.faults(at)))
            return made

        return act_live(wiring, origin, streams, for_ns)


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
    where = {"replay": "recordings", "sandbox": "simulated venues", "live": "real venues"}[document["market"]]
    title = f"{result.wiring.strategy} on {where}, paper, {document['core']} core"
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
