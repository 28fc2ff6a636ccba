"""The simulated end of `bitfoo`'s wire, as a stranger would write it: a venue, its sessions, its one REST answer.

Enters: texts and requests of a client, the engine's books. Leaves: frames as `tests/conformance/bitfoo.py` reads them.
Never: anything of that reader; both are written from the same page.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace

from conformance.bitfoo import make

from cryptopipe import api

ACKNOWLEDGED_AFTER: api.Nanos = 20_000_000
PING_EVERY: api.Nanos = 20_000_000_000


class BitFooSession:
    """`{"op":"sub","s":"btcusdt"}` is acknowledged, then come the snapshot, each change and each trade."""

    def __init__(self, books: Mapping[str, api.SimulatedBook], at: api.Nanos) -> None:
        self._books, self._ping_at = books, at + PING_EVERY
        self._pending: list[tuple[api.Nanos, str]] = []
        self._sent: dict[str, tuple[int, int]] = {}

    def receive(self, message: str, at: api.Nanos) -> Iterable[api.Outgoing]:
        symbol = json.loads(message).get("s", "")
        if symbol not in self._books:
            return (api.HangUp(4004, f"no such market: {symbol}"),)
        self._pending.append((at + ACKNOWLEDGED_AFTER, symbol))
        return ()

    def publish(self, at: api.Nanos) -> Iterable[api.Outgoing]:
        if at >= self._ping_at:
            self._ping_at += PING_EVERY
            yield api.Beat()
        while self._pending and self._pending[0][0] <= at:
            yield from self._begin(self._pending.pop(0)[1])
        for symbol, (number, trade_id) in self._sent.items():
            book = self._books[symbol]
            grid = api.Grid(rules_of(book))
            for c in book.changes(number):
                level, nothing = [[grid.price(c.price), grid.size(c.size)]], list[object]()
                bids, asks = (level, nothing) if c.side is api.Side.BUY else (nothing, level)
                yield say("delta", symbol, c.number, bids=bids, asks=asks)
            for t in book.trades(trade_id):
                price, size = grid.price(t.price), grid.size(t.size)
                yield say("trade", symbol, t.trade_id, price=price, size=size, taker=t.side.value)
                trade_id = t.trade_id
            self._sent[symbol] = (book.number, trade_id)

    def _begin(self, symbol: str) -> Iterable[api.Outgoing]:
        book = self._books[symbol]
        grid = api.Grid(rules_of(book))
        sides = ([[grid.price(p), grid.size(s)] for p, s in book.levels(side, 1_000)] for side in api.Side)
        yield say("subscribed", symbol, book.number)
        yield say("snapshot", symbol, book.number, **dict(zip(("bids", "asks"), sides, strict=True)))
        self._sent[symbol] = (book.number, max((t.trade_id for t in book.trades(0)), default=0))


class BitFooVenue:
    def __init__(self, books: Mapping[str, api.SimulatedBook]) -> None:
        self.endpoints, self._books = {"spot": "/v2"}, books

    def open(self, path: str, at: api.Nanos) -> api.SandboxSession | api.HttpResponse:
        return BitFooSession(self._books, at) if path.partition("?")[0] == "/v2" else api.HttpResponse(404, b"{}")

    def answer(self, request: api.HttpRequest, at: api.Nanos) -> api.HttpResponse:
        path, _, query = request.url.partition("?")
        book = self._books.get(query.removeprefix("s="))
        if path == "/v2/time":
            return api.HttpResponse(200, f'{{"ns":{at}}}'.encode())
        if path == "/v2/book" and book is not None:
            return api.HttpResponse(200, f'{{"seq":{book.number},"changed":{book.changed_at}}}'.encode())
        return api.HttpResponse(404, b'{"error":"no such path"}')


def say(kind: str, symbol: str, number: int, **more: object) -> api.Say:
    return api.Say(json.dumps({"type": kind, "symbol": symbol, "seq": number, **more}, separators=(",", ":")))


def rules_of(book: api.SimulatedBook) -> api.TradingRules:
    assert book.instrument.rules is not None
    return book.instrument.rules


bitfoo = replace(make(), sandbox=BitFooVenue)
