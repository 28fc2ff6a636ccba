"""`cryptopipe plugins test`: a plugin's own tests under pytest, and the certificate of what they found.

Enters: a plugin's name, where its tests are. Leaves: a table or JSON, the certificate in the data directory, 0 or 1.
Never: an import of the kit: pytest runs as a child, with what is installed.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from cryptopipe.errors import CryptopipeError, UsageError, did_you_mean
from cryptopipe.settings.keys import without_keys

FOLDER = "certificates"
"""Below the data directory."""

NOT_JUDGED = "not judged"
"""Of actions that a plugin brings and no test of it judges."""

_KIT = "cryptopipe.testing.certificate"
_MUTATIONS = "CRYPTOPIPE_MUTATIONS"
_NOTHING_COLLECTED = 5


def find_plugin(name: str) -> tuple[str, str, str]:
    """(kind, distribution, version) of an installed plugin. Raises `UsageError`, or the error of one that fails."""
    from cryptopipe import registry

    found = [one for one in registry.all_plugins() if one.name == name]
    if not found:
        known = sorted({one.name for one in registry.all_plugins()})
        folder = Path(f"cryptopipe-{name.replace('_', '-')}")
        fix = f"`python -m pip install ./{folder}` first" if folder.is_dir() else f"installed: {', '.join(known)}"
        raise UsageError(f"unknown plugin {name!r}{did_you_mean(name, known)}", where="plugins test", fix=fix)
    for one in found:
        if one.error is not None:
            raise one.error
    return found[0].kind, found[0].distribution, found[0].version


def brings_actions(name: str) -> bool:
    """Whether an exchange plugin has a codec of actions, to be judged by the kit's checks A1 to A7."""
    from cryptopipe import registry

    found = [one.plugin for one in registry.all_plugins() if one.name == name]
    return any(getattr(one, "actions", None) is not None for one in found)


def find_tests(name: str, distribution_name: str) -> list[Path]:
    """Test files that speak of the plugin's module: below the working directory, else where it was installed from.

    Raises `UsageError` if there are none.
    """
    module = _module_of(name, distribution_name)
    here = Path.cwd()
    folders = [here, here / f"cryptopipe-{name.replace('_', '-')}", here / "tests" / "conformance", here / "tests"]
    origin = _origin(distribution_name)
    if origin is not None:
        folders += [origin, origin / "tests" / "conformance", origin / "tests"]
    for folder in folders:
        found = [path for path in sorted(folder.glob("test_*.py")) if _judges(path, module)]
        if found:
            return found
    raise UsageError(
        f"no test of {name} found: no test_*.py that imports {module} and cryptopipe.testing",
        where="plugins test",
        fix="name it: --tests FILE",
    )


def _judges(path: Path, module: str) -> bool:
    text = path.read_text("utf-8", "replace")
    return module in text and "cryptopipe.testing" in text


def _module_of(name: str, distribution_name: str) -> str:
    points = [point for point in _distribution(distribution_name).entry_points if point.name == name]
    groups = [point.module for point in points if point.group.startswith("cryptopipe.")]
    return groups[0] if groups else f"cryptopipe_{name}"


def _distribution(name: str) -> Distribution:
    try:
        return distribution(name)
    except PackageNotFoundError as error:
        raise UsageError(f"{name} is not installed", where="plugins test") from error


def _origin(distribution_name: str) -> Path | None:
    """The folder that it was installed from, as the installer wrote it down (PEP 610)."""
    told = _distribution(distribution_name).read_text("direct_url.json")
    url = urlsplit(json.loads(told).get("url", "")) if told else None
    return Path(unquote(url.path)) if url is not None and url.scheme == "file" else None


def judge(name: str, tests: Sequence[Path], mutations: int | None) -> tuple[dict[str, Any], str]:
    """The certificate of one run of these tests, and what pytest said.

    Raises `CryptopipeError` if pytest is absent, could not collect them, or found no check of this plugin.
    """
    if find_spec("pytest") is None:
        raise CryptopipeError("pytest is not installed", where="plugins test", fix="python -m pip install pytest")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "certificate.json"
        options = ["-q", "--tb=short", "-p", "no:cacheprovider", "-p", _KIT]
        options += ["--certificate", str(path), "--certificate-of", name]
        child = subprocess.run(
            [sys.executable, "-m", "pytest", *options, *map(str, tests)],
            env=without_keys(os.environ) | ({_MUTATIONS: str(mutations)} if mutations else {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        told = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    if told and told.get("actions") is None and brings_actions(name):
        told["actions"] = NOT_JUDGED
    where = ", ".join(map(str, tests))
    if child.returncode == _NOTHING_COLLECTED or (told and not told["checks"] and child.returncode == 0):
        raise UsageError(
            f"no check of {name} in {where}", where="plugins test", fix="a class Test…(ExchangeConformance) with plugin"
        )
    if child.returncode not in (0, 1) or not told:
        raise CryptopipeError(f"pytest ended with {child.returncode}:\n{child.stdout.strip()}", where=where)
    return told, child.stdout


def keep(folder: Path, certificate: Mapping[str, Any]) -> Path:
    """Puts a certificate in place of the plugin's last one; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{certificate['plugin']}.json"
    waiting = path.with_suffix(".new")
    waiting.write_text(json.dumps(certificate, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    waiting.replace(path)
    return path


def kept_tier(folder: Path, name: str, version: str) -> str | None:
    """The tier of the plugin's last certificate; None if it has none, or of another version."""
    try:
        told = json.loads((folder / f"{name}.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(told, dict) or told.get("version") != version:
        return None
    tier = told.get("tier")
    return tier if isinstance(tier, str) else None


def lines(certificate: Mapping[str, Any]) -> list[str]:
    """The certificate for a person."""
    versions = ", ".join(f"{name} {value}" for name, value in certificate["versions"].items())
    tier = certificate["tier"] or "no tier"
    actions = f", actions {certificate['actions']}" if certificate.get("actions") else ""
    head = f"{certificate['plugin']} {certificate['version']}: {tier}{actions} ({versions})"
    return [head, *(_line(one) for one in certificate["checks"])]


def _line(one: Mapping[str, Any]) -> str:
    number, _, name = one["check"].partition(" ")
    return f"{number:>3} {name:<18} {one['outcome']:<15} {one['counts'] or one['why']}".rstrip()
