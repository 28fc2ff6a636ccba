"""Coinbase's two venues, simulated over the engine's books: what they answer, and who may connect.

Enters: books by symbol. Leaves: a `SandboxVenue` each. Never: more connections or requests than the venue allows one
address (all clients of a sandbox share one).

The limits, read on 2026-11-21: docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-rate-limits
(8 connections a second) and, as others quote it, its rest-api/rate-limits (10 public requests a second);
docs.cdp.coinbase.com/exchange, pages rest-api/rate-limits (10 a second, up to 15 at once, a lazily filled bucket) and
websocket-feed/rate-limits (8 a second, up to 20 at once). No page promises a `Retry-After`. Messages of a client
are limited too, but no page says what becomes of those beyond: none is refused here.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from cryptopipe.api import (
    Currency,
    HttpRequest,
    HttpResponse,
    Nanos,
    SandboxSession,
    SandboxVenue,
    SimulatedBook,
    SimulatedDesk,
)
from cryptopipe_coinbase.metadata import ADVANCED, CoinbaseInstruments, book_of
from cryptopipe_coinbase.sandbox_advanced import AdvancedSession
from cryptopipe_coinbase.sandbox_exchange import ExchangeSession
from cryptopipe_coinbase.sandbox_keys import Keys
from cryptopipe_coinbase.sandbox_orders import OrderMessages
from cryptopipe_coinbase.sandbox_private import ExchangePrivate
from cryptopipe_coinbase.sandbox_private_advanced import AdvancedPrivate
from cryptopipe_coinbase.sandbox_private_words import MAINTENANCE, refused
from cryptopipe_coinbase.sandbox_rest import AdvancedRest, answered
from cryptopipe_coinbase.sandbox_rest_exchange import ExchangeRest, status_frame
from cryptopipe_coinbase.sandbox_shown import SECOND, Shown, Tokens
from cryptopipe_coinbase.sandbox_user import AccountMessages, UserChannels
from cryptopipe_coinbase.sandbox_user_advanced import AdvancedUser

_NOWHERE = HttpResponse(404, b"404 page not found\n", headers={"content-type": "text/plain; charset=utf-8"})
_TOO_OFTEN = HttpResponse(429, b"Too Many Requests\n", headers={"content-type": "text/plain; charset=utf-8"})


def advanced(books: Mapping[str, SimulatedBook]) -> SandboxVenue:
    """Advanced Trade. A `-USDC` product shows the `-USD` book."""
    return _Advanced(books)


def trading_advanced(books: Mapping[str, SimulatedBook], desk: SimulatedDesk) -> SandboxVenue:
    """Advanced Trade with the accounts of a desk."""
    return _Advanced(books, desk)


def exchange(books: Mapping[str, SimulatedBook]) -> SandboxVenue:
    """Coinbase Exchange."""
    return _Exchange(books)


def trading_exchange(books: Mapping[str, SimulatedBook], desk: SimulatedDesk) -> SandboxVenue:
    """Coinbase Exchange with the accounts of a desk."""
    return _Exchange(books, desk)


def _nowhere(path: str) -> bool:
    return urlsplit(path).path not in ("", "/")


class _Advanced:
    endpoints: Mapping[str, str] = {"spot": "/"}

    def __init__(self, books: Mapping[str, SimulatedBook], desk: SimulatedDesk | None = None) -> None:
        shown = {symbol: Shown(book) for symbol, book in books.items()}
        shared = {f"{symbol}C": symbol for symbol in shown if symbol.endswith("-USD")}
        aliases = {alias: shown[own] for alias, own in shared.items() if book_of(ADVANCED, alias) == own}
        self._products = aliases | {
            symbol: aliases.get(symbol, one) if book_of(ADVANCED, symbol) else one for symbol, one in shown.items()
        }
        listed = [one for one in CoinbaseInstruments(ADVANCED).listed() if one.symbol in self._products]
        unlisted = [one.instrument for one in shown.values() if one.symbol not in {each.symbol for each in listed}]
        self._rest = AdvancedRest(self._products, (*listed, *unlisted))
        self._private = None if desk is None else AdvancedPrivate(shown, desk)
        self._born: Nanos = 0
        self._dials, self._requests = Tokens(8, SECOND // 8), Tokens(10, SECOND // 10)

    def open(self, path: str, at: Nanos) -> SandboxSession | HttpResponse:
        """A connection."""
        self._born = self._born or at
        if _nowhere(path):
            return _NOWHERE
        if self._private is not None and self._private.closed is not None:
            return self._private.closed
        user = AdvancedUser(self._private.keys) if self._private else None
        return AdvancedSession(self._products, self._born, at, user) if self._dials.take(at) else _TOO_OFTEN

    def answer(self, request: HttpRequest, at: Nanos) -> HttpResponse:
        """The answer to one request."""
        if self._private is not None:
            answer = self._private.closed or self._private.answer(request, at)
            if answer is not None:
                return answer
        if not self._requests.take(at):
            return answered(429, {"errors": [{"id": "rate_limit_exceeded", "message": "Too many requests"}]})
        for shown in self._products.values():
            shown.collect()
        return self._rest.answer(request, at)


class _Exchange:
    endpoints: Mapping[str, str] = {"spot": "/"}

    def __init__(self, books: Mapping[str, SimulatedBook], desk: SimulatedDesk | None = None) -> None:
        self._products = {symbol: Shown(book) for symbol, book in books.items()}
        self._orders = {symbol: OrderMessages(shown) for symbol, shown in self._products.items()}
        self._desk = desk
        self._keys, self._private = Keys(desk), None if desk is None else ExchangePrivate(self._products, desk)
        self._messages: dict[int, AccountMessages] = {}

        def wallets() -> Sequence[Currency]:
            return () if desk is None else desk.currencies

        self._status = status_frame([shown.instrument for shown in self._products.values()], wallets())
        self._rest = ExchangeRest(self._products, self._orders, wallets)
        self._dials, self._requests = Tokens(20, SECOND // 8), Tokens(15, SECOND // 10)

    def open(self, path: str, at: Nanos) -> SandboxSession | HttpResponse:
        """A connection."""
        if _nowhere(path):
            return _NOWHERE
        if self._desk is not None and self._desk.maintenance:
            return refused(*MAINTENANCE)
        if not self._dials.take(at):
            return _TOO_OFTEN
        private = UserChannels(self._private.accounts, self._messages) if self._private else None
        return ExchangeSession(self._products, self._orders, self._status, at, self._keys, private)

    def answer(self, request: HttpRequest, at: Nanos) -> HttpResponse:
        """The answer to one request."""
        answer = self._private.answer(request, at) if self._private else None
        if answer is not None:
            return answer
        if not self._requests.take(at):
            return answered(429, {"message": "Public rate limit exceeded"})
        for shown in self._products.values():
            shown.collect()
        return self._rest.answer(request, at)
