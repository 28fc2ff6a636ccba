"""Is this installation sound? Each answer with what to do about it.

Enters: the interpreter, the core, the plugins, the settings, the disk. Leaves: `Check`s. Never: a change to the machine
(a temporary file in the data directory is removed), a check that stops the next one.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from cryptopipe import registry
from cryptopipe.errors import CryptopipeError
from cryptopipe.settings import Settings

PYTHON = (3, 11)
FREE_BYTES = 1 << 30
LIBRARIES = ("msgspec", "numpy", "pyarrow", "duckdb", "sqlalchemy", "alembic", "pydantic")


class Check(NamedTuple):
    """One answer: what was looked at, whether it is right, what was seen, what to do if it is not."""

    name: str
    ok: bool
    detail: str
    fix: str = ""


def examine(load: Callable[[], Settings]) -> tuple[str | None, list[Check]]:
    """The core's name (None: no core) and all checks. `load` reads the settings."""
    core, core_check = _core()
    checks = [_python(), core_check, *map(_library, LIBRARIES), *_plugins()]
    try:
        settings = load()
    except CryptopipeError as error:
        return core, [*checks, Check("configuration", False, str(error), error.fix)]
    configuration = Check("configuration", True, "valid")
    return core, [*checks, configuration, _writable(settings.data_dir), _space(settings.data_dir)]


def _check(name: str, ok: bool, detail: str, fix: str) -> Check:
    return Check(name, ok, detail, "" if ok else fix)


def _python() -> Check:
    running = ".".join(map(str, sys.version_info[:3]))
    wanted = ".".join(map(str, PYTHON))
    return _check("python", sys.version_info[:2] >= PYTHON, running, f"install Python {wanted} or newer")


def _core() -> tuple[str | None, Check]:
    try:
        core = import_module("cryptopipe.core")
    except CryptopipeError as error:
        return None, Check("core", False, str(error), error.fix)
    name = str(core.NAME)
    if name == "native":
        native = import_module("cryptopipe.core._rust")
        return name, Check("core", True, f"native, {native.build_info()}")
    told = "reference: right, and slow; for reading and small runs"
    return name, Check("core", True, told, "install with a Rust toolchain and CRYPTOPIPE_CORE=require")


def _library(name: str) -> Check:
    try:
        import_module(name)
        return Check(name, True, version(name))
    except (ImportError, OSError, PackageNotFoundError) as error:
        return Check(name, False, f"does not import: {error}", f"reinstall it: pip install --force-reinstall {name}")


def _plugins() -> Iterator[Check]:
    found = registry.all_plugins()
    for kind in registry.GROUPS:
        if not any(one.kind == kind and one.error is None for one in found):
            yield Check(f"{kind} plugins", False, f"no {kind} loads", "reinstall cryptopipe, which ships several")
    for one in found:
        name = f"{one.kind} {one.name}"
        if one.error is None:
            yield Check(name, True, f"{one.distribution} {one.version}")
        else:
            yield Check(name, False, one.error.message, one.error.fix)


def _existing(path: Path) -> Path:
    """The directory itself or the nearest one above it that exists."""
    return next(parent for parent in (path.absolute(), *path.absolute().parents) if parent.exists())


def _writable(data_dir: Path) -> Check:
    name, fix = "data_dir writable", "name another one with --data-dir or CRYPTOPIPE_DATA_DIR"
    existing = _existing(data_dir)
    try:
        if existing != data_dir.absolute():
            return _check(name, os.access(existing, os.W_OK | os.X_OK), f"{data_dir} will be made in {existing}", fix)
        with tempfile.TemporaryFile(dir=existing):
            return Check(name, True, str(data_dir))
    except OSError as error:
        return Check(name, False, f"{data_dir}: {error.strerror}", fix)


def _space(data_dir: Path) -> Check:
    free = shutil.disk_usage(_existing(data_dir)).free
    told = f"{free / (1 << 30):.1f} GiB free at {data_dir}, wanted {FREE_BYTES / (1 << 30):.0f}"
    return _check("disk space", free >= FREE_BYTES, told, "free some space or name another --data-dir")
