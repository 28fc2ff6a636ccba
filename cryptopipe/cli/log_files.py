"""The log in files, one for each component, for `less +F`.

Enters: events, in any thread. Leaves: a line of text or JSON for each, in `feed.log`, `gate.log`, …, and what was
renamed when it was full: `feed.log.1`, …. Never: a turn that waits for a disk, a colour code, a line broken in two, an
error for who logs.
"""

import fcntl
import json
import os
import queue
import re
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

QUEUED = 10_000
"""Events that wait for the disk; what comes beyond is counted and left out."""
CLOSE_WITHIN_S = 5.0
OTHER = "other"
_COMPONENTS = {
    "alert": "alerts",
    "decision": "gate",
    "edge": "gate",
    "fault": "sandbox",
    "fees": "market",
    "instrument": "market",
    "key": "execution",
    "metadata": "market",
    "order": "execution",
    "trading": "gate",
    "venue": "feed",
}
"""By the first word of an event, where it is not the component's name itself."""
_NAME = re.compile(r"[a-z][a-z_]{0,31}")
_MOST = 40
_PLAIN = re.compile(r"[^\s\"'=]+")
_END = object()


def component(event: str) -> str:
    """The component of a dotted event: `feed.closed` is of `feed`, `decision` of `gate`."""
    first = event.partition(".")[0]
    return _COMPONENTS.get(first) or (first if _NAME.fullmatch(first) else OTHER)


def text_line(event: Mapping[str, Any]) -> str:
    """`2026-11-22T01:21:10.790260Z warning feed.closed conn=alpha#1 reason="reset by peer"`."""
    data = [f"{name}={_value(value)}" for name, value in event.items() if name not in ("timestamp", "level", "event")]
    return " ".join([str(event.get("timestamp", "")), f"{event.get('level', ''):<7}", str(event["event"]), *data])


def _value(value: object) -> str:
    text = ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def json_line(event: Mapping[str, Any]) -> str:
    """The event as one JSON object; what JSON does not know as text."""
    return json.dumps(event, default=str, ensure_ascii=False)


class LogFile:
    """One file that several processes may append to; the one that finds it full renames it. Raises `OSError`."""

    def __init__(self, path: Path, max_bytes: int, keep: int) -> None:
        self.path, self._max_bytes, self._keep = path, max_bytes, keep
        self._file: int | None = None

    def write(self, line: str) -> None:
        """Append a line: it is in the file when this returns."""
        file = self._open()
        os.write(file, line.encode("utf-8", "replace") + b"\n")
        if os.fstat(file).st_size > self._max_bytes:
            self._rename(file)

    def close(self) -> None:
        """Release the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _open(self) -> int:
        if self._file is not None and not self._is_current(self._file):
            self.close()
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            self._file = os.open(self.path, flags, 0o600)
        return self._file

    def _is_current(self, file: int) -> bool:
        try:
            return os.path.samestat(os.fstat(file), self.path.stat())
        except FileNotFoundError:
            return False

    def _rename(self, file: int) -> None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # another process is at it
        if self._is_current(file):
            for number in range(self._keep - 1, 0, -1):
                older = self._numbered(number)
                if older.exists():
                    older.replace(self._numbered(number + 1))
            self.path.replace(self._numbered(1))
        self.close()

    def _numbered(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")


class LogFiles:
    """The files of a directory, written by a thread of its own. Call `close` at the end."""

    def __init__(self, directory: Path, as_json: bool, max_bytes: int, keep: int, queued: int = QUEUED) -> None:
        self.directory = directory
        self._line = json_line if as_json else text_line
        self._max_bytes, self._keep = max_bytes, keep
        self._files: dict[str, LogFile] = {}
        self._queue: queue.Queue[Any] = queue.Queue(queued)
        self._dropped = 0
        self._told = False
        self._thread = threading.Thread(target=self._work, name="log", daemon=True)
        self._thread.start()

    def put(self, event: Mapping[str, Any]) -> None:
        """Take an event; where too many wait it is counted and left out."""
        try:
            self._queue.put_nowait({**event, "pid": os.getpid()})
        except queue.Full:
            self._dropped += 1

    def close(self) -> None:
        """Write what waits, as far as the disk takes it within five seconds."""
        try:
            self._queue.put(_END, timeout=CLOSE_WITHIN_S)
        except queue.Full:
            return
        self._thread.join(CLOSE_WITHIN_S)

    def _work(self) -> None:
        last: Mapping[str, Any] = {}
        while (event := self._queue.get()) is not _END:
            self._write(event)
            last = event
            if self._queue.empty():
                self._tell_dropped(last)
        self._tell_dropped(last)
        for file in self._files.values():
            file.close()

    def _tell_dropped(self, after: Mapping[str, Any]) -> None:
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            same = {name: after[name] for name in ("timestamp", "pid") if name in after}
            self._write({**same, "level": "warning", "event": "log.dropped", "events": dropped})

    def _write(self, event: Mapping[str, Any]) -> None:
        name = component(str(event.get("event", "")))
        if name not in self._files:
            name = name if len(self._files) < _MOST else OTHER
            path = self.directory / f"{name}.log"
            self._files.setdefault(name, LogFile(path, self._max_bytes, self._keep))
        try:
            self._files[name].write(self._line(event))
        except OSError as error:
            self._files[name].close()
            if not self._told:
                self._told = True
                reason = error.strerror or type(error).__name__
                print(f"the log is not written to {self.directory}: {reason}", file=sys.stderr)
