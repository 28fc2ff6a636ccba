"""Of who watches a market: each change is told once, dead is told after a while, and frames show new fields."""

import json
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptopipe.alerts import Alert
from cryptopipe.alerts.fields import LEARN, Fields, kind_of, paths_of
from cryptopipe.alerts.watchman import TOGETHER, Watchman
from cryptopipe.clock import SECOND

AFTER = 60 * SECOND
BOOKS = {"alpha": [f"alpha:B{n}" for n in range(9)], "beta": ["beta:X"]}


def watching(*venues: str) -> Watchman:
    return Watchman(venues or ("alpha",), AFTER, 0, "run 1")


def shown(alerts: list[Alert]) -> list[tuple[str, str]]:
    return [(one.kind, one.where) for one in alerts]


def test_a_venue_that_never_speaks_is_dead_after_a_while_and_once() -> None:
    watchman = watching("alpha", "beta")
    watchman.book("beta", "beta:X", True, "", SECOND)
    watchman.look(AFTER - 1)
    assert watchman.take() == []
    for at in range(AFTER, 5 * AFTER, 10 * SECOND):
        watchman.look(at)
    (alert,) = watchman.take()
    assert (alert.kind, alert.where, alert.severity) == ("feed.dead", "alpha", "critical")
    assert alert.text == "nothing of it was live for 60 s: nothing was received"
    watchman.book("alpha", "alpha:X", True, "", 6 * AFTER)
    watchman.look(6 * AFTER)
    (back,) = watchman.take()
    assert (back.kind, back.where, back.sameness) == ("feed.back", "alpha", alert.sameness)


def test_a_book_that_is_dead_while_others_live_is_told_by_itself() -> None:
    watchman = watching()
    for at in range(0, 3 * AFTER, SECOND):
        watchman.book("alpha", "alpha:X", True, "", at)
        watchman.book("alpha", "alpha:Y", at < 10 * SECOND or at > 100 * SECOND, "suspect, a gap", at)
        watchman.look(at)
    told = watchman.take()
    assert shown(told) == [("feed.dead", "alpha:Y"), ("feed.back", "alpha:Y")]
    assert told[0].at == 70 * SECOND and told[0].text == "not live for 60 s: suspect, a gap"


def test_many_books_of_a_venue_are_one_alert() -> None:
    watchman = watching()
    for n in range(20):
        watchman.book("alpha", f"alpha:{n}", n == 0, "dead, closed", 0)
    watchman.look(AFTER)
    for n in range(20):
        watchman.book("alpha", f"alpha:{n}", n != 7, "dead, closed", AFTER)
    watchman.look(2 * AFTER)
    assert shown(watchman.take()) == [("feed.dead", "alpha")]
    watchman.book("alpha", "alpha:7", True, "", 2 * AFTER)
    watchman.look(2 * AFTER)
    assert shown(watchman.take()) == [("feed.back", "alpha")]


def test_the_books_of_a_venue_that_is_back_have_their_time_again() -> None:
    watchman = watching()
    for number in range(3):
        watchman.book("alpha", f"alpha:{number}", False, "gone", 0)
    watchman.look(AFTER)
    watchman.book("alpha", "alpha:0", True, "", 2 * AFTER)
    watchman.look(2 * AFTER)
    assert shown(watchman.take()) == [("feed.dead", "alpha"), ("feed.back", "alpha")]
    watchman.look(3 * AFTER)
    assert shown(watchman.take()) == [("feed.dead", "alpha:1"), ("feed.dead", "alpha:2")]


states = st.lists(
    st.tuples(st.sampled_from([("alpha", n) for n in range(9)] + [("beta", 0)]), st.booleans(), st.integers(0, 100)),
    max_size=60,
)


@settings(max_examples=100, deadline=None)
@given(states)
def test_dead_and_back_take_turns_and_in_the_end_what_is_dead_was_told(
    script: list[tuple[tuple[str, int], bool, int]],
) -> None:
    watchman, told, at = watching("alpha", "beta"), list[Alert](), 0
    live = {book: False for books in BOOKS.values() for book in books}
    for (venue, number), alive, seconds in script:
        at += seconds * SECOND
        live[BOOKS[venue][number]] = alive
        watchman.book(venue, BOOKS[venue][number], alive, "gone", at)
        watchman.look(at)
        told += watchman.take()
    at += 2 * AFTER
    for venue, books in BOOKS.items():
        for book in books:
            watchman.book(venue, book, live[book], "gone", at)
    for later in (0, 2, 4):
        watchman.look(at + later * AFTER)
        told += watchman.take()
    last: dict[str, str] = {}
    for alert in told:
        if alert.sameness != "feed alpha some":  # a growing group is told again
            assert last.get(alert.sameness, "feed.back") != alert.kind
        last[alert.sameness] = alert.kind
    for venue, books in BOOKS.items():
        assert (last.get(f"feed {venue}") == "feed.dead") is not any(live[book] for book in books)
    single = {key.removeprefix("feed ") for key, kind in last.items() if kind == "feed.dead" and ":" in key}
    assert not any(live[book] for book in single)
    if all(live.values()):
        assert "feed.dead" not in last.values()


def test_what_nobody_knows_is_told_once() -> None:
    watchman = watching()
    for at in (1, 2):
        watchman.strange("alpha", "kind", "auction", at)
        watchman.strange("alpha", "field", "depth: x", at)
        watchman.strange("beta", "kind", "auction", at)
    told = watchman.take()
    assert [(one.where, one.data["what"], one.data["name"]) for one in told] == [
        ("alpha", "kind", "auction"), ("alpha", "field", "depth: x"), ("beta", "kind", "auction"),
    ]  # fmt: skip
    for number in range(2000):
        watchman.strange("alpha", "kind", f"k{number}", 3)
    assert len(watchman.take()) < 600, "a venue that makes up kinds may not fill the spool"


def test_frames_that_cannot_be_read_are_summed() -> None:
    watchman = watching()
    for at in range(1, 1202):
        watchman.unreadable("alpha", at, f"frame {at}", at * SECOND)
    told = [(one.at // SECOND, one.text.partition(" ")[0]) for one in watchman.take()]
    assert told == [(1, "1"), (601, "600"), (1201, "600")]


@pytest.mark.parametrize(("mode", "severity"), [("reducing", "info"), ("halted", "critical")])
def test_a_mode_is_told_when_it_changes(mode: str, severity: str) -> None:
    watchman = watching()
    for at, now in enumerate(["active", mode, mode]):
        watchman.mode(now, "why not", at)
    (alert,) = watchman.take()
    assert (alert.kind, alert.where, alert.severity) == ("risk.state", "run 1", severity)
    assert alert.text == f"trading is {mode}, was active: why not"


def test_every_fill_is_an_alert_of_its_own() -> None:
    watchman = watching()
    watchman.filled("buy 1 at 2", "alpha:X", 1)
    watchman.filled("buy 1 at 2", "alpha:X", 1)
    assert len({one.sameness for one in watchman.take()}) == 2


def frame(kind: str, **more: object) -> bytes:
    return msgspec.json.encode({"type": kind, "price": "1", "data": [{"id": 1}], **more})


def test_a_field_that_a_kind_never_had_is_told_once_and_remembered(tmp_path: Path) -> None:
    fields = Fields(tmp_path)
    assert [fields.look("alpha", frame("trade")) for _ in range(LEARN)] == [[]] * LEARN
    fields.keep()
    again = Fields(tmp_path)
    assert again.look("alpha", frame("trade")) == []
    assert again.look("alpha", frame("trade", fee={"rate": "1"})) == ["trade: fee", "trade: fee.rate"]
    assert again.look("alpha", frame("trade", fee={"rate": "1"})) == []
    assert again.look("alpha", frame("depth", other=1)) == [], "a new kind is learned first"
    assert again.look("beta", frame("trade", other=1)) == []
    again.keep()
    assert Fields(tmp_path).look("alpha", frame("trade", fee={"rate": "1"})) == []


def test_what_two_processes_learned_is_joined(tmp_path: Path) -> None:
    one, other = Fields(tmp_path), Fields(tmp_path)
    for _ in range(LEARN):
        one.look("alpha", frame("trade", tip=1))
        other.look("alpha", frame("trade", fee=1))
    one.keep()
    other.keep()
    assert Fields(tmp_path).look("alpha", frame("trade", fee=1, tip=1, x=1)) == ["trade: x"]


@pytest.mark.parametrize("frame", [b"pong", b"", b"[1,2]", b"7", b'{"a":', b"\xff\xfe", b'{"data": null}', b'{"e": 5}'])
def test_any_frame_may_be_looked_at(tmp_path: Path, frame: bytes) -> None:
    assert Fields(tmp_path).look("alpha", frame) == []


@pytest.mark.parametrize(
    ("document", "kind", "paths"),
    [
        ({"e": "depthUpdate", "b": [["1", "2"]]}, "depthUpdate", {"e", "b"}),
        ({"topic": "orderbook.50.XYUSD", "data": {"s": "XYUSD"}}, "orderbook", {"topic", "data", "data.s"}),
        ({"stream": "x", "data": {"e": "trade"}}, "trade", {"stream", "data", "data.e"}),
        ({"XYUSD": {"bid": 1}, "AB-USD": {"ask": 1}, "17": 1}, "", {"*", "*.bid", "*.ask"}),
        ({"a": [{"b": 1}, {"c": [{"d": 1}]}]}, "", {"a", "a[].b", "a[].c", "a[].c[].d"}),
    ],
)
def test_the_shape_of_a_frame(document: object, kind: str, paths: set[str]) -> None:
    assert kind_of(document) == kind
    assert paths_of(document) == paths


def test_no_value_of_a_frame_is_kept(tmp_path: Path) -> None:
    fields = Fields(tmp_path)
    fields.look("alpha", frame("trade", text="hunter2", inner={"A-KEY-OF-9": "hunter2"}))
    fields.keep()
    kept = json.loads((tmp_path / "fields.json").read_text())
    assert Counter(kept["alpha"]["trade"]["paths"]) == Counter(
        ["type", "price", "data", "data[].id", "text", "inner", "inner.*"]
    )
    assert TOGETHER < 20
