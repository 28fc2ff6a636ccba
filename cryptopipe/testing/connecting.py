"""Check 9: what a codec asks a venue for.

Enters: a plugin and its instruments. Leaves: nothing, or a subscription that is lost, doubled or the same as another's.
Never: a connection.
"""

from collections.abc import Sequence

from cryptopipe.api import Channel, Connect, Dialect, ExchangePlugin, FeedCodec, Instrument, StreamAuth, Subscription
from cryptopipe.testing.checks import require
from cryptopipe.testing.corpus import AT

_SECURE = ("wss://", "source:")


def judge_connecting(
    plugin: ExchangePlugin, instruments: Sequence[Instrument], channels: Sequence[Channel], auth: StreamAuth | None
) -> str:
    """Each subscription is asked for once, by a text that no other has; those of single orders by their own dialect,
    with `auth` where they are signed. What was counted. Raises `AssertionError`."""
    orders = (Channel.ORDERS,) if _orders_dialect(plugin) is not None else ()
    wanted = [Subscription(one, channel) for one in instruments for channel in dict.fromkeys((*channels, *orders))]
    parts = [list(part) for part in plugin.split(wanted)]
    told = [one for part in parts for one in part]
    require(
        sorted(map(_id, told)) == sorted(map(_id, wanted)),
        f"{plugin.venue}: split makes of {sorted(map(_id, wanted))} the parts {[[*map(_id, one)] for one in parts]}: a "
        f"subscription is lost or doubled",
    )
    require(not plugin.split(()), f"{plugin.venue}: split makes connections of no subscription")
    for part in parts:
        _connection(plugin, part, auth)
    _distinct(plugin, wanted, auth)
    return f"{len(wanted)} subscriptions on {len(parts)} connections"


def _orders_dialect(plugin: ExchangePlugin) -> Dialect | None:
    return next((one for one in plugin.dialects if Channel.ORDERS in one.channels), None)


def _codec(plugin: ExchangePlugin, part: Sequence[Subscription]) -> FeedCodec:
    """As a run makes it: single orders have connections and a codec of their own."""
    channels, dialect = {one.channel for one in part}, _orders_dialect(plugin)
    if dialect is None or Channel.ORDERS not in channels:
        return plugin.feed()
    together = sorted(channel.value for channel in channels)
    require(len(channels) == 1, f"{plugin.venue}: split puts single orders on a connection with others: {together}")
    return dialect.feed()


def _auth(plugin: ExchangePlugin, part: Sequence[Subscription], auth: StreamAuth | None) -> StreamAuth | None:
    signed = plugin.signer is not None and any(one.channel in plugin.signer.channels for one in part)
    return auth if signed else None


def _connection(plugin: ExchangePlugin, part: Sequence[Subscription], key: StreamAuth | None) -> None:
    first, second, auth = _codec(plugin, part), _codec(plugin, part), _auth(plugin, part, key)
    connect = first.connect(part, auth, AT)
    require(connect == second.connect(part, auth, AT), f"{plugin.venue}: two codecs connect differently to the same")
    require(connect == first.connect(part, auth, AT), f"{plugin.venue}: a codec connects differently the second time")
    _together(plugin, part, auth, connect)
    url = connect.url
    require(url.startswith(_SECURE), f"{plugin.venue}: connects to {url!r}, not to wss://…")
    require(
        connect.ping_every_s is None or connect.ping_every_s > 0,
        f"{plugin.venue}: a ping every {connect.ping_every_s} seconds",
    )
    kept = [one for one in part if one.channel in (Channel.DEPTH, Channel.ORDERS)]
    books = {name for one in kept for name in _names(one)}
    strange = sorted(set(connect.resubscribe) - books)
    require(not strange, f"{plugin.venue}: resubscribe knows {strange}, of which no book is subscribed to: {books}")
    empty = sorted(symbol for symbol, texts in connect.resubscribe.items() if not texts)
    require(not empty, f"{plugin.venue}: resubscribe sends nothing for {empty}")
    if not first.rule.snapshot_by_request and connect.resubscribe:
        absent = [one.instrument.id for one in kept if not _names(one) & set(connect.resubscribe)]
        require(not absent, f"{plugin.venue}: resubscribe has texts for some books and none for {absent}")


def _together(plugin: ExchangePlugin, part: Sequence[Subscription], auth: StreamAuth | None, told: Connect) -> None:
    """What is asked for on one connection names each of its subscriptions, and nothing twice."""
    twice = sorted({text for text in told.frames if told.frames.count(text) > 1})
    require(not twice, f"{plugin.venue}: sends twice on one connection: {twice}")
    for one in part:
        rest = [other for other in part if other is not one]
        shared = any(other.channel is one.channel and _names(other) & _names(one) for other in rest)
        require(
            shared or _asked(_codec(plugin, part), rest, auth) != (told.url, told.frames),
            f"{plugin.venue}: {_id(one)} is not asked for together with {[*map(_id, rest)]}",
        )


def _distinct(plugin: ExchangePlugin, wanted: Sequence[Subscription], auth: StreamAuth | None) -> None:
    """Two subscriptions that ask for the same are one too few: a symbol or a channel is not asked for."""
    seen: dict[tuple[str, tuple[str, ...]], Subscription] = {}
    for one in wanted:
        key = _auth(plugin, (one,), auth)
        asked = _asked(_codec(plugin, (one,)), (one,), key)
        nothing = _asked(_codec(plugin, (one,)), (), key)
        require(asked != nothing, f"{plugin.venue}: {_id(one)} asks for no more than an empty connection")
        other = seen.setdefault(asked, one)
        same = other is one or (other.channel is one.channel and bool(_names(other) & _names(one)))
        require(same, f"{plugin.venue}: {_id(one)} and {_id(other)} ask for the same: {asked}")


def _asked(codec: FeedCodec, part: Sequence[Subscription], auth: StreamAuth | None) -> tuple[str, tuple[str, ...]]:
    connect: Connect = codec.connect(part, auth, AT)
    return connect.url, connect.frames


def _names(one: Subscription) -> set[str]:
    return {one.instrument.symbol, one.instrument.book_of or one.instrument.symbol}


def _id(one: Subscription) -> str:
    return f"{one.channel.value} of {one.instrument.symbol}"
