"""ccxt and ccxt.pro trade at the simulated Kraken: what each call gave, or which error it raised.

Enters: one argument of JSON: `part` (trade, move, mistakes or watch), `rest`, `ws`, `keys` (name: key, secret). Leaves:
a line of JSON a call: its name and `gave`, or `raised` with `text`. Never: an import of cryptopipe, a changed option of
ccxt's but URLs.
"""

import asyncio
from functools import partial

import ccxt
import ccxt.pro
from private_ccxt import SYMBOL, Orders, first_book, rests, told
from told import answered, options, versions

CLIENT_ID = "5f0c3a2e-8d41-4b7b-9c55-0d3b1c0f7a11"


def made(kind, key="all"):
    """ccxt's object with URLs of the sandbox."""
    text, secret = options["keys"][key]
    one = kind({"apiKey": text, "secret": secret})
    ws = dict.fromkeys(("public", "private", "publicV2", "privateV2"), options["ws"])
    one.urls["api"] = {"public": options["rest"], "private": options["rest"], "ws": ws}
    return one


def trade(one):
    """Every unified call that this client has for trading."""
    told("markets", one.load_markets)
    told("currencies", one.fetch_currencies)
    told("fees", lambda: one.fetch_trading_fee(SYMBOL))
    book = told("book", lambda: one.fetch_order_book(SYMBOL))
    told("balance before", one.fetch_balance)
    ask, bid = book["asks"][0][0], book["bids"][0][0]
    low, high = round(bid * 0.9, 1), round(ask * 1.01, 1)
    rests(one, low)
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
        book = await first_book(one)
        money = await asyncio.wait_for(one.watch_balance(), 20)
        answered("watch balance", money["total"])
        orders = Orders(one.watch_orders)  # of all symbols: an end has none, so ccxt tells it to nobody else
        trades = asyncio.ensure_future(one.watch_my_trades(SYMBOL))
        low = round(book["bids"][0][0] * 0.9, 1)
        await orders.come_and_go(one, low)
        changed = asyncio.ensure_future(one.watch_balance())
        taken = await one.create_order(SYMBOL, "market", "buy", 0.01)
        answered("watch filled", await orders.until(taken["id"], "closed"), order=taken["id"])
        answered("watch balance after", (await asyncio.wait_for(changed, 20))["total"])
        fresh = await asyncio.wait_for(trades, 20)
        while fresh[-1]["order"] != taken["id"]:  # earlier ones come with the subscription
            fresh = await asyncio.wait_for(one.watch_my_trades(SYMBOL), 20)
        answered("watch trades", fresh, order=taken["id"])
        placed = await one.create_order_ws(SYMBOL, "limit", "buy", 0.01, low)
        answered("placed by socket", placed)
        answered("open by socket", await orders.until(placed["id"], "open"))
        answered("cancelled by socket", await one.cancel_order_ws(placed["id"]))
        await orders.until(placed["id"], "canceled")
        answered("asked trades", await one.fetch_my_trades(SYMBOL))
        await orders.stop()
    finally:
        await one.close()


def main():
    versions("ccxt")
    if options["part"] == "trade":
        trade(made(ccxt.kraken))
    elif options["part"] == "move":
        move(made(ccxt.kraken))
    elif options["part"] == "mistakes":
        mistakes()
    else:
        asyncio.run(watch())


main()
