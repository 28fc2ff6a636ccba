"""What is known of a venue that ccxt reads: spellings, and nothing else.

Enters: a unified symbol (`BTC/USDT`, `BTC/USDT:USDT`). Leaves: an `Instrument` without rules, which is watched and
never traded. Never: a contract taken for the spot pair.
"""

import re
from collections.abc import Sequence

from cryptopipe.api import Instrument, Kind, ProtocolError, VenueId, asset_of

_UNIFIED = re.compile(r"([A-Z0-9]{1,20})/([A-Z0-9]{1,20})(?::([A-Z0-9]{1,20}))?", re.ASCII)
_COMMON = ("BTC/USDT", "ETH/USDT", "SOL/USDT", "ETH/BTC", "BTC/USDC", "ETH/USDC", "BTC/USD", "ETH/USD")
"""Pairs that are asked for where nobody names others; the source leaves out those that the venue does not have."""


class CcxtInstruments:
    """The instruments of one venue, by ccxt's unified symbols."""

    def __init__(self, venue: VenueId) -> None:
        self._venue = venue

    def listed(self) -> Sequence[Instrument]:
        """The pairs that most venues have. Whether this one does is known only once it is asked."""
        return tuple(self.find(symbol) for symbol in _COMMON)

    def find(self, symbol: str) -> Instrument:
        """Read off its spelling, with rules unknown. Raises `ProtocolError`."""
        match = _UNIFIED.fullmatch(symbol)
        if match is None:
            raise ProtocolError("not a unified symbol such as BTC/USDT", where=f"{self._venue}:{symbol}")
        base, quote, settled = match.groups()
        kind = Kind.SPOT if settled is None else Kind.LINEAR_PERPETUAL if settled == quote else Kind.INVERSE_PERPETUAL
        return Instrument(self._venue, symbol, asset_of(self._venue, base), asset_of(self._venue, quote), kind)
