"""One look at live books: dials, waits until each is live, and ends.

Enters: plugins, instruments, where URLs lead. Leaves: live books, one after the other. Never: a run, a capture, an
order.
"""

from collections.abc import Callable, Mapping, Sequence

from cryptopipe.capture.inputs import Input
from cryptopipe.clock import SECOND, Nanos
from cryptopipe.drivers.stop import Stop
from cryptopipe.drivers.streams import Streams
from cryptopipe.errors import VenueUnavailable
from cryptopipe.market.feeds import Rewrite, subscriptions_of
from cryptopipe.market.market import Market
from cryptopipe.market.sync import BookState, BookSync
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.facts import Instrument, VenueId
from cryptopipe.model.stream import Credentials

WITHIN: Nanos = 15 * SECOND


def glance(
    plugins: Mapping[VenueId, ExchangePlugin],
    instruments: Sequence[Instrument],
    rewrite: Rewrite,
    credentials: Mapping[VenueId, Credentials],
    seen: Callable[[BookSync, Nanos], None],
    within: Nanos = WITHIN,
) -> None:
    """Tell `seen` each instrument's book, live, with the time. Raises `VenueUnavailable` if one is not by then."""
    market = Market(plugins)
    stop = Stop()
    waiting = {one.id: one for one in instruments}

    def take(entry: Input) -> None:
        market.receive(entry)

    def turn_ended(at: Nanos) -> None:
        for name, one in list(waiting.items()):
            sync = market.books.get(one.venue, {}).get(one.symbol)
            if sync is not None and sync.state is BookState.LIVE and sync.book.top is not None:
                del waiting[name]
                seen(sync, at)
        if not waiting:
            stop.ask()

    wanted = {venue: subscriptions_of([one for one in instruments if one.venue == venue]) for venue in plugins}
    Streams(plugins, market, wanted, take, turn_ended, rewrite, credentials=credentials, refresh=0).run(stop, within)
    if waiting:
        raise VenueUnavailable(
            f"no live book of {', '.join(waiting)} within {within // SECOND} s",
            fix="try again, or see `cryptopipe watch`",
        )
