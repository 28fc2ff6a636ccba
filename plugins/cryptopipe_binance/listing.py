"""What Binance says of its instruments, coins and fees, in its REST answers.

Enters: answers to `exchangeInfo`, and to the signed `capital/config/getall`, `asset/tradeFee`, `spot/delist-schedule`.
Leaves: a `Listing`. Never: a network that is open because nobody said that it is closed.

`{"coin":"BTC","networkList":[{"network":"BTC","withdrawEnable":true,"withdrawFee":"0.0005","minConfirm":1,…}],…}`

developers.binance.com wallet, pages "All Coins' Information", "Trade Fee", "Get symbols delist schedule for market"
(as binance-sdk 48 and ccxt 4.5.90 quote them, 2026-11-21).
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
    chain_of,
    identified,
)
from cryptopipe_binance.market import UNREADABLE, Market
from cryptopipe_binance.metadata import CODES, instruments

_HOUR: Nanos = 3_600_000_000_000
_MILLISECOND = 1_000_000


class _Network(msgspec.Struct, rename="camel"):
    network: str
    deposit_enable: bool
    withdraw_enable: bool
    withdraw_fee: Decimal
    withdraw_min: Decimal
    withdraw_max: Decimal
    withdraw_integer_multiple: Decimal
    min_confirm: int
    memo_regex: str = ""
    contract_address: str | None = None
    deposit_dust: Decimal | None = None


class _Coin(msgspec.Struct, rename="camel"):
    coin: str
    network_list: list[_Network] = []


class _Fee(msgspec.Struct, rename="camel"):
    maker_commission: Decimal
    taker_commission: Decimal


class _Delisting(msgspec.Struct, rename="camel"):
    delist_time: int
    symbols: list[str]


class BinanceListing:
    """One venue's metadata. Only `exchangeInfo` needs no key and is asked for; `read` knows the signed answers too."""

    refresh: Nanos = _HOUR

    def __init__(self, market: Market) -> None:
        self._market = market

    def requests(self) -> Sequence[HttpRequest]:
        """Every instrument: a weight of 20 of 6,000 a minute."""
        return (HttpRequest("GET", self._market.exchange_info_url),)

    def read(self, response: HttpResponse) -> Listing:
        """By the path of the URL. Raises `ProtocolError`."""
        path, body, venue = urlsplit(response.url).path, response.body, self._market.venue
        try:
            if response.status != 200:
                raise ValueError(f"status {response.status}")
            if path.endswith("/exchangeInfo"):
                return Listing(instruments=instruments(body, venue, self._market.kind))
            if path.endswith("/capital/config/getall"):
                return Listing(currencies=self._currencies(body))
            if path.endswith("/asset/tradeFee"):
                return Listing(fees=self._fees(body))
            if path.endswith("/spot/delist-schedule"):
                return Listing(delists=_delistings(body))
        except (*UNREADABLE, ArithmeticError) as error:
            raise ProtocolError(f"unreadable answer to {path}: {error}, in {body[:120]!r}", where=venue) from error
        raise ProtocolError(f"no answer that is known: {response.url}", where=venue)

    def _currencies(self, body: bytes) -> tuple[Currency, ...]:
        venue = self._market.venue
        found = []
        for one in msgspec.json.decode(body, type=list[_Coin]):
            networks = tuple(_network(network, one.coin) for network in one.network_list)
            asset = identified(venue, one.coin, networks, CODES.aliases)
            found.append(Currency(venue, one.coin, asset, networks))
        return tuple(found)

    def _fees(self, body: bytes) -> FeeSchedule:
        """The dearest of all symbols: a schedule is one venue's. The answer has no date of its own."""
        rates = msgspec.json.decode(body, type=list[_Fee])
        if not rates:
            raise ValueError("no symbol")
        maker, taker = (max(r.maker_commission for r in rates), max(r.taker_commission for r in rates))
        return FeeSchedule(
            maker, taker, "the account's own asset/tradeFee, its dearest symbol", "as answered", "received"
        )


def _network(told: _Network, coin: str) -> Network:
    """A coin whose network is called like itself moves as the chain's own; of others, older answers lack the
    `contractAddress`, and nobody knows it."""
    chain = chain_of(told.network, CODES.networks)
    contract = "" if told.network == coin and not told.contract_address else told.contract_address or None
    return Network(
        code=told.network,
        chain=chain,
        contract=contract,
        deposits=told.deposit_enable,
        withdrawals=told.withdraw_enable,
        withdrawal_fee=told.withdraw_fee,
        min_withdrawal=told.withdraw_min,
        max_withdrawal=told.withdraw_max,
        min_deposit=told.deposit_dust,
        precision=_places(told.withdraw_integer_multiple),
        confirmations=told.min_confirm,
        memo=bool(told.memo_regex),
    )


def _places(multiple: Decimal) -> int | None:
    """Decimal places of a withdrawal; a multiple of 0 states none."""
    if multiple == 0:
        return None
    exponent = multiple.normalize().as_tuple().exponent
    assert isinstance(exponent, int), "a multiple is finite"
    return max(0, -exponent)


def _delistings(body: bytes) -> dict[str, Nanos]:
    """The earliest of each symbol."""
    found: dict[str, Nanos] = {}
    for one in msgspec.json.decode(body, type=list[_Delisting]):
        for symbol in one.symbols:
            at = one.delist_time * _MILLISECOND
            found[symbol] = min(at, found.get(symbol, at))
    return found
