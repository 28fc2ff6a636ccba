"""How `plot` comes to its charts: read once, read again as files grow, or from connections.

Enters: sources, a kind of chart. Leaves: the last chart, and its files. Never: a page that goes on asking
for data which nobody writes, or a PNG refused when all is read.
"""

from dataclasses import dataclass
from pathlib import Path
from time import perf_counter_ns
from typing import Protocol

from cryptopipe.capture.inputs import Input
from cryptopipe.cli.depletion_books import pair_named
from cryptopipe.cli.market import MarketOptions
from cryptopipe.clock import SECOND, Nanos
from cryptopipe.drivers.replay import refuse_foreign
from cryptopipe.drivers.stop import Stop, stop_on_interrupt, watched
from cryptopipe.drivers.streams import Streams, all_subscriptions, credentials_for
from cryptopipe.errors import UsageError, VenueUnavailable
from cryptopipe.market.market import Market
from cryptopipe.plots import depth
from cryptopipe.plots.chart import Chart
from cryptopipe.plots.latencies import Latencies
from cryptopipe.plots.page import LivePage, write_page
from cryptopipe.plots.png import refuse_undrawable, write_png
from cryptopipe.plots.sources import Told, inputs_of, plugins_of, told
from cryptopipe.plots.tops import Tops, Wanted
from cryptopipe.settings import Settings
from cryptopipe.summary import venue_counts

_EVERY: Nanos = SECOND


@dataclass(frozen=True)
class Canvas:
    """What is drawn, and where to."""

    sources: tuple[str, ...]
    symbol: str
    market: MarketOptions
    settings: Settings
    for_ns: Nanos | None
    follow: bool
    html: Path | None
    png: Path | None

    @property
    def wanted(self) -> Wanted:
        """Of what is in the sources."""
        return Wanted(frozenset(self.market.venues), self.symbol)

    @property
    def files(self) -> list[Path]:
        """Those that are written."""
        return [file.expanduser() for file in (self.html, self.png) if file is not None]


@dataclass(frozen=True)
class Drawn:
    """The last chart, and why there is no other."""

    chart: Chart
    stopped_by: str


class Drawing(Protocol):
    """A kind of chart: of files, or of a market that goes on."""

    def of_files(self, found: Told, stop: Stop, for_ns: Nanos | None) -> Chart: ...
    def receive(self, entry: Input, market: Market) -> None: ...
    def turn_ended(self, market: Market, at: Nanos) -> None: ...
    def of_market(self, market: Market, at: Nanos, label: str, notes: tuple[str, ...]) -> Chart: ...


class TopDrawing:
    """Bid, ask and spread over time."""

    def __init__(self, canvas: Canvas) -> None:
        self._wanted = canvas.wanted
        self._tops = Tops(canvas.wanted)

    def of_files(self, found: Told, stop: Stop, for_ns: Nanos | None) -> Chart:
        """Raises `CaptureError`, `UsageError`."""
        tops = Tops(self._wanted)
        if found.captures:
            market = Market(plugins_of(found))
            tops.receive(watched(inputs_of(found), stop, for_ns), market)
            refuse_foreign(
                {venue: venue_counts(market, venue) for venue in market.counts if market.counts[venue].frames}
            )
        for file in found.files:
            tops.read(file)
        return tops.chart(found.label)

    def receive(self, entry: Input, market: Market) -> None:
        """To the books."""
        market.receive(entry)

    def turn_ended(self, market: Market, at: Nanos) -> None:
        """Take what changed."""
        self._tops.turn_ended(market, at)

    def of_market(self, market: Market, at: Nanos, label: str, notes: tuple[str, ...]) -> Chart:
        """So far."""
        return self._tops.chart(label, notes)


class DepthDrawing:
    """How much is there up to each price."""

    def __init__(self, canvas: Canvas, within: float) -> None:
        self._wanted, self._within = canvas.wanted, within

    def of_files(self, found: Told, stop: Stop, for_ns: Nanos | None) -> Chart:
        """Raises `CaptureError`, `UsageError`."""
        books = [one for file in found.files for one in depth.of_file(file, self._wanted)]
        if found.captures:
            market = Market(plugins_of(found))
            at = depth.run_to_end(watched(inputs_of(found), stop, for_ns), market)
            books = depth.of_market(market, self._wanted, at)
        return depth.chart(books, found.label, self._within)

    def receive(self, entry: Input, market: Market) -> None:
        """To the books."""
        market.receive(entry)

    def turn_ended(self, market: Market, at: Nanos) -> None:
        """Only the books count, when they are drawn."""
        market.take_changed()
        market.transitions.clear()

    def of_market(self, market: Market, at: Nanos, label: str, notes: tuple[str, ...]) -> Chart:
        """Now."""
        return depth.chart(depth.of_market(market, self._wanted, at), label, self._within, notes)


class LatencyDrawing:
    """How long each stage takes, or `rates`: how many frames come a second."""

    def __init__(self, rates: bool) -> None:
        self._rates, self._found = rates, Latencies()

    def of_files(self, found: Told, stop: Stop, for_ns: Nanos | None) -> Chart:
        """Raises `CaptureError`, `UsageError`."""
        if found.files:
            raise UsageError("rows do not tell when their frames came", where=found.label, fix="name a capture")
        self._found = Latencies()
        self._found.replay(watched(inputs_of(found), stop, for_ns), Market(plugins_of(found)), perf_counter_ns)
        return self._chart(found.label, ())

    def receive(self, entry: Input, market: Market) -> None:
        """To the books, measured."""
        self._found.receive(entry, market, perf_counter_ns)

    def turn_ended(self, market: Market, at: Nanos) -> None:
        """Nothing of the books is kept."""
        market.take_changed()
        market.transitions.clear()

    def of_market(self, market: Market, at: Nanos, label: str, notes: tuple[str, ...]) -> Chart:
        """So far."""
        return self._chart(label, notes)

    def _chart(self, label: str, notes: tuple[str, ...]) -> Chart:
        return self._found.rates(label, notes) if self._rates else self._found.chart(label, notes)


def drawn(drawing: Drawing, canvas: Canvas, is_live: bool) -> Drawn:
    """Draw, and write what was asked for. Raises `UsageError`, `CaptureError`, `VenueUnavailable`, `OSError`."""
    if canvas.png is not None:
        refuse_undrawable()
    page = LivePage(canvas.html.expanduser(), "cryptopipe plot") if canvas.html and (is_live or canvas.follow) else None
    if is_live:
        found = _of_connections(drawing, canvas, page)
    else:
        with stop_on_interrupt() as stop:
            found = _of_files(drawing, canvas, page, stop)
    if page is not None:
        page.end(found.chart)
    elif canvas.html is not None:
        write_page(found.chart, canvas.html.expanduser())
    if canvas.png is not None:
        write_png(found.chart, canvas.png.expanduser())
    return found


def _of_files(drawing: Drawing, canvas: Canvas, page: LivePage | None, stop: Stop) -> Drawn:
    """Once; or again whenever a file has grown."""
    found = told(canvas.sources, canvas.settings.data_dir)
    if not canvas.follow:
        return Drawn(
            drawing.of_files(found, stop, canvas.for_ns), "interrupt" if stop.requested else "end of recordings"
        )
    sizes, waited = _sizes(found), 0
    chart = drawing.of_files(found, Stop(), None)
    while not stop.requested:
        if page is not None:
            page.show(chart)
        if canvas.for_ns is not None and waited >= canvas.for_ns:
            return Drawn(chart, "duration")
        stop.wait(_EVERY / SECOND)
        waited += _EVERY
        found = told(canvas.sources, canvas.settings.data_dir)
        if (now := _sizes(found)) != sizes:
            sizes, chart = now, drawing.of_files(found, Stop(), None)
    return Drawn(chart, "interrupt")


def _sizes(found: Told) -> list[int]:
    paths = [path for _, path in found.captures] + list(found.files)
    files = [file for path in paths for file in (sorted(path.iterdir()) if path.is_dir() else [path])]
    return [file.stat().st_size for file in files if file.exists()]


def _of_connections(drawing: Drawing, canvas: Canvas, page: LivePage | None) -> Drawn:
    from cryptopipe.cli.moment import wiring_of

    options, settings = canvas.market, canvas.settings
    assets = list(pair_named(canvas.symbol)) if canvas.symbol else settings.assets
    wiring = wiring_of(options.venue_names(settings), settings, options.kind)
    wanted = all_subscriptions(wiring.plugins, assets)
    plugins = {venue: one for venue, one in wiring.plugins.items() if venue in wanted}
    market, due, last = Market(plugins), 0, 0
    with options.open(plugins, assets) as place, stop_on_interrupt() as stop:
        title = f"live, {place.kind}" + (f", seed {place.seed}" if place.seed is not None else "")
        notes = (place.label,) if place.label else ()

        def turn_ended(at: Nanos) -> None:
            nonlocal due, last
            last = at
            drawing.turn_ended(market, at)
            if page is not None and at >= due:
                due = at + _EVERY
                if (chart := _if_any(drawing, market, at, title, notes)) is not None:
                    page.show(chart)

        why = Streams(
            plugins, market, wanted, lambda entry: drawing.receive(entry, market), turn_ended, place.rewrite,
            place.ended, refresh=0,
            credentials=credentials_for(plugins, settings, place.kind == "sandbox"),
        ).run(stop, canvas.for_ns)  # fmt: skip
        chart = _if_any(drawing, market, last, title, notes)
    if chart is None:
        raise VenueUnavailable(f"no book was ever live ({why})", fix="try again, or see `cryptopipe watch`")
    return Drawn(chart, why)


def _if_any(drawing: Drawing, market: Market, at: Nanos, title: str, notes: tuple[str, ...]) -> Chart | None:
    """None while no book is live."""
    try:
        return drawing.of_market(market, at, title, notes)
    except UsageError:
        return None
