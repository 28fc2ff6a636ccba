"""The currencies and networks that simulated Binance spot has, from a dated file.

Enters: `wallets.json`. Leaves: currencies in our words. Never: a value whose source the file does not name or deny.
"""

from decimal import Decimal
from functools import cache
from importlib.resources import files

import msgspec

from cryptopipe.api import Codes, Currency, Network, VenueId, chain_of, identified


class _Network(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    code: str
    fee: Decimal
    minimum: Decimal
    places: int
    sources: list[str]
    maximum: Decimal | None = None
    confirmations: int | None = None


class _Currency(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    code: str
    networks: list[_Network]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    note: str
    sources: dict[str, str]
    currencies: list[_Currency]


@cache
def wallets(venue: VenueId) -> tuple[Currency, ...]:
    """With their networks, all open. Raises `msgspec.ValidationError` for a file that has not its form."""
    package = "cryptopipe_binance"
    told = msgspec.json.decode(files(package).joinpath("wallets.json").read_bytes(), type=_File)
    codes = Codes.read(package)
    found = []
    for one in told.currencies:
        networks = tuple(_network(network, codes) for network in one.networks)
        found.append(Currency(venue, one.code, identified(venue, one.code, networks, codes.aliases), networks))
    return tuple(found)


def _network(told: _Network, codes: Codes) -> Network:
    return Network(
        told.code,
        chain_of(told.code, codes.networks),
        deposits=True,
        withdrawals=True,
        withdrawal_fee=told.fee,
        min_withdrawal=told.minimum,
        max_withdrawal=told.maximum,
        precision=told.places,
        confirmations=told.confirmations,
        memo=False,
    )
