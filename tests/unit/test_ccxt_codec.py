"""Actions through ccxt: what is sent is what was asked for, what an answer says is what is reported.

Bodies of answers: rest-api pages of binance-spot-api-docs and of binance.github.io, as kept by public clients' tests
(labelled in each), 2026-11-21; the numbers expected are read off them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
from conformance.ccxt_actions import BNBBTC, BTCUSDT, LTCBTC, RULES, VENUE, codec, signature_of

from cryptopipe.act.action_rules import Means, Row, rows
from cryptopipe.act.ccxt_codec import CcxtActions
from cryptopipe.errors import ProtocolError, RateLimited, UnknownOutcome, VenueError, VenueUnavailable
from cryptopipe.model.actions import (
    Action,
    CancelAll,
    CancelOrder,
    FetchAddress,
    FetchBalances,
    FetchCurrencies,
    FetchFees,
    FetchKey,
    FetchPositions,
    FetchTime,
    FindOrder,
    ListFills,
    ListOpenOrders,
    ListTransfers,
    MoveFunds,
    PlaceOrder,
    TimeInForce,
    Withdraw,
)
from cryptopipe.model.facts import Asset, Fee, Instrument, Kind, Network, Side
from cryptopipe.model.outcomes import (
    Accepted,
    AddressReport,
    BalanceReport,
    KeyReport,
    More,
    NotFound,
    OrderState,
    Refused,
    Reports,
    TransferState,
)
from cryptopipe.model.stream import Credentials, HttpRequest, HttpResponse

KEYS = Credentials("key-of-a-test", "c2VjcmV0LW9mLWEtdGVzdA==")
AT = 1_700_000_000_123_456_789
CODEC = codec()
D = Decimal


def sent(request: HttpRequest) -> dict[str, str]:
    """The parameters of a request, in its query or its body."""
    return dict(parse_qsl(urlsplit(request.url).query + (request.body or b"").decode(), keep_blank_values=True))


def built(action: Action, ours: CcxtActions = CODEC) -> tuple[str, str, dict[str, str]]:
    """Method, path and parameters, without those of every signed request."""
    request = ours.build(action, KEYS, AT)
    told = sent(request)
    for name in ("timestamp", "recvWindow", "signature", "newOrderRespType"):
        told.pop(name, None)
    return request.method, urlsplit(request.url).path, told


def answered(action: Action, body: Any, status: int = 200, ours: CcxtActions = CODEC, **headers: str) -> Any:
    text = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return ours.parse(action, HttpResponse(status, text, headers=headers))


def order(side: Side = Side.BUY, price: str | None = "0.1", **more: Any) -> PlaceOrder:
    return PlaceOrder(LTCBTC, side, D("1.500"), None if price is None else D(price), "cp-1", **more)


UNIFIED = {"enableUnifiedAccount": True, "enableUnifiedMargin": False, "unifiedMarginStatus": 5}
"""What one of ccxt's classes would ask its venue for."""
LIMIT = {"symbol": "LTCBTC", "side": "BUY", "newClientOrderId": "cp-1", "quantity": "1.5", "price": "0.1"}
OURS = {"symbol": "LTCBTC", "origClientOrderId": "cp-1"}


@pytest.mark.parametrize(
    ("action", "method", "path", "told"),
    [
        (order(), "POST", "/api/v3/order", LIMIT | {"type": "LIMIT", "timeInForce": "GTC"}),
        (order(time_in_force=TimeInForce.IOC), "POST", "/api/v3/order",
         LIMIT | {"type": "LIMIT", "timeInForce": "IOC"}),
        (order(time_in_force=TimeInForce.FOK), "POST", "/api/v3/order",
         LIMIT | {"type": "LIMIT", "timeInForce": "FOK"}),
        (order(time_in_force=TimeInForce.POST_ONLY), "POST", "/api/v3/order", LIMIT | {"type": "LIMIT_MAKER"}),
        (order(Side.SELL, None), "POST", "/api/v3/order",
         {"symbol": "LTCBTC", "side": "SELL", "newClientOrderId": "cp-1", "quantity": "1.5", "type": "MARKET"}),
        (CancelOrder(LTCBTC, "cp-1"), "DELETE", "/api/v3/order", OURS),
        (CancelOrder(LTCBTC, "cp-1", "77"), "DELETE", "/api/v3/order", {"symbol": "LTCBTC", "orderId": "77"}),
        (CancelAll(VENUE, LTCBTC), "DELETE", "/api/v3/openOrders", {"symbol": "LTCBTC"}),
        (FindOrder(LTCBTC, "cp-1"), "GET", "/api/v3/order", OURS),
        (FindOrder(LTCBTC, "cp-1", "77"), "GET", "/api/v3/order", {"symbol": "LTCBTC", "orderId": "77"}),
        (ListOpenOrders(VENUE, LTCBTC), "GET", "/api/v3/openOrders", {"symbol": "LTCBTC"}),
        (ListFills(LTCBTC), "GET", "/api/v3/myTrades", {"symbol": "LTCBTC"}),
        (ListFills(LTCBTC, "77"), "GET", "/api/v3/myTrades", {"symbol": "LTCBTC", "orderId": "77"}),
        (ListFills(LTCBTC, "", AT), "GET", "/api/v3/myTrades", {"symbol": "LTCBTC", "startTime": "1700000000123"}),
        (FetchBalances(VENUE), "GET", "/api/v3/account", {}),
        (FetchFees(LTCBTC), "GET", "/sapi/v1/asset/tradeFee", {"symbol": "LTCBTC"}),
        (FetchCurrencies(VENUE), "GET", "/sapi/v1/capital/config/getall", {}),
        (FetchAddress(VENUE, "LTC", "ltcMain"), "GET", "/sapi/v1/capital/deposit/address",
         {"coin": "LTC", "network": "ltcMain"}),
        (ListTransfers(VENUE, deposits=False, code="LTC"), "GET", "/sapi/v1/capital/withdraw/history", {"coin": "LTC"}),
        (Withdraw(VENUE, "USDT", "TRX", "Tabcdefghij", D("0.100000000000000001"), "w-1", "memo"), "POST",
         "/sapi/v1/capital/withdraw/apply",
         {"coin": "USDT", "network": "TRX", "address": "Tabcdefghij", "addressTag": "memo",
          "amount": "0.100000000000000001", "withdrawOrderId": "w-1"}),
        (MoveFunds(VENUE, "USDT", D(3), "spot", "funding", "m-1"), "POST", "/sapi/v1/asset/transfer",
         {"asset": "USDT", "amount": "3", "type": "MAIN_FUNDING"}),
        (FetchTime(VENUE), "GET", "/api/v3/time", {}),
        (FetchKey(VENUE), "GET", "/sapi/v1/account/apiRestrictions", {}),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, msgspec.Struct) else "",
)  # fmt: skip
def test_a_request_says_what_was_asked_for(action: Action, method: str, path: str, told: dict[str, str]) -> None:
    assert built(action) == (method, path, told)


def test_a_request_is_signed_and_stamped_with_the_time_it_is_given() -> None:
    request = CODEC.build(order(), KEYS, AT)
    assert request.headers["X-MBX-APIKEY"] == KEYS.key
    assert (sent(request)["timestamp"], sent(request)["recvWindow"]) == ("1700000000123", "2000")
    assert sent(request)["signature"] == signature_of(request, KEYS)


@pytest.mark.parametrize("size", ["0.1234567890123456789", "1e-18", "123456789012345678901234567890.1", "2E+3"])
def test_what_is_off_the_grid_or_beyond_a_float_is_sent_as_it_is(size: str) -> None:
    """The venue says what is too fine; nothing is rounded on the way."""
    action = msgspec.structs.replace(order(), size=D(size), price=D("0.0000000000000000017"))
    told = built(action)[2]
    assert D(told["quantity"]) == D(size) and D(told["price"]) == D("0.0000000000000000017")
    assert "E" not in told["quantity"].upper()


def test_where_a_venue_wants_a_number_it_is_exact_or_nothing_is_sent() -> None:
    ours = CcxtActions("bingx", VENUE, (LTCBTC,), replace(RULES, options={}, calls={}, market=None))
    told = sent(ours.build(order(), KEYS, AT))
    assert (told["quantity"], told["price"]) == ("1.5", "0.1")
    with pytest.raises(VenueError, match="has more digits than a number in JSON"):
        ours.build(msgspec.structs.replace(order(), size=D("0.1234567890123456789")), KEYS, AT)


FULL = {
    "symbol": "LTCBTC", "orderId": 28, "orderListId": -1, "clientOrderId": "cp-1", "transactTime": 1507725176595,
    "price": "0.1", "origQty": "10.00000000", "executedQty": "10.00000000", "origQuoteOrderQty": "0.000000",
    "cummulativeQuoteQty": "39.98200000", "status": "FILLED", "timeInForce": "GTC", "type": "LIMIT", "side": "SELL",
    "workingTime": 1507725176595, "selfTradePreventionMode": "NONE",
    "fills": [
        {"price": "4.00000000", "qty": "1.00000000", "commission": "4.00000000", "commissionAsset": "BTC",
         "tradeId": 56},
        {"price": "3.99800000", "qty": "9.00000000", "commission": "19.99500000", "commissionAsset": "BNB",
         "tradeId": 57},
    ],
}  # fmt: skip
"""New order, response FULL of trading-endpoints.md with two of its five fills, so that sums are those of two."""


def test_an_answer_with_fills_is_told_whole() -> None:
    got = answered(order(Side.SELL), FULL)
    assert isinstance(got, Accepted) and got.order is not None
    assert (got.venue_id, got.state, got.order.order_id, got.order.client_id) == ("28", "FILLED", "28", "cp-1")
    assert (got.order.state, got.order.side) == (OrderState.FILLED, Side.SELL)
    assert (got.order.size, got.order.filled, got.order.spent, got.order.price) == (10, 10, D("39.982"), D("0.1"))
    fills = got.order.fills or ()
    assert [(one.fill_id, one.price, one.size) for one in fills] == [("56", 4, 1), ("57", D("3.998"), 9)]
    assert [one.fee for one in fills] == [Fee(D(4), Asset("BTC")), Fee(D("19.995"), Asset("BNB"))]
    assert {(one.order_id, one.client_id, one.side, one.at) for one in fills} == {
        ("28", "cp-1", Side.SELL, 1_507_725_176_595_000_000)
    }


@pytest.mark.parametrize(
    ("status", "executed", "state"),
    [
        ("NEW", "0", OrderState.OPEN),
        ("PARTIALLY_FILLED", "4", OrderState.OPEN),
        ("FILLED", "10", OrderState.FILLED),
        ("CANCELED", "4", OrderState.CANCELLED),
        ("EXPIRED", "4", OrderState.EXPIRED),
        ("EXPIRED_IN_MATCH", "0", OrderState.EXPIRED),
        ("REJECTED", "0", OrderState.REJECTED),
        ("FILLED", "4", OrderState.CANCELLED),  # as venues that say "done" for both
    ],
)
def test_the_state_of_an_order(status: str, executed: str, state: OrderState) -> None:
    told = FULL | {"status": status, "executedQty": executed, "cummulativeQuoteQty": "1", "fills": []}
    (got,) = answered(FindOrder(LTCBTC, "cp-1"), told).orders
    assert (got.state, got.filled, got.fills) == (state, D(executed), () if executed == "0" else None)


def test_an_order_whose_sum_the_venue_does_not_know_has_none() -> None:
    """ "If the value is negative, the data is not available" (enums of the same pages)."""
    told = FULL | {"cummulativeQuoteQty": "-1", "fills": []}
    (got,) = answered(FindOrder(LTCBTC, "cp-1"), told).orders
    assert got.spent is None


def test_the_answer_to_a_cancel_has_the_orders_id_not_the_cancels() -> None:
    told = {
        "symbol": "LTCBTC", "origClientOrderId": "myOrder1", "orderId": 4, "orderListId": -1,
        "clientOrderId": "cancelMyOrder1", "transactTime": 1684804350068, "price": "2.00000000",
        "origQty": "1.00000000", "executedQty": "0.00000000", "cummulativeQuoteQty": "0.00000000",
        "status": "CANCELED", "timeInForce": "GTC", "type": "LIMIT", "side": "BUY",
    }  # fmt: skip
    got = answered(CancelOrder(LTCBTC, "myOrder1"), told)
    assert got.venue_id == "4" and got.order.client_id == "myOrder1" and got.order.state is OrderState.CANCELLED


TRADE = {
    "symbol": "BNBBTC", "id": 28457, "orderId": 100234, "orderListId": -1, "price": "4.00000100", "qty": "12.00000000",
    "quoteQty": "48.000012", "commission": "10.10000000", "commissionAsset": "BNB", "time": 1499865549590,
    "isBuyer": True, "isMaker": False, "isBestMatch": True,
}  # fmt: skip


def test_fills_are_told_with_fee_and_role() -> None:
    (got,) = answered(ListFills(BNBBTC), [TRADE]).fills
    assert (got.fill_id, got.order_id, got.side, got.price, got.size) == (
        "28457",
        "100234",
        Side.BUY,
        D("4.000001"),
        12,
    )
    assert (got.fee, got.maker, got.at) == (Fee(D("10.1"), Asset("BNB")), False, 1_499_865_549_590_000_000)
    assert str(got.size) == "12.00000000", "the venue's own digits"


def test_fills_of_one_order_only_where_one_is_asked_for() -> None:
    got = answered(ListFills(BNBBTC, "100234"), [TRADE, TRADE | {"id": 1, "orderId": 5}])
    assert [one.fill_id for one in got.fills] == ["28457"]


def test_balances_are_exact_and_assets_ours() -> None:
    told = {
        "updateTime": 123456789,
        "balances": [
            {"asset": "BTC", "free": "4723846.892081290000000001", "locked": "0.00000000"},
            {"asset": "XBT9", "free": "1", "locked": "0.5"},
        ],
    }
    assert answered(FetchBalances(VENUE), told).balances == (
        BalanceReport(VENUE, Asset("BTC"), D("4723846.892081290000000001"), D(0), "", 123_456_789_000_000),
        BalanceReport(VENUE, Asset("XBT9@bitbaz"), D(1), D("0.5"), "", 123_456_789_000_000),
    )


def test_numbers_without_quotes_keep_their_digits() -> None:
    body = b'{"updateTime":1,"balances":[{"asset":"BTC","free":0.12345678901234567890,"locked":1e-18}]}'
    (got,) = answered(FetchBalances(VENUE), body).balances
    assert (got.free, got.locked) == (D("0.12345678901234567890"), D("1e-18"))


COIN = {
    "coin": "ETH", "depositAllEnable": True, "withdrawAllEnable": True, "isLegalMoney": False, "name": "Ethereum",
    "free": "0", "locked": "0", "trading": True,
    "networkList": [
        {"network": "ETH", "coin": "ETH", "depositEnable": True, "withdrawEnable": False, "isDefault": True,
         "name": "ERC20", "minConfirm": 12, "unLockConfirm": 64, "withdrawFee": "0.0012", "withdrawMin": "0.0098",
         "withdrawMax": "10000000000", "withdrawIntegerMultiple": "0.00000001", "sameAddress": False,
         "contractAddress": "", "depositDust": "0.00001"},
    ],
}  # fmt: skip


def test_currencies_are_told_with_their_networks() -> None:
    (got,) = answered(FetchCurrencies(VENUE), [COIN]).currencies
    assert (got.venue, got.code, got.asset) == (VENUE, "ETH", Asset("ETH"))
    (network,) = got.networks
    assert network == Network(
        "ETH", "ethereum", None, True, False, D("0.0012"), None, D("0.0098"), D(10_000_000_000), D("0.00001"), 8
    )


def test_what_the_venue_tells_of_a_network_beyond_ccxt_is_the_plugins_to_read() -> None:
    def more(told: Any) -> Mapping[str, Any]:
        return {"confirmations": int(told["info"]["minConfirm"]), "contract": told["info"]["contractAddress"]}

    ours = CcxtActions("binance", VENUE, (LTCBTC,), replace(RULES, network=more), chains={"ETH": "my-chain"})
    (got,) = answered(FetchCurrencies(VENUE), [COIN], ours=ours).currencies
    assert [(one.chain, one.confirmations, one.contract) for one in got.networks] == [("my-chain", 12, "")]


def test_transfers_end_only_by_a_word_for_an_end() -> None:
    told = {
        "id": "b6ae22b3aa844210a7041aee7589627c", "amount": "8.91000000", "transactionFee": "0.004", "coin": "USDT",
        "status": 6, "address": "0x94df8b352de7f46f64b01d3666bf6e936e44ce60", "txId": "0xb5ef", "network": "ETH",
        "applyTime": "2019-10-12 11:12:02", "transferType": 0, "withdrawOrderId": "w-1", "confirmNo": 3,
    }  # fmt: skip
    every = [told | {"id": str(status), "status": status} for status in range(8)]
    got = answered(ListTransfers(VENUE, deposits=False), every).transfers
    # 0 email sent, 1 cancelled, 2 awaiting approval, 3 rejected, 4 processing, 5 failure, 6 completed (the page)
    ends = {"1": TransferState.CANCELLED, "3": TransferState.FAILED, "5": TransferState.FAILED, "6": TransferState.DONE}
    assert {one.transfer_id: one.state for one in got} == {
        str(status): ends.get(str(status), TransferState.PENDING) for status in range(8)
    }
    (done,) = (one for one in got if one.transfer_id == "6")
    assert (done.asset, done.network, done.amount, done.fee, done.txid) == (
        "USDT",
        "ETH",
        D("8.91"),
        D("0.004"),
        "0xb5ef",
    )
    assert (done.client_id, done.deposit, done.at) == ("w-1", False, 1_570_878_722_000_000_000)


def test_an_address_a_fee_the_time_and_a_key() -> None:
    told = {"address": "1HPn8Rx2y6nNSfagQBKy27GB99Vbzg89wv", "coin": "BTC", "tag": "7", "url": "https://btc.com/x"}
    address = answered(FetchAddress(VENUE, "BTC", "BTC"), told).address
    assert address == AddressReport(Asset("BTC"), "BTC", "1HPn8Rx2y6nNSfagQBKy27GB99Vbzg89wv", "7")
    fee = [{"symbol": "LTCBTC", "makerCommission": "0.0009", "takerCommission": "0.001"}]
    fees = answered(FetchFees(LTCBTC), fee).fees
    assert (fees.maker_rate, fees.taker_rate, fees.charged_in) == (D("0.0009"), D("0.001"), "received")
    assert answered(FetchTime(VENUE), {"serverTime": 1499827319559}).server_time == 1_499_827_319_559_000_000
    rights = {
        "enableReading": True,
        "enableSpotAndMarginTrading": False,
        "enableWithdrawals": False,
        "ipRestrict": True,
    }
    assert answered(FetchKey(VENUE), rights).key == KeyReport(True, False, False, True, 0)


@pytest.mark.parametrize(("side", "size", "held"), [("Buy", "0.10", "0.10"), ("Sell", "0.10", "-0.10"), ("", "0", "0")])
def test_positions_are_long_above_zero_and_short_below(side: str, size: str, held: str) -> None:
    """A row of v5 "Get Position Info" as ccxt 4.5.90 quotes it, with its mark and margin of the page's example."""
    told = {
        "positionIdx": 0, "symbol": "ETHUSDT", "side": side, "size": size, "positionValue": "119.845",
        "avgPrice": "1198.45", "leverage": "4.2", "liqPrice": "919.10", "markPrice": "1199.28", "positionIM": "28.58",
        "positionMM": "0.5", "unrealisedPnl": "0.083", "createdTime": "1669097244192", "updatedTime": "1669413126190",
    }  # fmt: skip
    perpetual = Instrument(VENUE, "ETHUSDT", Asset("ETH"), Asset("USDT"), Kind.LINEAR_PERPETUAL, LTCBTC.rules)
    rules = replace(RULES, supports=frozenset({FetchPositions}), options=UNIFIED, calls={}, market=None)
    ours = CcxtActions("bybit", VENUE, (perpetual,), rules)
    body = {"retCode": 0, "retMsg": "OK", "result": {"category": "linear", "list": [told]}, "time": 1672280219169}
    (got,) = answered(FetchPositions(VENUE, perpetual), body, ours=ours).positions
    assert (got.instrument, got.size, got.at) == (perpetual, D(held), 1_669_413_126_190_000_000)
    assert (got.entry, got.mark, got.margin) == (D("1198.45"), D("1199.28"), D("28.58"))
    assert (got.liquidation, got.unrealised, got.funding) == (D("919.10"), D("0.083"), None)


def test_what_was_withdrawn_or_moved_has_the_venues_id() -> None:
    withdraw = Withdraw(VENUE, "BTC", "BTC", "1HPn8Rx2y6nNSfagQBKy27GB99Vbzg89wv", D(1), "w-1")
    assert answered(withdraw, {"id": "7213fea8e94b4a5593d507237e5a555b"}) == Accepted(
        "7213fea8e94b4a5593d507237e5a555b"
    )
    assert answered(MoveFunds(VENUE, "BTC", D(1), "spot", "funding", "m"), {"tranId": 13526853623}) == Accepted(
        "13526853623"
    )


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (FULL | {"clientOrderId": "cp-2"}, "the answer is to cp-2, not to cp-1"),
        (FULL | {"symbol": "BTCUSDT"}, "the answer speaks of bitbaz:BTCUSDT"),
        (FULL | {"symbol": "DOGEBTC"}, "the answer speaks of 'DOGEBTC', no instrument of this run"),
        (FULL | {"orderId": None}, "it does not show that anything was done"),
        (FULL | {"executedQty": "NaN"}, "ValueError"),
        (FULL | {"fills": [{"price": "4", "qty": "x", "tradeId": 1}]}, "not a number: 'x'|ValueError"),
        (FULL | {"side": "HOLD"}, "a side is 'hold'"),
        (b'{"orderId":28', "no JSON"),
        (b'{"orderId":NaN}', "no JSON"),
    ],
)
def test_an_answer_about_something_else_leaves_an_order_open(body: Any, why: str) -> None:
    with pytest.raises(UnknownOutcome, match=f"HTTP 200 to PlaceOrder cannot be read: {why}"):
        answered(order(Side.SELL), body)


def test_an_answer_about_another_market_is_never_taken_for_the_one_asked_about() -> None:
    with pytest.raises(ProtocolError, match="speaks of 'ETHBTC', no instrument of this run"):
        answered(ListFills(BNBBTC), [TRADE | {"symbol": "ETHBTC"}])


def test_a_market_that_only_an_answer_speaks_of_is_the_plugins_to_find() -> None:
    def find(symbol: str) -> Instrument:
        if symbol != "ETHBTC":
            raise ProtocolError(f"what is {symbol}?")
        return msgspec.structs.replace(LTCBTC, symbol=symbol, base=Asset("ETH"))

    ours = codec(find=find)
    resting = FULL | {"symbol": "ETHBTC", "status": "NEW", "fills": []}
    (got,) = answered(ListOpenOrders(VENUE), [resting], ours=ours).orders
    assert (got.instrument.symbol, got.instrument.base) == ("ETHBTC", "ETH")
    with pytest.raises(ProtocolError, match="what is XYZBTC"):
        answered(ListFills(BNBBTC), [TRADE | {"symbol": "XYZBTC"}], ours=ours)


@pytest.mark.parametrize(
    ("action", "why"),
    [
        (order(price=None, time_in_force=TimeInForce.POST_ONLY), "without a price cannot be post_only"),
        (order(price=None, time_in_force=TimeInForce.FOK), "without a price cannot be fok"),
        (order(Side.SELL, borrow=True), "selling what the account does not have is not offered here"),
        (CancelAll(VENUE), "CancelAll needs an instrument here"),
        (FetchBalances(VENUE, "attic"), "no wallet 'attic'; there are"),
        (Withdraw(VENUE, "BTC", "BTC", "an address", D(1), "w"), "ccxt refuses to build it: InvalidAddress"),
    ],
)
def test_what_the_venue_has_not_is_refused_before_anything_is_built(action: Action, why: str) -> None:
    with pytest.raises(VenueError, match=why):
        CODEC.build(action, KEYS, AT)


def test_what_changes_something_is_built_once() -> None:
    with pytest.raises(VenueError, match="PlaceOrder is one request, and it was sent"):
        CODEC.build(order(), KEYS, AT, (HttpResponse(200, b"{}"),))


def test_a_method_that_ignores_the_instrument_cancels_nothing() -> None:
    """One of ccxt's venues takes a symbol and cancels everything."""
    rules = replace(RULES, supports=frozenset({CancelAll}), calls={}, market=None)
    with pytest.raises(VenueError, match="ccxt would cancel the orders of every instrument"):
        CcxtActions("kraken", VENUE, (LTCBTC,), rules).build(CancelAll(VENUE, LTCBTC), KEYS, AT)


@pytest.mark.parametrize(
    ("ccxt_id", "asked"),
    [("bybit", "/v5/user/query-api"), ("htx", "/v1/account/accounts"), ("gate", "/api/v4/account/")],
)
def test_what_ccxt_would_ask_before_an_order_is_not_taken_for_the_order(ccxt_id: str, asked: str) -> None:
    ours = CcxtActions(ccxt_id, VENUE, (LTCBTC,), replace(RULES, options={}, calls={}))
    with pytest.raises(VenueError, match=f"PlaceOrder: ccxt would ask GET {asked}.* first; the rules' options"):
        ours.build(order(), KEYS, AT)


def test_a_venue_may_take_orders_by_get() -> None:
    rules = replace(RULES, options={}, calls={}, by_get=frozenset({PlaceOrder}))
    request = CcxtActions("deribit", VENUE, (LTCBTC,), rules).build(order(), KEYS, AT)
    assert (request.method, urlsplit(request.url).path) == ("GET", "/api/v2/private/buy")


def test_borrowing_is_what_the_rules_say() -> None:
    ours = CcxtActions("binance", VENUE, (LTCBTC,), replace(RULES, borrow={"sideEffectType": "MARGIN_BUY"}))
    assert built(order(Side.SELL, borrow=True), ours)[2]["sideEffectType"] == "MARGIN_BUY"


PAGE: Sequence[bytes] = tuple(
    msgspec.json.encode([TRADE | {"id": 100 + 2 * page + one} for one in range(2 if page < 2 else 1)])
    for page in range(3)
)


def test_a_list_in_parts_is_asked_for_to_its_end() -> None:
    def following(document: Any, number: int) -> Mapping[str, Any] | None:
        return {"since": None, "fromId": document[-1]["id"] + 1} if len(document) == 2 else None

    ours = CcxtActions("binance", VENUE, (BNBBTC,), replace(RULES, pages={ListFills: following}))
    action, earlier, asked = ListFills(BNBBTC, "", 1_400_000_000_000_000_000), [], []
    for body in PAGE:
        asked.append(sent(ours.build(action, KEYS, AT, earlier)))
        response = HttpResponse(200, body)
        got = ours.parse(action, response, earlier)
        earlier.append(response)
        assert isinstance(got, Reports if body is PAGE[-1] else More)
    assert [one.fill_id for one in got.fills] == ["100", "101", "102", "103", "104"]
    assert [one.get("fromId") for one in asked] == [None, "102", "104"]
    assert ["startTime" in one for one in asked] == [True, False, False]


TABLE = (
    rows(Means.OPEN, "a page, 2026-11-21", -1006),
    Row(Means.DOWN, "a page", text="under maintenance", statuses=frozenset({503})),
    Row(Means.REFUSED, "a page", frozenset({"-3"}), kinds=frozenset({PlaceOrder})),
    rows(Means.NOT_FOUND, "a page", -3),
)


@pytest.mark.parametrize(
    ("action", "status", "body", "means"),
    [
        (order(), 400, {"code": -1006, "msg": "x"}, UnknownOutcome),
        (FindOrder(LTCBTC, "a"), 400, {"code": -1006, "msg": "x"}, VenueUnavailable),
        (order(), 503, {"code": -1, "msg": "Under Maintenance until noon"}, VenueUnavailable),
        (order(), 503, b"<html>under maintenance</html>", VenueUnavailable),
        (order(), 500, {"code": -1, "msg": "under maintenance"}, UnknownOutcome),
        (order(), 503, {"code": -1003, "msg": "Unknown error, please check your request or try again later."},
         UnknownOutcome),
        (order(), 400, {"code": -3, "msg": "no"}, Refused("-3", "no")),
        (FindOrder(LTCBTC, "a"), 400, {"code": -3, "msg": "no"}, NotFound("-3", "no")),
        (order(), 400, {"code": -2010, "msg": "Account has insufficient balance for requested action."},
         Refused("-2010", "Account has insufficient balance for requested action.")),
        (FindOrder(LTCBTC, "a"), 400, {"code": -2013, "msg": "Order does not exist."},
         NotFound("-2013", "Order does not exist.")),
        (order(), 400, {"code": -987654, "msg": "new"}, Refused("-987654", "new")),
        (order(), 400, {"code": -2013, "msg": "Order does not exist."}, Refused("-2013", "Order does not exist.")),
        (CancelOrder(LTCBTC, "a"), 400, {"code": -3, "msg": "no"}, NotFound("-3", "no")),
        (order(), 200, {"code": -987654, "msg": "new"}, UnknownOutcome),
        (FetchBalances(VENUE), 200, {"code": -987654, "msg": "new"}, VenueError),
        (FetchBalances(VENUE), 400, {"code": -1001, "msg": "Internal error"}, VenueUnavailable),
        (order(), 400, b"no json", UnknownOutcome),
        (order(), 401, {"code": -2014, "msg": "API-key format invalid."}, VenueError),
        (order(), 403, b"<html>blocked</html>", UnknownOutcome),
        (FetchBalances(VENUE), 403, b"<html>blocked</html>", VenueError),
        (FetchBalances(VENUE), 200, b"<html>hello</html>", ProtocolError),
        (FetchBalances(VENUE), 200, {"balances": "none"}, ProtocolError),
        (FetchBalances(VENUE), 200, {}, ProtocolError),
        (FetchBalances(VENUE), 200, {"balances": []}, Reports()),
        (FetchBalances(VENUE), 200, {"msg": []}, ProtocolError),
        (ListFills(LTCBTC), 200, [], Reports()),
        (ListFills(LTCBTC), 200, {"fills": 0}, ProtocolError),
        (FetchBalances(VENUE), 599, b"", VenueUnavailable),
        (order(), 599, b"", UnknownOutcome),
        (order(), 408, b"", UnknownOutcome),
        (order(), 418, {"code": -1003, "msg": "banned"}, RateLimited),
        (order(), 429, b"", RateLimited),
        (order(), 418, b"", RateLimited),
        (FetchBalances(VENUE), 500, {"code": -987654, "msg": "new"}, VenueUnavailable),
        (CancelOrder(LTCBTC, "a"), 429, b"", RateLimited),
    ],
)  # fmt: skip
def test_the_first_row_decides_then_the_status_then_what_ccxt_takes_it_for(
    action: Action, status: int, body: Any, means: Any
) -> None:
    ours = CcxtActions("binance", VENUE, (LTCBTC, BTCUSDT), replace(RULES, table=TABLE))
    try:
        got = answered(action, body, status, ours)
    except (VenueError, ProtocolError) as error:
        got = type(error)
    assert got == means


@pytest.mark.parametrize(
    ("code", "text", "means"),
    [
        (110007, "ab not enough for new order", Refused("110007", "ab not enough for new order")),
        (10006, "Too many visits", RateLimited),
        (10002, "invalid request, please check your server timestamp", VenueError),
        (10000, "Server Timeout", UnknownOutcome),
        (987654, "new", UnknownOutcome),
    ],
)
def test_without_a_table_a_refusal_in_a_good_status_is_one_only_where_ccxt_is_sure(
    code: int, text: str, means: Any
) -> None:
    """Codes of the v5 error page of 2026-11-21 as ccxt 4.5.90 has them; the status is 200 for all."""
    rules = replace(RULES, table=(), calls={}, code_at=(("retCode",),), text_at=(("retMsg",),), fine=frozenset({"0"}))
    ours = CcxtActions("bybit", VENUE, (LTCBTC,), replace(rules, options={"enableUnifiedAccount": True}))
    try:
        got = answered(order(), {"retCode": code, "retMsg": text, "result": {}}, ours=ours)
    except VenueError as error:
        got = type(error)
    assert got == means


def test_where_an_empty_list_stands_is_what_the_rules_say() -> None:
    ours = CcxtActions("binance", VENUE, (LTCBTC,), replace(RULES, evidence={FetchBalances: ("balances",)}))
    assert answered(FetchBalances(VENUE), {"balances": []}, ours=ours) == Reports()
    with pytest.raises(ProtocolError, match="does not show that there is nothing"):
        answered(FetchBalances(VENUE), {"permissions": []}, ours=ours)


def test_a_rate_limit_tells_how_long() -> None:
    with pytest.raises(RateLimited, match="HTTP 429 to PlaceOrder, code -1003: slow down, retry after 17"):
        answered(order(), {"code": -1003, "msg": "slow down"}, 429, **{"Retry-After": "17"})


def test_a_row_names_its_source_and_something_to_know_an_answer_by() -> None:
    for source, more in (("", {"text": "x"}), ("a page", {})):
        with pytest.raises(ValueError, match="a row names its source"):
            Row(Means.OPEN, source, **more)  # type: ignore[arg-type]
