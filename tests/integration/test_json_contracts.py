"""docs/json.md says what the commands print, and they print what it says."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from cryptopipe.cli import main
from cryptopipe.journal.records import BODIES

DOCS = Path(__file__).parent.parent.parent / "docs"


OF_A_VENUE = "\nEach of `venues`:\n"


def documented(section: str, of_a_venue: bool = False) -> set[str]:
    page = (DOCS / "json.md").read_text(encoding="utf-8")
    body = page.split(f"\n## {section}\n")[1].split("\n## ")[0]
    body = body.split(OF_A_VENUE)[1 if of_a_venue else 0]
    cells = re.findall(r"^\| (`.+?`) \| ", body, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One with a run in it: tests of one module may be spread over several processes."""
    place = str(tmp_path_factory.mktemp("data"))
    assert main(["action", "--replay=generated", "--data-dir", place]) == 0
    return place


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main([*arguments, "--json"]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert document.pop("schema") == 1
    return document


@pytest.mark.parametrize(
    ("section", "arguments"),
    [
        ("action", ["--strategy", "arbitrage", "--mode", "action", "--replay=generated"]),
        ("post-mortem", ["--strategy", "arbitrage", "--mode", "post-mortem"]),
        ("replay", ["replay", "last", "--verify"]),
    ],
)
def test_the_documented_fields_are_the_printed_ones(
    section: str, arguments: list[str], data_dir: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert set(printed(capsys, *arguments, "--data-dir", data_dir)) == documented(section)


def test_the_documented_fields_of_a_venue_are_the_printed_ones(
    data_dir: str, capsys: pytest.CaptureFixture[str]
) -> None:
    venues = printed(capsys, "action", "--replay=generated", "--data-dir", data_dir)["venues"]
    assert venues
    for venue in venues.values():
        assert set(venue) == documented("action", of_a_venue=True)


@pytest.mark.slow
def test_a_run_on_the_sandbox_prints_the_documented_fields_and_values(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = printed(capsys, "action", "--seed=7", "--for=2s", "--data-dir", str(tmp_path))
    assert set(document) == documented("action")
    assert (document["market"], document["seed"], document["stopped_by"]) == ("sandbox", 7, "duration")
    for venue in document["venues"].values():
        assert set(venue) == documented("action", of_a_venue=True)


def test_every_kind_of_record_is_documented() -> None:
    page = (DOCS / "runs.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[a-z_`, ]+`) \| ", page.split("## The journal")[1].split("\n## ")[0], re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == set(BODIES)
