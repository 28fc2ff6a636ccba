"""Writes levels anew through floats. The fifth check must say so; writing them anew with their own text is allowed."""

import json
from collections.abc import Iterable

import msgspec
from conformance.bitfoo import BitFooFeed, make

from cryptopipe.api import BookSnapshot, FeedEvent, Frame, Nanos


class Rewritten(BitFooFeed):
    def number(self, text: str) -> str:
        return text

    def anew(self, levels: bytes) -> bytes:
        return json.dumps([[self.number(text) for text in row] for row in json.loads(levels)]).encode()

    def decode(self, frame: Frame, received_at: Nanos) -> Iterable[FeedEvent]:
        for event in super().decode(frame, received_at):
            if isinstance(event, BookSnapshot) and event.asks is not None:
                bids, asks = self.anew(bytes(event.bids)), self.anew(bytes(event.asks))
                yield msgspec.structs.replace(event, bids=bids, asks=asks)
            else:
                yield event


class Reencoded(Rewritten):
    def number(self, text: str) -> str:
        return str(float(text))


plugin = make(Reencoded)
faithful = make(Rewritten)
