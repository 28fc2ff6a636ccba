"""What holds for every test: deterministic laws, and a closing line that says which core is tested.

Enters: `CRYPTOPIPE_USE_CORE`, `--hypothesis-profile`. Leaves: settings. Never: a test that differs between two runs of
the same code without a seed that says so.
"""

import gc

import pytest
from hypothesis import HealthCheck, settings

from cryptopipe import core

collect_ignore = ["tests/packaging/thirdparty"]  # a distribution of its own; test_distribution.py installs it

settings.register_profile("quick", derandomize=True, database=None, deadline=None)
settings.register_profile(
    "long", max_examples=2_000, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("quick")


def pytest_collection_finish() -> None:
    """What was collected stays to the end; looking through it at each collection of garbage took a second or two."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    """Libraries that count what they leave behind at the end of a process find it as it was."""
    gc.unfreeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A line above the last one; the header is hidden by `-q`."""
    terminalreporter.write_line(f"cryptopipe core: {core.NAME}")
