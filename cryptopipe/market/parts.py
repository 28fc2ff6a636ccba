"""From subscriptions to connections: which codec makes each, by which dialect, with what key.

Enters: a plugin, subscriptions, the credentials that the driver owns. Leaves: parts, each able to say where to dial.
Never: a codec that sees a secret, or a text with one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from cryptopipe.clock import Nanos
from cryptopipe.errors import ConfigError, PluginError
from cryptopipe.market.feed import Access, Feed
from cryptopipe.market.names import connection_name, orders_dialect
from cryptopipe.market.overlap import joins
from cryptopipe.market.supply import Stream
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.facts import VenueId
from cryptopipe.model.stream import (
    Channel,
    Connect,
    Credentials,
    FeedCodec,
    HttpRequest,
    HttpResponse,
    StreamSigner,
    Subscription,
)

Rewrite = Callable[[VenueId, str], str]
"""Where a venue's URL really leads: to a simulated venue, or just there."""


@dataclass(frozen=True)
class Part:
    """What one codec's `connect` gets. `signer` and `credentials` are set where it needs a key."""

    conn: str
    plugin: ExchangePlugin
    codec: FeedCodec
    subscriptions: Sequence[Subscription]
    rewrite: Rewrite
    signer: StreamSigner | None = None
    credentials: Credentials | None = None

    def connect(self, at: Nanos, response: HttpResponse | None = None) -> Connect:
        """Where to dial. Raises what a stranger's code raises, and the signer's errors."""
        auth = None
        if self.signer is not None and self.credentials is not None:
            auth = self.signer.auth(self.credentials, response, at)
        connect = self.codec.connect(self.subscriptions, auth, at)
        return msgspec.structs.replace(connect, url=self.rewrite(self.plugin.venue, connect.url))

    def request(self, at: Nanos) -> HttpRequest | None:
        """What must be asked before the dial; None if nothing."""
        if self.signer is None or self.credentials is None:
            return None
        asked = self.signer.request(self.credentials, at)
        return asked and msgspec.structs.replace(asked, url=self.rewrite(self.plugin.venue, asked.url))

    def feed(self, at: Nanos) -> Feed:
        """The connection to hold; one that needs a key is told where to dial each time anew."""
        access, connect = Access.PUBLIC, Connect("")
        if self.signer is None:
            connect = self.connect(at)
        else:
            access = Access.SIGNATURE if self.request(at) is None else Access.TOKEN
        rule = self.codec.rule
        return Feed(
            self.conn,
            connect,
            _streams(self.subscriptions, connect),
            rule.snapshot_by_request,
            access,
            self.plugin.lifetime,
            joins(rule),
        )

    def scrubbed(self, text: str) -> str:
        """A message without anything of the key."""
        own = self.credentials
        for secret in (own.secret, own.passphrase, own.key) if own is not None else ():
            text = text.replace(secret, "***") if secret else text
        return text


def part_of(
    plugin: ExchangePlugin,
    number: int,
    subscriptions: Sequence[Subscription],
    rewrite: Rewrite,
    credentials: Credentials | None,
) -> Part:
    """One connection's. Raises `ConfigError` without the key that it needs, `PluginError` for a part that no codec
    carries."""
    venue, channels = plugin.venue, {one.channel for one in subscriptions}
    orders = Channel.ORDERS in channels
    conn, dialect = connection_name(venue, number, orders), orders_dialect(plugin)
    if orders and len(channels) > 1:
        raise PluginError(f"{conn}: the plugin's split puts single orders and other channels together")
    if orders and dialect is None:
        raise PluginError(f"{conn}: the plugin has no stream of single orders")
    signer = plugin.signer if plugin.signer is not None and channels & plugin.signer.channels else None
    if signer is not None and credentials is None:
        raise ConfigError(f"{conn} needs a key: set keys.{venue}.key and keys.{venue}.secret")
    codec = dialect.feed() if orders and dialect is not None else plugin.feed()
    return Part(conn, plugin, codec, subscriptions, rewrite, signer, credentials if signer is not None else None)


def _streams(subscriptions: Sequence[Subscription], connect: Connect) -> tuple[Stream, ...]:
    """What is watched: depth, single orders, and tops of symbols without either."""
    resubscribe = connect.resubscribe
    orders = {one.instrument.symbol for one in subscriptions if one.channel is Channel.ORDERS}
    depth = {one.instrument.book_of or one.instrument.symbol for one in subscriptions if one.channel is Channel.DEPTH}
    tops = {one.instrument.symbol for one in subscriptions if one.channel is Channel.TOP}
    synced = [(symbol, Channel.ORDERS) for symbol in sorted(orders)]
    synced += [(symbol, Channel.DEPTH) for symbol in sorted(depth)]
    streams = [Stream(symbol, channel, resubscribe.get(symbol, ())) for symbol, channel in synced]
    return (*streams, *(Stream(symbol, Channel.TOP) for symbol in sorted(tops - depth)))
