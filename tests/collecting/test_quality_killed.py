"""A checker that is killed at any moment leaves every collected byte as it was, and no verdict that is not whole."""

import random
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from collecting.quality_files import HOUR_MS, seal
from collecting.test_quality_command import AT, BEGIN, LIMITS, snapshot, tops

from cryptopipe.quality.examine import examine, found_files
from cryptopipe.quality.verdict import read

KILLS = 12


@pytest.mark.long
def test_a_killed_checker_leaves_whole_verdicts_and_untouched_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(scratch := tmp_path / "scratch"))
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    scratch.mkdir()
    files = [seal(tmp_path, tops(BEGIN + hour * HOUR_MS, 600, hour % 5 == 0)) for hour in range(80)]
    before, seeded = snapshot(tmp_path / "collected"), random.Random(8)
    command = [sys.executable, "-m", "cryptopipe", "qa", "--data-dir", str(tmp_path), "--again"]
    for _ in range(KILLS):
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            child.wait(timeout=seeded.uniform(0.5, 5))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        kept = {name: data for name, data in snapshot(tmp_path / "collected").items() if not name.endswith(".new")}
        assert kept == before
        for verdict in (tmp_path / "collected").rglob("*.verdict.json"):
            assert read(verdict) is not None, verdict.name
    report = examine(found_files([], tmp_path, 0, AT), LIMITS, AT, again=True)
    assert len(report.judged) == len(files) and not report.refused
    assert report.counts()["fail"] == 16
    assert snapshot(tmp_path / "collected") == before, "drafts of killed runs went with the next verdict"
    assert list(scratch.iterdir()) == [], "so did their scratch copies"
