"""Latencies: what the difference of two clocks hides, and what a table says of a recording."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import RECORDINGS, needs_recordings, read_lines
from scipy.optimize import linprog

from cryptopipe.cli import main
from cryptopipe.clock import MILLISECOND, SECOND
from cryptopipe.plots.latencies import Latencies, beyond_fastest

BINANCE = "binance/spot_btcusdt_20240808.jsonl.gz"


@settings(max_examples=40)
@given(st.data())
def test_offset_and_drift_of_the_clocks_are_removed_as_a_linear_program_would(data: st.DataObject) -> None:
    """Moon, Skelly, Towsley 1999: the line below all points whose sum of distances is least."""
    count = data.draw(st.integers(8, 60))
    seed = data.draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    at = np.sort(random.choice(3_600_000, count, replace=False)) * MILLISECOND
    way = random.exponential(5 * MILLISECOND, count)
    offset, drift = data.draw(st.integers(-(10**12), 10**12)), data.draw(st.floats(-90e-6, 90e-6))
    lag = (way + offset + drift * at).astype(np.int64)
    x, y = (at - at[0]) / SECOND, (lag - lag.min()) / SECOND
    found = linprog([-count, -x.sum()], A_ub=np.column_stack([np.ones(count), x]), b_ub=y, bounds=[(None, None)] * 2)
    if abs(found.x[1]) > 199e-6:
        return  # steeper than a clock: the least lag is taken
    expected = (y - found.x[0] - found.x[1] * x) * SECOND
    assert beyond_fastest(at, lag).sum() == pytest.approx(expected.sum(), rel=1e-6, abs=100)
    assert beyond_fastest(at, lag).min() == 0


def test_what_is_steeper_than_any_clock_is_the_network() -> None:
    at = np.arange(100) * SECOND
    lag = np.arange(100) * MILLISECOND  # 1,000 ppm: a queue that grows
    assert beyond_fastest(at, lag).tolist() == lag.tolist()


def test_figures_are_those_of_the_times() -> None:
    found = Latencies()
    times = [5, 1, 4, 2, 3, 900]
    for number, took in enumerate(times):
        found.add("queue", "alpha", number * SECOND // 2, took)
    (told,) = found.figures()
    assert (told.count, told.mean, told.median, told.maximum) == (6, 915 / 6, 3.5, 900)
    assert told.p99 == pytest.approx(5 + 0.95 * 895)
    assert (told.rate, told.peak) == (6 / 2.5, 2)
    found.add("market", "alpha", 0, 7)
    shares = [share for panel in found.chart("x").panels[:1] for trace in panel.traces for share in trace.y]
    assert sum(share or 0 for share in shares) == pytest.approx(100)


@needs_recordings
def test_a_recording_in_a_table_and_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    path = RECORDINGS / BINANCE
    stamps, frames = [], 0
    for line in read_lines(BINANCE):
        if line["dir"] == "recv":
            frames += 1
            told = json.loads(line["raw"])
            told = told.get("data", told)
            if "E" in told:
                stamps.append((float(line["ts"]) * 1e3, told["E"]))
    assert main(["latency", f"binance={path}", "--json"]) == 0
    stages = {row["stage"]: row for row in json.loads(capsys.readouterr().out)["stages"]}
    assert stages["market"]["count"] == frames
    assert stages["network"]["count"] == len(stamps)
    lags = [received - event for received, event in stamps]
    plain = sum(lags) / len(lags) - min(lags)
    assert 0.2 * plain < stages["network"]["mean_ms"] <= plain + 0.001  # a drift that is removed only lessens it
    assert stages["network"]["max_ms"] <= max(lags) - min(lags) + 0.001
    assert main(["latency", f"binance={path}"]) == 0
    shown = capsys.readouterr().out
    assert "binance" in shown and "p99" in shown and "the fastest counts as 0" in " ".join(shown.split())


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["latency"], 2, "missing argument"),
        (["latency", "live", "last"], 2, "live beside captures"),
        (["latency", "no/such.jsonl"], 2, "no such file"),
        (["latency", "last", "--for", "never"], 2, "never"),
    ],
)
def test_wrong_command_lines(
    arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str], tmp_path: object
) -> None:
    assert main([*arguments, f"--data-dir={tmp_path}"]) == code
    assert words in capsys.readouterr().err
