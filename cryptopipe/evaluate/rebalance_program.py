"""The linear program of a rebalancing: a row for what each place ends with, whose dual is its shadow price.

Enters: a snapshot, a wish, what earlier tries lacked. Leaves: a program, and quantities and amounts read off its
solution. Never: an asset without a value: it stays where it is.
"""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from cryptopipe.evaluate.optimum_plan import Amounts, Quantities, on_places
from cryptopipe.evaluate.optimum_program import at_least, in_orders, order
from cryptopipe.evaluate.program import Program, Solution
from cryptopipe.evaluate.rebalance_terms import Wish, lost
from cryptopipe.evaluate.snapshot import Node, Route, Shown, Snapshot, passage, pieces, undominated
from cryptopipe.model.facts import Asset, Side, VenueId
from cryptopipe.model.money import rounded


class Rebalancing:
    """Maximises the negative of the cost. `reserves`: by place, what is to be there beside what must be."""

    def __init__(self, snapshot: Snapshot, wish: Wish, reserves: Mapping[Node, Fraction]) -> None:
        self.program = Program()
        self._snapshot, self._wish = snapshot, wish
        self._values = {asset: one for asset, one in snapshot.values(wish.numeraire).items() if one}
        self.balances: dict[Node, int] = {}
        """The row of each place: what is left there is what was, less what goes, with what comes."""
        self._left: dict[Node, int] = {}
        self._levels: dict[tuple[int, Side], list[int]] = {}
        self._sent: dict[int, tuple[int, int | None]] = {}
        for node in snapshot.nodes:
            if node[1] in self._values:
                self._place(node, reserves.get(node, Fraction(0)))
        for venue, most in wish.charges.limits.items():
            self._limit(venue, most)
        for number, shown in snapshot.tradable:
            if {shown.instrument.base, shown.instrument.quote} <= wish.convertible & self._values.keys():
                for side in Side:
                    self._convert(number, shown, side)
        routes = [(n, one) for n, one in snapshot.passable if one.minutes is not None and one.asset in self._values]
        for number, route in undominated(routes):
            self._route(number, route)

    def _value(self, asset: Asset) -> Fraction:
        return Fraction(self._values[asset])

    def _place(self, node: Node, reserve: Fraction) -> None:
        program, value, charges = self.program, self._value(node[1]), self._wish.charges
        self.balances[node] = program.row("=", self._snapshot.held(node) - reserve, 1 / value)
        self._left[node] = program.column(-value * charges.held(node[0]), None, 1 / value)
        program.add(self.balances[node], self._left[node], 1)
        target = self._wish.targets.get(node, Decimal(0))
        if target and charges.short:
            short = program.column(-value * charges.short, target, 1 / value)
            wanted = program.row(">=", target, 1 / value)
            program.add(wanted, self._left[node], 1)
            program.add(wanted, short, 1)

    def _limit(self, venue: VenueId, most: Decimal) -> None:
        row, above = self.program.row("<=", most), self.program.column(-1, None)
        self.program.add(row, above, -1)
        for node, column in self._left.items():
            if node[0] == venue:
                self.program.add(row, column, self._value(node[1]))

    def _convert(self, number: int, shown: Shown, side: Side) -> None:
        unit = 1 / self._value(shown.instrument.base)
        columns = []
        for piece in pieces(shown, side):
            column = self.program.column(-lost(piece, self._values), piece.size, unit)
            self.program.add(self.balances[piece.source], column, piece.spends)
            self.program.add(self.balances[piece.target], column, -piece.brings)
            columns.append(column)
        in_orders(self.program, columns, shown, side, unit)
        self._levels[number, side] = columns

    def _route(self, number: int, route: Route) -> None:
        most, value, program = self._most(route), self._value(route.asset), self.program
        if most < route.smallest or most <= 0:
            return
        kept, unit = passage(route), 1 / value
        share = 1 - route.kept  # of what is sent beyond the fixed fee
        column = program.column(-value * (share + self._wish.charges.in_flight(route)), most, unit)
        program.add(self.balances[kept.source], column, 1)
        program.add(self.balances[kept.target], column, -kept.brings)
        goes = None
        if route.smallest:
            fee = Fraction(route.fee) * route.kept
            goes = at_least(program, column, route.smallest, most, unit)
            program.earn(goes, -value * fee)
            program.add(self.balances[kept.target], goes, fee)
        self._sent[number] = column, goes

    def _most(self, route: Route) -> Fraction:
        """All that is held of the asset, or anything can be converted into: no more can be sent."""
        alike = self._wish.convertible if route.asset in self._wish.convertible else {route.asset}
        held = ((asset, self._snapshot.held((venue, asset))) for venue, asset in self.balances if asset in alike)
        worth = sum((amount * self._value(asset) for asset, amount in held), Fraction(0))
        most = 2 * worth / self._value(route.asset)  # twice: prices of conversions differ, by less than that
        return most if route.maximum is None else min(most, Fraction(route.maximum))

    def solve(self, whole: Mapping[int, int] | None = None) -> Solution:
        """The best, with whole columns at these values if that is feasible. Doing nothing always is, within limits."""
        found = self.program.relaxed(whole) if whole is not None else None
        found = found or self.program.solve()
        if found is None:
            raise ArithmeticError("nothing is left after what rounding asks for")
        return found

    def read(self, solution: Solution) -> tuple[Quantities, Amounts]:
        """What the solution proposes, on every grid; zeros left out."""
        books, told = self._snapshot.books, solution.amounts
        quantities = {
            (number, side): order(books[number], side, [told[column] for column in columns])
            for (number, side), columns in self._levels.items()
        }
        amounts = {}
        for number, (column, goes) in self._sent.items():
            if goes is None or round(solution.amounts[goes]):
                amounts[number] = on_places(self._snapshot.routes[number], rounded(max(0.0, solution.amounts[column])))
        return {k: one for k, one in quantities.items() if one}, {k: one for k, one in amounts.items() if one}
