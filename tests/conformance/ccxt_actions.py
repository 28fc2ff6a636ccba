"""A venue's private side through ccxt, a sample: rules as a plugin states them, and the venue's recipe of a signature.

Enters: nothing. Leaves: a codec, its rules, instruments. Never: a key that opens anything.

Codes and what they mean: errors.md of binance-spot-api-docs (2025-01-09), weights and limits: rest-api.md there and
the answers of exchangeInfo, as others quote them, read 2026-11-21. This is a sample for the kit; the plugin has its
own tables.
"""

import hashlib
import hmac
from typing import Any
from urllib.parse import urlsplit

from cryptopipe.api import (
    ActionRules,
    Allowance,
    Call,
    CancelAll,
    CancelOrder,
    CcxtActions,
    Credentials,
    FetchAddress,
    FetchBalances,
    FetchCurrencies,
    FetchFees,
    FetchKey,
    FetchTime,
    FindOrder,
    HttpRequest,
    Instrument,
    KeyReport,
    Limit,
    ListFills,
    ListOpenOrders,
    ListOrders,
    ListTransfers,
    Means,
    MoveFunds,
    Nanos,
    PlaceOrder,
    Reports,
    VenueId,
    Weight,
    Withdraw,
    rows,
)
from cryptopipe.testing import spot

ERRORS = "errors.md, 2025-01-09"
VENUE = VenueId("bitbaz")
LTCBTC = spot("bitbaz", "LTC/BTC", symbol="LTCBTC", tick="0.000001", step="0.001")
BTCUSDT = spot("bitbaz", "BTC/USDT", symbol="BTCUSDT", tick="0.01", step="0.00001")
BNBBTC = spot("bitbaz", "BNB/BTC", symbol="BNBBTC", tick="0.000001", step="0.001")
KINDS = ("LIMIT", "LIMIT_MAKER", "MARKET")
SECOND: Nanos = 1_000_000_000


def market(instrument: Instrument) -> dict[str, Any]:
    """What ccxt asks of a market before it places an order."""
    return {"info": {"orderTypes": list(KINDS)}}


def key_report(action: FetchKey, told: Any) -> Reports:
    """Of `GET /sapi/v1/account/apiRestrictions`."""
    return Reports(
        key=KeyReport(told["enableReading"], told["enableSpotAndMarginTrading"], told["enableWithdrawals"],
                      told["ipRestrict"], int(told.get("tradingAuthorityExpirationTime", 0)) * 1_000_000)
    )  # fmt: skip


RULES = ActionRules(
    supports=frozenset(
        {PlaceOrder, CancelOrder, CancelAll, Withdraw, MoveFunds, FindOrder, ListOpenOrders, ListOrders, ListFills}
        | {FetchBalances, FetchFees, FetchCurrencies, FetchAddress, ListTransfers, FetchTime, FetchKey}
    ),
    table=(
        rows(Means.OPEN, ERRORS, -1000, -1001, -1006, -1007),
        rows(Means.LIMITED, ERRORS, -1003, -1015),
        rows(Means.DENIED, ERRORS, -1002, -1021, -1022, -2014, -2015),
        rows(Means.NOT_FOUND, ERRORS, -2011, -2013),
        rows(Means.REFUSED, ERRORS, -1013, -2010),
    ),
    options={"fetchMargins": False, "recvWindow": 2000, "fetchOpenOrders": {"warnWithoutSymbol": False}},
    client_ids={Withdraw: "withdrawOrderId"},
    transfer_id_at=("withdrawOrderId",),
    calls={FetchKey: Call("sapiGetAccountApiRestrictions", lambda action: ({},), key_report)},
    market=market,
    everything=frozenset({ListOpenOrders}),
    charged_in="received",
    weights={
        PlaceOrder: (Weight("weight", 1), Weight("orders", 1)),
        CancelOrder: (Weight("weight", 1),),
        FindOrder: (Weight("weight", 4),),
        FetchBalances: (Weight("weight", 20),),
    },
    allowances=(
        Allowance("weight", Limit(6000, 60 * SECOND, "exchangeInfo, REQUEST_WEIGHT, 2026"), reserved=600),
        Allowance("orders", Limit(100, 10 * SECOND, "exchangeInfo, ORDERS, 2026")),
    ),
)


def codec(**more: Any) -> CcxtActions:
    """A new one."""
    return CcxtActions("binance", VENUE, (LTCBTC, BTCUSDT, BNBBTC), RULES, **more)


def signature_of(request: HttpRequest, credentials: Credentials) -> str:
    """HMAC-SHA256 in hex over query and body joined, all but the signature itself."""
    told = urlsplit(request.url).query + (request.body or b"").decode()
    payload = "&".join(one for one in told.split("&") if not one.startswith("signature="))
    return hmac.new(credentials.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
