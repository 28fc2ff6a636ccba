"""Recorded connections, each read in the dialect that it speaks.

Enters: a plugin and a capture, native or JSON lines. Leaves: frames and snapshot answers by connection, in their order.
Never: a frame in today's form because nobody asked which form it has: the plugin's own `speaks` decides, as in a run.
"""

from dataclasses import dataclass, field
from pathlib import Path

from cryptopipe.api import BookDelta, ExchangePlugin, SnapshotCodec
from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.capture.reader import Capture
from cryptopipe.testing.corpus import AT, codec_of


@dataclass
class Recorded:
    """One connection of the capture `name`. `told` are its frames, and the snapshot answers, which have a symbol."""

    name: str
    url: str = ""
    dialect: str = ""
    told: list[tuple[bytes, str]] = field(default_factory=list)
    heard: bool = False
    """Whether a frame came, which decided about the dialect."""

    @property
    def frames(self) -> list[bytes]:
        """Without the answers."""
        return [payload for payload, symbol in self.told if not symbol]

    @property
    def answers(self) -> list[tuple[str, bytes]]:
        """Symbol and body."""
        return [(symbol, payload) for payload, symbol in self.told if symbol]


_UNTOLD = "?"
"""The symbol of an answer whose URL was not recorded, until the frames show that there is only one."""


def connections(plugin: ExchangePlugin, path: Path, dialect: str | None, most: int) -> list[Recorded]:
    """What a capture holds of the venue, up to `most` frames; in `dialect` if it is given. Raises `CaptureError`."""
    found: list[Recorded] = []
    now: dict[str, Recorded] = {}
    count = 0
    for entry in Capture(path, plugin.venue):
        if entry.direction is Direction.OPEN or entry.conn not in now:
            now[entry.conn] = Recorded(path.name, entry.url if entry.direction is Direction.OPEN else "")
            found.append(now[entry.conn])
        one = now[entry.conn]
        if entry.direction is Direction.RECV:
            if not one.heard:
                one.heard = True
                one.dialect = _spoken(plugin, one.url, entry.payload) if dialect is None else dialect
            one.told.append((entry.payload, ""))
            count += 1
        elif entry.direction is Direction.HTTP and entry.status in (0, 200):
            _answered(plugin, one, entry, found)
        if count == most:
            break
    return [one for one in (_settled(plugin, each) for each in found) if one.told]


def _spoken(plugin: ExchangePlugin, url: str, first: bytes) -> str:
    return next((one.name for one in plugin.dialects if one.speaks(url, first)), "")


def _answered(plugin: ExchangePlugin, one: Recorded, entry: Input, found: list[Recorded]) -> None:
    """A snapshot answer, of whichever dialect knows its URL; another answer is left out."""
    if not entry.url and plugin.snapshots is not None:
        one.told.append((entry.payload, _UNTOLD))
        return
    codecs: list[tuple[str, SnapshotCodec | None]] = [("", plugin.snapshots)]
    for name, codec in (*codecs, *((each.name, each.snapshots) for each in plugin.dialects)):
        symbol = codec.symbol_of(entry.url) if codec is not None else None
        if symbol is not None:
            if name != one.dialect:
                found.append(one := Recorded(one.name, entry.url, name))
            one.told.append((entry.payload, symbol))
            return


def _settled(plugin: ExchangePlugin, one: Recorded) -> Recorded:
    """With the symbol of the answers that did not tell theirs; without them where there are several books."""
    if any(symbol == _UNTOLD for _, symbol in one.told):
        codec = codec_of(plugin, one.dialect)
        deltas = [event for frame in one.frames for event in codec.decode(frame, AT) if isinstance(event, BookDelta)]
        symbols = {delta.symbol for delta in deltas}
        only = symbols.pop() if len(symbols) == 1 else ""
        kept = [(payload, symbol) for payload, symbol in one.told if only or symbol != _UNTOLD]
        one.told = [(payload, only if symbol == _UNTOLD else symbol) for payload, symbol in kept]
    return one
