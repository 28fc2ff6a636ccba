"""Check 10: what decoding costs, beside a plain parse of the same bytes.

Enters: a plugin and its samples. Leaves: calls counted, and processor time for the certificate. Never: a verdict by a
clock: only the count, which is the same on every machine, can fail.
"""

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from cryptopipe.api import ExchangePlugin, ProtocolError, VenueError
from cryptopipe.testing.checks import require
from cryptopipe.testing.corpus import AT, Sample, codec_of
from cryptopipe.testing.mutations import scalars

MOST_CALLS, CALLS_PER_VALUE = 100, 2
"""Calls that a frame may cost: the codecs here take 2 to 40, a Python loop over levels several for each."""

_REPEATS, _WIDE = 15, 400


def judge_cost(plugin: ExchangePlugin, samples: Sequence[Sample]) -> str:
    """Calls per frame within bounds; the cost as a multiple of a parse. Raises `AssertionError`."""
    judged = [one for one in samples if one.events and not one.snapshot_of]
    counted = []
    for sample in judged:
        _decoding(plugin, sample)()  # what is built once, such as a decoder, is no cost of a frame
        calls, most = count_calls(_decoding(plugin, sample)), MOST_CALLS + CALLS_PER_VALUE * len(scalars(sample.frame))
        require(
            calls <= most,
            f"{plugin.venue}: decoding {sample.name} ({len(sample.frame)} bytes) takes {calls} calls, not {most}: "
            f"levels are for the core to read",
        )
        counted.append(calls)
    _wide(plugin, judged)
    ratios = [ratio for one in judged if (ratio := _ratio(plugin, one)) is not None]
    if not counted:
        return "no frame has events"
    beside = f"{statistics.median(ratios or [0]):.1f} times a parse (median, processor time, best of {_REPEATS})"
    return f"{statistics.median(counted):.0f} calls a frame (median, at most {max(counted)}), {beside}"


def _wide(plugin: ExchangePlugin, samples: Sequence[Sample]) -> None:
    """A book frame with hundreds of levels costs hardly more calls than it had values."""
    for sample in samples:
        for row in (b'["', b'{"'):
            at = sample.frame.find(b"[" + row)
            end = sample.frame.find(b"]" if row == b'["' else b"}", at + 1)
            told = sample.events or []
            if at < 0 or end < 0 or not any("bids" in one for one in told):
                continue
            level = sample.frame[at + 1 : end + 1]
            frame = sample.frame[: at + 1] + (level + b",") * _WIDE + sample.frame[at + 1 :]
            most = MOST_CALLS + CALLS_PER_VALUE * len(scalars(frame))
            try:
                calls = count_calls(_decoding(plugin, sample, frame))
            except (ProtocolError, VenueError):
                continue
            require(
                calls <= most,
                f"{plugin.venue}: decoding {sample.name} with {_WIDE} levels more: {calls} calls, not {most}: "
                f"levels are for the core to read",
            )


def _decoding(plugin: ExchangePlugin, sample: Sample, frame: bytes | None = None) -> Callable[[], Any]:
    """The decoding of its frame alone, on a codec that has seen what came before."""
    codec = codec_of(plugin, sample.dialect)
    for before in sample.after:
        list(codec.decode(before, AT))
    decode, wanted = codec.decode, sample.frame if frame is None else frame
    return lambda: list(decode(wanted, AT))


def count_calls(work: Callable[[], Any]) -> int:
    """Calls of Python functions and of builtin ones while `work` runs."""
    count = 0

    def counts(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(counts)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def _ratio(plugin: ExchangePlugin, sample: Sample) -> float | None:
    try:
        msgspec.json.decode(sample.frame)
    except msgspec.MsgspecError:
        return None
    parse = min(_spent(lambda: msgspec.json.decode(sample.frame)) for _ in range(_REPEATS))
    decode = min(_spent(_decoding(plugin, sample)) for _ in range(_REPEATS))
    return decode / max(parse, 1)


def _spent(work: Callable[[], Any]) -> int:
    begun = time.process_time_ns()
    work()
    return time.process_time_ns() - begun
