"""The currencies and networks that simulated Binance spot has, from a dated table.

Enters: `wallets.json` beside this module. Leaves: `Currency` values. Never: a fact without its source: the table
says what nobody confirmed.
"""

from functools import cache

from cryptopipe.api import Codes, Currency, VenueId, WalletTable

_PACKAGE = "cryptopipe_binance"


@cache
def wallets(venue: VenueId) -> tuple[Currency, ...]:
    """With their networks, all open. Raises `msgspec.ValidationError` for a table of another form."""
    return WalletTable.read(_PACKAGE).of(venue, Codes.read(_PACKAGE))
