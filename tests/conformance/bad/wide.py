"""Takes any integer for a sequence number. The third check must say that the core could not keep it."""

from collections.abc import Iterable

import msgspec
from conformance.bitfoo import BitFooFeed, make

from cryptopipe.api import BookDelta, FeedEvent, Frame, Nanos


class Loose(msgspec.Struct):
    type: str
    seq: int = 0


class Wide(BitFooFeed):
    def decode(self, frame: Frame, received_at: Nanos) -> Iterable[FeedEvent]:
        events = tuple(super().decode(frame.replace(b"99999999999999999999999999", b"1"), received_at))
        for event in events:
            if isinstance(event, BookDelta):
                seq = msgspec.json.decode(frame, type=Loose).seq
                yield BookDelta(event.symbol, event.bids, event.asks, seq, seq, 0, 0)
            else:
                yield event


plugin = make(Wide)
