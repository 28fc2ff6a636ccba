"""`cryptopipe bench window`: whose rows it measures, and what it reports.

Enters: the generated capture. Leaves: a verdict. Never: a figure that a test depends on.
"""

import itertools
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from cryptopipe.bench.recordings import recordings
from cryptopipe.bench.window import tops_of
from cryptopipe.cli.bench import bench
from cryptopipe.core import NAME

pytestmark = pytest.mark.core


@pytest.fixture(autouse=True)
def generated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRYPTOPIPE_RECORDINGS", str(tmp_path))


def test_the_tops_are_those_of_each_instrument_in_order() -> None:
    streams = tops_of(recordings()[0][0])
    assert len(streams) > 2
    for tops in streams.values():
        assert all(one.received_at <= other.received_at for one, other in itertools.pairwise(tops))
        units = [(one.bid_units, one.bid_size_units, one.ask_units, one.ask_size_units) for one in tops]
        assert all(one != other for one, other in itertools.pairwise(units))


def test_the_command_reports_every_row() -> None:
    name = recordings()[0][0].name
    result = CliRunner().invoke(bench, ["window", "--only", name, "--runs", "1", "--rows", "1000", "--json"])
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    rows = {row["name"]: row for row in report["rows"]}
    inside = [
        f"append inside the core, {how}" for how in ("sealed after six minutes", "sealed at once", "never sealed")
    ]
    assert list(rows) == [
        f"{name}, sealed",
        "bytes a row, the longest stream",
        *(inside if NAME == "native" else []),
        "append from Python, sealed at once",
        "least and greatest of a hot column",
        "the same by scan, without empty sides",
        *(f"cold scan of {one}" for one in ("received_at", "event_time", "bid", "bid_size", "ask", "ask_size")),
        "all six cold columns to arrays",
    ]
    assert (report["schema"], report["bench"], report["core"]) == (1, "window", NAME)
    assert all(row["min"] <= row["value"] <= row["max"] for row in report["rows"])
    assert {row["unit"] for row in report["rows"]} == {"B/row", "ns", "us", "Mrows/s"}
    assert set(rows["least and greatest of a hot column"]["ratio"]) == {"deque of tuples", "numpy ring"}
    memory = rows["bytes a row, the longest stream"]
    assert 3 < memory["value"] < memory["peers"]["numpy ring"] == 48 < memory["peers"]["deque of tuples"]
