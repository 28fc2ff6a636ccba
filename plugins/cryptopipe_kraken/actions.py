"""Orders, balances and transfers at Kraken, by ccxt's signing and parsing, with this venue's own words and ways.

Enters: instruments of a run. Leaves: a `CcxtActions`. Never: a withdrawal to an address that the account's address book
does not name, a list that ends where its first page does.

Read for it on 2026-11-21: docs.kraken.com/api-reference (account-data, trading, funding), guides/general/ratelimits,
rest/ratelimits, general/clordid; ccxt 4.5.90's kraken. Our order's id is `cl_ord_id`: a UUID, or up to 18 characters;
no query takes it alone, so an order is looked for among the open ones, then among the ended ones. Histories come fifty
at a time. The executions of one order are asked for by its list of them, twenty at a time.

A nonce is above all before it: milliseconds, as for the websocket's token (signer.py). Ways into an account have names
of their own (`Tether USD (TRC20)`), by wallets.json; a network that is not there is asked for as it is called.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from cryptopipe.api import (
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
    Limit,
    ListFills,
    ListOpenOrders,
    ListOrders,
    ListTransfers,
    PlaceOrder,
    VenueError,
    Weight,
    Withdraw,
    plain,
)
from cryptopipe_kraken.actions_answers import address, currencies, fees, found, key, refid, transfers
from cryptopipe_kraken.actions_words import TABLE
from cryptopipe_kraken.metadata import CODES, VENUE, KrakenInstruments, v1_symbol
from cryptopipe_kraken.wallets import methods, wallets

_SECOND = 1_000_000_000
_PAGE = 50
_QUERY = 20
"""Executions in one query (query-trades-info)."""


def actions(instruments: Sequence[Instrument]) -> CcxtActions:
    """The codec of a run."""
    return CcxtActions(
        "kraken",
        VENUE,
        instruments,
        RULES,
        currencies=wallets(),
        aliases=CODES.aliases,
        chains=CODES.networks,
        find=KrakenInstruments().find,
    )


def names_of(instrument: Instrument) -> Mapping[str, Any]:
    """Requests call a pair by its altname, `XBTUSD`; answers by that, by their key (`XXBTZUSD`) or as v2 does."""
    base, quote = v1_symbol(instrument.symbol).split("/")
    known = [code for code, asset in CODES.aliases.items() if asset == instrument.base]
    money = [code for code, asset in CODES.aliases.items() if asset == instrument.quote]
    keys = [one + other for one in dict.fromkeys([base, *known]) for other in dict.fromkeys([quote, *money])]
    return {"id": base + quote, "ids": (*keys, f"{base}/{quote}", instrument.symbol)}


def _find(exchange: Any, action: FindOrder) -> Any:
    """By the venue's id, else by ours among the open orders, then among those that have ended."""
    if action.order_id:
        told = exchange.privatePostQueryOrders({"txid": action.order_id, "trades": "true"})
        return told["result"]
    wanted = {"cl_ord_id": action.client_id, "trades": "true"}
    resting = exchange.privatePostOpenOrders(wanted)["result"]["open"]
    return resting or exchange.privatePostClosedOrders(wanted)["result"]["closed"]


def _ended(exchange: Any, action: ListOrders) -> Any:
    pages = _paged(exchange.privatePostClosedOrders, "closed", action.since)
    orders = exchange.parse_orders([{**one, "id": name} for name, one in pages.items()])
    return [one for one in orders if one["symbol"] == _symbol(action.instrument)]


def _fills(exchange: Any, action: ListFills) -> Any:
    """Of one order each by its id; else the whole history since then."""
    if not action.order_id:
        told = _paged(exchange.privatePostTradesHistory, "trades", action.since)
    else:
        order = exchange.privatePostQueryOrders({"txid": action.order_id, "trades": "true"})["result"][action.order_id]
        names, told = order.get("trades", []), {}
        for start in range(0, len(names), _QUERY):
            told |= exchange.privatePostQueryTrades({"txid": ",".join(names[start : start + _QUERY])})["result"]
    trades = exchange.parse_trades([{**one, "id": name} for name, one in told.items()])
    return [one for one in trades if one["symbol"] == _symbol(action.instrument)]


def _paged(ask: Any, name: str, since: int) -> dict[str, Any]:
    """Every page of a history; `start` is exclusive and in seconds."""
    rows: dict[str, Any] = {}
    count = 1
    for offset in range(0, 1 << 20, _PAGE):
        if offset >= count:
            break
        start = {"start": str(since // _SECOND - 1)} if since else {}
        told = ask({**start, "ofs": str(offset)})["result"]
        rows, count = rows | told[name], int(told["count"])
    return rows


def _symbol(instrument: Instrument) -> str:
    return f"{instrument.base}/{instrument.quote}"


def _listed(exchange: Any, action: ListTransfers) -> Any:
    ask = exchange.privatePostDepositStatus if action.deposits else exchange.privatePostWithdrawStatus
    since = {"start": str(action.since // _SECOND)} if action.since else {}
    return ask({**({"asset": action.code} if action.code else {}), **since})["result"]


def _withdrawal(action: Withdraw) -> Sequence[Any]:
    """The address is told too: the venue compares it with the one of the key."""
    if not action.address_name:
        raise VenueError("withdrawals go to addresses of the account's address book: name one", where=VENUE)
    told = {"asset": action.code, "key": action.address_name, "amount": plain(action.amount)}
    return [{**told, "address": action.address} if action.address else told]


def _way_in(action: FetchAddress) -> Sequence[Any]:
    known = {currency.code: currency.asset for currency in wallets()}
    asset = known.get(action.code)
    method = next((one.deposit for one in methods() if (one.asset, one.network) == (asset, action.network)), None)
    return [{"asset": action.code, "method": method or action.network}]


RULES = ActionRules(
    supports=frozenset({
        PlaceOrder, CancelOrder, CancelAll, Withdraw, FindOrder, ListOpenOrders, ListOrders, ListFills, FetchBalances,
        FetchFees, FetchCurrencies, FetchAddress, ListTransfers, FetchTime, FetchKey,
    }),
    table=TABLE,
    code_at=(("error", 0),),
    text_at=(("error", 0),),
    calls={
        FindOrder: Call(_find, read=found),
        ListOrders: Call(_ended),
        ListFills: Call(_fills),
        ListTransfers: Call(_listed, read=transfers),
        Withdraw: Call("privatePostWithdraw", _withdrawal, refid),
        FetchAddress: Call("privatePostDepositAddresses", _way_in, address),
        FetchFees: Call("privatePostTradeVolume", lambda action: [{"pair": names_of(action.instrument)["id"]}], fees),
        FetchCurrencies: Call("privatePostWithdrawMethods", lambda action: [{}], currencies),
        FetchKey: Call("privatePostGetApiKeyInfo", lambda action: [{}], key),
    },
    market=names_of,
    evidence={CancelOrder: ("result", "count"), CancelAll: ("result",)},
    everything=frozenset({CancelAll, ListOpenOrders}),
    in_order=True,
    our_id_at=("cl_ord_id",),
    spent_at=("cost",),
    weights={
        **dict.fromkeys((PlaceOrder,), (Weight("orders"),)),
        CancelOrder: (Weight("orders", 8),),
        CancelAll: (Weight("calls"), Weight("orders", 8)),
        **dict.fromkeys((FindOrder, ListOpenOrders, FetchBalances, FetchFees, FetchKey), (Weight("calls"),)),
        **dict.fromkeys((FetchCurrencies, FetchAddress, ListTransfers, Withdraw, ListOrders), (Weight("calls"),)),
        ListFills: (Weight("calls", 2),),
        FetchTime: (Weight("public"),),
    },
    allowances=(
        Allowance(
            "calls", Limit(20, 40 * _SECOND, "guides/rest/ratelimits, Intermediate: 20, -0.5 a second"), 4, drains=True
        ),
        Allowance(
            "orders", Limit(125, 53 * _SECOND, "guides/general/ratelimits, Intermediate, of one pair"), 40, drains=True
        ),
        Allowance("public", Limit(1, _SECOND, "support.kraken.com/articles/206548367")),
    ),
)  # fmt: skip
"""A cancellation counts 8 at most, in the first five seconds of an order's life; limits as read on 2026-11-21."""
