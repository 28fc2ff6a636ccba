"""What both versions of Kraken's websocket share: the queue of answers, the channels of one client, the heartbeat.

Enters: answers to give and streams to follow. Leaves: texts, in the order in which the venue would send them. Never: an
answer at once: the venue takes some tens of milliseconds, and data starts after its acknowledgement.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

import msgspec

from cryptopipe.api import HangUp, Nanos, Outgoing, Say
from cryptopipe_kraken.sandbox_desk import Stream
from cryptopipe_kraken.sandbox_text import SECOND

ANSWER_AFTER: Nanos = 30_000_000
IDLE: Nanos = 60 * SECOND
"""A connection without a subscription and without a message is closed ("around one minute of inactivity", guides/
websockets/introduction, 2026-11-21)."""
MESSAGES_A_SECOND = 100
"""The venue has a limit and publishes no number: it "will vary depending upon the load" (same page)."""

Answer = Callable[[Nanos], Iterable[str]]
Key = tuple[str, str]


class Publisher(Protocol):
    """What keeps streams up."""

    def advance(self) -> None: ...


class _Followed(msgspec.Struct):
    desk: Publisher | None
    stream: Stream
    position: int


class Wire:
    """One client's connection. `channels` are what it has subscribed to, by whatever its dialect tells them apart."""

    def __init__(self, greeting: str, heartbeat: str, at: Nanos) -> None:
        self.heartbeat = heartbeat
        self.channels: dict[Key, _Followed] = {}
        self._answers: deque[tuple[Nanos, Answer]] = deque()
        self._heard_at = self._said_at = at
        self._second = 0
        self._messages = 0
        self.later(at, lambda due: (greeting,))

    def heard(self, at: Nanos) -> bool:
        """A message came in; False if there were too many in this second."""
        self._heard_at = at
        if at // SECOND != self._second:
            self._second, self._messages = at // SECOND, 0
        self._messages += 1
        return self._messages <= MESSAGES_A_SECOND

    def later(self, at: Nanos, answer: Answer) -> None:
        """Carry this out when the venue would: it gets the time then."""
        self._answers.append((at + ANSWER_AFTER, answer))

    def follow(self, key: Key, desk: Publisher | None, stream: Stream, at: Nanos, snapshot: bool) -> Iterator[str]:
        """Subscribe: the snapshot, if wanted, and from here on every text of the stream; its desk keeps it up."""
        if desk is not None:
            desk.advance()
        self.channels[key] = _Followed(desk, stream, stream.count)
        text = stream.snapshot(at) if snapshot else ""
        if text:
            yield text

    def leave(self, key: Key) -> bool:
        """Unsubscribe; False if it was not subscribed."""
        return self.channels.pop(key, None) is not None

    def publish(self, at: Nanos) -> Iterator[Outgoing]:
        """What is due by now."""
        said = False
        answers = self._answers
        for one in list(self.channels.values()):
            for text in self._news(one, at):
                said = True
                yield Say(text)
        while answers and answers[0][0] <= at:
            _, answer = answers.popleft()
            for text in answer(at):
                said = True
                yield Say(text)
        if said:
            self._said_at = at
        elif self.channels and at - self._said_at >= SECOND:
            self._said_at = at
            yield Say(self.heartbeat)
        elif not self.channels and at - self._heard_at >= IDLE:
            yield HangUp(1000, "")

    def _news(self, one: _Followed, at: Nanos) -> Iterable[str]:
        if one.desk is not None:
            one.desk.advance()
        stream = one.stream
        if one.position == stream.count:
            return ()
        texts = stream.since(one.position)
        one.position = stream.count
        if texts is None:
            texts = (stream.snapshot(at),)
        return [text for text in texts if text]
