"""An `Ear` on real sockets: whole messages in order, from the first on, and no connection before the others."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosedOK

from cryptopipe.drivers.ear import Ear

ROOM = 200
EACH = 2_000
LOUD = 5
A_READ = (256 << 10) // 2_000 + 1
"""Messages in the most that asyncio reads at once."""


async def at_the_other_end(
    stack: AsyncExitStack, says: Callable[[ServerConnection], Awaitable[None]], count: int = 1
) -> list[Ear]:
    async def handle(socket: ServerConnection) -> None:
        await says(socket)
        await socket.wait_closed()

    server = await stack.enter_async_context(serve(handle, "127.0.0.1", 0, compression=None))
    port = next(iter(server.sockets)).getsockname()[1]
    url, ears = f"ws://127.0.0.1:{port}", list[Ear]()
    for _ in range(count):
        ear = await stack.enter_async_context(
            connect(url, create_connection=Ear, compression=None, ping_interval=None, proxy=None, close_timeout=0.2)
        )
        assert isinstance(ear, Ear)
        ears.append(ear)
    return ears


async def a_round() -> None:
    """Of the loop: every socket that may be read was read."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    loop.call_soon(done.set_result, None)
    await done


def test_messages_are_whole_and_in_order_with_those_that_came_before_somebody_listened() -> None:
    async def says(socket: ServerConnection) -> None:
        await socket.send("first")
        await socket.send(["in ", "three ", "parts"])
        await socket.send("next")
        await socket.ping()
        await socket.send(b"last")
        await socket.close(1001, "going")

    async def steps() -> list[bytes]:
        heard: list[bytes] = []
        async with AsyncExitStack() as stack:
            (ear,) = await at_the_other_end(stack, says)
            early = asyncio.Event()
            asyncio.get_running_loop().call_later(0.05, early.set)
            await early.wait()

            def hear(message: bytes) -> bool:
                heard.append(message)
                return True

            ear.listen(hear)
            with pytest.raises(ConnectionClosedOK, match="going"):
                await ear.recv()
        return heard

    assert asyncio.run(steps()) == [b"first", b"in three parts", b"next", b"last"]


def test_no_connection_takes_the_room_of_the_others() -> None:
    """Five that have more to say than there is room for: when one of them is through, all have had a fair share."""

    async def says(socket: ServerConnection) -> None:
        await socket.recv()
        socket.transport.write(b"".join(b"\x82\x7e\x07\xd0" + number.to_bytes(2_000) for number in range(EACH)))

    async def steps() -> None:
        waiting: deque[tuple[int, int]] = deque()
        came = [0] * LOUD

        def hearing(number: int) -> Callable[[bytes], bool]:
            def hear(message: bytes) -> bool:
                waiting.append((number, int.from_bytes(message)))
                return len(waiting) < ROOM

            return hear

        async with AsyncExitStack() as stack:
            ears = await at_the_other_end(stack, says, LOUD)
            for number, ear in enumerate(ears):
                ear.listen(hearing(number))
            for ear in ears:
                await ear.send("begin")
            through = False
            while min(came) < EACH:
                assert len(waiting) <= ROOM + LOUD * A_READ, "a socket was read though there was no room"
                for _ in range(min(len(waiting), ROOM)):
                    number, said = waiting.popleft()
                    assert said == came[number], f"connection {number}: expected {came[number]}, got {said}"
                    came[number] += 1
                if not through and max(came) == EACH:
                    through = True
                    assert min(came) > EACH // 3, f"shares when the first was through: {came}"
                if len(waiting) < ROOM:
                    for ear in ears:
                        ear.resume()
                await a_round()

    asyncio.run(steps())
