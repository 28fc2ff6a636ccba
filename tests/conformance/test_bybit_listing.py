"""Bybit's answers about coins, fees and instruments, as clients' test data have them (the documentation's samples)."""

import json
from decimal import Decimal as D
from typing import Any

import pytest
from recordings import RECORDINGS, needs_recordings

from cryptopipe.api import HttpResponse, Listing, ProtocolError, TradingState
from cryptopipe_bybit import bybit

HOST = "https://api.bybit.com"
COINS, FEES, INFO = "/v5/asset/coin/query-info", "/v5/account/fee-rate", "/v5/market/instruments-info"


def read(path: str, body: bytes) -> Listing:
    assert bybit.metadata is not None
    return bybit.metadata.read(HttpResponse(200, body, HOST + path + "?category=linear"))


def sample(path: str, name: str = "") -> Any:
    told = json.loads((RECORDINGS / "bybit" / "rest_endpoints_jkorf.json").read_bytes())
    return next(one["response"] for one in told if one["path"] == path and name in one["name"])


@needs_recordings
def test_coins_have_their_networks_as_stated() -> None:
    """The sample's contract address is of a test network; ETH on its own chain is ETH whatever stands there."""
    (coin,) = read(COINS, json.dumps(sample(COINS)).encode()).currencies
    assert (coin.code, coin.asset) == ("ETH", "ETH")
    ethereum, mantle = coin.networks
    assert (ethereum.chain, ethereum.contract, ethereum.deposits, ethereum.withdrawals) == ("ethereum", "", True, True)
    assert (ethereum.withdrawal_fee, ethereum.min_withdrawal, ethereum.withdrawal_fee_rate) == (D(3), D(3), D(0))
    assert (ethereum.precision, ethereum.confirmations, ethereum.memo) == (8, 6, None)
    assert (mantle.chain, mantle.contract, mantle.withdrawal_fee, mantle.min_withdrawal) == (
        "mantle",
        None,
        D(0),
        D(10),
    )


@needs_recordings
def test_a_withdrawal_without_a_fee_stated_is_closed() -> None:
    """An empty fee means that the coin does not support withdrawal (docs/v5/asset/coin-info, 2026-11-21)."""
    told = sample(COINS)
    told["result"]["rows"][0]["chains"][0]["withdrawFee"] = ""
    (coin,) = read(COINS, json.dumps(told).encode()).currencies
    assert (coin.networks[0].withdrawals, coin.networks[0].withdrawal_fee) == (False, None)


@needs_recordings
def test_fees_are_the_accounts_dearest() -> None:
    told = sample(FEES)
    told["result"]["list"].append({"symbol": "XUSDT", "takerFeeRate": "0.0004", "makerFeeRate": "0.0002"})
    fees = read(FEES, json.dumps(told).encode()).fees
    assert fees is not None
    assert (fees.maker_rate, fees.taker_rate) == (D("0.0002"), D("0.0006"))


@needs_recordings
@pytest.mark.parametrize(
    ("changes", "state", "delists_at"),
    [
        ({}, TradingState.TRADING, 0),
        ({"status": "Closed"}, TradingState.HALTED, 0),
        ({"status": "PreLaunch"}, TradingState.HALTED, 0),
        ({"deliveryTime": "1700000000000"}, TradingState.TRADING, 1_700_000_000 * 10**9),
    ],
)
def test_a_contract_has_its_state_and_its_end(changes: dict[str, str], state: TradingState, delists_at: int) -> None:
    told = sample(INFO, "LinearInverse")
    told["result"]["list"][0] |= changes
    (one,) = read(INFO, json.dumps(told).encode()).instruments
    assert (one.symbol, one.state, one.delists_at) == ("linear:BTCUSDT", state, delists_at)


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        (INFO, b'{"retCode":10006,"retMsg":"Too many visits"}', "refused with 10006 Too many visits"),
        (FEES, b'{"retCode":0,"result":{"list":[]}}', "no symbol"),
        (COINS, b'{"retCode":0,"result":{"rows":[{"coin":"A","chains":[{"chain":"A"}]}]}}', "chainDeposit"),
        ("/v5/market/time", b"{}", "no answer that is known"),
    ],
)
def test_what_cannot_be_read_is_refused(path: str, body: bytes, message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        read(path, body)
