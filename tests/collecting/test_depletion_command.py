"""`sell` and `buy` on recordings and on simulated venues: 15 of it, against books that are rebuilt here.

The recordings are read here with the standard library alone, into dictionaries; the walk takes level after level.
"""

import json
import os
import re
from collections.abc import Iterator
from decimal import Decimal as D
from fractions import Fraction as F
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from recordings import RECORDINGS, needs_recordings, read_lines

from cryptopipe import registry
from cryptopipe.cli import main
from cryptopipe.cli.market import MarketOptions
from cryptopipe.cli.moment import opened_world
from cryptopipe.model.facts import Kind, Side, VenueId
from cryptopipe.model.money import plain

DOCS = Path(__file__).parents[2] / "docs"
EXCHANGE = "coinbase/exchange_level2_ticker_matches_20210417.jsonl.gz"
ADVANCED = "coinbase/DERIVED_advanced_trade_l2_20210417.jsonl.gz"
Levels = list[tuple[D, D]]


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("CRYPTOPIPE_") and name != "CRYPTOPIPE_USE_CORE"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, Any]:
    assert main([*arguments, "--json"]) == code
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert document.pop("schema") == 1
    return document


def failed(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 2) -> tuple[str, str]:
    error = told(capsys, *arguments, code=code)["error"]
    return f"{error['where']}: {error['message']}", error["fix"]


def walked(side: str, quantity: D, books: dict[str, Levels]) -> list[tuple[str, D, D]]:
    """(venue, price, quantity), the next best of all first; at one price by name."""
    sign = -1 if side == "sell" else 1
    every = sorted((sign * price, venue, size) for venue, levels in books.items() for price, size in levels)
    found, rest = [], quantity
    for price, venue, size in every:
        if rest:
            found.append((venue, abs(price), min(size, rest)))
            rest -= found[-1][2]
    return found


def assert_answers(document: dict[str, Any], side: str, quantity: D, books: dict[str, Levels]) -> None:
    """Every figure of the document, from the books alone."""
    assert (document["side"], document["quantity"]) == (side, plain(quantity))
    expected = walked(side, quantity, books)
    levels = [(venue, D(price), D(size)) for venue, price, size in document["merged"]["levels"]]
    assert levels == expected
    filled = sum(size for _, _, size in expected)
    assert (D(document["merged"]["filled"]), D(document["missing"])) == (filled, quantity - filled)
    assert D(document["merged"]["notional"]) == sum(price * size for _, price, size in expected)
    assert D(document["merged"]["vwap"]) == pytest.approx(D(document["merged"]["notional"]) / filled, rel=D("1e-11"))
    assert list(document["venues"]) == sorted(books)
    alone = {}
    for venue, one in document["venues"].items():
        mine = walked(side, quantity, {venue: books[venue]})
        assert [(venue, D(price), D(size)) for price, size in one["levels"]] == mine
        assert D(one["filled"]) == D(one["order"]) == sum(size for _, _, size in mine)
        assert D(one["limit"]) == mine[-1][1]
        if D(one["missing"]) == 0:
            alone[venue] = F(one["notional"])
        share = [(price, size) for name, price, size in expected if name == venue]
        order = document["merged"]["orders"].get(venue)
        assert (order is None) == (not share)
        if order:
            assert (D(order["order"]), D(order["limit"])) == (sum(size for _, size in share), share[-1][0])
    for notional in alone.values():
        merged = F(document["merged"]["notional"])
        assert merged >= notional if side == "sell" else merged <= notional
    assert (document["best_alone"] in alone) or (not alone and document["best_alone"] is None)


def exchange_book(symbol: str, until: D) -> dict[str, dict[D, D]]:
    """From `snapshot` and `l2update` of the older feed, as of lines received by then."""
    book: dict[str, dict[D, D]] = {}
    for line in read_lines(EXCHANGE):
        if line["dir"] != "recv" or D(line["ts"]) > until:
            continue
        frame = json.loads(line["raw"])
        if frame.get("product_id") != symbol:
            continue
        if frame["type"] == "snapshot":
            book = {side: {D(price): D(size) for price, size in frame[f"{side}s"]} for side in ("bid", "ask")}
        elif frame["type"] == "l2update":
            for name, price, size in frame["changes"]:
                book["bid" if name == "buy" else "ask"][D(price)] = D(size)
    return book


def advanced_book(symbol: str, until: D) -> dict[str, dict[D, D]]:
    """From `l2_data` of today's feed."""
    book: dict[str, dict[D, D]] = {"bid": {}, "ask": {}}
    for line in read_lines(ADVANCED):
        if line["dir"] != "recv" or D(line["ts"]) > until:
            continue
        frame = json.loads(line["raw"])
        for event in frame["events"] if frame["channel"] == "l2_data" else ():
            if event["product_id"] == symbol:
                for one in event["updates"]:
                    side = "bid" if one["side"] == "bid" else "ask"
                    book[side][D(one["price_level"])] = D(one["new_quantity"])
    return book


def ladder(book: dict[str, dict[D, D]], side: str) -> Levels:
    return [(price, size) for price, size in book["bid" if side == "sell" else "ask"].items() if size]


def recorded(*arguments: str) -> list[str]:
    return [
        f"--replay=coinbase_exchange={RECORDINGS / EXCHANGE}", f"--replay=coinbase={RECORDINGS / ADVANCED}",
        "--symbol=dash/btc", *arguments,
    ]  # fmt: skip


@needs_recordings
@pytest.mark.parametrize(("side", "quantity"), [("sell", "15"), pytest.param("buy", "1500", marks=pytest.mark.long)])
def test_of_recordings_whose_clocks_are_shifted(side: str, quantity: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One venue hears the same market ten seconds later, so its book is another."""
    document = told(
        capsys, side, quantity, *recorded("--shift=coinbase=10s", "--at=2021-04-17T16:43:55Z")
    )  # fmt: skip
    at = D("1618677835")
    books = {
        "coinbase": ladder(advanced_book("DASH-BTC", at - 10), side),
        "coinbase_exchange": ladder(exchange_book("DASH-BTC", at), side),
    }
    assert books["coinbase"] != books["coinbase_exchange"]
    assert_answers(document, side, D(quantity), books)
    assert document["missing"] == "0" and document["symbol"] == "DASH/BTC"
    assert document["at"].startswith("2021-04-17T16:43:54.9")
    assert "coinbase was moved by +10 s" in document["label"]
    assert document["venues"]["coinbase_exchange"]["proof"] == "none"
    assert any("coinbase_exchange: nothing proves" in note for note in document["notes"])


@needs_recordings
def test_of_recordings_at_their_end_and_more_than_they_show(capsys: pytest.CaptureFixture[str]) -> None:
    document = told(capsys, "sell", "1e7", *recorded(), code=1)
    end = D("1e12")
    books = {
        "coinbase": ladder(advanced_book("DASH-BTC", end), "sell"),
        "coinbase_exchange": ladder(exchange_book("DASH-BTC", end), "sell"),
    }
    assert_answers(document, "sell", D("1e7"), books)
    assert D(document["missing"]) > 9_000_000 and document["best_alone"] is None
    tied = [venue for venue, price, _ in document["merged"]["levels"][:2]]
    assert tied == ["coinbase", "coinbase_exchange"], "at one price the name decides"


@needs_recordings
def test_waiting_stops_where_it_is_first_all_there(capsys: pytest.CaptureFixture[str]) -> None:
    shown = sum((size for _, size in ladder(exchange_book("DASH-BTC", D("1618677817.2")), "sell")), D(0))
    wait = told(capsys, "sell", "15", *recorded("--wait"))
    assert wait["missing"] == "0" and wait["at"].startswith("2021-04-17T16:43:37.1"), "with the first snapshot"
    never = told(capsys, "sell", plain(shown * 10), *recorded("--wait", "--for=300ms"), code=1)
    assert D(never["missing"]) > 0 and never["at"].startswith("2021-04-17T16:43:37.")


@needs_recordings
def test_watching_prints_a_line_for_each_change(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["buy", "15", *recorded("--watch", "--json", "--for=700ms")]) == 0
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    answers = [(one["missing"], one["merged"], one["left_out"]) for one in documents]
    assert len(documents) > 3 and all(one != other for one, other in pairwise(answers))
    assert [one["at"] for one in documents] == sorted(one["at"] for one in documents)
    assert set(documents[0]["left_out"]) | set(documents[0]["venues"]) == {"coinbase", "coinbase_exchange"}
    assert not documents[-1]["left_out"]
    last = documents[-1]
    assert last["merged"] == told(capsys, "buy", "15", *recorded(f"--at={last['at']}"))["merged"]


@needs_recordings
def test_recordings_of_something_else(capsys: pytest.CaptureFixture[str]) -> None:
    replay = f"--replay=coinbase={RECORDINGS / ADVANCED}"
    said, fix = failed(capsys, "sell", "15", replay)
    assert "--symbol: the recordings hold no BTC/USD; they hold" in said and fix.startswith("--symbol ")
    told(capsys, "sell", "15", replay, *fix.split(" "))
    assert "nothing was recorded by then" in failed(capsys, "sell", "15", replay, "--at=2020-01-01T00:00:00Z")[0]


def of_dollars() -> dict[VenueId, Any]:
    """Simulated venues that trade BTC/USD, and one that does not."""
    found = {VenueId(name): one for name, one in registry.exchanges().items() if one.sandbox is not None}
    has = [name for name, one in found.items() if any(pair(i) == "BTC/USD" for i in one.instruments.listed())]
    without = [name for name, one in found.items() if name not in has and one.first_choice]
    return {name: found[name] for name in [*has[:3], *without[:1]]}


def pair(one: Any) -> str:
    return f"{one.base}/{one.quote}" if one.kind is Kind.SPOT else ""


def simulated(side: str, plugins: dict[VenueId, Any]) -> Iterator[tuple[str, Levels]]:
    options = MarketOptions("sandbox", tuple(plugins), 7, None, None, (), None, ())
    having = {v: one for v, one in plugins.items() if any(pair(i) == "BTC/USD" for i in one.instruments.listed())}
    for venue, engines in opened_world(options, having, ["BTC", "USD"], 7).books.items():
        for engine in engines.values():
            if pair(engine.instrument) == "BTC/USD":
                rules = engine.instrument.rules
                assert rules is not None
                rows = engine.levels(Side.BUY if side == "sell" else Side.SELL, 10**6)
                yield str(venue), [(price * rules.tick, size * rules.step) for price, size in rows]


@pytest.mark.parametrize("side", ["sell", pytest.param("buy", marks=pytest.mark.long)])
def test_fifteen_on_simulated_venues(side: str, capsys: pytest.CaptureFixture[str]) -> None:
    plugins = of_dollars()
    venues = f"--venues={','.join(plugins)}"
    document = told(capsys, side, "15", "--seed=7", venues)
    assert_answers(document, side, D(15), dict(simulated(side, plugins)))
    assert (document["missing"], document["merged"]["filled"]) == ("0", "15")
    assert set(document["venues"]) | set(document["left_out"]) == set(plugins)
    for why in document["left_out"].values():
        assert re.match(r"no spot BTC/USD; it has .*, other assets: try --symbol BTC/", why)
    if side == "buy":
        return
    net = told(capsys, side, "15", "--seed=7", venues, "--fees")
    assert net["missing"] == "0" and set(net["fees"]) == set(net["venues"])
    with_fees, without = F(net["merged"]["notional"]), F(document["merged"]["notional"])
    assert with_fees < without
    bare = [f"--set=venues.{name}.taker_fee_bps=0" for name in plugins]
    assert told(capsys, side, "15", "--seed=7", venues, "--fees", *bare)["merged"] == document["merged"]


def test_the_text_says_it_all(capsys: pytest.CaptureFixture[str]) -> None:
    plugins = of_dollars()
    arguments = ["sell", "2", "--seed=7", f"--venues={','.join(plugins)}"]
    document = told(capsys, *arguments)
    assert main(arguments) == 0
    text = capsys.readouterr().out
    assert "sell 2 BTC: 2 filled at" in text and "fees not counted" in text and "simulated venues" in text
    for venue, one in document["venues"].items():
        tree = text.split(f"\n{venue} {one['symbol']}: 2 filled, ")[1]
        rows = [line[4:].split() for line in tree.splitlines()[2:] if line[:3] in ("├──", "└──")]
        assert [row[:2] for row in rows[: len(one["levels"])]] == one["levels"]
        assert rows[len(one["levels"]) - 1][2] == "2"
    raw = re.findall(r"^\(([\d.]+), (\S+)\)$", text, re.MULTILINE)
    assert [list(row) for row in raw] == [level[1:] for level in document["merged"]["levels"]]
    for venue, why in document["left_out"].items():
        assert f"left out: {venue}: {why}" in " ".join(text.split())


WRONG = {
    "0": "not a quantity above zero", "-3": "not a quantity above zero", "x": "not a quantity", "": "not a quantity",
    "NaN": "not a quantity above zero", "inf": "not a quantity above zero", "1e400": "that can be traded",
    "1e-400": "that can be traded", "0.0000000000001": "finer than that",
}  # fmt: skip


@pytest.mark.parametrize(("text", "message"), WRONG.items())
def test_no_quantity(text: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sell", "--json", "--", text]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["where"] == "QUANTITY" and message in error["message"] and repr(text) in error["message"]
    assert "write a number above zero" in error["fix"]


def test_other_wrong_lines(capsys: pytest.CaptureFixture[str]) -> None:
    for symbol in ("BTCUSD", "BTC/", "/USD", "BTC/USD/EUR", "BTC/btc"):
        assert "not a pair of assets" in failed(capsys, "buy", "1", f"--symbol={symbol}")[0]
    said, fix = failed(capsys, "buy", "1", "--symbol=BTC/XXX")
    assert said.startswith("--symbol: no venue trades BTC/XXX (") and fix.startswith("--symbol BTC/")
    assert failed(capsys, "buy", "1", "--symbol=XXX/USD")[1].startswith("nearest is --symbol ")
    assert "only recordings have a past" in failed(capsys, "buy", "1", "--at=3s")[0]
    assert "one of --watch and --wait" in failed(capsys, "buy", "1", "--watch", "--wait")[0]
    assert "as it opens" in failed(capsys, "buy", "1", "--for=3s")[0]
    assert "nothing goes wrong" in failed(capsys, "buy", "1", "--faults=x.yaml")[0]
    replay = "--replay=generated"
    assert "so does --at" in failed(capsys, "buy", "1", replay, "--at=3s", "--for=3s")[0]
    assert "write 20s, or 2021" in failed(capsys, "buy", "1", replay, "--at=soon")[1]


def test_the_fields_are_the_documented_ones(capsys: pytest.CaptureFixture[str]) -> None:
    document = told(capsys, "buy", "1", "--replay=generated", "--at=2s", "--symbol=BTC/USDT", "--fees")
    section = (DOCS / "json.md").read_text(encoding="utf-8").split("\n## sell, buy\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`.+?`) \| (.+) \|$", section, re.MULTILINE)
    told_of = {
        name: set(re.findall(r"`(\w+)`", text)) for names, text in rows for name in re.findall(r"`(\w+)`", names)
    }
    assert set(told_of) == set(document)
    assert document["venues"] and document["fees"]
    for name in ("venues", "fees"):
        for one in document[name].values():
            assert set(one) <= told_of[name]
    assert set(document["merged"]) <= told_of["merged"]
    assert all(set(one) <= told_of["merged"] for one in document["merged"]["orders"].values())
