"""A round trip through our own adapter: buy at one simulated venue, withdraw, arrive, sell at the next.

Signed requests built by each venue's action codec, answered by its simulated private side, on a virtual clock, with no
socket. Balances are those that the venues tell; what they should be is added up from the fills and transfers that they
tell and from the ledger of coins in flight.
"""

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from msgspec.structs import replace
from simulation.arena import START

from cryptopipe.clock import SECOND
from cryptopipe.model.actions import (
    Action,
    FetchAddress,
    FetchBalances,
    FindOrder,
    ListFills,
    ListTransfers,
    MoveFunds,
    PlaceOrder,
    Withdraw,
)
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.facts import Asset, Instrument, Side, VenueId, floor_to
from cryptopipe.model.money import exact
from cryptopipe.model.outcomes import Accepted, FillReport, More, Outcome, Reports, TransferReport, TransferState
from cryptopipe.model.simulated import SANDBOX_CREDENTIALS
from cryptopipe.model.stream import Credentials, HttpRequest, HttpResponse
from cryptopipe.registry import exchanges
from cryptopipe.sandbox.chain_parameters import Delay
from cryptopipe.sandbox.house import House
from cryptopipe.sandbox.parameters import Parameters
from cryptopipe.sandbox.transfers_coins import Place
from cryptopipe.sandbox.world import World

D = Decimal
SOL = Asset("SOL")
SOLANA = "solana"
SIZE = D(5)
FUNDED = {VenueId("bybit"): "FUND"}
"""Venues whose withdrawals are paid from, and whose deposits come to, another wallet than orders: its name there."""

PLUGINS: dict[VenueId, ExchangePlugin] = {
    plugin.venue: plugin
    for plugin in exchanges().values()
    if plugin.actions is not None and plugin.trading_sandbox is not None and plugin.wallets is not None
    if {FetchAddress, Withdraw} <= plugin.actions(()).supports
}
STEPS = [*pairwise(PLUGINS), *([(list(PLUGINS)[-1], next(iter(PLUGINS)))] if len(PLUGINS) > 1 else [])]


class Customer:
    """At every venue of one world, with a key that may do all."""

    def __init__(self, venues: Sequence[VenueId]) -> None:
        parameters = Parameters.load()
        quick = {"review": Delay(3, 0.5), "manual": 0.0, "refill": 0.0, "batch_s": 0.0, "credit": Delay(1, 0.5)}
        processing = {name: replace(rule, **quick) for name, rule in parameters.processing.items()}
        calm = replace(parameters, assets=("SOL", "USDT", "USD"), rate=0.05, processing=processing)
        plugins = {venue: PLUGINS[venue] for venue in venues}
        self.world = World(plugins, calm, 5, START)
        self.instruments, self._codecs, self._houses = {}, {}, {}
        for venue, plugin in plugins.items():
            books = self.world.books[venue]
            self.instruments[venue] = next(one.instrument for one in books.values() if one.instrument.base == SOL)
            assert plugin.actions is not None
            self._codecs[venue] = plugin.actions([one.instrument for one in books.values()])
            self._houses[venue] = House(plugin, books, (), 5, START, self.world.desks[venue])
        self._asked = 0
        self.flying: set[Decimal] = set()  # what was in flight at any time
        self.wait(2)

    def wait(self, seconds: int) -> None:
        for _ in range(10 * seconds):
            self.world.advance(self.world.now + SECOND // 10)
            self.flying.add(self.world.custody.coins.of(Place.IN_FLIGHT, SOL))

    def name(self) -> str:
        """Of the next thing that is asked for, the same in each run."""
        self._asked += 1
        return str(UUID(int=(4 << 76) | (8 << 60) | self._asked))

    def ask(self, venue: VenueId, action: Action) -> Outcome:
        """By as many requests as it takes, a second apart, so that no nonce comes twice."""
        earlier: list[HttpResponse] = []
        while True:
            self.wait(1)
            request = self._codecs[venue].build(action, _key(venue), self.world.now, earlier)
            reply = self._houses[venue].answer(_local(request), self.world.now)
            assert reply is not None, "nothing is lost here"
            outcome = self._codecs[venue].parse(action, reply.response, earlier)
            if not isinstance(outcome, More):
                return outcome
            earlier.append(reply.response)

    def reports(self, venue: VenueId, action: Action) -> Reports:
        told = self.ask(venue, action)
        assert isinstance(told, Reports), told
        return told

    def holds(self, venue: VenueId) -> dict[Asset, Decimal]:
        """Free and locked, of all wallets."""
        found: dict[Asset, Decimal] = {}
        for wallet in ("", *([FUNDED[venue]] if venue in FUNDED else [])):
            for one in self.reports(venue, FetchBalances(venue, wallet)).balances:
                with exact():
                    found[one.asset] = found.get(one.asset, D(0)) + one.free + one.locked
        return found

    def trade(self, venue: VenueId, side: Side, size: Decimal) -> dict[Asset, Decimal]:
        """At the market; by how much each balance should change, as the order (its quote may be rounded) and the fills
        say.
        """
        instrument, name = self.instruments[venue], self.name()
        placed = self.ask(venue, PlaceOrder(instrument, side, size, None, name))
        assert isinstance(placed, Accepted), placed
        (order,) = self.reports(venue, FindOrder(instrument, name, placed.venue_id)).orders
        fills = self.reports(venue, ListFills(instrument, placed.venue_id)).fills
        assert order.filled == sum((one.size for one in fills), D(0)) == size
        assert order.spent is not None
        return _changes(instrument, side, order.spent, fills)

    def to_funding(self, venue: VenueId, amount: Decimal, back: bool = False) -> None:
        """Where withdrawals are paid from another wallet, and deposits come to it."""
        if venue in FUNDED:
            ends = (FUNDED[venue], "UNIFIED") if back else ("UNIFIED", FUNDED[venue])
            assert isinstance(self.ask(venue, MoveFunds(venue, "SOL", amount, *ends, self.name())), Accepted)

    def transfer(self, venue: VenueId, deposits: bool) -> TransferReport | None:
        found = self.reports(venue, ListTransfers(venue, deposits, _code(venue))).transfers
        return found[0] if found else None


def _key(venue: VenueId) -> Credentials:
    """The sandbox's, as clients of the venue have it."""
    own = PLUGINS[venue].sandbox_key
    return SANDBOX_CREDENTIALS if own is None else own(SANDBOX_CREDENTIALS)


def _local(request: HttpRequest) -> HttpRequest:
    parts = urlsplit(request.url)
    return replace(request, url=f"{parts.path}?{parts.query}" if parts.query else parts.path)


def _changes(instrument: Instrument, side: Side, spent: Decimal, fills: Sequence[FillReport]) -> dict[Asset, Decimal]:
    sign = 1 if side is Side.BUY else -1
    with exact():
        sums = {instrument.base: sign * sum((one.size for one in fills), D(0)), instrument.quote: -sign * spent}
        assert abs(spent - sum((one.size * one.price for one in fills), D(0))) <= len(fills) * D("0.00000001")
        for fill in fills:
            assert fill.fee is not None
            sums[fill.fee.asset] -= fill.fee.amount
    return sums


def _code(venue: VenueId) -> str:
    wallets = PLUGINS[venue].wallets
    assert wallets is not None
    return next(one.code for one in wallets() if one.asset == SOL)


def _network(venue: VenueId) -> str:
    wallets = PLUGINS[venue].wallets
    assert wallets is not None
    return next(net.code for one in wallets() if one.asset == SOL for net in one.networks if net.chain == SOLANA)


@pytest.mark.parametrize(("here", "there"), STEPS)
def test_a_round_trip_by_signed_requests_is_reconciled(here: VenueId, there: VenueId) -> None:
    one = Customer((here, there))
    opening = {venue: one.holds(venue) for venue in (here, there)}
    bought = one.trade(here, Side.BUY, SIZE)
    amount = floor_to(D("0.00001"), bought[SOL])
    one.to_funding(here, amount)
    address = one.reports(there, FetchAddress(there, _code(there), _network(there))).address
    assert address is not None
    coins, fee = one.world.custody.coins, one.world.custody.wallets(here).network(SOL, _network(here)).withdrawal_fee
    assert fee is not None
    asked = Withdraw(here, _code(here), _network(here), address.address, amount, one.name(), "", f"{there}-SOL-solana")
    sent = one.ask(here, asked)
    assert isinstance(sent, Accepted), sent

    for _ in range(60):
        deposit = one.transfer(there, deposits=True)
        if deposit is not None and deposit.state is TransferState.DONE:
            break
        one.wait(2)
    withdrawal = one.transfer(here, deposits=False)
    assert deposit is not None and withdrawal is not None
    assert one.flying == {0, amount - fee}, "it was in flight, and neither venue had it"
    assert deposit.amount == amount - fee
    assert deposit.txid == withdrawal.txid != ""
    assert withdrawal.transfer_id == sent.venue_id

    one.to_funding(there, deposit.amount, back=True)
    rules = one.instruments[there].rules
    assert rules is not None
    sold = one.trade(there, Side.SELL, floor_to(rules.step, deposit.amount))
    one.wait(60)
    settled = one.transfer(here, deposits=False)
    assert settled is not None and settled.state is TransferState.DONE
    with exact():
        moved = {here: {**bought, SOL: bought[SOL] - amount}, there: {**sold, SOL: sold[SOL] + amount - fee}}
        for venue, changes in moved.items():
            closing = one.holds(venue)
            found = {asset: closing[asset] - opening[venue].get(asset, D(0)) for asset in closing}
            assert {asset: found[asset] for asset in changes} == changes
            assert not any(change for asset, change in found.items() if asset not in changes)
    assert (coins.all_of(Place.FEES), coins.of(Place.IN_FLIGHT, SOL), coins.losses) == ({SOL: fee}, 0, [])
