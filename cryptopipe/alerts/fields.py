"""Fields that a venue never sent before: samples of its frames beside what it was learned to send.

Enters: the text of a frame. Leaves: the paths of fields that are new in its kind, once. Never: a value of a frame kept,
an exception for a frame that is no JSON, more than `KINDS` kinds of a venue or `PATHS` paths of a kind.

A codec reads the fields that it declares and passes over others, which is fast and right, and hides that a venue began
to send something new. What is usual is learned from the first `LEARN` samples of each kind and kept in
`DATA_DIR/alerts/fields.json`.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import structlog

LEARN = 300
"""Samples of a kind after which a new path is news."""
KINDS, PATHS = 200, 400
LARGEST = 256 << 10
"""A longer frame is not looked at: reading it takes more than a millisecond."""
_DEPTH, _ITEMS = 6, 3
_NAMING = ("e", "type", "channel", "event", "topic", "table", "ch", "method", "op")
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,31}")
_ANY = "*"

_log = structlog.get_logger()


class Kind(msgspec.Struct):
    """What was learned of one kind of frames: how many were looked at, and the paths of their fields."""

    samples: int = 0
    paths: set[str] = set()


Learned = dict[str, dict[str, Kind]]
"""By venue and kind."""


class Fields:
    """What the venues of a data directory usually send. Several processes may learn: what each knows is joined."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "fields.json"
        self._learned: Learned = _read(self.path)
        self._changed = False

    def look(self, venue: str, payload: bytes) -> list[str]:
        """The fields that are new in this frame, as `kind: path.of.field`; none while its kind is being learned."""
        if len(payload) > LARGEST:
            return []
        try:
            document = msgspec.json.decode(payload)
        except msgspec.DecodeError:
            return []
        kinds = self._learned.setdefault(venue, {})
        name = kind_of(document)
        known = kinds.get(name)
        if known is None:
            if len(kinds) >= KINDS:
                return []
            known = kinds[name] = Kind()
        known.samples += 1
        learning = known.samples <= LEARN
        new = paths_of(document) - known.paths
        if new and len(known.paths) < PATHS:
            known.paths |= new
        elif new:
            return []
        self._changed = self._changed or learning or bool(new)
        return [] if learning else sorted(f"{name or 'frame'}: {path}" for path in new)

    def keep(self) -> None:
        """Write what was learned, where something was; a disk that does not take it costs what was learned."""
        if not self._changed:
            return
        self._changed = False
        _join(self._learned, _read(self.path))
        draft = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(msgspec.json.encode(self._learned))
            draft.replace(self.path)
        except OSError as error:
            _log.warning("alerts.unlearned", file=str(self.path), reason=error.strerror or type(error).__name__)


def kind_of(document: Any) -> str:
    """What a frame calls itself, as far as one can tell without its codec: the text of a naming member, of the frame
    or of its `data`, up to the first symbol or number in it; empty where there is none.
    """
    inner = document.get("data") if isinstance(document, dict) else None
    for frame in (document, inner):
        if not isinstance(frame, dict):
            continue
        for name in _NAMING:
            told = frame.get(name)
            if isinstance(told, str) and told:
                return re.split(r"[^A-Za-z_]", told, maxsplit=1)[0][:32]
    return ""


def paths_of(document: Any) -> set[str]:
    """The paths of all fields; a key that is a symbol or a number is `*`, an array is looked at by its first items."""
    return set(_paths(document, "", _DEPTH))


def _paths(value: Any, at: str, depth: int) -> Iterator[str]:
    if isinstance(value, dict) and depth:
        for key, below in value.items():
            path = f"{at}.{_name(key)}" if at else _name(key)
            yield path
            yield from _paths(below, path, depth - 1)
    elif isinstance(value, list) and depth:
        for item in value[:_ITEMS]:
            yield from _paths(item, f"{at}[]", depth - 1)


def _name(key: str) -> str:
    return key if _FIELD.fullmatch(key) and not (len(key) > 2 and key.isupper()) else _ANY


def _read(path: Path) -> Learned:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Learned)
    except (OSError, msgspec.MsgspecError):
        return {}  # to be learned again


def _join(own: Learned, other: Learned) -> None:
    for venue, kinds in other.items():
        mine = own.setdefault(venue, {})
        for name, kind in kinds.items():
            known = mine.setdefault(name, Kind())
            known.paths |= kind.paths
            known.samples = max(known.samples, kind.samples)
