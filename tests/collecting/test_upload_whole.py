"""From the wire to a store and a database: collect, judge, upload, load, by the commands, on a simulated market."""

import csv
import gzip
import json
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from cryptopipe import registry
from cryptopipe.cli import main
from cryptopipe.drivers.streams import instruments_of
from cryptopipe.settings import Settings


@pytest.mark.long
def test_what_was_collected_arrives_as_it_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    venue = next(name for name, one in sorted(registry.exchanges().items()) if one.sandbox)
    symbol = instruments_of(registry.exchange(venue), Settings().assets)[0].symbol
    data_dir, copies = tmp_path / "data", tmp_path / "copies"
    copies.mkdir()
    own = ["--data-dir", str(data_dir)]
    wanted = ["--exchange", venue, "--symbol", symbol, "--data_type", "trade,top,book"]
    assert main(["collect", *wanted, "--market", "sandbox", "--seed", "3", "--for", "3s", *own]) == 0
    assert main(["qa", *own]) in (0, 1)
    to = f"duckdb:///{tmp_path}/market.duckdb"
    capsys.readouterr()
    assert main(["upload", "--to", copies.as_uri(), "--set=upload.accept=warn", "--json", *own]) == 0
    counts = json.loads(capsys.readouterr().out)["counts"]
    assert (counts["uploaded"], counts["refused"], counts["failed"]) == (counts["uploaded"], 0, 0)
    for copy in (one for one in copies.rglob("*") if one.is_file()):
        assert copy.read_bytes() == (data_dir / "collected" / copy.relative_to(copies)).read_bytes()
    assert [one.suffix for one in copies.rglob("*.arrows")], "the capture is not among the copies"
    assert main(["load", "--to", to, "--unchecked", *own]) == 0
    lines = [
        row
        for file in sorted(data_dir.rglob("*-trade-*.csv.gz"))
        for row in csv.reader(gzip.decompress(file.read_bytes()).decode().splitlines())
    ]
    with sa.create_engine(to).connect() as connection:
        found = connection.execute(sa.text("SELECT trade_id, price, quantity FROM trades ORDER BY file_id, line")).all()
    assert [tuple(row) for row in found] == [(row[2], Decimal(row[3]), Decimal(row[4])) for row in lines]
    assert found
