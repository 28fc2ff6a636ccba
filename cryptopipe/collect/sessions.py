"""One collector process after another: what each leaves for the next one, and who holds what.

    collected/<venue>/raw/<session>/session.json   its plan, and what it knew of the session before
                                    000001.arrows  its inputs
                                    spills.jsonl   which of them became rows late
                                    rows.json      all of its rows are sealed; what the next session must know
                                    status.json    how it is, now and then, for who asks
                                    lock           held while it runs, or while its rows are made again

Enters: the data directory, a plan. Leaves: sessions, locks. Never: two collectors of one stream.
"""

import fcntl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from cryptopipe.capture.files import DISK
from cryptopipe.clock import Nanos
from cryptopipe.collect.derive import Spill, session_id
from cryptopipe.collect.layout import folder_symbol, raw_folder, root
from cryptopipe.collect.plan import SANDBOX, Carried, Plan
from cryptopipe.collect.sealing import unwritable
from cryptopipe.errors import CaptureError, ConfigError, CryptopipeError, UsageError
from cryptopipe.locks import claim, holder

_NEXT_ID: Nanos = 60


class StreamBusy(CryptopipeError):
    """Another process collects the same."""

    exit_code = 75
    code = "stream_busy"


class Facts(msgspec.Struct, frozen=True):
    """What `session.json` says. `carried` None: it began while older sessions' rows were being made again."""

    session: str
    began_at: Nanos
    plan: Plan
    carried: dict[str, Carried] | None = None
    schema: int = 1


class Sealed(msgspec.Struct, frozen=True):
    """What `rows.json` says."""

    rows: int
    carried: dict[str, Carried]
    schema: int = 1


@dataclass(frozen=True)
class Session:
    """One collector's capture, and what stands beside it."""

    path: Path

    @property
    def id(self) -> str:
        """Its sortable name."""
        return self.path.name

    @property
    def has_inputs(self) -> bool:
        """Whether anything was captured."""
        return any(self.path.glob("*.arrows"))

    def facts(self) -> Facts | None:
        """None where it is not a collector's. Raises `CaptureError` for damage."""
        found: Facts | None = _read(self.path / "session.json", Facts)
        return found

    def sealed(self) -> Sealed | None:
        """None while rows are to be made. Raises `CaptureError` for damage."""
        found: Sealed | None = _read(self.path / "rows.json", Sealed)
        return found

    def spills(self) -> list[Spill]:
        """Those that were over."""
        try:
            lines = (self.path / "spills.jsonl").read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        found = []
        for line in lines[:-1]:  # the last one has no end: it was cut
            with suppress(msgspec.DecodeError):
                found.append(msgspec.json.decode(line, type=Spill))
        return found

    def describe(self, facts: Facts) -> None:
        """Write `session.json`. Raises `CaptureError`."""
        with _written(self.path / "session.json") as path:
            DISK.replace(path, msgspec.json.encode(facts))

    def seal(self, rows: int, carried: dict[str, Carried]) -> None:
        """Write `rows.json`: nothing of it is made again. Raises `CaptureError`."""
        with _written(self.path / "rows.json") as path:
            DISK.replace(path, msgspec.json.encode(Sealed(rows, carried)))

    def spilled(self, spill: Spill) -> None:
        """Keep which inputs became rows late. Raises `CaptureError`."""
        with _written(self.path / "spills.jsonl") as path, path.open("ab") as file:
            file.write(msgspec.json.encode(spill) + b"\n")

    def tell(self, status: Mapping[str, Any]) -> None:
        """Replace `status.json`; a reader sees the old one or the new one, a power loss may lose both. Raises
        `CaptureError`.
        """
        with _written(self.path / "status.json") as path:
            draft = self.path / ".status.new"
            draft.write_bytes(msgspec.json.encode(status))
            draft.replace(path)

    def status(self) -> dict[str, Any]:
        """What it told last; empty for nothing."""
        with suppress(OSError, msgspec.DecodeError):
            return msgspec.json.decode((self.path / "status.json").read_bytes(), type=dict[str, Any])
        return {}

    @contextmanager
    def held(self, wait: bool = False) -> Iterator[bool]:
        """Hold it for this process; False where another one does. `wait` for that one's end."""
        with (self.path / "lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
            else:
                yield True

    @property
    def runs(self) -> bool:
        """Whether a process holds it."""
        try:
            with (self.path / "lock").open("r") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False


def begin(data_dir: Path, venue: str, now: Nanos) -> Session:
    """The folder of a new session. Raises `ConfigError` where nothing can be written."""
    while True:
        session = Session(raw_folder(data_dir, venue) / session_id(now))
        try:
            session.path.mkdir(parents=True)
        except FileExistsError:
            now += _NEXT_ID
        except OSError as error:
            raise _unwritable(data_dir, error) from error
        else:
            return session


def all_sessions(data_dir: Path, venue: str) -> list[Session]:
    """Those of collectors, oldest first."""
    folders = sorted(raw_folder(data_dir, venue).glob("*"))
    return [Session(path) for path in folders if (path / "session.json").is_file()]


def carried_over(sessions: Sequence[Session], plan: Plan) -> dict[str, Carried]:
    """What sessions that are sealed left of the streams of a plan: of each the newest word. A simulated market begins
    anew with each session: of it only the time and the gaps are carried.
    """
    found: dict[str, Carried] = {}
    folders = {one.folder for one in plan.wanted if one.kind != "raw"}
    streams = None if plan.symbols is None else len(folders) * len(plan.symbols)
    for session in reversed(sessions):
        sealed = session.sealed() if streams is None or len(found) < streams else None
        for key, one in (sealed.carried if sealed is not None else {}).items():
            folder, _, symbol = key.partition("/")
            if folder in folders and (plan.symbols is None or symbol in plan.symbols) and one.until:
                found.setdefault(key, one)
    if plan.market == SANDBOX:
        return {key: Carried(until=one.until, gaps=one.gaps) for key, one in found.items()}
    return found


def refuse_mixture(data_dir: Path, plan: Plan) -> None:
    """Raises `UsageError` where the directory holds data of another market under the venue's name."""
    for session in all_sessions(data_dir, plan.venue):
        facts = session.facts()
        if facts is not None and facts.plan.market != plan.market:
            raise UsageError(
                f"holds {plan.venue} of another market: {facts.plan.market}, not {plan.market}",
                where=str(data_dir),
                fix="write into a directory of its own: --data_dir DIR",
            )


@contextmanager
def holding(data_dir: Path, plan: Plan) -> Iterator[None]:
    """Hold every stream of a plan. Raises `StreamBusy` while another process has one of them, `ConfigError` where
    nothing can be written.
    """
    with ExitStack() as locks:
        for key in _keys(plan):
            path = root(data_dir) / plan.venue / ".locks" / f"{key}.lock"
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                lock = locks.enter_context(path.open("a+", encoding="utf-8"))
            except OSError as error:
                raise _unwritable(data_dir, error) from error
            if not claim(lock):
                folder, _, symbol = key.partition("~")
                raise StreamBusy(
                    f"{folder} of {symbol} is collected already, by process {holder(lock) or '?'}",
                    where=plan.venue,
                    fix="leave it out, stop that one, or collect into a directory of its own: --data_dir DIR",
                )
        yield


def _keys(plan: Plan) -> list[str]:
    """Of each kind and symbol; a collector of everything excludes those of one symbol by the name `all`."""
    folders = [one.folder for one in plan.wanted]
    return [f"{folder}~{folder_symbol(symbol)}" for folder in folders for symbol in plan.symbols or ("all",)]


@contextmanager
def _written(path: Path) -> Iterator[Path]:
    try:
        yield path
    except OSError as error:
        raise unwritable(path, error) from error


def _read(path: Path, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise CaptureError(f"not what a collector wrote: {error}", where=str(path), fix="restore it") from error


def _unwritable(data_dir: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"nothing can be collected here: {error.strerror or error}",
        where=f"data_dir {data_dir}",
        fix="name a directory that can be written: --data_dir DIR, or data_dir in config.yaml",
    )
