"""Binance's answers about coins, fees and delistings, as its documentation and clients' test data have them."""

import json
from decimal import Decimal as D

import pytest
from recordings import RECORDINGS, needs_recordings

from cryptopipe.api import HttpResponse, Listing, ProtocolError
from cryptopipe_binance import binance, binance_usdm

HOST = "https://api.binance.com"


def read(path: str, body: bytes) -> Listing:
    assert binance.metadata is not None
    return binance.metadata.read(HttpResponse(200, body, HOST + path))


def sample(path: str) -> bytes:
    """The answer kept in an open-source client's tests: the documentation's, partly live."""
    told = json.loads((RECORDINGS / "binance" / "rest_endpoints_jkorf.json").read_bytes())
    return json.dumps(next(one["response"] for one in told if one["path"] == path)).encode()


@needs_recordings
def test_coins_have_their_networks_as_stated() -> None:
    listing = read("/sapi/v1/capital/config/getall", sample("/sapi/v1/capital/config/getall"))
    (coin,) = listing.currencies
    assert (coin.code, coin.asset) == ("BTC", "BTC")
    beacon, bitcoin = coin.networks
    assert (beacon.code, beacon.chain, beacon.contract, beacon.deposits, beacon.withdrawals) == (
        "BNB",
        "bnb_beacon_chain",
        None,
        False,
        False,
    )
    assert beacon.memo is True
    assert (bitcoin.chain, bitcoin.contract, bitcoin.deposits, bitcoin.withdrawals) == ("bitcoin", "", True, True)
    assert (bitcoin.withdrawal_fee, bitcoin.min_withdrawal, bitcoin.max_withdrawal) == (D("0.0005"), D("0.001"), D(750))
    assert (bitcoin.precision, bitcoin.confirmations, bitcoin.memo) == (8, 1, False)


@needs_recordings
def test_fees_are_the_accounts_dearest() -> None:
    fees = read("/sapi/v1/asset/tradeFee", sample("/sapi/v1/asset/tradeFee")).fees
    assert fees is not None
    assert (fees.maker_rate, fees.taker_rate, fees.charged_in) == (D("0.001"), D("0.001"), "received")


def test_delistings_are_told_by_symbol() -> None:
    """Written from the documentation: "Get symbols delist schedule for market", as its SDK quotes it, 2026-11-21."""
    told = [(1686161202000, ["ADAUSDT", "BNBUSDT"]), (1686222232000, ["ETHUSDT", "ADAUSDT"])]
    body = json.dumps([{"delistTime": at, "symbols": symbols} for at, symbols in told]).encode()
    listing = read("/sapi/v1/spot/delist-schedule", body)
    first, second = 1_686_161_202 * 10**9, 1_686_222_232 * 10**9
    assert listing.delists == {"ADAUSDT": first, "BNBUSDT": first, "ETHUSDT": second}


def symbol(**told: object) -> bytes:
    """One perpetual, written from the page "Exchange Information" of USD-M (2026-11-21)."""
    one = {"symbol": "ABCUSDT", "baseAsset": "ABC", "quoteAsset": "USDT", "contractType": "PERPETUAL", "filters": []}
    one |= {"status": "TRADING", "deliveryDate": 4133404800000}
    return json.dumps({"symbols": [{**one, **told}]}).encode()


@pytest.mark.parametrize(("date", "at"), [(4133404800000, 0), (1_700_000_000_000, 1_700_000_000 * 10**9)])
def test_a_perpetual_that_is_delisted_says_when(date: int, at: int) -> None:
    assert binance_usdm.metadata is not None
    url = "https://fapi.binance.com/fapi/v1/exchangeInfo"
    (one,) = binance_usdm.metadata.read(HttpResponse(200, symbol(deliveryDate=date), url)).instruments
    assert (one.delists_at, one.base, one.quote) == (at, "ABC@binance_usdm", "USDT")


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        (
            "/api/v3/exchangeInfo",
            b'{"code":-1003,"msg":"Too many requests"}',
            "unreadable exchangeInfo: .*`symbols`",
        ),
        ("/sapi/v1/asset/tradeFee", b"[]", "no symbol"),
        ("/sapi/v1/capital/config/getall", b'[{"coin":"BTC","networkList":[{"network":"BTC"}]}]', "depositEnable"),
        ("/api/v3/time", b"{}", "no answer that is known"),
    ],
)
def test_what_cannot_be_read_is_refused(path: str, body: bytes, message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        read(path, body)


def test_the_old_code_of_bitcoin_cash_is_bitcoin_cash_and_an_unknown_coin_is_binances_own() -> None:
    find = binance.instruments.find
    assert find("BCCUSDT").base == find("BCHUSDT").base == "BCH"
    assert find("FROGUSDT").base == "FROG@binance"
