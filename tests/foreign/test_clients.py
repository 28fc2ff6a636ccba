"""Clients that nobody here wrote follow the sandbox: no complaint, every request answered, their books the engine's.

Each runs in its own process and its own environment (`scripts/test-foreign` makes them in `.venv-foreign`, or wherever
`CRYPTOPIPE_FOREIGN` says); a client that is not installed is skipped with a message. `CRYPTOPIPE_FOREIGN_SECONDS` and
`CRYPTOPIPE_FOREIGN_REPORT` (a file that gets a line of JSON a client) are the script's too.
"""

import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from foreign import serving
from foreign.truth import SIDES, Moment, Verdict, histories, judge

MINUTE = float(os.environ.get("CRYPTOPIPE_FOREIGN_SECONDS", "60"))
REPORT = os.environ.get("CRYPTOPIPE_FOREIGN_REPORT")
DEPTH, SEED = 10, 2026
DOLLARS = ("BTC/USD", "ETH/USD")
BOOKS = {
    "binance": ("BTCUSDT", "ETHUSDT"),
    "bybit": ("BTCUSDT", "ETHUSDT"),
    "coinbase": ("BTC-USD", "ETH-USD"),
    "kraken": DOLLARS,
    "coinbase_exchange": ("BTC-USD", "ETH-USD"),
    "binance_usdm": ("BTCUSDT", "ETHUSDT"),
    "gemini": ("btcusd", "ethusd"),
    "okx": ("BTC-USDT", "ETH-USDT"),
    "bitstamp": ("btcusd", "ethusd"),
    "bitfinex": ("tBTCUSD", "tETHUSD"),
}
"""What the market writes down, in the venues' spelling; each client's list below has the same order."""
TRUST = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "WEBSOCKET_CLIENT_CA_BUNDLE")


@dataclass(frozen=True)
class Client:
    """One script of `clients/`: where it runs, which books it follows in its own spelling, and for how long."""

    script: str
    environment: str
    package: str
    books: Mapping[str, Sequence[str]]
    seconds: float = MINUTE / 6
    moments: int = 20
    tls: bool = True
    compares: bool = True
    sides: Mapping[str, Sequence[str]] = field(default_factory=dict)
    orders: Sequence[str] = ()
    """Venues whose single orders it follows too: `{book} orders` is one more book of them, added up by price."""


def native(*venues: str) -> dict[str, Sequence[str]]:
    return {venue: BOOKS[venue] for venue in venues}


CLIENTS = (
    Client(
        "ccxt_pro", "main", "ccxt",
        {
            "binance": ("BTC/USDT", "ETH/USDT"), "bybit": ("BTC/USDT", "ETH/USDT"), "coinbase": DOLLARS,
            "kraken": DOLLARS, "coinbase_exchange": DOLLARS, "binance_usdm": ("BTC/USDT:USDT", "ETH/USDT:USDT"),
        },
        seconds=MINUTE, moments=100, tls=False,
    ),
    Client(
        "ccxt_pro", "main", "ccxt",
        {"gemini": DOLLARS, "okx": ("BTC/USDT", "ETH/USDT"), "bitstamp": DOLLARS, "bitfinex": DOLLARS},
        seconds=MINUTE, moments=100, tls=False, orders=("bitfinex",),
    ),
    Client(
        "ccxt_several", "main", "ccxt",
        {
            "binance": ("BTC/USDT", "ETH/USDT"), "bybit": ("BTC/USDT", "ETH/USDT"), "kraken": DOLLARS,
            "coinbase_exchange": DOLLARS, "gemini": DOLLARS, "okx": ("BTC/USDT", "ETH/USDT"),
        },
        tls=False,
    ),
    Client(
        "cryptofeed_feeds", "main", "cryptofeed",
        {
            "binance": ("BTC-USDT", "ETH-USDT"), "bybit": ("BTC-USDT", "ETH-USDT"),
            "coinbase": ("BTC-USD", "ETH-USD"), "kraken": ("BTC-USD", "ETH-USD"),
            "binance_usdm": ("BTC-USDT-PERP", "ETH-USDT-PERP"),
        },
        seconds=MINUTE, moments=100,
        # cryptofeed 2.4.1 takes from a snapshot of Coinbase's only what is called "ask"; the venue says "offer"
        sides={"coinbase": ("bids",)},
    ),
    Client(
        "cryptofeed_feeds", "main", "cryptofeed",
        {
            "gemini": ("BTC-USD", "ETH-USD"), "okx": ("BTC-USDT", "ETH-USDT"),
            "bitstamp": ("BTC-USD", "ETH-USD"), "bitfinex": ("BTC-USD", "ETH-USD"),
        },
        seconds=MINUTE, moments=100, orders=("bitstamp", "bitfinex"),
    ),
    Client("python_binance", "main", "binance", native("binance")),
    Client("binance_sdk", "main", "binance_sdk_spot", native("binance"), compares=False),
    Client("binance_connector", "connector", "binance", native("binance")),
    Client("binance_futures", "futures", "binance", native("binance_usdm")),
    Client("unicorn_streams", "unicorn", "unicorn_binance_websocket_api", native("binance")),
    Client("pybit_unified", "main", "pybit", native("bybit"), tls=False),
    Client("coinbase_advanced", "coinbase", "coinbase", native("coinbase"), compares=False),
    Client("kraken_sdk", "main", "kraken", native("kraken")),
    Client("okx_sdk", "main", "okx", native("okx")),
    Client("bitfinex_api", "bitfinex", "bfxapi", native("bitfinex"), tls=False, orders=("bitfinex",)),
    Client("bitstamp_client", "main", "bitstamp", native("bitstamp"), tls=False),
    Client("gemini_python", "main", "geminipython", native("gemini"), tls=False),
)  # fmt: skip


@contextmanager
def market(venues: Sequence[str], with_orders: Sequence[str], folder: Path, tls: bool) -> Iterator[dict[str, Any]]:
    """A sandbox of these venues that writes down the truth, for some order by order too; it ends on leaving."""
    books = [f"{venue}:{symbol}" for venue in venues for symbol in BOOKS[venue]]
    orders = [name for name in books if name.partition(":")[0] in with_orders]
    command = [sys.executable, str(serving.HERE / "market.py"), "--venues", ",".join(venues), "--folder", str(folder)]
    command += ["--seed", str(SEED), *(["--tls"] if tls else []), "--books", *books, "--orders", *orders]
    with serving.running(command) as document:
        yield document


def run(client: Client, python: Path, folder: Path) -> list[dict[str, Any]]:
    """What the client told."""
    venues = [*client.books, *(["binance"] if set(client.books) == {"binance_usdm"} else [])]
    with market(venues, client.orders, folder, client.tls) as origins:
        options = {
            "origins": origins,
            "books": client.books,
            "orders": client.orders,
            "seconds": client.seconds,
            "moments": client.moments,
            "depth": DEPTH,
            "seed": SEED,
        }
        environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        environ |= dict.fromkeys(TRUST, origins["ca_file"]) if client.tls else {}
        script = serving.HERE / "clients" / f"{client.script}.py"
        ended = subprocess.run(
            [str(python), str(script), json.dumps(options)],
            env=environ, capture_output=True, text=True, timeout=client.seconds + 120,
        )  # fmt: skip
    told = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")]
    if ended.returncode:
        text = f"ended with {ended.returncode}: {ended.stderr[-2000:]}"
        told.append({"kind": "complaint", "venue": None, "text": text})
    return told


def verdicts(client: Client, told: Sequence[Mapping[str, Any]], truth: Path) -> dict[str, Verdict]:
    """Of each book, by the client's name for it."""
    books = histories(truth, DEPTH, client.sides)
    moments: dict[str, list[Moment]] = defaultdict(list)
    for line in told:
        if line["kind"] == "moment":
            sides = client.sides.get(line["book"].split()[0], SIDES)
            moments[line["book"]].append(Moment.told(line, sides))
    found = {}
    for venue, symbols in client.books.items():
        for own, symbol in zip(symbols, BOOKS[venue], strict=True):
            for kind in ("", " orders") if venue in client.orders else ("",):
                name = f"{venue} {own}{kind}"
                found[name] = judge(books[f"{venue}:{symbol}{kind}"], moments[name])
    return found


def installed(client: Client, python: Path) -> bool:
    """Whether the environment exists and has the client."""
    command = [str(python), "-c", f"import {client.package}"]
    return python.exists() and subprocess.run(command, capture_output=True).returncode == 0


def unanswered(requests: Path) -> list[str]:
    """Requests and dials that got an error."""
    lines = [json.loads(line) for line in requests.read_text(encoding="utf-8").splitlines()]
    return [
        f"{one['venue']}: {one['method']} {one['path']} got {one['status']}" for one in lines if one["status"] >= 400
    ]


def report(client: Client, told: Sequence[Mapping[str, Any]], judged: Mapping[str, Verdict], seconds: float) -> None:
    """One line for the table of docs/foreign-clients.md."""
    if REPORT is None:
        return
    of: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for line in told:
        of[line["kind"]].append(line)
    line = {
        "client": client.script,
        "seconds": seconds,
        "versions": {name: value for one in of["versions"] for name, value in one.items() if name != "kind"},
        "frames": {name: value for one in of["frames"] for name, value in one.items() if name != "kind"},
        "calls": len(of["call"]),
        "complaints": [f"{one['venue']}: {one['text']}" for one in of["complaint"]],
        "books": {
            name: {
                "compared": one.compared,
                "agreed": one.agreed,
                "max_lag_ms": round(max(one.lags, default=0) / 1e6, 1),
                "still_current": sum(lag == 0 for lag in one.lags),
            }
            for name, one in judged.items()
        },
    }
    with Path(REPORT).open("a", encoding="utf-8") as into:
        into.write(json.dumps(line) + "\n")


@pytest.mark.slow
@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: f"{client.script}-{'-'.join(client.books)}")
def test_a_public_client_follows_the_sandbox(client: Client, tmp_path: Path) -> None:
    python = serving.ENVIRONMENTS / client.environment / "bin" / "python"
    if (
        not python.exists()
        or subprocess.run([python, "-c", f"import {client.package}"], capture_output=True).returncode
    ):
        pytest.skip(f"{client.script} is not installed in {python.parent.parent}: scripts/test-foreign installs it")
    told = run(client, python, tmp_path)
    judged = verdicts(client, told, tmp_path / "truth.jsonl") if client.compares else {}
    report(client, told, judged, client.seconds)
    assert [f"{one['venue']}: {one['text']}" for one in told if one["kind"] == "complaint"] == []
    assert unanswered(tmp_path / "requests.jsonl") == []
    assert sum(sum(value for name, value in one.items() if name != "kind") for one in told if one["kind"] == "frames")
    assert {name: list(one.complaints) for name, one in judged.items() if one.complaints} == {}
    assert {name: one.agreed for name, one in judged.items()} == dict.fromkeys(judged, client.moments)
