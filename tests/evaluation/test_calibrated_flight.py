"""What the strategy takes the selling bid to give up of an edge: the setting, unless the window tells."""

from dataclasses import dataclass
from typing import Any

import pytest
from evaluation.test_adjustment import market
from evaluation.test_transfer_edges import BUY, SELL

from cryptopipe.evaluate.adjustment import Adjustment, adjustment
from cryptopipe.evaluate.closing import Closing
from cryptopipe.evaluate.ticks import Column
from cryptopipe.model.facts import Instrument
from cryptopipe_arbitrage.flight import Flight
from cryptopipe_arbitrage.settings import TransferSettings

ASSUMED = 0.29
"""Standard deviation of a share that may be anything between 0 and 1: 1/√12."""


@dataclass(frozen=True)
class Windows:
    """What a strategy may read of two markets."""

    bid: Column
    ask: Column
    now: int

    def column(self, instrument: Instrument, name: str, since: int, until: int) -> tuple[Any, int]:
        column = self.bid if instrument is SELL else self.ask
        within = (column.times >= since) & (column.times < until)
        return (column.times if name == "received_at" else column.prices)[within], column.places


def flying(minutes: int, usual: str = "0.5") -> Flight:
    return Flight(TransferSettings.model_validate({"estimate_minutes": minutes, "selling_share": usual}))


@pytest.mark.parametrize("usual", ["0.5", "0.2"])
@pytest.mark.parametrize(("share", "seed"), [(1.0, 2), (0.0, 2), (0.5, 5)])
def test_the_share_is_drawn_from_the_setting_by_what_the_window_tells(share: float, seed: int, usual: str) -> None:
    """By precisions: of the setting with its spread, and of the estimate with its error."""
    windows = Windows(*market(seed, 120, share))
    flight, view = flying(120, usual), windows
    found = adjustment(windows.bid, windows.ask, windows.now)
    closes = flight.closing(view, BUY, SELL)  # type: ignore[arg-type]
    assert isinstance(found, Adjustment) and isinstance(closes, Closing)
    told, assumed = 1 / found.error**2, 1 / ASSUMED**2
    expected = (told * found.selling_share + assumed * float(usual)) / (told + assumed)
    drift, transient = flight.drift(view, BUY, SELL)  # type: ignore[arg-type, misc]
    assert drift.kappa == closes.kappa
    assert transient == pytest.approx(max(0.0, closes.transient) * min(1.0, max(0.0, expected)), rel=1e-9)
    assert abs(transient - max(0.0, closes.transient) * share) <= 2 * found.error * abs(closes.transient)


def test_no_share_is_below_nothing_or_above_all() -> None:
    """Estimates may be: of venues of which one closes alone half of them are."""
    for share, seeds in ((1.0, range(6)), (0.0, range(6))):
        drawn = [Windows(*market(seed, 120, share)) for seed in seeds]
        shares = [flying(120, str(int(share))).share(one, BUY, SELL) for one in drawn]  # type: ignore[arg-type]
        assert all(0 <= one <= 1 for one in shares)
        assert shares.count(share) >= 1


def test_a_window_that_tells_nothing_leaves_the_setting() -> None:
    windows = Windows(*market(1, 6, 1.0))
    assert not isinstance(adjustment(windows.bid, windows.ask, windows.now), Adjustment)
    assert flying(6, "0.3").share(windows, BUY, SELL) == 0.3  # type: ignore[arg-type]
