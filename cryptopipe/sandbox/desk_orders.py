"""Orders of a simulated venue's customers: taken in, matched, told, ended.

Enters: orders as clients give them, cancellations, the engine's matches. Leaves: orders in the engine, money held and
paid, lines of the accounts' tapes. Never: a fill without its print in the book's tape, a match of an account's order
with its own, a change by an order that is refused.
"""

from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec.structs import replace

from cryptopipe.clock import Nanos
from cryptopipe.model.actions import TimeInForce
from cryptopipe.model.desk import DeskFill, DeskOrder, DeskRefusal, NewOrder, OrderStatus, Refusal
from cryptopipe.model.facts import Instrument, Side
from cryptopipe.model.money import exact
from cryptopipe.sandbox.desk_linear import LinearBook
from cryptopipe.sandbox.desk_market import DeskMarket
from cryptopipe.sandbox.desk_spot import SpotBook
from cryptopipe.sandbox.desk_sweep import Sweep, sweep
from cryptopipe.sandbox.positions import GRAIN

if TYPE_CHECKING:
    from cryptopipe.sandbox.accounts import Account
    from cryptopipe.sandbox.desk import Desk

ZERO = Decimal(0)
LIQUIDATION = "liquidation"
"""`why_ended` of orders that the venue closed a position by, and of those that it took out before."""
_IMMEDIATE = (TimeInForce.IOC, TimeInForce.FOK)


class Working:
    """One order: its state as told last, its id in the engine (0: does not rest), and the money held for it. `goal` is
    the size at which nothing is left of it; None for an order by quote that the book cannot serve.
    """

    __slots__ = ("account", "engine_id", "goal", "hold", "market", "state")

    def __init__(self, account: "Account", market: DeskMarket, state: DeskOrder) -> None:
        self.account = account
        self.market = market
        self.state = state
        self.engine_id = 0
        self.hold = ZERO
        self.goal = state.order.size

    @property
    def left(self) -> Decimal:
        """What is not executed; zero for an order by quote."""
        return ZERO if self.state.order.size is None else self.state.order.size - self.state.filled


class Dealer:
    """Deals with the orders of one desk's customers. Every instrument that holds one of them has its engine's `fills`
    set, and no other has.
    """

    def __init__(self, desk: "Desk", markets: dict[str, DeskMarket]) -> None:
        self._desk = desk
        self._markets = markets
        self._resting: dict[str, dict[int, Working]] = {symbol: {} for symbol in markets}
        self._placing: Working | None = None
        self._orders = 0
        self._fills = 0
        self._spot = SpotBook()
        self.linear = LinearBook(desk.profile)

    def market(self, instrument: Instrument) -> DeskMarket:
        """Raises `DeskRefusal` where the simulated venue does not trade it."""
        market = self._markets.get(instrument.symbol)
        if market is None:
            raise DeskRefusal(Refusal.HALTED, symbol=instrument.symbol)
        return market

    def place(self, account: "Account", order: NewOrder) -> DeskOrder:
        """Takes an order in and matches it. Raises `DeskRefusal`."""
        market = self.market(order.instrument)
        if order.client_id and account.has_open(order.client_id):
            raise DeskRefusal(Refusal.DUPLICATE_CLIENT_ID, client_id=order.client_id)
        if account.open_count >= self._desk.profile.open_orders:
            raise DeskRefusal(Refusal.TOO_MANY_ORDERS, open=account.open_count, most=self._desk.profile.open_orders)
        market.judge(order)
        plan = self._plan(account, market, order)
        asset, amount = self._book(market).hold(account, market, order, plan)
        account.wallets.require(asset, amount)
        if market.linear:
            self._desk.margins.watch()
        working = self._take_in(account, market, order, plan, amount)
        for one in self.linear.excess(account, market) if market.linear else ():
            market.engine.cancel(one.engine_id, self._desk.at)
            self._end(one, OrderStatus.CANCELLED, Refusal.REDUCE_ONLY.value)
        return working.state

    def liquidate(self, account: "Account", market: DeskMarket, size: Decimal) -> None:
        """The venue takes out the orders of an instrument and closes the position, as far as the book allows."""
        for one in account.working(market.instrument):
            market.engine.cancel(one.engine_id, self._desk.at)
            self._end(one, OrderStatus.CANCELLED, LIQUIDATION)
        side = Side.SELL if size > 0 else Side.BUY
        order = NewOrder(market.instrument, side, abs(size), None, reduce_only=True)
        bound = market.reach(side)
        if bound is not None:
            plan = sweep(market.engine, side, market.lots(abs(size)), None, bound, 0, order.self_trade)
            if plan.lots:
                self._take_in(account, market, order, plan, ZERO, LIQUIDATION)

    def set_leverage(self, account: "Account", instrument: Instrument, leverage: Decimal) -> None:
        """Raises `DeskRefusal`."""
        market, most = self.market(instrument), self._desk.profile.leverage_most
        if not market.linear or not leverage.is_finite() or not 1 <= leverage <= most or leverage % GRAIN:
            raise DeskRefusal(Refusal.LEVERAGE, leverage=leverage, most=most)
        self.linear.set_leverage(account, market, leverage)
        account.tell_balances()

    def _take_in(
        self, account: "Account", market: DeskMarket, order: NewOrder, plan: Sweep, amount: Decimal, why: str = ""
    ) -> Working:
        """An order that nothing speaks against. `amount` is held for it; `why`: the venue's own reason for it."""
        asset = market.instrument.base if not market.linear and order.side is Side.SELL else market.instrument.quote
        self._orders += 1
        now = self._desk.now
        state = DeskOrder(self._orders, order, OrderStatus.OPEN, ZERO, ZERO, {}, now, now, why)
        working = Working(account, market, state)
        working.hold = amount
        if order.size is None and plan.complete:
            working.goal = market.size(plan.lots)
        account.wallets.hold(asset, amount)
        account.opened(working)
        account.tell_balances()
        self._execute(working, plan)
        return working

    def cancel(self, working: Working) -> DeskOrder:
        """Takes the rest of an open order out."""
        working.market.engine.cancel(working.engine_id, self._desk.at)
        self._end(working, OrderStatus.CANCELLED, "")
        return working.state

    def _plan(self, account: "Account", market: DeskMarket, order: NewOrder) -> Sweep:
        """What it will execute against at once. Raises `DeskRefusal` where its kind forbids that."""
        engine, price = market.engine, order.price
        bound = market.reach(order.side) if price is None else market.ticks(price)
        if bound is None:
            raise DeskRefusal(Refusal.NO_LIQUIDITY, symbol=market.instrument.symbol)
        wanted = None if order.size is None else market.lots(order.size)
        budget = None if order.spend is None else market.budget(order.spend)
        mine = account.account_id if any(one.account is account for one in self._of(market).values()) else 0
        plan = sweep(engine, order.side, wanted, budget, bound, mine, order.self_trade)
        meets = plan.lots or plan.own or plan.stopped
        if order.time_in_force is TimeInForce.POST_ONLY and meets:
            raise DeskRefusal(Refusal.WOULD_TAKE, price=price, symbol=market.instrument.symbol)
        if order.time_in_force is TimeInForce.FOK and not plan.complete:
            raise DeskRefusal(Refusal.WOULD_NOT_FILL, size=order.size, available=market.size(plan.lots))
        if price is None and not meets:
            if order.spend is not None:
                raise DeskRefusal(Refusal.NOTIONAL_TOO_SMALL, notional=order.spend, least=market.rules.min_notional)
            raise DeskRefusal(Refusal.NO_LIQUIDITY, symbol=market.instrument.symbol)
        return plan

    def _execute(self, working: Working, plan: Sweep) -> None:
        """The plan, which the book has not left since."""
        market, order, at = working.market, working.state.order, self._desk.at
        for engine_id in plan.own:
            gone = self._of(market)[engine_id]
            market.engine.cancel(engine_id, at)
            self._end(gone, OrderStatus.EXPIRED, Refusal.SELF_TRADE.value)
        immediate = order.price is None or order.time_in_force in _IMMEDIATE
        self._placing, owner = working, working.account.account_id
        market.engine.fills = self._listener(market)
        try:
            if immediate or plan.stopped:
                whole = not immediate or order.time_in_force is TimeInForce.FOK
                lots = plan.lots if whole else self._desk.capped(plan.lots)
                if lots:
                    bound = market.reach(order.side) if order.price is None else market.ticks(order.price)
                    market.engine.take(order.side, lots, at, bound, owner)
            else:
                assert order.price is not None and order.size is not None
                lots, post_only = market.lots(order.size), order.time_in_force is TimeInForce.POST_ONLY
                placed = market.engine.limit(order.side, market.ticks(order.price), lots, at, owner, post_only)
                if placed.resting:
                    working.engine_id = placed.order_id
                    self._of(market)[placed.order_id] = working
        finally:
            self._placing = None
        if working.state.status is OrderStatus.OPEN and not working.engine_id:
            self._end(working, OrderStatus.EXPIRED, Refusal.SELF_TRADE.value if plan.stopped else "")
        self._rest(market)

    def _listener(self, market: DeskMarket) -> "_Listener":
        return _Listener(self, market)

    def matched(self, market: DeskMarket, maker: int, taker: int, price: int, size: int, at: Nanos, side: Side) -> None:
        """One match of the engine: each order of a customer in it gets its fill."""
        working = self._of(market).get(maker)
        if working is not None:
            self._fill(working, price, size, at, True)
        if self._placing is not None and market.engine.owner(taker):
            self._fill(self._placing, price, size, at, False)

    def _fill(self, working: Working, ticks: int, lots: int, at: Nanos, maker: bool) -> None:
        account, market, order, old = working.account, working.market, working.state.order, working.state
        price, size, shown = market.price(ticks), market.size(lots), self._desk.shown(at)
        with exact():
            filled, spent = old.filled + size, old.spent + market.worth(price, size)
        working.state = replace(old, filled=filled, spent=spent, updated_at=shown)
        done = filled == working.goal
        fee = self._book(market).fill(working, price, size, maker)
        with exact():
            fees = {**old.fees, fee.asset: old.fees.get(fee.asset, ZERO) + fee.amount}
        self._fills += 1
        told = DeskFill(
            self._fills, market.engine.traded, old.order_id, order.client_id, market.instrument, order.side, price,
            size, fee, maker, shown,
        )  # fmt: skip
        status = OrderStatus.FILLED if done else OrderStatus.OPEN
        working.state = replace(working.state, status=status, fees=fees)
        if done:
            self._book(market).give_back(working)
            self._forget(working)
        account.filled(working, told)
        if market.linear:
            self._desk.margins.changed(account, market, at)
        account.tell_balances(shown)

    def _end(self, working: Working, status: OrderStatus, why: str) -> None:
        self._book(working.market).give_back(working)
        why, now = why or working.state.why_ended, self._desk.now
        working.state = replace(working.state, status=status, updated_at=now, why_ended=why)
        self._forget(working)
        working.account.ended(working)
        if working.market.linear:
            self.linear.rehold(working.account, working.market)
        working.account.tell_balances()

    def _forget(self, working: Working) -> None:
        if working.engine_id:
            self._of(working.market).pop(working.engine_id, None)
            self._rest(working.market)

    def _rest(self, market: DeskMarket) -> None:
        """Without an order of a customer the flow need not tell of its matches."""
        if self._placing is None and not self._of(market):
            market.engine.fills = None

    def _of(self, market: DeskMarket) -> dict[int, Working]:
        return self._resting[market.instrument.symbol]

    def _book(self, market: DeskMarket) -> SpotBook | LinearBook:
        return self.linear if market.linear else self._spot


class _Listener:
    """What an engine tells its matches to."""

    __slots__ = ("_dealer", "_market")

    def __init__(self, dealer: Dealer, market: DeskMarket) -> None:
        self._dealer = dealer
        self._market = market

    def __call__(self, maker: int, taker: int, price: int, size: int, at: Nanos, side: Side) -> None:
        self._dealer.matched(self._market, maker, taker, price, size, at, side)
