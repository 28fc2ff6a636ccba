"""`cryptopipe bench book`: its stream, and what it reports.

Enters: a seed. Leaves: a verdict. Never: a figure that a test depends on.
"""

import json

import pytest
from click.testing import CliRunner

from cryptopipe.bench.book import make_stream
from cryptopipe.cli.bench import bench
from cryptopipe.core import NAME, OrderBook
from cryptopipe.model.events import OrderChange, OrderFormat

pytestmark = pytest.mark.core


def test_the_same_seed_makes_the_same_stream_and_another_does_not() -> None:
    one, again, other = (make_stream(300, seed) for seed in (1, 1, 2))
    assert one.sha256 == again.sha256 != other.sha256
    assert one.levels == again.levels and len(one.levels) == 300 // 8


def test_the_stream_has_the_mixture_that_the_report_states() -> None:
    stream = make_stream(3_000, 1)
    share = dict.fromkeys(OrderChange, 0)
    for _, event in stream.events:
        share[event.change] += 1
    wanted = {OrderChange.ADD: 48, OrderChange.REMOVE: 42, OrderChange.REDUCE: 6, OrderChange.SET: 4}
    assert {change: round(100 * n / 3_000) for change, n in share.items()} == pytest.approx(wanted, abs=3)
    book = OrderBook(OrderFormat(0, 1, 2))
    book.load(stream.bids, stream.asks, 0, 0, 0)
    assert sum(len(book.orders(is_bid)) for is_bid in (True, False)) == 20_000


def test_the_command_reports_every_row() -> None:
    result = CliRunner().invoke(bench, ["book", "--events", "1000", "--runs", "1", "--json"])
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    inside = ["L3 events, inside the core", "L2 levels, inside the core"] if NAME == "native" else []
    assert [row["name"] for row in report["rows"]] == [*inside, "L3 events, a call each", "L2 levels, a call for 8"]
    assert (report["schema"], report["bench"], report["core"]) == (1, "book", NAME)
    assert all(row["unit"] == "changes/s" and row["value"] > 0 for row in report["rows"])
    assert "20,000 orders" in report["notes"][0]
