"""The schedule of faults: what a file says, what the page says, and the two mirrors that faults look through."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal as D
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptopipe.clock import LAST, MILLISECOND, SECOND, Nanos
from cryptopipe.errors import ConfigError
from cryptopipe.model.facts import Asset, Instrument, Side, TradingRules, VenueId
from cryptopipe.sandbox.engine import Engine
from cryptopipe.sandbox.fault_kinds import ACTION_KINDS, BILLION, MARKET_KINDS, Kind, Scope
from cryptopipe.sandbox.faults import Fault, load_faults
from cryptopipe.sandbox.mirrors import LaggedBook, ShiftedBook, WrongClock
from cryptopipe.settings.kinds import duration_text

PAGE = Path(__file__).parents[2] / "docs" / "sandbox.md"
T: Nanos = 1_800_000_000 * SECOND
RULES = TradingRules(D("0.01"), D("0.001"), D("0.001"), D(0))
DURATIONS = {"retry_after", "delay", "age", "offset"}


def load(text: str, tmp_path: Path) -> tuple[Fault, ...]:
    file = tmp_path / "faults.yaml"
    file.write_text(text, encoding="utf-8")
    return load_faults(file, ("alpha", "beta"))


def written(key: str, value: int) -> str:
    if key in ("digit", "done"):
        return f"`{key}: {('false', 'true')[value]}`"
    if key == "share":
        return f"`{key}: {value / BILLION}`"
    return f"`{key}: {duration_text(value) if key in DURATIONS else value}`"


@pytest.mark.parametrize(("place", "kinds"), [(1, MARKET_KINDS), (2, ACTION_KINDS)])
def test_the_page_lists_every_kind_with_its_keys_and_defaults(place: int, kinds: Mapping[str, Kind]) -> None:
    table = PAGE.read_text(encoding="utf-8").split("| kind | drawn for each |")[place].split("\n\n")[0]
    rows = re.findall(r"^\| `(\w+)` \| (\w*) ?\| (.*?) ?\| [^|]+ \|$", table, re.MULTILINE)
    assert rows == [
        (name, "" if kind.scope is Scope.VENUE else kind.scope.value,
         ", ".join([written(key, one.default) for key, one in kind.keys.items()]
                   + [f"`{key}: {one.default}`" for key, one in kind.words.items()]))
        for name, kind in kinds.items()
    ]  # fmt: skip


def test_the_example_of_the_page_is_a_schedule(tmp_path: Path) -> None:
    example = PAGE.read_text(encoding="utf-8").split("<!-- example -->\n```yaml\n")[1].split("```")[0]
    drop, reset, refuse, offset, drift = load(example, tmp_path)
    assert drop == Fault("drop", 10 * SECOND, 5 * SECOND, "", 0.1)
    assert (reset.kind, reset.at, reset.until) == ("reset", 20 * SECOND, 21 * SECOND)
    assert (refuse.lasts, refuse["retry_after"]) == (10 * SECOND, 3 * SECOND)
    assert (offset["offset"], drift["drift_ppm"], offset.lasts) == (-2 * SECOND, -50, LAST)


def test_the_example_of_faults_on_actions_is_a_schedule(tmp_path: Path) -> None:
    example = PAGE.read_text(encoding="utf-8").split("<!-- actions -->\n```yaml\n")[1].split("```")[0]
    lost, late, shut, stuck = load(example, tmp_path)
    assert (lost.probability, late["delay"], stuck.at, stuck.lasts) == (0.5, SECOND // 2, 3600 * SECOND, 3600 * SECOND)
    assert lost.allows("of", "order") and not lost.allows("of", "cancel") and lost.allows("asset", "BTC")
    assert shut.allows("asset", "BTC") and not shut.allows("asset", "ETH") and shut.allows("network", "whatever")


def test_a_word_that_is_not_given_leaves_all_open(tmp_path: Path) -> None:
    (fault,) = load("- {kind: action_5xx, done: true, status: 504}", tmp_path)
    assert (fault["done"], fault["status"]) == (1, 504)
    assert all(fault.allows("of", what) for what in ("order", "cancel", "withdraw", "move"))


def test_an_entry_says_when_where_and_how_often(tmp_path: Path) -> None:
    (fault,) = load("- {kind: delay, at: 1.5s, for: 500ms, venue: beta, probability: 0.25, delay: 2s}", tmp_path)
    assert fault == Fault("delay", 1_500 * MILLISECOND, 500 * MILLISECOND, "beta", 0.25, {"delay": 2 * SECOND})
    assert load("", tmp_path) == () and load("[]", tmp_path) == ()


REFUSED = [
    ("- kind: rest", 1, "entry 1: kind: unknown 'rest'; did you mean 'reset'?; one of reset, accept_then_close,"),
    ("- at: 3s", 1, "entry 1: 'kind' is missing; one of reset"),
    (
        "- kind: drop\n- kind: drop\n  probabilty: 0.5",
        3,
        "entry 2: probabilty: no key of kind drop; did you mean 'proba",
    ),
    ("- kind: drop\n  delay: 3s", 2, "entry 1: delay: no key of kind drop"),
    ("- kind: drop\n  at: soon", 2, "entry 1: at: not a duration such as 30s, 50ms or 1.5h: 'soon'"),
    ("- kind: drop\n  for: 0s", 2, "entry 1: for: expected a duration above zero, got '0s'"),
    ("- kind: drop\n  probability: 0", 2, "entry 1: probability: expected a number above 0, at most 1, got '0'"),
    ("- kind: drop\n  probability: nan", 2, "entry 1: probability: expected a number above 0, at most 1, got 'nan'"),
    ("- kind: drop\n  venue: bta", 2, "entry 1: venue: 'bta' is not served; did you mean 'beta'?; served: alpha, beta"),
    ("- kind: huge_frame\n  size: 1e9", 2, "entry 1: size: expected a whole number from 1 to 60000000, got '1e9'"),
    ("- kind: http_5xx\n  status: 404", 2, "entry 1: status: expected a whole number from 500 to 599, got '404'"),
    ("- kind: corrupt\n  digit: 1", 2, "entry 1: digit: expected true or false, got '1'"),
    ("- kind: reject\n  of: buy", 2, "entry 1: of: expected one of order, cancel, withdraw, move, any, got 'buy'"),
    ("- kind: partial\n  share: 1.5", 2, "entry 1: share: expected a number above 0, at most 1, got '1.5'"),
    (
        "- kind: partial\n  of: order",
        2,
        "entry 1: of: no key of kind partial; it has kind, at, for",
    ),
    ("- kind: maintenance\n  probability: 0.5", 2, "entry 1: probability: no key of kind maintenance"),
    ("- kind: clock_drift\n  probability: 0.5", 2, "entry 1: probability: no key of kind clock_drift"),
    ("- kind: [drop]", 1, "entry 1: kind: expected one value, got several"),
    ("- kind: drop\n  at:", 2, "entry 1: at: expected one value, got nothing"),
    ("- kind: drop\n  kind: drop", 2, "entry 1: kind: duplicate key"),
    ("- drop", 1, "entry 1: expected keys and values, such as `kind: reset`"),
    ("kind: drop", None, "expected a list of entries, each beginning `- kind: …`"),
    ("- kind: drop\n- {kind: drop]", 2, "not YAML: expected ',' or '}', but got ']'"),
    (
        "- kind: \x07",
        None,
        "not YAML text in UTF-8: unacceptable character #x0007: special characters are not allowed in it",
    ),
]


@pytest.mark.parametrize(("text", "line", "message"), REFUSED, ids=[row[2][:50] for row in REFUSED])
def test_a_file_that_is_not_understood_is_refused(text: str, line: int | None, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        load(text, tmp_path)
    assert refused.value.message.startswith(message)
    place = str(tmp_path / "faults.yaml")
    assert refused.value.where == (place if line is None else f"{place}:{line}")


def test_every_bad_entry_is_told_at_once(tmp_path: Path) -> None:
    place = tmp_path / "faults.yaml"
    with pytest.raises(ConfigError) as refused:
        load("- kind: rest\n- kind: drop\n- drop\n- kind: drop\n  venue: bta\n  kind: stall", tmp_path)
    first, second, third = refused.value.message.splitlines()
    assert first.startswith(f"{place}:1: entry 1: kind: unknown 'rest'; did you mean 'reset'?")
    assert second == f"{place}:3: entry 3: expected keys and values, such as `kind: reset`"
    assert third.startswith(f"{place}:6: entry 4: kind: duplicate key")
    assert refused.value.where == ""


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: cannot be read: No such file"):
        load_faults(tmp_path / "none.yaml", ())


CLOCK_FAULTS = st.lists(
    st.one_of(
        st.builds(
            lambda at, lasts, offset: Fault("clock_offset", at, lasts, values={"offset": offset}),
            st.integers(0, 20 * SECOND), st.integers(1, 20 * SECOND), st.integers(-9 * SECOND, 9 * SECOND),
        ),
        st.builds(
            lambda at, lasts, ppm: Fault("clock_drift", at, lasts, values={"drift_ppm": ppm}),
            st.integers(0, 20 * SECOND), st.integers(1, 20 * SECOND), st.integers(-100_000, 100_000),
        ),
    ),
    max_size=4,
)  # fmt: skip


@given(CLOCK_FAULTS, st.lists(st.integers(0, 60 * SECOND), min_size=2, max_size=12))
def test_a_wrong_clock_never_runs_slower_than_half_its_pace(faults: list[Fault], times: list[Nanos]) -> None:
    clock = WrongClock(faults, T)
    ordered = sorted(times)
    shown = [clock(T + at) for at in ordered]
    for (a, v), (b, w) in pairwise(zip(ordered, shown, strict=True)):
        assert w - v >= (b - a) // 2


@given(CLOCK_FAULTS, st.integers(0, 40 * SECOND))
def test_a_wrong_clock_is_never_behind_what_is_asked_of_it(faults: list[Fault], at: Nanos) -> None:
    asked = sum(
        (at - one.at) * one["drift_ppm"] // 1_000_000 if one.kind == "clock_drift" else one["offset"]
        for one in faults
        if one.at <= at < one.until
    )
    assert WrongClock(faults, T)(T + at) >= T + at + asked


@pytest.mark.parametrize(
    ("at", "error"),
    [
        (0, 0), (9.999, 0),
        (10, 2), (14.999, 2),  # jumps ahead
        (15, 2), (17, 1), (19, 0), (20, 0),  # is not set back: half its pace
        (30, 0), (34, -2), (36, -3), (39.999, -3),  # towards -3 s, which takes six seconds
        (40, 0),
    ],
)  # fmt: skip
def test_a_clock_jumps_ahead_and_is_held_back(at: float, error: float) -> None:
    ahead = Fault("clock_offset", 10 * SECOND, 5 * SECOND, values={"offset": 2 * SECOND})
    behind = Fault("clock_offset", 30 * SECOND, 10 * SECOND, values={"offset": -3 * SECOND})
    since = round(at * SECOND)
    assert WrongClock([ahead, behind], T)(T + since) == T + since + round(error * SECOND)


def test_a_clock_that_is_slow_from_the_start_is_so_at_once() -> None:
    clock = WrongClock([Fault("clock_offset", values={"offset": -5 * SECOND})], T)
    assert [clock(T + at) for at in (0, SECOND)] == [T - 5 * SECOND, T - 4 * SECOND]


def test_drift_grows_with_time() -> None:
    clock = WrongClock([Fault("clock_drift", at=SECOND, values={"drift_ppm": -200})], T)
    assert clock(T + 1_001 * SECOND) == T + 1_001 * SECOND - 200 * MILLISECOND


def engine() -> Engine:
    return Engine(Instrument(VenueId("alpha"), "XY", Asset("X"), Asset("Y"), rules=RULES))


Order = tuple[Side, int, int, int]
ORDERS = st.lists(
    st.tuples(st.sampled_from(Side), st.integers(1, 12), st.integers(1, 9), st.integers(0, SECOND)), max_size=25
)


@given(ORDERS, st.integers(0, 5 * SECOND))
def test_a_lagged_book_is_the_book_of_that_time(orders: Sequence[Order], age: Nanos) -> None:
    book = engine()
    lagged = LaggedBook(book)
    past = [(T, 0, *(tuple(book.levels(side, 99)) for side in Side))]
    now = T
    for side, price, size, wait in orders:
        now += wait
        book.limit(side, price, size, now)
        past.append((now, book.number, *(tuple(book.levels(side, 99)) for side in Side)))
        lagged.follow(now - age)
        _, number, bids, asks = next(one for one in reversed(past) if one[0] <= max(T, now - age))
        assert (lagged.number, *(tuple(lagged.levels(side, 99)) for side in Side)) == (number, bids, asks)
        assert [one.number for one in lagged.changes(0)] == list(range(1, number + 1))
        assert all(one.at <= now - age for one in lagged.trades(0))


def test_a_shifted_book_tells_the_venues_times() -> None:
    book = engine()
    shifted = ShiftedBook(book, WrongClock([Fault("clock_offset", values={"offset": SECOND})], T))
    assert shifted.changed_at == 0
    book.limit(Side.SELL, 5, 3, T + 1)
    book.take(Side.BUY, 1, T + 2)
    assert shifted.changed_at == T + SECOND + 2
    assert [(one.number, one.at) for one in shifted.changes(0)] == [(1, T + SECOND + 1), (2, T + SECOND + 2)]
    assert [(one.trade_id, one.at) for one in shifted.trades(0)] == [(1, T + SECOND + 2)]
    assert shifted.levels(Side.SELL, 9) == [(5, 2)] and shifted.number == 2
