"""`bench collect`: nothing is lost, and what is not sent is missed."""

import json

import pytest

from cryptopipe.cli import main


@pytest.mark.long
@pytest.mark.parametrize("lose", [None, 700])
def test_every_frame_is_captured_or_missed(lose: int | None, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["bench", "collect", "--for=2s", "--rate=5000", "--json", *([] if lose is None else [f"--lose={lose}"])]
    assert main(asked) == (0 if lose is None else 1)
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is (lose is None)
    rows = {row["name"]: row for row in told["rows"]}
    assert rows["collect over sockets: capture, trades, books, tops"]["n"] == 10_000
    assert rows["raw capture alone"]["n"] <= 10_000 - (lose is not None)
    if lose is not None:
        assert any("frames sent" in problem for problem in told["problems"])
