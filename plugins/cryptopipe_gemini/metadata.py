"""What Gemini trades: instruments from `symbols/details` answers, from the dated table, or read off a name.

Enters: the bytes of an answer, or a name such as `btcusd` or `btcgusdperp`. Leaves: `Instrument`s with the venue's
grid, or with rules None where nobody stated them. Never: a status that nobody explained taken for trading.

developer.gemini.com/trading/rest-api/market-data/get-symbol-details and market-data/symbols-and-minimums (2026-11-21 in
stored copies). The answer's `tick_size` is the step of sizes, in base; the tick of prices is `quote_increment`. "Once
on the exchange, quantities … may exhibit additional precision down to two decimal places past" it.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from importlib.resources import files

import msgspec

from cryptopipe.api import Asset, Codes, Instrument, Kind, ProtocolError, TradingRules, TradingState, asset_of
from cryptopipe_gemini.market import UNREADABLE, VENUE

_SPELLING = re.compile(r"[a-z0-9]{4,30}", re.ASCII)
_PERPETUAL = "perp"
_KINDS = {
    ("spot", "vanilla"): Kind.SPOT,
    ("swap", "linear"): Kind.LINEAR_PERPETUAL,
    ("swap", "inverse"): Kind.INVERSE_PERPETUAL,
}
_STATES = {
    "open": TradingState.TRADING,
    "limit_only": TradingState.TRADING,  # limit orders, which are what a leg is
    "post_only": TradingState.POST_ONLY,
    "cancel_only": TradingState.CANCEL_ONLY,
    "auction": TradingState.AUCTION,  # not on the page of 2026
    "closed": TradingState.HALTED,
}


CODES = Codes.read("cryptopipe_gemini")


class _Details(msgspec.Struct):
    """Answers of 2021 have neither product nor contract type: perpetuals came later."""

    symbol: str
    base_currency: str
    quote_currency: str
    tick_size: Decimal
    quote_increment: Decimal
    min_order_size: Decimal
    status: str
    product_type: str = "spot"
    contract_type: str = "vanilla"


def instruments(answer: bytes) -> tuple[Instrument, ...]:
    """Those of one answer of `/v1/symbols/details/{symbol}`, or of `/v1/symbols/details/all`, in its order; products
    of other kinds are left out. The GUSD and the USDC perpetual of one base show the same book (measured 2026-09-15):
    what rests there rests once. Raises `ProtocolError`.
    """
    try:
        told = msgspec.json.decode(answer, type=_Details | list[_Details])
        rows = told if isinstance(told, list) else [told]
        kinds = [(row, _KINDS.get((row.product_type, row.contract_type))) for row in rows]
        return tuple(_instrument(row, kind) for row, kind in kinds if kind is not None)
    except (*UNREADABLE, ArithmeticError) as error:
        raise ProtocolError(f"unreadable symbols/details: {error}, in {answer[:120]!r}", where=VENUE) from error


def _instrument(row: _Details, kind: Kind) -> Instrument:
    rules = TradingRules(_plain(row.quote_increment), _plain(row.tick_size), _plain(row.min_order_size), Decimal(0))
    state = _STATES.get(row.status, TradingState.HALTED)
    base, quote = _asset(row.base_currency), _asset(row.quote_currency)
    return Instrument(VENUE, row.symbol.lower(), base, quote, kind, rules, state)


def _asset(code: str) -> Asset:
    return asset_of(VENUE, code, CODES.aliases)


def _plain(number: Decimal) -> Decimal:
    """`1E-8` as 0.00000001, so that it prints without an exponent."""
    if not number.is_finite():
        raise ValueError(f"not a finite number: {number}")
    return Decimal(f"{number:f}")


class _Row(msgspec.Struct, forbid_unknown_fields=True):
    symbol: str
    base: str
    quote: str
    tick: Decimal
    step: Decimal
    min_size: Decimal


class _Table(msgspec.Struct, forbid_unknown_fields=True):
    source: str
    quotes: str
    spot: list[_Row]


class GeminiInstruments:
    """What is known without asking the venue: `instruments.json` beside this module, and spellings."""

    def __init__(self) -> None:
        text = files("cryptopipe_gemini").joinpath("instruments.json").read_bytes()
        table = msgspec.json.decode(text, type=_Table)
        self._listed = {row.symbol: _of(row) for row in table.spot}
        self._quotes = sorted(table.quotes.split(), key=len, reverse=True)

    def listed(self) -> Sequence[Instrument]:
        """The rows of the table."""
        return tuple(self._listed.values())

    def find(self, symbol: str) -> Instrument:
        """Listed, or read off its name with rules unknown: `dogeusd` is DOGE/USD, `btcgusdperp` the perpetual contract
        of BTC in GUSD. Raises `ProtocolError`, also for contracts on events (`GEMI-…`).
        """
        if (known := self._listed.get(symbol)) is not None:
            return known
        if not _SPELLING.fullmatch(symbol):
            raise ProtocolError("not named as btcusd or btcgusdperp", where=f"{VENUE}:{symbol}")
        kind = Kind.LINEAR_PERPETUAL if symbol.endswith(_PERPETUAL) else Kind.SPOT
        pair = symbol.removesuffix(_PERPETUAL).upper()
        quote = next((q for q in self._quotes if pair.endswith(q) and pair != q), None)
        if quote is None:
            raise ProtocolError("no known quote asset at the end of this symbol", where=f"{VENUE}:{symbol}")
        return Instrument(VENUE, symbol, _asset(pair.removesuffix(quote)), _asset(quote), kind)


def _of(row: _Row) -> Instrument:
    rules = TradingRules(row.tick, row.step, row.min_size, Decimal(0))
    return Instrument(VENUE, row.symbol, _asset(row.base), _asset(row.quote), Kind.SPOT, rules)
