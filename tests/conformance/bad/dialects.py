"""What is wrong only in another dialect, in an answer beside the stream, or in what a damaged frame tells a book."""

from collections.abc import Sequence
from dataclasses import replace as part
from types import SimpleNamespace
from typing import Annotated, Any

import msgspec
from conformance.bad.bug import HERE, Bug, dialect
from conformance.bad.numbers import anew
from conformance.bitbar import (
    PLUGIN,
    UNREADABLE,
    VENUE,
    BitBarChecked,
    BitBarFeed,
    BitBarOrders,
    BitBarSigner,
    Wire,
    link,
    make,
)
from msgspec.structs import replace

from cryptopipe import api

RECORDED = {"recordings": (HERE / "recorded.jsonl",)}


class FloatLevels(BitBarChecked):
    def depth(self, f: Any) -> Any:
        e = super().depth(f)
        return replace(e, bids=anew(e.bids, floats), asks=anew(e.asks, floats))


def floats(row: Sequence[str]) -> list[str]:
    return [str(float(text)) for text in row]


class AnotherSpelling(BitBarChecked):
    """Nobody finds the instrument of its symbols, so that no grid is held against its numbers."""

    def depth(self, f: Any) -> Any:
        e = super().depth(f)
        return replace(e, symbol=e.symbol.replace("USDT", "_USDT"))


class SymbolForgotten(BitBarOrders):
    def connect(self, subscriptions: Any, auth: Any, at: api.Nanos) -> api.Connect:
        return super().connect(subscriptions[:1] and [subscriptions[0]] * len(subscriptions), auth, at)


class TwoOrders(BitBarOrders):
    """The first time otherwise than the second."""

    count = 0

    def url(self, auth: Any) -> str:
        type(self).count += 1
        return f"wss://ws.bitbar.example/orders?{self.count}"


class WideSum(Wire):
    c: int | None = None  # type: ignore[assignment]


class WideChecksum(BitBarChecked):
    def decode(self, frame: api.Frame, received_at: api.Nanos) -> Any:
        try:
            return self.read(msgspec.json.decode(frame, type=WideSum), frame)
        except UNREADABLE as error:
            raise api.ProtocolError(str(error)) from error


def ratio(last: int, delta: Any) -> api.Link:
    """How many updates a frame spans; of one that is damaged, none."""
    _ = delta.version // delta.first
    return link(last, delta)


def undecided(last: int, delta: Any) -> Any:
    return link(last, delta) if delta.version < 1_000 else None


def sequence(judge: Any) -> api.SyncRule:
    return api.SyncRule(api.Proof.SEQUENCE, judge, BitBarFeed.rule.join, snapshot_by_request=True)


class LettingOut(BitBarSigner):
    def auth(self, credentials: api.Credentials, response: Any, at: api.Nanos) -> api.StreamAuth:
        return api.StreamAuth(msgspec.json.decode(response.body)["token"])


class Telling(BitBarSigner):
    """Says whose token could not be read, with what it was asked for."""

    def auth(self, credentials: api.Credentials, response: Any, at: api.Nanos) -> api.StreamAuth:
        try:
            return super().auth(credentials, response, at)
        except api.ProtocolError as error:
            raise api.ProtocolError(f"no token for {credentials.key}:{credentials.secret}", where=VENUE) from error


class AnyToken(BitBarSigner):
    def auth(self, credentials: api.Credentials, response: Any, at: api.Nanos) -> api.StreamAuth:
        try:
            return api.StreamAuth(msgspec.json.decode(response.body, type=dict[str, str]).get("token", ""))
        except UNREADABLE as error:
            raise api.ProtocolError(f"no token: {error}", where=VENUE) from error


class Clock:
    resolution = 1_000_000

    def request(self) -> api.HttpRequest:
        return api.HttpRequest("GET", "https://api.bitbar.example/time")

    def server_time(self, response: api.HttpResponse) -> api.Nanos:
        try:
            return msgspec.json.decode(response.body, type=dict[str, Millis])["T"] * 1_000_000
        except UNREADABLE as error:
            raise api.ProtocolError(f"no time: {error}", where=VENUE) from error


Millis = Annotated[int, msgspec.Meta(ge=0, le=2**42)]


class LettingOutClock(Clock):
    def server_time(self, response: api.HttpResponse) -> api.Nanos:
        return int(msgspec.json.decode(response.body)["T"]) * 1_000_000


class WideClock(Clock):
    def server_time(self, response: api.HttpResponse) -> api.Nanos:
        try:
            return msgspec.json.decode(response.body, type=dict[str, int])["T"] * 1_000_000
        except UNREADABLE as error:
            raise api.ProtocolError(f"no time: {error}", where=VENUE) from error


def telling_time(books: Any) -> Any:
    """As much of a simulated venue as answers the request of its time."""
    return SimpleNamespace(answer=lambda request, at: api.HttpResponse(200, b'{"T":1700000000123}'))


OLDER = api.Dialect("older", "2020-01-01", BitBarFeed, lambda url, first: False)
TICK, RECORDED_TICK, GOLDENS, MUTATIONS = "5 on tick", "5 on tick, recorded", "4 goldens", "3 mutations"
CONNECT, SIGNER = "9 connect", "13 signer"
BUGS: tuple[Bug, ...] = (
    part(dialect("float levels of a recorded dialect", RECORDED_TICK, "an older form read by a codec nobody runs",
                 "checked", FloatLevels), also=RECORDED),
    dialect("symbols of a dialect that nobody finds", TICK, "XBT and BTC: two names of one market", "checked",
            AnotherSpelling),
    Bug("a dialect without a frame", GOLDENS, "a form kept for old recordings and never shown one",
        make(dialects=(*PLUGIN.dialects, OLDER))),
    Bug("single orders beside other channels", CONNECT, "a signed stream on a public connection",
        make(split=lambda told: [told] if told else [])),
    dialect("orders: symbol forgotten", CONNECT, "every book of orders is the first one's", "orders", SymbolForgotten),
    dialect("orders: another URL each time", CONNECT, "the same subscriptions differ from run to run", "orders",
            TwoOrders),
    dialect("too wide a checksum", MUTATIONS, "a number of more than 64 bits goes on into the core", "checked",
            WideChecksum),
    Bug("a rule that divides", MUTATIONS, "arithmetic on what a frame says", make(type("Bad", (BitBarFeed,),
        {"rule": sequence(ratio)}))),
    Bug("a rule that does not decide", MUTATIONS, "None for `I do not know`", make(type("Bad", (BitBarFeed,),
        {"rule": sequence(undecided)}))),
    Bug("a token's answer that lets errors out", SIGNER, "a KeyError where the key was refused",
        make(signer=LettingOut())),
    Bug("the secret in an error", SIGNER, "a key in a log", make(signer=Telling())),
    Bug("any answer is a token", SIGNER, "signed on with nothing", make(signer=AnyToken())),
    Bug("a time that lets errors out", MUTATIONS, "whoever asks for the time never sees ProtocolError",
        make(clock=LettingOutClock(), sandbox=telling_time)),
    Bug("a time of any width", MUTATIONS, "an offset of three hundred centuries",
        make(clock=WideClock(), sandbox=telling_time)),
)  # fmt: skip
GOOD_CLOCK = make(clock=Clock(), sandbox=telling_time)
