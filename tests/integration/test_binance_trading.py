"""Trading at the simulated Binance over real sockets: our codecs and drivers, the served venue, its private stream.

What requests and the stream tell must agree, and the money must add up, whatever answers are lost on the way.
"""

import asyncio
from contextlib import AbstractAsyncContextManager
from decimal import Decimal

import pytest
from integration import trading
from integration.trading import Heard, Street, listening, rests_and_is_cancelled
from msgspec.structs import replace

from cryptopipe.clock import SECOND
from cryptopipe.model.actions import FindOrder, PlaceOrder
from cryptopipe.model.facts import Side
from cryptopipe.model.outcomes import BalanceReport, FillReport, OrderState, Refused, Reports
from cryptopipe.model.simulated import SANDBOX_TRADER
from cryptopipe.model.trading import Order
from cryptopipe.sandbox.faults import Fault
from cryptopipe.sandbox.parameters import Parameters

SYMBOL = "BTCUSDT"
SIZE = Decimal("0.05")


def street(*faults: Fault) -> AbstractAsyncContextManager[Street]:
    """With a key that may trade and not withdraw."""
    parameters = replace(Parameters.load(), assets=("BTC", "USDT"))
    return trading.street("binance", *faults, keys=SANDBOX_TRADER, parameters=parameters)


def test_orders_rest_and_are_cancelled_and_the_stream_says_so() -> None:
    async def run() -> None:
        async with street() as one, listening(one) as heard:
            assert heard.reports == [], "subscribed: what is told from now on is heard"
            order = PlaceOrder(one.instrument(SYMBOL), Side.BUY, SIZE, one.near(SYMBOL, Side.BUY, "0.9"), "cp-1")
            await rests_and_is_cancelled(one, heard, order)
            refused = await one.errand.ask(replace(order, size=Decimal(20), client_id="cp-2"))
            assert refused == Refused("-2010", "Account has insufficient balance for requested action.")

    asyncio.run(run())


FAULTS = trading.FAULTS | {
    "late answer": (Fault("late_ack", values={"delay": 2 * SECOND}, words={"of": "order"}),),
    "told twice": (Fault("duplicate_event"),),
    "told out of order": (Fault("reorder_event", values={}),),
}


@pytest.mark.long
@pytest.mark.parametrize("fault", FAULTS)
def test_an_order_is_pursued_to_its_last_fill_whatever_is_lost(fault: str) -> None:
    async def run() -> None:
        async with street(*FAULTS[fault]) as one, listening(one) as heard:
            before, instrument = await one.balances(), one.instrument(SYMBOL)
            order = Order("cp-9", 1, instrument, Side.BUY, SIZE, one.near(SYMBOL, Side.BUY, "1.01"))
            done = await one.errand.pursue(order)
            after = await one.balances()
            bought = sum((fill.size for fill in done.fills), Decimal(0))
            assert bought == (0 if fault == "lost request" else SIZE)
            fees = sum((fill.fee.amount for fill in done.fills if fill.fee and fill.fee.asset == "BTC"), Decimal(0))
            paid = sum((fill.size * fill.price for fill in done.fills), Decimal(0))
            assert after["BTC"] - before["BTC"] == bought - fees
            assert before["USDT"] - after["USDT"] == paid
            if bought:
                await heard.until(lambda: _sold(heard) == bought)
                await heard.until(lambda: _held(heard, "BTC") == after["BTC"])
                found = await one.errand.ask(FindOrder(instrument, "cp-9"))
                assert isinstance(found, Reports) and found.orders[0].state is OrderState.FILLED

    asyncio.run(run())


def _sold(heard: Heard) -> Decimal:
    """Each fill once, however often it is told."""
    return sum({each.fill_id: each.size for each in heard.of(FillReport)}.values(), Decimal(0))


def _held(heard: Heard, asset: str) -> Decimal | None:
    """The most that was told: what is bought only grows."""
    told = [each for each in heard.of(BalanceReport) if each.asset == asset]
    return max((each.free + each.locked for each in told), default=None)
