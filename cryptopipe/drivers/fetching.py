"""One request of HTTP and its whole answer.

Enters: requests as values. Leaves: answers as values, or why there is none. Never: a redirect, a second attempt, an
exception of the network.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from ssl import SSLContext

import aiohttp

from cryptopipe import __version__
from cryptopipe.act.execution import NOT_SENT
from cryptopipe.capture.redact import redact_url
from cryptopipe.clock import SECOND, Nanos
from cryptopipe.drivers.doors import Headers, kept, text, whole
from cryptopipe.market.feeds import NO_ANSWER
from cryptopipe.model.stream import HttpRequest

_CONTEXT = re.compile(r" ssl:(<[^>]*>|\w+)")
"""What the client of HTTP says of its TLS, such as an address in memory."""
AGENT = f"cryptopipe/{__version__}"
LARGEST = 16 << 20
"""Bytes of an answer."""


@dataclass(frozen=True)
class Fetched:
    """An answer, or `NO_ANSWER` or `NOT_SENT` with the reason as its payload."""

    status: int
    payload: bytes
    headers: Headers = ()


def session(within: Nanos) -> aiohttp.ClientSession:
    """A client whose requests end by then."""
    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=within / SECOND), headers={"User-Agent": AGENT}
    )  # fmt: skip


async def fetch(http: aiohttp.ClientSession, request: HttpRequest, secure: Callable[[], SSLContext]) -> Fetched:
    """`secure` is asked where the URL needs it."""
    try:
        async with http.request(
            request.method,
            request.url,
            headers=request.headers,
            data=request.body,
            ssl=secure() if request.url.startswith("https:") else True,
            allow_redirects=False,
        ) as answer:
            return Fetched(answer.status, await whole(answer, LARGEST), kept(answer.headers.items()))
    except aiohttp.ClientConnectorError as failed:
        return Fetched(NOT_SENT, text(_CONTEXT.sub("", f"cannot connect: {failed}")))
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as failed:
        return Fetched(NO_ANSWER, text(redact_url(f"no answer: {failed or type(failed).__name__}")))
