"""`cryptopipe bench feed|replay|book|window|detect|load`: what the paths cost, beside other libraries where installed.

Enters: recordings, or simulated venues. Leaves: a table or JSON. Never: a figure from a time other than this run's.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from cryptopipe.cli.options import Common, common_options
from cryptopipe.cli.output import print_json

if TYPE_CHECKING:
    from pathlib import Path

    from cryptopipe.app import Running
    from cryptopipe.bench.load import Outcome
    from cryptopipe.bench.report import Report
    from cryptopipe.journal.log import RecordSink
    from cryptopipe.model.contracts import ExchangePlugin
    from cryptopipe.model.facts import VenueId
    from cryptopipe.pipe import Pipe
    from cryptopipe.settings import Settings


@click.group()
def bench() -> None:
    """Measure the paths on recordings (CRYPTOPIPE_RECORDINGS), else on the generated capture; under load."""


@bench.command()
@click.option("--only", multiple=True, metavar="NAME", help="Only this recording; repeatable.")
@click.option(
    "--runs", type=click.IntRange(1), default=7, show_default=True, help="Passes a side, after one to warm up."
)
@click.option("--peers-python", metavar="PATH", default=sys.executable, help="The interpreter that has the peers.")
@common_options
def feed(common: Common, only: tuple[str, ...], runs: int, peers_python: str) -> None:
    """From raw bytes to best bid and ask with every proof on, beside cryptofeed and ccxt.pro.

    The peers need a checkout of the repository (bench/peers.py) and the dependency group `bench`.

    \b
    Examples:
      cryptopipe bench feed
      cryptopipe bench feed --only NAME --runs 3 --peers-python .bench/bin/python
    """
    from cryptopipe.bench.feed import measure
    from cryptopipe.bench.recordings import chosen, recordings

    found, notes = recordings()
    report = measure(
        chosen(found, only), found, runs, peers_python, lambda name: click.echo(f"measuring {name}", err=True)
    )
    if common.json:
        print_json({**report.document(), "notes": [*notes, *report.notes]})
        return
    _show(report)
    for note in notes:
        click.echo(f"note: {note}")


@bench.command()
@click.argument("files", nargs=-1, metavar="[[VENUE=]FILE]...")
@click.option("--runs", type=click.IntRange(1), default=5, show_default=True, help="Passes a row, after a first.")
@click.option("--strategy", default="arbitrage", show_default=True, metavar="NAME", help="Of the last row.")
@common_options
def replay(common: Common, files: tuple[str, ...], runs: int, strategy: str) -> None:
    """Frames a second of captures, as native ones and as they are, and through the whole pipe: as fast as they go.

    Without FILE the recordings that this project is measured on. A native capture names its venues itself.

    \b
    Examples:
      cryptopipe bench replay
      cryptopipe bench replay A=btcusdt.jsonl.gz --runs 3 --json
    """
    from cryptopipe.bench.recordings import chosen, named, recordings
    from cryptopipe.bench.replay import measure
    from cryptopipe.drivers.replay import Replay
    from cryptopipe.wiring import Wiring

    settings = common.load([strategy])
    found, notes = (named(files), []) if files else recordings()

    def make_pipe(venues: Sequence[str], sink: "RecordSink") -> "Pipe":
        wiring = Wiring.of(strategy, settings, venues)
        pipe = wiring.pipe(sink)
        pipe.tell_start(wiring.started(Replay((), False, {}).label()))
        return pipe

    report = measure(chosen(found, ()), runs, make_pipe, lambda name: click.echo(f"measuring {name}", err=True))
    if common.json:
        print_json({**report.document(), "notes": [*notes, *report.notes]})
        return
    _show(report)
    for note in notes:
        click.echo(f"note: {note}")


@bench.command()
@click.option("--events", type=click.IntRange(1_000), default=200_000, show_default=True, help="Of the stream.")
@click.option(
    "--runs", type=click.IntRange(1), default=7, show_default=True, help="Passes a row, after one to warm up."
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, metavar="N", help="Of the stream.")
@common_options
def book(common: Common, events: int, runs: int, seed: int) -> None:
    """Changes of single orders (L3) and of levels (L2) a second, inside the core and called from Python.

    \b
    Examples:
      cryptopipe bench book
      cryptopipe bench book --events 50000 --runs 3 --json
    """
    from cryptopipe.bench.book import measure

    report = measure(events, runs, seed, lambda name: click.echo(f"measuring {name}", err=True))
    if common.json:
        print_json(report.document())
        return
    _show(report)


@bench.command()
@click.option("--only", multiple=True, metavar="NAME", help="Only this recording; repeatable.")
@click.option(
    "--runs", type=click.IntRange(1), default=7, show_default=True, help="Passes a row, after one to warm up."
)
@click.option("--rows", type=click.IntRange(1_000), default=1_000_000, show_default=True, help="Sealed and scanned.")
@common_options
def window(common: Common, only: tuple[str, ...], runs: int, rows: int) -> None:
    """A day of tops: bytes a row, appends with their share of sealing, scans of hot and cold rows.

    
    Examples:
      cryptopipe bench window
      cryptopipe bench window --only NAME --runs 3 --json
    """
    from cryptopipe.bench.recordings import chosen, recordings
    from cryptopipe.bench.window import measure

    found, notes = recordings()
    report = measure(chosen(found, only), runs, rows, lambda name: click.echo(f"measuring {name}", err=True))
    if common.json:
        print_json({**report.document(), "notes": [*notes, *report.notes]})
        return
    _show(report)


@bench.command()
@click.option("--changes", type=click.IntRange(100), default=5_000, show_default=True, help="Of tops, a pass.")
@click.option(
    "--runs", type=click.IntRange(1), default=7, show_default=True, help="Passes a row, after one to warm up."
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, metavar="N", help="Of the market.")
@common_options
def detect(common: Common, changes: int, runs: int, seed: int) -> None:
    """The best cycle through a changed book, beside networkx where it is installed, and the best of two venues.

    \b
    Examples:
      cryptopipe bench detect
      cryptopipe bench detect --changes 500 --runs 3 --json
    """
    from cryptopipe.bench.detect import measure

    report = measure(changes, runs, seed, lambda name: click.echo(f"measuring {name}", err=True))
    if common.json:
        print_json(report.document())
        return
    _show(report)


@bench.command()
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
        _show_load(outcome)
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


def _show_load(outcome: "Outcome") -> None:
    from rich.table import Table

    from cryptopipe.cli.output import terminal

    console, report = terminal(), outcome.report
    table = Table(title=f"bench load, {report.core} core", title_justify="left")
    table.add_column("")
    for column in ("n", "", "", "of single seconds"):
        table.add_column(column, justify="right" if column != "" else "left")
    for row in report.rows:
        spread = row.spread
        between = "" if spread.min == spread.max else f"{spread.min:,.2f} to {spread.max:,.2f}"
        table.add_row(row.name, f"{row.n:,}", f"{spread.value:,.2f}", row.unit, between)
    if report.rows:
        console.print(table)
    for problem in outcome.problems:
        console.print(problem, style="bold red", highlight=False)
    if not outcome.problems:
        console.print("no frame was lost, every book stayed alive, the capture holds every frame", highlight=False)
    for line in _footnotes(report):
        console.print(line, style="dim", highlight=False)


def _show(report: "Report") -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    peers = list(dict.fromkeys(name for row in report.rows for name in row.peers))
    unit = report.rows[0].unit
    mixed = any(row.unit != unit for row in report.rows)
    title = f"bench {report.bench}, {report.core} core{'' if mixed else f', {unit}'}: median (min to max)"
    table = Table(title=title, title_justify="left")
    reference = any(row.reference for row in report.rows)
    proofs = any(row.proof for row in report.rows)
    table.add_column("")
    for column in ("n", *["proof"] * proofs, *["unit"] * mixed, "cryptopipe", *peers, *["reference core"] * reference):
        table.add_column(column, justify="left" if column in ("proof", "unit") else "right")
    places = 0 if unit.endswith("/s") else 2
    for row in report.rows:
        ours = row.spread
        cells = [row.name, f"{row.n:,}", *[row.proof] * proofs, *[row.unit] * mixed]
        cells.append(f"{ours.value:,.{places}f} ({ours.min:,.{places}f} to {ours.max:,.{places}f})")
        for name in peers:
            peer = row.peers.get(name)
            cells.append(f"{peer.spread.value:.2f}, {row.ratio[name]:.1f}x" if peer else "-")
        if reference:
            cells.append(f"{row.reference.value:,.{places}f}" if row.reference else "-")
        table.add_row(*cells)
    console.print(table)
    for name, mean in report.geomean.items():
        console.print(f"geometric mean against {name}: {mean:.1f}x")
    for line in _footnotes(report):
        console.print(line, style="dim", highlight=False)


def _footnotes(report: "Report") -> Iterator[str]:
    for row in report.rows:
        yield from row.notes
        for name, peer in row.peers.items():
            yield f"{name} on {row.name} checks {peer.checks}" + (f"; {peer.note}" if peer.note else "")
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    yield f"{versions}; corpus {report.corpus_sha256[:16]}"
    yield from (f"note: {note}" for note in report.notes)
