"""What an order, a withdrawal and a limit do at simulated Binance spot.

Expected codes and texts are those of errors.md, filters.md, rest-api.md and web-socket-api.md of binance-spot-api-docs
(2026-07-21), or of the wallet's error page as ccxt 4.5.90 quotes it; amounts are computed here.
"""

from decimal import Decimal
from typing import Any

import pytest
from conformance.binance_stage import SECOND, Stage

from cryptopipe.api import (
    SANDBOX_CREDENTIALS,
    SANDBOX_OTHER,
    SANDBOX_READER,
    SANDBOX_TRADER,
    Side,
    TradingState,
)

RATE = Decimal("0.001")


WALLET = "/sapi/v1/capital/withdraw/apply"
TRON = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_suspended_wallet_says_so(stage: Stage) -> None:
    usdt = next(one for one in stage.desk.currencies if one.code == "USDT")
    stage.desk.suspended.add((usdt.asset, "TRX", "withdrawals"))
    asked = {"coin": "USDT", "network": "TRX", "address": TRON, "amount": "10"}
    told = {"code": -4019, "msg": "Current asset is not open for withdrawal."}
    assert stage.ask("POST", WALLET, **asked)[:2] == (400, told)
    coins = {one["coin"]: one for one in stage.ask("GET", "/sapi/v1/capital/config/getall")[1]}
    networks = {one["network"]: one for one in coins["USDT"]["networkList"]}
    assert [networks[name]["withdrawEnable"] for name in ("TRX", "ETH")] == [False, True]


def test_a_marketable_order_is_paid_and_its_fee_taken_of_what_was_received(stage: Stage) -> None:
    ask, before = stage.best(Side.SELL), stage.held()
    status, told, headers = stage.buys("0.3", ask * 2, newClientOrderId="c-1")
    assert (status, told["status"], told["executedQty"]) == (200, "FILLED", "0.30000000")
    fills = told["fills"]
    paid = sum(Decimal(one["price"]) * Decimal(one["qty"]) for one in fills)
    fees = sum(Decimal(one["commission"]) for one in fills)
    assert sum(Decimal(one["qty"]) for one in fills) == Decimal("0.3") and len(fills) > 1
    assert paid == Decimal(told["cummulativeQuoteQty"]) and paid / Decimal("0.3") >= ask
    for one in fills:  # each fee is cut to eight places
        exact = Decimal(one["qty"]) * RATE
        assert one["commissionAsset"] == "BTC" and 0 <= exact - Decimal(one["commission"]) < Decimal("1e-8")
    after = stage.held()
    assert after["USDT"] == (before["USDT"][0] - paid, 0)
    assert after["BTC"] == (before["BTC"][0] + Decimal("0.3") - fees, 0)
    rows = stage.ask("GET", "/api/v3/myTrades", symbol="BTCUSDT", orderId=told["orderId"])[1]
    assert [(one["price"], one["qty"], one["commission"], one["id"]) for one in rows] == [
        (one["price"], one["qty"], one["commission"], one["tradeId"]) for one in fills
    ]
    public = stage.plain("GET", "/api/v3/trades?symbol=BTCUSDT&limit=1000")[1]
    assert {one["tradeId"] for one in fills} <= {one["id"] for one in public}
    assert headers["X-MBX-ORDER-COUNT-10S"] == "0"  # what was filled does not count


def test_the_three_answers_to_an_order_differ_as_documented(stage: Stage) -> None:
    price = {"price": "50000.00"}
    ack, result, full = (
        stage.buys(newOrderRespType=kind, **price)[1] for kind in ("ACK", "RESULT", "FULL")
    )  # fmt: skip
    assert list(ack) == ["symbol", "orderId", "orderListId", "clientOrderId", "transactTime"]
    assert list(result) == [
        *ack, "price", "origQty", "executedQty", "origQuoteOrderQty", "cummulativeQuoteQty", "status", "timeInForce",
        "type", "side", "workingTime", "selfTradePreventionMode",
    ]  # fmt: skip
    assert list(full) == [*result, "fills"]
    assert list(stage.buys(**price)[1]) == list(full)  # LIMIT defaults to FULL, LIMIT_MAKER to ACK
    maker = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT_MAKER", "quantity": "0.01", **price}
    assert list(stage.ask("POST", "/api/v3/order", **maker)[1]) == list(ack)


def test_an_order_rests_is_found_and_cancelled(stage: Stage) -> None:
    stage.buys("0.02", "50000.00", newClientOrderId="mine")
    assert stage.held()["USDT"] == (99_000, 1000)
    by_name = stage.ask("GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="mine")[1]
    number = by_name["orderId"]
    assert by_name == stage.ask("GET", "/api/v3/order", symbol="BTCUSDT", orderId=number)[1]
    assert list(by_name) == [
        "symbol", "orderId", "orderListId", "clientOrderId", "price", "origQty", "executedQty", "cummulativeQuoteQty",
        "status", "timeInForce", "type", "side", "stopPrice", "icebergQty", "time", "updateTime", "isWorking",
        "workingTime", "origQuoteOrderQty", "selfTradePreventionMode",
    ]  # fmt: skip
    assert by_name["status"] == "NEW"
    assert [one["orderId"] for one in stage.ask("GET", "/api/v3/openOrders")[1]] == [number]
    assert stage.ask("GET", "/api/v3/openOrders", symbol="ETHUSDT")[1] == []
    told = {"code": -2010, "msg": "Duplicate order sent."}
    assert stage.buys("0.02", "50000.00", newClientOrderId="mine")[:2] == (400, told)
    gone = stage.ask("DELETE", "/api/v3/order", where="body", symbol="BTCUSDT", origClientOrderId="mine")[1]
    assert (gone["status"], gone["origClientOrderId"]) == ("CANCELED", "mine")
    assert gone["clientOrderId"] != "mine"
    assert stage.held()["USDT"] == (100_000, 0)
    again = stage.ask("DELETE", "/api/v3/order", symbol="BTCUSDT", orderId=number)
    assert again[:2] == (400, {"code": -2011, "msg": "Unknown order sent."})
    assert stage.ask("GET", "/api/v3/order", symbol="BTCUSDT", orderId=number)[1]["status"] == "CANCELED"
    assert (
        stage.buys("0.02", "50000.00", newClientOrderId="mine")[0] == 200
    )  # a name is free again when its order ended


def test_an_order_of_another_symbol_or_name_is_not_that_one(stage: Stage) -> None:
    number = stage.buys(newClientOrderId="mine")[1]["orderId"]
    got = stage.ask("GET", "/api/v3/order", symbol="ETHUSDT", orderId=number)
    assert got[:2] == (400, {"code": -2013, "msg": "Order does not exist."})
    got = stage.ask("GET", "/api/v3/order", symbol="BTCUSDT", orderId=number, origClientOrderId="other")
    assert got[:2] == (400, {"code": -2039, "msg": "Client order ID is not correct for this order ID."})
    got = stage.ask("DELETE", "/api/v3/order", symbol="BTCUSDT", orderId=number, origClientOrderId="other")
    assert got[:2] == (400, {"code": -2011, "msg": "Unknown order sent."})
    got = stage.ask("DELETE", "/api/v3/order", SANDBOX_OTHER, symbol="BTCUSDT", orderId=number)
    assert got[:2] == (400, {"code": -2011, "msg": "Unknown order sent."})
    got = stage.ask(
        "DELETE", "/api/v3/order", symbol="BTCUSDT", orderId=number, cancelRestrictions="ONLY_PARTIALLY_FILLED"
    )
    assert got[:2] == (400, {"code": -2011, "msg": "Order was not canceled due to cancel restrictions."})
    assert stage.ask("GET", "/api/v3/openOrders")[1][0]["orderId"] == number


@pytest.mark.parametrize(
    ("force", "status", "reason"),
    [("IOC", "EXPIRED", "UNFILLED_IOC_QUANTITY_EXPIRED"), ("FOK", "EXPIRED", "UNFILLED_FOK_ORDER_EXPIRED")],
)
def test_what_does_not_execute_at_once_expires(stage: Stage, force: str, status: str, reason: str) -> None:
    """enums.md: IOC fills what it can, FOK all or nothing; both are taken in, and expire."""
    ask = stage.best(Side.SELL)
    told = stage.buys("1.5", ask, timeInForce=force)[1]
    there = stage.ask("GET", "/api/v3/order", symbol="BTCUSDT", orderId=told["orderId"])[1]
    assert (told["status"], told["expiryReason"]) == (status, reason) == (there["status"], there["expiryReason"])
    assert (Decimal(told["executedQty"]) > 0) is (force == "IOC")
    assert stage.held()["USDT"][1] == 0
    assert [one["orderId"] for one in stage.ask("GET", "/api/v3/allOrders", symbol="BTCUSDT")[1]] == [told["orderId"]]


def test_a_market_order_may_say_what_to_spend(stage: Stage) -> None:
    before = stage.held()["USDT"][0]
    spend = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quoteOrderQty": "250"}
    told = stage.ask("POST", "/api/v3/order", **spend)[1]
    spent = Decimal(told["cummulativeQuoteQty"])
    assert (told["origQuoteOrderQty"], told["type"]) == ("250.00000000", "MARKET")
    assert told["status"] == "FILLED" and told["origQty"] == told["executedQty"]
    assert 0 <= 250 - spent < stage.best(Side.SELL) * Decimal("0.00001") * 2  # a step short of it at most
    assert stage.held()["USDT"][0] == before - spent


MODES = {"EXPIRE_TAKER": ("EXPIRED_IN_MATCH", "NEW"), "EXPIRE_MAKER": ("NEW", "EXPIRED_IN_MATCH"),
         "EXPIRE_BOTH": ("EXPIRED_IN_MATCH", "EXPIRED_IN_MATCH")}  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
def test_an_account_does_not_trade_with_itself(stage: Stage, mode: str) -> None:
    """faqs/stp_faq.md: which of the two gives way. The maker is the best offer when the taker comes."""
    price = stage.best(Side.SELL)
    offer = {"symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}
    maker = stage.ask("POST", "/api/v3/order", price=price, **offer)[1]["orderId"]
    displayed = Decimal(stage.plain("GET", "/api/v3/depth?symbol=BTCUSDT&limit=1")[1]["asks"][0][1])
    size = displayed + Decimal("0.1")  # more than what stands before the maker, and the maker
    told = stage.buys(str(size), price, selfTradePreventionMode=mode)[1]
    there = stage.ask("GET", "/api/v3/order", symbol="BTCUSDT", orderId=maker)[1]
    assert (told["status"].replace("PARTIALLY_FILLED", "NEW"), there["status"]) == MODES[mode]
    assert Decimal(told["executedQty"]) == displayed - Decimal("0.01")
    expired = [one for one in (told, there) if one["status"] == "EXPIRED_IN_MATCH"]
    for one in expired:
        assert Decimal(one["preventedQuantity"]) == Decimal(one["origQty"]) - Decimal(one["executedQty"])
    assert there["executedQty"] == "0.00000000"


def test_weights_and_limits_are_told_and_kept(stage: Stage) -> None:
    """rest-api.md "IP Limits": 6000 a minute; 429 with `Retry-After`; who goes on is banned for two minutes, 418."""
    used = int(stage.ask("GET", "/api/v3/rateLimit/order")[2]["X-MBX-USED-WEIGHT-1M"])
    assert int(stage.ask("GET", "/api/v3/openOrders")[2]["X-MBX-USED-WEIGHT-1M"]) == used + 80
    assert int(stage.buys()[2]["X-MBX-USED-WEIGHT-1M"]) == used + 80  # since 2026-04-02 what succeeds weighs nothing
    assert int(stage.buys("0")[2]["X-MBX-USED-WEIGHT-1M"]) == used + 81
    statuses = [stage.ask("GET", "/api/v3/openOrders") for _ in range(90)]
    told = next(one for one in statuses if one[0] == 429)
    assert told[1]["code"] == -1003 and "6000 request weight per 1 MINUTE" in told[1]["msg"]
    assert 0 < int(told[2]["Retry-After"]) <= 60
    status, banned, headers = statuses[-1]
    assert (status, banned["code"], headers["Retry-After"]) == (418, -1003, "120")
    assert stage.buys()[0] == 418  # orders are banned as well
    stage.wait(121)
    assert stage.buys()[0] == 200


def test_orders_that_do_not_fill_are_counted(stage: Stage) -> None:
    """rest-api.md "Unfilled Order Count", faqs/order_count_decrement.md: 100 in windows of ten seconds, by account."""
    stage.wait(10 - stage.now % (10 * SECOND) / SECOND)
    told = [stage.buys("0.0002", "50000.00") for _ in range(3)]
    assert [one[2]["X-MBX-ORDER-COUNT-10S"] for one in told] == ["1", "2", "3"]
    assert stage.buys("0.001", "62000.00", timeInForce="IOC")[2]["X-MBX-ORDER-COUNT-10S"] in ("3", "4")
    counts = stage.ask("GET", "/api/v3/rateLimit/order")[1]
    assert [(one["interval"], one["intervalNum"], one["limit"]) for one in counts] == [
        ("SECOND", 10, 100),
        ("DAY", 1, 200000),
    ]
    for _ in range(100 - counts[0]["count"]):
        assert stage.buys("0.0002", "50000.00")[0] == 200
    status, error, headers = stage.buys("0.0002", "50000.00")
    assert (status, error["code"], headers["Retry-After"]) == (429, -1015, "10")
    assert error["msg"] == "Too many new orders; current limit is 100 orders per 10 SECOND."
    assert stage.ask("POST", "/api/v3/order", SANDBOX_OTHER, symbol="BTCUSDT", side="BUY", type="MARKET",
                     quantity="0.001")[0] == 200  # fmt: skip
    stage.wait(10)
    status, _, headers = stage.buys("0.0002", "50000.00")
    assert (status, headers["X-MBX-ORDER-COUNT-10S"], headers["X-MBX-ORDER-COUNT-1D"]) == (200, "1", str(
        counts[1]["count"] + 100 - counts[0]["count"] + 1))  # fmt: skip


def test_a_halted_market_and_a_maintained_venue_say_so(stage: Stage) -> None:
    stage.desk.set_state(stage.btc, TradingState.HALTED)
    assert stage.buys()[:2] == (400, {"code": -1013, "msg": "Market is closed."})
    stage.desk.set_maintenance(True)
    assert stage.buys()[:2] == (503, {"code": -1016, "msg": "This service is no longer available."})
    assert stage.plain("GET", "/api/v3/time")[0] == 503
    assert stage.plain("GET", "/sapi/v1/system/status")[:2] == (200, {"status": 1, "msg": "system_maintenance"})
    stage.desk.set_maintenance(False)
    assert stage.plain("GET", "/sapi/v1/system/status")[1] == {"status": 0, "msg": "normal"}


def test_a_key_says_what_it_may_do(stage: Stage) -> None:
    rights = {
        key.key: stage.ask("GET", "/sapi/v1/account/apiRestrictions", key)[1]
        for key in (SANDBOX_CREDENTIALS, SANDBOX_TRADER, SANDBOX_READER)
    }
    told = [
        (one["enableReading"], one["enableSpotAndMarginTrading"], one["enableWithdrawals"]) for one in rights.values()
    ]
    assert told == [(True, True, True), (True, True, False), (True, False, False)]


def test_coins_move_between_wallets(stage: Stage) -> None:
    move = {"asset": "USDT", "amount": "40"}
    assert set(stage.ask("POST", "/sapi/v1/asset/transfer", type="MAIN_FUNDING", **move)[1]) == {"tranId"}
    assert stage.held()["USDT"] == (99_960, 0)
    held = stage.ask("POST", "/sapi/v1/asset/get-funding-asset")[1]
    assert [(one["asset"], one["free"]) for one in held] == [("USDT", "40")]
    too_much = stage.ask("POST", "/sapi/v1/asset/transfer", type="FUNDING_MAIN", asset="USDT", amount="41")
    assert too_much[:2] == (400, {"code": -5013, "msg": "Asset transfer failed: insufficient balance"})
    rows = stage.ask("GET", "/sapi/v1/asset/transfer", type="MAIN_FUNDING")[1]
    assert (rows["total"], rows["rows"][0]["amount"], rows["rows"][0]["status"]) == (1, "40", "CONFIRMED")


def test_a_withdrawal_is_told_until_it_is_done(stage: Stage) -> None:
    """`amount` is what arrives, the fee beside it; the status numbers are those of "Withdraw History"."""
    asked = {"coin": "USDT", "network": "TRX", "address": TRON, "amount": "100", "withdrawOrderId": "w-1"}
    made = stage.ask("POST", WALLET, where="body", **asked)[1]
    assert set(made) == {"id"}

    def told() -> Any:
        return stage.ask("GET", "/sapi/v1/capital/withdraw/history", coin="USDT", withdrawOrderId="w-1")[1][0]

    first = told()
    assert (first["id"], first["amount"], first["transactionFee"], first["status"]) == (made["id"], "99", "1", 2)
    seen = [first["status"]]
    for _ in range(120):
        stage.wait(10)
        if told()["status"] != seen[-1]:
            seen.append(told()["status"])
        if seen[-1] == 6:
            break
    assert seen == [2, 4, 6]
    assert told()["txId"] and told()["completeTime"]
    assert stage.held()["USDT"] == (99_900, 0)


def test_the_numbers_of_orders_grow_whatever_became_of_them(stage: Stage) -> None:
    """A page of `allOrders` begins at an `orderId`: an order that expired at once has its place among the others."""
    numbers = [stage.buys()[1]["orderId"]]
    for _ in range(2):
        numbers.append(stage.buys("5", stage.best(Side.SELL), timeInForce="FOK")[1]["orderId"])
    numbers.append(stage.buys()[1]["orderId"])
    told = [one["orderId"] for one in stage.ask("GET", "/api/v3/allOrders", symbol="BTCUSDT")[1]]
    assert told == numbers == sorted(set(numbers))
    for place, number in enumerate(numbers):
        rows = stage.ask("GET", "/api/v3/allOrders", symbol="BTCUSDT", orderId=number)[1]
        assert [one["orderId"] for one in rows] == numbers[place:]
        assert stage.ask("GET", "/api/v3/order", symbol="BTCUSDT", orderId=number)[1]["orderId"] == number
