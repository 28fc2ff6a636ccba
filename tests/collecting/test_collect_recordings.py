"""Each CSV of a recording equals, byte for byte, one that an independent reader computes of the recorded frames."""

import gzip
import json
from itertools import islice
from pathlib import Path

import pytest
from collecting.collect_reader import texts
from recordings import RECORDINGS, needs_recordings, read_lines

from cryptopipe.cli import main

FILES = {
    "binance": "binance/spot_btcusdt_20240808.jsonl.gz",
    "coinbase_exchange": "coinbase/exchange_level2_ticker_matches_20210417.jsonl.gz",
    "kraken": "kraken/v1_book1000_trade_ticker_20210417.jsonl.gz",
    "bybit": "bybit/DERIVED_v5_orderbook_trades_20210417.jsonl.gz",
    "okx": "okx/v5_books_trades_tickers_20220513.jsonl.gz",
    "bitstamp": "bitstamp/diff_order_book_live_trades_20220105.jsonl.gz",
    "gemini": "gemini/v2_l2_trades_20210624.jsonl.gz",
    "bitfinex": "bitfinex/P0_book_trades_ticker_seq_20210417.jsonl.gz",
}


QUICK = 3000
"""Lines; of the longest recording there are five times as many."""


def written(data_dir: Path) -> dict[tuple[str, str], str]:
    """By kind and symbol the text of the row files; each manifest says what is true of its file."""
    found: dict[tuple[str, str], str] = {}
    for path in sorted(data_dir.glob("collected/*/*/*/*.csv.gz")):
        told = json.loads(path.with_name(path.name + ".json").read_text())
        text = gzip.decompress(path.read_bytes()).decode()
        if told["type"] == "top":
            header, _, text = text.partition("\n")
            assert header == "ts_iso,provider,symbol,bid,ask,spread,mid"
        assert told["rows"] == text.count("\n") and told["bytes"] == path.stat().st_size and told["gaps"] == []
        if told["type"] != "top":
            times = [int(line.split(",")[0]) for line in text.splitlines()]
            assert [told["first_event_ms"], told["last_event_ms"]] == [times[0], times[-1]]
        found[told["type"], told["symbol"]] = text
    return found


@needs_recordings
@pytest.mark.parametrize("venue", FILES)
def test_rows_are_those_that_another_reader_computes(
    venue: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = list(islice(read_lines(FILES[venue]), QUICK))
    Path("cut.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    _same(venue, Path("cut.jsonl"), lines, tmp_path)


@needs_recordings
@pytest.mark.long
@pytest.mark.parametrize("venue", FILES)
def test_rows_of_whole_recordings(venue: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    _same(venue, RECORDINGS / FILES[venue], list(read_lines(FILES[venue])), tmp_path)


def _same(venue: str, recording: Path, lines: list[dict[str, str]], tmp_path: Path) -> None:
    data = tmp_path / "data"
    asked = ["--from-raw", str(recording), "--exchange", venue, "--data_type", "trade", "book", "top"]
    assert main(["collect", *asked, f"--data_dir={data}"]) == 0
    expected = texts(venue, iter(lines), "BTCUSDT")
    assert {kind for kind, _ in expected} >= {"trade", "book"}
    found = {key: text for key, text in written(data).items() if key[0] != "top" or venue != "binance"}
    assert found.keys() == expected.keys()
    for key, text in found.items():
        assert text == expected[key], key
