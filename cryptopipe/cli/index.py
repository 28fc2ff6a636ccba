"""`cryptopipe index`: how far apart the venues' prices are, as the literature measures it. Never trades.

Enters: a market, recordings, the capture of a run, or saved windows. Leaves: a table or one JSON object, a CSV file, a
plot. Never: an order, a fee, or an index of moved clocks that is not called one.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cryptopipe.cli.action import duration_option, exit_as
from cryptopipe.cli.index_shown import Measured, plot, render, write_csv
from cryptopipe.cli.market import MarketOptions, market_options
from cryptopipe.cli.options import Common, common_options
from cryptopipe.cli.output import print_json
from cryptopipe.errors import UsageError

if TYPE_CHECKING:
    from cryptopipe.clock import Nanos
    from cryptopipe.evaluate.sampling import Sampler
    from cryptopipe.evaluate.window_sampling import WindowSampler
    from cryptopipe.market.market import Market
    from cryptopipe.model.contracts import ExchangePlugin
    from cryptopipe.model.facts import VenueId

Make = Callable[["Market"], "Sampler"]
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("index")
@market_options
@click.option("--run", "run", metavar="ID|last", help="Over what a run has captured.")
@click.option("--window", "windows", multiple=True, type=_FILE, metavar="FILE", help="A saved window; repeatable.")
@click.option("--for", "for_text", metavar="T", help="Stop after this much time (of the recordings, if any): 30s.")
@click.option("--size", "sizes", multiple=True, metavar="N", help="Least displayed size, in base; repeatable.")
@click.option("--every", default="5s", show_default=True, metavar="T", help="Between two looks.")
@click.option("--max-age", metavar="T", help="Of a book since its last frame.  [default: risk.max_age]")
@click.option("--per", type=click.Choice(["hour", "day"]), help="Rows of the gaps.  [default: day, below one: hour]")
@click.option("--compare-kinds", is_flag=True, help="Perpetuals beside spot, as if they were one thing: basis.")
@click.option("--csv", "csv_file", type=_FILE, metavar="FILE", help="Write the rows too.")
@click.option("--plot", "plot_file", type=_FILE, metavar="FILE", help="Write a plot too: one HTML file, offline.")
@common_options
def index(common: Common, market: MarketOptions, **given: Any) -> None:
    """Measure the arbitrage indices of the literature: highest bid minus lowest ask, highest price over lowest.

    Without fees, transfers or latency, so it is no profit: docs/arbitrage-index.md.

    \b
    Examples:
      cryptopipe index --for 30s
      cryptopipe index --replay A=btcusdt.jsonl.gz --replay B=btcusdt.jsonl.gz --plot index.html
      cryptopipe index --run last --json
    """
    from cryptopipe.evaluate.indices import SIZES, Indices
    from cryptopipe.evaluate.sampling import Sampler

    sizes = tuple(_size(text) for text in given["sizes"]) or SIZES
    every, max_age = _duration("--every", given["every"]), _duration("--max-age", given["max_age"])
    _writable(given["csv_file"], given["plot_file"])
    settings = common.load([])

    def make(books: "Market") -> Sampler:
        indices = Indices(sizes, keep=given["plot_file"] is not None)
        return Sampler(books, indices, max_age or settings.risk.max_age, every or 1, given["compare_kinds"])

    for_ns = duration_option(given["for_text"])
    if given["windows"]:
        _alone("--window", market, given["run"], given["for_text"])
        sampler = _of_windows(given["windows"], make(_market(())))
        measured = Measured("window", "", True, "end of recordings", sampler, given["per"])
    else:
        measured = _measured(common, market, given["run"], for_ns, make, given["per"])
    if given["csv_file"] is not None:
        write_csv(measured, given["csv_file"].expanduser())
    if given["plot_file"] is not None:
        plot(measured, given["plot_file"].expanduser())
    if common.json:
        print_json(measured.document())
    else:
        render(measured)
    exit_as(measured.stopped_by, common.json)


def _writable(*files: Path | None) -> None:
    """Raises `UsageError` before anything is measured that could not be kept."""
    for file in files:
        if file is not None and not file.expanduser().absolute().parent.is_dir():
            raise UsageError(f"no such directory: {file.parent}", where=str(file), fix="make it, or name another one")


def _measured(
    common: Common, market: MarketOptions, run: str | None, for_ns: "Nanos | None", make: Make, per: str | None
) -> Measured:
    if run is None:
        return (_of_recordings if market.replays else _of_connections)(common, market, for_ns, make, per)
    _alone("--run", market)
    return _of_run(common, run, for_ns, make, per)


def _alone(option: str, market: MarketOptions, *others: object) -> None:
    """Raises `UsageError` if something says where quotes come from beside the option."""
    if any((market.replays, market.venues, market.is_drawn, market.kind == "live", *others)):
        raise UsageError("it says what is measured", where=option, fix="leave out the options of another market")


def _of_windows(files: Sequence[Path], like: "Sampler") -> "WindowSampler":
    """Of an instrument's windows the rows that they hold, whenever they were saved. Raises `WindowFileError`."""
    from cryptopipe import registry
    from cryptopipe.evaluate.window_sampling import WindowSampler
    from cryptopipe.market.window_files import load_window

    windows = []
    for file in files:
        restored = load_window(file.expanduser(), _newest(file.expanduser()))
        venue, _, symbol = restored.instrument.partition(":")
        windows.append((registry.exchange(venue).instruments.find(symbol), restored.window))
    sampler = WindowSampler(windows, like.indices, like.max_age, like.every, like.compare_kinds)
    sampler.sample()
    return sampler


def _newest(file: Path) -> "Nanos":
    """The newest stamp of a window file, with which all that it holds is of its span; 0 for what is none."""
    import numpy as np
    import pyarrow as pa

    try:
        with pa.OSFile(str(file)) as source, pa.ipc.open_file(source) as reader:
            stamps = [reader.get_batch(one).column("received_at") for one in range(reader.num_record_batches)]
            return max((np.asarray(one.cast(pa.int64())).max().item() for one in stamps if len(one)), default=0)
    except (pa.ArrowException, OSError, LookupError):
        return 0  # whoever loads it says what is wrong


def _of_recordings(
    common: Common, market: MarketOptions, for_ns: "Nanos | None", make: Make, per: str | None
) -> Measured:
    from cryptopipe.drivers.replay import refuse_foreign
    from cryptopipe.drivers.stop import ended, stop_on_interrupt
    from cryptopipe.summary import venue_counts
    from cryptopipe.wiring import source_of

    source = source_of(common.load([]), market.replays, market.shifts, market.align)
    sampler, label = make(_market(source.venues)), source.label()
    with stop_on_interrupt() as stop:
        stopped_by = _read(sampler, ended(source, stop, for_ns))
    refuse_foreign({venue: venue_counts(sampler.market, venue) for venue in sampler.market.counts})
    return Measured("replay", label.why, label.simultaneous, stopped_by, sampler, per)


def _of_run(common: Common, run: str, for_ns: "Nanos | None", make: Make, per: str | None) -> Measured:
    from cryptopipe.capture.reader import read
    from cryptopipe.drivers.stop import ended, stop_on_interrupt
    from cryptopipe.journal.runs import find

    if run == "all":
        raise UsageError("one run is measured at a time, not all", where="--run", fix="give an id, or last")
    (found,) = find(common.load([]).data_dir, run)
    told = found.description()
    sampler = make(_market(told.get("venues", ())))
    with stop_on_interrupt() as stop:
        stopped_by = _read(sampler, ended(read(found.capture), stop, for_ns))
    stopped_by = stopped_by if stopped_by in ("interrupt", "duration") else "end of recordings"
    why = ": ".join(text for text in (f"run {found.id}", str(told.get("label", ""))) if text)
    return Measured("run", why, bool(told.get("simultaneous", True)), stopped_by, sampler, per)


def _read(sampler: "Sampler", inputs: Any) -> str:
    """Why it ended."""
    for entry in inputs:
        if entry.ends:
            sampler.finish()
            return str(entry.payload.decode())
        sampler.receive(entry)
        sampler.market.take_commands()
    raise AssertionError("inputs end with a command")


def _of_connections(
    common: Common, market: MarketOptions, for_ns: "Nanos | None", make: Make, per: str | None
) -> Measured:
    from cryptopipe.drivers.stop import stop_on_interrupt
    from cryptopipe.drivers.streams import Streams, all_subscriptions, credentials_for

    settings = common.load([])
    sampler = make(_market(market.venue_names(settings)))
    plugins = _plugins(market.venue_names(settings))
    wanted = all_subscriptions(plugins, settings.assets)
    with market.open(plugins, settings.assets) as place, stop_on_interrupt() as stop:
        keys = credentials_for(plugins, settings, place.kind == "sandbox")
        stopped_by = Streams(
            plugins, sampler.market, wanted, sampler.receive, lambda at: None, place.rewrite, place.ended,
            credentials=keys, refresh=settings.metadata.refresh,
        ).run(stop, for_ns)  # fmt: skip
    sampler.finish()
    return Measured(market.kind, place.label, True, stopped_by, sampler, per)


def _plugins(names: Any) -> "dict[VenueId, ExchangePlugin]":
    from cryptopipe import registry
    from cryptopipe.model.facts import VenueId

    return {VenueId(name): registry.exchange(name) for name in names}


def _market(names: Any) -> "Market":
    from cryptopipe.market.market import Market

    return Market(_plugins(names))


def _size(text: str) -> Decimal:
    try:
        size = Decimal(text)
    except ArithmeticError:
        size = Decimal("NaN")
    if not (size.is_finite() and size >= 0):
        raise UsageError(f"not a size: {text!r}", where="--size", fix="write a number from 0 on, in base: 0.5")
    return size


def _duration(option: str, text: str | None) -> "Nanos | None":
    """Above zero; None if not given. Raises `UsageError`."""
    from cryptopipe.clock import parse_duration

    if text is None:
        return None
    try:
        found = parse_duration(text)
    except ValueError as error:
        raise UsageError(str(error), where=option, fix=f"write {option} 5s, or 500ms") from error
    if found <= 0:
        raise UsageError(f"not above zero: {text!r}", where=option, fix=f"write {option} 5s, or 500ms")
    return found
