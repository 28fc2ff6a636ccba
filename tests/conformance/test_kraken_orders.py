"""Single orders of Kraken: the codec against the simulated venue, checksums, tokens, limits, queues out of order."""

import json
import zlib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from orderflow import OrderFlow

import cryptopipe_kraken
from cryptopipe.api import (
    SANDBOX_CREDENTIALS,
    SANDBOX_TOKEN,
    USUAL_CHANNELS,
    BookDelta,
    BookSnapshot,
    Channel,
    Credentials,
    HttpRequest,
    HttpResponse,
    Nanos,
    Notice,
    OrdersDelta,
    OrdersSnapshot,
    ProtocolError,
    RateLimited,
    Resync,
    SandboxSession,
    SandboxVenue,
    Say,
    Side,
    StreamAuth,
    Subscription,
    VenueError,
    VenueUnavailable,
)
from cryptopipe.market.sync import BookState, BookSync
from cryptopipe.sandbox.engine import Engine
from cryptopipe_kraken.sandbox_orders import order_id
from cryptopipe_kraken.signer import signature

pytestmark = [pytest.mark.core]

PLUGIN = cryptopipe_kraken.kraken
CORPUS = Path(cryptopipe_kraken.__file__).parent / "frames"
MS, SECOND = 1_000_000, 1_000_000_000
INSTRUMENT = PLUGIN.instruments.find("BTC/USD")
(LEVEL3,) = (dialect for dialect in PLUGIN.dialects if dialect.channels)
assert PLUGIN.signer is not None and PLUGIN.sandbox is not None
SIGNER, SANDBOX = PLUGIN.signer, PLUGIN.sandbox
TOKEN = StreamAuth(token=SANDBOX_TOKEN)


def opened(sandbox: SandboxVenue, at: Nanos) -> SandboxSession:
    session = sandbox.open("/v2", at)
    assert not isinstance(session, HttpResponse)
    return session


class Client:
    """One connection of one codec, its book kept by the framework."""

    def __init__(self, sandbox: SandboxVenue, at: Nanos, channel: Channel) -> None:
        self.codec = (LEVEL3 if channel is Channel.ORDERS else PLUGIN).feed()
        self.sync = BookSync(INSTRUMENT, self.codec.rule)
        self.sync.open()
        self.session = opened(sandbox, at)
        self.connect = self.codec.connect([Subscription(INSTRUMENT, channel)], TOKEN, at)
        self.send(*self.connect.frames, at=at)
        self.told: list[Any] = []
        self.texts: list[str] = []
        self.resyncs: list[Resync] = []

    def send(self, *texts: str, at: Nanos) -> None:
        for text in texts:
            list(self.session.receive(text, at))

    def hear(self, at: Nanos) -> None:
        for one in self.session.publish(at):
            assert isinstance(one, Say)
            self.texts.append(one.text)
            for event in self.codec.decode(one.text.encode(), at):
                self.told.append(event)
                self.take(event, at)

    def take(self, event: Any, at: Nanos) -> None:
        outcome = None
        if isinstance(event, OrdersSnapshot | BookSnapshot):
            outcome = self.sync.snapshot(event, at)
        elif isinstance(event, OrdersDelta | BookDelta):
            outcome = self.sync.delta(event, at)
        self.resyncs += [outcome] if isinstance(outcome, Resync) else []


class Venue:
    """The simulated venue over a flow, with a client for levels and one for single orders."""

    def __init__(self, seed: int = 3) -> None:
        self.flow = OrderFlow(INSTRUMENT, seed, each_side=140, width=190)
        self.deepest = 0
        self.sandbox = SANDBOX({INSTRUMENT.symbol: self.flow.engine})
        self.orders = Client(self.sandbox, self.flow.at, Channel.ORDERS)
        self.levels = Client(self.sandbox, self.flow.at, Channel.DEPTH)
        while self.orders.sync.state is not BookState.LIVE or self.levels.sync.state is not BookState.LIVE:
            self.step()
        self.step()

    def step(self, count: int = 6) -> None:
        self.flow.step(10 * MS, count)
        for client in (self.orders, self.levels):
            client.hear(self.flow.at)

    def compare(self) -> None:
        """Ours of single orders, ours of levels, the engine's: levels of all three, and the queues."""
        assert (self.orders.sync.state, self.levels.sync.state) == (BookState.LIVE, BookState.LIVE)
        book, depth = self.orders.sync.orders, LEVEL3.feed().rule.depth
        for side in Side:
            is_bid = side is Side.BUY
            self.deepest = max(self.deepest, len(self.flow.levels(side)))
            found = list(book.levels(is_bid))
            assert found == list(self.levels.sync.book.levels(is_bid))[:depth] == self.flow.levels(side, depth)
            queues = [(price, size) for _, price, size in book.orders(is_bid)]
            assert queues == self.flow.queues(side)[: len(queues)]

    def changes(self) -> int:
        return sum(len(one.bids) + len(one.asks) for one in self.orders.told if isinstance(one, OrdersDelta))


def test_single_orders_add_up_to_the_levels_after_every_step_and_every_checksum_holds() -> None:
    """More levels than are subscribed to: some fall out of view and come back."""
    venue = Venue()
    while venue.changes() < 5_000:
        venue.step()
        venue.compare()
    assert venue.orders.resyncs == venue.levels.resyncs == []
    assert venue.deepest > 110
    deltas = [one for one in venue.orders.told if isinstance(one, OrdersDelta)]
    assert all(one.checksum for one in deltas) and len(deltas) > 2_000
    changes = {event.change.value for delta in deltas for event in (*delta.bids, *delta.asks)}
    assert changes == {"add", "set", "remove"}


@pytest.mark.slow
def test_single_orders_add_up_to_the_levels_over_a_hundred_thousand_changes() -> None:
    venue, count = Venue(seed=11), 0
    while count < 100_000:
        for _ in range(20):
            venue.step(12)
        venue.compare()
        count += venue.changes()
        for client in (venue.orders, venue.levels):
            client.told.clear()
            client.texts.clear()
    assert venue.orders.resyncs == []


def test_a_wrong_checksum_is_seen_and_the_same_connection_gives_a_new_book() -> None:
    venue = Venue()
    last = next(one for one in reversed(venue.orders.told) if isinstance(one, OrdersDelta))
    right = last.checksum or 0
    broken = OrdersDelta("BTC/USD", (), (), 0, last.version, 0, last.event_time, right ^ 1)
    venue.orders.take(broken, venue.flow.at)
    (resync,) = venue.orders.resyncs
    assert resync == Resync("BTC/USD", f"kraken:BTC/USD/orders: expected {right ^ 1}, computed {right}")
    assert venue.orders.sync.state is BookState.SUSPECT
    venue.orders.send(*venue.orders.connect.resubscribe["BTC/USD"], at=venue.flow.at)
    for _ in range(8):
        venue.step()
    venue.compare()


def test_the_documented_snapshot_has_its_checksum() -> None:
    """docs.kraken.com/exchange/guides/websockets/l3-checksum-v2, its example: 1063832831."""
    codec = LEVEL3.feed()
    for spoilt in (False, True):
        frame = (CORPUS / "level3_snapshot.json").read_bytes()
        if spoilt:  # two orders of one price change places: the levels are the same, the queue is not
            rows = json.loads(frame, parse_float=str)
            bids = rows["data"][0]["bids"]
            bids[0]["order_qty"], bids[1]["order_qty"] = bids[1]["order_qty"], bids[0]["order_qty"]
            frame = json.dumps(rows).encode()
        sync = BookSync(INSTRUMENT, codec.rule)
        (event,) = codec.decode(frame, 0)
        outcome = sync.snapshot(event, 1)  # type: ignore[arg-type]
        assert isinstance(outcome, Resync) is spoilt
    rows = json.loads((CORPUS / "level3_snapshot.json").read_bytes(), parse_float=str)["data"][0]
    texts = [one["limit_price"] + "|" + one["order_qty"] for one in rows["asks"] + rows["bids"]]
    digits = "".join(part.replace(".", "").lstrip("0") for text in texts for part in text.split("|"))
    assert zlib.crc32(digits.encode()) == rows["checksum"] == 1063832831


def test_the_documented_frames_follow_one_another() -> None:
    codec, at = LEVEL3.feed(), 1
    sync = BookSync(INSTRUMENT, codec.rule)
    for name in ("level3_snapshot", "level3_update_both"):
        (event,) = codec.decode((CORPUS / f"{name}.json").read_bytes(), at)
        outcome = (sync.snapshot if isinstance(event, OrdersSnapshot) else sync.delta)(event, at)  # type: ignore[arg-type]
        assert not isinstance(outcome, Resync)
    book = sync.orders
    assert book.orders(False, 1)[0] == ("OFVLAA-HRSSP-BK75KB", Decimal("44939.5"), Decimal("4.02308393"))
    assert book.ahead("OCRYPT-OPIPE-000001") == (0, Decimal(0))
    assert book.counts() == (11, 10)


def test_a_level_that_comes_into_view_keeps_its_queue() -> None:
    """Ten levels are seen, three orders wait at the eleventh, one of the ten goes: they are listed newest first."""
    engine = Engine(INSTRUMENT)
    at = 1_791_365_004_400 * MS
    firsts = [engine.limit(Side.BUY, 600_000 - price, 1_000 + price, at + price).order_id for price in range(10)]
    sandbox = SANDBOX({"BTC/USD": engine})
    session, codec = opened(sandbox, at), LEVEL3.feed()
    (asked,) = codec.connect([Subscription(INSTRUMENT, Channel.ORDERS)], TOKEN, at).frames
    list(session.receive(asked.replace('"depth":100', '"depth":10'), at))
    said(session, at + 100 * MS)
    later = at + SECOND
    for number in range(3):
        engine.limit(Side.BUY, 599_000, 5_000 + number, later + number)
    assert said(session, later + 10) == []
    engine.cancel(firsts[4], later + 20)
    (text,) = said(session, later + 30)
    rows = json.loads(text, parse_float=str)["data"][0]["bids"]
    assert [row["event"] for row in rows] == ["delete", "add", "add", "add"]
    assert [row["order_qty"] for row in rows[1:]] == ["0.00005002", "0.00005001", "0.00005000"]
    (delta,) = codec.decode(text.encode(), later)
    assert isinstance(delta, OrdersDelta)
    assert [(one.change.value, one.size) for one in delta.bids[1:]] == [
        ("add", "0.00005000"),
        ("add", "0.00005001"),
        ("add", "0.00005002"),
    ]


def test_what_falls_out_of_view_is_not_told_of() -> None:
    """A better level comes and the tenth is added to in one instant: the client cuts the tenth off by itself."""
    engine, at = Engine(INSTRUMENT), 1_791_365_004_400 * MS
    for price in range(10):
        engine.limit(Side.SELL, 600_000 + price, 1_000, at)
    session = opened(SANDBOX({"BTC/USD": engine}), at)
    (asked,) = LEVEL3.feed().connect([Subscription(INSTRUMENT, Channel.ORDERS)], TOKEN, at).frames
    list(session.receive(asked.replace('"depth":100', '"depth":10'), at))
    said(session, at + 100 * MS)
    engine.reduce(10, 400, at + SECOND)
    engine.limit(Side.SELL, 600_009, 2_000, at + SECOND)
    engine.limit(Side.SELL, 599_999, 3_000, at + SECOND)
    (text,) = said(session, at + SECOND + MS)
    told = json.loads(text, parse_float=str)["data"][0]
    assert [(one["event"], one["limit_price"]) for one in told["asks"]] == [("add", "59999.9")]


def test_who_was_away_longer_than_the_tape_reaches_gets_a_new_snapshot() -> None:
    venue = Venue()
    for _ in range(100):
        venue.flow.step(SECOND, 5)
    before = len(venue.orders.told)
    venue.orders.hear(venue.flow.at)
    (snapshot,) = [one for one in venue.orders.told[before:] if isinstance(one, OrdersSnapshot)]
    assert snapshot.checksum
    for _ in range(3):
        venue.levels.hear(venue.flow.at)
        venue.step()
        venue.compare()


def said(session: SandboxSession, at: Nanos) -> list[str]:
    return [one.text for one in session.publish(at) if isinstance(one, Say) and "heartbeat" not in one.text]


def test_the_signature_is_that_of_the_documentation() -> None:
    """docs.kraken.com/exchange/guides/rest/authentication, as open-source tests quote its example, 2026-11-21."""
    secret = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="
    body = "nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25"
    assert signature(secret, "/0/private/AddOrder", "1616492376594", body) == (
        "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ=="
    )


AT: Nanos = 1_791_365_004_404 * MS


def asked(sandbox: SandboxVenue, request: HttpRequest) -> HttpResponse:
    path = request.url.removeprefix("https://api.kraken.com")
    return sandbox.answer(HttpRequest(request.method, path, request.headers, request.body), AT)


def test_a_token_is_asked_for_and_placed_in_the_subscription() -> None:
    sandbox = SANDBOX({"BTC/USD": Engine(INSTRUMENT)})
    request = SIGNER.request(SANDBOX_CREDENTIALS, AT)
    assert request is not None
    assert (request.method, request.body) == ("POST", b"nonce=1791365004404")
    assert SANDBOX_CREDENTIALS.secret not in f"{request}"
    auth = SIGNER.auth(SANDBOX_CREDENTIALS, asked(sandbox, request), AT)
    assert auth.token == SANDBOX_TOKEN and SANDBOX_TOKEN not in repr(auth)
    connect = LEVEL3.feed().connect([Subscription(INSTRUMENT, channel) for channel in Channel], auth, AT)
    assert connect.url == "wss://ws-l3.kraken.com/v2"
    assert connect.frames == (
        '{"method":"subscribe","params":{"channel":"level3","depth":100,"symbol":["BTC/USD"],"token":"sandbox-token"}}',
    )
    again = SIGNER.request(SANDBOX_CREDENTIALS, AT + MS // 2)
    assert again is not None
    with pytest.raises(RateLimited, match=r"^kraken: no token: EAPI:Invalid nonce$"):  # the next one will be greater
        SIGNER.auth(SANDBOX_CREDENTIALS, asked(sandbox, again), AT)


WRONG: Mapping[str, tuple[Credentials, str]] = {
    "key": (Credentials("another", SANDBOX_CREDENTIALS.secret), "EAPI:Invalid key"),
    "secret": (Credentials(SANDBOX_CREDENTIALS.key, "c2VjcmV0"), "EAPI:Invalid signature"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_key_gets_the_venues_error(what: str) -> None:
    credentials, said = WRONG[what]
    request = SIGNER.request(credentials, AT)
    assert request is not None
    answer = asked(SANDBOX({"BTC/USD": Engine(INSTRUMENT)}), request)
    with pytest.raises(VenueError, match=rf"^kraken: no token: {said}$"):
        SIGNER.auth(credentials, answer, AT)


def test_what_is_no_token_is_told_by_its_kind_and_never_quoted() -> None:
    for status, body, kind in (
        (200, b'{"error":["EAPI:Rate limit exceeded"]}', RateLimited),
        (200, b'{"error":["EGeneral:Temporary lockout"]}', RateLimited),
        (200, b'{"error":["EService:Unavailable"]}', VenueUnavailable),
        (200, b'{"error":["EGeneral:Permission denied"]}', VenueError),
        (520, b"<html>", VenueUnavailable),
        (200, b'{"error":[],"result":{"tok":"secret-token"}}', ProtocolError),
        (200, b'{"error":[]}', ProtocolError),
    ):
        with pytest.raises(kind) as caught:
            SIGNER.auth(SANDBOX_CREDENTIALS, HttpResponse(status, body), AT)
        assert type(caught.value) is kind and "secret-token" not in str(caught.value)
    with pytest.raises(ProtocolError, match="no answer to the request for a token"):
        SIGNER.auth(SANDBOX_CREDENTIALS, None, AT)
    with pytest.raises(ProtocolError, match=r"^kraken: the secret is not base64$"):
        SIGNER.request(Credentials("key", "secret?"), AT)


@pytest.mark.parametrize(
    ("auth", "text"), [(None, "Token(s) not found"), (StreamAuth(token="old"), "ESession:Invalid session")]
)
def test_without_the_token_nothing_is_told(auth: StreamAuth | None, text: str) -> None:
    sandbox, codec = SANDBOX({"BTC/USD": Engine(INSTRUMENT)}), LEVEL3.feed()
    session = opened(sandbox, AT)
    (frame,) = codec.connect([Subscription(INSTRUMENT, Channel.ORDERS)], auth, AT).frames
    list(session.receive(frame, AT))
    _, answer = said(session, AT + 100 * MS)
    assert codec.decode(answer.encode(), AT) == (Notice("subscribe", text, ok=False),)


REFUSED: Mapping[str, tuple[object, str]] = {
    "no list": ({"symbol": "BTC/USD"}, "Malformed request"),
    "no text": ({"symbol": [["BTC/USD"]]}, "Malformed request"),
    "another depth": ({"symbol": ["BTC/USD"], "depth": 25}, "Subscription depth not supported"),
    "no depth": ({"symbol": ["BTC/USD"], "depth": [10]}, "Subscription depth not supported"),
    "another pair": ({"symbol": ["BTC/XYZ"]}, "Currency pair not supported BTC/XYZ"),
    "another token": ({"symbol": ["BTC/USD"], "token": ["x"]}, "ESession:Invalid session"),
}


@pytest.mark.parametrize("what", REFUSED)
@pytest.mark.parametrize("method", ["subscribe", "unsubscribe"])
def test_other_requests_are_refused(what: str, method: str) -> None:
    told, error = REFUSED[what]
    assert isinstance(told, dict)
    session = opened(SANDBOX({"BTC/USD": Engine(INSTRUMENT)}), AT)
    params = {"channel": "level3", "token": SANDBOX_TOKEN, **told}
    list(session.receive(json.dumps({"method": method, "params": params}), AT))
    _, answer = said(session, AT + 100 * MS)
    assert json.loads(answer)["error"] == error


@pytest.mark.parametrize(
    ("headers", "body"),
    [({"API-Sign": "\udc80"}, b"nonce=5"), ({}, None), ({"API-Sign": "é"}, b"nonce=\xff")],  # as a server hands it on
)
def test_a_strange_request_for_a_token_is_refused(headers: Mapping[str, str], body: bytes | None) -> None:
    request = HttpRequest("POST", "/0/private/GetWebSocketsToken", {"API-Key": "sandbox-key", **headers}, body)
    answer = SANDBOX({"BTC/USD": Engine(INSTRUMENT)}).answer(request, AT)
    assert json.loads(answer.body) == {"error": ["EAPI:Invalid signature"]}


def test_single_orders_are_parted_so_that_the_venue_grants_them() -> None:
    """Eight symbols of 100 levels are the 200 that a standard client has in a second; a ninth is refused."""
    listed = PLUGIN.instruments.listed()
    usual = [Subscription(one, channel) for one in listed for channel in USUAL_CHANNELS]
    orders = [Subscription(one, Channel.ORDERS) for one in listed]
    parts = PLUGIN.split([*orders, *usual])
    assert [len(part) for part in parts] == [len(usual), 8, len(orders) - 8]
    assert list(parts[0]) == usual and [*parts[1], *parts[2]] == orders
    assert SIGNER.channels == {Channel.ORDERS}

    sandbox = SANDBOX({one.symbol: Engine(one) for one in listed})
    for subscriptions, refused in ((parts[1], 0), (orders[:9], 1)):
        session, codec = opened(sandbox, AT + 10 * refused * SECOND), LEVEL3.feed()
        at = AT + 10 * refused * SECOND
        for text in codec.connect(subscriptions, TOKEN, at).frames:
            list(session.receive(text, at))
        events = [event for text in said(session, at + 100 * MS) for event in codec.decode(text.encode(), at)]
        notices = [event for event in events if isinstance(event, Notice) and event.kind == "subscribe"]
        assert [one.ok for one in notices] == [True] * 8 + [False] * refused
        assert sum(isinstance(event, OrdersSnapshot) for event in events) == 8


def test_the_ids_of_orders_are_as_the_venue_spells_them_and_differ() -> None:
    ids = [order_id(number) for number in range(1, 20_000)]
    assert len(set(ids)) == len(ids)
    assert all(len(one) == 19 and one[0] == "O" and one[6] == one[12] == "-" for one in ids)
