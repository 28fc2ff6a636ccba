"""A second strategy, in one file: takes a gap between two venues only where it is wide for these two venues.

Enters: the view after a change. Leaves: two-venue edges, refused where the gap is an ordinary one of the last minutes.
Never: anything that `cryptopipe.api` does not offer: what this file can, a stranger's can.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import permutations

from pydantic import BaseModel, ConfigDict, Field

from cryptopipe.api import (
    API_VERSION,
    Asset,
    Cost,
    CycleStep,
    Fee,
    Instrument,
    Kind,
    Leg,
    MarketView,
    Opportunity,
    Reason,
    Side,
    StrategyPlugin,
    best_cycle,
    exact,
    in_bps,
    price_ratio,
)

_MINUTE = 60_000_000_000


class GapSettings(BaseModel):
    """The section `gap`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stake: dict[str, Decimal] = Field({"USDT": Decimal(5000)}, description="the most that one trade spends, by asset")
    minutes: int = Field(5, ge=1, le=1440, description="how far back a gap is compared with those before it")
    quantile: Decimal = Field(Decimal("0.99"), gt=0, lt=1, description="share of the time that it must be wider than")
    least_rows: int = Field(50, ge=1, description="quotes of the buying venue without which nothing is compared")


class Gap:
    """The plugin's `Strategy`."""

    def __init__(self, settings: GapSettings) -> None:
        self._settings = settings
        self._pairs: dict[str, list[tuple[Instrument, Instrument]]] = {}

    def start(self, instruments: Sequence[Instrument]) -> None:
        """Pairs of spot markets of the same base and quote, whose quote has a stake."""
        spot = [one for one in instruments if one.kind is Kind.SPOT and one.rules and one.quote in self._settings.stake]
        self._pairs = {one.id: [] for one in instruments}
        for buy, sell in permutations(spot, 2):
            if (buy.base, buy.quote) == (sell.base, sell.quote) and buy.venue != sell.venue:
                self._pairs[buy.id].append((buy, sell))
                self._pairs[sell.id].append((buy, sell))

    def evaluate(self, view: MarketView, changed: Instrument) -> Iterable[Opportunity]:
        """Each pair through `changed` whose bid is above its ask."""
        for buy, sell in self._pairs.get(changed.id, ()):
            ask, bid = view.top(buy), view.top(sell)
            if ask is not None and bid is not None and (bid.bid_units or 0) > (ask.ask_units or 0):
                found = self._priced(view, buy, sell)
                if found is not None:
                    yield found

    def _priced(self, view: MarketView, buy: Instrument, sell: Instrument) -> Opportunity | None:
        steps = []
        for one, side in ((buy, Side.BUY), (sell, Side.SELL)):
            fees, spends = view.fees(one), one.quote if side is Side.BUY else one.base
            if fees is None:
                return None
            steps.append(CycleStep(one, side, view.ladder(one, side), fees, view.balance(one.venue, spends)))
        if not all(step.ladder for step in steps):
            return None
        stake, gross = self._settings.stake[buy.quote], price_ratio(steps) - 1
        gross_bps = in_bps(Decimal(gross.numerator), Decimal(gross.denominator))
        best = best_cycle(steps, stake)
        legs = best.legs if best else tuple(_unsized(step) for step in steps)
        profit = best.profit if best else Decimal(0)
        fees_bps = sum((step.fees.taker_rate for step in steps), Decimal(0)) * 10_000
        net_bps = in_bps(profit, best.spent) if best else gross_bps - fees_bps
        with exact():
            costs = (Cost("fees", fees_bps), Cost("depth and lots", gross_bps - net_bps - fees_bps))
        return Opportunity(
            f"gap {buy.id} {sell.id}", legs, gross_bps, net_bps, costs, {buy.quote: profit}, profit, Asset(buy.quote),
            best.spent if best else Decimal(0), (f"ladder {buy.id}", f"ladder {sell.id}"),
            (self._usual(view, buy, sell),),
        )  # fmt: skip

    def _usual(self, view: MarketView, buy: Instrument, sell: Instrument) -> Reason:
        """Whether the gap now is wider than all but a few of the last minutes: each ask with the bid of its time."""
        import numpy as np

        since, until = view.now - self._settings.minutes * _MINUTE, view.now + 1
        (asked_at, _), (asks, ask_places) = (view.column(buy, name, since, until) for name in ("received_at", "ask"))
        (bid_at, _), (bids, bid_places) = (view.column(sell, name, since, until) for name in ("received_at", "bid"))
        wanted = f"wider than in {self._settings.quantile} of {self._settings.minutes} minutes"
        if len(asks) < self._settings.least_rows or not len(bids):
            return Reason("gap", False, wanted, f"{len(asks)} quotes known")
        before = np.searchsorted(bid_at, asked_at, side="right") - 1
        known = (before >= 0) & (asks > 0)
        gaps = bids[before[known]] / 10.0**bid_places / (asks[known] / 10.0**ask_places)
        share = Decimal(int((gaps < gaps[-1]).sum())) / Decimal(len(gaps))
        return Reason("gap", share >= self._settings.quantile, wanted, f"wider than in {share:.4f}")


def _unsized(step: CycleStep) -> Leg:
    price = step.ladder[0][0]
    return Leg(step.instrument, step.side, Decimal(0), price, price, Fee(Decimal(0), step.instrument.quote))


strategy = StrategyPlugin(
    name="gap",
    api_version=API_VERSION,
    docs="two-venue gaps that are wide for their two venues: an example of a strategy in one file",
    settings=GapSettings,
    make=Gap,
    capabilities=frozenset({"two_venue"}),
)
