"""The plugin of ccxt's venues: its frames, its names, and ccxt's own client against a simulated venue."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cryptopipe import registry
from cryptopipe.api import BookSnapshot, Channel, Kind, Notice, Proof, Subscription, Trade, Unknown, UsageError
from cryptopipe.market.sync import BookState, BookSync
from cryptopipe.testing import ExchangeConformance, spot
from cryptopipe_ccxt import family
from cryptopipe_ccxt.source import Wanted, book_line, frames_of, trades_line

KUCOIN = family.make("ccxt_kucoin")


class TestCcxt(ExchangeConformance):
    plugin = KUCOIN
    instruments = (spot("ccxt_kucoin", "BTC/USDT", symbol="BTC/USDT", tick="0.01", step="0.00000001"),)
    corpus = Path(__file__).parents[2] / "plugins" / "cryptopipe_ccxt" / "frames"
    covers = (BookSnapshot, Trade, Notice, Unknown)
    channels = (Channel.DEPTH, Channel.TRADES)


def test_a_venue_is_found_by_its_name_in_ccxt_without_importing_it() -> None:
    code = "import sys, cryptopipe.registry as r; print(r.exchange('ccxt_kucoin').venue, 'ccxt' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "ccxt_kucoin False\n"
    with pytest.raises(UsageError, match="ccxt has no exchange 'kukoin'"):
        registry.exchange("ccxt_kukoin")


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


@contextmanager
def simulated() -> Iterator[dict[str, Any]]:
    command = [sys.executable, "-m", "cryptopipe", "sandbox", "--venues", "binance", "--seed", "3", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            yield json.loads(child.stdout.readline())["venues"]["binance"]
        finally:
            child.terminate()


def repointed(urls: Any, venue: dict[str, Any]) -> Any:
    """The same addresses at the simulated venue: scheme, host and port are replaced, paths kept."""
    if isinstance(urls, dict):
        return {key: repointed(value, venue) for key, value in urls.items()}
    scheme, _, rest = urls.partition("://")
    origin = venue["rest"] if scheme == "https" else venue["rest"].replace("http", "ws", 1)
    return f"{origin}/{rest.partition('/')[2]}"


@pytest.mark.slow
def test_ccxts_own_client_brings_the_simulated_venues_books() -> None:
    """Books are live, never crossed and on the grid; trades come; a pair that is not listed is told."""
    import ccxt.pro

    async def watched(venue: dict[str, Any]) -> list[bytes]:
        exchange = ccxt.pro.binance({"options": {"defaultType": "spot", "fetchMarkets": {"types": ["spot"]}}})
        exchange.urls = {**exchange.urls, "api": repointed(exchange.urls["api"], venue)}
        lines = frames_of(exchange, Wanted("binance", ("BTC/USDT", "FROG/USDT"), ("BTC/USDT",)))
        found: list[bytes] = []
        try:
            async with asyncio.timeout(30):
                async for line in lines:
                    found.append(line)
                    if sum(b'"book"' in one for one in found) >= 30 and any(b'"trades"' in one for one in found):
                        break
        finally:
            await lines.aclose()  # type: ignore[attr-defined]
            await exchange.close()
        return found

    with simulated() as venue:
        told = asyncio.run(watched(venue))
    codec = KUCOIN.feed()
    events = [event for line in told for event in codec.decode(line, 1)]
    assert events[0] == Notice("absent", "FROG/USDT", ok=False)
    sync, tops = BookSync(KUCOIN.instruments.find("BTC/USDT"), codec.rule), 0
    for event in events:
        if isinstance(event, BookSnapshot):
            sync.snapshot(event, 1)
            top = sync.book.top
            assert sync.state is BookState.LIVE and top is not None and top.bid < top.ask
            assert top.bid * 100 % 1 == 0 and top.ask * 100 % 1 == 0
            tops += 1
    assert tops >= 30
    assert any(isinstance(event, Trade) for event in events)
