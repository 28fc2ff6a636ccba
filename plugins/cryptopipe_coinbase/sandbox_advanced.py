"""A client's connection to the simulated Advanced Trade: level2, market_trades, ticker, heartbeats, status, candles.

Enters: subscriptions as texts, the books. Leaves: frames with one number for the whole connection, from 0. Never: a
number skipped or used twice, or a frame without a subscriber.

Read for it on 2026-11-21: docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket, pages overview, channels
and rate-limits, and api-reference/advanced-trade-api/advanced-trade-asyncapi.json. Where frames recorded from
production and kept in public repositories (2026-06 to 2026-09) show more, they are followed: no `client_id`, integers
as counters, no zeros at the end of numbers and stamps, changes gathered for 50 ms with bids before offers and one stamp
for all of them, a snapshot before its acknowledgement, acknowledgements that list everything subscribed to, by name.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import msgspec

from cryptopipe.api import HangUp, Nanos, Outgoing, Say, Side, TradePrint
from cryptopipe_coinbase.sandbox_shown import MILLISECOND, SECOND, Candle, Levels, Shown, stamp
from cryptopipe_coinbase.sandbox_user_advanced import AdvancedUser

ANSWERED_AFTER = 30 * MILLISECOND
BOOK_EVERY = 50 * MILLISECOND
TRADES_EVERY = 250 * MILLISECOND
BATCH_EVERY = 5 * SECOND
_SUBSCRIBE_WITHIN = 5 * SECOND  # page websocket-overview: "you are disconnected if no subscribe …"
_QUIET_FOR = 90 * SECOND  # page websocket-channels: "most channels close within 60-90 seconds if no updates are sent"
_FIVE_MINUTES = 300

_CHANNELS = {
    "level2": BOOK_EVERY,
    "market_trades": TRADES_EVERY,
    "ticker": 1,
    "ticker_batch": BATCH_EVERY,
    "candles": SECOND,
    "status": BATCH_EVERY,
    "heartbeats": SECOND,
}
"""With the least time between two frames of a product."""

_UNKNOWN_CHANNEL = '{"type":"error","message":"authentication failure"}'
"""What production says to a channel that it does not know or that needs a key (fixtures, errors.json)."""
_REFUSED = '{"type":"error","message":"failure to subscribe"}'
"""As two open-source test suites quote it; which mistakes it answers is not documented."""


class _Asked(msgspec.Struct):
    type: str
    channel: str
    product_ids: list[str] = []
    jwt: str = ""


_asked = msgspec.json.Decoder(_Asked).decode


class AdvancedSession:
    """One connection. `born` is when the simulated venue started: its heartbeats count the seconds since."""

    def __init__(self, products: Mapping[str, Shown], born: Nanos, at: Nanos, user: AdvancedUser | None = None) -> None:
        self._user = user
        self._products, self._born, self._opened_at, self._said_at = products, born, at, at
        self._books = tuple({shown.symbol: shown for shown in products.values()}.values())
        self._pending: list[tuple[Nanos, str]] = []
        self._next = 0
        self._subscribed: dict[str, dict[str, int]] = {}
        """By channel and product: the number of the book, or the id of the trade, up to which it was told."""
        self._slots = dict.fromkeys(_CHANNELS, 0)

    def receive(self, message: str, at: Nanos) -> Sequence[Outgoing]:
        """Answered some tens of milliseconds later, in order, by `publish`."""
        self._pending.append((at + ANSWERED_AFTER, message))
        return ()

    def publish(self, at: Nanos) -> Iterator[Outgoing]:
        """What is due by now."""
        for shown in self._books:
            shown.collect()
        while self._pending and self._pending[0][0] <= at:
            yield from self._answer(self._pending.pop(0)[1], at)
        try:
            for channel, told in tuple(self._subscribed.items()):
                if (slot := at // _CHANNELS[channel]) != self._slots[channel]:
                    self._slots[channel] = slot
                    yield from self._news(channel, told, at)
            for event in self._user.news() if self._user else ():
                yield self._say("user", event, at)
        except LookupError:
            yield HangUp(1008, "ErrSlowConsume")
            return
        if not self._next and not self._pending and at >= self._opened_at + _SUBSCRIBE_WITHIN:
            yield HangUp(1008, "no subscribe message received")
        elif at >= self._said_at + _QUIET_FOR:
            yield HangUp(1000, "no updates")

    def _say(self, channel: str, events: str, at: Nanos) -> Say:
        number, self._next, self._said_at = self._next, self._next + 1, at
        return Say(f'{{"channel":"{channel}","timestamp":"{stamp(at)}","sequence_num":{number},"events":[{events}]}}')

    def _answer(self, message: str, at: Nanos) -> Iterator[Say]:
        try:
            asked = _asked(message)
        except msgspec.MsgspecError:
            asked = _Asked("", "")
        if asked.type not in ("subscribe", "unsubscribe"):
            yield Say(_REFUSED)
        elif asked.channel == "user" and self._user is not None:
            yield from self._follow(self._user, asked, at)
        elif asked.channel not in _CHANNELS:
            yield Say(_UNKNOWN_CHANNEL)
        else:
            yield from self._turn(asked.channel, asked.product_ids, asked.type == "subscribe", at)
            yield self._say("subscriptions", f'{{"subscriptions":{self._list()}}}', at)

    def _follow(self, user: AdvancedUser, asked: _Asked, at: Nanos) -> Iterator[Say]:
        """`-USDC` products are followed under their own name: no order of theirs is simulated."""
        if asked.type == "unsubscribe":
            user.drop()
        elif not user.subscribe(asked.jwt, asked.product_ids, at):
            yield Say(_UNKNOWN_CHANNEL)
            return
        for event in user.snapshot():
            yield self._say("user", event, at)
        yield self._say("subscriptions", f'{{"subscriptions":{self._list()}}}', at)

    def _turn(self, channel: str, ids: Sequence[str], on: bool, at: Nanos) -> Iterator[Say]:
        """A product that the venue does not have is left out, and its absence from the list is all that tells."""
        told = self._subscribed.setdefault(channel, {})
        if channel == "heartbeats":
            ids = ("heartbeats",)
        elif not ids:
            ids = tuple(self._products) if on else tuple(told)
        for asked in ids:
            shown = self._products.get(asked)
            name = asked if shown is None else shown.symbol
            if not on:
                told.pop(name, None)
            elif channel == "heartbeats":
                told.setdefault(name, 0)
            elif shown is not None and name not in told:
                yield from self._snapshot(channel, shown, told, at)
        if not told:
            del self._subscribed[channel]

    def _list(self) -> str:
        named = {channel: list(told) for channel, told in sorted(self._subscribed.items())}
        if self._user is not None and self._user.name:
            named["user"] = [self._user.name]
        return msgspec.json.encode(named).decode()

    def _snapshot(self, channel: str, shown: Shown, told: dict[str, int], at: Nanos) -> Iterator[Say]:
        book = shown.book
        told[shown.symbol] = book.number
        if channel == "level2":
            rows = shown.once("whole", 0, partial(_whole, shown))
            yield self._say("l2_data", _event(shown, "snapshot", rows), at)
        elif channel == "market_trades":
            told[shown.symbol] = shown.last.trade_id if shown.last else 0
            if found := book.trades(max(0, told[shown.symbol] - 100)):
                yield self._say(channel, _trades(shown, "snapshot", found), at)
        elif channel in ("ticker", "ticker_batch"):
            told[shown.symbol] = shown.last.trade_id if shown.last else 0
            yield self._say(channel, _ticker(shown, channel, "snapshot"), at)
        elif channel == "candles":
            found_candles = shown.candles(_FIVE_MINUTES, 0, at // SECOND)
            if found_candles:
                yield self._say(channel, _candles(shown, "snapshot", found_candles), at)
        else:
            yield self._say(channel, _status(shown), at)

    def _news(self, channel: str, told: dict[str, int], at: Nanos) -> Iterator[Say]:
        if channel == "heartbeats":
            yield self._say(channel, self._beat(at), at)
            return
        for symbol, after in told.items():
            shown = self._products[symbol]
            if channel == "level2":
                if shown.book.number > after:
                    rows = shown.once("level2", after, partial(_changes, shown, after))
                    told[symbol] = shown.book.number
                    yield self._say("l2_data", _event(shown, "update", rows), at)
            elif channel == "candles":
                if shown.book.number > after and (found := shown.candles(_FIVE_MINUTES, 0, at // SECOND)):
                    told[symbol] = shown.book.number
                    yield self._say(channel, _candles(shown, "update", found[:1]), at)
            elif channel != "status" and shown.last and shown.last.trade_id > after:
                told[symbol] = shown.last.trade_id
                if channel == "market_trades":
                    yield self._say(channel, _trades(shown, "update", shown.book.trades(after)), at)
                else:
                    yield self._say(channel, _ticker(shown, channel, "update"), at)

    def _beat(self, at: Nanos) -> str:
        seconds, nanos = divmod(at - self._born, SECOND)
        day, _, clock = stamp(at)[:-1].partition("T")
        return f'{{"current_time":"{day} {clock} +0000 UTC m=+{seconds}.{nanos:09d}","heartbeat_counter":{seconds}}}'


def _event(shown: Shown, kind: str, rows: str) -> str:
    return f'{{"type":"{kind}","product_id":"{shown.symbol}","updates":[{rows}]}}'


def _whole(shown: Shown) -> str:
    return _rows(shown, shown.whole(Side.BUY), shown.whole(Side.SELL), shown.book.changed_at)


def _changes(shown: Shown, after: int) -> str:
    changed = shown.changed(after)
    return _rows(shown, changed.bids, changed.asks, changed.at)


def _rows(shown: Shown, bids: Levels, asks: Levels, at: Nanos) -> str:
    price, size, told = shown.bare_price, shown.bare_size, stamp(at, 6)
    return ",".join(
        f'{{"side":"{side}","event_time":"{told}","price_level":"{price(ticks)}","new_quantity":"{size(lots)}"}}'
        for side, levels in (("bid", bids), ("offer", asks))
        for ticks, lots in levels
    )


def _trades(shown: Shown, kind: str, found: Sequence[TradePrint]) -> str:
    """Newest first; `side` is the maker's (page websocket-channels, Market Trades)."""
    rows = [
        {
            "product_id": shown.symbol,
            "trade_id": str(one.trade_id),
            "price": shown.bare_price(one.price),
            "size": shown.bare_size(one.size),
            "time": stamp(one.at, 6),
            "side": "SELL" if one.side is Side.BUY else "BUY",
        }
        for one in reversed(found)
    ]
    return f'{{"type":"{kind}","trades":{msgspec.json.encode(rows).decode()}}}'


def _ticker(shown: Shown, channel: str, kind: str) -> str:
    """`ticker_batch` has no best prices (advanced-trade-asyncapi.json)."""
    day = shown.day()
    last = shown.bare_price(day.close) if day else _middle(shown)
    low, high = (shown.bare_price(day.low), shown.bare_price(day.high)) if day else (last, last)
    percent = f"{(day.close - day.open) * 100 / day.open:.14f}" if day else "0"
    told = {
        "type": "ticker",
        "product_id": shown.symbol,
        "price": last,
        "volume_24_h": shown.bare_size(day.volume) if day else "0",
        "low_24_h": low,
        "high_24_h": high,
        "low_52_w": low,
        "high_52_w": high,
        "price_percent_chg_24_h": percent,
    }
    bid, ask = shown.best(Side.BUY), shown.best(Side.SELL)
    if channel == "ticker" and bid and ask:
        told |= {"best_bid": shown.bare_price(bid[0]), "best_ask": shown.bare_price(ask[0])}
        told |= {"best_bid_quantity": shown.bare_size(bid[1]), "best_ask_quantity": shown.bare_size(ask[1])}
    return f'{{"type":"{kind}","tickers":[{msgspec.json.encode(told).decode()}]}}'


def _middle(shown: Shown) -> str:
    """The price before the first trade: the best bid, else the best ask."""
    level = shown.best(Side.BUY) or shown.best(Side.SELL)
    return shown.bare_price(level[0]) if level else ""


def _candles(shown: Shown, kind: str, found: Sequence[Candle]) -> str:
    rows = [
        {
            "start": str(one.start),
            "high": shown.bare_price(one.high),
            "low": shown.bare_price(one.low),
            "open": shown.bare_price(one.open),
            "close": shown.bare_price(one.close),
            "volume": shown.bare_size(one.volume),
            "product_id": shown.symbol,
        }
        for one in found
    ]
    return f'{{"type":"{kind}","candles":{msgspec.json.encode(rows).decode()}}}'


def _status(shown: Shown) -> str:
    one = shown.instrument
    told = {
        "product_type": "SPOT",
        "id": one.symbol,
        "base_currency": one.base,
        "quote_currency": one.quote,
        "base_increment": f"{shown.rules.step:f}",
        "quote_increment": f"{shown.rules.tick:f}",
        "display_name": f"{one.base}/{one.quote}",
        "status": "online",
        "status_message": "",
        "min_market_funds": f"{shown.rules.min_notional:f}",
    }
    return f'{{"type":"snapshot","products":[{msgspec.json.encode(told).decode()}]}}'
