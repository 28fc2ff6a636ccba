"""`cryptopipe action`, also `cryptopipe --mode action`: run a strategy.

Enters: sources to replay. Leaves: the run's summary on stdout. Never: an order at a real venue.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cryptopipe.cli.logs import keep_log, log_option
from cryptopipe.cli.market import MarketOptions, market_options
from cryptopipe.cli.options import Common, common_options
from cryptopipe.cli.output import print_json
from cryptopipe.errors import UsageError, VenueUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cryptopipe.app import Running
    from cryptopipe.cli.market import Place
    from cryptopipe.cli.screen import Viewer
    from cryptopipe.drivers.streams import Streams
    from cryptopipe.model.facts import VenueId
    from cryptopipe.model.stream import Subscription
    from cryptopipe.result import RunResult
    from cryptopipe.settings import Loaded, Settings
    from cryptopipe.wiring import Wiring


@click.command("action")
@click.option("--strategy", default="arbitrage", show_default=True, metavar="NAME", help="Which strategy to run.")
@market_options
@click.option("--for", "for_text", metavar="T", help="Stop after this much time (of the recordings, if any): 30s.")
@click.option(
    "--execution",
    type=click.Choice(["venue", "paper"]),
    help="Who fills orders: the venues, or a model on the live books.  [default: venue on the sandbox, but paper for a"
    " strategy that quotes; else paper]",
)
@log_option
@common_options
def action(
    common: Common,
    strategy: str,
    market: MarketOptions,
    for_text: str | None,
    execution: str | None,
    log_dir: Path | None,
) -> None:
    """Run a strategy over live or recorded markets: find, judge and carry out trades, on simulated venues or on paper.

    \b
    Examples:
      cryptopipe --strategy arbitrage --mode action
      cryptopipe action --market live --for 10m
      cryptopipe action --replay A=btcusdt.jsonl.gz --replay B=book.jsonl.gz --align start
    """
    from cryptopipe import registry

    registry.strategy(strategy)
    loaded = common.load_layers([strategy])
    settings = loaded.settings
    for_ns = duration_option(for_text)
    keep_log(settings.logs, log_dir, market.kind == "live" and not market.replays, common.verbose)
    if market.replays:
        result = _on_recordings(market, strategy, settings, for_ns, execution)
    else:
        result = _on_connections(common, market, strategy, loaded, for_ns, execution)
    if common.json:
        print_json(result.document())
    else:
        from cryptopipe.cli.closing import show

        show(result)
    exit_as(result.summary.stopped_by, common.json)
    settled = result.summary.settled
    if settled is not None and not settled.balanced:
        raise click.exceptions.Exit(1)  # the venues hold something else, or it is not known what


def exit_as(stopped_by: str, as_json: bool) -> None:
    """The exit code of what ended the run; what was neither its end nor the user is an error, which JSON has told."""
    if stopped_by in ("end of recordings", "duration"):
        return
    if stopped_by == "interrupt":
        raise click.exceptions.Exit(130)
    if as_json:
        raise click.exceptions.Exit(VenueUnavailable.exit_code)
    raise VenueUnavailable(
        f"the run ended early: {stopped_by}",
        fix="what it did is kept; start it again, and if that ends too: `cryptopipe sandbox` alone tells why",
    )


def _on_recordings(
    market: MarketOptions, strategy: str, settings: "Settings", for_ns: int | None, execution: str | None
) -> "RunResult":
    from cryptopipe.app import act
    from cryptopipe.wiring import VENUE, Wiring, source_of

    if execution == VENUE:
        raise UsageError("recordings fill no orders", where="--execution venue", fix="--execution paper")
    source = source_of(settings, market.replays, market.shifts, market.align)
    return act(Wiring.of(strategy, settings, source.venues), source, source.label(), for_ns)


def _on_connections(
    common: Common,
    market: MarketOptions,
    strategy: str,
    loaded: "Loaded",
    for_ns: int | None,
    execution: str | None,
) -> "RunResult":
    from cryptopipe import registry
    from cryptopipe.app import act_live
    from cryptopipe.cli.screen import viewer
    from cryptopipe.cli.signing import fit_to_trade
    from cryptopipe.drivers.replay import ReplayLabel
    from cryptopipe.drivers.streams import all_subscriptions
    from cryptopipe.journal.hold import only_run
    from cryptopipe.model.quotes import QUOTES
    from cryptopipe.result import Origin
    from cryptopipe.wiring import PAPER, Wiring

    settings = loaded.settings
    wiring = Wiring.of(strategy, settings, market.venue_names(settings))
    if execution is None and QUOTES in registry.strategy(strategy).capabilities:
        execution = PAPER
    wiring = wiring.executed(market.execution(execution, wiring.plugins), market.kind)
    with only_run(settings.data_dir):
        pass  # what cannot be kept is refused before the venues start
    wanted = all_subscriptions(
        wiring.plugins, settings.assets, settings.orders, loaded.place(("orders",)), market.kind == "sandbox"
    )
    with viewer(common.json) as view, market.open(wiring.plugins, settings.assets) as place:
        fit_to_trade(wiring, place)
        origin = Origin(place.kind, ReplayLabel(True, place.label, ()), place.seed, faulty=market.faults is not None)
        return act_live(wiring, origin, lambda running: _streams(running, wiring, wanted, place, view), for_ns)


def _streams(
    running: "Running",
    wiring: "Wiring",
    wanted: "Mapping[VenueId, Sequence[Subscription]]",
    place: "Place",
    view: "Viewer",
) -> "Streams":
    """What the run is connected to, with somebody who looks at it."""
    from cryptopipe.camera import Camera
    from cryptopipe.cli.signing import signatory
    from cryptopipe.drivers.streams import Streams, credentials_for

    settings = wiring.settings
    made = Streams(
        wiring.plugins,
        running.pipe.market,
        wanted,
        running.take,
        running.turn_ended,
        place.rewrite,
        place.ended,
        credentials=credentials_for(wiring.plugins, settings, place.kind == "sandbox"),
        refresh=settings.metadata.refresh,
        signatory=signatory(wiring, running.pipe, place) if wiring.codecs else None,
        settled=lambda: running.pipe.settled,
    )
    camera = Camera(running.pipe, place.kind, made.stamp(), place.seed, made.feeds.supervisors)
    made.looked = lambda at: view.show(camera.take(at, place.faults(at)))
    return made


def duration_option(text: str | None) -> int | None:
    """Nanoseconds of `--for`. Raises `UsageError`."""
    from cryptopipe.clock import parse_duration

    if text is None:
        return None
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(str(error), where="--for", fix="write 30s, 5m or 1.5h") from error
