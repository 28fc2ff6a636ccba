"""The connections of a run beside its market: what each input means to the venues' supervisors.

Enters: inputs that the market has received. Leaves: commands for a driver, with their venue, and the time of the next
tick. Never: a socket, a clock, a secret in a message, or anything that a replay depends on: whatever a supervisor
decides enters as an input.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import index

import msgspec

from cryptopipe.capture.inputs import METADATA, ORDERS_OF, SERVER_TIME, STREAM_TOKEN, TRADES_OF, Direction, Input
from cryptopipe.clock import LAST, Nanos
from cryptopipe.errors import CryptopipeError, Remedy
from cryptopipe.market.feed import Feed
from cryptopipe.market.history import History
from cryptopipe.market.inquiry import Inquiries
from cryptopipe.market.market import Market
from cryptopipe.market.names import orders_dialect, twin
from cryptopipe.market.overlap import Switched
from cryptopipe.market.parts import Part, Rewrite, part_of
from cryptopipe.market.strangers import as_refusal
from cryptopipe.market.supervisor import (
    DIALS,
    FETCHES,
    Answered,
    Arrived,
    Carried,
    Closed,
    Inquired,
    Opened,
    Resynced,
    Signed,
    Supervisor,
    Tick,
    TimeAnswered,
    Told,
)
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.events import Close, Command, Dial, Fetch, FetchTime, Ping, Resync, Send, Sign, WakeAt
from cryptopipe.model.facts import Instrument, VenueId
from cryptopipe.model.stream import USUAL_CHANNELS, Credentials, HttpRequest, HttpResponse, Subscription

NO_ANSWER = 599
"""The status of a request that nobody answered; no venue sends it."""
NOBODY: Mapping[VenueId, Credentials] = {}
"""No keys."""

_RECV, _TICK = Direction.RECV, Direction.TICK  # before Python 3.12 an Enum's attribute costs as much as a call
__all__ = ["NO_ANSWER", "Ask", "Feeds", "Rewrite", "Task", "as_written", "subscriptions_of"]


class Ask(msgspec.Struct, frozen=True, gc=False):
    """A command: carry out this request, and give its answer back with this tag, on behalf of this connection.

    An answer after `conn` closed is thrown away; `conn` empty: there is no connection that it belongs to.
    """

    request: HttpRequest
    tag: str
    conn: str = ""


Task = Dial | Send | Ping | Close | Ask
"""What a driver carries out."""


def as_written(venue: VenueId, url: str) -> str:
    """The venue's own URL."""
    return url


class Feeds:
    """Every venue's supervisor over one market. `jitter` gives numbers in [0, 1]; seeded, every run is the same.

    A connection that its plugin cannot make, or whose key is not among the `credentials`, is left out: its first tick
    closes it with the reason, which is an input, and the others go on. `refresh`: how often venues are asked what they
    say of themselves, in place of their plugins' word; 0 never. `fill_trades`: ask for trades that no stream told.
    """

    def __init__(
        self,
        market: Market,
        plugins: Mapping[VenueId, ExchangePlugin],
        subscriptions: Mapping[VenueId, Sequence[Subscription]],
        jitter: Callable[[], float],
        at: Nanos,
        rewrite: Rewrite = as_written,
        credentials: Mapping[VenueId, Credentials] = NOBODY,
        refresh: Nanos | None = None,
        fill_trades: bool = False,
    ) -> None:
        self._market, self._plugins, self._rewrite = market, plugins, rewrite
        self._instruments = {(venue, one.instrument.symbol): one.instrument for venue in plugins for one in
                             subscriptions.get(venue, ())}  # fmt: skip
        self._parts: dict[str, Part] = {}
        self._refused: list[tuple[VenueId, Task]] = []
        self.inquiries, self.history = Inquiries(jitter, refresh), History(self._parts, plugins if fill_trades else {})
        self.supervisors: dict[VenueId, Supervisor] = {}
        for venue, plugin in plugins.items():
            feeds = self._feeds(plugin, subscriptions.get(venue, ()), at, credentials.get(venue))
            try:
                supervisor = Supervisor(
                    feeds,
                    jitter,
                    dials=(*DIALS, *plugin.dial_limits),
                    fetches=plugin.fetch_limits or FETCHES,
                    tells_time=plugin.clock is not None,
                )
            except ValueError as error:  # the plugin's split puts a stream on two connections
                self._leave_out(venue, f"{venue}#1", str(error))
                continue
            if feeds:
                self.supervisors[venue] = supervisor
                self.inquiries.add(plugin, supervisor.fetches)
                self.history.add(plugin, subscriptions[venue], supervisor.fetches)
        self._due: dict[VenueId, Nanos] = dict.fromkeys(self.supervisors, at)

    def _feeds(
        self, plugin: ExchangePlugin, subscriptions: Sequence[Subscription], at: Nanos, key: Credentials | None
    ) -> list[Feed]:
        """The connections of one venue that can be made."""
        feeds: list[Feed] = []
        try:
            parts = list(enumerate(plugin.split(subscriptions), 1)) if subscriptions else []
        except Exception as error:  # noqa: BLE001 -- a stranger's plugin
            self._leave_out(plugin.venue, f"{plugin.venue}#1", _why(error))
            return []
        for number, subscribed in parts:
            try:
                part = part_of(plugin, number, subscribed, self._rewrite, key)
                feeds.append(part.feed(at))
            except Exception as error:  # noqa: BLE001 -- a stranger's plugin
                self._leave_out(plugin.venue, f"{plugin.venue}#{number}", _why(error))
            else:
                self._parts[part.conn] = self._parts[twin(part.conn)] = part
        return feeds

    def _leave_out(self, venue: VenueId, conn: str, why: str) -> None:
        self._refused.append((venue, Close(f"left out: {why}", conn)))

    def next_due(self) -> Nanos:
        """When the next tick is wanted; `LAST` if never."""
        return 0 if self._refused else min(*self._due.values(), self.inquiries.due, self.history.due)

    def after(self, entry: Input) -> Iterable[tuple[VenueId, Task]]:
        """What is to be done after an input that the market has received."""
        direction, venue = entry.direction, VenueId(entry.venue)
        tasks: list[tuple[VenueId, Task]] = []
        if direction is _RECV:
            if venue in self.supervisors:
                self._tell(venue, Arrived(entry.conn, self._market.events), entry.at, tasks)  # type: ignore[arg-type]
                if self.history.watches:
                    self.history.arrived(entry, self._market.events, self._market.commands)
                if self._market.commands:
                    self._resynced(venue, entry, tasks)
        elif direction is _TICK:
            tasks, self._refused = self._refused, []
            for due_venue in [one for one, due in self._due.items() if due <= entry.at]:
                self._due[due_venue] = LAST
                self._tell(due_venue, Tick(), entry.at, tasks)
            asked = (
                [(*one, METADATA) for one in self.inquiries.tick(entry.at)] if self.inquiries.due <= entry.at else []
            )
            asked += self.history.tick(entry.at) if self.history.due <= entry.at else []
            tasks += [(one, Ask(self._rewritten(one, request), tag)) for one, request, tag in asked]
        elif venue in self.supervisors:
            self._other(venue, entry, tasks)
        return tasks

    def _other(self, venue: VenueId, entry: Input, tasks: list[tuple[VenueId, Task]]) -> None:
        self.history.happened(entry)
        match entry.direction:
            case Direction.OPEN:
                self._tell(venue, Opened(entry.conn), entry.at, tasks)
                self.inquiries.opened(venue, entry.at)
            case Direction.CLOSE if entry.conn in self._parts:
                self._tell(venue, Closed(entry.conn, entry.status, _retry_after(entry)), entry.at, tasks)
                for lost in self._market.take_commands():  # of books that the other one of two connections carries now
                    if isinstance(lost, Resync):
                        self._tell(venue, Resynced(twin(entry.conn), lost), entry.at, tasks)
            case Direction.HTTP if entry.request == SERVER_TIME:
                self._tell(venue, self._time(venue, entry), entry.at, tasks)
            case Direction.HTTP if entry.request == METADATA or entry.request.startswith(TRADES_OF):
                self._tell(venue, Inquired(entry.status, _retry_after(entry)), entry.at, tasks)
                if entry.request == METADATA:
                    self.inquiries.answered(venue, not self._market.listings.failure, entry.at)
            case Direction.HTTP if entry.request == STREAM_TOKEN:
                answer = HttpResponse(entry.status, entry.payload, entry.url)
                self._tell(venue, self._signed(entry.conn, entry.at, answer, _retry_after(entry)), entry.at, tasks)
            case Direction.HTTP:
                commands = self._market.take_commands()
                accepted = not any(isinstance(one, Resync) for one in commands)
                told = Answered(entry.request, accepted, entry.status, _retry_after(entry), entry.conn)
                self._tell(venue, told, entry.at, tasks)
                for one in commands:
                    if isinstance(one, Switched):
                        self._tell(venue, Carried(one.old, one.new), entry.at, tasks)
            case _:
                pass

    def _resynced(self, venue: VenueId, entry: Input, tasks: list[tuple[VenueId, Task]]) -> None:
        for command in self._market.take_commands():
            if isinstance(command, Resync):
                told: list[tuple[VenueId, Task]] = []
                self._tell(venue, Resynced(entry.conn, command), entry.at, told)
                tasks += [one for one in told if one not in tasks]  # one text may ask for several books
            elif isinstance(command, Switched):
                self._tell(venue, Carried(command.old, command.new), entry.at, tasks)
            else:
                tasks.append((venue, Send(command.text, command.conn or entry.conn)))

    def _tell(self, venue: VenueId, told: Told, at: Nanos, tasks: list[tuple[VenueId, Task]]) -> None:
        for command in self.supervisors[venue].receive(told, at):
            self._carry(venue, command, at, tasks)

    def _carry(self, venue: VenueId, command: Command, at: Nanos, tasks: list[tuple[VenueId, Task]]) -> None:
        match command:
            case WakeAt():
                self._due[venue] = min(self._due[venue], command.at)
            case Fetch() | FetchTime():
                try:
                    tasks.append((venue, self._asked(venue, command)))
                except Exception as error:  # noqa: BLE001 -- a stranger's codec: it is as if nobody answered
                    self._market.counts[venue].refusal(as_refusal(error))
            case Sign():
                self._sign(venue, command.conn, at, tasks)
            case Send():
                text = self._worded(venue, command)
                tasks += [(venue, Send(text, command.conn))] if text else []
            case _:
                tasks.append((venue, command))

    def _worded(self, venue: VenueId, command: Send) -> str:
        try:
            return self._market.worded(venue, command.conn, command.text)
        except Exception as error:  # noqa: BLE001 -- a stranger's codec
            self._market.counts[venue].refusal(as_refusal(error))
            return ""

    def _asked(self, venue: VenueId, command: Fetch | FetchTime) -> Ask:
        """For the server's time, or the snapshot of a book of levels or of single orders."""
        plugin = self._plugins[venue]
        if isinstance(command, FetchTime):
            assert plugin.clock is not None, f"{venue} tells no time"
            return Ask(self._rewritten(venue, plugin.clock.request()), SERVER_TIME)
        tag, symbol = command.symbol, command.symbol.removeprefix(ORDERS_OF)
        dialect = orders_dialect(plugin) if symbol != tag else None
        snapshots = plugin.snapshots if dialect is None else dialect.snapshots
        assert snapshots is not None, f"{venue} has no snapshots to request: {tag}"
        return Ask(self._rewritten(venue, snapshots.request(self._instruments[venue, symbol])), tag, command.conn)

    def _rewritten(self, venue: VenueId, request: HttpRequest) -> HttpRequest:
        return msgspec.structs.replace(request, url=self._rewrite(venue, request.url))

    def _sign(self, venue: VenueId, conn: str, at: Nanos, tasks: list[tuple[VenueId, Task]]) -> None:
        """Ask for a token, or make the signature at once."""
        part = self._parts[conn]
        try:
            request = part.request(at)
        except Exception as error:  # noqa: BLE001 -- a stranger's signer
            self._tell(venue, Signed(conn, None, part.scrubbed(f"no key: {_why(error)}"), True), at, tasks)
            return
        if request is None:
            self._tell(venue, self._signed(conn, at), at, tasks)
        else:
            tasks.append((venue, Ask(request, STREAM_TOKEN, conn)))

    def _signed(self, conn: str, at: Nanos, answer: HttpResponse | None = None, retry_after: str = "") -> Signed:
        """What a dial subscribes by. A key that the venue refused, or that cannot sign, will not do the next time."""
        part, status = self._parts[conn], 0 if answer is None else answer.status
        try:
            return Signed(conn, part.connect(at, answer), status=status, retry_after=retry_after)
        except Exception as error:  # noqa: BLE001 -- a stranger's signer
            final = answer is None or (as_refusal(error).remedy is Remedy.REJECT and status < 500 and status != 429)
            return Signed(conn, None, part.scrubbed(f"no key: {_why(error)}"), final, status, retry_after)

    def _time(self, venue: VenueId, entry: Input) -> TimeAnswered:
        clock = self._plugins[venue].clock
        assert clock is not None, f"{venue} tells no time"
        try:
            server_time = index(clock.server_time(HttpResponse(entry.status, entry.payload, entry.url)))
        except Exception:  # noqa: BLE001 -- a stranger's codec
            return TimeAnswered(None, clock.resolution, entry.status, _retry_after(entry))
        return TimeAnswered(server_time, clock.resolution, entry.status)


def _retry_after(entry: Input) -> str:
    return next((value for name, value in entry.headers if name.lower() == "retry-after"), "")


def _why(error: Exception) -> str:
    """In one line; of a stranger's error only where it was raised."""
    return error.message if isinstance(error, CryptopipeError) else as_refusal(error).message


def subscriptions_of(instruments: Iterable[Instrument]) -> list[Subscription]:
    """The usual channels of each instrument."""
    return [Subscription(one, channel) for one in instruments for channel in USUAL_CHANNELS]
