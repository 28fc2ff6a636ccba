"""The summary of a run for a person: why it ended, what it counts, why it found nothing."""

import json
import re
from decimal import Decimal as D
from pathlib import Path

import pytest
from unit.test_money_path import Run, crossed

from cryptopipe.cli import main
from cryptopipe.hints import hints
from cryptopipe.model.money import readable


@pytest.mark.parametrize(
    ("amount", "text"),
    [("0", "0.00"), ("12345.678", "12,345.68"), ("-1234567", "-1,234,567.00"), ("3.7212", "3.7212"), ("1.5", "1.50"),
     ("347.7249", "347.72"), ("91.0144", "91.01"), ("9.10144", "9.1014"),
     ("0.00123456", "0.0012346"), ("0.000000123", "0.00000012"), ("1E-10", "1.0e-10"),
     ("0.1", "0.10"), ("-0.5", "-0.50")],
)  # fmt: skip
def test_money_is_rounded_for_a_person(amount: str, text: str) -> None:
    assert readable(D(amount)) == text


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, dict[str, object]]:
    """The summary of a run in plain words, the post-mortem's tables, and the summary as JSON."""
    from contextlib import redirect_stdout
    from io import StringIO

    place = tmp_path_factory.mktemp("data")
    texts = []
    for command in (["action", "--replay=generated"], ["post-mortem"], ["action", "--replay=generated", "--json"]):
        with redirect_stdout(StringIO()) as out:
            assert main([*command, f"--data-dir={place}"]) == 0
        texts.append(out.getvalue())
    return texts[0], texts[1], json.loads(texts[2])


def test_the_summary_says_why_it_ended_and_how_long_it_took(told: tuple[str, str, dict[str, object]]) -> None:
    assert re.search(r"^stopped by: end of recordings, after \d+\.\d s$", told[0], re.MULTILINE)
    assert "traded again while it lasts)\n" in told[0], "a line is not broken at the width of no terminal"
    assert "--seed" not in told[0]  # recordings have none


def test_a_count_of_refusals_above_the_refused_says_what_it_counts(told: tuple[str, str, dict[str, object]]) -> None:
    summary, post_mortem, document = told
    assert "checks that failed, by episode (an accepted edge fails some before and after):\n" in summary
    assert "(counted by episode; an accepted edge fails some checks before and after)" in post_mortem
    found = document["opportunities"]
    assert isinstance(found, dict) and isinstance(document["refusals"], dict)
    for check, count in document["refusals"].items():
        assert f" ({check}): {count:,} of {found['found']:,}\n" in summary
    assert f"traded: {document['plans']:,} plans" in summary and f"{document['fills']:,} fills of" in summary
    plans, fills = document["plans"], document["fills"]
    assert isinstance(plans, int) and isinstance(fills, int) and 0 < plans <= fills


def test_edges_are_named_as_in_the_view(told: tuple[str, str, dict[str, object]]) -> None:
    best = told[2]["best_edges"]
    assert isinstance(best, dict)
    for which, edge in best.items():
        assert re.search(rf"largest {which} edge: [+-]\d+\.\d{{4}} bps, {edge['name']} {edge['where']}, at ", told[0])
        assert edge["buy"] in edge["where"]


def test_money_is_rounded_alike_in_summary_and_post_mortem(told: tuple[str, str, dict[str, object]]) -> None:
    summary, post_mortem, document = told
    assert isinstance(document["profit"], dict)
    for asset, amount in document["profit"].items():
        assert f"{readable(D(amount))} {asset}" in summary
        assert readable(D(amount)) in post_mortem
    assert not re.search(r"(?<!:\d)\d\.\d{9}", summary + post_mortem)


def test_a_halt_says_which_setting_and_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sets = ["--set=risk.max_loss=0.01", "--set=paper.latency=3s", "--set=risk.max_residual=0"]
    assert main(["action", "--replay=generated", f"--data-dir={tmp_path}", *sets]) == 0
    out = " ".join(capsys.readouterr().out.split())
    halted = re.search(r"halted: .*? (risk\.max_\w+) .*? fix: look at what is left .*? --set (risk\.max_\w+)=", out)
    assert halted is not None and halted[1] == halted[2]


def test_a_run_without_two_comparable_instruments_says_so() -> None:
    run = Run()
    run.book("a1", "X-USDT", 99, 100)
    run.book("b1", "Z-USDT", 99, 100)
    (hint,) = hints(run.pipe.market, run.pipe.finish("test"))
    assert hint.startswith("no two instruments were comparable, so nothing could be found (X/USDT on a, Z/USDT on b)")


def test_a_run_in_which_no_book_went_live_says_so() -> None:
    run = Run()
    (hint,) = hints(run.pipe.market, run.pipe.finish("test"))
    assert hint == "no book ever went live, so nothing could be found (a: no book, 0 frames; b: no book, 0 frames)"


def test_a_run_on_one_venue_says_so() -> None:
    run = Run()
    for symbol in ("USDT-A", "A-B", "B-USDT"):
        run.book("a1", symbol, "0.98", "1.03")
    (hint,) = hints(run.pipe.market, run.pipe.finish("test"))
    assert hint.startswith("only a was there, so its prices were compared with each other alone")


def test_no_hint_where_something_could_have_been_found() -> None:
    run = Run()
    run.book("a1", "X-USDT", 99, 100)
    run.book("b1", "X-USDT", 99, 100)
    assert hints(run.pipe.market, run.pipe.finish("test")) == []
    found = crossed(Run())
    assert hints(found.pipe.market, found.pipe.finish("test")) == []
