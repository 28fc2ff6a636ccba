"""Takes the maker's side for the taker's. The fourth check must say so."""

from collections.abc import Iterable

from conformance.bitfoo import BitFooFeed, make

from cryptopipe.api import FeedEvent, Frame, Nanos, Side, Trade


class Mistaken(BitFooFeed):
    def decode(self, frame: Frame, received_at: Nanos) -> Iterable[FeedEvent]:
        for event in super().decode(frame, received_at):
            if isinstance(event, Trade):
                other = Side.BUY if event.side is Side.SELL else Side.SELL
                yield Trade(event.symbol, event.trade_id, event.price, event.size, other, event.event_time)
            else:
                yield event


plugin = make(Mistaken)
