"""The projection: the same rows however often, from whatever state of the database."""

import fcntl
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from cryptopipe.journal import database, runs, schema
from cryptopipe.journal.account_records import ActionAnswered, Reckoned
from cryptopipe.journal.log import Log
from cryptopipe.journal.records import Body, FeesTold, Filled, InstrumentChanged, Posted, RunStarted
from cryptopipe.journal.runs import Run
from cryptopipe.model.facts import Side

AT = 1723161255088169167
TINY = Decimal("123456789012345678901234567890.000000000000000000000001")


def started(strategy: str = "arbitrage") -> RunStarted:
    return RunStarted(strategy, "f00d", {"seed": 1}, ("binance",), (), {}, "USDT")


def filled(client_id: str, quantity: Decimal = Decimal("0.10")) -> Filled:
    return Filled(client_id, "binance:BTCUSDT", Side.BUY, Decimal("61837.60"), quantity, Decimal("1E-8"), "BTC")


def append(log: Log, *bodies: Body) -> None:
    for body in bodies:
        log.append(log.records, AT + log.records, body.kind, body)
    log.sync()


def new_run(data_dir: Path, second: int = 0) -> tuple[Run, Log]:
    run = runs.create(data_dir, AT + second * 10**9)
    return run, Log.open(run.journal)


def fills(connection: sa.Connection) -> list[tuple[str, str]]:
    rows = connection.execute(sa.select(schema.fill.c.run_id, schema.fill.c.client_id).order_by(sa.text("1, 2")))
    return [(row.run_id, row.client_id) for row in rows]


def test_records_become_rows_once(tmp_path: Path) -> None:
    run, log = new_run(tmp_path)
    with log:
        append(log, started(), filled("1"))
        assert database.ask(tmp_path, fills)[0] == [(run.id, "1")]
        append(log, filled("2"))
        for new in (1, 0):
            rows, projected = database.ask(tmp_path, fills)
            assert (rows, projected.records) == ([(run.id, "1"), (run.id, "2")], new)


def test_amounts_keep_every_digit(tmp_path: Path) -> None:
    _, log = new_run(tmp_path)
    with log:
        append(log, filled("1", TINY), Posted(1, "x", (("wallet:binance", "BTC", -TINY),)))
        row, _ = database.ask(tmp_path, lambda c: c.execute(sa.select(schema.fill)).one())
        amount, _ = database.ask(tmp_path, lambda c: c.execute(sa.select(schema.posting.c.amount)).scalar_one())
    assert (row.quantity, row.fee, amount) == (TINY, Decimal("0.00000001"), -TINY)
    assert str(row.price) == "61837.60"
    assert row.price_approx == 61837.6


def test_an_unknown_kind_of_record_is_passed_over(tmp_path: Path) -> None:
    run, log = new_run(tmp_path)
    with log:
        log.append(1, AT, "from_the_future", {"x": 1})
        append(log, filled("1"))
        assert database.ask(tmp_path, fills)[0] == [(run.id, "1")]


def test_a_damaged_log_is_projected_up_to_its_damage(tmp_path: Path) -> None:
    run, log = new_run(tmp_path)
    with log:
        append(log, filled("1"), filled("2"), filled("3"), filled("4"))
    segment = run.journal / "000001.jsonl"
    lines = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(b"".join(lines).replace(b'"client_id":"3"', b'"client_id":"7"'))
    for new in (2, 0):
        rows, projected = database.ask(tmp_path, fills)
        assert (rows, projected.records) == ([(run.id, "1"), (run.id, "2")], new)
        assert f"{segment}:3: record 3 is damaged" in projected.damaged[run.id]


def test_a_deleted_run_and_a_replaced_log_leave_nothing(tmp_path: Path) -> None:
    first, log = new_run(tmp_path)
    with log:
        append(log, filled("1"), filled("2"))
    second, log = new_run(tmp_path, second=1)
    with log:
        append(log, filled("3"))
    assert len(database.ask(tmp_path, fills)[0]) == 3
    (second.path / "journal").rename(second.path / "moved")
    (first.journal / "000001.jsonl").unlink()
    with Log.open(first.journal) as log:
        append(log, filled("9"))
    assert database.ask(tmp_path, fills)[0] == [(first.id, "9")]


def test_a_flipped_byte_in_the_database_is_survived(tmp_path: Path) -> None:
    _, log = new_run(tmp_path)
    with log:
        append(log, started(), *(filled(f"{n:03d}") for n in range(200)))
    expected = database.ask(tmp_path, fills)[0]
    assert len(expected) == 200
    path = database.database(tmp_path)
    sound = path.read_bytes()
    for place in (0, 9, 4100, 8200, 12300, len(sound) // 2, len(sound) - 4096):
        altered = bytearray(sound)
        altered[place] ^= 0xFF
        path.write_bytes(altered)
        assert database.ask(tmp_path, fills)[0] == expected, f"byte {place}"


@pytest.mark.parametrize("content", [b"", b"not a database", b"\x00" * 20_000], ids=["empty", "foreign", "zeros"])
def test_another_file_in_its_place_is_rebuilt(tmp_path: Path, content: bytes) -> None:
    run, log = new_run(tmp_path)
    with log:
        append(log, filled("1"))
    database.database(tmp_path).write_bytes(content)
    assert database.ask(tmp_path, fills)[0] == [(run.id, "1")]


def test_a_database_of_an_unknown_revision_is_rebuilt(tmp_path: Path) -> None:
    run, log = new_run(tmp_path)
    with log:
        append(log, filled("1"))
    database.ask(tmp_path, fills)
    newer = sa.text("update alembic_version set version_num = '9999'")
    database.ask(tmp_path, lambda connection: connection.execute(newer))
    assert database.ask(tmp_path, fills)[0] == [(run.id, "1")]
    revision = sa.text("select version_num from alembic_version")
    assert database.ask(tmp_path, lambda connection: connection.execute(revision).scalar_one())[0] == schema.REVISION


def test_a_database_of_a_revision_before_is_upgraded_and_lacks_nothing(tmp_path: Path) -> None:
    """An older version passed over the kinds that it did not know."""
    run, log = new_run(tmp_path)
    halted = InstrumentChanged("binance:BTCUSDT", "state", "trading", "halted", 7)
    fees = FeesTold("kraken", *map(Decimal, ("0.0025", "0.0050")), "a page", "2026-11-21", *[Decimal("0.005")] * 2, 9)
    with log:
        answered = ActionAnswered("binance", "PlaceOrder", "d1-1", "accepted", "17 FILLED", 21_000_000)
        reckoned = Reckoned("binance", {"BTC": (Decimal("2.0000001"), Decimal(2))})
        append(log, started(), filled("1"), halted, fees, answered, reckoned)
    database.ask(tmp_path, fills)
    engine = sa.create_engine(f"duckdb:///{database.database(tmp_path)}")
    with engine.connect() as connection:
        for table in (
            "instrument_change",
            "told_fee",
            "transfer_intent",
            "action_answer",
            "private_state",
            "reckoning",
            "difference",
            "quote",
            "quote_refusal",
            "quote_cancel",
            "quote_end",
        ):
            connection.exec_driver_sql(f"drop table {table}")
        connection.exec_driver_sql("update alembic_version set version_num = '0001'")
        connection.commit()
    engine.dispose()
    before = database.database(tmp_path).stat().st_ino
    changes, projected = database.ask(tmp_path, lambda c: c.execute(sa.select(schema.instrument_change)).all())
    assert [tuple(row)[4:] for row in changes] == [("binance:BTCUSDT", "state", "trading", "halted", "", 7)]
    (told,), _ = database.ask(tmp_path, lambda c: c.execute(sa.select(schema.told_fee)).all())
    assert (told.venue, told.taker, told.taker_in_force, told.told_by) == (
        "kraken",
        Decimal("0.0050"),
        Decimal("0.005"),
        9,
    )
    (answer,), _ = database.ask(tmp_path, lambda c: c.execute(sa.select(schema.action_answer)).all())
    assert (answer.client_id, answer.outcome, answer.took_ns) == ("d1-1", "accepted", 21_000_000)
    (differs,), _ = database.ask(tmp_path, lambda c: c.execute(sa.select(schema.difference)).all())
    assert (differs.asset, differs.told, differs.booked) == ("BTC", Decimal("2.0000001"), Decimal(2))
    assert projected.records == 6 and database.ask(tmp_path, fills)[0] == [(run.id, "1")]
    assert database.database(tmp_path).stat().st_ino == before, "it was dropped, not upgraded"


def test_a_held_lock_only_moves_the_answer_into_memory(tmp_path: Path) -> None:
    run, log = new_run(tmp_path)
    with log:
        append(log, filled("1"))
    with (tmp_path / "journal.lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert database.ask(tmp_path, fills, wait_s=0)[0] == [(run.id, "1")]
        with pytest.raises(database.ProjectionBusy, match="another process holds it"):
            database.rebuild(tmp_path, wait_s=0)
    assert not database.database(tmp_path).exists()


def test_rebuild_gives_the_same_rows(tmp_path: Path) -> None:
    _, log = new_run(tmp_path)
    with log:
        append(log, started(), filled("1"))
    before = database.ask(tmp_path, fills)[0]
    assert database.rebuild(tmp_path).records == 2
    assert database.ask(tmp_path, fills)[0] == before


def test_migrations_from_empty_give_the_declared_tables() -> None:
    def columns(connection: sa.Connection) -> dict[str, list[tuple[str, str, bool]]]:
        statement = sa.text(
            "select table_name, column_name, data_type, is_nullable = 'YES' from information_schema.columns"
            " where table_name <> 'alembic_version' order by table_name, ordinal_position"
        )
        found: dict[str, list[tuple[str, str, bool]]] = {}
        for table, *column in connection.execute(statement):
            found.setdefault(table, []).append((column[0], column[1], column[2]))
        return found

    engines = [sa.create_engine("duckdb:///:memory:") for _ in range(2)]
    with engines[0].connect() as migrated, engines[1].connect() as declared:
        database.migrate(migrated)
        schema.metadata.create_all(declared)
        assert columns(migrated) == columns(declared)
        assert columns(declared).keys() == schema.metadata.tables.keys()
        version = migrated.execute(sa.text("select version_num from alembic_version")).scalar_one()
    assert version == schema.REVISION
    for engine in engines:
        engine.dispose()
