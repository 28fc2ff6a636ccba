"""Reads a file."""

import sys
from typing import Any

from conformance.bitfoo import BitFooFeed

from cryptopipe.api import Frame, Nanos


class Feed(BitFooFeed):
    def decode(self, frame: Frame, received_at: Nanos) -> Any:
        with open(sys.executable, "rb"):  # noqa: PTH123 -- the bug
            self.read = True
        return super().decode(frame, received_at)
