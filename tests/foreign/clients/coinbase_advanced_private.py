"""coinbase-advanced-py trades at the simulated Advanced Trade: what each call gave, or which error it raised.

Enters: one argument of JSON: `rest`, `ws`, `keys` (name: key, PEM). Leaves: a line of JSON a call. Never: an import of
cryptopipe, anything given but addresses and keys.
"""

import json
import threading

from coinbase.rest import RESTClient
from coinbase.websocket import WSUserClient
from requests.exceptions import HTTPError
from told import answered, options, tried, versions

PRODUCT = "BTC-USD"


def client(key="all"):
    text, secret, _ = options["keys"][key]
    return RESTClient(api_key=text, api_secret=secret, base_url=options["rest"].partition("://")[2])


def told(name, work):
    """What a call gives; told, and returned."""
    return tried(HTTPError, name, lambda: work().to_dict())


def on_message(text):
    message = json.loads(text)
    heard.append(message)
    came.set()


def until(what):
    """Waits for something heard."""
    while True:
        for message in heard:
            if what(message):
                return message
        came.clear()
        if not came.wait(20):
            raise TimeoutError


def orders_of(message):
    return [order for event in message.get("events", ()) for order in event.get("orders", ())]


versions("coinbase-advanced-py")
heard, came = [], threading.Event()
one = client()
told("permissions", one.get_api_key_permissions)
told("accounts", one.get_accounts)
told("summary", one.get_transaction_summary)
told("products", one.get_products)
product = told("product", lambda: one.get_product(PRODUCT))
low = f"{float(product['price']) * 0.9:.2f}"
text, secret, _ = options["keys"]["all"]
stream = WSUserClient(api_key=text, api_secret=secret, base_url=options["ws"], on_message=on_message)
stream.open()
stream.user(product_ids=[PRODUCT])
until(lambda message: message.get("channel") == "subscriptions")
resting = told("limit", lambda: one.limit_order_gtc_buy("name-1", PRODUCT, "0.01", low))["success_response"]["order_id"]
told("open", lambda: one.get_order(resting))
told("same name", lambda: one.limit_order_gtc_buy("name-1", PRODUCT, "0.01", low))
told("listed", lambda: one.list_orders(product_ids=[PRODUCT], order_status=["OPEN"]))
told("cancel", lambda: one.cancel_orders([resting, "3fa3a1c2-1111-4222-8333-444455556666"]))
told("cancelled", lambda: one.get_order(resting))
taken = told("market", lambda: one.market_order_buy("name-2", PRODUCT, quote_size="500"))["success_response"][
    "order_id"
]
told("filled", lambda: one.get_order(taken))
told("fills", lambda: one.get_fills(order_ids=[taken]))
told("ioc", lambda: one.limit_order_ioc_sell("name-3", PRODUCT, "0.01", low))
told("poor", lambda: one.limit_order_gtc_buy("name-4", PRODUCT, "50", low))
for name, state in ((resting, "CANCELLED"), (taken, "FILLED")):
    found = until(lambda m, name=name, state=state: any(
        order["order_id"] == name and order["status"] == state for order in orders_of(m)
    ))  # fmt: skip
    answered(f"heard {state}", next(order for order in orders_of(found) if order["order_id"] == name))
answered("sequence", [message["sequence_num"] for message in heard if "sequence_num" in message])
stream.close()
for key in ("wrong key", "wrong secret"):
    told(key, client(key).get_accounts)
told("no right", lambda: client("reader").limit_order_gtc_buy("name-5", PRODUCT, "0.01", low))
told("unknown order", lambda: one.get_order("3fa3a1c2-1111-4222-8333-444455556666"))
