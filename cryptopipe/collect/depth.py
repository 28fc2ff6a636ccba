"""`depth.json`: the newest depth of each book, for who only looks.

Enters: books, stamps. Leaves: one small file a book, replaced whole. Never: a half-written one, or one of a book that
is not live.
"""

from pathlib import Path

import msgspec

from cryptopipe.clock import Nanos, format_at
from cryptopipe.collect.collection import Collection
from cryptopipe.collect.digits import shortest
from cryptopipe.collect.layout import depth_file
from cryptopipe.collect.plan import Plan
from cryptopipe.core import Levels
from cryptopipe.errors import CaptureError
from cryptopipe.market.sync import BookState


class DepthFiles:
    """The best `levels` of each side, at most once in `every`; levels 0: no file."""

    def __init__(self, data_dir: Path, plan: Plan, levels: int, every: Nanos) -> None:
        self._data_dir, self._venue = data_dir, plan.venue
        self._levels, self._every = levels if plan.kind("book") else 0, every
        self._due: Nanos = 0
        self._versions: dict[str, int] = {}

    def write(self, collection: Collection, at: Nanos) -> None:
        """Replace what changed, if it is time. Raises `CaptureError`."""
        if not self._levels or at < self._due:
            return
        self._due = at + self._every
        for symbol, rows in collection.streams.items():
            sync = rows.sync
            if sync is None or sync.state is not BookState.LIVE or self._versions.get(symbol) == sync.book.version:
                continue
            self._versions[symbol] = sync.book.version
            told = {
                "schema": 1,
                "venue": self._venue,
                "symbol": symbol,
                "received_at": format_at(sync.last_frame_at),
                "version": sync.book.version,
                "bids": _levels(sync.book.levels(True, self._levels)),
                "asks": _levels(sync.book.levels(False, self._levels)),
            }
            self._replace(depth_file(self._data_dir, self._venue, symbol), msgspec.json.encode(told) + b"\n")

    def _replace(self, path: Path, data: bytes) -> None:
        draft = path.with_name(f".{path.name}.new")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(data)
            draft.replace(path)
        except OSError as error:
            why = f"cannot be written: {error.strerror or error}"
            raise CaptureError(why, where=str(path), fix="free or mend the disk, then start again") from error


def _levels(levels: Levels) -> list[tuple[str, str]]:
    return [(shortest(price), shortest(size)) for price, size in levels.units()]
