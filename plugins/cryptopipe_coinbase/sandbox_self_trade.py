"""What gives way where an order of the simulated Coinbase Exchange would meet one of its own owner's.

Enters: an order, its `stp` flag, its owner's open orders. Leaves: the order with the desk's rule. Never: a trade with
oneself.

docs.cdp.coinbase.com/exchange/concepts/matching-engine, Self-Trade Prevention (2026-11-21). `dc` cancels the smaller
order and takes its size off the larger: the desk cannot make an order smaller, so the larger keeps its size here.
"""

from collections.abc import Iterator
from decimal import Decimal

from msgspec.structs import replace

from cryptopipe.api import DeskOrder, NewOrder, SelfTrade, Side, SimulatedAccount, exact

_RULES = {"co": SelfTrade.EXPIRE_MAKER, "cn": SelfTrade.EXPIRE_TAKER, "cb": SelfTrade.EXPIRE_BOTH}


def prevention(new: NewOrder, flag: str, account: SimulatedAccount) -> NewOrder:
    """The order under the rule of `dc`, `co`, `cn` or `cb`."""
    rule = _RULES.get(flag) or _smaller(new, account)
    return replace(new, self_trade=rule)


def _smaller(new: NewOrder, account: SimulatedAccount) -> SelfTrade:
    with exact():
        resting = sum((_rest(one) for one in _met(new, account)), Decimal(0))
    if new.size is None or not resting or new.size < resting:
        return SelfTrade.EXPIRE_TAKER
    return SelfTrade.EXPIRE_BOTH if new.size == resting else SelfTrade.EXPIRE_MAKER


def _met(new: NewOrder, account: SimulatedAccount) -> Iterator[DeskOrder]:
    for one in account.open_orders(new.instrument):
        theirs = one.order.price
        if one.order.side is new.side or theirs is None:
            continue
        if new.price is None or (theirs <= new.price if new.side is Side.BUY else theirs >= new.price):
            yield one


def _rest(one: DeskOrder) -> Decimal:
    return (one.order.size or Decimal(0)) - one.filled
