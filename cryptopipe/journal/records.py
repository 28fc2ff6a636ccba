"""What may stand in a journal: one frozen struct for each kind of record.

Enters: facts of the run. Leaves: bodies for `Log.append(seq, at, Body.kind, body)`. Never: anything but functions of
inputs and configuration: no wall time, host, core, path or run id, for the same inputs give the same bytes.
"""

from decimal import Decimal
from typing import Any, ClassVar, get_args

import msgspec

from cryptopipe.act.quotes import QuotedLine
from cryptopipe.act.transit_steps import InFlight
from cryptopipe.clock import Nanos
from cryptopipe.journal.account_records import (
    ActionAnswered,
    PrivateChanged,
    Reckoned,
    TransferCredited,
    TransferIntended,
    TransferSent,
    TransitChanged,
    TransitEnded,
)
from cryptopipe.journal.quote_records import QuoteCancelled, QuoteEnded, QuotePlaced, QuoteRefused
from cryptopipe.model.facts import Side
from cryptopipe.model.trading import Cost, Reason, Transit

Balances = dict[str, dict[str, Decimal]]
"""Amounts by venue and asset."""

WALLET, TRANSIT = "wallet:", "transit:"
"""What a venue holds for us is booked on `wallet:<venue>`, what is on its way to one on `transit:<venue>/<plan>`; all
other accounts are the other side of a posting.
"""

EQUITY = "equity"
"""A transaction that has an entry here states an opening balance."""


class ListedInstrument(msgspec.Struct, frozen=True):
    """An instrument of the run."""

    id: str
    base: str
    quote: str
    kind: str


class DecidedLeg(msgspec.Struct, frozen=True):
    """A leg as it was priced."""

    instrument: str
    side: Side
    quantity: Decimal
    limit: Decimal
    vwap: Decimal
    fee: Decimal
    fee_asset: str


class BestEdge(msgspec.Struct, frozen=True):
    """The widest edge seen: where it would buy and sell, of what, how wide, when."""

    buy: str
    sell: str
    instruments: tuple[str, ...]
    bps: Decimal
    at: Nanos


class Counts(msgspec.Struct, frozen=True):
    """Episodes: found, ever accepted, never accepted."""

    found: int = 0
    accepted: int = 0
    refused: int = 0


class Value(msgspec.Struct, frozen=True):
    """What the profit is worth at executable prices, in its three lines.

    Trading is None where something traded had no price; the revaluation leaves out the opening inventory `unpriced`.
    """

    numeraire: str
    trading: Decimal | None
    revaluation: Decimal | None
    restoring: Decimal
    unpriced: tuple[str, ...] = ()


class RunStarted(msgspec.Struct, frozen=True):
    """The first record. `label` is shown wherever the run's figures are, such as `not simultaneous`."""

    kind: ClassVar[str] = "run_started"
    strategy: str
    config_hash: str
    settings: dict[str, Any]
    venues: tuple[str, ...]
    instruments: tuple[ListedInstrument, ...]
    opening: Balances
    numeraire: str
    simultaneous: bool = True
    label: str = ""


class BookChanged(msgspec.Struct, frozen=True):
    """A book became syncing, live, suspect or dead."""

    kind: ClassVar[str] = "book_changed"
    instrument: str
    state: str
    proof: str
    reason: str = ""


class InstrumentChanged(msgspec.Struct, frozen=True):
    """A venue told in the run that an instrument is another than it was known: `field` is `state`, `tick`, `step`,
    `min_size`, `min_notional`, `contract_size` or `delists_at`. Values as text, empty for one that nobody stated.

    `told_by` is the number of the answer's input. `reason` is set where the venue's word was not believed.
    """

    kind: ClassVar[str] = "instrument_changed"
    instrument: str
    field: str
    old: str
    new: str
    told_by: int
    reason: str = ""


class FeesTold(msgspec.Struct, frozen=True):
    """A venue told its fees, as fractions, and which are in force then. `told_by` is the answer's input. `instrument`
    is there where an account was told what it pays for one.
    """

    kind: ClassVar[str] = "fees_told"
    venue: str
    maker: Decimal
    taker: Decimal
    source: str
    as_of: str
    maker_in_force: Decimal
    taker_in_force: Decimal
    told_by: int
    instrument: str | msgspec.UnsetType = msgspec.UNSET


class Decided(msgspec.Struct, frozen=True):
    """The gate's answer about an edge: at its opening, when the set of reasons changed, and at its end.

    `phase` is `open`, `change` or `end`. `best_*` are the best values of the episode so far, `duration_ns` and
    `evaluations` its length so far. `transit` is there where coins travel.
    """

    kind: ClassVar[str] = "decided"
    decision_id: int
    episode: int
    phase: str
    edge: str
    legs: tuple[DecidedLeg, ...]
    gross_bps: Decimal
    net_bps: Decimal
    costs: tuple[Cost, ...]
    profit: dict[str, Decimal]
    value: Decimal
    numeraire: str
    notional: Decimal
    accepted: bool
    reasons: tuple[Reason, ...]
    best_gross_bps: Decimal
    best_net_bps: Decimal
    duration_ns: Nanos = 0
    evaluations: int = 1
    transit: Transit | msgspec.UnsetType = msgspec.UNSET


class Intended(msgspec.Struct, frozen=True):
    """An order, before it is sent."""

    kind: ClassVar[str] = "intended"
    client_id: str
    decision_id: int
    instrument: str
    side: Side
    quantity: Decimal
    limit: Decimal


class Filled(msgspec.Struct, frozen=True):
    """One execution of an order. `value` and `fee_value` are what the quote that changed hands and the fee were worth
    in the numeraire, at prices one could trade at then: left out where they are in it anyway, or had no such price.
    """

    kind: ClassVar[str] = "filled"
    client_id: str
    instrument: str
    side: Side
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_asset: str
    value: Decimal | msgspec.UnsetType = msgspec.UNSET
    fee_value: Decimal | msgspec.UnsetType = msgspec.UNSET


class OrderEnded(msgspec.Struct, frozen=True):
    """Nothing more will be filled."""

    kind: ClassVar[str] = "order_ended"
    client_id: str
    filled: Decimal
    unfilled: Decimal
    why: str = ""


class Posted(msgspec.Struct, frozen=True):
    """A transaction of the ledger: (account, asset, amount), which sum to zero in each asset."""

    kind: ClassVar[str] = "posted"
    transaction: int
    why: str
    entries: tuple[tuple[str, str, Decimal], ...]


class PlanEnded(msgspec.Struct, frozen=True):
    """Every order of a decision has ended. `dust` is below a lot, `exposure` is what unfilled legs left."""

    kind: ClassVar[str] = "plan_ended"
    decision_id: int
    dust: dict[str, Decimal]
    exposure: dict[str, Decimal]
    restoring: Decimal


class Halted(msgspec.Struct, frozen=True):
    """Trading stopped, until a user resumes it."""

    kind: ClassVar[str] = "halted"
    reason: str


class RunEnded(msgspec.Struct, frozen=True):
    """The last record of a run that was not cut off.

    `refusals` counts, for each check, the episodes in which it ever failed, accepted ones among them. `marks` are the
    prices in the numeraire at which assets were valued; `best_edges` has the keys `gross` and `net`, if there was one;
    `in_flight` is there where coins are on their way, `quotes` where any were proposed.
    """

    kind: ClassVar[str] = "run_ended"
    stopped_by: str
    frames: int
    tops: int
    turns: int
    opportunities: Counts
    refusals: dict[str, int]
    fills: int
    profit: dict[str, Decimal]
    value: Value
    closing: Balances
    marks: dict[str, Decimal] = {}
    best_edges: dict[str, BestEdge] = {}
    exposure: dict[str, Decimal] = {}
    in_flight: tuple[InFlight, ...] | msgspec.UnsetType = msgspec.UNSET
    quotes: tuple[QuotedLine, ...] | msgspec.UnsetType = msgspec.UNSET


Body = (
    RunStarted
    | BookChanged
    | InstrumentChanged
    | FeesTold
    | Decided
    | Intended
    | Filled
    | OrderEnded
    | PlanEnded
    | Posted
    | TransferIntended
    | TransferSent
    | TransferCredited
    | TransitChanged
    | TransitEnded
    | ActionAnswered
    | PrivateChanged
    | Reckoned
    | QuotePlaced
    | QuoteRefused
    | QuoteCancelled
    | QuoteEnded
    | Halted
    | RunEnded
)

BODIES: dict[str, type[Body]] = {body.kind: body for body in get_args(Body)}
"""The struct of each kind."""
