"""What `cryptopipe index` shows: tables, one JSON object, a CSV file, a plot.

Enters: a sampler that has seen its market. Leaves: text and files. Never: a number without what it was measured on, or
a plot that needs the network.
"""

import csv
import sys
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from cryptopipe.cli.output import terminal
from cryptopipe.clock import SECOND, format_at
from cryptopipe.evaluate.indices import DAY, HOUR, GapRow, Indices, RatioRow, States, states_seen
from cryptopipe.model.money import plain

if TYPE_CHECKING:
    from rich.table import Table

_COLUMNS = (
    "index",
    "pair",
    "size",
    "per",
    "begins_at",
    "bps",
    "buy",
    "ask",
    "sell",
    "bid",
    "at",
    "instants",
    "positive",
)
_NOT_PROFIT = "no fees, transfers or latency in it: not a profit (docs/arbitrage-index.md)"


class Sampled(Protocol):
    """What was looked at, and how."""

    indices: Indices
    states: dict[str, States]
    first_at: int
    last_at: int
    every: int
    max_age: int
    compare_kinds: bool

    @property
    def instants(self) -> int: ...
    @property
    def caveats(self) -> list[str]: ...


@dataclass(frozen=True)
class Measured:
    """What was measured, on what. `per` is `hour`, `day`, or None: by the day if there is a whole one."""

    source: str
    label: str
    simultaneous: bool
    stopped_by: str
    sampler: Sampled
    per: str | None

    @property
    def period(self) -> int:
        """Nanoseconds of a row."""
        whole_day = self.sampler.last_at - self.sampler.first_at >= DAY
        return DAY if self.per == "day" or (self.per is None and whole_day) else HOUR

    @property
    def period_name(self) -> str:
        """In a word."""
        return "day" if self.period == DAY else "hour"

    @property
    def notes(self) -> list[str]:
        """What must be said of the figures."""
        said = [_NOT_PROFIT]
        if not self.simultaneous:
            said.append(f"not simultaneous: {self.label}")
        if not self.sampler.indices.ratios():
            said.append("no pair was quoted at two places at once, by live books that are fresh enough")
        return said + self.sampler.caveats

    def document(self) -> dict[str, Any]:
        """The contract of `index --json`."""
        sampler = self.sampler
        return {
            "source": self.source,
            "label": self.label,
            "simultaneous": self.simultaneous,
            "stopped_by": self.stopped_by,
            "from_at": format_at(sampler.first_at) if sampler.first_at else None,
            "to_at": format_at(sampler.last_at) if sampler.first_at else None,
            "every_s": _seconds(sampler.every),
            "max_age_s": _seconds(sampler.max_age),
            "compare_kinds": sampler.compare_kinds,
            "sizes": [plain(size) for size in sampler.indices.sizes],
            "instants": sampler.instants,
            "per": self.period_name,
            "gaps": [_gap(row) for row in sampler.indices.gaps(self.period)],
            "ratios": [_ratio(row) for row in sampler.indices.ratios()],
            "states": [{"pair": pair, **vars(states)} for pair, states in states_seen(sampler.states)],
            "notes": self.notes,
        }


def _gap(row: GapRow) -> dict[str, Any]:
    gap = row.widest
    return {
        "pair": row.pair,
        "size": plain(row.size),
        "begins_at": format_at(row.begins_at),
        "bps": plain(gap.bps),
        "buy": gap.buy,
        "ask": plain(gap.ask),
        "sell": gap.sell,
        "bid": plain(gap.bid),
        "at": format_at(row.at),
        "quoted": row.quoted,
        "positive": row.positive,
    }


def _ratio(row: RatioRow) -> dict[str, Any]:
    return {
        "pair": row.pair,
        "begins_at": format_at(row.begins_at),
        "hours": row.hours,
        "hourly_bps": plain(row.hourly_bps),
        "instants": row.instants,
        "sampled_bps": plain(row.sampled_bps),
    }


def render(measured: Measured) -> None:
    """Tables on the terminal."""
    told = measured.document()
    console = terminal(width=None if sys.stdout.isatty() else 140)
    console.print(
        f"{told['instants']} instants, one every {told['every_s']} s, from {told['from_at']} to {told['to_at']}",
        markup=False,
        highlight=False,
    )
    gaps = _table(
        f"Highest bid minus lowest ask: the widest of each {told['per']}",
        "pair", "size ≥", told["per"], "bp", "bought at", "sold at", "when", "quoted", "positive",
    )  # fmt: skip
    for row in told["gaps"]:
        where = (row["buy"], row["sell"], row["at"][11:23], str(row["quoted"]), str(row["positive"]))
        gaps.add_row(row["pair"], row["size"], row["begins_at"][:13], f"{Decimal(row['bps']):.4f}", *where)
    ratios = _table(
        "Highest price over lowest, mean of the day", "pair", "day", "hourly bp", "at an instant bp", "hours"
    )
    for row in told["ratios"]:
        means = (f"{Decimal(row['hourly_bps']):.4f}", f"{Decimal(row['sampled_bps']):.4f}")
        ratios.add_row(row["pair"], row["begins_at"][:10], *means, str(row["hours"]))
    states = _table("States, and those with a gap above zero", "pair", "told", "above zero", "moved", "above zero")
    for row in told["states"]:
        numbers = (row["told"], row["told_positive"], row["moved"], row["moved_positive"])
        states.add_row(row["pair"], *(f"{number:,}" for number in numbers))
    for table in (gaps, ratios, states):
        if table.row_count:
            console.print(table)
    for note in told["notes"]:
        console.print(f"note: {note}", style="yellow", highlight=False, markup=False)


def _table(title: str, *columns: str) -> "Table":
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold")
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left", overflow="fold")
    return table


def write_csv(measured: Measured, file: Path) -> None:
    """One line for each row, `index` says of which: `gap`, `hourly_ratio` or `sampled_ratio`. Raises `OSError`."""
    told = measured.document()
    rows = [
        {"index": "gap", **row, "per": told["per"], "instants": row["quoted"]} for row in told["gaps"]
    ]  # fmt: skip
    for row in told["ratios"]:
        of_day = {**row, "per": "day"}
        rows.append({**of_day, "index": "hourly_ratio", "bps": row["hourly_bps"]})
        rows.append({**of_day, "index": "sampled_ratio", "bps": row["sampled_bps"]})
    with file.open("w", encoding="utf-8", newline="") as out:
        lines = csv.DictWriter(out, _COLUMNS, extrasaction="ignore", lineterminator="\n")
        lines.writeheader()
        lines.writerows(rows)


def plot(measured: Measured, file: Path) -> None:
    """Every gap over time, a line for each pair and size, in one HTML file. Raises `OSError`."""
    from plotly import graph_objects

    lines: dict[tuple[str, Decimal], tuple[list[str], list[float], list[str]]] = {}
    for at, pair, size, gap in measured.sampler.indices.series:
        when, bps, words = lines.setdefault((pair, size), ([], [], []))
        when.append(format_at(at)[:23])
        bps.append(float(gap.bps))
        words.append(f"{gap.buy} {plain(gap.ask)} → {gap.sell} {plain(gap.bid)}")
    figure = graph_objects.Figure()
    for (pair, size), (when, bps, words) in sorted(lines.items()):
        name = f"{pair} ≥ {plain(size)}"
        figure.add_trace(graph_objects.Scatter(x=when, y=bps, text=words, name=name, mode="lines+markers"))
    figure.update_layout(
        title="Highest bid minus lowest ask<br><sub>" + "<br>".join(measured.notes) + "</sub>",
        xaxis_title="UTC",
        yaxis_title="basis points of the ask",
        showlegend=True,
    )
    page = figure.to_html(include_plotlyjs=True, div_id="index")
    file.write_text(page, encoding="utf-8")


def _seconds(duration: int) -> str:
    return plain(Decimal(duration) / SECOND)
