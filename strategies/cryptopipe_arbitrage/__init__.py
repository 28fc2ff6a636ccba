"""Arbitrage from inventory in place: two venues, and triangles within one.

Enters: the market view after a change. Leaves: every edge whose gross value is above zero, with its best size. Never:
a look at a clock, an order, or two instruments of different kinds taken for one.
"""

from cryptopipe.api import API_VERSION, StrategyPlugin
from cryptopipe_arbitrage.settings import ArbitrageSettings
from cryptopipe_arbitrage.strategy import Arbitrage

strategy = StrategyPlugin(
    name="arbitrage",
    api_version=API_VERSION,
    docs="two-venue arbitrage from inventory in place, and triangular arbitrage within a venue",
    settings=ArbitrageSettings,
    make=Arbitrage,
    capabilities=frozenset({"two_venue", "triangle"}),
)
