"""One class of ccxt, loaded without the whole package, which takes seconds to import.

Enters: the id of an exchange. Leaves: its synchronous class. Never: an entry of ours under ccxt's name in
`sys.modules`: whoever imports ccxt, at any time and in any thread, gets the real one.
"""

import builtins
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from cryptopipe.errors import PluginError

_REAL = "ccxt"
_OURS = "_cryptopipe_ccxt"
"""Under this name the files of the package stand beside it; what they import as `ccxt.…` is theirs, not the real."""


def exchange_class(ccxt_id: str) -> Any:
    """The class of one exchange. Raises `PluginError` where ccxt is not installed or has no such exchange."""
    if _OURS not in sys.modules:
        _found()  # without ccxt no finder is left behind
        if not any(isinstance(one, _Finder) for one in sys.meta_path):
            sys.meta_path.insert(0, _Finder())
    try:
        return getattr(import_module(f"{_OURS}.{ccxt_id}"), ccxt_id)
    except (ModuleNotFoundError, AttributeError) as error:
        if getattr(error, "name", "") not in (f"{_OURS}.{ccxt_id}", ccxt_id):
            raise
        raise PluginError(f"ccxt has no exchange {ccxt_id!r}", where="actions") from None


def error_classes() -> Mapping[str, Any]:
    """ccxt's errors by name, those that a class of `exchange_class` raises."""
    return vars(import_module(f"{_OURS}.base.errors"))


def _found() -> ModuleSpec:
    spec = find_spec(_REAL)
    if spec is None or not spec.submodule_search_locations:
        raise PluginError("ccxt signs these orders, and is not installed", fix="pip install ccxt")
    return spec


class _Finder(MetaPathFinder):
    """Finds the files of ccxt under our name."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The package itself is empty: its own `__init__` imports every exchange."""
        if name == _OURS:
            package = ModuleSpec(name, None, is_package=True)
            package.submodule_search_locations = list(_found().submodule_search_locations or ())
            return package
        if not name.startswith(f"{_OURS}."):
            return None
        found = PathFinder.find_spec(name, path)
        if found is not None and isinstance(found.loader, SourceFileLoader):
            found.loader = _Loader(found.loader.name, found.loader.path)
        return found


class _Loader(SourceFileLoader):
    """Runs a file with an import statement that knows the package by our name."""

    def exec_module(self, module: ModuleType) -> None:
        vars(module)["__builtins__"] = {**vars(builtins), "__import__": _import}
        super().exec_module(module)


def _import(
    name: str,
    globals: Mapping[str, object] | None = None,
    locals: Mapping[str, object] | None = None,
    fromlist: Sequence[str] | None = (),
    level: int = 0,
) -> ModuleType:
    ours = not level and (name == _REAL or name.startswith(f"{_REAL}."))
    return builtins.__import__(_OURS + name[len(_REAL) :] if ours else name, globals, locals, fromlist or (), level)
