"""What Coinbase's two venues say of their products, currencies and fees, in their REST answers.

Enters: the public lists of products and of currencies, and the signed answers about an account's fees. Leaves: a
`Listing`. Never: a network that is open because nobody said that it is closed.

docs.cdp.coinbase.com (2026-11-21): Exchange "Get all known trading pairs", "Get all known currencies", "Get fees";
Advanced Trade "List public products", "Get transaction summary"; Track API "Get cryptocurrencies". A network of
Exchange has one `status` for both directions and no fee, which depends on the chain's at that moment; Advanced Trade's
public answers tell no networks, and its coins may move by others than Exchange's.
"""

from collections.abc import Sequence
from decimal import Decimal
from urllib.parse import urlsplit

import msgspec

from cryptopipe.api import (
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
    VenueId,
    VenueUnavailable,
    asset_of,
    chain_of,
    identified,
)
from cryptopipe_coinbase.metadata import ADVANCED, CODES, EXCHANGE, advanced_instruments, exchange_instruments
from cryptopipe_coinbase.wire import UNREADABLE

_HOUR: Nanos = 3_600_000_000_000
_PRODUCTS = "https://api.coinbase.com/api/v3/brokerage/market/products"
_CRYPTO = "https://api.coinbase.com/v2/currencies/crypto"
_EXCHANGE = "https://api.exchange.coinbase.com"


class _Network(msgspec.Struct):
    id: str
    status: str
    contract_address: str | None = None
    min_withdrawal_amount: Decimal | None = None
    max_withdrawal_amount: Decimal | None = None
    network_confirmations: int | None = None
    destination_tag_regex: str | None = None
    fee: Decimal | None = None  # none in this answer: from an estimate that was asked for besides


class _Currency(msgspec.Struct):
    id: str
    status: str
    max_precision: Decimal | None = None
    supported_networks: list[_Network] | None = None


class _Coin(msgspec.Struct):
    code: str


class _Coins(msgspec.Struct):
    data: list[_Coin]


class _Rates(msgspec.Struct):
    maker_fee_rate: Decimal
    taker_fee_rate: Decimal


class _Summary(msgspec.Struct):
    fee_tier: _Rates


def _accepted(response: HttpResponse, venue: VenueId) -> bytes:
    status = response.status
    if status == 200:
        return response.body
    kind = RateLimited if status == 429 else VenueUnavailable if status >= 500 else VenueError
    raise kind(f"no answer to {response.url}: status {status}, {response.body[:120]!r}", where=venue)


class ExchangeListing:
    """Of Coinbase Exchange. Products and currencies need no key and are asked for; `/fees` does."""

    refresh: Nanos = _HOUR

    def requests(self) -> Sequence[HttpRequest]:
        """Two."""
        return (HttpRequest("GET", f"{_EXCHANGE}/products"), HttpRequest("GET", f"{_EXCHANGE}/currencies"))

    def read(self, response: HttpResponse) -> Listing:
        """By the path of the URL. Raises `RateLimited`, `VenueUnavailable`, `VenueError` or `ProtocolError`."""
        body = _accepted(response, EXCHANGE)
        try:
            match urlsplit(response.url).path:
                case "/products":
                    return Listing(exchange_instruments(body))
                case "/currencies":
                    return Listing(currencies=_currencies(msgspec.json.decode(body, type=list[_Currency])))
                case "/fees":
                    return Listing(fees=_fees(msgspec.json.decode(body, type=_Rates), "/fees of the account"))
        except (*UNREADABLE, ArithmeticError) as error:
            raise ProtocolError(f"unreadable answer: {error}, in {body[:120]!r}", where=EXCHANGE) from error
        raise ProtocolError(f"no answer that is known: {response.url}", where=EXCHANGE)


class AdvancedListing:
    """Of Advanced Trade. Products and coins need no key and are asked for; the transaction summary does."""

    refresh: Nanos = _HOUR

    def requests(self) -> Sequence[HttpRequest]:
        """Two."""
        return (HttpRequest("GET", f"{_PRODUCTS}?product_type=SPOT"), HttpRequest("GET", _CRYPTO))

    def read(self, response: HttpResponse) -> Listing:
        """By the path of the URL. Raises `RateLimited`, `VenueUnavailable`, `VenueError` or `ProtocolError`."""
        body = _accepted(response, ADVANCED)
        try:
            match urlsplit(response.url).path:
                case "/api/v3/brokerage/market/products":
                    return Listing(advanced_instruments(body))
                case "/v2/currencies/crypto":
                    codes = [one.code for one in msgspec.json.decode(body, type=_Coins).data]
                    known = CODES.aliases
                    found = [Currency(ADVANCED, code, asset_of(ADVANCED, code, known)) for code in codes]
                    return Listing(currencies=found)
                case "/api/v3/brokerage/transaction_summary":
                    rates = msgspec.json.decode(body, type=_Summary).fee_tier
                    return Listing(fees=_fees(rates, "transaction_summary of the account"))
        except (*UNREADABLE, ArithmeticError) as error:
            raise ProtocolError(f"unreadable answer: {error}, in {body[:120]!r}", where=ADVANCED) from error
        raise ProtocolError(f"no answer that is known: {response.url}", where=ADVANCED)


def exchange_currencies(told: object) -> Sequence[Currency]:
    """Of the JSON of `/currencies`, fractions as text. Raises `ProtocolError`."""
    try:
        return _currencies(msgspec.convert(told, list[_Currency], strict=False))
    except (*UNREADABLE, ArithmeticError) as error:
        raise ProtocolError(f"unreadable currencies: {error}", where=EXCHANGE) from error


def _currencies(told: Sequence[_Currency]) -> Sequence[Currency]:
    return [_currency(one) for one in told]


def _currency(told: _Currency) -> Currency:
    networks = tuple(_network(one, told) for one in told.supported_networks or ())
    return Currency(EXCHANGE, told.id, identified(EXCHANGE, told.id, networks, CODES.aliases), networks)


def _network(told: _Network, currency: _Currency) -> Network:
    """An empty contract says nothing: coins of a chain and tokens of chains without contracts have one alike."""
    moves = told.status == currency.status == "online"
    return Network(
        code=told.id,
        chain=chain_of(told.id, CODES.networks),
        contract=told.contract_address or None,
        deposits=moves,
        withdrawals=moves,
        withdrawal_fee=_amount(told.fee),
        min_withdrawal=_amount(told.min_withdrawal_amount),
        max_withdrawal=_amount(told.max_withdrawal_amount),
        precision=_places(currency.max_precision),
        confirmations=told.network_confirmations,
        memo=True if told.destination_tag_regex else None,
    )


def _amount(told: Decimal | None) -> Decimal | None:
    if told is not None and not (told.is_finite() and told >= 0):
        raise ValueError(f"not an amount at or above zero: {told}")
    return told


def _places(step: Decimal | None) -> int | None:
    """`0.000001` has six places, `1` none."""
    if step is None:
        return None
    exponent = step.normalize().as_tuple().exponent
    if not isinstance(exponent, int) or not step > 0:
        raise ValueError(f"not a precision such as 0.01: {step}")
    return max(0, -exponent)


def _fees(rates: _Rates, source: str) -> FeeSchedule:
    """The answer has no date of its own."""
    return FeeSchedule(rates.maker_fee_rate, rates.taker_fee_rate, source, "as answered")
