"""Makes tokens."""

import secrets
from typing import Any

from conformance.bitfoo import BitFooFeed

from cryptopipe.api import Frame, Nanos


class Feed(BitFooFeed):
    def decode(self, frame: Frame, received_at: Nanos) -> Any:
        self.token = secrets.token_hex()
        return super().decode(frame, received_at)
