"""Numbers and levels, whichever core is active: what was written comes back, what is no number is refused.

Enters: written numbers in the three formats. Leaves: a verdict. Never: a float.
"""

from decimal import Decimal

import pytest
from differential.sequences import FORMS, Row, good_rows, lawful, plain, write
from hypothesis import given
from hypothesis import strategies as st

from cryptopipe.core import SCALE, Levels
from cryptopipe.errors import PrecisionError, ProtocolError
from cryptopipe.model.events import LevelFormat

pytestmark = pytest.mark.core


def written(whole: int, fraction: str) -> str:
    return f"{whole}.{fraction}" if fraction else str(whole)


def units(text: str) -> int:
    whole, _, fraction = text.partition(".")
    return int(whole + fraction.ljust(SCALE, "0"))


numbers = st.builds(written, st.integers(1, 10**25), st.text("0123456789", max_size=12))


@lawful
@given(st.lists(st.tuples(numbers, numbers, st.booleans(), st.booleans()), max_size=5), st.sampled_from(FORMS))
def test_numbers_come_back_as_written(rows: list[tuple[str, str, bool, bool]], form: LevelFormat) -> None:
    levels = Levels.parse(write([Row(bids, price, size, bare) for price, size, bids, bare in rows], form), form)
    assert [(plain(price), plain(size)) for price, size in levels] == [row[:2] for row in rows]
    assert levels.units() == [(units(price), units(size)) for price, size, _, _ in rows]


@lawful
@given(st.integers(0, 10**30), st.integers(-16, 20))
def test_exponents_are_exact_or_refused(digits: int, exponent: int) -> None:
    text = f"{digits}e{exponent}"
    value = (
        Decimal(digits) * 10 ** (exponent + SCALE) if exponent >= -SCALE else Decimal(digits).scaleb(exponent + SCALE)
    )
    raw = f'[["1","{text}"]]'.encode()
    if value == int(value) and value < 2**127:
        assert Levels.parse(raw, LevelFormat()).units() == [(10**SCALE, int(value))]
    else:
        with pytest.raises(PrecisionError):
            Levels.parse(raw, LevelFormat())


@pytest.mark.parametrize(
    "text", ["", ".", "1.", ".5", "-1", "+1", "1 ", "1_0", "NaN", "Infinity", "0x1", "1e", "1.2.3", "١"]
)
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError, match="not a number at or above zero"):
        Levels.parse(f'[["1","{text}"]]'.encode(), LevelFormat())


@lawful
@given(st.lists(good_rows, max_size=8))
def test_sides_are_told_apart(rows: list[Row]) -> None:
    form = LevelFormat("px", "qty", "side", "bid", "offer")
    for bids in (True, False):
        levels = Levels.parse(write(rows, form), form, bids)
        expected = [(Decimal(row.price), Decimal(row.size)) for row in rows if row.is_bid is bids]
        assert list(levels) == expected


def test_levels_are_a_sequence() -> None:
    levels = Levels.parse(b'[["3","1"],["2","1"]]', LevelFormat())
    assert len(levels) == 2
    assert levels[-1] == (Decimal(2), Decimal(1))
    with pytest.raises(IndexError):
        levels[2]


def test_a_format_has_positions_or_keys() -> None:
    for place in ((0, "size"), (-1, 0), ("price", "size", 2)):
        with pytest.raises(ValueError, match="positions from 0 or keys, not both"):
            LevelFormat(*place)
