"""Tops on stdout: collecting goes on whatever their reader does."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest
from collecting.collect_stage import VENUE, files

from cryptopipe.cli.tape import MOST, Tape
from cryptopipe.drivers.replay import packaged_files

LINE = "x" * 99


def _tape(monkeypatch: pytest.MonkeyPatch) -> tuple[Tape, int]:
    """A tape on a pipe of one page, and the end that reads it."""
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
    monkeypatch.setattr(sys, "stdout", os.fdopen(write, "w"))
    return Tape(), read


def test_a_reader_that_waits_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    tape, read = _tape(monkeypatch)
    for _ in range(MOST + 100):
        tape(LINE)
    assert tape.left_out > 0
    first = os.read(read, 1 << 16)
    assert first and not first.replace(LINE.encode() + b"\n", b""), "whole lines"
    told = tape.end()
    assert len(first) // 100 + len(os.read(read, 1 << 16)) // 100 + told == MOST + 100


def test_a_reader_that_goes_ends_the_showing_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    tape, read = _tape(monkeypatch)
    tape(LINE)
    os.close(read)
    for _ in range(3):
        tape(LINE)
    assert tape.end() == 3


def test_rows_are_written_though_nobody_reads_the_tops(tmp_path: Path) -> None:
    """As `cryptopipe collect … | head` has it: the reader goes, the rows stay."""
    read, write = os.pipe()
    os.close(read)
    given = ["collect", "--replay", f"{VENUE}={packaged_files()[0]}", "--data_type", "top", f"--data_dir={tmp_path}"]
    done = subprocess.run(
        [sys.executable, "-m", "cryptopipe", *given], stdout=write, stderr=subprocess.PIPE, check=False, cwd=tmp_path
    )
    os.close(write)
    assert done.returncode == 0 and b"not shown" in done.stderr, done.stderr
    assert files(tmp_path)
