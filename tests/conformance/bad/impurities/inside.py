"""Reaches past the author's window."""

from conformance.bitfoo import BitFooFeed

from cryptopipe.model.events import Heartbeat


class Feed(BitFooFeed):
    last = Heartbeat()
