"""Bybit v5's private stream: orders, executions, the unified wallet, positions.

Enters: credentials of one dial, frames `{"id":…,"topic":"order","creationTime":1672364262474,"data":[…]}`. Leaves:
reports, `Lost` where something may have been missed. Never: a secret kept, an amount that a frame does not tell.

Read for it: bybit-exchange.github.io/docs/v5, pages ws/connect and websocket/private/{order,execution,wallet,position}
(state of 2026-07-24, read 2026-11-21). Frames are not numbered, and "There is no snapshot event given at the time when
the subscription is successful": what a broken connection missed only a request tells.
"""

import hashlib
import hmac
from collections.abc import Sequence

import msgspec

from cryptopipe.api import (
    Connect,
    Credentials,
    Frame,
    HttpRequest,
    HttpResponse,
    Instrument,
    Lost,
    Nanos,
    PrivateReport,
    PrivateStream,
    ProtocolError,
    StreamAuth,
    VenueError,
)
from cryptopipe_bybit.market import MILLISECOND, VENUE, Millis
from cryptopipe_bybit.reports import (
    DAMAGED,
    FillRow,
    Names,
    OrderRow,
    PositionRow,
    WalletRow,
    balance_reports,
    fill_report,
    order_report,
    position_report,
)

URL = "wss://stream.bybit.com/v5/private"
TOPICS = ("order", "execution", "wallet", "position")
_VALID_FOR = 10_000
"""Milliseconds for which a sign-in may be used: `expires` "is greater than your current timestamp"."""


class _Frame(msgspec.Struct, gc=False):
    topic: str = ""
    op: str = ""
    success: bool | None = None
    ret_msg: str = ""
    created_at: Millis = msgspec.field(name="creationTime", default=0)
    data: msgspec.Raw = msgspec.Raw(b"")


_read = msgspec.json.Decoder(_Frame).decode
_orders = msgspec.json.Decoder(list[OrderRow]).decode
_fills = msgspec.json.Decoder(list[FillRow]).decode
_positions = msgspec.json.Decoder(list[PositionRow]).decode
_wallets = msgspec.json.Decoder(list[WalletRow]).decode

Told = tuple[PrivateReport | Lost, ...]


class BybitPrivate:
    """One connection (a `PrivateCodec`)."""

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self._names = Names(instruments)

    def connect(self, auth: StreamAuth, at: Nanos) -> Connect:
        """The sign-in and the subscription. "send the ping heartbeat packet every 20 seconds"."""
        subscribe = msgspec.json.encode({"req_id": "topics", "op": "subscribe", "args": TOPICS}).decode()
        return Connect(URL, (auth.token, subscribe), ping_every_s=20, ping_text='{"op":"ping"}')

    def decode(self, frame: Frame, received_at: Nanos) -> Told:
        """What one frame says. Raises `VenueError` for a refused sign-in or subscription, `ProtocolError`."""
        try:
            told = _read(frame)
            return self._answered(told, frame) if not told.topic else self._told(told)
        except DAMAGED as error:
            raise ProtocolError(f"unreadable frame: {error}, in {_shown(frame)}", where=VENUE) from error

    def _told(self, told: _Frame) -> Told:
        at, names = told.created_at * MILLISECOND, self._names
        match told.topic:
            case "order":
                return tuple(order_report(row, names) for row in _orders(told.data))
            case "execution":
                found = (fill_report(row, names) for row in _fills(told.data))
                return tuple(one for one in found if one is not None)
            case "wallet":
                return tuple(one for row in _wallets(told.data) for one in balance_reports(row, at))
            case "position":
                return tuple(position_report(row, names, at) for row in _positions(told.data))
        return (Lost(f"the venue speaks of {told.topic}, which was not asked for"),)

    def _answered(self, told: _Frame, frame: Frame) -> Told:
        if told.op in ("ping", "pong"):
            return ()
        if told.success is None:
            raise ProtocolError(f"neither a topic nor an answer: {_shown(frame)}", where=VENUE)
        if not told.success:
            raise VenueError(f"{told.op or 'a request'} was refused: {told.ret_msg[:200]}", where=VENUE)
        return ()


class BybitSigner:
    """Signs one dial in (a `PrivateSigner`): HMAC-SHA256 of `GET/realtime` and the time at which that ends."""

    good_for: Nanos = 0

    def request(self, credentials: Credentials, at: Nanos) -> HttpRequest | None:
        """Nothing is asked first."""
        return None

    def auth(self, credentials: Credentials, response: HttpResponse | None, at: Nanos) -> StreamAuth:
        """`{"req_id":"auth","op":"auth","args":["api_key",1662350400000,"signature"]}`"""
        expires = at // MILLISECOND + _VALID_FOR
        signature = hmac.new(credentials.secret.encode(), f"GET/realtime{expires}".encode(), hashlib.sha256).hexdigest()
        request = {"req_id": "auth", "op": "auth", "args": [credentials.key, expires, signature]}
        return StreamAuth(msgspec.json.encode(request).decode())


STREAM = PrivateStream(BybitPrivate, BybitSigner())


def _shown(frame: Frame) -> str:
    return repr(bytes(frame[:120]))
