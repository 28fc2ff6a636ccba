"""Shows a running run on a terminal, off the thread that decides.

Enters: the newest `Picture`, whenever the run has one. Leaves: a screen of which only changed cells are written, at
most four times a second. Never: a run that waits for a terminal, or a terminal that is left as the screen was.
"""

import contextlib
import os
import re
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from io import TextIOBase
from typing import IO, TYPE_CHECKING, Protocol

from rich.color import ColorSystem
from rich.console import Console

from cryptopipe.cli.cells import Row, changes, painted
from cryptopipe.cli.drawing import Drawing
from cryptopipe.picture import Picture

if TYPE_CHECKING:
    from types import TracebackType

EVERY_S = 0.25
_PATIENCE_S = 1.0
_ENTER = "\x1b[?1049h\x1b[?25l\x1b[0m\x1b[2J"
_LEAVE = "\x1b[0m\x1b[?25h\x1b[?1049l"
_KEPT_LINES = 500
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_PAUSED_S = 5.0
"""After this long without a drawing the process was stopped (Ctrl-Z), and something else may be on the terminal."""
_SYSTEMS = {name: ColorSystem[name.upper()] for name in ("standard", "truecolor", "windows")} | {
    "256": ColorSystem.EIGHT_BIT
}


class Painter(Protocol):
    """What the pictures are shown on. All three are called by one thread; `OSError` ends it quietly."""

    def begin(self) -> None: ...
    def draw(self, picture: Picture) -> None: ...
    def end(self) -> None: ...


class Viewer:
    """Hands the newest picture over to a painter in a thread of its own: one that is slow misses pictures, and
    nobody waits for it.
    """

    def __init__(self, painter: Painter, every_s: float = EVERY_S) -> None:
        self._painter, self._every_s = painter, every_s
        self._newest: Picture | None = None
        self._news, self._over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="viewer", daemon=True)

    def __enter__(self) -> "Viewer":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        self.close()

    def show(self, picture: Picture) -> None:
        """The run as it is now. Costs a reference."""
        self._newest = picture
        self._news.set()

    def close(self) -> None:
        """Draw what is newest and put the terminal back as it was. One that takes nothing is given a second."""
        self._over.set()
        self._news.set()
        if self._thread.is_alive():
            self._thread.join(_PATIENCE_S)

    def _run(self) -> None:
        with contextlib.suppress(OSError):  # the terminal is gone, and with it whoever looked
            self._painter.begin()
            try:
                while not self._over.is_set():
                    self._news.wait(self._every_s)
                    self._draw()
                    self._over.wait(self._every_s)
                self._draw()
            finally:
                self._painter.end()

    def _draw(self) -> None:
        """Also without news: the terminal may have another size."""
        self._news.clear()
        if self._newest is not None:
            self._painter.draw(self._newest)


class Screen:
    """A `Painter` that fills a terminal. What others write to stderr meanwhile is kept, shown in the last row, and
    written when the screen is gone.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._out = _Out(console.file)
        self._drawing = Drawing(ascii_only=not console.encoding.lower().startswith("utf"))
        system = _SYSTEMS.get(console.color_system or "")
        self._paint = painted(system or (ColorSystem.STANDARD if console.is_terminal else None), not console.no_color)
        self._rows: tuple[Row, ...] = ()
        self._size = (0, 0)
        self._drawn_at = 0.0
        self._kept = _Kept()
        self._quiet = contextlib.ExitStack()

    def begin(self) -> None:
        """Take the terminal over."""
        self._quiet.enter_context(_silenced_keys())
        if sys.stderr.isatty():
            self._quiet.enter_context(contextlib.redirect_stderr(self._kept))
        self._out.write(_ENTER)

    def draw(self, picture: Picture) -> None:
        """Write what differs from the drawing before; nothing if nothing does."""
        size = self._console.size
        width, height = size.width, size.height
        text = ""
        paused = time.monotonic() - self._drawn_at > _PAUSED_S
        self._drawn_at = time.monotonic()
        if paused or (width, height) != self._size:
            text, self._size = _ENTER, (width, height)
            self._rows = (((" " * width, ""),),) * height
        rows = self._drawing.rows(picture, width, height, self._kept.last)
        text += changes(self._rows, rows, self._paint)
        self._rows = rows
        if text:
            self._out.write(text)

    def end(self) -> None:
        """Give the terminal back, then write what was kept."""
        try:
            self._out.write(_LEAVE)
        finally:
            self._quiet.close()
            self._kept.release(sys.stderr)


class _Out:
    """Writes at once, past the buffer of a stream: its lock would be held while the terminal takes nothing."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        try:
            self._number: int | None = file.fileno()
        except OSError:  # a file of the memory
            self._number = None

    def write(self, text: str) -> None:
        if self._number is None:
            self._file.write(text)
            return
        data = text.encode(getattr(self._file, "encoding", None) or "utf-8", "replace")
        while data:
            data = data[os.write(self._number, data) :]


class _Kept(TextIOBase):
    """Stands in for stderr: the last lines, and how many were lost before them."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._open = ""
        self._lost = 0
        self.last = ""

    def write(self, text: str) -> int:
        *whole, self._open = (self._open + text).split("\n")
        for line in whole:
            self._lost += len(self._lines) == _KEPT_LINES
            self._lines.append(line)
            self.last = _COLOURS.sub("", line) or self.last
        return len(text)

    def release(self, stream: IO[str]) -> None:
        """Write them, once."""
        lines = [*self._lines, *([self._open] if self._open else [])]
        if self._lost:
            lines.insert(0, f"({self._lost} earlier lines left out)")
        self._lines.clear()
        self._open, self._lost = "", 0
        stream.writelines(f"{line}\n" for line in lines)


@contextlib.contextmanager
def _silenced_keys() -> Iterator[None]:
    """No echo of what is typed, which would be written into the screen; Ctrl-C works as ever."""
    try:
        import termios

        keys = sys.stdin.fileno()
        before = termios.tcgetattr(keys)
    except (ImportError, OSError, ValueError, AttributeError, termios.error):
        yield  # no keys
        return
    silent = [*before]
    silent[3] &= ~termios.ECHO
    termios.tcsetattr(keys, termios.TCSANOW, silent)
    try:
        yield
    finally:
        if in_foreground():
            termios.tcsetattr(keys, termios.TCSAFLUSH, before)


def in_foreground() -> bool:
    """Whether the terminal's user talks to this process: one in the background must not touch the terminal."""
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError, AttributeError):  # no terminal to be in the background of
        return True


def viewer(as_json: bool) -> Viewer:
    """A screen where stdout is a terminal that can be drawn on and nobody asked for JSON, else lines on stderr."""
    from cryptopipe.cli.narrator import Narrator

    console = Console()
    drawable = console.is_terminal and not console.is_dumb_terminal and sys.stdout.isatty() and in_foreground()
    return Viewer(Screen(console) if drawable and not as_json else Narrator())
