"""Reads a clock while decoding. The kit's first check must say so."""

import time
from collections.abc import Iterable

from conformance.bitfoo import BitFooFeed, make

from cryptopipe.api import FeedEvent, Frame, Nanos


class Impure(BitFooFeed):
    def decode(self, frame: Frame, received_at: Nanos) -> Iterable[FeedEvent]:
        self.seen_at = time.time_ns()
        return super().decode(frame, received_at)


plugin = make(Impure)
