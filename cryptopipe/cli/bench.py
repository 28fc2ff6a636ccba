"""`cryptopipe bench feed|replay`: what the paths cost, beside other libraries where they are installed.

Enters: recordings. Leaves: a table or JSON. Never: a figure from a time other than this run's.
"""

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from cryptopipe.cli.options import Common, common_options
from cryptopipe.cli.output import print_json

if TYPE_CHECKING:
    from cryptopipe.bench.report import Report
    from cryptopipe.journal.log import RecordSink
    from cryptopipe.pipe import Pipe


@click.group()
def bench() -> None:
    """Measure the paths on recordings (CRYPTOPIPE_RECORDINGS), else on the generated capture."""


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
      cryptopipe bench feed --only "alpha v2" --runs 3 --peers-python .bench/bin/python
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
@click.option(
    "--runs", type=click.IntRange(1), default=5, show_default=True, help="Passes a row, after one to warm up."
)
@click.option(
    "--strategy", default="arbitrage", show_default=True, metavar="NAME", help="The strategy of the last row."
)
@common_options
def replay(common: Common, runs: int, strategy: str) -> None:
    """Frames a second from a native capture and from gzipped JSON lines, and through the whole pipe.

    \b
    Examples:
      cryptopipe bench replay
      cryptopipe bench replay --runs 3 --json
    """
    from cryptopipe.bench.recordings import chosen, recordings
    from cryptopipe.bench.replay import measure
    from cryptopipe.drivers.replay import Replay
    from cryptopipe.wiring import Wiring

    settings = common.load([strategy])
    found, notes = recordings()

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


def _show(report: "Report") -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    peers = list(dict.fromkeys(name for row in report.rows for name in row.peers))
    unit = report.rows[0].unit
    title = f"bench {report.bench}, {report.core} core, {unit}: median (min to max)"
    table = Table(title=title, title_justify="left")
    reference = any(row.reference for row in report.rows)
    proofs = any(row.proof for row in report.rows)
    table.add_column("")
    for column in ("n", *["proof"] * proofs, "cryptopipe", *peers, *["reference core"] * reference):
        table.add_column(column, justify="left" if column == "proof" else "right")
    places = 0 if unit.endswith("/s") else 2
    for row in report.rows:
        ours = row.spread
        cells = [row.name, f"{row.n:,}", *[row.proof] * proofs]
        cells.append(f"{ours.value:,.{places}f} ({ours.min:,.{places}f} to {ours.max:,.{places}f})")
        for name in peers:
            peer = row.peers.get(name)
            cells.append(f"{peer.spread.value:.2f}, {row.ratio[name]:.1f}x" if peer else "-")
        if reference:
            cells.append(f"{row.reference.value:.2f}" if row.reference else "-")
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
