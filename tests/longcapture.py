"""A longer recording than the packaged one, and runs of it in processes of their own.

Enters: the packaged capture. Leaves: JSON lines in which it happens again and again, children that read them. Never: a
frame changed; only its stamp is.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from gzip import open as open_gzip
from pathlib import Path

from cryptopipe.drivers.replay import SUFFIX, packaged_files

ROOT = Path(__file__).parents[1]
PERIOD = 60
"""Seconds between the beginnings of two repetitions; the packaged capture is shorter."""

CHEAP = [f"--set=venues.{path.name.removesuffix(SUFFIX)}.taker_fee_bps=1" for path in packaged_files()]
"""With such fees the generated capture has trades from its first seconds on."""


def repeated(directory: Path, times: int) -> list[str]:
    """`VENUE=FILE` texts; each venue connects anew in each repetition."""
    directory.mkdir()
    texts = []
    for packaged in packaged_files():
        venue, path = packaged.name.removesuffix(SUFFIX), directory / packaged.name.removesuffix(".gz")
        with open_gzip(packaged, "rt", encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        with path.open("w") as file:
            for number in range(times):
                for line in lines:
                    ts = f"{Decimal(line['ts']) + number * PERIOD:f}"
                    file.write(json.dumps({**line, "ts": ts}) + "\n")
        texts.append(f"{venue}={path}")
    return texts


def spawn(*arguments: str) -> "subprocess.Popen[str]":
    """`cryptopipe …` in a process of its own, in a session of its own, without settings from outside."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CRYPTOPIPE_")}
    if "CRYPTOPIPE_USE_CORE" in os.environ:
        environment["CRYPTOPIPE_USE_CORE"] = os.environ["CRYPTOPIPE_USE_CORE"]
    return subprocess.Popen(
        [sys.executable, "-m", "cryptopipe", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=ROOT,
        start_new_session=True,
    )


def action(data_dir: Path, replays: list[str], *more: str) -> "subprocess.Popen[str]":
    """A run of the main job over these captures."""
    return spawn("action", f"--data-dir={data_dir}", *(f"--replay={text}" for text in replays), *CHEAP, *more)


def wait_until(child: "subprocess.Popen[str]", happened: Callable[[], bool]) -> None:
    """Return when it happened. Fails if the child ends before, or after a minute."""
    for _ in range(60_000 // 5):
        if happened():
            return
        if not _lives_on(child, 0.005):
            out, err = child.communicate()
            raise AssertionError(f"the child ended with {child.returncode} before that: {out}{err}")
    raise AssertionError("nothing happened in a minute")


def linger(child: "subprocess.Popen[str]", seconds: float) -> bool:
    """Give the child this long; whether it is still running."""
    return _lives_on(child, seconds)


def _lives_on(child: "subprocess.Popen[str]", seconds: float) -> bool:
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        return True
    return False


def journal_bytes(data_dir: Path) -> Iterator[bytes]:
    """The newest run's journal as it stands on the disk."""
    for run in sorted((data_dir / "runs").glob("*"))[-1:]:
        for path in sorted((run / "journal").glob("*.jsonl")):
            yield path.read_bytes()
