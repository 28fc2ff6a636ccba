"""Rows in a database say what the files say, each file once, whole or not at all; on DuckDB and on PostgreSQL."""

import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

import pytest
import sqlalchemy as sa
from collecting.shipped import SYMBOL, TRADES, VENUE, judge, judged, place, seal
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptopipe.cli import main
from cryptopipe.collect.schema import SCHEMAS

needs_psycopg = pytest.mark.skipif(find_spec("psycopg") is None, reason="psycopg is not installed")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BOOK = "1621485165942,BTC/USDT,B,39441.9,0.128887,1\n1621485165942,BTC/USDT,A,39442,12,1\n"
TOP = (
    "ts_iso,provider,symbol,bid,ask,spread,mid\n"
    "2025-08-27T23:45:12.805694+00:00,alpha,BTC/USDT,111982.44,111982.45,0.01,111982.445\n"
    "2025-08-27T23:45:13+00:00,alpha,BTC/USDT,111982.44,,,\n"
)
ORDERS = "1621485165942,BTC/USDT,B,add,7f-1,39441.90,0.128887\n1621485165943,BTC/USDT,B,remove,7f-1,,\n"
CANDLES = "1621485120000,BTC/USDT,1.0,2.50,0.5,1,0.128887,3\n1621485180000,BTC/USDT,,,,,0,0\n"


def at(ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=ms)


def postgresql_tools() -> Path | None:
    """Where `initdb` is: on the path, or where Debian puts it."""
    found = shutil.which("initdb")
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin")) if Path("/usr/lib/postgresql").is_dir() else []
    folders = [*([Path(found).resolve().parent] if found else []), *reversed(places)]
    return next((one for one in folders if (one / "initdb").is_file() and (one / "pg_ctl").is_file()), None)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """A PostgreSQL of this test alone, on a socket in a temporary directory, as an unprivileged user."""
    tools = postgresql_tools()
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    if tools is None:
        pytest.skip("no PostgreSQL server is installed (initdb, pg_ctl)")
    with TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as made:
        folder = Path(made)
        user: dict[str, Any] = {}
        if os.getuid() == 0:  # it does not run as root
            os.chown(folder, 65534, 65534)
            user = {"user": 65534, "group": 65534, "extra_groups": []}
        data = str(folder / "data")
        quiet: dict[str, Any] = {"check": True, "cwd": folder, "stdout": subprocess.DEVNULL, **user}
        how = ["-A", "trust", "-U", "desk", "--no-sync", "-E", "UTF8", "--locale=C"]
        subprocess.run([tools / "initdb", "-D", data, *how], **quiet)
        options = f"-c listen_addresses='' -c fsync=off -k {folder}"
        subprocess.run([tools / "pg_ctl", "-D", data, "-o", options, "-w", "-l", folder / "log", "start"], **quiet)
        yield f"postgresql://desk@/postgres?host={folder}"
        subprocess.run([tools / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop"], **quiet)


@pytest.fixture(params=["duckdb", pytest.param("postgresql", marks=pytest.mark.slow)])
def to(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database."""
    if request.param == "duckdb":
        yield f"duckdb:///{tmp_path}/market.duckdb"
        return
    url = request.getfixturevalue("server")
    yield url
    with opened(url) as connection:
        connection.execute(sa.text("DROP SCHEMA public CASCADE"))
        connection.execute(sa.text("CREATE SCHEMA public"))


class opened:  # noqa: N801
    """A connection by nothing of the product, in UTC, committed at the end."""

    def __init__(self, url: str) -> None:
        self._engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"), poolclass=sa.pool.NullPool)

    def __enter__(self) -> sa.Connection:
        self._begun = self._engine.begin()
        connection = self._begun.__enter__()
        connection.execute(sa.text("SET TIME ZONE 'UTC'"))
        return connection

    def __exit__(self, *given: Any) -> None:
        self._begun.__exit__(*given)


def rows(to: str, table: str, columns: str = "*", order: str = "1, 2") -> list[tuple[Any, ...]]:
    with opened(to) as connection:
        return [tuple(one) for one in connection.execute(sa.text(f"SELECT {columns} FROM {table} ORDER BY {order}"))]


def everything(to: str) -> dict[str, list[tuple[Any, ...]]]:
    with opened(to) as connection:
        told = {table: connection.execute(sa.text(f"SELECT * FROM {table} ORDER BY 1, 2")) for table in TABLES}
        return {table: [tuple(row) for row in found] for table, found in told.items()}


TABLES = ("loaded_files", "trades", "book_levels", "tops", "order_events", "candles")


def load(data_dir: Path, to: str, *more: str) -> int:
    return main(["load", "--to", to, "--data-dir", str(data_dir), *more])


def collected(data_dir: Path) -> None:
    """A file of each kind."""
    judged(data_dir)
    judge(seal(place(data_dir, "book-1000ms"), BOOK.encode(), interval_ms=1000, depth=5))
    judge(seal(place(data_dir, "top"), TOP.encode(), rows=2, header=True))
    judge(seal(place(data_dir, "l3"), ORDERS.encode()))
    judge(seal(place(data_dir, "candle-1m"), CANDLES.encode(), interval_ms=60_000))


def test_each_kind_of_rows_has_its_typed_table(tmp_path: Path, to: str, capsys: pytest.CaptureFixture[str]) -> None:
    collected(tmp_path)
    assert load(tmp_path, to) == 0
    assert "5 loaded; 10 new rows" in capsys.readouterr().out
    d = Decimal
    trades = rows(to, "trades", "line, venue, event_time_ms, event_time, symbol, trade_id, price, quantity,"
                  " trade_time_ms, trade_time, buyer_is_maker", "line")  # fmt: skip
    assert trades == [
        (1, VENUE, 1621484017026, at(1621484017026), SYMBOL, "851651093", d("39307.24"), d("0.058384"),
         1621484017023, at(1621484017023), False),
        (2, VENUE, 1621484017030, at(1621484017030), SYMBOL, "851651094", d("39307.25"), d("0.00000001"),
         1621484017029, at(1621484017029), True),
    ]  # fmt: skip
    book = rows(to, "book_levels", "line, event_time, side, price, quantity, level, interval_ms", "line")
    assert book == [
        (1, at(1621485165942), "B", d("39441.9"), d("0.128887"), 1, 1000),
        (2, at(1621485165942), "A", d(39442), d(12), 1, 1000),
    ]
    assert rows(to, "tops", "line, ts_ms, ts, provider, bid, ask, spread, mid", "line") == [
        (1, 1756338312805, datetime(2025, 8, 27, 23, 45, 12, 805694, UTC), "alpha",
         d("111982.44"), d("111982.45"), d("0.01"), d("111982.445")),
        (2, 1756338313000, datetime(2025, 8, 27, 23, 45, 13, tzinfo=UTC), "alpha", d("111982.44"), None, None, None),
    ]  # fmt: skip
    assert rows(to, "order_events", "event_time_ms, side, change, order_id, price, quantity", "1") == [
        (1621485165942, "B", "add", "7f-1", d("39441.9"), d("0.128887")),
        (1621485165943, "B", "remove", "7f-1", None, None),
    ]
    assert rows(to, "candles", "open_time, open, high, low, close, volume, trades, interval_ms", "1") == [
        (at(1621485120000), d(1), d("2.5"), d("0.5"), d(1), d("0.128887"), 3, 60000),
        (at(1621485180000), None, None, None, None, d(0), 0, 60000),
    ]
    joined = rows(to, "trades JOIN loaded_files ON file_id = id", "file, type, verdict, rows, instrument", "1")
    assert joined == [(place(tmp_path).name, "trade", "pass", 2, "BTC/USDT")] * 2


def test_a_second_load_changes_nothing(tmp_path: Path, to: str, capsys: pytest.CaptureFixture[str]) -> None:
    collected(tmp_path)
    assert load(tmp_path, to) == 0
    before = everything(to)
    assert [len(one) for one in before.values()] == [5, 2, 2, 2, 2, 2]
    capsys.readouterr()
    assert load(tmp_path, to, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["counts"]["there"], told["counts"]["loaded"], told["rows"]) == (5, 0, 0)
    assert everything(to) == before
    judged(tmp_path, 2, TRADES.splitlines(keepends=True)[0])
    assert load(tmp_path, to) == 0
    after = everything(to)
    assert {table: after[table][: len(before[table])] for table in TABLES} == before
    assert (len(after["trades"]), len(after["loaded_files"])) == (3, 6)


BAD = {
    "too many places": (TRADES.replace("0.05838400", "0.0000000000000000001"), {}, "row 1: quantity"),
    "too many digits": (TRADES.replace("39307.25", "123456789012345678901.25"), {}, "row 2: price"),
    "an exponent": (TRADES.replace("39307.25000000", "3.9e4"), {}, "row 2: price"),
    "no number": (TRADES.replace("39307.24000000", "NaN"), {}, "row 1: price is 'NaN'"),
    "an empty price": (TRADES.replace("39307.25000000", ""), {}, "row 2: no price"),
    "an empty symbol": (TRADES.replace(SYMBOL, "", 1), {}, "row 1: no symbol"),
    "a long time": (TRADES.replace("1621484017023", "16214840170231621484"), {}, "row 1: trade_time_ms"),
    "a time after the last": (TRADES.replace("1621484017023", "1621484017023000"), {}, "row 1: trade_time_ms"),
    "a time of fractions": (TRADES.replace("1621484017030", "1621484017.03"), {}, "row 2: event_time_ms"),
    "a flag": (TRADES.replace("True", "maybe"), {}, "row 2: buyer_is_maker is 'maybe'"),
    "a missing cell": (TRADES.replace(",True", ""), {}, "columns"),
    "one cell more": (TRADES.replace(",True", ",True,1"), {}, "columns"),
    "an empty line": (TRADES.replace("\n", "\n\n", 1), {"rows": 2}, "3 rows, and 2 were sealed"),
    "an empty line that is counted": (TRADES.replace("\n", "\n\n", 1), {}, "row 2: no event_time_ms"),
    "a lost row": (TRADES, {"rows": 3}, "2 rows, and 3 were sealed"),
    "a kind of its own": (TRADES, {"type": "weather"}, "weather"),
}


def test_a_file_that_is_not_what_it_says_leaves_nothing(
    tmp_path: Path, to: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """All at once: each is refused by its name and its reason, the good one beside them is loaded."""
    named = {}
    for number, (name, (content, facts, _)) in enumerate(BAD.items(), 1):
        named[judge(seal(place(tmp_path, number=number), content.encode(), **facts)).name] = name
    torn = judged(tmp_path, 50)
    torn.write_bytes(torn.read_bytes()[:-9])
    manifest = torn.with_name(torn.name + ".json")
    known = {"bytes": torn.stat().st_size, "sha256": hashlib.sha256(torn.read_bytes()).hexdigest()}
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | known))
    judge(torn)
    swapped = judged(tmp_path, 51)
    swapped.write_bytes(bytes(swapped.stat().st_size))
    judge(seal(place(tmp_path, "top"), TOP.replace("provider", "venue").encode(), rows=2))
    late = TOP.replace("12.805694", "12.8056941")
    judge(seal(place(tmp_path, "top", number=2), late.encode(), rows=2))
    judge(seal(place(tmp_path, "top", number=3), TOP.replace("08-27", "02-31").encode(), rows=2))
    judged(tmp_path, 99)
    assert load(tmp_path, to, "--json") == 1
    told = json.loads(capsys.readouterr().out)
    reasons = {Path(one["file"]).name: one["reason"] for one in told["files"] if one["state"] == "refused"}
    for file, name in named.items():
        assert BAD[name][2] in reasons[file], name
    assert "SHA-256" in reasons[swapped.name] and torn.name in reasons
    tops = [reasons[place(tmp_path, "top", number=number).name] for number in (1, 2, 3)]
    assert "header" in tops[0] and "row 1: ts_iso" in tops[1] and "2025-02-31" in tops[2]
    assert told["counts"]["loaded"] == 1
    assert rows(to, "loaded_files", "file", "1") == [(place(tmp_path, number=99).name,)]
    assert [len(one) for one in everything(to).values()] == [1, 2, 0, 0, 0, 0]


def test_another_content_of_a_loaded_name_is_refused(
    tmp_path: Path, to: str, capsys: pytest.CaptureFixture[str]
) -> None:
    judged(tmp_path)
    assert load(tmp_path, to) == 0
    before = everything(to)
    judged(tmp_path, content=TRADES.replace("39307", "39308"))
    capsys.readouterr()
    assert load(tmp_path, to) == 1
    assert "another content of this name" in capsys.readouterr().out
    assert everything(to) == before


def test_a_table_of_somebody_else_is_left_alone(tmp_path: Path, to: str, capsys: pytest.CaptureFixture[str]) -> None:
    with opened(to) as connection:
        connection.execute(sa.text("CREATE TABLE trades (mine integer)"))
    judged(tmp_path)
    assert load(tmp_path, to) == 1
    assert "trades is another one" in capsys.readouterr().err
    assert rows(to, "trades", order="1") == []


@pytest.mark.slow
def test_only_what_the_checks_let_through_is_loaded_unless_asked(
    tmp_path: Path, to: str, capsys: pytest.CaptureFixture[str]
) -> None:
    judged(tmp_path, 1, "1,S,a,1,1,1,True\n", verdict="fail")
    seal(place(tmp_path, number=2), b"2,S,b,1,1,1,True\n")
    judged(tmp_path, 3, "3,S,c,1,1,1,True\n", verdict="warn")
    assert load(tmp_path, to) == 0
    assert rows(to, "loaded_files") == []
    assert "fail: row_count" in capsys.readouterr().out
    assert load(tmp_path, to, "--set=upload.accept=warn") == 0
    assert rows(to, "loaded_files", "verdict", "1") == [("warn",)]
    assert load(tmp_path, to, "--unchecked") == 0
    assert rows(to, "loaded_files", "verdict", "1") == [("",), ("fail",), ("warn",)]


def test_files_that_are_named_are_loaded_from_anywhere(tmp_path: Path, to: str) -> None:
    first, second = judged(tmp_path / "a"), judged(tmp_path / "b", 2, content="3,S,c,1,1,1,True\n")
    assert main(["load", str(first), str(second), "--to", to]) == 0
    assert len(rows(to, "trades")) == 3


def as_parquet(text: str, kind: str) -> bytes:
    import pyarrow as pa
    from pyarrow import parquet

    schema = SCHEMAS[kind]
    cells = [[cell or None for cell in line.split(",")] for line in text.splitlines() if line != schema.header]
    columns: list[Any] = []
    for column, values in zip(schema.columns, zip(*cells, strict=True), strict=True):
        if column.cell.value == "int":
            columns.append(pa.array([int(value or 0) for value in values], pa.int64()))
        elif column.cell.value == "flag":
            columns.append(pa.array([value == "True" for value in values], pa.bool_()))
        else:
            columns.append(pa.array(values, pa.string()))
    out = BytesIO()
    parquet.write_table(pa.table(columns, names=list(schema.names)), out)
    return out.getvalue()


@pytest.mark.slow
def test_parquet_and_csv_give_the_same_rows(tmp_path: Path) -> None:
    """The one file's name differs by its end; all that is in the tables of rows is the same."""
    kinds = {"trade": TRADES, "book-1000ms": BOOK, "top": TOP, "l3": ORDERS, "candle-1m": CANDLES}
    for folder, text in kinds.items():
        kind = folder.split("-")[0]
        facts = {"rows": 2, "interval_ms": 1000}
        judge(seal(place(tmp_path / "csv", folder), text.encode(), **facts))
        judge(seal(place(tmp_path / "parquet", folder, suffix=".parquet"), as_parquet(text, kind), **facts))
    found = {}
    for form in ("csv", "parquet"):
        to = f"duckdb:///{tmp_path}/{form}.duckdb"
        assert load(tmp_path / form, to) == 0
        found[form] = everything(to)
        assert [len(found[form].pop(table)) for table in TABLES[:1]] == [5]
    assert found["csv"] == found["parquet"]


numbers = st.from_regex(r"-?[0-9]{1,20}(\.[0-9]{1,18})?", fullmatch=True)
times = st.integers(0, 4_102_444_800_000)
names = st.text(st.characters(codec="utf-8", exclude_characters=",\n\r", exclude_categories=["Cs", "Cc"]), min_size=1)


@given(st.lists(st.tuples(times, names, names, numbers, numbers, times, st.booleans()), min_size=1, max_size=30))
@settings(max_examples=3)
def test_no_digit_and_no_instant_is_lost(told: list[tuple[Any, ...]]) -> None:
    with TemporaryDirectory() as made:
        text = "".join(",".join(str(cell) for cell in row) + "\n" for row in told)
        path = judge(seal(place(Path(made)), text.encode(), rows=len(told)))
        to = f"duckdb:///{made}/market.duckdb"
        assert main(["load", str(path), "--to", to]) == 0
        columns = "event_time_ms, symbol, trade_id, price, quantity, trade_time_ms, buyer_is_maker"
        found = rows(to, "trades", f"{columns}, event_time, trade_time", "line")
        assert found == [
            (a, b, c, Decimal(p), Decimal(q), t, m, at(a), at(t)) for a, b, c, p, q, t, m in told
        ]  # fmt: skip


def test_an_hour_without_rows_is_loaded(tmp_path: Path, to: str) -> None:
    judged(tmp_path, content="")
    judge(seal(place(tmp_path, "top"), TOP.splitlines(keepends=True)[0].encode(), rows=0))
    assert load(tmp_path, to) == 0
    assert [len(one) for one in everything(to).values()] == [2, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("to", "code", "told"),
    [
        ("postgresql://me:secret-word@127.0.0.1/x", 2, "password"),
        ("mysql://x/y", 2, "not a database"),
        ("market.duckdb", 2, "not a database"),
        ("duckdb://", 2, "no file"),
        ("duckdb:////no/such/place/x.duckdb", 2, "no such directory"),
        pytest.param("postgresql://me@127.0.0.1:1/x", 69, "onnect", marks=needs_psycopg),
    ],
)
def test_what_is_no_database_is_refused(
    to: str, code: int, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    judged(tmp_path)
    assert load(tmp_path, to) == code
    error = capsys.readouterr().err
    assert told in error and "secret-word" not in error and "fix:" in error


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    judged(tmp_path)
    other = tmp_path / "other.duckdb"
    other.write_bytes(b"not a database, but mine" * 1000)
    before = other.read_bytes()
    assert load(tmp_path, f"duckdb:///{other}") in (1, 69)
    assert other.read_bytes() == before and "error:" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_a_matter_of_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = str(tmp_path / "x.csv.gz")
    assert main(["load", missing, "--to", f"duckdb:///{tmp_path}/m.duckdb", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["where"] == missing


@pytest.mark.slow
def test_a_database_that_another_process_holds_is_waited_for_by_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    judged(tmp_path)
    file = tmp_path / "market.duckdb"
    hold = f"import duckdb; c = duckdb.connect({str(file)!r}); print(1, flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", hold], stdin=-1, stdout=-1) as child:
        assert child.stdout is not None and child.stdout.readline()
        assert load(tmp_path, f"duckdb:///{file}", "--json") == 69
        child.communicate(b"\n")
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "database_unavailable"


@pytest.mark.long
@pytest.mark.parametrize("told", range(1, 9))
def test_a_load_that_is_killed_is_gone_on_with(told: int, tmp_path: Path) -> None:
    """By -9, when it has told of so many files of eight: the next may be half in."""
    texts = [TRADES.replace("39307", str(number)) * 2000 for number in range(1, 9)]
    for number, text in enumerate(texts, 1):
        judged(tmp_path, number, text)
    to = f"duckdb:///{tmp_path}/market.duckdb"
    arguments = ["load", "--to", to, "--data-dir", str(tmp_path)]
    with subprocess.Popen([sys.executable, "-m", "cryptopipe", *arguments], stdout=-1) as child:
        assert child.stdout is not None
        for _ in range(told):
            assert child.stdout.readline().startswith(b"loaded: ")
        child.kill()

    def counted() -> list[int]:
        joined = "SELECT count(*) FROM trades JOIN loaded_files ON file_id = id GROUP BY file"
        with opened(to) as connection:
            return list(connection.scalars(sa.text(joined)))

    assert counted() in ([4000] * told, [4000] * (told + 1))
    assert load(tmp_path, to) == 0
    assert counted() == [4000] * 8


@pytest.mark.slow
def test_two_that_load_at_once_load_each_file_once(tmp_path: Path, server: str) -> None:
    from cryptopipe.clock import Stamper
    from cryptopipe.shipping.candidates import candidates
    from cryptopipe.shipping.database import open_database
    from cryptopipe.shipping.load import load_files

    for number in range(1, 21):
        judged(tmp_path, number, TRADES.replace("39307", str(number)))
    reports: list[Any] = []

    def one() -> None:
        with open_database(server) as engine:
            reports.append(load_files(engine, candidates(tmp_path), Stamper()))

    threads = [Thread(target=one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = [report.counts for report in reports]
    assert len(counts) == 3 and sum(count["loaded"] for count in counts) == 20
    assert sum(count["there"] for count in counts) == 40
    assert len(rows(server, "trades")) == 40
    with opened(server) as connection:
        connection.execute(sa.text("DROP SCHEMA public CASCADE"))
        connection.execute(sa.text("CREATE SCHEMA public"))


def test_a_gzip_of_two_members_is_read_whole(tmp_path: Path, to: str) -> None:
    """What joins files may write one after the other."""
    first, second = TRADES.splitlines(keepends=True)
    path = place(tmp_path)
    seal(path, TRADES.encode())
    data = gzip.compress(first.encode()) + gzip.compress(second.encode())
    path.write_bytes(data)
    manifest = path.with_name(path.name + ".json")
    known = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | known))
    judge(path)
    assert load(tmp_path, to) == 0
    assert len(rows(to, "trades")) == 2
