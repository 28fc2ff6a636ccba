"""`cryptopipe latency SOURCE…`: how long things take, by stage and venue, in captures, runs, or live. Never trades.

Enters: captures, also ones that are being written, runs, or a market. Leaves: a table or one JSON object. Never: an
absolute time between two clocks that nobody compared.
"""

import time
from collections import deque
from typing import TYPE_CHECKING, Any

import click

from cryptopipe.cli.action import duration_option
from cryptopipe.cli.market import MarketOptions, market_options
from cryptopipe.cli.options import Common, common_options
from cryptopipe.cli.output import print_json, terminal
from cryptopipe.errors import UsageError, VenueUnavailable

if TYPE_CHECKING:
    from cryptopipe.capture.inputs import Input
    from cryptopipe.clock import Nanos
    from cryptopipe.drivers.intake import Arrival
    from cryptopipe.market.market import Market
    from cryptopipe.plots.latencies import Figures, Latencies
    from cryptopipe.settings import Settings

_UNITS = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"))


@click.command("latency")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@market_options
@click.option("--for", "for_text", metavar="T", help="Of captures: from their start. live: how long.")
@common_options
def latency(common: Common, sources: tuple[str, ...], market: MarketOptions, for_text: str | None) -> None:
    """Mean, median, p99, maximum and throughput of each stage at each venue.

    SOURCE is a capture (VENUE=FILE for lines that do not name theirs), a run's id, last, or live. Of the network's
    times the difference of the clocks is removed: the fastest way counts as 0. A capture is carried to books again,
    here and now; a run adds how long venues took to answer.

    \b
    Examples:
      cryptopipe latency last
      cryptopipe latency A=btcusdt.jsonl.gz --json
      cryptopipe latency live --for 30s
    """
    settings, for_ns = common.load([]), duration_option(for_text)
    if market.replays:
        raise UsageError("captures are named as SOURCE", where="--replay", fix="leave --replay out: A=FILE")
    if sources == ("live",):
        found, why = _of_connections(settings, market, for_ns)
    else:
        found, why = _of_captures(settings, sources, for_ns), "end of recordings"
    figures = found.figures()
    if not figures:
        raise UsageError("no frame in it", where=", ".join(sources), fix="name captures with frames of feeds")
    if common.json:
        print_json({"stopped_by": why, "stages": [_row(one) for one in figures]})
    else:
        _show(figures)
    if why == "interrupt":
        raise click.exceptions.Exit(130)


def _of_captures(settings: "Settings", sources: tuple[str, ...], for_ns: "Nanos | None") -> "Latencies":
    from cryptopipe.drivers.replay import refuse_foreign
    from cryptopipe.drivers.stop import stop_on_interrupt, watched
    from cryptopipe.journal.runs import find
    from cryptopipe.market.market import Market
    from cryptopipe.plots.latencies import Latencies
    from cryptopipe.plots.sources import inputs_of, plugins_of, told
    from cryptopipe.summary import venue_counts

    if "live" in sources:
        raise UsageError("live beside captures", where="SOURCE", fix="measure one of them at a time")
    named = told(sources, settings.data_dir)
    if named.files:
        raise UsageError(
            "rows do not tell when their frames came", where=", ".join(map(str, named.files)), fix="name a capture"
        )
    found, books = Latencies(), Market(plugins_of(named))
    with stop_on_interrupt() as stop:
        found.replay(watched(inputs_of(named), stop, for_ns), books, time.perf_counter_ns)
    refuse_foreign({venue: venue_counts(books, venue) for venue in books.counts if books.counts[venue].frames})
    captures = {path for _, path in named.captures}
    for run in find(settings.data_dir, "all") if settings.data_dir.is_dir() else ():
        if run.capture in captures:
            found.answers(run.journal)
    return found


class _Heard(deque["Arrival"]):
    """Where arrivals wait for their turn, with the time at which each came."""

    def __init__(self) -> None:
        super().__init__()
        self._times: deque[int] = deque()
        self.last = 0

    def append(self, arrival: "Arrival") -> None:
        self._times.append(time.perf_counter_ns())
        super().append(arrival)

    def popleft(self) -> "Arrival":
        self.last = self._times.popleft()
        return super().popleft()


class _Clocked:
    """Measures between a driver and its market."""

    def __init__(self, market: "Market") -> None:
        from cryptopipe.plots.latencies import Latencies

        self.heard, self.found, self._market = _Heard(), Latencies(), market
        self._waiting: list[tuple[str, int]] = []

    def take(self, entry: "Input") -> None:
        """One input, in the order in which they were heard."""
        from cryptopipe.capture.inputs import Direction
        from cryptopipe.plots.latencies import QUEUE

        if entry.direction is Direction.RECV:
            self._waiting.append((entry.venue, self.heard.last))
            self.found.add(QUEUE, entry.venue, entry.at, time.perf_counter_ns() - self.heard.last)
        self.found.receive(entry, self._market, time.perf_counter_ns)

    def turn_ended(self, at: "Nanos") -> None:
        """All that was ready is in its book."""
        from cryptopipe.plots.latencies import TURN

        self._market.take_changed()
        self._market.transitions.clear()
        now = time.perf_counter_ns()
        for venue, heard_at in self._waiting:
            self.found.add(TURN, venue, at, now - heard_at)
        self._waiting.clear()


def _of_connections(settings: "Settings", options: MarketOptions, for_ns: "Nanos | None") -> "tuple[Latencies, str]":
    from cryptopipe.cli.moment import wiring_of
    from cryptopipe.drivers.stop import stop_on_interrupt
    from cryptopipe.drivers.streams import Streams, all_subscriptions, credentials_for
    from cryptopipe.market.market import Market

    wiring = wiring_of(options.venue_names(settings), settings, options.kind)
    wanted = all_subscriptions(wiring.plugins, settings.assets)
    plugins = {venue: one for venue, one in wiring.plugins.items() if venue in wanted}
    clocked = _Clocked(market := Market(plugins))
    with options.open(plugins, settings.assets) as place, stop_on_interrupt() as stop:
        why = Streams(
            plugins, market, wanted, clocked.take, clocked.turn_ended, place.rewrite, place.ended, refresh=0,
            credentials=credentials_for(plugins, settings, place.kind == "sandbox"), ready=clocked.heard,
        ).run(stop, for_ns)  # fmt: skip
    if not clocked.found.figures():
        raise VenueUnavailable(f"no frame came ({why})", fix="try again, or see `cryptopipe watch`")
    return clocked.found, why


def _row(one: "Figures") -> dict[str, Any]:
    times = {"mean": one.mean, "median": one.median, "p99": one.p99, "max": one.maximum}
    told = {f"{name}_ms": round(took / 1e6, 6) for name, took in times.items()}
    return {"stage": one.stage, "venue": one.venue, "count": one.count} | told | {
        "per_s": round(one.rate, 3), "peak_per_s": one.peak
    }  # fmt: skip


def _show(figures: "list[Figures]") -> None:
    from rich.table import Table

    from cryptopipe.plots.latencies import MEANINGS

    table = Table(box=None, pad_edge=False)
    for name in ("stage", "venue"):
        table.add_column(name)
    for name in ("count", "mean", "median", "p99", "max", "per s", "peak"):
        table.add_column(name, justify="right")
    stage = ""
    for one in figures:
        times = [_time(took) for took in (one.mean, one.median, one.p99, one.maximum)]
        shown = one.stage if one.stage != stage else ""
        table.add_row(shown, one.venue, f"{one.count:,}", *times, f"{one.rate:,.1f}", f"{one.peak:,}")
        stage = one.stage
    console = terminal(None)
    console.print(table)
    for name, meaning in MEANINGS.items():
        if any(one.stage == name for one in figures):
            console.print(f"{name}: {meaning}", style="dim")


def _time(nanos: float) -> str:
    for size, unit in _UNITS:
        if nanos >= size:
            return f"{nanos / size:.3g} {unit}" if nanos < 1000 * size else f"{nanos / size:,.0f} {unit}"
    return f"{nanos:.0f} ns"
