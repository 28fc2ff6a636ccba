"""The native form: a segment of a capture is an Arrow IPC stream whose every batch carries a checksum.

Enters: inputs, or the bytes of a segment. Leaves: bytes, or inputs. Never: an input of a batch whose bytes changed.
The checksum is the CRC-32 of all bytes since the batch before, begun with that batch's CRC, across segments too; it
stands as text in the batch's metadata, and counts as eight zeros in its own sum.
"""

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise, repeat, starmap
from typing import Any

import msgspec
import pyarrow as pa

import cryptopipe
from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.capture.redact import redact_headers, redact_payload, redact_url
from cryptopipe.errors import CaptureError

FORMAT = "1"
MAGIC = b"\xff\xff\xff\xff"
END = MAGIC + bytes(4)
"""The last bytes of a segment that was closed."""

MARK = "cryptopipe-crc32-of-this-batch="
_MARK = MARK.encode()
_ZEROS = b"00000000"
_WORD = pa.dictionary(pa.int16(), pa.string())
_COLUMNS = [
    ("seq", pa.int64()),
    ("turn", pa.int64()),
    ("time", pa.int64()),
    ("direction", _WORD),
    ("venue", _WORD),
    ("connection", _WORD),
    ("url", _WORD),
    ("payload", pa.large_binary()),
    ("status", pa.int32()),
    ("headers", _WORD),
    ("request", _WORD),
]
_DIRECTIONS = {direction.value: direction for direction in Direction}
_UNREADABLE = (pa.ArrowException, OSError, ValueError, MemoryError)
_decode_headers = msgspec.json.Decoder(tuple[tuple[str, str], ...]).decode


def schema(meta: Mapping[str, str], crc: int) -> pa.Schema:
    """The schema of a segment that follows bytes with this checksum; `meta` is kept under `meta.`."""
    own = {"cryptopipe.capture": FORMAT, "cryptopipe.version": cryptopipe.__version__, "crc_before": f"{crc:08x}"}
    return pa.schema(_COLUMNS, metadata=own | {f"meta.{key}": value for key, value in meta.items()})


def _words(values: list[str], clean: Callable[[str], str] = str) -> pa.Array:
    """A dictionary column. `clean` sees each different value once."""
    codes: dict[str, int] = {}
    indices = [codes.setdefault(value, len(codes)) for value in values] if values.count(values[0]) < len(values) else []
    words = [clean(value) for value in codes or [values[0]]]
    if any(MARK in word for word in words):
        raise CaptureError(f"a text of an input contains {MARK!r}, by which batches are found", fix="refuse that input")
    numbers = pa.array(indices, pa.int16()) if indices else pa.repeat(pa.scalar(0, pa.int16()), len(values))
    return pa.DictionaryArray.from_arrays(numbers, pa.array(words, pa.string()))


def _headers_text(text: str) -> str:
    return msgspec.json.encode(redact_headers(_decode_headers(text))).decode() if text else ""


def batch(inputs: Sequence[Input], form: pa.Schema) -> pa.RecordBatch:
    """The columns of one or more inputs, redacted."""
    send = Direction.SEND
    headers = [msgspec.json.encode(i.headers).decode() if i.headers else "" for i in inputs]
    return pa.record_batch(
        [
            pa.array([i.seq for i in inputs], pa.int64()),
            pa.array([i.turn for i in inputs], pa.int64()),
            pa.array([i.at for i in inputs], pa.int64()),
            _words([i.direction._value_ for i in inputs]),
            _words([i.venue for i in inputs]),
            _words([i.conn for i in inputs]),
            _words([i.url for i in inputs], redact_url),
            pa.array(
                [i.payload if i.direction is not send and not i.request else redact_payload(i) for i in inputs],
                pa.large_binary(),
            ),
            pa.array([i.status for i in inputs], pa.int32()),
            _words(headers, _headers_text),
            _words([i.request for i in inputs], redact_url),
        ],
        schema=form,
    )


class _Sink:
    """Takes what Arrow writes, for the next `take`."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(self._parts[-1])

    def flush(self) -> None:
        """Nothing to do."""

    def take(self) -> bytes:
        """All bytes since the last call."""
        data, self._parts = b"".join(self._parts), []
        return data


class Encoder:
    """One segment as bytes: each batch (with the head before the first), then `end`. `crc` is of all so far."""

    def __init__(self, meta: Mapping[str, str], crc: int) -> None:
        self._form = schema(meta, crc)
        self._sink = _Sink()
        options = pa.ipc.IpcWriteOptions(compression="zstd", use_threads=False)
        self._stream = pa.ipc.new_stream(pa.PythonFile(self._sink, "w"), self._form, options=options)
        self.crc = crc

    def encode(self, inputs: Sequence[Input]) -> bytes:
        """The bytes that hold these inputs, at least one."""
        self._stream.write_batch(batch(inputs, self._form), custom_metadata={"crc32": MARK + _ZEROS.decode()})
        data = bytearray(self._sink.take())
        at = data.index(_MARK) + len(_MARK)
        self.crc = zlib.crc32(data, self.crc)
        data[at : at + 8] = b"%08x" % self.crc
        return bytes(data)

    def end(self) -> bytes:
        """The mark of a closed stream."""
        self._stream.close()
        return self._sink.take()


class Torn(Exception):
    """Internal: the bytes of a segment end, or do not check, at `position`."""

    def __init__(self, position: int, why: str) -> None:
        super().__init__(why)
        self.position = position


class Decoder:
    """The bytes of one segment. Raises `Torn` where its head does not read."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._source = pa.BufferReader(data)
        try:
            options = pa.ipc.IpcReadOptions(use_threads=False)
            self._stream = pa.ipc.open_stream(self._source, options=options)
            found = self._stream.schema.metadata or {}
            self.meta = {key.decode(): value.decode() for key, value in found.items()}
        except _UNREADABLE as error:
            raise Torn(0, str(error)) from error
        self.crc = self.crc_before = 0

    def begin(self) -> None:
        """Judge the schema. Raises `ValueError` if this is not a capture that this version can read."""
        version = self.meta.get("cryptopipe.capture")
        if version is None:
            raise ValueError("an Arrow stream, but not a capture")
        if version != FORMAT:
            raise ValueError(f"a capture of format {version}, and this version reads format {FORMAT}")
        if not self._stream.schema.equals(pa.schema(_COLUMNS)):
            raise ValueError("the columns are not those of a capture")
        self.crc_before = int(self.meta.get("crc_before", "none"), 16)
        self.crc = zlib.crc32(memoryview(self._data)[: self._source.tell()], self.crc_before)

    def __iter__(self) -> Iterator[list[Input]]:
        """The inputs, a batch at a time; each batch is proven before it is given. Raises `Torn`."""
        start = self._source.tell()
        while True:
            try:
                columns, _ = self._stream.read_next_batch_with_custom_metadata()
            except StopIteration:
                if self._source.tell() != len(self._data):
                    raise Torn(start, "an end mark before the end") from None
                return
            except _UNREADABLE as error:
                raise Torn(start, str(error)) from error
            end = self._source.tell()
            self._prove(start, end)
            yield list(starmap(Input, zip(*_lists(columns), strict=False)))
            start = end

    def _prove(self, start: int, end: int) -> None:
        at = self._data.find(_MARK, start, end) + len(_MARK)
        if at < len(_MARK):
            raise Torn(start, "no checksum")
        view = memoryview(self._data)
        crc = zlib.crc32(view[at + 8 : end], zlib.crc32(_ZEROS, zlib.crc32(view[start:at], self.crc)))
        if self._data[at : at + 8] != b"%08x" % crc:
            raise Torn(start, f"its checksum is {crc:08x}, and it says {self._data[at : at + 8].decode('latin-1')}")
        self.crc = crc


def unfinished(data: bytes, position: int) -> bool:
    """Whether bytes that do not read from `position` on are the end of a write that a crash cut: no batch follows."""
    return not data.endswith(END) and data.count(_MARK, position) <= 1


def _lists(columns: pa.RecordBatch) -> list[Any]:
    """The columns as Python iterables in the order of `Input`'s fields."""
    seq, turn, at, direction, venue, conn, url, payload, status, headers, request = columns.columns
    return [
        seq.to_numpy().tolist(),
        turn.to_numpy().tolist(),
        at.to_numpy().tolist(),
        _texts(direction, _DIRECTIONS.__getitem__),
        _texts(venue),
        _texts(conn),
        _texts(url),
        _payloads(payload),
        status.to_numpy().tolist(),
        _texts(headers, lambda text: _decode_headers(text) if text else ()),
        _texts(request),
    ]


def _texts(column: pa.DictionaryArray, of: Callable[[str], Any] = str) -> Any:
    words = [of(word) for word in column.dictionary.to_pylist()]
    if len(words) == 1:
        return repeat(words[0])
    return [words[code] for code in column.indices.to_numpy().tolist()]


def _payloads(column: pa.LargeBinaryArray) -> list[bytes]:
    _, offsets, content = column.buffers()
    data = content.to_pybytes() if content is not None else b""
    bounds = memoryview(offsets).cast("q").tolist()[column.offset : column.offset + len(column) + 1]
    return [data[a:b] for a, b in pairwise(bounds)]
