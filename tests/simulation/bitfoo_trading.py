"""The private side of `bitfoo`'s simulated end, as a stranger would write it: signed requests, a user's stream.

Enters: signed requests and texts of a client, a desk. Leaves: answers and events in the words of this sample. Never: a
real venue's form; a broad exception that would swallow a fault.

A request has the headers `key`, `time` (nanoseconds) and `sign`: HMAC-SHA256 over time, method, path with query and
body, in hex, by the secret's text. On the websocket the same over time, `AUTH`, `/v2` and nothing.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal as D
from typing import Any
from urllib.parse import parse_qsl

from conformance.bitfoo import make
from simulation.bitfoo_sandbox import BitFooSession, BitFooVenue

from cryptopipe import api

WINDOW: api.Nanos = 5_000_000_000
RULES = api.TradingRules(D("0.01"), D("0.00001"), D("0.00001"), D(1))
STATUS = {api.Refusal.BUSY: 503, api.Refusal.UNKNOWN_ORDER: 404}


def signature(secret: str, time: str, method: str, path: str, body: bytes) -> str:
    """Of a request."""
    text = f"{time}{method}{path}".encode() + body
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


def signed(key: api.Credentials, method: str, path: str, body: object, at: api.Nanos) -> api.HttpRequest:
    """A request as a client of this sample makes it; `body` None for none."""
    payload = b"" if body is None else json.dumps(body).encode()
    sign = signature(key.secret, str(at), method, path, payload)
    return api.HttpRequest(method, path, {"key": key.key, "time": str(at), "sign": sign}, payload or None)


def sign_in(key: api.Credentials, at: api.Nanos) -> str:
    """The first text of a user's stream."""
    sign = signature(key.secret, str(at), "AUTH", "/v2", b"")
    return json.dumps({"op": "auth", "key": key.key, "time": str(at), "sign": sign})


class Refused(Exception):
    """A status and a word."""

    def __init__(self, status: int, word: str) -> None:
        super().__init__(word)
        self.status, self.word = status, word


class Counter:
    """What both doors share: keys, and actions in the sample's words."""

    def __init__(self, books: Mapping[str, api.SimulatedBook], desk: api.SimulatedDesk) -> None:
        self._instruments = {symbol: book.instrument for symbol, book in books.items()}
        self.desk = desk

    def account(self, key: str, time: str, sign: str, text: tuple[str, str, bytes]) -> api.SimulatedAccount:
        """Whose request this is. Raises `Refused`."""
        found = self.desk.key(key)
        if found is None or sign != signature(found.credentials.secret, time, *text):
            raise Refused(401, "bad_key")
        if abs(int(time) - self.desk.now) > WINDOW:
            raise Refused(401, "stale")
        return found.account

    def do(self, account: api.SimulatedAccount, name: str, asked: Mapping[str, str]) -> object:
        """One call by its name, `POST order`. Raises `Refused`, `DeskRefusal`."""
        match name:
            case "POST order":
                return told_order(account.place(self._order(asked)))
            case "DELETE order":
                return told_order(account.cancel(0, asked["id"]))
            case "DELETE orders":
                return [told_order(one) for one in account.cancel_all()]
            case "GET order":
                return told_order(account.order(0, asked["id"]))
            case "GET orders":
                return [told_order(one) for one in account.orders()]
            case "GET fills":
                return [told_fill(one) for one in account.fills()]
            case "GET balances":
                wallet = asked.get("wallet", api.TRADING)
                return {asset: [f"{b.free:f}", f"{b.locked:f}"] for asset, b in account.balances(wallet).items()}
            case "GET address":
                return account.deposit_address(api.Asset(asked["asset"]), self._network(asked)).address
            case "POST withdraw":
                asset, amount = api.Asset(asked["asset"]), D(asked["amount"])
                network = self._network(asked)
                return told_transfer(account.withdraw(asset, network, asked["to"], "", amount, asked["id"]))
            case "GET transfers":
                return [told_transfer(one) for way in (False, True) for one in account.transfers(way)]
            case "POST move":
                asset, amount = api.Asset(asked["asset"]), D(asked["amount"])
                return account.move(asset, amount, asked["from"], asked["to"], asked["id"]).move_id
            case "GET networks":
                return {
                    f"{one.asset} {network.code}": [network.deposits, network.withdrawals]
                    for one in self.desk.currencies
                    for network in one.networks
                }
        raise Refused(404, "no such call")

    def _order(self, asked: Mapping[str, str]) -> api.NewOrder:
        instrument = self._instruments.get(asked["s"])
        if instrument is None:
            raise Refused(400, "no such market")
        price = D(asked["price"]) if asked.get("price") else None
        kind = api.TimeInForce(asked.get("tif", "gtc"))
        return api.NewOrder(instrument, api.Side(asked["side"]), D(asked["size"]), price, None, kind, asked["id"])

    def _network(self, asked: Mapping[str, str]) -> api.Network:
        for one in self.desk.currencies:
            for network in one.networks:
                if (one.asset, network.code) == (asked["asset"], asked["network"]):
                    return network
        raise Refused(400, "no such network")


class TradingVenue(BitFooVenue):
    """The public venue, and beside it `/v2/my/…` and the operations of a signed-in session."""

    def __init__(self, books: Mapping[str, api.SimulatedBook], desk: api.SimulatedDesk) -> None:
        super().__init__(books)
        self.endpoints = {"spot": "/v2", "private": "/v2/my"}
        self._counter = Counter(books, desk)

    def open(self, path: str, at: api.Nanos) -> api.SandboxSession | api.HttpResponse:
        if path != "/v2/my":
            return super().open(path, at)
        return TradingSession(self._books, at, self._counter)

    def answer(self, request: api.HttpRequest, at: api.Nanos) -> api.HttpResponse:
        if self._counter.desk.maintenance:
            return as_json(503, {"error": "back soon"})
        path, _, query = request.url.partition("?")
        if not path.startswith("/v2/my/"):
            return super().answer(request, at)
        headers, body = request.headers, request.body or b""
        try:
            whole = (request.method, request.url, body)
            account = self._counter.account(headers.get("key", ""), headers.get("time", "0"), headers["sign"], whole)
            asked = json.loads(body) if body else dict(parse_qsl(query))
            return as_json(200, self._counter.do(account, f"{request.method} {path[7:]}", asked))
        except Refused as refused:
            return as_json(refused.status, {"error": refused.word})
        except api.DeskRefusal as refusal:
            return as_json(STATUS.get(refusal.why, 400), {"error": refusal.why.value})


class TradingSession(BitFooSession):
    """`{"op":"auth",…}`, then what happens to the account; `{"op":"POST order",…}` orders on the connection itself."""

    def __init__(self, books: Mapping[str, api.SimulatedBook], at: api.Nanos, counter: Counter) -> None:
        super().__init__(books, at)
        self._counter = counter
        self._account: api.SimulatedAccount | None = None
        self._told = 0

    def receive(self, message: str, at: api.Nanos) -> Iterable[api.Outgoing]:
        asked = json.loads(message)
        name = asked.pop("op")
        if name == "sub":
            return super().receive(message, at)
        if name == "auth":
            self._account = self._counter.account(asked["key"], asked["time"], asked["sign"], ("AUTH", "/v2", b""))
            self._told = self._account.number
            return (api.Say('{"type":"signed in"}'),)
        return self._do(name, asked)

    def _do(self, name: str, asked: Mapping[str, str]) -> Iterable[api.Outgoing]:
        assert self._account is not None
        try:
            yield ack(asked, self._counter.do(self._account, name, asked))
        except api.DeskRefusal as refusal:
            yield ack(asked, {"error": refusal.why.value})

    def publish(self, at: api.Nanos) -> Iterable[api.Outgoing]:
        yield from super().publish(at)
        if self._account is not None:
            for event in self._account.events(self._told):
                self._told = event.number
                yield api.Say(json.dumps(told_event(event)))


def ack(asked: Mapping[str, str], answer: object) -> api.Say:
    return api.Say(json.dumps({"type": "ack", "id": asked.get("id", ""), "answer": answer}))


def as_json(status: int, document: object) -> api.HttpResponse:
    return api.HttpResponse(status, json.dumps(document).encode())


def told_order(one: api.DeskOrder) -> dict[str, Any]:
    return {
        "order": one.order_id, "id": one.order.client_id, "state": one.status.value, "filled": f"{one.filled:f}",
        "spent": f"{one.spent:f}", "fees": {asset: f"{fee:f}" for asset, fee in one.fees.items()},
    }  # fmt: skip


def told_fill(one: api.DeskFill) -> dict[str, Any]:
    return {
        "fill": one.fill_id, "order": one.order_id, "side": one.side.value, "price": f"{one.price:f}",
        "size": f"{one.size:f}", "fee": f"{one.fee.amount:f}", "fee_in": one.fee.asset,
    }  # fmt: skip


def told_transfer(one: api.DeskTransfer) -> dict[str, Any]:
    return {
        "transfer": one.transfer_id, "id": one.client_id, "in": one.deposit, "amount": f"{one.amount:f}",
        "fee": f"{one.fee:f}", "state": one.status.value,
    }  # fmt: skip


def told_event(event: api.DeskEvent) -> dict[str, Any]:
    told: dict[str, Any] = {"type": "event", "number": event.number, "at": event.at}
    if event.order is not None:
        told["order"] = told_order(event.order)
    if event.fill is not None:
        told["fill"] = told_fill(event.fill)
    if event.balance is not None:
        told["balance"] = [event.wallet, event.asset, f"{event.balance.free:f}", f"{event.balance.locked:f}"]
    if event.transfer is not None:
        told["transfer"] = told_transfer(event.transfer)
    return told


class TradingInstruments:
    """One market, with rules."""

    def __init__(self, venue: str) -> None:
        assets = api.Asset("BTC"), api.Asset("USDT")
        self._one = api.Instrument(api.VenueId(venue), "btcusdt", *assets, rules=RULES)

    def listed(self) -> Sequence[api.Instrument]:
        return (self._one,)

    def find(self, symbol: str) -> api.Instrument:
        if symbol != self._one.symbol:
            raise api.ProtocolError(f"no such market: {symbol}", where=self._one.venue)
        return self._one


def trading(venue: str, fees: str = "0.0010") -> api.ExchangePlugin:
    """The sample with its private side, under any name."""
    token = "0x7130d2a12b9bcbfae4f2634d864a1ee1ce3ead9c"
    networks = (
        api.Network("slow", "bitcoin", None, True, True, D("0.0001"), None, D("0.001"), None, None, 8, 2),
        api.Network("quick", "bnb_smart_chain", token, True, True, D("0.00001"), None, D("0.001"), None, None, 8, 5),
    )
    wallets = (api.Currency(api.VenueId(venue), "XBT", api.Asset("BTC"), networks),)
    return replace(
        make(),
        venue=api.VenueId(venue),
        instruments=TradingInstruments(venue),
        fees=api.FeeSchedule.flat(fees, fees, "a sample, no venue", "2026-11-21"),
        sandbox=BitFooVenue,
        trading_sandbox=TradingVenue,
        wallets=lambda: wallets,
    )
