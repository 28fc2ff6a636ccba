"""One customer of a simulated venue: its orders, fills, wallets, and the tape of what happened to them.

Enters: what a signed request asks for, what the desk's dealer and the chain do. Leaves: states, and numbered lines.
Never: a gap in the numbers, a line that is changed afterwards.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from msgspec.structs import replace

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
    DeskRefusal,
    DeskTransfer,
    NewOrder,
    OrderStatus,
    Refusal,
)
from cryptopipe.model.facts import Asset, FeeSchedule, Instrument, Kind, Network, Side
from cryptopipe.sandbox.accounts_wallets import Wallets
from cryptopipe.sandbox.desk_orders import Working

if TYPE_CHECKING:
    from cryptopipe.sandbox.desk import Desk


class TransferOffice(Protocol):
    """Who moves one customer's coins: what an account is asked about transfers, it asks here.

    It holds, settles and credits in `Account.wallets`, and tells `Account.tell_transfer` afterwards.
    """

    def deposit_address(self, asset: Asset, network: Network) -> DepositAddress: ...
    def allowed_addresses(self) -> Sequence[tuple[str, DepositAddress]]: ...
    def withdraw(
        self, asset: Asset, network: Network, address: str, memo: str, amount: Decimal, client_id: str = "",
        wallet: str = TRADING,
    ) -> DeskTransfer: ...  # fmt: skip
    def cancel_withdrawal(self, transfer_id: int) -> DeskTransfer: ...
    def transfers(self, deposits: bool) -> Sequence[DeskTransfer]: ...
    def move(self, asset: Asset, amount: Decimal, source: str, target: str, client_id: str = "") -> DeskMove: ...
    def moves(self) -> Sequence[DeskMove]: ...


class Account:
    """A `SimulatedAccount`. `office` moves its coins; without one it has no networks."""

    def __init__(self, desk: "Desk", account_id: int, schedule: FeeSchedule) -> None:
        self.account_id = account_id
        self.wallets = Wallets(desk.tally)
        self.schedule = schedule
        self.office: TransferOffice | None = None
        self._desk = desk
        self._tape: list[DeskEvent] = []
        self._orders: dict[int, Working] = {}
        self._open: dict[int, Working] = {}
        self._by_client: dict[str, int] = {}
        self._fills: list[DeskFill] = []

    @property
    def number(self) -> int:
        """Of the newest event; 0 before the first."""
        return len(self._tape)

    def events(self, after: int) -> Sequence[DeskEvent]:
        """With a number above `after`."""
        return self._tape[max(0, after) :]

    def place(self, order: NewOrder) -> DeskOrder:
        """Takes an order in; it is matched before this returns. Raises `DeskRefusal`."""
        with self._desk.action("order"):
            return self._desk.dealer.place(self, order)

    def cancel(self, order_id: int, client_id: str = "") -> DeskOrder:
        """Takes the rest out. Raises `DeskRefusal`."""
        with self._desk.action("cancel"):
            working = self._find(order_id, client_id)
            if working.state.status is not OrderStatus.OPEN:
                raise DeskRefusal(Refusal.ORDER_ENDED, order_id=working.state.order_id, status=working.state.status)
            return self._desk.dealer.cancel(working)

    def cancel_all(self, instrument: Instrument | None = None) -> Sequence[DeskOrder]:
        """Takes all out, oldest first; their last states."""
        with self._desk.action("cancel"):
            return [self._desk.dealer.cancel(one) for one in tuple(self._open.values()) if _is_of(one, instrument)]

    def order(self, order_id: int, client_id: str = "") -> DeskOrder:
        """Raises `DeskRefusal`."""
        return self._find(order_id, client_id).state

    def open_orders(self, instrument: Instrument | None = None) -> Sequence[DeskOrder]:
        """Those that rest."""
        return [one.state for one in self._open.values() if _is_of(one, instrument)]

    def orders(self, instrument: Instrument | None = None) -> Sequence[DeskOrder]:
        """All that there ever were."""
        return [one.state for one in self._orders.values() if _is_of(one, instrument)]

    def fills(self, instrument: Instrument | None = None, order_id: int = 0) -> Sequence[DeskFill]:
        """All that there ever were, of one order where `order_id` is not 0."""
        return [
            one
            for one in self._fills
            if (not order_id or one.order_id == order_id)
            and (instrument is None or one.instrument.symbol == instrument.symbol)
        ]

    def balances(self, wallet: str = TRADING) -> Mapping[Asset, DeskBalance]:
        """Every asset that it ever held there."""
        return self.wallets.balances(wallet)

    def fees(self, instrument: Instrument) -> FeeSchedule:
        """What it pays; for perpetuals in their quote asset."""
        if instrument.kind is Kind.SPOT or self.schedule.charged_in == "quote":
            return self.schedule
        return replace(self.schedule, charged_in="quote")

    def positions(self) -> Sequence[DeskPosition]:
        """Those that are open, by symbol."""
        return self._desk.margins.positions(self)

    def leverage(self, instrument: Instrument) -> Decimal:
        """Of its positions in a perpetual."""
        return self._desk.dealer.linear.leverage(self, instrument)

    def set_leverage(self, instrument: Instrument, leverage: Decimal) -> None:
        """Margins follow. Raises `DeskRefusal`: LEVERAGE, INSUFFICIENT_FUNDS."""
        self._desk.dealer.set_leverage(self, instrument, leverage)

    def deposit_address(self, asset: Asset, network: Network) -> DepositAddress:
        """Raises `DeskRefusal`."""
        return self._office(network.code).deposit_address(asset, network)

    def allowed_addresses(self) -> Sequence[tuple[str, DepositAddress]]:
        """The address book: (name, address)."""
        return () if self.office is None else self.office.allowed_addresses()

    def withdraw(
        self, asset: Asset, network: Network, address: str, memo: str, amount: Decimal, client_id: str = "",
        wallet: str = TRADING,
    ) -> DeskTransfer:  # fmt: skip
        """`amount` is what leaves the account, the network's fee included. Raises `DeskRefusal`."""
        with self._desk.action("withdraw"):
            office = self._office(network.code)
            return office.withdraw(asset, network, address, memo, amount, client_id, wallet)

    def cancel_withdrawal(self, transfer_id: int) -> DeskTransfer:
        """Raises `DeskRefusal`."""
        return self._office("").cancel_withdrawal(transfer_id)

    def transfers(self, deposits: bool) -> Sequence[DeskTransfer]:
        """Deposits, or withdrawals."""
        return () if self.office is None else self.office.transfers(deposits)

    def move(self, asset: Asset, amount: Decimal, source: str, target: str, client_id: str = "") -> DeskMove:
        """Between two wallets. Raises `DeskRefusal`."""
        with self._desk.action("move"):
            return self._office("").move(asset, amount, source, target, client_id)

    def moves(self) -> Sequence[DeskMove]:
        """All that there ever were."""
        return () if self.office is None else self.office.moves()

    # What follows is for the desk's own parts: the dealer, and the office of transfers.

    def tell_balances(self, at: Nanos | None = None) -> None:
        """A line for each balance that changed since the last call."""
        for wallet, asset, balance, change in self.wallets.changed():
            self._tell(DeskEvent(self._next, self._when(at), None, None, wallet, asset, balance, change))

    def tell_transfer(self, transfer: DeskTransfer | None) -> None:
        """A line for each balance that changed, and for the transfer, where there is one."""
        self.tell_balances()
        if transfer is not None:
            self._tell(DeskEvent(self._next, self._desk.now, transfer=transfer))

    def tell_position(self, position: DeskPosition, at: Nanos | None = None) -> None:
        """A line for a position that changed."""
        self._tell(DeskEvent(self._next, self._when(at), position=position))

    def working(self, instrument: Instrument, side: Side | None = None) -> Sequence[Working]:
        """Open orders of an instrument (on one side), oldest first."""
        open_orders = self._open.values()
        return [one for one in open_orders if _is_of(one, instrument) and side in (None, one.state.order.side)]

    @property
    def open_count(self) -> int:
        """Orders that are open."""
        return len(self._open)

    def has_open(self, client_id: str) -> bool:
        """Whether an open order has this id of the client."""
        return self._by_client.get(client_id, 0) in self._open

    def opened(self, working: Working) -> None:
        """A new order."""
        state = working.state
        self._orders[state.order_id] = self._open[state.order_id] = working
        if state.order.client_id:
            self._by_client[state.order.client_id] = state.order_id
        self._tell(DeskEvent(self._next, state.updated_at, state))

    def filled(self, working: Working, fill: DeskFill) -> None:
        """A fill of an order, which may have ended by it."""
        self._fills.append(fill)
        if working.state.status is not OrderStatus.OPEN:
            self._open.pop(working.state.order_id, None)
        self._tell(DeskEvent(self._next, fill.at, working.state, fill))

    def ended(self, working: Working) -> None:
        """An order ended without a fill."""
        self._open.pop(working.state.order_id, None)
        self._tell(DeskEvent(self._next, working.state.updated_at, working.state))

    @property
    def _next(self) -> int:
        return len(self._tape) + 1

    def _when(self, at: Nanos | None) -> Nanos:
        return self._desk.now if at is None else at

    def _tell(self, event: DeskEvent) -> None:
        self._tape.append(event)

    def _find(self, order_id: int, client_id: str) -> Working:
        working = self._orders.get(order_id or self._by_client.get(client_id, 0))
        if working is None:
            raise DeskRefusal(Refusal.UNKNOWN_ORDER, order_id=order_id, client_id=client_id)
        return working

    def _office(self, network: str) -> TransferOffice:
        if self.office is None:
            raise DeskRefusal(Refusal.UNKNOWN_NETWORK, network=network)
        return self.office


def _is_of(working: Working, instrument: Instrument | None) -> bool:
    return instrument is None or working.market.instrument.symbol == instrument.symbol
