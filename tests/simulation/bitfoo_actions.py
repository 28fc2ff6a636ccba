"""Our end of the sample venue's private requests: a codec of actions, as a stranger would write it.

Enters: actions, answers. Leaves: signed requests, outcomes. Never: anything of the simulated end but how it is signed,
which stands on the same page.
"""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal as D
from typing import Any

from simulation.bitfoo_trading import signed

from cryptopipe import api

STATES = {"open": api.OrderState.OPEN, "filled": api.OrderState.FILLED, "cancelled": api.OrderState.CANCELLED,
          "expired": api.OrderState.EXPIRED}  # fmt: skip


class BitFooActions:
    """`https://<venue>.example/v2/my/…`"""

    supports: frozenset[type[api.Action]] = frozenset(
        {api.PlaceOrder, api.CancelOrder, api.FindOrder, api.ListFills, api.FetchBalances}
    )

    def __init__(self, venue: str) -> None:
        self._venue = api.VenueId(venue)

    def build(
        self, action: api.Action, credentials: api.Credentials, at: api.Nanos, earlier: Sequence[api.HttpResponse] = ()
    ) -> api.HttpRequest:
        method, path, body = self._asked(action)
        request = signed(credentials, method, f"/v2/my/{path}", body, at)
        url = f"https://{self._venue}.example{request.url}"
        return api.HttpRequest(request.method, url, request.headers, request.body)

    def _asked(self, action: api.Action) -> tuple[str, str, Mapping[str, str] | None]:
        match action:
            case api.PlaceOrder(instrument=one, side=side, size=size, price=price, client_id=client_id):
                more = {"price": "" if price is None else f"{price:f}", "tif": action.time_in_force.value}
                return (
                    "POST",
                    "order",
                    {"s": one.symbol, "side": side.value, "size": f"{size:f}", "id": client_id} | more,
                )
            case api.CancelOrder(client_id=client_id):
                return "DELETE", f"order?id={client_id}", None
            case api.FindOrder(client_id=client_id):
                return "GET", f"order?id={client_id}", None
            case api.ListFills():
                return "GET", "fills", None
            case api.FetchBalances():
                return "GET", "balances", None
        raise api.VenueError(f"the sample cannot {type(action).__name__}")

    def parse(
        self, action: api.Action, response: api.HttpResponse, earlier: Sequence[api.HttpResponse] = ()
    ) -> api.Outcome:
        changes = isinstance(action, api.PlaceOrder | api.CancelOrder)
        if response.status >= 500 and response.body != b'{"error": "busy"}':
            doubt = api.UnknownOutcome if changes else api.VenueUnavailable
            raise doubt(f"HTTP {response.status}", where=self._venue)
        told = json.loads(response.body)
        if response.status == 404:
            return api.NotFound("404", told["error"])
        if response.status != 200:
            return api.Refused(str(response.status), told["error"])
        match action:
            case api.PlaceOrder() | api.CancelOrder() | api.FindOrder():
                report = self._order(action, told)
                return api.Accepted(report.order_id, told["state"], report) if changes else api.Reports((report,))
            case api.ListFills():
                return api.Reports(fills=tuple(self._fill(action.instrument, one) for one in told))
        balances = (api.BalanceReport(self._venue, api.Asset(one), D(f), D(lock)) for one, (f, lock) in told.items())
        return api.Reports(balances=tuple(balances))

    @staticmethod
    def _order(action: api.PlaceOrder | api.CancelOrder | api.FindOrder, told: Mapping[str, Any]) -> api.OrderReport:
        side = action.side if isinstance(action, api.PlaceOrder) else api.Side.BUY
        return api.OrderReport(
            action.instrument, str(told["order"]), told["id"], side, STATES[told["state"]], None, None,
            D(told["filled"]), D(told["spent"]),
        )  # fmt: skip

    @staticmethod
    def _fill(instrument: api.Instrument, told: Mapping[str, Any]) -> api.FillReport:
        return api.FillReport(
            instrument, str(told["fill"]), str(told["order"]), "", api.Side(told["side"]), D(told["price"]),
            D(told["size"]), api.Fee(D(told["fee"]), api.Asset(told["fee_in"])), None, 0,
        )  # fmt: skip
