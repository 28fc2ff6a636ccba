"""The layers of the configuration and the faults it names."""

import hashlib
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, ConfigDict, SecretStr

from cryptopipe.clock import MILLISECOND, SECOND
from cryptopipe.errors import ConfigError, PluginError, UsageError
from cryptopipe.model.money import plain
from cryptopipe.settings import (
    Flag,
    Loaded,
    Settings,
    compose,
    config_hash,
    effective,
    load_settings,
    render_defaults,
    schema_rows,
)
from cryptopipe.settings.effective import NOT_HASHED
from cryptopipe.settings.kinds import Amount, Duration, duration_text

ROOT = Path(__file__).parents[2]


class Wobble(BaseModel, extra="forbid", frozen=True):
    """A strategy's section, as a plugin declares it."""

    compare_kinds: bool = False
    edge: Decimal = Decimal("1.50")
    api_secret: SecretStr = SecretStr("")


class Staked(BaseModel, extra="forbid"):
    """A section with a mapping that has entries by default."""

    stake: dict[str, Decimal] = {"USDT": Decimal(100), "BTC": Decimal("0.1")}
    hold: dict[str, Duration] = {"BTC": 5 * SECOND}


class Needy(BaseModel, extra="forbid"):
    """A section with a key that has no default."""

    target: int


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No config.yaml of the working directory or the user."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def load(text: str | None = None, environment: dict[str, str] | None = None, **given: Any) -> Loaded:
    if text is not None:
        Path("config.yaml").write_text(text)
    return load_settings(environment=environment or {}, **given)


def fault(text: str | None = None, environment: dict[str, str] | None = None, **given: Any) -> str:
    with pytest.raises(ConfigError) as raised:
        load(text, environment, **given)
    assert raised.value.exit_code == 78
    assert raised.value.fix
    return str(raised.value)


# ---- layers


def test_defaults_stand_without_any_layer() -> None:
    settings = load().settings
    assert settings.risk.max_notional == Decimal(10000)
    assert settings.risk.max_age == 2 * SECOND
    assert settings.paper.latency == 50 * MILLISECOND
    assert settings.risk.max_unproven_notional == 0
    assert settings.opening("anywhere", "BTC") == 2
    assert settings.opening("anywhere", "DOGE") == 0
    assert settings.venue("kraken").taker_fee_bps is None


PRECEDENCE: list[tuple[set[str], str, str]] = [
    (set(), "500", "default"),
    ({"file"}, "1", "config.yaml:2"),
    ({"file", "env"}, "2", "environment CRYPTOPIPE_RISK__MAX_LOSS"),
    ({"file", "env", "set"}, "3", "--set"),
    ({"file", "env", "set", "flag"}, "4", "--max-loss"),
    ({"file", "flag"}, "4", "--max-loss"),
    ({"env"}, "2", "environment CRYPTOPIPE_RISK__MAX_LOSS"),
    ({"set"}, "3", "--set"),
]


@pytest.mark.parametrize(("layers", "expected", "place"), PRECEDENCE)
def test_a_later_layer_wins_and_is_named(layers: set[str], expected: str, place: str) -> None:
    loaded = load(
        "risk:\n  max_loss: 1\n" if "file" in layers else None,
        {"CRYPTOPIPE_RISK__MAX_LOSS": "2"} if "env" in layers else {},
        sets=["risk.max_loss=3"] if "set" in layers else [],
        flags=[Flag("--max-loss", "risk.max_loss", "4")] if "flag" in layers else [],
    )
    assert loaded.settings.risk.max_loss == Decimal(expected)
    assert loaded.place(("risk", "max_loss")) == place
    assert loaded.settings.risk.max_notional == Decimal(10000)


def test_layers_merge_key_by_key() -> None:
    settings = load(
        "venues:\n  kraken: {taker_fee_bps: 30, maker_fee_bps: 10}\npaper: {opening: {BTC: 1}}\n",
        {"CRYPTOPIPE_VENUES__KRAKEN__TAKER_FEE_BPS": "31", "CRYPTOPIPE_PAPER__OPENING__ETH": "7"},
        sets=["venues.binance.taker_fee_bps=2", "paper.venues.kraken.BTC=9"],
    ).settings
    assert settings.venue("kraken").taker_fee_bps == 31
    assert settings.venue("kraken").maker_fee_bps == 10
    assert settings.venue("binance").taker_fee_bps == 2
    assert settings.opening("binance", "BTC") == 1
    assert settings.opening("kraken", "BTC") == 9
    assert settings.opening("kraken", "ETH") == 7
    assert settings.opening("kraken", "USDT") == 100000


def test_a_later_set_wins_over_a_former() -> None:
    assert load(sets=["risk.max_loss=1", "risk.max_loss=2"]).settings.risk.max_loss == 2


def test_null_returns_a_fee_to_the_schedule() -> None:
    text = "venues: {kraken: {taker_fee_bps: 30}}\n"
    assert load(text, sets=["venues.kraken.taker_fee_bps=null"]).settings.venue("kraken").taker_fee_bps is None
    assert load("venues: {kraken: {taker_fee_bps: null}}\n").settings.venue("kraken").taker_fee_bps is None


def test_naming_one_entry_keeps_the_others_and_null_takes_one_out() -> None:
    loaded = load(
        "staked: {stake: {EUR: 7}}\n",
        sets=["staked.stake.USDT=null", "paper.opening.BTC=null", "staked.hold.ETH=1s"],
        strategies={"staked": Staked},
    )
    assert loaded.settings.strategy("staked").stake == {"BTC": Decimal("0.1"), "EUR": Decimal(7)}
    assert loaded.settings.strategy("staked").hold == {"BTC": 5 * SECOND, "ETH": SECOND}
    assert loaded.settings.opening("kraken", "BTC") == 0
    assert loaded.settings.opening("kraken", "ETH") == 30
    assert Staked().stake == {"USDT": Decimal(100), "BTC": Decimal("0.1")}


def test_a_mapping_may_be_given_in_braces() -> None:
    settings = load(sets=["venues={kraken: {enabled: false}}"]).settings
    assert settings.venue("kraken").enabled is False


def test_the_named_file_is_read_instead_of_the_local_one(tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("numeraire: EUR\n")
    loaded = load("numeraire: USD\n", config=other)
    assert (loaded.settings.numeraire, loaded.file) == ("EUR", other)


def test_the_users_file_is_read_where_there_is_no_local_one(tmp_path: Path) -> None:
    folder = tmp_path / "xdg" / "cryptopipe"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("numeraire: EUR\n")
    assert load().settings.numeraire == "EUR"
    assert load("numeraire: USD\n").settings.numeraire == "USD"


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "risk: {}\n"])
def test_an_empty_file_changes_nothing(text: str) -> None:
    assert config_hash(load(text).settings) == config_hash(load().settings)


def test_data_dir_follows_home_and_environment(tmp_path: Path) -> None:
    assert load(sets=["data_dir=~/d"]).settings.data_dir == tmp_path / "home" / "d"
    assert load(environment={"CRYPTOPIPE_DATA_DIR": "/srv/c"}).settings.data_dir == Path("/srv/c")


# ---- exactness


@pytest.mark.parametrize("text", ["0.1", "1e-7", "0.100000000000000001", "123456789.123456789012"])
def test_a_number_of_the_file_is_the_decimal_that_was_written(text: str) -> None:
    assert load(f"risk: {{min_profit: {text}}}\n").settings.risk.min_profit == Decimal(text)


@pytest.mark.parametrize(("text", "nanos"), [("50ms", 50_000_000), ("1.5h", 5400 * SECOND), ("3", 3 * SECOND)])
def test_durations_are_read_from_text(text: str, nanos: int) -> None:
    assert load(f"paper: {{latency: {text}}}\n").settings.paper.latency == nanos


@pytest.mark.parametrize(
    ("nanos", "text"), [(0, "0s"), (1, "1ns"), (1_500_000, "1500us"), (90 * SECOND, "90s"), (3600 * SECOND, "1h")]
)
def test_a_duration_is_written_in_the_largest_whole_unit(nanos: int, text: str) -> None:
    assert duration_text(nanos) == text


@pytest.mark.parametrize(("number", "text"), [("1E+3", "1000"), ("0.500", "0.5"), ("-0.0", "0"), ("100", "100")])
def test_a_decimal_has_one_spelling(number: str, text: str) -> None:
    assert plain(Decimal(number)) == text


# ---- faults

FAULTS = {
    "unknown key": (
        "risk:\n  max_notinal: 5\n",
        "config.yaml:2: risk.max_notinal: unknown key; did you mean 'max_notional'?",
    ),
    "unknown section": ("rsk: {}\n", "config.yaml:1: rsk: unknown key; did you mean 'risk'?"),
    "unknown and not near": ("zzzzzz: 1\n", "config.yaml:1: zzzzzz: unknown key"),
    "not a number": (
        "venues:\n  kraken:\n    taker_fee_bps: cheap\n",
        "config.yaml:3: venues.kraken.taker_fee_bps: input should be a valid decimal; got 'cheap'",
    ),
    "not above zero": (
        "risk: {max_notional: 0}\n",
        "config.yaml:1: risk.max_notional: input should be greater than 0; got '0'",
    ),
    "not finite": (
        "risk: {max_loss: .inf}\n",
        "config.yaml:1: risk.max_loss: input should be a valid decimal; got '.inf'",
    ),
    "not a number either": (
        "risk: {max_loss: NaN}\n",
        "config.yaml:1: risk.max_loss: input should be a finite number; got 'NaN'",
    ),
    "too fine": (
        "risk: {min_profit: 1e-19}\n",
        "config.yaml:1: risk.min_profit: decimal input should have no more than 18 decimal places; got '1e-19'",
    ),
    "not a duration": (
        "risk: {max_age: fast}\n",
        "config.yaml:1: risk.max_age: not a duration such as 30s, 50ms or 1.5h: 'fast'",
    ),
    "a duration of zero": (
        "risk: {max_age: 0s}\n",
        "config.yaml:1: risk.max_age: input should be greater than 0; got '0s'",
    ),
    "not a boolean": (
        "venues: {kraken: {enabled: perhaps}}\n",
        "config.yaml:1: venues.kraken.enabled: "
        "input should be a valid boolean, unable to interpret input; got 'perhaps'",
    ),
    "a section as text": ("risk: high\n", "config.yaml:1: risk: expected keys below it; got 'high'"),
    "a section of nothing": ("risk:\n", "config.yaml:1: risk: expected keys below it; got null"),
    "a list as section": ("risk: [1]\n", "config.yaml:1: risk: expected keys below it"),
    "duplicate key": (
        "risk:\n  max_loss: 1\n  max_loss: 2\n",
        "config.yaml:3: risk.max_loss: duplicate key, first written at config.yaml:2",
    ),
    "duplicate section": (
        "risk: {}\npaper: {}\nrisk: {}\n",
        "config.yaml:3: risk: duplicate key, first written at config.yaml:1",
    ),
    "broken YAML": ("risk: {max_loss: 1\npaper: {}\n", "config.yaml:2: not YAML: expected ',' or '}', but got ':'"),
    "a tab": ("risk:\n\tmax_loss: 1\n", "config.yaml:2: not YAML: found character '\\t' that cannot start any token"),
    "a list": ("- risk\n", "config.yaml:1: expected `section: …` lines"),
    "two documents": ("risk: {}\n---\nrisk: {}\n", "config.yaml:2: not YAML: but found another document"),
    "an alias": (
        "paper: &a {}\nrisk: *a\n",
        "config.yaml:1: risk: an alias (`*name`) is not supported; write the value again",
    ),
    "a tag": (
        "numeraire: !!python/name:os.system x\n",
        "config.yaml:1: numeraire: the tag 'tag:yaml.org,2002:python/name:os.system' is not supported",
    ),
    "a venue's spelling": (
        "venues: {Kraken: {}}\n",
        "config.yaml:1: venues.Kraken: string should match pattern '^[a-z][a-z0-9_]{0,31}$'; got 'Kraken'",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_the_file_is_named_with_its_line(name: str) -> None:
    text, expected = FAULTS[name]
    assert fault(text) == expected


def test_a_file_that_is_no_text_is_refused() -> None:
    Path("config.yaml").write_bytes(b"risk: \xff\n")
    assert fault().startswith("config.yaml: not YAML text in UTF-8: ")


def test_a_missing_named_file_is_refused() -> None:
    assert fault(config=Path("no.yaml")) == "no.yaml: no such file"


ENVIRONMENT_FAULTS = {
    "CRYPTOPIPE_RISKK": ("1", "environment CRYPTOPIPE_RISKK: riskk: unknown key; did you mean 'risk'?"),
    "CRYPTOPIPE_RISK__MAX_LOS": (
        "1",
        "environment CRYPTOPIPE_RISK__MAX_LOS: risk.max_los: unknown key; did you mean 'max_loss'?",
    ),
    "CRYPTOPIPE_RISK__MAX_LOSS": (
        "much",
        "environment CRYPTOPIPE_RISK__MAX_LOSS: risk.max_loss: input should be a valid decimal; got 'much'",
    ),
    "CRYPTOPIPE_RISK__": ("1", "environment CRYPTOPIPE_RISK__: names no setting: an empty part between `__`"),
    "CRYPTOPIPE_DATADIR": ("/x", "environment CRYPTOPIPE_DATADIR: datadir: unknown key; did you mean 'data_dir'?"),
}


@pytest.mark.parametrize("variable", ENVIRONMENT_FAULTS)
def test_a_fault_of_the_environment_is_named(variable: str) -> None:
    value, expected = ENVIRONMENT_FAULTS[variable]
    assert fault(environment={variable: value}) == expected


def test_variables_of_build_core_and_tests_are_not_settings() -> None:
    names = ("CRYPTOPIPE_RECORDINGS", "CRYPTOPIPE_REFERENCE", "CRYPTOPIPE_CORE", "CRYPTOPIPE_USE_CORE")
    assert load(environment=dict.fromkeys(names, "x") | {"PATH": "/bin"}).settings == load().settings


def test_a_set_without_equals_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match=r"^--set: expected KEY=VALUE, got 'risk.max_loss'$") as raised:
        load(sets=["risk.max_loss"])
    assert raised.value.exit_code == 2


def test_all_faults_of_a_load_are_listed() -> None:
    told = fault(
        "risk:\n  max_los: 1\n  max_age: fast\nrisk: {}\n", {"CRYPTOPIPE_X": "1"}, sets=["paper.latency=slow"]
    ).splitlines()
    assert [line.split(": ")[0] for line in told] == [
        "--set",
        "config.yaml:2",
        "config.yaml:3",
        "config.yaml:4",
        "environment CRYPTOPIPE_X",
    ]


def test_a_venue_that_is_not_installed_is_refused() -> None:
    told = fault(sets=["venues.krakn.taker_fee_bps=2"], installed_venues=["kraken", "binance"])
    assert told == "--set: venues.krakn: no such venue is installed; did you mean 'kraken'?"
    told = fault(sets=["paper.venues.x.BTC=2"], installed_venues=["kraken"])
    assert told == "--set: paper.venues.x: no such venue is installed"


# ---- strategies


def test_a_strategys_section_is_part_of_the_settings() -> None:
    loaded = load("wobble:\n  compare_kinds: true\n", sets=["wobble.edge=2"], strategies={"wobble": Wobble})
    assert loaded.settings.strategy("wobble") == Wobble(compare_kinds=True, edge=Decimal(2))
    assert loaded.settings.risk == load("").settings.risk
    assert loaded.place(("wobble", "compare_kinds")) == "config.yaml:2"


def test_a_fault_in_a_strategys_section_is_named() -> None:
    told = fault("wobble:\n  compare_kind: true\n", strategies={"wobble": Wobble})
    assert told == "config.yaml:2: wobble.compare_kind: unknown key; did you mean 'compare_kinds'?"
    assert fault("", strategies={"needy": Needy}) == "default: needy.target: required and not given"


def test_a_section_of_a_strategy_that_is_not_installed_is_refused() -> None:
    told = fault("wobbel: {}\n", strategies={}, installed_strategies=["wobble"])
    assert told == "config.yaml:1: wobbel: unknown key; did you mean 'wobble'?"


def test_a_section_of_an_installed_strategy_not_asked_for_is_passed_over() -> None:
    text = "wobble: {anything: 1}\n"
    assert load(text, installed_strategies=["wobble"]).settings == load("").settings


@pytest.mark.parametrize("name", ["risk", "venues", "model_fields", "strategy", "Upper", "two-words"])
def test_a_strategy_may_not_take_the_name_of_a_section(name: str) -> None:
    with pytest.raises(PluginError, match="cannot be a section"):
        compose({name: Wobble})


def test_settings_of_a_strategy_that_was_not_loaded_are_an_error() -> None:
    with pytest.raises(KeyError, match="wobble"):
        load().settings.strategy("wobble")


def test_a_secret_is_never_shown() -> None:
    secret = "hunter2-hunter2"
    loaded = load(sets=[f"wobble.api_secret={secret}"], strategies={"wobble": Wobble})
    assert loaded.settings.strategy("wobble").api_secret.get_secret_value() == secret
    assert secret not in json.dumps(effective(loaded.settings)) + repr(loaded.settings)
    told = fault(sets=[f"wobble.api_secret={{{secret}: 1}}"], strategies={"wobble": Wobble})
    assert told == "--set: wobble.api_secret: not acceptable (a secret's value is not shown)"


# ---- what is in force


def test_the_hash_is_over_values_not_spellings_and_not_paths(tmp_path: Path) -> None:
    base = config_hash(load().settings)
    assert config_hash(load(sets=["risk.max_loss=500.00", "risk.max_age=2000ms"]).settings) == base
    assert config_hash(load(sets=[f"data_dir={tmp_path}"]).settings) == base
    assert config_hash(load(sets=["risk.max_loss=500.01"]).settings) != base
    assert config_hash(load(sets=["venues.kraken.taker_fee_bps=1"]).settings) != base


def test_the_hash_of_a_strategys_plain_decimals_ignores_their_spelling() -> None:
    hashes = {
        config_hash(load(sets=[f"wobble.edge={text}"], strategies={"wobble": Wobble}).settings)
        for text in ("2", "2.0", "20e-1")
    }
    assert len(hashes) == 1


def test_the_hash_is_sha256_of_canonical_json() -> None:
    values = effective(load().settings)
    for name in NOT_HASHED:
        del values[name]
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":"))
    assert config_hash(load().settings) == hashlib.sha256(canonical.encode()).hexdigest()


def test_the_order_of_a_strategys_mapping_may_decide_and_is_hashed() -> None:
    class Staked(BaseModel):
        model_config = ConfigDict(extra="forbid", frozen=True)
        stake: dict[str, Decimal] = {}

    one, other = (
        load(sets=[f"wobble.stake.{asset}=1" for asset in order], strategies={"wobble": Staked}).settings
        for order in (("A", "B"), ("B", "A"))
    )
    assert config_hash(one) != config_hash(other)


def test_what_is_in_force_reads_back_to_itself() -> None:
    settings = load(sets=["paper.latency=1.5s", "risk.min_profit=0.10", "venues.kraken.maker_fee_bps=-1"]).settings
    assert load(yaml.safe_dump(effective(settings))).settings == settings


def test_settings_do_not_change() -> None:
    settings = load().settings
    with pytest.raises(ValueError, match="frozen"):
        settings.risk.max_loss = Decimal(1)


def test_config_yaml_is_the_rendered_defaults() -> None:
    """To mend: python -c 'from cryptopipe.settings import *; print(render_defaults(), end="")' > config.yaml"""
    assert (ROOT / "config.yaml").read_text(encoding="utf-8") == render_defaults()


def test_the_rendered_defaults_are_the_defaults() -> None:
    assert effective(load(render_defaults()).settings) == effective(load_settings(environment={}).settings)
    assert load(render_defaults()).settings == Settings()


def test_every_key_has_a_description_and_a_type() -> None:
    rows = {row.path: row for row in schema_rows(compose({"wobble": Wobble, "needy": Needy}))}
    assert rows["risk.max_age"][1:3] == ("duration", "2s")
    assert rows["venues.<name>.taker_fee_bps"][1:3] == ("decimal or null", "null")
    assert rows["wobble.edge"][1:3] == ("decimal", "1.5")
    assert rows["needy.target"][1:3] == ("integer", None)
    framework = [row for row in rows.values() if not row.path.startswith(("wobble", "needy"))]
    assert all(row.description for row in framework)


def test_kinds_of_values_are_free_for_strategies() -> None:
    class Timed(BaseModel, extra="forbid"):
        hold: Duration = 5 * SECOND
        size: Amount = Decimal(1)

    rows = {row.path: row for row in schema_rows(compose({"timed": Timed}))}
    assert (rows["timed.hold"].type, rows["timed.size"].type) == ("duration", "decimal")
    assert load(sets=["timed.hold=7ms"], strategies={"timed": Timed}).settings.strategy("timed").hold == 7 * MILLISECOND


def test_every_value_in_force_has_a_place() -> None:
    class Staked(BaseModel):
        model_config = ConfigDict(extra="forbid", frozen=True)
        stake: dict[str, Decimal] = {"A": Decimal(1)}

    loaded = load(strategies={"wobble": Staked})
    assert loaded.place(("wobble", "stake", "A")) == "default"
    named = load(sets=["wobble.stake.B=2"], strategies={"wobble": Staked})
    assert named.place(("wobble", "stake", "A")) == "default"
    assert named.place(("wobble", "stake", "B")) == "--set"


def test_assets_are_a_list_with_commas_and_one_alone_is_refused_in_plain_words() -> None:
    assert load(sets=["assets=BTC, USDT"]).settings.assets == ("BTC", "USDT")
    assert load(sets=["assets=[BTC, USDT]"]).settings.assets == ("BTC", "USDT")
    for one in ("XYZ", "[XYZ]", ""):
        with pytest.raises(ConfigError, match="--set: assets: expected at least two assets, such as BTC,USDT"):
            load(sets=[f"assets={one}"])


# Keys

KEY = {
    "CRYPTOPIPE_KEYS__FOO__KEY": "k-4711",
    "CRYPTOPIPE_KEYS__FOO__SECRET": "s-4711",
    "CRYPTOPIPE_KEYS__FOO__PASSPHRASE": "p-4711",
}


def test_a_key_is_read_from_the_environment_and_shown_by_nothing() -> None:
    loaded = load(environment=KEY)
    own = loaded.settings.credentials("foo")
    assert own is not None and (own.key, own.secret, own.passphrase) == ("k-4711", "s-4711", "p-4711")
    assert loaded.settings.credentials("bar") is None
    assert effective(loaded.settings)["keys"] == {"foo": {"key": "***", "secret": "***", "passphrase": "***"}}
    for shown in (loaded.settings, effective(loaded.settings), own, loaded):
        assert "4711" not in repr(shown)
    assert config_hash(loaded.settings) == config_hash(load().settings)


def test_a_key_is_read_from_the_file() -> None:
    own = load("keys:\n  foo:\n    key: k-4711\n    secret: s-4711\n").settings.credentials("foo")
    assert own is not None and (own.key, own.secret, own.passphrase) == ("k-4711", "s-4711", "")


@pytest.mark.parametrize(
    ("text", "sets", "expected"),
    [
        ("", ["keys.foo.secret=s-4711"], "keys: not on the command line"),
        ("", ["keys={foo: {key: k-4711, secret: s-4711}}"], "keys: not on the command line"),
        ("keys:\n  foo:\n    key: [s-4711]\n    secret: s-4711\n", [], "keys.foo.key: not acceptable"),
        ("keys:\n  foo:\n    secret: s-4711\n", [], "keys.foo.key: "),
        ("keys:\n  foo: s-4711\n", [], "keys.foo"),
        ("keys:\n  Foo:\n    key: k-4711\n    secret: s-4711\n", [], "keys.Foo"),
        ("keys: s-4711\n", [], "keys: "),
        ("keys:\n  foo:\n    secret: *s-4711\n", [], "config.yaml:3: not YAML: found undefined alias"),
        ("keys:\n  foo:\n    secret: !s!4711\n", [], "config.yaml:3: not YAML: found undefined tag handle"),
        ("keys:\n  foo:\n    secret: !s-4711\n", [], "keys.foo.secret: a tag (`!name`) is not supported"),
    ],
)
def test_a_key_that_is_refused_is_not_echoed(text: str, sets: list[str], expected: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(text, sets=sets)
    assert expected in str(refused.value) and "4711" not in str(refused.value)


def test_instruments_of_single_orders_are_listed_by_venue_and_symbol() -> None:
    assert load(sets=["orders=foo:XY-USD, bar:linear:XYUSD"]).settings.orders == ("foo:XY-USD", "bar:linear:XYUSD")
    with pytest.raises(ConfigError, match="orders"):
        load(sets=["orders=XYUSD"])


def test_a_key_or_an_order_book_of_a_venue_that_is_not_installed_is_told() -> None:
    assert "orders: 'fop': no such venue is installed; did you mean 'foo'?" in fault(
        sets=["orders=foo:XY,fop:XY"], installed_venues=["foo"]
    )
    told = fault(environment={**KEY, "CRYPTOPIPE_KEYS__FOP__KEY": "k-4711"}, installed_venues=["foo"])
    assert "keys.fop: no such venue is installed" in told and "4711" not in told
