"""OKX v5's books while a checksum proved them: without sequence ids (until 2023), or with them until 2026-06-23.

Enters: frames `{"arg":{"channel":"books",…},"action":"update","data":[{"asks":[…],"bids":[…],"ts":"1652459225764",
"checksum":-1343013371}]}`. Leaves: events with their checksum. Never: a live subscription of ours.

The rule (www.okx.com/docs-v5/en, section on checksums of the order book channel, copy of 2026-01-15, read 2026-11-21):
"Use the first 25 bids and asks in the full load to form a string (where a colon connects the price and size in an ask
or a bid), and then calculate the CRC32 value (32-bit signed integer)", bids and asks alternating.
"""

import msgspec

from cryptopipe.api import BookDelta, BookSnapshot, Frame, Lane, Link, Nanos, Proof, SyncRule
from cryptopipe_okx.feed import Events, OkxFeed, link
from cryptopipe_okx.market import MILLISECOND, UNREADABLE
from cryptopipe_okx.wire import old_books_frame

_SHAPES = (
    '{"arg":{"channel":"books","instId":"<symbol>"},"action":"update","data":[{"asks":<asks>,"bids":<bids>,"ts":"<ms>",'
    '"checksum":<signed_crc>}]}',
)
_QUOTE, _B = b'"b'  # stand at 24 and 19 in `{"arg":{"channel":"books"`


def follows(last: int, delta: BookDelta) -> Link:
    """By the ids where there are any: a checksum that became 0 proves nothing any more."""
    return link(last, delta) if delta.previous else Link.APPLY


class OkxChecksumFeed(OkxFeed):
    """The other channels are as today. Where books have no ids their versions are times, and a top, which has no id
    then either, cannot be compared with them."""

    rule = SyncRule(
        proof=Proof.CHECKSUM,
        link=follows,
        join=follows,
        snapshot_by_request=False,
        checksum="crc_interleaved",
        checksum_levels=25,
        note="versions are sequence ids, or the venue's times where there are none",
    )

    def __init__(self) -> None:
        super().__init__()
        self.lane = Lane(self.rule.level_format, _SHAPES)

    def decode(self, frame: Frame, received_at: Nanos) -> Events:
        """As today's, but for the books."""
        try:
            if frame[24] == _QUOTE and frame[19] == _B:
                return self._books(frame)
        except UNREADABLE:
            pass  # not that shape after all
        return super().decode(frame, received_at)

    def _books(self, frame: Frame) -> Events:
        """A checksum of 0 is none: so the venue writes it since 2026-06-23."""
        f = old_books_frame(frame)
        symbol = f.arg.symbol
        found: list[BookSnapshot | BookDelta] = []
        for d in f.data:
            at, checksum = d.ts * MILLISECOND, d.checksum or None
            if d.seq:
                found.append(msgspec.structs.replace(self._on_books(symbol, f.action, d), checksum=checksum))
            elif f.action == "snapshot":
                found.append(BookSnapshot(symbol, d.bids, d.asks, at, at, checksum))
            else:
                found.append(BookDelta(symbol, d.bids, d.asks, at, at, 0, at, checksum))
        return tuple(found)

    def _on_levels(self, frame: Frame) -> Events:
        """Five levels are a top: without ids nothing says whether they are older than the books."""
        return self._on_tops(frame)
