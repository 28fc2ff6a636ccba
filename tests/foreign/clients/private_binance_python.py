"""python-binance trades, withdraws and listens on the simulated Binance, nothing but the addresses changed.

Enters: `told.options` with `rest`, `ws`, two keys. Leaves: a line `did` a step, with what the client got. Never: a
class changed but for its addresses.
"""

import asyncio
import traceback

from binance import AsyncClient, BinanceSocketManager
from binance.base_client import BaseClient
from binance.exceptions import BinanceAPIException
from told import complain, did, options, versions

SYMBOL = "BTCUSDT"


def made(key):
    """The client with one of the sandbox's keys."""
    return AsyncClient(key["key"], key["secret"])


async def refused(step, awaitable):
    """Code, status and text of what is raised."""
    try:
        await awaitable
    except BinanceAPIException as error:
        did(step, [error.code, error.status_code, error.message])
    else:
        complain("binance", f"{step} was not refused")


async def rest(client):
    """Orders and the account by REST."""
    book = await client.get_order_book(symbol=SYMBOL, limit=5)
    ask = float(book["asks"][0][0])
    far = f"{ask * 0.8:.2f}"
    did("test", await client.create_test_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity="0.01"))
    did("market", await client.order_market_buy(symbol=SYMBOL, quantity="0.01", newClientOrderId="py-1"))
    limit = await client.order_limit_buy(symbol=SYMBOL, quantity="0.02", price=far, newOrderRespType="RESULT")
    did("limit", limit)
    acked = await client.create_order(symbol=SYMBOL, side="BUY", type="LIMIT_MAKER", quantity="0.02", price=far)
    did("ack", acked)
    did("get", await client.get_order(symbol=SYMBOL, orderId=limit["orderId"]))
    did("open", [one["orderId"] for one in await client.get_open_orders(symbol=SYMBOL)])
    did("cancel", await client.cancel_order(symbol=SYMBOL, orderId=limit["orderId"]))
    did("fok", await client.create_order(
        symbol=SYMBOL, side="BUY", type="LIMIT", timeInForce="FOK", quantity="50", price=f"{ask:.2f}"
    ))  # fmt: skip
    did("all", [[one["orderId"], one["status"]] for one in await client.get_all_orders(symbol=SYMBOL)])
    did("trades", await client.get_my_trades(symbol=SYMBOL))
    did("balance", await client.get_asset_balance(asset="BTC"))
    did("fee", await client.get_trade_fee(symbol=SYMBOL))
    did("coins", [one["coin"] for one in await client.get_all_coins_info()])
    did("permissions", await client.get_account_api_permissions())
    did("status", await client.get_account_status())
    did("counts", await client.get_current_order_count())
    await refused("funds", client.order_limit_buy(symbol=SYMBOL, quantity="50", price=far))
    await refused("cancel_again", client.cancel_order(symbol=SYMBOL, orderId=limit["orderId"]))
    await refused("symbol", client.get_order(symbol="NOPE", orderId=1))
    await refused("exponent", client.order_limit_buy(symbol=SYMBOL, quantity=0.00001, price=far))
    return far


async def money(client, other):
    """A withdrawal to the other account, until it is there."""
    address = await other.get_deposit_address(coin="SOL", network="SOL")
    sent = await client.withdraw(coin="SOL", network="SOL", address=address["address"], amount="2", withdrawOrderId="w")
    did("withdraw", sent)
    for _ in range(200):
        told = (await client.get_withdraw_history(coin="SOL"))[0]
        came = await other.get_deposit_history(coin="SOL")
        if told["status"] == 6 and came and came[0]["status"] == 1:
            did("sent", told)
            did("came", came[0])
            return
    complain("binance", "the withdrawal did not arrive")


async def until(stream, good):
    """The events of the account up to the first that is good."""
    seen = []
    async with asyncio.timeout(15):
        while not (seen and good(seen[-1])):
            seen.append(await stream.recv())
    return seen


def ended(event):
    return event["e"] == "executionReport" and event["X"] == "CANCELED"


async def websocket(client, far):
    """The user's socket while orders go by the websocket API."""
    async with BinanceSocketManager(client).user_socket() as stream:
        placed = await client.ws_create_order(
            symbol=SYMBOL, side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.01", price=far
        )
        did("ws_place", placed)
        did("ws_get", await client.ws_get_order(symbol=SYMBOL, orderId=placed["orderId"]))
        did("ws_cancel", await client.ws_cancel_order(symbol=SYMBOL, orderId=placed["orderId"]))
        did("events", await until(stream, ended))


async def main():
    versions("python-binance")
    BaseClient.API_URL = options["rest"] + "/api"
    BaseClient.MARGIN_API_URL = options["rest"] + "/sapi"
    BaseClient.WS_API_URL = options["ws"] + "/ws-api/v3"
    BinanceSocketManager.STREAM_URL = options["ws"] + "/"
    client, other = (made(key) for key in options["keys"])
    try:
        far = await rest(client)
        await money(client, other)
        await websocket(client, far)
        stranger = made({"key": "no-such-key", "secret": "x"})
        await refused("wrong_key", stranger.get_account())
        await stranger.close_connection()
    except Exception:  # noqa: BLE001 -- whatever a client raises is what is measured
        complain("binance", traceback.format_exc(limit=-4))
    finally:
        await client.close_connection()
        await other.close_connection()


asyncio.run(main())
