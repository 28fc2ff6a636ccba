"""Asks for the day."""

from datetime import datetime
from typing import Any

from conformance.bitfoo import BitFooFeed

from cryptopipe.api import Frame, Nanos


class Feed(BitFooFeed):
    def decode(self, frame: Frame, received_at: Nanos) -> Any:
        self.day = datetime.now()  # noqa: DTZ005 -- the bug
        return super().decode(frame, received_at)
