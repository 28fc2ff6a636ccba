"""What is true of a sealed row file: the JSON beside it.

Enters: facts of a file when it is sealed. Leaves: `Manifest`, and its text. Never: a manifest without its file: the
file is durable first.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from cryptopipe.collect.layout import manifest_of
from cryptopipe.errors import CaptureError

SCHEMA = 1


class Gap(msgspec.Struct, frozen=True):
    """Time of which not everything is in the rows, or (`spill`) was late in them. Times in epoch milliseconds.

    `closed`: no connection, or no collector. `resync`: a book that was not proven. `trade_ids`: ids that were skipped,
    of which `filled` came from the venue's history and `missing` never came. `silence`: a connection that told nothing
    for longer than it may. `spill`: rows were written later, from the capture; none is missing.
    """

    from_ms: int
    to_ms: int
    kind: str
    text: str
    filled: int = 0
    missing: int | None = None


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """One file. `sealed_at` (RFC 3339) alone is no function of the capture; `first_event_ms` and the like are None for
    a file without rows; `complete` False: its hour was cut by a start or a stop.
    """

    schema: int = SCHEMA
    file: str
    venue: str
    symbol: str
    instrument: str
    kind: str = msgspec.field(name="type")
    depth: int | None = None
    interval_ms: int | None = None
    form: str = msgspec.field(name="format")
    header: bool = False
    rows: int
    size: int = msgspec.field(name="bytes")
    sha256: str
    first_event_ms: int | None
    last_event_ms: int | None
    first_received_at: str | None
    last_received_at: str | None
    market: str = "live"
    """`live`, `sandbox` for simulated venues, `recording` where a capture did not say it, `several` merged."""
    session: str
    capture: str
    first_seq: int
    last_seq: int
    complete: bool
    gaps: Sequence[Gap] = ()
    filled: Sequence[str] = ()
    """Trade ids that stand after later ones: the venue's history told them, or its stream did late."""
    sealed_at: str


def encode(manifest: Manifest) -> bytes:
    """Its text, as it is beside the file."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"


def read_manifest(file: Path) -> Manifest:
    """Of a row file. Raises `CaptureError` where it is missing or says something else."""
    path = manifest_of(file)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        fix = "collect again: it is sealed then"
        raise CaptureError("a row file without its manifest", where=str(file), fix=fix) from None
    except (OSError, msgspec.DecodeError) as error:
        raise CaptureError(f"not a manifest: {error}", where=str(path), fix="restore it from a copy") from error


def sha256_of(file: Path) -> str:
    """The hash of a file's bytes."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
