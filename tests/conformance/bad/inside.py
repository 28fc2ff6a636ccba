"""Reaches past the author's window. The first check must say so."""

from conformance.bitfoo import BitFooFeed, make

from cryptopipe.model.events import Heartbeat


class Inside(BitFooFeed):
    last = Heartbeat()


plugin = make(Inside)
