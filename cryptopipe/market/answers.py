"""Which book a REST answer is of, and who reads it.

Enters: answers as inputs, the books that the run has. Leaves: a symbol, a codec, whether single orders were asked for.
Never: a guess where two books could be meant.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from cryptopipe.capture.inputs import ORDERS_OF, Input
from cryptopipe.errors import ProtocolError
from cryptopipe.market.connection import Connection
from cryptopipe.market.names import carries_orders, orders_dialect
from cryptopipe.model.contracts import ExchangePlugin, SnapshotCodec
from cryptopipe.model.events import BookSnapshot, OrdersSnapshot
from cryptopipe.model.stream import HttpResponse


@dataclass(frozen=True)
class Asked:
    """`snapshots` reads the answer for the book of `symbol`, which is of single `orders` or of levels."""

    symbol: str
    orders: bool
    snapshots: SnapshotCodec

    def read(self, entry: Input) -> BookSnapshot | OrdersSnapshot:
        """The snapshot. Raises whatever a stranger's codec raises, and `ProtocolError` for the other kind of book."""
        snapshot = self.snapshots.snapshot(
            self.symbol, HttpResponse(entry.status or 200, entry.payload, entry.url), entry.at
        )
        if isinstance(snapshot, OrdersSnapshot) is not self.orders:
            told, of = ("levels", "single orders") if self.orders else ("single orders", "levels")
            raise ProtocolError(f"an answer of {told} for a book of {of}: {self.symbol}")
        return snapshot


def asked(
    plugin: ExchangePlugin,
    connection: Connection,
    entry: Input,
    books: Mapping[str, object],
    orders: Mapping[str, object],
) -> Asked | None:
    """By the request's tag; without one by the URL, or as the venue's only book. None: it is nobody's."""
    dialect, request = orders_dialect(plugin), entry.request
    single = dialect.snapshots if dialect is not None else None
    if request:
        codec = single if request.startswith(ORDERS_OF) else plugin.snapshots
        return None if codec is None else Asked(request.removeprefix(ORDERS_OF), codec is single, codec)
    speaks = connection.codec.rule.orders is not None if connection.codec else carries_orders(connection.name)
    readers = [(single, True), (plugin.snapshots, False)] if speaks else [(plugin.snapshots, False), (single, True)]
    for codec, is_single in readers if entry.url else ():
        if codec is not None and (symbol := codec.symbol_of(entry.url)):
            return Asked(symbol, is_single, codec)
    codec, known = readers[0][0], orders if speaks else books
    return Asked(next(iter(known)), speaks, codec) if codec is not None and len(known) == 1 else None
