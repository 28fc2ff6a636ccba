"""What a spot order holds, what each of its fills pays, and what comes back.

Enters: orders and their fills. Leaves: entries in the customer's wallets. Never: a payment beyond what is held, a fee
that is not a multiple of 10⁻⁸.
"""

from decimal import Decimal
from typing import TYPE_CHECKING

from cryptopipe.model.desk import DeskRefusal, NewOrder, Refusal
from cryptopipe.model.facts import Asset, Fee, FeeSchedule, Side, floor_to
from cryptopipe.model.money import exact
from cryptopipe.sandbox.desk_market import GRAIN, DeskMarket
from cryptopipe.sandbox.desk_sweep import Sweep

if TYPE_CHECKING:
    from cryptopipe.sandbox.accounts import Account
    from cryptopipe.sandbox.desk_orders import Working

ZERO = Decimal(0)


def fee_on(amount: Decimal, rate: Decimal) -> Decimal:
    """Of an amount, rounded down."""
    with exact():
        return floor_to(GRAIN, amount * rate)


def _most(amount: Decimal, schedule: FeeSchedule) -> Decimal:
    """What may be charged in quote on top of an amount spent: not below the sum over any fills of it, because a sum of
    numbers rounded down is at most their sum rounded down.
    """
    if schedule.charged_in != "quote":
        return ZERO
    return fee_on(amount, max(ZERO, schedule.maker_rate, schedule.taker_rate))


class SpotBook:
    """Settles spot orders: a buyer's quote is held with the fee where that is charged in quote, a seller's base."""

    def hold(self, account: "Account", market: DeskMarket, order: NewOrder, plan: Sweep) -> tuple[Asset, Decimal]:
        """What is held while the order is open. Raises `DeskRefusal` REDUCE_ONLY: nothing is reduced on spot."""
        instrument = market.instrument
        if order.reduce_only:
            raise DeskRefusal(Refusal.REDUCE_ONLY, size=order.size, closes=ZERO)
        if order.side is Side.SELL:
            return instrument.base, order.size if order.size is not None else market.size(plan.lots)
        with exact():
            value = order.price * order.size if order.price and order.size else market.value(plan.cost)
            return instrument.quote, value + _most(value, account.fees(instrument))

    def fill(self, working: "Working", price: Decimal, size: Decimal, maker: bool) -> Fee:
        """Pays one fill out of what is held, and gives back what the rest no longer needs."""
        account, order, instrument = working.account, working.state.order, working.market.instrument
        value = working.market.worth(price, size)
        schedule = account.fees(instrument)
        rate = schedule.maker_rate if maker else schedule.taker_rate
        wallets = account.wallets
        buys = order.side is Side.BUY
        in_base = buys and schedule.charged_in == "received"
        fee = Fee(fee_on(size if in_base else value, rate), instrument.base if in_base else instrument.quote)
        paid, got = (value, size) if buys else (size, value)
        given, gained = (instrument.quote, instrument.base) if buys else (instrument.base, instrument.quote)
        wallets.settle(given, paid, "flow")
        wallets.credit(gained, got, "flow")
        with exact():
            working.hold -= paid
        self._charge(working, fee, held=buys and not in_base)
        if buys and order.price is not None:
            with exact():
                needed = order.price * working.left
                spare = working.hold - needed - _most(needed, schedule)
                working.hold -= spare
            wallets.release(given, spare)
        return fee

    def give_back(self, working: "Working") -> None:
        """What is still held of an order that ends."""
        instrument = working.market.instrument
        asset = instrument.quote if working.state.order.side is Side.BUY else instrument.base
        working.account.wallets.release(asset, working.hold)
        working.hold = ZERO

    def _charge(self, working: "Working", fee: Fee, held: bool) -> None:
        """Out of what is held for it, or of what was just received; a rebate is credited."""
        wallets = working.account.wallets
        if fee.amount < 0:
            wallets.credit(fee.asset, -fee.amount, "fees")
            return
        if held:
            with exact():
                working.hold -= fee.amount
        else:
            wallets.hold(fee.asset, fee.amount)
        wallets.settle(fee.asset, fee.amount, "fees")
