"""Checks 2, 4 and 5: what a codec makes of frames that nobody damaged.

Enters: a plugin, its samples, recorded frames. Leaves: nothing, or the frame and both values. Never: a codec that one
sample shares with another.
"""

import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cryptopipe.api import (
    BookDelta,
    BookSnapshot,
    ExchangePlugin,
    FeedCodec,
    Instrument,
    OrdersDelta,
    OrdersSnapshot,
    ProtocolError,
    SyncRule,
    TopUpdate,
    Trade,
    VenueError,
)
from cryptopipe.testing.checks import require
from cryptopipe.testing.corpus import AT, EVENTS, Sample, canonical, codec_of, completed, play
from cryptopipe.testing.numbers import numbers, uncrossed

_TYPES: dict[str, type] = {kind.__name__: kind for kind in EVENTS}
_WITH_NUMBERS = (BookSnapshot, BookDelta, OrdersSnapshot, OrdersDelta, TopUpdate, Trade)


def outcome(plugin: ExchangePlugin, sample: Sample) -> Any:
    """The events in canonical form, or the name of the error."""
    try:
        return [canonical(event) for event in play(plugin, sample)]
    except (ProtocolError, VenueError) as error:
        return type(error).__name__


def _decoded(codec: FeedCodec, frame: bytes) -> Any:
    try:
        return [canonical(event) for event in codec.decode(frame, AT)]
    except (ProtocolError, VenueError) as error:
        return type(error).__name__


def recorded(path: Path, most: int) -> list[bytes]:
    """The first received frames of a raw capture."""
    found: list[bytes] = []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            told = json.loads(line)
            if told["dir"] == "recv":
                found.append(told["raw"].encode())
            if len(found) == most:
                break
    return found


def judge_determinism(plugin: ExchangePlugin, samples: Sequence[Sample], recordings: Sequence[bytes]) -> str:
    """Three codecs, two of them interleaved. What was counted. Raises `AssertionError`."""
    by_dialect: dict[str, list[bytes]] = {}
    for sample in samples:
        if not sample.snapshot_of:
            by_dialect.setdefault(sample.dialect, []).extend([*sample.after, sample.frame])
    by_dialect.setdefault("", []).extend(recordings)
    for dialect, frames in by_dialect.items():
        one, two, three = (codec_of(plugin, dialect) for _ in range(3))
        alone = [_decoded(one, frame) for frame in frames]
        pairs = [(_decoded(two, frame), _decoded(three, frame)) for frame in frames]
        for number, (expected, (left, right)) in enumerate(zip(alone, pairs, strict=True)):
            for got in (left, right):
                require(
                    got == expected,
                    f"{plugin.venue} is not deterministic: frame {number} {frames[number][:120]!r} gave "
                    f"{expected} alone, {got} on an interleaved connection",
                )
    return f"{sum(map(len, by_dialect.values()))} frames, {len(recordings)} of them recorded"


def judge_goldens(plugin: ExchangePlugin, samples: Sequence[Sample], covers: Sequence[type]) -> str:
    """Every frame means what is written beside it. What was counted. Raises `AssertionError`."""
    shown: set[str] = set()
    for sample in samples:
        got = outcome(plugin, sample)
        wanted: Any = sample.raises
        if sample.events is not None:
            wanted = [completed(told, _TYPES) for told in sample.events]
            shown.update(event["type"] for event in wanted)
        require(got == wanted, f"{plugin.venue}, {sample.name}: expected {wanted}, decoded {got}")
    missing = [kind.__name__ for kind in covers if kind.__name__ not in shown]
    require(not missing, f"{plugin.venue}: no frame of the corpus shows {missing}")
    return f"{len(samples)} frames, {len(shown)} kinds of events"


def judge_ticks(
    plugin: ExchangePlugin, samples: Sequence[Sample], instruments: Sequence[Instrument], covers: Sequence[type]
) -> str:
    """Exact numbers on the grid in every kind of event that has them. What was counted. Raises `AssertionError`."""
    checked: dict[type, int] = {}
    for sample in samples:
        if sample.events is not None:
            rule = codec_of(plugin, sample.dialect).rule
            written = b"\n".join((*sample.after, sample.frame))
            _on_tick(play(plugin, sample), written, sample.name, rule, instruments, checked)
    missing = [kind.__name__ for kind in covers if kind in _WITH_NUMBERS and kind not in checked]
    symbols = [i.symbol for i in instruments if i.rules is not None]
    require(not missing, f"{plugin.venue}: no {', '.join(missing)} of {symbols} in the corpus to check")
    return f"{sum(checked.values())} numbers in {len(checked)} kinds of events"


def judge_recorded(
    plugin: ExchangePlugin,
    recordings: Mapping[str, Sequence[bytes]],
    instruments: Sequence[Instrument],
    sizes_on_step: bool,
) -> str:
    """The same on recordings by name. What was counted. Raises `AssertionError`."""
    total = 0
    for name, frames in recordings.items():
        codec, checked = plugin.feed(), dict[type, int]()
        for frame in frames:
            events, rule = codec.decode(frame, AT), codec.rule
            _on_tick(events, frame, name, rule, instruments, checked, sizes_on_step)
        require(bool(checked), f"{name}: no event of {[i.symbol for i in instruments]} to check")
        total += sum(checked.values())
    return f"{total} numbers in {sum(map(len, recordings.values()))} recorded frames"


def _on_tick(
    events: Iterable[Any],
    frame: bytes,
    where: str,
    rule: SyncRule,
    instruments: Sequence[Instrument],
    checked: dict[type, int],
    sizes_on_step: bool = True,
) -> None:
    """Counts the numbers of each kind of event."""
    rules = {i.symbol: i.rules for i in instruments if i.rules is not None}
    for event in events:
        uncrossed(event, rule, where)
        grid = rules.get(getattr(event, "symbol", ""))
        if grid is None:
            continue
        for number, step, what in numbers(event, frame, grid, rule, where):
            require(
                number % step == 0 or ("size" in what and not sizes_on_step),
                f"{where}: {type(event).__name__} of {event.symbol} has {what} {number}, no multiple of {step}",
            )
            checked[type(event)] = checked.get(type(event), 0) + 1
