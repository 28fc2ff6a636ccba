"""Carries alerts from the spool to the channels, in a process of its own.

Enters: the spool, rules, channels, `now`. Leaves: messages sent, and `DATA_DIR/alerts/delivery.json`: how far the spool
was read and what is not told yet. Never: a channel that waits for another one, two couriers of one spool, an alert lost
by a crash; the last message of each channel may be sent twice by one, for only the channel knows whether it arrived.
"""

import fcntl
import os
import queue
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Protocol

import msgspec
import structlog

from cryptopipe.alerts.alert import Alert
from cryptopipe.alerts.desk import State, delivered, failed, next_message, step
from cryptopipe.alerts.message import Message
from cryptopipe.alerts.rules import Rules
from cryptopipe.alerts.spool import Line, Spool
from cryptopipe.clock import Nanos
from cryptopipe.errors import ConfigError, CryptopipeError

BATCH = 1000
"""Lines taken in one turn."""
_log = structlog.get_logger()


class Sends(Protocol):
    """A channel."""

    def send(self, message: Message) -> str:
        """Empty, or why it did not arrive."""


class CourierBusy(CryptopipeError):
    """Another process delivers this data directory's alerts."""

    exit_code = 75
    code = "alerts_busy"


class Courier:
    """Delivers. Call `turn` again and again; each channel sends in a thread of its own, one message at a time.

    Raises `ConfigError` for a `delivery.json` that is none.
    """

    def __init__(self, spool: Spool, rules: Rules, channels: Mapping[str, Sends]) -> None:
        self._spool, self._rules, self._channels = spool, rules, channels
        self.path = spool.directory / "delivery.json"
        self.state = load(self.path)
        self._known = self.path.exists()
        for name in [name for name in self.state.channels if name not in channels]:
            del self.state.channels[name]
            _log.warning("alerts.channel_gone", channel=name)
        self._kept = b""
        self._results: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
        self.busy: set[str] = set()
        """Channels that are sending."""
        self.read = 0
        """Lines taken so far."""

    def turn(self, now: Nanos) -> bool:
        """Take what is new, keep it, send what is due; whether there is more to take at once."""
        self._note_results(now)
        lines = [*self._dropped(now), *islice(self._spool.lines(self.state.place), BATCH)]
        step(self.state, self._rules, lines, now)
        self.read += len(lines)
        self._keep()
        for name, channel in self.state.channels.items():
            message = next_message(channel, now)
            if message is not None and name not in self.busy:
                self.busy.add(name)
                threading.Thread(target=self._send, args=(name, message), daemon=True).start()
        return len(lines) >= BATCH

    @property
    def unsent(self) -> int:
        """Messages that wait for a channel which fails or is at it."""
        return sum(len(channel.outbox) for channel in self.state.channels.values())

    def _send(self, name: str, message: Message) -> None:
        self._results.put((name, self._channels[name].send(message)))

    def _note_results(self, now: Nanos) -> None:
        while not self._results.empty():
            name, why = self._results.get()
            self.busy.discard(name)
            channel = self.state.channels[name]
            title = channel.outbox[0].title
            if why:
                failed(channel, why, now)
                _log.warning("alerts.failed", channel=name, title=title, failures=channel.failures, reason=why)
            else:
                delivered(channel, now)
                _log.info("alerts.sent", channel=name, title=title)

    def _dropped(self, now: Nanos) -> list[Line]:
        """An alert where the spool was cut before it was read to its end."""
        place, first = self.state.place, self._spool.first()
        if not self._known or first.file <= place.file:
            return []
        text = f"alerts of {first.file - place.file} files of the spool were dropped before they were delivered"
        return [Line(place, first, Alert("alerts.dropped", str(self._spool.directory), text, "critical", now))]

    def _keep(self) -> None:
        content = msgspec.json.encode(self.state)
        if content == self._kept:
            return
        try:
            _replace(self.path, content)
        except OSError as error:  # messages go out all the same; after a crash some would go out again
            _log.warning("alerts.unkept", file=str(self.path), reason=error.strerror or type(error).__name__)
            return
        self._kept, self._known = content, True


def load(path: Path) -> State:
    """What was kept; a new state where there is no file. Raises `ConfigError` for one that is damaged."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=State)
    except FileNotFoundError:
        return State()
    except (msgspec.MsgspecError, OSError) as error:
        raise ConfigError(
            f"not the state of a delivery: {type(error).__name__}",
            where=str(path),
            fix="move it away: what the spool holds is delivered again then, what is older than a day in a digest",
        ) from None


@contextmanager
def only_courier(directory: Path) -> Iterator[None]:
    """Hold the delivery of one spool. Raises `CourierBusy` while another process has it, `OSError`."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "delivery.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CourierBusy(
                "another `cryptopipe alerts run` delivers these alerts", where=str(directory), fix="one is enough"
            ) from None
        yield


def _replace(path: Path, content: bytes) -> None:
    """A whole file in place of another, durably."""
    draft = path.with_name(f".{path.name}.new")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
