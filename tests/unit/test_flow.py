"""The order flow and its parameters, one part at a time, beside figures computed apart from it."""

import importlib
from decimal import Decimal
from itertools import pairwise
from math import isclose, log, sqrt
from pathlib import Path
from random import Random
from statistics import fmean, median, pstdev
from types import ModuleType

import msgspec
import pytest

from cryptopipe.clock import SECOND
from cryptopipe.errors import ConfigError
from cryptopipe.model.facts import Asset, Instrument, Side, TradingRules, VenueId
from cryptopipe.sandbox.engine import Engine
from cryptopipe.sandbox.flow import Flow
from cryptopipe.sandbox.parameters import DEFAULTS, Jump, Parameters, Price
from cryptopipe.sandbox.prices import Dislocations, Efficient, Local, Reversion, Series

ROOT = Path(__file__).parents[2]
START = 1_790_000_000 * SECOND
RULES = TradingRules(Decimal("0.01"), Decimal("0.0001"), Decimal("0.0005"), Decimal(5))


def changed(parameters: Parameters, **sections: dict[str, object]) -> Parameters:
    """With other values in some sections."""
    replaced = {name: msgspec.structs.replace(getattr(parameters, name), **new) for name, new in sections.items()}
    return msgspec.structs.replace(parameters, **replaced)


# parameters


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "market.yaml"
    path.write_text(text)
    return path


def test_a_file_overrides_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    packaged = Parameters.load()
    own = Parameters.load(written(tmp_path, "rate: 3\nvenues: {alpha: {lag_ms: 333}}\ndislocations: off\n"))
    assert (own.rate, own.dislocations, own.venue("alpha").lag_ms) == (3, "off", 333)
    assert msgspec.structs.replace(own.venue("alpha"), lag_ms=packaged.venue("alpha").lag_ms) == packaged.venue("beta")
    assert (own.prices, own.orders, own.dislocation) == (packaged.prices, packaged.orders, packaged.dislocation)


def test_every_venue_takes_a_changed_default(tmp_path: Path) -> None:
    own = Parameters.load(written(tmp_path, "venues: {default: {noise_bp: 7}}\n"))
    assert {profile.noise_bp for profile in own.venues.values()} == {7}


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("rat: 2", 1, "'rat' is not known; did you mean 'rate'?"),
        ("rate: -1", 1, "'rate' is '-1': Expected `float` > 0.0"),
        ("rate: inf", 1, "'rate' is 'inf': expected a finite number"),
        ("venues:\n  alpha: {lag: 3}", 2, "'venues.alpha.lag' is not known; did you mean 'lag_ms'?"),
        ("venues:\n  alpha:\n    lag_ms: 3000", 3, "'venues.alpha.lag_ms' is '3000': Expected `float` <= 1000.0"),
        ("premium: long", 1, "'premium' is 'long': Invalid enum value 'long', one of none, lasting"),
        ("prices: {XRP: {usd: 1}}", 1, "'prices.XRP' has no 'liquidity'"),
        ("prices: {BTC: {half_life_s: 1}}", 1, "'prices.BTC' has volatility 0.5 and half_life_s 1: one is zero"),
        ("dislocation: {most_bp: 3}", 1, "'dislocation' has least_bp 18 above most_bp 3"),
        ("orders: 3", 1, "'orders' is '3': expected `key: value` lines"),
        ("rate: 1\nrate: 2", 2, "rate: duplicate key, first written at {path}:1"),
    ],
)
def test_a_fault_names_its_line_key_and_value(tmp_path: Path, text: str, line: int, message: str) -> None:
    path = written(tmp_path, text + "\n")
    with pytest.raises(ConfigError) as caught:
        Parameters.load(path)
    assert str(caught.value) == f"{path}:{line}: {message.format(path=path)}"
    assert DEFAULTS.name in caught.value.fix


def test_a_misspelt_venue_is_refused_against_the_installed_ones(tmp_path: Path) -> None:
    path = written(tmp_path, "rate: 1\nvenues:\n  default: {lag_ms: 3}\n  alhpa: {lag_ms: 3}\n")
    with pytest.raises(ConfigError) as caught:
        Parameters.load(path, ("alpha", "beta"))
    assert str(caught.value) == f"{path}:4: 'venues.alhpa': no such venue is installed; did you mean 'alpha'?"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: cannot be read: No such file"):
        Parameters.load(tmp_path / "nowhere.yaml")


def test_every_key_has_a_comment() -> None:
    """Above it or above a neighbour of the same block, never only in the code."""
    lines = DEFAULTS.read_text(encoding="utf-8").splitlines()
    commented, bare = False, []
    for line in lines:
        name = line.strip()
        if name.startswith("#"):
            commented = True
        elif not name:
            commented = False
        elif line.startswith("  ") and not name.endswith(":") and not commented:
            bare.append(name)
    assert bare == []


# latent prices


def test_a_diffusion_has_the_volatility_of_its_parameters() -> None:
    asset = Efficient(Price(100, 0.5, 0, 0, 1), Jump(0, 0, 0), 0.02, Random(1))
    asset.extend(400)
    steps = [b - a for a, b in pairwise(asset.values)]
    for step in range(500, 20_001, 100):
        asset.extend(step)
        steps += [b - a for a, b in pairwise(asset.values[-101:])]
    assert asset.values[0] != log(100) and asset.first > 0, "old steps are given up"
    yearly = pstdev(steps) * sqrt(365 * 24 * 3600 / 0.02)
    assert isclose(yearly, 0.5, rel_tol=0.02)  # four standard errors of 20,000 draws


def test_a_peg_stays_near_its_level() -> None:
    peg = Reversion(3e-4, 10, 0.1, Random(2))
    drawn = [peg.next() for _ in range(200_000)]  # 2,000 half-lives
    assert isclose(pstdev(drawn), 3e-4, rel_tol=0.1)
    apart = 100  # steps of one half-life
    covariance = fmean(a * b for a, b in zip(drawn, drawn[apart:], strict=False))
    assert isclose(covariance / 9e-8, 0.5, abs_tol=0.1)


def test_jumps_come_as_often_and_as_large_as_stated() -> None:
    asset = Efficient(Price(100, 1e-9, 0, 0, 1), Jump(3600, 4, 10), 0.02, Random(3))
    jumps = []
    for step in range(0, 50_001, 50):
        known = len(asset.values) + asset.first
        asset.extend(step)
        fresh = asset.values[known - asset.first - 1 :] if known else asset.values
        jumps += [b - a for a, b in pairwise(fresh) if abs(b - a) > 1e-6]
    assert 850 < len(jumps) < 1150  # 1,000 s at one a second
    assert min(map(abs, jumps)) > 4e-4 * 0.999 and max(map(abs, jumps)) < 10e-4 * 1.001
    assert 0.4 < sum(jump > 0 for jump in jumps) / len(jumps) < 0.6


def test_a_dislocation_grows_and_halves_as_stated() -> None:
    told = changed(
        Parameters.load(),
        dislocation={"every_s": 1000, "median_bp": 40, "spread": 0, "rise_least_s": 0.2, "rise_most_s": 0.2,
                     "hold_least_s": 0.5, "hold_most_s": 0.5, "half_life_least_s": 2, "half_life_most_s": 2},
    ).dislocation  # fmt: skip
    path = [abs(at) for at in map(Dislocations(told, 0.01, Random(4)).at_step, range(400_000))]
    begin = next(k for k, size in enumerate(path) if size)
    assert isclose(max(path[begin : begin + 1000]), 40e-4, rel_tol=0.01)
    assert path[begin : begin + 1000].index(max(path[begin : begin + 1000])) in (19, 20, 21)
    assert all(isclose(size, 40e-4) for size in path[begin + 20 : begin + 69])
    assert isclose(path[begin + 270], 20e-4, rel_tol=0.01)
    assert isclose(path[begin + 470], 10e-4, rel_tol=0.01)
    assert path[begin + 5000] == 0


def test_dislocations_are_rare_enough_and_never_beyond_most() -> None:
    brief = {"hold_most_s": 0.2, "half_life_least_s": 0.05, "half_life_most_s": 0.05}  # so that few overlap
    told = changed(Parameters.load(), dislocation=brief).dislocation
    found, largest = 0, 0.0
    for seed in range(20):
        at = [abs(x) for x in map(Dislocations(told, 0.05, Random(seed)).at_step, range(12_000))]  # 600 s each
        found += sum(a == 0 and b > 0 for a, b in pairwise(at))
        largest = max(largest, *at)
    assert largest <= told.most_bp * 1e-4
    assert 500 < found < 650  # 600 in 12,000 s are asked for, and some one in twenty begins before another has gone


def test_a_venue_is_late_by_its_lag() -> None:
    parameters = msgspec.structs.replace(Parameters.load(), dislocations="off", step_ms=10)
    profile = msgspec.structs.replace(parameters.venue("alpha"), lag_ms=130, noise_bp=0)
    asset = Efficient(Price(100, 0.5, 0, 0, 1), parameters.jump, 0.01, Random(5))
    local = Local(asset, profile, parameters, False, Random(6))
    asset.extend(100)
    local.extend(100)
    assert local.values[13:] == asset.values[: 101 - 13]
    assert set(local.values[:13]) == {asset.values[0]}


def test_a_lasting_premium_lasts(tmp_path: Path) -> None:
    text = "premium: lasting\ndislocations: off\nlasting_premium: {size_bp: 25, half_life_s: 10800}\n"
    parameters = Parameters.load(written(tmp_path, text))
    still = msgspec.structs.replace(parameters.venue("alpha"), noise_bp=0, lag_ms=0)
    first, moved = [], []
    for seed in range(200):
        asset = Efficient(Price(100, 1e-12, 0, 0, 1), Jump(0, 0, 0), 0.02, Random(seed))
        local = Local(asset, still, parameters, False, Random(seed))
        asset.extend(100)
        local.extend(100)
        first.append(local.values[0] - log(100))
        moved.append(local.values[100] - local.values[0])
    assert isclose(pstdev(first), 25e-4, rel_tol=0.15)
    assert max(map(abs, moved)) < 2e-4  # two seconds are nothing beside three hours


# orders


class Told(Series):
    """A price that the test sets, constant until told otherwise."""

    def __init__(self, price: float) -> None:
        super().__init__()
        self.values = [log(price)] * 4000


def flow_of(parameters: Parameters, price: float = 100.0, seed: int = 7) -> tuple[Flow, Told]:
    instrument = Instrument(VenueId("alpha"), "X", Asset("BTC"), Asset("USD"), rules=RULES)
    base = Told(price)
    return Flow(Engine(instrument), base, Told(1), parameters, Random(seed), START), base


def test_a_book_begins_with_what_its_venue_tends_to_hold() -> None:
    parameters = Parameters.load()
    flow, _ = flow_of(parameters)
    profile = parameters.venue("alpha")
    for side in Side:
        held = sum(len(flow.engine.queue(side, price)) for price, _ in flow.engine.levels(side, 10_000))
        assert held == profile.near_orders + profile.middle_orders + profile.deep_orders
        furthest = flow.engine.levels(side, 10_000)[-1][0] * 0.01
        assert 0.04 < abs(furthest / 100 - 1) < 0.0805, "deep orders reach some percent, not beyond deep_bp"


def test_the_book_keeps_its_depth() -> None:
    parameters = Parameters.load()
    flow, _ = flow_of(parameters)
    flow.run(START + 60 * SECOND)
    profile = parameters.venue("alpha")
    wanted = profile.near_orders + profile.middle_orders + profile.deep_orders
    for side in Side:
        held = sum(len(flow.engine.queue(side, price)) for price, _ in flow.engine.levels(side, 10_000))
        assert 0.8 * wanted < held < 1.2 * wanted


@pytest.mark.parametrize("rate", [1, 5])
def test_events_come_at_the_rate_asked_for(rate: float) -> None:
    parameters = msgspec.structs.replace(Parameters.load(), rate=rate)
    flow, _ = flow_of(parameters)
    begin = flow.engine.number
    flow.run(START + 30 * SECOND)
    per_second = (flow.engine.number - begin) / 30
    asked = parameters.venue("alpha").events_per_s * rate
    assert isclose(per_second, asked, rel_tol=0.1)  # a market order may change several levels


def test_sizes_respect_the_least_that_the_venue_takes() -> None:
    flow, _ = flow_of(changed(Parameters.load(), orders={"middle_size": 1e-9}))
    assert min(lots for side in Side for price, _ in flow.engine.levels(side, 999)
               for _, lots in flow.engine.queue(side, price)) == 5  # fmt: skip


def test_trades_are_as_large_as_stated() -> None:
    parameters = Parameters.load()
    profile = msgspec.structs.replace(parameters.venue("alpha"), taker_share=0.5, trade_usd=5.0, trade_spread=0.3)
    flow, _ = flow_of(msgspec.structs.replace(parameters, venues={**parameters.venues, "default": profile}))
    flow.run(START + 20 * SECOND)
    worth = [trade.price * 0.01 * trade.size * 0.0001 for trade in flow.engine.trades(0)]
    assert len(worth) > 300 and isclose(median(worth), 5, rel_tol=0.05)


def test_the_book_follows_its_price() -> None:
    flow, price = flow_of(Parameters.load())
    flow.run(START + SECOND)
    price.values[50:] = [log(101)] * 4000  # one percent up after a second
    flow.run(START + 2 * SECOND)
    bid, ask = flow.engine.best(Side.BUY), flow.engine.best(Side.SELL)
    assert bid is not None and ask is not None
    assert 10_090 <= bid < ask <= 10_110
    near = sum(lots for p, lots in flow.engine.levels(Side.BUY, 99) if p >= 10_050)
    assert near > 0, "buyers have come along"


def test_a_stranger_left_behind_is_taken_and_never_cancelled() -> None:
    flow, price = flow_of(Parameters.load())
    flow.run(START + SECOND)
    ask = flow.engine.best(Side.SELL)
    assert ask is not None
    stranger = flow.engine.limit(Side.SELL, ask, 777, START + SECOND, owner=9).order_id
    prints = [trade.trade_id for trade in flow.engine.trades(0)]
    price.values[50:] = [log(101)] * 4000
    flow.run(START + 2 * SECOND)
    assert flow.engine.resting(stranger) == 0
    bought = [t for t in flow.engine.trades(prints[-1] if prints else 0) if t.price == ask and t.side is Side.BUY]
    assert sum(trade.size for trade in bought) >= 777


# the measuring tool and its page


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    return importlib.import_module("measure_market")


def test_the_page_has_the_rows_that_the_tool_makes(tools: ModuleType) -> None:
    page = (ROOT / "docs" / "sandbox-market.md").read_text(encoding="utf-8")
    measured = page.partition(tools.MARKS[0])[2].partition(tools.MARKS[1])[0]
    rows = [line.split("|")[1].strip() for line in measured.splitlines() if line.startswith("| ")]
    cells = [line.count("|") - 1 for line in measured.splitlines() if line.startswith("| ")]
    assert [row for row in rows if row and "dislocations" not in row] == [
        name for name in (*tools.ROWS, *tools.DISLOCATION_ROWS) if "dislocations" not in name
    ]
    assert set(cells) == {1 + 2 * len(tools.SOURCES), 5}


def test_a_dislocation_is_measured_by_its_peak_and_its_half_life(tools: ModuleType) -> None:
    grid_s = tools.GRID / SECOND
    decay = [40 * 0.5 ** (n * grid_s / 2) for n in range(400)]  # 40 bp, halving every 2 s
    path = [0.0, 11.0, 0.0, *decay, *(-one for one in decay)]
    first, second = tools.episodes(path)
    assert first == second == tools.Episode(40, 2 + grid_s)


def test_a_tally_of_a_book_that_is_known(tools: ModuleType) -> None:
    figures = importlib.import_module("market_figures")
    tally = figures.Tally("alpha:X", 0.01, 2.0)
    tally.look([(99.99, 1.0), (99.90, 2.0), (99.0, 50.0)], [(100.01, 3.0), (100.5, 9.0)])
    tally.look([(99.99, 1.0)], [(100.01, 4.0)])
    tally.look([(99.98, 1.0)], [(100.01, 4.0)])
    assert tally.spreads[0] == pytest.approx(2) and tally.widths[0] == pytest.approx(2)
    assert tally.tops[:2] == pytest.approx([2 * 99.99, 2 * 300.03])
    assert tally.within[:2] == pytest.approx([2 * (99.99 + 199.8), 2 * 300.03])
    assert (tally.looks, tally.changed, tally.moved) == (3, 2, 1)
