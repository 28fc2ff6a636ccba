"""The edges that have a size of their own, as curves: trades on their market's grid, transfers on their network's.

Enters: steps, and what stock before and after an edge bounds it. Leaves: curves. Never: an order that a balance, a free
margin or a token's balance does not pay for at its limit.
"""

from collections.abc import Iterator
from decimal import Decimal

from cryptopipe.evaluate.curve import NO_END, ONE, ZERO, Curve, Row
from cryptopipe.evaluate.fees import token_amount
from cryptopipe.evaluate.steps import FINEST, Step, Token, TransferStep
from cryptopipe.model.facts import Side


class Trade(Curve):
    """An order. `token_share` is what of its token's balance this order may take, None where it pays the usual
    fee. `stock_in` and `stock_out` bound what it spends and brings.

    With a share the whole fee must fit in it. Without, the whole balance must be too small for the fee: otherwise the
    venue would take it from there.
    """

    def __init__(
        self, step: Step, token_share: Decimal | None = None, stock_in: Decimal = NO_END, stock_out: Decimal = NO_END
    ) -> None:
        assert step.instrument.rules is not None
        self.step, self.rules = step, step.instrument.rules
        super().__init__(self.rules.step)
        self._smallest = max(self.rules.min_size, self.rules.step)
        self._values: list[Decimal] = []
        self._share = None if token_share is None else _whole(token_share, step.token)
        self._stock_in, self._stock_out = stock_in, stock_out
        self.rate = step.rate if self._share is None else ZERO
        """Of the fee that the chain of amounts loses."""

    def _read(self) -> Iterator[Row]:
        step, tick, selling = self.step, self.rules.tick, self.step.side is Side.SELL
        token = None if self._share is None else step.token
        aside = ZERO if token is None else token.rate * token.per_quote * token.worth
        base = step.pays_in_base
        factor = ONE - self.rate if selling or base else ONE + self.rate
        simple, at_hand = self._by_balance_alone(), step.at_hand
        most = ONE if base else ONE + max(ZERO, self.rate)
        end = value = ZERO
        for price, size in step.ladder:
            if not size:
                continue
            rest = price % tick
            limit = price if not rest else price - rest if selling else price - rest + tick
            top = end + size
            if not simple or (top if selling else top * limit * most) > at_hand:
                for room, each in self._bounds(price, limit, end, value):
                    if top * each > room:
                        top = self._floor(max(ZERO, room), each)
            if top <= end or limit <= 0:
                return
            cost, gain = (ONE, price * factor) if selling else (price, factor) if base else (price * factor, ONE)
            value += (top - end) * price
            self._values.append(value)
            yield Row(top - end, cost, gain, price * aside, price, limit)
            if top < end + size:
                return
            end = top

    def _by_balance_alone(self) -> bool:
        unstocked = self._stock_in >= NO_END and self._stock_out >= NO_END
        return unstocked and self.step.margin is None and self._share is None

    def _bounds(
        self, price: Decimal, limit: Decimal, end: Decimal, value: Decimal
    ) -> Iterator[tuple[Decimal, Decimal]]:
        """(room, each): at most room / each of a size that ends at this level is paid for by what is at hand; `end` and
        `value` are those of the levels before.
        """
        step, fee, selling = self.step, max(ZERO, self.rate), self.step.side is Side.SELL
        before = end * price - value  # a notional N of all levels makes the size (N + before) / price
        if step.margin is not None:
            room, each = step.margin.free * step.margin.leverage, ONE + fee * step.margin.leverage
            yield (room + before * each, price * each) if selling else (room, limit * each)
        elif selling or step.pays_in_base:
            yield step.at_hand, ONE if selling else limit
        else:
            yield step.at_hand, limit * (ONE + fee)
        if self._share is not None and step.token is not None:
            each = step.token.rate * step.token.per_quote
            yield self._share + before * each, price * each
        kept = ONE - self.rate
        if selling:
            yield self._stock_in, ONE
            yield self._stock_out + before * kept, price * kept
        else:
            each = ONE if step.pays_in_base else ONE + self.rate
            yield self._stock_in + before * each, price * each
            yield self._stock_out, kept if step.pays_in_base else ONE

    def notional(self, size: Decimal) -> Decimal:
        """In quote, at the prices of the ladder."""
        at = self._at(self.ends, size)
        return self._values[at] - (self.ends[at] - size) * self.rows[at].price

    def limit(self, size: Decimal) -> Decimal:
        """The worst price that a size needs, on the tick at its unfavourable side."""
        return self.rows[self._at(self.ends, size)].limit

    def give(self, size: Decimal) -> Decimal:
        return self.flow(size)

    def fits(self, size: Decimal) -> bool:
        if size < self._smallest:
            return False
        if self.rules.min_notional and self.judged(size) < self.rules.min_notional:
            return False
        return self._share is not None or self.step.token is None or self.tokens(size) > self.step.token.balance

    def refusal(self, size: Decimal) -> str:
        what = f"{self.step.instrument.id} {self.step.side.value}"
        if size < self._smallest:
            return f"{what} {size} below the minimum size {self._smallest}"
        if self.judged(size) < self.rules.min_notional:
            return f"{what} {self.judged(size):.8f} below the minimum notional {self.rules.min_notional}"
        return f"{what} {size}: what pays its fee depends on which leg is filled first"

    def judged(self, size: Decimal) -> Decimal:
        """The notional that a venue judges by: a sale's at its limit, and a purchase's at no more than it costs."""
        return size * self.limit(size) if self.step.side is Side.SELL else self.notional(size)

    def tokens(self, size: Decimal) -> Decimal:
        """What the token's fee is or would be, rounded up to its places."""
        assert self.step.token is not None
        return token_amount(self.step.token, self.notional(size))

    @property
    def in_tokens(self) -> bool:
        """Whether the token pays."""
        return self._share is not None


def _whole(share: Decimal, token: Token | None) -> Decimal:
    assert token is not None
    return share // Decimal(1).scaleb(-token.places) * Decimal(1).scaleb(-token.places)


class Sending(Curve):
    """Coins under way: the size is what leaves, the fee in it."""

    def __init__(self, step: TransferStep, stock_in: Decimal = NO_END, stock_out: Decimal = NO_END) -> None:
        self.step = step
        super().__init__(FINEST if step.precision is None else ONE.scaleb(-step.precision))
        self._most = min(NO_END if step.maximum is None else step.maximum, stock_in)
        self._stock_out = stock_out

    def _read(self) -> Iterator[Row]:
        step = self.step
        keeps = ONE - step.fee_rate
        dead = step.fee + step.deposit_fee // (keeps * FINEST) * FINEST
        if dead:
            yield Row(dead, ONE, ZERO)
        gain = keeps * (ONE - step.deposit_fee_rate)
        most = self._most // self.unit * self.unit
        end = min(most, (dead + self._stock_out // (gain * FINEST) * FINEST) // self.unit * self.unit)
        while end < most and self.give(end + self.unit) <= self._stock_out:  # what is rounded away leaves room
            end += self.unit
        if end > dead:
            yield Row(end - dead, ONE, gain)

    def fee(self, size: Decimal) -> Decimal:
        """What the sending venue keeps."""
        step = self.step
        fee = step.fee + step.fee_rate * max(ZERO, size - step.fee)
        return fee if step.precision is None or not step.fee_rate else self._ceil(fee, ONE)

    def deposit_fee(self, size: Decimal) -> Decimal:
        """What the receiving venue keeps, in its books, which round less than a network does."""
        step = self.step
        return step.deposit_fee + step.deposit_fee_rate * max(ZERO, size - self.fee(size) - step.deposit_fee)

    def give(self, size: Decimal) -> Decimal:
        return size - self.fee(size) - self.deposit_fee(size)

    def from_size(self, size: Decimal) -> Decimal | None:
        """As of every edge, without searching a transfer that has no end."""
        step = self.step
        arriving = step.min_deposit // ((ONE - step.fee_rate) * FINEST) * FINEST
        size = self._ceil(max(size, step.minimum, step.fee + arriving, self.unit), ONE)
        if not self.has(1) and not self.has(0):
            return None
        while size <= self.ends[-1]:
            if self.fits(size):
                return size
            size = max(size, self._floor(self.rows[0].width, ONE) if not self.rows[0].gain else ZERO) + self.unit
        return None

    def fits(self, size: Decimal) -> bool:
        step = self.step
        return size >= step.minimum and self.give(size) > 0 and size - self.fee(size) >= step.min_deposit

    def refusal(self, size: Decimal) -> str:
        step, what = self.step, f"transfer of {size} {self.step.asset}"
        if size < step.minimum:
            return f"{what} below the minimum {step.minimum}"
        if self.give(size) <= 0:
            return f"{what} does not pay its fee {self.fee(size) + self.deposit_fee(size)}"
        return f"{what} arrives below the minimum deposit {step.min_deposit}"
