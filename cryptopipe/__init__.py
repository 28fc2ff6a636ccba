"""Cryptopipe: watch many crypto exchanges, decide net of every cost, act or simulate, explain every decision.

Enters: raw frames of exchanges. Leaves: decisions, simulated trades, a journal. Never: a result that depends on
anything but the numbered inputs and the configuration.
"""

__version__ = "0.1.0"
