"""What the simulated venue's private side refuses with: one table from the desk's reasons to Bybit's codes and texts.

Enters: why a desk did nothing, and for which market. Leaves: `Refused` with the venue's own code. Never: a code that
the page of error codes does not have, or has struck out.

bybit-exchange.github.io/docs/v5/error (state of 2026-07-24, read 2026-11-21). Where an answer that somebody recorded
words a code otherwise than the page, the recorded words stand: ccxt's bybit.py (4.5.90), its issues 21427 and
15967 (an address that is not listed), pybit issues, all read 2026-11-21. Not confirmed: which code an order gets whose
price is no multiple of the tick on a contract; the one of other wrong parameters stands.
"""

from collections.abc import Mapping

from cryptopipe.api import DeskRefusal, Refusal, Side

Code = tuple[int, str]


class Refused(Exception):
    """An answer of the venue, and no error of ours."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


PARAMETER: Code = (131002, "Parameter error")
ADDRESS: Code = (131002, "Withdraw address chain or destination tag are not equal")

_SPOT: Mapping[Refusal, Code] = {
    Refusal.HALTED: (170151, "The trading pair is not open yet"),
    Refusal.POST_ONLY_NOW: (170217, "Only LIMIT-MAKER order is supported for the current pair."),
    Refusal.CANCEL_ONLY_NOW: (170157, "The trading pair is not available for api trading"),
    Refusal.PRICE_GRID: (170134, "Order price decimal too long."),
    Refusal.SIZE_GRID: (170137, "Order volume decimal too long"),
    Refusal.SIZE_TOO_SMALL: (170136, "Order quantity lower than the minimum."),
    Refusal.SIZE_TOO_LARGE: (170381, "Order quantity too large."),
    Refusal.NOTIONAL_TOO_SMALL: (170140, "Order value exceeded lower limit."),
    Refusal.INSUFFICIENT_FUNDS: (170131, "Insufficient balance."),
    Refusal.DUPLICATE_CLIENT_ID: (170141, "Duplicate clientOrderId"),
    Refusal.UNKNOWN_ORDER: (170213, "Order does not exist."),
    Refusal.ORDER_ENDED: (170213, "Order does not exist."),
    Refusal.TOO_MANY_ORDERS: (170810, "Cannot exceed maximum of 500 conditional, TP/SL and active orders."),
    Refusal.BORROWING: (170037, "Cross Margin Trading not yet supported by the selected coin"),
    Refusal.BUSY: (
        429,
        "The trading service is experiencing a high server load. Please retry if you encounter this issue.",
    ),
}

_LINEAR: Mapping[Refusal, Code] = {
    Refusal.HALTED: (110074, "This contract is not live"),
    Refusal.POST_ONLY_NOW: (110103, "Only Post-Only orders are available at this stage"),
    Refusal.CANCEL_ONLY_NOW: (110066, "Trading is currently not allowed."),
    Refusal.PRICE_GRID: (10001, "params error: price invalid"),
    Refusal.SIZE_GRID: (10001, "Qty invalid"),
    Refusal.SIZE_TOO_SMALL: (10001, "The number of contracts exceeds minimum limit allowed"),
    Refusal.SIZE_TOO_LARGE: (10001, "The number of contracts exceeds maximum limit allowed"),
    Refusal.NOTIONAL_TOO_SMALL: (110094, "Order notional value below the lower limit"),
    Refusal.PRICE_BAND: (110003, "Order price exceeds the allowable range."),
    Refusal.INSUFFICIENT_FUNDS: (110007, "ab not enough for new order"),
    Refusal.DUPLICATE_CLIENT_ID: (110072, "OrderLinkedID is duplicate"),
    Refusal.UNKNOWN_ORDER: (110001, "order not exists or too late to cancel"),
    Refusal.ORDER_ENDED: (110001, "order not exists or too late to cancel"),
    Refusal.TOO_MANY_ORDERS: (110020, "Not allowed to have more than 500 active orders."),
    Refusal.REDUCE_ONLY: (110017, "current position is zero, cannot fix reduce-only order qty"),
    Refusal.LEVERAGE: (110013, "Cannot set leverage due to risk limit level."),
    Refusal.BUSY: _SPOT[Refusal.BUSY],
}

_ASSET: Mapping[Refusal, Code] = {
    Refusal.UNKNOWN_ASSET: PARAMETER,
    Refusal.UNKNOWN_NETWORK: ADDRESS,
    Refusal.BAD_ADDRESS: ADDRESS,
    Refusal.MEMO_MISSING: ADDRESS,
    Refusal.ADDRESS_NOT_LISTED: ADDRESS,
    Refusal.WALLET_SUSPENDED: (131097, "Withdrawal of this currency has been closed"),
    Refusal.BELOW_MINIMUM: (131096, "Withdraw amount does not satify the lower limit or upper limit"),
    Refusal.ABOVE_MAXIMUM: (131096, "Withdraw amount does not satify the lower limit or upper limit"),
    Refusal.AMOUNT_GRID: PARAMETER,
    Refusal.TRAVEL_RULE: (131074, "Beneficiary info is required, please refer to the latest api document."),
    Refusal.DUPLICATE_TRANSFER_ID: (131082, "Do not repeat the request"),
    Refusal.INSUFFICIENT_FUNDS: (
        131085,
        "Withdrawal amount is greater than your availale balance (the deplayed withdrawal is triggered)",
    ),
    Refusal.WRONG_WALLET: PARAMETER,
    Refusal.UNKNOWN_ORDER: PARAMETER,
    Refusal.BUSY: (131200, "Service error"),
}

_MOVE: Mapping[Refusal, Code] = {
    Refusal.UNKNOWN_ASSET: (131203, "Request parameter error"),
    Refusal.AMOUNT_GRID: (131210, "Amount accuracy error"),
    Refusal.BELOW_MINIMUM: (131215, "Amount error"),
    Refusal.ABOVE_MAXIMUM: (131215, "Amount error"),
    Refusal.INSUFFICIENT_FUNDS: (131212, "Insufficient balance"),
    Refusal.DUPLICATE_TRANSFER_ID: (131214, "TransferId exist"),
    Refusal.WRONG_WALLET: (131232, "Transfers out this account are not supported"),
    Refusal.BUSY: (131230, "The system is busy, please try again later"),
}


def of_order(refusal: DeskRefusal, is_spot: bool, side: Side | None = None) -> Refused:
    """Why an order was not taken in, or not taken out."""
    if is_spot and refusal.why is Refusal.PRICE_BAND:
        least, most = refusal.facts.get("least", ""), refusal.facts.get("most", "")
        if side is Side.BUY:
            return Refused(170193, f"Buy order price cannot be higher than {most}.")
        return Refused(170194, f"Sell order price cannot be lower than {least}.")
    found = (_SPOT if is_spot else _LINEAR).get(refusal.why)
    return Refused(*(found or ((170210, "New order rejected.") if is_spot else (110032, "Order is illegal"))))


def of_withdrawal(refusal: DeskRefusal) -> Refused:
    """Why coins were not sent."""
    return Refused(*_ASSET.get(refusal.why, (131003, "Internal error")))


def of_move(refusal: DeskRefusal) -> Refused:
    """Why nothing went from one wallet to another."""
    return Refused(*_MOVE.get(refusal.why, (131206, "cannot be transfer")))
