"""The other end of `bench load`: a process that records simulated venues, then sends what they said at a given pace.

Enters: an `Order`, one JSON line on stdin. Leaves: one line when it listens, one when all was sent. Never: a process
that outlives its stdin.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from cryptopipe import registry
from cryptopipe.bench.load_frames import CONNECTIONS, Recording
from cryptopipe.clock import Nanos
from cryptopipe.drivers.pace import Schedule, Sent, send_until_stdin_closes
from cryptopipe.model.facts import VenueId


class Order(msgspec.Struct, frozen=True):
    """What to do. `lose` is the number of a frame that is never sent; `order` is a file for each frame's connection."""

    venues: list[VenueId]
    assets: list[str]
    seed: int
    schedule: Schedule
    order: str
    cpu: int | None = None
    lose: int | None = None
    connections: int = CONNECTIONS
    trades: bool = False


class Listening(msgspec.Struct, frozen=True):
    """Told when clients may connect: ports by venue; of each connection its frames and the hash of their payloads;
    how long the frames took in simulated time.
    """

    ports: dict[VenueId, int]
    frames: list[int]
    sha256: list[str]
    lasted: Nanos


def _tell(what: Listening | Sent) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(what) + b"\n")
    sys.stdout.buffer.flush()


def main() -> None:
    """Carry out the order on stdin."""
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    if order.cpu is not None:
        os.sched_setaffinity(0, {order.cpu})
    plugins = {venue: registry.exchange(venue) for venue in order.venues}
    recording = Recording(plugins, order.assets, order.seed, order.connections, order.trades)
    recording.make(order.schedule.frames, order.lose)
    Path(order.order).write_bytes(recording.order)
    tapes = recording.tapes

    def listening(ports: Mapping[VenueId, int]) -> None:
        hashes = [one.told.hexdigest() for one in tapes]
        _tell(Listening(dict(ports), [len(one.ends) for one in tapes], hashes, recording.lasted))

    send_until_stdin_closes(recording.wires, tapes, recording.answers, order.schedule, listening, _tell)


if __name__ == "__main__":
    main()
