"""One connection: signed, dialled, open, closing or waiting, and the streams it carries.

Enters: openings, closings, decoded events, lost books, answers, ticks. Leaves: commands, into the list it is given, and
the time of its next deadline. Never: a dial or a snapshot request that its venue's bucket does not allow, a second
request of a symbol while one is out, or one before the first delta was buffered for it.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from cryptopipe.capture.inputs import ORDERS_OF
from cryptopipe.clock import LAST, SECOND, Nanos
from cryptopipe.market.feed import Access, Feed, Stage
from cryptopipe.market.pacing import Backoff, Bucket
from cryptopipe.market.silence import SHORTEST_LIMIT, Lag, VenueClock, seconds
from cryptopipe.market.supply import ANSWER_WITHIN, HEALTHY_AFTER, LONGEST_WAIT, Stream, Supply
from cryptopipe.market.tenure import Tenure
from cryptopipe.model.events import (
    BookDelta,
    BookSnapshot,
    Close,
    Command,
    Dial,
    FeedEvent,
    Fetch,
    Heartbeat,
    OrdersDelta,
    OrdersSnapshot,
    Ping,
    Reconnect,
    Resync,
    Send,
    Sign,
    TopUpdate,
)
from cryptopipe.model.stream import Channel, Connect

CLOSE_WITHIN = 5 * SECOND
_OPEN = Stage.OPEN
__all__ = ["Access", "Feed", "Line", "Stage", "Stream"]


class Line:
    """One connection's state machine. `dials` and `fetches` are its venue's buckets, `clock` its venue's clock."""

    def __init__(
        self, feed: Feed, jitter: Callable[[], float], clock: VenueClock, dials: Bucket, fetches: Bucket
    ) -> None:
        self.feed = feed
        self.stage = Stage.WAITING
        self.backoff = Backoff(jitter)
        self.lag = Lag(clock)
        self.changed = False
        """A deadline may be nearer than it was; whoever reads this resets it."""
        self._dials, self._fetches = dials, fetches
        self.supplies = [
            Supply(one, feed.snapshot_by_request, Backoff(jitter, cap=LONGEST_WAIT)) for one in feed.streams
        ]
        self._synced = {one.stream.symbol: one for one in self.supplies if one.stream.channel is not Channel.TOP}
        self.books = {name: one for name, one in self._synced.items() if one.stream.channel is Channel.DEPTH}
        """Those of levels."""
        self.succeeds = False
        """It is to replace another connection, which still carries its books."""
        self.tenure = Tenure(feed.lifetime, jitter)
        self._refused = False
        self._tops = {one.stream.symbol: one for one in self.supplies if one.stream.channel is Channel.TOP}
        self.due: Nanos = 0
        """While waiting: no dial before this. While dialling or closing: when that is taking too long."""
        self._ping_due: Nanos = 0
        self._opened_at: Nanos = 0
        self._heartbeat_at: Nanos = 0
        self.unheard = 0
        self._healthy_since: Nanos = 0
        self._last_data: Nanos = 0

    @property
    def budgeted(self) -> bool:
        """While waiting: whether the next dial waits for the venue's budget of dials, and not for the back-off."""
        return self._dials.free_at() > self.due

    def next_due(self) -> Nanos:
        """The earliest time at which a tick would do something."""
        if self.stage is Stage.WAITING:
            free_at = self._fetches.free_at() if self.feed.access is Access.TOKEN else 0
            return max(self.due, self._dials.free_at(), free_at)
        if self.stage is not _OPEN:
            return self.due
        free_at = self._fetches.free_at()
        dues = [self._deadline(one) for one in self.supplies]
        dues += [due for one in self.supplies if (due := one.answer_due()) is not None]
        dues += [due for one in self.supplies if (due := one.may_ask_at(free_at)) is not None]
        return min([*dues, self._ping_due] if self._ping_due else dues, default=LAST)

    def opened(self, at: Nanos, out: list[Command]) -> None:
        """The dial succeeded: subscribe, and expect data."""
        if self.stage is not Stage.DIALING:
            return
        self.stage, self.changed = _OPEN, True
        connect = self.feed.connect
        out.extend(Send(text, self.feed.conn) for text in connect.frames)
        self._ping_due = at + int(connect.ping_every_s * SECOND) if connect.ping_every_s else 0
        self._opened_at, self._heartbeat_at, self._healthy_since = at, 0, 0
        self.unheard = len(self.supplies)
        for supply in self.supplies:
            supply.open(at)
            supply.needed = supply.needed and not (self.succeeds and self.feed.joins)
        self.tenure.opened(at)

    def signed(self, connect: Connect | None, reason: str, final: bool, at: Nanos, out: list[Command]) -> None:
        """What the next dial subscribes by; None: why there is none, and whether another attempt is of use."""
        if self.stage is not Stage.SIGNING:
            return
        self.changed = True
        if connect is None:
            self._refused = final
            self.close(reason, at, out)
            return
        self.feed = replace(self.feed, connect=connect)
        for supply in self.supplies:
            supply.stream = replace(supply.stream, resubscribe=connect.resubscribe.get(supply.stream.symbol, ()))
        if self._dials.free_at() > at:  # another connection was faster
            self.stage, self.due = Stage.WAITING, at
        else:
            self._dial(at, out)

    def closed(self, at: Nanos) -> None:
        """The connection, or the attempt at it, has ended: the next one after a back-off."""
        if self.stage is Stage.WAITING:
            return
        if self._healthy_since and self._last_data - self._healthy_since >= HEALTHY_AFTER:
            self.backoff.reset()
        self._healthy_since = 0
        self.lag.forget()
        for supply in self.supplies:
            supply.close(at)
        self.stage, self.changed = Stage.REFUSED if self._refused else Stage.WAITING, True
        self.due = LAST if self._refused else at + self.backoff.delay()

    def arrived(self, events: Iterable[FeedEvent | Send | Resync], at: Nanos, out: list[Command]) -> None:
        """What one frame said."""
        if self.stage is not _OPEN:
            return
        late = False
        for event in events:
            supply, event_time = None, 0
            if isinstance(event, BookDelta):
                supply, event_time = self.books.get(event.symbol), event.event_time
            elif isinstance(event, TopUpdate):
                supply, event_time = self._tops.get(event.symbol), event.event_time
            elif isinstance(event, OrdersDelta):
                supply, event_time = self._synced.get(event.symbol), event.event_time
            elif isinstance(event, BookSnapshot | OrdersSnapshot):  # made now, of levels that may be old
                supply = self._synced.get(event.symbol)
            elif isinstance(event, Heartbeat):
                event_time, self._heartbeat_at = event.event_time, at
            elif isinstance(event, Reconnect):
                self.tenure.wished(event.reason, at)
                self.changed = True
                continue
            else:
                continue
            if supply is not None:
                self._heard(supply, type(event), at, out)
            late = self.lag.arrived(at, event_time) or late
        if late:
            self.close(f"what arrives on {self.feed.conn} is more than {seconds(SHORTEST_LIMIT)} old", at, out)

    def resynced(self, symbol: str | None, reason: str, at: Nanos, out: list[Command]) -> None:
        """A book asks for a snapshot; None: all of them."""
        known = self._synced
        books = list(known.values()) if symbol is None else [known[symbol]] if symbol in known else []
        for book in books if self.stage is _OPEN else ():
            if not book.by_request and not book.stream.resubscribe:
                self.close(reason, at, out)
                return
            book.lost(at)
            self.changed = True
            self._ask(book, at, out)

    def answered(self, tag: str, accepted: bool, at: Nanos) -> None:
        """A snapshot request has ended."""
        if self.stage is _OPEN:
            self._synced[tag.removeprefix(ORDERS_OF)].answered(accepted, at)
            self.changed = True

    def close(self, reason: str, at: Nanos, out: list[Command]) -> None:
        """Give the connection up. The driver's closing, which must follow, starts the back-off."""
        self.stage, self.changed = Stage.CLOSING, True
        self.due = at + CLOSE_WITHIN
        out.append(Close(reason, self.feed.conn))

    def tick(self, at: Nanos, out: list[Command]) -> None:
        """Whatever is due."""
        self.changed = True
        conn = self.feed.conn
        if at < self.next_due():
            return
        if self.stage is Stage.WAITING and self.feed.access is Access.PUBLIC:
            self._dial(at, out)
        elif self.stage is Stage.WAITING:
            self._sign(at, out)
        elif self.stage is Stage.SIGNING:
            self.close(f"{conn} got no answer to what it needs to subscribe within {seconds(ANSWER_WITHIN)}", at, out)
        elif self.stage is Stage.DIALING:
            self.close(f"{conn} did not open within {seconds(ANSWER_WITHIN)}", at, out)
        elif self.stage is Stage.CLOSING:
            self.close(f"{conn} did not close within {seconds(CLOSE_WITHIN)}", at, out)
        elif (reason := self._silent(at)) is not None:
            self.close(reason, at, out)
        else:
            self.lag.creep(at)
            self._keep_alive(at, out)
            for supply in sorted(self.supplies, key=lambda one: one.due):  # whoever waited longest is first
                self._ask(supply, at, out)

    def _dial(self, at: Nanos, out: list[Command]) -> None:
        self._dials.take(at)
        self.stage, self.due = Stage.DIALING, at + ANSWER_WITHIN
        out.append(Dial(self.feed.connect.url, self.feed.conn))

    def _sign(self, at: Nanos, out: list[Command]) -> None:
        if self.feed.access is Access.TOKEN:
            self._fetches.take(at)
        self.stage, self.due = Stage.SIGNING, at + ANSWER_WITHIN
        out.append(Sign(self.feed.conn))

    def _heard(self, supply: Supply, kind: type, at: Nanos, out: list[Command]) -> None:
        watch = supply.watch
        if not watch.last:
            self.changed = True
            self.unheard -= 0 if supply.absent else 1
            supply.absent = False
            if not self.unheard:
                self._healthy_since = self._healthy_since or at
        self._last_data = at
        watch.arrived(at)
        if kind is BookDelta or kind is OrdersDelta:
            if not supply.begun_at:
                supply.begun_at, self.changed = at, True
                self._ask(supply, at, out)
        elif kind is not TopUpdate and not supply.by_request:
            supply.answered(True, at)

    def _deadline(self, supply: Supply) -> Nanos:
        watch = supply.watch
        if supply.absent:
            return LAST
        return max(watch.last, self._heartbeat_at) + watch.limit if watch.last else self._opened_at + ANSWER_WITHIN

    def _silent(self, at: Nanos) -> str | None:
        for supply in self.supplies:
            watch, symbol = supply.watch, supply.stream.symbol
            if watch.last and at >= self._deadline(supply):
                watch.learn()
            if at >= self._deadline(supply):
                silent = seconds(at - (watch.last or self._opened_at))
                if not watch.last and self.unheard < len(self.supplies):
                    self._give_up(supply, at)
                    continue
                if not watch.last:
                    return f"no {supply.stream.channel.value} of {symbol} in {silent} since {self.feed.conn} opened"
                limit = watch.limit
                watch.fell_silent(at)
                return f"silence of {symbol} on {self.feed.conn} for {silent}, limit {seconds(limit)}"
            due = supply.answer_due()
            if due is not None and at >= due:
                if not supply.by_request:
                    return f"no snapshot of {symbol} on {self.feed.conn} in {seconds(at - supply.asked_at)}"
                supply.answered(False, at)
        return None

    def _give_up(self, supply: Supply, at: Nanos) -> None:
        """Others speak on this connection and this stream never has: the venue does not have it, or refused it. It may
        not cost the others theirs; the next connection asks for it again.
        """
        supply.absent, supply.asked_at, supply.needed = True, 0, False
        self.unheard -= 1
        if not self.unheard:
            self._healthy_since = at

    def _keep_alive(self, at: Nanos, out: list[Command]) -> None:
        connect = self.feed.connect
        if self._ping_due and at >= self._ping_due and connect.ping_every_s:
            self._ping_due = at + int(connect.ping_every_s * SECOND)
            text, conn = connect.ping_text, self.feed.conn
            out.append(Ping(conn) if text is None else Send(text, conn))

    def _ask(self, supply: Supply, at: Nanos, out: list[Command]) -> None:
        due = supply.may_ask_at(self._fetches.free_at())
        if due is None or at < due:
            return
        supply.asked(at)
        if supply.by_request:
            self._fetches.take(at)
            out.append(Fetch(supply.tag, self.feed.conn))
        else:
            texts = (Send(text, self.feed.conn) for text in supply.stream.resubscribe)
            out.extend([one for one in texts if one not in out])  # one text may ask for several books
