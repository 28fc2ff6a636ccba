"""Finds its clock without naming it in an import, and hides what comes of it. The first check must still say so."""

import contextlib
import importlib
from collections.abc import Iterable

from conformance.bitfoo import BitFooFeed, make

from cryptopipe.api import FeedEvent, Frame, Nanos


class Sneaky(BitFooFeed):
    def decode(self, frame: Frame, received_at: Nanos) -> Iterable[FeedEvent]:
        with contextlib.suppress(BaseException):
            importlib.import_module("ti" + "me").time()
        return super().decode(frame, received_at)


plugin = make(Sneaky)
