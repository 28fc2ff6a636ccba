"""Executions by request, and what each closed: what `/v5/execution` answers and its stream tells.

Enters: the parameters of a signed request, fills of the desk. Leaves: results in the venue's form. Never: an execution
that is no trade: funding is told by the transaction log alone.

bybit-exchange.github.io/docs/v5/order/execution (state of 2026-07-24, read 2026-11-21).
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from cryptopipe.api import DeskFill, DeskOrder, Instrument, Kind, Nanos, SimulatedAccount, plain
from cryptopipe_bybit.market import MARKETS, MILLISECOND
from cryptopipe_bybit.sandbox_listing import Listing
from cryptopipe_bybit.sandbox_orders import Listings, chosen_by, listed, market_of, span
from cryptopipe_bybit.sandbox_orders_kept import Kept, paged, with_orders
from cryptopipe_bybit.sandbox_orders_told import Closing, Closings, fill_row
from cryptopipe_bybit.sandbox_private_asked import Asked


class Fills:
    """The handler, and what the streams ask."""

    def __init__(self, listings: Listings, kept: Kept) -> None:
        self._listings, self._kept = listings, kept
        self._closings: dict[int, Closings] = {}

    def executions(self, account: SimulatedAccount, asked: Asked, at: Nanos) -> object:
        """`/v5/execution/list`; no execution but trades is simulated here (funding is in the transaction log)."""
        market, limit = market_of(asked), asked.limit(50, 100)
        if asked.text("execType") not in ("", "Trade"):
            return listed(market, [], "")
        given, link = asked.text("orderId"), asked.text("orderLinkId")
        number = 0
        if given or link:
            one = self._kept.find(account, market.kind, given, link)
            if one is None:
                return listed(market, [], "")
            number = one.order_id
        since, until = (0, at) if number else span(asked, at)
        chosen = (lambda instrument: True) if number else chosen_by(self._listings, market, asked)
        rows = [
            (fill.fill_id, row)
            for fill, row in self.fill_rows(account, market.kind, number)
            if chosen(fill.instrument) and since <= fill.at // MILLISECOND <= until
        ]
        return listed(market, *paged(reversed(rows), asked.text("cursor"), limit))

    def fill_rows(
        self, account: SimulatedAccount, kind: Kind, number: int = 0
    ) -> list[tuple[DeskFill, dict[str, Any]]]:
        """Executions of a category, oldest first, of one order where `number` is not 0."""
        closed = {} if kind is Kind.SPOT else self._followed(account)
        rows = []
        for fill, order, left in with_orders(account, kind, number):
            trade_id = self.listing(fill.instrument).trade_id(fill.trade_id)
            fees = account.fees(fill.instrument)
            row = fill_row(fill, order, left[fill.fill_id], fees, trade_id, closed.get(fill.fill_id))
            rows.append((fill, row))
        return rows

    def closing(self, account: SimulatedAccount, fill: DeskFill) -> Closing:
        """What an execution of a contract closed."""
        return self._followed(account)[fill.fill_id]

    def profit(self, account: SimulatedAccount, fill: DeskFill) -> str:
        """Of what this execution closed, without fees; 0 on spot."""
        if fill.instrument.kind is Kind.SPOT:
            return "0"
        return plain(self.closing(account, fill).profit)

    def closed_profit(self, account: SimulatedAccount, order: DeskOrder) -> str:
        """Of all executions of an order so far, without fees."""
        told = self._followed(account)
        found = (told[one.fill_id].profit for one in account.fills(order_id=order.order_id) if one.fill_id in told)
        return plain(sum(found, Decimal(0)))

    def _followed(self, account: SimulatedAccount) -> Mapping[int, Closing]:
        closings = self._closings.setdefault(account.account_id, Closings())
        closings.follow(account.fills())
        return closings.told

    def listing(self, instrument: Instrument) -> Listing:
        """Of an instrument that the venue has."""
        market = MARKETS[instrument.kind]
        return self._listings[market.category, instrument.symbol.rpartition(":")[2]]
