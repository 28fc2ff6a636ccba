"""What customers and the flow do at a test's venue, and the player that carries it out and judges each act.

Enters: acts. Leaves: the stage after them, with every print of its books. Never: an expected value that the desk
computed.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random

from desk_stage import CROSS, LINEAR, SPOT, Stage

from cryptopipe.model.actions import TimeInForce
from cryptopipe.model.desk import DeskRefusal, NewOrder, OrderStatus, Refusal, SelfTrade
from cryptopipe.model.facts import Asset, Instrument, Side
from cryptopipe.model.simulated import TradePrint

D = Decimal
MOST_OPEN = 8
MARKETS: tuple[Instrument, ...] = (SPOT, CROSS, LINEAR)


@dataclass(frozen=True)
class Place:
    """A customer's order, `distance` ticks above the middle of the book; None takes the market."""

    account: int
    market: int
    side: Side
    lots: int
    distance: int | None
    kind: TimeInForce
    gives_way: SelfTrade
    by_spend: bool
    client_id: str
    reduce_only: bool = False


@dataclass(frozen=True)
class Cancel:
    account: int
    which: int


@dataclass(frozen=True)
class CancelAll:
    account: int
    market: int | None


@dataclass(frozen=True)
class FlowOrder:
    """Of the flow: at the market where `distance` is None."""

    market: int
    side: Side
    lots: int
    distance: int | None


Act = Place | Cancel | CancelAll | FlowOrder
FEES = (("0.001", "0.002"), ("-0.0001", "0.0003"), ("0.0026", "0.0016"), ("0.3", "0.4"), ("0", "0"))


@dataclass
class Play:
    """Carries acts out, and holds every act to the laws that can be seen at once."""

    stage: Stage
    judges: Sequence[Callable[["Play"], None]] = ()
    opening: dict[tuple[int, Asset], Decimal] = field(default_factory=dict)
    trades: dict[str, dict[int, TradePrint]] = field(default_factory=lambda: defaultdict(dict))

    def __post_init__(self) -> None:
        for number, account in self.stage.desk.accounts.items():
            for asset, balance in account.balances().items():
                assert balance.locked == 0
                self.opening[number, asset] = balance.free

    def run(self, acts: Sequence[Act]) -> None:
        for act in acts:
            at = self.stage.step()
            match act:
                case Place():
                    self.place(act)
                case Cancel():
                    self.cancel(act)
                case CancelAll():
                    ended = self.stage.account(act.account).cancel_all(
                        None if act.market is None else MARKETS[act.market]
                    )
                    assert all(one.status is OrderStatus.CANCELLED for one in ended)
                    market = None if act.market is None else MARKETS[act.market]
                    assert not self.stage.account(act.account).open_orders(market)
                case FlowOrder():
                    engine = self.stage.engines[MARKETS[act.market].symbol]
                    price = None if act.distance is None else self.middle(act.market) + act.distance
                    if price is None:
                        engine.take(act.side, act.lots, at)
                    else:
                        engine.limit(act.side, price, act.lots, at)
            self.judge()

    def judge(self) -> None:
        """Reads the prints of the books, and asks every judge."""
        for symbol, engine in self.stage.engines.items():
            self.trades[symbol].update({one.trade_id: one for one in engine.trades(len(self.trades[symbol]))})
        for judge in self.judges:
            judge(self)

    def middle(self, market: int) -> int:
        engine = self.stage.engines[MARKETS[market].symbol]
        bid, ask = engine.best(Side.BUY), engine.best(Side.SELL)
        return ((bid or ask or 100) + (ask or bid or 100)) // 2

    def order_of(self, act: Place) -> NewOrder:
        instrument = MARKETS[act.market]
        rules = instrument.rules
        assert rules is not None
        size = act.lots * rules.step
        price = None if act.distance is None else (self.middle(act.market) + act.distance) * rules.tick
        spend = size * self.middle(act.market) * rules.tick if price is None and act.by_spend else None
        return NewOrder(
            instrument, act.side, None if spend else size, price, spend, act.kind, act.client_id,
            reduce_only=act.reduce_only, self_trade=act.gives_way,
        )  # fmt: skip

    def place(self, act: Place) -> None:
        account, order = self.stage.account(act.account), self.order_of(act)
        before = self.everything()
        busy = {one.order.client_id for one in account.open_orders()}
        try:
            state = account.place(order)
        except DeskRefusal as refusal:
            assert self.everything() == before
            if refusal.why is Refusal.DUPLICATE_CLIENT_ID:
                assert order.client_id in busy
            return
        assert not order.client_id or order.client_id not in busy
        fills = account.fills(order_id=state.order_id)
        assert all(not one.maker for one in fills)
        immediate = order.price is None or order.time_in_force in (TimeInForce.IOC, TimeInForce.FOK)
        if immediate:
            assert state.status is not OrderStatus.OPEN
        if order.time_in_force is TimeInForce.FOK:
            assert state.status is OrderStatus.FILLED
        if order.time_in_force is TimeInForce.POST_ONLY:
            assert state.status is OrderStatus.OPEN and not fills

    def cancel(self, act: Cancel) -> None:
        account = self.stage.account(act.account)
        before = self.everything()
        known = {one.order_id: one for one in account.orders()}
        try:
            state = account.cancel(act.which)
        except DeskRefusal as refusal:
            assert self.everything() == before
            ended = act.which in known
            assert refusal.why is (Refusal.ORDER_ENDED if ended else Refusal.UNKNOWN_ORDER)
            assert not ended or known[act.which].status is not OrderStatus.OPEN
        else:
            assert known[act.which].status is OrderStatus.OPEN
            assert state.status is OrderStatus.CANCELLED

    def everything(self) -> object:
        """What a refused order must not change."""
        books = [(one.number, one.traded, *one.levels(Side.BUY, 99)) for one in self.stage.engines.values()]
        people = [
            (dict(one.balances()), one.number, list(one.orders()), len(one.fills()))
            for one in self.stage.desk.accounts.values()
        ]
        return books, people, [one.fills is None for one in self.stage.engines.values()]


def random_act(random: Random, markets: Sequence[int] = (0, 0, 0, 1)) -> Act:
    """Of any kind, near the middle."""
    market, side, account = random.choice(markets), random.choice(list(Side)), random.choice((1, 1, 2))
    distance = random.choice((None, *range(-4, 5)))
    kind = random.randrange(10)
    if kind < 5:
        forms = (TimeInForce.GTC, TimeInForce.GTC, *TimeInForce)
        return Place(
            account, market, side, random.randrange(1, 200), distance, random.choice(forms),
            random.choice(list(SelfTrade)), random.random() < 0.5, random.choice(("", "", "a", "b")),
            market == 2 and random.random() < 0.2,
        )  # fmt: skip
    if kind < 6:
        return Cancel(account, random.randrange(1, 200))
    if kind < 7 and random.random() < 0.1:
        return CancelAll(account, random.choice((None, *markets)))
    return FlowOrder(market, side, random.randrange(1, 300), distance)
