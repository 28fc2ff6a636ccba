"""Passes prices through a float. The fifth check must say so."""

from collections.abc import Iterable

from conformance.bitfoo import BitFooFeed, make

from cryptopipe.api import FeedEvent, Frame, Nanos, Trade


class Rounded(BitFooFeed):
    def decode(self, frame: Frame, received_at: Nanos) -> Iterable[FeedEvent]:
        for event in super().decode(frame, received_at):
            if isinstance(event, Trade):
                price = str(float(event.price) * 1.1)
                yield Trade(event.symbol, event.trade_id, price, event.size, event.side, event.event_time)
            else:
                yield event


plugin = make(Rounded)
