"""The streams of one symbol: what of it is written, and what was missed of it.

Enters: events of the symbol, turns of its books. Leaves: rows in its files, gaps in their manifests, what the next
session must know. Never: a stream that nobody asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from cryptopipe.clock import Nanos
from cryptopipe.collect.absence import NO_COLLECTOR, Lines, Proven, line_of
from cryptopipe.collect.books import BookRows, OrderRows, TopRows
from cryptopipe.collect.candles import Candles
from cryptopipe.collect.layout import Place
from cryptopipe.collect.manifest import Gap
from cryptopipe.collect.plan import DEPTH, INTERVALS_MS, Carried, Plan, Wanted, stream_key
from cryptopipe.collect.rowfiles import RowFiles, milliseconds
from cryptopipe.collect.sealing import Sealer, Series
from cryptopipe.collect.trades import Trades
from cryptopipe.errors import CryptopipeError
from cryptopipe.market.sync import BookState, BookSync
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.events import OrdersDelta, OrdersSnapshot, Trade
from cryptopipe.model.facts import Instrument


@dataclass(frozen=True)
class Origin:
    """Where rows go, and which capture they are of: `raw/<session>`, or the name of a foreign one."""

    data_dir: Path
    session: str
    capture: str
    began_at: Nanos


class SymbolRows:
    """Everything that is written of one symbol."""

    def __init__(
        self,
        symbol: str,
        plan: Plan,
        plugin: ExchangePlugin,
        origin: Origin,
        sealer: Sealer,
        carried: Mapping[str, Carried],
    ) -> None:
        self.symbol = symbol
        self.instrument = _instrument(plugin, symbol)
        self.sync: BookSync | None = None
        self.files: list[RowFiles] = []
        self._carried: dict[str, Carried] = {}
        self._by_key: dict[str, RowFiles] = {}
        self.books: list[BookRows] = []
        self.candles: list[Candles] = []
        self.tops: TopRows | None = None
        self.orders: OrderRows | None = None
        self.trades: Trades | None = None
        self._conn = ""
        self._consecutive = plugin.trade_history.consecutive if plugin.trade_history is not None else None
        self._skipped = False
        for wanted in plan.wanted:
            if wanted.kind != "raw":
                self._add(wanted, plan, origin, sealer, carried)
        if self.candles and self.trades is None:
            carried_of = next(one for key, one in self._carried.items() if key.startswith("candle"))
            self.trades = Trades(symbol, None, carried_of, self._consecutive)
        book = next((one for key, one in self._carried.items() if key.startswith(("book", "top"))), Carried())
        order = next((one for key, one in self._carried.items() if key.startswith("l3")), Carried())
        self._proven, self._orders_proven = Proven(book.lost or book.until), Proven(order.lost or order.until)
        self._live: dict[bool, bool] = {True: False, False: False}

    def updated(self, sync: BookSync, event_time: Nanos, at: Nanos, seq: int) -> None:
        """The book of levels after a frame."""
        self._proven.good_at = event_time if event_time < at else at
        for one in self.books:
            one.updated(sync, event_time, at, seq)

    def trade(self, trade: Trade, conn: str, at: Nanos, seq: int, from_history: bool = False) -> None:
        """A trade, which may have been told before."""
        assert self.trades is not None, f"nobody wants trades of {self.symbol}"
        if not from_history:
            self._conn = line_of(conn)
        if self.trades.take(trade, at, seq, from_history):
            for candles in self.candles:
                candles.take(trade)

    def order(self, event: OrdersDelta | OrdersSnapshot, sync: BookSync | None, at: Nanos, seq: int) -> None:
        """Single orders. The frame that proves a book is told by the state that it leads to."""
        assert self.orders is not None, f"nobody wants single orders of {self.symbol}"
        if sync is None or sync.state is not BookState.LIVE or not self._live[True]:
            return
        self._orders_proven.good_at = min(event.event_time or at, at)
        if type(event) is OrdersDelta:
            self.orders.delta(event, at, seq)
        else:
            self.orders.state(sync, event.event_time, at, seq)

    def turned(self, sync: BookSync, state: BookState, reason: str, at: Nanos, seq: int) -> None:
        """A book's state changed."""
        single = sync.rule.orders is not None
        gap = (self._orders_proven if single else self._proven).turned(state, reason, at, self._live[single])
        self._live[single] = state is BookState.LIVE
        kinds = ("l3",) if single else ("book", "top")
        self._name(gap, kinds)
        if single and state is BookState.LIVE and self.orders is not None:
            self.orders.state(sync, 0, at, seq)

    def begun(self, at: Nanos, seq: int) -> None:
        """The first frame of a session: until then nothing was heard since the session before."""
        if self._skipped:
            return
        self._skipped = True
        for key, was in self._carried.items():
            if was.until and key.startswith(("trade", "candle")):
                gap = Gap(milliseconds(was.until), milliseconds(at), "closed", NO_COLLECTOR)
                self._by_key[key].gaps.append(gap)
        for candles in self.candles:
            candles.skip_to(at, seq)

    def was_down(self, conn: str, was: tuple[Nanos, str], at: Nanos) -> None:
        """A connection speaks again, by which trades come, as far as anybody knows; books tell it by themselves."""
        if self._conn in ("", line_of(conn)):
            since, why = was
            self._name(Gap(milliseconds(since), milliseconds(at), "closed", why), ("trade", "candle"))

    def stopped(self, lines: Lines, at: Nanos) -> None:
        """The session ends: what is missing just now is named until here."""
        self._name(self._proven.stopped(at), ("book", "top"))
        self._name(self._orders_proven.stopped(at), ("l3",))
        down = lines.down.get(self._conn)
        if down is not None:
            self._name(Gap(milliseconds(down[0]), milliseconds(at), "closed", down[1]), ("trade", "candle"))

    def spilled(self, from_at: Nanos, to_at: Nanos) -> None:
        """Rows of this time were written late."""
        text = "arrivals queued up: their rows were made later, from the capture"
        for files in self.files:
            files.gaps.append(Gap(milliseconds(from_at), milliseconds(to_at), "spill", text, missing=0))

    def seal(self, complete: bool, at: Nanos) -> None:
        """End every open file; `at` is the hour that begins, or the end of time."""
        if self.trades is not None:
            self.trades.settle(at)
        for files in self.files:
            files.seal(complete)

    def carried(self, lines: Lines, at: Nanos) -> dict[str, Carried]:
        """What the next session must know, by `stream_key`; this one ended at `at`."""
        until = max(lines.heard.values(), default=0)
        for key, one in self._carried.items():
            single = key.startswith("l3")
            one.until = max(until, one.until)
            one.gaps = self._by_key[key].gaps
            one.lost = (self._orders_proven if single else self._proven).lost
            if self.trades is not None and key.startswith(("trade", "candle")):
                self.trades.carry(one)
                one.until = at if self._conn in lines.down else one.until
        sampled: list[BookRows | Candles] = [*self.books, *self.candles]
        for rows in sampled:
            rows.carry(self._carried[stream_key(rows.files.series.wanted.folder, self.symbol)])
        return self._carried

    def _name(self, gap: Gap | None, kinds: tuple[str, ...]) -> None:
        """In the manifests of these kinds."""
        if gap is not None:
            for files in self.files:
                if files.series.wanted.kind in kinds:
                    files.gaps.append(gap)

    def _add(self, wanted: Wanted, plan: Plan, origin: Origin, sealer: Sealer, before: Mapping[str, Carried]) -> None:
        symbol, key = self.symbol, stream_key(wanted.folder, self.symbol)
        carried = self._carried[key] = msgspec.structs.replace(before.get(key, Carried()))
        name = f"{self.instrument.base}/{self.instrument.quote}" if self.instrument is not None else symbol
        series = Series(
            Place(origin.data_dir, plan.venue, wanted.folder, symbol), wanted, name, plan.form, plan.header,
            plan.max_bytes, origin.session, origin.capture, origin.began_at, plan.market,
        )  # fmt: skip
        files = self._by_key[key] = RowFiles(series, sealer)
        files.gaps = list(carried.gaps)
        self.files.append(files)
        interval = wanted.interval_ms or INTERVALS_MS.get(wanted.kind, 0)
        match wanted.kind:
            case "trade":
                self.trades = Trades(symbol, files, carried, self._consecutive)
            case "candle":
                self.candles.append(Candles(symbol, interval, files, carried))
            case "book":
                self.books.append(BookRows(symbol, wanted.depth or DEPTH, interval, files, carried))
            case "top":
                self.tops = TopRows(plan.venue, symbol, files)
            case "l3":
                self.orders = OrderRows(symbol, files)


def _instrument(plugin: ExchangePlugin, symbol: str) -> Instrument | None:
    """None where the plugin cannot tell what it is."""
    try:
        return plugin.instruments.find(symbol)
    except CryptopipeError:
        return None
