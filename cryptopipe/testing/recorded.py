"""Recorded connections, each read in the dialect that it speaks.

Enters: a plugin and a capture, native or JSON lines. Leaves: frames and snapshot answers by connection. Never: a frame
in today's form because nobody asked which form it has: the plugin's own `speaks` decides, as it does in a run.
"""

from dataclasses import dataclass, field
from pathlib import Path

from cryptopipe.api import ExchangePlugin
from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.capture.reader import Capture


@dataclass
class Recorded:
    """One connection of the capture `name`; `answers` are (symbol, body) of the snapshots that were asked for."""

    name: str
    url: str = ""
    dialect: str = ""
    frames: list[bytes] = field(default_factory=list)
    answers: list[tuple[str, bytes]] = field(default_factory=list)


def connections(plugin: ExchangePlugin, path: Path, dialect: str | None, most: int) -> list[Recorded]:
    """What a capture holds of the venue, up to `most` frames; in `dialect` if it is given. Raises `CaptureError`."""
    found: list[Recorded] = []
    now: dict[str, Recorded] = {}
    count = 0
    for entry in Capture(path, plugin.venue):
        if entry.direction is Direction.OPEN:
            now[entry.conn] = Recorded(path.name, entry.url)
        elif entry.direction is Direction.RECV:
            one = now.setdefault(entry.conn, Recorded(path.name, entry.url))
            if not one.frames:
                one.dialect = _spoken(plugin, one.url, entry.payload) if dialect is None else dialect
                found.append(one)
            one.frames.append(entry.payload)
            count += 1
        elif entry.direction is Direction.HTTP:
            found += _answered(plugin, path.name, entry)
        if count == most:
            break
    return found


def _spoken(plugin: ExchangePlugin, url: str, first: bytes) -> str:
    return next((one.name for one in plugin.dialects if one.speaks(url, first)), "")


def _answered(plugin: ExchangePlugin, name: str, entry: Input) -> list[Recorded]:
    """A snapshot answer, of whichever dialect knows its URL; none where it is another answer, or tells no URL."""
    if entry.status not in (0, 200):
        return []
    for dialect, codec in (("", plugin.snapshots), *((one.name, one.snapshots) for one in plugin.dialects)):
        symbol = codec.symbol_of(entry.url) if codec is not None else None
        if symbol is not None:
            return [Recorded(name, entry.url, dialect, answers=[(symbol, entry.payload)])]
    return []
