"""`cryptopipe bench feed|replay|book|window|detect`: what the paths cost, beside other libraries where installed.

Enters: recordings, or simulated venues. Leaves: a table or JSON. Never: a figure from a time other than this run's.
"""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from cryptopipe.cli.bench_load import collect, load
from cryptopipe.cli.bench_shown import show
from cryptopipe.cli.options import Common, common_options
from cryptopipe.cli.output import print_json

if TYPE_CHECKING:
    from cryptopipe.journal.log import RecordSink
    from cryptopipe.pipe import Pipe


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
    show(report)
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
    show(report)
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
    show(report)


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
    show(report)


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
    show(report)


bench.add_command(load)
bench.add_command(collect)
