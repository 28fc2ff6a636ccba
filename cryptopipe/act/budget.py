"""How much may still be asked of one venue: weights over spans, with a share that only cancels may use.

Enters: actions, answers, the time. Leaves: 0 for "now", or when to ask again. Never: more than a limit in any span of
its length, a cancel that waits because of others, or a request into a ban.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Self

from cryptopipe.act.action_rules import ActionRules, Allowance, Weight
from cryptopipe.clock import SECOND, Nanos
from cryptopipe.market.pacing import retry_after
from cryptopipe.model.actions import Action, CancelAll, CancelOrder, FindOrder, ListOpenOrders
from cryptopipe.model.stream import HttpResponse

UNDER_WAY: Nanos = SECOND // 4
"""How much longer one request may be under way than another: by that they may reach the venue closer together."""

_CANCELS = (CancelAll, CancelOrder)
_ABOUT_ORDERS = (FindOrder, ListOpenOrders)
_LIMITED, _BANNED = 429, 418
_FIRST_HOLD, _LONGEST_HOLD, _BAN = SECOND, 64 * SECOND, 120 * SECOND
"""Where the venue does not say how long: doubled from the first to the longest; after a 418 no less than a ban."""


class _Pool:
    """How much of one allowance an action may find taken."""

    def __init__(self, allowance: Allowance, dearest_cancel: int) -> None:
        self.limit, self.header = allowance.limit, allowance.header.lower()
        count = allowance.limit.count
        least = min(2 * dearest_cancel, count - 1)
        self._reserved = max(allowance.reserved or count // 10, least)

    def most(self, amount: int, kind: type[Action]) -> int:
        """Raises `ValueError` for more than may ever be."""
        kept = 0 if kind in _CANCELS else self._reserved - self._reserved // 2 * (kind in _ABOUT_ORDERS)
        most = self.limit.count - kept - amount
        if most < 0:
            raise ValueError(f"{kind.__name__} takes {amount} of {self.limit.count}, of which {kept} are kept")
        return most

    def spacing(self, amount: int, kind: type[Action]) -> Nanos:
        """How far apart it may be taken for ever."""
        return self.limit.per * amount // (self.most(amount, kind) + amount)


class _Drain(_Pool):
    """An allowance that runs off steadily: `_level`, what is taken times the span, loses `count` each nanosecond."""

    def __init__(self, allowance: Allowance, dearest_cancel: int) -> None:
        super().__init__(allowance, dearest_cancel)
        self._level = 0
        self._at: Nanos = 0

    def free_at(self, amount: int, kind: type[Action], at: Nanos) -> Nanos:
        """When `amount` may be taken: 0 for now."""
        most = self.most(amount, kind) * self.limit.per
        self._run_off(at)
        return 0 if self._level <= most else at - (most - self._level) // self.limit.count

    def take(self, amount: int, at: Nanos) -> None:
        self._level += amount * self.limit.per

    def told(self, used: int, at: Nanos) -> None:
        """The venue counts more than we."""
        self._run_off(at)
        self._level = max(self._level, used * self.limit.per)

    def _run_off(self, at: Nanos) -> None:
        self._level = max(0, self._level - self.limit.count * (at - self._at))
        self._at = at


class _Span(_Pool):
    """What was taken of one allowance and still counts."""

    def __init__(self, allowance: Allowance, dearest_cancel: int) -> None:
        super().__init__(allowance, dearest_cancel)
        self._taken: deque[tuple[Nanos, int]] = deque()
        self._sum = 0

    def free_at(self, amount: int, kind: type[Action], at: Nanos) -> Nanos:
        """When `amount` may be taken: 0 for now. Raises `ValueError` for more than may ever be."""
        most = self.most(amount, kind)
        self._forget(at)
        left = self._sum
        if left <= most:
            return 0
        for taken_at, taken in self._taken:
            left -= taken
            if left <= most:
                return taken_at + self.limit.per + UNDER_WAY
        raise AssertionError("all that was taken comes back")

    def take(self, amount: int, at: Nanos) -> None:
        self._taken.append((at, amount))
        self._sum += amount

    def told(self, used: int, at: Nanos) -> None:
        """The venue counts more than we: somebody else uses the same key or address."""
        self._forget(at)
        if used > self._sum:
            self.take(used - self._sum, at)

    def _forget(self, at: Nanos) -> None:
        while self._taken and self._taken[0][0] + self.limit.per + UNDER_WAY <= at:
            self._sum -= self._taken.popleft()[1]


class Budget:
    """Of one venue, over all its accounts that share limits. `at` never goes back.

    What an action takes is in `weights`; one that is not there takes one of the first allowance. A request that is not
    sent after all has been taken all the same.
    """

    def __init__(self, weights: Mapping[type[Action], Sequence[Weight]], allowances: Sequence[Allowance]) -> None:
        """Raises `ValueError` for a weight of no allowance, or of more than there ever is of one."""
        names = [one.name for one in allowances]
        unknown = {one.name for row in weights.values() for one in row} - set(names)
        if unknown or len(names) != len(set(names)):
            raise ValueError(f"weights of {sorted(unknown)}, allowances {names}")
        self._default = (Weight(names[0]),) if names else ()
        self._weights = dict(weights)
        self._spans: dict[str, _Drain | _Span] = {
            one.name: (_Drain if one.drains else _Span)(one, self._dearest_cancel(one.name)) for one in allowances
        }
        for kind, row in self._weights.items():
            for weight in row:
                self._spans[weight.name].most(weight.amount, kind)
        self._held_until: Nanos = 0
        self._next_hold = _FIRST_HOLD

    @classmethod
    def of(cls, rules: ActionRules) -> Self:
        """By the weights and allowances of a venue's rules."""
        return cls(rules.weights, rules.allowances)

    def _dearest_cancel(self, name: str) -> int:
        rows = [self._weights.get(kind, self._default) for kind in _CANCELS]
        return max((one.amount for row in rows for one in row if one.name == name), default=0)

    def take(self, action: Action, at: Nanos) -> Nanos:
        """0: it may be sent now and is counted. Else when to ask again; nothing was counted."""
        wanted = self._weights.get(type(action), self._default)
        free = [self._spans[one.name].free_at(one.amount, type(action), at) for one in wanted]
        wait = max([*free, self._held_until if self._held_until > at else 0], default=0)
        if not wait:
            for one in wanted:
                self._spans[one.name].take(one.amount, at)
        return wait

    def ready(self, kind: type[Action], count: int, at: Nanos) -> Nanos:
        """When so many actions of a kind could be sent together: 0 for now. Nothing is counted."""
        wanted = self._weights.get(kind, self._default)
        try:
            free = [self._spans[one.name].free_at(one.amount * count, kind, at) for one in wanted]
        except ValueError:
            return at + SECOND  # never all at once
        return max([*free, self._held_until if self._held_until > at else 0], default=0)

    def spacing(self, kind: type[Action]) -> Nanos:
        """How far apart actions of a kind may follow each other for ever, if a quarter is left to others."""
        wanted = self._weights.get(kind, self._default)
        return max((self._spans[one.name].spacing(one.amount, kind) * 4 // 3 for one in wanted), default=0)

    def hear(self, response: HttpResponse, at: Nanos) -> None:
        """What an answer says of limits: its status, `Retry-After`, the headers of the allowances."""
        headers = {name.lower(): value for name, value in response.headers.items()}
        if response.status in (_LIMITED, _BANNED):
            self.hold(at, headers.get("retry-after", ""), _BAN if response.status == _BANNED else 0)
        elif response.status < 400:
            self._next_hold = _FIRST_HOLD
        for span in self._spans.values():
            used = headers.get(span.header, "") if span.header else ""
            if used.isdecimal() and used.isascii():
                span.told(int(used), at)

    def hold(self, at: Nanos, told: str = "", least: Nanos = 0) -> None:
        """The venue wants no requests, cancels among them: until what it `told` (a `Retry-After`), else for a second,
        doubled each time. Also for a refusal that only the body tells.
        """
        until = retry_after(told, at)
        if not until:
            until = at + max(self._next_hold, least)
            self._next_hold = min(2 * self._next_hold, _LONGEST_HOLD)
        self._held_until = max(self._held_until, until)

    @property
    def held_until(self) -> Nanos:
        """Nothing is sent before this."""
        return self._held_until
