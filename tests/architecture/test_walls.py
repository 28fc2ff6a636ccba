"""Who may know whom: venues, plugins, the author's window, both ends of a wire."""

import ast
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from architecture.sources import FRAMEWORK, PLUGINS, ROOT, Source, sources

VENUES = re.compile("binance|kraken|coinbase|bybit|okx|gemini|bitstamp|bitfinex", re.IGNORECASE)

LIBRARIES_OF_PLUGINS = {"plugins": {"msgspec"}, "strategies": {"msgspec", "numpy", "pydantic"}}
"""Beside the standard library and `cryptopipe.api`; a strategy's settings are a pydantic model, the
window's columns numpy arrays."""
LIBRARIES_OF_FILES = {"plugins/cryptopipe_ccxt/source.py": {"ccxt"}}
"""A plugin's `Source` runs somebody else's client; no codec does."""


def _project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def _names(source: Source) -> list[str]:
    lines = enumerate(source.text.splitlines(), 1)
    return [f"{source.path}:{at}: {line.strip()}" for at, line in lines if VENUES.search(line)]


def test_the_framework_names_no_venue() -> None:
    assert [found for source in sources(*FRAMEWORK) for found in _names(source)] == []


def test_no_file_of_the_framework_is_named_after_a_venue() -> None:
    assert [source.path for source in sources(*FRAMEWORK) if VENUES.search(Path(source.path).name)] == []


@pytest.mark.parametrize("source", sources(*PLUGINS), ids=lambda source: source.path)
def test_a_plugin_imports_only_the_window(source: Source) -> None:
    folder, own, *_ = Path(source.path).parts
    allowed = (
        LIBRARIES_OF_PLUGINS[folder] | {own} | sys.stdlib_module_names | LIBRARIES_OF_FILES.get(source.path, set())
    )
    for line, name in source.imports():
        window = name == "cryptopipe.api" or name.startswith("cryptopipe.api.")
        assert window or name.split(".")[0] in allowed, f"{source.path}:{line} imports {name}"


@pytest.mark.parametrize("closed", ["cryptopipe.api", "cryptopipe.testing"])
def test_nothing_inside_imports_the_window_or_the_kit(closed: str) -> None:
    inside = [one for one in sources(*FRAMEWORK) if not one.path.startswith("cryptopipe/testing/")]
    imports = [(source.path, line, name) for source in inside for line, name in source.imports()]
    assert [f"{path}:{line}" for path, line, name in imports if f"{name}.".startswith(f"{closed}.")] == []


@pytest.mark.parametrize("source", sources("plugins"), ids=lambda source: source.path)
def test_both_ends_of_a_wire_are_strangers(source: Source) -> None:
    name = Path(source.path).stem
    other = "sandbox" if name.startswith("feed") else "feed" if name.startswith("sandbox") else None
    if other:
        own = Path(source.path).parts[1]
        for line, imported in source.imports():
            assert not imported.startswith(f"{own}.{other}"), f"{source.path}:{line} imports {imported}"


def test_every_part_of_the_framework_has_its_layer() -> None:
    contracts = _project()["tool"]["importlinter"]["contracts"]
    layers = {name.strip() for contract in contracts for row in contract.get("layers", ()) for name in row.split("|")}
    parts = {f"cryptopipe.{path.stem}" for path in (ROOT / "cryptopipe").iterdir() if _is_part(path)}
    assert parts - layers == set()


def _is_part(path: Path) -> bool:
    return (path / "__init__.py").is_file() or (path.suffix == ".py" and not path.stem.startswith("__"))


def test_every_plugin_is_an_entry_point_and_is_checked() -> None:
    project = _project()
    folders = {path.name for root in PLUGINS for path in (ROOT / root).iterdir() if path.name.startswith("cryptopipe_")}
    points = project["project"]["entry-points"]
    named = {value.split(":")[0] for group in points.values() for value in group.values()}
    assert named == folders
    assert folders <= set(project["tool"]["mypy"]["packages"])
    assert folders <= set(project["tool"]["importlinter"]["root_packages"])


def test_async_lives_in_drivers_app_and_web() -> None:
    homes = ("cryptopipe/drivers/", "cryptopipe/app.py", "cryptopipe/web/")
    assert [
        f"{source.path}:{node.lineno} {node.name}"
        for source in sources(*FRAMEWORK)
        if not source.path.startswith(homes)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.AsyncFunctionDef)
    ] == []
