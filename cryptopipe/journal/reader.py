"""Reads a run's log, and believes only what its checksums prove.

Enters: a directory of segments, perhaps still being written. Leaves: verified records in order, and how many bytes at
the end are torn. Never: a record after a damaged one, or damage in the middle taken for a torn tail.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import msgspec

from cryptopipe.clock import Nanos
from cryptopipe.errors import JournalError
from cryptopipe.journal.log import FIRST_CRC

_TAIL = re.compile(rb',"crc":"([0-9a-f]{8})"\}$')
_TAIL_SIZE = len(b',"crc":"00000000"}')
_START = re.compile(rb'\{"n":\d+,"seq":')


class Record(msgspec.Struct, frozen=True):
    """One record as written; `body` is decoded with the struct of its `kind` (see `records.BODIES`)."""

    n: int
    seq: int
    at: Nanos
    kind: str
    body: msgspec.Raw
    crc: str


class Position(NamedTuple):
    """Where to go on reading: behind record `n`, whose checksum text is `crc`."""

    segment: int = 1
    offset: int = 0
    n: int = 0
    crc: str = FIRST_CRC.decode()


class Records:
    """Iterates verified records from a position. After the iteration `position` and `torn_bytes` tell how it ended.

    Reading ends at the last complete, proven line; `torn_bytes` counts what follows it: a tail cut by a crash, or a
    line that is just being written. Raises `JournalError` naming file, line and record for damage in the middle.
    """

    def __init__(self, directory: Path, start: Position = Position()) -> None:  # noqa: B008 -- frozen
        self._directory = directory
        self._decoder = msgspec.json.Decoder(Record)
        self.position = start
        self.torn_bytes = 0

    def __iter__(self) -> Iterator[Record]:
        for record, _ in self.lines():
            yield record

    def lines(self) -> Iterator[tuple[Record, bytes]]:
        """The records, each with its line as written (without line end)."""
        self.torn_bytes = 0
        segments = sorted(self._directory.glob("*.jsonl"))
        if not segments and not self._directory.is_dir():
            raise JournalError("there is no journal", where=str(self._directory))
        for index, path in enumerate(segments):
            number = int(path.stem) if path.stem.isdigit() else -1
            if number < self.position.segment:
                continue
            if number > self.position.segment:
                if number != self.position.segment + 1:
                    raise JournalError(f"segment {self.position.segment + 1:06d}.jsonl is missing", where=str(path))
                self.position = self.position._replace(segment=number, offset=0)
            yield from self._segment(path, is_last=index == len(segments) - 1)

    def _segment(self, path: Path, is_last: bool) -> Iterator[tuple[Record, bytes]]:
        with path.open("rb") as file:
            file.seek(self.position.offset)
            while line := file.readline():
                record = self._verify(line)
                if record is not None:
                    at = self.position
                    self.position = at._replace(offset=at.offset + len(line), n=record.n, crc=record.crc)
                    yield record, line[:-1]
                    continue
                file.seek(self.position.offset)
                rest = file.read()
                file.seek(self.position.offset)
                if self._verify(rest[: rest.find(b"\n") + 1]) is not None:
                    continue  # the writer has finished this line meanwhile
                if not is_last or _holds_record(rest, self.position.crc.encode()):
                    raise self._damage(path)
                self.torn_bytes = len(rest)
                return

    def _verify(self, line: bytes) -> Record | None:
        """The record of a complete line that continues the chain; None for any other line."""
        if not line.endswith(b"\n"):
            return None
        crc = _proven(line[:-1], self.position.crc.encode())
        if crc is None:
            return None
        try:
            record = self._decoder.decode(line)
        except msgspec.DecodeError:
            return None
        return record if record.n == self.position.n + 1 else None

    def _damage(self, path: Path) -> JournalError:
        with path.open("rb") as file:
            line = file.read(self.position.offset).count(b"\n") + 1
        return JournalError(
            f"record {self.position.n + 1} is damaged: its checksum does not continue {self.position.crc} "
            f"of record {self.position.n}, and records follow",
            where=f"{path}:{line}",
            fix="restore this file from a copy; the records before the damage are sound",
        )


def read(directory: Path, start: Position = Position()) -> Records:  # noqa: B008 -- frozen
    """The records of a run's `journal` directory, from its start or from a former `Records.position`."""
    return Records(directory, start)


def decode_body(record: Record, body: type[Any]) -> Any:
    """The body as its struct. Raises `JournalError` naming the record if it was written by another version."""
    try:
        return msgspec.json.decode(record.body, type=body)
    except msgspec.ValidationError as error:
        raise JournalError(f"record {record.n} is no {record.kind} that this version knows: {error}") from error


def _proven(text: bytes, previous: bytes) -> bytes | None:
    """The checksum text that ends `text`, if it is right for a record after `previous`."""
    tail = _TAIL.search(text, len(text) - _TAIL_SIZE)
    if tail is None or b"%08x" % crc32(text[: tail.start()], crc32(previous)) != tail[1]:
        return None
    return tail[1]


def _holds_record(rest: bytes, previous: bytes) -> bool:
    """Whether an intact record stands behind the damage at the start of `rest`.

    A record is chained to the checksum that the text before it states, or, where that very text is damaged, should
    state. Records are sought by how they begin, since the damaged byte may have been a line end.
    """
    starts = [match.start() for match in _START.finditer(rest)]
    if not starts or starts[0] != 0:
        starts.insert(0, 0)
    pieces = [rest[start:end].rstrip(b"\n") for start, end in zip(starts, [*starts[1:], len(rest)], strict=True)]
    formers: list[bytes] = []
    for piece in pieces:
        if any(_proven(piece, former) for former in formers):
            return True
        formers = _claims(piece, previous)
        previous = formers[0]
    return False


def _claims(piece: bytes, previous: bytes) -> list[bytes]:
    """What a record after `piece` may be chained to: the checksum of `piece` as stated, as due, or the one before."""
    claims = []
    for end in (len(piece) - _TAIL_SIZE, piece.rfind(b',"crc":"')):
        if end >= 0:
            claims.append(piece[end + 8 : end + 16])
            claims.append(b"%08x" % crc32(piece[:end], crc32(previous)))
    return [*claims, previous]
