"""ccxt's own client as a source of frames: its watch methods where it has them, else polling.

Enters: the URL that `feed.py` makes. Leaves: JSON lines, in the order in which ccxt told them. Never: a line that is
dropped (ccxt waits while nobody reads), or a task that outlives the iterator.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from cryptopipe.api import VenueUnavailable

_LEVELS = 50
"""Levels a side that are handed on."""
_WAITING = 1024
"""Lines that may wait for a reader."""


@dataclass(frozen=True)
class Wanted:
    """What a URL asks for: an exchange's id in ccxt, and symbols by channel."""

    exchange: str
    depth: tuple[str, ...]
    trades: tuple[str, ...]

    @classmethod
    def read(cls, url: str) -> "Wanted":
        """`source:kucoin?depth=BTC%2FUSDT&trades=BTC%2FUSDT`."""
        parts = urlsplit(url)
        asked = parse_qsl(parts.query)
        depth, trades = (tuple(name for kind, name in asked if kind == channel) for channel in ("depth", "trades"))
        return cls(parts.path, depth, trades)


async def frames(url: str) -> AsyncIterator[bytes]:
    """Raises `VenueUnavailable` where ccxt gives up."""
    import ccxt.pro  # seconds: only who connects pays them

    wanted = Wanted.read(url)
    module = ccxt.pro if hasattr(ccxt.pro, wanted.exchange) else ccxt.async_support
    exchange = getattr(module, wanted.exchange)({"enableRateLimit": True})
    try:
        async for frame in frames_of(exchange, wanted):
            yield frame
    except ccxt.BaseError as error:
        raise VenueUnavailable(f"ccxt gave up: {type(error).__name__}: {error}"[:300], where=wanted.exchange) from error
    finally:
        await exchange.close()


async def frames_of(exchange: Any, wanted: Wanted) -> AsyncIterator[bytes]:
    """Of a client that somebody else made and closes. Raises whatever ccxt raises."""
    markets: Mapping[str, object] = await exchange.load_markets()
    absent = sorted({*wanted.depth, *wanted.trades} - set(markets))
    if absent:
        yield msgspec.json.encode({"absent": absent, "of": wanted.exchange})
    lines: asyncio.Queue[bytes] = asyncio.Queue(_WAITING)
    tellers = [_books(exchange, symbol, lines) for symbol in wanted.depth if symbol in markets]
    tellers += [_trades(exchange, symbol, lines) for symbol in wanted.trades if symbol in markets]
    tasks = [asyncio.ensure_future(teller) for teller in tellers]
    try:
        while tasks:
            next_line = asyncio.ensure_future(lines.get())
            done, _ = await asyncio.wait({next_line, *tasks}, return_when=asyncio.FIRST_COMPLETED)
            if next_line in done:
                yield next_line.result()
                continue
            next_line.cancel()
            for task in done:
                task.result()  # raises what ended it
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)  # the first that failed has been raised


async def _books(exchange: Any, symbol: str, lines: asyncio.Queue[bytes]) -> None:
    watches = exchange.has.get("watchOrderBook")
    while True:
        if watches:
            book = await exchange.watch_order_book(symbol)
        else:
            book = await exchange.fetch_order_book(symbol)  # ccxt's own throttle paces it
        await lines.put(book_line(symbol, book))


def book_line(symbol: str, book: Mapping[str, Any]) -> bytes:
    """One unified order book; rows are price and size, whatever stands behind them."""
    sides = {side: [row[:2] for row in book[side][:_LEVELS]] for side in ("bids", "asks")}
    return msgspec.json.encode({"book": symbol, **sides, "at": book.get("timestamp") or 0})


async def _trades(exchange: Any, symbol: str, lines: asyncio.Queue[bytes]) -> None:
    if not exchange.has.get("watchTrades"):
        return  # polled trades would come twice
    while True:
        found = await exchange.watch_trades(symbol)
        await lines.put(trades_line(symbol, found))


def trades_line(symbol: str, trades: list[Mapping[str, Any]]) -> bytes:
    """Unified trades; one whose taker's side ccxt does not know is left out."""
    rows = [
        {"id": str(one["id"] or ""), "price": one["price"], "amount": one["amount"], "side": one["side"],
         "at": one["timestamp"] or 0}
        for one in trades
        if one["side"] in ("buy", "sell")
    ]  # fmt: skip
    return msgspec.json.encode({"trades": symbol, "rows": rows})
