"""Bitstamp's simulated public side: the one stream of all channels, and the REST answers beside it.

Enters: the engine's books by symbol, texts and requests of clients. Leaves: sessions whose frames are those of
`wss://ws.bitstamp.net`. Never: a frame of a channel before its subscription is acknowledged.

www.bitstamp.net/websocket/v2/ as quoted by others who rendered it on 2026-09-15, and what they measured on that day:
the wording of refusals, a lower-case channel that does not exist is acknowledged and silent, a text of more than 512
bytes costs the connection, a websocket ping every 54 seconds. "Maximum connection age is 90 days", and with
`bts:request_reconnect` a client has "a few seconds to reconnect" before it is disconnected; that such a request comes
before the age is reached too, and that a few are five, is ours.
"""

import re
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from cryptopipe.api import (
    Beat,
    HangUp,
    HttpRequest,
    HttpResponse,
    Nanos,
    Outgoing,
    SandboxSession,
    Say,
    SimulatedBook,
)
from cryptopipe_bitstamp.sandbox_channels import KINDS, Channel
from cryptopipe_bitstamp.sandbox_listing import SECOND, Listing
from cryptopipe_bitstamp.sandbox_rest import Answers

ANSWERED_AFTER: Nanos = 25_000_000
"""Between a request and its answer: tens of milliseconds less the way there and back."""
AGE: Nanos = 90 * 24 * 3600 * SECOND
RECONNECT_WITHIN: Nanos = 5 * SECOND
_BEAT_EVERY: Nanos = 54 * SECOND
_LONGEST_TEXT = 512
_MOST_CHANNELS = 1024
_NAME = re.compile(
    r"(diff_order_book|detail_order_book|order_book|live_trades|live_orders|funding_rate)_([a-z0-9-]+)", re.ASCII
)
_HEARTBEAT = '{"event":"bts:heartbeat","channel":"","data":{"status":"success"}}'
_RECONNECT = '{"event":"bts:request_reconnect","channel":"","data":null}'


class _Request(msgspec.Struct):
    event: str = ""
    data: Any = None


class BitstampSandbox:
    """The simulated venue: `SandboxVenue` over the engine's books. A channel is shared by the connections that carry
    it, and advances only while one does and when one begins to. `age` is the greatest of a connection.
    """

    def __init__(self, books: Mapping[str, SimulatedBook], age: Nanos = AGE) -> None:
        self.endpoints: Mapping[str, str] = {"spot": "/"}
        self.age = age
        self._listings = {symbol: Listing(book) for symbol, book in books.items()}
        self._channels: dict[str, Channel] = {}
        self._answers = Answers(self._listings)

    def open(self, path: str, at: Nanos) -> SandboxSession | HttpResponse:
        """A connection. A path that is none gets a 404."""
        return BitstampSession(self, at) if path.partition("?")[0] in ("", "/") else HttpResponse(404, b"", path)

    def answer(self, request: HttpRequest, at: Nanos) -> HttpResponse:
        """As `SandboxVenue.answer`."""
        return self._answers.answer(request, at)

    def listen(self, name: str, at: Nanos) -> Channel | None:
        """The channel of this name for one more listener, who is told nothing of before; None for one that will never
        speak.
        """
        match = _NAME.fullmatch(name)
        listing = self._listings.get(match[2]) if match and match[1] in KINDS else None
        if match is None or listing is None:
            return None
        channel = self._channels.get(name)
        if channel is None:
            channel = self._channels[name] = KINDS[match[1]](listing, name)
            channel.begin()
        else:  # whoever listened last may have gone long ago: nobody says so when a connection ends
            channel.advance(at)
        return channel


class _Line(msgspec.Struct):
    channel: Channel
    seen: int


class BitstampSession:
    """One connection."""

    def __init__(self, venue: BitstampSandbox, at: Nanos) -> None:
        self._venue = venue
        self._beat_at = at + _BEAT_EVERY
        self._ends_at = at + venue.age
        self._warned = False
        self._due: deque[tuple[Nanos, str, str, str]] = deque()
        self._wanted: set[str] = set()
        self._lines: dict[str, _Line] = {}

    def receive(self, message: str, at: Nanos) -> Iterable[Outgoing]:
        """Every request is answered a little later, in its turn."""
        if len(message.encode()) > _LONGEST_TEXT:
            return (HangUp(1009, f"read limited at {_LONGEST_TEXT + 1} bytes"),)
        event, name, text = self._judged(message)
        if event == "bts:subscribe":
            if name not in self._wanted and len(self._wanted) >= _MOST_CHANNELS:
                return (HangUp(1000, ""),)  # "silently closed"
            self._wanted.add(name)
        self._due.append((at + ANSWERED_AFTER, event, name, text))
        return ()

    def publish(self, at: Nanos) -> Iterable[Outgoing]:
        """The answers that are due, then the frames since the last step."""
        if at >= self._ends_at:
            return (HangUp(1000, ""),)
        out: list[Outgoing] = []
        if not self._warned and at >= self._ends_at - RECONNECT_WITHIN:
            self._warned = True
            out.append(Say(_RECONNECT))
        if at >= self._beat_at:
            self._beat_at += _BEAT_EVERY
            out.append(Beat())
        while self._due and self._due[0][0] <= at:
            self._carry_out(*self._due.popleft()[1:], at, out)
        for line in self._lines.values():
            line.channel.advance(at)
            if line.channel.count != line.seen:
                frames = line.channel.since(line.seen)
                if frames is None:  # differences are never told again
                    return [*out, HangUp(1001, "too far behind")]
                line.seen = line.channel.count
                out.extend([Say(frame) for frame in frames])
        return out

    def _carry_out(self, event: str, name: str, text: str, at: Nanos, out: list[Outgoing]) -> None:
        out.append(Say(text))
        if event == "bts:subscribe" and name not in self._lines:
            channel = self._venue.listen(name, at)
            if channel is not None:
                self._lines[name] = _Line(channel, channel.count)
        elif event == "bts:unsubscribe" and name in self._lines:
            self._wanted.discard(name)
            del self._lines[name]

    def _judged(self, message: str) -> tuple[str, str, str]:
        """What is to be done, with which channel, and the text of the answer."""
        try:
            request = msgspec.json.decode(message, type=_Request)
        except (msgspec.MsgspecError, RecursionError):
            return "", "", _error("Incorrect JSON format.")
        if request.event == "bts:heartbeat":
            return "", "", _HEARTBEAT
        name = request.data.get("channel") if isinstance(request.data, dict) else None
        if request.event not in ("bts:subscribe", "bts:unsubscribe") or not isinstance(name, str):
            return "", "", _error("Bad subscription string.")
        if name.startswith("private-"):
            return "", "", _error("Connection is unauthorized.", 4009)
        if not _NAME.fullmatch(name):
            return "", "", _error("Invalid channel provided.")
        return request.event, name, _told(f"{request.event.removesuffix('be')}ption_succeeded", name)


def _told(event: str, name: str) -> str:
    return f'{{"event":"{event}","channel":"{name}","data":{{}}}}'


def _error(message: str, code: int | None = None) -> str:
    data = msgspec.json.encode({"code": code, "message": message}).decode()
    return f'{{"event":"bts:error","channel":"","data":{data}}}'
