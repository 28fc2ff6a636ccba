"""What Bitfinex trades: instruments from the dated table or read off a symbol, and the step of its prices.

Enters: a symbol such as `tBTCUSD` or `tTESTBTC:TESTUSD`. Leaves: `Instrument`s; rules None where no step of prices can
be stated. Never: `UST` as anything but Tether, or one step for prices of two decades.

The venue has no tick: every price has five significant digits, so the step of 9,999.9 is 0.1 and that of 10,000 is 1
(support.bitfinex.com article 115000371105 and docs.bitfinex.com/v1/docs/readme, in stored copies, 2026-11-21).
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from importlib.resources import files

import msgspec

from cryptopipe.api import Asset, Codes, Instrument, ProtocolError, TradingRules, VenueId, asset_of

VENUE = VenueId("bitfinex")
DIGITS = 5
STEP = Decimal("0.00000001")
_PAIR = re.compile(r"([A-Z0-9]{3})([A-Z0-9]{3})|([A-Z0-9]{2,20}):([A-Z0-9]{2,20})", re.ASCII)


CODES = Codes.read("cryptopipe_bitfinex")


def asset(code: str) -> Asset:
    """What the venue calls `code`."""
    return asset_of(VENUE, code, CODES.aliases)


def codes(pair: str) -> tuple[str, str]:
    """Base and quote of `BTCUSD` or `AVAX:USD`. Raises `ProtocolError` for what is spelt as no pair."""
    match = _PAIR.fullmatch(pair)
    if match is None:
        raise ProtocolError("not spelt as a pair such as BTCUSD or AVAX:USD", where=f"{VENUE}:{pair[:40]}")
    first, second, third, fourth = match.groups("")
    return (first or third, second or fourth)


def instrument(pair: str, rules: TradingRules | None) -> Instrument:
    """The spot market of a pair."""
    base, quote = codes(pair)
    return Instrument(VENUE, f"t{pair}", asset(base), asset(quote), rules=rules)


def tick_at(lowest: Decimal, highest: Decimal) -> Decimal | None:
    """The step of prices between these two; None where they stand in different decades, or are not prices."""
    if not (lowest.is_finite() and highest.is_finite()) or not 0 < lowest <= highest:
        return None
    decade = lowest.adjusted()
    return Decimal(1).scaleb(decade - DIGITS + 1) if highest.adjusted() == decade else None


class _Row(msgspec.Struct, forbid_unknown_fields=True):
    """Its step holds for prices from `price_from` to below `price_to`."""

    symbol: str
    tick: Decimal
    price_from: Decimal
    price_to: Decimal
    min_size: Decimal


class _Table(msgspec.Struct, forbid_unknown_fields=True):
    source: str
    instruments: list[_Row]


class BitfinexInstruments:
    """What is known without asking the venue: `instruments.json` beside this module, and spellings."""

    def __init__(self) -> None:
        text = files("cryptopipe_bitfinex").joinpath("instruments.json").read_bytes()
        table = msgspec.json.decode(text, type=_Table)
        self._listed = {
            row.symbol: instrument(row.symbol[1:], TradingRules(row.tick, STEP, row.min_size, Decimal(0)))
            for row in table.instruments
        }

    def listed(self) -> Sequence[Instrument]:
        """The rows of the table."""
        return tuple(self._listed.values())

    def find(self, symbol: str) -> Instrument:
        """Listed, or read off its spelling with rules unknown. Raises `ProtocolError`, also for funding (`fUSD`) and
        for contracts (`tBTCF0:USTF0`), whose collateral is another asset."""
        known = self._listed.get(symbol)
        if known is not None:
            return known
        if not symbol.startswith("t"):
            raise ProtocolError("not named as tBTCUSD", where=f"{VENUE}:{symbol[:40]}")
        base, quote = codes(symbol[1:])
        if base.endswith("F0") or quote.endswith("F0"):
            raise ProtocolError("a contract, which is not read here", where=f"{VENUE}:{symbol}")
        return instrument(symbol[1:], None)
