"""Serves simulated venues on the loopback, one port each, in the time of the wall clock.

Enters: houses, what advances their world, ports. Leaves: origins, and the sandbox's own delay. Never: an address that
another machine reaches; a step before the former one's frames were handed on.
"""

import asyncio
import errno
import os
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass

from aiohttp import web

from cryptopipe.clock import MILLISECOND, SECOND, Nanos, Stamper
from cryptopipe.drivers.origin import OriginServer
from cryptopipe.drivers.outbox import Delays
from cryptopipe.errors import CryptopipeError, UsageError
from cryptopipe.model.facts import VenueId
from cryptopipe.sandbox.house import House

HOST = "127.0.0.1"
STEP = 5 * MILLISECOND
_SETTLED_WITHIN = 0.2
"""Seconds that requests in hand have at the end."""


class PortTaken(CryptopipeError):
    """Another process listens on the port."""

    exit_code = 75
    code = "port_taken"


@dataclass(frozen=True)
class Origin:
    """Where one venue listens."""

    port: int
    secure: bool = False

    @property
    def rest(self) -> str:
        """`http://127.0.0.1:8001`, without a path."""
        return f"http{'s' * self.secure}://{HOST}:{self.port}"

    def ws(self, path: str) -> str:
        """`ws://127.0.0.1:8001/path`."""
        return f"ws{'s' * self.secure}://{HOST}:{self.port}{path}"


@dataclass(frozen=True)
class Served:
    """A sandbox that listens: its origins by venue, and its delay so far."""

    origins: Mapping[VenueId, Origin]
    delays: Delays


@asynccontextmanager
async def serving(
    houses: Sequence[House],
    advance: Callable[[Nanos], object],
    port_base: int = 0,
    tls: ssl.SSLContext | None = None,
    stamp: Callable[[], Nanos] | None = None,
) -> AsyncIterator[Served]:
    """Listens and steps while inside. The first house gets `port_base`, the next ones those after it; 0 is free ports.

    `advance(until)` makes all events of the world up to then. Raises `PortTaken`, `UsageError` for a port that cannot
    be had; what a step raises, or who is inside, ends it.
    """
    stamp = stamp or Stamper()
    delays = Delays()
    servers = [OriginServer(house, delays, stamp) for house in houses]
    sockets = _bound(len(houses), port_base)
    runners = [web.ServerRunner(_handler(one), shutdown_timeout=_SETTLED_WITHIN) for one in servers]
    try:
        for runner, bound in zip(runners, sockets, strict=True):
            await runner.setup()
            await web.SockSite(runner, bound, ssl_context=tls).start()
        ports = [bound.getsockname()[1] for bound in sockets]
        origins = {one.venue: Origin(port, tls is not None) for one, port in zip(houses, ports, strict=True)}
        async with asyncio.TaskGroup() as group:
            stepping = group.create_task(_step(servers, advance, stamp))
            yield Served(origins, delays)
            stepping.cancel()
    except BaseExceptionGroup as raised:  # what broke first, as if there were no group
        raise raised.exceptions[0] from None
    finally:
        await asyncio.gather(*(one.goodbye() for one in servers))
        await asyncio.gather(*(runner.cleanup() for runner in runners))
        for bound in sockets:
            bound.close()


def serve(
    houses: Sequence[House],
    advance: Callable[[Nanos], object],
    listening: Callable[[Served], None],
    asked: Callable[[Delays], None],
    port_base: int = 0,
    tls: ssl.SSLContext | None = None,
    for_ns: Nanos | None = None,
    until_stdin_closes: bool = False,
) -> Delays:
    """`serving` until SIGINT, SIGTERM, the end of `for_ns` or of stdin; a second signal has its usual effect.

    `listening` is called once all venues listen, `asked` at each SIGUSR1.
    """

    async def run() -> Delays:
        stop = asyncio.Event()
        async with serving(houses, advance, port_base, tls) as served:
            with _stopped_by(stop, until_stdin_closes, lambda: asked(served.delays)):
                listening(served)
                with suppress(TimeoutError):
                    async with asyncio.timeout(None if for_ns is None else for_ns / SECOND):
                        await stop.wait()
        return served.delays

    return asyncio.run(run())


@contextmanager
def _stopped_by(stop: asyncio.Event, stdin: bool, asked: Callable[[], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)

    def end() -> None:
        stop.set()
        for number in signals:
            loop.remove_signal_handler(number)

    def readable() -> None:
        if not os.read(descriptor, 4096):
            loop.remove_reader(descriptor)
            stop.set()

    for number in signals:
        loop.add_signal_handler(number, end)
    loop.add_signal_handler(signal.SIGUSR1, asked)
    descriptor = sys.stdin.fileno() if stdin and sys.stdin is not None else -1
    if stdin:
        try:
            loop.add_reader(descriptor, readable)
        except (PermissionError, ValueError):  # a file, which nobody will write to, or closed already
            stop.set()
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGUSR1)
        end()
        if descriptor >= 0:
            loop.remove_reader(descriptor)


async def _step(
    servers: Sequence[OriginServer], advance: Callable[[Nanos], object], stamp: Callable[[], Nanos]
) -> None:
    """For ever: advances the world to the wall clock, hands on what the venues say."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        at = stamp()
        advance(at)
        for server in servers:
            server.step(at)
        now = loop.time()
        due = max(now, due + STEP / 1e9)  # a step that came late is not made up for
        await asyncio.sleep(due - now)


def _handler(server: OriginServer) -> web.Server:
    return web.Server(server.handle, handler_cancellation=True, access_log=None)


def _bound(count: int, port_base: int) -> list[socket.socket]:
    """One listening address each. Raises `PortTaken`, `UsageError`."""
    if port_base and not 0 < port_base <= 65_536 - count:
        raise UsageError(f"{count} ports from {port_base} on do not exist", where="--port-base", fix="0 for free ports")
    sockets: list[socket.socket] = []
    for number in range(count):
        port = port_base + number if port_base else 0
        bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sockets.append(bound)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((HOST, port))
            bound.listen(128)
        except OSError as error:
            for one in sockets:
                one.close()
            raise _unbound(port, error) from error
    return sockets


def _unbound(port: int, error: OSError) -> CryptopipeError:
    where, fix = f"{HOST}:{port}", "choose another --port-base, or 0 for free ports"
    if error.errno == errno.EADDRINUSE:
        return PortTaken("another process listens here", where=where, fix=fix)
    return UsageError(f"cannot listen here: {error.strerror}", where=where, fix=fix)
