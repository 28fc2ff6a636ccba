"""`securities.duckdb`: every version of every instrument, kept for good.

Enters: snapshots. Leaves: versions; for each snapshot one transaction, all of it or nothing. Never: a row deleted, or
one touched that nothing changed.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from cryptopipe.clock import Nanos
from cryptopipe.securities.compare import Change, Changes, Snapshot, between, compare
from cryptopipe.securities.versions import Terms, Version

if TYPE_CHECKING:
    import sqlalchemy as sa


class Sync(NamedTuple):
    """One snapshot that was taken: `listed` instruments, versions `opened` and `closed`."""

    exchange: str
    at: Nanos
    origin: str
    user: str
    listed: int
    opened: int
    closed: int
    told: bool


class Store:
    """The database while it is open."""

    def __init__(self, connection: "sa.Connection") -> None:
        self._connection = connection

    def versions(self, latest: bool = False, exchange: str | None = None) -> list[Version]:
        """All of them, or each instrument's latest, by exchange, symbol and time."""
        import sqlalchemy as sa

        from cryptopipe.securities.schema import version

        asked = sa.select(version).order_by(version.c.exchange, version.c.symbol, version.c.valid_from)
        if latest:
            asked = asked.where(version.c.valid_to.is_(None))
        if exchange is not None:
            asked = asked.where(version.c.exchange == exchange)
        with self._connection.begin():
            return [_version(row) for row in self._connection.execute(asked).mappings()]

    def syncs(self) -> list[Sync]:
        """Every snapshot taken, in the order of their time."""
        import sqlalchemy as sa

        from cryptopipe.securities.schema import sync

        names = ("exchange", "at", "origin", "user_name", "listed", "opened", "closed", "told")
        asked = sa.select(*(sync.c[name] for name in names)).order_by(sync.c.at, sync.c.exchange)
        with self._connection.begin():
            return [Sync(*row) for row in self._connection.execute(asked)]

    def take(self, told: Snapshot, origin: str, user: str, accept: bool = False) -> Changes:
        """What a snapshot changes, written. Raises `SnapshotRefused` (`compare`), and nothing is written then."""
        syncs = [one for one in self.syncs() if one.exchange == told.exchange]
        last = max((one.at for one in syncs), default=0)
        if told.at < last and any(one.at == told.at for one in syncs):
            return Changes()  # taken already, and newer ones after it
        known = {one.symbol: one for one in self.versions(latest=True, exchange=told.exchange)}
        changes = compare(known, last, told, user, accept)
        if syncs and told.at == last and not changes.told:
            return changes  # the same answers again
        quiet = not changes.told or not syncs
        done = Sync(
            told.exchange, told.at, origin, user, len(told.terms), len(changes.opened), len(changes.closed), quiet
        )  # fmt: skip
        with self._connection.begin():
            self._close(changes.closed)
            self._open(changes.opened)
            self._note(done)
        return changes

    def untold(self) -> list[tuple[Sync, list[Change]]]:
        """The syncs whose alerts are not told yet, with what they changed. A venue's first sync tells none."""
        waiting = [one for one in self.syncs() if not one.told]
        kept = self.versions() if waiting else []
        own = {name: [v for v in kept if v.exchange == name] for name in {one.exchange for one in waiting}}
        return [(one, between(own[one.exchange], one.at - 1, one.at)) for one in waiting]

    def tell(self, syncs: Iterable[Sync]) -> None:
        """Their alerts are told."""
        import sqlalchemy as sa

        from cryptopipe.securities.schema import sync

        with self._connection.begin():
            for one in syncs:
                asked = sa.update(sync).where(sync.c.exchange == one.exchange, sync.c.at == one.at)
                self._connection.execute(asked.values(told=True))

    def _close(self, closed: Sequence[Version]) -> None:
        if not closed:
            return
        rows = [{"e": one.exchange, "s": one.symbol, "f": one.valid_from} for one in closed]
        cursor = self._registered(rows)
        cursor.execute(
            "UPDATE version SET valid_to = ?, is_current = FALSE, modified_at = ?, modified_by = ? FROM given"
            " WHERE exchange = e AND symbol = s AND valid_from = f",
            [closed[0].valid_to, closed[0].modified_at, closed[0].modified_by],
        )
        cursor.unregister("given")

    def _open(self, opened: Sequence[Version]) -> None:
        if not opened:
            return
        cursor = self._registered([_row(one) for one in opened])
        cursor.execute("INSERT INTO version BY NAME SELECT * FROM given")
        cursor.unregister("given")

    def _note(self, done: Sync) -> None:
        import sqlalchemy as sa

        from cryptopipe.securities.schema import sync

        row = done._asdict()
        self._connection.execute(sa.insert(sync).values(user_name=row.pop("user"), **row))

    def _registered(self, rows: Sequence[Mapping[str, object]]) -> Any:
        """The driver's own connection, which knows these rows as the table `given`: thousands of them in one statement,
        in the transaction that is under way.
        """
        import pyarrow as pa

        cursor: Any = self._connection.connection.driver_connection
        cursor.register("given", pa.Table.from_pylist(list(rows), schema=_arrow() if len(rows[0]) > 3 else None))
        return cursor


_NUMBERS = ("tick", "step", "min_size", "min_notional", "price_min", "price_max", "contract_size")


def _row(one: Version) -> dict[str, object]:
    row: dict[str, object] = {name: getattr(one, name) for name in Version.__struct_fields__ if name != "terms"}
    for name in Terms.__struct_fields__:
        value = getattr(one.terms, name)
        row[name] = value if name not in _NUMBERS or value is None else format(value, "f")
    return row


def _version(row: "sa.RowMapping") -> Version:
    terms = {name: row[name] for name in Terms.__struct_fields__}
    terms |= {name: None if row[name] is None else Decimal(row[name]) for name in _NUMBERS}
    return Version(terms=Terms(**terms), **{n: row[n] for n in Version.__struct_fields__ if n != "terms"})


def _arrow() -> Any:
    import pyarrow as pa
    import sqlalchemy as sa

    from cryptopipe.securities.schema import version

    kinds = {sa.BigInteger: pa.int64(), sa.Boolean: pa.bool_()}
    return pa.schema([(column.name, kinds.get(type(column.type), pa.string())) for column in version.columns])
