"""What `watch` shows: prices, or edges with their costs, in as many columns and rows as there is room for.

Enters: a watcher, what changed, width and height. Leaves: lines of styled text. Never: a name in two pieces, a number
with digits cut off, or rows left out without a word.
"""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

from rich.console import Group

from cryptopipe.cli.cells import Cell, Column, Table, line_of
from cryptopipe.cli.words import check_in_words
from cryptopipe.clock import format_at
from cryptopipe.market.sync import BookState, BookSync
from cryptopipe.model.facts import Asset
from cryptopipe.model.money import plain
from cryptopipe.model.naming import named
from cryptopipe.model.trading import Opportunity
from cryptopipe.watching import Change, Watcher, break_even_fee_bps

_WIDE = 120
"""Columns from which every cost has one of its own."""
_MOST_EDGES = 20
_NUMBERS = tuple(
    Column(name, right=True, rank=rank) for name, rank in (("bid", 0), ("size", 1), ("ask", 0), ("size", 1))
)
_PRICES = (Column("instrument"), Column("state", rank=2), Column("proof", rank=3), *_NUMBERS)


class WatchTables:
    """Draws one watcher; columns only grow."""

    def __init__(self, watcher: Watcher, edges: bool, label: str) -> None:
        self._watcher, self._edges, self._label = watcher, edges, label
        self._tables: dict[int, Table] = {}

    def draw(self, change: Change, width: int, height: int | None) -> Group:
        """At most `height` rows; None: all."""
        columns, lines, count = self._edge_lines(width) if self._edges else self._price_lines()
        shown = lines if height is None else lines[: max(1, height - 3)]
        what = "edges" if self._edges else "tops"
        part = "" if len(shown) == count else f", {len(shown)} of {count}"
        title = f"{what} at {format_at(change.at)[:19]}Z{part}" + (f" ({self._label})" if self._label else "")
        if not lines:
            return Group(line_of([(title, "head")], width), line_of([(f"no {what} yet", "dim")], width))
        rows = self._tables.setdefault(len(columns), Table()).rows(columns, shown, width)
        return Group(line_of([(title, "head")], width), *(line_of(row, width) for row in rows))

    def _price_lines(self) -> tuple[Sequence[Column], list[list[Cell]], int]:
        """Books of one pair stand together, the pair of the most books first: what can be compared is seen first."""
        books = [sync for venue in self._watcher.market.books.values() for sync in venue.values()]
        alike = Counter(map(_pair, books))
        books.sort(key=lambda sync: (-alike[_pair(sync)], *_pair(sync), sync.id))
        return _PRICES, [_price(sync) for sync in books], len(books)

    def _edge_lines(self, width: int) -> tuple[Sequence[Column], list[list[Cell]], int]:
        """The open ones by net value, then those that closed, as they were at their best; and how many there are."""
        watcher = self._watcher
        shown = {**watcher.best, **watcher.edges}
        known = {cost.name for edge in shown.values() for cost in edge.costs if not cost.name.startswith("fee ")}
        names = sorted(known) if width >= _WIDE else ["other"]
        columns = [
            Column("edge, bps"), Column("buy → sell", least=16), Column("now", rank=4), Column("gross", right=True),
            Column("fees", right=True, rank=2), *(Column(name, right=True, rank=3) for name in names),
            Column("net", right=True), Column("break-even fee", right=True, rank=1),
            Column("notional", right=True, rank=5), Column("refused for", rank=6),
        ]  # fmt: skip
        order = sorted(shown.values(), key=lambda edge: (edge.edge not in watcher.edges, -edge.net_bps))
        return columns, [self._edge(edge, names) for edge in order[:_MOST_EDGES]], len(order)

    def _edge(self, edge: Opportunity, names: Sequence[str]) -> list[Cell]:
        is_open = edge.edge in self._watcher.edges
        style = "" if is_open else "dim"
        fees = sum((cost.bps for cost in edge.costs if cost.name.startswith("fee ")), Decimal(0))
        costs = {name: sum((cost.bps for cost in edge.costs if cost.name == name), Decimal(0)) for name in names}
        if "other" in names:
            costs["other"] = sum((cost.bps for cost in edge.costs), -fees)
        obstacles = ", ".join(sorted({check_in_words(reason.check) for reason in edge.forbidden_by})) or "-"
        texts = [*named(edge), "open" if is_open else "was"]
        texts += [f"{bps:.2f}" for bps in (edge.gross_bps, fees, *costs.values())]
        pays = "good" if edge.net_bps > 0 and not edge.forbidden_by else style
        break_even = f"{break_even_fee_bps(edge, self._watcher.fees):.2f}"
        rest = (break_even, f"{edge.notional:.2f} {edge.numeraire}", obstacles)
        return [*((text, style) for text in texts), (f"{edge.net_bps:.2f}", pays), *((text, style) for text in rest)]


def _pair(sync: BookSync) -> tuple[Asset, Asset]:
    return sync.instrument.base, sync.instrument.quote


def _price(sync: BookSync) -> list[Cell]:
    top = sync.book.top
    numbers = [top.bid, top.bid_size, top.ask, top.ask_size] if top else [None] * 4
    texts = ["-" if number is None else plain(number) for number in numbers]
    state = sync.state.value, "" if sync.state is BookState.LIVE else "warn"
    return [(sync.id, ""), state, (sync.rule.proof.value, "dim"), *((text, "") for text in texts)]
