"""Whether a quote may be placed, with every reason, limit and measured value.

Enters: a proposed quote, the view, the limits, what the account's quotes add up to. Leaves: reasons. Never: a quote
that would trade at once, or a check that cannot be measured and passes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from cryptopipe.evaluate.value import executable_value
from cryptopipe.gate.gate import GateState, Limits, TradingMode
from cryptopipe.market.view import View
from cryptopipe.model.facts import Asset, FeeSchedule, Instrument, Kind, Side, TradingState, floor_to
from cryptopipe.model.money import exact, plain
from cryptopipe.model.quotes import Quote
from cryptopipe.model.stream import Proof
from cryptopipe.model.trading import Reason

_ZERO = Decimal(0)


@dataclass(frozen=True)
class Exposure:
    """One instrument's quotes, in base: `inventory` is what they have bought less what they have sold; `bids` and
    `asks` are what those that have not ended may still buy and sell.
    """

    inventory: Decimal = _ZERO
    bids: Decimal = _ZERO
    asks: Decimal = _ZERO

    @property
    def worst(self) -> Decimal:
        """The largest that the inventory may become, long or short, if only one side is filled."""
        with exact():
            return max(abs(self.inventory + self.bids), abs(self.inventory - self.asks))

    def plus(self, side: Side, quantity: Decimal) -> "Exposure":
        """With one more quote."""
        with exact():
            if side is Side.BUY:
                return Exposure(self.inventory, self.bids + quantity, self.asks)
            return Exposure(self.inventory, self.bids, self.asks + quantity)


@dataclass(frozen=True)
class QuoteCase:
    """One quote before the gate. `elsewhere` is the worst of all other instruments together in the numeraire, `needs`
    and `pays` what its fill takes, `crossing` why it would trade at once; `paper` whether quotes are kept at all.
    """

    instrument: Instrument
    side: Side
    quote: Quote
    view: View
    limits: Limits
    state: GateState
    exposure: Exposure
    elsewhere: Decimal
    fees: FeeSchedule | None
    needs: Decimal
    pays: Asset
    crossing: str
    paper: bool

    def worth(self, base: Decimal) -> Decimal | None:
        """An amount of the base at the quote's price, in the numeraire."""
        with exact():
            amount = base * self.quote.price
        return executable_value(self.view, self.instrument.quote, amount, self.limits.numeraire)


def judge(case: QuoteCase) -> tuple[Reason, ...]:
    """Every check, passed or not. Numbers that are none are refused for that alone."""
    numbers = _numbers(case)
    return tuple(check(case) for check in CHECKS) if numbers.passed else (numbers,)


def _numbers(case: QuoteCase) -> Reason:
    price, quantity = case.quote.price, case.quote.quantity
    passed = price.is_finite() and quantity.is_finite() and price > 0 and quantity > 0
    return Reason("numbers", passed, "a price and a quantity above zero", f"{quantity} at {price}")


def _paper(case: QuoteCase) -> Reason:
    return Reason("execution", case.paper, "paper: quotes are not sent to venues", "paper" if case.paper else "venue")


def _mode(case: QuoteCase) -> Reason:
    measured = case.state.mode.value + (f": {case.state.halted_because}" if case.state.halted_because else "")
    return Reason("mode", case.state.mode is TradingMode.ACTIVE, "active", measured)


def _loss(case: QuoteCase) -> Reason:
    loss, unit = case.state.loss, case.limits.numeraire
    measured = f"no price in {unit}" if loss is None else f"{loss:.2f} {unit}"
    passed = loss is not None and loss < case.limits.max_loss
    return Reason("loss", passed, f"below {plain(case.limits.max_loss)} {unit}", measured)


def _book(case: QuoteCase) -> Reason:
    state = case.view.state(case.instrument)
    return Reason("books_live", state == "live", "the book live", state)


def _age(case: QuoteCase) -> Reason:
    age, limit = case.view.age(case.instrument), case.limits.max_age
    return Reason("age", age <= limit, f"{limit / 1e6:.0f} ms", f"{age / 1e6:.0f} ms")


def _trading(case: QuoteCase) -> Reason:
    now = case.view.as_told(case.instrument)
    if case.instrument.kind is not Kind.SPOT or now.kind is not Kind.SPOT:
        measured, passed = now.kind.value, False
    elif case.instrument.rules != now.rules:
        measured, passed = "priced by rules that its venue has changed", False
    else:
        passed = now.state in (TradingState.TRADING, TradingState.POST_ONLY)
        passed = passed and not 0 < now.delists_at <= case.view.now + case.limits.delisting_margin
        measured = now.state.value if not now.delists_at else f"{now.state.value}, delisted soon"
    return Reason("trading_state", passed, "spot, trading or post-only, and not delisted soon", measured)


def _grid(case: QuoteCase) -> Reason:
    rules, price, quantity = case.instrument.rules, case.quote.price, case.quote.quantity
    if rules is None:
        return Reason("size", False, "on its venue's grid", "nobody stated its rules")
    with exact():
        notional = price * quantity
    on_grid = floor_to(rules.tick, price) == price and floor_to(rules.step, quantity) == quantity
    passed = on_grid and quantity >= rules.min_size and notional >= rules.min_notional
    limit = f"tick {plain(rules.tick)}, step {plain(rules.step)}, at least {plain(rules.min_size)} and"
    return Reason("size", passed, f"{limit} {plain(rules.min_notional)}", f"{plain(quantity)} at {plain(price)}")


def _post_only(case: QuoteCase) -> Reason:
    return Reason("post_only", not case.crossing, "inside the book's own best prices", case.crossing or "it rests")


def _notional(case: QuoteCase) -> Reason:
    return _capped(case, "notional", case.limits.max_notional, case.worth(case.quote.quantity))


def _proof(case: QuoteCase) -> Reason:
    if case.view.proof(case.instrument) is not Proof.NONE:
        return Reason("proof", True, "the book proven", "proven")
    return _capped(case, "proof", case.limits.max_unproven_notional, case.worth(case.quote.quantity))


def _inventory(case: QuoteCase) -> Reason:
    """A quote that cannot make the inventory larger than it may become already is never refused for it."""
    before, after = case.exposure, case.exposure.plus(case.side, case.quote.quantity)
    here = case.worth(after.worst)
    total = None if here is None else here + case.elsewhere
    reason = _capped(case, "inventory", case.limits.max_inventory, total)
    return Reason("inventory", reason.passed or after.worst <= before.worst, reason.limit, reason.measured)


def _capped(case: QuoteCase, check: str, limit: Decimal, value: Decimal | None) -> Reason:
    unit = case.limits.numeraire
    measured = f"no price in {unit}" if value is None else f"{value:.2f} {unit}"
    return Reason(check, value is not None and value <= limit, f"{plain(limit)} {unit}", measured)


def _fees(case: QuoteCase) -> Reason:
    return Reason("fees", case.fees is not None, "the maker's fee known", "known" if case.fees else "unknown")


def _funds(case: QuoteCase) -> Reason:
    has = case.view.balance(case.instrument.venue, case.pays)
    measured = f"{plain(has)} {case.pays} on {case.instrument.venue}"
    return Reason("funds", case.needs <= has, f"{plain(case.needs)} {case.pays}", measured)


CHECKS: Sequence[Callable[[QuoteCase], Reason]] = (
    _paper, _mode, _loss, _book, _age, _trading, _grid, _post_only, _notional, _proof, _inventory, _fees, _funds,
)  # fmt: skip
"""In this order; all are evaluated for every quote whose numbers are numbers."""
