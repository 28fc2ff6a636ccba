"""Every check of the gate has words, and every reason that the market itself writes says what matters first."""

from decimal import Decimal as D

import pytest

from cryptopipe.camera import first_reason
from cryptopipe.cli.words import cause_in_words, check_in_words
from cryptopipe.clock import SECOND, parse_at
from cryptopipe.market.line import Feed, Stream
from cryptopipe.market.supervisor import Arrived, Opened, Supervisor, Tick
from cryptopipe.market.sync import BookSync
from cryptopipe.model.events import BookDelta, BookSnapshot, Close, Resync
from cryptopipe.model.facts import Asset, Instrument, VenueId
from cryptopipe.model.stream import Connect, Link, Proof, SyncRule
from cryptopipe.model.trading import Decision, Opportunity, Reason

AT = parse_at("2026-11-21T08:00:00Z")
XY = Instrument(VenueId("a"), "XY", Asset("X"), Asset("Y"))


def reasons(*failed: str) -> Decision:
    checks = ("mode", "loss", "one_plan", "books_live", "age", "net_edge", "profit", "group")
    edge = Opportunity("e", (), D(1), D(-1), (), {}, D(0), Asset("Y"), D(0), ())
    return Decision(1, edge, not failed, tuple(Reason(one, one not in failed, "limit", "now") for one in checks), AT)


@pytest.mark.parametrize(
    ("failed", "first"),
    [
        (("one_plan", "net_edge"), "net_edge"),
        (("mode", "one_plan", "profit", "group"), "profit"),
        (("age", "net_edge", "group"), "age"),
        (("one_plan", "group"), "one_plan"),
        (("group",), "group"),
        ((), ""),
    ],
)
def test_the_reason_that_says_most_about_the_edge_is_told(failed: tuple[str, ...], first: str) -> None:
    assert first_reason(reasons(*failed)) == ((first, "limit", "now") if first else ("", "", ""))


def test_a_foreign_check_keeps_its_name() -> None:
    assert check_in_words("mode") == "trading halted"
    assert check_in_words("moon_phase") == "moon_phase"


def lines() -> Supervisor:
    feed = Feed("alpha#1", Connect("wss://alpha.example"), (Stream("BTCUSDT"), Stream("ETHUSDT")))
    return Supervisor([feed], lambda: 1.0)


def closing(one: Supervisor, at: int) -> str:
    (close,) = [command for command in one.receive(Tick(), at) if isinstance(command, Close)]
    return cause_in_words(close.reason)


def test_why_a_connection_was_given_up() -> None:
    one = lines()
    one.receive(Tick(), AT)
    assert closing(one, AT + 10 * SECOND) == "no open in 10.0 s"
    assert closing(one, AT + 15 * SECOND) == "no close in 5.0 s"
    mute = lines()
    mute.receive(Tick(), AT)
    mute.receive(Opened("alpha#1"), AT)
    assert closing(mute, AT + 10 * SECOND) == "no data 10.0 s"


def fed(late_by: int) -> tuple[Supervisor, int, list[str]]:
    """A connection on which both streams speak, after a second of what is that old; when, and why it was closed."""
    one, closed = lines(), []
    symbols = "BTCUSDT", "ETHUSDT"
    one.receive(Tick(), AT)
    one.receive(Opened("alpha#1"), AT)
    for tenth in range(50):
        at = AT + tenth * SECOND // 10
        said = at - (late_by if tenth > 9 else 0)
        events = [BookDelta(name, b"[]", b"[]", tenth, tenth, tenth, said) for name in symbols]
        commands = one.receive(Arrived("alpha#1", events), at)
        closed += [command.reason for command in commands if isinstance(command, Close)]
    return one, at, closed


def test_silence_and_lateness() -> None:
    one, at, closed = fed(0)
    assert closed == [] and closing(one, at + 2 * SECOND) == "silence 2.0 s"
    _, _, (late, *_) = fed(9 * SECOND)
    assert cause_in_words(late) == "late by 2.0 s"


def test_why_a_book_was_lost() -> None:
    def link(last: int, delta: BookDelta) -> Link:
        return Link.APPLY if delta.first == last + 1 else Link.GAP

    def delta(version: int) -> BookDelta:
        return BookDelta("XY", b"[]", b"[]", version, version, version - 1, 0)

    sync = BookSync(XY, SyncRule(Proof.SEQUENCE, link, link, snapshot_by_request=True))
    snapshot = BookSnapshot("XY", b'[["90","1"]]', b'[["100","1"]]', 7, 0)
    sync.snapshot(snapshot, 1)
    gap = sync.delta(delta(9), 2)
    assert isinstance(gap, Resync) and cause_in_words(gap.reason) == "gap: 8, got 9"
    wrong = BookSync(XY, SyncRule(Proof.CHECKSUM, link, link, False, checksum="crc_mantissas", checksum_levels=10))
    refuted = wrong.snapshot(BookSnapshot("XY", b'[["90","1"]]', b'[["100","1"]]', 7, 0, 1), 1)
    assert isinstance(refuted, Resync) and cause_in_words(refuted.reason) == "checksum"
    old = sync.snapshot(snapshot, 3)
    assert isinstance(old, Resync) and cause_in_words(old.reason) == "old snapshot 7"
