"""The currencies and networks that the simulated Bybit has, from a dated table.

Enters: `wallets.json` beside this module. Leaves: `Currency` values, and what the venue calls each chain beside its
code. Never: a figure whose row does not say whence it is.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cache
from importlib.resources import files

import msgspec

from cryptopipe.api import Codes, Currency, Network, asset_of, chain_of
from cryptopipe_bybit.market import VENUE

_PACKAGE = "cryptopipe_bybit"


class _Network(msgspec.Struct, forbid_unknown_fields=True):
    code: str
    name: str
    fee: Decimal
    minimum: Decimal
    least_deposit: Decimal
    confirmations: int
    places: int
    most: Decimal
    sources: list[str]
    contract: str = ""


class _Row(msgspec.Struct, forbid_unknown_fields=True):
    code: str
    networks: list[_Network]


class _Table(msgspec.Struct, forbid_unknown_fields=True):
    note: str
    as_of: str
    currencies: list[_Row]


@cache
def _table() -> _Table:
    return msgspec.json.decode(files(_PACKAGE).joinpath("wallets.json").read_bytes(), type=_Table)


@cache
def wallets() -> Sequence[Currency]:
    """The rows of the table, all networks open. Raises `msgspec.ValidationError` for a table of another form."""
    codes = Codes.read(_PACKAGE)
    return tuple(
        Currency(
            VENUE,
            row.code,
            asset_of(VENUE, row.code, codes.aliases),
            tuple(_network(one, codes) for one in row.networks),
        )
        for row in _table().currencies
    )


@cache
def chain_types() -> Mapping[tuple[str, str], str]:
    """The `chainType` of a coin's chain: `("ETH", "ETH")` is `ERC20`."""
    return {(row.code, one.code): one.name for row in _table().currencies for one in row.networks}


def _network(told: _Network, codes: Codes) -> Network:
    return Network(
        told.code,
        chain_of(told.code, codes.networks),
        contract=told.contract,
        deposits=True,
        withdrawals=True,
        withdrawal_fee=told.fee,
        withdrawal_fee_rate=Decimal(0),
        min_withdrawal=told.minimum,
        max_withdrawal=told.most,
        min_deposit=told.least_deposit,
        precision=told.places,
        confirmations=told.confirmations,
        memo=False,
    )
