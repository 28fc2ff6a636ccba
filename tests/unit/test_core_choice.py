"""Which core runs is chosen once, by name, and never silently; the stub is the native core's true face.

Enters: `CRYPTOPIPE_USE_CORE`. Leaves: a verdict. Never: a module state changed for other tests (children do the work).
"""

import ast
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

import cryptopipe.core

BUILT = importlib.util.find_spec("cryptopipe.core._rust") is not None
needs_native = pytest.mark.skipif(not BUILT, reason="the native core is not built (CRYPTOPIPE_CORE=require builds it)")
ROOT = Path(cryptopipe.core.__file__).parent.parent.parent


def chosen(wanted: str | None) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "CRYPTOPIPE_USE_CORE"}
    environment |= {} if wanted is None else {"CRYPTOPIPE_USE_CORE": wanted}
    program = "import cryptopipe.core as c; print(c.NAME, c.Book.__module__)"
    return subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_reference_is_always_there() -> None:
    assert chosen("reference").stdout == "reference cryptopipe.core.reference\n"


@needs_native
@pytest.mark.parametrize("wanted", [None, "", "native"])
def test_native_is_the_default_where_it_is_built(wanted: str | None) -> None:
    assert chosen(wanted).stdout == "native cryptopipe.core._rust\n"


@pytest.mark.skipif(BUILT, reason="the native core is built")
def test_native_where_it_is_not_built_is_refused() -> None:
    assert "CoreUnavailable: the native core is not built" in chosen("native").stderr


def test_an_unknown_core_is_refused() -> None:
    assert "CoreUnavailable: CRYPTOPIPE_USE_CORE is 'fast'" in chosen("fast").stderr


@needs_native
def test_the_stub_names_what_the_native_core_has() -> None:
    from cryptopipe.core import _rust, reference

    stub = ast.parse((Path(cryptopipe.core.__file__).parent / "_rust.pyi").read_text())
    for node in stub.body:
        if isinstance(node, ast.FunctionDef):
            assert callable(getattr(_rust, node.name))
        if isinstance(node, ast.ClassDef):
            names = {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
            names |= {
                item.target.id
                for item in node.body
                if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
            }
            public = {name for name in dir(getattr(_rust, node.name)) if not name.startswith("_")}
            assert {name for name in names if not name.startswith("_")} == public, node.name
            if hasattr(reference, node.name) and node.name != "Levels":
                missing = {name for name in vars(getattr(reference, node.name)) if not name.startswith("_")} - public
                assert not missing, node.name


@needs_native
def test_the_build_says_what_it_is() -> None:
    from cryptopipe.core import _rust

    version, binding, profile = _rust.build_info().removeprefix("cryptopipe-core ").split(", ")
    assert version[0].isdigit()
    assert binding == "abi3 from Python 3.11"
    assert profile == "release", "install builds with the release profile"
