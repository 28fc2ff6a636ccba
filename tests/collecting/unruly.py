"""A proxy on loopback that treats each connection as it is told: a store's bad day, without a clock."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


class Unruly:
    """Passes connections to an upstream port, after those that `script` treats otherwise, in order.

    `mute`: takes everything and says nothing. `500`: answers so and closes. `cut N`: closes after N bytes of requests
    have gone through. `lose`: passes one request, and closes in place of its answer. `strike` is called with the number
    of each connection, from 1, before it is treated.
    """

    def __init__(
        self,
        upstream: int | None,
        script: tuple[str, ...] = (),
        always: str = "pass",
        strike: Callable[[int], object] = lambda number: None,
    ) -> None:
        self.connections = 0
        self._strike = strike
        self._upstream, self._script, self._always = upstream, list(script), always
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        for one in [self._socket, *self._open]:
            with suppress(OSError):
                one.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            self._open.append(client)
            how = self._script.pop(0) if self._script else self._always
            self.connections += 1
            self._strike(self.connections)
            threading.Thread(target=self._serve, args=(client, how), daemon=True).start()

    def _serve(self, client: socket.socket, how: str) -> None:
        with suppress(OSError), client:
            if how == "mute":
                while client.recv(65536):
                    pass
            elif how == "500":
                client.recv(65536)
                client.sendall(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            elif self._upstream is not None:
                self._pass(client, how)

    def _pass(self, client: socket.socket, how: str) -> None:
        limit = int(how.removeprefix("cut ")) if how.startswith("cut ") else None
        with socket.create_connection(("127.0.0.1", self._upstream or 0)) as server:
            back = threading.Thread(target=_pump, args=(server, client, how == "lose"), daemon=True)
            back.start()
            gone = 0
            while data := client.recv(65536 if limit is None else min(65536, limit - gone)):
                server.sendall(data)
                gone += len(data)
                if gone == limit:
                    break
            with suppress(OSError):
                server.shutdown(socket.SHUT_WR)
            if limit is None:
                back.join()


def _pump(source: socket.socket, target: socket.socket, lose: bool) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            if lose:
                break
            target.sendall(data)
        target.shutdown(socket.SHUT_RDWR)


@contextmanager
def unruly(
    upstream: int | None, *script: str, always: str = "pass", strike: Callable[[int], object] = lambda number: None
) -> Iterator[Unruly]:
    """One for the time of a test."""
    one = Unruly(upstream, script, always, strike)
    try:
        yield one
    finally:
        one.close()
