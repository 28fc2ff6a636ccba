"""What Kraken says of its pairs, assets, ways of withdrawal and fees, in its REST answers.

Enters: `AssetPairs` and `Assets`, which need no key, and the signed `WithdrawMethods`. Leaves: a `Listing`. Never: a
network that is open because nobody said that it is closed.

`{"error":[],"result":[{"asset":"XXBT","method":"Bitcoin","network":"Bitcoin","minimum":"0.0004"}]}`

docs.kraken.com/api/docs/rest-api, pages get-tradable-asset-pairs, get-asset-info and get-withdrawal-methods
(2026-11-21). `DepositMethods` is not read: its answer names no asset, only the request does. No answer tells a chain's
contract, what a withdrawal costs before its amount is known, or how many confirmations a deposit waits for.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from cryptopipe.api import (
    Asset,
    Currency,
    FeeSchedule,
    HttpRequest,
    HttpResponse,
    Listing,
    Nanos,
    Network,
    ProtocolError,
    RateLimited,
    VenueError,
    VenueUnavailable,
    amount_of,
    asset_of,
    chain_of,
)
from cryptopipe_kraken.metadata import CODES, VENUE, instruments
from cryptopipe_kraken.wire import UNREADABLE

_T = TypeVar("_T")
_HOUR: Nanos = 3_600_000_000_000
_ORIGIN = "https://api.kraken.com"
_PAIRS, _ASSETS, _WITHDRAWALS = "/0/public/AssetPairs", "/0/public/Assets", "/0/private/WithdrawMethods"


class _Tier(msgspec.Struct, array_like=True):
    """From this volume of thirty days on, in percent."""

    volume: Decimal
    percent: Decimal


class _PairFees(msgspec.Struct):
    fees: list[_Tier] = []
    fees_maker: list[_Tier] = []


class _Asset(msgspec.Struct):
    """`altname` is the code without a prefix: `XBT` of `XXBT`."""

    altname: str


class Way(msgspec.Struct):
    """One row of `WithdrawMethods`."""

    asset: str
    method: str
    network: str | None = None  # of money and of some coins
    minimum: str = ""


class _Answer(msgspec.Struct):
    error: list[str]
    result: msgspec.Raw = msgspec.Raw(b"")


class KrakenListing:
    """The venue's metadata. Pairs and assets are asked for; `read` knows the signed answer too."""

    refresh: Nanos = _HOUR

    def requests(self) -> Sequence[HttpRequest]:
        """Two, one a second at most."""
        return (HttpRequest("GET", _ORIGIN + _PAIRS), HttpRequest("GET", _ORIGIN + _ASSETS))

    def read(self, response: HttpResponse) -> Listing:
        """By the path of the URL. Raises `RateLimited`, `VenueUnavailable`, `VenueError` or `ProtocolError`."""
        path, body = urlsplit(response.url).path, response.body
        if path not in (_PAIRS, _ASSETS, _WITHDRAWALS):
            raise ProtocolError(f"no answer that is known: {response.url}", where=VENUE)
        if response.status >= 500:
            raise VenueUnavailable(f"no answer to {path}: status {response.status}", where=VENUE)
        try:
            if path == _PAIRS:
                fees = _fees(_result(body, path, dict[str, _PairFees]))
                return Listing(instruments(body), fees=fees)
            if path == _ASSETS:
                told = _result(body, path, dict[str, _Asset])
                return Listing(currencies=[Currency(VENUE, key, _asset(key, one)) for key, one in told.items()])
            return Listing(currencies=currencies_of(_result(body, path, list[Way])))
        except (*UNREADABLE, ArithmeticError) as error:
            raise ProtocolError(f"unreadable answer to {path}: {error}, in {body[:120]!r}", where=VENUE) from error


def _result(body: bytes, path: str, kind: type[_T]) -> _T:
    answer = msgspec.json.decode(body, type=_Answer)
    if answer.error:
        said = "; ".join(answer.error)
        limited = "Too many requests" in said or "Rate limit exceeded" in said
        raise (RateLimited if limited else VenueError)(f"no answer to {path}: {said}", where=VENUE)
    if not bytes(answer.result):
        raise ValueError("neither an error nor a result")
    return msgspec.json.decode(answer.result, type=kind)


def _asset(key: str, told: _Asset | None = None) -> Asset:
    """By the key of an asset if its prefix is known, else by its other name."""
    known = CODES.aliases
    return asset_of(VENUE, key if told is None or key in known else told.altname, known)


def currencies_of(ways: Sequence[Way]) -> Sequence[Currency]:
    """The answer lists what an account may withdraw by; what it does not list, it does not speak of."""
    networks: dict[str, list[Network]] = {}
    for one in ways:
        networks.setdefault(one.asset, []).append(_network(one))
    return [Currency(VENUE, code, _asset(code), tuple(found)) for code, found in networks.items()]


def _network(told: Way) -> Network:
    code = told.network or told.method
    chain = chain_of(code, CODES.networks)
    return Network(code=code, chain=chain, withdrawals=True, min_withdrawal=amount_of(told.minimum))


def _fees(pairs: dict[str, _PairFees]) -> FeeSchedule | None:
    """The lowest tier of the dearest pair: a schedule is one venue's. None where no pair has any."""
    taker = [min(pair.fees, key=_volume).percent for pair in pairs.values() if pair.fees]
    maker = [min(pair.fees_maker, key=_volume).percent for pair in pairs.values() if pair.fees_maker]
    if not taker or not maker:
        return None
    source = "AssetPairs: the lowest tier of the dearest pair"
    return FeeSchedule(max(maker).scaleb(-2), max(taker).scaleb(-2), source, "as answered")


def _volume(tier: _Tier) -> Decimal:
    return tier.volume
