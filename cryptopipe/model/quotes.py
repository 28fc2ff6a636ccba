"""What a strategy may propose to leave in a book, and what it may know of its own quotes.

Enters: nothing. Leaves: values and protocols. Never: an order that takes: a quote that would trade at once is refused.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Protocol, runtime_checkable

import msgspec

from cryptopipe.model.facts import Instrument, Side
from cryptopipe.model.strategies import MarketView

QUOTES = "quotes"
"""The capability of a strategy that proposes quotes: its runs are on paper unless told otherwise."""


class Quote(msgspec.Struct, frozen=True):
    """A resting, post-only limit: price in quote, quantity in base. Two with the same values are one, unless their
    `slot` tells them apart.
    """

    price: Decimal
    quantity: Decimal
    slot: str = ""


class QuoteSet(msgspec.Struct, frozen=True):
    """All that is wanted in one book: what is not in it is cancelled, so an empty one cancels everything."""

    instrument: Instrument
    bids: tuple[Quote, ...] = ()
    asks: tuple[Quote, ...] = ()

    def sides(self) -> Iterable[tuple[Side, Quote]]:
        """Every quote with its side."""
        yield from ((Side.BUY, quote) for quote in self.bids)
        yield from ((Side.SELL, quote) for quote in self.asks)


class Standing(msgspec.Struct, frozen=True):
    """An own quote that has not ended: `left` of its quantity may still be filled. `state` is `placing`, `resting` or
    `cancelling`.
    """

    side: Side
    quote: Quote
    left: Decimal
    state: str


class OwnQuotes(Protocol):
    """What a strategy may know of its own quotes."""

    def standing(self, instrument: Instrument) -> Sequence[Standing]:
        """Those that have not ended, in the order of their placing."""

    def inventory(self, instrument: Instrument) -> Decimal:
        """What its quotes have bought of the base in this run, less what they have sold."""


@runtime_checkable
class Quoter(Protocol):
    """A strategy that quotes beside, or in place of, proposing opportunities."""

    def quotes(self, view: MarketView, changed: Instrument, own: OwnQuotes) -> Iterable[QuoteSet]:
        """Asked once a turn for each changed instrument, and after a fill of a quote in it. An instrument of which
        nothing is yielded keeps its quotes. What a quote needs is set aside: `view.balance` is without it.
        """
