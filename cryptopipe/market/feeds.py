"""The connections of a run beside its market: what each input means to the venues' supervisors.

Enters: inputs that the market has received. Leaves: commands for a driver, with their venue, and the time of the next
tick. Never: a socket, a clock, or anything that a replay depends on: whatever a supervisor decides enters as an input.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from cryptopipe.capture.inputs import SERVER_TIME, Direction, Input
from cryptopipe.clock import LAST, Nanos
from cryptopipe.market.line import Feed
from cryptopipe.market.market import Market
from cryptopipe.market.supervisor import (
    DIALS,
    FETCHES,
    Answered,
    Arrived,
    Closed,
    Opened,
    Resynced,
    Supervisor,
    Tick,
    TimeAnswered,
    Told,
)
from cryptopipe.market.supply import Stream
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.events import Close, Command, Dial, Fetch, FetchTime, Ping, Resync, Send, WakeAt
from cryptopipe.model.facts import Instrument, VenueId
from cryptopipe.model.stream import USUAL_CHANNELS, Channel, HttpRequest, HttpResponse, Subscription

NO_ANSWER = 599
"""The status of a request that nobody answered; no venue sends it."""

_RECV, _TICK = Direction.RECV, Direction.TICK  # before Python 3.12 an Enum's attribute costs as much as a call


class Ask(msgspec.Struct, frozen=True, gc=False):
    """A command: carry out this request, and give its answer back with this tag, on behalf of this connection.

    An answer after `conn` closed is thrown away; `conn` empty: there is no connection that it belongs to.
    """

    request: HttpRequest
    tag: str
    conn: str = ""


Task = Dial | Send | Ping | Close | Ask
"""What a driver carries out."""

Rewrite = Callable[[VenueId, str], str]
"""Where a venue's URL really leads: to a simulated venue, or just there."""


def as_written(venue: VenueId, url: str) -> str:
    """The venue's own URL."""
    return url


class Feeds:
    """Every venue's supervisor over one market. `jitter` gives numbers in [0, 1]; seeded, every run is the same."""

    def __init__(
        self,
        market: Market,
        plugins: Mapping[VenueId, ExchangePlugin],
        subscriptions: Mapping[VenueId, Sequence[Subscription]],
        jitter: Callable[[], float],
        at: Nanos,
        rewrite: Rewrite = as_written,
    ) -> None:
        self._market, self._plugins, self._rewrite = market, plugins, rewrite
        self._instruments = {(venue, one.instrument.symbol): one.instrument for venue in plugins for one in
                             subscriptions.get(venue, ())}  # fmt: skip
        self.supervisors = {
            venue: Supervisor(
                _feeds(venue, plugin, subscriptions[venue], at, rewrite),
                jitter,
                dials=(*DIALS, *plugin.dial_limits),
                fetches=plugin.fetch_limits or FETCHES,
                tells_time=plugin.clock is not None,
            )
            for venue, plugin in plugins.items()
            if subscriptions.get(venue)
        }
        self._due: dict[VenueId, Nanos] = dict.fromkeys(self.supervisors, at)

    def next_due(self) -> Nanos:
        """When the next tick is wanted; `LAST` if never."""
        return min(self._due.values(), default=LAST)

    def after(self, entry: Input) -> Iterable[tuple[VenueId, Task]]:
        """What is to be done after an input that the market has received."""
        direction, venue = entry.direction, VenueId(entry.venue)
        tasks: list[tuple[VenueId, Task]] = []
        if direction is _RECV:
            if venue in self.supervisors:
                self._tell(venue, Arrived(entry.conn, self._market.events), entry.at, tasks)  # type: ignore[arg-type]
                if self._market.commands:
                    self._resynced(venue, entry, tasks)
        elif direction is _TICK:
            for due_venue in [one for one, due in self._due.items() if due <= entry.at]:
                self._due[due_venue] = LAST
                self._tell(due_venue, Tick(), entry.at, tasks)
        elif venue in self.supervisors:
            self._other(venue, entry, tasks)
        return tasks

    def _other(self, venue: VenueId, entry: Input, tasks: list[tuple[VenueId, Task]]) -> None:
        match entry.direction:
            case Direction.OPEN:
                self._tell(venue, Opened(entry.conn), entry.at, tasks)
            case Direction.CLOSE:
                self._tell(venue, Closed(entry.conn, entry.status, _retry_after(entry)), entry.at, tasks)
            case Direction.HTTP if entry.request == SERVER_TIME:
                self._tell(venue, self._time(venue, entry), entry.at, tasks)
            case Direction.HTTP:
                lost = {one.symbol for one in self._market.take_commands() if isinstance(one, Resync)}
                answered = Answered(entry.request, entry.request not in lost, entry.status, _retry_after(entry))
                self._tell(venue, answered, entry.at, tasks)
            case _:
                pass

    def _resynced(self, venue: VenueId, entry: Input, tasks: list[tuple[VenueId, Task]]) -> None:
        for command in self._market.take_commands():
            if isinstance(command, Resync):
                told: list[tuple[VenueId, Task]] = []
                self._tell(venue, Resynced(entry.conn, command), entry.at, told)
                tasks += [one for one in told if one not in tasks]  # one text may ask for several books
            else:
                tasks.append((venue, Send(command.text, command.conn or entry.conn)))

    def _tell(self, venue: VenueId, told: Told, at: Nanos, tasks: list[tuple[VenueId, Task]]) -> None:
        for command in self.supervisors[venue].receive(told, at):
            self._carry(venue, command, tasks)

    def _carry(self, venue: VenueId, command: Command, tasks: list[tuple[VenueId, Task]]) -> None:
        match command:
            case WakeAt():
                self._due[venue] = min(self._due[venue], command.at)
            case Fetch():
                snapshots = self._plugins[venue].snapshots
                assert snapshots is not None, f"{venue} has no snapshots to request"
                request = snapshots.request(self._instruments[venue, command.symbol])
                tasks.append((venue, Ask(self._rewritten(venue, request), command.symbol, command.conn)))
            case FetchTime():
                clock = self._plugins[venue].clock
                assert clock is not None, f"{venue} tells no time"
                tasks.append((venue, Ask(self._rewritten(venue, clock.request()), SERVER_TIME)))
            case _:
                tasks.append((venue, command))

    def _rewritten(self, venue: VenueId, request: HttpRequest) -> HttpRequest:
        return msgspec.structs.replace(request, url=self._rewrite(venue, request.url))

    def _time(self, venue: VenueId, entry: Input) -> TimeAnswered:
        clock = self._plugins[venue].clock
        assert clock is not None, f"{venue} tells no time"
        try:
            server_time = clock.server_time(HttpResponse(entry.status, entry.payload, entry.url))
        except Exception:  # noqa: BLE001 -- a stranger's codec
            return TimeAnswered(None, clock.resolution, entry.status, _retry_after(entry))
        return TimeAnswered(server_time, clock.resolution, entry.status)


def _retry_after(entry: Input) -> str:
    return next((value for name, value in entry.headers if name.lower() == "retry-after"), "")


def _feeds(
    venue: VenueId, plugin: ExchangePlugin, subscriptions: Sequence[Subscription], at: Nanos, rewrite: Rewrite
) -> list[Feed]:
    feeds = []
    for number, part in enumerate(plugin.split(subscriptions), 1):
        codec = plugin.feed()
        connect = codec.connect(part, None, at)
        depth = {one.instrument.book_of or one.instrument.symbol for one in part if one.channel is Channel.DEPTH}
        tops = {one.instrument.symbol for one in part if one.channel is Channel.TOP}
        streams = [Stream(symbol, Channel.DEPTH, connect.resubscribe.get(symbol, ())) for symbol in sorted(depth)]
        streams += [Stream(symbol, Channel.TOP) for symbol in sorted(tops - depth)]
        connect = msgspec.structs.replace(connect, url=rewrite(venue, connect.url))
        feeds.append(Feed(f"{venue}#{number}", connect, tuple(streams), codec.rule.snapshot_by_request))
    return feeds


def subscriptions_of(instruments: Iterable[Instrument]) -> list[Subscription]:
    """Every channel of each instrument."""
    return [Subscription(one, channel) for one in instruments for channel in USUAL_CHANNELS]
