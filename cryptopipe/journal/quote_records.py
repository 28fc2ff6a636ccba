"""What a journal tells of quotes that rest on paper, from the proposal to the end.

Enters: facts of the run. Leaves: bodies of records. Never: a quote without an end in a run that has one.
"""

from decimal import Decimal
from typing import ClassVar

import msgspec

from cryptopipe.model.facts import Side
from cryptopipe.model.trading import Reason


class QuotePlaced(msgspec.Struct, frozen=True):
    """A quote on its way. Its fills are `filled` records with `quote_id` as the order's id."""

    kind: ClassVar[str] = "quote_placed"
    quote_id: str
    instrument: str
    side: Side
    price: Decimal
    quantity: Decimal
    slot: str = ""


class QuoteRefused(msgspec.Struct, frozen=True):
    """A quote that does not rest: by the gate (`quote_id` is empty), or when it arrived. `reasons` are the checks that
    failed. A strategy that proposes again what the gate refuses for the same reasons is not told of again.
    """

    kind: ClassVar[str] = "quote_refused"
    quote_id: str
    instrument: str
    side: Side
    price: Decimal
    quantity: Decimal
    slot: str
    reasons: tuple[Reason, ...]


class QuoteCancelled(msgspec.Struct, frozen=True):
    """Its cancellation is on its way."""

    kind: ClassVar[str] = "quote_cancelled"
    quote_id: str
    why: str


class QuoteEnded(msgspec.Struct, frozen=True):
    """Nothing more of it will be filled: `why` is `filled`, what it was cancelled for, or the end of the run."""

    kind: ClassVar[str] = "quote_ended"
    quote_id: str
    filled: Decimal
    unfilled: Decimal
    why: str
