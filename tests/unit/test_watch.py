"""`watch` on the packaged capture: each line one JSON object, costs that lead from gross to net, an honest fee."""

import json
import os
import re
import signal
import subprocess
import sys
from decimal import Decimal as D
from decimal import localcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptopipe.cli import main
from cryptopipe.clock import parse_at
from cryptopipe.drivers.replay import packaged_replay
from cryptopipe.model.facts import Asset, Fee, FeeSchedule, Instrument, Side, VenueId
from cryptopipe.model.trading import Cost, Leg, Opportunity
from cryptopipe.watching import break_even_fee_bps

ROOT = Path(__file__).parents[2]
X, Y = Asset("X"), Asset("Y")


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("CRYPTOPIPE_") and name != "CRYPTOPIPE_USE_CORE"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))


def _market(arguments: tuple[str, ...]) -> list[str]:
    return [] if any(one.startswith("--replay") for one in arguments) else ["--replay=generated"]


def lines(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    assert main(["watch", "--json", *_market(arguments), *arguments]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    documents = [json.loads(line) for line in told.out.splitlines()]
    assert documents and all(document["schema"] == 1 for document in documents)
    return documents


@pytest.mark.core
def test_edges(capsys: pytest.CaptureFixture[str]) -> None:
    documents = lines(capsys, "--edges", "--set=arbitrage.restoring_bps=0.7")
    edges = [document for document in documents if not document.get("closed")]
    assert {edge["edge"].split()[0] for edge in edges} == {"two_venue", "triangle", "round", "transfer"}
    alive: set[str] = set()
    for document in documents:
        assert parse_at(document["at"])
        if document.get("closed"):
            assert set(document) == {"schema", "at", "edge", "closed"}
            alive.remove(document["edge"])
            continue
        alive.add(document["edge"])
        assert D(document["gross_bps"]) > 0
        costs = [(cost["name"], D(cost["bps"])) for cost in document["costs"]]
        assert D(document["gross_bps"]) - sum(bps for _, bps in costs) == D(document["net_bps"])
        kind, *path = document["edge"].split()
        assert ("restoring" in dict(costs)) == (kind in ("two_venue", "round"))
        legs = sum(name.startswith("fee ") for name, _ in costs)
        assert legs == (len(path) if kind in ("two_venue", "transfer") else len(path) // 2)
    assert len({edge["edge"] for edge in edges}) < len(edges)


def test_prices(capsys: pytest.CaptureFixture[str]) -> None:
    documents = lines(capsys)
    assert len(documents) > 100
    for document in documents:
        venues = {name: told for name, told in document.items() if isinstance(told, dict)}
        assert venues and document["instrument"].count("/") == 1
        for told in venues.values():
            assert told["state"] in ("live", "syncing", "suspect", "dead")
            if told["state"] == "live":
                assert D(told["top_bid"]) < D(told["top_ask"])
    assert any(len(document) > 4 for document in documents), "several venues trade one thing"


@pytest.mark.core
@pytest.mark.parametrize("kind", ["two_venue", "triangle"])
def test_at_exactly_the_break_even_fee_the_best_prices_just_pay(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The fee that `watch` names is set on every venue: the same edge, at the same moment, then nets nothing."""
    edges = [e for e in lines(capsys, "--edges") if e["edge"].startswith(kind) and not e.get("closed")]
    chosen = max(edges, key=lambda e: D(e["break_even_fee_bps"]))
    fee = D(chosen["break_even_fee_bps"])
    assert fee > 0
    sets = [f"--set=venues.{venue}.taker_fee_bps={fee:f}" for venue in packaged_replay().venues]
    again = lines(capsys, "--edges", *sets)
    (same,) = [e for e in again if not e.get("closed") and (e["edge"], e["at"]) == (chosen["edge"], chosen["at"])]
    assert same["gross_bps"] == chosen["gross_bps"]
    assert same["break_even_fee_bps"] == chosen["break_even_fee_bps"]
    assert abs(D(same["net_bps"])) < D("1e-6")


def leg(number: int, side: Side) -> Leg:
    return Leg(Instrument(VenueId(f"v{number}"), "XY", X, Y), side, D(0), D(1), D(1), Fee(D(0), Y))


@given(
    st.lists(st.tuples(st.sampled_from(Side), st.sampled_from(["quote", "received"])), min_size=2, max_size=5),
    st.decimals(D("0.0001"), D(900), places=4),
    st.decimals(D(0), D(50), places=2),
)
def test_the_break_even_fee_solves_its_equation(legs: list[tuple[Side, str]], gross: D, restoring: D) -> None:
    """What is left of one unit after every leg's fee, by hand: nothing is earned beyond restoring."""
    offered = Opportunity(
        "e", tuple(leg(number, side) for number, (side, _) in enumerate(legs)), gross, D(0),
        (Cost("fee v0", D(10)), Cost("restoring", restoring)), {}, D(0), Y, D(0), (),
    )  # fmt: skip
    schedules = {
        f"v{number}": FeeSchedule.flat("0", "0", "test", "2026-11-21", charged)
        for number, (_, charged) in enumerate(legs)
    }
    fee = break_even_fee_bps(offered, lambda instrument: schedules[instrument.venue]) / 10_000
    with localcontext() as context:
        context.prec = 50
        left = 1 + gross / 10_000
        for side, charged in legs:
            left *= 1 / (1 + fee) if side is Side.BUY and charged == "quote" else 1 - fee
        assert abs((left - 1) * 10_000 - restoring) < D("1e-6")
    assert (fee > 0) == (gross > restoring) or gross == restoring


def test_two_venues_in_quote_by_hand() -> None:
    """Buy at 100, sell at 101, both fees in quote: 101 (1 − f) = 100 (1 + f), f = 1 / 201."""
    offered = Opportunity(
        "e", (leg(0, Side.BUY), leg(1, Side.SELL)), D(100), D(0), (), {}, D(0), Y, D(0), (),
    )  # fmt: skip
    schedule = FeeSchedule.flat("0", "0", "test", "2026-11-21")
    assert abs(break_even_fee_bps(offered, lambda _: schedule) - D(10_000) / 201) < D("1e-9")


def shown(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int, *more: str) -> list[str]:
    """What is printed at the end, with so many columns; 0: piped, where nobody said how many."""
    monkeypatch.setenv("COLUMNS", str(columns)) if columns else monkeypatch.delenv("COLUMNS", raising=False)
    assert main(["watch", "--replay=generated", *more]) == 0
    told = capsys.readouterr().out
    assert told.endswith("\n")
    return told.splitlines()


@pytest.mark.parametrize("columns", [0, 200, 100, 80])
def test_prices_keep_names_and_digits_in_one_piece(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    last = {}
    for document in lines(capsys):
        for venue, told in document.items():
            if isinstance(told, dict) and told["state"] == "live":
                last[f"{venue}:{told['symbol']}"] = told
    title, head, *rows = shown(capsys, monkeypatch, columns)
    assert title.startswith("tops at ") and head.split()[0] == "instrument" and head.split()[-2:] == ["ask", "size"]
    assert all(len(row) <= (columns or 200) for row in (title, head, *rows))
    cells = {row.split()[0]: row.split()[-4:] for row in rows if not row.endswith("-")}
    assert len(cells) == len(rows) == len(last)
    for name, (bid, bid_size, ask, ask_size) in cells.items():
        numbers = [last[name][key] for key in ("top_bid", "top_bid_quantity", "top_ask", "top_ask_quantity")]
        assert [D(one) for one in (bid, bid_size, ask, ask_size)] == [D(one) for one in numbers]


def test_books_of_one_pair_stand_together_and_the_most_compared_first(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    venues = {
        document["instrument"]: {k for k in document if isinstance(document[k], dict)} for document in lines(capsys)
    }
    pairs = {f"{venue}:{told['symbol']}": document["instrument"] for document in lines(capsys)
             for venue, told in document.items() if isinstance(told, dict)}  # fmt: skip
    rows = [pairs[row.split()[0]] for row in shown(capsys, monkeypatch, 200)[2:]]
    assert len(set(rows)) == sum(a != b for a, b in zip(rows, [*rows[1:], ""], strict=True)) > 1
    assert [len(venues[one]) for one in rows] == sorted((len(venues[one]) for one in rows), reverse=True)


@pytest.mark.parametrize("columns", [0, 160, 100, 80])
def test_edges_have_the_names_that_the_view_gives_them(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    title, head, *rows = shown(capsys, monkeypatch, columns, "--edges")
    assert title.startswith("edges at ") and all(len(row) <= (columns or 200) for row in (title, head, *rows))
    assert {"gross", "net"} <= set(head.split())
    assert len(rows) == 20 or " of " not in title
    assert 1 < len(rows) <= 20 and not any("…" in row or "two_venue" in row for row in rows)
    assert any(re.match(r"\w+/\w+ +\w+ → \w+ ", row) for row in rows)


def test_ctrl_c_ends_with_130() -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "cryptopipe", "watch", "--json", "--replay=generated", "--speed=1"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert child.stdout is not None and child.stdout.readline()
    child.send_signal(signal.SIGINT)
    _, told = child.communicate(timeout=20)
    assert (child.returncode, told) == (130, b"")


@pytest.mark.parametrize(
    "arguments",
    [
        ["watch", "--json", "--replay=generated"],
        ["watch", "--edges", "--replay=generated"],
        ["action", "--data-dir=d", "--replay=generated"],
    ],
)
def test_a_reader_that_leaves_after_one_line(arguments: list[str]) -> None:
    """`cryptopipe watch --json | head -1`: no traceback, no word, exit code 0."""
    with subprocess.Popen(
        [sys.executable, "-m", "cryptopipe", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as child:
        assert child.stdout is not None and child.stderr is not None
        assert child.stdout.readline()
        child.stdout.close()
        assert child.stderr.read() == b""
    assert child.returncode == 0
