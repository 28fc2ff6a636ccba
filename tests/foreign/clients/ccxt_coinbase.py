"""ccxt and ccxt.pro trade at the simulated Advanced Trade: what each call gave, or which error it raised.

Enters: one argument of JSON: `rest`, `ws`, `keys` (name: key, PEM). Leaves: a line of JSON a call: its name and `gave`
or `raised` with `text`. Never: an import of cryptopipe, a changed option of ccxt's but URLs.
"""

import asyncio

import ccxt
import ccxt.pro
from private_ccxt import SYMBOL, Orders, first_book, rests, told
from told import answered, options, versions


def made(kind, key="all"):
    """ccxt's object with URLs of the sandbox."""
    text, secret, _ = options["keys"][key]
    one = kind({"apiKey": text, "secret": secret})
    one.urls["api"] = {"rest": options["rest"], "ws": options["ws"]}
    return one


def trade(one):
    told("markets", one.load_markets)
    told("fees", one.fetch_trading_fees)
    book = told("book", lambda: one.fetch_order_book(SYMBOL))
    ask, bid = book["asks"][0][0], book["bids"][0][0]
    low, high = round(bid * 0.9, 2), round(ask * 1.01, 2)
    told("balance before", lambda: one.fetch_balance({"v3": True}))
    told("balance of v2", one.fetch_balance)
    resting = rests(one, low, v3=True)
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
        book = await first_book(one)
        orders = Orders(one.watch_orders, SYMBOL)
        low = round(book["bids"][0][0] * 0.9, 2)
        await orders.come_and_go(one, low)
        taken = await one.create_order(SYMBOL, "market", "sell", 0.01)
        answered("watch filled", await orders.until(taken["id"], "closed"), order=taken["id"])
        await orders.stop()
    finally:
        await one.close()


versions("ccxt")
trade(made(ccxt.coinbase))
mistakes()
asyncio.run(watch())
