"""Private streams of installed venues under faults: what a client that keeps the newest makes of them is the truth.

Each line twice, lines in another order, connections that break and are dialled anew, late answers: our own codec of the
venue's stream, and its own simulated end. Orders are fixed by their furthest report, fills by their ids; after a break
the venue must be asked, so that only what it told before is judged.
"""

from collections.abc import Iterator, Sequence
from random import Random

import pytest
from simulation.arena import START
from simulation.pursuits import calm, uuid_of

from cryptopipe import registry
from cryptopipe.clock import MILLISECOND, SECOND, Nanos
from cryptopipe.drivers.signatory import trading_credentials
from cryptopipe.model.actions import CancelOrder, Lost, PlaceOrder, TimeInForce
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.desk import OrderStatus
from cryptopipe.model.facts import Kind, Side, VenueId
from cryptopipe.model.outcomes import BalanceReport, FillReport, OrderReport, OrderState
from cryptopipe.model.simulated import HangUp
from cryptopipe.model.stream import HttpRequest, HttpResponse
from cryptopipe.sandbox.faults import Fault
from cryptopipe.sandbox.house import House, Reset
from cryptopipe.sandbox.world import World
from cryptopipe.testing.streams import path_of

STEP = 10 * MILLISECOND
INSTALLED = sorted(
    name for name, one in registry.exchanges().items()
    if one.trading_sandbox is not None and one.actions is not None and one.private is not None
)  # fmt: skip
TELLS_NO_FILLS = ("coinbase",)
"""Its stream tells of an order what was filled in all."""
Report = OrderReport | FillReport | BalanceReport


class Listener:
    """One venue, one customer who orders by requests and listens."""

    def __init__(self, name: str, faults: Sequence[Fault]) -> None:
        self.venue, self.plugin = VenueId(name), registry.exchange(name)
        self.world = World({self.venue: self.plugin}, calm(), 3, START)
        books = self.world.books[self.venue]
        self.desk = self.world.desks[self.venue]
        self.house = House(self.plugin, books, faults, 3, START, self.desk)
        self.spot = [one.instrument for one in books.values() if one.instrument.kind is Kind.SPOT][:2]
        assert self.plugin.actions is not None
        self.actions = self.plugin.actions([book.instrument for book in books.values()])
        self.key = trading_credentials({self.venue: self.plugin})[self.venue]
        self.now: Nanos = START
        self.reports: list[Report] = []
        self.losses = self.dials = 0
        self._listening = _Listening(self.plugin, self)

    def wait(self, lasts: Nanos) -> None:
        """Steps, and what is told in them."""
        for _ in range(lasts // STEP):
            self.now += STEP
            self.world.advance(self.now)
            for delivery in self.house.step(self.now):
                if isinstance(delivery.what, Reset | HangUp):
                    self._listening = _Listening(self.plugin, self)
                elif isinstance(delivery.what, str) and delivery.conn == self._listening.conn:
                    self._listening.hear(delivery.what)

    def ask(self, request: HttpRequest) -> HttpResponse | None:
        """Now."""
        sent = HttpRequest(request.method, path_of(request.url), request.headers, request.body)
        got = self.house.answer(sent, self.now)
        return None if got is None else HttpResponse(got.response.status, got.response.body, request.url)

    def order_id(self, client_id: str) -> str:
        """The venue's, as the stream told it: some venues cancel by it alone. Empty if it was not told."""
        told = (one.order_id for one in self.reports if isinstance(one, OrderReport) and one.client_id == client_id)
        return next(told, "")

    def act(self, action: PlaceOrder | CancelOrder) -> None:
        """Whatever is answered."""
        self.ask(self.actions.build(action, self.key, self.now))


class _Listening:
    """One connection."""

    def __init__(self, plugin: ExchangePlugin, owner: Listener) -> None:
        private = plugin.private
        assert private is not None
        owner.dials += 1
        self._owner, self._codec = owner, private.codec(owner.spot)
        asked = private.signer.request(owner.key, owner.now)
        auth = private.signer.auth(owner.key, None if asked is None else owner.ask(asked), owner.now)
        connect = self._codec.connect(auth, owner.now)
        conn = owner.house.dial(path_of(connect.url), owner.now)
        assert isinstance(conn, int), conn
        self.conn = conn
        for text in connect.frames:
            owner.house.receive(conn, text, owner.now)

    def hear(self, text: str) -> None:
        for one in self._codec.decode(text.encode(), self._owner.now):
            if isinstance(one, Report):
                self._owner.reports.append(one)
            elif isinstance(one, Lost):
                self._owner.losses += 1


def busy(listener: Listener, count: int = 24) -> None:
    """Orders that take and that rest, some of which are taken out."""
    random, resting = Random(4), list[PlaceOrder]()
    listener.wait(SECOND)
    for _ in range(count):
        instrument = random.choice(listener.spot)
        engine, rules = listener.world.books[listener.venue][instrument.symbol], instrument.rules
        best = engine.best(Side.BUY)
        assert best is not None and rules is not None
        price = best * rules.tick
        size = 200 // (price * rules.step) * rules.step
        name, far = uuid_of(random), (best * 3 // 4) * rules.tick
        kind = random.choice((TimeInForce.GTC, TimeInForce.IOC, TimeInForce.POST_ONLY))
        limit = far if kind is TimeInForce.POST_ONLY else best * 5 // 4 * rules.tick
        order = PlaceOrder(instrument, Side.BUY, size, limit, name, kind)
        listener.act(order)
        if kind is TimeInForce.POST_ONLY:
            resting.append(order)
        listener.wait(300 * MILLISECOND)
        if resting and random.random() < 0.4:
            out = resting.pop()
            listener.act(CancelOrder(out.instrument, out.client_id, listener.order_id(out.client_id)))
    listener.wait(3 * SECOND)


def furthest(reports: Sequence[Report]) -> Iterator[tuple[str, OrderReport]]:
    known: dict[str, OrderReport] = {}
    for one in reports:
        if isinstance(one, OrderReport):
            last = known.get(one.order_id, one)
            ended = (one.state is not OrderState.OPEN, one.filled) >= (last.state is not OrderState.OPEN, last.filled)
            known[one.order_id] = one if ended else last
    yield from known.items()


def end_of(state: OrderState | OrderStatus) -> str:
    """Some venues have one word for what was taken out and for what ran out."""
    return state.value if state.value in ("open", "filled") else "gone"


AMID = {"at": SECOND // 2, "probability": 0.6}
FAULTS = {
    "none": [],
    "duplicate_event": [Fault("duplicate_event", **AMID)],
    "reorder_event": [Fault("reorder_event", **AMID)],
    "both": [Fault("duplicate_event", **AMID), Fault("reorder_event", **AMID)],
    "late_ack": [Fault("late_ack", **AMID)],
    "lost_response": [Fault("lost_response", **AMID)],
}


@pytest.mark.parametrize("venue", INSTALLED)
@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow) if name != "both" else name
                                  for name in FAULTS])  # fmt: skip
def test_what_a_stream_tells_becomes_the_truth(name: str, venue: str) -> None:
    listener = Listener(venue, FAULTS[name])
    busy(listener)
    account = listener.desk.accounts[1]
    assert len(account.fills()) > 5 and listener.dials == 1
    told = {report.client_id: (end_of(report.state), report.filled) for _, report in furthest(listener.reports)}
    assert told == {one.order.client_id: (end_of(one.status), one.filled) for one in account.orders()}
    if venue in TELLS_NO_FILLS:
        return
    fills = {(one.fill_id, one.price, one.size) for one in listener.reports if isinstance(one, FillReport)}
    assert sorted(one[1:] for one in fills) == sorted((one.price, one.size) for one in account.fills())


@pytest.mark.parametrize("venue", INSTALLED)
def test_a_private_stream_that_breaks_is_signed_in_again(venue: str) -> None:
    listener = Listener(venue, [Fault("drop_private", at=2 * SECOND, lasts=2 * STEP)])
    busy(listener, 10)
    assert listener.dials > 1
    last = max(listener.desk.accounts[1].orders(), key=lambda order: order.order_id)
    assert any(isinstance(one, OrderReport) and one.client_id == last.order.client_id for one in listener.reports)
