"""The venue's words for what its private side refuses.

Enters: a desk's refusal. Leaves: the texts of the `error` list. Never: a status other than 200: the venue tells errors
in the body alone (guides/rest/introduction).

Documented: docs.kraken.com/api/docs/guides/spot-errors (in a copy of 2026-05-27) and api-reference/funding/withdraw-
funds ("Invalid withdrawal address", "EFunding:Max fee exceeded"). Measured live by others and kept in public
repositories: "EOrder:Invalid price:ETH/GBP price can only be specified up to 2 decimals." (2026-08-23), "EGeneral:
Invalid arguments:volume minimum not met" (2026, where the page has "EOrder:Order minimum not met"), "EGeneral:Invalid
arguments:cl_ord_id not unique" (2026-09-10), "EOrder:Invalid order" for an id that was never made and "EOrder:Unknown
order" for an order that has ended (2026-09-12), "EOrder:Post only order" (2026). Nobody quotes a text for what is
marked as ours below.
"""

from cryptopipe.api import DeskRefusal, Refusal

UNAVAILABLE = "EService:Unavailable"
DENIED = "EGeneral:Permission denied"
UNKNOWN_METHOD = "EGeneral:Unknown method"
UNKNOWN_PAIR = "EQuery:Unknown asset pair"
UNKNOWN_ORDER = "EOrder:Unknown order"
INVALID_ORDER = "EOrder:Invalid order"
NO_MARGIN = "EOrder:Cannot open position"
UNKNOWN_KEY = "EFunding:Unknown withdraw key"
OTHER_ADDRESS = "EFunding:Invalid withdrawal address"
DEADLINE = "EService:Deadline elapsed"

_TEXTS = {
    Refusal.HALTED: UNAVAILABLE,
    Refusal.POST_ONLY_NOW: "EService:Market in post_only mode",
    Refusal.CANCEL_ONLY_NOW: "EService:Market in cancel_only mode",
    Refusal.PRICE_GRID: "EOrder:Tick size check failed",
    Refusal.SIZE_GRID: "EGeneral:Invalid arguments:volume",
    Refusal.SIZE_TOO_SMALL: "EGeneral:Invalid arguments:volume minimum not met",
    Refusal.SIZE_TOO_LARGE: "EGeneral:Invalid arguments:volume",
    Refusal.NOTIONAL_TOO_SMALL: "EOrder:Cost minimum not met",
    Refusal.PRICE_BAND: "EOrder:Invalid price",
    Refusal.INSUFFICIENT_FUNDS: "EOrder:Insufficient funds",
    Refusal.WOULD_TAKE: "EOrder:Post only order",
    Refusal.WOULD_NOT_FILL: INVALID_ORDER,  # ours: the page of AddOrder knows no fill-or-kill
    Refusal.NO_LIQUIDITY: INVALID_ORDER,  # ours
    Refusal.SELF_TRADE: INVALID_ORDER,  # ours
    Refusal.DUPLICATE_CLIENT_ID: "EGeneral:Invalid arguments:cl_ord_id not unique",
    Refusal.UNKNOWN_ORDER: UNKNOWN_ORDER,
    Refusal.ORDER_ENDED: UNKNOWN_ORDER,
    Refusal.TOO_MANY_ORDERS: "EOrder:Orders limit exceeded",
    Refusal.REDUCE_ONLY: "EOrder:Reduce only:No position exists",
    Refusal.LEVERAGE: NO_MARGIN,
    Refusal.BORROWING: NO_MARGIN,
    Refusal.BUSY: "EService:Busy",
    Refusal.UNKNOWN_ASSET: "EFunding:Unknown asset",
    Refusal.UNKNOWN_NETWORK: "EFunding:No funding method",
    Refusal.WALLET_SUSPENDED: "EFunding:No funding method",  # ours: what a suspended wallet says is not documented
    Refusal.BELOW_MINIMUM: "EFunding:Too small",
    Refusal.ABOVE_MAXIMUM: "EFunding:Limit exceeded",
    Refusal.AMOUNT_GRID: "EFunding:Invalid amount",
    Refusal.BAD_ADDRESS: OTHER_ADDRESS,
    Refusal.MEMO_MISSING: OTHER_ADDRESS,  # ours
    Refusal.ADDRESS_NOT_LISTED: UNKNOWN_KEY,
    Refusal.TRAVEL_RULE: "EFunding:Travel rule information required",  # ours
    Refusal.DUPLICATE_TRANSFER_ID: "EGeneral:Invalid arguments",  # a withdrawal has no id of the client here
    Refusal.WRONG_WALLET: "EGeneral:Invalid arguments",  # the same wallet pays for everything
}


class Refused(Exception):
    """What stands in the `error` list."""


def invalid(argument: str = "") -> Refused:
    """`EGeneral:Invalid arguments:volume`."""
    return Refused(f"EGeneral:Invalid arguments{':' + argument if argument else ''}")


def words(refusal: DeskRefusal, funding: bool = False) -> Refused:
    """Of an order, or where it is about a transfer."""
    if funding and refusal.why is Refusal.INSUFFICIENT_FUNDS:
        return Refused("EFunding:Insufficient funds")
    return Refused(_TEXTS[refusal.why])
