"""What becomes of a connection's books when it opens and when it closes.

Enters: the opening or closing of a connection, and the one that it replaces or is replaced by. Leaves: books that wait
for a snapshot, go on by another connection, or are dead. Never: a book that stays live on a closed connection.
"""

from cryptopipe.capture.inputs import Input
from cryptopipe.market.connection import Connection
from cryptopipe.market.overlap import Replaced, begin, new_is_gone, old_is_gone


def opened(entry: Input, connection: Connection, other: Connection | None, outlet: Replaced) -> None:
    """Its books wait for a snapshot; where it shall replace `other`, that one's books get an heir each."""
    connection.url = entry.url
    connection.speak(None)
    if other is not None and other.up and not connection.up:
        begin(other, connection, outlet)
    else:
        for sync in connection.syncs():
            before = sync.state
            sync.open()
            outlet.told(sync, before, None)
    connection.up = True


def closed(entry: Input, connection: Connection, other: Connection | None, outlet: Replaced) -> None:
    """Its books are dead, but for those that `other` carries on."""
    connection.speak(None)
    connection.up = False
    reason = entry.payload.decode(errors="replace") or "connection closed"
    if other is not None and other.up and connection.joining:
        new_is_gone(other, connection, reason, outlet)
    elif other is not None and other.up and other.joining:
        old_is_gone(connection, other, reason, entry.at)
    for sync in connection.syncs():
        before = sync.state
        sync.close(reason)
        outlet.told(sync, before, None)
