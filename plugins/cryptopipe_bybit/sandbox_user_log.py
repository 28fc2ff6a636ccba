"""What changed the unified wallet, by request: trades, fundings, moves, withdrawals.

Enters: an account's tape. Leaves: rows whose `change` adds up to the balance. Never: a row of the funding wallet.

bybit-exchange.github.io/docs/v5/account/transaction-log (state of 2026-07-24, read 2026-11-21): "Change = cashFlow +
funding - fee", "Positive fee value means receive funding; negative fee value means pay funding". Not confirmed: that a
spot trade has a row for each of its two coins.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from cryptopipe.api import (
    TRADING,
    Asset,
    DeskEvent,
    DeskFill,
    DeskPosition,
    Kind,
    Nanos,
    Side,
    SimulatedAccount,
    exact,
    plain,
)
from cryptopipe_bybit.market import MARKETS, MILLISECOND, spelling_of
from cryptopipe_bybit.sandbox_listing import SIDES
from cryptopipe_bybit.sandbox_orders import span
from cryptopipe_bybit.sandbox_orders_fills import Fills
from cryptopipe_bybit.sandbox_orders_kept import paged
from cryptopipe_bybit.sandbox_orders_told import millis, order_id
from cryptopipe_bybit.sandbox_private_asked import Asked

_DAY = 86_400_000
_ZERO = Decimal(0)
Row = dict[str, Any]


class Log:
    """The handler."""

    def __init__(self, fills: Fills) -> None:
        self._fills = fills

    def listed(self, account: SimulatedAccount, asked: Asked, at: Nanos) -> object:
        """Newest first; without times those of the last 24 hours."""
        since, until = span(asked, at, _DAY)
        wanted = {name: asked.text(name) for name in ("category", "currency", "type")}
        rows = [
            (number, row)
            for number, row in enumerate(self.rows(account), 1)
            if since <= int(row["transactionTime"]) <= until
            and all(text in ("", row[name]) for name, text in wanted.items())
        ]
        page, cursor = paged(reversed(rows), asked.text("cursor"), asked.limit(20, 50))
        return {"list": page, "nextPageCursor": cursor}

    def rows(self, account: SimulatedAccount) -> list[Row]:
        """All of an account, oldest first."""
        told: list[Row] = []
        waiting: list[Row] = []
        funded: dict[str, Decimal] = {}
        for event in account.events(0):
            if event.fill is not None:
                waiting.extend(self._of_fill(account, event.fill))
            elif event.position is not None:
                waiting.extend(_of_funding(event.position, funded, event.at))
            elif event.balance is not None and event.wallet == TRADING:
                waiting = _settled(event, waiting, told)
        return told

    def _of_fill(self, account: SimulatedAccount, fill: DeskFill) -> Iterator[Row]:
        instrument = fill.instrument
        with exact():
            value = fill.price * fill.size
        signed = value if fill.side is Side.SELL else -value
        amount = fill.size if fill.side is Side.BUY else -fill.size
        fees = account.fees(instrument)
        common = {
            "symbol": spelling_of(instrument.symbol),
            "category": MARKETS[instrument.kind].category,
            "side": SIDES[fill.side],
            "orderId": order_id(instrument.kind, fill.order_id),
            "orderLinkId": fill.client_id,
            "tradeId": self._fills.listing(instrument).trade_id(fill.trade_id),
            "tradePrice": plain(fill.price),
            "feeRate": plain(fees.maker_rate if fill.maker else fees.taker_rate),
        }
        if instrument.kind is not Kind.SPOT:
            profit = self._fills.closing(account, fill).profit
            yield _row("TRADE", instrument.quote, fill.at, common, profit, fee=fill.fee.amount, qty=fill.size)
            return
        for asset, flow in ((instrument.base, amount), (instrument.quote, signed)):
            fee = fill.fee.amount if fill.fee.asset == asset else _ZERO
            yield _row("TRADE", asset, fill.at, common, flow, fee=fee, qty=flow)


def _of_funding(held: DeskPosition, funded: dict[str, Decimal], at: Nanos) -> Iterator[Row]:
    """A position whose funding is another than before was funded."""
    before = funded.get(held.instrument.id, _ZERO)
    funded[held.instrument.id] = held.funding
    if held.funding == before:
        return
    common = {
        "symbol": spelling_of(held.instrument.symbol),
        "category": MARKETS[held.instrument.kind].category,
        "side": "Buy" if held.size > 0 else "Sell",
        "tradePrice": plain(held.mark),
        "feeRate": plain(held.funding_rate if held.size > 0 else -held.funding_rate),
        "size": plain(held.size),
    }
    with exact():
        received = before - held.funding
    yield _row("SETTLEMENT", held.instrument.quote, at, common, _ZERO, funding=received, qty=abs(held.size))


def _settled(event: DeskEvent, waiting: list[Row], told: list[Row]) -> list[Row]:
    """Gives the rows of this asset their balance; a change that none of them explains is a move of its own."""
    mine = [row for row in waiting if row["currency"] == event.asset]
    with exact():
        left = event.change - sum((Decimal(row["change"]) for row in mine), _ZERO)
    if left:
        kind = "TRANSFER_IN" if left > 0 else "TRANSFER_OUT"
        mine.append(_row(kind, event.asset, event.at, {}, left, qty=left))
    assert event.balance is not None
    with exact():
        balance = event.balance.free + event.balance.locked
        for row in reversed(mine):
            row["cashBalance"] = plain(balance)
            balance -= Decimal(row["change"])
    told.extend(mine)
    return [row for row in waiting if row["currency"] != event.asset]


def _row(
    kind: str,
    asset: Asset,
    at: Nanos,
    common: Mapping[str, str],
    flow: Decimal,
    funding: Decimal = _ZERO,
    fee: Decimal = _ZERO,
    qty: Decimal = _ZERO,
) -> Row:
    with exact():
        change = flow + funding - fee
    blank = dict.fromkeys(("symbol", "category", "orderId", "orderLinkId", "tradeId", "tradePrice", "feeRate"), "")
    return {
        **blank,
        "id": f"{common.get('symbol') or asset}_{at // MILLISECOND}_{kind}",
        "side": "None",
        "transSubType": "",
        "transactionTime": millis(at),
        "type": kind,
        "currency": asset,
        "qty": plain(qty),
        "size": "",
        "funding": plain(funding) if funding else "",
        "fee": plain(fee),
        "cashFlow": plain(flow),
        "change": plain(change),
        "cashBalance": "",
        "bonusChange": "",
        "extraFees": "",
        **common,
    }
