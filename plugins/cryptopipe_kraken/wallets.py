"""The currencies and networks that the simulated Kraken has, and the names of their methods, from a dated table.

Enters: `wallets.json` beside this module. Leaves: `Currency` values, `Method`s. Never: a fact without its source: the
table says what nobody confirmed.
"""

from collections.abc import Sequence
from functools import cache

import msgspec

from cryptopipe.api import Asset, Currency, WalletTable, asset_of
from cryptopipe_kraken.metadata import CODES, VENUE


class Method(msgspec.Struct, frozen=True):
    """What the venue calls one way in and out of an asset; `network` is a `Network.code`."""

    asset: Asset
    network: str
    withdraw: str
    deposit: str


@cache
def _table() -> WalletTable:
    return WalletTable.read("cryptopipe_kraken")


@cache
def wallets() -> tuple[Currency, ...]:
    """The rows of the table; money has no networks."""
    return _table().of(VENUE, CODES)


@cache
def methods() -> Sequence[Method]:
    """Every way of the table, in its order."""
    return tuple(
        Method(asset_of(VENUE, row.code, CODES.aliases), one.code, one.names["withdraw"], one.names["deposit"])
        for row in _table().currencies
        for one in row.networks
    )
