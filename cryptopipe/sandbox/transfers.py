"""The way of coins from a customer of one simulated venue to a customer of another.

Enters: withdrawals that venues have taken on, due times of the world, faults. Leaves: transactions on the chain,
deposits, credits, and a ledger of what is between. Never: a clock, a coin in no place, a difference between one long
advance and many short ones.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from random import Random
from typing import Protocol

import msgspec

from cryptopipe.clock import LAST, SECOND, Nanos
from cryptopipe.model.desk import DepositAddress, TransferStatus
from cryptopipe.model.facts import Asset, Currency, Network, VenueId
from cryptopipe.model.identity import contract_on
from cryptopipe.sandbox.chain import Chain
from cryptopipe.sandbox.chain_addresses import address_for, memo_for, txid_for
from cryptopipe.sandbox.chain_parameters import ChainLaw, Processing
from cryptopipe.sandbox.transfers_account import AccountTransfers, Purse, Record, Tell
from cryptopipe.sandbox.transfers_coins import Coins, Loss, Place
from cryptopipe.sandbox.transfers_faults import TransferFaults
from cryptopipe.sandbox.transfers_venue import VenueWallets, chain_name, drawn, sends_at

LOOK_EVERY: Nanos = 5 * SECOND
"""How long it takes at most until what waits is seen to be free, where nobody says so."""

_DEFAULT = "default"

Step = Callable[[Record, Nanos], None]
"""What is next for a transfer, at a time."""


def _as_it_is(at: Nanos) -> Nanos:
    return at


def _done(record: Record, at: Nanos) -> None:
    record.account.now_is(record, TransferStatus.DONE, at)


class Agenda(Protocol):
    """The world's time. Work is done at its due time, in the order of due times and then of scheduling."""

    @property
    def now(self) -> Nanos: ...
    def schedule(self, due: Nanos, work: Callable[[], None]) -> None: ...


class Custody:
    """All transfers between the venues of one world, with the chains they go by and the ledger of what is between.

    `currencies` are each venue's, as its plugin states them; `dollars` prices an asset for limits. A transfer's waits
    are drawn from a stream of its own, named by venue and id: other transfers do not change them. `faults` is what is
    in force against them.
    """

    def __init__(
        self,
        chains: Mapping[str, ChainLaw],
        processing: Mapping[str, Processing],
        seed: int,
        agenda: Agenda,
        currencies: Mapping[VenueId, Sequence[Currency]],
        dollars: Callable[[Asset], Decimal],
    ) -> None:
        self.chain = Chain(chains, seed)
        self.coins = Coins()
        self._seed = seed
        self._agenda = agenda
        self._wallets = {
            venue: VenueWallets(venue, listed, processing.get(venue, processing[_DEFAULT]), dollars)
            for venue, listed in currencies.items()
        }
        self._accounts: list[AccountTransfers] = []
        self._owners: dict[tuple[str, str, str], AccountTransfers] = {}  # (chain, address, memo)
        self._ids: dict[VenueId, int] = {}
        self.faults = TransferFaults(self._wallets, self._go_on)
        self._waiting: list[tuple[Record, Step]] = []  # whose time came while a fault without a known end held it
        self._look_at: Nanos = 0  # the next time at which these are looked at

    def open(
        self, venue: VenueId, account_id: int, purse: Purse, tell: Tell, shown: Callable[[Nanos], Nanos] = _as_it_is
    ) -> AccountTransfers:
        """The transfers of one customer. `tell` writes to its tape what its purse and, where given, a transfer became;
        `shown` is what the venue's clock shows at a true time.
        """
        account = AccountTransfers(self, self._wallets[venue], account_id, purse, tell, shown)
        self._accounts.append(account)
        return account

    @property
    def now(self) -> Nanos:
        """Of the world."""
        return self._agenda.now

    def wallets(self, venue: VenueId) -> VenueWallets:
        """What a venue sends and takes, as it is now."""
        return self._wallets[venue]

    def elsewhere(self, account: AccountTransfers) -> Sequence[AccountTransfers]:
        """The same customer at the other venues; in a world of one venue its other customers."""
        others = [one for one in self._accounts if one.venue != account.venue]
        if not others:
            return [one for one in self._accounts if one is not account]
        return [one for one in others if one.account_id == account.account_id]

    def address_of(self, account: AccountTransfers, asset: Asset, network: Network) -> DepositAddress:
        """Where a customer gets an asset; the same for all assets of a chain. Where addresses need a memo, the address
        is the venue's and the memo the customer's.
        """
        chain, venue = chain_name(network), account.venue
        memo = memo_for(f"{venue} {account.account_id}") if network.memo else ""
        address = address_for(chain, f"{venue} {chain}" if memo else f"{venue} {account.account_id} {chain}")
        self._owners[chain, contract_on(chain, address), memo] = account
        return DepositAddress(asset, network, address, memo)

    def next_id(self, venue: VenueId) -> int:
        """Of a transfer; from 1 in each venue."""
        self._ids[venue] = self._ids.get(venue, 0) + 1
        return self._ids[venue]

    def take_on(self, record: Record) -> None:
        """A withdrawal whose amount is held: it is sent when the venue comes to it."""
        processing, random = record.account.wallets.processing, self._random(record, "review")
        record.fails = random.random() < processing.failed
        self._at(sends_at(processing, self.now, random), record, self._send)

    def _go_on(self) -> None:
        """With what waits, as far as nothing holds it any more."""
        again, self._waiting = self._waiting, []
        for record, step in again:
            step(record, self.now)

    def _at(self, due: Nanos, record: Record, step: Step) -> None:
        self._agenda.schedule(due, lambda: step(record, due))

    def _wait(self, record: Record, step: Step, until: Nanos) -> None:
        """For a time, or for somebody to call the trouble off, which is looked at every few seconds as well."""
        if until < LAST:
            self._at(until, record, step)
            return
        self._waiting.append((record, step))
        if self._look_at <= self.now:
            self._look_at = self.now + LOOK_EVERY
            self._agenda.schedule(self._look_at, self._go_on)

    def _send(self, record: Record, at: Nanos) -> None:
        account, transfer = record.account, record.transfer
        if transfer.status is not TransferStatus.REVIEW:
            return
        until = self.faults.unsent_until(account.venue, transfer, at)
        if until:
            self._wait(record, self._send, until)
        elif record.fails or self.faults.fails(account.venue, transfer, at):
            account.give_back(record, TransferStatus.FAILED, at)
        else:
            account.pay_out(record)
            self.coins.sent(transfer.asset, transfer.amount, transfer.fee)
            txid = txid_for(record.chain, f"{self._seed} {account.venue} {transfer.transfer_id}")
            account.now_is(record, TransferStatus.SENT, at, txid)
            self._broadcast(record, at)

    def _broadcast(self, record: Record, at: Nanos) -> None:
        if self.faults.unmined(record.account.venue):
            self._wait(record, self._broadcast, LAST)
            return
        level = record.account.wallets.processing.fee_level
        self._at(self.chain.included_at(record.chain, at, level, record.transfer.txid), record, self._confirm)

    def _confirm(self, record: Record, at: Nanos) -> None:
        """The first confirmation, which both ends see."""
        account, chain = record.account, record.chain
        record.block_at, record.most = at, self.chain.law(chain).final
        account.now_is(record, TransferStatus.CONFIRMING, at)
        self._at(self.chain.confirmed_at(chain, at, record.most), record, _done)
        self._arrive(record, at)

    def _arrive(self, record: Record, at: Nanos) -> None:
        sent, chain = record.transfer, record.chain
        address = contract_on(chain, sent.address)
        target = self._owners.get((chain, address, sent.memo)) or self._owners.get((chain, address, ""))
        network = None if target is None else target.wallets.taking(sent.asset, chain)
        if target is None or network is None:
            self._lose(record, "nobody" if target is None else "wrong_asset", at)
            return
        rule = target.wallets.processing
        arrived = msgspec.structs.replace(
            sent,
            transfer_id=self.next_id(target.venue),
            deposit=True,
            network=network,
            fee=Decimal(0),
            created_at=target.shown(at),
            client_id="",
            wallet=rule.deposit_to,
        )
        deposit = Record(arrived, target, chain, at, network.confirmations or self.chain.law(chain).confirmations)
        target.add(deposit, at)
        confirmed_at = self.chain.confirmed_at(chain, at, deposit.most)
        lag = drawn(rule.credit, self._random(deposit, "credit"))
        self._at(confirmed_at + lag, deposit, self._credit)

    def _credit(self, deposit: Record, at: Nanos) -> None:
        account, transfer = deposit.account, deposit.transfer
        network = account.wallets.taking(transfer.asset, deposit.chain)
        assert network is not None, "a network does not go away"
        until = self.faults.shut_until(account.venue, transfer.asset, network, True, at)
        if until:
            self._wait(deposit, self._credit, until)
        elif network.min_deposit is not None and transfer.amount < network.min_deposit:
            self._lose(deposit, "below_minimum", at)
            account.now_is(deposit, TransferStatus.FAILED, at)
        else:
            account.purse.credit(transfer.asset, transfer.amount, Place.IN_FLIGHT.value, transfer.wallet)
            self.coins.arrived(transfer.asset, transfer.amount)
            account.now_is(deposit, TransferStatus.DONE, at)

    def _lose(self, record: Record, why: str, at: Nanos) -> None:
        one = record.transfer
        self.coins.lost(Loss(at, record.account.venue, one.transfer_id, one.asset, one.amount, why))

    def _random(self, record: Record, name: str) -> Random:
        return Random(f"{self._seed} {name} {record.account.venue} {record.transfer.transfer_id}")
