"""Private streams in a run: who waits for one, what it may tell, and what becomes of one that breaks."""

import json
from collections.abc import Iterable
from decimal import Decimal as D

from cryptopipe.act.venues import VenueExecution
from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.clock import SECOND, Nanos
from cryptopipe.errors import ProtocolError
from cryptopipe.journal.account_records import PrivateChanged
from cryptopipe.model.actions import Lost
from cryptopipe.model.events import Send
from cryptopipe.model.facts import Asset, VenueId
from cryptopipe.model.outcomes import BalanceReport, PrivateReport
from cryptopipe.model.stream import Connect, StreamAuth
from cryptopipe.private_streams import PrivateStreams

ALPHA = VenueId("alpha")
START: Nanos = 1_800_000_000 * SECOND


class Codec:
    """Says what its frames name, and counts them: one codec is of one connection."""

    def __init__(self) -> None:
        self.heard = 0

    def connect(self, auth: StreamAuth, at: Nanos) -> Connect:
        return Connect("wss://alpha.example/private")

    def decode(self, frame: bytes, received_at: Nanos) -> Iterable[PrivateReport | Lost | Send]:
        self.heard += 1
        word = json.loads(frame)
        if word == "broken":
            raise ProtocolError("unreadable frame", where="alpha")
        if word == "count":
            yield Lost(f"heard {self.heard}")
        elif word == "ping":
            yield Send("pong")
        else:
            yield BalanceReport(ALPHA, Asset("X"), D(1), D(0))


class Run:
    """The streams of one venue, and the records that they made."""

    def __init__(self) -> None:
        self.told: list[PrivateChanged] = []
        self.execution = VenueExecution({}, lambda *ended: None, lambda why: None, lambda answered: None)
        self.streams = PrivateStreams({ALPHA: Codec}, self.execution, self.told.append)  # type: ignore[arg-type]

    def give(self, direction: Direction, payload: bytes = b"") -> None:
        self.streams.receive(Input(1, 1, START, direction, ALPHA, "alpha!", "", payload))

    def say(self, *words: str) -> None:
        for word in words:
            self.give(Direction.RECV, json.dumps(word).encode())


def test_orders_wait_for_a_stream_only_while_it_is_up() -> None:
    run = Run()
    assert run.execution.streaming == set()
    run.give(Direction.OPEN)
    assert run.execution.streaming == {ALPHA}
    run.give(Direction.CLOSE, b"reset by peer")
    assert run.execution.streaming == set()
    assert run.told == [PrivateChanged(ALPHA, True, ""), PrivateChanged(ALPHA, False, "reset by peer")]


def test_a_frame_that_cannot_be_read_ends_the_trust_in_the_stream_and_no_run() -> None:
    run = Run()
    run.give(Direction.OPEN)
    run.say("broken", "count")
    assert run.execution.streaming == set()
    assert [(one.up, "unreadable frame" in one.reason) for one in run.told] == [(True, False), (False, True)]
    run.give(Direction.CLOSE, b"later")
    assert len(run.told) == 2, "its end was told already"


def test_each_connection_is_read_from_its_beginning() -> None:
    run = Run()
    for _ in range(2):
        run.give(Direction.OPEN)
        run.say("balance", "count")
        run.give(Direction.CLOSE)
    assert [one.reason for one in run.told if "heard" in one.reason] == ["heard 2", "heard 2"]


def test_what_the_codec_wants_said_is_handed_on_once() -> None:
    run = Run()
    run.give(Direction.OPEN)
    run.say("ping", "balance", "ping")
    assert run.streams.take_sends() == [(ALPHA, "pong"), (ALPHA, "pong")]
    assert run.streams.take_sends() == []
