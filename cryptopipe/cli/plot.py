"""`cryptopipe plot …`: what was captured or collected, or comes in now, as a page or a PNG. Never trades.

Enters: captures, runs, collected files, also ones that are being written; or a market. Leaves: files. Never: a window,
a server, a file half written.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cryptopipe.cli.action import duration_option
from cryptopipe.cli.market import MarketOptions, market_options
from cryptopipe.cli.options import Common, common_options
from cryptopipe.cli.output import print_json
from cryptopipe.errors import UsageError

if TYPE_CHECKING:
    from cryptopipe.cli.plot_drawing import Canvas, Drawn
    from cryptopipe.plots.chart import Chart

F = TypeVar("F", bound=Callable[..., Any])
_FILE = click.Path(path_type=Path, dir_okay=False)
_OPTIONS = (
    click.argument("sources", nargs=-1, required=True, metavar="SOURCE..."),
    click.option("--png", type=_FILE, metavar="FILE", help="Write a PNG."),
    click.option("--html", type=_FILE, metavar="FILE", help="Write a page.  [default: plot-….html, if no --png]"),
    click.option("--symbol", default="", metavar="BASE/QUOTE", help="Of this pair, or a venue's symbol."),
    market_options,
    click.option("--for", "for_text", metavar="T", help="Of captures: from their start. live, --follow: how long."),
    click.option("--follow", is_flag=True, help="Draw again as what is read grows, until Ctrl-C or --for."),
    common_options,
)


@click.group("plot")
def plot() -> None:
    """Bid, ask and spread over time, depth, latency, frames a second, as a page or a PNG.

    SOURCE is a capture (VENUE=FILE for lines that do not name theirs), a file or folder of collected rows, a run's id,
    last, or live. What is still being written is read as far as it goes.
    """


def _drawing(command: F) -> F:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@plot.command("top")
@_drawing
def top(**given: Any) -> None:
    """Best bid and ask over time, and the spread, of each venue.

    \b
    Examples:
      cryptopipe plot top last --symbol BTC/USDT --png top.png
      cryptopipe plot top live --venues A,B --html top.html
      cryptopipe plot top A=btcusdt.jsonl.gz B=btcusdt.jsonl.gz
    """
    from cryptopipe.cli.plot_drawing import TopDrawing

    _plot("top", lambda canvas: TopDrawing(canvas), **given)


@plot.command("depth")
@click.option("--within", type=click.FloatRange(0, 100, min_open=True), default=1.0, show_default=True, metavar="P",
              help="Percent from the middle, either way.")  # fmt: skip
@_drawing
def depth(within: float, **given: Any) -> None:
    """How much is there up to each price, bids to the left and asks to the right; of captures, at their end.

    \b
    Examples:
      cryptopipe plot depth last --png depth.png
      cryptopipe plot depth A=btcusdt.jsonl.gz --for 30s --within 0.2
      cryptopipe plot depth live --symbol ETH/USDT
    """
    from cryptopipe.cli.plot_drawing import DepthDrawing

    _plot("depth", lambda canvas: DepthDrawing(canvas, within), **given)


@plot.command("latency")
@_drawing
def latency(**given: Any) -> None:
    """How long each stage takes at each venue, as shares of frames; `cryptopipe latency` has the figures.

    \b
    Examples:
      cryptopipe plot latency last --png latency.png
      cryptopipe plot latency live --for 30s
    """
    from cryptopipe.cli.plot_drawing import LatencyDrawing

    _plot("latency", lambda canvas: LatencyDrawing(rates=False), **given)


@plot.command("rate")
@_drawing
def rate(**given: Any) -> None:
    """Frames a second of each venue over time.

    \b
    Examples:
      cryptopipe plot rate last --png rate.png
      cryptopipe plot rate live
    """
    from cryptopipe.cli.plot_drawing import LatencyDrawing

    _plot("rate", lambda canvas: LatencyDrawing(rates=True), **given)


def _plot(what: str, made: "Callable[[Canvas], Any]", common: Common, market: MarketOptions, **given: Any) -> None:
    from cryptopipe.cli.plot_drawing import Canvas, drawn

    sources, symbol, follow = given["sources"], given["symbol"], given["follow"]
    is_live = sources == ("live",)
    _refuse(sources, is_live, follow, market)
    png, html = given["png"], given["html"]
    if png is None and html is None:
        html = Path(f"plot-{what}.html")
    for file in (png, html):
        _writable(file)
    canvas = Canvas(
        sources, symbol, market, common.load([]), duration_option(given["for_text"]), follow, html, png
    )  # fmt: skip
    found = drawn(made(canvas), canvas, is_live)
    if common.json:
        print_json(_document(what, found, canvas.files))
    else:
        click.echo("\n".join([found.chart.title, *found.chart.notes, *map(str, canvas.files)]))
    if found.stopped_by == "interrupt" and not follow:
        raise click.exceptions.Exit(130)


def _refuse(sources: Sequence[str], is_live: bool, follow: bool, market: MarketOptions) -> None:
    if market.replays:
        raise UsageError("a plot names its captures as SOURCE", where="--replay", fix="leave --replay out: A=FILE")
    if "live" in sources and not is_live:
        raise UsageError("live beside files", where="SOURCE", fix="plot one of them at a time")
    if is_live and follow:
        raise UsageError("what is live is followed anyway", where="--follow", fix="leave it out")
    if not is_live and (market.is_drawn or market.kind == "live"):
        raise UsageError(
            "a file has its market", where="--market, --seed, --faults, --parameters", fix="leave them out"
        )


def _writable(file: Path | None) -> None:
    if file is not None and not file.expanduser().absolute().parent.is_dir():
        raise UsageError(f"no such directory: {file.parent}", where=str(file), fix="make it, or name another one")


def _document(what: str, found: "Drawn", files: Sequence[Path]) -> dict[str, Any]:
    return {
        "plot": what,
        "title": found.chart.title,
        "notes": list(found.chart.notes),
        "stopped_by": found.stopped_by,
        "lines": _lines(found.chart),
        "files": [str(file) for file in files],
    }


def _lines(chart: "Chart") -> list[dict[str, Any]]:
    return [{"name": one.name, "points": len(one.x)} for panel in chart.panels for one in panel.traces]
