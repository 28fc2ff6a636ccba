"""The currencies and networks that the simulated Kraken has, and the names of their methods, from a dated table.

Enters: `wallets.json` beside this module. Leaves: `Currency` values, `Method`s. Never: a fact without its source: the
table says what nobody confirmed.
"""

from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from importlib.resources import files

import msgspec

from cryptopipe.api import Asset, Currency, Network, asset_of, chain_of
from cryptopipe_kraken.metadata import CODES, VENUE


class _Way(msgspec.Struct, forbid_unknown_fields=True):
    network: str
    withdraw_method: str
    deposit_method: str
    fee: Decimal
    minimum: Decimal
    precision: int
    confirmations: int
    least_deposit: Decimal | None = None


class _Row(msgspec.Struct, forbid_unknown_fields=True):
    code: str
    networks: list[_Way]


class _Table(msgspec.Struct, forbid_unknown_fields=True):
    source: str
    as_of: str
    currencies: list[_Row]


class Method(msgspec.Struct, frozen=True):
    """What the venue calls one way in and out of an asset; `network` is a `Network.code`."""

    asset: Asset
    network: str
    withdraw: str
    deposit: str


@cache
def _table() -> _Table:
    return msgspec.json.decode(files("cryptopipe_kraken").joinpath("wallets.json").read_bytes(), type=_Table)


@cache
def wallets() -> Sequence[Currency]:
    """The rows of the table; money has no networks."""
    return tuple(
        Currency(
            VENUE, row.code, asset_of(VENUE, row.code, CODES.aliases), tuple(_network(one) for one in row.networks)
        )
        for row in _table().currencies
    )


@cache
def methods() -> Sequence[Method]:
    """Every way of the table, in its order."""
    return tuple(
        Method(_asset(row), one.network, one.withdraw_method, one.deposit_method)
        for row in _table().currencies
        for one in row.networks
    )


def _asset(row: _Row) -> Asset:
    return asset_of(VENUE, row.code, CODES.aliases)


def _network(way: _Way) -> Network:
    return Network(
        code=way.network,
        chain=chain_of(way.network, CODES.networks),
        deposits=True,
        withdrawals=True,
        withdrawal_fee=way.fee,
        min_withdrawal=way.minimum,
        min_deposit=way.least_deposit,
        precision=way.precision,
        confirmations=way.confirmations,
        memo=False,
    )
