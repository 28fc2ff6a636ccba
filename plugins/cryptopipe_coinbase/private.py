"""Coinbase Exchange's private stream: the user channel, which tells an account's own part of the full channel.

Enters: frames `{"type":"match","trade_id":10,"maker_order_id":…,"taker_user_id":…,"side":"sell","sequence":50,…}`.
Leaves: fills and states of orders; `Lost` where what is told does not add up. Never: a fee (a frame tells a rate, no
amount), a balance (the balance channel wants the ids of accounts, which a key does not tell), what was spent (no frame
tells what the venue makes of price times size).

Read for it on 2026-11-21, in stored copies: docs.cdp.coinbase.com/exchange/websocket-feed, pages overview
("sequence numbers"), authentication and channels (full channel, user channel). "It is currently not possible to detect
if an authenticated feed message was dropped": sequences of own messages have gaps, so a gap says nothing. A match of an
order that ended, a fall of the sequence, a filled order whose matches do not come to its size, an end without a
beginning: each is `Lost`. Of an order that rested before the connection its matches are told, and its end is `Lost`.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

import msgspec

from cryptopipe.api import (
    Connect,
    FillReport,
    Frame,
    Instrument,
    Lost,
    Nanos,
    OrderReport,
    OrderState,
    PrivateReport,
    PrivateStream,
    ProtocolError,
    RateLimited,
    Side,
    StreamAuth,
    VenueError,
    exact,
)
from cryptopipe_coinbase.feed_orders import URL
from cryptopipe_coinbase.metadata import EXCHANGE, CoinbaseInstruments
from cryptopipe_coinbase.signer import CoinbaseExchangeSigner
from cryptopipe_coinbase.wire import TAKER_OF_MAKER, UNREADABLE, amount, nanos

_REMEMBERED = 1000
"""Sequences by which a message that is told again is known, and ends of orders."""

_SIDES = {"buy": Side.BUY, "sell": Side.SELL}


class _Told(msgspec.Struct, gc=False):
    product_id: str
    sequence: int
    time: str
    side: Literal["buy", "sell"]


class _Received(_Told, tag_field="type", tag="received"):
    """`size` or `funds`; `price` of a limit order."""

    order_id: str
    size: str = ""
    price: str = ""
    client_oid: str = ""


class _Open(_Told, tag_field="type", tag="open"):
    order_id: str


class _Match(_Told, tag_field="type", tag="match"):
    """`side` is the maker's. Fields of the side that is the account's own are there, of the other not."""

    trade_id: int
    maker_order_id: str
    taker_order_id: str
    size: str
    price: str
    maker_user_id: str = ""
    taker_user_id: str = ""


class _Done(_Told, tag_field="type", tag="done"):
    """Without `remaining_size` for an order at market."""

    order_id: str
    reason: Literal["filled", "canceled"]
    remaining_size: str | None = None
    cancel_reason: str = ""


class _Change(_Told, tag_field="type", tag="change"):
    """By self-trade prevention, or a modification."""

    order_id: str
    old_size: str = ""
    new_size: str = ""
    new_price: str = ""


class _Activate(msgspec.Struct, tag_field="type", tag="activate"):
    """Of a stop order, which is none of ours."""


class _Subscriptions(msgspec.Struct, tag_field="type", tag="subscriptions"):
    channels: list[msgspec.Raw]


class _Error(msgspec.Struct, tag_field="type", tag="error"):
    message: str
    reason: str = ""


_Frame = _Received | _Open | _Match | _Done | _Change | _Activate | _Subscriptions | _Error
_read = msgspec.json.Decoder(_Frame).decode
Reports = Iterator[PrivateReport | Lost]


@dataclass
class _Order:
    """What was told of one order since it was received."""

    client_id: str
    side: Side
    size: Decimal | None
    price: Decimal | None
    filled: Decimal = Decimal(0)


@dataclass
class _Heard:
    """Of one product: the newest sequence, and the last ones."""

    last: int = -1
    recent: deque[int] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))


class CoinbaseExchangePrivate:
    """One connection (a `PrivateCodec`)."""

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self._known = {one.symbol: one for one in instruments if one.venue == EXCHANGE}
        self._listed = CoinbaseInstruments(EXCHANGE)
        self._orders: dict[str, _Order] = {}
        self._ended: deque[str] = deque(maxlen=_REMEMBERED)
        self._heard: dict[str, _Heard] = {}

    def connect(self, auth: StreamAuth, at: Nanos) -> Connect:
        """One signed message for all products."""
        self._orders, self._heard = {}, {}
        self._ended.clear()
        channels = [{"name": "user", "product_ids": list(self._known)}]
        message = {"type": "subscribe", "channels": channels, **auth.headers}
        return Connect(URL, (msgspec.json.encode(message).decode(),))

    def decode(self, frame: Frame, received_at: Nanos) -> Reports:
        """What one frame says. Raises `ProtocolError`, `VenueError` or `RateLimited`."""
        try:
            told = _read(frame)
            if isinstance(told, _Error):
                raise _refusal(told)
            if isinstance(told, _Subscriptions | _Activate):
                return iter(())
            return iter(self._reports(told))
        except (*UNREADABLE, ArithmeticError) as error:
            raise ProtocolError(f"unreadable frame: {error}, in {bytes(frame[:120])!r}", where=EXCHANGE) from error

    def _reports(self, told: _Received | _Open | _Match | _Done | _Change) -> list[PrivateReport | Lost]:
        instrument = self._known.get(told.product_id) or self._listed.find(told.product_id)
        at, heard = nanos(told.time), self._heard.setdefault(told.product_id, _Heard())
        if told.sequence in heard.recent:
            return []
        fallen = told.sequence <= heard.last
        with exact():
            reports = self._of(told, instrument, at)
        heard.recent.append(told.sequence)
        heard.last = max(heard.last, told.sequence)
        lost = f"{told.product_id}: {told.sequence} after {heard.last}"
        return [*reports, Lost(lost)] if fallen else reports

    def _of(
        self, told: _Received | _Open | _Match | _Done | _Change, instrument: Instrument, at: Nanos
    ) -> list[PrivateReport | Lost]:
        match told:
            case _Received():
                return self._received(told, instrument, at)
            case _Match():
                return self._match(told, instrument, at)
            case _Done():
                return self._done(told, instrument, at)
            case _Change():
                return self._change(told, instrument, at)
            case _:
                return []

    def _received(self, told: _Received, instrument: Instrument, at: Nanos) -> list[PrivateReport | Lost]:
        size = amount(told.size) if told.size else None
        order = _Order(told.client_oid, _SIDES[told.side], size, amount(told.price) if told.price else None)
        self._orders[told.order_id] = order
        return [_report(instrument, told.order_id, order, OrderState.OPEN, at)]

    def _match(self, told: _Match, instrument: Instrument, at: Nanos) -> list[PrivateReport | Lost]:
        if bool(told.maker_user_id) is bool(told.taker_user_id):
            return [Lost(f"trade {told.trade_id} on {instrument.id} does not say whose it is")]
        maker = bool(told.maker_user_id)
        order_id = told.maker_order_id if maker else told.taker_order_id
        order, size, price = self._orders.get(order_id), amount(told.size), amount(told.price)
        if order is not None:
            order.filled += size
        side = _SIDES[told.side] if maker else TAKER_OF_MAKER[_SIDES[told.side]]
        ours = order.client_id if order else ""
        fill = FillReport(instrument, str(told.trade_id), order_id, ours, side, price, size, None, maker, at)
        late = order_id in self._ended
        return [fill, Lost(f"a match of order {order_id}, which had ended")] if late else [fill]

    def _done(self, told: _Done, instrument: Instrument, at: Nanos) -> list[PrivateReport | Lost]:
        order = self._orders.pop(told.order_id, None)
        self._ended.append(told.order_id)
        if order is None:
            return [Lost(f"order {told.order_id} ended, of which the beginning was not told")]
        filled = order.filled
        if order.size is not None and told.remaining_size is not None:
            filled = order.size - amount(told.remaining_size)
        elif order.size is not None and told.reason == "filled":
            filled = order.size
        state = OrderState.FILLED if told.reason == "filled" else OrderState.CANCELLED
        missed = filled != order.filled
        report = _report(instrument, told.order_id, order, state, at, filled, told.cancel_reason)
        why = f"order {told.order_id} ended with {filled} filled, and its matches are {order.filled}"
        return [report, Lost(why)] if missed else [report]

    def _change(self, told: _Change, instrument: Instrument, at: Nanos) -> list[PrivateReport | Lost]:
        order = self._orders.get(told.order_id)
        if order is None:
            return [Lost(f"order {told.order_id} changed, of which the beginning was not told")]
        if order.size is not None and told.old_size and told.new_size:
            order.size += amount(told.new_size) - amount(told.old_size)
        if told.new_price:
            order.price = amount(told.new_price)
        return [_report(instrument, told.order_id, order, OrderState.OPEN, at)]


def _report(
    instrument: Instrument, order_id: str, order: _Order, state: OrderState, at: Nanos,
    filled: Decimal | None = None, reason: str = "",
) -> OrderReport:  # fmt: skip
    filled = order.filled if filled is None else filled
    return OrderReport(
        instrument, order_id, order.client_id, order.side, state, order.size, order.price, filled, None,
        updated_at=at, reason=reason,
    )  # fmt: skip


def _refusal(told: _Error) -> VenueError:
    said = f"the subscription was refused: {told.message}" + f": {told.reason}" * bool(told.reason)
    return (RateLimited if "rate limit" in said.lower() else VenueError)(said, where=EXCHANGE)


def private() -> PrivateStream:
    """Codec and signer: the subscription is signed as that of the full channel is."""
    return PrivateStream(CoinbaseExchangePrivate, PrivateSigner())


class PrivateSigner(CoinbaseExchangeSigner):
    """Signs each dial (a `PrivateSigner`); what it made lasts as long as the connection."""

    good_for: Nanos = 0
