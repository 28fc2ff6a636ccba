"""A linear program, with whole columns where asked for, and HiGHS that solves it.

Enters: columns and rows in exact numbers, each with the unit in which it is looked at. Leaves: amounts, the value, what
one more of each bound is worth: floats, which propose. Never: a coefficient whose size is that of a coin's price, by
which a tolerance would mean another thing in every asset.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

Number = int | Decimal | Fraction

_TOLERANCE = 1e-9
"""Of every row and every reduced cost, in its unit; HiGHS takes 1e-10 and above."""
_NODES = 2_000
"""Of branch and bound, after which the best plan so far is told with the bound. Not a time: the same program has the
same answer on every machine.
"""


@dataclass(frozen=True)
class Solution:
    """`amounts` by column, in its own terms; `value` of the objective; `bound`: no better one exists, as far as floats
    can say. `worth` by row: how the value changes with its bound, whole columns staying as they are: `whole`.
    """

    amounts: Sequence[float]
    value: float
    bound: float
    worth: Sequence[float]
    whole: Mapping[int, int] = field(default_factory=dict)


class Program:
    """Maximises the sum of `gain` times amount. Amounts are at least zero."""

    def __init__(self) -> None:
        self._gains: list[Number] = []
        self._highs: list[Number | None] = []
        self._units: list[Number] = []
        self._whole: list[bool] = []
        self._rows: list[dict[int, Fraction]] = []
        self._bounds: list[tuple[str, Number]] = []
        self._row_units: list[Number] = []

    def column(self, gain: Number, high: Number | None, unit: Number = 1, whole: bool = False) -> int:
        """A new one; `unit` is an amount that is neither large nor small."""
        self._gains.append(gain)
        self._highs.append(high)
        self._units.append(1 if whole else unit)
        self._whole.append(whole)
        return len(self._gains) - 1

    def row(self, sense: str, bound: Number, unit: Number = 1) -> int:
        """A new sum that is `<=`, `>=` or `=` its bound."""
        if sense not in ("<=", ">=", "="):
            raise ValueError(f"a row is <=, >= or = its bound, not {sense!r}")
        self._rows.append({})
        self._bounds.append((sense, bound))
        self._row_units.append(unit)
        return len(self._rows) - 1

    def add(self, row: int, column: int, coefficient: Number) -> None:
        """So much of a column in a row, beside what is there of it."""
        entries = self._rows[row]
        entries[column] = entries.get(column, Fraction(0)) + Fraction(coefficient)

    def earn(self, column: int, gain: Number) -> None:
        """So much more for a column."""
        self._gains[column] = Fraction(self._gains[column]) + Fraction(gain)

    @property
    def has_whole(self) -> bool:
        """Whether any column is whole."""
        return any(self._whole)

    def relaxed(self, fixed: Mapping[int, int] | None = None) -> Solution | None:
        """With whole columns at these values, or as if they were not; None if nothing is feasible."""
        from scipy.optimize import linprog

        if not self._gains:
            return Solution((), 0.0, 0.0, [0.0] * len(self._rows))
        matrix, gains, lows, highs, sign, rhs = self._arrays(fixed or {})
        equal = sign == 0
        parts = {"A_eq": matrix[equal], "b_eq": rhs[equal]} if equal.any() else {}
        if (~equal).any():
            factor = sign[~equal]
            parts |= {"A_ub": matrix[~equal].multiply(factor[:, None]).tocsr(), "b_ub": rhs[~equal] * factor}
        found = linprog(
            -gains, bounds=list(zip(lows, highs, strict=True)), method="highs", **parts,
            options={"primal_feasibility_tolerance": _TOLERANCE, "dual_feasibility_tolerance": _TOLERANCE},
        )  # fmt: skip
        if found.status == 2:
            return None
        _solved(found)
        worth = self._worth(found, sign)
        return Solution((found.x * _floats(self._units)).tolist(), -found.fun, -found.fun, worth, fixed or {})

    def solve(self) -> Solution | None:
        """With whole columns whole, the others to the last digit for them; None if nothing is feasible."""
        if not self.has_whole:
            return self.relaxed()
        import numpy as np
        from scipy.optimize import Bounds, LinearConstraint, milp

        matrix, gains, lows, highs, sign, rhs = self._arrays({})
        constraint = LinearConstraint(matrix, np.where(sign == 1, -np.inf, rhs), np.where(sign == -1, np.inf, rhs))
        found = milp(
            -gains, integrality=np.array(self._whole, dtype=int), bounds=Bounds(lows, highs), constraints=constraint,
            options={"mip_rel_gap": 0.0, "node_limit": _NODES},
        )  # fmt: skip
        if found.x is None:
            if found.status != 2:
                _solved(found)
            return None
        whole = {at: round(found.x[at]) for at, is_whole in enumerate(self._whole) if is_whole}
        polished = self.relaxed(whole)
        if polished is None:
            return Solution((found.x * _floats(self._units)).tolist(), -found.fun, -found.mip_dual_bound, (), whole)
        return replace(polished, bound=max(-found.mip_dual_bound, polished.value))

    def _arrays(self, fixed: Mapping[int, int]) -> tuple[Any, ...]:
        """(matrix, gains, lows, highs, sign of each row, its bound), all in units."""
        import numpy as np
        from scipy.sparse import csr_array

        units, row_units = _floats(self._units), _floats(self._row_units)
        places = [(row, column) for row, entries in enumerate(self._rows) for column in entries]
        values = _floats([one for entries in self._rows for one in entries.values()])
        rows, columns = np.array(places, dtype=int).reshape(-1, 2).T
        shape = len(self._rows), len(self._gains)
        matrix = csr_array((values * units[columns] / row_units[rows], (rows, columns)), shape=shape)
        lows = np.zeros(len(self._gains))
        highs = np.array([np.inf if one is None else one for one in self._highs], dtype=np.float64) / units
        for column, value in fixed.items():
            lows[column] = highs[column] = value
        sign = np.array([{"<=": 1, ">=": -1, "=": 0}[sense] for sense, _ in self._bounds], dtype=int)
        rhs = _floats([bound for _, bound in self._bounds]) / row_units
        return matrix, _floats(self._gains) * units, lows, highs, sign, rhs

    def _worth(self, found: Any, sign: Any) -> list[float]:
        """The solver tells what a bound is worth to a minimum, of rows all turned to `<=`."""
        import numpy as np

        told = np.zeros(len(sign))
        if (sign == 0).any():
            told[sign == 0] = found.eqlin.marginals
        if (sign != 0).any():
            told[sign != 0] = found.ineqlin.marginals * sign[sign != 0]
        worth: list[float] = (-told / _floats(self._row_units)).tolist()
        return worth


def _floats(numbers: Sequence[Number]) -> Any:
    import numpy as np

    return np.array(numbers, dtype=np.float64)


def _solved(found: Any) -> None:
    """Raises `ArithmeticError` where the solver gave up: neither an answer nor the proof that there is none."""
    if found.x is None:
        raise ArithmeticError(f"the linear program was not solved: {found.message}")
