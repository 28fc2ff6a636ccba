"""How far a stranger's server is trusted: what it may send instead of what it was asked for.

Enters: dials, answers to requests. Leaves: connections to the address that was dialled, bodies of a bounded size, text.
Never: a redirect that is followed (each is one more attempt that no limit counts, and its address is anybody's), or an
answer that is kept whole because it never ends.
"""

import logging
from collections.abc import Iterable
from typing import Any

import aiohttp
from websockets.asyncio.client import connect

Headers = tuple[tuple[str, str], ...]
_KEPT_HEADERS = ("retry-after", "date")


_SILENT = logging.getLogger("cryptopipe.wire")
_SILENT.setLevel(logging.INFO)
"""The library writes each frame and header at DEBUG, keys and signatures too; also where a program logs everything."""


class Straight(connect):
    """`connect` without redirects: one is an upgrade that was refused. What it sends is in no log."""

    def __init__(self, uri: str, **given: Any) -> None:
        super().__init__(uri, logger=_SILENT, **given)

    def process_redirect(self, exc: Exception) -> Exception | str:
        """The refusal itself, never another address."""
        return exc


async def whole(answer: aiohttp.ClientResponse, most: int) -> bytes:
    """The body, unpacked. Raises `aiohttp.ClientPayloadError` above `most` bytes."""
    body = bytearray()
    async for part in answer.content.iter_any():
        body += part
        if len(body) > most:
            raise aiohttp.ClientPayloadError(f"an answer of more than {most} bytes")
    return bytes(body)


def kept(headers: Iterable[tuple[str, str]]) -> Headers:
    """What of an answer's headers is worth keeping, as text that can be written: no lone surrogates."""
    return tuple((name.lower(), text(value).decode()) for name, value in headers if name.lower() in _KEPT_HEADERS)


def text(value: str) -> bytes:
    """UTF-8, with a question mark for each byte that a server sent and that is none."""
    return value.encode(errors="replace")
