"""Every connection and every book of a run: one input in, changed instruments out.

Enters: numbered inputs. Leaves: the instruments whose top, state or existence changed in this turn, commands for the
driver, and counts. Never: a socket, a clock, a book that two venues share, or a strategy woken by single orders.
"""

from collections.abc import Iterable, Mapping

from cryptopipe.capture.inputs import METADATA, SERVER_TIME, STREAM_TOKEN, TRADES_OF, Direction, Input
from cryptopipe.clock import Nanos
from cryptopipe.core import Lane, TopOfBook
from cryptopipe.errors import ProtocolError, VenueError
from cryptopipe.market.answers import asked
from cryptopipe.market.connection import Connection, Decode, Transition, VenueCounts, left_out, taken_by
from cryptopipe.market.listings import Listings
from cryptopipe.market.names import twin
from cryptopipe.market.opening import closed, opened
from cryptopipe.market.overlap import Elder, Heir, Switched
from cryptopipe.market.strangers import as_refusal
from cryptopipe.market.sync import BookState, BookSync, Kept
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.events import (
    BookDelta,
    BookSnapshot,
    FeedEvent,
    OrdersDelta,
    OrdersSnapshot,
    Resync,
    Send,
    TopUpdate,
    Trade,
    Unknown,
)
from cryptopipe.model.facts import VenueId

_DAMAGED = "\ufffd"
"""What a damaged byte is read as. Of a frame with one in its kind or symbol nobody knows which book it changed."""
_MOST_BOOKS = 10_000
"""Of one venue; the largest lists a few thousand instruments, and one that makes up symbols may not fill the memory."""
_KEPT = Kept()
_RECV, _LIVE = Direction.RECV, BookState.LIVE  # before Python 3.12 an Enum's attribute costs as much as a call

Book = BookSync | Elder | Heir
Books = dict[VenueId, dict[str, BookSync]]


class Market:
    """All books, by venue and symbol: `books` of levels, `orders` of single orders. `changed` and `transitions` are
    taken, and emptied, once a turn; single orders change neither `changed` nor `appeared`. `listings` is what the
    venues told of themselves: an instrument of a book is as it is there.
    """

    def __init__(self, plugins: Mapping[VenueId, ExchangePlugin], kept: Kept = _KEPT) -> None:
        self._plugins, self._kept = plugins, kept
        self._connections: dict[tuple[str, str], Connection] = {}
        self.books: Books = {venue: {} for venue in plugins}
        self.orders: Books = {venue: {} for venue in plugins}
        self.listings = Listings(plugins)
        self.counts: dict[VenueId, VenueCounts] = {venue: VenueCounts() for venue in plugins}
        self.changed: dict[str, BookSync] = {}
        self.transitions: list[Transition] = []
        self.commands: list[Send | Resync | Switched] = []
        self.appeared: list[BookSync] = []
        self._events: Iterable[FeedEvent | Send | Resync] = ()
        self._lane: Lane | None = None
        self.touched: dict[str, BookSync] | None = None
        """Books that a frame reached, whether or not their top moved; noted only while somebody needs it."""

    def receive(self, entry: Input) -> None:
        """Carry one input to the books. Those of a venue that the run leaves out change nothing. The hot path: a frame
        meets no look-up, call or value that it can do without (docs/benchmarks.md)."""
        if entry.direction is not _RECV:
            self._other(entry)
            return
        connection = self._connections.get((entry.venue, entry.conn)) or self._connect(entry)
        connection.counts.frames += 1
        payload, at = entry.payload, entry.at
        try:
            if (take := connection.take) is not None and (told := take(payload, at)) is not None:
                self._lane = connection.lane
                if type(told) is BookSync:
                    taken = told
                    connection.counts.tops += 1
                    self.changed[taken.id] = taken
                else:
                    taken = told[0]  # type: ignore[index]
                    if len(told) == 2:  # type: ignore[arg-type]
                        self._outcome(taken, _LIVE, taken.refuted(told[1]))  # type: ignore[index]
                taken.last_frame_at = at
                if self.touched is not None:
                    self.touched[taken.id] = taken
                return
            self._read(connection, payload, at)
        except Exception as error:  # noqa: BLE001 -- a stranger's codec
            self._refuse(connection, as_refusal(error))

    @property
    def events(self) -> Iterable[FeedEvent | Send | Resync]:
        """What the last frame meant; for who watches the connections."""
        return self._events if self._lane is None else taken_by(self._lane)

    def take_commands(self) -> list[Send | Resync | Switched]:
        """What the codecs and syncs ask of the driver since the last call. A recording cannot be asked."""
        commands, self.commands = self.commands, []
        return commands

    def take_changed(self) -> dict[str, BookSync]:
        """The instruments changed since the last call, in order of their first change."""
        changed, self.changed = self.changed, {}
        return changed

    def worded(self, venue: VenueId, conn: str, text: str) -> str:
        """What is written to a connection in place of a text of its subscription; empty for nothing."""
        connection = self._connections.get((venue, conn))
        return text if connection is None else connection.worded(text)

    def told(self, sync: Book, before: BookState, outcome: TopOfBook | Resync | None) -> None:
        """A book between two connections was told something; where nothing came of it, nothing is reported."""
        if outcome is not None or sync.state is not before:
            self._outcome(sync, before, outcome)

    def _read(self, connection: Connection, payload: bytes, at: Nanos) -> None:
        """What no lane takes: each event to its book."""
        self._lane = None
        decode = connection.decode or self._decoder(connection, payload)
        self._events = events = tuple(decode(payload, at))
        for event in events:
            kind = type(event)
            if kind is BookDelta or kind is TopUpdate or kind is BookSnapshot:
                symbol: str = event.symbol  # type: ignore[union-attr, assignment]
                sync = connection.books.get(symbol) or self._book(connection, symbol, kind is not TopUpdate)
                if sync is None:
                    continue
                if self.touched is not None:
                    self.touched[sync.id] = sync  # type: ignore[assignment]
                state = sync.state
                if kind is BookDelta:
                    outcome = sync.delta(event, at)  # type: ignore[arg-type]
                    if connection.lane is not None and type(sync) is BookSync:
                        connection.lane.arm(sync, sync.book, event)  # type: ignore[arg-type]
                elif kind is TopUpdate:
                    outcome = sync.quote(event, at)  # type: ignore[arg-type]
                else:
                    outcome = sync.snapshot(event, at)  # type: ignore[arg-type]
                if sync.state is not state:
                    self._outcome(sync, state, outcome)
                elif type(outcome) is TopOfBook:
                    connection.counts.tops += 1
                    self.changed[sync.id] = sync  # type: ignore[assignment]
                elif outcome is not None:
                    self._outcome(sync, state, outcome)
            else:
                self._other_event(connection, event, at)

    def _connect(self, entry: Input) -> Connection:
        venue = VenueId(entry.venue)
        connection = Connection(entry.conn, venue, self.counts.get(venue) or VenueCounts(), entry.url)
        self._connections[entry.venue, entry.conn] = connection
        return connection

    def _other(self, entry: Input) -> None:
        direction = entry.direction
        if direction is Direction.HTTP:
            self._answer(entry)
        elif direction is Direction.OPEN or direction is Direction.CLOSE:
            connection = self._connections.get((entry.venue, entry.conn))
            if connection is None:
                connection = self._connect(entry)
                connection.up = False
            other = self._connections.get((entry.venue, twin(entry.conn)))
            (opened if direction is Direction.OPEN else closed)(entry, connection, other, self)

    def _decoder(self, connection: Connection, payload: bytes) -> Decode:
        plugin = self._plugins.get(connection.venue)
        return left_out if plugin is None else connection.listen(plugin, payload)

    def _other_event(self, connection: Connection, event: FeedEvent | Send | Resync, at: Nanos) -> None:
        """Single orders, and what changes no book by itself."""
        kind = type(event)
        if kind is OrdersDelta or kind is OrdersSnapshot:
            self._orders_event(connection, event, at)  # type: ignore[arg-type]
        elif kind is Trade:
            connection.counts.trades += not connection.joining  # the connection that it replaces tells them too
        elif isinstance(event, Unknown):
            connection.counts.strange(event.kind)
            if _DAMAGED in event.kind:
                raise ProtocolError(f"a frame of kind {event.kind!r}: its text is damaged", where=connection.name)
        elif isinstance(event, Resync):
            self._resync(connection, event)
        elif isinstance(event, Send):
            self.commands.append(event)

    def _orders_event(self, connection: Connection, event: OrdersDelta | OrdersSnapshot, at: Nanos) -> None:
        sync = connection.orders.get(event.symbol) or self._book(connection, event.symbol, True, orders=True)
        if sync is None:
            return
        before = sync.state
        outcome = sync.delta(event, at) if type(event) is OrdersDelta else sync.snapshot(event, at)  # type: ignore[arg-type]
        self.told(sync, before, outcome)

    def _outcome(self, sync: Book, before: BookState, outcome: TopOfBook | Resync | None) -> None:
        assert isinstance(sync, BookSync), "what stands between two connections says nothing itself"
        if type(outcome) is Resync:
            self.commands.append(outcome)
        elif outcome is not None:
            self.counts[sync.instrument.venue].tops += 1
        if sync.state is not before:
            self.transitions.append(Transition(sync, sync.state, sync.reason))
        if sync.rule.orders is None:
            self.changed[sync.id] = sync

    def _book(self, connection: Connection, symbol: str, depth: bool, orders: bool = False) -> Book | None:
        """The book of a symbol new to this connection; None if the venue's plugin cannot tell what it is. With its
        first `depth` it belongs to the connection; a mere quote is looked up again each time.
        """
        books = (self.orders if orders else self.books)[connection.venue]
        sync = books.get(symbol)
        if sync is None:
            if _DAMAGED in symbol:
                raise ProtocolError(f"a frame of {symbol!r}: its text is damaged", where=connection.name)
            if symbol in connection.unknown:
                return None
            assert connection.codec is not None
            if (connection.codec.rule.orders is not None) is not orders:
                raise ProtocolError(f"{symbol}: its codec's rule is not of {'single orders' if orders else 'levels'}")
            try:
                if len(books) >= _MOST_BOOKS:
                    raise ProtocolError(f"{symbol} beside {len(books)} other books", where=connection.venue)
                instrument = self._plugins[connection.venue].instruments.find(symbol)
            except Exception as error:  # noqa: BLE001 -- a stranger's plugin
                connection.cannot_tell(symbol, as_refusal(error))
                return None
            sync = books[symbol] = BookSync(self.listings.now(instrument), connection.codec.rule, self._kept)
            if not orders:
                self.appeared.append(sync)
        if depth:
            if sync.state is BookState.DEAD:
                sync.open()  # its connection is gone, and this one takes it over
            (connection.orders if orders else connection.books)[symbol] = sync
        return sync

    def _answer(self, entry: Input) -> None:
        """A REST snapshot, or what the venue says of itself."""
        venue = VenueId(entry.venue)
        request = entry.request
        if venue not in self._plugins or request in (SERVER_TIME, STREAM_TOKEN) or request.startswith(TRADES_OF):
            return
        if request == METADATA:
            self._relist(venue, entry)
            return
        connection = self._connections.get((entry.venue, entry.conn)) or self._connect(entry)
        found = asked(self._plugins[venue], connection, entry, self.books[venue], self.orders[venue])
        if found is None:
            connection.counts.refusal(ProtocolError(f"an answer that no book of {venue} asked for: {entry.url!r}"))
            return
        if connection.codec is None:
            self._decoder(connection, entry.payload)
        own, books = (connection.orders, self.orders) if found.orders else (connection.books, self.books)
        sync = own.get(found.symbol) or books[venue].get(found.symbol)
        sync = sync or self._book(connection, found.symbol, True, found.orders)
        if sync is None:
            return
        if self.touched is not None and not found.orders:
            self.touched[sync.id] = sync  # type: ignore[assignment]
        try:
            snapshot = found.read(entry)
        except Exception as error:  # noqa: BLE001 -- a stranger's codec
            self.counts[venue].refusal(refusal := as_refusal(error))
            self.commands.append(Resync(sync.instrument.symbol, f"unreadable snapshot: {refusal.message[:120]}"))
            return
        state = sync.state
        self.told(sync, state, sync.snapshot(snapshot, entry.at))

    def _relist(self, venue: VenueId, entry: Input) -> None:
        for instrument in self.listings.read(venue, entry):
            for books in (self.books[venue], self.orders[venue]):
                sync = books.get(instrument.symbol)
                if sync is not None:
                    sync.instrument = instrument
                    if sync.rule.orders is None:
                        self.changed[sync.id] = sync

    def _resync(self, connection: Connection, resync: Resync) -> None:
        """The codec, or who could not read a frame, says that a stream is not proven any more."""
        single = connection.codec is not None and connection.codec.rule.orders is not None
        own, books = (connection.orders, self.orders) if single else (connection.books, self.books)
        for symbol in sorted(own) if resync.symbol is None else [resync.symbol]:
            sync = own.get(symbol) or books[connection.venue].get(symbol)
            if isinstance(sync, BookSync):
                sync.gaps += sync.state is BookState.LIVE
                if sync.state is BookState.LIVE:
                    self._outcome(sync, BookState.LIVE, sync.lose(resync.reason))
            elif sync is not None:
                sync.lose(resync.reason)

    def _refuse(self, connection: Connection, error: ProtocolError | VenueError) -> None:
        """A frame that cannot be read may have changed any book of its connection: none is proven any more."""
        self._events, self._lane = (), None
        connection.counts.refusal(error)
        self._resync(connection, Resync(None, f"unreadable frame: {error.message[:120]}"))
