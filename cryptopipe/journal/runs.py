"""Run directories: where one run keeps its journal, its capture, and what is true of it outside the journal.

Enters: the data directory. Leaves: `runs/<run_id>/` with `journal/`, `capture/`, `run.json` and `ended.json`. Never:
two runs in one directory, or a half-written description.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec

from cryptopipe.capture.files import DISK
from cryptopipe.clock import SECOND, Nanos, format_at
from cryptopipe.errors import JournalError, UsageError

_NEXT_ID: Nanos = 60
"""A second has 2 ** 24 ids: this much later, the next one."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run: its sortable id and its directory."""

    id: str
    path: Path

    @property
    def journal(self) -> Path:
        """The directory of its log."""
        return self.path / "journal"

    @property
    def capture(self) -> Path:
        """The directory of its inputs."""
        return self.path / "capture"

    def describe(self, facts: Mapping[str, Any]) -> None:
        """Add to `run.json`: core, host, versions, mode, market, execution, seed, sources, configuration, …"""
        _write(self.path / "run.json", {**self.description(), **facts})

    def description(self) -> dict[str, Any]:
        """What `run.json` says; at least `run_id` and `started_at`. Raises `JournalError` if it is no JSON object."""
        return _read(self.path / "run.json")

    def end(self, now: Nanos, facts: Mapping[str, Any]) -> None:
        """Write `ended.json`: `ended_at` and whatever else is known at the end."""
        _write(self.path / "ended.json", {"run_id": self.id, "ended_at": format_at(now), **facts})

    def ending(self) -> dict[str, Any]:
        """What `ended.json` says; empty for a run that goes on or was cut off. Raises `JournalError`."""
        return _read(self.path / "ended.json")


def create(data_dir: Path, now: Nanos) -> Run:
    """Make the directory of a new run: `20261121T055012Z-<6 hex>`. Raises `OSError`.

    The six digits are the fraction of the second, so that ids sort as the runs began, however close they did.
    """
    started_at = now
    while True:
        stamp = format_at(now)[:19].replace("-", "").replace(":", "")
        run_id = f"{stamp}Z-{(now % SECOND << 24) // SECOND:06x}"
        run = Run(run_id, data_dir / "runs" / run_id)
        try:
            run.path.mkdir(parents=True)
        except FileExistsError:
            if not run.path.is_dir():
                raise
            now += _NEXT_ID
        else:
            run.describe({"run_id": run_id, "started_at": format_at(started_at)})
            return run


def list_runs(data_dir: Path) -> list[Run]:
    """All runs that have a journal, oldest first."""
    return [Run(path.name, path) for path in sorted((data_dir / "runs").glob("*")) if (path / "journal").is_dir()]


def find(data_dir: Path, wanted: str) -> list[Run]:
    """The runs that `last`, `all` or the beginning of an id means; one run unless `all`. Raises `UsageError`."""
    runs = list_runs(data_dir)
    if wanted == "all":
        return runs
    if not runs:
        raise UsageError(f"no run in {data_dir}", fix="start one: cryptopipe --strategy arbitrage --mode action")
    if wanted == "last":
        return runs[-1:]
    found = [run for run in runs if run.id.startswith(wanted)] if wanted else []
    if len(found) == 1:
        return found
    ids = [run.id for run in found or runs]
    if found:
        raise UsageError(f"{len(found)} runs begin with {wanted!r}: {', '.join(ids)}", fix="give more of the id")
    nearest = get_close_matches(wanted, ids, n=1, cutoff=0)[0]
    raise UsageError(f"no run begins with {wanted!r}", fix=f"nearest is {nearest}; last and all also work")


def _write(path: Path, facts: Mapping[str, Any]) -> None:
    DISK.replace(path, msgspec.json.format(msgspec.json.encode(facts), indent=2) + b"\n")


def _read(path: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except FileNotFoundError:
        return {}
    except msgspec.DecodeError as error:
        raise JournalError(f"not a JSON object: {error}", where=str(path)) from error
