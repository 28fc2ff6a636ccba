"""Deeds by hand that are interrupted, or asked for in figures that no venue has."""

from pathlib import Path

import pytest

from cryptopipe.cli import main


@pytest.mark.parametrize("size", ["1e400", "1e29", "1e-400", "NaN", "Infinity", "-1", "0"])
def test_a_size_that_no_order_has_is_refused(size: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["act", "long", f"--data-dir={tmp_path}", "--venues=binance", "--", size, "BTC/USDT"])
    assert (code, capsys.readouterr().out) == (2, "")


@pytest.mark.parametrize("slack", ["10000", "20000", "1e9"])
def test_a_sale_is_never_offered_below_nothing(slack: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["act", "short", "1", "BTC/USDT", f"--data-dir={tmp_path}", "--venues=binance", f"--slack={slack}"])
    said = capsys.readouterr()
    assert (code, said.out) == (2, "") and "slack" in said.err
