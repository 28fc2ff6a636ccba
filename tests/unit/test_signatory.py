"""The holder of keys: what it signs with, and what it lets nobody see."""

import asyncio
from collections.abc import Sequence

import pytest

from cryptopipe.act.action_rules import ActionRules
from cryptopipe.act.ccxt_codec import CcxtActions
from cryptopipe.act.execution import NOT_SENT, Instruction
from cryptopipe.act.plan import unique_since
from cryptopipe.clock import MILLISECOND, SECOND, Nanos
from cryptopipe.drivers.fetching import Fetched
from cryptopipe.drivers.intake import Arrival
from cryptopipe.drivers.signatory import Signatory, arrived
from cryptopipe.errors import VenueError
from cryptopipe.model.actions import Action, FetchBalances
from cryptopipe.model.facts import VenueId
from cryptopipe.model.outcomes import Outcome
from cryptopipe.model.stream import Credentials, HttpRequest, HttpResponse

ALPHA, BETA = VenueId("alpha"), VenueId("beta")
START: Nanos = 1_800_000_000 * SECOND
BALANCES = Instruction("action:1", ALPHA, FetchBalances(ALPHA))


class Stamped:
    """A codec whose request tells when it was signed; without a key it cannot."""

    supports: frozenset[type[Action]] = frozenset({FetchBalances})

    def build(
        self, action: Action, credentials: Credentials, at: Nanos, earlier: Sequence[HttpResponse] = ()
    ) -> HttpRequest:
        if credentials.key == "odd":
            raise VenueError("cannot be built", where="alpha")
        return HttpRequest("GET", f"https://alpha.example/balances?nonce={at}&signature=S16N")

    def parse(self, action: Action, response: HttpResponse, earlier: Sequence[HttpResponse] = ()) -> Outcome:
        raise NotImplementedError


def signatory(key: str = "k") -> Signatory:
    return Signatory(codecs={ALPHA: Stamped(), BETA: Stamped()}, credentials={ALPHA: Credentials(key, "s")})


def nonce(request: HttpRequest | Arrival) -> int:
    assert isinstance(request, HttpRequest)
    return int(request.url.partition("nonce=")[2].partition("&")[0])


def test_no_two_requests_of_a_venue_are_signed_in_one_millisecond() -> None:
    """Nonces count milliseconds, and must rise: whatever the clock says, even if it is set back."""
    one = signatory()
    at = [START, START, START + 1, START - SECOND, START + SECOND]
    nonces = [nonce(one.signed(BALANCES, now)) // MILLISECOND for now in at]
    assert nonces == sorted(set(nonces)) and nonces[0] == START // MILLISECOND
    assert nonces[-1] == (START + SECOND) // MILLISECOND, "it does not run ahead for longer than it must"


@pytest.mark.parametrize(
    ("instruction", "key", "says"),
    [
        (Instruction("action:1", BETA, FetchBalances(BETA)), "k", b"no key of beta is set"),
        (BALANCES, "odd", b"alpha: cannot be built"),
    ],
)
def test_what_cannot_be_signed_was_never_sent(instruction: Instruction, key: str, says: bytes) -> None:
    told = signatory(key).signed(instruction, START)
    assert isinstance(told, Arrival)
    assert (told.status, told.payload, told.request) == (NOT_SENT, says, "action:1")


def test_an_answer_enters_the_run_without_the_signed_query() -> None:
    told = arrived(BALANCES, "https://alpha.example/balances?nonce=1&signature=S16N", Fetched(200, b"{}"))
    assert told.url == "https://alpha.example/balances"
    assert (told.request, told.status, told.conn, told.venue) == ("action:1", 200, "", ALPHA)


def test_names_of_orders_are_those_of_no_other_run_and_the_same_in_its_replay() -> None:
    assert unique_since(START)("d1-1") == unique_since(START)("d1-1")
    ids = {unique_since(START + n)(name) for n in (0, 1) for name in ("d1-1", "d1-2")}
    assert len(ids) == 4 and all(len(one) == 36 for one in ids)


@pytest.mark.parametrize(("ordered", "together"), [(False, 2), (True, 1)])
def test_requests_of_a_venue_wait_for_each_other_only_where_nonces_must_arrive_in_order(
    ordered: bool, together: int
) -> None:
    """The first request is never answered: the second one is on its way all the same, or waits."""
    codec = CcxtActions("binance", ALPHA, [], ActionRules(frozenset({FetchBalances}), in_order=ordered))
    one = Signatory(codecs={ALPHA: codec}, credentials={ALPHA: Credentials("k", "s")})
    sent: list[HttpRequest] = []

    async def fetch(request: HttpRequest) -> Fetched:
        sent.append(request)
        return await asyncio.get_running_loop().create_future()

    async def both() -> None:
        tasks = [asyncio.create_task(one.carry_out(BALANCES, lambda: START, fetch)) for _ in range(2)]
        done, _ = await asyncio.wait(tasks, timeout=0.05)
        assert not done
        for task in tasks:
            task.cancel()

    asyncio.run(both())
    assert len(sent) == together
