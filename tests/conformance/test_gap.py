"""The second strategy: it passes the kit, and refuses a gap that is an ordinary one."""

from decimal import Decimal as D

import cryptopipe_gap
from cryptopipe.testing import StrategyConformance


class TestGap(StrategyConformance):
    strategy = cryptopipe_gap.strategy
    settings = {"least_rows": 20, "quantile": D("0.9")}  # noqa: RUF012

    def test_it_refuses_ordinary_gaps_and_lets_wide_ones_pass(self) -> None:
        judged = [one.obstacles[0] for seed in range(5) for one in self._proposed(seed)]
        compared = [reason for reason in judged if reason.measured.startswith("wider than in ")]
        wide = [reason for reason in compared if reason.passed]
        assert len(compared) > 100
        assert 0.02 < len(wide) / len(compared) < 0.4
        assert all((D(one.measured.split()[-1]) >= D("0.9")) is one.passed for one in compared)

    def test_without_a_history_nothing_is_compared(self) -> None:
        first = self._proposed(seed=1)[0].obstacles[0]
        assert not first.passed and "quotes known" in first.measured
