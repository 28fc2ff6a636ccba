"""The simulated Bybit's private REST side against the venue's pages: signatures, orders, executions, refusals."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from conformance.bybit_private_client import PLUGIN, Client

from cryptopipe.api import (
    SANDBOX_CREDENTIALS,
    SANDBOX_OTHER,
    SANDBOX_READER,
    SANDBOX_TRADER,
    Credentials,
    Side,
    TradingState,
)
from cryptopipe.clock import MILLISECOND, SECOND
from cryptopipe.sandbox.faults import Fault

D = Decimal
ORDER = "/v5/order/create"
LIST = ("GET", "/v5/order/realtime")


@pytest.fixture
def client() -> Client:
    made = Client()
    made.wait(SECOND)
    return made


@pytest.fixture(scope="module")
def venue() -> Client:
    made = Client()
    made.wait(SECOND)
    return made


@pytest.fixture
def untouched(venue: Client) -> Client:
    """One venue for all tests of what does nothing, a little later in each."""
    venue.wait(200 * MILLISECOND)
    venue.credentials = SANDBOX_CREDENTIALS
    return venue


def order(client: Client, **asked: object) -> dict[str, Any]:
    told = {"category": "spot", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.01", **asked}
    return client.post(ORDER, **{name: value for name, value in told.items() if value is not None})


def one(client: Client, **asked: object) -> dict[str, Any]:
    (found,) = client.result("GET", "/v5/order/realtime", category="spot", **asked)["list"]
    return dict(found)


# who may ask


def stale(client: Client) -> dict[str, Any]:
    stamp = client.at // MILLISECOND - 6000
    return client.body("GET", "/v5/user/query-api", "", client.signed("", stamp=stamp))


def early(client: Client) -> dict[str, Any]:
    stamp = client.at // MILLISECOND + 1000
    return client.body("GET", "/v5/user/query-api", "", client.signed("", stamp=stamp))


def nobody(client: Client) -> dict[str, Any]:
    client.credentials = Credentials("nobody", "secret")
    return client.get("/v5/user/query-api")


def unsigned(client: Client) -> dict[str, Any]:
    client.credentials = Credentials(client.credentials.key, "another secret")
    return client.get("/v5/user/query-api")


def altered(client: Client) -> dict[str, Any]:
    text = '{"category":"spot"}'
    return client.body("POST", ORDER, '{"category": "spot"}', client.signed(text))


def reader(client: Client) -> dict[str, Any]:
    client.credentials = SANDBOX_READER
    return order(client, price="60000")


def trader(client: Client) -> dict[str, Any]:
    client.credentials = SANDBOX_TRADER
    return client.post("/v5/asset/withdraw/create", coin="USDT")


def no_object(client: Client) -> dict[str, Any]:
    return client.body("POST", ORDER, "[1]")


@pytest.mark.parametrize(
    ("asks", "code", "text"),
    [
        (stale, 10002, "invalid request, please check your server timestamp or recv_window param. req_timestamp["),
        (early, 10002, "invalid request, please check your server timestamp or recv_window param. req_timestamp["),
        (nobody, 10003, "API key is invalid."),
        (unsigned, 10004, "Error sign, please check your signature generation algorithm."),
        (altered, 10004, "Error sign, please check your signature generation algorithm."),
        (reader, 10005, "Permission denied, please check your API key permissions."),
        (trader, 10005, "Permission denied, please check your API key permissions."),
        (no_object, 10001, "params error"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_who_may_not_ask_gets_the_venues_code_with_status_200(
    untouched: Client, asks: Callable[[Client], dict[str, Any]], code: int, text: str
) -> None:
    told = asks(untouched)
    assert (told["retCode"], told["retMsg"].startswith(text)) == (code, True), told
    assert untouched.credentials.secret not in json.dumps(told)


def test_a_timestamp_may_lie_at_both_ends_of_its_window(untouched: Client) -> None:
    now = untouched.at // MILLISECOND
    for stamp in (now - 5000, now + 999):
        assert untouched.body("GET", "/v5/user/query-api", "", untouched.signed("", stamp=stamp))["retCode"] == 0


def test_a_request_without_the_headers_is_401(untouched: Client) -> None:
    assert untouched.whole("GET", "/v5/account/info", "", {})[0] == 401


def test_a_key_says_what_it_may_do(untouched: Client) -> None:
    rights = {}
    for credentials in (untouched.credentials, SANDBOX_TRADER, SANDBOX_READER):
        untouched.credentials = credentials
        told = untouched.result("GET", "/v5/user/query-api")
        rights[credentials.key] = (told["readOnly"], "Withdraw" in told["permissions"]["Wallet"], told["uta"])
    assert list(rights.values()) == [(0, True, 1), (0, False, 1), (1, False, 1)]


def test_the_eleventh_request_of_a_second_is_one_too_many(client: Client) -> None:
    left = []
    for _ in range(10):
        _, told, headers = client.whole("GET", "/v5/user/query-api", "")
        left.append((told["retCode"], headers["X-Bapi-Limit"], headers["X-Bapi-Limit-Status"]))
    assert left == [(0, "10", str(count)) for count in range(9, -1, -1)]
    _, told, headers = client.whole("GET", "/v5/user/query-api", "")
    assert (told["retCode"], headers["X-Bapi-Limit-Status"]) == (10006, "0")
    assert int(headers["X-Bapi-Limit-Reset-Timestamp"]) == client.at // MILLISECOND + 1000
    client.credentials = SANDBOX_OTHER  # counted by account
    assert client.get("/v5/user/query-api")["retCode"] == 0


def test_a_venue_that_is_maintained_says_nothing_else(client: Client) -> None:
    client.desk.set_maintenance(True)
    for path in ("/v5/account/info", "/v5/market/time", "/v5/nowhere"):
        assert client.body("GET", path, "")["retCode"] == 10016
    assert client.house.dial("/v5/private", client.at).status == 503  # type: ignore[union-attr]


# orders


def test_a_resting_order_locks_its_value_until_it_is_cancelled(client: Client) -> None:
    before = client.held("USDT")
    price = client.best("BTCUSDT", Side.BUY) - 1000
    given = order(client, price=str(price), orderLinkId="mine")["result"]
    told = one(client, orderLinkId="mine")
    assert told == one(client, orderId=given["orderId"])
    assert (told["orderStatus"], told["leavesQty"], told["cumExecQty"], told["avgPrice"]) == ("New", "0.01", "0", "")
    assert (told["price"], told["timeInForce"], "tpslMode" in told) == (str(price), "GTC", False)
    row = client.result("GET", "/v5/account/wallet-balance", accountType="UNIFIED", coin="USDT")["list"][0]["coin"][0]
    assert D(row["locked"]) == price * D("0.01") and D(row["walletBalance"]) == before
    assert client.post("/v5/order/cancel", category="spot", symbol="BTCUSDT", orderLinkId="mine")["result"] == given
    told = one(client, orderLinkId="mine")
    assert (told["orderStatus"], told["cancelType"], told["rejectReason"]) == (
        "Cancelled", "CancelByUser", "EC_PerCancelRequest",
    )  # fmt: skip
    assert client.result(*LIST, category="spot")["list"] == []
    assert [row["orderId"] for row in client.result(*LIST, category="spot", openOnly=1)["list"]] == [given["orderId"]]


def test_a_taker_pays_the_fee_in_what_it_receives(client: Client) -> None:
    usdt, btc, ask = client.held("USDT"), client.held("BTC"), client.best("BTCUSDT", Side.SELL)
    client.result(
        "POST", ORDER, category="spot", symbol="BTCUSDT", side="Buy", orderType="Limit", qty="0.0001", price=str(ask)
    )
    (fill,) = client.result("GET", "/v5/execution/list", category="spot")["list"]
    assert (fill["execPrice"], fill["execQty"], fill["isMaker"], fill["feeCurrency"]) == (
        str(ask),
        "0.0001",
        False,
        "BTC",
    )
    assert D(fill["execFee"]) == D("0.0001") * D(fill["feeRate"])
    assert client.held("BTC") == btc + D("0.0001") - D(fill["execFee"])
    assert client.held("USDT") == usdt - D(fill["execValue"]) == usdt - ask * D("0.0001")
    printed = client.result("GET", "/v5/market/recent-trade", category="spot", symbol="BTCUSDT", limit=60)["list"]
    assert [(row["side"], row["price"], row["size"]) for row in printed if row["execId"] == fill["execId"]] == [
        ("Buy", fill["execPrice"], "0.0001")
    ]


def test_a_market_buy_is_by_value_and_a_market_sale_by_size_unless_they_say_else(client: Client) -> None:
    ask = client.best("BTCUSDT", Side.SELL)
    for link, side, unit in (
        ("a", "Buy", None),
        ("b", "Buy", "baseCoin"),
        ("c", "Sell", None),
        ("d", "Sell", "quoteCoin"),
    ):
        qty = "0.001" if (side == "Sell") is (unit is None) else "62"
        told = order(client, side=side, orderType="Market", qty=qty, marketUnit=unit, orderLinkId=link)
        assert told["retCode"] == 0, told
    rows = {link: one(client, orderLinkId=link) for link in "abcd"}
    assert [row["orderStatus"] for row in rows.values()] == ["Filled"] * 4
    assert [row["marketUnit"] for row in rows.values()] == ["quoteCoin", "baseCoin", "baseCoin", "quoteCoin"]
    for link in "bc":
        assert rows[link]["cumExecQty"] == "0.001"
    for link in "ad":  # as much as the value buys, to the last lot
        assert 62 - ask * D("0.000001") < D(rows[link]["cumExecValue"]) <= 62
    assert {tuple(row["cumFeeDetail"]) for row in (rows["a"], rows["b"])} == {("BTC",)}
    assert {tuple(row["cumFeeDetail"]) for row in (rows["c"], rows["d"])} == {("USDT",)}


def test_what_cannot_be_carried_out_at_once_is_accepted_and_cancelled(client: Client) -> None:
    ask, bid = client.best("BTCUSDT", Side.SELL), client.best("BTCUSDT", Side.BUY)
    before = client.held("USDT")
    for link, price, force, status, reason in (
        ("post", ask, "PostOnly", "Cancelled", "EC_PostOnlyWillTakeLiquidity"),
        ("fok", ask, "FOK", "Cancelled", "EC_CancelForNoFullFill"),
        ("ioc", bid - 500, "IOC", "Cancelled", "EC_NoImmediateQtyToFill"),
    ):
        qty = "1" if link == "fok" else "0.01"
        assert order(client, price=str(price), timeInForce=force, qty=qty, orderLinkId=link)["retCode"] == 0
        told = one(client, orderLinkId=link)
        assert (told["orderStatus"], told["rejectReason"], told["cumExecQty"]) == (status, reason, "0")
        assert one(client, orderId=told["orderId"]) == told
        again = order(client, price=str(bid - 500), orderLinkId=link)
        assert again["retCode"] == 170141, "an orderLinkId is always unique"
    assert client.held("USDT") == before
    assert client.result(*LIST, category="spot")["list"] == []


def test_a_rest_that_is_given_up_leaves_a_partly_filled_order(client: Client) -> None:
    engine = client.books["BTCUSDT"]
    ask = client.best("BTCUSDT", Side.SELL)
    there = engine.size_at(Side.SELL, engine.best(Side.SELL) or 0) * D("0.000001")
    order(client, price=str(ask), qty=str(there + D("0.5")), timeInForce="IOC", orderLinkId="ioc")
    told = one(client, orderLinkId="ioc")
    assert (told["orderStatus"], D(told["cumExecQty"]), told["leavesQty"]) == ("PartiallyFilledCanceled", there, "0")


def test_who_would_trade_with_himself_does_not(client: Client) -> None:
    best = client.best("BTCUSDT", Side.SELL) - D("0.1")
    order(client, side="Sell", price=str(best), orderLinkId="maker")
    order(client, price=str(best), smpType="CancelMaker", timeInForce="IOC", orderLinkId="taker")
    told = one(client, orderLinkId="maker")
    assert (told["orderStatus"], told["cancelType"]) == ("Cancelled", "CancelBySmp")


REFUSED = [
    ({"symbol": "NOTHING"}, 170121),
    ({"category": "option"}, 10001),
    ({"category": None}, 10001),
    ({"side": "buy"}, 170117),
    ({"orderType": "Stop"}, 170116),
    ({"timeInForce": "GTT"}, 170115),
    ({"qty": None}, 10001),
    ({"qty": "-1"}, 10001),
    ({"qty": "NaN"}, 10001),
    ({"qty": 0.5}, 10001),
    ({"price": None}, 10001),
    ({"price": "60000.123"}, 170134),
    ({"qty": "0.01000001"}, 170137),
    ({"qty": "0.000001"}, 170136),
    ({"qty": "0.00002"}, 170140),
    ({"qty": "100"}, 170131),
    ({"qty": "100000"}, 170381),
    ({"price": "1000000"}, 170193),
    ({"side": "Sell", "price": "1"}, 170194),
    ({"orderType": "Market", "qty": "10.000000001"}, 170148),
    ({"orderLinkId": "x" * 37}, 10001),
    ({"orderLinkId": "a b"}, 10001),
    ({"positionIdx": 1}, 10001),
    ({"triggerPrice": "1"}, 170227),
    ({"orderFilter": "tpslOrder"}, 170201),
    ({"isLeverage": 1}, 170037),
    ({"marketUnit": "lots", "orderType": "Market"}, 170130),
]
LINEAR_REFUSED = [
    ({"symbol": "NOTHING"}, 10001),
    ({"side": "buy"}, 10001),
    ({"price": "60000.12"}, 10001),
    ({"qty": "0.0101"}, 10001),
    ({"qty": "0.0001"}, 10001),
    ({"qty": "100"}, 110007),
    ({"price": "1000000"}, 110003),
    ({"reduceOnly": True}, 110017),
]


@pytest.mark.parametrize(("more", "code"), REFUSED, ids=lambda value: str(value)[:40])
def test_an_order_that_the_venue_does_not_take_gets_its_own_code_and_does_nothing(
    untouched: Client, more: dict[str, Any], code: int
) -> None:
    told = order(untouched, **{"price": "60000", **more})
    assert told["retCode"] == code, told
    assert untouched.result(*LIST, category="spot", openOnly=1)["list"] == []
    assert untouched.held("USDT") == 100_000


@pytest.mark.parametrize(("more", "code"), LINEAR_REFUSED, ids=lambda value: str(value)[:40])
def test_an_order_of_a_contract_likewise(untouched: Client, more: dict[str, Any], code: int) -> None:
    told = order(untouched, **{"category": "linear", "price": "60000", **more})
    assert told["retCode"] == code, told
    assert untouched.result(*LIST, category="linear", settleCoin="USDT")["list"] == []


@pytest.mark.parametrize(
    ("state", "spot", "linear"),
    [
        (TradingState.HALTED, 170151, 110074),
        (TradingState.CANCEL_ONLY, 170157, 110066),
        (TradingState.POST_ONLY, 170217, 110103),
    ],
)
def test_a_market_that_is_not_open_says_so(client: Client, state: TradingState, spot: int, linear: int) -> None:
    for category, code in (("spot", spot), ("linear", linear)):
        symbol = "BTCUSDT" if category == "spot" else "linear:BTCUSDT"
        client.desk.set_state(client.books[symbol].instrument, state)
        assert order(client, category=category, price="60000")["retCode"] == code


def test_an_unknown_order_and_one_that_ended_are_not_cancelled(client: Client) -> None:
    ask = client.best("BTCUSDT", Side.SELL)
    order(client, price=str(ask), qty="0.0001", orderLinkId="filled")
    cancel = "/v5/order/cancel"
    for asked in (
        {"orderLinkId": "filled"},
        {"orderLinkId": "none"},
        {"orderId": "7"},
        {"orderId": "1900000000000009999"},
    ):
        assert client.post(cancel, category="spot", symbol="BTCUSDT", **asked)["retCode"] == 170213
        assert client.post(cancel, category="linear", symbol="BTCUSDT", **asked)["retCode"] == 110001
    assert client.post(cancel, category="spot", symbol="BTCUSDT")["retCode"] == 10001


def test_all_orders_of_a_category_are_cancelled_and_no_others(client: Client) -> None:
    order(client, price="60000", orderLinkId="a")
    order(client, symbol="ETHUSDT", price="2000", qty="0.1", orderLinkId="b")
    order(client, category="linear", price="60000", orderLinkId="c")
    ended = client.result("POST", "/v5/order/cancel-all", category="spot", symbol="ETHUSDT")
    assert ([row["orderLinkId"] for row in ended["list"]], ended["success"]) == (["b"], "1")
    assert client.post("/v5/order/cancel-all", category="linear")["retCode"] == 10001
    ended = client.result("POST", "/v5/order/cancel-all", category="spot")
    assert [row["orderLinkId"] for row in ended["list"]] == ["a"]
    (left,) = client.result(*LIST, category="linear", settleCoin="USDT")["list"]
    assert (left["orderLinkId"], left["tpslMode"]) == ("c", "")
    assert len(left["orderId"].split("-")) == 5, "contracts' orders have a UUID"


def test_pages_are_all_rows_newest_first_and_none_twice(client: Client) -> None:
    for number in range(7):
        order(client, price=str(60_000 - number), orderLinkId=f"p{number}")
        client.wait(50 * MILLISECOND)
    found, cursor = [], ""
    while True:
        told = client.result(*LIST, category="spot", limit=3, **({"cursor": cursor} if cursor else {}))
        found += [row["orderLinkId"] for row in told["list"]]
        cursor = told["nextPageCursor"]
        if not cursor:
            break
    assert found == [f"p{number}" for number in range(6, -1, -1)]


def test_a_history_spans_seven_days_at_most(client: Client) -> None:
    order(client, price="60000", orderLinkId="a")
    client.post("/v5/order/cancel-all", category="spot")
    now = client.at // MILLISECOND
    found = {
        name: len(client.result("GET", "/v5/order/history", category="spot", **asked)["list"])
        for name, asked in {
            "no times": {},
            "since then": {"startTime": now - 1},
            "since later": {"startTime": now + 1},
            "until before": {"endTime": now - 1000},
        }.items()
    }
    assert found == {"no times": 1, "since then": 1, "since later": 0, "until before": 0}
    too_long = {"startTime": now - 7 * 86_400_000 - 1, "endTime": now}
    assert client.get("/v5/order/history", category="spot", **too_long)["retCode"] == 10001


def test_another_account_sees_nothing_of_it(client: Client) -> None:
    given = order(client, price="60000", orderLinkId="mine")["result"]["orderId"]
    client.credentials = SANDBOX_OTHER
    assert client.result(*LIST, category="spot", orderId=given)["list"] == []
    assert client.post("/v5/order/cancel", category="spot", symbol="BTCUSDT", orderId=given)["retCode"] == 170213


def test_a_maker_is_filled_by_the_flow_and_the_log_adds_up(client: Client) -> None:
    opening = {coin: client.held(coin) for coin in ("BTC", "USDT")}
    for number in range(6):
        order(client, price=str(client.best("BTCUSDT", Side.BUY)), qty="0.05", orderLinkId=f"m{number}")
        client.wait(3 * SECOND)
    client.post("/v5/order/cancel-all", category="spot")
    fills = client.result("GET", "/v5/execution/list", category="spot", limit=100)["list"]
    assert fills and {fill["isMaker"] for fill in fills} >= {True}, "the flow took none of it"
    filled: dict[str, Decimal] = {}
    for fill in fills:
        filled[fill["orderLinkId"]] = filled.get(fill["orderLinkId"], D(0)) + D(fill["execQty"])
    rows = client.result("GET", "/v5/order/history", category="spot", limit=50)["list"]
    assert {row["orderLinkId"]: D(row["cumExecQty"]) for row in rows if D(row["cumExecQty"])} == filled
    log, cursor = [], ""
    while True:
        told = client.result("GET", "/v5/account/transaction-log", limit=50, **({"cursor": cursor} if cursor else {}))
        log, cursor = log + told["list"], told["nextPageCursor"]
        if not cursor:
            break
    for coin, before in opening.items():
        mine = [row for row in log if row["currency"] == coin and row["type"] == "TRADE"]
        assert before + sum((D(row["change"]) for row in mine), D(0)) == client.held(coin) == D(mine[0]["cashBalance"])
        for row in mine:
            assert D(row["change"]) == D(row["cashFlow"]) - D(row["fee"])


def test_the_same_seed_and_requests_give_the_same_answers() -> None:
    def run() -> list[Any]:
        made = Client()
        told: list[Any] = []
        stream = made.sign_in("order", "execution", "wallet", "position")
        for number in range(5):
            made.wait(200 * MILLISECOND)
            told.append(order(made, price=str(made.best("BTCUSDT", Side.BUY)), orderLinkId=f"s{number}"))
            told.append(order(made, category="linear", orderType="Market", qty="0.01"))
        made.wait(SECOND)
        return [*told, made.get("/v5/execution/list", category="spot"), *made.heard[stream]]

    assert run() == run()


def test_fees_are_told_for_each_market(untouched: Client) -> None:
    told = untouched.result("GET", "/v5/account/fee-rate", category="spot", symbol="BTCUSDT")["list"]
    rates = {"takerFeeRate": str(PLUGIN.fees.taker_rate), "makerFeeRate": str(PLUGIN.fees.maker_rate)}
    assert [{key: str(D(row[key])) for key in rates} for row in told] == [
        {key: str(D(rates[key]).normalize()) for key in rates}
    ]
    assert untouched.get("/v5/account/fee-rate", category="spot", symbol="NOTHING")["retCode"] == 170121


def test_an_order_whose_answer_was_lost_is_not_taken_in_again() -> None:
    """ "orderLinkId … always unique": also where the venue itself failed after it had executed the order."""
    fault = Fault("action_5xx", lasts=SECOND, values={"done": 1}, words={"of": "order"})
    client = Client(faults=[fault])
    asked = {"category": "spot", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "100"}
    text = json.dumps({**asked, "orderLinkId": "lost-1"})
    status, _, _ = client.whole("POST", "/v5/order/create", text)
    assert status >= 500
    client.wait(2 * SECOND)
    (found,) = client.result("GET", "/v5/order/realtime", category="spot", orderLinkId="lost-1")["list"]
    assert found["orderStatus"] == "Filled"
    assert client.body("POST", "/v5/order/create", text)["retCode"] == 170141
    assert len(client.result("GET", "/v5/order/history", category="spot")["list"]) == 1


@pytest.mark.parametrize("status", ["Filled", "Cancelled", "New"])
def test_a_history_of_one_state_has_no_other(client: Client, status: str) -> None:
    order(client, orderType="Market", qty="50")
    order(client, price=str(client.best("BTCUSDT", Side.BUY) - 500), orderLinkId=f"history-{status}")
    client.result("POST", "/v5/order/cancel", category="spot", symbol="BTCUSDT", orderLinkId=f"history-{status}")
    every = client.result("GET", "/v5/order/history", category="spot", limit=50)["list"]
    some = client.result("GET", "/v5/order/history", category="spot", limit=50, orderStatus=status)["list"]
    assert some == [row for row in every if row["orderStatus"] == status]
    assert bool(some) == (status != "New") and len(some) < len(every)
