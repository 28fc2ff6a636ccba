"""Spot and perpetual on the recordings of one moment: how many states there are, how many have an edge at zero fees,
what the evaluation and each check of the gate say at 10 + 5 basis points.

The states are counted, and priced, from the venues' own best-price frames, without a book of ours.
"""

import io
import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from contextlib import redirect_stdout
from decimal import Decimal as D
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from recordings import RECORDINGS, expected_tops, needs_recordings, read_lines

from cryptopipe.app import act
from cryptopipe.cli import main
from cryptopipe.clock import parse_at, parse_epoch
from cryptopipe.drivers.replay import open_replay
from cryptopipe.gate.gate import CHECKS
from cryptopipe.journal.reader import read
from cryptopipe.registry import strategy
from cryptopipe.settings import load_settings
from cryptopipe.wiring import Wiring

SPOT, PERPETUAL = "binance/spot_btcusdt_20240808.jsonl.gz", "binance_usdm/btcusdt_20240808.jsonl.gz"
REPLAYS = [f"binance={RECORDINGS / SPOT}", f"binance_usdm={RECORDINGS / PERPETUAL}"]


class Tick(NamedTuple):
    """One `bookTicker` frame."""

    at: int
    bid: D
    bid_size: D
    ask: D
    ask_size: D


@cache
def ticks(name: str) -> list[Tick]:
    found = []
    for line in read_lines(name):
        raw = json.loads(line["raw"]) if line["dir"] == "recv" and '"A"' in line["raw"] else {}
        told = raw.get("data", raw)
        if isinstance(told.get("b"), str) and told.get("e", "bookTicker") == "bookTicker":
            found.append(Tick(parse_epoch(line["ts"]), *(D(told[key]) for key in "bBaA")))
    return found


@cache
def states() -> list[tuple[int, Tick, Tick]]:
    """(stamp, spot, perpetual) after each frame of either while both record: from the later first frame to the earlier
    last one."""
    spot, perpetual = ticks(SPOT), ticks(PERPETUAL)
    begins, ends = max(spot[0].at, perpetual[0].at), min(spot[-1].at, perpetual[-1].at)
    both = sorted(
        [(tick.at, 0, tick) for tick in spot] + [(tick.at, 1, tick) for tick in perpetual], key=lambda t: t[0]
    )
    now: list[Tick | None] = [None, None]
    found = []
    for at, which, tick in both:
        now[which] = tick
        if begins <= at <= ends:
            assert now[0] is not None and now[1] is not None
            found.append((at, now[0], now[1]))
    return found


def gross(spot: Tick, perpetual: Tick) -> Fraction:
    return Fraction(spot.bid) / Fraction(perpetual.ask) - 1


@cache
def proven_from() -> int:
    """When the perpetual's book had its snapshot: the first checkpoint of the independent reconstruction."""
    return parse_epoch(expected_tops()[PERPETUAL]["BTCUSDT"]["checkpoints"][0]["ts"])


@cache
def spot_until() -> int:
    """The last stamp of the spot recording, whatever its line."""
    return max(parse_epoch(line["ts"]) for line in read_lines(SPOT))


SIZES = [D(0), D("0.05"), D("0.5"), D(5)]


@pytest.fixture(scope="module")
def indexed() -> dict[str, Any]:
    """What the command prints, once for all tests."""
    out = io.StringIO()
    with redirect_stdout(out):
        options = [*(f"--replay={one}" for one in REPLAYS), *(f"--size={size}" for size in SIZES)]
        assert main(["index", "--compare-kinds", "--json", *options]) == 0
    document: dict[str, Any] = json.loads(out.getvalue())
    return document


@needs_recordings
def test_there_are_37_695_states_and_each_has_an_edge_at_zero_fees() -> None:
    """Of the files alone; the independent reconstruction has counted the same."""
    joint = expected_tops()["cross_market_btcusdt_spot_vs_usdm_bookTicker"]
    edges = [gross(spot, perpetual) for _, spot, perpetual in states()]
    assert len(edges) == joint["joint_states"] == 37_695
    assert sum(edge > 0 for edge in edges) == joint["states_spot_bid_above_perp_ask"] == 37_695
    assert f"{float(max(edges)) * 10_000:.4f}" == joint["max_edge_bps"]
    stamps = [at for at, _, _ in states()]
    for checkpoint in joint["checkpoints"]:
        _, spot, perpetual = states()[bisect_right(stamps, parse_epoch(checkpoint["ts"])) - 1]
        told = [D(checkpoint[key]) for key in ("spot_bid", "spot_ask", "perp_bid", "perp_ask")]
        assert told == [spot.bid, spot.ask, perpetual.bid, perpetual.ask]


@needs_recordings
def test_the_index_sees_every_state_of_proven_books(indexed: dict[str, Any]) -> None:
    """All of the files' states but those before the perpetual's snapshot, which no book may be read without, and those
    after the last spot frame of this channel, while the spot recording still lasts."""
    before = sum(at < proven_from() for at, _, _ in states())
    after = sum(states()[-1][0] < tick.at <= spot_until() for tick in ticks(PERPETUAL))
    (told,) = indexed["states"]
    assert (before, after) == (48, 3)
    assert told["told"] == told["told_positive"] == 37_695 - before + after
    assert told["moved"] == told["moved_positive"]


@needs_recordings
def test_the_index_is_what_the_venues_own_frames_say(indexed: dict[str, Any]) -> None:
    """Every five seconds the last frame of either venue, not older than two seconds."""
    expected = {size: dict(looked(size)) for size in SIZES}
    rows = {D(row["size"]): row for row in indexed["gaps"]}
    assert set(rows) == {size for size, looks in expected.items() if looks} and len(rows) >= 3
    for size, row in rows.items():
        looks = expected[size]
        widest = max(looks.values())
        assert row["quoted"] == len(looks) and row["positive"] == sum(edge > 0 for edge in looks.values())
        assert looks[parse_at(row["at"])] == widest
        assert abs(Fraction(D(row["bps"])) / 10_000 - widest) < Fraction(1, 10**14)


def looked(size: D) -> Iterator[tuple[int, Fraction]]:
    """The gap at each instant at which there is one."""
    second = 10**9
    series = {name: ticks(name) for name in (SPOT, PERPETUAL)}
    stamps = {name: [tick.at for tick in found] for name, found in series.items()}
    for instant in range(proven_from() // (5 * second) * 5 * second, spot_until(), 5 * second):
        if instant < proven_from():
            continue
        last = [series[name][bisect_right(stamps[name], instant) - 1] for name in (SPOT, PERPETUAL)]
        ways = [
            Fraction(sell.bid) / Fraction(buy.ask) - 1
            for sell, buy in (last, last[::-1])
            if sell.bid_size >= size and buy.ask_size >= size
        ]
        if ways:
            assert all(instant - tick.at <= 2 * second for tick in last)
            yield instant, max(ways)


def wiring(*sets: str) -> Wiring:
    settings = load_settings(
        environment={}, sets=["arbitrage.compare_kinds=true", *sets],
        strategies={"arbitrage": strategy("arbitrage").settings},
    ).settings  # fmt: skip
    return Wiring.of("arbitrage", settings, ("binance", "binance_usdm"))


def fees(spot: str, perpetual: str, restoring: str) -> list[str]:
    return [
        f"venues.binance.taker_fee_bps={spot}",
        f"venues.binance_usdm.taker_fee_bps={perpetual}",
        f"arbitrage.restoring_bps={restoring}",
    ]


@needs_recordings
@pytest.mark.long
@pytest.mark.parametrize(
    ("spot", "perpetual", "restoring", "positive"),
    [("10", "5", "1", False), ("0", "0", "0", True)],
)
def test_the_evaluation_of_every_state(spot: str, perpetual: str, restoring: str, positive: bool) -> None:
    """After each best-price frame the edge is asked for, and is what those frames say: sold on spot, bought on the
    perpetual, fees in quote on either, less what is charged for quotes of two instants (below one basis point here). At
    zero fees each has a size that can be traded."""
    watcher = wiring(*fees(spot, perpetual, restoring)).watcher()
    expected = {at: (one, other) for at, one, other in states()}
    seen, equal = Counter[str](), 0
    for entry in open_replay(REPLAYS):
        watcher.receive(entry)
        watcher.market.take_commands()
        if entry.direction.value != "recv" or b"bookTicker" not in entry.payload or entry.at not in expected:
            continue
        watcher.end_turn()
        seen["states"] += 1
        if not watcher.edges:
            seen["no live book"] += 1
            continue
        (edge,) = watcher.edges.values()
        assert edge.edge == "two_venue binance_usdm:BTCUSDT binance:BTCUSDT" and edge.forbidden_by == ()
        seen["gross above zero"] += edge.gross_bps > 0
        seen["net above zero"] += edge.net_bps > 0
        seen["sized"] += all(leg.quantity > 0 for leg in edge.legs)
        kept = (
            (1 + gross(*expected[entry.at])) * (1 - Fraction(D(spot)) / 10_000) / (1 + Fraction(D(perpetual)) / 10_000)
        )
        skew = sum((cost.bps for cost in edge.costs if cost.name == "skew"), D(0))
        assert 0 <= skew < 1
        net = (kept - 1) * 10_000 - Fraction(D(restoring) + skew)
        equal += abs(Fraction(edge.net_bps) - net) < Fraction(1, 10**6)
    live = 37_695 - 48
    assert (seen["states"], seen["no live book"], seen["gross above zero"]) == (37_695, 48, live)
    assert (seen["net above zero"], seen["sized"]) == ((live, live) if positive else (0, 0))
    if not positive:  # at zero fees the net is that of the whole size, which goes beyond the best price
        assert equal >= live * 0.99


@needs_recordings
@pytest.mark.slow
def test_at_10_and_5_basis_points_one_check_refuses_every_evaluation(
    tmp_path: Path, indexed: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Each check's count over all evaluations, as `post-mortem` prints it: one after each change of a best price or
    size, which the index counts too."""
    source = open_replay(REPLAYS)
    result = act(wiring(*fees("10", "5", "1"), f"data_dir={tmp_path}"), source, source.label())
    assert main(["post-mortem", "--json", "--data-dir", str(tmp_path)]) == 0
    told = json.loads(capsys.readouterr().out)
    moved = indexed["states"][0]["moved"]
    assert told["evaluations"] == {"all": moved, "failed": {"net_edge": moved}} and moved == 37_414
    assert (told["refusals"], told["fills"]) == ({"net_edge": 1}, 0)
    (edge,) = told["edges"]
    best = max(gross(spot, perpetual) for _, spot, perpetual in states())
    net = ((1 + best) * Fraction(999, 1000) / Fraction(10_005, 10_000) - 1) * 10_000 - 1
    assert -1 < Fraction(D(edge["best_net_bps"])) - net <= 0, "beyond fees and restoring only the skew is charged"
    decided = [json.loads(bytes(record.body)) for record in read(result.run.journal) if record.kind == "decided"]
    assert all(len(one["reasons"]) == len(CHECKS) for one in decided)
