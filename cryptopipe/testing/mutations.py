"""Damaged frames, the same ones on every machine.

Enters: a frame and how many are wanted. Leaves: frames that differ from it in one place. Never: an unseeded choice.
"""

import random
import re
import zlib
from collections.abc import Callable, Iterator

_SCALAR = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null')
_WIDE = b"99999999999999999999999999"
_OTHERS = (
    b"null", b"-1", b"0", b"1e400", b"-0.5", _WIDE, b'""', b'"x"', b'"\xff"', b'"\\ud800"',
    b"[]", b"{}", b"[[]]", b"true", b"NaN", b"[" * 3000,
)  # fmt: skip


def scalars(frame: bytes) -> list[str]:
    """Strings and bare numbers of a frame as they are written, without the quotes."""
    return [place[0].decode("utf-8", "replace").strip('"') for place in _SCALAR.finditer(frame)]


def _flip(frame: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(frame))
    return frame[:at] + bytes([frame[at] ^ (1 << chance.randrange(8))]) + frame[at + 1 :]


def _cut(frame: bytes, chance: random.Random) -> bytes:
    return frame[: chance.randrange(len(frame))]


def _drop(frame: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(frame))
    return frame[:at] + frame[at + chance.randint(1, 20) :]


def _repeat(frame: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(frame))
    end = at + chance.randint(1, 20)
    return frame[:end] + frame[at:end] + frame[end:]


def _replace(frame: bytes, chance: random.Random) -> bytes:
    """Another value in the place of a scalar or a key."""
    places = list(_SCALAR.finditer(frame))
    if not places:
        return _flip(frame, chance)
    place = chance.choice(places)
    return frame[: place.start()] + chance.choice(_OTHERS) + frame[place.end() :]


def _swap(frame: bytes, chance: random.Random) -> bytes:
    """One scalar in the place of another."""
    places = list(_SCALAR.finditer(frame))
    if not places:
        return _flip(frame, chance)
    place, other = chance.choice(places), chance.choice(places)
    return frame[: place.start()] + other[0] + frame[place.end() :]


_WAYS: tuple[Callable[[bytes, random.Random], bytes], ...] = (_flip, _cut, _drop, _repeat, _replace, _replace, _swap)


def mutations(frame: bytes, count: int) -> Iterator[bytes]:
    """`count` damaged frames: each bare number once too wide for 64 bits, the rest by chance, seeded by the frame."""
    bare = [place for place in _SCALAR.finditer(frame) if place[0][:1].isdigit()][:count]
    for place in bare:
        yield frame[: place.start()] + _WIDE + frame[place.end() :]
    chance = random.Random(zlib.crc32(frame))
    for _ in range(count - len(bare)):
        yield chance.choice(_WAYS)(frame, chance) if frame else b"\x00"
