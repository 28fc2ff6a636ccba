"""Asks by HTTP."""

import urllib.request
from typing import Any

from conformance.bitfoo import BitFooFeed

from cryptopipe.api import Frame, Nanos


class Feed(BitFooFeed):
    def decode(self, frame: Frame, received_at: Nanos) -> Any:
        self.opener = urllib.request.OpenerDirector()
        return super().decode(frame, received_at)
