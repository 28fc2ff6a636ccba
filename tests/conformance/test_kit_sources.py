"""What the kit demands of a plugin with a source: pure beside it, and without rules only where nothing is traded."""

import importlib
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from textwrap import dedent
from types import ModuleType

import pytest
from conformance.bitfoo import BitFooFeed, make

from cryptopipe import api
from cryptopipe.testing.declared import judge_declared
from cryptopipe.testing.purity import forbidden_in, home_of, plugin_modules

SOURCE = "import asyncio\n\nasync def frames(url):\n    yield b''\n"
FEED = "class Feed:\n    pass\n"
MAKES = "from madeup.feed import Feed\nfrom madeup.source import frames\n"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty package `madeup`, forgotten afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    folder = tmp_path / "madeup"
    folder.mkdir()
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "madeup"]:
        del sys.modules[name]


def made(folder: Path, **modules: str) -> ModuleType:
    for name, text in {"__init__": MAKES, "source": SOURCE, **modules}.items():
        (folder / f"{name}.py").write_text(dedent(text), encoding="utf-8")
    return importlib.import_module("madeup")


def judged(plugin: ModuleType) -> list[str]:
    modules = plugin_modules(plugin.Feed(), source=plugin.frames)
    return [what for path in modules for what in forbidden_in(path)]


def test_only_the_module_of_the_source_may_do_io(package: Path) -> None:
    made(package, feed="from madeup import wire\n" + FEED, wire="import socket\n")
    plugin = sys.modules["madeup"]
    assert judged(plugin) == ["wire.py:1: imports socket"]
    assert [path.name for path in plugin_modules(plugin.Feed(), source=plugin.frames)] == [
        "__init__.py", "feed.py", "wire.py",
    ]  # fmt: skip
    assert plugin_modules(plugin.Feed())[-2].name == "source.py", "without a source nothing is left out"


@pytest.mark.parametrize(
    "imported", ["from madeup.source import frames", "from . import source", "import madeup.source"]
)
def test_a_pure_module_does_not_import_the_source(package: Path, imported: str) -> None:
    plugin = made(package, feed=f"{imported}\n{FEED}")
    with pytest.raises(AssertionError, match=r"madeup\.feed, line 1: imports madeup\.source, where the source"):
        judged(plugin)


@pytest.mark.parametrize(
    "late",
    [
        "def late():\n    from madeup.source import frames\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from madeup.source import frames\n",
    ],
)
def test_late_it_may(package: Path, late: str) -> None:
    assert judged(made(package, feed=late + FEED)) == []


def test_a_class_body_is_not_late(package: Path) -> None:
    plugin = made(package, feed=f"class Early:\n    from madeup.source import frames\n{FEED}")
    with pytest.raises(AssertionError, match=r"madeup\.feed, line 2"):
        judged(plugin)


def test_the_source_does_not_live_beside_the_codec(package: Path) -> None:
    plugin = made(package, __init__="from madeup.source import Feed, frames\n", source=SOURCE + FEED)
    with pytest.raises(AssertionError, match=r"^madeup\.source holds the source and what must be pure"):
        judged(plugin)


def test_a_relative_import_is_followed(package: Path) -> None:
    assert judged(made(package, feed="from .wire import x\n" + FEED, wire="import random\nx = 1\n")) == [
        "wire.py:1: imports random"
    ]


def test_a_source_may_be_bound_to_arguments(package: Path) -> None:
    plugin = made(package, feed=FEED)
    assert home_of(partial(partial(plugin.frames), "x")) == "madeup.source"
    assert home_of(None) == ""


class Unruled:
    def listed(self) -> list[api.Instrument]:
        return [self.find("btcusdt")]

    def find(self, symbol: str) -> api.Instrument:
        if symbol != "btcusdt":
            raise api.ProtocolError(f"not listed: {symbol}", where="bitfoo")
        return api.Instrument(api.VenueId("bitfoo"), symbol, api.Asset("BTC"), api.Asset("USDT"))


class Unproven(BitFooFeed):
    rule = api.SyncRule(api.Proof.NONE, api.apply_always, api.apply_always, snapshot_by_request=False)


async def frames(url: str) -> AsyncIterator[bytes]:
    yield b""


def test_only_what_is_watched_may_be_without_rules() -> None:
    told = "bitfoo:btcusdt is listed without rules"
    with pytest.raises(AssertionError, match=told):
        judge_declared(replace(make(), instruments=Unruled()), "")
    with pytest.raises(AssertionError, match=told):
        judge_declared(replace(make(Unproven), instruments=Unruled()), "")
    with pytest.raises(AssertionError, match=told):
        judge_declared(replace(make(), instruments=Unruled(), source=frames), "")
    assert judge_declared(replace(make(Unproven), instruments=Unruled(), source=frames), "").startswith("1 instruments")
