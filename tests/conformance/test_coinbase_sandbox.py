"""The simulated Coinbase venues against our codecs, the engine's books, and frames of the real ones."""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from recordings import RECORDINGS, needs_recordings, read_lines

import cryptopipe_coinbase as plugins
from cryptopipe.api import (
    SANDBOX_CREDENTIALS,
    USUAL_CHANNELS,
    BookDelta,
    BookSnapshot,
    Channel,
    ExchangePlugin,
    HangUp,
    HttpRequest,
    HttpResponse,
    Notice,
    ProtocolError,
    RateLimited,
    Resync,
    SandboxSession,
    Say,
    Side,
    Subscription,
    TopUpdate,
    Unknown,
    VenueError,
)
from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.clock import MILLISECOND, SECOND, Nanos, parse_at
from cryptopipe.market.feeds import Ask, Feeds
from cryptopipe.market.market import Market as Books
from cryptopipe.market.sync import BookSync
from cryptopipe.model.events import Dial, Send
from cryptopipe.sandbox.engine import Engine
from cryptopipe_coinbase.metadata import advanced_instruments, exchange_instruments

T: Nanos = parse_at("2026-11-21T12:00:00Z")
STEP = 5 * MILLISECOND
SYMBOLS = ("BTC-USD", "ETH-BTC", "USDT-USD")
CORPUS = Path(plugins.__file__).parent / "frames"
BOTH = pytest.mark.parametrize("plugin", [plugins.coinbase, plugins.coinbase_exchange], ids=lambda one: one.venue)

# Recorded from production between 2026-09-07 and 2026-09-30 and kept in public repositories (github.com/
# ziyangliu-666/FastMM, tests/fixtures/coinbase); levels, products and trades cut down to one or two.
RECORDED = {
    "l2_data": '{"channel":"l2_data","timestamp":"2026-09-30T02:39:59.566460558Z","sequence_num":248,"events":[{"type":'
    '"update","product_id":"ETH-USD","updates":[{"side":"bid","event_time":"2026-09-30T02:39:59.537106Z","price_level":'
    '"2667.24","new_quantity":"0"},{"side":"offer","event_time":"2026-09-30T02:39:59.537106Z","price_level":"2667.4",'
    '"new_quantity":"3.23779864"}]}]}',
    "market_trades": '{"channel":"market_trades","timestamp":"2026-09-30T02:39:59.551901038Z","sequence_num":247,'
    '"events":[{"type":"update","trades":[{"product_id":"ETH-USD","trade_id":"846155167","price":"2667.2","size":"0.84275842",'
    '"time":"2026-09-30T02:39:59.4104Z","side":"SELL"}]}]}',
    "ticker": '{"channel":"ticker","timestamp":"2026-06-14T05:35:45.435813533Z","sequence_num":16,"events":[{"type":'
    '"update","tickers":[{"type":"ticker","product_id":"BTC-USD","price":"64281.7","volume_24_h":"3974.98800786",'
    '"low_24_h":"63454","high_24_h":"64727.27","low_52_w":"59073.01","high_52_w":"126296","price_percent_chg_24_h":'
    '"1.21471769193719","best_bid":"64281.7","best_ask":"64281.71","best_bid_quantity":"0.21558849","best_ask_quantity":'
    '"0.02287045"}]}]}',
    "heartbeats": '{"channel":"heartbeats","timestamp":"2026-09-07T23:37:22.675755362Z","sequence_num":3,"events":[{'
    '"current_time":"2026-09-07 23:37:22.674409 +0000 UTC m=+139651.272674714","heartbeat_counter":139651}]}',
    "subscriptions": '{"channel":"subscriptions","timestamp":"2026-09-07T23:37:22.278739877Z","sequence_num":2,'
    '"events":[{"subscriptions":{"heartbeats":["heartbeats"],"level2":["BTC-PERP-INTX","ETH-PERP-INTX"]}}]}',
}
RECORDED_EXCHANGE = {
    "subscriptions": '{"type":"subscriptions","channels":[{"name":"level2_50","product_ids":["ETH-USD","BTC-USD"],'
    '"account_ids":null}]}',
    "snapshot": '{"type":"snapshot","product_id":"ETH-USD","asks":[["2671.33","0.24000910"]],"bids":[["2671.32",'
    '"2.68460166"]],"time":"2026-09-30T02:03:12.699555Z"}',
    "l2update": '{"type":"l2update","product_id":"ETH-USD","changes":[["buy","2337.41","0.04266534"],["sell","2674.52",'
    '"1.68458567"]],"time":"2026-09-30T02:03:12.837047Z"}',
    "last_match": '{"type":"last_match","trade_id":846151671,"maker_order_id":"abd8a89e-03f9-47a1-963e-0ce3a2c92819",'
    '"taker_order_id":"a54cd56a-05a4-4930-b371-d4763d250239","side":"sell","size":"0.00370659","price":"2671.33",'
    '"product_id":"ETH-USD","sequence":103492697192,"time":"2026-09-30T02:03:12.257184Z"}',
    "match": '{"type":"match","trade_id":846151672,"maker_order_id":"c3923f1b-e5fe-4e7b-8da9-d78299801313",'
    '"taker_order_id":"1f26ba87-ae72-4908-864f-f95e33d32f7d","side":"sell","size":"0.01273641","price":"2671.33",'
    '"product_id":"ETH-USD","sequence":103492697323,"time":"2026-09-30T02:03:12.751234Z"}',
    "heartbeat": '{"type":"heartbeat","last_trade_id":846151673,"product_id":"ETH-USD","sequence":103492697415,"time":'
    '"2026-09-30T02:03:13.000000Z"}',
    "ticker": (CORPUS / "exchange_ticker.json").read_text(),
}


class Market:
    """The engine's books under random orders, seeded; times are whole microseconds, as the venues' are."""

    def __init__(self, plugin: ExchangePlugin, seed: int = 0, symbols: Sequence[str] = SYMBOLS) -> None:
        self.books = {symbol: Engine(plugin.instruments.find(symbol)) for symbol in symbols}
        self.random, self.at, self.orders = random.Random(seed), T, []  # type: ignore[var-annotated]
        for engine in self.books.values():
            for n in range(1, 30):
                engine.limit(Side.BUY, 100_000 - 7 * n, 10 * n, T)
                engine.limit(Side.SELL, 100_000 + 7 * n, 10 * n, T)

    def advance(self, until: Nanos) -> None:
        while self.at + MILLISECOND <= until:
            self.at += MILLISECOND
            engine = self.random.choice(tuple(self.books.values()))
            side, size = self.random.choice(tuple(Side)), self.random.randint(1, 99)
            match self.random.randrange(6):
                case 0 | 1 | 2:
                    price = 100_000 + self.random.randint(-60, 60)
                    self.orders.append((engine, engine.limit(side, price, size, self.at).order_id))
                case 3 | 4 if self.orders:
                    of, order = self.orders.pop(self.random.randrange(len(self.orders)))
                    of.cancel(order, self.at)
                case _:
                    engine.take(side, size, self.at)


@dataclass
class Client:
    """A session, and what our own codec makes of it."""

    plugin: ExchangePlugin
    session: SandboxSession
    texts: list[str] = field(default_factory=list)
    events: list[Any] = field(default_factory=list)
    compared: int = 0
    each: bool = True
    """Whether each frame tells all that happened, or only the last of a step."""

    def __post_init__(self) -> None:
        self.codec = self.plugin.feed()
        self.syncs: dict[str, BookSync] = {}

    def send(self, told: object, at: Nanos) -> None:
        assert list(self.session.receive(told if isinstance(told, str) else json.dumps(told), at)) == []

    def step(self, market: Market, at: Nanos) -> list[str]:
        """Advance, publish, decode; after each frame of a book it is the engine's, to its last level."""
        market.advance(at)
        new = []
        for said in self.session.publish(at):
            assert isinstance(said, Say)
            new.append(said.text)
            self.texts.append(said.text)
            for event in self.codec.decode(said.text.encode(), at):
                self.events.append(event)
                self._apply(event, market, at)
        return new

    def _apply(self, event: Any, market: Market, at: Nanos) -> None:
        if not isinstance(event, BookSnapshot | BookDelta | TopUpdate):
            return
        engine = market.books[event.symbol]
        sync = self.syncs.setdefault(event.symbol, BookSync(engine.instrument, self.codec.rule))
        tell = {BookSnapshot: sync.snapshot, BookDelta: sync.delta, TopUpdate: sync.quote}[type(event)]
        outcome = tell(event, at)  # type: ignore[operator]
        assert not isinstance(outcome, Resync), outcome
        if not isinstance(event, TopUpdate) and sync.state.value == "live" and self.each:
            assert held(sync) == displayed(engine)
            self.compared += 1

    def run(self, market: Market, seconds: float) -> list[str]:
        start, new = market.at, []
        for n in range(1, int(seconds * SECOND) // STEP + 1):
            new += self.step(market, start + n * STEP)
        return new


def held(sync: BookSync) -> list[list[tuple[Decimal, Decimal]]]:
    return [list(sync.book.levels(bids)) for bids in (True, False)]


def displayed(engine: Engine) -> list[list[tuple[Decimal, Decimal]]]:
    rules = engine.instrument.rules
    assert rules is not None
    return [[(p * rules.tick, s * rules.step) for p, s in engine.levels(side, 999)] for side in (Side.BUY, Side.SELL)]


def subscribed(plugin: ExchangePlugin, market: Market, channels: Sequence[Channel] = USUAL_CHANNELS) -> Client:
    assert plugin.sandbox is not None
    session = plugin.sandbox(market.books).open("/", T)
    assert not isinstance(session, HttpResponse)
    client = Client(plugin, session)
    wanted = [Subscription(engine.instrument, channel) for engine in market.books.values() for channel in channels]
    for text in client.codec.connect(wanted, None, T).frames:
        client.send(text, T)
    return client


def kind_of(frame: Mapping[str, Any]) -> str:
    return str(frame.get("channel") or frame["type"])


def shape(value: Any) -> Any:
    """Keys in order, and of what type each value is; of a list, its first row."""
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items() if name != "subscriptions"}
    if isinstance(value, list):
        return [shape(one) for one in value[:1]]
    return type(value).__name__


def in_order(shaped: Any) -> str:
    return json.dumps(shaped)


@BOTH
@pytest.mark.parametrize("seed", range(3))
def test_our_codec_holds_the_engines_books(plugin: ExchangePlugin, seed: int) -> None:
    market = Market(plugin, seed)
    client = subscribed(plugin, market)
    client.run(market, 3)
    refused = [
        one for one in client.events if isinstance(one, Unknown | Resync) or (isinstance(one, Notice) and not one.ok)
    ]
    assert refused == []
    assert client.compared > 150
    assert all(sync.state.value == "live" for sync in client.syncs.values())


def test_level2_of_exchange_tells_each_moment() -> None:
    market = Market(plugins.coinbase_exchange)
    client = subscribed(plugins.coinbase_exchange, market, ())
    client.each = False
    signer = plugins.coinbase_exchange.signer
    assert signer is not None
    signed = signer.auth(SANDBOX_CREDENTIALS, None, T).headers
    client.send({"type": "subscribe", "product_ids": ["BTC-USD"], "channels": ["level2"], **signed}, T)
    client.run(market, 1)
    moments = {change.at for change in market.books["BTC-USD"].changes(0) if change.at > T + 30 * MILLISECOND}
    deltas = [event for event in client.events if isinstance(event, BookDelta)]
    assert [event.event_time for event in deltas] == sorted(moments)
    assert held(client.syncs["BTC-USD"]) == displayed(market.books["BTC-USD"])


def test_every_frame_of_advanced_has_the_next_number() -> None:
    market = Market(plugins.coinbase)
    client = subscribed(plugins.coinbase, market)
    client.run(market, 1)
    assert [json.loads(text)["sequence_num"] for text in client.texts] == list(range(len(client.texts)))


@BOTH
def test_frames_look_like_the_venues(plugin: ExchangePlugin) -> None:
    market = Market(plugin)
    client = subscribed(plugin, market)
    market.advance(T + 20 * MILLISECOND)
    client.run(market, 3)
    recorded = RECORDED if plugin is plugins.coinbase else RECORDED_EXCHANGE
    first: dict[str, Any] = {}
    for text in client.texts:
        frame = json.loads(text)
        first.setdefault(kind_of(frame), frame)
        assert json.dumps(frame, separators=(",", ":")) == text  # no spaces
    assert set(first) == set(recorded)
    for kind, text in recorded.items():
        assert in_order(shape(first[kind])) == in_order(shape(json.loads(text))), kind


@needs_recordings
def test_frames_of_exchange_look_like_those_of_2021() -> None:
    """Which had no time in a snapshot, no sizes in a ticker and no account_ids."""
    market = Market(plugins.coinbase_exchange)
    client = subscribed(plugins.coinbase_exchange, market)
    market.advance(T + 20 * MILLISECOND)
    client.run(market, 1)
    ours = {kind_of(frame): frame for frame in map(json.loads, client.texts)}
    theirs: dict[str, Any] = {}
    for line in read_lines("coinbase/exchange_level2_ticker_matches_20210417.jsonl.gz"):
        if line["dir"] == "recv":
            frame = json.loads(line["raw"])
            theirs.setdefault(kind_of(frame), frame)
    added = {"snapshot": ["time"], "ticker": ["best_bid_size", "best_ask_size"], "subscriptions": ["channels"]}
    for kind, frame in theirs.items():
        kept = {name: one for name, one in ours[kind].items() if name not in added.get(kind, ())}
        frame = {name: one for name, one in frame.items() if name not in added.get(kind, ())}
        assert in_order(shape(kept)) == in_order(shape(frame)), kind


def test_numbers_of_advanced_have_no_zeros_at_their_end() -> None:
    """As in the recorded frames; the expected digits are Decimal's."""
    market = Market(plugins.coinbase)
    client = subscribed(plugins.coinbase, market, (Channel.DEPTH,))
    client.run(market, 1)
    rows = [row for text in client.texts for event in json.loads(text)["events"] for row in event.get("updates", ())]
    numbers = [row[name] for row in rows for name in ("price_level", "new_quantity")]
    assert len(numbers) > 500
    assert numbers == [f"{Decimal(text).normalize():f}" for text in numbers]
    assert "0" in numbers


def test_a_book_is_told_at_most_once_in_50_ms_bids_first() -> None:
    market = Market(plugins.coinbase)
    client = subscribed(plugins.coinbase, market, (Channel.DEPTH,))
    client.run(market, 2)
    seen = []
    for frame in map(json.loads, client.texts):
        for event in frame["events"]:
            if event.get("type") == "update":
                seen.append((event["product_id"], parse_at(frame["timestamp"]) // (50 * MILLISECOND)))
                sides = [side for side, _ in groupby(row["side"] for row in event["updates"])]
                assert sides in (["bid", "offer"], ["bid"], ["offer"])
    assert len(set(seen)) == len(seen) > 60


@BOTH
def test_every_trade_is_told_once_with_the_makers_side(plugin: ExchangePlugin) -> None:
    market = Market(plugin)
    client = subscribed(plugin, market, (Channel.TRADES,))
    client.run(market, 2)
    client.run(market, 0.25)  # what is gathered for 250 ms
    for symbol, engine in market.books.items():
        told = [
            (int(one["trade_id"]), one["side"].lower(), one["price"], one["size"])
            for frame in map(json.loads, client.texts)
            for one in _prints(frame)
            if one["product_id"] == symbol
        ]
        rules = engine.instrument.rules
        assert rules is not None
        expected = [
            (
                one.trade_id,
                "sell" if one.side is Side.BUY else "buy",
                f"{(one.price * rules.tick).normalize():f}",
                f"{(one.size * rules.step).normalize():f}",
            )
            for one in engine.trades(told[0][0] - 1)  # Exchange begins with the last match
        ]
        assert told == expected[: len(told)]
        assert len(told) > 20
        assert len(expected) - len(told) <= 20


def _prints(frame: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if frame.get("type") in ("match", "last_match"):
        yield frame
    for event in frame.get("events", ()):
        yield from reversed(event.get("trades", ()))  # newest first


@BOTH
def test_an_acknowledgement_takes_some_tens_of_milliseconds(plugin: ExchangePlugin) -> None:
    market = Market(plugin)
    client = subscribed(plugin, market, (Channel.DEPTH,))
    assert [client.step(market, T + n * MILLISECOND) for n in range(1, 20)] == [[]] * 19
    assert client.run(market, 0.1)


def test_a_second_subscription_changes_nothing_a_third_after_unsubscribing_starts_anew() -> None:
    market = Market(plugins.coinbase)
    client = subscribed(plugins.coinbase, market, ())
    ask = {"type": "subscribe", "channel": "level2", "product_ids": ["BTC-USD"]}
    for expected in (["snapshot", "update"], ["update"]):
        client.send(ask, market.at)
        told = client.run(market, 0.5)
        assert [kind for kind, _ in groupby(_book_kinds(told))] == expected
    client.send(ask | {"type": "unsubscribe"}, market.at)
    told = client.run(market, 0.5)
    left = json.loads(told[[kind_of(json.loads(text)) for text in told].index("subscriptions")])
    assert left["events"][0]["subscriptions"] == {"heartbeats": ["heartbeats"]}
    assert _book_kinds(told[-2:]) == []
    compared = client.compared
    client.send(ask, market.at)
    assert [kind for kind, _ in groupby(_book_kinds(client.run(market, 0.5)))] == ["snapshot", "update"]
    assert client.compared > compared
    assert not any(isinstance(event, Resync) for event in client.events)


def _book_kinds(texts: Sequence[str]) -> list[str]:
    frames = [json.loads(text) for text in texts]
    return [frame["events"][0]["type"] for frame in frames if frame.get("channel") == "l2_data"]


def test_exchange_starts_anew_after_unsubscribing() -> None:
    plugin = plugins.coinbase_exchange
    market = Market(plugin)
    client = subscribed(plugin, market, (Channel.DEPTH,))
    client.run(market, 0.5)
    wanted = [Subscription(plugin.instruments.find(symbol), Channel.DEPTH) for symbol in SYMBOLS]
    again = client.codec.connect(wanted, None, T).resubscribe
    for text in again["ETH-BTC"]:
        client.send(text, market.at)
    kinds = [(frame["type"], frame.get("product_id")) for frame in map(json.loads, client.run(market, 0.5))]
    assert [kind for kind in kinds if kind[0] == "snapshot"] == [("snapshot", "ETH-BTC")]
    assert [kind for kind, _ in kinds if kind == "subscriptions"] == ["subscriptions"] * 2
    assert held(client.syncs["ETH-BTC"]) == displayed(market.books["ETH-BTC"])


def test_a_gap_is_mended_on_the_same_connection_by_two_messages() -> None:
    """One frame is lost on the way: all books are asked for at once, and the same sequence goes on."""
    plugin = plugins.coinbase
    market = Market(plugin)
    line = Line(plugin, market)
    line.run(0.5)
    assert line.states() == {"live"}
    before, line.losing = len(line.sent), 1
    seen = [line.run(0.005) or line.states() for _ in range(100)]
    assert seen.count({"syncing"}) * STEP <= 50 * MILLISECOND
    assert {"syncing"} in seen
    asked = [json.loads(text) for text in line.sent[before:]]
    assert [one["type"] for one in asked] == ["unsubscribe", "subscribe"]
    assert [one["product_ids"] for one in asked] == [list(SYMBOLS)] * 2
    assert line.states() == {"live"}
    assert line.books.counts[plugin.venue].refused == 0
    for symbol, engine in market.books.items():
        assert line.books.books[plugin.venue][symbol].gaps == 1
        assert engine.number > 0


class Line:
    """The product's own market and supervisor at the other end of one connection, on this clock."""

    def __init__(self, plugin: ExchangePlugin, market: Market) -> None:
        assert plugin.sandbox is not None
        self.market, self.venue, self.losing = market, plugin.venue, 0
        self.books = Books({plugin.venue: plugin})
        wanted = [Subscription(one.instrument, channel) for one in market.books.values() for channel in USUAL_CHANNELS]
        self.feeds = Feeds(self.books, {plugin.venue: plugin}, {plugin.venue: wanted}, lambda: 0.5, T)
        self.session = plugin.sandbox(market.books).open("/", T)
        self.sent: list[str] = []
        self.seq = 0
        self.tell(Direction.TICK, conn="")
        self.tell(Direction.OPEN)

    def tell(self, direction: Direction, payload: str = "", conn: str = "coinbase#1") -> None:
        self.seq += 1
        venue = self.venue if conn else ""
        entry = Input(self.seq, self.seq, self.market.at, direction, venue, conn, "", payload.encode())
        self.books.receive(entry)
        for _, task in self.feeds.after(entry):
            assert isinstance(task, Dial | Send | Ask), task
            if isinstance(task, Send):
                self.sent.append(task.text)
                assert not isinstance(self.session, HttpResponse)
                assert list(self.session.receive(task.text, self.market.at)) == []

    def run(self, seconds: float) -> None:
        assert not isinstance(self.session, HttpResponse)
        for _ in range(int(seconds * SECOND) // STEP):
            self.market.advance(self.market.at + STEP)
            for said in self.session.publish(self.market.at):
                assert isinstance(said, Say)
                if self.losing:
                    self.losing -= 1
                else:
                    self.tell(Direction.RECV, said.text)
            self.tell(Direction.TICK, conn="")

    def states(self) -> set[str]:
        return {sync.state.value for sync in self.books.books[self.venue].values()}


ADVANCED_MISTAKES = {
    "not json": ("{", "failure to subscribe"),
    "no method": ('{"channel":"level2"}', "failure to subscribe"),
    "unknown method": ('{"type":"ask","channel":"level2"}', "failure to subscribe"),
    # fixtures/coinbase/errors.json: "also returned for an unknown channel name"
    "unknown channel": ('{"type":"subscribe","channel":"level9"}', "authentication failure"),
    "needs a key": ('{"type":"subscribe","channel":"user"}', "authentication failure"),
}


@pytest.mark.parametrize("mistake", ADVANCED_MISTAKES)
def test_mistakes_are_answered_by_advanced(mistake: str) -> None:
    text, message = ADVANCED_MISTAKES[mistake]
    market = Market(plugins.coinbase)
    client = subscribed(plugins.coinbase, market, ())
    client.run(market, 0.1)
    client.send(text, market.at)
    (told,) = client.run(market, 0.1)
    assert json.loads(told) == {"type": "error", "message": message}
    assert client.events[-1] == Notice("error", message, ok=False)


def test_an_unknown_product_is_left_out_of_the_acknowledgement() -> None:
    """As github.com/ccxt/ccxt/issues/22157 saw it for a product that the client may not see."""
    market = Market(plugins.coinbase)
    client = subscribed(plugins.coinbase, market, ())
    client.run(market, 0.1)
    client.send({"type": "subscribe", "channel": "level2", "product_ids": ["XYZ-USD"]}, market.at)
    (told,) = client.run(market, 0.1)
    assert json.loads(told)["events"] == [{"subscriptions": {"heartbeats": ["heartbeats"]}}]


KEY_NEEDED = (
    "level2, level3, and full channels now require authentication. "
    "https://docs.cloud.coinbase.com/exchange/docs/websocket-auth"
)
EXCHANGE_MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    # github.com/thrasher-corp/gocryptotrader/pull/1421, bmoscon/cryptofeed/issues/990, danpaquin/coinbasepro-python/371
    "unknown product": ({"product_ids": ["XYZ-USD"], "channels": ["ticker"]}, "XYZ-USD is not a valid product"),
    "no product": ({"channels": [{"name": "ticker", "product_ids": []}]}, " is not a valid product"),
    "no channel": ({"product_ids": ["BTC-USD"]}, "No channels provided"),
    "no key": ({"product_ids": ["BTC-USD"], "channels": ["level2"]}, KEY_NEEDED),
}


@pytest.mark.parametrize("mistake", EXCHANGE_MISTAKES)
def test_mistakes_are_answered_by_exchange(mistake: str) -> None:
    told, reason = EXCHANGE_MISTAKES[mistake]
    market = Market(plugins.coinbase_exchange)
    client = subscribed(plugins.coinbase_exchange, market, ())
    client.run(market, 0.1)
    client.send({"type": "subscribe"} | told, market.at)
    (answer,) = client.run(market, 0.1)
    assert json.loads(answer) == {"type": "error", "message": "Failed to subscribe", "reason": reason}


@BOTH
def test_who_does_not_subscribe_is_disconnected_after_five_seconds(plugin: ExchangePlugin) -> None:
    assert plugin.sandbox is not None
    session = plugin.sandbox(Market(plugin).books).open("/", T)
    assert not isinstance(session, HttpResponse)
    assert list(session.publish(T + 5 * SECOND - 1)) == []
    (end,) = session.publish(T + 5 * SECOND)
    assert isinstance(end, HangUp)


@BOTH
def test_who_falls_behind_the_tape_is_disconnected(plugin: ExchangePlugin) -> None:
    market = Market(plugin)
    client = subscribed(plugin, market, (Channel.DEPTH,))
    client.run(market, 0.1)
    market.advance(market.at + 90 * SECOND)
    ended = [said for said in client.session.publish(market.at) if isinstance(said, HangUp)]
    assert len(ended) == 1


def test_a_usdc_product_answers_with_the_book_of_usd() -> None:
    """Page websocket-channels: other channels return the same data as the corresponding -USD products."""
    market = Market(plugins.coinbase)
    client = subscribed(plugins.coinbase, market, ())
    client.send({"type": "subscribe", "channel": "level2", "product_ids": ["BTC-USDC", "BTC-USD"]}, T)
    client.run(market, 0.5)
    assert set(client.syncs) == {"BTC-USD"}
    assert _book_kinds(client.texts).count("snapshot") == 1
    told = get(plugins.coinbase, market.books, "/api/v3/brokerage/market/product_book?product_id=BTC-USDC&limit=3")
    bids, _ = displayed(market.books["BTC-USD"])
    rows = json.loads(told.body)["pricebook"]["bids"]
    assert [(Decimal(row["price"]), Decimal(row["size"])) for row in rows] == bids[:3]


def get(plugin: ExchangePlugin, books: Mapping[str, Engine], url: str, **headers: str) -> HttpResponse:
    assert plugin.sandbox is not None
    return plugin.sandbox(books).answer(HttpRequest("GET", url, headers), T + 123_456_789)


def test_products_are_read_back_as_the_instruments_they_are() -> None:
    """With the fields of the answers recorded on 2026-09-30 (FastMM, advanced_product_btc_usd and product_btc_usd)."""
    market = Market(plugins.coinbase)
    answer = get(plugins.coinbase, market.books, "/api/v3/brokerage/market/products")
    usdc = plugins.coinbase.instruments.find("BTC-USDC")
    expected = {one.symbol: one for one in (*(book.instrument for book in market.books.values()), usdc)}
    assert {one.symbol: one for one in advanced_instruments(answer.body)} == expected
    products = {one["product_id"]: one for one in json.loads(answer.body)["products"]}
    assert products["BTC-USD"]["alias_to"] == ["BTC-USDC"]
    assert products["BTC-USDC"]["alias"] == "BTC-USD"
    one = get(plugins.coinbase, market.books, "/api/v3/brokerage/market/products/BTC-USD")
    assert json.loads(one.body) == products["BTC-USD"]
    market = Market(plugins.coinbase_exchange)
    answer = get(plugins.coinbase_exchange, market.books, "/products")
    assert {one.symbol for one in exchange_instruments(answer.body)} == set(SYMBOLS)
    assert list(exchange_instruments(answer.body)) == [book.instrument for book in market.books.values()]
    recorded = (
        "id base_currency quote_currency quote_increment base_increment display_name min_market_funds margin_enabled "
        "post_only limit_only cancel_only status status_message trading_disabled fx_stablecoin max_slippage_percentage "
        "auction_mode high_bid_limit_percentage"
    )
    assert list(json.loads(answer.body)[0]) == recorded.split()


@needs_recordings
def test_answers_have_the_fields_of_the_samples() -> None:
    market = Market(plugins.coinbase)
    market.advance(T + SECOND)
    samples = json.loads((RECORDINGS / "coinbase/rest_endpoints_jkorf.json").read_text())
    shown = 0
    for sample in samples:
        path, theirs = sample["path"].replace("ETH-USDT", "BTC-USD"), sample["response"]
        if sample["auth"] or path in ("/currencies", "/products/BTC-USD/book"):
            continue
        query = "?product_id=BTC-USD&limit=2" if path.endswith("product_book") else ""
        ours = json.loads(get(plugins.coinbase, market.books, path + query).body)
        missing = [name for name in _names(theirs) if name not in _names(ours) and "future" not in name]
        assert missing == [], path
        shown += 1
    assert shown == 6
    exchange = Market(plugins.coinbase_exchange)
    book = json.loads(get(plugins.coinbase_exchange, exchange.books, "/products/BTC-USD/book").body)
    assert shape(book["bids"]) == shape([["6247.58", "6.3578146", 2]])
    assert {"sequence", "bids", "asks", "time"} <= set(book)


def _names(value: Any, under: str = "") -> set[str]:
    if isinstance(value, dict):
        if under.endswith("rates"):
            return set()
        return {
            name for key, one in value.items() for name in (f"{under}.{key}", *_names(one, f"{under}.{key}"))
            if "fcm_trading_session_details." not in name
        }  # fmt: skip
    return {name for one in value for name in _names(one, under)} if isinstance(value, list) else set()


@BOTH
def test_the_clock_reads_the_server_time(plugin: ExchangePlugin) -> None:
    assert plugin.clock is not None
    asked = plugin.clock.request()
    path = asked.url.split(".com", 1)[1]
    answer = get(plugin, {}, path)
    assert plugin.clock.server_time(answer) == T + 123 * MILLISECOND
    with pytest.raises(RateLimited):
        plugin.clock.server_time(HttpResponse(429, b"{}"))
    with pytest.raises(VenueError):
        plugin.clock.server_time(HttpResponse(503, b""))
    for body in (b"", b"{}", b'{"epochMillis":"x","iso":"y"}', b'{"epochMillis":"99999999999999999999","iso":"-"}'):
        with pytest.raises(ProtocolError):
            plugin.clock.server_time(HttpResponse(200, body))


def test_the_clock_reads_recorded_answers() -> None:
    """Recorded 2026-09-30 (FastMM, advanced_time.json and server_time.json)."""
    advanced, exchange = plugins.coinbase.clock, plugins.coinbase_exchange.clock
    assert advanced is not None
    assert exchange is not None
    body = b'{"iso":"2026-09-30T02:37:29Z", "epochSeconds":"1790735849", "epochMillis":"1790735849298"}'
    assert advanced.server_time(HttpResponse(200, body)) == parse_at("2026-09-30T02:37:29.298Z")
    body = b'{"iso":"2026-09-30T02:03:44.122Z","epoch":1790733824.122}'
    assert exchange.server_time(HttpResponse(200, body)) == parse_at("2026-09-30T02:03:44.122Z")


TOO_MANY_CANDLES = "granularity too small for the requested time range. Count of aggregations requested exceeds 300"


@pytest.mark.parametrize(
    ("plugin", "url", "status", "body"),
    [
        (plugins.coinbase, "/nothing", 404, {"errors": [{"id": "not_found", "message": "Not found"}]}),
        (plugins.coinbase, "/api/v3/brokerage/market/products/XYZ-USD", 404, None),
        (plugins.coinbase, "/api/v3/brokerage/market/products/BTC-USD/candles?granularity=X", 400, None),
        (plugins.coinbase, "/api/v3/brokerage/market/products/BTC-USD/ticker?limit=x", 400, None),
        (plugins.coinbase, "/api/v3/brokerage/products", 401, None),
        (plugins.coinbase_exchange, "/nothing", 404, {"message": "NotFound"}),
        (plugins.coinbase_exchange, "/products/XYZ-USD/book", 404, {"message": "NotFound"}),
        (plugins.coinbase_exchange, "/products/BTC-USD/candles?granularity=61", 400, None),
        (
            plugins.coinbase_exchange,
            "/products/BTC-USD/candles?granularity=60&start=1000000&end=2000000",
            400,
            {"message": TOO_MANY_CANDLES},
        ),
    ],
)
def test_requests_that_cannot_be_answered(plugin: ExchangePlugin, url: str, status: int, body: object) -> None:
    answer = get(plugin, Market(plugin).books, url)
    assert answer.status == status
    assert body is None or json.loads(answer.body) == body


def test_a_key_opens_what_stands_outside_of_market() -> None:
    told = get(plugins.coinbase, Market(plugins.coinbase).books, "/api/v3/brokerage/products", Authorization="Bearer x")
    assert len(json.loads(told.body)["products"]) == 4


@pytest.mark.parametrize(
    ("plugin", "at_once"), [(plugins.coinbase, 10), (plugins.coinbase_exchange, 15)], ids=["advanced", "exchange"]
)
def test_too_many_requests_are_refused_until_the_bucket_fills(plugin: ExchangePlugin, at_once: int) -> None:
    """Page rest-api/rate-limits of Exchange: 10 a second, bursts up to 15, a lazily filled bucket."""
    assert plugin.sandbox is not None
    venue = plugin.sandbox({})
    path = HttpRequest("GET", "/time" if plugin is plugins.coinbase_exchange else "/api/v3/brokerage/time")
    assert [venue.answer(path, T).status for _ in range(at_once + 2)] == [200] * at_once + [429] * 2
    assert [venue.answer(path, T + 200 * MILLISECOND).status for _ in range(3)] == [200, 200, 429]


@BOTH
def test_too_many_connections_are_refused(plugin: ExchangePlugin) -> None:
    assert plugin.sandbox is not None
    venue = plugin.sandbox({})
    opened = [venue.open("/", T) for _ in range(25)]
    refused = [one for one in opened if isinstance(one, HttpResponse)]
    assert len(refused) == (17 if plugin is plugins.coinbase else 5)
    assert {one.status for one in refused} == {429}
    elsewhere = venue.open("/other", T)
    assert isinstance(elsewhere, HttpResponse)
    assert elsewhere.status == 404


def test_candles_are_those_of_the_trades() -> None:
    """Open, high, low, close and volume of each minute, computed here from the engine's own prints."""
    for plugin, url in (
        (
            plugins.coinbase,
            "/api/v3/brokerage/market/products/BTC-USD/candles?granularity=ONE_MINUTE&start=0&end=18000",
        ),
        (plugins.coinbase_exchange, "/products/BTC-USD/candles"),
    ):
        market = Market(plugin)
        assert plugin.sandbox is not None
        venue = plugin.sandbox(market.books)
        for n in range(1, 16):
            market.advance(T + n * 5 * SECOND)
            start = T // SECOND
            path = url.replace("start=0&end=18000", f"start={start}&end={start + 120}")
            answer = venue.answer(HttpRequest("GET", path), market.at)
        trades = [one for one in market.books["BTC-USD"].trades(0) if one.at >= T + 60 * SECOND]
        tick = Decimal("0.01")
        expected = [
            trades[0].price,
            max(one.price for one in trades),
            min(one.price for one in trades),
            trades[-1].price,
        ]
        told = json.loads(answer.body, parse_float=Decimal, parse_int=Decimal)
        row = told["candles"][0] if isinstance(told, dict) else dict(zip(ROW, told[0], strict=True))
        assert [Decimal(row[name]) for name in ("open", "high", "low", "close")] == [price * tick for price in expected]
        assert Decimal(row["volume"]) == sum(one.size for one in trades) * Decimal("0.00000001")
        assert int(row["start"]) == T // SECOND + 60
        assert len(told["candles"] if isinstance(told, dict) else told) == 2


def test_spark_lines_of_all_products_were_not_found() -> None:
    """`{"YYY-USD": [[1639472400, 4.26, 4.38, 4.35, 4.27], ...]}`: time, low, high, open, close, as ccxt quotes it; the
    same as the first columns of an hour's candle."""
    market = Market(plugins.coinbase_exchange)
    assert plugins.coinbase_exchange.sandbox is not None
    venue = plugins.coinbase_exchange.sandbox(market.books)
    for n in range(1, 4):
        market.advance(T + n * 5 * SECOND)
        told = [venue.answer(HttpRequest("GET", path), market.at).body for path in ("/products/spark-lines", HOURS)]
    lines, candles = (json.loads(one, parse_float=Decimal, parse_int=Decimal) for one in told)
    assert set(lines) == set(market.books)
    assert lines["BTC-USD"] and lines["BTC-USD"] == [row[:5] for row in candles]


HOURS = "/products/BTC-USD/candles?granularity=3600"
ROW = ("start", "low", "high", "open", "close", "volume")


def test_candles_and_batches_of_advanced_look_like_the_documented_ones() -> None:
    """Page websocket-channels (Candles, in the corpus); advanced-trade-asyncapi.json: a batch omits the best prices."""
    market = Market(plugins.coinbase)
    client = subscribed(plugins.coinbase, market, ())
    market.advance(T + SECOND)
    for channel in ("candles", "ticker_batch", "status"):
        client.send({"type": "subscribe", "channel": channel, "product_ids": ["BTC-USD"]}, market.at)
    frames = [json.loads(text) for text in client.run(market, 6)]
    found = {channel: [one for one in frames if one["channel"] == channel] for channel in map(kind_of, frames)}
    documented = json.loads((CORPUS / "candles.json").read_text())
    assert shape(found["candles"][0]["events"]) == shape(documented["events"])
    assert 5 <= len(found["candles"]) <= 8
    ticker = json.loads(RECORDED["ticker"])["events"][0]["tickers"][0]
    (told,) = found["ticker_batch"][-1]["events"][0]["tickers"]
    assert list(told) == [name for name in ticker if not name.startswith("best_")]
    assert len(found["ticker_batch"]) == 2
    assert [one["id"] for one in found["status"][0]["events"][0]["products"]] == ["BTC-USD"]


def test_status_of_exchange_tells_products_and_currencies() -> None:
    market = Market(plugins.coinbase_exchange)
    client = subscribed(plugins.coinbase_exchange, market, ())
    client.send({"type": "subscribe", "channels": [{"name": "status"}]}, T)
    frames = [json.loads(text) for text in client.run(market, 6)]
    told = [one for one in frames if one["type"] == "status"]
    assert len(told) >= 2
    assert [one["id"] for one in told[0]["products"]] == list(SYMBOLS)
    assert {one["id"] for one in told[0]["currencies"]} == {"BTC", "USD", "ETH", "USDT"}
    left = {"type": "unsubscribe", "channels": ["status", "heartbeat"]}
    client.send(left, market.at)
    (acknowledged,) = client.run(market, 6)
    assert json.loads(acknowledged) == {"type": "subscriptions", "channels": []}
