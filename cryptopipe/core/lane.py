"""The straight way from a connection's commonest frames to their books, declared as what stands around their values.

Enters: shapes of frames, and the books that frames of theirs were found to change. Leaves: which frames are the codec's
to read: here all of them, for only the native lane takes any. Never: a frame taken that its codec would read otherwise.
"""

from collections.abc import Sequence
from typing import Any

from cryptopipe.model.events import LevelFormat


class Count:
    """What a codec and its lane both count: `next`, the number that must come next (-1: any), and the `version` of the
    last frame."""

    __slots__ = ("next", "version")

    def __init__(self, next: int = -1) -> None:
        self.next, self.version = next, 0


class Lane:
    """Frames that are one of `shapes` byte for byte, and surely follow their book, skip the codec: one call reads and
    applies them. Whatever else comes, the codec reads and the rule judges; it is so for each book's first change too,
    and where the two readings differ the lane takes nothing any more (`disproved`).

    A shape is the venue's text with names for values: `<symbol>` (any text that stands for one book), `<first>`,
    `<version>`, `<previous>`, `<count>`, `<ms>`, `<ns>`, `<version_us>` (a time that is the version too), `<instant>`
    (RFC 3339), `<crc>`, `<signed_crc>` (0: none), `<bids>`, `<asks>`, `<levels>` (of both sides), `<stamped_bids>`,
    `<stamped_asks>` (whose newest stamp is the time), `<price>`, `<orders>` and a signed `<amount>` (one level),
    `<number>` (at most a time in ms) and `<any>` (neither is read). Without `<version>` the version is the count, else
    the time, else that of receipt.

    `link` says when a change surely follows, always one for which the rule's `link` says APPLY: `always`; `next` (first
    at most last + 1); `previous` (equal to last); `covers` (first at most last), `newer` (than last); `heard` (the one
    before it on this connection, which the count knows, is in the book). A `<count>` must be the `next` of its count;
    `counted`: a book without a count is not taken.
    """

    def __init__(self, form: LevelFormat, shapes: Sequence[str], link: str = "always", counted: bool = False) -> None:
        self.count: Count | None = None
        """Of what the codec read last; it sets this before it yields a delta, where counts are per book."""
        self.disproved = False

    def told(self) -> tuple[str, int, int] | None:
        """(symbol, version, event time) of the frame that was taken last."""
        return None

    def disarm(self) -> None:
        """Forget the books, until they are given again."""

    def arm(self, sync: Any, book: Any, event: Any) -> None:
        """The book, and what keeps it in step, of the frame that was not taken for want of one; `event` is what the
        codec made of that frame."""

    def take(self, frame: bytes, at: int) -> Any:
        """The sync of a frame that was taken if its top changed, (sync,) if it did not, (sync, error) if the book
        refutes it; None for a frame that is the codec's to read."""
        return None
