"""Single orders of Coinbase Exchange: the codec against the simulated venue, its book, its signature, its refusals."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from orderflow import OrderFlow

from cryptopipe.api import (
    SANDBOX_CREDENTIALS,
    USUAL_CHANNELS,
    BookDelta,
    BookSnapshot,
    Channel,
    Credentials,
    HangUp,
    HttpRequest,
    HttpResponse,
    Link,
    Nanos,
    Notice,
    OrdersDelta,
    OrdersSnapshot,
    ProtocolError,
    Resync,
    SandboxSession,
    Say,
    Side,
    StreamAuth,
    Subscription,
)
from cryptopipe.market.sync import BookState, BookSync
from cryptopipe_coinbase import coinbase_exchange
from cryptopipe_coinbase.feed_orders import link
from cryptopipe_coinbase.signer import signature

pytestmark = [pytest.mark.core]

PLUGIN = coinbase_exchange
MS = 1_000_000
INSTRUMENT = PLUGIN.instruments.find("BTC-USD")
(FULL,) = (dialect for dialect in PLUGIN.dialects if dialect.channels)
assert PLUGIN.signer is not None and FULL.snapshots is not None
SIGNER, BOOKS = PLUGIN.signer, FULL.snapshots


def auth_of(at: Nanos, credentials: Credentials = SANDBOX_CREDENTIALS) -> StreamAuth:
    return SIGNER.auth(credentials, None, at)


class Venue:
    """The simulated venue over a flow; a connection for levels and one for single orders, each kept as a book."""

    def __init__(self, seed: int = 3) -> None:
        assert PLUGIN.sandbox is not None
        self.flow = OrderFlow(INSTRUMENT, seed)
        self.sandbox = PLUGIN.sandbox({INSTRUMENT.symbol: self.flow.engine})
        self.codec, self.levels_codec = FULL.feed(), PLUGIN.feed()
        self.sync, self.levels = BookSync(INSTRUMENT, self.codec.rule), BookSync(INSTRUMENT, self.levels_codec.rule)
        for sync in (self.sync, self.levels):
            sync.open()
        self.session, self.levels_session = self.open(), self.open()
        wanted = [Subscription(INSTRUMENT, Channel.ORDERS)]
        for text in self.codec.connect(wanted, auth_of(self.flow.at), self.flow.at).frames:
            self.session.receive(text, self.flow.at)
        usual = [Subscription(INSTRUMENT, Channel.DEPTH)]
        for text in self.levels_codec.connect(usual, None, self.flow.at).frames:
            self.levels_session.receive(text, self.flow.at)
        self.events = self.changes = 0
        self.resyncs: list[Resync] = []
        self.told: list[Any] = []

    def open(self) -> SandboxSession:
        session = self.sandbox.open("/", self.flow.at)
        assert not isinstance(session, HttpResponse)
        return session

    def step(self, count: int = 25) -> None:
        """Fifty milliseconds, after which both connections have told everything."""
        self.flow.step(50 * MS, count)
        for one in self.session.publish(self.flow.at):
            assert isinstance(one, Say)
            self.told += self.codec.decode(one.text.encode(), self.flow.at)
            self.take(self.told[-1])
        self.follow_levels()

    def follow_levels(self) -> None:
        for one in self.levels_session.publish(self.flow.at):
            assert isinstance(one, Say)
            for event in self.levels_codec.decode(one.text.encode(), self.flow.at):
                if isinstance(event, BookSnapshot):
                    self.levels.snapshot(event, self.flow.at)
                elif isinstance(event, BookDelta):
                    assert not isinstance(self.levels.delta(event, self.flow.at), Resync)

    def take(self, event: Any) -> None:
        if isinstance(event, OrdersDelta):
            self.events += 1
            self.changes += len(event.bids) + len(event.asks)
            outcome = self.sync.delta(event, self.flow.at)
            self.resyncs += [outcome] if isinstance(outcome, Resync) else []

    def fetch(self) -> OrdersSnapshot:
        request = BOOKS.request(INSTRUMENT)
        path = request.url.removeprefix("https://api.exchange.coinbase.com")
        answer = self.sandbox.answer(HttpRequest(request.method, path), self.flow.at)
        assert BOOKS.symbol_of(request.url) == "BTC-USD"
        snapshot = BOOKS.snapshot("BTC-USD", answer, self.flow.at)
        assert isinstance(snapshot, OrdersSnapshot)
        return snapshot

    def live(self) -> "Venue":
        self.step()
        self.step()
        assert not isinstance(self.sync.snapshot(self.fetch(), self.flow.at), Resync)
        return self

    def compare(self) -> None:
        """Ours of single orders, ours of levels, the engine's: levels of all three, and the queues."""
        assert (self.sync.state, self.levels.state) == (BookState.LIVE, BookState.LIVE)
        for side in Side:
            is_bid = side is Side.BUY
            aggregated = list(self.sync.orders.levels(is_bid))
            assert aggregated == list(self.levels.book.levels(is_bid)) == self.flow.levels(side)
            assert [(price, size) for _, price, size in self.sync.orders.orders(is_bid)] == self.flow.queues(side)


def test_single_orders_add_up_to_the_levels_after_every_step() -> None:
    venue = Venue().live()
    while venue.changes < 5_000:
        venue.step()
        venue.compare()
    assert venue.resyncs == []


@pytest.mark.slow
def test_single_orders_add_up_to_the_levels_over_a_hundred_thousand_changes() -> None:
    venue = Venue(seed=11).live()
    while venue.changes < 100_000:
        for _ in range(10):
            venue.step(60)
        venue.compare()
    assert venue.resyncs == []
    assert venue.flow.acts > 50_000


def test_every_message_moves_the_version_by_one_also_such_as_change_no_order() -> None:
    venue = Venue().live()
    for _ in range(20):
        venue.step()
    deltas = [event for event in venue.told if isinstance(event, OrdersDelta)]
    assert [delta.version for delta in deltas] == list(range(deltas[0].version, deltas[0].version + len(deltas)))
    assert sum(not delta.bids and not delta.asks for delta in deltas) > 100
    changes = {event.change.value for delta in deltas for event in (*delta.bids, *delta.asks)}
    assert changes == {"add", "set", "reduce", "remove"}


def test_a_lost_message_is_a_gap_and_a_new_book_mends_it() -> None:
    venue = Venue().live()
    (lost, *rest) = _news(venue)
    assert not isinstance(lost, Notice)
    for event in rest:
        venue.take(event)
    version = lost.version
    (resync,) = venue.resyncs
    assert resync.reason == f"sequence gap on coinbase_exchange:BTC-USD/orders: expected {version}, got {version + 1}"
    assert venue.sync.state is BookState.SYNCING
    venue.step()
    venue.sync.snapshot(venue.fetch(), venue.flow.at)
    venue.step()
    venue.compare()


def _news(venue: Venue) -> list[Any]:
    venue.flow.step(50 * MS, 10)
    texts = [one.text for one in venue.session.publish(venue.flow.at) if isinstance(one, Say)]
    events = [event for text in texts for event in venue.codec.decode(text.encode(), venue.flow.at)]
    venue.follow_levels()
    return [event for event in events if isinstance(event, OrdersDelta)]


def test_a_book_older_than_the_stream_is_asked_for_again() -> None:
    venue = Venue()
    old = venue.fetch()
    venue.step()
    venue.flow.step(50 * MS, 20)
    venue.step()
    first = next(event for event in venue.told if isinstance(event, OrdersDelta))
    skipped = msgspec.structs.replace(old, version=first.version - 2)
    outcome = venue.sync.snapshot(skipped, venue.flow.at)
    assert isinstance(outcome, Resync)
    assert outcome.reason == (
        f"snapshot {first.version - 2} of coinbase_exchange:BTC-USD/orders is older than the stream's {first.version}"
    )
    assert not isinstance(venue.sync.snapshot(venue.fetch(), venue.flow.at), Resync)
    venue.compare()


def test_the_link_counts_one_by_one() -> None:
    """Page overview: "exactly one sequence number greater than the one before it"."""
    delta = OrdersDelta("BTC-USD", (), (), 11, 11, 0, 0)
    assert [link(last, delta) for last in (9, 10, 11, 12)] == [Link.GAP, Link.APPLY, Link.SKIP, Link.SKIP]


def test_a_change_counts_once_the_order_rests() -> None:
    """Between received and open it is of no book; afterwards it is of one that rests (page channels, Change)."""
    frame = (
        '{"type":"%s","time":"2014-11-07T08:19:27.028459Z","product_id":"BTC-USD","sequence":%d,"order_id":"a",'
        '"side":"buy","price":"502.1","size":"3","remaining_size":"2","old_size":"3","new_size":"%s"}'
    )
    codec, told = FULL.feed(), []
    for number, (kind, size) in enumerate([("received", ""), ("change", "2"), ("open", ""), ("change", "1")]):
        (event,) = codec.decode((frame % (kind, number, size)).encode(), 0)
        assert isinstance(event, OrdersDelta)
        told.append([(one.change.value, one.size) for one in event.bids])
    assert told == [[], [], [("add", "2")], [("set", "1")]]


def test_who_was_away_longer_than_the_tape_reaches_is_disconnected_and_the_sequence_goes_on() -> None:
    venue = Venue().live()
    before = venue.fetch().version
    for _ in range(100):
        venue.flow.step(1_000 * MS, 5)
    assert any(isinstance(one, HangUp) for one in venue.session.publish(venue.flow.at))
    assert venue.fetch().version > before + 200


def test_the_signature_is_that_of_a_published_vector() -> None:
    """github.com/bennycode/coinbase-pro-node, src/auth/RequestSigner.test.ts, looked up 2026-11-21."""
    secret = "kv+3DPw2yHWQWkDsmpN4uXWtgtuBrFFLu7zRk9gipjdrFpUjwZ0mK6KzGAPFpxOjDLdna20xozy+9fqRU5zJZQ=="
    signed = signature(secret, "1580066918.897", "GET", "/fills?product_id=BTC-EUR")
    assert signed == "qGB3X7LOAhNXPpRqV73F08sMU1hKuX+s7vQypcEErV8="


def test_the_subscription_carries_the_signature_and_never_the_secret() -> None:
    auth = auth_of(1_580_066_918_897 * MS)
    wanted = [Subscription(INSTRUMENT, channel) for channel in Channel]
    (frame,) = FULL.feed().connect(wanted, auth, 0).frames
    told = json.loads(frame)
    assert told == {
        "type": "subscribe",
        "channels": [
            {"name": "full", "product_ids": ["BTC-USD"]},
            {"name": "heartbeat", "product_ids": ["BTC-USD"]},
        ],
        "key": "sandbox-key",
        "passphrase": "sandbox-passphrase",
        "timestamp": "1580066918.897",
        "signature": signature(SANDBOX_CREDENTIALS.secret, "1580066918.897", "GET", "/users/self/verify"),
    }
    assert SIGNER.request(SANDBOX_CREDENTIALS, 0) is None
    assert SANDBOX_CREDENTIALS.secret not in frame + repr(auth)
    with pytest.raises(ProtocolError, match=r"^coinbase_exchange: the secret is not base64$"):
        auth_of(0, Credentials("key", "secret?", ""))


def test_only_single_orders_need_a_key_and_a_connection_of_their_own() -> None:
    assert SIGNER.channels == FULL.channels == {Channel.ORDERS}
    find = PLUGIN.instruments.find
    usual = [Subscription(find(symbol), channel) for symbol in ("BTC-USD", "ETH-USD") for channel in USUAL_CHANNELS]
    orders = [Subscription(find(symbol), Channel.ORDERS) for symbol in ("BTC-USD", "ETH-USD")]
    assert PLUGIN.split([*orders, *usual]) == [usual, orders]
    assert PLUGIN.split(usual) == [usual]
    assert PLUGIN.split([]) == []


WRONG: Mapping[str, tuple[Credentials, Nanos, str]] = {
    "key": (Credentials("another", SANDBOX_CREDENTIALS.secret, SANDBOX_CREDENTIALS.passphrase), 0, "Invalid API Key"),
    "passphrase": (Credentials(SANDBOX_CREDENTIALS.key, SANDBOX_CREDENTIALS.secret, "x"), 0, "Invalid Passphrase"),
    "secret": (
        Credentials(SANDBOX_CREDENTIALS.key, "c2VjcmV0", SANDBOX_CREDENTIALS.passphrase),
        0,
        "invalid signature",
    ),
    "time": (SANDBOX_CREDENTIALS, -31_000 * MS, "request timestamp expired"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_signature_gets_the_venues_error(what: str) -> None:
    credentials, shift, reason = WRONG[what]
    venue = Venue()
    session, codec, at = venue.open(), FULL.feed(), venue.flow.at
    auth = auth_of(at + shift, credentials)
    (frame,) = codec.connect([Subscription(INSTRUMENT, Channel.ORDERS)], auth, at).frames
    session.receive(frame, at)
    (answer,) = session.publish(at + 100 * MS)
    assert isinstance(answer, Say)
    (event,) = codec.decode(answer.text.encode(), at)
    assert event == Notice("error", f'Authentication Failed: {{"message":"{reason}"}}', ok=False)
    assert list(session.publish(at + 200 * MS)) == []


@pytest.mark.parametrize("timestamp", ["1e999", "[1]", "null", '"NaN"', '"sNaN"', '"1e5"', '"\\ud800"', '""'])
def test_a_strange_timestamp_is_refused(timestamp: str) -> None:
    venue = Venue()
    session = venue.open()
    fields = '"key":"sandbox-key","passphrase":"sandbox-passphrase","signature":"\u00e9"'
    session.receive(
        f'{{"type":"subscribe","channels":["full"],"product_ids":["BTC-USD"],{fields},"timestamp":{timestamp}}}',
        venue.flow.at,
    )
    (answer,) = session.publish(venue.flow.at + 100 * MS)
    assert isinstance(answer, Say) and json.loads(answer.text)["type"] == "error"


def test_without_a_signature_the_venue_says_what_is_missing() -> None:
    venue = Venue()
    session, codec, at = venue.open(), FULL.feed(), venue.flow.at
    (frame,) = codec.connect([Subscription(INSTRUMENT, Channel.ORDERS)], None, at).frames
    session.receive(frame, at)
    (answer,) = session.publish(at + 100 * MS)
    assert isinstance(answer, Say)
    (event,) = codec.decode(answer.text.encode(), at)
    assert isinstance(event, Notice) and not event.ok and "now require authentication" in event.text


def test_two_clients_get_one_text_and_a_late_one_joins_by_the_book() -> None:
    venue = Venue().live()
    other = venue.open()
    (frame,) = (
        FULL.feed().connect([Subscription(INSTRUMENT, Channel.ORDERS)], auth_of(venue.flow.at), venue.flow.at).frames
    )
    other.receive(frame, venue.flow.at)
    venue.step()
    list(other.publish(venue.flow.at))
    venue.flow.step(50 * MS, 20)
    mine, theirs = (list(each.publish(venue.flow.at)) for each in (venue.session, other))
    mine_texts = [one.text for one in mine if isinstance(one, Say) and "heartbeat" not in one.text]
    their_texts = [one.text for one in theirs if isinstance(one, Say) and "heartbeat" not in one.text]
    assert mine_texts == their_texts != []
    assert all(a is b for a, b in zip(mine_texts, their_texts, strict=True))


def test_the_levels_of_the_book_are_answered_as_one_state() -> None:
    """Level 3 with one row an order; level 2 adds them up (get-product-book)."""
    venue = Venue().live()
    book = venue.fetch()
    second = venue.sandbox.answer(HttpRequest("GET", "/products/BTC-USD/book?level=2"), venue.flow.at)
    for name, raw in (("bids", book.bids), ("asks", book.asks)):
        sums: dict[str, Decimal] = {}
        for price, size, _ in json.loads(bytes(raw)):
            sums[price] = sums.get(price, Decimal(0)) + Decimal(size)
        assert sums == {price: Decimal(size) for price, size, _ in json.loads(second.body)[name]}
    ids = [row[2] for raw in (book.bids, book.asks) for row in json.loads(bytes(raw))]
    assert len(set(ids)) == len(ids) > 100
    assert ids == [one for is_bid in (True, False) for one, _, _ in venue.sync.orders.orders(is_bid)]


@pytest.mark.parametrize(
    "told",
    [
        '"type":"open","order_id":"%s","price":"200.2","remaining_size":"1.00"',
        '"type":"done","order_id":"%s","reason":"canceled"',
        '"type":"match","maker_order_id":"%s","taker_order_id":"132fb6ae","size":"1.00","price":"200.2"',
        '"type":"change","order_id":"%s","new_size":"1.00","old_size":"2.00","price":"200.2"',
    ],
)
def test_an_order_with_a_damaged_id_is_no_order(told: str) -> None:
    """An order that is opened under a wrong id would stay when its own is done."""
    rest = '"time":"2014-11-07T08:19:27.028459Z","product_id":"BTC-USD","sequence":10,"side":"sell"}'
    (delta,) = FULL.feed().decode(("{" + told % "d50ec984-77a8-460a-b958-66f114b0de9b" + "," + rest).encode(), 0)
    assert isinstance(delta, OrdersDelta) and delta.asks
    with pytest.raises(ProtocolError, match="not an order's id: 'd50ec984-77a8-460a-b958-66f114b0de9\ufffd'"):
        FULL.feed().decode(("{" + told % "d50ec984-77a8-460a-b958-66f114b0de9\ufffd" + "," + rest).encode(), 0)
