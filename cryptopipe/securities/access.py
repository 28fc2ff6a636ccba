"""Who has `securities.duckdb` open, and at which revision.

Enters: a data directory. Leaves: its `Store`, for as long as a context lasts. Never: two processes that write at once,
a database of a newer program, or a wait for more than `WAIT_S`.

A DuckDB file is one process's at a time, or several readers'. So it is open only while rows are read or written, never
while venues are asked (docs/adr/0015).
"""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from cryptopipe.errors import CryptopipeError
from cryptopipe.securities.store import Store

if TYPE_CHECKING:
    import sqlalchemy as sa

WAIT_S = 2.0
"""How long another process that has the file open is waited for."""
_POLL_S = 0.02


class SecuritiesError(CryptopipeError):
    """The database cannot be opened, read or written."""

    code = "securities"


class SecuritiesBusy(SecuritiesError):
    """Another process has the database open."""

    exit_code = 75
    code = "securities_busy"


LIVE, SANDBOX = "live", "sandbox"


def database(data_dir: Path, market: str = LIVE) -> Path:
    """Where the security master is; that of simulated venues, which bear the names of real ones, is another file."""
    return data_dir / ("securities-sandbox.duckdb" if market == SANDBOX else "securities.duckdb")


@contextmanager
def opened(data_dir: Path, market: str = LIVE, write: bool = False, wait_s: float = WAIT_S) -> Iterator[Store]:
    """The security master, made where it is to be written and there is none. Raises `SecuritiesBusy`,
    `SecuritiesError`.
    """
    import duckdb
    import sqlalchemy as sa
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.pool import NullPool

    path = database(data_dir, market)
    if not write and not path.exists():
        raise SecuritiesError("no security master is kept here", where=str(path), fix="ask the venues: securities sync")
    with _held(path, write, wait_s):
        engine = sa.create_engine(
            f"duckdb:///{path}", poolclass=NullPool, connect_args={} if write else {"read_only": True}
        )
        try:
            with engine.connect() as connection:
                _bring_up(connection, path, write)
                yield Store(connection)
        except (SQLAlchemyError, duckdb.Error) as error:
            if "lock on file" in str(error):
                raise _busy(path, "another program has it open") from error
            raise SecuritiesError(f"cannot be used: {error}", where=str(path), fix="restore it from a copy") from error
        finally:
            engine.dispose()


def _bring_up(connection: "sa.Connection", path: Path, write: bool) -> None:
    from cryptopipe.securities.schema import REVISION

    found = _revision(connection)
    if found == REVISION:
        return
    if found > REVISION:
        raise SecuritiesError(
            f"has the schema {found}, and this program knows up to {REVISION}",
            where=str(path),
            fix="install the version of cryptopipe that wrote it, or a newer one",
        )
    if not write:
        raise SecuritiesError(
            f"has the schema {found or 'of no revision'}, not {REVISION}", where=str(path), fix="securities sync"
        )
    _migrate(connection)
    connection.commit()


def _revision(connection: "sa.Connection") -> str:
    """The revision of a database; empty for a new one."""
    tables = "select count(*) from information_schema.tables where table_name = 'alembic_version'"
    with connection.begin():
        if not connection.exec_driver_sql(tables).scalar_one():
            return ""
        return str(connection.exec_driver_sql("select version_num from alembic_version").scalar_one())


def _migrate(connection: "sa.Connection") -> None:
    from alembic import command
    from alembic.config import Config

    found = find_spec("cryptopipe_migrations")
    if found is None or found.origin is None:
        raise SecuritiesError("the package cryptopipe_migrations is not installed", fix="install cryptopipe again")
    scripts = Path(found.origin).parent
    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.set_main_option("version_locations", str(scripts / "securities" / "versions").replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


@contextmanager
def _held(database: Path, write: bool, wait_s: float) -> Iterator[None]:
    path = database.with_suffix(".lock")
    until = time.monotonic() + wait_s
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        opened = path.open("a")
    except OSError as error:
        raise SecuritiesError(
            f"cannot be locked: {error.strerror}", where=str(path), fix="name another directory: --data-dir DIR"
        ) from error
    with opened as file:
        while True:
            try:
                fcntl.flock(file, (fcntl.LOCK_EX if write else fcntl.LOCK_SH) | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise _busy(database, f"another process has it open for more than {wait_s} s") from None
                time.sleep(_POLL_S)
        yield


def _busy(path: Path, why: str) -> SecuritiesBusy:
    return SecuritiesBusy(why, where=str(path), fix="try again in a moment, or read a copy of the file")
