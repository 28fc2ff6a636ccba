"""The kit itself: good plugins pass all of it, and each bad one fails the check that is made for it."""

import json
import re
from pathlib import Path
from typing import Any
from unittest import SkipTest

import msgspec
import pytest
from conformance.bad import actions, asked, books, dialects, frames, impure, numbers, unseen
from conformance.bad.bug import BITBAR, BITFOO, Bug, kit_of
from conformance.bitbar import PLUGIN
from conformance.bitfoo import BitFooFeed, make
from conformance.test_actions_kit import TestBitfooActions

from cryptopipe.api import (
    BookDelta,
    BookSnapshot,
    ExchangePlugin,
    Frame,
    Instrument,
    Nanos,
    Proof,
    Resync,
    SyncRule,
    Trade,
    apply_always,
)
from cryptopipe.testing import ExchangeConformance, StrategyConformance, spot
from cryptopipe.testing.checks import CHECK, Judged
from cryptopipe.testing.cores import Books, cores

FRAMES = Path(__file__).parent / "frames"
BTCUSDT = spot("bitfoo", "BTC/USDT", symbol="btcusdt", tick="0.01", step="0.0001")
BUGS = (*books.BUGS, *numbers.BUGS, *frames.BUGS, *impure.BUGS, *asked.BUGS, *dialects.BUGS)
REJECTED = 0.95


class TestBitFoo(ExchangeConformance):
    plugin = make()
    instruments = (BTCUSDT,)
    corpus = FRAMES
    stream = BITFOO["stream"]


class TestBitBar(ExchangeConformance):
    plugin = PLUGIN
    corpus = BITBAR["corpus"]
    covers = BITBAR["covers"]
    stream = BITBAR["stream"]
    more_streams = BITBAR["more_streams"]
    order_stream = BITBAR["order_stream"]
    recordings = dialects.RECORDED["recordings"]
    listings = BITBAR["listings"]
    token_answer = BITBAR["token_answer"]


def kit(plugin: ExchangePlugin, corpus: Path = FRAMES, instrument: Instrument = BTCUSDT) -> ExchangeConformance:
    return kit_of(plugin, {"corpus": corpus, "instruments": (instrument,)})


def finding(judge: Judged, check: str) -> str:
    """What a check says of a plugin; empty if nothing."""
    tests = (getattr(judge, name) for name in dir(judge) if name.startswith("test_"))
    (test,) = (one for one in tests if getattr(one, CHECK) == check)
    try:
        test()
    except AssertionError as error:
        return str(error)
    except SkipTest:
        return ""
    return ""


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_the_kit_rejects(bug: Bug) -> None:
    assert finding(bug.kit(), bug.check).startswith(f"check {bug.check}: ")


@pytest.mark.parametrize(("name", "check", "drawn_from", "codec"), actions.BUGS, ids=[one[0] for one in actions.BUGS])
def test_the_kit_rejects_an_action_codec(name: str, check: str, drawn_from: str, codec: Any) -> None:
    judge = type("Kit", (TestBitfooActions,), {"codec": codec})()
    assert finding(judge, check).startswith(f"check {check}: ")


@pytest.mark.parametrize("bug", unseen.BUGS, ids=lambda bug: bug.name)
def test_the_kit_is_not_said_to_see(bug: Bug) -> None:
    assert finding(bug.kit(), bug.check) == ""


def test_the_kit_rejects_enough() -> None:
    names = [*(bug.name for bug in (*BUGS, *unseen.BUGS)), *(f"action: {one[0]}" for one in actions.BUGS)]
    seen = len(BUGS) + len(actions.BUGS)
    assert len(names) == len(set(names)) == seen + len(unseen.BUGS)
    assert seen >= 50 and seen / len(names) >= REJECTED


def test_more_than_fifty_are_drawn_from_threads_that_anybody_can_read() -> None:
    """`owner/name#number`, or the number of a well known project's."""
    told = [*(bug.drawn_from for bug in (*BUGS, *unseen.BUGS)), *(one[2] for one in actions.BUGS)]
    assert sum(re.search(r"[a-z]#\d+", text) is not None for text in told) >= 55
    assert all(told), "each says at least what kind of mistake it is"


def test_an_answer_that_is_older_than_the_book_is_what_is_found() -> None:
    (bug,) = (bug for bug in books.BUGS if bug.name == "answers taken for a stream's snapshots")
    assert "a snapshot older than the book replaced it" in finding(bug.kit(), "8 sync")


@pytest.mark.skipif(len(cores()) < 2, reason="the native core is not built")
def test_two_cores_that_differ_are_told() -> None:
    """As if one of them forgot to cut a book to its depth."""
    event = BookSnapshot("btcusdt", b'[["1","1"],["2","1"]]', b"[]", 7, 0)
    whole, cut = (Books(SyncRule(Proof.NONE, apply_always, apply_always, False, depth=depth)) for depth in (0, 1))
    for books_of_both in (whole, cut):
        books_of_both.judge(event, "a frame")
    whole._books = (whole._books[0], cut._books[1])
    with pytest.raises(AssertionError, match=r"a frame gave BookSnapshot.* cores make reference: .*; native: "):
        whole.judge(event, "a frame")


def test_a_good_answer_of_the_time_passes() -> None:
    kit(dialects.GOOD_CLOCK, BITBAR["corpus"]).test_3_mutations()


def test_a_recording_is_read_in_the_dialect_that_its_url_tells() -> None:
    """Seventeen levels, two numbers each."""
    judge = TestBitBar()
    judge.test_5_on_tick_recorded()
    assert TestBitBar.told["5 on tick, recorded"] == "34 numbers in 5 recorded frames, of the dialects checked too"


def test_off_grid_is_caught() -> None:
    coarse = spot("bitfoo", "BTC/USDT", symbol="btcusdt", tick="0.05", step="0.0001")
    with pytest.raises(AssertionError, match=r"price 61837\.\d+, no multiple of 0\.05"):
        kit(make(), instrument=coarse).test_5_on_tick()


def test_levels_written_anew_with_their_own_text_pass() -> None:
    feed = type("Rewritten", (BitFooFeed,), {"decode": numbers.levels(lambda row: row)})
    kit(make(feed)).test_5_on_tick()


class Impatient(BitFooFeed):
    """Asks for every book of its connection."""

    def decode(self, frame: Frame, received_at: Nanos) -> Any:
        return (Resync(None, "expected 8, got 9"), *super().decode(frame, received_at))


def test_a_resync_of_the_whole_connection_is_readable() -> None:
    kit(make(Impatient)).test_3_mutations()


def test_a_frame_of_an_unlisted_product_is_no_way_round_the_grid(tmp_path: Path) -> None:
    for path in FRAMES.iterdir():
        text = path.read_text()
        (tmp_path / path.name).write_text(text.replace("btcusdt", "docusdt") if "snapshot" in path.name else text)
    with pytest.raises(
        AssertionError, match=r"^check 5 on tick: bitfoo: no BookSnapshot of \['btcusdt'\] in the corpus"
    ):
        kit(make(), corpus=tmp_path).test_5_on_tick()


class Remembering(BitFooFeed):
    """As where a difference names only the side that changed: the last price of a delta is the next trade's."""

    last = ""

    def decode(self, frame: Frame, received_at: Nanos) -> Any:
        for event in super().decode(frame, received_at):
            if isinstance(event, BookDelta):
                self.last = next((row[0] for row in json.loads(bytes(event.bids))), self.last)
            yield msgspec.structs.replace(event, price=self.last or event.price) if isinstance(event, Trade) else event


class Inventing(Remembering):
    last = "7.77"


def test_a_number_of_a_frame_before_is_the_connections_own(tmp_path: Path) -> None:
    for path in FRAMES.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    golden = tmp_path / "trade.events.json"
    golden.write_text(json.dumps({**json.loads(golden.read_text()), "after": ["delta", "subscribed"]}))
    kit(make(Remembering), corpus=tmp_path).test_5_on_tick()
    golden.write_text(json.dumps({**json.loads(golden.read_text()), "after": ["snapshot"]}))
    with pytest.raises(AssertionError, match=r"trade: price '7\.77' of btcusdt is not the frame's own text"):
        kit(make(Inventing), corpus=tmp_path).test_5_on_tick()


def test_nothing_to_check_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="no frames in"):
        kit(make(), corpus=tmp_path).test_4_goldens()
    other = spot("bitfoo", "ETH/USDT", symbol="ethusdt", tick="0.01", step="0.0001")
    with pytest.raises(
        AssertionError, match=r"^check 5 on tick: .* no BookSnapshot, BookDelta, TopUpdate, Trade of \['ethusdt'\]"
    ):
        kit(make(), instrument=other).test_5_on_tick()


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"source": "somewhere", "events": []}, "names no date"),
        ({"source": "page, 2026-11-21"}, "needs either events or raises"),
        ({"source": "page, 2026-11-21", "events": [], "event": []}, r"unknown keys \['event'\]"),
        (None, "has no one.events.json beside it"),
    ],
)
def test_golden_without_its_form_is_refused(tmp_path: Path, told: dict[str, object] | None, message: str) -> None:
    (tmp_path / "one.json").write_text('{"type":"subscribed","symbol":"btcusdt"}')
    if told is not None:
        (tmp_path / "one.events.json").write_text(json.dumps(told))
    with pytest.raises(AssertionError, match=message):
        kit(make(), corpus=tmp_path).test_4_goldens()


def test_missing_kind_is_named(tmp_path: Path) -> None:
    for name in ("trade.json", "trade.events.json"):
        (tmp_path / name).write_bytes((FRAMES / name).read_bytes())
    with pytest.raises(
        AssertionError, match=r"no frame of the corpus shows \['BookSnapshot', 'BookDelta', 'TopUpdate', "
    ):
        kit(make(), corpus=tmp_path).test_4_goldens()


PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"


def test_the_page_shows_a_test_that_passes() -> None:
    code = PAGE.read_text().split("```python\n")[1].split("```")[0]
    assert len(code.splitlines()) < 10
    names: dict[str, Any] = {**globals(), "plugin": make()}
    exec(code, names)
    shown = names["TestBitfoo"]
    shown.corpus, shown.instruments = FRAMES, (BTCUSDT,)
    for name in (name for name in dir(shown) if name.startswith("test_")):
        assert finding(shown(), getattr(getattr(shown, name), CHECK)) == ""


def threads() -> list[str]:
    """The rows of the page's table: how many bugs a check has, and the threads that they are drawn from."""
    told = [*((bug.check, bug.drawn_from) for bug in BUGS), *((one[1], one[2]) for one in actions.BUGS)]
    rows = []
    for check in sorted(
        dict.fromkeys(check for check, _ in told), key=lambda one: (one[0].isalpha(), number(one), one)
    ):
        texts = [text for name, text in told if name == check]
        found = dict.fromkeys(thread for text in texts for thread in re.findall(r"[\w./-]+#\d+", text))
        rows.append(f"| {check} | {len(texts)} | {', '.join(found) or 'none'} |")
    return rows


def number(check: str) -> int:
    return int(re.sub(r"\D", "", check.split()[0]))


def test_the_page_tells_every_bug_and_thread() -> None:
    page = PAGE.read_text()
    assert "\n".join(threads()) in page
    seen, all_of_them = len(BUGS) + len(actions.BUGS), len(BUGS) + len(actions.BUGS) + len(unseen.BUGS)
    assert f"`tests/conformance/bad` has {all_of_them} plugins" in page and f"rejects {seen} of them" in page


def test_the_page_names_every_check() -> None:
    cells = [[cell.strip() for cell in row.split("|")] for row in PAGE.read_text().splitlines() if row.startswith("| ")]
    told = {f"{row[1]} {row[2]}" for row in cells if row[1][-1:].isdigit()}
    kits = (ExchangeConformance, TestBitfooActions, StrategyConformance)
    checks = {getattr(getattr(one, name), CHECK) for one in kits for name in dir(one) if name.startswith("test_")}
    assert told == {check for check in checks if "recorded" not in check}
