"""How often each check failed, over every evaluation: from records that are told only when the reasons change."""

import json
from collections import Counter
from decimal import Decimal as D
from pathlib import Path
from random import Random
from typing import Any

import pytest

from cryptopipe.cli import main
from cryptopipe.journal.log import Log
from cryptopipe.journal.records import Decided, RunStarted
from cryptopipe.journal.runs import create
from cryptopipe.model.trading import Reason

CHECKS = ("age", "net_edge", "size")
T0 = 1_800_000_000 * 10**9


def decided(number: int, episode: int, phase: str, failed: frozenset[str], evaluations: int) -> Decided:
    reasons = tuple(Reason(check, check not in failed, "limit", "measured") for check in CHECKS)
    return Decided(
        number, episode, phase, f"edge {episode}", (), D(1), D(1), (), {}, D(1), "USDT", D(1), not failed, reasons,
        D(1), D(1), 0, evaluations,
    )  # fmt: skip


def told(episode: int, history: list[frozenset[str]], ended: bool) -> list[Decided]:
    """An episode as the journal tells it: its first evaluation, those with other reasons than before or an acceptance,
    and its end."""
    records = []
    for place, failed in enumerate(history, 1):
        if place == 1 or failed != history[place - 2] or not failed:
            records.append(decided(place, episode, "open" if place == 1 else "change", failed, place))
    if ended:
        records.append(decided(len(history), episode, "end", history[-1], len(history)))
    return records


def counted(data_dir: Path, episodes: list[list[Decided]], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    run = create(data_dir, T0)
    records = [record for episode in episodes for record in episode]
    records.sort(key=lambda record: record.evaluations)  # episodes live side by side
    with Log.open(run.journal) as log:
        for place, body in enumerate([RunStarted("s", "", {}, (), (), {}, "USDT"), *records]):
            log.append(place, T0 + place, body.kind, body)
    assert main(["post-mortem", "--json", "--data-dir", str(data_dir)]) == 0
    evaluations: dict[str, Any] = json.loads(capsys.readouterr().out)["evaluations"]
    return evaluations


def test_every_evaluation_is_counted_with_its_reasons(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    random = Random(11)
    sets = [frozenset(), frozenset({"age"}), frozenset({"net_edge"}), frozenset({"net_edge", "size"})]
    histories = []
    for _ in range(30):
        history: list[frozenset[str]] = []
        while len(history) < random.randint(1, 40):
            history += [random.choice(sets)] * random.randint(1, 9)
        histories.append(history)
    expected = Counter(check for history in histories for failed in history for check in failed)
    found = counted(tmp_path, [told(number, one, True) for number, one in enumerate(histories, 1)], capsys)
    assert found == {"all": sum(map(len, histories)), "failed": dict(expected)}


def test_of_an_episode_that_goes_on_the_last_record_stands_for_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    history = [frozenset({"age"})] * 5 + [frozenset({"size"})] * 3
    assert counted(tmp_path, [told(1, history, False)], capsys) == {"all": 6, "failed": {"age": 5, "size": 1}}
