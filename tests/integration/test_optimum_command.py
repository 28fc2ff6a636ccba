"""`cryptopipe optimum` on simulated venues and on a recording: documented fields, one answer for a seed, a proof that
holds for who reads nothing but the JSON.
"""

import json
import os
import re
from fractions import Fraction as F
from pathlib import Path
from typing import Any

import pytest

from cryptopipe import registry
from cryptopipe.cli import main

DOCS = Path(__file__).parents[2] / "docs"
FIELDS = {
    "plan": {"gain", "bound", "gap", "ceiling", "legs", "transfers", "change"},
    "certificate": {"prices", "checked", "any_balance", "solver_off", "cases"},
    "none": {"why", "relaxed", "prices", "ceiling"},
}


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("CRYPTOPIPE_") and name != "CRYPTOPIPE_USE_CORE"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))


@pytest.fixture(scope="module")
def venues() -> list[str]:
    """Two that move coins to each other."""
    return [name for name, one in registry.exchanges().items() if one.first_choice and one.wallets and one.sandbox][:2]


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, Any]:
    assert main(["optimum", "--json", *arguments]) == code
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert document.pop("schema") == 1
    return document


def small(venues: list[str], fee: int) -> list[str]:
    fees = [f"--set=venues.{name}.taker_fee_bps={fee}" for name in venues]
    return ["--seed=7", "--depth=5", f"--venues={','.join(venues)}", "--set=assets=BTC,ETH,USDT", *fees]


def test_without_fees_a_plan_whose_amounts_chain(venues: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    document = told(capsys, *small(venues, 0))
    assert document["outcome"] == "plan" and document["certificate"] is document["none"] is None
    plan = document["plan"]
    assert set(plan) == FIELDS["plan"] and plan["transfers"]
    change: dict[tuple[str, str], F] = {}

    def book(venue: str, asset: str, amount: F) -> None:
        change[venue, asset] = change.get((venue, asset), F(0)) + amount

    for leg in plan["legs"]:
        venue, symbol = leg["instrument"].split(":")
        one = registry.exchange(venue).instruments.find(symbol)
        sign = 1 if leg["side"] == "buy" else -1
        book(venue, one.base, sign * F(leg["quantity"]))
        book(venue, one.quote, -sign * F(leg["quantity"]) * F(leg["vwap"]))
        book(venue, leg["fee_asset"], -F(leg["fee"]))
    for sent in plan["transfers"]:
        assert F(sent["amount"]) - F(sent["fee"]) == F(sent["arrives"])
        book(sent["source"], sent["asset"], -F(sent["amount"]))
        book(sent["target"], sent["asset"], F(sent["arrives"]))
    for (venue, asset), amount in change.items():
        stated = F(plan["change"].get(venue, {}).get(asset, "0"))
        assert stated >= 0 and abs(amount - stated) < F(1, 1000), "but for the average price, which has 12 digits"
    assert sum(F(assets.get("USDT", "0")) for assets in plan["change"].values()) == F(plan["gain"]) > 0
    assert F(plan["gain"]) <= F(plan["ceiling"]) and F(plan["gap"]) == F(plan["bound"]) - F(plan["gain"])


def test_a_seed_has_one_answer_and_its_fields_are_the_documented_ones(
    venues: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    document = told(capsys, *small(venues, 50))
    assert document == told(capsys, *small(venues, 50))
    section = (DOCS / "json.md").read_text(encoding="utf-8").split("\n## optimum\n")[1].split("\n## ")[0]
    cells = re.findall(r"^\| (`.+?`) \| ", section, re.MULTILINE)
    assert set(document) == {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    for outcome, fields in FIELDS.items():
        row = next(line for line in section.splitlines() if line.startswith(f"| `{outcome}` |"))
        assert fields <= set(re.findall(r"`(\w+)`", row))


def test_at_high_fees_a_certificate_that_its_reader_can_check(
    venues: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    document = told(capsys, *small(venues, 50))
    assert document["outcome"] == "certificate" and set(document["certificate"]) == FIELDS["certificate"]
    prices = {(row["venue"], row["asset"]): F(row["exact"]) for row in document["certificate"]["prices"]}
    assert all(prices[venue, "USDT"] >= 1 for venue in venues)
    for venue in venues:
        fee = F(50, 10_000)
        rate = prices[venue, "BTC"] / prices[venue, "USDT"]
        assert F(30_000) < rate < F(120_000), "of the order of the simulated price"
        assert prices[venue, "ETH"] * (1 - fee) < prices[venue, "BTC"]
    assert document["certificate"]["checked"] > 2 * 2 * 3 * 5, "levels of three books on two venues, and routes"


def test_where_a_fixed_fee_decides_the_proof_is_by_cases(venues: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    fees = [f"--set=venues.{name}.taker_fee_bps=10" for name in venues]
    arguments = ["--seed=7", "--depth=5", f"--venues={','.join(venues)}", "--set=assets=BTC,ETH,USDT", *fees]
    proof = told(capsys, *arguments)["certificate"]
    assert len(proof["cases"]) == proof["checked"] > 1
    for case in proof["cases"]:
        assert set(case) == {"on", "off", "prices", "rents", "bound"} and F(case["bound"]) <= 0
        assert not set(case["on"]) & set(case["off"])
    assert main(["optimum", *arguments]) == 0
    assert f"none of {proof['checked']} cases" in capsys.readouterr().out


def test_a_recording_at_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    document = told(capsys, "--replay=generated", "--for=2s", "--depth=5", "--keep=asset")
    assert document["market"] == "replay" and document["books"] > 2 and document["label"]
    assert document["routes"] == 0 and all("not told" in why for why in document["shut"]), "unknown is closed"


def test_tables(venues: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["optimum", *small(venues, 0), "--keep=asset", "--lots"]) == 0
    plan = capsys.readouterr().out
    assert "trades" in plan and " USDT exactly; " in plan
    assert main(["optimum", *small(venues, 50)]) == 0
    assert "no arbitrage exists, whatever is held, at any size" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "where"),
    [(["--faults=f.yaml"], "--faults"), (["--for=2s"], "--for"), (["--venues=nowhere"], "")],
)
def test_what_cannot_be_asked(arguments: list[str], where: str, capsys: pytest.CaptureFixture[str]) -> None:
    error = told(capsys, "--seed=1", *arguments, code=2)["error"]
    assert (error["where"] == where and error["fix"]) or not where
