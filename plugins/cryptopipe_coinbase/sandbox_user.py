"""The user and balance channels of the simulated Coinbase Exchange: what one account's tape says, as messages.

Enters: an account's tape. Leaves: received, open, match and done messages, balances. Never: a message of
another account, two numbers for the same message.

docs.cdp.coinbase.com/exchange/websocket-feed, pages channels (full, user and balance channel, cancel reasons) and
authentication, read 2026-11-21 in stored copies; fields and their order as in frames that ccxt 4.5.90 quotes of 2021,
`taker_fee_rate` as recorded in 2025-08 (github.com/c9s/bbgo). The user channel tells only the account's own messages,
so their numbers have gaps ("it is currently not possible to detect if an authenticated feed message was dropped"); they
are numbers of this channel, not of the full one. The other side of a match has an id made of the trade's. The balance
channel "does not track every update": it tells the last one of a step.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from cryptopipe.api import (
    DeskEvent,
    DeskFill,
    DeskOrder,
    Nanos,
    OrderStatus,
    Refusal,
    Say,
    Side,
    SimulatedAccount,
    TimeInForce,
    exact,
    plain,
)
from cryptopipe_coinbase.sandbox_accounts import Accounts, account_uuid
from cryptopipe_coinbase.sandbox_private_orders import profile, user
from cryptopipe_coinbase.sandbox_private_text import order_uuid
from cryptopipe_coinbase.sandbox_shown import stamp, whole_stamp

_FIRST, _APART = 57_560_479_456, 3
_RESTS = (TimeInForce.GTC, TimeInForce.POST_ONLY)
_OTHER = {Side.BUY: Side.SELL, Side.SELL: Side.BUY}


class AccountMessages:
    """What the user channel tells of one account, numbered from its first event; each is (product, text)."""

    def __init__(self, account: SimulatedAccount) -> None:
        self._account = account
        self._read = 0
        self._received: dict[int, DeskOrder] = {}
        """Orders that were received and are neither open nor done, by number."""
        self._sequences: dict[tuple[Any, ...], int] = {}
        self.told: list[tuple[str, str]] = []

    def advance(self) -> int:
        """Takes in what has happened; how many messages there are."""
        for event in self._account.events(self._read):
            self._read = event.number
            if event.order is not None:
                self._take(event, event.order)
        for order in tuple(self._received.values()):
            self._open(order)
        return len(self.told)

    def _take(self, event: DeskEvent, order: DeskOrder) -> None:
        if event.fill is not None:
            if event.fill.maker and order.order_id in self._received:
                self._open(self._received[order.order_id])
            self._say("match", order, event.at, _match(order, event.fill, self._account), (event.fill.fill_id,))
            if order.status is OrderStatus.OPEN and order.order_id in self._received:
                self._received[order.order_id] = order
        elif order.status is OrderStatus.OPEN:
            self._say("received", order, event.at, _received(order), ())
            self._received[order.order_id] = order
        if order.status is not OrderStatus.OPEN:
            self._received.pop(order.order_id, None)
            self._say("done", order, event.at, _done(order), ())

    def _open(self, order: DeskOrder) -> None:
        del self._received[order.order_id]
        if order.order.time_in_force in _RESTS and order.order.price is not None:
            fields = {
                "price": plain(order.order.price),
                "order_id": order_uuid(order.order_id),
                "remaining_size": plain(_rest(order)),
            }
            self._say("open", order, order.updated_at, fields, ())

    def _say(self, kind: str, order: DeskOrder, at: Nanos, fields: Mapping[str, Any], key: tuple[int, ...]) -> None:
        """The same message told again has the same number."""
        name = (kind, order.order_id, *key)
        sequence = self._sequences.setdefault(name, _FIRST + _APART * len(self._sequences))
        symbol = order.order.instrument.symbol
        side = _OTHER[order.order.side] if kind == "match" and "taker_user_id" in fields else order.order.side
        told = {
            "type": kind,
            "side": side.value,
            "product_id": symbol,
            "time": whole_stamp(at),
            "sequence": sequence,
            "profile_id": profile(self._account),
            "user_id": user(self._account),
            **fields,
        }
        self.told.append((symbol, msgspec.json.encode(told).decode()))


class UserChannels:
    """The user and balance channels of one connection; `messages` are shared by all connections, by account."""

    def __init__(self, accounts: Accounts, messages: dict[int, AccountMessages]) -> None:
        self._accounts, self._messages = accounts, messages
        self._of: SimulatedAccount | None = None
        self._products: frozenset[str] = frozenset()
        self._told = 0
        self._balances: dict[str, str] = {}
        """By account id that is asked for: its currency."""
        self._read = 0

    def user(self, account: SimulatedAccount, products: Sequence[str]) -> None:
        """Follow these products of an account, from now on."""
        self._take(account)
        if not self._products:
            self._told = self._shared(account).advance()
        self._products |= frozenset(products)

    def balance(self, account: SimulatedAccount, names: Sequence[str], at: Nanos) -> Iterator[Say]:
        """Follow these accounts' balances: each as it is now. Ids that are not the key's own are left out."""
        self._take(account)
        if not self._balances:
            self._read = account.number
        own = {one["id"]: str(one["currency"]) for one in self._accounts.all(account)}
        for name in names:
            if name in own and name not in self._balances:
                self._balances[name] = own[name]
                yield self._balance(account, name, at)

    def drop(self, channel: str, ids: Sequence[str]) -> None:
        """Of `user` or `balance`; all where no ids are given."""
        if channel == "user":
            self._products = self._products - frozenset(ids) if ids else frozenset()
        else:
            self._balances = {name: code for name, code in self._balances.items() if ids and name not in ids}

    def subscriptions(self) -> Sequence[Mapping[str, Any]]:
        """As an acknowledgement lists them."""
        told: list[Mapping[str, Any]] = []
        if self._products:
            told.append({"name": "user", "product_ids": sorted(self._products), "account_ids": None})
        if self._balances:
            told.append({"name": "balance", "product_ids": None, "account_ids": list(self._balances)})
        return told

    def publish(self, at: Nanos) -> Iterator[Say]:
        """What is new."""
        account = self._of
        if account is None:
            return
        if self._products:
            shared = self._shared(account)
            until = shared.advance()
            news, self._told = shared.told[self._told : until], until
            yield from (Say(text) for product, text in news if product in self._products)
        if self._balances and account.number > self._read:
            events, self._read = account.events(self._read), account.number
            moved = {event.asset for event in events if event.balance is not None}
            for name, code in self._balances.items():
                if self._accounts.asset(code) in moved:
                    yield self._balance(account, name, at)

    def _take(self, account: SimulatedAccount) -> None:
        if self._of is not None and self._of.account_id != account.account_id:
            self._products, self._balances = frozenset(), {}
        self._of = account

    def _shared(self, account: SimulatedAccount) -> AccountMessages:
        return self._messages.setdefault(account.account_id, AccountMessages(account))

    def _balance(self, account: SimulatedAccount, name: str, at: Nanos) -> Say:
        code = self._balances[name]
        held = self._accounts.balance(account, code)
        told = {
            "type": "balance",
            "account_id": account_uuid(account, code),
            "currency": code,
            "holds": plain(held.locked),
            "available": plain(held.free),
            "updated": stamp(at, 6),
            "timestamp": stamp(at, 9),
        }
        return Say(msgspec.json.encode(told).decode())


def _rest(order: DeskOrder) -> Decimal:
    with exact():
        return (order.order.size or order.filled) - order.filled


def _received(order: DeskOrder) -> Mapping[str, Any]:
    new = order.order
    return {
        "order_id": order_uuid(order.order_id),
        "order_type": "market" if new.price is None else "limit",
        **({"size": plain(new.size)} if new.size is not None else {}),
        **({"funds": plain(new.spend)} if new.spend is not None else {}),
        **({"price": plain(new.price)} if new.price is not None else {}),
        "client_oid": new.client_id,
    }


def _match(order: DeskOrder, fill: DeskFill, account: SimulatedAccount) -> Mapping[str, Any]:
    """`side` is the maker's."""
    mine, theirs = order_uuid(order.order_id), f"0000000{1 + fill.maker}-0000-4000-8000-{fill.trade_id:012x}"
    role = "maker" if fill.maker else "taker"
    rates = account.fees(fill.instrument)
    return {
        "trade_id": fill.trade_id,
        "maker_order_id": mine if fill.maker else theirs,
        "taker_order_id": theirs if fill.maker else mine,
        "size": plain(fill.size),
        "price": plain(fill.price),
        f"{role}_profile_id": profile(account),
        f"{role}_user_id": user(account),
        f"{role}_fee_rate": plain(rates.maker_rate if fill.maker else rates.taker_rate),
    }


def _done(order: DeskOrder) -> Mapping[str, Any]:
    """Without price and size for an order at market."""
    new, filled = order.order, order.status is OrderStatus.FILLED
    rest = {} if new.price is None else {"price": plain(new.price), "remaining_size": plain(_rest(order))}
    return {
        "order_id": order_uuid(order.order_id),
        "reason": "filled" if filled else "canceled",
        **rest,
        **({} if filled or order.status is OrderStatus.CANCELLED else {"cancel_reason": _why(order)}),
    }


def _why(order: DeskOrder) -> str:
    if order.why_ended == Refusal.SELF_TRADE.value:
        return "102:Self Trade Prevention"
    return "106:Insufficient Liquidity" if order.order.price is None else "101:Time In Force"
