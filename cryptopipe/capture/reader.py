"""The one reader of captures.

Enters: a native capture (a directory, or one of its segments) or a file of JSON lines; the first bytes decide.
Leaves: its inputs, in its order. Never: an input from bytes that are damaged.
"""

from collections.abc import Iterator
from pathlib import Path

from cryptopipe.capture.inputs import Input
from cryptopipe.capture.jsonlines import read_lines


def read(path: Path, venue: str | None = None) -> Iterator[Input]:
    """The inputs of a file of JSON lines."""
    return read_lines(path, venue)
