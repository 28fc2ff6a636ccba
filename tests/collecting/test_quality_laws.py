"""Laws of what is learned, of what is read, of what is described."""

import gzip
import math
import statistics
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptopipe.collect.schema import SCHEMAS
from cryptopipe.quality.former import LEAST_SPREAD, learned, slope
from cryptopipe.quality.intake import copy
from cryptopipe.quality.rows import opened
from cryptopipe.quality.statistics import describe
from cryptopipe.quality.verdict import FileRefused

counts = st.lists(st.integers(0, 10_000_000).map(float), min_size=7, max_size=60)


@settings(max_examples=40)
@given(values=counts)
def test_most_of_what_was_learned_from_is_in_the_range(values: list[float]) -> None:
    """Half of the values are within one MAD of the median, whatever their law; the range is wider than that."""
    bounds = learned(values, 7, 6)
    assert bounds is not None
    inside = sum(bounds.least - 1e-6 <= one <= bounds.most * (1 + 1e-9) + 1e-6 for one in values)
    assert inside * 2 >= len(values)
    assert 0 <= bounds.least <= statistics.median(values) * (1 + 1e-9) + 1e-6


@settings(max_examples=40)
@given(typical=st.integers(50, 1_000_000), wild=st.lists(st.integers(0, 10**12).map(float), max_size=5), data=st.data())
def test_a_minority_of_wild_hours_does_not_hide_a_loss(typical: int, wild: list[float], data: st.DataObject) -> None:
    """Eleven hours within five percent and up to five wild ones: a tenth and the tenfold are still outside."""
    shares = data.draw(st.lists(st.floats(0.95, 1.05), min_size=11, max_size=11))
    bounds = learned([typical * share for share in shares] + wild, 7, 6)
    assert bounds is not None
    assert typical / 10 < bounds.least <= typical * 1.05 and typical * 0.95 <= bounds.most < typical * 10


@given(value=st.integers(0, 10**9), many=st.integers(7, 40), spread=st.sampled_from([3.0, 6.0]))
def test_what_never_varied_may_vary_a_little(value: int, many: int, spread: float) -> None:
    bounds = learned([float(value)] * many, 7, spread)
    assert bounds is not None
    assert math.log1p(bounds.most) - math.log1p(value) == pytest.approx(LEAST_SPREAD * spread, rel=1e-6)
    assert bounds.least <= value <= bounds.most


@given(values=st.lists(st.floats(0, 1e9), max_size=6))
def test_nothing_is_learned_from_fewer_than_it_needs(values: list[float]) -> None:
    assert learned(values, 7, 6) is None


@given(
    rise=st.floats(-1000, 1000), begin=st.floats(-1e6, 1e6),
    at=st.lists(st.integers(-24, 0), min_size=9, max_size=20, unique=True),
    wild=st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=2),
)  # fmt: skip
def test_a_slope_is_that_of_most_points(rise: float, begin: float, at: list[int], wild: list[float]) -> None:
    line = [(float(x), begin + rise * x) for x in at]
    assert slope(line) == pytest.approx(rise, abs=1e-3)
    for place, y in enumerate(wild):  # of n points w wild ones leave (n-w)(n-w-1) of n(n-1) slopes untouched: over half
        line[place] = (line[place][0], y)
    assert slope(line) == pytest.approx(rise, abs=1e-3)


lines = st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=40), max_size=30)


@settings(max_examples=20)
@given(rows=lines, end=st.booleans(), parts=st.integers(1, 3))
def test_a_copy_has_the_lines_of_its_file(rows: list[str], end: bool, parts: int, tmp_path_factory: Any) -> None:
    """However many members it is packed in; a last line without an end gets one, and is noted."""
    place: Path = tmp_path_factory.getbasetemp()
    text = "".join(f"{row}\n" for row in rows)
    text = text if end else text + "rest"
    data, size = text.encode(), max(1, len(text.encode()) // parts)
    file = place / "a.csv.gz"
    file.write_bytes(b"".join(gzip.compress(data[at : at + size]) for at in range(0, max(1, len(data)), size)))
    copied = copy(file, place)
    assert copied.text.read_bytes() == data + (b"" if end else b"\n")
    assert copied.torn_end is not end
    assert copied.packing == [] and copied.characters == []


@settings(max_examples=20)
@given(cut=st.integers(1, 400), data=st.binary(min_size=500, max_size=900))
def test_no_cut_file_is_taken_for_a_whole_one(cut: int, data: bytes, tmp_path_factory: Any) -> None:
    place: Path = tmp_path_factory.getbasetemp()
    file = place / "b.csv.gz"
    packed = gzip.compress(data, 0)
    file.write_bytes(packed[: len(packed) - cut])
    assert copy(file, place).packing


def test_a_line_without_an_end_is_not_taken_into_memory_whole(tmp_path: Path) -> None:
    file = tmp_path / "c.csv.gz"
    file.write_bytes(gzip.compress(b"x" * (3 << 20), 1))
    copied = copy(file, tmp_path)
    assert copied.text.stat().st_size >= 3 << 20
    with opened(tmp_path, 128, 1) as rows:
        rows.load(copied.text, SCHEMAS["trade"], headed=False)
        longest, total = rows.one("SELECT max(length(raw)), sum(length(raw)) FROM every")
    assert longest <= 1 << 16 and total == 3 << 20


def test_a_full_scratch_disk_refuses_the_file(tmp_path: Path) -> None:
    file = tmp_path / "d.csv.gz"
    file.write_bytes(gzip.compress(b"1,a\n"))
    with pytest.raises(FileRefused, match="No space left"):
        copy(file, tmp_path, keep_free=1 << 62)


numbers = st.decimals(min_value=Decimal("0.00000001"), max_value=Decimal(10) ** 9, places=8)


@settings(max_examples=8)
@given(prices=st.lists(numbers, min_size=1, max_size=60))
def test_columns_are_described_as_computed_another_way(prices: list[Decimal], tmp_path_factory: Any) -> None:
    place: Path = tmp_path_factory.getbasetemp()
    text = place / "rows.csv"
    text.write_text(
        "".join(f"{1700000000000 + at},XY,,{price:f},1,1700000000000,True\n" for at, price in enumerate(prices))
    )
    with opened(place, 128, 1) as rows:
        rows.load(text, SCHEMAS["trade"], headed=False)
        told = {one["column"]: one for one in describe(rows, SCHEMAS["trade"], len(prices))}
    price = told["price"]
    assert (Decimal(price["min"]), Decimal(price["max"])) == (min(prices), max(prices))
    assert float(price["mean"]) == pytest.approx(float(statistics.mean(prices)), rel=1e-9)
    assert float(price["median"]) == pytest.approx(float(statistics.median(prices)), rel=1e-9)
    assert price["count"] == len(prices) and price["missing"] == 0
    assert abs(price["distinct"] - len(set(prices))) <= max(1, len(prices) // 10)
    assert (told["trade_id"]["count"], told["trade_id"]["missing"]) == (0, len(prices))
    assert (told["symbol"]["min"], told["symbol"]["max"], told["symbol"]["mean"]) == ("XY", "XY", None)
