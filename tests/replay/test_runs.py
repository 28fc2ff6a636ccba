"""Whole runs on recorded market data: what was seen, refused and traded, and the same again bit for bit.

The expected edges come from an independent reconstruction (`expected_top_of_book.json`); balances are added up here
from the fills and fees in the journal alone.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import msgspec
import pytest
from recordings import RECORDINGS, expected_tops, needs_recordings

from cryptopipe.app import act
from cryptopipe.capture.reader import read as read_capture
from cryptopipe.capture.writer import Writer as CaptureWriter
from cryptopipe.drivers.replay import open_replay, packaged_replay
from cryptopipe.journal.log import Log
from cryptopipe.journal.reader import read
from cryptopipe.journal.records import Halted
from cryptopipe.journal.runs import Run
from cryptopipe.registry import strategy
from cryptopipe.result import RunResult
from cryptopipe.settings import load_settings
from cryptopipe.verify import verify
from cryptopipe.wiring import Wiring

SPOT = RECORDINGS / "binance/spot_btcusdt_20240808.jsonl.gz"
PERPETUAL = RECORDINGS / "binance_usdm/btcusdt_20240808.jsonl.gz"
CROSS = [f"binance={SPOT}", f"binance_usdm={PERPETUAL}"]
SHIFTED = [f"binance={SPOT}", f"binance_us={SPOT}"]


def run(tmp_path: Path, replays: Sequence[str], shifts: Sequence[str] = (), **sets: str) -> RunResult:
    settings = load_settings(
        environment={},
        sets=[f"data_dir={tmp_path}", *(f"{key.replace('__', '.')}={value}" for key, value in sets.items())],
        strategies={"arbitrage": strategy("arbitrage").settings},
    ).settings
    source = open_replay(replays, shifts) if replays else packaged_replay()
    return act(Wiring.of("arbitrage", settings, source.venues), source, source.label())


def journal(result: RunResult, kind: str) -> list[dict[str, Any]]:
    return [json.loads(bytes(record.body)) for record in read(result.run.journal) if record.kind == kind]


@needs_recordings
def test_the_largest_edge_between_kinds_is_named_and_not_traded(tmp_path: Path) -> None:
    result = run(tmp_path, CROSS)
    expected = expected_tops()["cross_market_btcusdt_spot_vs_usdm_bookTicker"]
    gross = result.summary.gross
    assert result.summary.frames == 50_560
    assert gross is not None and (gross.buy, gross.sell) == ("binance_usdm", "binance")
    assert f"{gross.bps:.4f}" == expected["max_edge_bps"]
    seconds, _, fraction = expected["at_ts"].partition(".")
    assert gross.at == int(seconds) * 10**9 + int(fraction)
    assert (result.summary.accepted, result.summary.fills) == (0, 0)
    assert "kind" in result.summary.refusals


@needs_recordings
def test_compared_kinds_are_refused_for_their_cost(tmp_path: Path) -> None:
    fees = {"venues__binance__taker_fee_bps": "10", "venues__binance_usdm__taker_fee_bps": "5"}
    result = run(tmp_path, CROSS, arbitrage__compare_kinds="true", **fees)
    assert (result.summary.found, result.summary.accepted) == (1, 0)
    for decision in journal(result, "decided"):
        failed = {reason["check"] for reason in decision["reasons"] if not reason["passed"]}
        assert not decision["accepted"] and "net_edge" in failed
        for reason in decision["reasons"]:
            assert reason["limit"] and reason["measured"]


@needs_recordings
def test_at_zero_fees_the_basis_is_one_long_episode(tmp_path: Path) -> None:
    fees = {"venues__binance__taker_fee_bps": "0", "venues__binance_usdm__taker_fee_bps": "0"}
    result = run(tmp_path, CROSS, arbitrage__compare_kinds="true", **fees)
    joint = expected_tops()["cross_market_btcusdt_spot_vs_usdm_bookTicker"]
    assert joint["states_spot_bid_above_perp_ask"] == joint["joint_states"]
    assert result.summary.found == 1
    ends = [decision for decision in journal(result, "decided") if decision["phase"] == "end"]
    assert len(ends) == 1 and ends[0]["evaluations"] > 35_000


@needs_recordings
@pytest.mark.parametrize("residual", ["50", "1000000"])
def test_trades_on_real_books_add_up(tmp_path: Path, residual: str) -> None:
    fees = {"venues__binance__taker_fee_bps": "2", "venues__binance_us__taker_fee_bps": "2"}
    result = run(tmp_path, SHIFTED, ["binance_us=120s"], risk__max_residual=residual, **fees)
    assert not result.origin.label.simultaneous and "120 s" in result.origin.label.why
    assert result.summary.accepted > 0 and result.summary.fills > 0
    assert result.summary.refusals
    balances: dict[tuple[str, str], D] = {}
    for venue in ("binance", "binance_us"):
        balances.update({(venue, "BTC"): D(2), (venue, "USDT"): D(100_000)})
    for fill in journal(result, "filled"):
        venue, sign = fill["instrument"].split(":")[0], 1 if fill["side"] == "buy" else -1
        quantity, price = D(fill["quantity"]), D(fill["price"])
        assert D(fill["fee"]) == (quantity if sign > 0 else quantity * price) * D("0.0002")
        balances[venue, "BTC"] += sign * quantity
        balances[venue, "USDT"] -= sign * quantity * price
        balances[venue, fill["fee_asset"]] -= D(fill["fee"])
    closing = {(v, a): amount for v, assets in result.summary.balances.items() for a, (_, amount) in assets.items()}
    assert closing == balances
    intended = {order["client_id"]: D(order["quantity"]) for order in journal(result, "intended")}
    for order in journal(result, "order_ended"):
        assert D(order["filled"]) + D(order["unfilled"]) == intended[order["client_id"]]


@needs_recordings
def test_fees_above_the_edge_forbid_every_trade(tmp_path: Path) -> None:
    fees = {"venues__binance__taker_fee_bps": "20", "venues__binance_us__taker_fee_bps": "20"}
    result = run(tmp_path, SHIFTED, ["binance_us=120s"], **fees)
    assert (result.summary.accepted, result.summary.fills) == (0, 0)
    assert result.summary.found > 0 and "net_edge" in result.summary.refusals


def test_the_generated_capture_shows_a_triangle_and_two_venues(tmp_path: Path) -> None:
    result = run(tmp_path, [])
    assert result.origin.label.why.startswith("generated")
    accepted = {d["edge"].split()[0] for d in journal(result, "decided") if d["accepted"]}
    assert "triangle" in accepted
    ends = [d for d in journal(result, "decided") if d["phase"] == "end"]
    assert {d["edge"].split()[0] for d in ends} == {"triangle", "two_venue", "round", "transfer"}
    assert result.summary.halted == ""


def test_costs_lead_exactly_from_gross_to_net(tmp_path: Path) -> None:
    result = run(tmp_path, [])
    decisions = journal(result, "decided")
    assert decisions
    for decision in decisions:
        costs = sum((D(cost["bps"]) for cost in decision["costs"]), D(0))
        assert D(decision["gross_bps"]) - costs == D(decision["net_bps"])


def test_a_run_is_the_same_again_twice_and_on_both_cores(tmp_path: Path) -> None:
    result = run(tmp_path, [])
    for _ in range(2):
        outcome = verify(result.run)
        assert outcome.identical and outcome.hash_replay == result.journal_hash
    for core in ("native", "reference"):
        document = _verified_by(core, tmp_path, result)
        assert document["identical"], document["first_difference"]
        assert document["hash_replay"] == result.journal_hash


@needs_recordings
@pytest.mark.slow
def test_a_recorded_run_is_the_same_on_both_cores(tmp_path: Path) -> None:
    fees = {"venues__binance__taker_fee_bps": "2", "venues__binance_us__taker_fee_bps": "2"}
    result = run(tmp_path, SHIFTED, ["binance_us=120s"], risk__max_residual="1000000", **fees)
    for core in ("native", "reference"):
        assert _verified_by(core, tmp_path, result)["hash_replay"] == result.journal_hash


def _verified_by(core: str, tmp_path: Path, result: RunResult) -> dict[str, Any]:
    command = [
        sys.executable,
        "-m",
        "cryptopipe",
        "replay",
        result.run.id,
        "--verify",
        "--json",
        "--data-dir",
        str(tmp_path),
    ]
    done = subprocess.run(command, capture_output=True, env={**os.environ, "CRYPTOPIPE_USE_CORE": core}, check=False)
    if core == "native" and b"native core is not built" in done.stderr:
        pytest.skip("the native core is not built")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_a_changed_result_is_located(tmp_path: Path) -> None:
    """The run's own configuration is edited: the replay differs, and says in which record and field."""
    result = run(tmp_path, [])
    described = result.run.path / "run.json"
    described.write_text(described.read_text().replace('"latency": "50ms"', '"latency": "51ms"'))
    outcome = verify(result.run)
    assert not outcome.identical
    assert outcome.first_difference is not None
    assert outcome.first_difference["record"] == 1
    assert outcome.first_difference["field"] == "body.config_hash"


def test_a_record_that_a_cut_off_run_has_and_its_replay_lacks_is_a_difference(tmp_path: Path) -> None:
    """The journal of the captured prefix ends with a halt that no input caused."""
    result = run(tmp_path, [])
    cut = Run("cut", tmp_path / "runs" / "cut")
    cut.path.mkdir()
    (cut.path / "run.json").write_bytes((result.run.path / "run.json").read_bytes())
    inputs = list(read_capture(result.run.capture))[:-1]
    with CaptureWriter(cut.capture) as capture:
        for entry in inputs:
            capture.append(entry)
    seq = inputs[-1].seq - 1
    with Log.open(cut.journal) as log:
        for record in read(result.run.journal):
            if record.seq < seq:
                log.append(record.seq, record.at, record.kind, msgspec.Raw(bytes(record.body)))
        log.append(seq, inputs[-2].at, "halted", Halted("nobody knows why"))
    outcome = verify(cut)
    assert outcome.compared.startswith("captured prefix") and not outcome.identical
    assert outcome.first_difference is not None and outcome.first_difference["run"] == "halted"
