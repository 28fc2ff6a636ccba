"""Simulated rows and real ones do not stand in one place."""

import json
from pathlib import Path

import msgspec
import pytest
from collecting.collect_stage import PLAN, VENUE, Stage, files, inputs, manifests, moved, rows, traded

from cryptopipe.cli import main
from cryptopipe.clock import SECOND
from cryptopipe.collect.plan import LIVE, SANDBOX

SIMULATED = msgspec.structs.replace(PLAN, market=SANDBOX)
LATER = 600 * SECOND


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))


def lived(plan: object, by: int = 0) -> None:
    stage = Stage(Path("data"), inputs()[0].at - SECOND + by, plan)  # type: ignore[arg-type]
    stage.hear(moved(inputs(), by))
    stage.end()


@pytest.mark.parametrize(("plan", "market"), [(PLAN, LIVE), (SIMULATED, SANDBOX)])
def test_each_manifest_says_whose_market_it_was(plan: object, market: str) -> None:
    lived(plan)
    assert files(Path("data"))
    assert {one["market"] for one in manifests(Path("data")).values()} == {market}


def test_a_simulated_market_begins_anew_and_its_ids_are_other_trades() -> None:
    """The same ids come again: each session has all of its trades. Of one real market they would be repetitions."""
    for by in (0, LATER):
        lived(SIMULATED, by)
    for symbol in ("BTCUSDT", "ETHUSDT"):
        found = [line.split(",")[2] for line in rows(Path("data"), "trade").splitlines() if f",{symbol}," in line]
        assert sorted(found) == sorted(2 * traded(inputs(), symbol))


def test_another_markets_data_is_not_written_beside(capsys: pytest.CaptureFixture[str]) -> None:
    lived(PLAN)
    before = {path: path.read_bytes() for path in files(Path("data"))}
    asked = ["collect", f"--exchange={VENUE}", "--symbol=BTCUSDT", "--data_type=trade", "--data_dir=data", "--json"]
    assert main([*asked, "--market=sandbox", "--for=1s"]) == 2
    told = json.loads(capsys.readouterr().out)["error"]
    assert told["message"] == f"holds {VENUE} of another market: live, not sandbox" and "--data_dir" in told["fix"]
    assert {path: path.read_bytes() for path in files(Path("data"))} == before
