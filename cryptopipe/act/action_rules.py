"""What a venue says of its private side, as data: which answers leave execution open, what each request costs.

Enters: nothing. Leaves: frozen tables with their sources. Never: a code of a venue's own in the framework.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from cryptopipe.clock import MILLISECOND, SECOND, Nanos
from cryptopipe.model.actions import Action
from cryptopipe.model.contracts import Limit
from cryptopipe.model.facts import Instrument
from cryptopipe.model.outcomes import Outcome

WINDOW: Nanos = 5 * SECOND
"""How long after it was signed most venues take a request: the receive window that it carries."""

Path = Sequence[str | int]
"""Keys and indices that lead to a value of an answer's JSON: `("result", "list", 0)`."""


class Means(Enum):
    """What a row of the table says that the venue did."""

    OPEN = "open"  # perhaps something: `UnknownOutcome`
    REFUSED = "refused"  # nothing: `Refused`
    NOT_FOUND = "not_found"  # it knows no such order or transfer: `NotFound`
    LIMITED = "limited"  # nothing, too many requests: `RateLimited`
    DOWN = "down"  # nothing, it is not at work: `VenueUnavailable`
    DENIED = "denied"  # nothing, key, signature, time or right are wrong: `VenueError`


@dataclass(frozen=True)
class Row:
    """Answers with one of `codes` (as text; empty: any), with `text` in what they say and with one of `statuses`
    (empty: any), to one of `kinds` (empty: to anything), and what they mean. `source`: the page, and the day.
    """

    means: Means
    source: str
    codes: frozenset[str] = frozenset()
    text: str = ""
    statuses: frozenset[int] = frozenset()
    kinds: frozenset[type[Action]] = frozenset()

    def __post_init__(self) -> None:
        if not self.source or not (self.codes or self.text or self.statuses):
            raise ValueError(f"a row names its source, and a code, a text or a status: {self}")


def rows(means: Means, source: str, *codes: str | int) -> Row:
    """One row of many codes: `rows(Means.OPEN, "errors.md, 2025-01-09", -1006, -1007)`."""
    return Row(means, source, frozenset(map(str, codes)))


@dataclass(frozen=True)
class Call:
    """How an action is done where ccxt has no method for it, or another than the usual.

    `method` is a method of ccxt's class: a unified one, called with `arguments(action)`, or an implicit one of a
    single endpoint, which takes the parameters as its one argument. A function of the object of that class and the
    action asks by as many of them as it needs; for what changes something by one. `read` makes an outcome of what it
    gave (the JSON of the answer, numbers as text, for an implicit one); None reads it as the usual method's result is
    read.
    """

    method: str | Callable[[Any, Any], Any]
    arguments: Callable[[Any], Sequence[Any]] = lambda action: ()
    read: Callable[[Any, Any], Outcome] | None = None


@dataclass(frozen=True)
class Weight:
    """What a request takes of the limits called `name`."""

    name: str
    amount: int = 1


@dataclass(frozen=True)
class Allowance:
    """A limit by name. Of its count `reserved` is kept for cancels, the half of that also for questions about orders
    (FindOrder, ListOpenOrders); 0 where nothing is said, and then a tenth is. `header`: of answers, where the venue
    tells how much of it was used in the running span. `drains`: what was taken runs off steadily, the whole count in
    one span, and does not come back all at once.
    """

    name: str
    limit: Limit
    reserved: int = 0
    header: str = ""
    drains: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.reserved < self.limit.count:
            raise ValueError(f"{self.name}: reserved is from 0 to below {self.limit.count}, not {self.reserved}")


@dataclass(frozen=True)
class ActionRules:
    """A venue's private side as `CcxtActions` needs it.

    `supports`: what may be asked of the codec. `code_at` and `text_at`: where an answer tells its error's code and
    text, the first that is there counts; `fine` are codes of success. `table`: the first row that fits an answer
    decides; what no row fits is judged by ccxt's class of error. `options`: ccxt's own options of this venue, those
    that it would otherwise ask the venue for. `params`: by kind of action more parameters of the request. `wallets`:
    the parameters that name each wallet, by our name for it. `borrow`: those that borrow what a sale on spot lacks;
    None where the venue does not, or not so. `client_id`: ccxt's name of the parameter of our order's id, `client_ids`
    that of kinds where it is another; a withdrawal or move has our id only if it is there. `calls`: actions that are
    not done by ccxt's usual method. `market`: more of an instrument as ccxt's market has it, such as `id`
    where requests name it by another word than streams; `ids` in it are further names that answers may have.
    `nonce_unit`: what one step of ccxt's nonce is. `evidence`: where in an answer the value is that shows that
    something was done, for actions whose answer has no id, and for questions the list that may be empty. `everything`:
    kinds that do what they say without an instrument too; others are then refused. `by_get`: kinds that change
    something by a GET; elsewhere that is ccxt looking something up, and refused. In an order's own JSON are: `state_at`
    the venue's word for its state, `our_id_at` our id where ccxt takes another for it, `spent_at` the sum in quote
    where ccxt leaves it out. `transfer_id_at`: our id, in a transfer of a history. `network`: more of a `Network` by
    its field's names, from ccxt's structure of one (its `info` is the venue's). `pages`: of lists that come in parts,
    the parameters that ask for the part after an answer, from its JSON and its number from 0; None after the last;
    `since` in them is in epoch milliseconds, and None takes that of the action away. `charged_in`: as `FeeSchedule` has
    it. `weights`: of each kind of action; `allowances`: the limits that they count against. `accepted_for`: how long
    after it was signed the venue takes a request: before that is over nobody knows that one which got no answer was
    never carried out. `in_order`: nonces must arrive as they rise, so one request waits for the answer to the other.
    """

    supports: frozenset[type[Action]]
    table: Sequence[Row] = ()
    code_at: Sequence[Path] = (("code",),)
    text_at: Sequence[Path] = (("msg",),)
    fine: frozenset[str] = frozenset()
    options: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[type[Action], Callable[[Any], Mapping[str, Any]]] = field(default_factory=dict)
    wallets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    borrow: Mapping[str, Any] | None = None
    client_id: str = "clientOrderId"
    client_ids: Mapping[type[Action], str] = field(default_factory=dict)
    calls: Mapping[type[Action], Call] = field(default_factory=dict)
    market: Callable[[Instrument], Mapping[str, Any]] | None = None
    nonce_unit: Nanos = MILLISECOND
    evidence: Mapping[type[Action], Path] = field(default_factory=dict)
    everything: frozenset[type[Action]] = frozenset()
    by_get: frozenset[type[Action]] = frozenset()
    state_at: Path = ("status",)
    our_id_at: Path = ()
    spent_at: Path = ()
    transfer_id_at: Path = ()
    network: Callable[[Any], Mapping[str, Any]] | None = None
    pages: Mapping[type[Action], Callable[[Any, int], Mapping[str, Any] | None]] = field(default_factory=dict)
    charged_in: str = "quote"
    weights: Mapping[type[Action], Sequence[Weight]] = field(default_factory=dict)
    allowances: Sequence[Allowance] = ()
    in_order: bool = False
    accepted_for: Nanos = WINDOW


def at_path(document: Any, path: Path) -> Any:
    """What stands there; None where nothing does."""
    for key in path:
        if isinstance(document, dict):
            document = document.get(key)
        elif isinstance(document, list) and isinstance(key, int) and -len(document) <= key < len(document):
            document = document[key]
        else:
            return None
    return document
