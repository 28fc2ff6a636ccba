"""What Bitstamp trades: instruments from `markets` and `trading-pairs-info` answers, the dated table, or a spelling.

Enters: the bytes of an answer, or a symbol such as `btcusd` or `btcusd-perp`. Leaves: `Instrument`s with the venue's
grid, or with rules None where nobody stated them. Never: a pair whose two codes cannot be told apart.

www.bitstamp.net/api/ "Markets", as quoted by others who read it on 2026-09-15 (the page itself could not be read), and
its answers as kept in their test data; "Trading pairs info", its older form, recorded on 2022-01-05.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from importlib.resources import files

import msgspec

from cryptopipe.api import Asset, Codes, Instrument, Kind, ProtocolError, TradingRules, TradingState, asset_of
from cryptopipe_bitstamp.wire import UNREADABLE, VENUE

_SPELLING = re.compile(r"([a-z0-9]{4,24})(-perp)?", re.ASCII)
_KINDS = {"SPOT": Kind.SPOT, "PERPETUAL": Kind.LINEAR_PERPETUAL}


CODES = Codes.read("cryptopipe_bitstamp")


def asset(code: str) -> Asset:
    """What the venue calls so."""
    return asset_of(VENUE, code, CODES.aliases)


class _Market(msgspec.Struct):
    """`trading-pairs-info` has `url_symbol` and `minimum_order` ("20.0 USD"), `markets` the rest."""

    name: str
    trading: str
    base_decimals: int
    counter_decimals: int
    market_symbol: str = ""
    url_symbol: str = ""
    base_currency: str = ""
    counter_currency: str = ""
    market_type: str = "SPOT"
    payoff_type: str = "Linear"
    minimum_order: str = ""
    minimum_order_value: str = ""
    minimum_order_amount: str = ""
    contract_size: str = "1"


def instruments(answer: bytes) -> tuple[Instrument, ...]:
    """The spot pairs and linear perpetuals of one answer, in its order. Raises `ProtocolError`."""
    try:
        found = msgspec.json.decode(answer, type=list[_Market])
        return tuple(_instrument(one) for one in found if one.market_type in _KINDS and one.payoff_type == "Linear")
    except (*UNREADABLE, ArithmeticError) as error:
        raise ProtocolError(f"unreadable markets: {error}, in {answer[:120]!r}", where=VENUE) from error


def _instrument(one: _Market) -> Instrument:
    """Limit orders are taken where `instant_and_market_orders` is disabled; every order of ours is a limit.

    Spot states no least amount of base: it is one step then.
    """
    base, _, quote = one.name.removesuffix("-PERP").partition("/")
    base, quote, symbol = one.base_currency or base, one.counter_currency or quote, one.market_symbol or one.url_symbol
    if not (base and quote and symbol):
        raise ValueError(f"a market without {'symbol' if base and quote else 'two currencies'}: {one.name}")
    step = _unit(one.base_decimals)
    least = Decimal(one.minimum_order_value or one.minimum_order.partition(" ")[0])
    rules = TradingRules(_unit(one.counter_decimals), step, _plain(one.minimum_order_amount) or step, _plain(least))
    state = TradingState.TRADING if one.trading == "Enabled" else TradingState.HALTED
    size = _plain(one.contract_size)
    return Instrument(
        VENUE, symbol, asset(base), asset(quote), _KINDS[one.market_type], rules, state, contract_size=size
    )


def _unit(places: int) -> Decimal:
    if not 0 <= places <= 12:
        raise ValueError(f"{places} decimal places")
    return Decimal(1).scaleb(-places)


def _plain(written: str | Decimal) -> Decimal:
    """Without the trailing zeros: `0.00100000` is `0.001`, `10.0` is `10`; empty is 0."""
    number = Decimal(written or 0)
    return number.quantize(Decimal(1)) if number == number.to_integral_value() else number.normalize()


class _Row(msgspec.Struct, forbid_unknown_fields=True):
    symbol: str
    base: str
    quote: str
    tick: Decimal
    step: Decimal
    min_size: Decimal
    min_notional: Decimal


class _Table(msgspec.Struct, forbid_unknown_fields=True):
    source: str
    quotes: str
    instruments: list[_Row]


class BitstampInstruments:
    """What is known without asking the venue: `instruments.json` beside this module, and spellings."""

    def __init__(self) -> None:
        text = files("cryptopipe_bitstamp").joinpath("instruments.json").read_bytes()
        table = msgspec.json.decode(text, type=_Table)
        self._listed = {row.symbol: _of(row) for row in table.instruments}
        self._quotes = sorted(table.quotes.split(), key=len, reverse=True)  # btcpyusd is BTC/PYUSD

    def listed(self) -> Sequence[Instrument]:
        """The rows of the table."""
        return tuple(self._listed.values())

    def find(self, symbol: str) -> Instrument:
        """Listed, or read off its spelling with rules unknown: `sgbeur` is SGB/EUR, `btcusd-perp` the contract on it.
        Raises `ProtocolError`.
        """
        if (known := self._listed.get(symbol)) is not None:
            return known
        match = _SPELLING.fullmatch(symbol)
        if match is None:
            raise ProtocolError("not spelt as btcusd or btcusd-perp", where=f"{VENUE}:{symbol}")
        pair, kind = match[1].upper(), Kind.LINEAR_PERPETUAL if match[2] else Kind.SPOT
        quote = next((q for q in self._quotes if pair.endswith(q) and len(pair) > len(q)), None)
        if quote is None:
            raise ProtocolError("no known quote currency at the end of this symbol", where=f"{VENUE}:{symbol}")
        return Instrument(VENUE, symbol, asset(pair.removesuffix(quote)), asset(quote), kind)


def _of(row: _Row) -> Instrument:
    rules = TradingRules(row.tick, row.step, row.min_size, row.min_notional)
    return Instrument(VENUE, row.symbol, asset(row.base), asset(row.quote), rules=rules)
