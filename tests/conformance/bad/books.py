"""Books that are wrong and say that they are right."""

from dataclasses import replace as part
from typing import Any

from conformance.bad.bug import Bug, bar, dialect, foo
from conformance.bitbar import BitBarChecked, BitBarFeed, BitBarOrders, BitBarSnapshots, make
from conformance.bitfoo import BitFooFeed
from conformance.bitfoo import make as make_foo
from msgspec.structs import replace

from cryptopipe import api

APPLY, SKIP, GAP = api.Link.APPLY, api.Link.SKIP, api.Link.GAP
UNPROVEN = api.SyncRule(api.Proof.NONE, api.apply_always, api.apply_always, snapshot_by_request=False)
_seen: dict[str, api.BookSnapshot] = {}


def proven(link: Any, join: Any = None, by_request: bool = False) -> api.SyncRule:
    return api.SyncRule(api.Proof.SEQUENCE, link, join or link, snapshot_by_request=by_request)


def joined(join: Any) -> api.SyncRule:
    return proven(BitBarFeed.rule.link, join, by_request=True)


class Merging(BitFooFeed):
    """The second snapshot is told as changes."""

    rule = UNPROVEN
    begun = False

    def decode(self, frame: api.Frame, received_at: api.Nanos) -> Any:
        for e in super().decode(frame, received_at):
            if isinstance(e, api.BookSnapshot) and self.begun:
                yield api.BookDelta(e.symbol, e.bids, e.asks, e.version, e.version, 0, 0)
            else:
                self.begun = self.begun or isinstance(e, api.BookSnapshot)
                yield e


class Surviving(BitFooFeed):
    """The first snapshot of the process is every connection's."""

    def decode(self, frame: api.Frame, received_at: api.Nanos) -> Any:
        for e in super().decode(frame, received_at):
            if isinstance(e, api.BookDelta) and e.symbol in _seen:
                s = _seen[e.symbol]
                _seen[e.symbol] = replace(s, bids=bytes(s.bids)[:-1] + b',["61830.00","1"]]')
            yield _seen.setdefault(e.symbol, e) if isinstance(e, api.BookSnapshot) else e


class Counting(BitFooFeed):
    """Sees a gap itself, and waits in silence for what was lost."""

    rule = proven(api.apply_always)
    last = 0

    def decode(self, frame: api.Frame, received_at: api.Nanos) -> Any:
        for e in super().decode(frame, received_at):
            if isinstance(e, api.BookDelta):
                if e.version != self.last + 1:
                    continue
                self.last = e.version
            elif isinstance(e, api.BookSnapshot):
                self.last = e.version
            yield e


class Numberless(BitFooFeed):
    """Numbers what it receives, as if the venue had."""

    count = 7

    def decode(self, frame: api.Frame, received_at: api.Nanos) -> Any:
        for e in super().decode(frame, received_at):
            if isinstance(e, api.BookDelta):
                self.count += 1
                yield replace(e, first=self.count, version=self.count)
            else:
                yield e


class Newest(BitBarSnapshots):
    def read(self, symbol: str, f: Any) -> Any:
        return replace(super().read(symbol, f), version=f.T)


def by_text(last: int, delta: Any) -> api.Link:
    return SKIP if str(delta.version) <= str(last) else APPLY if delta.version == last + 1 else GAP


def timed(self: Any, f: Any) -> Any:
    return api.BookDelta(f.s, f.b, f.a, f.T, f.T, 0, f.T * 1_000_000)


def checked(**other: Any) -> api.SyncRule:
    told = {"depth": 5, "checksum": "crc_mantissas", "checksum_levels": 5} | other
    return api.SyncRule(api.Proof.CHECKSUM, api.apply_always, api.apply_always, False, **told)


def ignoring(self: Any, f: Any) -> Any:
    return replace(BitBarChecked.depth(self, f), checksum=None)


def counted_twice(last: int, delta: Any) -> api.Link:
    return APPLY if delta.version in (last, last + 1) else GAP


SYNC, ORDERS, GOLDENS, DECLARED = "8 sync", "11 orders", "4 goldens", "6 declared"
BUGS: tuple[Bug, ...] = (
    Bug("snapshot merged", SYNC, "ccxt/ccxt#29210, gemini: ghost levels for a weekend", make_foo(Merging)),
    Bug("levels of the connection before", SYNC, "ccxt/ccxt#21723: after a reconnect the new snapshot was an update",
        make_foo(Surviving)),
    Bug("resync never", SYNC, "gocryptotrader#2255: after a gap the depth stays marked valid", make_foo(Counting)),
    Bug("own numbers", SYNC, "cryptofeed#1016: wrong but plausible", make_foo(Numberless)),
    foo("link always applies", SYNC, "cryptofeed#1016, kucoin: a gap between snapshot and stream",
        rule=proven(api.apply_always)),
    foo("gaps skipped", SYNC, "ccxt/ccxt#6762: kucoin book stuck",
        rule=proven(lambda last, d: APPLY if d.version == last + 1 else SKIP)),
    foo("later ones always apply", SYNC, "the commonest reading of `newer than the book`",
        rule=proven(lambda last, d: APPLY if d.version > last else SKIP)),
    foo("duplicate is a gap", SYNC, "gocryptotrader#2337: a storm of resubscriptions",
        rule=proven(lambda last, d: APPLY if d.version == last + 1 else GAP)),
    foo("sequence compared as text", SYNC, "numbers kept as the strings that JSON had", rule=proven(by_text)),
    bar("first event must begin at the snapshot", SYNC, "decred/dcrdex#2908: the first update straddles the snapshot",
        rule=joined(BitBarFeed.rule.link)),
    bar("first event dropped", SYNC, "bitrich-info/xchange-stream#86: `U` and `u` beside lastUpdateId",
        rule=joined(lambda last, d: SKIP if d.first <= last else APPLY)),
    bar("older events applied to the snapshot", SYNC, "hftbacktest#300: no validation of update ids",
        rule=joined(api.apply_always)),
    bar("late snapshot accepted", SYNC, "bmoscon/cryptostore#57: no overlap with the first update",
        rule=joined(lambda last, d: SKIP if d.version <= last else APPLY)),
    part(bar("answers taken for a stream's snapshots", SYNC, "a late answer to REST replaces the book",
             rule=proven(BitBarFeed.rule.link, BitBarFeed.rule.join)),
         also={"stream": ("snapshot", "depth_join", "depth_13", "depth_14", "depth_17")}),
    bar("version from the event time", SYNC, "versions of two clocks compared", depth=timed),
    Bug("snapshot's version from its time", SYNC, "versions of two clocks compared", make(snapshots=Newest())),
    dialect("checksum ignored", SYNC, "ccxt/ccxt#24461: the validation of checksums is off by default", "checked",
        BitBarChecked,
            depth=ignoring, rule=checked()),
    dialect("checksum over fewer levels", SYNC, "top ten of one channel taken for another's", "checked", BitBarChecked,
            rule=checked(checksum_levels=3)),
    dialect("book not cut to its depth",
        SYNC, "knowm/XChange#4571: levels out of scope are not removed by the venue", "checked",
            BitBarChecked, rule=checked(depth=0)),
    dialect("checksum claimed", DECLARED, "proof on paper", "checked", BitBarChecked, rule=checked(checksum="")),
    dialect("proof none with a checksum", DECLARED, "a proof thrown away", "checked", BitBarChecked,
            rule=api.SyncRule(api.Proof.NONE, api.apply_always, api.apply_always, False, checksum="crc_mantissas")),
    foo("a crossed book is allowed", DECLARED, "ccxt/ccxt#24944: p2b crosses in a minute",
        rule=api.SyncRule(api.Proof.SEQUENCE, BitFooFeed.rule.link, BitFooFeed.rule.link, False, transient_cross=True)),
    dialect("orders: a match twice", ORDERS, "cryptofeed L3: a replayed frame", "orders", BitBarOrders,
            rule=api.SyncRule(api.Proof.SEQUENCE, counted_twice, counted_twice, False,
                              orders=api.OrderFormat(0, 1, 2))),
    dialect("orders: gaps unseen", ORDERS, "cryptofeed#290: changes of orders that the book has not", "orders",
        BitBarOrders,
            rule=api.SyncRule(api.Proof.SEQUENCE, api.apply_always, api.apply_always, False,
                              orders=api.OrderFormat(0, 1, 2))),
    dialect("orders: a match sets the size", GOLDENS, "coinbasepro-python#490: a match did not reduce its order",
        "orders", BitBarOrders,
            order=lambda self, one: api.OrderEvent(
                api.OrderChange.SET if one.do == "match" else BitBarOrders.order(self, one).change,
                one.id, one.price, one.size)),
    dialect("orders: gone ignored", GOLDENS, "cancelled orders left in the book", "orders", BitBarOrders,
            order=lambda self, one: BitBarOrders.order(self, one) if one.do != "gone" else
            api.OrderEvent(api.OrderChange.REDUCE, one.id, size="0")),
    dialect("orders: prices and sizes exchanged", ORDERS, "columns counted from one", "orders", BitBarOrders,
            rule=api.SyncRule(api.Proof.SEQUENCE, BitBarOrders.rule.link, BitBarOrders.rule.link, False,
                              orders=api.OrderFormat(0, 2, 1))),
)  # fmt: skip
