"""The linear program of an optimum: a column for each level and route, a row for each pool and balance.

Enters: a snapshot, a question, what earlier tries lacked. Leaves: a program, and quantities and amounts read off its
solution. Never: a unit of one asset beside a unit of another: each is looked at in the numeraire's worth.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

from cryptopipe.evaluate.optimum_plan import Amounts, Lack, Lacking, Quantities, Question, on_places, sizes
from cryptopipe.evaluate.program import Program, Solution
from cryptopipe.evaluate.snapshot import Node, Piece, Route, Shown, Snapshot, passage, pieces, undominated
from cryptopipe.model.facts import Asset, Side
from cryptopipe.model.money import exact, rounded

_FULL = Decimal("1e-9")
"""A level of which less than this share is left is taken whole."""
_COUNTED = 10**6
"""Lots, or decimal steps of a transfer. Of more they are not counted."""
Reserves = Mapping[Lacking, Fraction]


class Layout:
    """The program of one question over a snapshot, with `reserves` that each row keeps beyond what it must. `elastic`:
    what lacks may be paid for, at ten times its value.
    """

    def __init__(self, snapshot: Snapshot, question: Question, reserves: Reserves, elastic: bool = False) -> None:
        self.program = Program()
        self._snapshot, self._question, self._reserves = snapshot, question, reserves
        self._values = snapshot.values(question.numeraire)
        self.pools: dict[Node, int] = {}
        """The row of each pool."""
        self.stocks: dict[Node, int] = {}
        """The row of each balance that bounds."""
        self._levels: dict[tuple[int, Side], list[int]] = {}
        self.sent: dict[int, tuple[int, int | None]] = {}
        """Of a route: what leaves, and whether anything does."""
        self.largest: dict[int, Fraction] = {}
        """Of a route: no more can leave."""
        self.levels: list[list[Piece]] = []
        """Of each book and side that can be used."""
        self._supplies: dict[Asset, Fraction] = {}
        self.pieces: list[Piece] = []
        """What the program may use, with each route's fixed fee as its share of the largest amount."""
        for number, shown in snapshot.tradable:
            for side in Side:
                self._trade(number, shown, side)
        for number, route in undominated(snapshot.passable):
            self._route(number, route)
        for (_, asset), row in (*self.pools.items(), *self.stocks.items()) if elastic else ():
            unit, sign = self._unit(asset), 1 if row in self.pools.values() else -1
            self.program.add(row, self.program.column(-10 / unit, None, unit), sign)

    def _unit(self, asset: Asset) -> Fraction:
        """What is worth about one of the numeraire; one of the asset where nobody knows."""
        return 1 / Fraction(self._values.get(asset, Decimal(1)))

    def _usable(self, node: Node) -> bool:
        return not self._question.bounds(node) or self._snapshot.held(node) > 0

    def _trade(self, number: int, shown: Shown, side: Side) -> None:
        found = pieces(shown, side)
        if not found or not self._usable(found[0].source):
            return
        unit = self._unit(shown.instrument.base)
        columns = []
        for piece in found:
            column = self.program.column(0, piece.size, unit)
            self._flow(column, piece)
            columns.append(column)
        self.pieces += found
        self.levels.append(found)
        self._levels[number, side] = columns
        if self._question.lots:
            in_orders(self.program, columns, shown, side, unit)

    def _flow(self, column: int, piece: Piece) -> None:
        """A column that spends at one node and brings at another."""
        self._change(column, piece.target, piece.brings)
        self._change(column, piece.source, -piece.spends)
        if self._question.bounds(piece.source):
            self.program.add(self._stock(piece.source), column, piece.spends)

    def _change(self, column: int, node: Node, amount: Fraction) -> None:
        pool = self._question.pool(node)
        if pool not in self.pools:
            reserve = self._reserves.get((Lack.POOL, pool), Fraction(0))
            self.pools[pool] = self.program.row(">=", reserve, self._unit(node[1]))
        self.program.add(self.pools[pool], column, amount)
        if node[1] == self._question.numeraire:
            self.program.earn(column, amount)

    def _stock(self, node: Node) -> int:
        if node not in self.stocks:
            least = self._snapshot.held(node) - self._reserves.get((Lack.STOCK, node), Fraction(0))
            self.stocks[node] = self.program.row("<=", max(Fraction(0), least), self._unit(node[1]))
        return self.stocks[node]

    def _route(self, number: int, route: Route) -> None:
        source, target = route.ends
        most = self._most(route)
        if not self._usable(source) or most < route.smallest or most <= 0:
            return
        program, unit = self.program, self._unit(route.asset)
        line = passage(route)
        column = program.column(0, most, unit)
        self._flow(column, line)
        self.pieces.append(passage(route, most))
        self.largest[number] = most
        if self._question.lots and route.precision is not None and most * 10**route.precision <= _COUNTED:
            in_lots(program, [column], Fraction(1, 10**route.precision), most, unit)
        if not route.smallest:
            self.sent[number] = column, None
            return
        goes = at_least(program, column, route.smallest, most, unit)
        self._change(goes, target, -route.kept * Fraction(route.fee))
        self.sent[number] = column, goes

    def _most(self, route: Route) -> Fraction:
        """No more than this can be sent."""
        source, _ = route.ends
        most = self._snapshot.held(source) if self._question.bounds(source) else self._supply(route.asset)
        return most if route.maximum is None else min(most, Fraction(route.maximum))

    def _supply(self, asset: Asset) -> Fraction:
        """All of an asset that is held or can be bought."""
        if asset not in self._supplies:
            held = (self._snapshot.held(node) for node in self._snapshot.nodes if node[1] == asset)
            bought = (piece.brings * (piece.size or 0) for piece in self.pieces if piece.target[1] == asset)
            self._supplies[asset] = sum(held, Fraction(0)) + sum(bought, Fraction(0))
        return self._supplies[asset]

    def read(self, solution: Solution) -> tuple[Quantities, Amounts]:
        """What the solution proposes, on every grid; zeros left out."""
        quantities = {key: self._quantity(key, solution) for key in self._levels}
        amounts = {}
        for number, (column, goes) in self.sent.items():
            if goes is None or round(solution.amounts[goes]):
                route = self._snapshot.routes[number]
                amounts[number] = on_places(route, rounded(max(0.0, solution.amounts[column])))
        return {key: one for key, one in quantities.items() if one}, {k: one for k, one in amounts.items() if one}

    def _quantity(self, key: tuple[int, Side], solution: Solution) -> Decimal:
        shown = self._snapshot.books[key[0]]
        if self._question.lots:
            return order(shown, key[1], [solution.amounts[column] for column in self._levels[key]])
        total = Decimal(0)
        with exact():
            for column, (_, size) in zip(self._levels[key], shown.ladder(key[1]), strict=True):
                taken = rounded(max(0.0, solution.amounts[column]))
                total += size if taken >= size * (1 - _FULL) else taken
        return total


def in_lots(program: Program, columns: Sequence[int], lot: Fraction, most: Fraction, unit: Fraction) -> int:
    """The columns together are a whole number of lots: its column."""
    lots, on_grid = program.column(0, most / lot, whole=True), program.row("=", 0, unit)
    program.add(on_grid, lots, -lot)
    for column in columns:
        program.add(on_grid, column, 1)
    return lots


def in_orders(program: Program, levels: Sequence[int], shown: Shown, side: Side, unit: Fraction) -> None:
    """The levels together are nothing, or a number of lots that the venue takes. Lots that are many are not counted:
    what cutting to one loses is asked for again, and a solver takes numbers of many digits for what they are not.
    """
    assert shown.instrument.rules is not None, "a book without a grid is not tradable"
    step, ranges = Fraction(shown.instrument.rules.step), sizes(shown, side)
    most = ranges[-1][1] if ranges else 0
    if most <= _COUNTED:
        in_lots(program, levels, step, most * step, unit)
    if ranges and ranges[0] == (1, most):
        return
    fewest, highest, one = program.row(">=", 0, unit), program.row("<=", 0, unit), program.row("<=", 1)
    for column in levels:
        program.add(fewest, column, 1)
        program.add(highest, column, 1)
    for low, high in ranges:
        within = program.column(0, 1, whole=True)
        program.add(fewest, within, -low * step)
        program.add(highest, within, -high * step)
        program.add(one, within, 1)


def order(shown: Shown, side: Side, taken: Sequence[float]) -> Decimal:
    """What was taken of each level as one order on the venue's grid, the nearest; at most what it takes."""
    assert shown.instrument.rules is not None, "a book without a grid is not tradable"
    ranges, step = sizes(shown, side), shown.instrument.rules.step
    with exact():
        total = sum((rounded(max(0.0, one)) for one in taken), Decimal(0))
        lots = min(round(Fraction(total) / Fraction(step)), ranges[-1][1] if ranges else 0)
        return lots * step


def at_least(program: Program, column: int, smallest: Fraction, most: Fraction, unit: Fraction) -> int:
    """The column is zero, or between the two: the column that says whether it is anything."""
    anything = program.column(0, 1, whole=True)
    least, largest = program.row(">=", 0, unit), program.row("<=", 0, unit)
    program.add(least, column, 1)
    program.add(least, anything, -smallest)
    program.add(largest, column, 1)
    program.add(largest, anything, -most)
    return anything
