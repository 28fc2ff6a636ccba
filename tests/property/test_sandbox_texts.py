"""No text and no request of a client breaks a simulated venue: it answers, it hangs up, or it says nothing."""

import json
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptopipe import registry
from cryptopipe.clock import MILLISECOND, SECOND, Nanos
from cryptopipe.model.facts import Asset, VenueId
from cryptopipe.model.stream import USUAL_CHANNELS, HttpRequest, HttpResponse, Subscription
from cryptopipe.sandbox.house import House
from cryptopipe.sandbox.parameters import Parameters
from cryptopipe.sandbox.world import World

T: Nanos = 1_800_000_000 * SECOND
ASSETS = frozenset(Asset(name) for name in ("BTC", "USDT", "USD"))
VENUES = sorted(name for name, plugin in registry.exchanges().items() if plugin.sandbox is not None)

KEYS = st.sampled_from(
    ["op", "method", "type", "event", "args", "params", "channel", "channels", "product_ids", "symbol", "pair",
     "subscription", "name", "depth", "id", "req_id", "reqid", "snapshot"]
)  # fmt: skip
WORDS = st.sampled_from(
    ["subscribe", "SUBSCRIBE", "unsubscribe", "ping", "BTCUSDT", "btcusdt@depth", "BTC/USD", "BTC-USD", "XBT/USD",
     "book", "level2", "ticker", "orderbook.50.BTCUSDT", "", "x"]
)  # fmt: skip
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(-(10**20), 10**20), WORDS, st.text(max_size=5))
DOCUMENTS = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=8
)
TEXTS = st.one_of(DOCUMENTS.map(json.dumps), st.text(st.characters(codec="utf-8"), max_size=20))


@cache
def world() -> World:
    plugins = {VenueId(name): registry.exchange(name) for name in VENUES}
    made = World(plugins, Parameters.load(), 1, T, ASSETS)
    made.advance(T + SECOND)
    return made


def house(name: str) -> House:
    return House(registry.exchange(name), world().books[VenueId(name)])


def wanted(name: str) -> list[str]:
    """What our own feed would send."""
    plugin = registry.exchange(name)
    subscriptions = [
        Subscription(book.instrument, c) for book in world().books[plugin.venue].values() for c in USUAL_CHANNELS
    ]
    return [text for part in plugin.split(subscriptions) for text in plugin.feed().connect(part, None, T).frames]


@pytest.mark.parametrize("name", VENUES)
def test_no_text_breaks_a_venue(name: str) -> None:
    known = wanted(name)

    @given(st.data())
    def law(data: st.DataObject) -> None:
        one = house(name)
        conn = one.dial(data.draw(st.sampled_from(sorted(one.endpoints.values()))), T + SECOND)
        assert isinstance(conn, int)
        for n in range(data.draw(st.integers(1, 4))):
            text = data.draw(st.sampled_from(known) | TEXTS if known else TEXTS)
            cut = data.draw(st.none() | st.integers(0, len(text)))
            one.receive(conn, text[:cut], T + SECOND + n * 50 * MILLISECOND)
            for delivery in one.step(T + SECOND + (n + 1) * 50 * MILLISECOND):
                assert delivery.conn == conn

    law()


@pytest.mark.parametrize("name", VENUES)
def test_no_path_and_no_query_breaks_a_venue(name: str) -> None:
    one = house(name)
    at = T + SECOND

    @given(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30))
    def law(path: str) -> None:
        opened = one.dial(f"/{path}", at)
        assert opened is not None
        if isinstance(opened, HttpResponse):
            assert 400 <= opened.status < 600
        reply = one.answer(HttpRequest("GET", f"/{path}"), at)
        assert reply is not None and 200 <= reply.response.status < 600

    law()
