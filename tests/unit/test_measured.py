"""What runs measured of the venues is kept, added up, and used by paper orders where that is asked for."""

from pathlib import Path

import pytest

from cryptopipe.clock import MILLISECOND
from cryptopipe.errors import ConfigError
from cryptopipe.measured import FILE, order_latencies, remember
from cryptopipe.model.facts import VenueId
from cryptopipe.settings import Settings
from cryptopipe.summary import Took
from cryptopipe.wiring import PAPER, VENUE, Wiring

ALPHA, BETA = VenueId("alpha"), VenueId("beta")


def test_the_mean_is_over_all_runs_of_a_market(tmp_path: Path) -> None:
    """Two answers of 10 and 30 ms, then one of 50: 30 ms; the sandbox says nothing of the live venue."""
    remember(tmp_path, "sandbox", {(ALPHA, "PlaceOrder"): Took(2, 40 * MILLISECOND, 30 * MILLISECOND)})
    remember(
        tmp_path,
        "sandbox",
        {
            (ALPHA, "PlaceOrder"): Took(1, 50 * MILLISECOND, 50 * MILLISECOND),
            (BETA, "FetchBalances"): Took(1, 9 * MILLISECOND, 9 * MILLISECOND),
        },
    )
    assert order_latencies(tmp_path, "sandbox") == {ALPHA: 30 * MILLISECOND}
    assert order_latencies(tmp_path, "live") == {}
    assert '"longest": 50000000' in (tmp_path / FILE).read_text()


def test_paper_orders_take_what_was_measured_only_if_asked(tmp_path: Path) -> None:
    remember(tmp_path, "sandbox", {(ALPHA, "PlaceOrder"): Took(1, 20 * MILLISECOND, 20 * MILLISECOND)})
    plain = Settings(data_dir=tmp_path)
    asked = plain.model_copy(update={"paper": plain.paper.model_copy(update={"measured": True})})
    assert Wiring("arbitrage", plain, {}).executed(PAPER, "sandbox").settings.paper.latencies == {}
    assert Wiring("arbitrage", asked, {}).executed(PAPER, "sandbox").settings.paper.latencies == {
        ALPHA: 20 * MILLISECOND
    }
    assert Wiring("arbitrage", asked, {}).executed(VENUE, "sandbox").settings.paper.latencies == {}


def test_what_no_run_wrote_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"sandbox": {"alpha": 7}}')
    with pytest.raises(ConfigError, match=FILE):
        order_latencies(tmp_path, "sandbox")
