"""The conformance kit: what a plugin author subclasses to have the plugin judged.

Enters: a plugin, its instruments and a folder of frames. Leaves: numbered checks that pass or say what is broken.
Never: a socket, a key, or a figure of a clock that decides.

    class TestBitFoo(ExchangeConformance):
        plugin = plugin
        instruments = (spot("bitfoo", "BTC/USDT", symbol="btcusdt", tick="0.01", step="0.0001"),)
        corpus = Path(__file__).parent / "frames"
"""

from cryptopipe.testing.actions import ActionConformance, Answer, Published, Vector
from cryptopipe.testing.conformance import ExchangeConformance, spot
from cryptopipe.testing.corpus import Sample, canonical, read_corpus
from cryptopipe.testing.histories import HistorySample
from cryptopipe.testing.listings import ListingSample
from cryptopipe.testing.strategies import StrategyConformance

__all__ = [
    "ActionConformance",
    "Answer",
    "ExchangeConformance",
    "HistorySample",
    "ListingSample",
    "Published",
    "Sample",
    "StrategyConformance",
    "Vector",
    "canonical",
    "read_corpus",
    "spot",
]
