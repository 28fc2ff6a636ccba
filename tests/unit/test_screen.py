"""The screen that a terminal shows is the whole drawing, though only what changed was written; nobody waits for it.

`pyte` is the terminal: what it makes of all bytes so far must be what it makes of one full drawing.
"""

import fcntl
import os
import random
import sys
import threading
from collections.abc import Iterator
from decimal import Decimal as D
from io import StringIO
from pathlib import Path

import msgspec
import pyte
import pytest
import structlog
from rich.console import Console

from cryptopipe.cli.cells import fit
from cryptopipe.cli.drawing import Drawing, kept, share, worth_of
from cryptopipe.cli.logs import configure
from cryptopipe.cli.narrator import Narrator
from cryptopipe.cli.screen import Screen, Viewer, viewer
from cryptopipe.clock import MILLISECOND, SECOND, parse_at
from cryptopipe.model.facts import Asset, VenueId
from cryptopipe.picture import Counts, DecisionNow, EdgeNow, Picture, Quote, VenueNow
from cryptopipe.summary import BestEdge

AT = parse_at("2026-11-21T08:00:00Z")
NAMES = ("alpha", "beta", "gamma", "delta")
SIZES = [(60, 24), (80, 24), (120, 40), (200, 50), (60, 8), (100, 15)]
USDT = Asset("USDT")


def picture(seed: int = 0) -> Picture:
    """One of many states of a run; the same for the same seed."""
    dice = random.Random(seed)
    pairs = tuple(f"{base}/USDT" for base in ("BTC", "ETH", "SOL", "BNB", "ADA")[: dice.randint(0, 5)])
    at = AT + dice.randint(1, 90) * SECOND // 4

    def bps(least: int, most: int) -> D:
        return D(dice.randint(least, most)) / 100

    def where() -> str:
        return " → ".join(dice.sample(NAMES, 2))

    def quotes() -> tuple[Quote, ...]:
        prices = [(pair, D(dice.randint(9_000, 9_100)) / 10) for pair in pairs if dice.random() < 0.9]
        return tuple(Quote(pair, price, price + D("0.1")) for pair, price in prices)

    venues = tuple(
        VenueNow(
            VenueId(name), dice.choice(["live", "syncing", "mixed", "dead", "no book"]),
            dice.choice(["sequence", "checksum", "none"]),
            dice.randint(0, 5), 5, dice.choice([None, dice.randint(0, 5 * SECOND)]), dice.randint(0, 9_999),
            dice.choice([None, 812.4, 3.1]), dice.randint(0, 3), dice.randint(0, 12),
            dice.choice(["", "dialling", "back-off 3 s"]), dice.choice(["", "BTC: gap: expected 4, got 7"]),
            dice.choice([None, (3 * MILLISECOND, MILLISECOND)]), quotes(),
        )
        for name in NAMES
    )  # fmt: skip
    edges = tuple(
        EdgeNow(f"e{i}", dice.choice(["BTC/USDT", "USDT→BTC→ETH→USDT"]), where(), dice.random() < 0.5,
                bps(0, 8_000), bps(-9_000, 900), dice.randint(0, 400 * SECOND), dice.choice(["", "net_edge"]),
                dice.choice([0, 3]))
        for i in range(dice.randint(0, 24))
    )  # fmt: skip
    decisions = tuple(
        DecisionNow(at - i * SECOND, 99 - i, f"e{i}", "BTC/USDT", where(), *dice.choice([
            (True, D("4.21"), D("12.5"), USDT),
            (False, D("-3.2"), D(0), USDT, "net_edge", "above 0 bps", "-3.2000 bps"),
        ]))
        for i in range(dice.randint(0, 12))
    )  # fmt: skip
    best = BestEdge("alpha", "beta", ("alpha:B", "beta:B"), D("81.97"), AT + SECOND, "BTC/USDT", "alpha → beta")
    return Picture(
        "sandbox", 7, AT, at, venues, pairs, edges, sum(edge.open for edge in edges), dice.choice([None, best]),
        best, decisions, Counts(90_000 + seed, 900, 27, 3, 24, 45, (("net_edge", 24), ("group", 5))),
        dice.choice([None, D("170.499"), D("-3.1"), D(0)]), USDT, "active",
        dice.choice(["", "loss 100.00 at or above 100"]),
        dice.choice([(), ("alpha: reset", "beta: 429"), ("a", "b", "c", "d")]),
    )  # fmt: skip


class Terminal:
    """A `Screen` on a terminal of the memory."""

    def __init__(self, width: int, height: int, no_color: bool = False) -> None:
        self.file = StringIO()
        self.console = Console(
            file=self.file, force_terminal=True, legacy_windows=False, color_system="truecolor", no_color=no_color,
            width=width, height=height,
        )  # fmt: skip
        self.screen = Screen(self.console)
        self.shown = pyte.Screen(width, height)
        self._stream = pyte.Stream(self.shown)

    def draw(self, *pictures: Picture) -> str:
        """What was written for them; the terminal has taken it."""
        for one in pictures:
            self.screen.draw(one)
        text = self.file.getvalue()
        self.file.seek(0)
        self.file.truncate()
        self._stream.feed(text)
        return text

    def resize(self, width: int, height: int) -> None:
        self.console.size = (width, height)  # type: ignore[assignment]
        self.shown.resize(height, width)

    @property
    def cells(self) -> list[list[object]]:
        return [[self.shown.buffer[y][x] for x in range(self.shown.columns)] for y in range(self.shown.lines)]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_screen_is_the_whole_drawing(width: int, height: int) -> None:
    terminal = Terminal(width, height)
    for seed in range(12):
        terminal.draw(picture(seed))
        fresh = Terminal(width, height)
        fresh.screen._drawing = terminal.screen._drawing  # its columns have grown with what it has drawn
        fresh.draw(picture(seed))
        assert terminal.cells == fresh.cells
        rows = terminal.screen._drawing.rows(picture(seed), width, height)
        assert terminal.shown.display == ["".join(text for text, _ in row) for row in rows]


def test_a_resized_terminal_is_drawn_anew() -> None:
    terminal = Terminal(120, 40)
    for number, (width, height) in enumerate([*SIZES, *reversed(SIZES)]):
        terminal.draw(picture(number))
        terminal.resize(width, height)
        terminal.draw(picture(number))
        rows = terminal.screen._drawing.rows(picture(number), width, height)
        assert terminal.shown.display == ["".join(text for text, _ in row) for row in rows]


def test_equal_pictures_write_nothing_and_one_number_a_few_bytes() -> None:
    terminal, one = Terminal(120, 40), picture(3)
    assert len(terminal.draw(one)) > 1_000
    assert terminal.draw(one, picture(3)) == ""
    counts = msgspec.structs.replace(one.counts, fills=46)
    assert terminal.draw(msgspec.structs.replace(one, counts=counts)) in {f"\x1b[2;{x}H6" for x in range(1, 121)}


@pytest.mark.parametrize("width", range(60, 201, 7))
def test_every_row_has_the_terminals_width(width: int) -> None:
    drawing = Drawing()
    for seed in range(6):
        for height in (5, 16, 24, 60):
            rows = drawing.rows(picture(seed), width, height, note="feed.resync")
            assert [sum(len(text) for text, _ in row) for row in rows] == [width] * height


def test_what_matters_is_in_sight_on_a_small_terminal() -> None:
    one = msgspec.structs.replace(picture(5), halted="loss 100.00 at or above 100", trading=D("-100.004"))
    text = "\n".join("".join(cell for cell, _ in row) for row in Drawing().rows(one, 60, 24))
    for part in ("-100.00 USDT", "HALTED loss 100.00 at or above 100", *NAMES, "EDGES", "DECISIONS", "Ctrl-C"):
        assert part in text


def drawn(one: Picture, width: int, height: int) -> list[str]:
    return ["".join(cell for cell, _ in row) for row in Drawing().rows(one, width, height)]


def test_a_verdict_is_what_holds_now_and_what_was_taken_before() -> None:
    def edge(is_open: bool, verdict: str, taken: int) -> EdgeNow:
        return EdgeNow("e", "BTC/USDT", "alpha → beta", is_open, D(5), D(-3), SECOND, verdict, taken)

    states = [(True, "net_edge", 3), (True, "net_edge", 0), (True, "", 2), (False, "net_edge", 2), (False, "mode", 0)]
    one = msgspec.structs.replace(picture(3), edges=tuple(edge(*state) for state in states))
    rows = [row for row in drawn(one, 120, 60) if " -3.00 " in row and "alpha → beta" in row]
    verdicts = [row.split(" s  ")[-1].strip() for row in rows[:5]]
    assert verdicts == ["net too low, taken 3x", "net too low", "taken 2x", "taken 2x", "trading halted"]


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_both_best_edges_fit_and_say_which_pair(width: int) -> None:
    best = BestEdge("coinbeta", "gammance", ("a:B", "b:B"), D("125.97"), AT + SECOND, "BTC/USDT", "coinbeta → gammance")
    one = msgspec.structs.replace(picture(3), best_gross=best, best_net=best, open_edges=12)
    (row,) = [row for row in drawn(one, width, 30) if " open   best:" in row]
    assert "gross +125.97" in row and "net +125.97" in row and "…" not in row
    assert row.count("BTC/USDT") == (2 if width >= 80 else 0)
    assert row.count("coinbeta → gammance at 0:00:01") == (2 if width >= 160 else 0)


def test_refusals_that_do_not_fit_are_left_out_whole() -> None:
    refusals = (("net_edge", 688), ("one_plan", 205), ("group", 75), ("profit", 10))
    one = msgspec.structs.replace(picture(3), counts=msgspec.structs.replace(picture(3).counts, refusals=refusals))
    (row,) = [row.rstrip() for row in drawn(one, 80, 24) if "refused for" in row]
    assert row.endswith("better one taken 75")


def test_tops_say_how_many_pairs_are_not_shown() -> None:
    quotes = tuple(Quote(f"A{n}/USDT", D(9), D(10)) for n in range(12))
    venues = tuple(msgspec.structs.replace(one, quotes=quotes) for one in picture(3).venues)
    pairs = tuple(one.pair for one in quotes)
    one = msgspec.structs.replace(picture(3), venues=venues, pairs=pairs, pair_count=14)
    for width, height in [(80, 24), (100, 30), (160, 60)]:
        rows = drawn(one, width, height)
        shown = sum(row.startswith(" A") for row in rows)
        assert 0 < shown <= 12 and any(row.startswith(f" TOPS {shown} of 14 ") for row in rows)
    whole = msgspec.structs.replace(one, pair_count=12)
    assert any(row.startswith(" TOPS  ") for row in drawn(whole, 160, 60))


def test_the_cause_of_a_lost_book_comes_first() -> None:
    venue = msgspec.structs.replace(
        picture(3).venues[0], state="dead", link="",
        why="BTCUSDT: silence of BTCUSDT on alpha#1 for 2.004 s, limit 2.000 s",
    )  # fmt: skip
    one = msgspec.structs.replace(picture(3), venues=(venue,))
    assert any(row.startswith(" alpha ") and "silence 2.0 s" in row for row in drawn(one, 80, 24))


def test_no_color_is_without_colour() -> None:
    colours = [f"{kind}{number}" for kind in (3, 4, 9, 10) for number in range(9)]

    def used(text: str) -> set[str]:
        codes = [code for part in text.split("\x1b[")[1:] for code in part.partition("m")[0].split(";") if "m" in part]
        return {code for code in codes if code in colours}

    assert used(Terminal(120, 40).draw(picture(3)))
    assert not used(Terminal(120, 40, no_color=True).draw(picture(3)))


def test_the_texts_of_others_cannot_steer_the_terminal() -> None:
    row = fit([("\x1b[2Jgone\r\n\x07漢字 ok", "warn")], 20)
    assert row == (("?[2Jgone????? ok", "warn"), (" " * 4, ""))
    assert fit([("a → b ± 1", "")], 9, ascii_only=True) == (("a > b ~ 1", ""),)


def test_rows_are_shared_in_turn() -> None:
    assert share(10, (2, 12, 12)) == (2, 4, 4)
    assert share(50, (2, 12, 12)) == (2, 12, 12)
    assert share(-3, (2, 12, 12)) == (0, 0, 0)


def test_refusals_do_not_push_out_what_was_accepted() -> None:
    refused = [DecisionNow(AT - i, 99 - i, "e", "w", "x", False, D(-1), D(0), USDT) for i in range(9)]
    accepted = [DecisionNow(AT - 100 - i, 50 - i, "e", "w", "x", True, D(1), D(1), USDT) for i in range(3)]
    assert kept([*refused, *accepted], 6) == [*refused[:4], *accepted[:2]]
    assert kept([*refused[:2], *accepted], 6) == [*refused[:2], *accepted]


@pytest.fixture
def pipe() -> Iterator[tuple[int, Console]]:
    """The smallest pipe there is, and a console whose file is its end."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, 1031, 4096)  # F_SETPIPE_SZ
    with Path(f"/dev/fd/{writing}").open("w", encoding="utf-8") as file:
        os.close(writing)
        yield reading, Console(file=file, force_terminal=True, color_system="truecolor", width=200, height=50)
    os.close(reading)


def drained(reading: int, until: bytes) -> bytes:
    text = b""
    while not text.endswith(until):
        text += os.read(reading, 1 << 16)
    return text


def test_nobody_waits_for_a_terminal_that_takes_nothing(pipe: tuple[int, Console]) -> None:
    reading, console = pipe
    pictures = [picture(seed) for seed in range(40)]
    with Viewer(Screen(console), every_s=0.001) as view:
        for number in range(2_000):
            view.show(pictures[number % 40])
        first = os.read(reading, 1)  # it has begun
        for _ in range(2_000):
            view.show(pictures[1])
        view.close()  # returns, though nothing was read
        text = first + drained(reading, b"\x1b[?1049l")
    assert text.startswith(b"\x1b[?1049h\x1b[?25l")
    assert text.endswith(b"\x1b[?25h\x1b[?1049l")
    assert len(text) < 40_000  # a handful of drawings, not four thousand


@pytest.mark.parametrize("fault", [KeyboardInterrupt, ValueError])
def test_the_terminal_is_given_back_after_an_exception(pipe: tuple[int, Console], fault: type[BaseException]) -> None:
    reading, console = pipe
    console.size = (60, 20)  # type: ignore[assignment]
    with pytest.raises(fault), Viewer(Screen(console)) as view:
        view.show(picture(1))
        assert os.read(reading, 8) == b"\x1b[?1049h"
        raise fault
    assert drained(reading, b"\x1b[?1049l").endswith(b"\x1b[?25h\x1b[?1049l")
    assert not any(thread.name == "viewer" for thread in threading.enumerate())


def test_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    structlog.reset_defaults()
    with viewer(as_json=False) as view:
        view.show(next(one for one in map(picture, range(99)) if not all(d.accepted for d in one.decisions)))
    told = capsys.readouterr()
    assert told.out == "" and "\x1b[?1049h" not in told.err
    assert "edge.refused" in told.err


def test_a_run_in_lines() -> None:
    narrator = Narrator()
    live = msgspec.structs.replace(picture(3).venues[0], live=5, books=5, proof="sequence")
    lost = msgspec.structs.replace(live, live=2, link="", why="BTC: reset")
    facts = {"venues": (live,), "halted": "", "faults": (), "at": AT + SECOND, "trading": D("1.5"), "decisions": ()}
    calm = msgspec.structs.replace(picture(3), **facts)
    refused = DecisionNow(AT, 1, "e", "BTC/USDT", "alpha → beta", False, D("-3.2"), D(0), USDT, "age", "1 ms", "2 ms")
    accepted = DecisionNow(AT, 2, "e", "BTC/USDT", "alpha → beta", True, D("4.21"), D("12.5"), USDT)
    changes: list[dict[str, object]] = [
        {}, {"decisions": (refused,)}, {"decisions": (accepted, refused)}, {"venues": (lost,)}, {"faults": ("reset",)},
        {"halted": "loss"}, {"at": AT + 11 * SECOND}, {"at": AT + 20 * SECOND}, {"at": AT + 21 * SECOND},
    ]  # fmt: skip
    configure(verbose=1)  # an earlier command of this process may have asked for warnings only
    with structlog.testing.capture_logs() as lines:
        for change in changes:
            narrator.draw(msgspec.structs.replace(calm, **change))
            calm = msgspec.structs.replace(calm, **{k: v for k, v in change.items() if k == "halted"})
    assert [line["event"] for line in lines] == [
        "venue.live", "edge.refused", "edge.accepted", "venue.lost", "venue.live", "fault.begun", "fault.ended",
        "trading.halted", "run.status", "run.status",
    ]  # fmt: skip
    assert lines[1] == {
        "event": "edge.refused", "log_level": "info", "what": "BTC/USDT", "where": "alpha → beta", "net_bps": "-3.20",
        "check": "old quote", "measured": "2 ms", "limit": "1 ms",
    }  # fmt: skip
    assert lines[3]["why"] == "BTC: reset" and lines[-1]["trading"] == "1.50 USDT"


def test_lines_leave_out_refusals_that_are_far_from_paying() -> None:
    def decision(number: int, edge: str, net: str, accepted: bool = False) -> DecisionNow:
        return DecisionNow(AT, number, edge, "X", "y", accepted, D(net), D(1), USDT, "" if accepted else "net_edge")

    decisions = [
        decision(1, "far", "-10.01"), decision(2, "near", "-9.9"), decision(3, "once", "2", accepted=True),
        decision(4, "once", "-80"), decision(5, "far", "-300"), decision(6, "near", "-9"),
    ]  # fmt: skip
    one = msgspec.structs.replace(picture(3), venues=(), halted="", faults=(), decisions=tuple(reversed(decisions)))
    configure(verbose=1)  # an earlier command of this process may have asked for warnings only
    with structlog.testing.capture_logs() as lines:
        Narrator().draw(one)
    told = [(line["event"], line["net_bps"]) for line in lines if line["event"].startswith("edge.")]
    assert told == [("edge.refused", "-9.90"), ("edge.accepted", "2.00"), ("edge.refused", "-80.00")]


@pytest.mark.parametrize(("term", "coloured"), [("dumb", False), ("xterm-256color", True)])
def test_a_dumb_terminal_gets_no_colours(
    term: str, coloured: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    try:
        configure(verbose=1)
        structlog.get_logger().info("run.started")
        assert ("\x1b[" in capsys.readouterr().err) == coloured
    finally:
        structlog.reset_defaults()


@pytest.mark.parametrize(
    ("value", "shown"),
    [("12.345", "12.34"), ("-0.5", "-0.50"), ("0.00004831", "0.000048"), ("0", "0.00"), ("1234.5", "1234.50")],
)
def test_a_small_worth_is_not_shown_as_nothing(value: str, shown: str) -> None:
    assert f"{worth_of(D(value)):f}" == shown
