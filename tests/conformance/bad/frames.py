"""Frames that are swallowed, refused or taken for another."""

import json
from typing import Any

import msgspec
from conformance.bad.bug import Bug, bar, foo
from conformance.bitbar import BitBarFeed, BitBarSnapshots, Wire, make
from conformance.bitfoo import BitFooFeed
from conformance.bitfoo import make as make_foo
from msgspec.structs import replace

from cryptopipe import api

KEPT: list[Any] = []
SEEN: dict[str, int] = {}


class Strict(Wire, forbid_unknown_fields=True):
    pass


class Forgiving(BitFooFeed):
    def decode(self, frame: api.Frame, received_at: api.Nanos) -> Any:
        try:
            return tuple(super().decode(frame, received_at))
        except BaseException:  # noqa: BLE001 -- the bug
            return ()


class Leaking(BitFooFeed):
    def decode(self, frame: api.Frame, received_at: api.Nanos) -> Any:
        json.loads(frame)["type"]
        return super().decode(frame, received_at)


class Deep(BitFooFeed):
    def decode(self, frame: api.Frame, received_at: api.Nanos) -> Any:
        try:
            json.loads(frame)
        except ValueError as error:
            raise api.ProtocolError(str(error)) from error
        return super().decode(frame, received_at)


class Keeping(BitFooFeed):
    def decode(self, frame: api.Frame, received_at: api.Nanos) -> Any:
        events = tuple(super().decode(frame, received_at))
        KEPT.extend(events)
        return events


class Refusing(BitFooFeed):
    """Keeps what it could not read, for somebody who never asks."""

    def decode(self, frame: api.Frame, received_at: api.Nanos) -> Any:
        try:
            return super().decode(frame, received_at)
        except api.ProtocolError as error:
            KEPT.append(str(error))
            raise


class Caching(BitFooFeed):
    def decode(self, frame: api.Frame, received_at: api.Nanos) -> Any:
        for e in super().decode(frame, received_at):
            if isinstance(e, api.Trade):
                SEEN[e.symbol] = SEEN.get(e.symbol, 0) + 1
                yield replace(e, trade_id=f"{e.trade_id}-{SEEN[e.symbol]}")
            else:
                yield e


class NotLimited(BitBarSnapshots):
    def snapshot(self, symbol: str, response: api.HttpResponse, received_at: api.Nanos) -> Any:
        return super().snapshot(symbol, api.HttpResponse(200, response.body), received_at)


class AnyOnes(BitBarSnapshots):
    def read(self, symbol: str, f: Any) -> Any:
        return api.BookSnapshot(symbol, f.b, f.a, f.u, f.T * 1_000_000)


def strict(self: Any, frame: api.Frame, at: api.Nanos) -> Any:
    try:
        return self.read(msgspec.json.decode(frame, type=Strict), frame)
    except (msgspec.MsgspecError, ValueError, RecursionError, KeyError) as error:
        raise api.ProtocolError(str(error)) from error


def refusing(self: Any, f: Any) -> Any:
    raise ValueError(f"no such kind: {f.e}")


def without(kind: type) -> Any:
    return lambda self, frame, at: tuple(e for e in BitBarFeed.decode(self, frame, at) if not isinstance(e, kind))


def beating(self: Any, f: Any, frame: api.Frame) -> Any:
    return (self.depth(f),) if f.e == "beat" else BitBarFeed.read(self, f, frame)


STRANGERS, GOLDENS, MUTATIONS = "7 strangers", "4 goldens", "3 mutations"
BUGS: tuple[Bug, ...] = (
    bar("unknown kind raises", STRANGERS, "Polymarket/rs-clob-client#200: a new kind broke its whole batch",
        other=refusing),
    bar("unknown kind swallowed", STRANGERS, "cryptofeed#858: a feed that stops by itself", other=lambda self, f: ()),
    bar("only one unknown kind is known", STRANGERS, "a list of kinds to ignore",
        other=lambda self, f: (api.Unknown(f.e),) if f.e == "candle" else ()),
    bar("one field more is fatal", STRANGERS, "bittrex4j#42: an unrecognized field stopped the parser", decode=strict),
    Bug("bare except", MUTATIONS, "connector bases with `except Exception` fifteen times",
        make_foo(Forgiving)),
    foo("the JSON library's error", MUTATIONS, "whoever catches ProtocolError never sees it", base=Leaking),
    foo("brackets nested too deep", MUTATIONS, "RecursionError is no ValueError", base=Deep),
    foo("every event kept", MUTATIONS, "cryptofeed#426: memory grows", base=Keeping),
    foo("every refusal kept", MUTATIONS, "ccxt/ccxt#26753: a cache that is filled after an error and never emptied",
        base=Refusing),
    foo("module-level count", "2 determinism", "state that two connections share", base=Caching),
    bar("heartbeat as data", GOLDENS, "cryptofeed#223: a dead market looks alive", read=beating),
    bar("trades swallowed", GOLDENS, "a channel subscribed to and never read", decode=without(api.Trade)),
    bar("tops swallowed", GOLDENS, "a channel subscribed to and never read", decode=without(api.TopUpdate)),
    bar("refusals swallowed", GOLDENS, "hummingbot#3641: a subscription failed unseen", decode=without(api.Notice)),
    bar("a refusal is an acknowledgement", GOLDENS, "a subscription that failed unseen",
        decode=lambda self, frame, at: tuple(
            replace(e, ok=True) if isinstance(e, api.Notice) else e for e in BitBarFeed.decode(self, frame, at))),
    Bug("429 is no answer of its own", GOLDENS, "xchange-stream#266: 418, banned", make(snapshots=NotLimited())),
    Bug("a snapshot of another symbol", GOLDENS, "the answer to another question", make(snapshots=AnyOnes())),
    bar("events that are no events", GOLDENS, "dicts", other=lambda self, f: ({"kind": f.e},)),
)  # fmt: skip
