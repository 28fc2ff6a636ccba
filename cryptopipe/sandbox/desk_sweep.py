"""What an order would execute against, before it is given.

Enters: a book, a side, how much is wanted, how far it may go, whose order it is. Leaves: the lots, their cost, and
where it meets its owner's own orders. Never: a change of the book.
"""

import msgspec

from cryptopipe.model.desk import SelfTrade
from cryptopipe.model.facts import Side
from cryptopipe.sandbox.engine import Engine

_ALL = 1 << 30


class Sweep(msgspec.Struct, frozen=True):
    """`lots` that execute, for `cost` in ticks times lots; `own` are the owner's resting orders that give way (ids of
    the engine), and `stopped` says that the order itself gives way to one of them. `complete`: nothing is left of it.
    """

    lots: int
    cost: int
    own: tuple[int, ...] = ()
    stopped: bool = False
    complete: bool = False


def sweep(
    engine: Engine,
    side: Side,
    wanted: int | None,
    budget: int | None,
    bound: int | None,
    owner: int,
    gives_way: SelfTrade,
) -> Sweep:
    """An order of `wanted` lots, or as many as `budget` (ticks times lots) buys, at `bound` (ticks) or better.

    `owner` 0: it has no order of its own here, so single orders need not be looked at.
    """
    others = Side.SELL if side is Side.BUY else Side.BUY
    lots, cost, price = 0, 0, 0
    own: list[int] = []
    for price, total in engine.levels(others, _ALL):
        if bound is not None and (price > bound if side is Side.BUY else price < bound):
            break
        for order_id, resting in engine.queue(others, price) if owner else ((0, total),):
            left = resting if wanted is None else wanted - lots
            left = left if budget is None else min(left, (budget - cost) // price)
            if not left:
                return Sweep(lots, cost, tuple(own), complete=lots > 0)
            if owner and engine.owner(order_id) == owner:
                if gives_way is SelfTrade.EXPIRE_TAKER:
                    return Sweep(lots, cost, tuple(own), True)
                own.append(order_id)
                if gives_way is SelfTrade.EXPIRE_BOTH:
                    return Sweep(lots, cost, tuple(own), True)
                continue
            size = min(left, resting)
            lots, cost = lots + size, cost + size * price
    spent = budget is not None and cost > 0 and budget - cost < price
    return Sweep(lots, cost, tuple(own), complete=lots == wanted or spent)
