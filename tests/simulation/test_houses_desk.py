"""A house with a desk: whose time the desk has, which venue is simulated, what it tells of itself."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
from simulation.bitfoo_trading import TradingSession, TradingVenue, sign_in, trading
from simulation.street import FOO, MILLISECOND, SECOND, START, Street

from cryptopipe.clock import Nanos
from cryptopipe.model.facts import Asset, Side
from cryptopipe.model.simulated import SANDBOX_CREDENTIALS, SANDBOX_OTHER, Outgoing, SandboxSession, Say
from cryptopipe.model.stream import Credentials, HttpRequest, HttpResponse
from cryptopipe.sandbox.faults import Fault
from cryptopipe.sandbox.house import House
from cryptopipe.sandbox.parameters import Parameters
from cryptopipe.sandbox.world import World


def test_the_desk_is_at_the_time_of_each_call() -> None:
    one = Street(1)
    house, desk = one.houses[FOO], one.desk(FOO)
    seen: list[Nanos] = []
    calls = [
        lambda at: house.answer(HttpRequest("GET", "/v2/time"), at),
        lambda at: house.dial("/v2/my", at),
        lambda at: house.receive(1, sign_in(SANDBOX_CREDENTIALS, at), at),
        house.step,
    ]
    for n, call in enumerate(calls):
        call(START + (n + 1) * 7 * MILLISECOND)
        seen.append(desk.now - START)
    assert seen == [7 * MILLISECOND, 14 * MILLISECOND, 21 * MILLISECOND, 28 * MILLISECOND]
    assert one.world.now == START + 28 * MILLISECOND, "an order meets the market of its time"


def test_a_wrong_clock_is_that_of_the_desk_too() -> None:
    offset = Fault("clock_offset", values={"offset": 3 * SECOND})
    one = Street(1, [offset])
    conn = one.listen(FOO)
    one.wait(100 * MILLISECOND)
    assert one.desk(FOO).now == one.now + 3 * SECOND
    one.place(FOO, "a")
    (order,) = one.orders(FOO)
    assert order.created_at == one.now + 3 * SECOND
    one.wait(SECOND)
    events = one.heard(FOO, conn, "event")
    assert {event["at"] for event in events} == {START + 100 * MILLISECOND + 3 * SECOND}


def test_a_request_that_a_wrong_clock_finds_stale_is_refused() -> None:
    late = Street(1, [Fault("clock_offset", values={"offset": 6 * SECOND})])
    answer = late.place(FOO, "a")
    assert answer is not None and (answer.status, answer.document) == (401, {"error": "stale"})


def test_fills_between_two_calls_have_the_time_at_which_they_were() -> None:
    one = Street(1, [Fault("clock_offset", values={"offset": 3 * SECOND})])
    one.wait(SECOND)
    best = one.world.books[FOO]["btcusdt"].levels
    prices = [f"{best(side, 1)[0][0] / 100:.2f}" for side in (Side.BUY, Side.SELL)]
    one.place(FOO, "a", "buy", "0.5", price=prices[0])
    one.place(FOO, "b", "sell", "0.5", price=prices[1])
    one.wait(20 * SECOND)
    account = one.desk(FOO).accounts[1]
    prints = {one.trade_id: one.at for one in one.world.books[FOO]["btcusdt"].trades(0)}
    assert account.fills() and all(fill.at == prints[fill.trade_id] + 3 * SECOND for fill in account.fills())


def test_without_a_desk_there_is_the_public_side_alone() -> None:
    plugin = trading("foo")
    world = World({FOO: plugin}, Parameters.load(), 1, START, frozenset({Asset("BTC"), Asset("USDT")}))
    house = House(plugin, world.books[FOO], (), 1, START)
    assert not house.is_private and house.endpoints == {"spot": "/v2"} and house.currencies == ()
    reply = house.answer(HttpRequest("GET", "/v2/my/orders"), START)
    assert reply is not None and reply.response.status == 404
    public = House(replace(plugin, trading_sandbox=None), world.books[FOO], (), 1, START, world.desks[FOO])
    assert not public.is_private


def test_maintenance_closes_a_venue_without_a_private_side() -> None:
    plugin = trading("foo")
    house = House(plugin, {}, [Fault("maintenance")], 1, START)
    reply = house.answer(HttpRequest("GET", "/v2/time"), START)
    assert reply is not None and reply.response.status == 503
    refused = house.dial("/v2", START)
    assert not isinstance(refused, int) and refused is not None and refused.status == 503


def test_a_venue_with_a_desk_tells_where_its_stream_is_and_how_coins_move() -> None:
    one = Street(1)
    house = one.houses[FOO]
    assert house.is_private and house.endpoints == TradingVenue({}, one.desk(FOO)).endpoints
    assert [(each.asset, [n.code for n in each.networks]) for each in house.currencies] == [("BTC", ["slow", "quick"])]


@pytest.mark.parametrize("key", [Credentials("nobody", "x"), Credentials(SANDBOX_CREDENTIALS.key, "wrong")])
def test_a_stranger_is_refused(key: Credentials) -> None:
    answer = Street(1).place(FOO, "a", key=key)
    assert answer is not None and (answer.status, answer.document) == (401, {"error": "bad_key"})


class Diligent(TradingSession):
    """Places an order of its own accord at each step, after it has said something."""

    def publish(self, at: Nanos) -> Iterable[Outgoing]:
        yield Say('{"type":"here"}')
        if self._account is not None:
            yield from self._do("POST order", {"s": "btcusdt", "side": "buy", "size": "0.01", "id": str(at)})


class DiligentVenue(TradingVenue):
    def open(self, path: str, at: Nanos) -> SandboxSession | HttpResponse:
        return Diligent(self._books, at, self._counter)


def test_a_fault_on_what_a_session_does_by_itself_ends_nothing() -> None:
    plugin = replace(trading("foo"), trading_sandbox=DiligentVenue)
    world = World({FOO: plugin}, Parameters.load(), 1, START, frozenset({Asset("BTC"), Asset("USDT")}))
    lost = Fault("lost_request", at=25 * MILLISECOND, lasts=20 * MILLISECOND)
    house = House(plugin, world.books[FOO], [lost], 1, START, world.desks[FOO])
    conn = house.dial("/v2/my", START)
    assert isinstance(conn, int)
    house.receive(conn, sign_in(SANDBOX_CREDENTIALS, START), START)
    heard = [len(house.step(START + n * 10 * MILLISECOND)) for n in range(1, 7)]
    placed = [order.created_at - START for order in world.desks[FOO].accounts[1].orders()]
    assert placed == [n * 10 * MILLISECOND for n in (1, 2, 5, 6)] and heard == [3, 2, 1, 1, 2, 2]


def test_two_customers_are_two_accounts() -> None:
    one = Street(1)
    one.place(FOO, "a")
    one.place(FOO, "b", key=SANDBOX_OTHER)
    owners = {id: [o.order.client_id for o in account.orders()] for id, account in one.desk(FOO).accounts.items()}
    assert owners == {1: ["a"], 2: ["b"]}
