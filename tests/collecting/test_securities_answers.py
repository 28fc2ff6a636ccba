"""`cryptopipe securities` from answers to rows: recorded answers, captures, venues that fail, what a user is told."""

import csv
import gzip
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from recordings import RECORDINGS, needs_recordings

from cryptopipe.alerts import KINDS
from cryptopipe.capture.inputs import METADATA, Direction, Input
from cryptopipe.capture.writer import Writer
from cryptopipe.cli import main
from cryptopipe.cli.securities import _names
from cryptopipe.cli.securities_shown import COLUMNS
from cryptopipe.drivers.child import on_origin
from cryptopipe.errors import RateLimited, VenueError, VenueUnavailable
from cryptopipe.model.facts import VenueId
from cryptopipe.registry import exchange
from cryptopipe.securities.access import opened
from cryptopipe.securities.answers import from_files
from cryptopipe.securities.compare import CHANGED, NEW, Change
from cryptopipe.securities.syncing import ask, take
from cryptopipe.securities.telling import SINGLY, alerts_of
from cryptopipe.securities.versions import DELISTED
from cryptopipe.settings import load_settings

SECOND = 1_000_000_000
PAIR = {"wsname": "XBT/USD", "pair_decimals": 1, "lot_decimals": 8, "ordermin": "0.0002", "status": "online"}
ASSETS = b'{"error":[],"result":{"XXBT":{"altname":"XBT"}}}'


def pairs(*names: str, **changed: Any) -> bytes:
    """An answer about these pairs, such as `XBT/USD`."""
    rows = {name: {**PAIR, "wsname": name, **changed} for name in names}
    return json.dumps({"error": [], "result": rows}).encode()


@contextmanager
def serving(answers: Mapping[str, tuple[int, bytes]]) -> Iterator[str]:
    """Answers by path, on loopback; any other path is unknown."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answers.get(self.path.partition("?")[0], (404, b"unknown"))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *given: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any, str]:
    """Exit code, JSON document and stderr of `cryptopipe securities …`."""
    code = main(["securities", *arguments, "--json"])
    out, err = capsys.readouterr()
    return code, json.loads(out), err


def test_venues_are_asked_and_one_that_fails_leaves_the_others(tmp_path: Path) -> None:
    """Its instruments stay: no answer says nothing, neither does a refusal."""
    plugins = {VenueId(name): exchange(name) for name in ("kraken", "bitstamp", "okx", "gemini")}
    kraken = {"/0/public/AssetPairs": (200, pairs("XBT/USD", "ETH/USD")), "/0/public/Assets": (200, ASSETS)}
    market = {
        "name": "BTC/USD", "market_symbol": "btcusd", "base_currency": "BTC", "base_decimals": 8, "trading": "Enabled",
        "counter_currency": "USD", "counter_decimals": 2, "minimum_order_value": "10", "market_type": "SPOT",
    }  # fmt: skip
    bitstamp = {"/api/v2/markets/": (200, json.dumps([market]).encode()), "/api/v2/currencies/": (200, b"[]")}
    refused = {"/api/v5/public/instruments": (429, b"slow down"), "/v1/symbols/details/all": (200, b"<html>")}
    with serving({**kraken, **bitstamp, **refused}) as origin:
        first = ask(plugins, lambda venue, url: on_origin(url, origin), apart=0)
    outcome = take(tmp_path, "live", first, "live", "me")
    assert {one.exchange: sorted(one.terms) for one, _ in outcome.taken} == {
        "kraken": ["BTC/USD", "ETH/USD"],
        "bitstamp": ["btcusd"],
    }
    assert outcome.failed.keys() == {"okx", "gemini"}
    assert "status 429 to https://www.okx.com/api/v5/public/instruments" in outcome.failed["okx"]
    failures = {type(one) for one in first if isinstance(one, VenueError)}
    assert RateLimited in failures
    with serving({**kraken, "/api/v2/markets/": (503, b"maintenance")}) as origin:
        gone = on_origin
        second = ask(plugins, lambda venue, url: gone(url, "http://127.0.0.1:9" if venue == "okx" else origin), 0)
    assert any(isinstance(one, VenueUnavailable) and one.where == "okx" for one in second)
    again = take(tmp_path, "live", second, "live", "me")
    assert again.failed.keys() == {"okx", "gemini", "bitstamp"} and again.alerts == 0
    with opened(tmp_path) as store:
        assert sorted((one.id, one.is_current) for one in store.versions()) == [
            ("bitstamp:btcusd", True), ("kraken:BTC/USD", True), ("kraken:ETH/USD", True)
        ]  # fmt: skip


def captured(directory: Path, *answers: tuple[int, str, bytes]) -> Path:
    """A capture of answers: (seconds, path, body)."""
    with Writer(directory) as writer:
        for seq, (second, path, body) in enumerate(answers, 1):
            url = f"https://api.kraken.com{path}"
            at = (1_700_000_000 + second) * SECOND
            writer.append(Input(seq, seq, at, Direction.HTTP, "kraken", "kraken#1", url, body, 200, (), METADATA))
    return directory


def test_a_capture_gives_a_snapshot_each_time_all_was_answered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Listed, changed, delisted, listed again: each at the time of the answer that completed it; and told."""
    rounds = [
        pairs("XBT/USD", "ETH/USD"),
        pairs("XBT/USD", "ETH/USD", pair_decimals=2),
        pairs("XBT/USD", pair_decimals=2),
        pairs("XBT/USD", "ETH/USD", pair_decimals=2),
    ]
    answers: list[tuple[int, str, bytes]] = []
    for number, body in enumerate(rounds):
        answers += [(100 * number, "/0/public/AssetPairs", body), (100 * number + 1, "/0/public/Assets", ASSETS)]
    answers.append((500, "/0/public/AssetPairs", pairs("XBT/USD")))  # its round is not complete: it says nothing
    capture, data = captured(tmp_path / "capture", *answers), str(tmp_path / "data")
    code, document, _ = told(capsys, "sync", "--from-raw", str(capture), "--data-dir", data, "--user", "me")
    assert code == 0
    names = ("new", "changed", "delisted", "listed_again")
    assert [tuple(one[name] for name in names) for one in document["taken"]] == [
        (2, 0, 0, 0), (0, 2, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)
    ]  # fmt: skip
    assert document["alerts"] == 4
    _, history, _ = told(capsys, "history", "eth/usd", "--data-dir", data)
    rows = history["history"]
    assert [(one["tick"], one["state"], one["is_current"]) for one in rows] == [
        ("0.1", "trading", False), ("0.01", "trading", False), ("0.01", "delisted", False), ("0.01", "trading", True)
    ]  # fmt: skip
    starts = ["2023-11-14T22:13:21", "2023-11-14T22:15:01", "2023-11-14T22:16:41", "2023-11-14T22:18:21"]
    assert [one["datetime"][:19] for one in rows] == starts
    assert [one["valid_to"] and one["valid_to"][:19] for one in rows] == [*starts[1:], None]
    assert [one["last_modified_datetime"] for one in rows] == [one["valid_to"] or one["datetime"] for one in rows]
    lines = (tmp_path / "data/alerts/spool.jsonl").read_text().splitlines()
    alerts = [json.loads(line) for line in lines]
    assert [(one["kind"], one["where"]) for one in alerts] == [
        ("instrument.changed", "kraken BTC/USD"), ("instrument.changed", "kraken ETH/USD"),
        ("instrument.delisted", "kraken ETH/USD"), ("instrument.new", "kraken ETH/USD"),
    ]  # fmt: skip
    assert alerts[0]["data"] == {"tick": "0.1 -> 0.01"} and alerts[0]["at"].startswith(starts[1])
    again = told(capsys, "sync", "--from-raw", str(capture), "--data-dir", data, "--user", "another")
    assert (again[0], again[1]["alerts"]) == (0, 0)
    assert told(capsys, "history", "eth/usd", "--data-dir", data)[1] == history
    assert len((tmp_path / "data/alerts/spool.jsonl").read_text().splitlines()) == 4


def test_a_capture_without_one_of_the_answers_says_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capture = captured(tmp_path / "capture", (0, "/0/public/AssetPairs", pairs("XBT/USD")))
    code, document, _ = told(capsys, "sync", "--from-raw", str(capture), "--data-dir", str(tmp_path))
    assert (code, document["taken"]) == (1, [])
    assert document["failed"] == {"kraken": "not all that it lists: no answer to /0/public/Assets"}
    code, document, _ = told(capsys, "sync", "--from-raw", str(capture), "--data-dir", str(tmp_path), "--accept")
    assert (code, document["taken"][0]["instruments"]) == (0, 1)


def test_alerts_not_told_are_told_by_the_next_sync(tmp_path: Path) -> None:
    """As after the end of a process between the rows and their alerts."""
    plugins = {VenueId("kraken"): exchange("kraken")}

    def asked(body: bytes) -> list[Any]:
        with serving({"/0/public/AssetPairs": (200, body), "/0/public/Assets": (200, ASSETS)}) as origin:
            return list(ask(plugins, lambda venue, url: on_origin(url, origin), apart=0))

    take(tmp_path, "live", asked(pairs("XBT/USD")), "live", "me")
    with opened(tmp_path, write=True) as store:
        store.take(asked(pairs("XBT/USD", "ETH/USD"))[0], "live", "me")
    assert take(tmp_path, "live", [], "live", "me").alerts == 1
    assert take(tmp_path, "live", [], "live", "me").alerts == 0


def test_many_changes_at_once_are_one_alert() -> None:
    many = [Change(NEW, "alpha", f"S{number:02}", f"S{number:02}/USD") for number in range(SINGLY + 1)]
    few = [Change(CHANGED, "alpha", "X", "X/USD", {"tick": ("1", "2")}), Change(DELISTED, "alpha", "Y", "Y/USD")]
    alerts = {one.kind: one for one in alerts_of("alpha", 5, [*many, *few])}
    assert alerts.keys() == {"instrument.new", "instrument.changed", "instrument.delisted"} <= KINDS.keys()
    assert alerts["instrument.new"].text.startswith("21 instruments: S00, S01") and alerts["instrument.new"].at == 5
    assert alerts["instrument.changed"].text == "X/USD changed: tick 1 -> 2"
    assert alerts["instrument.delisted"].severity == "warning"
    assert len(list(alerts_of("alpha", 5, many[:-1]))) == SINGLY


@needs_recordings
def test_recorded_rules_are_those_of_the_recording() -> None:
    """Every one of 1,695 symbols against the filters of the answer."""
    file = RECORDINGS / "binance/exchange_info_20211012.json.gz"
    rows = from_files(exchange("binance"), [file], 5).terms
    answer = json.loads(gzip.decompress(file.read_bytes()))
    assert len(rows) == len(answer["symbols"]) == 1695
    for one in answer["symbols"]:
        filters, row = {item["filterType"]: item for item in one["filters"]}, rows[one["symbol"]]
        assert row.tick == Decimal(filters["PRICE_FILTER"]["tickSize"])
        assert row.step == Decimal(filters["LOT_SIZE"]["stepSize"])
        open_on_spot = one["status"] == "TRADING" and one["isSpotTradingAllowed"]
        assert (row.state == "trading") == open_on_spot


def test_what_was_listed_can_be_asked_of_any_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two answers a day apart: `list`, `list --at`, `--all`, `diff`, CSV."""
    data, file = ("--data-dir", str(tmp_path)), tmp_path / "answer.json"
    for day, names in (("2021-10-12", ("XBT/USD", "ETH/USD", "ADA/USD")), ("2021-10-13", ("XBT/USD", "ADA/USD"))):
        file.write_bytes(pairs(*names))
        assert told(capsys, "sync", "--file", f"kraken={file}", "--at", day, *data)[0] == 0
    found = told(capsys, "diff", "2021-10-12T12:00:00Z", "2021-10-13T12:00:00Z", *data)[1]
    assert [(one["kind"], one["trading_pair"]) for one in found["changes"]] == [("delisted", "ETH/USD")]
    (before, *_) = listed = told(capsys, "list", "--at", "2021-10-12", *data)[1]["securities"]
    assert len(listed) == 3 and before["datetime"] == "2021-10-12T00:00:00.000000000Z"
    assert [one["trading_pair"] for one in told(capsys, *data)[1]["securities"]] == ["ADA/USD", "BTC/USD"]
    assert main(["securities", "list", "--all", "--csv", str(tmp_path / "all.csv"), *data]) == 0
    with (tmp_path / "all.csv").open() as lines:
        kept = list(csv.DictReader(lines))
    assert tuple(kept[0]) == COLUMNS and len(kept) == 3
    gone = [(one["trading_pair"], one["is_current"]) for one in kept if one["state"] == "delisted"]
    assert gone == [("ETH/USD", "False")]


@needs_recordings
@pytest.mark.parametrize(
    ("venue", "name", "count", "symbol", "tick"),
    [
        ("kraken", "kraken/asset_pairs_20210417.json.gz", 293, "BTC/USD", "0.1"),
        ("coinbase_exchange", "coinbase/exchange_products_20210417.json", 162, "BTC-USD", "0.01"),
        ("okx", "okx/instruments_20220513.json.gz", 679, "BTC-USDT", "0.1"),
        ("bitstamp", "bitstamp/trading_pairs_info_20220105.json", 140, "btcusd", "0.01"),
    ],
)
def test_other_forms_of_recorded_answers(venue: str, name: str, count: int, symbol: str, tick: str) -> None:
    """Counts by jq: of pairs with a wsname, of products, of SPOT and SWAP rows that the plugin knows, of names."""
    found = from_files(exchange(venue), [RECORDINGS / name], 5)
    assert (len(found.terms), found.missing) == (count, "")
    assert found.terms[symbol].tick == Decimal(tick)
    assert found.at == (1652459223597864400 if venue == "okx" else 5)  # only that file tells when


@needs_recordings
def test_a_file_with_an_answer_that_cannot_be_read_is_not_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = f"gemini={RECORDINGS / 'gemini/symbols_details_20210624.jsonl'}"
    code, document, _ = told(capsys, "sync", "--file", file, "--data-dir", str(tmp_path))
    assert code == 1 and document["failed"]["gemini"].startswith("not all that it lists: 1 of 72 answers")
    found = from_files(exchange("gemini"), [RECORDINGS / "gemini/symbols_details_20210624.jsonl"], 5)
    assert len(found.terms) == 71  # what is there, for who accepts it


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["list"], 1, "no security master"),
        (["lst"], 2, "lst"),
        (["sync", "--file", "kraken"], 2, "VENUE=FILE"),
        (["sync", "--file", "krakn=x.json"], 2, "did you mean 'kraken'"),
        (["sync", "--file", "kraken=/no/such/file"], 2, "/no/such/file"),
        (["sync", "--from-raw", "/no/such/capture"], 1, "/no/such/capture"),
        (["sync", "--venues", "krakn"], 2, "did you mean 'kraken'"),
        (["sync", "--venues", ","], 2, "names nothing"),
        (["sync", "--every", "soon"], 2, "not a duration"),
        (["sync", "--every", "1s"], 2, "too often"),
        (["sync", "--every", "1h", "--from-raw", "x"], 2, "do not change"),
        (["diff", "2026-11-01"], 2, "two times"),
    ],
)
def test_a_wrong_command_line_is_told_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, words: str
) -> None:
    found, document, err = told(capsys, *arguments, "--data-dir", str(tmp_path))
    assert found == code and words in document["error"]["message"] + document["error"]["where"]
    assert document["error"]["fix"] and err.startswith("error: ")
    assert not (tmp_path / "securities.duckdb").exists()


def test_names_that_were_never_listed_have_near_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "answer.json").write_bytes(pairs("XBT/USD"))
    data = ("--data-dir", str(tmp_path))
    assert told(capsys, "sync", "--file", f"kraken={tmp_path / 'answer.json'}", *data)[0] == 0
    for arguments, words in (
        (["history", "BTC/USDX"], "did you mean 'BTC/USD'"),
        (["list", "--exchange", "krakn"], "did you mean 'kraken'"),
        (["list", "--at", "yesterday"], "not a time"),
        (["diff", "2026-11-02", "2026-11-01"], "is before"),
    ):
        code, document, _ = told(capsys, *arguments, *data)
        assert code == 2 and words in document["error"]["message"]


@pytest.mark.long
def test_simulated_venues_are_asked_on_a_schedule(tmp_path: Path) -> None:
    """Twice ten seconds apart; into a file of their own; the second time nothing changes."""
    command = [
        sys.executable,
        "-m",
        "cryptopipe",
        "securities",
        "sync",
        "--every",
        "10s",
        "--market",
        "sandbox",
        "--json",
    ]
    command += ["--venues", "kraken,binance,okx", "--data-dir", str(tmp_path)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    first, second = json.loads(child.stdout.readline()), json.loads(child.stdout.readline())
    os.kill(child.pid, signal.SIGINT)
    child.stdout.close()
    assert child.wait(timeout=20) == 130
    assert {one["exchange"] for one in first["taken"]} == {"kraken", "binance", "okx"} and not first["failed"]
    assert all(one["new"] == one["instruments"] > 0 for one in first["taken"])
    assert all(one["new"] == one["changed"] == one["delisted"] == 0 for one in second["taken"])
    with opened(tmp_path, "sandbox") as store:
        assert len(store.syncs()) == 6
    assert not (tmp_path / "securities.duckdb").exists()


def test_all_simulated_venues_are_those_that_there_are() -> None:
    """A venue without a simulated twin is no failure unless it was asked for by name."""
    simulated, live = (_names(None, load_settings(environment={}).settings, market) for market in ("sandbox", "live"))
    assert set(simulated) < set(live) and all(exchange(name).sandbox is not None for name in simulated)
    assert _names("binance_coinm", load_settings(environment={}).settings, "sandbox") == ["binance_coinm"]
