"""Catches a codec that opens a socket, reads a clock or rolls dice.

Enters: the modules of a plugin, or a piece of work to do. Leaves: what is forbidden and was found, in words. Never: a
patched function left behind.
"""

import ast
import builtins
import os
import random
import secrets
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import resolve_name
from pathlib import Path
from typing import Any

from cryptopipe.testing.checks import Impure, require

FORBIDDEN = frozenset(
    {"aiohttp", "asyncio", "concurrent", "ctypes", "http", "httpx", "logging", "multiprocessing", "random", "requests"}
    | {"secrets", "select", "selectors", "sched", "signal", "socket", "socketserver", "ssl", "structlog", "subprocess"}
    | {"threading", "time", "urllib3", "uuid", "websockets"}
)
"""Modules that no codec needs: I/O, clocks, chance, threads, logs."""

_CLOCKS = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today")}
_ENVIRONMENT = {("os", "environ"), ("os", "environb"), ("os", "getenv"), ("os", "getenvb")}
_TRAPS: tuple[tuple[Any, str], ...] = (
    (socket, "socket"),
    (socket, "create_connection"),
    (socket, "getaddrinfo"),
    *((time, name) for name in ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns")),
    (time, "sleep"),
    *((random, name) for name in ("random", "randint", "randrange", "choice", "uniform", "getrandbits", "Random")),
    (secrets, "token_bytes"),
    (secrets, "token_hex"),
    (os, "urandom"),
    (builtins, "open"),
)


@contextmanager
def trapped() -> Iterator[list[str]]:
    """While open, sockets, clocks and chance raise, and are named in the list even if the caller swallows that."""
    found: list[str] = []

    def trap(name: str) -> Callable[..., Any]:
        def raises(*args: Any, **kwargs: Any) -> Any:
            found.append(name)
            raise Impure(name)

        return raises

    saved = [(owner, name, getattr(owner, name)) for owner, name in _TRAPS]
    try:
        for owner, name, _ in saved:
            setattr(owner, name, trap(f"{owner.__name__}.{name}"))
        yield found
    finally:
        for owner, name, value in saved:
            setattr(owner, name, value)


def plugin_modules(*parts: object, source: object = None) -> list[Path]:
    """The sources that these parts of a plugin are made of: their own modules, and what those import of its package.

    A part is an object, a class or a function; what the framework itself brings is not looked at, nor the module that
    `source` lives in, which is there to do I/O. Raises `AssertionError` where a part lives in that module too, or where
    one other than the package's own imports it outside a function.
    """
    named = {getattr(part, "__module__", None) or type(part).__module__ for part in parts if part is not None}
    home = home_of(source)
    require(home not in named, f"{home} holds the source and what must be pure: give the source a module of its own")
    waiting = {name for name in named if name.split(".")[0] != "cryptopipe"}
    found: dict[str, Path] = {}
    while waiting:
        name = waiting.pop()
        path = getattr(sys.modules.get(name), "__file__", None)
        if name in found or name == home or not path or not path.endswith(".py"):
            continue
        found[name] = Path(path)
        package = name if found[name].stem == "__init__" else name.rpartition(".")[0]
        tree = ast.parse(found[name].read_text("utf-8"), path)
        for node in _at_import(tree) if home and name != name.split(".")[0] else ():
            taken = [one for one in _imports(node, package) if f"{one}.".startswith(f"{home}.")]
            require(not taken, f"{name}, line {node.lineno}: imports {home}, where the source does I/O; do so late")
        for imported in (one for node in ast.walk(tree) for one in _imports(node, package)):
            waiting |= {n for n in (imported, imported.rpartition(".")[0]) if n.split(".")[0] == name.split(".")[0]}
    return sorted(found.values())


def home_of(source: object) -> str:
    """The module that a plugin's source lives in; empty without a source."""
    while isinstance(source, partial):
        source = source.func
    return "" if source is None else getattr(source, "__module__", None) or type(source).__module__


def _at_import(tree: ast.AST) -> Iterator[ast.stmt]:
    """Every statement that runs when the module is imported."""
    for node in ast.iter_child_nodes(tree):
        late = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if late or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)):
            continue
        if isinstance(node, ast.stmt):
            yield node
        yield from _at_import(node)


def _imports(node: ast.AST, package: str = "") -> Iterator[str]:
    """What one statement imports; what is relative only where the package is known."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and (package or not node.level):
        module = resolve_name("." * node.level + (node.module or ""), package or None)
        yield from (f"{module}.{alias.name}" for alias in node.names)


def forbidden_in(path: Path) -> list[str]:
    """Every forbidden import or clock call of one source file, as `file:line: what`."""
    tree = ast.parse(path.read_text("utf-8"), str(path))
    found = []
    for node in ast.walk(tree):
        for what in _forbidden(node):
            found.append(f"{path.name}:{getattr(node, 'lineno', 0)}: {what}")
    return found


def _forbidden(node: ast.AST) -> Iterator[str]:
    for name in _imports(node):
        if name.split(".")[0] in FORBIDDEN or name.startswith("urllib.request"):
            yield f"imports {name}"
        if name.split(".")[0] == "cryptopipe" and name.split(".")[1:2] not in (["api"], ["testing"]):
            yield f"imports {name}, a plugin imports only cryptopipe.api"
    if isinstance(node, ast.Attribute):
        owner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
        if (owner, node.attr) in _CLOCKS:
            yield f"reads the clock by {owner}.{node.attr}"
        if (owner, node.attr) in _ENVIRONMENT:
            yield f"reads the environment by {owner}.{node.attr}"
