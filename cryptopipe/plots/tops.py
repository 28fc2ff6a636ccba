"""Bid, ask and spread over time.

Enters: inputs of captures or of connections, or rows of collected files. Leaves: a chart with a line of bids and one of
asks for each book, and their spreads. Never: two pairs on one axis, or a price of a book that is not live.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptopipe.capture.inputs import Input
from cryptopipe.clock import Nanos
from cryptopipe.errors import UsageError
from cryptopipe.market.market import Market
from cryptopipe.market.sync import BookState, BookSync
from cryptopipe.model.naming import pair_of
from cryptopipe.plots.chart import Chart, Panel, Trace
from cryptopipe.plots.rows import at_of, read_rows
from cryptopipe.plots.thin import Quote, Thinned

MOST = 4000
"""Points of a line."""


@dataclass(frozen=True)
class Wanted:
    """Of which venues, all if empty, and of which pair or symbol, the one of most rows if empty."""

    venues: frozenset[str] = frozenset()
    symbol: str = ""

    def takes(self, venue: str, *names: str) -> bool:
        """Whether a book is wanted, by any of its names."""
        if self.venues and venue not in self.venues:
            return False
        return not self.symbol or any(bare(self.symbol) == bare(name) for name in names)


def bare(symbol: str) -> str:
    """Letters and digits alone: `BTC/USDT`, `BTC-USDT` and `btcusdt` are one."""
    return re.sub(r"[^A-Z0-9@:]", "", symbol.upper())


class Tops:
    """The tops of every book that was seen, thinned."""

    def __init__(self, wanted: Wanted = Wanted(), most: int = MOST) -> None:
        self._wanted, self._most = wanted, most
        self._of_pair: dict[str, dict[str, Thinned]] = {}
        self._quote: dict[str, str] = {}
        self._turn = 0

    def add(self, pair: str, name: str, quote: Quote) -> None:
        """The next top of a book, called `name`, of a pair."""
        series = self._of_pair.setdefault(pair, {})
        if name not in series:
            series[name] = Thinned(self._most)
        series[name].add(quote)

    def receive(self, inputs: Iterable[Input], market: Market) -> None:
        """All inputs, turn by turn."""
        at = turn = 0
        for entry in inputs:
            if entry.turn != turn:
                self.turn_ended(market, at)
                turn = entry.turn
            at = entry.at
            market.receive(entry)
            market.take_commands()
        self.turn_ended(market, at)

    def turn_ended(self, market: Market, at: Nanos) -> None:
        """What changed in a turn."""
        market.transitions.clear()
        for sync in market.take_changed().values():
            one = sync.instrument
            if self._wanted.takes(one.venue, one.symbol, pair_of(one)):
                self._quote[pair_of(one)] = str(one.quote)
                self.add(pair_of(one), f"{one.venue} {one.symbol}", _quote_of(sync, at))

    def read(self, path: Path) -> None:
        """A file of rows: its tops, or the first levels of its books. Raises `CaptureError`."""
        told = read_rows(path)
        if told.kind == "top":
            for row in told.rows:
                self._row(row["provider"], row["symbol"], at_of(row["ts_iso"], path), row["bid"], row["ask"])
            return
        at, best = "", {"B": "", "A": ""}
        symbol, venue = "", path.name.partition("-")[0]
        for row in told.rows:
            if row["event_time_ms"] != at and at:
                self._row(venue, symbol, at_of(at, path), best["B"], best["A"])
                best = {"B": "", "A": ""}
            at, symbol = row["event_time_ms"], row["symbol"]
            if row["level"] == "1":
                best[row["side"]] = row["price"]
        if at:
            self._row(venue, symbol, at_of(at, path), best["B"], best["A"])

    def _row(self, venue: str, symbol: str, at: Nanos, bid: str, ask: str) -> None:
        if self._wanted.takes(venue, symbol):
            quote = Quote(at, float(bid) if bid else None, float(ask) if ask else None)
            self.add(bare(symbol), f"{venue} {symbol}", quote)

    @property
    def pairs(self) -> list[str]:
        """Those seen, of most rows first."""
        counts = Counter({pair: sum(one.count for one in series.values()) for pair, series in self._of_pair.items()})
        return [pair for pair, _ in sorted(counts.items(), key=lambda row: (-row[1], row[0]))]

    def chart(self, source: str, notes: tuple[str, ...] = ()) -> Chart:
        """Of the pair of most rows, every line up to the last row of all. Raises `UsageError` if there is nothing."""
        if not self.pairs:
            what = f" of {self._wanted.symbol}" if self._wanted.symbol else ""
            raise UsageError(f"no top of book{what} in it", where=source, fix="name other venues or another --symbol")
        pair, *others = self.pairs
        series = self._of_pair[pair]
        unit = self._quote.get(pair, "quote")
        count = sum(one.count for one in series.values())
        thinned = count > sum(len(one.rows()) for one in series.values())
        told = [*notes, f"{count:,} tops" + (", thinned; extremes are kept" if thinned else "")]
        if others:
            told.append(f"not shown: {', '.join(others[:6])}{', …' * (len(others) > 6)} (--symbol)")
        rows = {name: one.rows() for name, one in sorted(series.items())}
        end = max(found[-1].at for found in rows.values())
        rows = {name: [*found, found[-1]._replace(at=end)] for name, found in rows.items()}
        prices = [trace for name, found in rows.items() for trace in _prices(name, found)]
        spreads = [_spread(name, found) for name, found in rows.items()]
        panels = (Panel(f"price, {unit}", tuple(prices), 3), Panel(f"ask − bid, {unit}", tuple(spreads), 1))
        return Chart(f"{pair}: best bid and ask, {source}", "time, UTC", panels, over_time=True, notes=tuple(told))


def _quote_of(sync: BookSync, at: Nanos) -> Quote:
    top = sync.book.top if sync.state is BookState.LIVE else None
    if top is None:
        return Quote(at, None, None)
    return Quote(at, None if top.bid is None else float(top.bid), None if top.ask is None else float(top.ask))


def _prices(name: str, rows: list[Quote]) -> list[Trace]:
    times = [row.at for row in rows]
    return [
        Trace(f"{name} ask", times, [row.ask for row in rows], group=name, faint=True),
        Trace(f"{name} bid", times, [row.bid for row in rows], group=name),
    ]


def _spread(name: str, rows: list[Quote]) -> Trace:
    return Trace(f"{name} spread", [row.at for row in rows], [row.spread for row in rows], group=name)
