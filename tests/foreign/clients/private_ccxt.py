"""What clients that trade by ccxt share: an order in a few words, errors, and what streams of orders bring.

Enters: objects of ccxt and ccxt.pro. Leaves: lines of `told`. Never: a venue's name, an option of ccxt's.
"""

import asyncio

import ccxt
from told import answered, complain, did, tried

SYMBOL = "BTC/USD"
"""Of the venues where dollars are traded."""


def told(call, work):
    """What a call gives, told and returned; None if ccxt raises."""
    return tried(ccxt.BaseError, call, work)


def refused(step, call):
    """The class and text of what ccxt raises."""
    try:
        call()
    except ccxt.BaseError as error:
        did(step, [type(error).__name__, str(error)[:300]])
    else:
        complain(None, f"{step} was not refused")


def held(balance, *codes):
    """Free, used and total of each."""
    return {code: [balance[code]["free"], balance[code]["used"], balance[code]["total"]] for code in codes}


def told_of(order):
    """What ccxt says of an order, but its times and the venue's own words."""
    wanted = ("id", "clientOrderId", "status", "type", "side", "price", "amount", "filled", "cost", "timeInForce")
    return {name: order[name] for name in wanted} | {"postOnly": order.get("postOnly")}


def trades_of(exchange, symbol):
    """Own trades: order, side, amount, cost, fee."""
    return [
        [one["order"], one["side"], one["amount"], one["cost"], one["fee"]] for one in exchange.fetch_my_trades(symbol)
    ]


def networks_of(currencies):
    """Of each coin its networks: fee, whether coins go out, whether they come in."""
    return {
        code: {name: [one["fee"], one["withdraw"], one["deposit"]] for name, one in coin["networks"].items()}
        for code, coin in currencies.items()
    }


async def until(call, good):
    """The first result that is good: what a stream tells comes in pieces."""
    async with asyncio.timeout(15):
        while True:
            got = await call()
            if good(got):
                return got


def rests(exchange, low, **balance):
    """An order that stands, looked at from every side, and cancelled; its row of the first answer."""
    resting = told("limit", lambda: exchange.create_order(SYMBOL, "limit", "buy", 0.01, low))
    told("fetch open", lambda: exchange.fetch_order(resting["id"], SYMBOL))
    told("open orders", lambda: exchange.fetch_open_orders(SYMBOL))
    told("balance while open", lambda: exchange.fetch_balance(balance))
    told("cancel", lambda: exchange.cancel_order(resting["id"], SYMBOL))
    told("fetch cancelled", lambda: exchange.fetch_order(resting["id"], SYMBOL))
    return resting


class Orders:
    """The newest of each order that a stream of ccxt.pro's brings."""

    def __init__(self, method, *symbols):
        self._seen, self._came = {}, asyncio.Event()
        self._task = asyncio.ensure_future(self._keep(method, symbols))

    async def _keep(self, method, symbols):
        while True:
            for order in await method(*symbols):
                self._seen[order["id"]] = dict(order)
            self._came.set()

    async def until(self, order_id, status, seconds=20):
        """What is told of an order once it has this status."""
        async with asyncio.timeout(seconds):
            while self._seen.get(order_id, {}).get("status") != status:
                self._came.clear()
                await self._came.wait()
        return self._seen[order_id]

    async def come_and_go(self, exchange, low):
        """An order is told as open and, once it is cancelled, as that. No future of ccxt's says that the subscription
        is there: orders are made until one is told.
        """
        for _ in range(40):
            resting = await exchange.create_order(SYMBOL, "limit", "buy", 0.01, low)
            try:
                await self.until(resting["id"], "open", 0.5)
                break
            except TimeoutError:
                await exchange.cancel_order(resting["id"], SYMBOL)
        answered("watch open", await self.until(resting["id"], "open"), order=resting["id"])
        await exchange.cancel_order(resting["id"], SYMBOL)
        answered("watch cancelled", await self.until(resting["id"], "canceled"))

    async def stop(self):
        """At the end."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def first_book(exchange):
    """The first that the stream brings."""
    book = await asyncio.wait_for(exchange.watch_order_book(SYMBOL), 20)
    answered("watch order book", [book["bids"][0][0], book["asks"][0][0]])
    return book
