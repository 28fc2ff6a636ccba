"""The connection supervisor: each transition of a connection, and what is kept of time, as tables."""

from collections.abc import Iterator
from dataclasses import replace
from email.utils import formatdate

import pytest
from conformance.bitfoo import BitFooFeed, make

from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.clock import MILLISECOND, SECOND, Nanos
from cryptopipe.market.line import Feed, Stage
from cryptopipe.market.market import Market
from cryptopipe.market.pacing import Backoff, Bucket, retry_after
from cryptopipe.market.silence import Gaps, Lag, VenueClock, Watch
from cryptopipe.market.supervisor import (
    Answered,
    Arrived,
    Carried,
    Closed,
    Opened,
    Resynced,
    Supervisor,
    Tick,
    TimeAnswered,
    Told,
)
from cryptopipe.market.supply import Stream, Supply
from cryptopipe.market.sync import BookState
from cryptopipe.model.contracts import Limit
from cryptopipe.model.events import (
    BookDelta,
    BookSnapshot,
    Close,
    Command,
    Dial,
    FeedEvent,
    Fetch,
    FetchTime,
    Heartbeat,
    Notice,
    Ping,
    Resync,
    Send,
    TopUpdate,
    Trade,
    WakeAt,
)
from cryptopipe.model.facts import Side
from cryptopipe.model.stream import Channel, Connect, FeedCodec

T: Nanos = 1_800_000_000 * SECOND
CONNECT = Connect("wss://foo.example/ws", ('{"op":"subscribe"}',), 20.0, '{"op":"ping"}')
DIAL = Dial(CONNECT.url, "foo#1")
PING = Send('{"op":"ping"}', "foo#1")
SUBSCRIBE = Send('{"op":"subscribe"}', "foo#1")
FETCH = Fetch("XY", "foo#1")
STREAMED = Feed("foo#1", CONNECT, (Stream("XY"),))
REQUESTED = Feed("foo#1", CONNECT, (Stream("XY"),), snapshot_by_request=True)
RESUBSCRIBED = Feed("foo#1", CONNECT, (Stream("XY", resubscribe=("un", "sub")),))


def largest() -> float:
    return 1.0


def delta(event_time: Nanos = 0, symbol: str = "XY") -> BookDelta:
    return BookDelta(symbol, b"[]", b"[]", 1, 1, 0, event_time)


def snapshot(event_time: Nanos = 0) -> BookSnapshot:
    return BookSnapshot("XY", b"[]", b"[]", 1, event_time)


class Session:
    """A supervisor with the clock beside it, in seconds after `T`; wake-ups are checked and left out of the answers."""

    def __init__(self, *feeds: Feed, tells_time: bool = False, dials: int = 5) -> None:
        self.supervisor = Supervisor(feeds, largest, tells_time=tells_time, dials=(Limit(dials, 60 * SECOND),))
        self.wakes: list[Nanos] = []

    def tell(self, second: float, told: Told) -> list[Command]:
        commands = self.supervisor.receive(told, T + round(second * SECOND))
        self.wakes += [command.at for command in commands if isinstance(command, WakeAt)]
        return [command for command in commands if not isinstance(command, WakeAt)]

    def hear(self, second: float, *events: FeedEvent) -> list[Command]:
        return self.tell(second, Arrived("foo#1", events))

    @property
    def stage(self) -> Stage:
        return self.supervisor.lines["foo#1"].stage


def opened(feed: Feed, tells_time: bool = False) -> Session:
    session = Session(feed, tells_time=tells_time)
    session.tell(0, Tick())
    session.tell(0, Opened("foo#1"))
    return session


# What a connection does


def test_the_first_tick_dials_and_the_opening_subscribes() -> None:
    session = Session(STREAMED)
    steps: tuple[tuple[Told, Command, Stage], ...] = (
        (Tick(), DIAL, Stage.DIALING),
        (Opened("foo#1"), SUBSCRIBE, Stage.OPEN),
    )
    for told, command, stage in steps:
        assert (session.tell(0, told), session.stage) == ([command], stage)


def test_a_dial_without_an_answer_is_given_up_after_ten_seconds() -> None:
    session = Session(STREAMED)
    session.tell(0, Tick())
    assert session.tell(9.999, Tick()) == []
    assert session.tell(10, Tick()) == [Close("foo#1 did not open within 10.000 s", "foo#1")]
    assert session.tell(10, Closed("foo#1")) == []
    assert session.tell(10.499, Tick()) == []
    assert session.tell(10.5, Tick()) == [DIAL]  # the largest first delay


def test_a_driver_that_does_not_close_is_told_again() -> None:
    session = Session(STREAMED)
    session.tell(0, Tick())
    session.tell(10, Tick())
    assert session.tell(14.9, Tick()) == []
    assert session.tell(15, Tick()) == [Close("foo#1 did not close within 5.000 s", "foo#1")]


@pytest.mark.parametrize(
    ("stage", "told"),
    [
        (Stage.WAITING, Opened("foo#1")),
        (Stage.WAITING, Closed("foo#1")),
        (Stage.WAITING, Arrived("foo#1", (delta(),))),
        (Stage.WAITING, Resynced("foo#1", Resync("XY", "gap"))),
        (Stage.DIALING, Arrived("foo#1", (delta(),))),
        (Stage.DIALING, Resynced("foo#1", Resync(None, "gap"))),
        (Stage.OPEN, Opened("foo#1")),
        (Stage.OPEN, Resynced("foo#1", Resync("unknown", "gap"))),
        (Stage.OPEN, Arrived("foo#1", (delta(symbol="unknown"),))),
        (Stage.OPEN, Arrived("foo#1", ())),
        (Stage.CLOSING, Opened("foo#1")),
        (Stage.CLOSING, Arrived("foo#1", (delta(),))),
        (Stage.CLOSING, Resynced("foo#1", Resync("XY", "gap"))),
    ],
    ids=str,
)
def test_what_does_not_belong_to_a_stage_changes_nothing(stage: Stage, told: Told) -> None:
    session = Session(STREAMED)
    if stage is not Stage.WAITING:
        session.tell(0, Tick())
    if stage in (Stage.OPEN, Stage.CLOSING):
        session.tell(0, Opened("foo#1"))
    if stage is Stage.CLOSING:
        session.tell(0, Resynced("foo#1", Resync("XY", "gap")))
    assert session.stage is stage
    assert session.tell(1, told) == []
    assert session.stage is stage


def test_what_belongs_to_no_connection_is_an_error_of_the_caller() -> None:
    session = opened(REQUESTED)
    for told in (Opened("bar#1"), Arrived("bar#1", ()), Answered("ZZ", True)):
        with pytest.raises(KeyError):
            session.tell(1, told)


def test_ping_text_or_protocol_ping_at_the_codecs_interval() -> None:
    for text, ping in (('{"op":"ping"}', Send('{"op":"ping"}', "foo#1")), (None, Ping("foo#1"))):
        session = opened(Feed("foo#1", Connect("wss://foo.example", (), 1.5, text), (Stream("XY"),)))
        session.hear(0.1, snapshot())
        assert session.tell(1.499, Tick()) == []
        assert session.tell(1.5, Tick()) == [ping]
        session.hear(1.6, delta())
        assert session.tell(3, Tick()) == [ping]


def test_back_off_doubles_to_its_cap_while_a_venue_accepts_and_closes() -> None:
    session = Session(STREAMED, dials=100)
    now = 0.0
    for bound in (0.5, 1, 2, 4, 8, 15, 15):
        assert session.tell(now, Tick()) == [DIAL]
        session.tell(now, Opened("foo#1"))
        session.tell(now, Closed("foo#1"))
        assert session.tell(now + bound - 0.001, Tick()) == []
        now += bound


@pytest.mark.parametrize(("healthy_for", "bound"), [(29.9, 1.0), (30.0, 0.5)])
def test_only_healthy_data_resets_the_back_off(healthy_for: float, bound: float) -> None:
    session = Session(STREAMED)
    session.tell(0, Tick())
    session.tell(0, Closed("foo#1"))
    session.tell(0.5, Tick())
    session.tell(0.5, Opened("foo#1"))
    session.hear(1, snapshot())
    session.hear(1 + healthy_for, delta())
    session.tell(100, Closed("foo#1"))  # the time without data does not count
    assert session.tell(100 + bound - 0.001, Tick()) == []
    assert session.tell(100 + bound, Tick()) == [DIAL]


def test_connections_share_their_venues_bucket_and_take_turns() -> None:
    feeds = [Feed(name, CONNECT, (Stream("XY"),)) for name in ("a", "b")]
    session = Session(*feeds, dials=3)
    assert session.tell(0, Tick()) == [Dial(CONNECT.url, "a"), Dial(CONNECT.url, "b")]
    session.tell(0, Closed("a"))
    assert session.tell(0.5, Tick()) == [Dial(CONNECT.url, "a")]
    session.tell(0.5, Closed("b"))
    session.tell(0.6, Closed("a"))
    assert session.tell(59.9, Tick()) == []
    assert session.tell(60, Tick()) == [Dial(CONNECT.url, "b"), Dial(CONNECT.url, "a")]


# What the venue says


@pytest.mark.parametrize(
    ("status", "text", "wait"),
    [
        (429, "7", 7.0),
        (503, "120", 120.0),
        (429, formatdate(T // SECOND + 90, usegmt=True), 90.0),
        (429, "0", 0.5),
        (429, "", 0.5),
        (429, "soon", 0.5),
        (429, formatdate(T // SECOND - 90, usegmt=True), 0.5),
        (200, "60", 0.5),
        (418, "300", 300.0),
        (418, "", 120.0),
        (429, "999999999", 3 * 24 * 3600.0),
    ],
)
def test_a_refused_upgrade_waits_as_long_as_the_venue_says(status: int, text: str, wait: float) -> None:
    session = Session(STREAMED)
    session.tell(0, Tick())
    session.tell(0, Closed("foo#1", status, text))
    assert session.tell(wait - 0.001, Tick()) == []
    assert session.tell(wait, Tick()) == [DIAL]


def test_a_429_of_a_snapshot_holds_back_all_requests_of_the_venue_and_no_dial() -> None:
    session = opened(REQUESTED, tells_time=True)
    session.tell(0.01, TimeAnswered(T))
    assert session.hear(0.1, delta()) == [FETCH]
    assert session.tell(0.2, Answered("XY", False, 429, "30")) == []
    for tenth in range(3, 302):
        assert session.hear(tenth / 10, delta()) == []
        assert session.tell(tenth / 10, Tick()) == [] or tenth == 200  # the ping
    session.hear(30.19, delta())
    assert session.tell(30.2, Tick()) == [FETCH]
    session.tell(30.3, Closed("foo#1"))
    assert session.tell(30.8, Tick()) == [DIAL]


def test_a_418_stops_the_venue() -> None:
    session = opened(REQUESTED, tells_time=True)
    session.hear(0.1, delta())
    session.tell(0.2, Answered("XY", False, 418, "180"))
    assert session.supervisor.stopped_until == T + 180 * SECOND + SECOND // 5
    session.tell(0.3, Closed("foo#1"))
    session.tell(0.4, TimeAnswered(None, status=0))
    assert session.tell(180.1, Tick()) == []
    assert session.tell(180.2, Tick()) == [DIAL, FetchTime()]


def test_a_418_of_one_upgrade_stops_the_other_connections_requests() -> None:
    other = Feed("foo#2", Connect("wss://foo.example/2"), (Stream("ZZ"),))
    session = Session(REQUESTED, other)
    session.tell(0, Tick())
    session.tell(0, Opened("foo#1"))
    session.tell(0.1, Closed("foo#2", 418))
    assert session.hear(0.2, delta()) == []
    for second in range(1, 120):
        session.hear(second, delta())
        assert not [c for c in session.tell(second, Tick()) if isinstance(c, Fetch | Dial)]
    session.hear(120, delta())
    assert FETCH in session.tell(120.1, Tick())


# Whether a stream is alive


def test_silence_closes_at_two_seconds_and_says_whose() -> None:
    session = opened(STREAMED)
    session.hear(1, snapshot())
    session.hear(1.5, delta())
    assert session.tell(3.499, Tick()) == []
    assert session.tell(3.5, Tick()) == [Close("silence of XY on foo#1 for 2.000 s, limit 2.000 s", "foo#1")]
    assert session.stage is Stage.CLOSING


def test_one_silent_stream_of_two_is_seen() -> None:
    session = opened(Feed("foo#1", CONNECT, (Stream("XY"), Stream("ZZ"))))
    session.hear(1, snapshot(), BookSnapshot("ZZ", b"[]", b"[]", 1, 0))
    session.hear(2.9, delta(symbol="ZZ"))
    assert session.tell(3, Tick()) == [Close("silence of XY on foo#1 for 2.000 s, limit 2.000 s", "foo#1")]


@pytest.mark.parametrize(
    "event",
    [
        Notice("pong"),
        Trade("XY", "1", "1", "1", Side.BUY, 0),
        TopUpdate("XY", "1", "1", "2", "1", 0, 0),
        delta(symbol="ZZ"),
    ],
    ids=lambda event: type(event).__name__,
)
def test_nothing_but_its_own_data_speaks_for_a_book(event: FeedEvent) -> None:
    session = opened(STREAMED)
    session.hear(1, snapshot())
    session.hear(2.9, event)
    assert session.tell(3, Tick()) != []


def test_heartbeats_prove_idleness_but_no_subscription() -> None:
    session = opened(STREAMED)
    session.hear(1, snapshot())
    for second in range(2, 30):
        session.hear(second, Heartbeat())
        assert [c for c in session.tell(second + 0.9, Tick()) if isinstance(c, Close)] == []
    assert session.tell(31, Tick()) == [Close("silence of XY on foo#1 for 30.000 s, limit 2.000 s", "foo#1")]

    session = opened(STREAMED)
    for second in range(1, 10):
        session.hear(second, Heartbeat())
    assert session.tell(10, Tick()) == [Close("no depth of XY in 10.000 s since foo#1 opened", "foo#1")]


def test_a_top_is_watched_where_it_is_the_subscription() -> None:
    session = opened(Feed("foo#1", CONNECT, (Stream("XY", Channel.TOP),)))
    session.hear(1, TopUpdate("XY", "1", "1", "2", "1", 0, 0))
    assert session.tell(2.9, Tick()) == []
    assert session.tell(3, Tick()) != []


def test_a_snapshot_that_never_comes_in_the_stream_is_not_waited_for() -> None:
    session = opened(STREAMED)
    assert session.tell(5, Tick()) == []
    for second in (6, 7):
        session.hear(second, delta())
        assert session.tell(second + 0.999, Tick()) == []
    assert session.tell(8, Tick()) == [Close("no snapshot of XY on foo#1 in 8.000 s", "foo#1")]


def test_a_new_subscription_without_its_snapshot_is_given_up() -> None:
    for heartbeats_only in (True, False):
        session = opened(RESUBSCRIBED)
        session.hear(0.1, snapshot())
        session.hear(0.9, delta())
        session.tell(1, Resynced("foo#1", Resync("XY", "gap")))
        for tenth in range(20, 111, 5):
            session.hear(tenth / 10, Heartbeat() if heartbeats_only else delta())
            found = session.tell(tenth / 10, Tick())
            if found:
                break
        seconds = "10.000" if heartbeats_only else "3.000"
        assert found == [Close(f"no snapshot of XY on foo#1 in {seconds} s", "foo#1")]


def test_data_that_stay_more_than_two_seconds_late_close_and_one_late_frame_does_not() -> None:
    session = opened(STREAMED)
    session.hear(1, snapshot(T - 3600 * SECOND))  # of a market without a change for an hour
    session.hear(1.1, delta(T + SECOND))  # clocks and way: 100 ms
    assert session.hear(1.3, delta(T + SECOND - 3 * SECOND)) == []
    assert session.hear(1.4, delta(T + SECOND + 300 * MILLISECOND)) == []
    assert session.hear(5, delta(T + 2 * SECOND)) == []
    assert session.hear(5.4, delta(T + 2 * SECOND)) == []
    assert session.hear(5.5, delta(T + 2 * SECOND)) == [
        Close("what arrives on foo#1 is more than 2.000 s old", "foo#1")
    ]


def test_a_clock_of_ours_that_was_set_costs_one_connection_and_a_question() -> None:
    session = opened(STREAMED, tells_time=True)
    session.tell(0.1, TimeAnswered(T))
    session.hear(0.2, snapshot())
    session.hear(0.3, delta(T + SECOND // 4))
    session.hear(6.3, delta(T + SECOND + SECOND // 4))  # five seconds have gone by that were none
    assert session.hear(6.8, delta(T + SECOND + SECOND * 3 // 4)) != []
    session.tell(6.8, Closed("foo#1"))
    assert session.tell(7.3, Tick()) == [DIAL]
    session.tell(7.4, Opened("foo#1"))
    session.hear(11, snapshot())
    assert session.tell(11.8, Tick()) == [FetchTime()]  # not sixty seconds after the last one
    session.tell(11.9, TimeAnswered(T + 7 * SECOND))
    for tenth in range(120, 200):
        assert session.hear(tenth / 10, delta(T + tenth * SECOND // 10 - 5 * SECOND)) == []


def test_a_new_connection_has_its_own_way() -> None:
    """Without a server time, a delay that outlives the connection cannot be told from a clock."""
    session = opened(STREAMED)
    session.hear(0.1, snapshot())
    session.hear(0.2, delta(T))
    session.hear(5, delta(T))
    assert session.hear(5.5, delta(T)) != []
    session.tell(5.5, Closed("foo#1"))
    session.tell(6, Tick())
    session.tell(6, Opened("foo#1"))
    for tenth in range(61, 80):
        assert session.hear(tenth / 10, delta(T + (tenth - 50) * SECOND // 10)) == []


@pytest.mark.parametrize(("ppm", "is_late"), [(400, False), (600, True)])
def test_clocks_may_drift_apart_by_500_ppm(ppm: int, is_late: bool) -> None:
    lag, found = Lag(VenueClock()), []
    for second in range(0, 40_000, 10):
        found.append(lag.arrived(T + second * SECOND, T + second * (SECOND - ppm * 1000)))
        lag.creep(T + second * SECOND)
    assert any(found) is is_late


def test_drift_counts_from_the_first_arrival() -> None:
    lag = Lag(VenueClock())
    lag.arrived(T, T)
    lag.creep(T + SECOND)
    assert not lag.arrived(T + 4 * SECOND, T + SECOND)
    assert lag.arrived(T + 5 * SECOND, T + 2 * SECOND)


def test_a_limit_grows_where_silence_closes_more_than_once_in_ten_thousand_arrivals() -> None:
    session = opened(STREAMED)
    session.hear(0.001, snapshot())
    for millisecond in range(2, 10_001):
        session.hear(millisecond / 1000, delta())
    now = 10.0
    for _ in range(2):
        assert [type(command) for command in session.tell(now + 2, Tick())] == [Close]
        session.tell(now + 2, Closed("foo#1"))
        session.tell(now + 20, Tick())
        session.tell(now + 20, Opened("foo#1"))
        now += 21
        session.hear(now, snapshot())
    assert session.tell(now + 2, Tick()) == []
    limit = session.supervisor.limit("foo#1") / SECOND
    assert 2 < limit < 2 * 33 / 32
    assert [type(command) for command in session.tell(now + limit, Tick()) if command.__class__ is Close] == [Close]


# Snapshots


def test_books_that_wait_for_the_bucket_take_turns() -> None:
    feed = Feed("foo#1", Connect("wss://foo.example"), (Stream("XY"), Stream("ZZ")), snapshot_by_request=True)
    session = Session(feed)
    session.supervisor = Supervisor((feed,), largest, fetches=(Limit(1, SECOND),))
    session.tell(0, Tick())
    session.tell(0, Opened("foo#1"))
    asked = session.hear(0, delta(), delta(symbol="ZZ"))
    for second in range(1, 5):
        session.tell(second - 0.9, Answered(asked[-1].symbol, False))  # type: ignore[union-attr]
        session.hear(second, delta(), delta(symbol="ZZ"))
        asked += session.tell(second, Tick())
    assert asked == [FETCH, Fetch("ZZ", "foo#1")] * 2 + [FETCH]


def test_a_snapshot_is_asked_for_after_the_first_delta_and_once() -> None:
    session = opened(REQUESTED)
    assert session.tell(0.1, Tick()) == []
    assert session.hear(0.2, delta()) == [FETCH]
    assert session.hear(0.3, delta()) == []
    assert not session.supervisor.lines["foo#1"].changed  # an ordinary frame costs no look at the deadlines
    assert session.tell(0.4, Resynced("foo#1", Resync("XY", "gap"))) == []
    assert session.hear(0.5, delta()) == []
    assert session.tell(0.6, Answered("XY", True)) == []
    assert session.hear(0.7, delta()) == []


def test_a_snapshot_that_is_too_old_is_asked_for_again_with_back_off() -> None:
    session = opened(REQUESTED)
    session.hear(0, delta())
    now = 0.0
    for bound in (0.5, 1, 2, 2):
        session.hear(now, delta())
        assert session.tell(now, Answered("XY", False)) == []
        due = now + bound
        while now < due - 1:
            now += 1
            assert session.hear(now, delta()) == []
        session.hear(due - 0.002, delta())
        assert [c for c in session.tell(due - 0.001, Tick()) if isinstance(c, Fetch | Close)] == []
        assert FETCH in session.tell(due, Tick())
        now = due


def test_a_request_without_an_answer_is_repeated() -> None:
    session = opened(REQUESTED)
    session.hear(0, delta())
    for second in range(1, 11):
        session.hear(second, delta())
    assert session.tell(10, Tick()) == []
    assert session.tell(10.5, Tick()) == [FETCH]


def test_a_lost_book_is_asked_for_at_the_next_delta_then_with_back_off_until_healthy() -> None:
    session = opened(REQUESTED)
    session.hear(0.1, delta())
    session.tell(0.2, Answered("XY", True))
    session.tell(1, Resynced("foo#1", Resync("XY", "gap")))
    assert session.hear(1.1, delta()) == []
    session.hear(1.4, delta())
    assert session.tell(1.5, Tick()) == [FETCH]  # the second request within thirty seconds: after 0.5 s at most
    session.tell(1.6, Answered("XY", True))
    for second in range(2, 33):
        session.hear(second, delta())
    session.tell(32, Resynced("foo#1", Resync("XY", "checksum")))
    assert session.hear(32.1, delta()) == [FETCH]


@pytest.mark.parametrize(("good_until", "wait"), [(31, 0.0), (30, 0.5)])
def test_only_the_time_on_a_connection_makes_a_book_healthy(good_until: int, wait: float) -> None:
    supply = Supply(Stream("XY"), True, Backoff(largest))
    supply.open(T)
    supply.asked(T)
    supply.answered(True, T + SECOND)
    supply.close(T + good_until * SECOND)
    supply.open(T + 100 * SECOND)
    supply.lost(T + 100 * SECOND)
    assert supply.due == T + 100 * SECOND + round(wait * SECOND)


def test_without_a_request_a_lost_book_resubscribes_or_closes() -> None:
    session = opened(RESUBSCRIBED)
    session.hear(0.1, snapshot())
    assert session.tell(1, Resynced("foo#1", Resync("XY", "gap"))) == [Send("un", "foo#1"), Send("sub", "foo#1")]
    session.hear(1.2, snapshot())
    assert session.tell(2, Resynced("foo#1", Resync("XY", "gap"))) == []
    session.hear(2.4, delta())
    assert session.tell(2.5, Tick()) == [Send("un", "foo#1"), Send("sub", "foo#1")]

    for second in (3.5, 4.5, 5.5):  # what came before the request is no sign that its snapshot was lost
        session.hear(second, Heartbeat())
        assert session.tell(second, Tick()) == []

    session = opened(STREAMED)
    session.hear(0.1, snapshot())
    assert session.tell(1, Resynced("foo#1", Resync("XY", "checksum"))) == [Close("checksum", "foo#1")]


def test_no_symbol_means_every_book_of_the_connection() -> None:
    feed = Feed("foo#1", CONNECT, (Stream("XY"), Stream("ZZ"), Stream("XY", Channel.TOP)), snapshot_by_request=True)
    session = opened(feed)
    assert session.hear(0.1, delta(), delta(symbol="ZZ")) == [FETCH, Fetch("ZZ", "foo#1")]
    session.tell(0.2, Answered("XY", True))
    session.tell(0.2, Answered("ZZ", True))
    session.tell(0.3, Resynced("foo#1", Resync(None, "unreadable frame")))
    session.hear(0.4, delta(), delta(symbol="ZZ"), TopUpdate("XY", "1", "1", "2", "1", 0, 0))
    assert session.tell(0.8, Tick()) == [FETCH, Fetch("ZZ", "foo#1")]


# With the market


class Tapped:
    """A codec that leaves what it decoded where the supervisor's driver finds it; the market sees no difference."""

    def __init__(self, codec: FeedCodec, heard: list[FeedEvent | Send | Resync]) -> None:
        self.rule, self.connect, self._codec, self._heard = codec.rule, codec.connect, codec, heard

    def decode(self, frame: bytes, received_at: Nanos) -> Iterator[FeedEvent | Send | Resync]:
        for event in self._codec.decode(frame, received_at):
            self._heard.append(event)
            yield event


def frame(kind: str, seq: int) -> str:
    return f'{{"type":"{kind}","symbol":"btcusdt","seq":{seq},"bids":[["90","1"]],"asks":[["100","1"]]}}'


def test_a_gap_that_the_market_found_closes_and_the_closing_ends_the_book() -> None:
    heard: list[FeedEvent | Send | Resync] = []
    plugin = make(lambda: Tapped(BitFooFeed(), heard))
    market = Market({plugin.venue: plugin})
    session = Session(Feed("foo#1", CONNECT, (Stream("btcusdt"),)))

    def enter(second: float, direction: Direction, payload: str, *told: Told) -> list[Command]:
        at = T + round(second * SECOND)
        market.receive(Input(1, 1, at, direction, plugin.venue, "foo#1", CONNECT.url, payload.encode()))
        found = [one for each in told or (Arrived("foo#1", tuple(heard)),) for one in session.tell(second, each)]
        for command in market.commands:
            assert isinstance(command, Resync)
            found += session.tell(second, Resynced("foo#1", command))
        heard.clear()
        market.commands.clear()
        return found

    assert session.tell(0, Tick()) == [DIAL]
    assert enter(0.1, Direction.OPEN, "", Opened("foo#1")) == [SUBSCRIBE]
    assert enter(0.2, Direction.RECV, frame("snapshot", 7)) == []
    assert enter(0.3, Direction.RECV, frame("delta", 8)) == []
    book = market.books[plugin.venue]["btcusdt"]
    assert book.state is BookState.LIVE
    reason = "sequence gap on bitfoo:btcusdt: expected 9, got 10"
    assert enter(0.4, Direction.RECV, frame("delta", 10)) == [Close(reason, "foo#1")]
    assert enter(0.4, Direction.CLOSE, reason, Closed("foo#1")) == []
    assert (book.state, book.reason) == (BookState.DEAD, reason)
    assert session.tell(0.9, Tick()) == [DIAL]
    assert enter(1.0, Direction.OPEN, "", Opened("foo#1")) == [SUBSCRIBE]
    assert enter(1.1, Direction.RECV, frame("snapshot", 12)) == []
    assert market.books[plugin.venue]["btcusdt"].state is BookState.LIVE


# Server time


def test_server_time_is_asked_for_each_minute_and_sooner_when_doubted() -> None:
    session = Session(STREAMED, tells_time=True)
    assert session.tell(0, Tick()) == [DIAL, FetchTime()]
    session.tell(0.1, Opened("foo#1"))
    session.tell(0.2, TimeAnswered(T + 5 * SECOND))
    clock = session.supervisor.clock
    assert clock.error is not None
    assert abs(clock.offset - (4900 * MILLISECOND)) <= clock.error <= 101 * MILLISECOND
    session.hear(0.3, snapshot())
    session.hear(0.4, delta(T + 8 * SECOND))  # before it happened: by its own clock it is 5.3 now
    for second in range(1, 6):  # doubted at the first tick: asked again five seconds after it
        assert session.tell(second, Tick()) == []
        session.hear(second + 0.3, delta(T + (second + 8) * SECOND))
    assert session.tell(6, Tick()) == [FetchTime()]
    session.tell(6.1, TimeAnswered(T + 14 * SECOND))
    assert abs(clock.offset - 7950 * MILLISECOND) <= clock.error
    assert FetchTime() not in session.tell(12, Tick())


def test_a_server_time_without_an_answer_is_asked_for_again() -> None:
    session = Session(STREAMED, tells_time=True)
    session.tell(0, Tick())
    session.tell(10, Tick())
    session.tell(10, Closed("foo#1"))
    session.tell(10.5, Tick())
    assert session.tell(15, Tick()) == [FetchTime()]
    session.tell(15.1, TimeAnswered(None, status=500))
    assert FetchTime() in session.tell(20.1, Tick()) + session.tell(20.2, Tick())


@pytest.mark.parametrize(("late_by", "is_late"), [(2.2, True), (1.7, False)])
def test_age_is_judged_by_the_measured_clock(late_by: float, is_late: bool) -> None:
    """Late from the first frame on: only a server time can tell that from a slow clock."""
    for known in (True, False):
        lag = Lag(VenueClock())
        if known:
            lag.clock.told(T - 200 * MILLISECOND, T, T + 10 * SECOND)  # ten seconds ahead, known to 100 ms
        found = [
            lag.arrived(T + n * 100 * MILLISECOND, T + n * 100 * MILLISECOND + round((10 - late_by) * SECOND))
            for n in range(7)
        ]
        assert found[-1] is (is_late and known)


def test_a_clock_that_was_set_forgets_the_older_round_trips() -> None:
    clock = VenueClock()
    clock.told(T, T + 10 * MILLISECOND, T + 5 * MILLISECOND)
    assert (clock.offset, clock.error) == (0, 5 * MILLISECOND + 1)
    clock.told(T, T + 100 * MILLISECOND, T + 52 * MILLISECOND)
    assert (clock.offset, clock.error) == (0, 5 * MILLISECOND + 1)  # the shortest round trip speaks
    clock.told(T, T + 100 * MILLISECOND, T + 2050 * MILLISECOND)
    assert (clock.offset, clock.error) == (2 * SECOND, 50 * MILLISECOND + 1)
    with pytest.raises(ValueError, match="an answer at"):
        clock.told(T, T - 1, T)


def test_server_times_in_whole_seconds_say_how_little_they_know() -> None:
    clock = VenueClock()
    clock.told(T, T, T, resolution=SECOND)
    assert (clock.offset, clock.error) == (SECOND // 2, SECOND // 2 + 1)


# The pieces


def test_a_limit_is_learnt_after_ten_thousand_arrivals() -> None:
    watch = Watch()
    for number in range(9_999):
        watch.arrived(T + number * SECOND * 3)
    watch.learn()
    assert watch.limit == 2 * SECOND
    watch.arrived(T + 9_999 * SECOND * 3)
    assert 3 * SECOND <= watch.limit <= 3 * SECOND * 33 // 32


def test_a_limit_never_falls_below_two_seconds_and_grows_by_silences_that_were_closed() -> None:
    watch = Watch()
    for number in range(10_000):
        watch.arrived(T + number * MILLISECOND)
    assert watch.limit == 2 * SECOND
    for _ in range(2):
        watch.arrived(T)
        watch.fell_silent(T + 2 * SECOND)
    watch.learn()
    assert 2 * SECOND < watch.limit <= 2 * SECOND * 33 // 32


def test_gaps_count_what_one_frame_says_once() -> None:
    watch = Watch()
    for _ in range(3):
        watch.arrived(T)
    assert (watch.arrivals, watch.gaps.count) == (1, 0)
    assert Gaps().tail(10_000) == 0


def test_a_bucket_and_its_refusals() -> None:
    bucket = Bucket((Limit(2, 10), Limit(3, 100)))
    taken = []
    for _ in range(5):
        taken.append(bucket.free_at())
        bucket.take(max(taken))
    assert taken == [0, 0, 10, 100, 100]
    with pytest.raises(ValueError, match="an attempt at 105, the next one is free at 110"):
        bucket.take(105)
    bucket.hold(500)
    assert bucket.free_at() == 500
    with pytest.raises(ValueError, match="at least one attempt"):
        Limit(0, 1)


def test_a_jitter_outside_its_range_cannot_leave_the_bound() -> None:
    for jitter, expected in ((-1.0, 0), (7.0, SECOND // 2)):
        assert Backoff(lambda jitter=jitter: jitter).delay() == expected  # type: ignore[misc]


@pytest.mark.parametrize(("date_after", "wait"), [(-3600, 0), (3600, 3600), (10 * 86_400, 3 * 86_400)])
def test_a_date_says_now_at_the_earliest_and_three_days_at_the_latest(date_after: int, wait: int) -> None:
    assert retry_after(formatdate(T // SECOND + date_after, usegmt=True), T) == T + wait * SECOND


def test_retry_after_in_fractions_and_without_a_zone() -> None:
    assert retry_after("0.25", T) == T + SECOND
    assert retry_after(" 12 ", T) == T + 12 * SECOND
    assert retry_after("Fri, 15 Jan 2027 08:01:00 -0000", T) == T + 60 * SECOND
    for text in ("", "-3", "1e3", "٣", "Fri, 99 Jan 2027 08:01:00 GMT"):
        assert retry_after(text, T) == 0


@pytest.mark.parametrize(
    ("streams", "message"),
    [
        ((Stream("XY"), Stream("XY")), "each of them once"),
        ((Stream("XY", Channel.TRADES),), "depth, top or orders"),
        ((Stream("XY"), Stream("XY", Channel.ORDERS)), "single orders and others"),
    ],
)
def test_a_feed_that_cannot_be_watched_is_refused(streams: tuple[Stream, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Feed("foo#1", CONNECT, streams)


def test_two_connections_of_one_name_or_one_requested_book_are_refused() -> None:
    with pytest.raises(ValueError, match="two connections are called foo#1"):
        Supervisor((STREAMED, STREAMED), largest)
    other = Feed("foo#2", CONNECT, (Stream("XY"),), snapshot_by_request=True)
    with pytest.raises(ValueError, match="the depth of XY on foo#2 and on foo#1"):
        Supervisor((REQUESTED, other), largest)


def test_a_stream_that_never_speaks_costs_nobody_else_a_connection() -> None:
    session = opened(Feed("foo#1", CONNECT, (Stream("XY"), Stream("ZZ"))))
    for second in range(1, 40):
        assert session.hear(second, delta() if second > 1 else snapshot()) == []
        assert session.tell(second + 0.5, Tick()) in ([], [PING])
    assert session.supervisor.absent == ["ZZ"]
    assert session.hear(40, delta(symbol="ZZ")) == []
    assert session.supervisor.absent == []
    (close,) = session.tell(43, Tick())
    assert isinstance(close, Close) and close.reason.startswith("silence of XY")


def test_a_connection_on_which_nothing_speaks_is_given_up() -> None:
    session = opened(Feed("foo#1", CONNECT, (Stream("XY"), Stream("ZZ"))))
    assert session.tell(10, Tick()) == [Close("no depth of XY in 10.000 s since foo#1 opened", "foo#1")]


# Renewal

DAY = 86_400
LIVING = replace(STREAMED, connect=Connect(CONNECT.url, CONNECT.frames), lifetime=DAY * SECOND)
NEXT = Dial(CONNECT.url, "foo#1+")


def living(*feeds: Feed, jitter: float = 1.0) -> Session:
    session = Session(*feeds)
    session.supervisor = Supervisor(feeds, lambda: jitter)
    session.tell(0, Tick())
    for feed in feeds:
        session.tell(0, Opened(feed.conn))
    return session


def spoken(session: Session, second: float, *conns: str) -> None:
    """So that nobody is silent: a connection is told of what it carries until then."""
    for conn in conns:
        line = session.supervisor._line(conn)
        for supply in line.supplies:
            supply.watch.limit = 2 * DAY * SECOND
            session.tell(second, Arrived(conn, (BookSnapshot(supply.stream.symbol, b"[]", b"[]", 1, 0),)))


@pytest.mark.parametrize(("jitter", "hours"), [(0.0, 23), (0.5, 22.5), (1.0, 22)])
def test_a_connection_is_replaced_an_hour_or_two_before_its_day_ends(jitter: float, hours: float) -> None:
    session = living(LIVING, jitter=jitter)
    spoken(session, 2, "foo#1")
    assert session.tell(hours * 3600 - 1, Tick()) == []
    assert session.tell(hours * 3600 + 1, Tick()) == [NEXT]
    assert session.supervisor.renewing == "foo#1+"
    assert min(session.supervisor.lines) == "foo#1", "the old one still carries the books"


def test_a_connection_without_a_known_lifetime_is_left_alone() -> None:
    session = living(replace(LIVING, lifetime=None))
    spoken(session, 2, "foo#1")
    assert session.tell(47 * 3600, Tick()) == []


def test_the_old_one_is_closed_when_the_new_one_carries_its_books_and_is_replaced_in_turn() -> None:
    session = living(LIVING)
    spoken(session, 2, "foo#1")
    at = 22 * 3600 + 1
    session.tell(at, Tick())
    assert session.tell(at + 1, Opened("foo#1+")) == [Send('{"op":"subscribe"}', "foo#1+")]
    spoken(session, at + 2, "foo#1", "foo#1+")
    carried = Carried("foo#1", "foo#1+")
    assert session.tell(at + 2, carried) == [Close("foo#1+ carries its books", "foo#1")]
    assert session.tell(at + 2, Closed("foo#1")) == []
    assert list(session.supervisor.lines) == ["foo#1+"] and not session.supervisor.renewing
    spoken(session, at + 3, "foo#1+")
    assert session.tell(at + 22 * 3600 + 2, Tick()) == [DIAL]


def test_connections_are_replaced_one_at_a_time() -> None:
    other = replace(LIVING, conn="foo#2", streams=(Stream("YZ"),))
    session = living(LIVING, other)
    spoken(session, 2, "foo#1", "foo#2")
    at = 22 * 3600 + 1
    assert session.tell(at, Tick()) == [NEXT]
    session.tell(at + 1, Opened("foo#1+"))
    spoken(session, at + 1, "foo#1+")
    assert session.tell(at + 2, Tick()) == []
    session.tell(at + 3, Carried("foo#1", "foo#1+"))
    session.tell(at + 3, Closed("foo#1"))
    assert session.tell(at + 4, Tick()) == [Dial(CONNECT.url, "foo#2+")]


def test_a_new_one_that_fails_is_tried_again_later_and_the_old_one_lives_on() -> None:
    session = living(LIVING)
    spoken(session, 2, "foo#1")
    at = 22 * 3600 + 1
    session.tell(at, Tick())
    assert session.tell(at + 1, Closed("foo#1+", 503)) == []
    assert (session.stage, session.supervisor.renewing) == (Stage.OPEN, "")
    assert session.tell(at + 29, Tick()) == []
    assert session.tell(at + 32, Tick()) == [NEXT]


def test_the_old_one_ends_with_its_lifetime_if_the_new_one_is_open() -> None:
    session = living(LIVING)
    spoken(session, 2, "foo#1")
    at = 22 * 3600 + 1
    session.tell(at, Tick())
    session.tell(at + 1, Opened("foo#1+"))
    spoken(session, at + 1, "foo#1+")
    assert session.tell(DAY - 1, Tick()) == []
    assert session.tell(DAY + 1, Tick()) == [Close("foo#1+ replaces it", "foo#1")]


def test_the_old_one_is_gone_and_the_new_one_is_still_being_dialled() -> None:
    session = living(LIVING)
    spoken(session, 2, "foo#1")
    at = 22 * 3600 + 1
    session.tell(at, Tick())
    assert session.tell(at + 1, Closed("foo#1")) == []
    assert list(session.supervisor.lines) == ["foo#1+"]
    assert session.tell(at + 2, Opened("foo#1+")) == [Send('{"op":"subscribe"}', "foo#1+")]


def test_no_snapshot_is_asked_for_where_the_new_ones_changes_join_the_book() -> None:
    joining = replace(REQUESTED, lifetime=DAY * SECOND, joins=True)
    for feed, asked in ((joining, []), (replace(joining, joins=False), [Fetch("XY", "foo#1+")])):
        session = living(feed)
        session.tell(1, Arrived("foo#1", (delta(),)))
        session.tell(1, Answered("XY", accepted=True, conn="foo#1"))
        spoken(session, 2, "foo#1")
        at = 22 * 3600 + 1
        session.tell(at, Tick())
        session.tell(at + 1, Opened("foo#1+"))
        assert session.tell(at + 2, Arrived("foo#1+", (delta(),))) == asked
