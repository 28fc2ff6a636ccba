"""One instrument of a simulated venue as its desk sees it: its book in prices and sizes, its rules and limits.

Enters: orders as clients give them. Leaves: whole ticks and lots, or the refusal that the venue's rules ask for. Never:
a rounding, a change of the book.
"""

from decimal import Context, Decimal

from cryptopipe.model.actions import TimeInForce
from cryptopipe.model.desk import DeskRefusal, NewOrder, Refusal
from cryptopipe.model.facts import Kind, Side, TradingState, ceil_to, floor_to
from cryptopipe.model.money import exact
from cryptopipe.sandbox.accounts_parameters import AccountProfile
from cryptopipe.sandbox.engine import Engine

GRAIN = Decimal("0.00000001")
"""What a fill moves of a quote asset, and its fee, are rounded down to a multiple of it, each by itself."""
_HUNDRED = Decimal(100)
_RATIO = Context(prec=28)
_DIGITS = 40


class DeskMarket:
    """`state` begins as the instrument's own; `usd` is what one base is worth, roughly, for the largest order."""

    def __init__(self, engine: Engine, profile: AccountProfile, usd: float) -> None:
        rules = engine.instrument.rules
        assert rules is not None, "a simulated instrument has rules"
        self.engine = engine
        self.instrument = engine.instrument
        self.rules = rules
        self.linear = engine.instrument.kind is Kind.LINEAR_PERPETUAL
        self.state = engine.instrument.state
        self._profile = profile
        self._largest = round(profile.largest_order_usd / usd / float(rules.step * engine.instrument.contract_size))

    def price(self, ticks: int) -> Decimal:
        """In quote."""
        return ticks * self.rules.tick

    def size(self, lots: int) -> Decimal:
        """In base, or contracts."""
        return lots * self.rules.step

    def value(self, cost: int) -> Decimal:
        """In quote, of ticks times lots."""
        with exact():
            return cost * self.rules.tick * self.rules.step * self.instrument.contract_size

    def worth(self, price: Decimal, size: Decimal) -> Decimal:
        """In quote; on spot rounded down to the decimal places that the venue keeps of it."""
        with exact():
            worth = price * size * self.instrument.contract_size
            return worth if self.linear else floor_to(GRAIN, worth)

    def mid(self) -> Decimal | None:
        """The middle of the book; None if a side is empty."""
        bid, ask = self.engine.best(Side.BUY), self.engine.best(Side.SELL)
        if bid is None or ask is None:
            return None
        with exact():
            return (bid + ask) * self.rules.tick / 2

    def mark(self) -> Decimal:
        """The middle of the book; where a side is empty the price of the last trade, before the first the other side's
        best. Raises `DeskRefusal` NO_LIQUIDITY where there is none of them.
        """
        mid = self.mid()
        if mid is not None:
            return mid
        stats, engine = self.engine.session_stats, self.engine
        ticks = engine.best(Side.BUY) or engine.best(Side.SELL) if stats is None else stats.last
        if ticks is None:
            raise DeskRefusal(Refusal.NO_LIQUIDITY, symbol=self.instrument.symbol)
        return self.price(ticks)

    def judge(self, order: NewOrder) -> None:
        """Raises `DeskRefusal` for an order that the venue's rules do not let in."""
        self._judge_state(order)
        self._judge_digits(order)
        mid = self.mid()
        with exact():
            if order.size is not None:
                self._judge_size(order.size)
            if order.price is not None:
                self._judge_price(order.price, mid)
            price, size = order.price or mid, order.size
            notional = order.spend if size is None else size * price * self.instrument.contract_size if price else None
        if order.spend is not None and mid and order.spend > self.worth(mid, self.size(self._largest)):
            raise DeskRefusal(Refusal.SIZE_TOO_LARGE, size=order.spend, most=self.worth(mid, self.size(self._largest)))
        if notional is not None and (notional < self.rules.min_notional or notional <= 0):
            raise DeskRefusal(Refusal.NOTIONAL_TOO_SMALL, notional=notional, least=self.rules.min_notional)

    def ticks(self, price: Decimal) -> int:
        """Of a price on the grid."""
        with exact():
            return int(price / self.rules.tick)

    def lots(self, size: Decimal) -> int:
        """Of a size on the grid."""
        with exact():
            return int(size / self.rules.step)

    def budget(self, spend: Decimal) -> int:
        """Ticks times lots that an amount of quote pays."""
        with exact():
            return int(spend // (self.rules.tick * self.rules.step * self.instrument.contract_size))

    def reach(self, side: Side) -> int | None:
        """How far a market order goes (ticks); None where it meets no order at all."""
        best = self.engine.best(Side.SELL if side is Side.BUY else Side.BUY)
        if best is None:
            return None
        far = best * self._profile.market_reach_percent / _HUNDRED
        return int(best + far) if side is Side.BUY else max(1, -int(-(best - far) // 1))

    def _judge_state(self, order: NewOrder) -> None:
        state = self.state
        if state is TradingState.HALTED:
            raise DeskRefusal(Refusal.HALTED, symbol=self.instrument.symbol)
        if state is TradingState.CANCEL_ONLY:
            raise DeskRefusal(Refusal.CANCEL_ONLY_NOW, symbol=self.instrument.symbol)
        resting_only = state in (TradingState.POST_ONLY, TradingState.AUCTION)
        if resting_only and order.time_in_force is not TimeInForce.POST_ONLY:
            raise DeskRefusal(Refusal.POST_ONLY_NOW, symbol=self.instrument.symbol)

    def _judge_digits(self, order: NewOrder) -> None:
        """Numbers that no order has, and that arithmetic should not meet."""
        if order.price is not None and not _writable(order.price):
            raise DeskRefusal(Refusal.PRICE_GRID, price=order.price, tick=self.rules.tick)
        for amount in (order.size, order.spend):
            if amount is not None and not _writable(amount):
                raise DeskRefusal(Refusal.SIZE_GRID, size=amount, step=self.rules.step)

    def _judge_size(self, size: Decimal) -> None:
        rules = self.rules
        if size < max(rules.min_size, rules.step):
            raise DeskRefusal(Refusal.SIZE_TOO_SMALL, size=size, least=rules.min_size)
        if size > self._largest * rules.step:
            raise DeskRefusal(Refusal.SIZE_TOO_LARGE, size=size, most=self._largest * rules.step)
        if size % rules.step:
            raise DeskRefusal(Refusal.SIZE_GRID, size=size, step=rules.step)

    def _judge_price(self, price: Decimal, mid: Decimal | None) -> None:
        if price <= 0 or price % self.rules.tick:
            raise DeskRefusal(Refusal.PRICE_GRID, price=price, tick=self.rules.tick)
        band = self._profile.price_band
        if mid is not None and not mid <= price * band <= mid * band * band:
            least, most = ceil_to(self.rules.tick, _RATIO.divide(mid, band)), floor_to(self.rules.tick, mid * band)
            raise DeskRefusal(Refusal.PRICE_BAND, price=price, least=least, most=most, market=mid)


def _writable(number: Decimal) -> bool:
    """Finite, and with at most so many digits on either side of the point as any market has."""
    exponent = number.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -_DIGITS and number.adjusted() <= _DIGITS
