"""Trading for dollars at the simulated Coinbase venues and Kraken, over real sockets: our codecs and drivers, streams.

What requests and the stream tell must agree, and the money must add up, whatever answers are lost on the way.
"""

import asyncio
from decimal import Decimal
from uuid import uuid4

import pytest
from integration.trading import FAULTS, Heard, listening, rests_and_is_cancelled, street
from msgspec.structs import replace

from cryptopipe.model.actions import FindOrder, PlaceOrder
from cryptopipe.model.facts import Side
from cryptopipe.model.outcomes import BalanceReport, FillReport, OrderReport, OrderState, Refused, Reports
from cryptopipe.model.trading import Order

SYMBOLS = {"coinbase_exchange": "BTC-USD", "coinbase": "BTC-USD", "kraken": "BTC/USD"}
FIRST = {"kraken": BalanceReport}
"""What the last of several subscriptions is told at once."""
BY_NUMBER = ("coinbase_exchange", "coinbase")
"""Where orders are cancelled by the venue's own id."""


@pytest.mark.parametrize("name", SYMBOLS)
def test_orders_rest_and_are_cancelled_and_the_stream_says_so(name: str) -> None:
    async def run() -> None:
        async with street(name) as one, listening(one, FIRST.get(name)) as heard:
            low = one.near(SYMBOLS[name], Side.BUY, "0.9")
            order = PlaceOrder(one.instrument(SYMBOLS[name]), Side.BUY, Decimal("0.01"), low, str(uuid4()))
            await rests_and_is_cancelled(one, heard, order, name in BY_NUMBER)
            poor = replace(order, size=Decimal(20), client_id=str(uuid4()))
            assert isinstance(await one.errand.ask(poor), Refused)

    asyncio.run(run())


@pytest.mark.long
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", SYMBOLS)
def test_an_order_is_pursued_to_its_last_fill_whatever_is_lost(name: str, fault: str) -> None:
    async def run() -> None:
        async with street(name, *FAULTS[fault]) as one, listening(one, FIRST.get(name)) as heard:
            before, instrument = await one.balances(), one.instrument(SYMBOLS[name])
            limit = one.near(SYMBOLS[name], Side.BUY, "1.01")
            order = Order(str(uuid4()), 1, instrument, Side.BUY, Decimal("0.05"), limit)
            done = await one.errand.pursue(order)
            after = await one.balances()
            bought = sum((fill.size for fill in done.fills), Decimal(0))
            assert bought == (0 if fault == "lost request" else Decimal("0.05"))
            assert after["BTC"] - before["BTC"] == bought
            paid = sum((fill.size * fill.price + fill.fee.amount for fill in done.fills if fill.fee), Decimal(0))
            assert abs(before["USD"] - after["USD"] - paid) < Decimal("1e-7")
            if bought:
                await heard.until(lambda: _sold(heard) == bought)
                found = await one.errand.ask(FindOrder(instrument, order.client_id))
                assert isinstance(found, Reports) and found.orders[0].state is OrderState.FILLED

    asyncio.run(run())


def _sold(heard: Heard) -> Decimal:
    """By single fills, or where a venue tells none by its order's sum."""
    fills = sum((each.size for each in heard.of(FillReport)), Decimal(0))
    return fills or max((each.filled for each in heard.of(OrderReport)), default=Decimal(0))
