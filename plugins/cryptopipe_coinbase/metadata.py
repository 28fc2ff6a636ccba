"""What Coinbase trades: instruments from a products answer, from the dated table, or read off a product id.

Enters: the bytes of an answer, or an id such as `BTC-USD`. Leaves: `Instrument`s with the venue's grid, or with rules
None where nobody stated them. Never: a USDC product of Advanced Trade taken for a book of its own.

docs.cdp.coinbase.com, Advanced Trade "List public products" and Exchange "Get all known trading pairs" (2026-11-21).
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from importlib.resources import files

import msgspec

from cryptopipe.api import Codes, Instrument, ProtocolError, TradingRules, TradingState, VenueId, asset_of
from cryptopipe_coinbase.wire import UNREADABLE

ADVANCED = VenueId("coinbase")
EXCHANGE = VenueId("coinbase_exchange")

_ID = re.compile(r"([A-Z0-9]{1,20})-([A-Z0-9]{1,20})", re.ASCII)
_OWN_USDC_BOOKS = ("USDT-USDC", "EURC-USDC")
"""The only `-USDC` products whose channels do not return the `-USD` book (page websocket-channels, 2026-11-21)."""


CODES = Codes.read("cryptopipe_coinbase")


def book_of(venue: VenueId, product_id: str) -> str | None:
    """The product whose book this one shares: on Advanced Trade `BTC-USDC` shows that of `BTC-USD`."""
    if venue != ADVANCED or not product_id.endswith("-USDC") or product_id in _OWN_USDC_BOOKS:
        return None
    return product_id[:-1]


class _Product(msgspec.Struct):
    """A product of either answer. Exchange names it `id`, Advanced Trade `product_id`."""

    base_increment: str
    quote_increment: str
    id: str = ""
    product_id: str = ""
    product_type: str = "SPOT"
    price_increment: str = ""
    base_min_size: str = "0"
    min_market_funds: str = "0"
    quote_min_size: str = "0"
    status: str = "online"
    post_only: bool = False
    cancel_only: bool = False
    trading_disabled: bool = False
    auction_mode: bool = False
    is_disabled: bool = False
    view_only: bool = False


class _Products(msgspec.Struct):
    products: list[_Product]


def advanced_instruments(answer: bytes) -> tuple[Instrument, ...]:
    """The spot instruments of one `/api/v3/brokerage/market/products` answer. Raises `ProtocolError`."""
    try:
        found = msgspec.json.decode(answer, type=_Products).products
        spot = (p for p in found if p.product_type in ("SPOT", "UNKNOWN_PRODUCT_TYPE"))
        return tuple(_instrument(ADVANCED, p.product_id, p) for p in spot)
    except (*UNREADABLE, ArithmeticError) as error:
        raise ProtocolError(f"unreadable products: {error}, in {answer[:120]!r}", where=ADVANCED) from error


def exchange_instruments(answer: bytes) -> tuple[Instrument, ...]:
    """The instruments of one `/products` answer of Coinbase Exchange. Raises `ProtocolError`."""
    try:
        return tuple(_instrument(EXCHANGE, p.id, p) for p in msgspec.json.decode(answer, type=list[_Product]))
    except (*UNREADABLE, ArithmeticError) as error:
        raise ProtocolError(f"unreadable products: {error}, in {answer[:120]!r}", where=EXCHANGE) from error


def _instrument(venue: VenueId, symbol: str, p: _Product) -> Instrument:
    """Exchange has no least size since 2022 (then the step is it) and calls the least notional `min_market_funds`."""
    step = Decimal(p.base_increment)
    rules = TradingRules(
        tick=Decimal(p.price_increment or p.quote_increment),
        step=step,
        min_size=Decimal(p.base_min_size) or step,
        min_notional=max(Decimal(p.quote_min_size), Decimal(p.min_market_funds)),
    )
    return _of(venue, symbol, rules, _state(p))


def _state(p: _Product) -> TradingState:
    if p.status != "online" or p.trading_disabled or p.is_disabled or p.view_only:
        return TradingState.HALTED
    if p.auction_mode:
        return TradingState.AUCTION
    if p.cancel_only:
        return TradingState.CANCEL_ONLY
    return TradingState.POST_ONLY if p.post_only else TradingState.TRADING


def _of(
    venue: VenueId, symbol: str, rules: TradingRules | None, state: TradingState = TradingState.TRADING
) -> Instrument:
    match = _ID.fullmatch(symbol)
    if match is None:
        raise ProtocolError("not spelt as a product such as BTC-USD", where=f"{venue}:{symbol}")
    base, quote = (asset_of(venue, code, CODES.aliases) for code in match.groups())
    return Instrument(venue, symbol, base, quote, rules=rules, state=state, book_of=book_of(venue, symbol))


class _Row(msgspec.Struct, forbid_unknown_fields=True):
    symbol: str
    tick: Decimal
    step: Decimal
    min_size: Decimal
    min_notional: Decimal


class _Table(msgspec.Struct, forbid_unknown_fields=True):
    source: str
    venues: dict[str, list[_Row]]


class CoinbaseInstruments:
    """What is known of one venue without asking it: `instruments.json` beside this module, and spellings."""

    def __init__(self, venue: VenueId) -> None:
        self._venue = venue
        table = msgspec.json.decode(files("cryptopipe_coinbase").joinpath("instruments.json").read_bytes(), type=_Table)
        self._listed = {
            row.symbol: _of(venue, row.symbol, TradingRules(row.tick, row.step, row.min_size, row.min_notional))
            for row in table.venues[venue]
        }

    def listed(self) -> Sequence[Instrument]:
        """The rows of the table."""
        return tuple(self._listed.values())

    def find(self, symbol: str) -> Instrument:
        """Listed, or read off its spelling with rules unknown: `NMR-EUR` is NMR/EUR. Raises `ProtocolError`."""
        return self._listed.get(symbol) or _of(self._venue, symbol, None)
