"""The sender of `bench load` and `bench collect`, seen from this end: its process, and whether all of it came.

Enters: what it is to send. Leaves: connections that lead to it; what was lost. Never: a frame that is counted as
received before a capture holds it, byte by byte.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from itertools import chain
from pathlib import Path
from select import select
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import msgspec

from cryptopipe.bench.load_figures import Meter, lost
from cryptopipe.bench.load_generator import Listening, Order
from cryptopipe.bench.sides import BenchFailed
from cryptopipe.capture.inputs import Direction
from cryptopipe.capture.reader import read
from cryptopipe.clock import MILLISECOND, SECOND, Nanos
from cryptopipe.drivers.pace import Schedule, Sent
from cryptopipe.drivers.serve import HOST
from cryptopipe.drivers.stop import Stop
from cryptopipe.drivers.streams import Streams
from cryptopipe.market.market import Market
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.facts import VenueId
from cryptopipe.settings.keys import without_keys

MADE_WITHIN_S, TOLD_WITHIN_S = 600, 10
GRACE = 2 * SECOND
"""When everything was due, and nothing has come for so long, what is missing is lost."""
T = TypeVar("T")


class Receiving:
    """This end: where the connections lead, and when everything has come."""

    def __init__(self, schedule: Schedule, meter: Meter, listening: Listening) -> None:
        self._meter, self._listening = meter, listening
        self._frames = sum(listening.frames)
        self._until = time.monotonic_ns() + schedule.due_at(schedule.frames - 1)
        self._seen, self._seen_at = 0, 0

    def streams(
        self,
        plugins: Mapping[VenueId, ExchangePlugin],
        market: Market,
        subscriptions: Any,
        looked: Callable[[Nanos], None] = lambda at: None,
    ) -> Streams:
        """The connections of who receives."""
        return Streams(
            plugins, market, subscriptions, self._meter.take, self._meter.turn_ended, self._there, self._over,
            looked=looked, ready=self._meter.ready, refresh=0,
        )  # fmt: skip

    def _there(self, venue: VenueId, url: str) -> str:
        real = urlsplit(url)
        scheme = "ws" if real.scheme in ("ws", "wss") else "http"
        return str(urlunsplit((scheme, f"{HOST}:{self._listening.ports[venue]}", real.path, real.query, "")))

    def _over(self) -> str:
        now, seen = time.monotonic_ns(), len(self._meter.came_on)
        if seen >= self._frames:
            return "all received"
        if seen != self._seen:
            self._seen, self._seen_at = seen, now
        return "frames are missing" if now > max(self._until, self._seen_at) + GRACE else ""


def lost_on(conns: Sequence[str], listening: Listening, meter: Meter) -> list[str]:
    """Connections of which frames did not come."""
    missing = lost(list(conns), listening.frames, meter)
    return [f"{conn}: {sent:,} frames sent, {came:,} received" for conn, (sent, came) in missing.items()]


def uncaptured(captures: Sequence[Path], conns: Sequence[str], listening: Listening) -> list[str]:
    """What the captures hold of each connection, against what was sent on it."""
    frames, told = dict.fromkeys(conns, 0), {conn: sha256() for conn in conns}
    for entry in chain.from_iterable(map(read, captures)):
        if entry.direction is Direction.RECV:
            frames[entry.conn] += 1
            told[entry.conn].update(entry.payload + b"\n")
    problems = []
    for conn, sent, hashed in zip(conns, listening.frames, listening.sha256, strict=True):
        if frames[conn] != sent:
            problems.append(f"{conn}: {sent:,} frames sent, {frames[conn]:,} captured")
        elif told[conn].hexdigest() != hashed:
            problems.append(f"{conn}: the captured frames are not those that were sent")
    return problems


def of_sender(sent: Sent, listening: Listening, schedule: Schedule) -> list[str]:
    """How the sender did."""
    plays = schedule.due_at(schedule.frames - 1) / max(1, listening.lasted)
    late, latest = sent.late_p99 / MILLISECOND, sent.latest / MILLISECOND
    return [
        f"the sender was late by {late:.1f} ms in 1 % of its rounds, {latest:.1f} ms at worst;"
        f" at most {sent.most_waiting:,} bytes waited at its end",
        f"the frames are {listening.lasted / SECOND:.0f} s of simulated market, sent {1 / plays:.1f} times as fast",
    ]


def cores_allowed() -> list[int]:
    """Those that this process may run on; empty where the system does not tell."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


@contextmanager
def on_last(cores: Sequence[int]) -> Iterator[None]:
    """This process on the last core while inside; the sender has the first."""
    if not cores:
        yield
        return
    os.sched_setaffinity(0, {cores[-1]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, set(cores))


@contextmanager
def generator(order: Order) -> "Iterator[subprocess.Popen[bytes]]":
    """The process that sends, while inside."""
    command = [sys.executable, "-m", "cryptopipe.bench.load_generator"]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=without_keys(os.environ), start_new_session=True
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.write(msgspec.json.encode(order) + b"\n")
        process.stdin.flush()
        yield process
    finally:
        process.stdin.close()
        try:
            process.wait(3)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def told_by(process: "subprocess.Popen[bytes]", kind: type[T], within_s: int, stop: Stop) -> T:
    """The sender's next line. Raises `BenchFailed` if none comes, `KeyboardInterrupt` if the user stops."""
    assert process.stdout is not None
    until = time.monotonic() + within_s
    while not select([process.stdout], [], [], 0.2)[0]:
        if stop.requested:
            raise KeyboardInterrupt
        if time.monotonic() > until:
            raise BenchFailed(f"said nothing for {within_s} s", where="the sender of frames")
    line = process.stdout.readline()
    if not line:
        raise BenchFailed("its process has ended", where="the sender of frames", fix="see its traceback")
    return msgspec.json.decode(line, type=kind)
