"""The arbitrage strategy passes the kit of strategies and proposes something there; bad ones do not pass."""

import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel

import cryptopipe_arbitrage
from cryptopipe.api import Instrument, MarketView, Opportunity, StrategyPlugin
from cryptopipe.testing import StrategyConformance
from cryptopipe_arbitrage.strategy import Arbitrage

GOOD = cryptopipe_arbitrage.strategy


class TestArbitrage(StrategyConformance):
    strategy = GOOD

    def test_it_proposes(self) -> None:
        assert self._proposed(seed=1)


class Rolling(Arbitrage):
    """Keeps half of what it finds, by dice."""

    def evaluate(self, view: MarketView, changed: Instrument) -> Iterable[Opportunity]:
        return [one for one in super().evaluate(view, changed) if random.random() < 0.5]


class Counting(Arbitrage):
    """Proposes every second time, counted over all strategies of the process."""

    count = 0

    def evaluate(self, view: MarketView, changed: Instrument) -> Iterable[Opportunity]:
        for one in super().evaluate(view, changed):
            Counting.count += 1
            if Counting.count % 7:
                yield one


class Guessing(Arbitrage):
    def evaluate(self, view: MarketView, changed: Instrument) -> Any:
        yield "buy"


class Loose(BaseModel):
    pass


def _with(make: Callable[[Any], Any]) -> StrategyPlugin:
    return replace(GOOD, make=make)


@pytest.mark.parametrize(
    ("strategy", "check", "message"),
    [
        (_with(Rolling), "test_s1_purity", "^check S1 purity: .*random"),
        (_with(Counting), "test_s3_determinism", "^check S3 determinism: arbitrage: over the same books it proposed"),
        (_with(Guessing), "test_s3_determinism", "^check S3 determinism: arbitrage proposed 'buy', no Opportunity"),
        (replace(GOOD, settings=Loose), "test_s2_settings", "^check S2 settings: arbitrage: its settings take a key"),
    ],
)
def test_the_kit_rejects(strategy: StrategyPlugin, check: str, message: str) -> None:
    judge = type("Kit", (StrategyConformance,), {"strategy": strategy})()
    with pytest.raises(AssertionError, match=message):
        getattr(judge, check)()
