"""Check 3: what a codec makes of damaged frames.

Enters: a plugin and its samples. Leaves: nothing, or what escaped. Never: two runs that damage a frame differently.
"""

import gc
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from cryptopipe.api import ExchangePlugin, ProtocolError, VenueError
from cryptopipe.testing.checks import require
from cryptopipe.testing.corpus import EVENTS, Sample, codec_of, play
from cryptopipe.testing.mutations import mutations
from cryptopipe.testing.numbers import readable

MUTATIONS = 200
"""Damaged copies of each frame."""

TOTAL = "CRYPTOPIPE_MUTATIONS"
"""The environment's wish for a long run: this many damaged frames for a venue (`plugins test NAME --mutations N`)."""

_GROWTH, _SLACK, _REPEATS = 0.03, 300, 50
_CUTS = 8


def judge_damage(plugin: ExchangePlugin, samples: Sequence[Sample]) -> str:
    """Damaged frames give events that can be handed on, `ProtocolError` or a `VenueError`; a frame that was cut short
    gives no events; and nothing of them is kept. What was counted. Raises `AssertionError`.
    """
    each = max(MUTATIONS, -(-int(os.environ.get(TOTAL, "0")) // len(samples)))
    for sample in samples:
        _cut_short(plugin, sample)
    damaged = [(sample, mutations(sample.frame, each)) for sample in samples]
    refused = _all(plugin, damaged, each // 2)
    before = _blocks()
    refused += _all(plugin, damaged, each)
    total, grown = each * len(samples), _blocks() - before
    where = f"{plugin.venue} keeps what it decodes, each frame on a codec of its own"
    require(
        grown <= _SLACK + total * _GROWTH, f"{where}: {grown} blocks of memory more after {total // 2} damaged frames"
    )
    whole = min(_whole(plugin, samples) for _ in range(3))  # what is kept grows each time, noise does not
    require(whole <= _REPEATS // 2, f"{where}: {whole} blocks of memory more after {_REPEATS} rounds of its corpus")
    return f"{total} damaged frames of {len(samples)}, {refused} refused, {max(0, grown)} blocks of memory kept"


def _all(plugin: ExchangePlugin, damaged: Iterable[tuple[Sample, Iterator[bytes]]], most: int) -> int:
    return sum(_one(plugin, sample, frame) for sample, frames in damaged for frame in islice(frames, most))


def _whole(plugin: ExchangePlugin, samples: Sequence[Sample]) -> int:
    """Blocks of memory kept by rounds of undamaged frames."""
    before = _blocks()
    for _ in range(_REPEATS):
        for sample in samples:
            _one(plugin, sample, sample.frame)
    return _blocks() - before


def _blocks() -> int:
    gc.collect()
    return sys.getallocatedblocks()


def _cut_short(plugin: ExchangePlugin, sample: Sample) -> None:
    """A piece of a JSON document is none: whoever decodes it to nothing swallows frames."""
    frame = sample.frame
    if frame[:1] not in (b"{", b"[") or sample.raises:
        return
    for at in range(1, len(frame), max(1, len(frame) // _CUTS)):
        try:
            events = play(plugin, sample, frame[:at])
        except (ProtocolError, VenueError):
            continue
        except Exception as error:
            raise AssertionError(_escaped(plugin, sample, frame[:at], error)) from error
        raise AssertionError(f"{plugin.venue}: {sample.name} cut after {at} bytes gave {events}, not a ProtocolError")


def _one(plugin: ExchangePlugin, sample: Sample, damaged: bytes) -> bool:
    """Whether it was refused."""
    try:
        events = play(plugin, sample, damaged)
    except (ProtocolError, VenueError):
        return True
    except Exception as error:
        raise AssertionError(_escaped(plugin, sample, damaged, error)) from error
    where = _where(plugin, sample, damaged)
    rule = codec_of(plugin, sample.dialect).rule
    for event in events:
        require(isinstance(event, EVENTS), f"{where} gave {event!r}, which is no event")
        readable(event, rule, where)
    return False


def _where(plugin: ExchangePlugin, sample: Sample, damaged: bytes) -> str:
    return f"{plugin.venue}, a mutation of {sample.name}: {damaged[:300]!r}"


def _escaped(plugin: ExchangePlugin, sample: Sample, damaged: bytes, error: Exception) -> str:
    return f"{_where(plugin, sample, damaged)} raised {type(error).__name__}: {error}"
