"""krakenex, then python-kraken-sdk trade at the simulated Kraken: what each call gave, or which error it raised.

Enters: one argument of JSON: `rest`, `ws`, `keys` (name: key, secret). Leaves: a line of JSON a call: its name and
`gave`, or `raised` with `text`. Never: an import of cryptopipe, a class changed but for its addresses.
"""

import asyncio
import time

import krakenex
from kraken import exceptions
from kraken.spot import Funding, Market, SpotWSClient, Trade, User
from told import answered, options, tried, versions

PAIR = "XBTUSD"
RAISED = tuple(one for name, one in vars(exceptions).items() if name.startswith("Kraken"))
CLIENT_ID = "8f0c3a2e-8d41-4b7b-9c55-0d3b1c0f7a12"


def told(name, work):
    """What a call gives; told, and returned."""
    return tried(RAISED, name, work)


def old(name, key="all"):
    """krakenex: milliseconds as nonce, a form as body, errors as the venue gives them."""
    api = krakenex.API(*options["keys"][key])
    api.uri = options["rest"]
    low = str(round(float(api.query_public("Ticker", {"pair": PAIR})["result"]["XXBTZUSD"]["b"][0]) * 0.9, 1))
    limit = {"pair": PAIR, "type": "buy", "ordertype": "limit", "price": low, "volume": "0.01", "userref": "77"}
    answered(f"{name} balance", api.query_private("Balance"))
    answered(f"{name} validate", api.query_private("AddOrder", {**limit, "validate": "true"}))
    added = api.query_private("AddOrder", limit)
    answered(f"{name} add", added)
    if not added["error"]:
        answered(f"{name} open", api.query_private("OpenOrders", {"userref": "77"}))
        answered(f"{name} cancel", api.query_private("CancelOrder", {"txid": added["result"]["txid"][0]}))


def new():
    """python-kraken-sdk: hundredths of microseconds as nonce."""
    keys = options["keys"]["all"]
    user, trade, funding = (kind(*keys, url=options["rest"]) for kind in (User, Trade, Funding))
    ticker = Market(url=options["rest"]).get_ticker(pair=PAIR)["XXBTZUSD"]
    bid = float(ticker["b"][0])
    low, high = round(bid * 0.9, 1), round(bid * 1.1, 1)
    told("balance", user.get_account_balance)
    told("balances", user.get_balances)
    told("trade balance", user.get_trade_balance)
    limit = {"ordertype": "limit", "side": "buy", "pair": PAIR, "volume": "0.01", "price": low}
    told("validate", lambda: trade.create_order(**limit, validate=True))
    resting = told("limit", lambda: trade.create_order(**limit, cl_ord_id=CLIENT_ID))
    told("open orders", lambda: user.get_open_orders(trades=True))
    told("cancel", lambda: trade.cancel_order(cl_ord_id=CLIENT_ID))
    told("cancel again", lambda: trade.cancel_order(txid=resting["txid"][0]))
    taken = told("ioc", lambda: trade.create_order(**{**limit, "price": high}, timeinforce="IOC"))
    ended = told("order info", lambda: user.get_orders_info(txid=taken["txid"], trades=True))
    told("trades info", lambda: user.get_trades_info(txid=ended[taken["txid"][0]]["trades"]))
    told("post-only", lambda: trade.create_order(**limit, oflags="post"))
    told("post-only crossing", lambda: trade.create_order(**{**limit, "price": high}, oflags="post"))
    told("too much", lambda: trade.create_order(**{**limit, "volume": "50"}))
    told("too precise", lambda: trade.create_order(**{**limit, "price": "1000.01"}))
    told("unknown pair", lambda: trade.create_order(**{**limit, "pair": "NOSUCHPAIR"}))
    batch = [{"ordertype": "limit", "type": "buy", "volume": "0.01", "price": str(low - step)} for step in (1, 2)]
    told("batch", lambda: trade.create_order_batch(orders=batch, pair=PAIR))
    told("cancel all", trade.cancel_all_orders)
    time.sleep(10)  # neither of the two keeps the venue's limit by itself: the counter runs down by one a second
    told("trades history", user.get_trades_history)
    told("closed orders", user.get_closed_orders)
    told("ledgers", lambda: user.get_ledgers_info(asset="ZUSD"))
    told("volume", lambda: user.get_trade_volume(pair=PAIR))
    told("deposit methods", lambda: funding.get_deposit_methods(asset="XBT"))
    told("deposit address", lambda: funding.get_deposit_address(asset="XBT", method="Bitcoin"))
    told("withdraw methods", lambda: funding.withdraw_methods(asset="XBT"))
    told("withdraw addresses", lambda: funding.withdraw_addresses(asset="XBT"))
    told("unknown key", lambda: funding.withdraw_funds(asset="XBT", key="nobody's", amount="0.1"))
    told("balance after", user.get_account_balance)
    told("wrong secret", User(keys[0], "YW5vdGhlci1zZWNyZXQ=", url=options["rest"]).get_account_balance)
    told("wrong key", User("no-such-key", keys[1], url=options["rest"]).get_account_balance)
    return low


async def watch(low):
    """Executions by the client's own private connection, which orders as well."""
    frames, came = [], asyncio.Event()

    async def keep(message):
        frames.append(message)
        came.set()

    def event(kind, order_id):
        rows = [row for one in frames if one.get("channel") == "executions" for row in one["data"]]
        return [row for row in rows if row["exec_type"] == kind and row["order_id"] == order_id]

    async def until(ready):
        async with asyncio.timeout(20):
            while not ready():
                came.clear()
                await came.wait()
        return ready()

    client = SpotWSClient(
        *options["keys"]["all"], callback=keep, no_public=True, rest_url=options["rest"], auth_ws_url=options["private"]
    )
    await client.start()
    await client.subscribe(params={"channel": "executions", "snap_orders": True, "snap_trades": True})
    await until(lambda: [one for one in frames if one.get("channel") == "executions"])
    order = {"order_type": "limit", "side": "buy", "symbol": "BTC/USD", "order_qty": 0.01}
    await client.send_message({"method": "add_order", "params": {**order, "limit_price": low}, "req_id": 91})
    added = (await until(lambda: [one for one in frames if one.get("req_id") == 91]))[0]
    answered("added by socket", added)
    txid = added["result"]["order_id"]
    answered("new", await until(lambda: event("new", txid)))
    await client.send_message({"method": "cancel_order", "params": {"order_id": [txid]}, "req_id": 92})
    answered("canceled", await until(lambda: event("canceled", txid)))
    await client.send_message(
        {"method": "add_order", "params": {**order, "order_type": "market", "side": "sell"}, "req_id": 93}
    )
    sold = (await until(lambda: [one for one in frames if one.get("req_id") == 93]))[0]["result"]["order_id"]
    answered("filled", await until(lambda: event("filled", sold)))
    answered("traded", event("trade", sold))
    answered("frames", frames)
    await client.close()


versions("krakenex", "python-kraken-sdk")
old("old")
price = new()
time.sleep(10)
old("old again")
asyncio.run(watch(price))
