"""What OKX trades: instruments from a `public/instruments` answer, from the dated table, or read off a symbol.

Enters: rows of an answer, or a symbol such as `BTC-USDT` or `BTC-USDT-SWAP`. Leaves: `Instrument`s with the venue's
grid, or with rules None where nobody stated them. Never: a contract that is delivered at a date.

www.okx.com/docs-v5/en/#public-data-rest-api-get-instruments, copy of 2026-07-03 in a public repository (2026-11-21).
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from importlib.resources import files

import msgspec

from cryptopipe.api import Asset, Codes, Instrument, Kind, Nanos, ProtocolError, TradingRules, TradingState, asset_of
from cryptopipe_okx.market import MILLISECOND, VENUE

_SYMBOL = re.compile(r"([A-Z0-9]{1,20})-([A-Z0-9]{2,20}(?:_[A-Z]{2})?)(-SWAP)?", re.ASCII)
_STATES = {"live": TradingState.TRADING, "post_only": TradingState.POST_ONLY}
_OPENS_BY_AUCTION = "call_auction"
_LONGEST = 13  # digits of a time in milliseconds


class Listed(msgspec.Struct, rename="camel"):
    """One row. A pair that is announced has only its name, state and day; all the rest is empty then."""

    inst_type: str
    inst_id: str
    state: str
    base_ccy: str = ""
    quote_ccy: str = ""
    settle_ccy: str = ""
    ct_type: str = ""
    ct_val: str = ""
    ct_mult: str = ""
    tick_sz: str = ""
    lot_sz: str = ""
    min_sz: str = ""
    exp_time: str = ""
    open_type: str = ""
    cont_td_sw_time: str = ""


def instrument(row: Listed, now: Nanos = 0) -> Instrument | None:
    """Of a spot pair or a swap; None for other kinds. `now` is when the answer was given, 0 where that is not told.

    Sizes of a swap are contracts: of `ctVal` times `ctMult` of the base (linear) or in USD (inverse). "For spot symbols
    listed through a call auction or pre-open, […] contTdSwTime indicates the end of the auction or pre-open and the
    start of continuous trading"; `state` is `live` meanwhile. Raises `ProtocolError`, `ValueError` or
    `ArithmeticError`.
    """
    if row.inst_type not in ("SPOT", "SWAP"):
        return None
    found = named(row.inst_id)
    base, quote, kind = found.base, found.quote, found.kind
    if row.base_ccy and row.quote_ccy:
        base, quote = _asset(row.base_ccy), _asset(row.quote_ccy)
    if row.ct_type:
        kind = Kind.INVERSE_PERPETUAL if row.ct_type == "inverse" else Kind.LINEAR_PERPETUAL
    size = Decimal(row.ct_val) * Decimal(row.ct_mult or 1) if row.ct_val else Decimal(1)
    if not (size.is_finite() and size > 0):
        raise ValueError(f"a contract of {row.inst_id} has a size above zero: {row.ct_val!r} times {row.ct_mult!r}")
    ends = instant(row.exp_time)
    rules = _rules(row) if kind is Kind.SPOT or row.ct_val else None
    state = _state(row, now)
    return Instrument(VENUE, row.inst_id, base, quote, kind, rules, state, None, size, ends)


def _rules(row: Listed) -> TradingRules | None:
    """The venue states no least notional."""
    if not (row.tick_sz and row.lot_sz and row.min_sz):
        return None
    return TradingRules(_plain(row.tick_sz), _plain(row.lot_sz), _plain(row.min_sz), Decimal(0))


def _state(row: Listed, now: Nanos) -> TradingState:
    """`suspend`, `rebase`, `preopen`, `test`, and whatever comes to be: no trading."""
    state = _STATES.get(row.state, TradingState.HALTED)
    if state is TradingState.TRADING and now < instant(row.cont_td_sw_time) and now:
        return TradingState.AUCTION if row.open_type == _OPENS_BY_AUCTION else TradingState.HALTED
    return state


def instant(millis: str) -> Nanos:
    """Of a text in milliseconds, 0 for none. Raises `ValueError`."""
    if len(millis) > _LONGEST or (millis and not millis.isdecimal()):
        raise ValueError(f"not a time in milliseconds: {millis!r}")
    return int(millis or 0) * MILLISECOND


def _plain(written: str) -> Decimal:
    """Without the trailing zeros: `0.10` is `0.1`, `100` stays `100`."""
    number = Decimal(written)
    return number.quantize(Decimal(1)) if number == number.to_integral_value() else number.normalize()


def named(symbol: str) -> Instrument:
    """Read off its symbol, with rules unknown: `NKN-USDT` is a spot pair, `NKN-USDT-SWAP` a linear swap,
    `NKN-USD-SWAP` an inverse one of an unknown number of USD each, `NKN-USD_UM-SWAP` one margined in several coins.
    Raises `ProtocolError`.
    """
    match = _SYMBOL.fullmatch(symbol)
    if match is None:
        raise ProtocolError("not named as BTC-USDT or BTC-USDT-SWAP", where=f"{VENUE}:{symbol}")
    base, quote, swap = match.groups()
    kind = Kind.SPOT if swap is None else Kind.INVERSE_PERPETUAL if quote == "USD" else Kind.LINEAR_PERPETUAL
    return Instrument(VENUE, symbol, _asset(base), _asset(quote), kind)


def _asset(code: str) -> Asset:
    return asset_of(VENUE, code, CODES.aliases)


class _Row(msgspec.Struct, forbid_unknown_fields=True):
    symbol: str
    base: str
    quote: str
    tick: Decimal
    step: Decimal
    min_size: Decimal


class _Table(msgspec.Struct, forbid_unknown_fields=True):
    source: str
    spot: list[_Row]


CODES = Codes.read("cryptopipe_okx")


class OkxInstruments:
    """What is known without asking the venue: `instruments.json` beside this module, and spellings."""

    def __init__(self) -> None:
        table = msgspec.json.decode(files("cryptopipe_okx").joinpath("instruments.json").read_bytes(), type=_Table)
        self._listed = {row.symbol: _of(row) for row in table.spot}

    def listed(self) -> Sequence[Instrument]:
        """The rows of the table."""
        return tuple(self._listed.values())

    def find(self, symbol: str) -> Instrument:
        """Listed, or as `named`."""
        known = self._listed.get(symbol)
        return named(symbol) if known is None else known


def _of(row: _Row) -> Instrument:
    rules = TradingRules(row.tick, row.step, row.min_size, Decimal(0))
    return Instrument(VENUE, row.symbol, _asset(row.base), _asset(row.quote), Kind.SPOT, rules)
