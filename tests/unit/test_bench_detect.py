"""`cryptopipe bench detect`: its market, and what it reports.

Enters: a seed. Leaves: a verdict. Never: a figure that a test depends on.
"""

import json

import pytest
from click.testing import CliRunner

from cryptopipe.bench.detect import PLANTED, Market
from cryptopipe.cli.bench import bench
from cryptopipe.core import NAME, logarithm

pytestmark = pytest.mark.core
SMALL = (2, 3)


def test_the_same_seed_makes_the_same_market_and_another_does_not() -> None:
    one, again, other = (Market(*SMALL, seed=seed) for seed in (1, 1, 2))
    assert one.tops == again.tops != other.tops
    assert one.changes(50) == again.changes(50) != other.changes(50)


def test_a_market_has_the_nodes_and_edges_of_its_size() -> None:
    assert Market(10, 50).graph.counts() == (500, 10 * 49 * 2 + 50 * 10 * 9)
    assert Market(10, 50, hubs=True).graph.counts() == (550, 10 * 49 * 2 + 50 * 10 * 2)


@pytest.mark.parametrize("hubs", [False, True])
def test_only_a_planted_price_makes_a_cycle_that_gains(hubs: bool) -> None:
    assert Market(*SMALL, hubs=hubs).graph.best() is None
    planted = Market(*SMALL, hubs=hubs, planted=True)
    found = planted.graph.best()
    assert found is not None and len(found[1]) == (6 if hubs else 4)
    costs = 2 * logarithm(9_990, 10_000) + 2 * logarithm(9_999, 10_000)
    two_percent = logarithm(round(PLANTED * 100), 100)
    assert abs(found[0] - costs - two_percent) < two_percent / 10
    assert planted.graph.best_through(planted.edges[-1]) == found


def test_the_command_reports_every_row() -> None:
    result = CliRunner().invoke(bench, ["detect", "--changes", "100", "--runs", "1", "--json"])
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    names = [row["name"] for row in report["rows"]]
    assert (report["schema"], report["bench"], report["core"]) == (1, "detect", NAME)
    assert len(names) == len(set(names)) == (28 if NAME == "native" else 8)
    assert names[0] == f"cycle through a changed book, {'10 x 50' if NAME == 'native' else '2 x 3'}, direct"
    assert all(row["unit"] == "us" and row["value"] > 0 for row in report["rows"])
    assert "planted is one price" in report["notes"][0]
