"""Rows of styled text for a terminal, and the least that turns one screenful into the next.

Enters: texts with styles, the rows on the screen now. Leaves: rows of an exact width, and the bytes that change them.
Never: a control character of somebody else's text, or a cell that is written again though it did not change.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.style import Style
from rich.text import Text

Cell = tuple[str, str]
"""Text and the name of its style."""
Row = tuple[Cell, ...]

STYLES = {
    "": Style(),
    "dim": Style(dim=True),
    "bold": Style(bold=True),
    "head": Style(bold=True, color="cyan"),
    "good": Style(color="green"),
    "best": Style(bold=True, color="green"),
    "warn": Style(color="yellow"),
    "bad": Style(bold=True, color="red"),
}
_NEAR = 6
"""Cells between two changes that are cheaper to write again than to jump over."""
_IN_ASCII = str.maketrans({"→": ">", "·": "|", "±": "~", "…": ".", "–": "-"})


@dataclass(frozen=True)
class Column:
    """`rank`: of columns that do not fit, the greatest goes first. One with a `least` width is cut down to it before
    any is left out; 0: never cut.
    """

    name: str
    right: bool = False
    rank: int = 0
    least: int = 0


def clean(text: str, ascii_only: bool = False) -> str:
    """The text in cells of width one: whatever is not, or does not print, becomes `?`."""
    if ascii_only:
        text = text.translate(_IN_ASCII)
    if text.isascii() and text.isprintable():
        return text
    return "".join(one if one.isprintable() and cell_len(one) == 1 and (one.isascii() or not ascii_only) else "?"
                   for one in text)  # fmt: skip


def cut(text: str, width: int) -> str:
    """At most so many cells, with a mark where something is missing."""
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"[:width]


def fit(cells: Sequence[Cell], width: int, ascii_only: bool = False) -> Row:
    """One row, cut or filled up to the width; neighbours of one style become one cell."""
    row: list[Cell] = []
    left = width
    for text, style in cells:
        text = clean(cut(clean(text), left), ascii_only)
        left -= len(text)
        if row and row[-1][1] == style:
            row[-1] = (row[-1][0] + text, style)
        elif text:
            row.append((text, style))
    if left:
        row.append((" " * left, ""))
    return tuple(row)


class Table:
    """Aligned columns whose widths only grow, so that a screen does not wobble with its numbers."""

    def __init__(self) -> None:
        self._widths: dict[int, int] = {}

    def rows(self, columns: Sequence[Column], lines: Sequence[Sequence[Cell]], width: int) -> list[list[Cell]]:
        """The header and the lines, each as cells that fit the width; what does not fit is left out."""
        for index, column in enumerate(columns):
            most = max((len(line[index][0]) for line in lines), default=0)
            self._widths[index] = max(len(column.name), column.least, most, self._widths.get(index, 0))
        shown = self._shown(columns, width)
        widths = self._fitted(columns, shown, width)
        head: list[Cell] = [(column.name, "dim") for column in columns]
        return [self._aligned([line[i] for i in shown], [columns[i] for i in shown], widths) for line in (head, *lines)]

    def _least(self, columns: Sequence[Column], index: int) -> int:
        return min(self._widths[index], columns[index].least or self._widths[index])

    def _shown(self, columns: Sequence[Column], width: int) -> list[int]:
        shown = list(range(len(columns)))
        while len(shown) > 1 and sum(self._least(columns, i) + 2 for i in shown) - 2 > width:
            shown.remove(max(shown, key=lambda i: (columns[i].rank, i)))
        return shown

    def _fitted(self, columns: Sequence[Column], shown: Sequence[int], width: int) -> list[int]:
        left = width - sum(self._least(columns, i) + 2 for i in shown) + 2
        widths = []
        for i in shown:
            more = max(0, min(left, self._widths[i] - self._least(columns, i)))
            left -= more
            widths.append(self._least(columns, i) + more)
        return widths

    @staticmethod
    def _aligned(line: Sequence[Cell], columns: Sequence[Column], widths: Sequence[int]) -> list[Cell]:
        cells: list[Cell] = []
        for (text, style), column, width in zip(line, columns, widths, strict=True):
            text = cut(text, width)
            gap = " " * (width - len(text))
            cells += [(gap, ""), (text, style)] if column.right else [(text, style), (gap, "")]
            cells.append(("  ", ""))
        return cells[:-1]


def painted(color_system: ColorSystem | None, colours: bool) -> Callable[[str, str], str]:
    """What writes a text in a style of `STYLES`; without a colour system, or colours, as plain as that asks."""
    styles = {name: style if colours else style.without_color for name, style in STYLES.items()}

    def paint(text: str, style: str) -> str:
        return styles[style].render(text, color_system=color_system) if style else text

    return paint


def changes(before: Sequence[Row], after: Sequence[Row], paint: Callable[[str, str], str]) -> str:
    """What to write so that a screen that shows `before` shows `after`; rows of equal widths, and as many."""
    return "".join(
        _row_changes(number, old, new, paint)
        for number, (old, new) in enumerate(zip(before, after, strict=True), start=1)
        if old != new
    )


def _row_changes(number: int, old: Row, new: Row, paint: Callable[[str, str], str]) -> str:
    was = [(one, style) for text, style in old for one in text]
    now = [(one, style) for text, style in new for one in text]
    told, at = [], 0
    differing = [i for i, (one, other) in enumerate(zip(was, now, strict=True)) if one != other]
    while at < len(differing):
        first = last = differing[at]
        while at < len(differing) and differing[at] - last <= _NEAR:
            last = differing[at]
            at += 1
        told.append(f"\x1b[{number};{first + 1}H")
        for style, run in groupby(now[first : last + 1], key=lambda cell: cell[1]):
            told.append(paint("".join(one for one, _ in run), style))
    return "".join(told)


def line_of(cells: Sequence[Cell], width: int) -> Text:
    """The cells as one line that is not wrapped."""
    line = Text(no_wrap=True, overflow="crop")
    for text, style in fit(cells, width):
        line.append(text, STYLES[style])
    line.rstrip()
    return line
