"""Which recordings are measured, and where they are.

Enters: `CRYPTOPIPE_RECORDINGS` (default `../shared/fixtures` beside the checkout) and `bench/feed.json` of the
checkout; without either, the capture generated for the package. Leaves: `Recording`s. Never: a recording that is named
and silently left out.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from cryptopipe import registry
from cryptopipe.capture.reader import Capture
from cryptopipe.errors import UsageError, did_you_mean

PACKAGE = Path(__file__).parent.parent
CHECKOUT = PACKAGE.parent
MANIFEST = CHECKOUT / "bench" / "feed.json"
PEERS = CHECKOUT / "bench" / "peers.py"


class PeerPlan(msgspec.Struct, forbid_unknown_fields=True):
    """How one peer is driven. `corpus` names another recording with the same updates in the peer's own dialect."""

    driver: str
    checks: str
    options: dict[str, str | bool | int] = {}
    corpus: str = ""
    note: str = ""


class Recording(msgspec.Struct, forbid_unknown_fields=True):
    """One recording. `renumber` is an expression whose group is a connection's number, counted anew from
    `renumber_from`: dropping other channels would leave holes in it. `opening` is one that finds the frames which tell
    what later ones mean, such as the acknowledgement that names a channel. `only` keeps these symbols. `in_table`
    false: measured only where a peer plan names it.
    """

    name: str
    venue: str
    file: str
    renumber: str = ""
    renumber_from: int = 0
    opening: str = ""
    only: list[str] = []
    in_table: bool = True
    whole_pipe: bool = False
    peers: dict[str, PeerPlan] = {}

    @property
    def path(self) -> Path:
        """Where it is."""
        return directory() / self.file


def directory() -> Path:
    """Where recordings are looked for."""
    return Path(os.environ.get("CRYPTOPIPE_RECORDINGS", CHECKOUT.parent / "shared" / "fixtures"))


def recordings() -> tuple[list[Recording], list[str]]:
    """What can be measured here, and what a reader of the figures must know."""
    if MANIFEST.is_file() and directory().is_dir():
        listed = msgspec.json.decode(MANIFEST.read_bytes(), type=list[Recording])
        there = [one for one in listed if one.path.is_file()]
        absent = [f"no recording {one.file}" for one in listed if not one.path.is_file()]
        if there:
            return there, absent
    installed = registry.names("exchange")
    generated = sorted(path for path in (PACKAGE / "generated").glob("*.jsonl.gz") if _stem(path) in installed)
    named = [Recording(f"generated {_stem(path)}", _stem(path), str(path), whole_pipe=True) for path in generated]
    return named, ["no recordings (CRYPTOPIPE_RECORDINGS): the generated capture is measured, without peers"]


def named(texts: Sequence[str]) -> list[Recording]:
    """Captures of the user's own: `VENUE=FILE`, or a native one with whatever venues it holds. Raises `UsageError`,
    `CaptureError`.
    """
    found = []
    for text in texts:
        venue, mark, name = text.partition("=")
        path = Path(name if mark else text).expanduser().absolute()
        capture = Capture(path, venue if mark else None)
        if not mark and not capture.native:
            raise UsageError("its lines do not name their venue", where=text, fix=f"write VENUE={text}")
        venues = [venue] if mark else list(dict.fromkeys(entry.venue for entry in capture if entry.venue))
        for one in venues:
            registry.exchange(one)
            found.append(Recording(f"{one} {path.name}", one, str(path), whole_pipe=True))
    if not found:
        raise UsageError("it holds no input of any venue", where=", ".join(texts), fix="name another capture")
    return found


def _stem(path: Path) -> str:
    return path.name.removesuffix(".jsonl.gz")


def chosen(found: list[Recording], only: tuple[str, ...]) -> list[Recording]:
    """Those of the table, or the named ones. Raises `UsageError` for a name that is not there."""
    table = {one.name: one for one in found if one.in_table}
    for name in only:
        if name not in table:
            raise UsageError(f"--only: no recording {name!r}{did_you_mean(name, table)}", fix=", ".join(table))
    return [table[name] for name in only or table]
