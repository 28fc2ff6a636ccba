"""The currencies and networks that the simulated Coinbase has, on either venue, from a dated table.

Enters: `wallets.json` beside this module. Leaves: `Currency` values. Never: a fact without its source: the table
says what nobody confirmed.
"""

from functools import cache

from cryptopipe.api import Currency, VenueId, WalletTable
from cryptopipe_coinbase.metadata import CODES


@cache
def wallets(venue: VenueId) -> tuple[Currency, ...]:
    """The rows of the table; money has no networks."""
    return WalletTable.read("cryptopipe_coinbase").of(venue, CODES)
