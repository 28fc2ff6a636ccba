"""What Bybit says of its instruments, coins and fees, in its REST answers.

Enters: pages of `market/instruments-info`, and the signed `asset/coin/query-info` and `account/fee-rate`. Leaves: a
`Listing`. Never: a network that is open because nobody said that it is closed.

`{"result":{"rows":[{"coin":"ETH","chains":[{"chain":"ETH","chainDeposit":"1","withdrawFee":"3",…}]}]}}`

bybit-exchange.github.io/docs/v5/asset/coin-info, docs/v5/account/fee-rate (2026-11-21).
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import TypeVar
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
    amount_of,
    chain_of,
    identified,
)
from cryptopipe_bybit.market import MARKETS, UNREADABLE, VENUE
from cryptopipe_bybit.metadata import CODES, instruments

_T = TypeVar("_T")
_HOUR: Nanos = 3_600_000_000_000
_PAGE = "https://api.bybit.com/v5/market/instruments-info"


class _Chain(msgspec.Struct, rename="camel"):
    chain: str
    chain_deposit: str
    chain_withdraw: str
    confirmation: str = ""
    withdraw_fee: str = ""
    withdraw_percentage_fee: str = ""
    withdraw_min: str = ""
    deposit_min: str = ""
    min_accuracy: str = ""
    contract_address: str | None = None


class _Coin(msgspec.Struct):
    coin: str
    chains: list[_Chain] = []


class _Rows(msgspec.Struct):
    rows: list[_Coin]


class _Fee(msgspec.Struct, rename="camel"):
    maker_fee_rate: Decimal
    taker_fee_rate: Decimal


class _Fees(msgspec.Struct):
    list: list[_Fee]


class _Answer(msgspec.Struct, rename="camel"):
    ret_code: int
    ret_msg: str = ""
    result: msgspec.Raw = msgspec.Raw(b"{}")


class BybitListing:
    """The venue's metadata. The instruments need no key and are asked for; `read` knows the signed answers too."""

    refresh: Nanos = _HOUR

    def requests(self) -> Sequence[HttpRequest]:
        """One page a category; 1,000 is the most that a page has (docs/v5/market/instrument, 2026-11-21)."""
        return tuple(HttpRequest("GET", f"{_PAGE}?category={one.category}&limit=1000") for one in MARKETS.values())

    def read(self, response: HttpResponse) -> Listing:
        """By the path of the URL. Raises `ProtocolError`."""
        path, body = urlsplit(response.url).path, response.body
        try:
            if response.status != 200:
                raise ValueError(f"status {response.status}")
            if path == "/v5/market/instruments-info":
                return Listing(instruments=instruments(body))
            if path == "/v5/asset/coin/query-info":
                return Listing(currencies=tuple(_currency(one) for one in _result(body, _Rows).rows))
            if path == "/v5/account/fee-rate":
                return Listing(fees=_fees(_result(body, _Fees).list))
        except (*UNREADABLE, ArithmeticError) as error:
            raise ProtocolError(f"unreadable answer to {path}: {error}, in {body[:120]!r}", where=VENUE) from error
        raise ProtocolError(f"no answer that is known: {response.url}", where=VENUE)


def _result(body: bytes, kind: type[_T]) -> _T:
    told = msgspec.json.decode(body, type=_Answer)
    if told.ret_code != 0:
        raise ValueError(f"refused with {told.ret_code} {told.ret_msg}")
    return msgspec.json.decode(told.result, type=kind)


def _currency(told: _Coin) -> Currency:
    networks = tuple(_network(chain, told.coin) for chain in told.chains)
    return Currency(VENUE, told.coin, identified(VENUE, told.coin, networks, CODES.aliases), networks)


def _network(told: _Chain, coin: str) -> Network:
    """An empty text is what the page says for "not supported": no fee means no withdrawal. A coin whose chain is called
    like itself moves as the chain's own."""
    contract = "" if told.chain == coin else told.contract_address or None
    return Network(
        code=told.chain,
        chain=chain_of(told.chain, CODES.networks),
        contract=contract,
        deposits=told.chain_deposit == "1",
        withdrawals=told.chain_withdraw == "1" and told.withdraw_fee != "",
        withdrawal_fee=amount_of(told.withdraw_fee),
        withdrawal_fee_rate=amount_of(told.withdraw_percentage_fee),
        min_withdrawal=amount_of(told.withdraw_min),
        min_deposit=amount_of(told.deposit_min),
        precision=int(told.min_accuracy) if told.min_accuracy else None,
        confirmations=int(told.confirmation) if told.confirmation else None,
    )


def _fees(rates: Sequence[_Fee]) -> FeeSchedule:
    """The dearest of all symbols: a schedule is one venue's. The answer has no date of its own."""
    if not rates:
        raise ValueError("no symbol")
    maker, taker = max(r.maker_fee_rate for r in rates), max(r.taker_fee_rate for r in rates)
    return FeeSchedule(maker, taker, "the account's own fee-rate, its dearest symbol", "as answered", "received")
