"""What a simulated venue is: the books it may read, its connections, its answers.

Enters: the engine's books (whole ticks and lots), a client's texts and requests. Leaves: texts and answers as the real
venue writes them. Never: a socket, a clock, randomness of its own, or a change of a book.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from typing import Protocol

import msgspec

from cryptopipe.clock import Nanos
from cryptopipe.model.facts import Instrument, Side, TradingRules
from cryptopipe.model.stream import Credentials, HttpRequest, HttpResponse

SANDBOX_CREDENTIALS = Credentials("sandbox-key", "c2FuZGJveC1zZWNyZXQ=", "sandbox-passphrase")
"""A key that simulated venues accept, with all rights; its secret is base64, as some venues have theirs. Of no real
account.
"""

SANDBOX_TRADER = Credentials("sandbox-trader-key", "c2FuZGJveC10cmFkZXItc2VjcmV0", "sandbox-passphrase")
"""Of the same account, without the right to withdraw: what a run trades with."""

SANDBOX_READER = Credentials("sandbox-reader-key", "c2FuZGJveC1yZWFkZXItc2VjcmV0", "sandbox-passphrase")
"""Of the same account, with the right to read alone."""

SANDBOX_OTHER = Credentials("sandbox-other-key", "c2FuZGJveC1vdGhlci1zZWNyZXQ=", "sandbox-passphrase")
"""Of a second account, with all rights."""

SANDBOX_TOKEN = "sandbox-token"
"""What simulated venues give out and accept where a stream needs a token."""


class LevelChange(msgspec.Struct, frozen=True, gc=False):
    """A price level after one change, in ticks and lots; `number` counts the changes of its book from 1, size 0 removes
    it. `side` BUY is the bids.
    """

    number: int
    at: Nanos
    side: Side
    price: int
    size: int


class TradePrint(msgspec.Struct, frozen=True, gc=False):
    """A trade in ticks and lots; `side` is the taker's, `trade_id` counts from 1, `number` is the book's change that
    the trade made.
    """

    trade_id: int
    number: int
    at: Nanos
    side: Side
    price: int
    size: int


class ShownOrder(msgspec.Struct, frozen=True, gc=False):
    """A resting order, in ticks and lots; `at` is when it joined the book."""

    order_id: int
    price: int
    size: int
    at: Nanos


class Told(Enum):
    """What the tape of orders tells of one order."""

    OPENED = "opened"  # rests now, with `size` lots
    MATCHED = "matched"  # a resting order lost `size` lots to `taker`
    REDUCED = "reduced"  # its owner took `size` lots off
    FILLED = "filled"  # nothing is left of a resting order; follows its last MATCHED
    CANCELLED = "cancelled"  # `size` lots left the book


class OrderTold(msgspec.Struct, frozen=True, gc=False):
    """One line of the tape of orders, in ticks and lots; `number` counts from 1 and orders changes of all kinds.

    `order_id` is the resting order's, `side` BUY if it stands among the bids; `taker` the id of the order that
    executed against it and 0 otherwise, `trade_id` that match's.
    """

    number: int
    at: Nanos
    told: Told
    order_id: int
    side: Side
    price: int
    size: int
    taker: int = 0
    trade_id: int = 0


class SimulatedBook(Protocol):
    """One instrument of the engine, to read. Its tape keeps at least the last ten seconds of changes and trades.

    The tape of orders begins with the first call of `orders`, so that a market without a reader of it pays nothing.
    """

    @property
    def instrument(self) -> Instrument: ...
    @property
    def number(self) -> int:
        """Of the newest change; 0 before the first."""

    @property
    def changed_at(self) -> Nanos:
        """When the newest change was made; 0 before the first."""

    def levels(self, side: Side, count: int) -> Sequence[tuple[int, int]]:
        """(price in ticks, size in lots), best first; fewer than `count` where there are not more."""

    def changes(self, after: int) -> Sequence[LevelChange]:
        """With a number above `after`, in order. Raises `LookupError` if the tape no longer reaches back so far."""

    def trades(self, after: int) -> Sequence[TradePrint]:
        """With an id above `after`, in order; those that the tape no longer keeps are left out."""

    def orders(self, side: Side) -> Sequence[ShownOrder]:
        """Every resting order, best price first and in a price the one that executes first."""

    @property
    def order_number(self) -> int:
        """Of the newest line of the tape of orders; 0 before the first call of `orders`."""

    def order_tape(self, after: int) -> Sequence[OrderTold]:
        """With a number above `after`, in order. Raises `LookupError` if the tape does not reach back so far."""


class Say(msgspec.Struct, frozen=True, gc=False):
    """A text for the client, `after` this long (venues take some tens of milliseconds for an acknowledgement)."""

    text: str
    after: Nanos = 0


class Beat(msgspec.Struct, frozen=True, gc=False):
    """A ping of the websocket protocol, which the client's library answers."""


class HangUp(msgspec.Struct, frozen=True, gc=False):
    """The venue closes the connection, `after` this long; nothing is said on it afterwards."""

    code: int
    reason: str
    after: Nanos = 0


Outgoing = Say | Beat | HangUp


class SandboxSession(Protocol):
    """One client's connection to a simulated venue, as a state machine."""

    def receive(self, message: str, at: Nanos) -> Iterable[Outgoing]:
        """What the client's text is answered with: an acknowledgement, an error, a snapshot."""

    def publish(self, at: Nanos) -> Iterable[Outgoing]:
        """What is due by now: called after each step of the engine, some milliseconds apart, `at` never falling."""


class SandboxVenue(Protocol):
    """One simulated venue: its REST side, and a session for each connection.

    `endpoints` are its websocket paths by market, such as `{"spot": "/v5/public/spot"}`.
    """

    endpoints: Mapping[str, str]

    def open(self, path: str, at: Nanos) -> SandboxSession | HttpResponse:
        """A connection to this path (with its query), or the answer that refuses the upgrade."""

    def answer(self, request: HttpRequest, at: Nanos) -> HttpResponse:
        """The answer to one request; its `url` is path and query, without origin. An unknown path gets the venue's own
        error."""


class Grid:
    """Writes whole ticks and lots in an instrument's digits: `Grid(rules).price(6183763)` is `61837.63`.

    `price_places` and `size_places` pad with zeros where a venue writes more digits than tick and step have.
    """

    def __init__(self, rules: TradingRules, price_places: int = 0, size_places: int = 0) -> None:
        self._price = _Digits.of(rules.tick, price_places)
        self._size = _Digits.of(rules.step, size_places)

    def price(self, ticks: int) -> str:
        """Of a price in ticks, at or above zero."""
        return self._price.text(ticks)

    def size(self, lots: int) -> str:
        """Of a size in lots, at or above zero."""
        return self._size.text(lots)


class _Digits(msgspec.Struct, frozen=True):
    factor: int
    places: int
    unit: int

    @classmethod
    def of(cls, step: Decimal, places: int) -> "_Digits":
        exponent = step.normalize().as_tuple().exponent
        assert isinstance(exponent, int), "a step is finite"
        own = max(0, -exponent)
        places = max(own, places)
        return cls(int(step.scaleb(places)), places, 10**places)

    def text(self, count: int) -> str:
        value = count * self.factor
        return f"{value // self.unit}.{value % self.unit:0{self.places}d}" if self.places else str(value)
