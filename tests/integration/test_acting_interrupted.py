"""A deed by hand of which nobody heard the answer: the user is told so, and by which id it can be found."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cryptopipe.journal.reader import Records
from cryptopipe.journal.runs import list_runs

pytestmark = pytest.mark.slow
COMMAND = [sys.executable, "-P", "-m", "cryptopipe"]
WITHDRAW = ("withdraw", "1", "SOL", "--from=binance", "--to=bybit")


@contextmanager
def served(place: Path, fault: str) -> Iterator[None]:
    """A sandbox with one fault."""
    (place / "faults.yaml").write_text(f"- {fault}\n")
    ways = ["--venues=binance,bybit", "--seed=7", f"--faults={place / 'faults.yaml'}", f"--data-dir={place}"]
    with subprocess.Popen([*COMMAND, "sandbox", "--json", *ways], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and "venues" in json.loads(process.stdout.readline())
        yield
        process.terminate()


def deed(place: Path, *arguments: str) -> "subprocess.Popen[str]":
    """Begun; SIGINT reaches it whatever the process that runs the tests does with its own."""
    return subprocess.Popen(
        [*COMMAND, "act", *arguments, "--apply", f"--data-dir={place}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def told(place: Path) -> list[dict[str, Any]]:
    (run,) = list_runs(place / "acts")
    return [json.loads(line) for _, line in Records(run.journal).lines()]


@pytest.mark.parametrize(("arguments", "keys"), [(("long", "0.01", "BTC/USDT", "--venues=binance"), 1), (WITHDRAW, 2)])
def test_who_interrupts_a_deed_is_told_that_its_outcome_is_unknown(
    tmp_path: Path, arguments: tuple[str, ...], keys: int
) -> None:
    """The answer takes nine seconds; the interrupt comes when each key has been checked and the request is out."""
    with served(tmp_path, "{kind: late_ack, of: any, delay: 9s}"), deed(tmp_path, *arguments) as process:
        while not list(tmp_path.glob("acts/runs/*/journal/*")) or len(told(tmp_path)) < 1 + keys:
            assert process.poll() is None, process.communicate()
            os.sched_yield()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    intent = told(tmp_path)[0]
    assert process.returncode == 130
    assert "is not known" in err and intent["body"]["client_id"] in err, err


def test_a_withdrawal_without_an_answer_is_told_with_its_id(tmp_path: Path) -> None:
    with served(tmp_path, "{kind: lost_response, of: withdraw}"), deed(tmp_path, *WITHDRAW, "--json") as process:
        out, _ = process.communicate(timeout=30)
    intent, *answers = told(tmp_path)
    error = json.loads(out)["error"]
    assert error["code"] == "unknown_outcome"
    assert intent["body"]["client_id"] in error["message"] and "before you ask again" in error["fix"]
    assert answers[-1]["body"]["client_id"] == intent["body"]["client_id"]
