"""`cryptopipe index`: what it prints and writes, from the capture that ships with the package, a run, the sandbox."""

import csv
import json
import re
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from cryptopipe.cli import main
from cryptopipe.clock import parse_at

DOCS = Path(__file__).parent.parent.parent / "docs"


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("COLUMNS", "140")


def printed(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, Any]:
    assert main(["index", "--json", *arguments]) == code
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert document.pop("schema") == 1
    return document


def documented() -> list[list[str]]:
    """Of each row of the page's table the names in either cell."""
    section = (DOCS / "json.md").read_text(encoding="utf-8").split("\n## index\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`.+?`) \| (.+) \|$", section, re.MULTILINE)
    return [re.findall(r"`(\w+)`", " ".join(row)) for row in rows]


def test_the_documented_fields_are_the_printed_ones(capsys: pytest.CaptureFixture[str]) -> None:
    document = printed(capsys, "--replay=generated")
    fields = documented()
    named = {name for row in fields for name in row}
    assert set(document) <= named
    for rows in ("gaps", "ratios", "states"):
        assert document[rows]
        (own,) = [row for row in fields if row[0] == rows]
        for row in document[rows]:
            assert set(row) == set(own) - {rows}


def test_every_figure_leads_back_to_its_prices(capsys: pytest.CaptureFixture[str]) -> None:
    document = printed(capsys, "--replay=generated", "--every=1s", "--size=0", "--size=0.05")
    assert document["label"].startswith("generated") and document["per"] == "hour" and document["instants"] == 60
    assert any(D(row["bps"]) > 0 for row in document["gaps"])
    for row in document["gaps"]:
        true = (D(row["bid"]) / D(row["ask"]) - 1) * 10_000
        assert abs(D(row["bps"]) - true) < D("1e-8") and row["buy"] != row["sell"]
        assert 0 <= row["positive"] <= row["quoted"] <= document["instants"]
        assert (row["positive"] > 0) is (true > 0)
    by_pair = {row["pair"]: row for row in document["ratios"]}
    for row in document["ratios"]:
        assert D(row["hourly_bps"]) >= D(row["sampled_bps"]) >= 0 and row["hours"] == 1
    for row in document["states"]:
        assert row["pair"] in by_pair and row["told_positive"] <= row["told"] and row["moved_positive"] <= row["moved"]


def test_a_run_is_measured_over_what_it_captured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["action", "--replay=generated", "--data-dir", str(tmp_path)]) == 0
    capsys.readouterr()
    of_run, of_files = printed(capsys, "--run=last", "--data-dir", str(tmp_path)), printed(capsys, "--replay=generated")
    assert of_run["source"] == "run" and of_run["label"].startswith("run ")
    for field in ("gaps", "ratios", "states", "instants", "from_at", "to_at", "stopped_by"):
        assert of_run[field] == of_files[field]


def test_the_table_and_the_files_say_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = printed(capsys, "--replay=generated")
    files = ["--csv", str(tmp_path / "rows.csv"), "--plot", str(tmp_path / "page.html")]
    assert main(["index", "--replay=generated", *files]) == 0
    shown = capsys.readouterr().out
    with (tmp_path / "rows.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    gaps = [row for row in rows if row["index"] == "gap"]
    keys = ("pair", "size", "begins_at", "bps", "buy", "ask", "sell", "bid", "at", "positive")
    assert [[row[key] for key in keys] for row in gaps] == [[str(row[key]) for key in keys] for row in document["gaps"]]
    for index, field in (("hourly_ratio", "hourly_bps"), ("sampled_ratio", "sampled_bps")):
        told = [row["bps"] for row in rows if row["index"] == index]
        assert told == [row[field] for row in document["ratios"]]
    for row in document["gaps"]:
        assert f"{D(row['bps']):.4f}" in shown
    assert "not a profit" in shown
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Plotly.newPlot" in page and len(page) > 1_000_000, "the library is not in the file"
    assert not re.search(r"<(script|link)[^>]+(src|href)=", page), "it asks the network for something"
    traces, _ = json.JSONDecoder().raw_decode(page, page.index("[", page.index("Plotly.newPlot")))
    widest = {trace["name"]: max(trace["y"]) for trace in traces}
    assert widest == {f"{row['pair']} ≥ {row['size']}": float(row["bps"]) for row in document["gaps"]}
    assert {len(trace["x"]) for trace in traces} == {row["quoted"] for row in document["gaps"]}


def test_moved_clocks_are_called_so(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    from cryptopipe.drivers.replay import packaged_files

    first, second = packaged_files()[:2]
    names = [path.name.split(".")[0] for path in (first, second)]
    arguments = [f"--replay={name}={path}" for name, path in zip(names, (first, second), strict=True)]
    document = printed(capsys, *arguments, f"--shift={names[0]}=1s")
    assert not document["simultaneous"] and any("not simultaneous" in note for note in document["notes"])
    assert main(["index", *arguments, f"--shift={names[0]}=1s"]) == 0
    assert "not simultaneous" in capsys.readouterr().out


def test_one_venue_alone_has_no_index_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    from cryptopipe.drivers.replay import packaged_files

    path = packaged_files()[0]
    document = printed(capsys, f"--replay={path.name.split('.')[0]}={path}")
    assert document["gaps"] == document["ratios"] == document["states"] == []
    assert any("two places" in note for note in document["notes"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--size=x"], "not a size"),
        (["--size=-1"], "not a size"),
        (["--size=nan"], "not a size"),
        (["--every=0s"], "not above zero"),
        (["--max-age=soon"], "not a duration"),
        (["--csv=absent/rows.csv"], "no such directory"),
        (["--run=last", "--replay=generated"], "it says what is measured"),
        (["--run=last", "--seed=1"], "it says what is measured"),
        (["--run=all"], "one run"),
        (["--window=x.feather", "--run=last"], "it says what is measured"),
        (["--window=x.feather", "--for=3s"], "it says what is measured"),
        (["--run=last", "--data-dir=empty"], "no run in"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["index", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_the_last_stamp_is_looked_at_if_it_is_on_the_grid(capsys: pytest.CaptureFixture[str]) -> None:
    last = parse_at(printed(capsys, "--replay=generated", "--for=10s")["to_at"])
    document = printed(capsys, "--replay=generated", "--for=10s", f"--every={last}ns", "--size=0")
    assert (document["instants"], document["stopped_by"]) == (1, "duration")
    assert {parse_at(row["at"]) for row in document["gaps"]} == {last}
    assert all(row["quoted"] == 1 for row in document["gaps"])


@pytest.mark.slow
def test_the_sandbox_is_measured_while_it_runs(capsys: pytest.CaptureFixture[str]) -> None:
    document = printed(capsys, "--seed=7", "--for=7s", "--every=500ms")
    assert (document["source"], document["stopped_by"]) == ("sandbox", "duration")
    assert 10 <= document["instants"] <= 20
    assert {row["size"] for row in document["gaps"]} >= {"0.05"}
    assert max(row["quoted"] for row in document["gaps"]) >= 5
