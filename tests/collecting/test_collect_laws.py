"""Trades, candles and numbers as rows, by their laws."""

import gzip
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
from collecting.collect_stage import VENUE, Stage, inputs, manifests, rows
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptopipe import registry
from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.clock import MILLISECOND, SECOND
from cryptopipe.collect.absence import Proven
from cryptopipe.collect.books import BookRows, OrderRows
from cryptopipe.collect.candles import GRACE, Candles
from cryptopipe.collect.digits import iso_micros, middle, shortest
from cryptopipe.collect.layout import Place, folder_symbol, interval_text, manifest_of
from cryptopipe.collect.plan import Carried, Wanted
from cryptopipe.collect.rowfiles import RowFiles
from cryptopipe.collect.sealing import Sealer, Series
from cryptopipe.collect.trades import Trades
from cryptopipe.market.sync import BookState, BookSync
from cryptopipe.model.events import BookSnapshot, OrderChange, OrderEvent, OrdersDelta, Trade
from cryptopipe.model.facts import Side
from cryptopipe.model.stream import Channel

AT = 1_800_000_000 * SECOND
Write = Callable[[RowFiles], None]


@contextmanager
def written(wanted: Wanted) -> Iterator[tuple[RowFiles, Callable[[], tuple[list[list[str]], dict[str, Any]]]]]:
    """Row files, and what they hold once sealed: cells, manifest."""
    with tempfile.TemporaryDirectory() as name:
        place = Place(Path(name), VENUE, wanted.folder, "X/Y")
        series = Series(place, wanted, "X/Y", "csv", False, 1 << 30, "s", "raw/s", AT)
        files = RowFiles(series, Sealer(lambda: AT))

        def sealed() -> tuple[list[list[str]], dict[str, Any]]:
            files.seal(complete=False)
            found = list(place.path.glob("*.csv.gz"))
            if not found:
                return [], {"gaps": []}
            text = gzip.decompress(found[0].read_bytes()).decode()
            return [line.split(",") for line in text.splitlines()], json.loads(manifest_of(found[0]).read_text())

        yield files, sealed


def one(number: int, price: str = "10.50", size: str = "1", at: int = AT, made: int = 0) -> Trade:
    return Trade("X/Y", str(number), price, size, Side.SELL if number % 2 else Side.BUY, at, made)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=80))
@settings(max_examples=15)
def test_each_trade_is_written_once_and_each_skipped_id_is_counted(numbers: list[int]) -> None:
    with written(Wanted("trade")) as (files, sealed):
        trades = Trades("X/Y", files, Carried(), consecutive=True)
        new = [
            trades.take(one(number, at=AT + n * SECOND, made=AT + n * SECOND), AT + n * SECOND, n)
            for n, number in enumerate(numbers)
        ]
        trades.settle(AT + 10_000 * SECOND)
        cells, manifest = sealed()
    assert [row[2] for row in cells] == [str(number) for number in dict.fromkeys(numbers)]
    assert sum(new) == len(cells) and {row[6] for row in cells} <= {"True", "False"}
    assert all((row[6] == "True") is (int(row[2]) % 2 == 1) for row in cells)
    since = [number for number in range(numbers[0], max(numbers)) if number not in numbers]
    assert sum(gap["missing"] for gap in manifest["gaps"]) == len(since)
    assert all(gap["kind"] == "trade_ids" and gap["from_ms"] < gap["to_ms"] for gap in manifest["gaps"])


@given(st.sets(st.integers(1, 40), min_size=2, max_size=30), st.sets(st.integers(-5, 45), max_size=30))
@settings(max_examples=15)
def test_history_fills_what_was_skipped_and_nothing_else(told: set[int], history: set[int]) -> None:
    with written(Wanted("trade")) as (files, sealed):
        trades = Trades("X/Y", files, Carried(), consecutive=True)
        for number in sorted(told):
            trades.take(one(number, at=AT + number), AT + number, number)
        for number in sorted(history):
            trades.take(one(number, at=AT + number), AT + 100, 100, from_history=True)
        trades.settle(AT + 10_000 * SECOND)
        cells, manifest = sealed()
    missed = {number for number in range(min(told), max(told)) if number not in told}
    assert {int(row[2]) for row in cells} == told | (missed & history) and len(cells) == len(told | (missed & history))
    assert sorted(map(int, manifest["filled"])) == sorted(missed & history)
    assert sum(gap["missing"] for gap in manifest["gaps"]) == len(missed - history)
    assert sum(gap["filled"] for gap in manifest["gaps"]) == len(missed & history)


def test_what_the_stream_tells_late_is_listed_and_leaves_no_gap() -> None:
    """Some venues tell the newest trades again upon a subscription: what was lost stands after later ones then."""
    with written(Wanted("trade")) as (files, sealed):
        trades = Trades("X/Y", files, Carried(), consecutive=True)
        for n, number in enumerate([1, 2, 5, 3, 4, 6]):
            trades.take(one(number, at=AT + number * SECOND), AT + n * SECOND, n)
        trades.settle(AT + 10_000 * SECOND)
        cells, manifest = sealed()
    assert [row[2] for row in cells] == ["1", "2", "5", "3", "4", "6"]
    assert (manifest["filled"], manifest["gaps"]) == (["3", "4"], [])


def test_a_venue_that_does_not_say_is_looked_at() -> None:
    """Ids that jump now and then are those of a venue that counts; ids that always jump are not."""
    for step, gaps in ((1, 1), (3, 0)):
        with written(Wanted("trade")) as (files, sealed):
            trades = Trades("X/Y", files, Carried())
            for number in [*range(0, 30 * step, step), 30 * step + 4]:
                trades.take(one(number), AT, 1)
            trades.settle(AT + 10_000 * SECOND)
            assert len(sealed()[1]["gaps"]) == gaps


def test_trades_without_ids_are_all_written() -> None:
    with written(Wanted("trade")) as (files, sealed):
        trades = Trades("X/Y", files, Carried())
        same = Trade("X/Y", "", "1", "2", Side.BUY, AT)
        assert [trades.take(same, AT, 1) for _ in range(3)] == [True] * 3
        assert len(sealed()[0]) == 3


prints = st.lists(st.tuples(st.integers(0, 400), st.integers(1, 99), st.integers(1, 99)), max_size=40).map(
    sorted
)  # seconds, price, size


@given(prints, st.sampled_from([1000, 5000, 60_000]), st.integers(0, 40))
@settings(max_examples=15)
def test_candles_are_those_of_a_plain_grouping(told: list[tuple[int, int, int]], interval: int, cut: int) -> None:
    """Also where the candles go from one session to the next after any trade."""
    end = AT + 500 * SECOND
    with written(Wanted("candle", interval)) as (files, sealed):
        candles = Candles("X/Y", interval, files, Carried())
        candles.pass_time(AT, 1)
        for n, (second, price, size) in enumerate(told):
            if n == cut:
                carried = Carried()
                candles.carry(carried)
                candles = Candles("X/Y", interval, files, carried)
            at = AT + second * SECOND
            candles.pass_time(at, n)
            candles.take(one(n, f"{price}.50", f"0.{size:02}", at + 1, at))
        candles.pass_time(end, 99)
        cells, _ = sealed()
    expected = []
    for start in range(AT // MILLISECOND, (end - GRACE) // MILLISECOND - interval + 1, interval):
        inside = [(p, s) for second, p, s in told if start <= AT // MILLISECOND + second * 1000 < start + interval]
        prices = [Decimal(f"{p}.5") for p, _ in inside]
        four = [prices[0], max(prices), min(prices), prices[-1]] if prices else ["", "", "", ""]
        volume = f"{sum((Decimal(s) for _, s in inside), Decimal()) / 100:f}"
        expected.append([str(start), "X/Y", *map(str, four), shorn(volume), str(len(inside))])
    assert cells == expected


def shorn(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def test_a_hole_between_sessions_has_no_candles() -> None:
    with written(Wanted("candle", 60_000)) as (files, sealed):
        candles = Candles("X/Y", 60_000, files, Carried())
        candles.pass_time(AT, 1)
        candles.take(one(1, at=AT + SECOND))
        carried = Carried()
        candles.carry(carried)
        later = AT + 3600 * SECOND
        candles = Candles("X/Y", 60_000, files, carried)
        candles.skip_to(later, 2)
        candles.pass_time(later + 125 * SECOND, 3)
        starts = [(int(row[0]) - AT // MILLISECOND) // 60_000 for row in sealed()[0]]
    assert starts == [0, 59, 60, 61]


@given(st.integers(-(10**30), 10**30))
def test_numbers_have_no_zero_too_many(units: int) -> None:
    text = shortest(units)
    assert Fraction(text) == Fraction(units, 10**12) and "E" not in text
    assert shorn(text) == text and not text.startswith((".", "-."))


@given(st.integers(0, 10**28), st.integers(0, 10**28))
def test_the_middle_is_exact(bid: int, ask: int) -> None:
    assert Fraction(middle(bid, ask)) * 2 == Fraction(bid + ask, 10**12)


def test_stamps_and_paths() -> None:
    assert iso_micros(1756338312805694999) == "2025-08-27T23:45:12.805694+00:00"
    assert [interval_text(ms) for ms in (100, 1500, 1000, 60_000, 5_400_000, 86_400_000)] == [
        "100ms", "1500ms", "1s", "1m", "90m", "1d",
    ]  # fmt: skip
    assert [folder_symbol(one) for one in ("BTC/USD", "A:B C\\D", "..", "BTC-USD")] == [
        "BTC-USD",
        "A-B-C-D",
        "--",
        "BTC-USD",
    ]


def test_history_enters_as_an_answer() -> None:
    """Two trades are skipped, and the venue's answer tells them: they are rows, marked, in a live life and again."""
    told = list(inputs())
    skipped = [n for n, one in enumerate(told) if b'"trade"' in one.payload and b'"BTCUSDT"' in one.payload][3:5]
    data = [json.loads(told[n].payload)["data"] for n in skipped]
    fixed = {"quoteQty": "1", "isBestMatch": True}
    answer = [
        {"id": one["t"], "price": one["p"], "qty": one["q"], "time": one["T"], "isBuyerMaker": one["m"], **fixed}
        for one in data
    ]
    url = "https://api.binance.com/api/v3/historicalTrades?symbol=BTCUSDT"
    reply = msgspec.structs.replace(
        told[-1], direction=Direction.HTTP, url=url, status=200, request="trades:BTCUSDT", conn="",
        payload=json.dumps(answer).encode(),
    )  # fmt: skip
    heard = [one for n, one in enumerate(told) if n not in skipped] + [reply]
    with tempfile.TemporaryDirectory() as name:
        stage = Stage(Path(name), told[0].at - SECOND)
        stage.hear(numbered(heard))
        stage.end()
        whole = sorted(
            int(line.split(",")[2]) for line in rows(Path(name), "trade").splitlines() if ",BTCUSDT," in line
        )
        assert whole == list(range(1, len(whole) + 1))
        named = [one for one in manifests(Path(name)).values() if one["type"] == "trade" and one["symbol"] == "BTCUSDT"]
        assert sorted(number for one in named for number in one["filled"]) == sorted(str(one["t"]) for one in data)
        (gap,) = [gap for one in named for gap in one["gaps"]]
        assert (gap["kind"], gap["missing"], gap["filled"]) == ("trade_ids", 0, 2)


def numbered(entries: Sequence[Input]) -> list[Input]:
    return [msgspec.structs.replace(one, seq=seq, turn=seq) for seq, one in enumerate(entries, 1)]


def live_book(venue: str, orders: bool) -> BookSync:
    plugin = registry.exchange(venue)
    dialect = next(one for one in plugin.dialects if Channel.ORDERS in one.channels) if orders else plugin
    listed = plugin.instruments.listed()[0]
    return BookSync(listed, dialect.feed().rule)


@given(st.lists(st.integers(0, 60), min_size=1, max_size=40), st.integers(1, 3))
@settings(max_examples=15)
def test_a_book_is_written_at_the_first_update_at_or_after_each_multiple(steps: list[int], depth: int) -> None:
    """Times of 5 ms, multiples of 50 ms: many updates are just at one. A new session goes on where the first was."""
    times = [AT + sum(steps[: n + 1]) * 5 * MILLISECOND for n in range(len(steps))]
    sync = live_book(VENUE, orders=False)
    bids, asks = b'[["9","1.50"],["8","2"]]', b'[["10","0.10"],["11","7"],["12.5","1"]]'
    sync.snapshot(BookSnapshot("X/Y", bids, asks, 1, AT), AT)
    with written(Wanted("book", 50, depth)) as (files, sealed):
        book = BookRows("X/Y", depth, 50, files, Carried())
        for n, time in enumerate(times):
            if n == len(times) // 2:
                carried = Carried()
                book.carry(carried)
                book = BookRows("X/Y", depth, 50, files, carried)
            book.updated(sync, time, AT, n)
        cells, _ = sealed()
    first: dict[int, int] = {}
    for time in times:
        first.setdefault(time // (50 * MILLISECOND), time // MILLISECOND)
    levels = [
        ["B", "9", "1.5", "1"],
        ["A", "10", "0.1", "1"],
        ["B", "8", "2", "2"],
        ["A", "11", "7", "2"],
        ["A", "12.5", "1", "3"],
    ]
    shown = [level for level in levels if int(level[3]) <= depth]
    assert cells == [[str(time), "X/Y", *level] for time in first.values() for level in shown]


changes = st.lists(
    st.tuples(st.sampled_from(["add", "reduce", "remove"]), st.booleans(), st.integers(0, 9), st.integers(1, 9)),
    max_size=30,
)


@given(changes, st.integers(0, 30))
@settings(max_examples=15)
def test_single_orders_can_be_followed_from_their_rows(
    told: list[tuple[str, bool, int, int]], proven_after: int
) -> None:
    """Who applies the rows from the last snapshot on has the book's own orders."""
    sync, orders = live_book("coinbase_exchange", orders=True), dict[str, str]()
    book = sync.orders
    book.load(b"[]", b"[]", 1, AT, AT)
    with written(Wanted("l3")) as (files, sealed):
        rows_of = OrderRows("X/Y", files)
        for n, (change, bid, order, size) in enumerate(told):
            identity = f"{'b' if bid else 'a'}{order}"
            event = OrderEvent(
                OrderChange(change),
                identity,
                f"{order + (1 if bid else 20)}.50",
                f"{size + (1000 if change == 'add' else 0)}.0",
            )
            if change == "add" and identity in orders:
                continue
            orders[identity] = change
            if change == "remove":
                del orders[identity]
            delta = OrdersDelta("X/Y", (event,) if bid else (), () if bid else (event,), n + 2, n + 2, n + 1, AT + n)
            book.apply(delta.bids, delta.asks, n + 2, AT + n, AT)
            if n == proven_after:
                rows_of.state(sync, 0, AT, n)
            elif n > proven_after:
                rows_of.delta(delta, AT, n)
            orders = {one[0]: "" for bids in (True, False) for one in book.orders(bids)}
        cells, _ = sealed()
    if any(cell[3] == "snapshot" for cell in cells):
        assert followed(cells) == {one[0]: (one[1], one[2]) for bids in (True, False) for one in book.orders(bids)}


def followed(cells: list[list[str]]) -> dict[str, tuple[Decimal, Decimal]]:
    held: dict[str, tuple[Decimal, Decimal]] = {}
    for _, _, _, change, identity, price, size in cells:
        if change in ("snapshot", "add"):
            held[identity] = Decimal(price), Decimal(size)
        elif change == "reduce" and identity in held:
            left = held[identity][1] - Decimal(size)
            held[identity] = held[identity][0], left
            if left <= 0:
                del held[identity]
        elif change == "remove":
            held.pop(identity, None)
    return held


def test_a_gap_begins_where_the_book_was_last_good() -> None:
    """That is where it became live, until an update says more."""
    proven = Proven(0)
    assert proven.turned(BookState.LIVE, "", AT, was_live=False) is None
    assert proven.turned(BookState.SYNCING, "skipped", AT + 5 * SECOND, was_live=True) is None
    gap = proven.turned(BookState.LIVE, "", AT + 9 * SECOND, was_live=False)
    assert gap is not None and (gap.from_ms, gap.to_ms) == (AT // MILLISECOND, AT // MILLISECOND + 9000)
    proven.good_at = AT + 11 * SECOND
    proven.turned(BookState.DEAD, "gone", AT + 15 * SECOND, was_live=True)
    for at in (20, 30):  # each session names its own part
        part = proven.stopped(AT + at * SECOND)
        assert part is not None and part.kind == "closed" and part.to_ms == AT // MILLISECOND + at * 1000
    assert part is not None and part.from_ms == AT // MILLISECOND + 20_000
