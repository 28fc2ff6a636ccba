"""What simulated Binance says when it refuses a signed request, and how its amounts are written.

Enters: a desk's refusals, texts of a request. Leaves: the venue's codes and words, amounts with eight places. Never: a
code that no page and no client quotes.

github.com/binance/binance-spot-api-docs errors.md, filters.md (2026-07-21). Codes of the wallet (-4xxx): error page of
developers.binance.com "Wallet", as quoted by ccxt 4.5.90; which of them an address without a listed network gets is
github.com/JKorf/Binance.Net/issues/303 (2020). Not confirmed: the words for a repeated `withdrawOrderId`, for a missing
Travel-Rule answer and for a wallet that does not pay withdrawals.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import NoReturn

from cryptopipe.api import DeskRefusal, Refusal, exact
from cryptopipe_binance.sandbox_rest import Query, Wrong, mandatory

UNITS = Decimal("0.00000001")
"""Every amount of spot has eight places."""
_MARKET_CLOSED = (-1013, "Market is closed.")
_UNKNOWN_ORDER = (-2011, "Unknown order sent.")
_LOT = (-1013, "Filter failure: LOT_SIZE")
_INSUFFICIENT = "Account has insufficient balance for requested action."

REFUSALS: Mapping[Refusal, tuple[int, str]] = {
    Refusal.HALTED: _MARKET_CLOSED,
    Refusal.POST_ONLY_NOW: _MARKET_CLOSED,
    Refusal.CANCEL_ONLY_NOW: _MARKET_CLOSED,
    Refusal.PRICE_GRID: (-1013, "Filter failure: PRICE_FILTER"),
    Refusal.SIZE_GRID: _LOT,
    Refusal.SIZE_TOO_SMALL: _LOT,
    Refusal.SIZE_TOO_LARGE: _LOT,
    Refusal.NOTIONAL_TOO_SMALL: (-1013, "Filter failure: NOTIONAL"),
    Refusal.PRICE_BAND: (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
    Refusal.INSUFFICIENT_FUNDS: (-2010, _INSUFFICIENT),
    Refusal.WOULD_TAKE: (-2010, "Order would immediately match and take."),
    Refusal.NO_LIQUIDITY: (-2010, "Order book liquidity is less than symbol minimum quantity."),
    Refusal.DUPLICATE_CLIENT_ID: (-2010, "Duplicate order sent."),
    Refusal.UNKNOWN_ORDER: _UNKNOWN_ORDER,
    Refusal.ORDER_ENDED: _UNKNOWN_ORDER,
    Refusal.TOO_MANY_ORDERS: (-1013, "Filter failure: MAX_NUM_ORDERS"),
    Refusal.BUSY: (-1008, "Server is currently overloaded with other requests. Please try again in a few minutes."),
    Refusal.UNKNOWN_ASSET: (-4018, "We don't have this asset."),
    Refusal.UNKNOWN_NETWORK: (-4001, "Invalid operation."),
    Refusal.WALLET_SUSPENDED: (-4019, "Current asset is not open for withdrawal."),
    Refusal.BELOW_MINIMUM: (-4022, "Not less than the minimum pick-up quantity {minimum}."),
    Refusal.ABOVE_MAXIMUM: (-4023, "Within 24 hours, the withdrawal exceeds the maximum amount."),
    Refusal.AMOUNT_GRID: (-4021, "Asset withdrawal must be an integral multiple of {step}."),
    Refusal.BAD_ADDRESS: (-4007, "Address validation is not passed."),
    Refusal.MEMO_MISSING: (-4008, "Address tag validation is not passed."),
    Refusal.ADDRESS_NOT_LISTED: (-4035, "This address is not on the whitelist. Please join and try again."),
    Refusal.TRAVEL_RULE: (-4015, "Withdraw is limited."),
    Refusal.DUPLICATE_TRANSFER_ID: (-4001, "Invalid operation."),
    Refusal.WRONG_WALLET: (-4026, "You have insufficient balance."),
}
IN_THE_WALLET: Mapping[Refusal, tuple[int, str]] = {
    Refusal.INSUFFICIENT_FUNDS: (-4026, "You have insufficient balance."),
}
IN_A_MOVE: Mapping[Refusal, tuple[int, str]] = {
    Refusal.INSUFFICIENT_FUNDS: (-5013, "Asset transfer failed: insufficient balance"),
}
"""As quoted by ccxt 4.5.90, undocumented."""
NO_SUCH_ORDER: Mapping[Refusal, tuple[int, str]] = {Refusal.UNKNOWN_ORDER: (-2013, "Order does not exist.")}


def refuse(refusal: DeskRefusal, here: Mapping[Refusal, tuple[int, str]] | None = None) -> NoReturn:
    """Raises the venue's `Wrong` for a desk's refusal; `here` is what is said otherwise in this place."""
    code, text = (here or {}).get(refusal.why) or REFUSALS.get(refusal.why, (-1020, "This operation is not supported."))
    facts = dict(refusal.facts)
    if "places" in facts:
        facts["step"] = Decimal(1).scaleb(-int(str(facts["places"])))
    told = {name: f"{value:f}" if isinstance(value, Decimal) else str(value) for name, value in facts.items()}
    for name in re.findall(r"{(\w+)}", text):
        text = text.replace(f"{{{name}}}", told.get(name, ""))
    raise Wrong(code, text.replace(" .", "."), 503 if refusal.why is Refusal.BUSY else 400) from refusal


def written(amount: Decimal) -> str:
    """With eight places, `0.00847000`; what is finer is cut."""
    with exact():
        cut = amount - amount % UNITS if amount >= 0 else amount + -amount % UNITS
    return f"{cut:.8f}"


_NUMBER = re.compile(r"[0-9]{1,20}(\.[0-9]{0,20})?")
_LEGAL_NUMBER = "^([0-9]{1,20})(\\.[0-9]{1,20})?$"
_LONG = re.compile(r"[0-9]{1,20}")


def illegal(name: str, legal: str) -> Wrong:
    """-1100 for a parameter."""
    return Wrong(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")


def decimal(query: Query, name: str) -> Decimal | None:
    """A decimal parameter, at or above zero; None where it was not sent. An exponent is an illegal character."""
    if name not in query:
        return None
    text = mandatory(query, name)
    if _NUMBER.fullmatch(text) is None:
        raise illegal(name, _LEGAL_NUMBER)
    value = Decimal(text)
    if len(text.partition(".")[2].rstrip("0")) > 8:
        raise Wrong(-1111, f"Parameter '{name}' has too much precision.")
    return value


def whole(query: Query, name: str) -> int | None:
    """A whole number; None where it was not sent."""
    if name not in query:
        return None
    text = mandatory(query, name)
    if _LONG.fullmatch(text) is None:
        raise illegal(name, "^[0-9]{1,20}$")
    return int(text)


def count(query: Query, default: int, most: int) -> int:
    """`limit`, at most `most`."""
    value = whole(query, "limit")
    if value is None:
        return default
    if not 0 < value <= most:
        raise Wrong(-1130, "Data sent for parameter 'limit' is not valid.")
    return value
