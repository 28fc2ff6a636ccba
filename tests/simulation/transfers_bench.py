"""Two venues, two customers at each, and a world with nothing in it but its agenda: for tests of transfers.

Enters: what customers ask, how far the world goes. Leaves: balances, tapes, the sum of all coins. Never: a sum that the
code under test made.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from heapq import heappop, heappush

import pytest
from msgspec.structs import replace

from cryptopipe.clock import SECOND, Nanos
from cryptopipe.model.desk import FUNDING, TRADING, DeskRefusal, DeskTransfer, Refusal
from cryptopipe.model.facts import Asset, Currency, Network, VenueId
from cryptopipe.model.money import exact
from cryptopipe.sandbox.accounts_wallets import Tally, Wallets
from cryptopipe.sandbox.chain_parameters import ChainLaw, Processing
from cryptopipe.sandbox.parameters import Parameters
from cryptopipe.sandbox.transfers import Custody
from cryptopipe.sandbox.transfers_account import AccountTransfers

D = Decimal
START: Nanos = 1_763_683_200 * SECOND
HOUR: Nanos = 3600 * SECOND
EAST, WEST = VenueId("east"), VenueId("west")
BTC, ETH, USDT, XRP = Asset("BTC"), Asset("ETH"), Asset("USDT"), Asset("XRP")


class Days:
    """A world with nothing in it but its agenda."""

    def __init__(self) -> None:
        self.now = START
        self._heap: list[tuple[Nanos, int, Callable[[], None]]] = []
        self._count = 0

    def schedule(self, due: Nanos, work: Callable[[], None]) -> None:
        assert due >= self.now
        self._count += 1
        heappush(self._heap, (due, self._count, work))

    def advance(self, until: Nanos) -> None:
        while self._heap and self._heap[0][0] <= until:
            self.now, _, work = heappop(self._heap)
            work()
        self.now = until


def network(code: str, chain: str, **more: object) -> Network:
    stated = {"withdrawal_fee": D("0.001"), "min_withdrawal": D("0.01"), "precision": 8}
    return Network(code, chain, **{**stated, **more})  # type: ignore[arg-type]


def currency(venue: VenueId, asset: Asset, *networks: Network) -> Currency:
    return Currency(venue, asset, asset, networks)


EASTERN = (
    currency(EAST, BTC, network("BTC", "bitcoin", max_withdrawal=D(50))),
    currency(
        EAST,
        USDT,
        network("ERC20", "ethereum", withdrawal_fee=D(3), min_withdrawal=D(10), precision=6),
        network("TRC20", "tron", withdrawal_fee=D(1), min_withdrawal=D(10), precision=6),
        network("SOL", "solana", withdrawal_fee=D("0.8"), withdrawal_fee_rate=D("0.001"), precision=2),
    ),
    currency(EAST, ETH, network("BSC", "bnb_smart_chain")),
    currency(EAST, XRP, network("XRP", "xrp_ledger", memo=True, precision=6)),
)
WESTERN = (
    currency(WEST, BTC, network("Bitcoin", "bitcoin", min_deposit=D("0.02"), confirmations=3)),
    currency(WEST, USDT, network("Tron", "tron", confirmations=20), network("Solana", "solana", confirmations=1)),
    currency(WEST, ETH, network("ETH", "ethereum")),
    currency(WEST, XRP, network("Ripple", "xrp_ledger", memo=True)),
)
PARAMETERS = Parameters.load()
GOOD = "bc1q" + "q" * 38
"""An address on the chain of bitcoin, of nobody."""
PRICES = {BTC: D(62000), ETH: D(2500), USDT: D(1), XRP: D(2)}


class Bench:
    """Two venues, customers 1 and 2 at each, and what the tape of each was told."""

    def __init__(self, seed: int = 1, **processing: object) -> None:
        parameters = PARAMETERS
        rules: dict[str, Processing] = {"default": parameters.processing["default"]}
        for venue in (EAST, WEST):
            mine = {k.partition("_")[2]: v for k, v in processing.items() if k.startswith(f"{venue}_")}
            rules[venue] = replace(rules["default"], **mine)
        self.world = Days()
        chains: Mapping[str, ChainLaw] = parameters.chains
        self.custody = Custody(chains, rules, seed, self.world, {EAST: EASTERN, WEST: WESTERN}, PRICES.__getitem__)
        self.tally = Tally()
        self.purses: dict[tuple[VenueId, int], Wallets] = {}
        self.offices: dict[tuple[VenueId, int], AccountTransfers] = {}
        self.tape: list[tuple[Nanos, VenueId, int, DeskTransfer | None, object]] = []
        for venue in (EAST, WEST):
            for number in (1, 2):
                purse = self.purses[venue, number] = Wallets(self.tally)
                for asset in PRICES:
                    purse.credit(asset, D(1000), "opening")
                    purse.credit(asset, D(1000), "opening", FUNDING)
                purse.changed()
                tell = self._tell(venue, number, purse)
                self.offices[venue, number] = self.custody.open(venue, number, purse, tell)

    def _tell(self, venue: VenueId, number: int, purse: Wallets) -> Callable[[DeskTransfer | None], None]:
        return lambda one: self.tape.append((self.world.now, venue, number, one, tuple(purse.changed())))

    def of(self, venue: VenueId, asset: Asset, wallet: str = TRADING, number: int = 1) -> tuple[Decimal, Decimal]:
        held = self.purses[venue, number].balance(asset, wallet)
        return held.free, held.locked

    def held(self, asset: Asset) -> Decimal:
        """By all customers and between them."""
        with exact():
            sums = [self.custody.coins.total(asset)]
            for purse in self.purses.values():
                for wallet in (TRADING, FUNDING):
                    balance = purse.balance(asset, wallet)
                    sums += [balance.free, balance.locked]
            return sum(sums, D(0))

    @property
    def east(self) -> AccountTransfers:
        return self.offices[EAST, 1]

    @property
    def west(self) -> AccountTransfers:
        return self.offices[WEST, 1]

    def net(self, venue: VenueId, asset: Asset, code: str) -> Network:
        return self.custody.wallets(venue).network(asset, code)

    def send(
        self, amount: str, asset: Asset = BTC, code: str = "BTC", there: str = "Bitcoin", **more: str
    ) -> DeskTransfer:
        """From customer 1 in the east to the same in the west."""
        to = self.west.deposit_address(asset, self.net(WEST, asset, there))
        return self.east.withdraw(asset, self.net(EAST, asset, code), to.address, to.memo, D(amount), **more)

    def last(self, venue: VenueId = EAST, deposits: bool = False) -> DeskTransfer:
        return self.offices[venue, 1].transfers(deposits)[-1]


def refused(why: Refusal, work: Callable[[], object]) -> Mapping[str, object]:
    with pytest.raises(DeskRefusal) as caught:
        work()
    assert caught.value.why is why
    return caught.value.facts
