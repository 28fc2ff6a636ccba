"""A sandbox that another process serves: where it listens, for commands that act on it.

Enters: the data directory. Leaves: a file while a sandbox serves, and where its venues are. Never: a sandbox whose
process is gone.
"""

import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from cryptopipe.model.facts import VenueId

FILE = "sandbox.json"


@dataclass(frozen=True)
class Standing:
    """A sandbox that serves now, as it announced itself."""

    document: Mapping[str, Any]

    def rewrite(self, venue: "VenueId", url: str) -> str:
        """The venue's URL on the simulated venue."""
        from cryptopipe.drivers.child import on_origin

        return on_origin(url, self.document["venues"][venue]["rest"])


def standing(data_dir: Path) -> Standing | None:
    """The sandbox that serves beside this data directory; None if none does: its process is gone, or nobody listens
    where it said, because another process has its number now.
    """
    try:
        document = _read(data_dir / FILE)
        return Standing(document) if _serves(document) else None
    except (OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError):
        return None


def _read(place: Path) -> Any:
    """What stands there, None for what is no file: a pipe would be waited for."""
    return json.loads(place.read_text(encoding="utf-8")) if place.is_file() else None


def _serves(document: Any) -> bool:
    """Raises what reading a document raises that is none of ours, `OSError` where nobody is."""
    pid, origins = document["pid"], [one["rest"] for one in document["venues"].values()]
    if type(pid) is not int or pid <= 0:
        return False
    os.kill(pid, 0)
    address = urlsplit(origins[0])
    socket.create_connection((address.hostname or "", address.port or 0), timeout=1).close()
    return True


@contextmanager
def announced(data_dir: Path, document: Mapping[str, Any]) -> Iterator[None]:
    """The file stands while inside, readable by its owner alone. One that another sandbox wrote since is left; that of
    one which served before, and still does, stands again afterwards.
    """
    former = standing(data_dir)
    _write(data_dir, document)
    try:
        yield
    finally:
        with suppress(OSError, ValueError, LookupError, TypeError):
            if _read(data_dir / FILE)["pid"] == document["pid"]:
                _retire(data_dir, former)


def _retire(data_dir: Path, former: Standing | None) -> None:
    (data_dir / FILE).unlink(missing_ok=True)
    if former is not None:
        _write(data_dir, former.document)
        if standing(data_dir) is None:
            (data_dir / FILE).unlink(missing_ok=True)


def _write(data_dir: Path, document: Mapping[str, Any]) -> None:
    data_dir.mkdir(parents=True, exist_ok=True)
    place = data_dir / FILE
    temporary = place.with_suffix(f".{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(document, file)
        temporary.replace(place)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
