"""Codecs that reach out of the machine that they are. Each has its import inside, so that each is found by itself."""

from typing import Any

from conformance.bad.bug import Bug
from conformance.bad.impurities import (
    clock,
    environment,
    file,
    hidden_clock,
    inside,
    log,
    randomness,
    request,
    thread,
    today,
    tokens,
)
from conformance.bitfoo import make

PURITY = "1 purity"
FOUND: tuple[tuple[str, str, Any], ...] = (
    ("clock read", "a stamp made while decoding; zenbot#1014", clock.Feed),
    ("clock without an import", "a clock that no import names", hidden_clock.Feed),
    ("today's date", "sessions cut at midnight of the machine", today.Feed),
    ("random", "jitter inside a codec", randomness.Feed),
    ("random token", "request ids nobody can replay", tokens.Feed),
    ("environment read", "a URL from an environment variable", environment.Feed),
    ("thread", "a ping loop of its own", thread.Feed),
    ("REST inside the frame handler", "a snapshot fetched while decoding", request.Feed),
    ("file", "a table read while decoding", file.Feed),
    ("log", "a line a frame", log.Feed),
    ("past the window", "an import of the framework's inside", inside.Feed),
)
BUGS = tuple(Bug(name, PURITY, drawn_from, make(feed)) for name, drawn_from, feed in FOUND)
