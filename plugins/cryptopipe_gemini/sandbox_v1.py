"""One client's connection to the simulated Market Data v1, of one symbol or several, which ccxt.pro uses for several.

Enters: a path with its query; the engine's books, at each step. Leaves: the levels there are, then a message for each
change or new best level, numbered on the connection; heartbeats. Never: auctions, or an answer to a text.

developer.gemini.com/websocket/archived/v1 as clients quote it: archived, and served in 2026. Keys, their order and the
form of numbers are those of messages of `/v1/marketdata/btcusd` of 2026-09-26 in a public project's tests; `symbol`
where there are several as in others of 2022. Not confirmed: when the first heartbeat comes, that a trade and its change
are one message, what is said of a side that is empty (here nothing), and how an unknown symbol is refused.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import parse_qsl
from weakref import WeakValueDictionary

from cryptopipe.api import HangUp, LevelChange, Nanos, Outgoing, Say, Side, TradePrint
from cryptopipe_gemini.sandbox_words import MILLISECOND, SECOND, Level, Words, event_id, trade_id

SINGLE, SEVERAL = "/v1/marketdata/", "/v1/multimarketdata"
BEATS_EVERY: Nanos = 5 * SECOND
_SIDES = {Side.BUY: "bid", Side.SELL: "ask"}
_KEPT = 4096


class Wanted(NamedTuple):
    """What a connection's query asks for: events of these kinds (`bid`, `ask`, `trade`), of the best levels alone."""

    kinds: frozenset[str]
    tops: bool
    beats: bool


def wanted(query: str) -> Wanted:
    """All kinds unless some are asked for: then those alone. Tops and heartbeats have to be asked for."""
    asked = dict(parse_qsl(query))
    names = {"bids": "bid", "offers": "ask", "trades": "trade"}
    chosen = frozenset(kind for name, kind in names.items() if asked.get(name) == "true")
    kinds = chosen or frozenset(kind for name, kind in names.items() if asked.get(name) != "false")
    return Wanted(kinds, asked.get("top_of_book") == "true", asked.get("heartbeat") == "true")


class _Event(NamedTuple):
    """`kind` is whom it is for; the symbol, where there are several, stands between the two halves of its text."""

    kind: str
    is_top: bool
    text: str
    rest: str = '"type":"change"}'


class _Message(NamedTuple):
    """Events of one change of the book."""

    id: int
    at: Nanos
    events: Sequence[_Event]


def _level(words: Words, side: Side, price: int, size: int, before: int, reason: str) -> _Event:
    text = (
        f'{{"delta":"{_signed(words, size - before)}","price":"{words.least_price(price)}","reason":"{reason}",'
        f'"remaining":"{words.short_size(size)}","side":"{_SIDES[side]}",'
    )
    return _Event(_SIDES[side], False, text)


def _signed(words: Words, lots: int) -> str:
    return f"-{words.short_size(-lots)}" if lots < 0 else words.short_size(lots)


def _top(words: Words, side: Side, level: Level) -> _Event:
    text = (
        f'{{"price":"{words.least_price(level[0])}","reason":"top-of-book",'
        f'"remaining":"{words.short_size(level[1])}","side":"{_SIDES[side]}",'
    )
    return _Event(_SIDES[side], True, text)


class Changes:
    """All that is told of one symbol, shared by the connections that listen to it."""

    def __init__(self, words: Words) -> None:
        self.end = 0
        self.words = words
        self._kept: list[_Message] = []
        self._number = words.book.number
        known = words.book.trades(0)
        self._traded = known[-1].trade_id if known else 0
        self._sizes = {(side, price): size for side in _SIDES for price, size in words.book.levels(side, 10**6)}
        self._tops = self._best()

    def _best(self) -> dict[Side, Level]:
        return {side: level for side in _SIDES for level in self.words.book.levels(side, 1)}

    def step(self) -> None:
        """Every change since the last step with the trades that made it, then the best levels that are new. Raises
        `LookupError` if nobody stepped for longer than the book's tape reaches."""
        book = self.words.book
        if book.number == self._number:
            return
        changes, prints = book.changes(self._number), book.trades(self._traded)
        self._number = book.number
        self._traded = prints[-1].trade_id if prints else self._traded
        made: dict[int, list[TradePrint]] = {}
        for one in prints:
            made.setdefault(one.number, []).append(one)
        for change in changes:
            self._put(_Message(event_id(change.number), change.at, self._events(change, made.get(change.number, ()))))
        for side, level in self._best().items():
            if level != self._tops.get(side):
                self._put(_Message(event_id(self._number), book.changed_at, (_top(self.words, side, level),)))
        self._tops = self._best()

    def _put(self, message: _Message) -> None:
        self._kept.append(message)
        self.end += 1
        if len(self._kept) > 2 * _KEPT:
            del self._kept[:_KEPT]

    def _events(self, change: LevelChange, prints: Sequence[TradePrint]) -> Sequence[_Event]:
        key = change.side, change.price
        before = self._sizes.get(key, 0)
        self._sizes[key] = change.size
        if not change.size:
            del self._sizes[key]
        reason = "trade" if prints else "place" if change.size > before else "cancel"
        changed = _level(self.words, change.side, change.price, change.size, before, reason)
        return [*(self._print(one) for one in prints), changed]

    def _print(self, one: TradePrint) -> _Event:
        maker = _SIDES[Side.SELL if one.side is Side.BUY else Side.BUY]
        text = (
            f'{{"amount":"{self.words.short_size(one.size)}","makerSide":"{maker}",'
            f'"price":"{self.words.least_price(one.price)}",'
        )
        return _Event("trade", False, text, f'"tid":{trade_id(one.trade_id)},"type":"trade"}}')

    def since(self, position: int) -> Sequence[_Message]:
        """The messages after it. Raises `LookupError` if they are not kept any more."""
        missing = self.end - position
        if missing > len(self._kept):
            raise LookupError(f"message {position + 1} of {self.words.upper} is forgotten")
        return self._kept[len(self._kept) - missing :]

    def opening(self, is_top: bool) -> Sequence[_Event]:
        """The levels there are, asks first; `is_top`: the best ones alone."""
        self.step()
        words, count = self.words, 1 if is_top else 10**6
        rows = [(side, *level) for side in (Side.SELL, Side.BUY) for level in words.book.levels(side, count)]
        return [_level(words, side, price, size, 0, "initial") for side, price, size in rows]


class Several:
    """The symbols that somebody listens to, by their names in upper case."""

    def __init__(self, listed: Mapping[str, Words]) -> None:
        self._listed = {words.upper: words for words in listed.values()}
        self._found: WeakValueDictionary[str, Changes] = WeakValueDictionary()

    def of(self, path: str, query: str) -> list[Changes] | None:
        """Of a path that is one of v1's, in either case; None if one of its symbols is unknown or there is none."""
        asked = dict(parse_qsl(query)).get("symbols", "") if path == SEVERAL else path.removeprefix(SINGLE)
        names = asked.upper().split(",")
        if any(name not in self._listed for name in names):
            return None
        streams = []
        for name in dict.fromkeys(names):
            stream = self._found.get(name)
            if stream is None:
                stream = self._found[name] = Changes(self._listed[name])
            streams.append(stream)
        return streams


class V1Session:
    """`are_named`: each event names its symbol. `stepped` is told of each step."""

    def __init__(
        self, streams: Sequence[Changes], asked: Wanted, are_named: bool, stepped: Callable[[Nanos], None], at: Nanos
    ) -> None:
        self._streams, self._asked, self._are_named, self._stepped = streams, asked, are_named, stepped
        self._positions: list[int] | None = None
        self._sequence = 0
        self._beat_at = at

    def receive(self, message: str, at: Nanos) -> Iterator[Outgoing]:
        """Texts mean nothing here."""
        return iter(())

    def publish(self, at: Nanos) -> Iterator[Outgoing]:
        """First the levels there are, symbol by symbol, then what happened since the last step."""
        self._stepped(at)
        try:
            yield from self._news() if self._positions is not None else self._opening()
        except LookupError:
            yield HangUp(1013, "Try again later")
        if self._asked.beats and at - self._beat_at >= BEATS_EVERY:
            self._beat_at = at
            yield Say(f'{{"socket_sequence":{self._next()},"type":"heartbeat"}}')

    def _opening(self) -> Iterator[Outgoing]:
        """Without times."""
        self._positions = []
        for stream in self._streams:
            events = stream.opening(self._asked.tops)
            self._positions.append(stream.end)
            texts = self._texts(stream, events)
            if texts:
                head = f'{{"eventId":{event_id(stream.words.book.number)},"events":[{",".join(texts)}]'
                yield Say(f'{head},"socket_sequence":{self._next()},"type":"update"}}')

    def _news(self) -> Iterator[Outgoing]:
        assert self._positions is not None, "opened before"
        for place, stream in enumerate(self._streams):
            stream.step()
            if stream.end == self._positions[place]:
                continue
            messages, self._positions[place] = stream.since(self._positions[place]), stream.end
            for message in messages:
                told = [one for one in message.events if one.kind == "trade" or one.is_top is self._asked.tops]
                if texts := self._texts(stream, told):
                    yield Say(
                        f'{{"eventId":{message.id},"events":[{",".join(texts)}],"socket_sequence":{self._next()},'
                        f'"timestamp":{message.at // SECOND},"timestampms":{message.at // MILLISECOND},'
                        f'"type":"update"}}'
                    )

    def _texts(self, stream: Changes, events: Sequence[_Event]) -> list[str]:
        named = f'"symbol":"{stream.words.upper}",' if self._are_named else ""
        return [f"{one.text}{named}{one.rest}" for one in events if one.kind in self._asked.kinds]

    def _next(self) -> int:
        number, self._sequence = self._sequence, self._sequence + 1
        return number
