"""Bybit's private stream: our codec against the pages' frames; what the simulated venue tells, against pages and REST.

The plugin's `private_frames/*.json` are the examples of docs/v5/websocket/private (state of 2026-07-24, read
2026-11-21), whole; `frame(name, field=…)` is one of them with the named fields changed.
"""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from conformance.bybit_private_client import PLUGIN, Client, sign

import cryptopipe_bybit as plugins
from cryptopipe.api import (
    SANDBOX_CREDENTIALS,
    SANDBOX_OTHER,
    BalanceReport,
    Credentials,
    Fee,
    FillReport,
    HttpRequest,
    Lost,
    OrderReport,
    OrderState,
    PositionReport,
    ProtocolError,
    Side,
    VenueError,
)
from cryptopipe.clock import MILLISECOND, SECOND
from cryptopipe.testing.corpus import AT
from cryptopipe.testing.mutations import mutations
from cryptopipe_bybit.private import BybitPrivate, BybitSigner

D = Decimal
FRAMES = Path(plugins.__file__).parent / "private_frames"
CODEC = BybitPrivate(PLUGIN.instruments.listed())
LINEAR = PLUGIN.instruments.find("linear:BTCUSDT")
SPOT = PLUGIN.instruments.find("BTCUSDT")


def frame(name: str, **changes: object) -> bytes:
    told = json.loads((FRAMES / f"{name}.json").read_bytes())
    told["data"][0] |= changes
    return json.dumps(told).encode()


def test_an_execution_says_size_price_fee_and_side() -> None:
    assert CODEC.decode(frame("execution"), AT) == (
        FillReport(
            LINEAR, "0ab1bdf7-4219-438b-b30a-32ec863018f7", "9aac161b-8ed6-450d-9cab-c5cc67c21784", "", Side.SELL,
            D("95900.1"), D("0.5"), Fee(D("26.3725275"), LINEAR.quote), False, 1_746_270_400_353_000_000,
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("side", "fee", "asset"),
    [("Buy", "0.001", "BTC"), ("Sell", "0.001", "USDT"), ("Buy", "-0.001", "USDT"), ("Sell", "-0.001", "BTC")],
)
def test_a_spot_fee_without_its_coin_is_in_the_one_that_the_page_says(side: str, fee: str, asset: str) -> None:
    (told,) = CODEC.decode(frame("execution", category="spot", feeCurrency="", side=side, execFee=fee), AT)
    assert isinstance(told, FillReport) and told.fee == Fee(D(fee), SPOT.base if asset == "BTC" else SPOT.quote)


def test_an_execution_that_is_no_trade_is_none() -> None:
    assert CODEC.decode(frame("execution", execType="Funding"), AT) == ()


def test_an_order_says_what_became_of_it() -> None:
    told = CODEC.decode(frame("order", symbol="BTCUSDT", category="linear"), AT)
    assert told == (
        OrderReport(
            LINEAR, "5cf98598-39a7-459e-97bf-76ca765ee020", "", Side.SELL, OrderState.FILLED, D(1), None, D(1), D(75),
            updated_at=1_672_364_262_457_000_000,
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("status", "reason", "state"),
    [
        ("New", "EC_NoError", OrderState.OPEN),
        ("PartiallyFilled", "EC_NoError", OrderState.OPEN),
        ("Filled", "EC_NoError", OrderState.FILLED),
        ("Cancelled", "EC_PerCancelRequest", OrderState.CANCELLED),
        ("PartiallyFilledCanceled", "EC_NoError", OrderState.CANCELLED),
        ("Cancelled", "EC_PostOnlyWillTakeLiquidity", OrderState.REJECTED),
        ("Cancelled", "EC_NoImmediateQtyToFill", OrderState.EXPIRED),
        ("Cancelled", "EC_BySelfMatch", OrderState.EXPIRED),
        ("Rejected", "EC_InvalidSymbolStatus", OrderState.REJECTED),
        ("Deactivated", "EC_NoError", OrderState.CANCELLED),
    ],
)
def test_each_word_of_the_page_is_one_state(status: str, reason: str, state: OrderState) -> None:
    (told,) = CODEC.decode(
        frame("order", category="spot", symbol="BTCUSDT", orderStatus=status, rejectReason=reason), AT
    )
    assert isinstance(told, OrderReport) and told.state is state
    assert told.reason == ("" if reason in ("EC_NoError", "EC_PerCancelRequest") else reason)


def test_a_market_buy_by_value_has_no_size() -> None:
    changes = {"category": "spot", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "100"}
    for unit, size in (("", None), ("quoteCoin", None), ("baseCoin", D(100))):
        (told,) = CODEC.decode(frame("order", **changes, marketUnit=unit), AT)
        assert isinstance(told, OrderReport) and (told.size, told.price) == (size, None)


def test_a_wallet_says_what_is_free_of_each_coin() -> None:
    coin = {
        "coin": "BTC",
        "walletBalance": "0.00102964",
        "locked": "0.0001",
        "totalOrderIM": "",
        "totalPositionIM": "0.0002",
    }
    at = 1_700_034_722_104_000_000
    assert CODEC.decode(frame("wallet"), AT) == (BalanceReport(PLUGIN.venue, SPOT.base, D("0.00102964"), D(0), at=at),)
    assert CODEC.decode(frame("wallet", coin=[coin]), AT) == (
        BalanceReport(PLUGIN.venue, SPOT.base, D("0.00072964"), D("0.0003"), at=at),
    )


def test_a_position_has_its_sign_and_an_empty_one_none() -> None:
    at = 1_697_682_317_038_000_000
    assert CODEC.decode(frame("position"), AT) == (
        PositionReport(LINEAR, D(0), None, D("28184.5"), D(0), None, D(0), at=at),
    )
    held = {
        "side": "Sell",
        "size": "0.5",
        "entryPrice": "28000",
        "liqPrice": "31000.5",
        "positionIM": "1400",
        "unrealisedPnl": "-92.25",
    }
    assert CODEC.decode(frame("position", **held), AT) == (
        PositionReport(LINEAR, D("-0.5"), D(28000), D("28184.5"), D(1400), D("31000.5"), D("-92.25"), at=at),
    )


@pytest.mark.parametrize(
    "text",
    [
        '{"success":true,"ret_msg":"","op":"auth","conn_id":"cejreaspqfh3sjdnldmg-p"}',
        '{"success":true,"ret_msg":"","op":"subscribe","conn_id":"cejreassvfrsfvb9v1a0-2m"}',
        '{"req_id":"test","op":"pong","args":["1675418560633"],"conn_id":"cfcb4ocsvfriu23r3er0-1b"}',
    ],
)
def test_answers_of_the_page_say_nothing(text: str) -> None:
    assert CODEC.decode(text.encode(), AT) == ()


@pytest.mark.parametrize(
    "text",
    [
        '{"success":false,"ret_msg":"Params Error","op":"auth","conn_id":"chledgksvfrsvugulp60-3xa3"}',
        '{"success":false,"ret_msg":"error:handler not found,topic:oder","op":"subscribe","conn_id":"c"}',
    ],
)
def test_a_refused_sign_in_or_subscription_is_a_venue_error(text: str) -> None:
    with pytest.raises(VenueError, match="refused"):
        CODEC.decode(text.encode(), AT)


def test_a_topic_that_was_not_asked_for_may_have_brought_something() -> None:
    (told,) = CODEC.decode(b'{"topic":"strategy","creationTime":1,"data":[]}', AT)
    assert isinstance(told, Lost)


def test_a_damaged_frame_gives_reports_or_an_error_of_ours() -> None:
    for name in ("order", "execution", "wallet", "position"):
        for damaged in mutations((FRAMES / f"{name}.json").read_bytes(), 200):
            try:
                told = CODEC.decode(damaged, AT)
            except (ProtocolError, VenueError):
                continue
            assert all(
                isinstance(one, OrderReport | FillReport | BalanceReport | PositionReport | Lost) for one in told
            )


def test_the_sign_in_is_signed_as_the_page_says_and_tells_no_secret() -> None:
    credentials = Credentials("key", "secret")
    auth = BybitSigner().auth(credentials, None, AT)
    dialled = CODEC.connect(auth, AT)
    told = [json.loads(text) for text in dialled.frames]
    expires = told[0]["args"][1]
    assert (told[0]["op"], told[0]["args"]) == ("auth", ["key", expires, sign(credentials, f"GET/realtime{expires}")])
    assert AT // MILLISECOND < expires <= AT // MILLISECOND + 60_000
    assert (told[1]["op"], set(told[1]["args"])) == ("subscribe", {"order", "execution", "wallet", "position"})
    assert dialled.url == "wss://stream.bybit.com/v5/private" and dialled.ping_every_s == 20
    assert "secret" not in "".join(dialled.frames) + repr(auth)


# the simulated venue


@pytest.fixture(scope="module")
def client() -> Client:
    made = Client()
    made.wait(SECOND)
    return made


def place(client: Client, **asked: object) -> str:
    told = {"category": "spot", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.01", **asked}
    return str(client.result("POST", "/v5/order/create", **told)["orderId"])


@pytest.mark.parametrize("kind", [int, str])
def test_expires_may_be_a_number_or_a_text(client: Client, kind: type) -> None:
    client.sign_in("order", expires=kind(client.at // MILLISECOND + 1000))


def test_a_sign_in_that_is_wrong_is_refused(client: Client) -> None:
    good = client.auth()
    for args in (
        [good[0], good[1], "0" * 64],
        ["nobody", *good[1:]],
        client.auth(client.at // MILLISECOND - 1),
        good[:2],
        "text",
        None,
    ):
        told = client.say(client.dial(), op="auth", args=args)
        assert (told["success"], told["ret_msg"], told["op"]) == (False, "Params Error", "auth")


def test_topics_need_a_sign_in_and_a_name_that_there_is(client: Client) -> None:
    assert "needs auth first" in client.say(client.dial(), op="subscribe", args=["order"])["ret_msg"]
    connection = client.sign_in()
    assert client.say(connection, op="subscribe", args=["orders"])["success"] is False
    both = client.say(connection, op="subscribe", args=["order", "order.spot"])
    assert both["success"] is False, "All-In-One topic and Categorised topic cannot be in the same subscription request"
    told = client.say(connection, op="ping", req_id="test")
    assert (told["op"], told["req_id"], told["args"]) == ("pong", "test", [str(client.at // MILLISECOND - 60)])


def documented(name: str) -> set[str]:
    return set(json.loads((FRAMES / f"{name}.json").read_bytes())["data"][0])


def test_rows_have_the_fields_of_the_pages(client: Client) -> None:
    connection = client.sign_in("order", "execution", "wallet", "position")
    place(client, category="linear", orderType="Market")
    client.wait(50 * MILLISECOND)
    option = {"placeType", "feeCurrency", "rpiMatchedQty", "rpiTakerAccess", "orderIv"}
    for topic in ("order", "execution", "wallet", "position"):
        rows = client.told(connection, topic)
        assert rows
        for row in rows:
            assert documented(topic) - option - set(row) == set(), topic
    coins = {key for row in client.told(connection, "wallet") for coin in row["coin"] for key in coin}
    assert set(json.loads((FRAMES / "wallet.json").read_bytes())["data"][0]["coin"][0]) <= coins


def test_the_stream_and_requests_tell_the_same(client: Client) -> None:
    connection = client.sign_in("order", "execution", "execution.fast")
    link = f"same-{client.at}"
    given = place(client, orderType="Market", qty="300", orderLinkId=link)
    client.wait(50 * MILLISECOND)
    (asked,) = client.result("GET", "/v5/order/realtime", category="spot", orderId=given)["list"]
    last = [row for row in client.told(connection, "order") if row["orderId"] == given][-1]
    assert {key: last[key] for key in asked} == asked
    fills = client.result("GET", "/v5/execution/list", category="spot", orderId=given)["list"]
    heard = [row for row in client.told(connection, "execution") if row["orderId"] == given]
    assert {row["execId"] for row in heard} == {row["execId"] for row in fills}
    assert sum(D(row["execQty"]) for row in heard) == D(asked["cumExecQty"])
    fast = [row for row in client.told(connection, "execution.fast") if row["orderId"] == given]
    assert [(row["execId"], row["execPrice"], row["seq"]) for row in fast] == [
        (row["execId"], row["execPrice"], row["seq"]) for row in heard
    ]


def test_our_codec_reads_what_the_venue_tells_and_knows_the_balance(client: Client) -> None:
    connection = client.sign_in("order", "execution", "wallet", "position")
    place(client, price=str(client.best("BTCUSDT", Side.BUY) - 500), orderLinkId=f"codec-{client.at}")
    given = place(client, category="linear", orderType="Market", side="Sell", qty="0.02")
    client.wait(100 * MILLISECOND)
    told = [one for text in client.heard[connection] for one in CODEC.decode(json.dumps(text).encode(), client.at)]
    assert {type(one) for one in told} == {OrderReport, FillReport, BalanceReport, PositionReport}
    usdt = [one for one in told if isinstance(one, BalanceReport) and one.asset == SPOT.quote][-1]
    truth = client.desk.accounts[1].balances()[SPOT.quote]
    assert (usdt.free, usdt.locked) == (truth.free, truth.locked)
    orders = [one for one in told if isinstance(one, OrderReport) and one.order_id == given]
    assert (orders[-1].state, orders[-1].instrument) == (OrderState.FILLED, LINEAR)
    (held,) = client.desk.accounts[1].positions()
    position = [one for one in told if isinstance(one, PositionReport)][-1]
    assert (position.size, position.margin, position.entry) == (held.size, held.margin, held.entry)


def test_a_category_hears_its_own_and_another_account_nothing(client: Client) -> None:
    spot = client.sign_in("order.spot")
    client.credentials = SANDBOX_OTHER
    other = client.sign_in("order", "execution", "wallet", "position")
    client.credentials = SANDBOX_CREDENTIALS
    mine = place(client, orderType="Market", qty="50")
    place(client, category="linear", orderType="Market", side="Sell")
    client.wait(50 * MILLISECOND)
    assert {row["orderId"] for row in client.told(spot, "order.spot")} == {mine}
    assert [frame for frame in client.heard[other] if "topic" in frame] == []


def test_nothing_of_before_the_sign_in_is_told(client: Client) -> None:
    place(client, orderType="Market", qty="50")
    connection = client.sign_in("order", "execution", "wallet", "position")
    client.wait(50 * MILLISECOND)
    assert [frame for frame in client.heard[connection] if "topic" in frame] == []


def test_an_unsubscribed_topic_is_silent(client: Client) -> None:
    connection = client.sign_in("order", "wallet")
    assert client.say(connection, op="unsubscribe", args=["order"])["success"] is True
    place(client, orderType="Market", qty="50")
    client.wait(50 * MILLISECOND)
    assert {frame["topic"] for frame in client.heard[connection] if "topic" in frame} == {"wallet"}


# orders by stream


def by_stream(client: Client, connection: int, op: str, **asked: object) -> dict[str, Any]:
    header = {"X-BAPI-TIMESTAMP": str(client.at // MILLISECOND)}
    return client.say(connection, reqId=f"r{client.at}", op=op, header=header, args=[asked])


def test_orders_are_given_and_taken_back_by_stream(client: Client) -> None:
    connection = client.dial("/v5/trade")
    refused = by_stream(client, connection, "order.create", category="spot")
    assert refused["retCode"] == 10004
    assert client.say(connection, op="auth", args=client.auth()) | {"connId": ""} == {
        "retCode": 0, "retMsg": "OK", "op": "auth", "connId": "",
    }  # fmt: skip
    asked = {
        "category": "spot",
        "symbol": "BTCUSDT",
        "side": "Buy",
        "orderType": "Limit",
        "qty": "0.01",
        "price": "60000",
    }
    told = by_stream(client, connection, "order.create", **asked, orderLinkId="ws-1")
    assert (told["retCode"], told["op"], told["data"]["orderLinkId"]) == (0, "order.create", "ws-1")
    assert {"X-Bapi-Limit", "X-Bapi-Limit-Status", "X-Bapi-Limit-Reset-Timestamp"} <= set(told["header"])
    again = by_stream(client, connection, "order.create", **asked, orderLinkId="ws-1")
    assert again["retCode"] == 170141
    gone = by_stream(client, connection, "order.cancel", category="spot", symbol="BTCUSDT", orderLinkId="ws-1")
    assert gone["data"] == told["data"]
    assert by_stream(client, connection, "order.close")["retCode"] == 10404
    late = {"X-BAPI-TIMESTAMP": str(client.at // MILLISECOND - 6000)}
    assert client.say(connection, op="order.create", header=late, args=[asked])["retCode"] == 10002


def test_a_dial_of_another_path_is_404(client: Client) -> None:
    told = client.house.dial("/v5/privat", client.at)
    assert getattr(told, "status", 0) == 404
    reply = client.house.answer(HttpRequest("GET", "/v5/order/nowhere"), client.at)
    assert reply is not None and reply.response.status == 404
