"""ccxt and ccxt.pro trade, withdraw and watch on the simulated Binance, nothing but the addresses changed.

Enters: `told.options` with `rest`, `ws`, two keys. Leaves: a line `did` a step, with what the client understood. Never:
an option but the keys.
"""

import asyncio
import traceback

import ccxt
import ccxt.pro
from private_ccxt import held, networks_of, refused, told_of, trades_of, until
from told import complain, did, listen_to, options, pause, versions

SYMBOL = "BTC/USDT"
SOMEWHERE = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
"""An address of the chain: that of a token, as its issuer publishes it."""


def repointed(urls):
    """The same nested addresses at the sandbox."""
    if isinstance(urls, dict):
        return {key: repointed(value) for key, value in urls.items()}
    scheme, _, rest = urls.partition("://")
    return options["ws" if scheme.startswith("ws") else "rest"] + "/" + rest.partition("/")[2]


def made(module, key):
    """ccxt's class with one of the sandbox's keys."""
    exchange = module.binance({"apiKey": key["key"], "secret": key["secret"]})
    exchange.urls = {**exchange.urls, "api": repointed(exchange.urls["api"])}
    return exchange


def orders(exchange):
    """Every order type, found again in every way."""
    ask = exchange.fetch_order_book(SYMBOL)["asks"][0]
    did("before", held(exchange.fetch_balance(), "BTC", "USDT"))
    taken = exchange.create_order(SYMBOL, "limit", "buy", 0.01, round(ask[0] * 1.01, 2), {"timeInForce": "IOC"})
    did("ioc", told_of(taken) | {"fees": taken["fees"], "trades": len(taken["trades"])})
    did("after", held(exchange.fetch_balance(), "BTC", "USDT"))
    rests = exchange.create_order(SYMBOL, "limit", "buy", 0.02, round(ask[0] * 0.8, 2), {"clientOrderId": "mine-1"})
    did("limit", told_of(rests))
    did("locked", held(exchange.fetch_balance(), "BTC", "USDT"))
    did("found", told_of(exchange.fetch_order(rests["id"], SYMBOL)))
    did("by_client_id", told_of(exchange.fetch_order(None, SYMBOL, {"origClientOrderId": "mine-1"})))
    did("open", [one["id"] for one in exchange.fetch_open_orders(SYMBOL)])
    did("cancelled", told_of(exchange.cancel_order(rests["id"], SYMBOL)))
    did("closed", told_of(exchange.fetch_order(rests["id"], SYMBOL)))
    maker = exchange.create_order(SYMBOL, "limit", "sell", 0.01, round(ask[0] * 1.2, 2), {"postOnly": True})
    maker = exchange.fetch_order(maker["id"], SYMBOL)
    did("post_only", told_of(maker))
    did("cancelled_all", [one["id"] for one in exchange.cancel_all_orders(SYMBOL)])
    sold = exchange.create_order(SYMBOL, "market", "sell", 0.005)
    did("market", told_of(sold) | {"fees": sold["fees"]})
    spent = exchange.create_market_buy_order_with_cost(SYMBOL, 100)
    did("by_cost", told_of(spent))
    did("trades", trades_of(exchange, SYMBOL))
    did("history", [told_of(one) for one in exchange.fetch_orders(SYMBOL)])
    return ask[0]


def money(exchange, other):
    """Fees, networks, addresses, a withdrawal that arrives, a move."""
    fee = exchange.fetch_trading_fee(SYMBOL)
    did("fee", [fee["maker"], fee["taker"], len(exchange.fetch_trading_fees())])
    did("networks", networks_of(exchange.fetch_currencies()))
    address = other.fetch_deposit_address("SOL", {"network": "SOL"})
    did("address", [address["address"], address["network"]])
    sent = exchange.withdraw("SOL", 3, address["address"], {"network": "SOL", "withdrawOrderId": "w-1"})
    did("withdrawn", sent["id"])
    exchange.transfer("USDT", 12, "spot", "funding")
    did("funding", exchange.fetch_balance({"type": "funding"})["USDT"]["free"])


def arrived(exchange, other):
    """After the chain has had its time."""
    sent = exchange.fetch_withdrawals("SOL")[-1]
    did("sent", [sent["id"], sent["status"], sent["amount"], sent["fee"]["cost"], sent["network"], bool(sent["txid"])])
    came = other.fetch_deposits("SOL")
    did("came", [[one["status"], one["amount"], one["txid"] == sent["txid"], one["network"]] for one in came])
    return bool(came) and sent["status"] == "ok" and came[0]["status"] == "ok"


def wrong(exchange, ask):
    """What the venue refuses, as ccxt tells it."""
    stranger = made(ccxt, {"key": "no-such-key", "secret": "x"})
    refused("wrong_key", lambda: stranger.private_get_account())
    forger = made(ccxt, {"key": exchange.apiKey, "secret": "x"})
    refused("wrong_signature", lambda: forger.private_get_account())
    late = made(ccxt, {"key": exchange.apiKey, "secret": exchange.secret})
    late.nonce = lambda: late.milliseconds() - 60_000
    refused("stale", lambda: late.private_get_account())
    early = made(ccxt, {"key": exchange.apiKey, "secret": exchange.secret})
    early.nonce = lambda: early.milliseconds() + 5_000
    refused("ahead", lambda: early.private_get_account())
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    place = exchange.private_post_order
    refused("symbol", lambda: place({**order, "symbol": "NOPEUSDT", "quantity": "1", "price": "1"}))
    refused("tick", lambda: place({**order, "quantity": "0.01", "price": f"{ask:.2f}1"}))
    refused("precise", lambda: place({**order, "quantity": "0.01", "price": f"{ask:.2f}1234567"}))
    refused("lot", lambda: place({**order, "quantity": "0.0000001", "price": f"{ask:.2f}"}))
    refused("notional", lambda: place({**order, "quantity": "0.00001", "price": f"{ask:.2f}"}))
    refused("band", lambda: place({**order, "quantity": "0.01", "price": f"{ask * 6:.2f}"}))
    refused("funds", lambda: exchange.create_order(SYMBOL, "limit", "buy", 50, round(ask * 0.9, 2)))
    refused(
        "would_take",
        lambda: exchange.create_order(SYMBOL, "limit", "buy", 0.01, round(ask * 1.1, 2), {"postOnly": True}),
    )
    refused("network", lambda: exchange.withdraw("SOL", 3, SOMEWHERE, {"network": "NOWHERE"}))
    refused("bad_address", lambda: exchange.withdraw("SOL", 3, "0x" + "1" * 40, {"network": "SOL"}))
    refused("too_little", lambda: exchange.withdraw("SOL", 0.01, SOMEWHERE, {"network": "SOL"}))
    refused("no_order", lambda: exchange.fetch_order("987654321", SYMBOL))
    refused("no_cancel", lambda: exchange.cancel_order("987654321", SYMBOL))


async def watched():
    """ccxt.pro: the book, orders, balances and own trades by the stream; orders by the websocket."""
    exchange = made(ccxt.pro, options["keys"][0])
    try:
        book = await exchange.watch_order_book(SYMBOL)
        price = round(book["asks"][0][0] * 0.9, 2)
        before = await exchange.fetch_balance()
        balances = asyncio.create_task(until(lambda: exchange.watch_balance(), lambda one: one["USDT"]["used"] > 0))
        opened = asyncio.create_task(until(lambda: exchange.watch_orders(SYMBOL), lambda many: bool(many)))
        await pause(0.5)
        placed = await exchange.create_order_ws(SYMBOL, "limit", "buy", 0.01, price)
        did("ws_placed", told_of(placed))
        did("watched_open", told_of((await opened)[-1]))
        seen = await balances
        did("watched_balance", [seen["USDT"]["used"], before["USDT"]["free"] - seen["USDT"]["free"], price])
        did("ws_found", told_of(await exchange.fetch_order_ws(placed["id"], SYMBOL)))
        did("ws_open", [one["id"] for one in await exchange.fetch_open_orders_ws(SYMBOL)])
        # ccxt 4.5.90 parses this answer by no account's form and finds nothing in it: what it was given is looked at
        did("ws_balance", (await exchange.fetch_balance_ws())["info"]["balances"])
        ended = asyncio.create_task(
            until(lambda: exchange.watch_orders(SYMBOL), lambda many: many[-1]["status"] == "canceled")
        )
        await pause(0.1)
        did("ws_cancelled", told_of(await exchange.cancel_order_ws(placed["id"], SYMBOL)))
        did("watched_end", told_of((await ended)[-1]))
        mine = asyncio.create_task(exchange.watch_my_trades(SYMBOL))
        await pause(0.1)
        taken = await exchange.create_order_ws(SYMBOL, "market", "buy", 0.01)
        trade = (await mine)[-1]
        did("watched_trade", [trade["order"] == taken["id"], trade["amount"], trade["fee"]])
    finally:
        await exchange.close()


def main():
    versions("ccxt")
    listen_to("ccxt")
    exchange, other = (made(ccxt, key) for key in options["keys"])
    exchange.load_markets()
    ask = orders(exchange)
    money(exchange, other)
    wrong(exchange, ask)
    asyncio.run(watched())
    for _ in range(100):
        if arrived(exchange, other):
            return
    complain("binance", "the withdrawal did not arrive")


try:
    main()
except Exception:  # noqa: BLE001 -- whatever a client raises is what is measured
    complain("binance", traceback.format_exc(limit=-4))
