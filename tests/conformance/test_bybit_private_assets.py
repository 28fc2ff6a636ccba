"""Coins of the simulated Bybit by signed requests: moved, sent, cancelled, received; and what the venue refuses.

Expected values are laws (what is moved is somewhere else, fee and amount leave together) and the words and codes of
docs/v5/asset, docs/v5/enum and docs/v5/error (state of 2026-07-24, read 2026-11-21); the code of an address that is not
listed is the one that people got (github.com/ccxt/ccxt issues 15967, 21427).
"""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from conformance.bybit_private_client import PLUGIN, Client
from msgspec.structs import replace

import cryptopipe_bybit as plugins
from cryptopipe import registry
from cryptopipe.api import SANDBOX_OTHER, SANDBOX_TRADER, Asset
from cryptopipe.clock import MILLISECOND, SECOND
from cryptopipe.sandbox.parameters import Parameters

D = Decimal
BINANCE = registry.exchange("binance")
PARAMETERS = replace(Parameters.load(), assets=["SOL", "USDT"], rate=0.1)
NOBODY = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
"""A good address of the chain, in nobody's book."""
ARRIVED = 600 * SECOND


@pytest.fixture(scope="module")
def shared() -> Client:
    made = Client(PARAMETERS, beside=[BINANCE])
    made.wait(SECOND)
    return made


@pytest.fixture
def client(shared: Client) -> Client:
    shared.wait(SECOND)
    return shared


def held(client: Client, wallet: str, coin: str = "SOL") -> tuple[Decimal, Decimal]:
    """Free and all."""
    told = client.result(
        "GET", "/v5/asset/transfer/query-account-coin-balance", accountType=wallet, coin=coin
    )["balance"]  # fmt: skip
    return D(told["transferBalance"]), D(told["walletBalance"])


def move(client: Client, amount: str, coin: str = "SOL", back: bool = False) -> str:
    """From UNIFIED to FUND."""
    ways = ("FUND", "UNIFIED") if back else ("UNIFIED", "FUND")
    given = str(UUID(int=client.at))
    told = client.result(
        "POST", "/v5/asset/transfer/inter-transfer", transferId=given, coin=coin, amount=amount,
        fromAccountType=ways[0], toAccountType=ways[1],
    )  # fmt: skip
    assert told == {"transferId": given, "status": "SUCCESS"}
    return given


def listed(client: Client, coin: str = "SOL", chain: str = "SOL") -> str:
    """The own address at the other venue."""
    (row,) = client.result("GET", "/v5/asset/withdraw/query-address", coin=coin, chain=chain)["rows"]
    assert (row["coin"], row["chain"], row["remark"][:8]) == (coin, chain, "binance-")
    return str(row["address"])


def asked(client: Client, **changes: object) -> dict[str, object]:
    """A withdrawal as the page asks for one."""
    return {
        "coin": "SOL",
        "chain": "SOL",
        "address": listed(client),
        "amount": "2",
        "timestamp": client.at // MILLISECOND,
        "accountType": "FUND",
    } | changes


def withdraw(client: Client, **changes: object) -> str:
    return str(client.result("POST", "/v5/asset/withdraw/create", **asked(client, **changes))["id"])


def record(client: Client, given: str) -> dict[str, Any]:
    (row,) = client.result("GET", "/v5/asset/withdraw/query-record", withdrawID=given)["rows"]
    return dict(row)


def test_coins_are_told_as_the_table_of_the_plugin_has_them(client: Client) -> None:
    table = json.loads((Path(plugins.__file__).parent / "wallets.json").read_bytes())["currencies"]
    rows = {row["coin"]: row for row in client.result("GET", "/v5/asset/coin/query-info")["rows"]}
    assert set(rows) == {"BTC", "ETH", "SOL", "USDT", "USDC"} == {row["code"] for row in table}
    for wanted in table:
        told = {one["chain"]: one for one in rows[wanted["code"]]["chains"]}
        assert set(told) == {one["code"] for one in wanted["networks"]}
        for network in wanted["networks"]:
            one = told[network["code"]]
            assert (one["chainType"], one["withdrawFee"], one["withdrawMin"], int(one["confirmation"])) == (
                network["names"]["chain_type"], network["fee"], network["minimum"], network["confirmations"],
            )  # fmt: skip
            assert (one["chainDeposit"], one["chainWithdraw"]) == ("1", "1")
            assert int(one["minAccuracy"]) == network["places"]
    (only,) = client.result("GET", "/v5/asset/coin/query-info", coin="SOL")["rows"]
    assert only == rows["SOL"]
    assert client.get("/v5/asset/coin/query-info", coin="NOPE")["retCode"] == 131002


def test_what_is_moved_is_in_the_other_wallet(client: Client) -> None:
    unified, fund = held(client, "UNIFIED"), held(client, "FUND")
    given = move(client, "5.5")
    assert held(client, "UNIFIED")[1] == unified[1] - D("5.5") and held(client, "FUND")[1] == fund[1] + D("5.5")
    assert client.held("SOL") == unified[1] - D("5.5")
    (row,) = client.result("GET", "/v5/asset/transfer/query-inter-transfer-list", transferId=given)["list"]
    assert (row["amount"], row["fromAccountType"], row["toAccountType"], row["status"]) == (
        "5.5", "UNIFIED", "FUND", "SUCCESS",
    )  # fmt: skip
    client.wait(SECOND)
    move(client, "5.5", back=True)
    assert (held(client, "UNIFIED"), held(client, "FUND")) == (unified, fund)
    told = client.result("GET", "/v5/asset/transfer/query-inter-transfer-list", coin="SOL")["list"]
    assert [(one["fromAccountType"], one["amount"]) for one in told[:2]] == [("FUND", "5.5"), ("UNIFIED", "5.5")]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount": "10000"}, 131212),
        ({"toAccountType": "UNIFIED"}, 131211),
        ({"fromAccountType": "SPOT"}, 131232),
        ({"toAccountType": "CONTRACT"}, 131231),
        ({"coin": "NOPE"}, 131203),
        ({"amount": "-1"}, 131203),
        ({"amount": "x"}, 131203),
        ({"transferId": ""}, 131203),
    ],
)
def test_a_move_is_refused_with_the_pages_code(client: Client, changes: dict[str, object], code: int) -> None:
    before = held(client, "UNIFIED"), held(client, "FUND")
    good = {"transferId": str(UUID(int=client.at)), "coin": "SOL", "amount": "1"}
    wallets = {"fromAccountType": "UNIFIED", "toAccountType": "FUND"}
    told = client.post("/v5/asset/transfer/inter-transfer", **{**good, **wallets, **changes})
    assert told["retCode"] == code, told
    assert (held(client, "UNIFIED"), held(client, "FUND")) == before


def test_an_id_moves_once(client: Client) -> None:
    given = move(client, "0.5")
    before = held(client, "FUND")
    again = client.post(
        "/v5/asset/transfer/inter-transfer", transferId=given, coin="SOL", amount="0.5",
        fromAccountType="UNIFIED", toAccountType="FUND",
    )  # fmt: skip
    assert (again["retCode"], held(client, "FUND")) == (131214, before)


@pytest.mark.parametrize(("kind", "leaves"), [("0", "2.008"), ("1", "2")])
def test_amount_and_fee_leave_as_fee_type_says_and_arrive(client: Client, kind: str, leaves: str) -> None:
    """ "0: … is the actual amount received", "1: … is not the actual amount received"; the fee is 0.008."""
    move(client, "3")
    before = held(client, "FUND")
    given = withdraw(client, feeType=int(kind), requestId=f"arrives-{kind}")
    free, whole = held(client, "FUND")
    assert (before[0] - free, before[1] - whole) == (D(leaves), 0), "in review it is locked"
    row = record(client, given)
    assert (row["status"], row["txID"], D(row["amount"]) + D(row["withdrawFee"])) == ("SecurityCheck", "", D(leaves))
    client.wait(ARRIVED)
    row = record(client, given)
    assert (row["status"], bool(row["txID"]), row["withdrawFee"], row["chain"]) == ("success", True, "0.008", "SOL")
    assert D(row["amount"]) == D(leaves) - D("0.008") and held(client, "FUND")[1] == before[1] - D(leaves)
    came = client.world.desks[BINANCE.venue].accounts[1].transfers(True)[-1]
    assert (came.txid, came.amount) == (row["txID"], D(row["amount"]))
    assert client.result("GET", "/v5/asset/withdraw/query-record", coin="SOL", txID=row["txID"])["rows"] == [row]
    assert client.result("GET", "/v5/asset/withdraw/query-record", withdrawType=1)["rows"] == []


def test_a_unified_withdrawal_takes_what_the_funding_wallet_lacks(client: Client) -> None:
    unified, fund = held(client, "UNIFIED"), held(client, "FUND")
    withdraw(client, accountType="UTA", amount="4", feeType=1)
    assert held(client, "UNIFIED")[1] == unified[1] - max(D(0), 4 - fund[0])
    assert held(client, "FUND")[0] == max(D(0), fund[0] - 4)
    before = held(client, "UNIFIED"), held(client, "FUND")
    client.wait(SECOND)
    refused = client.post("/v5/asset/withdraw/create", **asked(client, accountType="UTA", address=NOBODY))
    assert (refused["retCode"], (held(client, "UNIFIED"), held(client, "FUND"))) == (131002, before)


def test_a_withdrawal_in_review_can_be_taken_back_once(client: Client) -> None:
    move(client, "3")
    before = held(client, "FUND")
    given = withdraw(client)
    assert client.result("POST", "/v5/asset/withdraw/cancel", id=given) == {"status": 1}
    assert (record(client, given)["status"], held(client, "FUND")) == ("CancelByUser", before)
    assert client.result("POST", "/v5/asset/withdraw/cancel", id=given) == {"status": 0}
    assert client.post("/v5/asset/withdraw/cancel", id="987654321")["retCode"] == 131002


REFUSED = [
    ({"address": NOBODY}, 131002, "not equal"),
    ({"address": "0x" + "1" * 40}, 131002, "not equal"),
    ({"chain": "NOWHERE"}, 131002, "not equal"),
    ({"chain": "TRX"}, 131002, "not equal"),
    ({"coin": "NOPE"}, 131002, "Parameter"),
    ({"amount": "0.01"}, 131096, "lower limit"),
    ({"amount": "200"}, 131085, "balance"),
    ({"amount": "2.123456789"}, 131002, "Parameter"),
    ({"accountType": "SPOT"}, 131002, "Parameter"),
    ({"accountType": ""}, 131002, "Parameter"),
    ({"timestamp": "now"}, 131002, "Parameter"),
    ({"requestId": "given-twice"}, 131082, "repeat"),
]


@pytest.mark.parametrize(("changes", "code", "word"), REFUSED)
def test_a_withdrawal_is_refused_with_the_pages_code(
    client: Client, changes: dict[str, object], code: int, word: str
) -> None:
    if "requestId" in changes:
        withdraw(client, **changes)
        client.wait(SECOND)
    if held(client, "FUND")[0] < 3:
        move(client, "3")
    before = held(client, "FUND")
    told = client.post("/v5/asset/withdraw/create", **asked(client, **changes))
    assert (told["retCode"], word in told["retMsg"]) == (code, True), told
    assert held(client, "FUND") == before


def test_a_key_that_may_not_withdraw_is_told_so(client: Client) -> None:
    good = asked(client)
    whole = client.credentials
    client.credentials = SANDBOX_TRADER
    try:
        assert client.post("/v5/asset/withdraw/create", **good)["retCode"] == 10005
    finally:
        client.credentials = whole


def test_a_shut_wallet_says_so_and_opens_again(client: Client) -> None:
    move(client, "3")
    client.world.custody.faults.suspend(PLUGIN.venue, asset=Asset("SOL"))
    try:
        assert client.post("/v5/asset/withdraw/create", **asked(client))["retCode"] == 131097
        ((chain,),) = [
            row["chains"] for row in client.result("GET", "/v5/asset/coin/query-info", coin="SOL")["rows"]
        ]  # fmt: skip
        assert (chain["chainWithdraw"], chain["chainDeposit"]) == ("0", "0")
    finally:
        client.world.custody.faults.resume(PLUGIN.venue, asset=Asset("SOL"))
    withdraw(client)


def test_what_is_sent_here_comes_to_the_funding_wallet(client: Client) -> None:
    told = client.result("GET", "/v5/asset/deposit/query-address", coin="SOL", chainType="SOL")
    (row,) = told["chains"]
    assert (told["coin"], row["chain"], row["tagDeposit"]) == ("SOL", "SOL", "")
    unified, fund = held(client, "UNIFIED"), held(client, "FUND")
    sender = client.world.desks[BINANCE.venue].accounts[1]
    (currency,) = [one for one in client.world.desks[BINANCE.venue].currencies if one.code == "SOL"]
    sent = sender.withdraw(currency.asset, currency.networks[0], row["addressDeposit"], "", D("3.5"), "")
    client.wait(ARRIVED)
    came = client.result("GET", "/v5/asset/deposit/query-record", coin="SOL")["rows"][0]
    assert (came["status"], came["toAddress"], D(came["amount"])) == (3, row["addressDeposit"], sent.amount)
    assert held(client, "FUND")[0] - fund[0] == sent.amount and held(client, "UNIFIED") == unified
    assert client.result("GET", "/v5/asset/deposit/query-record", txID=came["txID"])["rows"] == [came]
    assert client.get("/v5/asset/deposit/query-address", coin="SOL", chainType="NOWHERE")["retCode"] == 131002


def test_each_customer_has_own_addresses_and_records(client: Client) -> None:
    def address() -> str:
        told = client.result("GET", "/v5/asset/deposit/query-address", coin="SOL", chainType="SOL")
        return str(told["chains"][0]["addressDeposit"])

    mine, whole = address(), client.credentials
    client.credentials = SANDBOX_OTHER
    try:
        assert address() != mine
        assert client.result("GET", "/v5/asset/withdraw/query-record")["rows"] == []
        assert client.result("GET", "/v5/asset/deposit/query-record")["rows"] == []
    finally:
        client.credentials = whole


def test_records_come_in_pages(client: Client) -> None:
    path, seen, cursor = "/v5/asset/withdraw/query-record", [], ""
    everything = client.result("GET", path)["rows"]
    assert len(everything) > 3
    while True:
        told = client.result("GET", path, limit=2, **({"cursor": cursor} if cursor else {}))
        seen += told["rows"]
        cursor = told["nextPageCursor"]
        if not cursor:
            break
        assert len(told["rows"]) == 2
    assert seen == everything
