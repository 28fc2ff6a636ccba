"""The rows of a sealed file as columns of text, whatever its format.

Enters: a file and its manifest. Leaves: Arrow batches of strings, null where a cell is empty. Never: rows of other
bytes than those that were sealed, a row with another number of cells.
"""

import hashlib
from collections.abc import Iterator
from gzip import BadGzipFile
from gzip import open as open_gzip
from io import BytesIO
from pathlib import Path
from typing import Any
from zlib import error as ZlibError  # noqa: N812

from cryptopipe.collect.manifest import Manifest
from cryptopipe.collect.schema import SCHEMAS, Schema
from cryptopipe.errors import CryptopipeError, Remedy


class RowsRefused(CryptopipeError):
    """A file cannot be loaded: its content is not what was sealed, or a cell is not what its column says."""

    remedy = Remedy.REJECT
    code = "rows_refused"


def batches(path: Path, manifest: Manifest) -> Iterator[Any]:
    """Record batches with the columns of the file's schema, in order. Raises `RowsRefused`, `OSError`."""
    import pyarrow as pa

    schema = SCHEMAS.get(manifest.kind)
    if schema is None:
        known = ", ".join(SCHEMAS)
        raise RowsRefused(f"rows of kind {manifest.kind!r}", where=str(path), fix=f"one of {known} is loaded")
    data = path.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != manifest.sha256:
        fix = "restore it from a copy, or collect again"
        raise RowsRefused(
            f"its SHA-256 is {found[:12]}…, and {manifest.sha256[:12]}… was sealed", where=str(path), fix=fix
        )
    try:
        yield from (_parquet if manifest.form == "parquet" else _csv)(data, schema, manifest)
    except (pa.ArrowException, EOFError, BadGzipFile, ZlibError, KeyError) as error:
        fix = "`cryptopipe qa` says more"
        raise RowsRefused(" ".join(str(error).split())[:200], where=str(path), fix=fix) from error


def _csv(data: bytes, schema: Schema, manifest: Manifest) -> Iterator[Any]:
    import pyarrow as pa
    from pyarrow import csv

    headed = manifest.header or schema.always_headed
    with open_gzip(BytesIO(data)) as opened:
        if headed and (line := opened.readline().decode(errors="replace").rstrip("\n")) != schema.header:
            raise pa.ArrowInvalid(f"its header is {line!r}, expected {schema.header!r}")
        if not manifest.rows and not opened.read(1):
            return
    with open_gzip(BytesIO(data)) as opened:
        yield from csv.open_csv(
            opened,
            csv.ReadOptions(use_threads=False, column_names=list(schema.names), skip_rows=int(headed)),
            csv.ParseOptions(quote_char=False, ignore_empty_lines=False),
            csv.ConvertOptions(
                column_types={name: pa.string() for name in schema.names},
                strings_can_be_null=True,
                null_values=[""],
            ),
        )


def _parquet(data: bytes, schema: Schema, manifest: Manifest) -> Iterator[Any]:
    import pyarrow as pa
    from pyarrow import parquet

    form = pa.schema([(name, pa.string()) for name in schema.names])
    for batch in parquet.ParquetFile(BytesIO(data)).iter_batches():
        columns = [batch.column(name).cast(pa.string()) for name in schema.names]
        yield pa.record_batch(columns, schema=form)
