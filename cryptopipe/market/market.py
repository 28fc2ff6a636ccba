"""Every connection and every book of a run: one input in, changed instruments out.

Enters: numbered inputs. Leaves: the instruments whose top, state or existence changed in this turn, commands for the
driver, and counts. Never: a socket, a clock, or a book that two venues share.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from cryptopipe.capture.inputs import SERVER_TIME, Direction, Input
from cryptopipe.clock import Nanos
from cryptopipe.core import TopOfBook
from cryptopipe.errors import ProtocolError, VenueError
from cryptopipe.market.strangers import as_refusal
from cryptopipe.market.sync import BookState, BookSync
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.events import BookDelta, BookSnapshot, FeedEvent, Resync, Send, TopUpdate, Trade, Unknown
from cryptopipe.model.facts import VenueId
from cryptopipe.model.stream import FeedCodec, HttpResponse

Decode = Callable[[bytes, Nanos], Iterable[FeedEvent | Send | Resync]]

_DAMAGED = "\ufffd"
"""What a damaged byte is read as. Of a frame with one in its kind or symbol nobody knows which book it changed."""
_RECV = Direction.RECV  # before Python 3.12 an Enum's attribute costs as much as a call


def _left_out(frame: bytes, at: Nanos) -> Iterable[FeedEvent | Send | Resync]:
    """What decodes the frames of a venue that the run leaves out."""
    return ()


@dataclass
class VenueCounts:
    """What one venue sent."""

    frames: int = 0
    tops: int = 0
    trades: int = 0
    unknown: int = 0
    refused: int = 0
    refusals: list[str] = field(default_factory=list)


@dataclass
class Connection:
    """One connection of a venue: its codec, once the first frame told which dialect it speaks.

    `books` are those whose depth came over it: they end with it, and a frame finds them without a look-up. `counts`
    are the venue's own.
    """

    name: str
    venue: VenueId
    counts: VenueCounts
    url: str = ""
    codec: FeedCodec | None = None
    decode: Decode | None = None
    books: dict[str, BookSync] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    """Symbols that the venue's plugin cannot tell."""

    def speak(self, codec: FeedCodec | None) -> None:
        """What decodes the frames from now on; None until the next frame tells."""
        self.codec, self.decode = codec, None if codec is None else codec.decode


@dataclass(frozen=True)
class Transition:
    """A book's state changed; journalled with its reason."""

    sync: BookSync
    state: BookState
    reason: str


class Market:
    """All books, by venue and symbol. `changed` and `transitions` are taken, and emptied, once a turn."""

    def __init__(self, plugins: Mapping[VenueId, ExchangePlugin]) -> None:
        self._plugins = plugins
        self._connections: dict[tuple[str, str], Connection] = {}
        self.books: dict[VenueId, dict[str, BookSync]] = {venue: {} for venue in plugins}
        self.counts: dict[VenueId, VenueCounts] = {venue: VenueCounts() for venue in plugins}
        self.changed: dict[str, BookSync] = {}
        self.transitions: list[Transition] = []
        self.commands: list[Send | Resync] = []
        self.appeared: list[BookSync] = []
        self.events: Iterable[FeedEvent | Send | Resync] = ()
        """What the codec made of the last frame; for who watches the connections."""
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
            decode = connection.decode or self._decoder(connection, payload)
            self.events = events = tuple(decode(payload, at))
            for event in events:
                kind = type(event)
                if kind is BookDelta or kind is TopUpdate or kind is BookSnapshot:
                    symbol: str = event.symbol  # type: ignore[union-attr, assignment]
                    sync = connection.books.get(symbol) or self._book(connection, symbol, kind is not TopUpdate)
                    if sync is None:
                        continue
                    if self.touched is not None:
                        self.touched[sync.id] = sync
                    state = sync.state
                    if kind is BookDelta:
                        outcome = sync.delta(event, at)  # type: ignore[arg-type]
                    elif kind is TopUpdate:
                        outcome = sync.quote(event, at)  # type: ignore[arg-type]
                    else:
                        outcome = sync.snapshot(event, at)  # type: ignore[arg-type]
                    if sync.state is not state:
                        self._outcome(sync, state, outcome)
                    elif type(outcome) is TopOfBook:
                        connection.counts.tops += 1
                        self.changed[sync.id] = sync
                    elif outcome is not None:
                        self._outcome(sync, state, outcome)
                else:
                    self._told(connection, event)
        except Exception as error:  # noqa: BLE001 -- a stranger's codec
            self._refuse(connection, as_refusal(error))

    def take_commands(self) -> list[Send | Resync]:
        """What the codecs and syncs ask of the driver since the last call. A recording cannot be asked."""
        commands, self.commands = self.commands, []
        return commands

    def take_changed(self) -> dict[str, BookSync]:
        """The instruments changed since the last call, in order of their first change."""
        changed, self.changed = self.changed, {}
        return changed

    def _connect(self, entry: Input) -> Connection:
        venue = VenueId(entry.venue)
        connection = Connection(entry.conn, venue, self.counts.get(venue) or VenueCounts(), entry.url)
        self._connections[entry.venue, entry.conn] = connection
        return connection

    def _open(self, entry: Input) -> None:
        connection = self._connections.get((entry.venue, entry.conn)) or self._connect(entry)
        connection.url = entry.url
        connection.speak(None)
        for _, sync in sorted(connection.books.items()):
            before = sync.state
            sync.open()
            if sync.state is not before:
                self._outcome(sync, before, None)

    def _close(self, entry: Input) -> None:
        connection = self._connections.get((entry.venue, entry.conn)) or self._connect(entry)
        connection.speak(None)
        reason = entry.payload.decode(errors="replace") or "connection closed"
        for _, sync in sorted(connection.books.items()):
            self._lost(sync, None, reason)

    def _decoder(self, connection: Connection, payload: bytes) -> Decode:
        plugin = self._plugins.get(connection.venue)
        if plugin is None:
            return _left_out
        dialect = next((d for d in plugin.dialects if d.speaks(connection.url, payload)), None)
        codec = (dialect or plugin).feed()
        connection.speak(codec)
        return codec.decode

    def _other(self, entry: Input) -> None:
        direction = entry.direction
        if direction is Direction.HTTP:
            self._answer(entry)
        elif direction is Direction.OPEN:
            self._open(entry)
        elif direction is Direction.CLOSE:
            self._close(entry)

    def _told(self, connection: Connection, event: FeedEvent | Send | Resync) -> None:
        """What changes no book by itself."""
        kind = type(event)
        if kind is Trade:
            connection.counts.trades += 1
        elif isinstance(event, Unknown):
            connection.counts.unknown += 1
            if _DAMAGED in event.kind:
                raise ProtocolError(f"a frame of kind {event.kind!r}: its text is damaged", where=connection.name)
        elif isinstance(event, Resync):
            self._resync(connection, event)
        elif isinstance(event, Send):
            self.commands.append(event)

    def _outcome(self, sync: BookSync, before: BookState, outcome: TopOfBook | Resync | None) -> None:
        if type(outcome) is Resync:
            self.commands.append(outcome)
        elif outcome is not None:
            self.counts[sync.instrument.venue].tops += 1
        if sync.state is not before:
            self.transitions.append(Transition(sync, sync.state, sync.reason))
        self.changed[sync.id] = sync

    def _book(self, connection: Connection, symbol: str, depth: bool) -> BookSync | None:
        """The book of a symbol new to this connection; None if the venue's plugin cannot tell what it is. With its
        first `depth` it belongs to the connection; a mere quote is looked up again each time.
        """
        sync = self.books[connection.venue].get(symbol)
        if sync is None:
            if _DAMAGED in symbol:
                raise ProtocolError(f"a frame of {symbol!r}: its text is damaged", where=connection.name)
            if symbol in connection.unknown:
                return None
            assert connection.codec is not None
            try:
                instrument = self._plugins[connection.venue].instruments.find(symbol)
            except ProtocolError as error:
                connection.unknown.add(symbol)
                self._count_refusal(connection.counts, error)
                return None
            sync = self.books[connection.venue][symbol] = BookSync(instrument, connection.codec.rule)
            self.appeared.append(sync)
        if depth:
            if sync.state is BookState.DEAD:
                sync.open()  # its connection is gone, and this one takes it over
            connection.books[symbol] = sync
        return sync

    def _answer(self, entry: Input) -> None:
        """A REST snapshot, of the symbol that its request is tagged with. A recorded answer without tag and URL belongs
        to the only book that it can belong to.
        """
        venue = VenueId(entry.venue)
        if venue not in self._plugins or entry.request == SERVER_TIME:
            return
        snapshots = self._plugins[venue].snapshots
        books = self.books[venue]
        connection = self._connections.get((entry.venue, entry.conn)) or self._connect(entry)
        symbol = entry.request or (snapshots.symbol_of(entry.url) if snapshots and entry.url else None)
        symbol = symbol or (next(iter(books)) if len(books) == 1 else None)
        if snapshots is None or symbol is None:
            error = ProtocolError(f"an answer that no book of {venue} asked for: {entry.url!r}")
            self._count_refusal(connection.counts, error)
            return
        if connection.codec is None:
            self._decoder(connection, entry.payload)
        sync = books.get(symbol) or self._book(connection, symbol, depth=True)
        if sync is None:
            return
        if self.touched is not None:
            self.touched[sync.id] = sync
        try:
            response = HttpResponse(entry.status or 200, entry.payload, entry.url)
            snapshot = snapshots.snapshot(symbol, response, entry.at)
            if not isinstance(snapshot, BookSnapshot):
                raise ProtocolError("an answer of single orders for a book of levels", where=sync.id)
        except Exception as error:  # noqa: BLE001 -- a stranger's codec
            self._refuse_answer(sync, as_refusal(error))
            return
        state = sync.state
        outcome = sync.snapshot(snapshot, entry.at)
        if outcome is not None or sync.state is not state:
            self._outcome(sync, state, outcome)

    def _resync(self, connection: Connection, resync: Resync) -> None:
        for symbol in sorted(connection.books) if resync.symbol is None else [resync.symbol]:
            sync = self.books[connection.venue].get(symbol)
            if sync is not None:
                sync.gaps += sync.state is BookState.LIVE
                self._lost(sync, resync, resync.reason)

    def _lost(self, sync: BookSync, resync: Resync | None, reason: str) -> None:
        before = sync.state
        if resync is None:
            sync.close(reason)
            self._outcome(sync, before, None)
        elif before is BookState.LIVE:
            self._outcome(sync, before, sync.lose(reason))

    def _refuse(self, connection: Connection, error: ProtocolError | VenueError) -> None:
        """A frame that cannot be read may have changed any book of its connection: none is proven any more."""
        self.events = ()
        self._count_refusal(connection.counts, error)
        self._resync(connection, Resync(None, f"unreadable frame: {error.message[:120]}"))

    def _refuse_answer(self, sync: BookSync, error: ProtocolError | VenueError) -> None:
        self._count_refusal(self.counts[sync.instrument.venue], error)
        self.commands.append(Resync(sync.instrument.symbol, f"unreadable snapshot: {error.message[:120]}"))

    @staticmethod
    def _count_refusal(counts: VenueCounts, error: ProtocolError | VenueError) -> None:
        """Count what could not be used, and keep the last five messages."""
        counts.refused += 1
        counts.refusals.append(error.message[:200])
        del counts.refusals[:-5]
