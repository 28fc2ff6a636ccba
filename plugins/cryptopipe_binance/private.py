"""Binance spot's stream of one account's orders, fills and balances: the WebSocket API, subscribed to by signature.

Enters: credentials of one dial, frames `{"subscriptionId": 0, "event": {…}}`, answers. Leaves: reports in our words,
`Lost` where something may have been missed. Never: a secret kept, an amount that the frame does not tell.

Read: github.com/binance/binance-spot-api-docs web-socket-api.md "SIGNED request security", "User Data Stream requests",
"Server Shutdown", user-data-stream.md, enums.md, errors.md (2026-07-21). Events are not numbered: what a broken
connection missed only a request tells.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterator, Sequence
from decimal import InvalidOperation

import msgspec

from cryptopipe.api import (
    Asset,
    BalanceReport,
    Connect,
    Credentials,
    Fee,
    FillReport,
    Frame,
    HttpRequest,
    HttpResponse,
    Instrument,
    Kind,
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
    VenueId,
    VenueUnavailable,
    asset_of,
    number_of,
)
from cryptopipe_binance.market import MILLISECOND, UNREADABLE, Id, Millis
from cryptopipe_binance.metadata import CODES, BinanceInstruments

URL = "wss://ws-api.binance.com:443/ws-api/v3"
VENUE = VenueId("binance")
_STATES = {
    "NEW": OrderState.OPEN,
    "PENDING_NEW": OrderState.OPEN,
    "PARTIALLY_FILLED": OrderState.OPEN,
    "PENDING_CANCEL": OrderState.OPEN,
    "FILLED": OrderState.FILLED,
    "CANCELED": OrderState.CANCELLED,
    "REJECTED": OrderState.REJECTED,
    "EXPIRED": OrderState.EXPIRED,
    "EXPIRED_IN_MATCH": OrderState.EXPIRED,
}
_TOLD_OTHERWISE = ("balanceUpdate", "listStatus")
"""What is told by `outboundAccountPosition` and by the `executionReport`s of a list's orders as well."""


class _Error(msgspec.Struct):
    code: int = 0
    msg: str = ""


class _Frame(msgspec.Struct, gc=False):
    event: msgspec.Raw = msgspec.Raw(b"")
    status: int = 0
    error: _Error | None = None


class _Event(msgspec.Struct, gc=False):
    event: str = msgspec.field(name="e")


class _Order(msgspec.Struct, gc=False):
    """`executionReport`. `C` is the order's own client id where `c` is that of its cancellation."""

    symbol: str = msgspec.field(name="s")
    client_id: str = msgspec.field(name="c")
    side: str = msgspec.field(name="S")
    size: str = msgspec.field(name="q")
    price: str = msgspec.field(name="p")
    execution: str = msgspec.field(name="x")
    status: str = msgspec.field(name="X")
    rejected: str = msgspec.field(name="r")
    order_id: Id = msgspec.field(name="i")
    last_size: str = msgspec.field(name="l")
    filled: str = msgspec.field(name="z")
    last_price: str = msgspec.field(name="L")
    fee: str = msgspec.field(name="n")
    at: Millis = msgspec.field(name="T")
    trade_id: int = msgspec.field(name="t")
    maker: bool = msgspec.field(name="m")
    spent: str = msgspec.field(name="Z")
    fee_asset: str | None = msgspec.field(name="N", default=None)
    original_id: str = msgspec.field(name="C", default="")
    expired: str = msgspec.field(name="eR", default="")


class _Balance(msgspec.Struct, gc=False):
    code: str = msgspec.field(name="a")
    free: str = msgspec.field(name="f")
    locked: str = msgspec.field(name="l")


class _Balances(msgspec.Struct, gc=False):
    at: Millis = msgspec.field(name="u")
    balances: list[_Balance] = msgspec.field(name="B")


_read_frame = msgspec.json.Decoder(_Frame).decode
_read_event = msgspec.json.Decoder(_Event).decode
_read_order = msgspec.json.Decoder(_Order).decode
_read_balances = msgspec.json.Decoder(_Balances).decode


class BinancePrivate:
    """One connection (a `PrivateCodec`)."""

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self._known = {one.symbol: one for one in instruments if one.venue == VENUE}
        self._listed = BinanceInstruments(VENUE, Kind.SPOT)
        self._readers: dict[str, Callable[[bytes], Iterator[PrivateReport | Lost]]] = {
            "executionReport": self._order,
            "outboundAccountPosition": self._balances,
        }

    def connect(self, auth: StreamAuth, at: Nanos) -> Connect:
        """The subscription that the signer made is the first text. The venue pings; a library answers."""
        return Connect(URL, (auth.token,))

    def decode(self, frame: Frame, received_at: Nanos) -> Iterator[PrivateReport | Lost]:
        """What one frame says; of an accepted subscription nothing."""
        try:
            told = _read_frame(frame)
            name = _read_event(told.event).event if bytes(told.event) else ""
            if not name:
                return self._answered(told, frame)
            if name in self._readers:
                return iter(list(self._readers[name](bytes(told.event))))
        except (*UNREADABLE, InvalidOperation) as error:
            raise ProtocolError(f"unreadable frame: {error}, in {_shown(frame)}", where=VENUE) from error
        if name in _TOLD_OTHERWISE:
            return iter(())
        return iter((Lost(f"the venue says {name}"),))

    def _answered(self, told: _Frame, frame: Frame) -> Iterator[PrivateReport | Lost]:
        """Raises `VenueError` for a refused subscription, `ProtocolError` for what is no answer."""
        if told.status == 200:
            return iter(())
        if not told.status:
            raise ProtocolError(f"neither an event nor an answer: {_shown(frame)}", where=VENUE)
        error = told.error or _Error()
        said = f"the subscription got {told.status}, code {error.code}: {error.msg[:200]}"
        if told.status in (418, 429):
            raise RateLimited(said, where=VENUE)
        raise (VenueUnavailable if told.status >= 500 else VenueError)(said, where=VENUE)

    def _order(self, event: bytes) -> Iterator[PrivateReport | Lost]:
        one = _read_order(event)
        state, side = _STATES.get(one.status), {"BUY": Side.BUY, "SELL": Side.SELL}.get(one.side)
        if state is None or side is None:
            raise ProtocolError(f"an order is {one.status!r}, side {one.side!r}", where=f"{VENUE}:{one.symbol}")
        instrument = self._instrument(one.symbol)
        client_id = one.original_id if one.original_id not in ("", "null") else one.client_id
        order_id, at = str(one.order_id), one.at * MILLISECOND
        if one.execution == "TRADE":
            fee = None if one.fee_asset is None else Fee(number_of(one.fee), _asset(one.fee_asset))
            yield FillReport(
                instrument, str(one.trade_id), order_id, client_id, side, number_of(one.last_price),
                number_of(one.last_size), fee, one.maker, at,
            )  # fmt: skip
        spent = number_of(one.spent)
        reason = one.expired or ("" if one.rejected == "NONE" else one.rejected)
        yield OrderReport(
            instrument, order_id, client_id, side, state, number_of(one.size) or None, number_of(one.price) or None,
            number_of(one.filled), None if spent < 0 else spent, updated_at=at, reason=reason,
        )  # fmt: skip

    def _balances(self, event: bytes) -> Iterator[PrivateReport | Lost]:
        told = _read_balances(event)
        for one in told.balances:
            free, locked = number_of(one.free), number_of(one.locked)
            yield BalanceReport(VENUE, _asset(one.code), free, locked, at=told.at * MILLISECOND)

    def _instrument(self, symbol: str) -> Instrument:
        known = self._known.get(symbol)
        return self._listed.find(symbol) if known is None else known


class BinanceSigner:
    """Signs the subscription of one dial (a `PrivateSigner`): HMAC-SHA256 over the sorted parameters."""

    good_for: Nanos = 0

    def request(self, credentials: Credentials, at: Nanos) -> HttpRequest | None:
        """Nothing is asked first."""
        return None

    def auth(self, credentials: Credentials, response: HttpResponse | None, at: Nanos) -> StreamAuth:
        """`{"id":1,"method":"userDataStream.subscribe.signature","params":{"apiKey":…,"timestamp":…,"signature":…}}`."""
        params: dict[str, str | int] = {"apiKey": credentials.key, "timestamp": at // MILLISECOND}
        payload = "&".join(f"{name}={value}" for name, value in sorted(params.items()))
        params["signature"] = hmac.new(credentials.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
        request = {"id": 1, "method": "userDataStream.subscribe.signature", "params": params}
        return StreamAuth(msgspec.json.encode(request).decode())


def _asset(code: str) -> Asset:
    return asset_of(VENUE, code, CODES.aliases)


def _shown(frame: Frame) -> str:
    return repr(frame[:120])
