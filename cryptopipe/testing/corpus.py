"""The frames a plugin is judged by, and the form in which events are compared.

Enters: a folder of `NAME.json` (one frame, exactly as sent) beside `NAME.events.json` (what it must mean, written by
hand). Leaves: `Sample`s, and events as plain values whose numbers are text. Never: a golden without a dated source.

`NAME.events.json` is `{"source": "example of <page>, read <date>; symbol replaced", "events": [{"type": "Trade", …}]}`.
`source` says truthfully where the frame comes from: a page and how it was read, a recording, a sample of others, or
made up. Fields left out have their defaults, and a bare number equals the same number as text. Further keys:

- `"venues": ["bitfoo"]`: only for these venues of the package; absent means every venue
- `"after": ["NAME", …]`: frames that the connection got before
- `"dialect": "v1"`: decoded by this dialect of the plugin
- `"snapshot_of": "btcusdt"`: the frame is the HTTP answer to the snapshot request of this symbol; `"status": 429`
- `"bids": [{"change": "add", "order_id": "7", "price": "1", "size": "2"}]` in an `OrdersDelta`; text left out is empty
- `"raises": "RateLimited"` instead of `events`: the name of the error it must raise
"""

import json
import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec

from cryptopipe.api import (
    BookDelta,
    BookSnapshot,
    ExchangePlugin,
    FeedCodec,
    Fetch,
    Heartbeat,
    HttpResponse,
    Nanos,
    Notice,
    OrderEvent,
    OrdersDelta,
    OrdersSnapshot,
    Reconnect,
    Resync,
    Send,
    SnapshotCodec,
    TopUpdate,
    Trade,
    Unknown,
)
from cryptopipe.testing.checks import require

EVENTS = (
    BookSnapshot, BookDelta, OrdersSnapshot, OrdersDelta, TopUpdate, Trade, Heartbeat, Notice, Reconnect, Unknown,
    Send, Resync, Fetch,
)  # fmt: skip
"""What a codec may yield."""

AT: Nanos = 1_700_000_000_000_000_000
"""The stamp that every frame gets: decoding may not depend on another."""

_DATED = re.compile(r"\d{4}-\d\d-\d\d")
_KEYS = {"source", "events", "venues", "after", "dialect", "snapshot_of", "status", "raises"}


@dataclass(frozen=True)
class Sample:
    """One frame and what it must mean. `events` None if it must raise the error named `raises`."""

    name: str
    frame: bytes
    source: str
    events: list[dict[str, Any]] | None
    raises: str = ""
    after: tuple[bytes, ...] = ()
    dialect: str = ""
    snapshot_of: str = ""
    status: int = 200


def read_corpus(folder: Path, venue: str) -> tuple[Sample, ...]:
    """The samples of one venue, by name. Raises `AssertionError` for a folder that does not keep the form."""
    frames = {path.stem: path for path in sorted(folder.glob("*.json")) if not path.name.endswith(".events.json")}
    require(bool(frames), f"no frames in {folder}: at least one NAME.json is needed")
    found = []
    for name, path in frames.items():
        golden = path.with_name(f"{name}.events.json")
        require(golden.is_file(), f"{path} has no {golden.name} beside it that says what it means")
        told = json.loads(golden.read_text("utf-8"), parse_int=str, parse_float=str)
        if venue in told.get("venues", [venue]):
            found.append(_sample(path, told, frames))
    return tuple(found)


def _sample(path: Path, told: dict[str, Any], frames: dict[str, Path]) -> Sample:
    unknown, source = sorted(set(told) - _KEYS), told.get("source", "")
    require(not unknown, f"{path.stem}.events.json has unknown keys {unknown}; known are {sorted(_KEYS)}")
    require(
        _DATED.search(source) is not None,
        f"{path.stem}.events.json: source {source!r} names no date; write where and when it was read",
    )
    require(("events" in told) != ("raises" in told), f"{path.stem}.events.json needs either events or raises")
    return Sample(
        name=path.stem,
        frame=_frame(path),
        source=source,
        events=told.get("events"),
        raises=told.get("raises", ""),
        after=tuple(_frame(frames[name]) for name in told.get("after", [])),
        dialect=told.get("dialect", ""),
        snapshot_of=told.get("snapshot_of", ""),
        status=int(told.get("status", 200)),
    )


def _frame(path: Path) -> bytes:
    return path.read_bytes().rstrip(b"\r\n")


def codec_of(plugin: ExchangePlugin, dialect: str = "") -> FeedCodec:
    """A fresh codec of today's feed or of a dialect by name."""
    if not dialect:
        return plugin.feed()
    known = {d.name: d for d in plugin.dialects}
    require(dialect in known, f"{plugin.venue} has no dialect {dialect!r}; it has {sorted(known)}")
    return known[dialect].feed()


def snapshots_of(plugin: ExchangePlugin, dialect: str = "") -> SnapshotCodec | None:
    """The codec of REST snapshots: the dialect's own where it has one."""
    own = next((d.snapshots for d in plugin.dialects if d.name == dialect), None)
    return own or plugin.snapshots


def play(plugin: ExchangePlugin, sample: Sample, frame: bytes | None = None) -> list[Any]:
    """What a fresh codec makes of the sample, or of another frame in its place."""
    frame = sample.frame if frame is None else frame
    if sample.snapshot_of:
        snapshots = snapshots_of(plugin, sample.dialect)
        if snapshots is None:
            raise AssertionError(f"{sample.name} is the answer to a snapshot request, {plugin.venue} has no snapshots")
        return [snapshots.snapshot(sample.snapshot_of, HttpResponse(sample.status, frame), AT)]
    codec = codec_of(plugin, sample.dialect)
    for before in sample.after:
        list(codec.decode(before, AT))
    return list(codec.decode(frame, AT))


def canonical(event: Any) -> dict[str, Any]:
    """An event as plain values: its type's name, numbers as text, arrays of levels as parsed JSON.

    Raises `AssertionError` for a value that no event may carry, such as a float.
    """
    require(isinstance(event, msgspec.Struct), f"not an event of cryptopipe.api: {event!r}")
    values = {f.name: _plain(getattr(event, f.name), event) for f in msgspec.structs.fields(event)}
    return {"type": type(event).__name__, **values}


def _plain(value: Any, event: Any) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, tuple) and all(isinstance(one, OrderEvent) for one in value):
        return [{f: _plain(getattr(one, f), event) for f in OrderEvent.__struct_fields__} for one in value]
    if isinstance(value, bytes | msgspec.Raw):
        return json.loads(bytes(value), parse_int=str, parse_float=str, parse_constant=str)
    raise AssertionError(f"a {type(value).__name__} in {event!r}: events carry text, integers and raw JSON")


def completed(told: dict[str, Any], types: dict[str, type]) -> dict[str, Any]:
    """A hand-written event with its defaults filled in."""
    kind = types.get(told.get("type", ""))
    if kind is None:
        raise AssertionError(f"no event of type {told.get('type')!r}; known are {sorted(types)}")
    defaults = {f.name: _plain(f.default, told) for f in msgspec.structs.fields(kind) if not f.required}
    made = {**defaults, **told}
    if kind is OrdersDelta:
        for side in ("bids", "asks"):
            made[side] = [_order(order) for order in made.get(side, ())]
    return made


def _order(told: dict[str, Any]) -> dict[str, Any]:
    return {"price": "", "size": "", **{name: value for name, value in told.items() if name != "type"}}
