"""The venue's end of WebSocket v2, at `/v2`.

Enters: a client's requests `{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"]}}`, the desks.
Leaves: acknowledgements, refusals, the frames of book, trade, ticker, ohlc, instrument, level3, status and heartbeat.
Never: anything of the feed that reads them.

Read for it: docs.kraken.com/exchange/api-reference/spot-websocket-v2, pages book, trade, ticker, ohlc, instrument,
status, heartbeat, ping (2026-11-21). The pages name no error texts; these are quoted from the venue's answers in public
issues and tests: "Currency pair not supported", "Already subscribed", "Subscription depth not supported", "Malformed
request". "Subscription name invalid", "Subscription ohlc interval not supported" and "Subscription Not Found" are v1's,
taken over.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from cryptopipe.api import Instrument, Nanos, Outgoing, Say, TradePrint, TradingRules, format_at
from cryptopipe_kraken.sandbox_assets import instrument_data
from cryptopipe_kraken.sandbox_book import Event, Level
from cryptopipe_kraken.sandbox_desk import Desk, Stream
from cryptopipe_kraken.sandbox_executions_session import METHODS, PrivateSession
from cryptopipe_kraken.sandbox_level3 import Level3
from cryptopipe_kraken.sandbox_prints import INTERVALS, MINUTE, Candle
from cryptopipe_kraken.sandbox_text import Digits, rfc3339, short_digits
from cryptopipe_kraken.sandbox_wire import ANSWER_AFTER, Wire

DEPTHS = (10, 25, 100, 500, 1000)
_HEARTBEAT = '{"channel":"heartbeat"}'
_NOT_A_PAIR = "Currency pair not in ISO 4217-A3 format"


class V2:
    """How v2 writes: JSON objects, bare numbers in the instrument's own digits, RFC 3339 with microseconds."""

    name = "v2"

    def digits(self, rules: TradingRules) -> Digits:
        """`45283.5`, `0.10000000`."""
        return short_digits(rules)

    def symbol(self, instrument: Instrument) -> str:
        """`BTC/USD`."""
        return instrument.symbol

    def book(self, desk: Desk, depth: int) -> str:
        """The snapshot."""
        ladder = desk.ladder
        event = Event(ladder.bids.best(depth), ladder.asks.best(depth), ladder.at, ladder.number)
        return self._book(desk, event, "snapshot")

    def update(self, desk: Desk, depth: int, event: Event) -> str:
        """`qty` 0 removes a level; the checksum is that of the book afterwards."""
        return self._book(desk, event, "update")

    def _book(self, desk: Desk, event: Event, kind: str) -> str:
        digits = desk.digits(self)
        return (
            f'{{"channel":"book","type":"{kind}","data":[{{"symbol":"{desk.instrument.symbol}",'
            f'"bids":[{_levels(digits, event.bids)}],"asks":[{_levels(digits, event.asks)}],'
            f'"checksum":{desk.ladder.checksum(digits)},"timestamp":"{rfc3339(event.at)}"}}]}}'
        )

    def past(self, desk: Desk, prints: Sequence[TradePrint]) -> str:
        """The snapshot; before the first trade there is none."""
        return self._trades(desk, prints, "snapshot") if prints else ""

    def trades(self, desk: Desk, prints: Sequence[TradePrint]) -> str:
        """`side` is the taker's. The engine does not tell orders at market from limits: `market` for all."""
        return self._trades(desk, prints, "update")

    def _trades(self, desk: Desk, prints: Sequence[TradePrint], kind: str) -> str:
        digits, symbol = desk.digits(self), desk.instrument.symbol
        rows = ",".join(
            f'{{"symbol":"{symbol}","side":"{one.side.value}","price":{digits.price(one.price)},'
            f'"qty":{digits.size(one.size)},"ord_type":"market","trade_id":{one.trade_id},'
            f'"timestamp":"{rfc3339(one.at)}"}}'
            for one in prints
        )
        return f'{{"channel":"trade","type":"{kind}","data":[{rows}]}}'

    def ticker(self, desk: Desk, at: Nanos, snapshot: bool) -> str:
        """Top of the book and the trades of 24 hours; zeros for what has not been yet."""
        digits, day, (bid, ask) = desk.digits(self), desk.prints.day(at), desk.best()
        price, size = digits.price, digits.size
        move = day.last - day.first
        percent = move * 10_000 // day.first if day.first else 0
        return (
            f'{{"channel":"ticker","type":"{"snapshot" if snapshot else "update"}","data":[{{'
            f'"symbol":"{desk.instrument.symbol}",'
            f'"bid":{price(bid[0] if bid else 0)},"bid_qty":{size(bid[1] if bid else 0)},'
            f'"ask":{price(ask[0] if ask else 0)},"ask_qty":{size(ask[1] if ask else 0)},'
            f'"last":{price(day.last)},"volume":{size(day.lots)},"vwap":{price(day.mean)},'
            f'"low":{price(day.low)},"high":{price(day.high)},'
            f'"change":{"-" if move < 0 else ""}{price(abs(move))},'
            f'"change_pct":{"-" if percent < 0 else ""}{abs(percent) // 100}.{abs(percent) % 100:02d},'
            f'"trades":{day.count},"timestamp":"{rfc3339(at)}"}}]}}'
        )

    def candles(self, desk: Desk, minutes: int, at: Nanos, snapshot: bool) -> str:
        """Oldest first; spans without a trade are left out (a frame of 2026-09-10)."""
        prints = desk.prints
        found = prints.candles(minutes) if snapshot else (prints.candle(minutes),)
        rows = ",".join(_candle(desk, desk.digits(self), one, minutes) for one in found)
        kind, stamp = "snapshot" if snapshot else "update", format_at(at)
        return f'{{"channel":"ohlc","type":"{kind}","timestamp":"{stamp}","data":[{rows}]}}' if rows else ""


def _candle(desk: Desk, digits: Digits, one: Candle, minutes: int) -> str:
    price, begin = digits.price, one.minute * MINUTE
    return (
        f'{{"symbol":"{desk.instrument.symbol}","open":{price(one.first)},"high":{price(one.high)},'
        f'"low":{price(one.low)},"close":{price(one.last)},"trades":{one.count},"volume":{digits.size(one.lots)},'
        f'"vwap":{price(one.mean)},"interval_begin":"{format_at(begin)}","interval":{minutes},'
        f'"timestamp":"{rfc3339(begin + minutes * MINUTE)}"}}'
    )


def _levels(digits: Digits, levels: Sequence[Level]) -> str:
    return ",".join(f'{{"price":{digits.price(one.price)},"qty":{digits.size(one.size)}}}' for one in levels)


WORDS = V2()


class V2Session:
    """One connection to `/v2`; `private` where accounts are simulated."""

    def __init__(
        self, desks: Mapping[str, Desk], level3: Level3, number: int, at: Nanos, private: PrivateSession | None = None
    ) -> None:
        self._desks, self._level3, self._private = desks, level3, private
        greeting = (
            '{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"online","api_version":"v2",'
            f'"connection_id":{number},"upcoming_maintenance":[],"emergency":[]}}]}}'
        )
        self._wire = Wire(greeting, _HEARTBEAT, at)

    def publish(self, at: Nanos) -> Iterable[Outgoing]:
        """What is due by now."""
        return self._wire.publish(at)

    def receive(self, message: str, at: Nanos) -> Iterable[Outgoing]:
        """Orders are taken at once; every answer takes its time."""
        allowed = self._wire.heard(at)
        try:
            request = msgspec.json.decode(message)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            request = None
        if not isinstance(request, dict):
            request = {}
        params = request.get("params")
        if self._private is not None and allowed and request.get("method") in METHODS and isinstance(params, dict):
            reply = _Reply(request, at, at + ANSWER_AFTER)
            return [Say(text, ANSWER_AFTER) for text in self._private.trade(reply, params, at)]
        self._wire.later(at, lambda due: self._answer(request, allowed, at, due))
        return ()

    def _answer(self, request: dict[str, Any], allowed: bool, at: Nanos, due: Nanos) -> Iterator[str]:
        reply = _Reply(request, at, due)
        params = request.get("params")
        if not allowed:
            yield reply.refusal("Exceeded msg rate")
        elif reply.method == "ping":
            yield reply.pong()
        elif self._private is not None and isinstance(params, dict) and self._private.subscribes(reply.method, params):
            yield from self._private.subscription(reply, params, self._wire, due)
        elif reply.method not in ("subscribe", "unsubscribe") or not isinstance(params, dict):
            yield reply.malformed()
        elif params.get("channel") == "level3":
            yield from self._level3.answer(reply, params, self._wire, due)
        elif params.get("channel") == "instrument":
            yield from self._instruments(reply, params, due)
        elif params.get("channel") not in ("book", "trade", "ticker", "ohlc"):
            yield reply.refusal("Subscription name invalid")
        elif params["channel"] == "book" and not _is_depth(params.get("depth", DEPTHS[0])):
            yield reply.refusal("Subscription depth not supported")
        elif params["channel"] == "ohlc" and not _is_interval(params.get("interval")):
            yield reply.refusal("Subscription ohlc interval not supported")
        elif not isinstance(params.get("symbol"), list) or not all(isinstance(one, str) for one in params["symbol"]):
            yield reply.malformed()
        else:
            for symbol in params["symbol"]:
                yield from self._one(reply, params, symbol, due)

    def _one(self, reply: "_Reply", params: dict[str, Any], symbol: str, due: Nanos) -> Iterator[str]:
        channel, desk = params["channel"], self._desks.get(symbol)
        key = (channel, symbol)
        if desk is None:
            text = "Currency pair not supported" if symbol.count("/") == 1 else _NOT_A_PAIR
            yield reply.refusal(f"{text} {symbol}", symbol)
        elif reply.method == "unsubscribe":
            left = self._wire.leave(key)
            yield reply.done(_echo(params, symbol, False)) if left else reply.refusal("Subscription Not Found", symbol)
        elif key in self._wire.channels:
            yield reply.refusal("Already subscribed", symbol)
        else:
            yield reply.done(_echo(params, symbol, True))
            stream = _stream(desk, params)
            yield from self._wire.follow(key, desk, stream, due, params.get("snapshot", True) is not False)

    def _instruments(self, reply: "_Reply", params: dict[str, Any], due: Nanos) -> Iterator[str]:
        key, snapshot = ("instrument", ""), params.get("snapshot", True) is not False
        if reply.method == "unsubscribe":
            left = self._wire.leave(key)
            yield reply.done({"channel": "instrument"}) if left else reply.refusal("Subscription Not Found")
        elif key in self._wire.channels:
            yield reply.refusal("Already subscribed")
        else:
            yield reply.done({"channel": "instrument", "snapshot": snapshot})
            text = instrument_data([desk.instrument for desk in self._desks.values()])
            yield from self._wire.follow(key, None, Stream(lambda at: text), due, snapshot)


def _is_depth(depth: object) -> bool:
    return isinstance(depth, int) and depth in DEPTHS


def _is_interval(minutes: object) -> bool:
    return isinstance(minutes, int) and minutes in INTERVALS


def _stream(desk: Desk, params: dict[str, Any]) -> Stream:
    if params["channel"] == "book":
        return desk.book_stream(WORDS, params.get("depth", DEPTHS[0]))
    if params["channel"] == "trade":
        return desk.trade_stream(WORDS)
    if params["channel"] == "ohlc":
        return desk.candle_stream(WORDS, params["interval"])
    return desk.ticker_stream(WORDS, "bbo" if params.get("event_trigger") == "bbo" else "trades")


def _echo(params: dict[str, Any], symbol: str, subscribed: bool) -> dict[str, Any]:
    """What an acknowledgement repeats of its request, in the order of the alphabet, as recorded."""
    echo: dict[str, Any] = {"channel": params["channel"]}
    if params["channel"] == "book":
        echo["depth"] = params.get("depth", DEPTHS[0])
    if params["channel"] == "ticker":
        echo["event_trigger"] = "bbo" if params.get("event_trigger") == "bbo" else "trades"
    if params["channel"] == "ohlc":
        echo["interval"] = params["interval"]
    if subscribed:
        echo["snapshot"] = params.get("snapshot", True) is not False
    warned = {"warnings": ["timestamp is deprecated, use interval_begin"]} if params["channel"] == "ohlc" else {}
    return {**echo, "symbol": symbol, **warned}


class _Reply:
    """Writes the answers to one request; their keys stand in the order of the alphabet, as recorded."""

    def __init__(self, request: dict[str, Any], at: Nanos, due: Nanos) -> None:
        method = request.get("method")
        self.method = method if isinstance(method, str) else ""
        self._id = {"req_id": request["req_id"]} if isinstance(request.get("req_id"), int) else {}
        self._times = {"time_in": rfc3339(at), "time_out": rfc3339(due)}

    def done(self, result: dict[str, Any]) -> str:
        """An acknowledgement."""
        return self._text({"method": self.method, **self._id, "result": result, "success": True})

    def pong(self) -> str:
        """Without `success`, as the page shows it."""
        return self._text({"method": "pong", **self._id})

    def refusal(self, error: str, symbol: str = "") -> str:
        """An error; `symbol` where it concerns one."""
        named = {"symbol": symbol} if symbol else {}
        return self._text({"error": error, "method": self.method, **self._id, "success": False, **named})

    def malformed(self) -> str:
        """Of what is no request at all."""
        return self._text({"error": "Malformed request", "method": "error", **self._id, "success": False})

    def _text(self, answer: dict[str, Any]) -> str:
        return msgspec.json.encode({**answer, **self._times}).decode()
