"""What Binance trades: instruments from an `exchangeInfo` answer, from the dated table, or read off a symbol.

Enters: the bytes of an answer, or a symbol. Leaves: `Instrument`s with the venue's grid, or with rules None where
nobody stated them. Never: a delivery contract taken for a perpetual, or a guess at an asset.

github.com/binance/binance-spot-api-docs rest-api.md "Exchange information" and filters.md (2026-07-21);
developers.binance.com "Exchange Information" of USDS-margined and COIN-margined futures (2026-11-21).
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from importlib.resources import files

import msgspec

from cryptopipe.api import Asset, Codes, Instrument, Kind, ProtocolError, TradingRules, TradingState, VenueId, asset_of
from cryptopipe_binance.market import UNREADABLE

_DELIVERY = re.compile(r".+_\d{6}")
_STATES = {
    "TRADING": TradingState.TRADING,
    "AUCTION_MATCH": TradingState.AUCTION,
    "TRADING_CANCEL_ONLY": TradingState.CANCEL_ONLY,  # futures, as nautilus_trader lists it (2026-11-21)
}
_NEVER = 4_133_404_800_000
"""The `deliveryDate` of a perpetual that nobody delists: 2100-12-25 (page "Exchange Information" of USD-M)."""
_MILLISECOND = 1_000_000


CODES = Codes.read("cryptopipe_binance")


class _Filter(msgspec.Struct, rename="camel"):
    filter_type: str
    tick_size: str = "0"
    step_size: str = "0"
    min_qty: str = "0"
    min_notional: str = "0"
    notional: str = "0"


class _Symbol(msgspec.Struct, rename="camel"):
    symbol: str
    base_asset: str
    quote_asset: str
    status: str = ""
    contract_status: str = ""
    contract_type: str = ""
    contract_size: int = 1
    delivery_date: int = _NEVER
    is_spot_trading_allowed: bool = True
    filters: list[_Filter] = []


class _Answer(msgspec.Struct):
    symbols: list[_Symbol]


def instruments(answer: bytes, venue: VenueId, kind: Kind) -> tuple[Instrument, ...]:
    """The instruments of one `exchangeInfo` answer, in its order. Only perpetuals of a futures venue; contracts that
    deliver at a date, or have no perpetual type of their own, are left out. Raises `ProtocolError`.
    """
    try:
        found = msgspec.json.decode(answer, type=_Answer).symbols
        return tuple(_instrument(s, venue, kind) for s in found if kind is Kind.SPOT or s.contract_type == "PERPETUAL")
    except (*UNREADABLE, ArithmeticError) as error:
        raise ProtocolError(f"unreadable exchangeInfo: {error}, in {answer[:120]!r}", where=venue) from error


def _instrument(s: _Symbol, venue: VenueId, kind: Kind) -> Instrument:
    state = _STATES.get(s.status or s.contract_status, TradingState.HALTED)
    if not s.is_spot_trading_allowed:
        state = TradingState.HALTED
    size = Decimal(s.contract_size) if kind is Kind.INVERSE_PERPETUAL else Decimal(1)
    base, quote = _asset(venue, s.base_asset), _asset(venue, s.quote_asset)
    ends = s.delivery_date * _MILLISECOND if s.delivery_date != _NEVER else 0
    return Instrument(venue, s.symbol, base, quote, kind, _rules(s), state, contract_size=size, delists_at=ends)


def _asset(venue: VenueId, code: str) -> Asset:
    return asset_of(venue, code, CODES.aliases)


def _rules(s: _Symbol) -> TradingRules | None:
    """None unless the grid is stated. The least notional is `NOTIONAL` on spot, `MIN_NOTIONAL` in older answers and,
    as `notional`, on USD-M; COIN-M has none."""
    by_type = {f.filter_type: f for f in s.filters}
    price, lot = by_type.get("PRICE_FILTER"), by_type.get("LOT_SIZE")
    if price is None or lot is None or Decimal(price.tick_size) == 0 or Decimal(lot.step_size) == 0:
        return None
    floor = by_type.get("NOTIONAL") or by_type.get("MIN_NOTIONAL") or _Filter("")
    least = max(Decimal(floor.min_notional), Decimal(floor.notional))
    return TradingRules(_plain(price.tick_size), _plain(lot.step_size), _plain(lot.min_qty), _plain(str(least)))


def _plain(written: str) -> Decimal:
    """Without the trailing zeros: `0.00001000` is `0.00001`, `100` stays `100`."""
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
    contract_size: Decimal = Decimal(1)


class _Venue(msgspec.Struct, forbid_unknown_fields=True):
    quotes: str
    instruments: list[_Row]


class _Table(msgspec.Struct, forbid_unknown_fields=True):
    source: str
    venues: dict[str, _Venue]


class BinanceInstruments:
    """What is known of one venue without asking it: `instruments.json` beside this module, and spellings."""

    def __init__(self, venue: VenueId, kind: Kind) -> None:
        self._venue, self._kind = venue, kind
        text = files("cryptopipe_binance").joinpath("instruments.json").read_bytes()
        table = msgspec.json.decode(text, type=_Table).venues[venue]
        self._listed = {row.symbol: self._of(row) for row in table.instruments}
        self._quotes = sorted(table.quotes.split(), key=len, reverse=True)  # BTCFDUSD is not BTCFD/USD

    def _of(self, row: _Row) -> Instrument:
        rules = TradingRules(row.tick, row.step, row.min_size, row.min_notional)
        base, quote = _asset(self._venue, row.base), _asset(self._venue, row.quote)
        return Instrument(self._venue, row.symbol, base, quote, self._kind, rules, contract_size=row.contract_size)

    def listed(self) -> Sequence[Instrument]:
        """The rows of the table."""
        return tuple(self._listed.values())

    def find(self, symbol: str) -> Instrument:
        """Listed, or read off its spelling with rules unknown: `NKNUSDT` is NKN/USDT. Raises `ProtocolError`."""
        if (known := self._listed.get(symbol)) is not None:
            return known
        if self._kind is not Kind.SPOT and _DELIVERY.fullmatch(symbol):
            raise ProtocolError("a contract that is delivered at a date, not a perpetual", where=self._id(symbol))
        pair, size = symbol, Decimal(1)
        if self._kind is Kind.INVERSE_PERPETUAL:
            pair, perpetual, rest = symbol.partition("_PERP")
            if not perpetual or rest or not pair.endswith("USD"):
                raise ProtocolError(
                    "not spelt as a coin-margined perpetual such as BTCUSD_PERP", where=self._id(symbol)
                )
            size = Decimal(100 if pair == "BTCUSD" else 10)
        quote = next((q for q in self._quotes if pair.endswith(q) and pair != q), None)
        if quote is None or pair != pair.upper():
            raise ProtocolError("no known quote asset at the end of this symbol", where=self._id(symbol))
        base, counter = _asset(self._venue, pair.removesuffix(quote)), _asset(self._venue, quote)
        return Instrument(self._venue, symbol, base, counter, self._kind, contract_size=size)

    def _id(self, symbol: str) -> str:
        return f"{self._venue}:{symbol}"
