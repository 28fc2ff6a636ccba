"""Requests outside a run, against a server that says how often it was asked: what is asked again, and what never."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal as D

import pytest
from aiohttp import web

from cryptopipe.drivers.errand import PAUSES, Errand
from cryptopipe.drivers.fetching import session
from cryptopipe.drivers.signatory import Signatory
from cryptopipe.errors import RateLimited, UnknownOutcome
from cryptopipe.market.supply import ANSWER_WITHIN
from cryptopipe.model.actions import Action, FetchBalances, MoveFunds
from cryptopipe.model.facts import VenueId
from cryptopipe.model.outcomes import Accepted, Outcome, Reports
from cryptopipe.model.stream import Credentials, HttpRequest, HttpResponse

ALPHA = VenueId("alpha")
MOVE = MoveFunds(ALPHA, "X", D(1), "a", "b", "m-1")


class Counted:
    """One request each; `limited` is too many requests, `broken` leaves it open."""

    supports: frozenset[type[Action]] = frozenset({FetchBalances, MoveFunds})

    def build(self, action: Action, credentials: Credentials, at: int, earlier: object = ()) -> HttpRequest:
        return HttpRequest("POST" if isinstance(action, MoveFunds) else "GET", "http://alpha.example/ask")

    def parse(self, action: Action, response: HttpResponse, earlier: object = ()) -> Outcome:
        if response.body == b"limited":
            raise RateLimited("too many requests", where=ALPHA)
        if response.body == b"broken":
            raise UnknownOutcome("HTTP 502", where=ALPHA)
        return Accepted("ok") if isinstance(action, MoveFunds) else Reports()


async def asked(action: Action, answers: Sequence[bytes]) -> tuple[Outcome | Exception, int]:
    """The outcome, and how often the server was asked."""
    told = list(answers)

    async def answer(request: web.BaseRequest) -> web.Response:
        return web.Response(body=told.pop(0))

    server = web.Server(answer)
    runner = web.ServerRunner(server)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    codecs = {ALPHA: Counted()}
    signatory = Signatory(
        codecs=codecs, credentials={ALPHA: Credentials("k", "s")}, rewrite=lambda v, url: f"http://127.0.0.1:{port}/ask"
    )
    try:
        async with session(ANSWER_WITHIN) as http:
            outcome: Outcome | Exception = await Errand(codecs, signatory, http).ask(action)
    except (RateLimited, UnknownOutcome) as error:
        outcome = error
    finally:
        await runner.cleanup()
    return outcome, len(answers) - len(told)


def test_a_question_after_too_many_requests_is_asked_again() -> None:
    assert asyncio.run(asked(FetchBalances(ALPHA), [b"limited", b"fine", b"fine"])) == (Reports(), 2)


@pytest.mark.slow
def test_a_question_is_not_asked_for_ever() -> None:
    outcome, times = asyncio.run(asked(FetchBalances(ALPHA), [b"limited"] * 9))
    assert isinstance(outcome, RateLimited) and times == 1 + PAUSES


@pytest.mark.parametrize("body", [b"limited", b"broken"])
def test_what_changes_something_is_never_asked_again(body: bytes) -> None:
    outcome, times = asyncio.run(asked(MOVE, [body, b"fine"]))
    assert isinstance(outcome, RateLimited | UnknownOutcome) and times == 1
