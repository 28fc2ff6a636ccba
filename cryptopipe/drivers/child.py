"""The sandbox as a child process: simulated venues on loopback, on the other core.

Enters: venues, seed, files with faults and parameters. Leaves: where each venue listens. Never: a child that outlives
the run, however the run ends: it ends itself when its standard input closes.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from select import select
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import msgspec

from cryptopipe.clock import Nanos, parse_at
from cryptopipe.errors import VenueUnavailable
from cryptopipe.model.facts import VenueId

_STARTS_WITHIN_S = 20
_ENDS_WITHIN_S = 3
_NEEDED = frozenset({"CRYPTOPIPE_USE_CORE", "HOME", "LANG", "NO_COLOR", "PATH", "TERM", "TMPDIR", "TZ", "VIRTUAL_ENV"})


@dataclass(frozen=True)
class Sandbox:
    """The simulated venues that listen, as `cryptopipe sandbox --json` told."""

    process: "subprocess.Popen[bytes]"
    document: Mapping[str, Any]

    @property
    def seed(self) -> int:
        """What its markets were drawn from."""
        return int(self.document["seed"])

    @property
    def started_at(self) -> Nanos:
        """When its market began."""
        return parse_at(self.document["started_at"])

    def rewrite(self, venue: VenueId, url: str) -> str:
        """The venue's URL on the simulated venue: another origin, the same path and query."""
        return on_origin(url, self.document["venues"][venue]["rest"])

    def ended(self) -> str:
        """Why it is not there any more; empty while it is."""
        code = self.process.poll()
        if code is None:
            return ""
        return f"the sandbox ended with exit code {code}" if code >= 0 else f"the sandbox was ended by {_signal(-code)}"


def on_origin(url: str, rest: str) -> str:
    """A venue's URL on another origin, such as `http://127.0.0.1:8001`: the same path and query."""
    real, origin = urlsplit(url), urlsplit(rest)
    secure = origin.scheme == "https"
    scheme = ("wss" if secure else "ws") if real.scheme in ("ws", "wss") else origin.scheme
    return urlunsplit((scheme, origin.netloc, real.path, real.query, ""))


@contextmanager
def sandbox(
    venues: Sequence[str],
    seed: int | None = None,
    faults: Path | None = None,
    parameters: Path | None = None,
    assets: Sequence[str] = (),
) -> Iterator[Sandbox]:
    """Simulated venues while the context lasts. Raises `VenueUnavailable` if they do not start; its own message on a
    fault of its files is on stderr already. `-P`: the user's `statistics.py` in the working directory is not ours.
    """
    command = [sys.executable, "-P", "-m", "cryptopipe", "sandbox", "--json", "--until-stdin-closes"]
    command += ["--venues", ",".join(venues)]
    for option, value in (("--seed", seed), ("--faults", faults), ("--parameters", parameters)):
        command += [] if value is None else [option, str(value)]
    command += ["--assets", ",".join(assets)] if assets else []
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, env=_environment(), start_new_session=True)
    try:
        yield Sandbox(process, _told(process))
    finally:
        _end(process)


def _environment() -> dict[str, str]:
    """What a Python needs to start, and nothing that may be a secret of the user's."""
    return {name: value for name, value in os.environ.items() if name in _NEEDED or name.startswith(("LC_", "PYTHON"))}


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _told(process: "subprocess.Popen[bytes]") -> dict[str, Any]:
    """Its one line."""
    assert process.stdout is not None
    ready, _, _ = select([process.stdout], [], [], _STARTS_WITHIN_S)
    line = process.stdout.readline() if ready else b""
    try:
        document = msgspec.json.decode(line, type=dict[str, Any])
    except msgspec.DecodeError:
        document = {"error": {"message": f"said nothing within {_STARTS_WITHIN_S} s" if not ready else "ended at once"}}
    if "error" in document:
        told = document["error"]
        raise VenueUnavailable(
            f"the sandbox does not start: {told.get('message')}",
            where=told.get("where") or "",
            fix=told.get("fix") or "try it by itself: cryptopipe sandbox",
        )
    return document


def _end(process: "subprocess.Popen[bytes]") -> None:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.close()
    try:
        process.wait(_ENDS_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()
