"""The feeds beside a market, and the intake before it: what each input entails, and what is never handed on."""

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import pytest
from conformance.bitfoo import BitFooFeed, make

from cryptopipe import api
from cryptopipe.capture.inputs import SERVER_TIME, Direction, Input
from cryptopipe.clock import MILLISECOND, SECOND, Nanos, Stamper
from cryptopipe.drivers.intake import Arrival, Intake
from cryptopipe.market.feeds import NO_ANSWER, Ask, Feeds, Task, subscriptions_of
from cryptopipe.market.market import Market
from cryptopipe.market.silence import SHORTEST_LIMIT
from cryptopipe.market.sync import BookState
from cryptopipe.model.events import Close, Dial, Send
from cryptopipe.model.stream import USUAL_CHANNELS, HttpRequest, HttpResponse

T: Nanos = 1_800_000_000 * SECOND
VENUE = api.VenueId("bitfoo")
COIN = make().instruments.find("btcusdt")


class Clock:
    resolution: Nanos = MILLISECOND

    def request(self) -> HttpRequest:
        return HttpRequest("GET", "https://bitfoo.example/v2/time")

    def server_time(self, response: HttpResponse) -> Nanos:
        if response.status != 200:
            raise api.VenueError(f"HTTP {response.status}")
        return int(response.body)


class Snapshots:
    def request(self, instrument: api.Instrument) -> HttpRequest:
        return HttpRequest("GET", f"https://bitfoo.example/v2/book?s={instrument.symbol}")

    def symbol_of(self, url: str) -> str | None:
        return url.partition("?s=")[2] or None

    def snapshot(self, symbol: str, response: HttpResponse, received_at: Nanos) -> api.BookSnapshot:
        if response.status != 200:
            raise api.VenueError(f"HTTP {response.status}")
        return api.BookSnapshot(symbol, b'[["9","1"]]', b'[["10","1"]]', int(response.body), 0)


class ByRequest(BitFooFeed):
    rule = replace(BitFooFeed.rule, snapshot_by_request=True)


class Run:
    """One venue's feeds with a clock that the test moves."""

    def __init__(self, plugin: api.ExchangePlugin, instruments: Sequence[api.Instrument] = (COIN,)) -> None:
        self.now, self.inputs = T, list[Input]()
        self.market = Market({VENUE: plugin})
        wanted = {VENUE: subscriptions_of(instruments)}
        self.feeds = Feeds(self.market, {VENUE: plugin}, wanted, lambda: 1.0, T, lambda venue, url: f"{url}#{venue}")
        self.wall_off: Nanos = 0
        self.intake = Intake(self.feeds, self._take, Stamper(lambda: self.now + self.wall_off, lambda: self.now))

    def _take(self, entry: Input) -> None:
        self.inputs.append(entry)
        self.market.receive(entry)

    def tick(self, after: Nanos = 0) -> list[Task]:
        self.now += after
        return [task for _, task in self.intake.tick()]

    def hear(self, direction: Direction, payload: bytes = b"", **more: object) -> list[Task]:
        life = more.pop("life", self.intake.life("bitfoo#1"))
        arrival = Arrival(direction, VENUE, "bitfoo#1", life, payload, **more)  # type: ignore[arg-type]
        return [task for _, task in self.intake.receive(arrival)]

    def opened(self) -> "Run":
        self.tick()
        self.hear(Direction.OPEN)
        return self


def delta(number: int, price: str = "9") -> bytes:
    return b'{"type":"delta","symbol":"btcusdt","seq":%d,"bids":[["%s","2"]],"asks":[]}' % (number, price.encode())


def snapshot(number: int) -> bytes:
    return b'{"type":"snapshot","symbol":"btcusdt","seq":%d,"bids":[["9","1"]],"asks":[["10","1"]]}' % number


def only(tasks: Sequence[Task], kind: type) -> list[Task]:
    return [task for task in tasks if type(task) is kind]


def test_the_first_tick_dials_where_the_rewritten_url_leads() -> None:
    assert Run(make()).tick() == [Dial("wss://bitfoo.example/v2#bitfoo", "bitfoo#1")]


def test_an_opening_subscribes_each_channel() -> None:
    run = Run(make())
    run.tick()
    assert len(only(run.hear(Direction.OPEN), Send)) == len(USUAL_CHANNELS)


def test_a_gap_without_texts_to_resubscribe_closes_at_once_and_is_an_input() -> None:
    run = Run(make()).opened()
    run.hear(Direction.RECV, snapshot(5))
    tasks = run.hear(Direction.RECV, delta(7))
    reason = "sequence gap on bitfoo:btcusdt: expected 6, got 7"
    assert tasks == [Close(reason, "bitfoo#1")]
    assert (run.inputs[-1].direction, run.inputs[-1].payload) == (Direction.CLOSE, reason.encode())
    assert run.market.books[VENUE]["btcusdt"].state is BookState.DEAD


def test_what_a_closed_connection_still_says_is_not_handed_on() -> None:
    run = Run(make()).opened()
    run.hear(Direction.RECV, snapshot(5))
    run.hear(Direction.RECV, delta(7))
    before = len(run.inputs)
    assert run.hear(Direction.RECV, snapshot(8), life=0) == []
    assert run.hear(Direction.CLOSE, b"by the venue", life=0) == []
    assert len(run.inputs) == before


def test_a_snapshot_is_asked_for_after_the_first_delta_and_its_answer_makes_the_book_live() -> None:
    run = Run(replace(make(ByRequest), snapshots=Snapshots()))
    run.opened()
    (ask,) = run.hear(Direction.RECV, delta(6))
    assert ask == Ask(HttpRequest("GET", "https://bitfoo.example/v2/book?s=btcusdt#bitfoo"), "btcusdt", "bitfoo#1")
    url = "https://bitfoo.example/v2/book?s=btcusdt"
    run.hear(Direction.HTTP, b"5", status=200, url=url, request="btcusdt")
    assert run.market.books[VENUE]["btcusdt"].state is BookState.LIVE
    assert only(run.tick(9 * SECOND // 5), Ask) == []


@pytest.mark.parametrize(("status", "body"), [(NO_ANSWER, b"no answer: timeout"), (503, b""), (200, b"3")])
def test_a_snapshot_that_is_none_or_too_old_is_asked_for_again(status: int, body: bytes) -> None:
    run = Run(replace(make(ByRequest), snapshots=Snapshots()))
    run.opened()
    run.hear(Direction.RECV, delta(6))
    url = "https://bitfoo.example/v2/book?s=btcusdt"
    assert run.hear(Direction.HTTP, body, status=status, url=url, request="btcusdt") == []
    assert run.market.books[VENUE]["btcusdt"].state is BookState.SYNCING
    assert len(only(run.tick(SECOND), Ask)) == 1


def test_the_server_time_is_asked_for_and_no_refusal_is_counted() -> None:
    run = Run(replace(make(), clock=Clock()))
    tasks = run.tick()
    assert Ask(HttpRequest("GET", "https://bitfoo.example/v2/time#bitfoo"), SERVER_TIME) in tasks
    run.now += 100 * MILLISECOND
    answer = Arrival(Direction.HTTP, VENUE, "", 0, str(T + 3 * SECOND).encode(), "u", 200, (), SERVER_TIME)
    assert list(run.intake.receive(answer)) == []
    clock = run.feeds.supervisors[VENUE].clock
    assert clock.error is not None and abs(clock.offset - 3 * SECOND) <= clock.error
    assert run.market.counts[VENUE].refused == 0


def test_a_refused_upgrade_holds_the_next_dial_as_long_as_it_says() -> None:
    run = Run(make())
    run.tick()
    run.hear(Direction.CLOSE, b"HTTP 429", status=429, headers=(("Retry-After", "9"),))
    assert only(run.tick(8 * SECOND), Dial) == []
    assert len(only(run.tick(2 * SECOND), Dial)) == 1


def test_a_silent_book_does_not_stay_live_because_the_wall_clock_was_set_back() -> None:
    run = Run(make()).opened()
    run.hear(Direction.RECV, snapshot(5))
    run.wall_off = -3600 * SECOND
    (closed,) = run.tick(SHORTEST_LIMIT + MILLISECOND)
    assert isinstance(closed, Close) and closed.reason.startswith("silence of btcusdt on bitfoo#1")
    assert run.market.books[VENUE]["btcusdt"].state is BookState.DEAD


def test_a_codec_with_a_bug_loses_its_books_and_not_the_run() -> None:
    class Bug(BitFooFeed):
        def decode(self, frame: bytes, at: Nanos) -> Sequence[api.FeedEvent | api.Send | api.Resync]:
            return list(super().decode(frame if frame != b"new" else frame[9], at))  # type: ignore[arg-type]

    run = Run(make(Bug)).opened()
    run.hear(Direction.RECV, snapshot(5))
    (closed,) = run.hear(Direction.RECV, b"new")
    assert isinstance(closed, Close) and "the plugin raised IndexError in " in closed.reason
    assert run.market.books[VENUE]["btcusdt"].state is BookState.DEAD
    assert run.market.counts[VENUE].refused == 1


def test_a_snapshot_that_its_plugin_trips_over_is_asked_for_again() -> None:
    run = Run(replace(make(ByRequest), snapshots=Snapshots()))
    run.opened()
    run.hear(Direction.RECV, delta(6))
    url = "https://bitfoo.example/v2/book?s=btcusdt"
    assert run.hear(Direction.HTTP, b"<html>", status=200, url=url, request="btcusdt") == []
    assert run.market.counts[VENUE].refusals[0].startswith("the plugin raised ValueError in Snapshots.snapshot, line ")
    assert len(only(run.tick(SECOND), Ask)) == 1


def test_a_server_time_that_its_plugin_trips_over_is_asked_for_again() -> None:
    run = Run(replace(make(), clock=Clock()))
    run.tick()
    answer = Arrival(Direction.HTTP, VENUE, "", 0, b"<html>", "u", 200, (), SERVER_TIME)
    assert list(run.intake.receive(answer)) == []
    assert run.feeds.supervisors[VENUE].clock.error is None
    assert [ask.tag for ask in run.tick(6 * SECOND) if isinstance(ask, Ask)] == [SERVER_TIME]


def test_one_text_that_brings_several_lost_books_is_sent_once() -> None:
    class Both(BitFooFeed):
        """One frame that loses two books, which one pair of texts brings back, as on a venue that asks by channel."""

        def connect(
            self, subscriptions: Sequence[api.Subscription], auth: api.StreamAuth | None, at: api.Nanos
        ) -> api.Connect:
            plain = super().connect(subscriptions, auth, at)
            return msgspec.structs.replace(plain, resubscribe=dict.fromkeys(("btcusdt", "ethusdt"), ("out", "in")))

        def decode(self, frame: bytes, received_at: Nanos) -> Sequence[api.FeedEvent | api.Resync]:
            if frame == b"lost":
                return [api.Resync("btcusdt", "lost"), api.Resync("ethusdt", "lost")]
            return list(super().decode(frame, received_at))

    other = make().instruments.find("ethusdt")
    run = Run(make(Both), [COIN, other]).opened()
    run.hear(Direction.RECV, snapshot(5))
    run.hear(Direction.RECV, snapshot(5).replace(b"btc", b"eth"))
    assert run.hear(Direction.RECV, b"lost") == [Send("out", "bitfoo#1"), Send("in", "bitfoo#1")]
    assert {sync.state for sync in run.market.books[VENUE].values()} == {BookState.SYNCING}


def test_a_frame_of_a_damaged_kind_may_have_changed_any_book() -> None:
    class Kinds(BitFooFeed):
        def decode(self, frame: bytes, received_at: Nanos) -> Sequence[api.FeedEvent]:
            known = frame.startswith(b"{")
            return list(super().decode(frame, received_at)) if known else [api.Unknown(frame.decode(errors="replace"))]

    run = Run(make(Kinds)).opened()
    run.hear(Direction.RECV, snapshot(5))
    assert run.hear(Direction.RECV, b"status") == []
    (closed,) = run.hear(Direction.RECV, b"d\xfflta")
    assert isinstance(closed, Close) and "its text is damaged" in closed.reason


def test_a_book_whose_connection_is_gone_is_taken_over_by_the_one_that_brings_it() -> None:
    """Recordings have no openings; nothing but the frames tells of the new connection."""
    run = Run(make()).opened()
    run.hear(Direction.RECV, snapshot(5))
    run.hear(Direction.CLOSE, b"gone")
    assert run.market.books[VENUE]["btcusdt"].state is BookState.DEAD
    run.market.receive(Input(99, 99, run.now, Direction.RECV, VENUE, "other#1", "", snapshot(9)))
    assert run.market.books[VENUE]["btcusdt"].state is BookState.LIVE


def test_numbers_count_up_and_stamps_never_fall() -> None:
    run = Run(make()).opened()
    for number in range(5, 9):
        run.hear(Direction.RECV, snapshot(number))
    assert [entry.seq for entry in run.inputs] == list(range(1, len(run.inputs) + 1))
    assert all(a.at < b.at for a, b in zip(run.inputs, run.inputs[1:], strict=False))


def test_texts_that_bring_a_new_snapshot_spare_the_connection() -> None:
    class Again(BitFooFeed):
        def connect(
            self, subscriptions: Sequence[api.Subscription], auth: api.StreamAuth | None, at: Nanos
        ) -> api.Connect:
            plain = super().connect(subscriptions, auth, at)
            return msgspec.structs.replace(plain, resubscribe={"btcusdt": ("out", "in")})

    run = Run(make(Again)).opened()
    run.hear(Direction.RECV, snapshot(5))
    assert run.hear(Direction.RECV, delta(7)) == [Send("out", "bitfoo#1"), Send("in", "bitfoo#1")]
    run.hear(Direction.RECV, snapshot(9))
    assert run.market.books[VENUE]["btcusdt"].state is BookState.LIVE


def test_an_answer_is_of_the_symbol_that_was_asked_for_whatever_its_url_says() -> None:
    class Mute(Snapshots):
        def symbol_of(self, url: str) -> str | None:
            return None

    run = Run(replace(make(ByRequest), snapshots=Mute()))
    run.opened()
    run.hear(Direction.RECV, delta(6))
    run.hear(Direction.RECV, delta(6).replace(b"btcusdt", b"ethusdt"))
    run.hear(Direction.HTTP, b"5", status=200, url="https://bitfoo.example/x", request="btcusdt")
    assert run.market.books[VENUE]["btcusdt"].state is BookState.LIVE


def test_the_venues_own_limit_on_requests_is_kept() -> None:
    plugin = replace(make(ByRequest), snapshots=Snapshots(), fetch_limits=(api.Limit(1, 3600 * SECOND),))
    run = Run(plugin).opened()
    assert len(only(run.hear(Direction.RECV, delta(6)), Ask)) == 1
    url = "https://bitfoo.example/v2/book?s=btcusdt"
    run.hear(Direction.HTTP, b"3", status=200, url=url, request="btcusdt")
    run.hear(Direction.RECV, delta(7))
    assert only(run.tick(SECOND), Ask) == [], "one request an hour is all that this venue allows"
