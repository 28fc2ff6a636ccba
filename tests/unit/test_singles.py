"""The setting `orders`: what a run cannot keep is told at its start, with the place that set it."""

import json
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal as D
from pathlib import Path

import pytest
from conformance.bitfoo import make
from unit.test_orders_market import plugin as with_orders

from cryptopipe import api, registry
from cryptopipe.cli import main
from cryptopipe.drivers.singles import orders_subscriptions
from cryptopipe.drivers.streams import all_subscriptions
from cryptopipe.errors import ConfigError
from cryptopipe.market.names import orders_dialect
from cryptopipe.model.facts import VenueId

FOO, BAR = VenueId("bitfoo"), VenueId("bitbar")
USUAL = (api.Asset("BTC"), api.Asset("USDT"))
RULES = api.TradingRules(D("0.01"), D("0.0001"), D("0.0001"), D(5))


class Listed:
    def __init__(self, *ones: api.Instrument) -> None:
        self._ones = ones

    def listed(self) -> Sequence[api.Instrument]:
        return self._ones

    def find(self, symbol: str) -> api.Instrument:
        return next(one for one in self._ones if one.symbol == symbol)


def instrument(venue: VenueId, symbol: str, base: str = "BTC") -> api.Instrument:
    return api.Instrument(venue, symbol, api.Asset(base), api.Asset("USDT"), rules=RULES)


PLUGINS = {
    FOO: replace(with_orders(), instruments=Listed(instrument(FOO, "BTC-USDT"), instrument(FOO, "XY-USDT", "XY"))),
    BAR: replace(make(), venue=BAR, instruments=Listed(instrument(BAR, "btcusdt"))),
}


def told(*names: str, place: str = "config.yaml:19", simulated: bool = False) -> ConfigError:
    wanted = {FOO: [instrument(FOO, "BTC-USDT")], BAR: []} if simulated else None
    with pytest.raises(ConfigError) as refused:
        orders_subscriptions(PLUGINS, names, place, wanted)
    assert refused.value.exit_code == 78
    return refused.value


def test_what_is_listed_is_subscribed_to_once() -> None:
    (one,) = orders_subscriptions(PLUGINS, ["bitfoo:BTC-USDT", "bitfoo:BTC-USDT"])[FOO]
    assert (one.instrument.id, one.channel) == ("bitfoo:BTC-USDT", api.Channel.ORDERS)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("other:BTC-USDT", "other is not in this run, which has bitfoo, bitbar"),
        ("bitbar:btcusdt", "bitbar tells no single orders; of this run's venues bitfoo does"),
        ("bitfoo:btc-usdt", "bitfoo lists no 'btc-usdt'; did you mean 'BTC-USDT'?"),
        ("bitfoo:NOPE", "bitfoo lists no 'NOPE'; it has BTC-USDT, XY-USDT"),
    ],
)
def test_each_name_that_the_run_cannot_keep_is_told_with_what_there_is(name: str, message: str) -> None:
    error = told(name)
    assert (error.message, error.where) == (f"orders: {name!r}: {message}", "config.yaml:19")
    assert error.fix == (
        "name instruments of the run's venues (--venues A,B), as in bitfoo:BTC-USDT, or take the entry out of `orders`"
    )


def test_all_faults_are_told_at_once() -> None:
    error = told("bitfoo:BTC-USDT", "other:X", "bitfoo:NOPE")
    assert [line.split("'")[1] for line in error.message.splitlines()] == ["other:X", "bitfoo:NOPE"]


def test_of_a_simulated_venue_only_what_is_simulated_can_be_had() -> None:
    assert told("bitfoo:XY-USDT", simulated=True).message == (
        "orders: 'bitfoo:XY-USDT': bitfoo is simulated with no 'XY-USDT'; did you mean 'BTC-USDT'?"
    )
    assert all_subscriptions(PLUGINS, USUAL, ["bitfoo:XY-USDT"])[FOO][-1].instrument.symbol == "XY-USDT"
    with pytest.raises(ConfigError, match="is simulated with no 'XY-USDT'"):
        all_subscriptions(PLUGINS, USUAL, ["bitfoo:XY-USDT"], "--set orders", simulated=True)


@pytest.mark.parametrize("command", ["action", "watch"])
def test_a_run_that_cannot_keep_them_does_not_begin(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the file and line that set it; nothing is simulated, and no run is kept."""
    able = [name for name, one in registry.exchanges().items() if orders_dialect(one) is not None]
    if len(able) < 2:
        pytest.skip("no two installed venues tell single orders")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(f"assets: BTC,ETH,USDT,USD\norders:\n  - {able[0]}:NOPE\n", encoding="utf-8")
    assert main([command, "--json", "--venues", able[1], "--data-dir", str(tmp_path / "runs")]) == 78
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["message"] == f"orders: '{able[0]}:NOPE': {able[0]} is not in this run, which has {able[1]}"
    assert error["where"].endswith("config.yaml:2")
    assert not list((tmp_path / "runs").rglob("*.log"))
