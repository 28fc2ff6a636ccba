"""When a market is looked at, and what may be looked at: on two venues that do not exist, frame by frame."""

from dataclasses import replace
from decimal import Decimal as D
from fractions import Fraction

import pytest
from conformance.bitfoo import BitFooInstruments, make
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.clock import SECOND
from cryptopipe.evaluate.indices import HOUR, Indices, States
from cryptopipe.evaluate.sampling import Sampler, in_base
from cryptopipe.market.market import Market
from cryptopipe.model.facts import Asset, Instrument, Kind, TradingState, VenueId

pytestmark = pytest.mark.core
T0 = 1_800_000_000 * SECOND
PAIR = "X/USDT"


class Elsewhere(BitFooInstruments):
    """The same symbols at another venue."""

    def __init__(self, venue: str, **changes: object) -> None:
        self._changes = {"venue": VenueId(venue), **changes}

    def find(self, symbol: str) -> Instrument:
        return structs.replace(super().find(symbol), **self._changes)


def sampler(max_age: int = 2 * SECOND, compare_kinds: bool = False, **changes: object) -> Sampler:
    """Two venues, `changes` to the instruments of the second."""
    venues = {VenueId(name): replace(make(), venue=VenueId(name)) for name in ("one", "two")}
    plugins = {
        name: replace(plugin, instruments=Elsewhere(name, **(changes if name == "two" else {})))
        for name, plugin in venues.items()
    }
    return Sampler(Market(plugins), Indices([D(0)]), max_age, compare_kinds=compare_kinds)


class Play:
    """Frames of either venue at seconds after T0."""

    def __init__(self, sampler: Sampler) -> None:
        self.sampler, self.seq, self.versions = sampler, 0, {"one": 0, "two": 0}

    def frame(self, seconds: float, venue: str, text: str) -> None:
        self.seq += 1
        at = T0 + int(seconds * SECOND)
        self.sampler.receive(
            Input(self.seq, self.seq, at, Direction.RECV, venue, f"{venue}#1", "wss://x", text.encode())
        )

    def book(self, seconds: float, venue: str, bid: object, ask: object, size: object = 1) -> None:
        self.versions[venue] += 1
        text = f'"seq":{self.versions[venue]},"bids":[["{bid}","{size}"]],"asks":[["{ask}","{size}"]]'
        self.frame(seconds, venue, f'{{"type":"snapshot","symbol":"xusdt",{text}}}')

    def top(self, seconds: float, venue: str, bid: object, ask: object) -> None:
        self.versions[venue] += 1
        quote = f'"seq":{self.versions[venue]},"bid":["{bid}","1"],"ask":["{ask}","1"]'
        self.frame(seconds, venue, f'{{"type":"top","symbol":"xusdt",{quote}}}')

    def nothing(self, seconds: float, venue: str) -> None:
        """A trade: a frame that changes no book."""
        text = f'{{"type":"trade","symbol":"xusdt","seq":{self.seq},"price":"1","size":"1","taker":"buy"}}'
        self.frame(seconds, venue, text)

    def close(self, seconds: float, venue: str) -> None:
        self.seq += 1
        at = T0 + int(seconds * SECOND)
        self.sampler.receive(Input(self.seq, self.seq, at, Direction.CLOSE, venue, f"{venue}#1", "wss://x", b"gone"))


def looked(sampler: Sampler) -> tuple[int, int]:
    """(quoted, positive) of the pair, over all hours."""
    sampler.finish()
    rows = sampler.indices.gaps(HOUR)
    return sum(row.quoted for row in rows), sum(row.positive for row in rows)


def test_a_look_sees_all_frames_up_to_its_instant_and_none_after() -> None:
    play = Play(sampler())
    play.book(4, "one", 100, 101)
    play.book(5, "two", 103, 104)  # exactly at the first instant: seen
    play.book(5.000000001, "two", 110, 111)  # not at it
    assert looked(play.sampler) == (1, 1)
    (row,) = play.sampler.indices.gaps(HOUR)
    assert (row.at, row.widest.bid, row.widest.ask) == (T0 + 5 * SECOND, 103, 101)
    assert play.sampler.instants == 1


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(st.integers(1, 12_000), st.sampled_from(["one", "two"]), st.integers(9_900, 10_100)),
        min_size=1,
        max_size=40,
    )
)
def test_looks_are_those_of_a_plain_walk(script: list[tuple[int, str, int]]) -> None:
    """Each instant: the last quote of either venue that is not older than two seconds."""
    play, told, now = Play(sampler()), [], 0
    for after_ms, venue, cents in script:
        now += after_ms
        bid = D(cents) / 100
        play.book(D(now) / 1000, venue, bid, bid + 1)  # type: ignore[arg-type]
        told.append((now, venue, bid))
    first, last = told[0][0], told[-1][0]
    gaps = []
    for instant in range(-(-first // 5000) * 5000, last + 1, 5000):
        fresh: dict[str, D] = {}
        for at, venue, bid in told:
            if at <= instant:
                fresh.pop(venue, None)
                if instant - at <= 2000:
                    fresh[venue] = bid
        if len(fresh) == 2:
            low, high = sorted(fresh.values())
            gaps.append(Fraction(high - (low + 1)) / Fraction(low + 1))
    assert looked(play.sampler) == (len(gaps), sum(gap > 0 for gap in gaps))
    if gaps:
        (row,) = play.sampler.indices.gaps(HOUR)
        assert abs(Fraction(row.widest.bps) / 10_000 - max(gaps)) < Fraction(1, 10**12)
    assert play.sampler.instants == last // 5000 - (first - 1) // 5000


def test_years_between_two_frames_are_passed_over_at_once() -> None:
    """Recordings of different days: nothing is fresh between them, and no instant there is visited."""
    play, years = Play(sampler()), 3 * 365 * 24 * 3600
    play.book(4, "one", 100, 101)
    play.book(4, "two", 103, 104)
    play.book(years + 4, "one", 100, 101)
    play.book(years + 4.5, "two", 100, 101)
    play.nothing(years + 7, "two")
    assert looked(play.sampler) == (2, 1)
    assert play.sampler.instants == years // 5 + 1


def test_a_quote_is_as_old_as_the_last_frame_of_its_book() -> None:
    play = Play(sampler())
    play.book(3, "one", 100, 101)
    play.book(3, "two", 103, 104)
    play.nothing(4.5, "one")  # a trade is no word on the book
    play.nothing(5, "one")
    assert looked(play.sampler) == (1, 1)
    silent = Play(sampler())
    silent.book(3, "one", 100, 101)
    silent.book(3, "two", 103, 104)
    silent.nothing(100, "one")  # the look at 5 is made up for, that at 10 is of nothing fresh
    assert looked(silent.sampler) == (1, 1)
    late = Play(sampler(max_age=2 * SECOND - 1))
    late.book(3, "one", 100, 101)
    late.book(3, "two", 103, 104)
    late.nothing(5, "one")
    assert looked(late.sampler) == (0, 0)


def test_a_closed_connection_quotes_nothing() -> None:
    play = Play(sampler())
    play.book(4, "one", 100, 101)
    play.book(4, "two", 103, 104)
    play.close(4.5, "two")
    play.nothing(6, "one")
    assert looked(play.sampler) == (0, 0)


@pytest.mark.parametrize("state", [state for state in TradingState if state is not TradingState.TRADING])
def test_what_does_not_trade_is_not_looked_at(state: TradingState) -> None:
    play = Play(sampler(state=state))
    play.book(4, "one", 100, 101)
    play.book(4, "two", 103, 104)
    play.nothing(6, "one")
    assert looked(play.sampler) == (0, 0)


@pytest.mark.parametrize(("compare", "found"), [(False, {}), (True, {PAIR: States(0, 0, 1, 1)})])
def test_kinds_are_compared_only_when_asked(compare: bool, found: dict[str, States]) -> None:
    play = Play(sampler(compare_kinds=compare, kind=Kind.LINEAR_PERPETUAL))
    play.book(4, "one", 100, 101)
    play.book(4, "two", 103, 104)
    play.nothing(6, "one")
    assert looked(play.sampler) == ((1, 1) if compare else (0, 0))
    assert {pair: states for pair, states in play.sampler.states.items() if states != States()} == found


def test_another_quote_asset_is_another_pair() -> None:
    play = Play(sampler(quote=Asset("USD")))
    play.book(4, "one", 100, 101)
    play.book(4, "two", 103, 104)
    play.nothing(6, "one")
    assert looked(play.sampler) == (0, 0)


def test_states_are_counted_after_each_told_top_and_after_each_move() -> None:
    play = Play(sampler())
    play.book(1, "one", 100, 101)
    play.top(1.1, "one", "100.1", 101)  # one place alone is no state
    play.book(1.2, "two", 100, 101)  # moved
    play.top(1.3, "two", 102, 103)  # told, moved, above zero
    play.versions["two"] -= 1
    play.top(1.4, "two", 102, 103)  # told again: told, above zero, not moved
    play.frame(1.5, "two", "no frame at all")  # refused, right after one that told a top
    play.nothing(1.6, "two")
    assert play.sampler.states == {PAIR: States(told=2, told_positive=2, moved=2, moved_positive=1)}


def test_what_concerns_an_account_is_passed_over() -> None:
    play = Play(sampler())
    play.seq += 1
    private = Input(1, 1, T0, Direction.RECV, "one", "one#1!", "wss://x", b"{")
    answer = Input(2, 2, T0, Direction.HTTP, "one", "", "https://x", b"{", 200, (), "action:1")
    for entry in (private, answer):
        play.sampler.receive(entry)
    counts = play.sampler.market.counts[VenueId("one")]
    assert (counts.frames, counts.refused) == (0, 0)


@pytest.mark.parametrize(
    ("kind", "contract", "size", "price", "base"),
    [
        (Kind.SPOT, "1", "0.7", "50000", "0.7"),
        (Kind.LINEAR_PERPETUAL, "0.01", "70", "50000", "0.7"),
        (Kind.INVERSE_PERPETUAL, "100", "350", "50000", "0.7"),
    ],
)
def test_sizes_are_in_base(kind: Kind, contract: str, size: str, price: str, base: str) -> None:
    one = Instrument(VenueId("one"), "S", Asset("X"), Asset("Y"), kind, contract_size=D(contract))
    assert in_base(one, D(size), D(price)) == D(base)
