"""Writes a plugin that works: the samples of the documentation under another name.

Enters: a name, what kind of plugin, a folder. Leaves: a distribution that passes the conformance kit as it stands.
Never: a file that was there before is touched.
"""

import keyword
import re
import sys
from collections.abc import Collection, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Literal

from cryptopipe.errors import UsageError

Kind = Literal["exchange", "simple", "strategy"]
"""`simple`: an exchange of an address, a subscription and a function."""

_FIX = "a name such as alpha or alpha_futures: a-z, 0-9 and _, a letter first, at most 40 of them"
_TEMPLATES: Mapping[Kind, tuple[str, str]] = {
    "exchange": ("exchange.py.tmpl", "exchange_test.py.tmpl"),
    "simple": ("simple.py.tmpl", "exchange_test.py.tmpl"),
    "strategy": ("strategy.py.tmpl", "strategy_test.py.tmpl"),
}


def package(name: str, kind: Kind) -> dict[str, str]:
    """The files of a new distribution by their paths in its folder. Raises `UsageError` for a name that cannot be."""
    _check_name(name)
    module, test = _TEMPLATES[kind]
    made = {
        "pyproject.toml": _project(kind),
        f"cryptopipe_{name}.py": _template(module),
        f"test_{name}.py": _template(test),
    }
    frames = files(__name__).joinpath("frames")
    for frame in () if kind == "strategy" else sorted(frames.iterdir(), key=lambda one: one.name):
        made[f"frames/{frame.name}"] = frame.read_text("utf-8")
    return {path: _renamed(text, "nothing" if kind == "strategy" else "bitfoo", name) for path, text in made.items()}


def write(name: str, kind: Kind, folder: Path, taken: Collection[str]) -> list[Path]:
    """Writes it into `folder`/cryptopipe-`name`; the paths. `taken` are names of plugins that are installed.

    Raises `UsageError` for a bad name, one that is taken, or a folder that is there.
    """
    made = package(name, kind)
    target = folder / f"cryptopipe-{name.replace('_', '-')}"
    if name in taken:
        raise UsageError(f"a plugin {name!r} is installed already", where="plugins new", fix="choose another name")
    if target.exists():
        raise UsageError(f"{target} exists already", where="plugins new", fix="choose another name, or remove it first")
    for path, text in made.items():
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_text(text, encoding="utf-8")
    return [target / path for path in made]


def _check_name(name: str) -> None:
    if re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name) is None or name.endswith("_") or "__" in name:
        raise UsageError(f"{name!r} is no name of a plugin", where="plugins new", fix=_FIX)
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise UsageError(f"{name!r} is a word of Python's own", where="plugins new", fix=_FIX)
    if name in sys.stdlib_module_names:
        raise UsageError(f"{name!r} is a module of Python's own", where="plugins new", fix=_FIX)


def _template(name: str) -> str:
    return files(__name__).joinpath(name).read_text("utf-8")


def _project(kind: Kind) -> str:
    text = _template("pyproject.toml.tmpl")
    if kind == "strategy":
        text = text.replace('"cryptopipe.exchanges"', '"cryptopipe.strategies"').replace(":plugin", ":strategy")
        text = text.replace("bitfoo", "nothing")
    return text


def _renamed(text: str, sample: str, name: str) -> str:
    title = "".join(part.title() for part in name.split("_"))
    text = text.replace(f"cryptopipe-{sample}", f"cryptopipe-{name.replace('_', '-')}")
    return text.replace(sample.title(), title).replace(sample, name)
