"""A sandbox that another process serves: where it listens, for commands that act on it.

Enters: the data directory. Leaves: a file while a sandbox serves, and where its venues are. Never: a sandbox whose
process is gone.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    """The sandbox that serves beside this data directory; None if none does."""
    try:
        document = json.loads((data_dir / FILE).read_text(encoding="utf-8"))
        os.kill(int(document["pid"]), 0)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Standing(document)


@contextmanager
def announced(data_dir: Path, document: Mapping[str, Any]) -> Iterator[None]:
    """The file stands while inside, readable by its owner alone. One that another sandbox wrote since is left."""
    data_dir.mkdir(parents=True, exist_ok=True)
    place = data_dir / FILE
    temporary = place.with_suffix(f".{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(document, file)
    temporary.replace(place)
    try:
        yield
    finally:
        now = standing(data_dir)
        if now is not None and now.document["pid"] == document["pid"]:
            place.unlink(missing_ok=True)
