"""Kraken's simulated private REST side against its documentation, recorded answers, and the laws of money.

Enters: requests of a client written from the pages alone (`kraken_stage`). Leaves: a verdict. Never: an expected value
that the sandbox computed.
"""

import json
import re
from collections.abc import Iterator
from decimal import Decimal as D
from typing import Any

import pytest
from conformance.kraken_stage import KRAKEN, SECOND, START, Stage, sign
from recordings import RECORDINGS, needs_recordings

from cryptopipe.api import (
    SANDBOX_CREDENTIALS,
    SANDBOX_OTHER,
    SANDBOX_READER,
    SANDBOX_TRADER,
    Credentials,
    HttpRequest,
    TradingState,
)
from cryptopipe.registry import Registry
from cryptopipe_kraken.sandbox_accounts_door import Counter

MINUTE = 60 * SECOND
ORDER = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "60000.0", "volume": "0.01"}


def placed(stage: Stage, **fields: object) -> str:
    """The txid of an order that differs from `ORDER` by these fields."""
    return str(stage.call("AddOrder", **{**ORDER, **fields})["txid"][0])


def test_the_recipe_of_a_signature_is_the_published_one() -> None:
    """guides/rest/authentication, example (2026-11-21)."""
    body = "nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25"
    secret = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="
    expected = "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ=="
    assert sign(secret, "/0/private/AddOrder", "1616492376594", body) == expected


def test_who_may_not_enter_is_told_why_in_the_venues_words_with_status_200() -> None:
    stage = Stage()
    stranger = Credentials("nobody", SANDBOX_CREDENTIALS.secret)
    forger = Credentials(SANDBOX_CREDENTIALS.key, "d3JvbmctYnV0LWJhc2U2NA==")
    assert stage.refused("Balance", stranger) == ["EAPI:Invalid key"]
    assert stage.refused("Balance", forger) == ["EAPI:Invalid signature"]
    assert stage.refused("AddOrder", SANDBOX_READER, **ORDER) == ["EGeneral:Permission denied"]
    assert stage.refused("Withdraw", SANDBOX_TRADER, asset="XBT", key="k", amount=1) == ["EGeneral:Permission denied"]
    assert stage.refused("NoSuchThing") == ["EGeneral:Unknown method"]
    got = stage.send(HttpRequest("GET", "/0/private/Balance"))
    assert (got.status, json.loads(got.body)) == (200, {"error": ["EGeneral:Unknown method"]})


def test_a_body_that_was_changed_on_its_way_is_not_signed() -> None:
    stage = Stage()
    request = stage.request("AddOrder", ORDER)
    changed = HttpRequest("POST", request.url, request.headers, (request.body or b"").replace(b"0.01", b"9.99"))
    assert json.loads(stage.send(changed).body) == {"error": ["EAPI:Invalid signature"]}
    assert stage.call("OpenOrders") == {"open": {}}


def test_a_nonce_rises_for_each_key_in_whatever_unit() -> None:
    stage = Stage()
    stage.call("Balance", nonce=5)
    for nonce in ("5", "4", "-6", "6.5", "", str(2**64), "six"):
        assert stage.refused("Balance", nonce=nonce) == ["EAPI:Invalid nonce"], nonce
    stage.call("Balance", nonce=6)
    stage.call("Balance", SANDBOX_READER, nonce=1)  # another key has a count of its own
    stage.call("Balance", SANDBOX_TRADER, nonce=START)  # nanoseconds
    assert stage.refused("Balance", SANDBOX_TRADER, nonce=START // 1_000_000) == ["EAPI:Invalid nonce"]


def test_a_body_in_json_is_as_good_as_a_form() -> None:
    stage = Stage()
    form = stage.call("AddOrder", validate="true", **ORDER)
    same = stage.call("AddOrder", as_json=True, validate=True, **ORDER)
    assert form == same == {"descr": {"order": "buy 0.01000000 XBTUSD @ limit 60000.0"}}
    assert stage.call("OpenOrders") == {"open": {}}


def test_calls_are_counted_for_each_key_as_documented() -> None:
    """guides/rest/ratelimits (2026-11-21): Pro has 20 and -1 a second; histories count 2, orders 0."""
    stage = Stage()
    for _ in range(6):
        stage.call("TradesHistory")
    for _ in range(8):
        stage.call("Balance")
    assert stage.refused("Balance") == ["EAPI:Rate limit exceeded"]
    placed(stage)
    stage.call("Balance", SANDBOX_READER)
    stage.wait(SECOND)
    stage.call("Balance")
    assert stage.refused("Balance") == ["EAPI:Rate limit exceeded"]


def test_a_counter_is_never_above_its_limit_nor_slower_than_documented() -> None:
    counter, at = Counter(180, 3750), START
    assert [counter.take(60, at) for _ in range(4)] == [True, True, True, False]
    assert not counter.take(60, at + 15 * SECOND)
    assert counter.take(60, at + 16 * SECOND)


def test_a_pair_that_is_placed_and_cancelled_too_often_is_limited_alone() -> None:
    """guides/general/ratelimits (2026-11-21): +1 to add, +8 to cancel within five seconds, 180 for Pro."""
    stage = Stage()
    for _ in range(20):
        stage.call("CancelOrder", txid=placed(stage))
    assert stage.refused("AddOrder", **ORDER) == ["EOrder:Rate limit exceeded"]
    placed(stage, pair="ETHUSD", price="2000.00", volume="0.1")
    stage.wait(3 * SECOND)
    placed(stage)


REFUSED: list[tuple[dict[str, object], str]] = [
    ({"pair": "NOPEUSD"}, "EQuery:Unknown asset pair"),
    ({"price": "60000.05"}, "EOrder:Invalid price:BTC/USD price can only be specified up to 1 decimals."),
    ({"volume": "0.00000001"}, "EGeneral:Invalid arguments:volume minimum not met"),
    ({"volume": "0.000000001"}, "EGeneral:Invalid arguments:volume"),
    ({"volume": "much"}, "EGeneral:Invalid arguments:volume"),
    ({"volume": "30"}, "EOrder:Insufficient funds"),
    ({"price": "x"}, "EGeneral:Invalid arguments:price"),
    ({"type": "hold"}, "EGeneral:Invalid arguments:type"),
    ({"ordertype": "odd"}, "EGeneral:Invalid arguments:ordertype"),
    ({"oflags": "post,odd"}, "EGeneral:Invalid arguments:oflags"),
    ({"oflags": "viqc"}, "EGeneral:Invalid arguments:viqc"),
    ({"timeinforce": "LATER"}, "EGeneral:Invalid arguments:timeinforce"),
    ({"price": "70000.0", "oflags": "post"}, "EOrder:Post only order"),
    ({"cl_ord_id": "longer-than-18-chars"}, "EGeneral:Invalid arguments:cl_ord_id"),
    ({"cl_ord_id": "a", "userref": "1"}, "EGeneral:Invalid arguments:cl_ord_id"),
    ({"userref": "3000000000"}, "EGeneral:Invalid arguments:userref"),
    ({"leverage": "5:1"}, "EOrder:Cannot open position"),
    ({"deadline": "2020-01-01T00:00:00Z"}, "EService:Deadline elapsed"),
    ({"deadline": "2030-01-01T00:00:00Z"}, "EGeneral:Invalid arguments:deadline"),
    ({"stptype": "odd"}, "EGeneral:Invalid arguments:stptype"),
]


def test_an_order_that_the_venue_does_not_take_is_refused_in_its_words_and_changes_nothing() -> None:
    stage = Stage()
    before = stage.call("BalanceEx")
    for fields, text in REFUSED:
        assert stage.refused("AddOrder", **{**ORDER, **fields}) == [text], fields
    assert stage.call("OpenOrders") == {"open": {}} and stage.call("BalanceEx") == before


def test_a_price_between_two_ticks_fails_the_tick_size() -> None:
    """BTC/USDC of the table has the tick 0.01; USDT/USD 0.00001. A price is cut to decimals first, then to the tick."""
    stage = Stage()
    pair = next(one for one in KRAKEN.instruments.listed() if one.rules and one.rules.tick.normalize() == D("0.1"))
    assert pair.symbol == "BTC/USD"
    assert stage.refused("AddOrder", **{**ORDER, "price": "60000.1000000001"})[0].startswith("EOrder:Invalid price:")
    placed(stage, price="60000.1000000000")


def test_a_market_that_is_not_open_says_so() -> None:
    stage = Stage()
    instrument = KRAKEN.instruments.find("BTC/USD")
    for state, text in (
        (TradingState.CANCEL_ONLY, "EService:Market in cancel_only mode"),
        (TradingState.POST_ONLY, "EService:Market in post_only mode"),
        (TradingState.HALTED, "EService:Unavailable"),
    ):
        stage.desk.set_state(instrument, state)
        assert stage.refused("AddOrder", **ORDER) == [text]
    stage.desk.set_maintenance(True)
    assert stage.refused("Balance") == ["EService:Unavailable"]
    assert stage.public("SystemStatus")["status"] == "maintenance"


def test_an_order_lives_and_dies_by_its_three_names() -> None:
    stage = Stage()
    first, second = placed(stage, cl_ord_id="mine1"), placed(stage, userref=77)
    third = placed(stage, userref=77)
    assert all(re.fullmatch(r"O[0-9A-Z]{5}-[0-9A-Z]{5}-[0-9A-Z]{6}", one) for one in (first, second, third))
    assert len({first, second, third}) == 3
    assert stage.refused("AddOrder", **ORDER, cl_ord_id="mine1") == ["EGeneral:Invalid arguments:cl_ord_id not unique"]
    resting = stage.call("OpenOrders")["open"]
    assert list(resting) == [first, second, third] or set(resting) == {first, second, third}
    assert resting[first]["cl_ord_id"] == "mine1" and resting[second]["userref"] == 77
    assert set(stage.call("OpenOrders", userref=77)["open"]) == {second, third}
    assert set(stage.call("OpenOrders", cl_ord_id="mine1")["open"]) == {first}
    assert stage.call("CancelOrder", cl_ord_id="mine1") == {"count": 1}
    assert stage.call("CancelOrder", txid=77) == {"count": 2}
    assert stage.call("CancelAll") == {"count": 0}
    assert stage.refused("CancelOrder", txid=first) == ["EOrder:Unknown order"]
    assert stage.refused("CancelOrder", cl_ord_id="mine1") == ["EOrder:Unknown order"]
    assert stage.refused("CancelOrder", txid="OZZZZZ-ZZZZZ-ZZZZZZ") == ["EOrder:Invalid order"]
    ended = stage.call("ClosedOrders")
    assert ended["count"] == 3 and {one["status"] for one in ended["closed"].values()} == {"canceled"}
    assert {one["reason"] for one in ended["closed"].values()} == {"User requested"}
    placed(stage, cl_ord_id="mine1")  # unique among open orders alone


def test_several_orders_in_one_call() -> None:
    stage = Stage()
    orders = [{**ORDER, "cl_ord_id": "one"}, {**ORDER, "volume": "25"}]
    for one in orders:
        del one["pair"]
    told = stage.call("AddOrderBatch", as_json=True, pair="XBTUSD", orders=orders)["orders"]
    assert told[0]["descr"]["order"] == "buy 0.01000000 XBTUSD @ limit 60000.0"
    assert told[1] == {"error": "EOrder:Insufficient funds"}
    other = placed(stage)
    told = stage.call("CancelOrderBatch", as_json=True, orders=[told[0]["txid"], other, "OZZZZZ-ZZZZZ-ZZZZZZ"])
    assert told == {"count": 2}


def test_an_account_sees_its_own_orders_only() -> None:
    stage = Stage()
    mine = placed(stage, cl_ord_id="mine")
    assert stage.call("OpenOrders", SANDBOX_OTHER) == {"open": {}}
    assert stage.call("QueryOrders", SANDBOX_OTHER, txid=mine) == {}
    assert stage.refused("CancelOrder", SANDBOX_OTHER, txid=mine) == ["EOrder:Unknown order"]
    assert set(stage.call("OpenOrders", SANDBOX_TRADER)["open"]) == {mine}  # another key of the same account


def money(stage: Stage) -> dict[str, D]:
    """Totals by the venue's codes."""
    return {code: D(one) for code, one in stage.call("Balance").items()}


def all_trades(stage: Stage) -> Iterator[Any]:
    """By pages of fifty."""
    offset, count = 0, 1
    while offset < count:
        page = stage.call("TradesHistory", ofs=offset)
        yield from page["trades"].values()
        offset, count = offset + len(page["trades"]), page["count"]


def test_trades_move_exactly_what_they_say() -> None:
    """Balance after is balance before, with every trade's volume, cost and fee: by the answers alone."""
    stage = Stage()
    before = money(stage)
    bid, ask = stage.best()
    orders = [
        placed(stage, ordertype="market", volume="0.7"),
        placed(stage, price=f"{ask + 500:.1f}", volume="0.4", timeinforce="IOC"),
        placed(stage, ordertype="market", type="sell", volume="0.33333333"),
        placed(stage, ordertype="market", volume="100.5", oflags="viqc"),
        placed(stage, price=f"{bid - 0.1:.1f}", volume="0.2", oflags="post"),
    ]
    stage.wait(20 * SECOND)
    stage.call("CancelAll")
    trades = list(all_trades(stage))
    assert {one["ordertxid"] for one in trades} >= set(orders[:4])
    after = money(stage)
    for one in trades:
        sign = 1 if one["type"] == "buy" else -1
        before["XXBT"] += sign * D(one["vol"])
        before["ZUSD"] -= sign * D(one["cost"]) + D(one["fee"])
        paid = D(one["price"]) * D(one["vol"])
        assert 0 <= paid - D(one["cost"]) < D("0.00000001")
        rate = D("0.0025") if one["maker"] else D("0.004")
        assert 0 <= D(one["cost"]) * rate - D(one["fee"]) < D("0.00000001")
    assert after == before
    for name, order in stage.call("QueryOrders", txid=",".join(orders), trades=True).items():
        own = stage.call("QueryTrades", txid=",".join(order["trades"])) if order["trades"] else {}
        assert sum(D(one["cost"]) for one in own.values()) == D(order["cost"])
        assert sum(D(one["fee"]) for one in own.values()) == D(order["fee"])
        assert {one["ordertxid"] for one in own.values()} <= {name}


def test_money_that_an_order_holds_is_told_and_given_back() -> None:
    stage = Stage()
    txid = placed(stage, volume="0.5")
    held = stage.call("BalanceEx")["ZUSD"]
    assert D(held["hold_trade"]) >= D("30000") and D(held["balance"]) == D("100000")
    stage.call("CancelOrder", txid=txid)
    assert D(stage.call("BalanceEx")["ZUSD"]["hold_trade"]) == 0
    assert D(stage.call("TradeBalance")["eb"]) > D("100000")


def test_the_ledger_adds_up_to_the_balance() -> None:
    stage = Stage()
    before = money(stage)
    placed(stage, ordertype="market", volume="0.3")
    placed(stage, pair="ETHUSD", ordertype="market", type="sell", volume="1.5")
    lines = stage.call("Ledgers")["ledger"]
    for one in lines.values():
        before[one["asset"]] += D(one["amount"]) - D(one["fee"])
    assert before == money(stage)
    newest = next(iter(lines))
    assert stage.call("QueryLedgers", id=newest) == {newest: lines[newest]}
    assert {one["asset"] for one in stage.call("Ledgers", asset="XETH")["ledger"].values()} == {"XETH"}


def test_a_history_is_fifty_at_a_time_newest_first() -> None:
    stage = Stage()
    for number in range(51):
        stage.wait(SECOND // 2)
        placed(stage, ordertype="market", volume="0.0002", cl_ord_id=f"n{number}")
    stage.wait(30 * SECOND)
    first, rest = (stage.call("TradesHistory", ofs=offset) for offset in (0, 50))
    assert (len(first["trades"]), first["count"], len(rest["trades"])) == (50, 51, 1)
    times = [one["time"] for one in (*first["trades"].values(), *rest["trades"].values())]
    assert times == sorted(times, reverse=True)
    half = stage.call("TradesHistory", start=int(times[25]))
    assert {one["time"] > int(times[25]) for one in half["trades"].values()} == {True}
    assert len(stage.call("ClosedOrders", cl_ord_id="n7")["closed"]) == 1


def elsewhere() -> Stage:
    """A slow market with another venue, so that the address book has addresses."""
    return Stage(5, others=("binance",), slow=True)


def test_a_withdrawal_by_its_key_goes_through_its_states_to_success() -> None:
    stage = elsewhere()
    book = stage.call("WithdrawAddresses", asset="USDT")
    entry = next(one for one in book if one["method"] == "Tether USD (SPL)")
    assert set(entry) == {"address", "asset", "method", "key", "verified"}
    info = stage.call("WithdrawInfo", asset="USDT", key=entry["key"], amount="250")
    assert (info["method"], D(info["amount"]) + D(info["fee"])) == ("Tether USD (SPL)", D(250))
    before = money(stage)["USDT"]
    refid = stage.call("Withdraw", asset="USDT", key=entry["key"], amount="250", address=entry["address"])["refid"]
    assert re.fullmatch(r"[A-Z0-9]{7}-[A-Z0-9]{6}-[A-Z0-9]{6}", refid)
    assert money(stage)["USDT"] == before - 250, "a balance is net of pending withdrawals"
    states: list[str] = []
    for _ in range(400):
        (row,) = stage.call("WithdrawStatus", asset="USDT")
        if row["status"] not in states[-1:]:
            states.append(row["status"])
        if row["status"] in ("Success", "Failure"):
            break
        stage.wait(30 * SECOND)
    assert states == ["Initial", "Pending", "Success"]
    assert (row["refid"], row["key"], row["info"]) == (refid, entry["key"], entry["address"])
    assert (row["network"], D(row["amount"]), D(row["fee"])) == ("Solana", D(info["amount"]), D(info["fee"]))
    assert row["txid"] and money(stage)["USDT"] == before - 250
    assert sum(D(one["amount"]) for one in stage.call("Ledgers", asset="USDT")["ledger"].values()) == -250


def test_a_withdrawal_is_taken_back_while_it_is_looked_at() -> None:
    stage = elsewhere()
    key = stage.call("WithdrawAddresses", asset="XBT")[0]["key"]
    before = money(stage)
    refid = stage.call("Withdraw", asset="XXBT", key=key, amount="0.5")["refid"]
    assert stage.call("WithdrawCancel", asset="XXBT", refid=refid) is True
    (row,) = stage.call("WithdrawStatus")
    assert (row["status"], row["status-prop"]) == ("Failure", "canceled")
    assert money(stage) == before
    assert stage.call("WithdrawCancel", asset="XXBT", refid=refid) is False
    assert stage.refused("WithdrawCancel", asset="XXBT", refid="AZZZZZZ-ZZZZZZ-ZZZZZZ") == [
        "EFunding:Unknown reference id"
    ]


def test_what_cannot_be_withdrawn_is_refused_in_the_venues_words() -> None:
    stage = elsewhere()
    entry = next(one for one in stage.call("WithdrawAddresses", asset="XBT") if one["method"] == "Bitcoin")
    key = entry["key"]
    before = money(stage)
    for fields, text in (
        ({"asset": "XXBT", "key": "no such key", "amount": "1"}, "EFunding:Unknown withdraw key"),
        ({"asset": "USDT", "key": key, "amount": "100"}, "EFunding:Unknown withdraw key"),
        ({"asset": "NOPE", "key": key, "amount": "1"}, "EFunding:Unknown asset"),
        ({"asset": "XXBT", "key": key, "amount": "0.0003"}, "EFunding:Too small"),
        ({"asset": "XXBT", "key": key, "amount": "3"}, "EFunding:Insufficient funds"),
        ({"asset": "XXBT", "key": key, "amount": "much"}, "EFunding:Invalid amount"),
        ({"asset": "XXBT", "key": key, "amount": "1", "address": "bc1qother"}, "EFunding:Invalid withdrawal address"),
        ({"asset": "XXBT", "key": key, "amount": "1", "max_fee": "0.0000001"}, "EFunding:Max fee exceeded"),
        ({"asset": "XXBT", "amount": "1"}, "EGeneral:Invalid arguments:key"),
    ):
        stage.wait(SECOND)
        assert stage.refused("Withdraw", **fields) == [text], fields
    assert stage.refused("DepositAddresses", asset="XBT", method="Tron") == ["EFunding:No funding method"]
    assert money(stage) == before and stage.call("WithdrawStatus") == []


def test_a_deposit_arrives_from_another_venue() -> None:
    stage = elsewhere()
    other = stage.world.desks[Registry().exchange("binance").venue].accounts[1]
    address = stage.call("DepositAddresses", asset="USDT", method="Tether USD (TRC20)")[0]["address"]
    currency = next(one for one in stage.world.desks[other._desk.venue].currencies if one.asset == "USDT")
    network = next(one for one in currency.networks if one.chain == "tron")
    before = money(stage)["USDT"]
    sent = other.withdraw(currency.asset, network, address, "", D(500))
    for _ in range(400):
        rows = stage.call("DepositStatus", asset="USDT")
        if rows and rows[0]["status"] == "Success":
            break
        stage.wait(30 * SECOND)
    (row,) = rows
    assert (row["method"], row["info"], D(row["amount"])) == ("Tether USD (TRC20)", address, sent.amount)
    assert money(stage)["USDT"] == before + sent.amount


RECORDED = {
    "Balance": "Account/GetBalances",
    "TradeBalance": "Account/GetTradeBalance",
    "TradeVolume": "Account/GetTradeVolume",
    "Ledgers": "Account/GetLedgerInfo",
    "WithdrawMethods": "Account/GetWithdrawMethods",
    "WithdrawAddresses": "Account/GetWithdrawAddresses",
    "WithdrawInfo": "Account/GetWithdrawInfo",
    "WithdrawStatus": "Account/GetWithdrawalStatus",
    "Withdraw": "Account/Withdraw",
    "DepositAddresses": "Account/GetDepositAddresses",
    "DepositStatus": "Account/GetDepositStatus",
    "AddOrder": "Trading/PlaceOrder",
    "CancelOrder": "Trading/CancelOrder",
    "OpenOrders": "Trading/GetOpenOrders",
    "ClosedOrders": "Trading/GetClosedOrders",
    "QueryOrders": "Trading/GetOrders",
    "TradesHistory": "Trading/GetUserTrades",
    "QueryTrades": "Trading/GetUserTradeDetails",
    "AddOrderBatch": "Trading/PlaceMultipleOrders",
}
NOT_HERE = {"ml", "trigger", "close", "status-prop", "originators", "tag", "memo", "expiretm", "new", "trades", "key"}
"""Of orders that are triggered or close another, of transfers held back, of addresses with a memo; and what an entry
has only where it was asked for."""


def kinds(document: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """(path, kind of JSON value) of every leaf; ids and codes that are keys are `*`."""
    if isinstance(document, dict):
        for name, value in document.items():
            known = "*" if re.fullmatch(r"[A-Z0-9]{2,}(\.[A-Z])?|[A-Z0-9]{6}-.*", name) else name
            yield from kinds(value, f"{path}/{known}")
    elif isinstance(document, list):
        for value in document:
            yield from kinds(value, f"{path}/[]")
    elif document is not None:
        yield path, "number" if isinstance(document, int | float) else type(document).__name__


def answers(stage: Stage) -> dict[str, Any]:
    """One of ours to each endpoint."""
    told: dict[str, Any] = {"AddOrder": stage.call("AddOrder", **ORDER)}
    batch = [{name: value for name, value in ORDER.items() if name != "pair"}] * 2
    told["AddOrderBatch"] = stage.call("AddOrderBatch", as_json=True, pair="XBTUSD", orders=batch)
    filled = placed(stage, ordertype="market", volume="0.2")
    told["CancelOrder"] = stage.call("CancelOrder", txid=placed(stage))
    told["QueryOrders"] = stage.call("QueryOrders", txid=filled, trades=True)
    trades = stage.call("TradesHistory")
    told["TradesHistory"] = trades
    told["QueryTrades"] = stage.call("QueryTrades", txid=next(iter(trades["trades"])))
    entry = stage.call("WithdrawAddresses", asset="XBT")[0]
    stage.wait(30 * SECOND)
    named = {"asset": "XXBT", "key": entry["key"], "amount": "0.5"}
    told["WithdrawInfo"], told["Withdraw"] = stage.call("WithdrawInfo", **named), stage.call("Withdraw", **named)
    told["TradeVolume"] = stage.call("TradeVolume", pair="XXBTZUSD")
    told["DepositAddresses"] = stage.call("DepositAddresses", asset="XBT", method="Bitcoin")
    for _ in range(400):
        stage.wait(30 * SECOND)
        if stage.call("WithdrawStatus")[0]["status"] == "Success":
            break
    for name in set(RECORDED) - set(told) - {"DepositStatus"}:
        stage.wait(2 * SECOND)
        told[name] = stage.call(name)
    return told


@needs_recordings
def test_every_answer_has_the_fields_and_kinds_of_a_recorded_one() -> None:
    documents = json.loads((RECORDINGS / "kraken" / "rest_endpoints_jkorf.json").read_text(encoding="utf-8"))
    recorded = {one["name"].removeprefix("Endpoints/Spot/"): one["response"]["result"] for one in documents}
    ours = answers(elsewhere())
    for name, told in ours.items():
        expected, got = dict(kinds(recorded[RECORDED[name]])), dict(kinds(told))
        for path, kind in expected.items():
            if path.rpartition("/")[2] in NOT_HERE or (path.endswith("/[]") and "/trades" in path):
                continue
            if path in ("/*/nextfee", "/*/reason") or (kind == "str" and expected[path] == "None"):
                continue
            assert path in got or path.rpartition("/")[2] in ("refid", "reason", "nextfee", "nextvolume", "userref"), (
                f"{name} has no {path}: {sorted(got)}"
            )
            if path in got:
                assert got[path] == kind, f"{name} {path}: recorded {kind}, ours {got[path]}"


BAD = (
    "1e999999999",
    "NaN",
    "-1",
    "1e-999999999",
    "\u0663",
    "1_000",
    "9" * 5000,
    "\x00",
    "null",
    "{}",
    "0x10",
    "\u00b2",
)
"""Numbers that are none, and texts where a number belongs."""
FIELDS = {
    "AddOrder": "pair type ordertype price volume userref timeinforce oflags deadline stptype validate cl_ord_id "
    "expiretm starttm leverage displayvol reduce_only",
    "AddOrderBatch": "pair orders deadline",
    "CancelOrder": "txid cl_ord_id",
    "CancelOrderBatch": "orders",
    "OpenOrders": "trades userref cl_ord_id",
    "ClosedOrders": "ofs start end userref closetime",
    "QueryOrders": "txid userref",
    "TradesHistory": "type ofs start end",
    "QueryTrades": "txid",
    "TradeVolume": "pair",
    "Ledgers": "asset type start end ofs",
    "QueryLedgers": "id",
    "TradeBalance": "asset",
    "DepositAddresses": "asset method amount",
    "DepositStatus": "asset method cursor limit start end",
    "WithdrawInfo": "asset key amount",
    "Withdraw": "asset key amount address max_fee",
    "WithdrawStatus": "asset method cursor limit start end",
    "WithdrawCancel": "asset refid",
    "Balance": "nonce",
}
GOOD = {
    "pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "50000.0", "volume": "0.01", "asset": "XBT",
    "key": "binance-BTC-bitcoin", "amount": "0.1", "method": "Bitcoin", "txid": "OQCLML-BW3P3-BUCMWZ",
}  # fmt: skip


def test_whatever_is_written_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a result or an error of the venue's, in a form and in JSON; and the money stays what it was."""
    monkeypatch.setattr(Counter, "take", lambda *_: True)
    stage = elsewhere()
    for name, listed in FIELDS.items():
        fields = listed.split()
        good = {one: GOOD[one] for one in fields if one in GOOD and (name, one) != ("TradesHistory", "type")}
        for field in fields:
            for number, value in enumerate(BAD):
                told = json.loads(stage.send(stage.request(name, good | {field: value}, as_json=number % 2 == 1)).body)
                assert ("result" in told) != bool(told["error"]), (name, field, value, told)
                assert all(re.match("E[A-Z][a-z]+:|EAPI:", one) for one in told["error"]), (name, field, value, told)
    stage.call("CancelAll")
    for row in stage.call("WithdrawStatus"):
        stage.call("WithdrawCancel", asset=row["asset"], refid=row["refid"])
    held = stage.call("BalanceEx")
    assert {one["hold_trade"].strip("0.") for one in held.values()} == {""}
