"""Probes for leaked secrets, 39 to 50: our drivers over real sockets, with every library's log at DEBUG, and commands.

The venues here repeat whatever they are sent: body, headers, query, the frames of a sign-in, the reason of a close.
"""

import asyncio
import json
import logging
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import keyring
import pytest
import websockets
from aiohttp import web
from leaks import CREDENTIALS, KEY, PASSPHRASE, PLAIN, SECRET, spilled, written

from cryptopipe import registry
from cryptopipe.act.execution import Instruction
from cryptopipe.capture.inputs import Direction
from cryptopipe.capture.redact import secrets_of
from cryptopipe.cli.root import main
from cryptopipe.clock import Stamper
from cryptopipe.drivers import child
from cryptopipe.drivers.ear import Ear
from cryptopipe.drivers.fetching import fetch, session
from cryptopipe.drivers.intake import Arrival
from cryptopipe.drivers.private import PrivateLine
from cryptopipe.drivers.signatory import Signatory, Signed
from cryptopipe.drivers.streams import instruments_of
from cryptopipe.model.actions import FetchBalances
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.facts import VenueId
from cryptopipe.model.stream import Credentials, HttpRequest
from cryptopipe.settings.keys import without_keys

PLUGINS = {name: one for name, one in registry.exchanges().items() if one.actions is not None}
STREAMS = {name: one for name, one in PLUGINS.items() if one.private is not None}


def usable(plugin: ExchangePlugin) -> Credentials:
    return plugin.sandbox_key(CREDENTIALS) if plugin.sandbox_key is not None else CREDENTIALS


@pytest.fixture
def loud(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Everything that any library logs, also the event loop."""
    with caplog.at_level(logging.DEBUG):
        for name in ("aiohttp", "aiohttp.client", "websockets", "websockets.client", "ccxt", "urllib3", "asyncio"):
            caplog.set_level(logging.DEBUG, name)
        yield caplog


def clean(log: pytest.LogCaptureFixture, key: Credentials, *more: str) -> None:
    own = [one for one in log.records if not one.name.startswith(("aiohttp.server", "aiohttp.access", "probe"))]
    told = "\n".join(f"{one.getMessage()} {vars(one)!r}" for one in own)
    assert not spilled(told, key.secret, key.passphrase, key.key, *more)


@asynccontextmanager
async def venue(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{any:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        assert runner.addresses
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def repeat(request: web.Request) -> web.StreamResponse:
    told = f"{request.method} {request.raw_path} {dict(request.headers)} {await request.text()}"
    return web.json_response({"msg": told, "code": -1, "error": [told], "retMsg": told, "message": told}, status=400)


async def hang_up(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


def asked(plugin: ExchangePlugin, rewrite: Callable[[VenueId, str], str]) -> tuple[Arrival, set[str]]:
    """What enters a run for a signed request, and what that was signed with."""
    assert plugin.actions is not None
    codec = plugin.actions(instruments_of(plugin, ("BTC", "USD", "USDT")))
    sent: list[HttpRequest] = []
    signatory = Signatory(
        codecs={plugin.venue: codec}, credentials={plugin.venue: usable(plugin)}, rewrite=rewrite
    )  # fmt: skip

    async def work() -> Arrival:
        async with session(5_000_000_000) as http:

            async def fetched(request: HttpRequest) -> Any:
                sent.append(request)
                return await fetch(http, request, lambda: pytest.fail("no TLS here"))

            one = Instruction("1", plugin.venue, FetchBalances(plugin.venue), ())
            return await signatory.carry_out(one, Stamper(), fetched)

    arrival = asyncio.run(work())
    return arrival, {one for request in sent for one in secrets_of(request) if len(one) > 8}


def at(plugin: ExchangePlugin, answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> Arrival:
    async def work() -> tuple[Arrival, set[str]]:
        async with venue(answer) as origin:
            return await asyncio.to_thread(asked, plugin, lambda _, url: child.on_origin(url, origin))

    arrival, signed = asyncio.run(work())
    assert signed
    assert not spilled(repr(arrival), usable(plugin).secret, usable(plugin).key, *signed)
    return arrival


@pytest.mark.parametrize("name", PLUGINS)
def test_39_a_venue_that_repeats_the_request_tells_no_log_and_no_run(name: str, loud: pytest.LogCaptureFixture) -> None:
    arrival = at(PLUGINS[name], repeat)
    assert arrival.status == 400 and b"***" in arrival.payload
    clean(loud, usable(PLUGINS[name]))


@pytest.mark.parametrize("name", PLUGINS)
def test_40_nor_does_a_connection_that_breaks(name: str, loud: pytest.LogCaptureFixture) -> None:
    assert b"no answer: " in at(PLUGINS[name], hang_up).payload
    clean(loud, usable(PLUGINS[name]))


@pytest.mark.parametrize("origin", ["http://", "http://127.0.0.1:1", "http://a b.example", "ftp://a.example"])
@pytest.mark.parametrize("name", PLUGINS)
def test_41_nor_does_what_a_library_says_of_an_url_that_it_cannot_ask(
    name: str, origin: str, loud: pytest.LogCaptureFixture
) -> None:
    plugin = PLUGINS[name]
    arrival, signed = asked(plugin, lambda _, url: origin + url.partition("//")[2].partition("/")[2].join("/ ").strip())
    assert arrival.payload
    assert not spilled(repr(arrival), usable(plugin).secret, usable(plugin).key, *signed)
    clean(loud, usable(plugin), *signed)


def heard_from_a_parrot(plugin: ExchangePlugin, texts: list[str]) -> list[Arrival]:
    """What a run hears of a private stream whose venue repeats the sign-in, and hangs up with it as its reason."""
    assert plugin.private is not None
    heard: list[Arrival] = []
    stream = Signed(lambda: private.codec(instruments_of(plugin, ("BTC", "USD", "USDT"))), plugin.private.signer)
    private = plugin.private
    token = json.dumps({"error": [], "result": {"token": TOKEN, "expires": 900}}).encode()

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=token)

    async def parrot(socket: websockets.ServerConnection) -> None:
        text = await socket.recv()
        assert isinstance(text, str)
        texts.append(text)
        await socket.send(text)
        await socket.send(json.dumps({"error": text}))
        assert socket.request is not None
        await socket.close(4000, (socket.request.path + text)[:120])

    async def work() -> None:
        ended = asyncio.Event()

        def hear(one: Arrival) -> bool:
            heard.append(one)
            if one.direction is Direction.CLOSE:
                ended.set()
            return True

        async with venue(answer) as rest, websockets.serve(parrot, "127.0.0.1", 0) as server, session(10**10) as http:
            port = server.sockets[0].getsockname()[1]
            streams = f"http://127.0.0.1:{port}"
            signatory = Signatory(
                credentials={plugin.venue: usable(plugin)},
                rewrite=lambda _, url: child.on_origin(url, streams if url.startswith("ws") else rest),
            )
            sockets: dict[str, Ear] = {}

            async def ask(request: HttpRequest) -> Any:
                return await fetch(http, request, lambda: pytest.fail("no TLS here"))

            line = PrivateLine(
                plugin.venue, stream, signatory, Stamper(), ask, hear, lambda conn: 1, sockets,
                lambda: pytest.fail("no TLS here"),
            )  # fmt: skip
            following = asyncio.ensure_future(line.follow())
            async with asyncio.timeout(10):
                await ended.wait()
            following.cancel()

    asyncio.run(work())
    return heard


TOKEN = "1Dwc4lzSwNWOAwkMdqhssNNFhs1ed606d1WcF3XfEMw"


@pytest.mark.parametrize("name", STREAMS)
def test_42_a_private_stream_that_repeats_the_sign_in_tells_no_log_and_no_run(
    name: str, loud: pytest.LogCaptureFixture
) -> None:
    texts: list[str] = []
    logging.getLogger("websockets.server").setLevel(logging.INFO)  # the parrot's own
    heard = heard_from_a_parrot(STREAMS[name], texts)
    assert [one.direction for one in heard] == [Direction.OPEN, Direction.RECV, Direction.RECV, Direction.CLOSE]
    assert b"4000" in heard[-1].payload
    sent = secrets_of(HttpRequest("POST", "", {}, texts[0].encode()))
    signed = {one for one in sent if len(one) > 8}
    key = usable(STREAMS[name])
    assert signed or name == "bybit", texts
    if name == "bybit":  # {"op":"auth","args":[key, expires, signature]}
        signed = {json.loads(texts[0])["args"][2]}
    for one in heard:
        assert not spilled(repr(one) + one.payload.decode(), key.secret, key.passphrase, key.key, *signed)
    clean(loud, key, *signed)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user with a key of each venue, in keys.yaml and in the environment."""
    folder = tmp_path / "cryptopipe"
    folder.mkdir()
    lines = [f"{name}: {json.dumps(_parts(one))}\n" for name, one in PLUGINS.items()]
    (folder / "keys.yaml").write_text("".join(lines))
    (folder / "keys.yaml").chmod(0o600)
    for variable in [one for one in os.environ if one.startswith("CRYPTOPIPE_")]:
        if variable not in ("CRYPTOPIPE_USE_CORE", "CRYPTOPIPE_CORE"):
            monkeypatch.delenv(variable)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("CRYPTOPIPE_KEYS__BINANCE__KEY", KEY)
    monkeypatch.setenv("CRYPTOPIPE_KEYS__BINANCE__SECRET", SECRET)
    monkeypatch.setenv("CRYPTOPIPE_KEYS__BINANCE__PASSPHRASE", PASSPHRASE)
    monkeypatch.setattr(keyring, "get_password", lambda service, name: None)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _parts(plugin: ExchangePlugin) -> dict[str, str]:
    key = usable(plugin)
    return {"key": key.key, "secret": str(key.secret)} | ({"passphrase": key.passphrase} if key.passphrase else {})


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    main(arguments)
    told = capsys.readouterr()
    assert told.out or told.err
    return told.out + told.err


COMMANDS = {
    "config show": ("config", "show"),
    "config show --json": ("config", "show", "--json"),
    "config check": ("config", "check"),
    "config schema": ("config", "schema"),
    "a fault": ("config", "check", "--json", "--set", "risk.max_loss=much"),
    "doctor": ("doctor",),
    "doctor --json": ("doctor", "--json"),
    "runs": ("post-mortem",),
}


@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS)
def test_43_no_command_shows_a_key(arguments: tuple[str, ...], home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = said(capsys, *arguments, "--data-dir", str(home / "data"))
    assert not spilled(told, SECRET, PLAIN, PASSPHRASE, KEY)


def test_44_a_key_on_the_command_line_is_told_off_without_being_repeated(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for more in ((), ("--json",)):
        told = said(capsys, "config", "check", "--set", f"keys.kraken.secret={SECRET}", *more)
        assert "not on the command line" in told
        assert not spilled(told, SECRET, PLAIN, PASSPHRASE, KEY)


@pytest.mark.parametrize("name", PLUGINS)
def test_45_a_question_that_reaches_nobody_shows_no_key(
    name: str, home: Path, capsys: pytest.CaptureFixture[str], loud: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """`balances --market live`: real names, which nobody answers for here."""
    import socket

    def nobody(*arguments: object, **more: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    for more in (("-vv",), ("--json",)):
        told = said(capsys, "balances", "--market", "live", "--venues", name, *more)
        assert "cannot connect" in told
        key = usable(PLUGINS[name])
        assert not spilled(told, key.secret, key.key, key.passphrase, "signature=")
    clean(loud, usable(PLUGINS[name]))


def test_46_children_get_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in {
        "CRYPTOPIPE_KEYS__KRAKEN__SECRET": SECRET,
        "CRYPTOPIPE_AGE_PASSPHRASE": PASSPHRASE,
        "CRYPTOPIPE_AGE_IDENTITY": SECRET,
        "KRAKEN_SECRET": SECRET,
    }.items():
        monkeypatch.setenv(variable, value)
    assert not spilled(repr(child._environment()))
    assert {name for name in os.environ if name not in without_keys(os.environ)} == {
        "CRYPTOPIPE_KEYS__KRAKEN__SECRET",
        "CRYPTOPIPE_AGE_PASSPHRASE",
        "CRYPTOPIPE_AGE_IDENTITY",
    }


CRASH = """
import faulthandler, os, signal, sys
from cryptopipe.model.stream import Credentials
from cryptopipe.settings import load_settings
def holds(settings, credentials, secret):
    if sys.argv[1] == "signal":
        faulthandler.enable()
        os.kill(os.getpid(), signal.SIGABRT)
    raise LookupError(credentials, settings)
settings = load_settings().settings
key = settings.credentials("binance")
holds(settings, key, key.secret)
"""


@pytest.mark.parametrize("how", ["signal", "error"])
def test_47_a_crash_tells_no_key(how: str, home: Path) -> None:
    done = subprocess.run([sys.executable, "-X", "dev", "-c", CRASH, how], capture_output=True, check=False, text=True)
    assert done.returncode != 0 and "in holds" in done.stderr
    assert not spilled(done.stdout + done.stderr, SECRET, PLAIN, PASSPHRASE, KEY)


def test_48_values_of_the_driver_show_no_key() -> None:
    plugin = next(iter(PLUGINS.values()))
    signatory = Signatory(credentials={plugin.venue: usable(plugin)})
    assert not any(spilled(one, SECRET, PLAIN, PASSPHRASE, KEY) for one in written(signatory))
