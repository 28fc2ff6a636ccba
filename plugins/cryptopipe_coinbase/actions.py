"""What `CcxtActions` must know of Coinbase Exchange: its words for what went wrong, its limits, its own calls.

Enters: instruments of a run. Leaves: the venue's action codec. Never: an order under a name that the venue drops, a
cancellation of other instruments' orders.

Read for it on 2026-11-21, in stored copies: docs.cdp.coinbase.com/exchange, pages rest-api/requests (errors),
rest-api/rate-limits, and api-reference/exchange-api/rest-api, groups orders, transfers and coinbase-accounts. Texts of
errors: ccxt 4.5.90's table of them, github.com/coinbase/coinbase-pro-trading-toolkit (issues), and answers kept in the
tests of public clients (fixtures of this repository's tests say which).

"We accept client_oid in any form by REST, but what is no UUIDv4 is not processed": a name that is none becomes one by
its hash; answers to that action have our name again, lists and the private stream the venue's. Not confirmed live: that
`product_id` in the URL of a cancellation keeps it to that product (ccxt writes it into a body, in its own spelling);
that what was asked for with a `nonce` twice is done once; that a fee is estimated without an address.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace as changed
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from msgspec.structs import replace

from cryptopipe.api import (
    Accepted,
    Action,
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
    FetchTime,
    FindOrder,
    HttpRequest,
    HttpResponse,
    Instrument,
    Limit,
    ListFills,
    ListOpenOrders,
    ListOrders,
    ListTransfers,
    Means,
    Nanos,
    Outcome,
    PlaceOrder,
    Reports,
    Row,
    Weight,
    Withdraw,
)
from cryptopipe_coinbase.actions_answers import all_cancelled, cancelled, currencies, fees, transfers
from cryptopipe_coinbase.metadata import CODES, EXCHANGE, CoinbaseInstruments
from cryptopipe_coinbase.wallets import wallets

_SECOND: Nanos = 1_000_000_000
_ERRORS = "docs.cdp.coinbase.com/exchange/rest-api/requests, 2026-11-21"
_QUOTED = "as ccxt 4.5.90 and tests of public clients quote it, 2026-11-21"


def _said(means: Means, source: str, *texts: str, kinds: frozenset[type[Action]] = frozenset()) -> tuple[Row, ...]:
    """A row for each text."""
    return tuple(Row(means, source, text=text, kinds=kinds) for text in texts)


TABLE = (
    # 200 with "status": "rejected" and a "reject_reason"
    Row(Means.REFUSED, "coinbase-pro-trading-toolkit issue 149, 2026-11-21", frozenset({"rejected"}),
        statuses=frozenset({200}), kinds=frozenset({PlaceOrder})),
    # "500 Internal Server Error – We had a problem with our server": whatever else its status says
    *_said(Means.OPEN, _ERRORS, "internal server error"),
    *_said(Means.OPEN, _QUOTED, "timeout", "timed out"),
    Row(Means.LIMITED, "docs.cdp.coinbase.com/exchange/rest-api/rate-limits, 2026-11-21", text="rate limit exceeded"),
    Row(Means.DENIED, _ERRORS, statuses=frozenset({401, 403})),
    *_said(Means.DENIED, _ERRORS, "invalid api key", "invalid signature", "invalid passphrase", "invalid timestamp",
           "request timestamp expired", "header is required"),
    *_said(Means.NOT_FOUND, _QUOTED, "notfound", "order not found", "invalid order id",
           kinds=frozenset({CancelOrder, FindOrder})),
    # it knows the order: what became of it is another question
    *_said(Means.REFUSED, _QUOTED, "order already done", kinds=frozenset({CancelOrder})),
    *_said(Means.REFUSED, _QUOTED, "insufficient funds", "post only mode", "limit only mode", "cancel only mode",
           "product not found", "is too small", "is too large", "is too accurate", "too precise", "must be a number",
           "requires ", "trading pair not available", "below the minimum", "withdrawal currency requires tag name"),
)  # fmt: skip

_RATES = "docs.cdp.coinbase.com/exchange/rest-api/rate-limits, 2026-11-21"
ALLOWANCES = (
    # "Requests per second per profile: 15", up to 30 at once
    Allowance("private", Limit(15, _SECOND, _RATES), 5),
    # "/fills: 10 requests per second", up to 20 at once
    Allowance("fills", Limit(10, _SECOND, _RATES)),
    Allowance("public", Limit(10, _SECOND, _RATES)),
)
_ASKED: Sequence[type[Action]] = (
    PlaceOrder, CancelOrder, CancelAll, FindOrder, ListOpenOrders, ListOrders, FetchBalances, FetchFees, FetchAddress,
    Withdraw, ListTransfers,
)  # fmt: skip
WEIGHTS: Mapping[type[Action], Sequence[Weight]] = {
    **{kind: (Weight("private"),) for kind in _ASKED},
    ListFills: (Weight("fills"),),
    FetchCurrencies: (Weight("public"),),
    FetchTime: (Weight("public"),),
}


_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def name_of(client_id: str) -> str:
    """The name of an order at the venue: a UUIDv4."""
    if not client_id or _UUID4.fullmatch(client_id):
        return client_id
    one = sha256(client_id.encode()).hexdigest()
    return f"{one[:8]}-{one[8:12]}-4{one[13:16]}-a{one[17:20]}-{one[20:32]}"


def nonce_of(client_id: str) -> int:
    """The nonce of a withdrawal: 53 bits of its name's hash, which every reader of JSON keeps."""
    return int.from_bytes(sha256(client_id.encode()).digest()[:8], "big") >> 11


def _cancel(exchange: Any, action: CancelOrder) -> Any:
    name = action.order_id or f"client:{action.client_id}"
    return _delete(exchange, f"orders/{quote(name, safe=':')}", action.instrument)


def _cancel_all(exchange: Any, action: CancelAll) -> Any:
    return _delete(exchange, "orders", action.instrument)


def _delete(exchange: Any, path: str, instrument: Instrument | None) -> Any:
    """Without a body: ccxt's would name the product by ccxt's own word."""
    query = f"?product_id={quote(instrument.symbol)}" if instrument else ""
    return exchange.request(path + query, ["private"], "DELETE", {})


def _transfers(exchange: Any, action: ListTransfers) -> Any:
    return exchange.request("transfers", ["private"], "GET", {"type": "deposit" if action.deposits else "withdraw"})


def _currencies(codes: frozenset[str]) -> Callable[[Any, FetchCurrencies], Any]:
    """The list, then for each open network of these codes what a withdrawal would cost: a request each."""

    def asked(exchange: Any, action: FetchCurrencies) -> Any:
        told = exchange.public_get_currencies({})
        for one in told if isinstance(told, list) else ():
            for network in (one.get("supported_networks") or ()) if one["id"] in codes else ():
                if one["status"] == network["status"] == "online":
                    where = {"currency": one["id"], "network": network["id"]}
                    estimate = exchange.request("withdrawals/fee-estimate", ["private"], "GET", where)
                    network["fee"] = estimate.get("fee")
        return told

    return asked


def _address(exchange: Any, action: FetchAddress) -> Any:
    """Two requests: the list of wallets, then a new address of one."""
    network = {"network": action.network} if action.network else {}
    return exchange.create_deposit_address(CODES.aliases.get(action.code, action.code), network)


_PAGE = 100
"""Rows of the shortest full page; `limit` is 100 or 1000 unless asked for, the pages of the documentation differ."""


def _older(told: Any, cursor: str) -> Mapping[str, Any] | None:
    """`CB-AFTER` of a page is the cursor of its last row (rest-api/pagination; which field it is, was recorded)."""
    if not isinstance(told, list) or len(told) < _PAGE:
        return None
    return {"after": str(told[-1][cursor])}


RULES = ActionRules(
    supports=frozenset(WEIGHTS),
    accepted_for=30_000_000_000,  # a timestamp is good for 30 s
    table=TABLE,
    code_at=(("status",),),
    text_at=(("message",), ("reject_reason",)),
    fine=frozenset({"pending", "received", "open", "active", "done"}),
    params={Withdraw: lambda action: {"nonce": nonce_of(action.client_id)}},
    client_id="client_oid",
    calls={
        CancelOrder: Call(_cancel, read=cancelled),
        CancelAll: Call(_cancel_all, read=all_cancelled),
        FetchFees: Call("private_get_fees", lambda action: ({},), fees),
        FetchAddress: Call(_address),
        ListTransfers: Call(_transfers, read=transfers),
    },
    nonce_unit=_SECOND,
    evidence={CancelAll: (0,), CancelOrder: (), ListTransfers: ()},
    pages={
        ListFills: lambda told, number: _older(told, "trade_id"),
        ListOrders: lambda told, number: _older(told, "created_at"),
        ListOpenOrders: lambda told, number: _older(told, "created_at"),
    },
    everything=frozenset({CancelAll, ListOpenOrders}),
    weights=WEIGHTS,
    allowances=ALLOWANCES,
)


class ExchangeActions(CcxtActions):
    """ccxt's codec of Coinbase Exchange, by names that the venue takes."""

    def build(
        self, action: Action, credentials: Credentials, at: Nanos, earlier: Sequence[HttpResponse] = ()
    ) -> HttpRequest:
        """As `CcxtActions.build`."""
        return super().build(_named(action), credentials, at, earlier)

    def parse(self, action: Action, response: HttpResponse, earlier: Sequence[HttpResponse] = ()) -> Outcome:
        """As `CcxtActions.parse`; what it tells of this order has our name."""
        named = _named(action)
        outcome = super().parse(named, response, earlier)
        if isinstance(action, _BY_NAME) and isinstance(named, _BY_NAME):
            return _renamed(outcome, named.client_id, action.client_id)
        return outcome


_BY_NAME = (PlaceOrder, CancelOrder, FindOrder)


def _named(action: Action) -> Action:
    if isinstance(action, _BY_NAME):
        return replace(action, client_id=name_of(action.client_id))
    return action


def _renamed(outcome: Outcome, name: str, client_id: str) -> Outcome:
    if isinstance(outcome, Accepted) and outcome.order is not None and outcome.order.client_id == name:
        return replace(outcome, order=replace(outcome.order, client_id=client_id))
    if isinstance(outcome, Reports):
        orders = (replace(one, client_id=client_id) if one.client_id == name else one for one in outcome.orders)
        return replace(outcome, orders=tuple(orders))
    return outcome


def actions(instruments: Sequence[Instrument]) -> ExchangeActions:
    """The codec over the instruments of a run."""
    codes = frozenset(code for one in instruments for code in one.symbol.split("-"))
    calls = {**RULES.calls, FetchCurrencies: Call(_currencies(codes), read=currencies)}
    return ExchangeActions(
        "coinbaseexchange", EXCHANGE, instruments, changed(RULES, calls=calls), currencies=wallets(EXCHANGE),
        aliases=CODES.aliases, chains=CODES.networks, find=CoinbaseInstruments(EXCHANGE).find,
    )  # fmt: skip
