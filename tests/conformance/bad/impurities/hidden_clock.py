"""Finds its clock without naming it in an import."""

import sys
from typing import Any

from conformance.bitfoo import BitFooFeed

from cryptopipe.api import Frame, Nanos


class Feed(BitFooFeed):
    def decode(self, frame: Frame, received_at: Nanos) -> Any:
        self.seen_at = getattr(sys.modules["time"], "time")()  # noqa: B009 -- the bug
        return super().decode(frame, received_at)
