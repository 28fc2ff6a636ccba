"""Check 3: what a codec makes of damaged frames, and what a book makes of that.

Enters: a plugin and its samples. Leaves: nothing, or what escaped. Never: two runs that damage a frame differently.
"""

import gc
import os
import sys
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from msgspec.structs import replace

from cryptopipe.api import BookSnapshot, ExchangePlugin, OrdersSnapshot, ProtocolError, VenueError
from cryptopipe.testing.checks import require
from cryptopipe.testing.cores import Books, cores
from cryptopipe.testing.corpus import EVENTS, Sample, codec_of, play
from cryptopipe.testing.mutations import mutations
from cryptopipe.testing.numbers import readable
from cryptopipe.testing.streams import answer_of_sandbox

MUTATIONS = 200
"""Damaged copies of each frame."""

TOTAL = "CRYPTOPIPE_MUTATIONS"
"""The environment's wish for a long run: this many damaged frames for a venue (`plugins test NAME --mutations N`)."""

_GROWTH, _SLACK, _REPEATS = 0.03, 300, 50
_RESIDENT = 4 << 20
"""Bytes by which the process may grow in the second half of a long run: a few for each of half a million frames."""
_CUTS, _SHARE = 8, 100
_SHOWN, _BEFORE = 300, 100
"""Bytes of a damaged frame that a message shows, and how many of them come before the damage."""


def wished() -> int:
    """Damaged frames that a long run wants of a venue; 0 for a short one."""
    return int(os.environ.get(TOTAL, "0"))


def judge_damage(plugin: ExchangePlugin, samples: Sequence[Sample]) -> str:
    """Damaged frames give events that can be handed on, `ProtocolError` or a `VenueError`; a frame that was cut short
    gives no events; the books of both cores make the same of what is let through; and nothing of them is kept. What
    was counted. Raises `AssertionError`.
    """
    each = max(MUTATIONS, -(-wished() // len(samples)))
    for sample in samples:
        _cut_short(plugin, sample)
    _clock(plugin)
    damage = _Damage(plugin, samples)
    damaged = [(sample, mutations(sample.frame, each)) for sample in samples]
    refused = damage.all(damaged, each // 2)
    before, resident = _blocks(), _resident()
    refused += damage.all(damaged, each)
    total, grown, more = each * len(samples), _blocks() - before, _resident() - resident
    where = f"{plugin.venue} keeps what it decodes, each frame on a codec of its own"
    most = _SLACK + total * _GROWTH
    if grown > most:  # what is kept grows each time, noise does not
        before = _blocks()
        damage.all([(sample, mutations(sample.frame, each)) for sample in samples], each // 2)
        grown = min(grown, _blocks() - before)
    require(grown <= most, f"{where}: {grown} blocks of memory more after {total // 2} damaged frames")
    require(
        not wished() or more <= _RESIDENT, f"{where}: {more} bytes of memory more after {total // 2} damaged frames"
    )
    whole = min(damage.whole(samples) for _ in range(3))  # what is kept grows each time, noise does not
    require(whole <= _REPEATS // 2, f"{where}: {whole} blocks of memory more after {_REPEATS} rounds of its corpus")
    told = f"{total} damaged frames of {len(samples)}, {refused} refused, {max(0, grown)} blocks of memory kept"
    return f"{told}; {_long(resident, more)}" if wished() else told


def _long(resident: int, more: int) -> str:
    cored = " and ".join(cores())
    if not resident:
        return f"judged by {cored}; the system does not tell the memory of a process"
    return f"judged by {cored}; {resident >> 10} kB after half of them, {more >> 10} kB more after the rest"


class _Damage:
    """Damaged frames of one plugin, and for each dialect the books that take what its codec lets through."""

    def __init__(self, plugin: ExchangePlugin, samples: Sequence[Sample]) -> None:
        self._plugin = plugin
        self._books: dict[str, Books] = {}
        for sample in samples:
            if sample.dialect not in self._books:
                same = [one for one in samples if one.dialect == sample.dialect]
                rule = codec_of(plugin, sample.dialect).rule
                self._books[sample.dialect] = Books(rule, _snapshot(plugin, same))

    def all(self, damaged: Iterable[tuple[Sample, Iterator[bytes]]], most: int) -> int:
        """How many were refused."""
        return sum(self.one(sample, frame) for sample, frames in damaged for frame in islice(frames, most))

    def whole(self, samples: Sequence[Sample]) -> int:
        """Blocks of memory kept by rounds of undamaged frames."""
        before = _blocks()
        for _ in range(_REPEATS):
            for sample in samples:
                self.one(sample, sample.frame)
        return _blocks() - before

    def one(self, sample: Sample, damaged: bytes) -> bool:
        """Whether it was refused."""
        plugin = self._plugin
        try:
            events = play(plugin, sample, damaged)
        except (ProtocolError, VenueError):
            return True
        except Exception as error:
            raise AssertionError(_escaped(plugin, sample, damaged, error)) from error
        where, books = _where(plugin, sample, damaged), self._books[sample.dialect]
        for event in events:
            if not isinstance(event, EVENTS):
                raise AssertionError(f"{where} gave {event!r}, which is no event")
            readable(event, where)
            try:
                books.judge(event, where)
            except AssertionError:
                raise
            except Exception as error:
                raise AssertionError(f"{where} gave {event!r}: {type(error).__name__}: {error}") from error
        return False


def _snapshot(plugin: ExchangePlugin, samples: Sequence[Sample]) -> BookSnapshot | OrdersSnapshot | None:
    """The first whole book of a dialect's corpus; None where it shows none."""
    for sample in samples:
        for event in play(plugin, sample) if sample.events else ():
            if isinstance(event, BookSnapshot | OrdersSnapshot):
                return event
    return None


def damaged_answers(body: bytes, count: int, read: Callable[[bytes], object], where: str) -> int:
    """Each damaged copy of an answer is read, or refused by `ProtocolError` or a `VenueError`. How many were refused.

    Raises `AssertionError`.
    """
    refused = 0
    for damaged in mutations(body, count):
        try:
            read(damaged)
        except AssertionError:
            raise
        except (ProtocolError, VenueError):
            refused += 1
        except Exception as error:
            raise AssertionError(f"{where}: {damaged[:200]!r} raised {type(error).__name__}: {error}") from error
    return refused


def _clock(plugin: ExchangePlugin) -> None:
    """The answer that tells the venue's time, as its simulated venue gives it, is damaged too."""
    clock = plugin.clock
    answer = None if clock is None else answer_of_sandbox(plugin, clock.request())
    if clock is None or answer is None:
        return
    where = f"{plugin.venue}, a mutation of the answer that tells the time"

    def read(body: bytes) -> None:
        time = clock.server_time(replace(answer, body=body))
        if not isinstance(time, int) or not -(2**63) <= time < 2**63:
            raise AssertionError(f"{where}: {body!r} gave {time!r}, no integer of 64 bits")

    read(answer.body)
    damaged_answers(answer.body, max(MUTATIONS, wished() // _SHARE), read, where)


def _blocks() -> int:
    gc.collect()
    return sys.getallocatedblocks()


def _resident() -> int:
    """Bytes of memory that the process holds now; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


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


def _where(plugin: ExchangePlugin, sample: Sample, damaged: bytes) -> str:
    begin = max(0, _damaged_at(sample.frame, damaged) - _BEFORE) if len(damaged) > _SHOWN else 0
    return f"{plugin.venue}, a mutation of {sample.name}: {'…' * (begin > 0)}{damaged[begin : begin + _SHOWN]!r}"


def _damaged_at(frame: bytes, damaged: bytes) -> int:
    """Where the two begin to differ; by halves, for a long run asks it a million times."""
    return bisect_left(range(min(len(frame), len(damaged))), True, key=lambda i: frame[: i + 1] != damaged[: i + 1])


def _escaped(plugin: ExchangePlugin, sample: Sample, damaged: bytes, error: Exception) -> str:
    return f"{_where(plugin, sample, damaged)} raised {type(error).__name__}: {error}"
