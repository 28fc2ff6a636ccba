"""`plugins new` and the tier of a certificate: what is written, what is refused, what is remembered."""

import json
import re
from pathlib import Path

import pytest

from cryptopipe.cli import main
from cryptopipe.cli.plugin_test import kept_tier, lines
from cryptopipe.errors import UsageError
from cryptopipe.scaffold import Kind, package, write

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Bitfoo", "no name of a plugin"),
        ("bit-foo", "no name of a plugin"),
        ("1foo", "no name of a plugin"),
        ("", "no name of a plugin"),
        ("../foo", "no name of a plugin"),
        ("foo_", "no name of a plugin"),
        ("a__b", "no name of a plugin"),
        ("x" * 41, "no name of a plugin"),
        ("class", "a word of Python's own"),
        ("match", "a word of Python's own"),
        ("json", "a module of Python's own"),
    ],
)
def test_a_name_that_cannot_be_is_refused(name: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"{re.escape(repr(name))} is {why}"):
        write(name, "exchange", tmp_path, ())
    assert list(tmp_path.iterdir()) == []


def test_nothing_that_is_there_is_touched(tmp_path: Path) -> None:
    mine = tmp_path / "cryptopipe-alpha" / "cryptopipe_alpha.py"
    mine.parent.mkdir()
    mine.write_text("mine")
    with pytest.raises(UsageError, match="cryptopipe-alpha exists already"):
        write("alpha", "exchange", tmp_path, ())
    assert mine.read_text() == "mine" and list(mine.parent.iterdir()) == [mine]
    with pytest.raises(UsageError, match="a plugin 'beta' is installed already"):
        write("beta", "exchange", tmp_path, ("beta",))


@pytest.mark.parametrize("kind", ["exchange", "simple", "strategy"])
def test_the_sample_is_gone_from_what_is_written(kind: Kind) -> None:
    made = package("alpha_futures", kind)
    assert "cryptopipe_alpha_futures.py" in made and "test_alpha_futures.py" in made
    assert 'name = "cryptopipe-alpha-futures"' in made["pyproject.toml"]
    for path, text in made.items():
        assert not re.search("bitfoo|cryptopipe_nothing|Nothing", text), path
    module = made["cryptopipe_alpha_futures.py"]
    compile(module, "module", "exec")
    assert len(module.splitlines()) < 80 and len(made["test_alpha_futures.py"].splitlines()) < 10


def test_a_simple_source_takes_fewer_lines() -> None:
    long, short = (package("alpha", kind)["cryptopipe_alpha.py"] for kind in ("exchange", "simple"))  # type: ignore[arg-type]
    assert len(short.splitlines()) <= len(long.splitlines()) * 0.6


def test_the_sample_of_the_documentation_is_the_one_that_is_written() -> None:
    sample = ROOT / "tests" / "packaging" / "thirdparty"
    exchange, strategy = package("bitfoo", "exchange"), package("nothing", "strategy")
    assert exchange["cryptopipe_bitfoo.py"] == (sample / "cryptopipe_bitfoo.py").read_text("utf-8")
    assert exchange["test_bitfoo.py"] == (sample / "test_bitfoo.py").read_text("utf-8")
    assert strategy["cryptopipe_nothing.py"] == (sample / "cryptopipe_nothing.py").read_text("utf-8")
    frames = {path.name: path.read_text("utf-8") for path in (ROOT / "tests" / "conformance" / "frames").iterdir()}
    assert {path.removeprefix("frames/"): text for path, text in exchange.items() if "frames/" in path} == frames


def test_the_command_writes_and_says_what(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["plugins", "new", "alpha", "--kind", "strategy", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["name"], told["kind"], told["folder"]) == ("alpha", "strategy", "cryptopipe-alpha")
    assert {str(path.relative_to("cryptopipe-alpha")) for path in Path("cryptopipe-alpha").iterdir()} == {
        *told["files"]
    }
    assert main(["plugins", "new", "alpha"]) == 2
    assert "cryptopipe-alpha exists already" in capsys.readouterr().err
    assert main(["plugins", "new", "beta", "--kind", "strategy", "--simple"]) == 2
    assert main(["plugins", "new", "arbitrage"]) == 2
    assert "installed already" in capsys.readouterr().err


def test_an_unknown_plugin_is_named_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["plugins", "test", "arbitrag"]) == 2
    assert "unknown plugin 'arbitrag'; did you mean 'arbitrage'?" in capsys.readouterr().err
    (tmp_path / "cryptopipe-alpha").mkdir()
    assert main(["plugins", "test", "alpha"]) == 2
    assert "`python -m pip install ./cryptopipe-alpha` first" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "tier"),
    [
        ('{"version": "1.0", "tier": "silver"}', "silver"),
        ('{"version": "0.9", "tier": "gold"}', None),
        ('{"version": "1.0", "tier": null}', None),
        ('{"version": "1.0"', None),
        ("[]", None),
    ],
)
def test_a_certificate_counts_for_its_own_version(tmp_path: Path, text: str, tier: str | None) -> None:
    (tmp_path / "alpha.json").write_text(text)
    assert kept_tier(tmp_path, "alpha", "1.0") == tier
    assert kept_tier(tmp_path, "beta", "1.0") is None


def test_a_certificate_is_a_line_a_check() -> None:
    checks = [
        {"check": "1 purity", "outcome": "passed", "counts": "3 modules", "why": ""},
        {"check": "12 metadata", "outcome": "not applicable", "counts": "", "why": "alpha reads none"},
    ]
    told = {"plugin": "alpha", "version": "1.0", "tier": None, "versions": {"python": "3.11"}, "checks": checks}
    assert lines(told) == [
        "alpha 1.0: no tier (python 3.11)",
        "  1 purity             passed          3 modules",
        " 12 metadata           not applicable  alpha reads none",
    ]
