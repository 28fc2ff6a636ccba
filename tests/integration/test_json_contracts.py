"""docs/json.md says what the commands print, and they print what it says."""

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cryptopipe import registry
from cryptopipe.cli import main
from cryptopipe.drivers.streams import instruments_of
from cryptopipe.journal.records import BODIES
from cryptopipe.market.names import orders_dialect
from cryptopipe.settings import Settings

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


def names(text: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", text))


def table_of(page: str, title: str) -> set[str]:
    rows = page.split(f"| {title} | meaning |\n|---|---|\n")[1].split("\n\n")[0]
    return set().union(*(names(row.split(" | ")[0]) for row in rows.splitlines()))


def able() -> str:
    """An installed venue that tells single orders."""
    found = [name for name, one in registry.exchanges().items() if orders_dialect(one) and one.sandbox]
    return found[0] if found else pytest.skip("no installed venue tells single orders")


@pytest.mark.slow
def test_a_run_with_single_orders_counts_their_books(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    venue = able()
    instrument = instruments_of(registry.exchange(venue), Settings().assets)[0]
    arguments = ["--seed=7", "--for=4s", f"--venues={venue}", f"--set=orders={instrument.id}"]
    orders = printed(capsys, "action", *arguments, "--data-dir", str(tmp_path))["venues"][venue]["orders"]
    row = next(
        line for line in (DOCS / "json.md").read_text("utf-8").splitlines() if line.startswith("| `orders` | its")
    )
    assert set(orders) == names(row.split(" | ", 1)[1])
    assert (orders["live"], orders["suspect"], orders["dead"], orders["gaps"]) == (1, 0, 0, 0)
    assert orders["proof"] != "none"


@pytest.mark.slow
def test_single_orders_are_watched_with_the_documented_fields(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", "--orders", "--json", "--seed=7", "--for=4s", f"--venues={able()}"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    page = (DOCS / "json.md").read_text(encoding="utf-8")
    live = [one for one in told if one["state"] == "live" and one["bid"] and one["ask"]]
    assert len(live) > 5
    for one in live:
        assert set(one) == table_of(page, "field with `--orders`") | {"schema"}
        for side in (one["bid"], one["ask"]):
            assert set(side) | set(side["queue"][0]) == table_of(page, "field of `bid` and `ask`") | {"order_id"}
            assert len(side["queue"]) == min(side["orders"], 10)
            if side["orders"] <= 10:
                assert sum(Decimal(order["quantity"]) for order in side["queue"]) == Decimal(side["quantity"])
        assert Decimal(one["bid"]["price"]) < Decimal(one["ask"]["price"])
        assert one["orders"]["bids"] >= one["bid"]["orders"]


def test_every_kind_of_record_is_documented() -> None:
    page = (DOCS / "runs.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[a-z_`, ]+`) \| ", page.split("## The journal")[1].split("\n## ")[0], re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == set(BODIES)
