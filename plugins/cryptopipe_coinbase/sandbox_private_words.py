"""What the simulated Coinbase Exchange says where it refuses a signed request: statuses and texts.

Enters: a `DeskRefusal`, or what is wrong with a request. Leaves: the venue's status and `message`. Never: a text that
names a secret, or a refusal without a text.

docs.cdp.coinbase.com/exchange/rest-api/requests (read 2026-11-21 in a stored copy): 4xx with a `message`; 401 "Invalid
API Key", 403 "You do not have access", 404 "Not Found", 500 "Internal Server Error". The pages list no texts. Those
below are what clients and reports quote: ccxt 4.5.90 coinbaseexchange (Insufficient funds, NotFound, order not found,
Order already done, Invalid order id, Product not found, Cancel only mode, under maintenance); github.com/askmike/gekko
issue 2849 and dougdellolio/coinbasepro-csharp issue 208 (400 "Post only mode"); github.com/c9s/bbgo of 2025 and others
("price is too accurate. Smallest unit is 0.01", "size is too small. Minimum size is …", "funds is too small. Minimum
size is 10.00000000"); a validator of a public project ("Invalid BTC address: 999999999", "amount is below the minimum
(0.00100000 ETH) required to send on-blockchain."). Texts marked `ours` were found nowhere.
"""

from collections.abc import Callable
from decimal import Decimal

import msgspec

from cryptopipe.api import DeskRefusal, HttpResponse, Refusal

JSON = {"content-type": "application/json; charset=utf-8"}


class Refused(Exception):
    """An answer other than 200: its status and its `message`."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


class Rejected(Exception):
    """An order that the venue took in and did not let into the book; `reason` is its `reject_reason`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def answered(told: object, headers: dict[str, str] | None = None, status: int = 200) -> HttpResponse:
    """JSON, with a list's cursors as headers."""
    return HttpResponse(status, msgspec.json.encode(told), headers=JSON | (headers or {}))


def refused(status: int, message: str) -> HttpResponse:
    """The venue's errors are `{"message": …}`."""
    return answered({"message": message}, status=status)


MAINTENANCE = (503, "Coinbase Exchange is currently under maintenance")  # the words that ccxt looks for; the rest ours
TOO_OFTEN = (429, "Private rate limit exceeded")
FORBIDDEN = (403, "Forbidden")
NOT_FOUND = (404, "NotFound")
ORDER_NOT_FOUND = (404, "order not found")

_Facts = dict[str, object]
_TEXTS: dict[Refusal, tuple[int, str | Callable[[_Facts], str]]] = {
    Refusal.HALTED: (400, "Trading pair not available"),
    Refusal.POST_ONLY_NOW: (400, "Post only mode"),
    Refusal.CANCEL_ONLY_NOW: (400, "Cancel only mode"),
    Refusal.PRICE_GRID: (400, lambda f: f"price is too accurate. Smallest unit is {_eight(f, 'tick')}"),
    Refusal.SIZE_GRID: (400, lambda f: f"size is too accurate. Smallest unit is {_eight(f, 'step')}"),
    Refusal.SIZE_TOO_SMALL: (400, lambda f: f"size is too small. Minimum size is {_eight(f, 'least')}"),
    Refusal.SIZE_TOO_LARGE: (400, lambda f: f"size is too large. Maximum size is {_eight(f, 'most')}"),
    Refusal.NOTIONAL_TOO_SMALL: (400, lambda f: f"funds is too small. Minimum size is {_eight(f, 'least')}"),
    Refusal.PRICE_BAND: (400, "price is too far from the market"),  # ours
    Refusal.INSUFFICIENT_FUNDS: (400, "Insufficient funds"),
    Refusal.NO_LIQUIDITY: (400, "Insufficient liquidity"),  # ours, after cancel_reason "106:Insufficient Liquidity"
    Refusal.SELF_TRADE: (400, "Self trade prevention"),  # ours, after cancel_reason "102:Self Trade Prevention"
    Refusal.DUPLICATE_CLIENT_ID: (400, "client_oid already exists"),  # ours
    Refusal.UNKNOWN_ORDER: ORDER_NOT_FOUND,
    Refusal.ORDER_ENDED: (400, "Order already done"),
    Refusal.TOO_MANY_ORDERS: (400, "Maximum number of open orders reached: 500"),  # ours
    Refusal.REDUCE_ONLY: (400, "Invalid order"),  # ours: nothing of the kind exists here
    Refusal.LEVERAGE: (400, "Invalid order"),  # ours
    Refusal.BORROWING: (400, "Margin is not enabled"),  # ours
    Refusal.BUSY: (503, "Service Unavailable"),
    Refusal.UNKNOWN_ASSET: (400, "Invalid currency"),  # ours
    Refusal.UNKNOWN_NETWORK: (400, lambda f: f"network {f.get('network', '')} is not supported"),  # ours
    Refusal.WALLET_SUSPENDED: (400, "Transfers of this currency are currently disabled"),  # ours
    Refusal.BELOW_MINIMUM: (
        400,
        lambda f: (
            f"amount is below the minimum ({_eight(f, 'minimum')} {f.get('code', '')}) required to send on-blockchain."
        ),
    ),
    Refusal.ABOVE_MAXIMUM: (400, "amount exceeds your withdrawal limit"),  # ours
    Refusal.AMOUNT_GRID: (400, "amount is too accurate"),  # ours, after that of prices
    Refusal.BAD_ADDRESS: (400, lambda f: f"Invalid {f.get('code', 'crypto')} address: {f.get('address', '')}"),
    Refusal.MEMO_MISSING: (400, "withdrawal currency requires tag name"),
    Refusal.ADDRESS_NOT_LISTED: (403, "crypto_address is not on the allowlist"),  # ours
    Refusal.TRAVEL_RULE: (400, "travel rule information is required"),  # ours
    Refusal.DUPLICATE_TRANSFER_ID: (400, "nonce was already used"),  # ours
    Refusal.WRONG_WALLET: (400, "Insufficient funds"),
}
_REASONS = {Refusal.WOULD_TAKE: "post only", Refusal.WOULD_NOT_FILL: "fill or kill"}
"""github.com/coinbase/coinbase-pro-trading-toolkit issue 149: 200 with status `rejected` and `reject_reason` "post
only"; that of an order to be filled or killed ("rejected if the entire size cannot be matched", page
create-a-new-order) is written after it."""


def told(refusal: DeskRefusal, code: str = "") -> Refused | Rejected:
    """The venue's refusal for the desk's; `code` is the currency of a transfer."""
    if refusal.why in _REASONS:
        return Rejected(_REASONS[refusal.why])
    status, text = _TEXTS[refusal.why]
    return Refused(status, text if isinstance(text, str) else text({**refusal.facts, "code": code}))


def _eight(facts: _Facts, name: str) -> str:
    """With eight places, as the venue writes least sizes."""
    value = facts.get(name)
    return f"{value:.8f}" if isinstance(value, Decimal) else "0.00000000"
