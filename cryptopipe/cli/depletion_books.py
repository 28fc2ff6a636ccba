"""Whose books `sell` and `buy` walk: one instrument found on every venue, and what stands in a book's way.

Enters: a pair, a side, a quantity, books of a market. Leaves: `Seen`, a depletion with what must be said of each book.
Never: a venue that is left out without its reason, or two assets of one value taken for one.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from fractions import Fraction

from cryptopipe.clock import SECOND, Nanos
from cryptopipe.errors import UsageError
from cryptopipe.evaluate.depletion import Depletion, Offer, depleted
from cryptopipe.market.market import Market
from cryptopipe.market.sync import BookState, BookSync
from cryptopipe.market.view import DisplayedLadder
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.facts import Asset, FeeSchedule, Instrument, Kind, Side, TradingState, VenueId
from cryptopipe.model.naming import pair_of
from cryptopipe.model.strategies import Ladder
from cryptopipe.sandbox.world import World
from cryptopipe.wiring import Wiring

Plugins = Mapping[VenueId, ExchangePlugin]
_NAMED = 8
"""Pairs that a message names."""
_SMALLEST, _LARGEST = Decimal("1e-12"), Decimal("1e15")


@dataclass(frozen=True)
class Question:
    """How much of which pair; `fees` counts what accounts pay."""

    side: Side
    quantity: Decimal
    base: Asset
    quote: Asset
    fees: bool

    @property
    def symbol(self) -> str:
        """`BTC/USD`."""
        return f"{self.base}/{self.quote}"

    def is_of(self, one: Instrument) -> bool:
        """Whether it is the spot market of the pair."""
        return (one.base, one.quote, one.kind) == (self.base, self.quote, Kind.SPOT)


@dataclass(frozen=True)
class Book:
    """One that was walked. `proof` is empty for an engine's own; `age` is since its last frame."""

    instrument: Instrument
    proof: str
    age: Nanos
    levels: Ladder


@dataclass(frozen=True)
class Seen:
    """The answer at one moment. `fees` by venue, empty where none are counted; `left_out`: why, by venue."""

    question: Question
    at: Nanos
    books: Mapping[str, Book]
    fees: Mapping[str, FeeSchedule]
    left_out: Mapping[str, str]
    depletion: Depletion


def quantity_of(text: str) -> Decimal:
    """Base, above zero. Raises `UsageError`."""
    fix = "write a number above zero, in base: 15, or 0.25"
    try:
        found = Decimal(text.strip())
    except ArithmeticError:
        raise UsageError(f"not a quantity: {text!r}", where="QUANTITY", fix=fix) from None
    if not found.is_finite() or found <= 0:
        raise UsageError(f"not a quantity above zero: {text!r}", where="QUANTITY", fix=fix)
    if not _SMALLEST <= found <= _LARGEST or found % _SMALLEST:
        limits = "no venue trades less than 1e-12, finer than that, or more than 1e15"
        raise UsageError(f"not a quantity that can be traded: {text!r}; {limits}", where="QUANTITY", fix=fix)
    return found


def pair_named(text: str) -> tuple[Asset, Asset]:
    """Base and quote of `BTC/USD`. Raises `UsageError`."""
    base, slash, quote = (_asset_named(part) for part in text.partition("/"))
    if not (base and slash and quote) or "/" in quote or base == quote:
        fix = "write BASE/QUOTE, such as BTC/USD: one name for all venues, whatever theirs"
        raise UsageError(f"not a pair of assets: {text!r}", where="--symbol", fix=fix)
    return Asset(base), Asset(quote)


def _asset_named(text: str) -> str:
    """A venue's own asset is NAME@venue, and venues are in small letters."""
    name, at, venue = text.strip().partition("@")
    return name.upper() + at + venue


def listed(question: Question, plugins: Plugins) -> tuple[dict[VenueId, Instrument], dict[str, str]]:
    """The instrument on each venue that lists it, and why the others have none. Raises `UsageError` if none has."""
    found: dict[VenueId, Instrument] = {}
    left_out: dict[str, str] = {}
    for venue, plugin in plugins.items():
        of_pair = [one for one in plugin.instruments.listed() if question.is_of(one)]
        if of_pair:
            found[venue] = of_pair[0]
        else:
            left_out[venue] = _no_such(question, plugin)
    if not found:
        raise _nobody(question, plugins, left_out)
    return found, left_out


def _no_such(question: Question, plugin: ExchangePlugin) -> str:
    others = _quotes(question, plugin)
    if not others:
        return f"no spot {question.symbol}"
    pairs = [f"{question.base}/{quote}" for quote in others]
    return f"no spot {question.symbol}; it has {', '.join(pairs)}, other assets: try --symbol {pairs[-1]}"


def _quotes(question: Question, plugin: ExchangePlugin) -> list[Asset]:
    spot = (one for one in plugin.instruments.listed() if one.kind is Kind.SPOT and one.base == question.base)
    return sorted({one.quote for one in spot})


def _nobody(question: Question, plugins: Plugins, left_out: Mapping[str, str]) -> UsageError:
    quotes = Counter(quote for plugin in plugins.values() for quote in _quotes(question, plugin)).most_common(1)
    pairs = {f"{one.base}/{one.quote}" for plugin in plugins.values() for one in plugin.instruments.listed()}
    near = get_close_matches(question.symbol, sorted(pairs), n=1, cutoff=0)
    fix = f"--symbol {question.base}/{quotes[0][0]}" if quotes else f"nearest is --symbol {near[0]}" if near else ""
    told = "; ".join(f"{venue}: {why}" for venue, why in left_out.items())
    return UsageError(f"no venue trades {question.symbol} ({told})", where="--symbol", fix=fix or "name other venues")


def of_market(question: Question, market: Market, wiring: Wiring, left_out: Mapping[str, str], at: Nanos) -> Seen:
    """Over the books of a market as they are now."""
    books: dict[str, Book] = {}
    why = dict(left_out)
    for venue in market.books:
        if venue in left_out:
            continue
        syncs = list(market.books[venue].values())
        told = book_of(question, syncs, at)
        if isinstance(told, Book):
            books[venue] = told
        else:
            why[venue] = told or _unheard(question, wiring.plugins[venue], syncs)
    return _seen(question, at, books, wiring, why)


def _unheard(question: Question, plugin: ExchangePlugin, syncs: Sequence[BookSync]) -> str:
    if syncs:
        pairs = sorted({pair_of(one.instrument) for one in syncs})
        return f"no book of {question.symbol}; it has {', '.join(pairs[:_NAMED])}{', …' * (len(pairs) > _NAMED)}"
    has = any(question.is_of(one) for one in plugin.instruments.listed())
    return f"no book of {question.symbol} yet" if has else _no_such(question, plugin)


def refuse_unrecorded(question: Question, market: Market) -> None:
    """Raises `UsageError` if no recording tells of the pair."""
    instruments = [sync.instrument for books in market.books.values() for sync in books.values()]
    if any(question.is_of(one) for one in instruments):
        return
    pairs = Counter(f"{one.base}/{one.quote}" for one in instruments if one.kind is Kind.SPOT).most_common(_NAMED)
    told = ", ".join(pair for pair, _ in pairs) or "no spot book"
    fix = f"--symbol {pairs[0][0]}" if pairs else "name other recordings"
    raise UsageError(f"the recordings hold no {question.symbol}; they hold {told}", where="--symbol", fix=fix)


def book_of(question: Question, syncs: Sequence[BookSync], at: Nanos) -> Book | str:
    """The live book of the pair, or why there is none; empty if none was ever begun."""
    why = ""
    for sync in (one for one in syncs if question.is_of(one.instrument)):
        one = sync.instrument
        if sync.state is not BookState.LIVE:
            why = f"{one.symbol} is {sync.state.value}" + (f": {sync.reason}" if sync.reason else "")
        elif one.state is not TradingState.TRADING:
            why = f"{one.symbol} does not trade now: {one.state.value}"
        else:
            ladder = DisplayedLadder(sync.book, question.side is Side.SELL, {}, one.id)
            return Book(one, sync.rule.proof.value, max(0, at - sync.last_frame_at), ladder)
    return why


def of_world(question: Question, world: World, wiring: Wiring, left_out: Mapping[str, str], at: Nanos) -> Seen:
    """Over the engines of a simulated market."""
    books: dict[str, Book] = {}
    taken_from = Side.BUY if question.side is Side.SELL else Side.SELL
    for venue, engines in world.books.items():
        for engine in engines.values():
            one = engine.instrument
            if question.is_of(one) and one.rules is not None:
                tick, step = one.rules.tick, one.rules.step
                levels = [(price * tick, size * step) for price, size in engine.levels(taken_from, 1 << 20)]
                books[venue] = Book(one, "", 0, levels)
    return _seen(question, at, books, wiring, left_out)


def _seen(
    question: Question, at: Nanos, books: Mapping[str, Book], wiring: Wiring, left_out: Mapping[str, str]
) -> Seen:
    fees = {venue: wiring.fees(VenueId(venue)) for venue in sorted(books)} if question.fees else {}
    offers = [Offer(venue, book.levels, fees.get(venue)) for venue, book in books.items()]
    ordered = dict(sorted(books.items()))
    return Seen(question, at, ordered, fees, left_out, depleted(question.side, question.quantity, offers))


def notes_of(seen: Seen, max_age: Nanos) -> list[str]:
    """What must be said of the books: unproven, old, off a venue's grid."""
    said = []
    for venue, book in seen.books.items():
        if book.proof == "none":
            said.append(f"{venue}: nothing proves its stream")
        if book.age > max_age:
            said.append(f"{venue}: its last frame is {book.age / SECOND:.1f} s old")
        if (grid := _off_grid(seen, venue, book.instrument)) is not None:
            said.append(grid)
    return said


def _off_grid(seen: Seen, venue: str, one: Instrument) -> str | None:
    """What an order at the venue would have to be, where its share of the merged book is not that."""
    share = seen.depletion.merged.share(venue)
    if not share.taken:
        return None
    if one.rules is None:
        return f"{venue}: its lots are not known"
    order, rules = share.ordered, one.rules
    if (order / Fraction(rules.step)).denominator == 1 and order >= rules.min_size:
        return None
    return f"{venue}: orders are multiples of {rules.step:f} from {rules.min_size:f} on; its share of the merged is not"
