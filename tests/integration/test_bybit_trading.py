"""Trading at the simulated Bybit over real sockets: our codecs and drivers, the served venue, its private stream.

What requests and the stream tell must agree, and the money must add up, whatever answers are lost on the way.
"""

import asyncio
import time
from contextlib import AbstractAsyncContextManager
from decimal import Decimal

import pytest
from integration import trading
from integration.trading import FAULTS, Street, listening
from msgspec.structs import replace

from cryptopipe.clock import MILLISECOND
from cryptopipe.errors import CryptopipeError, UnknownOutcome, VenueError
from cryptopipe.model.actions import (
    CancelAll,
    CancelOrder,
    FetchKey,
    FetchPositions,
    FetchTime,
    FindOrder,
    ListFills,
    ListOpenOrders,
    ListTransfers,
    MoveFunds,
    PlaceOrder,
    TimeInForce,
    Withdraw,
)
from cryptopipe.model.facts import Asset, Side, VenueId
from cryptopipe.model.outcomes import (
    Accepted,
    BalanceReport,
    FillReport,
    OrderReport,
    OrderState,
    PositionReport,
    Refused,
    Reports,
    TransferState,
)
from cryptopipe.model.simulated import SANDBOX_CREDENTIALS, SANDBOX_READER
from cryptopipe.model.stream import Credentials
from cryptopipe.model.trading import Order
from cryptopipe.sandbox.faults import Fault
from cryptopipe.sandbox.parameters import Parameters

D = Decimal
VENUE = VenueId("bybit")
SPOT, LINEAR = "BTCUSDT", "linear:BTCUSDT"
PARAMETERS = replace(Parameters.load(), perpetuals="all", assets=("BTC", "USDT", "SOL"), rate=0.3)
NOBODY = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"


def street(*faults: Fault, keys: Credentials = SANDBOX_CREDENTIALS) -> AbstractAsyncContextManager[Street]:
    """With another venue that coins can be sent to."""
    return trading.street("bybit", *faults, keys=keys, parameters=PARAMETERS, beside=("binance",))


def test_orders_rest_and_are_cancelled_and_the_stream_says_so() -> None:
    async def run() -> None:
        async with street() as one, listening(one) as heard:
            for symbol in (SPOT, LINEAR):
                instrument, low = one.instrument(symbol), one.near(symbol, Side.BUY, "0.97")
                order = PlaceOrder(instrument, Side.BUY, D("0.01"), low, f"rest-{instrument.kind.value}")
                placed = await one.errand.ask(order)
                assert isinstance(placed, Accepted)
                told = await one.errand.ask(ListOpenOrders(VENUE, instrument))
                assert isinstance(told, Reports) and [each.client_id for each in told.orders] == [order.client_id]
                assert isinstance(await one.errand.ask(CancelOrder(instrument, order.client_id)), Accepted)

                def mine(client_id: str = order.client_id) -> list[OrderReport]:
                    return [each for each in heard.of(OrderReport) if each.client_id == client_id]

                await heard.until(lambda mine=mine: mine() and mine()[-1].state is OrderState.CANCELLED)
                assert mine()[0].state is OrderState.OPEN and {each.order_id for each in mine()} == {placed.venue_id}
                again = await one.errand.ask(CancelOrder(instrument, order.client_id))
                assert not isinstance(again, Accepted)
                crossing = PlaceOrder(
                    instrument, Side.BUY, D("0.01"), one.near(symbol, Side.BUY, "1.005"),
                    f"crosses-{instrument.kind.value}", TimeInForce.POST_ONLY,
                )  # fmt: skip
                assert isinstance(await one.errand.ask(crossing), Accepted), "the venue takes it, and takes it out"
                found = await one.errand.ask(FindOrder(instrument, crossing.client_id))
                assert isinstance(found, Reports) and found.orders[0].state is OrderState.REJECTED
                poor = await one.errand.ask(PlaceOrder(instrument, Side.BUY, D(40), low, f"poor-{symbol[-3:]}"))
                assert isinstance(poor, Refused) and poor.code in ("170131", "110007")
            assert isinstance(await one.errand.ask(CancelAll(VENUE, one.instrument(SPOT))), Accepted)

    asyncio.run(run())


def test_a_short_is_opened_and_closed_and_the_wallet_knows() -> None:
    """Opening + realised - fees = closing, by requests and by the stream."""

    async def run() -> None:
        async with street() as one, listening(one) as heard:
            before, contract = (await one.balances())["USDT"], one.instrument(LINEAR)
            opened = await one.errand.ask(PlaceOrder(contract, Side.SELL, D("0.05"), None, "short-1"))
            assert isinstance(opened, Accepted)
            told = await one.errand.ask(FetchPositions(VENUE))
            assert isinstance(told, Reports)
            (held,) = told.positions
            assert (held.instrument, held.size) == (contract, D("-0.05"))
            truth = one.desk.accounts[1].positions()[0]
            assert (held.entry, held.margin, held.liquidation) == (truth.entry, truth.margin, truth.liquidation)
            closing = PlaceOrder(contract, Side.BUY, D("0.08"), None, "close-1", reduce_only=True)
            assert isinstance(await one.errand.ask(closing), Accepted)
            flat = await one.errand.ask(FetchPositions(VENUE, contract))
            assert isinstance(flat, Reports) and all(each.size == 0 for each in flat.positions)
            nothing = await one.errand.ask(replace(closing, client_id="close-2"))
            assert isinstance(nothing, Refused) and nothing.code == "110017"
            listed = await one.errand.ask(ListFills(contract))
            assert isinstance(listed, Reports) and sum(each.size for each in listed.fills) == D("0.10")
            flows = [each.size * each.price * (1 if each.side is Side.SELL else -1) for each in listed.fills]
            fees = [each.fee.amount for each in listed.fills if each.fee]
            after = (await one.balances())["USDT"]
            assert before + sum(flows) - sum(fees) == after
            await heard.until(lambda: sum(each.size for each in heard.of(FillReport)) == D("0.10"))
            key = {each.fill_id: (each.size, each.price, each.fee) for each in listed.fills}
            assert {each.fill_id: (each.size, each.price, each.fee) for each in heard.of(FillReport)} == key
            await heard.until(lambda: heard.of(PositionReport) and heard.of(PositionReport)[-1].size == 0)
            usdt = [each for each in heard.of(BalanceReport) if each.asset == Asset("USDT")][-1]
            assert usdt.free + usdt.locked == after

    asyncio.run(run())


@pytest.mark.long
@pytest.mark.parametrize(("fault", "symbol"), [*((fault, SPOT) for fault in FAULTS), ("lost response", LINEAR)])
def test_an_order_is_pursued_to_its_last_fill_whatever_is_lost(fault: str, symbol: str) -> None:
    async def run() -> None:
        async with street(*FAULTS[fault]) as one, listening(one) as heard:
            before = await one.balances()
            limit = one.near(symbol, Side.BUY, "1.005")
            order = Order("pursued-1", 1, one.instrument(symbol), Side.BUY, D("0.05"), limit)
            done = await one.errand.pursue(order)
            after = await one.balances()
            bought = sum((fill.size for fill in done.fills), D(0))
            assert bought == (0 if fault == "lost request" else D("0.05"))
            fees = sum((fill.fee.amount for fill in done.fills if fill.fee), D(0))
            paid = sum((fill.size * fill.price for fill in done.fills), D(0))
            if symbol == SPOT:
                assert after["BTC"] - before["BTC"] == bought - fees
                assert before["USDT"] - after["USDT"] == paid
            else:
                assert (after["BTC"], before["USDT"] - after["USDT"]) == (before["BTC"], fees)
            if bought:
                await heard.until(lambda: sum(each.size for each in heard.of(FillReport)) == bought)
                assert {each.fill_id for each in heard.of(FillReport)} == {each.fill_id for each in done.fills}

    asyncio.run(run())


def test_coins_are_moved_and_sent_from_the_funding_wallet() -> None:
    async def run() -> None:
        async with street() as one:
            move = MoveFunds(VENUE, "SOL", D(3), "UNIFIED", "FUND", "move-1")
            assert isinstance(await one.errand.ask(move), Accepted)
            assert ((await one.balances())["SOL"], (await one.balances("FUND"))["SOL"]) == (D(497), D(3))
            listed = dict(one.desk.accounts[1].allowed_addresses())
            send = Withdraw(VENUE, "SOL", "SOL", listed["binance-SOL-solana"].address, D("2.008"), "send-1")
            given = await one.errand.ask(send)
            assert isinstance(given, Accepted)
            told = await one.errand.ask(ListTransfers(VENUE, deposits=False, code="SOL"))
            assert isinstance(told, Reports)
            (sent,) = told.transfers
            assert (sent.transfer_id, sent.amount, sent.fee) == (given.venue_id, D(2), D("0.008"))
            assert sent.state is TransferState.PENDING and sent.network == "SOL"
            refused = {
                "unlisted": replace(send, address=NOBODY, client_id="send-2"),
                "network": replace(send, network="NOWHERE", client_id="send-3"),
                "too little": replace(send, amount=D("0.02"), client_id="send-4"),
                "too much": replace(send, amount=D(90), client_id="send-5"),
            }
            codes = {}
            for name, action in refused.items():
                outcome = await one.errand.ask(action)
                assert isinstance(outcome, Refused), (name, outcome)
                codes[name] = outcome.code
            assert codes == {
                "unlisted": "131002", "network": "131002", "too little": "131096", "too much": "131085",
            }  # fmt: skip
            with pytest.raises(UnknownOutcome):  # "Do not repeat the request": the first may be on its way
                await one.errand.ask(send)
            assert (await one.balances("FUND"))["SOL"] == D(3), "in review it is there, locked"

    asyncio.run(run())


WRONG = {
    "key": (Credentials("nobody", SANDBOX_CREDENTIALS.secret), "10003"),
    "signature": (Credentials(SANDBOX_CREDENTIALS.key, "c2VjcmV0"), "10004"),
    "permission": (SANDBOX_READER, "10005"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_key_that_is_wrong_is_told_by_the_venues_own_code(what: str) -> None:
    keys, code = WRONG[what]

    async def run() -> None:
        async with street(keys=keys) as one:
            order = PlaceOrder(one.instrument(SPOT), Side.BUY, D("0.01"), one.near(SPOT, Side.BUY, "0.97"), "wrong-1")
            try:
                outcome: object = await one.errand.ask(order)
            except CryptopipeError as error:
                assert isinstance(error, VenueError) and code in str(error)
            else:
                assert isinstance(outcome, Refused) and outcome.code == code
            assert not one.desk.accounts[1].orders()
            if what == "permission":
                told = await one.errand.ask(FetchKey(VENUE))
                assert isinstance(told, Reports) and told.key is not None
                assert (told.key.reads, told.key.trades, told.key.withdraws) == (True, False, False)

    asyncio.run(run())


def test_what_no_venue_takes_is_refused_and_leaves_nothing() -> None:
    async def run() -> None:
        async with street() as one:
            instrument, low = one.instrument(SPOT), one.near(SPOT, Side.BUY, "0.97")
            good = PlaceOrder(instrument, Side.BUY, D("0.01"), low, "bad-1")
            wrong = {
                "170134": replace(good, price=low + D("0.00001")),
                "170136": replace(good, size=D("0.000001")),
                "170137": replace(good, size=D("0.0123456789")),
                "170140": replace(good, size=D("0.000011")),
                "170121": replace(good, instrument=replace(instrument, symbol="NOPEUSDT")),
            }
            for code, action in wrong.items():
                outcome = await one.errand.ask(action)
                assert isinstance(outcome, Refused) and outcome.code == code, (code, outcome)
            assert not one.desk.accounts[1].orders()
            told = await one.errand.ask(FetchTime(VENUE))
            assert isinstance(told, Reports) and told.server_time is not None
            assert abs(told.server_time - time.time_ns()) < 10_000 * MILLISECOND

    asyncio.run(run())
