"""The currencies and networks that the simulated Bybit has, from a dated table.

Enters: `wallets.json` beside this module. Leaves: `Currency` values, and what the venue calls each chain beside its
code. Never: a figure whose row does not say whence it is.
"""

from collections.abc import Mapping
from functools import cache

from cryptopipe.api import Codes, Currency, WalletTable
from cryptopipe_bybit.market import VENUE

_PACKAGE = "cryptopipe_bybit"


@cache
def _table() -> WalletTable:
    return WalletTable.read(_PACKAGE)


@cache
def wallets() -> tuple[Currency, ...]:
    """The rows of the table, all networks open. Raises `msgspec.ValidationError` for a table of another form."""
    return _table().of(VENUE, Codes.read(_PACKAGE))


@cache
def chain_types() -> Mapping[tuple[str, str], str]:
    """The `chainType` of a coin's chain: `("ETH", "ETH")` is `ERC20`."""
    return {(row.code, one.code): one.names["chain_type"] for row in _table().currencies for one in row.networks}
