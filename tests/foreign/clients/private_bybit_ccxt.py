"""ccxt and ccxt.pro trade, hold contracts, move, send and watch on the simulated Bybit, only the addresses changed.

Enters: `told.options` with `rest`, `ws`, two keys, and `rest` of another venue that coins come from. Leaves: a line
`did` a step, with what the client understood. Never: an option but the keys.
"""

import asyncio
import traceback

import ccxt
import ccxt.pro
from private_ccxt import held, networks_of, refused, told_of, trades_of, until
from told import complain, did, listen_to, options, pause, versions

SYMBOL = "BTC/USDT"
CONTRACT = "BTC/USDT:USDT"
NOBODY = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
"""An address of the chain: that of a token, as its issuer publishes it."""
CLOSED = {"acknowledged": True}
"""By which ccxt's user says that he knows that only the last 500 orders are found by id."""


def repointed(urls, rest):
    """The same nested addresses at the sandbox."""
    if isinstance(urls, dict):
        return {key: repointed(value, rest) for key, value in urls.items()}
    scheme, _, text = urls.partition("://")
    origin = options["ws"] if scheme.startswith("ws") else rest
    return origin + "".join(text.partition("/")[1:])


def made(module, key, name="bybit", rest=None):
    """ccxt's class with one of the sandbox's keys."""
    exchange = getattr(module, name)({"apiKey": key["key"], "secret": key["secret"]})
    exchange.urls = {**exchange.urls, "api": repointed(exchange.urls["api"], rest or options["rest"])}
    return exchange


def found(exchange, order, symbol=SYMBOL):
    return told_of(exchange.fetch_order(order["id"], symbol, CLOSED))


def orders(exchange):
    """Every order type, found again in every way."""
    ask = exchange.fetch_order_book(SYMBOL)["asks"][0]
    did("before", held(exchange.fetch_balance(), "BTC", "USDT"))
    far = round(ask[0] * 0.97, 1)
    taken = exchange.create_order(SYMBOL, "limit", "buy", 0.01, round(ask[0] * 1.005, 1), {"timeInForce": "IOC"})
    did("ioc", found(exchange, taken))
    did("after", held(exchange.fetch_balance(), "BTC", "USDT"))
    rests = exchange.create_order(SYMBOL, "limit", "buy", 0.02, far, {"clientOrderId": "mine-1"})
    did("limit", rests["id"])
    did("far", far)
    did("locked", held(exchange.fetch_balance(), "BTC", "USDT"))
    did("found", found(exchange, rests))
    did("open", [told_of(one) for one in exchange.fetch_open_orders(SYMBOL)])
    did("open_order", told_of(exchange.fetch_open_order(rests["id"], SYMBOL)))
    did("cancelled", exchange.cancel_order(rests["id"], SYMBOL)["id"])
    did("gone", found(exchange, rests))
    maker = exchange.create_order(SYMBOL, "limit", "sell", 0.01, round(ask[0] * 1.03, 1), {"postOnly": True})
    did("post_only", found(exchange, maker))
    did("cancelled_all", [one["id"] for one in exchange.cancel_all_orders(SYMBOL)])
    crossing = exchange.create_order(SYMBOL, "limit", "buy", 0.01, round(ask[0] * 1.005, 1), {"postOnly": True})
    did("would_take", found(exchange, crossing))
    sold = exchange.create_order(SYMBOL, "market", "sell", 0.005)
    did("market", found(exchange, sold))
    spent = exchange.create_market_buy_order_with_cost(SYMBOL, 100)
    did("by_cost", found(exchange, spent))
    did("trades", trades_of(exchange, SYMBOL))
    did("closed", [told_of(one) for one in exchange.fetch_closed_orders(SYMBOL)])
    did("canceled", [told_of(one) for one in exchange.fetch_canceled_orders(SYMBOL)])
    return ask[0]


def contracts(exchange):
    """Short, reduced, closed; leverage, funding, margin."""
    exchange.set_leverage(5, CONTRACT)
    refused("leverage_again", lambda: exchange.set_leverage(5, CONTRACT))
    before = exchange.fetch_balance()["USDT"]["total"]
    opened = exchange.create_order(CONTRACT, "market", "sell", 0.05)
    did("short", found(exchange, opened, CONTRACT))
    wanted = ("side", "contracts", "entryPrice", "leverage", "marginMode", "initialMargin", "unrealizedPnl", "symbol")
    position = exchange.fetch_position(CONTRACT)
    did("position", {name: position[name] for name in (*wanted, "markPrice", "liquidationPrice", "notional")})
    did("positions", [one["symbol"] for one in exchange.fetch_positions([CONTRACT])])
    rate = exchange.fetch_funding_rate(CONTRACT)
    did("funding", [rate["fundingRate"], rate["markPrice"], rate["fundingTimestamp"]])
    closed = exchange.create_order(CONTRACT, "market", "buy", 0.2, None, {"reduceOnly": True})
    did("closed_short", found(exchange, closed, CONTRACT))
    did("flat", exchange.fetch_position(CONTRACT)["contracts"])
    refused("reduce_only", lambda: exchange.create_order(CONTRACT, "market", "buy", 0.01, None, {"reduceOnly": True}))
    trades = exchange.fetch_my_trades(CONTRACT)
    did("contract_trades", [[one["side"], one["amount"], one["cost"], one["fee"]["cost"]] for one in trades])
    did("reconciled", [before, exchange.fetch_balance()["USDT"]["total"]])
    ledger = exchange.fetch_ledger("USDT")
    did("ledger", [[one["direction"], one["amount"], one["type"], one["after"]] for one in ledger])


def money(exchange, giver):
    """Fees, networks, addresses, moves, a withdrawal and a deposit."""
    fee = exchange.fetch_trading_fee(SYMBOL)
    did("fee", [fee["maker"], fee["taker"], len(exchange.fetch_trading_fees({"category": "linear"}))])
    did("networks", networks_of(exchange.fetch_currencies()))
    address = exchange.fetch_deposit_address("SOL", {"network": "SOL"})
    did("address", [address["address"], address["network"]])
    sent = giver.withdraw("SOL", 3, address["address"], {"network": "SOL"})
    did("given", sent["id"])
    moved = exchange.transfer("SOL", 5, "unified", "funding")
    did("moved", [moved["status"], moved["amount"], moved["fromAccount"], moved["toAccount"]])
    did("transfers", [[one["id"] == moved["id"], one["amount"]] for one in exchange.fetch_transfers("SOL")])
    did(
        "wallets", [exchange.fetch_balance({"type": "funding"})["SOL"]["free"], exchange.fetch_balance()["SOL"]["free"]]
    )
    book = exchange.private_get_v5_asset_withdraw_query_address({"coin": "SOL", "chain": "SOL"})
    (listed,) = book["result"]["rows"]
    withdrawn = exchange.withdraw("SOL", 2, listed["address"], {"network": "SOL", "accountType": "FUND"})
    did("withdrawn", withdrawn["id"])
    refused(
        "too_much", lambda: exchange.withdraw("SOL", 450, listed["address"], {"network": "SOL", "accountType": "FUND"})
    )


def arrived(exchange):
    """After the chain has had its time."""
    sent, came = exchange.fetch_withdrawals("SOL"), exchange.fetch_deposits("SOL")
    did("sent", [[one["id"], one["status"], one["amount"], one["fee"]["cost"], one["network"]] for one in sent])
    did("came", [[one["status"], one["amount"], one["network"]] for one in came])
    return bool(came) and came[0]["status"] == "ok" and sent[0]["status"] == "ok"


def wrong(exchange, ask):
    """What the venue refuses, as ccxt tells it."""
    wallet = {"accountType": "UNIFIED"}
    stranger = made(ccxt, {"key": "no-such-key", "secret": "x"})
    refused("wrong_key", lambda: stranger.private_get_v5_account_wallet_balance(wallet))
    forger = made(ccxt, {"key": exchange.apiKey, "secret": "x"})
    refused("wrong_signature", lambda: forger.private_get_v5_account_wallet_balance(wallet))
    late = made(ccxt, {"key": exchange.apiKey, "secret": exchange.secret})
    late.nonce = lambda: late.milliseconds() - 60_000
    refused("stale", lambda: late.private_get_v5_account_wallet_balance(wallet))
    order = {"category": "spot", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.01"}
    place = exchange.private_post_v5_order_create
    refused("symbol", lambda: place({**order, "symbol": "NOPEUSDT", "price": "1"}))
    refused("precise", lambda: place({**order, "price": f"{ask:.1f}12345"}))
    refused("lot", lambda: place({**order, "qty": "0.0123456789", "price": f"{ask:.1f}"}))
    refused("notional", lambda: place({**order, "qty": "0.000011", "price": f"{ask:.1f}"}))
    refused("funds", lambda: exchange.create_order(SYMBOL, "limit", "buy", 50, round(ask * 0.97, 1)))
    refused("margin", lambda: exchange.create_order(CONTRACT, "limit", "buy", 80, round(ask * 0.97, 1)))
    refused("network", lambda: exchange.withdraw("SOL", 1, NOBODY, {"network": "NOWHERE"}))
    refused("unlisted", lambda: exchange.withdraw("SOL", 1, NOBODY, {"network": "SOL"}))
    refused("no_order", lambda: exchange.fetch_order("987654321", SYMBOL, CLOSED))
    refused("no_cancel", lambda: exchange.cancel_order("987654321", SYMBOL))


async def watched():
    """ccxt.pro: the book, orders, balances, positions and own trades by the stream; an order by the websocket."""
    exchange = made(ccxt.pro, options["keys"][0])
    try:
        book = await exchange.watch_order_book(SYMBOL)
        price = round(book["asks"][0][0] * 0.97, 1)
        opened = asyncio.create_task(until(lambda: exchange.watch_orders(SYMBOL), bool))
        balances = asyncio.create_task(until(lambda: exchange.watch_balance(), lambda one: "USDT" in one))
        await pause(0.5)
        placed = await exchange.create_order(SYMBOL, "limit", "buy", 0.01, price)
        did("watched_open", [placed["id"], told_of((await opened)[-1])])
        seen, asked = await balances, await exchange.fetch_balance()
        did("watched_balance", [held(seen, "USDT"), held(asked, "USDT")])
        ended = asyncio.create_task(
            until(lambda: exchange.watch_orders(SYMBOL), lambda many: many[-1]["status"] == "canceled")
        )
        await pause(0.1)
        await exchange.cancel_order(placed["id"], SYMBOL)
        did("watched_end", told_of((await ended)[-1]))
        mine = asyncio.create_task(exchange.watch_my_trades(SYMBOL))
        await pause(0.3)
        taken = await exchange.create_order_ws(SYMBOL, "market", "buy", 0.01, book["asks"][0][0])
        trade = (await mine)[-1]
        did("watched_trade", [trade["order"] == taken["id"], trade["side"], trade["amount"], trade["fee"]])
        # the first is what ccxt asks for itself
        await exchange.watch_positions([CONTRACT])
        positions = asyncio.create_task(
            until(lambda: exchange.watch_positions([CONTRACT]), lambda many: bool(many[-1]["contracts"]))
        )
        await pause(0.3)
        await exchange.create_order(CONTRACT, "market", "buy", 0.02)
        position = (await positions)[-1]
        did("watched_position", [position["symbol"], position["side"], position["contracts"]])
        await exchange.create_order(CONTRACT, "market", "sell", 0.02, None, {"reduceOnly": True})
    finally:
        await exchange.close()


def main():
    versions("ccxt")
    listen_to("ccxt")
    exchange = made(ccxt, options["keys"][0])
    markets = exchange.load_markets()
    did("markets", [SYMBOL in markets, CONTRACT in markets, markets[SYMBOL]["precision"], markets[SYMBOL]["limits"]])
    ask = orders(exchange)
    contracts(exchange)
    money(exchange, made(ccxt, options["keys"][0], "binance", options["giver"]))
    wrong(exchange, ask)
    asyncio.run(watched())
    for _ in range(100):
        if arrived(exchange):
            return
    complain("bybit", "the coins did not arrive")


try:
    main()
except Exception:  # noqa: BLE001 -- whatever a client raises is what is measured
    complain("bybit", traceback.format_exc(limit=-4))
