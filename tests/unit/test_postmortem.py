"""The post-mortem's figures, against figures worked out by hand from the records given."""

import json
from collections.abc import Sequence
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from cryptopipe.cli.post_mortem import journal, post_mortem
from cryptopipe.errors import UsageError
from cryptopipe.journal import runs
from cryptopipe.journal.account_records import Reckoned
from cryptopipe.journal.log import Log
from cryptopipe.journal.records import (
    BestEdge,
    Body,
    Counts,
    Decided,
    Filled,
    Halted,
    Intended,
    OrderEnded,
    Posted,
    RunEnded,
    RunStarted,
    Value,
)
from cryptopipe.journal.runs import Run
from cryptopipe.model.facts import Side
from cryptopipe.model.trading import Reason
from cryptopipe.postmortem.render import render
from cryptopipe.postmortem.report import Report, report

D = Decimal
AT = 1723161255088169167


def started(strategy: str = "arbitrage", label: str = "") -> RunStarted:
    return RunStarted(strategy, "f00d", {}, ("binance", "kraken"), (), {}, "USDT", simultaneous=not label, label=label)


def decided(episode: int, phase: str, accepted: bool, *failed: str) -> Decided:
    checks = [Reason(name, name not in failed, "0 bp", "1 bp") for name in ("net", "age", "size")]
    edge, gross, net = f"two_venue edge{episode}", D("5.21"), D("-1.2") + episode
    return Decided(
        episode, episode, phase, edge, (), gross, net, (), {}, D(0), "USDT", D(100), accepted, tuple(checks), gross, net
    )


OPENING = Posted(
    1,
    "opening",
    (
        ("wallet:binance", "USDT", D(1000)),
        ("equity", "USDT", D(-1000)),
        ("wallet:kraken", "BTC", D("0.5")),
        ("equity", "BTC", D("-0.5")),
    ),
)
BOUGHT = Posted(
    2,
    "fill 1",
    (
        ("wallet:binance", "BTC", D("0.01")),
        ("market:binance", "BTC", D("-0.01")),
        ("wallet:binance", "USDT", D("-600.0")),
        ("market:binance", "USDT", D("600")),
        ("wallet:binance", "USDT", D("-0.6")),
        ("fees:binance", "USDT", D("0.6")),
    ),
)
SOLD = Posted(
    3,
    "fill 2",
    (
        ("wallet:kraken", "BTC", D("-0.01")),
        ("market:kraken", "BTC", D("0.01")),
        ("wallet:kraken", "USDT", D("602.5")),
        ("market:kraken", "USDT", D("-602.5")),
    ),
)
CLOSING = {"binance": {"USDT": D("399.4"), "BTC": D("0.01")}, "kraken": {"USDT": D("602.5"), "BTC": D("0.49")}}
FILLS = (
    Filled("1", "binance:BTCUSDT", Side.BUY, D("60000"), D("0.01"), D("0.6"), "USDT"),
    Filled("2", "kraken:BTC/USDT", Side.SELL, D("60250"), D("0.01"), D("0"), "USDT"),
)
DECISIONS = (
    decided(1, "open", False, "net"),
    decided(1, "change", False, "net", "age"),
    decided(2, "open", False, "size"),
    decided(2, "change", True),
    decided(1, "end", False, "age"),
    decided(2, "end", False, "net"),
    decided(3, "open", False, "net"),
    decided(3, "end", False, "net"),
)


def ended(**changes: Any) -> RunEnded:
    facts: dict[str, Any] = {
        "stopped_by": "end of input",
        "frames": 100,
        "tops": 80,
        "turns": 70,
        "opportunities": Counts(3, 1, 2),
        "refusals": {"age": 1, "net": 3, "size": 1},
        "fills": 2,
        "profit": {"USDT": D("1.9")},
        "value": Value("USDT", D("1.9"), D("-0.5"), D("-0.25")),
        "closing": CLOSING,
        "best_edges": {"gross": BestEdge("binance", "kraken", ("binance:BTCUSDT", "kraken:BTC/USDT"), D("5.21"), AT)},
    }
    return RunEnded(**{**facts, **changes})


def write(data_dir: Path, second: int, *bodies: Body) -> Run:
    run = runs.create(data_dir, AT + second * 10**9)
    with Log.open(run.journal) as log:
        for seq, body in enumerate(bodies):
            log.append(seq, AT + seq, body.kind, body)
    return run


def whole_run(data_dir: Path, second: int = 0, **changes: Any) -> Run:
    run = write(data_dir, second, started(), OPENING, *DECISIONS, *FILLS, BOUGHT, SOLD, ended(**changes))
    run.end(AT + (second + 5) * 10**9, {})
    return run


def test_no_run_is_an_empty_report(tmp_path: Path) -> None:
    document = report(tmp_path / "nowhere").document()
    assert document["schema"] == 1
    assert document["runs"] == []
    assert document["opportunities"] == {"found": 0, "accepted": 0, "refused": 0}
    assert document["profit"] == document["balances"] == document["refusals"] == {}
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("differs", "expected"),
    [
        (({}, {}), 0),
        (({}, {"X": (Decimal("2.1"), Decimal(2))}), 1),
        (({"X": (Decimal(1), Decimal(2)), "Y": (Decimal(1), Decimal(2))}, {"X": (Decimal(1), Decimal(2))}), 2),
    ],
)
def test_a_run_at_venues_says_how_many_of_them_hold_something_else(
    tmp_path: Path, differs: Sequence[Any], expected: int
) -> None:
    reckoned = [Reckoned(venue, told) for venue, told in zip(("a", "b"), differs, strict=True)]
    run = write(tmp_path, 0, started(), OPENING, *reckoned, ended())
    run.describe({"execution": "venue"})
    (line,) = report(tmp_path).runs
    assert (line.execution, line.venues_differ) == ("venue", expected)
    cut_off = write(tmp_path, 9, started(), OPENING)
    cut_off.describe({"execution": "venue"})
    assert report(tmp_path, run="last").runs[0].venues_differ is None


def test_one_run(tmp_path: Path) -> None:
    run = whole_run(tmp_path)
    document = report(tmp_path, "arbitrage").document()
    assert document["runs"] == [
        {
            "run_id": run.id,
            "strategy": "arbitrage",
            "started_at": "2024-08-08T23:54:15.088169167Z",
            "ended_at": "2024-08-08T23:54:20.088169167Z",
            "clean": True,
            "frames": 100,
            "tops": 80,
            "turns": 70,
            "found": 3,
            "accepted": 1,
            "refused": 2,
            "fills": 2,
            "simultaneous": True,
            "label": "",
            "execution": "paper",
            "venues_differ": None,
        }
    ]
    assert document["opportunities"] == {"found": 3, "accepted": 1, "refused": 2}
    assert document["refusals"] == {"age": 1, "net": 3, "size": 1}
    assert document["profit"] == {"USDT": "1.9"}
    assert document["balances"] == {
        "binance": {"BTC": {"opening": "0", "closing": "0.01"}, "USDT": {"opening": "1000", "closing": "399.4"}},
        "kraken": {"BTC": {"opening": "0.5", "closing": "0.49"}, "USDT": {"opening": "0", "closing": "602.5"}},
    }
    assert document["value"] == {
        "numeraire": "USDT",
        "trading": "1.9",
        "revaluation": "-0.5",
        "restoring": "-0.25",
        "unpriced": [],
    }
    assert document["ledger_balanced"] is True
    assert document["notes"] == []
    assert [edge["edge"] for edge in document["edges"]] == ["two_venue edge3", "two_venue edge2", "two_venue edge1"]
    assert document["best_edges"]["gross"]["at"] == "2024-08-08T23:54:15.088169167Z"
    json.dumps(document)


def test_runs_add_up_and_a_crashed_one_is_counted_from_its_records(tmp_path: Path) -> None:
    whole_run(tmp_path)
    crashed = write(tmp_path, 9, started(), OPENING, *DECISIONS[:4], FILLS[0], BOUGHT)
    document = report(tmp_path, "arbitrage").document()
    assert [run["clean"] for run in document["runs"]] == [True, False]
    assert (document["runs"][1]["frames"], document["runs"][1]["ended_at"]) == (None, None)
    assert document["opportunities"] == {"found": 5, "accepted": 2, "refused": 3}
    assert document["refusals"] == {"age": 2, "net": 4, "size": 2}
    assert document["profit"] == {"BTC": "0.01", "USDT": "-598.7"}
    assert document["balances"]["binance"]["USDT"] == {"opening": "2000", "closing": "798.8"}
    assert document["value"]["trading"] == "1.9"
    assert document["ledger_balanced"] is True
    assert document["notes"] == [
        f"run {crashed.id} has no end: it still runs or was cut off, and is not in `value`",
    ]
    assert report(tmp_path, "arbitrage", crashed.id[:20]).opportunities == Counts(2, 1, 1)
    assert report(tmp_path, None, "last").opportunities == Counts(2, 1, 1)


def test_a_run_that_was_cut_off_names_the_orders_that_were_on_their_way(tmp_path: Path) -> None:
    """Whether they were filled its records cannot tell: their intents are the only trace."""
    intents = [Intended(f"d1-{n}", 1, venue, Side.BUY, D(1), D(100)) for n, venue in enumerate(("b:XY", "a:XY"), 1)]
    run = write(tmp_path, 9, started(), OPENING, *intents, OrderEnded("d1-1", D(1), D(0), "filled"))
    notes = report(tmp_path).document()["notes"]
    assert f"run {run.id}: what became of order d1-2 on a:XY is not in its records" in notes
    assert "d1-1" not in " ".join(notes)


def test_only_the_strategy_asked_for(tmp_path: Path) -> None:
    whole_run(tmp_path)
    other = write(tmp_path, 7, started("other"), decided(1, "open", False, "net"))
    assert report(tmp_path, "arbitrage").opportunities.found == 3
    assert report(tmp_path, "other", "last").runs[0].run_id == other.id
    assert report(tmp_path).opportunities.found == 4
    assert report(tmp_path, "third").runs == []
    with pytest.raises(UsageError, match="is not of strategy arbitrage"):
        report(tmp_path, "arbitrage", other.id)


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"opportunities": Counts(4, 1, 3)}, "it claims 4 found, its records count 3"),
        ({"fills": 1}, "it claims 1 fills, its records count 2"),
        ({"refusals": {"net": 3, "age": 1}}, "it claims 0 episodes refused by size, its records count 1"),
    ],
)
def test_a_claim_that_differs_from_the_records_is_named(tmp_path: Path, changes: dict[str, Any], note: str) -> None:
    run = whole_run(tmp_path, **changes)
    made = report(tmp_path)
    assert made.opportunities == Counts(3, 1, 2)
    assert f"run {run.id}: {note}" in made.notes


def test_a_closing_balance_that_the_postings_do_not_give(tmp_path: Path) -> None:
    wrong = {**CLOSING, "kraken": {"USDT": D("602.6"), "BTC": D("0.49")}}
    run = whole_run(tmp_path, closing=wrong)
    made = report(tmp_path)
    assert made.ledger_balanced is False
    assert made.notes == [
        f"run {run.id}: closing balance of USDT at kraken: 602.5 by the postings, 602.6 as stated",
    ]


def test_a_transaction_that_does_not_sum_to_zero(tmp_path: Path) -> None:
    lost = Posted(7, "fill 3", (("wallet:binance", "BTC", D("0.02")), ("market:binance", "BTC", D("-0.01"))))
    run = write(tmp_path, 0, started(), lost)
    made = report(tmp_path)
    assert made.ledger_balanced is False
    assert f"run {run.id}: transaction 7 sums to 0.01 BTC, not to 0" in made.notes


def test_a_damaged_journal_is_reported_up_to_its_damage(tmp_path: Path) -> None:
    run = whole_run(tmp_path)
    segment = run.journal / "000001.jsonl"
    segment.write_bytes(segment.read_bytes().replace(b"60250", b"60350"))
    made = report(tmp_path)
    assert (made.opportunities.found, made.fills) == (3, 1)
    assert any("record 12 is damaged" in note for note in made.notes)


def text_of(made: Report) -> str:
    printed = StringIO()
    render(made, Console(width=120, file=printed))
    return printed.getvalue()


def test_the_tables_say_what_is_not_simultaneous(tmp_path: Path) -> None:
    write(tmp_path, 0, started(label="kraken was moved"), *DECISIONS, Halted("residual above 50"))
    text = text_of(report(tmp_path))
    assert "NOT SIMULTANEOUS: kraken was moved" in text
    assert "two_venue edge3" in text
    assert "halted: residual above 50" in text


def test_a_friendly_word_before_the_first_run(tmp_path: Path) -> None:
    assert text_of(report(tmp_path)).startswith("No runs yet. Start one:")


def test_the_commands(tmp_path: Path) -> None:
    run = whole_run(tmp_path)
    place = ["--data-dir", str(tmp_path)]
    invoke = CliRunner().invoke
    told = invoke(post_mortem, ["--json", *place])
    assert json.loads(told.output)["opportunities"] == {"found": 3, "accepted": 1, "refused": 2}
    assert "Checks that failed" in invoke(post_mortem, place).output
    assert invoke(journal, ["path", *place]).output == f"{run.journal}\n"
    assert json.loads(invoke(journal, ["rebuild", "--json", *place]).output)["records"] == 15
    checked = json.loads(invoke(journal, ["check", "all", "--json", *place]).output)
    assert (checked["ok"], checked["runs"][0]["records"]) == (True, 15)
    segment = run.journal / "000001.jsonl"
    segment.write_bytes(segment.read_bytes().replace(b"60250", b"60350"))
    failed = invoke(journal, ["check", *place], standalone_mode=False)
    assert failed.return_value == 1
    assert "000001.jsonl:12: record 12 is damaged" in failed.stderr
