"""The arithmetic of a measurement, the same frames for every side, and one pass over the generated capture.

No test looks at how long anything took.
"""

import gzip
import json
import math
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner
from recordings import needs_recordings

from cryptopipe import registry
from cryptopipe.bench.corpus import Corpus, build
from cryptopipe.bench.feed import same_prices
from cryptopipe.bench.recordings import chosen, recordings
from cryptopipe.bench.report import Peer, Report, Row, Spread, geometric_mean, geometric_means
from cryptopipe.cli.bench import bench
from cryptopipe.errors import UsageError


def row(name: str, ours: float, **peers: float) -> Row:
    told = {peer: Peer(Spread(value, value, value), "nothing") for peer, value in peers.items()}
    return Row(name, 10, "us/frame", Spread(ours, ours, ours), "sequence", told, Spread(4.0, 4.0, 4.0))


def test_a_spread_is_the_median_between_least_and_greatest() -> None:
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)
    assert Spread.of([4.0, 1.0]) == Spread(2.5, 1.0, 4.0)
    with pytest.raises(ValueError, match="at least one"):
        Spread.of([])


def test_a_ratio_is_how_many_times_as_long_the_peer_took() -> None:
    one = row("a", 2.0, x=16.0, y=1.0)
    assert one.ratio == {"x": 8.0, "y": 0.5}
    assert one.reference_ratio == {"x": 4.0, "y": 0.25}


def test_geometric_means() -> None:
    assert geometric_mean([2.0, 8.0]) == pytest.approx(4.0)
    assert geometric_mean([3.0]) == pytest.approx(3.0)
    assert geometric_mean([1.0, 2.0, 3.0]) == pytest.approx(math.cbrt(6.0))
    for bad in ([], [1.0, 0.0]):
        with pytest.raises(ValueError, match="above zero"):
            geometric_mean(bad)


def test_a_mean_is_over_the_rows_where_the_peer_was_measured() -> None:
    means = geometric_means([{"x": 2.0, "y": 5.0}, {"x": 8.0}])
    assert means == {"x": pytest.approx(4.0), "y": pytest.approx(5.0)}


def test_the_document_has_the_contract_of_the_design() -> None:
    report = Report("feed", "native", {"python": "3"}, "ab", [row("a", 2.0, x=16.0), row("b", 2.0, x=4.0)])
    told = report.document()
    assert {"bench", "core", "versions", "corpus_sha256", "rows", "geomean"} <= set(told)
    assert told["geomean"] == {"x": 4.0}
    first = told["rows"][0]
    assert [first[key] for key in ("name", "n", "unit", "value", "min", "max")] == ["a", 10, "us/frame", 2.0, 2.0, 2.0]
    assert (first["peers"], first["ratio"]) == ({"x": 16.0}, {"x": 8.0})
    json.dumps(told)


def test_prices_are_the_same_however_they_are_printed_and_ordered() -> None:
    assert same_prices([["1.50", "2"], ["0.1", "0.2"]], [["0.10", "2e-1"], ["1.5", "2.0"]])
    assert not same_prices([["1.5", "2"]], [["1.5", "2.1"]])
    assert not same_prices([["1.5", "2"]], [])


@pytest.fixture
def generated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CRYPTOPIPE_RECORDINGS", str(tmp_path / "none"))


@pytest.mark.usefixtures("generated")
def test_an_unknown_recording_is_refused_with_the_nearest_name() -> None:
    found, notes = recordings()
    assert all(one.name.startswith("generated ") for one in found) and "generated" in notes[0]
    with pytest.raises(UsageError, match="generated"):
        chosen(found, (found[0].name + "x",))


@pytest.mark.usefixtures("generated")
@pytest.mark.parametrize("name", ["feed", "replay"])
def test_one_pass_over_the_generated_capture(name: str, tmp_path: Path) -> None:
    outcome = CliRunner().invoke(bench, [name, "--runs", "1", "--json", "--data-dir", str(tmp_path)])
    assert outcome.exception is None, outcome.output
    told = json.loads(outcome.stdout)
    assert (told["schema"], told["bench"]) == (1, name)
    assert told["rows"] and all(one["n"] > 0 and one["value"] > 0 for one in told["rows"])
    assert any("generated" in note for note in told["notes"])


@cache
def corpora() -> dict[str, Corpus]:
    return {one.name: build(one, registry.exchange(one.venue)) for one in recordings()[0]}


@needs_recordings
def test_the_corpus_of_each_recording_is_whole() -> None:
    """Counts from an independent look at the recordings: depth lines after, and not contained in, their snapshot."""
    expected = {
        "coinbase advanced": 4129, "coinbase exchange": 4965, "kraken v2": 1600, "kraken v1": 2438, "bybit": 49,
        "bybit, derived": 2283, "gemini v2": 205, "okx": 189, "bitstamp": 330, "bitfinex": 902,
    }  # fmt: skip
    found = {name: len(corpus.frames) for name, corpus in corpora().items()}
    assert {name: found[name] for name in expected} == expected


@needs_recordings
def test_a_peer_that_speaks_an_older_dialect_gets_the_same_updates() -> None:
    counts = {name: len(corpus.frames) for name, corpus in corpora().items()}
    for one in recordings()[0]:
        for plan in one.peers.values():
            assert counts[plan.corpus or one.name] == counts[one.name]


@needs_recordings
def test_a_connection_s_frames_are_counted_anew_after_those_that_name_its_channels() -> None:
    corpus = corpora()["bitfinex"]
    told = [json.loads(text) for text in corpus.opening]
    assert {one["symbol"] for one in told} == set(corpus.symbols) and len(told) == 6
    frames = [json.loads(text) for text in (*(one.raw for one in corpus.snapshots), *(raw for _, raw in corpus.frames))]
    assert [frame[-1] for frame in frames] == list(range(1, 6 + 902 + 1))
    assert {frame[0] for frame in frames} == {one["chanId"] for one in told}


@needs_recordings
def test_before_an_answer_stands_the_last_difference_that_it_holds() -> None:
    """`microtimestamp` of the answer decides which differences are in it (bitstamp.net/websocket/v2, "Live full order
    book": as the README of the recordings says it)."""
    corpus = corpora()["bitstamp"]
    states = {one.symbol: int(json.loads(one.raw)["microtimestamp"]) for one in corpus.snapshots}
    heard: dict[str, list[int]] = {symbol: [] for symbol in states}
    path = next(one.path for one in recordings()[0] if one.name == "bitstamp")
    for line in gzip.decompress(path.read_bytes()).splitlines():
        entry = json.loads(line)
        frame = json.loads(entry["raw"]) if entry["dir"] == "recv" else {}
        if frame.get("event") == "data" and (symbol := frame["channel"].rpartition("_")[2]) in states:
            heard[symbol].append(int(frame["data"]["microtimestamp"]))
    found = {(one := json.loads(text))["channel"].rpartition("_")[2]: one["data"] for text in corpus.earlier}
    expected = {symbol: max(at for at in heard[symbol] if at <= state) for symbol, state in states.items()}
    assert {symbol: int(data["microtimestamp"]) for symbol, data in found.items()} == expected


@needs_recordings
def test_a_peer_reads_the_venue_s_own_names_of_assets() -> None:
    assert corpora()["gemini v2"].symbols["alcxusd"] == ("ALCX", "USD", "spot")
