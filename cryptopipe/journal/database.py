"""Keeps `journal.duckdb`: a convenience that may always be dropped and rebuilt from the logs.

Enters: a question. Leaves: its answer, from tables that hold every record durable when it was asked. Never: a wait
for more than two seconds, an answer from a damaged database, or a run that is held up (runs never open it).
"""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

import duckdb
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from cryptopipe.errors import JournalError
from cryptopipe.journal import schema
from cryptopipe.journal.projector import Projected, project
from cryptopipe.journal.runs import list_runs

WAIT_S = 2.0
"""How long another process that projects is waited for."""

_POLL_S = 0.02

T = TypeVar("T")


class ProjectionBusy(JournalError):
    """Another process holds the projection."""

    exit_code = 75
    code = "projection_busy"


class _Broken(Exception):
    """The database cannot be opened, migrated, written or read."""


def ask(data_dir: Path, question: Callable[[sa.Connection], T], wait_s: float = WAIT_S) -> tuple[T, Projected]:
    """The answer, over all runs of the data directory, and what projecting them met.

    A database that is damaged or cannot be migrated is dropped and rebuilt; where another process holds it for longer
    than `wait_s`, the answer comes from a projection in memory. Raises `JournalError` if even a new database fails.
    """
    try:
        with _held(data_dir, wait_s):
            try:
                return _ask(data_dir, question)
            except _Broken:
                _drop(data_dir)
                return _ask(data_dir, question)
    except ProjectionBusy:
        return _ask(data_dir, question, in_memory=True)
    except _Broken as error:
        raise JournalError(f"a new projection cannot be used: {error}", where=str(database(data_dir))) from error


def rebuild(data_dir: Path, wait_s: float = WAIT_S) -> Projected:
    """Drop the database and make it again from the logs. Raises `ProjectionBusy`, `JournalError`."""
    with _held(data_dir, wait_s):
        _drop(data_dir)
        try:
            return _ask(data_dir, lambda connection: None)[1]
        except _Broken as error:
            raise JournalError(f"the projection cannot be built: {error}", where=str(database(data_dir))) from error


def database(data_dir: Path) -> Path:
    """Where the projection is."""
    return data_dir / "journal.duckdb"


def migrate(connection: sa.Connection) -> None:
    """Bring a database to the newest revision. Raises `SQLAlchemyError`, also for a revision nobody knows."""
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(_migrations()).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise SQLAlchemyError(f"it cannot be migrated: {error}") from error


def _ask(data_dir: Path, question: Callable[[sa.Connection], T], in_memory: bool = False) -> tuple[T, Projected]:
    try:
        with _connected("" if in_memory else str(database(data_dir))) as connection:
            projected = project(connection, list_runs(data_dir))
            with connection.begin():
                return question(connection), projected
    except (SQLAlchemyError, duckdb.Error) as error:
        if "lock on file" in str(error):
            raise ProjectionBusy(f"another process holds it: {error}", where=str(database(data_dir))) from error
        raise _Broken(str(error)) from error


@contextmanager
def _connected(path: str) -> Iterator[sa.Connection]:
    """A connection to a database that has all tables; in memory without a path."""
    engine = sa.create_engine(f"duckdb:///{path or ':memory:'}", poolclass=NullPool)
    try:
        with engine.connect() as connection:
            if not path:
                schema.metadata.create_all(connection)
                connection.commit()
            elif _revision(connection) != schema.REVISION:
                migrate(connection)
                connection.commit()
            yield connection
    finally:
        engine.dispose()


def _revision(connection: sa.Connection) -> str:
    """The revision of a database; empty for a new one."""
    tables = "select count(*) from information_schema.tables where table_name = 'alembic_version'"
    with connection.begin():
        if not connection.exec_driver_sql(tables).scalar_one():
            return ""
        return str(connection.exec_driver_sql("select version_num from alembic_version").scalar_one())


def _migrations() -> Path:
    found = find_spec("cryptopipe_migrations")
    if found is None or found.origin is None:
        raise JournalError("the package cryptopipe_migrations is not installed", fix="install cryptopipe again")
    return Path(found.origin).parent


@contextmanager
def _held(data_dir: Path, wait_s: float) -> Iterator[None]:
    """The advisory lock of the projection. Raises `ProjectionBusy` after `wait_s`, or where nothing may be written."""
    path = data_dir / "journal.lock"
    until = time.monotonic() + wait_s
    try:
        opened = path.open("a")
    except OSError as error:
        raise ProjectionBusy(f"it cannot be locked: {error.strerror}", where=str(path)) from error
    with opened as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise ProjectionBusy(
                        f"another process holds it for more than {wait_s} s", where=str(path)
                    ) from None
                time.sleep(_POLL_S)
        yield


def _drop(data_dir: Path) -> None:
    for path in data_dir.glob("journal.duckdb*"):
        path.unlink()
