"""A sandbox for one foreign client, and what the client's script told of it.

Enters: venues and options of the command line, a script of `clients/` with its environment and argument. Leaves: where
each venue listens; a line of JSON a row. Never: a client inside this process, a client left out in silence.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ENVIRONMENTS = Path(os.environ.get("CRYPTOPIPE_FOREIGN", ROOT / ".venv-foreign"))


@contextmanager
def served(*venues: str, seed: int, more: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """What the command line says of a sandbox of these venues; it ends on leaving."""
    command = [sys.executable, "-m", "cryptopipe", "sandbox", "--venues", ",".join(venues), "--seed", str(seed)]
    with running([*command, "--json", "--until-stdin-closes", *more]) as document:
        yield document


@contextmanager
def running(command: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The first line of a process that ends when its stdin does."""
    paths = os.pathsep.join(str(ROOT / name) for name in ("", "plugins", "strategies", "migrations"))
    environ = {**os.environ, "PYTHONPATH": paths}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            document: dict[str, Any] = json.loads(process.stdout.readline())
            yield document
        finally:
            process.stdin.close()
            process.wait(20)


def installed(environment: str, package: str) -> Path:
    """The interpreter that has the client; the test is skipped where there is none."""
    python = ENVIRONMENTS / environment / "bin" / "python"
    if not python.exists() or subprocess.run([python, "-c", f"import {package}"], capture_output=True).returncode:
        pytest.skip(f"{package} is not installed in {python.parent.parent}: scripts/test-foreign installs it")
    return python


def run(
    python: Path,
    script: str,
    options: Mapping[str, Any],
    *flags: str,
    seconds: float = 120,
    environ: Mapping[str, str] | None = None,
    number: Callable[[str], Any] = float,
) -> list[dict[str, Any]]:
    """What the script told: the lines of JSON on its stdout, decimals as `number` reads them."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    ended = subprocess.run(
        [str(python), *flags, str(HERE / "clients" / f"{script}.py"), json.dumps(options)],
        env={**kept, **(environ or {})}, capture_output=True, text=True, timeout=seconds,
    )  # fmt: skip
    lines = [json.loads(line, parse_float=number) for line in ended.stdout.splitlines() if line.startswith("{")]
    assert "\n".join(one["text"] for one in lines if one.get("kind") == "complaint") == ""
    assert ended.returncode == 0, ended.stderr[-3000:]
    return lines


def did(lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the client understood, by step."""
    return {one["step"]: one["value"] for one in lines if one["kind"] == "did"}


def answers(lines: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], dict[str, tuple[str, str]]]:
    """By the name of the call: what it gave; the class and the text of the error that it raised."""
    gave = {line["call"]: line["gave"] for line in lines if "gave" in line}
    return gave, {line["call"]: (line["raised"], line["text"]) for line in lines if "raised" in line}


def exactly(value: Any) -> Decimal:
    """A client's float, as the decimal that it stands for."""
    return Decimal(str(value)).quantize(Decimal("1e-8")).normalize()


def refused_as(wanted: Mapping[str, tuple[str, str]], told: Mapping[str, Any]) -> None:
    """Each of these steps raised this class of the client's, with this in its text."""
    for step, (kind, text) in wanted.items():
        assert (step, told[step][0]) == (step, kind)
        assert text in told[step][1], (step, told[step])
