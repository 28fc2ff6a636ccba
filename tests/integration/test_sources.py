"""A plugin's own source in a real run: in order, at the run's pace, ended with its connection, replayed without it."""

import asyncio
import importlib
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog
from conformance.bitfoo import BitFooFeed, make

from cryptopipe import api, registry
from cryptopipe.app import Running, act_live
from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.cli.logs import configure
from cryptopipe.clock import SECOND, Nanos, Stamper
from cryptopipe.drivers import sources
from cryptopipe.drivers.intake import Intake
from cryptopipe.drivers.live import TURN, Live
from cryptopipe.drivers.replay import ReplayLabel
from cryptopipe.drivers.sources import Ended, Spring, refuse_unready
from cryptopipe.drivers.stop import Stop
from cryptopipe.drivers.streams import Streams, all_subscriptions
from cryptopipe.errors import CryptopipeError
from cryptopipe.market.feeds import Feeds, subscriptions_of
from cryptopipe.market.market import Market
from cryptopipe.market.sync import BookState
from cryptopipe.result import Origin
from cryptopipe.settings import load_settings
from cryptopipe.testing import ExchangeConformance
from cryptopipe.verify import verify
from cryptopipe.wiring import Wiring

VENUE, OTHER = api.VenueId("bitfoo"), api.VenueId("bitbaz")
SNAPSHOT = b'{"type":"snapshot","symbol":"btcusdt","seq":1,"bids":[["9.00","1"]],"asks":[["9.10","2"]]}'
FRAMES = Path(__file__).parents[1] / "conformance" / "frames"
BROKEN = b'{"type":"delta","symbol":"btcusdt","seq":"x"}'
Lines = Callable[[str], AsyncIterator[bytes]]


def other(number: int) -> bytes:
    """A frame of a kind unheard of, with a number."""
    return b'{"type":"other","seq":%d}' % number


class SourcedFeed(BitFooFeed):
    def connect(self, subscriptions: Any, auth: api.StreamAuth | None, at: api.Nanos) -> api.Connect:
        return api.Connect("source:bitfoo?" + "&".join(sorted({one.instrument.symbol for one in subscriptions})))


def brought_by(source: Lines | None, venue: api.VenueId = VENUE) -> api.ExchangePlugin:
    return replace(make(SourcedFeed), venue=venue, source=source)


class Run:
    """A market, its feeds and a live driver over sources, until `done` says so."""

    def __init__(self, *plugins: api.ExchangePlugin) -> None:
        self.inputs = list[Input]()
        stamp, by_venue = Stamper(), {one.venue: one for one in plugins}
        self.market = Market(by_venue)
        wanted = {venue: subscriptions_of([coin_of(venue)]) for venue in by_venue}
        feeds = Feeds(self.market, by_venue, wanted, lambda: 0.0, stamp())
        intake = Intake(feeds, self._take, stamp)
        self.turns = 0
        brought = {venue: one.source for venue, one in by_venue.items() if one.source is not None}
        self.live = Live(feeds, intake, self._turn, stamp, sources=brought)
        self._stamp = stamp

    def _take(self, entry: Input) -> None:
        self.inputs.append(entry)
        self.market.receive(entry)

    def _turn(self) -> None:
        self.turns += 1

    def heard(self, direction: Direction, venue: api.VenueId = VENUE) -> list[Input]:
        return [entry for entry in self.inputs if entry.direction is direction and entry.venue == venue]

    def until(self, done: Callable[[], bool]) -> "Run":
        """Afterwards no task of the run is left."""
        began_at = self._stamp()

        def over(now: Nanos) -> str:
            assert now - began_at < 8 * SECOND, f"not done: {self.inputs[-3:]}"
            return "done" if done() else ""

        async def run() -> None:
            assert await self.live.run(over) == "done"
            assert asyncio.all_tasks() == {asyncio.current_task()}

        asyncio.run(run())
        return self


def coin_of(venue: api.VenueId) -> api.Instrument:
    return api.Instrument(venue, "btcusdt", api.Asset("BTC"), api.Asset("USDT"))


async def never() -> None:
    await asyncio.get_running_loop().create_future()


def test_a_source_opens_with_its_first_frame_ends_with_its_reason_and_is_dialled_again() -> None:
    lives: list[str] = []

    async def source(url: str) -> AsyncIterator[bytes]:
        lives.append(url)
        yield SNAPSHOT
        if len(lives) == 1:
            yield other(2)
            raise api.VenueUnavailable("maintenance until noon")
        await never()

    run = Run(brought_by(source))
    run.until(lambda: len(lives) == 2 and len(run.heard(Direction.RECV)) == 3)
    told = [(one.direction, one.conn, one.payload) for one in run.inputs if one.direction is not Direction.TICK]
    assert told == [
        (Direction.OPEN, "bitfoo#1", b""),
        (Direction.RECV, "bitfoo#1", SNAPSHOT),
        (Direction.RECV, "bitfoo#1", other(2)),
        (Direction.CLOSE, "bitfoo#1", b"maintenance until noon"),
        (Direction.OPEN, "bitfoo#1", b""),
        (Direction.RECV, "bitfoo#1", SNAPSHOT),
    ]
    assert lives == ["source:bitfoo?btcusdt"] * 2 == [one.url for one in run.heard(Direction.OPEN)]
    assert run.market.books[VENUE]["btcusdt"].state is BookState.LIVE


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (api.VenueUnavailable("no such host"), Ended("no such host")),
        (api.RateLimited("too many"), Ended("too many", 429)),
        (api.ProtocolError("not JSON"), Ended("not JSON")),
        (ExceptionGroup("two tasks", [api.VenueUnavailable("gone"), KeyError("x")]), Ended("gone")),
        (SystemExit(3), Ended("the source raised SystemExit")),
        (asyncio.CancelledError(), Ended("the source was cancelled from within")),
        (None, Ended("the source ended")),
    ],
    ids=lambda one: type(one).__name__,
)
def test_whatever_ends_a_source_is_a_reason(error: BaseException | None, told: Ended) -> None:
    async def source() -> AsyncIterator[bytes]:
        yield SNAPSHOT
        if error is not None:
            raise error

    assert asyncio.run(Spring(source, lambda frame: True, 1000).run()) == told


def test_an_error_against_the_contract_is_told_by_its_place() -> None:
    async def source() -> AsyncIterator[bytes]:
        yield bytes(int("0x7f00"))  # a text that another run would not have

    told = asyncio.run(Spring(source, lambda frame: True, 1000).run())
    line = source.__code__.co_firstlineno + 1
    assert told.reason == f"the plugin raised ValueError in {source.__qualname__}, line {line}"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("text", "the source gave str, and a frame is bytes"),
        (b"x" * 1001, "the source gave a frame of 1001 bytes, more than 1000"),
    ],
)
def test_what_is_no_frame_ends_the_source(given: Any, reason: str) -> None:
    left: list[bool] = []

    async def source() -> AsyncIterator[bytes]:
        try:
            yield given
        finally:
            left.append(True)

    async def run() -> tuple[Ended, list[bool]]:
        return await Spring(source, lambda frame: pytest.fail("it was heard"), 1000).run(), list(left)

    assert asyncio.run(run()) == (Ended(reason), [True])


def test_who_cancels_a_source_is_obeyed() -> None:
    async def source() -> AsyncIterator[bytes]:
        yield SNAPSHOT
        await never()

    async def run() -> bool:
        begun = asyncio.Event()

        def hear(frame: bytes) -> bool:
            begun.set()
            return True

        spring = Spring(source, hear, 1000)
        task = asyncio.ensure_future(spring.run())
        await begun.wait()
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert asyncio.run(run())


class Flood:
    """A source that never waits by itself: numbered frames, as many as somebody takes."""

    def __init__(self) -> None:
        self.given, self.ahead, self.taken = 0, 0, 0

    async def frames(self, url: str) -> AsyncIterator[bytes]:
        while True:
            self.given += 1
            self.ahead = max(self.ahead, self.given - self.taken)
            assert self.ahead < 10 * TURN, f"{self.given} given, {self.taken} taken"
            yield other(self.given)

    def through(self, run: Run, count: int) -> list[bytes]:
        """What a run made of so many."""

        def enough() -> bool:
            self.taken = len(run.heard(Direction.RECV))
            return self.taken >= count

        run.until(enough)
        return [one.payload for one in run.heard(Direction.RECV)]


def test_a_source_ahead_of_the_run_waits_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_AT_ONCE", 1 << 60)
    flood = Flood()
    told = flood.through(Run(brought_by(flood.frames)), 9 * TURN)
    assert told == [other(number) for number in range(1, len(told) + 1)]
    assert 4 * TURN <= flood.ahead <= 5 * TURN + 1, "what a turn takes is noticed after it"


def test_a_source_that_never_waits_lets_the_others_speak() -> None:
    async def quiet(url: str) -> AsyncIterator[bytes]:
        yield SNAPSHOT
        await never()

    flood = Flood()
    run = Run(brought_by(flood.frames), brought_by(quiet, OTHER))
    told = flood.through(run, TURN)
    assert told == [other(number) for number in range(1, len(told) + 1)]
    (first,) = run.heard(Direction.RECV, OTHER)
    assert first.seq < 200 and flood.ahead < 200


def test_a_closed_connection_ends_its_source_and_nothing_of_it_is_heard_later() -> None:
    ended: list[int] = []

    async def source(url: str) -> AsyncIterator[bytes]:
        life = len(ended) + 1
        try:
            yield SNAPSHOT
            if life == 1:
                yield BROKEN
                for number in range(10):
                    yield other(number)
            await never()
        finally:
            ended.append(life)

    run = Run(brought_by(source))
    run.until(lambda: len(run.heard(Direction.OPEN)) == 2 and run.inputs[-1].payload == SNAPSHOT)
    (closed,) = run.heard(Direction.CLOSE)
    assert closed.payload.startswith(b"unreadable frame")
    second = run.heard(Direction.OPEN)[1]
    assert [one for one in run.heard(Direction.RECV) if closed.seq < one.seq < second.seq] == []
    assert ended == [1, 2]


@pytest.mark.parametrize("stubborn", ["a goodbye that hangs", "a cancellation that is swallowed"])
def test_a_source_that_does_not_end_is_told_again(stubborn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "GOODBYE", 0.05)
    told: list[str] = []

    async def source(url: str) -> AsyncIterator[bytes]:
        yield SNAPSHOT
        try:
            await never()
        except asyncio.CancelledError:
            told.append("once")
            if stubborn.startswith("a goodbye"):
                raise
        finally:
            try:
                await never()
            finally:
                told.append("again")

    run = Run(brought_by(source))
    run.until(lambda: len(run.heard(Direction.RECV)) == 1)
    assert told == ["once", "again"]


def test_a_plugin_without_the_source_that_its_url_names_is_closed_with_a_reason() -> None:
    run = Run(brought_by(None))
    run.until(lambda: bool(run.heard(Direction.CLOSE)))
    assert run.heard(Direction.CLOSE)[0].payload == b"bitfoo has no source"


PAGE = Path(__file__).parents[2] / "docs" / "plugins.md"


@pytest.fixture
def bitpipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[api.ExchangePlugin, socket.socket]]:
    """The plugin that the page shows, over the sample plugin that it shows, and where it looks for its server."""
    page = PAGE.read_text(encoding="utf-8")
    shown = re.findall(r"`(cryptopipe_bitpipe/\w+\.py)`:\n\n```python\n(.*?)```\n", page, re.DOTALL)
    assert [name for name, _ in shown] == ["cryptopipe_bitpipe/source.py", "cryptopipe_bitpipe/__init__.py"]
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "packaging" / "thirdparty")
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "cryptopipe_bitpipe").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        for name, text in shown:
            (tmp_path / name).write_text(text.replace("7700", str(listening.getsockname()[1])), encoding="utf-8")
        yield importlib.import_module("cryptopipe_bitpipe").plugin, listening
    for name in [one for one in sys.modules if one.partition(".")[0] in ("cryptopipe_bitpipe", "cryptopipe_bitfoo")]:
        del sys.modules[name]


def test_the_source_that_the_page_shows_reads_a_line_and_passes_the_kit(
    bitpipe: tuple[api.ExchangePlugin, socket.socket],
) -> None:
    """Against a TCP server of this test, which says what the page's plugin reads."""
    plugin, listening = bitpipe
    kit = type("TestBitpipe", (ExchangeConformance,), {"plugin": plugin, "corpus": FRAMES, "instruments": ()})()
    kit.test_1_purity()
    kit.test_6_declared()
    asked: list[bytes] = []

    async def follow(run: Run) -> None:
        left = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.append(await reader.readline())
            writer.write(SNAPSHOT + b"\n" + other(2) + b"\n")
            await reader.read()
            left.set()
            writer.close()

        async with await asyncio.start_server(serve, sock=listening):
            await run.live.run(lambda now: "done" if len(run.heard(Direction.RECV, plugin.venue)) == 2 else "")
            await left.wait()

    run = Run(plugin)
    asyncio.run(asyncio.wait_for(follow(run), 8))
    assert asked == [b"sub btcusdt\n"]
    assert run.market.books[plugin.venue]["btcusdt"].state is BookState.LIVE
    assert run.market.counts[plugin.venue].unknown == 1


class OnePair:
    """A venue of whose only pair nobody knows the rules."""

    def __init__(self, venue: api.VenueId) -> None:
        self._pair = api.Instrument(venue, "BTC/USDT", api.Asset("BTC"), api.Asset("USDT"))

    def listed(self) -> list[api.Instrument]:
        return [self._pair]

    def find(self, symbol: str) -> api.Instrument:
        if symbol != "BTC/USDT":
            raise api.ProtocolError(f"not listed: {symbol}", where=self._pair.venue)
        return self._pair


def test_what_is_missing_is_said_before_anything_is_dialled() -> None:
    def missing(url: str) -> AsyncIterator[bytes]:
        raise api.VenueUnavailable(f"cannot read {url}", fix="install it")

    def broken(url: str) -> AsyncIterator[bytes]:
        raise KeyError(url)

    async def begun(url: str) -> AsyncIterator[bytes]:
        raise AssertionError("it was read")
        yield b""

    for source, told in (
        (missing, r"^cannot read source:bitfoo\?BTC/USDT$"),
        (broken, "^bitfoo: the plugin raised Key"),
    ):
        plugin = replace(brought_by(source), instruments=OnePair(VENUE))
        with pytest.raises(CryptopipeError, match=told):
            refuse_unready({VENUE: plugin}, all_subscriptions({VENUE: plugin}, ["BTC", "USDT"]))
    plugin = replace(brought_by(begun), instruments=OnePair(VENUE))
    refuse_unready({VENUE: plugin}, all_subscriptions({VENUE: plugin}, ["BTC", "USDT"]))


def unified(at: int, bid: str, ask: str) -> bytes:
    """As `cryptopipe_ccxt.source` writes a book."""
    return f'{{"book":"BTC/USDT","bids":[[{bid},1.0]],"asks":[[{ask},1.0]],"at":{at}}}'.encode()


def lines(*books: tuple[str, str]) -> Lines:
    """A source of these books, which then is quiet."""

    async def source(url: str) -> AsyncIterator[bytes]:
        yield b'{"alive":"x"}'
        for at, (bid, ask) in enumerate(books, 1_700_000_000_000):
            yield unified(at, bid, ask)
        await never()

    return source


def settings_in(folder: Path) -> Any:
    strategies = {"arbitrage": registry.strategy("arbitrage").settings}
    return load_settings(environment={}, sets=[f"data_dir={folder}"], strategies=strategies).settings


NO_CCXT = "import sys\nsys.modules['ccxt'] = None\n"


@pytest.fixture
def without_ccxt(tmp_path: Path) -> dict[str, str]:
    """The environment of a child that cannot import ccxt, installed or not."""
    folder = tmp_path / "without"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(NO_CCXT, encoding="utf-8")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])}


def cryptopipe(environment: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "cryptopipe", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def test_a_run_over_sources_trades_nothing_says_why_and_replays_without_ccxt(
    tmp_path: Path, without_ccxt: dict[str, str]
) -> None:
    """Two venues that cross by 2 %: an edge, refused because nobody knows the rules; the record has both."""
    pytest.importorskip("cryptopipe_ccxt", reason="the plugin of ccxt's venues is not installed")
    books = {
        "ccxt_kucoin": [("100.1", "100.2")] * 3,
        "ccxt_bitget": [("98.1", "98.2"), ("98.0", "98.2"), ("98.1", "98.2")],
    }
    plugins = {api.VenueId(name): replace(registry.exchange(name), source=lines(*told)) for name, told in books.items()}
    settings = settings_in(tmp_path / "data")
    wiring = Wiring("arbitrage", settings, plugins)
    wanted = all_subscriptions(plugins, ["BTC", "USDT"])

    def streams(running: Running) -> Streams:
        counts = running.pipe.market.counts

        def told() -> str:
            return "all is told" if all(counts[venue].tops >= 1 for venue in plugins) else ""

        return Streams(plugins, running.pipe.market, wanted, running.take, running.turn_ended, ended=told)

    configure(verbose=1)  # an earlier command of this process may have asked for warnings only
    with structlog.testing.capture_logs() as log:
        result = act_live(wiring, Origin("live", ReplayLabel(True, "", ()), None), streams)
    watched = [(one["venue"], one["symbols"]) for one in log if one["event"] == "feed.watched"]
    assert watched == [("ccxt_kucoin", ["BTC/USDT"]), ("ccxt_bitget", ["BTC/USDT"])]
    assert (result.summary.found, result.summary.accepted, dict(result.summary.refusals)["rules"]) == (1, 0, 1)
    assert not any(result.summary.balances.values()), "nothing is opened where nothing is traded"
    assert verify(result.run).identical
    command = [
        sys.executable,
        "-m",
        "cryptopipe",
        "replay",
        result.run.id,
        "--verify",
        "--json",
        f"--data-dir={tmp_path}/data",
    ]
    child = subprocess.run(command, env=without_ccxt, capture_output=True, text=True, timeout=60)
    assert child.returncode == 0, child.stderr
    document = json.loads(child.stdout)
    assert document["identical"] and document["hash_replay"] == result.journal_hash


@pytest.mark.parametrize("command", [("watch",), ("action", "--venues=kraken,ccxt_kucoin")], ids=lambda one: one[0])
def test_without_ccxt_a_live_run_names_what_to_install(
    command: tuple[str, ...], tmp_path: Path, without_ccxt: dict[str, str]
) -> None:
    pytest.importorskip("cryptopipe_ccxt", reason="the plugin of ccxt's venues is not installed")
    more = ("--venues=ccxt_kucoin", *command[1:], "--market=live", f"--data-dir={tmp_path}/data")
    child = cryptopipe(without_ccxt, command[0], *more)
    assert (child.returncode, child.stdout) == (69, "")
    assert child.stderr == ("error: kucoin is read by ccxt, which is not installed\nfix: pip install ccxt\n")
    assert not (tmp_path / "data" / "runs").exists()


def test_sources_that_nobody_reaches_end_the_run_with_69() -> None:
    async def source(url: str) -> AsyncIterator[bytes]:
        raise api.VenueUnavailable("ccxt gave up: NetworkError")
        yield b""

    plugin = replace(brought_by(source), instruments=OnePair(VENUE))
    market = Market({VENUE: plugin})
    wanted = all_subscriptions({VENUE: plugin}, ["BTC", "USDT"])
    streams = Streams({VENUE: plugin}, market, wanted, market.receive, lambda at: None, reached_within=SECOND // 5)
    told = r"no venue could be reached within 0\.200 s: bitfoo: ccxt gave up: NetworkError"
    with pytest.raises(api.VenueUnavailable, match=told) as refused:
        streams.run(Stop(), None)
    assert refused.value.exit_code == 69
