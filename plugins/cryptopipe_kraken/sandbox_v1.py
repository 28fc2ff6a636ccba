"""The venue's end of WebSocket v1, at `/`: frozen, still served.

Enters: a client's requests `{"event":"subscribe","pair":["XBT/USD"],"subscription":{"name":"book","depth":10}}`, the
desks. Leaves: subscriptionStatus, systemStatus, heartbeat and the frames of book, trade, ticker and ohlc. Never: a
checksum in a snapshot, or a key out of the order that was recorded.

Read for it: docs.kraken.com/exchange/api-reference/spot-websocket-v1, pages book, trade, ticker, ohlc,
subscriptionstatus, systemstatus, heartbeat, ping, error (2026-11-21), and the stream recorded on 2021-04-17, whose
digits and channel ids these are. Refusals are quoted from live tests of others: "Unsupported event", "Pair field must
be an array".
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from cryptopipe.api import Instrument, Nanos, Outgoing, TradePrint, TradingRules
from cryptopipe_kraken.metadata import v1_symbol
from cryptopipe_kraken.sandbox_book import Event, Level
from cryptopipe_kraken.sandbox_desk import Desk, Stream
from cryptopipe_kraken.sandbox_prints import INTERVALS, MINUTE
from cryptopipe_kraken.sandbox_text import Digits, epoch, long_digits
from cryptopipe_kraken.sandbox_ticker import Fields
from cryptopipe_kraken.sandbox_wire import Wire

DEPTHS = (10, 25, 100, 500, 1000)
_HEARTBEAT = '{"event":"heartbeat"}'
_CHANNELS = {"book": 0, "trade": 1, "ticker": 4} | {f"ohlc-{minutes}": 7 + n for n, minutes in enumerate(INTERVALS)}
"""What is added to sixteen times the number of a pair to make a channel id (ohlc-1: an id seen in 2023)."""


class V1:
    """How v1 writes: arrays, quoted numbers, epoch seconds with microseconds."""

    name = "v1"

    def digits(self, rules: TradingRules) -> Digits:
        """`56119.00000`, `0.14375128`."""
        return long_digits(rules)

    def symbol(self, instrument: Instrument) -> str:
        """`XBT/USD`."""
        return v1_symbol(instrument.symbol)

    def book(self, desk: Desk, depth: int) -> str:
        """The snapshot, without a checksum."""
        digits, ladder = desk.digits(self), desk.ladder
        asks, bids = _levels(digits, ladder.asks.best(depth)), _levels(digits, ladder.bids.best(depth))
        return f'[{_id(desk, "book")},{{"as":[{asks}],"bs":[{bids}]}},{self._tail(desk, f"book-{depth}")}'

    def update(self, desk: Desk, depth: int, event: Event) -> str:
        """Asks and bids in an object each, the last with the checksum of the book afterwards."""
        digits = desk.digits(self)
        sides = (("a", event.asks), ("b", event.bids))
        parts = "},{".join(f'"{name}":[{_levels(digits, levels)}]' for name, levels in sides if levels)
        crc = desk.ladder.checksum(digits)
        return f'[{_id(desk, "book")},{{{parts},"c":"{crc}"}},{self._tail(desk, f"book-{depth}")}'

    def past(self, desk: Desk, prints: Sequence[TradePrint]) -> str:
        """v1 shows none (recorded 2021-04-17)."""
        return ""

    def trades(self, desk: Desk, prints: Sequence[TradePrint]) -> str:
        """`m`: the engine does not tell orders at market from limits."""
        digits = desk.digits(self)
        rows = ",".join(
            f'["{digits.price(one.price)}","{digits.size(one.size)}","{epoch(one.at)}","{one.side.value[0]}","m",""]'
            for one in prints
        )
        return f"[{_id(desk, 'trade')},[{rows}],{self._tail(desk, 'trade')}"

    def ticker(self, desk: Desk, at: Nanos, snapshot: bool) -> str:
        """Top of the book, then today and the last 24 hours."""
        fields = Fields(desk, desk.digits(self), at)
        top = {
            name: [fields.price(best), fields.whole(best), fields.size(best)]
            for name, best in (("a", fields.ask), ("b", fields.bid))
        }
        sums = msgspec.json.encode({**top, **dict(fields.sums())}).decode()
        return f"[{_id(desk, 'ticker')},{sums},{self._tail(desk, 'ticker')}"

    def candles(self, desk: Desk, minutes: int, at: Nanos, snapshot: bool) -> str:
        """The growing candle, also for a new subscriber: when it changed and when it ends, then its numbers."""
        if desk.prints.last is None:
            return ""
        digits, one, channel = desk.digits(self), desk.prints.candle(minutes), f"ohlc-{minutes}"
        stamps = epoch(desk.prints.last.at), epoch((one.minute + minutes) * MINUTE)
        prices = (digits.price(each) for each in (one.first, one.high, one.low, one.last, one.mean))
        texts = ",".join(f'"{text}"' for text in (*stamps, *prices, digits.size(one.lots)))
        return f"[{_id(desk, channel)},[{texts},{one.count}],{self._tail(desk, channel)}"

    def _tail(self, desk: Desk, channel: str) -> str:
        return f'"{channel}","{self.symbol(desk.instrument)}"]'


def _levels(digits: Digits, levels: Sequence[Level]) -> str:
    return ",".join(
        f'["{digits.price(one.price)}","{digits.size(one.size)}","{epoch(one.at)}"{_AGAIN if one.again else ""}]'
        for one in levels
    )


def _id(desk: Desk, channel: str) -> int:
    return 16 * desk.index + _CHANNELS["book" if channel.startswith("book") else channel]


_AGAIN = ',"r"'
WORDS = V1()


class V1Session:
    """One connection to `/`."""

    def __init__(self, desks: Mapping[str, Desk], number: int, at: Nanos) -> None:
        self._desks = {WORDS.symbol(desk.instrument): desk for desk in desks.values()}
        greeting = f'{{"connectionID":{number},"event":"systemStatus","status":"online","version":"1.9.2"}}'
        self._wire = Wire(greeting, _HEARTBEAT, at)

    def publish(self, at: Nanos) -> Iterable[Outgoing]:
        """What is due by now."""
        return self._wire.publish(at)

    def receive(self, message: str, at: Nanos) -> Iterable[Outgoing]:
        """Nothing at once: every answer takes its time."""
        allowed = self._wire.heard(at)
        try:
            request = msgspec.json.decode(message)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            request = None
        self._wire.later(at, lambda due: self._answer(request, allowed, due))
        return ()

    def _answer(self, request: Any, allowed: bool, due: Nanos) -> Iterator[str]:
        event = request.get("event") if isinstance(request, dict) else None
        if not isinstance(event, str):
            yield _text({"errorMessage": "Malformed request", "event": "error"})
            return
        number = {"reqid": request["reqid"]} if isinstance(request.get("reqid"), int) else {}
        if not allowed:
            yield _text({"errorMessage": "Exceeded msg rate", "event": "error", **number})
        elif event == "ping":
            yield _text({"event": "pong", **number})
        elif event not in ("subscribe", "unsubscribe"):
            yield _text({"errorMessage": "Unsupported event", "event": "error", **number})
        else:
            yield from self._subscriptions(event, request, number, due)

    def _subscriptions(self, event: str, request: dict[str, Any], number: dict[str, int], due: Nanos) -> Iterator[str]:
        pairs, wanted = request.get("pair"), request.get("subscription")
        reply = _Reply(number, wanted)
        if not isinstance(wanted, dict):
            yield reply.refusal("Subscription field must be an object", pairs)
        elif not isinstance(pairs, list) or not all(isinstance(one, str) for one in pairs):
            yield reply.refusal("Pair field must be an array", pairs)
        else:
            error = _objection(wanted)
            for pair in pairs:
                yield from (reply.refusal(error, pair),) if error else self._one(event, wanted, pair, reply, due)

    def _one(self, event: str, wanted: dict[str, Any], pair: str, reply: "_Reply", due: Nanos) -> Iterator[str]:
        desk, channel = self._desks.get(pair), _channel(wanted)
        key = (channel, pair)
        if desk is None:
            text = "Currency pair not supported" if pair.count("/") == 1 else "Currency pair not in ISO 4217-A3 format"
            yield reply.refusal(f"{text} {pair}", pair)
        elif event == "unsubscribe":
            if self._wire.leave(key):
                yield reply.status(desk, channel, pair, "unsubscribed")
            else:
                yield reply.refusal("Subscription Not Found", pair)
        elif key in self._wire.channels:
            yield reply.refusal("Already subscribed", pair)
        else:
            yield reply.status(desk, channel, pair, "subscribed")
            yield from self._wire.follow(key, desk, _stream(desk, channel), due, wanted.get("snapshot") is not False)


def _objection(wanted: dict[str, Any]) -> str:
    name, depth, interval = wanted.get("name"), wanted.get("depth", DEPTHS[0]), wanted.get("interval", INTERVALS[0])
    if name not in ("book", "trade", "ticker", "ohlc"):
        return "Subscription name invalid"
    if name != "book" and "depth" in wanted:
        return f"Subscription {name} doesn't require depth"
    if name != "ohlc" and "interval" in wanted:
        return f"Subscription {name} doesn't require interval"
    if not isinstance(depth, int):
        return "Subscription book depth must be an integer"
    if not isinstance(interval, int):
        return "Subscription ohlc interval must be an integer"
    if interval not in INTERVALS:
        return "Subscription ohlc interval not supported"
    return "" if depth in DEPTHS else "Subscription depth not supported"


def _channel(wanted: dict[str, Any]) -> str:
    """Its name, as the frames have it."""
    match wanted["name"]:
        case "book":
            return f"book-{wanted.get('depth', DEPTHS[0])}"
        case "ohlc":
            return f"ohlc-{wanted.get('interval', INTERVALS[0])}"
        case name:
            return str(name)


def _stream(desk: Desk, channel: str) -> Stream:
    name, _, number = channel.partition("-")
    match name:
        case "book":
            return desk.book_stream(WORDS, int(number))
        case "ohlc":
            return desk.candle_stream(WORDS, int(number))
        case "trade":
            return desk.trade_stream(WORDS)
        case _:
            return desk.ticker_stream(WORDS, "trades")


class _Reply:
    """Writes subscriptionStatus; its keys stand in the order of the alphabet, as recorded."""

    def __init__(self, number: dict[str, int], wanted: Any) -> None:
        self._number, self._wanted = number, wanted

    def status(self, desk: Desk, channel: str, pair: str, status: str) -> str:
        """`subscribed` or `unsubscribed`; `subscription` is what was asked for, or meant where it was not."""
        wanted = dict(self._wanted)
        if wanted["name"] == "book":
            wanted.setdefault("depth", DEPTHS[0])
        if wanted["name"] == "ohlc":
            wanted.setdefault("interval", INTERVALS[0])
        number = _id(desk, channel)
        head = {"channelID": number, "channelName": channel, "event": "subscriptionStatus", "pair": pair}
        return _text({**head, **self._number, "status": status, "subscription": dict(sorted(wanted.items()))})

    def refusal(self, error: str, pair: Any) -> str:
        """An error."""
        head = {"errorMessage": error, "event": "subscriptionStatus", **({} if pair is None else {"pair": pair})}
        return _text({**head, **self._number, "status": "error", "subscription": self._wanted})


def _text(answer: dict[str, Any]) -> str:
    return msgspec.json.encode(answer).decode()
