"""Numbers that are not the venue's, in fields that are not theirs."""

import json
from decimal import Decimal
from typing import Any

import msgspec
from conformance.bad.bug import Bug, bar, foo
from conformance.bitbar import SIDES, UNREADABLE, BitBarFeed, Wire
from conformance.bitfoo import BitFooFeed
from msgspec.structs import replace

from cryptopipe import api

READ = BitBarFeed


def levels(change: Any) -> Any:
    """A decode whose levels are written anew, each text through `change`; None drops the row."""

    def decode(self: Any, frame: api.Frame, received_at: api.Nanos) -> Any:
        for e in BitFooFeed.decode(self, frame, received_at):
            if isinstance(e, api.BookSnapshot | api.BookDelta):
                yield replace(e, bids=anew(e.bids, change), asks=anew(e.asks, change))
            else:
                yield e

    return decode


def anew(side: Any, change: Any) -> bytes:
    rows = (change(row) for row in json.loads(bytes(side)))
    return json.dumps([row for row in rows if row is not None]).encode()


def events(change: Any) -> Any:
    """A decode whose events pass through `change`."""
    return lambda self, frame, at: tuple(map(change, BitFooFeed.decode(self, frame, at)))


def turned(e: Any) -> Any:
    return replace(e, bids=e.asks, asks=e.bids) if isinstance(e, api.BookSnapshot) else e


def one_sided(e: Any) -> Any:
    return replace(e, asks=b"[]") if isinstance(e, api.BookDelta) else e


def crossed(self: Any, f: Any) -> Any:
    return api.TopUpdate(f.s, *f.ask, *f.bid, f.u, f.T * 1_000_000)


class Wide(Wire):
    u: int = 0


def wide(self: Any, frame: api.Frame, at: api.Nanos) -> Any:
    try:
        return self.read(msgspec.json.decode(frame, type=Wide), frame)
    except UNREADABLE as error:
        raise api.ProtocolError(str(error)) from error


def trade(**change: Any) -> Any:
    return lambda self, f: replace(READ.trade(self, f), **{name: of(f) for name, of in change.items()})


TICK, GOLDENS, MUTATIONS = "5 on tick", "4 goldens", "3 mutations"
BUGS: tuple[Bug, ...] = (
    foo("float levels", TICK, "peregrine#55: loss routes from float error",
        decode=levels(lambda row: [str(float(text)) for text in row])),
    foo("levels as bare floats", TICK, "bitfinex-api-node#328: 1.7e-7 beside 0.0000082",
        decode=levels(lambda r: [*map(float, r)])),
    foo("trailing zeros lost", TICK, "knowm/XChange#4063: a checksum needs them",
        decode=levels(lambda row: [f"{Decimal(text).normalize():f}" for text in row])),
    foo("prices to two places", TICK, "ccxt/ccxt#13214: precision cut",
        decode=levels(lambda row: [f"{float(row[0]):.1f}", row[1]])),
    foo("exponents", TICK, "xchange-stream#361: 8750.0000 as 8.75E+3",
        decode=levels(lambda row: [f"{float(row[0]):e}", row[1]])),
    foo("deletes ignored", GOLDENS, "ccxt/ccxt#23695: one side frozen",
        decode=levels(lambda row: row if float(row[1]) else None)),
    foo("size 0 kept as a level", GOLDENS, "cryptofeed#628: sizes of 0 in the book, bid above ask",
        decode=levels(lambda row: row if float(row[1]) else [row[0], "0.0001"])),
    foo("snapshot asks as bids", GOLDENS, "sides exchanged", decode=events(turned)),
    foo("asks never change", GOLDENS, "ccxt/ccxt#29485: only bids update", decode=events(one_sided)),
    bar("bid and ask exchanged in the top", TICK, "a crossed top is taken for an opportunity", top=crossed),
    bar("maker's side for the taker's", GOLDENS, "c9s/bbgo#2148: coinbase's `side` is the maker's",
        trade=trade(side=lambda f: SIDES[f.maker])),
    bar("ids through a float", GOLDENS, "ids above 2^53 from a JSON of doubles",
        trade=trade(trade_id=lambda f: str(int(float(f.t))))),
    bar("trade id lost", GOLDENS, "duplicates of a trade cannot be told", trade=trade(trade_id=lambda f: "")),
    bar("milliseconds read as microseconds", GOLDENS, "tardis: local and venue times in two units",
        trade=trade(event_time=lambda f: f.T * 1_000)),
    bar("event time 0", GOLDENS, "hftbacktest#67: no time of the venue", trade=trade(event_time=lambda f: 0)),
    bar("price and size exchanged", GOLDENS, "columns counted from one",
        trade=trade(price=lambda f: f.q, size=lambda f: f.p)),
    bar("wrong symbol", GOLDENS, "ccxt/ccxt#25500: NEIRO, another coin of the same name",
        trade=lambda self, f: replace(READ.trade(self, f), symbol="ETHUSDT")),
    bar("the ratio of the clock", GOLDENS, "the receipt's time for the venue's",
        decode=lambda self, frame, at: tuple(
            replace(e, event_time=at) if isinstance(e, api.Trade) else e for e in READ.decode(self, frame, at))),
    bar("float price", GOLDENS, "a price that is a number", trade=trade(price=lambda f: float(f.p or 0))),
    bar("top without its sizes", GOLDENS, "a top that nobody can trade on",
        top=lambda self, f: replace(READ.top(self, f), bid_size=None, ask_size=None)),
    bar("too wide a version", MUTATIONS, "an id of more than 64 bits goes on into the book", decode=wide),
)  # fmt: skip
