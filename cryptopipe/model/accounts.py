"""Who keeps the accounts of a simulated venue, as its private side reads and moves them.

Enters: what a client's signed request asks for, in the desk's neutral words. Leaves: states, fills, a numbered tape of
what happened to an account, or a `DeskRefusal`. Never: a time that is passed in: the house turns the desk to each
moment before it asks the venue.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Protocol

import msgspec

from cryptopipe.clock import Nanos
from cryptopipe.model.desk import (
    TRADING,
    DepositAddress,
    DeskBalance,
    DeskEvent,
    DeskFill,
    DeskMove,
    DeskOrder,
    DeskPosition,
    DeskTransfer,
    NewOrder,
    Permission,
)
from cryptopipe.model.facts import Asset, Currency, FeeSchedule, Instrument, Network
from cryptopipe.model.stream import Credentials


class SimulatedAccount(Protocol):
    """One customer of a simulated venue. Every call is at the time that the desk was turned to.

    Lists come oldest first. An id is the venue's (`order_id`), or the client's where `order_id` is 0; of several
    orders of one client id the newest. Whatever cannot be done raises `DeskRefusal` and changes nothing.
    """

    @property
    def account_id(self) -> int:
        """From 1; the engine's owner of its orders."""

    @property
    def number(self) -> int:
        """Of the newest event; 0 before the first."""

    def events(self, after: int) -> Sequence[DeskEvent]:
        """With a number above `after`. The tape keeps everything."""

    def place(self, order: NewOrder) -> DeskOrder:
        """Takes an order in; it is matched before this returns. Raises `DeskRefusal`."""

    def cancel(self, order_id: int, client_id: str = "") -> DeskOrder:
        """Takes the rest out. Raises `DeskRefusal`: UNKNOWN_ORDER, ORDER_ENDED."""

    def cancel_all(self, instrument: Instrument | None = None) -> Sequence[DeskOrder]: ...
    def order(self, order_id: int, client_id: str = "") -> DeskOrder:
        """Raises `DeskRefusal`: UNKNOWN_ORDER."""

    def open_orders(self, instrument: Instrument | None = None) -> Sequence[DeskOrder]: ...
    def orders(self, instrument: Instrument | None = None) -> Sequence[DeskOrder]: ...
    def fills(self, instrument: Instrument | None = None, order_id: int = 0) -> Sequence[DeskFill]: ...
    def balances(self, wallet: str = TRADING) -> Mapping[Asset, DeskBalance]:
        """Every asset that it ever held there."""

    def fees(self, instrument: Instrument) -> FeeSchedule:
        """What it pays, by its tier."""

    def positions(self) -> Sequence[DeskPosition]:
        """Those that are open."""

    def leverage(self, instrument: Instrument) -> Decimal: ...
    def set_leverage(self, instrument: Instrument, leverage: Decimal) -> None: ...
    def deposit_address(self, asset: Asset, network: Network) -> DepositAddress: ...
    def allowed_addresses(self) -> Sequence[tuple[str, DepositAddress]]:
        """The address book: (name, address). Where it is empty and the venue needs none, any may be sent to."""

    def withdraw(
        self, asset: Asset, network: Network, address: str, memo: str, amount: Decimal, client_id: str = "",
        wallet: str = TRADING,
    ) -> DeskTransfer:  # fmt: skip
        """`amount` is what leaves the account, the network's fee included: `amount - fee` arrives."""

    def cancel_withdrawal(self, transfer_id: int) -> DeskTransfer: ...
    def transfers(self, deposits: bool) -> Sequence[DeskTransfer]: ...
    def move(self, asset: Asset, amount: Decimal, source: str, target: str, client_id: str = "") -> DeskMove: ...
    def moves(self) -> Sequence[DeskMove]: ...


class SimulatedKey(msgspec.Struct, frozen=True):
    """One key of an account: what it may do, from where (empty: anywhere), until when (0: without end)."""

    credentials: Credentials
    account: SimulatedAccount
    permissions: frozenset[Permission]
    addresses: tuple[str, ...] = ()
    created_at: Nanos = 0
    expires_at: Nanos = 0


class SimulatedDesk(Protocol):
    """The private side of one simulated venue."""

    @property
    def now(self) -> Nanos:
        """By the venue's clock."""

    @property
    def maintenance(self) -> bool:
        """Whether the venue answers nothing but that it is being maintained."""

    @property
    def currencies(self) -> Sequence[Currency]:
        """Assets with their networks, as they are now: one that is suspended says so."""

    def key(self, key: str) -> SimulatedKey | None:
        """By the text that names it in a request."""

    def mark(self, instrument: Instrument) -> Decimal:
        """The mark price of a perpetual, the middle of a spot book."""

    def funding_rate(self, instrument: Instrument) -> Decimal:
        """Of the next funding, as a fraction."""

    def next_funding_at(self, instrument: Instrument) -> Nanos: ...
