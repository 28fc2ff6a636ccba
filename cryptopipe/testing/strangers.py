"""Check 7: fields and kinds that the venue adds tomorrow.

Enters: a plugin and its samples. Leaves: nothing, or what a new word breaks. Never: a new element of an array, whose
positions are the format.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from cryptopipe.api import (
    BookDelta,
    BookSnapshot,
    ExchangePlugin,
    OrdersDelta,
    OrdersSnapshot,
    ProtocolError,
    TopUpdate,
    Trade,
    Unknown,
    VenueError,
)
from cryptopipe.testing.checks import require
from cryptopipe.testing.corpus import Sample, canonical, play

NEW_FIELD = "zz_new_field"
NEW_KIND = "zzunheard"
_OF_THE_MARKET = {one.__name__ for one in (BookSnapshot, BookDelta, OrdersSnapshot, OrdersDelta, TopUpdate, Trade)}
_FIELD = f'"{NEW_FIELD}":1'.encode()


def judge_strangers(plugin: ExchangePlugin, samples: Sequence[Sample], keyed: Sequence[str]) -> str:
    """A field more changes nothing, a kind unheard of gives `Unknown` with its name. What was counted.

    `keyed` names samples in which an object's keys are data, such as symbols. Raises `AssertionError`.
    """
    fields, kinds = 0, dict[str, int]()
    for sample in samples:
        if sample.events is None:
            continue
        if sample.name not in keyed:
            fields += _fields(plugin, sample)
        kinds[sample.dialect] = kinds.get(sample.dialect, 0) + _kinds(plugin, sample)
    require(
        kinds.get("", 0) > 0 or plugin.source is not None,
        f"{plugin.venue}: no frame of the corpus whose kind is replaced by a word unheard of gives Unknown with that "
        f"word: such a frame must be counted, neither refused nor swallowed",
    )
    silent = [dialect for dialect, count in kinds.items() if not count]
    told = f"{fields} frames with a field more, {sum(kinds.values())} kinds unheard of"
    return f"{told}, none of {', '.join(silent)}" if silent and silent != [""] else told


def _fields(plugin: ExchangePlugin, sample: Sample) -> int:
    wanted, count = [_known(canonical(event)) for event in play(plugin, sample)], 0
    frames = list(with_a_field_more(sample.frame))
    deep = any(event["type"] in _OF_THE_MARKET for event in wanted)  # elsewhere keys may be data: channels, symbols
    for frame in frames if deep else frames[:1]:
        try:
            got: Any = [_known(canonical(event)) for event in play(plugin, sample, frame)]
        except (ProtocolError, VenueError) as error:
            got = f"{type(error).__name__}: {error}"
        require(
            got == wanted,
            f"{plugin.venue}, {sample.name} with a field more: expected {wanted}, got {got} of {frame[:300]!r}",
        )
        count += 1
    return count


def with_a_field_more(frame: bytes) -> Iterator[bytes]:
    """The frame once for each of its objects (the first 40), which has a field more at its end."""
    quoted, at, places = False, 0, []
    while at < len(frame):
        letter = frame[at : at + 1]
        if quoted:
            at += letter == b"\\"
            quoted = letter != b'"'
        elif letter == b'"':
            quoted = True
        elif letter == b"}":
            places.append(at)
        at += 1
    for place in places[-1:] + places[:-1][:39]:
        empty = frame[:place].rstrip().endswith(b"{")
        yield frame[:place] + (b"" if empty else b",") + _FIELD + frame[place:]


def _known(value: Any) -> Any:
    """Without the new field, which may stand in levels that are handed on as they are."""
    if isinstance(value, dict):
        return {name: _known(one) for name, one in value.items() if name != NEW_FIELD}
    return [_known(one) for one in value] if isinstance(value, list) else value


def _kinds(plugin: ExchangePlugin, sample: Sample) -> int:
    assert sample.events is not None
    count = 0
    for told in sample.events:
        kind = told.get("kind", "")
        if told["type"] != "Unknown" or not kind or kind.encode() not in sample.frame:
            continue
        frame = sample.frame.replace(kind.encode(), NEW_KIND.encode())
        where = f"{plugin.venue}, {sample.name} of kind {NEW_KIND}"
        try:
            events = play(plugin, sample, frame)
        except (ProtocolError, VenueError) as error:
            raise AssertionError(
                f"{where} raised {type(error).__name__}: {error}; it is Unknown, and counted"
            ) from error
        require(bool(events), f"{where} gave nothing: a kind unheard of is Unknown, and counted")
        count += any(isinstance(event, Unknown) and NEW_KIND in event.kind for event in events)
    return count
