"""What every client here tells the test: versions, calls, moments of its books, complaints; a JSON line each on stdout.

Enters: one argument of JSON (`origins`, `seconds`, `moments`, `depth`, `seed`, and what the client needs beside).
Leaves: lines. Never: an import of cryptopipe; any interpreter that has the client can run these files.
"""

import asyncio
import json
import logging
import os
import random
import sys
import time
import traceback
from collections import Counter
from importlib.metadata import version

options = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
START = 30
"""Seconds until all streams must have brought something."""
frames = Counter()
"""Of each book's venue, counted by the client."""


def tell(kind, **what):
    """One line."""
    sys.stdout.write(json.dumps({"kind": kind, **what}) + "\n")
    sys.stdout.flush()


def did(step, value):
    """What the client understood of one step."""
    tell("did", step=step, value=value)


def tried(errors, call, work):
    """What a call gives, told and returned; of `errors`, which was raised and its text."""
    try:
        gave = work()
    except errors as error:
        tell("answer", call=call, raised=type(error).__name__, text=str(error))
        return None
    answered(call, gave)
    return gave


def answered(call, gave, **more):
    """What came to the client by other ways than a call."""
    tell("answer", call=call, gave=gave, **more)


over = []


def versions(*names):
    """Of the distributions that are tested."""
    tell("versions", **{name: version(name) for name in names})


def complain(venue, text):
    """What a user of the client would take for a fault of the venue; not what it says of its own end."""
    if not over:
        tell("complaint", venue=venue, text=str(text)[:2000])


def called(venue, what, got):
    """A call that was answered: `got` is how much came, never nothing where something must come."""
    tell("call", venue=venue, what=what, got=got)
    if not got:
        complain(venue, f"{what} came back empty")


def attempt(venue, what, call, size=len):
    """Make a call; tell how much came, or complain."""
    try:
        got = call()
    except Exception:  # noqa: BLE001 -- whatever a client raises is what is measured
        complain(venue, f"{what}: {traceback.format_exc(limit=-3)}")
        return None
    called(venue, what, size(got))
    return got


async def attempt_async(venue, what, awaitable, size=len):
    """The same for what is awaited."""
    try:
        got = await awaitable
    except Exception:  # noqa: BLE001 -- whatever a client raises is what is measured
        complain(venue, f"{what}: {traceback.format_exc(limit=-3)}")
        return None
    called(venue, what, size(got))
    return got


async def pause(seconds):
    """Let time pass: a client is followed for so long, and looked at at moments that it does not know."""
    await asyncio.sleep(seconds)


async def started_when(ready, counts=None):
    """Wait until every book is there; complain and end after half a minute, with what had come by then."""
    try:
        async with asyncio.timeout(START):
            while not ready():
                await pause(0.05)
    except TimeoutError:
        complain(None, f"not everything came within {START} s; what came: {counts or dict(frames)}")
        os._exit(1)  # the client's threads would go on
    tell("started")


def wait_until(ready, counts=None):
    """The same for clients that run in threads of their own."""
    asyncio.run(started_when(ready, counts))


def moment(book, bids, asks):
    """The client's book as it is now: best first, numbers in the client's digits."""
    at = time.time_ns()
    depth = options["depth"]
    bids, asks = ([[str(price), str(size)] for price, size in list(side)[:depth]] for side in (bids, asks))
    tell("moment", book=book, at=at, bids=bids, asks=asks)


async def moments(books, read):
    """`moment` of each of `books` at random times within the seconds asked for; `read(book)` gives bids and asks."""
    chance = random.Random(options["seed"])
    began = time.monotonic()
    times = sorted((chance.uniform(0, options["seconds"]), book) for book in books for _ in range(options["moments"]))
    for due, book in times:
        await pause(max(0.0, began + due - time.monotonic()))
        moment(book, *read(book))


def threaded_moments(books, read):
    """The same for clients that run in threads of their own; `read` must return a copy."""

    async def asked():
        await moments(books, read)

    asyncio.run(asked())


class Complaints(logging.Handler):
    """Every record from WARNING on is a complaint, but for what is said of this machine."""

    def __init__(self, venue=None):
        super().__init__(logging.WARNING)
        self._venue = venue

    def emit(self, record):
        text = self.format(record)
        if "High CPU usage" not in text:
            complain(self._venue, f"{record.name} {record.levelname}: {text}")


def listen_to(*names, venue=None):
    """Loggers whose warnings count."""
    for name in names:
        logger = logging.getLogger(name)
        logger.addHandler(Complaints(venue))
        if name:
            logger.propagate = False


def finish():
    """The end, before anything is closed: how many frames came."""
    tell("frames", **frames)
    over.append(True)
