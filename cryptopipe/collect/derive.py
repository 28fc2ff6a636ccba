"""Rows from a capture: of a session that a crash cut, or of any capture that somebody names.

Enters: a capture, a plan. Leaves: the row files that a collector would have written of it; what the next session must
know. Never: a file touched that is sealed.
"""

from collections.abc import Iterable, Iterator

import msgspec

from cryptopipe.capture.inputs import Input
from cryptopipe.capture.reader import Capture
from cryptopipe.clock import SECOND, Nanos, format_at
from cryptopipe.collect.collection import Collection
from cryptopipe.errors import CaptureError

PIECE = 512
"""Inputs after which a reader gives way: some milliseconds."""


class Spill(msgspec.Struct, frozen=True):
    """Inputs whose rows a collector made late, by number and stamp."""

    from_seq: int
    to_seq: int
    from_at: Nanos
    to_at: Nanos


def session_id(at: Nanos) -> str:
    """`20261121T055012Z-<6 hex>`: of a collector that began then. Ids sort as the sessions began."""
    stamp = format_at(at)[:19].replace("-", "").replace(":", "")
    return f"{stamp}Z-{(at % SECOND << 24) // SECOND:06x}"


def play(inputs: Iterable[Input], collection: Collection, spills: Iterable[Spill] = ()) -> Iterator[int]:
    """Give inputs to a collection; from time to time the number of them so far, so that others get their turn."""
    late = {spill.to_seq: spill for spill in spills}
    count = 0
    for entry in inputs:
        collection.receive(entry)
        if late and (spill := late.get(entry.seq)) is not None:
            collection.spilled(spill.from_at, spill.to_at)
        count += 1
        if count % PIECE == 0:
            yield count
    yield count


def first_stamp(capture: Capture) -> Nanos:
    """Of a capture. Raises `CaptureError` for one without an input."""
    for entry in capture:
        return entry.at
    raise CaptureError("holds no input", where=str(capture.path), fix="name another capture")
