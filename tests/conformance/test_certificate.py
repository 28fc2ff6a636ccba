"""The certificate: the tiers, and what one run of pytest writes down."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cryptopipe.cli.plugin_test import NOT_JUDGED, lines
from cryptopipe.testing.certificate import (
    ACTION_CHECKS,
    FAILED,
    NOT_APPLICABLE,
    PASSED,
    SKIPPED,
    TIERS,
    actions_tier,
    tier,
)

BRONZE, SILVER, GOLD = (dict.fromkeys(TIERS[name][0], PASSED) for name in ("bronze", "silver", "gold"))
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("outcomes", "earned"),
    [
        ({}, ""),
        (BRONZE, "bronze"),
        (BRONZE | {"3 mutations": FAILED}, ""),
        (BRONZE | {"8 sync": FAILED}, "bronze"),
        (BRONZE | SILVER, "silver"),
        (BRONZE | SILVER | {"8 sync": NOT_APPLICABLE}, "bronze"),
        (BRONZE | SILVER | {"5 on tick, recorded": FAILED}, "bronze"),
        (BRONZE | SILVER | {"A1 build": FAILED}, "bronze"),
        (BRONZE | SILVER | GOLD, "gold"),
        (BRONZE | SILVER | GOLD | {"A1 build": PASSED, "11 orders": NOT_APPLICABLE}, "gold"),
        (BRONZE | SILVER | GOLD | {"11 orders": FAILED}, "silver"),
        (BRONZE | SILVER | {"12 metadata": NOT_APPLICABLE}, "silver"),
        ({"S1 purity": PASSED, "S2 settings": PASSED}, "bronze"),
        ({"S1 purity": PASSED, "S2 settings": FAILED}, ""),
    ],
)
def test_a_tier_is_earned_by_every_check_of_it(outcomes: dict[str, str], earned: str) -> None:
    assert tier(outcomes) == earned


ACTIONS = dict.fromkeys(ACTION_CHECKS, PASSED)


@pytest.mark.parametrize(
    ("outcomes", "told"),
    [
        (BRONZE, None),
        (ACTIONS | {"A7 exact": PASSED}, PASSED),
        (ACTIONS | {"A7 exact": NOT_APPLICABLE}, PASSED),
        (ACTIONS | {"A7 exact": FAILED}, FAILED),
        (ACTIONS | {"A7 exact": SKIPPED}, FAILED),
        (ACTIONS | {"A5 ambiguous": NOT_APPLICABLE}, FAILED),
        (BRONZE | {"A1 build": PASSED}, FAILED),
    ],
)
def test_the_tier_of_actions_needs_all_their_checks(outcomes: dict[str, str], told: str | None) -> None:
    assert actions_tier(outcomes) == told


@pytest.mark.parametrize(
    ("actions", "told"), [(PASSED, ", actions passed"), (NOT_JUDGED, ", actions not judged"), (None, "")]
)
def test_a_person_reads_the_tier_of_actions_beside_the_other(actions: str | None, told: str) -> None:
    certificate = {
        "plugin": "bitfoo",
        "version": "1",
        "tier": "gold",
        "actions": actions,
        "versions": {"a": "2"},
        "checks": [],
    }
    assert lines(certificate) == [f"bitfoo 1: gold{told} (a 2)"]


def test_a_run_writes_down_what_was_found(tmp_path: Path) -> None:
    """Two classes of one plugin, one of another; a check that one class passes and the other fails has failed."""
    (tmp_path / "test_it.py").write_text(
        "from conformance.bad.bug import BITFOO\n"
        "from conformance.bad import books\n"
        "from conformance.bitfoo import make\n"
        "from conformance.bitbar import PLUGIN\n"
        "from cryptopipe.testing import ExchangeConformance\n"
        "class TestGood(ExchangeConformance):\n"
        "    plugin, (instruments, corpus, stream) = make(), BITFOO.values()\n"
        "class TestBad(TestGood):\n"
        "    plugin = books.BUGS[0].plugin\n"
        "class TestOther(ExchangeConformance):\n"
        "    plugin = PLUGIN\n"
        "def test_of_its_own():\n"
        "    raise SystemError\n"
    )
    told = tmp_path / "told.json"
    options = ["-p", "cryptopipe.testing.certificate", "--certificate", str(told), "--certificate-of", "bitfoo"]
    child = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", str(ROOT / "pyproject.toml"),
         "--rootdir", str(ROOT), *options, str(tmp_path / "test_it.py")],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert child.returncode == 1, child.stdout
    found = json.loads(told.read_text())
    checks = {one["check"]: one for one in found["checks"]}
    assert found["plugin"] == "bitfoo" and found["tier"] == "bronze" and found["actions"] is None
    assert list(checks)[:2] == ["1 purity", "2 determinism"] and list(checks)[-1] == "14 trade history"
    assert {name for name, one in checks.items() if one["outcome"] == FAILED} == {"8 sync"}
    assert "did not replace the book" in checks["8 sync"]["why"] and checks["8 sync"]["tests"] == 2
    assert checks["13 signer"] == {
        "check": "13 signer", "outcome": NOT_APPLICABLE, "tests": 2, "counts": "",
        "why": "the streams of bitfoo need no key",
    }  # fmt: skip
    assert checks["4 goldens"]["counts"] == "10 frames, 6 kinds of events"
