"""Shows a running run on a terminal, off the thread that decides.

Enters: the newest `Picture`, whenever the run has one. Leaves: a screen of which only changed cells are written, at
most four times a second. Never: a run that waits for a terminal, or a terminal that is left as the screen was.
"""

import contextlib
import os
import re
import sys
import threading
from collections import deque
from io import TextIOBase
from typing import IO, TYPE_CHECKING, Protocol

from rich.color import ColorSystem
from rich.console import Console

from cryptopipe.cli.cells import Row, changes, painted
from cryptopipe.cli.drawing import Drawing
from cryptopipe.cli.foreground import in_foreground, on_suspend, silenced_keys
from cryptopipe.cli.narrator import Narrator
from cryptopipe.picture import Picture

if TYPE_CHECKING:
    from types import TracebackType

EVERY_S = 0.25
_PATIENCE_S = 1.0
_ENTER = "\x1b[?1049h\x1b[?25l\x1b[0m\x1b[2J"
_LEAVE = "\x1b[0m\x1b[?25h\x1b[?1049l"
_KEPT_LINES = 500
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_SYSTEMS = {name: ColorSystem[name.upper()] for name in ("standard", "truecolor", "windows")} | {
    "256": ColorSystem.EIGHT_BIT
}


class Painter(Protocol):
    """What the pictures are shown on; never called by two threads at a time. `OSError` ends it quietly.

    `leave`: the process is about to stop; a drawing after it begins anew. `doubt`: it was stopped, and something else
    may have been shown since; called in a signal handler, at any moment.
    """

    def begin(self) -> None: ...
    def draw(self, picture: Picture) -> None: ...
    def leave(self) -> None: ...
    def doubt(self) -> None: ...
    def end(self) -> None: ...


class Viewer:
    """Hands the newest picture over to a painter in a thread of its own: one that is slow misses pictures, and
    nobody waits for it.
    """

    def __init__(self, painter: Painter, every_s: float = EVERY_S) -> None:
        self._painter, self._every_s = painter, every_s
        self._newest: Picture | None = None
        self._news, self._over = threading.Event(), threading.Event()
        self._painting = threading.RLock()  # the main thread takes it only in a signal handler
        self._handlers = contextlib.ExitStack()
        self._thread = threading.Thread(target=self._run, name="viewer", daemon=True)

    def __enter__(self) -> "Viewer":
        self._handlers.enter_context(on_suspend(self._leave, self._painter.doubt))
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
        self._handlers.close()

    def _leave(self) -> None:
        """In a signal handler: a drawing that a slow terminal does not take is given a second."""
        if self._painting.acquire(timeout=_PATIENCE_S):
            try:
                with contextlib.suppress(OSError):
                    self._painter.leave()
            finally:
                self._painting.release()

    def _run(self) -> None:
        with contextlib.suppress(OSError):  # the terminal is gone, and with it whoever looked
            with self._painting:
                self._painter.begin()
            try:
                while not self._over.is_set():
                    self._news.wait(self._every_s)
                    self._draw()
                    self._over.wait(self._every_s)
                self._draw()
            finally:
                with self._painting:
                    self._painter.end()

    def _draw(self) -> None:
        """Also without news: the terminal may have another size."""
        self._news.clear()
        if self._newest is not None:
            with self._painting:
                self._painter.draw(self._newest)


class Screen:
    """A `Painter` that fills a terminal. What others write to stderr meanwhile is kept, shown in the last row, and
    written when the screen is gone. In the background it tells lines and leaves the terminal alone.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._out = _Out(console.file)
        self._drawing = Drawing(ascii_only=not console.encoding.lower().startswith("utf"))
        system = _SYSTEMS.get(console.color_system or "")
        self._paint = painted(system or (ColorSystem.STANDARD if console.is_terminal else None), not console.no_color)
        self._rows: tuple[Row, ...] = ()
        self._size = (0, 0)
        self._entered, self._doubtful = False, False
        self._kept = _Kept()
        self._quiet = contextlib.ExitStack()
        self._narrator: Narrator | None = None

    def begin(self) -> None:
        """Take the terminal over, if it is ours."""
        if self._entered or not in_foreground():
            return
        self._entered, self._size = True, (0, 0)
        self._quiet.enter_context(silenced_keys())
        if sys.stderr.isatty():
            self._quiet.enter_context(contextlib.redirect_stderr(self._kept))
        self._out.write(_ENTER)

    def draw(self, picture: Picture) -> None:
        """Write what differs from the drawing before; nothing if nothing does."""
        doubtful, self._doubtful = self._doubtful, False
        if not in_foreground():
            self._narrate(picture)
            return
        self.begin()
        size = self._console.size
        width, height = size.width, size.height
        text = ""
        if doubtful or (width, height) != self._size:
            text, self._size = _ENTER, (width, height)
            self._rows = (((" " * width, ""),),) * height
        rows = self._drawing.rows(picture, width, height, self._kept.last)
        text += changes(self._rows, rows, self._paint)
        self._rows = rows
        if text:
            self._out.write(text)

    def leave(self) -> None:
        """Give the terminal back until the next drawing. In the background it is somebody else's: write nothing."""
        if not self._entered:
            return
        self._entered = False
        try:
            if in_foreground():
                self._out.write(_LEAVE)
        finally:
            self._quiet.close()

    def doubt(self) -> None:
        """The next drawing writes every cell."""
        self._doubtful = True

    def end(self) -> None:
        """Give the terminal back, then write what was kept."""
        try:
            self.leave()
        finally:
            self._kept.release(sys.stderr)

    def _narrate(self, picture: Picture) -> None:
        self.leave()  # stopped by what cannot be caught
        if self._narrator is None:
            self._narrator = Narrator()
        self._narrator.draw(picture)


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


def viewer(as_json: bool) -> Viewer:
    """A screen where stdout is a terminal that can be drawn on and nobody asked for JSON, else lines on stderr."""
    console = Console()
    drawable = console.is_terminal and not console.is_dumb_terminal and sys.stdout.isatty() and in_foreground()
    return Viewer(Screen(console) if drawable and not as_json else Narrator())
