"""What `watch --orders` shows: each book's orders, and the queues at its best prices.

Enters: a watcher of single orders, what is installed and set. Leaves: lines of styled text, the instruments to be
watched. Never: rows left out without a word.
"""

from collections.abc import Mapping, Sequence

from rich.console import Group

from cryptopipe.cli.cells import Cell, Column, Table, line_of
from cryptopipe.clock import format_at
from cryptopipe.drivers.singles import orders_subscriptions, telling_orders
from cryptopipe.drivers.streams import instruments_of
from cryptopipe.errors import ConfigError
from cryptopipe.market.sync import BookState
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.facts import VenueId
from cryptopipe.model.money import plain
from cryptopipe.model.stream import Subscription
from cryptopipe.watching_orders import OrdersChange, OrdersWatcher, Queue, Shown

_FIRST = 4
"""Sizes of a queue for which a table has room."""
_COLUMNS = (
    Column("instrument"), Column("state", rank=3), Column("proof", rank=4), Column("bids", right=True, rank=5),
    Column("bid", right=True), Column("size", right=True, rank=2), Column("queue", rank=1, least=4),
    Column("asks", right=True, rank=5), Column("ask", right=True), Column("size", right=True, rank=2),
    Column("queue", rank=1, least=4),
)  # fmt: skip


def wanted_orders(
    plugins: Mapping[VenueId, ExchangePlugin], assets: Sequence[str], orders: Sequence[str], place: str, simulated: bool
) -> dict[VenueId, list[Subscription]]:
    """The single orders that the setting names; without any, those of the first instrument of each venue that tells
    them. Raises `ConfigError`.
    """
    listed = {venue: instruments_of(plugin, assets) for venue, plugin in plugins.items()}
    if not orders:
        orders = [listed[venue][0].id for venue in telling_orders(plugins.values()) if listed[venue]]
    if not orders:
        from cryptopipe import registry

        able = ",".join(telling_orders(registry.exchanges().values()))
        raise ConfigError(
            f"no venue of this run tells single orders: {', '.join(plugins)}",
            where="--venues",
            fix=f"name one that does: --venues {able or '…'}",
        )
    return orders_subscriptions(plugins, orders, place, listed if simulated else None)


class OrdersTables:
    """Draws one watcher; columns only grow."""

    def __init__(self, watcher: OrdersWatcher, label: str) -> None:
        self._watcher, self._label, self._table = watcher, label, Table()

    def draw(self, change: OrdersChange, width: int, height: int | None) -> Group:
        """At most `height` rows; None: all."""
        lines = [_line(shown) for _, shown in sorted(self._watcher.shown.items())]
        part = lines if height is None else lines[: max(1, height - 3)]
        count = "" if len(part) == len(lines) else f", {len(part)} of {len(lines)}"
        title = f"single orders at {format_at(change.at)[:19]}Z{count}" + (f" ({self._label})" if self._label else "")
        rows = self._table.rows(_COLUMNS, part, width)
        return Group(line_of([(title, "head")], width), *(line_of(row, width) for row in rows))


def _line(shown: Shown) -> list[Cell]:
    state = shown.state.value, "" if shown.state is BookState.LIVE else "warn"
    bids, asks = ("-", "-") if shown.orders is None else map(str, shown.orders)
    first: list[Cell] = [(shown.sync.instrument.id, ""), state, (shown.sync.rule.proof.value, "dim")]
    return [*first, (bids, ""), *_queue(shown.bid), (asks, ""), *_queue(shown.ask)]


def _queue(queue: Queue | None) -> list[Cell]:
    """Best price, what is there, and the orders that share it, the first to execute first."""
    if queue is None:
        return [("-", ""), ("-", ""), ("-", "dim")]
    sizes = " ".join(plain(size) for _, size in queue.first[:_FIRST])
    more = " …" if queue.orders > _FIRST else ""
    return [(plain(queue.price), ""), (plain(queue.size), ""), (f"{queue.orders}: {sizes}{more}", "dim")]
