"""What orders of linear perpetuals hold, what their fills make of positions, and what those hold back.

Enters: orders and their fills. Leaves: entries in the customer's wallets, positions. Never: a reduce-only order that
opens a position; a balance below zero: what a customer cannot pay the venue's insurance does.

Margin comes from the quote asset of the wallet for trading. Each instrument's position has its own: its value over the
leverage, put down as it is opened, given back as it is closed; less only where a fill finds less free. What an order
holds is the margin and the fee of the part that would open a position; the oldest orders of a side close first. A loss
beyond a position's margin is taken from what is free.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec.structs import replace

from cryptopipe.model.desk import DeskRefusal, NewOrder, Refusal
from cryptopipe.model.facts import Asset, Fee, Instrument, Side
from cryptopipe.model.money import exact
from cryptopipe.sandbox.accounts_parameters import AccountProfile
from cryptopipe.sandbox.accounts_wallets import Wallets
from cryptopipe.sandbox.desk_market import DeskMarket
from cryptopipe.sandbox.desk_spot import fee_on
from cryptopipe.sandbox.desk_sweep import Sweep
from cryptopipe.sandbox.positions import Position, margin_for, share_of

if TYPE_CHECKING:
    from cryptopipe.sandbox.accounts import Account
    from cryptopipe.sandbox.desk_orders import Working

ZERO = Decimal(0)


def pay(wallets: Wallets, asset: Asset, amount: Decimal, why: str) -> None:
    """To `why`, from what is free; what is not there the insurance pays. Below zero: from `why`."""
    if amount > 0:
        short = amount - wallets.balance(asset).free
        if short > 0:
            wallets.credit(asset, short, "insurance")
        wallets.hold(asset, amount)
        wallets.settle(asset, amount, why)
    elif amount < 0:
        wallets.credit(asset, -amount, why)


class LinearBook:
    """Settles orders of perpetuals, and keeps the positions of a desk's customers."""

    def __init__(self, profile: AccountProfile) -> None:
        self._leverage, self._rate = profile.leverage, profile.maintenance_rate
        self._chosen: dict[tuple[int, str], Decimal] = {}
        self._positions: dict[tuple[int, str], Position] = {}

    def position(self, account: "Account", instrument: Instrument) -> Position:
        """Nothing where there is none."""
        return self._positions.get((account.account_id, instrument.symbol), Position())

    def symbols(self, account: "Account") -> Sequence[str]:
        """Of the instruments in which a customer has a position."""
        number = account.account_id
        return sorted(symbol for (one, symbol), held in self._positions.items() if one == number and held.size)

    def leverage(self, account: "Account", instrument: Instrument) -> Decimal:
        """As chosen, or as it is at first."""
        return self._chosen.get((account.account_id, instrument.symbol), self._leverage)

    def set_leverage(self, account: "Account", market: DeskMarket, leverage: Decimal) -> None:
        """The margins of the position and of open orders follow. Raises `DeskRefusal`: INSUFFICIENT_FUNDS, LEVERAGE
        where the position would be closed for it.
        """
        key, held, wallets = _key(account, market), self.position(account, market.instrument), account.wallets
        before, quote = self.leverage(account, market.instrument), market.instrument.quote
        target = margin_for(held.value, leverage)
        if leverage > before:  # what was opened with less than its margin does not get more for that
            target = min(target, held.margin)
        wanted = [(one, self._needed(account, one, value, leverage)) for one, value in _opening(account, market, held)]
        with exact():
            more = target - held.margin + sum((needed - one.hold for one, needed in wanted), ZERO)
        wallets.require(quote, more)
        if held.size and held.is_lost(market.worth(market.mark(), abs(held.size)), target, self._rate):
            raise DeskRefusal(Refusal.LEVERAGE, leverage=leverage, margin=target)
        self._chosen[key] = leverage
        wallets.release(quote, held.margin)
        wallets.hold(quote, target)
        self._positions[key] = replace(held, margin=target)
        self.rehold(account, market)

    def hold(self, account: "Account", market: DeskMarket, order: NewOrder, plan: Sweep) -> tuple[Asset, Decimal]:
        """What is held while the order is open. Raises `DeskRefusal` REDUCE_ONLY."""
        instrument, size = market.instrument, order.size if order.size is not None else market.size(plan.lots)
        before = sum((one.left for one in account.working(instrument, order.side)), ZERO)
        spare = max(ZERO, self.position(account, instrument).closable(order.side) - before)
        closing = min(size, spare)
        if order.reduce_only:
            if closing < size:
                raise DeskRefusal(Refusal.REDUCE_ONLY, size=size, closes=spare)
            return instrument.quote, ZERO
        if order.price is not None:
            value = market.worth(order.price, size - closing)
        else:
            executed, cost = market.size(plan.lots), market.value(plan.cost)
            value = cost - share_of(cost, min(closing, executed), executed) if executed else ZERO
        return instrument.quote, self._needs(account, instrument, value, self.leverage(account, instrument))

    def fill(self, working: "Working", price: Decimal, size: Decimal, maker: bool) -> Fee:
        """Closes what is there to close, opens with the rest. What other orders hold follows."""
        account, market, side = working.account, working.market, working.state.order.side
        instrument, wallets, schedule = market.instrument, account.wallets, account.fees(market.instrument)
        quote, held = instrument.quote, self.position(account, instrument)
        self.give_back(working)
        closing = min(size, held.closable(side))
        opening = size - closing
        if closing:
            held, closed = held.reduced(closing, market.worth(price, closing))
            wallets.release(quote, closed.margin)
            pay(wallets, quote, -closed.profit, "flow")
        rate = schedule.maker_rate if maker else schedule.taker_rate
        fee = Fee(fee_on(market.worth(price, size), rate), quote)
        pay(wallets, quote, fee.amount, "fees")
        if opening:
            value = market.worth(price, opening)
            margin = min(margin_for(value, self.leverage(account, instrument)), wallets.balance(quote).free)
            wallets.hold(quote, margin)
            held = held.opened(side, opening, value, margin)
        self._positions[_key(account, market)] = held
        self.rehold(account, market)
        return fee

    def give_back(self, working: "Working") -> None:
        """What is still held of an order that ends."""
        working.account.wallets.release(working.market.instrument.quote, working.hold)
        working.hold = ZERO

    def rehold(self, account: "Account", market: DeskMarket) -> None:
        """Every open order holds what it needs beside the position as it is now, or what is free of that."""
        held, wallets, quote = self.position(account, market.instrument), account.wallets, market.instrument.quote
        leverage = self.leverage(account, market.instrument)
        wanted = [(one, self._needed(account, one, value, leverage)) for one, value in _opening(account, market, held)]
        for working, needed in wanted:
            if working.hold > needed:
                wallets.release(quote, working.hold - needed)
                working.hold = needed
        for working, needed in wanted:
            more = min(needed - working.hold, wallets.balance(quote).free)
            wallets.hold(quote, more)
            working.hold += more

    def excess(self, account: "Account", market: DeskMarket) -> Sequence["Working"]:
        """Reduce-only orders, newest first, that beside the others of their side would do more than close."""
        held, result = self.position(account, market.instrument), []
        for side in Side:
            orders = account.working(market.instrument, side)
            over = sum((one.left for one in orders), ZERO) - held.closable(side)
            for one in reversed(orders):
                if over > 0 and one.state.order.reduce_only:
                    result.append(one)
                    over -= one.left
        return result

    def funded(self, account: "Account", market: DeskMarket, amount: Decimal) -> None:
        """A funding was paid (above zero) or received."""
        key = _key(account, market)
        held, quote, wallets = self._positions[key], market.instrument.quote, account.wallets
        short = min(held.margin, max(ZERO, amount - wallets.balance(quote).free))
        wallets.release(quote, short)  # where nothing else is free the margin pays
        pay(wallets, quote, amount, "funding")
        with exact():
            self._positions[key] = replace(held, funding=held.funding + amount, margin=held.margin - short)

    def _needed(self, account: "Account", working: "Working", value: Decimal, leverage: Decimal) -> Decimal:
        if working.state.order.price is None:  # executes at once: each fill takes its margin from what is free
            return ZERO
        return self._needs(account, working.market.instrument, value, leverage)

    def _needs(self, account: "Account", instrument: Instrument, value: Decimal, leverage: Decimal) -> Decimal:
        schedule = account.fees(instrument)
        with exact():
            fee = fee_on(value, max(ZERO, schedule.maker_rate, schedule.taker_rate))
            return margin_for(value, leverage) + fee


def _key(account: "Account", market: DeskMarket) -> tuple[int, str]:
    return account.account_id, market.instrument.symbol


def _opening(account: "Account", market: DeskMarket, held: Position) -> list[tuple["Working", Decimal]]:
    """Each open order of an instrument with the value, at its own price, of what it would open."""
    result = []
    for side in Side:
        closable = held.closable(side)
        for one in account.working(market.instrument, side):
            closing = min(one.left, closable)
            closable -= closing
            result.append((one, market.worth(one.state.order.price or ZERO, one.left - closing)))
    return result
