"""What a user of a running run sees now, as one frozen value.

Enters: what a `Camera` reads of a run. Leaves: a `Picture`, which any thread may read. Never: a reference to anything
that changes.
"""

from decimal import Decimal

import msgspec

from cryptopipe.clock import Nanos
from cryptopipe.model.facts import Asset, VenueId
from cryptopipe.summary import BestEdge


class Quote(msgspec.Struct, frozen=True, gc=False):
    """The top of one live book. `pair` is the same on every venue: `BTC/USDT`."""

    pair: str
    bid: Decimal
    ask: Decimal

    @property
    def spread_bps(self) -> float:
        """Of the bid; for the eye."""
        return float((self.ask - self.bid) / self.bid) * 10_000 if self.bid else 0.0


class VenueNow(msgspec.Struct, frozen=True, gc=False):
    """One venue. `state` is that of all its books, or `mixed`, or `no book`; `link` its connections in words, empty
    while they are open; `why` what is wrong with its first book that is not live; `age` since the last frame of a
    book; `frames_per_s` over the last two seconds; `clock` the venue's clock minus ours and how wrong that may be.
    """

    venue: VenueId
    state: str
    proof: str
    live: int
    books: int
    age: Nanos | None
    frames: int
    frames_per_s: float | None
    gaps: int
    resyncs: int
    link: str
    why: str
    clock: tuple[Nanos, Nanos] | None
    quotes: tuple[Quote, ...]


class EdgeNow(msgspec.Struct, frozen=True, gc=False):
    """An edge by its name, what is traded (`BTC/USDT`, `USDT→BTC→ETH→USDT`), and where (`alpha → beta`). Of an open
    one gross and net as they are, of one that has closed their best; `alive` is how long it has been, or was, open.
    `verdict`: the check that the last decision on it failed, empty if it was accepted; `taken`: how often it was
    accepted so far.
    """

    edge: str
    what: str
    where: str
    open: bool
    gross_bps: Decimal
    net_bps: Decimal
    alive: Nanos
    verdict: str
    taken: int = 0


class DecisionNow(msgspec.Struct, frozen=True, gc=False):
    """A decision; what was refused names the check that says most about the edge, its limit and what was measured."""

    at: Nanos
    decision_id: int
    edge: str
    what: str
    where: str
    accepted: bool
    net_bps: Decimal
    value: Decimal
    unit: Asset
    check: str = ""
    limit: str = ""
    measured: str = ""


class Counts(msgspec.Struct, frozen=True, gc=False):
    """Of the whole run; `refusals` counts ended episodes by check, most first."""

    frames: int
    turns: int
    found: int
    accepted: int
    refused: int
    fills: int
    refusals: tuple[tuple[str, int], ...]


class Picture(msgspec.Struct, frozen=True, gc=False):
    """The state of a run at `at`. `trading` is None where something traded has no price; `mode` is the gate's.

    `best_gross` and `best_net` are the largest of the whole run. `edges`: the open ones, best net first, then those
    that have closed, latest first. `decisions`: latest first. `pairs` are the first of `pair_count`.
    """

    market: str
    seed: int | None
    began_at: Nanos
    at: Nanos
    venues: tuple[VenueNow, ...]
    pairs: tuple[str, ...]
    edges: tuple[EdgeNow, ...]
    open_edges: int
    best_gross: BestEdge | None
    best_net: BestEdge | None
    decisions: tuple[DecisionNow, ...]
    counts: Counts
    trading: Decimal | None
    numeraire: Asset
    mode: str
    halted: str
    faults: tuple[str, ...] = ()
    pair_count: int = 0
    on_paper: bool = True
