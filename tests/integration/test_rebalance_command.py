"""`cryptopipe rebalance` of paper's balances and of a sandbox's accounts, which change as planned with --apply."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from cryptopipe import registry
from cryptopipe.cli import main

DOCS = Path(__file__).parents[2] / "docs"
ASSETS = "--set=assets=BTC,ETH,USDT"


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("CRYPTOPIPE_") and name != "CRYPTOPIPE_USE_CORE"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


@pytest.fixture(scope="module")
def venues() -> list[str]:
    """Two whose simulated accounts can be traded on and send coins."""
    found = registry.exchanges().items()
    return [name for name, one in found if one.first_choice and one.wallets and one.trading_sandbox][:2]


@pytest.fixture(scope="module")
def sandbox(venues: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The data directory of a sandbox that serves while the module's tests run."""
    place = tmp_path_factory.mktemp("served")
    command = [sys.executable, "-P", "-m", "cryptopipe", "sandbox", "--json", f"--venues={','.join(venues)}"]
    environment = {**os.environ, "CRYPTOPIPE_DATA_DIR": str(place)}
    process = subprocess.Popen([*command, "--seed=7"], stdout=subprocess.PIPE, env=environment)
    assert process.stdout is not None
    assert "venues" in json.loads(process.stdout.readline())
    yield f"--data-dir={place}"
    process.terminate()
    process.wait(10)
    process.stdout.close()


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, Any]:
    assert main([*arguments, "--json"]) == code
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert document.pop("schema") == 1
    return document


def test_of_paper_the_shares_that_were_asked_for(venues: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    one, other = venues
    shares = [f"--set=capital.targets.{one}=3", f"--set=capital.targets.{other}=1"]
    document = told(capsys, "rebalance", "--seed=7", "--depth=5", f"--venues={one},{other}", ASSETS, *shares)
    section = (DOCS / "json.md").read_text(encoding="utf-8").split("\n## rebalance\n")[1].split("\n## ")[0]
    cells = re.findall(r"^\| (`.+?`) \| ", section, re.MULTILINE)
    assert set(document) == {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    assert (document["balances"], document["applied"], document["done"]) == ("paper", False, [])
    places = {(row["venue"], row["asset"]): row for row in document["places"]}
    fees: dict[str, D] = {}
    for step in document["stages"][0]:
        assert (step["act"], step["source"], step["target"]) == ("transfer", other, one)
        fees[step["asset"]] = D(step["fee"])
    assert set(fees) == {"BTC", "ETH", "USDT"} and len(document["stages"]) == 1
    for asset, fee in fees.items():
        all_of_it = D(places[one, asset]["held"]) + D(places[other, asset]["held"])
        assert D(places[other, asset]["target"]) == all_of_it / 4
        assert all_of_it / 4 - fee < D(places[other, asset]["final"]) <= all_of_it / 4
        assert D(places[one, asset]["final"]) + D(places[other, asset]["final"]) == all_of_it - fee
        assert D(places[one, asset]["shadow"]) >= D(places[other, asset]["shadow"]) > 0, "it lacks, and sending costs"
    assert D(document["bound"]) <= D(document["cost"]["total"]) + D("0.001") < D(document["idle"]["total"])


def test_equal_balances_stay_where_they_are(venues: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rebalance", "--seed=7", "--depth=5", f"--venues={','.join(venues)}", ASSETS]) == 0
    assert "nothing to do" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "fix"),
    [
        (["--market=live"], "by hand"),
        (["--seed=7"], "cryptopipe sandbox"),
        (["--paper"], "cryptopipe sandbox"),
        (["--replay=generated"], "cryptopipe sandbox"),
    ],
)
def test_deeds_only_where_they_last(arguments: list[str], fix: str, capsys: pytest.CaptureFixture[str]) -> None:
    error = told(capsys, "rebalance", "--apply", *arguments, code=2)["error"]
    assert error["where"] == "--apply" and fix in error["fix"]


def test_on_a_sandbox_the_accounts_send_what_the_plan_says(
    sandbox: str, venues: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = venues

    def free(venue: str) -> dict[str, D]:
        rows = told(capsys, "balances", sandbox, f"--venues={venue}")["balances"][venue]
        return {row["asset"]: D(row["free"]) for row in rows if row["wallet"] == "trading"}

    before = free(other)
    shares = [f"--set=capital.targets.{one}=3", f"--set=capital.targets.{other}=2"]
    document = told(capsys, "rebalance", sandbox, "--apply", "--depth=5", "--set=assets=BTC,USDT", *shares)
    assert (document["market"], document["balances"], document["applied"]) == ("sandbox", "accounts", True)
    sent = {step["asset"]: D(step["amount"]) for step in document["stages"][0]}
    withdrawn = [deed for deed in document["done"] if deed["plan"]["act"] == "withdraw"]
    assert sent and all(deed["done"] for deed in document["done"]) and len(withdrawn) == len(sent)
    assert all(deed["plan"]["target"] == one for deed in withdrawn)
    assert {deed["plan"]["asset"]: D(deed["plan"]["amount"]) for deed in withdrawn} == sent
    after = free(other)
    assert {asset: before[asset] - after[asset] for asset in sent} == sent


def test_deeds_in_words(sandbox: str, venues: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    one, other = venues
    shares = [f"--set=capital.targets.{one}=2", f"--set=capital.targets.{other}=3"]
    assert main(["rebalance", sandbox, "--apply", "--depth=5", "--set=assets=ETH,USDT", *shares]) == 0
    told = capsys.readouterr().out
    assert "stage 1" in told and f"withdraw at {one}: done" in told
