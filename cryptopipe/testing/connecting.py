"""Check 9: what a codec asks a venue for.

Enters: a plugin and its instruments. Leaves: nothing, or a subscription that is lost, doubled or the same as another's.
Never: a connection.
"""

from collections.abc import Sequence

from cryptopipe.api import Channel, Connect, ExchangePlugin, FeedCodec, Instrument, Subscription
from cryptopipe.testing.checks import require
from cryptopipe.testing.corpus import AT

_SECURE = ("wss://", "source:")


def judge_connecting(plugin: ExchangePlugin, instruments: Sequence[Instrument], channels: Sequence[Channel]) -> str:
    """Each subscription is asked for once, by a text that no other has. What was counted. Raises `AssertionError`."""
    wanted = [Subscription(one, channel) for one in instruments for channel in channels]
    parts = [list(part) for part in plugin.split(wanted)]
    told = [one for part in parts for one in part]
    require(
        sorted(map(_id, told)) == sorted(map(_id, wanted)),
        f"{plugin.venue}: split makes of {sorted(map(_id, wanted))} the parts {[[*map(_id, one)] for one in parts]}: a "
        f"subscription is lost or doubled",
    )
    require(not plugin.split(()), f"{plugin.venue}: split makes connections of no subscription")
    for part in parts:
        _connection(plugin, part)
    _distinct(plugin, wanted)
    return f"{len(wanted)} subscriptions on {len(parts)} connections"


def _connection(plugin: ExchangePlugin, part: Sequence[Subscription]) -> None:
    first, second = plugin.feed(), plugin.feed()
    connect = first.connect(part, None, AT)
    require(connect == second.connect(part, None, AT), f"{plugin.venue}: two codecs connect differently to the same")
    require(connect == first.connect(part, None, AT), f"{plugin.venue}: a codec connects differently the second time")
    url = connect.url
    require(url.startswith(_SECURE), f"{plugin.venue}: connects to {url!r}, not to wss://…")
    require(
        connect.ping_every_s is None or connect.ping_every_s > 0,
        f"{plugin.venue}: a ping every {connect.ping_every_s} seconds",
    )
    books = {name for one in part if one.channel is Channel.DEPTH for name in _names(one)}
    strange = sorted(set(connect.resubscribe) - books)
    require(not strange, f"{plugin.venue}: resubscribe knows {strange}, of which no book is subscribed to: {books}")
    empty = sorted(symbol for symbol, texts in connect.resubscribe.items() if not texts)
    require(not empty, f"{plugin.venue}: resubscribe sends nothing for {empty}")
    if not first.rule.snapshot_by_request and connect.resubscribe:
        absent = [
            one.instrument.id
            for one in part
            if one.channel is Channel.DEPTH and not _names(one) & set(connect.resubscribe)
        ]
        require(not absent, f"{plugin.venue}: resubscribe has texts for some books and none for {absent}")


def _distinct(plugin: ExchangePlugin, wanted: Sequence[Subscription]) -> None:
    """Two subscriptions that ask for the same are one too few: a symbol or a channel is not asked for."""
    seen: dict[tuple[str, tuple[str, ...]], Subscription] = {}
    nothing = _asked(plugin.feed(), ())
    for one in wanted:
        asked = _asked(plugin.feed(), (one,))
        require(asked != nothing, f"{plugin.venue}: {_id(one)} asks for no more than an empty connection")
        other = seen.setdefault(asked, one)
        same = other is one or (other.channel is one.channel and bool(_names(other) & _names(one)))
        require(same, f"{plugin.venue}: {_id(one)} and {_id(other)} ask for the same: {asked}")


def _asked(codec: FeedCodec, part: Sequence[Subscription]) -> tuple[str, tuple[str, ...]]:
    connect: Connect = codec.connect(part, None, AT)
    return connect.url, connect.frames


def _names(one: Subscription) -> set[str]:
    return {one.instrument.symbol, one.instrument.book_of or one.instrument.symbol}


def _id(one: Subscription) -> str:
    return f"{one.channel.value} of {one.instrument.symbol}"
