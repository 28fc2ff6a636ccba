"""The house: what a session says reaches its client in order and when it is due, and each fault does what it is called.

The page docs/sandbox.md says what each kind does; the tests below go through its table.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal as D
from itertools import pairwise

import pytest
from conformance.bitfoo import BitFooFeed
from hypothesis import given
from hypothesis import strategies as st
from simulation.bitfoo_sandbox import bitfoo

from cryptopipe.clock import MILLISECOND, SECOND, Nanos
from cryptopipe.errors import PluginError
from cryptopipe.model.events import BookDelta, BookSnapshot
from cryptopipe.model.facts import Asset, Instrument, Side, TradingRules
from cryptopipe.model.simulated import Beat, HangUp, Outgoing, SandboxSession, SandboxVenue, Say, SimulatedBook
from cryptopipe.model.stream import HttpRequest, HttpResponse
from cryptopipe.sandbox.engine import Engine
from cryptopipe.sandbox.faults import Fault, in_force
from cryptopipe.sandbox.house import Delivery, House, Pong, Reset

T: Nanos = 1_800_000_000 * SECOND
RULES = TradingRules(D("0.01"), D("0.001"), D("0.001"), D(0))
SYMBOL = "btcusdt"


class Script:
    """A venue whose sessions say what the test gives them: to the client's text `2` what stands under `2`, and at each
    step the next of `news`.
    """

    def __init__(self, answers: Mapping[str, list[Outgoing]], news: list[list[Outgoing]]) -> None:
        self.endpoints: Mapping[str, str] = {"spot": "/"}
        self._answers, self._news = answers, list(news)
        self.times: list[Nanos] = []

    def __call__(self, books: Mapping[str, SimulatedBook]) -> SandboxVenue:
        return self

    def open(self, path: str, at: Nanos) -> SandboxSession | HttpResponse:
        return self if path == "/" else HttpResponse(404, b"no such path")

    def answer(self, request: HttpRequest, at: Nanos) -> HttpResponse:
        return HttpResponse(200, str(at - T).encode())

    def receive(self, message: str, at: Nanos) -> Iterable[Outgoing]:
        return self._answers[message]

    def publish(self, at: Nanos) -> Iterable[Outgoing]:
        self.times.append(at)
        return self._news.pop(0) if self._news else ()


def house(*faults: Fault, news: Iterable[list[Outgoing]] = (), seed: int = 0, **answers: list[Outgoing]) -> House:
    return House(replace(bitfoo, sandbox=Script(answers, list(news))), {}, faults, seed, T)


def dialled(one: House, at: Nanos = T, path: str = "/") -> int:
    conn = one.dial(path, at)
    assert isinstance(conn, int)
    return conn


def told(one: House, ms: int) -> list[object]:
    return [delivery.what for delivery in one.step(T + ms * MILLISECOND)]


def numbered(count: int) -> list[list[Outgoing]]:
    return [[Say(f'{{"n":{n}}}')] for n in range(count)]


def all_told(one: House, steps: int) -> list[str]:
    texts = [delivery.what for step in range(steps) for delivery in one.step(T + step * 10 * MILLISECOND)]
    assert all(isinstance(text, str) for text in texts)
    return [str(text) for text in texts]


def frames(count: int) -> list[str]:
    return [f'{{"n":{n}}}' for n in range(count)]


def always(kind: str, **values: int) -> Fault:
    return Fault(kind, values=values)


def test_what_a_session_says_is_delivered_by_the_next_step_in_its_order() -> None:
    one = house(news=[[Say("b"), Beat(), Say("c")]], hello=[Say("a")])
    conn = dialled(one)
    one.receive(conn, "hello", T)
    assert told(one, 5) == ["a", "b", Beat(), "c"]
    assert told(one, 10) == []


def test_nothing_overtakes_a_delayed_frame() -> None:
    one = house(news=[[], [Say("news")]], hello=[Say("ack", 20 * MILLISECOND), Say("snapshot")])
    one.receive(dialled(one), "hello", T)
    assert [told(one, ms) for ms in (5, 10, 19, 20)] == [[], [], [], ["ack", "snapshot", "news"]]


@given(st.lists(st.lists(st.integers(0, 30), max_size=3), max_size=8))
def test_frames_keep_their_order_whatever_their_delays(steps: list[list[int]]) -> None:
    said = iter(range(1_000))
    news: list[list[Outgoing]] = [[Say(str(next(said)), ms * MILLISECOND) for ms in step] for step in steps]
    one = house(news=news)
    dialled(one)
    got = [int(str(what)) for step in range(len(steps) + 30) for what in told(one, step * 7)]
    assert got == list(range(sum(map(len, steps))))


def test_a_hang_up_is_the_last_word() -> None:
    bye = HangUp(4000, "enough", 10 * MILLISECOND)
    one = house(news=[[], [Say("late")], [Say("later")]], hello=[Say("a"), bye, Say("never")])
    conn = dialled(one)
    one.receive(conn, "hello", T)
    assert [told(one, ms) for ms in (0, 5, 10, 15)] == [["a"], [], [bye], []]
    assert one.connections == () and one.pinged(conn, b"", T + SECOND) is None
    one.receive(conn, "hello", T + SECOND)
    assert told(one, 2_000) == []


def test_connections_are_strangers() -> None:
    one = house(hello=[Say("a")])
    first, second = dialled(one), dialled(one)
    one.receive(second, "hello", T)
    assert one.step(T) == [Delivery(second, "a", T)]
    assert one.closed(second, T) and one.connections == (first,)
    assert one.pinged(first, b"x", T) == Delivery(first, Pong(b"x"), T)


def test_a_delivery_knows_since_when_it_could_have_come() -> None:
    one = house(news=[[], [Say("news"), Say("later", 3)]])
    dialled(one)
    one.step(T)
    assert [delivery.since for delivery in one.step(T + 5)] == [T]  # made after the step before
    assert [delivery.since for delivery in one.step(T + 10)] == [T + 8]  # when it was due


def test_a_refused_path_is_no_connection() -> None:
    one = house()
    assert one.dial("/nowhere", T) == HttpResponse(404, b"no such path")
    assert one.connections == () and one.endpoints == {"spot": "/"}


def test_a_plugin_without_a_simulated_venue_is_refused() -> None:
    with pytest.raises(PluginError, match="exchange bitfoo: brings no simulated venue"):
        House(replace(bitfoo, sandbox=None), {})


def test_a_reset_breaks_each_connection_once() -> None:
    one = house(Fault("reset", at=SECOND, lasts=SECOND), news=numbered(9))
    first = dialled(one)
    assert told(one, 999) == ['{"n":0}']
    second = dialled(one)
    since = T + 999 * MILLISECOND
    assert one.step(T + SECOND) == [Delivery(conn, Reset(), since) for conn in (first, second)]
    assert one.connections == ()
    dialled(one, T + 2 * SECOND)
    assert told(one, 2_000) != [Reset()]


def test_a_reset_does_not_wait_for_what_was_to_be_said_before_it() -> None:
    one = house(Fault("reset", at=SECOND, lasts=SECOND), news=[[Say("in a while", 30 * SECOND)]])
    dialled(one)
    assert told(one, 0) == []
    assert told(one, 1_000) == [Reset()]


def test_a_fault_that_is_over_is_not_shown_as_one_in_force() -> None:
    stall = Fault("stall", at=SECOND, lasts=SECOND)
    shown = [in_force([stall], second * SECOND // 2) for second in (1, 2, 3, 4)]
    assert shown == [[], ["stall at every venue, 1 s left"], ["stall at every venue, 1 s left"], []]


def test_accept_then_close() -> None:
    one = house(always("accept_then_close", code=1012), news=numbered(3))
    dialled(one)
    assert told(one, 0) == [HangUp(1012, "try again later")]
    assert one.connections == ()


def test_a_refused_dial_says_when_to_come_back() -> None:
    one = house(Fault("refuse", lasts=SECOND, values={"retry_after": 1_500 * MILLISECOND}))
    refused = one.dial("/", T)
    assert isinstance(refused, HttpResponse)
    assert (refused.status, refused.headers["Retry-After"]) == (429, "2")  # whole seconds, never too early
    assert isinstance(one.dial("/", T + SECOND), int)


def test_a_stalled_connection_lives_and_tells_no_news() -> None:
    news = [[Say("0")], [Say("1"), Beat()], [Say("2")], [Say("3")]]
    one = house(Fault("stall", at=SECOND, lasts=SECOND), news=news, ping=[Say("pong")])
    conn = dialled(one)
    assert told(one, 0) == ["0"]
    assert told(one, 1_000) == [Beat()]
    one.receive(conn, "ping", T + SECOND)
    assert told(one, 1_999) == ["pong"]
    assert one.pinged(conn, b"", T + 1_999 * MILLISECOND) is not None
    assert told(one, 2_000) == ["3"]


def test_a_black_hole_swallows_everything() -> None:
    news: list[list[Outgoing]] = [[Say("0"), Say("late", 2 * SECOND)], [Say("1"), Beat()]]
    one = house(Fault("black_hole", at=SECOND, lasts=SECOND), news=news, ping=[Say("pong")])
    conn = dialled(one)
    assert told(one, 0) == ["0"]
    one.receive(conn, "ping", T + SECOND)
    assert told(one, 1_000) == []
    at = T + 1_500 * MILLISECOND
    assert one.dial("/", at) is None and one.answer(HttpRequest("GET", "/"), at) is None
    assert one.pinged(conn, b"", at) is None
    assert told(one, 3_000) == []
    other = dialled(one, T + 3 * SECOND)
    assert one.closed(other, T + 3 * SECOND)


def test_a_close_in_a_black_hole_is_not_answered() -> None:
    one = house(Fault("black_hole", at=SECOND))
    conn = dialled(one)
    assert one.closed(conn, T + SECOND) is False


def test_frames_are_dropped() -> None:
    one = house(Fault("drop", at=20 * MILLISECOND, lasts=20 * MILLISECOND), news=numbered(6))
    dialled(one)
    assert all_told(one, 6) == [frames(6)[n] for n in (0, 1, 4, 5)]


def test_frames_are_doubled() -> None:
    one = house(always("duplicate"), news=numbered(2))
    dialled(one)
    assert all_told(one, 2) == [frames(2)[n] for n in (0, 0, 1, 1)]


def test_frames_change_places() -> None:
    one = house(always("reorder"), news=numbered(4))
    dialled(one)
    assert all_told(one, 4) == [frames(4)[n] for n in (1, 0, 3, 2)]


def test_a_frame_that_nothing_overtakes_comes_after_a_second() -> None:
    one = house(always("reorder"), news=numbered(1))
    dialled(one)
    assert [told(one, ms) for ms in (0, 999, 1_000, 1_001)] == [[], [], frames(1), []]


def test_frames_lose_their_end() -> None:
    one = house(always("truncate"), news=numbered(50))
    dialled(one)
    got = all_told(one, 50)
    assert all(whole.startswith(cut) and cut != whole for cut, whole in zip(got, frames(50), strict=True))
    assert len({len(cut) for cut in got}) > 3


def test_a_damaged_byte_is_seen_by_whoever_reads() -> None:
    one = house(always("corrupt"), news=numbered(50))
    dialled(one)
    for got, was in zip(all_told(one, 50), frames(50), strict=True):
        assert [b for a, b in zip(was, got, strict=True) if a != b] == ["\ufffd"]


def test_a_wrong_digit_is_one_digit() -> None:
    one = house(always("corrupt", digit=1), news=numbered(50))
    dialled(one)
    for got, was in zip(all_told(one, 50), frames(50), strict=True):
        ((a, b),) = [(a, b) for a, b in zip(was, got, strict=True) if a != b]
        assert a.isdigit() and b.isdigit()


def test_frames_come_late_and_in_order() -> None:
    one = house(Fault("delay", lasts=5 * MILLISECOND, values={"delay": 50 * MILLISECOND}), news=numbered(3))
    dialled(one)
    assert [told(one, ms) for ms in (0, 10, 49, 50)] == [[], [], [], frames(3)]


def test_a_huge_frame_says_the_same_once() -> None:
    one = house(always("huge_frame", size=5_000), news=numbered(3))
    dialled(one)
    first, *rest = all_told(one, 3)
    assert len(first.encode()) == 5_000 and json.loads(first) == {"n": 0}
    assert rest == frames(3)[1:]


@pytest.mark.parametrize(
    ("fault", "status", "headers"),
    [(always("http_429"), 429, {"Retry-After": "5"}), (always("http_5xx", status=502), 502, {})],
)
def test_requests_fail(fault: Fault, status: int, headers: dict[str, str]) -> None:
    reply = house(fault).answer(HttpRequest("GET", "/"), T)
    assert reply is not None and (reply.response.status, reply.response.headers) == (status, headers)


def test_a_probability_is_that_of_each_draw() -> None:
    one = house(Fault("drop", probability=0.25), news=numbered(4_000))
    dialled(one)
    lost = 4_000 - len(all_told(one, 4_000))
    assert abs(lost - 1_000) < 4 * (4_000 * 0.25 * 0.75) ** 0.5  # four standard deviations of the binomial


def test_each_connection_draws_once() -> None:
    one = house(Fault("stall", probability=0.5), news=numbered(240))
    conns = [dialled(one) for _ in range(60)]
    heard = [{delivery.conn for delivery in one.step(T + step * MILLISECOND)} for step in range(4)]
    assert 10 < len(heard[0]) < 50 and heard[0] < set(conns)
    assert heard[1:] == [heard[0]] * 3


def test_the_seed_decides_and_nothing_else() -> None:
    def lost(seed: int, *more: Fault) -> list[str]:
        one = house(Fault("drop", probability=0.5), *more, seed=seed, news=numbered(64))
        dialled(one)
        return all_told(one, 64)

    assert lost(1) == lost(1) != lost(2)
    assert lost(1) == lost(1, Fault("http_429", probability=0.5), Fault("drop", venue="another"))


def test_faults_in_force_are_told() -> None:
    drop, stall = Fault("drop", at=SECOND, lasts=2 * SECOND), Fault("stall", at=2 * SECOND, lasts=2 * SECOND)
    one = house(drop, stall)
    seen = []
    for second in range(5):
        one.step(T + second * SECOND)
        seen.append(tuple(one.in_force))
    assert seen == [(), (drop,), (drop, stall), (stall,), ()]


def market(*faults: Fault) -> tuple[Engine, House]:
    book = Engine(Instrument(bitfoo.venue, SYMBOL, Asset("BTC"), Asset("USDT"), rules=RULES))
    return book, House(bitfoo, {SYMBOL: book}, faults, 0, T)


def asked(one: House, path: str, at: Nanos) -> dict[str, int]:
    reply = one.answer(HttpRequest("GET", path), at)
    assert reply is not None and reply.response.status == 200
    document: dict[str, int] = json.loads(reply.response.body)
    return document


def test_a_stale_snapshot_is_of_another_time_and_the_clock_is_not() -> None:
    book, one = market(Fault("stale_snapshot", at=2 * SECOND, values={"age": SECOND}))
    seen: dict[int, tuple[int, int]] = {}
    for ms in range(0, 3_000, 10):
        at = T + ms * MILLISECOND
        book.limit(Side.BUY, 100 + ms, 1, at)
        one.step(at)
        answer = asked(one, f"/v2/book?s={SYMBOL}", at)
        seen[ms] = (answer["seq"], (answer["changed"] - T) // MILLISECOND)
        assert asked(one, "/v2/time", at) == {"ns": at}
    assert (seen[1_990], seen[2_000], seen[2_990]) == ((200, 1_990), (101, 1_000), (200, 1_990))


def test_a_wrong_clock_is_wrong_in_server_time_and_event_times() -> None:
    book, one = market(Fault("clock_offset", values={"offset": 3 * SECOND}))
    book.limit(Side.BUY, 100, 1, T + SECOND)
    assert asked(one, "/v2/time", T + SECOND) == {"ns": T + 4 * SECOND}
    assert asked(one, f"/v2/book?s={SYMBOL}", T + SECOND) == {"seq": 1, "changed": T + 4 * SECOND}


def test_a_venue_whose_clock_is_held_back_goes_on_publishing() -> None:
    script = Script({}, [])
    faults = [Fault("clock_offset", lasts=SECOND, values={"offset": 5 * SECOND})]
    one = House(replace(bitfoo, sandbox=script), {}, faults, 0, T)
    dialled(one)
    for ms in range(0, 12_000, 500):
        one.step(T + ms * MILLISECOND)
    gaps = {b - a for a, b in pairwise(script.times)}
    assert gaps == {250 * MILLISECOND, 500 * MILLISECOND}
    assert script.times[-1] == T + 11_500 * MILLISECOND


def test_the_sample_venue_speaks_after_its_acknowledgement() -> None:
    book, one = market()
    book.limit(Side.BUY, 100, 1, T)
    one.receive(dialled(one, path="/v2"), f'{{"op":"sub","s":"{SYMBOL}"}}', T)
    assert one.step(T + 10 * MILLISECOND) == []
    book.limit(Side.SELL, 101, 2, T + 15 * MILLISECOND)
    told = [json.loads(str(delivery.what)) for delivery in one.step(T + 20 * MILLISECOND)]
    assert [frame["type"] for frame in told] == ["subscribed", "snapshot"]
    assert (told[1]["bids"], told[1]["asks"], told[1]["seq"]) == ([["1.00", "0.001"]], [["1.01", "0.002"]], 2)
    book.take(Side.BUY, 2, T + 25 * MILLISECOND)
    told = [json.loads(str(delivery.what)) for delivery in one.step(T + 30 * MILLISECOND)]
    assert told == [
        {"type": "delta", "symbol": SYMBOL, "seq": 3, "bids": [], "asks": [["1.01", "0.000"]]},
        {"type": "trade", "symbol": SYMBOL, "seq": 1, "price": "1.01", "size": "0.002", "taker": "buy"},
    ]


ORDERS = st.lists(st.tuples(st.sampled_from(Side), st.integers(1, 12), st.integers(1, 9)), max_size=30)


@given(ORDERS, st.integers(0, 30))
def test_both_ends_of_the_sample_have_one_book(orders: list[tuple[Side, int, int]], subscribed_after: int) -> None:
    book, one = market()
    conn = dialled(one, path="/v2")
    feed = BitFooFeed()
    sides: dict[Side, dict[D, D]] = {side: {} for side in Side}
    numbers = []
    for n, (side, price, size) in enumerate([*orders, (Side.BUY, 1, 1)]):
        at = T + n * 10 * MILLISECOND
        if n == min(subscribed_after, max(0, len(orders) - 2)):
            one.receive(conn, f'{{"op":"sub","s":"{SYMBOL}"}}', at)
        book.limit(side, price, size, at)
        for delivery in [*one.step(at), *(one.step(at + 9 * MILLISECOND) if n == len(orders) else ())]:
            for event in feed.decode(str(delivery.what).encode(), at):
                if isinstance(event, BookSnapshot | BookDelta):
                    numbers.append(event.version)
                    for own, levels in ((Side.BUY, event.bids), (Side.SELL, event.asks)):
                        sides[own].update({D(price): D(size) for price, size in json.loads(bytes(levels))})
    if numbers:
        assert numbers == list(range(numbers[0], book.number + 1))
        for side in Side:
            shown = {D(price) * RULES.tick: D(size) * RULES.step for price, size in book.levels(side, 99)}
            assert {price: size for price, size in sides[side].items() if size} == shown
    assert numbers or len(orders) < 3
