"""A trade by hand: the best venue for a size, priced against its live book.

Enters: accounts, a size, a symbol. Leaves: a plan of one immediate limit order; its fills. Never: a market order, a
price beyond the slack, a position that a close opens.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

from cryptopipe.act.paper import PaperVenue, TakenLiquidity
from cryptopipe.act.venues import fills_of
from cryptopipe.cli.accounts import Accounts
from cryptopipe.cli.deeds import Deeded, asked_once, recorded
from cryptopipe.clock import Nanos
from cryptopipe.drivers.glance import glance
from cryptopipe.errors import UsageError
from cryptopipe.journal import told
from cryptopipe.market.sync import BookSync
from cryptopipe.market.view import DisplayedLadder
from cryptopipe.model.actions import FetchPositions
from cryptopipe.model.facts import Instrument, Kind, Side, ceil_to, floor_to
from cryptopipe.model.money import exact, plain
from cryptopipe.model.trading import Fill, Order

_BPS = Decimal("0.0001")


@dataclass(frozen=True)
class Trade:
    """A plan of one order. `needed` is its worst price in the book now, `vwap` the average; `fee` by the plugin's
    schedule; `name` what the user called it."""

    accounts: Accounts
    name: str
    order: Order
    vwap: Decimal
    needed: Decimal
    fee_rate: Decimal
    reduce_only: bool
    execution: str

    def lines(self) -> Sequence[str]:
        """Four lines."""
        order, venue = self.order, self.order.instrument.venue
        quote = order.instrument.quote
        with exact():
            worth, fee = order.quantity * self.vwap, order.quantity * self.vwap * self.fee_rate
        word = "simulated venue" if self.accounts.kind == "sandbox" else "real venue"
        return [
            f"{self.name} {plain(order.quantity)} {order.instrument.symbol} at {venue} ({word}), by {self.execution}",
            f"  {order.side.value} now at {self.vwap:.8f}, {plain(self.needed)} at worst: {worth:.2f} {quote}",
            f"  fee about {fee:.4f} {quote} ({plain(self.fee_rate * 10_000)} bps)",
            f"  as an immediate limit order at {plain(order.limit)}" + (", reduce only" if self.reduce_only else ""),
        ]

    def document(self) -> dict[str, Any]:
        """The same as facts."""
        order = self.order
        return {
            "act": self.name,
            "venue": order.instrument.venue,
            "instrument": order.instrument.id,
            "side": order.side.value,
            "quantity": plain(order.quantity),
            "limit": plain(order.limit),
            "vwap": plain(self.vwap),
            "worst": plain(self.needed),
            "fee_bps": plain(self.fee_rate * 10_000),
            "reduce_only": self.reduce_only,
            "execution": self.execution,
            "client_id": order.client_id,
        }

    def do(self, data_dir: Path) -> Deeded:
        """Place it, and follow it to its last fill. Raises `VenueError`, `UnknownOutcome`."""
        order = self.order
        with recorded(data_dir, " ".join(self.lines()[:1])) as record:
            record.intend(told.intended(order))
            if self.execution == "paper":
                fills, obstacle = _on_paper(self.accounts, order), ""
            else:
                with self.accounts.asked(record.heard) as errands, asked_once("order", order.client_id):
                    done = errands.pursue(order, self.reduce_only)
                fills, obstacle = fills_of(order, done, time.time_ns()), done.obstacle
            for fill in fills:
                record.tell(told.filled(fill))
            ended = told.order_ended(order, fills, obstacle)
            record.tell(ended)
        return _deeded(order, fills, ended.why)


def trade(
    accounts: Accounts,
    name: str,
    size: Decimal,
    symbol: str,
    perpetual: bool,
    slack_bps: Decimal,
    execution: str,
) -> Trade:
    """The plan at the venue where it is cheapest after fees. Raises `UsageError` for what cannot be, `VenueError`."""
    found = [one for plugin in accounts.plugins.values() if (one := _instrument(plugin, symbol, perpetual))]
    if not found:
        kind = "linear perpetual" if perpetual else "spot market"
        raise UsageError(f"no {kind} {symbol!r} with known rules at {', '.join(accounts.plugins)}", where="SYMBOL")
    side = _side(accounts, name, found[0], size) if name == "close" else Side.BUY if name == "long" else Side.SELL
    priced: list[Trade] = []
    refused: list[str] = []

    def seen(sync: BookSync, at: Nanos) -> None:
        try:
            priced.append(_priced(accounts, name, size, side, sync, slack_bps, execution))
        except UsageError as error:
            refused.append(str(error))

    glance(accounts.plugins, found, accounts.rewrite, {}, seen)
    if not priced:
        raise UsageError("; ".join(refused), where="SIZE")
    key = lambda one: one.vwap * (1 + one.fee_rate if side is Side.BUY else 1 - one.fee_rate)  # noqa: E731
    return min(priced, key=key) if side is Side.BUY else max(priced, key=key)


def _instrument(plugin: Any, symbol: str, perpetual: bool) -> Instrument | None:
    kind = Kind.LINEAR_PERPETUAL if perpetual else Kind.SPOT
    for one in plugin.instruments.listed():
        if one.kind is kind and one.rules is not None and symbol in (one.symbol, f"{one.base}/{one.quote}"):
            return one  # type: ignore[no-any-return]
    return None


def _side(accounts: Accounts, name: str, instrument: Instrument, size: Decimal) -> Side:
    """What closes a position: of a perpetual the other way, on spot a sale."""
    if instrument.kind is Kind.SPOT:
        return Side.SELL

    with accounts.asked() as errands:
        told = errands.told(FetchPositions(instrument.venue, instrument))
    held = sum((one.size for one in told.positions if one.instrument == instrument), Decimal(0))
    if not held:
        raise UsageError(f"no position in {instrument.id}", where="SYMBOL")
    if size > abs(held):
        raise UsageError(f"the position is {plain(held)}, less than {plain(size)}", where="SIZE")
    return Side.SELL if held > 0 else Side.BUY


def _priced(
    accounts: Accounts, name: str, size: Decimal, side: Side, sync: BookSync, slack_bps: Decimal, execution: str
) -> Trade:
    instrument = sync.instrument
    rules = instrument.rules
    assert rules is not None, "an instrument without rules is not chosen"
    quantity = floor_to(rules.step, size)
    if quantity <= 0 or quantity < rules.min_size:
        raise UsageError(f"{instrument.id}: {plain(size)} is below its step {rules.step} or minimum {rules.min_size}")
    cost, left, worst = Decimal(0), quantity, Decimal(0)
    with exact():
        for price, shown in DisplayedLadder(sync.book, side is Side.SELL, {}, instrument.id):
            taken = min(left, shown)
            cost, left, worst = cost + taken * price, left - taken, price
            if not left:
                break
        if left:
            raise UsageError(f"{instrument.id}: its book shows {plain(quantity - left)} only")
        if cost < rules.min_notional:
            raise UsageError(f"{instrument.id}: {plain(cost)} is below its minimum of {rules.min_notional}")
        slack = slack_bps * _BPS
        buys = side is Side.BUY
        limit = floor_to(rules.tick, worst * (1 + slack)) if buys else ceil_to(rules.tick, worst * (1 - slack))
    limit = max(limit, worst) if buys else min(limit, worst)
    order = Order(str(uuid4()), 0, instrument, side, quantity, limit)
    rate = accounts.plugins[instrument.venue].fees.taker_rate
    reduce_only = name == "close" and instrument.kind is not Kind.SPOT
    return Trade(accounts, name, order, cost / quantity, worst, rate, reduce_only, execution)


def _on_paper(accounts: Accounts, order: Order) -> list[Fill]:
    """What the live book, looked at anew, would give."""
    venue = order.instrument.venue
    fills: list[Fill] = []

    def seen(sync: BookSync, at: Nanos) -> None:
        fills.extend(PaperVenue(TakenLiquidity()).execute(order, sync, accounts.plugins[venue].fees, at))

    glance({venue: accounts.plugins[venue]}, [order.instrument], accounts.rewrite, {}, seen)
    return fills


def _deeded(order: Order, fills: Sequence[Fill], why: str) -> Deeded:
    with exact():
        done = sum((fill.quantity for fill in fills), Decimal(0))
        spent = sum((fill.spent for fill in fills), Decimal(0))
    fees: dict[str, Decimal] = {}
    for fee in (fill.fee for fill in fills):
        fees[fee.asset] = fees.get(fee.asset, Decimal(0)) + fee.amount
    facts: dict[str, Any] = {
        "filled": plain(done),
        "spent": plain(spent),
        "fees": _texts(fees),
        "why": why,
        "client_id": order.client_id,
    }
    told_fees = ", ".join(f"{amount} {asset}" for asset, amount in _texts(fees).items()) or "none"
    words = [f"done: {plain(done)} of {plain(order.quantity)} for {plain(spent)}, fees {told_fees}: {why}"]
    return Deeded(done == order.quantity, words, facts)


def _texts(fees: Mapping[str, Decimal]) -> dict[str, str]:
    return {asset: plain(amount) for asset, amount in fees.items()}
