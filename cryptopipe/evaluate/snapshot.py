"""A market at one moment, frozen: exact ladders, what accounts pay and hold, the ways between venues.

Enters: instruments with their levels, fees, balances, routes. Leaves: the linear pieces of which every trade and
transfer is made, and a value for each asset. Never: a book whose grid nobody stated, an unknown fee that counts as
none, a mid price.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property

from cryptopipe.clock import Nanos
from cryptopipe.model.custody import TransferRoute, WalletMove
from cryptopipe.model.facts import Asset, FeeSchedule, Instrument, Kind, Side, TradingState, VenueId
from cryptopipe.model.money import ratio

Node = tuple[VenueId, Asset]
"""Where value is: an asset on a venue."""

Levels = tuple[tuple[Decimal, Decimal], ...]
"""(price, size in base), best first."""

_ENDLESS = Decimal(10) ** 30
_HOPS = 3
"""An asset that no three trades lead to the numeraire has no value."""


@dataclass(frozen=True)
class Shown:
    """One instrument's book, and what the account pays there."""

    instrument: Instrument
    bids: Levels
    asks: Levels
    fees: FeeSchedule

    def __post_init__(self) -> None:
        for levels, sign in ((self.bids, -1), (self.asks, 1)):
            prices = [sign * price for price, _ in levels]
            if any(price <= 0 or size <= 0 for price, size in levels) or prices != sorted(set(prices)):
                raise ValueError(f"{self.instrument.id}: levels are above zero and best first")

    def ladder(self, side: Side) -> Levels:
        """What a taker on `side` can take."""
        return self.asks if side is Side.BUY else self.bids

    @property
    def tradable(self) -> bool:
        """Whether it is spot, trades now, and its grid is known."""
        one = self.instrument
        return one.kind is Kind.SPOT and one.rules is not None and one.state is TradingState.TRADING

    @property
    def base(self) -> Node:
        """Where a buyer's coins are."""
        return self.instrument.venue, self.instrument.base

    @property
    def quote(self) -> Node:
        """Where a seller's money is."""
        return self.instrument.venue, self.instrument.quote


@dataclass(frozen=True)
class Route:
    """A way of an asset from one venue to another. Of an amount that leaves the account `fee` is kept, and of the rest
    the share `rate`. At least `minimum` leaves, at most `maximum`, on `precision` decimal places (None: any), and at
    least `least` arrives. `minutes` is its mean time, None where nobody knows. A route that is not `open` is never
    used: what nobody stated is closed. `move_out` and `move_in`: between wallets, before and after.
    """

    asset: Asset
    source: VenueId
    target: VenueId
    chain: str
    fee: Decimal = Decimal(0)
    rate: Decimal = Decimal(0)
    minimum: Decimal = Decimal(0)
    maximum: Decimal | None = None
    precision: int | None = None
    least: Decimal = Decimal(0)
    minutes: Decimal | None = None
    open: bool = True
    move_out: WalletMove | None = None
    move_in: WalletMove | None = None

    @classmethod
    def of(cls, route: TransferRoute, minutes: Decimal | None = None, dollars: Decimal | None = None) -> "Route":
        """A route between accounts; `dollars` is what one of its asset is worth, for limits in dollars. Closed where
        there is such a limit and nobody knows, and where an amount would be above the Travel Rule's it is not sent.
        """
        out = route.out
        limits = [one for one in (route.daily_limit, route.travel_rule or None) if one is not None]
        most = [ratio(one, dollars) for one in limits] if dollars else []
        return cls(
            asset=route.asset,
            source=route.source,
            target=route.target,
            chain=route.chain,
            fee=out.withdrawal_fee or Decimal(0),
            rate=out.withdrawal_fee_rate or Decimal(0),
            minimum=out.min_withdrawal or Decimal(0),
            maximum=min([*most, *([] if out.max_withdrawal is None else [out.max_withdrawal])], default=None),
            precision=out.precision,
            least=route.into.min_deposit or Decimal(0),
            minutes=minutes,
            open=bool(most) and out.withdrawal_fee is not None,
            move_out=route.move_out,
            move_in=route.move_in,
        )

    @property
    def ends(self) -> tuple[Node, Node]:
        """From where to where."""
        return (self.source, self.asset), (self.target, self.asset)

    @property
    def kept(self) -> Fraction:
        """The share that arrives of what is sent beyond `fee`."""
        return 1 - Fraction(self.rate)

    @property
    def smallest(self) -> Fraction:
        """The smallest amount that may leave: by its minimum, and by what must arrive."""
        arriving = Fraction(self.least) / self.kept + Fraction(self.fee) if self.kept else Fraction(0)
        return max(Fraction(self.minimum), arriving, Fraction(self.fee))


@dataclass(frozen=True)
class Piece:
    """A linear piece of a trade or transfer: a unit spends so much at `source` and brings so much at `target`; there
    are at most `size` units (None: no end).
    """

    source: Node
    target: Node
    spends: Fraction
    brings: Fraction
    size: Fraction | None

    @property
    def rate(self) -> Fraction:
        """What one of `source` becomes."""
        return self.brings / self.spends


@dataclass(frozen=True)
class Snapshot:
    """A market at one moment. What `balances` does not name is zero."""

    at: Nanos
    books: tuple[Shown, ...]
    balances: Mapping[Node, Decimal]
    routes: tuple[Route, ...] = ()

    @property
    def tradable(self) -> Iterator[tuple[int, Shown]]:
        """The books that can be traded on, with their numbers in `books`."""
        return ((number, one) for number, one in enumerate(self.books) if one.tradable)

    @property
    def passable(self) -> Iterator[tuple[int, Route]]:
        """Open routes over which anything can arrive, with their numbers in `routes`."""
        return ((number, one) for number, one in enumerate(self.routes) if one.open and one.kept > 0)

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """Every place that a balance, a book or a route names, in order."""
        found = {*self.balances}
        for one in self.books:
            found |= {one.base, one.quote}
        for route in self.routes:
            found |= {*route.ends}
        return tuple(sorted(found))

    def held(self, node: Node) -> Fraction:
        """The balance there."""
        return Fraction(self.balances.get(node, Decimal(0)))

    def values(self, numeraire: Asset) -> dict[Asset, Decimal]:
        """What one unit of each asset brings in the numeraire at the best prices of all books, before fees, by at most
        three trades; to 12 significant digits. An asset from which none lead there is left out.
        """
        best: dict[Asset, Fraction] = {numeraire: Fraction(1)}
        trades = [
            (piece.source[1], piece.target[1], piece.rate)
            for _, one in self.tradable
            for side in Side
            for piece in pieces(one, side, free=True)[:1]
        ]
        for _ in range(_HOPS):
            before = dict(best)
            for source, target, rate in trades:
                if target in before and source != numeraire:
                    best[source] = max(best.get(source, Fraction(0)), before[target] * rate)
        return {
            asset: ratio(Decimal(one.numerator), Decimal(one.denominator)) for asset, one in sorted(best.items()) if one
        }


def pieces(shown: Shown, side: Side, free: bool = False) -> list[Piece]:
    """The levels that a taker on `side` can take, best first, in units of base, after the fee unless `free`."""
    fee = Fraction(0) if free else Fraction(shown.fees.taker_rate)
    found = []
    for price, size in shown.ladder(side):
        at, most = Fraction(price), Fraction(size)
        if side is Side.SELL:
            found.append(Piece(shown.base, shown.quote, Fraction(1), at * (1 - fee), most))
        elif shown.fees.charged_in == "received":
            found.append(Piece(shown.quote, shown.base, at, 1 - fee, most))
        else:
            found.append(Piece(shown.quote, shown.base, at * (1 + fee), Fraction(1), most))
    return found


def passage(route: Route, most: Fraction | None = None) -> Piece:
    """The line above everything that a route brings, in units that leave: at its share alone, or of amounts up to
    `most` at that which the fixed fee leaves of the largest.
    """
    source, target = route.ends
    brings = route.kept if not most else max(Fraction(0), route.kept * (1 - Fraction(route.fee) / most))
    return Piece(source, target, Fraction(1), brings, most)


def undominated(routes: Iterable[tuple[int, Route]]) -> list[tuple[int, Route]]:
    """Without those beside which another of the same ends costs no more, asks no more and lets no less through."""
    kept: list[tuple[int, Route]] = []
    for number, one in sorted(routes, key=lambda pair: (pair[1].ends, _burden(pair[1]), pair[0])):
        if not any(other.ends == one.ends and _no_worse(other, one) for _, other in kept):
            kept.append((number, one))
    return sorted(kept)


def _burden(route: Route) -> tuple[Decimal | Fraction, ...]:
    """Such that none is no worse than one that comes before it, but for equal ones."""
    most = -route.maximum if route.maximum is not None else -_ENDLESS
    places = Decimal(-route.precision) if route.precision is not None else -_ENDLESS
    return route.fee, route.rate, route.smallest, most, places, _ENDLESS if route.minutes is None else route.minutes


def _no_worse(one: Route, other: Route) -> bool:
    finer = one.precision is None or (other.precision is not None and one.precision >= other.precision)
    quicker = other.minutes is None or (one.minutes is not None and one.minutes <= other.minutes)
    roomier = one.maximum is None or (other.maximum is not None and one.maximum >= other.maximum)
    cheaper = one.fee <= other.fee and one.rate <= other.rate and one.smallest <= other.smallest
    return cheaper and finer and quicker and roomier
