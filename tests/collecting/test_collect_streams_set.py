"""`collect.streams`: what the configuration file says of several streams."""

from pathlib import Path

import pytest

from cryptopipe.errors import ConfigError
from cryptopipe.settings import load_settings

TWO = """\
collect:
  streams:
    - {exchange: binance, symbols: [BTC/USDT, ETH/USDT], types: [trade, book-100ms]}
    - exchange: okx
      types: [trade]
"""


def _load(text: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str], list[str]]]:
    monkeypatch.chdir(place)
    file = place / "config.yaml"
    file.write_text(text)
    settings = load_settings(config=file, environment={}).settings
    return [(one.exchange, list(one.symbols), list(one.types)) for one in settings.collect.streams]


def test_several_streams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _load(TWO, tmp_path, monkeypatch) == [
        ("binance", ["BTC/USDT", "ETH/USDT"], ["trade", "book-100ms"]),
        ("okx", [], ["trade"]),
    ]


def test_a_fault_is_told_with_its_own_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError) as told:
        _load(TWO + "      symbol: [BTC-USDT]\n", tmp_path, monkeypatch)
    assert "config.yaml:6: collect.streams.1.symbol: unknown key" in str(told.value)
    assert "duplicate" not in str(told.value)
    with pytest.raises(ConfigError, match="duplicate key"):
        _load(TWO + "      types: [top]\n", tmp_path, monkeypatch)
