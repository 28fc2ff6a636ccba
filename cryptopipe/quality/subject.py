"""What a check is given, and what it gives.

Enters: one file as it was read, its manifest, former files of its stream, limits. Leaves: `Check`s, each a name, a
severity and a judge. Never: a check that writes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptopipe.collect.manifest import Manifest
from cryptopipe.collect.schema import Schema
from cryptopipe.quality.former import Former
from cryptopipe.quality.intake import Copied
from cryptopipe.quality.rows import Rows
from cryptopipe.quality.verdict import EXAMPLES, Example
from cryptopipe.settings.quality import QualitySettings


@dataclass
class Subject:
    """One file. `manifest` None: none that can be read, `fault` says why; `kind` and `folder` are its own words for
    what it holds (`book`, `book-1000ms`); `damage` is why its rows cannot be read, empty if they can.
    """

    file: Path
    at: int
    """Of the run of checks, in epoch milliseconds."""
    manifest: Manifest | None
    fault: str
    copied: Copied
    rows: Rows
    schema: Schema
    former: Former
    limits: QualitySettings
    damage: str = ""
    many: int = 0
    """Its rows."""
    silence: tuple[int, int, int] | None = None
    """The longest, once it was looked for."""
    columns: Sequence[str] = ()
    """What is wrong with the columns of a Parquet file."""

    @property
    def kind(self) -> str:
        """trade, book, top, l3 or candle."""
        return self.schema.kind

    @property
    def stream(self) -> str:
        """`alpha/book-1000ms/XYUSD`, as its folders are called."""
        return "/".join(self.file.absolute().parts[-4:-1])

    @property
    def folder(self) -> Path:
        """The venue's folder."""
        return self.file.absolute().parents[2]


@dataclass(frozen=True)
class Found:
    """What a judge found: how many offenders, the first of them, words beside; none is right."""

    count: int = 0
    examples: Sequence[Example] = ()
    detail: str = ""


RIGHT = Found()
Judge = Callable[[Subject], Found]


@dataclass(frozen=True)
class Check:
    """`kinds` empty: of every kind of rows. `of_rows`: not asked where the rows cannot be read."""

    name: str
    severity: str
    title: str
    judge: Judge
    kinds: frozenset[str] = frozenset()
    of_rows: bool = True


def whole(*texts: str) -> Found:
    """Faults of the file as a whole."""
    return Found(len(texts), [Example(0, text) for text in texts[:EXAMPLES]])


def query(sql: str) -> Judge:
    """Every row of a query of `line` and `text` is an offender."""
    return lambda subject: Found(*subject.rows.offenders(sql))
