"""Which tickers of which venues are the same asset: by chain and contract where known, else by a table with sources.

Enters: a venue's code, its own aliases, the networks that it states. Leaves: the venue-independent `Asset`. Never: two
assets taken for one because they are spelt alike, or a wrapped one for what it wraps.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Self

import msgspec

from cryptopipe.model.facts import Asset, Network, VenueId


class _Chain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    chain: str
    codes: list[str]
    lower_case: bool


class _Known(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    asset: str
    contracts: dict[str, str]
    source: str
    wraps: str = ""


class _LookAlike(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    ticker: str
    means: list[str]
    source: str


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    note: str
    chains: list[_Chain]
    assets: list[_Known]
    look_alikes: list[_LookAlike]


class _Index:
    """The table, by what is looked up in it."""

    def __init__(self, table: _Table) -> None:
        self.chains = {code.casefold(): one.chain for one in table.chains for code in (one.chain, *one.codes)}
        self.lower_case = {one.chain for one in table.chains if one.lower_case}
        self.contracts = {one.asset: one.contracts for one in table.assets}
        ambiguous = {one.ticker for one in table.look_alikes}
        self.tickers = {one.asset for one in table.assets} - ambiguous
        self.owners = {(chain, held): one.asset for one in table.assets for chain, held in one.contracts.items()}


@cache
def _index() -> _Index:
    text = files("cryptopipe.model").joinpath("assets.json").read_bytes()
    return _Index(msgspec.json.decode(text, type=_Table))


class Codes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A venue's own codes where they are not ours, of assets and of chains (its word to ours), with their source."""

    source: str
    aliases: dict[str, str]
    networks: dict[str, str]

    @classmethod
    def read(cls, package: str) -> Self:
        """`aliases.json` of a plugin's package. Raises `msgspec.ValidationError` for one that has not this form."""
        return msgspec.json.decode(files(package).joinpath("aliases.json").read_bytes(), type=cls)


def asset_of(venue: VenueId, code: str, aliases: Mapping[str, str] | None = None) -> Asset:
    """What a venue calls `code`: `BTC` where its `aliases` (its code: ours) or the table know it, else `CODE@venue`,
    which is comparable with nothing elsewhere.
    """
    aliases = aliases or {}
    if code in aliases:
        return Asset(aliases[code])
    return Asset(code) if code in _index().tickers else Asset(f"{code}@{venue}")


def chain_of(code: str, aliases: Mapping[str, str] | None = None) -> str:
    """The chain that a venue calls `code`, such as `ethereum` for `ERC20`; empty if neither its aliases nor the table
    know it.
    """
    return (aliases or {}).get(code) or _index().chains.get(code.casefold(), "")


def contract_on(chain: str, contract: str) -> str:
    """A contract's address in the one spelling in which addresses of this chain are compared."""
    return contract.strip().lower() if chain in _index().lower_case else contract.strip()


def owner_of(chain: str, contract: str) -> Asset | None:
    """The asset whose contract on a chain the table knows this to be; None for one that it does not know."""
    known = _index().owners.get((chain, contract_on(chain, contract)))
    return None if known is None else Asset(known)


def identified(
    venue: VenueId, code: str, networks: Iterable[Network], aliases: Mapping[str, str] | None = None
) -> Asset:
    """The asset that a venue calls `code` and moves over these networks.

    A network whose contract the table gives to the asset of this ticker, or whose chain's own coin that asset is and
    which states no contract, confirms the ticker. If none does, contracts that the table gives to one other asset mean
    that asset, and a contract that the table does not know means an asset of its own, `CODE@chain:contract`, which two
    venues share only if they state the same. Contracts that say different things mean `CODE@venue`.
    """
    index, by_ticker = _index(), asset_of(venue, code, aliases)
    stated = [(one.chain, contract_on(one.chain, one.contract)) for one in networks if one.chain and one.contract]
    own = index.contracts.get(by_ticker, {})
    if not stated or any(own.get(chain) == contract for chain, contract in stated):
        return by_ticker
    if any(one.chain in own and not own[one.chain] and not one.contract for one in networks):
        return by_ticker
    owners = {index.owners[one] for one in stated if one in index.owners}
    if owners:
        return Asset(owners.pop()) if len(owners) == 1 else Asset(f"{code}@{venue}")
    chain, contract = min(stated)
    return Asset(f"{code}@{chain}:{contract}")
