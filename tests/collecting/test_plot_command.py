"""`plot` on recordings, against books that are rebuilt here; what it refuses; simulated venues in the long part."""

import json
import os
import re
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest
from recordings import RECORDINGS, needs_recordings, read_lines

from cryptopipe.cli import main
from cryptopipe.clock import parse_epoch

EXCHANGE = "coinbase/exchange_level2_ticker_matches_20210417.jsonl.gz"
SYMBOL = "DASH-BTC"
SOURCE = f"coinbase_exchange={RECORDINGS / EXCHANGE}"


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("CRYPTOPIPE_") and name != "CRYPTOPIPE_USE_CORE"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))


def figure(page: Path) -> dict[str, Any]:
    """What a page draws."""
    script = page.read_text(encoding="utf-8").rsplit("cryptopipe({", 1)[1].rsplit(");</script>", 1)[0]
    found: dict[str, Any] = json.loads("{" + script)
    return found


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, Any]:
    assert main(["plot", *arguments, "--json"]) == code
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert document.pop("schema") == 1
    return document


def rebuilt() -> tuple[list[tuple[str, float, float]], dict[str, dict[D, D]]]:
    """Every change of the best price or size with its time, and the book at the end, from the frames alone."""
    book: dict[str, dict[D, D]] = {}
    changes, before = [], None
    for line in read_lines(EXCHANGE):
        frame = json.loads(line["raw"]) if line["dir"] == "recv" else {}
        if frame.get("product_id") != SYMBOL or frame["type"] not in ("snapshot", "l2update"):
            continue
        if frame["type"] == "snapshot":
            book = {side: {D(price): D(size) for price, size in frame[f"{side}s"]} for side in ("bid", "ask")}
        for name, price, size in frame.get("changes", ()):
            side = book["bid" if name == "buy" else "ask"]
            side[D(price)] = D(size)
            if not D(size):
                del side[D(price)]
        bid, ask = max(book["bid"]), min(book["ask"])
        now = (bid, book["bid"][bid], ask, book["ask"][ask])
        if now != before:
            at = parse_epoch(line["ts"]) // 1000
            changes.append((f"{at}", float(bid), float(ask)))
        before = now
    return changes, book


def micros(text: str) -> str:
    """Of a page's instant: microseconds since the epoch."""
    from datetime import UTC, datetime

    at = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return f"{int(at.timestamp()) * 1_000_000 + at.microsecond}"


@needs_recordings
def test_tops_of_a_recording_are_those_of_its_frames(capsys: pytest.CaptureFixture[str]) -> None:
    document = told(capsys, "top", SOURCE, "--symbol=dash/btc", "--html=top.html")
    changes, _ = rebuilt()
    assert len(changes) > 100
    page = (Path(__file__).parents[2] / "docs" / "json.md").read_text(encoding="utf-8")
    section = page.split("\n## plot\n")[1].split("\n## ")[0]
    cells = re.findall(r"^\| (`.+?`) \| ", section, re.MULTILINE)
    assert {name for cell in cells for name in re.findall(r"`(\w+)`", cell)} == set(document)
    assert document["notes"] == [f"{len(changes)} tops"] and document["files"] == ["top.html"]
    drawn = figure(Path("top.html"))
    ask, bid, spread = drawn["data"]
    assert (ask["name"], bid["name"]) == ("coinbase_exchange DASH-BTC ask", "coinbase_exchange DASH-BTC bid")
    found = list(zip(map(micros, bid["x"]), bid["y"], ask["y"], strict=True))
    assert found[:-1] == changes and found[-1][1:] == changes[-1][1:]
    assert all(one == high - low for one, low, high in zip(spread["y"], bid["y"], ask["y"], strict=True))
    assert drawn["layout"]["yaxis"]["title"]["text"] == "price, BTC" and "DASH/BTC" in drawn["layout"]["title"]["text"]


@needs_recordings
def test_depth_of_a_recording_is_that_of_its_last_book(capsys: pytest.CaptureFixture[str]) -> None:
    document = told(capsys, "depth", SOURCE, "--symbol=DASH-BTC", "--html=d.html", "--within=100")
    assert document["title"].startswith("DASH/BTC: depth")
    _, book = rebuilt()
    bids, asks = figure(Path("d.html"))["data"]
    middle = (max(book["bid"]) + min(book["ask"])) / 2
    near = {side: {p: s for p, s in levels.items() if abs(p - middle) <= middle} for side, levels in book.items()}
    assert [D(repr(price)) for price in bids["x"][:-1]] == sorted(near["bid"])
    assert [D(repr(price)) for price in asks["x"][1:]] == sorted(near["ask"])
    assert bids["y"][0] == pytest.approx(float(sum(near["bid"].values())))
    assert asks["y"][-1] == pytest.approx(float(sum(near["ask"].values())))
    assert asks["y"][1] == float(near["ask"][min(near["ask"])])


@needs_recordings
def test_without_a_file_it_is_a_page_of_its_own_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plot", "top", SOURCE, "--for=2s"]) == 0
    text = capsys.readouterr().out
    assert text.endswith("plot-top.html\n") and Path("plot-top.html").is_file()
    assert "not shown: " in text and "(--symbol)" in text, "the other pairs are named"


def test_what_it_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def failed(*arguments: str) -> tuple[str, str]:
        error = told(capsys, *arguments, code=2)["error"]
        return f"{error['where']}: {error['message']}", error["fix"]

    (tmp_path / "rows.csv").write_text("a,b\n")
    (tmp_path / "lines.jsonl").write_text("{}\n")
    (tmp_path / "empty").mkdir()
    assert "no such file or directory" in failed("top", "nothing.csv")[0]
    assert "no run in" in failed("top", "last", f"--data-dir={tmp_path}")[0]
    assert "unknown exchange" in failed("top", "nowhere=lines.jsonl")[0]
    assert "neither a capture nor a folder of row files" in failed("top", "empty")[0]
    assert "captures beside files of rows" in failed("top", "rows.csv", "lines.jsonl")[0]
    assert failed("top", "lines.jsonl", "lines.jsonl")[1] == "write VENUE=FILE"
    assert "live beside files" in failed("top", "live", "rows.csv")[0]
    assert "followed anyway" in failed("top", "live", "--follow")[0]
    assert failed("top", "rows.csv", "--seed=3")[1] == "leave them out"
    assert failed("top", "rows.csv", "--replay=a=b")[1] == "leave --replay out: A=FILE"
    assert "no such directory" in failed("top", "rows.csv", "--html=no/where.html")[0]
    error = told(capsys, "top", "rows.csv", code=1)["error"]
    assert error["message"] == "neither tops nor books: it begins with 'a,b'"
    (tmp_path / "rows.csv").write_text("")
    assert "no whole row yet" in told(capsys, "top", "rows.csv", code=1)["error"]["message"]
    assert not Path("plot-top.html").exists()


def test_without_matplotlib_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("cryptopipe.plots.png.find_spec", lambda name: None)
    (tmp_path / "rows.csv").write_text("not looked at\n")
    error = told(capsys, "top", "rows.csv", "--png=p.png", code=2)["error"]
    assert "cryptopipe[png]" in error["fix"] and error["where"] == "--png"


@pytest.mark.long
def test_live_on_simulated_venues(capsys: pytest.CaptureFixture[str]) -> None:
    document = told(capsys, "top", "live", "--for=6s", "--symbol=BTC/USD", "--html=live.html")
    assert document["stopped_by"] == "duration" and "simulated venues, not a market" in document["notes"]
    assert len(document["lines"]) >= 6 and all(one["points"] > 1 for one in document["lines"])
    assert not Path("live.html.data.js").exists() and figure(Path("live.html"))["data"]
    depth = told(capsys, "depth", "live", "--for=4s", "--symbol=BTC/USD", "--html=depth.html")
    assert all(one["points"] > 10 for one in depth["lines"])
