"""Our side of `bench feed`, in a process of its own, so that either core can be measured.

Enters: lines of JSON on stdin, `{"corpus": PATH}` and `{"pass": true}`. Leaves: a line each on stdout, with the seconds
of processor time that the depth frames took: an idle machine's, whoever else keeps it busy. Never: anything but the
path from bytes to best bid and ask inside the timed part.
"""

import gc
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from cryptopipe import core, registry
from cryptopipe.bench.corpus import Corpus
from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.core.number import forget
from cryptopipe.market.market import Market
from cryptopipe.market.sync import BookState
from cryptopipe.model.facts import VenueId


class Feed:
    """One corpus, ready to be timed any number of times."""

    def __init__(self, corpus: Corpus) -> None:
        self.venue = VenueId(corpus.venue)
        self.plugin = registry.exchange(corpus.venue)
        self.tiles = corpus.tiles
        conn, first = f"{corpus.venue}#1", corpus.frames[0][0]
        told = [(Direction.RECV, "", text) for text in (*corpus.opening, *corpus.earlier)]
        told += [(Direction.HTTP if one.request else Direction.RECV, one.request, one.raw) for one in corpus.snapshots]
        self._before = [
            Input(number, number, first, direction, self.venue, conn, url, text.encode())
            for number, (direction, url, text) in enumerate(told, 1)
        ]
        begin = len(self._before) + 1
        self.frames = [
            Input(number, number, at, Direction.RECV, self.venue, conn, "", raw.encode())
            for number, (at, raw) in enumerate(corpus.frames, begin)
        ]

    def markets(self) -> list[Market]:
        """Fresh books that hold their snapshots, one set a tile."""
        markets = [Market({self.venue: self.plugin}) for _ in range(self.tiles)]
        for market in markets:
            for entry in self._before:
                market.receive(entry)
            market.take_changed()
        return markets

    def timed_pass(self) -> dict[str, Any]:
        """Seconds for every frame of every tile, and the tops that the books ended with."""
        markets = self.markets()
        gc.collect()
        began = time.thread_time()
        tops = run(markets, self.frames)
        seconds = time.thread_time() - began
        books = [sync for market in markets for sync in market.books[self.venue].values()]
        broken = [f"{sync.id} is {sync.state.value}: {sync.reason}" for sync in books if sync.state != BookState.LIVE]
        refused = [text for market in markets for text in market.counts[self.venue].refusals]
        if broken or refused:
            return {"error": "; ".join([*broken, *refused])}
        ends = [sync.book.top for sync in markets[0].books[self.venue].values()]
        told = sorted([str(top.bid), str(top.ask)] for top in ends if top is not None)
        return {"seconds": seconds, "frames": len(self.frames) * len(markets), "tops": tops, "ends": told}


def run(markets: Sequence[Market], frames: Sequence[Input]) -> int:
    """The timed part: each frame to its book; where the top changed, its best prices are read, exact,
    in the units in which the shipped strategy compares them."""
    tops = 0
    for market in markets:
        forget()
        receive = market.receive
        for entry in frames:
            receive(entry)
            if market.changed:
                for sync in market.take_changed().values():
                    top = sync.book.top
                    if top is not None and top.bid_units is not None and top.ask_units is not None:
                        tops += 1
    return tops


def serve(cpu: int | None) -> None:
    """Answer until stdin ends."""
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})
    feed: Feed | None = None
    print(json.dumps({"core": core.NAME, "versions": {"python": sys.version.split()[0]}}), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        if "corpus" in order:
            feed = Feed(msgspec.json.decode(Path(order["corpus"]).read_bytes(), type=Corpus))
            answer: dict[str, Any] = {"ok": True}
        else:
            assert feed is not None, "a corpus comes before the first pass"
            answer = feed.timed_pass()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    serve(int(sys.argv[1]) if len(sys.argv) > 1 else None)
