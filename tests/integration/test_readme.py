"""Every command that a page shows in a `console` block is run as it stands, in order, page by page.

Enters: README.md and docs/. Leaves: exit codes. Never: a command left out in silence; a block that is not run stands
behind a comment that says why.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"(?:<!-- (not run here: .+?) -->\n)?```console\n(.*?)```", re.DOTALL)
OF_THEIR_OWN = {"tutorial.md": "packaging/test_tutorial.py"}
"""Pages that install what they write: a test runs each in an environment of its own."""
IN_PLACE = Path(sys.prefix) == ROOT / ".venv"


def _commands(page: Path) -> list[str]:
    """What is typed in the blocks that are run."""
    blocks = [text for why, text in BLOCK.findall(page.read_text(encoding="utf-8")) if not why]
    return [line[2:] for text in blocks for line in text.splitlines() if line.startswith("$ ")]


def _here(command: str) -> str:
    """The same in another directory: the installation that runs the tests is used, nothing is installed for it."""
    if command.startswith("bash scripts/run"):
        run = f"bash {ROOT}/scripts/run" if IN_PLACE else "cryptopipe --strategy arbitrage --mode action"
        return command.replace("bash scripts/run", f"{run} --data-dir data")
    return "" if command == "source .venv/bin/activate" else command


def test_each_page_shows_commands_that_bash_understands() -> None:
    for page in PAGES:
        script = "\n".join(_commands(page))
        done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, timeout=10)
        assert done.returncode == 0, f"{page.name}: {done.stderr}"
    assert any(command.startswith("bash scripts/run") for command in _commands(ROOT / "README.md"))


def test_pages_that_are_run_elsewhere_are_run_there() -> None:
    for page, test in OF_THEIR_OWN.items():
        assert page in (ROOT / "tests" / test).read_text(encoding="utf-8")


def test_the_scripts_exist_and_parse() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    named = set(re.findall(r"\b(scripts/[\w.-]+|\.ci/run)", text))
    assert {"scripts/run", "scripts/test"} <= named
    for name in sorted(named | {"scripts/environment.sh", ".ci/run"}):
        done = subprocess.run(["bash", "-n", ROOT / name], capture_output=True, text=True, timeout=10)
        assert done.returncode == 0, f"{name}: {done.stderr}"


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [page for page in PAGES if _commands(page) and page.name not in OF_THEIR_OWN], ids=lambda page: page.name
)
def test_the_commands_do_what_the_page_says(page: Path, tmp_path: Path) -> None:
    variables = {key: value for key, value in os.environ.items() if not key.startswith("CRYPTOPIPE_")}
    for name in ("CRYPTOPIPE_RECORDINGS", "CRYPTOPIPE_CORE"):
        if name in os.environ:
            variables[name] = os.environ[name]
    variables["HOME"] = str(tmp_path)  # a page writes where users keep their keys and settings
    variables.pop("XDG_CONFIG_HOME", None)
    for name, folder in (("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")):  # an installation in place builds
        variables.setdefault(name, str(Path.home() / folder))
    variables["PATH"] = f"{Path(sys.executable).parent}:{variables['PATH']}"
    script = "\n".join(("set -exo pipefail", *map(_here, _commands(page))))
    (tmp_path / "page.sh").write_text(script, encoding="utf-8")
    done = subprocess.run(
        ["bash", "page.sh"], cwd=tmp_path, env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, f"{page.name}, exit code {done.returncode}:\n{done.stderr[-3000:]}"
    assert "Traceback" not in done.stderr
