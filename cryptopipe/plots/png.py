"""A chart as a PNG, by matplotlib, which needs no browser (ADR 0016).

Enters: a chart. Leaves: a file. Never: a window, a global state of the library, or an import of it where no PNG is
asked for.
"""

from datetime import UTC, datetime
from importlib import import_module
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

from cryptopipe.clock import SECOND
from cryptopipe.errors import UsageError
from cryptopipe.plots.chart import Chart, Panel, Shape, Trace, colour

_INCHES = (14.0, 8.0)
_DOTS = 100


def refuse_undrawable() -> None:
    """Raises `UsageError` where the library is not installed: before anything is read that could not be drawn."""
    if find_spec("matplotlib") is None:
        raise UsageError(
            "PNGs are drawn by matplotlib, which is not installed",
            where="--png",
            fix="pip install 'cryptopipe[png]', or write --html, which needs nothing more",
        )


def write_png(chart: Chart, file: Path) -> None:
    """Raises `UsageError` where the library is not installed, `OSError`."""
    refuse_undrawable()
    figure: Any = import_module("matplotlib.figure").Figure(figsize=_INCHES, dpi=_DOTS, layout="constrained")
    import_module("matplotlib.backends.backend_agg").FigureCanvasAgg(figure)
    shares = [panel.share for panel in chart.panels]
    axes = figure.subplots(len(chart.panels), 1, sharex=chart.over_time, squeeze=False, height_ratios=shares)
    for panel, (axis,) in zip(chart.panels, axes, strict=True):
        _draw(chart, panel, axis)
    bottom = axes[-1][0]
    bottom.set_xlabel(_plain(chart.x_title))
    if chart.over_time:
        _dates(bottom)
    figure.suptitle(_plain("\n".join([chart.title, *chart.notes])), fontsize=11)
    handles, names = axes[0][0].get_legend_handles_labels()
    if 0 < len(names) <= 24:
        axes[0][0].legend(handles, names, fontsize=8, loc="best", framealpha=0.8)
    figure.savefig(file, format="png")


def _draw(chart: Chart, panel: Panel, axis: Any) -> None:
    axis.set_ylabel(_plain(panel.y_title))
    axis.grid(True, alpha=0.3)
    if panel.log:
        axis.set_yscale("log")
    else:
        plain = "y" if chart.over_time or chart.x_log else "both"
        axis.ticklabel_format(axis=plain, useOffset=False, style="plain")
    if chart.x_log:
        axis.set_xscale("log")
    for trace in panel.traces:
        x = [datetime.fromtimestamp(at / SECOND, UTC) for at in trace.x] if chart.over_time else list(trace.x)
        _trace(chart, trace, axis, x)
    axis.margins(x=0.01)
    if any(trace.filled for trace in panel.traces):
        axis.set_ylim(bottom=0)


def _trace(chart: Chart, trace: Trace, axis: Any, x: list[Any]) -> None:
    y = [float("nan") if value is None else value for value in trace.y]
    paint = colour(chart, trace)
    if trace.shape is Shape.BARS:
        width = min((b - a for a, b in pairwise(x)), default=1)
        axis.bar(x, y, width=width, color=paint, alpha=0.6, label=_plain(trace.name))
        return
    style = "steps-post" if trace.shape is Shape.HOLD else "default"
    axis.plot(x, y, drawstyle=style, color=paint, linewidth=0.8 if trace.faint else 1.3,
              linestyle="--" if trace.faint else "-", label=_plain(trace.name))  # fmt: skip
    if trace.filled:
        axis.fill_between(x, y, step="post" if trace.shape is Shape.HOLD else None, color=paint, alpha=0.15)


def _plain(text: str) -> str:
    """A dollar is a dollar, and begins no formula."""
    return text.replace("$", r"\$")


def _dates(axis: Any) -> None:
    dates: Any = import_module("matplotlib.dates")
    locator = dates.AutoDateLocator(tz=UTC)
    axis.xaxis.set_major_locator(locator)
    axis.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator, tz=UTC))
