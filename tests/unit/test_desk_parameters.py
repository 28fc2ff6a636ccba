"""The section `accounts` of the simulated market's parameters: its defaults, a venue's own, what it does not take."""

from decimal import Decimal
from pathlib import Path

import pytest

from cryptopipe.errors import ConfigError
from cryptopipe.sandbox.parameters import Parameters
from cryptopipe.settings.model import OPENING

D = Decimal


def own(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "own.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_customer_begins_with_what_a_run_on_paper_begins_with() -> None:
    assert Parameters.load().account("any").opening == {asset: D(amount) for asset, amount in OPENING.items()}


def test_a_venue_takes_from_default_what_it_does_not_say(tmp_path: Path) -> None:
    text = "accounts: {default: {open_orders: 7}, alpha: {opening: {BTC: 0.5}, price_band: 1.1}}"
    parameters = Parameters.load(own(tmp_path, text), venues=["alpha"])
    alpha, other = parameters.account("alpha"), parameters.account("beta")
    assert (alpha.opening["BTC"], alpha.opening["ETH"], alpha.price_band, alpha.open_orders) == (
        D("0.5"),
        30,
        D("1.1"),
        7,
    )
    assert (other.opening["BTC"], other.price_band, other.open_orders) == (2, 5, 7)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("accounts: {alphq: {open_orders: 7}}", "'accounts.alphq': no such venue is installed"),
        ("accounts: {default: {opening: {BTC: -1}}}", "opening.BTC -1"),
        ("accounts: {default: {opening: {BTC: much}}}", "'accounts.default.opening.BTC' is 'much'"),
        ("accounts: {default: {opening: {BTC: nan}}}", "finite"),
        ("accounts: {default: {price_band: 0.9}}", "price_band 0.9"),
        ("accounts: {default: {leverage: 20, leverage_most: 10}}", "leverage 20 above leverage_most 10"),
        ("accounts: {default: {maintenance_rate: 1.5}}", "maintenance_rate 1.5"),
        ("accounts: {default: {funding_cap: -0.1}}", "funding_cap -0.1"),
        ("accounts: {default: {open_order: 3}}", "open_orders"),
    ],
)
def test_what_is_out_of_range_names_its_key(tmp_path: Path, line: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Parameters.load(own(tmp_path, line), venues=["alpha"])
    assert told in str(caught.value) and "own.yaml" in str(caught.value)
