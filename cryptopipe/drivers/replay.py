"""Recorded captures as the driver of a run.

Enters: the texts of `--replay`, `--shift` and `--align`. Leaves: inputs, and a label that says what they are. Never: a
run of moved clocks that is called simultaneous.
"""

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from cryptopipe import registry
from cryptopipe.capture.inputs import Input
from cryptopipe.capture.merge import Source, merge, why_not_simultaneous
from cryptopipe.clock import SECOND, Nanos, parse_duration
from cryptopipe.errors import CaptureError, UsageError, did_you_mean
from cryptopipe.model.facts import VenueId

SUFFIX = ".jsonl.gz"
LONGEST_SHIFT: Nanos = 100 * 365 * 24 * 3600 * SECOND
"""A capture's stamps end in 2262."""


@dataclass(frozen=True)
class ReplayLabel:
    """What a replayed run was made of: `files` are (venue, name, sha256). `why` is shown wherever its figures are."""

    simultaneous: bool
    why: str
    files: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class Replay:
    """A replay, opened but not yet read. Each iteration reads it from its start and raises `CaptureError`."""

    sources: tuple[Source, ...]
    align: bool
    shifts: dict[str, Nanos]

    def __iter__(self) -> Iterator[Input]:
        return merge(self.sources, self.align, self.shifts)

    @property
    def venues(self) -> tuple[str, ...]:
        """The venues replayed, each once, in the order given."""
        return tuple(dict.fromkeys(source.venue for source in self.sources if source.venue))

    def label(self) -> ReplayLabel:
        """Reads every file once for its hash."""
        why = why_not_simultaneous(self.sources, self.align, self.shifts)
        simultaneous = not why
        if self.sources and all(source.path in packaged_files() for source in self.sources):
            why = f"generated data, not a market; {why}".removesuffix("; ")
        files = tuple((s.venue or "", s.path.name, sha256(s.capture.files)) for s in self.sources)
        return ReplayLabel(simultaneous, why, files)


def open_replay(replay: Sequence[str], shift: Sequence[str] = (), align: str | None = None) -> Replay:
    """The captures that `VENUE=FILE` texts name. Raises `UsageError`, and `CaptureError` for what is not a capture."""
    if align not in (None, "start"):
        raise UsageError(f"--align {align} is not known: expected start", fix="write --align start, or leave it out")
    sources = tuple(_source(text) for text in replay)
    venues = [source.venue or "" for source in sources]
    shifts = dict(_shift(text, venues) for text in shift)
    return Replay(sources, align == "start", shifts)


def packaged_replay(
    shift: Sequence[str] = (), align: str | None = None, wanted: Callable[[str], bool] = lambda venue: True
) -> Replay:
    """The small capture that ships with the package: generated, one file for each venue, named after it; of the
    venues that are wanted.
    """
    named = [(path.name.removesuffix(SUFFIX), path) for path in packaged_files()]
    return open_replay([f"{venue}={path}" for venue, path in named if wanted(venue)], shift, align)


def packaged_files() -> list[Path]:
    """The generated files of the venues that are installed, in order of their names."""
    installed = registry.names("exchange")
    found = (Path(__file__).parent.parent / "generated").glob(f"*{SUFFIX}")
    return sorted(path for path in found if path.name.removesuffix(SUFFIX) in installed)


def paced(inputs: Iterable[Input], speed: Decimal, wait: Callable[[float], object]) -> Iterator[Input]:
    """The inputs, each when its stamp is due, `speed` times as fast as they were recorded; `wait` takes seconds."""
    began, first = time.monotonic_ns(), None
    for entry in inputs:
        first = entry.at if first is None else first
        early = int((entry.at - first) / speed) - (time.monotonic_ns() - began)
        if early > 0:
            wait(early / SECOND)
        yield entry


def sha256(files: Sequence[Path]) -> str:
    """The hash of the files' bytes, one after the other."""
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()


def _source(text: str) -> Source:
    venue, mark, name = text.partition("=")
    if not (venue and mark and name):
        raise UsageError(f"--replay {text} is not VENUE=FILE", fix="write it as --replay A=recording.jsonl.gz")
    path = Path(name).expanduser()
    if not path.exists():
        raise UsageError("no such file or directory", where=f"--replay {text}", fix=f"check the path {path}")
    return Source(venue, path)


def _shift(text: str, venues: Sequence[str]) -> tuple[str, Nanos]:
    venue, _, duration = text.partition("=")
    if venue not in venues:
        why = f"--shift {text}: {venue!r} is not replayed{did_you_mean(venue, venues)}"
        raise UsageError(why, fix=f"write --shift VENUE=120s with one of: {', '.join(venues) or 'none'}")
    try:
        size = parse_duration(duration.removeprefix("-"))
    except ValueError as error:
        raise UsageError(f"--shift {text}: {error}", fix=f"write it as --shift {venue}=120s") from error
    if size > LONGEST_SHIFT:
        raise UsageError(f"--shift {text}: more than a hundred years", fix=f"write it as --shift {venue}=120s")
    return venue, -size if duration.startswith("-") else size


def refuse_foreign(venues: Mapping[VenueId, Mapping[str, object]]) -> None:
    """A recording of which nothing was understood is another venue's, or another stream's. Raises `CaptureError`.

    `venues` are the lines of a run's summary.
    """
    for venue, counts in venues.items():
        if counts["frames"] and not counts["trades"] and counts["state"] == "no book":
            why = f": {counts['last_refusal']}" if counts["last_refusal"] else ""
            raise CaptureError(
                f"none of its {counts['frames']} frames can be read as one of {venue}'s{why}",
                where=f"--replay {venue}=…",
                fix="name the venue, and the stream, that the recording is of",
            )
