"""The unified record, as the product's users know it (design, section 3): digits as the venue wrote them."""

import json

import pytest

from cryptopipe.clock import MILLISECOND, format_at
from cryptopipe.market.market import Market
from cryptopipe.market.sync import BookSync
from cryptopipe.market.unified import unified_record
from cryptopipe.market.view import View
from cryptopipe.model.events import BookDelta, BookSnapshot
from cryptopipe.model.facts import Asset, Instrument, Kind, VenueId
from cryptopipe.model.stream import Proof, SyncRule, apply_always
from cryptopipe.registry import strategy
from cryptopipe.watching import Watcher, enough

pytestmark = pytest.mark.core

RULE = SyncRule(Proof.NONE, apply_always, apply_always, snapshot_by_request=False)
NOON = 1_767_268_800_000 * MILLISECOND


def book(venue: str, symbol: str, bids: str, asks: str, event_time: int, at: int, kind: Kind = Kind.SPOT) -> BookSync:
    sync = BookSync(Instrument(VenueId(venue), symbol, Asset("BTC"), Asset("USDT"), kind), RULE)
    sync.snapshot(BookSnapshot(symbol, bids.encode(), asks.encode(), 1, event_time), at)
    return sync


def test_two_venues_in_their_own_digits() -> None:
    one = book("alpha", "BTCUSDT", '[["59994.00","0.10761000"]]', '[["60000.10","1e1"]]', NOON + 5_000_000, NOON)
    other = book("beta", "btc-usdt", "[[59993.5,2.50]]", '[["60000","0.1"]]', NOON + 4_999_999, NOON + 7)
    assert unified_record([one, other]) == {
        "event_time": 1_767_268_800_005,
        "alpha": {
            "symbol": "BTCUSDT", "state": "live",
            "top_bid": "59994.00", "top_bid_quantity": "0.10761000", "top_ask": "60000.10", "top_ask_quantity": "10",
            "received_at": format_at(NOON),
        },
        "beta": {
            "symbol": "btc-usdt", "state": "live",
            "top_bid": "59993.5", "top_bid_quantity": "2.50", "top_ask": "60000", "top_ask_quantity": "0.1",
            "received_at": format_at(NOON + 7),
        },
    }  # fmt: skip


def test_the_event_time_is_the_newest_venues_or_its_arrival() -> None:
    silent = book("alpha", "B", '[["1","1"]]', '[["2","1"]]', 0, NOON + 3 * MILLISECOND)
    telling = book("beta", "B", '[["1","1"]]', '[["2","1"]]', NOON + 2 * MILLISECOND, NOON + 9 * MILLISECOND)
    assert unified_record([silent, telling])["event_time"] == NOON // MILLISECOND + 3
    assert unified_record([telling])["event_time"] == NOON // MILLISECOND + 2
    assert unified_record([])["event_time"] == 0


def test_an_empty_side_is_null_and_a_book_that_is_not_live_has_no_price() -> None:
    half = book("alpha", "B", '[["1","1"]]', "[]", NOON, NOON)
    record = unified_record([half])["alpha"]
    assert (record["top_ask"], record["top_ask_quantity"]) == (None, None)
    assert (record["top_bid"], record["top_bid_quantity"]) == ("1", "1")
    gone = book("alpha", "B", '[["1","1"]]', '[["2","1"]]', NOON, NOON)
    gone.close("connection closed")
    assert unified_record([gone]) == {"event_time": 0, "alpha": {"symbol": "B", "state": "dead"}}
    assert json.loads(json.dumps(unified_record([half, gone])))


def test_the_newest_delta_is_what_is_told() -> None:
    sync = book("alpha", "B", '[["1.0","1"]]', '[["2.00","1"]]', NOON, NOON)
    sync.delta(BookDelta("B", b"[]", b'[["1.9000","0.00000001"]]', 0, 2, 0, NOON + MILLISECOND), NOON + 5)
    record = unified_record([sync])
    assert (record["alpha"]["top_ask"], record["alpha"]["top_ask_quantity"]) == ("1.9000", "0.00000001")
    assert record["event_time"] == NOON // MILLISECOND + 1


def test_a_perpetual_is_not_in_the_record_of_its_spot() -> None:
    spot = book("alpha", "B", '[["1","1"]]', '[["2","1"]]', NOON, NOON)
    perpetual = book("beta", "B", '[["3","1"]]', '[["4","1"]]', NOON, NOON, Kind.LINEAR_PERPETUAL)
    market = Market({})
    market.books = {VenueId("alpha"): {"B": spot}, VenueId("beta"): {"B": perpetual}}
    plugin = strategy("arbitrage")
    watcher = Watcher(market, plugin.make(plugin.settings()), View(market, {}, enough, {}))
    assert set(watcher.unified(spot)) == {"instrument", "event_time", "alpha"}
    assert set(watcher.unified(perpetual)) == {"instrument", "event_time", "beta"}
    assert watcher.unified(spot)["instrument"] == "BTC/USDT"
