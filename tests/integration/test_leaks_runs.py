"""Probes for leaked secrets, 49 to 56: whole programs: what they print, log at -vv, pass on and leave on a disk.

The sandbox's keys stand for the user's: a run trades with them over signed requests and signed streams.
"""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from leaks import KEY, PASSPHRASE, PLAIN, SECRET, spilled

from cryptopipe import registry
from cryptopipe.capture.inputs import ACTION, PRIVATE, Direction
from cryptopipe.capture.reader import read
from cryptopipe.model.simulated import SANDBOX_CREDENTIALS, SANDBOX_READER, SANDBOX_TOKEN, SANDBOX_TRADER
from cryptopipe.model.stream import Credentials

VENUES = ("binance", "bybit", "coinbase", "coinbase_exchange", "kraken")
pytestmark = pytest.mark.slow


def texts() -> set[str]:
    """Keys, secrets and passphrases with which a sandbox is asked."""
    told = {SANDBOX_TOKEN}
    for name in VENUES:
        make = registry.exchange(name).sandbox_key or _same
        for one in (SANDBOX_CREDENTIALS, SANDBOX_READER, SANDBOX_TRADER):
            key = make(one)
            told |= {key.key, str(key.secret), key.passphrase}
    return told - {""}


def _same(key: Credentials) -> Credentials:
    return key


SIGNED = ("signature=", "X-BAPI-SIGN", "API-Sign", "CB-ACCESS-SIGN", "Authorization: ", "eyJhbGciOiJFUzI1NiI")
"""Names of signatures where they stand with their values, and the beginning of a signed token."""


def found_in(shown: bytes) -> set[str]:
    """Whole texts: those of a sandbox are words, and begin as many others do."""
    whole = shown.decode("utf-8", "replace")
    return {one for one in (*texts(), *SIGNED, SECRET, PLAIN, PASSPHRASE, KEY) if one in whole}


def environment(home: Path) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("CRYPTOPIPE_KEYS")}
    key = {"KEY": KEY, "SECRET": SECRET, "PASSPHRASE": PASSPHRASE}
    keys = {f"CRYPTOPIPE_KEYS__BINANCE__{name}": value for name, value in key.items()}
    return own | keys | {"XDG_CONFIG_HOME": str(home), "PYTHONASYNCIODEBUG": "1", "PYTHONFAULTHANDLER": "1"}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "cryptopipe", *arguments]


@contextmanager
def started(home: Path, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    pipe = subprocess.PIPE
    with subprocess.Popen(command(*arguments), stdout=pipe, stderr=pipe, env=environment(home), cwd=home) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A run that trades over the signed path, and what could be seen of it meanwhile."""
    home = tmp_path_factory.mktemp("home")
    data = home / "data"
    arguments = ["--mode", "action", "--venues", ",".join(VENUES), "--execution", "venue", "--for", "5s", "-vv"]
    seen: dict[str, Any] = {"data": data, "lines": {}, "environments": {}}
    with started(home, *arguments, "--data-dir", str(data)) as process:
        for line in iter(process.stderr.readline, b"") if process.stderr else ():
            seen["err"] = seen.get("err", b"") + line
            for number in (process.pid, *children(process.pid)):
                seen["lines"][number] = Path(f"/proc/{number}/cmdline").read_bytes()
                if number != process.pid:
                    seen["environments"][number] = Path(f"/proc/{number}/environ").read_bytes()
        seen["out"] = process.stdout.read() if process.stdout else b""
        assert process.wait(30) == 0, seen["err"][-3000:]
    return seen


def children(parent: int) -> list[int]:
    try:
        return [int(one) for one in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
    except FileNotFoundError:
        return []


def test_49_a_run_that_trades_says_and_logs_no_key(traded: dict[str, Any]) -> None:
    assert b"trade" in traded["out"] and b"[info" in traded["err"]
    assert not found_in(traded["out"] + traded["err"])


def test_50_its_capture_holds_none(traded: dict[str, Any]) -> None:
    (run,) = (traded["data"] / "runs").iterdir()
    kinds: dict[str, int] = {}
    for entry in read(run / "capture"):
        if entry.direction is Direction.HTTP and entry.request.startswith(ACTION):
            kinds["answer"] = kinds.get("answer", 0) + 1
            assert "?" not in entry.url
        if entry.conn.endswith(PRIVATE):
            kinds["private"] = kinds.get("private", 0) + 1
        assert not found_in(repr(entry).encode() + entry.payload), entry.seq
    assert kinds["answer"] > 5 and kinds["private"] > 5


def test_51_nor_does_anything_else_on_the_disk(traded: dict[str, Any]) -> None:
    files = [path for path in traded["data"].rglob("*") if path.is_file()]
    assert {"run.json", "ended.json", "000001.jsonl"} <= {path.name for path in files}
    for path in files:
        assert not found_in(path.read_bytes()), path


def test_52_nor_does_a_list_of_processes_or_a_child_s_environment(traded: dict[str, Any]) -> None:
    assert len(traded["lines"]) > 1 and traded["environments"]
    for line in (*traded["lines"].values(), *traded["environments"].values()):
        assert not found_in(line)


@pytest.mark.parametrize("more", [("post-mortem",), ("post-mortem", "--json"), ("replay", "last", "--verify")])
def test_53_nor_do_its_reports(traded: dict[str, Any], more: tuple[str, ...]) -> None:
    home = traded["data"].parent
    done = subprocess.run(
        command(*more, "--data-dir", str(traded["data"])), capture_output=True, env=environment(home), cwd=home,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0 and done.stdout
    assert not found_in(done.stdout + done.stderr)
    for path in traded["data"].rglob("*"):
        if path.is_file():
            assert not found_in(path.read_bytes()), path


DEEDS = {
    "balances": ("balances", "-vv"),
    "balances --json": ("balances", "--json"),
    "fees": ("fees", "-vv"),
    "long": ("act", "long", "0.001", "BTC/USDT", "--apply", "-vv"),
}


@pytest.mark.parametrize("arguments", DEEDS.values(), ids=DEEDS)
def test_54_what_is_asked_by_hand_says_no_key(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = subprocess.run(
        command(*arguments, "--venues", "binance", "--data-dir", str(tmp_path / "data")),
        capture_output=True, env=environment(tmp_path), cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and done.stdout, done.stderr
    assert not found_in(done.stdout + done.stderr)
    for path in (tmp_path / "data").rglob("*"):
        if path.is_file():
            assert not found_in(path.read_bytes()), path


def test_55_a_sandbox_logs_no_signed_request(tmp_path: Path) -> None:
    arguments = ("sandbox", "--venues", "binance", "--json", "-vv", "--data-dir", str(tmp_path / "data"))
    with started(tmp_path, *arguments) as process:
        assert process.stdout and process.stderr
        document = json.loads(process.stdout.readline())
        origin = document["venues"]["binance"]["rest"]
        url = f"{origin}/api/v3/account?timestamp={time.time_ns() // 1_000_000}&signature={SECRET}"
        request = urllib.request.Request(url, headers={"X-MBX-APIKEY": KEY})
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=10)
        refused.value.close()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert not spilled(out + err, SECRET, KEY)


def test_56_a_run_that_is_aborted_leaves_no_key_in_its_last_words(tmp_path: Path) -> None:
    """Python's own dump of where it was; a core dump of the whole memory is out of reach."""
    arguments = ("--mode", "action", "--venues", "binance", "--for", "60s", "--data-dir", str(tmp_path / "data"), "-v")
    with started(tmp_path, *arguments) as process:
        assert process.stderr and process.stderr.readline()
        process.send_signal(signal.SIGABRT)
        out, err = process.communicate(timeout=20)
    assert b"Fatal Python error: Aborted" in err
    assert not found_in(out + err)
