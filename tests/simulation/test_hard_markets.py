"""Every simulated venue on markets that quiet days do not show: a price of 74 hundred-millionths, one side, no side.

Enters: orders by hand. Leaves: books that equal the engine's after each step. Never: a receipt later than its event:
the clock of this side stands still, which is the worst offset there is.
"""

from collections.abc import Iterable
from decimal import Decimal
from operator import itemgetter

import pytest
from msgspec.structs import replace

from cryptopipe import registry
from cryptopipe.api import (
    SANDBOX_CREDENTIALS,
    USUAL_CHANNELS,
    Channel,
    ExchangePlugin,
    HttpResponse,
    Instrument,
    Nanos,
    Outgoing,
    Say,
    Side,
    Subscription,
)
from cryptopipe.sandbox.engine import Engine
from cryptopipe.testing.books import Player
from cryptopipe.testing.corpus import AT, snapshots_of
from cryptopipe.testing.streams import Arrival, Stream, path_of, token_of_sandbox

pytestmark = pytest.mark.core

STEP: Nanos = 25_000_000
STEPS = 80
TICK = Decimal("0.00000001")
SIMULATED = [
    one.plugin for one in registry.all_plugins() if isinstance(one.plugin, ExchangePlugin) and one.plugin.sandbox
]
WAYS = [(plugin, "", USUAL_CHANNELS) for plugin in SIMULATED] + [
    (plugin, dialect.name, (Channel.ORDERS,))
    for plugin in SIMULATED
    for dialect in plugin.dialects
    if Channel.ORDERS in dialect.channels
]


def cheap(plugin: ExchangePlugin) -> Instrument:
    """One of its instruments, priced as the cheapest coins are."""
    found = next(one for one in plugin.instruments.listed() if one.rules is not None)
    assert found.rules is not None
    return replace(found, rules=replace(found.rules, tick=TICK))


class Follower:
    """One connection to the simulated venue, and the book that comes of it."""

    def __init__(self, plugin: ExchangePlugin, dialect: str, channels: tuple[Channel, ...]) -> None:
        self.at = AT
        self.engine = Engine(cheap(plugin))
        instrument = self.engine.instrument
        assert plugin.sandbox is not None
        self.venue = plugin.sandbox({instrument.symbol: self.engine})
        self.player = Player(plugin, Stream(instrument, (), dialect))
        self.snapshots = snapshots_of(plugin, dialect) if self.player.codec.rule.snapshot_by_request else None
        self.due: list[tuple[Nanos, str]] = []
        wanted = [Subscription(instrument, channel) for channel in channels]
        signer, auth = plugin.signer, None
        if signer is not None and signer.channels & set(channels):
            auth = signer.auth(SANDBOX_CREDENTIALS, token_of_sandbox(plugin, signer, self.venue, AT), AT)
        connect = self.player.codec.connect(plugin.split(wanted)[0], auth, AT)
        session = self.venue.open(path_of(connect.url), AT)
        assert not isinstance(session, HttpResponse), session
        self.session = session
        for text in connect.frames:
            self.say(text)

    def say(self, text: str) -> None:
        self.hear(self.session.receive(text, self.at))

    def hear(self, said: Iterable[Outgoing]) -> None:
        self.due += [(self.at + one.after, one.text) for one in said if isinstance(one, Say)]
        self.due.sort(key=itemgetter(0))

    def settle(self) -> None:
        """Until the venue has told everything; a book that is lost asks for its snapshot."""
        for _ in range(STEPS):
            self.at += STEP
            self.hear(self.session.publish(self.at))
            while self.due and self.due[0][0] <= self.at:
                self.player.play(Arrival(self.due.pop(0)[1].encode()))
        if self.snapshots is not None and not self.player.live:  # the stream has begun, so its answer can be joined
            request = self.snapshots.request(self.engine.instrument)
            answer = self.venue.answer(replace(request, url=path_of(request.url)), self.at)
            self.player.play(Arrival(answer.body, self.engine.instrument.symbol))

    def check(self, bids: int, asks: int) -> None:
        """The book is live, is the engine's, and has this many levels on its sides."""
        rules = self.engine.instrument.rules
        assert rules is not None
        expected = tuple(
            [(price * rules.tick, size * rules.step) for price, size in self.engine.levels(side, 100)] for side in Side
        )
        assert self.player.noticed == ""
        assert self.player.book() == expected
        assert self.player.live
        assert self.player.sync.book.counts() == (bids, asks)
        top = self.player.sync.book.top
        assert top is not None or not (bids or asks)
        assert top is None or (top.bid is not None, top.ask is not None) == (bids > 0, asks > 0)


@pytest.mark.parametrize(("plugin", "dialect", "channels"), WAYS, ids=lambda one: getattr(one, "venue", None))
def test_a_cheap_market_loses_a_side_and_both_and_comes_back(
    plugin: ExchangePlugin, dialect: str, channels: tuple[Channel, ...]
) -> None:
    follower = Follower(plugin, dialect, channels)
    engine = follower.engine

    def rest(side: Side, *prices: int) -> list[int]:
        return [engine.limit(side, price, 3_000_000 + price, follower.at).order_id for price in prices]

    follower.settle()
    bids, asks = rest(Side.BUY, 74, 73), rest(Side.SELL, 76, 77, 90)
    follower.settle()
    follower.player.noticed = ""  # where nobody knows what came before the first change, a snapshot is asked for again
    follower.check(2, 3)
    top = follower.player.sync.book.top
    assert top is not None
    assert (top.bid, top.ask) == (Decimal("0.00000074"), Decimal("0.00000076"))
    for order in asks:
        engine.cancel(order, follower.at)
    follower.settle()
    follower.check(2, 0)
    for order in bids:
        engine.cancel(order, follower.at)
    follower.settle()
    follower.check(0, 0)
    rest(Side.SELL, 75)
    follower.settle()
    follower.check(0, 1)
    rest(Side.BUY, 1, 2)
    follower.settle()
    follower.check(2, 1)
    engine.take(Side.BUY, 3_000_075, follower.at)
    follower.settle()
    follower.check(2, 0)
