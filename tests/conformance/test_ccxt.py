"""The plugin of ccxt's venues: its frames, its names, and ccxt's own client against a simulated venue."""

import asyncio
import json
import selectors
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from cryptopipe import registry
from cryptopipe.api import (
    BookSnapshot,
    Channel,
    ExchangePlugin,
    Heartbeat,
    Kind,
    Nanos,
    Notice,
    Proof,
    RateLimited,
    Subscription,
    Trade,
    Unknown,
    UsageError,
    VenueId,
    VenueUnavailable,
)
from cryptopipe.app import Running, act_live
from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.clock import SECOND
from cryptopipe.drivers.child import Sandbox, sandbox
from cryptopipe.drivers.replay import ReplayLabel
from cryptopipe.drivers.streams import Streams, all_subscriptions
from cryptopipe.market.market import Market
from cryptopipe.result import Origin, RunResult
from cryptopipe.settings import load_settings
from cryptopipe.testing import ExchangeConformance, spot
from cryptopipe.verify import verify
from cryptopipe.wiring import Wiring
from cryptopipe_ccxt import family
from cryptopipe_ccxt.source import Wanted, book_line, frames, frames_of, gave_up, trades_line

needs_ccxt = pytest.mark.skipif(find_spec("ccxt") is None, reason="ccxt is not installed: pip install ccxt")
KUCOIN = family.make("ccxt_kucoin")


class TestCcxt(ExchangeConformance):
    plugin = KUCOIN
    instruments = (spot("ccxt_kucoin", "BTC/USDT", symbol="BTC/USDT", tick="0.01", step="0.00000001"),)
    corpus = Path(__file__).parents[2] / "plugins" / "cryptopipe_ccxt" / "frames"
    covers = (BookSnapshot, Trade, Heartbeat, Notice, Unknown)
    channels = (Channel.DEPTH, Channel.TRADES)


def test_a_venue_is_found_by_its_name_whether_or_not_ccxt_is_there() -> None:
    """A capture of it is replayed where there is no ccxt, or one that has renamed the exchange."""
    assert registry.exchange("ccxt_kucoin").venue == "ccxt_kucoin"
    assert registry.exchange("ccxt_kukoin").venue == "ccxt_kukoin"
    with pytest.raises(UsageError, match=r"no exchange of ccxt is called '\.\./x'"):
        registry.exchange("ccxt_../x")


@needs_ccxt
def test_a_source_that_cannot_be_says_so_as_it_is_called() -> None:
    with pytest.raises(UsageError, match=r"ccxt has no exchange 'kukoin'; did you mean 'kucoin'\?"):
        frames("source:kukoin?depth=BTC%2FUSDT")
    frames("source:kucoin?depth=BTC%2FUSDT")


RUN = "import cryptopipe.cli as c; c.main()"
CALL = "from cryptopipe_ccxt.source import frames; frames('source:kucoin?depth=BTC%2FUSDT'); print('called')"
SHORT = ["watch", "--market", "sandbox", "--for", "1s", "--seed", "1"]


@pytest.mark.parametrize(
    ("code", "command"),
    [
        (RUN, ["--help"]),
        (RUN, ["plugins", "list", "--json"]),
        pytest.param(RUN, SHORT, marks=pytest.mark.slow),
        pytest.param(CALL, [], marks=needs_ccxt),
    ],
)
def test_ccxt_is_imported_by_nobody_who_does_not_read_it(code: str, command: list[str]) -> None:
    told = "import atexit, sys; atexit.register(lambda: print(sys.modules.get('ccxt')))\n"
    done = subprocess.run([sys.executable, "-c", told + code, *command], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "None" and len(done.stdout.splitlines()) > 1


def test_books_are_unproven_and_instruments_are_without_rules() -> None:
    assert KUCOIN.feed().rule.proof is Proof.NONE
    found = {
        symbol: KUCOIN.instruments.find(symbol) for symbol in ("BTC/USDT", "BTC/USDT:USDT", "BTC/USD:BTC", "FROG/USDT")
    }
    assert [one.kind for one in found.values()] == [Kind.SPOT, Kind.LINEAR_PERPETUAL, Kind.INVERSE_PERPETUAL, Kind.SPOT]
    assert {one.rules for one in found.values()} == {None}
    assert found["FROG/USDT"].base == "FROG@ccxt_kucoin"


def test_the_url_says_what_the_source_brings() -> None:
    wanted = [Subscription(KUCOIN.instruments.find("BTC/USDT"), channel) for channel in Channel]
    url = KUCOIN.feed().connect(wanted[:3], None, 0).url
    assert Wanted.read(url) == Wanted("kucoin", ("BTC/USDT",), ("BTC/USDT",))


def test_floats_are_written_with_the_digits_that_python_needs() -> None:
    """`repr` of a float is the shortest text that reads back as it (docs.python.org, tutorial, floating point)."""
    book = {"bids": [[0.1, 3e-08, 17]], "asks": [[61837.64, 1e22]], "timestamp": None}
    line = book_line("A/B", book)
    assert json.loads(line, parse_float=str) == {
        "book": "A/B", "bids": [["0.1", "3e-8"]], "asks": [["61837.64", "1e22"]], "at": 0,
    }  # fmt: skip


def test_a_trade_whose_side_nobody_knows_is_left_out() -> None:
    rows = [{"id": 1, "price": 1.5, "amount": 2.0, "side": side, "timestamp": 5} for side in ("buy", None)]
    (trade,) = KUCOIN.feed().decode(trades_line("A/B", rows), 0)
    assert isinstance(trade, Trade)
    assert (trade.trade_id, trade.price, trade.size, trade.event_time) == ("1", "1.5", "2.0", 5_000_000)


WANTED = Wanted("x", ("A/B",), ())
BOOK = {"bids": [[1.5, 2.0]], "asks": [[1.6, 3.0]], "timestamp": 5}


class Unified:
    """An exchange with the unified methods of ccxt 4.5.90 (`async_support/base/exchange.py`), each scripted."""

    def __init__(self, *, watches: bool, then: BaseException | None = None) -> None:
        self.id, self.has = "x", {"watchOrderBook": watches, "watchTrades": watches}
        self.then, self.asked, self.left = then, list[str](), 0

    async def load_markets(self) -> dict[str, object]:
        return {"A/B": {}, "C/D": {}}

    async def watch_order_book(self, symbol: str) -> dict[str, Any]:
        return await self._told(f"watch {symbol}")

    async def fetch_order_book(self, symbol: str) -> dict[str, Any]:
        return await self._told(f"fetch {symbol}")

    async def watch_trades(self, symbol: str) -> list[dict[str, Any]]:
        await self._told("never")
        return []

    async def _told(self, what: str) -> dict[str, Any]:
        self.asked.append(what)
        try:
            if what == "never" or (what.endswith("C/D") and self.then is None):
                await asyncio.get_running_loop().create_future()
            if what.endswith("C/D") and self.then is not None:
                raise self.then
            return BOOK
        finally:
            self.left += 1


def read_of(exchange: Unified, wanted: Wanted, most: int) -> list[bytes]:
    """At most so many lines, then left; every call that was begun has ended."""

    async def read() -> list[bytes]:
        found: list[bytes] = []
        async with asyncio.timeout(5), aclosing(frames_of(exchange, wanted)) as lines:  # type: ignore[type-var]
            async for line in lines:
                found.append(line)
                if len(found) == most:
                    break
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return found

    return asyncio.run(read())


@pytest.mark.parametrize("watches", [True, False])
def test_books_are_watched_or_else_polled_and_no_call_outlives_the_iterator(watches: bool) -> None:
    exchange = Unified(watches=watches)
    found = read_of(exchange, Wanted("x", ("A/B", "C/D", "E/F"), ("C/D",)), 5)
    assert found[:2] == [b'{"alive":"x"}', b'{"absent":["E/F"],"of":"x"}']
    assert found[2:] == [b'{"book":"A/B","bids":[[1.5,2.0]],"asks":[[1.6,3.0]],"at":5}'] * 3
    how = "watch" if watches else "fetch"
    assert set(exchange.asked) == {f"{how} A/B", f"{how} C/D", *(["never"] if watches else [])}
    assert exchange.left == len(exchange.asked)


def test_who_does_not_read_holds_up_the_exchange() -> None:
    """1,024 lines may wait, one is in the hand that waits, and one may be read."""
    exchange = Unified(watches=True)
    read_of(exchange, Wanted("x", ("A/B",), ()), 2)
    assert exchange.left <= 1024 + 2


@pytest.mark.parametrize(
    ("broken", "told"),
    [(OSError("gone"), "gone"), (asyncio.CancelledError(), "ccxt cancelled a stream, as it does when it closes")],
)
def test_what_breaks_one_stream_ends_the_source(broken: BaseException, told: str) -> None:
    with pytest.raises(VenueUnavailable if told.startswith("ccxt") else OSError, match=told):
        read_of(Unified(watches=True, then=broken), Wanted("x", ("C/D",), ()), 100)


class Jumping(selectors.DefaultSelector):
    """Where the loop would wait, the time is later at once."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.now += timeout or 0
        return super().select(0)


class Quiet(Unified):
    """One whose every stream tells one book, and then none."""

    async def watch_order_book(self, symbol: str) -> dict[str, Any]:
        return await self._told("never" if f"watch {symbol}" in self.asked else f"watch {symbol}")


def test_a_quiet_book_is_said_to_live_for_a_minute() -> None:
    """Once a second, by the clock of the loop; what ccxt does not notice in that time ends by silence."""
    selector = Jumping()
    loop = asyncio.SelectorEventLoop(selector)
    loop.time = lambda: selector.now  # type: ignore[method-assign]
    told: list[tuple[float, bytes]] = []

    async def read() -> None:
        lines = frames_of(Quiet(watches=True), Wanted("x", ("A/B",), ()))
        with suppress(TimeoutError):
            async with asyncio.timeout(200), aclosing(lines):  # type: ignore[type-var]
                async for line in lines:
                    told.append((selector.now, line))

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(read())
    assert [line for _, line in told[:2]] == [b'{"alive":"x"}', read_of(Unified(watches=True), WANTED, 2)[1]]
    assert [round(at) for at, _ in told[2:]] == list(range(1, 61))
    assert {line for _, line in told[2:]} == {b'{"alive":"x"}'}


@needs_ccxt
@pytest.mark.slow
def test_an_error_of_ccxt_says_whether_to_come_back_later() -> None:
    """By the tree of errors of ccxt 4.5.90 (`base/errors.py`): both are told as errors of the network."""
    import ccxt

    told = {name: gave_up(ccxt, "x", getattr(ccxt, name)("y")) for name in ("RateLimitExceeded", "DDoSProtection")}
    assert {type(one) for one in told.values()} == {RateLimited}
    other = gave_up(ccxt, "x", ccxt.ExchangeNotAvailable("z" * 1000))
    assert type(other) is VenueUnavailable and len(other.message) == 300
    assert other.message.startswith("ccxt gave up: ExchangeNotAvailable: zzz")


def test_fifty_levels_a_side_are_handed_on() -> None:
    rows = [[float(price), 1.0] for price in range(1, 61)]
    told = json.loads(book_line("A/B", {"bids": rows[::-1], "asks": rows, "timestamp": 1}))
    assert (told["bids"], told["asks"]) == (rows[:9:-1], rows[:50])


def test_an_exchange_that_lists_nothing_of_it_is_never_open() -> None:
    with pytest.raises(VenueUnavailable, match=r"x: lists none of E/F, G/H"):
        read_of(Unified(watches=True), Wanted("x", ("E/F",), ("G/H", "E/F")), 1)


def repointed(urls: Any, venue: dict[str, Any]) -> Any:
    """The same addresses at the simulated venue: scheme, host and port are replaced, paths kept."""
    if isinstance(urls, dict):
        return {key: repointed(value, venue) for key, value in urls.items()}
    scheme, _, rest = urls.partition("://")
    origin = venue["rest"] if scheme == "https" else venue["rest"].replace("http", "ws", 1)
    return f"{origin}/{rest.partition('/')[2]}"


def ccxts_binance(simulated: Sandbox) -> Any:
    """ccxt's own client, at the simulated venue."""
    import ccxt.pro

    exchange = ccxt.pro.binance({"options": {"defaultType": "spot", "fetchMarkets": {"types": ["spot"]}}})
    exchange.urls = {**exchange.urls, "api": repointed(exchange.urls["api"], simulated.document["venues"]["binance"])}
    return exchange


def taken(plugin: ExchangePlugin, simulated: Sandbox, tops: int, data_dir: Path) -> tuple[RunResult, list[Input]]:
    """A run over the simulated venue, read by its own plugin and by ccxt, until both have told so many tops."""
    binance = registry.exchange("binance")
    plugins = {binance.venue: binance, plugin.venue: plugin}
    strategies = {"arbitrage": registry.strategy("arbitrage").settings}
    settings = load_settings(environment={}, sets=[f"data_dir={data_dir}"], strategies=strategies).settings
    wanted = all_subscriptions(plugins, ["BTC", "USDT", "USD"])  # ccxt is asked for a pair that is not there
    inputs: list[Input] = []

    def streams(running: Running) -> Streams:
        def take(entry: Input) -> None:
            inputs.append(entry)
            running.take(entry)

        def rewritten(venue: VenueId, url: str) -> str:
            return simulated.rewrite(venue, url) if venue == binance.venue else url

        def told() -> str:
            return "told" if all(one.tops >= tops for one in running.pipe.market.counts.values()) else simulated.ended()

        return Streams(plugins, running.pipe.market, wanted, take, running.turn_ended, rewritten, told)

    wiring = Wiring("arbitrage", settings, plugins)
    result = act_live(wiring, Origin("live", ReplayLabel(True, "", ()), None), streams, 60 * SECOND)
    assert result.summary.stopped_by == "told"
    return result, inputs


def tops_of(plugin: ExchangePlugin, inputs: list[Input]) -> list[tuple[Nanos, tuple[Any, ...]]]:
    """Every top of BTC/USDT with its time, played again."""
    market, found = Market({plugin.venue: plugin}), list[tuple[Nanos, tuple[Any, ...]]]()
    for entry in inputs:
        if entry.venue == plugin.venue:
            market.receive(entry)
            for sync in market.take_changed().values():
                top = sync.book.top
                if sync.instrument.base == "BTC" and sync.instrument.quote == "USDT" and top is not None:
                    found.append((entry.at, (top.bid, top.bid_size, top.ask, top.ask_size)))
    return found


@needs_ccxt
@pytest.mark.slow
def test_a_run_follows_a_venue_by_ccxts_own_client_beside_its_plugin_and_replays(tmp_path: Path) -> None:
    """Each top that ccxt brings is one that the venue's own plugin saw, prices and sizes; nothing is traded on it."""
    pytest.importorskip("ccxt.pro")  # seconds, which are no part of the run

    async def source(url: str) -> AsyncIterator[bytes]:
        exchange = ccxts_binance(simulated)
        try:
            async for frame in frames_of(exchange, Wanted.read(url)):
                yield frame
        finally:
            await exchange.close()

    plugin = replace(family.make("ccxt_binance"), source=source)
    with sandbox(["binance"], 3, assets=["BTC", "USDT"]) as simulated:
        result, inputs = taken(plugin, simulated, 60, tmp_path)
    own, brought = tops_of(registry.exchange("binance"), inputs), tops_of(plugin, inputs)
    begun_at, seen = own[0][0] + SECOND, {top for _, top in own}
    judged = [top for at, top in brought if at > begun_at]
    assert len(judged) >= 50 and set(judged) <= seen
    told = [one.payload for one in inputs if one.venue == plugin.venue and one.direction is Direction.RECV]
    assert told[:2] == [b'{"alive":"binance"}', b'{"absent":["BTC/USD"],"of":"binance"}']
    venue = result.summary.venues[plugin.venue]
    assert (venue["state"], venue["proof"], venue["refused"], venue["unknown"]) == ("live", "none", 0, 0)
    assert venue["trades"] != 0
    assert result.summary.accepted == 0 and result.summary.found == result.summary.refusals.get("rules", 0)
    assert verify(result.run).identical
