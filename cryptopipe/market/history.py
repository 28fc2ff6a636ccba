"""Asks venues for the public trades that their streams did not tell.

Enters: trades and losses of connections, ticks, answers. Leaves: requests of history, one at a time of a venue, and
holes that ended. Never: a request that the venue's budget does not allow, or one that takes the last quarter of it,
which snapshots may need; a hole asked for without end; anything that a replay depends on: each answer is an input.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from cryptopipe.capture.inputs import TRADES_OF, Direction, Input
from cryptopipe.clock import LAST, SECOND, Nanos
from cryptopipe.errors import ProtocolError, VenueError
from cryptopipe.market.inquiry import APART
from cryptopipe.market.names import twin
from cryptopipe.market.pacing import Bucket
from cryptopipe.market.parts import Part
from cryptopipe.market.strangers import as_refusal
from cryptopipe.market.supply import ANSWER_WITHIN
from cryptopipe.market.trail import Hole, Trail
from cryptopipe.model.contracts import ExchangePlugin, TradeHistoryCodec
from cryptopipe.model.events import FeedEvent, Resync, Send, Trade
from cryptopipe.model.facts import Instrument, VenueId
from cryptopipe.model.stream import Channel, HttpRequest, HttpResponse, Subscription

SETTLES_IN = SECOND // 4
"""A hole is asked for when it is this old: some trades come late. Not later: some venues tell the newest ones alone."""
AGAIN_AFTER = 5 * SECOND
"""Between two attempts at one hole after a failure, times the failures before."""
MOST_PAGES = 50
"""Answers for one hole: 50 of 1,000 trades are some minutes of the busiest market."""
MOST_FAILURES = 5
MOST_ENDED = 10_000
"""Holes that ended, kept for who reads them; the oldest go first."""
_OVERDUE = 3 * ANSWER_WITHIN


def trades_of(plugins: Mapping[VenueId, ExchangePlugin], entry: Input) -> tuple[str, Sequence[Trade]] | None:
    """The symbol and the trades of a history's answer, oldest first; None for any other input.

    A function of the input alone, live and in replay. Raises `ProtocolError` or a `VenueError` for an answer that is
    no history, such as a refusal or a request that nobody answered.
    """
    if entry.direction is not Direction.HTTP or not entry.request.startswith(TRADES_OF):
        return None
    plugin, symbol = plugins.get(VenueId(entry.venue)), entry.request.removeprefix(TRADES_OF)
    if plugin is None or plugin.trade_history is None:
        raise ProtocolError(f"history of {symbol}, but the plugin brings none", where=entry.venue)
    try:
        response = HttpResponse(entry.status or 200, entry.payload, entry.url, dict(entry.headers))
        told = tuple(plugin.trade_history.trades(symbol, response))
        if not all(isinstance(one, Trade) and one.symbol == symbol for one in told):
            raise ProtocolError(f"history of {symbol} tells other things than its trades", where=entry.venue)
    except Exception as error:
        raise as_refusal(error) from error
    return symbol, told


@dataclass
class _Attempts:
    pages: int = 0
    failures: int = 0
    not_before: Nanos = 0


@dataclass
class _Venue:
    """One venue's trails, the hole whose answer is out, and before when no other is asked."""

    codec: TradeHistoryCodec
    instruments: Mapping[str, Instrument]
    fetches: Bucket
    trails: dict[str, Trail] = field(default_factory=dict)
    attempts: dict[int, _Attempts] = field(default_factory=dict)
    out: tuple[Trail, Hole] | None = None
    asked_at: Nanos = 0
    not_before: Nanos = 0

    def trail(self, symbol: str) -> Trail | None:
        if symbol not in self.trails and symbol in self.instruments:
            self.trails[symbol] = Trail(symbol, self.codec.consecutive)
        return self.trails.get(symbol)

    def of(self, hole: Hole) -> _Attempts:
        return self.attempts.setdefault(id(hole), _Attempts())

    def when(self, hole: Hole) -> Nanos:
        return max(hole.found_at + SETTLES_IN, self.of(hole).not_before)

    def next_due(self) -> Nanos:
        if self.out is not None:
            return self.asked_at + _OVERDUE
        due = min((self.when(hole) for trail in self.trails.values() for hole in trail.holes), default=LAST)
        return due if due == LAST else max(due, self.not_before, self.fetches.spare_at())


class History:
    """All venues' that are to be asked, of `plugins`. `parts` are the connections by name, each with what it carries.
    Whoever wants to know reads `ended`, the last holes that ended, and takes out what it read.
    """

    def __init__(self, parts: Mapping[str, Part], plugins: Mapping[VenueId, ExchangePlugin]) -> None:
        self.due: Nanos = LAST
        """Nothing is to be done before; a tick at this time may find nothing either."""
        self.ended: deque[tuple[VenueId, Hole]] = deque(maxlen=MOST_ENDED)
        self._parts, self._plugins = parts, plugins
        self._venues: dict[VenueId, _Venue] = {}
        self._open: set[str] = set()

    def add(self, plugin: ExchangePlugin, subscriptions: Sequence[Subscription], fetches: Bucket) -> None:
        """Watch a venue's trades, within its budget of requests; nothing where it tells no history."""
        if plugin.trade_history is not None and plugin.venue in self._plugins:
            wanted = {one.instrument.symbol: one.instrument for one in subscriptions if one.channel is Channel.TRADES}
            self._venues[plugin.venue] = _Venue(plugin.trade_history, wanted, fetches)

    @property
    def watches(self) -> bool:
        """Whether there is anything to watch."""
        return bool(self._venues)

    def holes(self, venue: VenueId) -> list[Hole]:
        """The open ones."""
        known = self._venues.get(venue)
        return [hole for trail in known.trails.values() for hole in trail.holes] if known else []

    def arrived(self, entry: Input, events: Iterable[FeedEvent | Send | Resync], commands: Sequence[object]) -> None:
        """What a frame said, and what came of it: commands without events if it could not be read."""
        known = self._venues.get(VenueId(entry.venue))
        if known is None:
            return
        look, events = False, tuple(events)
        if commands and not events:
            self._interrupted(known, entry.conn, "a frame could not be read")
        for event in events:
            if type(event) is Trade:
                trail = known.trail(event.symbol)
                if trail is not None:
                    before = len(trail.holes)
                    trail.told(event, entry.at)
                    look = look or len(trail.holes) != before or bool(trail.ended)
            elif type(event) is Resync and event.symbol is None:
                self._interrupted(known, entry.conn, event.reason)
        if look:
            self._look()

    def happened(self, entry: Input) -> None:
        """A connection opened or closed; an answer came, or nobody gave one."""
        known = self._venues.get(VenueId(entry.venue))
        if known is None:
            return
        if entry.direction is Direction.OPEN:
            self._open.add(entry.conn)
        elif entry.direction is Direction.CLOSE:
            self._open.discard(entry.conn)
            if twin(entry.conn) not in self._open:  # else another one is in its place already
                self._interrupted(known, entry.conn, f"{entry.conn} was closed")
        elif entry.request.startswith(TRADES_OF):
            self._answered(known, entry)
            self._look()

    def _interrupted(self, known: _Venue, conn: str, why: str) -> None:
        for one in self._parts[conn].subscriptions if conn in self._parts else ():
            if one.channel is Channel.TRADES and one.instrument.symbol in known.trails:
                known.trails[one.instrument.symbol].interrupted(why)

    def tick(self, at: Nanos) -> list[tuple[VenueId, HttpRequest, str]]:
        """What is to be asked now, with its tag."""
        asked = [(venue, self._ask(known, at)) for venue, known in self._venues.items()]
        self._look()
        return [(venue, *found) for venue, found in asked if found is not None]

    def _answered(self, known: _Venue, entry: Input) -> None:
        asked, known.out, known.not_before = known.out, None, entry.at + APART
        try:
            self._fill(known, asked, trades_of(self._plugins, entry))
        except (ProtocolError, VenueError) as error:
            if asked is not None:
                self._failed(known, asked, error.message, entry.at)

    def _fill(self, known: _Venue, asked: tuple[Trail, Hole] | None, told: tuple[str, Sequence[Trade]] | None) -> None:
        trail = known.trails.get(told[0]) if told is not None else None
        if told is None or trail is None:
            return
        before = asked[1].span if asked is not None else None
        trail.answered(told[1])
        if asked is not None and asked[1] in trail.holes:
            pages = known.of(asked[1]).pages
            if asked[1].span == before:
                trail.give_up(asked[1], "the venue's history does not reach it")
            elif pages >= MOST_PAGES:
                trail.give_up(asked[1], f"more than {pages} answers would be needed")

    def _ask(self, known: _Venue, at: Nanos) -> tuple[HttpRequest, str] | None:
        if at < known.next_due():
            return None
        if known.out is not None:
            self._failed(known, known.out, "no answer", at)
            known.out = None
            return None
        due = [(known.when(hole), trail, hole) for trail in known.trails.values() for hole in trail.holes]
        _, trail, hole = min(due, key=lambda one: one[0])
        try:
            request = known.codec.request(known.instruments[trail.symbol], hole.span, at)
        except Exception as error:  # noqa: BLE001 -- a stranger's plugin
            trail.give_up(hole, as_refusal(error).message)
            return None
        if request is None:
            trail.give_up(hole, "older than what the venue's history tells")
            return None
        known.fetches.take(at)
        known.of(hole).pages += 1
        known.out, known.asked_at = (trail, hole), at
        return request, TRADES_OF + trail.symbol

    def _failed(self, known: _Venue, asked: tuple[Trail, Hole], why: str, at: Nanos) -> None:
        trail, hole = asked
        fared = known.of(hole)
        fared.failures += 1
        fared.not_before = at + AGAIN_AFTER * fared.failures
        if fared.failures >= MOST_FAILURES:
            trail.give_up(hole, f"asked {fared.failures} times: {why}")

    def _look(self) -> None:
        for venue, known in self._venues.items():
            for trail in known.trails.values():
                for hole in trail.ended:
                    known.attempts.pop(id(hole), None)
                    self.ended.append((venue, hole))
                trail.ended.clear()
        self.due = min((one.next_due() for one in self._venues.values()), default=LAST)
