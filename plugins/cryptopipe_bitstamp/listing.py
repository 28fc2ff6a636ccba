"""What Bitstamp says of its markets, currencies and fees, in its REST answers.

Enters: answers of `markets`, `currencies`, the older `trading-pairs-info`, and the signed `fees/trading`. Leaves: a
`Listing`. Never: a network that is open because nobody said that it is closed.

`[{"name":"Bitcoin","currency":"BTC","type":"crypto","deposit":"Enabled","withdrawal":"Enabled","networks":[{"network":
"bitcoin","deposit":"Enabled","withdrawal":"Enabled","withdrawal_decimals":8,"withdrawal_minimum_amount":"0.00006000"}]`

www.bitstamp.net/api/ "Markets", "Currencies", "Trading fees", as quoted by others who read it on 2026-09-15 and in
their clients' test data (the page itself could not be read). Fees of withdrawals are in no public answer.
"""

from collections.abc import Callable, Mapping, Sequence
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
    amount_of,
    chain_of,
    identified,
)
from cryptopipe_bitstamp.metadata import CODES, instruments
from cryptopipe_bitstamp.snapshot import API, refusal
from cryptopipe_bitstamp.wire import UNREADABLE, VENUE

_HOUR: Nanos = 3_600_000_000_000
_STATES = {"Enabled": True, "Disabled": False}


class _Network(msgspec.Struct):
    network: str
    deposit: str = ""
    withdrawal: str = ""
    withdrawal_decimals: int | None = None
    withdrawal_minimum_amount: str = ""


class _Currency(msgspec.Struct):
    currency: str
    deposit: str = ""
    withdrawal: str = ""
    networks: list[_Network] = []


class _Rates(msgspec.Struct):
    maker: Decimal
    taker: Decimal


class _Fee(msgspec.Struct):
    fees: _Rates


class BitstampListing:
    """The venue's metadata. Markets and currencies need no key and are asked for; `read` knows the others too."""

    refresh: Nanos = _HOUR

    def requests(self) -> Sequence[HttpRequest]:
        """Each answers everything at once."""
        return (HttpRequest("GET", f"{API}markets/"), HttpRequest("GET", f"{API}currencies/"))

    def read(self, response: HttpResponse) -> Listing:
        """By the path of the URL. Raises `ProtocolError`, or a `VenueError` for a refusal."""
        name, body = urlsplit(response.url).path.removeprefix("/api/v2/").rstrip("/"), response.body
        read = _ANSWERS.get(name)
        if read is None:
            raise ProtocolError(f"no answer that is known: {response.url}", where=VENUE)
        if response.status != 200:
            raise refusal(response, f"{VENUE} {name}")
        try:
            return read(body)
        except (*UNREADABLE, ArithmeticError) as error:
            raise ProtocolError(f"unreadable answer to {name}: {error}, in {body[:120]!r}", where=VENUE) from error


def _markets(body: bytes) -> Listing:
    return Listing(instruments=instruments(body))


def _currencies(body: bytes) -> Listing:
    return Listing(currencies=tuple(map(_currency, msgspec.json.decode(body, type=list[_Currency]))))


def _currency(told: _Currency) -> Currency:
    """A currency that is closed as a whole is closed on each of its networks."""
    networks = tuple(
        Network(
            code=one.network,
            chain=chain_of(one.network, CODES.networks),
            deposits=_open(told.deposit, one.deposit),
            withdrawals=_open(told.withdrawal, one.withdrawal),
            min_withdrawal=amount_of(one.withdrawal_minimum_amount),
            precision=one.withdrawal_decimals,
        )
        for one in told.networks
    )
    return Currency(VENUE, told.currency, identified(VENUE, told.currency, networks, CODES.aliases), networks)


def _open(of_currency: str, of_network: str) -> bool | None:
    """None where the network's own state is not told, or not in a word that is known."""
    return False if of_currency == "Disabled" else _STATES.get(of_network)


def _fees(body: bytes) -> Listing:
    """The dearest of all markets, in percent: a schedule is one venue's. The answer has no date of its own."""
    rates = [one.fees for one in msgspec.json.decode(body, type=list[_Fee])]
    if not rates:
        raise ValueError("no market")
    maker, taker = max(one.maker for one in rates) / 100, max(one.taker for one in rates) / 100
    return Listing(fees=FeeSchedule(maker, taker, "the account's own fees/trading, its dearest market", "as answered"))


_ANSWERS: Mapping[str, Callable[[bytes], Listing]] = {
    "markets": _markets,
    "trading-pairs-info": _markets,
    "currencies": _currencies,
    "fees/trading": _fees,
}
