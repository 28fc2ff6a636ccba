"""Lets the JSON library's own error out. The third check must say so."""

import json
from collections.abc import Iterable

from conformance.bitfoo import BitFooFeed, make

from cryptopipe.api import FeedEvent, Frame, Nanos


class Leaky(BitFooFeed):
    def decode(self, frame: Frame, received_at: Nanos) -> Iterable[FeedEvent]:
        json.loads(frame)
        return super().decode(frame, received_at)


plugin = make(Leaky)
