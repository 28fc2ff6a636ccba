"""The feeds beside a market, and the intake before it: what each input entails, and what is never handed on."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from conformance.bitfoo import BitFooFeed, make

from cryptopipe import api, registry
from cryptopipe.capture.inputs import SERVER_TIME, STREAM_TOKEN, Direction, Input
from cryptopipe.capture.jsonlines import write_lines
from cryptopipe.capture.redact import redact_sent, redact_url
from cryptopipe.capture.writer import Writer
from cryptopipe.clock import MILLISECOND, SECOND, Nanos, Stamper
from cryptopipe.drivers.intake import Arrival, Intake
from cryptopipe.market.feed import Stage
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
        self.conn = "bitfoo#1"
        self.intake = Intake(self.feeds, self._take, Stamper(lambda: self.now + self.wall_off, lambda: self.now))

    def _take(self, entry: Input) -> None:
        self.inputs.append(entry)
        self.market.receive(entry)

    def tick(self, after: Nanos = 0) -> list[Task]:
        self.now += after
        return [task for _, task in self.intake.tick()]

    def hear(self, direction: Direction, payload: bytes = b"", **more: object) -> list[Task]:
        life = more.pop("life", self.intake.life(self.conn))
        arrival = Arrival(direction, VENUE, self.conn, life, payload, **more)  # type: ignore[arg-type]
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


def boom(*_: object) -> HttpRequest:
    raise KeyError("boom")


def test_a_request_that_its_plugin_trips_over_is_as_if_nobody_answered() -> None:
    snapshots, clock = Snapshots(), Clock()
    snapshots.request = clock.request = boom  # type: ignore[method-assign, assignment]
    run = Run(replace(make(ByRequest), snapshots=snapshots, clock=clock)).opened()
    run.hear(Direction.RECV, delta(5))
    assert run.market.counts[VENUE].refusals[0].startswith("the plugin raised KeyError in boom")
    refused = run.market.counts[VENUE].refused
    for _ in range(20):
        run.hear(Direction.RECV, delta(5))
        run.tick(SECOND)
    assert run.market.counts[VENUE].refused > refused, "asked for again"


@pytest.mark.parametrize("time", [None, "2026-11-21"])
def test_a_time_that_is_no_number_costs_no_run(time: object) -> None:
    class Timed(BitFooFeed):
        def decode(self, frame: bytes, received_at: Nanos) -> Sequence[api.FeedEvent]:
            return (api.Heartbeat(time), *super().decode(frame, received_at))  # type: ignore[arg-type]

    clock = Clock()
    clock.server_time = lambda response: time  # type: ignore[method-assign, assignment, return-value]
    run = Run(replace(make(Timed), clock=clock)).opened()
    run.hear(Direction.RECV, snapshot(5))
    list(run.intake.receive(Arrival(Direction.HTTP, VENUE, "", 0, b"1", "u", 200, (), SERVER_TIME)))
    assert run.market.books[VENUE]["btcusdt"].state is BookState.LIVE
    assert run.feeds.supervisors[VENUE].clock.error is None


class Numbered(BitFooFeed):
    """A channel is left by a number that only its snapshot tells."""

    number = 0

    def connect(
        self, subscriptions: Sequence[api.Subscription], auth: api.StreamAuth | None, at: api.Nanos
    ) -> api.Connect:
        plain = super().connect(subscriptions, auth, at)
        return msgspec.structs.replace(plain, resubscribe={"btcusdt": ("leave btcusdt", "join btcusdt")})

    def decode(self, frame: bytes, received_at: Nanos) -> Sequence[api.FeedEvent]:
        events = list(super().decode(frame, received_at))
        self.number = next((one.version for one in events if isinstance(one, api.BookSnapshot)), self.number)
        return events

    def worded(self, text: str) -> str:
        return text.replace("btcusdt", str(self.number)) if text.startswith("leave") else text


def test_a_text_names_what_only_the_stream_has_told() -> None:
    run = Run(make(Numbered)).opened()
    run.hear(Direction.RECV, snapshot(5))
    assert run.hear(Direction.RECV, delta(7)) == [Send("leave 5", "bitfoo#1"), Send("join btcusdt", "bitfoo#1")]


def test_a_text_that_cannot_be_said_is_not_sent() -> None:
    class Unnumbered(Numbered):
        def worded(self, text: str) -> str:
            return text if text.startswith("join") else ""

    run = Run(make(Unnumbered)).opened()
    run.hear(Direction.RECV, snapshot(5))
    assert run.hear(Direction.RECV, delta(7)) == [Send("join btcusdt", "bitfoo#1")]


def test_a_codec_that_trips_over_a_text_sends_it_not() -> None:
    class Bug(Numbered):
        def worded(self, text: str) -> str:
            return {"join btcusdt": text}[text]

    run = Run(make(Bug)).opened()
    run.hear(Direction.RECV, snapshot(5))
    assert run.hear(Direction.RECV, delta(7)) == [Send("join btcusdt", "bitfoo#1")]
    assert run.market.counts[VENUE].refusals[-1].startswith("the plugin raised KeyError in ")


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


# Streams that need a key

KEY = api.Credentials("k-4711", "s-4711", "p-4711")


class Signer:
    """A token is asked for, or a timestamp is signed."""

    channels = frozenset({api.Channel.DEPTH})

    def __init__(self, by_token: bool) -> None:
        self._by_token = by_token

    def request(self, credentials: api.Credentials, at: Nanos) -> HttpRequest | None:
        headers = {"API-Key": credentials.key, "API-Sign": f"signed {at - T}"}
        return HttpRequest("POST", "https://bitfoo.example/v2/token", headers, b"") if self._by_token else None

    def auth(self, credentials: api.Credentials, response: HttpResponse | None, at: Nanos) -> api.StreamAuth:
        if response is None:
            return api.StreamAuth(f"signed at {(at - T) // SECOND}")
        if response.status == 401:
            raise api.VenueError(f"no such key: {credentials.key}")
        if response.status != 200:
            raise api.ProtocolError(f"HTTP {response.status}")
        return api.StreamAuth(response.body.decode())


class Locked(BitFooFeed):
    def connect(self, wanted: Sequence[api.Subscription], auth: api.StreamAuth | None, at: Nanos) -> api.Connect:
        assert auth is not None
        return api.Connect("wss://bitfoo.example/locked", (f'{{"op":"sub","token":"{auth.token}"}}',))


def locked(by_token: bool) -> api.ExchangePlugin:
    return replace(make(Locked), signer=Signer(by_token))


class Signed(Run):
    """A run that has a key."""

    def __init__(self, plugin: api.ExchangePlugin, keys: dict[api.VenueId, api.Credentials]) -> None:
        super().__init__(plugin)
        wanted = {VENUE: subscriptions_of([COIN])}
        self.feeds = Feeds(self.market, {VENUE: plugin}, wanted, lambda: 1.0, T, credentials=keys)
        self.intake = Intake(self.feeds, self._take, Stamper(lambda: self.now, lambda: self.now))

    def answer(self, status: int, body: bytes) -> list[Task]:
        return self.hear(
            Direction.HTTP, body, status=status, url="https://bitfoo.example/v2/token", request=STREAM_TOKEN
        )

    @property
    def closings(self) -> list[str]:
        return [one.payload.decode() for one in self.inputs if one.direction is Direction.CLOSE]


def test_each_dial_is_signed_anew() -> None:
    run = Signed(locked(by_token=False), {VENUE: KEY})
    assert run.tick() == [Dial("wss://bitfoo.example/locked", "bitfoo#1")]
    assert run.hear(Direction.OPEN) == [Send('{"op":"sub","token":"signed at 0"}', "bitfoo#1")]
    run.hear(Direction.CLOSE, b"reset")
    assert len(only(run.tick(9 * SECOND), Dial)) == 1
    assert run.hear(Direction.OPEN) == [Send('{"op":"sub","token":"signed at 9"}', "bitfoo#1")]


def test_a_token_is_asked_for_before_each_dial_and_no_input_holds_it() -> None:
    run = Signed(locked(by_token=True), {VENUE: KEY})
    (ask,) = run.tick()
    headers = {"API-Key": "k-4711", "API-Sign": "signed 0"}
    assert ask == Ask(HttpRequest("POST", "https://bitfoo.example/v2/token", headers, b""), STREAM_TOKEN, "bitfoo#1")
    assert run.answer(200, b"t-4711") == [Dial("wss://bitfoo.example/locked", "bitfoo#1")]
    assert run.hear(Direction.OPEN) == [Send('{"op":"sub","token":"t-4711"}', "bitfoo#1")]
    assert b"***" in [one.payload for one in run.inputs]
    assert "4711" not in repr(run.inputs)
    assert run.market.counts[VENUE].refused == 0
    run.hear(Direction.CLOSE, b"reset")
    assert [task.tag for task in run.tick(9 * SECOND) if isinstance(task, Ask)] == [STREAM_TOKEN]


def test_tokens_are_asked_for_within_the_budget_of_requests() -> None:
    plugin = replace(locked(by_token=True), fetch_limits=(api.Limit(1, 3600 * SECOND),))
    run = Signed(plugin, {VENUE: KEY})
    assert len(only(run.tick(), Ask)) == 1
    run.answer(200, b"t-4711")
    run.hear(Direction.CLOSE, b"reset")
    assert run.tick(60 * SECOND) == [], "one request an hour is all that this venue allows"


def test_a_key_that_the_venue_refuses_is_told_once_and_not_tried_again() -> None:
    run = Signed(locked(by_token=True), {VENUE: KEY})
    run.tick()
    (closed,) = run.answer(401, b"")
    assert closed == Close("no key: no such key: ***", "bitfoo#1")
    for _ in range(5):
        assert run.tick(600 * SECOND) == []
    assert run.closings == ["no key: no such key: ***"]
    assert run.feeds.supervisors[VENUE].lines["bitfoo#1"].stage is Stage.REFUSED


@pytest.mark.parametrize(("status", "body"), [(503, b""), (NO_ANSWER, b"no answer: timeout")])
def test_a_token_that_does_not_come_is_asked_for_again(status: int, body: bytes) -> None:
    run = Signed(locked(by_token=True), {VENUE: KEY})
    run.tick()
    run.answer(status, body)
    assert len(only(run.tick(SECOND), Ask)) == 1


def test_a_token_that_is_late_does_not_open_what_was_given_up() -> None:
    run = Signed(locked(by_token=True), {VENUE: KEY})
    run.tick()
    life = run.intake.life("bitfoo#1")
    (closed,) = run.tick(11 * SECOND)
    assert isinstance(closed, Close) and "got no answer" in closed.reason
    assert run.hear(Direction.HTTP, b"t", life=life, status=200, request=STREAM_TOKEN) == []


def test_a_connection_without_its_key_is_left_out_with_one_notice() -> None:
    run = Signed(locked(by_token=True), {})
    reason = "left out: bitfoo#1 needs a key: set keys.bitfoo.key and keys.bitfoo.secret"
    assert run.tick() == [Close(reason, "bitfoo#1")]
    assert run.tick(60 * SECOND) == []
    assert run.closings == [reason]


def test_a_signer_with_a_bug_is_told_without_its_message() -> None:
    class Bug(Signer):
        def auth(self, credentials: api.Credentials, response: HttpResponse | None, at: Nanos) -> api.StreamAuth:
            raise ValueError(f"bad secret {credentials.secret}")

    run = Signed(replace(make(Locked), signer=Bug(False)), {VENUE: KEY})
    (closed,) = run.tick()
    assert isinstance(closed, Close) and closed.reason.startswith("no key: the plugin raised ValueError in ")
    assert "4711" not in closed.reason
    assert run.tick(600 * SECOND) == []


def test_a_capture_of_a_signed_run_holds_no_secret(tmp_path: Path) -> None:
    run = Signed(locked(by_token=True), {VENUE: KEY})
    run.tick()
    run.answer(200, b"t-4711")
    for task in run.hear(Direction.OPEN):
        assert isinstance(task, Send)
        seq = len(run.inputs) + 1
        run.inputs.append(Input(seq, seq, run.now, Direction.SEND, VENUE, task.conn, "", task.text.encode()))
    whole = msgspec.structs.replace(run.inputs[1], seq=len(run.inputs) + 1, payload=b"t-4711")
    with Writer(tmp_path / "capture") as writer:
        for entry in (*run.inputs, whole):
            writer.append(entry)
    write_lines([*run.inputs, whole], tmp_path / "lines.jsonl")
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"4711" not in written and b"***" in written


def installed_signers() -> list[str]:
    return [name for name, one in registry.exchanges().items() if one.signer is not None]


@pytest.mark.parametrize("name", installed_signers())
def test_what_an_installed_venue_subscribes_with_is_redacted(name: str) -> None:
    plugin = registry.exchange(name)
    (dialect,) = [one for one in plugin.dialects if api.Channel.ORDERS in one.channels]
    assert plugin.signer is not None
    auth = api.StreamAuth(api.SANDBOX_TOKEN)
    if plugin.signer.request(api.SANDBOX_CREDENTIALS, T) is None:
        auth = plugin.signer.auth(api.SANDBOX_CREDENTIALS, None, T)
    one = api.Subscription(plugin.instruments.listed()[0], api.Channel.ORDERS)
    connect = dialect.feed().connect([one], auth, T)
    key = api.SANDBOX_CREDENTIALS
    secrets = [auth.token, key.secret, key.key, key.passphrase, auth.headers.get("signature", "")]
    said = "".join(connect.frames)
    assert any(secret and secret in said for secret in secrets), "nothing was signed"
    kept = redact_sent(said.encode()).decode() + redact_url(connect.url)
    assert [secret for secret in secrets if secret and secret in kept] == []


# Several connections

OTHERS = [make().instruments.find(f"{coin}usdt") for coin in ("btc", "eth", "sol", "bnb")]


def pairs(wanted: Sequence[api.Subscription]) -> Sequence[Sequence[api.Subscription]]:
    """At most two subscriptions on a connection: depths first, then trades."""
    order = (api.Channel.DEPTH, api.Channel.TRADES)
    sorted_ones = [one for channel in order for one in wanted if one.channel is channel]
    return [sorted_ones[at : at + 2] for at in range(0, len(sorted_ones), 2)]


def named(symbol: str, frame: bytes) -> bytes:
    return frame.replace(b"btcusdt", symbol.encode())


def test_connections_of_a_limited_venue_share_its_budget_and_lose_only_their_own_books() -> None:
    run = Run(replace(make(), split=pairs), OTHERS)
    conns = [f"bitfoo#{number}" for number in (1, 2, 3, 4)]
    assert [task.conn for task in run.tick() if isinstance(task, Dial)] == conns
    for conn, symbols in (("bitfoo#1", ("btcusdt", "ethusdt")), ("bitfoo#2", ("solusdt", "bnbusdt"))):
        run.conn = conn
        assert len(only(run.hear(Direction.OPEN), Send)) == 2
        for symbol in symbols:
            run.hear(Direction.RECV, named(symbol, snapshot(5)))
    run.hear(Direction.CLOSE, b"reset")
    states = {symbol: sync.state for symbol, sync in run.market.books[VENUE].items()}
    live, dead = BookState.LIVE, BookState.DEAD
    assert states == {"btcusdt": live, "ethusdt": live, "solusdt": dead, "bnbusdt": dead}
    run.now += SECOND
    assert [task.conn for task in run.tick() if isinstance(task, Dial)] == ["bitfoo#2"]
    run.hear(Direction.CLOSE, b"reset")
    run.now += 9 * SECOND
    assert [task for task in run.tick() if isinstance(task, Dial)] == [], "five dials a minute, of all together"


def test_a_connection_of_trades_alone_is_held_without_a_watch() -> None:
    run = Run(replace(make(), split=lambda wanted: [[one for one in wanted if one.channel is api.Channel.TRADES]]))
    assert len(only(run.tick(), Dial)) == 1
    assert len(only(run.hear(Direction.OPEN), Send)) == 1
    assert run.tick(3600 * SECOND) == []
    run.hear(Direction.CLOSE, b"reset")
    assert len(only(run.tick(SECOND), Dial)) == 1


def test_a_split_with_a_bug_leaves_its_venue_out() -> None:
    run = Run(replace(make(), split=lambda wanted: [wanted[99]]))  # type: ignore[list-item]
    (closed,) = run.tick()
    assert isinstance(closed, Close)
    assert closed.reason.startswith("left out: the plugin raised IndexError in ")
    assert run.tick(60 * SECOND) == []
    assert [one.direction for one in run.inputs][:2] == [Direction.TICK, Direction.CLOSE]


def test_a_split_that_repeats_a_requested_book_leaves_its_venue_out() -> None:
    run = Run(replace(make(ByRequest), snapshots=Snapshots(), split=lambda wanted: [wanted, wanted]))
    (closed,) = run.tick()
    assert isinstance(closed, Close) and "the depth of btcusdt on bitfoo#2 and on bitfoo#1" in closed.reason


def test_a_connect_with_a_bug_costs_its_own_connection() -> None:
    class Picky(BitFooFeed):
        def connect(self, wanted: Sequence[api.Subscription], auth: api.StreamAuth | None, at: Nanos) -> api.Connect:
            if wanted[0].instrument.symbol == "solusdt":
                raise api.ProtocolError("no such stream: solusdt")
            return super().connect(wanted, auth, at)

    run = Run(replace(make(Picky), split=pairs), OTHERS)
    tasks = run.tick()
    reason = "left out: no such stream: solusdt"
    assert only(tasks, Close) == [Close(reason, "bitfoo#2"), Close(reason, "bitfoo#4")], "depths and trades"
    assert [task.conn for task in tasks if isinstance(task, Dial)] == ["bitfoo#1", "bitfoo#3"]


def test_single_orders_that_a_venue_does_not_have_are_left_out() -> None:
    wanted = [[api.Subscription(COIN, api.Channel.ORDERS)], [api.Subscription(COIN, api.Channel.DEPTH)]]
    run = Run(replace(make(), split=lambda _: wanted))
    tasks = run.tick()
    reason = "left out: bitfoo#1/orders: the plugin has no stream of single orders"
    assert tasks == [Close(reason, "bitfoo#1"), Dial("wss://bitfoo.example/v2#bitfoo", "bitfoo#2")]


def test_strange_symbols_are_remembered_up_to_a_bound() -> None:
    run = Run(make()).opened()
    for number in range(2_500):
        run.hear(Direction.RECV, named(f"x{number}", snapshot(5)))
    (connection,) = run.market._connections.values()
    assert len(connection.unknown) <= 1_000
    assert run.market.counts[VENUE].refused == 2_500


def test_a_symbol_that_its_plugin_trips_over_is_unknown_and_costs_no_other_book() -> None:
    class Tripping:
        def listed(self) -> Sequence[api.Instrument]:
            return (COIN,)

        def find(self, symbol: str) -> api.Instrument:
            return {"btcusdt": COIN}[symbol]

    run = Run(replace(make(ByRequest), instruments=Tripping(), snapshots=Snapshots())).opened()
    run.hear(Direction.HTTP, b"5", status=200, request="btcusdt")
    run.hear(Direction.RECV, named("x", delta(5)))
    run.market.receive(Input(99, 99, run.now, Direction.HTTP, VENUE, run.conn, "", b"5", 200, (), "x"))
    assert run.market.books[VENUE]["btcusdt"].state is BookState.LIVE
    assert run.market.counts[VENUE].refusals[0].startswith("the plugin raised KeyError in ")


def test_a_venue_that_makes_up_symbols_gets_no_books_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    class Any:
        def listed(self) -> Sequence[api.Instrument]:
            return (COIN,)

        def find(self, symbol: str) -> api.Instrument:
            return msgspec.structs.replace(COIN, symbol=symbol)

    monkeypatch.setattr("cryptopipe.market.market._MOST_BOOKS", 100)
    run = Run(replace(make(), instruments=Any())).opened()
    for number in range(250):
        run.hear(Direction.RECV, named(f"x{number}", snapshot(5)))
    assert len(run.market.books[VENUE]) == 100
    assert run.market.counts[VENUE].refusals[-1] == "x249 beside 100 other books"
    assert run.market.books[VENUE]["x0"].state is BookState.LIVE
