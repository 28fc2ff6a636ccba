"""`cryptopipe bench load|collect`: runs and collectors under frames at a given pace from another process.

Enters: a rate, a time. Leaves: a table or JSON, and what was lost. Never: a figure from a time other than this run's.
"""

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from cryptopipe.cli.bench_shown import show, show_load
from cryptopipe.cli.options import Common, common_options
from cryptopipe.cli.output import print_json

if TYPE_CHECKING:
    from pathlib import Path

    from cryptopipe.app import Running
    from cryptopipe.model.contracts import ExchangePlugin
    from cryptopipe.model.facts import VenueId
    from cryptopipe.settings import Settings


@click.command()
@click.option("--for", "for_text", default="60s", show_default=True, metavar="T", help="How long at the rate.")
@click.option("--rate", type=click.IntRange(1), default=10_000, show_default=True, help="Frames a second.")
@click.option(
    "--burst", type=click.IntRange(0), default=50_000, show_default=True, help="Frames in one second afterwards."
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, metavar="N", help="Of the market.")
@click.option("--strategy", default="arbitrage", show_default=True, metavar="NAME", help="The strategy of the run.")
@click.option("--lose", type=click.IntRange(0), hidden=True, help="The number of a frame that is never sent.")
@common_options
def load(common: Common, for_text: str, rate: int, burst: int, seed: int, strategy: str, lose: int | None) -> None:
    """A whole run under frames of simulated venues on five loopback connections, from another process.

    Capture, books with their proofs, strategy, gate and journal are those of `--mode action`. Exit code 1 if a frame
    was lost or a book did not stay alive; a figure that misses its goal is only a note.

    \b
    Examples:
      cryptopipe bench load
      cryptopipe bench load --for 10s --rate 5000 --json
    """
    from cryptopipe.bench.load import Load, measure
    from cryptopipe.cli.action import duration_option

    for_ns = duration_option(for_text)
    assert for_ns is not None, "--for has a default"
    settings = common.load([strategy])
    outcome = measure(
        Load(rate, for_ns, burst, seed, lose),
        settings.assets,
        lambda plugins, directory: _run_of(strategy, settings, plugins, directory, seed),
        lambda text: click.echo(text, err=True),
    )
    if common.json:
        print_json({**outcome.report.document(), "ok": not outcome.problems, "problems": outcome.problems})
    else:
        show_load(outcome)
    if outcome.problems:
        raise click.exceptions.Exit(1)


@click.command()
@click.option("--for", "for_text", default="60s", show_default=True, metavar="T", help="How long at the rate.")
@click.option("--rate", type=click.IntRange(1), default=10_000, show_default=True, help="Frames a second.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, metavar="N", help="Of the market.")
@click.option("--peers-python", metavar="PATH", default=sys.executable, help="The interpreter that has cryptofeed.")
@click.option("--lose", type=click.IntRange(0), hidden=True, help="The number of a frame that is never sent.")
@common_options
def collect(common: Common, for_text: str, rate: int, seed: int, peers_python: str, lose: int | None) -> None:
    """Collectors of eight simulated venues on loopback connections, beside cryptofeed's raw writer.

    Capture, trades, books and tops are written as `cryptopipe collect` does. Exit code 1 if a frame was lost or could
    not be read.

    \b
    Examples:
      cryptopipe bench collect
      cryptopipe bench collect --for 10s --rate 5000 --json
    """
    from cryptopipe.bench.collecting import measure
    from cryptopipe.bench.load import Load
    from cryptopipe.cli.action import duration_option

    for_ns = duration_option(for_text)
    assert for_ns is not None, "--for has a default"
    common.load([])
    outcome = measure(Load(rate, for_ns, 0, seed, lose), peers_python, lambda text: click.echo(text, err=True))
    if common.json:
        print_json({**outcome.report.document(), "ok": not outcome.problems, "problems": outcome.problems})
    else:
        show(outcome.report)
        for problem in outcome.problems or [
            "no frame was lost, every book stayed proven, the captures hold every frame"
        ]:
            click.echo(problem)
    if outcome.problems:
        raise click.exceptions.Exit(1)


def _run_of(
    strategy: str, settings: "Settings", plugins: "Mapping[VenueId, ExchangePlugin]", directory: "Path", seed: int
) -> "Running":
    from cryptopipe.app import Running
    from cryptopipe.drivers.replay import ReplayLabel
    from cryptopipe.result import Origin
    from cryptopipe.wiring import Wiring

    wiring = Wiring(strategy, settings.model_copy(update={"data_dir": directory}), plugins)
    return Running(wiring, Origin("sandbox", ReplayLabel(True, "recorded simulated venues, not a market", ()), seed))
