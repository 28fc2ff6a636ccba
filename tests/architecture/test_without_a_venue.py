"""A venue is one folder: without it the framework's own tests are green.

Enters: a copy of the checkout from which one plugin and its entry points are taken. Leaves: the child's result; tests
of the core alone, which knows no plugins, are left out. Never: the plugin by another way: the child refuses to import
it. `scripts/test all` takes one of the folders, `scripts/test-long` each.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from architecture.sources import ROOT

pytestmark = pytest.mark.slow

VENUES = sorted(path.name for path in (ROOT / "plugins").glob("cryptopipe_*"))
COPIED = ("cryptopipe", "tools", "plugins", "strategies", "migrations", "tests", "docs")
FILES = ("pyproject.toml", "conftest.py", "config.yaml", "README.md", "CHANGELOG.md", "LICENSE")
NAME = r'(?:[\w-]+|"[^"\n]+")'
"""A key of TOML: a family's has a star and is quoted."""
LITTER = shutil.ignore_patterns("__pycache__")

REFUSE = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {gone!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Refuse())
"""


def _without(gone: str, copy: Path) -> None:
    for folder in COPIED:
        shutil.copytree(ROOT / folder, copy / folder, ignore=LITTER)
    for file in FILES:
        shutil.copy(ROOT / file, copy)
    shutil.rmtree(copy / "plugins" / gone)
    project = (copy / "pyproject.toml").read_text(encoding="utf-8")
    project = re.sub(rf'^{NAME} = "{gone}:.*\n', "", project, flags=re.MULTILINE).replace(f'"{gone}", ', "")
    (copy / "pyproject.toml").write_text(project, encoding="utf-8")
    # the entry points of the copy, found before those of the installation
    info = copy / "cryptopipe-0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: cryptopipe\nVersion: 0\n", encoding="utf-8")
    groups = re.findall(rf'^\[project\.entry-points\."([\w.]+)"\]\n((?:{NAME} = ".*"\n)*)', project, re.MULTILINE)
    points = "\n".join(f"[{group}]\n{lines.replace(chr(34), '')}" for group, lines in groups)
    (info / "entry_points.txt").write_text(points, encoding="utf-8")
    (copy / "sitecustomize.py").write_text(REFUSE.format(gone=gone), encoding="utf-8")


@pytest.mark.parametrize("gone", VENUES)
def test_the_framework_is_green_without(gone: str, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    _without(gone, copy)
    child = subprocess.run(
        [sys.executable, "-m", "pytest", "-qx", "-p", "no:xdist", "-p", "no:cacheprovider",
         "-m", "not slow and not core", "tests/unit", "tests/architecture", "tests/conformance/test_kit_messages.py"],
        cwd=copy, env=os.environ | {"PYTHONPATH": str(copy)}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert child.returncode == 0, child.stdout[-4000:] + child.stderr[-2000:]
    assert re.search(r"^\d+ passed", child.stdout, re.MULTILINE), child.stdout[-1000:]
