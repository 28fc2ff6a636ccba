"""One client's connection to the simulated former stream, Market Data v2, which ccxt.pro and cryptofeed still use.

Enters: subscribe and unsubscribe messages; the engine's books, at each step. Leaves: the book with the last 50 trades,
updates, trades, candles, heartbeats. Never: auctions.

developer.gemini.com/websocket/archived/v2 (2026-11-21 in a stored copy), recordings of 2021-06-24; measured by others
on 2026-09-15: a heartbeat every 5 s, no ping, symbols in upper case only. Not confirmed: what becomes of unknown
symbols beside known ones (here nothing), what an unknown name is answered with (here as an unknown symbol), and the
order of updates and trades of one match.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from weakref import WeakValueDictionary

import msgspec

from cryptopipe.api import Nanos, Outgoing, Say, Side
from cryptopipe_gemini.sandbox_candles import CANDLES, MINUTES, Candles
from cryptopipe_gemini.sandbox_streams import Tape
from cryptopipe_gemini.sandbox_tally import Tally
from cryptopipe_gemini.sandbox_words import MILLISECOND, SECOND, Words

ANSWERED_AFTER: Nanos = 30 * MILLISECOND
BEATS_EVERY: Nanos = 5 * SECOND
TRADES_SHOWN = 50
_REFUSED = '{"reason":"NoValidTradingPairs","result":"error"}'


class _Wanted(msgspec.Struct):
    name: str = ""
    symbols: list[str] = []


class _Message(msgspec.Struct):
    type: str = ""
    subscriptions: list[_Wanted] = []


class Level2:
    """`l2` of one symbol, shared by all who listen."""

    def __init__(self, words: Words) -> None:
        self.tape = Tape()
        self._words = words
        self._number = words.book.number
        known = words.book.trades(0)
        self._traded = known[-1].trade_id if known else 0

    def step(self, at: Nanos) -> None:
        """Every level changed since the last step, as it is now, then the trades."""
        book, before = self._words.book, self._number
        if book.number == before:
            return
        self._number = book.number
        try:
            changes = book.changes(before)
        except LookupError:  # nobody stepped for longer than the tape reaches: no update would tell it all
            self.tape.put(self._whole())
            return
        latest = {(change.side, change.price): change.size for change in changes}
        self.tape.put(self._words.update((side, price, size) for (side, price), size in latest.items()))
        for one in book.trades(self._traded):
            self._traded = one.trade_id
            self.tape.put(self._words.former_trade(one))

    def opening(self, at: Nanos) -> str:
        """What a new subscriber gets, after all that was not yet told."""
        self.step(at)
        return self._whole()

    def _whole(self) -> str:
        """ "The existing state of the order books and last 50 trades", newest first."""
        words = self._words
        rows = [(side, p, s) for side in (Side.BUY, Side.SELL) for p, s in words.book.levels(side, 10**6)]
        past = [words.former_trade(one) for one in reversed(words.book.trades(0)[-TRADES_SHOWN:])]
        return (
            f'{{"auction_events":[],"changes":{words.changes(rows)},"symbol":"{words.upper}",'
            f'"trades":[{",".join(past)}],"type":"l2_updates"}}'
        )


Key = tuple[str, str]
"""The name of a subscription and a symbol in upper case."""


class Books:
    """The streams of the venue that somebody listens to: `l2` and `candles_1m` to `candles_1d`."""

    def __init__(self, listed: Mapping[str, Words], tallies: Mapping[str, Tally]) -> None:
        """`tallies` by the symbols of `listed`."""
        self._listed = {words.upper: words for words in listed.values()}
        self._tallies = tallies
        self._streams: WeakValueDictionary[Key, Level2 | Candles] = WeakValueDictionary()

    def find(self, key: Key) -> Level2 | Candles | None:
        """None for a name or a symbol that there is not, such as a symbol in lower case."""
        name, symbol = key
        stream, words = self._streams.get(key), self._listed.get(symbol)
        if stream is None and words is not None:
            if name == "l2":
                stream = self._streams[key] = Level2(words)
            elif (width := name.removeprefix(CANDLES)) != name and width in MINUTES:
                stream = self._streams[key] = Candles(words, self._tallies[words.symbol], width)
        return stream


class _Read:
    """What one subscription has read of its stream."""

    __slots__ = ("position", "stream")

    def __init__(self, stream: Level2 | Candles) -> None:
        self.stream, self.position = stream, stream.tape.end


class FormerSession:
    """Heartbeats come from the opening on, subscribed to something or not. `stepped` is told of each step."""

    def __init__(self, books: Books, stepped: Callable[[Nanos], None], at: Nanos) -> None:
        self._books, self._stepped = books, stepped
        self._beat_at = at
        self._reads: dict[Key, _Read] = {}
        self._due: deque[tuple[Nanos, str]] = deque()

    def receive(self, message: str, at: Nanos) -> Iterator[Outgoing]:
        """Carried out some tens of milliseconds later."""
        self._due.append((at + ANSWERED_AFTER, message))
        return iter(())

    def publish(self, at: Nanos) -> Iterator[Outgoing]:
        """What the books tell since the last step, then what new subscriptions bring."""
        self._stepped(at)
        for read in self._reads.values():
            stream = read.stream
            stream.step(at)
            if stream.tape.end != read.position:
                texts, read.position = stream.tape.since(read.position), stream.tape.end
                for text in texts:
                    yield Say(text)
        while self._due and self._due[0][0] <= at:
            for text in self._carried_out(self._due.popleft()[1], at):
                yield Say(text)
        if at - self._beat_at >= BEATS_EVERY:
            self._beat_at = at
            yield Say(f'{{"timestamp":{at // MILLISECOND},"type":"heartbeat"}}')

    def _carried_out(self, text: str, at: Nanos) -> Iterator[str]:
        """There are no acknowledgements: a book or a refusal is the answer."""
        try:
            message = msgspec.json.decode(text, type=_Message)
        except (msgspec.MsgspecError, RecursionError):
            yield _REFUSED
            return
        keys = [(wanted.name, symbol) for wanted in message.subscriptions for symbol in wanted.symbols]
        if message.type == "unsubscribe":
            for key in keys:
                self._reads.pop(key, None)
        elif message.type == "subscribe":
            yield from self._subscribed(keys, at)

    def _subscribed(self, keys: list[Key], at: Nanos) -> Iterator[str]:
        found = {key: stream for key in keys if (stream := self._books.find(key)) is not None}
        if not found:
            yield _REFUSED
        for key, stream in found.items():
            yield stream.opening(at)
            self._reads[key] = _Read(stream)
