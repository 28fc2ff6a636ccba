"""Kraken's private stream: executions and balances of WebSocket v2, on a host of its own.

Enters: the token of a dial, frames `{"channel":"executions","type":"update","data":[{…}],"sequence":8}`. Leaves:
reports, and `Lost` where a number is missing. Never: an order guessed: what its end tells has no symbol, so an order
that was not told of before is asked for anew.

Read for it: docs.kraken.com/exchange/api-reference/spot-websocket-v2, pages executions and balances (2026-11-21; in
copies of 2026-05-27), guides/websockets/authentication, get-websockets-token. `sequence` counts the messages of one
subscription by one; a snapshot begins it. A trade is told as `partially_filled` even where it was the last; `filled`
follows. The balances channel tells totals: all of one stands as free here, and a request tells what orders hold back.
A token is good for 15 minutes and, once used, while its connection lives: each dial asks for its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from cryptopipe.api import (
    BalanceReport,
    Connect,
    Credentials,
    Fee,
    FillReport,
    Frame,
    HttpRequest,
    HttpResponse,
    Instrument,
    Lost,
    Nanos,
    OrderReport,
    OrderState,
    PrivateReport,
    ProtocolError,
    RateLimited,
    Side,
    StreamAuth,
    VenueError,
    VenueUnavailable,
    asset_of,
)
from cryptopipe_kraken.metadata import CODES, VENUE, KrakenInstruments
from cryptopipe_kraken.signer import KrakenSigner
from cryptopipe_kraken.wire import UNREADABLE, nanos

URL = "wss://ws-auth.kraken.com/v2"
TOKEN_LIFE: Nanos = 900_000_000_000
_CHANNELS: Mapping[str, Mapping[str, object]] = {
    "executions": {"snap_orders": True, "snap_trades": True},
    "balances": {"snapshot": True},
}
_ENDS = {
    "filled": OrderState.FILLED,
    "canceled": OrderState.CANCELLED,
    "expired": OrderState.EXPIRED,
    "rejected": OrderState.REJECTED,
}
_CHANGES = ("pending_new", "new", "amended", "restated", "status", "iceberg_refill")
"""Events that leave an order open; they tell what they change."""
_LIMITS = ("Rate limit exceeded", "Too many requests", "Exceeded msg rate", "Temporary lockout")

Reports = Iterator[PrivateReport | Lost]


class _Fee(msgspec.Struct):
    asset: str
    qty: Decimal


class _Execution(msgspec.Struct):
    exec_type: str
    order_id: str
    timestamp: str = ""
    symbol: str = ""
    side: Side | None = None
    cl_ord_id: str | None = None
    order_qty: Decimal | None = None
    limit_price: Decimal | None = None
    cum_qty: Decimal | None = None
    cum_cost: Decimal | None = None
    exec_id: str = ""
    last_qty: Decimal | None = None
    last_price: Decimal | None = None
    liquidity_ind: str = ""
    fees: list[_Fee] = []
    reason: str | None = None


class _Wallet(msgspec.Struct):
    balance: Decimal
    type: str
    id: str


class _Balance(msgspec.Struct):
    """A row of a snapshot, or a line of the ledger."""

    asset: str
    balance: Decimal
    wallets: list[_Wallet] = []
    wallet_type: str = "spot"
    wallet_id: str = "main"
    timestamp: str = ""


class _Frame(msgspec.Struct):
    channel: str = ""
    type: str = ""
    data: msgspec.Raw = msgspec.Raw(b"[]")
    sequence: int = 0
    method: str = ""
    success: bool = True
    error: str | None = None


class _Known(msgspec.Struct, frozen=True):
    """What later events of an order leave out."""

    instrument: Instrument
    side: Side
    size: Decimal | None
    price: Decimal | None
    client_id: str


_frame = msgspec.json.Decoder(_Frame).decode
_executions = msgspec.json.Decoder(list[_Execution]).decode
_balances = msgspec.json.Decoder(list[_Balance]).decode


class KrakenPrivate:
    """One connection. Orders are kept from what opens them to what ends them."""

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self._instruments = {one.symbol: one for one in instruments}
        self._find = KrakenInstruments().find
        self._known: dict[str, _Known] = {}
        self._sequences: dict[str, int] = {}

    def connect(self, auth: StreamAuth, at: Nanos) -> Connect:
        """Open orders and the latest fifty executions, then every change; all balances, then every change."""
        self._known.clear()
        self._sequences.clear()
        frames = tuple(_request({"channel": name, **wanted, "token": auth.token}) for name, wanted in _CHANNELS.items())
        return Connect(URL, frames, ping_every_s=30.0, ping_text='{"method":"ping"}')

    def decode(self, frame: Frame, received_at: Nanos) -> Reports:
        """Raises `RateLimited`, `VenueUnavailable`, `VenueError` for a refused subscription, else `ProtocolError`."""
        try:
            told = _frame(frame)
            if told.channel in _CHANNELS:
                yield from self._told(told)
            elif told.error or not told.success:
                raise _refusal(told.error or "")(f"{told.method or 'a request'} was refused: {told.error}", where=VENUE)
        except UNREADABLE as error:
            raise ProtocolError(f"unreadable frame: {error}, in {bytes(frame[:120])!r}", where=VENUE) from error

    def _told(self, told: _Frame) -> Reports:
        last, snapshot = self._sequences.get(told.channel, 0), told.type == "snapshot"
        if not snapshot and told.sequence <= last:
            return  # told again
        self._sequences[told.channel] = told.sequence
        if not snapshot and told.sequence != last + 1:
            yield Lost(f"sequence gap on {VENUE} {told.channel}: expected {last + 1}, got {told.sequence}")
        if told.channel == "balances":
            yield from self._money(_balances(told.data))
            return
        for one in _executions(told.data):
            past = snapshot and one.exec_type == "trade"  # an order's that may have ended long ago
            yield from self._execution(one, keep=not past)

    def _execution(self, one: _Execution, keep: bool) -> Reports:
        known = self._remembered(one, keep)
        if known is None:
            yield Lost(f"{one.exec_type} of order {one.order_id}, which was not told of")
        elif one.exec_type == "trade":
            yield _fill(one, known)
            if one.cum_qty is not None:
                yield _order(one, known, OrderState.OPEN, one.cum_qty)
        elif one.exec_type in _CHANGES:
            if one.cum_qty is not None or one.exec_type in ("pending_new", "new"):
                yield _order(one, known, OrderState.OPEN, one.cum_qty or Decimal(0))
        elif one.exec_type in _ENDS:
            self._known.pop(one.order_id, None)
            filled = one.cum_qty if one.cum_qty is not None else known.size if one.exec_type == "filled" else None
            if filled is None:
                yield Lost(f"{one.exec_type} of order {one.order_id} does not say what was filled")
            else:
                yield _order(one, known, _ENDS[one.exec_type], filled)
        else:
            yield Lost(f"an event {one.exec_type} of order {one.order_id}, which is not known")

    def _remembered(self, one: _Execution, keep: bool) -> _Known | None:
        """What is known of an order, with what this event tells of it; kept where it is open."""
        known = self._known.get(one.order_id)
        if known is None:
            if not one.symbol or one.side is None:
                return None
            known = _Known(self._instrument(one.symbol), one.side, one.order_qty, one.limit_price, one.cl_ord_id or "")
        else:
            size = known.size if one.order_qty is None else one.order_qty
            price = known.price if one.limit_price is None else one.limit_price
            known = msgspec.structs.replace(known, size=size, price=price, client_id=one.cl_ord_id or known.client_id)
        if keep:
            self._known[one.order_id] = known
        return known

    def _money(self, rows: Sequence[_Balance]) -> Reports:
        """Of the wallet that orders are paid from."""
        for one in rows:
            total = one.balance
            if one.wallets:
                total = sum((w.balance for w in one.wallets if (w.type, w.id) == ("spot", "main")), Decimal(0))
            elif (one.wallet_type, one.wallet_id) != ("spot", "main"):
                continue
            asset = asset_of(VENUE, one.asset, CODES.aliases)
            yield BalanceReport(VENUE, asset, total, Decimal(0), "", _stamp(one.timestamp))

    def _instrument(self, symbol: str) -> Instrument:
        return self._instruments.get(symbol) or self._find(symbol)


class KrakenPrivateSigner:
    """A token for each dial."""

    good_for: Nanos = TOKEN_LIFE

    def __init__(self) -> None:
        self._signer = KrakenSigner()

    def request(self, credentials: Credentials, at: Nanos) -> HttpRequest | None:
        """`POST /0/private/GetWebSocketsToken`, signed."""
        return self._signer.request(credentials, at)

    def auth(self, credentials: Credentials, response: HttpResponse | None, at: Nanos) -> StreamAuth:
        """Raises `RateLimited`, `VenueUnavailable`, `VenueError` or `ProtocolError`; none quotes a token."""
        return self._signer.auth(credentials, response, at)


def _order(one: _Execution, known: _Known, state: OrderState, filled: Decimal) -> OrderReport:
    """What is filled is known of an order that is new, so its sum is too."""
    return OrderReport(
        known.instrument,
        one.order_id,
        known.client_id,
        known.side,
        state,
        known.size,
        known.price,
        filled,
        one.cum_cost if one.cum_cost is not None or filled else Decimal(0),
        None if filled else (),
        _stamp(one.timestamp),
        one.reason or "",
    )


def _fill(one: _Execution, known: _Known) -> FillReport:
    """Raises `ValueError`."""
    if not one.exec_id or one.last_price is None or one.last_qty is None:
        raise ValueError(f"a trade of {one.order_id} without id, price or size")
    fee = None
    if len(one.fees) == 1:
        fee = Fee(one.fees[0].qty, asset_of(VENUE, one.fees[0].asset, CODES.aliases))
    maker = {"m": True, "t": False}.get(one.liquidity_ind)
    return FillReport(
        known.instrument,
        one.exec_id,
        one.order_id,
        known.client_id,
        one.side or known.side,
        one.last_price,
        one.last_qty,
        fee,
        maker,
        _stamp(one.timestamp),
    )


def _stamp(text: str) -> Nanos:
    return nanos(text) if text else 0


def _request(params: Mapping[str, Any]) -> str:
    return msgspec.json.encode({"method": "subscribe", "params": params}).decode()


def _refusal(error: str) -> type[VenueError]:
    if any(text in error for text in _LIMITS):
        return RateLimited
    return VenueUnavailable if "EService:" in error else VenueError
