"""The user channel of Coinbase Exchange: documented frames, and the codec at the simulated venue.

Frames: docs.cdp.coinbase.com/exchange/websocket-feed/channels (read 2026-11-21 in a stored copy; marked DOCS), recorded
in production in 2021 as ccxt 4.5.90 quotes them (QUOTED) and in 2025-08 as github.com/c9s/bbgo keeps them (BBGO).
"""

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pytest
from conformance.coinbase_stage import EXCHANGE, SECOND, Socket, Stage, sign
from conformance.staging import STEP

from cryptopipe.api import (
    SANDBOX_CREDENTIALS,
    SANDBOX_OTHER,
    Credentials,
    FillReport,
    Lost,
    OrderReport,
    OrderState,
    ProtocolError,
    RateLimited,
    Side,
    StreamAuth,
    VenueError,
    parse_instant,
)
from cryptopipe.sandbox.faults import Fault
from cryptopipe_coinbase.metadata import CoinbaseInstruments

INSTRUMENTS = CoinbaseInstruments(EXCHANGE.venue)
USDC = INSTRUMENTS.find("BTC-USDC")
BTC = INSTRUMENTS.find("BTC-USD")
ETH = INSTRUMENTS.find("ETH-USDT")
OURS = "a317abb9-2b30-4370-ebfe-0deecb300180"
OURS_OF = {"profile_id": "774ee0ce-fdda-405f-aa8d-47189a14ba0a", "user_id": "54fc141576dcf32596000133"}

QUOTED: dict[str, dict[str, Any]] = {
    "received": {
        "type": "received", "side": "sell", "product_id": "BTC-USDC", "time": "2021-03-05T16:42:21.878177Z",
        "sequence": 5641953814, **OURS_OF, "order_id": "11838707-bf9c-4d65-8cec-b57c9a7cab42", "order_type": "limit",
        "size": "0.0001", "price": "50000", "client_oid": OURS,
    },
    "open": {
        "type": "open", "side": "sell", "product_id": "BTC-USDC", "time": "2021-03-05T16:42:21.878177Z",
        "sequence": 5641953815, **OURS_OF, "price": "50000", "order_id": "11838707-bf9c-4d65-8cec-b57c9a7cab42",
        "remaining_size": "0.0001",
    },
    "canceled": {
        "type": "done", "side": "sell", "product_id": "BTC-USDC", "time": "2021-03-05T16:43:00.000000Z",
        "sequence": 5641953999, **OURS_OF, "price": "50000", "order_id": "11838707-bf9c-4d65-8cec-b57c9a7cab42",
        "reason": "canceled", "remaining_size": "0.0001",
    },
    "match": {
        "type": "match", "side": "sell", "product_id": "BTC-USDC", "time": "2021-03-05T16:37:13.396107Z",
        "sequence": 5641897876, **OURS_OF, "trade_id": 5455505,
        "maker_order_id": "e5f5754d-70a3-4346-95a6-209bcb503629",
        "taker_order_id": "88bf7086-7b15-40ff-8b19-ab4e08516d69", "size": "0.00021019", "price": "47338.46",
        "taker_profile_id": OURS_OF["profile_id"], "taker_user_id": OURS_OF["user_id"], "taker_fee_rate": "0.005",
    },
    "filled": {
        "type": "done", "side": "buy", "product_id": "BTC-USDC", "time": "2021-03-05T16:37:13.396107Z",
        "sequence": 5641897877, **OURS_OF, "order_id": "88bf7086-7b15-40ff-8b19-ab4e08516d69", "reason": "filled",
    },
}  # fmt: skip
"""Of the cancellation only the fields are quoted; its time and sequence follow those before it."""
DOCS: dict[str, dict[str, Any]] = {
    "funds": {
        "type": "received", "time": "2014-11-09T08:19:27.028459Z", "product_id": "BTC-USD", "sequence": 12,
        "order_id": "dddec984-77a8-460a-b958-66f114b0de9b", "funds": "3000.234", "side": "buy", "order_type": "market",
    },
    "maker": {
        "type": "match", "trade_id": 10, "sequence": 50, "maker_order_id": "ac928c66-ca53-498f-9c13-a110027a60e8",
        "taker_order_id": "132fb6ae-456b-4654-b4e0-d681ac05cea1", "time": "2014-11-07T08:19:27.028459Z",
        "product_id": "BTC-USD", "size": "5.23512", "price": "400.23", "side": "sell",
        "maker_user_id": "5844eceecf7e803e259d0365", "user_id": "5844eceecf7e803e259d0365",
        "maker_profile_id": "765d1549-9660-4be2-97d4-fa2d65fa3352",
        "profile_id": "765d1549-9660-4be2-97d4-fa2d65fa3352", "maker_fee_rate": "0.001",
    },
}  # fmt: skip


def codec() -> Any:
    stream = EXCHANGE.private
    assert stream is not None
    one = stream.codec((USDC, BTC, ETH))
    one.connect(StreamAuth(), 0)
    return one


def told(one: Any, *frames: dict[str, Any]) -> list[Any]:
    return [report for frame in frames for report in one.decode(json.dumps(frame).encode(), 0)]


def test_an_order_is_told_from_its_beginning_to_its_cancellation() -> None:
    reports = told(codec(), QUOTED["received"], QUOTED["open"], QUOTED["canceled"])
    born, ended = parse_instant("2021-03-05T16:42:21.878177Z"), parse_instant("2021-03-05T16:43:00Z")
    order_id, size, price, none = QUOTED["open"]["order_id"], Decimal("0.0001"), Decimal(50000), Decimal(0)
    states = ((OrderState.OPEN, born), (OrderState.CANCELLED, ended))
    assert reports == [
        OrderReport(USDC, order_id, OURS, Side.SELL, state, size, price, none, None, updated_at=at)
        for state, at in states
    ]


def test_a_takers_match_is_of_the_other_side_and_has_no_fee() -> None:
    at = parse_instant("2021-03-05T16:37:13.396107Z")
    order = QUOTED["received"] | {
        "order_id": QUOTED["match"]["taker_order_id"], "side": "buy", "sequence": 5641897875, "size": "0.00021019",
        "order_type": "market",
    }  # fmt: skip
    del order["price"]
    _, fill, report = told(codec(), order, QUOTED["match"], QUOTED["filled"])
    price, size = Decimal("47338.46"), Decimal("0.00021019")
    assert fill == FillReport(USDC, "5455505", order["order_id"], OURS, Side.BUY, price, size, None, False, at)
    assert report == OrderReport(
        USDC, order["order_id"], OURS, Side.BUY, OrderState.FILLED, size, None, size, None, updated_at=at
    )


def test_a_makers_match_of_an_older_order_is_told_without_its_name() -> None:
    (fill,) = told(codec(), DOCS["maker"])
    at = parse_instant("2014-11-07T08:19:27.028459Z")
    assert fill == FillReport(
        BTC, "10", "ac928c66-ca53-498f-9c13-a110027a60e8", "", Side.SELL, Decimal("400.23"), Decimal("5.23512"), None,
        True, at,
    )  # fmt: skip


def test_an_order_by_funds_has_no_size() -> None:
    (report,) = told(codec(), DOCS["funds"])
    assert (report.size, report.price, report.client_id, report.state) == (None, None, "", OrderState.OPEN)


def _lost(reports: Iterable[Any]) -> list[str]:
    return [one.reason for one in reports if isinstance(one, Lost)]


def test_what_does_not_add_up_is_lost() -> None:
    end = QUOTED["canceled"] | {"reason": "filled", "remaining_size": "0"}
    reports = told(codec(), QUOTED["received"], end)
    assert _lost(reports) == [
        "order 11838707-bf9c-4d65-8cec-b57c9a7cab42 ended with 0.0001 filled, and its matches are 0"
    ]
    report = reports[1]
    assert (report.state, report.filled) == (OrderState.FILLED, Decimal("0.0001"))
    assert len(_lost(told(codec(), QUOTED["canceled"]))) == 1  # an end without a beginning
    late = QUOTED["match"] | {
        "maker_order_id": end["order_id"], "maker_user_id": "u", "taker_user_id": "", "sequence": 5641954000,
    }  # fmt: skip
    assert len(_lost(told(codec(), QUOTED["received"], QUOTED["canceled"], late))) == 1
    fallen = [QUOTED["open"], QUOTED["received"]]
    assert _lost(told(codec(), *fallen)) == ["BTC-USDC: 5641953814 after 5641953815"]
    nobody = QUOTED["match"] | {"taker_user_id": ""}
    assert len(_lost(told(codec(), nobody))) == 1


def test_what_is_told_twice_is_told_once() -> None:
    once = told(codec(), QUOTED["received"], QUOTED["open"], QUOTED["canceled"])
    one = codec()
    assert told(one, QUOTED["received"], QUOTED["received"], QUOTED["open"], QUOTED["canceled"]) == once
    assert told(one, QUOTED["received"], QUOTED["open"]) == []
    one.connect(StreamAuth(), 0)
    assert told(one, QUOTED["received"], QUOTED["canceled"]) == once  # another connection has forgotten


def test_a_change_by_self_trade_prevention_makes_the_order_smaller() -> None:
    """DOCS: `{"type":"change","reason":"STP",…,"new_size":"5.23512","old_size":"12.234412"}`."""
    change = QUOTED["open"] | {
        "type": "change", "reason": "STP", "sequence": 5641953816, "old_size": "0.0001", "new_size": "0.00004",
    }  # fmt: skip
    reports = told(codec(), QUOTED["received"], change)
    assert (reports[1].size, reports[1].state) == (Decimal("0.00004"), OrderState.OPEN)
    done = QUOTED["canceled"] | {"remaining_size": "0.00004"}
    assert _lost(told(codec(), QUOTED["received"], change, done)) == []


@pytest.mark.parametrize(
    ("frame", "error", "words"),
    [
        (b'{"type":"error","message":"authentication failure"}', VenueError, "authentication failure"),
        (b'{"type":"error","message":"Failed to subscribe","reason":"rate limit"}', RateLimited, "rate limit"),
        (b'{"type":"match"}', ProtocolError, "unreadable"),
        (b"<html>", ProtocolError, "unreadable"),
        (json.dumps(QUOTED["received"] | {"size": "much"}).encode(), ProtocolError, "unreadable"),
        (json.dumps(QUOTED["received"] | {"time": "today"}).encode(), ProtocolError, "unreadable"),
        (json.dumps(QUOTED["received"] | {"product_id": "?"}).encode(), ProtocolError, "product"),
    ],
)
def test_refusals_and_damage_are_errors(frame: bytes, error: type[Exception], words: str) -> None:
    """The first is a live frame of 2026-09 (fixtures/coinbase/errors.json)."""
    with pytest.raises(error, match=words):
        list(codec().decode(frame, 0))


class Listener:
    """The codec on a connection to the simulated venue."""

    def __init__(self, stage: Stage, keys: Credentials = SANDBOX_CREDENTIALS) -> None:
        stream = EXCHANGE.private
        assert stream is not None and stream.signer.good_for == 0
        assert stream.signer.request(keys, stage.now) is None
        self.stage, self.socket = stage, Socket(stage)
        self.codec = stream.codec((BTC,))
        connect = self.codec.connect(stream.signer.auth(keys, None, stage.now), stage.now)
        assert connect.url == "wss://ws-feed.exchange.coinbase.com" and keys.secret not in connect.frames[0]
        stage.house.receive(self.socket.conn, connect.frames[0], stage.now)
        assert self.hear() == []

    def hear(self, span: int = SECOND // 10) -> list[Any]:
        texts = self.socket.texts(span)
        return [one for text in texts for one in self.codec.decode(text.encode(), self.stage.now)]


def test_the_stream_tells_what_requests_tell() -> None:
    stage = Stage()
    mine, other = Listener(stage), Listener(stage, SANDBOX_OTHER)
    bid, ask = stage.best()
    name = "5f0c3a2e-8d41-4b7b-9c55-0d3b1c0f7a11"
    resting = stage.place(price=str(bid - 1000), client_oid=name)["id"]
    taken = stage.place(size="0.05")["id"]
    cut = stage.place(size="1.4", price=str(ask + 8), time_in_force="IOC")["id"]
    stage.call("DELETE", f"/orders/{resting}")
    reports = mine.hear()
    assert _lost(reports) == []
    fills = [one for one in reports if isinstance(one, FillReport)]
    asked = stage.call("GET", "/fills?product_id=BTC-USD")
    assert {(one.fill_id, one.order_id, one.price, one.size, one.maker) for one in fills} == {
        (str(one["trade_id"]), one["order_id"], Decimal(one["price"]), Decimal(one["size"]), one["liquidity"] == "M")
        for one in asked
    }
    ends = {one.order_id: one for one in reports if isinstance(one, OrderReport) and one.state is not OrderState.OPEN}
    assert [(ends[one].state, ends[one].client_id) for one in (resting, taken, cut)] == [
        (OrderState.CANCELLED, name), (OrderState.FILLED, ""), (OrderState.CANCELLED, ""),
    ]  # fmt: skip
    for one in (taken, cut):
        found = stage.call("GET", f"/orders/{one}")
        assert (ends[one].filled, ends[one].spent) == (Decimal(found["filled_size"]), None)
    assert 0 < ends[cut].filled < Decimal("1.4") and ends[cut].reason == "101:Time In Force"
    assert other.hear() == []


def test_a_resting_order_is_filled_by_the_market() -> None:
    """What happens to a maker is told when it happens, to every connection of the account alike."""
    stage = Stage()
    one, two = Listener(stage), Listener(stage)
    bid, _ = stage.best()
    order = stage.place(size="0.001", price=str(bid), post_only=True)["id"]
    mine: list[Any] = []
    theirs: list[Any] = []
    for _ in range(600):
        until = stage.now + SECOND // 10
        while stage.now < until:
            stage.world.advance(stage.now + STEP)
            for delivery in stage.house.step(stage.now):
                into, listener = (mine, one) if delivery.conn == one.socket.conn else (theirs, two)
                assert isinstance(delivery.what, str)
                into += listener.codec.decode(delivery.what.encode(), stage.now)
        if any(isinstance(each, OrderReport) and each.state is OrderState.FILLED for each in mine):
            break
    fills = [each for each in mine if isinstance(each, FillReport)]
    assert mine == theirs and _lost(mine) == []
    assert {(each.order_id, each.price, each.side, each.maker) for each in fills} == {(order, bid, Side.BUY, True)}
    assert sum(each.size for each in fills) == Decimal("0.001")


@pytest.mark.parametrize("kind", ["duplicate_event", "reorder_event", "duplicate", "reorder"])
def test_faults_of_events_give_the_truth_or_lost(kind: str) -> None:
    stage, plain = Stage(faults=(Fault(kind, at=3 * SECOND),)), Stage()
    heard = []
    for one in (stage, plain):
        listener = Listener(one)
        one.wait(2 * SECOND)
        one.place(size="0.05")
        heard.append(listener.hear(3 * SECOND))
    faulty, true = heard
    if kind.startswith("duplicate"):
        assert faulty == true
    else:
        assert _lost(faulty) or {repr(one) for one in faulty} == {repr(one) for one in true}


@pytest.mark.parametrize(
    ("keys", "late", "reason"),
    [
        (Credentials("another", SANDBOX_CREDENTIALS.secret, SANDBOX_CREDENTIALS.passphrase), 0, "Invalid API Key"),
        (Credentials(SANDBOX_CREDENTIALS.key, "c2VjcmV0", SANDBOX_CREDENTIALS.passphrase), 0, "invalid signature"),
        (Credentials(SANDBOX_CREDENTIALS.key, SANDBOX_CREDENTIALS.secret, "x"), 0, "Invalid Passphrase"),
        (SANDBOX_CREDENTIALS, 31 * SECOND, "request timestamp expired"),
    ],
)
def test_a_wrong_sign_in_is_refused(keys: Credentials, late: int, reason: str) -> None:
    stage = Stage()
    socket = Socket(stage)
    socket.subscribe([{"name": "user", "product_ids": ["BTC-USD"]}], keys, late)
    (text,) = socket.texts()
    with pytest.raises(VenueError, match=reason):
        list(codec().decode(text.encode(), 0))
    stage.place()
    assert socket.texts() == []


def test_without_a_signature_there_is_no_user_channel() -> None:
    stage = Stage()
    socket = Socket(stage)
    socket.subscribe([{"name": "user", "product_ids": ["BTC-USD"]}], None)
    (frame,) = socket.hear()
    assert frame["type"] == "error"


def test_balances_are_told_of_the_accounts_that_are_named() -> None:
    """DOCS, balance channel: `account_ids`; of others nothing."""
    stage = Stage()
    usd, eth = (next(one["id"] for one in stage.call("GET", "/accounts") if one["currency"] == name)
                for name in ("USD", "ETH"))  # fmt: skip
    socket = Socket(stage)
    socket.subscribe([{"name": "balance", "account_ids": [usd, "not-mine"]}])
    answer, first = socket.hear()
    assert answer["channels"][0]["account_ids"] == [usd] and eth not in str(answer)
    assert (first["type"], first["account_id"], first["currency"]) == ("balance", usd, "USD")
    stage.place(size="0.01")
    (news,) = socket.hear()
    balance, hold, available = stage.held("USD")
    assert (Decimal(news["available"]), Decimal(news["holds"])) == (available, hold) and balance == available
    assert Decimal(first["available"]) > available


def test_the_sign_in_is_the_documented_request() -> None:
    """The subscription signs `GET /users/self/verify` (page authentication)."""
    stream = EXCHANGE.private
    assert stream is not None
    at = 1_580_066_918_897_000_000
    message = json.loads(stream.codec((BTC,)).connect(stream.signer.auth(SANDBOX_CREDENTIALS, None, at), at).frames[0])
    assert message["channels"] == [{"name": "user", "product_ids": ["BTC-USD"]}]
    wanted = sign(SANDBOX_CREDENTIALS.secret, "1580066918.897", "GET", "/users/self/verify")
    assert (message["signature"], message["timestamp"]) == (wanted, "1580066918.897")
