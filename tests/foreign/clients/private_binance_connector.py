"""binance-connector listens by the older dialect, a listen key on the stream's address, while it trades by REST.

Enters: `told.options` with `rest`, `ws`, two keys. Leaves: a line `did` a step, with what the client got. Never: an
argument but key and addresses.
"""

import json
import threading
import traceback

from binance.spot import Spot
from binance.websocket.spot.websocket_stream import SpotWebsocketStreamClient
from told import complain, did, options, versions

SYMBOL = "BTCUSDT"
SECONDS = 15


class Listener:
    """Keeps what comes, and says when an order's end has come."""

    def __init__(self):
        self.events, self.subscribed, self.ended = [], threading.Event(), threading.Event()

    def heard(self, _, text):
        told = json.loads(text)
        if "e" not in told:
            self.subscribed.set()
            return
        self.events.append(told)
        if told["e"] == "executionReport" and told["X"] == "CANCELED":
            self.ended.set()


def main():
    versions("binance-connector")
    key = options["keys"][0]
    client = Spot(key["key"], key["secret"], base_url=options["rest"])
    listen_key = client.new_listen_key()["listenKey"]
    did("listen_key", listen_key)
    listener = Listener()
    stream = SpotWebsocketStreamClient(stream_url=options["ws"], on_message=listener.heard)
    try:
        stream.user_data(listen_key=listen_key)
        assert listener.subscribed.wait(SECONDS), "no answer to the subscription"
        far = f"{float(client.depth(SYMBOL, limit=5)['bids'][0][0]) * 0.8:.2f}"
        placed = client.new_order(
            symbol=SYMBOL, side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.01", price=far
        )
        did("placed", placed)
        did("counts", client.get_order_rate_limit())
        did("cancelled", client.cancel_order(SYMBOL, orderId=placed["orderId"]))
        assert listener.ended.wait(SECONDS), f"what came: {listener.events}"
        did("events", listener.events)
        did("renewed", client.renew_listen_key(listen_key))
        did("account", client.account(omitZeroBalances="true")["balances"])
        did("rights", client.api_key_permissions())
        did("closed", client.close_listen_key(listen_key))
    finally:
        stream.stop()


try:
    main()
except Exception:  # noqa: BLE001 -- whatever a client raises is what is measured
    complain("binance", traceback.format_exc(limit=-4))
