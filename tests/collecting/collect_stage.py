"""A collector without sockets: the packaged capture happens to it, and it can be killed.

Enters: inputs, when to spill, where to kill. Leaves: a data directory. Never: a clock, a thread that outlives the test.
"""

import gzip
import json
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from cryptopipe import registry
from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.capture.reader import Capture
from cryptopipe.clock import SECOND
from cryptopipe.collect.collector import Collector, Means
from cryptopipe.collect.plan import Plan, Wanted
from cryptopipe.collect.sessions import Session, begin
from cryptopipe.drivers.replay import SUFFIX, packaged_files

VENUE = packaged_files()[0].name.removesuffix(SUFFIX)
HOUR = 3600 * SECOND
PLAN = Plan(
    VENUE,
    None,
    (Wanted("trade"), Wanted("book", 500, 5), Wanted("top"), Wanted("candle", 5000)),
    max_bytes=8000,
)
STOPPED = b"duration"


@cache
def inputs() -> tuple[Input, ...]:
    """The packaged capture of one venue, moved so that an hour begins in its middle."""
    found: list[Input] = []
    numbers: Counter[str] = Counter()
    for entry in islice(Capture(packaged_files()[0], VENUE), 320):
        found.append(entry)
        if b'"depthUpdate"' in entry.payload:
            told = json.loads(entry.payload)["data"]
            numbers[told["s"]] += 1
            found.append(msgspec.structs.replace(entry, payload=trade(told["s"], numbers[told["s"]], told["E"])))
    middle = found[len(found) // 2].at
    return moved(found, (middle // HOUR + 1) * HOUR - middle)


def trade(symbol: str, number: int, at_ms: int) -> bytes:
    """The packaged capture has none; ids of a symbol are consecutive."""
    told = {
        "e": "trade",
        "E": at_ms,
        "s": symbol,
        "t": number,
        "p": f"{number % 7 + 100}.50",
        "q": f"0.{number % 9 + 1}0",
    }
    return json.dumps({"stream": "-", "data": {**told, "T": at_ms - 1, "m": number % 2 == 0}}).encode()


def traded(entries: Sequence[Input], symbol: str) -> list[str]:
    """The ids of a symbol's trades, read by themselves."""
    found = [json.loads(one.payload)["data"] for one in entries if b'"trade"' in one.payload]
    return [str(one["t"]) for one in found if one["s"] == symbol]


def moved(entries: Sequence[Input], by: int) -> tuple[Input, ...]:
    """The same later, numbered anew."""
    replace = msgspec.structs.replace
    return tuple(replace(one, seq=seq, turn=seq, at=one.at + by) for seq, one in enumerate(entries, 1))


class Stage:
    """One collector's life over a data directory."""

    def __init__(self, data_dir: Path, first: int, plan: Plan = PLAN, waiting: Callable[[], int] = lambda: 0) -> None:
        self.at = first
        self.session: Session = begin(data_dir, VENUE, first)
        self.alarms: list[str] = []
        means = Means(lambda: self.at, waiting, alarm=lambda where, text: self.alarms.append(text))
        self.collector = Collector(data_dir, registry.exchange(VENUE), plan, self.session, means)
        self.collector.begin()
        self.durable = 0
        """Bytes of the last segment that a power loss leaves."""

    def hear(self, entries: Sequence[Input]) -> None:
        """Inputs, a turn each."""
        for entry in entries:
            self.at = entry.at
            before = self.collector.writer.durable
            self.collector.take(entry)
            self.collector.turn_ended(entry.at)
            if entry.seq % 16 == 0:
                self.collector.looked(entry.at)
            if self.collector.writer.durable != before:
                self.durable = self.segments()[-1].stat().st_size

    def segments(self) -> list[Path]:
        return sorted(self.session.path.glob("*.arrows"))

    def end(self) -> int:
        """As a signal ends it."""
        last = Input(1 << 40, 1 << 40, self.at + 1, Direction.COMMAND, "", "", "", STOPPED)
        self.hear([last])
        return self.collector.end()

    def kill(self, lost: float) -> None:
        """As a power loss ends it: of what is not durable this share is gone."""
        self.collector._thread.shutdown()  # what it has begun is done, or is not: see who calls
        segment = self.segments()[-1]
        size = segment.stat().st_size
        kept = size - int((size - min(self.durable, size)) * lost)
        with segment.open("r+b") as file:
            file.truncate(kept)


def told(data_dir: Path) -> dict[str, str]:
    """By name the text of each row file."""
    return {path.name: gzip.decompress(path.read_bytes()).decode() for path in files(data_dir)}


def files(data_dir: Path) -> list[Path]:
    return sorted(data_dir.glob("collected/*/*/*/*.csv.gz"))


def manifests(data_dir: Path) -> dict[str, dict[str, Any]]:
    """By name of the file, without the time at which it was sealed."""
    found = {}
    for path in files(data_dir):
        one = json.loads(path.with_name(path.name + ".json").read_text())
        del one["sealed_at"]
        found[path.name] = one
    return found


def rows(data_dir: Path, folder: str) -> str:
    """All rows of a kind, symbol by symbol, in the order of the files."""
    return "".join(text for name, text in told(data_dir).items() if f"-{folder}-" in name)
