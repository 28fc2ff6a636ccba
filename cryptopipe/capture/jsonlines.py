"""Captures as JSON lines, plain or gzipped: the form of recordings, of import and of export.

Enters: a file of `{"ts", "dir", "url", "raw"}` lines, or inputs. Leaves: inputs, or such a file. Never: a guess about a
line that cannot be read; a gzip that is cut or damaged yields nothing at all.
"""

import gzip
import zlib
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.capture.redact import redact
from cryptopipe.clock import SECOND, Nanos, parse_epoch
from cryptopipe.errors import CaptureError

GZIP_MAGIC = b"\x1f\x8b"
_CHUNK = 1 << 18
_DIRECTIONS = {d.value: d for d in Direction} | {"connect": Direction.OPEN}
_FOREIGN = "give a native capture, or JSON lines such as " + '{"ts":"1723161253.9","dir":"recv","raw":"{}"}'


class Line(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """One line of a file; every field after `raw` is our own addition. `b64` stands in place of a `raw` not UTF-8.

    `venue` is written only where `conn` does not begin with it and `#`.
    """

    ts: str
    dir: str
    url: str = ""
    raw: str | None = None
    seq: int | None = None
    turn: int | None = None
    conn: str | None = None
    venue: str | None = None
    status: int = 0
    headers: list[tuple[str, str]] | dict[str, str] = []
    request: str = ""
    b64: str | None = None


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        packed = file.peek(2)[:2] == GZIP_MAGIC
        lines = gzip.GzipFile(fileobj=file, mode="rb") if packed else file
        while chunk := lines.read1(_CHUNK):  # what is there, so that the line of a cut is exact
            yield chunk


def check_gzip(path: Path) -> None:
    """Read a gzip to its end, where its checksum is. Raises `CaptureError` with the line that it breaks in."""
    lines, failure = 1, ""
    try:
        for chunk in _chunks(path):
            lines += chunk.count(b"\n")
    except EOFError:
        failure = "the gzip file is truncated"
    except (zlib.error, gzip.BadGzipFile) as error:
        failure = f"the gzip file is damaged ({error})"
    if failure:
        fix = "fetch or export the file again, or cut it with `gzip -dc FILE | head -n N` and replay the plain lines"
        raise CaptureError(failure, where=f"{path}, line {lines}", fix=fix)


def _texts(path: Path) -> Iterator[bytes]:
    rest = b""
    for chunk in _chunks(path):
        lines = (rest + chunk).split(b"\n")
        rest = lines.pop()
        yield from lines
    if rest:
        yield rest


def read_lines(path: Path, venue: str | None) -> Iterator[Input]:
    """The inputs of a file, in its order. `venue` names those whose line does not; see `reader.read`."""
    decode = msgspec.json.Decoder(Line).decode
    names = _Names(venue)
    number = seq = 0
    for text in _texts(path):
        number += 1
        if not text.strip():
            continue
        try:
            line = decode(text)
            direction = _DIRECTIONS[line.dir]
            at = parse_epoch(line.ts)
            payload = line.raw.encode() if line.raw is not None else b64decode(line.b64 or "", validate=True)
            name, conn = names.of(line, direction)
        except KeyError:
            known = ", ".join(_DIRECTIONS)
            raise _bad(path, number, f"unknown dir {line.dir!r}: expected one of {known}") from None
        except (msgspec.MsgspecError, UnicodeError, Base64Error, ValueError) as error:
            raise _bad(path, number, str(error)) from error
        seq = seq + 1 if line.seq is None else line.seq
        if venue is not None and name != venue:
            continue
        turn = seq if line.turn is None else line.turn
        if line.status or line.headers or line.request:
            yield Input(
                seq, turn, at, direction, name, conn, line.url, payload, line.status, _pairs(line), line.request
            )
        else:
            yield Input(seq, turn, at, direction, name, conn, line.url, payload)


def _bad(path: Path, number: int, why: str) -> CaptureError:
    return CaptureError(why, where=f"{path}, line {number}", fix=_FOREIGN if number == 1 else "mend or remove the line")


def _pairs(line: Line) -> tuple[tuple[str, str], ...]:
    return tuple(line.headers.items() if isinstance(line.headers, dict) else line.headers)


class _Names:
    """Whose a line is. Without a `conn` a line belongs to the connection opened with its URL, else to the first."""

    def __init__(self, venue: str | None) -> None:
        self._venue = venue
        self._conns: dict[str, str] = {}

    def of(self, line: Line, direction: Direction) -> tuple[str, str]:
        """Venue and connection of a line. Raises `ValueError`."""
        conn, venue = line.conn, line.venue
        if conn is None:
            venue = venue if venue is not None else self._venue
            if direction is Direction.TICK or direction is Direction.COMMAND:
                return venue if line.venue is not None and venue else "", ""
            if venue is None:
                raise ValueError(
                    "the line names neither conn nor venue: say whose it is with VENUE=FILE, --exchange or --venue"
                )
            url = line.url
            if direction is Direction.OPEN and url not in self._conns:
                self._conns[url] = f"{venue}#{len(self._conns) + 1}"
            return venue, (self._conns.get(url) if url else None) or f"{venue}#1"
        if venue is None:
            venue, mark, _ = conn.rpartition("#")
            if not mark and conn:
                raise ValueError(f"conn {conn!r} does not name its venue as in alpha#1, and the line has no venue")
        return venue, conn


def format_line(entry: Input) -> bytes:
    """The line of an input, with its newline; the inverse of reading it, and the same bytes every time."""
    try:
        raw, b64 = entry.payload.decode(), None
    except UnicodeDecodeError:
        raw, b64 = None, b64encode(entry.payload).decode()
    line = Line(
        ts=format_epoch(entry.at),
        dir=entry.direction.value,
        url=entry.url,
        raw=raw,
        seq=entry.seq,
        turn=entry.turn,
        conn=entry.conn,
        venue=None if entry.conn.rpartition("#")[0] == entry.venue else entry.venue,
        status=entry.status,
        headers=list(entry.headers),
        request=entry.request,
        b64=b64,
    )
    return msgspec.json.encode(line) + b"\n"


def format_epoch(at: Nanos) -> str:
    """Decimal epoch seconds with nine digits, as `parse_epoch` reads them."""
    return f"{at // SECOND}.{at % SECOND:09d}"


def write_lines(entries: Iterable[Input], path: Path) -> int:
    """Write a new file, gzipped if its name ends in `.gz`; how many inputs. The same inputs give the same bytes.

    Raises `CaptureError` where the file exists or cannot be written.
    """
    count = 0
    try:
        with path.open("xb") as file:
            packed = gzip.GzipFile("", "wb", 6, file, mtime=0) if path.suffix == ".gz" else None
            with packed or file as lines:
                for count, entry in enumerate(entries, 1):  # noqa: B007 -- the count leaves the loop
                    lines.write(format_line(redact(entry)))
    except FileExistsError:
        raise CaptureError("the file exists already", where=str(path), fix="name a new file, or remove it") from None
    except OSError as error:
        raise CaptureError(
            f"cannot be written: {error.strerror}", where=str(path), fix="free or mend the disk"
        ) from error
    return count
