"""The post-mortem again and again while a run writes in another process: no error, no lock, nothing counted back."""

import json
from itertools import pairwise
from pathlib import Path

from longcapture import action, repeated, spawn, wait_until

from cryptopipe.journal.runs import list_runs
from cryptopipe.postmortem.report import report

REPETITIONS = 30


def test_post_mortem_in_a_loop_beside_a_run(tmp_path: Path) -> None:
    data_dir, recordings = tmp_path / "data", repeated(tmp_path / "recordings", REPETITIONS)
    seen: list[tuple[int, int, int, int]] = []
    asked_by_child = 0
    with action(data_dir, recordings, "--json") as child:
        wait_until(child, lambda: bool(list_runs(data_dir)))
        while child.poll() is None:
            made = report(data_dir, "arbitrage")
            assert made.ledger_balanced
            assert all(line.found == line.accepted + line.refused for line in made.runs)
            counts = made.opportunities
            seen.append((counts.found, counts.accepted, counts.refused, made.fills))
            if len(seen) % 5 == 2:
                asked_by_child += 1
                before = [line.run_id for line in made.runs]  # none, until the run has written its first record
                by_child = [line["run_id"] for line in asked(data_dir)["runs"]]
                after = [line.run_id for line in report(data_dir, "arbitrage").runs]
                assert before == by_child[: len(before)] and by_child == after[: len(by_child)]
        told, complaint = child.communicate()
    assert (child.returncode, complaint) == (0, "")
    assert len(seen) >= 3 and asked_by_child, "the run was over too soon: give it more repetitions"
    for former, later in pairwise(seen):
        assert former[0] <= later[0] and former[1] <= later[1] and former[3] <= later[3]
    assert seen[0] < seen[-1]

    ended, at_last = json.loads(told), report(data_dir, "arbitrage")
    counts = ended["opportunities"]
    assert [line.clean for line in at_last.runs] == [True]
    assert (at_last.opportunities.found, at_last.opportunities.accepted) == (counts["found"], counts["accepted"])
    assert (at_last.opportunities.refused, at_last.fills) == (counts["refused"], ended["fills"])
    assert seen[-1][0] <= counts["found"]


def asked(data_dir: Path) -> dict[str, list[dict[str, str]]]:
    """What a post-mortem in a process of its own says."""
    with spawn("post-mortem", "--strategy=arbitrage", "--json", f"--data-dir={data_dir}") as child:
        out, err = child.communicate(timeout=60)
    assert (child.returncode, err) == (0, "")
    document: dict[str, list[dict[str, str]]] = json.loads(out)
    return document
