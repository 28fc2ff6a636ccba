"""Reads a clock while decoding."""

import time
from typing import Any

from conformance.bitfoo import BitFooFeed

from cryptopipe.api import Frame, Nanos


class Feed(BitFooFeed):
    def decode(self, frame: Frame, received_at: Nanos) -> Any:
        self.seen_at = time.time_ns()
        return super().decode(frame, received_at)
