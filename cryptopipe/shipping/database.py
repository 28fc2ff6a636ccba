"""The database that files are loaded into: DuckDB, or PostgreSQL.

Enters: a URL. Leaves: an SQLAlchemy engine whose tables are ours. Never: a password on a command line or in a message,
a table of somebody else's that is taken for ours.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from cryptopipe.errors import ConfigError, CryptopipeError, UsageError
from cryptopipe.shipping.tables import metadata

DUCKDB, POSTGRESQL = "duckdb", "postgresql"
_SPELLINGS = (POSTGRESQL, "postgres", "postgresql+psycopg")
_FORMS = "duckdb:///FILE (duckdb:////absolute/FILE), or postgresql://user@host/database"


class DatabaseError(CryptopipeError):
    """A database does not take rows: a table is another one, a right is missing, its disk is full."""

    code = "database"


class DatabaseUnavailable(DatabaseError):
    """The database cannot be reached, or another process holds it."""

    exit_code = 69
    code = "database_unavailable"


def shown(url: str) -> str:
    """A URL as it may be printed."""
    try:
        return sa.make_url(url).render_as_string(hide_password=True).replace("+psycopg:", ":", 1)
    except (ArgumentError, ValueError):
        return "--to"


@contextmanager
def open_database(url: str) -> Iterator[sa.Engine]:
    """While inside, an engine of one connection, with our tables.

    Raises `UsageError`, `ConfigError`, `DatabaseError`.
    """
    engine = sa.create_engine(_parsed(url), poolclass=QueuePool, pool_size=1, max_overflow=0)
    try:
        _make_tables(engine, url)
        yield engine
    finally:
        engine.dispose()


def _make_tables(engine: sa.Engine, url: str) -> None:
    with guarded(url), engine.begin() as connection:
        if engine.dialect.name == POSTGRESQL:  # two that begin at once would both make them
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(7304561)"))
        _judge_tables(connection)
        metadata.create_all(connection)


@contextmanager
def guarded(url: str) -> Iterator[None]:
    """Errors of the database as ours. Raises `DatabaseUnavailable`, `DatabaseError`."""
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        fix = "see that it runs and that no other process holds it, then start again: what was loaded stays"
        raise DatabaseUnavailable(first_line(error), where=shown(url), fix=fix) from None
    except SQLAlchemyError as error:
        raise DatabaseError(
            first_line(error), where=shown(url), fix="see the page on loading: docs/upload.md"
        ) from None


def _parsed(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except (ArgumentError, ValueError):
        raise UsageError("not a database", where="--to", fix=f"write {_FORMS}") from None
    if parsed.password is not None:
        fix = "leave it out; set PGPASSWORD, or write it into ~/.pgpass"
        raise UsageError("a password in a URL is seen by everybody on this machine", where="--to", fix=fix)
    if parsed.drivername == DUCKDB:
        _judge_folder(parsed)
        return parsed
    if parsed.drivername in _SPELLINGS:
        _judge_driver()
        return parsed.set(drivername="postgresql+psycopg")
    raise UsageError(f"not a database that is loaded into: {parsed.drivername}", where="--to", fix=f"write {_FORMS}")


def _judge_folder(parsed: sa.URL) -> None:
    if not parsed.database or parsed.host:
        raise UsageError("no file is named", where="--to", fix=f"write {_FORMS}")
    folder = Path(parsed.database).absolute().parent
    if not folder.is_dir():
        raise UsageError(f"no such directory: {folder}", where="--to", fix="make it, or name another one")


def _judge_driver() -> None:
    from importlib.util import find_spec

    if find_spec("psycopg") is None:
        raise ConfigError("psycopg is not installed", where="--to", fix="pip install 'cryptopipe[postgresql]'")


def _judge_tables(connection: sa.Connection) -> None:
    """Raises `DatabaseError` for a table of one of our names that lacks a column of ours."""
    inspector = sa.inspect(connection)
    for name in set(metadata.tables) & set(inspector.get_table_names()):
        missing = {column.name for column in metadata.tables[name].columns} - {
            str(column["name"]) for column in inspector.get_columns(name)
        }
        if missing:
            told = f"its table {name} is another one: it has no column {', '.join(sorted(missing))}"
            fix = "name a database of its own"
            raise DatabaseError(told, where=shown(connection.engine.url.render_as_string()), fix=fix)


def first_line(error: SQLAlchemyError) -> str:
    """What the database says, without the statement and its values."""
    text = str(getattr(error, "orig", None) or error)
    return next((line.strip() for line in text.splitlines() if line.strip()), type(error).__name__)[:300]
