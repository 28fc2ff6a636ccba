"""Unsigned questions outside a run: what venues say of themselves, asked once.

Enters: requests by venue, where URLs lead. Leaves: for each venue its answers in their order, or why there are none.
Never: a second attempt, two requests of a venue nearer than `APART`, a venue that waits for another one.
"""

import asyncio
from collections.abc import Mapping, Sequence
from ssl import SSLContext, create_default_context

import aiohttp
import msgspec

from cryptopipe.act.execution import NOT_SENT
from cryptopipe.capture.redact import redact_url
from cryptopipe.clock import SECOND, Nanos
from cryptopipe.drivers.fetching import fetch, session
from cryptopipe.errors import RateLimited, VenueError, VenueUnavailable
from cryptopipe.market.feeds import NO_ANSWER, Rewrite
from cryptopipe.market.inquiry import APART
from cryptopipe.market.supply import ANSWER_WITHIN
from cryptopipe.model.facts import VenueId
from cryptopipe.model.stream import HttpRequest, HttpResponse

Answers = Sequence[HttpResponse] | VenueError
_TOO_MANY = 429


def ask_each(
    questions: Mapping[VenueId, Sequence[HttpRequest]], rewrite: Rewrite, apart: Nanos = APART
) -> Mapping[VenueId, Answers]:
    """All answers of each venue, by the URL that was asked for, or the first failure of that venue: no connection, no
    answer in time, a status of 400 or above.
    """
    return asyncio.run(_together(questions, rewrite, apart))


async def _together(
    questions: Mapping[VenueId, Sequence[HttpRequest]], rewrite: Rewrite, apart: Nanos
) -> Mapping[VenueId, Answers]:
    async with session(ANSWER_WITHIN) as http:
        line = _Line(http, rewrite, apart)
        answers = await asyncio.gather(*(line.ask(venue, asked) for venue, asked in questions.items()))
    return dict(zip(questions, answers, strict=True))


class _Line:
    def __init__(self, http: aiohttp.ClientSession, rewrite: Rewrite, apart: Nanos) -> None:
        self._http, self._rewrite, self._apart = http, rewrite, apart
        self._tls: SSLContext | None = None

    async def ask(self, venue: VenueId, requests: Sequence[HttpRequest]) -> Answers:
        answers: list[HttpResponse] = []
        try:
            for request in requests:
                if answers:
                    await asyncio.sleep(self._apart / SECOND)
                answers.append(await self._one(venue, request))
        except VenueError as error:
            return error
        return answers

    async def _one(self, venue: VenueId, request: HttpRequest) -> HttpResponse:
        asked = msgspec.structs.replace(request, url=self._rewrite(venue, request.url))
        answer = await fetch(self._http, asked, self._secure)
        said = answer.payload[:120].decode(errors="replace")
        if answer.status in (NO_ANSWER, NOT_SENT):
            raise VenueUnavailable(said, where=venue, fix="check the network, or ask later")
        if answer.status >= 400:
            kind = RateLimited if answer.status == _TOO_MANY else VenueError
            raise kind(f"status {answer.status} to {redact_url(request.url)}: {said}", where=venue)
        return HttpResponse(answer.status, answer.payload, request.url, dict(answer.headers))

    def _secure(self) -> SSLContext:
        self._tls = self._tls or create_default_context()
        return self._tls
