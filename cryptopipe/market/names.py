"""What the names of connections and the tags of requests say; live run and replay read them from the inputs.

Enters: numbers of connections, symbols, names, tags. Leaves: names and tags, and what they mean. Never: a
meaning that a recording with names of its own could have by accident: a `#` stands before the mark.
"""

from cryptopipe.capture.inputs import ORDERS_OF
from cryptopipe.model.contracts import Dialect, ExchangePlugin
from cryptopipe.model.facts import VenueId
from cryptopipe.model.stream import Channel

_ORDERS = "/orders"
_NEXT = "+"


def connection_name(venue: VenueId, number: int, orders: bool) -> str:
    """`alpha#1`; `alpha#3/orders` for a stream of single orders, which its dialect decodes whatever its URL is."""
    return f"{venue}#{number}{_ORDERS if orders else ''}"


def twin(conn: str) -> str:
    """The connection that replaces this one before its lifetime ends: `alpha#1+` for `alpha#1`, and back."""
    return conn[: -len(_NEXT)] if conn.endswith(_NEXT) else conn + _NEXT


def carries_orders(conn: str) -> bool:
    """Whether a connection was opened for single orders."""
    return "#" in conn and conn.removesuffix(_NEXT).endswith(_ORDERS)


def orders_dialect(plugin: ExchangePlugin) -> Dialect | None:
    """The form of a venue's single orders; None if it has none."""
    return next((one for one in plugin.dialects if Channel.ORDERS in one.channels), None)


def snapshot_tag(symbol: str, orders: bool) -> str:
    """The tag of a request for a snapshot: `XY`, or `orders:XY`."""
    return ORDERS_OF + symbol if orders else symbol
