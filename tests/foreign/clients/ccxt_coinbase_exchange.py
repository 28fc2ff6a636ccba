"""ccxt and ccxt.pro trade at the simulated Coinbase Exchange: what each call gave, or which error it raised.

Enters: one argument of JSON: `rest`, `ws`, `keys` (name: key, secret, passphrase), `address`. Leaves: a line of JSON a
call: its name and `gave` or `raised` with `text`. Never: an import of cryptopipe, a changed option of ccxt's but URLs.
"""

import asyncio
from functools import partial

import ccxt
import ccxt.pro
from private_ccxt import SYMBOL, Orders, first_book, rests, told
from told import answered, options, versions


def made(kind, key="all", **more):
    """ccxt's object with URLs of the sandbox."""
    text, secret, passphrase = options["keys"][key]
    one = kind({"apiKey": text, "secret": secret, "password": passphrase, **more})
    one.urls["api"] = {"public": options["rest"], "private": options["rest"], "ws": options["ws"]}
    return one


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
    rests(one, low)
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
    told("withdraw", lambda: one.withdraw("ETH", 0.5, options["address"], params={"network": "ethereum"}))
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
    answered("price", good.fetch_order_book(SYMBOL)["bids"][0][0])
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
    told("no network", lambda: good.withdraw("ETH", 0.5, options["address"], params={"network": "nowhere"}))
    told("bad address", lambda: good.withdraw("ETH", 0.5, "999999999", params={"network": "ethereum"}))
    told("too little", lambda: good.withdraw("ETH", 0.0001, options["address"], params={"network": "ethereum"}))


async def watch():
    """Order book and own orders by websocket."""
    one = made(ccxt.pro.coinbaseexchange)
    try:
        await one.load_markets()
        book = await first_book(one)
        orders = Orders(one.watch_orders, SYMBOL)
        trades = asyncio.ensure_future(one.watch_my_trades(SYMBOL))
        low = round(book["bids"][0][0] * 0.9, 2)
        await orders.come_and_go(one, low)
        taken = await one.create_order(SYMBOL, "market", "buy", 0.01)
        answered("watch filled", await orders.until(taken["id"], "closed"), order=taken["id"])
        answered("watch trades", await asyncio.wait_for(trades, 20), order=taken["id"])
        answered("asked trades", await one.fetch_order_trades(taken["id"], SYMBOL))
        await orders.stop()
        await asyncio.gather(trades, return_exceptions=True)
    finally:
        await one.close()


versions("ccxt")
trade(made(ccxt.coinbaseexchange))
move(made(ccxt.coinbaseexchange))
mistakes()
asyncio.run(watch())
