"""What Bybit trades: instruments from an `instruments-info` answer, from the dated table, or read off a name.

Enters: the bytes of an answer, or a name such as `BTCUSDT` or `linear:BTCUSDT`. Leaves: `Instrument`s with the venue's
grid, or with rules None where nobody stated them. Never: a contract that is delivered at a date.

bybit-exchange.github.io/docs/v5/market/instrument and docs/v5/enum (2026-11-21).
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from importlib.resources import files

import msgspec

from cryptopipe.api import Asset, Codes, Instrument, Kind, ProtocolError, TradingRules, TradingState, asset_of
from cryptopipe_bybit.market import LINEAR, MARKETS, SPOT, UNREADABLE, VENUE, contract_name, spot_name

_SPELLING = re.compile(r"[A-Z0-9]{3,30}", re.ASCII)
_KINDS = {"": Kind.SPOT, "LinearPerpetual": Kind.LINEAR_PERPETUAL, "InversePerpetual": Kind.INVERSE_PERPETUAL}
_CATEGORIES = {market.category: market.kind for market in MARKETS.values()}


_MILLISECOND = 1_000_000


CODES = Codes.read("cryptopipe_bybit")


def _asset(code: str) -> Asset:
    return asset_of(VENUE, code, CODES.aliases)


class _Lot(msgspec.Struct, rename="camel"):
    """Spot states `basePrecision` and `minOrderAmt`, contracts `qtyStep` and `minNotionalValue` (none if inverse)."""

    min_order_qty: str = "0"
    base_precision: str = ""
    qty_step: str = ""
    min_order_amt: str = ""
    min_notional_value: str = ""


class _Price(msgspec.Struct, rename="camel"):
    tick_size: str


class _Listed(msgspec.Struct, rename="camel"):
    symbol: str
    base_coin: str
    quote_coin: str
    status: str
    lot_size_filter: _Lot
    price_filter: _Price
    contract_type: str = ""
    delivery_time: str = "0"


class _List(msgspec.Struct):
    list: list[_Listed]


class _Answer(msgspec.Struct, rename="camel"):
    ret_code: int
    ret_msg: str = ""
    result: msgspec.Raw = msgspec.Raw(b"{}")


def instruments(answer: bytes) -> tuple[Instrument, ...]:
    """The spot pairs and perpetuals of one page of `/v5/market/instruments-info`, in its order; contracts that deliver
    at a date are left out. Linear answers come in pages (`nextPageCursor`). Raises `ProtocolError`.
    """
    try:
        told = msgspec.json.decode(answer, type=_Answer)
        if told.ret_code != 0:
            raise ValueError(f"refused with {told.ret_code} {told.ret_msg}")
        found = msgspec.json.decode(told.result, type=_List).list
        return tuple(_instrument(one, _KINDS[one.contract_type]) for one in found if one.contract_type in _KINDS)
    except (*UNREADABLE, ArithmeticError) as error:
        raise ProtocolError(f"unreadable instruments-info: {error}, in {answer[:120]!r}", where=VENUE) from error


def _instrument(one: _Listed, kind: Kind) -> Instrument:
    lot = one.lot_size_filter
    step = _plain(lot.base_precision or lot.qty_step)
    least = Decimal(lot.min_order_amt or lot.min_notional_value or 0)
    rules = TradingRules(_plain(one.price_filter.tick_size), step, _plain(lot.min_order_qty), least)
    name = spot_name(one.symbol) if kind is Kind.SPOT else contract_name(one.symbol)
    state = TradingState.TRADING if one.status == "Trading" else TradingState.HALTED
    base, quote, ends = _asset(one.base_coin), _asset(one.quote_coin), int(one.delivery_time or 0) * _MILLISECOND
    return Instrument(VENUE, name, base, quote, kind, rules, state, delists_at=ends)


def _plain(written: str) -> Decimal:
    """Without the trailing zeros: `0.10` is `0.1`, `100` stays `100`."""
    number = Decimal(written)
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
    spot: list[_Row]
    linear: list[_Row]


class BybitInstruments:
    """What is known without asking the venue: `instruments.json` beside this module, and spellings."""

    def __init__(self) -> None:
        text = files("cryptopipe_bybit").joinpath("instruments.json").read_bytes()
        table = msgspec.json.decode(text, type=_Table)
        rows = [(row, SPOT.kind) for row in table.spot] + [(row, LINEAR.kind) for row in table.linear]
        self._listed = {row.symbol: _of(row, kind) for row, kind in rows}
        self._quotes = sorted(table.quotes.split(), key=len, reverse=True)

    def listed(self) -> Sequence[Instrument]:
        """The rows of the table: the spot pairs, then the linear contracts."""
        return tuple(self._listed.values())

    def find(self, symbol: str) -> Instrument:
        """Listed, or read off its name with rules unknown: `NKNUSDT` is the spot pair NKN/USDT, `linear:NKNUSDT` the
        contract, `linear:NKNPERP` the one settled in USDC, `inverse:NKNUSD` of one USD each. Raises `ProtocolError`.
        """
        if (known := self._listed.get(symbol)) is not None:
            return known
        category, _, spelling = symbol.rpartition(":")
        kind = _CATEGORIES.get(category or "spot")
        if kind is None or category == "spot" or not _SPELLING.fullmatch(spelling):
            raise ProtocolError("not named as BTCUSDT, linear:BTCUSDT or inverse:BTCUSD", where=f"{VENUE}:{symbol}")
        base, quote = self._assets(kind, spelling, symbol)
        return Instrument(VENUE, symbol, _asset(base), _asset(quote), kind)

    def _assets(self, kind: Kind, spelling: str, symbol: str) -> tuple[str, str]:
        if kind is Kind.LINEAR_PERPETUAL and spelling.endswith("PERP") and len(spelling) > 4:
            return spelling.removesuffix("PERP"), "USDC"
        quotes = {Kind.SPOT: self._quotes, Kind.LINEAR_PERPETUAL: ["USDT"], Kind.INVERSE_PERPETUAL: ["USD"]}[kind]
        quote = next((q for q in quotes if spelling.endswith(q) and spelling != q), None)
        if quote is None:
            raise ProtocolError("no known quote asset at the end of this symbol", where=f"{VENUE}:{symbol}")
        return spelling.removesuffix(quote), quote


def _of(row: _Row, kind: Kind) -> Instrument:
    rules = TradingRules(row.tick, row.step, row.min_size, row.min_notional)
    return Instrument(VENUE, row.symbol, _asset(row.base), _asset(row.quote), kind, rules)
