from cryptopipe_bitfoo import plugin

from cryptopipe.testing import ExchangeConformance


class TestBitfoo(ExchangeConformance):
    plugin = plugin
    stream = ("snapshot", "delta", "delta_2", "delta_3", "delta_4")
