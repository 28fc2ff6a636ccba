"""The currencies and networks of a venue that nobody asks, from a dated table that its plugin brings.

Enters: `wallets.json` of a plugin's package. Leaves: `Currency` values, all networks open. Never: a table without a
source or a date; what a table does not state is None.
"""

from decimal import Decimal
from importlib.resources import files
from typing import Self

import msgspec

from cryptopipe.model.facts import Currency, Network, VenueId
from cryptopipe.model.identity import Codes, chain_of, identified


class WalletNetwork(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One network of a currency by the venue's own word, amounts in the asset; `minimum` and `maximum` of a withdrawal.

    `names` are the venue's other words for it, by what they are for; `sources` those of the table that tell of it.
    """

    code: str
    fee: Decimal
    minimum: Decimal
    places: int
    fee_rate: Decimal | None = None
    maximum: Decimal | None = None
    least_deposit: Decimal | None = None
    confirmations: int | None = None
    contract: str | None = None
    names: dict[str, str] = {}
    sources: list[str] = []

    def network(self, codes: Codes) -> Network:
        """In our words, open both ways."""
        return Network(
            code=self.code,
            chain=chain_of(self.code, codes.networks),
            contract=self.contract,
            deposits=True,
            withdrawals=True,
            withdrawal_fee=self.fee,
            withdrawal_fee_rate=self.fee_rate,
            min_withdrawal=self.minimum,
            max_withdrawal=self.maximum,
            min_deposit=self.least_deposit,
            precision=self.places,
            confirmations=self.confirmations,
            memo=False,
        )


class WalletCurrency(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the venue calls an asset; money has no networks."""

    code: str
    networks: list[WalletNetwork]


class WalletTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`source` says what was read and what nobody confirmed, `sources` what the rows name by a short word."""

    source: str
    as_of: str
    currencies: list[WalletCurrency]
    sources: dict[str, str] = {}

    @classmethod
    def read(cls, package: str) -> Self:
        """`wallets.json` of a plugin's package. Raises `msgspec.ValidationError` for one that has not this form."""
        return msgspec.json.decode(files(package).joinpath("wallets.json").read_bytes(), type=cls)

    def of(self, venue: VenueId, codes: Codes) -> tuple[Currency, ...]:
        """The rows as the venue's currencies."""
        found = []
        for one in self.currencies:
            networks = tuple(each.network(codes) for each in one.networks)
            found.append(Currency(venue, one.code, identified(venue, one.code, networks, codes.aliases), networks))
        return tuple(found)
