"""Who has the terminal: this process, or the shell that put it in the background.

Enters: the terminal's foreground process group, Ctrl-Z. Leaves: the answer, the keys without echo for a while, and a
chance to give the terminal back before the process stops. Never: a change of a terminal that somebody else uses.
"""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator


def in_foreground() -> bool:
    """Whether the terminal's user talks to this process: one in the background must not touch the terminal."""
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError, AttributeError):  # no terminal to be in the background of
        return True


@contextlib.contextmanager
def silenced_keys() -> Iterator[None]:
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


@contextlib.contextmanager
def on_suspend(leave: Callable[[], None], resumed: Callable[[], None]) -> Iterator[None]:
    """While inside, Ctrl-Z calls `leave` and then stops the process; however it was stopped, `resumed` is called when
    it goes on. Both are called between two instructions of the main thread, so they may take no lock that the main
    thread may hold. Nothing where there is no Ctrl-Z, or where it is ignored.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or not hasattr(signal, "SIGTSTP") or signal.getsignal(signal.SIGTSTP) is signal.SIG_IGN:
        yield
        return

    def suspend(number: int, frame: object) -> None:
        leave()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTSTP)  # returns when the process goes on
        signal.signal(signal.SIGTSTP, suspend)

    handlers = {signal.SIGTSTP: suspend, signal.SIGCONT: lambda number, frame: resumed()}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
