"""Where collected data is: one place for every path.

    DATA_DIR/collected/<venue>/<folder>/<symbol'>/<venue>-<symbol'>-<folder>-<YYYYMMDDTHH>Z-<NNN>.csv.gz
                                                  the same + ".json": its manifest; ".verdict.json": of its checks
                                                  the same + ".part": being written, plain text
    DATA_DIR/collected/<venue>/raw/<session>/     the native capture of one collector process
    DATA_DIR/collected/<venue>/depth/<symbol'>.json

Enters: names. Leaves: paths. Never: a path that a symbol leads out of its folder.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptopipe.clock import MILLISECOND, SECOND, Nanos

HOUR: Nanos = 3600 * SECOND
SUFFIXES = {"csv": ".csv.gz", "parquet": ".parquet"}
MANIFEST = ".json"
VERDICT = ".verdict.json"
PART = ".part"
RAW = "raw"
DEPTH = "depth"

_BAD = re.compile(r"[/:\\\s]")
_FILE = re.compile(r"(?P<head>.+)-(?P<hour>\d{8}T\d\d)Z-(?P<number>\d{3,})\.(?:csv\.gz|parquet)")
_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000))


def folder_symbol(symbol: str) -> str:
    """A symbol as part of a path: `BTC/USDT` is `BTC-USDT`. The manifest has the true one."""
    text = _BAD.sub("-", symbol)
    return text if text.strip(".") else "-" * len(text)


def folder_kind(kind: str, interval_ms: int | None = None) -> str:
    """The folder of a kind of rows: `trade`, `book-1000ms`, `candle-1m`."""
    if kind == "book" and interval_ms is not None:
        return f"book-{interval_ms}ms"
    if kind == "candle" and interval_ms is not None:
        return f"candle-{interval_text(interval_ms)}"
    return kind


def interval_text(interval_ms: int) -> str:
    """The largest unit that divides it: 60000 is `1m`, 1500 is `1500ms`."""
    for unit, size in _UNITS:
        if interval_ms % size == 0:
            return f"{interval_ms // size}{unit}"
    return f"{interval_ms}ms"


def hour_text(at: Nanos) -> str:
    """The hour of a stamp: `20261121T05`."""
    return f"{datetime.fromtimestamp(at // SECOND, UTC):%Y%m%dT%H}"


def hour_ms(file: Path) -> int:
    """When the hour of a row file begins, in epoch milliseconds. Raises `ValueError` for another name."""
    return _hour_at(_matched(file)["hour"]) // MILLISECOND


def number_of(file: Path) -> int:
    """The number of a row file within its hour, from 1. Raises `ValueError` for another name."""
    return int(_matched(file)["number"])


@dataclass(frozen=True)
class Place:
    """Where the rows of one stream are: a venue's symbol and a kind."""

    data_dir: Path
    venue: str
    folder: str
    symbol: str

    @property
    def path(self) -> Path:
        """The folder of its files."""
        return root(self.data_dir) / self.venue / self.folder / folder_symbol(self.symbol)

    def file(self, at: Nanos, number: int, form: str) -> Path:
        """The row file of a receive stamp's hour; `form` is `csv` or `parquet`."""
        name = f"{self.venue}-{folder_symbol(self.symbol)}-{self.folder}-{hour_text(at)}Z-{number:03d}{SUFFIXES[form]}"
        return self.path / name


def root(data_dir: Path) -> Path:
    """Everything that was collected."""
    return data_dir / "collected"


def raw_folder(data_dir: Path, venue: str) -> Path:
    """The captures of a venue, one folder a session."""
    return root(data_dir) / venue / RAW


def depth_file(data_dir: Path, venue: str, symbol: str) -> Path:
    """The newest depth of a book."""
    return root(data_dir) / venue / DEPTH / f"{folder_symbol(symbol)}.json"


def manifest_of(file: Path) -> Path:
    """The manifest of a row file."""
    return file.with_name(file.name + MANIFEST)


def verdict_of(file: Path) -> Path:
    """What the checks found in a row file."""
    return file.with_name(file.name + VERDICT)


def part_of(file: Path) -> Path:
    """A row file while it is written."""
    return file.with_name(file.name + PART)


def is_row_file(path: Path) -> bool:
    """Whether a name is that of a sealed row file."""
    return _FILE.fullmatch(path.name) is not None


def sealed_files(
    data_dir: Path, venue: str | None = None, folder: str | None = None, symbol: str | None = None
) -> Iterator[Path]:
    """Row files that have their manifest, in order of venue, kind, symbol, hour and number. None: any of them."""
    pattern = "/".join(("*" if one is None else one) for one in (venue, folder, symbol and folder_symbol(symbol)))
    found = [path for path in root(data_dir).glob(f"{pattern}/*") if is_row_file(path) and manifest_of(path).exists()]
    yield from sorted(found, key=lambda path: (path.parent, hour_ms(path), number_of(path)))


def _matched(file: Path) -> re.Match[str]:
    match = _FILE.fullmatch(file.name)
    if match is None:
        raise ValueError(f"not the name of a row file: {file.name}")
    return match


def _hour_at(text: str) -> Nanos:
    return int(datetime.strptime(text, "%Y%m%dT%H").replace(tzinfo=UTC).timestamp()) * SECOND
