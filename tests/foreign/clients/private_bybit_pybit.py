"""pybit trades, holds contracts, sends and listens on the simulated Bybit, nothing but the addresses changed.

Enters: `told.options` with `rest`, `ws`, two keys. Leaves: a line `did` a step, with what the client got. Never: an
argument but keys; its addresses are module constants.
"""

import threading
import traceback
import uuid

import pybit._websocket_trading as trading
import pybit.unified_trading as unified
from pybit.exceptions import InvalidRequestError
from told import complain, did, listen_to, options, versions

SPOT = {"category": "spot", "symbol": "BTCUSDT"}
LINEAR = {"category": "linear", "symbol": "BTCUSDT"}
SECONDS = 15


def made(key, **more):
    """pybit's session with one of the sandbox's keys."""
    session = unified.HTTP(api_key=key["key"], api_secret=key["secret"], **more)
    session.endpoint = options["rest"]
    return session


def refused(step, call):
    """Code and text of what pybit raises."""
    try:
        call()
    except InvalidRequestError as error:
        did(step, [error.status_code, error.message[:200]])
    else:
        complain("bybit", f"{step} was not refused")


class Listener:
    """Keeps what comes, by topic."""

    def __init__(self):
        self.rows, self.changed = {}, threading.Condition()

    def heard(self, message):
        with self.changed:
            self.rows.setdefault(message["topic"], []).extend(message["data"])
            self.changed.notify_all()

    def until(self, topic, good):
        """The first row that is good."""
        with self.changed:
            found = self.changed.wait_for(lambda: [one for one in self.rows.get(topic, []) if good(one)], SECONDS)
        assert found, f"no such row of {topic}: {self.rows.get(topic)}"
        return found[0]


def spot(session, listener):
    """Orders of the spot market, by request and by the stream."""
    ask = float(session.get_orderbook(**SPOT)["result"]["a"][0][0])
    far = f"{ask * 0.97:.1f}"
    placed = session.place_order(
        **SPOT, side="Buy", orderType="Limit", qty="0.01", price=far, orderLinkId="py-1", timeInForce="PostOnly"
    )["result"]
    did("placed", placed)
    rows = session.get_open_orders(**SPOT, orderLinkId="py-1")["result"]["list"]
    did("open", rows)
    did("told_open", listener.until("order", lambda one: one["orderId"] == placed["orderId"]))
    did("cancelled", session.cancel_order(**SPOT, orderId=placed["orderId"])["result"])
    did("told_end", listener.until("order", lambda one: one["orderStatus"] == "Cancelled"))
    bought = session.place_order(**SPOT, side="Buy", orderType="Market", qty="100", marketUnit="quoteCoin")["result"]
    did("bought", session.get_order_history(**SPOT, orderId=bought["orderId"])["result"]["list"])
    trades = session.get_executions(**SPOT, orderId=bought["orderId"])["result"]["list"]
    did("trades", trades)
    did("told_trade", listener.until("execution", lambda one: one["orderId"] == bought["orderId"]))
    twice = {"side": "Buy", "orderType": "Limit", "qty": "0.01", "price": far, "orderLinkId": "py-2"}
    session.place_order(**SPOT, **twice)
    refused("twice", lambda: session.place_order(**SPOT, **twice))
    did("cancelled_all", session.cancel_all_orders(**SPOT)["result"])
    refused("again", lambda: session.cancel_order(**SPOT, orderLinkId="py-2"))
    refused("funds", lambda: session.place_order(**SPOT, side="Buy", orderType="Limit", qty="50", price=far))


def linear(session, listener):
    """A position, opened and closed."""
    session.set_leverage(**LINEAR, buyLeverage="3", sellLeverage="3")
    refused("leverage", lambda: session.set_leverage(**LINEAR, buyLeverage="3", sellLeverage="3"))
    session.place_order(**LINEAR, side="Buy", orderType="Market", qty="0.03")
    did("position", session.get_positions(**LINEAR)["result"]["list"][0])
    did("told_position", listener.until("position", lambda one: one["size"] == "0.03"))
    session.place_order(**LINEAR, side="Sell", orderType="Market", qty="0.03", reduceOnly=True)
    did("flat", session.get_positions(category="linear", settleCoin="USDT")["result"]["list"])
    wallet = session.get_wallet_balance(accountType="UNIFIED", coin="USDT")["result"]["list"][0]["coin"][0]
    did("wallet", wallet["walletBalance"])
    told = listener.until(
        "wallet", lambda one: any(coin["walletBalance"] == wallet["walletBalance"] for coin in one["coin"])
    )
    did("told_wallet", told["accountType"])


def money(session):
    """Coins, moves, addresses."""
    did("key", session.get_api_key_information()["result"]["permissions"])
    did("account", session.get_account_info()["result"])
    did("rates", session.get_fee_rates(**SPOT)["result"]["list"])
    did("coins", [one["coin"] for one in session.get_coin_info()["result"]["rows"]])
    did("chains", session.get_master_deposit_address(coin="USDT")["result"]["chains"])
    moved = session.create_internal_transfer(
        transferId=str(uuid.uuid4()), coin="SOL", amount="5", fromAccountType="UNIFIED", toAccountType="FUND"
    )["result"]
    did("moved", moved["status"])
    held = session.get_coins_balance(accountType="FUND", coin="SOL")["result"]["balance"]
    did("fund", held[0]["walletBalance"])
    (listed,) = session.get_withdrawal_address_list(coin="SOL", chain="SOL")["result"]["rows"]
    asked = {"coin": "SOL", "chain": "SOL", "address": listed["address"], "accountType": "FUND"}
    given = session.withdraw(**asked, amount="2", timestamp=session.get_server_time()["time"])["result"]["id"]
    rows = session.get_withdrawal_records(withdrawID=given)["result"]["rows"]
    did("sent", rows)
    refused("less", lambda: session.withdraw(**asked, amount="0.01", timestamp=session.get_server_time()["time"]))


def by_stream(key):
    """An order by the websocket."""
    trade = unified.WebSocketTrading(testnet=False, api_key=key["key"], api_secret=key["secret"])
    answered, answers = threading.Event(), []

    def heard(message):
        answers.append(message)
        answered.set()

    trade.place_order(heard, error_callback=heard, **SPOT, side="Sell", orderType="Market", qty="0.001")
    assert answered.wait(SECONDS), "no answer to an order by the stream"
    did("ws_placed", answers[0])
    trade.exit()


def main():
    versions("pybit")
    unified.PRIVATE_WSS = options["ws"] + "/v5/private"
    trading.TRADE_WSS = options["ws"] + "/v5/trade"
    key = options["keys"][0]
    listen_to("pybit._websocket_stream")
    listener = Listener()
    stream = unified.WebSocket(channel_type="private", testnet=False, api_key=key["key"], api_secret=key["secret"])
    for subscribe in (stream.order_stream, stream.execution_stream, stream.wallet_stream, stream.position_stream):
        subscribe(callback=listener.heard)
    session = made(key)
    refused("wrong_key", lambda: made({"key": "nobody", "secret": "x"}).get_wallet_balance(accountType="UNIFIED"))
    refused("wrong_signature", lambda: made({**key, "secret": "x"}).get_wallet_balance(accountType="UNIFIED"))
    spot(session, listener)
    linear(session, listener)
    money(session)
    by_stream(key)
    stream.exit()


try:
    main()
except Exception:  # noqa: BLE001 -- whatever a client raises is what is measured
    complain("bybit", traceback.format_exc(limit=-4))
