"""The sample maker on recorded frames: each fill has a real trade through it, read here from the raw texts."""

import json
import os
import subprocess
import sys
from collections import defaultdict
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest
from recordings import RECORDINGS, needs_recordings, read_lines

from cryptopipe.app import act
from cryptopipe.clock import parse_epoch
from cryptopipe.drivers.replay import open_replay
from cryptopipe.journal.reader import read
from cryptopipe.registry import strategy
from cryptopipe.result import RunResult
from cryptopipe.settings import load_settings
from cryptopipe.verify import verify
from cryptopipe.wiring import Wiring

pytestmark = [pytest.mark.core, pytest.mark.long]

SPOT = "binance/spot_btcusdt_20240808.jsonl.gz"


def run(place: Path, *sets: str) -> RunResult:
    """Close to the mid, so that much is filled in four minutes."""
    near = ("toy_maker.spread_bps=2", "toy_maker.level_bps=1")
    settings = load_settings(
        environment={},
        sets=[f"data_dir={place}", *near, *sets],
        strategies={"toy_maker": strategy("toy_maker").settings},
    ).settings
    source = open_replay([f"binance={RECORDINGS / SPOT}"])
    return act(Wiring.of("toy_maker", settings, source.venues), source, source.label())


def told(result: RunResult, kind: str) -> list[dict[str, Any]]:
    records = [one for one in read(result.run.journal) if one.kind == kind]
    return [{"at": one.at, **json.loads(bytes(one.body))} for one in records]


def recorded_trades() -> dict[int, tuple[D, D]]:
    """Price and size by the time of the frame, which tells one trade each."""
    found: dict[int, tuple[D, D]] = {}
    for line in read_lines(SPOT):
        data = json.loads(line["raw"]).get("data", {}) if line.get("dir") == "recv" else {}
        if data.get("e") == "trade":
            at = parse_epoch(line["ts"])
            assert at not in found
            found[at] = D(data["p"]), D(data["q"])
    return found


@needs_recordings
def test_every_fill_is_of_a_recorded_trade_through_its_price_and_of_no_more(tmp_path: Path) -> None:
    result = run(tmp_path)
    trades, used = recorded_trades(), defaultdict(D)
    placed = {one["quote_id"]: one["at"] for one in told(result, "quote_placed")}
    fills = told(result, "filled")
    assert len(fills) > 100
    for one in fills:
        price, size = trades[one["at"]]
        ours = D(one["price"])
        assert price < ours if one["side"] == "buy" else price > ours
        assert one["at"] >= placed[one["client_id"]] + 50_000_000
        used[one["at"]] += D(one["quantity"])
        assert used[one["at"]] <= size
    assert verify(result.run).identical


@needs_recordings
@pytest.mark.parametrize("core", ["native", "reference"])
def test_its_journal_is_the_same_on_either_core(core: str, tmp_path: Path) -> None:
    result = run(tmp_path)
    command = [sys.executable, "-m", "cryptopipe", "replay", "last", "--verify", "--json", "--data-dir", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, env={**os.environ, "CRYPTOPIPE_USE_CORE": core}, check=False)
    if b"native core is not built" in done.stderr:
        pytest.skip("the native core is not built")
    document = json.loads(done.stdout)
    assert document["identical"] and document["hash_replay"] == result.journal_hash


@needs_recordings
def test_what_the_fee_takes_is_all_that_it_changes(tmp_path: Path) -> None:
    free, dear = run(tmp_path / "free", "venues.binance.maker_fee_bps=0"), run(tmp_path / "dear")
    names = ("client_id", "side", "price", "quantity")
    first, second = ([tuple(one[name] for name in names) for one in told(made, "filled")] for made in (free, dear))
    assert first == second
    paid: dict[str, D] = defaultdict(D)
    for one in told(dear, "filled"):
        paid[one["fee_asset"]] += D(one["fee"])
    for asset in ("BTC", "USDT"):
        assert free.summary.profit[asset] - dear.summary.profit[asset] == paid[asset] > 0
