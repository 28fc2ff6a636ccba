"""The constants of Binance's four venues, and the rules their depth streams follow.

Enters: nothing. Leaves: `Market` and the two sync rules as values. Never: a difference between the venues that is not
written here or in a typed frame.
"""

from dataclasses import dataclass
from typing import Annotated

import msgspec

from cryptopipe.api import BookDelta, Channel, Kind, Link, Proof, SyncRule, VenueId

MILLISECOND = 1_000_000
Id = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""An update id."""
Millis = Annotated[int, msgspec.Meta(ge=0, le=9_000_000_000_000)]
"""A time in milliseconds whose nanoseconds fit into 64 bits."""
UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)
"""What reading a frame that is no such frame may raise."""


def spot_link(last: int, delta: BookDelta) -> Link:
    """Spot and Binance.US, at the snapshot and after it: ids continue at `last + 1` (`U` may lie before it).

    "If the event first update ID (U) is greater than the update ID of your local order book + 1, you have missed some
    events." (How to manage a local order book correctly, steps 5 to 7, 2026-07-21.)
    """
    if delta.version <= last:
        return Link.SKIP
    return Link.APPLY if delta.first <= last + 1 else Link.GAP


def futures_join(last: int, delta: BookDelta) -> Link:
    """The first event after a futures snapshot: "drop any event where u is < lastUpdateId", then `U <= last <= u`.

    A stream at rest has no event around the snapshot; the next one then follows directly, `pu` at or before `last`,
    and nothing lies between (seen in recordings, not in the documentation).
    """
    if delta.version < last:
        return Link.SKIP
    return Link.APPLY if delta.first <= last or delta.previous <= last else Link.GAP


def futures_link(last: int, delta: BookDelta) -> Link:
    """ "Each new event's pu should be equal to the previous event's u"; what is not newer was already applied."""
    if delta.previous == last:
        return Link.APPLY
    return Link.SKIP if delta.version <= last else Link.GAP


SPOT_RULE = SyncRule(Proof.SEQUENCE, spot_link, spot_link, snapshot_by_request=True)
FUTURES_RULE = SyncRule(Proof.SEQUENCE, futures_link, futures_join, snapshot_by_request=True)


@dataclass(frozen=True, slots=True)
class Market:
    """The constants of one of the four venues. `streams` names what is subscribed to for each channel."""

    venue: VenueId
    kind: Kind
    stream_url: str
    depth_url: str
    depth_limit: int
    exchange_info_url: str
    rule: SyncRule
    streams: dict[Channel, str]

    @property
    def is_futures(self) -> bool:
        """Futures frames carry `pu` and times that spot frames lack."""
        return self.kind is not Kind.SPOT
