"""Where a run stops: at the end of its inputs, of its time, or when the user asks.

Enters: inputs, signals, the duration of `--for`. Leaves: the inputs, then the command that ended them. Never: an input
cut in two by a signal.
"""

import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.capture.merge import END_OF_RECORDING
from cryptopipe.clock import Nanos


class Stop:
    """Set by Ctrl-C: the run ends after the input at hand, with its summary."""

    def __init__(self) -> None:
        self.requested = False
        self._closed = threading.Lock()  # not an Event: a signal that finds the main thread inside its lock would hang
        self._closed.acquire()

    def ask(self) -> None:
        """Safe in a signal handler. Asking twice is asking once."""
        if not self.requested:
            self.requested = True
            self._closed.release()

    def wait(self, seconds: float) -> None:
        """Return after so many seconds, or as soon as somebody asks."""
        if self._closed.acquire(timeout=seconds):
            self._closed.release()


@contextmanager
def stop_on_interrupt() -> Iterator[Stop]:
    """While inside, the first Ctrl-C or SIGTERM only asks to stop; a second one interrupts."""
    stop = Stop()

    def ask(number: int, frame: object) -> None:
        if stop.requested:
            raise KeyboardInterrupt
        stop.ask()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def ended(inputs: Iterable[Input], stop: Stop, for_ns: Nanos | None) -> Iterator[Input]:
    """The inputs, then the command that ended them: it is an input like any other, so that a replay ends alike."""
    last: Input | None = None
    why = "end of recordings"
    until: Nanos | None = None
    for entry in inputs:
        if until is None and for_ns is not None:
            until = entry.at + for_ns
        if stop.requested or (until is not None and entry.at >= until):
            why = "interrupt" if stop.requested else "duration"
            break
        last = entry
        yield entry
        if entry.ends:
            return
    seq, at = (last.seq, last.at) if last else (0, 0)
    yield Input(seq + 1, (last.turn if last else 0) + 1, at, Direction.COMMAND, "", "", "", why.encode())


def watched(inputs: Iterable[Input], stop: Stop, for_ns: Nanos | None) -> Iterator[Input]:
    """The inputs until a Ctrl-C or the end of `--for`: without the command that ends a run, and without the closes that
    end a recording, so that its last prices stay in sight.
    """
    for entry in ended(inputs, stop, for_ns):
        ends = entry.direction is Direction.CLOSE and entry.payload == END_OF_RECORDING
        if not ends and entry.direction is not Direction.COMMAND:
            yield entry
