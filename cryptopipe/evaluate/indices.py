"""The arbitrage indices of the literature: how far apart the venues' quotes of one pair were.

Enters: quotes of one pair at instants, sizes in base. Leaves: for each hour or day the widest gap by size, and how the
highest price stood to the lowest. Never: a gap within one venue, a fee, or a claim that somebody could have traded it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import msgspec

from cryptopipe.clock import SECOND, Nanos
from cryptopipe.model.money import exact, in_bps, ratio

EVERY: Nanos = 5 * SECOND
"""Between two looks (Crépellière, Pelster, Zeisberger, Journal of Financial Markets 2023, 100817)."""
SIZES = (Decimal("0.05"), Decimal("0.5"), Decimal(5))
"""Units of the base that a quote must show to be looked at (the same)."""
HOUR: Nanos = 3600 * SECOND
DAY: Nanos = 24 * HOUR
_HALF = Decimal("0.5")


class VenueQuote(msgspec.Struct, frozen=True, gc=False):
    """The best prices of one pair at one place, with what is displayed there, in base. A place is a venue, or one
    instrument where instruments of different kinds are compared.
    """

    place: str
    bid: Decimal
    bid_size: Decimal
    ask: Decimal
    ask_size: Decimal


class Gap(msgspec.Struct, frozen=True, gc=False):
    """The highest bid minus the lowest ask of two places, in basis points of the ask: below zero nobody could gain."""

    bps: Decimal
    buy: str
    ask: Decimal
    sell: str
    bid: Decimal


class GapRow(msgspec.Struct, frozen=True):
    """The widest gap of a pair in one hour or day, among quotes that show `size` or more, and when it was first there.

    `quoted`: at how many instants two places showed so much; `positive`: at how many the gap was above zero.
    """

    pair: str
    size: Decimal
    begins_at: Nanos
    quoted: int
    positive: int
    widest: Gap
    at: Nanos


class RatioRow(msgspec.Struct, frozen=True):
    """How far the highest price of a pair stood above the lowest across venues on one day, in basis points.

    `hourly_bps` averages over `hours` the highest price of the hour to the lowest (Crépellière and others): what the
    market moved in the hour is in it. `sampled_bps` averages over `instants` the highest price at one instant to the
    lowest (Makarov, Schoar, Journal of Financial Economics 135, 2020). A price is the middle of the best two.
    """

    pair: str
    begins_at: Nanos
    hours: int
    hourly_bps: Decimal
    instants: int
    sampled_bps: Decimal


def widest_gap(quotes: Iterable[VenueQuote], size: Decimal) -> Gap | None:
    """The highest bid minus the lowest ask, each showing `size` or more, of two different places; None without two.

    Where the highest bid and the lowest ask are of one place, the best pair of two places. Of equals the first.
    """
    best: tuple[Decimal, VenueQuote, VenueQuote] | None = None
    asked = list(quotes)
    with exact():
        for sell in asked:
            for buy in asked if sell.bid_size >= size else ():
                if buy.place == sell.place or buy.ask_size < size:
                    continue
                apart = sell.bid - buy.ask
                if best is None or apart > best[0]:
                    best = apart, sell, buy
    if best is None:
        return None
    apart, sell, buy = best
    return Gap(in_bps(apart, buy.ask), buy.place, buy.ask, sell.place, sell.bid)


@dataclass
class _Hour:
    """One pair in one hour."""

    rows: dict[Decimal, GapRow] = field(default_factory=dict)
    low: Decimal = Decimal(0)
    high: Decimal = Decimal(0)
    instants: int = 0
    sampled: Decimal = Decimal(0)


class Indices:
    """Counts what it is shown, hour by hour. With `keep` every gap stays in `series`: (at, pair, size, gap)."""

    def __init__(self, sizes: Sequence[Decimal] = SIZES, keep: bool = False) -> None:
        self.sizes = tuple(dict.fromkeys(sizes))
        self.series: list[tuple[Nanos, str, Decimal, Gap]] = []
        self._keep = keep
        self._hours: dict[tuple[str, Nanos], _Hour] = {}

    def sample(self, at: Nanos, pair: str, quotes: Sequence[VenueQuote]) -> None:
        """The quotes of a pair at one instant; those of fewer than two places say nothing."""
        if len({quote.place for quote in quotes}) < 2:
            return
        begins_at = at // HOUR * HOUR
        hour = self._hours.setdefault((pair, begins_at), _Hour())
        for size in self.sizes:
            gap = widest_gap(quotes, size)
            if gap is not None:
                seen = GapRow(pair, size, begins_at, 1, int(gap.bps > 0), gap, at)
                if self._keep:
                    self.series.append((at, pair, size, gap))
                before = hour.rows.get(size)
                hour.rows[size] = seen if before is None else _together(before, seen)
        with exact():
            prices = [(quote.bid + quote.ask) * _HALF for quote in quotes]
            low, high = min(prices), max(prices)
            hour.sampled += in_bps(high - low, low)
        hour.low = min(hour.low, low) if hour.instants else low
        hour.high = max(hour.high, high)
        hour.instants += 1

    def gaps(self, period: Nanos) -> list[GapRow]:
        """The widest gaps by `period`, HOUR or DAY, then pair and size."""
        rows: dict[tuple[Nanos, str, Decimal], GapRow] = {}
        for (pair, hour_at), hour in sorted(self._hours.items()):
            begins_at = hour_at // period * period
            for size, row in hour.rows.items():
                key = begins_at, pair, size
                rows[key] = _together(rows[key], row) if key in rows else row
        return [msgspec.structs.replace(row, begins_at=key[0]) for key, row in sorted(rows.items())]

    def ratios(self) -> list[RatioRow]:
        """The daily averages, by day, then pair. An hour without two places is not among those averaged."""
        days: dict[tuple[Nanos, str], list[_Hour]] = {}
        for (pair, hour_at), hour in sorted(self._hours.items()):
            days.setdefault((hour_at // DAY * DAY, pair), []).append(hour)
        return [_averaged(pair, day_at, hours) for (day_at, pair), hours in sorted(days.items())]


def _together(before: GapRow, later: GapRow) -> GapRow:
    """Two spans of time as one; of equal gaps the earlier."""
    wider = later if later.widest.bps > before.widest.bps else before
    return msgspec.structs.replace(
        wider,
        begins_at=before.begins_at,
        quoted=before.quoted + later.quoted,
        positive=before.positive + later.positive,
    )


def _averaged(pair: str, day_at: Nanos, hours: Sequence[_Hour]) -> RatioRow:
    with exact():
        hourly = sum((in_bps(hour.high - hour.low, hour.low) for hour in hours), Decimal(0))
        sampled = sum((hour.sampled for hour in hours), Decimal(0))
    instants = sum(hour.instants for hour in hours)
    return RatioRow(
        pair, day_at, len(hours), ratio(hourly, Decimal(len(hours))), instants, ratio(sampled, Decimal(instants))
    )


@dataclass
class States:
    """States of one pair, each seen at the best prices whatever their size. `told`: after each frame of a venue's
    channel of best prices; `moved`: after each frame that changed a best price or size. Of both, how many had a gap
    above zero.
    """

    told: int = 0
    told_positive: int = 0
    moved: int = 0
    moved_positive: int = 0

    def see(self, quotes: Iterable[VenueQuote], told: bool, moved: bool) -> None:
        """One frame later; nothing where fewer than two places quote."""
        gap = widest_gap(quotes, Decimal(0))
        if gap is None:
            return
        positive = gap.bps > 0
        self.told += told
        self.told_positive += told and positive
        self.moved += moved
        self.moved_positive += moved and positive


def states_seen(states: Mapping[str, States]) -> list[tuple[str, States]]:
    """Pairs of which at least one state was seen, by name."""
    return [(pair, one) for pair, one in sorted(states.items()) if one.told or one.moved]
