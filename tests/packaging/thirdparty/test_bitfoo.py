from pathlib import Path

from cryptopipe_bitfoo import plugin

from cryptopipe.api import BookDelta, BookSnapshot, Notice, Trade
from cryptopipe.testing import ExchangeConformance, spot


class TestBitfoo(ExchangeConformance):
    plugin = plugin
    instruments = (spot("bitfoo", "BTC/USDT", symbol="btcusdt", tick="0.01", step="0.0001"),)
    corpus = Path(__file__).parent / "frames"
    covers = (BookSnapshot, BookDelta, Trade, Notice)
