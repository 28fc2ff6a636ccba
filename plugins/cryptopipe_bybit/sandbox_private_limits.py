"""How often an account may ask: the simulated venue counts by path and category, in a rolling second.

Enters: an account, a path, a time. Leaves: the three headers of every private answer. Never: two accounts' requests in
one count.

bybit-exchange.github.io/docs/v5/rate-limit (state of 2026-07-24, read 2026-11-21), for accounts without VIP level: "per
second per UID"; figures a minute count over a minute. The page's text of 10006 is "Too many visits!", recorded is "Too
many visits".
"""

from collections import deque
from collections.abc import Mapping

import msgspec

from cryptopipe.api import Nanos
from cryptopipe_bybit.market import MILLISECOND

SECOND: Nanos = 1000 * MILLISECOND
MINUTE: Nanos = 60 * SECOND

_ORDERS = {"spot": 20, "linear": 10}
_BY_CATEGORY: Mapping[str, Mapping[str, int]] = {
    "/v5/order/create": _ORDERS,
    "/v5/order/cancel": _ORDERS,
    "/v5/order/cancel-all": {"spot": 20, "linear": 1},
}
_BY_PATH: Mapping[str, tuple[int, Nanos]] = {
    "/v5/order/realtime": (50, SECOND),
    "/v5/order/history": (50, SECOND),
    "/v5/execution/list": (50, SECOND),
    "/v5/position/list": (50, SECOND),
    "/v5/account/wallet-balance": (50, SECOND),
    "/v5/account/transaction-log": (25, SECOND),
    "/v5/account/fee-rate": (5, SECOND),
    "/v5/account/info": (50, SECOND),
    "/v5/account/set-margin-mode": (5, SECOND),
    "/v5/user/query-api": (10, SECOND),
    "/v5/asset/coin/query-info": (5, SECOND),
    "/v5/asset/transfer/query-account-coins-balance": (5, SECOND),
    "/v5/asset/transfer/query-account-coin-balance": (450, SECOND),
    "/v5/asset/transfer/query-inter-transfer-list": (60, MINUTE),
    "/v5/asset/transfer/inter-transfer": (60, MINUTE),
    "/v5/asset/deposit/query-address": (300, MINUTE),
    "/v5/asset/deposit/query-record": (100, MINUTE),
    "/v5/asset/withdraw/query-record": (300, MINUTE),
    "/v5/asset/withdraw/query-address": (300, SECOND),
    "/v5/asset/withdraw/create": (5, SECOND),
    "/v5/asset/withdraw/cancel": (60, MINUTE),
}
_OTHER = (10, SECOND)


class Count(msgspec.Struct, frozen=True):
    """What is left after one request; `exceeded` if it was one too many."""

    limit: int
    left: int
    resets_at: Nanos
    exceeded: bool

    def headers(self) -> dict[str, str]:
        """`X-Bapi-Limit: 10`, `X-Bapi-Limit-Status: 9`, `X-Bapi-Limit-Reset-Timestamp: 1672738134824`."""
        return {
            "X-Bapi-Limit": str(self.limit),
            "X-Bapi-Limit-Status": str(self.left),
            "X-Bapi-Limit-Reset-Timestamp": str(self.resets_at // MILLISECOND),
        }


class Limits:
    """The counts of all accounts."""

    def __init__(self) -> None:
        self._asked: dict[tuple[int, str, str], deque[Nanos]] = {}

    def count(self, account_id: int, path: str, category: str, at: Nanos) -> Count:
        """One more request. One that exceeds the limit is not counted itself."""
        limit, span = _BY_PATH.get(path, _OTHER)
        kinds = _BY_CATEGORY.get(path)
        if kinds is not None:
            limit = kinds.get(category, 10)
        asked = self._asked.setdefault((account_id, path, category if kinds is not None else ""), deque())
        while asked and asked[0] <= at - span:
            asked.popleft()
        if len(asked) >= limit:
            return Count(limit, 0, asked[0] + span, True)
        asked.append(at)
        return Count(limit, limit - len(asked), at, False)
