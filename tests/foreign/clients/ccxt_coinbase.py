"""ccxt and ccxt.pro trade at the simulated Advanced Trade: what each call gave, or which error it raised.

Enters: one argument of JSON: `rest`, `ws`, `keys` (name: key, PEM). Leaves: a line of JSON a call: its name and `gave`
or `raised` with `text`. Never: an import of cryptopipe, a changed option of ccxt's but URLs.
"""

import asyncio
import json
import sys

import ccxt
import ccxt.pro

given = json.loads(sys.argv[1])
SYMBOL = "BTC/USD"


def made(kind, key="all"):
    """ccxt's object with URLs of the sandbox."""
    text, secret, _ = given["keys"][key]
    one = kind({"apiKey": text, "secret": secret})
    one.urls["api"] = {"rest": given["rest"], "ws": given["ws"]}
    return one


def tell(name, **what):
    sys.stdout.write(json.dumps({"call": name, **what}) + "\n")
    sys.stdout.flush()


def told(name, work):
    """What a call gives; told, and returned."""
    try:
        gave = work()
    except ccxt.BaseError as error:
        tell(name, raised=type(error).__name__, text=str(error))
        return None
    tell(name, gave=gave)
    return gave


def trade(one):
    told("markets", one.load_markets)
    told("fees", one.fetch_trading_fees)
    book = told("book", lambda: one.fetch_order_book(SYMBOL))
    ask, bid = book["asks"][0][0], book["bids"][0][0]
    low, high = round(bid * 0.9, 2), round(ask * 1.01, 2)
    told("balance before", lambda: one.fetch_balance({"v3": True}))
    told("balance of v2", one.fetch_balance)
    resting = told("limit", lambda: one.create_order(SYMBOL, "limit", "buy", 0.01, low))
    told("fetch open", lambda: one.fetch_order(resting["id"], SYMBOL))
    told("open orders", lambda: one.fetch_open_orders(SYMBOL))
    told("balance while open", lambda: one.fetch_balance({"v3": True}))
    told("cancel", lambda: one.cancel_order(resting["id"], SYMBOL))
    told("fetch cancelled", lambda: one.fetch_order(resting["id"], SYMBOL))
    told("canceled orders", lambda: one.fetch_canceled_orders(SYMBOL))
    told("cancel again", lambda: one.cancel_order(resting["id"], SYMBOL))
    market = told("market", lambda: one.create_order(SYMBOL, "market", "buy", 0.02, ask))
    told("fetch market", lambda: one.fetch_order(market["id"], SYMBOL))
    sold = told("market sell", lambda: one.create_order(SYMBOL, "market", "sell", 0.01))
    told("fetch sold", lambda: one.fetch_order(sold["id"], SYMBOL))
    ioc = told("ioc", lambda: one.create_order(SYMBOL, "limit", "buy", 0.01, high, {"timeInForce": "IOC"}))
    told("fetch ioc", lambda: one.fetch_order(ioc["id"], SYMBOL))
    told("post-only", lambda: one.create_order(SYMBOL, "limit", "buy", 0.01, low, {"postOnly": True}))
    told("post-only crossing", lambda: one.create_order(SYMBOL, "limit", "buy", 0.01, high, {"postOnly": True}))
    several = [row["id"] for row in one.fetch_open_orders(SYMBOL)]
    told("cancel several", lambda: one.cancel_orders(several, SYMBOL))
    told("closed orders", lambda: one.fetch_closed_orders(SYMBOL))
    told("orders", lambda: one.fetch_orders(SYMBOL))
    told("my trades", lambda: one.fetch_my_trades(SYMBOL))
    told("balance after", lambda: one.fetch_balance({"v3": True}))
    told("accounts", one.fetch_accounts)
    told("portfolios", one.fetch_portfolios)


def mistakes():
    good = made(ccxt.coinbase)
    good.load_markets()
    for name in ("wrong key", "wrong secret"):
        told(name, lambda name=name: made(ccxt.coinbase, name).v3_private_get_brokerage_accounts())
    late = made(ccxt.coinbase)
    late.seconds = lambda: ccxt.Exchange.seconds() - 200
    told("stale", late.v3_private_get_brokerage_accounts)
    reader = made(ccxt.coinbase, "reader")
    reader.set_markets(good.markets)
    told("no right", lambda: reader.create_order(SYMBOL, "limit", "buy", 0.01, 60000))
    told("not enough", lambda: good.create_order(SYMBOL, "limit", "buy", 50, 60000))
    told("far away", lambda: good.create_order(SYMBOL, "limit", "buy", 0.01, 1000))
    wire = {"client_order_id": "x", "product_id": "BTC-USD", "side": "BUY"}
    limit = {"limit_limit_gtc": {"base_size": "0.01", "limit_price": "60000.00"}}
    for name, change in {
        "unknown symbol": {"product_id": "DOGE-XYZ", "order_configuration": limit},
        "too precise": {
            "order_configuration": {"limit_limit_gtc": limit["limit_limit_gtc"] | {"limit_price": "60000.001"}}
        },
        "no configuration": {"order_configuration": {}},
        "no side": {"side": "buy", "order_configuration": limit},
    }.items():
        told(name, lambda change=change: good.v3_private_post_brokerage_orders(wire | change))
    told("unknown order", lambda: good.fetch_order("3fa3a1c2-1111-4222-8333-444455556666", SYMBOL))


async def watch():
    one = made(ccxt.pro.coinbase)
    try:
        await one.load_markets()
        book = await asyncio.wait_for(one.watch_order_book(SYMBOL), 20)
        tell("watch order book", gave=[book["bids"][0][0], book["asks"][0][0]])
        seen, came = {}, asyncio.Event()
        task = asyncio.ensure_future(keep(one.watch_orders, seen, came))
        low = round(book["bids"][0][0] * 0.9, 2)
        for _ in range(
            40
        ):  # no future of ccxt's says that the subscription is there: orders are made until one is told
            resting = await one.create_order(SYMBOL, "limit", "buy", 0.01, low)
            try:
                await until(seen, came, resting["id"], ("open",), 0.5)
                break
            except TimeoutError:
                await one.cancel_order(resting["id"], SYMBOL)
        tell("watch open", gave=await until(seen, came, resting["id"], ("open",)), order=resting["id"])
        await one.cancel_order(resting["id"], SYMBOL)
        tell("watch cancelled", gave=await until(seen, came, resting["id"], ("canceled",)))
        taken = await one.create_order(SYMBOL, "market", "sell", 0.01)
        tell("watch filled", gave=await until(seen, came, taken["id"], ("closed",)), order=taken["id"])
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    finally:
        await one.close()


async def keep(method, seen, came):
    """The newest of each order."""
    while True:
        for order in await method(SYMBOL):
            seen[order["id"]] = dict(order)
        came.set()


async def until(seen, came, order_id, states, seconds=20):
    """What is told of an order once it is in one of these states."""

    async def told_so():
        while seen.get(order_id, {}).get("status") not in states:
            came.clear()
            await came.wait()
        return seen[order_id]

    return await asyncio.wait_for(told_so(), seconds)


tell("version", gave=ccxt.__version__)
trade(made(ccxt.coinbase))
mistakes()
asyncio.run(watch())
