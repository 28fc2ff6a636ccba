"""A pytest plugin that writes down what the kit found: the checks, their counts, the tier.

Enters: `-p cryptopipe.testing.certificate --certificate FILE --certificate-of NAME`. Leaves: a JSON file; only the
tests of that plugin run. Never: a tier that a check did not earn.
"""

import json
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from cryptopipe import core
from cryptopipe.api import API_VERSION
from cryptopipe.testing.checks import CHECK, Judged

PASSED, FAILED, NOT_APPLICABLE, SKIPPED = "passed", "failed", "not applicable", "skipped"

TIERS: Mapping[str, tuple[Sequence[str], Sequence[str]]] = {
    "bronze": (("1 purity", "2 determinism", "3 mutations", "4 goldens", "5 on tick"), ()),
    "silver": (("6 declared", "7 strangers", "8 sync", "9 connect", "10 cost"), ("5 on tick, recorded",)),
    "gold": (("12 metadata",), ("11 orders", "13 signer", "14 trade history")),
}
"""For each tier, in order, the checks that must have passed, and those that must pass or not apply; it needs those of
the tiers before it too."""

ACTION_CHECKS = ("A1 build", "A2 secrecy", "A3 signature", "A4 answers", "A5 ambiguous", "A6 mutations")
"""What a codec of actions must have passed for the tier of its own."""

_ACTIONS, _STRATEGY = "A", "S"


def tier(outcomes: Mapping[str, str]) -> str:
    """The highest tier that these outcomes (by the check's name) earn, empty for none.

    Checks of actions count for silver where there are any; a strategy has bronze when all its checks passed.
    """
    theirs = [outcome for name, outcome in outcomes.items() if name.startswith(_STRATEGY)]
    if theirs:
        return "bronze" if set(theirs) == {PASSED} else ""
    earned = ""
    for name, (needed, allowed) in TIERS.items():
        if any(outcomes.get(check) != PASSED for check in needed):
            break
        if any(outcomes.get(check, NOT_APPLICABLE) == FAILED for check in allowed):
            break
        actions = {outcome for check, outcome in outcomes.items() if check.startswith(_ACTIONS)}
        if name != "bronze" and FAILED in actions:
            break
        earned = name
    return earned


def actions_tier(outcomes: Mapping[str, str]) -> str | None:
    """`passed` where A1 to A6 passed and A7 did or does not apply, else `failed`; None where there is no such check."""
    found = {check: outcome for check, outcome in outcomes.items() if check.startswith(_ACTIONS)}
    if not found:
        return None
    needed = all(found.get(check) == PASSED for check in ACTION_CHECKS)
    return PASSED if needed and set(found.values()) <= {PASSED, NOT_APPLICABLE} else FAILED


class Certificate:
    """Collects what one run of pytest tells."""

    def __init__(self, path: Path, name: str) -> None:
        self._path, self._name = path, name
        self._checks: dict[str, str] = {}
        self._reports: dict[str, list[dict[str, str]]] = {}
        self._classes: dict[str, type[Judged]] = {}

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Only the numbered checks of this plugin run."""
        kept = [item for item in items if self._is_ours(item)]
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept
        for item in kept:
            self._checks[item.nodeid] = getattr(item.function, CHECK)  # type: ignore[attr-defined]
            self._classes[item.nodeid] = item.cls  # type: ignore[attr-defined]

    def _is_ours(self, item: pytest.Item) -> bool:
        kit, function = getattr(item, "cls", None), getattr(item, "function", None)
        return isinstance(kit, type) and issubclass(kit, Judged) and kit.of() == self._name and hasattr(function, CHECK)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One outcome a test: its call, or the setup that failed or was skipped."""
        check = self._checks.get(report.nodeid)
        if check is None or (report.when != "call" and report.passed):
            return
        kit = self._classes[report.nodeid]
        told = {"test": kit.__name__, "counts": "", "why": "", "outcome": PASSED}
        if report.passed:
            told["counts"] = kit.told.get(check, "")
        elif report.skipped:
            why = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            told["why"] = why.removeprefix("Skipped: ").removeprefix(f"{NOT_APPLICABLE}: ")
            told["outcome"] = NOT_APPLICABLE if NOT_APPLICABLE in why else SKIPPED
        else:
            crash = getattr(report.longrepr, "reprcrash", None)
            told.update(outcome=FAILED, why=str(getattr(crash, "message", report.longrepr)))
        self._reports.setdefault(check, []).append(told)

    def pytest_sessionfinish(self) -> None:
        """Writes the file."""
        checks = [_summed(check, told) for check, told in sorted(self._reports.items(), key=lambda one: _order(one[0]))]
        versions = {name: version(name) for name in ("cryptopipe", "msgspec", "pytest")}
        outcomes = {one["check"]: one["outcome"] for one in checks}
        document = {
            "plugin": self._name,
            "api_version": API_VERSION,
            "tier": tier(outcomes) or None,
            "actions": actions_tier(outcomes),
            "versions": {**versions, "python": platform.python_version(), "core": core.NAME},
            "checks": checks,
        }
        self._path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")


def _order(check: str) -> tuple[str, int, str]:
    number = check.split()[0]
    letter = number if not number.isdecimal() else ""
    return letter[:1], int("".join(c for c in number if c.isdecimal()) or 0), check


def _summed(check: str, told: Sequence[dict[str, str]]) -> dict[str, Any]:
    """A check of several classes: failed if one failed, passed if one passed."""
    outcomes = {one["outcome"] for one in told}
    outcome = next(one for one in (FAILED, PASSED, SKIPPED, NOT_APPLICABLE) if one in outcomes)
    shown = [one for one in told if one["outcome"] == outcome]
    text = {key: "; ".join(dict.fromkeys(one[key] for one in shown if one[key])) for key in ("counts", "why")}
    return {"check": check, "outcome": outcome, "tests": len(told), **text}


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--certificate FILE`, `--certificate-of NAME`."""
    group = parser.getgroup("cryptopipe")
    group.addoption("--certificate", type=Path, help="write what the conformance kit found into this file")
    group.addoption("--certificate-of", default="", help="the plugin to be judged")


def pytest_configure(config: pytest.Config) -> None:
    """Begins to collect, where a file is asked for."""
    path = config.getoption("--certificate")
    if path is not None:
        config.pluginmanager.register(Certificate(path, config.getoption("--certificate-of")), "certificate")
