"""What the risk terms do to what is accepted, on the same edges: mean, deviation, 5 % quantile, share of losses, and
the certain amount worth as much by the user's own utility, computed from what came true.

Coins that are late are sold when they come, whatever the rule thought of them.
"""

from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
import pytest
from evaluation.calibrated_world import Floats, World, many
from evaluation.test_calibrated import FEW, MANY, NOTIONAL, QUIET, TRUE

from cryptopipe.evaluate.price_risk import Aversion

FAR = World(chain="bitcoin")
"""The same prices, and coins that take most of an hour."""
NEUTRAL = Aversion(gamma=0.0, tolerance=inf, abandon=120.0, stuck_loss=0.0)
DEFAULTS = Aversion(gamma=2.0, tolerance=2000.0, abandon=10.0, stuck_loss=0.02)
MONEY = Aversion(gamma=0.0, tolerance=200.0, abandon=120.0, stuck_loss=0.02)


@dataclass(frozen=True)
class Outcomes:
    """Money of each edge: what its transfer brought where the rule accepted it."""

    gains: Floats
    accepted: np.ndarray

    @property
    def of_trades(self) -> Floats:
        return self.gains[self.accepted]

    @property
    def of_edges(self) -> Floats:
        """Nothing comes of what is refused."""
        return np.where(self.accepted, self.gains, 0.0)

    def row(self, tolerance: float) -> str:
        one = self.of_trades
        figures = (one.mean(), one.std(), np.quantile(one, 0.05), 100 * (one < 0).mean(),
                   certain(one, tolerance), certain(self.of_edges, tolerance))  # fmt: skip
        return f"{len(one)} of {len(self.gains)}: " + " | ".join(f"{figure:.2f}" for figure in figures)


def certain(gains: Floats, tolerance: float) -> float:
    """By exponential utility: -T·log E[exp(-x/T)]."""
    return -tolerance * np.log(np.mean(np.exp(-gains / tolerance))).item()


def outcomes(world: World, seeds: int, rule: Aversion) -> Outcomes:
    edges = many(world, seeds)
    judged = [TRUE.judged(world, one, rule) for one in edges]
    gains = NOTIONAL * np.expm1([one.realised for one in edges])
    return Outcomes(gains, np.array([one.clears and one.value > 0 for one in judged]))


@pytest.mark.parametrize("seeds", [FEW, pytest.param(MANY, marks=pytest.mark.long)])
def test_with_the_default_risk_terms_a_trade_is_worth_more_for_certain(seeds: int) -> None:
    """Fewer and better: of the mean alone the same could be said, so that all five figures must be better."""
    without, terms = (outcomes(QUIET, seeds, rule) for rule in (NEUTRAL, DEFAULTS))
    print(without.row(DEFAULTS.tolerance), terms.row(DEFAULTS.tolerance), sep="\n")
    assert not (terms.accepted & ~without.accepted).any()
    with_them, plain = terms.of_trades, without.of_trades
    assert 0 < len(with_them) < len(plain)
    assert certain(with_them, DEFAULTS.tolerance) > certain(plain, DEFAULTS.tolerance)
    assert np.quantile(with_them, 0.05) > np.quantile(plain, 0.05)
    assert (with_them < 0).mean() < (plain < 0).mean()
    assert with_them.std() < plain.std() or seeds == FEW


@pytest.mark.long
def test_with_risk_in_money_all_edges_together_are_worth_more_for_certain() -> None:
    """Where the amount is 50 times the tolerance and the way is long: refused edges count as nothing, so the rule pays
    for what it lets go. It earns less than the rule that fears nothing, and what it earns is worth more.
    """
    without, terms = (outcomes(FAR, MANY, rule) for rule in (NEUTRAL, MONEY))
    print(without.row(MONEY.tolerance), terms.row(MONEY.tolerance), sep="\n")
    assert 0 < terms.accepted.sum() < without.accepted.sum()
    assert terms.of_edges.mean() < without.of_edges.mean()
    gained = np.exp(-without.of_edges / MONEY.tolerance) - np.exp(-terms.of_edges / MONEY.tolerance)
    assert gained.mean() > 2 * gained.std() / sqrt(len(gained)), "in utility, edge by edge"
    assert certain(terms.of_edges, MONEY.tolerance) > 0 > certain(without.of_edges, MONEY.tolerance)
    assert certain(terms.of_trades, MONEY.tolerance) > certain(without.of_trades, MONEY.tolerance)
