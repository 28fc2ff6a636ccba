"""A client's websocket that hands over its messages as they are read, without a task between.

Enters: what the socket brings. Leaves: whole messages, in order, to one function. Never: a message before `listen`, one
lost to it, or one more read of the socket while there is no room.
"""

from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.frames import DATA_OPCODES, Frame


class Ear(ClientConnection):
    """A connection for `connect(create_connection=Ear)`; after `listen`, `recv` only waits for the end.

    A task that awaits each message costs about as much as parsing it. Backpressure is one read late by design: every
    socket that has data is read once in each round of the loop, so that a loud connection cannot starve the others.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._hear: Callable[[bytes], bool] | None = None
        self._early: list[bytes] = []
        self._parts: list[bytes] = []
        self._room = True

    def listen(self, hear: Callable[[bytes], bool]) -> None:
        """From now on each message, and first those that have come already. `hear` says whether there is room for more;
        if not, the socket is not read until `resume`.
        """
        for message in self._early:
            self._room = hear(message)
        self._early.clear()
        self._hear = hear

    def resume(self) -> None:
        """There is room again."""
        if not self._room:
            self._room = True
            self.transport.resume_reading()

    def process_event(self, event: Any) -> None:
        """One frame: of data to `hear`, any other to the library."""
        if type(event) is not Frame or event.opcode not in DATA_OPCODES:
            super().process_event(event)
        elif event.fin and not self._parts:
            self._message(bytes(event.data))
        else:
            self._parts.append(bytes(event.data))
            if event.fin:
                whole = b"".join(self._parts)
                self._parts.clear()
                self._message(whole)

    def data_received(self, data: bytes) -> None:
        """What one read brought."""
        super().data_received(data)
        if not self._room:
            self.transport.pause_reading()

    def _message(self, payload: bytes) -> None:
        if self._hear is None:
            self._early.append(payload)
        else:
            self._room = self._hear(payload)
