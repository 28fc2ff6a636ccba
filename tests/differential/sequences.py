"""What books are fed in laws and comparisons: level arrays in every format, good and bad, and operations on a book.

Enters: hypothesis. Leaves: strategies, `play` (what a core answers) and `lawful` (deterministic settings). Never: a
value that only one of the cores accepts by contract (versions and stamps stay within 64 bits).
"""

import json
from decimal import Decimal
from types import ModuleType
from typing import Any, NamedTuple

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from cryptopipe.errors import CryptopipeError
from cryptopipe.model.events import LevelFormat

lawful = settings(
    derandomize=True, database=None, deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow]
)

FORMS = (
    LevelFormat(),
    LevelFormat(1, 3),
    LevelFormat(1, 2, 0, "buy", "sell"),
    LevelFormat("price", "qty"),
    LevelFormat("price_level", "new_quantity", "side", "bid", "offer"),
)
ODD_NUMBERS = (
    "0", "0.000", "007.50", "1e1", "15E-1", "1e-12", "1e-13", "0e9999", "1e12345", "0.0000000000001", "1.0000000000000",
    "170141183460469231731687303.715884105727", "170141183460469231731687303.715884105728", "9" * 60, "1" + "0" * 1000,
    "1." + "0" * 100, "1." + "0" * 101, "12345678901234567890", "1234567890.123456789012", "0.1234567890123456789",
    "", ".", "1.", ".5", "-1", "+1", "1 ", " 1", "1_0", "NaN", "Infinity", "0x1", "١", "1e", "e1", "1.2.3",
)  # fmt: skip


class Row(NamedTuple):
    """One level of a frame before it is written."""

    is_bid: bool
    price: str
    size: str
    bare: bool


def _grid(low: int, high: int) -> st.SearchStrategy[str]:
    styles = st.sampled_from(["{}", "{}.0", "{}.50", "{}.123456", "{}.00000001", "{}.123456789012"])
    return st.builds(lambda n, style: style.format(n), st.integers(low, high), styles)


sizes = st.one_of(st.just("0"), st.just("0.00000000"), _grid(0, 9), _grid(1, 2**63))
good_rows = st.one_of(
    st.builds(Row, st.just(True), _grid(1, 11), sizes, st.booleans()),
    st.builds(Row, st.just(False), _grid(10, 20), sizes, st.booleans()),
)
odd = st.sampled_from(ODD_NUMBERS)
odd_rows = st.builds(Row, st.booleans(), st.one_of(_grid(1, 20), odd), st.one_of(sizes, odd), st.booleans())


def write(rows: list[Row], form: LevelFormat, spaces: bool = False) -> bytes:
    """The JSON text of some levels; a number is bare where the row says so, even where that breaks the JSON."""
    written = []
    for row in rows:
        price, size = (text if row.bare else json.dumps(text) for text in (row.price, row.size))
        cells: dict[int | str, str] = {form.price: price, form.size: size}
        if form.side is not None:
            cells[form.side] = json.dumps(form.bid if row.is_bid else form.ask)
        if isinstance(form.price, str):
            named = {"event_time": '"2024-08-08T23:54:15Z"', **cells, "more": '{"a": [1, null]}'}
            written.append("{" + ",".join(f"{json.dumps(key)}:{value}" for key, value in named.items()) + "}")
        else:
            places = [place for place in cells if isinstance(place, int)]
            written.append("[" + ",".join(cells.get(i, '"1618678133.53"') for i in range(max(places) + 2)) + "]")
    text = "[" + ",".join(written) + "]"
    return (text.replace(",", " ,\n\t").replace("[", "[ ") if spaces else text).encode()


def arrays(rows: list[Row], form: LevelFormat, spaces: bool = False) -> tuple[bytes, bytes | None]:
    """The arguments `bids` and `asks` of a frame with these levels."""
    if form.side is not None:
        return write(rows, form, spaces), None
    sides = [[row for row in rows if row.is_bid is is_bid] for is_bid in (True, False)]
    return write(sides[0], form, spaces), write(sides[1], form, spaces)


@st.composite
def mutated(draw: st.DrawFn, text: bytes) -> bytes:
    """A text with one byte changed, removed or inserted, or cut short."""
    at = draw(st.integers(0, len(text)))
    byte = draw(st.sampled_from([b"", b'"', b"\\", b"[", b"]", b"{", b",", b"\x00", b"\xff", b"\xc3\xa9", b"7", b"e"]))
    return text[:at] + byte + text[at + draw(st.sampled_from([0, 1, 1, len(text)])) :]


Operation = tuple[Any, ...]


@st.composite
def frames(draw: st.DrawFn, form: LevelFormat, faults: bool) -> Operation:
    """A load or an apply, as (name, *arguments)."""
    name = draw(st.sampled_from(["load", "apply", "apply", "apply"]))
    rows = draw(st.lists(st.one_of(good_rows, odd_rows) if faults else good_rows, max_size=6))
    bids, asks = arrays(rows, form, draw(st.booleans()))
    if faults and draw(st.integers(0, 3)) == 0:
        bids = draw(mutated(bids))
    if faults and asks is not None and draw(st.integers(0, 3)) == 0:
        asks = draw(mutated(asks))
    if faults and draw(st.integers(0, 20)) == 0:
        asks = None if asks else b"[]"
    version = draw(st.integers(1, 30))
    wrapped = draw(st.booleans())
    return (name, msgspec.Raw(bids) if wrapped else bids, asks, version, version + 5)


@st.composite
def quotes(draw: st.DrawFn, faults: bool) -> Operation:
    """A quote, as (name, *arguments)."""
    bid: str | None = draw(_grid(1, 11))
    ask = draw(_grid(10, 20))
    if faults and draw(st.integers(0, 3)) == 0:
        bid = draw(st.one_of(odd, st.none(), st.just("\ud800")))
    version = draw(st.integers(1, 40))
    return ("quote", bid, draw(sizes), ask, draw(sizes), version, version + 5)


@st.composite
def sessions(draw: st.DrawFn, faults: bool = False) -> tuple[LevelFormat, int, list[Operation]]:
    """(form, depth, operations): a first snapshot, then anything."""
    form = draw(st.sampled_from(FORMS))
    first = ("load", *arrays(draw(st.lists(good_rows, max_size=12)), form), 1, 6)
    anything = st.one_of(frames(form, faults), frames(form, faults), quotes(faults), st.just(("clear",)))
    return form, draw(st.sampled_from([0, 0, 1, 3])), [first, *draw(st.lists(anything, max_size=12))]


def top_as_text(top: Any) -> object:
    """All that a top says."""
    if top is None:
        return None
    exact = (top.bid, top.bid_size, top.ask, top.ask_size)
    units = (top.bid_units, top.bid_size_units, top.ask_units, top.ask_size_units)
    return [str(value) for value in exact], units, top.version, top.event_time, top.received_at


def levels_as_text(levels: Any) -> object:
    """All that a sequence of levels says."""
    return [(format(price, "f"), format(size, "f")) for price, size in levels], levels.units(), len(levels)


def play(book: Any, operation: Operation, received_at: int) -> object:
    """What a book answers to one operation: its top as text, or the error's class and message."""
    name, *arguments = operation
    try:
        top = book.clear() if name == "clear" else getattr(book, name)(*arguments, received_at)
    except CryptopipeError as error:
        return type(error).__name__, str(error)
    return top_as_text(top)


def state(book: Any, core: ModuleType) -> object:
    """All that a book shows."""
    ladders = [levels_as_text(book.ladder(bids, limit)) for bids in (True, False) for limit in (0, 2)]
    depth = [levels_as_text(book.levels(bids, limit)) for bids in (True, False) for limit in (0, 2)]
    prices = [10**11 * n for n in range(0, 210, 5)]
    displayed = [book.size_at(bids, price) for bids in (True, False) for price in prices]
    return top_as_text(book.top), book.version, ladders, depth, book.counts(), displayed, columns(book.window, core)


def columns(window: Any, core: ModuleType) -> object:
    """Every column of a window over three ranges."""
    ranges = ((-(2**70), 2**70), (1003, 1006), (1004, 1004))
    found = [(name, *window.column(name, *range_)) for name in core.Window.COLUMNS for range_ in ranges]
    return len(window), [(name, [int(v) for v in values], str(values.dtype), places) for name, values, places in found]


def plain(number: Decimal) -> str:
    """A decimal as venues write it."""
    return format(number, "f")
