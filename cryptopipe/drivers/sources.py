"""A plugin's own source of frames in the place of a socket.

Enters: dials, asynchronous iterators that strangers wrote. Leaves: an opening with the first frame, the frames in their
order, a closing with its reason. Never: a frame that is dropped (who is ahead of the run waits), an error of a stranger
that reaches the run, or a source that is left open.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import NamedTuple

from cryptopipe.capture.inputs import Direction
from cryptopipe.drivers.doors import text
from cryptopipe.drivers.intake import Arrival
from cryptopipe.errors import CryptopipeError, PluginError, RateLimited
from cryptopipe.market.strangers import as_refusal
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.events import Dial
from cryptopipe.model.facts import VenueId
from cryptopipe.model.stream import Frame, Subscription

SCHEME = "source:"
"""What the URL of a codec begins with whose frames its plugin brings itself."""
GOODBYE = 2.0
"""Seconds that a source has to end before it is told again to."""
_AT_ONCE = 64
"""Frames of one source before the others have their turn, should it never wait by itself."""
_TOO_MANY = 429

Source = Callable[[str], AsyncIterator[Frame]]


class Ended(NamedTuple):
    """Why a source said no more; the status is what a websocket's refusal would have had, 0 for none."""

    reason: str
    status: int = 0


class Spring:
    """One life of one source. `hear` takes each frame, and says whether there is room for more."""

    def __init__(self, frames: Callable[[], AsyncIterator[Frame]], hear: Callable[[Frame], bool], largest: int) -> None:
        """`frames` begins it; a frame of more than `largest` bytes ends it."""
        self._frames, self._hear, self._largest = frames, hear, largest
        self._room = asyncio.Event()

    def resume(self) -> None:
        """There is room again."""
        self._room.set()

    async def run(self) -> Ended:
        """Until it ends, by itself or by an error. Raises `CancelledError` only where somebody else cancelled."""
        try:
            return await self._follow(self._frames())
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return Ended("the source was cancelled from within")
        except (Exception, BaseExceptionGroup, SystemExit) as error:  # noqa: BLE001 -- a stranger's source
            return _ended(error)

    async def _follow(self, frames: AsyncIterator[Frame]) -> Ended:
        count = 0
        try:
            async for frame in frames:
                if type(frame) is not bytes:
                    return Ended(f"the source gave {type(frame).__name__}, and a frame is bytes")
                if len(frame) > self._largest:
                    return Ended(f"the source gave a frame of {len(frame)} bytes, more than {self._largest}")
                count += 1
                self._room.clear()
                if not self._hear(frame):
                    await self._room.wait()
                elif count % _AT_ONCE == 0:
                    await asyncio.sleep(0)
        finally:
            close = getattr(frames, "aclose", None)
            if close is not None:
                await close()
        return Ended("the source ended")


def _ended(error: BaseException) -> Ended:
    while isinstance(error, BaseExceptionGroup):  # of a source that is several tasks: what broke first
        error = error.exceptions[0]
    if not isinstance(error, Exception):
        return Ended(f"the source raised {type(error).__name__}")
    refusal = as_refusal(error)
    return Ended(refusal.message, _TOO_MANY if isinstance(refusal, RateLimited) else 0)


class Springs:
    """The sources of a run, by connection. `heard` takes what comes of them, and says whether there is room."""

    def __init__(self, sources: Mapping[VenueId, Source], heard: Callable[[Arrival], bool], largest: int) -> None:
        self._sources, self._heard, self._largest = sources, heard, largest
        self._springs: dict[str, Spring] = {}

    async def follow(self, venue: VenueId, dial: Dial, life: int) -> None:
        """One connection, from the dial to its end. It is open with its first frame: before that nothing is known."""
        conn, opened = dial.conn, False
        source = self._sources.get(venue)

        def hear(frame: Frame) -> bool:
            nonlocal opened
            if not opened:
                opened = True
                self._heard(Arrival(Direction.OPEN, venue, conn, life, url=dial.url))
            return self._heard(Arrival(Direction.RECV, venue, conn, life, frame))

        ended = Ended(f"{venue} has no source")
        if source is not None:
            spring = self._springs[conn] = Spring(lambda: source(dial.url), hear, self._largest)
            try:
                ended = await spring.run()
            finally:
                if self._springs.get(conn) is spring:
                    del self._springs[conn]
        self._heard(Arrival(Direction.CLOSE, venue, conn, life, text(ended.reason), dial.url, ended.status))

    def resume(self) -> None:
        """There is room again."""
        for spring in self._springs.values():
            spring.resume()


def end(task: "asyncio.Task[None]") -> None:
    """Cancel it, and again after each `GOODBYE`: what a source still does to say goodbye may hang, or swallow it."""
    if not task.done():
        task.cancel()
        again = asyncio.get_running_loop().call_later(GOODBYE, end, task)
        task.add_done_callback(lambda _: again.cancel())


def refuse_unready(plugins: Mapping[VenueId, ExchangePlugin], wanted: Mapping[VenueId, Sequence[Subscription]]) -> None:
    """Raises the `CryptopipeError` that a source raises as it is called: it cannot work here, and no second attempt
    will help. Nothing is asked of it: an asynchronous generator that is not read has not begun.
    """
    for venue, plugin in plugins.items():
        if plugin.source is None:
            continue
        try:
            urls = [plugin.feed().connect(part, None, 0).url for part in plugin.split(wanted.get(venue, ()))]
        except Exception:  # noqa: BLE001 -- a stranger's plugin: the run leaves it out, and says why
            continue
        for url in (one for one in urls if one.startswith(SCHEME)):
            try:
                plugin.source(url)
            except CryptopipeError:
                raise
            except Exception as error:
                raise PluginError(as_refusal(error).message, where=venue) from error
