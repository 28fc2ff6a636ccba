"""The calibration of forecasts as tables for a terminal.

Enters: the figures, and what they were found in. Leaves: lines on a console. Never: a share without how sure it is.
"""

from rich.console import Console
from rich.table import Table

from cryptopipe.evaluate.calibration import Calibration, Pit, ReliabilityBin, Share
from cryptopipe.postmortem.calibration import Found, notes

_WIDEST_BAR = 40


def render(figures: Calibration, found: Found, console: Console) -> None:
    """Print them."""
    ends = ", ".join(f"{count} {end}" for end, count in sorted(found.ends.items()))
    console.print(f"{figures.n} forecasts of {found.runs} runs: {ends}", highlight=False)
    if figures.pit is not None:
        console.print(_histogram(figures.pit))
        console.print(_distance("PIT", figures.pit), highlight=False)
    if figures.with_jumps is not None:
        words = _distance(f"PIT with the {figures.jumps} jumps", figures.with_jumps)
        console.print(words, highlight=False)
    console.print(_reliability(figures.reliability))
    parts = figures.brier
    console.print(
        f"Brier score {parts.score:.4f} = {parts.reliability:.4f} reliability - {parts.resolution:.4f} resolution"
        f" + {parts.uncertainty:.4f} uncertainty + {parts.within:.4f} within the bins",
        highlight=False,
    )
    sharp = figures.sharpness
    if sharp is not None:
        sure = "" if sharp.error_se is None else f" ± {sharp.error_se * 10_000:.2f}"
        console.print(
            f"Central 90 %: {sharp.width * 10_000:.1f} bp wide, held {_share(sharp.coverage)}", highlight=False
        )
        console.print(f"Realised minus expected: {sharp.error * 10_000:.2f}{sure} bp", highlight=False)
    for note in notes(figures, found):
        console.print(f"note: {note}", style="yellow", highlight=False, markup=False)


def _distance(what: str, pit: Pit) -> str:
    return f"{what}: distance from uniform {pit.distance:.4f} (Kolmogorov–Smirnov), p = {pit.p_value:.4g}, n = {pit.n}"


def _histogram(pit: Pit) -> Table:
    table = Table("PIT", "forecasts", "", title="Where results fell in their forecasts", title_justify="left")
    most, bins = max(pit.histogram), len(pit.histogram)
    for place, count in enumerate(pit.histogram):
        bar = "█" * round(_WIDEST_BAR * count / most)
        table.add_row(f"{place / bins:.1f} to {(place + 1) / bins:.1f}", str(count), bar)
    table.caption = f"even: {pit.n / bins:.1f} each"
    return table


def _reliability(bins: tuple[ReliabilityBin, ...]) -> Table:
    table = Table(title="Probability of profit", title_justify="left")
    for place, column in enumerate(("forecast", "forecasts", "mean", "came true", "")):
        table.add_column(column, justify="right" if place else "left")
    for one in bins:
        span = f"{one.low:.1f} to {one.high:.1f}"
        fits = "" if one.fits else "outside"
        table.add_row(span, str(one.observed.n), f"{one.forecast:.3f}", _share(one.observed), fits)
    return table


def _share(share: Share) -> str:
    low, high = share.interval
    return f"{share.share:.3f} ({low:.3f} to {high:.3f})"
