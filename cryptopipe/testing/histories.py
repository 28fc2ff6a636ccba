"""Check 14: what a plugin reads of the venue's public trades of the past.

Enters: a history codec, documented answers with the trades they tell. Leaves: nothing, or the answer and both values.
Never: a trade whose digits, id or side are not the answer's own, an answer that is damaged or refused and believed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cryptopipe.api import (
    ExchangePlugin,
    HttpRequest,
    HttpResponse,
    Nanos,
    ProtocolError,
    Trade,
    TradeHistoryCodec,
    TradeSpan,
    VenueError,
)
from cryptopipe.testing.checks import require
from cryptopipe.testing.damage import damaged_answers
from cryptopipe.testing.numbers import readable
from cryptopipe.testing.purity import trapped

_MUTATIONS = 60
_SECOND: Nanos = 1_000_000_000
_YEARS: Nanos = 10 * 366 * 86_400 * _SECOND


@dataclass(frozen=True)
class HistorySample:
    """One answer to a request of this symbol's trades, where it is from (a page and a day), and the trades it tells.

    `HistorySample("btcusdt", body, "page, 2026-11-21", (("90", "61837.64", "0.2500", "sell", 1700000000000000000),))`:
    id, price, size, the taker's side, nanoseconds when it was made; in any order.
    """

    symbol: str
    body: bytes
    source: str
    trades: Sequence[tuple[str, str, str, str, Nanos]]


def judge_history(plugin: ExchangePlugin, codec: TradeHistoryCodec, samples: Sequence[HistorySample]) -> str:
    """What was counted. Raises `AssertionError`."""
    told = 0
    for sample in samples:
        where = f"{plugin.venue}, trades of {sample.symbol}"
        _asks(plugin, codec, sample, where)
        with trapped() as touched:
            trades = codec.trades(sample.symbol, HttpResponse(200, sample.body))
        require(not touched, f"{where}: reading touches {touched}")
        times = [one.matched_at for one in trades]
        require(times == sorted(times), f"{where}: trades are not told oldest first: {times}")
        got = sorted((t.trade_id, t.price, t.size, t.side.value, t.matched_at) for t in trades)
        require(got == sorted(sample.trades), f"{where}: expected {sorted(sample.trades)}, read {got}")
        require({t.symbol for t in trades} <= {sample.symbol}, f"{where}: tells trades of other symbols")
        for trade in trades:
            for text in (trade.trade_id, trade.price, trade.size):
                require(text.encode() in sample.body, f"{where}: {text!r} is not the answer's own text")
        _refused(codec, sample, where)
        _damaged(codec, sample, where)
        told += len(trades)
    return f"{len(samples)} answers: {told} trades"


def _asks(plugin: ExchangePlugin, codec: TradeHistoryCodec, sample: HistorySample, where: str) -> None:
    """For a span between two trades of the sample, now and in ten years."""
    ordered = sorted(sample.trades, key=lambda one: one[4])
    first, last = ordered[0], ordered[-1]
    instrument = plugin.instruments.find(sample.symbol)
    span = TradeSpan(sample.symbol, first[0], last[0], first[4], last[4])
    with trapped() as touched:
        asked = [codec.request(instrument, span, last[4] + _SECOND) for _ in range(2)]
        late = codec.request(instrument, span, last[4] + _YEARS)
    require(not touched, f"{where}: asking touches {touched}")
    require(asked[0] is not None and asked[0] == asked[1], f"{where}: asked by {asked[0]}, then by {asked[1]}")
    for request in (asked[0], late):
        require(request is None or isinstance(request, HttpRequest), f"{where}: asked by {request!r}")
        if request is not None:
            require(request.method == "GET" and request.url.startswith("https://"), f"{where}: asks {request.url}")


def _refused(codec: TradeHistoryCodec, sample: HistorySample, where: str) -> None:
    for status in (400, 429, 503, 599):
        try:
            trades = codec.trades(sample.symbol, HttpResponse(status, b"no"))
        except (ProtocolError, VenueError):
            continue
        raise AssertionError(f"{where}: an answer of status {status} gave {trades!r}")


def _damaged(codec: TradeHistoryCodec, sample: HistorySample, where: str) -> None:
    def read(body: bytes) -> None:
        for trade in codec.trades(sample.symbol, HttpResponse(200, body)):
            require(isinstance(trade, Trade), f"{where}: a damaged answer gave {trade!r}")
            readable(trade, f"{where}: a damaged answer")

    damaged_answers(sample.body, _MUTATIONS, read, f"{where}: a mutation of an answer")
