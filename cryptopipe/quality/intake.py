"""The bytes of one sealed file, read once.

Enters: a row file and a scratch directory. Leaves: a copy of its text there that every check reads, its hash, and what
is wrong with the bytes themselves. Never: a write in the collected tree, more than a few MiB in memory, rows and a hash
of different bytes.
"""

import errno
import hashlib
import os
import re
import shutil
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cryptopipe.quality.verdict import Example, FileRefused

CHUNK = 1 << 20
MOST_LINE = 1 << 16
"""No row is longer; what is goes on in the next line of the copy."""
MOST_NOTED = 1000
"""So many lines with foreign bytes are noted."""
SEPARATOR = "\x1f"
"""Stands in no line of the copy, so that it is read line by line."""
_CONTROL = re.compile(rb"[\x00-\x09\x0b-\x1f\x7f]")
_GZIP = 16 + zlib.MAX_WBITS


@dataclass
class Copied:
    """What was read. `text` is the copy: plain lines, or a Parquet file."""

    text: Path
    sha256: str = ""
    size: int = 0
    packing: list[Example] = field(default_factory=list)
    """Damage of the compression."""
    characters: list[Example] = field(default_factory=list)
    """Lines with bytes that no row has."""
    torn_end: bool = False
    """The last line has no end."""


def copy(file: Path, scratch: Path, keep_free: int = 0) -> Copied:
    """Read a file to its end, leaving `keep_free` bytes of the scratch disk to others. Raises `FileRefused` where it
    is gone, changes meanwhile, or does not fit.
    """
    copied = Copied(scratch / ("rows.parquet" if file.suffix == ".parquet" else "rows.csv"))
    try:
        before = file.stat()
        with copied.text.open("wb") as out:
            chunks = _hashed(file, copied)
            for chunk in chunks if file.suffix == ".parquet" else _cleaned(_unpacked(chunks, copied), copied):
                if shutil.disk_usage(scratch).free < keep_free + len(chunk):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                out.write(chunk)
        after = file.stat()
    except FileNotFoundError:
        raise FileRefused("vanished while it was checked", where=str(file), fix="see who removed it") from None
    except OSError as error:
        why, fix = f"cannot be read: {error.strerror or error}", "see to disk and rights (TMPDIR: the scratch copies)"
        raise FileRefused(why, where=str(file), fix=fix) from error
    if (before.st_size, before.st_mtime_ns, before.st_ino) != (after.st_size, after.st_mtime_ns, after.st_ino):
        raise FileRefused("changed while it was checked", where=str(file), fix="nobody may write a sealed file")
    return copied


def _hashed(file: Path, copied: Copied) -> Iterator[bytes]:
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while chunk := opened.read(CHUNK):
            digest.update(chunk)
            copied.size += len(chunk)
            yield chunk
    copied.sha256 = digest.hexdigest()


def _unpacked(chunks: Iterator[bytes], copied: Copied) -> Iterator[bytes]:
    """The text up to the first damage; what follows is hashed and not read."""
    inflate = zlib.decompressobj(_GZIP)
    whole = False
    for chunk in chunks:
        rest = chunk
        while rest and not copied.packing:
            if inflate.eof:  # members may follow one another
                inflate = zlib.decompressobj(_GZIP)
            try:
                data = inflate.decompress(rest, CHUNK)
            except zlib.error as error:
                copied.packing.append(Example(0, f"damaged: {error}"))
                break
            rest = inflate.unused_data or inflate.unconsumed_tail
            yield data
    if not copied.packing:
        yield inflate.flush()
        whole = inflate.eof
    if not whole and not copied.packing:
        copied.packing.append(Example(0, "ends before the compressed data does" if copied.size else "no byte in it"))


def _cleaned(chunks: Iterator[bytes], copied: Copied) -> Iterator[bytes]:
    """Whole lines, with a `?` for each byte that no row has, and each such line noted."""
    line, rest = 1, b""
    for chunk in chunks:
        block = rest + chunk
        cut = block.rfind(b"\n") + 1
        if not cut and len(block) > MOST_LINE:
            cut = len(block)
        rest = block[cut:]
        yield _line_by_line(block[:cut], line, copied)
        line += block.count(b"\n", 0, cut)
    if rest:
        copied.torn_end = True
        yield _line_by_line(rest + b"\n", line, copied)


def _line_by_line(block: bytes, first: int, copied: Copied) -> bytes:
    if block.isascii() and not _CONTROL.search(block):
        return block if len(block) < MOST_LINE else _short(block)
    lines = block.split(b"\n")
    for at, line in enumerate(lines):
        text = line.decode("utf-8", "replace")
        if _CONTROL.search(line) or "\ufffd" in text:
            lines[at] = _CONTROL.sub(b"?", text.encode())
            if len(copied.characters) < MOST_NOTED:
                copied.characters.append(Example(first + at, repr(line[:80])[1:]))
    return _short(b"\n".join(lines))


def _short(block: bytes) -> bytes:
    """Lines that a reader of lines takes."""
    return re.sub(rb"[^\n]{%d}" % MOST_LINE, lambda found: found[0] + b"\n", block)
