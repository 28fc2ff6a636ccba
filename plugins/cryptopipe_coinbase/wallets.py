"""The currencies and networks that the simulated Coinbase has, on either venue, from a dated table.

Enters: `wallets.json` beside this module. Leaves: `Currency` values. Never: a fact without its source: the table says
what nobody confirmed.
"""

from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from importlib.resources import files

import msgspec

from cryptopipe.api import Currency, Network, VenueId, asset_of, chain_of
from cryptopipe_coinbase.metadata import CODES


class _Way(msgspec.Struct, forbid_unknown_fields=True):
    network: str
    fee: Decimal
    minimum: Decimal
    maximum: Decimal
    confirmations: int
    contract: str | None = None


class _Row(msgspec.Struct, forbid_unknown_fields=True):
    code: str
    precision: int
    networks: list[_Way]


class _Table(msgspec.Struct, forbid_unknown_fields=True):
    source: str
    as_of: str
    currencies: list[_Row]


@cache
def wallets(venue: VenueId) -> Sequence[Currency]:
    """The rows of the table; money has no networks."""
    table = msgspec.json.decode(files("cryptopipe_coinbase").joinpath("wallets.json").read_bytes(), type=_Table)
    return tuple(
        Currency(
            venue,
            row.code,
            asset_of(venue, row.code, CODES.aliases),
            tuple(_network(one, row.precision) for one in row.networks),
        )
        for row in table.currencies
    )


def _network(way: _Way, precision: int) -> Network:
    return Network(
        code=way.network,
        chain=chain_of(way.network, CODES.networks),
        contract=way.contract,
        deposits=True,
        withdrawals=True,
        withdrawal_fee=way.fee,
        min_withdrawal=way.minimum,
        max_withdrawal=way.maximum,
        precision=precision,
        confirmations=way.confirmations,
        memo=False,
    )
