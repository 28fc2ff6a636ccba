"""binance-sdk-spot, Binance's own generated client, trades on the simulated Binance by REST and by the websocket API.

Enters: `told.options` with `rest`, `ws`, two keys. Leaves: a line `did` a step, with what the client made of it.
Never: anything but key and addresses configured.
"""

import asyncio
import traceback

from binance_common.configuration import ConfigurationRestAPI, ConfigurationWebSocketAPI
from binance_sdk_spot.rest_api.models import NewOrderSideEnum, NewOrderTimeInForceEnum, NewOrderTypeEnum
from binance_sdk_spot.spot import Spot
from binance_sdk_spot.websocket_api.models import OrderPlaceSideEnum, OrderPlaceTimeInForceEnum, OrderPlaceTypeEnum
from told import complain, did, options, pause, versions

SYMBOL = "BTCUSDT"
SECONDS = 15


def order_of(told):
    return {name: getattr(told, name) for name in ("order_id", "client_order_id", "status", "executed_qty")}


def rest(client):
    """Orders and the account by REST; returns a price that rests."""
    best = float(client.depth(symbol=SYMBOL, limit=5).data().bids[0][0])
    far = round(best * 0.8, 2)
    market = client.new_order(
        symbol=SYMBOL, side=NewOrderSideEnum.BUY, type=NewOrderTypeEnum.MARKET, quantity=0.01
    ).data()
    did("market", order_of(market) | {"fills": len(market.fills)})
    limit = client.new_order(
        symbol=SYMBOL, side=NewOrderSideEnum.BUY, type=NewOrderTypeEnum.LIMIT, quantity=0.01, price=far,
        time_in_force=NewOrderTimeInForceEnum.GTC, new_client_order_id="sdk-1",
    ).data()  # fmt: skip
    did("limit", order_of(limit))
    did("found", order_of(client.get_order(symbol=SYMBOL, orig_client_order_id="sdk-1").data()))
    did("open", [one.order_id for one in client.get_open_orders(symbol=SYMBOL).data()])
    did("cancelled", order_of(client.delete_order(symbol=SYMBOL, order_id=limit.order_id).data()))
    did("all", [[one.order_id, one.status] for one in client.all_orders(symbol=SYMBOL).data()])
    did("trades", [[one.order_id, one.qty, one.commission_asset] for one in client.my_trades(symbol=SYMBOL).data()])
    did("account", {one.asset: one.free for one in client.get_account().data().balances})
    did("commission", client.account_commission(symbol=SYMBOL).data().standard_commission.taker)
    did("counts", [[one.interval, one.limit] for one in client.rate_limit_order().data()])
    try:
        client.get_order(symbol=SYMBOL, order_id=99999)
    except Exception as error:  # noqa: BLE001 -- whatever a client raises is what is measured
        did("no_order", [type(error).__name__, str(error)])
    return far


async def websocket(client, far):
    """The websocket API, with the user's events on the same connection."""
    connection = await client.create_connection()
    events = []
    try:
        response = await connection.user_data_stream_subscribe_signature()
        response.stream.on("message", lambda event: events.append(event))
        placed = (
            await connection.order_place(
                symbol=SYMBOL, side=OrderPlaceSideEnum.BUY, type=OrderPlaceTypeEnum.LIMIT, quantity=0.01, price=far,
                time_in_force=OrderPlaceTimeInForceEnum.GTC,
            )
        ).data().result  # fmt: skip
        did("ws_placed", order_of(placed))
        status = await connection.order_status(symbol=SYMBOL, order_id=placed.order_id)
        did("ws_status", order_of(status.data().result))
        did("ws_open", [one.order_id for one in (await connection.open_orders_status()).data().result])
        gone = (await connection.order_cancel(symbol=SYMBOL, order_id=placed.order_id)).data().result
        did("ws_cancelled", order_of(gone))
        held = (await connection.account_status()).data().result.balances
        did("ws_account", {one.asset: one.locked for one in held})
        async with asyncio.timeout(SECONDS):
            while len(events) < 4:
                await pause(0.05)
        read = [event.actual_instance for event in events]
        did("events", [[type(one).__name__, getattr(one, "X", None), one.additional_properties] for one in read])
    finally:
        await connection.close_connection(close_session=True)


def main():
    versions("binance-sdk-spot")
    key = options["keys"][0]
    both = {"api_key": key["key"], "api_secret": key["secret"]}
    client = Spot(
        config_rest_api=ConfigurationRestAPI(base_path=options["rest"], **both),
        config_ws_api=ConfigurationWebSocketAPI(stream_url=options["ws"] + "/ws-api/v3", **both),
    )
    asyncio.run(websocket(client.websocket_api, rest(client.rest_api)))


try:
    main()
except Exception:  # noqa: BLE001 -- whatever a client raises is what is measured
    complain("binance", traceback.format_exc(limit=-4))
