"""Reads the environment."""

import os
from typing import Any

from conformance.bitfoo import BitFooFeed

from cryptopipe.api import Frame, Nanos


class Feed(BitFooFeed):
    def decode(self, frame: Frame, received_at: Nanos) -> Any:
        self.url = os.environ.get("BITFOO_URL", "")
        return super().decode(frame, received_at)
