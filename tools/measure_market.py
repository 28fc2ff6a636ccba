"""Compares the simulated market with recordings of real ones, and writes the tables of docs/sandbox-market.md.

Enters: recordings (CRYPTOPIPE_RECORDINGS), a simulated market. Leaves: two tables on stdout, or between the marks of a
document. Never: a figure taken from the parameters.

    python tools/measure_market.py [--seconds 300] [--seed 1] [--write docs/sandbox-market.md]
"""

import argparse
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log
from pathlib import Path
from statistics import fmean, median

import msgspec
from market_figures import LOOK, Frames, Rows, Tally, frames_of, recorded

from cryptopipe.clock import MILLISECOND, SECOND, Nanos
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.facts import Asset, Side, VenueId
from cryptopipe.registry import Registry
from cryptopipe.sandbox.engine import Engine
from cryptopipe.sandbox.parameters import Parameters
from cryptopipe.sandbox.world import World

START: Nanos = 1_790_000_000 * SECOND
MARKS = ("<!-- measured -->", "<!-- end of measured -->")

SOURCES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "binance": (("binance", "binance/spot_btcusdt_20240808.jsonl.gz"),),
    "bybit": (
        ("bybit", "bybit/DERIVED_v5_orderbook_trades_20210417.jsonl.gz"),
        ("bybit", "bybit/v5_orderbook500_xrpusdt_20241201.jsonl.gz"),
    ),
    "coinbase": (("coinbase_exchange", "coinbase/exchange_level2_ticker_matches_20210417.jsonl.gz"),),
    "kraken": (("kraken", "kraken/v1_book1000_trade_ticker_20210417.jsonl.gz"),),
}
"""By venue of the sandbox: what it is compared with, as plugin and recording."""

BITCOIN_ONLY = frozenset({"binance"})
"""Where the recording is of bitcoin alone, and so are the sandbox's figures; elsewhere all markets in dollars."""


def amount(value: float) -> str:
    """Three digits, without an exponent."""
    if value >= 1e6:
        return f"{value / 1e6:.3g} M"
    return f"{value / 1e3:.3g} k" if value >= 1000 else f"{value:.2g}" if value < 0.01 else f"{value:.3g}"


def spread_out(values: Sequence[float]) -> str:
    """The median, and from where to where."""
    if not values:
        return "-"
    least, most = amount(min(values)), amount(max(values))
    return amount(median(values)) if least == most else f"{amount(median(values))} ({least} to {most})"


@dataclass
class Seen:
    """One column: what was seen of one venue, recorded or simulated; `lively` with dislocations."""

    tallies: Sequence[Tally]
    frames: Frames
    lively: Sequence[Tally] = ()

    def sizes(self, share: float) -> str:
        """A quantile of the sizes of all trades."""
        trades = sorted(size for tally in self.tallies for size in tally.trades)
        return amount(trades[int(len(trades) * share)]) if len(trades) * (1 - share) >= 1 else "-"

    def bytes(self, kind: str) -> str:
        """The median size of frames of a kind."""
        sizes = self.frames.sizes.get(kind)
        return amount(median(sizes)) if sizes else "-"


def each(figure: Callable[[Tally], float]) -> Callable[[Seen], str]:
    """A row whose cells are spread out over the instruments."""
    return lambda seen: spread_out([figure(tally) for tally in seen.tallies])


ROWS: Mapping[str, Callable[[Seen], str]] = {
    "markets": lambda seen: str(len(seen.tallies)),
    "spread, bp": each(lambda t: median(t.spreads)),
    "spread, ticks": each(lambda t: median(t.widths)),
    "best level, USD": each(lambda t: median(t.tops)),
    "within 10 bp, USD a side": each(lambda t: median(t.within)),
    "best level changed, of ten looks a second": each(lambda t: t.changed / t.seconds),
    "of these, price changed": each(lambda t: t.moved / t.seconds),
    "volatility, a year": each(lambda t: t.volatility()),
    "with dislocations": lambda seen: spread_out([t.volatility() for t in seen.lively]),
    "trades a second": each(lambda t: len(t.trades) / t.seconds),
    "trade size, USD, median": lambda seen: seen.sizes(0.5),
    "trade size, USD, 90 %": lambda seen: seen.sizes(0.9),
    "trade size, USD, 99 %": lambda seen: seen.sizes(0.99),
    "bytes of a snapshot, median": lambda seen: seen.bytes("snapshot"),
    "bytes of a book update": lambda seen: seen.bytes("delta"),
    "bytes of a ticker": lambda seen: seen.bytes("top"),
    "bytes of a frame of trades": lambda seen: seen.bytes("trades"),
}
"""The rows of the comparison: name, and the cell of a column."""


def table(header: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    """As Markdown."""
    lines = [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def compared(columns: Mapping[str, Seen]) -> str:
    """The comparison of recordings and sandbox."""
    return table(["", *columns], ([name, *map(cell, columns.values())] for name, cell in ROWS.items()))


def rows_of(book: Engine, side: Side, count: int = 250) -> Rows:
    """Of the engine's own book, in prices and sizes."""
    rules = book.instrument.rules
    assert rules is not None
    tick, step = float(rules.tick), float(rules.step)
    return [(price * tick, lots * step) for price, lots in book.levels(side, count)]


def simulated(market: World, seconds: int, parameters: Parameters) -> dict[str, Tally]:
    """Figures of every book of the simulated market, from the engine."""
    books = [book for books in market.books.values() for book in books.values()]
    tallies: dict[str, Tally] = {}
    seen = dict.fromkeys((book.instrument.id for book in books), 0)
    for book in books:
        one = book.instrument
        assert one.rules is not None
        dollars = parameters.price(one.quote).usd
        tallies[one.id] = Tally(
            one.id, float(one.rules.tick), dollars, one.quote in ("USD", "USDT"), float(one.contract_size)
        )
    begin = market.now
    for at in range(begin + LOOK, begin + seconds * SECOND + 1, LOOK):
        market.advance(at)
        for book in books:
            tally, rules = tallies[book.instrument.id], book.instrument.rules
            assert rules is not None
            tally.look(rows_of(book, Side.BUY), rows_of(book, Side.SELL))
            for trade in book.trades(seen[book.instrument.id]):
                seen[book.instrument.id] = trade.trade_id
                tally.trade(trade.price * tally.tick, trade.size * float(rules.step))
    return tallies


def world(plugins: Mapping[VenueId, ExchangePlugin], seed: int, dislocations: str) -> tuple[World, Parameters]:
    """The default market, with or without dislocations."""
    parameters = msgspec.structs.replace(Parameters.load(), dislocations=dislocations)
    return World(plugins, parameters, seed, START), parameters


def columns_of(seconds: int, seed: int) -> dict[str, Seen]:
    """Recorded and simulated, venue by venue."""
    registry = Registry()
    plugins = {VenueId(name): registry.exchange(name) for name in SOURCES}
    seen = [simulated(*_first(world(plugins, seed, state), seconds)) for state in ("off", "on")]
    columns = {}
    for name, sources in SOURCES.items():
        real, frames = list[Tally](), Frames()
        for plugin, recording in sources:
            tallies, sizes = recorded(recording, registry.exchange(plugin), "BTCUSDT")
            real += [tally for tally in tallies if tally.looks > 10]
            for kind, told in sizes.sizes.items():
                frames.sizes[kind] += told
        columns[f"{name}, recorded"] = Seen(real, frames)
        calm, lively = ([t for t in tallies.values() if _is_compared(name, t)] for tallies in seen)
        fresh, _ = world(plugins, seed, "on")
        columns[f"{name}, sandbox"] = Seen(calm, frames_of(fresh, plugins[VenueId(name)], 20), lively)
    return columns


def _first(made: tuple[World, Parameters], seconds: int) -> tuple[World, int, Parameters]:
    return made[0], seconds, made[1]


def _is_compared(venue: str, tally: Tally) -> bool:
    return tally.id.startswith(f"{venue}:") and tally.in_dollars and (venue not in BITCOIN_ONLY or "BTC" in tally.id)


@dataclass
class Episode:
    """One departure: its size at the peak in basis points, and how long until half of it was left (seconds)."""

    peak: float
    half_s: float


BEGIN_BP, END_BP = 12.0, 6.0
GRID: Nanos = 50 * MILLISECOND


def episodes(path: Sequence[float]) -> Iterator[Episode]:
    """Of a path of departures in basis points on the grid: from `BEGIN_BP` until below `END_BP`."""
    begin = None
    for at, value in enumerate(path):
        if begin is None and abs(value) >= BEGIN_BP:
            begin = at
        elif begin is not None and abs(value) < END_BP:
            sizes = [abs(one) for one in path[begin:at]]
            peak = max(sizes)
            top = sizes.index(peak)
            half = next((n for n, size in enumerate(sizes[top:]) if size < peak / 2), len(sizes) - top)
            yield Episode(peak, half * GRID / SECOND)
            begin = None


def departures(market: World, assets: Sequence[str], seconds: int) -> dict[tuple[VenueId, str], list[float]]:
    """By venue and asset, in basis points: its mid beside the median of the other venues'."""
    mids: dict[tuple[VenueId, str], list[float]] = {}
    begin = market.now
    for at in range(begin, begin + seconds * SECOND, GRID):
        market.advance(at)
        for asset in assets:
            for venue, books in market.books.items():
                own = [_log_mid(b) for b in books.values() if b.instrument.base == asset and _in_dollars(b)]
                mids.setdefault((venue, asset), []).append(fmean(own))
    found: dict[tuple[VenueId, str], list[float]] = {}
    for (venue, asset), path in mids.items():
        others = [other for (name, of), other in mids.items() if of == asset and name != venue]
        apart = [own - median(row) for own, *row in zip(path, *others, strict=True)]
        usual = median(apart)
        found[venue, asset] = [(one - usual) * 1e4 for one in apart]
    return found


def _in_dollars(book: Engine) -> bool:
    return book.instrument.quote in (Asset("USD"), Asset("USDT"))


def _log_mid(book: Engine) -> float:
    bid, ask, rules = book.best(Side.BUY), book.best(Side.SELL), book.instrument.rules
    assert bid is not None and ask is not None and rules is not None
    return log((bid + ask) / 2 * float(rules.tick))


DISLOCATION_ROWS = ("found, a minute of one venue and asset", "size at the peak, bp", "half of it gone after, s")


def dislocated(seconds: int, seed: int) -> str:
    """Sizes and half-lives of dislocations, from the books of all venues that trade bitcoin and ether."""
    registry = Registry()
    market, _ = world({VenueId(name): registry.exchange(name) for name in SOURCES}, seed, "on")
    paths = departures(market, ("BTC", "ETH"), seconds)
    found = [one for path in paths.values() for one in episodes(path)]
    peaks, halves = [one.peak for one in found], [one.half_s for one in found]
    rate = f"{len(found) / len(paths) / seconds * 60:.2f}"
    rows = [[DISLOCATION_ROWS[0], rate, "", "", ""]]
    for name, values in zip(DISLOCATION_ROWS[1:], (peaks, halves), strict=True):
        ranked = sorted(values)
        at = [ranked[int((len(ranked) - 1) * share)] for share in (0.5, 0.1, 0.9, 1)]
        rows.append([name, *(f"{one:.1f}" for one in at)])
    return table([f"{len(found)} dislocations", "median", "10 %", "90 %", "most"], iter(rows))


def main() -> None:
    """Measures, and prints or writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", type=Path)
    told = parser.parse_args()
    text = f"{compared(columns_of(told.seconds, told.seed))}\n\n{dislocated(4 * told.seconds, told.seed)}"
    if told.write is None:
        print(text)
        return
    page = told.write.read_text(encoding="utf-8")
    between = re.compile(f"{re.escape(MARKS[0])}.*{re.escape(MARKS[1])}", re.DOTALL)
    told.write.write_text(between.sub(f"{MARKS[0]}\n\n{text}\n\n{MARKS[1]}", page), encoding="utf-8")


if __name__ == "__main__":
    main()
