"""A simulated venue asks for another connection and ends the old one soon after: no book waits, nothing is asked twice.

The frames are those of the plugins' corpora; what they are from is told there. Bitstamp's simulated venue says its own;
for the others, whose simulated venues never ask, a session says it in their place.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from simulation.arena import START, Arena
from unit.test_overlap import closed, lost, run, with_orders

from cryptopipe import api
from cryptopipe.capture.inputs import ORDERS_OF, Direction
from cryptopipe.clock import MILLISECOND, SECOND, Nanos
from cryptopipe.market.sync import BookState
from cryptopipe.registry import Registry
from cryptopipe.sandbox.faults import Fault

pytestmark = [pytest.mark.core]

AGE: Nanos = 40 * SECOND
ASKED_AT: Nanos = 35 * SECOND
NOTICES = {"okx": "notice", "bitfinex": "restart", "binance": "server_shutdown"}


def installed(venue: str) -> api.ExchangePlugin:
    if venue not in Registry().exchanges():
        pytest.skip(f"{venue} is not installed")
    return Registry().exchange(venue)


def notice_of(venue: str) -> str:
    folder = Path(__file__).parents[2] / "plugins" / f"cryptopipe_{venue}" / "frames"
    return (folder / f"{NOTICES[venue]}.json").read_text("utf-8").strip()


class Asking:
    """A session that asks for another connection, as often as told, and hangs up five seconds after the first time."""

    def __init__(self, session: api.SandboxSession, frame: str, at: Nanos, times: int) -> None:
        self._session, self._frame = session, frame
        self._asks = [at + ASKED_AT + number * 300 * MILLISECOND for number in range(times)]
        self._ends_at = at + AGE

    def receive(self, message: str, at: Nanos) -> Iterable[api.Outgoing]:
        return self._session.receive(message, at)

    def publish(self, at: Nanos) -> Iterable[api.Outgoing]:
        if at >= self._ends_at:
            return (api.HangUp(1001, "going away"),)
        said = list(self._session.publish(at))
        while self._asks and self._asks[0] <= at:
            self._asks.pop(0)
            said.append(api.Say(self._frame))
        return said


class AskingVenue:
    """Whose first session asks; those after it are left alone."""

    def __init__(self, venue: api.SandboxVenue, frame: str, times: int) -> None:
        self.endpoints, self._venue, self._frame, self._times = venue.endpoints, venue, frame, times

    def open(self, path: str, at: Nanos) -> api.SandboxSession | api.HttpResponse:
        opened, times = self._venue.open(path, at), self._times
        if isinstance(opened, api.HttpResponse) or not times:
            return opened
        self._times = 0
        return Asking(opened, self._frame, at, times)

    def answer(self, request: api.HttpRequest, at: Nanos) -> api.HttpResponse:
        return self._venue.answer(request, at)


def asking(venue: str, times: int = 1) -> api.ExchangePlugin:
    plugin, frame = installed(venue), notice_of(venue)
    simulate = plugin.sandbox
    assert simulate is not None
    return replace(plugin, lifetime=None, sandbox=lambda books: AskingVenue(simulate(books), frame, times))


def ageing(orders: bool) -> api.ExchangePlugin:
    """Bitstamp, whose connections may be forty seconds old."""
    plugin = replace(installed("bitstamp"), lifetime=None)
    from cryptopipe_bitstamp.sandbox import BitstampSandbox

    def simulate(books: Mapping[str, api.SimulatedBook]) -> api.SandboxVenue:
        return BitstampSandbox(books, AGE)

    plugin = replace(plugin, sandbox=simulate)
    return with_orders(plugin) if orders else plugin


@cache
def asked(name: str) -> Arena:
    venue, _, kind = name.partition("/")
    if venue == "bitstamp":
        return run(ageing(kind == "orders"), 2 * ASKED_AT + 3 * SECOND)
    return run(asking(venue, 3 if kind == "thrice" else 1), AGE + 2 * SECOND)


def snapshots(arena: Arena, after: Nanos) -> list[str]:
    """Those that were asked for, by symbol."""
    symbols = {one.instrument.symbol for one in arena.syncs()}
    answers = (one for one in arena.inputs if one.direction is Direction.HTTP and one.at > START + after)
    return [one.request for one in answers if one.request.removeprefix(ORDERS_OF) in symbols]


def reasons(arena: Arena) -> Sequence[str]:
    return [one.payload.decode() for one in arena.inputs if one.direction is Direction.CLOSE]


SLOW = ("bitstamp/orders", "bitfinex")
EVERY = pytest.mark.parametrize(
    "name",
    [
        "bitstamp",
        "okx/thrice",
        *(pytest.param(n, marks=pytest.mark.slow) for n in ("bitstamp/orders", "bitfinex", "binance")),
    ],
)


@EVERY
def test_no_book_leaves_live_and_no_snapshot_is_asked_for(name: str) -> None:
    arena = asked(name)
    assert lost(arena) == []
    assert {(one.state, one.gaps) for one in arena.syncs()} == {(BookState.LIVE, 0)}
    assert snapshots(arena, after=5 * SECOND) == []
    assert sum(truth.checked for truth in arena.truths.values()) > 100
    if name != "bitfinex":  # it tells of one change in two frames, so that its tops are not all the engine's
        assert arena.lies() == []


@EVERY
def test_each_connection_is_closed_by_us_for_the_one_beside_it(name: str) -> None:
    arena = asked(name)
    (venue,) = arena.venues.values()
    first = f"{name.partition('/')[0]}#1"
    wanted = [first, f"{first}+"] if name.startswith("bitstamp") else [first]
    assert [one for one in closed(arena) if "orders" not in one] == wanted
    assert all(" carries its books, asked for by the venue: " in reason for reason in reasons(arena))
    assert len(venue.dials) == len(closed(arena)) + 1 + name.endswith("/orders"), "one dial each, and no more"


def test_dials_that_fail_leave_the_old_connection_until_the_venue_ends_it() -> None:
    """The end is then an ordinary one: books are lost with their connection, and found again."""
    arena = run(ageing(orders=False), AGE + 30 * SECOND, Fault("refuse", at=ASKED_AT - SECOND, lasts=10 * SECOND))
    (venue,) = arena.venues.values()
    (ended_at,) = (one.at for one in arena.inputs if one.direction is Direction.CLOSE and one.conn == "bitstamp#1")
    assert AGE <= ended_at - START < AGE + SECOND
    books = [one for one in arena.told if one.at > 5 * SECOND and one.state is not BookState.LIVE]
    assert min(one.at for one in books) == ended_at - START
    assert arena.live() and arena.lies() == []
    refused = [at for at, status, _ in venue.dials if status == 429]
    assert 1 <= len(refused) <= 5, "within the budget of dials"
