"""The processes of a measurement: one a side, pinned to the same core, asked for a pass in turn.

Enters: a command line. Leaves: answers, one JSON line each. Never: two sides at work at the same time.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from cryptopipe.errors import CryptopipeError
from cryptopipe.settings.keys import without_keys


class BenchFailed(CryptopipeError):
    """A side of a measurement did not do its work."""

    code = "bench_failed"


class Side:
    """One process. `greeting` is what it told at its start; it has the key `absent` if the side cannot run here."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self.name = name
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**without_keys(os.environ), **(environment or {})},
        )
        self.greeting = self._answer()

    def load(self, corpus: Path, options: Mapping[str, str | bool | int]) -> None:
        """Give it a corpus. Raises `BenchFailed`."""
        self._ask({"corpus": str(corpus), "options": dict(options)})

    def timed_pass(self) -> dict[str, Any]:
        """One pass over its corpus: seconds, frames, tops, ends. Raises `BenchFailed`."""
        return self._ask({"pass": True})

    def _ask(self, order: Mapping[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise BenchFailed("its process has ended", where=self.name) from None
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise BenchFailed(
                f"its process ended with {self._process.wait()}", where=self.name, fix="see its traceback"
            )
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise BenchFailed(answer["error"], where=self.name)
        return answer

    def __enter__(self) -> "Side":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        self._process.wait()


def cpu() -> int | None:
    """The core to pin to: the last one allowed; None where a process cannot be pinned."""
    return max(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


def busy() -> list[str]:
    """A note if others already keep the cores at work; empty if not, or where the system does not tell."""
    load, cores = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0, os.cpu_count() or 1
    return [f"the machine was busy: load {load:.1f} on {cores} cores at the start"] if load > cores / 2 else []


def pinned() -> list[str]:
    """The core as an argument, where there is one."""
    return [] if cpu() is None else [str(cpu())]


def ours(core: str) -> Side:
    """Our side on one core. Raises `BenchFailed` or what the core says."""
    command = [sys.executable, "-m", "cryptopipe.bench.worker", *pinned()]
    return Side(f"{core} core", command, {"CRYPTOPIPE_USE_CORE": core})


def peer(driver: str, script: Path, python: str) -> Side:
    """A peer's side, in its own interpreter."""
    return Side(driver, [python, str(script), driver, *pinned()])
