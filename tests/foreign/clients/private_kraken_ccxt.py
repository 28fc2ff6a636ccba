"""ccxt and ccxt.pro trade at the simulated Kraken: what each call gave, or which error it raised.

Enters: one argument of JSON: `part` (trade, move, mistakes or watch), `rest`, `ws`, `keys` (name: key, secret). Leaves:
a line of JSON a call: its name and `gave`, or `raised` with `text`. Never: an import of cryptopipe, a changed option of
ccxt's but URLs.
"""

import asyncio
import json
import sys
from functools import partial

import ccxt
import ccxt.pro

given = json.loads(sys.argv[1])
SYMBOL = "BTC/USD"
CLIENT_ID = "5f0c3a2e-8d41-4b7b-9c55-0d3b1c0f7a11"


def made(kind, key="all"):
    """ccxt's object with URLs of the sandbox."""
    text, secret = given["keys"][key]
    one = kind({"apiKey": text, "secret": secret})
    ws = dict.fromkeys(("public", "private", "publicV2", "privateV2"), given["ws"])
    one.urls["api"] = {"public": given["rest"], "private": given["rest"], "ws": ws}
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
    told("fees", lambda: one.fetch_trading_fee(SYMBOL))
    book = told("book", lambda: one.fetch_order_book(SYMBOL))
    told("balance before", one.fetch_balance)
    ask, bid = book["asks"][0][0], book["bids"][0][0]
    low, high = round(bid * 0.9, 1), round(ask * 1.01, 1)
    resting = told("limit", lambda: one.create_order(SYMBOL, "limit", "buy", 0.01, low))
    told("fetch open", lambda: one.fetch_order(resting["id"], SYMBOL))
    told("open orders", lambda: one.fetch_open_orders(SYMBOL))
    told("balance while open", one.fetch_balance)
    told("cancel", lambda: one.cancel_order(resting["id"], SYMBOL))
    told("fetch cancelled", lambda: one.fetch_order(resting["id"], SYMBOL))
    market = told("market", lambda: one.create_order(SYMBOL, "market", "buy", 0.02))
    market = told("fetch market", lambda: one.fetch_order(market["id"], SYMBOL))
    ioc = told("ioc", lambda: one.create_order(SYMBOL, "limit", "buy", 0.01, high, {"timeInForce": "IOC"}))
    told("fetch ioc", lambda: one.fetch_order(ioc["id"], SYMBOL))
    missed = told("ioc away", lambda: one.create_order(SYMBOL, "limit", "buy", 0.01, low, {"timeInForce": "IOC"}))
    told("fetch ioc away", lambda: one.fetch_order(missed["id"], SYMBOL))
    cost = told("by cost", lambda: one.create_market_buy_order_with_cost(SYMBOL, 500))
    told("fetch by cost", lambda: one.fetch_order(cost["id"], SYMBOL))
    told("post-only", lambda: one.create_order(SYMBOL, "limit", "buy", 0.01, low, {"postOnly": True}))
    told("post-only crossing", lambda: one.create_order(SYMBOL, "limit", "buy", 0.01, high, {"postOnly": True}))
    named = {"clientOrderId": CLIENT_ID}
    told("named", lambda: one.create_order(SYMBOL, "limit", "sell", 0.01, round(ask * 1.1, 1), named))
    told("open named", lambda: one.fetch_open_orders(SYMBOL, None, None, named))
    told("cancel named", lambda: one.cancel_order(None, SYMBOL, named))
    told("cancel all", one.cancel_all_orders)
    told("open orders after", lambda: one.fetch_open_orders(SYMBOL))
    told("my trades", lambda: one.fetch_my_trades(SYMBOL))
    told("order trades", lambda: one.fetch_order_trades(market["id"], SYMBOL, params={"trades": market["trades"]}))
    told("closed orders", lambda: one.fetch_closed_orders(SYMBOL))
    told("balance after", one.fetch_balance)
    told("ledger", lambda: one.fetch_ledger("USD"))


def move(one):
    """Coins in and out."""
    told("deposit methods", lambda: one.fetch_deposit_methods("USDT"))
    told("deposit address", lambda: one.fetch_deposit_address("BTC"))
    told("deposit address of a network", lambda: one.fetch_deposit_address("USDT", {"network": "TRC20"}))
    told("new address", lambda: one.create_deposit_address("ETH"))
    listed = told("address book", lambda: one.private_post_withdrawaddresses({"asset": "XETH"}))["result"][0]
    told("withdraw", lambda: one.withdraw("ETH", 0.5, listed["address"], params={"key": listed["key"]}))
    told("withdrawals", lambda: one.fetch_withdrawals("ETH"))
    told("deposits", lambda: one.fetch_deposits("ETH"))
    told("no key", lambda: one.withdraw("ETH", 0.5, listed["address"], params={"key": "nobody's"}))
    other = "0x52908400098527886E0F7030069857D2E4169EE7"
    told("off the list", lambda: one.withdraw("ETH", 0.5, other, params={"key": listed["key"]}))
    told("too much withdrawn", lambda: one.withdraw("ETH", 40, "", params={"key": listed["key"]}))


def mistakes():
    """The venue's own errors, by ccxt's classes."""
    good = made(ccxt.kraken)
    good.load_markets()
    for name in ("wrong key", "wrong secret"):
        told(name, made(ccxt.kraken, name).fetch_balance)
    told("good", good.fetch_balance)
    late = made(ccxt.kraken)
    late.nonce = lambda: ccxt.Exchange.seconds() - 60
    late.set_markets(good.markets)
    told("nonce that does not rise", late.fetch_balance)
    reader = made(ccxt.kraken, "reader")
    reader.set_markets(good.markets)
    told("no right", lambda: reader.create_order(SYMBOL, "limit", "buy", 0.01, 1000))
    wire = {"pair": "XXBTZUSD", "type": "buy", "ordertype": "limit", "volume": "0.01", "price": "1000.0"}
    for name, change in {
        "unknown pair": {"pair": "DOGEXYZ"},
        "too precise": {"price": "1000.01"},
        "too small": {"volume": "0.00000001"},
        "no number": {"volume": "much"},
        "no side": {"type": ""},
        "too much": {"volume": "50", "price": "60000.0"},
    }.items():
        told(name, partial(good.private_post_addorder, wire | change))
    told("unknown order", lambda: good.cancel_order("OAAAAA-BBBBB-CCCCCC", SYMBOL))
    told("no method", lambda: good.private_post_depositaddresses({"asset": "XETH", "method": "Ether (Nowhere)"}))


async def watch():
    """Books, own orders, own trades and money by websocket."""
    one = made(ccxt.pro.kraken)
    try:
        await one.load_markets()
        book = await asyncio.wait_for(one.watch_order_book(SYMBOL), 20)
        tell("watch order book", gave=[book["bids"][0][0], book["asks"][0][0]])
        seen, came = {}, asyncio.Event()
        money = await asyncio.wait_for(one.watch_balance(), 20)
        tell("watch balance", gave=money["total"])
        tasks = [asyncio.ensure_future(keep(one.watch_orders, seen, came))]
        trades = asyncio.ensure_future(one.watch_my_trades(SYMBOL))
        low = round(book["bids"][0][0] * 0.9, 1)
        for _ in range(40):  # nothing of ccxt's says that the subscription is there: orders are made until one is told
            resting = await one.create_order(SYMBOL, "limit", "buy", 0.01, low)
            try:
                await until(seen, came, resting["id"], ("open",), 0.5)
                break
            except TimeoutError:
                await one.cancel_order(resting["id"], SYMBOL)
        tell("watch open", gave=await until(seen, came, resting["id"], ("open",)), order=resting["id"])
        await one.cancel_order(resting["id"], SYMBOL)
        tell("watch cancelled", gave=await until(seen, came, resting["id"], ("canceled",)))
        changed = asyncio.ensure_future(one.watch_balance())
        taken = await one.create_order(SYMBOL, "market", "buy", 0.01)
        tell("watch filled", gave=await until(seen, came, taken["id"], ("closed",)), order=taken["id"])
        tell("watch balance after", gave=(await asyncio.wait_for(changed, 20))["total"])
        fresh = await asyncio.wait_for(trades, 20)
        while fresh[-1]["order"] != taken["id"]:  # earlier ones come with the subscription
            fresh = await asyncio.wait_for(one.watch_my_trades(SYMBOL), 20)
        tell("watch trades", gave=fresh, order=taken["id"])
        placed = await one.create_order_ws(SYMBOL, "limit", "buy", 0.01, low)
        tell("placed by socket", gave=placed)
        tell("open by socket", gave=await until(seen, came, placed["id"], ("open",)))
        tell("cancelled by socket", gave=await one.cancel_order_ws(placed["id"]))
        await until(seen, came, placed["id"], ("canceled",))
        tell("asked trades", gave=await one.fetch_my_trades(SYMBOL))
        tasks[0].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        await one.close()


async def keep(method, seen, came):
    """The newest of each order. Of all symbols: what ends an order has none, so ccxt tells it to nobody else."""
    while True:
        for order in await method():
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


def main():
    tell("version", gave=ccxt.__version__)
    if given["part"] == "trade":
        trade(made(ccxt.kraken))
    elif given["part"] == "move":
        move(made(ccxt.kraken))
    elif given["part"] == "mistakes":
        mistakes()
    else:
        asyncio.run(watch())


main()
