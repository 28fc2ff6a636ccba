"""`post-mortem --calibration` over journals that are written here, record by record."""

import json
import re
from decimal import Decimal as D
from math import log
from pathlib import Path
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from cryptopipe.cli import main
from cryptopipe.journal.account_records import TransitEnded
from cryptopipe.journal.log import Log
from cryptopipe.journal.records import Decided, RunStarted
from cryptopipe.journal.runs import create
from cryptopipe.model.money import rounded
from cryptopipe.model.trading import Forecast, Transit, Way
from cryptopipe.postmortem.calibration import Found, known_points

DOCS = Path(__file__).parent.parent.parent / "docs"
T0 = 1_800_000_000 * 10**9
MINUTE = 60 * 10**9
FORECAST = Forecast(
    minutes=D(10), late=D("0.1"), abandon_minutes=D(60), sigma=D("0.001"), kappa=D(0), edge=D("0.004"),
    expected=D("0.004"), bound=D("0.002"), low=D("-0.001"), high=D("0.009"), probability=D("0.72"), certainty=D(1),
)  # fmt: skip


def transit(forecast: Forecast = FORECAST, way: Way = Way.TRANSFER) -> Transit:
    names = {name: name for name in ("asset", "source", "target", "chain", "code", "network", "target_code")}
    return Transit(
        way=way, target_network="net", amount=D(1), fee=D(0), arrives=D(1), precision=8, forecast=forecast, **names
    )  # type: ignore[arg-type]


def decided(number: int, one: Transit | None, accepted: bool = True, phase: str = "change") -> Decided:
    body = Decided(
        number, 1, phase, "edge", (), D(0), D(0), (), {}, D(1), "USDT", D(1), accepted, (), D(0), D(0)
    )  # fmt: skip
    return body if one is None else replace(body, transit=one)


def ended(
    number: int, log_return: str | None, value: str | None, end: str = "sold", asset: str = "asset"
) -> TransitEnded:
    return TransitEnded(
        number, "transfer", end, asset, "source", "target", D(1), D(1), D(1), D(1), D(0), {}, "USDT",
        None if value is None else D(value), None if log_return is None else D(log_return), 0, 0,
    )  # fmt: skip


def written(data_dir: Path, *bodies: tuple[int, Any], strategy: str = "arbitrage") -> Path:
    """A run's journal with these bodies at minutes."""
    run = create(data_dir, T0)
    started = RunStarted(strategy, "", {}, (), (), {}, "USDT")
    with Log.open(run.journal) as log_:
        for place, (minute, body) in enumerate([(0, started), *bodies]):
            log_.append(place, T0 + minute * MINUTE, body.kind, body)
    return run.journal


def printed(capsys: pytest.CaptureFixture[str], data_dir: Path, *arguments: str) -> dict[str, Any]:
    assert main(["post-mortem", "--calibration", "--json", "--data-dir", str(data_dir), *arguments]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def points(forecast: Forecast) -> list[tuple[float, float]]:
    return [(at, round(p, 12)) for at, p in known_points(forecast)]


def test_the_known_points_of_a_law() -> None:
    """No profit given arrival: of 0.9 that arrive 0.72 win, so 0.2 of them do not."""
    assert points(FORECAST) == [(-0.001, 0.05), (0.0, 0.2), (0.004, 0.5), (0.009, 0.95)]
    closing = replace(FORECAST, expected=D("0.003"))
    assert points(closing) == [(-0.001, 0.05), (0.0, 0.2), (0.009, 0.95)]
    never = replace(FORECAST, late=D(1), probability=D(0), expected=D("0.003"))
    assert points(never) == [(-0.001, 0.05), (0.009, 0.95)]
    sure = replace(FORECAST, probability=D("0.9"), expected=D("0.003"))
    assert points(sure) == [(-0.001, 0.05), (0.009, 0.95)]  # 0 at 0 would fall behind 5 %


def test_a_plan_is_its_accepted_decision_and_its_end(tmp_path: Path) -> None:
    found = Found()
    from cryptopipe.journal.reader import read

    found.read(
        read(
            written(
                tmp_path,
                (1, decided(1, transit(), accepted=False, phase="open")),
                (2, decided(2, transit())),
                (3, decided(2, transit(replace(FORECAST, probability=D("0.1"))), phase="end")),
                (4, decided(3, None)),
                (5, ended(2, "0.0045", "4.5")),
                (6, ended(1, "0.0045", "4.5")),  # of a decision that nobody accepted
                (7, ended(3, "0.0045", "4.5")),  # without a forecast
            )
        ),
        None,
    )
    (one,) = found.came
    assert (one.probability, one.profitable, one.realised) == (0.72, True, 0.0045)
    assert (one.below, one.reached) == (0.5, 0.95)
    assert (one.expected, one.low, one.high, one.jump) == (0.004, -0.001, 0.009, False)


def test_what_was_not_carried_to_its_end_is_left_out_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ends = [
        ended(1, "-0.002", "-2"),
        ended(2, "-0.9", "-900", "lost"),
        ended(3, "0.001", "1", "returned"),
        ended(4, None, "0", "nothing"),
        ended(5, None, "0", "kept"),
        ended(6, None, None),
        ended(7, "0.003", "3", "restored"),
    ]
    bodies = [(place, decided(place, transit())) for place in range(1, 10)]
    written(tmp_path, *bodies, *((20 + place, end) for place, end in enumerate(ends)))
    told = printed(capsys, tmp_path)["calibration"]
    assert told["forecasts"] == 3 and told["ends"] == {"lost": 1, "restored": 1, "sold": 1}
    assert told["left_out"] == {"kept": 1, "no price": 1, "nothing": 1, "returned": 1} and told["running"] == 2
    assert told["pit"]["n"] == 2, "coins that never arrived have no place in the law of those that do"
    assert told["reliability"][0]["n"] == 3 and told["reliability"][0]["count"] == 1
    assert any("1 kept, 1 no price, 1 nothing, 1 returned, 2 without an end" in note for note in told["notes"])
    assert any("too few" in note for note in told["notes"])


def many(data_dir: Path, believed: float, n: int = 400) -> None:
    """Plans whose return is normal around 0.004, with a deviation of 0.003; the forecast believes `believed`."""
    random, bodies = Random(7), []
    tail, middle = 1.6448536269514722 * believed, 0.004
    from statistics import NormalDist

    wins = 1 - NormalDist(middle, believed).cdf(0)
    forecast = replace(
        FORECAST, late=D(0), low=rounded(middle - tail), high=rounded(middle + tail), probability=rounded(wins)
    )
    for number in range(1, n + 1):
        came = random.gauss(middle, 0.003)
        bodies.append((2 * number, decided(number, transit(forecast))))
        bodies.append((2 * number + 1, ended(number, str(rounded(came)), str(rounded(came * 1000)))))
    written(data_dir, *bodies)


def test_right_and_wrong_forecasts_of_a_journal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    many(tmp_path / "right", 0.003)
    many(tmp_path / "wrong", 0.003 / 1.6)
    right, wrong = (printed(capsys, tmp_path / name)["calibration"] for name in ("right", "wrong"))
    assert right["forecasts"] == wrong["forecasts"] == 400 and right["overlapping"] == 0
    assert D(right["pit"]["p_value"]) > D("0.05") and D(wrong["pit"]["p_value"]) < D("0.001")
    for told, holds in ((right, True), (wrong, False)):
        coverage = told["sharpness"]["coverage"]
        assert (D(coverage["from"]) < D("0.9") < D(coverage["to"])) is holds
        (curve,) = told["reliability"]
        assert (D(curve["from"]) <= D(curve["forecast"]) <= D(curve["to"])) is holds
    assert D(right["sharpness"]["width"]) == pytest.approx(D("0.009869"), abs=D("1e-6"))


def test_the_documented_fields_are_the_printed_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    many(tmp_path, 0.003, n=40)
    document = printed(capsys, tmp_path)
    assert set(document) == {"schema", "strategy", "calibration"}
    section = (DOCS / "json.md").read_text(encoding="utf-8").split("\n## post-mortem --calibration\n")[1]
    rows = re.findall(r"^\| (`.+?`) \| (.+) \|$", section.split("\n## ")[0], re.MULTILINE)
    told = document["calibration"]
    assert set(told) == {name for row, _ in rows for name in re.findall(r"`(\w+)`", row)}
    words = dict.fromkeys(re.findall(r"`(\w+)`", " ".join(text for _, text in rows)))
    for part in (told["pit"], told["brier"], told["reliability"][0], told["sharpness"], told["sharpness"]["coverage"]):
        assert set(part) <= set(words)


def test_the_table_says_it_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    many(tmp_path, 0.003, n=40)
    told = printed(capsys, tmp_path)["calibration"]
    assert main(["post-mortem", "--calibration", "--data-dir", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert f"distance from uniform {D(told['pit']['distance']):.4f}" in shown and "40 forecasts of 1 runs" in shown
    assert f"Brier score {D(told['brier']['score']):.4f}" in shown and "accepted trades alone" in shown


def test_plans_on_their_way_together_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bodies = [
        (1, decided(1, transit())), (2, decided(2, transit())), (3, decided(3, transit())),
        (4, ended(2, "0.001", "1")), (5, ended(1, "0.001", "1")), (6, ended(3, "0.001", "1", asset="another")),
        (7, decided(4, transit())), (8, ended(4, "0.001", "1")),
    ]  # fmt: skip
    written(tmp_path, *bodies)
    told = printed(capsys, tmp_path)["calibration"]
    assert told["overlapping"] == 1 and any("overlapped" in note for note in told["notes"])


def test_without_such_a_plan_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(tmp_path, (1, decided(1, None)), (2, decided(2, transit())), (3, ended(2, None, "0", "nothing")))
    assert main(["post-mortem", "--calibration", "--data-dir", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert "no plan with a forecast has ended in 1 runs" in told and "1 nothing" in told
    assert main(["post-mortem", "--calibration", "--data-dir", str(tmp_path), "--strategy", "gap"]) == 2
    assert "in 0 runs" in capsys.readouterr().err


def test_a_damaged_journal_is_read_up_to_its_damage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bodies = [(1, decided(1, transit())), (2, ended(1, str(log(1.001)), "1"))]
    journal = written(tmp_path, *bodies, (3, decided(2, transit())), (4, ended(2, "0", "0")))
    (segment,) = journal.glob("*.jsonl")
    lines = segment.read_bytes().splitlines(keepends=True)
    lines[3] = lines[3].replace(b"edge", b"egde", 1)
    segment.write_bytes(b"".join(lines))
    told = printed(capsys, tmp_path)["calibration"]
    assert told["forecasts"] == 1 and any("damaged" in note for note in told["notes"])
