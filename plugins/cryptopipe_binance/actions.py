"""What `CcxtActions` must know of Binance spot: the codes that leave execution open, refusals, limits, weights.

Enters: instruments of a run. Leaves: the venue's action codec. Never: a code without the page that lists it, a code
whose text leaves it open among those that refuse.

github.com/binance/binance-spot-api-docs errors.md, rest-api.md (2026-07-21). "HTTP 5XX … the execution status is
UNKNOWN" (rest-api.md "HTTP Return Codes") is the framework's own rule. Codes of the wallet: page
"Error Code" of developers.binance.com "Wallet", as ccxt 4.5.90 quotes it (2026-11-21).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cryptopipe.api import (
    FUNDING,
    TRADING,
    Action,
    ActionRules,
    Allowance,
    Call,
    CancelAll,
    CancelOrder,
    CcxtActions,
    FetchAddress,
    FetchBalances,
    FetchCurrencies,
    FetchFees,
    FetchKey,
    FetchTime,
    FindOrder,
    Instrument,
    KeyReport,
    Kind,
    Limit,
    ListFills,
    ListOpenOrders,
    ListOrders,
    ListTransfers,
    Means,
    MoveFunds,
    Nanos,
    PlaceOrder,
    ProtocolError,
    Reports,
    Row,
    VenueId,
    Weight,
    Withdraw,
    rows,
)
from cryptopipe_binance.metadata import CODES, BinanceInstruments
from cryptopipe_binance.wallets import wallets

VENUE = VenueId("binance")
SECOND: Nanos = 1_000_000_000
ERRORS = "binance-spot-api-docs errors.md, 2026-07-21"
WALLET = 'developers.binance.com "Wallet" error codes, as quoted by ccxt 4.5.90, 2026-11-21'
_UNKNOWN_ORDER = "unknown order sent"

TABLE = (
    # "Unknown error, please check your request or try again later." came with -1003 and 503: nothing says what was done
    Row(Means.OPEN, "hummingbot, test_binance_exchange.py at 2bfaccc4, 2026-11-21", frozenset({"-1003"}),
        statuses=frozenset({500, 502, 503, 504})),
    # "An unknown error occurred while processing the request", "Internal error; unable to process your request",
    # "Execution status unknown" twice
    rows(Means.OPEN, ERRORS, -1000, -1001, -1006, -1007),
    # "Server is busy, please wait and try again"; "Server is currently overloaded": neither says that nothing was done
    rows(Means.OPEN, WALLET, -1004, -1008),
    # "Internal server error", "Failed to obtain tranId", "Failure to acquire assets", "Asset transfer fail", "Asset
    # transfer is in pending"
    rows(Means.OPEN, WALLET, -3000, -4027, -4045, -5010, -5012),
    rows(Means.LIMITED, ERRORS, -1003, -1015, -1034),
    rows(Means.LIMITED, WALLET, -4005),
    rows(Means.DENIED, ERRORS, -1002, -1021, -1022, -2014, -2015),
    rows(Means.DENIED, WALLET, -1099, -2008),
    rows(Means.NOT_FOUND, ERRORS, -2013),
    Row(Means.NOT_FOUND, ERRORS, frozenset({"-2011"}), _UNKNOWN_ORDER, kinds=frozenset({CancelOrder, CancelAll})),
    rows(Means.REFUSED, ERRORS, -1010, -1013, -1014, -1020, -1100, -1101, -1102, -1103, -1104, -1105, -1106, -1108,
         -1111, -1112, -1114, -1115, -1116, -1117, -1118, -1119, -1121, -1127, -1128, -1130, -1131, -1134, -1145, -2010,
         -2011, -2016, -2026, -2039),
    rows(Means.REFUSED, WALLET, -4001, -4007, -4008, -4015, -4018, -4019, -4021, -4022, -4023, -4024, -4025, -4026,
         -4028, -4033, -4034, -4035, -4036, -5001, -5002, -5003, -5013),
)  # fmt: skip

_LIMITS = "rest-api.md LIMITS and exchangeInfo rateLimits, 2026-07-21"
_UID = "limits of /sapi by account, as quoted by ccxt 4.5.90, 2026-11-21"
ALLOWANCES = (
    Allowance("weight", Limit(6000, 60 * SECOND, _LIMITS), 600),
    Allowance("orders", Limit(100, 10 * SECOND, _LIMITS)),
    Allowance("orders_a_day", Limit(200_000, 86_400 * SECOND, _LIMITS)),
    Allowance("wallet", Limit(12_000, 60 * SECOND, _UID)),
    Allowance("wallet_of_account", Limit(180_000, 60 * SECOND, _UID)),
)
WEIGHTS: Mapping[type[Action], Sequence[Weight]] = {
    # a request that succeeds weighs nothing since 2026-04-02 (CHANGELOG.md of 2026-03-27); one that fails weighs this
    PlaceOrder: (Weight("weight"), Weight("orders"), Weight("orders_a_day")),
    CancelOrder: (Weight("weight"),),
    CancelAll: (Weight("weight"),),
    FindOrder: (Weight("weight", 4),),
    ListOpenOrders: (Weight("weight", 80),),  # 6 of one symbol
    ListOrders: (Weight("weight", 20),),
    ListFills: (Weight("weight", 20),),
    FetchBalances: (Weight("weight", 20),),
    FetchTime: (Weight("weight"),),
    FetchFees: (Weight("wallet"),),
    FetchCurrencies: (Weight("wallet", 10),),
    FetchAddress: (Weight("wallet", 10),),
    FetchKey: (Weight("wallet"),),
    Withdraw: (Weight("wallet_of_account", 600),),
    MoveFunds: (Weight("wallet_of_account", 900),),
    ListTransfers: (Weight("wallet_of_account", 18_000),),  # withdrawals; deposits weigh 1
}

_ORDER_TYPES = ("LIMIT", "LIMIT_MAKER", "MARKET")
"""Of every spot market that trades (`exchangeInfo`); ccxt wants to see them."""


def _rights(action: FetchKey, answer: Any) -> Reports:
    """`{"ipRestrict": false, "createTime": 1698645219000, "enableReading": true, "enableWithdrawals": false, …}`."""
    if not isinstance(answer, dict) or not isinstance(answer.get("enableReading"), bool):
        raise ProtocolError("the answer does not say what the key may do", where=VENUE)
    ends = answer.get("tradingAuthorityExpirationTime")
    return Reports(
        key=KeyReport(
            reads=answer["enableReading"],
            trades=_truth(answer.get("enableSpotAndMarginTrading")),
            withdraws=_truth(answer.get("enableWithdrawals")),
            ip_restricted=_truth(answer.get("ipRestrict")),
            expires_at=ends * 1_000_000 if isinstance(ends, int) else None,
        )
    )


def _truth(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _network(told: Mapping[str, Any]) -> dict[str, Any]:
    """What ccxt leaves out of `{"network": "BSC", "minConfirm": 15, "memoRegex": "", "contractAddress": "", …}`."""
    info = told.get("info") or {}
    confirmations, memo = info.get("minConfirm"), info.get("memoRegex")
    return {
        "confirmations": int(str(confirmations)) if str(confirmations).isdecimal() else None,
        "memo": bool(memo) if isinstance(memo, str) else None,
        "contract": info.get("contractAddress") or None,
    }


_PAGE = 500
"""Rows of `allOrders` and `myTrades` where no `limit` is sent."""


def _from(cursor: str, key: str) -> Callable[[Any, int], Mapping[str, Any] | None]:
    """The page after a full one: rows from the next id on, without `startTime`, which does not go with it."""

    def following(told: Any, number: int) -> Mapping[str, Any] | None:
        return {"since": None, cursor: max(one[key] for one in told) + 1} if len(told) >= _PAGE else None

    return following


RULES = ActionRules(
    supports=frozenset(WEIGHTS),
    table=TABLE,
    # 5 s is the venue's default; ccxt's own is 10 s, longer than a lost order may be waited for
    options={"recvWindow": 5000, "fetchMargins": False, "fetchOpenOrders": {"warnWithoutSymbol": False}},
    wallets={TRADING: {"type": "spot"}, FUNDING: {"type": "funding"}},
    client_ids={Withdraw: "withdrawOrderId"},
    calls={FetchKey: Call("sapiGetAccountApiRestrictions", lambda action: ({},), _rights)},
    market=lambda instrument: {"info": {"orderTypes": list(_ORDER_TYPES)}},
    evidence={CancelAll: (0, "orderId")},
    pages={ListOrders: _from("orderId", "orderId"), ListFills: _from("fromId", "id")},
    everything=frozenset({ListOpenOrders}),
    spent_at=("cummulativeQuoteQty",),
    transfer_id_at=("withdrawOrderId",),
    network=_network,
    charged_in="received",
    weights=WEIGHTS,
    allowances=ALLOWANCES,
)


def actions(instruments: Sequence[Instrument]) -> CcxtActions:
    """The codec over the instruments of a run."""
    return CcxtActions(
        "binance", VENUE, instruments, RULES, currencies=wallets(VENUE), aliases=CODES.aliases, chains=CODES.networks,
        find=BinanceInstruments(VENUE, Kind.SPOT).find,
    )  # fmt: skip
