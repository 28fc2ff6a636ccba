"""Arbitrage from inventory in place, by ways round, and by coins that travel.

Enters: the market view after a change. Leaves: every edge whose gross value is above zero, with its best size. Never:
a look at a clock, an order, or two instruments of different kinds taken for one.
"""

from cryptopipe.api import API_VERSION, StrategyPlugin, load_libraries
from cryptopipe_arbitrage.settings import ArbitrageSettings
from cryptopipe_arbitrage.strategy import Arbitrage

strategy = StrategyPlugin(
    name="arbitrage",
    api_version=API_VERSION,
    docs="two venues from inventory in place, triangles and longer ways round, and coins that travel between venues",
    settings=ArbitrageSettings,
    make=Arbitrage,
    capabilities=frozenset({"two_venue", "triangle", "round", "transfer"}),
    load=load_libraries,
)
