"""Faults on actions: what is done and what is answered, by request and by websocket, kind by kind and as laws.

docs/sandbox.md says what each kind does; the venues are the sample of `bitfoo_trading`. Median and spread of the delay
of an answer are 20 ms and 0 here, so that its time is known.
"""

from decimal import Decimal as D
from random import Random

import pytest
from simulation.bitfoo_trading import WINDOW
from simulation.street import BAR, FOO, MILLISECOND, SECOND, Answer, Street

from cryptopipe.clock import Nanos
from cryptopipe.model.desk import OrderStatus
from cryptopipe.model.simulated import SANDBOX_CREDENTIALS, SANDBOX_OTHER
from cryptopipe.model.stream import HttpRequest, HttpResponse
from cryptopipe.sandbox.fault_kinds import ACTION_KINDS, Scope
from cryptopipe.sandbox.faults import Fault

ACK: Nanos = 20 * MILLISECOND
EARLY: Nanos = 100 * MILLISECOND
LOW = "50000"
"""A price at which a buyer's order rests."""


def street(*faults: Fault, seed: int = 1) -> Street:
    """At 100 ms after the start."""
    one = Street(seed, faults, ack_spread=0)
    one.wait(EARLY)
    return one


def on(kind: str, of: str = "any", **values: int) -> Fault:
    return Fault(kind, values=values, words={"of": of})


def ids(one: Street, venue: str = FOO) -> list[str]:
    return [order.order.client_id for order in one.orders(FOO if venue == FOO else BAR)]


def test_an_action_takes_effect_at_once_and_is_answered_later() -> None:
    one = street()
    answer = one.place(FOO, "a")
    assert [order.status for order in one.orders(FOO)] == [OrderStatus.FILLED]
    assert one.orders(FOO)[0].created_at == one.now
    assert answer is not None and (answer.status, answer.at) == (200, EARLY + ACK)
    asked = one.ask(FOO, "GET orders")
    assert asked is not None and asked.at == EARLY


def test_answers_take_as_long_as_their_law_says() -> None:
    one = Street(1)
    answers = [one.place(FOO, str(n), price=LOW) for n in range(200)]
    waits = sorted(answer.at / MILLISECOND for answer in answers if answer is not None)
    assert 18 < waits[100] < 22  # median 20; of 200 draws its standard error is 0.7
    assert 8 < waits[4] < 11.5 and 34 < waits[195] < 52  # 2 % and 98 % of a lognormal: 20 * exp(-+ 2.05 * 0.4)


def test_another_connection_may_hear_of_an_order_before_its_answer() -> None:
    one = street()
    orders, watches = one.listen(FOO), one.listen(FOO)
    one.say(FOO, orders, op="POST order", s="btcusdt", id="a", side="buy", size="0.01")
    one.wait(EARLY + SECOND)
    own = [(at, text["type"]) for at, text in one.told[FOO, orders]]
    assert own[:3] == [(EARLY + 10 * MILLISECOND, "signed in"), (EARLY + ACK, "ack"), (EARLY + ACK, "event")]
    other = [at for at, text in one.told[FOO, watches] if text["type"] == "event"]
    assert other[0] == EARLY + 10 * MILLISECOND


ACTIONS = {
    "order": lambda one: one.place(FOO, "new"),
    "cancel": lambda one: one.ask(FOO, "DELETE order", id="old"),
}


def had(one: Street) -> None:
    """An order rests."""
    answer = one.place(FOO, "old", price=LOW)
    assert answer is not None and answer.status == 200


def done(one: Street, of: str) -> bool:
    return "new" in ids(one) if of == "order" else one.orders(FOO)[0].status is OrderStatus.CANCELLED


CASES = [
    (on("lost_request"), False, None),
    (on("lost_response"), True, None),
    (on("late_ack", delay=3 * SECOND), True, (3 * SECOND + ACK, 200)),
    (on("action_5xx", status=504), False, (ACK, 504)),
    (on("action_5xx", status=502, done=1), True, (ACK, 502)),
    (on("reject"), False, (ACK, 503)),
]


@pytest.mark.parametrize("of", ACTIONS)
@pytest.mark.parametrize(("fault", "is_done", "answered"), CASES, ids=[f"{c[0].kind} {c[1]}" for c in CASES])
def test_what_is_done_and_what_is_answered(
    fault: Fault, is_done: bool, answered: tuple[Nanos, int] | None, of: str
) -> None:
    one = street(later(fault))
    had(one)
    one.wait(SECOND)
    answer = ACTIONS[of](one)
    assert done(one, of) is is_done
    assert (None if answer is None else (answer.at - SECOND, answer.status)) == answered


def later(fault: Fault) -> Fault:
    return Fault(fault.kind, SECOND // 2, fault.lasts, "", 1, fault.values, fault.words)


@pytest.mark.parametrize(("fault", "is_done", "answered"), CASES, ids=[f"{c[0].kind} {c[1]}" for c in CASES])
def test_what_is_done_and_what_is_answered_on_a_websocket(
    fault: Fault, is_done: bool, answered: tuple[Nanos, int] | None
) -> None:
    one = street(fault)
    conn = one.listen(FOO)
    one.say(FOO, conn, op="POST order", s="btcusdt", id="new", side="buy", size="0.01")
    one.wait(EARLY + 5 * SECOND)
    assert done(one, "order") is is_done
    acks = [(at - EARLY, text) for at, text in one.told[FOO, conn] if text["type"] == "ack"]
    if answered is None or fault.kind == "action_5xx":
        assert acks == []
    else:
        ((at, text),) = acks
        assert (at, text["answer"].get("error", "")) == (answered[0], "busy" if fault.kind == "reject" else "")
    fills = [text for text in one.heard(FOO, conn, "event") if "fill" in text]
    assert len(fills) == is_done


def test_a_late_answer_is_overtaken_by_what_it_is_about() -> None:
    one = street(on("late_ack", delay=SECOND))
    conn = one.listen(FOO)
    one.say(FOO, conn, op="POST order", s="btcusdt", id="new", side="buy", size="0.01")
    one.wait(EARLY + 2 * SECOND)
    kinds = [text["type"] for _, text in one.told[FOO, conn]]
    assert kinds == ["signed in", *["event"] * (len(kinds) - 2), "ack"] and len(kinds) > 3


def test_an_order_whose_answer_was_lost_is_found_by_its_id() -> None:
    one = street(on("lost_response"))
    assert one.place(FOO, "a") is None
    found = one.ask(FOO, "GET order", id="a")
    assert found is not None and found.document["state"] == "filled"
    again = one.ask(FOO, "GET order", id="b")
    assert again is not None and (again.status, again.document) == (404, {"error": "unknown_order"})


@pytest.mark.parametrize("step", [10 * MILLISECOND, 130 * MILLISECOND])
def test_a_late_request_is_done_when_it_arrives(step: Nanos) -> None:
    one = Street(1, [on_requests(2 * SECOND)], ack_spread=0, step=step)
    one.wait(EARLY)
    assert one.place(FOO, "a") is None
    one.wait(EARLY + 2 * SECOND - step)
    early = one.ask(FOO, "GET order", id="a")
    one.wait(EARLY + 3 * SECOND)
    found = one.ask(FOO, "GET order", id="a")
    assert early is not None and found is not None and (early.status, found.status) == (404, 200)
    assert [order.created_at for order in one.orders(FOO)] == [one.start + EARLY + 2 * SECOND], "whatever the steps"


def test_a_request_that_is_too_late_for_its_signature_does_nothing() -> None:
    one = street(on_requests(WINDOW + SECOND))
    assert one.place(FOO, "a") is None
    one.wait(EARLY + 20 * SECOND)
    assert ids(one) == []


def on_requests(delay: Nanos) -> Fault:
    return Fault("late_request", values={"delay": delay})


def test_what_the_venue_refuses_is_answered_whatever_is_lost() -> None:
    one = street(on("lost_response"), on("action_5xx", done=1), on("late_ack"))
    answer = one.place(FOO, "a", size="90000")
    assert answer is not None and (answer.at, answer.status) == (EARLY + ACK, 400)


@pytest.mark.parametrize("kind", ["lost_request", "lost_response", "late_ack", "action_5xx", "reject"])
def test_a_fault_hits_the_actions_that_it_is_of(kind: str) -> None:
    one = street(on(kind, "cancel"))
    before = one.place(FOO, "old", price=LOW)
    assert before is not None and (before.status, before.at) == (200, EARLY + ACK)
    hit = one.ask(FOO, "DELETE order", id="old")
    assert hit is None or (hit.status, hit.at) != (200, EARLY + ACK)


def test_a_fault_is_at_its_venue() -> None:
    one = street(Fault("lost_request", venue="bar"))
    assert one.place(BAR, "a") is None and one.place(FOO, "a") is not None
    assert ids(one, BAR) == [] and ids(one) == ["a"]


def test_a_public_error_comes_before_anything_is_done() -> None:
    one = street(Fault("http_5xx", values={"status": 502}))
    answer = one.place(FOO, "a")
    assert answer is not None and answer.status == 502 and ids(one) == []


@pytest.mark.parametrize("more", [{}, {"tif": "ioc", "price": "70000"}], ids=["market", "ioc"])
def test_a_partial_execution(more: dict[str, str]) -> None:
    one = street(Fault("partial", values={"share": 250_000_000}))
    answer = one.place(FOO, "a", size="0.04", **more)
    assert answer is not None and answer.document["filled"] == "0.01000"
    assert answer.document["state"] == "expired"


def test_orders_after_a_partial_execution_are_whole_again() -> None:
    one = street(Fault("partial", lasts=SECOND, values={"share": 250_000_000}))
    one.place(FOO, "a", size="0.04")
    one.wait(2 * SECOND)
    one.place(FOO, "b", size="0.04")
    assert [order.filled for order in one.orders(FOO)] == [D("0.01"), D("0.04")]


def test_an_order_that_rests_or_must_be_whole_is_not_cut() -> None:
    one = street(Fault("partial", values={"share": 250_000_000}))
    limit, whole = one.place(FOO, "a", size="0.04", price="70000"), one.place(FOO, "b", tif="fok", price="70000")
    assert limit is not None and whole is not None
    assert [answer.document["state"] for answer in (limit, whole)] == ["filled", "filled"]


def test_maintenance_is_the_venues_own_answer_to_everything() -> None:
    one = street(Fault("maintenance", at=SECOND, lasts=SECOND, venue="foo"))
    had(one)
    one.wait(1_500 * MILLISECOND)
    for path in ("/v2/time", "/v2/my/orders"):
        reply = one.houses[FOO].answer(HttpRequest("GET", path), one.now)
        assert reply is not None and (reply.response.status, reply.response.body) == (503, b'{"error": "back soon"}')
    refused = one.houses[FOO].dial("/v2", one.now)
    assert isinstance(refused, HttpResponse) and refused.status == 503
    elsewhere = one.place(BAR, "a")
    assert elsewhere is not None and elsewhere.status == 200
    one.wait(2 * SECOND)
    assert one.ask(FOO, "GET order", id="old") is not None and isinstance(one.listen(FOO), int)


def networks(one: Street) -> dict[str, list[bool]]:
    answer = one.ask(FOO, "GET networks")
    assert answer is not None
    shown: dict[str, list[bool]] = answer.document
    return shown


OPEN = {"BTC slow": [True, True], "BTC quick": [True, True]}


@pytest.mark.parametrize(
    ("words", "shut"),
    [
        ({}, {"BTC slow": [False, False], "BTC quick": [False, False]}),
        ({"network": "slow"}, {"BTC slow": [False, False]}),
        ({"asset": "ETH"}, {}),
        ({"asset": "BTC", "of": "withdrawals"}, {"BTC slow": [True, False], "BTC quick": [True, False]}),
    ],
    ids=["all", "network", "another asset", "way out"],
)
def test_a_suspended_wallet_is_shown_as_shut(words: dict[str, str], shut: dict[str, list[bool]]) -> None:
    one = street(Fault("suspended_wallet", at=SECOND, lasts=SECOND, words=words))
    seen = []
    for second in (0.5, 1.5, 2.5):
        one.wait(round(second * SECOND))
        seen.append(networks(one))
    assert seen == [OPEN, OPEN | shut, OPEN]


def test_events_are_told_twice() -> None:
    one, plain = street(Fault("duplicate_event")), street()
    for each in (one, plain):
        each.listen(FOO)
        each.place(FOO, "a")
        each.wait(EARLY + SECOND)
    told, true = (texts(each) for each in (one, plain))
    assert told == [text for text in true for _ in range(2)] and len(true) > 3


def test_events_change_places() -> None:
    one, plain = street(Fault("reorder_event")), street()
    for each in (one, plain):
        each.listen(FOO)
        each.place(FOO, "a")
        each.wait(EARLY + 2 * SECOND)
    told, true = (texts(each) for each in (one, plain))
    pairs = [true[n : n + 2] for n in range(0, len(true), 2)]
    assert told == [text for pair in pairs for text in reversed(pair)] and len(pairs) > 1


def test_a_line_that_nothing_follows_comes_after_a_second() -> None:
    one = street(Fault("reorder_event"))
    conn = one.listen(FOO)
    one.place(FOO, "a")
    one.wait(EARLY + SECOND - 10 * MILLISECOND)
    heard = len(one.heard(FOO, conn, "event"))
    one.wait(EARLY + SECOND)
    one.wait(EARLY + SECOND + 10 * MILLISECOND)
    assert (heard, len(one.heard(FOO, conn, "event"))) == (4, 5)
    assert len(one.desk(FOO).accounts[1].events(0)) == 5


def texts(one: Street) -> list[dict[str, object]]:
    (told,) = one.told.values()
    events = [text for _, text in told if text["type"] == "event"]
    assert [event["number"] for event in events] == list(range(1, len(events) + 1))
    return [{key: value for key, value in event.items() if key != "number"} for event in events]


def test_only_connections_that_tell_of_an_account_are_dropped() -> None:
    one = street(Fault("drop_private", at=SECOND, lasts=SECOND))
    private = one.listen(FOO)
    public = one.houses[FOO].dial("/v2", one.now)
    assert isinstance(public, int)
    one.wait(3 * SECOND)
    assert one.broken == [(SECOND, FOO, private)] and one.houses[FOO].connections == (public,)


def test_an_old_market_is_shown_and_the_account_of_now() -> None:
    one = street(Fault("stale_snapshot", at=SECOND, values={"age": SECOND}))
    one.wait(3 * SECOND)
    book = one.world.books[FOO]["btcusdt"]
    reply = one.houses[FOO].answer(HttpRequest("GET", "/v2/book?s=btcusdt"), one.now)
    assert reply is not None and f'"seq":{book.number}'.encode() not in reply.response.body
    assert one.place(FOO, "a") is not None and ids(one) == ["a"]
    found = one.ask(FOO, "GET order", id="a")
    assert found is not None and found.document["state"] == "filled"


# Laws, under every kind of fault at once or alone.

OF_ACTIONS = [kind for kind, one in ACTION_KINDS.items() if one.scope in (Scope.ACTION, Scope.EVENT)]
MIXES = [(kind,) for kind in ACTION_KINDS] + [tuple(OF_ACTIONS), ("lost_response", "reorder", "duplicate", "delay")]


def troubles(kinds: tuple[str, ...]) -> list[Fault]:
    chance = {kind: 0.5 if len(kinds) == 1 else 0.2 for kind in kinds}
    drawn = [Fault(kind, SECOND, 3 * SECOND, "", chance[kind]) for kind in kinds if not certain(kind)]
    return drawn + [Fault(kind, SECOND, SECOND) for kind in kinds if certain(kind)]


def certain(kind: str) -> bool:
    return kind in ACTION_KINDS and ACTION_KINDS[kind].scope is Scope.VENUE


def busy(one: Street, random: Random, count: int) -> dict[str, Answer | None]:
    """Two customers place and cancel, until four seconds are over: the answers to what they placed, by id."""
    placed: dict[str, Answer | None] = {}
    one.listen(FOO)
    for n in range(count):
        one.wait(EARLY + n * 4 * SECOND // count)
        key = SANDBOX_CREDENTIALS if random.random() < 0.7 else SANDBOX_OTHER
        name, side, size = str(n), random.choice(("buy", "sell")), f"0.0{random.randint(1, 9)}"
        price = "" if random.random() < 0.5 else {"buy": LOW, "sell": "70000"}[side]
        placed[name] = one.place(FOO, name, side, size, price, key=key)
        if random.random() < 0.3:
            one.ask(FOO, "DELETE order", id=random.choice(list(placed)))
    one.wait(7 * SECOND)
    return placed


@pytest.mark.parametrize("kinds", MIXES, ids="+".join)
def test_laws_of_whatever_goes_wrong(kinds: tuple[str, ...]) -> None:
    one = street(*troubles(kinds), seed=3)
    placed = busy(one, Random(5), 60)
    accounts = one.desk(FOO).accounts.values()
    done = [order.order.client_id for account in accounts for order in account.orders()]
    assert len(set(done)) == len(done), "an order was placed twice"
    for name, answer in placed.items():
        if answer is not None and answer.status == 200:
            assert name in done
        elif answer is not None and answer.status == 400:
            assert name not in done
    if kinds == ("lost_response",):
        assert set(done) == set(placed)
    if kinds == ("lost_request",):
        assert set(done) == {name for name, answer in placed.items() if answer is not None}
    conserved(one)
    converges(one)


def conserved(one: Street) -> None:
    """What customers have, and what the flow and the venue got of them, is what they began with: to the last unit."""
    desk = one.desk(FOO)
    for asset in ("BTC", "USDT"):
        held = sum((b.free + b.locked for account in desk.accounts.values()
                    for name, b in account.balances().items() if name == asset), D(0))  # fmt: skip
        fills = [fill for account in desk.accounts.values() for fill in account.fills()]
        sign = {"buy": 1, "sell": -1}
        bought = sum((sign[fill.side.value] * fill.size for fill in fills), D(0))
        spent = sum((sign[fill.side.value] * fill.size * fill.price for fill in fills), D(0))
        fees = sum((fill.fee.amount for fill in fills if fill.fee.asset == asset), D(0))
        began = len(desk.accounts) * (D(2) if asset == "BTC" else D(100_000))
        assert held == began + (bought if asset == "BTC" else -spent) - fees
    prints = {print.trade_id for print in one.world.books[FOO]["btcusdt"].trades(0)}
    assert {fill.trade_id for account in desk.accounts.values() for fill in account.fills()} <= prints


def converges(one: Street) -> None:
    """A client that keeps of each order the furthest state that it heard, and each fill once, has what the venue has;
    of each balance it heard the true one among those of the newest time. A connection that broke tells no end.
    """
    if one.broken:
        return
    (told,) = one.told.values()
    events = [text for _, text in told if text["type"] == "event"]
    orders: dict[int, dict[str, object]] = {}
    for order in (event["order"] for event in events if "order" in event):
        known = orders.setdefault(order["order"], order)
        if (order["state"] != "open", D(order["filled"])) >= (known["state"] != "open", D(str(known["filled"]))):
            orders[order["order"]] = order
    account = one.desk(FOO).accounts[1]
    assert {n: (o["state"], D(str(o["filled"]))) for n, o in orders.items()} == {
        o.order_id: (o.status.value, o.filled) for o in account.orders()
    }
    assert {e["fill"]["fill"] for e in events if "fill" in e} == {fill.fill_id for fill in account.fills()}
    for asset, true in account.balances().items():
        of_asset = [e for e in events if "balance" in e and e["balance"][1] == asset]
        newest = max(e["at"] for e in of_asset)
        assert [D(true.free), D(true.locked)] in [[*map(D, e["balance"][2:])] for e in of_asset if e["at"] == newest]
