"""The transfers of one customer of a simulated venue, as its private side reads and orders them.

Enters: what a client asks for, in the desk's words; what became of it on the way. Leaves: withdrawals, deposits, moves
between wallets, addresses, or a `DeskRefusal` with nothing changed. Never: a balance kept here, a forgotten transfer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

import msgspec

from cryptopipe.clock import Nanos
from cryptopipe.model.desk import (
    FUNDING,
    TRADING,
    DepositAddress,
    DeskMove,
    DeskRefusal,
    DeskTransfer,
    Refusal,
    TransferStatus,
)
from cryptopipe.model.facts import Asset, Network, VenueId
from cryptopipe.model.identity import contract_on
from cryptopipe.model.money import exact
from cryptopipe.sandbox.transfers_coins import Place
from cryptopipe.sandbox.transfers_venue import DAY, ZERO, VenueWallets, Wanted, chain_name, refuse_number

if TYPE_CHECKING:
    from cryptopipe.sandbox.transfers import Custody

MOVE = "move"
"""Why money leaves one wallet of a customer and comes into another: over both, nothing."""


Tell = Callable[[DeskTransfer | None], None]
"""Writes to a customer's tape what its purse and, where given, a transfer became."""


class Purse(Protocol):
    """What a customer holds. Raises `DeskRefusal` where free money is not enough."""

    def hold(self, asset: Asset, amount: Decimal, wallet: str) -> None:
        """From free to locked."""

    def release(self, asset: Asset, amount: Decimal, wallet: str) -> None:
        """From locked to free."""

    def settle(self, asset: Asset, amount: Decimal, why: str, wallet: str) -> None:
        """Locked money leaves."""

    def credit(self, asset: Asset, amount: Decimal, why: str, wallet: str) -> None:
        """Money comes, free."""


@dataclass
class Record:
    """One withdrawal or deposit. `block_at` 0: in no block yet; `most`: the confirmations that are counted."""

    transfer: DeskTransfer
    account: "AccountTransfers"
    chain: str
    block_at: Nanos = 0
    most: int = 0
    fails: bool = False


class AccountTransfers:
    """What `SimulatedAccount` says of transfers and moves, for one customer."""

    def __init__(
        self,
        custody: "Custody",
        wallets: VenueWallets,
        account_id: int,
        purse: Purse,
        tell: Tell,
        shown: Callable[[Nanos], Nanos],
    ) -> None:
        self.venue: VenueId = wallets.venue
        self.wallets = wallets
        self.account_id = account_id
        self.purse = purse
        self.shown = shown
        self._custody = custody
        self._tell = tell
        self._records: list[Record] = []
        self._moves: list[DeskMove] = []
        self._book: list[tuple[str, DepositAddress]] = []

    def deposit_address(self, asset: Asset, network: Network) -> DepositAddress:
        """Of this customer. Raises `DeskRefusal`: UNKNOWN_ASSET, UNKNOWN_NETWORK, WALLET_SUSPENDED."""
        known = self.wallets.network(asset, network.code)
        if not known.deposits:
            raise DeskRefusal(Refusal.WALLET_SUSPENDED, asset=asset, network=known.code)
        return self._custody.address_of(self, asset, known)

    def allow(self, name: str, address: DepositAddress) -> None:
        """Puts an address into the book."""
        self._book.append((name, address))

    def allowed_addresses(self) -> Sequence[tuple[str, DepositAddress]]:
        """What was allowed. Before it, where the venue asks for a book or by the Travel Rule for the receiving party,
        this customer's own addresses at the other venues, as `venue-asset-chain`; in a world of one venue those of its
        other customers, as `venue-number-asset-chain`.
        """
        rule = self.wallets.processing
        asks = rule.address_book == "required" or rule.travel_rule_usd
        return [*(self._own_elsewhere() if asks else ()), *self._book]

    def withdraw(
        self,
        asset: Asset,
        network: Network,
        address: str,
        memo: str,
        amount: Decimal,
        client_id: str = "",
        wallet: str = TRADING,
    ) -> DeskTransfer:
        """Takes a withdrawal on: its amount is held until it is sent. Raises `DeskRefusal`."""
        self._refuse_again(client_id)
        known = self.wallets.network(asset, network.code)
        wanted = Wanted(asset, known, address, memo, amount, wallet)
        self.wallets.check(wanted, self._listed(wanted), self._sent_today())
        self.purse.hold(asset, amount, wallet)
        fee, now = self.wallets.fee(known, amount), self._custody.now
        with exact():
            arrives = amount - fee
        transfer = DeskTransfer(
            transfer_id=self._custody.next_id(self.venue),
            deposit=False,
            asset=asset,
            network=known,
            address=address,
            memo=memo,
            amount=arrives,
            fee=fee,
            status=TransferStatus.REVIEW,
            txid="",
            confirmations=0,
            created_at=self.shown(now),
            updated_at=self.shown(now),
            client_id=client_id,
            wallet=wallet,
        )
        record = Record(transfer, self, chain_name(known))
        self.add(record, now, TransferStatus.REVIEW)
        self._custody.take_on(record)
        return record.transfer

    def cancel_withdrawal(self, transfer_id: int) -> DeskTransfer:
        """Gives it back, as long as it is not sent. Raises `DeskRefusal`: UNKNOWN_ORDER, ORDER_ENDED once it is sent or
        has ended (there are no words of their own for transfers).
        """
        for record in self._records:
            transfer = record.transfer
            if transfer.transfer_id == transfer_id and not transfer.deposit:
                if transfer.status is not TransferStatus.REVIEW:
                    raise DeskRefusal(Refusal.ORDER_ENDED, transfer_id=transfer_id, status=transfer.status.value)
                self.give_back(record, TransferStatus.CANCELLED, self._custody.now)
                return record.transfer
        raise DeskRefusal(Refusal.UNKNOWN_ORDER, transfer_id=transfer_id)

    def transfers(self, deposits: bool) -> Sequence[DeskTransfer]:
        """As they are now, with the confirmations of now; oldest first."""
        return [self._as_now(one) for one in self._records if one.transfer.deposit is deposits]

    def move(self, asset: Asset, amount: Decimal, source: str, target: str, client_id: str = "") -> DeskMove:
        """Raises `DeskRefusal`: WRONG_WALLET, AMOUNT_GRID, BELOW_MINIMUM, DUPLICATE_TRANSFER_ID, INSUFFICIENT_FUNDS."""
        refuse_number(amount)
        names = {TRADING, FUNDING} if self.wallets.processing.wallets == "two" else {TRADING}
        if source == target or not {source, target} <= names:
            raise DeskRefusal(Refusal.WRONG_WALLET, source=source, target=target, wallets=sorted(names))
        if amount <= 0:
            raise DeskRefusal(Refusal.BELOW_MINIMUM, amount=amount)
        if client_id and any(one.client_id == client_id for one in self._moves):
            raise DeskRefusal(Refusal.DUPLICATE_TRANSFER_ID, client_id=client_id)
        self.purse.hold(asset, amount, source)
        self.purse.settle(asset, amount, MOVE, source)
        self.purse.credit(asset, amount, MOVE, target)
        number = len(self._moves) + 1
        move = DeskMove(number, asset, amount, source, target, self.shown(self._custody.now), client_id)
        self._moves.append(move)
        self._tell(None)
        return move

    def moves(self) -> Sequence[DeskMove]:
        """Oldest first."""
        return list(self._moves)

    def add(self, record: Record, at: Nanos, status: TransferStatus = TransferStatus.CONFIRMING) -> None:
        """A transfer of this customer that was not there before."""
        self._records.append(record)
        self.now_is(record, status, at)

    def now_is(self, record: Record, status: TransferStatus, at: Nanos, txid: str = "") -> None:
        """Writes what became of a transfer, and tells it."""
        count = self._custody.chain.confirmations(record.chain, record.block_at, at, record.most)
        record.transfer = msgspec.structs.replace(
            record.transfer,
            status=status,
            updated_at=self.shown(at),
            txid=txid or record.transfer.txid,
            confirmations=count if record.block_at else 0,
        )
        self._tell(record.transfer)

    def give_back(self, record: Record, status: TransferStatus, at: Nanos) -> None:
        """What was held for a withdrawal is free again."""
        self.purse.release(record.transfer.asset, _held(record.transfer), record.transfer.wallet)
        self.now_is(record, status, at)

    def pay_out(self, record: Record) -> None:
        """What was held for a withdrawal is this customer's no more."""
        one = record.transfer
        self.purse.settle(one.asset, one.amount, Place.IN_FLIGHT.value, one.wallet)
        self.purse.settle(one.asset, one.fee, Place.FEES.value, one.wallet)

    def _refuse_again(self, client_id: str) -> None:
        for one in self._records if client_id else ():
            if one.transfer.client_id == client_id:
                earlier = one.transfer.transfer_id
                raise DeskRefusal(Refusal.DUPLICATE_TRANSFER_ID, client_id=client_id, transfer_id=earlier)

    def _as_now(self, record: Record) -> DeskTransfer:
        if record.transfer.status is not TransferStatus.CONFIRMING:
            return record.transfer
        count = self._custody.chain.confirmations(record.chain, record.block_at, self._custody.now, record.most)
        return msgspec.structs.replace(record.transfer, confirmations=count)

    def _own_elsewhere(self) -> Sequence[tuple[str, DepositAddress]]:
        found = []
        for other in self._custody.elsewhere(self):
            for currency in self.wallets.currencies():
                for network in currency.networks:
                    chain = chain_name(network)
                    taking = other.wallets.taking(currency.asset, chain)
                    if taking is not None:
                        there = self._custody.address_of(other, currency.asset, taking)
                        whose = other.venue if other.venue != self.venue else f"{other.venue}-{other.account_id}"
                        name = f"{whose}-{currency.asset}-{chain}"
                        found.append((name, msgspec.structs.replace(there, network=network)))
        return found

    def _listed(self, wanted: Wanted) -> bool:
        chain = chain_name(wanted.network)
        target = (wanted.asset, chain, contract_on(chain, wanted.address), wanted.memo)
        return any(
            target == (one.asset, chain_name(one.network), contract_on(chain, one.address), one.memo)
            for _, one in self.allowed_addresses()
        )

    def _sent_today(self) -> Decimal:
        """In dollars, in the last 24 hours, with what is still in review and without what came back."""
        since = self.shown(self._custody.now) - DAY
        gone_back = (TransferStatus.FAILED, TransferStatus.CANCELLED)
        with exact():
            return sum(
                (
                    self.wallets.dollars(one.transfer.asset, _held(one.transfer))
                    for one in self._records
                    if not one.transfer.deposit
                    and one.transfer.created_at > since
                    and one.transfer.status not in gone_back
                ),
                ZERO,
            )


def _held(transfer: DeskTransfer) -> Decimal:
    with exact():
        return transfer.amount + transfer.fee
