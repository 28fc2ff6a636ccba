"""ccxt's own client as a source of frames: its watch methods where it has them, else polling.

Enters: the URL that `feed.py` makes. Leaves: JSON lines, in the order in which ccxt told them. Never: a line that is
dropped (ccxt waits while nobody reads), a task that outlives the iterator, or an import of ccxt that stops the loop.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from cryptopipe.api import RateLimited, UsageError, VenueError, VenueUnavailable

_LEVELS = 50
"""Levels a side that are handed on."""
_WAITING = 1024
"""Lines that may wait for a reader."""
_BROKEN = b""
"""Stands in their row where a stream broke."""
_BEAT = 1.0
"""Seconds between two lines that say that ccxt still follows."""
_QUIET = 60.0
"""Seconds that a book may say nothing before no more such lines are told, and the run closes for its silence."""


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


def exchanges() -> frozenset[str]:
    """The ids of ccxt's exchanges, read off its files: importing it takes seconds. None where it is not installed."""
    found = find_spec("ccxt")
    if found is None or found.origin is None:
        return frozenset()
    return frozenset(path.stem for path in (Path(found.origin).parent / "async_support").glob("[a-z]*.py"))


def frames(url: str) -> AsyncIterator[bytes]:
    """At once raises `VenueUnavailable` without ccxt, `UsageError` for an exchange that it has not; read,
    `VenueUnavailable` or `RateLimited` where ccxt gives up.
    """
    wanted, known = Wanted.read(url), exchanges()
    if not known:
        raise VenueUnavailable(f"{wanted.exchange} is read by ccxt, which is not installed", fix="pip install ccxt")
    if wanted.exchange not in known:
        near = get_close_matches(wanted.exchange, sorted(known), n=1)
        raise UsageError(
            f"ccxt has no exchange {wanted.exchange!r}" + "".join(f"; did you mean {one!r}?" for one in near),
            fix="python -c 'import ccxt; print(ccxt.exchanges)' lists them",
        )
    return _frames(wanted)


async def _frames(wanted: Wanted) -> AsyncIterator[bytes]:
    ccxt = await asyncio.to_thread(_imported)
    module = ccxt.pro if hasattr(ccxt.pro, wanted.exchange) else ccxt.async_support
    exchange = getattr(module, wanted.exchange)({"enableRateLimit": True})
    try:
        async for frame in frames_of(exchange, wanted):
            yield frame
    except ccxt.BaseError as error:
        raise gave_up(ccxt, wanted.exchange, error) from error
    finally:
        await exchange.close()


def gave_up(ccxt: Any, exchange: str, error: Exception) -> VenueError:
    """An error of ccxt's as one of ours: `RateLimited` where the venue says that it is asked too often."""
    often = isinstance(error, ccxt.RateLimitExceeded | ccxt.DDoSProtection)
    message = f"ccxt gave up: {type(error).__name__}: {error}"[:300]
    return RateLimited(message, where=exchange) if often else VenueUnavailable(message, where=exchange)


def _imported() -> Any:
    """In a thread of its own: it takes seconds, in which the other venues are to be read."""
    import ccxt.pro

    return ccxt


async def frames_of(exchange: Any, wanted: Wanted) -> AsyncIterator[bytes]:
    """Of a client that somebody else made and closes. Raises whatever ccxt raises, and `VenueUnavailable` where the
    exchange lists nothing of what is wanted.
    """
    markets: Mapping[str, object] = await exchange.load_markets()
    asked = {*wanted.depth, *wanted.trades}
    absent = sorted(asked - set(markets))
    if len(absent) == len(asked):
        raise VenueUnavailable(f"lists none of {', '.join(absent)}", where=wanted.exchange)
    yield msgspec.json.encode({"alive": wanted.exchange})
    if absent:
        yield msgspec.json.encode({"absent": absent, "of": wanted.exchange})
    lines: asyncio.Queue[bytes] = asyncio.Queue(_WAITING)
    heard: dict[str, float] = {}
    tellers = [_books(exchange, symbol, lines, heard) for symbol in wanted.depth if symbol in markets]
    if exchange.has.get("watchTrades"):  # polled trades would come twice
        tellers += [_trades(exchange, symbol, lines) for symbol in wanted.trades if symbol in markets]
    tellers.append(_beats(wanted.exchange, lines, heard))
    tasks = [asyncio.ensure_future(_until_broken(teller, lines)) for teller in tellers]
    try:
        while True:
            line = await lines.get()
            if line == _BROKEN:
                raise await _what_broke(exchange, tasks)
            yield line
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)  # what broke first has been raised


async def _until_broken(teller: Awaitable[None], lines: asyncio.Queue[bytes]) -> None:
    """Behind what was told before, `_BROKEN`."""
    try:
        await teller
    finally:
        task = asyncio.current_task()
        if task is None or not task.cancelling():
            await lines.put(_BROKEN)


async def _what_broke(exchange: Any, tasks: Iterable[asyncio.Task[None]]) -> BaseException:
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    task = done.pop()
    cancelled = VenueUnavailable("ccxt cancelled a stream, as it does when it closes", where=exchange.id)
    return cancelled if task.cancelled() else task.exception() or VenueUnavailable("a stream ended", where=exchange.id)


async def _books(exchange: Any, symbol: str, lines: asyncio.Queue[bytes], heard: dict[str, float]) -> None:
    watches = exchange.has.get("watchOrderBook")
    while True:
        if watches:
            book = await exchange.watch_order_book(symbol)
        else:
            book = await exchange.fetch_order_book(symbol)  # ccxt's own throttle paces it
        heard[symbol] = asyncio.get_running_loop().time()
        await lines.put(book_line(symbol, book))


def book_line(symbol: str, book: Mapping[str, Any]) -> bytes:
    """One unified order book; rows are price and size, whatever stands behind them."""
    sides = {side: [row[:2] for row in book[side][:_LEVELS]] for side in ("bids", "asks")}
    return msgspec.json.encode({"book": symbol, **sides, "at": book.get("timestamp") or 0})


async def _trades(exchange: Any, symbol: str, lines: asyncio.Queue[bytes]) -> None:
    while True:
        found = await exchange.watch_trades(symbol)
        await lines.put(trades_line(symbol, found))


def trades_line(symbol: str, trades: Sequence[Mapping[str, Any]]) -> bytes:
    """Unified trades; one whose taker's side ccxt does not know is left out."""
    rows = [
        {"id": str(one["id"] or ""), "price": one["price"], "amount": one["amount"], "side": one["side"],
         "at": one["timestamp"] or 0}
        for one in trades
        if one["side"] in ("buy", "sell")
    ]  # fmt: skip
    return msgspec.json.encode({"trades": symbol, "rows": rows})


async def _beats(exchange: str, lines: asyncio.Queue[bytes], heard: Mapping[str, float]) -> None:
    """ccxt pings its connections, and raises after missed pongs (4.5.90, `ws/client.py`): while it has raised nothing,
    a book without news is a quiet one. For so long at most: what it does not notice itself must end too.
    """
    while True:
        await asyncio.sleep(_BEAT)
        now = asyncio.get_running_loop().time()
        if all(now - at <= _QUIET for at in heard.values()):
            await lines.put(msgspec.json.encode({"alive": exchange}))
