"""From inputs to rows: a pure machine with books of its own, the same for a live collector and for a capture.

Enters: inputs, in order. Leaves: row files by way of a sealer, changed tops to who shows them. Never: a row that is not
a function of the inputs so far and of what the session before left, a clock, a socket.
"""

from collections.abc import Callable, Mapping

from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.clock import LAST, Nanos
from cryptopipe.collect.absence import Lines
from cryptopipe.collect.layout import HOUR
from cryptopipe.collect.plan import NOTHING_CARRIED, Carried, Plan
from cryptopipe.collect.sealing import Sealer
from cryptopipe.collect.streams import Origin, SymbolRows
from cryptopipe.errors import ProtocolError, VenueError
from cryptopipe.market.history import trades_of
from cryptopipe.market.market import Market
from cryptopipe.market.sync import BookState, BookSync, Kept
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.events import BookDelta, BookSnapshot, OrdersDelta, OrdersSnapshot, Trade

_NO_WINDOW = Kept(0, 1 << 16)
_RECV, _LIVE = Direction.RECV, BookState.LIVE

ShowTop = Callable[[str], None]


class Collection:
    """The rows of one session of one venue. `show` is given each row of `top`; `carried` is by `stream_key`."""

    def __init__(
        self,
        plan: Plan,
        plugin: ExchangePlugin,
        origin: Origin,
        sealer: Sealer,
        carried: Mapping[str, Carried] = NOTHING_CARRIED,
        show: ShowTop | None = None,
    ) -> None:
        self.plan, self.plugin, self.sealer, self.show = plan, plugin, sealer, show
        self.market = Market({plugin.venue: plugin}, _NO_WINDOW)
        self._origin, self._carried = origin, carried
        self.streams: dict[str, SymbolRows] = {}
        self._by_event: dict[str, SymbolRows | None] = {}
        self.lines = Lines()
        self.seq = 0
        """The last input that was received."""
        self.at: Nanos = 0
        self._hour_ends: Nanos = 0
        self._candles_due: Nanos = LAST
        for symbol in plan.symbols or ():
            self._add(symbol)

    @property
    def session(self) -> str:
        """Its name."""
        return self._origin.session

    def receive(self, entry: Input) -> None:
        """One input. Raises `CaptureError` where rows cannot be written."""
        at = self.at = entry.at
        self.seq = entry.seq
        if at >= self._hour_ends:
            self._turn_hour(at)
        market = self.market
        market.receive(entry)
        if entry.direction is _RECV:
            self._frame(entry, at)
        elif entry.direction is Direction.OPEN:
            self.lines.opened(entry.conn)
        elif entry.direction is Direction.CLOSE:
            self.lines.closed(entry.conn, entry.payload.decode(errors="replace"), at)
        elif entry.direction is Direction.HTTP:
            self._history(entry)
        if market.transitions:
            self._turned(entry)
        if market.changed:
            self._tops(entry)
        if market.commands:
            market.commands.clear()
        if at >= self._candles_due:
            self._pass_time(at, entry.seq)

    def spilled(self, from_at: Nanos, to_at: Nanos) -> None:
        """The inputs between these stamps were received later than they came: their rows were late."""
        for rows in self.streams.values():
            rows.spilled(from_at, to_at)

    def flush(self) -> None:
        """Write what waits, for who reads files that are being written."""
        for rows in self.streams.values():
            for files in rows.files:
                files.flush()

    def end(self) -> dict[str, Carried]:
        """The inputs are over: everything is sealed. What the next session must know, by `stream_key`."""
        for rows in self.streams.values():
            rows.stopped(self.lines, self.at)
            rows.seal(complete=False, at=LAST)
        self.sealer.wait()
        carried = dict(self._carried)
        for rows in self.streams.values():
            carried.update(rows.carried(self.lines, self.at))
        return carried

    @property
    def rows(self) -> int:
        """How many were written, or would have been were they not there already."""
        return sum(files.count for rows in self.streams.values() for files in rows.files)

    def _frame(self, entry: Input, at: Nanos) -> None:
        lines, conn, seq = self.lines, entry.conn, entry.seq
        if conn not in lines.heard:
            self._begun(conn, at, seq)
        lines.heard[conn] = at
        if lines.down and (was := lines.spoke(conn)) is not None:
            for rows in self.streams.values():
                rows.was_down(conn, was, at)
        trades: list[Trade] = []
        for event in self.market.events:
            kind = type(event)
            if kind is BookDelta or kind is BookSnapshot:
                self._book(event, at, seq)  # type: ignore[arg-type]
            elif kind is Trade:
                trades.append(event)  # type: ignore[arg-type]
            elif kind is OrdersDelta or kind is OrdersSnapshot:
                self._order(event, at, seq)  # type: ignore[arg-type]
        if trades:
            for trade in trades:
                own = self._named(trade.symbol)
                if own is not None and own.trades is not None:
                    own.trade(trade, conn, at, seq)

    def _book(self, event: BookDelta | BookSnapshot, at: Nanos, seq: int) -> None:
        rows = self._named(event.symbol)
        if rows is not None and (rows.books or rows.tops is not None):
            sync = rows.sync or self._find_book(rows, event.symbol)
            if sync is not None and sync.state is _LIVE and sync.book.version == event.version:  # else it was old
                rows.updated(sync, event.event_time or at, at, seq)

    def _order(self, event: OrdersDelta | OrdersSnapshot, at: Nanos, seq: int) -> None:
        rows = self._named(event.symbol)
        if rows is not None and rows.orders is not None:
            rows.order(event, self.market.orders[self.plugin.venue].get(event.symbol), at, seq)

    def _history(self, entry: Input) -> None:
        """What a venue tells of the past: of its trades those that were missed."""
        try:
            told = trades_of({self.plugin.venue: self.plugin}, entry)
        except (ProtocolError, VenueError):  # who asked is told the same
            return
        rows = self._named(told[0]) if told is not None else None
        if told is None or rows is None or rows.trades is None:
            return
        for trade in sorted(told[1], key=lambda one: (one.matched_at, one.trade_id.zfill(24))):
            rows.trade(trade, "", entry.at, entry.seq, from_history=True)

    def _find_book(self, rows: SymbolRows, symbol: str) -> BookSync | None:
        rows.sync = self.market.books[self.plugin.venue].get(symbol)
        return rows.sync

    def _named(self, symbol: str) -> SymbolRows | None:
        """The rows of what an event calls so; made now, where everything is wanted."""
        try:
            return self._by_event[symbol]
        except KeyError:
            rows = self._add(symbol) if self.plan.symbols is None else None
            self._by_event[symbol] = rows
            return rows

    def _add(self, symbol: str) -> SymbolRows:
        rows = SymbolRows(symbol, self.plan, self.plugin, self._origin, self.sealer, self._carried)
        self.streams[symbol] = self._by_event[symbol] = rows
        if rows.instrument is not None and rows.instrument.book_of:
            self._by_event.setdefault(rows.instrument.book_of, rows)
        if rows.candles:
            self._candles_due = 0
        return rows

    def _begun(self, conn: str, at: Nanos, seq: int) -> None:
        """The first frame of a connection of this session."""
        for rows in self.streams.values():
            rows.begun(at, seq)

    def _turned(self, entry: Input) -> None:
        for one in self.market.transitions:
            rows = self._named(one.sync.instrument.symbol) if one.sync.instrument.venue == self.plugin.venue else None
            if rows is not None:
                rows.turned(one.sync, one.state, one.reason, entry.at, entry.seq)
        self.market.transitions.clear()

    def _tops(self, entry: Input) -> None:
        for sync in self.market.changed.values():
            rows = self._named(sync.instrument.symbol)
            if rows is None or rows.tops is None or sync.state is not _LIVE or sync.book.top is None:
                continue
            if rows.tops.changed(sync.book.top, entry.at, entry.seq) and self.show is not None:
                self.show(rows.tops.line)
        self.market.changed.clear()
        self.market.appeared.clear()
        self.market.listings.news.clear()

    def _turn_hour(self, at: Nanos) -> None:
        if self._hour_ends:
            for rows in self.streams.values():
                rows.seal(complete=True, at=at)
        self._hour_ends = (at // HOUR + 1) * HOUR

    def _pass_time(self, at: Nanos, seq: int) -> None:
        self._candles_due = LAST
        for rows in self.streams.values():
            for candles in rows.candles:
                if at >= candles.due:
                    candles.pass_time(at, seq)
                self._candles_due = min(self._candles_due, candles.due)
