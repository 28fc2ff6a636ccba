"""The log tells the events that its page names, with the data that it names, and the core first."""

import re
from pathlib import Path

import structlog

from cryptopipe.app import act
from cryptopipe.cli.logs import configure
from cryptopipe.drivers.replay import packaged_replay
from cryptopipe.registry import strategy
from cryptopipe.settings import load_settings
from cryptopipe.wiring import Wiring

PAGE = Path(__file__).parent.parent.parent / "docs" / "logs.md"


def test_the_events_of_a_run_are_the_documented_ones(tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8").split("\n## ")[0]
    rows = re.findall(r"^\| `([\w.]+)` \| (\w+) \| (.+) \|$", page, re.MULTILINE)
    documented = {event: (level, set(data.split(", "))) for event, level, data in rows}
    settings = load_settings(
        environment={},
        sets=[f"data_dir={tmp_path}", "risk.max_loss=0.01", "paper.latency=3s", "risk.max_residual=0"],
        strategies={"arbitrage": strategy("arbitrage").settings},
    ).settings
    source = packaged_replay()
    configure(verbose=1)  # an earlier command of this process may have asked for warnings only
    with structlog.testing.capture_logs() as lines:
        act(Wiring.of("arbitrage", settings, source.venues), source, source.label())
    told = {line["event"]: (line["log_level"], set(line) - {"event", "log_level", "at"}) for line in lines}
    assert told == documented
    assert lines[0]["event"] == "run.started" and lines[0]["core"] in ("native", "reference")
