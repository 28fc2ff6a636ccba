"""A window as an Arrow table and as a Feather file, exactly; and a file as a window again.

Enters: a window that nothing is pushed to meanwhile, or a file that `save_window` wrote. Leaves: a table or file that
any Arrow reader opens (decimals, UTC stamps, null for an empty side and for an event time that was not told), or the
window with the rows that a span up to now still covers. Never: a rounded number, half a file under the final name, or
a row of a file that is damaged, foreign or cut.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptopipe.capture.files import DISK, FileLayer
from cryptopipe.clock import Nanos
from cryptopipe.core import Window
from cryptopipe.errors import WindowFileError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

SCHEMA = 1
KEY = b"cryptopipe.window"
"""In the schema's metadata: JSON of schema, instrument, span, hot, max_bytes, places, rows, shortened_to."""
_DIGEST = b"sha256"
_BATCH_ROWS = 65_536
_EVERYTHING = (-(2**63), 2**63 - 1)
_TIMES = Window.COLUMNS[:2]
_DIGITS = 38
"""Of a decimal in 128 bits; a larger number takes 256."""
_FIX = "remove it: a run fills its window anew"


@dataclass(frozen=True)
class Restored:
    """What a file gave back. `left_out` rows were older than the span before now, or stamped after now."""

    instrument: str
    window: Window
    left_out: int


def window_table(window: Window, instrument: str) -> "pa.Table":
    """The whole window as a table: received_at, event_time, bid, bid_size, ask, ask_size."""
    import pyarrow as pa

    schema = _schema(window, instrument)
    return pa.Table.from_batches([batch for batch, _ in _batches(window, schema, _BATCH_ROWS)], schema)


def save_window(
    window: Window, instrument: str, path: Path, files: FileLayer = DISK, batch_rows: int = _BATCH_ROWS
) -> None:
    """Write a window as Feather (Arrow IPC file, zstd): temporary file, sync, rename, sync of the directory.

    Takes the memory of one batch of rows, not of the window. A crash leaves the old file or the new one. Raises
    `WindowFileError` if the disk refuses.
    """
    import pyarrow as pa

    draft = path.with_name(f".{path.name}.new")
    try:
        draft.unlink(missing_ok=True)
        file = files.create(draft)
        try:
            schema, sink = _schema(window, instrument), _Sink(file)
            options = pa.ipc.IpcWriteOptions(compression="zstd")
            with pa.PythonFile(sink, "w") as out, pa.ipc.new_file(out, schema, options=options) as writer:
                for batch, digest in _batches(window, schema, batch_rows):
                    writer.write_batch(batch, custom_metadata={_DIGEST: digest})
            file.sync()
        finally:
            file.close()
        draft.replace(path)
        files.sync_directory(path.parent)
    except OSError as error:
        why = f"the window of {instrument} cannot be written: {error.strerror or error}"
        raise WindowFileError(why, where=str(path), fix="free or mend the disk") from error


def load_window(path: Path, now: Nanos) -> Restored:
    """The window of a file with the rows of its span before now: (now - span, now].

    Raises `WindowFileError` for a file that is missing, foreign, damaged or cut.
    """
    import pyarrow as pa

    try:
        with pa.OSFile(str(path)) as source, pa.ipc.open_file(source) as reader:
            return _read(reader, now)
    except FileNotFoundError as error:
        raise WindowFileError("there is no such file", where=str(path), fix="name one that was saved") from error
    except WindowFileError as error:
        raise WindowFileError(error.message, where=str(path), fix=_FIX) from error
    except (pa.ArrowException, OSError, ValueError, LookupError, TypeError, OverflowError, MemoryError) as error:
        why = f"not a saved window, or a damaged one: {error}"
        raise WindowFileError(why[:300], where=str(path), fix=_FIX) from error


class _Sink:
    """An append file as Arrow writes to one."""

    closed = False

    def __init__(self, file: Any) -> None:
        self._append, self._at = file.append, 0

    def write(self, data: Any) -> int:
        self._append(bytes(data))
        self._at += len(data)
        return len(data)

    def tell(self) -> int:
        return self._at

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Whoever opened the file closes it."""


def _schema(window: Window, instrument: str) -> "pa.Schema":
    import pyarrow as pa

    fields, places = [], dict[str, int]()
    for name in window.COLUMNS:
        extent, at = window.scan(name, *_EVERYTHING), window.slice(name, 0, 0)[1]
        narrow, wide = _kinds(name, at)
        fields.append(pa.field(name, wide if extent and extent[1] >= 10**_DIGITS else narrow, name != "received_at"))
        places |= {} if name in _TIMES else {name: at}
    told = {
        "schema": SCHEMA,
        "instrument": instrument,
        "span": window.span,
        "hot": window.hot,
        "max_bytes": window.max_bytes,
        "places": places,
        "rows": len(window),
        "shortened_to": window.shortened_to,
    }
    return pa.schema(fields, {KEY: json.dumps(told, sort_keys=True)})


def _kinds(name: str, places: int) -> "tuple[pa.DataType, pa.DataType]":
    """Of a column, and of one with a number of more digits than 38."""
    import pyarrow as pa

    if name in _TIMES:
        return (pa.timestamp("ns", tz="UTC"),) * 2
    return pa.decimal128(_DIGITS, places), pa.decimal256(2 * _DIGITS, places)


def _batches(window: Window, schema: "pa.Schema", rows: int) -> "Iterator[tuple[pa.RecordBatch, bytes]]":
    """Some rows at a time, each with the digest of all values up to its last."""
    import numpy as np
    import pyarrow as pa

    digest = sha256(schema.metadata[KEY])
    for begin in range(0, len(window), rows):
        columns = []
        for field in schema:
            values, _ = window.slice(field.name, begin, begin + rows)
            data = values.tobytes() if field.name in _TIMES else _numbers(values, field.type.bit_width // 8)
            digest.update(data)
            there = pa.py_buffer(np.packbits(values != 0, bitorder="little")) if field.nullable else None
            columns.append(pa.Array.from_buffers(field.type, len(values), [there, pa.py_buffer(data)]))
        yield pa.RecordBatch.from_arrays(columns, schema=schema), digest.hexdigest().encode()


def _numbers(values: "np.ndarray[Any, Any]", width: int) -> bytes:
    """Integers of so many bytes each, little-endian."""
    import numpy as np

    if values.dtype == object:
        return b"".join(value.to_bytes(width, "little") for value in values)
    words = np.zeros((len(values), width // 8), dtype="<i8")
    words[:, 0] = values
    return words.tobytes()


def _read(reader: "pa.ipc.RecordBatchFileReader", now: Nanos) -> Restored:
    schema = reader.schema
    told = _told(schema)
    window = Window(told["span"], told["hot"], told["max_bytes"])
    places = [told["places"][name] for name in window.COLUMNS[2:]]
    window.extend(b"", b"", b"", b"", b"", b"", places)
    digest, rows, left_out = sha256(schema.metadata[KEY]), 0, 0
    for number in range(reader.num_record_batches):
        batch, meta = reader.get_batch_with_custom_metadata(number)
        columns = _columns(batch)
        for column in columns:
            digest.update(column.tobytes())
        if meta is None or meta.get(_DIGEST) != digest.hexdigest().encode():
            raise WindowFileError(f"damaged: the values of its batch {number} differ from their digest")
        received = columns[0][:, 0]
        kept = (received > now - told["span"]) & (received <= now)
        rows, left_out = rows + len(kept), left_out + int((~kept).sum())
        received_at, event_time, bid, bid_size, ask, ask_size = _buffers([column[kept] for column in columns])
        window.extend(received_at, event_time, bid, bid_size, ask, ask_size, places)
    if rows != told["rows"]:
        raise WindowFileError(f"cut: {rows} rows, and its head tells of {told['rows']}")
    return Restored(told["instrument"], window, left_out)


def _told(schema: "pa.Schema") -> Mapping[str, Any]:
    """What the head tells. Raises `WindowFileError` if it is none of ours, or of a later version."""
    text = (schema.metadata or {}).get(KEY)
    if text is None or tuple(schema.names) != Window.COLUMNS:
        expected, got = ", ".join(Window.COLUMNS), ", ".join(schema.names)
        raise WindowFileError(f"foreign: expected a window of {expected}, got a table of {got}")
    told: dict[str, Any] = json.loads(text)
    if told["schema"] != SCHEMA:
        raise WindowFileError(f"written by another version: expected schema {SCHEMA}, got {told['schema']}")
    for field in schema:
        kinds = _kinds(field.name, told["places"].get(field.name, 0))
        if field.type not in kinds:
            raise WindowFileError(f"damaged: {field.name} is {field.type}, and its head tells of {kinds[0]}")
    return told


def _columns(batch: "pa.RecordBatch") -> "list[np.ndarray[Any, Any]]":
    """Of each column its rows in words of eight bytes; nothing else than zero may stand where a value is null."""
    import numpy as np

    batch.validate(full=True)
    found = []
    for column, array in zip(batch.schema, batch.columns, strict=True):
        width = column.type.bit_width // 64
        data = np.frombuffer(array.buffers()[1] or b"", dtype="<i8")
        words = data[array.offset * width :][: len(array) * width].reshape(len(array), width)
        zero = ~words.any(axis=1)
        if column.nullable and (zero != np.asarray(array.is_null())).any():
            raise WindowFileError(f"damaged: in {column.name} the values and the marks of empty sides differ")
        found.append(words)
    return found


def _buffers(columns: "Sequence[np.ndarray[Any, Any]]") -> list[bytes]:
    """As a window takes them: numbers of 32 bytes, none of which needs more than 16, are cut."""
    if any(column[:, 2:].any() for column in columns):
        raise WindowFileError("damaged: a number beyond 128 bits")
    return [column[:, :2].tobytes() for column in columns]
