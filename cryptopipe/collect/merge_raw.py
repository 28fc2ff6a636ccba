"""Captures of several collectors as one that can be read again: connections relieve each other.

Enters: captures, each by the clock of its own collector. Leaves: one capture, in which each connection of a venue is
one collector's from its opening to its end, and before its end, where there is one, another one's beside it. Never: a
frame without the opening and the snapshot that it needs, a connection cut in its middle, a source changed.

What makes a frame mean something is its connection's life, so lives are chosen: of each connection first the one that
opened first, then of those that open before it ends, and after it was `SETTLED`, the one that lasts longest, and so on.
The later one is named as the one that replaces the other (`alpha#1+`), which every reader of captures knows how to
follow: its books take over when they are proven, without a moment between (docs/adr/0008). Of two that open at about
one time the one that lasts longer is taken, for neither can take over from the other. What is left is named.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import merge as heap_merge
from pathlib import Path

import msgspec

from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.capture.merge import END_OF_RECORDING
from cryptopipe.capture.reader import Capture
from cryptopipe.capture.writer import Writer
from cryptopipe.clock import SECOND, Nanos
from cryptopipe.collect.layout import is_row_file
from cryptopipe.errors import CaptureError, UsageError
from cryptopipe.market.names import twin

SETTLED: Nanos = 10 * SECOND
"""After its opening a connection has its books, and another one can take over."""
_OF_NONE = -1
"""In place of a life: an input of no connection, such as a tick."""


@dataclass
class Life:
    """A connection of one source from its opening to its end. `line`: its name without the mark of a replacement."""

    source: int
    number: int
    venue: str
    line: str
    from_at: Nanos
    to_at: Nanos
    opened: bool = False
    closed: bool = False
    inputs: int = 0
    said: "hashlib._Hash" = field(default_factory=hashlib.sha256, repr=False)
    name: str = ""

    @property
    def content(self) -> str:
        """Equal for two lives that are the same in two sources."""
        return self.said.hexdigest()


@dataclass(frozen=True)
class Silence:
    """A connection that no source had."""

    conn: str
    from_at: Nanos
    to_at: Nanos


@dataclass(frozen=True)
class RawReport:
    """What was merged: inputs by source, those of them that were taken, and the holes that are left."""

    to: Path
    inputs: int
    sources: Mapping[str, int]
    taken: Mapping[str, int]
    missing: Sequence[Silence]


def is_capture(path: Path) -> bool:
    """Whether a source is a raw capture; a data directory and its row files are not. Raises nothing."""
    if path.is_dir():
        return any(path.glob("*.arrows"))
    return path.suffix == ".arrows" or (".jsonl" in path.suffixes and not is_row_file(path))


def merge_captures(paths: Sequence[Path], to: Path) -> RawReport:
    """Write the capture `to` of those at `paths`. Raises `UsageError`, `CaptureError`."""
    if len({path.resolve() for path in paths}) < len(paths):
        raise UsageError("a source is named twice", where="merge", fix="name each source once")
    if to.exists() and any(to.iterdir() if to.is_dir() else [to]):
        raise UsageError("is not empty", where=str(to), fix="name a new directory: --to DIR")
    captures = [Capture(path) for path in paths]
    lives, counts = _lives(captures)
    if not any(counts):
        raise CaptureError("no source holds an input", where=str(paths[0]), fix="name other captures")
    missing: list[Silence] = []
    chosen: dict[tuple[int, int], Life] = {}
    for line in sorted({(one.venue, one.line) for one in lives}):
        chain = _relay([one for one in lives if (one.venue, one.line) == line], missing)
        chosen |= {(one.source, one.number): one for one in chain}
    taken = [0] * len(paths)
    with Writer(to, {"merged_from": str(len(paths))}) as writer:
        for source, entry in _together(captures, lives, chosen, counts):
            taken[source] += 1
            writer.append(entry)
    names = [str(path) for path in paths]
    of_source, of_taken = dict(zip(names, counts, strict=True)), dict(zip(names, taken, strict=True))
    return RawReport(to, sum(taken), of_source, of_taken, missing)


def _lives(captures: Sequence[Capture]) -> tuple[list[Life], list[int]]:
    """Every connection's, and how many inputs each capture has."""
    lives: list[Life] = []
    counts = []
    for source, capture in enumerate(captures):
        count, own, newest = 0, dict[int, Life](), dict[tuple[str, str], int]()
        for number, entry in _numbered(capture):
            count += 1
            if number == _OF_NONE:
                continue
            life = own.get(number)
            if life is None:
                line = entry.conn.removesuffix("+")
                begins = entry.direction is Direction.OPEN
                life = own[number] = Life(source, number, entry.venue, line, entry.at, entry.at, begins)
            life.to_at, life.inputs = entry.at, life.inputs + 1
            life.closed = entry.direction is Direction.CLOSE
            life.said.update(f"{entry.at} {entry.direction.value} {len(entry.payload)} ".encode() + entry.payload)
            newest[entry.venue, entry.conn] = number
        end = max((one.to_at for one in own.values()), default=0)
        for number in newest.values():  # whatever came before it on the same connection had ended
            own[number].to_at = own[number].to_at if own[number].closed else end
        lives += own.values()
        counts.append(count)
    return lives, counts


def _numbered(capture: Capture) -> Iterator[tuple[int, Input]]:
    """The inputs, each with the number of its connection's life in this capture."""
    number, current = 0, dict[tuple[str, str], int]()
    ended: set[tuple[str, str]] = set()
    for entry in capture:
        if not entry.conn:
            yield _OF_NONE, entry
            continue
        name = (entry.venue, entry.conn)
        if name not in current or entry.direction is Direction.OPEN or (name in ended and _speaks(entry)):
            number += 1
            current[name] = number
            ended.discard(name)
        if entry.direction is Direction.CLOSE:
            ended.add(name)
        yield current[name], entry


def _speaks(entry: Input) -> bool:
    return entry.direction is Direction.RECV


def _relay(lives: Sequence[Life], missing: list[Silence]) -> list[Life]:
    """The lives of one connection that are taken, in order, with the names that they get."""
    known = sorted({one.content: one for one in reversed(lives)}.values(), key=_first)
    chain: list[Life] = []
    while True:
        last = chain[-1] if chain else None
        waiting = [one for one in known if last is None or one.to_at > last.to_at]
        if not waiting:
            break
        in_time = [one for one in waiting if last and last.from_at + SETTLED < one.from_at <= last.to_at]
        if last and not in_time and waiting[0].from_at <= last.from_at + SETTLED:
            known.remove(chain.pop())  # the other one lasts longer, and cannot take over from it
            continue
        if not in_time:  # the earliest, or of those that open with it the longest
            in_time = [one for one in waiting if one.from_at <= waiting[0].from_at + SETTLED]
        chain.append(min(in_time, key=lambda one: (-one.to_at, -one.from_at, one.content)))
    _name(chain, min(one.from_at for one in lives), missing)
    return chain


def _name(chain: Sequence[Life], begins: Nanos, missing: list[Silence]) -> None:
    """The names that they get, and the holes between them."""
    name = ""
    for life in chain:
        relieves = bool(name) and life.from_at <= begins
        if life.from_at > begins:
            missing.append(Silence(life.line, begins, life.from_at))
        life.name = name = twin(name) if relieves else life.line
        begins = life.to_at


def _first(one: Life) -> tuple[Nanos, Nanos, str]:
    return one.from_at, -one.to_at, one.content


def _together(
    captures: Sequence[Capture], lives: Sequence[Life], chosen: Mapping[tuple[int, int], Life], counts: Sequence[int]
) -> Iterator[tuple[int, Input]]:
    """What was chosen, by stamp, numbered anew; as it was where that is all of one source and nothing else."""
    whole = _only_source(chosen, counts, captures)
    if whole is not None:
        yield from ((whole, entry) for entry in captures[whole])
        return
    said = [sorted(one.content for one in lives if one.source == source) for source in range(len(captures))]
    order = sorted(range(len(captures)), key=lambda source: said[source])
    streams = [_own(source, captures[source], chosen) for source in order]
    loose: set[tuple[Nanos, str, str, bytes]] = set()
    seq = 0
    for source, entry in heap_merge(*streams, key=lambda one: one[1].at):
        if not entry.conn:
            known = (entry.at, entry.direction.value, entry.url, entry.payload)
            if known in loose:
                continue
            loose.add(known)
        seq += 1
        yield source, msgspec.structs.replace(entry, seq=seq, turn=seq)


def _own(
    source: int, capture: Capture, chosen: Mapping[tuple[int, int], Life]
) -> Iterator[tuple[int, Input]]:  # fmt: skip
    """A source's inputs that are taken; a life that a later one follows is closed where its source did not see it."""
    last: Input | None = None
    for number, entry in _numbered(capture):
        last = entry
        if number == _OF_NONE:
            yield source, entry
        elif (life := chosen.get((source, number))) is not None:
            if not life.opened and life.name != life.line:
                life.opened = True
                yield source, Input(0, 0, entry.at, Direction.OPEN, life.venue, life.name, "", b"")
            yield source, entry if entry.conn == life.name else msgspec.structs.replace(entry, conn=life.name)
    for (of, _), one in chosen.items():
        if last is not None and of == source and not one.closed and _followed(one, chosen):
            yield source, Input(0, 0, last.at, Direction.CLOSE, one.venue, one.name, "", END_OF_RECORDING)


def _followed(one: Life, chosen: Mapping[tuple[int, int], Life]) -> bool:
    same = [other for other in chosen.values() if (other.venue, other.line) == (one.venue, one.line)]
    return any(other.to_at > one.to_at for other in same)


def _only_source(
    chosen: Mapping[tuple[int, int], Life], counts: Sequence[int], captures: Sequence[Capture]
) -> int | None:
    """The source whose inputs are all taken while the others add none that is not the same."""
    whole = {source for source, _ in chosen}
    if len(whole) != 1:
        return None
    (only,) = whole
    loose = [[(one.at, one.payload) for number, one in _numbered(each) if number == _OF_NONE] for each in captures]
    held = sum(one.inputs for one in chosen.values()) + len(loose[only])
    alike = all(set(one) <= set(loose[only]) for one in loose)
    return only if alike and held == counts[only] else None
