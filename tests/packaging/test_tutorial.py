"""The tutorial, from top to bottom: its files are written, its commands run, what it says they print they print.

Enters: docs/tutorial.md, the environment that runs the tests. Leaves: a virtual environment and a folder of its own.
Never: a look at the package index, or a line of output that is not looked for.
"""

import os
import re
import shlex
import subprocess
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "tutorial.md"
BLOCK = re.compile(
    r"(?:`(?P<file>[\w.]+)`:\n\n|<!-- ends with (?P<code>\d) -->\n)?```(?P<kind>\w+)\n(?P<text>.*?)```", re.S
)
SCRIPT = """#!{python}
import sys
from cryptopipe.cli import main
sys.exit(main())
"""


@dataclass(frozen=True)
class Shell:
    """A folder and the environment that its commands see."""

    folder: Path
    programs: Path

    def run(self, command: str) -> tuple[int, str]:
        """Exit code and what was printed."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("CRYPTOPIPE_", "PYTEST_", "PYTHON", "COV_"))}
        kept |= {"PATH": f"{self.programs}{os.pathsep}{kept['PATH']}", "XDG_DATA_HOME": str(self.folder / "data")}
        kept |= {
            "PIP_NO_INDEX": "1",
            "PIP_NO_BUILD_ISOLATION": "0",
            "PIP_NO_DEPS": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }
        words = shlex.split(command)
        done = subprocess.run(
            [str(self.programs / words[0]), *words[1:]], cwd=self.folder, env=kept, text=True, timeout=300,
            capture_output=True, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout + (done.stderr if done.returncode not in (0, 1) else "")


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    folder = tmp_path_factory.mktemp("tutorial")
    venv.create(folder / "venv", with_pip=False)
    programs = folder / "venv" / "bin"
    home = next((folder / "venv" / "lib").iterdir()) / "site-packages"
    roots = [ROOT, *(ROOT / name for name in ("plugins", "strategies", "migrations")), sysconfig.get_path("purelib")]
    (home / "zz_dependencies.pth").write_text("\n".join(map(str, roots)) + "\n")
    script = programs / "cryptopipe"
    script.write_text(SCRIPT.format(python=programs / "python"))
    script.chmod(0o755)
    (folder / "work").mkdir()
    return Shell(folder / "work", programs)


def test_the_tutorial_does_what_it_says(shell: Shell) -> None:
    commands = 0
    for block in BLOCK.finditer(PAGE.read_text("utf-8")):
        if block["kind"] == "python":
            assert block["file"], f"a block of Python without a name of its file: {block['text'][:80]}"
            (shell.folder / block["file"]).write_text(block["text"])
            continue
        assert block["kind"] == "console"
        steps = re.split(r"^\$ ", block["text"], flags=re.MULTILINE)[1:]
        for step in steps:
            command, *wanted = step.splitlines()
            code, printed = shell.run(command)
            allowed = int(block["code"]) if block["code"] and step == steps[-1] else 0
            assert code == allowed, f"$ {command} ended with {code}, not {allowed}:\n{printed}"
            _shows(command, printed, wanted)
            commands += 1
    assert commands == len(re.findall(r"^\$ ", PAGE.read_text("utf-8"), re.MULTILINE))


def _shows(command: str, printed: str, wanted: list[str]) -> None:
    """Each line is there, after the one before it."""
    lines = iter(printed.splitlines())
    for line in wanted:
        pattern = ".*".join(re.escape(part) for part in line.split("…"))
        assert any(re.fullmatch(pattern, one) for one in lines), f"$ {command} does not print {line!r}:\n{printed}"
