"""The arbitrage strategy passes the kit of strategies, and proposes something there."""

import cryptopipe_arbitrage
from cryptopipe.testing import StrategyConformance


class TestArbitrage(StrategyConformance):
    strategy = cryptopipe_arbitrage.strategy

    def test_it_proposes(self) -> None:
        assert self._proposed(seed=1)
