"""Advanced Trade's private stream: the user channel, which tells each order of an account as it is.

Enters: frames `{"channel":"user","sequence_num":3,"events":[{"type":"update","orders":[{"order_id":…}]}]}`. Leaves:
states of orders with what they filled and spent; `Lost` for a gap in the frames' numbers. Never: one execution or a
balance (frames tell sums of an order; the rest is asked for).

docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket, pages websocket-overview (`sequence_num`: "If a
sequence number is greater than … expected, a message has been dropped") and websocket-channels (user channel), read
2026-11-21 in stored copies; a token is good for two minutes, and is asked for in the subscription alone.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal

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
    OrderReport,
    PrivateReport,
    PrivateStream,
    ProtocolError,
    StreamAuth,
    VenueError,
    exact,
)
from cryptopipe_coinbase.actions_advanced_answers import SIDES, STATES
from cryptopipe_coinbase.es256 import token
from cryptopipe_coinbase.metadata import ADVANCED, CoinbaseInstruments
from cryptopipe_coinbase.wire import UNREADABLE, amount, nanos

URL = "wss://advanced-trade-ws-user.coinbase.com"
_SECOND: Nanos = 1_000_000_000
_LASTS = 120  # seconds


class _Order(msgspec.Struct, gc=False):
    order_id: str
    client_order_id: str
    product_id: str
    order_side: str
    status: str
    cumulative_quantity: str
    leaves_quantity: str
    filled_value: str
    limit_price: str = ""
    creation_time: str = ""
    cancel_reason: str = ""
    reject_reason: str = ""


class _Event(msgspec.Struct):
    type: str = ""
    orders: list[_Order] = []


class _Frame(msgspec.Struct):
    channel: str = ""
    type: str = ""
    message: str = ""
    timestamp: str = ""
    sequence_num: int = -1
    events: msgspec.Raw = msgspec.Raw(b"[]")


_read = msgspec.json.Decoder(_Frame).decode
_events = msgspec.json.Decoder(list[_Event]).decode


class AdvancedPrivate:
    """One connection (a `PrivateCodec`)."""

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self._known = {one.symbol: one for one in instruments if one.venue == ADVANCED}
        self._listed = CoinbaseInstruments(ADVANCED)
        self._next = 0

    def connect(self, auth: StreamAuth, at: Nanos) -> Connect:
        """Two messages with one token: the user channel, and heartbeats, which keep it open."""
        self._next = 0
        user = {"type": "subscribe", "channel": "user", "product_ids": list(self._known), "jwt": auth.token}
        beats = {"type": "subscribe", "channel": "heartbeats", "jwt": auth.token}
        return Connect(URL, tuple(msgspec.json.encode(one).decode() for one in (user, beats)))

    def decode(self, frame: Frame, received_at: Nanos) -> Iterator[PrivateReport | Lost]:
        """What one frame says. Raises `ProtocolError`, or `VenueError` for a refused subscription."""
        try:
            told = _read(frame)
            if told.type == "error":
                raise VenueError(f"the subscription was refused: {told.message}", where=ADVANCED)
            if not told.channel or told.sequence_num < 0:
                raise ValueError("neither a frame of a channel nor an error")
            reports: list[PrivateReport | Lost] = []
            if told.sequence_num != self._next:
                reports.append(Lost(f"frame {told.sequence_num} where {self._next} was next"))
            if told.channel == "user":
                at = nanos(told.timestamp)
                reports += [self._order(one, at) for event in _events(told.events) for one in event.orders]
        except (*UNREADABLE, ArithmeticError) as error:
            raise ProtocolError(f"unreadable frame: {error}, in {bytes(frame[:120])!r}", where=ADVANCED) from error
        self._next = told.sequence_num + 1
        return iter(reports)

    def _order(self, one: _Order, at: Nanos) -> OrderReport:
        state, side = STATES.get(one.status), SIDES.get(one.order_side)
        if state is None or side is None:
            raise ValueError(f"an order is {one.status!r}, side {one.order_side!r}")
        filled, left = amount(one.cumulative_quantity), amount(one.leaves_quantity)
        price = amount(one.limit_price) if one.limit_price else Decimal(0)
        with exact():
            size = filled + left
        instrument = self._known.get(one.product_id) or self._listed.find(one.product_id)
        return OrderReport(
            instrument, one.order_id, one.client_order_id, side, state, size, price or None, filled,
            amount(one.filled_value), updated_at=at, reason=one.reject_reason or one.cancel_reason,
        )  # fmt: skip


class AdvancedSigner:
    """Signs the subscriptions of one dial (a `PrivateSigner`) with a token that names no request."""

    good_for: Nanos = 0

    def request(self, credentials: Credentials, at: Nanos) -> HttpRequest | None:
        """None: a signature is enough."""
        return None

    def auth(self, credentials: Credentials, response: HttpResponse | None, at: Nanos) -> StreamAuth:
        """The secret is a PEM. Raises `ProtocolError` for one that is none."""
        seconds = at // _SECOND
        head = {"alg": "ES256", "kid": credentials.key, "nonce": f"{at:032x}", "typ": "JWT"}
        claims = {"iss": "cdp", "nbf": seconds, "exp": seconds + _LASTS, "sub": credentials.key}
        return StreamAuth(token(credentials.secret, head, claims))


def private() -> PrivateStream:
    """Codec and signer."""
    return PrivateStream(AdvancedPrivate, AdvancedSigner())
