"""The only holder of keys: signs the pipe's instructions.

Enters: instructions, the time. Leaves: signed requests, and the arrival of each answer. Never: a key or a signature in
an arrival, a request that is sent twice, two requests of one millisecond, or on their way together where a venue's
nonces must arrive in order.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from cryptopipe.act.execution import NOT_SENT, Instruction
from cryptopipe.act.strangers import request_of
from cryptopipe.act.venues import rules_of
from cryptopipe.capture.inputs import Direction
from cryptopipe.clock import LAST, MILLISECOND, Nanos
from cryptopipe.drivers.fetching import Fetched
from cryptopipe.drivers.intake import Arrival
from cryptopipe.drivers.veil import of_request
from cryptopipe.errors import CryptopipeError
from cryptopipe.market.feeds import Rewrite
from cryptopipe.model.actions import (
    ActionCodec,
    FetchAddress,
    FetchCurrencies,
    ListTransfers,
    MoveFunds,
    PrivateCodec,
    PrivateSigner,
    Withdraw,
)
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.facts import VenueId
from cryptopipe.model.simulated import SANDBOX_CREDENTIALS, SANDBOX_TRADER
from cryptopipe.model.stream import Credentials, HttpRequest, bare


def _nothing() -> list[Instruction]:
    return []


def _never() -> Nanos:
    return LAST


_OF_COINS = (FetchAddress, FetchCurrencies, ListTransfers, MoveFunds)


def withdrawing_credentials(plugins: Mapping[VenueId, ExchangePlugin]) -> dict[VenueId, Credentials]:
    """The keys by which a run moves coins between simulated venues; of real ones a run never has such a key."""
    return {venue: plugin.in_sandbox(SANDBOX_CREDENTIALS) for venue, plugin in plugins.items()}


def trading_credentials(plugins: Mapping[VenueId, ExchangePlugin]) -> dict[VenueId, Credentials]:
    """The keys with which a run trades on simulated venues: they may not withdraw."""
    return {venue: plugin.in_sandbox(SANDBOX_TRADER) for venue, plugin in plugins.items()}


@dataclass(frozen=True)
class Signed:
    """A private stream over the instruments of a run: makes a codec for each connection, and signs it in."""

    codec: Callable[[], PrivateCodec]
    signer: PrivateSigner


@dataclass
class Signatory:
    """`take` gives the instructions since the last call, `next_due` when the pipe wants to be woken."""

    take: Callable[[], Sequence[Instruction]] = _nothing
    next_due: Callable[[], Nanos] = _never
    codecs: Mapping[VenueId, ActionCodec] = field(default_factory=dict)
    credentials: Mapping[VenueId, Credentials] = field(default_factory=dict)
    rewrite: Rewrite = lambda venue, url: url
    private: Mapping[VenueId, Signed] = field(default_factory=dict)
    sends: Callable[[], Sequence[tuple[VenueId, str]]] = tuple
    """What the readers of private streams want written, since the last call."""
    withdrawing: Mapping[VenueId, Credentials] = field(default_factory=dict)
    """What is asked of transfers, and nothing else, is signed with: `credentials` may not withdraw."""
    _signed_at: dict[VenueId, Nanos] = field(default_factory=dict)
    _turns: dict[VenueId, asyncio.Lock] = field(default_factory=dict)

    def moment(self, venue: VenueId, at: Nanos) -> Nanos:
        """What the next request of a venue is signed with: no two in the same millisecond, which nonces count."""
        at = self._signed_at[venue] = max(at, self._signed_at.get(venue, 0) + MILLISECOND)
        return at

    def signed(self, one: Instruction, at: Nanos) -> HttpRequest | Arrival:
        """The request, or where it cannot be made the arrival that says so."""
        at = self.moment(one.venue, at)
        key = self._key(one)
        if key is None:
            return _unsent(one, f"no key of {one.venue} is set")
        try:
            request = request_of(self.codecs[one.venue], one.action, key, at, one.earlier)
        except CryptopipeError as error:
            return _unsent(one, str(error))
        return HttpRequest(request.method, self.rewrite(one.venue, request.url), request.headers, request.body)

    def _key(self, one: Instruction) -> Credentials | None:
        """A withdrawal has no other key; of the rest, some venues tell who may not withdraw, some do not."""
        usual, own = self.credentials.get(one.venue), self.withdrawing.get(one.venue)
        return own if isinstance(one.action, Withdraw) else own or usual if isinstance(one.action, _OF_COINS) else usual

    async def carry_out(
        self,
        one: Instruction,
        stamp: Callable[[], Nanos],
        fetch: Callable[[HttpRequest], Awaitable[Fetched]],
    ) -> Arrival:
        """Sign, send, and say what came of it; where the venue's nonces must arrive in order, after those of the same
        venue that were asked before.
        """
        if not self.in_order(one.venue):
            return await self._carried_out(one, stamp, fetch)
        async with self._turns.setdefault(one.venue, asyncio.Lock()):
            return await self._carried_out(one, stamp, fetch)

    def in_order(self, venue: VenueId) -> bool:
        """Whether one request of a venue waits for the answer to the other."""
        return venue not in self.codecs or rules_of(self.codecs[venue]).in_order

    async def _carried_out(
        self,
        one: Instruction,
        stamp: Callable[[], Nanos],
        fetch: Callable[[HttpRequest], Awaitable[Fetched]],
    ) -> Arrival:
        request = self.signed(one, stamp())
        if isinstance(request, Arrival):
            return request
        return self.heard(one, request, await fetch(request))

    def heard(self, one: Instruction, request: HttpRequest, answer: Fetched) -> Arrival:
        """The answer to a signed request as it enters the run, without what it was signed with."""
        key = self._key(one)
        assert key is not None, "what was signed had a key"
        told = of_request(key, request)(answer.payload)
        return arrived(one, request.url, Fetched(answer.status, told, answer.headers))


def arrived(one: Instruction, url: str, answer: Fetched) -> Arrival:
    """The answer as it enters the run."""
    return Arrival(
        Direction.HTTP, one.venue, "", 0, answer.payload, bare(url), answer.status, answer.headers, one.tag
    )  # fmt: skip


def _unsent(one: Instruction, why: str) -> Arrival:
    return arrived(one, "", Fetched(NOT_SENT, why.encode()))
