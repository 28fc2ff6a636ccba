"""What Bitfinex says of its pairs, coins and ways to move them, in public answers.

Enters: `/v2/tickers` and two answers of `/v2/conf/…`. Leaves: a `Listing`. Never: a step of prices for a pair whose
last 24 hours crossed a decade, a method that is open because nobody said that it is closed, or one chain's fee for
another's.

`[[["BTCUSD",[null,null,null,"0.00004","2000.0",null,null,null,0.1,0.05,null,null]],…]]`
`[["BITCOIN",1,1,null,null,null,null,0,0,null,null,3],…]`

docs.bitfinex.com/reference/rest-public-conf and rest-public-tickers, in stored copies; columns of pub:info:pair and
pub:info:tx:status as ccxt 4.5.90's bitfinex quotes them (2026-11-21). Of the latter only the first three are read: what
the others mean no copy says.
"""

from collections.abc import Sequence
from decimal import Decimal
from urllib.parse import unquote, urlsplit

import msgspec

from cryptopipe.api import (
    Currency,
    HttpRequest,
    HttpResponse,
    Instrument,
    Listing,
    Nanos,
    Network,
    ProtocolError,
    TradingRules,
    TradingState,
    chain_of,
    identified,
)
from cryptopipe_bitfinex.metadata import CODES, STEP, VENUE, instrument, tick_at
from cryptopipe_bitfinex.servererror import refuse
from cryptopipe_bitfinex.wire import UNREADABLE

_HOUR: Nanos = 3_600_000_000_000
_REST = "https://api-pub.bitfinex.com"
_CONF = "/v2/conf/"
_PAIRS = "pub:info:pair"
_COINS = ",".join(
    ("pub:list:currency", "pub:map:currency:pool", "pub:map:currency:tx:fee", "pub:map:tx:method", "pub:info:tx:status")
)
_TICKERS = "/v2/tickers"

_Pairs = tuple[list[tuple[str, list[object]]]]
_Coins = tuple[
    list[str],
    list[tuple[str, str]],
    list[tuple[str, list[Decimal]]],
    list[tuple[str, list[str]]],
    list[list[str | int | None]],
]


class _Ticker(msgspec.Struct, array_like=True):
    """Of a pair; a row of funding (`fUSD`) has other columns and is not read so."""

    symbol: str
    bid: Decimal | None
    bid_sum: Decimal | None
    ask: Decimal | None
    ask_sum: Decimal | None
    change: Decimal | None
    change_relative: Decimal | None
    last: Decimal | None
    volume: Decimal | None
    high: Decimal | None
    low: Decimal | None


class _Named(msgspec.Struct, array_like=True):
    symbol: str


class BitfinexListing:
    """The venue's metadata. What a step of prices is only today's prices tell: least sizes are kept from the answer
    that states them until the tickers come.
    """

    refresh: Nanos = _HOUR

    def __init__(self) -> None:
        self._least: dict[str, Decimal] = {}

    def requests(self) -> Sequence[HttpRequest]:
        """Three: pairs, tickers, coins."""
        paths = (f"{_CONF}{_PAIRS}", f"{_TICKERS}?symbols=ALL", f"{_CONF}{_COINS}")
        return tuple(HttpRequest("GET", _REST + path) for path in paths)

    def read(self, response: HttpResponse) -> Listing:
        """By the path of the URL. Raises `ProtocolError`, `RateLimited` or `VenueUnavailable`."""
        path, body = unquote(urlsplit(response.url).path), response.body
        refuse(response)
        try:
            if path == _CONF + _PAIRS:
                return Listing(instruments=self._pairs(body))
            if path == _TICKERS:
                return Listing(instruments=self._priced(body))
            if path == _CONF + _COINS:
                return Listing(currencies=_currencies(msgspec.json.decode(body, type=_Coins)))
        except (*UNREADABLE, ArithmeticError) as error:
            raise ProtocolError(f"unreadable answer to {path}: {error}, in {body[:120]!r}", where=VENUE) from error
        raise ProtocolError(f"no answer that is known: {response.url}", where=VENUE)

    def _pairs(self, body: bytes) -> tuple[Instrument, ...]:
        """Every pair, without rules: those come with its price. A pair that is not in the answer is not listed."""
        (rows,) = msgspec.json.decode(body, type=_Pairs)
        self._least = {pair: _amount(columns[3]) for pair, columns in rows}
        return tuple(instrument(pair, None) for pair in self._least)

    def _priced(self, body: bytes) -> tuple[Instrument, ...]:
        rows = msgspec.json.decode(body, type=list[msgspec.Raw])
        named = [(msgspec.json.decode(row, type=_Named).symbol, row) for row in rows]
        return tuple(
            self._with_rules(msgspec.json.decode(row, type=_Ticker))
            for symbol, row in named
            if symbol[:1] == "t" and symbol[1:] in self._least
        )

    def _with_rules(self, told: _Ticker) -> Instrument:
        pair = told.symbol[1:]
        prices = [one for one in (told.low, told.bid, told.ask, told.high) if one is not None]
        tick = tick_at(min(prices), max(prices)) if len(prices) == 4 else None
        rules = None if tick is None else TradingRules(tick, STEP, self._least[pair], Decimal(0))
        found = instrument(pair, rules)
        open_for_trade = told.bid is not None or told.ask is not None
        return found if open_for_trade else msgspec.structs.replace(found, state=TradingState.HALTED)


def _amount(told: object) -> Decimal:
    amount = Decimal(told) if isinstance(told, str) else None
    if amount is None or not amount.is_finite() or amount < 0:
        raise ValueError(f"not an amount at or above zero: {told!r}")
    return amount


def _currencies(told: _Coins) -> tuple[Currency, ...]:
    """Contracts' coins (`BTCF0`) are left out."""
    coins, pools, fees, methods, statuses = told
    pool, fee = dict(pools), {code: both[1] for code, both in fees if len(both) > 1}
    status = {str(row[0]): (row[1] == 1, row[2] == 1) for row in statuses}
    ways: dict[str, list[str]] = {}
    for method, moved in methods:
        for code in moved:
            ways.setdefault(code, []).append(method)
    found = []
    for code in coins:
        if not code.endswith("F0"):
            only = len(ways.get(code, ())) == 1
            networks = tuple(
                _network(way, code, pool.get(code, ""), status.get(way), fee.get(code) if only else None)
                for way in ways.get(code, ())
            )
            found.append(Currency(VENUE, code, identified(VENUE, code, networks, CODES.aliases), networks))
    return tuple(found)


def _network(way: str, code: str, pool: str, status: tuple[bool, bool] | None, fee: Decimal | None) -> Network:
    """A token whose method is called like itself moves on the chain of its pool. The venue states no contract, and one
    fee a coin: it is known where the coin moves one way only."""
    chain = chain_of(way, CODES.networks)
    if way == code and pool and pool != code:
        chain = chain_of(pool, CODES.networks)
    deposits, withdrawals = status or (None, None)
    return Network(way, chain, deposits=deposits, withdrawals=withdrawals, withdrawal_fee=fee)
