"""What Kraken trades: instruments from an `AssetPairs` answer, from the dated table, or read off a symbol.

Enters: the bytes of an answer, or a symbol of v2 (`BTC/USD`) or v1 (`XBT/USD`). Leaves: `Instrument`s with the venue's
grid, or with rules None where nobody stated them. Never: XBT and BTC as two assets.

docs.kraken.com/api/docs/rest-api/get-tradable-asset-pairs (2026-11-21).
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from importlib.resources import files

import msgspec

from cryptopipe.api import Codes, Instrument, ProtocolError, TradingRules, TradingState, VenueId, asset_of
from cryptopipe_kraken.wire import UNREADABLE

VENUE = VenueId("kraken")

_PAIR = re.compile(r"([A-Za-z0-9.]{1,20})/([A-Za-z0-9.]{1,20})", re.ASCII)
_STATES = {
    "online": TradingState.TRADING,
    "limit_only": TradingState.TRADING,  # every order of ours is a limit
    "post_only": TradingState.POST_ONLY,
    "cancel_only": TradingState.CANCEL_ONLY,
}


class KrakenCodes(Codes, frozen=True):
    """Also of v1 to those of v2."""

    v2_names: dict[str, str]


CODES = KrakenCodes.read("cryptopipe_kraken")


@cache
def _v1_names() -> dict[str, str]:
    return {new: old for old, new in CODES.v2_names.items()}


def v2_symbol(symbol: str) -> str:
    """`XBT/USD` is `BTC/USD` in v2. Raises `ProtocolError` for what is spelt as no pair."""
    return "/".join(CODES.v2_names.get(code, code) for code in _codes(symbol))


def v1_symbol(symbol: str) -> str:
    """`BTC/USD` is `XBT/USD` in v1. Raises `ProtocolError` for what is spelt as no pair."""
    return "/".join(_v1_names().get(code, code) for code in _codes(symbol))


def _codes(symbol: str) -> tuple[str, str]:
    match = _PAIR.fullmatch(symbol)
    if match is None:
        raise ProtocolError("not spelt as a pair such as BTC/USD", where=f"{VENUE}:{symbol}")
    return match[1], match[2]


class _Pair(msgspec.Struct):
    pair_decimals: int
    lot_decimals: int
    wsname: str = ""
    ordermin: str = "0"
    costmin: str = "0"
    tick_size: str = ""
    status: str = "online"


class _Answer(msgspec.Struct):
    error: list[str]
    result: dict[str, _Pair] | None = None


def instruments(answer: bytes) -> tuple[Instrument, ...]:
    """The instruments of one `AssetPairs` answer, in its order and in v2's names; dark pools, which have no `wsname`
    and no public book, are left out. Raises `ProtocolError`.
    """
    try:
        found = msgspec.json.decode(answer, type=_Answer)
        if found.error:
            raise ProtocolError(f"AssetPairs was refused: {'; '.join(found.error)}", where=VENUE)
        if found.result is None:
            raise ProtocolError("AssetPairs has neither an error nor a result", where=VENUE)
        return tuple(_instrument(pair) for pair in found.result.values() if pair.wsname)
    except (*UNREADABLE, ArithmeticError) as error:
        raise ProtocolError(f"unreadable AssetPairs: {error}, in {answer[:120]!r}", where=VENUE) from error


def _instrument(pair: _Pair) -> Instrument:
    """Older answers have no `tick_size`, `costmin` and `status`: then the tick is one unit of the last decimal."""
    tick = Decimal(pair.tick_size) if pair.tick_size else Decimal(1).scaleb(-pair.pair_decimals)
    rules = TradingRules(tick, Decimal(1).scaleb(-pair.lot_decimals), Decimal(pair.ordermin), Decimal(pair.costmin))
    return _of(v2_symbol(pair.wsname), rules, _STATES.get(pair.status, TradingState.HALTED))


def _of(symbol: str, rules: TradingRules | None, state: TradingState = TradingState.TRADING) -> Instrument:
    base, quote = (asset_of(VENUE, code, CODES.aliases) for code in _codes(symbol))
    return Instrument(VENUE, symbol, base, quote, rules=rules, state=state)


class _Row(msgspec.Struct, forbid_unknown_fields=True):
    symbol: str
    tick: Decimal
    step: Decimal
    min_size: Decimal
    min_notional: Decimal


class _Table(msgspec.Struct, forbid_unknown_fields=True):
    source: str
    instruments: list[_Row]


class KrakenInstruments:
    """What is known without asking the venue: `instruments.json` beside this module, and spellings."""

    def __init__(self) -> None:
        table = msgspec.json.decode(files("cryptopipe_kraken").joinpath("instruments.json").read_bytes(), type=_Table)
        self._listed = {
            row.symbol: _of(row.symbol, TradingRules(row.tick, row.step, row.min_size, row.min_notional))
            for row in table.instruments
        }

    def listed(self) -> Sequence[Instrument]:
        """The rows of the table."""
        return tuple(self._listed.values())

    def find(self, symbol: str) -> Instrument:
        """Listed, or read off its spelling with rules unknown; `XBT/USD` of v1 has the rules of `BTC/USD` and keeps its
        own spelling. Raises `ProtocolError`.
        """
        known = self._listed.get(v2_symbol(symbol))
        return _of(symbol, None) if known is None else msgspec.structs.replace(known, symbol=symbol)
