"""Kraken's private stream: our codec against the pages' frames; the simulated venue's against pages and REST.

The plugin's `private_frames/*.json` are the examples of the pages executions and balances (see its README); `frames`
gives them, with the named fields of the last changed.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from conformance.kraken_stage import KRAKEN, SECOND, START, Socket, Stage
from msgspec.structs import replace

import cryptopipe_kraken as plugins
from cryptopipe.api import (
    SANDBOX_CREDENTIALS,
    SANDBOX_OTHER,
    SANDBOX_READER,
    SANDBOX_TRADER,
    BalanceReport,
    Fee,
    FillReport,
    HttpResponse,
    Lost,
    OrderReport,
    OrderState,
    ProtocolError,
    RateLimited,
    Side,
    StreamAuth,
    VenueError,
    VenueUnavailable,
)
from cryptopipe.sandbox.faults import Fault
from cryptopipe.testing.mutations import mutations
from cryptopipe_kraken.private import TOKEN_LIFE, KrakenPrivate, KrakenPrivateSigner

D = Decimal
FRAMES = Path(plugins.__file__).parent / "private_frames"
BTC = KRAKEN.instruments.find("BTC/USD")
FIRST, SECOND_STAMP, THIRD = (1_695_378_785_709_000_000 + part for part in (950_000, 982_000, 998_000))
ORDER = "OK4GJX-KSTLS-7DZZO5"


def fresh() -> KrakenPrivate:
    codec = KrakenPrivate([BTC])
    codec.connect(StreamAuth(token="t"), START)
    return codec


def frames(name: str, count: int, **changes: object) -> list[bytes]:
    """The first so many, numbered from 1, the last one with other fields."""
    told = json.loads((FRAMES / f"{name}.json").read_bytes())[:count]
    told[-1]["data"][0] |= changes
    return [json.dumps(one | {"sequence": number}).encode() for number, one in enumerate(told, 1)]


def alone(**changes: object) -> bytes:
    """The end of the order, told first."""
    return json.dumps(json.loads(frames("executions", 4, **changes)[3]) | {"sequence": 1}).encode()


def decoded(codec: KrakenPrivate, texts: Sequence[bytes | str]) -> list[Any]:
    return [one for text in texts for one in codec.decode(text.encode() if isinstance(text, str) else text, START)]


# --- our codec, against the pages ---


def test_an_orders_life_as_the_page_tells_it() -> None:
    size, price = D("0.005"), D("26500.0")
    opened, new, traded, gone = frames("executions", 4)
    codec = fresh()
    common = (BTC, ORDER, "", Side.SELL)
    assert decoded(codec, [opened]) == [
        OrderReport(*common, OrderState.OPEN, size, price, D(0), D("0.0"), (), FIRST),
    ]
    assert decoded(codec, [new]) == [
        OrderReport(*common, OrderState.OPEN, size, price, D(0), D(0), (), SECOND_STAMP),
    ]
    fee = Fee(D("0.3458"), BTC.quote)
    assert decoded(codec, [traded]) == [
        FillReport(BTC, "TGBB7L-HT5LX-J3BZ4A", ORDER, "", Side.SELL, D("26599.9"), size, fee, False, THIRD)
    ]
    (ended,) = decoded(codec, [gone])
    assert (ended.state, ended.reason, ended.size, ended.filled) == (OrderState.CANCELLED, "User requested", size, 0)


@pytest.mark.parametrize(
    ("event", "state"),
    [
        ("canceled", OrderState.CANCELLED),
        ("expired", OrderState.EXPIRED),
        ("filled", OrderState.FILLED),
        ("rejected", OrderState.REJECTED),
    ],
)
def test_each_end_is_one_state(event: str, state: OrderState) -> None:
    (*_, told) = decoded(fresh(), frames("executions", 4, exec_type=event, cum_qty=0.003, cum_cost=79.7))
    assert (told.state, told.filled, told.spent) == (state, D("0.003"), D("79.7"))


def test_what_a_trade_adds_up_to_is_told_with_it() -> None:
    more = {"cum_qty": 0.005, "cum_cost": 132.9995, "liquidity_ind": "m", "cl_ord_id": "mine"}
    fill, order = decoded(fresh(), frames("executions", 3, **more))[2:]
    assert (fill.maker, fill.client_id) == (True, "mine")
    assert (order.state, order.filled, order.spent) == (OrderState.OPEN, D("0.005"), D("132.9995"))


def test_balances_are_those_of_the_wallet_that_pays() -> None:
    told = decoded(fresh(), frames("balances", 2))
    assert [(one.asset, one.free, one.locked) for one in told] == [
        ("BTC", D("1.2"), 0),
        ("MATIC", D(300), 0),
        ("USD", D("80595.4943"), 0),
        ("BTC", D("0.02"), 0),
    ]
    assert decoded(fresh(), frames("balances", 2, wallet_type="earn"))[3:] == []


def test_a_number_that_is_missing_is_lost_and_one_that_comes_again_is_nothing() -> None:
    opened, new, traded, _ = frames("executions", 4)
    gap = decoded(fresh(), [opened, traded])
    assert gap[1] == Lost("sequence gap on kraken executions: expected 2, got 3")
    assert isinstance(gap[2], FillReport)
    assert len(decoded(fresh(), [opened, new, new, opened])) == 2
    apart = [*frames("balances", 1), opened, new, frames("balances", 2)[1]]
    assert not any(isinstance(one, Lost) for one in decoded(fresh(), apart))  # each channel counts by itself


def test_an_order_that_was_not_told_of_is_lost() -> None:
    for event in ("canceled", "new", "amended"):
        (told,) = decoded(
            fresh(), [frames("executions", 4, exec_type=event)[3].replace(b'sequence": 4', b'sequence": 1')]
        )
        assert told == Lost(f"{event} of order {ORDER}, which was not told of")


def test_an_order_is_forgotten_with_its_end() -> None:
    told = frames("executions", 4)
    again = json.dumps(json.loads(told[3]) | {"sequence": 5}).encode()
    assert isinstance(decoded(fresh(), [*told, again])[-1], Lost)
    past = json.loads(told[2]) | {"type": "snapshot", "sequence": 1}
    later = json.dumps(json.loads(told[3]) | {"sequence": 2}).encode()
    fill, end = decoded(fresh(), [json.dumps(past).encode(), later])
    assert isinstance(fill, FillReport) and isinstance(end, Lost)  # an execution of long ago opens nothing


def test_an_event_that_nobody_knows_is_lost() -> None:
    assert isinstance(decoded(fresh(), frames("executions", 4, exec_type="teleported"))[-1], Lost)


def test_a_new_dial_forgets_the_old_one() -> None:
    codec = fresh()
    decoded(codec, frames("executions", 2))
    connect = codec.connect(StreamAuth(token="another"), START)
    assert connect.url == "wss://ws-auth.kraken.com/v2"
    wanted = [json.loads(text)["params"] for text in connect.frames]
    assert [(one["channel"], one["token"]) for one in wanted] == [("executions", "another"), ("balances", "another")]
    told = decoded(codec, [alone()])
    assert [type(one) for one in told] == [Lost]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("ESession:Invalid session", VenueError),
        ("EGeneral:Permission denied", VenueError),
        ("EService:Unavailable", VenueUnavailable),
        ("EAPI:Rate limit exceeded", RateLimited),
        ("Exceeded msg rate", RateLimited),
    ],
)
def test_a_refused_subscription_is_an_error(error: str, kind: type[VenueError]) -> None:
    frame = json.dumps({"method": "subscribe", "success": False, "error": error}).encode()
    with pytest.raises(VenueError, match=error) as caught:
        list(fresh().decode(frame, START))
    assert type(caught.value) is kind


@pytest.mark.parametrize("name", ["executions", "balances"])
def test_no_mutation_of_a_frame_raises_anything_else(name: str) -> None:
    for count in range(1, len(json.loads((FRAMES / f"{name}.json").read_bytes())) + 1):
        *before, last = frames(name, count)
        for mutated in mutations(last, 60):
            codec = fresh()
            decoded(codec, before)
            with suppress(ProtocolError, VenueError):
                list(codec.decode(mutated, START))


# --- the signer ---


def test_a_token_is_asked_for_and_never_quoted() -> None:
    signer, stage = KrakenPrivateSigner(), Stage()
    assert signer.good_for == TOKEN_LIFE == 900 * SECOND
    request = signer.request(SANDBOX_CREDENTIALS, stage.now)
    assert request is not None and request.url.endswith("/0/private/GetWebSocketsToken")
    path = "/" + request.url.split("/", 3)[3]
    auth = signer.auth(SANDBOX_CREDENTIALS, stage.send(replace(request, url=path)), stage.now)
    assert auth.token and auth.token not in repr(auth)
    for body in (b'{"error":["EAPI:Invalid key"]}', b'{"error":[],"result":{"token":1,"expires":"secret"}}', b"{"):
        with pytest.raises((VenueError, ProtocolError)) as caught:
            signer.auth(SANDBOX_CREDENTIALS, HttpResponse(200, body), stage.now)
        assert "secret" not in str(caught.value)


# --- the simulated venue ---


@pytest.fixture
def stage() -> Stage:
    return Stage()


def rows(heard: Sequence[Any], channel: str = "executions") -> list[Any]:
    return [row for one in heard if one.get("channel") == channel for row in one["data"]]


def replies(heard: Sequence[Any]) -> list[Any]:
    return [one for one in heard if "method" in one]


def low(stage: Stage) -> float:
    return float(round(stage.best()[0] * 0.9, 1))


def resting(stage: Stage) -> str:
    """The id of an order that nobody takes."""
    added = stage.call("AddOrder", pair="XBTUSD", type="buy", ordertype="limit", price=low(stage), volume="0.1")
    return str(added["txid"][0])


def test_the_socket_tells_what_requests_tell(stage: Stage) -> None:
    """Reports of our codec, against OpenOrders, TradesHistory and Balance of the same account."""
    socket, codec = Socket(stage), fresh()
    for text in codec.connect(StreamAuth(token=socket.token), stage.now).frames:
        stage.house.receive(socket.conn, text, stage.now)
    socket.hear()
    bid, ask = stage.best()
    for more in (
        {"ordertype": "market", "volume": "0.3"},
        {"ordertype": "limit", "price": low(stage), "volume": "0.1", "cl_ord_id": "mine"},
        {"ordertype": "limit", "price": round(ask + 500, 1), "volume": "0.2", "timeinforce": "IOC"},
        {"ordertype": "limit", "price": low(stage), "volume": "0.2", "timeinforce": "IOC"},
        {"ordertype": "limit", "price": round(bid - 0.1, 1), "volume": "0.05", "oflags": "post"},
    ):
        stage.call("AddOrder", pair="XBTUSD", type="buy", **more)
        socket.hear()
    socket.hear(20 * SECOND)
    stage.call("CancelOrder", cl_ord_id="mine")
    socket.hear()
    told = decoded(codec, socket.texts)
    assert not [one for one in told if isinstance(one, Lost)]
    fills = {one.fill_id: one for one in told if isinstance(one, FillReport)}
    assert len(fills) == sum(isinstance(one, FillReport) for one in told)
    asked = stage.call("TradesHistory")["trades"]
    assert fills.keys() == asked.keys()
    for name, one in asked.items():
        fill = fills[name]
        assert (fill.order_id, fill.side, fill.maker) == (one["ordertxid"], Side(one["type"]), one["maker"])
        assert (fill.price, fill.size) == (D(one["price"]), D(one["vol"]))
        assert fill.fee == Fee(D(one["fee"]), BTC.quote)
    last = {one.order_id: one for one in told if isinstance(one, OrderReport)}
    for name, one in stage.call("QueryOrders", txid=",".join(last)).items():
        state = {"closed": OrderState.FILLED, "canceled": OrderState.CANCELLED, "open": OrderState.OPEN}[one["status"]]
        assert (last[name].state, last[name].filled, last[name].spent) == (state, D(one["vol_exec"]), D(one["cost"]))
        assert last[name].client_id == one.get("cl_ord_id", "")
    money = {str(one.asset): one.free + one.locked for one in told if isinstance(one, BalanceReport)}
    held = stage.call("Balance")
    assert (money["BTC"], money["USD"]) == (D(held["XXBT"]), D(held["ZUSD"]))


def test_the_channel_tells_an_orders_life_in_the_pages_words(stage: Stage) -> None:
    socket = Socket(stage)
    socket.say("subscribe", channel="executions")
    (reply,) = [one for one in replies(socket.hear()) if one["method"] == "subscribe"]
    assert reply["success"] and reply["req_id"] == 7 and reply["result"]["channel"] == "executions"
    txid = stage.call("AddOrder", pair="XBTUSD", type="buy", ordertype="limit", price=low(stage), volume="0.1")["txid"][
        0
    ]
    stage.call("CancelOrder", txid=txid)
    heard = socket.hear()
    assert [row["exec_type"] for row in rows(heard)] == ["pending_new", "new", "canceled"]
    numbers = [one["sequence"] for one in socket.frames if one.get("channel") == "executions"]
    assert numbers == list(range(1, len(numbers) + 1))
    opened, new, gone = rows(heard)
    assert {"symbol": "BTC/USD", "order_qty": 0.1, "side": "buy", "time_in_force": "GTC"}.items() <= opened.items()
    assert set(new) == {"timestamp", "order_status", "exec_type", "order_userref", "order_id"}
    assert gone["reason"] == "User requested" and "symbol" not in gone


def test_a_snapshot_has_open_orders_and_the_latest_fifty_executions(stage: Stage) -> None:
    txid = stage.call("AddOrder", pair="XBTUSD", type="buy", ordertype="limit", price=low(stage), volume="0.1")["txid"][
        0
    ]
    stage.call("AddOrder", pair="XBTUSD", type="buy", ordertype="market", volume="0.1")
    told = set(stage.call("TradesHistory")["trades"])
    for wanted, kinds in (
        ({}, {"new"}),
        ({"snap_trades": True}, {"new", "trade"}),
        ({"snap_trades": True, "snap_orders": False}, {"trade"}),
    ):
        socket = Socket(stage)
        socket.say("subscribe", channel="executions", **wanted)
        (first,) = [one for one in socket.hear() if one.get("type") == "snapshot"]
        assert {row["exec_type"] for row in first["data"]} == kinds and first["sequence"] == 1
        assert {row["order_id"] for row in first["data"] if row["exec_type"] == "new"} <= {txid}
        assert {row["exec_id"] for row in first["data"] if row["exec_type"] == "trade"} in (told, set())


def test_transitions_are_left_out_where_they_are_not_wanted(stage: Stage) -> None:
    socket = Socket(stage)
    socket.say("subscribe", channel="executions", order_status=False)
    socket.hear()
    stage.call("AddOrder", pair="XBTUSD", type="buy", ordertype="market", volume="0.01")
    assert [row["exec_type"] for row in rows(socket.hear())] == ["new", "filled"]


def test_every_line_of_the_ledger_is_told_as_a_balance(stage: Stage) -> None:
    socket = Socket(stage)
    socket.say("subscribe", channel="balances")
    (first,) = [one for one in socket.hear() if one.get("type") == "snapshot"]
    before = {row["asset"]: D(str(row["balance"])) for row in first["data"]}
    assert before["USD"] == 100000 and before["BTC"] == 2
    stage.call("AddOrder", pair="XBTUSD", type="buy", ordertype="market", volume="0.25")
    told = rows(socket.hear(SECOND), "balances")
    for row in told:
        before[row["asset"]] += D(str(row["amount"])) - D(str(row["fee"]))
        assert before[row["asset"]] == D(str(row["balance"]))
    held = stage.call("Balance")
    assert (before["BTC"], before["USD"]) == (D(held["XXBT"]), D(held["ZUSD"]))
    assert {row["ledger_id"] for row in told} == set(stage.call("Ledgers")["ledger"])


def test_orders_are_placed_and_cancelled_by_socket(stage: Stage) -> None:
    socket = Socket(stage)
    common = {"order_type": "limit", "side": "buy", "symbol": "BTC/USD", "limit_price": low(stage), "order_qty": 0.1}
    for more in ({"cl_ord_id": "mine"}, {"order_userref": 5}, {}):
        socket.say("add_order", **common, **more)
    by_id, by_number, plain = (one["result"] for one in replies(socket.hear()) if one["method"] == "add_order")
    assert by_id["cl_ord_id"] == "mine" and by_number["order_userref"] == 5
    assert set(stage.call("OpenOrders")["open"]) == {one["order_id"] for one in (by_id, by_number, plain)}
    socket.say("cancel_order", cl_ord_id=["mine"])
    socket.say("cancel_order", order_id=[by_number["order_id"], by_number["order_id"]])
    done = replies(socket.hear())
    assert [one["success"] for one in done] == [True, True, False] and done[2]["error"] == "EOrder:Unknown order"
    socket.say("cancel_all")
    assert [one["result"] for one in replies(socket.hear())] == [{"count": 1}]
    socket.say("add_order", **common, validate=True)
    assert [one["success"] for one in replies(socket.hear())] == [True] and not stage.call("OpenOrders")["open"]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"order_qty": 50}, "EOrder:Insufficient funds"),  # fixtures/kraken/errors.json, insufficient_funds_ws
        ({"symbol": "NO/SUCH"}, "EQuery:Unknown asset pair"),
        ({"limit_price": 100.01}, "EOrder:Invalid price:BTC/USD price can only be specified up to 1 decimals."),
        ({"order_qty": 1e-8}, "EGeneral:Invalid arguments:volume minimum not met"),
        ({"side": "hold"}, "EGeneral:Invalid arguments:type"),
        ({"token": ""}, "Token(s) not found"),
        ({"token": "made up"}, "ESession:Invalid session"),
    ],
)
def test_a_socket_refuses_in_the_venues_words(stage: Stage, change: dict[str, object], error: str) -> None:
    socket = Socket(stage)
    wanted = {"order_type": "limit", "side": "buy", "symbol": "BTC/USD", "limit_price": low(stage), "order_qty": 0.1}
    socket.say("add_order", **(wanted | change))
    (reply,) = replies(socket.hear())
    assert (reply["method"], reply["success"], reply["error"]) == ("add_order", False, error)


def test_a_token_gives_the_rights_of_its_key_and_no_others_orders(stage: Stage) -> None:
    order = {"order_type": "limit", "side": "buy", "symbol": "BTC/USD", "limit_price": low(stage), "order_qty": 0.1}
    reader, trader, other = (Socket(stage, keys) for keys in (SANDBOX_READER, SANDBOX_TRADER, SANDBOX_OTHER))
    reader.say("add_order", **order)
    assert [one["error"] for one in replies(reader.hear())] == ["EGeneral:Permission denied"]
    reader.say("subscribe", channel="executions")
    other.say("subscribe", channel="executions")
    reader.hear()
    trader.say("add_order", **order)
    heard = trader.hear()
    assert replies(heard)[0]["success"]
    assert not rows(other.frames) and not rows(other.hear())


def test_a_token_lives_for_fifteen_minutes_unless_it_is_used() -> None:
    stage = Stage(slow=True)
    used, unused = Socket(stage), stage.call("GetWebSocketsToken")["token"]
    used.say("subscribe", channel="balances")
    used.hear()
    stage.wait(901 * SECOND)
    idle = Socket(stage)
    idle.token = unused
    for socket, errors in ((used, [None]), (idle, ["ESession:Invalid session"])):
        socket.frames.clear()
        socket.say("subscribe", channel="executions")
        told = [one for one in replies(socket.hear(SECOND)) if one.get("result", {}).get("channel") != "balances"]
        assert [one.get("error") for one in told] == errors


def test_a_channel_is_followed_once_and_left(stage: Stage) -> None:
    socket = Socket(stage)
    for method in ("subscribe", "subscribe", "unsubscribe", "unsubscribe"):
        socket.say(method, channel="executions")
        socket.hear()
    assert [one.get("error") for one in replies(socket.frames)] == [
        None,
        "Already subscribed",
        None,
        "Subscription Not Found",
    ]
    stage.call("AddOrder", pair="XBTUSD", type="buy", ordertype="market", volume="0.01")
    assert not rows(socket.hear())


def test_an_answer_is_lost_on_a_socket_as_anywhere() -> None:
    stage = Stage(faults=(Fault("lost_response", words={"of": "order"}),))
    socket = Socket(stage)
    order = {"order_type": "limit", "side": "buy", "symbol": "BTC/USD", "limit_price": low(stage), "order_qty": 0.1}
    socket.say("add_order", **order)
    assert replies(socket.hear()) == [] and len(stage.call("OpenOrders")["open"]) == 1


def test_whatever_is_written_on_a_socket_is_answered(stage: Stage) -> None:
    order = {"order_type": "limit", "side": "buy", "symbol": "BTC/USD", "limit_price": 50000, "order_qty": 0.01}
    fields = [*order, "cl_ord_id", "time_in_force", "order_userref", "deadline", "stp_type", "cash_order_qty", "token"]
    asked = [("add_order", order | {"validate": True}, name) for name in fields]
    asked += [("cancel_order", {}, name) for name in ("order_id", "cl_ord_id", "order_userref")]
    asked += [("subscribe", {"channel": "executions"}, "token"), ("cancel_all", {}, "token")]
    socket = Socket(stage)
    for bad in (None, [], {}, [[]], 1e308, -1, 10**400, 1e-320, "NaN", "\u0663", "x" * 3000, True):
        for method, params, name in asked:
            socket.say(method, **(params | {name: bad}))
            told = replies(socket.hear(50_000_000))
            assert told and {one["method"] for one in told} == {method}, (method, name, bad, told)
    assert not stage.call("OpenOrders")["open"]
