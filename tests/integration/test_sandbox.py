"""The sandbox on real sockets: what a client gets, what faults look like to it, how a bad client fares, how it ends."""

import asyncio
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from decimal import Decimal as D
from pathlib import Path
from time import monotonic
from typing import Any

import aiohttp
import pytest
import structlog
import websockets
from simulation.bitfoo_sandbox import bitfoo

from cryptopipe import registry
from cryptopipe.cli import main
from cryptopipe.cli.logs import configure
from cryptopipe.clock import Nanos, Stamper
from cryptopipe.drivers import child
from cryptopipe.drivers.authority import authority
from cryptopipe.drivers.serve import PortTaken, Served, serving
from cryptopipe.errors import UsageError
from cryptopipe.model.facts import Asset, Instrument, Side, TradingRules
from cryptopipe.model.simulated import Outgoing, SandboxSession, Say, SimulatedBook
from cryptopipe.model.stream import HttpRequest, HttpResponse
from cryptopipe.sandbox.engine import Engine
from cryptopipe.sandbox.faults import Fault
from cryptopipe.sandbox.house import House

DOCS = Path(__file__).parents[2] / "docs"
RULES = TradingRules(D("0.01"), D("0.001"), D("0.001"), D(0))
SYMBOL = "btcusdt"
ENDS_WITHIN_S = 2


class Market:
    """One instrument whose best bid is replaced at each step."""

    def __init__(self) -> None:
        self.stamp = Stamper()
        self.book = Engine(Instrument(bitfoo.venue, SYMBOL, Asset("BTC"), Asset("USDT"), rules=RULES))
        self.steps = 0
        self._order = 0

    def advance(self, until: Nanos) -> None:
        if not self.steps:
            self.book.limit(Side.BUY, 9_000, 5, until)
            self.book.limit(Side.SELL, 9_100, 7, until)
        self.book.cancel(self._order, until)
        self._order = self.book.limit(Side.BUY, 9_001 + self.steps % 5, 1_500, until).order_id
        self.steps += 1

    def house(self, *faults: Fault) -> House:
        return House(bitfoo, {SYMBOL: self.book}, faults, 0, self.stamp())


class Loud:
    """A venue that says a number at each step, and under `/loud` half a megabyte of it."""

    def __init__(self, books: Mapping[str, SimulatedBook]) -> None:
        self.endpoints: Mapping[str, str] = {"loud": "/loud", "quiet": "/quiet"}

    def open(self, path: str, at: Nanos) -> SandboxSession | HttpResponse:
        return Counting(500_000 if path == "/loud" else 1)

    def answer(self, request: HttpRequest, at: Nanos) -> HttpResponse:
        return HttpResponse(200, json.dumps([request.method, request.url, (request.body or b"").decode()]).encode())


class Counting:
    def __init__(self, width: int) -> None:
        self._width, self._said = width, 0

    def receive(self, message: str, at: Nanos) -> Iterable[Outgoing]:
        return ()

    def publish(self, at: Nanos) -> Iterable[Outgoing]:
        self._said += 1
        return (Say(f"{self._said:{self._width}}"),)


loud = replace(bitfoo, sandbox=Loud)


def run(steps: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await steps

    asyncio.run(bounded())


def url(served: Served, path: str = "/v2") -> str:
    return served.origins[bitfoo.venue].ws(path)


async def subscribed(session: aiohttp.ClientSession, served: Served) -> aiohttp.ClientWebSocketResponse:
    ws = await session.ws_connect(url(served), compress=15)
    await ws.send_str(f'{{"op":"sub","s":"{SYMBOL}"}}')
    return ws


def test_a_client_gets_what_the_venue_says_in_order() -> None:
    async def steps() -> None:
        market = Market()
        async with serving([market.house()], market.advance) as served, aiohttp.ClientSession() as session:
            ws = await subscribed(session, served)
            assert ws.compress == 0  # though it was offered
            frames = [json.loads(await ws.receive_str()) for _ in range(40)]
            assert [frame["type"] for frame in frames[:2]] == ["subscribed", "snapshot"]
            assert ["90.00", "0.005"] in frames[1]["bids"] and frames[1]["asks"] == [["91.00", "0.007"]]
            first = frames[1]["seq"]
            assert [frame["seq"] for frame in frames[2:]] == list(range(first + 1, first + 39))
            assert served.delays.count >= 40
            assert 0 < served.delays.beyond(2) <= served.delays.beyond(100) <= served.delays.longest

    run(steps())


def test_http_and_websockets_share_the_origin() -> None:
    async def steps() -> None:
        market = Market()
        async with serving([market.house()], market.advance) as served, aiohttp.ClientSession() as session:
            rest = served.origins[bitfoo.venue].rest
            async with session.get(f"{rest}/v2/book?s={SYMBOL}") as answer:
                assert answer.status == 200 and (await answer.json())["seq"] > 0
            async with session.get(f"{rest}/v3") as answer:
                assert (answer.status, await answer.json()) == (404, {"error": "no such path"})
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await session.ws_connect(url(served, "/v3"))
            assert refused.value.status == 404

    run(steps())


def test_a_request_arrives_as_it_was_sent() -> None:
    async def steps() -> None:
        house = House(loud, {})
        async with serving([house], lambda until: None) as served, aiohttp.ClientSession() as session:
            rest = served.origins[loud.venue].rest
            for sent in ('/a?s=%5B%22X%22%5D&t=1', "/", "/0/public/Time"):  # fmt: skip
                async with session.post(aiohttp.client.URL(rest + sent, encoded=True), data=b"body") as answer:
                    assert await answer.json() == ["POST", sent, "body"]

    run(steps())


class Plain:
    """A venue whose answer has the headers given here."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self.endpoints: Mapping[str, str] = {}
        self._headers = headers

    def open(self, path: str, at: Nanos) -> SandboxSession | HttpResponse:
        return HttpResponse(404, b"")

    def answer(self, request: HttpRequest, at: Nanos) -> HttpResponse:
        return HttpResponse(200, b"{}", headers=self._headers)


@pytest.mark.parametrize(
    ("headers", "seen"),
    [
        ({"content-type": "text/plain"}, "text/plain"),
        ({"CONTENT-TYPE": "text/plain"}, "text/plain"),
        ({"date": "x"}, "application/json"),
    ],
)
def test_each_header_goes_out_once_however_it_is_spelled(headers: Mapping[str, str], seen: str) -> None:
    async def steps() -> None:
        house = House(replace(bitfoo, sandbox=lambda books: Plain(headers)), {})
        async with (
            serving([house], lambda until: None) as served,
            aiohttp.ClientSession() as session,
            session.get(f"{served.origins[bitfoo.venue].rest}/a") as answer,
        ):
            assert answer.headers.getall("Content-Type") == [seen]
            assert len(answer.headers.getall("Date")) == 1

    run(steps())


def test_each_venue_has_its_port() -> None:
    async def steps() -> None:
        other = replace(loud, venue=type(loud.venue)("barfoo"))
        houses = [House(loud, {}), House(other, {})]
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        async with serving(houses, lambda until: None, port) as served:
            assert [origin.port for origin in served.origins.values()] == [port, port + 1]
            with pytest.raises(PortTaken, match=f"127.0.0.1:{port}: another process listens here"):
                async with serving([House(loud, {})], lambda until: None, port):
                    raise AssertionError("two servers on one port")
        with pytest.raises(UsageError, match="2 ports from 65535 on do not exist"):
            async with serving(houses, lambda until: None, 65_535):
                raise AssertionError("there is no port 65536")

    run(steps())


def test_a_client_that_does_not_read_is_broken_and_holds_up_nobody() -> None:
    async def steps() -> None:
        house = House(loud, {})
        async with serving([house], lambda until: None) as served, aiohttp.ClientSession() as session:
            asleep = await session.ws_connect(url(served, "/loud"))
            awake = await session.ws_connect(url(served, "/quiet"))
            heard = [await awake.receive_str()]
            while len(house.connections) > 1:
                heard.append(await awake.receive_str())
            assert heard == [str(n) for n in range(1, len(heard) + 1)]
            while (message := await asleep.receive()).type is aiohttp.WSMsgType.TEXT:
                pass
            assert message.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)

    configure()
    with structlog.testing.capture_logs() as lines:
        run(steps())
    (line,) = lines
    assert documented("sandbox.overflow") == (line["log_level"], set(line) - {"event", "log_level"})
    assert line["kept"] > 64 << 20 and line["venue"] == "bitfoo"


def documented(event: str) -> tuple[str, set[str]]:
    page = (DOCS / "logs.md").read_text(encoding="utf-8").split("\n## `cryptopipe sandbox`\n")[1]
    rows = re.findall(r"^\| `([\w.]+)` \| (\w+) \| (.+) \|$", page, re.MULTILINE)
    return {name: (level, set(data.split(", "))) for name, level, data in rows}[event]


def test_a_client_that_reads_is_kept_whatever_it_was_sent_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cryptopipe.drivers.outbox.BOUND", 100)

    async def steps() -> None:
        async with serving([House(loud, {})], lambda until: None) as served, aiohttp.ClientSession() as session:
            ws = await session.ws_connect(url(served, "/quiet"))
            said = [await ws.receive_str() for _ in range(60)]
            assert said == [str(number) for number in range(1, 61)]

    run(steps())


def test_an_end_is_told_and_quick_even_if_a_client_does_not_read() -> None:
    async def steps() -> None:
        house = House(loud, {})
        async with aiohttp.ClientSession() as session:
            async with serving([house], lambda until: None) as served:
                asleep = await session.ws_connect(url(served, "/loud"))
                awake = await session.ws_connect(url(served, "/quiet"))
                for _ in range(20):
                    await awake.receive_str()
                reading = asyncio.create_task(last(awake))
                began = monotonic()
            assert monotonic() - began < ENDS_WITHIN_S
            assert await reading == (aiohttp.WSMsgType.CLOSE, 1001)
            assert not asleep.closed

    run(steps())


async def last(ws: aiohttp.ClientWebSocketResponse) -> tuple[aiohttp.WSMsgType, int | None]:
    """How the connection ends: the first message that is no text."""
    while (message := await ws.receive()).type is aiohttp.WSMsgType.TEXT:
        pass
    return message.type, ws.close_code


def test_faults_as_a_client_sees_them() -> None:
    async def dialled(*faults: Fault) -> tuple[object, ...]:
        market = Market()
        async with serving([market.house(*faults)], market.advance) as served, aiohttp.ClientSession() as session:
            try:
                return await last(await subscribed(session, served))
            except aiohttp.WSServerHandshakeError as refused:
                assert refused.headers is not None
                return refused.status, refused.headers["Retry-After"]

    async def steps() -> None:
        assert await dialled(Fault("refuse", values={"retry_after": 7_000_000_000})) == (429, "7")
        assert await dialled(Fault("accept_then_close")) == (aiohttp.WSMsgType.CLOSE, 1013)
        assert (await dialled(Fault("reset")))[1] == 1006
        market = Market()
        async with serving([market.house(Fault("black_hole"))], market.advance) as served:
            with pytest.raises(TimeoutError, match="opening handshake"):
                await websockets.connect(url(served), open_timeout=0.2)

    configure(verbose=1)
    with structlog.testing.capture_logs() as lines:
        run(steps())
    assert [line["kinds"] for line in lines] == [["refuse"], ["accept_then_close"], ["reset"], ["black_hole"]]
    for line in lines:
        assert documented(line["event"]) == (line["log_level"], set(line) - {"event", "log_level"})


def test_a_huge_frame_is_too_large_for_whoever_has_a_limit() -> None:
    async def steps() -> None:
        market = Market()
        async with (
            serving([market.house(Fault("huge_frame"))], market.advance) as served,
            websockets.connect(url(served), max_size=16 << 20) as ws,
        ):
            await ws.send(f'{{"op":"sub","s":"{SYMBOL}"}}')
            with pytest.raises(websockets.ConnectionClosedError) as closed:
                await ws.recv()
            assert closed.value.sent is not None and closed.value.sent.code == 1009

    run(steps())


def test_pings_are_answered_until_a_black_hole() -> None:
    async def steps() -> None:
        market = Market()
        late, began = Fault("black_hole", at=300_000_000), market.stamp()
        async with (
            serving([market.house(late)], market.advance) as served,
            websockets.connect(url(served), close_timeout=0.1, ping_interval=None) as ws,
        ):
            await (await ws.ping())
            await ws.send(f'{{"op":"sub","s":"{SYMBOL}"}}')
            with suppress(TimeoutError):
                while True:
                    await asyncio.wait_for(ws.recv(), 0.1)
            assert market.stamp() - began >= late.at
            done, _ = await asyncio.wait([asyncio.ensure_future(await ws.ping())], timeout=0.1)
            assert not done

    run(steps())


def test_a_world_that_fails_ends_the_sandbox() -> None:
    def fail(until: Nanos) -> None:
        raise ArithmeticError("the world is out of joint")

    async def steps() -> None:
        async with serving([House(loud, {})], fail):
            await asyncio.get_running_loop().create_future()

    with pytest.raises(ArithmeticError, match="the world is out of joint"):
        run(steps())


def test_tls_by_its_own_authority() -> None:
    async def steps() -> None:
        market = Market()
        with authority() as own:
            trusting = ssl.create_default_context(cafile=str(own.ca_file))
            async with (
                serving([market.house()], market.advance, tls=own.context) as served,
                aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusting)) as session,
                aiohttp.ClientSession() as stranger,
            ):
                assert url(served).startswith("wss://") and served.origins[bitfoo.venue].rest.startswith("https://")
                ws = await subscribed(session, served)
                assert json.loads(await ws.receive_str())["type"] == "subscribed"
                await ws.close()
                with pytest.raises(aiohttp.ClientConnectorCertificateError):
                    await stranger.ws_connect(url(served))
        assert not own.ca_file.exists()

    run(steps())


@contextmanager
def sandbox(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "cryptopipe", "sandbox", "--json", *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def simulated() -> str:
    """An installed venue that can be simulated."""
    names = [name for name, plugin in registry.exchanges().items() if plugin.sandbox is not None]
    if not names:
        pytest.skip("no installed exchange brings a simulated venue")
    return names[0]


def documented_fields() -> set[str]:
    page = (DOCS / "json.md").read_text(encoding="utf-8").split("\n## sandbox\n")[1].split("\n## ")[0]
    cells = re.findall(r"^\| (`.+?`) \| ", page, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def test_the_command_tells_where_it_listens_and_ends_with_its_parent() -> None:
    name = simulated()
    with sandbox("--venues", name, "--seed", "7", "--tls", "--until-stdin-closes") as process:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        told = json.loads(process.stdout.readline())
        assert set(told) == {"schema", *documented_fields()}
        assert (told["schema"], told["pid"], told["seed"], list(told["venues"])) == (1, process.pid, 7, [name])
        venue = told["venues"][name]
        assert set(venue) == {
            "rest", "ws", "ws_private", "key", "secret", "passphrase", "instruments", "networks",
        }  # fmt: skip
        assert venue["instruments"] and all(one.startswith(f"wss{venue['rest'][5:]}/") for one in venue["ws"].values())
        assert Path(told["ca_file"]).read_text(encoding="utf-8").startswith("-----BEGIN CERTIFICATE-----")
        process.stdin.close()
        assert process.wait(ENDS_WITHIN_S) == 0
        assert (process.stdout.read(), process.stderr.read()) == ("", "")
        assert not Path(told["ca_file"]).exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_the_normal_end(number: signal.Signals) -> None:
    with sandbox("--venues", simulated()) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        os.kill(process.pid, signal.SIGUSR1)
        asked = json.loads(process.stderr.readline())
        os.kill(process.pid, number)
        assert process.wait(ENDS_WITHIN_S) == 0
        ended = json.loads(process.stderr.read())
        assert asked == ended == {"schema": 1, "frames": 0, "p50_ms": "0.000", "p99_ms": "0.000", "max_ms": "0.000"}


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, str]]:
    code = main(["sandbox", "--json", *arguments])
    error: dict[str, str] = json.loads(capsys.readouterr().out)["error"]
    return code, error


def test_what_cannot_be_served_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    name = simulated()
    code, error = refusal(capsys, "--venues", f"{name}x")
    assert (code, error["message"]) == (2, f"unknown exchange '{name}x'; did you mean '{name}'?")
    code, error = refusal(capsys, "--venues", ",")
    assert (code, error["where"]) == (2, "--venues")
    code, error = refusal(capsys, "--for", "soon")
    assert (code, error["where"]) == (2, "--for")
    code, error = refusal(capsys, "--venues", name, "--faults", str(tmp_path / "none.yaml"))
    assert (code, error["where"]) == (78, str(tmp_path / "none.yaml"))
    (tmp_path / "faults.yaml").write_text(f"- {{kind: drop, venue: {name}y}}", encoding="utf-8")
    code, error = refusal(capsys, "--venues", name, "--faults", str(tmp_path / "faults.yaml"))
    assert (code, error["where"]) == (78, f"{tmp_path / 'faults.yaml'}:1")
    assert f"venue: '{name}y' is not served; did you mean '{name}'?" in error["message"]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, error = refusal(capsys, "--venues", name, "--port-base", str(port))
    assert (code, error["code"], error["where"]) == (75, "port_taken", f"127.0.0.1:{port}")


def test_a_venue_that_cannot_be_simulated_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    names = [name for name, plugin in registry.exchanges().items() if plugin.sandbox is None]
    if not names:
        pytest.skip("every installed exchange brings a simulated venue")
    code, error = refusal(capsys, "--venues", names[0])
    assert (code, error["message"]) == (2, f"{names[0]} brings no simulated venue")
    assert error["fix"].startswith("these do: ")


def test_what_its_owner_raises_comes_out_as_it_is() -> None:
    async def owner() -> None:
        async with serving([House(loud, {})], lambda until: None):
            raise BrokenPipeError("nobody reads where it listens")

    with pytest.raises(BrokenPipeError, match="nobody reads"):
        asyncio.run(owner())


def test_a_script_in_the_working_directory_is_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "statistics.py").write_text("raise SystemExit('the user has a script of this name')")
    monkeypatch.chdir(tmp_path)
    with child.sandbox([simulated()], seed=1) as started:
        assert started.seed == 1
        assert os.getsid(started.process.pid) != os.getsid(0), "Ctrl-C on the terminal ends the run, which ends it"
