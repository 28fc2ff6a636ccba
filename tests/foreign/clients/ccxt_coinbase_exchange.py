"""ccxt and ccxt.pro trade at the simulated Coinbase Exchange: what each call gave, or which error it raised.

Enters: one argument of JSON: `rest`, `ws`, `keys` (name: key, secret, passphrase), `address`. Leaves: a line of JSON a
call: its name and `gave` or `raised` with `text`. Never: an import of cryptopipe, a changed option of ccxt's but URLs.
"""

import asyncio
import json
import sys
from functools import partial

import ccxt
import ccxt.pro

given = json.loads(sys.argv[1])
SYMBOL = "BTC/USD"


def made(kind, key="all", **more):
    """ccxt's object with URLs of the sandbox."""
    text, secret, passphrase = given["keys"][key]
    one = kind({"apiKey": text, "secret": secret, "password": passphrase, **more})
    one.urls["api"] = {"public": given["rest"], "private": given["rest"], "ws": given["ws"]}
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
    """Every unified call that this client has for trading."""
    told("markets", one.load_markets)
    told("currencies", one.fetch_currencies)
    told("time", one.fetch_time)
    told("fees", one.fetch_trading_fees)
    book = told("book", lambda: one.fetch_order_book(SYMBOL))
    told("balance before", one.fetch_balance)
    ask, bid = book["asks"][0][0], book["bids"][0][0]
    low, high = round(bid * 0.9, 2), round(ask * 1.01, 2)
    resting = told("limit", lambda: one.create_order(SYMBOL, "limit", "buy", 0.01, low))
    told("fetch open", lambda: one.fetch_order(resting["id"], SYMBOL))
    told("open orders", lambda: one.fetch_open_orders(SYMBOL))
    told("balance while open", one.fetch_balance)
    told("cancel", lambda: one.cancel_order(resting["id"], SYMBOL))
    told("fetch cancelled", lambda: one.fetch_order(resting["id"], SYMBOL))
    market = told("market", lambda: one.create_order(SYMBOL, "market", "buy", 0.02))
    told("fetch market", lambda: one.fetch_order(market["id"], SYMBOL))
    ioc = told("ioc", lambda: one.create_order(SYMBOL, "limit", "buy", 0.01, high, {"timeInForce": "IOC"}))
    told("fetch ioc", lambda: one.fetch_order(ioc["id"], SYMBOL))
    missed = told("ioc away", lambda: one.create_order(SYMBOL, "limit", "buy", 0.01, low, {"timeInForce": "IOC"}))
    told("fetch ioc away", lambda: one.fetch_order(missed["id"], SYMBOL))
    maker = told("post-only", lambda: one.create_order(SYMBOL, "limit", "buy", 0.01, low, {"postOnly": True}))
    crossed = told(
        "post-only crossing", lambda: one.create_order(SYMBOL, "limit", "buy", 0.01, high, {"postOnly": True})
    )
    named = {"clientOrderId": "5f0c3a2e-8d41-4b7b-9c55-0d3b1c0f7a11"}
    told("named", lambda: one.create_order(SYMBOL, "limit", "sell", 0.01, round(ask * 1.1, 2), named))
    told("fetch named", lambda: one.fetch_order(None, SYMBOL, named))
    told("cancel named", lambda: one.cancel_order(None, SYMBOL, named))
    told("cancel all", lambda: one.cancel_all_orders(SYMBOL))
    told("open orders after", lambda: one.fetch_open_orders(SYMBOL))
    told("fetch post-only", lambda: one.fetch_order(maker["id"], SYMBOL))
    told("fetch crossing", lambda: one.fetch_order(crossed["id"], SYMBOL))
    told("my trades", lambda: one.fetch_my_trades(SYMBOL))
    told("order trades", lambda: one.fetch_order_trades(market["id"], SYMBOL))
    told("closed orders", lambda: one.fetch_closed_orders(SYMBOL))
    told("orders", lambda: one.fetch_orders(SYMBOL))
    told("balance after", one.fetch_balance)


def move(one):
    """Coins in and out."""
    told("accounts", one.fetch_accounts)
    told("deposit address", lambda: one.create_deposit_address("ETH", {"network": "base"}))
    told("withdraw", lambda: one.withdraw("ETH", 0.5, given["address"], params={"network": "ethereum"}))
    told("withdrawals", lambda: one.fetch_withdrawals("ETH"))
    told("deposits", lambda: one.fetch_deposits("ETH"))
    told("transfers", one.fetch_deposits_withdrawals)
    account = next(row["id"] for row in one.fetch_accounts() if row["code"] == "USD")
    told("ledger", lambda: one.fetch_ledger("USD"))
    told("holds", lambda: one.private_get_accounts_id_holds({"id": account}))


def mistakes():
    """The venue's own errors, by ccxt's classes."""
    good = made(ccxt.coinbaseexchange)
    good.load_markets()
    tell("price", gave=good.fetch_order_book(SYMBOL)["bids"][0][0])
    for name in ("wrong key", "wrong secret", "wrong passphrase"):
        told(name, made(ccxt.coinbaseexchange, name).fetch_balance)
    late = made(ccxt.coinbaseexchange)
    late.nonce = lambda: ccxt.Exchange.seconds() - 60
    told("stale", late.fetch_balance)
    reader = made(ccxt.coinbaseexchange, "reader")
    reader.set_markets(good.markets)
    told("no right", lambda: reader.create_order(SYMBOL, "limit", "buy", 0.01, 1000))
    wire = {"product_id": "BTC-USD", "side": "buy", "type": "limit", "size": "0.01", "price": "1000.00"}
    for name, change in {
        "unknown symbol": {"product_id": "DOGE-XYZ"},
        "too precise": {"price": "1000.001"},
        "too small": {"size": "0.000000001"},
        "no number": {"size": "much"},
        "no side": {"side": ""},
        "too much": {"size": "1000000"},
        "not enough": {"size": "50", "price": "60000.00"},
    }.items():
        told(name, partial(good.private_post_orders, wire | change))
    told("unknown order", lambda: good.cancel_order("3fa3a1c2-1111-4222-8333-444455556666", SYMBOL))
    told("fetch unknown", lambda: good.fetch_order("3fa3a1c2-1111-4222-8333-444455556666", SYMBOL))
    told("no network", lambda: good.withdraw("ETH", 0.5, given["address"], params={"network": "nowhere"}))
    told("bad address", lambda: good.withdraw("ETH", 0.5, "999999999", params={"network": "ethereum"}))
    told("too little", lambda: good.withdraw("ETH", 0.0001, given["address"], params={"network": "ethereum"}))


async def watch():
    """Order book and own orders by websocket."""
    one = made(ccxt.pro.coinbaseexchange)
    try:
        await one.load_markets()
        book = await asyncio.wait_for(one.watch_order_book(SYMBOL), 20)
        tell("watch order book", gave=[book["bids"][0][0], book["asks"][0][0]])
        seen, came = {}, asyncio.Event()
        tasks = [asyncio.ensure_future(keep(one.watch_orders, seen, came))]
        trades = asyncio.ensure_future(one.watch_my_trades(SYMBOL))
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
        taken = await one.create_order(SYMBOL, "market", "buy", 0.01)
        tell("watch filled", gave=await until(seen, came, taken["id"], ("closed",)), order=taken["id"])
        tell("watch trades", gave=await asyncio.wait_for(trades, 20), order=taken["id"])
        tell("asked trades", gave=await one.fetch_order_trades(taken["id"], SYMBOL))
        tasks[0].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
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
trade(made(ccxt.coinbaseexchange))
move(made(ccxt.coinbaseexchange))
mistakes()
asyncio.run(watch())
