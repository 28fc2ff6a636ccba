"""One client's connection to the simulated Bitfinex, at `/ws/2`.

Enters: a client's events, the desks. Leaves: acknowledgements and errors some tens of milliseconds later, snapshots,
updates, sums, trades, tickers, heartbeats, each array with its number and time where the client asked for them. Never:
data before the acknowledgement of its channel.

Read for it (2026-11-21): docs/ws-general in a copy kept in github.com/f3rno64/bfx-oss-docs, docs/ws-public and the
pages ws-public-books, -raw-books, -trades, -ticker in stored copies; keys and their order as recorded on 2021-04-17.
The texts of errors are ours: only their codes are of the protocol. Precisions P1 to P4, status and funding are
not here.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from cryptopipe.api import HangUp, Nanos, Outgoing, Say
from cryptopipe_bitfinex.sandbox_book import PRECISIONS
from cryptopipe_bitfinex.sandbox_channels import BookChannel, CandlesChannel, TickerChannel, TradesChannel
from cryptopipe_bitfinex.sandbox_desk import FRAMES, Desk
from cryptopipe_bitfinex.sandbox_text import MS, SECOND, encoded

ANSWER_AFTER: Nanos = 30 * MS
QUIET: Nanos = 15 * SECOND
"""After this long without anything a channel gets a heartbeat (docs/ws-general)."""
MOST = 30
"""Channels on one connection (docs/ws-general; docs/ws-public says 25)."""
LENGTHS = (1, 25, 100, 250)
TIMESTAMP, SEQ_ALL, OB_CHECKSUM = 32768, 65536, 131072
FIRST_CHANNEL = 200_000
_ECHOED = (10300, 10301, 10302, 10305)

Channel = BookChannel | CandlesChannel | TickerChannel | TradesChannel


class Refused(Exception):
    """A request that the venue answers with an error."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class Session:
    """One connection. `number` sets its channel ids apart from those of others."""

    def __init__(self, desks: Mapping[str, Desk], number: int, at: Nanos) -> None:
        self._desks = desks
        self._flags = self._seq = 0
        self._next = FIRST_CHANNEL + number * 1000
        self._channels: dict[int, Channel] = {}
        self._keys: dict[tuple[str, ...], int] = {}
        self._spoke: dict[int, Nanos] = {}
        self._pending: deque[tuple[Nanos, Callable[[Nanos], Iterable[str]]]] = deque()
        server = f"083bd8d4-aca7-4690-a573-{number:012d}"
        info = {"event": "info", "version": 2, "serverId": server, "platform": {"status": 1}}
        self._later(at, lambda due: (encoded(info),))

    def _later(self, at: Nanos, answer: Callable[[Nanos], Iterable[str]]) -> None:
        self._pending.append((at + ANSWER_AFTER, answer))

    def receive(self, message: str, at: Nanos) -> Iterable[Outgoing]:
        """Nothing at once: every answer takes its time."""
        self._later(at, lambda due: self._answered(message, due))
        return ()

    def _answered(self, message: str, due: Nanos) -> Iterator[str]:
        try:
            request = msgspec.json.decode(message)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            request = None
        if not isinstance(request, dict):
            yield encoded({"event": "error", "msg": "json: invalid", "code": 10000})
            return
        try:
            yield from self._carried_out(request, due)
        except Refused as error:
            told = request if error.code in _ECHOED else {}
            yield encoded({**told, "event": "error", "msg": str(error), "code": error.code})

    def _carried_out(self, request: dict[str, Any], due: Nanos) -> Iterator[str]:
        match request.get("event"):
            case "ping":
                number = {"cid": request["cid"]} if "cid" in request else {}
                yield encoded({"event": "pong", "ts": due // MS, **number})
            case "conf":
                flags = request.get("flags", 0)
                if not isinstance(flags, int):
                    raise Refused(10050, "flags: invalid")
                self._configure(flags)
                yield encoded({"event": "conf", "status": "OK", "flags": flags})
            case "subscribe":
                yield from self._subscribed(request, due)
            case "unsubscribe":
                yield self._unsubscribed(request)
            case _:
                raise Refused(10000, "event: unknown")

    def _configure(self, flags: int) -> None:
        """The flags are those of the last `conf`, for every channel."""
        self._flags = flags
        if flags & OB_CHECKSUM:
            for channel in self._channels.values():
                channel.want_sums()

    def _subscribed(self, request: dict[str, Any], due: Nanos) -> Iterator[str]:
        name, number = request.get("channel"), self._next
        symbol = request.get("symbol") or f"t{request.get('pair')}"
        if name == "candles":
            _, frame, symbol = [*str(request.get("key")).split(":", 2), "", ""][:3]
        desk = self._desks.get(symbol) if isinstance(symbol, str) else None
        if name not in ("book", "trades", "ticker", "candles"):
            raise Refused(10302, "channel: unknown")
        if desk is None:
            raise Refused(10300, "symbol: invalid")
        if len(self._channels) >= MOST:
            raise Refused(10305, "subscribe: limit")
        asked: dict[str, Any] = {}
        if name == "book":
            asked = {
                "prec": request.get("prec", "P0"),
                "freq": request.get("freq", "F0"),
                "len": request.get("len", "25"),
            }
        if name == "candles":
            asked = {"key": request["key"], "frame": frame}
        key = (name, symbol, *(str(one) for one in asked.values()))
        if key in self._keys:
            raise Refused(10301, "subscribe: dup")
        channel = self._channel(name, desk, asked, due)
        self._next += 1
        self._keys[key], self._channels[number], self._spoke[number] = number, channel, due
        own = {"subId": request["subId"]} if "subId" in request else {}
        head = {"event": "subscribed", "channel": name, "chanId": number}
        if name == "candles":
            yield encoded({**head, "key": request["key"], **own})
        else:
            yield encoded({**head, "symbol": symbol, **asked, **own, "pair": symbol[1:]})
        yield self._array(number, channel.snapshot(due), due)

    def _channel(self, name: str, desk: Desk, asked: dict[str, Any], due: Nanos) -> Channel:
        desk.advance()
        if name == "trades":
            return TradesChannel(desk)
        if name == "ticker":
            return TickerChannel(desk)
        if name == "candles":
            if asked["frame"] not in FRAMES:
                raise Refused(10300, "key: invalid")
            return CandlesChannel(desk, FRAMES[asked["frame"]])
        precision, length = asked["prec"], str(asked["len"])
        if precision not in PRECISIONS:
            raise Refused(10300, "prec: invalid")
        if not length.isdecimal() or int(length) not in LENGTHS:
            raise Refused(10300, "len: invalid")
        if asked["freq"] not in ("F0", "F1"):
            raise Refused(10300, "freq: invalid")
        window = desk.window(precision, int(length), asked["freq"])
        window.advance(due)
        channel = BookChannel(window)
        if self._flags & OB_CHECKSUM:
            channel.want_sums()
        return channel

    def _unsubscribed(self, request: dict[str, Any]) -> str:
        """The id may be a text: so ccxt sends it."""
        told = str(request.get("chanId"))
        number = int(told) if told.isdecimal() else -1
        if self._channels.pop(number, None) is None:
            raise Refused(10401, "unsubscribe: not subscribed")
        self._keys = {key: one for key, one in self._keys.items() if one != number}
        del self._spoke[number]
        return encoded({"event": "unsubscribed", "status": "OK", "chanId": number})

    def _array(self, number: int, rest: str, at: Nanos) -> str:
        """With its place in the count and its time, where the client asked for them."""
        self._seq += 1
        self._spoke[number] = at
        place = f",{self._seq}" if self._flags & SEQ_ALL else ""
        time = f",{at // MS}" if self._flags & TIMESTAMP else ""
        return f"[{number},{rest}{place}{time}]"

    def publish(self, at: Nanos) -> Iterator[Outgoing]:
        """What is due by now."""
        sums = bool(self._flags & OB_CHECKSUM)
        for number, channel in list(self._channels.items()):
            try:
                news = channel.news(at, sums)
            except LookupError as error:
                yield HangUp(1011, str(error))
                return
            for rest, when in news:
                yield Say(self._array(number, rest, when))
            if at - self._spoke[number] >= QUIET:
                yield Say(self._array(number, '"hb"', at))
        while self._pending and self._pending[0][0] <= at:
            for text in self._pending.popleft()[1](at):
                yield Say(text)
