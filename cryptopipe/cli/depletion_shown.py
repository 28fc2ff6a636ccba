"""What `sell` and `buy` show: a line, a tree of limits for each venue, the merged book, the list; or JSON.

Enters: what was seen. Leaves: text, or documents. Never: a number of the books or of the answer cut short without
`--json` having it whole, a venue left out without a word.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Context, Decimal, Inexact
from fractions import Fraction
from time import monotonic
from typing import Any

import click
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from cryptopipe.cli.depletion_books import Seen, notes_of
from cryptopipe.cli.output import print_json, terminal
from cryptopipe.clock import SECOND, Nanos, format_at
from cryptopipe.evaluate.certificate import in_digits
from cryptopipe.evaluate.depletion import Walk
from cryptopipe.model.facts import Side
from cryptopipe.model.money import exact, in_bps, plain, readable

_REFRESHES_PER_S = 4
_PIPED_WIDTH = 140
_WHOLE = Context(prec=60, traps=[Inexact])


def number(value: Fraction) -> str:
    """Exactly if it ends within 60 digits, else to 12 significant ones."""
    try:
        return plain(_WHOLE.divide(Decimal(value.numerator), Decimal(value.denominator)))
    except Inexact:
        return plain(in_digits(value))


def document(seen: Seen, market: str, label: str, seed: int | None, max_age: Nanos) -> dict[str, Any]:
    """The contract of `sell --json` and `buy --json`."""
    question, merged = seen.question, seen.depletion.merged
    return {
        "side": question.side.value,
        "quantity": plain(question.quantity),
        "symbol": question.symbol,
        "at": format_at(seen.at),
        "missing": plain(merged.missing),
        "fees": {
            venue: {
                "rate": plain(one.taker_rate),
                "charged_in": one.charged_in,
                "source": one.source,
                "as_of": one.as_of,
            }
            for venue, one in seen.fees.items()
        }
        if question.fees
        else None,
        "market": market,
        "seed": seed,
        "label": label,
        "venues": {venue: _venue(seen, venue) for venue in seen.books},
        "merged": {
            **_figures(merged),
            "orders": _orders(seen),
            "levels": [[one.venue, number(one.price), plain(one.quantity)] for one in merged.taken],
        },
        "best_alone": seen.depletion.best_alone,
        "left_out": dict(seen.left_out),
        "notes": notes_of(seen, max_age),
    }


def _figures(walk: Walk) -> dict[str, Any]:
    return {
        "filled": plain(walk.filled),
        "missing": plain(walk.missing),
        "vwap": None if walk.vwap is None else plain(in_digits(walk.vwap)),
        "notional": number(walk.notional),
    }


def _venue(seen: Seen, venue: str) -> dict[str, Any]:
    walk, book = seen.depletion.venues[venue], seen.books[venue]
    return {
        **_figures(walk),
        "limit": None if walk.limit is None else plain(walk.limit),
        "order": number(walk.ordered),
        "symbol": book.instrument.symbol,
        "proof": book.proof or None,
        "age_s": plain(Decimal(book.age) / SECOND),
        "levels": [[number(one.price), plain(one.quantity)] for one in walk.taken],
    }


def _orders(seen: Seen) -> dict[str, dict[str, str | None]]:
    """What to order where, for the merged book."""
    shares = ((venue, seen.depletion.merged.share(venue)) for venue in seen.books)
    return {
        venue: {"order": number(share.ordered), "limit": None if share.limit is None else plain(share.limit)}
        for venue, share in shares
        if share.taken
    }


def summary(seen: Seen) -> str:
    """One line."""
    question, merged = seen.question, seen.depletion.merged
    words = f"{question.side.value} {plain(question.quantity)} {question.base}: "
    if merged.vwap is None:
        return words + f"nothing is there; {plain(merged.missing)} missing"
    venues = len({one.venue for one in merged.taken})
    words += f"{plain(merged.filled)} filled at {venues} venue{'s' * (venues > 1)}"
    words += f", {plain(merged.missing)} missing" if merged.missing else ""
    words += f"; {readable(in_digits(merged.vwap))} {question.quote} each"
    words += f", {readable(in_digits(merged.notional))} in all" + (
        " after fees" if question.fees else ", fees not counted"
    )
    return words + f"; {_slippage(merged)} bps from the best price" + _against_alone(seen)


def _slippage(walk: Walk) -> str:
    assert walk.vwap is not None
    best, average = in_digits(walk.taken[0].price), in_digits(walk.vwap)
    with exact():
        off = best - average if walk.side is Side.SELL else average - best
    return f"{in_bps(off, best):.2f}"


def _against_alone(seen: Seen) -> str:
    merged, name = seen.depletion.merged, seen.depletion.best_alone
    if name is None or merged.missing:
        return "; no venue has it alone" if len(seen.books) > 1 and not merged.missing else ""
    gain = abs(seen.depletion.venues[name].notional - merged.notional)
    return f"; {readable(in_digits(gain))} {seen.question.quote} better than {name} alone" if gain else ""


def drawn(seen: Seen, head: str, max_age: Nanos, rows: int | None) -> Group:
    """Everything, or in each part at most `rows` limits."""
    parts: list[RenderableType] = [_line(head), _line(f"at {format_at(seen.at)[:23]}Z  " + summary(seen), "bold")]
    parts += [_tree(seen, venue, rows) for venue in seen.books]
    if seen.depletion.merged.taken:
        parts.append(_merged(seen, rows))
    if rows is None and seen.depletion.merged.taken:
        parts.append(_line("(price, volume)", "bold"))
        parts += [_line(f"({number(one.price)}, {plain(one.quantity)})") for one in seen.depletion.merged.taken]
    parts += [_line(f"left out: {venue}: {why}", "yellow") for venue, why in seen.left_out.items()]
    parts += [_line(f"note: {note}", "dim") for note in notes_of(seen, max_age)]
    return Group(*parts)


def _line(text: str, style: str = "") -> Text:
    return Text(text, style=style)


def _tree(seen: Seen, venue: str, rows: int | None) -> Tree:
    walk = seen.depletion.venues[venue]
    what = f"{venue} {seen.books[venue].instrument.symbol}: {plain(walk.filled)} filled"
    what += f", {plain(walk.missing)} missing" if walk.missing else ""
    if walk.vwap is not None:
        what += f", {readable(in_digits(walk.vwap))} {seen.question.quote} each"
        if seen.question.fees:
            what += f"; an order of {number(walk.ordered)} at {plain(walk.limit or Decimal(0))}"
    tree = Tree(_line(what, "bold"))
    lines = [(number(one.taken.price), plain(one.taken.quantity), plain(one.volume), number_shown(one.vwap))
             for one in walk.running()]  # fmt: skip
    for text in _aligned([("limit", "quantity", "running", "average"), *lines][: None if rows is None else rows + 1]):
        tree.add(_line(text))
    if rows is not None and len(lines) > rows:
        tree.add(_line(f"and {len(lines) - rows} more limits", "dim"))
    return tree


def number_shown(value: Fraction) -> str:
    """To 12 digits at most: an average for the eye."""
    return readable(in_digits(value))


def _aligned(lines: Sequence[Sequence[str]]) -> Iterator[str]:
    if len(lines) < 2:
        return
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        yield "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))


def _merged(seen: Seen, rows: int | None) -> Table:
    running = list(seen.depletion.merged.running())
    cut = "" if rows is None or len(running) <= rows else f", {rows} of {len(running)} limits"
    table = Table(title=f"all venues, best price first{cut}", title_justify="left")
    table.add_column("venue", no_wrap=True)
    net = ["limit", "net price"] if seen.question.fees else ["limit"]
    for column in (*net, "quantity", "running", "average"):
        table.add_column(column, justify="right", no_wrap=True)
    for taken, volume, vwap in running[:rows]:
        prices = [plain(taken.limit), number(taken.price)] if seen.question.fees else [plain(taken.limit)]
        table.add_row(taken.venue, *prices, plain(taken.quantity), plain(volume), number_shown(vwap))
    return table


class Screen:
    """Where it is shown: lines of JSON, a table that follows, or once at the end."""

    def __init__(self, live: Live | None, watch: bool, as_json: bool, max_age: Nanos) -> None:
        self._live, self._watch, self._json, self._max_age = live, watch, as_json, max_age
        self._of: tuple[str, str, int | None] = ("", "", None)
        self._told: dict[str, Any] = {}
        self._next_at = 0.0

    def of(self, market: str, label: str, seed: int | None) -> None:
        """Which market it is."""
        self._of = (market, label, seed)

    @property
    def due(self) -> bool:
        """Whether a look would be shown now: every one as JSON, else at most four a second."""
        return self._watch if self._json else self._live is not None and monotonic() >= self._next_at

    def show(self, seen: Seen) -> None:
        """A change: one line of JSON if the answer is another, or the table again."""
        if self._json:
            self._tell(seen)
        elif self._live is not None:
            self._next_at = monotonic() + 1 / _REFRESHES_PER_S
            self._live.update(self._fitted(seen), refresh=True)

    def end(self, seen: Seen) -> None:
        """The last look, whole."""
        if self._json:
            self._tell(seen)
            return
        whole = drawn(seen, self._head, self._max_age, None)
        if self._live is not None:
            self._live.update(self._fitted(seen) if self._watch else whole, refresh=True)
        else:
            terminal(None if sys.stdout.isatty() else _PIPED_WIDTH).print(whole)

    def _tell(self, seen: Seen) -> None:
        told = document(seen, *self._of, self._max_age)
        answer = {name: told[name] for name in ("missing", "merged", "left_out")}
        if answer == self._told:
            return
        self._told = answer
        if self._watch:
            click.echo(json.dumps({"schema": 1, **told}))
        else:
            print_json(told)

    @property
    def _head(self) -> str:
        market, label, seed = self._of
        return ", ".join(
            text for text in (f"{market}: {label}" if label else market, f"seed {seed}" * (seed is not None)) if text
        )

    def _fitted(self, seen: Seen) -> Group:
        assert self._live is not None
        parts = len(seen.books) + 1
        fixed = 4 + 3 * len(seen.books) + 5 + len(seen.left_out) + len(seen.books)
        return drawn(seen, self._head, self._max_age, max(1, (self._live.console.height - fixed) // parts))


@contextmanager
def shown(follow: bool, watch: bool, as_json: bool, max_age: Nanos) -> Iterator[Screen]:
    """`follow`: a table that is drawn again, where there is a terminal."""
    console = terminal()
    if follow and not as_json and console.is_terminal:
        with Live(console=console, auto_refresh=False) as live:
            yield Screen(live, watch, as_json, max_age)
    else:
        yield Screen(None, watch, as_json, max_age)
