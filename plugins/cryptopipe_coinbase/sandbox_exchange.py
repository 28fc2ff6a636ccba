"""A client's connection to the simulated Coinbase Exchange: full, level2, level2_batch, matches, ticker, heartbeat.

Enters: subscriptions as texts, the books. Leaves: frames, each with the product's own time. Never: full, level2, user
or balance to a client without a signature, or a frame without a subscriber.

Read for it on 2026-11-21: docs.cdp.coinbase.com/exchange/websocket-feed, pages overview, channels, authentication and
rate-limits. Where frames recorded from production (2021-04-17 in the recordings, 2026-09-30 in a public repository)
show more, they are followed: an acknowledgement before its data, `level2_batch` acknowledged as `level2_50`,
`account_ids`, prices and sizes of the book in all their digits and those of trades without zeros at the end, a ticker's
`side` the taker's and a match's the maker's.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby

import msgspec

from cryptopipe.api import HangUp, Nanos, Outgoing, Say, Side, TradePrint
from cryptopipe_coinbase.sandbox_asked import Wanted, asked_for, error, wanted_of
from cryptopipe_coinbase.sandbox_keys import Keys
from cryptopipe_coinbase.sandbox_orders import OrderMessages
from cryptopipe_coinbase.sandbox_shown import MILLISECOND, SECOND, Shown, whole_stamp
from cryptopipe_coinbase.sandbox_user import UserChannels

ANSWERED_AFTER = 30 * MILLISECOND
BOOK_EVERY = 50 * MILLISECOND
_SUBSCRIBE_WITHIN = 5 * SECOND  # page overview: "you are disconnected if no subscribe has been received within 5 s"

_CHANNELS = {
    "full": 1,
    "level2": 1,
    "level2_batch": BOOK_EVERY,
    "matches": 1,
    "ticker": 1,
    "ticker_batch": 5 * SECOND,
    "heartbeat": SECOND,
    "status": 5 * SECOND,
}
"""With the least time between two frames of a product."""

_CALLED = {"level2_batch": "level2_50"}
_PRIVATE = ("user", "balance")
_WITH_A_KEY = ("level2", "level3", "full", *_PRIVATE)
_KEY_NEEDED = (
    "level2, level3, and full channels now require authentication. "
    "https://docs.cloud.coinbase.com/exchange/docs/websocket-auth"
)
"""As production said it on 2023-08-17 (github.com/bmoscon/cryptofeed/issues/990)."""


class ExchangeSession:
    """One connection. `private`: where the venue has accounts."""

    def __init__(
        self,
        products: Mapping[str, Shown],
        orders: Mapping[str, OrderMessages],
        status: str,
        at: Nanos,
        keys: Keys,
        private: UserChannels | None = None,
    ) -> None:
        self._products, self._orders, self._status, self._opened_at = products, orders, status, at
        self._keys, self._private = keys, private
        self._pending: list[tuple[Nanos, str]] = []
        self._answered = False
        self._subscribed: dict[str, dict[str, int]] = {}
        """By channel and product: the number of the book, or the id of the trade, up to which it was told."""
        self._slots = dict.fromkeys(_CHANNELS, 0)

    def receive(self, message: str, at: Nanos) -> Sequence[Outgoing]:
        """Answered some tens of milliseconds later, in order, by `publish`."""
        self._pending.append((at + ANSWERED_AFTER, message))
        return ()

    def publish(self, at: Nanos) -> Iterator[Outgoing]:
        """What is due by now."""
        for shown in self._products.values():
            shown.collect()
        while self._pending and self._pending[0][0] <= at:
            yield from self._answer(self._pending.pop(0)[1], at)
        if self._private:
            yield from self._private.publish(at)
        try:
            for channel, told in self._subscribed.items():
                if (slot := at // _CHANNELS[channel]) != self._slots[channel]:
                    self._slots[channel] = slot
                    yield from self._news(channel, told, at)
        except LookupError:
            yield HangUp(1008, "slow consumer")
            return
        if not self._answered and not self._pending and at >= self._opened_at + _SUBSCRIBE_WITHIN:
            yield HangUp(1008, "no subscribe message received")

    def _answer(self, message: str, at: Nanos) -> Iterator[Say]:
        """One that has a mistake anywhere is ignored as a whole (github.com/coinbase/coinbase-pro-node/issues/174)."""
        asked = asked_for(message)
        if isinstance(asked, Say):
            yield asked
            return
        wanted = wanted_of(asked)
        if asked.type == "unsubscribe":
            self._drop(wanted)
            yield self._acknowledgement()
            return
        if asked.signature and (said := self._keys.refusal(asked, at)):
            yield error("Authentication Failed", msgspec.json.encode({"message": said}).decode())
            return
        refusals = self._refusals(wanted, asked.signature)
        if refusals:
            yield from (error("Failed to subscribe", reason) for reason in refusals)
            return
        self._answered = True
        news = [(name, one) for name, ids in wanted if name not in _PRIVATE for one in self._new(name, ids)]
        told = [*self._follow(wanted, asked.key, at)]
        yield self._acknowledgement()
        yield from told
        for name, symbol in news:
            yield from self._first(name, symbol, at)

    def _refusals(self, wanted: Wanted, signature: str) -> Sequence[str]:
        if not wanted:
            return ("No channels provided",)
        found = []
        for name, ids in wanted:
            if name in _WITH_A_KEY and not signature:
                found.append(f"{name} requires authentication" if name in _PRIVATE else _KEY_NEEDED)
            elif name not in _CHANNELS and not (self._private and name in _PRIVATE):
                found.append(f"{name} is not a valid channel")  # wording not documented
            elif name not in ("status", "balance"):
                found += [f"{one} is not a valid product" for one in ids or ("",) if one not in self._products]
        return found

    def _follow(self, wanted: Wanted, name: str, at: Nanos) -> Iterator[Say]:
        """The channels of an account."""
        key = self._keys.find(name)
        if self._private is None or key is None:
            return
        for channel, ids in wanted:
            if channel == "user":
                self._private.user(key.account, ids)
            elif channel == "balance":
                yield from self._private.balance(key.account, ids, at)

    def _new(self, name: str, ids: Sequence[str]) -> Iterator[str]:
        told = self._subscribed.setdefault(name, {})
        for one in dict.fromkeys(ids if name != "status" else ("",)):
            if one not in told:
                told[one] = 0
                yield one

    def _drop(self, wanted: Wanted) -> None:
        for name, ids in wanted:
            if name in _PRIVATE and self._private:
                self._private.drop(name, ids)
            told = self._subscribed.get(name, {})
            for one in tuple(ids) if ids and name != "status" else tuple(told):
                told.pop(one, None)
            if not told:
                self._subscribed.pop(name, None)

    def _acknowledgement(self) -> Say:
        channels: list[Mapping[str, object]] = [
            {
                "name": _CALLED.get(name, name),
                "product_ids": [one for one in told if one],
                "account_ids": None,
            }
            for name, told in self._subscribed.items()
        ]
        channels += self._private.subscriptions() if self._private else ()
        return Say(msgspec.json.encode({"type": "subscriptions", "channels": channels}).decode())

    def _first(self, name: str, symbol: str, at: Nanos) -> Iterator[Say]:
        """What a channel tells at once: the book, the last trade; of full nothing, its book is a REST answer."""
        told = self._subscribed[name]
        if name == "full":
            told[symbol] = self._orders[symbol].advance()
            return
        if name == "status":
            yield Say(self._status)
            return
        shown = self._products[symbol]
        if name in ("level2", "level2_batch"):
            told[symbol] = shown.book.number
            yield Say(shown.once("whole", 0, partial(_whole, shown)))
        elif name == "heartbeat":
            self._slots[name] = at // SECOND  # at each whole second
        elif shown.last:
            told[symbol] = shown.last.trade_id
            yield Say(_match(shown, shown.last, "last_match") if name == "matches" else _ticker(shown, shown.last))

    def _news(self, channel: str, told: dict[str, int], at: Nanos) -> Iterator[Say]:
        if channel == "status":
            yield Say(self._status)
            return
        for symbol, after in told.items():
            shown = self._products[symbol]
            if channel == "full":
                texts = self._orders[symbol].since(after)
                told[symbol] = after + len(texts)
                yield from (Say(text) for text in texts)
            elif channel == "heartbeat":
                yield Say(_heartbeat(shown, self._orders[symbol], at))
            elif channel in ("level2", "level2_batch"):
                if shown.book.number > after:
                    told[symbol] = shown.book.number
                    if channel == "level2":
                        yield from _each(shown, after)
                    else:
                        yield Say(shown.once(channel, after, partial(_batch, shown, after)))
            elif shown.last and shown.last.trade_id > after:
                told[symbol] = shown.last.trade_id
                if channel == "matches":
                    yield from (Say(_match(shown, one, "match")) for one in shown.book.trades(after))
                else:
                    yield Say(shown.once("ticker", shown.last.trade_id, partial(_ticker, shown, shown.last)))


def _whole(shown: Shown) -> str:
    sides = (
        ",".join(f'["{shown.price(ticks)}","{shown.size(lots)}"]' for ticks, lots in shown.whole(side))
        for side in (Side.SELL, Side.BUY)
    )
    asks, bids = sides
    time = whole_stamp(shown.book.changed_at)
    return f'{{"type":"snapshot","product_id":"{shown.symbol}","asks":[{asks}],"bids":[{bids}],"time":"{time}"}}'


def _update(shown: Shown, rows: str, at: Nanos) -> str:
    return f'{{"type":"l2update","product_id":"{shown.symbol}","changes":[{rows}],"time":"{whole_stamp(at)}"}}'


def _batch(shown: Shown, after: int) -> str:
    changed = shown.changed(after)
    sides = (("buy", changed.bids), ("sell", changed.asks))
    rows = ",".join(f'["{side}","{shown.price(a)}","{shown.size(b)}"]' for side, levels in sides for a, b in levels)
    return _update(shown, rows, changed.at)


def _each(shown: Shown, after: int) -> Iterator[Say]:
    """The changes of one moment in one frame."""
    for at, group in groupby(shown.book.changes(after), key=lambda change: change.at):
        rows = ",".join(f'["{one.side.value}","{shown.price(one.price)}","{shown.size(one.size)}"]' for one in group)
        yield Say(_update(shown, rows, at))


def _match(shown: Shown, one: TradePrint, kind: str) -> str:
    maker = "sell" if one.side is Side.BUY else "buy"
    made, took = (f"{which:08x}-0000-4000-8000-{one.trade_id:012x}" for which in (1, 2))
    return (
        f'{{"type":"{kind}","trade_id":{one.trade_id},"maker_order_id":"{made}","taker_order_id":"{took}","side":"'
        f'{maker}","size":"{shown.bare_size(one.size)}","price":"{shown.bare_price(one.price)}","product_id":"'
        f'{shown.symbol}","sequence":{one.number},"time":"{whole_stamp(one.at)}"}}'
    )


def _ticker(shown: Shown, one: TradePrint) -> str:
    day = shown.day()
    assert day is not None, "there was a trade"
    bid, ask = shown.best(Side.BUY) or (0, 0), shown.best(Side.SELL) or (0, 0)
    told = {
        "type": "ticker",
        "sequence": one.number,
        "product_id": shown.symbol,
        "price": shown.bare_price(one.price),
        "open_24h": shown.bare_price(day.open),
        "volume_24h": shown.size(day.volume),
        "low_24h": shown.bare_price(day.low),
        "high_24h": shown.bare_price(day.high),
        "volume_30d": shown.size(day.volume),
        "best_bid": shown.price(bid[0]),
        "best_bid_size": shown.size(bid[1]),
        "best_ask": shown.price(ask[0]),
        "best_ask_size": shown.size(ask[1]),
        "side": one.side.value,
        "time": whole_stamp(one.at),
        "trade_id": one.trade_id,
        "last_size": shown.bare_size(one.size),
    }
    return msgspec.json.encode(told).decode()


def _heartbeat(shown: Shown, orders: OrderMessages, at: Nanos) -> str:
    trade_id = shown.last.trade_id if shown.last else 0
    sequence = orders.sequence if orders.begun else shown.book.number
    time = whole_stamp(at // SECOND * SECOND)
    return (
        f'{{"type":"heartbeat","last_trade_id":{trade_id},"product_id":"{shown.symbol}","sequence":'
        f'{sequence},"time":"{time}"}}'
    )
