"""The depth of books: how much is there up to each price, bids to the left, asks to the right.

Enters: books, the rows of a collected book, or a `depth.json`. Leaves: a chart of cumulative quantities. Never: two
pairs on one axis, a book that is not live, or a last state of which rows are missing.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import msgspec

from cryptopipe.capture.inputs import Input
from cryptopipe.clock import Nanos, format_at, parse_at
from cryptopipe.errors import CaptureError, UsageError
from cryptopipe.market.market import Market
from cryptopipe.market.sync import BookState
from cryptopipe.model.naming import pair_of
from cryptopipe.plots.chart import Chart, Panel, Shape, Trace
from cryptopipe.plots.rows import at_of, read_rows
from cryptopipe.plots.tops import Wanted, bare

Level = tuple[float, float]


@dataclass(frozen=True)
class Depth:
    """One book at one moment: (price, quantity), best first."""

    name: str
    pair: str
    base: str
    quote: str
    at: Nanos
    bids: Sequence[Level]
    asks: Sequence[Level]


def run_to_end(inputs: Iterable[Input], market: Market) -> Nanos:
    """Every input into its book; when the last came, 0 for none."""
    at = 0
    for entry in inputs:
        at = entry.at
        market.receive(entry)
        market.take_commands()
        market.take_changed()
        market.transitions.clear()
    return at


def of_market(market: Market, wanted: Wanted, at: Nanos) -> list[Depth]:
    """Every live book that is wanted."""
    found = []
    for books in market.books.values():
        for sync in books.values():
            one, book = sync.instrument, sync.book
            if sync.state is BookState.LIVE and wanted.takes(one.venue, one.symbol, pair_of(one)):
                bids, asks = ([(float(price), float(size)) for price, size in book.ladder(side, 1 << 20)]
                              for side in (True, False))  # fmt: skip
                found.append(
                    Depth(f"{one.venue} {one.symbol}", pair_of(one), str(one.base), str(one.quote), at, bids, asks)
                )
    return found


def of_file(path: Path, wanted: Wanted) -> list[Depth]:
    """The last whole state of a file of books, or of a `depth.json`. Raises `CaptureError`, `UsageError`."""
    if path.name.endswith(".json"):
        return _of_document(path)
    told = read_rows(path)
    if told.kind != "book":
        raise UsageError(f"a file of {told.kind}s has no depth", where=str(path), fix="`plot top` shows it")
    states: list[list[dict[str, str]]] = []
    for row in told.rows:
        if not states or states[-1][0]["event_time_ms"] != row["event_time_ms"]:
            states = [*states[-1:], []]
        states[-1].append(row)
    if not states:
        return []
    is_being_written = path.name.endswith(".part")
    rows = states[0] if is_being_written and len(states) > 1 else states[-1]
    symbol, venue = rows[0]["symbol"], path.name.partition("-")[0]
    if not wanted.takes(venue, symbol):
        return []
    bids, asks = ([(float(one["price"]), float(one["quantity"])) for one in rows if one["side"] == side]
                  for side in "BA")  # fmt: skip
    at = at_of(rows[0]["event_time_ms"], path)
    return [Depth(f"{venue} {symbol}", bare(symbol), "base", "quote", at, bids, asks)]


def _of_document(path: Path) -> list[Depth]:
    try:
        told = msgspec.json.decode(path.read_bytes(), type=dict)
        bids, asks = ([(float(price), float(size)) for price, size in told[side]] for side in ("bids", "asks"))
        name = f"{told['venue']} {told['symbol']}"
        return [Depth(name, bare(told["symbol"]), "base", "quote", parse_at(told["received_at"]), bids, asks)]
    except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
        raise CaptureError(
            f"no depth of a book: {error}", where=str(path), fix="give one that `collect` wrote"
        ) from error


def chart(found: Sequence[Depth], source: str, within: float, notes: tuple[str, ...] = ()) -> Chart:
    """Of the pair of most books, up to `within` percent from the middle. Raises `UsageError` if there is nothing."""
    if not found:
        raise UsageError("no live book in it", where=source, fix="name other venues, another --symbol, or another --at")
    pairs = Counter(one.pair for one in found)
    pair = min(pairs, key=lambda name: (-pairs[name], name))
    shown = [one for one in found if one.pair == pair]
    traces = [trace for one in shown for trace in _sides(one, within)]
    if not traces:
        raise UsageError("its books are empty", where=source, fix="name another --symbol, or another --at")
    told = [*notes, f"at {format_at(max(one.at for one in shown))[:23]}Z, {within:g} % either way"]
    if others := sorted(set(pairs) - {pair}):
        told.append(f"not shown: {', '.join(others[:6])}{', …' * (len(others) > 6)} (--symbol)")
    panel = Panel(f"quantity up to the price, {shown[0].base}", tuple(traces))
    return Chart(f"{pair}: depth, {source}", f"price, {shown[0].quote}", (panel,), notes=tuple(told))


def _sides(one: Depth, within: float) -> list[Trace]:
    """Bids from the lowest price up, so that both lines rise away from the middle."""
    best = [levels[0][0] for levels in (one.bids, one.asks) if levels]
    if not best:
        return []
    middle = sum(best) / len(best)
    traces = []
    for side, levels, faint in (("bids", one.bids, False), ("asks", one.asks, True)):
        near = [level for level in levels if abs(level[0] - middle) <= middle * within / 100] or list(levels[:1])
        if not near:
            continue
        prices, sums = [price for price, _ in near], list(accumulate(size for _, size in near))
        if side == "bids":  # a sum holds down to the next lower price, so from the left it begins one place later
            prices, sums = [*reversed(prices), prices[0]], [*reversed(sums), 0.0]
        else:
            prices, sums = [prices[0], *prices], [0.0, *sums]
        traces.append(Trace(f"{one.name} {side}", prices, sums, Shape.HOLD, one.name, faint, filled=True))
    return traces
