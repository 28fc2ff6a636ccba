"""Ctrl-Z, `bg` and `fg` in a real shell on a real terminal: who has the terminal draws on it, and nobody else."""

import os
import pty
import select
import shutil
import signal
import struct
import sys
import termios
import time
from collections.abc import Iterator
from fcntl import ioctl
from pathlib import Path

import pyte
import pytest

TESTS = Path(__file__).parents[1]
WIDTH, HEIGHT = 100, 30
ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?25h\x1b[?1049l"
PROGRAM = f"""
import sys
sys.path[:0] = [{str(TESTS / "unit")!r}, {str(TESTS.parent)!r}]
from rich.console import Console
from test_screen import picture
from cryptopipe.cli.screen import Screen, Viewer
from cryptopipe.drivers.stop import stop_on_interrupt
with Viewer(Screen(Console()), every_s=0.02) as view, stop_on_interrupt() as stop:
    view.show(picture(3))
    while not stop.requested:
        stop.wait(0.02)
print("ended")
"""


class Shell:
    """An interactive bash on a terminal of its own."""

    def __init__(self, program: Path) -> None:
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            environment = {**os.environ, "TERM": "xterm-256color", "PS1": "READY> ", "LC_ALL": "C.UTF-8"}
            environment.pop("COLUMNS", None), environment.pop("LINES", None), environment.pop("NO_COLOR", None)
            os.execvpe("bash", ["bash", "--norc", "--noprofile", "--noediting", "-i"], environment)
        ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
        self.until(b"READY> ")
        self.type(f"{sys.executable} {program}\n")

    def type(self, text: str) -> None:
        os.write(self.terminal, text.encode())

    def until(self, wanted: bytes, after: bytes = b"") -> bytes:
        """What it wrote up to and with these bytes, of which the first come after the others."""
        told, deadline = b"", time.monotonic() + 20
        while wanted not in told.partition(after)[2] if after else wanted not in told:
            left = deadline - time.monotonic()
            assert left > 0 and select.select([self.terminal], [], [], left)[0], f"no {wanted!r} in {told!r}"
            told += os.read(self.terminal, 1 << 16)
        return told

    def quiet(self, seconds: float) -> bytes:
        """What it writes until it has been silent for so long."""
        told = b""
        while select.select([self.terminal], [], [], seconds)[0]:
            told += os.read(self.terminal, 1 << 16)
        return told

    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self.terminal)[3] & termios.ECHO)

    def close(self) -> None:
        os.kill(self.pid, signal.SIGHUP)
        os.close(self.terminal)
        os.waitpid(self.pid, 0)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    if shutil.which("bash") is None:
        pytest.skip("no bash")
    (tmp_path / "program.py").write_text(PROGRAM)
    one = Shell(tmp_path / "program.py")
    yield one
    one.close()


def display(told: bytes) -> list[str]:
    screen = pyte.Screen(WIDTH, HEIGHT)
    pyte.Stream(screen).feed(told.decode())
    return list(screen.display)


def test_a_suspended_view_gives_the_terminal_back_and_comes_again(shell: Shell) -> None:
    first = shell.until(ENTER) + shell.quiet(0.5)
    whole = display(first.partition(ENTER)[2])
    assert "VENUES" in "".join(whole) and not shell.echoes()

    shell.type("\x1a")
    told = shell.until(b"READY> ")
    assert told.count(LEAVE) == 1 and b"Stopped" in told.partition(LEAVE)[2]
    assert shell.echoes()

    shell.type("bg\n")
    told = shell.until(b"READY> ") + shell.quiet(0.5)
    assert ENTER not in told and b"\x1b[2J" not in told and b";1H" not in told
    assert b"run.status" in told  # the lines of a run without a terminal

    shell.type("fg\n")
    told = shell.until(ENTER) + shell.quiet(0.5)
    assert display(told.partition(ENTER)[2]) == whole and not shell.echoes()

    shell.type("\x03")
    told = shell.until(b"READY> ", after=b"ended")
    assert LEAVE in told.partition(b"ended")[0]


def test_a_view_that_was_stopped_without_a_word_is_drawn_anew(shell: Shell) -> None:
    whole = display((shell.until(ENTER) + shell.quiet(0.5)).partition(ENTER)[2])
    group = os.tcgetpgrp(shell.terminal)
    os.killpg(group, signal.SIGSTOP)
    shell.until(b"Stopped")
    shell.type("fg\n")
    told = shell.until(ENTER) + shell.quiet(0.5)
    assert display(told.partition(ENTER)[2]) == whole
    os.killpg(group, signal.SIGTERM)
