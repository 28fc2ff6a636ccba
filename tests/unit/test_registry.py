"""One broken plugin does not stop the rest: distributions laid on disk as an installer would."""

import sys
from pathlib import Path

import pytest

from cryptopipe.errors import PluginError, UsageError
from cryptopipe.registry import LoadedPlugin, Registry

EXCHANGE = """
from cryptopipe.api import API_VERSION, ExchangePlugin, FeeSchedule, VenueId
plugin = ExchangePlugin(venue=VenueId({venue!r}), api_version={api}, docs="", feed=object, instruments=None, fees=None)
"""
STRATEGY = """
from pydantic import BaseModel
from cryptopipe.api import StrategyPlugin
class Loose(BaseModel):
    pass
class Strict(BaseModel, extra="forbid"):
    pass
plugin = StrategyPlugin(name={name!r}, api_version=1, docs="", settings={settings}, make=lambda settings: None)
"""


class Site:
    """A folder of installed distributions."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.registry = Registry([str(folder)])

    def install(self, name: str, entry_points: str, version: str = "1.0", **modules: str) -> None:
        info = self.folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(entry_points)
        for module, source in modules.items():
            (self.folder / f"{module}.py").write_text(source)

    def exchange(self, distribution: str, name: str, source: str) -> None:
        module = f"site_{distribution.replace('-', '_')}_{name.replace('*', 'all')}"
        self.install(distribution, f"[cryptopipe.exchanges]\n{name} = {module}:plugin\n", **{module: source})

    def strategy(self, distribution: str, name: str, source: str) -> None:
        module = f"site_{distribution.replace('-', '_')}_{name}"
        self.install(distribution, f"[cryptopipe.strategies]\n{name} = {module}:plugin\n", **{module: source})

    def loaded(self, name: str) -> LoadedPlugin:
        return next(one for one in self.registry.all_plugins() if one.name == name)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    for module in [name for name in sys.modules if name.startswith("site_")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.syspath_prepend(str(tmp_path))
    return Site(tmp_path)


def good(site: Site) -> None:
    site.exchange("good-dist", "bitfoo", EXCHANGE.format(venue="bitfoo", api=1))


def test_a_good_plugin_says_who_ships_it(site: Site) -> None:
    good(site)
    loaded = site.loaded("bitfoo")
    assert loaded == LoadedPlugin("bitfoo", "exchange", "good-dist", "1.0", 1, ("feed",), loaded.plugin, None)
    assert site.registry.exchange("bitfoo") is loaded.plugin
    assert list(site.registry.exchanges()) == ["bitfoo"]


BROKEN_EXCHANGES = {
    "raises": ("raise RuntimeError('boom')", "does not import: RuntimeError: boom"),
    "imports_nothing": ("import no_such_module_here", "does not import: ModuleNotFoundError: No module named 'no_such"),
    "exits": ("raise SystemExit(3)", "does not import: SystemExit: 3"),
    "syntax": ("plugin = (", "does not import: SyntaxError"),
    "attribute": ("other = 1", "does not import: AttributeError"),
    "number": ("plugin = 42", "expected ExchangePlugin, got int"),
    "klass": ("from cryptopipe.api import ExchangePlugin as plugin", "expected ExchangePlugin, got type"),
    "future": (EXCHANGE.format(venue="future", api=99), "written for api_version 99, this is 1"),
    "alias": (EXCHANGE.format(venue="other", api=1), "the entry point is named 'alias', the plugin 'other'"),
}


@pytest.mark.parametrize("name", BROKEN_EXCHANGES)
def test_a_broken_exchange_is_reported_and_the_other_loads(site: Site, name: str) -> None:
    source, expected = BROKEN_EXCHANGES[name]
    site.exchange("bad-dist", name, source)
    good(site)
    broken = site.loaded(name)
    assert broken.plugin is None
    assert isinstance(broken.error, PluginError)
    assert expected in str(broken.error)
    assert broken.error.where == f"exchange {name}"
    assert broken.error.fix == "mend or uninstall bad-dist"
    assert list(site.registry.exchanges()) == ["bitfoo"]
    with pytest.raises(PluginError):
        site.registry.exchange(name)


BROKEN_STRATEGIES = {
    "loose": (STRATEGY.format(name="loose", settings="Loose"), "must set model_config extra='forbid'"),
    "plain": (
        STRATEGY.format(name="plain", settings="dict"),
        "settings must be a pydantic BaseModel, got <class 'dict'>",
    ),
    "misnamed": (STRATEGY.format(name="x", settings="Strict"), "the entry point is named 'misnamed', the plugin 'x'"),
    "wrong_kind": (EXCHANGE.format(venue="wrong_kind", api=1), "expected StrategyPlugin, got ExchangePlugin"),
}


@pytest.mark.parametrize("name", BROKEN_STRATEGIES)
def test_a_broken_strategy_is_reported_and_the_other_loads(site: Site, name: str) -> None:
    source, expected = BROKEN_STRATEGIES[name]
    site.strategy("bad-dist", name, source)
    site.strategy("good-dist", "calm", STRATEGY.format(name="calm", settings="Strict"))
    assert expected in str(site.loaded(name).error)
    assert list(site.registry.strategies()) == ["calm"]
    assert site.registry.strategy("calm").name == "calm"


def test_a_name_claimed_by_two_distributions_is_nobodys(site: Site) -> None:
    good(site)
    site.exchange("one-dist", "shared", EXCHANGE.format(venue="shared", api=1))
    site.exchange("two-dist", "shared", EXCHANGE.format(venue="shared", api=1))
    claims = [one for one in site.registry.all_plugins() if one.name == "shared"]
    assert [one.distribution for one in claims] == ["one-dist", "two-dist"]
    for one in claims:
        assert str(one.error) == (
            "exchange shared: the name is claimed 2 times, by one-dist 1.0, two-dist 1.0; none is loaded"
        )
    assert list(site.registry.exchanges()) == ["bitfoo"]
    with pytest.raises(PluginError, match="claimed 2 times"):
        site.registry.exchange("shared")


def test_a_name_written_twice_in_one_distribution_is_refused(site: Site) -> None:
    site.install("twice", "[cryptopipe.exchanges]\ndup = site_a:plugin\ndup = site_b:plugin\n")
    assert "written 2 times in one entry_points.txt" in str(site.loaded("dup").error)


def test_an_exchange_and_a_strategy_may_share_a_name(site: Site) -> None:
    site.exchange("ex-dist", "both", EXCHANGE.format(venue="both", api=1))
    site.strategy("st-dist", "both", STRATEGY.format(name="both", settings="Strict"))
    assert [(one.kind, one.error) for one in site.registry.all_plugins()] == [("exchange", None), ("strategy", None)]


def test_damaged_metadata_stops_only_its_own_distribution(site: Site) -> None:
    site.install("damaged", "[cryptopipe.exchanges]\nthis line has no equals sign\n")
    (site.folder / "empty-1.0.dist-info").mkdir()  # what an interrupted uninstall leaves
    good(site)
    assert "entry_points.txt is damaged" in str(site.loaded("damaged").error)
    assert list(site.registry.exchanges()) == ["bitfoo"]


def test_a_damaged_file_of_somebody_else_is_nothing_to_us(site: Site) -> None:
    site.install("unrelated", "[their.group]\nno equals sign\n")
    good(site)
    assert [one.name for one in site.registry.all_plugins()] == ["bitfoo"]


def test_the_first_distribution_on_the_path_hides_its_older_copy(
    site: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    older = Site(tmp_path_factory.mktemp("older"))
    older.install("good-dist", "[cryptopipe.exchanges]\nbitfoo = nowhere:plugin\n", version="0.9")
    good(site)
    registry = Registry([str(site.folder), str(older.folder)])
    assert [(one.version, one.error) for one in registry.all_plugins()] == [("1.0", None)]


def test_names_import_nothing(site: Site) -> None:
    site.exchange("bad-dist", "loud", "raise RuntimeError('imported')")
    assert site.registry.names("exchange") == ("loud",)
    assert "site_bad_dist_loud" not in sys.modules


def test_asking_for_one_imports_only_that_one(site: Site) -> None:
    good(site)
    site.exchange("other-dist", "other", EXCHANGE.format(venue="other", api=1))
    site.registry.exchange("bitfoo")
    assert "site_good_dist_bitfoo" in sys.modules
    assert "site_other_dist_other" not in sys.modules


def test_an_unknown_name_offers_the_nearest(site: Site) -> None:
    good(site)
    with pytest.raises(UsageError) as raised:
        site.registry.exchange("bitfo")
    assert str(raised.value) == "unknown exchange 'bitfo'; did you mean 'bitfoo'?"
    assert raised.value.exit_code == 2
    assert raised.value.fix == "installed: bitfoo (`cryptopipe plugins list`)"
    with pytest.raises(UsageError, match=r"^unknown strategy 'zzz'$") as raised:
        site.registry.strategy("zzz")
    assert raised.value.fix.startswith("installed: none")


FAMILY = """
from cryptopipe.api import API_VERSION, ExchangeFamily, ExchangePlugin, FeeSchedule, UsageError, VenueId

def make(name):
    if name == "alpha_none":
        raise UsageError("alpha has no none")
    return ExchangePlugin(VenueId(name), API_VERSION, docs="", feed=object, instruments=None, fees=None)

plugin = ExchangeFamily({pattern!r}, API_VERSION, "", make)
"""


def test_a_family_makes_the_venue_that_is_asked_for_once(site: Site) -> None:
    site.exchange("alpha-family", "alpha_*", FAMILY.format(pattern="alpha_*"))
    west = site.registry.exchange("alpha_west")
    assert west.venue == "alpha_west"
    assert site.registry.exchange("alpha_west") is west
    assert site.registry.exchange("alpha_east").venue == "alpha_east"
    assert site.registry.names("exchange") == ("alpha_*",)
    assert site.registry.exchanges() == {}
    with pytest.raises(UsageError, match="alpha has no none"):
        site.registry.exchange("alpha_none")


def test_a_venue_of_its_own_comes_before_a_family(site: Site) -> None:
    site.exchange("alpha-family", "alpha_*", FAMILY.format(pattern="alpha_*"))
    site.exchange("own", "alpha_west", EXCHANGE.format(venue="alpha_west", api=1))
    assert site.registry.exchange("alpha_west") is site.registry.exchanges()["alpha_west"]


@pytest.mark.parametrize(
    ("name", "source", "message"),
    [
        ("alpha_*", FAMILY.format(pattern="beta_*"), "the entry point is named 'alpha_*', the plugin 'beta_*'"),
        ("alpha_*", EXCHANGE.format(venue="alpha_*", api=1), "expected ExchangeFamily, got ExchangePlugin"),
        ("alpha", FAMILY.format(pattern="alpha"), "expected ExchangePlugin, got ExchangeFamily"),
    ],
)
def test_a_family_that_is_none_is_refused(site: Site, name: str, source: str, message: str) -> None:
    site.exchange("odd", name, source)
    error = site.loaded(name).error
    assert error is not None
    assert error.message == message
    with pytest.raises(PluginError):
        site.registry.exchange("alpha_west" if "*" in name else name)


def test_what_a_plugin_brings_is_read_off_it(site: Site) -> None:
    whole = EXCHANGE.replace("fees=None)", "fees=None, dialects=[orders], metadata=object(), source=object)")
    whole = whole.replace(
        "plugin =", "single = frozenset({{Channel.ORDERS}})\norders = Dialect('', '', object, object, single)\nplugin ="
    )
    whole = whole.replace("import API", "import Channel, Dialect, API")
    site.exchange("few", "bitfoo", EXCHANGE.format(venue="bitfoo", api=1))
    site.exchange("many", "bitbar", whole.format(venue="bitbar", api=1))
    assert site.loaded("bitfoo").capabilities == ("feed",)
    assert site.loaded("bitbar").capabilities == ("feed", "metadata", "orders", "source")
