"""Faults on transfers at installed venues, seen by our own codecs: a wallet that is shut is a refusal with the venue's
code, a withdrawal that sticks is pending, one that comes back has failed; and the money is where both say it is.
"""

from decimal import Decimal as D
from functools import cache

import msgspec
import pytest
from simulation.arena import START
from simulation.pursuits import calm

from cryptopipe import registry
from cryptopipe.clock import MILLISECOND, SECOND, Nanos
from cryptopipe.errors import CryptopipeError, UnknownOutcome
from cryptopipe.model.actions import Action, FetchCurrencies, ListTransfers, Withdraw
from cryptopipe.model.desk import FUNDING, TRADING, DepositAddress, DeskRefusal
from cryptopipe.model.facts import Asset, Currency, Network, VenueId
from cryptopipe.model.outcomes import Accepted, More, Outcome, Refused, Reports, TransferReport, TransferState
from cryptopipe.model.stream import HttpRequest, HttpResponse
from cryptopipe.sandbox.chain_parameters import Delay
from cryptopipe.sandbox.faults import Fault
from cryptopipe.sandbox.house import House
from cryptopipe.sandbox.parameters import Parameters
from cryptopipe.sandbox.world import World
from cryptopipe.testing.streams import path_of

ABLE = sorted(
    name
    for name, one in registry.exchanges().items()
    if one.actions is not None and one.trading_sandbox is not None and Withdraw in one.actions(()).supports
)


class Depositor:
    """A customer of one venue who has an account at the others."""

    def __init__(self, name: str, *faults: Fault) -> None:
        self.venue = VenueId(name)
        plugins = {VenueId(one): registry.exchange(one) for one in ABLE}
        self.plugin = plugins[self.venue]
        self.world = World(plugins, _quick(), 1, START)
        self.desk = self.world.desks[self.venue]
        laws = _quick().processing
        if laws.get(name, laws["default"]).withdraw_from == FUNDING:
            self.desk.accounts[1].move(Asset("ETH"), D(2), TRADING, FUNDING)
        self.house = House(self.plugin, self.world.books[self.venue], faults, 1, START, self.desk)
        instruments = [book.instrument for book in self.world.books[self.venue].values()]
        assert self.plugin.actions is not None
        self.codec = self.plugin.actions(instruments)
        key = self.house.credentials
        assert key is not None
        self.key = key
        self.now: Nanos = START

    def wait(self, until: Nanos) -> None:
        while self.now < START + until:
            self.now += 100 * MILLISECOND
            self.world.advance(self.now)
            self.house.step(self.now)

    def ask(self, action: Action) -> Outcome | CryptopipeError:
        """What our codec makes of the venue's answer now; silence is an `UnknownOutcome`."""
        earlier: tuple[HttpResponse, ...] = ()
        while True:
            self.now += MILLISECOND
            request = self.codec.build(action, self.key, self.now, earlier)
            sent = HttpRequest(request.method, path_of(request.url), request.headers, request.body)
            reply = self.house.answer(sent, self.now)
            if reply is None:
                return UnknownOutcome("silence")
            answer = HttpResponse(reply.response.status, reply.response.body, request.url, reply.response.headers)
            try:
                outcome = self.codec.parse(action, answer, earlier)
            except CryptopipeError as error:
                return error
            if not isinstance(outcome, More):
                return outcome
            earlier = (*earlier, answer)

    def withdrawal(self) -> tuple[Currency, Network, Withdraw]:
        """Of ether, to the same customer at another venue, by a chain that both have."""
        for currency in self.desk.currencies:
            for network in currency.networks if currency.asset == "ETH" else ():
                for name, address in self._places(network):
                    more = network.withdrawal_fee or D(0)
                    made = Withdraw(
                        self.venue, currency.code, network.code, address.address, D(1) + more, ID, address.memo, name
                    )
                    return currency, network, made
        raise AssertionError(f"no way from {self.venue}")

    def _places(self, network: Network) -> list[tuple[str, DepositAddress]]:
        account = self.desk.accounts[1]
        book = [one for one in account.allowed_addresses() if one[1].network.chain == network.chain]
        known = [(name, one) for name, one in book if one.asset == "ETH"]
        return known or [("", one) for one in self._elsewhere(network)]

    def _elsewhere(self, network: Network) -> list[DepositAddress]:
        found = []
        for venue, desk in self.world.desks.items():
            networks = [n for c in desk.currencies if c.asset == "ETH" for n in c.networks if n.chain == network.chain]
            if venue != self.venue and networks:
                try:
                    found.append(desk.accounts[1].deposit_address(Asset("ETH"), networks[0]))
                except DeskRefusal:
                    continue
        return found

    def transfer(self) -> TransferReport:
        """Our withdrawal, as the venue lists it."""
        listed = self.ask(ListTransfers(self.venue, False))
        assert isinstance(listed, Reports), listed
        (one,) = listed.transfers
        return one

    def ether(self) -> D:
        """All of it, free and held, in every wallet."""
        wallets = (self.desk.accounts[1].balances(one) for one in (TRADING, FUNDING))
        return sum((b.free + b.locked for held in wallets for asset, b in held.items() if asset == "ETH"), D(0))


ID = "0f8fad5bd9cb469fa16570867728950e"
"""Of letters and digits, thirty-two: as every venue takes it."""


@cache
def _quick() -> Parameters:
    """Reviews of two seconds."""
    usual = calm()
    laws = {
        name: msgspec.structs.replace(law, review=Delay(2, 0), manual=0, refill=0, batch_s=0)
        for name, law in usual.processing.items()
    }
    return msgspec.structs.replace(usual, processing=laws)


@pytest.mark.parametrize("venue", ABLE)
def test_a_wallet_that_is_shut_is_the_venues_own_refusal(venue: str) -> None:
    one = Depositor(venue, Fault("suspended_wallet", lasts=20 * SECOND, words={"of": "withdrawals"}))
    one.wait(SECOND)
    _, network, withdrawal = one.withdrawal()
    before = one.ether()
    refused = one.ask(withdrawal)
    assert isinstance(refused, Refused) and refused.reason, refused
    listed = one.ask(FetchCurrencies(one.venue)) if FetchCurrencies in one.codec.supports else None
    if isinstance(listed, Reports):
        shown = [n for c in listed.currencies if c.asset == "ETH" for n in c.networks if n.code == network.code]
        assert not any(network.withdrawals for network in shown), "some venues list no way that is shut"
    assert one.ether() == before and one.desk.accounts[1].transfers(False) == []
    one.wait(21 * SECOND)
    assert isinstance(one.ask(withdrawal), Accepted)


@pytest.mark.parametrize("venue", ABLE)
def test_a_withdrawal_that_sticks_is_pending_and_then_goes(venue: str) -> None:
    one = Depositor(venue, Fault("stuck_transfer", lasts=60 * SECOND))
    one.wait(SECOND)
    *_, withdrawal = one.withdrawal()
    assert isinstance(one.ask(withdrawal), Accepted)
    one.wait(59 * SECOND)
    assert one.transfer().state is TransferState.PENDING and one.transfer().txid == ""
    one.wait(70 * SECOND)
    assert one.transfer().txid != ""


@pytest.mark.parametrize("venue", ABLE)
def test_a_withdrawal_that_comes_back_has_failed(venue: str) -> None:
    one = Depositor(venue, Fault("failed_transfer"))
    one.wait(SECOND)
    *_, withdrawal = one.withdrawal()
    before = one.ether()
    assert isinstance(one.ask(withdrawal), Accepted)
    one.wait(10 * SECOND)
    assert one.transfer().state in (TransferState.FAILED, TransferState.CANCELLED) and one.ether() == before


@pytest.mark.slow
@pytest.mark.parametrize("venue", ABLE)
@pytest.mark.parametrize(("kind", "count"), [("lost_request", 0), ("lost_response", 1)])
def test_a_withdrawal_whose_answer_is_lost_is_in_doubt_and_listed_if_it_was_done(
    kind: str, count: int, venue: str
) -> None:
    one = Depositor(venue, Fault(kind, words={"of": "withdraw"}))
    one.wait(SECOND)
    *_, withdrawal = one.withdrawal()
    assert isinstance(one.ask(withdrawal), UnknownOutcome)
    listed = one.ask(ListTransfers(one.venue, False))
    assert isinstance(listed, Reports) and len(listed.transfers) == count
