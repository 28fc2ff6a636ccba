"""What OKX says of its instruments, currencies and fees, in its REST answers.

Enters: answers to `public/instruments`, and to the signed `asset/currencies` and `account/trade-fee`. Leaves: a
`Listing`. Never: a network that is open because nobody said that it is closed.

`{"code":"0","msg":"","data":[{"ccy":"BTC","chain":"BTC-Bitcoin","canDep":true,"canWd":true,"fee":"0.00005",…}]}`

www.okx.com/docs-v5/en/, sections public-data-rest-api-get-instruments, funding-account-rest-api-get-currencies and
trading-account-rest-api-get-fee-rates, copies of 2026-07-03, 2026-05-27 and 2026-07-09 (read 2026-11-21).
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import urlsplit

import msgspec

from cryptopipe.api import (
    Currency,
    FeeSchedule,
    HttpRequest,
    HttpResponse,
    Instrument,
    Listing,
    Nanos,
    Network,
    ProtocolError,
    chain_of,
    identified,
)
from cryptopipe_okx.market import REST, UNREADABLE, VENUE
from cryptopipe_okx.metadata import CODES, Listed, instant, instrument
from cryptopipe_okx.servertime import data_of

_HOUR: Nanos = 3_600_000_000_000
_SECOND = 1_000_000_000
_PATH = "/api/v5/public/instruments"
_CUT = 6
"""Characters of an address that is told in part: "Last 6 digits of contract address" (deposit-address, same docs)."""


class _Chain(msgspec.Struct, rename="camel"):
    ccy: str
    chain: str
    can_dep: bool
    can_wd: bool
    main_net: bool = False
    need_tag: bool | None = None
    ct_addr: str = ""
    fee: str = ""
    min_fee: str = ""
    burning_fee_rate: str = ""
    min_wd: str = ""
    max_wd: str = ""
    min_dep: str = ""
    wd_tick_sz: str = ""
    min_dep_arrival_confirm: str = ""


class _Group(msgspec.Struct):
    maker: Decimal
    taker: Decimal


class _Rates(msgspec.Struct, rename="camel"):
    inst_type: str
    level: str
    ts: str
    maker: str = ""
    taker: str = ""
    fee_group: list[_Group] = []


class OkxListing:
    """The venue's metadata. The instruments need no key and are asked for; `read` knows the signed answers too."""

    refresh: Nanos = _HOUR

    def requests(self) -> Sequence[HttpRequest]:
        """All of a kind in one answer; "20 requests per 2 seconds" of each kind."""
        return tuple(HttpRequest("GET", f"{REST}{_PATH}?instType={kind}") for kind in ("SPOT", "SWAP"))

    def read(self, response: HttpResponse) -> Listing:
        """By the path of the URL. Raises `ProtocolError` or the `VenueError` of a refusal."""
        path = urlsplit(response.url).path
        data = data_of(response, f"{VENUE} {path}")
        try:
            if path == _PATH:
                return Listing(instruments=_instruments(data, _answered_at(response)))
            if path == "/api/v5/asset/currencies":
                return Listing(currencies=_currencies(msgspec.json.decode(data, type=list[_Chain])))
            if path == "/api/v5/account/trade-fee":
                return Listing(fees=_fees(msgspec.json.decode(data, type=list[_Rates])))
        except (*UNREADABLE, ArithmeticError) as error:
            part = bytes(data)[:120]
            raise ProtocolError(f"unreadable answer to {path}: {error}, in {part!r}", where=VENUE) from error
        raise ProtocolError(f"no answer that is known: {response.url}", where=VENUE)


def _answered_at(response: HttpResponse) -> Nanos:
    """By the answer's `Date`, 0 without one."""
    told = next((text for name, text in response.headers.items() if name.lower() == "date"), "")
    if not told:
        return 0
    return int(datetime.strptime(told, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC).timestamp()) * _SECOND


def _instruments(data: msgspec.Raw, now: Nanos) -> tuple[Instrument, ...]:
    rows = msgspec.json.decode(data, type=list[Listed])
    return tuple(found for row in rows if (found := instrument(row, now)) is not None)


def _currencies(rows: Sequence[_Chain]) -> tuple[Currency, ...]:
    """One row a chain, gathered by currency."""
    networks: dict[str, list[Network]] = {}
    for row in rows:
        networks.setdefault(row.ccy, []).append(_network(row))
    return tuple(
        Currency(VENUE, code, identified(VENUE, code, found, CODES.aliases), tuple(found))
        for code, found in networks.items()
    )


def _network(row: _Chain) -> Network:
    """`USDT-Arbitrum One` is the chain `Arbitrum One`. On its main net a coin without a contract is the chain's own."""
    code = row.chain.removeprefix(f"{row.ccy}-")
    address = row.ct_addr if len(row.ct_addr) > _CUT else ""
    return Network(
        code=row.chain,
        chain=chain_of(code, CODES.networks),
        contract=address or ("" if row.main_net and not row.ct_addr else None),
        deposits=row.can_dep,
        withdrawals=row.can_wd,
        withdrawal_fee=_amount(row.fee or row.min_fee),
        withdrawal_fee_rate=_amount(row.burning_fee_rate),
        min_withdrawal=_amount(row.min_wd),
        max_withdrawal=_amount(row.max_wd),
        min_deposit=_amount(row.min_dep),
        precision=int(row.wd_tick_sz) if row.wd_tick_sz else None,
        confirmations=int(row.min_dep_arrival_confirm) if row.min_dep_arrival_confirm else None,
        memo=row.need_tag,
    )


def _amount(text: str) -> Decimal | None:
    if not text:
        return None
    number = Decimal(text)
    if not number.is_finite() or number < 0:
        raise ValueError(f"an amount is at or above zero: {text!r}")
    return number


def _fees(rows: Sequence[_Rates]) -> FeeSchedule:
    """The dearest of all groups: a schedule is one venue's. "Positive number, which means the rate of rebate; negative
    number, which means the rate of commission": the other way round than ours."""
    maker = [-group.maker for row in rows for group in row.fee_group]
    taker = [-group.taker for row in rows for group in row.fee_group]
    maker += [-Decimal(row.maker) for row in rows if row.maker]
    taker += [-Decimal(row.taker) for row in rows if row.taker]
    if not maker or not taker:
        raise ValueError("no rate")
    at = datetime.fromtimestamp(instant(rows[0].ts) // _SECOND, UTC)
    levels = ", ".join(sorted({f"{row.inst_type} {row.level}" for row in rows}))
    source = f"the account's own account/trade-fee, its dearest group: {levels}"
    return FeeSchedule(max(maker), max(taker), source, f"{at:%Y-%m-%d}", "received")
