"""What Bybit says of an account, read: orders, executions, positions, wallets, as requests and streams write them.

Enters: JSON rows of `/v5/order`, `/v5/execution`, `/v5/position` and of the private topics. Leaves: reports in our
words. Never: an amount that a row does not tell, an execution that is no trade (funding is a change of the wallet).

bybit-exchange.github.io/docs/v5, pages order/open-order, order/execution, websocket/private/{order,execution,wallet,
position} and enum (state of 2026-07-24, read 2026-11-21).
"""

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

import msgspec

from cryptopipe.api import (
    Asset,
    BalanceReport,
    Fee,
    FillReport,
    Instrument,
    Kind,
    Nanos,
    OrderReport,
    OrderState,
    PositionReport,
    ProtocolError,
    Side,
    asset_of,
    exact,
    number_of,
)
from cryptopipe_bybit.market import MILLISECOND, UNREADABLE, VENUE, contract_name, spot_name
from cryptopipe_bybit.metadata import CODES, BybitInstruments

DAMAGED = (*UNREADABLE, InvalidOperation)
"""What reading a row that is none may raise."""

_SIDES = {"Buy": Side.BUY, "Sell": Side.SELL}
_STATES = {
    "Created": OrderState.OPEN,
    "New": OrderState.OPEN,
    "PartiallyFilled": OrderState.OPEN,
    "Untriggered": OrderState.OPEN,
    "Triggered": OrderState.OPEN,
    "Active": OrderState.OPEN,
    "Filled": OrderState.FILLED,
    "Cancelled": OrderState.CANCELLED,
    "PartiallyFilledCanceled": OrderState.CANCELLED,
    "Deactivated": OrderState.CANCELLED,
    "Rejected": OrderState.REJECTED,
}
_ENDS = {
    "EC_PostOnlyWillTakeLiquidity": OrderState.REJECTED,
    "EC_NoImmediateQtyToFill": OrderState.EXPIRED,
    "EC_CancelForNoFullFill": OrderState.EXPIRED,
    "EC_NoEnoughQtyToFill": OrderState.EXPIRED,
    "EC_BySelfMatch": OrderState.EXPIRED,
    "EC_StopBySelfMatch": OrderState.EXPIRED,
}
"""Of an order that is `Cancelled`, why: nobody asked for these ends."""
_TRADES = frozenset({"Trade", "AdlTrade", "BustTrade", "BlockTrade", ""})
_FINE = frozenset({"", "EC_NoError", "EC_PerCancelRequest"})


class OrderRow(msgspec.Struct, gc=False, rename="camel"):
    """`category` stands in each row of a stream, and once above the rows of a request."""

    symbol: str
    order_id: str
    side: str
    order_status: str
    order_type: str
    qty: str
    cum_exec_qty: str
    cum_exec_value: str
    updated_time: str
    price: str = ""
    order_link_id: str = ""
    category: str = ""
    market_unit: str = ""
    reject_reason: str = ""


class FillRow(msgspec.Struct, gc=False, rename="camel"):
    """`feeCurrency` may be empty; the page on fees then says which coin it is."""

    symbol: str
    exec_id: str
    order_id: str
    side: str
    exec_price: str
    exec_qty: str
    exec_time: str
    exec_fee: str | None = None
    fee_currency: str = ""
    exec_type: str = ""
    is_maker: bool | None = None
    order_link_id: str = ""
    category: str = ""


class PositionRow(msgspec.Struct, gc=False, rename="camel"):
    """The average is `entryPrice` in the stream, `avgPrice` by request."""

    symbol: str
    side: str
    size: str
    entry_price: str = ""
    avg_price: str = ""
    mark_price: str = ""
    liq_price: str = ""
    position_im: str = msgspec.field(name="positionIM", default="")
    unrealised_pnl: str = ""
    updated_time: str = ""
    category: str = ""


class CoinRow(msgspec.Struct, gc=False, rename="camel"):
    """One coin of the unified wallet. What positions and orders hold as margin is not free."""

    coin: str
    wallet_balance: str
    locked: str = ""
    total_position_im: str = msgspec.field(name="totalPositionIM", default="")
    total_order_im: str = msgspec.field(name="totalOrderIM", default="")


class WalletRow(msgspec.Struct, gc=False, rename="camel"):
    """One account with the coins that changed."""

    coin: list[CoinRow]
    account_type: str = ""


class Names:
    """Instruments by category and spelling: those of a run, else as the plugin knows them."""

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self._known = {one.symbol: one for one in instruments if one.venue == VENUE}
        self._listed = BybitInstruments()

    def of(self, category: str, spelling: str) -> Instrument:
        """Raises `ProtocolError` for what is no instrument of a category that is read."""
        if category not in ("spot", "linear", "inverse"):
            raise ProtocolError(f"{spelling!r} is of category {category!r}", where=VENUE)
        name = spot_name(spelling) if category == "spot" else contract_name(spelling)
        known = self._known.get(name)
        return self._listed.find(name) if known is None else known


def order_report(row: OrderRow, names: Names, category: str = "") -> OrderReport:
    """Cumulative. An order by value has no size. Raises `ProtocolError` for words that no page has."""
    instrument = names.of(row.category or category, row.symbol)
    state = _STATES.get(row.order_status)
    if state is None:
        raise ProtocolError(f"an order is {row.order_status!r}", where=instrument.id)
    if state is OrderState.CANCELLED:
        state = _ENDS.get(row.reject_reason, state)
    by_value = row.market_unit == "quoteCoin" or (
        not row.market_unit and instrument.kind is Kind.SPOT and row.order_type == "Market" and row.side == "Buy"
    )
    return OrderReport(
        instrument,
        row.order_id,
        row.order_link_id,
        side_of(row.side, instrument),
        state,
        None if by_value else number_of(row.qty),
        None if row.order_type == "Market" else number_of(row.price) or None,
        number_of(row.cum_exec_qty),
        number_of(row.cum_exec_value),
        updated_at=millis_of(row.updated_time),
        reason="" if row.reject_reason in _FINE else row.reject_reason,
    )


def fill_report(row: FillRow, names: Names, category: str = "") -> FillReport | None:
    """None for an execution that is no trade."""
    if row.exec_type not in _TRADES:
        return None
    instrument = names.of(row.category or category, row.symbol)
    side = side_of(row.side, instrument)
    return FillReport(
        instrument,
        row.exec_id,
        row.order_id,
        row.order_link_id,
        side,
        number_of(row.exec_price),
        number_of(row.exec_qty),
        None if row.exec_fee is None or row.exec_fee == "" else _fee(row, instrument, side),
        row.is_maker,
        millis_of(row.exec_time),
    )


def position_report(row: PositionRow, names: Names, at: Nanos = 0, category: str = "linear") -> PositionReport:
    """`size` with its sign; an empty position has none."""
    instrument = names.of(row.category or category, row.symbol)
    size = number_of(row.size)
    if size and row.side not in _SIDES:
        raise ProtocolError(f"a position's side is {row.side!r}", where=instrument.id)
    return PositionReport(
        instrument,
        -size if row.side == "Sell" else size,
        _or_none(row.entry_price or row.avg_price),
        _or_none(row.mark_price),
        number_of(row.position_im) if row.position_im else None,
        _or_none(row.liq_price),
        number_of(row.unrealised_pnl) if row.unrealised_pnl else None,
        at=millis_of(row.updated_time) if row.updated_time else at,
    )


def balance_reports(row: WalletRow, at: Nanos) -> list[BalanceReport]:
    """Free is the balance less what spot orders lock and what margin takes."""
    told = []
    for one in row.coin:
        balance = number_of(one.wallet_balance)
        with exact():
            held = sum(
                (number_of(text or "0") for text in (one.locked, one.total_position_im, one.total_order_im)), Decimal(0)
            )
            told.append(BalanceReport(VENUE, asset(one.coin), balance - held, held, at=at))
    return told


def asset(code: str) -> Asset:
    """What the venue calls `code`."""
    return asset_of(VENUE, code, CODES.aliases)


def millis_of(text: str) -> Nanos:
    """Of epoch milliseconds as text."""
    if not (text.isdecimal() and len(text) <= 13):
        raise ValueError(f"not a time in milliseconds: {text!r}")
    return int(text) * MILLISECOND


def side_of(word: str, instrument: Instrument) -> Side:
    """Raises `ProtocolError`."""
    side = _SIDES.get(word)
    if side is None:
        raise ProtocolError(f"a side is {word!r}", where=instrument.id)
    return side


def _or_none(text: str) -> Decimal | None:
    """Zero is how the venue says that there is none."""
    return (number_of(text) or None) if text else None


def _fee(row: FillRow, instrument: Instrument, side: Side) -> Fee:
    """ "Is makerFeeRate positive? Side = Buy -> base currency, Side = Sell -> quote currency"; of a rebate the other
    way round (docs/v5/enum, Spot Fee Currency Instruction). Contracts pay in what they settle in.
    """
    amount = number_of(row.exec_fee or "")
    if row.fee_currency:
        return Fee(amount, asset(row.fee_currency))
    if instrument.kind is not Kind.SPOT:
        return Fee(amount, instrument.base if instrument.kind is Kind.INVERSE_PERPETUAL else instrument.quote)
    in_base = (side is Side.BUY) is (amount >= 0)
    return Fee(amount, instrument.base if in_base else instrument.quote)
