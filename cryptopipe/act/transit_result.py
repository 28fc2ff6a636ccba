"""What a transit amounts to, from its fills and from what was sent and credited.

Enters: a transit plan, its fills. Leaves: what was spent and got, the profit per asset, the log return. Never: an
amount that the fills and the venues' reports do not give.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Context, Decimal

from cryptopipe.act.transit import TransitPlan
from cryptopipe.act.transit_steps import Stage
from cryptopipe.model.facts import Amounts, Asset, Side, VenueId
from cryptopipe.model.money import exact, ratio
from cryptopipe.model.trading import Fill, Leg

_LOG = Context(prec=12)
_ZERO = Decimal(0)


@dataclass(frozen=True)
class Sums:
    """Of a plan's fills: coins `bought` and `sold`, fees in coins taken off or added; other assets `spent` and `got`,
    fees in them added or taken off.
    """

    bought: Decimal
    sold: Decimal
    spent: Amounts
    got: Amounts


def sums(asset: Asset, fills: Iterable[Fill]) -> Sums:
    """Of fills of instruments whose base is `asset`."""
    bought, sold = _ZERO, _ZERO
    spent: dict[Asset, Decimal] = {}
    got: dict[Asset, Decimal] = {}
    with exact():
        for fill in fills:
            buys = fill.side is Side.BUY
            in_coins = fill.fee.amount if fill.fee.asset == asset else _ZERO
            if buys:
                bought += fill.quantity - in_coins
            else:
                sold += fill.quantity + in_coins
            side, sign = (spent, 1) if buys else (got, -1)
            quote = fill.instrument.quote
            side[quote] = side.get(quote, _ZERO) + fill.spent
            if fill.fee.asset != asset:
                side[fill.fee.asset] = side.get(fill.fee.asset, _ZERO) + sign * fill.fee.amount
    return Sums(bought, sold, spent, got)


@dataclass(frozen=True)
class TransitResult:
    """`rest`: coins more (or fewer) than before. `profit` per asset, coins among it. `log_return`: of what was got over
    what was spent, both in the numeraire; None where one has no price or is zero.
    """

    sums: Sums
    rest: Decimal
    profit: Amounts
    log_return: Decimal | None
    value: Decimal | None


Worth = Callable[[Asset, Decimal], Decimal | None]


def result_of(plan: TransitPlan, fills: Iterable[Fill], worth: Worth) -> TransitResult:
    """Of a plan that is over. `worth` values an amount in the numeraire."""
    asset = plan.transit.asset
    done = sums(asset, fills)
    sent = plan.sent if plan.left else _ZERO
    profit: dict[Asset, Decimal] = {}
    with exact():
        rest = done.bought - done.sold - sent + plan.credited
        for amounts, sign in ((done.got, 1), (done.spent, -1)):
            for one, amount in amounts.items():
                profit[one] = profit.get(one, _ZERO) + sign * amount
        profit[asset] = profit.get(asset, _ZERO) + rest
    spent, got = (_worth(amounts, worth) for amounts in (done.spent, done.got))
    log_return = ratio(got, spent).ln(_LOG) if spent and got and spent > 0 and got > 0 else None
    value = None if spent is None or got is None else got - spent
    return TransitResult(done, rest, {one: left for one, left in sorted(profit.items()) if left}, log_return, value)


def _worth(amounts: Amounts, worth: Worth) -> Decimal | None:
    total = _ZERO
    for asset, amount in amounts.items():
        value = worth(asset, amount)
        if value is None:
            return None
        with exact():
            total += value
    return total


def left_over(
    bought: Leg, plan: TransitPlan, result: TransitResult
) -> tuple[dict[Asset, Decimal], dict[Asset, Decimal]]:
    """(dust, exposure): what is more is dust where it is less than the market that it was `bought` on trades; what is
    less is stock that is gone. What was lost is neither.
    """
    if not result.rest or plan.stage is Stage.LOST:
        return {}, {}
    rules, rest = bought.instrument.rules, {plan.transit.asset: result.rest}
    with exact():
        small = rules is not None and (
            result.rest < max(rules.step, rules.min_size) or result.rest * bought.limit < rules.min_notional
        )
    return (rest, {}) if result.rest > 0 and small else ({}, rest)


def on_its_way(plan: TransitPlan) -> Decimal:
    """What is to arrive, or is held at the source or to be sold at the target."""
    if plan.came_at:
        return plan.arrived
    if not plan.left:
        return plan.held
    with exact():
        return plan.sent - plan.fee


def may_have_changed(plan: TransitPlan) -> tuple[VenueId, ...]:
    """Where what the books say of coins on their way may not be true any more."""
    return (plan.transit.target,) if plan.left else (plan.transit.source, plan.transit.target)
