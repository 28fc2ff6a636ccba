"""One venue's private connection: signed in, listened to, dialled again for as long as the run lasts.

Enters: a private stream, a key. Leaves: arrivals of its openings, frames and closings. Never: a key, a signature or a
token in an arrival; two dials within a second.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from ssl import SSLContext

from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from cryptopipe.act.strangers import sendable
from cryptopipe.capture.inputs import PRIVATE, Direction
from cryptopipe.clock import SECOND, Nanos
from cryptopipe.drivers.doors import Straight, text
from cryptopipe.drivers.ear import Ear
from cryptopipe.drivers.fetching import AGENT, LARGEST, Fetched
from cryptopipe.drivers.intake import Arrival
from cryptopipe.drivers.signatory import Signatory, Signed
from cryptopipe.drivers.veil import Veil, of_request, of_stream
from cryptopipe.errors import CryptopipeError, ProtocolError
from cryptopipe.market.strangers import as_refusal
from cryptopipe.model.facts import VenueId
from cryptopipe.model.stream import Connect, HttpRequest, HttpResponse, StreamAuth, bare

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1, 60
"""Between two dials; doubled each time that one did not last as long as the longest."""


class PrivateLine:
    """`heard` takes arrivals, `life` is the intake's, `sockets` has the open connections by name."""

    def __init__(
        self,
        venue: VenueId,
        stream: Signed,
        signatory: Signatory,
        stamp: Callable[[], Nanos],
        fetch: Callable[[HttpRequest], Awaitable[Fetched]],
        heard: Callable[[Arrival], bool],
        life: Callable[[str], int],
        sockets: MutableMapping[str, Ear],
        secure: Callable[[], SSLContext],
    ) -> None:
        self._venue, self._stream, self._signatory = venue, stream, signatory
        self._stamp, self._fetch, self._heard, self._life = stamp, fetch, heard, life
        self._sockets, self._secure = sockets, secure
        self._conn = f"{venue}{PRIVATE}"
        self._veil: Veil = of_stream(signatory.credentials[venue], StreamAuth())

    async def follow(self) -> None:
        """For ever; who cancels it ends it."""
        pause = FIRST_PAUSE_S
        while True:
            began_at = self._stamp()
            why = await self._once()
            self._heard(
                Arrival(Direction.CLOSE, self._venue, self._conn, self._life(self._conn), self._veil(text(why)))
            )  # fmt: skip
            lasted = self._stamp() - began_at >= LONGEST_PAUSE_S * SECOND
            pause = FIRST_PAUSE_S if lasted else min(2 * pause, LONGEST_PAUSE_S)
            await asyncio.sleep(pause)

    async def _once(self) -> str:
        """One connection from its signature to its end, and why it ended."""
        try:
            connect = await self._signed()
        except CryptopipeError as error:
            return f"not signed in: {error}"
        except UnicodeEncodeError:  # its text would quote the secret
            return "not signed in: the key or its secret is no text"
        except Exception as error:  # noqa: BLE001 -- a stranger's signer or codec, whose text may quote the secret
            return f"not signed in: {as_refusal(error).message}"
        try:
            return await self._listen(connect)
        except ConnectionClosed as closed:
            return str(closed)
        except InvalidStatus as refused:
            return f"the upgrade was refused: HTTP {refused.response.status_code}"
        except (OSError, WebSocketException, TimeoutError, EOFError, ValueError) as failed:
            return f"cannot connect: {failed or type(failed).__name__}"

    async def _signed(self) -> Connect:
        """Raises `VenueError`, `ProtocolError`."""
        signer, key = self._stream.signer, self._signatory.credentials[self._venue]
        at = self._signatory.moment(self._venue, self._stamp())
        request, response = signer.request(key, at), None
        if request is not None:
            sendable(request)
            url = self._signatory.rewrite(self._venue, request.url)
            self._veil = of_request(key, request)
            got = await self._fetch(HttpRequest(request.method, url, request.headers, request.body))
            response = HttpResponse(got.status, self._veil(got.payload), bare(url), dict(got.headers))
        auth = signer.auth(key, response, at)
        self._veil = of_stream(key, auth)
        connect = self._stream.codec().connect(auth, at)
        self._veil = of_stream(key, auth, connect.frames)
        if not isinstance(connect, Connect) or not all(isinstance(frame, str) for frame in connect.frames):
            raise ProtocolError(f"the plugin made {type(connect).__name__} in place of a connection to dial")
        return connect

    async def _listen(self, connect: Connect) -> str:
        url, veil = self._signatory.rewrite(self._venue, connect.url), self._veil
        async with Straight(
            url,
            compression=None,
            max_size=LARGEST,
            create_connection=Ear,
            ping_interval=None,
            close_timeout=1,
            user_agent_header=AGENT,
            ssl=self._secure() if url.startswith("wss:") else None,
            proxy=None,
        ) as socket:
            assert isinstance(socket, Ear), f"connect was asked for an Ear: {type(socket)}"
            conn, life = self._conn, self._life(self._conn)
            self._sockets[conn] = socket
            try:
                self._heard(Arrival(Direction.OPEN, self._venue, conn, life, url=bare(url)))
                socket.listen(
                    lambda payload: self._heard(Arrival(Direction.RECV, self._venue, conn, life, veil(payload)))
                )  # fmt: skip
                for frame in connect.frames:
                    await socket.send(frame)
                await self._kept_alive(socket, connect)
            finally:
                self._sockets.pop(conn, None)
        return "closed"

    async def _kept_alive(self, socket: Ear, connect: Connect) -> None:
        """Until it ends, which raises."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(connect.ping_every_s):
                    await socket.recv()
            if connect.ping_text is not None:
                await socket.send(connect.ping_text)
            else:
                await socket.ping()
