"""Orders, balances and transfers at Bybit: what ccxt must be told of the venue, as tables.

Enters: the instruments of a run. Leaves: an `ActionCodec` of one request an action. Never: a question for the kind of
the account before an action: it is the unified one, which every account is by now.

Codes: bybit-exchange.github.io/docs/v5/error; limits: docs/v5/rate-limit; requests: docs/v5/order, docs/v5/asset (state
of 2026-07-24, read 2026-11-21). A withdrawal is paid from the wallet FUND, and its amount is what leaves the account
(`feeType` 1). Of orders that have ended, `/v5/order/realtime` knows the "recent 500 closed status records".
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from hashlib import sha256
from typing import Any

import msgspec

from cryptopipe.api import (
    ActionRules,
    Allowance,
    Call,
    CancelAll,
    CancelOrder,
    CcxtActions,
    FeeSchedule,
    FetchAddress,
    FetchBalances,
    FetchCurrencies,
    FetchFees,
    FetchKey,
    FetchPositions,
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
    MoveFunds,
    NotFound,
    Outcome,
    PlaceOrder,
    ProtocolError,
    Reports,
    Weight,
    Withdraw,
    number_of,
    parse_at,
)
from cryptopipe_bybit.action_codes import TABLE
from cryptopipe_bybit.market import MARKETS, VENUE, spelling_of
from cryptopipe_bybit.metadata import CODES, BybitInstruments
from cryptopipe_bybit.reports import DAMAGED, Names, OrderRow, order_report
from cryptopipe_bybit.wallets import wallets

_SECOND = 1_000_000_000
_LIMITS = "docs/v5/rate-limit, accounts without a VIP level, state of 2026-07-24, read 2026-11-21"
_MILLISECOND = 1_000_000


def actions(instruments: Sequence[Instrument]) -> CcxtActions:
    """The codec of this venue."""
    listed = BybitInstruments()
    return CcxtActions(
        "bybit",
        VENUE,
        instruments,
        rules(instruments),
        currencies=wallets(),
        aliases=CODES.aliases,
        chains=CODES.networks,
        find=listed.find,
    )


_OPTIONS: Mapping[str, Any] = {
    "enableUnifiedMargin": False,
    "enableUnifiedAccount": True,
    "unifiedMarginStatus": 5,
    "recvWindow": 5000,
    "fetchOrder": {"acknowledged": True},
    "createMarketBuyOrderRequiresPrice": False,
}
"""The kind of account is told, so that a mutation is one request."""


def rules(instruments: Sequence[Instrument]) -> ActionRules:
    """The tables."""
    return ActionRules(
        supports=frozenset(_WEIGHTS),
        table=TABLE,
        code_at=(("retCode",),),
        text_at=(("retMsg",),),
        fine=frozenset({"0"}),
        options=_OPTIONS,
        params={
            ListOpenOrders: lambda action: {"limit": 50},
            ListTransfers: lambda action: {"limit": 50},
            FetchPositions: lambda action: {"limit": 200},
            Withdraw: lambda action: {
                "accountType": "FUND",
                "feeType": 1,
                "forceChain": 1,
                "requestId": request_id(action.client_id),
            },
            MoveFunds: lambda action: {"transferId": transfer_id(action.client_id)},
        },
        wallets={"": {}, "trading": {}, "UNIFIED": {}, "funding": {"type": "funding"}, "FUND": {"type": "funding"}},
        client_ids={CancelOrder: "orderLinkId"},
        calls=_calls(instruments),
        market=lambda instrument: {"id": spelling_of(instrument.symbol)},
        evidence={CancelAll: ("result", "success")},
        everything=frozenset({FetchPositions}),
        state_at=("orderStatus",),
        our_id_at=("orderLinkId",),
        spent_at=("cumExecValue",),
        network=_network,
        pages=dict.fromkeys((ListOpenOrders, ListOrders, ListFills, ListTransfers), _next_page),
        charged_in="received",
        weights=_WEIGHTS,
        allowances=_ALLOWANCES,
    )


def _calls(instruments: Sequence[Instrument]) -> Mapping[type[Any], Call]:
    """Where ccxt's own method asks for too much, or finds too little."""
    return {
        FindOrder: Call("privateGetV5OrderRealtime", _of_order, _Finder(Names(instruments)).found),
        ListOrders: Call("fetch_canceled_and_closed_orders", _history),
        ListFills: Call("fetch_my_trades", _executions),
        FetchFees: Call("privateGetV5AccountFeeRate", _of_instrument, _fees),
        FetchKey: Call("privateGetV5UserQueryApi", lambda action: ({},), _key),
    }


_IP = Weight("ip")
_WEIGHTS: Mapping[type[Any], Sequence[Weight]] = {
    PlaceOrder: (_IP, Weight("order.create")),
    CancelOrder: (_IP, Weight("order.cancel")),
    CancelAll: (_IP, Weight("order.cancel-all")),
    Withdraw: (_IP, Weight("withdraw.create")),
    MoveFunds: (_IP, Weight("inter-transfer")),
    FindOrder: (_IP, Weight("order.realtime")),
    ListOpenOrders: (_IP, Weight("order.realtime")),
    ListOrders: (_IP, Weight("order.history")),
    ListFills: (_IP, Weight("execution.list")),
    FetchBalances: (_IP, Weight("coins-balance")),
    FetchPositions: (_IP, Weight("position.list")),
    FetchFees: (_IP, Weight("fee-rate")),
    FetchCurrencies: (_IP, Weight("coin-info")),
    FetchAddress: (_IP, Weight("deposit-address")),
    ListTransfers: (_IP, Weight("transfer-records")),
    FetchTime: (_IP,),
    FetchKey: (_IP, Weight("query-api")),
}


def _allowed(name: str, count: int, seconds: int, reserved: int = 0) -> Allowance:
    return Allowance(name, Limit(count, seconds * _SECOND, _LIMITS), reserved)


_ALLOWANCES = (
    _allowed("ip", 600, 5, 60),
    _allowed("order.create", 10, 1),  # 20 on spot; both count apart there, here together
    _allowed("order.cancel", 10, 1),
    _allowed("order.cancel-all", 1, 1),  # of contracts; 20 on spot
    _allowed("order.realtime", 50, 1),
    _allowed("order.history", 50, 1),
    _allowed("execution.list", 50, 1),
    _allowed("position.list", 50, 1),
    _allowed("coins-balance", 5, 1),  # of the funding wallet; 50 of the unified one
    _allowed("fee-rate", 5, 1),
    _allowed("query-api", 10, 1),
    _allowed("coin-info", 5, 1),
    _allowed("deposit-address", 300, 60),
    _allowed("transfer-records", 100, 60),
    _allowed("withdraw.create", 5, 1),
    _allowed("inter-transfer", 60, 60),
)


def request_id(client_id: str) -> str:
    """Our id as a withdrawal may have it: "letters (case sensitive) and numbers, … between 1 and 32 digits". One that
    is not so becomes 32 digits of its hash.
    """
    if client_id.isascii() and client_id.isalnum() and len(client_id) <= 32:
        return client_id
    return sha256(client_id.encode()).hexdigest()[:32]


def transfer_id(client_id: str) -> str:
    """Our id as a move must have it: "Please manually generate a UUID"; the same for the same."""
    digits = sha256(f"bybit move {client_id}".encode()).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-8{digits[17:20]}-{digits[20:32]}"


def _of_instrument(action: Any) -> Sequence[Any]:
    return ({"category": MARKETS[action.instrument.kind].category, "symbol": spelling_of(action.instrument.symbol)},)


def _of_order(action: FindOrder) -> Sequence[Any]:
    """By the venue's id where it is there, else by ours; never by both."""
    (told,) = _of_instrument(action)
    return (told | ({"orderId": action.order_id} if action.order_id else {"orderLinkId": action.client_id}),)


def _history(action: ListOrders) -> Sequence[Any]:
    """ccxt has a method for all orders, and refuses it for the unified account."""
    return _name(action.instrument), action.since // _MILLISECOND or None, None, {"limit": 50}


def _executions(action: ListFills) -> Sequence[Any]:
    more = {"limit": 100} | ({"orderId": action.order_id} if action.order_id else {})
    return _name(action.instrument), action.since // _MILLISECOND or None, None, more


def _name(instrument: Instrument) -> str:
    """What ccxt calls it."""
    settled = f":{instrument.quote}" if instrument.kind is Kind.LINEAR_PERPETUAL else ""
    return f"{instrument.base}/{instrument.quote}{settled}"


def _next_page(told: Any, number: int) -> Mapping[str, Any] | None:
    """ "Use the `nextPageCursor` token from the response to retrieve the next page of the result set"."""
    cursor = told.get("result", {}).get("nextPageCursor") if isinstance(told, dict) else None
    return {"cursor": cursor} if cursor else None


class _Finder:
    """Reads the answer about one order as the stream's frames are read."""

    def __init__(self, names: Names) -> None:
        self._names = names

    def found(self, action: FindOrder, told: Any) -> Outcome:
        """`NotFound` for an empty list, which is how the venue says it."""
        try:
            result = told["result"]
            rows = msgspec.convert(result["list"], list[OrderRow])
            if not rows:
                return NotFound("0", "no such order among those that are open, or ended lately")
            return Reports(orders=(order_report(rows[0], self._names, result["category"]),))
        except (*DAMAGED, LookupError, TypeError) as error:
            raise ProtocolError(f"unreadable order: {error}", where=VENUE) from error


def _fees(action: FetchFees, told: Any) -> Outcome:
    """`{"result":{"list":[{"symbol":"ETHUSDT","takerFeeRate":"0.0006","makerFeeRate":"0.0001"}]}}`"""
    try:
        (row,) = told["result"]["list"]
        maker, taker = number_of(row["makerFeeRate"]), number_of(row["takerFeeRate"])
    except (*DAMAGED, LookupError, TypeError) as error:
        raise ProtocolError(f"unreadable fee rate: {error}", where=action.instrument.id) from error
    charged_in = "received" if action.instrument.kind is Kind.SPOT else "quote"
    return Reports(
        fees=FeeSchedule(maker, taker, f"{VENUE}, /v5/account/fee-rate of this account", "today", charged_in)
    )


def _key(action: FetchKey, told: Any) -> Outcome:
    """`permissions` names what a key may do; one without an end has the year 1970 for it."""
    try:
        result = told["result"]
        rights = {right for rights in result["permissions"].values() for right in rights}
        ends = result["expiredAt"]
        return Reports(
            key=KeyReport(
                reads=True,
                trades=bool(rights & {"SpotTrade", "Order", "DerivativesTrade"}) and result["readOnly"] == 0,
                withdraws="Withdraw" in rights and result["readOnly"] == 0,
                ip_restricted="*" not in result["ips"],
                expires_at=0 if ends.startswith("1970-") else parse_at(ends),
            )
        )
    except (*DAMAGED, LookupError, TypeError, AttributeError) as error:
        raise ProtocolError(f"unreadable key: {error}", where=VENUE) from error


def _network(told: Any) -> Mapping[str, Any]:
    """What ccxt leaves out: "-1 indicates no limit", "If withdraw fee is empty, … does not support withdrawal"."""
    info = told["info"]
    most = info.get("withdrawMax") or "-1"
    return {
        "contract": info.get("contractAddress") or "",
        "confirmations": int(info["confirmation"]) if info.get("confirmation") else None,
        "withdrawal_fee_rate": Decimal(info["withdrawPercentageFee"]) if info.get("withdrawPercentageFee") else None,
        "max_withdrawal": None if most == "-1" else Decimal(most),
        "precision": int(info["minAccuracy"]) if info.get("minAccuracy") else None,
    }
