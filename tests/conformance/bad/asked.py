"""What is asked of a venue, what is said about it, what a frame costs, where the secret goes."""

from collections.abc import Sequence
from copy import deepcopy
from decimal import Decimal
from typing import Any

import msgspec
from conformance.bad.bug import Bug, bar, foo
from conformance.bitbar import (
    SOURCE,
    BitBarFeed,
    BitBarInstruments,
    BitBarMetadata,
    BitBarSigner,
    make,
    with_dialect,
)
from conformance.bitbar import BitBarOrders as Orders
from conformance.bitfoo import BitFooFeed

from cryptopipe import api

CONNECT, DECLARED, COST, SIGNER, METADATA = "9 connect", "6 declared", "10 cost", "13 signer", "12 metadata"


def told(text: Any) -> Any:
    """A connect whose texts are made otherwise."""

    def connect(self: Any, subscriptions: Sequence[api.Subscription], auth: Any, at: api.Nanos) -> api.Connect:
        return api.Connect("wss://ws.bitbar.example", tuple(text(s) for s in subscriptions))

    return connect


class Numbering(BitBarFeed):
    count = 0

    def connect(self, subscriptions: Any, auth: Any, at: api.Nanos) -> api.Connect:
        self.count += 1
        made = super().connect(subscriptions, auth, at)
        return msgspec.structs.replace(made, frames=(*made.frames, str(self.count)))


class Resubscribing(BitBarFeed):
    def connect(self, subscriptions: Any, auth: Any, at: api.Nanos) -> api.Connect:
        return msgspec.structs.replace(super().connect(subscriptions, auth, at), resubscribe={"btc-usdt": ("again",)})


class Silent(BitBarFeed):
    def connect(self, subscriptions: Any, auth: Any, at: api.Nanos) -> api.Connect:
        books = {s.instrument.symbol: () for s in subscriptions if s.channel is api.Channel.DEPTH}
        return msgspec.structs.replace(super().connect(subscriptions, auth, at), resubscribe=books)


class Looping(BitFooFeed):
    def decode(self, frame: api.Frame, received_at: api.Nanos) -> Any:
        for e in super().decode(frame, received_at):
            if isinstance(e, api.BookSnapshot | api.BookDelta):
                for row in (*msgspec.json.decode(e.bids), *msgspec.json.decode(e.asks or b"[]")):
                    self.seen = [Decimal(text).scaleb(8).to_integral_value() for text in row]
            yield e


class Copying(BitFooFeed):
    def decode(self, frame: api.Frame, received_at: api.Nanos) -> Any:
        events = super().decode(frame, received_at)
        self.last = deepcopy(msgspec.json.decode(frame))
        return events


class Twice(BitBarInstruments):
    def listed(self) -> Any:
        return super().listed() * 2


class Inventing(BitBarInstruments):
    def find(self, symbol: str) -> Any:
        return msgspec.structs.replace(super().find("BTCUSDT"), symbol=symbol)


class Showing(BitBarSigner):
    secret = ""

    def request(self, credentials: api.Credentials, at: api.Nanos) -> Any:
        self.secret = credentials.secret
        return super().request(credentials, at)

    def __repr__(self) -> str:
        return f"BitBarSigner({self.secret})"


class InUrl(BitBarSigner):
    def request(self, credentials: api.Credentials, at: api.Nanos) -> Any:
        return api.HttpRequest("POST", f"https://api.bitbar.example/token?secret={credentials.secret}")


class InBody(BitBarSigner):
    def request(self, credentials: api.Credentials, at: api.Nanos) -> Any:
        return msgspec.structs.replace(super().request(credentials, at), body=credentials.secret.encode())


class HandedOn(BitBarSigner):
    def auth(self, credentials: api.Credentials, response: Any, at: api.Nanos) -> api.StreamAuth:
        return api.StreamAuth(credentials.secret)


class Counting(BitBarSigner):
    nonce = 0

    def sign(self, credentials: api.Credentials, at: api.Nanos) -> str:
        self.nonce += 1
        return super().sign(credentials, at + self.nonce)


class Timed(BitBarSigner):
    def sign(self, credentials: api.Credentials, at: api.Nanos) -> str:
        return super().sign(credentials, __import__("time").time_ns())


class Unsigned(Orders):
    def connect(self, subscriptions: Any, auth: Any, at: api.Nanos) -> api.Connect:
        return super().connect(subscriptions, None, at)


class FloatTick(BitBarMetadata):
    def market(self, m: Any) -> api.Instrument:
        one = super().market(m)
        step = Decimal(float(m.step))
        return msgspec.structs.replace(one, rules=api.TradingRules(Decimal(m.tick), step, step, Decimal(0)))


class AlwaysTrading(BitBarMetadata):
    def market(self, m: Any) -> api.Instrument:
        return msgspec.structs.replace(super().market(m), state=api.TradingState.TRADING)


class AnyTicker(BitBarMetadata):
    def market(self, m: Any) -> api.Instrument:
        return msgspec.structs.replace(super().market(m), base=api.Asset(m.base))


class OpenUnlessTold(BitBarMetadata):
    def network(self, one: Any) -> api.Network:
        return msgspec.structs.replace(super().network(one), withdrawals=True if one.out is None else one.out)


class FreeUnlessTold(BitBarMetadata):
    def network(self, one: Any) -> api.Network:
        return msgspec.structs.replace(super().network(one), withdrawal_fee=Decimal(one.fee or 0))


class FloatFee(BitBarMetadata):
    def network(self, one: Any) -> api.Network:
        fee = None if one.fee is None else Decimal(float(one.fee))
        return msgspec.structs.replace(super().network(one), withdrawal_fee=fee)


class Unfinished(BitBarMetadata):
    def read(self, response: api.HttpResponse) -> api.Listing:
        found = msgspec.json.decode(response.body)
        return api.Listing() if not found["markets"] else super().read(response)


def fees(maker: str, taker: str, as_of: str = "2026-11-21") -> Any:
    return api.FeeSchedule.flat(maker, taker, SOURCE, as_of)


MINUTE = 60_000_000_000
BUGS: tuple[Bug, ...] = (
    bar("symbol forgotten", CONNECT, "every market subscribes to the first", connect=told(lambda s: s.channel.value)),
    bar("channel forgotten", CONNECT, "trades never subscribed to", connect=told(lambda s: s.instrument.symbol)),
    bar("a number for each connect", CONNECT, "the same subscriptions differ from run to run", base=Numbering),
    bar("resubscribes in another spelling", CONNECT, "gocryptotrader#2337", base=Resubscribing),
    bar("resubscribes with nothing", CONNECT, "ccxws#76: a book that never comes back", base=Silent),
    bar("unencrypted", CONNECT, "a sample's URL that stayed", url=lambda self, auth: "ws://ws.bitbar.example"),
    Bug("split loses some", CONNECT, "topics past a limit dropped", make(split=lambda told: [list(told)[:2]])),
    Bug("split doubles some", CONNECT, "a market on two connections",
        make(split=lambda told: [told, told] if told else [])),
    foo("a loop over levels", COST, "one Decimal a level: 48 times the time", base=Looping),
    foo("a deep copy of each frame", COST, "dicts copied at each hand-over", base=Copying),
    Bug("fee without a date", DECLARED, "a fee of 2019", make(fees=fees("0.001", "0.001", "recently"))),
    Bug("fee 0 for unknown", DECLARED, "Triangular-Arbitrage#24: no fees", make(fees=fees("0", "0"))),
    Bug("fee in percent", DECLARED, "hummingbot#8099: fees counted wrong", make(fees=fees("0.1", "0.1"))),
    Bug("limit missing", DECLARED, "cryptofeed#613: 429 on day two", make(dial_limits=())),
    Bug("limit of requests missing", DECLARED, "cryptofeed#613", make(fetch_limits=())),
    Bug("limit of no page", DECLARED, "a number from memory", make(dial_limits=(api.Limit(300, MINUTE),))),
    Bug("no docs", DECLARED, "nobody can check it", make(docs="")),
    Bug("a symbol listed twice", DECLARED, "two rules for one market", make(instruments=Twice())),
    Bug("rules for anything", DECLARED, "hummingbot#3419: rounded to zero", make(instruments=Inventing())),
    Bug("secret in a repr", SIGNER, "a key in a log", make(signer=Showing())),
    Bug("secret in a URL", SIGNER, "a key in an access log", make(signer=InUrl())),
    Bug("secret in a body", SIGNER, "the secret sent beside its signature", make(signer=InBody())),
    Bug("secret handed to the codec", SIGNER, "the secret in a subscription", make(signer=HandedOn())),
    Bug("nonce of its own", SIGNER, "cryptoeax/arbbot#8: a larger nonce was used elsewhere", make(signer=Counting())),
    Bug("nonce from the clock", SIGNER, "profit-trailer#1656: the clock was wrong", make(signer=Timed())),
    Bug("signature not sent", SIGNER, "a private channel asked for in public", with_dialect("orders", Unsigned)),
    Bug("step through a float", METADATA, "freqtrade#5415: dust", make(metadata=FloatTick())),
    Bug("every state is trading", METADATA, "orders into a market that only cancels", make(metadata=AlwaysTrading())),
    Bug("same ticker, same coin", METADATA, "ccxt/ccxt#25500: 11021 % arbitrage", make(metadata=AnyTicker())),
    Bug("open unless told", METADATA, "ccxt/ccxt#3618: deposits were disabled", make(metadata=OpenUnlessTold())),
    Bug("free unless told", METADATA, "arbbot#29: a withdrawal fee of 750", make(metadata=FreeUnlessTold())),
    Bug("withdrawal fee through a float", METADATA, "18 decimals in a double", make(metadata=FloatFee())),
    Bug("listing that lets errors out", METADATA, "a KeyError where the venue is in maintenance",
        make(metadata=Unfinished())),
)  # fmt: skip
